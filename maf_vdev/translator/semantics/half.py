"""Half precision in pairs: HADD2, HMUL2, HFMA2, HSETP2, HSET2. Bits 0..15 are the first half, 16..31 the second."""

from __future__ import annotations

import struct

from ..builder import Builder, Value
from ..ir import PT, Imm, Instr, Operand
from .core import Unhandled, combine, i32, is_zero, op, put, putf, putp, raw32
from .float32 import COMPARE_MODS, compare, flush, minmax


def half_of(b: Builder, operand: Operand, which: int) -> Value:
    """One half of a source as f16, with swizzle (.H0_H0, .H1_H1) and sign modifiers applied."""
    if isinstance(operand, Imm):
        if operand.kind == "f16x2":
            pattern = operand.bits >> 16 * which & 0xFFFF
        elif operand.kind == "f32":
            pattern = struct.unpack("<H", struct.pack("<e", struct.unpack("<f", struct.pack("<I", operand.bits))[0]))[0]
        else:
            pattern = operand.bits >> 16 * which & 0xFFFF
        return b.bitcast(b.imm("i16", pattern), "f16")
    which = {"": which, "H1_H0": which, "H0_H0": 0, "H1_H1": 1, "H0": 0, "H1": 1}[operand.fmt]
    value = raw32(b, operand)
    value = b.bitcast(b.trunc(b.lshr(value, i32(b, 16)) if which else value, "i16"), "f16")
    if operand.inv:
        raise Unhandled("~ on a half source")
    if operand.abs:
        value = b.fabs(value)
    return b.fneg(value) if operand.neg else value


def bf16_of(b: Builder, operand: Operand, which: int) -> Value:
    """One bfloat16 of a pair as f32, with swizzle and sign modifiers applied."""
    if isinstance(operand, Imm):
        return b.bitcast(i32(b, operand.bits << (0 if which else 16) & 0xFFFF0000), "f32")
    which = {"": which, "H0_H0": 0, "H1_H1": 1}[operand.fmt]
    word = raw32(b, operand)
    value = b.bitcast(b.and_(word, i32(b, 0xFFFF0000)) if which else b.shl(word, i32(b, 16)), "f32")
    if operand.inv:
        raise Unhandled("~ on a half source")
    value = b.fabs(value) if operand.abs else value
    return b.fneg(value) if operand.neg else value


def bf16_bits(b: Builder, value: Value, rnd: str = "rn") -> Value:
    """f32 rounded to bfloat16 ("rn" or "rz"), in bits 0..15; NaN becomes 0x7fff."""
    bits = b.bitcast(value, "i32")
    if rnd == "rz":
        return b.select(b.fcmp("uno", value, value), i32(b, 0x7FFF), b.lshr(bits, i32(b, 16)))
    if rnd != "rn":
        raise Unhandled("rounding")
    even = b.add(i32(b, 0x7FFF), b.and_(b.lshr(bits, i32(b, 16)), i32(b, 1)))
    return b.select(b.fcmp("uno", value, value), i32(b, 0x7FFF), b.lshr(b.add(bits, even), i32(b, 16)))


def _bf16_fma(b: Builder, x: Value, y: Value, z: Value) -> Value:
    """x * y + z of bfloat16 values as an f32 rounded to odd, so that rounding it again gives the nearest result."""
    p = b.fmul(x, y)  # exact: 16 bits
    s = b.fadd(p, z)
    # TwoSum: e is the rounding error of s.
    t = b.fadd(s, b.fneg(p))
    e = b.fadd(b.fadd(p, b.fneg(b.fadd(s, b.fneg(t)))), b.fadd(z, b.fneg(t)))
    bits, error = b.bitcast(s, "i32"), b.bitcast(e, "i32")
    inexact = b.fcmp("one", e, b.imm("f32", 0))
    away = b.icmp("slt", b.xor(bits, error), i32(b, 0))
    truncated = b.select(away, b.sub(bits, i32(b, 1)), bits)
    return b.bitcast(b.select(inexact, b.or_(truncated, i32(b, 1)), bits), "f32")


def _fmt(operand: Operand) -> str:
    return "" if isinstance(operand, Imm) else operand.fmt


def _pack(b: Builder, low: Value, high: Value) -> Value:
    low, high = (b.zext(b.bitcast(v, "i16"), "i32") for v in (low, high))
    return b.or_(low, b.shl(high, i32(b, 16)))


def _put_halves(b: Builder, instr: Instr, low: Value, high: Value) -> None:
    if instr.has("SAT"):
        low, high = b.fsat(low), b.fsat(high)
    put(b, instr.operands[0], _pack(b, low, high))


def _single_half(operand: Operand) -> bool:
    return is_zero(operand) or _fmt(operand) in ("H0_H0", "H1_H1")


