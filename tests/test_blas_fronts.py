"""cuBLAS's routines that are no GEMM: each entry point on device memory against the reference of the BLAS op."""

from __future__ import annotations

from typing import Any

import blas_device as d
import numpy as np
import pytest
from blas_device import INVALID_VALUE, NOT_INITIALIZED, NOT_SUPPORTED, OK, check, ffi
from cuda_process import isolated
from test_blas import TYPES, Memory, description, same

from maf_vdev.modnn import blas as b
from maf_vdev.modnn import registry

pytestmark = pytest.mark.skipif(not d.LIB.is_dir(), reason="the shim libraries are not built")

CTYPES = {"s": "float *", "d": "double *", "c": "cuComplex *", "z": "cuDoubleComplex *"}
REALS = {"s": "f4", "d": "f8", "c": "f4", "z": "f8"}
HOST, DEVICE = 0, 1

# Arguments after the handle: sizes and flags by the op's field names, operands a b c x y, scalars alpha beta
# (ralpha, rbeta: of the real type), result.
SIGNATURES = {
    "trsm": "side uplo transa unit_diagonal m n alpha a lda b ldb",
    "trmm": "side uplo transa unit_diagonal m n alpha a lda b ldb c ldc",
    "symm": "side uplo m n alpha a lda b ldb beta c ldc",
    "hemm": "side uplo m n alpha a lda b ldb beta c ldc",
    "syrk": "uplo transa n k alpha a lda beta c ldc",
    "herk": "uplo transa n k ralpha a lda rbeta c ldc",
    "syr2k": "uplo transa n k alpha a lda b ldb beta c ldc",
    "her2k": "uplo transa n k alpha a lda b ldb rbeta c ldc",
    "geam": "transa transb m n alpha a lda beta b ldb c ldc",
    "dgmm": "side m n a lda x incx c ldc",
    "trsv": "uplo transa unit_diagonal n a lda x incx",
    "trmv": "uplo transa unit_diagonal n a lda x incx",
    "symv": "uplo n alpha a lda x incx beta y incy",
    "hemv": "uplo n alpha a lda x incx beta y incy",
    "ger": "m n alpha x incx y incy a lda",
    "gerc": "m n alpha x incx y incy a lda",
    "syr": "uplo n alpha x incx a lda",
    "her": "uplo n ralpha x incx a lda",
    "syr2": "uplo n alpha x incx y incy a lda",
    "her2": "uplo n alpha x incx y incy a lda",
    "axpy": "n alpha x incx y incy",
    "scal": "n alpha x incx",
    "copy": "n x incx y incy",
    "swap": "n x incx y incy",
    "nrm2": "n x incx result",
    "asum": "n x incx result",
    "iamax": "n x incx result",
    "iamin": "n x incx result",
    "rot": "n x incx y incy ralpha beta",
    "gbmv": "transa m n k above alpha a lda x incx beta y incy",
    "sbmv": "uplo n k alpha a lda x incx beta y incy",
    "hbmv": "uplo n k alpha a lda x incx beta y incy",
    "spmv": "uplo n alpha a x incx beta y incy",
    "hpmv": "uplo n alpha a x incx beta y incy",
    "tbmv": "uplo transa unit_diagonal n k a lda x incx",
    "tbsv": "uplo transa unit_diagonal n k a lda x incx",
    "tpmv": "uplo transa unit_diagonal n a x incx",
    "tpsv": "uplo transa unit_diagonal n a x incx",
    "spr": "uplo n alpha x incx a",
    "hpr": "uplo n ralpha x incx a",
    "spr2": "uplo n alpha x incx y incy a",
    "hpr2": "uplo n alpha x incx y incy a",
    "tpttr": "uplo n x a lda",
    "trttp": "uplo n a lda x",
    "syrkx": "uplo transa n k alpha a lda b ldb beta c ldc",
    "herkx": "uplo transa n k alpha a lda b ldb rbeta c ldc",
}
# Real types have symmetric packed and banded matrices, complex ones Hermitian ones.
REAL_ONLY = {"sbmv", "spmv", "spr", "spr2"}
EXTENSIONS = ("geam", "dgmm", "tpttr", "trttp", "syrkx", "herkx")
OPERANDS = {"a": b.A, "b": b.B, "c": b.C, "x": b.X, "y": b.Y}


def entry_point(name: str, letter: str) -> str:
    if name in ("iamax", "iamin"):
        return f"cublasI{letter}{name[1:]}_v2"
    prefix = {"c": "Sc", "z": "Dz"}.get(letter) if name in ("nrm2", "asum") else None
    if name == "ger" and letter in "cz":
        name = "geru"
    return f"cublas{prefix or letter.upper()}{name}" + ("" if name in EXTENSIONS else "_v2")


