"""All one-opcode cases; ``harness.check`` runs one on a back end."""

from __future__ import annotations

from . import ampere, conversion, floating, halves, integers, logical, matrices, memories, warps
from .harness import Case, check, prepare

CASES: list[Case] = [
    *integers.CASES,
    *logical.CASES,
    *floating.CASES,
    *conversion.CASES,
    *halves.CASES,
    *memories.CASES,
    *warps.CASES,
    *matrices.CASES,
    *ampere.CASES,
]

__all__ = ["CASES", "Case", "check", "prepare"]
