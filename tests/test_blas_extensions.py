"""cuBLAS's typed level 1, groups, half-precision matrix-vector products and inverses, and cuBLASLt's transform."""

from __future__ import annotations

from typing import Any

import blas_device as d
import numpy as np
import pytest
from blas_device import CUDA_TYPES, INVALID_VALUE, NOT_INITIALIZED, NOT_SUPPORTED, NUMPY, check, ffi
from test_blas_fronts import cublas, handle  # noqa: F401 - fixtures

pytestmark = pytest.mark.skipif(not d.LIB.is_dir(), reason="the shim libraries are not built")
RNG = np.random.default_rng(3)
TOLERANCE = {"f32": 1e-5, "f64": 1e-13, "c64": 1e-5, "c128": 1e-13, "f16": 2e-3, "bf16": 2e-2}
F32, F64 = CUDA_TYPES["f32"], CUDA_TYPES["f64"]


def vector(kind: str) -> tuple[np.ndarray, d.Array]:
    values = d.random(RNG, (9,), kind)
    return d.wide(values), d.Array(values)


def compute(kind: str) -> str:
    return "f32" if kind in ("f16", "bf16") else kind


@pytest.mark.parametrize("mode", [0, 1])
@pytest.mark.parametrize("kind", TOLERANCE)
def test_typed_level1(cublas: Any, handle: Any, kind: str, mode: int) -> None:  # noqa: F811
    """Every third element of x, every second of y; scalars on the host and on the device."""
    number, wide = CUDA_TYPES[kind], CUDA_TYPES[compute(kind)]
    x, dx = d.random(RNG, (13,), kind), None
    y = d.random(RNG, (9,), kind)
    dx, dy = d.Array(x), d.Array(y)
    wx, wy = d.wide(x)[::3], d.wide(y)[::2]
    alpha = np.array([1.5], NUMPY[compute(kind)])
    device_alpha = d.Array(alpha)
    check(cublas.cublasSetPointerMode_v2(handle, mode))
    scalar = device_alpha.pointer if mode else ffi.cast("void *", alpha.ctypes.data)
    check(cublas.cublasAxpyEx(handle, 5, scalar, wide, dx.pointer, number, 3, dy.pointer, number, 2, wide))
    np.testing.assert_allclose(d.wide(dy.get())[::2], 1.5 * wx + wy, atol=TOLERANCE[kind] * 3)
    assert (dy.get()[1::2] == y[1::2]).all()
    check(cublas.cublasCopyEx(handle, 5, dx.pointer, number, 3, dy.pointer, number, 2))
    assert (dy.get()[::2] == x[::3]).all()
    check(cublas.cublasScalEx(handle, 5, scalar, wide, dy.pointer, number, 2, wide))
    np.testing.assert_allclose(d.wide(dy.get())[::2], 1.5 * wx, atol=TOLERANCE[kind] * 3)
    real = {"c64": "f32", "c128": "f64"}.get(kind, kind)
    execution = CUDA_TYPES[compute(real)]
    for function, want in ((cublas.cublasNrm2Ex, np.linalg.norm(wx)), (cublas.cublasAsumEx, np.abs(wx.real).sum() + np.abs(wx.imag).sum())):  # fmt: skip
        host = np.zeros(1, NUMPY[real])
        device = d.Array(host)
        place = device.pointer if mode else ffi.cast("void *", host.ctypes.data)
        check(function(handle, 5, dx.pointer, number, 3, place, CUDA_TYPES[real], execution))
        got = d.wide(device.get() if mode else host)[0]
        np.testing.assert_allclose(got, want, rtol=max(TOLERANCE[kind], 1e-12) * 4)


@pytest.mark.parametrize("kind", ["f32", "f64", "c64", "c128"])
def test_typed_rotations_and_indices(cublas: Any, handle: Any, kind: str) -> None:  # noqa: F811
    number, real = CUDA_TYPES[kind], {"c64": "f32", "c128": "f64"}.get(kind, kind)
    (x, dx), (y, dy) = vector(kind), vector(kind)
    index = ffi.new("int *")
    check(cublas.cublasIamaxEx(handle, 9, dx.pointer, number, 1, index))
    assert index[0] == np.argmax(np.abs(x.real) + np.abs(x.imag)) + 1
    check(cublas.cublasSwapEx(handle, 9, dx.pointer, number, 1, dy.pointer, number, 1))
    np.testing.assert_array_equal(d.wide(dx.get()), y)
    c, s = d.scalar(real, 0.6), d.scalar(real, 0.8)
    kinds = (number, 1, dy.pointer, number, 1)
    check(cublas.cublasRotEx(handle, 9, dx.pointer, *kinds, c, s, CUDA_TYPES[real], number))
    np.testing.assert_allclose(d.wide(dx.get()), 0.6 * y + 0.8 * x, atol=TOLERANCE[kind] * 3)
    wrong = cublas.cublasRotEx(handle, 9, dx.pointer, *kinds, c, s, CUDA_TYPES["f16"], number)
    assert wrong == NOT_SUPPORTED


