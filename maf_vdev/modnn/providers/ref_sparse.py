"""The reference of sparse ops in numpy: every sparse matrix as lists of rows, columns and values."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from maf_vdev.modnn import sparse as sp
from maf_vdev.modnn.providers.ref_gemm import from_bf16, to_bf16
from maf_vdev.modnn.registry import Plan

DTYPES = {"f32": np.float32, "f64": np.float64, "f16": np.float16, "bf16": np.uint16, "c64": np.complex64,
          "c128": np.complex128}  # fmt: skip
WIDE = {"f32": np.float32, "f64": np.float64, "f16": np.float32, "bf16": np.float32, "c64": np.complex64,
        "c128": np.complex128}  # fmt: skip
INTEGERS = {4: np.dtype(np.int32), 8: np.dtype(np.int64)}


def array(address: int, dtype: Any, count: int, offset: int = 0) -> np.ndarray:
    """View of `count` elements in memory, from element `offset` on."""
    dtype = np.dtype(dtype)
    if count == 0:
        return np.empty(0, dtype)
    return np.frombuffer(
        (ctypes.c_char * (count * dtype.itemsize)).from_address(address + offset * dtype.itemsize), dtype
    )


def load(stored: np.ndarray, kind: str) -> np.ndarray:
    """Values in the type that computes."""
    return from_bf16(stored) if kind == "bf16" else stored.astype(WIDE[kind])


def store(target: np.ndarray, kind: str, values: np.ndarray) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        target[...] = to_bf16(values) if kind == "bf16" else values


@dataclass
class Triples:
    """A sparse matrix; `values` in the type that computes. stored: where they came from, in the same order."""

    shape: tuple[int, int]
    rows: np.ndarray
    cols: np.ndarray
    values: np.ndarray
    stored: np.ndarray

    def op(self, how: int) -> Triples:
        """Transposed (1), or conjugated and transposed (2)."""
        if how == 0:
            return self
        values = self.values.conj() if how == 2 else self.values
        return Triples(self.shape[::-1], self.cols, self.rows, values, self.stored)


def expand(offsets: np.ndarray) -> np.ndarray:
    """The row number of each entry, from row offsets."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def sparse_operand(op: Any, ptrs: Sequence[int], side: str, batch: int = 0) -> Triples:
    """Operand a, or for side b the second one, which is CSR of the same types."""
    first = {"a": sp.A_OFFSETS, "b": sp.B_OFFSETS, "c": sp.C_OFFSETS}[side]
    kind, form = sp.TYPES[op.type], sp.FORMATS[op.format]
    rows, cols = (op.rows, op.cols) if side == "a" else (op.b_rows, op.b_cols)
    nnz = {"a": op.nnz, "b": op.b_nnz, "c": op.c_nnz}[side]
    if side == "c":
        rows, cols = op.rows, op.b_cols
    block = op.block_rows * op.block_cols if form == "bsr" else 1
    lead = {"csr": rows + 1, "bsr": rows + 1, "csc": cols + 1, "coo": nnz}[form]
    offset_type, index_type = INTEGERS[op.offset_bytes], INTEGERS[op.index_bytes]
    offsets = array(ptrs[first], offset_type, lead, batch * op.stride_offsets).astype(np.int64) - op.base
    indices = array(ptrs[first + 1], index_type, nnz, batch * op.stride_indices).astype(np.int64) - op.base
    stored = array(ptrs[first + 2], DTYPES[kind], nnz * block, batch * op.stride_values)
    values = load(stored, kind)
    if form == "coo":
        return Triples((rows, cols), offsets, indices, values, stored)
    major = expand(offsets)
    if form == "csc":
        return Triples((rows, cols), indices, major, values, stored)
    if form == "csr":
        return Triples((rows, cols), major, indices, values, stored)
    height, width = op.block_rows, op.block_cols
    down, across = (
        np.divmod(np.arange(block), width) if not op.block_by_columns else np.divmod(np.arange(block), height)[::-1]
    )
    all_rows = (major[:, None] * height + down).reshape(-1)
    all_cols = (indices[:, None] * width + across).reshape(-1)
    return Triples((rows * height, cols * width), all_rows, all_cols, values, stored)


