"""Single precision: FADD, FMUL, FFMA, FMNMX, comparisons, MUFU, FCHK."""

from __future__ import annotations

import math

from ..builder import Builder, Value
from ..ir import Instr, Operand, Reg
from .core import (
    Unhandled,
    combine,
    getf,
    getp,
    i32,
    is_false,
    is_true,
    is_zero,
    one_of,
    op,
    put,
    put_pair,
    putf,
    putp,
    raw32,
)

ROUND = {"RN": "rn", "RM": "rm", "RP": "rp", "RZ": "rz"}
# Printed comparison -> builder comparison. The names ending in U hold when an operand is NaN.
FCOMPARE = {"LT": "olt", "EQ": "oeq", "LE": "ole", "GT": "ogt", "NE": "one", "GE": "oge", "NUM": "ord", "NAN": "uno"}
FCOMPARE |= {"LTU": "ult", "EQU": "ueq", "LEU": "ule", "GTU": "ugt", "NEU": "une", "GEU": "uge"}
COMPARE_MODS = "F LT EQ LE GT NE GE NUM NAN LTU EQU LEU GTU NEU GEU T"


def rounding(instr: Instr) -> str:
    return ROUND[one_of(instr, tuple(ROUND), "RN")]


def flush(b: Builder, value: Value, ty: str = "f32") -> Value:
    """A subnormal becomes a zero of its sign."""
    smallest = {"f32": 2.0**-126, "f16": 2.0**-14}[ty]
    zero = b.bitcast(
        b.and_(b.bitcast(value, "i" + ty[1:]), b.imm("i" + ty[1:], {"f32": 0x80000000, "f16": 0x8000}[ty])), ty
    )
    return b.select(b.fcmp("olt", b.fabs(value), b.imm(ty, smallest)), zero, value)


def _finish(b: Builder, instr: Instr, value: Value) -> None:
    putf(b, instr.operands[0], b.fsat(value) if instr.has("SAT") else value)


@op("FADD", "FADD32I", mods="FTZ SAT RN RM RP RZ")
def fadd(b: Builder, instr: Instr) -> None:
    _, x, y = instr.operands
    rnd, ftz = rounding(instr), instr.has("FTZ")
    # x + -0 is x in every rounding mode: the printed form of negation and absolute value.
    if is_zero(y) and y.neg and not ftz:
        _finish(b, instr, getf(b, x))
        return
    _finish(b, instr, b.fadd(getf(b, x), getf(b, y), rnd, ftz))


# Factors applied to the product before its one rounding.
SCALES = {"D2": 0.5, "D4": 0.25, "D8": 0.125, "M2": 2.0, "M4": 4.0, "M8": 8.0}


@op("FMUL", "FMUL32I", mods="FTZ SAT RN RM RP RZ D2 D4 D8 M2 M4 M8")
def fmul(b: Builder, instr: Instr) -> None:
    _, x, y = instr.operands
    x, y, ftz = getf(b, x), getf(b, y), instr.has("FTZ")
    scale = one_of(instr, tuple(SCALES), "")
    if not scale:
        _finish(b, instr, b.fmul(x, y, rounding(instr), ftz))
        return
    if ftz:
        x, y = flush(b, x), flush(b, y)
    # Exact in double precision, so that scaling and product round once.
    product = b.fmul(b.fconv(x, "f64"), b.fconv(y, "f64"))
    value = b.fconv(b.fmul(product, b.imm("f64", SCALES[scale])), "f32", rounding(instr))
    _finish(b, instr, flush(b, value) if ftz else value)


@op("FFMA", "FFMA32I", mods="FTZ SAT RN RM RP RZ")
def ffma(b: Builder, instr: Instr) -> None:
    _, x, y, z = instr.operands
    _finish(b, instr, b.fma(getf(b, x), getf(b, y), getf(b, z), rounding(instr), instr.has("FTZ")))


def minmax(b: Builder, x: Value, y: Value, p: Operand, keep_nan: bool) -> Value:
    """Minimum where p holds, else maximum. A NaN operand loses, or with keep_nan makes the result NaN."""
    if is_true(p):
        value = b.fmin(x, y)
    elif is_false(p):
        value = b.fmax(x, y)
    else:
        value = b.select(getp(b, p), b.fmin(x, y), b.fmax(x, y))
    return b.select(b.fcmp("uno", x, y), b.fadd(x, y), value) if keep_nan else value


@op("FMNMX", mods="FTZ NAN")
def fmnmx(b: Builder, instr: Instr) -> None:
    """PT: minimum, !PT: maximum. A NaN operand loses; with .NAN it is the result."""
    dst, x, y, p = instr.operands
    x, y = getf(b, x), getf(b, y)
    if instr.has("FTZ"):
        x, y = flush(b, x), flush(b, y)
    putf(b, dst, minmax(b, x, y, p, instr.has("NAN")))


@op("FSEL", mods="FTZ")
def fsel(b: Builder, instr: Instr) -> None:
    dst, x, y, p = instr.operands
    value = b.select(getp(b, p), getf(b, x), getf(b, y))
    putf(b, dst, flush(b, value) if instr.has("FTZ") else value)


