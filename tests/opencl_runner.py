"""Run kernels on OpenCL devices from tests, without an executor."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import cpu_runner
import numpy as np
import opcode_cases
import pytest

from maf_vdev.devices import Window, opencl_runtime
from maf_vdev.devices.opencl import Launcher, OpenClDevice
from maf_vdev.translator import thread_source
from maf_vdev.translator.cubin import KernelCode
from maf_vdev.translator.ir import Instr

_REPORT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint64)
# Where the memory of devices that do not share the host's begins, for kernels.
BASE, OWN_BYTES, GUARD = 0x7000_0000_0000, 1 << 20, 4096


def devices() -> list[opencl_runtime.Found]:
    """Devices that tests may use; empty where there is none."""
    try:
        return list(opencl_runtime.devices())
    except opencl_runtime.OpenClError:
        return []


needs_device = pytest.mark.skipif(not devices(), reason="no OpenCL device")


@lru_cache
def library() -> ctypes.CDLL:
    """The launcher built as a library of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "libopencl_launch.so")
        root = cpu_runner.CORE.parent.parent.parent
        command = ["gcc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", str(path)]
        command += [f"-I{root / 'shim'}", *(str(cpu_runner.CORE / f"{n}_launch.c") for n in ("opencl", "thread"))]
        subprocess.run(command, check=True, timeout=120)
        lib = ctypes.CDLL(str(path))
    lib.maf_opencl_set_functions.argtypes = [ctypes.c_void_p]
    lib.maf_opencl_launch_address.restype = ctypes.c_uint64
    return lib


class InstrDevice(OpenClDevice):
    """Kernels may be given as instructions instead of code bytes."""

    instrs: dict[int, list[Instr]]

    def _source(self, code: KernelCode) -> Any:
        return thread_source.lift(code, self.found.options, self.instrs.get(id(code)))


@lru_cache
def device(index: int) -> InstrDevice:
    lib = library()
    launcher = Launcher(lib.maf_opencl_set_functions, lib.maf_opencl_launch_address())
    dev = InstrDevice(opencl_runtime.devices()[index], launcher, Window(base=BASE, memory=OWN_BYTES))
    dev.instrs = {}
    dev.callback = _REPORT(dev.report)
    lib.maf_thread_set_report(dev.callback)
    return dev


_LAUNCH = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, cpu_runner._U3, cpu_runner._U3, ctypes.c_uint32, ctypes.c_char_p, ctypes.c_uint32
)


def launch(dev: InstrDevice, kernel: Any, grid: Any, block: Any, params: bytes, shared: int = 0) -> int:
    """0 or the cudaError_t."""
    grid, block = cpu_runner.three(grid), cpu_runner.three(block)
    address = dev.prepare(kernel, 0)
    run = _LAUNCH(dev.launcher.launch_address)
    return run(address, cpu_runner._U3(*grid), cpu_runner._U3(*block), shared, params, len(params))


class OwnMemory:
    """A device's own memory during one launch: each array lies between bytes that no kernel may write."""

    def __init__(self, dev: InstrDevice):
        self.dev, self.end, self.places = dev, GUARD, {}
        self.before = np.empty(OWN_BYTES, np.uint8)

    def address(self, array: np.ndarray) -> int:
        """The array's place, the same each time; it need not hold its contents yet."""
        if array.ctypes.data not in self.places:
            self.places[array.ctypes.data] = self.end
            self.end = (self.end + array.nbytes + GUARD + 255) & ~255
            assert self.end <= OWN_BYTES
        return BASE + self.places[array.ctypes.data]

    def _copy(self, host: np.ndarray, at: int, to_device: bool) -> None:
        cl, dev = self.dev.cl, self.dev
        memory = cl.Buffer.from_int_ptr(dev.struct.memory)
        if to_device:
            cl.enqueue_copy(dev.queue, memory, host, dst_offset=at, is_blocking=True)
        else:
            cl.enqueue_copy(dev.queue, host, memory, src_offset=at, is_blocking=True)

    def send(self, buffers: Mapping[int, np.ndarray]) -> None:
        for address, array in buffers.items():
            self._copy(array, address - BASE, True)
        self._copy(self.before, 0, False)

    def fetch(self, buffers: Mapping[int, np.ndarray]) -> None:
        """The arrays' new contents. Fails where the kernel wrote elsewhere."""
        after = np.empty_like(self.before)
        self._copy(after, 0, False)
        outside = np.ones(OWN_BYTES, bool)
        for address, array in buffers.items():
            part = slice(address - BASE, address - BASE + array.nbytes)
            array[...] = after[part].view(array.dtype).reshape(array.shape)
            outside[part] = False
        wrong = np.nonzero((after != self.before) & outside)[0]
        assert not wrong.size, (
            f"the kernel wrote to byte {wrong[0]} outside its arrays at {sorted(self.places.values())}"
        )


def check(case: opcode_cases.Case, index: int, threads: int | None = None) -> None:
    """One opcode case on a device; threads: fewer than those whose results are compared. Raises AssertionError."""
    dev = device(index)
    own = None if dev.found.shared else OwnMemory(dev)

    def run(instrs: list[Instr], kernel: KernelCode, params: bytes, buffers: Mapping[int, np.ndarray]) -> None:
        dev.instrs[id(kernel)] = instrs
        dev._keep.append(kernel)  # ids stay unique
        if own:
            own.send(buffers)
        error = launch(dev, dev.load(kernel, {}), 1, threads or kernel.max_threads, params)
        assert error == 0, f"launch failed with {error}"
        if own:
            own.fetch(buffers)

    opcode_cases.check(case, run, own.address if own else lambda array: array.ctypes.data)
