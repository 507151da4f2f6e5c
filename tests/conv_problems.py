"""Convolution problems as plain data: descriptions, and runs of one problem on host memory.

A problem has x and w dimensions and what differs from the defaults; layouts are "first" (N C spatial), "last"
(N spatial C), "gap" (channels first with unused elements between lines) or a tuple of strides.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from maf_vdev import protocol
from maf_vdev.modnn import conv as c
from maf_vdev.modnn.gemm import BF16, F64, TYPE_BYTES, TYPE_NAMES
from maf_vdev.modnn.providers import ref_gemm
from maf_vdev.modnn.registry import Plan

KIND = protocol.constant("MAF_OP_CONV")
NAMES = {name: value for value, name in TYPE_NAMES.items()}


def strides(dims: tuple[int, ...], layout: Any) -> tuple[int, ...]:
    """Element strides of a layout."""
    if not isinstance(layout, str):
        return tuple(layout)
    order = range(len(dims)) if layout != "last" else (0, *range(2, len(dims)), 1)
    out, step = [0] * len(dims), 1
    for d in reversed(order):
        out[d] = step
        step *= dims[d] + (2 if layout == "gap" and d == len(dims) - 1 else 0)
    return tuple(out)


def problem(x: tuple[int, ...], w: tuple[int, ...], types: str = "f32", **other: Any) -> dict[str, Any]:
    """types: one name, or three ("f16 f16 f32") for x, w, y."""
    names = types.split() * (3 if " " not in types else 1)
    spatial = len(x) - 2
    p = {"x": x, "w": w, "types": names, "pad": (0,) * spatial, "stride": (1,) * spatial, "dilation": (1,) * spatial}
    p |= {"layouts": ("first", "first", "first"), "mode": c.CROSS_CORRELATION, "alpha": 1.0, "beta": 0.0, "fused": 0}
    p |= {"activation": 0, "z_layout": "first", "bias": True}
    p |= other
    p.setdefault("pad_after", p["pad"])
    return p


def complete(p: dict[str, Any], direction: int) -> Any:
    """struct maf_op_conv of a problem."""
    op = protocol.ffi.new("struct maf_op_conv *")
    x, w, spatial = p["x"], p["w"], len(p["x"]) - 2
    op.direction, op.spatial, op.mode = direction, spatial, p["mode"]
    op.type_x, op.type_w, op.type_y = (NAMES[name] for name in p["types"])
    op.type_compute = F64 if "f64" in p["types"] else 0
    size = [
        (x[2 + i] + p["pad"][i] + p["pad_after"][i] - (w[2 + i] - 1) * p["dilation"][i] - 1) // p["stride"][i] + 1
        for i in range(spatial)
    ]
    y = (x[0], w[0], *size)
    for name, dims, layout in zip("xwy", (x, w, y), p["layouts"], strict=True):
        getattr(op, f"{name}_dims")[0 : len(dims)] = list(dims)
        getattr(op, f"{name}_strides")[0 : len(dims)] = list(strides(dims, layout))
    for name, key in (("pad_before", "pad"), ("pad_after",) * 2, ("stride",) * 2, ("dilation",) * 2):
        getattr(op, name)[0:spatial] = list(p[key])
    op.fused, op.activation = p["fused"], p["activation"]
    if p["fused"]:
        op.z_strides[0 : len(y)] = list(strides(y, p["z_layout"]))
    return op


def elements(dims: Any, steps: Any) -> int:
    return 1 + sum((n - 1) * s for n, s in zip(dims, steps, strict=True))


def encode(values: np.ndarray, kind: int) -> np.ndarray:
    return ref_gemm.to_bf16(values) if kind == BF16 else values.astype(ref_gemm.DTYPES[kind])


def decode(values: np.ndarray, kind: int) -> np.ndarray:
    return (ref_gemm.from_bf16(values) if kind == BF16 else values).astype(np.float64)


class Memory:
    """Buffers of one problem, random with a fixed seed; the result starts as NaN unless beta reads it."""

    def __init__(self, p: dict[str, Any], direction: int, seed: int = 1) -> None:
        self.p, self.op = p, complete(p, direction)
        self.normal = f = c.normalise(self.op)
        rng = np.random.default_rng(seed)
        self.tensors = [f.x, f.y, f.w]
        if p["fused"]:
            self.tensors += [None, c.Tensor(f.x.type, f.y.dims, f.z_strides), c.Tensor(f.x.type, f.y.dims[1:2], (1,))]
        self.buffers: list[np.ndarray | None] = []
        for which, t in enumerate(self.tensors):
            if t is None:
                self.buffers.append(None)
                continue
            values = rng.uniform(-1, 1, elements(t.dims, t.strides))
            if which == c.RESULT[direction] and (p["beta"] == 0 or p["fused"]):
                values[:] = np.nan
            self.buffers.append(encode(values, t.type))

    def array(self, which: int) -> np.ndarray:
        """A tensor's values in float64."""
        t = self.tensors[which]
        steps = [s * TYPE_BYTES[t.type] for s in t.strides]
        return decode(np.lib.stride_tricks.as_strided(self.buffers[which], t.dims, steps), t.type)

    def run(self, plan: Plan) -> np.ndarray:
        """The result in float64; inputs must not change."""
        before = [None if b is None else b.copy() for b in self.buffers]
        ptrs = [0 if b is None else b.ctypes.data for b in self.buffers]
        ptrs += [0] * (4 - len(ptrs))
        if self.p["fused"] and not self.p["bias"]:
            ptrs[c.BIAS] = 0
        plan.run(ptrs, struct.pack("<3d", self.p["alpha"], self.p["beta"], 0))
        result = c.RESULT[self.normal.direction]
        for which, old in enumerate(before):
            if old is not None and which != result:
                assert old.tobytes() == self.buffers[which].tobytes(), f"input {which} was changed"
        if isinstance(self.p["layouts"][(0, 2, 1)[result]], str):
            self._check_gaps(result, before[result])
        return self.array(result)

    def _check_gaps(self, which: int, before: np.ndarray) -> None:
        """Elements between a strided result's lines stay as they were."""
        t = self.tensors[which]
        index = sum(
            np.arange(n).reshape([-1 if i == d else 1 for i in range(len(t.dims))]) * s
            for d, (n, s) in enumerate(zip(t.dims, t.strides, strict=True))
        )
        mask = np.ones(before.size, bool)
        mask[np.asarray(index).ravel()] = False
        assert before[mask].tobytes() == self.buffers[which][mask].tobytes(), "elements outside the tensor were written"


