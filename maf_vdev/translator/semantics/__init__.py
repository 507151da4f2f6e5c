"""Opcode semantics: ``TABLE[op](builder, instr)`` performs one instruction on a builder.

Instructions of CONTROL have no entry: whoever drives the builder (``interpreter``, the emitters) handles them.
Their guards and predicate operands (``@P0 EXIT P1``, ``BRA !P1, target``, ``BREAK P0, B1``) must both hold.
"""

from __future__ import annotations

from . import control, convert, division, double, float32, half, integer, logic, matrix, memory, texture, warp
from .core import TABLE, describe

# Control flow. BSSY, BSYNC, BREAK, BMOV, WARPSYNC and YIELD steer reconvergence: with a rule that always
# runs the lowest pending address, they do nothing (BMOV to a register writes a value no program reads).
CONTROL = frozenset(
    "BRA BRX BRXU JMP JMX JMXU CALL RET EXIT KILL BSSY BSYNC BREAK BMOV WARPSYNC RPCMOV LEPC".split()  # noqa: SIM905
)

__all__ = ["CONTROL", "TABLE", "describe"]
_groups = (control, convert, division, double, float32, half, integer, logic, matrix, memory, texture, warp)
