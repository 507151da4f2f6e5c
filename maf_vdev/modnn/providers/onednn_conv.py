"""Convolution on oneDNN: primitives choose their layouts, reorders lead from and to the application's strides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from maf_vdev.modnn import conv as c
from maf_vdev.modnn.gemm import F32, TYPE_BYTES
from maf_vdev.modnn.providers import dnnl
from maf_vdev.modnn.providers import dnnl_conv as d
from maf_vdev.modnn.providers.conv_program import COPY, RESULT, SCRATCH, Program, View, dense_strides, reach
from maf_vdev.modnn.registry import Plan

# Arguments of x, y, w in each direction.
ARGUMENTS = (
    (d.SRC, d.DST, d.WEIGHTS),
    (d.DIFF_SRC, d.DIFF_DST, d.WEIGHTS),
    (d.SRC, d.DIFF_DST, d.DIFF_WEIGHTS),
)


def _orders(rank: int) -> tuple[tuple[int, ...], ...]:
    """The two packed layouts: channels first, channels last."""
    return tuple(range(rank)), (0, *range(2, rank), 1)


def _layouts(dims: Sequence[int], strides: Sequence[int]) -> list[tuple[int, ...]]:
    """Strides that describe the same memory: packed layouts where they fit (dimensions of size 1 have any
    stride), else the tensor's own with harmless ones for dimensions of size 1."""
    found = []
    for order in _orders(len(dims)):
        packed = dense_strides(dims, order)
        if all(n == 1 or s == t for n, s, t in zip(dims, strides, packed, strict=True)) and packed not in found:
            found.append(packed)
    top = reach(dims, strides)
    return found or [tuple(top if n == 1 else s for n, s in zip(dims, strides, strict=True))]


