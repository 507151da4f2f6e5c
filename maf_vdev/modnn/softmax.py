"""Softmax op: checks and description line. Semantics: cuDNN's cudnnSoftmaxForward and cudnnSoftmaxBackward."""

from __future__ import annotations

from typing import Any

from maf_vdev.modnn.gemm import BF16, F16, F32, F64, TYPE_NAMES
from maf_vdev.modnn.registry import REFERENCE, Invalid, Op, Unsupported

FAST, ACCURATE, LOG = range(3)


def check(op: Any) -> None:
    """Raises Invalid for contradictory sizes, Unsupported for types without code."""
    rank = op.rank
    if op.direction not in (0, 1) or op.algorithm not in range(3) or not 2 <= rank <= 5 or min(op.dims[0:rank]) < 1:
        raise Invalid(describe(op))
    if min(*op.x_strides[0:rank], *op.y_strides[0:rank], *op.dy_strides[0:rank]) < 0:
        raise Invalid("negative stride")
    if op.type not in (F32, F64, F16, BF16):
        raise Unsupported(f"softmax of {TYPE_NAMES.get(op.type, op.type)}")


def describe(op: Any) -> str:
    """One line: direction, shape, type."""
    dims = "x".join(str(n) for n in op.dims[0 : max(0, min(op.rank, 5))])
    name = "log softmax" if op.algorithm == LOG else "softmax"
    over = "instance" if op.per_instance else "channel"
    return f"{name}{' backward' if op.direction else ''} per {over} {dims} {TYPE_NAMES.get(op.type, op.type)}"


OP = Op(
    name="softmax",
    struct="maf_op_softmax",
    providers=(
        ("core", "maf_vdev.modnn.providers.core_tensor:softmax"),
        (REFERENCE, "maf_vdev.modnn.providers.ref_tensor:softmax"),
    ),
    check=check,
    describe=describe,
)
