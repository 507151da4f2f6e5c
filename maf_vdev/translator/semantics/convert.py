"""Conversions between number formats: F2F, F2I, I2F, I2I, I2IP, FRND."""

from __future__ import annotations

from ..builder import Builder, Value
from ..ir import Imm, Instr, Operand, Reg
from .core import Unhandled, get, get64, getd, getf, i32, is_zero, one_of, op, put, put64, putd, putf, raw32
from .float32 import flush, rounding
from .half import bf16_bits, half_of

INT_TYPES = {"U8": ("i8", False), "S8": ("i8", True), "U16": ("i16", False), "S16": ("i16", True)}
INT_TYPES |= {"U32": ("i32", False), "S32": ("i32", True), "U64": ("i64", False), "S64": ("i64", True)}
INT_MODS = " ".join(INT_TYPES)
TO_INTEGRAL = {"FLOOR": "floor", "CEIL": "ceil", "TRUNC": "trunc", "ROUND": "rn"}


def _float_source(b: Builder, operand: Operand, ty: str) -> Value:
    if ty == "f64":
        return getd(b, operand)
    if ty == "f16":
        return half_of(b, operand, 0)
    return getf(b, operand)


def _put_float(b: Builder, operand: Operand, value: Value, ty: str) -> None:
    if ty == "f64":
        putd(b, operand, value)
    elif ty == "f16":
        put(b, operand, b.zext(b.bitcast(value, "i16"), "i32"))
    else:
        putf(b, operand, value)


def _float_types(instr: Instr) -> list[str]:
    return ["f" + mod[1:] for mod in instr.mods if mod in ("F16", "F32", "F64")]


@op("F2FP", mods="BF16 PACK_AB RELU RZ SATFINITE")
def f2fp(b: Builder, instr: Instr) -> None:
    """.PACK_AB Rd, a, b: a rounded to half or bfloat16 in the upper, b in the lower half (PTX ISA, cvt.rn.f16x2.f32)."""
    dst, *sources = instr.operands
    if not instr.has("PACK_AB"):
        raise Unhandled("operand list")
    parts = []
    for source in sources:
        value = getf(b, source)
        if instr.has("RELU"):
            value = b.select(b.fcmp("olt", value, b.imm("f32", 0)), b.imm("f32", 0), value)
        if instr.has("BF16"):
            parts.append(bf16_bits(b, value, rounding(instr)))
        else:
            parts.append(b.zext(b.bitcast(b.fconv(value, "f16", rounding(instr)), "i16"), "i32"))
        if instr.has("SATFINITE"):  # infinity becomes the largest number
            infinity = i32(b, 0x7F80 if instr.has("BF16") else 0x7C00)
            infinite = b.icmp("eq", b.and_(parts[-1], i32(b, 0x7FFF)), infinity)
            parts[-1] = b.select(infinite, b.sub(parts[-1], i32(b, 1)), parts[-1])
    put(b, dst, b.or_(b.shl(parts[0], b.imm("i32", 16)), parts[1]))


@op("F2F", mods="F16 BF16 F32 F64 FTZ SAT RN RM RP RZ")
def f2f(b: Builder, instr: Instr) -> None:
    """.TO.FROM"""
    dst, source = instr.operands
    if instr.mods[-2:] == ("BF16", "F32") and rounding(instr) == "rn":
        value = getf(b, source)
        put(b, dst, bf16_bits(b, flush(b, value) if instr.has("FTZ") else value))
        return
    types = _float_types(instr)
    if len(types) != 2:
        raise Unhandled("types")
    value = _float_source(b, source, types[1])
    if instr.has("FTZ") and types[1] == "f32":
        value = flush(b, value)
    if types[0] != types[1]:
        value = b.fconv(value, types[0], rounding(instr))
    if instr.has("FTZ") and types[0] == "f32":
        value = flush(b, value)
    _put_float(b, dst, b.fsat(value) if instr.has("SAT") else value, types[0])


@op("FRND", mods="F16 F64 FTZ FLOOR CEIL TRUNC")
def frnd(b: Builder, instr: Instr) -> None:
    dst, source = instr.operands
    ty = (_float_types(instr) or ["f32"])[0]
    value = _float_source(b, source, ty)
    if instr.has("FTZ"):
        value = flush(b, value)
    _put_float(b, dst, b.fround(value, TO_INTEGRAL[one_of(instr, ("FLOOR", "CEIL", "TRUNC"), "ROUND")]), ty)


