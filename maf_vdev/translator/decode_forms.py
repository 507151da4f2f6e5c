"""Source forms of ALU opcodes, and the record that describes one 12-bit opcode.

Bits 9..11 of an ALU word say which source sits in the word's middle field (bits 32..63), and as what:
the other one is then a register in bits 64..71.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .decode_fields import ALWAYS, Field, Modifier, const, imm, reg, table, ureg

# form -> (kind of the second source, kind of the third source); "r64" is the register in bits 64..71.
THREE_SOURCES = {
    1: ("r32", "r64"),
    2: ("r64", "i32"),
    3: ("r64", "c32"),
    4: ("i32", "r64"),
    5: ("c32", "r64"),
    6: ("u32", "r64"),
    7: ("r64", "u32"),
}
MIDDLE = {1: "r32", 2: "i32", 3: "c32", 4: "i32", 5: "c32", 6: "u32", 7: "u32"}

HALVES = ("", "F32", "H0_H0", "H1_H1")


@dataclass(frozen=True)
class Form:
    """How to read the words of one 12-bit opcode.

    modifiers and operands are in printed order. refuse, require: bits that must be clear, set. rename: last say on the
    modifiers, for mnemonics that the disassembler derives from operand values. relative: a Label operand
    counts from the next instruction. guard: "P" or "UP".
    """

    op: str
    modifiers: tuple[Modifier, ...] = ()
    operands: tuple[Field, ...] = ()
    refuse: int = 0
    require: int = 0
    rename: Callable[[int, list[str], list], list[str]] | None = None
    relative: bool = False
    guard: str = "P"


@dataclass(frozen=True)
class Source:
    """Which modifiers a source register may carry.

    The bits belong to the field, not to the role: 72/73 for bits 24..31, 63/62 for 32..63, 75/74 for 64..71
    (84/83 in half-precision opcodes). part: which part of a 32-bit source in bits 32..63 is read.
    complement: negation is bitwise complement where bit 74 (.X) is set.
    """

    neg: bool = False
    abs: bool = False
    half: bool = False
    complement: int = -1
    imm: str = "i"
    part: Modifier | None = None
    uniform: bool = False

    def _make(self, kind: Callable[..., Field], lo: int | None, neg: int, abs_: int, halves: int) -> Field:
        where = {} if lo is None else {"lo": lo}
        return kind(
            **where,
            neg=neg if self.neg else -1,
            abs_=abs_ if self.abs else -1,
            inv_if=self.complement,
            fmt=table(halves, 2, HALVES) if self.half else self.part if halves == 60 else None,
        )

    def first(self) -> Field:
        return self._make(ureg if self.uniform else reg, 24, 72, 73, 74)

    def at(self, kind: str) -> Field:
        """The field of this kind: r32, i32, c32, u32 or r64."""
        register = ureg if self.uniform else reg
        if kind == "r32":
            return self._make(register, 32, 63, 62, 60)
        if kind == "u32":
            return self._make(ureg, 32, 63, 62, 60)
        if kind == "c32":
            return self._make(const, None, 63, 62, 60)
        if kind == "i32":
            return imm(32, 16 if self.imm == "f16" else 32, self.imm)
        if kind == "r64":
            return self._make(register, 64, 84, 83, 81) if self.half else self._make(register, 64, 75, 74, 0)
        raise ValueError(kind)


PLAIN = Source()
NEG = Source(neg=True)
NOT = Source(neg=True, complement=ALWAYS)
NEG_X = Source(neg=True, complement=74)
F32 = Source(neg=True, abs=True, imm="f32")
F64 = Source(neg=True, abs=True, imm="f64")
F16 = Source(neg=True, abs=True, half=True, imm="f16x2")
UPLAIN = Source(uniform=True)
UNOT = Source(neg=True, complement=ALWAYS, uniform=True)
UNEG_X = Source(neg=True, complement=74, uniform=True)

# Bit 91 turns a constant into a bindless one and must be set for a UR source. In the other forms the hardware
# has no use for it.
UR_BIT = 1 << 91


def refused(form: int) -> int:
    return UR_BIT if form in (1, 2, 4) else 0


def required(form: int) -> int:
    return UR_BIT if form in (6, 7) else 0


def three(form: int, a: Source, b: Source, c: Source) -> tuple[Field, Field, Field]:
    """Fields of a three-source opcode in this form."""
    second, third = THREE_SOURCES[form]
    return a.first(), b.at(second), c.at(third)


def expand(base: int, forms: Iterable[int], build: Callable[[int], Form], table_: dict[int, Form]) -> None:
    """Enters ``build(form)`` for each form of a 9-bit base opcode."""
    for form in forms:
        opcode = base | form << 9
        if opcode in table_:
            raise ValueError(f"opcode {opcode:#x} entered twice")
        table_[opcode] = build(form)
