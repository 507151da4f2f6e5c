"""What sm_80 and sm_86 decode differently from sm_75, or have in addition.

Memory order became one field. Global accesses name a uniform register that holds a memory descriptor, which the
disassembler does not print and which means nothing here, or one that is added to the address.
"""

from __future__ import annotations

from .decode_common import (
    ALL_FORMS,
    B_FORMS,
    DENORM,
    DST,
    FTZ,
    ROUND,
    SAT,
    U32,
    UDST,
    X,
    alu,
    float_source,
    middle,
)
from .decode_control import BRANCH_DEPTH, CONDITION, FAR
from .decode_fields import (
    Field,
    FieldError,
    address,
    fixed,
    flag,
    imm,
    make_reg,
    pred,
    pred_in,
    reg,
    signed,
    special,
    split,
    table,
    unless,
    upred_in,
    ureg,
    when,
    when_not,
)
from .decode_float import ROW_COL
from .decode_forms import F16, F32, PLAIN, UNEG_X, UPLAIN, UR_BIT, Form, Source, three
from .decode_memory import (
    ATOM_OP,
    ATOM_TYPE,
    CACHE,
    CAS_OP,
    CAS_TYPE,
    DATA,
    SCALE,
    SIZE,
    ZD,
    E,
    load_guard,
    load_predicate,
)
from .ir import PT, RZ, Mem, Operand, Pred

TABLE: dict[int, Form] = {}


# --- loads, stores and atomics ---------------------------------------------------------------

PREFETCH = table(68, 2, ("", "LTC64B", "LTC128B", "LTC256B"))
_STRONG = {5: "STRONG.SM", 6: "STRONG.GPU.PRIVATE", 7: "STRONG.GPU", 8: "MMIO.GPU", 10: "STRONG.SYS", 12: "MMIO.SYS"}
LOAD_ORDER = split(((77, 4),), {(n,): name for n, name in (_STRONG | {0: "", 4: "CONSTANT"}).items()})
STORE_ORDER = split(((77, 4),), {(n,): name for n, name in (_STRONG | {0: "", 4: "STRONG.SM.PRIVATE"}).items()})


def _global(uniform: int, descriptor: int, wide: int, far: bool = False) -> Field:
    """An address beside a UR, which is a memory descriptor where bit ``descriptor`` is set: its base has 64 bits."""
    summed = address(uniform, 91, wide=wide, far=far)

    def get(w: int) -> Operand:
        if w >> 91 & 1 and w >> descriptor & 1:
            if not (w >> wide & 1 and w >> 72 & 1):
                raise FieldError("32-bit address with a memory descriptor")
            offset, n = w >> 40 & 0xFFFFFF, w >> 24 & 255
            return Mem(make_reg(n, fmt="64"), None, signed(offset, 24)) if n != RZ else Mem(None, None, offset)
        if w >> 91 & 1 and w >> wide & 1 and not w >> 72 & 1 and w >> 24 & 255 != RZ:
            raise FieldError("64-bit base in a 32-bit address")
        return summed(w)

    return get


def _ld_predicate(w: int) -> Operand | None:
    return pred(81)(w) if w >> 87 & 1 else None


_LOAD = (E, CACHE, PREFETCH, SIZE, LOAD_ORDER, ZD)
TABLE[0x381] = Form("LDG", _LOAD, (load_predicate, DST, address(), load_guard), refuse=UR_BIT)
TABLE[0x981] = Form("LDG", _LOAD, (load_predicate, DST, _global(32, 76, 90), load_guard), require=UR_BIT)
TABLE[0x980] = Form("LD", _LOAD, (_ld_predicate, DST, _global(32, 76, 90, far=True), load_guard))
_STORE = (E, CACHE, SIZE, STORE_ORDER)
TABLE[0x386] = Form("STG", _STORE, (address(), DATA), refuse=UR_BIT)
TABLE[0x986] = Form("STG", _STORE, (_global(64, 76, 90), DATA), require=UR_BIT)
TABLE[0x385] = Form("ST", _STORE, (address(far=True), reg(64)), refuse=UR_BIT)
TABLE[0x985] = Form("ST", _STORE, (_global(64, 76, 90), DATA), require=UR_BIT)
_TYPE_TOP = 1 << 76
for _op, _opcode in (("ATOMG", 0x3A8), ("ATOM", 0x38A)):
    _ATOM = (E, ATOM_OP[_op], CACHE, ATOM_TYPE, STORE_ORDER)
    TABLE[_opcode] = Form(_op, _ATOM, (pred(81), DST, address(), DATA), refuse=UR_BIT | _TYPE_TOP)
    TABLE[_opcode + 0x600] = Form(
        _op, _ATOM, (pred(81), DST, _global(64, 71, 70), DATA), refuse=_TYPE_TOP, require=UR_BIT
    )
    _name = CAS_OP if _op == "ATOM" else fixed("CAS")
    TABLE[_opcode + 1] = Form(
        _op,
        (E, _name, CACHE, CAS_TYPE, STORE_ORDER),
        (pred(81), DST, address(), DATA, reg(64)),
        refuse=UR_BIT | _TYPE_TOP,
    )
