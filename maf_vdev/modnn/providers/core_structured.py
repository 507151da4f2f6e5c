"""Structured sparsity by the executor core's own loops (op_structured.c)."""

from __future__ import annotations

from typing import Any

from maf_vdev.modnn import native
from maf_vdev.modnn.registry import Plan

ffi = native.ffi
ffi.cdef((native.CORE / "op_structured.h").read_text())


def structured(op: Any) -> Plan:
    """Accepts every op that passed structured.check."""
    p = ffi.new("struct maf_structured *")
    for name in ("routine", "type", "outer", "inner", "outer_stride", "inner_stride", "batch", "stride", "tiles"):
        setattr(p, name, getattr(op, name))
    return native.plan("core", "maf_structured_run", p)
