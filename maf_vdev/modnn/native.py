"""The compiled part of moDNN: plans' native functions in the executor's core, and their closures.

Closures are C structs of maf_vdev/executor/core/op_*.h; `ffi` knows them. The core is used by symbol
name, so that this module needs nothing of the executor's Python.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cffi

from maf_vdev.modnn.registry import Plan

CORE = Path(__file__).resolve().parents[1] / "executor" / "core"
CORE_MODULE = "maf_vdev.executor._core"

ffi = cffi.FFI()
ffi.cdef((CORE / "op_gemm.h").read_text())


@functools.cache
def core() -> ctypes.CDLL:
    """The core's shared object. OSError if it is not built."""
    spec = importlib.util.find_spec(CORE_MODULE)
    if spec is None or spec.origin is None:
        raise OSError(f"{CORE_MODULE} is not built")
    return ctypes.CDLL(spec.origin)


@functools.cache
def function(name: str) -> int:
    """Address of one exported function of the core."""
    try:
        return ctypes.cast(getattr(core(), name), ctypes.c_void_p).value or 0
    except AttributeError:
        raise OSError(f"{CORE_MODULE} has no {name}") from None


def address(name: str) -> int:
    """What an exported function ``uint64_t f(void)`` of the core gives: the address of one that is not exported."""
    return ctypes.CFUNCTYPE(ctypes.c_uint64)(function(name))()


_CALL = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)


def plan(provider: str, name: str, closure: Any, keep: Any = None) -> Plan:
    """A plan that is the core function `name` with `closure`, a struct made by ffi.new."""
    address, data = function(name), int(ffi.cast("uintptr_t", closure))
    call = _CALL(address)

    def run(ptrs: Sequence[int], scalars: bytes, keep: Any = (closure, keep)) -> None:
        array = (ctypes.c_uint64 * len(ptrs))(*ptrs)
        error = call(data, ctypes.addressof(array), scalars)
        if error:
            raise RuntimeError(f"{name} returned {error}")

    return Plan(provider, run, native=(address, data), keep=(closure, keep))
