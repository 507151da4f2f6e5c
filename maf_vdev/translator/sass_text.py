"""One line of disassembler text to an :class:`ir.Instr`, for tests and developer tools.

The grammar is what ``nvdisasm -c`` and ``cuobjdump -sass`` print for sm_70, sm_75 and sm_80. ``parse`` keeps
the printed operand order and drops ``.reuse``. Branch targets are byte offsets (``0x3b0``), optionally
written as ``(.L_x)`` with ``labels`` giving their offsets.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping

import numpy as np

from .ir import PT, RZ, URZ, Barrier, Const, Imm, Instr, Label, Mem, Operand, Pred, Reg, Special, UPred, UReg

# Immediates of these opcodes are printed as floating-point values.
F32_OPS = {"FADD", "FMUL", "FFMA", "FMNMX", "FSEL", "FSET", "FSETP", "FCHK", "MUFU", "FADD32I", "FMUL32I", "FFMA32I"}
F32_OPS |= {"F2I", "FRND", "FSWZADD", "F2F"}
F64_OPS = {"DADD", "DMUL", "DFMA", "DSETP", "DMNMX"}
F16_OPS = {"HADD2", "HMUL2", "HFMA2", "HSETP2", "HSET2", "HMNMX2", "HADD2_32I", "HMUL2_32I", "HFMA2_32I"}
# Opcodes whose plain hexadecimal operand is a code address.
BRANCH_OPS = {"BRA", "JMP", "BSSY", "CALL", "RET", "BRX", "BRXU", "JMX", "RPCMOV", "LEPC"}

_REG = re.compile(r"^(U?)(R)(\d+|Z)((?:\.\w+)*)$")
_PRED = re.compile(r"^(!?)(U?)P(\d|T)$")
_CONST = re.compile(r"^c(x?)\[([^\]]+)\](?:\[([^\]]*)\])?((?:\.\w+)*)$")
_INT = re.compile(r"^([-+]?)0x([0-9a-fA-F]+)$")
_SPECIALS = ("SR", "SR_")


class ParseError(ValueError):
    """The text is not an instruction in the printed syntax."""


def _f32_bits(value: float) -> int:
    return struct.unpack("<I", np.float32(value).tobytes())[0]


def _f64_high(value: float) -> int:
    return struct.unpack("<Q", struct.pack("<d", value))[0] >> 32


def _f16_bits(value: float) -> int:
    return int(np.float16(value).view(np.uint16))


def _float_value(text: str) -> float | None:
    named = {"+INF": float("inf"), "INF": float("inf"), "-INF": float("-inf")}
    if text in named:
        return named[text]
    if text in ("+QNAN", "QNAN", "-QNAN", "+SNAN", "-SNAN"):
        return float("nan")
    try:
        return float(text)
    except ValueError:
        return None


# nvdisasm prints the quiet NaNs by sign only.
_NAN_F32 = {"+QNAN": 0x7FC00000, "QNAN": 0x7FC00000, "-QNAN": 0xFFC00000, "+SNAN": 0x7F800001, "-SNAN": 0xFF800001}


def _imm(op: str, mods: tuple[str, ...], text: str) -> Imm | None:
    integer = _INT.match(text)
    if integer:
        value = int(integer[2], 16)
        return Imm((-value if integer[1] == "-" else value) & 0xFFFFFFFF)
    value = _float_value(text)
    if value is None:
        return None
    high_word = op == "MUFU" and any(m.endswith("64H") for m in mods)
    if op in F64_OPS or high_word or (op in ("F2F", "F2I", "FRND") and mods and mods[-1] == "F64"):
        if text in _NAN_F32:
            return Imm(0x7FF80000 | (0x80000000 if text[0] == "-" else 0), "f64")
        return Imm(_f64_high(value), "f64")
    if op in F16_OPS:
        if "BF16_V2" in mods:
            return Imm(_f32_bits(value) >> 16, "bf16x2")
        return Imm(_f16_bits(value), "f16x2")
    if op in F32_OPS:
        return Imm(_NAN_F32.get(text) or _f32_bits(value), "f32")
    if re.match(r"^-?\d+$", text):
        return Imm(int(text) & 0xFFFFFFFF)
    return None


def _strip_signs(text: str) -> tuple[str, dict[str, bool]]:
    """Remove -, ~ and |..| around a register or constant."""
    flags = {"neg": False, "abs": False, "inv": False}
    if text.startswith("-"):
        flags["neg"], text = True, text[1:]
    elif text.startswith("~"):
        flags["inv"], text = True, text[1:]
    if text.startswith("|"):
        body, _, tail = text[1:].partition("|")
        flags["abs"], text = True, body + tail
    return text, flags


def _register(text: str) -> Reg | UReg | None:
    text, flags = _strip_signs(text)
    match = _REG.match(text)
    if not match:
        return None
    uniform = match[1] == "U"
    number = (URZ if uniform else RZ) if match[3] == "Z" else int(match[3])
    fmt = ".".join(part for part in match[4].split(".") if part and part != "reuse")
    return (UReg if uniform else Reg)(number, fmt=fmt, **flags)


def _sum_terms(text: str) -> tuple[list[Reg | UReg], int]:
    """Split ``R2.64+UR4+-0x10`` into registers and a signed offset."""
    registers, offset = [], 0
    for term in filter(None, text.replace(" ", "").split("+")):
        integer = _INT.match(term)
        if integer:
            offset += -int(integer[2], 16) if integer[1] == "-" else int(integer[2], 16)
            continue
        register = _register(term)
        if register is None:
            raise ParseError(f"bad address term {term!r}")
        registers.append(register)
    return registers, offset


def _const(text: str) -> Const | None:
    text, flags = _strip_signs(text)
    match = _CONST.match(text)
    if not match:
        return None
    fmt = ".".join(part for part in match[4].split(".") if part and part != "reuse")
    if match[1]:
        bank: int | UReg = _register(match[2])
    else:
        bank = int(match[2], 0)
    registers, offset = _sum_terms(match[3] or "")
    return Const(bank, offset, registers[0] if registers else None, fmt=fmt, **flags)


def _mem(text: str) -> Mem:
    registers, offset = _sum_terms(text)
    base = next((r for r in registers if isinstance(r, Reg)), None)
    ubase = next((r for r in registers if isinstance(r, UReg)), None)
    return Mem(base, ubase, offset)


def _operand(op: str, mods: tuple[str, ...], text: str, labels: Mapping[str, int]) -> Operand:
    if text.startswith("["):
        return _mem(text[1:-1])
    if text.startswith("`("):
        return Label(labels[text[2:-1].split("+")[0]])
    predicate = _PRED.match(text)
    if predicate:
        number = PT if predicate[3] == "T" else int(predicate[3])
        return (UPred if predicate[2] else Pred)(number, predicate[1] == "!")
    if re.match(r"^B\d+$", text):
        return Barrier(int(text[1:]))
    operand = _register(text) or _const(text)
    if operand is not None:
        return operand
    if text.startswith(_SPECIALS) or text in ("PR", "UPR"):
        return Special(text)
    if op in BRANCH_OPS:
        integer = _INT.match(text)
        if integer:
            return Label(-int(integer[2], 16) if integer[1] == "-" else int(integer[2], 16))
    immediate = _imm(op, mods, text)
    if immediate is not None:
        return immediate
    if re.match(r"^[A-Z_][A-Z0-9_.]*$", text):
        return Special(text)
    raise ParseError(f"bad operand {text!r}")


def _split_operands(text: str) -> list[str]:
    """Operands are comma separated; branches put their target after a blank (``RET.REL.NODEC R8 0x0``)."""
    parts, depth, current = [], 0, ""
    for char in text:
        if char in "[({":
            depth += 1
        elif char in "])}":
            depth -= 1
        if (char == "," or char.isspace()) and depth == 0:
            if current:
                parts.append(current)
            current = ""
        else:
            current += char
    if current:
        parts.append(current)
    return parts


def parse(line: str, offset: int = 0, labels: Mapping[str, int] | None = None) -> Instr:
    """The instruction of one printed line, with or without the ``/*0010*/`` prefix and encoding comments.

    Raises ParseError on anything outside the printed syntax.
    """
    address = re.match(r"^\s*/\*([0-9a-f]{4,})\*/", line)
    if address:
        offset = int(address[1], 16)
    line = line.replace("] [", "][")
    text = re.sub(r"\(\*.*?\*\)|/\*.*?\*/|//.*$", "", line).strip().rstrip(";").strip()
    guard: Pred | UPred = Pred(PT)
    if text.startswith("@"):
        head, _, text = text.partition(" ")
        guard = _operand("", (), head[1:], {})
    head, _, rest = text.strip().partition(" ")
    op, *mods = head.split(".")
    parts = _split_operands(rest)
    operands = [_operand(op, tuple(mods), part, labels or {}) for part in parts]
    if op in F16_OPS:
        operands = _pair_halves(operands)
    if op in ("BRX", "BRXU"):
        # Printed as a displacement from the next instruction.
        operands = [Label(o.offset + offset + 16) if isinstance(o, Label) else o for o in operands]
    return Instr(offset, op, tuple(mods), tuple(operands), guard)


def _pair_halves(operands: list[Operand]) -> list[Operand]:
    """Half immediates are printed as high, low: join them to one 32-bit pattern."""
    out: list[Operand] = []
    pending: Imm | None = None
    for operand in operands:
        if isinstance(operand, Imm) and operand.kind in ("f16x2", "bf16x2"):
            if pending is None:
                pending = operand
            else:
                out.append(Imm(pending.bits << 16 | operand.bits, operand.kind))
                pending = None
        else:
            out.append(operand)
    if pending is not None:
        raise ParseError("half immediate without its pair")
    return out
