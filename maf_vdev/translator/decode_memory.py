"""Loads, stores and atomics of sm_70 and sm_75."""

from __future__ import annotations

from .decode_fields import (
    FieldError,
    address,
    carry_out,
    const_indexed,
    fixed,
    flag,
    pred,
    reg,
    table,
)
from .decode_forms import (
    UR_BIT,
    Form,
)
from .ir import (
    PT,
    RZ,
    Operand,
    Pred,
)

TABLE: dict[int, Form] = {}


DST = reg(16)
DATA = reg(32)
E = flag(72, "E")
CACHE = table(84, 3, ("EF", "", "EL", "LU", "EU", "NA"))
SIZE = table(73, 3, ("U8", "S8", "U16", "S16", "", "64", "128", "U.128"))
SIZE_PLAIN = table(73, 3, ("U8", "S8", "U16", "S16", "", "64", "128"))
CONST_SIZE = table(73, 3, ("U8", "S8", "U16", "S16", "", "64"))
LOAD_ORDER = table(79, 2, ("CONSTANT", "", "STRONG", "MMIO"))
STORE_ORDER = table(79, 2, (None, "", "STRONG", "MMIO"))
ATOM_ORDER = table(79, 2, (None, "", "STRONG", None))
SCOPE = table(77, 2, ("CTA", "SM", "GPU", "SYS"))
PRIVATE = flag(76, "PRIVATE")
ZD = flag(87, "ZD")
SCALE = table(78, 2, ("", "X4", "X8", "X16"))
PREFETCH = table(68, 2, ("", "LTC64B", "LTC128B"))


def load_predicate(w: int) -> Operand | None:
    """Destination predicate of a load, printed if it is used: PT stands for none unless .ZD asks for one."""
    return pred(81)(w) if w >> 87 & 1 else carry_out(81)(w)


def load_guard(w: int) -> Operand | None:
    """Source predicate of LDG, stored as 7 - n; PT is left out."""
    n, neg = 7 - (w >> 64 & 7), w >> 67 & 1
    return None if n == PT and not neg else Pred(n, bool(neg))


def _wide(field):
    """A 64-bit base register beside a UR (bit 90) goes with a 64-bit address (.E, bit 72) only."""

    def get(w: int) -> Operand:
        if w >> 91 & 1 and w >> 90 & 1 and not w >> 72 & 1 and w >> 24 & 255 != RZ:
            raise FieldError("64-bit base in a 32-bit address")
        return field(w)

    return get


def _ld_predicate(w: int) -> Operand | None:
    return pred(81)(w) if w >> 87 & 1 else None


# --- loads and stores ------------------------------------------------------------------------

_LDG = (E, CACHE, PREFETCH, SIZE, LOAD_ORDER, SCOPE, PRIVATE, ZD)
TABLE[0x381] = Form("LDG", _LDG, (load_predicate, DST, address(), load_guard), refuse=UR_BIT)
TABLE[0x981] = Form("LDG", _LDG, (load_predicate, DST, _wide(address(32, wide=90)), load_guard), require=UR_BIT)
TABLE[0x980] = Form(
    "LD",
    (E, CACHE, PREFETCH, SIZE, LOAD_ORDER, SCOPE, PRIVATE, ZD),
    (_ld_predicate, DST, _wide(address(32, 91, wide=90, far=True)), load_guard),
)
_STG = (E, CACHE, SIZE, STORE_ORDER, SCOPE, PRIVATE)
TABLE[0x386] = Form("STG", _STG, (address(), DATA), refuse=UR_BIT)
TABLE[0x986] = Form("STG", _STG, (_wide(address(64, wide=90)), DATA), require=UR_BIT)
TABLE[0x385] = Form("ST", _STG, (address(far=True), reg(64)), refuse=UR_BIT)
TABLE[0x985] = Form("ST", _STG, (_wide(address(64, wide=90)), DATA), require=UR_BIT)
TABLE[0x984] = Form("LDS", (flag(76, "U"), SIZE_PLAIN, ZD), (_ld_predicate, DST, address(32, 91, scale=SCALE)))
TABLE[0x388] = Form("STS", (SIZE_PLAIN,), (address(scale=SCALE), DATA), refuse=UR_BIT)
TABLE[0x988] = Form("STS", (SIZE_PLAIN,), (address(64, scale=SCALE), DATA), require=UR_BIT)
TABLE[0x983] = Form("LDL", (CACHE, SIZE_PLAIN), (DST, address(32, 91)))
TABLE[0x387] = Form("STL", (CACHE, SIZE_PLAIN), (address(), DATA), refuse=UR_BIT)
TABLE[0x987] = Form("STL", (CACHE, SIZE_PLAIN), (address(64), DATA), require=UR_BIT)
TABLE[0xB82] = Form(
    "LDC", (CONST_SIZE, table(78, 2, ("", "IL", "IS", "ISL"))), (DST, const_indexed(reg(24))), refuse=UR_BIT
)
TABLE[0x83B] = Form(
    "LDSM",
    (table(75, 3, ("16",)), table(78, 2, ("M88", "MT88", "M816", "M832")), table(72, 2, ("", "2", "4"))),
    (DST, address(32, 91)),
)


