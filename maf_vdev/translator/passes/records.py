"""Loads that together read one record per lane: LDG of consecutive words from one base register.

Compilers split a structure or an unaligned float4 into single-word loads; as one wide access the lanes'
records are contiguous where single words are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..ir import Instr, Mem, Pred, Reg, UReg

NARROW = frozenset({"U8", "S8", "U16", "S16", "64", "128", "STRONG"})
# Instructions after which memory may have changed.
EFFECTS = ("ST", "ATOM", "RED", "BAR", "MEMBAR", "CALL", "CCTL", "ERRBAR")
WIDTH = {"64": 2, "128": 4}


class Member(NamedTuple):
    """One load of a record: word of a record of ``words`` words."""

    record: int
    word: int
    words: int


def _written(i: Instr) -> int:
    """How many registers from the first destination on the instruction may write."""
    if i.op in ("LDG", "LDS", "LDL", "LD", "LDC"):
        return max((WIDTH.get(m, 1) for m in i.mods), default=1)
    return 8 if "MMA" in i.op or i.op == "LDSM" else 2


def find(instrs: Sequence[Instr]) -> dict[int, Member]:
    """Offset of a load instruction -> its place in a record."""
    version: dict[tuple[type, int], int] = {}
    groups: dict[tuple, dict[int, int]] = {}
    epoch = 0
    for i in instrs:
        if i.op == "LDG" and not NARROW & set(i.mods) and len(i.operands) == 2 and isinstance(i.operands[1], Mem):
            mem = i.operands[1]
            parts = [(Reg, mem.base.n + k) for k in range(2)] if mem.base is not None else []
            parts += [(UReg, mem.ubase.n + k) for k in range(2)] if mem.ubase is not None else []
            parts.append((type(i.guard), i.guard.n))
            key = (epoch, mem.base, mem.ubase, i.guard, tuple(version.get(p, 0) for p in parts))
            groups.setdefault(key, {}).setdefault(mem.offset, i.offset)
        if i.op.startswith(EFFECTS):
            epoch += 1
        first = True
        for o in i.operands[:3]:
            if isinstance(o, (Reg, UReg)) and first:
                first = False
                for k in range(_written(i)):
                    version[type(o), o.n + k] = version.get((type(o), o.n + k), 0) + 1
            elif not isinstance(o, (Reg, UReg, Mem)) and hasattr(o, "neg") and hasattr(o, "n"):
                version[type(o), o.n] = version.get((type(o), o.n), 0) + 1
        if i.op in ("R2P",):
            for n in range(7):
                version[Pred, n] = version.get((Pred, n), 0) + 1
    out: dict[int, Member] = {}
    record = 0
    for loads in groups.values():
        offsets = sorted(loads)
        k = 0
        while k < len(offsets):
            n = 1
            while n < 4 and k + n < len(offsets) and offsets[k + n] == offsets[k] + 4 * n:
                n += 1
            n = 4 if n == 4 else 2 if n >= 2 else 1
            if n > 1:
                for w in range(n):
                    out[loads[offsets[k + w]]] = Member(record, w, n)
                record += 1
            k += n
    return out
