"""An OpenCL device: kernels become OpenCL C, built by its driver, run by executor/core/opencl_launch.c.

On a device that works on this process's memory (every OpenCL device that is the CPU) nothing is copied, and library
calls run in the host libraries. Kernels compiled from CUDA source are machine code of the host and run there.
"""

from __future__ import annotations

import ctypes
import warnings
from typing import Any

from ..translator import cache, thread_source
from ..translator.cubin import KernelCode
from ..translator.emit.thread_kernel import Source
from . import opencl_runtime
from .cpu import CpuKernel, CpuKernelStruct
from .opencl_runtime import Found, OpenClError, module
from .thread_device import BLOCK_BYTES, STATUS_BYTES, BuildError, ThreadDevice

BUILD_OPTIONS = "-cl-std=CL1.2"
BUILD_OPTIONS_SUBGROUPS = "-cl-std=CL2.0"
FUNCTIONS = (
    "clSetKernelArg",
    "clSetKernelArgSVMPointer",
    "clEnqueueNDRangeKernel",
    "clFinish",
    "clEnqueueWriteBuffer",
    "clEnqueueReadBuffer",
)


class DeviceStruct(ctypes.Structure):
    """struct maf_opencl_device of opencl_launch.h."""

    _fields_ = [
        ("queue", ctypes.c_uint64),
        ("shared", ctypes.c_uint32),
        ("group_limit", ctypes.c_uint32),
        ("local_bytes", ctypes.c_uint64),
        ("memory", ctypes.c_uint64),
        ("base", ctypes.c_uint64),
        ("bytes", ctypes.c_uint64),
        ("block_buffer", ctypes.c_uint64),
        ("block_bytes", ctypes.c_uint64),
        ("status_buffer", ctypes.c_uint64),
        ("status", ctypes.POINTER(ctypes.c_uint32)),
        ("status_bytes", ctypes.c_uint64),
        ("name", ctypes.c_char_p),
    ]


class KernelStruct(ctypes.Structure):
    """struct maf_opencl_kernel."""

    _fields_ = [
        ("base", CpuKernelStruct),
        ("kernel", ctypes.c_uint64),
        ("device", ctypes.POINTER(DeviceStruct)),
        ("exchange_per_thread", ctypes.c_uint32),
        ("exchange_fixed", ctypes.c_uint32),
        ("group_limit", ctypes.c_uint32),
        ("units", ctypes.c_uint32),
    ]


def loader_functions() -> list[int]:
    """Addresses of FUNCTIONS in the loader that pyopencl uses."""
    module()
    with open("/proc/self/maps", encoding="ascii") as maps:
        paths = [line.split()[-1] for line in maps if "libOpenCL" in line]
    if not paths:
        raise OpenClError("pyopencl's OpenCL library is not in memory")
    library = ctypes.CDLL(paths[0])
    return [ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0 for name in FUNCTIONS]


class Launcher:
    """The C launcher: the executor's core, or a library with the same functions in tests."""

    def __init__(self, set_functions: Any, launch_address: int):
        self.launch_address = launch_address
        table = (ctypes.c_uint64 * len(FUNCTIONS))(*loader_functions())
        set_functions(ctypes.addressof(table))


