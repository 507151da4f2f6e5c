"""Warp communication and special registers: SHFL, VOTE, MATCH, R2UR, S2R, CS2R."""

from __future__ import annotations

from ..builder import Builder, Value
from ..ir import PT, Imm, Instr
from .core import Unhandled, get, getp, i32, is_pred, is_true, is_zero, one_of, op, put, put64, putp, raw32, raw64

# The same for all lanes of a warp.
UNIFORM_SPECIALS = {"SR_CTAID.X", "SR_CTAID.Y", "SR_CTAID.Z", "SR_NCTAID.X", "SR_NCTAID.Y", "SR_NCTAID.Z"}


@op("SHFL", mods="IDX UP DOWN BFLY")
def shfl(b: Builder, instr: Instr) -> None:
    """Pd, Rd, a, b, c: PTX ISA, shfl.sync: c holds the clamp lane (bits 0..4) and the segment mask (bits 8..12)."""
    pd, dst, source, select, clamp = instr.operands
    mode = one_of(instr, ("IDX", "UP", "DOWN", "BFLY"))
    value, lane = get(b, source), b.special("SR_LANEID")
    offset = i32(b, select.bits & 31) if isinstance(select, Imm) else b.and_(get(b, select), i32(b, 31))
    if isinstance(clamp, Imm) or is_zero(clamp):
        bits = 0 if is_zero(clamp) else clamp.bits
        segment, limit = bits >> 8 & 31, bits & 31
        segment_lane = b.and_(lane, i32(b, segment)) if segment else i32(b, 0)
        last = b.or_(segment_lane, i32(b, limit & ~segment)) if segment else i32(b, limit)
        not_segment = i32(b, ~segment & 31)
        never_out = limit == 31 and segment == 0 and mode in ("IDX", "BFLY")
    else:
        bits = get(b, clamp)
        segment = b.and_(b.lshr(bits, i32(b, 8)), i32(b, 31))
        not_segment = b.xor(segment, i32(b, 31))
        segment_lane = b.and_(lane, segment)
        last = b.or_(segment_lane, b.and_(bits, not_segment))
        never_out = False
    if mode == "IDX":
        target = offset if never_out else b.or_(segment_lane, b.and_(offset, not_segment))
    elif mode == "BFLY":
        target = b.xor(lane, offset)
    else:
        target = (b.sub if mode == "UP" else b.add)(lane, offset)
    if never_out:
        put(b, dst, b.shuffle(value, target))
        putp(b, pd, b.imm("i1", 1))
        return
    inside = b.icmp("sge" if mode == "UP" else "sle", target, last)
    put(b, dst, b.shuffle(value, b.select(inside, target, lane)))
    if pd.n != PT:
        putp(b, pd, inside)


@op("VOTE", "VOTEU", mods="ANY ALL EQ")
def vote(b: Builder, instr: Instr) -> None:
    """[Rd,] Pd, a: Rd = lanes with a; Pd = any, all or all equal, over the executing lanes."""
    *dests, source = instr.operands
    mode = one_of(instr, ("ANY", "ALL", "EQ"))
    register = dests.pop(0) if not is_pred(dests[0]) else None
    mask = b.active() if is_true(source) else b.ballot(getp(b, source))
    if dests and dests[0].n != PT:
        if mode == "ANY":
            flag = b.icmp("ne", mask, i32(b, 0))
        elif mode == "ALL":
            flag = b.icmp("eq", mask, b.active())
        else:
            flag = b.or_(b.icmp("eq", mask, i32(b, 0)), b.icmp("eq", mask, b.active()))
        putp(b, dests[0], flag)
    if register is not None:
        put(b, register, mask)


