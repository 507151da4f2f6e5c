"""Elementwise operations, reductions, softmax and pooling by the executor core's own loops (op_tensor.c)."""

from __future__ import annotations

from typing import Any

from maf_vdev.modnn import elementwise as e
from maf_vdev.modnn import native
from maf_vdev.modnn.providers.conv_program import View, collapse, ffi, fill_view
from maf_vdev.modnn.registry import Plan
from maf_vdev.modnn.softmax import LOG

ffi.cdef((native.CORE / "op_tensor.h").read_text())


def elementwise(op: Any) -> Plan:
    """Accepts every op that passed elementwise.check."""
    p = ffi.new("struct maf_elementwise *")
    views = []
    for source, role in enumerate(e.POINTERS):
        strides = tuple(getattr(op, f"{role}_strides")[0 : op.rank])
        views.append(View(source, 0, getattr(op, f"type_{role}"), strides))
    # The generator's states are no tensor; its masks are numbered in memory order.
    if op.function == e.NEW_DROPOUT:
        views[2] = None
    dims, views = collapse(op.dims[0 : op.rank], views)
    p.function, p.nan_propagation, p.dims_count = op.function, op.nan_propagation, len(dims)
    p.dims[0 : len(dims)] = dims
    for role, view in zip(e.POINTERS, views, strict=True):
        fill_view(getattr(p, role), view)
    return native.plan("core", "maf_elementwise_run", p)


def reduce(op: Any) -> Plan:
    """Accepts every op that passed reduce.check."""
    p = ffi.new("struct maf_reduce *")
    for name in ("function", "type_a", "type_c", "nan_propagation", "indices"):
        setattr(p, name, getattr(op, name))
    kept, reduced = [], []
    for a, c, a_step, c_step in zip(
        *(field[0 : op.rank] for field in (op.a_dims, op.c_dims, op.a_strides, op.c_strides)), strict=True
    ):
        (kept if c == a else reduced).append((a, a_step, c_step))
    for name, rows in (("kept", kept), ("reduced", reduced or [(1, 1, 1)])):
        setattr(p, f"{name}_count", len(rows))
        getattr(p, name)[0 : len(rows)] = [row[0] for row in rows]
        getattr(p, f"{name}_a")[0 : len(rows)] = [row[1] for row in rows]
    p.kept_c[0 : len(kept)] = [row[2] for row in kept]
    return native.plan("core", "maf_reduce_run", p)


def softmax(op: Any) -> Plan:
    """Accepts every op that passed softmax.check."""
    p = ffi.new("struct maf_softmax *")
    p.direction, p.logarithm, p.type = op.direction, op.algorithm == LOG, op.type
    line = list(range(1, op.rank)) if op.per_instance else [1]
    rows = [d for d in range(op.rank) if d not in line]
    for name, axes in (("rows", rows), ("line", line)):
        setattr(p, f"{name}_count", len(axes))
        getattr(p, name)[0 : len(axes)] = [op.dims[d] for d in axes]
        for tensor in ("x", "y", "dy"):
            strides = getattr(op, f"{tensor}_strides")
            getattr(p, f"{name}_{tensor}")[0 : len(axes)] = [strides[d] for d in axes]
    return native.plan("core", "maf_softmax_run", p)


def pooling(op: Any) -> Plan:
    """Accepts every op that passed pooling.check."""
    p = ffi.new("struct maf_pooling *")
    for name in ("direction", "mode", "nan_propagation", "type"):
        setattr(p, name, getattr(op, name))
    lead = 3 - op.spatial
    for name in ("x_dims", "y_dims", "x_strides", "y_strides", "dx_strides", "dy_strides"):
        values, filler = list(getattr(op, name)[0 : op.spatial + 2]), 1 if name.endswith("dims") else 0
        getattr(p, name)[0:5] = values[:2] + [filler] * lead + values[2:]
    for name, filler in (("window", 1), ("pad", 0), ("stride", 1)):
        getattr(p, name)[0:3] = [filler] * lead + list(getattr(op, name)[0 : op.spatial])
    return native.plan("core", "maf_pooling_run", p)
