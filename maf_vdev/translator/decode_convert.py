"""Conversions between number types."""

from __future__ import annotations

from .decode_common import (
    B_FORMS,
    BYTE_PART,
    DST,
    FTZ,
    HALF_PART,
    ROUND,
    ROUND_INT,
    alu,
    by_type,
    float_source,
)
from .decode_fields import (
    FieldError,
    flag,
    split,
    table,
)
from .decode_forms import (
    MIDDLE,
    PLAIN,
    Form,
    Source,
)
from .ir import (
    Imm,
)

TABLE: dict[int, Form] = {}


# --- conversions -----------------------------------------------------------------------------
# Widths in powers of two from bytes: the source in bits 84..85, the destination in 75..76.

ZERO77 = table(77, 1, ("",))
_FLOAT_TYPES = {1: "F16", 2: "F32", 3: "F64"}


def _float_pairs(sizes: tuple[tuple[int, int], ...]):
    return split(((75, 2), (84, 2)), {(d, s): f"{_FLOAT_TYPES[d]}.{_FLOAT_TYPES[s]}" for d, s in sizes})


alu(
    TABLE,
    0x104,
    B_FORMS,
    "F2F",
    (FTZ, _float_pairs(((1, 2), (2, 1))), ROUND, ZERO77),
    lambda form: (DST, float_source(form)),
)
alu(
    TABLE,
    0x110,
    B_FORMS,
    "F2F",
    (FTZ, _float_pairs(((1, 3), (2, 3), (3, 1), (3, 2))), ROUND, ZERO77),
    lambda form: (DST, float_source(form)),
)
alu(
    TABLE,
    0x105,
    B_FORMS,
    "F2I",
    (
        FTZ,
        split(
            ((75, 2), (72, 1)),
            {(0, 0): "U8", (0, 1): "S8", (1, 0): "U16", (1, 1): "S16", (2, 0): "U32", (2, 1): ""},
        ),
        split(((84, 2),), {(1,): "F16", (2,): ""}),
        ROUND_INT,
        flag(77, "NTZ"),
    ),
    lambda form: (DST, float_source(form)),
)
_F2I64 = {(3, 3, s): f"{'SU'[1 - s]}64.F64" for s in (0, 1)}
_F2I64 |= {(3, source, s): f"{'SU'[1 - s]}64{suffix}" for source, suffix in ((1, ".F16"), (2, "")) for s in (0, 1)}
_F2I64 |= {
    (d, 3, s): f"{name}.F64".lstrip(".")
    for d, s, name in (
        (0, 0, "U8"),
        (0, 1, "S8"),
        (1, 0, "U16"),
        (1, 1, "S16"),
        (2, 0, "U32"),
        (2, 1, ""),
    )
}
alu(
    TABLE,
    0x111,
    B_FORMS,
    "F2I",
    (FTZ, split(((75, 2), (84, 2), (72, 1)), _F2I64), ROUND_INT, flag(77, "NTZ")),
    lambda form: (DST, float_source(form)),
)
_INT_TYPES = {(0, 0): "U8", (0, 1): "S8", (1, 0): "U16", (1, 1): "S16", (2, 0): "U32", (2, 1): ""}


def _int_types(wide: bool):
    """Source types of I2F: the opcode of 64-bit conversions is for those only."""
    if not wide:
        return split(((84, 2), (74, 1)), _INT_TYPES)
    names = {(target, 3, sign): f"{'US'[sign]}64" for target in (1, 2, 3) for sign in (0, 1)}
    names |= {(3, *key): name for key, name in _INT_TYPES.items()}
    return split(((75, 2), (84, 2), (74, 1)), names)


def _whole_immediate(w: int) -> Imm:
    if w >> 84 & 3 < 2:
        raise FieldError("an immediate as part of a register")
    return Imm(w >> 32 & 0xFFFFFFFF)


def _int_source(form: int):
    """The integer source of I2F; a part of a register for 8 and 16 bits."""
    sources = {"8": Source(part=BYTE_PART), "16": Source(part=HALF_PART), "32": PLAIN}
    if MIDDLE[form] == "i32":
        return _whole_immediate
    return by_type(form, sources, lambda w: ("8", "16", "32", "32")[w >> 84 & 3])


alu(
    TABLE,
    0x106,
    B_FORMS,
    "I2F",
    (split(((75, 2),), {(1,): "F16", (2,): ""}), _int_types(False), ROUND),
    lambda form: (DST, _int_source(form)),
)
alu(
    TABLE,
    0x112,
    B_FORMS,
    "I2F",
    (split(((75, 2),), {(1,): "F16", (2,): "", (3,): "F64"}), _int_types(True), ROUND),
    lambda form: (DST, _int_source(form)),
)
alu(
    TABLE,
    0x107,
    B_FORMS,
    "FRND",
    (FTZ, split(((75, 2), (84, 2)), {(2, 2): "", (1, 1): "F16"}), ROUND_INT),
    lambda form: (DST, float_source(form)),
)
alu(
    TABLE,
    0x113,
    B_FORMS,
    "FRND",
    (FTZ, split(((75, 2), (84, 2)), {(3, 3): "F64"}), ROUND_INT),
    lambda form: (DST, float_source(form)),
)
