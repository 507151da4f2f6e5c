"""The references of elementwise operations, reductions, softmax and pooling in numpy."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from maf_vdev.modnn import elementwise as e
from maf_vdev.modnn import pooling as p
from maf_vdev.modnn import reduce as r
from maf_vdev.modnn.gemm import I32
from maf_vdev.modnn.providers.ref_gemm import _load as load
from maf_vdev.modnn.providers.ref_gemm import _store as store
from maf_vdev.modnn.registry import Plan, Unsupported
from maf_vdev.modnn.softmax import LOG


class Tensor:
    """Memory of one tensor."""

    def __init__(self, address: int, kind: int, dims: Any, strides: Any) -> None:
        self.address, self.kind, self.dims, self.strides = address, kind, tuple(dims), tuple(strides)

    def read(self) -> np.ndarray:
        return load(self.address, self.kind, self.strides, self.dims)

    def blend(self, values: np.ndarray, beta: float) -> None:
        """Stores values + beta * what is there."""
        store(self.address, self.kind, self.strides, values + beta * self.read() if beta else values)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


def _activation(mode: int, x: np.ndarray, k: float, nan: int) -> np.ndarray:
    clean = x if nan else np.nan_to_num(x, nan=0.0, posinf=np.inf, neginf=-np.inf)
    return {
        e.SIGMOID: lambda: _sigmoid(x),
        e.RELU: lambda: np.where(clean < 0, 0, clean),
        e.TANH: lambda: np.tanh(x),
        e.CLIPPED_RELU: lambda: np.clip(clean, 0, k),
        e.ELU: lambda: np.where(x < 0, k * np.expm1(np.minimum(x, 0)), x),
        e.IDENTITY: lambda: x,
        e.SWISH: lambda: x * _sigmoid(k * x),
    }[mode]()


def _gradient(mode: int, y: np.ndarray, dy: np.ndarray, x: np.ndarray, k: float) -> np.ndarray:
    s = _sigmoid(k * x)
    return {
        e.SIGMOID: lambda: dy * y * (1 - y),
        e.RELU: lambda: np.where(x > 0, dy, 0),
        e.TANH: lambda: dy * (1 - y * y),
        e.CLIPPED_RELU: lambda: np.where((x > 0) & (x < k), dy, 0),
        e.ELU: lambda: np.where(x < 0, dy * (y + k), dy),
        e.IDENTITY: lambda: dy,
        e.SWISH: lambda: dy * (s + k * x * s * (1 - s)),
    }[mode]()


def _run_elementwise(op: Any, ptrs: Sequence[int], scalars: bytes) -> None:
    alpha1, alpha2, beta, k = struct.unpack_from("<4d", scalars)
    dims = op.dims[0 : op.rank]
    tensors = {}
    for role, address in zip(e.POINTERS, ptrs, strict=True):
        strides = getattr(op, f"{role}_strides")[0 : op.rank]
        tensors[role] = Tensor(address, getattr(op, f"type_{role}"), dims, strides)
    if op.function == e.NEW_DROPOUT:
        raise Unsupported("dropout on the reference")
    a, b, c = (tensors[role].read() if tensors[role].address else np.zeros(tuple(dims)) for role in "abc")
    smaller, larger = (np.minimum, np.maximum) if op.nan_propagation else (np.fmin, np.fmax)
    if op.function >= e.DROPOUT:
        values = np.where((c != 0) & (k < 1), a, 0) / (1 - k if k < 1 else 1)
    elif op.function >= e.GRADIENT:
        values = alpha1 * _gradient(op.function - e.GRADIENT, a, b, c, k)
    elif op.function >= e.ACTIVATION:
        values = alpha1 * _activation(op.function - e.ACTIVATION, a, k, op.nan_propagation)
    else:
        values = {
            e.SCALE: lambda: alpha1 * a,
            e.ADD: lambda: alpha1 * a + alpha2 * b,
            e.MULTIPLY: lambda: alpha1 * a * (alpha2 * b),
            e.MINIMUM: lambda: smaller(alpha1 * a, alpha2 * b),
            e.MAXIMUM: lambda: larger(alpha1 * a, alpha2 * b),
            e.SQUARE_ROOT: lambda: np.sqrt(alpha1 * a),
            e.COMPLEMENT: lambda: 1 - alpha1 * a,
            e.CONSTANT: lambda: np.full(tuple(dims), k),
        }[op.function]()
    tensors["out"].blend(values, beta)


def elementwise(op: Any) -> Plan:
    """Accepts every op that passed elementwise.check."""
    return Plan("reference", lambda ptrs, scalars: _run_elementwise(op, ptrs, scalars))


def _run_reduce(op: Any, ptrs: Sequence[int], scalars: bytes) -> None:
    alpha, beta = struct.unpack_from("<2d", scalars)
    rank = op.rank
    a = Tensor(ptrs[0], op.type_a, op.a_dims[0:rank], op.a_strides[0:rank]).read()
    out = Tensor(ptrs[1], op.type_c, op.c_dims[0:rank], op.c_strides[0:rank])
    kept = [d for d in range(rank) if out.dims[d] == a.shape[d]]
    rows = np.moveaxis(a, kept, range(len(kept))).reshape([a.shape[d] for d in kept] + [-1])
    size = np.abs(rows) if op.function == r.AMAX else rows
    choose = np.argmin if op.function == r.MIN else np.argmax
    if op.function in (r.MIN, r.MAX, r.AMAX):
        filler = np.inf if op.function == r.MIN else -np.inf
        best = choose(size if op.nan_propagation else np.where(np.isnan(size), filler, size), -1)
        values = np.take_along_axis(size, best[..., None], -1)[..., 0]
    else:
        values = {
            r.ADD: lambda: rows.sum(-1),
            r.MUL: lambda: rows.prod(-1),
            r.AVG: lambda: rows.mean(-1),
            r.NORM1: lambda: np.abs(rows).sum(-1),
            r.NORM2: lambda: np.sqrt((rows * rows).sum(-1)),
            r.MUL_NO_ZEROS: lambda: np.where(rows == 0, 1, rows).prod(-1),
        }[op.function]()
    out.blend(alpha * values.reshape(out.dims), beta)
    if op.indices:
        store(ptrs[2], I32, (1,), best.ravel())


def reduce(op: Any) -> Plan:
    """Accepts every op that passed reduce.check."""
    return Plan("reference", lambda ptrs, scalars: _run_reduce(op, ptrs, scalars))


def _run_softmax(op: Any, ptrs: Sequence[int], scalars: bytes) -> None:
    alpha, beta = struct.unpack_from("<2d", scalars)
    rank = op.rank
    axes = tuple(range(1, rank)) if op.per_instance else (1,)
    x, y, dy = (
        Tensor(0, op.type, op.dims[0:rank], getattr(op, f"{name}_strides")[0:rank]) for name in ("x", "y", "dy")
    )
    if op.direction:
        y.address, dy.address, x.address = ptrs[:3]
        out, d = y.read(), dy.read()
        if op.algorithm == LOG:
            x.blend(alpha * (d - np.exp(out) * d.sum(axes, keepdims=True)), beta)
        else:
            x.blend(alpha * out * (d - (d * out).sum(axes, keepdims=True)), beta)
        return
    x.address, y.address = ptrs[:2]
    values = x.read()
    shifted = values - values.max(axes, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axes, keepdims=True))
    y.blend(alpha * (logs if op.algorithm == LOG else np.exp(logs)), beta)


def softmax(op: Any) -> Plan:
    """Accepts every op that passed softmax.check."""
    return Plan("reference", lambda ptrs, scalars: _run_softmax(op, ptrs, scalars))


def _run_pooling(op: Any, ptrs: Sequence[int], scalars: bytes) -> None:
    alpha, beta = struct.unpack_from("<2d", scalars)
    rank = op.spatial + 2

    def tensor(name: str, dims: Any, address: int) -> Tensor:
        return Tensor(address, op.type, dims[0:rank], getattr(op, f"{name}_strides")[0:rank])

    x = tensor("x", op.x_dims, ptrs[2] if op.direction else ptrs[0]).read()
    out = np.zeros(tuple(op.y_dims[0:rank]))
    dy = tensor("dy", op.y_dims, ptrs[1]).read() if op.direction else None
    dx = np.zeros_like(x)
    for at in itertools.product(*map(range, out.shape[2:])):
        starts = [o * op.stride[i] - op.pad[i] for i, o in enumerate(at)]
        box = tuple(slice(max(0, s), min(op.x_dims[i + 2], s + op.window[i])) for i, s in enumerate(starts))
        part = x[(slice(None), slice(None), *box)]
        flat = part.reshape(*part.shape[:2], -1)
        whole = float(np.prod(list(op.window[0 : op.spatial])))
        if op.mode in (p.AVERAGE_ALL, p.AVERAGE_INSIDE):
            count = whole if op.mode == p.AVERAGE_ALL else flat.shape[-1]
            out[(slice(None), slice(None), *at)] = flat.sum(-1) / max(count, 1)
            if op.direction:
                share = dy[(slice(None), slice(None), *at)] / max(count, 1)
                dx[(slice(None), slice(None), *box)] += share.reshape(*share.shape, *[1] * op.spatial)
            continue
        if flat.shape[-1] == 0:
            out[(slice(None), slice(None), *at)] = -np.inf
            continue
        best = (flat if op.nan_propagation else np.where(np.isnan(flat), -np.inf, flat)).argmax(-1)
        out[(slice(None), slice(None), *at)] = np.take_along_axis(flat, best[..., None], -1)[..., 0]
        if op.direction:
            mask = np.zeros_like(flat)
            np.put_along_axis(mask, best[..., None], dy[(slice(None), slice(None), *at)][..., None], -1)
            dx[(slice(None), slice(None), *box)] += mask.reshape(part.shape)
    if op.direction:
        tensor("dx", op.x_dims, ptrs[3]).blend(alpha * dx, beta)
    else:
        tensor("y", op.y_dims, ptrs[1]).blend(alpha * out, beta)


def pooling(op: Any) -> Plan:
    """Accepts every op that passed pooling.check."""
    return Plan("reference", lambda ptrs, scalars: _run_pooling(op, ptrs, scalars))
