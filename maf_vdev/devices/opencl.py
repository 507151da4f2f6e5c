"""An OpenCL device: kernels become OpenCL C, built by its driver, run by executor/core/opencl_launch.c.

On a device that works on this process's memory (every OpenCL device that is the CPU) nothing is copied. For others one
buffer is the SDA's memory, and a pointer of the program is an offset in it: that needs no feature beyond OpenCL 1.2.
Library calls of the host then work on copies (executor/core/own_memory.c).
"""

from __future__ import annotations

import ctypes
import math
import warnings
from typing import Any

from ..modnn import native
from ..modnn.providers.device_launch import Launch, Traits
from ..translator import cache, thread_source
from ..translator.cubin import KernelCode
from ..translator.emit.thread_kernel import Source
from . import Window, opencl_runtime, overrides
from .cpu import CpuKernel
from .opencl_runtime import Found, OpenClError, module
from .overrides import Override
from .thread_device import BLOCK_BYTES, STATUS_BYTES, BuildError, DeviceHead, KernelHead, ThreadDevice

BUILD_OPTIONS = "-cl-std=CL1.2"
BUILD_OPTIONS_SUBGROUPS = "-cl-std=CL2.0"
# In the order of enum maf_opencl_function.
FUNCTIONS = (
    "clSetKernelArg",
    "clSetKernelArgSVMPointer",
    "clEnqueueNDRangeKernel",
    "clFinish",
    "clEnqueueWriteBuffer",
    "clEnqueueReadBuffer",
    "clEnqueueCopyBuffer",
    "clEnqueueFillBuffer",
)
# The unit of own_memory.c's cache.
CHUNK = 1 << 16


class DeviceStruct(DeviceHead):
    """struct maf_opencl_device of opencl_launch.h."""

    _fields_ = [
        ("queue", ctypes.c_uint64),
        ("shared", ctypes.c_uint64),
        ("memory", ctypes.c_uint64),
        ("memory_base", ctypes.c_uint64),
        ("memory_bytes", ctypes.c_uint64),
        ("block_buffer", ctypes.c_uint64),
        ("block_bytes", ctypes.c_uint64),
        ("status_buffer", ctypes.c_uint64),
    ]


class KernelStruct(KernelHead):
    """struct maf_opencl_kernel."""

    _fields_ = [
        ("kernel", ctypes.c_uint64),
        ("device", ctypes.POINTER(DeviceStruct)),
    ]


class OutOfMemory(OpenClError):
    """The device has no room for the SDA's memory."""

    error = 2  # cudaErrorMemoryAllocation


def loader_functions() -> list[int]:
    """Addresses of FUNCTIONS in the loader that pyopencl uses; 0 where it is older than a function."""
    module()
    with open("/proc/self/maps", encoding="ascii") as maps:
        paths = [line.split()[-1] for line in maps if "libOpenCL" in line]
    if not paths:
        raise OpenClError("pyopencl's OpenCL library is not in memory")
    library = ctypes.CDLL(paths[0])
    return [ctypes.cast(getattr(library, name, None), ctypes.c_void_p).value or 0 for name in FUNCTIONS]


class Launcher:
    """The C launcher: the executor's core, or a library with the same functions in tests."""

    def __init__(self, set_functions: Any, launch_address: int):
        self.launch_address = launch_address
        table = (ctypes.c_uint64 * len(FUNCTIONS))(*loader_functions())
        set_functions(ctypes.addressof(table))


