"""Single, double and half precision and matrix opcodes of sm_70 and sm_75."""

from __future__ import annotations

from .decode_common import (
    ALL_FORMS,
    B_FORMS,
    BOOL,
    C_FORMS,
    DENORM,
    DOUBLE_COMPARE,
    DST,
    FLOAT_COMPARE,
    FTZ,
    ROUND,
    SAT,
    alu,
    float_source,
    middle,
)
from .decode_fields import (
    fixed,
    flag,
    pred,
    pred_in,
    reg,
    split,
    table,
)
from .decode_forms import (
    F16,
    F32,
    F64,
    MIDDLE,
    PLAIN,
    UR_BIT,
    Form,
    three,
)

TABLE: dict[int, Form] = {}


# --- single and double precision -------------------------------------------------------------

FADD_FORMS = (1, 2, 3, 7)
alu(TABLE, 0x021, FADD_FORMS, "FADD", (FTZ, ROUND, SAT), lambda form: (DST, F32.first(), middle(F32, form)))
alu(
    TABLE,
    0x020,
    B_FORMS,
    "FMUL",
    (DENORM, table(84, 3, (None, "D8", "D4", "D2", "", "M2", "M4", "M8")), ROUND, SAT),
    lambda form: (DST, F32.first(), middle(F32, form)),
)
alu(TABLE, 0x023, ALL_FORMS, "FFMA", (DENORM, ROUND, SAT), lambda form: (DST, *three(form, F32, F32, F32)))
alu(
    TABLE,
    0x00B,
    B_FORMS,
    "FSETP",
    (FLOAT_COMPARE, FTZ, BOOL),
    lambda form: (pred(81), pred(84), F32.first(), middle(F32, form), pred_in(87)),
)
alu(
    TABLE,
    0x00A,
    B_FORMS,
    "FSET",
    (fixed("BF"), FLOAT_COMPARE, FTZ, BOOL),
    lambda form: (DST, F32.first(), middle(F32, form), pred_in(87)),
)
alu(TABLE, 0x008, B_FORMS, "FSEL", (FTZ,), lambda form: (DST, F32.first(), middle(F32, form), pred_in(87)))
alu(TABLE, 0x009, B_FORMS, "FMNMX", (FTZ,), lambda form: (DST, F32.first(), middle(F32, form), pred_in(87)))
alu(TABLE, 0x102, B_FORMS, "FCHK", (), lambda form: (pred(81), F32.first(), middle(F32, form)))

alu(
    TABLE,
    0x029,
    C_FORMS,
    "DADD",
    (ROUND,),
    lambda form: (DST, F64.first(), F64.at("r64" if form == 1 else MIDDLE[form])),
)
alu(TABLE, 0x028, B_FORMS, "DMUL", (ROUND,), lambda form: (DST, F64.first(), middle(F64, form)))
alu(TABLE, 0x02B, ALL_FORMS, "DFMA", (ROUND,), lambda form: (DST, *three(form, F64, F64, F64)))
alu(
    TABLE,
    0x02A,
    C_FORMS,
    "DSETP",
    (DOUBLE_COMPARE, BOOL),
    lambda form: (pred(81), pred(84), F64.first(), middle(F64, form), pred_in(87)),
)

_FUNCTIONS = ("COS", "SIN", "EX2", "LG2", "RCP", "RSQ", "RCP64H", "RSQ64H", "SQRT", "TANH")
_MUFU = {(n, 0): name for n, name in enumerate(_FUNCTIONS)}
_MUFU |= {(n, 1): f"{name}.F16" for n, name in enumerate(_FUNCTIONS) if not name.endswith("64H")}


def _mufu_type(w: int) -> str:
    return "f64" if w >> 74 & 15 in (6, 7) else "f16" if w >> 73 & 1 else "f32"


alu(
    TABLE,
    0x108,
    B_FORMS,
    "MUFU",
    (split(((74, 4), (73, 1)), _MUFU),),
    lambda form: (DST, float_source(form, _mufu_type)),
)


# --- half precision --------------------------------------------------------------------------

