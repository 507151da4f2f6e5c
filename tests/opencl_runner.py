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
import pytest

from maf_vdev.devices import opencl_runtime
from maf_vdev.devices.opencl import Launcher, OpenClDevice
from maf_vdev.translator import thread_source
from maf_vdev.translator.cubin import KernelCode
from maf_vdev.translator.ir import Instr

_REPORT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint64)


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
    dev = InstrDevice(opencl_runtime.devices()[index], launcher)
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


def run_instrs(index: int) -> Any:
    """opcode_cases' Run for a device."""

    def run(instrs: list[Instr], kernel: KernelCode, params: bytes, buffers: Mapping[int, np.ndarray]) -> None:
        dev = device(index)
        dev.instrs[id(kernel)] = instrs
        dev._keep.append(kernel)  # ids stay unique
        error = launch(dev, dev.load(kernel, {}), 1, kernel.max_threads, params)
        assert error == 0, f"launch failed with {error}"

    return run
