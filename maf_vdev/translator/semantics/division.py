"""FDIV, FRCP, FSQRT, DDIV, DRCP, DSQRT: what passes/division.py puts in place of whole sequences; the machine has no such instructions."""

from __future__ import annotations

from ..builder import Builder
from ..ir import Instr
from .core import getd, getf, op, putd, putf


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


@op("DDIV")
def ddiv(b: Builder, instr: Instr) -> None:
    dst, x, y = instr.operands
    putd(b, dst, b.fdiv(getd(b, x), getd(b, y)))


@op("DRCP")
def drcp(b: Builder, instr: Instr) -> None:
    dst, x = instr.operands
    putd(b, dst, b.fdiv(b.imm("f64", 1.0), getd(b, x)))


@op("DSQRT")
def dsqrt(b: Builder, instr: Instr) -> None:
    dst, x = instr.operands
    putd(b, dst, b.fsqrt(getd(b, x)))
