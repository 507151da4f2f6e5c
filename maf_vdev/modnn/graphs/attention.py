"""Attention as one operation, softmax and band masks.

Scores are computed for some heads of some batch entries at a time, so that they stay in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from maf_vdev.modnn import graph as g
from maf_vdev.modnn.graphs import pointwise
from maf_vdev.modnn.graphs.kind import Kind, refuse, require
from maf_vdev.modnn.graphs.linear import product
from maf_vdev.modnn.graphs.memory import Values, to_type
from maf_vdev.modnn.graphs.shaping import gather_pages, keep_mask

BLOCK_ELEMENTS = 1 << 22  # scores at a time


# --- softmax -------------------------------------------------------------------------------------------------------------


def softmax(x: np.ndarray, sink: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities of the last dimension, its maximum and the sum of exponentials; a row that is masked entirely (-inf)
    has probabilities 0. sink: one more score of each row, that takes probability and gives no value."""
    largest = x.max(-1, keepdims=True)
    if sink is not None:
        largest = np.maximum(largest, sink)
    shift = np.where(np.isneginf(largest), 0, largest)
    y = np.exp(x - shift)
    total = y.sum(-1, keepdims=True)
    if sink is not None:
        total = total + np.exp(sink - shift)
    y /= np.where(total == 0, 1, total)
    return y, largest, total


SOFTMAX_OUTPUTS = ("STATS_DESC", "MAX_DESC", "SUM_EXP_DESC")


def check_softmax(operation: g.Descriptor) -> None:
    x, y = operation["XDESC"], operation["YDESC"]
    require(x.dims == y.dims, "softmax", x, y)
    for name in SOFTMAX_OUTPUTS:
        if operation.get(name) is not None:
            require(operation[name].dims == (*x.dims[:-1], 1), "statistics of a softmax", x, operation[name])


def run_softmax(operation: g.Descriptor, values: Values) -> None:
    sink = operation.get("SINK_DESC")
    x = values.get(operation["XDESC"]).astype(np.float32, copy=False)
    y, largest, total = softmax(x, values.get(sink) if sink is not None else None)
    values.set(operation["YDESC"], y)
    for name, value in zip(SOFTMAX_OUTPUTS, (largest + np.log(total), largest, total), strict=True):
        if operation.get(name) is not None:
            values.set(operation[name], value)


# --- band masks ----------------------------------------------------------------------------------------------------------


def _lengths(operation: g.Descriptor, values: Values, side: str) -> np.ndarray | None:
    """Lengths of the batch entries (batch, 1, 1, 1), or of all; from their sums where those are given."""
    plain, sums = operation.get(f"SEQ_LEN_{side}DESC"), operation.get(f"CU_SEQ_LEN_{side}DESC")
    if plain is not None:
        return values.get(plain).astype(np.int64).reshape(-1, 1, 1, 1)
    if sums is not None:
        return np.diff(values.get(sums).ravel().astype(np.int64)).reshape(-1, 1, 1, 1)
    return None


def check_band(operation: g.Descriptor) -> None:
    x, y = operation["XDESC"], operation["YDESC"]
    require(x.dims == y.dims and len(x.dims) == 4, "band mask", x, y)
    refuse(operation["COMPARISON_MODE"] not in pointwise.COMPARISONS, "band mask with this comparison")


def run_band(operation: g.Descriptor, values: Values) -> None:
    """Keeps x where row + shift (right bound) or column + bound (left bound) compares as asked; b elsewhere."""
    y = operation["YDESC"]
    row, column = (values.index(y.dims, axis).astype(np.float64) for axis in (2, 3))
    queries, keys = _lengths(operation, values, "Q"), _lengths(operation, values, "KV")
    queries, keys = (np.float64(0) if n is None else n for n in (queries, keys))
    compare = pointwise.COMPARISONS[operation["COMPARISON_MODE"]]
    left, right = operation.get("LEFT_BOUND_DESC"), operation.get("SHIFT_RIGHT_BOUND_DESC")
    if left is not None:
        inside = compare(column + values.get(left) - keys + queries, row)
    else:
        inside = compare(row + keys - queries + (values.get(right) if right is not None else 0), column)
    values.set(y, np.where(inside, values.get(operation["XDESC"]), values.get(operation["BDESC"])))