@pytest.fixture(scope="module")
def cublas() -> Any:
    return d.library("cublas13")


@pytest.fixture
def handle(cublas: Any) -> Any:
    out = ffi.new("cublasHandle_t *")
    check(cublas.cublasCreate_v2(out))
    yield out[0]
    check(cublas.cublasDestroy_v2(out[0]))


CASES = [
    (name, letter, mode)
    for name in SIGNATURES
    for letter in ("cz" if name in b.HERMITIAN else "sd" if name in REAL_ONLY else "sdcz")
    for mode in (HOST, DEVICE)
    if letter in "sc" or mode == HOST
]


@pytest.mark.parametrize(
    "name, letter, mode", CASES, ids=[f"{c[1]}{c[0]}-{'device' if c[2] else 'host'}" for c in CASES]
)
def test_entry_point(cublas: Any, handle: Any, name: str, letter: str, mode: int) -> None:
    kind = TYPES[letter]
    hermitian = name in ("herk", "her2k", "herkx")
    flags = {"uplo": 1} if "uplo" in SIGNATURES[name] else {}
    flags |= {"transa": 2 if hermitian else 1} if "transa" in SIGNATURES[name] else {}
    op = description(name, kind, **flags)
    if name == "rot":
        op.type_scale = kind
    alpha, beta = (1.5 - 0.25j, 0.5 + 0.25j) if letter in "cz" else (1.5, 0.5)
    if "ralpha" in SIGNATURES[name]:
        alpha = np.real(alpha)
    if "rbeta" in SIGNATURES[name]:
        beta = np.real(beta)
    device = [d.Array(x) for x in Memory(op).buffers]
    want = Memory(op).run(registry.REFERENCE, alpha, beta)
    numpy_type = {"s": "f4", "d": "f8", "c": "c8", "z": "c16"}[letter]
    result_type = "i4" if name.startswith("iam") else REALS[letter]
    scalars = {
        "alpha": np.array([alpha], numpy_type),
        "beta": np.array([beta], numpy_type),
        "ralpha": np.array([np.real(alpha)], REALS[letter]),
        "rbeta": np.array([np.real(beta)], REALS[letter]),
        "result": np.zeros(1, result_type),
    }
    on_device = {key: d.Array(value) for key, value in scalars.items()}
    check(cublas.cublasSetPointerMode_v2(handle, mode))
    function = getattr(cublas, entry_point(name, letter))
    arguments = []
    for token, ctype in zip(SIGNATURES[name].split(), ffi.typeof(function).args[1:], strict=True):
        if token in OPERANDS:
            arguments.append(ffi.cast(ctype, device[OPERANDS[token]].pointer))
        elif token in scalars:
            host = ffi.cast("void *", scalars[token].ctypes.data)
            arguments.append(ffi.cast(ctype, on_device[token].pointer if mode == DEVICE else host))
        else:
            arguments.append(getattr(op, token))
    check(function(handle, *arguments))
    got = [x.get() for x in device]
    if "result" in SIGNATURES[name]:
        value = on_device["result"].get() if mode == DEVICE else scalars["result"]
        got[b.C] = want[b.C].copy()
        got[b.C].view(result_type)[0] = value[0]
    same(op, got, want, name)


