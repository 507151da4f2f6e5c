"""Double precision: DADD, DMUL, DFMA, DSETP."""

from __future__ import annotations

from ..builder import Builder
from ..ir import PT, Instr
from .core import Unhandled, getd, is_true, is_zero, op, put_pair, putd, putp
from .float32 import COMPARE_MODS, compare, rounding


@op("DADD", mods="RN RM RP RZ")
def dadd(b: Builder, instr: Instr) -> None:
    dst, x, y = instr.operands
    if is_zero(x) and x.neg:
        putd(b, dst, getd(b, y))
    elif is_zero(y) and y.neg:
        putd(b, dst, getd(b, x))
    else:
        putd(b, dst, b.fadd(getd(b, x), getd(b, y), rounding(instr)))


@op("DMUL", mods="RN RM RP RZ")
def dmul(b: Builder, instr: Instr) -> None:
    dst, x, y = instr.operands
    putd(b, dst, b.fmul(getd(b, x), getd(b, y), rounding(instr)))


@op("DFMA", mods="RN RM RP RZ")
def dfma(b: Builder, instr: Instr) -> None:
    dst, x, y, z = instr.operands
    putd(b, dst, b.fma(getd(b, x), getd(b, y), getd(b, z), rounding(instr)))


@op("DSETP", mods=COMPARE_MODS + " AND OR XOR MIN MAX")
def dsetp(b: Builder, instr: Instr) -> None:
    """Pd, Pe, a, b, Pc. .MIN and .MAX select for fmin and fmax: Pd = take a, Pe = both are NaN."""
    pd, pe, x, y, accumulator = instr.operands
    x, y = getd(b, x), getd(b, y)
    if not (instr.has("MIN") or instr.has("MAX")):
        put_pair(b, instr, compare(b, instr, x, y), accumulator, pd, pe)
        return
    if not (instr.has("AND") and is_true(accumulator)):
        raise Unhandled("accumulator of DSETP.MIN/MAX")
    x_nan, y_nan = b.fcmp("uno", x, x), b.fcmp("uno", y, y)
    # Equal operands differ only as -0 and +0; the integer order of the patterns tells them apart.
    x_bits, y_bits = b.bitcast(x, "i64"), b.bitcast(y, "i64")
    order = ("olt", "slt") if instr.has("MIN") else ("ogt", "sgt")
    first = b.or_(b.fcmp(order[0], x, y), b.and_(b.fcmp("oeq", x, y), b.icmp(order[1], x_bits, y_bits)))
    first = b.or_(first, b.and_(y_nan, b.not_(x_nan)))
    putp(b, pd, first)
    if pe.n != PT:
        putp(b, pe, b.and_(x_nan, y_nan))
