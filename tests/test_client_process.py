"""The client as part of a process: fork, exit, a lost executor, registration, cost of calls."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from cuda_process import (
    INSIDE,
    LIB,
    ROOT,
    Gate,
    check,
    download,
    executor_pid,
    ffi,
    isolated,
    malloc,
    stream,
    upload,
)

if os.environ.get(INSIDE):
    from cuda_process import rt


@isolated()
def test_lost_executor_is_an_error_within_a_second() -> None:
    p, s = malloc(64), stream()
    check(rt.cudaDeviceSynchronize())
    pid = executor_pid()
    Gate(s)  # never opened
    check(rt.cudaMemsetAsync(p, 1, 64, s))
    threading.Timer(0.2, lambda: os.kill(pid, signal.SIGKILL)).start()
    begin = time.monotonic()
    assert rt.cudaStreamSynchronize(s) == 719
    assert time.monotonic() - begin < 1.3
    assert rt.cudaMalloc(ffi.new("void **"), 10) == 719
    assert rt.cudaGetLastError() == 719
    assert rt.cudaGetLastError() == 719  # sticky


@isolated()
def test_polling_sees_a_lost_executor() -> None:
    p, s = malloc(64), stream()
    Gate(s)
    check(rt.cudaMemsetAsync(p, 1, 64, s))
    os.kill(executor_pid(), signal.SIGKILL)
    end = time.monotonic() + 1.0
    while (error := rt.cudaStreamQuery(s)) == 600 and time.monotonic() < end:
        time.sleep(0.001)
    assert error == 719


@isolated()
def test_forked_child_cannot_use_the_parents_device() -> None:
    p = upload(b"parent data")
    pid = os.fork()
    if pid == 0:
        count = ffi.new("int *")
        errors = [rt.cudaMalloc(ffi.new("void **"), 10), rt.cudaDeviceSynchronize(), rt.cudaGetDeviceCount(count)]
        os._exit(0 if errors == [3, 3, 3] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert download(p, 11) == b"parent data"


@isolated()
def test_child_forked_before_first_use_has_its_own_device() -> None:
    pid = os.fork()
    if pid == 0:
        p = upload(b"child")
        os._exit(0 if download(p, 5) == b"child" else 1)
    assert download(upload(b"parent"), 6) == b"parent"
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@isolated()
def test_the_executor_is_not_a_child_that_wait_reports() -> None:
    upload(b"x")
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@isolated()
def test_the_executor_holds_no_other_file_of_the_application() -> None:
    read, write = os.pipe()
    os.set_inheritable(write, True)
    upload(b"x")
    links = {entry.name: os.readlink(entry) for entry in Path(f"/proc/{executor_pid()}/fd").iterdir()}
    assert links["0"] == "/dev/null"
    assert os.readlink(f"/proc/self/fd/{write}") not in links.values()
    os.close(write)
    assert os.read(read, 1) == b""


def test_the_executor_ends_with_the_application() -> None:
    code = (
        "import cuda_process as c, os, sys; c.upload(b'x'); print(c.executor_pid(), flush=True);"
        "os.kill(os.getpid(), 9) if sys.argv[1] == 'kill' else None"
    )
    for way in ("exit", "kill"):
        done = subprocess.run(
            [sys.executable, "-c", code, way],
            check=False,
            cwd=ROOT / "tests",
            env={**os.environ, INSIDE: "1"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        pid = int(done.stdout)
        end = time.monotonic() + 5
        while os.path.exists(f"/proc/{pid}/cmdline") and time.monotonic() < end:
            with open(f"/proc/{pid}/stat") as stat:
                if stat.read().rsplit(")", 1)[1].split()[0] == "Z":
                    break
            time.sleep(0.05)
        assert time.monotonic() < end, f"executor {pid} still runs after {way}"


@isolated(MAF_MEMORY="256M")
def test_limited_address_space() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (64 << 30, 64 << 30))
    assert download(upload(b"small"), 5) == b"small"
    p = ffi.new("void **")
    check(rt.cudaMalloc(p, (256 << 20) - 512))
    check(rt.cudaMemset(p[0], 1, 256 << 20 >> 1))
    check(rt.cudaDeviceSynchronize())


@isolated(MAF_PYTHON="/nonexistent/python3")
def test_missing_python_is_an_error_not_a_hang() -> None:
    begin = time.monotonic()
    assert rt.cudaMalloc(ffi.new("void **"), 10) == 46
    assert time.monotonic() - begin < 2


@isolated()
def test_dereferencing_a_device_pointer_faults() -> None:
    p = upload(b"secret")
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        ffi.buffer(p, 6)[:]
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGSEGV


@isolated()
def test_registration_is_a_list_append() -> None:
    """24,000 registrations, as torch's constructors make them, and none of them needs the executor."""
    wrapper = ffi.new("uint64_t[3]", [0x1466243B1, 0, 0])
    names = [ffi.new("char[]", f"kernel_{i}".encode()) for i in range(24_000)]
    register, null = rt.__cudaRegisterFunction, ffi.NULL
    begin = time.perf_counter()
    for base in range(0, 24_000, 50):
        handle = rt.__cudaRegisterFatBinary(wrapper)
        for name in names[base : base + 50]:
            register(handle, name, name, name, -1, null, null, null, null, null)
        rt.__cudaRegisterFatBinaryEnd(handle)
    assert time.perf_counter() - begin < 0.25  # most of it cffi's
    kernel = ffi.new("cudaKernel_t *")
    check(rt.__cudaGetKernel(kernel, names[23_999]))
    again = ffi.new("cudaKernel_t *")
    check(rt.__cudaGetKernel(again, kernel[0]))
    assert again[0] == kernel[0]
    assert rt.__cudaGetKernel(again, ffi.new("char *")) == 98
    rt.__cudaUnregisterFatBinary(handle)
    assert rt.__cudaGetKernel(again, names[23_999]) == 98
    with pytest.raises(AssertionError):
        executor_pid()


def test_nothing_is_printed_unless_asked() -> None:
    code = (
        "import cuda_process as c; c.upload(b'x'); c.rt.cudaFree(c.pointer(1));"
        "c.check(c.rt.cudaGetLastError() - 1); c.rt.cudaStreamGetAttribute(c.ffi.NULL, 1, c.ffi.new('char[64]'))"
    )
    for level, lines in (("", 0), ("1", 1)):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT / "tests",
            env={**os.environ, INSIDE: "1", "MAF_LOG": level},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert done.stdout == ""
        assert [line for line in done.stderr.splitlines() if "cudaStreamGetAttribute" in line] == (
            ["maf: cudart: cudaStreamGetAttribute is not supported"] * lines
        )
        assert len(done.stderr.splitlines()) >= lines and (lines or done.stderr == "")


def test_preloading_every_library_costs_little() -> None:
    libraries = ":".join(str(path) for path in sorted(LIB.glob("libmaf_*.so")) if "client" not in path.name)

    def best(environment: dict[str, str]) -> float:
        times = []
        for _ in range(40):
            begin = time.perf_counter()
            subprocess.run(["/bin/true"], env=environment, check=True)
            times.append(time.perf_counter() - begin)
        return min(times)

    plain = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    assert best({**plain, "LD_PRELOAD": libraries}) - best(plain) < 0.003
