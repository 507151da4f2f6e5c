"""Basic blocks of a kernel, in an order that is safe for running the lowest pending block first.

Blocks are numbered so that every block but a loop header comes after its predecessors and the blocks
of a loop are contiguous: lanes that wait at a high number are met by the lanes that run at lower ones.
Functions come before what calls them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from .ir import PT, Instr, Label, LiftError, Pred, Reg, UPred, UReg

# Convergence hints and padding; with the order above they do nothing.
HINTS = frozenset({"BSSY", "BSYNC", "BREAK", "WARPSYNC", "NOP", "YIELD"})
BARRIERS = frozenset({"BAR"})
WORD = 16
# An indirect branch whose targets the cubin does not list may go to any instruction of a kernel up to this size.
ANY_TARGET_LIMIT = 500


@dataclass(slots=True)
class Block:
    """start: byte offset of its first instruction. last: its terminator, or None where it runs on.

    kind: jump, branch, exit, call, icall, ret, indirect, barrier, fall. succs: block numbers; for branch and
    exit the taken successor (branch only) comes first and the fall-through last. icall calls what a register says: one of
    the functions, or one of the driver's, which leads to the instruction behind it, the last successor.
    """

    start: int
    instrs: list[Instr] = field(default_factory=list)
    last: Instr | None = None
    kind: str = "fall"
    succs: list[int] = field(default_factory=list)
    index: int = 0


@dataclass(slots=True)
class Cfg:
    blocks: list[Block]  # in running order; blocks[0] is the entry
    number: dict[int, int]  # byte offset -> block number


def conditions(i: Instr) -> list[Pred | UPred]:
    """The predicates that must all hold for a control instruction: its guard and its predicate operand."""
    out = [i.guard] if i.guard.n != PT or i.guard.neg else []
    if i.op in BARRIERS:
        return out  # BAR.RED's predicate is data
    out += [p for p in i.operands if isinstance(p, (Pred, UPred)) and (p.n != PT or p.neg)]
    return out


def target(i: Instr) -> int:
    for o in i.operands:
        if isinstance(o, Label):
            return o.offset
    raise LiftError(f"{i.offset:#x}: {i.op} without a target")


def is_hint(i: Instr) -> bool:
    """Does nothing here. BRA.DIV is taken by a warp that has diverged for the operation after it; lanes meet before."""
    return i.op in HINTS or (i.op == "BRA" and i.has("DIV"))


def calls_register(i: Instr) -> bool:
    """A call of what a register says."""
    return i.op == "CALL" and any(isinstance(o, (Reg, UReg)) for o in i.operands)


def is_syscall(i: Instr) -> bool:
    """A call of a function that the driver provides, unless the kernel has functions that its register may name."""
    return i.op == "CALL" and i.has("ABS") and (calls_register(i) or not any(isinstance(o, Label) for o in i.operands))


CALLS = frozenset({"call", "icall"})


def _terminator(i: Instr, indirect: Mapping[int, Sequence[int]]) -> str | None:
    if i.op in ("BRA", "JMP"):
        if is_hint(i):
            return None
        return "branch" if conditions(i) else "jump"
    if i.op == "EXIT" or i.op == "KILL":
        return "exit"
    if calls_register(i) and i.offset in indirect:
        return "icall"
    if i.op == "CALL" and not is_syscall(i):
        if calls_register(i):
            raise LiftError(f"{i.offset:#x}: call through a register in a kernel without functions")
        return "call"
    if i.op == "RET":
        return "ret"
    if i.op in ("BRX", "BRXU", "JMX"):
        return "indirect"
    if i.op in BARRIERS and not i.has("ARV"):
        return "barrier"
    return None


def build(
    instrs: Sequence[Instr],
    indirect: Mapping[int, Sequence[int]] | None = None,
    rewrite: Callable[[list[Block], Mapping[int, int]], object] | None = None,
) -> Cfg:
    """The control-flow graph of the reachable code. indirect: offset of a BRX -> targets it may take.

    rewrite: changes the blocks before they are ordered; it is given offset -> position in the list."""
    indirect = indirect or {}
    at = {i.offset: i for i in instrs}
    leaders = {instrs[0].offset}
    returns: list[int] = []
    for i in instrs:
        kind = _terminator(i, indirect)
        if kind is None:
            continue
        leaders.add(i.offset + WORD)
        if kind in ("jump", "branch", "call"):
            leaders.add(target(i))
        if kind in CALLS:
            returns.append(i.offset + WORD)
        if kind in ("indirect", "icall"):
            leaders.update(_targets(i, indirect, at))
    order = sorted(o for o in leaders if o in at)
    starts = {o: k for k, o in enumerate(order)}
    raw: list[Block] = []
    offsets = [i.offset for i in instrs]
    for k, o in enumerate(order):
        end = order[k + 1] if k + 1 < len(order) else offsets[-1] + WORD
        b = Block(o, list(instrs[bisect_left(offsets, o) : bisect_left(offsets, end)]))
        last = b.instrs[-1]
        kind = _terminator(last, indirect)
        if kind:
            b.kind, b.last = kind, b.instrs.pop()
        raw.append(b)
    callees = _return_sites(raw, starts)
    for k, b in enumerate(raw):
        nxt = starts.get(b.last.offset + WORD if b.last else order[k + 1] if k + 1 < len(order) else -1)
        i = b.last
        if b.kind in ("fall", "barrier"):
            b.succs = [nxt] if nxt is not None else []
            if nxt is None:
                b.kind = "end"
        elif b.kind in ("jump", "call"):
            b.succs = [_start(starts, target(i), i)]
        elif b.kind == "branch":
            b.succs = [_start(starts, target(i), i), nxt]
        elif b.kind == "exit":
            b.succs = [nxt] if conditions(i) else []
        elif b.kind == "ret":
            b.succs = [starts[o] for o in callees.get(k, returns) if o in starts]
            if conditions(i):
                b.succs.append(nxt)
        elif b.kind == "indirect":
            b.succs = [_start(starts, o, i) for o in _targets(i, indirect, at)]
            if conditions(i):
                b.succs.append(nxt)
        elif b.kind == "icall":
            b.succs = [*(_start(starts, o, i) for o in _targets(i, indirect, at)), nxt]
        if b.kind == "call" and conditions(i):
            b.succs.append(nxt)
        if None in b.succs:
            raise LiftError(f"{b.start:#x}: code runs past the end of the function")
    if rewrite is not None:
        rewrite(raw, starts)
    _merge(raw, starts)
    return _ordered(raw)


def _merge(raw: list[Block], starts: Mapping[int, int]) -> None:
    """Joins blocks that always follow each other. Blocks that calls return to keep their own start."""
    entered = [0] * len(raw)
    entered[0] = 1
    seen, work = {0}, [0]
    while work:
        b = raw[work.pop()]
        following = list(b.succs)
        if b.kind in CALLS:
            back = starts.get(b.last.offset + WORD)
            following += [back, back] if back is not None else []
        for s in following:
            entered[s] += 1
            if s not in seen:
                seen.add(s)
                work.append(s)
    for k in sorted(seen):
        b = raw[k]
        while b.kind in ("fall", "jump") and entered[b.succs[0]] == 1 and raw[b.succs[0]] is not b:
            after = raw[b.succs[0]]
            if after.start == raw[0].start:
                break
            b.instrs = [*b.instrs, *after.instrs]
            b.last, b.kind, b.succs = after.last, after.kind, after.succs
            after.succs, after.kind = [], "end"
            entered[starts[after.start]] = 0


def _start(starts: dict[int, int], offset: int, i: Instr) -> int:
    if offset not in starts:
        raise LiftError(f"{i.offset:#x}: {i.op} to {offset:#x}, which is not an instruction of this kernel")
    return starts[offset]


def _targets(i: Instr, indirect: Mapping[int, Sequence[int]], at: Mapping[int, Instr]) -> list[int]:
    if i.offset not in indirect:
        if len(at) > ANY_TARGET_LIMIT:
            raise LiftError(f"{i.offset:#x}: {i.op} without a list of targets")
        return sorted(at)
    return [t for t in indirect[i.offset] if t in at]


def _return_sites(raw: list[Block], starts: dict[int, int]) -> dict[int, list[int]]:
    """Block of a RET -> offsets after the calls of the functions it belongs to."""
    sites: dict[int, list[int]] = {}
    if any(b.kind == "icall" for b in raw):
        return {}
    for b in raw:
        if b.kind == "call":
            sites.setdefault(starts.get(target(b.last), -1), []).append(b.last.offset + WORD)
    out: dict[int, set[int]] = {}
    for entry, returns in sites.items():
        if entry < 0:
            continue
        seen, work = set(), [entry]
        while work:
            k = work.pop()
            if k in seen:
                continue
            seen.add(k)
            b = raw[k]
            i = b.last
            if b.kind == "ret":
                out.setdefault(k, set()).update(returns)
                if not conditions(i):
                    continue
            if b.kind in ("jump", "branch"):
                work.append(starts[target(i)])
            if b.kind == "indirect":
                return {}
            if b.kind == "jump" or (b.kind == "exit" and not conditions(i)):
                continue
            if k + 1 < len(raw):  # the next block, also behind a nested call
                work.append(k + 1)
    return {k: sorted(v) for k, v in out.items()}


def _ordered(raw: list[Block]) -> Cfg:
    order = _running_order(raw)
    new = {old: k for k, old in enumerate(order)}
    blocks = []
    for old in order:
        b = raw[old]
        b.index = new[old]
        b.succs = [new[s] for s in b.succs if s in new or b.kind != "ret"]  # some calls are never reached
        blocks.append(b)
    return Cfg(blocks, {b.start: b.index for b in blocks})


def _callees(b: Block) -> list[int]:
    return b.succs[:1] if b.kind == "call" else b.succs[:-1] if b.kind == "icall" else []


def _running_order(raw: list[Block]) -> list[int]:
    """The entry, the functions, each behind those that it calls, and the rest of the kernel.

    Lanes inside a function so run before those that wait behind a call of it. Seen from its caller a call leads to
    the instruction after it, a return to nowhere."""
    starts = {b.start: k for k, b in enumerate(raw)}
    local: list[list[int]] = []
    for b in raw:
        following = b.succs
        if b.kind == "call":
            back = starts.get(b.last.offset + WORD)
            following = [*([back] if back is not None else []), *b.succs[1:]]
        elif b.kind == "icall":
            following = b.succs[-1:]
        elif b.kind == "ret":
            following = b.succs[-1:] if conditions(b.last) else []
        local.append(following)
    main = loop_order(local, 0)
    placed = set(main)
    out = main[:1]

    def place(entry: int) -> None:
        if entry in placed:
            return
        placed.add(entry)
        inside, work = {entry}, [entry]
        while work:
            for s in local[work.pop()]:
                if s not in placed:
                    placed.add(s)
                    inside.add(s)
                    work.append(s)
        for k in sorted(inside):
            for callee in _callees(raw[k]):
                place(callee)
        out.extend(loop_order([[s for s in following if s in inside] for following in local], entry))

    for k in sorted(placed):
        for callee in _callees(raw[k]):
            place(callee)
    return out + main[1:]


def loop_order(succs: list[list[int]], entry: int) -> list[int]:
    """Topological order of the strongly connected components, each ordered in turn without edges to its header."""
    out: list[int] = []
    # Work items: (nodes, entry) regions still to be ordered, or single blocks.
    work: list[tuple[frozenset[int] | None, int]] = [(frozenset(range(len(succs))), entry)]
    while work:
        nodes, head = work.pop()
        if nodes is None:
            out.append(head)
            continue
        components = _components(nodes, head, succs)
        for c in reversed(components):
            if len(c) == 1:
                work.append((None, next(iter(c))))
            else:
                work.append((frozenset(c), _header(c, nodes, head, succs)))
    return out


def _header(component: set[int], nodes: frozenset[int], head: int, succs: list[list[int]]) -> int:
    """The block through which the loop is entered; the lowest one of an irreducible loop."""
    if head in component:
        return head
    entries = {s for n in nodes if n not in component for s in succs[n] if s in component}
    return min(entries) if entries else min(component)


def _components(nodes: frozenset[int], head: int, succs: list[list[int]]) -> list[set[int]]:
    """Strongly connected components reachable from head, in topological order, ignoring edges into head."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    on: set[int] = set()
    stack: list[int] = []
    found: list[set[int]] = []
    index[head] = low[head] = 0
    stack.append(head)
    on.add(head)
    # The fall-through comes last in succs and is visited first, so that the taken side lands nearer in the order.
    frames = [(head, iter(succs[head]))]
    while frames:
        n, it = frames[-1]
        for s in it:
            if s == head or s not in nodes:
                continue
            if s not in index:
                index[s] = low[s] = len(index)
                stack.append(s)
                on.add(s)
                frames.append((s, iter(succs[s])))
                break
            if s in on:
                low[n] = min(low[n], index[s])
        else:
            frames.pop()
            if frames:
                p = frames[-1][0]
                low[p] = min(low[p], low[n])
            if low[n] == index[n]:
                c = set()
                while True:
                    m = stack.pop()
                    on.discard(m)
                    c.add(m)
                    if m == n:
                        break
                found.append(c)
    found.reverse()
    return found


