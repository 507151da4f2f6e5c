"""Bitwise logic, shifts and bit fields: LOP3, PLOP3, SHF, PRMT, BMSK, SGXT, FLO, POPC, BREV, P2R, R2P."""

from __future__ import annotations

from collections.abc import Callable

from ..builder import Builder, Value
from ..ir import PT, Imm, Instr, Operand, UReg
from .core import Unhandled, get, getp, i32, is_false, is_pred, is_true, is_zero, one_of, op, put, putp, raw32

# Truth tables of two variables a, b: bit (a << 1 | b) is the result.
TWO_INPUT: dict[int, Callable[[Builder, Value, Value], Value]] = {
    0x1: lambda b, x, y: b.not_(b.or_(x, y)),
    0x2: lambda b, x, y: b.and_(b.not_(x), y),
    0x3: lambda b, x, y: b.not_(x),
    0x4: lambda b, x, y: b.and_(x, b.not_(y)),
    0x5: lambda b, x, y: b.not_(y),
    0x6: lambda b, x, y: b.xor(x, y),
    0x7: lambda b, x, y: b.not_(b.and_(x, y)),
    0x8: lambda b, x, y: b.and_(x, y),
    0x9: lambda b, x, y: b.not_(b.xor(x, y)),
    0xA: lambda b, x, y: y,
    0xB: lambda b, x, y: b.or_(b.not_(x), y),
    0xC: lambda b, x, y: x,
    0xD: lambda b, x, y: b.or_(x, b.not_(y)),
    0xE: lambda b, x, y: b.or_(x, y),
}


def lut3(b: Builder, lut: int, x: Value, y: Value, z: Value, ty: str, known: tuple = (None, None, None)) -> Value:
    """A three-input truth table: bit (x << 2 | y << 1 | z) of ``lut``. ``known`` gives inputs that are all 0 or all 1."""
    if known[0] is not None:
        half = lut >> (4 if known[0] else 0) & 0xF
        lut = half | half << 4
    if known[1] is not None:
        lut = sum((lut >> ((i & 5) | (2 if known[1] else 0)) & 1) << i for i in range(8))
    if known[2] is not None:
        lut = sum((lut >> ((i & 6) | (1 if known[2] else 0)) & 1) << i for i in range(8))
    zero = sum((lut >> 2 * i & 1) << i for i in range(4))  # table of (x, y) where z is 0
    one = sum((lut >> 2 * i + 1 & 1) << i for i in range(4))
    ones = b.imm(ty, (1 << int(ty[1:])) - 1)

    def two(table: int) -> Value:
        return TWO_INPUT[table](b, x, y)

    if zero == one:
        if zero in (0, 0xF):
            return ones if zero else b.imm(ty, 0)
        return two(zero)
    if zero == one ^ 0xF:
        if zero in (0, 0xF):
            return b.not_(z) if zero else z
        return b.xor(two(zero), z)
    if zero == 0:
        return b.and_(two(one), z) if one != 0xF else z
    if one == 0:
        return b.and_(two(zero), b.not_(z)) if zero != 0xF else b.not_(z)
    if one == 0xF:
        return b.or_(two(zero), z)
    if zero == 0xF:
        return b.or_(two(one), b.not_(z))
    return b.or_(b.and_(two(one), z), b.and_(two(zero), b.not_(z)))


def _known_word(operand: Operand) -> int | None:
    return 0 if is_zero(operand) and not operand.inv else None


@op("LOP3", "ULOP3", mods="LUT PAND")
def lop3(b: Builder, instr: Instr) -> None:
    """[Pd,] Rd, a, b, c, lut, Pin: Pd = (Rd != 0) | Pin, or & Pin with .PAND."""
    ops = list(instr.operands)
    pd = ops.pop(0) if is_pred(ops[0]) else None
    dst, x, y, z, lut, *rest = ops
    known = tuple(_known_word(o) for o in (x, y, z))
    value = lut3(b, lut.bits, get(b, x), get(b, y), get(b, z), "i32", known)
    put(b, dst, value)
    if pd is not None and pd.n != PT:
        flag = b.icmp("ne", value, i32(b, 0))
        if instr.has("PAND"):
            flag = flag if is_true(rest[0]) else b.and_(flag, getp(b, rest[0]))
        elif rest and not is_false(rest[0]):
            flag = b.or_(flag, getp(b, rest[0]))
        putp(b, pd, flag)


@op("PLOP3", "UPLOP3", mods="LUT")
def plop3(b: Builder, instr: Instr) -> None:
    """Pd, Pe, a, b, c, lut_d, lut_e."""
    pd, pe, x, y, z, lut_d, lut_e = instr.operands
    known = tuple(True if is_true(p) else False if is_false(p) else None for p in (x, y, z))
    values = [getp(b, p) for p in (x, y, z)]
    first = lut3(b, lut_d.bits, *values, "i1", known)
    if pe.n != PT:
        second = lut3(b, lut_e.bits, *values, "i1", known)
        putp(b, pe, second)
    putp(b, pd, first)


