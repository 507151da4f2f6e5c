"""Batch normalisation by the executor core's own loops (op_batchnorm.c).

Two forms: one channel after another over contiguous spatial elements, or rows of contiguous channels
(channels last, or nothing but channels). Tensors that fit neither are copied to scratch memory and back.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from maf_vdev.modnn import batchnorm as b
from maf_vdev.modnn import native
from maf_vdev.modnn.gemm import TYPE_BYTES
from maf_vdev.modnn.providers.conv_program import COPY, SCRATCH, View, collapse, dense_strides, fill_view
from maf_vdev.modnn.registry import Plan

ffi = native.ffi
ffi.cdef((native.CORE / "op_batchnorm.h").read_text())

# struct fields of the large tensors, by role.
FIELDS = {"x": "x", "y": "y", "dy": "y", "dx": "dx", "z": "z", "dz": "z"}
OUTPUTS = ("y", "dx", "dz")


def _step(dims: Sequence[int], strides: Sequence[int]) -> int | None:
    """Stride of several dimensions seen as one, innermost last; None when they are not evenly spaced."""
    merged = [(n, s) for n, s in zip(dims, strides, strict=True) if n > 1]
    for (_, outer), (n, inner) in itertools.pairwise(merged):
        if outer != n * inner:
            return None
    return merged[-1][1] if merged else 0


def _as_rows(f: b.Normal, strides: Sequence[int]) -> tuple[int, int] | None:
    """(outer stride, 0) of the rows form."""
    if f.per_activation:
        inner = _step(f.dims[1:], strides[1:])
        return (strides[0], 0) if inner in (0, 1) else None
    if f.dims[1] > 1 and strides[1] != 1:
        return None
    outer = (f.dims[0], *f.dims[2:])
    step = _step(outer, (strides[0], *strides[2:]))
    return None if step is None else (step, 0)


def _as_channels(f: b.Normal, strides: Sequence[int]) -> tuple[int, int] | None:
    """(outer stride, channel stride) of the channel form."""
    if f.per_activation or _step(f.dims[2:], strides[2:]) not in (0, 1):
        return None
    return (strides[0], strides[1])


class Builder:
    """Fills struct maf_batchnorm for one op."""

    def __init__(self, f: b.Normal) -> None:
        self.f = f
        self.closure = ffi.new("struct maf_batchnorm *")
        self.before: list[tuple[View, View]] = []
        self.after: list[tuple[View, View]] = []
        self.scratch = 0

    def build(self) -> Plan:
        f, p = self.f, self.closure
        # Few elements per channel favour rows, which need contiguous channels.
        channels_fit = _as_channels(f, f.strides["x"]) is not None
        rows = f.per_activation or not channels_fit or (_as_rows(f, f.strides["x"]) is not None and f.dims[1] > 1)
        p.direction, p.wide, p.rows, p.fuse, p.pointers = f.direction, f.wide, rows, f.fuse, len(f.pointers)
        inner = math.prod(f.dims[2:])
        if f.per_activation:
            p.outer, p.channels, p.inner = f.dims[0], f.dims[1] * inner, 1
        elif rows:
            p.outer, p.channels, p.inner = f.dims[0] * inner, f.dims[1], 1
        else:
            p.outer, p.channels, p.inner = f.dims[0], f.dims[1], inner
        for field in ("x", "y", "dx", "z", "out"):
            getattr(p, field).source = -1
        for role, strides in f.strides.items():
            field = "out" if role == "y" and f.direction == b.BACKWARD else FIELDS[role]
            self.place(getattr(p, field), role, strides, rows)
        p.scratch_bytes = self.scratch
        keep = []
        for name, copies in (("before", self.before), ("after", self.after)):
            passes = ffi.new("struct maf_pass[]", max(1, len(copies)))
            for made, (to, source) in zip(passes, copies, strict=False):
                small, views = collapse(f.dims, [to, source])
                made.kind, made.dims_count, made.wide = COPY, len(small), f.wide
                made.dims[0 : len(small)] = small
                fill_view(made.out, views[0])
                fill_view(made.a, views[1])
            setattr(p, name, passes)
            setattr(p, f"{name}_count", len(copies))
            keep.append(passes)
        return native.plan("core", "maf_batchnorm_run", p, keep)

    def place(self, tensor: Any, role: str, strides: tuple[int, ...], rows: bool) -> None:
        """Where a tensor is: its own memory, or a packed copy in the form that was chosen."""
        f = self.f
        fit = _as_rows if rows else _as_channels
        user = View(f.pointers.index(role), 0, f.type, strides)
        steps, view = fit(f, strides), user
        if steps is None:
            order = (0, *range(2, len(f.dims)), 1) if rows and not f.per_activation else range(len(f.dims))
            packed = dense_strides(f.dims, tuple(order))
            view = View(SCRATCH, self.scratch, f.type, packed)
            self.scratch += (math.prod(f.dims) * TYPE_BYTES[f.type] + 63) & ~63
            steps = fit(f, packed)
            # Outputs too: a blend reads what is there.
            self.before.append((view, user))
            if role in OUTPUTS and not (role == "y" and f.direction == b.BACKWARD):
                self.after.append((user, view))
        tensor.source, tensor.offset, tensor.type = view.source, view.offset, view.type
        tensor.outer_stride, tensor.channel_stride = steps


def batchnorm(op: Any) -> Plan:
    """Accepts every op that passed batchnorm.check."""
    return Builder(b.normalise(op)).build()
