"""cuSPARSE entry points on a running executor, both providers of the op against dense numpy."""

from __future__ import annotations

from typing import Any

import blas_device as d
import cffi
import numpy as np
import pytest

from maf_vdev import protocol
from maf_vdev.modnn import registry

pytestmark = pytest.mark.skipif(not d.LIB.is_dir(), reason="the shim libraries are not built")

ffi = cffi.FFI()
ffi.cdef(d.declarations("cusparse/cusparse.h"))
NULL = ffi.NULL
INT32, INT64 = 2, 3
COLUMNS, ROWS = 1, 2
INVALID_VALUE, NOT_SUPPORTED = 3, 10
TYPES = {"f32": (0, np.float32), "f64": (1, np.float64), "c64": (4, np.complex64), "c128": (5, np.complex128)}
TOLERANCE = {"f32": 1e-5, "f64": 1e-12, "c64": 1e-5, "c128": 1e-12}
EACH_TYPE = pytest.mark.parametrize("kind", TYPES)


@pytest.fixture(scope="module")
def lib() -> Any:
    return ffi.dlopen(str(d.LIB / "libmaf_cusparse12.so"))


@pytest.fixture
def handle(lib: Any) -> Any:
    out = ffi.new("cusparseHandle_t *")
    d.check(lib.cusparseCreate(out))
    yield out[0]
    d.check(lib.cusparseDestroy(out[0]))


class Buffer(d.Array):
    """A device copy; `p` is its address for cuSPARSE's declarations."""

    @property
    def p(self) -> Any:
        return ffi.cast("void *", int(d.ffi.cast("uintptr_t", self.pointer)))

    @property
    def ints(self) -> Any:
        return ffi.cast("int *", self.p)