@pytest.mark.parametrize("letter", "SDCZ")
def test_batched_factor_and_solve(cublas: Any, handle: Any, letter: str) -> None:
    """getrf, getrs and getri give the solution and the inverse; a singular matrix is reported by number."""
    numpy_type = {"S": "f4", "D": "f8", "C": "c8", "Z": "c16"}[letter]
    tolerance = 1e-4 if letter in "SC" else 1e-11
    rng = np.random.default_rng(0)
    n, nrhs, batch = 6, 2, 3
    a = d.random(rng, (n, n, batch), {"S": "f32", "D": "f64", "C": "c64", "Z": "c128"}[letter])
    a[:, :, 2] = 0
    x = d.random(rng, (n, nrhs, batch), {"S": "f32", "D": "f64", "C": "c64", "Z": "c128"}[letter])
    factors, rhs, inverse = d.Array(a), d.Array(x), d.Array(np.zeros_like(a))
    pivots, info, host_info = d.Array(np.zeros(n * batch, "i4")), d.Array(np.full(batch, 9, "i4")), ffi.new("int *", 9)

    def table(array: d.Array, step: int) -> d.Array:
        base = int(ffi.cast("uintptr_t", array.pointer))
        return d.Array(np.array([base + i * step * array.host.itemsize for i in range(batch)], np.uint64))

    tables = [table(factors, n * n), table(rhs, n * nrhs), table(inverse, n * n)]
    ctype = {"S": "float **", "D": "double **", "C": "cuComplex **", "Z": "cuDoubleComplex **"}[letter]
    pa, pb, pc = (t.at(ctype) for t in tables)
    p, i = pivots.at("int *"), info.at("int *")
    check(getattr(cublas, f"cublas{letter}getrfBatched")(handle, n, pa, n, p, i, batch))
    assert list(info.get()) == [0, 0, 1]
    check(getattr(cublas, f"cublas{letter}getrsBatched")(handle, 0, n, nrhs, pa, n, p, pb, n, host_info, 2))
    assert host_info[0] == 0
    check(getattr(cublas, f"cublas{letter}getriBatched")(handle, n, pa, n, p, pc, n, i, 2))
    for j in range(2):
        np.testing.assert_allclose(a[:, :, j] @ rhs.get()[:, :, j], x[:, :, j], atol=tolerance)
        np.testing.assert_allclose(a[:, :, j] @ inverse.get()[:, :, j], np.eye(n), atol=tolerance)
    assert (
        getattr(cublas, f"cublas{letter}getrsBatched")(handle, 0, n, -1, pa, n, p, pb, n, host_info, 2) == INVALID_VALUE
    )
    assert host_info[0] == -3
    assert numpy_type == a.dtype.str[1:]


@pytest.mark.parametrize("letter", "SDCZ")
def test_batched_least_squares(cublas: Any, handle: Any, letter: str) -> None:
    kind = {"S": "f32", "D": "f64", "C": "c64", "Z": "c128"}[letter]
    rng = np.random.default_rng(1)
    m, n, nrhs, batch = 8, 3, 2, 2
    a, c = d.random(rng, (m, n, batch), kind), d.random(rng, (m, nrhs, batch), kind)
    da, dc, tau = d.Array(a), d.Array(c), d.Array(np.zeros((n, batch), a.dtype))
    info = ffi.new("int *", 9)
    ctype = {"S": "float **", "D": "double **", "C": "cuComplex **", "Z": "cuDoubleComplex **"}[letter]
    tables = []
    for array, step in ((da, m * n), (dc, m * nrhs), (tau, n)):
        base = int(ffi.cast("uintptr_t", array.pointer))
        tables.append(d.Array(np.array([base + i * step * a.itemsize for i in range(batch)], np.uint64)))
    pa, pc, pt = (t.at(ctype) for t in tables)
    check(getattr(cublas, f"cublas{letter}gelsBatched")(handle, 0, m, n, nrhs, pa, m, pc, m, info, ffi.NULL, batch))
    for j in range(batch):
        want = np.linalg.lstsq(d.wide(a[:, :, j]), d.wide(c[:, :, j]), rcond=None)[0]
        np.testing.assert_allclose(dc.get()[:n, :, j], want, atol=1e-4 if letter in "SC" else 1e-11)
    da.put(np.asfortranarray(a))
    check(getattr(cublas, f"cublas{letter}geqrfBatched")(handle, m, n, pa, m, pt, info, batch))
    for j in range(batch):
        r = np.triu(d.wide(da.get()[:n, :, j]))
        gram = d.wide(a[:, :, j]).conj().T @ d.wide(a[:, :, j])
        np.testing.assert_allclose(r.conj().T @ r, gram, atol=1e-4 if letter in "SC" else 1e-11)
        assert np.all(tau.get()[:, j] != 0)
    underdetermined = (handle, 0, 2, 3, 1, pa, m, pc, m, info, ffi.NULL, batch)
    assert getattr(cublas, f"cublas{letter}gelsBatched")(*underdetermined) == NOT_SUPPORTED


def test_batches_of_empty_matrices_need_no_addresses(cublas: Any, handle: Any) -> None:
    info, host_info = d.Array(np.full(2, 9, "i4")), ffi.new("int *", 9)
    check(cublas.cublasSgetrfBatched(handle, 0, ffi.NULL, 1, ffi.NULL, info.at("int *"), 2))
    assert list(info.get()) == [0, 0]
    check(cublas.cublasSgeqrfBatched(handle, 4, 0, ffi.NULL, 4, ffi.NULL, host_info, 2))
    assert host_info[0] == 0
    c = d.Array(np.ones((2, 4), "f4"))
    table = d.Array(np.array([int(ffi.cast("uintptr_t", c.at("void *", 4 * i))) for i in range(2)], np.uint64))
    one, half = ffi.new("float *", 1.0), ffi.new("float *", 0.5)
    none, pc = ffi.NULL, table.at("float **")
    check(cublas.cublasSgemmBatched(handle, 0, 0, 2, 2, 0, one, none, 2, none, 1, half, pc, 2, 2))
    assert (c.get() == 0.5).all()