alu(
    TABLE,
    0x030,
    C_FORMS,
    "HADD2",
    (flag(78, "F32"), FTZ, SAT),
    lambda form: (DST, F16.first(), middle(F16, form)),
)
alu(
    TABLE,
    0x032,
    B_FORMS,
    "HMUL2",
    (flag(78, "F32"), DENORM, SAT),
    lambda form: (DST, F16.first(), middle(F16, form)),
)
alu(
    TABLE,
    0x034,
    C_FORMS,
    "HSETP2",
    (FLOAT_COMPARE, flag(71, "H_AND"), FTZ, table(69, 2, ("AND", "OR", "XOR"))),
    lambda form: (pred(81), pred(84), F16.first(), middle(F16, form), pred_in(87)),
)
alu(
    TABLE,
    0x031,
    ALL_FORMS,
    "HFMA2",
    (flag(78, "F32"), DENORM, SAT),
    lambda form: (DST, *three(form, F16, F16, F16)),
)
alu(
    TABLE,
    0x033,
    C_FORMS,
    "HSET2",
    (flag(71, "BF"), FLOAT_COMPARE, FTZ, table(69, 2, ("AND", "OR", "XOR"))),
    lambda form: (DST, F16.first(), middle(F16, form), pred_in(87)),
)


# --- matrix products -------------------------------------------------------------------------

SAT_FINITE = flag(77, "SATFINITE")
ROW, COL = table(73, 1, ("ROW",)), table(74, 1, (None, "COL"))
ROW_COL = (reg(24, fmt=ROW), reg(32, fmt=COL))
TABLE[0x236] = Form(
    "HMMA",
    (
        fixed("884"),
        split(((76, 1), (78, 1)), {(0, 0): "F16.F16", (1, 0): "F32.F16", (1, 1): "F32.F32"}),
        split(((76, 1), (79, 2)), {(0, 0): "STEP0", (0, 1): "STEP1"} | {(1, n): f"STEP{n}" for n in range(4)}),
        SAT_FINITE,
    ),
    (DST, reg(24, neg=72, fmt=flag(73, "COL", "ROW")), reg(32, neg=63, fmt=flag(74, "COL", "ROW")), reg(64)),
    refuse=UR_BIT | 1 << 75,
)
TABLE[0x23C] = Form(
    "HMMA",
    (
        split(((75, 1), (78, 1)), {(0, 0): "1688", (0, 1): "1684", (1, 0): "16816"}),
        flag(76, "F32", "F16"),
        SAT_FINITE,
        split(((82, 2),), {(0,): "", (3,): ""}),
    ),
    (DST, reg(24, neg=72), reg(32, neg=63), reg(64)),
    refuse=UR_BIT,
)


# Type of a matrix element: the sign in bit 76 (A) or 78 (B), 4-bit in 83 or 84; the shape goes with the width.
TABLE[0x237] = Form(
    "IMMA",
    (
        split(((75, 1), (85, 1), (83, 1)), {(0, 0, 0): "8816", (0, 1, 1): "8832"}),
        split(((76, 1), (83, 1)), {(0, 0): "U8", (1, 0): "S8", (0, 1): "U4", (1, 1): "S4"}),
        split(((78, 1), (84, 1), (83, 1)), {(0, 0, 0): "U8", (1, 0, 0): "S8", (0, 1, 1): "U4", (1, 1, 1): "S4"}),
        flag(82, "SAT"),
    ),
    (DST, *ROW_COL, reg(64)),
    refuse=UR_BIT | 1 << 77 | 1 << 79,
)
TABLE[0x23D] = Form(
    "BMMA",
    (fixed("88128"), table(77, 1, ("XOR",)), table(80, 1, (None, "POPC"))),
    (DST, *ROW_COL, reg(64)),
    refuse=UR_BIT | 3 << 75,
)
TABLE[0x23A] = Form(
    "MOVM",
    (table(75, 3, ("16",)), table(78, 2, ("MT88", "M832", "M864"))),
    (DST, PLAIN.first()),
    refuse=UR_BIT,
)
