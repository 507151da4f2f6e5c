"""Integer arithmetic: IADD3, IMAD, IMNMX, IABS, LEA, IDP and comparison.

The uniform forms (UIADD3, UIMAD, ULEA, UISETP, ...) are the same operations on uniform operands.
"""

from __future__ import annotations

from ..builder import Builder, Value
from ..ir import Imm, Instr
from .core import (
    Unhandled,
    get,
    get64,
    getp,
    i32,
    is_false,
    is_pred,
    is_true,
    is_zero,
    leading_preds,
    one_of,
    op,
    put,
    put64,
    put_pair,
    putp,
    raw32,
)

COMPARE = {"EQ": "eq", "NE": "ne", "LT": "lt", "LE": "le", "GT": "gt", "GE": "ge"}


def _term(b: Builder, operand, want_carry: bool) -> tuple[Value, bool]:
    """A summand and whether +1 is still owed: -x is ~x + 1 in the 33-bit sum, so that x - y carries when x >= y."""
    if want_carry and not isinstance(operand, Imm) and operand.neg:
        if operand.abs or operand.inv or operand.fmt:
            raise Unhandled("modifiers on a negated summand")
        return b.not_(raw32(b, operand)), True
    return get(b, operand), False


@op("IADD3", "UIADD3", mods="X")
def iadd3(b: Builder, instr: Instr) -> None:
    """Rd, [Pa, [Pb,]] a, b, c [, Pc [, Pd]]. The sum of Pa and Pb is the number of carries out."""
    ops = instr.operands
    first = leading_preds(ops, 1)
    outs, sources, ins = ops[1:first], ops[first : first + 3], ops[first + 3 :]
    outs = [p for p in outs if not is_true(p)]
    if len(sources) != 3 or any(is_pred(s) for s in sources) or (ins and not instr.has("X")):
        raise Unhandled("operand list")
    if instr.has("X") and any(not isinstance(s, Imm) and s.neg for s in sources):
        raise Unhandled("arithmetic negation with carry in")
    carries = [p for p in ins if not is_false(p)]
    if not outs and not carries:
        total = None
        for source in sources:
            if is_zero(source) and not source.inv:
                continue
            negative = not isinstance(source, Imm) and source.neg
            value = raw32(b, source) if negative and not (source.abs or source.inv or source.fmt) else get(b, source)
            if total is None:
                total = b.neg(value) if negative and value is not None else value
            else:
                total = b.sub(total, value) if negative else b.add(total, value)
        put(b, ops[0], i32(b, 0) if total is None else total)
        return
    terms, owed = [], [getp(b, p) for p in carries]
    for source in sources:
        # -RZ with a carry out is ~0 + 1: it carries, so it must stay; a plain RZ adds nothing.
        if is_zero(source) and not source.neg and not source.inv:
            continue
        value, plus_one = _term(b, source, True)
        terms.append(value)
        if plus_one:
            owed.append(b.imm("i1", 1))
    while len(terms) < 2 or len(terms) - 1 < len(owed):
        terms.append(i32(b, 0))
    total, flags = terms[0], []
    for index, value in enumerate(terms[1:]):
        total, carry = b.add_carry(total, value, owed[index] if index < len(owed) else None)
        flags.append(carry)
    put(b, ops[0], total)
    if len(outs) == 1:
        any_carry = flags[0]
        for flag in flags[1:]:
            any_carry = b.or_(any_carry, flag)
        putp(b, outs[0], any_carry)
    elif len(outs) == 2:
        flags += [b.imm("i1", 0)] * (2 - len(flags))
        if len(flags) > 2:
            raise Unhandled("more than two carries")
        putp(b, outs[0], flags[0])
        putp(b, outs[1], flags[1])


def _wide_product(b: Builder, x, y, signed: bool) -> Value:
    if any(not isinstance(o, Imm) and (o.neg or o.abs or o.inv) for o in (x, y)):
        raise Unhandled("modifier on a factor of a wide product")
    extend = b.sext if signed else b.zext
    return b.mul(extend(get(b, x), "i64"), extend(get(b, y), "i64"))


def _addend64(b: Builder, operand) -> Value:
    if isinstance(operand, Imm):
        raise Unhandled("immediate 64-bit addend")
    return get64(b, operand)