TABLE[0x98E] = Form(
    "RED",
    (E, table(87, 3, ("ADD", "MIN", "MAX", "INC", "DEC", "AND", "OR", "XOR")), CACHE, ATOM_TYPE, STORE_ORDER),
    (_global(64, 71, 90), DATA),
    refuse=_TYPE_TOP,
)
TABLE[0xF8C] = Form(
    "ATOMS",
    (table(87, 4, (*(None,) * 10, "POPC.INC")), table(73, 2, ("32",))),
    (DST, address(64, scale=SCALE)),
    require=UR_BIT,
)


def _copy_source(w: int) -> Mem:
    """Global source of LDGSTS: as for loads, with 12 bits of offset."""
    if not w >> 70 & 1:
        raise FieldError("32-bit source of an asynchronous copy")
    index = None if w >> 76 & 1 else ureg(64)(w)
    n = w >> 24 & 255
    return Mem(make_reg(n, fmt="64") if n != RZ else None, index, signed(w >> 32 & 0xFFF, 12))


TABLE[0xFAE] = Form(
    "LDGSTS",
    (
        fixed("E"),
        flag(81, "", "BYPASS"),
        CACHE,
        table(71, 2, ("", "LTC64B", "LTC128B", "LTC256B")),
        table(73, 3, (None, None, None, None, "", "64", "128")),
        table(77, 4, ("",)),
        flag(82, "ZFILL"),
    ),
    (
        lambda w: Mem(make_reg(n) if (n := w >> 16 & 255) != RZ else None, None, signed(w >> 44 & 0xFFFFF, 20)),
        _copy_source,
        unless(pred_in(87), Pred(PT)),
    ),
    require=UR_BIT,
)
TABLE[0x9AF] = Form("LDGDEPBAR", refuse=UR_BIT)


# --- arithmetic ------------------------------------------------------------------------------

NAN = flag(81, "NAN")
alu(
    TABLE,
    0x009,
    B_FORMS,
    "FMNMX",
    (FTZ, NAN),
    lambda form: (DST, F32.first(), middle(F32, form), pred_in(87)),
)
PAIR_TYPE = split(((78, 1), (85, 1)), {(0, 0): "", (1, 0): "F32", (0, 1): "BF16_V2"})
RELU = flag(79, "RELU")
RELU_PREDICATE = when(79, unless(pred_in(87), Pred(PT)))
BF16 = Source(neg=True, abs=True, half=True, imm="bf16x2")


def _pairs(fields) -> tuple[Field, ...]:
    """The fields of packed halves; where bit 85 is set immediates are bfloat16."""

    def either(half: Field, brain: Field) -> Field:
        return lambda w: (brain if w >> 85 & 1 else half)(w)

    return tuple(either(half, brain) for half, brain in zip(fields(F16), fields(BF16)))


alu(
    TABLE,
    0x031,
    ALL_FORMS,
    "HFMA2",
    (PAIR_TYPE, DENORM, SAT, RELU),
    lambda form: (DST, *_pairs(lambda s: three(form, s, s, s)), RELU_PREDICATE),
)
_WIDE_HALF = Source(neg=True, abs=True, imm="f16x2")


def _mma_register(w: int) -> Operand:
    return reg(64, neg=84, abs_=83)(w)


_MMA_MODIFIERS = (fixed("MMA"), DENORM, SAT)
TABLE[0x435] = Form(
    "HFMA2",
    _MMA_MODIFIERS,
    (DST, _WIDE_HALF.first(), _mma_register, imm(32, 32, "f16x2")),
    refuse=UR_BIT | 1 << 79 | 1 << 85,
)
TABLE[0x835] = Form(
    "HFMA2",
    _MMA_MODIFIERS,
    (DST, _WIDE_HALF.first(), imm(32, 32, "f16x2"), _mma_register),
    refuse=UR_BIT | 1 << 79 | 1 << 85,
)
alu(
    TABLE,
    0x040,
    (1, 5, 6),
    "HMNMX2",
    (PAIR_TYPE, FTZ, NAN),
    lambda form: (DST, *_pairs(lambda s: (s.first(), middle(s, form))), pred_in(87)),
)
FLOAT_PAIRS = split(((75, 2), (84, 2), (77, 1)), {(1, 2, 0): "F16.F32", (2, 1, 0): "F32.F16", (0, 2, 1): "BF16.F32"})
alu(
    TABLE,
    0x104,
    B_FORMS,
    "F2F",
    (FTZ, FLOAT_PAIRS, ROUND),
    lambda form: (DST, float_source(form)),
)
alu(
    TABLE,
    0x03E,
    B_FORMS,
    "F2FP",
    (
        flag(77, "SATFINITE"),
        flag(75, "RELU"),
        flag(76, "BF16"),
        flag(78, "MERGE_C", "PACK_AB"),
        table(79, 2, ("", None, None, "RZ")),
        table(81, 1, ("",)),
    ),
    lambda form: (
        DST,
        when_not(78, reg(24)),
        middle(Source(imm="f32"), form),
        when(78, reg(64, fmt=flag(72, "H1"))),
    ),
)
TABLE[0x3C4] = Form(
    "REDUX",
    (table(78, 3, ("", "OR", "XOR", "SUM", "MIN", "MAX")), flag(73, "S32")),
    (UDST, PLAIN.first()),
    refuse=UR_BIT,
)


