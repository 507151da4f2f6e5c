"""Structured sparsity op (cuSPARSELt, 2 of 4 elements): checks and description line."""

from __future__ import annotations

from typing import Any

from maf_vdev import protocol
from maf_vdev.modnn.gemm import BF16, F16, F32, I8, TYPE_BYTES, TYPE_NAMES
from maf_vdev.modnn.registry import REFERENCE, Invalid, Op, Unsupported

ROUTINES = {
    value: name.removeprefix("MAF_STRUCTURED_").lower()
    for name, value in protocol.enum("maf_structured_routine").items()
}
# Inner elements whose places one 16-bit word of a compressed matrix holds.
SPANS = {F32: 8, F16: 16, BF16: 16, I8: 16}


def group(kind: int) -> int:
    """Elements of which half are kept."""
    return 2 if TYPE_BYTES[kind] == 4 else 4


def check(op: Any) -> None:
    """Raises Invalid for sizes that do not divide into groups, Unsupported for types without code."""
    if op.routine not in ROUTINES:
        raise Invalid(f"structured routine {op.routine}")
    if op.type not in SPANS:
        raise Unsupported(f"structured sparsity of {TYPE_NAMES.get(op.type, op.type)}")
    if min(op.outer, op.inner, op.batch) < 0 or op.inner % SPANS[op.type] or op.outer % group(op.type):
        raise Invalid(describe(op))


def describe(op: Any) -> str:
    """One line: routine, sizes, type."""
    kind = TYPE_NAMES.get(op.type, op.type)
    return f"structured {ROUTINES.get(op.routine, op.routine)} {op.outer}x{op.inner} {kind} batch {op.batch}"


OP = Op(
    name="structured",
    struct="maf_op_structured",
    providers=(
        ("core", "maf_vdev.modnn.providers.core_structured:structured"),
        (REFERENCE, "maf_vdev.modnn.providers.ref_structured:structured"),
    ),
    check=check,
    describe=describe,
)
