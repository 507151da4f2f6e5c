"""Device kinds. A device turns kernels into something its launcher runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Protocol

from ..translator.cubin import KernelCode
from .overrides import Override


class Device(Protocol):
    note: str  # for the run's record, empty for the CPU

    def load(self, code: KernelCode, bank_addresses: Mapping[int, int]) -> Any:
        """Take a kernel whose constant banks lie at these addresses. Compiles nothing."""
        ...

    def override(self, code: KernelCode) -> Override | None:
        """What runs the kernel's launches in its place, as far as it does not decline them."""
        ...

    def prefetch(self, kernel: Any) -> bool:
        """Start compiling in the background what the cache does not have. True when it has everything."""
        ...

    def prepare(self, kernel: Any, variant: int) -> int:
        """Address of what the launcher needs for launches of this variant; compiles if it must."""
        ...


class DeviceError(Exception):
    """A device that does not exist or does not start. One line for the user."""


def chosen() -> str:
    """The device that MAF_DEVICE names: cpu, opencl:N, opencl:TEXT, hip:N."""
    return os.environ.get("MAF_DEVICE") or "cpu"


def open_device(name: str, memory: tuple[int, int]) -> Device:
    """The device of a name, inside an executor. memory: base and bytes of device memory in this process.

    Raises DeviceError.
    """
    kind = name.partition(":")[0]
    if kind == "cpu":
        from .cpu import CpuDevice

        return CpuDevice()
    if kind == "opencl":
        from . import opencl

        return opencl.open_in_executor(name, memory)
    if kind == "hip":
        from . import hip

        return hip.open_in_executor(name, memory)
    raise DeviceError(f"no device '{name}' (known: cpu, opencl:N, hip:N)")


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