# --- atomics ---------------------------------------------------------------------------------

_OPERATIONS = ("ADD", "MIN", "MAX", "INC", "DEC", "AND", "OR", "XOR")
ATOM_OP = {"ATOM": table(87, 4, (*_OPERATIONS, "EXCH")), "ATOMG": table(87, 4, (*_OPERATIONS, "EXCH", "SAFEADD"))}
ATOM_TYPE = table(73, 3, ("", "S32", "64", "F32.FTZ.RN", "F16x2.RN", "S64", "F64.RN"))
CAS_TYPE = table(73, 3, ("", "S32", "64"))
SHARED_TYPE = table(73, 2, ("", "S32", "64"))


def _wide_atomic(w: int) -> Operand:
    """As ``_wide``, with bit 70 for bit 90, which belongs to the operation here."""
    if w >> 70 & 1 and not w >> 72 & 1 and w >> 24 & 255 != RZ:
        raise FieldError("64-bit base in a 32-bit address")
    return address(64, wide=70)(w)


_CAS = (CACHE, CAS_TYPE, ATOM_ORDER, SCOPE, PRIVATE)
CAS_OP = table(87, 2, ("CAS", "CAST", "CAS", "CAST.SPIN"))
for _op, _opcode in (("ATOMG", 0x3A8), ("ATOM", 0x38A)):
    _ATOM = (E, ATOM_OP[_op], CACHE, ATOM_TYPE, ATOM_ORDER, SCOPE, PRIVATE)
    TABLE[_opcode] = Form(_op, _ATOM, (pred(81), DST, address(), DATA), refuse=UR_BIT)
    TABLE[_opcode + 0x600] = Form(_op, _ATOM, (pred(81), DST, _wide_atomic, DATA), require=UR_BIT)
    _name = CAS_OP if _op == "ATOM" else fixed("CAS")
    TABLE[_opcode + 1] = Form(_op, (E, _name, *_CAS), (pred(81), DST, address(), DATA, reg(64)), refuse=UR_BIT)
TABLE[0x98E] = Form(
    "RED",
    (E, table(87, 3, _OPERATIONS), CACHE, ATOM_TYPE, ATOM_ORDER, SCOPE, PRIVATE),
    (_wide(address(64, 91, wide=90)), DATA),
)
TABLE[0x38C] = Form(
    "ATOMS", (table(87, 4, (*_OPERATIONS, "EXCH")), SHARED_TYPE), (DST, address(scale=SCALE), DATA), refuse=UR_BIT
)
TABLE[0x38D] = Form(
    "ATOMS",
    (CAS_OP, SHARED_TYPE),
    (DST, address(scale=SCALE), DATA, reg(64)),
    refuse=UR_BIT,
)
TABLE[0x3AA] = Form("QSPC", (E, table(73, 2, ("G", "L", "S"))), (pred(81), DST, address()), refuse=UR_BIT)
