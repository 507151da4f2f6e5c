"""FFT by the executor core's own transforms (op_fft.c): the passes of a plan and their tables."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from maf_vdev.modnn import fft as f
from maf_vdev.modnn import native
from maf_vdev.modnn.registry import Plan

ffi = native.ffi
ffi.cdef((native.CORE / "op_fft.h").read_text())

IN, OUT, SCRATCH = range(3)
# Factors that are summed directly; a length with a larger one is done by convolution.
LARGEST_FACTOR = 13
# Numbers of a line whose passes still stay in a core's second cache; longer ones are cut in two where they can be.
LONG = 1 << 14
# Beyond this a line is not worth one thread's time.
LONGEST = 1 << 17


def factorise(n: int) -> list[int]:
    """Factors of n, fours first; the last may be above LARGEST_FACTOR."""
    factors = []
    for factor in (4, 2, 3, 5, 7, 11, 13):
        while n % factor == 0:
            factors.append(factor)
            n //= factor
    return [*factors, n] if n > 1 else factors


def smooth(n: int) -> int:
    """The least product of powers of two, three and five from n on."""
    best = 1 << (n - 1).bit_length()
    five = 1
    while five < best:
        three = five
        while three < best:
            candidate = three << max(0, (-(-n // three) - 1).bit_length())
            best = min(best, candidate) if candidate >= n else best
            three *= 3
        five *= 5
    return best


def unit(numerator: np.ndarray, denominator: int) -> np.ndarray:
    """exp(-2 pi i numerator / denominator) in double precision, the numerator reduced first."""
    return np.exp(-2j * np.pi * (numerator % denominator) / denominator)


@functools.lru_cache(64)
def _tables(length: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """Twiddles and roots of a length that is a product of small factors."""
    twiddles, roots, rest, total = [], [], length, length
    for factor in factorise(length):
        rest //= factor
        p, j = np.arange(rest)[:, None], np.arange(1, factor)[None, :]
        twiddles.append(unit(p * j, total).reshape(-1))
        if factor > 7:
            roots.append(unit(np.arange(factor), factor))
        total //= factor
    join = [np.concatenate(x) if x else np.zeros(1, complex) for x in (twiddles, roots)]
    return join[0].astype(dtype), join[1].astype(dtype)


@functools.lru_cache(64)
def _chirp(n: int, length: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """Bluestein's factors, and the transform of their conjugates, divided by the length."""
    j = np.arange(n, dtype=np.int64)
    chirp = unit(j * j, 2 * n)
    around = np.zeros(length, complex)
    around[:n] = chirp.conj()
    around[length - n + 1 :] = chirp.conj()[1:][::-1]
    return chirp.astype(dtype), (np.fft.fft(around) / length).astype(dtype)


@functools.lru_cache(64)
def _circle(n: int, count: int, dtype: Any) -> np.ndarray:
    return unit(np.arange(count), n).astype(dtype)


@dataclass
class Side:
    """Where lines lie: place, type, strides of (batch, dimensions...) in elements."""

    place: int
    type: int
    strides: list[int]


