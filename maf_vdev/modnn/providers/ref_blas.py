"""The reference of the BLAS op in numpy: straight from the definitions, in the next wider type."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from maf_vdev.modnn import blas as b
from maf_vdev.modnn.providers.openblas_blas import matrices, read_scalars
from maf_vdev.modnn.providers.ref_gemm import DTYPES, _window
from maf_vdev.modnn.registry import Plan

WIDE = {b.F32: np.float64, b.F64: np.longdouble, b.C64: np.complex128, b.C128: np.clongdouble}


class Problem:
    """Operands of one problem of the batch: views of memory, read in the wide type."""

    rotation: tuple[float, ...] = ()

    def __init__(self, op: Any, at: Sequence[int], alpha: complex, beta: complex) -> None:
        self.op, self.at = op, at
        real = op.type not in b.COMPLEX
        self.alpha, self.beta = (v.real if real else v for v in (alpha, beta))

    def view(self, operand: int, rows: int, cols: int) -> np.ndarray:
        ld = {b.A: self.op.lda, b.B: self.op.ldb, b.C: self.op.ldc}[operand]
        return _window(self.at[operand], self.op.type, (1, ld), (rows, cols))

    def read(self, operand: int, rows: int, cols: int) -> np.ndarray:
        return self.view(operand, rows, cols).astype(WIDE[self.op.type])

    def vector(self, operand: int, length: int) -> np.ndarray:
        """A view in the vector's own order; a negative increment starts at its far end."""
        step = self.op.incx if operand == b.X else self.op.incy
        size = np.dtype(DTYPES[self.op.type]).itemsize
        start = self.at[operand] + (0 if step > 0 else (1 - length) * step * size)
        return _window(start, self.op.type, (step, 1), (length, 1))[:, 0]

    def values(self, operand: int, length: int) -> np.ndarray:
        return self.vector(operand, length).astype(WIDE[self.op.type])

    def triangle(self, n: int) -> np.ndarray:
        """op(a) of a triangular a."""
        a = self.read(b.A, n, n)
        a = np.triu(a) if self.op.uplo else np.tril(a)
        if self.op.unit_diagonal:
            np.fill_diagonal(a, 1)
        return _turn(self.op.transa, a)

    def symmetric(self, n: int, hermitian: bool) -> np.ndarray:
        """The full matrix of which one triangle is stored."""
        a = self.read(b.A, n, n)
        half = np.triu(a, 1) if self.op.uplo else np.tril(a, -1)
        diagonal = np.diag(a.diagonal().real if hermitian else a.diagonal())
        return half + (half.conj().T if hermitian else half.T) + diagonal

    def put_triangle(self, operand: int, values: np.ndarray, hermitian: bool) -> None:
        """Writes the stored triangle of an n x n result."""
        n = len(values)
        if hermitian:
            np.fill_diagonal(values, values.diagonal().real)
        mask = np.triu(np.ones((n, n), bool)) if self.op.uplo else np.tril(np.ones((n, n), bool))
        np.copyto(self.view(operand, n, n), values.astype(DTYPES[self.op.type]), where=mask)


def _turn(trans: int, a: np.ndarray) -> np.ndarray:
    return a if trans == 0 else a.T if trans == 1 else a.conj().T


def _solve(a: np.ndarray, rhs: np.ndarray) -> np.ndarray:
    """Substitution in the wide type, which numpy.linalg does not have."""
    n = len(a)
    order = range(n) if not np.triu(a, 1).any() else range(n - 1, -1, -1)
    x = np.array(rhs)
    for i in order:
        x[i] = (x[i] - a[i] @ np.where(np.arange(n)[:, None] == i, 0, x)) / a[i, i]
    return x


def _trsm(p: Problem) -> None:
    op = p.op
    out = p.view(b.B, op.m, op.n)
    if p.alpha == 0:
        out[...] = 0
        return
    rhs = p.alpha * p.read(b.B, op.m, op.n)
    out[...] = _solve(p.triangle(op.m), rhs) if op.side == 0 else _solve(p.triangle(op.n).T, rhs.T).T


def _trmm(p: Problem) -> None:
    op = p.op
    x = p.read(b.B, op.m, op.n)
    p.view(b.C, op.m, op.n)[...] = p.alpha * (p.triangle(op.m) @ x if op.side == 0 else x @ p.triangle(op.n))