def liveness(
    blocks: Sequence[Block], uses: Sequence[set], defs: Sequence[set]
) -> tuple[list[set[tuple[str, int]]], list[set[tuple[str, int]]]]:
    """(live-in, live-out) per block. uses: read before written; defs: written in every lane that executes."""
    live_in = [set(u) for u in uses]
    live_out: list[set] = [set() for _ in blocks]
    preds: list[list[int]] = [[] for _ in blocks]
    for b in blocks:
        for s in b.succs:
            preds[s].append(b.index)
    work = set(range(len(blocks)))
    while work:
        k = max(work)
        work.discard(k)
        out = set().union(*(live_in[s] for s in blocks[k].succs)) if blocks[k].succs else set()
        live_out[k] = out
        new = uses[k] | (out - defs[k])
        if new != live_in[k]:
            live_in[k] = new
            work.update(preds[k])
    return live_in, live_out


def post_dominators(blocks: Sequence[Block]) -> list[int | None]:
    """Immediate post-dominator of each block, None where it is the end of the kernel or there is no way to it.

    Cooper, Harvey, Kennedy: A Simple, Fast Dominance Algorithm (2001), on the reversed graph."""
    end = len(blocks)
    succs = [[*b.succs, *([end] if b.kind == "exit" or not b.succs else [])] for b in blocks]
    preds: list[list[int]] = [[] for _ in range(end + 1)]
    for k, following in enumerate(succs):
        for s in following:
            preds[s].append(k)
    rank: dict[int, int] = {}  # position in post-order of the reversed graph
    seen, stack = {end}, [(end, iter(preds[end]))]
    while stack:
        n, it = stack[-1]
        for p in it:
            if p not in seen:
                seen.add(p)
                stack.append((p, iter(preds[p])))
                break
        else:
            rank[n] = len(rank)
            stack.pop()
    ipdom: dict[int, int] = {end: end}
    order = sorted((k for k in rank if k != end), key=lambda k: -rank[k])
    changed = True
    while changed:
        changed = False
        for k in order:
            new = None
            for s in succs[k]:
                if s in ipdom:
                    a = s
                    while new is not None and a != new:
                        while rank[a] < rank[new]:
                            a = ipdom[a]
                        while rank[new] < rank[a]:
                            new = ipdom[new]
                    new = a
            if ipdom.get(k) != new:
                ipdom[k], changed = new, True  # type: ignore[assignment]
    return [None if ipdom.get(k, end) == end else ipdom[k] for k in range(end)]
