"""Textures and surfaces of all kinds, against what the programming guide's formulas give (fixture of our own)."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from cuda_process import HOST_TO_DEVICE, check, download, ffi, isolated, malloc, upload
from test_device_functions import Module, number

if os.environ.get("MAF_TEST_INSIDE"):
    from cuda_process import drv, rt

WRAP, CLAMP, MIRROR, BORDER = range(4)
POINT, LINEAR = 0, 1
ARRAY, MIPMAP, MEMORY, PITCHED = range(4)
LAYERED, CUBEMAP = 1, 4
SIGNED, UNSIGNED, FLOAT = range(3)
LAUNCH_FAILURE = 719
N = 256


def array_of(data: np.ndarray, depth: int = 0, flags: int = 0, channels: int = 1) -> Any:
    """A CUDA array with the elements of data, of shape ([depth,] height, width, channels)."""
    height, width = data.shape[-3:-1] if depth else data.shape[:2]
    bits = 8 * data.itemsize
    kind = FLOAT if data.dtype.kind == "f" else UNSIGNED if data.dtype.kind == "u" else SIGNED
    desc = ffi.new("struct cudaChannelFormatDesc *", (*([bits] * channels + [0] * (4 - channels)), kind))
    array = ffi.new("cudaArray_t *")
    check(rt.cudaMalloc3DArray(array, desc, (width, height, depth), flags))
    p = ffi.new("struct cudaMemcpy3DParms *")
    data = np.ascontiguousarray(data)
    p.srcPtr = (ffi.from_buffer(data), width * channels * data.itemsize, width, height)
    p.dstArray, p.extent, p.kind = array[0], (width, height, max(depth, 1)), HOST_TO_DEVICE
    check(rt.cudaMemcpy3D(p))
    return array[0]


def texture(resource: Any, **fields: Any) -> int:
    desc = ffi.new("struct cudaTextureDesc *")
    desc.maxMipmapLevelClamp = 16
    for name, value in fields.items():
        setattr(desc, name, value)
    handle = ffi.new("unsigned long long *")
    check(rt.cudaCreateTextureObject(handle, resource, desc, ffi.NULL))
    return handle[0]


def resource_of(array: Any, kind: int = ARRAY) -> Any:
    resource = ffi.new("struct cudaResourceDesc *")
    resource.resType = kind
    if kind == ARRAY:
        resource.res.array.array = array
    else:
        resource.res.mipmap.mipmap = array
    return resource


def run(module: Module, kernel: str, handle: int, coordinates: np.ndarray, dtype: Any = np.float32) -> np.ndarray:
    """The kernel's results at coordinates (N rows)."""
    dtype = np.dtype(dtype)
    out = malloc(len(coordinates) * dtype.itemsize)
    assert (
        module.launch(kernel, len(coordinates) // 64, 64, number(out), handle, number(upload(coordinates.tobytes())))
        == 0
    )
    return np.frombuffer(download(out, len(coordinates) * dtype.itemsize), dtype)


def places(i: np.ndarray, size: int, mode: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of texels, and where they are inside (elsewhere is the border)."""
    if mode == WRAP:
        return i % size, np.ones(i.shape, bool)
    if mode == MIRROR:
        k = i % (2 * size)
        return np.where(k < size, k, 2 * size - 1 - k), np.ones(i.shape, bool)
    return np.clip(i, 0, size - 1), (i >= 0) & (i < size) if mode == BORDER else np.ones(i.shape, bool)


def sampled(data: np.ndarray, at: list[np.ndarray], modes: list[int], linear: bool, border: float = 0) -> np.ndarray:
    """data indexed by axes in the order of `at` (slowest first); coordinates in texels."""
    corners = [(np.zeros(len(at[0]), data.dtype), np.ones(len(at[0])))] and [([], np.ones(len(at[0])), True)]
    for x, size, mode in zip(at, data.shape, modes):
        x = x.astype(np.float64)
        low = np.floor(x - 0.5) if linear else np.floor(x)
        weight = np.round((x - 0.5 - low) * 256) / 256 if linear else np.zeros(x.shape)
        new = []
        for index, w, inside in corners:
            for step, part in ((0, 1 - weight), (1, weight)) if linear else ((0, 1),):
                k, ok = places(low.astype(np.int64) + step, size, mode)
                new.append(([*index, k], w * part, inside & ok))
        corners = new
    return sum(w * np.where(inside, data[tuple(index)], border) for index, w, inside in corners)


def coordinates(low: float, high: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, high, (N, 3)).astype(np.float32)


@isolated()
def test_planes_in_every_mode() -> None:
    module = Module("textures.cubin")
    data = np.random.default_rng(1).random((13, 21, 1)).astype(np.float32)
    resource = resource_of(array_of(data))
    for mode in (WRAP, CLAMP, MIRROR, BORDER):
        for linear in (POINT, LINEAR):
            for normalized in (0, 1):
                x = coordinates(-1.5, 2.5) if normalized else coordinates(-10, 30)
                fields = {"addressMode": [mode] * 3, "filterMode": linear, "normalizedCoords": normalized}
                handle = texture(resource, **fields, borderColor=[0.25, 0, 0, 0])
                got = run(module, "plane", handle, x)
                scale = (13, 21) if normalized else (1, 1)
                at = [x[:, 1].astype(np.float64) * scale[0], x[:, 0].astype(np.float64) * scale[1]]
                modes = [mode if normalized or mode == BORDER else CLAMP] * 2
                want = sampled(data[:, :, 0], at, modes, bool(linear), 0.25)
                np.testing.assert_allclose(got, want, atol=1e-6, err_msg=f"{mode} {linear} {normalized}")


@isolated()
def test_linear_and_pitched_memory() -> None:
    module = Module("textures.cubin")
    data = np.random.default_rng(2).integers(0, 255, (40, 4), np.uint8)
    desc = ffi.new("struct cudaResourceDesc *")
    desc.resType = MEMORY
    desc.res.linear.devPtr, desc.res.linear.sizeInBytes = upload(data.tobytes()), 160
    desc.res.linear.desc = (8, 8, 8, 8, UNSIGNED)
    x = np.random.default_rng(3).integers(-5, 50, N, np.int32)
    inside = ((x >= 0) & (x < 40))[:, None]
    want = np.where(inside, data[np.clip(x, 0, 39)] / np.float32(255), 0)
    got = run(module, "fetch", texture(desc, readMode=1), x, "4f4")
    np.testing.assert_allclose(got, want, rtol=1e-6)
    words = np.arange(40, dtype=np.int32) - 20
    desc.res.linear.devPtr = upload(words.tobytes())
    desc.res.linear.desc = (32, 0, 0, 0, SIGNED)
    handle = texture(desc)
    assert np.array_equal(
        run(module, "fetch_int", handle, x, np.int32), np.where(inside[:, 0], words[np.clip(x, 0, 39)], 0)
    )
    back = ffi.new("struct cudaResourceDesc *")
    check(rt.cudaGetTextureObjectResourceDesc(back, handle))
    assert ffi.buffer(back)[:] == ffi.buffer(desc)[:]
    check(rt.cudaDestroyTextureObject(handle))
    assert rt.cudaDestroyTextureObject(handle) == 1
    plane = np.random.default_rng(4).integers(0, 255, (5, 16, 4), np.uint8)
    desc.resType = PITCHED
    pitched = desc.res.pitch2D
    pitched.devPtr, pitched.width, pitched.height, pitched.pitchInBytes = upload(plane.tobytes()), 11, 5, 64
    pitched.desc = (8, 8, 8, 8, UNSIGNED)
    x3 = coordinates(0, 5)
    got = run(module, "colour", texture(desc, addressMode=[CLAMP] * 3), x3, "4u1")
    assert np.array_equal(got, plane[np.floor(x3[:, 1]).astype(int), np.floor(x3[:, 0]).astype(int)])
    pitched.pitchInBytes = 40
    assert (
        rt.cudaCreateTextureObject(ffi.new("unsigned long long *"), desc, ffi.new("struct cudaTextureDesc *"), ffi.NULL)
        == 1
    )


@isolated()
def test_volumes_layers_cubes_levels_and_gathers() -> None:
    module = Module("textures.cubin")
    rng = np.random.default_rng(5)
    data = rng.random((4, 6, 9, 1)).astype(np.float32)
    x = coordinates(-2, 11)
    handle = texture(resource_of(array_of(data, 4)), addressMode=[CLAMP] * 3, filterMode=LINEAR)
    at = [x[:, 2], x[:, 1], x[:, 0]]
    np.testing.assert_allclose(
        run(module, "volume", handle, x), sampled(data[..., 0], at, [CLAMP] * 3, True), atol=1e-6
    )
    handle = texture(resource_of(array_of(data, 4, LAYERED)), addressMode=[CLAMP] * 3, filterMode=LINEAR)
    layer = np.clip(np.trunc(x[:, 2]).astype(int), 0, 3)
    layer[x[:, 2] <= -1] = 3  # a negative index is a large unsigned one
    want = np.array(
        [
            sampled(data[k, :, :, 0], [x[i : i + 1, 1], x[i : i + 1, 0]], [CLAMP] * 2, True)[0]
            for i, k in enumerate(layer)
        ]
    )
    np.testing.assert_allclose(run(module, "layered", handle, x), want, atol=1e-6)
    faces = np.repeat(np.arange(6, dtype=np.float32), 64).reshape(6, 8, 8, 1)
    handle = texture(resource_of(array_of(faces, 6, CUBEMAP)), normalizedCoords=1)
    direction = coordinates(-1, 1)
    axis = np.abs(direction).argmax(axis=1)
    want = 2 * axis + (np.take_along_axis(direction, axis[:, None], 1)[:, 0] < 0)
    assert np.array_equal(run(module, "cube", handle, direction), want)
    plane = rng.random((7, 12, 1)).astype(np.float32)
    handle = texture(resource_of(array_of(plane, flags=8)), addressMode=[CLAMP] * 3)
    x = coordinates(0, 12)
    i, j = (np.floor(x[:, k].astype(np.float64) - 0.5).astype(int) for k in (0, 1))
    clipped = lambda j, i: plane[np.clip(j, 0, 6), np.clip(i, 0, 11), 0]  # noqa: E731
    want = np.stack([clipped(j + 1, i), clipped(j + 1, i + 1), clipped(j, i + 1), clipped(j, i)], 1)
    assert np.array_equal(run(module, "gather", handle, x, "4f4"), want)
    out = malloc(8)
    assert module.launch("size", 1, 1, number(out), handle) == 0
    assert np.frombuffer(download(out, 8), np.int32).tolist() == [12, 7]


@isolated()
def test_mipmaps_and_handles_in_registers() -> None:
    module = Module("textures.cubin")
    mipmap, level = ffi.new("cudaMipmappedArray_t *"), ffi.new("cudaArray_t *")
    desc = ffi.new("struct cudaChannelFormatDesc *", (32, 0, 0, 0, FLOAT))
    check(rt.cudaMallocMipmappedArray(mipmap, desc, (16, 8, 0), 3, 0))
    for k in range(3):
        check(rt.cudaGetMipmappedArrayLevel(level, mipmap[0], k))
        data = np.full((8 >> k, 16 >> k), 10.0**k, np.float32)
        size = (16 >> k) * 4
        check(rt.cudaMemcpy2DToArray(level[0], 0, 0, ffi.from_buffer(data), size, size, 8 >> k, HOST_TO_DEVICE))
    assert rt.cudaGetMipmappedArrayLevel(level, mipmap[0], 3) == 1
    x = coordinates(-0.4, 2.6)
    lod = np.clip(x[:, 2].astype(np.float64), 0, 2)
    fields = {"normalizedCoords": 1, "filterMode": LINEAR, "addressMode": [CLAMP] * 3}
    nearest = texture(resource_of(mipmap[0], MIPMAP), **fields)
    np.testing.assert_allclose(run(module, "level", nearest, x), 10 ** np.floor(lod + 0.5), rtol=1e-6)
    blended = texture(resource_of(mipmap[0], MIPMAP), mipmapFilterMode=LINEAR, **fields)
    base = np.minimum(np.floor(lod), 1)
    part = np.floor((lod - base) * 256 + 0.5) / 256
    want = 10**base * (1 - part) + 10 ** (base + 1) * part
    np.testing.assert_allclose(run(module, "level", blended, x), want, rtol=1e-6)
    handles = upload(
        np.tile(
            np.array([nearest, texture(resource_of(array_of(np.full((4, 4, 1), 7, np.float32))))], np.uint64), N
        ).tobytes()
    )
    got = run(module, "bindless", number(handles), x)
    assert np.array_equal(got, np.where(np.arange(N) & 1, 7, 1).astype(np.float32))
    check(rt.cudaFreeMipmappedArray(mipmap[0]))


@isolated()
def test_surfaces() -> None:
    module = Module("textures.cubin")
    data = np.random.default_rng(6).random((5, 32, 2)).astype(np.float32)
    arrays = [array_of(data, flags=2, channels=2), array_of(np.zeros_like(data), flags=2, channels=2)]
    handle, surfaces = ffi.new("unsigned long long *"), []
    for array in arrays:
        check(rt.cudaCreateSurfaceObject(handle, resource_of(array)))
        surfaces.append(handle[0])
    assert module.launch("surface_copy", 5, 64, surfaces[1], surfaces[0], 3) == 0
    back = np.zeros_like(data)
    check(rt.cudaMemcpy2DFromArray(ffi.from_buffer(back), 256, arrays[1], 0, 0, 256, 5, 2))
    want = np.zeros_like(data)
    want[:, :29] = data[:, 3:]
    want[..., 0] += 1
    assert np.array_equal(back, want), "outside is zero, and what is stored there is dropped"
    out = malloc(8 * 32)
    assert module.launch("surface_clamped", 1, 32, number(out), surfaces[0], 16, 9) == 0
    got = np.frombuffer(download(out, 256), np.float32).reshape(32, 2)
    assert np.array_equal(got, data[4, np.minimum(np.arange(16, 48), 31)])
    counters = array_of(np.zeros((2, 4, 1), np.uint32), flags=2)
    check(rt.cudaCreateSurfaceObject(handle, resource_of(counters)))
    assert module.launch("surface_count", 2, 64, handle[0]) == 0
    total = np.zeros((2, 4), np.uint32)
    check(rt.cudaMemcpy2DFromArray(ffi.from_buffer(total), 16, counters, 0, 0, 16, 2, 2))
    assert total.tolist() == [[0] * 4, [64] * 4]
    assert module.launch("surface_trap", 1, 1, number(out), surfaces[0]) == LAUNCH_FAILURE


@isolated()
def test_driver_textures_and_what_is_refused() -> None:
    module = Module("textures.cubin")
    data = np.random.default_rng(7).random((6, 10, 1)).astype(np.float32)
    desc, look = ffi.new("CUDA_RESOURCE_DESC *"), ffi.new("CUDA_TEXTURE_DESC *")
    desc.res.array = array_of(data)
    look.filterMode, look.flags = LINEAR, 2
    handle = ffi.new("unsigned long long *")
    check(drv.cuTexObjectCreate(handle, desc, look, ffi.NULL))
    x = coordinates(0, 1)
    want = sampled(data[:, :, 0], [x[:, 1].astype(np.float64) * 6, x[:, 0].astype(np.float64) * 10], [WRAP] * 2, True)
    np.testing.assert_allclose(run(module, "plane", handle[0], x), want, atol=1e-6)
    view = ffi.cast("struct cudaResourceViewDesc *", desc)
    assert (
        rt.cudaCreateTextureObject(handle, resource_of(desc.res.array), ffi.new("struct cudaTextureDesc *"), view)
        == 801
    )
    assert rt.cudaDestroyTextureObject(handle[0]) == 1, "each API destroys its own"
    assert module.launch("plane", 1, 32, number(malloc(4096)), 12345, number(upload(x.tobytes()))) == LAUNCH_FAILURE
