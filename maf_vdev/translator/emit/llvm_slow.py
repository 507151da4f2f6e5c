"""The general form of a kernel: right for every control flow.

Lanes wait at blocks in per-block pending masks; the lowest pending block runs next, so lanes meet
again where the order of cfg.build says. Registers live in the warp's frame between blocks and are
stored under the mask of the lanes that execute. While all live lanes go the same way, blocks jump
to each other directly. A barrier reached by part of the live lanes parks them until the others
arrive or exit (PTX ISA, barrier: on sm_70 and up arrival is per thread).
A warp that came from the fast form is handed back where all its live lanes are at a block that the
fast form takes it back at.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..cfg import Block, Cfg, conditions, liveness
from ..ir import Reg
from ..semantics import TABLE
from . import abi
from .llvm_builder import LlvmBuilder
from .llvm_core import Module
from .reentry import meeting_points
from .values import V

HELPERS = """
define internal void @push(ptr %ctl, i32 %b, i32 %m) noinline #0 {{
  %z = icmp eq i32 %m, 0
  br i1 %z, label %done, label %go
go:
  %p = getelementptr i32, ptr %ctl, i32 %b
  %o = load i32, ptr %p
  %n = or i32 %o, %m
  store i32 %n, ptr %p
  %w = lshr i32 %b, 6
  %i = and i32 %b, 63
  %i64 = zext i32 %i to i64
  %bit = shl i64 1, %i64
  %rp0 = getelementptr i8, ptr %ctl, i64 {ready}
  %rp = getelementptr i64, ptr %rp0, i32 %w
  %r = load i64, ptr %rp
  %r1 = or i64 %r, %bit
  store i64 %r1, ptr %rp
  br label %done
done:
  ret void
}}
define internal i32 @next(ptr %ctl) noinline #0 {{
entry:
  %rp0 = getelementptr i8, ptr %ctl, i64 {ready}
  br label %test
test:
  %w = phi i32 [ 0, %entry ], [ %w1, %more ]
  %rp = getelementptr i64, ptr %rp0, i32 %w
  %r = load i64, ptr %rp
  %z = icmp eq i64 %r, 0
  br i1 %z, label %more, label %found
more:
  %w1 = add i32 %w, 1
  %e = icmp eq i32 %w1, {words}
  br i1 %e, label %none, label %test
found:
  %b = call i64 @llvm.cttz.i64(i64 %r, i1 true)
  %r1 = sub i64 %r, 1
  %r2 = and i64 %r, %r1
  store i64 %r2, ptr %rp
  %b32 = trunc i64 %b to i32
  %w64 = shl i32 %w, 6
  %n = or i32 %w64, %b32
  ret i32 %n
none:
  ret i32 -1
}}
define internal void @release(ptr %ctl) noinline #0 {{
entry:
  %q0 = getelementptr i8, ptr %ctl, i64 {parked}
  br label %test
test:
  %b = phi i32 [ 0, %entry ], [ %b1, %test ]
  %q = getelementptr i32, ptr %q0, i32 %b
  %m = load i32, ptr %q
  store i32 0, ptr %q
  call void @push(ptr %ctl, i32 %b, i32 %m)
  %b1 = add i32 %b, 1
  %e = icmp eq i32 %b1, {blocks}
  br i1 %e, label %done, label %test
done:
  ret void
}}
"""
# Lanes grouped by equal targets, one group per call; -1: all are pending, -2: a target that is no block.
INDIRECT = """
@block_of = internal constant [{count} x i32] [{entries}]
define internal i32 @indirect(ptr %ctl, <32 x i32> %t, i32 %m) noinline #0 {{
  %l = call i32 @llvm.cttz.i32(i32 %m, i1 true)
  %x = extractelement <32 x i32> %t, i32 %l
  %i = lshr i32 %x, 4
  %low = and i32 %x, 15
  %z = icmp eq i32 %low, 0
  %c = icmp ult i32 %i, {count}
  %ok = and i1 %z, %c
  br i1 %ok, label %known, label %invalid
known:
  %p = getelementptr i32, ptr @block_of, i32 %i
  %b = load i32, ptr %p
  %bad = icmp slt i32 %b, 0
  br i1 %bad, label %invalid, label %group
