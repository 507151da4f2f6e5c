"""Device code that calls: the heap, virtual functions, functions compiled separately (fixtures of our own)."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cpu_runner import FORMS, CudaKernel
from cuda_process import check, download, ffi, isolated, malloc, pointer, upload
from kernel_runner import Kernel

from maf_vdev.translator.cubin import Cubin
from maf_vdev.translator.memory_map import Memory

if os.environ.get("MAF_TEST_INSIDE"):
    from cuda_process import drv, rt

FIXTURES = Path(__file__).parent / "fixtures"
BACK_ENDS = ["interpreter", *FORMS]
LIMIT_STACK, LIMIT_HEAP = 0, 2
LAUNCH_FAILURE = 719


@lru_cache
def cubin(name: str) -> Cubin:
    return Cubin((FIXTURES / name).read_bytes())


def runner(back_end: str, name: str) -> Callable[..., Any]:
    """run(kernel, grid, block, arguments...): the kernels of a fixture on one back end, with one heap."""
    if back_end == "interpreter":
        memory = Memory()
        return lambda kernel, *rest: Kernel.load(cubin(name), kernel).run(*rest, memory=memory)

    kept = []  # a kernel's copy of the module's variables, to which objects point

    def run(kernel: str, *rest: Any) -> None:
        kept.append(CudaKernel(cubin(name), kernel, back_end))
        assert kept[-1].run(*rest) == 0

    return run


def areas(n: int, block: int) -> np.ndarray:
    """What measure() computes, in float32."""
    i = np.arange(n)
    x = (i / np.float32(block)).astype(np.float32)
    square = (2 * i).astype(np.float32) + x / np.float32(3)
    return np.where((i & 1 == 1) & (i % 7 != 0), square, x)


@pytest.mark.parametrize("back_end", BACK_ENDS)
@pytest.mark.parametrize("grid, block", [(1, 32), (3, 96)])
def test_objects_with_virtual_functions(back_end: str, grid: int, block: int) -> None:
    """One kernel makes them on the heap, another calls them through their tables (CALL.REL of a register) and deletes."""
    run = runner(back_end, "device_heap.cubin")
    n = grid * block
    shapes, out = np.zeros(n, np.uint64), np.zeros(n, np.float32)
    run("build", grid, block, shapes)
    assert len(set(shapes.tolist())) == n and shapes.all()
    run("measure", grid, block, shapes, out)
    np.testing.assert_allclose(out, areas(n, block), rtol=2e-7)


@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_a_full_heap_gives_null_and_takes_blocks_back(back_end: str) -> None:
    run = runner(back_end, "device_heap.cubin")
    last, counts = np.zeros(1, np.uint64), []
    for _ in range(2):
        count = np.zeros(1, np.int32)
        run("exhaust", 1, 1, last, count, np.uint64(500_000))
        counts.append(int(count[0]))
        run("release", 1, 1, last)
    assert counts == [16, 16], "8 MiB hold 16 blocks of 500,000 bytes, again after all were freed"
    out = np.zeros(64, np.int32)
    run("aligned", 1, 64, out)
    assert out.all()


@pytest.mark.parametrize("back_end", BACK_ENDS)
@pytest.mark.parametrize("grid, block", [(1, 32), (2, 72)])
def test_functions_compiled_separately(back_end: str, grid: int, block: int) -> None:
    """Calls by name, through pointers, of recursive functions; a divergent warp calls several at once."""
    run = runner(back_end, "separate.cubin")
    n = grid * block
    x = np.random.default_rng(n).uniform(1, 20, n)
    got = x.copy()
    run("apply", grid, block, got)
    np.testing.assert_allclose(got, applied(x, 0), rtol=1e-14)


def applied(x: np.ndarray, rotated: int) -> np.ndarray:
    def scaled(v: float) -> float:
        cases = [v * 3.5, v - 1, v * v, -v, v + 40, 1 / v]
        k = int(v) & 7
        return cases[k] if k < 6 else 2 * v + 0.1

    table = [lambda v: 2 * v, lambda v: v / 3, lambda v: 2 * v + 0.1, scaled]
    table = table[rotated:] + table[:rotated]
    return np.array([table[i & 3](v) + scaled(v) + math.factorial(i % 9) for i, v in enumerate(x.tolist())])


def test_code_addresses_are_those_of_the_module() -> None:
    """A pointer that one kernel stores is called by another, so the address does not depend on the kernel."""
    found = cubin("separate.cubin")
    kernels = [found.kernel(name) for name in found.kernels()]
    assert {len(kernel.pointees) for kernel in kernels} == {4}
    for kernel in kernels:
        assert set(kernel.pointees) <= {address for address, _ in kernel.segments[1:]}
        assert min(kernel.pointees) >= max(len(found.section(f".text.{name}")[0]) for name in found.kernels())


class Module:
    """A fixture loaded through the driver API."""

    def __init__(self, name: str) -> None:
        check(rt.cudaFree(ffi.NULL))
        self.module = ffi.new("CUmodule *")
        check(drv.cuModuleLoadData(self.module, ffi.from_buffer((FIXTURES / name).read_bytes())))

    def launch(self, name: str, grid: int, block: int, *arguments: int) -> int:
        kernel = ffi.new("CUfunction *")
        check(drv.cuModuleGetFunction(kernel, self.module[0], name.encode()))
        values = [ffi.new("uint64_t *", value) for value in arguments]
        pointers = ffi.new("void *[]", values)
        check(drv.cuLaunchKernel(kernel[0], grid, 1, 1, block, 1, 1, 0, ffi.NULL, pointers, ffi.NULL))
        return rt.cudaDeviceSynchronize()


def number(p: Any) -> int:
    return int(ffi.cast("uintptr_t", p))


def limit(which: int) -> int:
    value = ffi.new("size_t *")
    check(rt.cudaDeviceGetLimit(value, which))
    return value[0]


@isolated()
def test_the_heap_has_the_size_that_was_set() -> None:
    module = Module("device_heap.cubin")
    last, count = malloc(8), malloc(4)
    assert limit(LIMIT_HEAP) == 8 << 20
    check(rt.cudaDeviceSetLimit(LIMIT_HEAP, 64 << 20))
    assert module.launch("exhaust", 1, 1, number(last), number(count), 1_000_000) == 0
    assert np.frombuffer(download(count, 4), np.int32)[0] == 67
    assert module.launch("release", 1, 1, number(last)) == 0
    assert rt.cudaDeviceSetLimit(LIMIT_HEAP, 1 << 20) == 1, "a kernel has used it"
    assert limit(LIMIT_HEAP) == 64 << 20
    got = ffi.new("size_t *")
    check(drv.cuCtxGetLimit(got, LIMIT_HEAP))
    assert got[0] == 64 << 20, "both APIs speak of one limit"
    assert rt.cudaDeviceSetLimit(LIMIT_STACK, 1 << 30) == 1
    assert module.launch("free_twice", 1, 1, number(count)) == LAUNCH_FAILURE


@isolated()
def test_pointers_to_functions_go_from_kernel_to_kernel() -> None:
    module = Module("separate.cubin")
    x = np.random.default_rng(0).uniform(1, 20, 64)
    for rotated in range(3):
        p = upload(x.tobytes())
        assert module.launch("apply", 1, 64, number(p)) == 0
        np.testing.assert_allclose(np.frombuffer(download(p, 512), np.float64), applied(x, rotated), rtol=1e-14)
        assert module.launch("rotate", 1, 1) == 0
    address, size = ffi.new("unsigned long long *"), ffi.new("size_t *")
    check(drv.cuModuleGetGlobal_v2(address, size, module.module[0], b"calls"))
    # third() is the table's second, first and last entry in turn.
    assert np.frombuffer(download(pointer(address[0]), 4), np.int32)[0] == 3 * 16
