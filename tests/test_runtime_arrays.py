"""CUDA arrays: allocation, descriptions and copies of both APIs."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from cuda_process import DEFAULT, DEVICE_TO_DEVICE, DEVICE_TO_HOST, HOST_TO_DEVICE, check, ffi, isolated, malloc, stream

if os.environ.get("MAF_TEST_INSIDE"):
    from cuda_process import drv, rt


def image(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).random((height, width, 2)).astype(np.float32)


def make(width: int, height: int, depth: int = 0, bits: tuple[int, ...] = (32, 32, 0, 0), kind: int = 2) -> Any:
    array = ffi.new("cudaArray_t *")
    desc = ffi.new("struct cudaChannelFormatDesc *", (*bits, kind))
    check(rt.cudaMalloc3DArray(array, desc, (width, height, depth), 0))
    return array[0]


@isolated()
def test_two_dimensional_copies() -> None:
    """To, from and between arrays, of parts, on a stream; 8 bytes an element."""
    x = image(7, 13)
    array, other = make(13, 7), make(13, 7)
    check(rt.cudaMemcpy2DToArray(array, 0, 0, ffi.from_buffer(x), 13 * 8, 13 * 8, 7, HOST_TO_DEVICE))
    back = np.zeros_like(x)
    check(rt.cudaMemcpy2DFromArray(ffi.from_buffer(back), 13 * 8, array, 0, 0, 13 * 8, 7, DEVICE_TO_HOST))
    assert np.array_equal(back, x)
    part = np.zeros((2, 3, 2), np.float32)
    s = stream()
    check(rt.cudaMemcpy2DFromArrayAsync(ffi.from_buffer(part), 24, array, 5 * 8, 4, 24, 2, DEFAULT, s))
    check(rt.cudaStreamSynchronize(s))
    assert np.array_equal(part, x[4:6, 5:8])
    check(rt.cudaMemcpy2DArrayToArray(other, 8, 1, array, 0, 0, 16, 3, DEVICE_TO_DEVICE))
    check(rt.cudaDeviceSynchronize())
    check(rt.cudaMemcpy2DFromArray(ffi.from_buffer(back), 13 * 8, other, 0, 0, 13 * 8, 7, DEVICE_TO_HOST))
    assert np.array_equal(back[1:4, 1:3], x[0:3, 0:2])
    assert rt.cudaMemcpy2DToArray(array, 8, 0, ffi.from_buffer(x), 13 * 8, 13 * 8, 7, HOST_TO_DEVICE) == 1
    check(rt.cudaFreeArray(array))
    assert rt.cudaFreeArray(array) == 400


@isolated()
def test_three_dimensional_copies_count_elements() -> None:
    x = np.arange(3 * 4 * 5, dtype=np.uint16).reshape(3, 4, 5)
    array = make(5, 4, 3, (16, 0, 0, 0), 1)
    p = ffi.new("struct cudaMemcpy3DParms *")
    p.srcPtr = (ffi.from_buffer(x), 10, 5, 4)
    p.dstArray, p.extent, p.kind = array, (5, 4, 3), HOST_TO_DEVICE
    check(rt.cudaMemcpy3D(p))
    part = np.zeros((2, 2, 3), np.uint16)
    q = ffi.new("struct cudaMemcpy3DParms *")
    q.srcArray, q.srcPos, q.extent, q.kind = array, (2, 1, 1), (3, 2, 2), DEVICE_TO_HOST
    q.dstPtr = (ffi.from_buffer(part), 6, 3, 2)
    check(rt.cudaMemcpy3D(q))
    assert np.array_equal(part, x[1:3, 1:3, 2:5])
    q.srcPos = (3, 1, 1)
    assert rt.cudaMemcpy3D(q) == 1, "beyond the row"
    desc, extent = ffi.new("struct cudaChannelFormatDesc *"), ffi.new("struct cudaExtent *")
    flags = ffi.new("unsigned *")
    check(rt.cudaArrayGetInfo(desc, extent, flags, array))
    assert (desc.x, desc.y, desc.f, extent.width, extent.height, extent.depth, flags[0]) == (16, 0, 1, 5, 4, 3, 0)
    assert rt.cudaMallocArray(ffi.new("cudaArray_t *"), ffi.new("struct cudaChannelFormatDesc *"), 4, 4, 0) == 1


@isolated(MAF_MEMORY="32M")
def test_driver_arrays_and_accounting() -> None:
    free, total = ffi.new("size_t *"), ffi.new("size_t *")
    array = ffi.new("CUarray *")
    check(rt.cudaFree(ffi.NULL))
    check(drv.cuArrayCreate_v2(array, ffi.new("CUDA_ARRAY_DESCRIPTOR *", (1024, 256, 0x20, 4))))
    check(rt.cudaMemGetInfo(free, total))
    assert total[0] - free[0] == 1024 * 256 * 16
    found = ffi.new("CUDA_ARRAY3D_DESCRIPTOR *")
    check(drv.cuArray3DGetDescriptor_v2(found, array[0]))
    assert (found.Width, found.Height, found.Depth, found.Format, found.NumChannels) == (1024, 256, 0, 0x20, 4)
    x = np.random.default_rng(1).random((256, 4096)).astype(np.float32)
    c = ffi.new("CUDA_MEMCPY2D *")
    c.srcMemoryType, c.srcHost, c.srcPitch = 1, ffi.from_buffer(x), 16384
    c.dstMemoryType, c.dstArray, c.WidthInBytes, c.Height = 3, array[0], 16384, 256
    check(drv.cuMemcpy2D_v2(c))
    p = malloc(160)
    d = ffi.new("CUDA_MEMCPY2D *")
    d.srcMemoryType, d.srcArray, d.srcXInBytes, d.srcY = 3, array[0], 64, 10
    d.dstMemoryType, d.dstDevice, d.dstPitch = 2, int(ffi.cast("uintptr_t", p)), 80
    d.WidthInBytes, d.Height = 80, 2
    check(drv.cuMemcpy2D_v2(d))
    got = np.zeros((2, 20), np.float32)
    check(rt.cudaMemcpy(ffi.from_buffer(got), p, 160, DEVICE_TO_HOST))
    assert np.array_equal(got, x[10:12, 16:36])
    check(drv.cuArrayDestroy(array[0]))
    assert drv.cuArrayDestroy(array[0]) == 400


@isolated()
def test_copies_of_bytes_go_from_row_to_row() -> None:
    desc = rt.cudaCreateChannelDesc(8, 0, 0, 0, 1)
    a, b = ffi.new("cudaArray_t *"), ffi.new("cudaArray_t *")
    check(rt.cudaMallocArray(a, ffi.new("struct cudaChannelFormatDesc *", desc), 10, 5, 0))
    check(rt.cudaMallocArray(b, ffi.new("struct cudaChannelFormatDesc *", desc), 7, 9, 0))
    data, out = bytes(range(40)), bytearray(40)
    check(rt.cudaMemcpyToArray(a[0], 3, 1, ffi.from_buffer(data), 37, 1))
    check(rt.cudaMemcpyArrayToArray(b[0], 2, 1, a[0], 3, 1, 37, 3))
    check(rt.cudaMemcpyFromArrayAsync(ffi.from_buffer(out), b[0], 2, 1, 37, 2, ffi.NULL))
    check(rt.cudaDeviceSynchronize())
    assert out[:37] == data[:37] and out[37:] == bytes(3)
    row = bytearray(10)
    check(rt.cudaMemcpy2DFromArray(ffi.from_buffer(row), 10, a[0], 0, 2, 10, 1, 2))
    assert row == data[7:17]
    assert rt.cudaMemcpyToArray(a[0], 3, 1, ffi.from_buffer(data), 38, 1) == 1
