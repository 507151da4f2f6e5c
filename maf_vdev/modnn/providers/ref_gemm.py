"""The reference of GEMM in numpy: accumulates in the next wider type and rounds once.

float32, float16 and bfloat16 accumulate in float64, complex64 in complex128, int8 in exact float64.
"""

from __future__ import annotations

import ctypes
import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from maf_vdev.modnn import gemm as g
from maf_vdev.modnn.registry import Plan

DTYPES = {
    g.F32: np.float32,
    g.F64: np.float64,
    g.F16: np.float16,
    g.BF16: np.uint16,
    g.C64: np.complex64,
    g.C128: np.complex128,
    g.I8: np.int8,
    g.I32: np.int32,
    g.U8: np.uint8,
    g.I64: np.int64,
}


def from_bf16(bits: np.ndarray) -> np.ndarray:
    """float32 values of bfloat16 bit patterns."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def to_bf16(values: np.ndarray) -> np.ndarray:
    """bfloat16 bit patterns of float32 or float64 values, rounded once to nearest even."""
    values = np.asarray(values)
    single = values.astype(np.float32)
    # Rounding twice (double to float to bfloat16) errs where the first step lands on a tie: step back by one
    # float and set its last bit, so that the second step sees which side the value was on.
    bits = single.view(np.uint32).astype(np.int64)
    if values.dtype == np.float64:
        with np.errstate(invalid="ignore"):
            inexact = (single.astype(np.float64) != values) & np.isfinite(single)
            too_big = np.abs(single.astype(np.float64)) > np.abs(values)
        bits = np.where(inexact, (bits - too_big) | 1, bits)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(values), (bits >> 16) | 0x40, rounded).astype(np.uint16)


def _window(address: int, kind: int, strides: tuple[int, int], shape: tuple[int, int]) -> np.ndarray:
    """A view of memory at `address` with element strides; negative strides reach below it."""
    dtype = np.dtype(DTYPES[kind])
    if 0 in shape:
        return np.empty(shape, dtype)
    ends = [(n - 1) * s for n, s in zip(shape, strides, strict=True)]
    low, high = sum(min(e, 0) for e in ends), sum(max(e, 0) for e in ends)
    start = address + low * dtype.itemsize
    raw = (ctypes.c_char * ((high - low + 1) * dtype.itemsize)).from_address(start)
    flat = np.frombuffer(raw, dtype)
    return np.lib.stride_tricks.as_strided(flat[-low:], shape, [s * dtype.itemsize for s in strides])


def _load(address: int, kind: int, strides: tuple[int, int], shape: tuple[int, int]) -> np.ndarray:
    """Values in the accumulation type (float64 or complex128)."""
    values = _window(address, kind, strides, shape)
    if kind == g.BF16:
        values = from_bf16(values)
    return values.astype(np.complex128 if kind in g.COMPLEX else np.float64)


def _store(address: int, kind: int, strides: tuple[int, int], values: np.ndarray) -> None:
    out = _window(address, kind, strides, values.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        if kind == g.BF16:
            out[...] = to_bf16(values)
        elif kind == g.I8:
            out[...] = np.clip(np.rint(values), -128, 127).astype(np.int8)
        elif kind == g.I32:
            out[...] = np.rint(values).astype(np.int64).astype(np.int32)
        else:
            out[...] = values.astype(out.dtype)


def _strides(order: int, ld: int) -> tuple[int, int]:
    return (1, ld) if order == 0 else (ld, 1)


def _apply(trans: int, x: np.ndarray) -> np.ndarray:
    if trans in (g.T, g.C):
        x = x.T
    return x.conj() if trans in (g.C, g.R) else x


def _normal(x: np.ndarray) -> np.ndarray:
    """The standard normal distribution function."""
    return (0.5 * np.vectorize(math.erfc, otypes=[np.float64])(-x / math.sqrt(2))).astype(x.dtype)


def gelu(x: np.ndarray) -> np.ndarray:
    """GELU, exactly (cublasLt's own epilogue uses the tanh approximation, up to 4.8e-4 away)."""
    return x * _normal(x)


def gelu_gradient(x: np.ndarray) -> np.ndarray:
    """d gelu(x) / dx."""
    return _normal(x) + x * np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def _mask_bits(op: Any, address: int) -> tuple[np.ndarray, np.ndarray]:
    """Bytes of the ReLU bit mask, and the bit number of each element of D."""
    row, col = _strides(op.order_d, op.ld_aux)
    bits = np.arange(op.m)[:, None] * row + np.arange(op.n)[None, :] * col
    raw = (ctypes.c_uint8 * (int(bits.max()) // 8 + 1)).from_address(address)
    return np.frombuffer(raw, np.uint8), bits


def _finish(op: Any, x: np.ndarray, bias: int, aux: int) -> np.ndarray:
    """The epilogue on x, m x n in the accumulation type. Writes aux and bias gradients."""
    e = g.epilogue_bits(op)
    aux_strides = _strides(op.order_d, op.ld_aux)
    if e & g.BIAS:
        x = x + _load(bias, op.type_bias, (1, 1), (op.m, 1))
    if e & g.RELU:
        if e & g.AUX:
            mask, bits = _mask_bits(op, aux)
            clear = np.uint8(255) ^ (1 << (bits & 7)).astype(np.uint8)
            np.bitwise_and.at(mask, bits >> 3, clear)
            np.bitwise_or.at(mask, bits >> 3, ((x > 0).astype(np.uint8) << (bits & 7).astype(np.uint8)))
        x = np.where(x <= 0, 0, x)
    if e & g.GELU:
        if e & g.AUX:
            _store(aux, op.type_aux, aux_strides, x)
        x = gelu(x)
    if e & g.DRELU:
        mask, bits = _mask_bits(op, aux)
        x = np.where(mask[bits >> 3] >> (bits & 7) & 1, x, 0)
    if e & g.DGELU:
        x = x * gelu_gradient(_load(aux, op.type_aux, aux_strides, (op.m, op.n)))
    if e & g.BGRAD:
        _store(bias, op.type_bias, (1, 1), x.sum(axis=1, keepdims=True))
    return x


def _scalars(op: Any, ptrs: Sequence[int], scalars: bytes) -> tuple[Any, Any]:
    """alpha and beta: numbers, or columns of one value per row of D."""
    values = struct.unpack("4d", scalars[:32])
    alpha: Any = complex(*values[:2])
    beta: Any = complex(*values[2:])
    kind = op.scalars_on_device
    if kind != g.HOST:
        rows = 1 if kind == g.DEVICE else op.m
        alpha = _load(ptrs[6], op.type_scale, (1, 1), (rows, 1))
        if kind in (g.DEVICE, g.DEVICE_VECTOR):
            beta = _load(ptrs[7], op.type_scale, (1, 1), (rows, 1))
        elif kind == g.ALPHA_VECTOR:
            beta = 0
    if op.type_compute not in g.COMPLEX:
        alpha, beta = np.real(alpha), np.real(beta)
    return alpha, beta


def run(op: Any, ptrs: Sequence[int], scalars: bytes) -> None:
    """Runs the op; `ptrs` and `scalars` as stated at struct maf_op_gemm."""
    if op.m == 0 or op.n == 0:
        return
    alpha, beta = _scalars(op, ptrs, scalars)
    e = g.epilogue_bits(op)
    for i in range(op.batch):
        at = {}
        for j, side in enumerate("abcd"):
            kind = getattr(op, f"type_{side}")
            if op.pointer_array:
                at[side] = ctypes.c_uint64.from_address(ptrs[j] + 8 * i).value if ptrs[j] else 0
            else:
                at[side] = ptrs[j] + i * getattr(op, f"stride_{side}") * g.TYPE_BYTES[kind]
        a, b = (
            _apply(
                op.transa if side == "a" else op.transb,
                _load(
                    at[side],
                    getattr(op, f"type_{side}"),
                    _strides(getattr(op, f"order_{side}"), getattr(op, f"ld{side}")),
                    g.stored_shape(op, side),
                ),
            )
            for side in "ab"
        )
        bias = ptrs[4] + i * op.stride_bias * g.TYPE_BYTES[op.type_bias]
        relu = not e & (g.GELU | g.DGELU)
        aux = ptrs[5] + (i * op.stride_aux // 8 if relu else i * op.stride_aux * g.TYPE_BYTES[op.type_aux])
        if e & (g.BGRADA | g.BGRADB):
            total = a.sum(axis=1) if e & g.BGRADA else b.sum(axis=0)
            _store(bias, op.type_bias, (1, 1), total[:, None])
        with np.errstate(over="ignore", invalid="ignore"):
            # BLAS does not read A and B when alpha is zero, nor C when beta is.
            x = alpha * (a @ b) if np.any(alpha) else np.zeros((op.m, op.n), np.result_type(a))
            if np.any(beta):
                x = x + beta * _load(at["c"], op.type_c, _strides(op.order_c, op.ldc), (op.m, op.n))
            x = _finish(op, x, bias, aux)
        _store(at["d"], op.type_d, _strides(op.order_d, op.ldd), x)


def gemm(op: Any) -> Plan:
    """Accepts every op that gemm.check lets through."""
    return Plan("reference", lambda ptrs, scalars: run(op, ptrs, scalars))
