"""Fields that many opcodes share, and how an ALU opcode is entered into a table."""

from __future__ import annotations

from .decode_fields import (
    flag,
    reg,
    split,
    table,
    ureg,
)
from .decode_forms import (
    F32,
    F64,
    MIDDLE,
    Form,
    Source,
    expand,
    refused,
    required,
)
from .ir import (
    Imm,
)

ALL_FORMS = (1, 2, 3, 4, 5, 6, 7)
B_FORMS = (1, 4, 5, 6)  # the last source is the middle field
C_FORMS = (1, 2, 3, 7)  # DADD and the half opcodes: as ALL_FORMS without the second source

ROUND = table(78, 2, ("", "RM", "RP", "RZ"))
ROUND_INT = table(78, 2, ("", "FLOOR", "CEIL", "TRUNC"))
FTZ = flag(80, "FTZ")
SAT = flag(77, "SAT")
DENORM = split(((76, 1), (80, 1)), {(0, 0): "", (0, 1): "FTZ", (1, 0): "FMZ"})
BOOL = table(74, 2, ("AND", "OR", "XOR"))
INT_COMPARE = table(76, 3, ("F", "LT", "EQ", "LE", "GT", "NE", "GE", "T"))
_ORDERED = ("LT", "EQ", "LE", "GT", "NE", "GE", "NUM", "NAN", "LTU", "EQU", "LEU", "GTU", "NEU", "GEU")
FLOAT_COMPARE = table(76, 4, ("F", *_ORDERED, "T"))
DOUBLE_COMPARE = table(76, 4, ("MIN", *_ORDERED, "MAX"))
U32 = flag(73, "", "U32")
X = flag(74, "X")
DST = reg(16)
UDST = ureg(16)


def middle(source: Source, form: int):
    return source.at(MIDDLE[form])


HALF_PART = table(60, 2, ("", "H1"))
BYTE_PART = table(60, 2, ("", "B1", "B2", "B3"))


def by_type(form: int, sources: dict[str, Source], type_of):
    """The middle source of a unary opcode, read as the type that ``type_of(w)`` names."""
    fields = {name: middle(source, form) for name, source in sources.items()}
    return lambda w: fields[type_of(w)](w)


_FLOATS = {"f16": Source(neg=True, abs=True, imm="f16", part=HALF_PART), "f32": F32, "f64": F64}


def float_source(form: int, type_of=None):
    """A floating-point source, by default of the type in bits 84..85."""
    return by_type(form, _FLOATS, type_of or (lambda w: ("f32", "f16", "f32", "f64")[w >> 84 & 3]))


def alu(table_: dict[int, Form], base: int, forms, op: str, modifiers, fields, **more) -> None:
    """Enters an ALU opcode in these forms; ``fields(form)`` gives the operands."""
    expand(base, forms, lambda form: Form(op, modifiers, fields(form), refused(form), required(form), **more), table_)


def lut(w: int) -> Imm:
    """The truth table of PLOP3, in two pieces."""
    return Imm((w >> 72 & 31) << 3 | w >> 64 & 7)
