"""The opcodes of sm_70 and sm_75: ALU, conversions, uniform datapath. See decode_memory for the rest."""

from __future__ import annotations

from .decode_fields import (
    FieldError,
    carry_out,
    const_bindless,
    const_indexed,
    fixed,
    flag,
    imm,
    pred,
    pred_in,
    reg,
    special,
    split,
    table,
    ucarry_out,
    unless,
    upred,
    upred_in,
    ureg,
    when,
)
from .decode_forms import (
    F16,
    F32,
    F64,
    MIDDLE,
    NEG,
    NEG_X,
    NOT,
    PLAIN,
    UNEG_X,
    UNOT,
    UPLAIN,
    UR_BIT,
    Form,
    Source,
    expand,
    refused,
    required,
    three,
)
from .decode_special import special_register
from .ir import PT, RZ, URZ, Imm, Pred, Reg, UReg

TABLE: dict[int, Form] = {}

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


def _middle(source: Source, form: int):
    return source.at(MIDDLE[form])


HALF_PART = table(60, 2, ("", "H1"))
BYTE_PART = table(60, 2, ("", "B1", "B2", "B3"))


def _by_type(form: int, sources: dict[str, Source], type_of):
    """The middle source of a unary opcode, read as the type that ``type_of(w)`` names."""
    fields = {name: _middle(source, form) for name, source in sources.items()}
    return lambda w: fields[type_of(w)](w)


_FLOATS = {"f16": Source(neg=True, abs=True, imm="f16", part=HALF_PART), "f32": F32, "f64": F64}


def _float_source(form: int, type_of=None):
    """A floating-point source, by default of the type in bits 84..85."""
    return _by_type(form, _FLOATS, type_of or (lambda w: ("f32", "f16", "f32", "f64")[w >> 84 & 3]))


UDST = ureg(16)


def _alu(base, forms, op, modifiers, fields, **more) -> None:
    """``fields(form)`` gives the operands."""
    expand(base, forms, lambda form: Form(op, modifiers, fields(form), refused(form), required(form), **more), TABLE)


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