def compare(b: Builder, instr: Instr, x: Value, y: Value) -> Value:
    """The .LT .. .GEU comparison of two floating-point values."""
    how = one_of(instr, tuple(COMPARE_MODS.split()))
    if how in ("F", "T"):
        return b.imm("i1", int(how == "T"))
    return b.fcmp(FCOMPARE[how], x, y)


def _fcompare(b: Builder, instr: Instr, x, y) -> Value:
    x, y = getf(b, x), getf(b, y)
    if instr.has("FTZ"):
        x, y = flush(b, x), flush(b, y)
    return compare(b, instr, x, y)


@op("FSETP", mods=COMPARE_MODS + " AND OR XOR FTZ")
def fsetp(b: Builder, instr: Instr) -> None:
    pd, pe, x, y, accumulator = instr.operands
    put_pair(b, instr, _fcompare(b, instr, x, y), accumulator, pd, pe)


@op("FSET", mods=COMPARE_MODS + " AND OR XOR FTZ BF")
def fset(b: Builder, instr: Instr) -> None:
    """Rd = all ones or, with .BF, 1.0f where the comparison holds; else 0."""
    dst, x, y, accumulator = instr.operands
    value = combine(b, instr, _fcompare(b, instr, x, y), accumulator)
    put(b, dst, b.select(value, i32(b, 0x3F800000 if instr.has("BF") else 0xFFFFFFFF), i32(b, 0)))


@op("FCHK", mods="DIVIDE FTZ")
def fchk(b: Builder, instr: Instr) -> None:
    """True where a / b needs the exact slow path: an operand, the reciprocal, the quotient or the remainder
    steps of the fast path may leave the normal range, or the fast path would lose the sign of a zero.
    The hardware's own bounds are not documented; these are at least as wide as the fast path needs."""
    pd, x, y = instr.operands
    bits_x, bits_y = b.bitcast(getf(b, x), "i32"), b.bitcast(getf(b, y), "i32")
    exponent_x = b.and_(b.lshr(bits_x, i32(b, 23)), i32(b, 0xFF))
    exponent_y = b.and_(b.lshr(bits_y, i32(b, 23)), i32(b, 0xFF))

    def within(value: Value, low: int, high: int) -> Value:
        return b.icmp("ule", b.sub(value, i32(b, low)), i32(b, high - low))

    normal = b.and_(within(exponent_x, 27, 252), within(b.sub(exponent_x, exponent_y), -124, 125))
    positive_zero = b.icmp("eq", b.shl(bits_x, i32(b, 1)), i32(b, 0))
    positive_zero = b.and_(positive_zero, b.icmp("sge", b.xor(bits_x, bits_y), i32(b, 0)))
    fast = b.and_(within(exponent_y, 3, 250), b.or_(normal, positive_zero))
    putp(b, pd, b.not_(fast))


MUFU_F32 = {"RCP": "rcp", "RSQ": "rsq", "SQRT": "sqrt", "EX2": "ex2", "LG2": "lg2", "TANH": "tanh"}


@op("MUFU", mods="RCP RSQ SQRT EX2 LG2 TANH SIN COS RCP64H RSQ64H F16")
def mufu(b: Builder, instr: Instr) -> None:
    """Transcendentals. The results here are at least as precise as the hardware's approximations."""
    dst, x = instr.operands
    fn = one_of(instr, (*MUFU_F32, "SIN", "COS", "RCP64H", "RSQ64H"))
    if fn in ("RCP64H", "RSQ64H"):
        # Source and destination are the high words of doubles whose low words count as 0.
        value = b.bitcast(b.pack64(i32(b, 0), raw32(b, x)), "f64")
        if not hasattr(x, "kind"):
            value = b.fabs(value) if x.abs else value
            value = b.fneg(value) if x.neg else value
        root = value if fn == "RCP64H" else b.fsqrt(value)
        put(b, dst, b.hi32(b.bitcast(b.frcp(root), "i64")))
        return
    half = instr.has("F16")
    value = b.fconv(_half_source(b, x), "f32") if half else getf(b, x)
    if fn in ("SIN", "COS"):
        # The operand counts turns; whole turns are removed before scaling, which keeps large arguments exact.
        turns = b.fadd(value, b.fneg(b.fround(value, "rn")))
        value = b.mufu(fn.lower(), b.fmul(turns, b.imm("f32", 2 * math.pi)))
    else:
        value = b.mufu(MUFU_F32[fn], value)
    if half:
        put(b, dst, b.zext(b.bitcast(b.fconv(value, "f16"), "i16"), "i32"))
    else:
        putf(b, dst, value)


def _half_source(b: Builder, x: Operand) -> Value:
    """The lower half of a register, with .H1 the upper one, as f16."""
    if not isinstance(x, Reg) or x.fmt not in ("", "H0", "H1"):
        raise Unhandled("half-precision operand")
    word = raw32(b, Reg(x.n))
    value = b.bitcast(b.trunc(b.lshr(word, i32(b, 16)) if x.fmt == "H1" else word, "i16"), "f16")
    value = b.fabs(value) if x.abs else value
    return b.fneg(value) if x.neg else value
