"""Warp exchange, synchronisation and control flow of sm_70 and sm_75."""

from __future__ import annotations

from .decode_fields import (
    FieldError,
    address,
    barrier,
    carry_out,
    const,
    fixed,
    flag,
    imm,
    pred,
    pred_in,
    reg,
    signed,
    special,
    split,
    table,
    unless,
    ureg,
    when,
)
from .decode_forms import (
    PLAIN,
    UR_BIT,
    Form,
)
from .decode_special import (
    thread_state,
)
from .ir import (
    PT,
    RZ,
    Imm,
    Label,
    Operand,
    Pred,
    Reg,
    Special,
)

TABLE: dict[int, Form] = {}


DST = reg(16)
DATA = reg(32)
E = flag(72, "E")


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


def _bar(bar_id, count, refuse: int = 0) -> Form:
    """BAR with its id and thread count as registers or immediates; SYNCALL takes neither.

    An immediate count is left out where it is 0, but for the modes that need one.
    """

    def get_id(w: int) -> Operand | None:
        if w >> 77 & 7 == 4 and Reg in (type(count(w)), type(bar_id(w))):
            raise FieldError("BAR.SYNCALL with a register")
        return None if w >> 77 & 7 == 4 else bar_id(w)

    def get_count(w: int) -> Operand | None:
        mode, value = w >> 77 & 7, count(w)
        return None if mode == 4 or (value == Imm(0) and mode not in (1, 3)) else value

    return Form("BAR", (BAR_MODE, _reduction, _deferred), (get_id, get_count, _bar_predicate), refuse)


def _bar_predicate(w: int) -> Operand | None:
    return pred_in(87)(w) if w >> 77 & 7 in (2, 3) else None


def _reduction(w: int) -> str:
    if w >> 77 & 7 != 2:
        return ""
    return table(74, 2, ("POPC", "AND", "OR"))(w)


def _deferred(w: int) -> str:
    if not w >> 80 & 1:
        return ""
    if w >> 77 & 7 in (1, 3):
        raise FieldError("BAR.ARV or BAR.SCAN with DEFER_BLOCKING")
    return "DEFER_BLOCKING"


BAR_MODE = table(77, 3, ("SYNC", "ARV", "RED", "SCAN", "SYNCALL"))
BAR_ID, BAR_COUNT = imm(54, 4), imm(42, 12)
TABLE[0xB1D] = _bar(BAR_ID, BAR_COUNT)
TABLE[0x91D] = _bar(BAR_ID, DATA)
TABLE[0x51D] = _bar(DATA, BAR_COUNT)
TABLE[0x31D] = _bar(DATA, DATA)  # one register holds both


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
CONDITION = unless(pred_in(87), Pred(PT))
for _opcode, _time, _refuse in (
    (0x35D, DATA, UR_BIT),
    (0x95D, imm(32, 32), UR_BIT),
    (0xB5D, const(), 0),
):
    TABLE[_opcode] = Form("NANOSLEEP", (flag(86, "RAND"), flag(85, "WARP")), (CONDITION, _time), _refuse)
TABLE[0x95C] = Form(
    "BPT",
    (split(((84, 3),), {(2,): "PAUSE", (3,): "TRAP", (4,): "INT", (5,): "DRAIN", (6,): "PAUSE_QUIET"}),),
    (unless(imm(34, 3), Imm(0)),),
)
TABLE[0x918] = Form("NOP")
TABLE[0x801] = Form("PMTRIG", (), (imm(32, 16),), refuse=UR_BIT)


# --- control flow ----------------------------------------------------------------------------


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
for _opcode, _source in ((0x357, reg(32)), (0xB57, PLAIN.at("c32"))):
    TABLE[_opcode] = Form("BMOV", (fixed("64"),), (special("ATEXIT_PC"), _source), refuse=UR_BIT)
for _opcode, _source in ((0x956, imm(32, 32)), (0xB56, PLAIN.at("c32"))):
    TABLE[_opcode] = Form("BMOV", (fixed("32"), flag(84, "PQUAD")), (thread_state(24), _source), refuse=UR_BIT)
TABLE[0x348] = Form("WARPSYNC", (), (CONDITION, DATA), refuse=UR_BIT)
TABLE[0x948] = Form("WARPSYNC", (), (CONDITION, imm(32, 32)), refuse=UR_BIT)


def _absolute(w: int) -> Label:
    return Label((w >> 34 & (1 << 47) - 1) * 4)


URBASE = when(91, ureg(24))
TABLE[0xB48] = Form("WARPSYNC", (), (CONDITION, const()))
TABLE[0x944] = Form("CALL", (fixed("REL"), flag(86, "NOINC")), (CONDITION, URBASE, FAR), relative=True)
TABLE[0x344] = Form("CALL", (fixed("REL"), flag(86, "NOINC")), (CONDITION, reg(24), FAR), relative=True, refuse=UR_BIT)
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
