"""What devices that run a work-item for each CUDA thread share: kernels' structs and the report of a failed launch."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable
from typing import Any

from ..modnn.registry import Plan
from ..names import readable
from ..translator import thread_source
from ..translator.cubin import KernelCode
from ..translator.emit import thread_kernel
from ..translator.source.image import SourceKernel
from . import device_report
from .cpu import BANKS, CpuDevice, CpuKernel, CpuKernelStruct

STATUS_BYTES = 4 * (thread_kernel.STATUS_WORDS + thread_kernel.PRINT_WORDS)
BLOCK_BYTES = 1 << 16
_REPORT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint64)


class DeviceHead(ctypes.Structure):
    """struct maf_thread_device of thread_launch.h."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("status", ctypes.POINTER(ctypes.c_uint32)),
        ("status_bytes", ctypes.c_uint64),
        ("local_bytes", ctypes.c_uint64),
        ("group_limit", ctypes.c_uint32),
        ("units", ctypes.c_uint32),
    ]


class KernelHead(ctypes.Structure):
    """struct maf_thread_kernel."""

    _fields_ = [
        ("base", CpuKernelStruct),
        ("exchange_per_thread", ctypes.c_uint32),
        ("exchange_fixed", ctypes.c_uint32),
        ("group_limit", ctypes.c_uint32),
        ("flat", ctypes.c_uint32),
    ]


class BuildError(Exception):
    """The device's compiler did not take a kernel; the text holds its log."""


class ThreadDevice(CpuDevice):
    """Implements devices.Device but for `_make_kernel`. struct: the C launcher's device, a DeviceHead and more.
    found: its discovery. own_bytes: memory of its own, 0 where it works on the host's. driver_error: what its driver raises.

    Kernels compiled from source are machine code of the host and run there."""

    struct: Any
    found: Any
    own_bytes: int
    driver_error: type[Exception]
    foreign_compiler = True

    def __init__(self) -> None:
        super().__init__()
        self._build_lock = threading.Lock()
        self._keep: list[Any] = []
        self._by_address: dict[int, CpuKernel] = {}

    def override(self, code: KernelCode) -> None:
        """None: the kernels themselves are what this device runs."""

    def plan(self, kind: int, description: bytes, host: Plan) -> Plan:
        """Kernels of our own where the operands would have to be copied for a host library."""
        if not self.own_bytes:
            return host
        from . import device_libraries, device_ops

        try:
            own = device_ops.plan(self, kind, description, host)
            return device_libraries.plan(self, kind, description, own)
        except (BuildError, self.driver_error) as error:  # the host's library does it
            from ..executor import record

            record.current().note(f"{self.found.label} takes no kernel of ours: {error}")
            return host

    def prefetch(self, kernel: CpuKernel, variant: int = 1) -> bool:
        """Device compilers run at the first launch only. True where nothing is to be compiled."""
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

    def _make_kernel(self, kernel: CpuKernel) -> ctypes.Structure:
        """The launcher's struct of a kernel, which begins with a CpuKernelStruct."""
        raise NotImplementedError

    def _finish(self, struct: Any, kernel: CpuKernel, source: thread_kernel.Source, launch: int, keep: Any) -> Any:
        """Fills what all launchers' structs hold, and keeps it alive with `keep`, the compiled code."""
        code, base = kernel.code, struct.base
        self._fill(base, kernel)
        base.local_bytes = thread_source.local_bytes(code)
        base.launch = launch
        struct.device = ctypes.pointer(self.struct)
        if source.exchange:
            struct.exchange_per_thread = thread_kernel.EXCHANGE_PER_THREAD
            struct.exchange_fixed = thread_kernel.EXCHANGE_FIXED
        self._keep += [keep, struct]
        self._by_address[ctypes.addressof(struct)] = kernel
        return struct

    @staticmethod
    def _fill(base: CpuKernelStruct, kernel: CpuKernel) -> None:
        code = kernel.code
        base.name = readable(code.name).encode()
        for bank, address in kernel.banks.items():
            if bank < BANKS:
                base.bank[bank] = address
        base.param_base, base.param_bytes = code.param_base, code.param_bytes
        base.static_shared, base.max_threads = code.static_shared, code.max_threads

    def report(self, address: int) -> int:
        """Print what a launch left in the status area; the cudaError_t of a thread that failed, or 0."""
        name = readable(self._by_address[address].code.name)
        return device_report.show(self.struct.status, name, sys.stdout, sys.stderr)

    def report_through(self, set_report: Callable[[Any], None]) -> None:
        """Have launchers call `report`: set_report is maf_thread_set_report, or takes the address that it takes."""
        callback = _REPORT(self.report)
        self._keep.append(callback)
        set_report(ctypes.cast(callback, ctypes.c_void_p).value)
