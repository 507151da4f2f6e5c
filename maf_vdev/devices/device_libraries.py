"""Libraries of the user's for the device: hipBLAS, hipFFT and MIOpen on HIP, CLBlast and VkFFT
(vkfft.py) on OpenCL. executor/core/device_library.c.

Each is loaded where it is installed; what it does not do goes to the plan that was there before. Signatures and
enumerators are those of hipblas.h, hipfft.h, miopen.h (ROCm 6 and 7) and clblast_c.h (CLBlast 1.5).
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import cache
from typing import Any

from .. import protocol
from ..modnn import conv, gemm, native, registry
from ..modnn.gemm import BF16, C64, C128, F16, F32, F64, TYPE_BYTES
from ..modnn.registry import Plan
from . import shared_library

HIPBLAS = ("libhipblas.so.3", "libhipblas.so.2", "libhipblas.so")
HIPFFT = ("libhipfft.so.0", "libhipfft.so")
MIOPEN = ("libMIOpen.so.1", "libMIOpen.so")
CLBLAST = ("libclblast.so.1", "libclblast.so")
# hipDataType
HIP_TYPES = {F32: 0, F64: 1, F16: 2, C64: 4, C128: 5, BF16: 14}
# hipblasComputeType_t by the type that is accumulated in.
HIPBLAS_COMPUTE = {F32: 2, C64: 2, F64: 7, C128: 7}
# hipfftType and the function by (kind, type): 0 complex to complex, 1 real to complex, 2 complex to real.
HIPFFT_TYPES = {
    (0, F32): (0x29, "hipfftExecC2C"),
    (1, F32): (0x2A, "hipfftExecR2C"),
    (2, F32): (0x2C, "hipfftExecC2R"),
    (0, F64): (0x69, "hipfftExecZ2Z"),
    (1, F64): (0x6A, "hipfftExecD2Z"),
    (2, F64): (0x6C, "hipfftExecZ2D"),
}
# miopenDataType_t
MIOPEN_TYPES = {F16: 0, F32: 1, BF16: 5}
# By direction: the functions' name, and its operands x 0, y 1, w 2 in their order, the result last.
MIOPEN_DIRECTIONS = {
    conv.FORWARD: ("Forward", (2, 0, 1)),
    conv.BACKWARD_DATA: ("BackwardData", (1, 2, 0)),
    conv.BACKWARD_FILTER: ("BackwardWeights", (1, 0, 2)),
}
# Solutions that want more memory beside the SDA's are passed over.
WORKSPACE_MAX = 128 << 20
SOLUTIONS_MAX = 32
OPERATIONS = {gemm.N: 111, gemm.T: 112, gemm.C: 113}
INT_MAX = 2**31 - 1


class CallStruct(ctypes.Structure):
    """struct maf_library_call of device_library.h."""

    _fields_ = [
        ("run", ctypes.c_uint64),
        ("device", ctypes.c_uint64),
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_uint64),
        ("handle", ctypes.c_uint64),
        ("base", ctypes.c_uint64),
        ("rest", ctypes.c_uint64),
        ("rest_closure", ctypes.c_uint64),
        ("refused", ctypes.c_int64),
    ]


_GEMM_FIELDS = "m n k batch transa transb lda ldb ldd stride_a stride_b stride_d type_a type_b type_d compute"
_GEMM_FIELDS += " bytes_a bytes_b bytes_d place_a place_b wide complex same_c"


class GemmStruct(ctypes.Structure):
    """struct maf_library_gemm."""

    _fields_ = [("call", CallStruct), *((name, ctypes.c_int64) for name in _GEMM_FIELDS.split())]


class FftStruct(ctypes.Structure):
    """struct maf_library_fft."""

    _fields_ = [("call", CallStruct), ("directed", ctypes.c_int64), ("direction", ctypes.c_int64)]


class ConvStruct(ctypes.Structure):
    """struct maf_library_conv."""

    _fields_ = [
        ("call", CallStruct),
        ("convolution", ctypes.c_uint64),
        ("tensor", ctypes.c_uint64 * 3),
        ("place", ctypes.c_int64 * 3),
        ("workspace", ctypes.c_uint64),
        ("workspace_bytes", ctypes.c_uint64),
        ("solution", ctypes.c_uint64),
    ]


class Solution(ctypes.Structure):
    """miopenConvSolution_t."""

    _fields_ = [
        ("time", ctypes.c_float),
        ("workspace_bytes", ctypes.c_size_t),
        ("id", ctypes.c_uint64),
        ("algorithm", ctypes.c_int),
    ]


load = cache(shared_library.find)


def missing(dialect: str) -> list[tuple[str, str]]:
    """(library, what does its work) of those that are not installed."""
    if dialect != "hip":
        return []
    out = []
    if load(HIPBLAS, "MAF_HIPBLAS_LIBRARY") is None:
        out.append(("hipBLAS", "matrix products run in kernels of ours"))
    if load(HIPFFT, "MAF_HIPFFT_LIBRARY") is None:
        out.append(("hipFFT", "transforms run on the host"))
    if load(MIOPEN, "MAF_MIOPEN_LIBRARY") is None:
        out.append(("MIOpen", "convolutions run in kernels of ours"))
    return out


def _address(library: ctypes.CDLL, *names: str) -> int:
    """Of the first of these functions that there is, else 0."""
    for name in names:
        function = getattr(library, name, None)
        if function is not None:
            return ctypes.cast(function, ctypes.c_void_p).value or 0
    return 0


def _gemm_struct(op: Any, types: dict[int, int]) -> GemmStruct | None:
    """All but the call; None for what a plain product does not do."""
    if gemm.epilogue_bits(op) or op.pointer_array or op.scalars_on_device or op.type_a != op.type_b:
        return None
    f = gemm.normalise(op)
    if f.a.op not in OPERATIONS or f.b.op not in OPERATIONS or f.a.type not in types or op.type_d not in types:
        return None
    numbers = (f.m, f.n, op.k, f.batch, f.a.ld, f.b.ld, f.ldd)
    if min(numbers) < 1 or max(numbers) > INT_MAX or op.type_compute not in HIPBLAS_COMPUTE:
        return None
    s = GemmStruct()
    s.m, s.n, s.k, s.batch, s.lda, s.ldb, s.ldd = numbers
    s.transa, s.transb = OPERATIONS[f.a.op], OPERATIONS[f.b.op]
    s.stride_a, s.stride_b, s.stride_d = f.a.stride, f.b.stride, f.stride_d
    s.type_a, s.type_b, s.type_d = types[f.a.type], types[f.b.type], types[op.type_d]
    s.bytes_a, s.bytes_b, s.bytes_d = (TYPE_BYTES[t] for t in (f.a.type, f.b.type, op.type_d))
    s.compute = HIPBLAS_COMPUTE[op.type_compute]
    s.place_a, s.place_b = (1, 0) if f.swapped else (0, 1)
    s.wide, s.complex = int(op.type_compute in (F64, C128)), int(op.type_compute in (C64, C128))
    same = (op.type_c, f.row_c, f.col_c, f.stride_c) == (op.type_d, 1, f.ldd, f.stride_d)
    s.same_c = int(same or (op.type_c == op.type_d and f.row_c == 1 and f.n == 1 and f.batch == 1))
    return s


def _plan(device: Any, name: str, struct: Any, call: tuple[str, int, int], rest: Plan) -> Plan:
    """call: name of the core's function that gives `run`, address of the library's function, its handle."""
    c = struct.call
    c.run, c.function, c.handle = native.address(call[0]), call[1], call[2]
    c.device, c.base, c.name = ctypes.addressof(device.struct), device.struct.memory_base, name.encode()
    c.rest, c.rest_closure = rest.native
    kinds = {GemmStruct: "gemm", FftStruct: "fft", ConvStruct: "conv"}
    function = native.function(f"maf_library_{kinds[type(struct)]}_run")
    run = (function, ctypes.addressof(struct))
    return Plan(name, rest.run, rest.workspace_bytes, rest.reserve_bytes, run, (struct, rest))


@cache
def _hipblas(index: int) -> tuple[int, int] | None:
    """(hipblasGemmStridedBatchedEx, handle) for the current device. hipBLAS 2 has the signature that is used under a
    name with _v2, hipBLAS 3 under the plain name alone."""
    library = load(HIPBLAS, "MAF_HIPBLAS_LIBRARY")
    if library is None:
        return None
    function = _address(library, "hipblasGemmStridedBatchedEx_v2")
    if not function and (library._name or "").endswith((".so.3", "standin.so")):
        function = _address(library, "hipblasGemmStridedBatchedEx")
    handle = ctypes.c_void_p()
    if not function or library.hipblasCreate(ctypes.byref(handle)):
        return None
    return function, handle.value or 0


def _hipblas_gemm(device: Any, op: Any, rest: Plan) -> Plan | None:
    found = _hipblas(device.found.index)
    struct = _gemm_struct(op, HIP_TYPES) if found else None
    return _plan(device, "hipblas", struct, ("maf_hipblas_address", *found), rest) if found and struct else None


def _clblast_gemm(device: Any, op: Any, rest: Plan) -> Plan | None:
    """Single and double precision."""
    library = load(CLBLAST, "MAF_CLBLAST_LIBRARY")
    types = {F32: 0, F64: 1} if device.traits().fp64 else {F32: 0}
    struct = _gemm_struct(op, types) if library else None
    if library is None or struct is None or op.type_a != op.type_d:
        return None
    letter = "D" if struct.wide else "S"
    function = _address(library, f"CLBlast{letter}gemmStridedBatched")
    return _plan(device, "clblast", struct, ("maf_clblast_address", function, 0), rest) if function else None


def _hipfft_fft(device: Any, op: Any, rest: Plan) -> Plan | None:
    library = load(HIPFFT, "MAF_HIPFFT_LIBRARY")
    kind = HIPFFT_TYPES.get((op.kind, op.type))
    if library is None or kind is None:
        return None

    def numbers(values: Any) -> Any:
        return (ctypes.c_longlong * 3)(*values[0 : op.rank])

    handle, size = ctypes.c_void_p(), ctypes.c_size_t()
    if library.hipfftCreate(ctypes.byref(handle)):
        return None
    layout = [numbers(op.in_embed), ctypes.c_longlong(op.in_stride), ctypes.c_longlong(op.in_distance)]
    layout += [numbers(op.out_embed), ctypes.c_longlong(op.out_stride), ctypes.c_longlong(op.out_distance)]
    batch = ctypes.c_longlong(op.batch)
    make = library.hipfftMakePlanMany64
    if make(handle, ctypes.c_int(op.rank), numbers(op.dims), *layout, kind[0], batch, ctypes.byref(size)):
        library.hipfftDestroy(handle)
        return None
    struct = FftStruct()
    struct.directed, struct.direction = int(op.kind == 0), op.direction
    function = _address(library, kind[1])
    return _plan(device, "hipfft", struct, ("maf_hipfft_address", function, handle.value or 0), rest)


class _MiOpen:
    """The library's handle, and memory beside the SDA's that all solutions share. The device of this thread stays."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library
        self.handle = ctypes.c_void_p()
        self.call("miopenCreate", ctypes.byref(self.handle))
        self.workspaces: list[tuple[int, int]] = []  # (bytes, address), growing

    def call(self, name: str, *arguments: Any) -> None:
        """Raises OSError, as a library that is not there."""
        code = getattr(self.library, name)(*arguments)
        if code:
            raise OSError(f"{name} returned {code}")

    def workspace(self, device: Any, size: int) -> int:
        """Device memory of at least that size. Raises HipError."""
        if size and (not self.workspaces or self.workspaces[-1][0] < size):
            self.workspaces.append((size, device.hip.device_memory(size)))
        return self.workspaces[-1][1] if size else 0

    def tensor(self, t: conv.Tensor) -> ctypes.c_void_p:
        made = ctypes.c_void_p()
        self.call("miopenCreateTensorDescriptor", ctypes.byref(made))
        dims, strides = ((ctypes.c_int * len(values))(*values) for values in (t.dims, t.strides))
        self.call("miopenSetTensorDescriptor", made, MIOPEN_TYPES[t.type], len(t.dims), dims, strides)
        return made

    def convolution(self, f: conv.Normal) -> ctypes.c_void_p:
        made = ctypes.c_void_p()
        self.call("miopenCreateConvolutionDescriptor", ctypes.byref(made))
        arrays = ((ctypes.c_int * f.spatial)(*values) for values in (f.pad_before, f.stride, f.dilation))
        self.call("miopenInitConvolutionNdDescriptor", made, f.spatial, *arrays, 0)  # 0: cross-correlation
        self.call("miopenSetConvolutionGroupCount", made, f.groups)
        return made


