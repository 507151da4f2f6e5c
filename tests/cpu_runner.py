"""Run kernels on the CPU launcher from tests, without an executor."""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from kernel_runner import variable_bytes

from maf_vdev.devices.cpu import DRIVER_FUNCTIONS, CpuDevice, CpuKernel
from maf_vdev.translator import compile
from maf_vdev.translator.cubin import Cubin, KernelCode
from maf_vdev.translator.ir import Instr

CORE = Path(__file__).resolve().parent.parent / "maf_vdev" / "executor" / "core"
SOURCES = (
    "cpu_launch.c",
    "cpu_pool.c",
    "cpu_effects.c",
    "cpu_heap.c",
    "cpu_texture.c",
    "cpu_fibre.c",
    "cpu_fibre_x86.S",
)
_U3 = ctypes.c_uint32 * 3
_SLOW = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint64)


@lru_cache
def launcher(*options: str) -> ctypes.CDLL:
    """The launcher built as a library of its own. options: of the compiler."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "libcpu.so")
        command = ["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", *options]
        command += [f"-I{CORE.parents[2] / 'shim'}", "-o", str(path)]
        subprocess.run([*command, *(str(CORE / s) for s in SOURCES), "-lpthread", "-lm"], check=True, timeout=120)
        lib = ctypes.CDLL(str(path))
    lib.maf_cpu_launch.argtypes = [ctypes.c_void_p, _U3, _U3, ctypes.c_uint32, ctypes.c_char_p, ctypes.c_uint32]
    lib.maf_cpu_set_threads.argtypes = [ctypes.c_int]
    return lib


class InstrDevice(CpuDevice):
    """A device whose kernels may be given as instructions instead of code bytes; nothing is cached on disk."""

    def __init__(self, form: str | None = None):
        super().__init__()
        self.instrs: dict[int, list[Instr]] = {}
        self.form = form
        self.callback = _SLOW(self.prepare_slow)

    def _choice(self) -> str:
        return self.form or super()._choice()

    def _form(self, code: KernelCode, variant: int) -> str:
        return self.form or super()._form(code, variant)

    def _code(self, code: KernelCode, variant: int, form: str) -> Any:
        key = f"{id(code)}/{variant}/{form}"
        if key not in self._loaded:
            obj, meta = compile.compile_kernel(code, variant, form, self.instrs.get(id(code)))
            self._loaded[key] = self._loader.load(obj, meta.entry, code.name), meta
        return self._loaded[key]


@lru_cache
def device(form: str | None = None) -> InstrDevice:
    return InstrDevice(form)


def variant_of(block: Sequence[int]) -> int:
    """As the executor's core chooses it."""
    return int(block[0] % 32 == 0 or (block[1] == 1 and block[2] == 1))


def three(x: Any) -> tuple[int, int, int]:
    return tuple(x) + (1,) * (3 - len(x)) if isinstance(x, tuple) else (x, 1, 1)  # type: ignore[return-value]


def launch(
    dev: InstrDevice,
    kernel: CpuKernel,
    grid: Any,
    block: Any,
    params: bytes,
    shared: int = 0,
    variant: int | None = None,
) -> int:
    """0 or the cudaError_t."""
    lib = launcher()
    lib.maf_cpu_set_slow_callback(dev.callback)
    grid, block = three(grid), three(block)
    address = dev.prepare(kernel, variant_of(block) if variant is None else variant)
    return lib.maf_cpu_launch(address, _U3(*grid), _U3(*block), shared, params, len(params))


class CudaKernel:
    """One kernel of a cubin; call ``run(grid, block, *arguments)``: arrays by address, NumPy scalars and bytes by value."""

    def __init__(self, cubin: Cubin, name: str, form: str | None = None):
        self.code = cubin.kernel(name)
        self.device = device(form)
        self.keep: list[Any] = [self.code]
        banks: dict[int, int] = {}
        known = {**DRIVER_FUNCTIONS, **cubin.functions}
        self.variables: dict[str, np.ndarray] = {}
        for number, data in self.code.banks.items():
            image = bytearray(data)
            for r in self.code.relocations:
                if r.bank == number:
                    if r.symbol not in known:
                        data = variable_bytes(cubin, r.symbol) + bytes(8)
                        self.variables[r.symbol] = np.frombuffer(data, np.uint8).copy()
                        known[r.symbol] = self.variables[r.symbol].ctypes.data
                    struct.pack_into("<Q", image, r.offset, known[r.symbol] + r.addend)
            array = np.frombuffer(bytes(image) + bytes(64), np.uint8).copy()
            self.keep.append(array)
            banks[number] = array.ctypes.data
        self.kernel = self.device.load(self.code, banks)

    def run(self, grid: Any, block: Any, *arguments: Any, shared: int = 0, variant: int | None = None) -> int:
        packed = bytearray(self.code.param_bytes)
        if len(arguments) != len(self.code.params):
            raise ValueError(f"{self.code.name} has {len(self.code.params)} parameters")
        for (offset, size), value in zip(self.code.params, arguments):
            if isinstance(value, np.ndarray):
                data = struct.pack("<Q", value.ctypes.data)
            else:
                data = value if isinstance(value, bytes) else np.asarray(value).tobytes()
            if len(data) != size:
                raise ValueError(f"parameter at {offset}: {len(data)} bytes for {size}")
            packed[offset : offset + size] = data
        return launch(self.device, self.kernel, grid, block, bytes(packed), shared, variant)


def run_instrs(form: str | None = None) -> Any:
    """opcode_cases' Run for this back end."""

    def run(instrs: list[Instr], kernel: KernelCode, params: bytes, buffers: Mapping[int, np.ndarray]) -> None:
        dev = device(form)
        dev.instrs[id(kernel)] = instrs
        loaded = dev.load(kernel, {})
        dev.keep = getattr(dev, "keep", [])  # type: ignore[attr-defined]
        dev.keep.append(kernel)  # ids stay unique
        error = launch(dev, loaded, 1, kernel.max_threads, params)
        assert error == 0, f"launch failed with {error}"

    return run


FORMS = [f for f in ("slow", "fast") if os.environ.get("MAF_EMIT") in (None, f)]