class OpenClDevice(ThreadDevice):
    """Implements devices.Device for one OpenCL device. own_bytes: of its memory for the SDA; 0: it shares the host's."""

    dialect = "opencl"

    def __init__(self, found: Found, launcher: Launcher, window: Window | None = None):
        super().__init__()
        self.found = found
        cl = self.cl = module()
        self.driver_error = cl.Error
        try:
            self.context = cl.Context([found.device])
            self.queue = cl.CommandQueue(self.context)
        except cl.Error as error:
            raise OpenClError(f"{found.label}: {error}") from None
        self.launcher = launcher
        self.own_bytes = 0
        self.note = f"kernels run on {found.label}, {found.driver}" + "".join(f"; {m}" for m in found.missing)
        self.struct = self._make_struct(window or Window())

    def _make_struct(self, window: Window) -> DeviceStruct:
        found, struct = self.found, DeviceStruct()
        struct.name = found.label.encode()
        struct.queue = self.queue.int_ptr
        struct.shared = int(found.shared)
        struct.group_limit = int(found.device.max_work_group_size)
        struct.local_bytes = int(found.device.local_mem_size)
        struct.units = found.units
        raw = ctypes.create_string_buffer(STATUS_BYTES + 4096)
        at = (ctypes.addressof(raw) + 4095) & ~4095
        struct.status = ctypes.cast(at, ctypes.POINTER(ctypes.c_uint32))
        struct.status_bytes = STATUS_BYTES
        self._keep.append(raw)
        if not found.shared:
            memory = self.memory = self._allocate(window.memory)
            block, status = self._buffer(BLOCK_BYTES), self._buffer(STATUS_BYTES)
            self._keep += [memory, block, status]
            struct.memory, struct.block_buffer, struct.status_buffer = memory.int_ptr, block.int_ptr, status.int_ptr
            struct.memory_base, struct.memory_bytes, struct.block_bytes = window.base, self.own_bytes, BLOCK_BYTES
        return struct

    def _buffer(self, size: int) -> Any:
        """Zeroed at its ends, so that the device has really made it. Raises OutOfMemory."""
        cl = self.cl
        try:
            buffer = cl.Buffer(self.context, cl.mem_flags.READ_WRITE, size)
            for at, count in ((0, min(size, STATUS_BYTES)), (size - 4, 4)):
                cl.enqueue_fill_buffer(self.queue, buffer, b"\0\0\0\0", at, count)
            self.queue.finish()
            return buffer
        except (cl.Error, MemoryError) as error:  # pyopencl passes on a driver's std::bad_alloc as the latter
            text = str(error).partition("\n")[0]
            raise OutOfMemory(f"{self.found.label}: {size} bytes of device memory: {text}") from None

    def _allocate(self, wanted: int) -> Any:
        """The SDA's memory: as much as wanted, or what the driver says it gives at once."""
        if not wanted:
            raise OpenClError(f"{self.found.label}: it has memory of its own, so one SDA can use it (--count 1)")
        sizes = [size // CHUNK * CHUNK for size in (wanted, min(wanted, self.found.largest_bytes))]
        for size in sizes:
            try:
                memory = self._buffer(size)
            except OutOfMemory:
                if size == sizes[-1]:
                    raise
                continue
            self.own_bytes = size
            self.note += f"; {size >> 20} MiB of its memory, library calls of the host work on copies"
            return memory
        raise AssertionError

    def override(self, code: KernelCode) -> Override | None:
        """On the CPU, what the CPU device runs in a kernel's place; other devices run the kernel itself."""
        return overrides.find(code) if self.found.shared and self.found.kind == "cpu" else None

    def _source(self, code: KernelCode) -> Source:
        return thread_source.lift(code, self.found.options)

    def traits(self) -> Traits:
        """What the shapes of our own kernels depend on."""
        device, found = self.found.device, self.found
        local, group = int(device.local_mem_size), int(device.max_work_group_size)
        return Traits(found.kind, found.units, local, group, found.options.fp64)

    def own_kernel(self, launch: Launch) -> tuple[int, int, int, Any] | None:
        """device_ops.OpDevice's. Raises BuildError and pyopencl's errors."""
        cl = self.cl
        kernel = cl.Kernel(self.build(launch.source(self.dialect)), launch.kernel)
        limit = kernel.get_work_group_info(cl.kernel_work_group_info.WORK_GROUP_SIZE, self.found.device)
        if limit < math.prod(launch.group):
            return None
        sizes = (ctypes.c_int64 * len(launch.sizes))(*launch.sizes)
        flags = cl.mem_flags.READ_ONLY | cl.mem_flags.COPY_HOST_PTR
        buffer = cl.Buffer(self.context, flags, hostbuf=memoryview(sizes))
        kernel.set_arg(1 + len(launch.pointers) + len(launch.scalars), buffer)
        return native.address("maf_opencl_op_address"), kernel.int_ptr, 0, (kernel, buffer)

    def _make_kernel(self, kernel: CpuKernel) -> KernelStruct:
        source = self._source(kernel.code)
        handle = self.cl.Kernel(self.build(source.text), "maf_kernel")
        limit = handle.get_work_group_info(self.cl.kernel_work_group_info.WORK_GROUP_SIZE, self.found.device)
        struct = KernelStruct()
        struct.kernel = handle.int_ptr
        struct.group_limit = int(limit)
        struct.flat = int(self.found.options.subgroups)
        return self._finish(struct, kernel, source, self.launcher.launch_address, handle)

    def build(self, text: str) -> Any:
        """A program, from the cache where the driver takes its binary back. Raises BuildError."""
        cl, found = self.cl, self.found
        options = BUILD_OPTIONS_SUBGROUPS if found.options.subgroups else BUILD_OPTIONS
        name = cache.name_of("opencl", found.label, found.driver, options, text)
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
                    program = cl.Program(self.context, text).build(options)
            except cl.Error as error:
                raise BuildError(f"{found.label} cannot compile it: {_log(error)}") from None
            try:
                cache.write(name, program.binaries[0])
            except (cl.Error, IndexError, TypeError):  # a driver without binaries compiles every time
                pass
        return program


def open_in_executor(name: str, window: Window) -> OpenClDevice:
    """The device with the executor's launcher; memory of its own takes the window's place. Raises OpenClError."""
    from maf_vdev.executor._core import ffi, lib

    found = opencl_runtime.find(name)

    def set_functions(address: int) -> None:
        lib.maf_opencl_set_functions(ffi.cast("uint64_t *", address))

    device = OpenClDevice(found, Launcher(set_functions, lib.maf_opencl_launch_address()), window)
    device.report_through(lambda address: lib.maf_thread_set_report(ffi.cast("int (*)(uint64_t)", address)))
    if device.own_bytes:
        struct = ffi.cast("struct maf_opencl_device *", ctypes.addressof(device.struct))
        error = lib.maf_own_start(window.base, device.own_bytes, window.file, lib.maf_opencl_memory(struct))
        if error:
            raise OpenClError(f"{found.label}: the window of its memory: error {error}")
    return device


def _log(error: Exception) -> str:
    text = str(error)
    lines = [line for line in text.splitlines() if line.strip()]
    wanted = [line for line in lines if "error" in line.lower()] or lines
    return " | ".join(wanted[:6])[:1500]
