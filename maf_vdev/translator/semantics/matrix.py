"""Matrix multiply-accumulate of a warp: HMMA, IMMA, BMMA. Fragment layouts: PTX ISA, mma.

With g = lane / 4 and t = lane % 4, a lane holds rows g (and g + 8) of A, column g of B and columns
2t, 2t + 1 of C and D, rows g (and g + 8).
"""

from __future__ import annotations

from ..builder import Builder, Value
from ..ir import Instr, Reg
from .core import Unhandled, i32, is_zero, op, put


def _word(b: Builder, operand: Reg, index: int) -> Value:
    if operand.neg or operand.abs or operand.inv:
        raise Unhandled("modifier on a fragment")
    return i32(b, 0) if is_zero(operand) else b.reg(operand.n + index)


def _half(b: Builder, word: Value, which: int) -> Value:
    half = b.bitcast(b.trunc(b.lshr(word, i32(b, 16)) if which else word, "i16"), "f16")
    return b.fconv(half, "f32")


def _lane_parts(b: Builder) -> tuple[Value, Value]:
    lane = b.special("SR_LANEID")
    return b.and_(lane, i32(b, 28)), b.and_(lane, i32(b, 3))


def _rows_and_columns(b: Builder, x: list[Value], y: list[Value]) -> tuple[list[list[Value]], list[list[list[Value]]]]:
    """For each value of x, its copies from the four lanes of this lane's row; for j = 0, 1 and each value of y, its
    copies from the four lanes of column 2t + j."""
    row_base, t = _lane_parts(b)
    column_base = b.shl(t, i32(b, 3))
    rows = [[b.shuffle(word, b.add(row_base, i32(b, s))) for s in range(4)] for word in x]
    columns = [
        [[b.shuffle(word, b.add(column_base, i32(b, 4 * j + s))) for s in range(4)] for word in y] for j in (0, 1)
    ]
    return rows, columns


@op("HMMA", mods="1688 16816 F32 F16")
def hmma(b: Builder, instr: Instr) -> None:
    """D = A B + C, A and B half. Products are exact; sums are kept in single precision."""
    dst, x, y, z = instr.operands
    if "1688" not in instr.mods and "16816" not in instr.mods:
        raise Unhandled("shape")
    steps = 1 if instr.has("1688") else 2
    single = instr.has("F32")

    def widened(operand: Reg, count: int) -> list[Value]:
        """Both halves of each fragment word as f32 patterns: widened before they are exchanged, once per element."""
        words = [_word(b, operand, n) for n in range(count)]
        return [b.bitcast(_half(b, word, h), "i32") for word in words for h in (0, 1)]

    # A: words (row g, row g + 8) of each 8-column step; B: one word per step. Halves are neighbours in k.
    rows, columns = _rows_and_columns(b, widened(x, 2 * steps), widened(y, steps))
    results = []
    for upper in (0, 1):
        for j in (0, 1):
            if single:
                total = b.bitcast(_word(b, z, 2 * upper + j), "f32")
            else:
                total = _half(b, _word(b, z, upper), j)
            for step in range(steps):
                for s in range(4):
                    for h in (0, 1):
                        left = b.bitcast(rows[2 * (2 * step + upper) + h][s], "f32")
                        right = b.bitcast(columns[j][2 * step + h][s], "f32")
                        total = b.fma(left, right, total)
            results.append(total)
    if single:
        for n, value in enumerate(results):
            put(b, Reg(dst.n + n), b.bitcast(value, "i32"))
        return
    for n in (0, 1):
        low, high = (b.zext(b.bitcast(b.fconv(results[2 * n + j], "f16"), "i16"), "i32") for j in (0, 1))
        put(b, Reg(dst.n + n), b.or_(low, b.shl(high, i32(b, 16))))


def _fields(b: Builder, word: Value, width: int, signed: bool) -> list[Value]:
    out = []
    for start in range(0, 32, width):
        top = b.shl(word, i32(b, 32 - width - start)) if start < 32 - width else word
        out.append((b.ashr if signed else b.lshr)(top, i32(b, 32 - width)))
    return out


