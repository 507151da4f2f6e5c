"""Device kinds. A device turns kernels into something its launcher runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ..translator.cubin import KernelCode


class Device(Protocol):
    def load(self, code: KernelCode, bank_addresses: Mapping[int, int]) -> Any:
        """Take a kernel whose constant banks lie at these addresses. Compiles nothing."""
        ...

    def prefetch(self, kernel: Any) -> bool:
        """Start compiling in the background what the cache does not have. True when it has everything."""
        ...

    def prepare(self, kernel: Any, variant: int) -> int:
        """Address of what the launcher needs for launches of this variant; compiles if it must."""
        ...
