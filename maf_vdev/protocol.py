"""shim/protocol.h as cffi declarations: the command stream's structs and enums, defined once in C.

``ffi`` knows every struct of the header; ``constant("MAF_OP_GEMM")`` gives an enumerator and
``enum("maf_dtype")`` a whole enum. An installed package carries a copy of the header beside this file.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path

import cffi

_HERE = Path(__file__).resolve().parent
HEADER_PLACES = (_HERE / "protocol.h", _HERE.parent / "shim" / "protocol.h")


def header_path() -> Path:
    """Where protocol.h is: beside this file when installed, in shim/ in a source tree."""
    for path in HEADER_PLACES:
        if path.is_file():
            return path
    raise FileNotFoundError(f"protocol.h not found in {', '.join(map(os.fspath, HEADER_PLACES))}")


ffi = cffi.FFI()
ffi.cdef(header_path().read_text())


@functools.cache
def enum(name: str) -> dict[str, int]:
    """Enumerators of ``enum name``, by name."""
    return dict(ffi.typeof(f"enum {name}").relements)


@functools.cache
def _constants() -> object:
    return ffi.dlopen(None)


def constant(name: str) -> int:
    """Value of one enumerator of the header, of a named or of an anonymous enum."""
    return int(getattr(_constants(), name))


def unpack(struct: str, data: bytes) -> object:
    """A copy of `data` as ``struct struct``; ValueError when the size differs."""
    size = ffi.sizeof(f"struct {struct}")
    if len(data) != size:
        raise ValueError(f"struct {struct} has {size} bytes, got {len(data)}")
    record = ffi.new(f"struct {struct} *")
    ffi.buffer(record)[:] = data
    return record


def pack(record: object) -> bytes:
    """The bytes of a struct made by ``ffi.new``."""
    return bytes(ffi.buffer(record))