@op("IMAD", "UIMAD", mods="MOV IADD SHL U32 WIDE HI X")
def imad(b: Builder, instr: Instr) -> None:
    """Rd, [P,] a, b, c [, Pc]: a * b + c, low 32 bits, all 64 (.WIDE) or high 32 (.HI, c is a 64-bit pair)."""
    ops = instr.operands
    first = leading_preds(ops, 1)
    outs = [p for p in ops[1:first] if not is_true(p)]
    x, y, z = ops[first : first + 3]
    ins = [p for p in ops[first + 3 :] if not is_false(p)]
    if len(outs) > 1 or len(ins) > 1 or (ins and not instr.has("X")):
        raise Unhandled("operand list")
    if not (instr.has("WIDE") or instr.has("HI")):
        if outs:
            raise Unhandled("carry out of a 32-bit IMAD")
        _imad32(b, instr, x, y, z, ins)
        return
    product = _wide_product(b, x, y, not instr.has("U32"))
    if instr.has("X") and (z.neg or z.inv):
        raise Unhandled("modifier on the addend with carry in")
    if outs and not is_zero(z) and z.neg:
        raise Unhandled("carry out of a subtraction")
    total = product
    carry = None
    if not is_zero(z):
        addend = _addend64(b, z)
        total = b.add(product, addend)
        carry = b.icmp("ult", total, addend) if outs else None
    if ins:
        step = b.zext(getp(b, ins[0]), "i64")
        before, total = total, b.add(total, step)
        if outs:
            wrapped = b.icmp("ult", total, before)
            carry = wrapped if carry is None else b.or_(carry, wrapped)
    if instr.has("WIDE"):
        put64(b, ops[0], total)
    else:
        put(b, ops[0], b.hi32(total))
    if outs:
        putp(b, outs[0], carry if carry is not None else b.imm("i1", 0))


def _imad32(b: Builder, instr: Instr, x, y, z, ins) -> None:
    dst = instr.operands[0]
    if instr.has("X") and not isinstance(z, Imm) and z.neg:
        raise Unhandled("arithmetic negation with carry in")
    if is_zero(x) or is_zero(y):
        product = None
    elif isinstance(y, Imm) and y.bits == 1:
        product = get(b, x)
    elif isinstance(y, Imm) and y.bits & (y.bits - 1) == 0 and y.bits:
        product = b.shl(get(b, x), i32(b, y.bits.bit_length() - 1))
    else:
        product = b.mul(get(b, x), get(b, y))
    if ins:
        total, _ = b.add_carry(product if product is not None else i32(b, 0), get(b, z), getp(b, ins[0]))
        put(b, dst, total)
        return
    if product is None:
        put(b, dst, get(b, z))
    elif is_zero(z) and not z.inv:
        put(b, dst, product)
    elif not isinstance(z, Imm) and z.neg and not (z.abs or z.inv or z.fmt):
        put(b, dst, b.sub(product, raw32(b, z)))
    else:
        put(b, dst, b.add(product, get(b, z)))


@op("IMNMX", "UIMNMX", mods="U32")
def imnmx(b: Builder, instr: Instr) -> None:
    dst, x, y, p = instr.operands
    x, y = get(b, x), get(b, y)
    low, high = (b.umin, b.umax) if instr.has("U32") else (b.smin, b.smax)
    if is_true(p):
        put(b, dst, low(x, y))
    elif is_false(p):
        put(b, dst, high(x, y))
    else:
        put(b, dst, b.select(getp(b, p), low(x, y), high(x, y)))


@op("IABS", "UIABS")
def iabs(b: Builder, instr: Instr) -> None:
    dst, x = instr.operands
    value = get(b, x)
    put(b, dst, b.smax(value, b.neg(value)))


def _lanes(b: Builder, value: Value, width: int, signed: bool) -> list[Value]:
    """Split an i32 into fields of ``width`` bits, extended to i32."""
    out = []
    for start in range(0, 32, width):
        field = b.shl(value, i32(b, 32 - width - start)) if start < 32 - width else value
        out.append((b.ashr if signed else b.lshr)(field, i32(b, 32 - width)))
    return out


@op("VABSDIFF", mods="U32")
def vabsdiff(b: Builder, instr: Instr) -> None:
    """Rd = |a - b| + c."""
    dst, x, y, z = instr.operands
    x, y = get(b, x), get(b, y)
    low, high = (b.umin, b.umax) if instr.has("U32") else (b.smin, b.smax)
    put(b, dst, b.add(b.sub(high(x, y), low(x, y)), get(b, z)))


@op("VABSDIFF4", mods="U8 ACC")
def vabsdiff4(b: Builder, instr: Instr) -> None:
    """Rd: |a - b| of each byte; .ACC: their sum plus c."""
    dst, x, y, z = instr.operands
    if not instr.has("ACC") and not is_zero(z):
        raise Unhandled("third source")
    low, high = (b.umin, b.umax) if instr.has("U8") else (b.smin, b.smax)
    total = get(b, z)
    for n, (p, q) in enumerate(zip(*(_lanes(b, get(b, o), 8, not instr.has("U8")) for o in (x, y)))):
        byte = b.sub(high(p, q), low(p, q))
        total = b.add(total, byte if instr.has("ACC") or n == 0 else b.shl(byte, i32(b, 8 * n)))
    put(b, dst, total)


