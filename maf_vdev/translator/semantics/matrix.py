"""Matrix multiply-accumulate of a warp: HMMA, DMMA, IMMA, BMMA. Fragment layouts: PTX ISA, mma.

With g = lane / 4 and t = lane % 4, a lane holds rows g (and g + 8) of A, column g of B and columns
2t, 2t + 1 of C and D, rows g (and g + 8).
"""

from __future__ import annotations

from collections.abc import Sequence

from ..builder import Builder, Value
from ..ir import Instr, Reg
from . import sparse
from .core import Unhandled, getd, i32, is_zero, one_of, op, put, word_of
from .float32 import rounding


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


# Instruction shape -> words of B: the k extent is that many steps of four lanes. A has as many words for each of
# its row groups, in the order (step 0: row g, row g + 8), (step 1: ...).
HALF_STEPS = {"1688": 1, "16816": 2}
TF32_STEPS = {"1684": 1, "1688": 2}


def _elements(b: Builder, word: Value, kind: str) -> list[Value]:
    """The numbers in a fragment word as f32 patterns, in the order of k."""
    if kind == "TF32":  # the low 13 bits do not count
        return [b.and_(word, i32(b, 0xFFFFE000))]
    if kind == "BF16":
        return [b.shl(word, i32(b, 16)), b.and_(word, i32(b, 0xFFFF0000))]
    return [b.bitcast(_half(b, word, h), "i32") for h in (0, 1)]


@op("HMMA", mods="SP 16832 884 STEP0 STEP1 STEP2 STEP3 1684 1688 16816 F32 F16 BF16 TF32")
def hmma(b: Builder, instr: Instr) -> None:
    """D = A B + C, A and B half, bfloat16 or tf32. Products are exact; sums are kept in single precision."""
    if instr.has("884"):
        _quad_product(b, instr)
        return
    if instr.has("SP"):
        _sparse_product(b, instr)
        return
    dst, x, y, z = instr.operands
    kind = one_of(instr, ("BF16", "TF32"), "HALF")
    shapes = TF32_STEPS if kind == "TF32" else HALF_STEPS
    steps = shapes[one_of(instr, tuple(shapes))]
    single = instr.has("F32")
    if kind != "HALF" and not single:
        raise Unhandled("types")

    words = [
        word_of(b, operand, n)
        for operand, count in ((x, 2 * steps), (y, steps), (z, 4 if single else 2))
        for n in range(count)
    ]
    name = f"hmma_{kind}_{steps}_{'F32' if single else 'F16'}"
    for n, value in enumerate(b.subroutine(name, lambda inner, *w: _hmma(inner, kind, steps, single, w), words)):
        put(b, Reg(dst.n + n), value)


def _hmma(b: Builder, kind: str, steps: int, single: bool, words: Sequence[Value]) -> list[Value]:
    """The words of D from those of A, B and C, in this order."""
    x, y, z = words[: 2 * steps], words[2 * steps : 3 * steps], words[3 * steps :]

    def widened(operand: Sequence[Value]) -> list[Value]:
        """Widened before they are exchanged, once per element."""
        return [element for word in operand for element in _elements(b, word, kind)]

    per = 1 if kind == "TF32" else 2
    rows, columns = _rows_and_columns(b, widened(x), widened(y))
    results = []
    for upper in (0, 1):
        for j in (0, 1):
            if single:
                total = b.bitcast(z[2 * upper + j], "f32")
            else:
                total = _half(b, z[upper], j)
            for step in range(steps):
                for s in range(4):
                    for h in range(per):
                        left = b.bitcast(rows[per * (2 * step + upper) + h][s], "f32")
                        right = b.bitcast(columns[j][per * step + h][s], "f32")
                        total = b.fma(left, right, total)
            results.append(total)
    if single:
        return [b.bitcast(value, "i32") for value in results]
    halves = [b.zext(b.bitcast(b.fconv(value, "f16"), "i16"), "i32") for value in results]
    return [b.or_(halves[2 * n], b.shl(halves[2 * n + 1], i32(b, 16))) for n in (0, 1)]


def _number(b: Builder, word: Value, kind: str) -> Value:
    """The number in the low bits of a word, in single precision."""
    if kind == "HALF":
        return _half(b, word, 0)
    return b.bitcast(_elements(b, word, kind)[0], "f32")


