"""CUDA IPC: device memory and events shared between processes, and shareable handles of virtual memory."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from cuda_process import (
    DEVICE_TO_DEVICE,
    Gate,
    check,
    download,
    event,
    ffi,
    isolated,
    malloc,
    pointer,
    stream,
    upload,
)

if os.environ.get("MAF_TEST_INSIDE"):
    from cuda_process import drv, rt

MEGABYTE = 1 << 20
PRELUDE = "from cuda_process import *\nfrom test_runtime_ipc import *\nimport sys\nhandle = given()\n"


class Other:
    """Another process with an executor of its own. It has `handle`, says a line at a time, waits for ours."""

    def __init__(self, body: str, handle: bytes, pass_fds: tuple[int, ...] = ()) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + textwrap.dedent(body), handle.hex()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=pass_fds,
            cwd=Path(__file__).parent,
        )

    def expect(self, line: str) -> None:
        got = self.process.stdout.readline().strip()
        assert got == line, f"{got!r} instead of {line!r}"

    def go(self) -> None:
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self) -> None:
        assert self.process.wait(30) == 0


def given() -> Any:
    """In the other process: the handle on its command line."""
    handle = ffi.new("cudaIpcMemHandle_t *")
    data = bytes.fromhex(sys.argv[1])
    ffi.buffer(handle, 64)[0 : len(data)] = data
    return handle


def say(line: str) -> None:
    print(line, flush=True)
    sys.stdin.readline()


def open_memory(handle: Any) -> Any:
    p = ffi.new("void **")
    check(rt.cudaIpcOpenMemHandle(p, handle[0], 1))
    return p[0]


def memory_handle(p: Any) -> bytes:
    handle = ffi.new("cudaIpcMemHandle_t *")
    check(rt.cudaIpcGetMemHandle(handle, p))
    return bytes(ffi.buffer(handle))


def used() -> int:
    free, total = ffi.new("size_t *"), ffi.new("size_t *")
    check(rt.cudaMemGetInfo(free, total))
    return total[0] - free[0]


@isolated()
def test_memory_of_another_process_is_the_same_memory() -> None:
    """Read, written by a copy, a fill and a host copy; a handle opened twice is one address, closed twice."""
    malloc(700)  # so that the block does not begin a page
    p = upload(b"0123456789" * 100)
    body = """
        p = open_memory(handle)
        assert open_memory(handle) == p
        check(rt.cudaIpcCloseMemHandle(p))
        assert used() == 0
        assert download(p, 10) == b"0123456789"
        own = malloc(1000)
        check(rt.cudaMemcpy(own, p, 1000, DEVICE_TO_DEVICE))
        assert download(own, 1000) == b"0123456789" * 100
        check(rt.cudaMemset(p, ord("f"), 5))
        check(rt.cudaMemcpy(p + 5, ffi.from_buffer(b"host"), 4, 1))
        base, size = ffi.new("CUdeviceptr *"), ffi.new("size_t *")
        check(drv.cuMemGetAddressRange_v2(base, size, address(p) + 9))
        assert (base[0], size[0]) == (address(p), 1024)
        assert rt.cudaMemcpy(own, p, 1025, DEVICE_TO_DEVICE) == 1  # beyond the end
        assert rt.cudaFree(p) == 1
        check(rt.cudaDeviceSynchronize())
        say("written")
        assert download(p + 10, 4) == b"back"
        check(rt.cudaIpcCloseMemHandle(p))
        assert rt.cudaIpcCloseMemHandle(p) == 1
        assert rt.cudaMemset(p, 0, 1) == 1
        assert rt.cudaIpcOpenMemHandle(ffi.new("void **"), ffi.new("cudaIpcMemHandle_t *")[0], 1) == 400
        say("closed")
    """.replace("p + 5", "ffi.cast('char *', p) + 5").replace("p + 10", "ffi.cast('char *', p) + 10")
    other = Other(body, memory_handle(p))
    other.expect("written")
    assert download(p, 16) == b"fffffhost9012345"
    check(rt.cudaMemcpy(ffi.cast("char *", p) + 10, ffi.from_buffer(b"back"), 4, 1))
    other.go()
    other.expect("closed")
    assert download(p, 4) == b"ffff"
    other.go()
    other.end()
    assert rt.cudaIpcOpenMemHandle(ffi.new("void **"), ffi.new("cudaIpcMemHandle_t *")[0], 1) == 400
    handle = ffi.new("cudaIpcMemHandle_t *")
    check(rt.cudaIpcGetMemHandle(handle, p))
    assert rt.cudaIpcOpenMemHandle(ffi.new("void **"), handle[0], 1) == 201, "one's own memory"
    assert rt.cudaIpcGetMemHandle(handle, ffi.from_buffer(bytearray(10))) == 1


@isolated()
def test_memory_outlives_the_process_that_exported_it() -> None:
    body = """
        p = upload(b"still here")
        print(memory_handle(p).hex(), flush=True)
        sys.stdin.readline()
    """
    other = Other(body, b"")
    handle = ffi.new("cudaIpcMemHandle_t *")
    ffi.buffer(handle)[0:64] = bytes.fromhex(other.process.stdout.readline())
    p = open_memory(handle)
    other.process.kill()
    other.process.wait()
    assert download(p, 10) == b"still here"
    q = malloc(10)
    check(rt.cudaMemcpy(q, p, 10, DEVICE_TO_DEVICE))
    assert download(q, 10) == b"still here"
    check(rt.cudaIpcCloseMemHandle(p))
    assert rt.cudaIpcOpenMemHandle(ffi.new("void **"), handle[0], 1) == 400, "the process is gone"


@isolated()
def test_events_order_work_of_two_processes() -> None:
    """The other process's stream waits for our record, and we for the record that it makes on the same event."""
    s, e = stream(), event(2 | 4)
    handle = ffi.new("cudaIpcEventHandle_t *")
    check(rt.cudaIpcGetEventHandle(handle, e))
    gate = Gate(s)
    check(rt.cudaEventRecord(e, s))
    body = """
        e = ffi.new("cudaEvent_t *")
        check(rt.cudaIpcOpenEventHandle(e, ffi.cast("cudaIpcEventHandle_t *", handle)[0]))
        assert rt.cudaEventQuery(e[0]) == 600
        say("pending")
        check(rt.cudaStreamWaitEvent(ffi.NULL, e[0], 0))
        assert rt.cudaEventQuery(e[0]) == 0
        check(rt.cudaEventSynchronize(e[0]))
        gate = Gate(ffi.NULL)
        check(rt.cudaEventRecord(e[0], ffi.NULL))
        say("recorded")
        gate.open()
        say("opened")
        check(rt.cudaEventDestroy(e[0]))
    """
    other = Other(body, bytes(ffi.buffer(handle)))
    other.expect("pending")
    assert rt.cudaEventQuery(e) == 600
    gate.open()
    check(rt.cudaEventSynchronize(e))
    other.go()
    other.expect("recorded")
    assert rt.cudaEventQuery(e) == 600
    other.go()
    other.expect("opened")
    check(rt.cudaEventSynchronize(e))
    other.go()
    other.end()
    plain = event(2)
    assert rt.cudaIpcGetEventHandle(handle, plain) == 1, "not made for other processes"


