"""FFT op: checks, description line, and numpy views of the arrays (cuFFT documentation, "Advanced Data Layout")."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np

from maf_vdev import protocol
from maf_vdev.modnn.registry import REFERENCE, Invalid, Op, Unsupported

F32, F64, F16 = (protocol.constant(name) for name in ("MAF_F32", "MAF_F64", "MAF_F16"))
C2C, R2C, C2R = range(3)
KIND_NAMES = ("c2c", "r2c", "c2r")
TYPE_NAMES = {F32: "f32", F64: "f64", F16: "f16"}
REAL = {F32: np.dtype(np.float32), F64: np.dtype(np.float64), F16: np.dtype(np.float16)}


def half_length(n: int) -> int:
    """Elements that a real transform of length n keeps of its Hermitian side."""
    return n // 2 + 1


@dataclass(frozen=True)
class Layout:
    """Where one side's elements are: shape (batch, dims...), strides in elements, real or complex elements."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    is_complex: bool

    def view(self, address: int, real: np.dtype) -> np.ndarray:
        """A view of memory at `address`. Complex elements of half precision come as a trailing axis of two."""
        itemsize = real.itemsize * (2 if self.is_complex else 1)
        if self.is_complex and real.itemsize == 2:
            dtype, shape, unit = real, (*self.shape, 2), (real.itemsize,)
        else:
            dtype = np.result_type(real, np.complex64) if self.is_complex else real
            shape, unit = self.shape, ()
        length = sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True)) + 1
        memory = (ctypes.c_char * (length * itemsize)).from_address(address)
        strides = (*(s * itemsize for s in self.strides), *unit)
        return np.ndarray(shape, dtype, memory, 0, strides)


def layout(op: Any, side: str) -> Layout:
    """Layout of side "in" or "out"."""
    rank = op.rank
    dims = list(op.dims)[:rank]
    is_complex = op.kind == C2C or (op.kind == R2C) == (side == "out")
    if is_complex and op.kind != C2C:
        dims[-1] = half_length(dims[-1])
    embed, stride = list(getattr(op, f"{side}_embed"))[:rank], getattr(op, f"{side}_stride")
    strides = [stride]
    for extent in reversed(embed[1:]):
        strides.insert(0, strides[0] * extent)
    return Layout((op.batch, *dims), (getattr(op, f"{side}_distance"), *strides), is_complex)


def check(op: Any) -> None:
    """Raises Invalid for sizes that describe no array, Unsupported for element types without code."""
    if not 1 <= op.rank <= 3:
        raise Invalid(f"rank {op.rank}")
    if op.kind not in (C2C, R2C, C2R) or op.direction not in (-1, 1):
        raise Invalid(f"kind {op.kind}, direction {op.direction}")
    if op.batch < 1 or any(n < 1 for n in list(op.dims)[: op.rank]):
        raise Invalid(f"batch {op.batch}, dimensions {list(op.dims)[: op.rank]}")
    for side in ("in", "out"):
        if any(s < 0 for s in layout(op, side).strides):
            raise Invalid(f"negative strides {layout(op, side).strides}")
    if op.type not in REAL:
        raise Unsupported(f"fft of type {op.type}")


def describe(op: Any) -> str:
    """One line: kind, sizes, type, batch."""
    size = "x".join(str(n) for n in list(op.dims)[: op.rank])
    way = "forward" if op.direction < 0 else "inverse"
    return f"fft {KIND_NAMES[op.kind % 3]} {way} {size} {TYPE_NAMES.get(op.type, op.type)} batch {op.batch}"


OP = Op(
    name="fft",
    struct="maf_op_fft",
    providers=(
        ("core", "maf_vdev.modnn.providers.core_fft:fft"),
        ("scipy", "maf_vdev.modnn.providers.pocketfft:scipy_fft"),
        ("numpy", "maf_vdev.modnn.providers.pocketfft:numpy_fft"),
        (REFERENCE, "maf_vdev.modnn.providers.ref_fft:fft"),
    ),
    check=check,
    describe=describe,
)
