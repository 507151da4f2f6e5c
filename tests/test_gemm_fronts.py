"""cuBLAS and cuBLASLt entry points: results on device memory, modes, and what wrong arguments get."""

from __future__ import annotations

from typing import Any

import blas_device as d
import numpy as np
import pytest
from blas_device import INVALID_VALUE, NOT_INITIALIZED, NOT_SUPPORTED, OK, check, ffi

pytestmark = pytest.mark.skipif(not d.LIB.is_dir(), reason="the shim libraries are not built")

LETTERS = {"S": "f32", "D": "f64", "C": "c64", "Z": "c128", "H": "f16"}
EPSILON = {"f32": 2e-6, "f64": 1e-14, "c64": 2e-6, "c128": 1e-14, "f16": 2e-3, "bf16": 1.6e-2, "i32": 0}
TURN = {0: lambda x: x, 1: lambda x: x.swapaxes(-1, -2), 2: lambda x: x.conj().swapaxes(-1, -2)}
HOST, DEVICE = 0, 1


@pytest.fixture(scope="module")
def cublas() -> Any:
    return d.library("cublas13")


@pytest.fixture(scope="module")
def lt() -> Any:
    return d.library("cublaslt13")


@pytest.fixture
def handle(cublas: Any) -> Any:
    out = ffi.new("cublasHandle_t *")
    check(cublas.cublasCreate_v2(out))
    yield out[0]
    check(cublas.cublasDestroy_v2(out[0]))


def close(got: np.ndarray, want: np.ndarray, kind: str, k: int) -> None:
    difference = np.abs(d.wide(got) - want)
    allowed = EPSILON[kind] * (np.abs(want) + np.sqrt(k))
    assert (difference <= allowed).all(), difference.max()


def pointer(array: d.Array, letter: str) -> Any:
    return array.at(
        {"S": "float *", "D": "double *", "C": "cuComplex *", "Z": "cuDoubleComplex *", "H": "maf_half *"}[letter]
    )


@pytest.mark.parametrize("mode", [HOST, DEVICE], ids=["host", "device"])
@pytest.mark.parametrize("size", ["", "_64"])
@pytest.mark.parametrize("letter", "SDCZH")
def test_gemm(cublas: Any, handle: Any, letter: str, size: str, mode: int) -> None:
    kind, rng = LETTERS[letter], np.random.default_rng(0)
    name = "cublasHgemm" if letter == "H" else f"cublas{letter}gemm_v2"
    m, n, k = 9, 7, 5
    a, b, c = (d.Array(d.random(rng, shape, kind)) for shape in ((k, m), (n, k), (m, n)))
    alpha, beta = (1.5 - 0.5j, 0.5j) if letter in "CZ" else (1.5 + 0j, 0.5 + 0j)
    want = alpha * d.wide(a.host).T @ d.wide(b.host).conj().T + beta * d.wide(c.host)
    scalars = [d.scalar(kind, v) for v in (alpha, beta)]
    keep = []
    if mode == DEVICE:
        keep = [d.Array(np.frombuffer(ffi.buffer(s), d.NUMPY[kind]).copy()) for s in scalars]
        scalars = [x.pointer for x in keep]
    ctype = ffi.typeof(pointer(c, letter))
    alpha_p, beta_p = (ffi.cast(ctype, s) for s in scalars)
    check(cublas.cublasSetPointerMode_v2(handle, mode))
    operands = [pointer(x, letter) for x in (a, b, c)]
    status = getattr(cublas, name + size)(
        handle, 1, 2, m, n, k, alpha_p, operands[0], k, operands[1], n, beta_p, operands[2], m
    )
    check(status)
    close(c.get(), want.real if letter not in "CZ" else want, kind, k)


