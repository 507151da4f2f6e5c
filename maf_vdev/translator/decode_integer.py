"""Integer opcodes, predicates and special registers of sm_70 and sm_75."""

from __future__ import annotations

from .decode_common import (
    ALL_FORMS,
    B_FORMS,
    BOOL,
    DST,
    INT_COMPARE,
    U32,
    UDST,
    X,
    alu,
    lut,
    middle,
)
from .decode_fields import (
    carry_out,
    fixed,
    flag,
    imm,
    pred,
    pred_in,
    reg,
    special,
    split,
    table,
    unless,
    upred,
    upred_in,
    when,
)
from .decode_forms import (
    NEG,
    NEG_X,
    NOT,
    PLAIN,
    UR_BIT,
    Form,
    three,
)
from .decode_special import (
    special_register,
)
from .ir import (
    PT,
    RZ,
    URZ,
    Imm,
    Pred,
    Reg,
    UReg,
)

TABLE: dict[int, Form] = {}


# --- integer ---------------------------------------------------------------------------------


def _imad_alias(w: int, modifiers: list[str], operands: list) -> list[str]:
    """The disassembler's names for multiplications by 0, 1 and powers of two (not with a uniform source)."""
    if "X" in modifiers or w >> 91 & 1:
        return modifiers
    _, a, b, c = operands
    immediate = w >> 9 & 7 == 4
    zero = Reg(RZ)
    if a == zero or b == zero or b == Imm(0):
        return ["MOV", *modifiers]
    if immediate:
        bare = isinstance(c, Reg) and c.n == RZ
        if b.bits == 1:
            return ["MOV" if bare else "IADD", *modifiers]
        if bare and b.bits.bit_count() == 1 and b.bits not in (0x10000, 0x80000000):
            return ["SHL", *modifiers]
    return modifiers


alu(
    TABLE,
    0x024,
    ALL_FORMS,
    "IMAD",
    (U32, X),
    lambda form: (DST, *three(form, PLAIN, PLAIN, NEG_X), when(74, pred_in(87))),
    rename=_imad_alias,
)
alu(
    TABLE,
    0x025,
    (1, 3, 4, 5, 6, 7),
    "IMAD",
    (fixed("WIDE"), U32, X),
    lambda form: (DST, carry_out(81), *three(form, PLAIN, PLAIN, NEG_X), when(74, pred_in(87))),
)
alu(
    TABLE,
    0x027,
    (1, 3, 4, 5, 6, 7),
    "IMAD",
    (fixed("HI"), U32, X),
    lambda form: (DST, carry_out(81), *three(form, PLAIN, PLAIN, NEG_X), when(74, pred_in(87))),
)
alu(
    TABLE,
    0x010,
    B_FORMS,
    "IADD3",
    (X,),
    lambda form: (
        DST,
        carry_out(81),
        carry_out(84),
        *three(form, NEG_X, NEG_X, NEG_X),
        when(74, pred_in(87)),
        when(74, pred_in(77)),
    ),
)
alu(
    TABLE,
    0x00C,
    B_FORMS,
    "ISETP",
    (INT_COMPARE, U32, BOOL, flag(72, "EX")),
    lambda form: (
        pred(81),
        pred(84),
        PLAIN.first(),
        middle(PLAIN, form),
        pred_in(87),
        unless(pred_in(68), Pred(PT)),
    ),
)
alu(
    TABLE,
    0x012,
    B_FORMS,
    "LOP3",
    (fixed("LUT"), flag(80, "PAND")),
    lambda form: (carry_out(81), DST, *three(form, PLAIN, PLAIN, PLAIN), imm(72, 8), pred_in(87)),
)
alu(
    TABLE,
    0x011,
    B_FORMS,
    "LEA",
    (flag(80, "HI"), X, split(((80, 1), (73, 1)), {(0, 0): "", (1, 0): "", (1, 1): "SX32"})),
    lambda form: (
        DST,
        carry_out(81),
        NEG_X.first(),
        middle(NEG_X, form),
        lambda w: reg(64)(w) if w >> 80 & 1 and not w >> 73 & 1 else None,
        imm(75, 5),
        when(74, pred_in(87)),
    ),
)
alu(
    TABLE,
    0x019,
    ALL_FORMS[:5] + (6, 7),
    "SHF",
    (flag(76, "R", "L"), flag(75, "W"), table(73, 2, ("S64", "U64", "S32", "U32")), flag(80, "HI")),
    lambda form: (DST, *three(form, PLAIN, PLAIN, PLAIN)),
)
alu(
    TABLE,
    0x016,
    ALL_FORMS,
    "PRMT",
    (table(72, 3, ("", "F4E", "B4E", "RC8", "ECL", "ECR", "RC16")),),
    lambda form: (DST, *three(form, PLAIN, PLAIN, PLAIN)),
)
alu(TABLE, 0x017, B_FORMS, "IMNMX", (U32,), lambda form: (DST, PLAIN.first(), middle(PLAIN, form), pred_in(87)))
alu(TABLE, 0x013, B_FORMS, "IABS", (), lambda form: (DST, middle(PLAIN, form)))
alu(
    TABLE,
    0x01A,
    B_FORMS,
    "SGXT",
    (flag(75, "W"), U32),
    lambda form: (DST, PLAIN.first(), middle(PLAIN, form)),
)
alu(TABLE, 0x01B, B_FORMS, "BMSK", (flag(75, "W"),), lambda form: (DST, PLAIN.first(), middle(PLAIN, form)))
alu(TABLE, 0x101, B_FORMS, "BREV", (), lambda form: (DST, middle(PLAIN, form)))
alu(TABLE, 0x109, B_FORMS, "POPC", (), lambda form: (DST, middle(NOT, form)))
alu(
    TABLE,
    0x100,
    B_FORMS,
    "FLO",
    (U32, flag(74, "SH")),
    lambda form: (DST, carry_out(81), middle(NOT, form)),
)
alu(TABLE, 0x007, B_FORMS, "SEL", (), lambda form: (DST, PLAIN.first(), middle(PLAIN, form), pred_in(87)))
alu(
    TABLE,
    0x002,
    B_FORMS,
    "MOV",
    (),
    lambda form: (DST, middle(PLAIN, form), unless(imm(72, 4), Imm(0xF))),
)
alu(
    TABLE,
    0x026,
    (1, 5, 6),
    "IDP",
    (
        split(((76, 2),), {(0,): "4A", (1,): "2A.LO", (3,): "2A.HI"}),
        split(
            ((76, 1), (73, 1)),
            {(0, 0): "U8", (0, 1): "S8", (1, 0): "U16", (1, 1): "S16"},
        ),
        flag(74, "S8", "U8"),
    ),
    lambda form: (DST, *three(form, PLAIN, PLAIN, NEG)),
)
alu(
    TABLE,
    0x039,
    B_FORMS,
    "I2IP",
    (
        split(
            ((76, 3), (72, 2)),
            {(kind, part): name for kind, name in enumerate(("U8", "S8", "U16", "S16")) for part in (0, 1)}
            | {(4, 3): "U2", (5, 3): "S2", (6, 2): "U4", (7, 2): "S4"},
        ),
        fixed("S32"),
        fixed("SAT"),
    ),
    lambda form: (DST, PLAIN.first(), middle(PLAIN, form), reg(64, fmt=table(72, 2, ("", "H1", "24", "28")))),
)


