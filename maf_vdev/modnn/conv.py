"""Convolution op: checks, description line, and the normal form that providers work on.

y = alpha * conv(x, w) + beta * y as cuDNN's documentation defines it (cudnnConvolutionForward,
cudnnConvolutionBackwardData, cudnnConvolutionBackwardFilter): cross-correlation, or true convolution with
the filter mirrored; padding before and after each spatial dimension, stride, dilation; the number of groups
is x's channels over w's. Transposed convolutions are the direction "backward data". The fused form is
cudnnConvolutionBiasActivationForward's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maf_vdev.modnn.gemm import BF16, F16, F32, F64, TYPE_NAMES
from maf_vdev.modnn.registry import REFERENCE, Invalid, Op, Unsupported

FORWARD, BACKWARD_DATA, BACKWARD_FILTER = range(3)
DIRECTIONS = ("forward", "backward data", "backward filter")
CONVOLUTION, CROSS_CORRELATION = range(2)

# cudnnActivationMode_t values that the fused form knows.
RELU, IDENTITY = 1, 5

# Index of the pointer that each direction writes (pointers: x y w workspace z bias).
RESULT = (1, 0, 2)
X, Y, W, WORKSPACE, Z, BIAS = range(6)

REALS = (F32, F16, BF16)


@dataclass(frozen=True)
class Tensor:
    """One tensor as the op describes it; strides in elements."""

    type: int
    dims: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class Normal:
    """The op in plain Python. Tensors keep the op's rank; `groups` is explicit."""

    direction: int
    spatial: int
    flip: bool
    groups: int
    x: Tensor
    y: Tensor
    w: Tensor
    pad_before: tuple[int, ...]
    pad_after: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    fused: bool
    relu: bool
    z_strides: tuple[int, ...]

    @property
    def result(self) -> Tensor:
        return (self.y, self.x, self.w)[self.direction]

    @property
    def wide(self) -> bool:
        """Computed in double."""
        return F64 in (self.x.type, self.y.type, self.w.type)


def normalise(op: Any) -> Normal:
    """The normal form of an op that passed check."""
    rank, spatial = op.spatial + 2, op.spatial
    tensors = {}
    for name in "xyw":
        dims, strides = getattr(op, f"{name}_dims"), getattr(op, f"{name}_strides")
        tensors[name] = Tensor(getattr(op, f"type_{name}"), tuple(dims[0:rank]), tuple(strides[0:rank]))
    return Normal(
        direction=op.direction,
        spatial=spatial,
        flip=op.mode == CONVOLUTION,
        groups=op.x_dims[1] // op.w_dims[1],
        pad_before=tuple(op.pad_before[0:spatial]),
        pad_after=tuple(op.pad_after[0:spatial]),
        stride=tuple(op.stride[0:spatial]),
        dilation=tuple(op.dilation[0:spatial]),
        fused=bool(op.fused),
        relu=bool(op.fused) and op.activation == RELU,
        z_strides=tuple(op.z_strides[0:rank]),
        **tensors,
    )


def check(op: Any) -> None:
    """Raises Invalid for sizes that contradict each other, Unsupported for types without code."""
    if not 1 <= op.spatial <= 3:
        raise Unsupported(f"convolution with {op.spatial} spatial dimensions")
    if op.direction not in range(3) or op.mode not in (CONVOLUTION, CROSS_CORRELATION):
        raise Invalid(f"direction {op.direction}, mode {op.mode}")
    rank = op.spatial + 2
    for name in "xyw":
        dims = list(getattr(op, f"{name}_dims")[0:rank])
        if min(dims) < 1:
            raise Invalid(f"{name} has dimensions {dims}")
        if min(getattr(op, f"{name}_strides")[0:rank]) < 0:
            raise Invalid(f"{name} has a negative stride")
    for i in range(op.spatial):
        if op.stride[i] < 1 or op.dilation[i] < 1 or op.pad_before[i] < 0 or op.pad_after[i] < 0:
            raise Invalid(f"stride, dilation or padding of spatial dimension {i}")
    n, c, k = op.x_dims[0], op.x_dims[1], op.w_dims[0]
    if op.y_dims[0] != n or op.y_dims[1] != k or c % op.w_dims[1] or k % (c // op.w_dims[1]):
        raise Invalid(f"batch and channels do not match: {describe(op)}")
    for i in range(op.spatial):
        room = op.x_dims[i + 2] + op.pad_before[i] + op.pad_after[i] - ((op.w_dims[i + 2] - 1) * op.dilation[i] + 1)
        if room < 0 or room // op.stride[i] + 1 != op.y_dims[i + 2]:
            raise Invalid(f"spatial dimension {i} does not match: {describe(op)}")
    types = (op.type_x, op.type_y, op.type_w)
    if not (all(t in REALS for t in types) or all(t == F64 for t in types)):
        raise Unsupported(f"convolution of types {', '.join(TYPE_NAMES.get(t, str(t)) for t in types)}")
    if op.type_compute not in (*REALS, F64):
        raise Unsupported(f"convolution computed in {TYPE_NAMES.get(op.type_compute, op.type_compute)}")
    if op.fused:
        if op.direction != FORWARD:
            raise Invalid("only a forward convolution can be fused")
        if op.activation not in (RELU, IDENTITY):
            raise Unsupported(f"convolution with activation {op.activation}")


def describe(op: Any) -> str:
    """One line: direction, shapes, parameters that are not their defaults, types."""
    rank = op.spatial + 2

    def shape(dims: Any) -> str:
        return "x".join(str(d) for d in dims[0:rank])

    parts = [f"conv {DIRECTIONS[op.direction % 3]} {shape(op.x_dims)} * {shape(op.w_dims)} -> {shape(op.y_dims)}"]
    for name, default in (("stride", 1), ("pad_before", 0), ("pad_after", 0), ("dilation", 1)):
        values = list(getattr(op, name)[0 : op.spatial])
        if any(v != default for v in values):
            parts.append(f"{name} {','.join(map(str, values))}")
    names = [TYPE_NAMES.get(t, str(t)) for t in (op.type_x, op.type_w, op.type_y)]
    parts.append(names[0] if len(set(names)) == 1 else "{}*{}->{}".format(*names))
    if op.mode == CONVOLUTION:
        parts.append("mirrored")
    if op.fused:
        parts.append("fused")
    return " ".join(parts)


OP = Op(
    name="conv",
    struct="maf_op_conv",
    providers=(
        ("onednn", "maf_vdev.modnn.providers.onednn_conv:conv"),
        ("openblas", "maf_vdev.modnn.providers.openblas_conv:conv"),
        (REFERENCE, "maf_vdev.modnn.providers.ref_conv:conv"),
    ),
    check=check,
    describe=describe,
)
