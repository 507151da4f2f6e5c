"""The decoded form of one SASS instruction, shared by decoder, semantics and emitters.

An :class:`Instr` holds what ``nvdisasm`` prints for the same 128-bit word, as data: guard,
mnemonic, modifiers and operands, in the printed order (destinations first). Optional operands
that the disassembler leaves out (a carry-out that is PT, say) are left out here too, so that
``str(instr)`` can be compared with the disassembler's line.

Register numbers follow the hardware: RZ = 255, URZ = 63, PT = UPT = 7.
Source: CUDA Binary Utilities documentation; field positions as in Mesa's NAK encoder.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Union

RZ = 255
URZ = 63
PT = 7


@dataclass(frozen=True, slots=True)
class Reg:
    """A 32-bit general register, or the first of a pair/quad where the opcode says so.

    neg/abs/inv: arithmetic negation, absolute value, bitwise complement, applied to the value read.
    fmt: printed suffixes such as ``H0_H0``, ``H1_H1``, ``B1``, ``64``, ``reuse`` is not kept.
    """

    n: int
    neg: bool = False
    abs: bool = False
    inv: bool = False
    fmt: str = ""


@dataclass(frozen=True, slots=True)
class UReg:
    """A 32-bit uniform register (one value per warp)."""

    n: int
    neg: bool = False
    abs: bool = False
    inv: bool = False
    fmt: str = ""


@dataclass(frozen=True, slots=True)
class Pred:
    """A predicate register P0..P6, PT; ``neg`` is the printed ``!``."""

    n: int
    neg: bool = False


@dataclass(frozen=True, slots=True)
class UPred:
    """A uniform predicate register UP0..UP6, UPT."""

    n: int
    neg: bool = False


@dataclass(frozen=True, slots=True)
class Imm:
    """A 32-bit immediate as the bit pattern in the word.

    kind: ``i`` integer, ``f32``, ``f64`` (pattern is the high word), ``f16`` (16 bits), ``f16x2``, ``bf16x2``: how it is printed.
    """

    bits: int
    kind: str = "i"


@dataclass(frozen=True, slots=True)
class Const:
    """Constant memory ``c[bank][offset]``, ``c[bank][Rn+offset]`` or ``c[URn][offset]`` (bindless).

    bank is an int, or a UReg for ``cx[URn][offset]``. offset is in bytes, signed.
    base is a Reg or UReg index added to offset, or None.
    """

    bank: int | UReg
    offset: int
    base: Reg | UReg | None = None
    neg: bool = False
    abs: bool = False
    inv: bool = False
    fmt: str = ""


@dataclass(frozen=True, slots=True)
class Mem:
    """A memory address ``[Rn.fmt+URm+offset]``.

    base: Reg whose fmt is ``64``/``U32``/``X4``/``X8``/``X16``/"" as printed, or None.
    ubase: UReg or None. offset: signed bytes.
    """

    base: Reg | None
    ubase: UReg | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Label:
    """A branch target: byte offset inside the function's text section."""

    offset: int


@dataclass(frozen=True, slots=True)
class Special:
    """A special register by its printed name, e.g. ``SR_TID.X``, ``SR_LANEID``, ``SRZ``."""

    name: str


@dataclass(frozen=True, slots=True)
class Barrier:
    """A convergence barrier register B0..B15 (BSSY, BSYNC, BREAK, BMOV)."""

    n: int


Operand = Union[Reg, UReg, Pred, UPred, Imm, Const, Mem, Label, Special, Barrier]


@dataclass(slots=True)
class Instr:
    """One instruction. ``op`` is the mnemonic (``IADD3``), ``mods`` the dot-separated rest in order.

    offset: byte offset in the text section. guard: Pred or UPred (PT when unguarded).
    word: the 128-bit encoding as an int.
    """

    offset: int
    op: str
    mods: tuple[str, ...] = ()
    operands: tuple[Operand, ...] = ()
    guard: Pred | UPred = field(default_factory=lambda: Pred(PT))
    word: int = 0

    def has(self, mod: str) -> bool:
        """Whether modifier ``mod`` is present."""
        return mod in self.mods


class DecodeError(Exception):
    """A word that the tables do not know. Carries kernel name, offset and word for the message."""

    def __init__(self, kernel: str, offset: int, word: int, why: str):
        super().__init__(f"{kernel}+{offset:#x}: cannot decode {word:#034x}: {why}")
        self.kernel, self.offset, self.word, self.why = kernel, offset, word, why

    def __reduce__(self) -> tuple:
        """Compiler processes send it to the executor."""
        return DecodeError, (self.kernel, self.offset, self.word, self.why)


class LiftError(Exception):
    """An instruction that decodes but has no semantics here. Names kernel, offset and instruction."""