# --- matrix products -------------------------------------------------------------------------


def _sparse(at: int) -> tuple[Field, Field]:
    """The register of positions and its selector, where bit ``at`` makes A sparse."""
    return when(at, reg(40)), when(at, imm(48, 2))


TABLE[0x23C] = Form(
    "HMMA",
    (
        split(
            ((73, 1), (75, 1), (78, 1)),
            {
                (0, 0, 0): "1688",
                (0, 0, 1): "1684",
                (0, 1, 0): "16816",
                (1, 0, 0): "SP.1688",
                (1, 1, 0): "SP.16816",
                (1, 1, 1): "SP.16832",
            },
        ),
        flag(76, "F32", "F16"),
        table(82, 2, ("", "BF16", "TF32")),
    ),
    (DST, reg(24, neg=72), reg(32, neg=63), reg(64), *_sparse(73)),
    refuse=UR_BIT | 1 << 77,
)
_SHAPES = {(0, 0, 0, 0): "8816", (0, 0, 0, 1): "16816", (0, 1, 0, 1): "16832"}
_SHAPES_4 = {(0, 0, 1, 0): "8832", (0, 1, 0, 1): "16832", (0, 0, 1, 1): "16864"}
_SHAPES_SPARSE = {(1, 1, 0, 1): "SP.16832", (1, 0, 1, 1): "SP.16864"}
_SHAPES_SPARSE_4 = {(1, 0, 1, 1): "SP.16864", (1, 1, 1, 1): "SP.168128"}
_SHAPE_TABLE = {(*key, 0, 0): name for key, name in (_SHAPES | _SHAPES_SPARSE).items()}
_SHAPE_TABLE |= {(*key, 1, 1): name for key, name in (_SHAPES_4 | _SHAPES_SPARSE_4).items()}
TABLE[0x237] = Form(
    "IMMA",
    (
        split(((72, 1), (75, 1), (85, 1), (86, 1), (83, 1), (84, 1)), _SHAPE_TABLE),
        split(((76, 1), (83, 1)), {(0, 0): "U8", (1, 0): "S8", (0, 1): "U4", (1, 1): "S4"}),
        split(((78, 1), (84, 1)), {(0, 0): "U8", (1, 0): "S8", (0, 1): "U4", (1, 1): "S4"}),
        flag(82, "SAT"),
    ),
    (DST, *ROW_COL, reg(64), *_sparse(72)),
    refuse=UR_BIT | 1 << 77 | 1 << 79 | 1 << 81,
)
TABLE[0x23D] = Form(
    "BMMA",
    (
        table(75, 2, ("88128", "168128", "168256")),
        table(77, 2, ("XOR", None, "AND")),
        table(80, 1, (None, "POPC")),
    ),
    (DST, *ROW_COL, reg(64)),
    refuse=UR_BIT,
)
TABLE[0x23F] = Form(
    "DMMA",
    (fixed("884"), ROUND),
    (DST, reg(24, neg=72, abs_=73), reg(32, neg=63, abs_=62), reg(64, neg=75, abs_=74)),
    refuse=UR_BIT | 1 << 76,
)


# --- control flow and uniform datapath -------------------------------------------------------


def _lane_mask(w: int) -> Operand | None:
    """BRA.DIV and BRA.CONV compare the executing lanes with a mask."""
    return ureg(24, neg=30, inv_if=128)(w) if w >> 33 & 1 else None


TABLE[0x947] = Form(
    "BRA",
    (BRANCH_DEPTH, table(32, 2, ("", "U", "DIV", "CONV"))),
    (CONDITION, _lane_mask, FAR),
    relative=True,
)
TABLE[0x4A4] = Form(
    "UIMAD",
    (U32, X),
    (UDST, *three(2, UPLAIN, UPLAIN, UNEG_X), when(74, upred_in(87))),
    require=UR_BIT,
    guard="UP",
)
_BYTE = table(76, 2, ("", "B1", "B2", "B3"))
TABLE[0x883] = Form("UP2UR", (_BYTE,), (UDST, special("UPR"), ureg(24), imm(32, 32)), require=UR_BIT, guard="UP")
TABLE[0x884] = Form("UR2UP", (), (special("UPR"), ureg(24, fmt=_BYTE), imm(32, 32)), require=UR_BIT, guard="UP")
