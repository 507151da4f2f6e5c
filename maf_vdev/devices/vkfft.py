"""Fourier transforms on an OpenCL device by VkFFT, where pyvkfft is installed with its OpenCL part.

Packed arrays of single and double precision; others, half precision, real transforms in place and those to real numbers
go to the plan that was there before, as does whatever VkFFT refuses. (The first value of a spectrum of real numbers is
real: cuFFT takes it so, VkFFT adds up its imaginary part.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from ..modnn import fft
from ..modnn.registry import Plan

TYPES = {fft.F32: (np.float32, np.complex64), fft.F64: (np.float64, np.complex128)}


@cache
def application() -> Any:
    """pyvkfft's VkFFTApp for OpenCL, None where it is not installed."""
    try:
        from pyvkfft.opencl import VkFFTApp
    except (ImportError, OSError):
        return None
    return VkFFTApp


def _packed(layout: fft.Layout) -> bool:
    strides, step = [], 1
    for n in reversed(layout.shape):
        strides.insert(0, step)
        step *= n
    return all(s == want or n == 1 for n, s, want in zip(layout.shape, layout.strides, strides))


class Transform:
    """One op on a device; applications are made at the first run of each kind, in place or not."""

    def __init__(self, device: Any, op: Any, rest: Plan) -> None:
        self.device, self.rest = device, rest
        self.kind, self.inverse, self.rank = op.kind, op.direction > 0, op.rank
        self.sides = tuple(fft.layout(op, side) for side in ("in", "out"))
        self.real, self.complex = TYPES[op.type]
        self.applications: dict[bool, Any] = {}
        align = int(device.found.device.mem_base_addr_align) // 8
        self.align = max(align, 1)

    def _application(self, in_place: bool) -> Any:
        """None where VkFFT refuses."""
        if in_place not in self.applications:
            r2c = self.kind != fft.C2C
            shape, dtype = self.sides[0].shape, self.real if r2c else self.complex
            try:
                made = application()(shape, dtype, self.device.queue, ndim=self.rank, inplace=in_place, norm=0, r2c=r2c)
            except Exception:  # noqa: BLE001 - its errors are RuntimeErrors of several causes; all mean no
                made = None
            self.applications[in_place] = made
        return self.applications[in_place]

    def _array(self, offset: int, side: fft.Layout) -> Any:
        import pyopencl.array as arrays

        dtype = np.dtype(self.complex if side.is_complex else self.real)
        part = self.device.memory.get_sub_region(offset, math.prod(side.shape) * dtype.itemsize)
        return arrays.Array(self.device.queue, side.shape, dtype, data=part)

    def run(self, pointers: Sequence[int], scalars: bytes) -> None:
        """As registry.Plan.run, on the replay thread of an executor. Raises what pyopencl raises."""
        from ..executor._core import lib

        base, size = self.device.struct.memory_base, self.device.own_bytes
        offsets = [p - base for p in pointers[:2]]
        in_place = offsets[0] == offsets[1]
        fits = all(0 <= o < size and o % self.align == 0 for o in offsets) and not (in_place and self.kind != fft.C2C)
        app = self._application(in_place) if fits else None
        if app is None:
            self.rest.run(pointers, scalars)
            return
        if lib.maf_own_begin():
            raise RuntimeError("the device's memory is not up to date")
        try:
            arrays = [self._array(o, side) for o, side in zip(offsets, self.sides)]
            transform = app.ifft if self.inverse else app.fft
            transform(arrays[0]) if in_place else transform(arrays[0], arrays[1])
            self.device.queue.finish()
        finally:
            lib.maf_own_end()


def plan(device: Any, op: Any, rest: Plan) -> Plan | None:
    """None where VkFFT is not installed or does not do the op. device: an OpenClDevice with memory of its own."""
    if (
        application() is None
        or op.kind == fft.C2R
        or op.type not in TYPES
        or (op.type == fft.F64 and not device.found.options.fp64)
    ):
        return None
    if not all(_packed(fft.layout(op, side)) for side in ("in", "out")):
        return None
    transform = Transform(device, op, rest)
    return Plan("vkfft", transform.run, rest.workspace_bytes, rest.reserve_bytes, None, (transform, rest))
