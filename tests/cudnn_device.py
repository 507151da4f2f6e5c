"""The cuDNN front with device memory behind it, through cffi in ABI mode; conv_problems' and test_batchnorm's data."""

from __future__ import annotations

import functools
import re
from typing import Any

import cffi
import numpy as np
from blas_device import LIB, STUBS

ffi = cffi.FFI()
ffi.cdef(re.sub(r"^#.*\n", "", (STUBS / "cudnn" / "cudnn.h").read_text(), flags=re.MULTILINE))
ffi.cdef("""
int cudaMalloc(void **p, size_t bytes);
int cudaFree(void *p);
int cudaMemcpy(void *dst, const void *src, size_t bytes, int kind);
int cudaStreamCreate(void **stream);
int cudaStreamSynchronize(void *stream);
int cudaStreamDestroy(void *stream);
""")

OK, BAD_PARAM, NULL_POINTER, NOT_FINALIZED, OUT_OF_BOUND = 0, 2000, 2002, 2004, 2005
SIZE_INSUFFICIENT, SHAPE_MISMATCH, ATTRIBUTE_TYPE, DESCRIPTOR_TYPE = 2006, 2008, 2010, 2012
NOT_SUPPORTED, GRAPH_PATTERN = 3000, 3001
# cudnnDataType_t of maf_dtype names, and of attribute element types.
TYPES = {"f32": 0, "f64": 1, "f16": 2, "i8": 3, "i32": 4, "bf16": 9, "i64": 10, "bool": 11, "fp8": 12}
ELEMENTS = {0: "void *", 1: "int", 2: "bool", 3: "int64_t", 4: "float", 5: "double", 6: "void *", 7: "int", 8: "int"}
ELEMENTS |= {
    9: "int",
    10: "int",
    11: "int",
    14: "int",
    15: "void *",
    18: "int",
    19: "int",
    23: "int32_t",
    24: "unsigned char",
}
ELEMENTS |= dict.fromkeys((16, 17, 21, 22, 27, 28, 29, 31), "int")
HANDLE, DATA_TYPE, BOOLEAN, INT64, FLOAT, DOUBLE, VOID_PTR, CONVOLUTION_MODE, HEUR_MODE = range(9)
KNOB_TYPE, NUMERICAL_NOTE, POINTWISE_MODE, DESCRIPTOR, BEHAVIOR_NOTE = 9, 11, 14, 15, 19


@functools.cache
def cudnn() -> Any:
    return ffi.dlopen(str(LIB / "libmaf_cudnn9.so"))


@functools.cache
def cudart() -> Any:
    return ffi.dlopen(str(LIB / "libmaf_cudart13.so"))


def check(status: int) -> None:
    assert status == OK, ffi.string(cudnn().cudnnGetErrorString(status)).decode()


class Buffer:
    """A device copy of a flat numpy array."""

    def __init__(self, values: np.ndarray) -> None:
        self.host = np.ascontiguousarray(values)
        out = ffi.new("void **")
        assert cudart().cudaMalloc(out, max(1, self.host.nbytes)) == 0
        self.pointer = ffi.gc(out[0], cudart().cudaFree)
        assert cudart().cudaMemcpy(self.pointer, ffi.cast("void *", self.host.ctypes.data), self.host.nbytes, 1) == 0

    def get(self) -> np.ndarray:
        out = np.empty_like(self.host)
        assert cudart().cudaMemcpy(ffi.cast("void *", out.ctypes.data), self.pointer, out.nbytes, 2) == 0
        return out


def create(kind: str, function: str) -> Any:
    """A descriptor of the legacy API, destroyed with its Python owner."""
    out = ffi.new(f"{kind} *")
    check(getattr(cudnn(), f"cudnnCreate{function}")(out))
    return ffi.gc(out[0], getattr(cudnn(), f"cudnnDestroy{function}"))


def tensor(kind: str, dims: Any, strides: Any) -> Any:
    """A tensor descriptor."""
    made = create("cudnnTensorDescriptor_t", "TensorDescriptor")
    check(cudnn().cudnnSetTensorNdDescriptor(made, TYPES[kind], len(dims), list(dims), list(strides)))
    return made


