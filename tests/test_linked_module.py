"""Linked device code (fixtures/linked.cu), as CUDA 12.4's PyTorch has it: calls and strings bound by relocations."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from cuda_process import check, download, ffi, isolated, upload

if os.environ.get("MAF_TEST_INSIDE"):
    from cuda_process import drv, rt

CUBIN = Path(__file__).parent / "fixtures" / "linked.cubin"
ASSERT = 710


def launch(limit: int) -> tuple[int, object]:
    """(status of the synchronisation, values afterwards) of `checked` over 0..31."""
    module, kernel = ffi.new("CUmodule *"), ffi.new("CUfunction *")
    check(rt.cudaFree(ffi.NULL))
    check(drv.cuModuleLoadData(module, ffi.from_buffer(CUBIN.read_bytes())))
    check(drv.cuModuleGetFunction(kernel, module[0], b"checked"))
    values = upload(np.arange(32, dtype=np.int32).tobytes())
    pointer, bound = ffi.new("uint64_t *", int(ffi.cast("uintptr_t", values))), ffi.new("int *", limit)
    arguments = ffi.new("void *[2]", [pointer, bound])
    check(drv.cuLaunchKernel(kernel[0], 1, 1, 1, 32, 1, 1, 0, ffi.NULL, arguments, ffi.NULL))
    status = rt.cudaDeviceSynchronize()
    return status, None if status else np.frombuffer(download(values, 128), np.int32)


@isolated()
def test_printf_prints_and_returns() -> None:
    status, values = launch(100)
    assert status == 0
    np.testing.assert_array_equal(values, np.arange(1, 33))


@isolated()
def test_failed_assert_is_reported() -> None:
    assert launch(20)[0] == ASSERT
