"""A HIP device: kernels become HIP C++, built by hiprtc, run by executor/core/hip_launch.c.

A device that reads pageable memory works on the host's memory as it is. Others have memory of their own: one allocation
is the SDA's memory, pointers of the program are offsets in it, and library calls of the host work on copies
(executor/core/own_memory.c).
"""

from __future__ import annotations

import ctypes
import math
from typing import Any

from ..modnn import native
from ..modnn.providers.device_launch import Launch, Traits
from ..translator import cache, thread_source
from ..translator.emit.thread_kernel import Options
from . import Window, hip_runtime
from .cpu import CpuKernel
from .hip_runtime import CompileError, Found, HipError, hip
from .thread_device import BLOCK_BYTES, STATUS_BYTES, BuildError, DeviceHead, KernelHead, ThreadDevice

# In the order of enum maf_hip_function.
FUNCTIONS = (
    "hipSetDevice",
    "hipModuleLaunchKernel",
    "hipStreamSynchronize",
    "hipMemcpyAsync",
    "hipMemsetD8Async",
    "hipMemsetD16Async",
    "hipMemsetD32Async",
)
# The unit of own_memory.c's cache.
CHUNK = 1 << 16


class DeviceStruct(DeviceHead):
    """struct maf_hip_device of hip_launch.h."""

    _fields_ = [
        ("index", ctypes.c_uint64),
        ("block", ctypes.c_void_p),
        ("block_bytes", ctypes.c_uint64),
        ("copy", ctypes.c_uint64),
        ("memory", ctypes.c_uint64),
        ("memory_base", ctypes.c_uint64),
        ("memory_bytes", ctypes.c_uint64),
    ]


class KernelStruct(KernelHead):
    """struct maf_hip_kernel."""

    _fields_ = [
        ("function", ctypes.c_uint64),
        ("device", ctypes.POINTER(DeviceStruct)),
    ]


class OutOfMemory(HipError):
    """The device has no room for the SDA's memory."""

    error = 2  # cudaErrorMemoryAllocation


class Launcher:
    """The C launcher: the executor's core, or a library with the same functions in tests."""

    def __init__(self, set_functions: Any, launch_address: int):
        self.launch_address = launch_address
        table = (ctypes.c_uint64 * len(FUNCTIONS))(*map(hip().address, FUNCTIONS))
        set_functions(ctypes.addressof(table))


class HipDevice(ThreadDevice):
    """Implements devices.Device for one HIP device. own_bytes: of its memory for the SDA; 0: it reads the host's."""

    dialect = "hip"
    driver_error = HipError

    def __init__(self, found: Found, launcher: Launcher, window: Window | None = None):
        super().__init__()
        self.found, self.launcher = found, launcher
        self.own_bytes = 0
        self.note = f"kernels run on {found.label}" + "".join(f"; {m}" for m in found.missing)
        self.hip = hip()
        self.hip.call("hipSetDevice", found.index)
        struct = self.struct = DeviceStruct()
        struct.index = found.index
        struct.block, struct.block_bytes = self.hip.host_memory(BLOCK_BYTES), BLOCK_BYTES
        struct.status = ctypes.cast(self.hip.host_memory(STATUS_BYTES), ctypes.POINTER(ctypes.c_uint32))
        struct.status_bytes = STATUS_BYTES
        struct.group_limit, struct.units, struct.local_bytes = found.threads, found.units, found.local_bytes
        struct.name = found.label.encode()
        self.options = Options("hip", buffer=not found.shared)
        if not found.shared:
            struct.memory = self._allocate((window or Window()).memory)
            struct.memory_base, struct.memory_bytes = (window or Window()).base, self.own_bytes
            struct.copy = self.hip.device_memory(BLOCK_BYTES)

    def _allocate(self, wanted: int) -> int:
        """Address on the device of the SDA's memory: as much as wanted, or what is free."""
        if not wanted:
            raise HipError(f"{self.found.label}: it has memory of its own, so one SDA can use it (--count 1)")
        size = min(wanted, self.hip.free_bytes()) // CHUNK * CHUNK
        try:
            at = self.hip.device_memory(size)
        except HipError as error:
            raise OutOfMemory(f"{self.found.label}: {size} bytes of device memory: {error}") from None
        self.own_bytes = size
        self.note += f"; {size >> 20} MiB of its memory, library calls of the host work on copies"
        return at

    def traits(self) -> Traits:
        """What the shapes of our own kernels depend on."""
        return Traits("gpu", self.found.units, self.found.local_bytes, self.found.threads)

    def own_kernel(self, launch: Launch) -> tuple[int, int, int, Any] | None:
        """device_ops.OpDevice's. Raises BuildError and HipError."""
        if self.found.threads < math.prod(launch.group):
            return None
        text = launch.source(self.dialect)
        function, keep = self.hip.load(self.build(text), launch.kernel)
        sizes = (ctypes.c_int64 * len(launch.sizes))(*launch.sizes)
        at = self.hip.device_memory(ctypes.sizeof(sizes))
        self.hip.upload(at, bytes(sizes))
        return native.address("maf_hip_op_address"), function, at, keep

    def _make_kernel(self, kernel: CpuKernel) -> KernelStruct:
        source = self._source(kernel.code)
        struct = KernelStruct()
        struct.function, keep = self.hip.load(self.build(source.text), "maf_kernel")
        return self._finish(struct, kernel, source, self.launcher.launch_address, keep)

    def _source(self, code: Any) -> Any:
        return thread_source.lift(code, self.options)

    def build(self, text: str) -> bytes:
        """A code object, from the cache where it was built before. Raises BuildError."""
        name = cache.name_of("hip", self.found.arch, text)
        code = cache.read(name)
        if code is None:
            try:
                code = self.hip.compile(text, self.found.arch)
            except CompileError as error:
                lines = [line for line in str(error).splitlines() if line.strip()]
                raise BuildError(f"{self.found.label} cannot compile it: {' | '.join(lines[:6])[:1500]}") from None
            cache.write(name, code)
        return code


def open_in_executor(name: str, window: Window) -> HipDevice:
    """The device with the executor's launcher; memory of its own takes the window's place. Raises HipError."""
    from maf_vdev.executor._core import ffi, lib

    def set_functions(address: int) -> None:
        lib.maf_hip_set_functions(ffi.cast("uint64_t *", address))

    found = hip_runtime.find(name)
    device = HipDevice(found, Launcher(set_functions, lib.maf_hip_launch_address()), window)
    device.report_through(lambda address: lib.maf_thread_set_report(ffi.cast("int (*)(uint64_t)", address)))
    if device.own_bytes:
        struct = ffi.cast("struct maf_hip_device *", ctypes.addressof(device.struct))
        error = lib.maf_own_start(window.base, device.own_bytes, window.file, lib.maf_hip_memory(struct))
        if error:
            raise HipError(f"{found.label}: the window of its memory: error {error}")
    return device


__all__ = ["HipDevice", "HipError", "open_in_executor"]
