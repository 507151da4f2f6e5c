"""Builds the step list of struct maf_conv (executor/core/op_conv.h): what providers of convolution share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from maf_vdev.modnn import conv as c
from maf_vdev.modnn import native
from maf_vdev.modnn.gemm import F32, F64, TYPE_BYTES
from maf_vdev.modnn.registry import Plan

ffi = native.ffi
for _header in ("op_array.h", "op_conv.h"):
    ffi.cdef((native.CORE / _header).read_text())

SCRATCH, RESULT = 12, 13
COPY, FINISH, ZERO = range(3)


def dense_strides(dims: Sequence[int], order: Sequence[int] | None = None) -> tuple[int, ...]:
    """Strides of a packed tensor; `order` lists dimensions from outermost to innermost."""
    strides, step = [0] * len(dims), 1
    for d in reversed(range(len(dims)) if order is None else list(order)):
        strides[d] = step
        step *= dims[d]
    return tuple(strides)


def reach(dims: Sequence[int], strides: Sequence[int]) -> int:
    """Elements from the first to the last of a strided tensor, both included."""
    return 1 + sum((n - 1) * abs(s) for n, s in zip(dims, strides, strict=True))


@dataclass(frozen=True)
class View:
    """Memory of a tensor at run time: where (a pointer's index, SCRATCH or RESULT), byte offset, type, strides."""

    source: int
    offset: int
    type: int
    strides: tuple[int, ...]


def fill_view(struct: Any, view: View | None) -> None:
    """Writes a View into a struct maf_view; None gives source -1."""
    struct.source = -1 if view is None else view.source
    if view is not None:
        struct.offset, struct.type = view.offset, view.type
        struct.strides[0 : len(view.strides)] = list(view.strides)


def collapse(dims: Sequence[int], views: Sequence[View | None]) -> tuple[list[int], list[View | None]]:
    """The same elements with as few dimensions as possible, the first view's smallest stride innermost."""
    order = [d for d in range(len(dims)) if dims[d] > 1]
    order.sort(key=lambda d: (-views[0].strides[d], -dims[d]))
    groups: list[list[int]] = []  # [size, stride of each view]
    for d in order:
        strides = [v.strides[d] if v else 0 for v in views]
        if groups and all(a == b * dims[d] for a, b in zip(groups[-1][1:], strides, strict=True)):
            groups[-1] = [groups[-1][0] * dims[d], *strides]
        else:
            groups.append([dims[d], *strides])
    groups = groups or [[1, *([0] * len(views))]]
    out = [v and View(v.source, v.offset, v.type, tuple(g[i + 1] for g in groups)) for i, v in enumerate(views)]
    return [g[0] for g in groups], out


@dataclass
class Program:
    """Steps under construction. Scratch memory is handed out in 64-byte units."""

    normal: c.Normal
    scratch_bytes: int = 0
    binds: list[tuple[Any, int, int]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    keep: list[Any] = field(default_factory=list)

    def scratch(self, count: int) -> int:
        """Offset of `count` bytes of scratch memory."""
        offset = self.scratch_bytes
        self.scratch_bytes += (count + 63) & ~63
        return offset

    def add_pass(self, kind: int, dims: Sequence[int], out: View, a: View | None = None) -> None:
        """A pass over tensors of `dims`."""
        self.steps.append({"pass": self._pass(kind, dims, out, a)})

    def _pass(
        self, kind: int, dims: Sequence[int], out: View, a: View | None, b: View | None = None, z: View | None = None
    ) -> Any:
        made = ffi.new("struct maf_pass *")
        small, views = collapse(dims, [out, a, b, z])
        made.kind, made.dims_count = kind, len(small)
        made.dims[0 : len(small)] = small
        for name, view in zip(("out", "a", "b", "c"), views, strict=True):
            fill_view(getattr(made, name), view)
        made.wide = self.normal.wide
        self.keep.append(made)
        return made

    def user(self, which: int) -> View:
        """The view of the application's x, y or w; the result is reached through RESULT."""
        f = self.normal
        tensor = (f.x, f.y, f.w)[which]
        source = RESULT if which == c.RESULT[f.direction] else which
        return View(source, 0, tensor.type, tensor.strides)

    def plan(self, provider: str, result: View, dnnl: Any = None, keep: Any = None) -> Plan:
        """The finished plan. `result`: what the steps leave, with source RESULT: the application's tensor itself,
        or another layout or type of it, which then always needs the final pass."""
        f = self.normal
        which = c.RESULT[f.direction]
        own = View(which, 0, f.result.type, f.result.strides)
        direct = result.type == own.type and result.strides == own.strides and not f.fused
        beta, bias = own, None
        if f.fused:
            beta = View(c.Z, 0, f.x.type, f.z_strides)
            bias = View(c.BIAS, 0, f.x.type, (0, 1, *(0,) * f.spatial))
        finish = self._pass(FINISH, f.result.dims, own, result, beta, bias)
        finish.activation = 1 if f.relu else 0
        closure = ffi.new("struct maf_conv *")
        if dnnl is not None:
            closure.execute, closure.set_handle, closure.wait, closure.stream = dnnl
        closure.binds_count, closure.binds = len(self.binds), self._array("struct maf_conv_bind", self.binds)
        steps = ffi.new("struct maf_conv_step[]", max(1, len(self.steps)))
        for step, values in zip(steps, self.steps, strict=False):
            for name, value in values.items():
                setattr(step, name, value)
        closure.steps_count, closure.steps = len(self.steps), steps
        closure.scratch_bytes, closure.result = self.scratch_bytes, which
        closure.pointers = 6 if f.fused else 4
        closure.result_bytes = reach(f.result.dims, result.strides) * TYPE_BYTES[result.type]
        closure.finish, closure.always_finish = finish, not direct
        return native.plan(provider, "maf_conv_run", closure, (self.keep, steps, keep))

    def _array(self, kind: str, rows: Sequence[tuple[Any, ...]]) -> Any:
        array = ffi.new(f"{kind}[]", max(1, len(rows)))
        for entry, (memory, source, offset) in zip(array, rows, strict=False):
            entry.memory, entry.source, entry.offset = memory, source, offset
        self.keep.append(array)
        return array


def compute_type(f: c.Normal) -> int:
    """Type that library calls compute in when the op's own types cannot be given to them."""
    return F64 if f.wide else F32
