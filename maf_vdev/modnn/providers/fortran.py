"""BLAS and LAPACK routines of scipy-openblas32 as plans that the executor's core replays (op_fortran.c)."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from maf_vdev.modnn import native
from maf_vdev.modnn.providers import openblas
from maf_vdev.modnn.registry import Plan

ffi = native.ffi
ffi.cdef((native.CORE / "op_fortran.h").read_text())

CONSTANT, OPERAND, SCRATCH, SCALAR = range(4)
# Multiplications worth a task of the launch pool.
TASK = 1 << 16


class Operand(int):
    """Placeholder of an argument: the operand of that number."""


@dataclass(frozen=True)
class Work:
    """An argument in the thread's scratch memory."""

    bytes: int


ALPHA, BETA = (SCALAR, 0), (SCALAR, 1)


def closure(name: str, arguments: Sequence[Any], batch: int, cost: float) -> tuple[Any, Any]:
    """struct maf_fortran that calls `name`, and what it needs alive.

    arguments: an Operand, a Work, ALPHA or BETA, an int (by reference), one letter as str (its hidden length follows
    all arguments), or a numpy array. cost: multiplications of one problem.
    """
    f = ffi.new("struct maf_fortran *")
    function = getattr(openblas.library(), f"scipy_{name}_")
    f.function = ffi.cast("void *", ctypes.cast(function, ctypes.c_void_p).value)
    keep: list[Any] = []
    places: list[tuple[int, int]] = []
    offset = 0
    for argument in arguments:
        if isinstance(argument, Work):
            places.append((SCRATCH, offset))
            offset += -(-argument.bytes // 64) * 64
        elif isinstance(argument, Operand):
            places.append((OPERAND, int(argument)))
        elif isinstance(argument, tuple):
            places.append(argument)
        else:
            value = argument
            if isinstance(argument, str):
                value = np.frombuffer(argument.encode(), np.uint8)
            elif not isinstance(argument, np.ndarray):
                value = np.array([int(argument)], np.int32)
            keep.append(value)
            places.append((CONSTANT, value.ctypes.data))
    places += [(CONSTANT, 1)] * sum(isinstance(argument, str) for argument in arguments)
    for i, (place, value) in enumerate(places):
        f.arguments[i].place, f.arguments[i].value = place, value
    f.batch, f.scratch_bytes = batch, offset
    f.grain = max(1, int(TASK / max(cost, 1)))
    f.info = f.pivots = f.alpha_type = f.beta_type = -1
    return f, keep


def plan(f: Any, keep: Any) -> Plan:
    """The closure as a plan."""
    return native.plan("openblas", "maf_fortran_run", f, (keep, openblas.library()))
