"""cuFFT entry points on a running executor: layouts, in-place padding, directions, and what wrong calls get."""

from __future__ import annotations

from typing import Any

import blas_device as d
import cffi
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(not d.LIB.is_dir(), reason="the shim libraries are not built")

ffi = cffi.FFI()
ffi.cdef(d.declarations("cufft/cufft.h"))
INVALID_PLAN, INVALID_TYPE, INVALID_VALUE, INVALID_SIZE = 1, 3, 4, 8
C2C, R2C, C2R, Z2Z, D2Z, Z2D = 0x29, 0x2A, 0x2C, 0x69, 0x6A, 0x6C
FORWARD, INVERSE = -1, 1
NULL = ffi.NULL
# cudaDataType_t
R_32F, R_64F, R_16F, C_32F, C_64F, C_16F = 0, 1, 2, 4, 5, 6


@pytest.fixture(scope="module", params=["cufft12", "cufft11"])
def cufft(request: pytest.FixtureRequest) -> Any:
    return ffi.dlopen(str(d.LIB / f"libmaf_{request.param}.so"))


@pytest.fixture
def plan(cufft: Any) -> Any:
    out = ffi.new("cufftHandle *")
    d.check(cufft.cufftCreate(out))
    yield out[0]
    d.check(cufft.cufftDestroy(out[0]))


class Buffer(d.Array):
    """A device copy of a C-ordered array."""

    def __init__(self, values: np.ndarray) -> None:
        super().__init__(np.ascontiguousarray(values).reshape(-1))
        self.shape = values.shape

    @property
    def address(self) -> Any:
        return ffi.cast("void *", int(d.ffi.cast("uintptr_t", self.pointer)))

    def get(self) -> np.ndarray:
        return super().get().reshape(self.shape)


