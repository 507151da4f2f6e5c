"""The graph of a fast form: blocks in calling contexts, and the small regions that run under masks."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..cfg import Block, Cfg, conditions, is_syscall, loop_order, post_dominators
from .shapes import Key

MAX_NODES = 4000
MAX_CALL_DEPTH = 3
# Regions behind a varying branch that are run under masks where the lanes part.
MAX_REGION_NODES, MAX_REGION_INSTRS = 8, 120


class Unsuitable(Exception):
    """The kernel has no fast form."""


@dataclass(slots=True)
class Node:
    """A block in a calling context."""

    block: Block
    context: tuple[int, ...]  # blocks to return to
    succs: list[int] = field(default_factory=list)
    index: int = 0
    cold: bool = False  # not part of the fast form: reaching it leaves

    @property
    def kind(self) -> str:
        return self.block.kind


@dataclass(slots=True)
class Region:
    """The acyclic code between a branch and the node where its two sides meet again."""

    nodes: list[int]
    join: int
    modified: set[Key] = field(default_factory=set)


def build(cfg: Cfg, slow_entries: set[int]) -> list[Node]:
    """The nodes in running order; node 0 is the entry. slow_entries: blocks of rare slow paths, which are left out.

    Raises Unsuitable."""
    ids: dict[tuple[int, tuple[int, ...]], int] = {}
    nodes: list[Node] = []

    def node(block: int, context: tuple[int, ...]) -> int:
        key = (block, context)
        if key not in ids:
            if len(nodes) >= MAX_NODES:
                raise Unsuitable("too many copies of local functions")
            ids[key] = len(nodes)
            nodes.append(Node(cfg.blocks[block], context))
            work.append(ids[key])
        return ids[key]

    work: list[int] = []
    node(0, ())
    while work:
        n = nodes[work.pop()]
        b, c = n.block, n.context
        if b.kind == "call" and b.succs[0] in slow_entries and not conditions(b.last):
            n.cold = True
            continue
        if b.kind == "call":
            if len(c) >= MAX_CALL_DEPTH or conditions(b.last):
                n.cold = True
                continue
            back = cfg.number.get(b.last.offset + 16)
            if back is None:
                raise Unsuitable("call without a return address")
            n.succs = [node(b.succs[0], (*c, back))]
        elif b.kind == "icall":
            n.cold = True
        elif b.kind == "ret":
            if not c or conditions(b.last):
                n.cold = True
                continue
            n.succs = [node(c[-1], c[:-1])]
        else:
            n.succs = [node(s, c) for s in b.succs]
    if nodes[0].cold:
        raise Unsuitable("the entry leaves at once")
    # What only cold nodes are reached from is not there: successors of cold nodes were never made.
    order = loop_order([n.succs for n in nodes], 0)
    new = {old: k for k, old in enumerate(order)}
    out = []
    for old in order:
        n = nodes[old]
        n.index, n.succs = new[old], [new[s] for s in n.succs]
        out.append(n)
    return out


def find_regions(nodes: list[Node], flow: list[Block]) -> dict[int, Region]:
    """Node that ends in a branch -> what may run under masks behind it. flow: the nodes as blocks."""
    warm = [[s for s in n.succs if not nodes[s].cold] for n in nodes]
    ends = post_dominators([Block(f.start, [], None, f.kind, w, f.index) for f, w in zip(flow, warm)])
    out = {}
    for n in nodes:
        if n.kind != "branch" or n.cold or ends[n.index] is None or n.succs[0] == n.succs[1]:
            continue
        join, inside, work = ends[n.index], set(), list(n.succs)
        size = 0
        while work and inside is not None:
            k = work.pop()
            m = nodes[k]
            if k == join or k in inside or m.cold:
                continue
            inside.add(k)
            size += len(m.block.instrs) + 1
            bad = m.kind in ("barrier", "indirect", "end") or k <= n.index or k > join
            bad = bad or any(x <= k for x in warm[k]) or all(nodes[x].cold for x in m.succs) != (not m.succs)
            bad = bad or any(is_syscall(i) for i in m.block.instrs)
            if bad or len(inside) > MAX_REGION_NODES or size > MAX_REGION_INSTRS:
                inside = None
                break
            work += m.succs
        if inside:
            out[n.index] = Region(sorted(inside), join)
    return out