class Builder:
    """One op in the types given to oneDNN (kinds: of x, y, w)."""

    def __init__(self, f: c.Normal, kinds: tuple[int, int, int]) -> None:
        self.f, self.program, self.kinds = f, Program(f), kinds
        self.bound: dict[tuple[int, int], Any] = {}

    def dims(self, which: int) -> tuple[int, ...]:
        """Dimensions as oneDNN wants them: weights of groups have a leading group dimension."""
        f = self.f
        dims = (f.x, f.y, f.w)[which].dims
        return (f.groups, dims[0] // f.groups, *dims[1:]) if which == c.W and f.groups > 1 else dims

    def described(self, which: int, strides: Sequence[int]) -> Any:
        """A memory descriptor of a tensor with these strides."""
        f = self.f
        if which == c.W and f.groups > 1:
            strides = (strides[0] * (f.w.dims[0] // f.groups), *strides)
        return dnnl.strided(self.dims(which), self.kinds[which], strides)

    def wanted(self, which: int) -> Any:
        """What the primitive is asked for: channels-last activations stay as they are, the rest is its choice."""
        tensor = (self.f.x, self.f.y, self.f.w)[which]
        if which != c.W:
            first, last = _orders(len(tensor.dims))
            layouts = _layouts(tensor.dims, tensor.strides)
            if layouts == [dense_strides(tensor.dims, last)] and layouts != [dense_strides(tensor.dims, first)]:
                return dnnl.strided(tensor.dims, self.kinds[which], layouts[0])
        return d.any_format(self.dims(which), self.kinds[which])

    def description(self) -> Any:
        """The primitive descriptor; backward ones need the forward one as a hint."""
        f = self.f
        x, y, w = (self.wanted(which) for which in (c.X, c.Y, c.W))
        geometry = (list(f.stride), [n - 1 for n in f.dilation], list(f.pad_before), list(f.pad_after))
        attribute = d.attributes()
        prop = dnnl.FORWARD_INFERENCE if f.direction == c.FORWARD else dnnl.FORWARD_TRAINING
        forward = d.description(
            "convolution_forward",
            dnnl.engine(),
            prop,
            d.CONVOLUTION_DIRECT,
            x,
            w,
            d.NULL,
            y,
            *geometry,
            attribute,
        )
        if f.direction == c.FORWARD:
            return forward
        if f.direction == c.BACKWARD_DATA:
            name, tensors = "convolution_backward_data", (x, w, y)
        else:
            name, tensors = "convolution_backward_weights", (x, w, d.NULL, y)
        head = (dnnl.engine(), d.CONVOLUTION_DIRECT)
        return d.description(name, *head, *tensors, *geometry, forward, attribute)

    def memory(self, md: Any, source: int, offset: int) -> Any:
        """A memory object bound to a place at each run."""
        made = dnnl.memory(md)
        self.program.binds.append((d.pointer(made), source, offset))
        self.program.keep.append((made, md))
        return made

    def execute(self, pd: Any, arguments: dict[int, Any]) -> None:
        """A step that runs a primitive."""
        scratchpad = d.query(pd, d.SCRATCHPAD)
        size = d.size(scratchpad)
        if size:
            place = self.program.scratch(size)
            arguments = {**arguments, d.SCRATCHPAD: self.memory(scratchpad, SCRATCH, place)}
        args = d.arguments(arguments)
        made = dnnl.primitive(pd)
        step = {"primitive": d.pointer(made), "args_count": len(arguments), "args": d.pointer(args)}
        self.program.steps.append(step)
        self.program.keep.append((pd, made, args, arguments))

    def reorder(self, source: Any, target: Any) -> None:
        """A step that converts between two (descriptor, memory) pairs."""
        pd = d.reorder(source[0], target[0])
        self.execute(pd, {d.SRC: source[1], d.DST: target[1]})

    def user_view(self, which: int) -> tuple[View, list[tuple[int, ...]]]:
        """The tensor in the type given to oneDNN, and the strides that describe it."""
        tensor = (self.f.x, self.f.y, self.f.w)[which]
        view = self.program.user(which)
        layouts = _layouts(tensor.dims, tensor.strides)
        mirrored = which == c.W and self.f.flip
        if view.type == self.kinds[which] and not mirrored:
            return view, layouts
        order = sorted(range(len(tensor.dims)), key=lambda i: -layouts[0][i])
        strides = dense_strides(tensor.dims, order)
        if view.source == RESULT:
            # The steps leave the result in this layout and type; the final pass converts it.
            return View(RESULT, 0, self.kinds[which], strides), [strides]
        size = reach(tensor.dims, strides) * TYPE_BYTES[self.kinds[which]]
        copy = View(SCRATCH, self.program.scratch(size), self.kinds[which], strides)
        if mirrored:
            view = mirror(view, tensor.dims)
        self.program.add_pass(COPY, tensor.dims, copy, view)
        return copy, [strides]

    def place(self, which: int, md: Any, before: bool) -> tuple[Any, Any]:
        """The (descriptor, memory) that the primitive uses for a tensor, with the reorder that fills it (`before`)
        or the pair to reorder to afterwards."""
        view, layouts = self.user_view(which)
        if which == c.RESULT[self.f.direction]:
            self.result = view
        candidates = [self.described(which, strides) for strides in layouts]
        for candidate in candidates:
            if d.equal(candidate, md):
                return None, self.memory(candidate, view.source, view.offset)
        outside = (candidates[0], self.memory(candidates[0], view.source, view.offset))
        inside = self.program.scratch(d.size(md))
        pair = (md, self.memory(md, SCRATCH, inside))
        if before:
            self.reorder(outside, pair)
            return None, pair[1]
        return outside, pair[1]

    def build(self) -> Plan:
        """All steps. Raises dnnl.DnnlError where oneDNN lacks one of them."""
        f = self.f
        pd = self.description()
        arguments, after = {}, None
        for which, argument in zip((c.X, c.Y, c.W), ARGUMENTS[f.direction], strict=True):
            md = d.query(pd, argument)
            is_result = which == c.RESULT[f.direction]
            outside, made = self.place(which, md, not is_result)
            arguments[argument] = made
            if outside:
                after = ((md, made), outside)
        self.execute(pd, arguments)
        if after:
            self.reorder(*after)
        result = self.result
        if f.direction == c.BACKWARD_FILTER and f.flip:
            result = mirror(result, f.w.dims)
        return self.program.plan("onednn", result, d.functions(), keep=pd)


def mirror(view: View, dims: Sequence[int]) -> View:
    """The same filter read backwards in every spatial dimension."""
    last = sum((n - 1) * s for n, s in zip(dims[2:], view.strides[2:], strict=True))
    strides = (*view.strides[:2], *(-s for s in view.strides[2:]))
    return View(view.source, view.offset + last * TYPE_BYTES[view.type], view.type, strides)


def conv(op: Any) -> Plan | None:
    """Declines float64. Types that this CPU's oneDNN does not compute in are converted to float32."""
    f = c.normalise(op)
    if f.wide:
        return None
    own = (f.x.type, f.y.type, f.w.type)
    result = list(own)
    result[c.RESULT[f.direction]] = F32
    choices = [tuple(result) if f.fused else own, (F32, F32, F32)]
    for kinds in choices:
        try:
            return Builder(f, kinds).build()
        except dnnl.DnnlError:
            continue
    return None
