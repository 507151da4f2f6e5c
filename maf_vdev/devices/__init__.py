"""Device kinds. A device turns kernels into something its launcher runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..translator.cubin import KernelCode
from .overrides import Override

if TYPE_CHECKING:
    from ..modnn.registry import Plan


@dataclass(frozen=True)
class Window:
    """Where the SDAs' device memory is in this process: base and bytes of address space, the file that it shows (-1:
    none), and the bytes from base on that the SDA may use, if there is one SDA (0: there are several)."""

    base: int = 0
    bytes: int = 0
    file: int = -1
    memory: int = 0


class Device(Protocol):
    note: str  # for the run's record, empty for the CPU
    foreign_compiler: bool  # a driver compiles kernels in this process, and may crash

    def load(self, code: KernelCode, bank_addresses: Mapping[int, int]) -> Any:
        """Take a kernel whose constant banks lie at these addresses. Compiles nothing."""
        ...

    def override(self, code: KernelCode) -> Override | None:
        """What runs the kernel's launches in its place, as far as it does not decline them."""
        ...

    def plan(self, kind: int, description: bytes, host: Plan) -> Plan:
        """An operation by the device's own kernels where it has them, else `host`, which has been planned for it.
        kind, description: as for modnn.registry.make_plan."""
        ...

    def prefetch(self, kernel: Any) -> bool:
        """Start compiling in the background what the cache does not have. True when it has everything."""
        ...

    def prepare(self, kernel: Any, variant: int) -> int:
        """Address of what the launcher needs for launches of this variant; compiles if it must."""
        ...


class DeviceError(Exception):
    """A device that does not exist or does not start. One line for the user. error: what CUDA calls give then."""

    error = 46  # cudaErrorDevicesUnavailable


def chosen() -> str:
    """The device that MAF_DEVICE names: cpu, opencl:N, opencl:TEXT, hip:N."""
    return os.environ.get("MAF_DEVICE") or "cpu"


def open_device(name: str, window: Window) -> Device:
    """The device of a name, inside an executor. Raises DeviceError."""
    kind = name.partition(":")[0]
    if kind == "cpu":
        from .cpu import CpuDevice

        return CpuDevice()
    if kind == "opencl":
        from . import opencl

        return opencl.open_in_executor(name, window)
    if kind == "hip":
        from . import hip

        return hip.open_in_executor(name, window)
    raise DeviceError(f"no device '{name}' (known: cpu, opencl:N, hip:N)")


# What a machine with a GPU has; looking for drivers' devices takes up to a second.
GPU_NODES = ("dri/renderD*", "kfd", "nvidiactl", "dxg")


def default() -> str:
    """The device for programs whose user names none: a GPU where there is one, by OpenCL or else by HIP; else the CPU."""
    if not any(next(Path("/dev").glob(node), None) for node in GPU_NODES):
        return "cpu"
    from . import hip_runtime, opencl_runtime

    found = opencl_runtime.gpu()
    if found:
        return f"opencl:{found.index}"
    by_hip = hip_runtime.gpu()
    return f"hip:{by_hip.index}" if by_hip else "cpu"


def own_memory(name: str) -> int:
    """Bytes that a device of this name offers of memory of its own; 0 where it works on the host's."""
    kind = name.partition(":")[0]
    if kind == "opencl":
        from . import opencl_runtime as runtime
    elif kind == "hip":
        from . import hip_runtime as runtime
    else:
        return 0
    found = runtime.find(name)
    return 0 if found.shared else max(found.offered_bytes, 1 << 20)


def check(name: str) -> str:
    """The name, if such a device can be had: cpu, ``opencl:N`` or hip:N. Raises DeviceError."""
    kind = name.partition(":")[0]
    if name == "cpu":
        return name
    if kind == "opencl":
        from . import opencl_runtime

        return f"opencl:{opencl_runtime.find(name).index}"
    if kind == "hip":
        from . import hip_runtime

        return f"hip:{hip_runtime.find(name).index}"
    raise DeviceError(f"device '{name}' is not available (known: cpu, opencl:N, opencl:NAME, hip:N)")
