"""The fast form of a kernel: a warp whose live lanes all go the same way.

No masks but that of the live lanes; registers are SSA values (allocas that SROA promotes) whose
shape - constant, uniform, affine, vector - is found by a fixpoint over the blocks. Where lanes part,
where a rare slow path would be called, or where a shape turns out not to hold, the warp stores its
live registers into its frame and goes on in the general form (llvm_slow), which hands it back where
its lanes have met again (reentry).
Local functions are copied into their callers.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from ..cfg import Block, Cfg, conditions, liveness
from ..semantics import TABLE
from . import abi, fast_graph, reentry
from .fast_graph import Node, Region, Unsuitable
from .llvm_builder import LlvmBuilder
from .llvm_core import Module
from .llvm_slow import HEAD_AT, HELPERS, PRED, REG, UPRED, UREG, Frame, register_count
from .shapes import Key, Kind, join_into, kind_of
from .values import V, type_of


@dataclass(slots=True)
class Emitted:
    """A node's instructions as text and values; its stores wait for the shapes of its successors."""

    lines: list[str]
    here: str
    state: tuple
    uses: set
    entry: dict[Key, V]
    dirty: dict[Key, V]
    taken: V | None
    target: V | None
    barrier: tuple | None
    exec_bits: V
    assumed: list[V]  # conditions under which the text is right, tested at its start


