"""CTC loss by the executor core's own loops (op_ctc.c)."""

from __future__ import annotations

from typing import Any

from maf_vdev.modnn import native
from maf_vdev.modnn.providers.conv_program import ffi
from maf_vdev.modnn.registry import Plan

ffi.cdef((native.CORE / "op_ctc.h").read_text())


def ctc(op: Any) -> Plan:
    """Accepts every op that passed ctc.check."""
    p = ffi.new("struct maf_ctc *")
    for name in ("type", "time", "batch", "classes", "softmax", "gradients", "on_device"):
        setattr(p, name, getattr(op, name))
    p.strides[0:3], p.gradient_strides[0:3] = list(op.strides), list(op.gradient_strides)
    return native.plan("core", "maf_ctc_run", p)
