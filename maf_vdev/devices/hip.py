"""A HIP device: kernels become HIP C++, built by hiprtc, run by executor/core/hip_launch.c.

Device memory of the SDA stays in host memory. Devices that read pageable memory use it as it is, for others it is
registered. So library calls run in the host libraries here too.
"""

from __future__ import annotations

import ctypes

from ..translator import cache, thread_source
from ..translator.emit.thread_kernel import Options
from . import Window, hip_runtime
from .cpu import CpuKernel
from .hip_runtime import CompileError, Found, HipError, hip
from .thread_device import BLOCK_BYTES, STATUS_BYTES, BuildError, DeviceHead, KernelHead, ThreadDevice


class DeviceStruct(DeviceHead):
    """struct maf_hip_device of hip_launch.h."""

    _fields_ = [
        ("launch", ctypes.c_uint64),
        ("synchronize", ctypes.c_uint64),
        ("block", ctypes.c_void_p),
        ("block_bytes", ctypes.c_uint64),
    ]


class KernelStruct(KernelHead):
    """struct maf_hip_kernel."""

    _fields_ = [
        ("function", ctypes.c_uint64),
        ("device", ctypes.POINTER(DeviceStruct)),
    ]


class HipDevice(ThreadDevice):
    """Implements devices.Device for one HIP device. launch_address: of the C launcher."""

    def __init__(self, found: Found, launch_address: int, window: Window):
        super().__init__()
        self.found, self.launch_address = found, launch_address
        self.note = f"kernels run on {found.label}" + "".join(f"; {m}" for m in found.missing)
        self.hip = hip()
        self.hip.call("hipSetDevice", found.index)
        if not found.shared and window.bytes:
            self.hip.register(window.base, window.bytes)
        struct = self.struct = DeviceStruct()
        struct.launch = self.hip.address("hipModuleLaunchKernel")
        struct.synchronize = self.hip.address("hipDeviceSynchronize")
        struct.block, struct.block_bytes = self.hip.host_memory(BLOCK_BYTES), BLOCK_BYTES
        struct.status = ctypes.cast(self.hip.host_memory(STATUS_BYTES), ctypes.POINTER(ctypes.c_uint32))
        struct.status_bytes = STATUS_BYTES
        struct.group_limit, struct.units, struct.local_bytes = found.threads, found.units, found.local_bytes
        struct.name = found.label.encode()

    def _make_kernel(self, kernel: CpuKernel) -> KernelStruct:
        source = thread_source.lift(kernel.code, Options("hip"))
        struct = KernelStruct()
        struct.function, keep = self.hip.load(self._build(source.text), "maf_kernel")
        return self._finish(struct, kernel, source, self.launch_address, keep)

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


def open_in_executor(name: str, window: Window) -> HipDevice:
    """The device with the executor's launcher. Raises HipError."""
    from maf_vdev.executor._core import ffi, lib

    device = HipDevice(hip_runtime.find(name), lib.maf_hip_launch_address(), window)
    device.report_through(lambda address: lib.maf_thread_set_report(ffi.cast("int (*)(uint64_t)", address)))
    return device


__all__ = ["HipDevice", "HipError", "open_in_executor"]