def _symm(p: Problem, hermitian: bool = False) -> None:
    op = p.op
    a, x = p.symmetric(op.n if op.side else op.m, hermitian), p.read(b.B, op.m, op.n)
    out = p.view(b.C, op.m, op.n)
    out[...] = p.alpha * (x @ a if op.side else a @ x) + _scaled(p.beta, out)


def _scaled(beta: complex, old: np.ndarray) -> Any:
    """beta * old; old is not read (it may be NaN) when beta is zero."""
    return beta * old.astype(WIDE_OF[old.dtype]) if beta else 0


WIDE_OF = {np.dtype(DTYPES[kind]): wide for kind, wide in WIDE.items()}


def _syrk(p: Problem, hermitian: bool = False, second: bool = False) -> None:
    op = p.op
    shape = (op.k, op.n) if op.transa else (op.n, op.k)
    other = np.conj if hermitian else np.asarray
    a = p.read(b.A, *shape)
    a = _turn(op.transa, a)
    alpha, beta = p.alpha, np.real(p.beta) if hermitian else p.beta
    if second:
        x = _turn(op.transa, p.read(b.B, *shape))
        total = alpha * (a @ other(x).T) + other(alpha) * (x @ other(a).T)
    else:
        total = (np.real(alpha) if hermitian else alpha) * (a @ other(a).T)
    p.put_triangle(b.C, total + _scaled(beta, p.view(b.C, op.n, op.n)), hermitian)


def _trsv(p: Problem) -> None:
    p.vector(b.X, p.op.n)[...] = _solve(p.triangle(p.op.n), p.values(b.X, p.op.n)[:, None])[:, 0]


def _trmv(p: Problem) -> None:
    p.vector(b.X, p.op.n)[...] = p.triangle(p.op.n) @ p.values(b.X, p.op.n)


def _symv(p: Problem, hermitian: bool = False) -> None:
    n = p.op.n
    out = p.vector(b.Y, n)
    out[...] = p.alpha * (p.symmetric(n, hermitian) @ p.values(b.X, n)) + _scaled(p.beta, out)


def _ger(p: Problem, conjugate: bool = False) -> None:
    op = p.op
    y = p.values(b.Y, op.n)
    total = p.alpha * np.outer(p.values(b.X, op.m), y.conj() if conjugate else y)
    p.view(b.A, op.m, op.n)[...] = total + p.read(b.A, op.m, op.n)


def _syr(p: Problem, hermitian: bool = False, second: bool = False) -> None:
    n = p.op.n
    x = p.values(b.X, n)
    y = p.values(b.Y, n) if second else x
    other = np.conj if hermitian else np.asarray
    alpha = np.real(p.alpha) if hermitian and not second else p.alpha
    total = alpha * np.outer(x, other(y))
    if second:
        total = total + other(alpha) * np.outer(y, other(x))
    p.put_triangle(b.A, total + p.read(b.A, n, n), hermitian)


def _axpy(p: Problem) -> None:
    n = p.op.n
    p.vector(b.Y, n)[...] = p.values(b.Y, n) + p.alpha * p.values(b.X, n)


def _scal(p: Problem) -> None:
    p.vector(b.X, p.op.n)[...] = p.alpha * p.values(b.X, p.op.n)


def _copy(p: Problem) -> None:
    p.vector(b.Y, p.op.n)[...] = p.vector(b.X, p.op.n)


def _swap(p: Problem) -> None:
    x, y = p.vector(b.X, p.op.n), p.vector(b.Y, p.op.n)
    old = x.copy()
    x[...] = y
    y[...] = old


def _put_real(p: Problem, value: Any) -> None:
    _window(p.at[b.C], b.REAL_OF[p.op.type], (1, 1), (1, 1))[...] = value


def _magnitudes(p: Problem) -> np.ndarray:
    x = p.values(b.X, p.op.n)
    return np.abs(x.real) + np.abs(x.imag)


def _index(p: Problem, choose: Callable[[np.ndarray], Any]) -> None:
    kind = ctypes.c_int64 if p.op.index_bytes == 8 else ctypes.c_int32
    index = 0 if p.op.n < 1 or p.op.incx < 1 else int(choose(_magnitudes(p))) + 1
    kind.from_address(p.at[b.C]).value = index