@pytest.mark.parametrize("kind", ["f32", "f64"])
def test_groups_of_products(cublas: Any, handle: Any, kind: str) -> None:  # noqa: F811
    """Two groups of different sizes, one with a transposed factor."""
    sizes, counts, trans = [(3, 4, 5), (2, 6, 1)], [2, 3], [0, 1]
    alpha, beta = np.array([1.5, -1], NUMPY[kind]), np.array([0.5, 2], NUMPY[kind])
    keep, tables, want = [], ([], [], []), []
    for g, (m, n, k) in enumerate(sizes):
        for _ in range(counts[g]):
            parts = [d.random(RNG, shape, kind) for shape in ((k, m) if trans[g] else (m, k), (k, n), (m, n))]
            a, b, c = (d.wide(x) for x in parts)
            want.append(alpha[g] * (a.T if trans[g] else a) @ b + beta[g] * c)
            arrays = [d.Array(x) for x in parts]
            keep.append(arrays)
            for table, array in zip(tables, arrays, strict=True):
                table.append(int(ffi.cast("uintptr_t", array.pointer)))
    device = [d.Array(np.array(table, np.uint64)) for table in tables]
    letter = {"f32": "S", "f64": "D"}[kind]
    ctype = {"f32": "float", "f64": "double"}[kind]
    m, n, k = ([size[i] for size in sizes] for i in range(3))
    lda = [k[g] if trans[g] else m[g] for g in range(2)]
    pa, pb, pc = (array.at(f"{ctype} **") for array in device)
    factors = (ffi.from_buffer(f"{ctype} *", alpha), ffi.from_buffer(f"{ctype} *", beta))
    arguments = (handle, trans, [0, 0], m, n, k, factors[0], pa, lda, pb, k, factors[1], pc, m)
    call = getattr(cublas, f"cublas{letter}gemmGroupedBatched")
    check(call(*arguments, 2, counts))
    for arrays, expected in zip(keep, want, strict=True):
        np.testing.assert_allclose(d.wide(arrays[2].get()), expected, atol=TOLERANCE[kind] * 10)
    assert call(*arguments, -1, counts) == INVALID_VALUE
    assert call(*arguments, 2, [1, -1]) == INVALID_VALUE


@pytest.mark.parametrize("name, kind, out", [("HSH", "f16", "f16"), ("HSS", "f16", "f32"), ("TST", "bf16", "bf16"), ("TSS", "bf16", "f32")])  # fmt: skip
@pytest.mark.parametrize("trans", [0, 1])
def test_half_matrix_times_vector(cublas: Any, handle: Any, name: str, kind: str, out: str, trans: int) -> None:  # noqa: F811
    m, n, batch = 5, 7, 3
    a, x = d.random(RNG, (m, n, batch), kind), d.random(RNG, (m if trans else n, batch), kind)
    y = d.random(RNG, (n if trans else m, batch), out)
    da, dx, dy = d.Array(a), d.Array(x), d.Array(y)
    call = getattr(cublas, f"cublas{name}gemvStridedBatched")
    target = dy.at("float *") if out == "f32" else dy.pointer
    check(call(handle, trans, m, n, ffi.new("float *", 2), da.pointer, m, m * n, dx.pointer, 1, len(x), ffi.new("float *", 0.5), target, 1, len(y), batch))  # fmt: skip
    for i in range(batch):
        matrix = d.wide(a[:, :, i])
        want = 2 * (matrix.T if trans else matrix) @ d.wide(x[:, i]) + 0.5 * d.wide(y[:, i])
        np.testing.assert_allclose(d.wide(dy.get()[:, i]), want, atol=TOLERANCE[out] * 8)


@pytest.mark.parametrize("letter, kind", [("S", "f32"), ("D", "f64"), ("C", "c64"), ("Z", "c128")])
def test_inverses_of_a_batch(cublas: Any, handle: Any, letter: str, kind: str) -> None:  # noqa: F811
    n, batch = 5, 3
    a = d.random(RNG, (n, n, batch), kind)
    a[:, :, 1] = 0
    source, target, info = d.Array(a), d.Array(np.zeros_like(a)), d.Array(np.full(batch, 9, "i4"))
    tables = []
    for array in (source, target):
        base = int(ffi.cast("uintptr_t", array.pointer))
        tables.append(d.Array(np.array([base + i * n * n * a.itemsize for i in range(batch)], np.uint64)))
    ctype = {"S": "float **", "D": "double **", "C": "cuComplex **", "Z": "cuDoubleComplex **"}[letter]
    call, places = getattr(cublas, f"cublas{letter}matinvBatched"), [t.at(ctype) for t in tables]
    check(call(handle, n, places[0], n, places[1], n, info.at("int *"), batch))
    assert list(info.get()) == [0, 1, 0]
    assert (source.get() == a).all()
    for i in (0, 2):
        product = d.wide(a[:, :, i]) @ d.wide(target.get()[:, :, i])
        np.testing.assert_allclose(product, np.eye(n), atol=1e-3 if letter in "SC" else 1e-10)
    assert call(handle, 33, places[0], 33, places[1], 33, info.at("int *"), batch) == INVALID_VALUE