@isolated(MAF_MEMORY="64M")
def test_virtual_memory_is_mapped_twice_and_exported() -> None:
    """One handle at two addresses is one memory. A descriptor carries it to another process, where it outlives us."""
    size = 2 * MEGABYTE
    prop = ffi.new("CUmemAllocationProp *", {"type": 1, "requestedHandleTypes": 1, "location": {"type": 1, "id": 0}})
    access = ffi.new("CUmemAccessDesc *", {"location": {"type": 1, "id": 0}, "flags": 3})
    p, handle = ffi.new("CUdeviceptr *"), ffi.new("CUmemGenericAllocationHandle *")
    check(drv.cuMemAddressReserve(p, 2 * size, 0, 0, 0))
    check(drv.cuMemCreate(handle, size, prop, 0))
    for at in (p[0], p[0] + size):
        check(drv.cuMemMap(at, size, 0, handle[0], 0))
    check(drv.cuMemSetAccess(p[0], 2 * size, access, 1))
    assert used() == size
    data = os.urandom(size)
    check(drv.cuMemcpyHtoD_v2(p[0] + size, ffi.from_buffer(data), size))
    assert download(pointer(p[0]), size) == data
    check(rt.cudaMemset(pointer(p[0]), 1, 16))
    assert download(pointer(p[0] + size), 17) == b"\1" * 16 + data[16:17]
    fd = ffi.new("int *")
    check(drv.cuMemExportToShareableHandle(fd, handle[0], 1, 0))
    assert drv.cuMemExportToShareableHandle(fd, handle[0], 8, 0) == 801  # fabric
    body = f"""
        p, h = ffi.new("CUdeviceptr *"), ffi.new("CUmemGenericAllocationHandle *")
        check(rt.cudaFree(ffi.NULL))
        check(drv.cuMemImportFromShareableHandle(h, pointer({fd[0]}), 1))
        assert drv.cuMemImportFromShareableHandle(h, pointer(1), 1) == 1  # stdout is no handle
        check(drv.cuMemImportFromShareableHandle(h, pointer({fd[0]}), 1))
        check(drv.cuMemAddressReserve(p, {size}, 0, 0, 0))
        check(drv.cuMemMap(p[0], {size}, 0, h[0], 0))
        check(drv.cuMemRelease(h[0]))
        access = ffi.new("CUmemAccessDesc *", {{"location": {{"type": 1, "id": 0}}, "flags": 3}})
        check(drv.cuMemSetAccess(p[0], {size}, access, 1))
        assert download(pointer(p[0]), 16) == bytes([1]) * 16
        check(rt.cudaMemset(pointer(p[0]), 2, 8))
        check(rt.cudaDeviceSynchronize())
        say("mapped")
        assert download(pointer(p[0] + 8), 1) == bytes([1])
        say("alive")
        check(drv.cuMemUnmap(p[0], {size}))
        assert used() == 0
    """
    os.set_inheritable(fd[0], True)
    other = Other(body, b"", pass_fds=(fd[0],))
    other.expect("mapped")
    assert download(pointer(p[0] + size), 10) == b"\2" * 8 + b"\1" * 2
    check(drv.cuMemUnmap(p[0], 2 * size))
    check(drv.cuMemRelease(handle[0]))
    assert used() == 0
    other.go()
    other.expect("alive")
    other.go()
    other.end()


