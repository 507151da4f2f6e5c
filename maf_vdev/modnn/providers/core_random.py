"""Random numbers by the executor core's own loops (op_random.c). The state of a new generator is made here: the lanes'
starts lie 2^67 (XORWOW) or 2^76 (MRG32k3a) numbers apart, which is a power of the recurrence's matrix.

Seeding as in cuRAND's device interface (curand_init); sequences checked against the real library's host generators.
"""

from __future__ import annotations

import ctypes
import functools
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from maf_vdev.modnn import native
from maf_vdev.modnn import random as rnd
from maf_vdev.modnn.registry import Plan

ffi = native.ffi
ffi.cdef((native.CORE / "op_random.h").read_text())

MASK = 0xFFFFFFFF
MODULI = (4294967087, 4294944443)
TRIPLES = (((0, 1, 0), (0, 0, 1), (-810728, 1403580, 0)), ((0, 1, 0), (0, 0, 1), (-1370589, 0, 527612)))

Matrix = np.ndarray
Multiply = Callable[[Matrix, Matrix], Matrix]


def power(matrix: Matrix, exponent: int, multiply: Multiply) -> Matrix:
    result = np.eye(len(matrix), dtype=matrix.dtype)
    while exponent:
        if exponent & 1:
            result = multiply(matrix, result)
        matrix = multiply(matrix, matrix)
        exponent >>= 1
    return result


def spread(start: Matrix, matrix: Matrix, lanes: int, multiply: Multiply) -> Matrix:
    """Columns matrix^i start, i below `lanes`."""
    states = start[:, None]
    while states.shape[1] < lanes:
        states = np.hstack([states, multiply(matrix, states)])
        matrix = multiply(matrix, matrix)
    return states[:, :lanes]


def _bits(a: Matrix, b: Matrix) -> Matrix:
    """Product over GF(2); float32 holds the counts exactly."""
    return ((a.astype(np.float32) @ b.astype(np.float32)).astype(np.int32) & 1).astype(np.uint8)


@functools.cache
def _xorwow_step() -> Matrix:
    """One step of v0..v4 as a matrix on their 160 bits."""
    step = np.zeros((160, 160), np.uint8)
    for word in range(4):
        step[32 * word + np.arange(32), 32 * word + 32 + np.arange(32)] = 1
    for bit in range(32):  # v4 ^ v4 << 4 ^ t ^ t << 1 with t = v0 ^ v0 >> 2
        for source, shift in ((4, 0), (4, 4)):
            if bit >= shift:
                step[128 + bit, 32 * source + bit - shift] ^= 1
        for up in (0, 1):
            for down in (0, 2):
                if bit >= up and bit - up + down < 32:
                    step[128 + bit, bit - up + down] ^= 1
    return step


@functools.cache
def _xorwow_lane_step() -> Matrix:
    return power(_xorwow_step(), 1 << 67, _bits)


def _skips(lanes: int, offset: int) -> list[tuple[int, slice]]:
    """How far each range of lanes has gone when the numbers before `offset` were taken in turn."""
    rounds, rest = divmod(offset, lanes)
    return [(rounds + 1, slice(0, rest)), (rounds, slice(rest, lanes))]


def xorwow(seed: int, lanes: int, offset: int) -> np.ndarray:
    low, high = (seed & MASK) ^ 0xAAD26B49, (seed >> 32) ^ 0xF7DCEFDD
    t0, t1 = 1099087573 * low & MASK, 2591861531 * high & MASK
    v = [123456789 + t0, 362436069 ^ t0, 521288629 + t1, 88675123 ^ t1, 5783321 + t0]
    words = np.array([x & MASK for x in v], np.uint32)
    start = (words[:, None] >> np.arange(32, dtype=np.uint32) & 1).astype(np.uint8).reshape(-1)
    states = spread(start, _xorwow_lane_step(), lanes, _bits)
    weyl = np.full(lanes, (6615241 + t1 + t0) & MASK, np.uint32)
    for steps, part in _skips(lanes, offset):
        if steps and states[:, part].size:
            states[:, part] = _bits(power(_xorwow_step(), steps, _bits), states[:, part])
            weyl[part] += np.uint32(362437 * steps & MASK)
    packed = (states.reshape(5, 32, lanes).astype(np.uint64) << np.arange(32, dtype=np.uint64)[:, None]).sum(1)
    return np.vstack([packed.astype(np.uint32), weyl])


def _modular(modulus: int) -> Multiply:
    """Products below 2^64: each term is reduced before it is added."""
    m = np.uint64(modulus)

    def multiply(a: Matrix, b: Matrix) -> Matrix:
        return sum((a[:, k, None] * b[k][None, :]) % m for k in range(3)) % m

    return multiply


def mrg32k3a(seed: int, lanes: int, offset: int) -> np.ndarray:
    x1, x2 = (seed & MASK) ^ 0x55555555, (seed >> 32) ^ 0xAAAAAAAA
    factors = ((x1, x2, x1), (x2, x1, x2)) if seed else ((1, 1, 1), (1, 1, 1))
    halves = []
    for modulus, rows, factor in zip(MODULI, TRIPLES, factors, strict=True):
        multiply = _modular(modulus)
        step = np.array([[x % modulus for x in row] for row in rows], np.uint64)
        start = np.array([12345 * f % modulus for f in factor], np.uint64)
        states = spread(start, power(step, 1 << 76, multiply), lanes, multiply)
        for steps, part in _skips(lanes, offset):
            if steps and states[:, part].size:
                states[:, part] = multiply(power(step, steps, multiply), states[:, part])
        halves.append(states)
    return np.vstack(halves).astype(np.uint32)


def philox(seed: int, lanes: int, offset: int) -> np.ndarray:
    """One counter per lane, of blocks of four numbers."""
    counters = np.zeros((1, lanes), np.uint32)
    for steps, part in _skips(lanes, offset // 4):
        counters[0, part] = steps & MASK
    return counters


STATES = {rnd.XORWOW: xorwow, rnd.MRG32K3A: mrg32k3a, rnd.PHILOX: philox}


def _seed_plan(op: Any) -> Plan:
    generator, lanes = op.generator, op.lanes
    per_item = 4 if generator == rnd.PHILOX else 1

    def run(ptrs: Sequence[int], scalars: bytes) -> None:
        seed, offset = struct.unpack("<2Q", scalars[:16])
        words = np.ascontiguousarray(STATES[generator](seed, lanes, offset), np.uint32)
        item, taken = divmod(offset, per_item)
        header = struct.pack("<4Q", item % lanes, taken, seed, 0)
        ctypes.memmove(ptrs[0], header, len(header))
        ctypes.memmove(ptrs[0] + len(header), words.ctypes.data, words.nbytes)

    return Plan("core", run)


def random(op: Any) -> Plan:
    """Accepts every op that passed random.check."""
    if op.routine == rnd.SEED:
        return _seed_plan(op)
    p = ffi.new("struct maf_random *")
    for name in ("generator", "lanes", "distribution", "type"):
        setattr(p, name, getattr(op, name))
    return native.plan("core", "maf_random_run", p)
