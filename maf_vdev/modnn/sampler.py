"""Bilinear sampling op: checks and description line. Semantics: cuDNN's spatial transformer
(cudnnSpatialTfSamplerForward, cudnnSpatialTfGridGeneratorForward): x in [-1, 1] spans pixel centres, zero outside."""

from __future__ import annotations

from typing import Any

from maf_vdev.modnn.gemm import BF16, F16, F32, F64, TYPE_NAMES
from maf_vdev.modnn.registry import REFERENCE, Invalid, Op, Unsupported

SAMPLE, SAMPLE_GRADIENTS, GRID, GRID_GRADIENTS = range(4)
DIRECTIONS = ("sample", "gradients", "grid", "grid gradients")
POINTERS = ("x", "grid", "y", "dx", "dgrid", "dy", "theta", "dtheta")


def check(op: Any) -> None:
    """Raises Invalid for contradictory sizes, Unsupported for types without code."""
    if op.direction not in range(4) or min(op.y_dims) < 1:
        raise Invalid(describe(op))
    if op.direction in (SAMPLE, SAMPLE_GRADIENTS):
        if min(op.x_dims) < 1 or op.x_dims[0] != op.y_dims[0] or op.x_dims[1] != op.y_dims[1]:
            raise Invalid(describe(op))
        if min(*op.x_strides, *op.dx_strides, *op.y_strides) < 0:
            raise Invalid("negative stride")
    if op.type not in (F32, F64, F16, BF16):
        raise Unsupported(f"sampler of {TYPE_NAMES.get(op.type, op.type)}")


def describe(op: Any) -> str:
    """One line: direction, shapes, type."""
    x, y = ("x".join(str(n) for n in dims) for dims in (op.x_dims, op.y_dims))
    return f"sampler {DIRECTIONS[op.direction % 4]} {x} -> {y} {TYPE_NAMES.get(op.type, op.type)}"


OP = Op(
    name="sampler",
    struct="maf_op_sampler",
    providers=(
        ("core", "maf_vdev.modnn.providers.core_sampler:sampler"),
        (REFERENCE, "maf_vdev.modnn.providers.ref_sampler:sampler"),
    ),
    check=check,
    describe=describe,
)
