"""cuSPARSE vectors and conversions on a running executor against dense numpy."""

from __future__ import annotations

from typing import Any

import blas_device as d
import numpy as np
import pytest
import test_cusparse as t
from test_cusparse import COLUMNS, EACH_TYPE, INT32, INT64, INVALID_VALUE, NULL, ROWS, TYPES, Buffer, ffi

pytestmark = t.pytestmark
lib, handle = t.lib, t.handle  # fixtures
NOT_INITIALIZED = 1


def vectors(lib: Any, kind: str, base: int, wide: bool) -> tuple[Any, Any, np.ndarray, np.ndarray, list[Buffer]]:
    """Descriptors of a sparse x and a dense y of 9 elements, their values, the arrays behind them."""
    where = np.array([1, 4, 5, 8], "i8" if wide else "i4")
    x, y = t.random(kind, 4, seed=1), t.random(kind, 9, seed=2)
    arrays = [Buffer(where + base), Buffer(x), Buffer(y)]
    sparse, dense = ffi.new("cusparseSpVecDescr_t *"), ffi.new("cusparseDnVecDescr_t *")
    index, number = INT64 if wide else INT32, TYPES[kind][0]
    d.check(lib.cusparseCreateSpVec(sparse, 9, 4, arrays[0].p, arrays[1].p, index, base, number))
    d.check(lib.cusparseCreateDnVec(dense, 9, arrays[2].p, number))
    full = np.zeros(9, x.dtype)
    full[where] = x
    return sparse[0], dense[0], full, y, arrays


@EACH_TYPE
@pytest.mark.parametrize("wide", [False, True])
def test_vectors(lib: Any, handle: Any, kind: str, wide: bool) -> None:
    x, y, full, values, arrays = vectors(lib, kind, int(wide), wide)
    number = TYPES[kind][0]
    d.check(lib.cusparseAxpby(handle, t.scalar(kind, 2), x, t.scalar(kind, -3), y))
    t.close(arrays[2].get(), 2 * full - 3 * values, kind)
    arrays[2].put(values)
    size, area, out = ffi.new("size_t *"), Buffer(np.zeros(2, "c16")), np.zeros(1, TYPES[kind][1])
    for op in (0, 2):
        result = ffi.from_buffer(out)
        d.check(lib.cusparseSpVV_bufferSize(handle, op, x, y, result, number, size))
        assert size[0] <= 16
        d.check(lib.cusparseSpVV(handle, op, x, y, result, number, area.p))
        t.close(out, np.sum((full.conj() if op else full) * values, keepdims=True), kind)
    d.check(lib.cusparseGather(handle, y, x))
    assert (arrays[1].get() == values[arrays[0].get() - int(wide)]).all()
    arrays[1].put(np.arange(4).astype(TYPES[kind][1]))
    d.check(lib.cusparseScatter(handle, x, y))
    assert (arrays[2].get()[[1, 4, 5, 8]] == np.arange(4)).all()
    d.check(lib.cusparseDestroySpVec(x))


def test_wrong_vectors(lib: Any, handle: Any) -> None:
    x, y, *_, _arrays = vectors(lib, "f32", 0, False)
    other, out = ffi.new("cusparseDnVecDescr_t *"), ffi.new("cusparseSpVecDescr_t *")
    assert lib.cusparseCreateSpVec(out, 3, 4, NULL, NULL, INT32, 0, 0) == INVALID_VALUE  # more entries than elements
    assert lib.cusparseCreateSpVec(out, 9, 4, NULL, NULL, 1, 0, 0) == INVALID_VALUE
    d.check(lib.cusparseCreateDnVec(other, 8, _arrays[2].p, 0))
    assert lib.cusparseGather(handle, other[0], x) == INVALID_VALUE
    assert lib.cusparseGather(NULL, y, x) == NOT_INITIALIZED
    assert lib.cusparseAxpby(handle, NULL, x, t.scalar("f32", 1), y) == INVALID_VALUE


@EACH_TYPE
@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr"])
@pytest.mark.parametrize("order", [COLUMNS, ROWS])
def test_sparse_to_dense(lib: Any, handle: Any, kind: str, form: str, order: int) -> None:
    x = t.random(kind, 8, 9, density=0.4)
    a, _keep = t.sparse(lib, x, form, kind, base=order - 1, wide=order == ROWS)
    b, memory = t.dense(lib, np.full_like(x, 5), order, kind)
    size = ffi.new("size_t *")
    d.check(lib.cusparseSparseToDense_bufferSize(handle, a, b, 0, size))
    d.check(lib.cusparseSparseToDense(handle, a, b, 0, NULL))
    assert (t.fetch(memory, x.shape, order) == x).all()