def random(kind: str, *shape: int, seed: int = 0, density: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    if kind in ("c64", "c128"):
        x = x + 1j * rng.standard_normal(shape)
    return (x * (rng.random(shape) < density)).astype(TYPES[kind][1])


def turned(x: np.ndarray, op: int) -> np.ndarray:
    return [x, x.T, x.conj().T][op]


def scalar(kind: str, value: complex) -> Any:
    return ffi.from_buffer(np.array([value], TYPES[kind][1]))


def close(got: np.ndarray, want: np.ndarray, kind: str) -> None:
    np.testing.assert_allclose(got, want, rtol=0, atol=TOLERANCE[kind] * (1 + np.abs(want).max(initial=0)))


def csr(x: np.ndarray, base: int = 0, dtype: str = "i4") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows, cols = np.nonzero(x)
    offsets = np.searchsorted(rows, np.arange(x.shape[0] + 1))
    return (offsets + base).astype(dtype), (cols + base).astype(dtype), x[rows, cols]


def sparse(
    lib: Any, x: np.ndarray, form: str, kind: str, base: int = 0, wide: bool = False
) -> tuple[Any, list[Buffer]]:
    """A descriptor of `x`'s nonzeros, and the arrays behind it."""
    index, dtype = (INT64, "i8") if wide else (INT32, "i4")
    out, number = ffi.new("cusparseSpMatDescr_t *"), TYPES[kind][0]
    if form == "bsr":
        blocks = x.reshape(x.shape[0] // 2, 2, x.shape[1] // 3, 3).swapaxes(1, 2)
        offsets, cols, _ = csr(np.abs(blocks).sum((2, 3)), base, dtype)
        rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        arrays = [Buffer(a) for a in (offsets, cols, blocks[rows, cols - base].reshape(-1))]
        d.check(lib.cusparseCreateBsr(out, len(blocks), blocks.shape[1], len(cols), 2, 3, *(a.p for a in arrays), index, index, base, number, ROWS))  # fmt: skip
        return out[0], arrays
    offsets, cols, values = csr(x.T if form == "csc" else x, base, dtype)
    if form == "coo":
        order = np.random.default_rng(1).permutation(len(values))  # in any order
        rows = (np.nonzero(x)[0] + base).astype(dtype)
        arrays = [Buffer(a[order]) for a in (rows, cols, values)]
        d.check(lib.cusparseCreateCoo(out, *x.shape, len(values), *(a.p for a in arrays), index, base, number))
        return out[0], arrays
    arrays = [Buffer(a) for a in (offsets, cols, values)]
    create = lib.cusparseCreateCsr if form == "csr" else lib.cusparseCreateCsc
    d.check(create(out, *x.shape, len(values), *(a.p for a in arrays), index, index, base, number))
    return out[0], arrays


def dense(lib: Any, x: np.ndarray, order: int, kind: str) -> tuple[Any, Buffer]:
    """A descriptor with a leading dimension two larger than needed."""
    lines = x if order == ROWS else x.T
    padded = np.full((lines.shape[0], lines.shape[1] + 2), 77, x.dtype)
    padded[:, :-2] = lines
    buffer, out = Buffer(padded.reshape(-1)), ffi.new("cusparseDnMatDescr_t *")
    d.check(lib.cusparseCreateDnMat(out, *x.shape, padded.shape[1], buffer.p, TYPES[kind][0], order))
    return out[0], buffer


def fetch(buffer: Buffer, shape: tuple[int, int], order: int) -> np.ndarray:
    """The matrix in a buffer of `dense`; its padding must be as it was."""
    lines = shape if order == ROWS else shape[::-1]
    padded = buffer.get().reshape(lines[0], lines[1] + 2)
    assert (padded[:, -2:] == 77).all()
    return padded[:, :-2] if order == ROWS else padded[:, :-2].T


@EACH_TYPE
@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr"])
@pytest.mark.parametrize("op_a", [0, 1, 2])
@pytest.mark.parametrize("order", [COLUMNS, ROWS])
def test_sparse_times_dense(lib: Any, handle: Any, kind: str, form: str, op_a: int, order: int) -> None:
    x = random(kind, 8, 9, density=0.3)
    a, keep = sparse(lib, x, form, kind, base=op_a % 2, wide=op_a == 2)
    inner = turned(x, op_a).shape[1]
    op_b = 1 if order == ROWS and op_a else 0
    b = random(kind, *((4, inner) if op_b else (inner, 4)), seed=2)
    c = random(kind, turned(x, op_a).shape[0], 4, seed=3)
    left, b_memory = dense(lib, b, order, kind)
    right, c_memory = dense(lib, c, COLUMNS, kind)
    size = ffi.new("size_t *")
    alpha, beta = scalar(kind, 1.5), scalar(kind, -0.5)
    arguments = (handle, op_a, op_b, alpha, a, left, beta, right, TYPES[kind][0], 0)
    d.check(lib.cusparseSpMM_bufferSize(*arguments, size))
    d.check(lib.cusparseSpMM(*arguments, NULL))
    close(fetch(c_memory, c.shape, COLUMNS), 1.5 * turned(x, op_a) @ turned(b, op_b) - 0.5 * c, kind)
    assert keep
    assert b_memory


@EACH_TYPE
def test_sparse_times_vector_with_scalars_on_the_device(lib: Any, handle: Any, kind: str) -> None:
    x, v, w = random(kind, 6, 7, density=0.4), random(kind, 7, seed=1), random(kind, 6, seed=2)
    a, keep = sparse(lib, x, "csr", kind)
    source, target, scalars = Buffer(v), Buffer(w), Buffer(np.array([2, 3], TYPES[kind][1]))
    left, right = ffi.new("cusparseDnVecDescr_t *"), ffi.new("cusparseDnVecDescr_t *")
    d.check(lib.cusparseCreateDnVec(left, 7, source.p, TYPES[kind][0]))
    d.check(lib.cusparseCreateDnVec(right, 6, target.p, TYPES[kind][0]))
    d.check(lib.cusparseSetPointerMode(handle, 1))
    beta = ffi.cast("char *", scalars.p) + scalars.host.itemsize
    d.check(lib.cusparseSpMV(handle, 0, scalars.p, a, left[0], beta, right[0], TYPES[kind][0], 0, NULL))
    close(target.get(), 2 * x @ v + 3 * w, kind)
    assert keep


def test_batches_share_or_step(lib: Any, handle: Any) -> None:
    x, kind = random("f64", 5, 6, density=0.4), "f64"
    a, _keep = sparse(lib, x, "csr", kind)
    b = random(kind, 3, 4, 6, seed=1)  # three column-major 6 x 4 matrices
    source, target = Buffer(b.reshape(-1)), Buffer(np.zeros(3 * 5 * 4))
    left, right = ffi.new("cusparseDnMatDescr_t *"), ffi.new("cusparseDnMatDescr_t *")
    d.check(lib.cusparseCreateDnMat(left, 6, 4, 6, source.p, 1, COLUMNS))
    d.check(lib.cusparseCreateDnMat(right, 5, 4, 5, target.p, 1, COLUMNS))
    d.check(lib.cusparseDnMatSetStridedBatch(left[0], 3, 24))
    d.check(lib.cusparseDnMatSetStridedBatch(right[0], 3, 20))
    d.check(lib.cusparseCsrSetStridedBatch(a, 3, 0, 0))
    d.check(lib.cusparseSpMM(handle, 0, 0, scalar(kind, 1), a, left[0], scalar(kind, 0), right[0], 1, 0, NULL))
    close(target.get().reshape(3, 4, 5).swapaxes(1, 2), x @ b.swapaxes(1, 2), kind)


@EACH_TYPE
def test_sampled_product(lib: Any, handle: Any, kind: str) -> None:
    x, a, b = random(kind, 5, 6, density=0.4), random(kind, 5, 3, seed=1), random(kind, 6, 3, seed=2)
    pattern, arrays = sparse(lib, x, "csr", kind)
    left, _a = dense(lib, a, ROWS, kind)
    right, _b = dense(lib, b, COLUMNS, kind)
    d.check(lib.cusparseSDDMM(handle, 0, 1, scalar(kind, 2), left, right, scalar(kind, 1), pattern, TYPES[kind][0], 0, NULL))  # fmt: skip
    rows, cols = np.nonzero(x)
    close(arrays[2].get(), (2 * a @ b.T + x)[rows, cols], kind)


@EACH_TYPE
@pytest.mark.parametrize("upper", [0, 1])
@pytest.mark.parametrize("unit", [0, 1])
@pytest.mark.parametrize("op", [0, 1, 2])
def test_triangular_solves(lib: Any, handle: Any, kind: str, upper: int, unit: int, op: int) -> None:
    """The other triangle is stored too, and must not be used."""
    x = random(kind, 7, 7, density=0.5) + 4 * np.eye(7, dtype=TYPES[kind][1])
    a, _keep = sparse(lib, x, "csr", kind)
    for attribute, value in ((0, upper), (1, unit)):
        d.check(lib.cusparseSpMatSetAttribute(a, attribute, ffi.new("int *", value), 4))
    triangle = np.triu(x) if upper else np.tril(x)
    if unit:
        np.fill_diagonal(triangle, 1)
    b = random(kind, 7, 3, seed=1)
    left, _b = dense(lib, b, COLUMNS, kind)
    right, memory = dense(lib, np.zeros_like(b), COLUMNS, kind)
    descriptor = ffi.new("cusparseSpSMDescr_t *")
    d.check(lib.cusparseSpSM_createDescr(descriptor))
    arguments = (handle, op, 0, scalar(kind, 2), a, left, right, TYPES[kind][0], 0, descriptor[0])
    d.check(lib.cusparseSpSM_analysis(*arguments, NULL))
    d.check(lib.cusparseSpSM_solve(*arguments))
    got = fetch(memory, b.shape, COLUMNS)
    close(turned(triangle, op) @ got, 2 * b, kind)
    d.check(lib.cusparseSpSM_destroyDescr(descriptor[0]))


def block_triangle(kind: str, upper: int, by_columns: int) -> tuple[np.ndarray, list[Buffer], tuple[Any, ...]]:
    """(triangle of three 2x2 block rows, its arrays, arguments that describe them): the other half is stored too."""
    x = random(kind, 6, 6, density=0.7) + 4 * np.eye(6, dtype=TYPES[kind][1])
    blocks = x.reshape(3, 2, 3, 2).swapaxes(1, 2)
    stored = blocks.swapaxes(2, 3) if by_columns else blocks
    offsets, cols = np.arange(0, 10, 3, dtype="i4"), np.tile(np.arange(3, dtype="i4"), 3)
    arrays = [Buffer(a) for a in (stored.reshape(-1), offsets, cols)]
    return np.triu(x) if upper else np.tril(x), arrays, (*(a.p for a in arrays), 2)


@EACH_TYPE
@pytest.mark.parametrize("upper", [0, 1])
@pytest.mark.parametrize("op", [0, 1, 2])
@pytest.mark.parametrize("by_columns", [0, 1])
def test_triangular_solves_with_blocks(lib: Any, handle: Any, kind: str, upper: int, op: int, by_columns: int) -> None:
    if kind not in ("f32", "f64", "c64", "c128"):
        pytest.skip("the older interface has no such type")
    letter = {"f32": "S", "f64": "D", "c64": "C", "c128": "Z"}[kind]
    triangle, _arrays, matrix = block_triangle(kind, upper, by_columns)
    descriptor, info, bytes_ = ffi.new("cusparseMatDescr_t *"), ffi.new("cusparseBsrInfo_t *"), ffi.new("int *")
    d.check(lib.cusparseCreateMatDescr(descriptor))
    d.check(lib.cusparseSetMatFillMode(descriptor[0], upper))
    d.check(lib.cusparseCreateBsrsm2Info(info))
    call = {step: getattr(lib, f"cusparse{letter}bsrsm2_{step}") for step in ("bufferSize", "analysis", "solve")}
    b = random(kind, 6, 4, seed=1)
    for transposed in (0, 1):
        start = (handle, by_columns, op, transposed, 3, 4, 9)
        d.check(call["bufferSize"](*start, descriptor[0], *matrix, info[0], bytes_))
        d.check(call["analysis"](*start, descriptor[0], *matrix, info[0], 0, NULL))
        position = ffi.new("int *")
        d.check(lib.cusparseXbsrsm2_zeroPivot(handle, info[0], position))
        assert position[0] == -1
        lines = b if transposed else b.T
        given, solved = Buffer(np.ascontiguousarray(lines).reshape(-1)), Buffer(np.zeros(24, TYPES[kind][1]))
        ld = lines.shape[1]
        rhs = (given.p, ld, solved.p, ld, 0, NULL)
        d.check(call["solve"](*start, scalar(kind, 2), descriptor[0], *matrix, info[0], *rhs))
        got = solved.get().reshape(lines.shape)
        close(turned(triangle, op) @ (got if transposed else got.T), 2 * b, kind)
    vector, x = Buffer(np.ascontiguousarray(b[:, 0])), Buffer(np.zeros(6, TYPES[kind][1]))
    solve = getattr(lib, f"cusparse{letter}bsrsv2_solve")
    start = (handle, by_columns, op, 3, 9, scalar(kind, 1), descriptor[0])
    d.check(solve(*start, *matrix, info[0], vector.p, x.p, 0, NULL))
    close(turned(triangle, op) @ x.get(), b[:, 0], kind)
    d.check(lib.cusparseDestroyBsrsm2Info(info[0]))


@pytest.mark.parametrize("missing", [False, True])
def test_zero_pivot_of_blocks_is_named(lib: Any, handle: Any, missing: bool) -> None:
    blocks = np.stack([np.eye(2), np.eye(2) if missing else np.diag([1.0, -0.0])])
    arrays = [
        Buffer(a) for a in (blocks.reshape(-1), np.array([0, 1, 2], "i4"), np.array([0, 0 if missing else 1], "i4"))
    ]
    descriptor, info, position = ffi.new("cusparseMatDescr_t *"), ffi.new("cusparseBsrInfo_t *"), ffi.new("int *")
    d.check(lib.cusparseCreateMatDescr(descriptor))
    d.check(lib.cusparseCreateBsrsv2Info(info))
    matrix = (*(a.p for a in arrays), 2)
    assert lib.cusparseXbsrsv2_zeroPivot(handle, info[0], position) == lib.CUSPARSE_STATUS_INVALID_VALUE
    d.check(lib.cusparseDbsrsv2_analysis(handle, 0, 0, 2, 2, descriptor[0], *matrix, info[0], 0, NULL))
    assert lib.cusparseXbsrsv2_zeroPivot(handle, info[0], position) == lib.CUSPARSE_STATUS_ZERO_PIVOT
    assert position[0] == 1
    wrong = lib.cusparseDbsrsv2_analysis(handle, 0, 0, -2, 2, descriptor[0], *matrix, info[0], 0, NULL)
    assert wrong == lib.CUSPARSE_STATUS_INVALID_VALUE


@EACH_TYPE
@pytest.mark.parametrize("base", [0, 1])
def test_sparse_times_sparse(lib: Any, handle: Any, kind: str, base: int) -> None:
    x, y = random(kind, 6, 5, density=0.4), random(kind, 5, 7, seed=1, density=0.4)
    a, _a = sparse(lib, x, "csr", kind, base)
    b, _b = sparse(lib, y, "csr", kind, base)
    c, _c = sparse(lib, np.zeros((6, 7), TYPES[kind][1]), "csr", kind, base)
    offsets, descriptor = Buffer(np.zeros(7, "i4")), ffi.new("cusparseSpGEMMDescr_t *")
    d.check(lib.cusparseSpGEMM_createDescr(descriptor))
    arguments = (handle, 0, 0, scalar(kind, 2), a, b, scalar(kind, 0), c, TYPES[kind][0], 0, descriptor[0])
    for step in ("workEstimation", "compute"):
        size = ffi.new("size_t *")
        d.check(getattr(lib, f"cusparseSpGEMM_{step}")(*arguments, size, NULL))
        area = Buffer(np.zeros(size[0], "u1"))
        d.check(getattr(lib, f"cusparseSpGEMM_{step}")(*arguments, size, area.p))
    sizes = ffi.new("int64_t[3]")
    d.check(lib.cusparseSpMatGetSize(c, sizes, sizes + 1, sizes + 2))
    count = sizes[2]
    assert count == ((x != 0).astype(int) @ (y != 0).astype(int) > 0).sum()
    cols, values = Buffer(np.zeros(count, "i4")), Buffer(np.zeros(count, TYPES[kind][1]))
    d.check(lib.cusparseCsrSetPointers(c, offsets.p, cols.p, values.p))
    d.check(lib.cusparseSpGEMM_copy(*arguments))
    got, starts = np.zeros((6, 7), TYPES[kind][1]), offsets.get() - base
    for i in range(6):
        columns = cols.get()[starts[i] : starts[i + 1]] - base
        assert (np.diff(columns) > 0).all()
        got[i, columns] = values.get()[starts[i] : starts[i + 1]]
    close(got, 2 * x @ y, kind)


@EACH_TYPE
def test_sum_of_csr_matrices(lib: Any, handle: Any, kind: str) -> None:
    letter = {"f32": "S", "f64": "D", "c64": "C", "c128": "Z"}[kind]
    x, y = random(kind, 5, 6, density=0.4), random(kind, 5, 6, seed=1, density=0.4)
    (xo, xi, xv), (yo, yi, yv) = ([Buffer(part) for part in csr(m)] for m in (x, y))
    descriptor, nnz, offsets, area = ffi.new("cusparseMatDescr_t *"), ffi.new("int *"), Buffer(np.zeros(6, "i4")), Buffer(np.zeros(8, "u1"))  # fmt: skip
    d.check(lib.cusparseCreateMatDescr(descriptor))
    m = descriptor[0]
    nx, ny = len(xv.host), len(yv.host)
    d.check(lib.cusparseXcsrgeam2Nnz(handle, 5, 6, m, nx, xo.ints, xi.ints, m, ny, yo.ints, yi.ints, m, offsets.ints, nnz, area.p))  # fmt: skip
    assert nnz[0] == ((x != 0) | (y != 0)).sum()
    cols, values = Buffer(np.zeros(nnz[0], "i4")), Buffer(np.zeros(nnz[0], TYPES[kind][1]))
    add = getattr(lib, f"cusparse{letter}csrgeam2")
    d.check(add(handle, 5, 6, scalar(kind, 2), m, nx, xv.p, xo.ints, xi.ints, scalar(kind, -1), m, ny, yv.p, yo.ints, yi.ints, m, values.p, offsets.ints, cols.ints, area.p))  # fmt: skip
    got = np.zeros((5, 6), TYPES[kind][1])
    got[np.repeat(np.arange(5), np.diff(offsets.get())), cols.get()] = values.get()
    close(got, 2 * x - y, kind)
    d.check(lib.cusparseDestroyMatDescr(m))


def test_conversion_and_sorting(lib: Any, handle: Any) -> None:
    rng = np.random.default_rng(0)
    rows, cols = rng.integers(0, 5, 20).astype("i4"), rng.integers(0, 9, 20).astype("i4")
    r, c, p = Buffer(rows), Buffer(cols), Buffer(np.zeros(20, "i4"))
    d.check(lib.cusparseCreateIdentityPermutation(handle, 20, p.ints))
    d.check(lib.cusparseXcoosortByRow(handle, 5, 9, 20, r.ints, c.ints, p.ints, NULL))
    order = np.lexsort((cols, rows))
    assert r.get().tolist() == rows[order].tolist()
    assert c.get().tolist() == cols[order].tolist()
    assert rows[p.get()].tolist() == rows[order].tolist()
    offsets = Buffer(np.zeros(6, "i4"))
    d.check(lib.cusparseXcoo2csr(handle, r.ints, 20, 5, offsets.ints, 0))
    assert offsets.get().tolist() == [0, *np.cumsum(np.bincount(rows, minlength=5))]


def test_wrong_calls(lib: Any, handle: Any) -> None:
    out = ffi.new("cusparseSpMatDescr_t *")
    assert lib.cusparseCreateCsr(out, -1, 2, 0, NULL, NULL, NULL, INT32, INT32, 0, 0) == INVALID_VALUE
    assert lib.cusparseCreateCsr(out, 1, 2, 0, NULL, NULL, NULL, 1, INT32, 0, 0) == INVALID_VALUE
    a, _keep = sparse(lib, random("f32", 4, 6, density=0.5), "csr", "f32")
    b, _b = dense(lib, random("f32", 5, 2), COLUMNS, "f32")  # 5 rows for 6 columns
    c, _c = dense(lib, random("f32", 4, 2), COLUMNS, "f32")
    one = scalar("f32", 1)
    assert lib.cusparseSpMM(handle, 0, 0, one, a, b, one, c, 0, 0, NULL) == INVALID_VALUE
    assert lib.cusparseSpMM(handle, 0, 0, one, NULL, b, one, c, 0, 0, NULL) == INVALID_VALUE
    assert lib.cusparseSpMM(handle, 0, 0, one, a, c, one, c, 3, 0, NULL) in (INVALID_VALUE, NOT_SUPPORTED)


@pytest.mark.parametrize("provider", ["scipy", "reference"])
@pytest.mark.parametrize("shape", [(1, 1), (40, 30), (3000, 3000)])
def test_providers_agree(provider: str, shape: tuple[int, int]) -> None:
    """Both providers of the product and the solve, the larger size on the sparse path of the solve."""
    if provider == "scipy":
        pytest.importorskip("scipy")
    rng = np.random.default_rng(0)
    rows, cols = shape
    count = rows * 3
    where = np.unique(rng.integers(0, rows, count) * cols + rng.integers(0, cols, count))
    r, c = (where // cols).astype("i8"), (where % cols).astype("i8")
    values, b, out = rng.standard_normal(len(where)), rng.standard_normal((cols, 2)), np.zeros((rows, 2))
    offsets = np.searchsorted(r, np.arange(rows + 1))
    want = np.zeros((rows, 2))
    np.add.at(want, r, values[:, None] * b[c])
    op = protocol.ffi.new("struct maf_op_sparse *")
    op.routine, op.type, op.type_c, op.type_compute = protocol.constant("MAF_SPARSE_MM"), 1, 1, 1
    op.format, op.rows, op.cols, op.nnz, op.offset_bytes, op.index_bytes, op.batch = 1, rows, cols, len(where), 8, 8, 1
    op.b_rows, op.b_cols, op.b_ld, op.b_by_rows, op.c_ld, op.c_by_rows = cols, 2, 2, 1, 2, 1
    pointers = [
        offsets.ctypes.data,
        c.ctypes.data,
        values.ctypes.data,
        0,
        0,
        b.ctypes.data,
        0,
        0,
        out.ctypes.data,
        0,
        0,
        0,
    ]
    scalars = np.array([1.0, 0, 0, 0]).tobytes()
    plan = registry.make_plan(protocol.constant("MAF_OP_SPARSE"), protocol.pack(op), only=provider)
    plan.run(pointers, scalars)
    np.testing.assert_allclose(out, want, atol=1e-12)
    if rows == cols:
        op.routine, op.unit_diagonal = protocol.constant("MAF_SPARSE_SOLVE"), 1
        values[:] *= 0.1
        plan = registry.make_plan(protocol.constant("MAF_OP_SPARSE"), protocol.pack(op), only=provider)
        plan.run(pointers, scalars)
        below = r > c
        residual = out.copy()
        np.add.at(residual, r[below], values[below, None] * out[c[below]])
        np.testing.assert_allclose(residual, b, atol=1e-10)
