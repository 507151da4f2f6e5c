"""FFT by pocketfft, as SciPy (several threads, vectorised over the batch) or NumPy carries it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from maf_vdev.modnn import fft as f
from maf_vdev.modnn.registry import Plan

# Below this many elements starting threads costs more than it saves.
PARALLEL_ELEMENTS = 1 << 16


def _plan(op: Any, provider: str, module: Any, options: dict[str, int]) -> Plan:
    source, target = f.layout(op, "in"), f.layout(op, "out")
    real = f.REAL[op.type]
    axes = tuple(range(1, op.rank + 1))
    dims = list(op.dims)[: op.rank]
    half = real.itemsize == 2
    # numpy's names for an unnormalised transform: "backward" scales only the inverse, "forward" only the forward one.
    forward = op.direction < 0
    transform: Callable[[np.ndarray], np.ndarray]
    if op.kind == f.R2C:
        transform = lambda x: module.rfftn(x, axes=axes, norm="backward", **options)
    elif op.kind == f.C2R:
        transform = lambda x: module.irfftn(x, s=dims, axes=axes, norm="forward", **options)
    elif forward:
        transform = lambda x: module.fftn(x, axes=axes, norm="backward", **options)
    else:
        transform = lambda x: module.ifftn(x, axes=axes, norm="forward", **options)

    def run(ptrs: Sequence[int], scalars: bytes) -> None:
        x = source.view(ptrs[0], real)
        if half:
            x = x.astype(np.float32)
            if source.is_complex:
                x = x.view(np.complex64)[..., 0]
        y = transform(x)
        out = target.view(ptrs[1], real)
        with np.errstate(over="ignore"):
            out[...] = np.stack((y.real, y.imag), -1) if half and target.is_complex else y

    return Plan(provider, run)


def _elements(op: Any) -> int:
    return op.batch * int(np.prod(list(op.dims)[: op.rank]))


def scipy_fft(op: Any) -> Plan | None:
    """Accepts all; ImportError where SciPy is not installed."""
    import scipy.fft

    workers = len(os.sched_getaffinity(0)) if _elements(op) >= PARALLEL_ELEMENTS else 1
    return _plan(op, "scipy", scipy.fft, {"workers": workers})


def numpy_fft(op: Any) -> Plan | None:
    """Accepts all that keep their precision: NumPy before 2.0 computes everything in double, which is right too."""
    return _plan(op, "numpy", np.fft, {})