# --- attention as one operation ------------------------------------------------------------------------------------------


class Block:
    """The values of a subgraph for some batch entries and heads."""

    def __init__(self, values: Values, whole: dict[int, np.ndarray], dims: tuple[int, ...], part: tuple[slice, slice]):
        self.values, self.whole, self.dims, self.part = values, whole, dims, part
        self.known: dict[int, np.ndarray] = {}

    def get(self, tensor: g.Tensor) -> np.ndarray:
        if tensor.uid in self.known:
            return self.known[tensor.uid]
        if tensor.uid not in self.whole:
            self.whole[tensor.uid] = self.values.get(tensor)
        array = self.whole[tensor.uid]
        cut = [
            part if n == all_ else slice(None) for part, n, all_ in zip(self.part, array.shape, self.dims, strict=False)
        ]
        return array[tuple(cut)]

    def set(self, tensor: g.Tensor, values: np.ndarray) -> None:
        self.known[tensor.uid] = to_type(values, tensor.type)

    def index(self, dims: tuple[int, ...], axis: int) -> np.ndarray:
        shape = [1] * len(dims)
        first, stop, _ = self.part[axis].indices(dims[axis]) if axis < 2 else (0, dims[axis], 1)
        shape[axis] = stop - first
        return np.arange(first, stop, dtype=np.int32).reshape(shape)