@op("IMMA", mods="8816 8832 S8 U8 S4 U4 SAT")
def imma(b: Builder, instr: Instr) -> None:
    """8x8 result in 32-bit integers: .8816 with bytes (k = 16), .8832 with nibbles (k = 32); .SAT clamps the sum."""
    dst, x, y, z = instr.operands
    if x.fmt not in ("", "ROW") or y.fmt not in ("", "COL"):
        raise Unhandled("fragment layout")
    width = 8 if instr.has("8816") else 4
    types = [mod for mod in instr.mods if mod in ("S8", "U8", "S4", "U4")]
    if len(types) != 2 or any(int(t[1:]) != width for t in types):
        raise Unhandled("types")
    rows, columns = _rows_and_columns(b, [_word(b, x, 0)], [_word(b, y, 0)])
    results = []
    for j in (0, 1):
        total = None
        for s in range(4):
            left = _fields(b, rows[0][s], width, types[0][0] == "S")
            right = _fields(b, columns[j][0][s], width, types[1][0] == "S")
            for p, q in zip(left, right):
                product = b.mul(p, q)
                total = product if total is None else b.add(total, product)
        results.append(_accumulate(b, total, _word(b, z, j), instr.has("SAT")))
    for n, value in enumerate(results):
        put(b, Reg(dst.n + n), value)


def _accumulate(b: Builder, total: Value, addend: Value, saturate: bool) -> Value:
    if not saturate:
        return b.add(total, addend)
    wide = b.add(b.sext(total, "i64"), b.sext(addend, "i64"))
    low, high = b.imm("i64", -(1 << 31) & 0xFFFFFFFFFFFFFFFF), b.imm("i64", (1 << 31) - 1)
    return b.lo32(b.smin(b.smax(wide, low), high))


@op("BMMA", mods="88128 XOR POPC AND")
def bmma(b: Builder, instr: Instr) -> None:
    """D = C + number of ones in (row of A op column of B), k = 128 single bits."""
    dst, x, y, z = instr.operands
    if x.fmt not in ("", "ROW") or y.fmt not in ("", "COL") or not instr.has("POPC"):
        raise Unhandled("form")
    combine = b.and_ if instr.has("AND") else b.xor
    rows, columns = _rows_and_columns(b, [_word(b, x, 0)], [_word(b, y, 0)])
    results = []
    for j in (0, 1):
        total = _word(b, z, j)
        for s in range(4):
            total = b.add(total, b.popc(combine(rows[0][s], columns[j][0][s])))
        results.append(total)
    for n, value in enumerate(results):
        put(b, Reg(dst.n + n), value)


@op("MOVM", mods="16 MT88 M88")
def movm(b: Builder, instr: Instr) -> None:
    """Rd, a: transpose an 8x8 matrix of halves that the warp holds as (row g, columns 2t, 2t + 1) (PTX ISA, movmatrix)."""
    dst, x = instr.operands
    if not instr.has("MT88"):
        raise Unhandled("matrix move without transposition")
    word, lane = _word(b, x, 0), b.special("SR_LANEID")
    group, member = b.lshr(lane, i32(b, 2)), b.and_(lane, i32(b, 3))
    odd = b.icmp("ne", b.and_(group, i32(b, 1)), i32(b, 0))
    halves = []
    for h in (0, 1):
        # Element (2t + h, g) is in lane 4 (2t + h) + g / 2, half g % 2.
        row = b.add(b.shl(member, i32(b, 3)), b.add(b.lshr(group, i32(b, 1)), i32(b, 4 * h)))
        source = b.shuffle(word, row)
        halves.append(b.select(odd, b.lshr(source, i32(b, 16)), b.and_(source, i32(b, 0xFFFF))))
    put(b, dst, b.or_(halves[0], b.shl(halves[1], i32(b, 16))))
