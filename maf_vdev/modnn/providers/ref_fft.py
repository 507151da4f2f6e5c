"""The reference of FFT: the defining sum, one matrix product per dimension in double precision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from maf_vdev.modnn import fft as f
from maf_vdev.modnn.registry import Plan


def matrix(n: int, sign: int) -> np.ndarray:
    """F[j, k] = exp(sign * 2 pi i j k / n), the exponent reduced modulo n before it is rounded."""
    index = np.arange(n)
    return np.exp(sign * 2j * np.pi * (np.outer(index, index) % n) / n)


def hermitian(x: np.ndarray, dims: Sequence[int]) -> np.ndarray:
    """The full spectrum of a real signal from its half: X[-k] is the conjugate of X[k], over all dimensions.

    The imaginary parts of the self-conjugate elements of the last dimension do not matter, as in cuFFT.
    """
    full = np.zeros((x.shape[0], *dims), np.complex128)
    full[..., : x.shape[-1]] = x
    for k in range(x.shape[-1], dims[-1]):
        mirrored = x[..., dims[-1] - k]
        for axis in range(1, mirrored.ndim):
            mirrored = np.roll(np.flip(mirrored, axis), 1, axis)
        full[..., k] = mirrored.conj()
    return full


def run(op: Any, ptrs: Sequence[int]) -> None:
    source, target, real = f.layout(op, "in"), f.layout(op, "out"), f.REAL[op.type]
    dims = list(op.dims)[: op.rank]
    x = source.view(ptrs[0], real).astype(np.complex128 if real.itemsize != 2 else np.float64)
    if real.itemsize == 2 and source.is_complex:
        x = x[..., 0] + 1j * x[..., 1]
    sign = {f.C2C: op.direction, f.R2C: -1, f.C2R: 1}[op.kind]
    if op.kind == f.C2R:
        x = hermitian(x, dims)
    for axis, n in enumerate(dims, start=1):
        x = np.moveaxis(np.moveaxis(x, axis, -1) @ matrix(n, sign), -1, axis)
    out = target.view(ptrs[1], real)
    if op.kind == f.C2R:
        x = x.real
    elif op.kind == f.R2C:
        x = x[..., : f.half_length(dims[-1])]
    with np.errstate(over="ignore"):
        out[...] = np.stack((x.real, x.imag), -1) if real.itemsize == 2 and target.is_complex else x


def fft(op: Any) -> Plan:
    """Accepts every op that fft.check lets through."""
    return Plan("reference", lambda ptrs, scalars: run(op, ptrs))
