"""BLAS routines without a result value, replayed by the executor's core (op_fortran.c)."""

from __future__ import annotations

from typing import Any

from maf_vdev.modnn import blas as b
from maf_vdev.modnn.gemm import C64, F32, TYPE_BYTES
from maf_vdev.modnn.providers import fortran, openblas
from maf_vdev.modnn.providers.openblas_blas import ARGUMENTS, NAMES, OPERANDS, RESULTS
from maf_vdev.modnn.registry import Plan

LETTERS = {
    "side": lambda op: "LR"[op.side],
    "uplo": lambda op: "LU"[op.uplo],
    "transa": lambda op: "NTC"[op.transa],
    "diag": lambda op: "NU"[op.unit_diagonal],
}
SCALARS = {"ALPHA": fortran.ALPHA, "BETA": fortran.BETA, "REAL_ALPHA": fortran.ALPHA, "REAL_BETA": fortran.BETA}
# Routines that only LAPACK's Fortran interface has.
FORTRAN_ONLY = {
    "tpttr": "uplo n x a lda INFO",
    "trttp": "uplo n a lda x INFO",
    "syrkx": "uplo transa TURNED n k ALPHA a lda b ldb BETA c ldc",  # gemmt
}
LEVEL1 = {"axpy", "scal", "copy", "swap", "rot"}


def _argument(op: Any, token: str) -> Any:
    if token in LETTERS:
        return LETTERS[token](op)
    if token in OPERANDS:
        return fortran.Operand(OPERANDS[token])
    if token == "TURNED":
        return "TNN"[op.transa]
    if token == "INFO":
        return fortran.Work(4)
    return SCALARS[token] if token in SCALARS else getattr(op, token)


def _cost(op: Any, name: str) -> float:
    """Multiplications of one problem."""
    sizes = [size for size in (op.m, op.n, op.k) if size]
    if name in LEVEL1:
        return max([1, *sizes])
    if name in ("trsm", "trmm", "symm", "hemm"):
        sizes.append(op.n if op.side else op.m)
    elif len(sizes) < 2 or name in ("syrk", "herk", "syr2k", "her2k", "syrkx"):
        sizes.append(op.n)
    cost = 1.0
    for size in sizes:
        cost *= size
    return cost + 100


def blas(op: Any) -> Plan | None:
    """Declines results, what OpenBLAS has no routine for, empty problems, and sizes beyond 32 bits."""
    name, letter = b.ROUTINES[op.routine], b.LETTERS[op.type]
    sizes = (op.m, op.n, op.k, op.lda, op.ldb, op.ldc, abs(op.incx), abs(op.incy))
    complex_sine = name == "rot" and op.type_scale in b.COMPLEX
    arguments = ARGUMENTS | FORTRAN_ONLY
    if name not in arguments or name in RESULTS or complex_sine or max(sizes) > openblas.INT_MAX:
        return None
    routine = letter + "gemmt" if name == "syrkx" else NAMES.get(letter + name, letter + name)
    if not hasattr(openblas.library(), f"scipy_{routine}_"):
        return None
    tokens = [token for token in arguments[name].split() if token != "L"]
    batch = op.batch if op.pointer_array else 1
    f, keep = fortran.closure(routine, [_argument(op, token) for token in tokens], batch, _cost(op, name))
    for i in range(5):
        f.is_array[i] = op.pointer_array
    f.scalars_on_device, f.single = op.scalars_on_device, op.type in (F32, C64)
    if any(token.endswith("ALPHA") for token in tokens):
        # The cosine of a rotation is real whatever its sine.
        f.alpha_type = b.REAL_OF[op.type_scale] if name == "rot" else op.type_scale
    if any(token.endswith("BETA") for token in tokens):
        f.beta_type = b.REAL_OF[op.type_scale] if name == "her2k" else op.type_scale
    if name == "trmm":  # cuBLAS's writes c and reads b; BLAS's works in place
        item = TYPE_BYTES[op.type]
        f.copies, f.copy_from, f.copy_to, f.copy_columns = 1, b.B, b.C, op.n
        f.copy_bytes, f.copy_ld_from, f.copy_ld_to = op.m * item, op.ldb * item, op.ldc * item
    return fortran.plan(f, keep)
