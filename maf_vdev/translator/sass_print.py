"""Instructions as text, character for character as ``nvdisasm`` prints them (operand reuse flags left out)."""

from __future__ import annotations

import struct

from .ir import (
    PT,
    RZ,
    URZ,
    Barrier,
    Const,
    Imm,
    Instr,
    Label,
    Mem,
    Operand,
    Pred,
    Reg,
    Special,
    UPred,
    UReg,
)

# Opcodes whose integer immediates are printed signed.
SIGNED = {"IMAD", "IADD3", "ISETP", "IMNMX", "UIMAD", "UIADD3", "UISETP", "IDP", "IABS", "P2R", "I2I", "I2IP"}
# Opcodes on packed halves.
HALF = {"HADD2", "HMUL2", "HFMA2", "HSET2", "HSETP2", "HMNMX2"}
# Opcodes that print a register and an offset side by side.
BRANCHES = {"RET", "BRX", "BRXU", "CALL"}


def _hex(value: int) -> str:
    return f"-{-value:#x}" if value < 0 else f"{value:#x}"


def float_text(bits: int, kind: str) -> str:
    """A floating-point immediate by its bits; kind as in :class:`ir.Imm`."""
    code, width, mantissa = {"f32": ("<f", 32, 23), "f64": ("<d", 64, 52), "f16": ("<e", 16, 10)}[kind]
    raw = bits << 32 if kind == "f64" else bits
    sign = "-" if raw >> (width - 1) else "+"
    exponent_bits = width - 1 - mantissa
    exponent = raw >> mantissa & ((1 << exponent_bits) - 1)
    fraction = raw & ((1 << mantissa) - 1)
    if exponent == (1 << exponent_bits) - 1:
        if fraction == 0:
            return f"{sign}INF "
        return f"{sign}QNAN " if fraction >> (mantissa - 1) else f"{sign}SNAN "
    value = struct.unpack(code, raw.to_bytes(width // 8, "little"))[0]
    if raw == 1 << (width - 1):
        return "-0.0 "
    return f"{value:.20e}" if abs(value) >= 1e9 else f"{value:.20g}"


def _modified(operand: Reg | UReg | Const, text: str, op: str) -> str:
    suffix = f".{operand.fmt}" if operand.fmt else ""
    outside = op in HALF and isinstance(operand, Reg)
    if not outside:
        text += suffix
    if operand.abs:
        text = f"|{text}|"
    sign = "-" if operand.neg else "~" if operand.inv else ""
    return f"{sign}{text}{suffix if outside else ''}"


def _register(operand: Reg | UReg) -> str:
    if isinstance(operand, Reg):
        return "RZ" if operand.n == RZ else f"R{operand.n}"
    return "URZ" if operand.n == URZ else f"UR{operand.n}"


def _memory(operand: Mem) -> str:
    parts = []
    if operand.base is not None:
        parts.append(_register(operand.base) + (f".{operand.base.fmt}" if operand.base.fmt else ""))
    if operand.ubase is not None:
        parts.append(_register(operand.ubase))
    if operand.offset:
        parts.append(_hex(operand.offset))
    return "[" + ("+".join(parts) or "RZ") + "]"


def _reads_part(instr: Instr) -> bool:
    """Whether the source is a part of 32 bits: its constants are printed with a space before the offset."""
    if instr.op in HALF:
        return True
    if instr.op == "I2F":
        return not {"U8", "S8", "U16", "S16"}.isdisjoint(instr.mods)
    if instr.op == "F2F":
        source = [mod for mod in instr.mods if mod in ("F16", "F32", "F64")][1]  # after the destination type
        return source == "F16"
    return instr.op in ("F2I", "FRND", "MUFU") and "F16" in instr.mods


def _constant(operand: Const, instr: Instr) -> str:
    parts = [_register(operand.base)] if operand.base is not None else []
    if operand.offset or not parts:
        parts.append(_hex(operand.offset))
    bank = f"cx[{_register(operand.bank)}]" if isinstance(operand.bank, UReg) else f"c[{operand.bank:#x}]"
    gap = " " if _reads_part(instr) else ""
    return _modified(operand, f"{bank}{gap}[{'+'.join(parts)}]", instr.op)


_NO_INSTR = Instr(0, "")


def operand_text(operand: Operand, instr: Instr = _NO_INSTR) -> str:
    """One operand, as printed in ``instr``."""
    op = instr.op
    if isinstance(operand, (Reg, UReg)):
        return _modified(operand, _register(operand), op)
    if isinstance(operand, (Pred, UPred)):
        letter = "P" if isinstance(operand, Pred) else "UP"
        return ("!" if operand.neg else "") + letter + ("T" if operand.n == PT else str(operand.n))
    if isinstance(operand, Imm):
        if operand.kind == "i":
            value = operand.bits
            minus = op in SIGNED or (op == "I2F" and not any(mod.startswith("U") for mod in instr.mods))
            return _hex(value - (1 << 32) if minus and value >> 31 else value)
        if operand.kind == "bf16x2":
            return ", ".join(float_text(operand.bits << shift & 0xFFFF0000, "f32") for shift in (0, 16))
        if operand.kind == "f16x2":
            return ", ".join(float_text(operand.bits >> shift & 0xFFFF, "f16") for shift in (16, 0))
        return float_text(operand.bits, operand.kind)
    if isinstance(operand, Const):
        return _constant(operand, instr)
    if isinstance(operand, Mem):
        return _memory(operand)
    if isinstance(operand, Label):
        return _hex(operand.offset)
    if isinstance(operand, Special):
        return operand.name
    if isinstance(operand, Barrier):
        return f"B{operand.n}"
    raise TypeError(operand)


def render(instr: Instr) -> str:
    """One instruction as nvdisasm prints it, with absolute branch targets and no final semicolon."""
    guard = instr.guard
    text = "" if guard.n == PT and not guard.neg else f"@{operand_text(guard)} "
    text += ".".join((instr.op, *instr.mods))
    operands = [operand_text(operand, instr) for operand in instr.operands]
    if instr.op in BRANCHES and len(operands) > 1 and not isinstance(instr.operands[-2], (Pred, UPred)):
        target = instr.operands[-1]
        if instr.op in ("BRX", "BRXU"):  # printed as the displacement that is added to the register
            operands[-1] = _hex(target.offset - instr.offset - 16)
        operands[-2:] = [f"{operands[-2]} {operands[-1]}"]
    return f"{text} {', '.join(operands)}" if operands else text
