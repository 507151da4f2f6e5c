"""A HIP device: kernels become HIP C++, built by hiprtc, run by executor/core/hip_launch.c.

Device memory of the SDA stays in host memory. Devices that read pageable memory use it as it is, for others it is
registered. So library calls run in the host libraries here too.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from typing import Any

from ..names import readable
from ..translator import cache, thread_source
from ..translator.emit import thread_kernel
from ..translator.emit.thread_kernel import Options
from ..translator.source.image import SourceKernel
from . import device_report, hip_runtime
from .cpu import BANKS, CpuDevice, CpuKernel, CpuKernelStruct
from .hip_runtime import CompileError, Found, HipError, hip

STATUS_BYTES = 4 * (thread_kernel.STATUS_WORDS + thread_kernel.PRINT_WORDS)
BLOCK_BYTES = 1 << 16
_REPORT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint64)


class BuildError(Exception):
    """hiprtc did not compile a kernel; the text holds its log."""


class DeviceStruct(ctypes.Structure):
    """struct maf_hip_device of hip_launch.h."""

    _fields_ = [
        ("launch", ctypes.c_uint64),
        ("synchronize", ctypes.c_uint64),
        ("block", ctypes.c_void_p),
        ("block_bytes", ctypes.c_uint64),
        ("status", ctypes.POINTER(ctypes.c_uint32)),
        ("group_limit", ctypes.c_uint32),
        ("units", ctypes.c_uint32),
        ("local_bytes", ctypes.c_uint64),
        ("name", ctypes.c_char_p),
    ]


class KernelStruct(ctypes.Structure):
    """struct maf_hip_kernel."""

    _fields_ = [
        ("base", CpuKernelStruct),
        ("function", ctypes.c_uint64),
        ("device", ctypes.POINTER(DeviceStruct)),
        ("exchange_per_thread", ctypes.c_uint32),
        ("exchange_fixed", ctypes.c_uint32),
    ]


class HipDevice(CpuDevice):
    """Implements devices.Device for one HIP device. memory: (base, bytes) of device memory in this process.
    launch_address: of the C launcher."""

    def __init__(self, found: Found, launch_address: int, memory: tuple[int, int]):
        super().__init__()
        self.found, self.launch_address = found, launch_address
        self.note = f"kernels run on {found.label}" + "".join(f"; {m}" for m in found.missing)
        self.hip = hip()
        self.hip.call("hipSetDevice", found.index)
        if not found.shared and memory[1]:
            self.hip.register(*memory)
        self._build_lock = threading.Lock()
        self._keep: list[Any] = []
        self._by_address: dict[int, CpuKernel] = {}
        struct = self.struct = DeviceStruct()
        struct.launch = self.hip.address("hipModuleLaunchKernel")
        struct.synchronize = self.hip.address("hipDeviceSynchronize")
        struct.block, struct.block_bytes = self.hip.host_memory(BLOCK_BYTES), BLOCK_BYTES
        struct.status = ctypes.cast(self.hip.host_memory(STATUS_BYTES), ctypes.POINTER(ctypes.c_uint32))
        struct.group_limit, struct.units, struct.local_bytes = found.threads, found.units, found.local_bytes
        struct.name = found.label.encode()

    def prefetch(self, kernel: CpuKernel, variant: int = 1) -> bool:
        """hiprtc compiles at the first launch only."""
        return isinstance(kernel.code, SourceKernel)

    def prepare(self, kernel: CpuKernel, variant: int) -> int:
        """Address of the struct that the launcher reads. Raises DecodeError, LiftError or BuildError."""
        if isinstance(kernel.code, SourceKernel):
            return super().prepare(kernel, variant)
        if 0 not in kernel.structs:
            with self._build_lock:
                if 0 not in kernel.structs:
                    kernel.structs[0] = self._make_kernel(kernel)
        return ctypes.addressof(kernel.structs[0])

    def _make_kernel(self, kernel: CpuKernel) -> KernelStruct:
        code = kernel.code
        source = thread_source.lift(code, Options("hip"))
        function, keep = self.hip.load(self._build(source.text), "maf_kernel")
        struct = KernelStruct()
        base = struct.base
        base.name = readable(code.name).encode()
        for bank, address in kernel.banks.items():
            if bank < BANKS:
                base.bank[bank] = address
        base.param_base, base.param_bytes = code.param_base, code.param_bytes
        base.static_shared, base.max_threads = code.static_shared, code.max_threads
        base.local_bytes = thread_source.local_bytes(code)
        base.launch = self.launch_address
        struct.function = function
        struct.device = ctypes.pointer(self.struct)
        if source.exchange:
            struct.exchange_per_thread = thread_kernel.EXCHANGE_PER_THREAD
            struct.exchange_fixed = thread_kernel.EXCHANGE_FIXED
        self._keep += [keep, struct]
        self._by_address[ctypes.addressof(struct)] = kernel
        return struct

    def _build(self, text: str) -> bytes:
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

    def report(self, address: int) -> int:
        """Print what a launch left in the status area; the cudaError_t of a thread that failed, or 0."""
        kernel = self._by_address[address]
        return device_report.show(self.struct.status, readable(kernel.code.name), sys.stdout, sys.stderr)


def open_in_executor(name: str, memory: tuple[int, int]) -> HipDevice:
    """The device with the executor's launcher. Raises HipError."""
    from maf_vdev.executor._core import ffi, lib

    device = HipDevice(hip_runtime.find(name), lib.maf_hip_launch_address(), memory)
    callback = _REPORT(device.report)
    device._keep.append(callback)
    lib.maf_hip_set_report(ffi.cast("int (*)(uint64_t)", ctypes.cast(callback, ctypes.c_void_p).value))
    return device


__all__ = ["HipDevice", "HipError", "open_in_executor"]
