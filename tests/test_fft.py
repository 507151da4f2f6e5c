"""FFT op: every provider against numpy.fft on contiguous arrays, and against each other on strided layouts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from maf_vdev import protocol
from maf_vdev.modnn import fft as f
from maf_vdev.modnn import registry

FFT = protocol.constant("MAF_OP_FFT")
PROVIDERS = [name for name, _ in f.OP.providers]
TOLERANCE = {f.F32: 2e-5, f.F64: 1e-12, f.F16: 2e-2}
SIZES = [(1,), (2,), (7,), (8,), (30,), (64,), (97,), (4, 6), (5, 8), (16, 9), (3, 4, 5), (2, 8, 7), (1, 1, 6)]
SIZES += [(7 * 11 * 5,), (13 * 16,), (2 * 149,), (149,), (35, 22)]
LONG = [(2 * 3 * 4 * 5 * 7 * 11,), (1009,), (1 << 15,), (3 * 5 * 7 * 11 * 32,), (1 << 17,), (32771,)]


def describe(kind: int, direction: int, dims: tuple[int, ...], dtype: int, batch: int) -> Any:
    """The struct of a packed transform."""
    op = protocol.ffi.new("struct maf_op_fft *")
    op.rank, op.kind, op.direction, op.type, op.batch = len(dims), kind, direction, dtype, batch
    half = (*dims[:-1], dims[-1] // 2 + 1)
    sides = {"in": half if kind == f.C2R else dims, "out": half if kind == f.R2C else dims}
    op.dims[0 : len(dims)] = dims
    for side, shape in sides.items():
        getattr(op, f"{side}_embed")[0 : len(dims)] = shape
        setattr(op, f"{side}_stride", 1)
        setattr(op, f"{side}_distance", int(np.prod(shape)))
    return op


def run(op: Any, provider: str, source: np.ndarray, target: np.ndarray) -> None:
    plan = registry.make_plan(FFT, protocol.pack(op), only=provider)
    assert plan.provider == provider
    plan.run([source.ctypes.data, target.ctypes.data], b"")


def expected(kind: int, direction: int, x: np.ndarray, dims: tuple[int, ...]) -> np.ndarray:
    axes = tuple(range(1, len(dims) + 1))
    if kind == f.R2C:
        return np.fft.rfftn(x.astype(np.float64), axes=axes)
    if kind == f.C2R:
        return np.fft.irfftn(x.astype(np.complex128), s=dims, axes=axes, norm="forward")
    x = x.astype(np.complex128)
    return np.fft.fftn(x, axes=axes) if direction < 0 else np.fft.ifftn(x, axes=axes, norm="forward")


def random(rng: np.random.Generator, shape: tuple[int, ...], is_complex: bool) -> np.ndarray:
    x = rng.standard_normal(shape)
    return x + 1j * rng.standard_normal(shape) if is_complex else x


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("dtype", [f.F32, f.F64], ids=["f32", "f64"])
@pytest.mark.parametrize(("kind", "direction"), [(f.C2C, -1), (f.C2C, 1), (f.R2C, -1), (f.C2R, 1)])
@pytest.mark.parametrize("dims", SIZES, ids=str)
def test_packed(provider: str, dtype: int, kind: int, direction: int, dims: tuple[int, ...]) -> None:
    if provider == "scipy":
        pytest.importorskip("scipy")
    rng, batch = np.random.default_rng(0), 3
    half = (*dims[:-1], dims[-1] // 2 + 1)
    real = f.REAL[dtype]
    cplx = np.result_type(real, np.complex64)
    if kind == f.C2R:  # a spectrum that some real signal has
        signal = rng.standard_normal((batch, *dims))
        x = np.fft.rfftn(signal, axes=tuple(range(1, len(dims) + 1))).astype(cplx)
        y = np.zeros((batch, *dims), real)
    else:
        x = random(rng, (batch, *dims), kind == f.C2C).astype(cplx if kind == f.C2C else real)
        y = np.zeros((batch, *(half if kind == f.R2C else dims)), cplx)
    want = expected(kind, direction, x, dims)
    run(describe(kind, direction, dims, dtype, batch), provider, x, y)
    scale = np.abs(want).max() + 1
    assert np.abs(y - want).max() / scale < TOLERANCE[dtype]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("kind", "direction"), [(f.C2C, -1), (f.C2C, 1), (f.R2C, -1), (f.C2R, 1)])
def test_half_precision(provider: str, kind: int, direction: int) -> None:
    if provider == "scipy":
        pytest.importorskip("scipy")
    rng, dims, batch = np.random.default_rng(1), (16,), 2
    half = 9
    signal = rng.standard_normal((batch, *dims))
    if kind == f.C2R:
        spectrum = np.fft.rfftn(signal, axes=(1,))
        x = np.stack((spectrum.real, spectrum.imag), -1).astype(np.float16)
        source = x[..., 0].astype(np.float64) + 1j * x[..., 1].astype(np.float64)
        y = np.zeros((batch, *dims), np.float16)
    elif kind == f.R2C:
        x = source = signal.astype(np.float16)
        y = np.zeros((batch, half, 2), np.float16)
    else:
        z = random(rng, (batch, *dims), True)
        x = np.stack((z.real, z.imag), -1).astype(np.float16)
        source = x[..., 0].astype(np.float64) + 1j * x[..., 1].astype(np.float64)
        y = np.zeros((batch, *dims, 2), np.float16)
    run(describe(kind, direction, dims, f.F16, batch), provider, x, y)
    got = y.astype(np.float64) if kind == f.C2R else y[..., 0].astype(np.float64) + 1j * y[..., 1].astype(np.float64)
    want = expected(kind, direction, source, dims)
    assert np.abs(got - want).max() / np.abs(want).max() < TOLERANCE[f.F16]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_strided_layout_leaves_other_elements_alone(provider: str) -> None:
    """A 2-d transform of 4 x 6 inside 5 x 8 with stride 3: what lies between is not written."""
    if provider == "scipy":
        pytest.importorskip("scipy")
    rng, batch, dims = np.random.default_rng(2), 2, (4, 6)
    op = describe(f.C2C, -1, dims, f.F64, batch)
    for side in ("in", "out"):
        getattr(op, f"{side}_embed")[0:2] = (5, 8)
        setattr(op, f"{side}_stride", 3)
        setattr(op, f"{side}_distance", 5 * 8 * 3 + 1)
    memory = random(rng, (batch * (5 * 8 * 3 + 1),), True)
    result = np.full_like(memory, 7 - 7j)
    run(op, provider, memory, result)
    blocks = memory.reshape(batch, -1)[:, :-1].reshape(batch, 5, 8, 3)[:, :4, :6, 0]
    want = np.full_like(memory, 7 - 7j).reshape(batch, -1)
    want[:, :-1].reshape(batch, 5, 8, 3)[:, :4, :6, 0] = np.fft.fft2(blocks)
    np.testing.assert_allclose(result.reshape(batch, -1), want, atol=1e-12)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_in_place(provider: str) -> None:
    if provider == "scipy":
        pytest.importorskip("scipy")
    x = random(np.random.default_rng(3), (2, 12), True)
    want = np.fft.fft(x)
    run(describe(f.C2C, -1, (12,), f.F64, 2), provider, x, x)
    np.testing.assert_allclose(x, want, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"rank": 0}, registry.Invalid),
        ({"rank": 4}, registry.Invalid),
        ({"batch": 0}, registry.Invalid),
        ({"direction": 0}, registry.Invalid),
        ({"in_stride": -1}, registry.Invalid),
        ({"type": protocol.constant("MAF_BF16")}, registry.Unsupported),
    ],
    ids=str,
)
def test_bad_descriptions(change: dict[str, int], error: type[Exception]) -> None:
    op = describe(f.C2C, -1, (8,), f.F32, 1)
    for name, value in change.items():
        setattr(op, name, value)
    with pytest.raises(error):
        registry.make_plan(FFT, protocol.pack(op))


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("direction", [-1, 1])
@pytest.mark.parametrize("dims", LONG, ids=str)
def test_long_lines(dims: tuple[int, ...], direction: int, batch: int) -> None:
    """Those that are cut in two, in place too, and one that is a long convolution."""
    x = random(np.random.default_rng(0), (batch, *dims), True).astype(np.complex64)
    op, out, before = describe(f.C2C, direction, dims, f.F32, batch), np.zeros_like(x), x.copy()
    run(op, "core", x, out)
    want = expected(f.C2C, direction, x, dims)
    np.testing.assert_allclose(out, want, rtol=0, atol=1e-6 * np.abs(want).max() * 8)
    assert (x == before).all()
    run(op, "core", x, x)
    assert (x == out).all()


@pytest.mark.parametrize("dims", [(64,), (15,), (1009,), (12, 10)], ids=str)
def test_lines_do_not_touch_each_other(dims: tuple[int, ...]) -> None:
    """A NaN in one array of the batch stays there."""
    for kind in (f.C2C, f.R2C):
        x = random(np.random.default_rng(0), (20, *dims), kind == f.C2C)
        x = x.astype(np.complex64 if kind == f.C2C else np.float32)
        clean = x.copy()
        x.reshape(20, -1)[7, 3] = np.nan
        out = [np.zeros((20, *dims[:-1], dims[-1] // 2 + 1 if kind == f.R2C else dims[-1]), np.complex64) for _ in "ab"]
        for source, target in ((x, out[0]), (clean, out[1])):
            run(describe(kind, -1, dims, f.F32, 20), "core", source, target)
        assert np.isnan(out[0][7]).all()
        others = np.arange(20) != 7
        assert (out[0][others] == out[1][others]).all()