@pytest.mark.parametrize("form", ["strided", "pointers"])
@pytest.mark.parametrize("kind", ["f32", "f64", "f16", "bf16", "c64", "i8"])
def test_batched_ex(cublas: Any, handle: Any, kind: str, form: str) -> None:
    rng = np.random.default_rng(1)
    batch, m, n, k = 3, 8, 4, 12
    out = "i32" if kind == "i8" else kind
    scale = {"f16": "f32", "bf16": "f32", "i8": "i32"}.get(kind, kind)
    compute = {"f64": 70, "i8": 72}.get(kind, 68)
    shapes = ((m, k, batch), (k, n, batch), (m, n, batch))
    a, b = (d.Array(d.random(rng, shape, kind)) for shape in shapes[:2])
    c = d.Array(np.zeros(shapes[2], d.NUMPY[out], order="F"))
    types = [d.CUDA_TYPES[x] for x in (kind, kind, out)]
    one, zero = d.scalar(scale, 1 + 0j), d.scalar(scale, 0j)
    if form == "strided":
        check(
            cublas.cublasGemmStridedBatchedEx(
                handle, 0, 0, m, n, k, one, a.pointer, types[0], m, m * k, b.pointer, types[1], k, k * n, zero,
                c.pointer, types[2], m, m * n, batch, compute, -1,
            )
        )  # fmt: skip
    else:
        tables = [
            d.Array(np.array([int(ffi.cast("uintptr_t", x.at("void *", i * step))) for i in range(batch)], np.uint64))
            for x, step in ((a, m * k), (b, k * n), (c, m * n))
        ]
        table_a, table_b, table_c = (t.at("void **") for t in tables)
        check(
            cublas.cublasGemmBatchedEx(
                handle, 0, 0, m, n, k, one, table_a, types[0], m, table_b, types[1], k, zero, table_c, types[2], m,
                batch, compute, -1,
            )
        )  # fmt: skip
    want = np.einsum("mkb,knb->mnb", d.wide(a.host), d.wide(b.host))
    close(c.get(), want, out, k)


@pytest.mark.parametrize("letter", "SDCZ")
@pytest.mark.parametrize("trans", [0, 1, 2], ids="NTC")
@pytest.mark.parametrize("incx, incy", [(1, 1), (2, 3), (-1, 2), (3, -2)])
def test_gemv(cublas: Any, handle: Any, letter: str, trans: int, incx: int, incy: int) -> None:
    kind, rng = LETTERS[letter], np.random.default_rng(2)
    m, n = 6, 9
    length_x, length_y = (n, m) if trans == 0 else (m, n)
    a, x = (d.Array(d.random(rng, shape, kind)) for shape in ((m, n), (length_x * abs(incx),)))
    y = d.Array(d.random(rng, (length_y * abs(incy),), kind))

    def vector(values: np.ndarray, length: int, increment: int) -> np.ndarray:
        picked = d.wide(values)[:: abs(increment)][:length]
        return picked if increment > 0 else picked[::-1]

    want = 2 * TURN[trans](d.wide(a.host)) @ vector(x.host, length_x, incx) - vector(y.host, length_y, incy)
    pointers = [pointer(v, letter) for v in (a, x, y)]
    scalars = [d.scalar(kind, 2 + 0j), d.scalar(kind, -1 + 0j)]
    two, minus = (ffi.cast(ffi.typeof(pointers[2]), s) for s in scalars)
    gemv = getattr(cublas, f"cublas{letter}gemv_v2")
    check(gemv(handle, trans, m, n, two, pointers[0], m, pointers[1], incx, minus, pointers[2], incy))
    got = y.get()
    close(vector(got, length_y, incy), want, kind, length_x)
    # The gaps between the vector's elements stay as they were.
    gaps = np.ones(len(got), bool)
    gaps[:: abs(incy)] = False
    assert np.array_equal(got[gaps], y.host[gaps])


@pytest.mark.parametrize("mode", [HOST, DEVICE], ids=["host", "device"])
@pytest.mark.parametrize("name", ["Sdot", "Ddot", "Cdotu", "Cdotc", "Zdotu", "Zdotc"])
@pytest.mark.parametrize("n, incx, incy", [(50, 1, 1), (20, 2, 1), (20, 1, -3), (20, 2, 2), (0, 1, 1)])
def test_dot(cublas: Any, handle: Any, name: str, n: int, incx: int, incy: int, mode: int) -> None:
    kind, rng = LETTERS[name[0]], np.random.default_rng(3)
    x, y = (d.Array(d.random(rng, (max(n, 1) * abs(i),), kind)) for i in (incx, incy))
    u, v = (d.wide(w.host)[:: abs(i)][:n][:: 1 if i > 0 else -1] for w, i in ((x, incx), (y, incy)))
    want = np.sum((u.conj() if name.endswith("c") else u) * v)
    result = d.Array(np.full(1, 7, d.NUMPY[kind]))
    host = d.scalar(kind, 7 + 0j)
    check(cublas.cublasSetPointerMode_v2(handle, mode))
    pointers = [pointer(w, name[0]) for w in (x, y, result)]
    target = pointers[2] if mode == DEVICE else ffi.cast(ffi.typeof(pointers[2]), host)
    check(getattr(cublas, f"cublas{name}_v2")(handle, n, pointers[0], incx, pointers[1], incy, target))
    got = result.get() if mode == DEVICE else np.frombuffer(ffi.buffer(host), d.NUMPY[kind])
    close(got, np.array([want]), kind, max(n, 1))