class Backend:
    """A backend descriptor."""

    def __init__(self, name: str) -> None:
        out = ffi.new("void **")
        check(cudnn().cudnnBackendCreateDescriptor(getattr(cudnn(), f"CUDNN_BACKEND_{name}_DESCRIPTOR"), out))
        self.pointer = out[0]

    def try_set(self, name: str, kind: int, *values: Any) -> int:
        """Status of SetAttribute."""
        values = [v.pointer if isinstance(v, Backend) else v for v in values]
        data = ffi.new(f"{ELEMENTS[kind]}[]", values)
        attribute = getattr(cudnn(), f"CUDNN_ATTR_{name}")
        return cudnn().cudnnBackendSetAttribute(self.pointer, attribute, kind, len(values), data)

    def set(self, name: str, kind: int, *values: Any) -> Backend:
        check(self.try_set(name, kind, *values))
        return self

    def try_get(self, name: str, kind: int, into: Any, requested: int | None = None) -> tuple[int, int]:
        """Status of GetAttribute and the element count it reports."""
        count = ffi.new("int64_t *", -1)
        values = [v.pointer if isinstance(v, Backend) else v for v in into]
        data = ffi.new(f"{ELEMENTS[kind]}[]", values) if values else ffi.NULL
        attribute = getattr(cudnn(), f"CUDNN_ATTR_{name}")
        asked = len(values) if requested is None else requested
        status = cudnn().cudnnBackendGetAttribute(self.pointer, attribute, kind, asked, count, data)
        if kind != DESCRIPTOR and values:
            into[:] = list(data)
        return status, count[0]

    def get(self, name: str, kind: int, into: Any, requested: int | None = None) -> int:
        status, count = self.try_get(name, kind, into, requested)
        check(status)
        return count

    def finalize(self) -> Backend:
        check(cudnn().cudnnBackendFinalize(self.pointer))
        return self

    def try_finalize(self) -> int:
        return cudnn().cudnnBackendFinalize(self.pointer)

    def destroy(self) -> None:
        check(cudnn().cudnnBackendDestroyDescriptor(self.pointer))
        self.pointer = ffi.NULL


def backend_tensor(kind: str, dims: Any, strides: Any, uid: int, virtual: bool = False) -> Backend:
    made = Backend("TENSOR").set("TENSOR_DATA_TYPE", DATA_TYPE, TYPES[kind]).set("TENSOR_DIMENSIONS", INT64, *dims)
    made.set("TENSOR_STRIDES", INT64, *strides).set("TENSOR_UNIQUE_ID", INT64, uid)
    made.set("TENSOR_BYTE_ALIGNMENT", INT64, 32)
    if virtual:
        made.set("TENSOR_IS_VIRTUAL", BOOLEAN, True)
    return made.finalize()


DIRECTIONS = ("FORWARD", "BWD_DATA", "BWD_FILTER")
OPERATIONS = ("FORWARD", "BACKWARD_DATA", "BACKWARD_FILTER")
ROLES = ({"x": "X", "w": "W", "y": "Y"}, {"x": "DX", "w": "W", "y": "DY"}, {"x": "X", "w": "DW", "y": "DY"})
UIDS = {"x": 120, "y": 121, "w": 119}


def conv_tensors(op: Any, types: list[str]) -> dict[str, tuple[str, list[int], list[int]]]:
    """Type name, dimensions and strides of x, w, y of a struct maf_op_conv; one-dimensional ones with a height of 1,
    as PyTorch passes them."""
    out = {}
    for role, kind in zip("xwy", types, strict=True):
        dims = list(getattr(op, f"{role}_dims")[0 : op.spatial + 2])
        steps = list(getattr(op, f"{role}_strides")[0 : op.spatial + 2])
        if op.spatial == 1:
            dims, steps = [*dims[:2], 1, dims[2]], [*steps[:2], steps[2] * dims[2], steps[2]]
        out[role] = (kind, dims, steps)
    return out


def conv_operation(op: Any, p: dict[str, Any]) -> tuple[Backend, list[Backend]]:
    """The operation descriptor of a convolution problem, and its children."""
    tensors = {role: backend_tensor(*t, UIDS[role]) for role, t in conv_tensors(op, p["types"]).items()}
    wide = "f64" in p["types"]
    lead = 1 if op.spatial == 1 else 0
    convolution = Backend("CONVOLUTION").set("CONVOLUTION_COMP_TYPE", DATA_TYPE, 1 if wide else 0)
    convolution.set("CONVOLUTION_CONV_MODE", CONVOLUTION_MODE, op.mode)
    convolution.set("CONVOLUTION_SPATIAL_DIMS", INT64, op.spatial + lead)
    for name, field, default in (
        ("PRE_PADDINGS", op.pad_before, 0),
        ("POST_PADDINGS", op.pad_after, 0),
        ("DILATIONS", op.dilation, 1),
        ("FILTER_STRIDES", op.stride, 1),
    ):
        convolution.set(f"CONVOLUTION_{name}", INT64, *[default] * lead, *field[0 : op.spatial])
    convolution.finalize()
    prefix = f"OPERATION_CONVOLUTION_{DIRECTIONS[op.direction]}_"
    operation = Backend(f"OPERATION_CONVOLUTION_{OPERATIONS[op.direction]}")
    for role, name in ROLES[op.direction].items():
        operation.set(prefix + name, DESCRIPTOR, tensors[role])
    operation.set(f"{prefix}CONV_DESC", DESCRIPTOR, convolution)
    operation.set(f"{prefix}ALPHA", DOUBLE if wide else FLOAT, p["alpha"])
    operation.set(f"{prefix}BETA", DOUBLE if wide else FLOAT, p["beta"])
    return operation.finalize(), [*tensors.values(), convolution]
