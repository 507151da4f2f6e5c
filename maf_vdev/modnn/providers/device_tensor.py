"""Elementwise operations, reductions, softmax, pooling and batch normalisation as kernels of device_tensor.cl."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from maf_vdev.modnn import batchnorm as bn
from maf_vdev.modnn import elementwise as ew
from maf_vdev.modnn.gemm import F32, F64, I32
from maf_vdev.modnn.providers.device_launch import ACCESS, INT_MAX, Launch, Traits
from maf_vdev.modnn.softmax import LOG

TEXT, GROUP = "device_tensor.cl", (256, 1, 1)
ELEMENTWISE, REDUCE, SOFTMAX, POOLING, BATCHNORM = range(5)
RANK = 8
# Rows up to this length are a work-item's.
SHORT = 32


def merge(dims: Sequence[int], *strides: Sequence[int]) -> tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]:
    """The same elements in the same order with as few dimensions as these strides allow; at least one."""
    kept: list[tuple[int, tuple[int, ...]]] = []
    for n, steps in zip(dims, zip(*strides)):
        if n == 1 and (kept or len(dims) > 1):
            continue
        if kept and all(before == n * step for before, step in zip(kept[-1][1], steps)):
            kept[-1] = (kept[-1][0] * n, steps)
        else:
            kept.append((n, steps))
    if not kept:
        kept = [(1, (0,) * len(strides))]
    return tuple(n for n, _ in kept), tuple(zip(*(steps for _, steps in kept)))


def _eight(values: Sequence[int]) -> tuple[int, ...]:
    return (*values, *(0,) * (RANK - len(values)))


def _rows(dims: Sequence[int], axes: Sequence[int], tensors: Sequence[Sequence[int]]) -> tuple[int, int, tuple]:
    """(rows, length, sizes) of rows along the axes: both ranks, then dims and each tensor's strides of both."""
    parts, counts = [], []
    ranks = []
    for chosen in ([d for d in range(len(dims)) if d not in axes], list(axes)):
        part = [dims[d] for d in chosen]
        merged, steps = merge(part or [1], *([t[d] for d in chosen] or [0] for t in tensors))
        counts.append(math.prod(part))
        ranks.append(len(merged))
        parts += [_eight(merged), *map(_eight, steps)]
    return counts[0], counts[1], (*ranks, *(n for part in parts for n in part))


def _lanes(length: int) -> int:
    return 1 if length <= SHORT else GROUP[0]


