"""The reference device: every kernel runs on the NumPy interpreter, thousands of times slower than compiled.

``python -m maf_vdev.devices.interpreter`` is the executor with this device; tools/interpreter_python starts it in the
place of MAF_PYTHON. A program whose results differ between this device and ``cpu`` shows a fault of the emitter;
one that is wrong on both, of the semantics or of a library.

The launcher is told that a kernel's warp function is a callback. The first warp of a launch runs the whole grid;
the other warps return at once.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading

import numpy as np

from ..translator import interpreter
from ..translator.cubin import KernelCode
from ..translator.decode import decode_code
from ..translator.interpreter import Trap
from ..translator.ir import Instr
from ..translator.memory_map import Memory, MemoryFault
from ..translator.source.image import SourceKernel
from .cpu import DRIVER_FUNCTIONS, CpuDevice, CpuKernel, CpuKernelStruct

KERNEL_SHARED = 4  # MAF_KERNEL_SHARED: the launcher allocates shared memory
ERROR_ASSERT, ERROR_ILLEGAL_ADDRESS, ERROR_LAUNCH_FAILURE = 710, 700, 719


class _Cta(ctypes.Structure):
    """struct maf_cta of cpu_warp.h, up to the size of its shared memory."""

    _fields_ = [
        ("job", ctypes.c_void_p),
        ("worker", ctypes.c_void_p),
        ("state", ctypes.c_uint32 * 3),
        ("barriers", ctypes.c_uint32 * 48),
        ("reduction", ctypes.c_uint32 * 5),
        ("pointers", ctypes.c_void_p * 5),
        ("shared_bytes", ctypes.c_size_t),
    ]


class _Warp(ctypes.Structure):
    """struct maf_warp of cpu_warp.h."""

    _fields_ = [
        ("const0", ctypes.c_void_p),
        ("pointers", ctypes.c_void_p * 6),
        ("ctaid", ctypes.c_uint32 * 3),
        ("exec", ctypes.c_uint32),
        ("tid_base", ctypes.c_uint32 * 3),
        ("warp_id", ctypes.c_uint32),
        ("resume", ctypes.c_uint32),
        ("lanes", ctypes.c_uint32),
        ("cta", ctypes.POINTER(_Cta)),
    ]


_WARP_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Warp))


class ProcessMemory(Memory):
    """This process's memory; the heap of device code is the launcher's."""

    def allocate(self, size: int, alignment: int = 16) -> int:
        from ..executor._core import lib

        return lib.maf_heap_allocate_aligned(size, alignment)

    def release(self, address: int) -> None:
        from ..executor._core import lib

        if lib.maf_heap_free(address):
            raise MemoryFault(f"free of {address:#x}, which malloc has not given")


def process_memory(first: int, last: int) -> Memory:
    """This process's readable and writable mappings within [first, last)."""
    memory = ProcessMemory()
    with open("/proc/self/maps", encoding="ascii") as maps:
        for line in maps:
            span, permissions, *_ = line.split()
            start, end = (int(x, 16) for x in span.split("-"))
            start, end = max(start, first), min(end, last)
            if start < end and permissions.startswith("rw"):
                memory.add(np.frombuffer((ctypes.c_uint8 * (end - start)).from_address(start), np.uint8), start)
    return memory


class InterpreterDevice(CpuDevice):
    """Kernels with machine code of a GPU are interpreted; those compiled from source run as on the CPU device."""

    def __init__(self) -> None:
        super().__init__()
        self._callbacks: list[object] = []
        self._one_launch = threading.Lock()

    def override(self, code: KernelCode) -> None:
        """None: the kernels themselves are what this device runs."""

    def prefetch(self, kernel: CpuKernel, variant: int = 0) -> bool:
        return True

    def prepare(self, kernel: CpuKernel, variant: int) -> int:
        if isinstance(kernel.code, SourceKernel):
            return super().prepare(kernel, variant)
        if 0 not in kernel.structs:
            code = kernel.code
            program = decode_code(code)
            callback = _WARP_FUNCTION(lambda warp: self._warp(kernel, program, warp.contents))
            self._callbacks.append(callback)
            struct = CpuKernelStruct()
            struct.entry = ctypes.cast(callback, ctypes.c_void_p).value
            struct.name = code.name.encode()
            struct.flags = KERNEL_SHARED
            struct.param_base, struct.param_bytes = code.param_base, code.param_bytes
            struct.static_shared, struct.max_threads = code.static_shared, code.max_threads
            kernel.structs[0] = struct
        return ctypes.addressof(kernel.structs[0])

    def _warp(self, kernel: CpuKernel, program: list[Instr], warp: _Warp) -> None:
        if any(warp.ctaid) or warp.warp_id:
            return
        try:
            with self._one_launch:
                self._grid(kernel, program, warp)
        except MemoryFault as error:
            self._fault(ERROR_ILLEGAL_ADDRESS, error)
        except Trap as error:
            self._fault(ERROR_ASSERT if "__assertfail" in str(error) else ERROR_LAUNCH_FAILURE, error)
        except Exception as error:  # noqa: BLE001 - a callback cannot raise into C
            self._fault(ERROR_LAUNCH_FAILURE, error)

    def _grid(self, kernel: CpuKernel, program: list[Instr], warp: _Warp) -> None:
        code = kernel.code
        image = ctypes.string_at(warp.const0, code.param_base + code.param_bytes)
        block = tuple(int.from_bytes(image[at : at + 4], "little") for at in (0, 4, 8))
        grid = tuple(int.from_bytes(image[at : at + 4], "little") for at in (12, 16, 20))
        banks = {n: ctypes.string_at(kernel.banks[n], len(data)) for n, data in code.banks.items() if n in kernel.banks}
        banks[0] = image
        static = (code.static_shared + 15) & ~15
        batch = 1 << 30 if code.uses_coop_groups else 512
        interpreter.run(
            code,
            program,
            grid,
            block,
            image[code.param_base :],
            process_memory(1 << 32, 1 << 47),
            dynamic_shared=warp.cta.contents.shared_bytes - static if static else warp.cta.contents.shared_bytes,
            banks=banks,
            externals={address: name for name, address in DRIVER_FUNCTIONS.items()},
            batch_warps=batch,
        )

    def _fault(self, error: int, why: Exception) -> None:
        print(f"maf: interpreter: {type(why).__name__}: {why}", file=sys.stderr)
        try:
            from ..executor._core import lib
        except ImportError:
            return
        lib.maf_fault_set(error, f"{type(why).__name__}: {why}".encode()[:500])


def main() -> None:
    """The executor, with this device."""
    from ..executor import planner, server

    device = InterpreterDevice()
    planner.Planner.device = lambda self: device
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    server.main()


if __name__ == "__main__":
    main()
