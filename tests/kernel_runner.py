"""Run kernels of a cubin on the interpreter with NumPy arguments; compile CUDA C++ when nvcc is installed."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from maf_vdev.devices.cpu import DRIVER_FUNCTIONS
from maf_vdev.translator import interpreter
from maf_vdev.translator.cubin import Cubin, KernelCode
from maf_vdev.translator.decode import decode_code
from maf_vdev.translator.ir import Instr
from maf_vdev.translator.memory_map import Memory

NVCC = shutil.which("nvcc") or next(
    (str(p) for p in Path("/usr/local").glob("cuda*/bin/nvcc") if os.access(p, os.X_OK)), None
)


@lru_cache(maxsize=64)
def compile_cuda(source: str, *options: str) -> Cubin:
    """The sm_75 cubin of CUDA C++ text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kernel.cu")
        path.write_text(source)
        command = [NVCC, "-cubin", "-arch=sm_75", *options, "-o", f"{folder}/kernel.cubin", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return Cubin(Path(folder, "kernel.cubin").read_bytes())


def variable_bytes(cubin: Cubin, name: str) -> bytes:
    """Initial contents of a module's variable, addresses of functions in it filled in."""
    variable = cubin.variables[name]
    data = bytearray((variable.data or b"").ljust(max(variable.size, 1), b"\0"))
    for move in cubin.data_relocations(variable.section):
        at = move.offset - variable.offset
        if 0 <= at < variable.size and move.symbol in cubin.functions:
            struct.pack_into("<Q", data, at, cubin.functions[move.symbol] + move.addend)
    return bytes(data)


@dataclass
class Kernel:
    """One kernel of a cubin, ready to run; call it like ``kernel[grid, block](arguments)``."""

    cubin: Cubin
    code: KernelCode
    instrs: list[Instr]

    @classmethod
    def load(cls, cubin: Cubin, name: str) -> Kernel:
        code = cubin.kernel(name)
        return cls(cubin, code, decode_code(code))

    def banks(self, memory: Memory, addresses: dict[str, int]) -> dict[int, bytes]:
        """Constant banks with relocations applied; module variables are placed in memory."""
        banks = {n: bytearray(data) for n, data in self.code.banks.items()}
        known = {**DRIVER_FUNCTIONS, **self.cubin.functions, **addresses}
        for r in self.code.relocations:
            if r.symbol not in known:
                known[r.symbol] = memory.add(np.frombuffer(variable_bytes(self.cubin, r.symbol), np.uint8).copy())
            struct.pack_into("<Q", banks[r.bank], r.offset, known[r.symbol] + r.addend)
        return {n: bytes(data) for n, data in banks.items()}

    def run(
        self, grid: Any, block: Any, *arguments: Any, shared: int = 0, memory: Memory | None = None, **options: Any
    ) -> int:
        """Arguments: arrays are passed by address, NumPy scalars and bytes by value."""
        grid, block = (tuple(x) + (1,) * (3 - len(x)) if isinstance(x, tuple) else (x, 1, 1) for x in (grid, block))
        memory = memory or Memory()
        packed = bytearray(self.code.param_bytes)
        if len(arguments) != len(self.code.params):
            raise ValueError(f"{self.code.name} has {len(self.code.params)} parameters")
        for (offset, size), value in zip(self.code.params, arguments):
            if isinstance(value, np.ndarray):
                data = struct.pack("<Q", memory.add(value))
            else:
                data = value if isinstance(value, bytes) else np.asarray(value).tobytes()
            if len(data) != size:
                raise ValueError(f"parameter at {offset}: {len(data)} bytes for {size}")
            packed[offset : offset + size] = data
        return interpreter.run(
            self.code,
            self.instrs,
            grid,
            block,
            bytes(packed),
            memory,
            dynamic_shared=shared,
            banks=self.banks(memory, {}),
            externals={address: name for name, address in DRIVER_FUNCTIONS.items()},
            **options,
        )