def _rot(p: Problem) -> None:
    n = p.op.n
    x, y, c, s = p.values(b.X, n), p.values(b.Y, n), np.real(p.alpha), p.beta
    p.vector(b.X, n)[...] = c * x + s * y
    p.vector(b.Y, n)[...] = c * y - np.conj(s) * x


def modified_rotation(op: Any, ptrs: Sequence[int], scalars: bytes) -> tuple[float, float, float, float]:
    """h11, h21, h12, h22 of a modified rotation; on the device they follow a flag that says which are implied."""
    if not op.scalars_on_device:
        return struct.unpack("4d", scalars[:32])
    flag, h11, h21, h12, h22 = _window(ptrs[b.ALPHA], op.type, (1, 1), (5, 1))[:, 0].tolist()
    known = {-2: (1, 0, 0, 1), 0: (1, h21, h12, 1), 1: (h11, -1, 1, h22)}
    return known.get(flag, (h11, h21, h12, h22))


def _rotm(p: Problem) -> None:
    n, (h11, h21, h12, h22) = p.op.n, p.rotation
    x, y = p.values(b.X, n), p.values(b.Y, n)
    p.vector(b.X, n)[...] = h11 * x + h12 * y
    p.vector(b.Y, n)[...] = h21 * x + h22 * y


def _geam(p: Problem) -> None:
    op = p.op
    out = p.view(b.C, op.m, op.n)
    total: Any = np.zeros((op.m, op.n), WIDE[op.type])
    for operand, trans, factor in ((b.A, op.transa, p.alpha), (b.B, op.transb, p.beta)):
        if factor:
            total = total + factor * _turn(trans, p.read(operand, *((op.n, op.m) if trans else (op.m, op.n))))
    out[...] = total


def _dgmm(p: Problem) -> None:
    op = p.op
    a = p.read(b.A, op.m, op.n)
    p.view(b.C, op.m, op.n)[...] = a * p.values(b.X, op.n) if op.side else a * p.values(b.X, op.m)[:, None]