group:
  %ins = insertelement <32 x i32> poison, i32 %x, i32 0
  %s = shufflevector <32 x i32> %ins, <32 x i32> poison, <32 x i32> zeroinitializer
  %e = icmp eq <32 x i32> %t, %s
  %eb = bitcast <32 x i1> %e to i32
  %k = and i32 %eb, %m
  %left = xor i32 %k, %m
  %all = icmp eq i32 %left, 0
  br i1 %all, label %one, label %some
some:
  call void @push(ptr %ctl, i32 %b, i32 %k)
  %r = call i32 @indirect(ptr %ctl, <32 x i32> %t, i32 %left)
  %rneg = icmp slt i32 %r, 0
  br i1 %rneg, label %ret, label %rest
rest:
  call void @push(ptr %ctl, i32 %r, i32 %left)
  ret i32 -1
ret:
  ret i32 %r
one:
  ret i32 %b
invalid:
  ret i32 -2
}}
"""
REG, PRED, UREG, UPRED = "r", "p", "u", "q"
HEAD_AT = 2  # lines of a block before its head: the label and the load of the mask


@dataclass(slots=True)
class Frame:
    """Layout of the memory that holds a warp's registers and pending masks; FAST uses it to hand a warp over."""

    registers: int
    blocks: int
    offsets: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        o = 0
        for key, size in (
            (REG, self.registers * 128),
            (PRED, 8 * 4),
            (UREG, 64 * 4),
            (UPRED, 8 * 4),
            ("ctl", self.blocks * 8),
        ):
            self.offsets[key] = o
            o = o + size + 63 & ~63
        words = (self.blocks + 63) // 64
        # Relative to ctl: pending masks, parked masks, bit set of blocks with pending lanes.
        self.parked = self.blocks * 4
        self.ready = self.blocks * 8 + 7 & ~7
        self.words = words
        self.ctl_bytes = self.ready + words * 8
        self.bytes = self.offsets["ctl"] + self.ctl_bytes + 63 & ~63

    parked: int = 0
    ready: int = 0
    words: int = 0
    ctl_bytes: int = 0
    bytes: int = 0

    def slot(self, kind: str, n: int) -> int:
        return self.offsets[kind] + n * (128 if kind == REG else 4)


@dataclass(slots=True)
class Pending:
    """A block whose instructions are emitted and whose stores wait for liveness."""

    block: Block
    lines: list[str]
    here: str
    state: tuple
    uses: set
    dirty: dict[tuple[str, int], V]
    taken: V | None = None  # i32 mask of lanes for which the terminator's conditions hold
    target: V | None = None
    barrier: tuple | None = None
    exec_bits: V | None = None


def register_count(cfg: Cfg) -> int:
    """One more than the highest register that an operand names, with room for the widest vector operand."""
    top = 0
    for b in cfg.blocks:
        for i in [*b.instrs, *([b.last] if b.last else [])]:
            for o in i.operands:
                for r in (o, getattr(o, "base", None)):
                    if isinstance(r, Reg) and r.n != 255:
                        top = max(top, r.n)
    return min(top + 8, 256)