def test_torch_sends_a_cuda_tensor_to_another_process(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent("""
        import torch, torch.multiprocessing as mp

        def child(inbox, outbox):
            t = inbox.get()
            outbox.put(t.sum().item())
            t.add_(1)
            torch.cuda.synchronize()
            outbox.put(torch.arange(1000.0, device="cuda"))
            inbox.get()  # the receiver has let go of our tensor

        if __name__ == "__main__":
            mp.set_start_method("spawn")
            inbox, outbox = mp.Queue(), mp.Queue()
            process = mp.Process(target=child, args=(inbox, outbox))
            process.start()
            a = torch.ones(1000, 10, device="cuda").mul_(2)
            inbox.put(a)
            assert outbox.get(timeout=60) == 20000
            b = outbox.get(timeout=60)
            assert a.sum().item() == 30000
            assert b.is_cuda and (b * 2).sum().item() == 999000
            del b
            inbox.put(None)
            process.join()
            assert process.exitcode == 0
            print("shared")
        """)
    )
    for configuration in ("expandable_segments:False", "expandable_segments:True"):
        done = subprocess.run(
            [str(Path(sys.executable).with_name("maf-exec")), sys.executable, str(program)],
            check=False,
            env={**os.environ, "PYTORCH_CUDA_ALLOC_CONF": configuration},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.stdout == "shared\n", configuration + done.stdout + done.stderr
        # torch's own advice about the order in which the two processes end
        said = [line for line in done.stderr.splitlines() if "Producer process has been terminated" not in line]
        assert not said, configuration + done.stderr
