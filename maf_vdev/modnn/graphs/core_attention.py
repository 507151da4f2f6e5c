"""Attention graphs that the executor core computes: the operation with a bias or a causal mask, and the graph of gradients
that cudnn-frontend writes for it. Everything else declines to the evaluation by operations."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from maf_vdev.modnn import graph as g
from maf_vdev.modnn import native
from maf_vdev.modnn.gemm import BF16, F16, F32
from maf_vdev.modnn.graphs import evaluate
from maf_vdev.modnn.graphs.shaping import keep_threshold
from maf_vdev.modnn.graphs.memory import Values
from maf_vdev.modnn.providers import openblas
from maf_vdev.modnn.providers.conv_program import ffi
from maf_vdev.modnn.registry import Plan

ffi.cdef((native.CORE / "op_attention.h").read_text())

TYPES = {g.HALF: F16, g.BFLOAT16: BF16, g.FLOAT: F32}
ADD, MUL, DIV, SUB, EXP, IDENTITY = 0, 1, 6, 9, 13, 21
GREATER_EQUAL = 303
SUM = 0


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


class _Other(Exception):
    """The graph is another one."""


def _need(condition: bool) -> None:
    if not condition:
        raise _Other


def _is_causal(operation: g.Descriptor) -> bool:
    plain = ("SEQ_LEN_QDESC", "SEQ_LEN_KVDESC", "CU_SEQ_LEN_QDESC", "CU_SEQ_LEN_KVDESC")
    bounds = ("LEFT_BOUND_DESC", "SHIFT_RIGHT_BOUND_DESC")
    return operation["COMPARISON_MODE"] == GREATER_EQUAL and all(operation.get(n) is None for n in (*plain, *bounds))


def forward(graph: g.Graph) -> Attention:
    """The one attention operation of a graph. Raises _Other."""
    _need(len(graph.operations) == 1 and graph.operations[0].kind == "OPERATION_SDPA_FWD")
    op = graph.operations[0]
    known = {"QDESC", "KDESC", "VDESC", "ODESC", "SCALEDESC", "STATSDESC", "SOFTMAX_DESC", "SUBGRAPH", "UNFUSE_FMA"}
    known |= {"SUBGRAPH_INPUT_UID", "SUBGRAPH_OUTPUT_UID", "DROPOUT_PROBABILITY", "DROPOUT_SEED_DESC"}
    _need(set(op.attributes) <= known | {"DROPOUT_OFFSET_DESC"})
    statistics = op.get("STATSDESC")
    if op.get("SOFTMAX_DESC") is not None:
        softmax = op["SOFTMAX_DESC"]
        _need(set(softmax.attributes) <= {"XDESC", "YDESC", "STATS_DESC"} and statistics is None)
        statistics = softmax.get("STATS_DESC")
    found = Attention(op["QDESC"], op["KDESC"], op["VDESC"], op["ODESC"], statistics, op.get("SCALEDESC"))
    if op.get("DROPOUT_PROBABILITY", 0.0):
        found.keep = 1 - op["DROPOUT_PROBABILITY"]
        found.seed, found.offset = op.get("DROPOUT_SEED_DESC"), op.get("DROPOUT_OFFSET_DESC")
    if op.get("SUBGRAPH") is not None:
        at = op["SUBGRAPH_INPUT_UID"]
        for inner in g.listed(op["SUBGRAPH"]["OPS"]):
            _need(inner["XDESC"].uid == at)
            at = inner["YDESC"].uid
            if inner.kind == "OPERATION_POINTWISE":
                _need(inner["PW_DESCRIPTOR"]["MODE"] == ADD and found.bias is None and not found.causal)
                _need(inner.get("ALPHA1", 1.0) == inner.get("ALPHA2", 1.0) == 1)
                found.bias = inner["BDESC"]
            else:
                _need(inner.kind == "OPERATION_DIAGONAL_BAND_MASK" and _is_causal(inner))
                found.causal = True
                found.expected.append((inner["BDESC"], -math.inf))
        _need(at == op["SUBGRAPH_OUTPUT_UID"])
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
        _need(operation is not None and operation.kind == f"OPERATION_{kind}")
        self.used.add(id(operation))
        return operation

    def is_made(self, tensor: g.Tensor, kind: str) -> bool:
        operation = self.makers.get(tensor.uid)
        return operation is not None and operation.kind == f"OPERATION_{kind}"

    def pointwise(self, tensor: g.Tensor, mode: int) -> tuple[g.Tensor, g.Tensor | None]:
        operation = self.take(tensor, "POINTWISE")
        _need(operation["PW_DESCRIPTOR"]["MODE"] == mode)
        _need(operation.get("ALPHA1", 1.0) == operation.get("ALPHA2", 1.0) == 1)
        return operation["XDESC"], operation.get("BDESC")

    def is_pointwise(self, tensor: g.Tensor, mode: int) -> bool:
        return self.is_made(tensor, "POINTWISE") and self.makers[tensor.uid]["PW_DESCRIPTOR"]["MODE"] == mode

    def product(self, tensor: g.Tensor) -> tuple[g.Tensor, g.Tensor]:
        operation = self.take(tensor, "MATMUL")
        _need(not any(name.startswith("GEMM_") for name in operation.attributes))
        return operation["ADESC"], operation["BDESC"]

    def turned(self, tensor: g.Tensor) -> g.Tensor:
        """x of y = x with its last two dimensions exchanged."""
        x = self.take(tensor, "RESHAPE")["XDESC"]
        _need(
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

    def scaled(self, tensor: g.Tensor) -> tuple[g.Tensor, g.Tensor | None]:
        """x and the scalar of y = x * scalar; x itself where it is not made so."""
        if self.is_pointwise(tensor, MUL) and math.prod(self.makers[tensor.uid]["BDESC"].dims) == 1:
            return self.pointwise(tensor, MUL)
        return tensor, None


def backward(graph: g.Graph) -> tuple[Attention, list[g.Tensor]]:
    """The gradients' graph, and what else it writes: row sums (float), and dq before it is converted. Raises _Other."""
    trees = _Trees(graph)
    results = [t for op in graph.operations for n, t in g.tensors_of(op) if n in ("YDESC", "CDESC") and not t.virtual]
    for tensor in results:
        if trees.is_pointwise(tensor, IDENTITY):
            dq = tensor
            break
    else:
        raise _Other
    wide, _ = trees.pointwise(dq, IDENTITY)
    ds, k_view = trees.product(wide)
    extra = [] if wide.virtual else [wide]
    products = {}
    for tensor in results:
        whole = trees.unshared(tensor)
        if tensor.uid not in (dq.uid, wide.uid) and trees.is_made(whole, "MATMUL"):
            products[tensor.uid] = (tensor, trees.turned(trees.product(whole)[0]), trees.product(whole)[1])
            _need(whole is tensor or whole.virtual)
    _need(len(products) == 2)
    of_keys = [uid for uid, (_, left, _) in products.items() if left.uid == ds.uid]
    _need(len(of_keys) == 1)
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
        _need(mask is not None and same is not None and same.uid == mask.uid)
    _need(seen.uid == p.uid)
    left, vt = trees.product(dp)
    _need(left.uid == grad_out.uid)
    masked, _ = trees.pointwise(p, EXP)
    found = Attention(q, k_view, vt, q, None, None)
    if trees.is_made(masked, "DIAGONAL_BAND_MASK"):
        band = trees.take(masked, "DIAGONAL_BAND_MASK")
        _need(_is_causal(band))
        found.causal = True
        found.expected.append((band["BDESC"], -math.inf))
        masked = band["XDESC"]
    scores, found.statistics = trees.pointwise(masked, SUB)
    if trees.is_pointwise(scores, ADD):
        scores, found.bias = trees.pointwise(scores, ADD)
    scores, factor = trees.scaled(scores)
    q_again, kt = trees.product(scores)
    _need(q_again.uid == q.uid and kt.uid == trees.turned(k_view).uid)
    _need((factor.uid if factor is not None else None) == (scale.uid if scale is not None else None))
    found.scale, found.k, found.v = scale, kt, vt
    sums, kept = trees.scaled(delta)
    reduced = trees.take(sums, "REDUCTION")
    _need(reduced["DESC"]["OPERATOR"] == SUM and sums.dims[3] == 1)
    first, found.out = trees.pointwise(reduced["XDESC"], MUL)
    _need(first.uid == grad_out.uid)
    if mask is not None:
        rng = trees.take(mask, "RNG")
        _need(rng["DESC"].get("DISTRIBUTION", 0) == 0 and mask.virtual and isinstance(rng.get("SEED"), g.Tensor))
        found.keep, found.seed, found.offset = (
            rng["DESC"].get("BERNOULLI_DIST_PROBABILITY", 0.5),
            rng["SEED"],
            rng["OFFSET_DESC"],
        )
        found.expected += [(drop, 1 / found.keep), (again, 1 / found.keep)]
        _need(kept is not None)
    if kept is not None:
        found.expected.append((kept, found.keep))
    found.gradients = {"grad_out": grad_out, "grad_q": dq, "grad_k": dk, "grad_v": dv}
    _need(len(trees.used) == len(graph.operations))
    return found, extra


