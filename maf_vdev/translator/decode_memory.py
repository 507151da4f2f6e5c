"""The opcodes of sm_70 and sm_75: memory, warp exchange, synchronisation and control flow."""

from __future__ import annotations

from .decode_fields import (
    FieldError,
    address,
    barrier,
    carry_out,
    const_indexed,
    fixed,
    flag,
    imm,
    pred,
    pred_in,
    reg,
    signed,
    split,
    table,
    unless,
    ureg,
    when,
)
from .decode_forms import PLAIN, UR_BIT, Form
from .decode_special import thread_state
from .ir import PT, RZ, Imm, Label, Operand, Pred, Special

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


def _load_predicate(w: int) -> Operand | None:
    """Destination predicate of a load, printed if it is used: PT stands for none unless .ZD asks for one."""
    return pred(81)(w) if w >> 87 & 1 else carry_out(81)(w)


def _load_guard(w: int) -> Operand | None:
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
TABLE[0x381] = Form("LDG", _LDG, (_load_predicate, DST, address(), _load_guard), refuse=UR_BIT)
TABLE[0x981] = Form("LDG", _LDG, (_load_predicate, DST, _wide(address(32, wide=90)), _load_guard), require=UR_BIT)
TABLE[0x980] = Form(
    "LD",
    (E, CACHE, PREFETCH, SIZE, LOAD_ORDER, SCOPE, PRIVATE, ZD),
    (_ld_predicate, DST, _wide(address(32, 91, wide=90, far=True)), _load_guard),
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


# --- warp exchange ---------------------------------------------------------------------------

_SHFL = (table(58, 2, ("IDX", "UP", "DOWN", "BFLY")),)
TABLE[0x389] = Form("SHFL", _SHFL, (pred(81), DST, PLAIN.first(), DATA, reg(64)))
TABLE[0x589] = Form("SHFL", _SHFL, (pred(81), DST, PLAIN.first(), DATA, imm(40, 13)))
TABLE[0x989] = Form("SHFL", _SHFL, (pred(81), DST, PLAIN.first(), imm(53, 5), reg(64)))
TABLE[0xF89] = Form("SHFL", _SHFL, (pred(81), DST, PLAIN.first(), imm(53, 5), imm(40, 13)))
TABLE[0x3A1] = Form(
    "MATCH",
    (flag(79, "ANY", "ALL"), flag(73, "U64")),
    (lambda w: None if w >> 79 & 1 else pred(81)(w), DST, PLAIN.first()),
)


# --- synchronisation and cache control -------------------------------------------------------


def _bar_id(w: int) -> Operand | None:
    return None if w >> 77 & 7 == 4 else Imm(w >> 54 & 15)


def _bar_count(w: int) -> Operand | None:
    """Thread count; left out where it is 0, but for the modes that need one."""
    count, mode = w >> 42 & 0xFFF, w >> 77 & 7
    if mode == 4 or (count == 0 and mode not in (1, 3)):
        return None
    return Imm(count)


def _bar_predicate(w: int) -> Operand | None:
    return pred_in(87)(w) if w >> 77 & 7 in (2, 3) else None


def _reduction(w: int) -> str:
    if w >> 77 & 7 != 2:
        return ""
    return table(74, 2, ("POPC", "AND", "OR"))(w)


BAR_MODE = table(77, 3, ("SYNC", "ARV", "RED", "SCAN", "SYNCALL"))


def _deferred(w: int) -> str:
    if not w >> 80 & 1:
        return ""
    if w >> 77 & 7 in (1, 3):
        raise FieldError("BAR.ARV or BAR.SCAN with DEFER_BLOCKING")
    return "DEFER_BLOCKING"


TABLE[0xB1D] = Form("BAR", (BAR_MODE, _reduction, _deferred), (_bar_id, _bar_count, _bar_predicate))


def _b2r_operand(w: int) -> Operand | None:
    mode = w >> 78 & 3
    return Imm(w >> 54 & 15) if mode == 0 else carry_out(81)(w) if mode == 1 else None


TABLE[0x31C] = Form("B2R", (table(78, 2, ("", "RESULT", "WARP")),), (DST, _b2r_operand))
TABLE[0x992] = Form(
    "MEMBAR",
    (
        table(79, 2, ("SC", "ALL", "")),
        split(((76, 3),), {(0,): "CTA", (1,): "SM", (2,): "GPU", (3,): "SYS", (5,): "VC"}),
        flag(72, "MMIO"),
    ),
)
TABLE[0x9AB] = Form("ERRBAR")


def _cctl_address(w: int) -> Operand | None:
    if w >> 87 & 15 in (4, 6, 7, 8):  # all lines: no address
        if w >> 24 & 255 != RZ or w >> 72 & 1:
            raise FieldError("address of an operation on all lines")
        return None
    return address(far=True)(w)


TABLE[0x98F] = Form(
    "CCTL",
    (
        E,
        table(78, 3, ("", "U", "C", "I")),
        table(87, 4, ("PF1", "PF2", "WB", "IV", "IVALL", "RS", "IVALLP", "WBALL", "WBALLP")),
    ),
    (_cctl_address,),
    refuse=UR_BIT,
)


def _scoreboards(w: int) -> Special | None:
    listed = [str(n) for n in range(5, -1, -1) if w >> (32 + n) & 1]
    return Special("{" + ",".join(listed) + "}") if listed else None


def _depbar_field(lo: int, width: int, make):
    return lambda w: make(w >> lo & (1 << width) - 1) if w >> 47 & 1 else None


def _scoreboard(n: int) -> Special:
    if n > 5:
        raise FieldError(f"scoreboard {n}")
    return Special(f"SB{n}")


TABLE[0x91A] = Form(
    "DEPBAR",
    (flag(47, "LE"),),
    (_depbar_field(44, 3, _scoreboard), _depbar_field(38, 6, Imm), _scoreboards),
)
TABLE[0x95D] = Form(
    "NANOSLEEP",
    (flag(86, "RAND"), flag(85, "WARP")),
    (unless(pred_in(87), Pred(PT)), imm(32, 32)),
    refuse=UR_BIT,
)
TABLE[0x95C] = Form(
    "BPT",
    (split(((84, 3),), {(2,): "PAUSE", (3,): "TRAP", (4,): "INT", (5,): "DRAIN", (6,): "PAUSE_QUIET"}),),
    (unless(imm(34, 3), Imm(0)),),
)
TABLE[0x918] = Form("NOP")


# --- control flow ----------------------------------------------------------------------------

CONDITION = unless(pred_in(87), Pred(PT))


def _target(lo: int, hi: int):
    """A signed displacement in instruction words of four bytes, from the next instruction."""
    width = hi - lo + 1
    return lambda w: Label(signed(w >> lo & (1 << width) - 1, width) * 4)


FAR = _target(34, 81)
BRANCH_KIND = table(32, 2, ("", "U", "DIV", "CONV"))
BRANCH_DEPTH = table(85, 2, ("", "INC", "DEC"))

TABLE[0x947] = Form("BRA", (BRANCH_DEPTH, BRANCH_KIND), (CONDITION, FAR), relative=True)
TABLE[0x949] = Form("BRX", (BRANCH_DEPTH,), (CONDITION, reg(24), FAR), relative=True)
TABLE[0x958] = Form("BRXU", (BRANCH_DEPTH, BRANCH_KIND), (CONDITION, ureg(24), FAR), relative=True, require=UR_BIT)
TABLE[0x945] = Form("BSSY", (), (CONDITION, barrier(16), _target(34, 63)), relative=True)
TABLE[0x941] = Form("BSYNC", (), (CONDITION, barrier(16)))
TABLE[0x942] = Form("BREAK", (), (CONDITION, barrier(16)))
TABLE[0x355] = Form("BMOV", (fixed("32"), flag(84, "CLEAR")), (DST, thread_state(24)), refuse=UR_BIT)
TABLE[0x356] = Form("BMOV", (fixed("32"), flag(84, "PQUAD")), (thread_state(24), DATA), refuse=UR_BIT)
TABLE[0x348] = Form("WARPSYNC", (), (CONDITION, DATA), refuse=UR_BIT)
TABLE[0x948] = Form("WARPSYNC", (), (CONDITION, imm(32, 32)), refuse=UR_BIT)


def _absolute(w: int) -> Label:
    return Label((w >> 34 & (1 << 47) - 1) * 4)


URBASE = when(91, ureg(24))
TABLE[0x944] = Form("CALL", (fixed("REL"), flag(86, "NOINC")), (CONDITION, URBASE, FAR), relative=True)
TABLE[0x343] = Form(
    "CALL",
    (fixed("ABS"), flag(86, "NOINC")),
    (CONDITION, reg(24), unless(FAR, Label(0))),
    refuse=UR_BIT,
)
TABLE[0x943] = Form(
    "CALL",
    (fixed("ABS"), flag(86, "NOINC")),
    (
        CONDITION,
        URBASE,
        lambda w: unless(FAR, Label(0))(w) if w >> 91 & 1 else _absolute(w),
    ),
)
TABLE[0x950] = Form(
    "RET",
    (flag(85, "ABS", "REL"), flag(86, "NODEC")),
    (CONDITION, lambda w: (ureg if w >> 91 & 1 else reg)(24)(w), FAR),
    relative=True,
)
TABLE[0x94D] = Form(
    "EXIT",
    (table(84, 2, ("", "KEEPREFCOUNT", "PREEMPTED")), flag(86, "NO_ATEXIT")),
    (CONDITION,),
)
TABLE[0x34E] = Form("LEPC", (), (DST,))
TABLE[0x946] = Form("YIELD", (), (CONDITION,))