class SlowEmitter:
    def __init__(self, module: Module, cfg: Cfg, affine_tid: bool, name: str, spin_headers: set[int]):
        self.module, self.cfg, self.name = module, cfg, name
        self.b = LlvmBuilder(module, affine_tid)
        self.frame = Frame(max(register_count(cfg), 16), len(cfg.blocks))
        self.spin_headers = spin_headers
        self.uses: set[tuple[str, int]] = set()
        self.offered = meeting_points(cfg)

    # --- frame ------------------------------------------------------------------------------------
    def _slot(self, kind: str, n: int) -> str:
        return self.b.ins(f"getelementptr i8, ptr %frame, i64 {self.frame.slot(kind, n)}")

    def _entry(self, kind: str, n: int) -> V:
        """A register at the start of the block: loaded when it is needed."""
        self.uses.add((kind, n))
        v = V("i1" if kind in (PRED, UPRED) else "i32", "frame", (), (kind, n), "v" if kind in (REG, PRED) else "u")
        v.early = True
        if kind == PRED:
            bits = V("i32", "frame", (), (kind, n), "u")
            bits.early = True
            v.op, v.args = "frombits", (bits,)
        return v

    # --- blocks -------------------------------------------------------------------------------------
    def _block(self, block: Block) -> Pending:
        b = self.b
        b.lines = []
        self.uses = set()
        b.label(f"body{block.index}")
        exec_text = b.ins("load i32, ptr %exec")
        b.open_block(exec_text)
        b.entry = self._entry
        b.plan(block.instrs)
        if block.index in self.spin_headers:
            b.flags |= abi.FLAG_SPIN
            b.runtime("spin", "void")
        for i in block.instrs:
            b.straight(i)
        taken = to = barrier = None
        last = block.last
        if last is not None:
            conds = [c for c in (b.guard_value(g) for g in conditions(last)) if c is not None]
            if block.kind == "barrier":
                TABLE[last.op](b, last)
                barrier = b.barrier_request
            if conds:
                p = conds[0]
                for c in conds[1:]:
                    p = b.and_(p, c)
                taken = b.and_(b.bits_of(p), b.exec_bits)
            if block.kind in ("ret", "indirect"):
                to = b.branch_target(last)
            if block.kind == "icall":
                to = b.indirect_call(last, taken)
        dirty = {}
        for kind, n in b.dirty:
            dirty[kind, n] = {REG: b.regs, PRED: b.preds, UREG: b.uregs, UPRED: b.upreds}[kind][n]
        state = (b.cse, b.fused, b.consts, b.head)
        return Pending(block, b.lines, b.here, state, self.uses, dirty, taken, to, barrier, b.exec_bits)

    def emit(self) -> str:
        self.b.emit_frame = self._emit_frame  # type: ignore[attr-defined]
        pending = [self._block(block) for block in self.cfg.blocks]
        _, live_out = liveness(self.cfg.blocks, [p.uses for p in pending], [set(p.dirty) for p in pending])
        text: list[str] = []
        self._indirect = False
        for p, live in zip(pending, live_out):
            self._finish(p, live)
            text += p.lines
        return self._assemble(text)

    def _emit_frame(self, v: V, vec: bool) -> str:
        kind, n = v.x
        p = self._slot(kind, n)
        if kind == REG:
            return self.b.ins(f"load <32 x i32>, ptr {p}, align 64")
        x = self.b.ins(f"load i32, ptr {p}, align 4")
        return self.b.ins(f"trunc i32 {x} to i1") if kind == UPRED else x

    def _finish(self, p: Pending, live: set[tuple[str, int]]) -> None:
        b = self.b
        b.lines, b.here = p.lines, p.here
        b.cse, b.fused, b.consts, b.head = p.state
        b.guard, b.exec_bits = None, p.exec_bits
        # Values are computed before any frame slot is overwritten.
        values = []
        for key in sorted(p.dirty):
            if key not in live:
                continue
            v = p.dirty[key]
            kind = key[0]
            if kind == REG:
                values.append((key, b.vector(v)))
            elif kind == PRED:
                values.append((key, b.scalar(b.bits_of(v))))
            elif kind == UREG:
                values.append((key, b.scalar(v)))
            else:
                values.append((key, b.scalar(b.zext(v, "i32"))))
        taken = b.scalar(p.taken) if p.taken is not None else None
        target = b.vector(p.target) if p.target is not None else None
        x = b.scalar(p.exec_bits)
        mask = None
        for (kind, n), t in values:
            q = self._slot(kind, n)
            if kind == REG:
                mask = mask or b.vector(b.lanes_of(p.exec_bits))
                b.call(
                    "llvm.masked.store.v32i32.p0", "void", f"<32 x i32> {t}", f"ptr align 64 {q}", f"<32 x i1> {mask}"
                )
            elif kind == PRED:
                old = b.ins(f"load i32, ptr {q}")
                keep = b.ins(f"and i32 {old}, {b.ins(f'xor i32 {x}, -1')}")
                new = b.ins(f"or i32 {keep}, {b.ins(f'and i32 {t}, {x}')}")
                b.do(f"store i32 {new}, ptr {q}")
            else:
                b.do(f"store i32 {t}, ptr {q}")
        getattr(self, "_end_" + p.block.kind)(p, x, taken, target)
        p.lines[HEAD_AT:HEAD_AT] = b.head

    # --- terminators ----------------------------------------------------------------------------------
    def _push(self, block: int, mask: str) -> None:
        self.b.do(f"call void @push(ptr %ctl, i32 {block}, i32 {mask})")

    def _whole(self, to: int) -> str:
        """Label of a block for a warp whose live lanes all go there."""
        return f"%{'try' if to in self.offered else 'body'}{to}"

    def _direct(self, x: str, to: int) -> None:
        """All of mask x go to a block: directly if no other lane is live."""
        b = self.b
        wait = b.new_label()
        alive = b.ins("load i32, ptr %alive")
        b.do(f"br i1 {b.ins(f'icmp eq i32 {x}, {alive}')}, label {self._whole(to)}, label %{wait}")
        b.label(wait)
        self._push(to, x)
        b.do("br label %dispatch")

    def _end_fall(self, p: Pending, x: str, taken: str | None, target: str | None) -> None:
        self._direct(x, p.block.succs[0])

    def _end_end(self, p: Pending, x: str, taken: str | None, target: str | None) -> None:
        self._trap()

    def _trap(self) -> None:
        self.b.runtime("trap", "void", f"i32 {abi.TRAP_BRANCH}")
        self.b.do("br label %done")

    def _end_jump(self, p: Pending, x: str, taken: str | None, target: str | None) -> None:
        self._direct(x, p.block.succs[0])

    def _end_branch(self, p: Pending, x: str, taken: str | None, target: str | None) -> None:
        b = self.b
        to, other = p.block.succs
        if taken in ("0", x):
            self._direct(x, other if taken == "0" else to)
            return
        if to == other:
            self._direct(x, to)
            return
        alive = b.ins("load i32, ptr %alive")
        none, full = b.ins(f"icmp eq i32 {taken}, 0"), b.ins(f"icmp eq i32 {taken}, {x}")
        same = b.ins(f"or i1 {none}, {full}")
        direct = b.ins(f"and i1 {same}, {b.ins(f'icmp eq i32 {x}, {alive}')}")
        one, split = b.new_label(), b.new_label()
        b.do(f"br i1 {direct}, label %{one}, label %{split}")
        b.label(one)
        b.do(f"br i1 {none}, label {self._whole(other)}, label {self._whole(to)}")
        b.label(split)
        self._push(to, taken)
        self._push(other, b.ins(f"xor i32 {taken}, {x}"))
        b.do("br label %dispatch")

    def _end_call(self, p: Pending, x: str, taken: str | None, target: str | None) -> None:
        if taken is None:
            self._direct(x, p.block.succs[0])
        else:
            self._end_branch(p, x, taken, target)

    def _end_exit(self, p: Pending, x: str, taken: str | None, target: str | None) -> None:
        b = self.b
        gone = taken if taken is not None else x
        alive = b.ins("load i32, ptr %alive")
        rest = b.ins(f"and i32 {alive}, {b.ins(f'xor i32 {gone}, -1')}")
        b.do(f"store i32 {rest}, ptr %alive")
        if taken is None:
            b.do("br label %dispatch")
            return
        stay = b.ins(f"and i32 {x}, {b.ins(f'xor i32 {taken}, -1')}")
        b.do(f"store i32 {stay}, ptr %exec")
        some, wait = b.new_label(), b.new_label()
        b.do(f"br i1 {b.ins(f'icmp eq i32 {stay}, 0')}, label %dispatch, label %{some}")
        b.label(some)
        b.do(f"br i1 {b.ins(f'icmp eq i32 {stay}, {rest}')}, label {self._whole(p.block.succs[0])}, label %{wait}")
        b.label(wait)
        self._push(p.block.succs[0], stay)
        b.do("br label %dispatch")

    def _end_ret(self, p: Pending, x: str, taken: str | None, target: str | None) -> None:
        b = self.b
        self._indirect = True
        go = x
        if taken is not None:
            self._push(p.block.succs[-1], b.ins(f"xor i32 {taken}, {x}"))
            some = b.new_label()
            b.do(f"br i1 {b.ins(f'icmp eq i32 {taken}, 0')}, label %dispatch, label %{some}")
            b.label(some)
            go = taken
        r = b.ins(f"call i32 @indirect(ptr %ctl, <32 x i32> {target}, i32 {go})")
        bad, fine, one, alone, wait = (b.new_label() for _ in range(5))
        b.do(f"br i1 {b.ins(f'icmp eq i32 {r}, -2')}, label %{bad}, label %{fine}")
        b.label(bad)
        self._trap()
        b.label(fine)
        b.do(f"br i1 {b.ins(f'icmp eq i32 {r}, -1')}, label %dispatch, label %{one}")
        b.label(one)
        alive = b.ins("load i32, ptr %alive")
        b.do(f"br i1 {b.ins(f'icmp eq i32 {go}, {alive}')}, label %{alone}, label %{wait}")
        b.label(alone)
        b.do(f"store i32 {r}, ptr %block")
        b.do("br label %offer")
        b.label(wait)
        self._push(r, go)  # type: ignore[arg-type]
        b.do("br label %dispatch")

    _end_indirect = _end_icall = _end_ret

    def _end_barrier(self, p: Pending, x: str, taken: str | None, target: str | None) -> None:
        b = self.b
        bar_id, count, _ = p.barrier
        nxt = p.block.succs[0]
        wait = taken if taken is not None else x
        if taken is not None:
            some = b.new_label()
            none = b.new_label()
            b.do(f"br i1 {b.ins(f'icmp eq i32 {taken}, 0')}, label %{none}, label %{some}")
            b.label(none)
            self._direct(x, nxt)
            b.label(some)
        alive = b.ins("load i32, ptr %alive")
        whole, part = b.new_label(), b.new_label()
        b.do(f"br i1 {b.ins(f'icmp eq i32 {wait}, {alive}')}, label %{whole}, label %{part}")
        b.label(whole)
        b.runtime("barrier", "void", f"i32 {bar_id}", f"i32 {count}", "i32 0")
        b.do(f"br label {self._whole(nxt)}")
        b.label(part)
        if taken is not None:
            self._push(nxt, b.ins(f"xor i32 {taken}, {x}"))
        q = b.ins(f"getelementptr i8, ptr %ctl, i64 {self.frame.parked + 4 * nxt}")
        old = b.ins(f"load i32, ptr {q}")
        b.do(f"store i32 {b.ins(f'or i32 {old}, {wait}')}, ptr {q}")
        got = b.ins("load i32, ptr %arrived")
        b.do(f"store i32 {b.ins(f'or i32 {got}, {wait}')}, ptr %arrived")
        b.do(f"store i32 {bar_id}, ptr %bar.id")
        b.do(f"store i32 {count}, ptr %bar.count")
        b.do("br label %dispatch")

    # --- the function -----------------------------------------------------------------------------------
    def _assemble(self, body: list[str]) -> str:
        b, f = self.b, self.frame
        n = len(self.cfg.blocks)
        b.lines = []
        frame = b.pointer(abi.FRAME)
        exec0, resume = b.word(abi.EXEC), b.word(abi.RESUME)
        b.runtime_function("barrier")
        b.runtime_function("trap")
        self.module.intrinsic("llvm.cttz.i64", "i64", "i64, i1")
        self.module.intrinsic("llvm.cttz.i32", "i32", "i32, i1")
        self.module.intrinsic("llvm.memset.p0.i64", "void", "ptr, i8, i64, i1")
        self.module.helper("push", HELPERS.format(ready=f.ready, words=f.words, parked=f.parked, blocks=n))
        if self._indirect:
            last = max(i.offset for blk in self.cfg.blocks for i in [*blk.instrs, *([blk.last] if blk.last else [])])
            table = [self.cfg.number.get(16 * k, -1) for k in range(last // 16 + 1)]
            entries = ", ".join(f"i32 {t}" for t in table)
            self.module.helper("indirect", INDIRECT.format(count=len(table), entries=entries))
        switch = "\n".join(f"    i32 {k}, label %body{k}" for k in range(n))
        head = [
            f"define void @{self.name}(ptr %w) #0 {{",
            "entry:",
            *(f"  %{v} = alloca i32, align 4" for v in ("exec", "alive", "arrived", "block", "bar.id", "bar.count")),
            *b.allocas,
            *b.prologue,
            f"  %frame = getelementptr i8, ptr {frame}, i64 0",
            f"  %ctl = getelementptr i8, ptr %frame, i64 {f.offsets['ctl']}",
            f"  %skip = getelementptr i8, ptr %w, i64 {abi.SKIP}",
            "  store i32 0, ptr %arrived",
            "  store i32 0, ptr %bar.id",
            "  store i32 0, ptr %bar.count",
            f"  %fresh = icmp eq i32 {resume}, 0",
            "  br i1 %fresh, label %begin, label %resumed",
            "begin:",
            f"  call void @llvm.memset.p0.i64(ptr %ctl, i8 0, i64 {f.ctl_bytes}, i1 false)",
            f"  store i32 {exec0}, ptr %exec",
            f"  store i32 {exec0}, ptr %alive",
            "  br label %body0",
            "resumed:",
            f"  store i32 {resume}, ptr %alive",
            # At least one block runs before the warp is handed back.
            "  %fb = call i32 @next(ptr %ctl)",
            *self._take("f", "%fb"),
            "  br label %enter",
            "dispatch:",
            "  %nb = call i32 @next(ptr %ctl)",
            "  %idle.c = icmp slt i32 %nb, 0",
            "  br i1 %idle.c, label %idle, label %pick",
            "pick:",
            *self._take("p", "%nb"),
            "  %all = load i32, ptr %alive",
            "  %whole = icmp eq i32 %pm, %all",
            "  br i1 %whole, label %offer, label %enter",
            *self._offer(),
            "enter:",
            "  %eb = load i32, ptr %block",
            f"  switch i32 %eb, label %done [\n{switch}\n  ]",
            "idle:",
            "  %ar = load i32, ptr %arrived",
            "  %ar.z = icmp eq i32 %ar, 0",
            "  br i1 %ar.z, label %done, label %meet",
            "meet:",
            "  %mi = load i32, ptr %bar.id",
            "  %mc = load i32, ptr %bar.count",
            f"  call void {b.runtime_function('barrier')}(ptr %w, i32 %mi, i32 %mc, i32 0)",
            "  call void @release(ptr %ctl)",
            "  store i32 0, ptr %arrived",
            "  br label %dispatch",
            *body,
            *(line for k in sorted(self.offered) for line in self._try(k)),
            "done:",
            "  ret void",
            "}",
        ]
        return "\n".join(head) + "\n"

    @staticmethod
    def _take(name: str, block: str) -> list[str]:
        """The lanes that wait at a block become those that execute."""
        return [
            f"  %{name}p = getelementptr i32, ptr %ctl, i32 {block}",
            f"  %{name}m = load i32, ptr %{name}p",
            f"  store i32 0, ptr %{name}p",
            f"  store i32 %{name}m, ptr %exec",
            f"  store i32 {block}, ptr %block",
        ]

    @staticmethod
    def _try(block: int) -> list[str]:
        """In front of a block where lanes meet; the skip count is negative unless the warp came from the fast form."""
        return [
            f"try{block}:",
            f"  %try.s{block} = load i32, ptr %skip",
            f"  %try.n{block} = icmp slt i32 %try.s{block}, 0",
            f"  br i1 %try.n{block}, label %body{block}, label %ask{block}",
            f"ask{block}:",
            f"  store i32 {block}, ptr %block",
            "  br label %offer",
        ]

    @staticmethod
    def _offer() -> list[str]:
        """All live lanes are at %block: back to the fast form if it takes them there and the back-off is over."""
        return [
            "offer:",
            "  %os = load i32, ptr %skip",
            "  %on = icmp slt i32 %os, 0",
            "  br i1 %on, label %enter, label %listed",
            "listed:",
            "  %ob = load i32, ptr %block",
            f"  %oe.p = getelementptr i8, ptr %w, i64 {abi.ENTRIES}",
            "  %oe = load ptr, ptr %oe.p, align 8",
            "  %ot.p = getelementptr i8, ptr %oe, i32 %ob",
            "  %ot = load i8, ptr %ot.p",
            "  %oz = icmp eq i8 %ot, 0",
            "  br i1 %oz, label %enter, label %counted",
            "counted:",
            "  %od = icmp eq i32 %os, 0",
            "  br i1 %od, label %back, label %later",
            "later:",
            "  %ol = sub i32 %os, 1",
            "  store i32 %ol, ptr %skip",
            "  br label %enter",
            "back:",
            "  %oa = load i32, ptr %alive",
            f"  %or.p = getelementptr i8, ptr %w, i64 {abi.RESUME}",
            "  store i32 %oa, ptr %or.p",
            "  %o1 = add i32 %ob, 1",
            f"  %ob.p = getelementptr i8, ptr %w, i64 {abi.REENTER}",
            "  store i32 %o1, ptr %ob.p",
            "  ret void",
        ]
