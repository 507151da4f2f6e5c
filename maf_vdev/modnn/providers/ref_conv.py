"""The reference of convolution in numpy: sums in float64 over filter taps, rounds once."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from maf_vdev.modnn import conv as c
from maf_vdev.modnn.providers.ref_gemm import _load as load
from maf_vdev.modnn.providers.ref_gemm import _store as store
from maf_vdev.modnn.registry import Plan


def _taps(f: c.Normal) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """Filter positions, and the slices of the padded input that each one meets."""
    sizes = f.w.dims[2:]
    for tap in itertools.product(*map(range, sizes)):
        slices = []
        for i, t in enumerate(tap):
            position = sizes[i] - 1 - t if f.flip else t
            start = position * f.dilation[i]
            slices.append(slice(start, start + (f.y.dims[2 + i] - 1) * f.stride[i] + 1, f.stride[i]))
        yield tap, tuple(slices)


def _split(values: np.ndarray, groups: int) -> np.ndarray:
    """Channels (dimension 1) as (groups, channels per group)."""
    return values.reshape(values.shape[0], groups, values.shape[1] // groups, *values.shape[2:])


def forward(f: c.Normal, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """conv(x, w), shape f.y.dims."""
    padded = np.pad(x, [(0, 0), (0, 0), *zip(f.pad_before, f.pad_after, strict=True)])
    wg = w.reshape(f.groups, w.shape[0] // f.groups, *w.shape[1:])
    out = np.zeros(_split(np.empty(f.y.dims), f.groups).shape)
    for tap, slices in _taps(f):
        part = _split(padded[(slice(None), slice(None), *slices)], f.groups)
        out += np.einsum("ngc...,gkc->ngk...", part, wg[(..., *tap)])
    return out.reshape(f.y.dims)


def backward_data(f: c.Normal, dy: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The gradient with respect to x, shape f.x.dims."""
    spans = [b + n + a for b, n, a in zip(f.pad_before, f.x.dims[2:], f.pad_after, strict=True)]
    padded = np.zeros((*f.x.dims[:2], *spans))
    wg = w.reshape(f.groups, w.shape[0] // f.groups, *w.shape[1:])
    dyg = _split(dy, f.groups)
    for tap, slices in _taps(f):
        part = np.einsum("ngk...,gkc->ngc...", dyg, wg[(..., *tap)])
        padded[(slice(None), slice(None), *slices)] += part.reshape(*f.x.dims[:2], *part.shape[3:])
    inner = tuple(slice(b, b + n) for b, n in zip(f.pad_before, f.x.dims[2:], strict=True))
    return padded[(slice(None), slice(None), *inner)]


def backward_filter(f: c.Normal, x: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """The gradient with respect to w, shape f.w.dims."""
    padded = np.pad(x, [(0, 0), (0, 0), *zip(f.pad_before, f.pad_after, strict=True)])
    dyg = _split(dy, f.groups)
    out = np.zeros(f.w.dims)
    for tap, slices in _taps(f):
        part = _split(padded[(slice(None), slice(None), *slices)], f.groups)
        n, g, k = dyg.shape[:3]
        left, right = dyg.reshape(n, g, k, -1), part.reshape(n, g, part.shape[2], -1)
        out[(..., *tap)] = np.einsum("ngkp,ngcp->gkc", left, right).reshape(out.shape[0], -1)
    return out


def run(f: c.Normal, ptrs: Sequence[int], scalars: bytes) -> None:
    """One execution on memory."""
    alpha, beta = struct.unpack_from("<2d", scalars)

    def read(tensor: c.Tensor, which: int) -> np.ndarray:
        return load(ptrs[which], tensor.type, tensor.strides, tensor.dims)

    if f.direction == c.FORWARD:
        out = forward(f, read(f.x, c.X), read(f.w, c.W))
    elif f.direction == c.BACKWARD_DATA:
        out = backward_data(f, read(f.y, c.Y), read(f.w, c.W))
    else:
        out = backward_filter(f, read(f.x, c.X), read(f.y, c.Y))
    out = alpha * out
    result = f.result
    if f.fused:
        if beta:
            out = out + beta * load(ptrs[c.Z], f.x.type, f.z_strides, f.y.dims)
        if ptrs[c.BIAS]:
            channel = (0, 1, *(0,) * f.spatial)
            out = out + load(ptrs[c.BIAS], f.x.type, channel, (1, f.y.dims[1], *(1,) * f.spatial))
        if f.relu:
            out = np.where(out < 0, 0, out)
    elif beta:
        out = out + beta * read(result, c.RESULT[f.direction])
    store(ptrs[c.RESULT[f.direction]], result.type, result.strides, out)


def conv(op: Any) -> Plan:
    """Accepts every op that passed conv.check."""
    f = c.normalise(op)
    return Plan("reference", lambda ptrs, scalars: run(f, ptrs, scalars))