@op("SHF", "USHF", mods="L R U32 S32 U64 S64 HI W")
def shf(b: Builder, instr: Instr) -> None:
    """Rd, low, shift, high: {high:low} shifted; .HI takes the upper word. Counts clamp at 32 or 64, or wrap with .W."""
    dst, low, shift, high = instr.operands
    kind = one_of(instr, ("U32", "S32", "U64", "S64"))
    left = one_of(instr, ("L", "R")) == "L"
    signed, width = kind[0] == "S", int(kind[1:])
    count = get(b, shift)
    if isinstance(shift, Imm):
        count_bits = shift.bits & (width - 1) if instr.has("W") else min(shift.bits, width)
        count = i32(b, count_bits)
    elif instr.has("W"):
        count = b.and_(count, i32(b, width - 1))
    if width == 32 and left and not instr.has("HI"):
        put(b, dst, b.shl(get(b, low), count))
        return
    if width == 32 and not left and instr.has("HI"):
        put(b, dst, (b.ashr if signed else b.lshr)(get(b, high), count))
        return
    if not isinstance(shift, Imm) and not instr.has("W"):
        count = b.umin(count, i32(b, width))
    pair = b.pack64(get(b, low), get(b, high))
    shifted = (b.shl if left else b.ashr if signed else b.lshr)(pair, b.zext(count, "i64"))
    put(b, dst, b.hi32(shifted) if instr.has("HI") else b.lo32(shifted))


# PRMT modes (PTX ISA, prmt): selector nibbles by the two low bits of the control operand.
PRMT_MODES = {
    "F4E": (0x3210, 0x4321, 0x5432, 0x6543),
    "B4E": (0x5670, 0x6701, 0x7012, 0x0123),
    "RC8": (0x0000, 0x1111, 0x2222, 0x3333),
    "ECL": (0x3210, 0x3211, 0x3222, 0x3333),
    "ECR": (0x0000, 0x1110, 0x2210, 0x3210),
    "RC16": (0x1010, 0x3232, 0x1010, 0x3232),
}


def _permute(b: Builder, selector: int, x: Value, y: Value) -> Value:
    """Bytes of {y:x} by a constant selector, moved in groups that shift by the same amount."""
    moves: dict[tuple[int, int], int] = {}
    signs: dict[tuple[int, int], int] = {}
    for position in range(4):
        nibble = selector >> 4 * position & 0xF
        word, byte = nibble >> 2 & 1, nibble & 3
        if nibble & 8:
            signs[word, byte] = signs.get((word, byte), 0) | 0xFF << 8 * position
        else:
            key = (word, 8 * (position - byte))
            moves[key] = moves.get(key, 0) | 0xFF << 8 * position
    total = None
    for (word, shift), mask in moves.items():
        value = (x, y)[word]
        reachable = 0xFFFFFFFF
        if shift > 0:
            value, reachable = b.shl(value, i32(b, shift)), 0xFFFFFFFF << shift & 0xFFFFFFFF
        elif shift < 0:
            value, reachable = b.lshr(value, i32(b, -shift)), 0xFFFFFFFF >> -shift
        if mask != reachable:
            value = b.and_(value, i32(b, mask))
        total = value if total is None else b.or_(total, value)
    for (word, byte), mask in signs.items():
        value = (x, y)[word]
        value = b.ashr(b.shl(value, i32(b, 24 - 8 * byte)) if byte < 3 else value, i32(b, 31))
        value = value if mask == 0xFFFFFFFF else b.and_(value, i32(b, mask))
        total = value if total is None else b.or_(total, value)
    return total


@op("PRMT", "UPRMT", mods="F4E B4E RC8 ECL ECR RC16")
def prmt(b: Builder, instr: Instr) -> None:
    """Rd, a, selector, c: byte i is byte (nibble i of selector) & 7 of {c:a}; nibble bit 3 spreads its sign."""
    dst, x, selector, y = instr.operands
    x, y = get(b, x), get(b, y)
    if instr.mods:
        if not isinstance(selector, Imm):
            raise Unhandled("register selector with a mode")
        put(b, dst, _permute(b, PRMT_MODES[instr.mods[0]][selector.bits & 3], x, y))
        return
    if isinstance(selector, Imm) or is_zero(selector):
        put(b, dst, _permute(b, 0 if is_zero(selector) else selector.bits, x, y))
        return
    control, pair = get(b, selector), b.pack64(x, y)
    total = None
    for position in range(4):
        nibble = b.and_(b.lshr(control, i32(b, 4 * position)), i32(b, 0xF))
        start = b.shl(b.and_(nibble, i32(b, 7)), i32(b, 3))
        byte = b.and_(b.lo32(b.lshr(pair, b.zext(start, "i64"))), i32(b, 0xFF))
        spread = b.and_(b.neg(b.lshr(byte, i32(b, 7))), i32(b, 0xFF))
        byte = b.select(b.icmp("ugt", nibble, i32(b, 7)), spread, byte)
        byte = b.shl(byte, i32(b, 8 * position))
        total = byte if total is None else b.or_(total, byte)
    put(b, dst, total)