WRONG = {
    "negative m": (OK, {"m": -1}),
    "negative k": (OK, {"k": -1}),
    "lda below rows": (OK, {"lda": 3}),
    "lda below columns of a transposed A": (OK, {"transa": 1, "lda": 4}),
    "ldb": (OK, {"ldb": 4}),
    "ldc": (OK, {"ldc": 3}),
    "unknown operation": (OK, {"transb": 5}),
    "no alpha": (OK, {"alpha": ffi.NULL}),
    "no beta": (OK, {"beta": ffi.NULL}),
}


@pytest.mark.parametrize("change", WRONG)
def test_wrong_arguments(cublas: Any, handle: Any, change: str) -> None:
    memory = d.Array(np.full(64, 3, "f4"))
    one = ffi.new("float *", 1.0)
    good = {"transa": 0, "transb": 0, "m": 4, "n": 6, "k": 5, "alpha": one, "lda": 4, "ldb": 5, "beta": one, "ldc": 4}

    def call(h: Any, **v: Any) -> int:
        p = memory.at("float *")
        return cublas.cublasSgemm_v2(
            h, v["transa"], v["transb"], v["m"], v["n"], v["k"], v["alpha"], p, v["lda"], p, v["ldb"], v["beta"],
            p, v["ldc"],
        )  # fmt: skip

    assert call(handle, **(good | WRONG[change][1])) == INVALID_VALUE
    assert call(ffi.NULL, **good) == NOT_INITIALIZED
    assert np.array_equal(memory.get(), memory.host)


def test_8_bit_floats_are_not_supported(cublas: Any, handle: Any) -> None:
    x, one = d.Array(np.zeros(64, "u1")), ffi.new("float *", 1.0)
    fp8 = 28
    args = (0, 0, 4, 4, 4, one, x.pointer, fp8, 4, x.pointer, fp8, 4, one, x.pointer, fp8, 4, 68, -1)
    assert cublas.cublasGemmEx(handle, *args) == NOT_SUPPORTED


def test_modes_are_kept_and_checked(cublas: Any, handle: Any) -> None:
    for name, ctype, good, bad in (
        ("PointerMode_v2", "cublasPointerMode_t *", 1, 2),
        ("AtomicsMode", "cublasAtomicsMode_t *", 1, 2),
        ("MathMode", "cublasMath_t *", 3, 32),
        ("SmCountTarget", "int *", 4, -1),
    ):
        out = ffi.new(ctype)
        check(getattr(cublas, f"cublasSet{name}")(handle, good))
        assert getattr(cublas, f"cublasSet{name}")(handle, bad) == INVALID_VALUE
        check(getattr(cublas, f"cublasGet{name}")(handle, out))
        assert int(out[0]) == good
        assert getattr(cublas, f"cublasGet{name}")(ffi.NULL, out) == NOT_INITIALIZED


@pytest.mark.parametrize("major", [12, 13])
def test_versions(major: int) -> None:
    cublas, lt = d.library(f"cublas{major}"), d.library(f"cublaslt{major}")
    value = ffi.new("int *")
    check(cublas.cublasGetVersion_v2(ffi.NULL, value))
    assert value[0] // 10000 == major == lt.cublasLtGetVersion() // 10000
    check(lt.cublasLtGetProperty(0, value))
    assert value[0] == major
    assert ffi.string(cublas.cublasGetStatusName(15)) == b"CUBLAS_STATUS_NOT_SUPPORTED"