@op("HADD2", "HADD2_32I", mods="F32 FTZ SAT")
def hadd2(b: Builder, instr: Instr) -> None:
    """.F32: the sum of two single halves as f32, exact: compiled code widens with it (a + -0)."""
    dst, x, y = instr.operands
    if instr.has("F32"):
        if not (_single_half(x) and _single_half(y)):
            raise Unhandled("which half to widen")
        wide = [b.fconv(half_of(b, o, 0), "f32") for o in (x, y) if not (is_zero(o) and o.neg)]
        value = wide[0] if len(wide) == 1 else b.fadd(wide[0], wide[1], "rn")
        if instr.has("FTZ"):
            raise Unhandled("modifier .FTZ with .F32")
        putf(b, dst, b.fsat(value) if instr.has("SAT") else value)
        return
    if "F32" in (_fmt(x), _fmt(y)):
        # A single-precision source is rounded to half and stands in both halves; compiled code adds -0 to it.
        source, other = (x, y) if _fmt(x) == "F32" else (y, x)
        if not (is_zero(other) and other.neg):
            raise Unhandled("sum with a single-precision source")
        value = b.bitcast(raw32(b, source), "f32")
        value = b.fabs(value) if source.abs else value
        half = b.fconv(b.fneg(value) if source.neg else value, "f16")
        half = flush(b, half, "f16") if instr.has("FTZ") else half
        _put_halves(b, instr, half, half)
        return
    halves = [b.fadd(half_of(b, x, n), half_of(b, y, n), "rn", instr.has("FTZ")) for n in (0, 1)]
    _put_halves(b, instr, *halves)


@op("HMUL2", "HMUL2_32I", mods="FTZ SAT")
def hmul2(b: Builder, instr: Instr) -> None:
    _, x, y = instr.operands
    halves = [b.fmul(half_of(b, x, n), half_of(b, y, n), "rn", instr.has("FTZ")) for n in (0, 1)]
    _put_halves(b, instr, *halves)


@op("HFMA2", "HFMA2_32I", mods="MMA BF16_V2 FTZ SAT RELU")
def hfma2(b: Builder, instr: Instr) -> None:
    dst, x, y, z = instr.operands
    if is_zero(x) and is_zero(y) and x.neg and isinstance(z, Imm):
        # -0 * 0 + immediate: how the compiler writes a 32-bit constant, whatever its bits mean.
        put(b, dst, i32(b, z.bits))
        return
    if instr.has("RELU"):
        raise Unhandled("modifier .RELU")
    if instr.has("BF16_V2"):
        if instr.has("FTZ") or instr.has("SAT"):
            raise Unhandled("modifier of bfloat16")
        low, high = (bf16_bits(b, _bf16_fma(b, *(bf16_of(b, source, n) for source in (x, y, z)))) for n in (0, 1))
        put(b, dst, b.or_(low, b.shl(high, i32(b, 16))))
        return
    halves = [b.fma(half_of(b, x, n), half_of(b, y, n), half_of(b, z, n), "rn", instr.has("FTZ")) for n in (0, 1)]
    _put_halves(b, instr, *halves)


@op("HMNMX2", mods="BF16_V2 FTZ NAN")
def hmnmx2(b: Builder, instr: Instr) -> None:
    """Minimum (P) or maximum (!P) of each half; a NaN loses, or wins with .NAN."""
    dst, x, y, p = instr.operands
    if instr.has("BF16_V2") and instr.has("FTZ"):
        raise Unhandled("modifier of bfloat16")
    halves = []
    for n in (0, 1):
        read = bf16_of if instr.has("BF16_V2") else half_of
        left, right = read(b, x, n), read(b, y, n)
        if instr.has("FTZ"):
            left, right = flush(b, left, "f16"), flush(b, right, "f16")
        value = minmax(b, left, right, p, instr.has("NAN"))
        halves.append(bf16_bits(b, value) if instr.has("BF16_V2") else b.zext(b.bitcast(value, "i16"), "i32"))
    put(b, dst, b.or_(halves[0], b.shl(halves[1], i32(b, 16))))


def _compare_halves(b: Builder, instr: Instr, x: Operand, y: Operand) -> list[Value]:
    out = []
    for n in (0, 1):
        left, right = half_of(b, x, n), half_of(b, y, n)
        if instr.has("FTZ"):
            left, right = flush(b, left, "f16"), flush(b, right, "f16")
        out.append(compare(b, instr, left, right))
    return out


@op("HSETP2", mods=COMPARE_MODS + " AND OR XOR FTZ H_AND")
def hsetp2(b: Builder, instr: Instr) -> None:
    """Pd from the first halves, Pe from the second; .H_AND: Pd = both, Pe = not both."""
    pd, pe, x, y, accumulator = instr.operands
    first, second = _compare_halves(b, instr, x, y)
    if instr.has("H_AND"):
        first = b.and_(first, second)
        second = b.not_(first)
    first = combine(b, instr, first, accumulator)
    if pe.n != PT:
        second = combine(b, instr, second, accumulator)
        putp(b, pe, second)
    putp(b, pd, first)


@op("HSET2", mods=COMPARE_MODS + " AND OR XOR FTZ BF")
def hset2(b: Builder, instr: Instr) -> None:
    """Each half all ones or, with .BF, 1.0 where the comparison holds; else 0."""
    dst, x, y, accumulator = instr.operands
    one = 0x3C00 if instr.has("BF") else 0xFFFF
    first, second = (combine(b, instr, p, accumulator) for p in _compare_halves(b, instr, x, y))
    low = b.select(first, i32(b, one), i32(b, 0))
    high = b.select(second, i32(b, one << 16), i32(b, 0))
    put(b, dst, b.or_(low, high))
