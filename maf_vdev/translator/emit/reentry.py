"""Where a warp that has left the fast form comes back to it, and the code that takes it back.

The general form keeps all registers in the warp's frame. An entry of the fast form loads the registers
that are live there and tests, over the live lanes, the shapes that the code behind it relies on; where
one does not hold the warp stays in the general form. Which entries there are is a choice of speed alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..cfg import CALLS, Block, Cfg, post_dominators
from . import abi

MAX_ENTRIES = 12
# An entry must promise this many instructions, and lie this many behind the one before it.
MIN_AHEAD, MIN_APART = 48, 24

# Base of a register that holds base + lane * stride in the lanes of %m; sets bits of %bad where it does not,
# or where the base has bits of %low.
ENTER = """define internal i32 @enter(ptr %r, i32 %m, i32 %stride, i32 %low, ptr %bad) noinline #0 {
  %x = load <32 x i32>, ptr %r, align 64
  %s0 = insertelement <32 x i32> poison, i32 %stride, i32 0
  %s = shufflevector <32 x i32> %s0, <32 x i32> poison, <32 x i32> zeroinitializer
  %steps = mul <32 x i32> %s, <LANES>
  %b = sub <32 x i32> %x, %steps
  %l = call i32 @llvm.cttz.i32(i32 %m, i1 true)
  %base = extractelement <32 x i32> %b, i32 %l
  %p0 = insertelement <32 x i32> poison, i32 %base, i32 0
  %p = shufflevector <32 x i32> %p0, <32 x i32> poison, <32 x i32> zeroinitializer
  %ne = icmp ne <32 x i32> %b, %p
  %nb = bitcast <32 x i1> %ne to i32
  %differ = and i32 %nb, %m
  %odd = and i32 %base, %low
  %o = load i32, ptr %bad
  %o1 = or i32 %o, %differ
  %o2 = or i32 %o1, %odd
  store i32 %o2, ptr %bad
  ret i32 %base
}
""".replace("LANES", ", ".join(f"i32 {i}" for i in range(abi.WARP)))


def meeting_points(cfg: Cfg) -> set[int]:
    """Blocks where lanes that parted may all be again: behind branches and barriers, and at the heads of loops."""
    blocks = cfg.blocks
    out = {s for b in blocks if b.kind == "barrier" for s in b.succs}
    out |= {s for b in blocks for s in b.succs if s <= b.index and b.kind not in CALLS}
    ends = post_dominators(blocks)
    out |= {ends[b.index] for b in blocks if b.kind in ("branch", *CALLS) and ends[b.index] is not None}
    return out - {0}


def _reachable(starts: Sequence[int], succs: Sequence[Sequence[int]]) -> set[int]:
    seen, work = set(), list(starts)
    while work:
        k = work.pop()
        if k not in seen:
            seen.add(k)
            work += succs[k]
    return seen


def choose(cfg: Cfg, leaving: set[int], fast: Sequence[Block], main: set[int]) -> list[int]:
    """Positions in fast (the nodes of the fast form, in order) at which it takes warps back.

    leaving: numbers of the blocks of cfg at which warps leave. main: the positions that may be entries."""
    if not leaving:
        return []
    sizes = [len(b.instrs) + 1 for b in fast]
    succs = [b.succs for b in fast]
    numbers = [cfg.number[b.start] for b in fast]
    behind = _reachable([s for k in leaving for s in cfg.blocks[k].succs], [b.succs for b in cfg.blocks])
    offered = meeting_points(cfg) & behind
    loops = sorted({(b.index - s, s, b.index) for b in fast for s in b.succs if s <= b.index})

    def loop_of(k: int) -> tuple[int, int, int] | None:
        return next((loop for loop in loops if loop[1] <= k <= loop[2]), None)

    candidates = []
    for k in sorted(main):
        if numbers[k] not in offered:
            continue
        loop = loop_of(k)
        ahead = sum(sizes[loop[1] : loop[2] + 1]) * 4 if loop else 0
        if ahead < MIN_AHEAD:
            ahead += sum(sizes[m] for m in _reachable([k], succs))
        if ahead >= MIN_AHEAD:
            candidates.append((k, loop))
    apart = MIN_APART
    while True:
        chosen: list[tuple[int, tuple | None]] = []
        for k, loop in candidates:
            if chosen and chosen[-1][1] == loop and sum(sizes[chosen[-1][0] : k]) < apart:
                continue
            chosen.append((k, loop))
        if len(chosen) <= MAX_ENTRIES or apart > sum(sizes):
            break
        apart *= 2
    return [k for k, _ in chosen[:MAX_ENTRIES]]
