"""The cuBLAS and cuBLASLt fronts with device memory behind them, through cffi in ABI mode."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import cffi
import numpy as np

from maf_vdev.modnn.providers import ref_gemm

ROOT = Path(__file__).resolve().parents[1]
LIB = ROOT / "maf_vdev" / "lib"
STUBS = ROOT / "shim" / "libcuda_stub"

OK, NOT_INITIALIZED, INVALID_VALUE, NOT_SUPPORTED = 0, 1, 7, 15
HOST_TO_DEVICE, DEVICE_TO_HOST = 1, 2
CUDA_TYPES = {"f32": 0, "f64": 1, "f16": 2, "i8": 3, "c64": 4, "c128": 5, "i32": 10, "bf16": 14}
NUMPY = {"f32": "f4", "f64": "f8", "f16": "f2", "bf16": "u2", "c64": "c8", "c128": "c16", "i8": "i1", "i32": "i4"}


def declarations(*headers: str) -> str:
    """Headers of shim/libcuda_stub without preprocessor lines."""
    text = "".join((STUBS / name).read_text() for name in headers)
    return re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)


ffi = cffi.FFI()
ffi.cdef(declarations("cublas/cublas.h", "cublaslt/cublaslt.h"))
ffi.cdef("""
int cudaMalloc(void **p, size_t bytes);
int cudaFree(void *p);
int cudaMemcpy(void *dst, const void *src, size_t bytes, int kind);
int cudaDeviceSynchronize(void);
int cudaStreamCreate(void **stream);
int cudaStreamDestroy(void *stream);
""")


@functools.cache
def library(name: str) -> Any:
    """One of the built libraries, such as "cublas13"."""
    return ffi.dlopen(str(LIB / f"libmaf_{name}.so"))


def check(status: int) -> None:
    assert status == OK, f"status {status}"


class Array:
    """A device copy of a numpy array; `get()` reads it back. Freed with the object."""

    def __init__(self, values: np.ndarray) -> None:
        self.host = np.asfortranarray(values)
        out = ffi.new("void **")
        check(library("cudart13").cudaMalloc(out, max(self.host.nbytes, 1)))
        self.pointer = ffi.gc(out[0], library("cudart13").cudaFree)
        self.put(self.host)

    def put(self, values: np.ndarray) -> None:
        source = ffi.cast("void *", values.ctypes.data)
        check(library("cudart13").cudaMemcpy(self.pointer, source, values.nbytes, HOST_TO_DEVICE))

    def get(self) -> np.ndarray:
        out = np.empty_like(self.host)
        target = ffi.cast("void *", out.ctypes.data)
        check(library("cudart13").cudaMemcpy(target, self.pointer, out.nbytes, DEVICE_TO_HOST))
        return out

    def at(self, ctype: str, element: int = 0) -> Any:
        """Pointer to one element as `ctype`."""
        address = int(ffi.cast("uintptr_t", self.pointer)) + element * self.host.itemsize
        return ffi.cast(ctype, address)


def random(rng: np.random.Generator, shape: tuple[int, ...], kind: str) -> np.ndarray:
    """Values of a type named as in CUDA_TYPES; bfloat16 as bit patterns."""
    if kind == "i8":
        return np.asfortranarray(rng.integers(-100, 100, shape).astype("i1"))
    values = rng.uniform(-1, 1, shape)
    if kind in ("c64", "c128"):
        values = values + 1j * rng.uniform(-1, 1, shape)
    values = ref_gemm.to_bf16(values) if kind == "bf16" else values.astype(NUMPY[kind])
    return np.asfortranarray(values)


def wide(values: np.ndarray) -> np.ndarray:
    """float64 or complex128 values; uint16 is read as bfloat16."""
    if values.dtype == np.uint16:
        values = ref_gemm.from_bf16(values)
    return values.astype(np.complex128 if values.dtype.kind == "c" else np.float64)


def scalar(kind: str, value: complex) -> Any:
    """A host scalar of that type, kept alive by its owner."""
    if kind in ("c64", "c128"):
        return ffi.new("float[2]" if kind == "c64" else "double[2]", [value.real, value.imag])
    if kind == "f16":
        return ffi.new("uint16_t *", int(np.float16(value.real).view(np.uint16)))
    if kind == "i32":
        return ffi.new("int *", int(value.real))
    return ffi.new({"f32": "float *", "f64": "double *"}[kind], value.real)