PROBLEMS = {
    "3x3": problem((2, 8, 9, 7), (4, 8, 3, 3), pad=(1, 1)),
    "3x3 many channels": problem((2, 40, 10, 10), (48, 40, 3, 3), pad=(1, 1)),
    "one channel": problem((3, 1, 12, 12), (6, 1, 5, 5)),
    "1x1": problem((2, 16, 6, 5), (32, 16, 1, 1)),
    "1x1 stride 2": problem((2, 16, 7, 6), (8, 16, 1, 1), stride=(2, 2)),
    "stem": problem((1, 3, 32, 32), (16, 3, 7, 7), pad=(3, 3), stride=(2, 2)),
    "rows only": problem((2, 5, 1, 30), (6, 5, 1, 4), pad=(0, 2), stride=(1, 3)),
    "uneven padding": problem((2, 4, 8, 9), (3, 4, 3, 2), pad=(2, 0), pad_after=(1, 3)),
    "stride leaves a rest": problem((2, 4, 10, 11), (6, 4, 3, 3), stride=(3, 4)),
    "dilated": problem((2, 4, 14, 15), (6, 4, 3, 3), pad=(2, 3), dilation=(2, 3)),
    "groups": problem((2, 12, 8, 8), (18, 4, 3, 3), pad=(1, 1)),
    "depthwise": problem((2, 16, 9, 9), (16, 1, 3, 3), pad=(1, 1)),
    "depthwise times two": problem((2, 6, 9, 9), (12, 1, 3, 3), stride=(2, 1)),
    "1d": problem((3, 4, 20), (8, 4, 5), pad=(2,), stride=(2,)),
    "3d": problem((2, 3, 6, 7, 8), (4, 3, 3, 2, 3), pad=(1, 0, 1), stride=(1, 2, 1)),
    "3d groups dilated": problem((1, 4, 7, 7, 7), (4, 2, 2, 2, 2), dilation=(2, 1, 3)),
    "channels last": problem((2, 8, 9, 7), (4, 8, 3, 3), pad=(1, 1), layouts=("last",) * 3),
    "channels last in, first out": problem((2, 8, 9, 7), (4, 8, 3, 3), layouts=("last", "first", "first")),
    "channels last groups": problem((2, 8, 9, 7), (4, 2, 3, 3), pad=(1, 1), layouts=("last",) * 3),
    "gaps": problem((2, 8, 9, 7), (4, 8, 3, 3), pad=(1, 1), layouts=("gap",) * 3),
    "size one strides": problem((1, 8, 1, 7), (4, 8, 1, 3), layouts=((1, 7, 1, 1), (24, 3, 9, 1), (999, 5, 77, 1))),
    "mirrored": problem((2, 4, 9, 7), (4, 4, 3, 2), pad=(1, 1), mode=c.CONVOLUTION),
    "mirrored 3d groups": problem((1, 4, 6, 7, 5), (4, 2, 3, 2, 1), mode=c.CONVOLUTION),
    "alpha": problem((2, 4, 9, 7), (4, 4, 3, 3), alpha=0.5),
    "beta": problem((2, 4, 9, 7), (4, 4, 3, 3), alpha=-2.0, beta=0.25),
    "beta channels last": problem((2, 4, 9, 7), (4, 4, 3, 3), beta=1.0, layouts=("last",) * 3),
    "filter covers all": problem((4, 8, 5, 5), (10, 8, 5, 5)),
    "filter larger than image": problem((2, 3, 3, 3), (4, 3, 5, 5), pad=(2, 2)),
}
PROBLEMS |= {
    f"{name} {types}": PROBLEMS[name] | {"types": types.split() * (3 if " " not in types else 1)}
    for types in ("f64", "f16", "bf16", "f16 f16 f32")
    for name in ("3x3", "stem", "groups", "depthwise", "1d", "3d", "channels last", "beta", "mirrored", "gaps")
}

FUSED = {
    "bias relu": problem((2, 8, 9, 7), (4, 8, 3, 3), pad=(1, 1), fused=1, activation=c.RELU),
    "bias": problem((2, 8, 9, 7), (4, 8, 3, 3), fused=1, activation=c.IDENTITY),
    "z and bias relu": problem((2, 8, 9, 7), (4, 8, 3, 3), fused=1, activation=c.RELU, alpha=0.5, beta=2.0),
    "z in another layout": problem(
        (2, 8, 9, 7), (4, 8, 3, 3), fused=1, activation=c.RELU, beta=1.0, z_layout="last", bias=False
    ),
}
FUSED |= {f"{name} {t}": p | {"types": [t] * 3} for name, p in list(FUSED.items()) for t in ("f16", "bf16", "f64")}