def dense(op: Any, ptrs: Sequence[int], side: str, shape: tuple[int, int], batch: int = 0) -> np.ndarray:
    """View of dense b or c as stored."""
    ld, by_rows = getattr(op, f"{side}_ld"), getattr(op, f"{side}_by_rows")
    kind = sp.TYPES[op.type if side == "b" else op.type_c]
    lines, length = shape if by_rows else shape[::-1]
    count = (lines - 1) * ld + length if lines and length else 0
    address = ptrs[sp.B_VALUES if side == "b" else sp.C_VALUES]
    flat = array(address, DTYPES[kind], count, batch * getattr(op, f"stride_{side}"))
    if not count:
        return np.empty(shape, DTYPES[kind])
    view = np.lib.stride_tricks.as_strided(flat, (lines, length), (ld * flat.itemsize, flat.itemsize))
    return view if by_rows else view.T


def scalars_of(op: Any, ptrs: Sequence[int], scalars: bytes) -> tuple[Any, Any]:
    """alpha and beta, real where the computation is."""
    kind = sp.TYPES[op.type_compute]
    if op.scalars_on_device:
        pair = [load(array(p, DTYPES[kind], 1), kind)[0] if p else 0 for p in ptrs[sp.ALPHA : sp.BETA + 1]]
        return pair[0], pair[1]
    re_a, im_a, re_b, im_b = struct.unpack("<4d", scalars[:32])
    if kind in ("c64", "c128"):
        return complex(re_a, im_a), complex(re_b, im_b)
    return re_a, re_b


def turned(x: np.ndarray, how: int) -> np.ndarray:
    return x if how == 0 else x.T if how == 1 else x.T.conj()


def product(a: Triples, b: np.ndarray) -> np.ndarray:
    """a b of a sparse and a dense matrix."""
    out = np.zeros((a.shape[0], b.shape[1]), np.result_type(a.values, b))
    np.add.at(out, a.rows, a.values[:, None] * b[a.cols])
    return out


def solution(a: Triples, b: np.ndarray, upper: bool, unit: bool) -> np.ndarray:
    """inverse(a) b of the triangular part of a, row by row."""
    keep = a.rows < a.cols if upper else a.rows > a.cols
    diagonal = np.ones(a.shape[0], a.values.dtype)
    if not unit:
        diagonal[:] = 0
        on = a.rows == a.cols
        np.add.at(diagonal, a.rows[on], a.values[on])
    order = np.argsort(a.rows[keep], kind="stable")
    rows, cols, values = a.rows[keep][order], a.cols[keep][order], a.values[keep][order]
    starts = np.searchsorted(rows, np.arange(a.shape[0] + 1))
    x = np.array(b, np.result_type(a.values, b))
    with np.errstate(divide="ignore", invalid="ignore"):
        for i in reversed(range(a.shape[0])) if upper else range(a.shape[0]):
            part = slice(starts[i], starts[i + 1])
            x[i] = (x[i] - values[part] @ x[cols[part]]) / diagonal[i]
    return x


def gather(shape: tuple[int, int], rows: np.ndarray, cols: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, ...]:
    """Equal positions added up: row offsets, columns, values, ascending."""
    keys, places = np.unique(rows * shape[1] + cols, return_inverse=True)
    total = np.zeros(len(keys), values.dtype)
    np.add.at(total, places, values)
    offsets = np.searchsorted(keys, np.arange(shape[0] + 1) * shape[1])
    return offsets, keys % max(shape[1], 1), total


def multiply(a: Triples, b: Triples) -> tuple[np.ndarray, ...]:
    """a b of two sparse matrices in CSR order: offsets, columns, values. Entries are structural."""
    starts = np.searchsorted(b.rows, np.arange(b.shape[0] + 1))
    counts = (starts[1:] - starts[:-1])[a.cols]
    left = np.repeat(np.arange(len(a.values)), counts)
    first = np.cumsum(counts) - counts
    right = starts[:-1][a.cols][left] + np.arange(len(left)) - first[left]
    return gather((a.shape[0], b.shape[1]), a.rows[left], b.cols[right], a.values[left] * b.values[right])


def add(a: Triples, b: Triples, alpha: Any, beta: Any) -> tuple[np.ndarray, ...]:
    rows, cols = np.concatenate((a.rows, b.rows)), np.concatenate((a.cols, b.cols))
    return gather(a.shape, rows, cols, np.concatenate((alpha * a.values, beta * b.values)))