def _closure(graph: g.Graph, found: Attention) -> Any:
    """struct maf_attention_op, or _Other where the core does not know the layout."""
    order = {tensor.uid: index + 1 for index, tensor in enumerate(graph.memory)}
    p = ffi.new("struct maf_attention_op *")
    p.sgemm = ffi.cast("void *", openblas.symbol("sgemm"))
    back = bool(found.gradients)
    turned = back  # keys and values of the gradients' graph are transposed views
    _need(found.q.type in TYPES)
    p.backward, p.type = back, TYPES[found.q.type]
    p.batches, p.heads, p.queries, p.dim = found.q.dims
    heads_k, heads_v = found.k.dims[1], found.v.dims[1]
    p.keys = found.k.dims[3 if turned else 2]
    p.dim_value = found.v.dims[2 if turned else 3]
    p.shared_k, p.shared_v = p.heads // heads_k, p.heads // heads_v
    _need(not back or p.shared_k == p.shared_v)
    p.causal = found.causal
    places = {"q": found.q, "out": found.out, **found.gradients}
    for name in ("q", "k", "v", "bias", "out", "statistics", "grad_out", "grad_q", "grad_k", "grad_v"):
        getattr(p, name).pointer = -1

    def place(name: str, tensor: g.Tensor, strides: Sequence[int], kind: int) -> None:
        _need(tensor.uid in order and tensor.ragged is None and tensor.type == kind and strides[3] == 1)
        slot = getattr(p, name)
        slot.pointer = order[tensor.uid]
        slot.strides[0:3] = strides[:3]

    for name, tensor in places.items():
        place(name, tensor, tensor.strides, found.q.type)
    for name, tensor in (("k", found.k), ("v", found.v)):
        s = tensor.strides
        place(name, tensor, (s[0], s[1], s[3], s[2]) if turned else s, found.q.type)
    if found.bias is not None:
        b = found.bias
        _need(b.dims[3] == p.keys and b.dims[2] in (1, p.queries))
        _need(b.dims[0] in (1, p.batches) and b.dims[1] in (1, p.heads))
        strides = [0 if n == 1 else s for n, s in zip(b.dims[:3], b.strides[:3], strict=True)]
        place("bias", b, (*strides, b.strides[3]), found.q.type)
    if found.statistics is not None:
        s = found.statistics
        _need(s.dims == (p.batches, p.heads, p.queries, 1) and (s.strides[2] == 1 or p.queries == 1))
        place("statistics", s, (*s.strides[:3], 1), g.FLOAT)
    if found.keep != 1:
        _need(found.seed is not None and found.offset is not None)
        for tensor in (found.seed, found.offset):
            _need(tensor.uid in order and tensor.type == g.INT64)
        p.seed, p.offset = order[found.seed.uid], order[found.offset.uid]
        p.dropout = float(keep_threshold(found.keep))
    return p


