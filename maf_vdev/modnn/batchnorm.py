"""Batch normalisation op: checks, description line, normal form.

Semantics are those of cuDNN's documentation (cudnnBatchNormalizationForwardTrainingEx, ...ForwardInference,
...BackwardEx): biased variance normalises, the running variance takes the unbiased one,
running = (1 - factor) * running + factor * new; the saved statistics are mean and 1 / sqrt(variance + epsilon).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maf_vdev.modnn.gemm import BF16, F16, F32, F64, TYPE_NAMES
from maf_vdev.modnn.registry import REFERENCE, Invalid, Op, Unsupported

TRAINING, INFERENCE, BACKWARD = range(3)
DIRECTIONS = ("training", "inference", "backward")
PLAIN, RELU, ADD_RELU = range(3)

# Pointers by role and direction; roles of one name are the same tensor seen from either side.
POINTERS = (
    ("x", "y", "scale", "bias", "running_mean", "running_var", "saved_mean", "saved_invstd", "z"),
    ("x", "y", "scale", "bias", "mean", "var", "z"),
    ("x", "dy", "dx", "scale", "dscale", "dbias", "saved_mean", "saved_invstd", "y", "bias", "dz"),
)
PLAIN_POINTERS = (8, 6, 8)
TYPES = {F32: F32, F16: F32, BF16: F32, F64: F64}


@dataclass(frozen=True)
class Normal:
    """The op in plain Python: dims (N C spatial) and the strides of each large tensor by role."""

    direction: int
    per_activation: bool
    type: int
    dims: tuple[int, ...]
    strides: dict[str, tuple[int, ...]]
    fuse: int

    @property
    def wide(self) -> bool:
        """Computed in double."""
        return self.type == F64

    @property
    def pointers(self) -> tuple[str, ...]:
        """Roles of the op's pointers, in order."""
        roles = POINTERS[self.direction]
        return roles if self.fuse else roles[: PLAIN_POINTERS[self.direction]]

    @property
    def axes(self) -> tuple[int, ...]:
        """Dimensions that statistics are taken over."""
        return (0,) if self.per_activation else (0, *range(2, len(self.dims)))


def normalise(op: Any) -> Normal:
    """The normal form of an op that passed check."""
    rank = op.dims_count
    strides = {"x": op.x_strides, "dy" if op.direction == BACKWARD else "y": op.y_strides}
    if op.direction == BACKWARD:
        strides["dx"] = op.dx_strides
        if op.fuse:
            strides["y"] = op.out_strides
    if op.fuse == ADD_RELU:
        strides["dz" if op.direction == BACKWARD else "z"] = op.z_strides
    return Normal(
        direction=op.direction,
        per_activation=bool(op.per_activation),
        type=op.type_x,
        dims=tuple(op.x_dims[0:rank]),
        strides={role: tuple(values[0:rank]) for role, values in strides.items()},
        fuse=op.fuse,
    )


def check(op: Any) -> None:
    """Raises Invalid for contradictions, Unsupported for types without code."""
    if op.direction not in range(3) or op.fuse not in range(3) or not 2 <= op.dims_count <= 5:
        raise Invalid(f"direction {op.direction}, fuse {op.fuse}, {op.dims_count} dimensions")
    if op.direction == INFERENCE and op.fuse:
        raise Unsupported("batchnorm inference with activation")
    dims = op.x_dims[0 : op.dims_count]
    if min(dims) < 1:
        raise Invalid(f"dimensions {list(dims)}")
    for role, strides in normalise(op).strides.items():
        if min(strides) < 0:
            raise Invalid(f"{role} has a negative stride")
    if op.type_x not in TYPES:
        raise Unsupported(f"batchnorm of {TYPE_NAMES.get(op.type_x, op.type_x)}")
    if op.type_param != TYPES[op.type_x]:
        raise Unsupported(f"batchnorm with parameters in {TYPE_NAMES.get(op.type_param, op.type_param)}")


def describe(op: Any) -> str:
    """One line: direction, shape, type, what is unusual."""
    dims = "x".join(str(d) for d in op.x_dims[0 : op.dims_count])
    parts = [f"batchnorm {DIRECTIONS[op.direction % 3]} {dims} {TYPE_NAMES.get(op.type_x, op.type_x)}"]
    if op.per_activation:
        parts.append("per activation")
    if op.fuse:
        parts.append(("", "relu", "add relu")[op.fuse % 3])
    return " ".join(parts)


OP = Op(
    name="batchnorm",
    struct="maf_op_batchnorm",
    providers=(
        ("core", "maf_vdev.modnn.providers.core_batchnorm:batchnorm"),
        (REFERENCE, "maf_vdev.modnn.providers.ref_batchnorm:batchnorm"),
    ),
    check=check,
    describe=describe,
)
