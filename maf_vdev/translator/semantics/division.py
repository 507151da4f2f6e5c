"""FDIV, FRCP, FSQRT: what passes/division.py puts in place of whole sequences; the machine has no such instructions."""

from __future__ import annotations

from ..builder import Builder
from ..ir import Instr
from .core import getf, op, putf


@op("FDIV")
def fdiv(b: Builder, instr: Instr) -> None:
    dst, x, y = instr.operands
    putf(b, dst, b.fdiv(getf(b, x), getf(b, y)))


@op("FRCP")
def frcp(b: Builder, instr: Instr) -> None:
    dst, x = instr.operands
    putf(b, dst, b.frcp(getf(b, x)))


@op("FSQRT")
def fsqrt(b: Builder, instr: Instr) -> None:
    dst, x = instr.operands
    putf(b, dst, b.fsqrt(getf(b, x)))
