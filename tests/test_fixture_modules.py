"""Kernels of our own (fixtures/*.cu) with what few programs have: relocated code, very large parameters."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from cuda_process import check, download, ffi, isolated, upload

if os.environ.get("MAF_TEST_INSIDE"):
    from cuda_process import drv, rt

FIXTURES = Path(__file__).parent / "fixtures"
ASSERT = 710


def run(fixture: str, name: str, grid: int, block: int, arguments: list[Any]) -> int:
    """Launches a kernel of a fixture; status of the synchronisation."""
    module, kernel = ffi.new("CUmodule *"), ffi.new("CUfunction *")
    check(rt.cudaFree(ffi.NULL))
    check(drv.cuModuleLoadData(module, ffi.from_buffer((FIXTURES / fixture).read_bytes())))
    check(drv.cuModuleGetFunction(kernel, module[0], name.encode()))
    pointers = ffi.new("void *[]", arguments)
    check(drv.cuLaunchKernel(kernel[0], grid, 1, 1, block, 1, 1, 0, ffi.NULL, pointers, ffi.NULL))
    return rt.cudaDeviceSynchronize()


def pointer_to(address: Any) -> Any:
    return ffi.new("uint64_t *", int(ffi.cast("uintptr_t", address)))


def checked(limit: int) -> tuple[int, Any]:
    """(status, device address of the values) of linked.cu's kernel over 0..31: asserts, prints 3, adds 1.

    Its calls and strings are bound by relocations, as in CUDA 12.4's PyTorch."""
    values = upload(np.arange(32, dtype=np.int32).tobytes())
    arguments = [pointer_to(values), ffi.new("int *", limit)]
    return run("linked.cubin", "checked", 1, 32, arguments), values


@isolated()
def test_printf_prints_and_returns() -> None:
    status, values = checked(100)
    assert status == 0
    np.testing.assert_array_equal(np.frombuffer(download(values, 128), np.int32), np.arange(1, 33))


@isolated()
def test_failed_assert_is_reported() -> None:
    assert checked(20)[0] == ASSERT


@isolated()
def test_parameters_in_the_upper_half_of_the_constant_bank() -> None:
    """Their offsets are above 32767: negative in the instruction's 16-bit field."""
    first, second = np.arange(7000, dtype=np.int32) * 7, np.arange(600, dtype=np.int32) * 1000
    table = ffi.from_buffer(np.concatenate([first, second, [3]]).astype(np.int32).tobytes())
    out = upload(bytes(4 * 64))
    arguments = [table, pointer_to(out), ffi.new("int *", 5)]
    assert run("large_parameters.cubin", "gather", 2, 32, arguments) == 0
    index = np.arange(64)
    expected = (first[index // 32 + 2] + second[(index + 590) % 600]) * 3 + 5
    np.testing.assert_array_equal(np.frombuffer(download(out, 256), np.int32), expected)