def test_transfers(cublas: Any) -> None:
    host = np.arange(12, dtype="f4")
    device = d.Array(np.zeros(64, "f4"))
    source = ffi.cast("void *", host.ctypes.data)
    check(cublas.cublasSetMatrix(3, 4, 4, source, 3, device.pointer, 5))
    want = np.zeros(64, "f4")
    for j in range(4):
        want[5 * j : 5 * j + 3] = host[3 * j : 3 * j + 3]
    assert np.array_equal(device.get(), want)
    back = np.zeros(8, "f4")
    check(cublas.cublasGetVectorAsync(4, 4, device.pointer, 5, ffi.cast("void *", back.ctypes.data), 2, ffi.NULL))
    assert np.array_equal(back, [0, 0, 3, 0, 6, 0, 9, 0])
    assert cublas.cublasSetMatrix(3, 4, 4, source, 2, device.pointer, 5) == INVALID_VALUE


def test_wrong_arguments(cublas: Any, handle: Any) -> None:
    x, one = d.Array(np.ones(64, "f4")), ffi.new("float *", 1.0)
    p = x.at("float *")
    assert cublas.cublasStrsm_v2(handle, 0, 0, 0, 0, 4, 4, one, p, 3, p, 4) == INVALID_VALUE
    assert cublas.cublasStrsm_v2(handle, 2, 0, 0, 0, 4, 4, one, p, 4, p, 4) == INVALID_VALUE
    assert cublas.cublasStrsm_v2(handle, 0, 0, 0, 0, 4, 4, ffi.NULL, p, 4, p, 4) == INVALID_VALUE
    assert cublas.cublasSger_v2(handle, 4, 4, one, p, 0, p, 1, p, 4) == INVALID_VALUE
    assert cublas.cublasSnrm2_v2(handle, 4, p, 1, ffi.NULL) == INVALID_VALUE
    assert cublas.cublasSscal_v2(ffi.NULL, 4, one, p, 1) == NOT_INITIALIZED
    check(cublas.cublasSaxpy_v2(handle, -1, one, p, 1, p, 1))
    assert np.array_equal(x.get(), x.host)


@pytest.mark.parametrize("mode", [HOST, DEVICE])
@pytest.mark.parametrize("letter", "sdcz")
@pytest.mark.parametrize("a, b", [(3, -4), (-4, 3), (0, 2), (2, 0), (0, 0), (1e30, 1e30)])
def test_rotg_agrees_with_blas(cublas: Any, handle: Any, letter: str, mode: int, a: float, b: float) -> None:
    """The definition: [c s; -conj(s) c] [a; b] = [r; 0]."""
    kind = {"s": "f4", "d": "f8", "c": "c8", "z": "c16"}[letter]
    complex_kind = letter in "cz"
    values = np.array([a * (1 - 0.5j) if complex_kind else a, b * (1 + 2j) if complex_kind else b], kind)
    pair, sine = d.Array(values), d.Array(np.zeros(1, kind))
    cosine = d.Array(np.zeros(1, REALS[letter]))
    check(cublas.cublasSetPointerMode_v2(handle, mode))
    ctype, real = CTYPES[letter], {"f4": "float *", "f8": "double *"}[REALS[letter]]
    if mode == DEVICE:
        arguments = pair.at(ctype), pair.at(ctype, 1), cosine.at(real), sine.at(ctype)
    else:
        hosts = values.copy(), np.zeros(1, REALS[letter]), np.zeros(1, kind)
        addresses = [ffi.cast("char *", x.ctypes.data) for x in hosts]
        arguments = (
            ffi.cast(ctype, addresses[0]), ffi.cast(ctype, addresses[0] + values.itemsize),
            ffi.cast(real, addresses[1]), ffi.cast(ctype, addresses[2]),
        )  # fmt: skip
    check(getattr(cublas, f"cublas{letter.upper()}rotg_v2")(handle, *arguments))
    (r, z), c, s = (x.get() for x in (pair, cosine, sine)) if mode == DEVICE else hosts
    c, s, tolerance = c[0], s[0], 1e-5 if kind in ("f4", "c8") else 1e-14
    scale = max(1, abs(values).max())
    np.testing.assert_allclose(c * c + abs(s) ** 2, 1, rtol=tolerance)
    np.testing.assert_allclose((c * values[0] + s * values[1]) / scale, r / scale, atol=tolerance)
    np.testing.assert_allclose((c * values[1] - np.conj(s) * values[0]) / scale, 0, atol=tolerance)
    if not complex_kind:
        known = (0, 1) if z == 1 else (np.sqrt(1 - z * z), z) if abs(z) < 1 else (1 / z, np.sqrt(1 - 1 / z**2))
        np.testing.assert_allclose((c, s), known, atol=tolerance)


