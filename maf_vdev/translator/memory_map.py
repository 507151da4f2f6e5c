"""Global memory of the interpreter: address ranges backed by NumPy byte arrays, every access checked."""

from __future__ import annotations

import bisect
from collections.abc import Callable

import numpy as np

Array = np.ndarray

# Generic windows: far from any user address; 16 MiB each, aligned to their size (see interpreter).
SHARED_WINDOW = 0x00FF_0000_0000_0000
LOCAL_WINDOW = 0x00FF_0000_0100_0000
WINDOW_BYTES = 1 << 24


class MemoryFault(Exception):
    """An access outside every buffer, or not aligned to its size. Names kernel, instruction and address."""


class Memory:
    """Maps addresses to buffers. ``add`` places a copy-free view of an array; accesses go to the array itself."""

    def __init__(self) -> None:
        self._bases: list[int] = []
        self._buffers: list[Array] = []
        self._next = 0x7000_0000_0000
        self.heap_bytes = 8 << 20  # CUDA's default of cudaLimitMallocHeapSize
        self._heap: dict[int, int] = {}  # address -> bytes
        self._heap_used = 0

    def add(self, array: Array, address: int | None = None) -> int:
        """Back [address, address + nbytes) with a C-contiguous array; returns the address (a multiple of 256)."""
        flat = array.reshape(-1).view(np.uint8)
        if not np.shares_memory(flat, array) and array.size:
            raise ValueError("the array is not contiguous")
        if address is None:
            address = self._next
            # A gap after each buffer makes an overrun fault instead of reaching the next one.
            self._next += (flat.size + 0x1FF) & ~0xFF
        if address % 16:
            raise ValueError("buffers start at multiples of 16")
        at = bisect.bisect(self._bases, address)
        self._bases.insert(at, address)
        self._buffers.insert(at, flat)
        return address

    def allocate(self, size: int, alignment: int = 16) -> int:
        """A block of the heap of device code; 0 where it does not fit."""
        if size + self._heap_used > self.heap_bytes or alignment > 256 or alignment & (alignment - 1):
            return 0
        address = self.add(np.zeros(max(size, 1), np.uint8))
        self._heap[address] = size
        self._heap_used += size
        return address

    def release(self, address: int) -> None:
        """Give back what ``allocate`` gave. Raises MemoryFault for any other address but 0."""
        if not address:
            return
        if address not in self._heap:
            raise MemoryFault(f"free of {address:#x}, which malloc has not given")
        self._heap_used -= self._heap.pop(address)
        at = self._bases.index(address)
        del self._bases[at], self._buffers[at]

    def find(self, address: int) -> tuple[int, Array] | None:
        """Base and bytes of the buffer that holds ``address``."""
        at = bisect.bisect(self._bases, address) - 1
        if at < 0 or address >= self._bases[at] + self._buffers[at].size:
            return None
        return self._bases[at], self._buffers[at]

    def access(self, addr: Array, size: int, value: Array | None, fault: Callable[[int, str], Exception]) -> Array:
        """Gather or scatter ``size`` (a power of two, aligned) bytes at each address of a 1-D u64 array."""
        out = np.zeros(addr.shape, f"u{size}")
        todo = np.ones(addr.shape, bool)
        while todo.any():
            first = int(addr[np.argmax(todo)])
            found = self.find(first)
            if found is None or first + size > found[0] + found[1].size:
                raise fault(first, f"{'load' if value is None else 'store'} of {size} bytes outside all buffers")
            base, data = found
            here = todo & (addr >= np.uint64(base)) & (addr <= np.uint64(base + data.size - size))
            index = (addr[here] - np.uint64(base)).astype(np.int64)
            if size > 1:
                usable = data[: data.size // size * size]
                aligned = usable.ctypes.data % size == 0
                flat = usable.view(f"u{size}") if aligned else None
                if flat is None:
                    raise ValueError("buffer is not aligned in host memory")
                index //= size
            else:
                flat = data
            if value is None:
                out[here] = flat[index]
            else:
                flat[index] = value[here]
            todo &= ~here
        return out if value is None else value

    def read(self, address: int, size: int) -> bytes:
        """Bytes of one buffer, for strings and the like."""
        found = self.find(address)
        if found is None:
            raise MemoryFault(f"read of {size} bytes at {address:#x}")
        return found[1][address - found[0] : address - found[0] + size].tobytes()
