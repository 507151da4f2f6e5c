"""Matrix products and reductions."""

from __future__ import annotations

import numpy as np

from maf_vdev.modnn import graph as g
from maf_vdev.modnn.graphs.kind import Kind, compute_type, refuse, require
from maf_vdev.modnn.graphs.memory import Values

OVERRIDES = ("GEMM_M_OVERRIDE_DESC", "GEMM_N_OVERRIDE_DESC", "GEMM_K_OVERRIDE_DESC")


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a @ b over the last two dimensions. A leading dimension of one operand may be a fraction of the other's: each of its
    matrices then serves as many consecutive ones (heads of keys that several heads of queries share)."""
    lead = []
    for m, n in zip(a.shape[:-2], b.shape[:-2], strict=True):
        lead.append(max(m, n))
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
