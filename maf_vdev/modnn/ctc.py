"""CTC loss op: checks and description line. Semantics: cuDNN's cudnnCTCLoss (blank is class 0); a label sequence that
does not fit into its input costs infinity and has zero gradients."""

from __future__ import annotations

from typing import Any

from maf_vdev.modnn.gemm import F32, F64, TYPE_NAMES
from maf_vdev.modnn.registry import REFERENCE, Invalid, Op, Unsupported

POINTERS = ("probs", "costs", "gradients", "labels", "label_lengths", "input_lengths")


def check(op: Any) -> None:
    """Raises Invalid for contradictory sizes, Unsupported for types without code."""
    if min(op.time, op.batch, op.classes) < 1 or min(*op.strides, *op.gradient_strides) < 0:
        raise Invalid(describe(op))
    if op.type not in (F32, F64):
        raise Unsupported(f"ctc of {TYPE_NAMES.get(op.type, op.type)}")


def describe(op: Any) -> str:
    """One line: sizes, type, whether gradients are wanted."""
    kind = TYPE_NAMES.get(op.type, op.type)
    return f"ctc time {op.time} batch {op.batch} classes {op.classes} {kind}{' gradients' if op.gradients else ''}"


OP = Op(
    name="ctc",
    struct="maf_op_ctc",
    providers=(
        ("core", "maf_vdev.modnn.providers.core_ctc:ctc"),
        (REFERENCE, "maf_vdev.modnn.providers.ref_ctc:ctc"),
    ),
    check=check,
    describe=describe,
)