def blocks(dims: tuple[int, int, int, int], group: int) -> Iterator[tuple[slice, slice]]:
    """Batch entries and heads of scores (batch, heads, queries, keys) at a time; heads in multiples of `group`."""
    batch, heads, queries, keys = dims
    entries = max(1, BLOCK_ELEMENTS // (heads * queries * keys))
    some = heads if entries > 1 else max(group, BLOCK_ELEMENTS // (queries * keys) // group * group)
    for b in range(0, batch, entries):
        for h in range(0, heads, some):
            yield slice(b, min(b + entries, batch)), slice(h, min(h + some, heads))


def _subgraph(operation: g.Descriptor) -> list[g.Descriptor]:
    subgraph = operation.get("SUBGRAPH")
    return g.listed(subgraph["OPS"]) if subgraph is not None else []


def _keys(operation: g.Descriptor) -> int:
    """Number of keys of a batch entry, at most."""
    for item, table in (("KDESC", "PAGE_TABLE_KDESC"), ("VDESC", "PAGE_TABLE_VDESC")):
        if operation.get(table) is None:
            return operation[item].dims[2]
    for inner in _subgraph(operation):
        return max(tensor.dims[3] for _, tensor in g.tensors_of(inner))
    return min(operation[f"PAGE_TABLE_{x}DESC"].dims[2] * operation[f"{x}DESC"].dims[2] for x in "KV")


def check_forward(operation: g.Descriptor) -> None:
    q, k, v, o = (operation[name] for name in ("QDESC", "KDESC", "VDESC", "ODESC"))
    require(all(len(t.dims) == 4 for t in (q, k, v, o)), "attention", q, k, v, o)
    require(q.dims[3] == k.dims[3] and o.dims == (*q.dims[:3], v.dims[3]), "attention", q, k, v, o)
    require(q.dims[1] % k.dims[1] == 0 and q.dims[1] % v.dims[1] == 0, "heads of attention", q, k, v)
    if operation.get("PAGE_TABLE_KDESC") is None and operation.get("PAGE_TABLE_VDESC") is None:
        require(k.dims[2] == v.dims[2], "keys and values of attention", q, k, v)
    refuse(operation.get("BLOCK_MASK_DESC") is not None, "attention with a block mask")
    paged = operation.get("PAGE_TABLE_KDESC") or operation.get("PAGE_TABLE_VDESC")
    known = operation.get("SEQ_LEN_KVDESC") or operation.get("CU_SEQ_LEN_KVDESC")
    require(paged is None or known is not None, "attention on pages without lengths", q, k, v)
    for inner in _subgraph(operation):
        kind = {"OPERATION_POINTWISE": pointwise.check, "OPERATION_DIAGONAL_BAND_MASK": check_band}.get(inner.kind)
        refuse(kind is None, f"attention whose scores pass through {inner.kind.removeprefix('OPERATION_').lower()}")
        kind(inner)
        for _, tensor in g.tensors_of(inner):
            refuse(tensor.type not in g.TYPE_NAMES, f"attention with {g.REFUSED_TYPES.get(tensor.type, tensor.type)}")


INNER = {"OPERATION_POINTWISE": pointwise.run, "OPERATION_DIAGONAL_BAND_MASK": run_band}


def _operand(operation: g.Descriptor, values: Values, item: str, lengths: np.ndarray | None, count: int) -> np.ndarray:
    data, table = values.get(operation[f"{item}DESC"]), operation.get(f"PAGE_TABLE_{item}DESC")
    return gather_pages(data, values.get(table), lengths, count) if table is not None else data


def run_forward(operation: g.Descriptor, values: Values) -> None:
    queries, keys = _lengths(operation, values, "Q"), _lengths(operation, values, "KV")
    count = _keys(operation)
    q = values.get(operation["QDESC"])
    k, v = (_operand(operation, values, item, keys, count) for item in "KV")
    scale_tensor, softmax_op = operation.get("SCALEDESC"), operation.get("SOFTMAX_DESC")
    scale = np.float32(values.get(scale_tensor).ravel()[0]) if scale_tensor is not None else np.float32(1)
    sink_tensor = softmax_op.get("SINK_DESC") if softmax_op is not None else None
    probability = operation.get("DROPOUT_PROBABILITY", 0.0)
    dims = (*q.shape[:3], count)
    o = np.zeros(operation["ODESC"].dims, np.float32)
    statistics = {name: np.zeros((*dims[:3], 1), np.float32) for name in SOFTMAX_OUTPUTS}
    dump = operation.get("DROPOUT_RNG_DUMP_DESC")
    kept = np.zeros(dims, np.float32) if dump is not None else None
    whole: dict[int, np.ndarray] = {}
    rows, columns = np.arange(dims[2]).reshape(1, 1, -1, 1), np.arange(count).reshape(1, 1, 1, -1)
    shared_k, shared_v = dims[1] // k.shape[1], dims[1] // v.shape[1]
    for batch, heads in blocks(dims, max(shared_k, shared_v)):
        heads_k, heads_v = (slice(heads.start // n, heads.stop // n) for n in (shared_k, shared_v))
        s = product(q[batch, heads], k[batch, heads_k].swapaxes(2, 3)) * scale
        if _subgraph(operation):
            block = Block(values, whole, dims, (batch, heads))
            block.known[operation["SUBGRAPH_INPUT_UID"]] = s
            for inner in _subgraph(operation):
                INNER[inner.kind](inner, block)
            s = block.known[operation["SUBGRAPH_OUTPUT_UID"]]
        if keys is not None:
            s = np.where(columns < keys[batch], s, np.float32(-np.inf))
        sink = values.get(sink_tensor)[:, heads] if sink_tensor is not None else None
        p, largest, total = softmax(s, sink)
        for name, value in zip(SOFTMAX_OUTPUTS, (largest + np.log(total), largest, total), strict=True):
            statistics[name][batch, heads] = value
        if probability:
            mask = _dropout(operation, values, dims, batch, heads, 1 - probability)
            p *= mask * np.float32(1 / (1 - probability))
            if kept is not None:
                kept[batch, heads] = mask
        part = product(p, v[batch, heads_v])
        o[batch, heads] = part if queries is None else np.where(rows < queries[batch], part, 0)
    values.set(operation["ODESC"], o)
    if dump is not None:
        values.set(dump, kept)
    if operation.get("STATSDESC") is not None:
        values.set(operation["STATSDESC"], statistics["STATS_DESC"])
    for name in SOFTMAX_OUTPUTS:
        if softmax_op is not None and softmax_op.get(name) is not None:
            values.set(softmax_op[name], statistics[name])


def _dropout(operation: g.Descriptor, values: Values, dims: tuple[int, ...], batch: slice, heads: slice, keep: float):
    seed, offset = operation.get("DROPOUT_SEED_DESC"), operation.get("DROPOUT_OFFSET_DESC")
    size = dims[2] * dims[3]
    count = (heads.stop - heads.start) * size
    rows = [
        keep_mask(values, seed, offset, keep, (entry * dims[1] + heads.start) * size, count)
        for entry in range(batch.start, batch.stop)
    ]
    return np.stack(rows).reshape(-1, heads.stop - heads.start, dims[2], dims[3])


def check_backward(operation: g.Descriptor) -> None:
    q, k, v = (operation[name] for name in ("QDESC", "KDESC", "VDESC"))
    require(q.dims[3] == k.dims[3] and k.dims[2] == v.dims[2], "attention gradient", q, k, v)
    require(q.dims[1] % k.dims[1] == 0 and q.dims[1] % v.dims[1] == 0, "heads of attention", q, k, v)
    for gradient, of in (("DQDESC", "QDESC"), ("DKDESC", "KDESC"), ("DVDESC", "VDESC"), ("DODDESC", "ODESC")):
        require(
            operation[gradient].dims == operation[of].dims, "attention gradient", operation[gradient], operation[of]
        )
    refuse(operation.get("SUBGRAPH") is not None, "attention gradient as one operation with changed scores")


def run_backward(operation: g.Descriptor, values: Values) -> None:
    names = ("QDESC", "KDESC", "VDESC", "ODESC", "DODDESC", "STATSDESC")
    q, k, v, o, do, statistics = (values.get(operation[name]) for name in names)
    queries, keys = _lengths(operation, values, "Q"), _lengths(operation, values, "KV")
    scale_tensor = operation.get("SCALEDESC")
    scale = np.float32(values.get(scale_tensor).ravel()[0]) if scale_tensor is not None else np.float32(1)
    dims = (*q.shape[:3], k.shape[2])
    rows, columns = np.arange(dims[2]).reshape(1, 1, -1, 1), np.arange(dims[3]).reshape(1, 1, 1, -1)
    shared_k, shared_v = dims[1] // k.shape[1], dims[1] // v.shape[1]
    dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
    delta = (o * do).sum(-1, keepdims=True)

    def shared(x: np.ndarray, count: int) -> np.ndarray:
        return x.reshape(x.shape[0], x.shape[1] // count, count, *x.shape[2:]).sum(2) if count > 1 else x

    for batch, heads in blocks(dims, max(shared_k, shared_v)):
        heads_k, heads_v = (slice(heads.start // n, heads.stop // n) for n in (shared_k, shared_v))
        s = product(q[batch, heads], k[batch, heads_k].swapaxes(2, 3)) * scale
        p = np.exp(s - statistics[batch, heads])
        if keys is not None:
            p = np.where(columns < keys[batch], p, 0)
        if queries is not None:
            p = np.where(rows < queries[batch], p, 0)
        ds = p * (product(do[batch, heads], v[batch, heads_v].swapaxes(2, 3)) - delta[batch, heads]) * scale
        dv[batch, heads_v] = shared(product(p.swapaxes(2, 3), do[batch, heads]), shared_v)
        dk[batch, heads_k] = shared(product(ds.swapaxes(2, 3), q[batch, heads]), shared_k)
        dq[batch, heads] = product(ds, k[batch, heads_k])
    for name, value in (("DQDESC", dq), ("DKDESC", dk), ("DVDESC", dv)):
        values.set(operation[name], value)
    sink, dsink = operation.get("SINK_DESC"), operation.get("DSINK_DESC")
    if sink is not None and dsink is not None:
        values.set(dsink, -(np.exp(values.get(sink) - statistics) * delta).sum((0, 2), keepdims=True))


KINDS = {
    "OPERATION_SOFTMAX": Kind(run_softmax, check_softmax, ("YDESC", *SOFTMAX_OUTPUTS)),
    "OPERATION_DIAGONAL_BAND_MASK": Kind(run_band, check_band, ("YDESC",)),
    "OPERATION_SDPA_FWD": Kind(run_forward, check_forward, ("ODESC", "STATSDESC", "DROPOUT_RNG_DUMP_DESC")),
    "OPERATION_SDPA_BWD": Kind(run_backward, check_backward, ("DQDESC", "DKDESC", "DVDESC", "DSINK_DESC")),
}