@op("MATCH", mods="ANY ALL U32 U64")
def match(b: Builder, instr: Instr) -> None:
    """[Pd,] Rd, a: lanes whose value equals this lane's; .ALL: all executing lanes if they agree, else 0."""
    *dests, source = instr.operands
    register = dests[-1]
    pd = dests[0] if is_pred(dests[0]) else None
    mask = b.match(raw64(b, source) if instr.has("U64") else get(b, source))
    if one_of(instr, ("ANY", "ALL")) == "ALL":
        same = b.icmp("eq", mask, b.active())
        mask = b.select(same, mask, i32(b, 0))
        if pd is not None:
            putp(b, pd, same)
    elif pd is not None and pd.n != PT:
        raise Unhandled("predicate of MATCH.ANY")
    put(b, register, mask)


@op("REDUX", mods="OR XOR SUM MIN MAX S32")
def redux(b: Builder, instr: Instr) -> None:
    """URd = and (no modifier), or, xor, sum, minimum or maximum over the executing lanes, bit by bit from ballots."""
    dst, source = instr.operands
    value = get(b, source)
    how = one_of(instr, ("OR", "XOR", "SUM", "MIN", "MAX"), "AND")
    everyone, zero = b.active(), i32(b, 0)
    if how in ("MIN", "MAX"):
        # Highest bit first: among the lanes still in question, those with a one win over those without.
        flip = (0x80000000 if instr.has("S32") else 0) ^ (0xFFFFFFFF if how == "MIN" else 0)
        value, contenders, result = b.xor(value, i32(b, flip)), everyone, zero
        for n in reversed(range(32)):
            ones = b.and_(contenders, b.ballot(_bit(b, value, n)))
            some = b.icmp("ne", ones, zero)
            contenders = b.select(some, ones, contenders)
            result = b.or_(result, b.select(some, i32(b, 1 << n), zero))
        put(b, dst, b.xor(result, i32(b, flip)))
        return
    result = zero
    for n in range(32):
        ones = b.ballot(_bit(b, value, n))
        if how == "SUM":
            result = b.add(result, b.shl(b.popc(ones), i32(b, n)))
        elif how == "XOR":
            result = b.or_(result, b.shl(b.and_(b.popc(ones), i32(b, 1)), i32(b, n)))
        else:
            holds = b.icmp("ne", ones, zero) if how == "OR" else b.icmp("eq", ones, everyone)
            result = b.or_(result, b.select(holds, i32(b, 1 << n), zero))
    put(b, dst, result)


def _bit(b: Builder, value: Value, n: int) -> Value:
    return b.icmp("ne", b.and_(value, i32(b, 1 << n)), i32(b, 0))


@op("R2UR")
def r2ur(b: Builder, instr: Instr) -> None:
    """URd = the value of the first executing lane."""
    *preds, dst, source = instr.operands
    if any(p.n != PT for p in preds):
        raise Unhandled("predicate destination")
    put(b, dst, b.lane_uniform(raw32(b, source)))


def _special(b: Builder, name: str) -> Value:
    if name == "SR_VIRTID":
        # %warpid is read as bits 8..14.
        return b.shl(b.and_(b.special("SR_WARPID"), i32(b, 0x7F)), i32(b, 8))
    if name in ("SRZ", "SR_VIRTUALSMID"):
        # All CTAs report one multiprocessor.
        return i32(b, 0)
    if name == "SR_LMEMHIOFF":
        # The least value of the stack pointer, which debug builds compare with at each function's start: the stack
        # grows down to the first byte of local memory.
        return i32(b, 0)
    return b.special(name)


@op("S2R")
def s2r(b: Builder, instr: Instr) -> None:
    dst, source = instr.operands
    put(b, dst, _special(b, source.name))


@op("S2UR")
def s2ur(b: Builder, instr: Instr) -> None:
    dst, source = instr.operands
    value = _special(b, source.name)
    put(b, dst, value if source.name in UNIFORM_SPECIALS else b.lane_uniform(value))


@op("CS2R", mods="32")
def cs2r(b: Builder, instr: Instr) -> None:
    """Rd, SR: a 64-bit special register, or its low word with .32."""
    dst, source = instr.operands
    if instr.has("32"):
        put(b, dst, _special(b, source.name))
    else:
        put64(b, dst, b.imm("i64", 0) if source.name == "SRZ" else b.special64(source.name))