@pytest.mark.parametrize("mode", [HOST, DEVICE])
@pytest.mark.parametrize(
    "d1, d2, x1, y1",
    [(2, 3, 4, 1), (1, 2, 1, 5), (1, 0, 1, 5), (-1, 2, 3, 4), (1, -3, 1, 5), (1e-20, 1e-19, 1, 2), (1e20, 3e19, 2, 1)],
)
def test_modified_rotation(cublas: Any, handle: Any, mode: int, d1: float, d2: float, x1: float, y1: float) -> None:
    """H [x1; y1] = [x; 0], and rotm applies that H to vectors."""
    check(cublas.cublasSetPointerMode_v2(handle, mode))
    start = np.array([d1, d2, x1, y1, 9, 9, 9, 9, 9], "f8")
    memory = d.Array(start)
    base = start.copy()
    at = (
        (lambda i: memory.at("double *", i))
        if mode == DEVICE
        else (lambda i: ffi.cast("double *", base.ctypes.data) + i)
    )
    check(cublas.cublasDrotmg_v2(handle, at(0), at(1), at(2), at(3), at(4)))
    out = memory.get() if mode == DEVICE else base
    x, y = np.array([x1, 1.0]), np.array([y1, -2.0])
    vector_x, vector_y = d.Array(x), d.Array(y)
    check(cublas.cublasDrotm_v2(handle, 2, vector_x.at("double *"), 1, vector_y.at("double *"), 1, at(4)))
    flag, h11, h21, h12, h22 = out[4:]
    h = {-2: [[1, 0], [0, 1]], 0: [[1, h12], [h21, 1]], 1: [[h11, 1], [-1, h22]], -1: [[h11, h12], [h21, h22]]}[flag]
    np.testing.assert_allclose([vector_x.get(), vector_y.get()], h @ np.array([x, y]), rtol=1e-13, atol=1e-13)
    assert flag == {(2, 3, 4, 1): 0, (1, 2, 1, 5): 1, (1, 0, 1, 5): -2}.get((d1, d2, x1, y1), -1)
    if flag != -2 and d1 > 0 and d2 > 0:
        turned = h @ np.array([x1, y1])
        np.testing.assert_allclose(turned, [out[2], 0], atol=1e-12 * abs(out[2]))
        # The weighted norm is kept, up to the powers of two that rescaling moves into H.
        np.testing.assert_allclose(out[0] * out[2] ** 2, d1 * x1**2 + d2 * y1**2, rtol=1e-12)
    elif flag == -1:
        assert not out[:3].any()


def null_in_an_array(call: str) -> None:
    """An address of 0 in an array of addresses faults on the device: error 700 at the next synchronisation."""
    import cuda_process as c

    cublas = c.open_library("libmaf_cublas13.so", "libcuda_stub/cublas/cublas.h")
    handle, one = c.ffi.new("cublasHandle_t *"), c.ffi.new("float *", 1.0)
    c.check(cublas.cublasCreate_v2(handle))
    good = c.address(c.upload(np.eye(4, dtype="f4").tobytes()))
    full = c.ffi.cast("void *", c.address(c.upload(np.array([good, good], np.uint64).tobytes())))
    hole = c.ffi.cast("void *", c.address(c.upload(np.array([good, 0], np.uint64).tobytes())))
    if call == "gemm":
        x, y = c.ffi.cast("float **", full), c.ffi.cast("float **", hole)
        status = cublas.cublasSgemmBatched(handle[0], 0, 0, 4, 4, 4, one, y, 4, x, 4, one, x, 4, 2)
    else:
        x, y = c.ffi.cast("float **", hole), c.ffi.cast("float **", full)
        status = cublas.cublasStrsmBatched(handle[0], 0, 0, 0, 0, 4, 4, one, x, 4, y, 4, 2)
    assert status in (OK, cublas.CUBLAS_STATUS_EXECUTION_FAILED)  # the latter where the fault came before the return
    assert c.rt.cudaDeviceSynchronize() == 700


@isolated()
def test_gemm_with_null_in_an_array() -> None:
    null_in_an_array("gemm")


@isolated()
def test_trsm_with_null_in_an_array() -> None:
    null_in_an_array("trsm")
