"""Texture and surface instructions of sm_70 and sm_75.

A texture is named by a 32-bit handle: in constant memory (an offset in words and a bank, two immediates), or in a register
(.B, an opcode of its own).
"""

from __future__ import annotations

from .decode_fields import carry_out, fixed, flag, imm, make_reg, reg, table, unless
from .decode_forms import UR_BIT, Form
from .decode_memory import CACHE, SCOPE
from .ir import RZ, Imm, Mem, Operand, Reg, Special

TABLE: dict[int, Form] = {}

RD, RD2, RA, RB = reg(16), reg(64), reg(24), unless(reg(32), Reg(RZ))
BANK, WORD = imm(54, 5), imm(40, 14)
REGISTER_BIT = 1 << 59  # the handle is in a register
SCR = flag(60, "SCR")
HALF = table(79, 2, ("", "F16.RN", "F16.RZ"))
NODEP = flag(90, "NODEP")
OFFSETS, DEPTH = flag(76, "AOFFI"), flag(78, "DC")
DIMENSIONS = ("1D", "2D", "3D", "CUBE", "ARRAY_1D", "ARRAY_2D", None, "ARRAY_CUBE")


def _named(modifier):
    return lambda w: Special(modifier(w))


def _mask(w: int) -> Operand | None:
    return None if w >> 72 & 15 == 15 else Imm(w >> 72 & 15)


def _dimension(names: tuple[str | None, ...]):
    return _named(table(61, 3, names))


def _texture(op: str, opcodes: tuple[int, int], modifiers: tuple, dimension) -> None:
    """Both opcodes of an instruction: with the handle in constant memory and in a register."""
    sources = (carry_out(81), RD2, RD, RA, RB)
    TABLE[opcodes[0]] = Form(op, modifiers, (*sources, BANK, WORD, dimension, _mask), refuse=UR_BIT | REGISTER_BIT)
    TABLE[opcodes[1]] = Form(op, modifiers, (*sources, dimension, _mask), refuse=UR_BIT, require=REGISTER_BIT)


B = flag(59, "B")
_texture(
    "TEX",
    (0xB60, 0x361),
    (SCR, B, HALF, table(87, 3, ("", "LZ", "LB", "LL")), OFFSETS, DEPTH, CACHE, flag(77, "NDV"), NODEP),
    _dimension(DIMENSIONS),
)
_texture(
    "TLD",
    (0xB66, 0x367),
    (SCR, B, HALF, table(87, 3, (None, "LZ", None, "LL")), OFFSETS, flag(77, "CL"), flag(78, "MS"), CACHE, NODEP),
    _dimension(("1D", "2D", "3D", None, "ARRAY_1D", "ARRAY_2D")),
)
_texture(
    "TLD4",
    (0xB63, 0x364),
    (SCR, table(87, 2, ("R", "G", "B", "A")), B, HALF, OFFSETS, flag(77, "PTP"), DEPTH, CACHE, NODEP),
    _dimension((None, "2D", None, "CUBE", None, "ARRAY_2D", None, "ARRAY_CUBE")),
)
_texture(
    "TXD",
    (0xB6C, 0x36D),
    (B, HALF, OFFSETS, CACHE, flag(87, "LC"), NODEP),
    _dimension(("1D", "2D", None, None, "ARRAY_1D", "ARRAY_2D")),
)

_QUERY = _named(table(62, 2, ("TEX_HEADER_DIMENSION", "TEX_HEADER_TEXTURE_TYPE", "TEX_HEADER_SAMPLER_POS")))


def _always_mask(w: int) -> Operand:
    return Imm(w >> 72 & 15)


TABLE[0xB6F] = Form("TXQ", (NODEP,), (RD2, RD, RA, _QUERY, BANK, WORD, _always_mask), refuse=UR_BIT | REGISTER_BIT)
TABLE[0x370] = Form("TXQ", (B, NODEP), (RD2, RD, RA, _QUERY, _always_mask), refuse=UR_BIT, require=REGISTER_BIT)

# --- surfaces: x counts bytes (.BA) ------------------------------------------------------------

SURFACE = table(61, 3, ("1D", None, "1D_ARRAY", "2D", "2D_ARRAY", "3D"))
BOUNDARY = table(59, 2, ("IGN", "", "TRAP"))


def _place(w: int) -> Operand:
    return Mem(make_reg(w >> 24 & 255))


SIZE = table(73, 3, ("U8", None, "U16", None, "", "64", "128"))
STRONG = table(79, 2, (None, None, "STRONG"))
BYTES = (fixed("D"), flag(72, "BA"), SURFACE)
ACCESS = (CACHE, STRONG, SCOPE, flag(76, "PRIVATE"), BOUNDARY)
HANDLE = reg(64)
DATA = reg(32)
_LOAD, _STORE = ("SULD", (*BYTES, SIZE, *ACCESS)), ("SUST", (*BYTES, SIZE, *ACCESS))
TABLE[0xB99] = Form(*_LOAD, (carry_out(81), RD, _place, BANK, WORD), refuse=UR_BIT)
TABLE[0x99A] = Form(*_LOAD, (carry_out(81), RD, _place, HANDLE), refuse=UR_BIT)
TABLE[0xB9D] = Form(*_STORE, (_place, DATA, BANK, WORD), refuse=UR_BIT)
TABLE[0x99E] = Form(*_STORE, (_place, DATA, HANDLE), refuse=UR_BIT)
_OPERATION = table(87, 3, ("ADD", "MIN", "MAX", "INC", "DEC", "AND", "OR", "XOR"))
_TYPE = table(73, 3, ("", "S32", "64"))
TABLE[0x59F] = Form("SURED", (*BYTES, _OPERATION, _TYPE, *ACCESS), (_place, DATA, BANK, WORD), refuse=UR_BIT)
