"""HIP through the user's libamdhip64: finding devices, memory, and compiling with hiprtc. Nothing is linked.

Struct offsets are those of hipDeviceProp_tR0600 (ROCm 6 and newer, hip_runtime_api.h).
"""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass
from functools import cache
from typing import Any

from . import DeviceError, shared_library

LIBRARIES = ("libamdhip64.so.7", "libamdhip64.so.6", "libamdhip64.so")
COMPILERS = ("libhiprtc.so.7", "libhiprtc.so.6", "libhiprtc.so")
PROPERTIES_BYTES = 4096  # more than the struct has
NAME, MEMORY, LOCAL, WARP, THREADS, UNITS, PAGEABLE, ARCH = 0, 288, 296, 308, 320, 388, 672, 1160
# What hipModuleLoadData, scratch memory of kernels and the libraries take.
RUNTIME_BYTES = 256 << 20
# MAF_SYSTEM_BYTES of protocol.h: what the executor takes for modules' data.
SYSTEM_MIB = 512


class HipError(DeviceError):
    """What makes HIP, or one device of it, not usable. One line for the user."""


@dataclass(frozen=True)
class Found:
    """One device. index: the N of ``hip:N``. wave: lanes of a wave. shared: reads the host's memory as it is."""

    index: int
    name: str
    arch: str
    units: int
    memory_bytes: int
    local_bytes: int
    threads: int
    wave: int
    shared: bool

    @property
    def label(self) -> str:
        return f"{self.name} ({self.arch})"

    @property
    def missing(self) -> tuple[str, ...]:
        """What kernels or library calls lack, in words."""
        from . import device_libraries

        out = [f"threads exchange through local memory, not in waves of {self.wave}"]
        if not self.shared:
            out.append("memory of its own: library calls of the host work on copies")
        out += [f"no {name}: {instead}" for name, instead in device_libraries.missing("hip")]
        return tuple(out)

    @property
    def unusable(self) -> str:
        """Why no kernel can run, empty where they can."""
        return "" if hip().compiler is not None else "no libhiprtc is installed"

    @property
    def offered_bytes(self) -> int:
        """What an SDA gets of the memory where nobody says how much."""
        return (self.memory_bytes * 9 // 10 >> 20) - SYSTEM_MIB << 20


class Hip:
    """The functions that are used, each raising HipError."""

    def __init__(self) -> None:
        library = shared_library.find(LIBRARIES, "MAF_HIP_LIBRARY")
        if library is None:
            raise HipError("no libamdhip64 (ROCm 6 or newer) is installed")
        if not hasattr(library, "hipGetDevicePropertiesR0600"):
            raise HipError("libamdhip64 is older than ROCm 6")
        self.library = library
        self.compiler = (
            library
            if hasattr(library, "hiprtcCompileProgram")
            else shared_library.find(COMPILERS, "MAF_HIPRTC_LIBRARY")
        )
        self.call("hipInit", 0)

    def call(self, name: str, *arguments: Any) -> None:
        function = getattr(self.library, name)
        function.restype = ctypes.c_int
        code = function(*arguments)
        if code:
            text = self.library.hipGetErrorString
            text.restype = ctypes.c_char_p
            raise HipError(f"{name}: {(text(code) or b'').decode(errors='replace')} ({code})")

    def address(self, name: str) -> int:
        return ctypes.cast(getattr(self.library, name), ctypes.c_void_p).value or 0

    def devices(self) -> tuple[Found, ...]:
        count = ctypes.c_int()
        self.call("hipGetDeviceCount", ctypes.byref(count))
        return tuple(self._describe(n) for n in range(count.value))

    def _describe(self, index: int) -> Found:
        raw = ctypes.create_string_buffer(PROPERTIES_BYTES)
        self.call("hipGetDevicePropertiesR0600", raw, index)

        def text(at: int) -> str:
            return raw.raw[at : at + 256].split(b"\0")[0].decode(errors="replace")

        def number(at: int, form: str = "<i") -> int:
            return struct.unpack_from(form, raw.raw, at)[0]

        return Found(
            index,
            text(NAME),
            text(ARCH),
            number(UNITS),
            number(MEMORY, "<Q"),
            number(LOCAL, "<Q"),
            number(THREADS),
            number(WARP),
            bool(number(PAGEABLE)),
        )

    def host_memory(self, size: int) -> int:
        """Address of zeroed host memory that every device reads at that address."""
        pointer = ctypes.c_void_p()
        self.call("hipHostMalloc", ctypes.byref(pointer), ctypes.c_size_t(size), 0)
        if not pointer.value:
            raise HipError("hipHostMalloc gave no memory")
        ctypes.memset(pointer.value, 0, size)
        return pointer.value

    def free_bytes(self) -> int:
        """Free memory of the current device, without what the runtime needs for itself."""
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self.call("hipMemGetInfo", ctypes.byref(free), ctypes.byref(total))
        return max(free.value - RUNTIME_BYTES, 0)

    def device_memory(self, size: int) -> int:
        """Address of memory of the current device."""
        pointer = ctypes.c_void_p()
        self.call("hipMalloc", ctypes.byref(pointer), ctypes.c_size_t(size))
        if not pointer.value:
            raise HipError("hipMalloc gave no memory")
        return pointer.value

    def upload(self, at: int, data: bytes) -> None:
        """Write device memory."""
        to_device = 1
        size = ctypes.c_size_t(len(data))
        self.call("hipMemcpyAsync", ctypes.c_void_p(at), ctypes.c_char_p(data), size, to_device, None)
        self.call("hipStreamSynchronize", None)

    def compile(self, text: str, arch: str) -> bytes:
        """A code object for an architecture. Raises CompileError with the compiler's log."""
        if self.compiler is None:
            raise HipError("no libhiprtc is installed")
        rtc = self.compiler
        program = ctypes.c_void_p()
        source, name = text.encode(), b"maf_kernel.hip"

        def call(function: str, *arguments: Any) -> int:
            return getattr(rtc, function)(*arguments)

        if call("hiprtcCreateProgram", ctypes.byref(program), source, name, 0, None, None):
            raise HipError("hiprtcCreateProgram failed")
        try:
            options = [f"--offload-arch={arch}".encode(), b"-ffp-contract=off", b"-O2", b"-w"]
            array = (ctypes.c_char_p * len(options))(*options)
            if call("hiprtcCompileProgram", program, len(options), array):
                raise CompileError(self._text(program, "hiprtcGetProgramLog").decode(errors="replace"))
            return self._text(program, "hiprtcGetCode")
        finally:
            call("hiprtcDestroyProgram", ctypes.byref(program))

    def _text(self, program: ctypes.c_void_p, name: str) -> bytes:
        size = ctypes.c_size_t()
        getattr(self.compiler, name + "Size")(program, ctypes.byref(size))
        raw = ctypes.create_string_buffer(max(size.value, 1))
        getattr(self.compiler, name)(program, raw)
        return raw.raw[: size.value]

    def load(self, code: bytes, symbol: str) -> tuple[int, bytes]:
        """hipFunction_t of a code object, and the bytes that must live as long."""
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        self.call("hipModuleLoadData", ctypes.byref(module), code)
        self.call("hipModuleGetFunction", ctypes.byref(function), module, symbol.encode())
        return function.value or 0, code


class CompileError(Exception):
    """hiprtc's log."""


@cache
def hip() -> Hip:
    """The library. Raises HipError where it is missing or does not start."""
    return Hip()


def gpu() -> Found | None:
    """The device with the most memory that kernels can run on; None where there is none, or no HIP."""
    try:
        usable = [d for d in hip().devices() if not d.unusable]
    except HipError:
        return None
    return max(usable, key=lambda d: d.memory_bytes, default=None)


def find(name: str) -> Found:
    """The device of ``hip:N``. Raises HipError."""
    wanted = name.removeprefix("hip").removeprefix(":") or "0"
    known = hip().devices()
    for found in known:
        if wanted == str(found.index):
            if found.unusable:
                raise HipError(f"hip:{found.index} {found.label}: {found.unusable}")
            return found
    names = ", ".join(f"hip:{d.index} {d.label}" for d in known) or "there is no HIP device"
    raise HipError(f"no device '{name}' ({names})")
