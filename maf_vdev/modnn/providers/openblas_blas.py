"""BLAS routines of the scipy-openblas32 wheel, by their C interface and by table.

A plan binds the arguments once; a run fills in addresses and scalars. Matrices of a batch run on one thread.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Sequence
from typing import Any

from maf_vdev.modnn import blas as b
from maf_vdev.modnn.gemm import C64, C128, F32
from maf_vdev.modnn.providers import openblas
from maf_vdev.modnn.registry import Plan

# cblas arguments of each routine after the layout ("L"). a b c x y: operands; upper case: scalars.
ARGUMENTS = {
    "trsm": "L side uplo transa diag m n ALPHA a lda b ldb",
    "trmm": "L side uplo transa diag m n ALPHA a lda c ldc",
    "symm": "L side uplo m n ALPHA a lda b ldb BETA c ldc",
    "hemm": "L side uplo m n ALPHA a lda b ldb BETA c ldc",
    "syrk": "L uplo transa n k ALPHA a lda BETA c ldc",
    "herk": "L uplo transa n k REAL_ALPHA a lda REAL_BETA c ldc",
    "syr2k": "L uplo transa n k ALPHA a lda b ldb BETA c ldc",
    "her2k": "L uplo transa n k ALPHA a lda b ldb REAL_BETA c ldc",
    "trsv": "L uplo transa diag n a lda x incx",
    "trmv": "L uplo transa diag n a lda x incx",
    "symv": "L uplo n ALPHA a lda x incx BETA y incy",
    "hemv": "L uplo n ALPHA a lda x incx BETA y incy",
    "ger": "L m n ALPHA x incx y incy a lda",
    "gerc": "L m n ALPHA x incx y incy a lda",
    "syr": "L uplo n ALPHA x incx a lda",
    "her": "L uplo n REAL_ALPHA x incx a lda",
    "syr2": "L uplo n ALPHA x incx y incy a lda",
    "her2": "L uplo n ALPHA x incx y incy a lda",
    "axpy": "n ALPHA x incx y incy",
    "scal": "n ALPHA x incx",
    "copy": "n x incx y incy",
    "swap": "n x incx y incy",
    "nrm2": "n x incx",
    "asum": "n x incx",
    "iamax": "n x incx",
    "iamin": "n x incx",
    "rot": "n x incx y incy REAL_ALPHA REAL_BETA",
    "gbmv": "L transa m n k above ALPHA a lda x incx BETA y incy",
    "sbmv": "L uplo n k ALPHA a lda x incx BETA y incy",
    "hbmv": "L uplo n k ALPHA a lda x incx BETA y incy",
    "spmv": "L uplo n ALPHA a x incx BETA y incy",
    "hpmv": "L uplo n ALPHA a x incx BETA y incy",
    "tbmv": "L uplo transa diag n k a lda x incx",
    "tbsv": "L uplo transa diag n k a lda x incx",
    "tpmv": "L uplo transa diag n a x incx",
    "tpsv": "L uplo transa diag n a x incx",
    "spr": "L uplo n ALPHA x incx a",
    "hpr": "L uplo n REAL_ALPHA x incx a",
    "spr2": "L uplo n ALPHA x incx y incy a",
    "hpr2": "L uplo n ALPHA x incx y incy a",
}
RESULTS = {"nrm2", "asum", "iamax", "iamin"}
# C names that are not letter + routine.
NAMES = {"cger": "cgeru", "zger": "zgeru", "cnrm2": "scnrm2", "znrm2": "dznrm2", "casum": "scasum", "zasum": "dzasum"}
NAMES |= {"crot": "csrot", "zrot": "zdrot"}
NAMES |= {f"{letter}iam{end}": f"i{letter}am{end}" for letter in "sdcz" for end in ("ax", "in")}
ENUMS = {
    "L": lambda op: 102,
    "side": lambda op: 141 + op.side,
    "uplo": lambda op: 122 - op.uplo,
    "transa": lambda op: 111 + op.transa,
    "diag": lambda op: 131 + op.unit_diagonal,
}
OPERANDS = {"a": b.A, "b": b.B, "c": b.C, "x": b.X, "y": b.Y}

Scalars = tuple[complex, complex]


def read_scalars(op: Any, ptrs: Sequence[int], scalars: bytes) -> Scalars:
    """alpha and beta, from device memory if the op says so."""
    if not op.scalars_on_device:
        values = struct.unpack("4d", scalars[:32])
        return complex(*values[:2]), complex(*values[2:])
    item = ctypes.c_float if op.type_scale in (F32, C64) else ctypes.c_double

    def load(address: int, real: bool) -> complex:
        parts = 1 if real else 2
        return complex(*(item * parts).from_address(address)) if address else 0j

    real = op.type_scale not in b.COMPLEX
    # The cosine of a rotation is real whatever its sine, and so is her2k's beta.
    name = b.ROUTINES[op.routine]
    return load(ptrs[b.ALPHA], real or name == "rot"), load(ptrs[b.BETA], real or name in ("her2k", "herkx"))


def matrices(op: Any, ptrs: Sequence[int]) -> list[list[int]]:
    """Addresses of a, b, c, x, y for each problem of the batch."""
    if not op.pointer_array:
        return [list(ptrs[:5])]
    tables = [(ctypes.c_uint64 * op.batch).from_address(p) if p else [0] * op.batch for p in ptrs[:5]]
    return [list(map(int, row)) for row in zip(*tables, strict=True)]


def blas(op: Any) -> Plan | None:
    """Declines what OpenBLAS has no C entry for, and sizes beyond 32 bits."""
    name = b.ROUTINES[op.routine]
    letter = b.LETTERS[op.type]
    sizes = (op.m, op.n, op.k, op.lda, op.ldb, op.ldc, abs(op.incx), abs(op.incy))
    complex_sine = name == "rot" and op.type_scale in b.COMPLEX  # cblas rotates by a real sine only
    if name not in ARGUMENTS or max(sizes) > openblas.INT_MAX or complex_sine:
        return None
    full = letter + name
    function = getattr(openblas.library(), openblas.PREFIX + NAMES.get(full, full), None)
    if function is None:
        return None
    item = ctypes.c_float if op.type in (F32, C64) else ctypes.c_double
    function.restype = {"nrm2": item, "asum": item}.get(name, ctypes.c_size_t if name in RESULTS else None)
    tokens = ARGUMENTS[name].split()
    fixed = [_fixed(op, token) for token in tokens]
    is_complex = op.type in b.COMPLEX

    def scalar(token: str, values: Scalars) -> Any:
        value = values[token.endswith("BETA")]
        if is_complex and not token.startswith("REAL"):
            return (item * 2)(value.real, value.imag)
        return item(value.real)

    def call(at: Sequence[int], values: Scalars) -> None:
        arguments = list(fixed)
        for i, token in enumerate(tokens):
            if token in OPERANDS:
                arguments[i] = ctypes.c_void_p(at[OPERANDS[token]])
            elif token.isupper() and token != "L":
                arguments[i] = scalar(token, values)
        result = function(*arguments)
        if name in RESULTS:
            _store_result(op, name, at[b.C], result)

    before = _bring if name == "trmm" else None
    return Plan("openblas", _runner(op, call, before), keep=openblas.library())


def _fixed(op: Any, token: str) -> Any:
    if token in ENUMS:
        return ctypes.c_int(ENUMS[token](op))
    return None if token in OPERANDS or token.isupper() else ctypes.c_int(getattr(op, token))


def _store_result(op: Any, name: str, address: int, result: Any) -> None:
    if name in ("iamax", "iamin"):
        index = 0 if op.n < 1 or op.incx < 1 else int(result) + 1
        (ctypes.c_int64 if op.index_bytes == 8 else ctypes.c_int32).from_address(address).value = index
    else:
        kind = ctypes.c_float if op.type in (F32, C64) else ctypes.c_double
        kind.from_address(address).value = result


def _bring(op: Any, at: Sequence[int]) -> None:
    """cuBLAS's trmm writes c and reads b; BLAS's works in place."""
    size = {F32: 4, C64: 8, C128: 16}.get(op.type, 8)
    if at[b.B] == at[b.C] and op.ldb == op.ldc:
        return
    for j in range(op.n):
        ctypes.memmove(at[b.C] + j * op.ldc * size, at[b.B] + j * op.ldb * size, op.m * size)


def _runner(
    op: Any, call: Callable[[Sequence[int], Scalars], None], before: Callable[[Any, Sequence[int]], None] | None
) -> Callable[[Sequence[int], bytes], None]:
    def run(ptrs: Sequence[int], scalars: bytes) -> None:
        values = read_scalars(op, ptrs, scalars)
        for at in matrices(op, ptrs):
            if before:
                before(op, at)
            call(at, values)

    return run