@dataclass
class Builder:
    """Fills struct maf_fft."""

    op: Any
    plan: Any = field(default_factory=lambda: ffi.new("struct maf_fft *"))
    keep: list[np.ndarray] = field(default_factory=list)

    @property
    def compute(self) -> int:
        """The type computed in."""
        return f.F64 if self.op.type == f.F64 else f.F32

    @property
    def complex_bytes(self) -> int:
        return 16 if self.op.type == f.F64 else 8

    @property
    def dtype(self) -> Any:
        """Of tables."""
        return np.complex128 if self.op.type == f.F64 else np.complex64

    def pointer(self, table: np.ndarray) -> Any:
        self.keep.append(table)
        return ffi.cast("void *", table.ctypes.data)

    def line(self, target: Any, n: int) -> None:
        """struct maf_fft_line of a transform of n numbers."""
        length = n
        if max(factorise(n), default=1) > LARGEST_FACTOR:
            length = smooth(2 * n - 1)
            chirp, kernel = _chirp(n, length, self.dtype)
            target.chirped, target.chirp, target.kernel = n, self.pointer(chirp), self.pointer(kernel)
        factors = factorise(length)
        twiddles, roots = _tables(length, self.dtype)
        target.length, target.factors = length, len(factors)
        target.factor[0 : len(factors)] = factors
        target.twiddles, target.roots = self.pointer(twiddles), self.pointer(roots)

    def add(
        self,
        kind: int,
        n: int,
        outer: Sequence[tuple[int, int, int]],
        steps: tuple[int, int],
        source: Side,
        target: Side,
    ) -> Any:
        """One pass. outer: (count, source stride, target stride) of the dimensions around the lines."""
        run = self.plan.step[self.plan.passes]
        self.plan.passes += 1
        run.kind, run.inverse, run.n = kind, self.op.direction > 0 if kind == f.C2C else kind == f.C2R, n
        run.source, run.target, run.source_type, run.target_type = source.place, target.place, source.type, target.type
        run.source_step, run.target_step = steps
        padded = [(1, 0, 0)] * (4 - len(outer)) + list(outer)
        for d, (count, a, b) in enumerate(padded):
            run.outer[d], run.source_outer[d], run.target_outer[d] = count, a, b
        if kind != f.C2C and n % 2 == 0:
            run.halves = self.pointer(_circle(n, n // 2 + 1, self.dtype))
            self.line(run.line, n // 2)
        else:
            self.line(run.line, n)
        return run


def _reach(shape: Sequence[int], strides: Sequence[int]) -> int:
    return 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))


def _split(n: int) -> tuple[int, int] | None:
    """Two factors of a long length, as equal as may be, both small enough and without large primes."""
    if max(factorise(n)) > LARGEST_FACTOR:
        return None
    small = next((k for k in range(int(n**0.5), 1, -1) if n % k == 0), 1)
    return (small, n // small) if n // small <= LONG and small > 1 else None


def fft(op: Any) -> Plan | None:
    """Declines lines that are long and cannot be cut in two, and overlapping output elements."""
    rank, dims = op.rank, list(op.dims)[: op.rank]
    source, target = f.layout(op, "in"), f.layout(op, "out")
    builder = Builder(op)
    real_axis = rank if op.kind != f.C2C else None
    for axis, n in enumerate(dims, 1):
        line = n // 2 if axis == real_axis and n % 2 == 0 else n
        length = line if max(factorise(line), default=1) <= LARGEST_FACTOR else smooth(2 * line - 1)
        if length > LONGEST and not (rank == 1 and op.kind == f.C2C and _split(n)):
            return None
    a, b = Side(IN, op.type, list(source.strides)), Side(OUT, op.type, list(target.strides))
    if op.kind == f.C2C and rank == 1 and dims[0] > LONG and _split(dims[0]):
        _cut_in_two(builder, dims[0], a, b)
    elif op.kind == f.C2R and rank > 1:
        # Everything but the last dimension in scratch memory, so that the input stays as it is.
        shape = list(source.shape)
        middle = Side(SCRATCH, builder.compute, packed_strides(shape))
        builder.plan.scratch_bytes = int(np.prod(shape)) * builder.complex_bytes
        now = a
        for axis in range(1, rank):
            _axis(builder, f.C2C, axis, dims[axis - 1], shape, now, middle)
            now = middle
        _axis(builder, f.C2R, rank, dims[-1], shape, middle, b)
    elif op.type == f.F16 and rank > 1:
        return None  # intermediate results would be rounded
    else:
        now, order = a, range(rank, 0, -1)
        for axis in order:
            kind = op.kind if axis == rank else f.C2C
            _axis(builder, kind, axis, dims[axis - 1], list(target.shape), now, b)
            now = b
    if op.kind != f.C2C or source.strides != target.strides:
        builder.plan.staged = _staged(op, source, target)
    builder.plan.wide = op.type == f.F64
    return native.plan("core", "maf_fft_run", builder.plan, builder.keep)


def packed_strides(shape: Sequence[int]) -> list[int]:
    """Packed, the last dimension innermost."""
    strides = [1]
    for n in reversed(shape[1:]):
        strides.insert(0, strides[0] * n)
    return strides


def _axis(builder: Builder, kind: int, axis: int, n: int, shape: Sequence[int], source: Side, target: Side) -> None:
    """A pass along one dimension of (batch, dimensions...); shape is that of the side that is not longer."""
    outer = [(shape[d], source.strides[d], target.strides[d]) for d in range(len(shape)) if d != axis]
    builder.add(kind, n, outer, (source.strides[axis], target.strides[axis]), source, target)


def _cut_in_two(builder: Builder, n: int, source: Side, target: Side) -> None:
    """n = rows * columns: lines down the columns, factors across, lines along the rows, written transposed."""
    rows, cols = _split(n) or (1, n)
    batch = builder.op.batch
    middle = Side(SCRATCH, builder.compute, [n, 1])
    builder.plan.scratch_bytes = batch * n * builder.complex_bytes
    (sa, ss), (ta, ts) = source.strides, target.strides
    first = builder.add(f.C2C, rows, [(batch, sa, n), (cols, ss, 1)], (ss * cols, cols), source, middle)
    first.cross = builder.pointer(_circle(n, n, builder.dtype))
    builder.add(f.C2C, cols, [(batch, n, ta), (rows, cols, ts)], (1, ts * rows), middle, target)


def _staged(op: Any, source: f.Layout, target: f.Layout) -> int:
    """Bytes of the input, to be copied where it is the output too, unless each line is written where it was read."""
    unit_bytes = {f.F32: 4, f.F64: 8, f.F16: 2}[op.type]
    sizes = [unit_bytes * (2 if side.is_complex else 1) for side in (source, target)]
    if [s * sizes[0] for s in source.strides[:-1]] == [s * sizes[1] for s in target.strides[:-1]] and (
        source.strides[-1] == target.strides[-1] == 1
    ):
        return 0
    return _reach(source.shape, source.strides) * sizes[0]