@cache
def _miopen(index: int) -> _MiOpen | None:
    library = load(MIOPEN, "MAF_MIOPEN_LIBRARY")
    try:
        return _MiOpen(library) if library else None
    except OSError:
        return None


def _miopen_conv(device: Any, op: Any, rest: Plan) -> Plan | None:
    """Two and three spatial dimensions, one type, padding alike on both sides; the fastest solution by MIOpen's own
    estimate, compiled here."""
    f = conv.normalise(op)
    types = {f.x.type, f.w.type, f.y.type}
    largest = max((*f.x.dims, *f.y.dims, *f.w.dims, *f.x.strides, *f.y.strides, *f.w.strides))
    if f.spatial < 2 or f.flip or f.fused or f.pad_before != f.pad_after or largest > INT_MAX:
        return None
    if len(types) != 1 or not types <= set(MIOPEN_TYPES):
        return None
    found = _miopen(device.found.index)
    if found is None:
        return None
    name, order = MIOPEN_DIRECTIONS[f.direction]
    try:
        tensors = [found.tensor((f.x, f.y, f.w)[n]) for n in order]
        shape = (found.handle, tensors[0], tensors[1], found.convolution(f), tensors[2])
        solutions, count = (Solution * SOLUTIONS_MAX)(), ctypes.c_size_t()
        room = ctypes.c_size_t(SOLUTIONS_MAX)
        found.call(f"miopenConvolution{name}GetSolution", *shape, room, ctypes.byref(count), solutions)
        fitting = [s for s in solutions[: count.value] if s.workspace_bytes <= WORKSPACE_MAX]
        if not fitting:
            return None
        chosen = min(fitting, key=lambda s: s.time)
        found.call(f"miopenConvolution{name}CompileSolution", *shape, ctypes.c_uint64(chosen.id))
    except OSError:  # it does not do this convolution
        return None
    struct = ConvStruct()
    struct.convolution = shape[3].value or 0
    struct.tensor[:] = [t.value or 0 for t in tensors]
    struct.place[:] = order
    struct.workspace = found.workspace(device, chosen.workspace_bytes)
    struct.workspace_bytes, struct.solution = chosen.workspace_bytes, chosen.id
    function = _address(found.library, f"miopenConvolution{name}Immediate")
    return _plan(device, "miopen", struct, ("maf_miopen_address", function, found.handle.value or 0), rest)


def _vkfft_fft(device: Any, op: Any, rest: Plan) -> Plan | None:
    from . import vkfft

    return vkfft.plan(device, op, rest)


_MAKERS: dict[tuple[str, str], Callable[[Any, Any, Plan], Plan | None]] = {
    ("hip", "gemm"): _hipblas_gemm,
    ("hip", "fft"): _hipfft_fft,
    ("hip", "conv"): _miopen_conv,
    ("opencl", "gemm"): _clblast_gemm,
    ("opencl", "fft"): _vkfft_fft,
}


def plan(device: Any, kind: int, description: bytes, rest: Plan) -> Plan:
    """The op by a library, `rest` where there is none for it. device: a device_ops.OpDevice."""
    op_kind = registry.ops()[kind]
    maker = _MAKERS.get((device.dialect, op_kind.name))
    if maker is None or rest.native is None or os.environ.get("MAF_DEVICE_LIBRARIES") == "0":
        return rest
    return maker(device, protocol.unpack(op_kind.struct, description), rest) or rest