def write_csr(op: Any, ptrs: Sequence[int], parts: tuple[np.ndarray, ...]) -> None:
    offsets, cols, values = parts
    if len(cols) != op.c_nnz:
        raise ValueError(f"the result has {len(cols)} entries, the matrix for it {op.c_nnz}")
    array(ptrs[sp.C_OFFSETS], INTEGERS[op.offset_bytes], len(offsets))[:] = offsets + op.base
    array(ptrs[sp.C_INDICES], INTEGERS[op.index_bytes], len(cols))[:] = cols + op.base
    kind = sp.TYPES[op.type]
    store(array(ptrs[sp.C_VALUES], DTYPES[kind], len(values)), kind, values)


class Runner:
    """One op's routines. A provider replaces `product`, `multiply` and `solution` by faster ones."""

    product = staticmethod(product)
    multiply = staticmethod(multiply)
    solution = staticmethod(solution)

    def __init__(self, op: Any) -> None:
        self.op = op
        self.run_one = getattr(self, sp.ROUTINES[op.routine])

    def __call__(self, ptrs: Sequence[int], scalars: bytes) -> None:
        self.run_one(ptrs, scalars)

    def mm(self, ptrs: Sequence[int], scalars: bytes) -> None:
        op = self.op
        alpha, beta = scalars_of(op, ptrs, scalars)
        for i in range(op.batch):
            a = sparse_operand(op, ptrs, "a", i).op(op.op_a)
            b = turned(load(dense(op, ptrs, "b", (op.b_rows, op.b_cols), i), sp.TYPES[op.type]), op.op_b)
            c = dense(op, ptrs, "c", (a.shape[0], b.shape[1]), i)
            kind = sp.TYPES[op.type_c]
            result = alpha * self.product(a, b)
            store(c, kind, result + beta * load(c, kind) if beta else result)

    def sddmm(self, ptrs: Sequence[int], scalars: bytes) -> None:
        op, kind = self.op, sp.TYPES[self.op.type]
        alpha, beta = scalars_of(op, ptrs, scalars)
        for i in range(op.batch):
            a = sparse_operand(op, ptrs, "a", i)
            b = turned(load(dense(op, ptrs, "b", (op.b_rows, op.b_cols), i), kind), op.op_b)
            inner = b.shape[1]
            stored = (inner, a.shape[1]) if op.op_c == 0 else (a.shape[1], inner)
            c = turned(load(dense(op, ptrs, "c", stored, i), sp.TYPES[op.type_c]), op.op_c)
            result = alpha * np.einsum("ij,ij->i", b[a.rows], c.T[a.cols])
            store(a.stored, kind, result + beta * a.values if beta else result)

    def solve(self, ptrs: Sequence[int], scalars: bytes) -> None:
        op, kind = self.op, sp.TYPES[self.op.type]
        alpha, _ = scalars_of(op, ptrs, scalars)
        a = sparse_operand(op, ptrs, "a").op(op.op_a)
        b = turned(load(dense(op, ptrs, "b", (op.b_rows, op.b_cols)), kind), op.op_b)
        upper = bool(op.fill) != bool(op.op_a)
        c = dense(op, ptrs, "c", b.shape)
        store(c, sp.TYPES[op.type_c], self.solution(a, alpha * b, upper, bool(op.unit_diagonal)))

    def gemm_count(self, ptrs: Sequence[int], scalars: bytes) -> None:
        a, b = sparse_operand(self.op, ptrs, "a"), sparse_operand(self.op, ptrs, "b")
        array(ptrs[sp.EXTRA], np.int64, 1)[0] = len(self.multiply(a, b)[1])

    def gemm(self, ptrs: Sequence[int], scalars: bytes) -> None:
        op = self.op
        alpha, beta = scalars_of(op, ptrs, scalars)
        parts = self.multiply(sparse_operand(op, ptrs, "a"), sparse_operand(op, ptrs, "b"))
        values = alpha * parts[2]
        if beta:
            values = values + beta * sparse_operand(op, ptrs, "c").values
        write_csr(op, ptrs, (*parts[:2], values))

    def add_count(self, ptrs: Sequence[int], scalars: bytes) -> None:
        op = self.op
        offsets, cols, _ = add(sparse_operand(op, ptrs, "a"), sparse_operand(op, ptrs, "b"), 1, 1)
        array(ptrs[sp.C_OFFSETS], INTEGERS[op.offset_bytes], len(offsets))[:] = offsets + op.base
        array(ptrs[sp.EXTRA], np.int32, 1)[0] = len(cols)

    def add(self, ptrs: Sequence[int], scalars: bytes) -> None:
        alpha, beta = scalars_of(self.op, ptrs, scalars)
        operands = [sparse_operand(self.op, ptrs, side) for side in "ab"]
        write_csr(self.op, ptrs, add(*operands, alpha, beta))

    def compress(self, ptrs: Sequence[int], scalars: bytes) -> None:
        op = self.op
        numbers = array(ptrs[sp.A_INDICES], INTEGERS[op.index_bytes], op.nnz).astype(np.int64) - op.base
        counts = np.bincount(numbers, minlength=op.rows)[: op.rows] if op.nnz else np.zeros(op.rows, np.int64)
        offsets = array(ptrs[sp.A_OFFSETS], INTEGERS[op.offset_bytes], op.rows + 1)
        offsets[0] = op.base
        offsets[1:] = np.cumsum(counts) + op.base

    def sort(self, ptrs: Sequence[int], scalars: bytes) -> None:
        op = self.op
        indices = array(ptrs[sp.A_INDICES], INTEGERS[op.index_bytes], op.nnz)
        if sp.FORMATS[op.format] == "csr":
            offsets = array(ptrs[sp.A_OFFSETS], INTEGERS[op.offset_bytes], op.rows + 1).astype(np.int64) - op.base
            major, rows = expand(offsets), None
        else:
            major = rows = array(ptrs[sp.A_OFFSETS], INTEGERS[op.offset_bytes], op.nnz)
        order = np.lexsort((indices, major))
        for values in (indices, rows, array(ptrs[sp.EXTRA], np.int32, op.nnz) if ptrs[sp.EXTRA] else None):
            if values is not None:
                values[:] = values[order]

    def expand(self, ptrs: Sequence[int], scalars: bytes) -> None:
        op = self.op
        offsets = array(ptrs[sp.A_OFFSETS], INTEGERS[op.offset_bytes], op.rows + 1).astype(np.int64)
        array(ptrs[sp.A_INDICES], INTEGERS[op.index_bytes], op.nnz)[:] = expand(offsets) + op.base

    def turn(self, ptrs: Sequence[int], scalars: bytes) -> None:
        op = self.op
        offsets = array(ptrs[sp.A_OFFSETS], INTEGERS[op.offset_bytes], op.rows + 1).astype(np.int64) - op.base
        cols = array(ptrs[sp.A_INDICES], INTEGERS[op.index_bytes], op.nnz).astype(np.int64) - op.base
        order = np.argsort(cols, kind="stable")
        starts = np.searchsorted(cols[order], np.arange(op.cols + 1))
        array(ptrs[sp.C_OFFSETS], INTEGERS[op.offset_bytes], op.cols + 1)[:] = starts + op.base
        array(ptrs[sp.C_INDICES], INTEGERS[op.index_bytes], op.nnz)[:] = expand(offsets)[order] + op.base
        if ptrs[sp.C_VALUES]:
            dtype = DTYPES[sp.TYPES[op.type]]
            array(ptrs[sp.C_VALUES], dtype, op.nnz)[:] = array(ptrs[sp.A_VALUES], dtype, op.nnz)[order]

    def to_dense(self, ptrs: Sequence[int], scalars: bytes) -> None:
        for i in range(self.op.batch):
            a = sparse_operand(self.op, ptrs, "a", i)
            c = dense(self.op, ptrs, "c", a.shape, i)
            c[...] = 0
            c[a.rows, a.cols] = a.stored

    def _nonzeros(self, ptrs: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Row numbers, column numbers and stored values of dense b, in the order of a's format."""
        op, kind = self.op, sp.TYPES[self.op.type]
        b = dense(op, ptrs, "b", (op.rows, op.cols))
        used = load(b, kind) != 0
        if sp.FORMATS[op.format] == "csc":
            cols, rows = np.nonzero(used.T)
        else:
            rows, cols = np.nonzero(used)
        return rows, cols, b[rows, cols]

    def count(self, ptrs: Sequence[int], scalars: bytes) -> None:
        rows, cols, _ = self._nonzeros(ptrs)
        array(ptrs[sp.EXTRA], np.int64, 1)[0] = len(rows)
        self._write_offsets(ptrs, rows, cols)

    def _write_offsets(self, ptrs: Sequence[int], rows: np.ndarray, cols: np.ndarray) -> None:
        op, form = self.op, sp.FORMATS[self.op.format]
        if form == "coo" or not ptrs[sp.A_OFFSETS]:
            return
        major, lines = (cols, op.cols) if form == "csc" else (rows, op.rows)
        starts = np.searchsorted(major, np.arange(lines + 1))
        array(ptrs[sp.A_OFFSETS], INTEGERS[op.offset_bytes], lines + 1)[:] = starts + op.base

    def from_dense(self, ptrs: Sequence[int], scalars: bytes) -> None:
        op, form = self.op, sp.FORMATS[self.op.format]
        rows, cols, values = self._nonzeros(ptrs)
        if len(rows) != op.nnz:
            raise ValueError(f"the matrix has {len(rows)} nonzeros, the one for it {op.nnz}")
        if form == "coo":
            array(ptrs[sp.A_OFFSETS], INTEGERS[op.offset_bytes], op.nnz)[:] = rows + op.base
        self._write_offsets(ptrs, rows, cols)
        array(ptrs[sp.A_INDICES], INTEGERS[op.index_bytes], op.nnz)[:] = (rows if form == "csc" else cols) + op.base
        array(ptrs[sp.A_VALUES], DTYPES[sp.TYPES[op.type]], op.nnz)[:] = values

    def _vectors(self, ptrs: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Positions and stored elements of a, and dense c."""
        op, dtype = self.op, DTYPES[sp.TYPES[self.op.type]]
        where = array(ptrs[sp.A_INDICES], INTEGERS[op.index_bytes], op.nnz).astype(np.int64) - op.base
        return where, array(ptrs[sp.A_VALUES], dtype, op.nnz), array(ptrs[sp.C_VALUES], dtype, op.rows)

    def axpby(self, ptrs: Sequence[int], scalars: bytes) -> None:
        kind = sp.TYPES[self.op.type]
        alpha, beta = scalars_of(self.op, ptrs, scalars)
        where, stored, c = self._vectors(ptrs)
        result = beta * load(c, kind) if beta else np.zeros(len(c), WIDE[kind])
        result[where] += alpha * load(stored, kind)
        store(c, kind, result)

    def gather(self, ptrs: Sequence[int], scalars: bytes) -> None:
        where, stored, c = self._vectors(ptrs)
        stored[:] = c[where]

    def scatter(self, ptrs: Sequence[int], scalars: bytes) -> None:
        where, stored, c = self._vectors(ptrs)
        c[where] = stored

    def dot(self, ptrs: Sequence[int], scalars: bytes) -> None:
        op, kind = self.op, sp.TYPES[self.op.type]
        where, stored, c = self._vectors(ptrs)
        x = load(stored, kind)
        wide = sp.TYPES[op.type_compute]
        store(
            array(ptrs[sp.EXTRA], DTYPES[wide], 1),
            wide,
            np.sum((x.conj() if op.op_a == 2 else x) * load(c[where], kind)),
        )

    def qr_solve(self, ptrs: Sequence[int], scalars: bytes) -> None:
        op, kind = self.op, sp.TYPES[self.op.type]
        _, tolerance = scalars_of(op, ptrs, scalars)
        a = sparse_operand(op, ptrs, "a")
        full = np.zeros(a.shape, WIDE[kind])
        np.add.at(full, (a.rows, a.cols), a.values)
        q, r = np.linalg.qr(full)
        small = np.flatnonzero(~(np.abs(r.diagonal()) > tolerance))
        array(ptrs[sp.EXTRA], np.int32, 1)[0] = small[0] if len(small) else -1
        b = dense(op, ptrs, "b", (op.rows, 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            x = solution(
                Triples(a.shape, *np.nonzero(np.ones_like(r)), r.reshape(-1), r.reshape(-1)),
                q.conj().T @ b,
                True,
                False,
            )
        store(dense(op, ptrs, "c", (op.rows, 1)), kind, x)


def sparse(op: Any) -> Plan:
    """Accepts every op that sparse.check lets through."""
    return Plan("reference", Runner(op))
