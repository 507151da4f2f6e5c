"""Run kernels in the HIP dialect from tests: on the stand-in of libamdhip64, which compiles them for the host."""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import cpu_runner
import numpy as np

from maf_vdev.devices import hip, hip_runtime
from maf_vdev.translator import thread_source
from maf_vdev.translator.cubin import KernelCode
from maf_vdev.translator.ir import Instr

FIXTURES = Path(__file__).parent / "fixtures"
_REPORT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint64)
_LAUNCH = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, cpu_runner._U3, cpu_runner._U3, ctypes.c_uint32, ctypes.c_char_p, ctypes.c_uint32
)


def build(folder: Path, *sources: str) -> Path:
    """The stand-in, or with sources a library of these fixtures that needs it."""
    path = folder / ("libamdhip64.so" if not sources else f"lib{Path(sources[0]).stem}.so")
    command = ["gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", str(path)]
    files = [str(FIXTURES / name) for name in sources or ("hip_standin.c",)]
    libraries = ["-ldl"] if not sources else [str(folder / "libamdhip64.so"), f"-Wl,-rpath,{folder}", "-lm"]
    subprocess.run([*command, *files, *libraries], check=True, timeout=60)
    return path


def variables(standin: Path) -> dict[str, str]:
    """Environment in which the HIP device is the stand-in."""
    return {"MAF_HIP_LIBRARY": str(standin), "MAF_HIP_HEADER": str(FIXTURES / "hip_standin.h")}


@contextmanager
def environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


class InstrDevice(hip.HipDevice):
    """Kernels may be given as instructions instead of code bytes."""

    instrs: dict[int, list[Instr]]

    def _source(self, code: KernelCode) -> Any:
        return thread_source.lift(code, self.options, self.instrs.get(id(code)))


@lru_cache
def device() -> InstrDevice:
    """The stand-in's device, which reads this process's memory."""
    folder = Path(tempfile.mkdtemp(prefix="maf-hip-"))
    root = cpu_runner.CORE.parent.parent.parent
    path = folder / "libhip_launch.so"
    command = ["gcc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", str(path)]
    command += [f"-I{root / 'shim'}", *(str(cpu_runner.CORE / f"{n}_launch.c") for n in ("hip", "thread"))]
    subprocess.run(command, check=True, timeout=120)
    lib = ctypes.CDLL(str(path))
    lib.maf_hip_set_functions.argtypes = [ctypes.c_void_p]
    lib.maf_hip_launch_address.restype = ctypes.c_uint64
    with environment(**variables(build(folder)), MAF_HIP_PAGEABLE="1"):
        hip_runtime.hip.cache_clear()
        launcher = hip.Launcher(lib.maf_hip_set_functions, lib.maf_hip_launch_address())
        dev = InstrDevice(hip_runtime.find("hip:0"), launcher)
        hip_runtime.hip.cache_clear()
    dev.instrs = {}
    dev.callback = _REPORT(dev.report)
    lib.maf_thread_set_report(dev.callback)
    return dev


def run_instrs(instrs: list[Instr], kernel: KernelCode, params: bytes, buffers: Mapping[int, np.ndarray]) -> None:
    """opcode_cases' Run."""
    dev = device()
    dev.instrs[id(kernel)] = instrs
    dev._keep.append(kernel)  # ids stay unique
    with environment(MAF_HIP_HEADER=str(FIXTURES / "hip_standin.h")):
        address = dev.prepare(dev.load(kernel, {}), 0)
    grid, block = cpu_runner._U3(1, 1, 1), cpu_runner._U3(kernel.max_threads, 1, 1)
    error = _LAUNCH(dev.launcher.launch_address)(address, grid, block, 0, params, len(params))
    assert error == 0, f"launch failed with {error}"
