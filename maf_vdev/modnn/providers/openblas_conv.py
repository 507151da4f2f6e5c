"""Convolution as matrix products on OpenBLAS: any types, strides and parameters, in float32 or float64."""

from __future__ import annotations

import math
from typing import Any

from maf_vdev.modnn import conv as c
from maf_vdev.modnn.gemm import TYPE_BYTES
from maf_vdev.modnn.providers import openblas
from maf_vdev.modnn.providers.conv_program import (
    COPY,
    RESULT,
    SCRATCH,
    Program,
    View,
    compute_type,
    dense_strides,
    ffi,
    fill_view,
)
from maf_vdev.modnn.registry import Plan

INT_MAX = 2**31 - 1


def conv(op: Any) -> Plan | None:
    """Declines products beyond 32-bit sizes and empty results of the library being absent."""
    f = c.normalise(op)
    taps, positions = math.prod(f.w.dims[2:]), math.prod(f.y.dims[2:])
    channels, filters = f.w.dims[1], f.w.dims[0] // f.groups
    if max(channels * taps, positions, filters) > INT_MAX:
        return None
    program, kind = Program(f), compute_type(f)

    def dense(which: int) -> View:
        """The tensor packed in the compute type: itself, or a copy in scratch memory; for the result, RESULT."""
        tensor, user = (f.x, f.y, f.w)[which], program.user(which)
        strides = dense_strides(tensor.dims)
        if user.source == RESULT:
            return View(RESULT, 0, kind, strides)
        same = all(n == 1 or s == t for n, s, t in zip(tensor.dims, tensor.strides, strides, strict=True))
        if tensor.type == kind and same:
            return View(which, 0, kind, strides)
        copy = View(SCRATCH, program.scratch(math.prod(tensor.dims) * TYPE_BYTES[kind]), kind, strides)
        program.add_pass(COPY, tensor.dims, copy, user)
        return copy

    views = [dense(which) for which in (c.X, c.Y, c.W)]
    step = ffi.new("struct maf_conv_gemm *")
    step.direction, step.wide, step.flip = f.direction, f.wide, f.flip
    step.batch, step.groups, step.channels, step.filters = f.x.dims[0], f.groups, channels, filters
    lead = 3 - f.spatial
    for name, values, default in (
        ("x_dims", f.x.dims[2:], 1),
        ("w_dims", f.w.dims[2:], 1),
        ("y_dims", f.y.dims[2:], 1),
        ("pad", f.pad_before, 0),
        ("stride", f.stride, 1),
        ("dilation", f.dilation, 1),
    ):
        getattr(step, name)[0:3] = [default] * lead + list(values)
    for name, view in zip("xyw", views, strict=True):
        fill_view(getattr(step, name), view)
    columns = channels * taps * positions * TYPE_BYTES[kind]
    fill_view(step.columns, View(SCRATCH, program.scratch(columns), kind, (1,)))
    step.gemm = ffi.cast("void *", openblas.symbol("dgemm" if f.wide else "sgemm"))
    program.steps.append({"gemm": step})
    program.keep.append(step)
    result = views[c.RESULT[f.direction]]
    # A packed result of the right type is the application's own memory, whatever strides it gives dimensions of size 1.
    own = f.result
    if own.type == kind and all(
        n == 1 or s == t for n, s, t in zip(own.dims, own.strides, result.strides, strict=True)
    ):
        result = View(RESULT, 0, kind, own.strides)
    return program.plan("openblas", result, keep=openblas.library())
