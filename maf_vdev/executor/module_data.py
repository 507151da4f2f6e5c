"""A module's data in device memory: variables, string literals, constant banks, relocated addresses.

It lives in the system part of the SDA's device window, so that device addresses of variables are
device pointers like any other (cudaMemcpyToSymbol is a copy to one).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from maf_vdev.devices.cpu import function_address
from maf_vdev.executor._core import ffi, lib
from maf_vdev.executor.images import ImageError
from maf_vdev.translator.cubin import Cubin, KernelCode, Relocation

ERROR_MEMORY_ALLOCATION = 2
USER_CONSTANT_BANK = 3
_DATA_SECTIONS = (".nv.global", ".nv.global.init", ".nv.constant3")
_PAGE = 4096


@dataclass
class SystemMemory:
    """The system part of one SDA's window: allocation in order, never given back while the process lives.

    Its first page stays unused, so that no variable has the window's own address.
    """

    base: int
    size: int
    _next: int = field(init=False)

    def __post_init__(self) -> None:
        self._next = self.base + _PAGE

    def allocate(self, size: int, alignment: int = 256) -> int:
        """Zeroed memory. Raises ImageError when the part is full."""
        address = -(-self._next // alignment) * alignment
        if address + size > self.base + self.size:
            raise ImageError(ERROR_MEMORY_ALLOCATION, "the modules' data do not fit in the SDA's system memory")
        self._next = address + size
        return address

    def place(self, contents: bytes, size: int = 0, alignment: int = 256) -> int:
        """Memory that starts with `contents`."""
        size = max(size, len(contents))
        address = self.allocate(max(size, 1), alignment)
        store(address, contents.ljust(size, b"\0") if lib.maf_own_active() else contents)
        return address


def store(address: int, contents: bytes) -> None:
    """Write bytes at an address of device memory."""
    if contents and lib.maf_own_active():
        lib.maf_own_write(address, ffi.from_buffer(contents), len(contents))
    elif contents:
        ffi.buffer(ffi.cast("char *", address), len(contents))[:] = contents


class ModuleData:
    """One module's data for one SDA."""

    def __init__(self, cubin: Cubin, memory: SystemMemory) -> None:
        self._cubin = cubin
        self._memory = memory
        self._sections: dict[str, int] = {}
        self._module_banks: dict[tuple[int, bytes], int] = {}
        for name in _DATA_SECTIONS:
            contents, size = cubin.section(name)
            if size:
                alignment = max(256, cubin.section_alignment(name))
                self._sections[name] = memory.place(contents, size, alignment)
        for name, address in self._sections.items():
            self._relocate(address, cubin.data_relocations(name))

    def symbol(self, name: str) -> tuple[int, int] | None:
        """(device address, size) of a variable, None if the module has none of that name."""
        variable = self._cubin.variables.get(name)
        if variable is None or variable.section not in self._sections:
            return None
        return self._sections[variable.section] + variable.offset, variable.size

    def kernel_banks(self, code: KernelCode) -> dict[int, int]:
        """Addresses of a kernel's constant banks. Banks with equal contents are shared by the module's kernels."""
        banks = {}
        for bank, contents in code.banks.items():
            if bank == USER_CONSTANT_BANK and ".nv.constant3" in self._sections:
                banks[bank] = self._sections[".nv.constant3"]
                continue
            moves = tuple(move for move in code.relocations if move.bank == bank)
            key = (bank, contents, moves)
            if key not in self._module_banks:
                address = self._memory.place(contents)
                self._relocate(address, moves)
                self._module_banks[key] = address
            banks[bank] = self._module_banks[key]
        return banks

    def _relocate(self, address: int, moves: tuple[Relocation, ...]) -> None:
        for move in moves:
            store(address + move.offset, (self._target(move.symbol) + move.addend).to_bytes(8, "little"))

    def _target(self, symbol: str) -> int:
        found = self.symbol(symbol)
        if found is not None:
            return found[0]
        if symbol in self._sections:
            return self._sections[symbol]
        code = self._cubin.functions.get(symbol)
        return function_address(symbol) if code is None else code
