"""One launch of a kernel of moDNN's own on a device that runs threads: what devices/device_ops.py needs to make it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from maf_vdev.modnn.gemm import BF16, C64, C128, F16, F32, F64, I8, I32, U8

# Suffixes of the access macros in device_access.h.
ACCESS = {F32: "f32", F64: "f64", F16: "f16", BF16: "bf16", I8: "i8", U8: "u8", I32: "i32", C64: "c64", C128: "c128"}
INT_MAX = 2**31 - 1


@dataclass(frozen=True)
class Traits:
    """Of a device, as far as kernels' shapes depend on it. kind: cpu, gpu, ... . units: compute units."""

    kind: str = "gpu"
    units: int = 16
    local_bytes: int = 32768
    group_limit: int = 256
    fp64: bool = True


@dataclass(frozen=True)
class Launch:
    """text: a file of this folder; kernel: its name there. sizes: the kernel's array s. groups: in each dimension.
    pointers: for p0, p1, ...: the place among the op's pointers, -1 for none. scalars: places of the real arguments
    among the op's scalars, which are doubles. wide: it computes in double. arrays: places of pointers that are device
    arrays of so many addresses."""

    text: str
    kernel: str
    defines: tuple[tuple[str, str], ...]
    sizes: tuple[int, ...]
    groups: tuple[int, int, int]
    group: tuple[int, int, int]
    pointers: tuple[int, ...]
    scalars: tuple[int, ...]
    wide: bool
    arrays: tuple[int, ...] = ()
    array_length: int = 0

    def source(self, dialect: str) -> str:
        """Program text. dialect: opencl or hip."""
        lines = [f"#define {name} {value}\n" for name, value in self.defines]
        lines.append(f"#define REAL {'double' if self.wide else 'float'}\n")
        if self.wide and dialect == "opencl":
            lines.append("#pragma OPENCL EXTENSION cl_khr_fp64 : enable\n")
        return "".join(lines) + _text(f"device_{dialect}.h") + _text("device_access.h") + _text(self.text)


@cache
def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text()
