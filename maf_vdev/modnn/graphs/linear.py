"""Matrix products and reductions."""

from __future__ import annotations

import functools
import struct

import numpy as np

from maf_vdev import protocol
from maf_vdev.modnn import graph as g
from maf_vdev.modnn.gemm import F32, F64
from maf_vdev.modnn.graphs.kind import Kind, compute_type, refuse, require
from maf_vdev.modnn.graphs.memory import Values
from maf_vdev.modnn.registry import make_plan

EPILOGUE_DEFAULT = 1  # CUBLASLT_EPILOGUE_DEFAULT
OVERRIDES = ("GEMM_M_OVERRIDE_DESC", "GEMM_N_OVERRIDE_DESC", "GEMM_K_OVERRIDE_DESC")


def _layout(x: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Matrices (batch, rows, columns) that BLAS can read, whether they lie there transposed, and the leading dimension."""
    size = x.itemsize
    rows, columns = x.strides[1] // size, x.strides[2] // size
    if columns == 1 and rows >= x.shape[2]:
        return x, 0, rows
    if rows == 1 and columns >= x.shape[1]:
        return x, 1, columns
    return np.ascontiguousarray(x), 0, x.shape[2]


@functools.lru_cache(maxsize=512)
def _gemm(
    kind: int, sizes: tuple[int, int, int, int], turned: tuple[int, int], ld: tuple[int, int], steps: tuple[int, int]
):
    """The plan of a batch of products of row-major matrices."""
    op = protocol.ffi.new("struct maf_op_gemm *")
    op.batch, op.m, op.n, op.k = sizes
    op.transa, op.transb = turned
    op.order_a = op.order_b = op.order_c = op.order_d = 1
    op.lda, op.ldb = ld
    op.ldc = op.ldd = op.n
    op.stride_a, op.stride_b = steps
    op.stride_c = op.stride_d = op.m * op.n
    op.type_a = op.type_b = op.type_c = op.type_d = op.type_compute = op.type_scale = kind
    op.epilogue = EPILOGUE_DEFAULT
    return make_plan(protocol.constant("MAF_OP_GEMM"), protocol.pack(op))


def _batched(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(batch, m, k) @ (batch or 1, k, n), float or double, by the project's own products: numpy's would bring a second
    crowd of threads."""
    (a, turned_a, lda), (b, turned_b, ldb) = _layout(a), _layout(b)
    sizes = (a.shape[0], a.shape[1], b.shape[2], a.shape[2])
    out = np.empty((sizes[0], sizes[1], sizes[2]), a.dtype)
    steps = tuple(x.strides[0] // x.itemsize if x.shape[0] > 1 else 0 for x in (a, b))
    plan = _gemm(F64 if a.dtype == np.float64 else F32, sizes, (turned_a, turned_b), (lda, ldb), steps)
    where = [x.ctypes.data for x in (a, b, out, out)]
    plan.run([*where, 0, 0, 0, 0], struct.pack("<4d", 1, 0, 0, 0))
    return out


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a @ b over the last two dimensions. A leading dimension of b may be a fraction of a's, or the other way round: each of
    its matrices then serves as many consecutive ones (heads of keys that several heads of queries share)."""
    lead = tuple(max(m, n) for m, n in zip(a.shape[:-2], b.shape[:-2], strict=True))
    shared = [i for i, n in enumerate(lead) if a.shape[i] != n or b.shape[i] != n]
    m, n = a.shape[-2], b.shape[-1]
    if a.dtype != b.dtype or a.dtype not in (np.float32, np.float64) or 0 in (*lead, m, n, a.shape[-1]):
        return _product_in_numpy(a, b, lead)
    if not shared or all(size == 1 for size in b.shape[:-2]):
        out = _batched(a.reshape(-1, *a.shape[-2:]), b.reshape(-1, *b.shape[-2:]))
        return out.reshape(*lead, m, n)
    last = len(lead) - 1
    if shared == [last] and b.shape[last] < lead[last]:  # the heads that share are rows of one matrix
        rows = a.reshape(-1, m * lead[last] // b.shape[last], a.shape[-1])
        return _batched(rows, b.reshape(-1, *b.shape[-2:])).reshape(*lead, m, n)
    return _product_in_numpy(a, b, lead)


def _product_in_numpy(a: np.ndarray, b: np.ndarray, lead: tuple[int, ...]) -> np.ndarray:
    uneven = [i for i, n in enumerate(lead) if a.shape[i] not in (1, n) or b.shape[i] not in (1, n)]
    if not uneven:
        return np.matmul(a, b)
    axis = uneven[0]
    common = min(a.shape[axis], b.shape[axis])

    def split(x: np.ndarray) -> np.ndarray:
        return x.reshape(*x.shape[:axis], common, x.shape[axis] // common, *x.shape[axis + 1 :])

    out = np.matmul(split(a), split(b))
    return out.reshape(*lead, *out.shape[-2:])


def _divides(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return all(m % n == 0 or n % m == 0 for m, n in zip(a, b, strict=True))


def check_matmul(operation: g.Descriptor) -> None:
    a, b, c = (operation[name] for name in ("ADESC", "BDESC", "CDESC"))
    compute_type(operation["DESC"]["COMP_TYPE"])
    require(len(a.dims) == len(b.dims) == len(c.dims) >= 2, "ranks of a matrix product", a, b, c)
    require(a.dims[-1] == b.dims[-2], "inner dimensions of a matrix product", a, b, c)
    require((c.dims[-2], c.dims[-1]) == (a.dims[-2], b.dims[-1]), "result of a matrix product", a, b, c)
    lead = tuple(max(m, n) for m, n in zip(a.dims[:-2], b.dims[:-2], strict=True))
    require(_divides(a.dims[:-2], b.dims[:-2]) and c.dims[:-2] == lead, "batches of a matrix product", a, b, c)
    uneven = sum(m not in (1, n) and n not in (1, m) for m, n in zip(a.dims[:-2], b.dims[:-2], strict=True))
    refuse(uneven > 1, "matrix product whose batches differ in more than one dimension")


def _beyond(lengths: np.ndarray, count: int, axis: int, rank: int) -> np.ndarray:
    """True where the index along `axis` is not below the batch entry's length."""
    shape = [1] * rank
    shape[axis] = count
    return np.arange(count).reshape(shape) >= lengths.reshape(-1, *[1] * (rank - 1))


def run_matmul(operation: g.Descriptor, values: Values) -> None:
    description = operation["DESC"]
    dtype = compute_type(description["COMP_TYPE"])
    wide = np.float64 if np.issubdtype(dtype, np.integer) else dtype  # exact for products of int8
    a, b = (values.get(operation[name]).astype(wide, copy=False) for name in ("ADESC", "BDESC"))
    m, n, k = (operation.get(name) for name in OVERRIDES)
    rank = a.ndim
    if k is not None:
        lengths = values.get(k)
        a = np.where(_beyond(lengths, a.shape[-1], rank - 1, rank), 0, a).astype(wide, copy=False)
        b = np.where(_beyond(lengths, b.shape[-2], rank - 2, rank), 0, b).astype(wide, copy=False)
    c = product(a, b)
    padding = description.get("PADDING_VALUE", 0.0)
    for override, axis in ((m, rank - 2), (n, rank - 1)):
        if override is not None:
            c = np.where(_beyond(values.get(override), c.shape[axis], axis, rank), wide(padding), c)
    values.set(operation["CDESC"], c.astype(dtype, copy=False))


REDUCTIONS = {
    0: lambda x, axes: x.sum(axes, dtype=np.float64 if x.dtype.kind == "f" else np.int64),
    1: lambda x, axes: x.prod(axes, dtype=np.float64 if x.dtype.kind == "f" else np.int64),
    2: lambda x, axes: x.min(axes),
    3: lambda x, axes: x.max(axes),
    4: lambda x, axes: np.abs(x).max(axes),
    5: lambda x, axes: x.mean(axes, dtype=np.float64),
    6: lambda x, axes: np.abs(x).sum(axes, dtype=np.float64),
    7: lambda x, axes: np.sqrt((x.astype(np.float64) ** 2).sum(axes)),
    8: lambda x, axes: np.where(x == 0, 1, x).prod(axes, dtype=np.float64),
}


def check_reduction(operation: g.Descriptor) -> None:
    x, y = operation["XDESC"], operation["YDESC"]
    refuse(operation.get("GROUP_OFFSET_DESC") is not None, "reduction over groups of tokens")
    refuse(operation["DESC"]["OPERATOR"] not in REDUCTIONS, f"reduction {operation['DESC']['OPERATOR']}")
    compute_type(operation["DESC"]["COMP_TYPE"])
    require(len(x.dims) == len(y.dims), "ranks of a reduction", x, y)
    require(all(m % n == 0 for m, n in zip(x.dims, y.dims, strict=True)), "reduction", x, y)


def run_reduction(operation: g.Descriptor, values: Values) -> None:
    """A dimension becomes 1, or a fraction of itself: then consecutive elements are reduced (shared heads of keys)."""
    x, y = operation["XDESC"], operation["YDESC"]
    dtype = compute_type(operation["DESC"]["COMP_TYPE"])
    split = [part for m, n in zip(x.dims, y.dims, strict=True) for part in (n, m // n)]
    parts = values.get(x).astype(dtype, copy=False).reshape(split)
    axes = tuple(range(1, len(split), 2))
    values.set(y, REDUCTIONS[operation["DESC"]["OPERATOR"]](parts, axes).astype(dtype, copy=False))


KINDS = {
    "OPERATION_MATMUL": Kind(run_matmul, check_matmul, ("CDESC",)),
    "OPERATION_REDUCTION": Kind(run_reduction, check_reduction, ("YDESC",)),
}