alu(
    TABLE,
    0x038,
    B_FORMS,
    "I2I",
    (table(76, 2, ("U8", "S8", "U16", "S16")), fixed("S32"), fixed("SAT")),
    lambda form: (DST, middle(PLAIN, form)),
)
alu(
    TABLE,
    0x014,
    ALL_FORMS,
    "VABSDIFF",
    (U32,),
    lambda form: (DST, carry_out(81), *three(form, PLAIN, PLAIN, PLAIN)),
)
alu(
    TABLE,
    0x015,
    ALL_FORMS,
    "VABSDIFF4",
    (flag(73, "", "U8"), flag(75, "ACC")),
    lambda form: (DST, carry_out(81), *three(form, PLAIN, PLAIN, PLAIN)),
)


# --- predicates and special registers --------------------------------------------------------


TABLE[0x81C] = Form(
    "PLOP3",
    (fixed("LUT"),),
    (
        pred(81),
        pred(84),
        pred_in(87),
        pred_in(77),
        lambda w: (upred_in if w >> 67 & 1 else pred_in)(68)(w),
        lut,
        imm(16, 8),
    ),
    refuse=UR_BIT,
)
_BYTE = table(76, 2, ("", "B1", "B2", "B3"))
alu(TABLE, 0x003, B_FORMS, "P2R", (_BYTE,), lambda form: (DST, special("PR"), PLAIN.first(), middle(PLAIN, form)))
alu(TABLE, 0x004, B_FORMS, "R2P", (), lambda form: (special("PR"), reg(24, fmt=_BYTE), middle(PLAIN, form)))
TABLE[0x805] = Form("CS2R", (flag(80, "", "32"),), (DST, special_register(72)))
TABLE[0x919] = Form("S2R", (), (DST, special_register(72)))
TABLE[0x9C3] = Form("S2UR", (), (UDST, special_register(72)), refuse=UR_BIT, guard="UP")
TABLE[0x3C2] = Form(
    "R2UR",
    (flag(84, "OR"),),
    (lambda w: pred(81)(w) if w >> 84 & 1 else carry_out(81)(w), UDST, PLAIN.first()),
    refuse=UR_BIT,
)
TABLE[0x806] = Form("VOTE", (table(72, 2, ("ALL", "ANY", "EQ")),), (unless(DST, Reg(RZ)), pred(81), pred_in(87)))
TABLE[0x886] = Form(
    "VOTEU",
    (table(72, 2, ("ALL", "ANY", "EQ")),),
    (unless(UDST, UReg(URZ)), upred(81), pred_in(87)),
    refuse=UR_BIT,
)