def _groups(rows: int, lanes: int) -> tuple[int, int, int] | None:
    count = rows if lanes > 1 else -(-rows // GROUP[0])
    return (count, 1, 1) if 0 < count <= INT_MAX // GROUP[0] else None


def _access(**types: int) -> dict[str, str]:
    return {f"{way}_{name}": f"{way}_{ACCESS[t]}" for name, t in types.items() for way in ("LOAD", "STORE")}


def _launch(
    traits: Traits, kernel: str, defines: dict[str, Any], sizes: Any, groups: Any, places: Any, scalars: int, wide: bool
) -> Launch | None:
    if groups is None or (wide and not traits.fp64) or traits.group_limit < GROUP[0]:
        return None
    pairs = tuple((name, str(value)) for name, value in defines.items())
    return Launch(TEXT, kernel, pairs, tuple(sizes), groups, GROUP, places, tuple(range(scalars)), wide)


def of_elementwise(op: Any, traits: Traits, base: int = 0) -> Launch | None:
    """None for dropout that makes its mask."""
    if op.function == ew.NEW_DROPOUT:
        return None
    types = {"OUT": op.type_out, "A": op.type_a, "B": op.type_b, "C": op.type_c}
    rank = op.rank
    strides = [list(getattr(op, f"{role}_strides")[0:rank]) for role in ew.POINTERS]
    dims, merged = merge(list(op.dims[0:rank]), *strides)
    count = math.prod(dims)
    sizes = (count, len(dims), *_eight(dims), *(n for steps in merged for n in _eight(steps)))
    defines = {"KIND": ELEMENTWISE, "LANES": 1, "FUNCTION_NUMBER": op.function}
    defines |= {"NAN_PROPAGATION": int(bool(op.nan_propagation)), **_access(**types)}
    wide = any(t in (F64, I32) for t in types.values())  # a float does not hold every int
    return _launch(traits, "elementwise", defines, sizes, _groups(count, 1), (0, 1, 2, 3), 4, wide)


def of_reduce(op: Any, traits: Traits, base: int = 0) -> Launch | None:
    rank = op.rank
    a_dims, c_dims = list(op.a_dims[0:rank]), list(op.c_dims[0:rank])
    axes = [d for d in range(rank) if c_dims[d] != a_dims[d]]
    a_steps, c_steps = list(op.a_strides[0:rank]), list(op.c_strides[0:rank])
    rows, length, sizes = _rows(a_dims, axes, (a_steps, c_steps))
    sizes = (rows, length, *sizes)
    lanes = _lanes(length)
    defines = {"KIND": REDUCE, "LANES": lanes, "FUNCTION_NUMBER": op.function, "INDICES": int(bool(op.indices))}
    defines |= {"NAN_PROPAGATION": int(bool(op.nan_propagation)), **_access(A=op.type_a, C=op.type_c)}
    wide = any(t in (F64, I32) for t in (op.type_a, op.type_c))
    return _launch(traits, "reduce", defines, sizes, _groups(rows, lanes), (0, 1, 2), 2, wide)


def of_softmax(op: Any, traits: Traits, base: int = 0) -> Launch | None:
    rank = op.rank
    dims = list(op.dims[0:rank])
    axes = list(range(1, rank)) if op.per_instance else [1]
    tensors = [list(getattr(op, f"{name}_strides")[0:rank]) for name in ("x", "y", "dy")]
    rows, length, sizes = _rows(dims, axes, tensors)
    lanes = _lanes(length)
    defines = {"KIND": SOFTMAX, "LANES": lanes, "BACKWARD": int(op.direction), "LOGARITHM": int(op.algorithm == LOG)}
    defines |= _access(X=op.type)
    places = (2, 0, 1) if op.direction else (0, 1, -1)
    groups = _groups(rows, lanes)
    return _launch(traits, "softmax", defines, (rows, length, *sizes), groups, places, 2, op.type == F64)


def of_pooling(op: Any, traits: Traits, base: int = 0) -> Launch | None:
    missing = 3 - op.spatial

    def five(values: Any, neutral: int) -> list[int]:
        values = list(values[0 : op.spatial + 2])
        return [*values[:2], *[neutral] * missing, *values[2:]]

    def three(values: Any, neutral: int) -> list[int]:
        return [*[neutral] * missing, *values[0 : op.spatial]]

    x_dims, y_dims = five(op.x_dims, 1), five(op.y_dims, 1)
    count = math.prod(x_dims if op.direction else y_dims)
    strides = [n for name in ("x", "y", "dx", "dy") for n in five(getattr(op, f"{name}_strides"), 0)]
    sizes = (count, *x_dims, *y_dims, *strides, *three(op.window, 1), *three(op.pad, 0), *three(op.stride, 1))
    defines = {"KIND": POOLING, "LANES": 1, "MODE": op.mode, "BACKWARD": int(op.direction)}
    defines |= {"NAN_PROPAGATION": int(bool(op.nan_propagation)), **_access(X=op.type)}
    places = (2, 0, 1, 3) if op.direction else (0, 1, -1, -1)
    return _launch(traits, "pooling", defines, sizes, _groups(count, 1), places, 2, op.type == F64)


# Pointers of the kernel batchnorm by role.
_ROLES = {"x": 0, "y": 1, "dx": 2, "z": 3, "out": 4, "scale": 5, "bias": 6, "mean": 7, "var": 8, "dscale": 9}
_ROLES |= {"dbias": 10, "running_mean": 11, "running_var": 12}
_SAME = {"dy": "y", "dz": "z", "saved_mean": "mean", "saved_invstd": "var"}


def of_batchnorm(op: Any, traits: Traits, base: int = 0) -> Launch | None:
    f = bn.normalise(op)
    backward = f.direction == bn.BACKWARD
    places = [-1] * len(_ROLES)
    for n, role in enumerate(f.pointers):
        if role == "y" and backward:
            role = "out"
        places[_ROLES[_SAME.get(role, role)]] = n
    if f.fuse != bn.ADD_RELU:
        places[_ROLES["z"]] = -1
    none = (0,) * len(f.dims)
    tensors = [f.strides["x"], f.strides["dy" if backward else "y"], f.strides.get("dx", none)]
    tensors += [f.strides.get("dz" if backward else "z", none), f.strides["y"] if backward and f.fuse else none]
    rows, length, sizes = _rows(f.dims, f.axes, tensors)
    lanes = _lanes(length)
    defines = {"KIND": BATCHNORM, "LANES": lanes, "BACKWARD": int(backward), "FUSE": f.fuse}
    defines |= {"INFERENCE": int(f.direction == bn.INFERENCE), **_access(X=f.type, P=F64 if f.wide else F32)}
    groups = _groups(rows, lanes)
    return _launch(traits, "batchnorm", defines, (rows, length, *sizes), groups, tuple(places), 6, f.wide)