def _band_places(op: Any, rows: int, cols: int, below: int, above: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and offset in memory of each element of a band."""
    i, j = np.indices((rows, cols))
    inside = (i - j <= below) & (j - i <= above)
    i, j = i[inside], j[inside]
    return i, j, above + i - j + j * op.lda


def _packed_places(op: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same of a packed triangle, column after column."""
    i, j = np.indices((op.n, op.n))
    inside = i <= j if op.uplo else i >= j
    order = np.lexsort((i[inside], j[inside]))
    return i[inside][order], j[inside][order], np.arange(len(order))


def _triangle_places(op: Any, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if name[1] == "p":
        return _packed_places(op)
    below, above = (0, op.k) if op.uplo else (op.k, 0)
    return _band_places(op, op.n, op.n, below, above)


def _flat(p: Problem, operand: int, length: int) -> np.ndarray:
    return _window(p.at[operand], p.op.type, (1, 1), (length, 1))[:, 0]


def _stored(p: Problem, places: tuple[np.ndarray, np.ndarray, np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """The dense form of a banded or packed a."""
    i, j, at = places
    full = np.zeros(shape, WIDE[p.op.type])
    if len(at):
        full[i, j] = _flat(p, b.A, int(at.max()) + 1)[at]
    return full


def _gbmv(p: Problem) -> None:
    op = p.op
    a = _turn(op.transa, _stored(p, _band_places(op, op.m, op.n, op.k, op.above), (op.m, op.n)))
    out = p.vector(b.Y, a.shape[0])
    out[...] = p.alpha * (a @ p.values(b.X, a.shape[1])) + _scaled(p.beta, out)


def _stored_symmetric(p: Problem) -> None:
    op, name = p.op, b.ROUTINES[p.op.routine]
    half = _stored(p, _triangle_places(op, name), (op.n, op.n))
    diagonal = np.diag(half.diagonal())
    if name[0] == "h":
        a = half - diagonal + half.conj().T - diagonal.conj() + np.real(diagonal)
    else:
        a = half + half.T - diagonal
    out = p.vector(b.Y, op.n)
    out[...] = p.alpha * (a @ p.values(b.X, op.n)) + _scaled(p.beta, out)


def _stored_triangular(p: Problem) -> None:
    op, name = p.op, b.ROUTINES[p.op.routine]
    a = _stored(p, _triangle_places(op, name), (op.n, op.n))
    if op.unit_diagonal:
        np.fill_diagonal(a, 1)
    a = _turn(op.transa, a)
    x = p.values(b.X, op.n)
    p.vector(b.X, op.n)[...] = _solve(a, x[:, None])[:, 0] if name.endswith("sv") else a @ x


def _packed_update(p: Problem) -> None:
    op, name = p.op, b.ROUTINES[p.op.routine]
    i, j, at = _packed_places(op)
    x = p.values(b.X, op.n)
    y = p.values(b.Y, op.n) if name.endswith("2") else x
    hermitian = name[0] == "h"
    other = np.conj if hermitian else np.asarray
    alpha = np.real(p.alpha) if hermitian and not name.endswith("2") else p.alpha
    total = alpha * x[i] * other(y)[j]
    if name.endswith("2"):
        total = total + other(alpha) * y[i] * other(x)[j]
    a = _flat(p, b.A, len(at))
    total = total + a.astype(WIDE[op.type])
    a[...] = np.where(i == j, total.real, total) if hermitian else total


def _tpttr(p: Problem) -> None:
    i, j, at = _packed_places(p.op)
    p.view(b.A, p.op.n, p.op.n)[i, j] = _flat(p, b.X, len(at))


def _trttp(p: Problem) -> None:
    i, j, at = _packed_places(p.op)
    _flat(p, b.X, len(at))[...] = p.view(b.A, p.op.n, p.op.n)[i, j]


def _syrkx(p: Problem, hermitian: bool = False) -> None:
    op = p.op
    shape = (op.k, op.n) if op.transa else (op.n, op.k)
    a, x = (_turn(op.transa, p.read(operand, *shape)) for operand in (b.A, b.B))
    beta = np.real(p.beta) if hermitian else p.beta
    total = p.alpha * (a @ (x.conj().T if hermitian else x.T))
    p.put_triangle(b.C, total + _scaled(beta, p.view(b.C, op.n, op.n)), hermitian)


ROUTINES: dict[str, Callable[[Problem], None]] = {
    "trsm": _trsm,
    "trmm": _trmm,
    "symm": _symm,
    "hemm": lambda p: _symm(p, hermitian=True),
    "syrk": _syrk,
    "herk": lambda p: _syrk(p, hermitian=True),
    "syr2k": lambda p: _syrk(p, second=True),
    "her2k": lambda p: _syrk(p, hermitian=True, second=True),
    "trsv": _trsv,
    "trmv": _trmv,
    "symv": _symv,
    "hemv": lambda p: _symv(p, hermitian=True),
    "ger": _ger,
    "gerc": lambda p: _ger(p, conjugate=True),
    "syr": _syr,
    "her": lambda p: _syr(p, hermitian=True),
    "syr2": lambda p: _syr(p, second=True),
    "her2": lambda p: _syr(p, hermitian=True, second=True),
    "axpy": _axpy,
    "scal": _scal,
    "copy": _copy,
    "swap": _swap,
    "nrm2": lambda p: _put_real(p, np.sqrt(np.sum(np.abs(p.values(b.X, p.op.n)) ** 2))),
    "asum": lambda p: _put_real(p, np.sum(_magnitudes(p))),
    "iamax": lambda p: _index(p, np.argmax),
    "iamin": lambda p: _index(p, np.argmin),
    "rot": _rot,
    "geam": _geam,
    "dgmm": _dgmm,
    "rotm": _rotm,
    "gbmv": _gbmv,
    **dict.fromkeys(("sbmv", "hbmv", "spmv", "hpmv"), _stored_symmetric),
    **dict.fromkeys(("tbmv", "tbsv", "tpmv", "tpsv"), _stored_triangular),
    **dict.fromkeys(("spr", "hpr", "spr2", "hpr2"), _packed_update),
    "tpttr": _tpttr,
    "trttp": _trttp,
    "syrkx": _syrkx,
    "herkx": lambda p: _syrkx(p, hermitian=True),
}


def blas(op: Any) -> Plan:
    """Accepts every op that blas.check lets through."""
    routine = ROUTINES[b.ROUTINES[op.routine]]

    def run(ptrs: Sequence[int], scalars: bytes) -> None:
        alpha, beta = read_scalars(op, ptrs, scalars)
        rotation = modified_rotation(op, ptrs, scalars) if routine is _rotm else ()
        for at in matrices(op, ptrs):
            problem = Problem(op, at, alpha, beta)
            problem.rotation = rotation
            routine(problem)

    return Plan("reference", run)
