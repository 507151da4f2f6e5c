"""What threads of a kernel reported through the status area: failed assertions, traps, printf.

Layout: emit/thread_common.h. Strings lie in device memory, which this process can read.
"""

from __future__ import annotations

import ctypes
import re
import struct
from collections.abc import Callable
from typing import Any, TextIO

from ..translator.emit import abi
from ..translator.emit.thread_builder import ERROR_ASSERT, ERROR_LAUNCH, PRINT_BYTES
from ..translator.emit.thread_kernel import PRINT_WORDS, STATUS_WORDS
from .cpu import DRIVER_FUNCTIONS

RECORD_WORDS = PRINT_BYTES // 4 + 2
_SPEC = re.compile(r"%([-+ #0]*)(\*|\d+)?(?:\.(\*|\d+))?(hh|h|ll|l|j|z|t|L)?([a-zA-Z%])")
ReadString = Callable[[int], str]


def read_string(address: int) -> str:
    """The zero-terminated string at an address of this process."""
    if not address:
        return "(null)"
    return ctypes.string_at(address).decode(errors="replace")


def format_text(form: str, arguments: bytes, string: ReadString = read_string) -> str:
    """printf's text. arguments: packed with their natural alignment (CUDA ABI of vprintf)."""
    at = 0

    def take(code: str, size: int) -> Any:
        nonlocal at
        at = (at + size - 1) // size * size
        (value,) = struct.unpack_from(code, arguments.ljust(at + size, b"\0"), at)
        at += size
        return value

    def one(match: re.Match[str]) -> str:
        flags, width, precision, length, kind = match.groups()
        if kind == "%":
            return "%"
        if width == "*":
            width = str(take("<i", 4))
        if precision == "*":
            precision = str(take("<i", 4))
        spec = f"%{flags}{width or ''}{'.' + precision if precision is not None else ''}"
        if kind in "diuoxXc":
            wide = length in ("l", "ll", "j", "z", "t")
            code = ("q" if wide else "i") if kind in "di" else ("Q" if wide else "I")
            value = take("<" + code, 8 if wide else 4)
            if length in ("h", "hh"):
                bits = 16 if length == "h" else 8
                value &= (1 << bits) - 1
                if kind in "di" and value >> (bits - 1):
                    value -= 1 << bits
            return (
                spec % chr(value & 0xFF)
                if False
                else (spec + kind.replace("u", "d")) % (value & 0xFF if kind == "c" else value)
            )
        if kind in "fFeEgG":
            return (spec + kind) % take("<d", 8)
        if kind in "aA":
            return float.hex(take("<d", 8))
        if kind == "s":
            return (spec + "s") % string(take("<Q", 8))
        if kind == "p":
            return f"{take('<Q', 8):#x}"
        return match.group(0)

    return _SPEC.sub(one, form)


def _assertion(words: Any, string: ReadString) -> str:
    def pair(n: int) -> int:
        return words[n] | words[n + 1] << 32

    block, thread = ([words[n + k] for k in range(3)] for n in (2, 5))
    return (
        f"{string(pair(10))}:{words[12]}: {string(pair(14))}: block: [{block[0]},{block[1]},{block[2]}], "
        f"thread: [{thread[0]},{thread[1]},{thread[2]}] Assertion `{string(pair(8))}` failed.\n"
    )


def show(words: Any, name: str, out: TextIO, err: TextIO, string: ReadString = read_string) -> int:
    """Print the status area of a launch of kernel ``name``; the cudaError_t of the thread that failed, or 0."""
    used = min(words[20], PRINT_WORDS) // RECORD_WORDS * RECORD_WORDS
    for at in range(STATUS_WORDS, STATUS_WORDS + used, RECORD_WORDS):
        form = string(words[at] | words[at + 1] << 32)
        data = struct.pack(f"<{RECORD_WORDS - 2}I", *(words[at + 2 + k] for k in range(RECORD_WORDS - 2)))
        out.write(format_text(form, data, string))
    if words[20] > PRINT_WORDS:
        err.write(f"maf-vdev: {name}: more printf output than the buffer of one launch holds\n")
    out.flush()
    error = words[0]
    if error == ERROR_ASSERT:
        err.write(_assertion(words, string))
    elif error == ERROR_LAUNCH:
        address = words[8] | words[9] << 32
        function = next((n for n, a in DRIVER_FUNCTIONS.items() if a == address), f"{address:#x}")
        if address >> 48 == abi.UNPROVIDED_HI:
            function = read_string(address & 0xFFFFFFFFFFFF)
        err.write(f"maf-vdev: kernel {name} calls {function}, a function that this device does not provide\n")
    err.flush()
    return error
