"""Pooling op: checks and description line. Semantics: cuDNN's cudnnPoolingForward and cudnnPoolingBackward."""

from __future__ import annotations

from typing import Any

from maf_vdev.modnn.gemm import BF16, F16, F32, F64, I8, TYPE_NAMES
from maf_vdev.modnn.registry import REFERENCE, Invalid, Op, Unsupported

MAX, AVERAGE_ALL, AVERAGE_INSIDE, MAX_DETERMINISTIC = range(4)
MODES = ("max", "average with padding", "average", "max")


def check(op: Any) -> None:
    """Raises Invalid for contradictory sizes, Unsupported for types without code."""
    if op.direction not in (0, 1) or op.mode not in range(4):
        raise Invalid(f"direction {op.direction}, mode {op.mode}")
    if not 1 <= op.spatial <= 3:
        raise Unsupported(f"pooling with {op.spatial} spatial dimensions")
    rank = op.spatial + 2
    if min(*op.x_dims[0:rank], *op.y_dims[0:rank]) < 1 or list(op.x_dims[0:2]) != list(op.y_dims[0:2]):
        raise Invalid(describe(op))
    for i in range(op.spatial):
        if op.window[i] < 1 or op.stride[i] < 1 or op.pad[i] < 0:
            raise Invalid(f"window, stride or padding of spatial dimension {i}")
        room = op.x_dims[i + 2] + 2 * op.pad[i] - op.window[i]
        if room < 0 or room // op.stride[i] + 1 != op.y_dims[i + 2]:
            raise Invalid(f"spatial dimension {i} does not match: {describe(op)}")
    for name in ("x", "y", "dx", "dy"):
        if min(getattr(op, f"{name}_strides")[0:rank]) < 0:
            raise Invalid(f"{name} has a negative stride")
    if op.type not in (F32, F64, F16, BF16, I8) or (op.type == I8 and op.direction):
        raise Unsupported(f"pooling of {TYPE_NAMES.get(op.type, op.type)}")


def describe(op: Any) -> str:
    """One line: direction, mode, shapes, type."""
    rank = max(0, min(op.spatial, 3)) + 2
    x, y = ("x".join(str(n) for n in dims[0:rank]) for dims in (op.x_dims, op.y_dims))
    kind = TYPE_NAMES.get(op.type, op.type)
    return f"pooling {'backward ' if op.direction else ''}{MODES[op.mode % 4]} {x} -> {y} {kind}"


OP = Op(
    name="pooling",
    struct="maf_op_pooling",
    providers=(
        ("core", "maf_vdev.modnn.providers.core_tensor:pooling"),
        (REFERENCE, "maf_vdev.modnn.providers.ref_tensor:pooling"),
    ),
    check=check,
    describe=describe,
)