class Matmul:
    """Descriptors of one cublasLtMatmul, as PyTorch makes them."""

    def __init__(self, lt: Any, kind: str, compute: int, scale: str) -> None:
        self.lt, self.kind = lt, kind
        out = ffi.new("cublasLtMatmulDesc_t *")
        check(lt.cublasLtMatmulDescCreate(out, compute, d.CUDA_TYPES[scale]))
        self.desc = ffi.gc(out[0], lt.cublasLtMatmulDescDestroy)

    def set(self, attribute: int, ctype: str, value: Any) -> int:
        box = ffi.new(f"{ctype} *", value)
        return self.lt.cublasLtMatmulDescSetAttribute(self.desc, attribute, box, ffi.sizeof(ctype))

    def layout(self, kind: str, rows: int, cols: int, ld: int, **attributes: Any) -> Any:
        out = ffi.new("cublasLtMatrixLayout_t *")
        check(self.lt.cublasLtMatrixLayoutCreate(out, d.CUDA_TYPES[kind], rows, cols, ld))
        for name, value in attributes.items():
            attribute, ctype = {"order": (1, "int32_t"), "batch": (5, "int32_t"), "stride": (6, "int64_t")}[name]
            box = ffi.new(f"{ctype} *", value)
            check(self.lt.cublasLtMatrixLayoutSetAttribute(out[0], attribute, box, ffi.sizeof(ctype)))
        return ffi.gc(out[0], self.lt.cublasLtMatrixLayoutDestroy)


@pytest.mark.parametrize("kind", ["f32", "f16", "bf16", "f64"])
@pytest.mark.parametrize("epilogue", [1, 2, 4, 6, 32, 36])
def test_lt_matmul(lt: Any, handle: Any, kind: str, epilogue: int) -> None:
    rng = np.random.default_rng(4)
    m, n, k = 24, 10, 32
    scale = "f64" if kind == "f64" else "f32"
    op = Matmul(lt, kind, 70 if kind == "f64" else 68, scale)
    a, b = d.Array(d.random(rng, (k, m), kind)), d.Array(d.random(rng, (k, n), kind))
    c, bias = d.Array(np.zeros((m, n), d.NUMPY[kind], order="F")), d.Array(d.random(rng, (m,), kind))
    check(op.set(3, "int32_t", 1))
    check(op.set(7, "uint32_t", epilogue))
    check(op.set(8, "uintptr_t", int(ffi.cast("uintptr_t", bias.pointer))))
    layouts = [op.layout(kind, k, m, k), op.layout(kind, k, n, k), op.layout(kind, m, n, m), op.layout(kind, m, n, m)]
    preference = ffi.new("cublasLtMatmulPreference_t *")
    check(lt.cublasLtMatmulPreferenceCreate(preference))
    check(lt.cublasLtMatmulPreferenceSetAttribute(preference[0], 1, ffi.new("uint64_t *", 1 << 20), 8))
    results, found = ffi.new("cublasLtMatmulHeuristicResult_t[2]"), ffi.new("int *")
    lt_handle = ffi.cast("cublasLtHandle_t", handle)
    check(lt.cublasLtMatmulAlgoGetHeuristic(lt_handle, op.desc, *layouts, preference[0], 2, results, found))
    assert (found[0], int(results[0].state), results[0].workspaceSize) == (1, OK, 0)
    check(lt.cublasLtMatmulPreferenceDestroy(preference[0]))
    alpha, beta = d.scalar(scale, 0.5 + 0j), d.scalar(scale, 0j)
    algo = ffi.addressof(results[0], "algo")
    check(
        lt.cublasLtMatmul(
            lt_handle, op.desc, alpha, a.pointer, layouts[0], b.pointer, layouts[1], beta, c.pointer, layouts[2],
            c.pointer, layouts[3], algo, ffi.NULL, 0, ffi.NULL,
        )
    )  # fmt: skip
    want = 0.5 * d.wide(a.host).T @ d.wide(b.host)
    if epilogue & 4:
        want = want + d.wide(bias.host)[:, None]
    if epilogue & 2:
        want = np.maximum(want, 0)
    if epilogue & 32:
        want = d.ref_gemm.gelu(want)
    close(c.get(), want, kind, k)


def test_lt_int8(lt: Any, handle: Any) -> None:
    """As torch._int_mm: compute 32I, scale 32I, no algorithm and no workspace."""
    rng = np.random.default_rng(5)
    op = Matmul(lt, "i8", 72, "i32")
    check(op.set(3, "int32_t", 1))
    a, b = d.Array(d.random(rng, (32, 16), "i8")), d.Array(d.random(rng, (32, 24), "i8"))
    c = d.Array(np.zeros((16, 24), "i4", order="F"))
    layouts = [op.layout("i8", 32, 16, 32), op.layout("i8", 32, 24, 32), *[op.layout("i32", 16, 24, 16)] * 2]
    one, zero = d.scalar("i32", 1 + 0j), d.scalar("i32", 0j)
    check(
        lt.cublasLtMatmul(
            ffi.cast("cublasLtHandle_t", handle), op.desc, one, a.pointer, layouts[0], b.pointer, layouts[1], zero,
            c.pointer, layouts[2], c.pointer, layouts[3], ffi.NULL, ffi.NULL, 0, ffi.NULL,
        )
    )  # fmt: skip
    assert np.array_equal(c.get(), a.host.astype("i4").T @ b.host.astype("i4"))


