"""The warp builder: machine state, warp operations and effects over LLVM text.

Registers of the running basic block are values in dicts; what a block needs from before it comes
from ``entry`` (a function of the emitter that knows where registers live between blocks).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..cfg import is_hint, is_syscall, target
from ..ir import PT, RZ, URZ, Instr, LiftError, Pred, Reg, UPred, UReg
from ..passes import records
from ..semantics import TABLE, describe
from ..semantics.control import called_address
from . import abi
from .llvm_core import Module
from .llvm_memory import Memory
from .values import V, type_of

TIDS = {"SR_TID.X": 0, "SR_TID.Y": 1, "SR_TID.Z": 2}
CTAIDS = {"SR_CTAID.X": 0, "SR_CTAID.Y": 4, "SR_CTAID.Z": 8}
# Dimensions in constant bank 0.
DIMS = {"SR_NTID.X": 0, "SR_NTID.Y": 4, "SR_NTID.Z": 8, "SR_NCTAID.X": 12, "SR_NCTAID.Y": 16, "SR_NCTAID.Z": 20}
LANE_MASKS: dict[str, Callable[[int], int]] = {
    "SR_EQMASK": lambda i: 1 << i,
    "SR_LTMASK": lambda i: (1 << i) - 1,
    "SR_LEMASK": lambda i: (2 << i) - 1,
    "SR_GTMASK": lambda i: ~((2 << i) - 1),
    "SR_GEMASK": lambda i: ~((1 << i) - 1),
}


VECTOR = "<32 x i32>"


class LlvmBuilder(Memory):
    """Implements builder.Builder. One instance writes one LLVM function."""

    def __init__(self, module: Module, affine_tid: bool):
        super().__init__(module)
        self.affine_tid = affine_tid
        self.prologue: list[str] = []  # loads of warp fields, in the entry block
        self.fields: dict[object, str] = {}
        self.regs: dict[int, V] = {}
        self.preds: dict[int, V] = {}
        self.uregs: dict[int, V] = {}
        self.upreds: dict[int, V] = {}
        self.dirty: set[tuple[str, int]] = set()
        self.entry: Callable[[str, int], V] = lambda kind, n: self.const("i32", 0)
        self.guard: V | None = None
        self.exec_bits = self.const("i32", abi.ALL)
        self.barrier_request: tuple | None = None
        self.flags = 0
        self.record_of: dict[int, records.Member] = {}

    # --- blocks and instructions ----------------------------------------------------------------
    def open_block(self, exec_bits: str | None) -> None:
        """Start a basic block; exec_bits: text of the i32 mask of executing lanes, None for all 32."""
        self.begin_block()
        self.regs, self.preds, self.uregs, self.upreds = {}, {}, {}, {}
        self.dirty = set()
        self.guard = None
        self.barrier_request = None
        self.exec_bits = self.const("i32", abi.ALL) if exec_bits is None else self.leaf("i32", exec_bits, False, True)

    def plan(self, instrs: Sequence[Instr]) -> None:
        """Look ahead over a block's instructions, after open_block."""
        self.record_of, self.loaded = records.find(instrs), {}

    def guard_value(self, guard: Pred | UPred) -> V | None:
        """The guard as an i1, None where it always holds."""
        if guard.n == PT and not guard.neg:
            return None
        p = self.pred(guard.n) if isinstance(guard, Pred) else self.upred(guard.n)
        return self.not_(p) if guard.neg else p

    def instruction(self, i: Instr) -> None:
        """Emit one instruction that is not control flow."""
        function = TABLE.get(i.op)
        if function is None:
            raise LiftError(f"no semantics for {describe(i)}")
        self.guard = None
        g = self.guard_value(i.guard)
        if g is not None and g.kind == "c":
            if not g.c:
                return
            g = None
        self.guard = g
        self.member = self.record_of.get(i.offset)
        function(self, i)
        self.guard = self.member = None

    def subroutine(self, name: str, action: Callable[..., list[V]], values: Sequence[V]) -> list[V]:
        """A function of the module, written at its first use: kernels repeat their matrix products hundreds of times."""
        if name not in self.module.helpers:
            inner, leaves = self._inner([v.ty for v in values], None)
            results = action(inner, *leaves)
            if inner.prologue or inner.fields:
                raise LiftError(f"{name} reads the state of its warp")
            for n, result in enumerate(results):
                inner.do(f"store {VECTOR} {inner.vector(result)}, ptr {inner.word_of('%out', n)}, align 64")
            self._helper(name, inner, "void", ["ptr %out"], leaves, [*inner.lines, "  ret void"], len(results))
        return self._call_helper(name, [], values)

    def outlined(self, name: str, action: Callable[..., list[V]], values: Sequence[V]) -> list[V]:
        """What action(builder, *values) does for the executing lanes, as a function of the module: nothing where no lane
        executes. One name, one action. Results are i32; lanes that do not execute have any value there."""
        if name not in self.module.helpers:
            inner, leaves = self._inner([v.ty for v in values], "%m")
            inner.outline = False
            inner.may_be_shared, inner.may_be_local = self.may_be_shared, self.may_be_local
            inner.do("br i1 %none, label %skip, label %go")
            inner.label("go")
            results = action(inner, *leaves)
            for n, result in enumerate(results):
                inner.do(f"store {VECTOR} {inner.vector(result)}, ptr {inner.word_of('%out', n)}, align 64")
            lines = ["  %none = icmp eq i32 %m, 0", *inner.lines, "  br label %skip", "skip:", "  ret void"]
            out = ["ptr %out"] if results else []
            self._helper(name, inner, "void", ["ptr %w", "i32 %m", *out], leaves, lines, len(results))
        return self._call_helper(name, ["ptr %w", f"i32 {self.scalar(self.mask_bits())}"], values)

    def _inner(self, types: Sequence[str], mask: str | None) -> tuple[LlvmBuilder, list[V]]:
        inner = LlvmBuilder(self.module, False)
        inner.open_block(mask)
        return inner, [inner.leaf(ty, f"%a{n}", True) for n, ty in enumerate(types)]

    def _helper(
        self, name: str, inner: LlvmBuilder, ret: str, first: list[str], leaves: list[V], lines: list[str], results: int
    ) -> None:
        parameters = ", ".join([*first, *(f"{type_of(v.ty, True)} {v.v}" for v in leaves)])
        body = "\n".join(["entry:", *inner.allocas, *inner.prologue, *inner.head, *lines])
        self.module.helper(name, f"define internal {ret} @{name}({parameters}) noinline #0 {{\n{body}\n}}\n")
        self.module.results[name] = results
        self.flags |= inner.flags

    def _call_helper(self, name: str, first: list[str], values: Sequence[V]) -> list[V]:
        count = self.module.results[name]
        arguments = [f"{type_of(v.ty, True)} {self.vector(v)}" for v in values]
        if not count:
            self.do(f"call void @{name}({', '.join([*first, *arguments])})")
            return []
        out = self.place("result", f"[{count} x {VECTOR}]")
        self.do(f"call void @{name}({', '.join([*first, f'ptr {out}', *arguments])})")
        return [
            self.leaf("i32", self.ins(f"load {VECTOR}, ptr {self.word_of(out, n)}, align 64"), True)
            for n in range(count)
        ]

    def where(self, p: V, action: Callable[[], None]) -> None:
        outer = self.guard
        if p.kind != "c":
            self.guard = p if outer is None else self.and_(outer, p)
        if p.kind != "c" or p.c:
            action()
        self.guard = outer

    def straight(self, i: Instr) -> None:
        """Emit one instruction inside a block: anything but the block's terminator."""
        b = self
        if is_hint(i) or (i.op == "BMOV" and not isinstance(i.operands[0], Reg)):
            return
        if i.op == "BMOV":
            b.set_reg(i.operands[0].n, b.const("i32", 0))
            return
        if i.op in ("LEPC", "RPCMOV"):
            if i.op == "LEPC":
                b.set_reg64(i.operands[0].n, b.const("i64", i.offset))
                return
            raise LiftError(f"no semantics for {describe(i)}")
        if is_syscall(i):
            self._syscall(i)
            return
        b.instruction(i)
        if b.barrier_request is not None:  # BAR.ARV
            bar_id, count, _ = b.barrier_request
            b.barrier_request = None
            b.runtime("barrier", "void", f"i32 {bar_id}", f"i32 {count}", "i32 1")

    def indirect_call(self, i: Instr, taken: V | None) -> V:
        """Where the lanes go on that call what a register says: calls of the driver's functions are done here.

        taken: i32 mask of the lanes that call, None for all."""
        b = self
        if not i.has("ABS"):
            register = next(o for o in i.operands if isinstance(o, (Reg, UReg)))
            return b.add(
                b.reg(register.n) if isinstance(register, Reg) else b.ureg(register.n), b.const("i32", target(i))
            )
        address = called_address(b, i)
        low, high, zero = b.lo32(address), b.hi32(address), b.const("i32", 0)
        # No function starts where the kernel does: a call of 0 is left to the runtime, which refuses it.
        driver = b.or_(b.icmp("ne", high, zero), b.icmp("eq", low, zero))
        b.guard = driver if taken is None else b.and_(driver, b.lanes_of(taken))
        self._call_driver(address)
        return b.select(driver, b.const("i32", i.offset + 16), low)

    def _syscall(self, i: Instr) -> None:
        self.guard = self.guard_value(i.guard)
        self._call_driver(called_address(self, i))

    def _call_driver(self, address: V) -> None:
        """CALL.ABS: arguments in R4.., result in R4 (CUDA ABI). The guard is set, and taken back."""
        b = self
        b.flags |= abi.FLAG_ASSERT | abi.FLAG_PRINT
        buf = b.place("syscall", "[14 x <32 x i32>]")
        for k, value in enumerate([*(b.reg(4 + n) for n in range(12)), b.lo32(address), b.hi32(address)]):
            p = b.ins(f"getelementptr i8, ptr {buf}, i64 {128 * k}")
            b.do(f"store <32 x i32> {b.vector(value)}, ptr {p}, align 64")
        b.runtime("call_abs", "void", f"i32 {b.scalar(b.mask_bits())}", f"ptr {buf}")
        for k in range(2):
            p = b.ins(f"getelementptr i8, ptr {buf}, i64 {128 * k}")
            b.set_reg(4 + k, b.leaf("i32", b.ins(f"load <32 x i32>, ptr {p}, align 64"), True))
        b.guard = None

    def texture(self, code: int, handle: V, rows: Mapping[int, V]) -> Sequence[V]:
        b = self
        args, out = b.place("texture", f"[{1 + abi.TEX_ARGS} x {VECTOR}]"), b.place("texels", f"[4 x {VECTOR}]")
        for row, value in ((0, handle), *((1 + row, value) for row, value in rows.items())):
            b.do(f"store {VECTOR} {b.vector(value)}, ptr {b.word_of(args, row)}, align 64")
        b.runtime("texture", "void", f"i32 {code}", f"i32 {b.scalar(b.mask_bits())}", f"ptr {args}", f"ptr {out}")
        return [b.leaf("i32", b.ins(f"load {VECTOR}, ptr {b.word_of(out, n)}, align 64"), True) for n in range(4)]

    def branch_target(self, i: Instr) -> V:
        """Offset in the section: register plus label (the decoder has added the next instruction's offset to it)."""
        b = self
        register = next((o for o in i.operands if isinstance(o, (Reg, UReg))), None)
        if register is None:
            raise LiftError(f"indirect branch without a register: {describe(i)}")
        v = b.reg(register.n) if isinstance(register, Reg) else b.ureg(register.n)
        if i.op == "RET" and not i.has("REL"):
            return v
        return b.add(v, b.const("i32", target(i)))

    # --- masks ------------------------------------------------------------------------------------
    def lanes_of(self, bits: V) -> V:
        """i32 mask -> i1 per lane."""
        if bits.kind == "c":
            return self.lanes_const("i1", tuple(bits.c >> i & 1 for i in range(32)))
        key = ("frombits", id(bits))
        v = self.cse.get(key)
        if v is None:
            v = V("i1", "frombits", (bits,), None, "v")
            self.cse[key] = v
        return v

    def emit_frombits(self, v: V, vec: bool) -> str:
        return self.ins(f"bitcast i32 {self.scalar(v.args[0])} to <32 x i1>")

    def bits_of(self, p: V) -> V:
        """i1 per lane -> i32 mask of all lanes where it holds."""
        if p.kind == "c":
            return self.const("i32", abi.ALL if p.c else 0)
        if p.kind == "k":
            return self.const("i32", sum(x << i for i, x in enumerate(p.c)))
        if p.kind == "u":
            return self.sext(p, "i32")
        if p.op == "frombits":
            return p.args[0]
        key = ("tobits", id(p))
        v = self.cse.get(key)
        if v is None:
            v = V("i32", "tobits", (p,), None, "u")
            self.cse[key] = v
        return v

    def emit_tobits(self, v: V, vec: bool) -> str:
        return self.ins(f"bitcast <32 x i1> {self.vector(v.args[0])} to i32")

    def mask_bits(self) -> V:
        if self.guard is None:
            return self.exec_bits
        return self.and_(self.bits_of(self.guard), self.exec_bits)

    def mask(self) -> V:
        if self.guard is None:
            return self.lanes_of(self.exec_bits)
        if self.guard.kind == "u":
            return self.lanes_of(self.mask_bits())
        e = self.lanes_of(self.exec_bits)
        return self.guard if e.kind == "c" and e.c else self.and_(self.guard, e)

    # --- machine state ----------------------------------------------------------------------------
    def _read(self, kind: str, bank: dict[int, V], n: int) -> V:
        v = bank.get(n)
        if v is None:
            v = bank[n] = self.entry(kind, n)
        if self.guard is not None and v.op == "select" and v.args[0] is self.guard:
            return v.args[1]
        return v

    def _write(self, kind: str, bank: dict[int, V], n: int, v: V) -> None:
        g = self.guard
        if g is not None:
            if kind in "uq" and g.kind not in "cu":  # one lane is enough to write what the warp has once
                g = self.icmp("ne", self.mask_bits(), self.const("i32", 0))
            old = bank.get(n)
            if old is None:
                old = self.entry(kind, n)
            if old.op == "select" and old.args[0] is g:
                old = old.args[2]
            v = self.select(g, v, old)
        bank[n] = v
        self.dirty.add((kind, n))

    def reg(self, n: int) -> V:
        return self.const("i32", 0) if n == RZ else self._read("r", self.regs, n)

    def set_reg(self, n: int, v: V) -> None:
        if n != RZ:
            self._write("r", self.regs, n, v)

    def reg64(self, n: int) -> V:
        if n == RZ:
            return self.const("i64", 0)
        return self.pack64(self.reg(n), self.reg(n + 1))

    def set_reg64(self, n: int, v: V) -> None:
        if n != RZ:
            self.set_reg(n, self.lo32(v))
            self.set_reg(n + 1, self.hi32(v))

    def ureg(self, n: int) -> V:
        return self.const("i32", 0) if n == URZ else self._read("u", self.uregs, n)

    def set_ureg(self, n: int, v: V) -> None:
        if n != URZ:
            self._write("u", self.uregs, n, self._uniform(v))

    def ureg64(self, n: int) -> V:
        return self.const("i64", 0) if n == URZ else self.pack64(self.ureg(n), self.ureg(n + 1))

    def set_ureg64(self, n: int, v: V) -> None:
        if n != URZ:
            self.set_ureg(n, self.lo32(v))
            self.set_ureg(n + 1, self.hi32(v))

    def pred(self, n: int) -> V:
        return self.const("i1", 1) if n == PT else self._read("p", self.preds, n)

    def set_pred(self, n: int, v: V) -> None:
        if n != PT:
            self._write("p", self.preds, n, v)

    def upred(self, n: int) -> V:
        return self.const("i1", 1) if n == PT else self._read("q", self.upreds, n)

    def set_upred(self, n: int, v: V) -> None:
        if n != PT:
            self._write("q", self.upreds, n, self._uniform(v))

    def _uniform(self, v: V) -> V:
        """Values written to the uniform datapath are the same in all lanes."""
        if v.kind in "cu":
            return v
        if v.ty == "i1":
            return self.icmp("ne", self.and_(self.bits_of(v), self.mask_bits()), self.const("i32", 0))
        return self.lane_uniform(v)

    # --- warp fields ------------------------------------------------------------------------------
    def _field(self, key: object, make: Callable[[], str], suffix: str) -> str:
        """Text of a value loaded once, in the entry block."""
        name = self.fields.get(key)
        if name is None:
            name = f"%w.{suffix}"
            self.fields[key] = name
            self.prologue.append(make())
        return name

    def pointer(self, field: int) -> str:
        def make() -> str:
            return (
                f"  %w.a{field} = getelementptr i8, ptr %w, i64 {field}\n"
                f"  %w.p{field} = load ptr, ptr %w.a{field}, align 8"
            )

        return self._field(("p", field), make, f"p{field}")

    def word(self, field: int) -> str:
        def make() -> str:
            return (
                f"  %w.b{field} = getelementptr i8, ptr %w, i64 {field}\n"
                f"  %w.i{field} = load i32, ptr %w.b{field}, align 4"
            )

        return self._field(("i", field), make, f"i{field}")

    def bank_pointer(self, bank: int) -> str:
        if bank == 0:
            return self.pointer(abi.CONST0)
        banks = self.pointer(abi.BANKS)

        def make() -> str:
            return (
                f"  %w.ba{bank} = getelementptr ptr, ptr {banks}, i64 {bank}\n"
                f"  %w.bank{bank} = load ptr, ptr %w.ba{bank}, align 8"
            )

        return self._field(("bank", bank), make, f"bank{bank}")

    def runtime_function(self, name: str) -> str:
        table = self.pointer(abi.RUNTIME)
        n = abi.RT[name]

        def make() -> str:
            return f"  %w.ra{n} = getelementptr ptr, ptr {table}, i64 {n}\n  %w.rt{n} = load ptr, ptr %w.ra{n}, align 8"

        return self._field(("rt", n), make, f"rt{n}")

    def runtime(self, name: str, ret: str, *args: str) -> str:
        f = self.runtime_function(name)
        text = f"call {ret} {f}(ptr %w{''.join(', ' + a for a in args)})"
        if ret == "void":
            self.do(text)
            return ""
        return self.ins(text)

    def special(self, name: str) -> V:
        key = ("special", name)
        if key in self.cse and "CLOCK" not in name and "TIMER" not in name:
            return self.cse[key]
        v = self._special(name)
        self.cse[key] = v
        return v

    def _special(self, name: str) -> V:
        if name in ("SRZ", "SR_SRZ"):
            return self.const("i32", 0)
        if name == "SR_LANEID":
            return self.lane_id()
        if name in LANE_MASKS:
            return self.lanes_const("i32", tuple(LANE_MASKS[name](i) for i in range(32)))
        if name in CTAIDS:
            return self.leaf("i32", self.word(abi.CTAID + CTAIDS[name]), False, True)
        if name in DIMS:
            return self.load_const(0, DIMS[name], "i32")
        if name in TIDS:
            k = TIDS[name]
            if self.affine_tid:
                base = self.leaf("i32", self.word(abi.TID_BASE + 4 * k), False, True)
                if k:
                    return base
                base.align = 32
                return self.affine_leaf(base, 1)
            p = self.pointer(abi.TID)
            q = self.ins(f"getelementptr i8, ptr {p}, i64 {128 * k}")
            return self.leaf("i32", self.ins(f"load <32 x i32>, ptr {q}, align 64"), True)
        if name == "SR_TID":
            x, y, z = (self.special(f"SR_TID.{c}") for c in "XYZ")
            return self.or_(x, self.or_(self.shl(y, self.const("i32", 16)), self.shl(z, self.const("i32", 26))))
        if name == "SR_WARPID" or name == "SR_VIRTID":
            return (
                self.leaf("i32", self.word(abi.WARP_ID), False, True) if name == "SR_WARPID" else self.const("i32", 0)
            )
        if name in ("SR_VIRTCFG", "SR_VIRTSM", "SR_SMID", "SR_GRIDID"):
            return self.const("i32", 0)
        if name == "SR_SMEMSZ":
            return self.load_const(0, abi.C0_SHARED_BYTES, "i32")
        if name == "SR_SWINLO" or name == "SR_LWINLO":
            return self.const("i32", 0)
        if name in ("SR_SWINHI", "SR_SWIN_HI"):
            return self.const("i32", abi.SHARED_HI)
        if name == "SR_LWINHI":
            return self.const("i32", abi.LOCAL_HI)
        if name in ("SR_CLOCKLO", "SR_CLOCK"):
            return self.lo32(self.special64("SR_CLOCKLO"))
        if name == "SR_CLOCKHI":
            return self.hi32(self.special64("SR_CLOCKLO"))
        if name == "SR_GLOBALTIMERLO":
            return self.lo32(self.special64(name))
        if name == "SR_GLOBALTIMERHI":
            return self.hi32(self.special64(name))
        raise LiftError(f"special register {name}")

    def special64(self, name: str) -> V:
        if name in ("SR_CLOCKLO", "SR_CLOCK"):
            return self.leaf("i64", self.call("llvm.readcyclecounter", "i64"), False)
        if name.startswith("SR_GLOBALTIMER"):
            return self.leaf("i64", self.runtime("globaltimer", "i64"), False)
        return self.zext(self.special(name), "i64")

    # --- warp operations ----------------------------------------------------------------------------
    def active(self) -> V:
        return self.mask_bits()

    def ballot(self, p: V) -> V:
        return self.and_(self.bits_of(p), self.mask_bits())

    def lane_uniform(self, v: V) -> V:
        if v.kind in "cu":
            return v
        m = self.mask_bits()
        if m.kind == "c":
            lane = "0"
        else:
            lane = self.call("llvm.cttz.i32", "i32", f"i32 {self.scalar(m)}", "i1 false")
            lane = self.ins(f"and i32 {lane}, 31")
        return self.leaf("i32", self.ins(f"extractelement <32 x i32> {self.vector(v)}, i32 {lane}"), False)

    def shuffle(self, v: V, lane: V) -> V:
        if v.kind in "cu":
            return v
        x = self.vector(v)
        if lane.kind == "k":
            idx = "<" + ", ".join(f"i32 {c & 31}" for c in lane.c) + ">"
            r = self.ins(f"shufflevector <32 x i32> {x}, <32 x i32> poison, <32 x i32> {idx}")
            return self.leaf("i32", r, True)
        if lane.kind in "cu":
            n = self.scalar(self.and_(lane, self.const("i32", 31)))
            return self.leaf("i32", self.ins(f"extractelement <32 x i32> {x}, i32 {n}"), False)
        n = self.vector(lane)
        if self.module.features["avx512"]:
            a, b = self._split("i32", x, 16)
            out = [
                self.call(
                    "llvm.x86.avx512.vpermi2var.d.512",
                    "<16 x i32>",
                    f"<16 x i32> {a}",
                    f"<16 x i32> {i}",
                    f"<16 x i32> {b}",
                )
                for i in self._split("i32", n, 16)
            ]
            return self.leaf("i32", self._join("i32", out, 16), True)
        buf = self.place("shuffled", "<32 x i32>")
        self.do(f"store <32 x i32> {x}, ptr {buf}, align 64")
        m = self.ins(f"and <32 x i32> {n}, splat (i32 31)")
        p = self.ins(f"getelementptr i32, ptr {buf}, <32 x i32> {m}")
        r = self.call(
            "llvm.masked.gather.v32i32.v32p0",
            "<32 x i32>",
            f"<32 x ptr> align 4 {p}",
            "<32 x i1> splat (i1 true)",
            "<32 x i32> poison",
        )
        return self.leaf("i32", r, True)

    # --- effects ------------------------------------------------------------------------------------
    def fence(self) -> None:
        self.do("fence seq_cst")

    def barrier(self, bar_id: V | int, count: V | None, mode: str = "sync") -> None:
        """The emitter ends the block here; sync waits there, arrive only counts."""
        self.flags |= abi.FLAG_BARRIER
        self.barrier_request = (self._number(bar_id), "0" if count is None else self._number(count), mode)

    def barrier_reduce(self, bar_id: V | int, count: V | None, op: str, p: V) -> None:
        self.flags |= abi.FLAG_BARRIER
        m = self.mask_bits()
        votes = self.and_(self.bits_of(p), m)
        code = {"popc": 0, "and": 1, "or": 2}[op]
        self.runtime("reduce_arrive", "void", f"i32 {code}", f"i32 {self.scalar(m)}", f"i32 {self.scalar(votes)}")
        self.barrier_request = (self._number(bar_id), "0" if count is None else self._number(count), "sync")

    def _number(self, x: V | int) -> str:
        if isinstance(x, int):
            return str(x)
        return self.scalar(self.lane_uniform(x))

    def barrier_result(self) -> V:
        return self.leaf("i32", self.runtime("reduce_result", "i32"), False)

    def trap(self, why: str) -> None:
        def go() -> str:
            self.runtime("trap", "void", f"i32 {abi.TRAP_INSTRUCTION}")
            return ""

        self._if_any(go, "void", "")