_alu(
    0x024,
    ALL_FORMS,
    "IMAD",
    (U32, X),
    lambda form: (DST, *three(form, PLAIN, PLAIN, NEG_X), when(74, pred_in(87))),
    rename=_imad_alias,
)
_alu(
    0x025,
    (1, 3, 4, 5, 6, 7),
    "IMAD",
    (fixed("WIDE"), U32, X),
    lambda form: (DST, carry_out(81), *three(form, PLAIN, PLAIN, NEG_X), when(74, pred_in(87))),
)
_alu(
    0x027,
    (1, 3, 4, 5, 6, 7),
    "IMAD",
    (fixed("HI"), U32, X),
    lambda form: (DST, carry_out(81), *three(form, PLAIN, PLAIN, NEG_X), when(74, pred_in(87))),
)
_alu(
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
_alu(
    0x00C,
    B_FORMS,
    "ISETP",
    (INT_COMPARE, U32, BOOL, flag(72, "EX")),
    lambda form: (
        pred(81),
        pred(84),
        PLAIN.first(),
        _middle(PLAIN, form),
        pred_in(87),
        unless(pred_in(68), Pred(PT)),
    ),
)
_alu(
    0x012,
    B_FORMS,
    "LOP3",
    (fixed("LUT"), flag(80, "PAND")),
    lambda form: (carry_out(81), DST, *three(form, PLAIN, PLAIN, PLAIN), imm(72, 8), pred_in(87)),
)
_alu(
    0x011,
    B_FORMS,
    "LEA",
    (flag(80, "HI"), X, split(((80, 1), (73, 1)), {(0, 0): "", (1, 0): "", (1, 1): "SX32"})),
    lambda form: (
        DST,
        carry_out(81),
        NEG_X.first(),
        _middle(NEG_X, form),
        lambda w: reg(64)(w) if w >> 80 & 1 and not w >> 73 & 1 else None,
        imm(75, 5),
        when(74, pred_in(87)),
    ),
)
_alu(
    0x019,
    ALL_FORMS[:5] + (6, 7),
    "SHF",
    (flag(76, "R", "L"), flag(75, "W"), table(73, 2, ("S64", "U64", "S32", "U32")), flag(80, "HI")),
    lambda form: (DST, *three(form, PLAIN, PLAIN, PLAIN)),
)
_alu(
    0x016,
    ALL_FORMS,
    "PRMT",
    (table(72, 3, ("", "F4E", "B4E", "RC8", "ECL", "ECR", "RC16")),),
    lambda form: (DST, *three(form, PLAIN, PLAIN, PLAIN)),
)
_alu(0x017, B_FORMS, "IMNMX", (U32,), lambda form: (DST, PLAIN.first(), _middle(PLAIN, form), pred_in(87)))
_alu(0x013, B_FORMS, "IABS", (), lambda form: (DST, _middle(PLAIN, form)))
_alu(
    0x01A,
    B_FORMS,
    "SGXT",
    (flag(75, "W"), U32),
    lambda form: (DST, PLAIN.first(), _middle(PLAIN, form)),
)
_alu(0x01B, B_FORMS, "BMSK", (flag(75, "W"),), lambda form: (DST, PLAIN.first(), _middle(PLAIN, form)))
_alu(0x101, B_FORMS, "BREV", (), lambda form: (DST, _middle(PLAIN, form)))
_alu(0x109, B_FORMS, "POPC", (), lambda form: (DST, _middle(NOT, form)))
_alu(
    0x100,
    B_FORMS,
    "FLO",
    (U32, flag(74, "SH")),
    lambda form: (DST, carry_out(81), _middle(NOT, form)),
)
_alu(0x007, B_FORMS, "SEL", (), lambda form: (DST, PLAIN.first(), _middle(PLAIN, form), pred_in(87)))
_alu(
    0x002,
    B_FORMS,
    "MOV",
    (),
    lambda form: (DST, _middle(PLAIN, form), unless(imm(72, 4), Imm(0xF))),
)
_alu(
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
_alu(
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
    lambda form: (DST, PLAIN.first(), _middle(PLAIN, form), reg(64, fmt=table(72, 2, ("", "H1", "24", "28")))),
)


# --- predicates and special registers --------------------------------------------------------

LUT = lambda w: Imm((w >> 72 & 31) << 3 | w >> 64 & 7)

TABLE[0x81C] = Form(
    "PLOP3",
    (fixed("LUT"),),
    (
        pred(81),
        pred(84),
        pred_in(87),
        pred_in(77),
        lambda w: (upred_in if w >> 67 & 1 else pred_in)(68)(w),
        LUT,
        imm(16, 8),
    ),
    refuse=UR_BIT,
)
TABLE[0x803] = Form(
    "P2R", (table(76, 2, ("", "B1", "B2", "B3")),), (DST, special("PR"), PLAIN.first(), imm(32, 32)), refuse=UR_BIT
)
TABLE[0x804] = Form(
    "R2P", (), (special("PR"), reg(24, fmt=table(76, 2, ("", "B1", "B2", "B3"))), imm(32, 32)), refuse=UR_BIT
)
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


# --- single and double precision -------------------------------------------------------------

FADD_FORMS = (1, 2, 3, 7)
_alu(0x021, FADD_FORMS, "FADD", (FTZ, ROUND, SAT), lambda form: (DST, F32.first(), _middle(F32, form)))
_alu(
    0x020,
    B_FORMS,
    "FMUL",
    (DENORM, table(84, 3, (None, "D8", "D4", "D2", "", "M2", "M4", "M8")), ROUND, SAT),
    lambda form: (DST, F32.first(), _middle(F32, form)),
)
_alu(0x023, ALL_FORMS, "FFMA", (DENORM, ROUND, SAT), lambda form: (DST, *three(form, F32, F32, F32)))
_alu(
    0x00B,
    B_FORMS,
    "FSETP",
    (FLOAT_COMPARE, FTZ, BOOL),
    lambda form: (pred(81), pred(84), F32.first(), _middle(F32, form), pred_in(87)),
)
_alu(
    0x00A,
    B_FORMS,
    "FSET",
    (fixed("BF"), FLOAT_COMPARE, FTZ, BOOL),
    lambda form: (DST, F32.first(), _middle(F32, form), pred_in(87)),
)
_alu(0x008, B_FORMS, "FSEL", (FTZ,), lambda form: (DST, F32.first(), _middle(F32, form), pred_in(87)))
_alu(0x009, B_FORMS, "FMNMX", (FTZ,), lambda form: (DST, F32.first(), _middle(F32, form), pred_in(87)))
_alu(0x102, B_FORMS, "FCHK", (), lambda form: (pred(81), F32.first(), _middle(F32, form)))

_alu(
    0x029,
    C_FORMS,
    "DADD",
    (ROUND,),
    lambda form: (DST, F64.first(), F64.at("r64" if form == 1 else MIDDLE[form])),
)
_alu(0x028, B_FORMS, "DMUL", (ROUND,), lambda form: (DST, F64.first(), _middle(F64, form)))
_alu(0x02B, ALL_FORMS, "DFMA", (ROUND,), lambda form: (DST, *three(form, F64, F64, F64)))
_alu(
    0x02A,
    C_FORMS,
    "DSETP",
    (DOUBLE_COMPARE, BOOL),
    lambda form: (pred(81), pred(84), F64.first(), _middle(F64, form), pred_in(87)),
)

_FUNCTIONS = ("COS", "SIN", "EX2", "LG2", "RCP", "RSQ", "RCP64H", "RSQ64H", "SQRT", "TANH")
_MUFU = {(n, 0): name for n, name in enumerate(_FUNCTIONS)}
_MUFU |= {(n, 1): f"{name}.F16" for n, name in enumerate(_FUNCTIONS) if not name.endswith("64H")}


def _mufu_type(w: int) -> str:
    return "f64" if w >> 74 & 15 in (6, 7) else "f16" if w >> 73 & 1 else "f32"


_alu(
    0x108,
    B_FORMS,
    "MUFU",
    (split(((74, 4), (73, 1)), _MUFU),),
    lambda form: (DST, _float_source(form, _mufu_type)),
)


# --- half precision --------------------------------------------------------------------------

_alu(
    0x030,
    C_FORMS,
    "HADD2",
    (flag(78, "F32"), FTZ, SAT),
    lambda form: (DST, F16.first(), _middle(F16, form)),
)
_alu(
    0x032,
    B_FORMS,
    "HMUL2",
    (flag(78, "F32"), DENORM, SAT),
    lambda form: (DST, F16.first(), _middle(F16, form)),
)
_alu(
    0x034,
    C_FORMS,
    "HSETP2",
    (FLOAT_COMPARE, flag(71, "H_AND"), FTZ, table(69, 2, ("AND", "OR", "XOR"))),
    lambda form: (pred(81), pred(84), F16.first(), _middle(F16, form), pred_in(87)),
)
TABLE[0x23C] = Form(
    "HMMA",
    (
        split(((75, 1), (78, 1)), {(0, 0): "1688", (0, 1): "1684", (1, 0): "16816"}),
        flag(76, "F32", "F16"),
        flag(77, "SATFINITE"),
        split(((82, 2),), {(0,): "", (3,): ""}),
    ),
    (DST, reg(24, neg=72), reg(32, neg=63), reg(64)),
    refuse=UR_BIT,
)


# --- conversions -----------------------------------------------------------------------------
# Widths in powers of two from bytes: the source in bits 84..85, the destination in 75..76.

ZERO77 = table(77, 1, ("",))
_FLOAT_TYPES = {1: "F16", 2: "F32", 3: "F64"}


def _float_pairs(sizes: tuple[tuple[int, int], ...]):
    return split(((75, 2), (84, 2)), {(d, s): f"{_FLOAT_TYPES[d]}.{_FLOAT_TYPES[s]}" for d, s in sizes})


_alu(
    0x104, B_FORMS, "F2F", (FTZ, _float_pairs(((1, 2), (2, 1))), ROUND, ZERO77), lambda form: (DST, _float_source(form))
)
_alu(
    0x110,
    B_FORMS,
    "F2F",
    (FTZ, _float_pairs(((1, 3), (2, 3), (3, 1), (3, 2))), ROUND, ZERO77),
    lambda form: (DST, _float_source(form)),
)
_alu(
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
    lambda form: (DST, _float_source(form)),
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
_alu(
    0x111,
    B_FORMS,
    "F2I",
    (FTZ, split(((75, 2), (84, 2), (72, 1)), _F2I64), ROUND_INT, flag(77, "NTZ")),
    lambda form: (DST, _float_source(form)),
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
    return _by_type(form, sources, lambda w: ("8", "16", "32", "32")[w >> 84 & 3])


_alu(
    0x106,
    B_FORMS,
    "I2F",
    (split(((75, 2),), {(1,): "F16", (2,): ""}), _int_types(False), ROUND),
    lambda form: (DST, _int_source(form)),
)
_alu(
    0x112,
    B_FORMS,
    "I2F",
    (split(((75, 2),), {(1,): "F16", (2,): "", (3,): "F64"}), _int_types(True), ROUND),
    lambda form: (DST, _int_source(form)),
)
_alu(
    0x107,
    B_FORMS,
    "FRND",
    (FTZ, split(((75, 2), (84, 2)), {(2, 2): "", (1, 1): "F16"}), ROUND_INT),
    lambda form: (DST, _float_source(form)),
)
_alu(
    0x113,
    B_FORMS,
    "FRND",
    (FTZ, split(((75, 2), (84, 2)), {(3, 3): "F64"}), ROUND_INT),
    lambda form: (DST, _float_source(form)),
)


# --- uniform datapath ------------------------------------------------------------------------
# Uniform opcodes have two forms: 1 (a UR in the middle field) and 4 (an immediate). Bit 91 is set in both.

U_FORMS = (1, 4)


def _uniform(base, forms, op, modifiers, fields, **more) -> None:
    expand(base, forms, lambda form: Form(op, modifiers, fields(form), require=UR_BIT, guard="UP", **more), TABLE)


def _umiddle(source: Source, form: int):
    return source.at(MIDDLE[form])


_uniform(
    0x090,
    U_FORMS,
    "UIADD3",
    (X,),
    lambda form: (
        UDST,
        ucarry_out(81),
        ucarry_out(84),
        *three(form, UNEG_X, UNEG_X, UNEG_X),
        when(74, upred_in(87)),
        when(74, upred_in(77)),
    ),
)
_uniform(
    0x0A4,
    U_FORMS,
    "UIMAD",
    (U32, X),
    lambda form: (UDST, *three(form, UPLAIN, UPLAIN, UNEG_X), when(74, upred_in(87))),
)
_uniform(
    0x0A5,
    U_FORMS,
    "UIMAD",
    (fixed("WIDE"), U32, X),
    lambda form: (UDST, ucarry_out(81), *three(form, UPLAIN, UPLAIN, UNEG_X), when(74, upred_in(87))),
)
_uniform(
    0x08C,
    U_FORMS,
    "UISETP",
    (INT_COMPARE, U32, BOOL, flag(72, "EX")),
    lambda form: (
        upred(81),
        upred(84),
        UPLAIN.first(),
        _umiddle(UPLAIN, form),
        upred_in(87),
        when(72, upred_in(68)),
    ),
)
_uniform(
    0x092,
    U_FORMS,
    "ULOP3",
    (fixed("LUT"), flag(80, "PAND")),
    lambda form: (ucarry_out(81), UDST, *three(form, UPLAIN, UPLAIN, UPLAIN), imm(72, 8), upred_in(87)),
)
_uniform(
    0x091,
    U_FORMS,
    "ULEA",
    (flag(80, "HI"), X, split(((80, 1), (73, 1)), {(0, 0): "", (1, 0): "", (1, 1): "SX32"})),
    lambda form: (
        UDST,
        ucarry_out(81),
        UNEG_X.first(),
        _umiddle(UNEG_X, form),
        lambda w: ureg(64)(w) if w >> 80 & 1 and not w >> 73 & 1 else None,
        imm(75, 5),
        when(74, upred_in(87)),
    ),
)
_uniform(
    0x099,
    U_FORMS,
    "USHF",
    (flag(76, "R", "L"), flag(75, "W"), table(73, 2, ("S64", "U64", "S32", "U32")), flag(80, "HI")),
    lambda form: (UDST, *three(form, UPLAIN, UPLAIN, UPLAIN)),
)
_uniform(
    0x096,
    U_FORMS,
    "UPRMT",
    (table(72, 1, ("",)),),
    lambda form: (UDST, *three(form, UPLAIN, UPLAIN, UPLAIN)),
)
_uniform(0x087, U_FORMS, "USEL", (), lambda form: (UDST, UPLAIN.first(), _umiddle(UPLAIN, form), upred_in(87)))
TABLE[0x882] = Form("UMOV", (), (UDST, imm(32, 32)), refuse=UR_BIT, guard="UP")
TABLE[0xC82] = Form("UMOV", (), (UDST, ureg(32)), require=UR_BIT, guard="UP")
_uniform(0x09B, U_FORMS, "UBMSK", (flag(75, "W"),), lambda form: (UDST, UPLAIN.first(), _umiddle(UPLAIN, form)))
_uniform(0x0BF, U_FORMS, "UPOPC", (), lambda form: (UDST, _umiddle(UNOT, form)))
TABLE[0x89C] = Form(
    "UPLOP3",
    (fixed("LUT"),),
    (upred(81), upred(84), upred_in(87), upred_in(77), upred_in(68), LUT, imm(16, 8)),
    refuse=UR_BIT,
    guard="UP",
)
ULDC_SIZE = table(73, 3, ("U8", "S8", "U16", "S16", "", "64"))
TABLE[0xAB9] = Form("ULDC", (ULDC_SIZE,), (UDST, const_bindless(24)), guard="UP")
TABLE[0xABB] = Form("ULDC", (ULDC_SIZE,), (UDST, const_indexed(ureg(24))), require=UR_BIT, guard="UP")