class OpenClDevice(ThreadDevice):
    """Implements devices.Device for one OpenCL device. memory: (base, bytes) of device memory in this process, for
    devices that do not share it."""

    def __init__(self, found: Found, launcher: Launcher, memory: tuple[int, int] = (0, 0)):
        super().__init__()
        self.found = found
        cl = self.cl = module()
        try:
            self.context = cl.Context([found.device])
            self.queue = cl.CommandQueue(self.context)
        except cl.Error as error:
            raise OpenClError(f"{found.label}: {error}") from None
        self.launcher = launcher
        self.note = f"kernels run on {found.label}, {found.driver}" + "".join(f"; {m}" for m in found.missing)
        self.runs_host_code = found.shared
        self.struct = self._make_struct(memory)

    def _make_struct(self, memory: tuple[int, int]) -> DeviceStruct:
        cl, found = self.cl, self.found
        struct = DeviceStruct()
        struct.queue = self.queue.int_ptr
        struct.shared = int(found.shared)
        struct.group_limit = int(found.device.max_work_group_size)
        struct.local_bytes = int(found.device.local_mem_size)
        raw = ctypes.create_string_buffer(STATUS_BYTES + 4096)
        at = (ctypes.addressof(raw) + 4095) & ~4095
        struct.status = ctypes.cast(at, ctypes.POINTER(ctypes.c_uint32))
        struct.status_bytes = STATUS_BYTES
        struct.name = found.label.encode()
        self._keep.append(raw)
        if not found.shared:
            base, size = memory
            flags = cl.mem_flags.READ_WRITE
            try:
                buffers = [cl.Buffer(self.context, flags, n) for n in (size, BLOCK_BYTES, STATUS_BYTES)]
                cl.enqueue_fill_buffer(self.queue, buffers[2], b"\0\0\0\0", 0, STATUS_BYTES).wait()
            except cl.Error as error:
                raise OpenClError(f"{found.label}: {size} bytes of device memory: {error}") from None
            self._keep += buffers
            struct.memory, struct.block_buffer, struct.status_buffer = (b.int_ptr for b in buffers)
            struct.base, struct.bytes, struct.block_bytes = base, size, BLOCK_BYTES
        return struct

    def _source(self, code: KernelCode) -> Source:
        return thread_source.lift(code, self.found.options)

    def _make_kernel(self, kernel: CpuKernel) -> KernelStruct:
        source = self._source(kernel.code)
        handle = self._build(source)
        limit = handle.get_work_group_info(self.cl.kernel_work_group_info.WORK_GROUP_SIZE, self.found.device)
        struct = KernelStruct()
        struct.kernel = handle.int_ptr
        struct.group_limit = int(limit)
        struct.units = self.found.units
        return self._finish(struct, kernel, source, self.launcher.launch_address, handle)

    def _build(self, source: Source) -> Any:
        cl, found = self.cl, self.found
        options = BUILD_OPTIONS_SUBGROUPS if found.options.subgroups else BUILD_OPTIONS
        name = cache.name_of("opencl", found.label, found.driver, options, source.text)
        binary = cache.read(name)
        program = None
        if binary is not None:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    program = cl.Program(self.context, [found.device], [binary]).build(options)
            except cl.Error:  # a driver that does not take its own binary back
                program = None
        if program is None:
            try:
                with warnings.catch_warnings():  # drivers talk, where nothing is wrong
                    warnings.simplefilter("ignore")
                    program = cl.Program(self.context, source.text).build(options)
            except cl.Error as error:
                raise BuildError(f"{found.label} cannot compile it: {_log(error)}") from None
            try:
                cache.write(name, program.binaries[0])
            except (cl.Error, IndexError, TypeError):  # a driver without binaries compiles every time
                pass
        return cl.Kernel(program, "maf_kernel")


def open_in_executor(name: str, memory: tuple[int, int]) -> OpenClDevice:
    """The device with the executor's launcher. Raises OpenClError."""
    from maf_vdev.executor._core import ffi, lib

    found = opencl_runtime.find(name)

    def set_functions(address: int) -> None:
        lib.maf_opencl_set_functions(ffi.cast("uint64_t *", address))

    device = OpenClDevice(found, Launcher(set_functions, lib.maf_opencl_launch_address()), memory)
    device.report_through(lambda address: lib.maf_opencl_set_report(ffi.cast("int (*)(uint64_t)", address)))
    return device


def _log(error: Exception) -> str:
    text = str(error)
    lines = [line for line in text.splitlines() if line.strip()]
    wanted = [line for line in lines if "error" in line.lower()] or lines
    return " | ".join(wanted[:6])[:1500]
