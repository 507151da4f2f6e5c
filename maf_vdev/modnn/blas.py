"""BLAS op: the routines that are no GEMM (BLAS Technical Forum standard; cuBLAS documentation, levels 1 to 3)."""

from __future__ import annotations

from typing import Any

from maf_vdev import protocol
from maf_vdev.modnn.gemm import C64, C128, F32, F64
from maf_vdev.modnn.registry import REFERENCE, Invalid, Op, Unsupported

LETTERS = {F32: "s", F64: "d", C64: "c", C128: "z"}
REAL_OF = {F32: F32, F64: F64, C64: F32, C128: F64}
COMPLEX = (C64, C128)
ROUTINES = {v: k.removeprefix("MAF_BLAS_").lower() for k, v in protocol.enum("maf_blas_routine").items()}

# Operand numbers in the op's pointers.
A, B, C, X, Y, ALPHA, BETA = range(7)

# Rows of each matrix operand as stored, by routine: "m", "n", "side" (m left, n right), "a" or "b" (transposition
# swaps the two sizes named).
MATRICES: dict[str, dict[str, tuple[str, str]]] = {
    "trsm": {"lda": ("side", "side"), "ldb": ("m", "m")},
    "trmm": {"lda": ("side", "side"), "ldb": ("m", "m"), "ldc": ("m", "m")},
    "symm": {"lda": ("side", "side"), "ldb": ("m", "m"), "ldc": ("m", "m")},
    "hemm": {"lda": ("side", "side"), "ldb": ("m", "m"), "ldc": ("m", "m")},
    "syrk": {"lda": ("n", "k"), "ldc": ("n", "n")},
    "herk": {"lda": ("n", "k"), "ldc": ("n", "n")},
    "syr2k": {"lda": ("n", "k"), "ldb": ("n", "k"), "ldc": ("n", "n")},
    "her2k": {"lda": ("n", "k"), "ldb": ("n", "k"), "ldc": ("n", "n")},
    **{name: {"lda": ("n", "n")} for name in ("trsv", "trmv", "symv", "hemv", "syr", "her", "syr2", "her2")},
    "ger": {"lda": ("m", "m")},
    "gerc": {"lda": ("m", "m")},
    "geam": {"lda": ("m", "n"), "ldb": ("m", "n"), "ldc": ("m", "m")},
    "dgmm": {"lda": ("m", "m"), "ldc": ("m", "m")},
    "syrkx": {"lda": ("n", "k"), "ldb": ("n", "k"), "ldc": ("n", "n")},
    "herkx": {"lda": ("n", "k"), "ldb": ("n", "k"), "ldc": ("n", "n")},
    "tpttr": {"lda": ("n", "n")},
    "trttp": {"lda": ("n", "n")},
    **{name: {"lda": ("band", "band")} for name in ("gbmv", "sbmv", "hbmv", "tbmv", "tbsv")},
}
HERMITIAN = {"hemm", "herk", "her2k", "hemv", "her", "her2", "gerc", "hbmv", "hpmv", "hpr", "hpr2", "herkx"}


def _rows(op: Any, field: str, sizes: tuple[str, str]) -> int:
    if sizes[0] == "side":
        return op.n if op.side else op.m
    if sizes[0] == "band":
        return op.k + op.above + 1
    transposed = op.transb if field == "ldb" and ROUTINES[op.routine] == "geam" else op.transa
    return getattr(op, sizes[1] if transposed else sizes[0])


def check(op: Any) -> None:
    """Raises Invalid for sizes, leading dimensions and increments that BLAS forbids, Unsupported for unknown types."""
    name = ROUTINES.get(op.routine)
    if name is None:
        raise Invalid(f"BLAS routine {op.routine}")
    if (
        op.type not in LETTERS
        or (name in HERMITIAN and op.type not in COMPLEX)
        or (name == "rotm" and op.type in COMPLEX)
    ):
        raise Unsupported(f"{name} of type {op.type}")
    if min(op.m, op.n, op.k, op.above, op.batch) < 0:
        raise Invalid(f"{name}: negative size in m {op.m}, n {op.n}, k {op.k}, batch {op.batch}")
    if op.transa not in (0, 1, 2) or op.transb not in (0, 1, 2) or op.side not in (0, 1) or op.uplo not in (0, 1):
        raise Invalid(f"{name}: transa {op.transa}, transb {op.transb}, side {op.side}, uplo {op.uplo}")
    for field, sizes in MATRICES.get(name, {}).items():
        if getattr(op, field) < max(1, _rows(op, field, sizes)):
            raise Invalid(f"{name}: {field} {getattr(op, field)} for {_rows(op, field, sizes)} rows")


def describe(op: Any) -> str:
    """One line: routine, sizes, batch."""
    name = LETTERS.get(op.type, "?") + ROUTINES.get(op.routine, f"routine {op.routine}")
    sizes = " ".join(f"{size} {getattr(op, size)}" for size in "mnk" if getattr(op, size))
    return f"blas {name} {sizes}" + (f" batch {op.batch}" if op.batch != 1 else "")


OP = Op(
    name="blas",
    struct="maf_op_blas",
    providers=(
        ("openblas", "maf_vdev.modnn.providers.fortran_blas:blas"),
        ("openblas", "maf_vdev.modnn.providers.openblas_blas:blas"),
        (REFERENCE, "maf_vdev.modnn.providers.ref_blas:blas"),
    ),
    check=check,
    describe=describe,
)