@op("LEA", "ULEA", mods="HI X SX32")
def lea(b: Builder, instr: Instr) -> None:
    """Rd, [P,] a, b, [c,] s [, Pc]: (a << s) + b; .HI: (({c:a} >> (32 - s)) + b); .SX32: c is a's sign."""
    ops = instr.operands
    first = leading_preds(ops, 1)
    outs = [p for p in ops[1:first] if not is_true(p)]
    rest = list(ops[first:])
    ins = [p for p in rest if is_pred(p) and not is_false(p)]
    rest = [o for o in rest if not is_pred(o)]
    if len(outs) > 1 or len(ins) > 1 or (ins and not instr.has("X")):
        raise Unhandled("operand list")
    high = instr.has("HI")
    if high and not instr.has("SX32"):
        x, y, upper, shift = rest
    else:
        x, y, shift = rest
        upper = None
    if not isinstance(shift, Imm):
        raise Unhandled("register shift")
    negated = x.neg
    if x.abs or x.inv or x.fmt or (upper is not None and (upper.neg or upper.inv)):
        raise Unhandled("modifier on the shifted value")
    low_word, count = raw32(b, x), shift.bits & 31
    if not high:
        shifted = b.shl(low_word, i32(b, count)) if count else low_word
    else:
        top = b.ashr(low_word, i32(b, 31)) if upper is None else get(b, upper)
        # With count 0 this is the upper word itself: {c:a} >> 32.
        shifted = b.or_(b.shl(top, i32(b, count)), b.lshr(low_word, i32(b, 32 - count))) if count else top
    if not outs and not ins:
        if negated:
            put(b, ops[0], b.sub(get(b, y), shifted))
        elif is_zero(y) and not y.inv:
            put(b, ops[0], shifted)
        elif not isinstance(y, Imm) and y.neg and not (y.abs or y.inv or y.fmt):
            put(b, ops[0], b.sub(shifted, raw32(b, y)))
        else:
            put(b, ops[0], b.add(shifted, get(b, y)))
        return
    if instr.has("X"):
        if negated or (not isinstance(y, Imm) and y.neg):
            raise Unhandled("arithmetic negation with carry in")
        addend, plus_one = get(b, y), False
    else:
        addend, plus_one = _term(b, y, True)
    if negated and plus_one:
        raise Unhandled("two negations with a carry")
    carry_in = getp(b, ins[0]) if ins else None
    if negated or plus_one:
        shifted, carry_in = (b.not_(shifted) if negated else shifted), b.imm("i1", 1)
    total, carry = b.add_carry(shifted, addend, carry_in)
    put(b, ops[0], total)
    if outs:
        putp(b, outs[0], carry)


@op("ISETP", "UISETP", mods="F LT EQ LE GT NE GE T U32 AND OR XOR EX")
def isetp(b: Builder, instr: Instr) -> None:
    """Pd, Pe, a, b, Pc [, Plow]. .EX compares high words, Plow is the comparison of the low words."""
    ops = instr.operands
    pd, pe, x, y, accumulator = ops[:5]
    how = one_of(instr, (*COMPARE, "F", "T"))
    if how in "FT":
        put_pair(b, instr, b.imm("i1", int(how == "T")), accumulator, pd, pe)
        return
    x, y = get(b, x), get(b, y)
    sign = "" if how in ("EQ", "NE") else ("u" if instr.has("U32") else "s")
    name = COMPARE[how]
    if not instr.has("EX"):
        value = b.icmp(sign + name, x, y)
    else:
        low = getp(b, ops[5])
        if how == "EQ":
            value = b.and_(b.icmp("eq", x, y), low)
        elif how == "NE":
            value = b.or_(b.icmp("ne", x, y), low)
        else:
            value = b.or_(b.icmp(sign + name[0] + "t", x, y), b.and_(b.icmp("eq", x, y), low))
    put_pair(b, instr, value, accumulator, pd, pe)


@op("IDP", mods="4A 2A LO HI S8 U8 S16 U16")
def idp(b: Builder, instr: Instr) -> None:
    """Dot product: .4A of four bytes, .2A.LO/.HI of two 16-bit values of a with two bytes of b, plus c."""
    dst, x, y, z = instr.operands
    types = [mod for mod in instr.mods if mod[0] in "SU"]
    if len(types) != 2:
        raise Unhandled("types")
    if instr.has("4A"):
        left = _lanes(b, get(b, x), 8, types[0] == "S8")
        right = _lanes(b, get(b, y), 8, types[1] == "S8")
    else:
        left = _lanes(b, get(b, x), 16, types[0] == "S16")
        right = _lanes(b, get(b, y), 8, types[1] == "S8")
        right = right[2:] if instr.has("HI") else right[:2]
    total = get(b, z)
    for p, q in zip(left, right):
        total = b.add(total, b.mul(p, q))
    put(b, dst, total)


@op("MOV", "UMOV")
def mov(b: Builder, instr: Instr) -> None:
    """Rd, a [, lane mask]: the mask operand selects bytes and is 0xf in compiled code."""
    dst, source, *mask = instr.operands
    if mask and not (isinstance(mask[0], Imm) and mask[0].bits == 0xF):
        raise Unhandled("byte mask")
    put(b, dst, get(b, source))


@op("SEL", "USEL")
def sel(b: Builder, instr: Instr) -> None:
    dst, x, y, p = instr.operands
    put(b, dst, b.select(getp(b, p), get(b, x), get(b, y)))
