"""Synchronisation and instructions without arithmetic: BAR, B2R, MEMBAR, NOP and the like.

Branches, calls and the convergence-barrier instructions are control flow: see CONTROL in ``__init__``.
"""

from __future__ import annotations

from ..builder import Builder, Value
from ..ir import Const, Imm, Instr, LiftError, Operand, Reg
from .core import CACHE_MODS, Unhandled, describe, get, getp, i32, is_pred, one_of, op, put, putp


@op("NOP", "YIELD", "ERRBAR", "DEPBAR", "LDGDEPBAR", "PMTRIG", mods="LE")
def nop(b: Builder, instr: Instr) -> None:
    """Scoreboard waits and scheduling hints: memory operations complete in order here."""


@op("NANOSLEEP", mods="WARP")
def nanosleep(b: Builder, instr: Instr) -> None:
    """A wait of at least 0 ns."""


@op("CCTL", mods=f"IVALL IV IVALLP E D U I C PF1 PF2 WB RS {CACHE_MODS}")
def cctl(b: Builder, instr: Instr) -> None:
    """Cache control: caches are coherent here."""


@op("MEMBAR", mods="ALL SC GPU SYS CTA VC GL")
def membar(b: Builder, instr: Instr) -> None:
    b.fence()


def called_address(b: Builder, instr: Instr) -> Value:
    """The i64 address that CALL.ABS calls: of a register pair, or bound by a relocation (KernelCode.address_operands)."""
    for operand in instr.operands:
        if isinstance(operand, Reg):
            return b.reg64(operand.n)
        if isinstance(operand, Const):
            return b.load_const(operand.bank, operand.offset, "i64")
    raise LiftError(f"call without an address: {describe(instr)}")


def _bar_id(b: Builder, operand: Operand) -> Value | int:
    return operand.bits if isinstance(operand, Imm) else get(b, operand)


@op("BAR", mods="SYNC ARV RED POPC AND OR DEFER_BLOCKING")
def bar(b: Builder, instr: Instr) -> None:
    """.SYNC id [, threads]; .ARV id, threads; .RED.op id [, threads], P: B2R.RESULT reads the reduction."""
    ops = list(instr.operands)
    kind = one_of(instr, ("SYNC", "ARV", "RED"))
    source = ops.pop() if kind == "RED" else None
    bar_id = _bar_id(b, ops[0])
    count = get(b, ops[1]) if len(ops) > 1 else None
    if kind == "RED":
        if not is_pred(source):
            raise Unhandled("operand list")
        b.barrier_reduce(bar_id, count, one_of(instr, ("POPC", "AND", "OR")).lower(), getp(b, source))
    else:
        b.barrier(bar_id, count, "sync" if kind == "SYNC" else "arrive")


@op("B2R", mods="RESULT")
def b2r(b: Builder, instr: Instr) -> None:
    """Rd [, Pd]: the last BAR.RED of this warp: a count, or 0/1; Pd: not 0."""
    if not instr.has("RESULT"):
        raise Unhandled("B2R without .RESULT")
    dst, *pd = instr.operands
    value = b.barrier_result()
    put(b, dst, value)
    if pd:
        putp(b, pd[0], b.icmp("ne", value, i32(b, 0)))


@op("BPT", mods="TRAP INT PAUSE DRAIN")
def bpt(b: Builder, instr: Instr) -> None:
    if not instr.has("TRAP"):
        raise Unhandled("breakpoint kind")
    b.trap("BPT.TRAP")
