"""Which graphs are attention: the operation with a bias or a causal mask, and the graphs that cudnn-frontend writes for
it and its gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from maf_vdev.modnn import graph as g

ADD, MUL, DIV, SUB, EXP, LOG, IDENTITY = 0, 1, 6, 9, 13, 15, 21
GREATER_EQUAL, INDEX, SELECT = 303, 501, 601
SUM, MAXIMUM = 0, 3


@dataclass
class Attention:
    """What a graph computes, by its tensors. `expected`: scalars and the values that they must have when it runs."""

    q: g.Tensor
    k: g.Tensor
    v: g.Tensor
    out: g.Tensor
    statistics: g.Tensor | None
    scale: g.Tensor | None
    bias: g.Tensor | None = None
    causal: bool = False
    expected: list[tuple[g.Tensor, float]] = field(default_factory=list)
    keep: float = 1.0
    seed: g.Tensor | None = None
    offset: g.Tensor | None = None
    gradients: dict[str, g.Tensor] = field(default_factory=dict)  # grad_out, grad_q, grad_k, grad_v
    turned: str = ""  # which of k and v are given transposed


class Other(Exception):
    """The graph is another one."""


def need(condition: bool) -> None:
    if not condition:
        raise Other


def _is_causal(operation: g.Descriptor) -> bool:
    plain = ("SEQ_LEN_QDESC", "SEQ_LEN_KVDESC", "CU_SEQ_LEN_QDESC", "CU_SEQ_LEN_KVDESC")
    bounds = ("LEFT_BOUND_DESC", "SHIFT_RIGHT_BOUND_DESC")
    return operation["COMPARISON_MODE"] == GREATER_EQUAL and all(operation.get(n) is None for n in (*plain, *bounds))


def forward(graph: g.Graph) -> Attention:
    """The one attention operation of a graph. Raises Other."""
    need(len(graph.operations) == 1 and graph.operations[0].kind == "OPERATION_SDPA_FWD")
    op = graph.operations[0]
    known = {
        "QDESC",
        "KDESC",
        "VDESC",
        "ODESC",
        "SCALEDESC",
        "STATSDESC",
        "SOFTMAX_DESC",
        "SUBGRAPH",
        "UNFUSE_FMA",
    }
    known |= {
        "SUBGRAPH_INPUT_UID",
        "SUBGRAPH_OUTPUT_UID",
        "DROPOUT_PROBABILITY",
        "DROPOUT_SEED_DESC",
    }
    need(set(op.attributes) <= known | {"DROPOUT_OFFSET_DESC"})
    statistics = op.get("STATSDESC")
    if op.get("SOFTMAX_DESC") is not None:
        softmax = op["SOFTMAX_DESC"]
        need(set(softmax.attributes) <= {"XDESC", "YDESC", "STATS_DESC"} and statistics is None)
        statistics = softmax.get("STATS_DESC")
    found = Attention(
        op["QDESC"],
        op["KDESC"],
        op["VDESC"],
        op["ODESC"],
        statistics,
        op.get("SCALEDESC"),
    )
    if op.get("DROPOUT_PROBABILITY", 0.0):
        found.keep = 1 - op["DROPOUT_PROBABILITY"]
        found.seed, found.offset = (
            op.get("DROPOUT_SEED_DESC"),
            op.get("DROPOUT_OFFSET_DESC"),
        )
    if op.get("SUBGRAPH") is not None:
        at = op["SUBGRAPH_INPUT_UID"]
        for inner in g.listed(op["SUBGRAPH"]["OPS"]):
            need(inner["XDESC"].uid == at)
            at = inner["YDESC"].uid
            if inner.kind == "OPERATION_POINTWISE":
                need(inner["PW_DESCRIPTOR"]["MODE"] == ADD and found.bias is None and not found.causal)
                need(inner.get("ALPHA1", 1.0) == inner.get("ALPHA2", 1.0) == 1)
                found.bias = inner["BDESC"]
            else:
                need(inner.kind == "OPERATION_DIAGONAL_BAND_MASK" and _is_causal(inner))
                found.causal = True
                found.expected.append((inner["BDESC"], -math.inf))
        need(at == op["SUBGRAPH_OUTPUT_UID"])
    return found


class _Trees:
    """How each tensor of a graph comes about."""

    def __init__(self, graph: g.Graph) -> None:
        self.makers: dict[int, g.Descriptor] = {}
        for operation in graph.operations:
            for name in ("YDESC", "CDESC"):
                if operation.get(name) is not None:
                    self.makers[operation[name].uid] = operation
        self.used: set[int] = set()

    def take(self, tensor: g.Tensor, kind: str) -> g.Descriptor:
        operation = self.makers.get(tensor.uid)
        need(operation is not None and operation.kind == f"OPERATION_{kind}")
        self.used.add(id(operation))
        return operation

    def is_made(self, tensor: g.Tensor, kind: str) -> bool:
        operation = self.makers.get(tensor.uid)
        return operation is not None and operation.kind == f"OPERATION_{kind}"

    def pointwise(self, tensor: g.Tensor, mode: int) -> tuple[g.Tensor, g.Tensor | None]:
        operation = self.take(tensor, "POINTWISE")
        need(operation["PW_DESCRIPTOR"]["MODE"] == mode)
        need(operation.get("ALPHA1", 1.0) == operation.get("ALPHA2", 1.0) == 1)
        return operation["XDESC"], operation.get("BDESC")

    def is_pointwise(self, tensor: g.Tensor, mode: int) -> bool:
        return self.is_made(tensor, "POINTWISE") and self.makers[tensor.uid]["PW_DESCRIPTOR"]["MODE"] == mode

    def product(self, tensor: g.Tensor) -> tuple[g.Tensor, g.Tensor]:
        operation = self.take(tensor, "MATMUL")
        need(not any(name.startswith("GEMM_") for name in operation.attributes))
        return operation["ADESC"], operation["BDESC"]

    def turned(self, tensor: g.Tensor) -> g.Tensor:
        """x of y = x with its last two dimensions exchanged."""
        x = self.take(tensor, "RESHAPE")["XDESC"]
        need(
            tensor.dims == (*x.dims[:2], x.dims[3], x.dims[2])
            and tensor.strides == (*x.strides[:2], x.strides[3], x.strides[2])
        )
        return x

    def unshared(self, tensor: g.Tensor) -> g.Tensor:
        """x of y = sums of x over heads that share; y itself where it is not made so."""
        operation = self.makers.get(tensor.uid)
        if operation is None or operation.kind != "OPERATION_REDUCTION" or operation["DESC"]["OPERATOR"] != SUM:
            return tensor
        x = operation["XDESC"]
        if x.dims[0] != tensor.dims[0] or x.dims[2:] != tensor.dims[2:]:
            return tensor
        self.used.add(id(operation))
        return x

    def reduced(self, tensor: g.Tensor, operator: int) -> g.Tensor:
        """x of y = sums or maxima of x along its last dimension."""
        operation = self.take(tensor, "REDUCTION")
        x = operation["XDESC"]
        need(operation["DESC"]["OPERATOR"] == operator and tensor.dims == (*x.dims[:3], 1))
        return x

    def masked(self, tensor: g.Tensor, found: Attention) -> g.Tensor:
        """The scores before a causal mask, which is one operation or a comparison of two indices."""
        if self.is_made(tensor, "DIAGONAL_BAND_MASK"):
            band = self.take(tensor, "DIAGONAL_BAND_MASK")
            need(_is_causal(band))
            x, outside = band["XDESC"], band["BDESC"]
        elif self.is_pointwise(tensor, SELECT):
            inside = self.makers[tensor.uid]["TDESC"]
            x, outside = self.pointwise(tensor, SELECT)
            for index, axis in zip(self.pointwise(inside, GREATER_EQUAL), (2, 3), strict=True):
                self.pointwise(index, INDEX)
                need(self.makers[index.uid]["PW_DESCRIPTOR"].get("AXIS", -1) == axis and index.dims == x.dims)
        else:
            return tensor
        found.causal = True
        found.expected.append((outside, -math.inf))
        return x

    def mask_of_dropout(self, tensor: g.Tensor, found: Attention) -> None:
        rng = self.take(tensor, "RNG")
        need(rng["DESC"].get("DISTRIBUTION", 0) == 0 and tensor.virtual and isinstance(rng.get("SEED"), g.Tensor))
        found.keep = rng["DESC"].get("BERNOULLI_DIST_PROBABILITY", 0.5)
        found.seed, found.offset = rng["SEED"], rng["OFFSET_DESC"]

    def scores(self, tensor: g.Tensor, found: Attention) -> tuple[g.Tensor, g.Tensor]:
        """q and transposed k of scores with an optional bias; keeps bias and scale."""
        if self.is_pointwise(tensor, ADD):
            tensor, found.bias = self.pointwise(tensor, ADD)
        tensor, found.scale = self.scaled(tensor)
        return self.product(tensor)

    def scaled(self, tensor: g.Tensor) -> tuple[g.Tensor, g.Tensor | None]:
        """x and the scalar of y = x * scalar; x itself where it is not made so."""
        if self.is_pointwise(tensor, MUL) and math.prod(self.makers[tensor.uid]["BDESC"].dims) == 1:
            return self.pointwise(tensor, MUL)
        return tensor, None


def composite(graph: g.Graph) -> Attention:
    """The forward graph that cudnn-frontend writes for older releases: a product, a softmax in parts, a product."""
    trees = _Trees(graph)
    results = [t for op in graph.operations for n, t in g.tensors_of(op) if n in ("YDESC", "CDESC") and not t.virtual]
    out = next((t for t in results if trees.is_made(t, "MATMUL")), None)
    need(out is not None and len(results) <= 2)
    p, v = trees.product(out)
    found = Attention(out, out, v, out, None, None, turned="k")
    soft, drop = trees.scaled(p)
    if drop is not None:
        soft, mask = trees.pointwise(soft, MUL)
        trees.mask_of_dropout(mask, found)
        found.expected.append((drop, 1 / found.keep))
    if trees.is_made(soft, "SOFTMAX"):
        softmax = trees.take(soft, "SOFTMAX")
        need(set(softmax.attributes) <= {"XDESC", "YDESC", "STATS_DESC"} and len(results) == 1)
        masked, found.statistics = softmax["XDESC"], softmax.get("STATS_DESC")
    else:
        powers, total = trees.pointwise(soft, DIV)
        need(trees.reduced(total, SUM).uid == powers.uid)
        shifted, _ = trees.pointwise(powers, EXP)
        masked, largest = trees.pointwise(shifted, SUB)
        need(trees.reduced(largest, MAXIMUM).uid == masked.uid)
        for tensor in results:
            if tensor is not out:
                first, logarithm = trees.pointwise(tensor, ADD)
                need(first.uid == largest.uid and trees.pointwise(logarithm, LOG)[0].uid == total.uid)
                found.statistics = tensor
    found.q, found.k = trees.scores(trees.masked(masked, found), found)
    need(len(trees.used) == len(graph.operations))
    return found


def backward(graph: g.Graph) -> tuple[Attention, list[g.Tensor]]:
    """The gradients' graph, and what else it writes: row sums (float), and dq before it is converted. Raises Other."""
    trees = _Trees(graph)
    results = [t for op in graph.operations for n, t in g.tensors_of(op) if n in ("YDESC", "CDESC") and not t.virtual]
    for tensor in results:
        if trees.is_pointwise(tensor, IDENTITY):
            dq = tensor
            break
    else:
        raise Other
    wide, _ = trees.pointwise(dq, IDENTITY)
    ds, k_view = trees.product(wide)
    extra = [] if wide.virtual else [wide]
    products = {}
    for tensor in results:
        whole = trees.unshared(tensor)
        if tensor.uid not in (dq.uid, wide.uid) and trees.is_made(whole, "MATMUL"):
            products[tensor.uid] = (
                tensor,
                trees.turned(trees.product(whole)[0]),
                trees.product(whole)[1],
            )
            need(whole is tensor or whole.virtual)
    need(len(products) == 2)
    of_keys = [uid for uid, (_, left, _) in products.items() if left.uid == ds.uid]
    need(len(of_keys) == 1)
    dk, _, q = products.pop(of_keys[0])
    dv, seen, grad_out = products.popitem()[1]  # seen: P, or P * mask * factor
    inner, scale = trees.scaled(ds)
    # inner = (dP - delta) * P, times the dropout's factor
    drop = None
    if not (trees.is_pointwise(inner, MUL) and trees.is_pointwise(trees.makers[inner.uid]["XDESC"], SUB)):
        inner, drop = trees.scaled(inner)
    centred, p = trees.pointwise(inner, MUL)
    dp, delta = trees.pointwise(centred, SUB)
    if not delta.virtual:
        extra.append(delta)
    mask = again = None
    if drop is not None:
        seen, again = trees.pointwise(seen, MUL)
        seen, mask = trees.pointwise(seen, MUL)
        dp, same = trees.pointwise(dp, MUL)
        need(mask is not None and same is not None and same.uid == mask.uid)
    need(seen.uid == p.uid)
    left, vt = trees.product(dp)
    need(left.uid == grad_out.uid)
    masked, _ = trees.pointwise(p, EXP)
    found = Attention(q, k_view, vt, q, None, None, turned="kv")
    shifted, found.statistics = trees.pointwise(trees.masked(masked, found), SUB)
    q_again, found.k = trees.scores(shifted, found)
    need(q_again.uid == q.uid and found.k.uid == trees.turned(k_view).uid)
    need((found.scale.uid if found.scale is not None else None) == (scale.uid if scale is not None else None))
    sums, kept = trees.scaled(delta)
    reduced = trees.take(sums, "REDUCTION")
    need(reduced["DESC"]["OPERATOR"] == SUM and sums.dims[3] == 1)
    first, found.out = trees.pointwise(reduced["XDESC"], MUL)
    need(first.uid == grad_out.uid)
    if mask is not None:
        trees.mask_of_dropout(mask, found)
        found.expected += [(drop, 1 / found.keep), (again, 1 / found.keep)]
        need(kept is not None)
    if kept is not None:
        found.expected.append((kept, found.keep))
    found.gradients = {"grad_out": grad_out, "grad_q": dq, "grad_k": dk, "grad_v": dv}
    need(len(trees.used) == len(graph.operations))
    return found, extra
