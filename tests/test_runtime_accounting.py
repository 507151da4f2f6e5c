"""Memory accounting: what each allocation takes from cudaMemGetInfo, and what a killed process leaves behind."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cuda_process import DEVICE_TO_DEVICE, address, check, download, ffi, isolated, malloc, stream, upload

if os.environ.get("MAF_TEST_INSIDE"):
    from cuda_process import drv, rt

MEGABYTE = 1 << 20
SIZE = 3 * MEGABYTE + 100
ROUNDED = 3 * MEGABYTE + 512  # the allocator's unit is 512 bytes


def used() -> int:
    free, total = ffi.new("size_t *"), ffi.new("size_t *")
    check(rt.cudaMemGetInfo(free, total))
    assert free[0] <= total[0]
    return total[0] - free[0]


def plain(call: Callable[[Any], int], free: Callable[[Any], int]) -> Callable[[], Callable[[], None]]:
    """An allocation through void **; the result frees it."""

    def allocate() -> Callable[[], None]:
        p = ffi.new("void **")
        check(call(p))
        return lambda: check(free(p[0]))

    return allocate


def driver() -> Callable[[], None]:
    p = ffi.new("CUdeviceptr *")
    check(drv.cuMemAlloc_v2(p, SIZE))
    return lambda: check(drv.cuMemFree_v2(p[0]))


def pitched() -> Callable[[], None]:
    p, pitch = ffi.new("void **"), ffi.new("size_t *")
    check(rt.cudaMallocPitch(p, pitch, 1000, 64))
    assert pitch[0] == 1024
    return lambda: check(rt.cudaFree(p[0]))


def three_dimensional() -> Callable[[], None]:
    p = ffi.new("struct cudaPitchedPtr *")
    extent = ffi.new("struct cudaExtent *", {"width": 1000, "height": 16, "depth": 4})
    check(rt.cudaMalloc3D(p, extent[0]))
    return lambda: check(rt.cudaFree(p.ptr))


def virtual() -> Callable[[], None]:
    handle = ffi.new("CUmemGenericAllocationHandle *")
    prop = ffi.new("CUmemAllocationProp *", {"type": 1, "location": {"type": 1, "id": 0}})
    check(drv.cuMemCreate(handle, 4 * MEGABYTE, prop, 0))
    return lambda: check(drv.cuMemRelease(handle[0]))


@isolated(MAF_MEMORY="64M")
def test_every_allocation_moves_the_free_memory_by_its_size() -> None:
    """Host and managed memory live in the host's memory and take nothing from the device."""
    s = stream()
    table = {
        "cudaMalloc": (plain(lambda p: rt.cudaMalloc(p, SIZE), rt.cudaFree), ROUNDED),
        "cudaMallocAsync": (plain(lambda p: rt.cudaMallocAsync(p, SIZE, s), lambda p: rt.cudaFreeAsync(p, s)), ROUNDED),
        "cuMemAlloc": (driver, ROUNDED),
        "cudaMallocPitch": (pitched, 64 * 1024),
        "cudaMalloc3D": (three_dimensional, 64 * 1024),
        "cuMemCreate": (virtual, 4 * MEGABYTE),
        "cudaHostAlloc": (plain(lambda p: rt.cudaHostAlloc(p, SIZE, 0), rt.cudaFreeHost), 0),
        "cudaMallocManaged": (plain(lambda p: rt.cudaMallocManaged(p, SIZE, 1), rt.cudaFree), 0),
    }
    for name, (allocate, size) in table.items():
        before = used()
        free = allocate()
        assert used() - before == size, name
        free()
        assert used() == before, name


