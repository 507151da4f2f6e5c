"""Sparse op: checks and description line (cuSPARSE documentation, "cuSPARSE Generic APIs")."""

from __future__ import annotations

from typing import Any

from maf_vdev import protocol
from maf_vdev.modnn.registry import REFERENCE, Invalid, Op, Unsupported

ROUTINES = {
    value: name.removeprefix("MAF_SPARSE_").lower() for name, value in protocol.enum("maf_sparse_routine").items()
}
FORMATS = {value: name.removeprefix("MAF_").lower() for name, value in protocol.enum("maf_sparse_format").items()}
TYPES = {protocol.constant(f"MAF_{name.upper()}"): name for name in ("f32", "f64", "f16", "bf16", "c64", "c128")}
# Operand numbers in the op's pointers.
A_OFFSETS, A_INDICES, A_VALUES, B_OFFSETS, B_INDICES, B_VALUES = range(6)
C_OFFSETS, C_INDICES, C_VALUES, EXTRA, ALPHA, BETA = range(6, 12)

# Routines whose operands a and b (and c) are all sparse, in CSR.
ALL_CSR = {"gemm_count", "gemm", "add_count", "add", "turn"}
# Routines that read no element.
INDICES_ONLY = {"compress", "sort", "expand"}
# The QR factors of a sparse matrix are dense.
QR_ROWS = 4096


def check(op: Any) -> None:
    """Raises Invalid for sizes that describe no matrices, Unsupported for types and formats without code."""
    name = ROUTINES.get(op.routine)
    if name is None:
        raise Invalid(f"sparse routine {op.routine}")
    if min(op.rows, op.cols, op.nnz, op.batch, op.b_rows, op.b_cols) < 0:
        raise Invalid(f"{name}: negative size in {describe(op)}")
    if op.base not in (0, 1) or any(x not in (0, 1, 2) for x in (op.op_a, op.op_b, op.op_c)):
        raise Invalid(f"{name}: base {op.base}, operations {op.op_a} {op.op_b} {op.op_c}")
    if op.offset_bytes not in (4, 8) or op.index_bytes not in (4, 8):
        raise Unsupported(f"{name}: indices of {op.offset_bytes} and {op.index_bytes} bytes")
    if op.format not in FORMATS or (name in ALL_CSR and FORMATS[op.format] != "csr"):
        raise Unsupported(f"{name} of format {op.format}")
    if name in INDICES_ONLY:
        return
    if op.type not in TYPES or op.type_c not in TYPES:
        raise Unsupported(f"{name} of types {op.type}, {op.type_c}")
    if name == "mm":
        inner = op.cols if op.op_a == 0 else op.rows
        if FORMATS[op.format] == "bsr":
            inner *= op.block_cols if op.op_a == 0 else op.block_rows
        if (op.b_rows if op.op_b == 0 else op.b_cols) != inner:
            raise Invalid(f"mm: b is {op.b_rows}x{op.b_cols}, op(a) has {inner} columns")
        if op.b_ld < (op.b_cols if op.b_by_rows else op.b_rows):
            raise Invalid(f"mm: leading dimension {op.b_ld} of a {op.b_rows}x{op.b_cols} matrix")
    if name in ("solve", "qr_solve") and op.rows != op.cols:
        raise Invalid(f"{name}: a is {op.rows}x{op.cols}")
    if name == "qr_solve" and op.rows > QR_ROWS:
        raise Unsupported(f"qr_solve of {op.rows} rows, which are done as dense up to {QR_ROWS}")


def describe(op: Any) -> str:
    """One line: routine, format, sizes, type."""
    kind = TYPES.get(op.type, op.type)
    name, form = ROUTINES.get(op.routine, op.routine), FORMATS.get(op.format, op.format)
    return f"sparse {name} {form} {op.rows}x{op.cols} nnz {op.nnz} {kind}"


OP = Op(
    name="sparse",
    struct="maf_op_sparse",
    providers=(
        ("scipy", "maf_vdev.modnn.providers.scipy_sparse:sparse"),
        (REFERENCE, "maf_vdev.modnn.providers.ref_sparse:sparse"),
    ),
    check=check,
    describe=describe,
)