def random(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def near(got: np.ndarray, want: np.ndarray, tolerance: float) -> None:
    assert np.abs(got - want).max() < tolerance * (1 + np.abs(want).max())


def make(cufft: Any, plan: int, dims: tuple[int, ...], types: tuple[int, int], batch: int, *layout: Any) -> int:
    """cufftXtMakePlanMany; layout: in_embed, in_stride, in_distance, out_embed, out_stride, out_distance."""
    n = ffi.new("long long[]", dims)
    embeds = [ffi.new("long long[]", x) if x else NULL for x in (layout[0::3] if layout else (None, None))]
    steps = (layout[1], layout[2], layout[4], layout[5]) if layout else (1, 1, 1, 1)
    work = ffi.new("size_t *", 77)
    status = cufft.cufftXtMakePlanMany(
        plan, len(dims), n, embeds[0], steps[0], steps[1], types[0], embeds[1], steps[2], steps[3], types[1], batch,
        work, types[0],
    )  # fmt: skip
    assert status or work[0] == 0
    return status


@pytest.mark.parametrize("direction", [FORWARD, INVERSE])
@pytest.mark.parametrize("dims", [(12,), (4, 6), (3, 4, 5)])
@pytest.mark.parametrize(
    ("types", "dtype", "tolerance"), [((C_32F, C_32F), "c8", 1e-5), ((C_64F, C_64F), "c16", 1e-13)]
)
def test_complex(cufft: Any, plan: int, types: Any, dtype: str, tolerance: float, dims: Any, direction: int) -> None:
    x = random((3, *dims), dtype)
    source, target = Buffer(x), Buffer(np.zeros_like(x))
    d.check(make(cufft, plan, dims, types, 3))
    d.check(cufft.cufftXtExec(plan, source.address, target.address, direction))
    axes = tuple(range(1, x.ndim))
    want = np.fft.fftn(x, axes=axes) if direction == FORWARD else np.fft.ifftn(x, axes=axes, norm="forward")
    near(target.get(), want, tolerance)
    d.check(cufft.cufftXtExec(plan, source.address, source.address, direction))  # in place, same plan
    near(source.get(), want, tolerance)


@pytest.mark.parametrize("dims", [(9,), (8,), (4, 6)])
def test_real_and_back(cufft: Any, plan: int, dims: tuple[int, ...]) -> None:
    x = random((2, *dims), "f4")
    half = (2, *dims[:-1], dims[-1] // 2 + 1)
    source, middle, target = Buffer(x), Buffer(np.zeros(half, "c8")), Buffer(np.zeros_like(x))
    d.check(make(cufft, plan, dims, (R_32F, C_32F), 2))
    d.check(cufft.cufftXtExec(plan, source.address, middle.address, FORWARD))
    near(middle.get(), np.fft.rfftn(x, axes=tuple(range(1, x.ndim))), 1e-5)
    back = ffi.new("cufftHandle *")
    d.check(cufft.cufftCreate(back))
    d.check(make(cufft, back[0], dims, (C_32F, R_32F), 2))
    d.check(cufft.cufftXtExec(back[0], middle.address, target.address, INVERSE))
    near(target.get(), x * np.prod(dims), 1e-5)
    d.check(cufft.cufftDestroy(back[0]))


@pytest.mark.parametrize("dims", [(8,), (5, 7)])
def test_real_in_place_pads_the_last_dimension(cufft: Any, plan: int, dims: tuple[int, ...]) -> None:
    x = random((2, *dims), "f8")
    half = dims[-1] // 2 + 1
    padded = np.zeros((2, *dims[:-1], 2 * half))
    padded[..., : dims[-1]] = x
    memory = Buffer(padded)
    n = ffi.new("int[]", dims)
    work = ffi.new("size_t *")
    d.check(cufft.cufftMakePlanMany(plan, len(dims), n, NULL, 1, 0, NULL, 1, 0, D2Z, 2, work))
    d.check(cufft.cufftExecD2Z(plan, memory.address, memory.address))
    near(memory.get().view(np.complex128), np.fft.rfftn(x, axes=tuple(range(1, x.ndim))), 1e-13)


def test_advanced_layout(cufft: Any, plan: int) -> None:
    """Transforms along the columns of a matrix: stride = row length, distance = 1."""
    x = random((6, 5), "c16")
    source, target = Buffer(x), Buffer(np.zeros_like(x))
    d.check(make(cufft, plan, (6,), (C_64F, C_64F), 5, (6,), 5, 1, (6,), 5, 1))
    d.check(cufft.cufftXtExec(plan, source.address, target.address, FORWARD))
    near(target.get(), np.fft.fft(x, axis=0), 1e-13)


def test_half_precision(cufft: Any, plan: int) -> None:
    z = random((2, 16), "c8")
    x = np.stack((z.real, z.imag), -1).astype("f2")
    source, target = Buffer(x), Buffer(np.zeros_like(x))
    d.check(make(cufft, plan, (16,), (C_16F, C_16F), 2))
    d.check(cufft.cufftXtExec(plan, source.address, target.address, FORWARD))
    got = target.get().astype("f4")
    near(got[..., 0] + 1j * got[..., 1], np.fft.fft(z), 1e-2)


@pytest.mark.parametrize(
    ("function", "dims"), [("cufftPlan1d", (12,)), ("cufftPlan2d", (4, 6)), ("cufftPlan3d", (2, 3, 4))]
)
def test_simple_plans(cufft: Any, function: str, dims: tuple[int, ...]) -> None:
    out = ffi.new("cufftHandle *")
    batch = (1,) if len(dims) == 1 else ()
    d.check(getattr(cufft, function)(out, *dims, C2C, *batch))
    x = random(dims, "c8")
    memory = Buffer(x)
    d.check(cufft.cufftExecC2C(out[0], memory.address, memory.address, FORWARD))
    near(memory.get(), np.fft.fftn(x), 1e-5)
    d.check(cufft.cufftDestroy(out[0]))


def test_order_on_the_stream(cufft: Any, plan: int) -> None:
    """Many transforms one after the other on a stream of their own, without a host wait between."""
    x = random((64,), "c16")
    memory = Buffer(x)
    stream = d.ffi.new("void **")
    d.check(d.library("cudart13").cudaStreamCreate(stream))
    d.check(make(cufft, plan, (64,), (C_64F, C_64F), 1))
    d.check(cufft.cufftSetStream(plan, ffi.cast("void *", int(d.ffi.cast("uintptr_t", stream[0])))))
    for direction in [FORWARD, INVERSE] * 3:
        d.check(cufft.cufftXtExec(plan, memory.address, memory.address, direction))
    d.check(d.library("cudart13").cudaDeviceSynchronize())
    near(memory.get(), x * 64**3, 1e-12)
    d.check(d.library("cudart13").cudaStreamDestroy(stream[0]))


def test_wrong_calls(cufft: Any, plan: int) -> None:
    x = Buffer(np.zeros(8, "c8"))
    assert cufft.cufftXtExec(plan, x.address, x.address, FORWARD) == INVALID_PLAN  # not made
    assert cufft.cufftXtExec(65000, x.address, x.address, FORWARD) == INVALID_PLAN
    assert cufft.cufftDestroy(-3) == INVALID_PLAN
    assert make(cufft, plan, (8,), (R_32F, C_64F), 1) == INVALID_TYPE
    assert make(cufft, plan, (0,), (C_32F, C_32F), 1) == INVALID_SIZE
    assert make(cufft, plan, (2, 2, 2, 2), (C_32F, C_32F), 1) == INVALID_VALUE
    d.check(make(cufft, plan, (8,), (C_32F, C_32F), 1))
    assert make(cufft, plan, (8,), (C_32F, C_32F), 1) == INVALID_PLAN  # made already
    assert cufft.cufftXtExec(plan, x.address, x.address, 0) == INVALID_VALUE
    assert cufft.cufftXtExec(plan, NULL, x.address, FORWARD) == INVALID_VALUE
    assert cufft.cufftExecZ2Z(plan, x.address, x.address, FORWARD) == INVALID_PLAN  # of another type


def test_versions(cufft: Any) -> None:
    version, major = ffi.new("int *"), ffi.new("int *")
    d.check(cufft.cufftGetVersion(version))
    d.check(cufft.cufftGetProperty(0, major))
    assert version[0] // 1000 == major[0] in (11, 12)


def test_plan_properties_are_kept(cufft: Any, plan: Any) -> None:
    value = ffi.new("long long *", 7)
    d.check(cufft.cufftGetPlanPropertyInt64(plan, 2, value))
    assert value[0] == 0
    d.check(cufft.cufftSetPlanPropertyInt64(plan, 2, 5))
    d.check(cufft.cufftGetPlanPropertyInt64(plan, 2, value))
    assert value[0] == 5
    d.check(cufft.cufftResetPlanProperty(plan, 2))
    d.check(cufft.cufftGetPlanPropertyInt64(plan, 2, value))
    assert value[0] == 0
    assert cufft.cufftSetPlanPropertyInt64(plan, 3, 1) == INVALID_VALUE
    assert cufft.cufftSetPlanPropertyInt64(0, 1, 1) == INVALID_PLAN