@EACH_TYPE
@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
@pytest.mark.parametrize("order", [COLUMNS, ROWS])
def test_dense_to_sparse(lib: Any, handle: Any, kind: str, form: str, order: int) -> None:
    x, base = t.random(kind, 5, 7, density=0.4), order - 1
    a, _keep = t.dense(lib, x, order, kind)
    b, _empty = t.sparse(lib, np.zeros_like(x), form, kind, base)
    lines = {"csr": 6, "csc": 8, "coo": 0}[form]
    offsets, area = Buffer(np.zeros(max(lines, 1), "i4")), Buffer(np.zeros(8, "u1"))
    if lines:
        point = lib.cusparseCsrSetPointers if form == "csr" else lib.cusparseCscSetPointers
        d.check(point(b, offsets.p, NULL, NULL))
    d.check(lib.cusparseDenseToSparse_analysis(handle, a, b, 0, area.p))
    sizes = ffi.new("int64_t[3]")
    d.check(lib.cusparseSpMatGetSize(b, sizes, sizes + 1, sizes + 2))
    nnz = sizes[2]
    assert nnz == np.count_nonzero(x)
    rows, cols, values = Buffer(np.zeros(nnz, "i4")), Buffer(np.zeros(nnz, "i4")), Buffer(np.zeros(nnz, x.dtype))
    point = {"csr": lib.cusparseCsrSetPointers, "csc": lib.cusparseCscSetPointers, "coo": lib.cusparseCooSetPointers}
    d.check(point[form](b, rows.p if form == "coo" else offsets.p, cols.p, values.p))
    d.check(lib.cusparseDenseToSparse_convert(handle, a, b, 0, area.p))
    want_rows, want_cols = np.nonzero(x) if form != "csc" else np.nonzero(x.T)[::-1]
    got_major = rows.get() if form == "coo" else np.repeat(np.arange(lines - 1), np.diff(offsets.get())) + base
    assert (got_major == (want_cols if form == "csc" else want_rows) + base).all()
    assert (cols.get() == (want_rows if form == "csc" else want_cols) + base).all()
    assert (values.get() == x[want_rows, want_cols]).all()


@EACH_TYPE
@pytest.mark.parametrize("base", [0, 1])
def test_csr_to_csc_and_coo(lib: Any, handle: Any, kind: str, base: int) -> None:
    x, number = t.random(kind, 5, 7, density=0.4), TYPES[kind][0]
    source = [Buffer(part) for part in t.csr(x, base)]
    nnz = len(source[2].host)
    out = [Buffer(np.zeros(8, "i4")), Buffer(np.zeros(nnz, "i4")), Buffer(np.zeros(nnz, x.dtype))]
    before = (source[2].p, source[0].ints, source[1].ints, out[2].p, out[0].ints, out[1].ints)
    d.check(lib.cusparseCsr2cscEx2(handle, 5, 7, nnz, *before, number, 1, base, 1, NULL))
    for got, want in zip(out, t.csr(x.T, base), strict=True):
        assert (got.get() == want).all()
    rows = Buffer(np.zeros(nnz, "i4"))
    d.check(lib.cusparseXcsr2coo(handle, source[0].ints, nnz, 5, rows.ints, base))
    assert (rows.get() == np.nonzero(x)[0] + base).all()
    assert lib.cusparseCsr2cscEx2(handle, 5, -7, nnz, *before, number, 1, base, 1, NULL) == INVALID_VALUE
    assert lib.cusparseXcsr2coo(handle, source[0].ints, nnz, 5, rows.ints, 2) == INVALID_VALUE


def test_descriptors_tell_what_they_hold(lib: Any) -> None:
    x = t.random("f64", 5, 7, density=0.4)
    for form, get in (("csr", lib.cusparseCsrGet), ("csc", lib.cusparseCscGet)):
        matrix, arrays = t.sparse(lib, x, form, "f64", base=1)
        sizes, places, kinds = ffi.new("int64_t[3]"), ffi.new("void *[3]"), ffi.new("int[4]")
        addresses = [places + i for i in range(3)]
        d.check(get(matrix, *(sizes + i for i in range(3)), *addresses, *(kinds + i for i in range(4))))
        assert list(sizes) == [5, 7, np.count_nonzero(x)]
        assert list(places) == [a.p for a in arrays]
        assert list(kinds) == [INT32, INT32, 1, 1]
    matrix, memory = t.dense(lib, x, ROWS, "f64")
    d.check(lib.cusparseDnMatGet(matrix, *(sizes + i for i in range(3)), places, kinds, kinds + 1))
    assert (list(sizes), places[0], list(kinds)[:2]) == ([5, 7, 9], memory.p, [1, ROWS])
