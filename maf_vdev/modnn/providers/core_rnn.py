"""Recurrent layers by the executor core's own loops (op_rnn.c) around the BLAS."""

from __future__ import annotations

from typing import Any

from maf_vdev.modnn import native
from maf_vdev.modnn import rnn as r
from maf_vdev.modnn.gemm import F64, TYPE_BYTES
from maf_vdev.modnn.providers import openblas
from maf_vdev.modnn.providers.conv_program import ffi
from maf_vdev.modnn.registry import Plan

ffi.cdef((native.CORE / "op_rnn.h").read_text())
HEADER = 64  # bytes in front of the reserve's elements


def reserve_bytes(op: Any) -> int:
    """Bytes that training leaves for the backward passes; the layout is op_rnn.c's."""
    rows, wide = op.time * op.batch, TYPE_BYTES[F64] if op.type == F64 else 4
    lanes = op.layers * r.ways(op)
    outputs = rows * op.projection * r.ways(op) * (2 if op.dropout and op.layers > 1 else 1) * op.layers
    states = (op.cell == r.LSTM) + (op.cell == r.GRU) + r.projected(op)
    lane = rows * (op.hidden * (r.GATES[op.cell] + states) + (op.projection if r.projected(op) else 0))
    return HEADER + (outputs + lanes * lane) * wide


def rnn(op: Any) -> Plan | None:
    """Accepts every op that passed rnn.check."""
    p = ffi.new("struct maf_rnn *")
    for name in ("direction", "cell", "bias", "type", "layout", "layers", "input", "hidden", "time", "batch"):
        setattr(p, name, getattr(op, name))
    p.skip_input, p.dropout = op.skip_input, op.dropout
    p.directions, p.out, p.projected = r.ways(op), op.projection, r.projected(op)
    p.wide, p.gates = op.type == F64, r.GATES[op.cell]
    p.gemm = ffi.cast("void *", openblas.symbol("dgemm" if p.wide else "sgemm"))
    made = native.plan("core", "maf_rnn_run", p, openblas.library())
    return Plan(made.provider, made.run, reserve_bytes=reserve_bytes(op), native=made.native, keep=made.keep)
