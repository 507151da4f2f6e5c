"""Registration of opcode semantics, and reading and writing of operands.

``TABLE`` maps a mnemonic to ``fn(builder, instr)``. Each function names the modifiers it knows;
any other modifier, and any operand form without a rule here, raises ir.LiftError.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from ..builder import Builder, Value
from ..ir import PT, RZ, URZ, Const, Imm, Instr, LiftError, Operand, Pred, Reg, UPred, UReg

Semantics = Callable[[Builder, Instr], None]
TABLE: dict[str, Semantics] = {}

# Printed on loads, stores and atomics; they order or cache accesses and change no value here.
CACHE_MODS = "SYS GPU SM CTA VC STRONG WEAK CONSTANT MMIO PRIVATE EF EL LU EU NA NC LTC64B LTC128B LTC256B CI BYPASS"


class Unhandled(Exception):
    """A modifier or operand form without a rule; becomes LiftError with the instruction's text."""


def describe(instr: Instr) -> str:
    """Offset and readable form of an instruction for messages."""
    name = ".".join((instr.op, *instr.mods))
    return f"{instr.offset:#06x}: {name} {', '.join(map(repr, instr.operands))}"


def op(*names: str, mods: str = "") -> Callable[[Semantics], Semantics]:
    """Register a function for mnemonics; ``mods`` lists the modifiers it understands."""
    allowed = frozenset(mods.split())

    def register(function: Semantics) -> Semantics:
        def checked(b: Builder, instr: Instr) -> None:
            unknown = [mod for mod in instr.mods if mod not in allowed]
            try:
                if unknown:
                    raise Unhandled(f"modifier .{unknown[0]}")
                function(b, instr)
            except (Unhandled, ValueError, IndexError, KeyError) as error:
                raise LiftError(f"no semantics for {describe(instr)}: {error}") from error

        for name in names:
            TABLE[name] = checked
        return checked

    return register


def one_of(instr: Instr, choices: Sequence[str], default: str | None = None) -> str:
    """The one modifier of ``choices`` that is present; ``default`` when none is."""
    found = [mod for mod in instr.mods if mod in choices]
    if len(found) > 1 or (not found and default is None):
        raise Unhandled(f"needs one of .{' .'.join(choices)}")
    return found[0] if found else default


def is_zero(operand: Operand) -> bool:
    """RZ or URZ."""
    return (isinstance(operand, Reg) and operand.n == RZ) or (isinstance(operand, UReg) and operand.n == URZ)


def is_pred(operand: Operand) -> bool:
    return isinstance(operand, (Pred, UPred))


def is_true(operand: Operand) -> bool:
    """PT or UPT, not negated."""
    return is_pred(operand) and operand.n == PT and not operand.neg


def is_false(operand: Operand) -> bool:
    return is_pred(operand) and operand.n == PT and operand.neg


def leading_preds(operands: Sequence[Operand], start: int) -> int:
    """Index after the run of predicates that begins at ``start``."""
    while start < len(operands) and is_pred(operands[start]):
        start += 1
    return start


def i32(b: Builder, value: int) -> Value:
    return b.imm("i32", value & 0xFFFFFFFF)


def _plain(operand: Operand, fmt: str = "") -> None:
    if operand.fmt and operand.fmt != fmt:
        raise Unhandled(f"operand suffix .{operand.fmt}")


def const_value(b: Builder, operand: Const, ty: str) -> Value:
    """Constant memory read, without the operand's sign modifiers."""
    if not isinstance(operand.bank, int):
        raise Unhandled("bindless constant bank")
    # A bank holds 64 KB and offsets are modulo that: the upper half prints as negative numbers.
    offset = operand.offset & 0xFFFF
    if operand.base is None:
        return b.load_const(operand.bank, offset, ty)
    base = b.reg(operand.base.n) if isinstance(operand.base, Reg) else b.ureg(operand.base.n)
    place = b.add(base, i32(b, offset))
    return b.load_const(operand.bank, place if operand.offset >= 0 else b.and_(place, i32(b, 0xFFFF)), ty)


def raw32(b: Builder, operand: Operand) -> Value:
    """The 32-bit pattern, before negation, absolute value and complement."""
    if isinstance(operand, Reg):
        return b.reg(operand.n)
    if isinstance(operand, UReg):
        return b.ureg(operand.n)
    if isinstance(operand, Imm):
        return i32(b, operand.bits)
    if isinstance(operand, Const):
        return const_value(b, operand, "i32")
    raise Unhandled(f"operand {operand!r}")


def raw64(b: Builder, operand: Operand) -> Value:
    """The 64-bit pattern of a register pair or constant; an immediate is the high word (f64)."""
    if isinstance(operand, Reg):
        return b.reg64(operand.n)
    if isinstance(operand, UReg):
        return b.ureg64(operand.n)
    if isinstance(operand, Imm) and operand.kind == "f64":
        return b.imm("i64", operand.bits << 32)
    if isinstance(operand, Const):
        return const_value(b, operand, "i64")
    raise Unhandled(f"64-bit operand {operand!r}")


