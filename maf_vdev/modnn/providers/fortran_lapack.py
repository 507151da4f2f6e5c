"""LAPACK routines that are one call, replayed by the executor's core (op_fortran.c)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from maf_vdev.modnn import lapack as la
from maf_vdev.modnn.providers import fortran, openblas
from maf_vdev.modnn.providers.openblas_lapack import (
    DTYPES,
    Operand,
    eigen_arguments,
    is_empty,
    strides_of,
    work_place,
    workspace,
)
from maf_vdev.modnn.registry import Plan

A, B, W, U, V, P, INFO = map(fortran.Operand, range(7))
# How much more work than a factorisation's those routines are that iterate.
ITERATIONS = {"gesvd": 30, "geev": 60, "syevd": 12, "sygvd": 12}
PIVOTED = {"getrf", "getrs", "getri", "sytrf", "sytrs"}


def _native_arguments(op: Any, name: str, letter: str) -> list[Any] | None:
    """Arguments of a routine that is one call, work arrays as fortran.Work; None for those that need more around it."""
    dtype, item = DTYPES[op.type], la.ITEM_BYTES[op.type]
    uplo, is_complex = "LU"[op.uplo], op.type in la.COMPLEX
    identity = np.arange(1, op.n + 1, dtype=np.int32)

    def with_work(routine: str, *arguments: Any) -> list[Any]:
        probes = [Operand(0) if isinstance(a, fortran.Operand | fortran.Work) else a for a in arguments]
        size = len(workspace(routine, dtype, *probes))
        place = work_place(arguments)
        return [*arguments[:place], fortran.Work(size * item), size, *arguments[place + 1 :]]

    trans = "N" if op.trans == 0 else "C" if is_complex else "T"
    makers = {
        "getrf": lambda: [op.m, op.n, A, op.lda, P, INFO],
        "getrs": lambda: ["NTC"[op.trans], op.n, op.k, A, op.lda, P, B, op.ldb, INFO],
        "potrf": lambda: [uplo, op.n, A, op.lda, INFO],
        "potrs": lambda: [uplo, op.n, op.k, A, op.lda, B, op.ldb, INFO],
        "potri": lambda: [uplo, op.n, A, op.lda, INFO],
        "sytrs": lambda: [uplo, op.n, op.k, A, op.lda, P, B, op.ldb, INFO],
        "geqrf": lambda: with_work(f"{letter}geqrf", op.m, op.n, A, op.lda, W, None, INFO),
        "orgqr": lambda: with_work(_q_name(op, letter, "gqr"), op.m, op.n, op.k, A, op.lda, W, None, INFO),
        "ormqr": lambda: with_work(
            _q_name(op, letter, "mqr"), "LR"[op.side], trans, op.m, op.n, op.k, A, op.lda, W, B, op.ldb, None, INFO
        ),
        "sytrf": lambda: with_work(f"{letter}sytrf", uplo, op.n, A, op.lda, P, None, INFO),
        "gels": lambda: with_work(f"{letter}gels", trans, op.m, op.n, op.k, A, op.lda, B, op.ldb, None, INFO),
        "sytrd": lambda: with_work(_routine(op, name, letter), uplo, op.n, A, op.lda, W, U, V, None, INFO),
        "orgtr": lambda: with_work(_q_name(op, letter, "gtr"), uplo, op.n, A, op.lda, W, None, INFO),
        "ormtr": lambda: with_work(
            _q_name(op, letter, "mtr"), "LR"[op.side], uplo, trans, op.m, op.n, A, op.lda, W, B, op.ldb, None, INFO
        ),
        "gebrd": lambda: with_work(f"{letter}gebrd", op.m, op.n, A, op.lda, W, U, V, P, None, INFO),
        "orgbr": lambda: with_work(
            _q_name(op, letter, "gbr"), "QP"[op.side], op.m, op.n, op.k, A, op.lda, W, None, INFO
        ),
        "laswp": lambda: [op.n, A, op.lda, op.first, op.last, P, op.step],
        "trtri": lambda: [uplo, "NU"[op.unit_diagonal], op.n, A, op.lda, INFO],
        "larft": lambda: ["FB"[op.step < 0], "CR"[op.side], op.n, op.k, A, op.lda, W, B, op.ldb],
    }
    if name == "gesvd":
        return _gesvd(op, letter, with_work)
    if name == "geev":
        return _geev(op, letter, with_work)
    if name in ("syevd", "sygvd"):
        before = (op.itype,) if name == "sygvd" else ()
        head, (size, rsize, isize) = eigen_arguments(op, letter, _routine(op, name, letter)[1:], *before)
        works = [(size, item), (rsize, la.REAL_BYTES[op.type]), (isize, 4)]
        head = [fortran.Operand(x) if isinstance(x, Operand) else x for x in head]
        return [*head, W, *(x for n, bytes_ in works if n for x in (fortran.Work(n * bytes_), n)), INFO]
    if name == "getri":
        size = len(workspace(f"{letter}getri", dtype, op.n, A, op.ldb, identity, None, INFO))
        return [op.n, B, op.ldb, P, fortran.Work(size * item), size, INFO]
    return makers[name]() if name in makers else None


def _gesvd(op: Any, letter: str, with_work: Callable[..., list[Any]]) -> list[Any]:
    """Divide and conquer where both jobs agree, QR iteration otherwise. V itself, if wanted, goes by the scratch memory."""
    m, n, least, real = op.m, op.n, min(op.m, op.n), la.REAL_BYTES[op.type]
    jobs, is_complex = chr(op.job_u) + chr(op.job_v), op.type in la.COMPLEX
    rows = _turned_rows(op)
    vt, ldv = (fortran.Work(rows * n * la.ITEM_BYTES[op.type]), rows) if rows else (V, op.ldv)
    outputs = (A, op.lda, W, U, max(1, op.ldu), vt, max(1, ldv), None)
    if jobs in ("AA", "SS", "NN"):
        size = max(1, least * max(5 * least + 7, 2 * max(m, n) + 2 * least + 1))
        extra = (fortran.Work(size * real),) if is_complex else ()
        return with_work(f"{letter}gesdd", jobs[0], m, n, *outputs, *extra, fortran.Work(32 * max(1, least)), INFO)
    extra = (fortran.Work(5 * max(1, least) * real),) if is_complex else ()
    return with_work(f"{letter}gesvd", *jobs, m, n, *outputs, *extra, INFO)


def _turned_rows(op: Any) -> int:
    """Rows of V^H that have to become V."""
    wanted = {"A": op.n, "S": min(op.m, op.n)}.get(chr(op.job_v), 0)
    return wanted if op.v_plain else 0


def _geev(op: Any, letter: str, with_work: Callable[..., list[Any]]) -> list[Any]:
    n, real = op.n, la.REAL_BYTES[op.type]
    head, vectors = (chr(op.job_v), chr(op.job_u), n, A, op.lda), (V, max(1, op.ldv), U, max(1, op.ldu), None)
    if op.type in la.COMPLEX:
        return with_work(f"{letter}geev", *head, W, *vectors, fortran.Work(2 * n * real), INFO)
    return with_work(f"{letter}geev", *head, fortran.Work(n * real), fortran.Work(n * real), *vectors, INFO)


def _around(op: Any, name: str, f: Any, arguments: list[Any]) -> None:
    """What the core does before and after the call of gesvd and geev."""
    f.type, f.m, f.n, f.lda = op.type, op.m, op.n, op.lda
    works = [f.arguments[i].value for i, argument in enumerate(arguments) if isinstance(argument, fortran.Work)]
    if name == "gesvd":
        f.checks, f.least = 1, min(op.m, op.n)
        f.turned, f.turned_at, f.turned_ld = _turned_rows(op), works[0], op.ldv
    elif op.type not in la.COMPLEX:
        f.joined = 2 if op.w_split else 1
        f.real_at, f.imaginary_at = works[0], works[1]


def _q_name(op: Any, letter: str, tail: str) -> str:
    return letter + ("un" if op.type in la.COMPLEX else "or") + tail


def _native(op: Any, name: str, strides: Sequence[int]) -> Plan | None:
    """The routine replayed by the core."""
    letter = la.LETTERS[op.type]
    arguments = _native_arguments(op, name, letter)
    if arguments is None:
        return None
    pivoted = name in PIVOTED
    count = min(op.m, op.n) if name == "getrf" else op.n
    wide = pivoted and op.pivot_bytes == 8
    cost = ITERATIONS.get(name, 1) * max(op.m, op.n) * op.n * max(op.k, op.n, 1) / 3 + 200
    f, keep = fortran.closure(_routine(op, name, letter), arguments, op.batch, cost)
    if wide:  # the routine's own pivots come first in the scratch memory
        shift = -(-4 * count // 64) * 64
        for i in range(len(arguments)):
            if f.arguments[i].place == fortran.SCRATCH:
                f.arguments[i].value += shift
        f.scratch_bytes += shift
    f.info = INFO
    for number, stride in enumerate(strides):
        f.stride[number] = stride
    f.is_array[A], f.is_array[B], f.is_array[W] = op.a_is_array, op.b_is_array, op.w_is_array
    if pivoted:
        f.pivots, f.pivot_count, f.pivots_wide = P, count, wide
        f.pivots_written = name in ("getrf", "sytrf")
        f.type, f.m, f.n, f.lda = op.type, op.m, op.n, op.lda
        if name in ("getrs", "getri"):
            identity = np.arange(1, op.n + 1, dtype=np.int32)
            keep.append(identity)
            f.identity = fortran.ffi.cast("void *", identity.ctypes.data)
    if name in ("gesvd", "geev"):
        _around(op, name, f, arguments)
    if name == "getri":
        item = la.ITEM_BYTES[op.type]
        f.copies, f.copy_from, f.copy_to, f.copy_columns = 1, A, B, op.n
        f.copy_bytes, f.copy_ld_from, f.copy_ld_to = op.n * item, op.lda * item, op.ldb * item
    return fortran.plan(f, keep)


def _routine(op: Any, name: str, letter: str) -> str:
    """LAPACK's name: the complex types have their own for orthogonal and symmetric matrices."""
    if name == "gesvd" and chr(op.job_u) == chr(op.job_v) and chr(op.job_u) in "ASN":
        return letter + "gesdd"
    if name in ("syevd", "sygvd", "sytrd"):
        return letter + ("he" if op.type in la.COMPLEX else "sy") + name[2:]
    return _q_name(op, letter, name[2:]) if name[:2] == "or" else letter + name


def lapack(op: Any) -> Plan | None:
    """Declines empty matrices, sizes beyond 32 bits, and routines with work around the call."""
    name = la.ROUTINES[op.routine]
    if is_empty(op) or max(op.m, op.n, op.k, op.lda, op.ldb, op.ldu, op.ldv) > openblas.INT_MAX:
        return None
    return _native(op, name, strides_of(op))
