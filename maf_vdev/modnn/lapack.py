"""LAPACK op: routine numbers, checks, description line (LAPACK Users' Guide; protocol.h states each routine's operands)."""

from __future__ import annotations

from typing import Any

from maf_vdev import protocol
from maf_vdev.modnn.registry import Invalid, Op, Unsupported

F32, F64, C64, C128 = (protocol.constant(name) for name in ("MAF_F32", "MAF_F64", "MAF_C64", "MAF_C128"))
LETTERS = {F32: "s", F64: "d", C64: "c", C128: "z"}
ITEM_BYTES = {F32: 4, F64: 8, C64: 8, C128: 16}
REAL_BYTES = {F32: 4, F64: 8, C64: 4, C128: 8}
COMPLEX = (C64, C128)

ROUTINES = {value: name.removeprefix("MAF_").lower() for name, value in protocol.enum("maf_lapack_routine").items()}
# Routines whose matrix is square, of n rows.
SQUARE = {
    "getrs",
    "getri",
    "potrf",
    "potrs",
    "potri",
    "syevd",
    "sytrf",
    "sytrs",
    "geev",
    "matinv",
    "syevdx",
    "sygvd",
    "sytrd",
    "orgtr",
    "trtri",
}
# Routines without m.
WITHOUT_M = SQUARE | {"laswp", "larft"}
# Routines that solve for k right-hand sides in b.
SOLVES = {"getrs", "potrs", "sytrs", "gels"}
JOBS = {ord(letter) for letter in "NVASO"}

# Operand numbers in the op's pointers.
A, B, W, U, V, P, INFO = range(7)


def rows(op: Any) -> int:
    """Rows of matrix a."""
    name = ROUTINES[op.routine]
    if name in ("ormqr", "ormtr"):
        return op.m if op.side == 0 else op.n
    if name == "laswp":
        return op.last
    if name == "larft":
        return op.k if op.side else op.n
    return op.n if name in SQUARE else op.m


def check(op: Any) -> None:
    """Raises Invalid for sizes and leading dimensions that LAPACK forbids, Unsupported for unknown types."""
    name = ROUTINES.get(op.routine)
    if name is None:
        raise Invalid(f"LAPACK routine {op.routine}")
    if op.type not in LETTERS:
        raise Unsupported(f"{name} of type {op.type}")
    if min(op.m, op.n, op.k, op.batch) < 0:
        raise Invalid(f"{name}: negative size in m {op.m}, n {op.n}, k {op.k}, batch {op.batch}")
    if op.trans not in (0, 1, 2) or op.side not in (0, 1) or op.uplo not in (0, 1):
        raise Invalid(f"{name}: trans {op.trans}, side {op.side}, uplo {op.uplo}")
    if op.lda < max(1, rows(op)):
        raise Invalid(f"{name}: lda {op.lda} for {rows(op)} rows")
    b_rows = (
        op.m if name in ("ormqr", "ormtr") else op.k if name == "larft" else max(op.m, op.n) if name == "gels" else op.n
    )
    if (name in SOLVES or name in ("ormqr", "ormtr", "getri", "matinv", "sygvd", "larft")) and op.ldb < max(1, b_rows):
        raise Invalid(f"{name}: ldb {op.ldb} for {b_rows} rows")
    if name == "orgqr" and not op.k <= op.n <= op.m:
        raise Invalid(f"orgqr: m {op.m}, n {op.n}, k {op.k}")
    if name == "ormqr" and op.k > rows(op):
        raise Invalid(f"ormqr: k {op.k} for {rows(op)} rows")
    if name == "orgbr" and not (op.n <= op.m if op.side == 0 else op.m <= op.n):
        raise Invalid(f"orgbr: m {op.m}, n {op.n}, side {op.side}")
    if name == "sygvd" and op.itype not in (1, 2, 3):
        raise Invalid(f"sygvd: type {op.itype}")
    if name == "syevdx" and not 1 <= op.first <= op.last + 1 <= op.n + 1:
        raise Invalid(f"syevdx: values {op.first} to {op.last} of {op.n}")
    if name == "laswp" and (op.first < 1 or op.last < op.first or op.step == 0):
        raise Invalid(f"laswp: rows {op.first} to {op.last}, step {op.step}")
    if name == "gesvdr" and not 0 < op.k <= min(op.m, op.n):
        raise Invalid(f"gesvdr: {op.k} values of a {op.m} x {op.n} matrix")
    one_job = name in ("syevd", "syevdx", "sygvd")
    if (one_job or name in ("gesvd", "geev", "gesvdr")) and (
        op.job_u not in JOBS or (not one_job and op.job_v not in JOBS)
    ):
        raise Invalid(f"{name}: jobs {op.job_u}, {op.job_v}")
    if op.pivot_bytes not in (0, 4, 8):
        raise Invalid(f"{name}: pivots of {op.pivot_bytes} bytes")


def describe(op: Any) -> str:
    """One line: routine, sizes, batch."""
    name = LETTERS.get(op.type, "?") + ROUTINES.get(op.routine, f"routine {op.routine}")
    sizes = f"m {op.m} n {op.n} k {op.k}" if op.k else f"m {op.m} n {op.n}" if op.m else f"n {op.n}"
    return f"lapack {name} {sizes} batch {op.batch}"


OP = Op(
    name="lapack",
    struct="maf_op_lapack",
    providers=(
        ("openblas", "maf_vdev.modnn.providers.fortran_lapack:lapack"),
        ("openblas", "maf_vdev.modnn.providers.openblas_lapack:lapack"),
    ),
    check=check,
    describe=describe,
)