@op("BMSK", "UBMSK", mods="W C")
def bmsk(b: Builder, instr: Instr) -> None:
    """Rd, position, width: ``width`` ones from bit ``position``; both clamp at 32, or wrap with .W."""
    dst, position, width = instr.operands
    position, width = get(b, position), get(b, width)
    if instr.has("W"):
        position, width = b.and_(position, i32(b, 31)), b.and_(width, i32(b, 31))
    ones = i32(b, 0xFFFFFFFF)
    put(b, dst, b.shl(b.not_(b.shl(ones, width)), position))


@op("SGXT", "USGXT", mods="U32 W C")
def sgxt(b: Builder, instr: Instr) -> None:
    """Rd, a, width: extend the low ``width`` bits, from their sign or, with .U32, with zeros."""
    dst, source, width = instr.operands
    value, width = get(b, source), get(b, width)
    width = b.and_(width, i32(b, 31)) if instr.has("W") else b.umin(width, i32(b, 32))
    gap = b.sub(i32(b, 32), width)
    extend = b.lshr if instr.has("U32") else b.ashr
    # A width of 0 shifts everything out and leaves 0, also where ashr gives the sign of 0.
    put(b, dst, extend(b.shl(value, gap), gap))


@op("FLO", "UFLO", mods="U32 SH")
def flo(b: Builder, instr: Instr) -> None:
    """Position of the highest one (signed: of the highest bit that differs from the sign), -1 when none; .SH: 31 - it."""
    ops = instr.operands
    dst, source = ops[0], ops[-1]
    if len(ops) == 3 and not is_true(ops[1]):
        raise Unhandled("predicate destination")
    value = get(b, source)
    if not instr.has("U32"):
        value = b.xor(value, b.ashr(value, i32(b, 31)))
    zeros = b.ctlz(value)
    position = b.sub(i32(b, 31), zeros)
    if instr.has("SH"):
        # No bit found gives -1 here as well.
        put(b, dst, b.select(b.icmp("eq", value, i32(b, 0)), i32(b, 0xFFFFFFFF), zeros))
    else:
        put(b, dst, position)


@op("POPC", "UPOPC")
def popc(b: Builder, instr: Instr) -> None:
    put(b, instr.operands[0], b.popc(get(b, instr.operands[1])))


@op("BREV", "UBREV")
def brev(b: Builder, instr: Instr) -> None:
    put(b, instr.operands[0], b.bitrev(get(b, instr.operands[1])))


def _byte_start(operand: Operand) -> int:
    return {"": 0, "B0": 0, "B1": 8, "B2": 16, "B3": 24}[operand.fmt]


@op("P2R", "UP2UR", mods="B0 B1 B2 B3")
def p2r(b: Builder, instr: Instr) -> None:
    """Rd, PR, a, mask: the predicates under ``mask`` replace the bits of a's byte (.Bn of a names it)."""
    dst, _, source, mask = instr.operands
    start = _byte_start(source) if not instr.mods else 8 * int(instr.mods[0][1])
    read = b.upred if isinstance(dst, UReg) else b.pred
    value = raw32(b, source)
    if not isinstance(mask, Imm):
        chosen = b.and_(get(b, mask), i32(b, 0x7F))
        bits = i32(b, 0)
        for n in range(7):
            bits = b.or_(bits, b.shl(b.zext(read(n), "i32"), i32(b, n)))
        bits, chosen = (b.shl(x, i32(b, start)) for x in (b.and_(bits, chosen), chosen))
        put(b, dst, b.or_(b.and_(value, b.not_(chosen)), bits))
        return
    if mask.bits & ~0x7F:
        raise Unhandled("mask")
    if not is_zero(source):
        value = b.and_(value, i32(b, ~(mask.bits << start)))
    for n in range(7):
        if mask.bits >> n & 1:
            value = b.or_(value, b.shl(b.zext(read(n), "i32"), i32(b, n + start)))
    put(b, dst, value)


@op("R2P", "UR2UP", mods="B0 B1 B2 B3")
def r2p(b: Builder, instr: Instr) -> None:
    """PR, a, mask: predicates under ``mask`` from the bits of a's byte."""
    _, source, mask = instr.operands
    start = _byte_start(source) if not instr.mods else 8 * int(instr.mods[0][1])
    value = raw32(b, source)
    write = b.set_upred if isinstance(source, UReg) else b.set_pred
    if not isinstance(mask, Imm):
        read = b.upred if isinstance(source, UReg) else b.pred
        chosen = get(b, mask)
        for n in range(7):
            new = b.icmp("ne", b.and_(value, i32(b, 1 << (n + start))), i32(b, 0))
            write(n, b.select(b.icmp("ne", b.and_(chosen, i32(b, 1 << n)), i32(b, 0)), new, read(n)))
        return
    if mask.bits & ~0x7F:
        raise Unhandled("mask")
    for n in range(7):
        if mask.bits >> n & 1:
            write(n, b.icmp("ne", b.and_(value, i32(b, 1 << (n + start))), i32(b, 0)))
