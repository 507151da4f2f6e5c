"""Fields of a 128-bit SASS word: small functions from a word to one operand or one modifier.

Each factory returns a function of the word. Operand functions return an operand, or None where the
disassembler leaves it out; modifier functions return text without the leading dot, "" for none.
Bit numbers count from the least significant bit of the word, as in Mesa's NAK encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from .ir import PT, RZ, Barrier, Const, Imm, Mem, Operand, Pred, Reg, Special, UPred, UReg

Field = Callable[[int], "Operand | None"]
Modifier = Callable[[int], str]


class FieldError(Exception):
    """A field value that the architecture does not define."""


_REG = tuple(Reg(n) for n in range(256))
_UREG = tuple(UReg(n) for n in range(64))
_PRED = tuple(Pred(n & 7, n > 7) for n in range(16))
_UPRED = tuple(UPred(n & 7, n > 7) for n in range(16))

make_reg = lru_cache(maxsize=None)(Reg)
make_ureg = lru_cache(maxsize=None)(UReg)


ALWAYS = 128  # a bit number that is set in every word
_TOP = 1 << ALWAYS


def bit(w: int, at: int) -> bool:
    return w >> at & 1 == 1


def signed(value: int, width: int) -> int:
    return value - (1 << width) if value >> (width - 1) else value


# --- modifiers -------------------------------------------------------------------------------


def table(lo: int, width: int, names: Sequence[str | None]) -> Modifier:
    """One of ``names`` by a bit field; None (and values beyond the end) is undefined."""
    mask = (1 << width) - 1
    padded = tuple(names) + (None,) * (mask + 1 - len(names))

    def get(w: int) -> str:
        name = padded[w >> lo & mask]
        if name is None:
            raise FieldError(f"value {w >> lo & mask} in bits {lo}..{lo + width - 1}")
        return name

    return get


def flag(at: int, name: str, otherwise: str = "") -> Modifier:
    def get(w: int) -> str:
        return name if w >> at & 1 else otherwise

    return get


def fixed(name: str) -> Modifier:
    return lambda w: name


def split(fields: Sequence[tuple[int, int]], names: dict[tuple[int, ...], str]) -> Modifier:
    """A name by several bit fields (lo, width) together; combinations that are not listed are undefined."""
    parts = tuple((lo, (1 << width) - 1) for lo, width in fields)

    def get(w: int) -> str:
        key = tuple(w >> lo & mask for lo, mask in parts)
        name = names.get(key)
        if name is None:
            raise FieldError(f"values {key} in bits " + ", ".join(f"{lo}" for lo, _ in fields))
        return name

    return get


# --- registers and predicates ----------------------------------------------------------------


def reg(lo: int, neg: int = -1, abs_: int = -1, inv_if: int = -1, fmt: Modifier | None = None) -> Field:
    """A general register. ``inv_if``: where that bit is set (or always: ALWAYS), ``neg`` means bitwise complement."""
    if neg < 0 and abs_ < 0 and fmt is None:
        return lambda w: _REG[w >> lo & 255]

    def get(w: int) -> Reg:
        n = w >> lo & 255
        minus = neg >= 0 and bit(w, neg)
        absolute = abs_ >= 0 and bit(w, abs_)
        inverted = minus and inv_if >= 0 and bit(w | _TOP, inv_if)
        return make_reg(n, minus and not inverted, absolute, inverted, fmt(w) if fmt else "")

    return get


def ureg(lo: int, neg: int = -1, abs_: int = -1, inv_if: int = -1, fmt: Modifier | None = None) -> Field:
    if neg < 0 and abs_ < 0 and fmt is None:
        return lambda w: _UREG[w >> lo & 63]

    def get(w: int) -> UReg:
        n = w >> lo & 63
        minus = neg >= 0 and bit(w, neg)
        absolute = abs_ >= 0 and bit(w, abs_)
        inverted = minus and inv_if >= 0 and bit(w | _TOP, inv_if)
        return make_ureg(n, minus and not inverted, absolute, inverted, fmt(w) if fmt else "")

    return get


def pred(lo: int) -> Field:
    """A destination predicate, always printed."""
    return lambda w: _PRED[w >> lo & 7]


def upred(lo: int) -> Field:
    return lambda w: _UPRED[w >> lo & 7]


def pred_in(lo: int, neg: int | None = None) -> Field:
    """A source predicate with its negation bit, by default the one above it."""
    at = lo + 3 if neg is None else neg
    return lambda w: _PRED[w >> lo & 7 | (w >> at & 1) << 3]


def upred_in(lo: int, neg: int | None = None) -> Field:
    at = lo + 3 if neg is None else neg
    return lambda w: _UPRED[w >> lo & 7 | (w >> at & 1) << 3]


def unless(field: Field, absent: Operand) -> Field:
    """``field``, left out where it is ``absent``."""

    def get(w: int) -> Operand | None:
        operand = field(w)
        return None if operand == absent else operand

    return get


def carry_out(lo: int) -> Field:
    """A predicate destination that is left out where it is PT."""
    return unless(pred(lo), Pred(PT))


def ucarry_out(lo: int) -> Field:
    return unless(upred(lo), UPred(PT))


def when(at: int, field: Field) -> Field:
    """``field`` where bit ``at`` is set, else left out."""
    return lambda w: field(w) if w >> at & 1 else None


def when_not(at: int, field: Field) -> Field:
    return lambda w: None if w >> at & 1 else field(w)


def special(name: str) -> Field:
    operand = Special(name)
    return lambda w: operand


# --- immediates and constants ----------------------------------------------------------------


def imm(lo: int, width: int, kind: str = "i") -> Field:
    mask = (1 << width) - 1
    return lambda w: Imm(w >> lo & mask, kind)


def const(neg: int = -1, abs_: int = -1, inv_if: int = -1, fmt: Modifier | None = None) -> Field:
    """``c[bank][offset]`` of ALU opcodes: words, bank in 54..58; bit 91 turns it into ``cx[UR][offset]``.

    The offset is signed in the first and unsigned in the second.
    """

    def get(w: int) -> Const:
        bindless = w >> 91 & 1
        bank = _UREG[w >> 32 & 63] if bindless else w >> 54 & 31
        minus = neg >= 0 and bit(w, neg)
        absolute = abs_ >= 0 and bit(w, abs_)
        inverted = minus and inv_if >= 0 and bit(w | _TOP, inv_if)
        offset = w >> 40 & 0x3FFF
        offset = 4 * (offset if bindless else signed(offset, 14))
        return Const(bank, offset, None, minus and not inverted, absolute, inverted, fmt(w) if fmt else "")

    return get


def const_indexed(base: Field) -> Field:
    """``c[bank][base+offset]`` of LDC and ULDC: byte offset in 38..53; RZ is left out beside an offset."""

    def get(w: int) -> Const:
        index, offset = base(w), signed(w >> 38 & 0xFFFF, 16)
        return Const(w >> 54 & 31, offset, None if offset and index == _REG[RZ] else index)

    return get


def const_bindless(lo: int) -> Field:
    """``c[bank][offset]`` in bytes, or ``cx[UR][offset]`` where bit 91 is set."""

    def get(w: int) -> Const:
        offset = w >> 38 & 0xFFFF
        return Const(_UREG[w >> lo & 63], offset) if w >> 91 & 1 else Const(w >> 54 & 31, signed(offset, 16))

    return get


# --- memory ----------------------------------------------------------------------------------


def address(
    uniform: int = -1, uniform_if: int = -1, wide: int = -1, scale: Modifier | None = None, far: bool = False
) -> Field:
    """``[R.fmt+UR+offset]``: R in 24..31, signed offset in 40..63.

    uniform: where the UR is (-1: none); uniform_if: the bit that says so, if it is optional.
    wide: the bit that makes R ``.64``, else ``.U32``, which is printed beside a UR only.
    far: without a UR the offset has the 32 bits 32..63.
    """

    def get(w: int) -> Mem:
        offset, width = w >> 40 & 0xFFFFFF, 24
        n = w >> 24 & 255
        fmt = scale(w) if scale else ""
        index = None
        if uniform >= 0 and (uniform_if < 0 or w >> uniform_if & 1):
            index = _UREG[w >> uniform & 63]
            if wide >= 0:
                fmt = "64" if w >> wide & 1 else "U32"
        elif far:
            offset, width = w >> 32 & 0xFFFFFFFF, 32
        scaled_zero = n == RZ and scale and fmt  # printed, though it adds nothing
        base = make_reg(n, fmt=fmt) if n != RZ or scaled_zero else None
        if base is not None or index is not None:  # otherwise it is an absolute address
            offset = signed(offset, width)
        return Mem(base, index, offset)

    return get


# --- control flow ----------------------------------------------------------------------------


def barrier(lo: int) -> Field:
    return lambda w: Barrier(w >> lo & 15)
