"""Bilinear sampling by the executor core's own loops (op_sampler.c)."""

from __future__ import annotations

from typing import Any

from maf_vdev.modnn import native
from maf_vdev.modnn.providers.conv_program import ffi
from maf_vdev.modnn.registry import Plan

ffi.cdef((native.CORE / "op_sampler.h").read_text())


def sampler(op: Any) -> Plan:
    """Accepts every op that passed sampler.check."""
    p = ffi.new("struct maf_sampler *")
    p.direction, p.type = op.direction, op.type
    for name in ("x_dims", "x_strides", "dx_strides", "y_dims", "y_strides"):
        getattr(p, name)[0:4] = list(getattr(op, name))
    return native.plan("core", "maf_sampler_run", p)
