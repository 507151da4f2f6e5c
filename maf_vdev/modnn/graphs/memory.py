"""Values of a graph's tensors: read from device memory, passed on between operations, written back.

In numpy, half and bfloat16 values are float32 numbers that such an element can hold; booleans are numpy's.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np

from maf_vdev.modnn import graph as g
from maf_vdev.modnn import native
from maf_vdev.modnn.gemm import BF16, F16
from maf_vdev.modnn.graphs.kind import COMPUTE

STORED = {g.FLOAT: np.float32, g.DOUBLE: np.float64, g.HALF: np.uint16, g.BFLOAT16: np.uint16, g.INT8: np.int8}
STORED |= {g.INT32: np.int32, g.INT64: np.int64, g.UINT8: np.uint8, g.BOOLEAN: np.uint8}
SHORT = {g.HALF: F16, g.BFLOAT16: BF16}


def load_short(kind: int, bits: np.ndarray) -> np.ndarray:
    """float32 values of half or bfloat16 bit patterns, contiguous."""
    bits = np.ascontiguousarray(bits)
    out = np.empty(bits.shape, np.float32)
    native.core().maf_load_floats(
        ctypes.c_void_p(out.ctypes.data),
        ctypes.c_int64(SHORT[kind]),
        ctypes.c_void_p(bits.ctypes.data),
        ctypes.c_int64(1),
        ctypes.c_int64(bits.size),
    )
    return out


def store_short(kind: int, values: np.ndarray) -> np.ndarray:
    """Bit patterns of half or bfloat16, rounded to nearest even."""
    values = np.ascontiguousarray(values, np.float32)
    bits = np.empty(values.shape, np.uint16)
    native.core().maf_store_floats(
        ctypes.c_int64(SHORT[kind]),
        ctypes.c_void_p(bits.ctypes.data),
        ctypes.c_int64(1),
        ctypes.c_void_p(values.ctypes.data),
        ctypes.c_int64(values.size),
    )
    return bits


def to_type(values: np.ndarray, kind: int) -> np.ndarray:
    """Values as an element of `kind` holds them."""
    target = COMPUTE[kind]
    if np.issubdtype(target, np.integer) and values.dtype.kind == "f":
        limits = np.iinfo(target)
        with np.errstate(invalid="ignore"):
            return np.clip(np.rint(np.nan_to_num(values, nan=0.0)), limits.min, limits.max).astype(target)
    with np.errstate(over="ignore"):
        values = values.astype(target, copy=False)
    return load_short(kind, store_short(kind, values)) if kind in SHORT else values


def window(address: int, dtype: np.dtype, dims: Sequence[int], strides: Sequence[int]) -> np.ndarray:
    """A view of memory with element strides."""
    size = np.dtype(dtype).itemsize
    span = 1 + sum((n - 1) * s for n, s in zip(dims, strides, strict=True))
    flat = np.frombuffer((ctypes.c_char * (span * size)).from_address(address), dtype)
    return np.lib.stride_tricks.as_strided(flat, dims, [s * size for s in strides])


def _decode(kind: int, raw: np.ndarray) -> np.ndarray:
    if kind in SHORT:
        return load_short(kind, raw)
    return raw != 0 if kind == g.BOOLEAN else raw.copy()


def _encode(kind: int, values: np.ndarray) -> np.ndarray:
    return store_short(kind, values) if kind in SHORT else values.astype(STORED[kind], copy=False)


class Values:
    """All tensors of one run, by unique id."""

    def __init__(self, graph: g.Graph, pointers: Sequence[int], scalars: bytes) -> None:
        self._addresses = {tensor.uid: address for tensor, address in zip(graph.memory, pointers[1:], strict=True)}
        self._scalars = {tensor.uid: scalars[16 * i : 16 * i + 16] for i, tensor in enumerate(graph.values)}
        self._known: dict[int, np.ndarray] = {}

    def get(self, tensor: g.Tensor) -> np.ndarray:
        """The value, of the tensor's dimensions. Not to be written to."""
        known = self._known.get(tensor.uid)
        if known is not None and known.shape == tensor.dims:
            return known
        if tensor.by_value or tensor.constant is not None:
            data = tensor.constant if tensor.constant is not None else self._scalars[tensor.uid]
            dtype = np.dtype(STORED[tensor.type])
            return _decode(tensor.type, np.frombuffer(data[: dtype.itemsize], dtype).reshape((1,) * len(tensor.dims)))
        address = self._addresses[tensor.uid]
        if tensor.ragged is None:
            return _decode(tensor.type, window(address, STORED[tensor.type], tensor.dims, tensor.strides))
        out = np.zeros(tensor.dims, COMPUTE[tensor.type])
        for batch, view, part in self._ragged(tensor, address):
            out[(batch, *part)] = _decode(tensor.type, view)
        return out

    def set(self, tensor: g.Tensor, values: np.ndarray) -> None:
        """Keeps the value for later operations; a tensor in memory is written."""
        if values.shape != tensor.dims:
            values = np.broadcast_to(values, tensor.dims)
        if tensor.virtual:
            self._known[tensor.uid] = to_type(values, tensor.type)
            return
        values = to_type(values, tensor.type)
        self._known[tensor.uid] = values
        address = self._addresses[tensor.uid]
        if tensor.ragged is None:
            raw = _encode(tensor.type, values)
            window(address, STORED[tensor.type], tensor.dims, tensor.strides)[...] = raw
            return
        for batch, view, part in self._ragged(tensor, address):
            view[...] = _encode(tensor.type, values[(batch, *part)])

    def index(self, dims: tuple[int, ...], axis: int) -> np.ndarray:
        """The position along one dimension, int32, of a shape that broadcasts to `dims`."""
        shape = [1] * len(dims)
        shape[axis] = dims[axis]
        return np.arange(dims[axis], dtype=np.int32).reshape(shape)

    def drop(self, uid: int) -> None:
        """Forgets a value that nothing needs any more."""
        self._known.pop(uid, None)

    def _ragged(self, tensor: g.Tensor, address: int):
        """(batch entry, view of its memory, slices of the dimensions after the first) of a packed tensor.

        A batch entry ends where the next one starts: fewer indices of the dimension with the largest stride.
        """
        assert tensor.ragged is not None
        offsets = self.get(tensor.ragged).ravel().astype(np.int64) * tensor.ragged_unit
        dims, strides = tensor.dims[1:], tensor.strides[1:]
        long = [i for i, n in enumerate(dims) if n > 1]
        axis = max(long, key=lambda i: strides[i]) if long else 0
        dtype = np.dtype(STORED[tensor.type])
        for batch in range(tensor.dims[0]):
            count = dims[axis]
            if batch + 1 < len(offsets):
                room = int(offsets[batch + 1] - offsets[batch])
                count = min(count, -(-room // strides[axis]))
            if count <= 0:
                continue
            part = [slice(None)] * len(dims)
            part[axis] = slice(0, count)
            shape = [*dims[:axis], count, *dims[axis + 1 :]]
            yield batch, window(address + int(offsets[batch]) * dtype.itemsize, dtype, shape, strides), tuple(part)