@isolated(MAF_MEMORY="32M")
def test_random_allocation_and_release_through_all_calls() -> None:
    """What is used is the sum of what is alive, never more than there is, and nothing at the end."""
    rng, s, alive = random.Random(1), stream(), []
    for _ in range(2000):
        if alive and rng.random() < 0.5:
            size, free = alive.pop(rng.randrange(len(alive)))
            free()
        else:
            size = rng.choice([1, 511, 512, 513, 4096, 100_000, MEGABYTE, 5 * MEGABYTE])
            p = ffi.new("void **")
            on_stream = rng.random() < 0.5
            error = rt.cudaMallocAsync(p, size, s) if on_stream else rt.cudaMalloc(p, size)
            rounded = -(-size // 512) * 512
            total = sum(size for size, _ in alive) + rounded
            assert error == (2 if total > 32 * MEGABYTE else 0)
            if error == 0:
                way = (lambda q=p[0]: rt.cudaFreeAsync(q, s)) if on_stream else (lambda q=p[0]: rt.cudaFree(q))
                alive.append((rounded, lambda way=way: check(way())))
        assert used() == sum(size for size, _ in alive)
    for _, free in alive:
        free()
    assert used() == 0


@isolated(MAF_MEMORY="8M")
def test_more_than_the_device_holds() -> None:
    """Device memory ends exactly at its size and nothing is evicted. Managed memory is the host's: two and a half times
    the device's size is there, and keeps what is written wherever it is written from."""
    parts = [malloc(MEGABYTE) for _ in range(8)]
    p = ffi.new("void **")
    assert rt.cudaMalloc(p, 1) == 2
    managed = []
    for i in range(20):
        check(rt.cudaMallocManaged(p, MEGABYTE, 1))
        managed.append(p[0])
        check(rt.cudaMemset(p[0], i, MEGABYTE))
    for turn in range(3):
        for part in managed:
            check(rt.cudaMemcpy(parts[turn], part, MEGABYTE, DEVICE_TO_DEVICE))
            ffi.cast("unsigned char *", part)[turn] += 100
    check(rt.cudaDeviceSynchronize())
    for i, part in enumerate(managed):
        assert download(part, 6) == bytes([i + 100] * 3 + [i] * 3)
        check(rt.cudaFree(part))
    assert used() == 8 * MEGABYTE


FAULT = """
import test_fixture_modules as fixtures
from cuda_process import rt
assert fixtures.checked(20)[0] == fixtures.ASSERT == rt.cudaDeviceSynchronize()
"""


@isolated()
def test_a_fault_of_one_process_leaves_the_others() -> None:
    """A failed assert leaves its process without a context."""
    data = os.urandom(MEGABYTE)
    kept = upload(data)
    subprocess.run([sys.executable, "-c", FAULT], check=True, timeout=60, capture_output=True)
    copy = malloc(MEGABYTE)
    check(rt.cudaMemcpy(copy, kept, MEGABYTE, DEVICE_TO_DEVICE))
    assert download(copy, MEGABYTE) == data


ALLOCATE = """
import random
from cuda_process import *
alive = [malloc(1)]
print("allocating", flush=True)
while True:
    alive.append(malloc(random.randrange(1 << 22)))
    rt.cudaMemset(alive[-1], 1, 100)
    if len(alive) > 20:
        check(rt.cudaFree(alive.pop(random.randrange(20))))
"""


def executors_of(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if b"--app-pid" in words and words[words.index(b"--app-pid") + 1] == str(pid).encode():
            found.append(int(entry.name))
    return found


@isolated()
def test_processes_killed_while_they_allocate_leave_nothing() -> None:
    """Their executors and memory go within a second; a survivor's memory keeps every bit."""
    data = os.urandom(MEGABYTE)
    kept = upload(data)
    for delay in (0.0, 0.02, 0.05):
        worker = subprocess.Popen([sys.executable, "-c", ALLOCATE], stdout=subprocess.PIPE, text=True)
        try:
            assert worker.stdout.readline() == "allocating\n"
            time.sleep(delay)
            (executor,) = executors_of(worker.pid)
        finally:
            worker.send_signal(signal.SIGKILL)
            worker.wait()
        end = time.monotonic() + 5  # a second, on a machine that does nothing else
        while Path(f"/proc/{executor}").exists() and time.monotonic() < end:
            time.sleep(0.01)
        assert not executors_of(worker.pid)
    copy = malloc(MEGABYTE)
    check(rt.cudaMemcpy(copy, kept, MEGABYTE, DEVICE_TO_DEVICE))
    assert download(copy, MEGABYTE) == data
    assert used() == 2 * MEGABYTE


@isolated(MAF_MEMORY="6G")
def test_copies_and_fills_past_four_gigabytes() -> None:
    """Offsets are 64 bits wide; only the touched pages take memory."""
    size = (4 << 30) + 4096
    p = malloc(size)
    far = ffi.cast("char *", p) + (4 << 30)
    check(rt.cudaMemset(far, 7, 4096))
    assert download(far, 4096) == b"\7" * 4096
    assert download(p, 16) == bytes(16), "not wrapped around"
    check(rt.cudaMemcpy(far + 100, ffi.from_buffer(b"far away"), 8, 1))
    near = malloc(8)
    check(rt.cudaMemcpy(near, far + 100, 8, DEVICE_TO_DEVICE))
    assert download(near, 8) == b"far away"
    box = malloc(64)
    check(rt.cudaMemcpy2D(box, 8, far + 100 - (1 << 31), 1 << 31, 8, 2, 3))
    assert download(box, 16)[8:] == b"far away" and address(box)


def test_torch_indexes_past_two_to_the_31st(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import torch\n"
        "n = 2**31 + 70000\n"
        "x = torch.empty(n, dtype=torch.int8, device='cuda')\n"
        "x[-65536:].fill_(3)\n"
        "x[2**31 + 5000] = 9\n"
        "x[:1000].zero_()\n"
        "assert x[2**31 + 4999].item() == 3 and x[2**31 + 5000].item() == 9 and x[5].item() == 0\n"
        "where = torch.tensor([2**31 + 5000, 7, n - 1], device='cuda')\n"
        "assert x[where].tolist() == [9, 0, 3]\n"
        "x.index_fill_(0, where, 1)\n"
        "assert x[-65536:].sum(dtype=torch.int64).item() == 3 * 65534 + 2\n"
        "y = x.view(2, n // 2)[:, -1000:]\n"
        "assert (y[1] == 3).sum().item() == 999\n"
        "print('right')\n"
    )
    done = subprocess.run(
        [str(Path(sys.executable).with_name("maf-exec")), "--memory", "4G", sys.executable, str(program)],
        check=False,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert (done.stdout, done.stderr) == ("right\n", "")
