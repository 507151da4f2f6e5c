"""The uniform datapath (sm_75): one value per warp, in uniform registers."""

from __future__ import annotations

from .decode_common import (
    BOOL,
    INT_COMPARE,
    U32,
    UDST,
    X,
    lut,
)
from .decode_fields import (
    const_bindless,
    const_indexed,
    fixed,
    flag,
    imm,
    split,
    table,
    ucarry_out,
    upred,
    upred_in,
    ureg,
    when,
)
from .decode_forms import (
    MIDDLE,
    UNEG_X,
    UNOT,
    UPLAIN,
    UR_BIT,
    Form,
    Source,
    expand,
    three,
)

TABLE: dict[int, Form] = {}


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
_uniform(0x0BD, U_FORMS, "UFLO", (U32, flag(74, "SH")), lambda form: (UDST, ucarry_out(81), _umiddle(UNOT, form)))
_uniform(0x0BE, U_FORMS, "UBREV", (), lambda form: (UDST, _umiddle(UPLAIN, form)))
_uniform(0x0BF, U_FORMS, "UPOPC", (), lambda form: (UDST, _umiddle(UNOT, form)))
TABLE[0x89C] = Form(
    "UPLOP3",
    (fixed("LUT"),),
    (upred(81), upred(84), upred_in(87), upred_in(77), upred_in(68), lut, imm(16, 8)),
    refuse=UR_BIT,
    guard="UP",
)
ULDC_SIZE = table(73, 3, ("U8", "S8", "U16", "S16", "", "64"))
TABLE[0xAB9] = Form("ULDC", (ULDC_SIZE,), (UDST, const_bindless(24)), guard="UP")
TABLE[0xABB] = Form("ULDC", (ULDC_SIZE,), (UDST, const_indexed(ureg(24))), require=UR_BIT, guard="UP")