def test_lt_row_order_batch(lt: Any, handle: Any) -> None:
    rng = np.random.default_rng(6)
    batch, m, n, k = 4, 5, 6, 7
    a, b = rng.uniform(-1, 1, (batch, m, k)).astype("f4"), rng.uniform(-1, 1, (batch, k, n)).astype("f4")
    da, db, dd = (d.Array(x.reshape(-1)) for x in (a, b, np.zeros((batch, m, n), "f4")))
    op = Matmul(lt, "f32", 68, "f32")
    layouts = [
        op.layout("f32", rows, cols, cols, order=1, batch=batch, stride=rows * cols)
        for rows, cols in ((m, k), (k, n), (m, n), (m, n))
    ]
    one, zero = d.scalar("f32", 1 + 0j), d.scalar("f32", 0j)
    check(
        lt.cublasLtMatmul(
            ffi.cast("cublasLtHandle_t", handle), op.desc, one, da.pointer, layouts[0], db.pointer, layouts[1], zero,
            dd.pointer, layouts[2], dd.pointer, layouts[3], ffi.NULL, ffi.NULL, 0, ffi.NULL,
        )
    )  # fmt: skip
    close(dd.get().reshape(batch, m, n), a.astype("f8") @ b.astype("f8"), "f32", k)


def test_lt_attributes_check_sizes(lt: Any) -> None:
    op = Matmul(lt, "f32", 68, "f32")
    check(op.set(12, "int64_t", 77))
    assert op.set(12, "int32_t", 77) == INVALID_VALUE
    assert op.set(999, "int32_t", 1) == INVALID_VALUE
    value, written = ffi.new("int64_t *"), ffi.new("size_t *")
    check(lt.cublasLtMatmulDescGetAttribute(op.desc, 12, value, 8, written))
    assert (value[0], written[0]) == (77, 8)
    check(lt.cublasLtMatmulDescGetAttribute(op.desc, 12, ffi.NULL, 0, written))
    assert lt.cublasLtMatmulDescGetAttribute(op.desc, 12, value, 4, written) == INVALID_VALUE


def test_lt_destroy_never_fails(lt: Any) -> None:
    for name in ("MatmulDesc", "MatrixLayout", "MatmulPreference"):
        assert getattr(lt, f"cublasLt{name}Destroy")(ffi.NULL) == OK
    assert lt.cublasLtDestroy(ffi.NULL) == OK


def test_lt_mismatched_shapes(lt: Any, handle: Any) -> None:
    op = Matmul(lt, "f32", 68, "f32")
    layouts = [op.layout("f32", 4, 5, 4), op.layout("f32", 6, 3, 6), *[op.layout("f32", 4, 3, 4)] * 2]
    x, one = d.Array(np.zeros(64, "f4")), d.scalar("f32", 1 + 0j)
    status = lt.cublasLtMatmul(
        ffi.cast("cublasLtHandle_t", handle), op.desc, one, x.pointer, layouts[0], x.pointer, layouts[1], one,
        x.pointer, layouts[2], x.pointer, layouts[3], ffi.NULL, ffi.NULL, 0, ffi.NULL,
    )  # fmt: skip
    assert status == INVALID_VALUE


def test_lt_unsupported_order(lt: Any, handle: Any) -> None:
    op = Matmul(lt, "f32", 68, "f32")
    layouts = [op.layout("f32", 32, 32, 1024, order=2), *[op.layout("f32", 32, 32, 32)] * 3]
    preference = ffi.new("cublasLtMatmulPreference_t *")
    check(lt.cublasLtMatmulPreferenceCreate(preference))
    results, found = ffi.new("cublasLtMatmulHeuristicResult_t[1]"), ffi.new("int *", 9)
    lt_handle = ffi.cast("cublasLtHandle_t", handle)
    status = lt.cublasLtMatmulAlgoGetHeuristic(lt_handle, op.desc, *layouts, preference[0], 1, results, found)
    assert (status, found[0]) == (NOT_SUPPORTED, 0)
    check(lt.cublasLtMatmulPreferenceDestroy(preference[0]))
