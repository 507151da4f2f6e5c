"""Attention graphs that the executor core computes; everything else declines to the evaluation by operations."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from maf_vdev.modnn import graph as g
from maf_vdev.modnn import native
from maf_vdev.modnn.gemm import BF16, F16, F32
from maf_vdev.modnn.graphs import evaluate
from maf_vdev.modnn.graphs.attention_patterns import (
    Attention,
    Other,
    backward,
    composite,
    forward,
    need,
)
from maf_vdev.modnn.graphs.memory import Values
from maf_vdev.modnn.graphs.shaping import keep_threshold
from maf_vdev.modnn.providers import openblas
from maf_vdev.modnn.providers.conv_program import ffi
from maf_vdev.modnn.registry import Plan

ffi.cdef((native.CORE / "op_attention.h").read_text())

TYPES = {g.HALF: F16, g.BFLOAT16: BF16, g.FLOAT: F32}


def _closure(graph: g.Graph, found: Attention) -> Any:
    """struct maf_attention_op, or Other where the core does not know the layout."""
    order = {tensor.uid: index + 1 for index, tensor in enumerate(graph.memory)}
    p = ffi.new("struct maf_attention_op *")
    p.sgemm = ffi.cast("void *", openblas.symbol("sgemm"))
    back = bool(found.gradients)
    need(found.q.type in TYPES)
    p.backward, p.type = back, TYPES[found.q.type]
    p.batches, p.heads, p.queries, p.dim = found.q.dims
    heads_k, heads_v = found.k.dims[1], found.v.dims[1]
    p.keys = found.k.dims[3 if "k" in found.turned else 2]
    p.dim_value = found.v.dims[2 if "v" in found.turned else 3]
    p.shared_k, p.shared_v = p.heads // heads_k, p.heads // heads_v
    need(not back or p.shared_k == p.shared_v)
    p.causal = found.causal
    places = {"q": found.q, "out": found.out, **found.gradients}
    for name in (
        "q",
        "k",
        "v",
        "bias",
        "out",
        "statistics",
        "grad_out",
        "grad_q",
        "grad_k",
        "grad_v",
    ):
        getattr(p, name).pointer = -1

    def place(name: str, tensor: g.Tensor, strides: Sequence[int], kind: int) -> None:
        need(tensor.uid in order and tensor.ragged is None and tensor.type == kind and strides[3] == 1)
        slot = getattr(p, name)
        slot.pointer = order[tensor.uid]
        slot.strides[0:3] = strides[:3]

    for name, tensor in places.items():
        place(name, tensor, tensor.strides, found.q.type)
    for name, tensor in (("k", found.k), ("v", found.v)):
        s = tensor.strides
        place(
            name,
            tensor,
            (s[0], s[1], s[3], s[2]) if name in found.turned else s,
            found.q.type,
        )
    if found.bias is not None:
        b = found.bias
        need(b.dims[3] == p.keys and b.dims[2] in (1, p.queries))
        need(b.dims[0] in (1, p.batches) and b.dims[1] in (1, p.heads))
        strides = [0 if n == 1 else s for n, s in zip(b.dims[:3], b.strides[:3], strict=True)]
        place("bias", b, (*strides, b.strides[3]), found.q.type)
    if found.statistics is not None:
        s = found.statistics
        need(s.dims == (p.batches, p.heads, p.queries, 1) and (s.strides[2] == 1 or p.queries == 1))
        place("statistics", s, (*s.strides[:3], 1), g.FLOAT)
    if found.keep != 1:
        need(found.seed is not None and found.offset is not None)
        for tensor in (found.seed, found.offset):
            need(tensor.uid in order and tensor.type == g.INT64)
        p.seed, p.offset = order[found.seed.uid], order[found.offset.uid]
        p.dropout = float(keep_threshold(found.keep))
    return p


def _scalar(graph: g.Graph, tensor: g.Tensor) -> Callable[[bytes], float]:
    """How to read a scalar of a run."""
    need(tensor.type == g.FLOAT)
    if tensor.constant is not None:
        (constant,) = struct.unpack_from("<f", tensor.constant)
        return lambda scalars: constant
    index = next((i for i, value in enumerate(graph.values) if value.uid == tensor.uid), None)
    need(index is not None)
    return lambda scalars: struct.unpack_from("<f", scalars, 16 * index)[0]


def graph(op: g.Graph) -> Plan | None:
    """Declines what is not attention in one of the two forms."""
    try:
        extra: list[g.Tensor] = []
        if len(op.operations) == 1:
            found = forward(op)
        elif any(operation.kind == "OPERATION_RESHAPE" for operation in op.operations):
            found, extra = backward(op)
        else:
            found = composite(op)
        closure = _closure(op, found)
        scale = _scalar(op, found.scale) if found.scale is not None else lambda scalars: 1.0
        expected = [(_scalar(op, tensor), value) for tensor, value in found.expected]
        need(all(tensor.uid in {t.uid for t in op.memory} for tensor in extra))
    except Other:
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
