"""Reduction op: checks and description line. Semantics: cuDNN's cudnnReduceTensor and cudnnConvolutionBackwardBias."""

from __future__ import annotations

from typing import Any

from maf_vdev.modnn.gemm import BF16, F16, F32, F64, I8, I32, TYPE_NAMES
from maf_vdev.modnn.registry import REFERENCE, Invalid, Op, Unsupported

FUNCTIONS = ("add", "mul", "min", "max", "amax", "avg", "norm1", "norm2", "mul no zeros")
ADD, MUL, MIN, MAX, AMAX, AVG, NORM1, NORM2, MUL_NO_ZEROS = range(9)
TYPES = (F32, F64, F16, BF16, I8, I32)


def check(op: Any) -> None:
    """Raises Invalid for contradictory sizes, Unsupported for functions and types without code."""
    rank = op.rank
    if not 1 <= rank <= 8 or op.function not in range(9):
        raise Invalid(describe(op))
    for a, c in zip(op.a_dims[0:rank], op.c_dims[0:rank], strict=True):
        if a < 1 or c not in (1, a):
            raise Invalid(describe(op))
    if min(*op.a_strides[0:rank], *op.c_strides[0:rank], 0) < 0:
        raise Invalid("negative stride")
    if op.indices and op.function not in (MIN, MAX, AMAX):
        raise Invalid(f"indices of {FUNCTIONS[op.function]}")
    for kind in (op.type_a, op.type_c):
        if kind not in TYPES:
            raise Unsupported(f"reduce of {TYPE_NAMES.get(kind, kind)}")


def describe(op: Any) -> str:
    """One line: function, shapes, type."""
    rank = max(0, min(op.rank, 8))
    a, c = ("x".join(str(n) for n in dims[0:rank]) for dims in (op.a_dims, op.c_dims))
    return f"reduce {FUNCTIONS[op.function % 9]} {a} -> {c} {TYPE_NAMES.get(op.type_a, op.type_a)}"


OP = Op(
    name="reduce",
    struct="maf_op_reduce",
    providers=(
        ("core", "maf_vdev.modnn.providers.core_tensor:reduce"),
        (REFERENCE, "maf_vdev.modnn.providers.ref_tensor:reduce"),
    ),
    check=check,
    describe=describe,
)