def _sparse_product(b: Builder, instr: Instr) -> None:
    kind = one_of(instr, ("BF16", "TF32"), "HALF")
    shapes = sparse.ONE_OF_TWO if kind == "TF32" else sparse.TWO_OF_FOUR
    shape = shapes[one_of(instr, tuple(shapes))]
    single = instr.has("F32")
    if kind != "HALF" and not single:
        raise Unhandled("types")
    words, selector = sparse.operands(b, instr, shape, single)

    def action(inner: Builder, *words: Value) -> list[Value]:
        addends = words[sum(shape.words[:2]) : -1]
        totals = []
        for n, terms in enumerate(sparse.products(inner, shape, selector, words)):
            total = inner.bitcast(addends[n], "f32") if single else _half(inner, addends[n // 2], n % 2)
            for left, right in terms:
                total = inner.fma(_number(inner, left, kind), _number(inner, right, kind), total)
            totals.append(total)
        if single:
            return [inner.bitcast(total, "i32") for total in totals]
        halves = [inner.zext(inner.bitcast(inner.fconv(total, "f16"), "i16"), "i32") for total in totals]
        return [inner.or_(halves[2 * n], inner.shl(halves[2 * n + 1], i32(inner, 16))) for n in (0, 1)]

    name = f"hmma_sparse_{kind}_{shape.k}_{'F32' if single else 'F16'}_{selector}"
    for n, value in enumerate(b.subroutine(name, action, words)):
        put(b, Reg(instr.operands[0].n + n), value)


def _quad_product(b: Builder, instr: Instr) -> None:
    """One step of four 8x8x4 products. Lanes 4p to 4p + 3 and the same lanes of the upper half warp work on product p
    (PTX ISA, mma.m8n8k4). A step writes two registers of D: f32 elements 2 step and 2 step + 1, or f16 elements 4 step to
    4 step + 3 of the fragment."""
    dst, x, y, z = instr.operands
    step = int(one_of(instr, tuple(f"STEP{n}" for n in range(4)))[-1])
    types = [mod for mod in instr.mods if mod in ("F16", "F32")]
    if len(types) != 2 or types[0] != types[1]:
        raise Unhandled("types")
    single = types[0] == "F32"
    layouts = (x.fmt, y.fmt)
    words = [word_of(b, operand, n) for operand in (x, y, z) for n in (0, 1)]
    name = "_".join(("hmma884", types[0], str(step), *layouts))
    action = _quad_single if single else _quad_half
    results = b.subroutine(name, lambda inner, *w: action(inner, step, layouts, w), words)
    for n, word in enumerate(results):
        put(b, Reg(dst.n + n), word)


class _Quads:
    """The fragments of A and B of the 8x8x4 products; rows and columns may differ from lane to lane."""

    def __init__(self, b: Builder, layouts: tuple[str, str], words: Sequence[Value]):
        self.b, self.layouts, self.words = b, layouts, words
        lane = b.special("SR_LANEID")
        self.quad, self.upper = b.and_(lane, i32(b, 12)), b.and_(lane, i32(b, 16))
        self.low = b.and_(lane, i32(b, 3))

    def _pick(self, pair: Sequence[Value], lane: Value, element: Value) -> Value:
        b = self.b
        high = b.icmp("uge", element, i32(b, 2))
        word = b.select(high, b.shuffle(pair[1], lane), b.shuffle(pair[0], lane))
        shift = b.shl(b.and_(element, i32(b, 1)), i32(b, 4))
        return b.fconv(b.bitcast(b.trunc(b.lshr(word, shift), "i16"), "f16"), "f32")

    def a(self, row: Value, k: int) -> Value:
        """A[row + 4 in the upper half warp, k], row below 4."""
        b, base = self.b, self.b.or_(self.quad, self.upper)
        if self.layouts[0] == "ROW":
            return self._pick(self.words[:2], b.or_(base, row), i32(b, k))
        return self._pick(self.words[:2], b.or_(base, i32(b, k)), row)

    def b_(self, k: int, column: Value, upper: bool) -> Value:
        """B[k, column + 4 upper], column below 4."""
        b, base = self.b, self.b.or_(self.quad, i32(self.b, 16 * upper))
        if self.layouts[1] == "ROW":
            return self._pick(self.words[2:4], b.or_(base, i32(b, k)), column)
        return self._pick(self.words[2:4], b.or_(base, column), i32(b, k))


def _quad_single(b: Builder, step: int, layouts: tuple[str, str], words: Sequence[Value]) -> list[Value]:
    quads, out = _Quads(b, layouts, words), []
    row = b.or_(b.and_(quads.low, i32(b, 1)), i32(b, 2 * (step & 1)))
    for e in (0, 1):
        column = b.or_(b.and_(quads.low, i32(b, 2)), i32(b, e))
        total = b.bitcast(words[4 + e], "f32")
        for k in range(4):
            total = b.fma(quads.a(row, k), quads.b_(k, column, step >= 2), total)
        out.append(b.bitcast(total, "i32"))
    return out


def _quad_half(b: Builder, step: int, layouts: tuple[str, str], words: Sequence[Value]) -> list[Value]:
    quads, halves = _Quads(b, layouts, words), []
    for column in range(4):
        total = _half(b, words[4 + column // 2], column % 2)
        for k in range(4):
            total = b.fma(quads.a(quads.low, k), quads.b_(k, i32(b, column), bool(step)), total)
        halves.append(b.zext(b.bitcast(b.fconv(total, "f16"), "i16"), "i32"))
    return [b.or_(halves[2 * n], b.shl(halves[2 * n + 1], i32(b, 16))) for n in (0, 1)]


@op("DMMA", mods="884 RN RM RP RZ")
def dmma(b: Builder, instr: Instr) -> None:
    """8x8 doubles, k = 4: a lane holds A (row g, k = t), B (k = t, column g), C and D (row g, columns 2t, 2t + 1)."""
    dst, x, y, z = instr.operands
    sources = [getd(b, operand) for operand in (x, y)]
    sources += [getd(b, z if is_zero(z) else Reg(z.n + 2 * j, z.neg, z.abs)) for j in (0, 1)]
    wide = [b.bitcast(value, "i64") for value in sources]
    round_to = rounding(instr)
    results = b.subroutine(
        f"dmma_{round_to}",
        lambda inner, *w: _dmma(inner, round_to, w),
        [half for value in wide for half in (b.lo32(value), b.hi32(value))],
    )
    for n, word in enumerate(results):
        put(b, Reg(dst.n + n), word)


def _dmma(b: Builder, round_to: str, words: Sequence[Value]) -> list[Value]:
    rows, columns = _rows_and_columns(b, list(words[:2]), list(words[2:4]))
    results = []
    for j in (0, 1):
        total = b.bitcast(b.pack64(*words[4 + 2 * j : 6 + 2 * j]), "f64")
        for s in range(4):
            left = b.bitcast(b.pack64(rows[0][s], rows[1][s]), "f64")
            right = b.bitcast(b.pack64(columns[j][0][s], columns[j][1][s]), "f64")
            total = b.fma(left, right, total, round_to)
        wide = b.bitcast(total, "i64")
        results += [b.lo32(wide), b.hi32(wide)]
    return results


def _fields(b: Builder, word: Value, width: int, signed: bool) -> list[Value]:
    out = []
    for start in range(0, 32, width):
        top = b.shl(word, i32(b, 32 - width - start)) if start < 32 - width else word
        out.append((b.ashr if signed else b.lshr)(top, i32(b, 32 - width)))
    return out


def _integer_matrices(b: Builder, name: str, operands, uppers: int, steps: int, product, saturate: bool) -> list[Value]:
    """The words of D: for each C element of the lane the sum over k of ``product(builder, word of A, word of B)``."""
    x, y, z = operands
    if x.fmt not in ("", "ROW") or y.fmt not in ("", "COL"):
        raise Unhandled("fragment layout")
    counts = (uppers * steps, steps, 2 * uppers)
    words = [word_of(b, operand, n) for operand, count in zip((x, y, z), counts) for n in range(count)]

    def action(b: Builder, *words: Value) -> list[Value]:
        left, right, addends = words[: counts[0]], words[counts[0] : -counts[2]], words[-counts[2] :]
        rows, columns = _rows_and_columns(b, list(left), list(right))
        out = []
        for upper in range(uppers):
            for j in (0, 1):
                total = None
                for step in range(steps):
                    for s in range(4):
                        for term in product(b, rows[uppers * step + upper][s], columns[j][step][s]):
                            total = term if total is None else b.add(total, term)
                out.append(_accumulate(b, total, addends[2 * upper + j], saturate))
        return out

    return list(b.subroutine(name, action, words))


# (shape, bits of an element) -> (row groups, steps)
INTEGER_SHAPES = {("8816", 8): (1, 1), ("8832", 4): (1, 1), ("16816", 8): (2, 1), ("16832", 8): (2, 2)}
INTEGER_SHAPES |= {("16832", 4): (2, 1), ("16864", 4): (2, 2)}


@op("IMMA", mods="SP 8816 8832 16816 16832 16864 S8 U8 S4 U4 SAT")
def imma(b: Builder, instr: Instr) -> None:
    """D = A B + C in 32-bit integers, A and B bytes or nibbles; .SAT clamps the sum."""
    dst, *operands = instr.operands
    types = [mod for mod in instr.mods if mod in ("S8", "U8", "S4", "U4")]
    if len(types) != 2 or types[0][1] != types[1][1]:
        raise Unhandled("types")
    width = int(types[0][1])
    if instr.has("SP"):
        _sparse_integers(b, instr, types)
        return
    uppers, steps = INTEGER_SHAPES[instr.mods[0], width]

    def product(b: Builder, left: Value, right: Value) -> list[Value]:
        pairs = zip(*(_fields(b, word, width, ty[0] == "S") for word, ty in zip((left, right), types)))
        return [b.mul(p, q) for p, q in pairs]

    name = "_".join(("imma", *instr.mods))
    results = _integer_matrices(b, name, operands, uppers, steps, product, instr.has("SAT"))
    for n, value in enumerate(results):
        put(b, Reg(dst.n + n), value)


def _sparse_integers(b: Builder, instr: Instr, types: Sequence[str]) -> None:
    shape = sparse.BYTES.get(instr.mods[1])
    if shape is None or types[0][1] != "8":
        raise Unhandled("sparse product of 4-bit elements")
    words, selector = sparse.operands(b, instr, shape)

    def byte(inner: Builder, word: Value, ty: str) -> Value:
        return (inner.ashr if ty[0] == "S" else inner.lshr)(inner.shl(word, i32(inner, 24)), i32(inner, 24))

    def action(inner: Builder, *words: Value) -> list[Value]:
        out = []
        for n, terms in enumerate(sparse.products(inner, shape, selector, words)):
            total = i32(inner, 0)
            for left, right in terms:
                total = inner.add(total, inner.mul(byte(inner, left, types[0]), byte(inner, right, types[1])))
            out.append(_accumulate(inner, total, words[n - 5], instr.has("SAT")))
        return out

    name = "_".join(("imma_sparse", *instr.mods[1:], str(selector)))
    for n, value in enumerate(b.subroutine(name, action, words)):
        put(b, Reg(instr.operands[0].n + n), value)


def _accumulate(b: Builder, total: Value, addend: Value, saturate: bool) -> Value:
    if not saturate:
        return b.add(total, addend)
    wide = b.add(b.sext(total, "i64"), b.sext(addend, "i64"))
    low, high = b.imm("i64", -(1 << 31) & 0xFFFFFFFFFFFFFFFF), b.imm("i64", (1 << 31) - 1)
    return b.lo32(b.smin(b.smax(wide, low), high))


BIT_SHAPES = {"88128": (1, 1), "168128": (2, 1), "168256": (2, 2)}


@op("BMMA", mods="88128 168128 168256 XOR POPC AND")
def bmma(b: Builder, instr: Instr) -> None:
    """D = C + number of ones in (row of A op column of B)."""
    dst, *operands = instr.operands
    if not instr.has("POPC"):
        raise Unhandled("form")
    combine = "and_" if instr.has("AND") else "xor"
    uppers, steps = BIT_SHAPES[instr.mods[0]]
    name = "_".join(("bmma", *instr.mods))
    results = _integer_matrices(
        b, name, operands, uppers, steps, lambda b, p, q: [b.popc(getattr(b, combine)(p, q))], False
    )
    for n, value in enumerate(results):
        put(b, Reg(dst.n + n), value)


@op("MOVM", mods="16 MT88 M88")
def movm(b: Builder, instr: Instr) -> None:
    """Rd, a: transpose an 8x8 matrix of halves that the warp holds as (row g, columns 2t, 2t + 1) (PTX ISA, movmatrix)."""
    dst, x = instr.operands
    if not instr.has("MT88"):
        raise Unhandled("matrix move without transposition")
    (word,) = b.subroutine("movm", lambda inner, word: [_transposed(inner, word)], [word_of(b, x, 0)])
    put(b, dst, word)


def _transposed(b: Builder, word: Value) -> Value:
    lane = b.special("SR_LANEID")
    group, member = b.lshr(lane, i32(b, 2)), b.and_(lane, i32(b, 3))
    odd = b.icmp("ne", b.and_(group, i32(b, 1)), i32(b, 0))
    halves = []
    for h in (0, 1):
        # Element (2t + h, g) is in lane 4 (2t + h) + g / 2, half g % 2.
        row = b.add(b.shl(member, i32(b, 3)), b.add(b.lshr(group, i32(b, 1)), i32(b, 4 * h)))
        source = b.shuffle(word, row)
        halves.append(b.select(odd, b.lshr(source, i32(b, 16)), b.and_(source, i32(b, 0xFFFF))))
    return b.or_(halves[0], b.shl(halves[1], i32(b, 16)))