def test_wrong_calls(cublas: Any, handle: Any) -> None:  # noqa: F811
    one, x = ffi.new("float *", 1), d.Array(np.zeros(9, "f4"))
    p = x.pointer
    assert cublas.cublasAxpyEx(ffi.NULL, 5, one, F32, p, F32, 1, p, F32, 1, F32) == NOT_INITIALIZED
    assert cublas.cublasAxpyEx(handle, 5, ffi.NULL, F32, p, F32, 1, p, F32, 1, F32) == INVALID_VALUE
    assert cublas.cublasAxpyEx(handle, 5, one, F32, p, F32, 1, p, F64, 1, F32) == NOT_SUPPORTED
    f = x.at("float *")
    assert cublas.cublasSgbmv_v2(handle, 0, 3, 3, -1, 0, one, f, 3, f, 1, one, f, 1) == INVALID_VALUE
    assert (
        cublas.cublasSgbmv_v2(handle, 0, 3, 3, 1, 1, one, f, 2, f, 1, one, f, 1) == INVALID_VALUE
    )  # lda < kl + ku + 1
    assert cublas.cublasSspmv_v2(handle, 0, 3, one, f, f, 0, one, f, 1) == INVALID_VALUE
    assert cublas.cublasStpsv_v2(handle, 7, 0, 0, 3, f, f, 1) == INVALID_VALUE


@pytest.mark.parametrize("kinds", [("f32", "f32"), ("f16", "f32"), ("i8", "f32"), ("f32", "bf16"), ("i8", "i8")])
@pytest.mark.parametrize("trans", [0, 1])
def test_transform(kinds: tuple[str, str], trans: int) -> None:
    """Column-major A (transposed or not) and row-major B into a row-major C of another type; then A alone."""
    lt = d.library("cublaslt13")
    light, desc = ffi.new("cublasLtHandle_t *"), ffi.new("cublasLtMatrixTransformDesc_t *")
    check(lt.cublasLtCreate(light))
    check(lt.cublasLtMatrixTransformDescCreate(desc, F32))
    check(lt.cublasLtMatrixTransformDescSetAttribute(desc[0], lt.CUBLASLT_MATRIX_TRANSFORM_DESC_TRANSA, ffi.new("int *", trans), 4))  # fmt: skip
    a = d.random(RNG, (6, 4) if trans else (4, 6), kinds[0])
    b = d.random(RNG, (4, 6), kinds[0])
    if kinds[0] == "i8":
        a, b = a // 4, b // 4
    layouts = []
    for kind, shape, ld, order in ((kinds[0], a.shape, a.shape[0], 0), (kinds[0], (4, 6), 6, 1), (kinds[1], (4, 6), 6, 1)):  # fmt: skip
        out = ffi.new("cublasLtMatrixLayout_t *")
        check(lt.cublasLtMatrixLayoutCreate(out, CUDA_TYPES[kind], *shape, ld))
        check(lt.cublasLtMatrixLayoutSetAttribute(out[0], lt.CUBLASLT_MATRIX_LAYOUT_ORDER, ffi.new("int *", order), 4))
        layouts.append(out[0])
    da, db = d.Array(a), d.Array(np.ascontiguousarray(b).reshape(-1))
    dc = d.Array(np.zeros(24, NUMPY[kinds[1]]))
    alpha, beta = ffi.new("float *", 2), ffi.new("float *", -1)
    turned = d.wide(a).T if trans else d.wide(a)
    tail = (dc.pointer, layouts[2], ffi.NULL)
    check(lt.cublasLtMatrixTransform(light[0], desc[0], alpha, da.pointer, layouts[0], beta, db.pointer, layouts[1], *tail))  # fmt: skip
    bound = 0.02 if "bf16" in kinds else 1e-5
    np.testing.assert_allclose(d.wide(dc.get()).reshape(4, 6), 2 * turned - d.wide(b), atol=bound)
    check(lt.cublasLtMatrixTransform(light[0], desc[0], alpha, da.pointer, layouts[0], ffi.NULL, ffi.NULL, ffi.NULL, *tail))  # fmt: skip
    np.testing.assert_allclose(d.wide(dc.get()).reshape(4, 6), 2 * turned, atol=bound)
    wrong = lt.cublasLtMatrixTransform(
        light[0], desc[0], alpha, da.pointer, layouts[0], beta, db.pointer, ffi.NULL, *tail
    )
    assert wrong == INVALID_VALUE
    check(lt.cublasLtMatrixTransformDescDestroy(desc[0]))
    check(lt.cublasLtDestroy(light[0]))
