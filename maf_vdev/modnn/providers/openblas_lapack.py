"""LAPACK routines of the scipy-openblas32 wheel with work around the call, by their Fortran interface.

A plan binds the arguments once; a run fills in the addresses of each matrix of the batch.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from maf_vdev.modnn import lapack as la
from maf_vdev.modnn.providers import openblas
from maf_vdev.modnn.registry import Plan

DTYPES = {la.F32: np.float32, la.F64: np.float64, la.C64: np.complex64, la.C128: np.complex128}
REALS = {la.F32: np.float32, la.F64: np.float64, la.C64: np.float32, la.C128: np.float64}

# Addresses of one matrix's operands, in the order of the op's pointers.
Addresses = list[int]
Step = Callable[[Addresses], None]


class Operand(int):
    """Placeholder of an argument: the operand of that number."""


A, B, W, U, V, P, INFO = map(Operand, range(7))


@functools.cache
def _function(name: str) -> Any:
    function = getattr(openblas.library(), f"scipy_{name}_")
    function.restype = None
    return function


def bind(name: str, *arguments: Any) -> Step:
    """A call of Fortran routine `name`.

    Arguments: an Operand (its address), an int (by reference), one letter as str (with the hidden length that the
    Fortran ABI appends), a numpy array (its data).
    """
    function = _function(name)
    values: list[Any] = []
    places: list[tuple[int, int]] = []
    keep = []
    for number, argument in enumerate(arguments):
        if isinstance(argument, Operand):
            places.append((number, int(argument)))
            values.append(None)
        elif isinstance(argument, np.ndarray):
            keep.append(argument)
            values.append(ctypes.c_void_p(argument.ctypes.data))
        elif isinstance(argument, str):
            values.append(ctypes.c_char_p(argument.encode()))
        else:
            values.append(ctypes.byref(ctypes.c_int(int(argument))))
    values += [ctypes.c_size_t(1)] * sum(isinstance(argument, str) for argument in arguments)

    def call(at: Addresses, keep: Any = keep) -> None:
        filled = list(values)
        for number, operand in places:
            filled[number] = ctypes.c_void_p(at[operand])
        function(*filled)

    return call


def work_place(arguments: Sequence[Any]) -> int:
    return next(i for i, argument in enumerate(arguments) if argument is None)


def workspace(name: str, dtype: Any, *arguments: Any) -> np.ndarray:
    """Work array of the size that `name` asks for; None among the arguments marks (work, lwork), which end up adjacent."""
    query = np.zeros(1, dtype)
    place = work_place(arguments)
    scratch = np.zeros(64, np.complex128)
    known = [scratch if isinstance(a, Operand) else a for a in arguments[:place]]
    rest = [scratch if isinstance(a, Operand) else a for a in arguments[place + 1 :]]
    bind(name, *known, query, -1, *rest)([])
    return np.zeros(max(1, int(query[0].real)), dtype)


def with_workspace(name: str, dtype: Any, *arguments: Any) -> Step:
    """`name` bound with a work array in place of None."""
    work = workspace(name, dtype, *arguments)
    place = work_place(arguments)
    return bind(name, *arguments[:place], work, len(work), *arguments[place + 1 :])


def matrix(address: int, dtype: Any, rows: int, columns: int, ld: int) -> np.ndarray:
    """View of a column-major matrix in memory."""
    size = np.dtype(dtype).itemsize
    if rows == 0 or columns == 0:
        return np.empty((rows, columns), dtype)
    memory = (ctypes.c_char * (((columns - 1) * ld + rows) * size)).from_address(address)
    return np.ndarray((rows, columns), dtype, memory, 0, (size, ld * size))


def info_at(at: Addresses) -> ctypes.c_int:
    return ctypes.c_int.from_address(at[INFO])


# --- one function per routine: op -> Step -----------------------------------------------------------------------------


def matinv(op: Any, letter: str) -> Step:
    """Factors a copy, in place of the inverse."""
    dtype, n = DTYPES[op.type], op.n
    pivots = np.zeros(max(1, n), np.int32)
    factor = bind(f"{letter}getrf", n, n, B, op.ldb, pivots, INFO)
    invert = with_workspace(f"{letter}getri", dtype, n, B, op.ldb, pivots, None, INFO)

    def step(at: Addresses) -> None:
        matrix(at[B], dtype, n, n, op.ldb)[...] = matrix(at[A], dtype, n, n, op.lda)
        factor(at)
        if not info_at(at).value:
            invert(at)

    return step


def eigen_arguments(op: Any, letter: str, routine: str, *before: Any) -> tuple[list[Any], tuple[int, int, int]]:
    """Arguments of syevd or sygvd with None for (work, lwork), (rwork, lrwork) and (iwork, liwork), and their lengths."""
    dtype, real, n = DTYPES[op.type], REALS[op.type], op.n
    is_complex, scratch = op.type in la.COMPLEX, np.zeros(max(1, n), np.complex128)
    work, rwork, iwork, info = np.zeros(1, dtype), np.zeros(1, real), np.zeros(1, np.int32), np.zeros(1, np.int32)
    head: list[Any] = [*before, chr(op.job_u), "LU"[op.uplo], n, A, op.lda]
    head += [B, op.ldb] if before else []
    known = [scratch if isinstance(a, Operand) else a for a in head]
    extra: tuple[Any, ...] = (rwork, -1) if is_complex else ()
    bind(letter + routine, *known, scratch, work, -1, *extra, iwork, -1, info)([])
    return head, (max(1, int(work[0].real)), max(1, int(rwork[0])) if is_complex else 0, max(1, int(iwork[0])))


def syevdx(op: Any, letter: str) -> Step:
    """All of them, then the wanted ones move to the front."""
    dtype, real, n = DTYPES[op.type], REALS[op.type], op.n
    routine = "heevd" if op.type in la.COMPLEX else "syevd"
    head, (size, rsize, isize) = eigen_arguments(op, letter, routine)
    extra = (np.zeros(rsize, real), rsize) if rsize else ()
    integers = np.zeros(isize, np.int32)
    solve = bind(letter + routine, *head, W, np.zeros(size, dtype), size, *extra, integers, isize, INFO)
    low, high = np.array([op.low, op.high], np.int64).view(np.float64)

    def step(at: Addresses) -> None:
        solve(at)
        w, first, last = matrix(at[W], real, n, 1, n)[:, 0], op.first - 1, op.last
        if at[P]:
            first, last = np.searchsorted(w, (low, high), "right")
            last = max(first, last)
            ctypes.c_int32.from_address(at[P]).value = int(last - first)
        w[: last - first] = w[first:last].copy()
        if chr(op.job_u) == "V":
            a = matrix(at[A], dtype, n, n, op.lda)
            a[:, : last - first] = a[:, first:last].copy()

    return step


def gesvdr(op: Any, letter: str) -> Step:
    dtype, real, m, n, k = DTYPES[op.type], REALS[op.type], op.m, op.n, op.k

    def step(at: Addresses) -> None:
        x = matrix(at[A], dtype, m, n, op.lda)
        finite = np.isfinite(x).all()
        u, s, vh = np.linalg.svd(x if finite else np.zeros_like(x), full_matrices=False)
        info_at(at).value = 0 if finite else k + 1
        matrix(at[W], real, k, 1, k)[:, 0] = s[:k] if finite else np.nan
        if chr(op.job_u) != "N":
            matrix(at[U], dtype, m, k, op.ldu)[...] = u[:, :k]
        if chr(op.job_v) != "N":
            matrix(at[V], dtype, n, k, op.ldv)[...] = vh[:k].conj().T

    return step


STEPS = {"matinv": matinv, "syevdx": syevdx, "gesvdr": gesvdr}


def is_empty(op: Any) -> bool:
    """Nothing to compute; info is still written."""
    name = la.ROUTINES[op.routine]
    return op.n == 0 or (name not in la.WITHOUT_M and op.m == 0) or (name in la.SOLVES and op.k == 0)


def strides_of(op: Any) -> tuple[int, ...]:
    """Bytes from one matrix of the batch to the next, for each operand."""
    item, real = la.ITEM_BYTES[op.type], la.REAL_BYTES[op.type]
    w_item = {"syevd": real, "syevdx": real, "gesvd": real, "geev": 2 * real}.get(la.ROUTINES[op.routine], item)
    return (op.stride_a * item, op.stride_b * item, op.stride_w * w_item, op.stride_u * item, op.stride_v * item,
            op.stride_p * (op.pivot_bytes or 4), 4)  # fmt: skip


def lapack(op: Any) -> Plan | None:
    """Accepts empty matrices, and the routines of STEPS where the sizes fit in 32 bits."""
    if max(op.m, op.n, op.k, op.lda, op.ldb, op.ldu, op.ldv) > openblas.INT_MAX:
        return None
    name, batch, strides = la.ROUTINES[op.routine], op.batch, strides_of(op)
    if not is_empty(op) and name not in STEPS:
        return None
    step = STEPS[name](op, la.LETTERS[op.type]) if not is_empty(op) else None
    spare = np.zeros(1, np.int32)

    def run(ptrs: Sequence[int], scalars: bytes) -> None:
        arrays = [None] * 7
        for operand, is_array in ((A, op.a_is_array), (B, op.b_is_array), (W, op.w_is_array)):
            if is_array:
                arrays[operand] = (ctypes.c_uint64 * batch).from_address(ptrs[operand])
        for i in range(batch):
            at = [
                arrays[j][i] if arrays[j] is not None else ptrs[j] + i * strides[j] if ptrs[j] else 0 for j in range(7)
            ]
            at[INFO] = at[INFO] or spare.ctypes.data
            if step is None:
                info_at(at).value = 0
            else:
                step(at)

    return Plan("openblas", run)
