"""The reference of structured sparsity in numpy. Elements are handled as bits of their size."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from maf_vdev.modnn import structured as s
from maf_vdev.modnn.gemm import BF16, F16, F32, I8, TYPE_BYTES
from maf_vdev.modnn.registry import Plan

BITS = {1: np.uint8, 2: np.uint16, 4: np.uint32}


def memory(address: int, dtype: Any, count: int) -> np.ndarray:
    return np.frombuffer((ctypes.c_char * (count * np.dtype(dtype).itemsize)).from_address(address), dtype)


def dense(op: Any, address: int) -> np.ndarray:
    """View (batch, outer, inner) of a dense operand's bits."""
    bits = np.dtype(BITS[TYPE_BYTES[op.type]])
    shape, strides = (op.batch, op.outer, op.inner), (op.stride, op.outer_stride, op.inner_stride)
    reach = 1 + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    return np.lib.stride_tricks.as_strided(
        memory(address, bits, reach), shape, [step * bits.itemsize for step in strides]
    )


def magnitudes(op: Any, bits: np.ndarray) -> np.ndarray:
    """Absolute values as float32, NaN as infinity."""
    if op.type == I8:
        return np.abs(bits.view(np.int8).astype(np.float32))
    if op.type == BF16:
        values = (bits.astype(np.uint32) << 16).view(np.float32)
    else:
        values = bits.view({F16: np.float16, F32: np.float32}[op.type]).astype(np.float32)
    return np.where(np.isnan(values), np.inf, np.abs(values))


def word_order(op: Any) -> np.ndarray:
    """Where each word of (outer, words of a row) lies among the words of a compressed matrix."""
    words = op.inner // s.SPANS[op.type]
    row, col = np.arange(op.outer)[:, None], np.arange(words)[None, :] * 16
    if TYPE_BYTES[op.type] != 2 or op.outer % 128 or op.inner % 64:
        return row * words + col // 16
    tile = row // 128 * 512 + col // 64 * 512 * (op.outer // 128) + row % 128 // 32 * 64 + col % 64 // 32 * 256
    line = row % 8 * 4 + row % 32 // 16 * 2 + col % 32 // 16
    return tile + line * 2 + row % 16 // 8


def compressed_bytes(op: Any) -> int:
    """Size of one compressed matrix."""
    return op.outer * (op.inner // 2 * TYPE_BYTES[op.type] + op.inner // s.SPANS[op.type] * 2)


def parts(op: Any, address: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Kept elements (outer, groups, kept) and place words of one compressed matrix."""
    size, group = TYPE_BYTES[op.type], s.group(op.type)
    address += number * compressed_bytes(op)
    values = memory(address, BITS[size], op.outer * op.inner // 2).reshape(op.outer, -1, group // 2)
    return values, memory(address + values.nbytes, np.uint16, op.outer * op.inner // s.SPANS[op.type])


def compress(op: Any, ptrs: Sequence[int]) -> None:
    group = s.group(op.type)
    for number, matrix in enumerate(dense(op, ptrs[0])):
        values, places = parts(op, ptrs[1], number)
        x = matrix.reshape(op.outer, -1, group)
        used = magnitudes(op, x) != 0
        rank = np.cumsum(used, 2)
        if group == 2:
            second = ~used[..., 0] & used[..., 1]
            values[..., 0] = np.where(second, x[..., 1], x[..., 0])
            codes, width = np.where(second, 14, 4)[..., None], 4
        else:
            first, found = np.argmax(used, 2), rank[..., -1]
            other = np.argmax(used & (rank == 2), 2)
            one, two = found == 1, found >= 2
            codes = np.stack(
                [np.where(one & (first == 3) | (found == 0), 0, first), np.where(two, other, np.where(one, 3, 1))], -1
            )
            values[...] = np.take_along_axis(x, codes, 2)
            width = 2
        codes = codes.reshape(op.outer, op.inner // s.SPANS[op.type], -1)
        places[word_order(op)] = (codes << np.arange(codes.shape[-1]) * width).sum(-1)


def expand(op: Any, ptrs: Sequence[int]) -> None:
    group = s.group(op.type)
    width, count = (4, 4) if group == 2 else (2, 8)
    for number, matrix in enumerate(dense(op, ptrs[0])):
        values, places = parts(op, ptrs[1], number)
        codes = places[word_order(op)][..., None] >> np.arange(count) * width & ((1 << width) - 1)
        codes = codes.reshape(values.shape)
        if group == 2:
            codes = (codes == 14).astype(codes.dtype)
        out = np.zeros((*values.shape[:2], group), values.dtype)
        for i in range(group // 2):
            kept = magnitudes(op, values[..., i]) != 0
            rows, groups = np.nonzero(kept)
            out[rows, groups, codes[..., i][kept]] = values[..., i][kept]
        matrix[...] = out.reshape(matrix.shape)


def prune(op: Any, ptrs: Sequence[int]) -> None:
    n = s.group(op.type)
    source, target = dense(op, ptrs[0]), dense(op, ptrs[1])
    size = magnitudes(op, source)
    if not op.tiles:
        order = np.argsort(-size.reshape(*size.shape[:2], -1, n), -1, kind="stable")
        keep = np.zeros(order.shape, bool)
        np.put_along_axis(keep, order[..., : n // 2], True, -1)
    else:
        rows = [c for c in itertools.product((0, 1), repeat=n) if sum(c) == n // 2]
        patterns = [p for p in itertools.product(rows, repeat=n) if (np.sum(p, 0) == n // 2).all()]
        tiles = size.reshape(op.batch, op.outer // n, n, op.inner // n, n).swapaxes(2, 3)
        with np.errstate(invalid="ignore"):
            sums = np.stack([np.where(np.array(p, bool), tiles, 0).sum((-2, -1)) for p in patterns], -1)
        keep = np.array(patterns, bool)[sums.argmax(-1)].swapaxes(2, 3)
    target[...] = np.where(keep.reshape(source.shape), source, 0)


def verify(op: Any, ptrs: Sequence[int]) -> None:
    n = s.group(op.type)
    used = magnitudes(op, dense(op, ptrs[0])).reshape(op.batch, op.outer, -1, n) != 0
    memory(ptrs[1], np.int32, 1)[0] = (used.sum(-1) > n // 2).any()


RUNNERS = {"compress": compress, "expand": expand, "prune": prune, "check": verify}


def structured(op: Any) -> Plan:
    """Accepts every op that passed structured.check."""
    runner = RUNNERS[s.ROUTINES[op.routine]]
    return Plan("reference", lambda ptrs, scalars: runner(op, ptrs))