def get(b: Builder, operand: Operand) -> Value:
    """An i32 source with its integer modifiers."""
    value = raw32(b, operand)
    if isinstance(operand, Imm):
        return value
    _plain(operand)
    if operand.abs:
        value = b.smax(value, b.neg(value))
    if operand.inv:
        value = b.not_(value)
    if operand.neg and not is_zero(operand):
        value = b.neg(value)
    return value


def get64(b: Builder, operand: Operand) -> Value:
    """An i64 source with its integer modifiers. RZ reads 0."""
    if is_zero(operand):
        return b.imm("i64", 0)
    value = raw64(b, operand)
    _plain(operand, "64")
    if operand.abs or operand.inv:
        raise Unhandled("modifier on a 64-bit source")
    return b.neg(value) if operand.neg else value


def _sign(b: Builder, operand: Operand, value: Value) -> Value:
    if isinstance(operand, Imm):
        return value
    if operand.inv:
        raise Unhandled("~ on a floating-point source")
    if operand.abs:
        value = b.fabs(value)
    return b.fneg(value) if operand.neg else value


def getf(b: Builder, operand: Operand) -> Value:
    """An f32 source. -RZ is -0."""
    if not isinstance(operand, Imm):
        _plain(operand)
    return _sign(b, operand, b.bitcast(raw32(b, operand), "f32"))


def getd(b: Builder, operand: Operand) -> Value:
    """An f64 source. -RZ is -0."""
    if isinstance(operand, Imm):
        if operand.kind == "f64":
            return b.imm("f64", struct.unpack("<d", struct.pack("<Q", operand.bits << 32))[0])
        raise Unhandled(f"64-bit operand {operand!r}")
    _plain(operand, "64")
    return _sign(b, operand, b.bitcast(raw64(b, operand), "f64"))


def getp(b: Builder, operand: Operand) -> Value:
    """An i1 source."""
    if not is_pred(operand):
        raise Unhandled(f"predicate expected, not {operand!r}")
    if operand.n == PT:
        return b.imm("i1", 0 if operand.neg else 1)
    value = b.pred(operand.n) if isinstance(operand, Pred) else b.upred(operand.n)
    return b.not_(value) if operand.neg else value


def put(b: Builder, operand: Operand, value: Value) -> None:
    """Write an i32 to a register."""
    if isinstance(operand, Reg):
        b.set_reg(operand.n, value)
    elif isinstance(operand, UReg):
        b.set_ureg(operand.n, value)
    else:
        raise Unhandled(f"destination {operand!r}")


def put64(b: Builder, operand: Operand, value: Value) -> None:
    if isinstance(operand, Reg):
        b.set_reg64(operand.n, value)
    elif isinstance(operand, UReg):
        b.set_ureg64(operand.n, value)
    else:
        raise Unhandled(f"destination {operand!r}")


def putf(b: Builder, operand: Operand, value: Value) -> None:
    put(b, operand, b.bitcast(value, "i32"))


def putd(b: Builder, operand: Operand, value: Value) -> None:
    put64(b, operand, b.bitcast(value, "i64"))


def putp(b: Builder, operand: Operand, value: Value) -> None:
    """Write an i1; PT drops it."""
    if operand.n == PT:
        return
    if isinstance(operand, Pred):
        b.set_pred(operand.n, value)
    elif isinstance(operand, UPred):
        b.set_upred(operand.n, value)
    else:
        raise Unhandled(f"destination {operand!r}")


def combine(b: Builder, instr: Instr, value: Value, accumulator: Operand) -> Value:
    """``value .AND/.OR/.XOR accumulator`` of the SETP family."""
    how = one_of(instr, ("AND", "OR", "XOR"))
    if how == "AND" and is_true(accumulator) or how == "OR" and is_false(accumulator):
        return value
    function = {"AND": b.and_, "OR": b.or_, "XOR": b.xor}[how]
    return function(value, getp(b, accumulator))


def put_pair(b: Builder, instr: Instr, value: Value, accumulator: Operand, first: Operand, second: Operand) -> None:
    """SETP destinations: first = value op acc, second = !value op acc."""
    result = combine(b, instr, value, accumulator)
    complement = combine(b, instr, b.not_(value), accumulator) if second.n != PT else None
    putp(b, first, result)
    if complement is not None:
        putp(b, second, complement)


def word_of(b: Builder, operand: Reg, index: int) -> Value:
    """A register of a fragment."""
    if operand.neg or operand.abs or operand.inv:
        raise Unhandled("modifier on a fragment")
    return i32(b, 0) if is_zero(operand) else b.reg(operand.n + index)