@op("F2I", mods=INT_MODS + " F16 F32 F64 FTZ NTZ FLOOR CEIL TRUNC")
def f2i(b: Builder, instr: Instr) -> None:
    """Saturating. NaN gives 0, but the lowest integer when source or destination has 64 bits (PTX ISA, cvt)."""
    dst, source = instr.operands
    ty, signed = INT_TYPES[one_of(instr, tuple(INT_TYPES), "S32")]
    from_ty = (_float_types(instr) or ["f32"])[0]
    value = _float_source(b, source, from_ty)
    if instr.has("FTZ") and from_ty == "f32":
        value = flush(b, value)
    mode = TO_INTEGRAL[one_of(instr, ("FLOOR", "CEIL", "TRUNC"), "ROUND")]
    result = b.f2i(value, ty, signed, {"floor": "rm", "ceil": "rp", "trunc": "rz", "rn": "rn"}[mode])
    if from_ty == "f64" and ty != "i64":
        width = int(ty[1:])
        result = b.select(b.fcmp("uno", value, value), b.imm(ty, 1 << (width - 1)), result)
    if ty == "i64":
        put64(b, dst, result)
    else:
        put(b, dst, result if ty == "i32" else (b.sext if signed else b.zext)(result, "i32"))


def _int_source(b: Builder, operand: Operand, ty: str) -> Value:
    if ty == "i64":
        return get64(b, operand)
    if ty == "i32":
        return get(b, operand)
    if isinstance(operand, Imm):
        return b.imm(ty, operand.bits & ((1 << int(ty[1:])) - 1))
    if operand.neg or operand.abs or operand.inv:
        raise Unhandled("modifier on a narrow integer source")
    fields = {"": 0, "B0": 0, "B1": 8, "B2": 16, "B3": 24, "H0": 0, "H1": 16, "H0_H0": 0, "H1_H1": 16}
    start = fields[operand.fmt]
    value = raw32(b, operand)
    return b.trunc(b.lshr(value, b.imm("i32", start)) if start else value, ty)


@op("I2F", "I2FP", mods=INT_MODS + " F16 F32 F64 RN RM RP RZ")
def i2f(b: Builder, instr: Instr) -> None:
    dst, source = instr.operands
    ty, signed = INT_TYPES[one_of(instr, tuple(INT_TYPES), "S32")]
    to_ty = (_float_types(instr) or ["f32"])[0]
    _put_float(b, dst, b.i2f(_int_source(b, source, ty), to_ty, signed, rounding(instr)), to_ty)


def _clamp_to(b: Builder, value: Value, name: str) -> Value:
    """A signed i32 clamped to a narrower type's range."""
    signed, width = name[0] == "S", int(name[1:])
    low, high = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if signed else (0, (1 << width) - 1)
    return b.smin(b.smax(value, b.imm("i32", low & 0xFFFFFFFF)), b.imm("i32", high))


@op("I2IP", mods="S2 U2 S4 U4 S8 U8 S16 U16 S32 SAT")
def i2ip(b: Builder, instr: Instr) -> None:
    """.TO.S32.SAT Rd, a, b, c: clamp a and b; c << 2w | a << w | b with w bits each, 16 bits: a << 16 | b (PTX cvt.pack)."""
    dst, x, y, z = instr.operands
    if instr.mods[1:] != ("S32", "SAT"):
        raise Unhandled("types")
    width = int(instr.mods[0][1:])
    mask = b.imm("i32", (1 << width) - 1)
    high = b.and_(_clamp_to(b, get(b, x), instr.mods[0]), mask)
    low = b.and_(_clamp_to(b, get(b, y), instr.mods[0]), mask)
    value = b.or_(b.shl(high, b.imm("i32", width)), low)
    if width < 16:
        part = raw32(b, z) if isinstance(z, Reg) and z.fmt in ("24", "28") else get(b, z)
        value = b.or_(value, b.shl(part, b.imm("i32", 2 * width)))
    elif not is_zero(z):
        raise Unhandled("third source")
    put(b, dst, value)


@op("I2I", mods="S8 U8 S16 U16 S32 SAT")
def i2i(b: Builder, instr: Instr) -> None:
    """.TO.S32.SAT: clamp a signed 32-bit value to a narrower type."""
    dst, source = instr.operands
    if instr.mods[1:] != ("S32", "SAT"):
        raise Unhandled("types")
    put(b, dst, _clamp_to(b, get(b, source), instr.mods[0]))