class FastEmitter:
    def __init__(
        self,
        module: Module,
        cfg: Cfg,
        affine_tid: bool,
        name: str,
        subroutines: dict[int, str],
        spin_headers: set[int],
    ):
        self.module, self.cfg, self.name = module, cfg, name
        self.spin_headers = spin_headers
        self.b = LlvmBuilder(module, affine_tid)
        self.frame = Frame(max(register_count(cfg), 16), len(cfg.blocks))
        self.slow_entries = {cfg.number[o] for o, n in subroutines.items() if "slowpath" in n and o in cfg.number}
        self.slots: dict[str, str] = {}
        self.lost = False
        self.leaving_nodes: set[int] = set()
        self.assumed: list[V] = []
        self.regions: dict[int, Region] = {}
        self.masks: list[str] = []
        self.uses: set[Key] = set()
        self.kinds: dict[Key, Kind] = {}
        self.current: dict[Key, V] = {}

    # --- values at the start of a node ------------------------------------------------------------
    def _slot(self, key: Key, form: str) -> str:
        name = f"%{key[0]}{key[1]}.{form}"
        if name not in self.slots:
            scalar = "i1" if key[0] in "pq" else "i32"
            self.slots[name] = type_of(scalar, form == "v")
        return name

    def _entry(self, kind: str, n: int) -> V:
        key = (kind, n)
        self.uses.add(key)
        v = self.current.get(key)
        if v is None:
            v = self.current[key] = self._value(key, self.kinds.get(key, ("c", 0)))
        return v

    def _value(self, key: Key, k: Kind) -> V:
        ty = "i1" if key[0] in "pq" else "i32"
        if k[0] == "c":
            return self.b.const(ty, k[1])
        if k[0] == "v":
            return V(ty, "slot", (), (key, "v"), "v")
        base = V(ty, "slot", (), (key, k[0]), "u")
        base.align, base.early = k[-1], True
        return base if k[0] == "u" else self.b.affine_leaf(base, k[1])

    def _emit_slot(self, v: V, vec: bool) -> str:
        key, form = v.x
        return self.b.ins(f"load {type_of(v.ty, form == 'v')}, ptr {self._slot(key, form)}")

    # --- nodes --------------------------------------------------------------------------------------
    def _emit(self, node: Node, kinds: dict[Key, Kind], label: str = "", mask: str = "%exec") -> Emitted:
        """label, mask: of a copy that runs under a mask."""
        b = self.b
        b.lines = []
        self.uses, self.kinds, self.current, self.assumed = set(), kinds, {}, []
        b.label(label or f"n{node.index}")
        b.open_block(b.ins(f"load i32, ptr {mask}"))
        if not label:
            b.here = f"n{node.index}.b"  # _open ends the head there
        b.entry = self._entry
        b.plan(node.block.instrs)
        if node.block.index in self.spin_headers:
            b.flags |= abi.FLAG_SPIN
            b.runtime("spin", "void")
        for i in node.block.instrs:
            b.straight(i)
        taken = to = barrier = None
        last = node.block.last
        if last is not None:
            conds = [c for c in (b.guard_value(g) for g in conditions(last)) if c is not None]
            if node.kind == "barrier":
                TABLE[last.op](b, last)
                barrier, b.barrier_request = b.barrier_request, None
            if conds:
                p = conds[0]
                for c in conds[1:]:
                    p = b.and_(p, c)
                taken = p
            if node.kind in ("ret", "indirect"):
                to = b.branch_target(last)
        dirty = {}
        for kind, n in b.dirty:
            dirty[kind, n] = {"r": b.regs, "p": b.preds, "u": b.uregs, "q": b.upreds}[kind][n]
        state = (b.cse, b.fused, b.consts, b.head)
        return Emitted(
            b.lines, b.here, state, self.uses, self.current, dirty, taken, to, barrier, b.exec_bits, self.assumed
        )

    def emit(self) -> str:
        b = self.b
        b.emit_slot = self._emit_slot  # type: ignore[attr-defined]
        b.assume = self._assume  # type: ignore[method-assign]
        nodes = fast_graph.build(self.cfg, self.slow_entries)
        kinds: list[dict[Key, Kind] | None] = [None] * len(nodes)
        done: list[Emitted | None] = [None] * len(nodes)
        uses: list[set[Key]] = [set() for _ in nodes]
        kinds[0] = {}
        flow = [Block(n.block.start, [], None, n.kind, n.succs, n.index) for n in nodes]
        self.regions = fast_graph.find_regions(nodes, flow)
        queue = [0]
        while queue:
            self._propagate(queue, nodes, kinds, done, uses)
            queue = self._force_vectors(kinds, done)
        general = self._general_liveness(nodes, done, uses)
        for n in nodes:
            if n.cold:
                uses[n.index] = general[n.block.index]
        defs = [set() if n.cold or e is None else set(e.dirty) for n, e in zip(nodes, done)]
        live_in, _ = liveness(flow, uses, defs)
        text: list[str] = []
        for n in nodes:
            if n.cold:
                continue
            self._finish(n, nodes, done[n.index], kinds, live_in)
            text += done[n.index].lines  # type: ignore[union-attr]
        return self._assemble(text + self._entries(nodes, flow, kinds, live_in))

    def _propagate(self, heap: list[int], nodes: list[Node], kinds: list, done: list, uses: list[set[Key]]) -> None:
        """Emits nodes until no shape at the start of a node changes."""
        queued = set(heap)
        heapq.heapify(heap)
        while heap:
            k = heapq.heappop(heap)
            queued.discard(k)
            e = done[k] = self._emit(nodes[k], kinds[k])
            uses[k] |= e.uses
            out = dict(kinds[k])
            for key, v in e.dirty.items():
                out[key] = kind_of(v)
            for s in nodes[k].succs:
                if kinds[s] is None:
                    kinds[s], changed = dict(out), True
                else:
                    changed = join_into(kinds[s], out)
                if changed and s not in queued:
                    queued.add(s)
                    heapq.heappush(heap, s)

    def _force_vectors(self, kinds: list, done: list) -> list[int]:
        """What a masked region writes differs from lane to lane where its sides meet."""
        changed = []
        for index, region in self.regions.items():
            taken = done[index].taken if done[index] else None
            if taken is None or taken.kind in "cu":
                continue
            region.modified = set().union(*(done[k].dirty for k in region.nodes if done[k]))
            out = {key: ("v",) for key in region.modified if key[0] in (REG, PRED)}
            if join_into(kinds[region.join], out):
                changed.append(region.join)
        return changed

    def _general_liveness(self, nodes: list[Node], done: list[Emitted | None], uses: list[set[Key]]) -> list[set[Key]]:
        """What the general form may read from each block on."""
        if not any(n.cold for n in nodes):
            return []
        blocks = self.cfg.blocks
        reads: list[set[Key] | None] = [None] * len(blocks)
        writes: list[set[Key]] = [set() for _ in blocks]
        for n, e in zip(nodes, done):
            if e is not None:
                k = n.block.index
                reads[k] = (reads[k] or set()) | uses[n.index]
                writes[k] = set(e.dirty)
        for b in blocks:
            if reads[b.index] is None:  # not in the fast form: emitted once for its reads and writes
                e = self._emit(Node(b, (), [], 0), {})
                reads[b.index], writes[b.index] = e.uses, set(e.dirty)
        return liveness(blocks, reads, writes)[0]  # type: ignore[arg-type]

    # --- ends of nodes --------------------------------------------------------------------------------
    def _finish(self, n: Node, nodes: list[Node], e: Emitted, kinds: list, live_in: list[set[Key]]) -> None:
        b = self.b
        b.lines, b.here = e.lines, e.here
        b.cse, b.fused, b.consts, b.head = e.state
        b.guard, b.exec_bits = None, e.exec_bits
        self.kinds, self.current, self.assumed = kinds[n.index], e.entry, e.assumed
        stores: dict[str, tuple[str, str]] = {}
        guards: list[V] = []
        for s in n.succs:
            if nodes[s].cold:
                continue
            for key in sorted(live_in[s]):
                want = kinds[s].get(key)
                if want is None or want[0] == "c":
                    continue
                have = kinds[n.index].get(key)
                v = e.dirty.get(key)
                if v is None:
                    if have is None or have[0] == want[0]:
                        continue
                    v = self._entry(*key)
                slot = self._slot(key, want[0])
                if slot in stores:
                    continue
                ty = type_of(v.ty, want[0] == "v")
                if want[0] == "v":
                    stores[slot] = (ty, b.vector(v))
                elif want[0] == "a":
                    stores[slot] = (ty, b.scalar(v.base))
                elif v.kind in "cu":
                    stores[slot] = (ty, b.scalar(v))
                else:  # high word of an affine value
                    first, same = v.x
                    stores[slot] = (ty, b.scalar(first))
                    if not (same.kind == "c" and same.c) and not self._assume(same):
                        guards.append(same)
        ok = None
        for g in guards:
            ok = g if ok is None else b.and_(ok, g)
        ok_text = b.scalar(ok) if ok is not None else None
        x = b.scalar(e.exec_bits)
        t = None
        uniform = None
        if e.taken is not None:
            if e.taken.kind in "cu":
                uniform = b.scalar(e.taken)
                t = b.ins(f"select i1 {uniform}, i32 {x}, i32 0")
            else:
                t = b.scalar(b.and_(b.bits_of(e.taken), e.exec_bits))
        to = e.target
        to_text = b.scalar(b.lane_uniform(to)) if to is not None and n.kind == "indirect" else None
        same_target = None
        if n.kind == "indirect" and to.kind not in "cu":
            ne = b.ins(f"icmp ne <32 x i32> {b.vector(to)}, {b.splat('i32', to_text)}")
            bits = b.ins(f"and i32 {b.ins(f'bitcast <32 x i1> {ne} to i32')}, {x}")
            same_target = b.ins(f"icmp eq i32 {bits}, 0")
        self.leaving = _Leave(n, e, nodes, live_in, x, t)
        # The warp leaves before anything is stored: what the exit path reads must not be overwritten.
        stay = [ok_text] if ok_text is not None else []
        stay += self._conditions_to_stay(n, nodes, x, t, uniform, same_target)
        if stay:
            self.leaving_nodes.add(n.index)
        if "false" in stay:
            b.do(f"br label %leave{n.index}")
            self._leave_block(n, nodes, live_in)
            self._open(n, e, x, live_in[n.index])
            return
        if stay:
            cond = stay[0]
            for c in stay[1:]:
                cond = b.ins(f"and i1 {cond}, {c}")
            go = b.new_label()
            b.do(f"br i1 {cond}, label %{go}, label %leave{n.index}")
            b.label(go)
        masked = n.index in self.regions and t is not None and uniform is None
        if masked:
            none, every = b.ins(f"icmp eq i32 {t}, 0"), b.ins(f"icmp eq i32 {t}, {x}")
            go = b.new_label()
            b.do(f"br i1 {b.ins(f'or i1 {none}, {every}')}, label %{go}, label %mix{n.index}")
            b.label(go)
        for slot, (ty, text) in stores.items():
            b.do(f"store {ty} {text}, ptr {slot}")
        getattr(self, "_end_" + n.kind)(n, nodes, e, x, t, uniform, to_text)
        if stay:
            self._leave_block(n, nodes, live_in)
        if masked:
            self._masked_region(n, nodes, e, x, t, kinds, live_in, guards)
        self._open(n, e, x, live_in[n.index])

    def _masked_region(
        self, n: Node, nodes: list[Node], e: Emitted, x: str, t: str, kinds: list, live_in: list, guards: list[V]
    ) -> None:
        """The region behind branch n, each node under the mask of the lanes that reach it."""
        b = self.b
        region = self.regions[n.index]
        masks = {k: f"%m{n.index}.{k}" for k in [*region.nodes, region.join]}
        self.masks += masks.values()
        wanted = set(live_in[region.join]).union(*(live_in[k] for k in region.nodes))
        out = dict(kinds[n.index])
        out.update({key: kind_of(v) for key, v in e.dirty.items()})
        inner = dict(out)
        stores = []
        b.label(f"mix{n.index}")
        with b.cold():
            for key in sorted(wanted):
                v = e.dirty.get(key)
                if key in region.modified:
                    form = "v" if key[0] in (REG, PRED) else "u"
                    inner[key] = (form, 1) if form == "u" else (form,)
                    v = v if v is not None else self._entry(*key)
                    stores.append((type_of(v.ty, form == "v"), b.text(v, form == "v"), self._slot(key, form)))
                    continue
                if v is not None and v.kind not in "cu" and inner[key][0] == "u" and not self._holds(v.x[1], guards):
                    inner[key] = ("v",)  # the high word of an affine value, which nobody needs as uniform
                forms = {k[key][0] for k in (inner, kinds[region.join]) if key in k and k[key][0] != "c"}
                if v is None:
                    forms -= {kinds[n.index].get(key, ("c", 0))[0]}
                    v = self._entry(*key)
                for form in sorted(forms):
                    if form == "a":
                        text = b.scalar(v.base)
                    elif form == "u" and v.kind not in "cu":
                        text = b.scalar(v.x[0])
                    else:
                        text = b.text(v, form == "v")
                    stores.append((type_of(v.ty, form == "v"), text, self._slot(key, form)))
            for ty, text, slot in stores:
                b.do(f"store {ty} {text}, ptr {slot}")
            for slot in masks.values():
                b.do(f"store i32 0, ptr {slot}")
            self._arrive(masks[n.succs[0]], t)
            self._arrive(masks[n.succs[1]], b.ins(f"xor i32 {t}, {x}"))
            b.do(f"br label %h{n.index}.{region.nodes[0]}")
        main, main_state = (
            b.lines,
            (b.cse, b.fused, b.consts, b.head, self.kinds, self.current, self.assumed, b.exec_bits),
        )
        for k, following in zip(region.nodes, [*region.nodes[1:], region.join]):
            main += self._masked_node(n, nodes[k], nodes, following, masks, inner, region, live_in)
        b.lines = main
        b.cse, b.fused, b.consts, b.head, self.kinds, self.current, self.assumed, b.exec_bits = main_state
        b.label(f"h{n.index}.{region.join}")
        rest = b.ins(f"load i32, ptr {masks[region.join]}")
        b.do(f"store i32 {rest}, ptr %exec")
        b.do(f"br i1 {b.ins(f'icmp eq i32 {rest}, 0')}, label %done, label %n{region.join}")

    def _holds(self, condition: V, guards: list[V]) -> bool:
        """Whether the block has left where the condition fails."""
        return (condition.kind == "c" and bool(condition.c)) or condition in self.assumed or condition in guards

    def _arrive(self, slot: str, mask: str) -> None:
        b = self.b
        before = b.ins(f"load i32, ptr {slot}")
        b.do(f"store i32 {b.ins(f'or i32 {before}, {mask}')}, ptr {slot}")

    def _masked_node(
        self,
        n: Node,
        m: Node,
        nodes: list[Node],
        following: int,
        masks: dict,
        kinds: dict,
        region: Region,
        live_in: list,
    ):
        b = self.b
        name = f"h{n.index}.{m.index}"
        b.assume = lambda ok: False  # type: ignore[method-assign]
        e = self._emit(m, kinds, name + ".run", masks[m.index])
        b.assume = self._assume  # type: ignore[method-assign]
        b.guard = None
        x = b.scalar(e.exec_bits)
        live = set(live_in[region.join]).union(*(live_in[k] for k in region.nodes))
        lanes = b.vector(b.lanes_of(e.exec_bits))
        stores = []
        for key in sorted(e.dirty):
            if key not in live:
                continue
            v = e.dirty[key]
            if key[0] in (REG, PRED):
                ty = type_of(v.ty, True)
                old = b.ins(f"load {ty}, ptr {self._slot(key, 'v')}")
                text = b.ins(f"select <32 x i1> {lanes}, {ty} {b.vector(v)}, {ty} {old}")
                stores.append((ty, text, self._slot(key, "v")))
            else:
                stores.append((type_of(v.ty, False), b.scalar(v), self._slot(key, "u")))
        t = b.scalar(b.and_(b.bits_of(e.taken), e.exec_bits)) if e.taken is not None else None
        going = []
        if m.kind == "branch":
            going = [(m.succs[0], t), (m.succs[1], b.ins(f"xor i32 {t}, {x}"))]
        elif m.kind != "exit":
            going = [(m.succs[0], x)]
        elif t is not None:
            going = [(m.succs[0], b.ins(f"xor i32 {t}, {x}"))]
        for s, lanes_there in going:
            if s not in masks:  # cold
                go = b.new_label()
                b.do(f"br i1 {b.ins(f'icmp eq i32 {lanes_there}, 0')}, label %{go}, label %{name}.leave")
                b.label(go)
        for ty, text, slot in stores:
            b.do(f"store {ty} {text}, ptr {slot}")
        for s, lanes_there in going:
            if s in masks:
                self._arrive(masks[s], lanes_there)
        b.do(f"br label %h{n.index}.{following}")
        if any(s not in masks for s, _ in going):
            later = [(k, b_slot) for k, b_slot in masks.items() if k > m.index]
            self._leave_region(f"{name}.leave", nodes, kinds, live_in, going, later, {k: (y, z) for y, z, k in stores})
        b.lines[HEAD_AT:HEAD_AT] = b.head
        text = b.lines
        b.lines = []
        b.label(name)
        some = b.ins(f"load i32, ptr {masks[m.index]}")
        b.do(f"br i1 {b.ins(f'icmp eq i32 {some}, 0')}, label %h{n.index}.{following}, label %{name}.run")
        return [*b.lines, *text]

    def _leave_region(self, label: str, nodes: list, kinds: dict, live_in: list, going: list, later: list, new: dict):
        """From a masked node to the general form. new: slot -> what the node would have stored."""
        b = self.b
        self.leaving_nodes.update(k for k, _ in [*going, *later])
        b.label(label)
        with b.cold():
            live = set().union(*(live_in[k] for k, _ in [*going, *later]))
            for key in sorted(live):
                slot = self._slot(key, "v" if key[0] in (REG, PRED) else "u")
                if slot in new:
                    ty, text = new[slot]
                    scalar = "i1" if key[0] in "pq" else "i32"
                    v = b.leaf(scalar, text, ty.startswith("<"))
                else:
                    v = self._value(key, kinds.get(key, ("c", 0)))
                self._save(key, v)
            ctl = self._control()
            alive = "0"
            for k, mask in [*going, *((k, b.ins(f"load i32, ptr {slot}")) for k, slot in later)]:
                self._push(ctl, nodes[k], mask)
                alive = b.ins(f"or i32 {alive}, {mask}")
            self._go_on(alive)

    def _assume(self, ok: V) -> bool:
        if not ok.early:
            return False
        if ok not in self.assumed:
            self.assumed.append(ok)
        return True

    def _open(self, n: Node, e: Emitted, x: str, live: set[Key]) -> None:
        """The head of the block, and what tests its assumptions before it has any effect."""
        b = self.b
        go = f"n{n.index}.b"
        if not e.assumed:
            e.lines[HEAD_AT:HEAD_AT] = [*b.head, f"  br label %{go}", f"{go}:"]
            return
        self.leaving_nodes.add(n.index)
        body = b.lines
        b.lines, b.at_head = b.head, True
        cond = b.scalar(e.assumed[0])
        for a in e.assumed[1:]:
            cond = b.ins(f"and i1 {cond}, {b.scalar(a)}")
        b.do(f"br i1 {cond}, label %{go}, label %start{n.index}")
        b.label(f"start{n.index}")
        with b.cold():
            # Registers as they were: only what the head has named may be used.
            b.begin_block()
            for key in sorted(live):
                self._save(key, self._value(key, self.kinds.get(key, ("c", 0))))
            ctl = self._control()
            self._push(ctl, n, x)
            self._go_on(x)
        b.at_head = False
        b.label(go)
        body[HEAD_AT:HEAD_AT] = b.lines
        b.lines = body

    def _conditions_to_stay(self, n: Node, nodes: list[Node], x: str, t, uniform, same) -> list[str]:
        b = self.b
        cold = [nodes[s].cold for s in n.succs]
        if n.kind == "branch":
            if all(cold):
                return ["false"]
            if cold[0]:
                return [b.ins(f"icmp eq i32 {t}, 0")]
            if cold[1]:
                return [b.ins(f"icmp eq i32 {t}, {x}")]
            if uniform is not None or n.index in self.regions:
                return []
            none, every = b.ins(f"icmp eq i32 {t}, 0"), b.ins(f"icmp eq i32 {t}, {x}")
            return [b.ins(f"or i1 {none}, {every}")]
        if n.kind == "exit":
            return [b.ins(f"icmp eq i32 {t}, {x}")] if cold and cold[0] else []
        if n.kind == "indirect":
            return (["false"] if any(cold) else []) + ([same] if same is not None else [])
        return ["false"] if cold and cold[0] else []

    def _name(self, n: Node) -> str:
        return "done" if n.cold else f"n{n.index}"  # cold: excluded by the conditions to stay

    def _end_fall(self, n, nodes, e, x, t, uniform, to) -> None:
        self.b.do(f"br label %{self._name(nodes[n.succs[0]])}")

    _end_jump = _end_call = _end_ret = _end_fall

    def _end_end(self, n, nodes, e, x, t, uniform, to) -> None:
        self.b.runtime("trap", "void", f"i32 {abi.TRAP_BRANCH}")
        self.b.do("ret void")

    def _end_branch(self, n, nodes, e, x, t, uniform, to) -> None:
        b = self.b
        yes, no = (self._name(nodes[s]) for s in n.succs)
        if uniform is not None:
            b.do(f"br i1 {uniform}, label %{yes}, label %{no}")
            return
        b.do(f"br i1 {b.ins(f'icmp eq i32 {t}, 0')}, label %{no}, label %{yes}")

    def _end_exit(self, n, nodes, e, x, t, uniform, to) -> None:
        b = self.b
        if t is None:
            b.do("ret void")
            return
        rest = b.ins(f"and i32 {x}, {b.ins(f'xor i32 {t}, -1')}")
        b.do(f"store i32 {rest}, ptr %exec")
        b.do(f"br i1 {b.ins(f'icmp eq i32 {rest}, 0')}, label %done, label %{self._name(nodes[n.succs[0]])}")

    def _end_barrier(self, n, nodes, e, x, t, uniform, to) -> None:
        b = self.b
        if t is not None:
            raise Unsuitable("guarded barrier")
        bar_id, count, _ = e.barrier
        b.runtime("barrier", "void", f"i32 {bar_id}", f"i32 {count}", "i32 0")
        b.do(f"br label %{self._name(nodes[n.succs[0]])}")

    def _end_indirect(self, n, nodes, e, x, t, uniform, to) -> None:
        b = self.b
        if t is not None:
            raise Unsuitable("conditional indirect branch")
        cases = "\n".join(
            f"    i32 {nodes[s].block.start}, label %{self._name(nodes[s])}" for s in dict.fromkeys(n.succs)
        )
        b.do(f"switch i32 {to}, label %lost [\n{cases}\n  ]")
        self.lost = True

    # --- leaving --------------------------------------------------------------------------------------
    def _leave_block(self, n: Node, nodes: list[Node], live_in: list[set[Key]]) -> None:
        """Registers to the frame, lanes to the pending masks of their blocks, and on in the general form."""
        b, leaving = self.b, self.leaving
        e = leaving.emitted
        b.label(f"leave{n.index}")
        with b.cold():
            if n.kind == "barrier":
                bar_id, count, _ = e.barrier
                b.runtime("barrier", "void", f"i32 {bar_id}", f"i32 {count}", "i32 0")
            live = set().union(*(live_in[s] for s in n.succs)) if n.succs else set()
            for key in sorted(live):
                v = e.dirty.get(key)
                if v is None:
                    v = self._entry(*key)
                self._save(key, v)
            ctl = self._control()
            x, t = leaving.exec_text, leaving.taken_text
            alive = x
            if n.kind == "branch":
                self._push(ctl, nodes[n.succs[0]], t)
                self._push(ctl, nodes[n.succs[1]], b.ins(f"xor i32 {t}, {x}"))
            elif n.kind == "exit":
                alive = b.ins(f"and i32 {x}, {b.ins(f'xor i32 {t}, -1')}")
                self._push(ctl, nodes[n.succs[0]], alive)
            elif n.kind == "indirect":
                self._push_targets(ctl, n, nodes, e, x)
            else:
                self._push(ctl, nodes[n.succs[0]], x)
            stop = b.ins(f"icmp eq i32 {alive}, 0")
            go = b.new_label()
            b.do(f"br i1 {stop}, label %done, label %{go}")
            b.label(go)
            self._go_on(alive)

    def _save(self, key: Key, v: V) -> None:
        """A register into the frame."""
        b = self.b
        kind, number = key
        p = b.ins(f"getelementptr i8, ptr {b.pointer(abi.FRAME)}, i64 {self.frame.slot(kind, number)}")
        if kind == REG:
            b.do(f"store <32 x i32> {b.vector(v)}, ptr {p}, align 64")
        elif kind == PRED:
            b.do(f"store i32 {b.scalar(b.bits_of(v))}, ptr {p}")
        elif kind == UREG:
            b.do(f"store i32 {b.scalar(v)}, ptr {p}")
        else:
            b.do(f"store i32 {b.scalar(b.zext(v, 'i32'))}, ptr {p}")

    def _control(self) -> str:
        """The frame's pending masks, all empty."""
        b = self.b
        ctl = b.ins(f"getelementptr i8, ptr {b.pointer(abi.FRAME)}, i64 {self.frame.offsets['ctl']}")
        b.call("llvm.memset.p0.i64", "void", f"ptr {ctl}", "i8 0", f"i64 {self.frame.ctl_bytes}", "i1 false")
        return ctl

    def _go_on(self, alive: str) -> None:
        """On in the general form."""
        b = self.b
        p = b.ins(f"getelementptr i8, ptr %w, i64 {abi.RESUME}")
        b.do(f"store i32 {alive}, ptr {p}")
        b.do("br label %slow")

    def _push(self, ctl: str, n: Node, mask: str) -> None:
        self.b.do(f"call void @push(ptr {ctl}, i32 {n.block.index}, i32 {mask})")

    def _push_targets(self, ctl: str, n: Node, nodes: list[Node], e: Emitted, x: str) -> None:
        b = self.b
        v = b.vector(e.target)
        for s in dict.fromkeys(n.succs):
            eq = b.ins(f"icmp eq <32 x i32> {v}, splat (i32 {nodes[s].block.start})")
            bits = b.ins(f"bitcast <32 x i1> {eq} to i32")
            self._push(ctl, nodes[s], b.ins(f"and i32 {bits}, {x}"))

    # --- coming back ------------------------------------------------------------------------------------
    def _entries(self, nodes: list[Node], flow: list[Block], kinds: list, live_in: list[set[Key]]) -> list[str]:
        """The way through the general form, and the places where it hands the warp back."""
        b = self.b
        if not self.leaving_nodes:
            return []
        shapes: dict[int, dict[Key, Kind]] = {}
        for n in nodes:
            if not n.context and not n.cold and n.index:
                shapes[n.index] = {key: kinds[n.index].get(key, ("c", 0)) for key in sorted(live_in[n.index])}
        main = {k for k, s in shapes.items() if all(f[0] in "cu" for key, f in s.items() if key[0] in (UREG, UPRED))}
        bodies = [Block(n.block.start, n.block.instrs, None, n.kind, n.succs, n.index) for n in nodes]
        leaving = {nodes[k].block.index for k in self.leaving_nodes}
        chosen = reentry.choose(self.cfg, leaving, bodies, main)
        b.begin_block()
        b.lines = ["slow:"]
        if chosen:
            taken = {nodes[k].block.index for k in chosen}
            table = ", ".join(f"i8 {int(k in taken)}" for k in range(len(self.cfg.blocks)))
            self.module.helper("entries", f"@entries = internal constant [{len(self.cfg.blocks)} x i8] [{table}]\n")
            b.do(f"store ptr @entries, ptr {b.ins(f'getelementptr i8, ptr %w, i64 {abi.ENTRIES}')}")
        b.runtime("slow", "void")
        if not chosen:
            b.do("ret void")
            return b.lines
        self.module.intrinsic("llvm.cttz.i32", "i32", "i32, i1")
        self.module.helper("enter", reentry.ENTER)
        bad = b.alloca("i32", 4)
        block = b.ins(f"load i32, ptr {b.ins(f'getelementptr i8, ptr %w, i64 {abi.REENTER}')}")
        alive = b.ins(f"load i32, ptr {b.ins(f'getelementptr i8, ptr %w, i64 {abi.RESUME}')}")
        b.do(f"store i32 0, ptr {bad}")
        cases = " ".join(f"i32 {nodes[k].block.index + 1}, label %e{k}" for k in chosen)
        b.do(f"switch i32 {block}, label %done [ {cases} ]")
        for k in chosen:
            b.label(f"e{k}")
            for key, want in shapes[k].items():
                self._enter(key, want, alive, bad)
            b.do(f"store i32 {alive}, ptr %exec")
            good = b.ins(f"icmp eq i32 {b.ins(f'load i32, ptr {bad}')}, 0")
            b.do(f"br i1 {good}, label %n{k}, label %refuse")
        b.label("refuse")  # the pending masks of the general form are empty
        ctl = b.ins(f"getelementptr i8, ptr {b.pointer(abi.FRAME)}, i64 {self.frame.offsets['ctl']}")
        b.do(f"call void @push(ptr {ctl}, i32 {b.ins(f'sub i32 {block}, 1')}, i32 {alive})")
        b.do("br label %slow")
        return b.lines

    def _enter(self, key: Key, want: Kind, alive: str, bad: str) -> None:
        """A register from the frame in the shape of its slot; bad becomes nonzero where it has another one."""
        b = self.b
        kind, number = key
        p = b.ins(f"getelementptr i8, ptr {b.pointer(abi.FRAME)}, i64 {self.frame.slot(kind, number)}")
        if want[0] == "v":
            x = b.ins(f"load {'<32 x i32>, ptr ' + p + ', align 64' if kind == REG else 'i32, ptr ' + p}")
            if kind == PRED:
                x = b.ins(f"bitcast i32 {x} to <32 x i1>")
            b.do(f"store {type_of('i1' if kind == PRED else 'i32', True)} {x}, ptr {self._slot(key, 'v')}")
            return
        low = want[-1] - 1 if want[0] in "ua" else 0
        if kind == REG:
            stride = want[1] if want[0] == "a" else 0
            x = b.ins(f"call i32 @enter(ptr {p}, i32 {alive}, i32 {stride}, i32 {low}, ptr {bad})")
        else:
            x = b.ins(f"load i32, ptr {p}")
        if kind == PRED:
            x = b.ins(f"and i32 {x}, {alive}")
            if want[0] == "u":  # none or all of the live lanes
                rest = b.ins(f"xor i32 {x}, {alive}")
                part = b.ins(f"icmp ne i32 {x}, 0")
                self._bad_if(bad, b.ins(f"and i1 {part}, {b.ins(f'icmp ne i32 {rest}, 0')}"))
                b.do(f"store i1 {part}, ptr {self._slot(key, 'u')}")
                return
        if want[0] == "c":
            c = alive if kind == PRED and want[1] else str(want[1])
            self._bad_if(bad, b.ins(f"icmp ne i32 {x}, {c}"))
        elif kind == UPRED:
            b.do(f"store i1 {b.ins(f'trunc i32 {x} to i1')}, ptr {self._slot(key, 'u')}")
        else:
            if kind == UREG and low:
                self._bad_if(bad, b.ins(f"icmp ne i32 {b.ins(f'and i32 {x}, {low}')}, 0"))
            b.do(f"store i32 {x}, ptr {self._slot(key, want[0])}")

    def _bad_if(self, bad: str, condition: str) -> None:
        b = self.b
        more = b.ins(f"or i32 {b.ins(f'load i32, ptr {bad}')}, {b.ins(f'zext i1 {condition} to i32')}")
        b.do(f"store i32 {more}, ptr {bad}")

    # --- the function -----------------------------------------------------------------------------------
    def _lost(self) -> list[str]:
        """An indirect branch to where no block starts."""
        if not self.lost:
            return []
        self.b.lines = ["lost:"]
        self.b.runtime("trap", "void", f"i32 {abi.TRAP_BRANCH}")
        return [*self.b.lines, "  ret void"]

    def _assemble(self, body: list[str]) -> str:
        b, f = self.b, self.frame
        lost = self._lost()
        exec0 = b.word(abi.EXEC)
        self.module.intrinsic("llvm.cttz.i64", "i64", "i64, i1")
        n = len(self.cfg.blocks)
        self.module.helper("push", HELPERS.format(ready=f.ready, words=f.words, parked=f.parked, blocks=n))
        slots = [f"  {name} = alloca {ty}" for name, ty in self.slots.items()]
        # Read before written only where the value does not matter; zero keeps it defined.
        zeros = [f"  store {ty} zeroinitializer, ptr {name}" for name, ty in self.slots.items()]
        return (
            "\n".join(
                [
                    f"define void @{self.name}(ptr %w) #0 {{",
                    "entry:",
                    "  %exec = alloca i32",
                    *(f"  {m} = alloca i32" for m in dict.fromkeys(self.masks)),
                    *slots,
                    *b.allocas,
                    *b.prologue,
                    *zeros,
                    f"  store i32 {exec0}, ptr %exec",
                    "  br label %n0",
                    *body,
                    *lost,
                    "done:",
                    "  ret void",
                    "}",
                ]
            )
            + "\n"
        )


@dataclass(slots=True)
class _Leave:
    """What the exit path of the node being finished needs."""

    node: Node
    emitted: Emitted
    nodes: list[Node]
    live_in: list[set[Key]]
    exec_text: str
    taken_text: str | None