def _scalar(graph: g.Graph, tensor: g.Tensor) -> Callable[[bytes], float]:
    """How to read a scalar of a run."""
    _need(tensor.type == g.FLOAT)
    if tensor.constant is not None:
        (constant,) = struct.unpack_from("<f", tensor.constant)
        return lambda scalars: constant
    index = next((i for i, value in enumerate(graph.values) if value.uid == tensor.uid), None)
    _need(index is not None)
    return lambda scalars: struct.unpack_from("<f", scalars, 16 * index)[0]


def graph(op: g.Graph) -> Plan | None:
    """Declines what is not attention in one of the two forms."""
    try:
        extra: list[g.Tensor] = []
        if len(op.operations) == 1:
            found = forward(op)
        else:
            found, extra = backward(op)
        closure = _closure(op, found)
        scale = _scalar(op, found.scale) if found.scale is not None else lambda scalars: 1.0
        expected = [(_scalar(op, tensor), value) for tensor, value in found.expected]
        _need(all(tensor.uid in {t.uid for t in op.memory} for tensor in extra))
    except _Other:
        return None
    core = native.plan("core", "maf_attention_run", closure, openblas.library())
    slow = evaluate.graph(op)

    def run(pointers: Sequence[int], scalars: bytes) -> None:
        if not all(math.isclose(read(scalars), value, rel_tol=1e-5) for read, value in expected):
            slow.run(pointers, scalars)
            return
        core.run(pointers, struct.pack("<f", scale(scalars)))
        if extra:
            values = Values(op, pointers, scalars)
            with np.errstate(all="ignore"):
                for tensor in extra:
                    values.set(tensor, _extra(found, values, tensor))

    return Plan("core", run, keep=core)


def _extra(found: Attention, values: Values, tensor: g.Tensor) -> np.ndarray:
    """Row sums of output * gradient times the kept part, or dq in float."""
    if tensor.dims[3] == 1 and tensor.dims != found.q.dims:
        return (values.get(found.out) * values.get(found.gradients["grad_out"])).sum(-1, keepdims=True) * np.float32(
            found.keep
        )
    return values.get(found.gradients["grad_q"])
