"""The thread builder: machine state, memory and warp operations of one thread, as C text.

An operation of the warp (shuffle, vote, match, first lane) or of the CTA (barrier) ends the thread's run: it leaves
its request in variables, jumps to ``SYNC`` and continues at a label when the exchange there (thread_kernel.py) has
served it. So the exchange itself stands in uniform flow, whatever the control flow of the kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..cfg import is_hint, is_syscall, target
from ..ir import PT, RZ, URZ, Instr, LiftError, Pred, Reg, UPred, UReg
from ..semantics import TABLE, describe
from ..semantics.control import called_address
from . import abi
from .thread_values import C_TYPE, Features, T, ThreadValues
from .values import WIDTH

# What a thread asks for when it stops; as in thread_kernel.SYNC.
RUN, WARP_OPERATION, YIELD, BARRIER, DONE = range(5)
LANE_MASKS = {
    "SR_EQMASK": "1u << lane",
    "SR_LTMASK": "(1u << lane) - 1u",
    "SR_LEMASK": "0xffffffffu >> (31u - lane)",
    "SR_GTMASK": "~(0xffffffffu >> (31u - lane))",
    "SR_GEMASK": "0xffffffffu << lane",
}
DIMS = {"SR_NTID.X": 0, "SR_NTID.Y": 4, "SR_NTID.Z": 8, "SR_NCTAID.X": 12, "SR_NCTAID.Y": 16, "SR_NCTAID.Z": 20}
ATOMIC_64 = ("i64", "f64")
# __syncwarp: where the compiler knows that the warp runs together, a NOP is left of it.
WARP_SYNCS = ("WARPSYNC", "NOP")
ERROR_ASSERT, ERROR_INSTRUCTION, ERROR_LAUNCH = 710, 715, 719
# Bytes of the caller's argument buffer that a printf record keeps.
PRINT_BYTES = 256


class ThreadBuilder(ThreadValues):
    """Implements builder.Builder. One instance writes the body of one kernel."""

    def __init__(self, features: Features, local_bytes: int):
        super().__init__(features)
        self.local_bytes = local_bytes
        self.registers: set[str] = set()
        self.constants: set[int] = set()  # offsets of words of constant bank 0
        self.banks: set[int] = set()
        self.uses: set[str] = set()  # shared, local, exchange, barrier, counts, reduce, match, clock, print
        self.may_be_shared = self.may_be_local = False
        self.resumes = 0  # continuation labels given
        self.block = 0  # the running one
        self.stops: set[int] = set()  # blocks with continuations
        self.guard: T | None = None
        # Spaces accessed since the lanes of the warp last met, as far as the block shows; all at its start.
        self.touched: set[str] = set()
        self._uniform_writes: list[str] = []  # of the running guarded instruction
        self._mask: T | None = None  # active lanes of the running instruction
        self.entries: list[int] = []  # continuation numbers in the order of the code; see stop
        # What registers hold, as far as the running segment shows: compilers take long over copies.
        self._held: dict[str, T] = {}
        self._held_segment = 0

    # --- instructions -------------------------------------------------------------------------------
    def guard_value(self, guard: Pred | UPred) -> T | None:
        """The guard as an i1, None where it always holds."""
        if guard.n == PT and not guard.neg:
            return None
        p = self.pred(guard.n) if isinstance(guard, Pred) else self.upred(guard.n)
        return self.not_(p) if guard.neg else p

    def guarded(self, guard: Pred | UPred, action: Callable[[], None]) -> None:
        """What action writes runs under a guard. A jump over it, where it may contain labels."""
        g = self.guard_value(guard)
        self._mask = None
        if g is None:
            action()
            return
        self._uniform_writes = []
        self.where(g, action)
        if self._uniform_writes and isinstance(guard, Pred) and g.bits is None:
            self._spread(g, self._uniform_writes)

    def _synchronise_warp(self) -> None:
        """What lanes have written to memory is there for the others behind this place."""
        if not self.touched:
            return
        if "global" in self.touched:
            self.uses.add("global_sync")
        self._publish("0u")

    def _spread(self, executed: T, names: list[str]) -> None:
        """A uniform register is the warp's: lanes whose guard did not hold get what the others wrote."""
        self._publish(f"(u32){self.t(executed)}")
        mask = self.make("i32", "xb")
        self._mask = self.make("i32", "xm")
        any_lane = self.icmp("ne", mask, self.const("i32", 0))
        first = self.sub(self.const("i32", 31), self.ctlz(self.and_(mask, self.neg(mask))))
        for name in dict.fromkeys(names):
            self._publish(f"(u32){name}", self.t(self.select(any_lane, first, self.special("SR_LANEID"))))
            self._write(name, self.make("i32", "xr") if name[0] == "u" else self.trunc(self.make("i32", "xr"), "i1"))

    def subroutine(self, name: str, action: Callable[..., list[T]], values: Sequence[T]) -> list[T]:
        return action(self, *values)

    def load_matrices(self, addr: T, count: int, transposed: bool, action: Callable[..., list[T]]) -> list[T]:
        return action(self, addr)

    def where(self, g: T, action: Callable[[], None]) -> None:
        """What action writes happens where g holds."""
        if g.bits is not None:
            if g.bits:
                action()
            return
        text = self.t(g)
        before = self.out
        segment, start = before.segment, len(before.lines)
        held = dict(self._held)
        action()
        self._held = {name: v for name, v in held.items() if self._held.get(name) is v}
        lines = before.lines[start:]
        del before.lines[start:]
        before.inner.update(line[1] for line in lines if line[0] in ("define", "declare"))
        if before.segment == segment:
            before.lines += [("do", f"if ({text}) {{"), *lines, ("do", "}")]
        else:
            self.resumes += 1
            end = f"L{self.resumes}"
            before.lines += [("do", f"if (!({text})) goto {end};"), *lines]
            before.label(end)
        self._mask = None

    def instruction(self, i: Instr) -> None:
        function = TABLE.get(i.op)
        if function is None:
            raise LiftError(f"no semantics for {describe(i)}")
        try:
            self.guarded(i.guard, lambda: function(self, i))
        except LiftError as error:
            if str(error).startswith("no semantics"):
                raise
            raise LiftError(f"{describe(i)}: {error}") from None

    def straight(self, i: Instr) -> None:
        """Emit one instruction inside a block: anything but the block's terminator."""
        if i.op in WARP_SYNCS:
            self.guarded(i.guard, self._synchronise_warp)
        if is_hint(i) or (i.op == "BMOV" and not isinstance(i.operands[0], Reg)):
            return
        if i.op == "BMOV":
            self.guarded(i.guard, lambda: self.set_reg(i.operands[0].n, self.const("i32", 0)))
        elif i.op == "LEPC":
            self.guarded(i.guard, lambda: self.set_reg64(i.operands[0].n, self.const("i64", i.offset)))
        elif i.op == "RPCMOV":
            raise LiftError(f"no semantics for {describe(i)}")
        elif is_syscall(i):
            self.guarded(i.guard, lambda: self._syscall(i))
        else:
            self.instruction(i)

    def branch_target(self, i: Instr) -> T:
        """Offset in the section: register plus label."""
        register = next((o for o in i.operands if isinstance(o, (Reg, UReg))), None)
        if register is None:
            raise LiftError(f"indirect branch without a register: {describe(i)}")
        v = self.reg(register.n) if isinstance(register, Reg) else self.ureg(register.n)
        return v if i.op == "RET" and not i.has("REL") else self.add(v, self.const("i32", target(i)))

    # --- machine state ------------------------------------------------------------------------------
    def _holds(self) -> dict[str, T]:
        if self._held_segment != self.out.segment:
            self._held, self._held_segment = {}, self.out.segment
        return self._held

    def _read(self, ty: str, name: str) -> T:
        self.registers.add(name)
        held = self._holds()
        if name not in held:
            held[name] = self.make(ty, name)
        return held[name]

    def _write(self, name: str, v: T) -> None:
        self.registers.add(name)
        self.out.do(f"{name} = {self.t(v)};")
        self._holds()[name] = v

    def reg(self, n: int) -> T:
        return self.const("i32", 0) if n == RZ else self._read("i32", f"r{n}")

    def set_reg(self, n: int, v: T) -> None:
        if n != RZ:
            self._write(f"r{n}", v)

    def reg64(self, n: int) -> T:
        return self.const("i64", 0) if n == RZ else self.pack64(self.reg(n), self.reg(n + 1))

    def set_reg64(self, n: int, v: T) -> None:
        if n != RZ:
            self.set_reg(n, self.lo32(v))
            self.set_reg(n + 1, self.hi32(v))

    def ureg(self, n: int) -> T:
        return self.const("i32", 0) if n == URZ else self._read("i32", f"ur{n}")

    def set_ureg(self, n: int, v: T) -> None:
        if n != URZ:
            self._uniform_writes.append(f"ur{n}")
            self._write(f"ur{n}", v)

    def ureg64(self, n: int) -> T:
        return self.const("i64", 0) if n == URZ else self.pack64(self.ureg(n), self.ureg(n + 1))

    def set_ureg64(self, n: int, v: T) -> None:
        if n != URZ:
            self.set_ureg(n, self.lo32(v))
            self.set_ureg(n + 1, self.hi32(v))

    def pred(self, n: int) -> T:
        return self.const("i1", 1) if n == PT else self._read("i1", f"p{n}")

    def set_pred(self, n: int, v: T) -> None:
        if n != PT:
            self._write(f"p{n}", v)

    def upred(self, n: int) -> T:
        return self.const("i1", 1) if n == PT else self._read("i1", f"q{n}")

    def set_upred(self, n: int, v: T) -> None:
        if n != PT:
            self._uniform_writes.append(f"q{n}")
            self._write(f"q{n}", v)

    def special(self, name: str) -> T:
        if name in LANE_MASKS:
            return self.make("i32", LANE_MASKS[name])
        if name in DIMS:
            return self.load_const(0, DIMS[name], "i32")
        if name == "SR_SMEMSZ":
            return self.load_const(0, abi.C0_SHARED_BYTES, "i32")
        names = {"SR_LANEID": "lane", "SR_WARPID": "lid >> 5"}
        names |= {f"SR_TID.{c}": f"tid{c.lower()}" for c in "XYZ"}
        names |= {f"SR_CTAID.{c}": f"cta{c.lower()}" for c in "XYZ"}
        if name in names:
            return self.make("i32", names[name])
        if name == "SR_TID":
            return self.make("i32", "tidx | tidy << 16 | tidz << 26")
        zero = ("SRZ", "SR_SRZ", "SR_VIRTCFG", "SR_VIRTSM", "SR_SMID", "SR_GRIDID", "SR_SWINLO", "SR_LWINLO")
        if name in zero:
            return self.const("i32", 0)
        if name in ("SR_SWINHI", "SR_SWIN_HI"):
            return self.const("i32", abi.SHARED_HI)
        if name == "SR_LWINHI":
            return self.const("i32", abi.LOCAL_HI)
        if "CLOCK" in name or "TIMER" in name:
            wide = self.special64(name)
            return self.hi32(wide) if name.endswith("HI") else self.lo32(wide)
        raise LiftError(f"special register {name}")

    def special64(self, name: str) -> T:
        if "CLOCK" in name or "TIMER" in name:
            # There is no clock to read; the count of reads makes time pass for loops that wait.
            self.uses.add("clock")
            return self.make("i64", "(clock += 4096)")
        return self.zext(self.special(name), "i64")

    # --- memory ---------------------------------------------------------------------------------------
    def _pointer(self, space: str, ty: str, address: str) -> str:
        macro = {"global": "GPTR", "shared": "LPTR", "local": "PPTR"}[space]
        self.uses.add(space)
        if space != "local":
            self.touched.add(space)
        return f"{macro}(m{WIDTH[ty]}, {address})"

    def _spaces(self, space: str, address: T) -> list[tuple[str, str, str]]:
        """(condition, space, address text) of the spaces an address may lie in; the last condition is empty."""
        x = self.t(address)
        if space != "generic":
            return [("", space, x)]
        out = []
        if self.may_be_shared:
            out.append((f"(u32)({x} >> 32) == {abi.SHARED_HI:#x}u", "shared", f"(u32){x}"))
        if self.may_be_local:
            out.append((f"(u32)({x} >> 32) == {abi.LOCAL_HI:#x}u", "local", f"(u32){x}"))
        return [*out, ("", "global", x)]

    def _each_space(self, space: str, address: T, statement: Callable[[str, str], str]) -> None:
        text = ""
        for condition, where, x in self._spaces(space, address):
            text += f"if ({condition}) {{ {statement(where, x)} }} else " if condition else ""
            if not condition:
                text += f"{{ {statement(where, x)} }}"
        self.out.do(text)

    def load(self, space: str, addr: T, ty: str) -> T:
        places = self._spaces(space, addr)
        if len(places) == 1:
            return self.make(ty, f"*{self._pointer(places[0][1], ty, places[0][2])}")
        v = self.out.declare(ty)
        self._each_space(space, addr, lambda where, x: f"{v.text} = *{self._pointer(where, ty, x)};")
        return v

    def load_words(self, space: str, addr: T, n: int) -> list[T]:
        step = self.const(addr.ty, 4)
        out, at = [], addr
        for k in range(n):
            out.append(self.load(space, at, "i32"))
            if k + 1 < n:
                at = self.add(at, step)
        return out

    def store(self, space: str, addr: T, v: T) -> None:
        x = self.t(v)
        self._each_space(space, addr, lambda where, a: f"*{self._pointer(where, v.ty, a)} = {x};")

    def store_words(self, space: str, addr: T, words: Sequence[T]) -> None:
        step, at = self.const(addr.ty, 4), addr
        for k, word in enumerate(words):
            self.store(space, at, word)
            if k + 1 < len(words):
                at = self.add(at, step)

    def load_const(self, bank: T | int, offset: T | int, ty: str) -> T:
        if not isinstance(bank, int):
            raise LiftError("bindless constant bank")
        if not isinstance(offset, int) and offset.bits is not None:
            offset = offset.bits
        if bank == 0 and isinstance(offset, int) and offset % 4 == 0 and ty in ("i32", "i64"):
            words = [offset] if ty == "i32" else [offset, offset + 4]
            self.constants.update(words)
            names = [f"c_{w:x}" for w in words]
            return T(ty, names[0]) if ty == "i32" else self.make(ty, f"(u64){names[0]} | (u64){names[1]} << 32")
        at = str(offset) if isinstance(offset, int) else self.t(offset)
        base = "c0"
        if bank:
            self.banks.add(bank)
            base = f"bank{bank}"
        if ty == "i64":
            return self.make(ty, f"(u64)*CPTR(m32, {base}, {at}) | (u64)*CPTR(m32, {base}, ({at}) + 4) << 32")
        return self.make(ty, f"*CPTR(m{WIDTH[ty]}, {base}, {at})")

    def atomic(
        self, space: str, op: str, ty: str, addr: T, v: T, cmp: T | None = None, want_old: bool = True
    ) -> T | None:
        if WIDTH[ty] < 32:
            raise LiftError(f"atomic operation on {WIDTH[ty]} bits")
        if ty in ATOMIC_64 and not self.features.atom64:
            raise LiftError("64-bit atomic, which this device does not have (cl_khr_int64_base_atomics)")
        if ty == "f64":
            self.need64()
        raw = "i64" if WIDTH[ty] == 64 else "i32"
        bits = self.bitcast(v, raw)
        x = self.t(bits)
        old = self.out.declare(raw)
        name = op.replace("fadd.f16x2", "faddf16x2")

        def call(where: str, address: str) -> str:
            if where == "local":
                return f"{old.text} = *{self._pointer('local', raw, address)}; *{self._pointer('local', raw, address)} = {self._local_atomic(op, ty, old.text, x, cmp)};"
            self.uses.add(where)
            self.touched.add(where)
            letter, qualifier = ("g", "MAF_GLOBAL") if where == "global" else ("l", "MAF_LOCAL")
            p = f"(volatile {qualifier} {C_TYPE[raw]} *){'GPTR' if where == 'global' else 'LPTR'}(m{WIDTH[raw]}, {address})"
            if op == "cas":
                return f"{old.text} = maf_cas{WIDTH[raw]}_{letter}({p}, {self.t(cmp)}, {x});"
            return f"{old.text} = maf_{name}_{ty}_{letter}({p}, {x});"

        self._each_space(space, addr, call)
        return self.bitcast(old, ty) if want_old else None

    def _local_atomic(self, op: str, ty: str, old: str, x: str, cmp: T | None) -> str:
        """New value of an atomic on the thread's own memory."""
        s = f"(s{WIDTH[ty]})"
        table = {
            "add": f"{old} + {x}",
            "and": f"{old} & {x}",
            "or": f"{old} | {x}",
            "xor": f"{old} ^ {x}",
            "exch": x,
            "umin": f"{old} < {x} ? {old} : {x}",
            "umax": f"{old} > {x} ? {old} : {x}",
            "min": f"{s}{old} < {s}{x} ? {old} : {x}",
            "max": f"{s}{old} > {s}{x} ? {old} : {x}",
            "inc": f"{old} >= {x} ? 0 : {old} + 1",
            "dec": f"{old} == 0 || {old} > {x} ? {x} : {old} - 1",
            "fadd": f"as_u{WIDTH[ty]}(as_f{WIDTH[ty]}({old}) + as_f{WIDTH[ty]}({x}))",
            "fadd.f16x2": f"maf_add_f16x2_bits({old}, {x})",
        }
        if op == "cas":
            assert cmp is not None
            return f"{old} == {self.t(cmp)} ? {x} : {old}"
        return table[op]

    def is_shared(self, addr: T) -> T:
        return self.icmp("eq", self.hi32(addr), self.const("i32", abi.SHARED_HI))

    def is_local(self, addr: T) -> T:
        return self.icmp("eq", self.hi32(addr), self.const("i32", abi.LOCAL_HI))

    # --- exchanges --------------------------------------------------------------------------------------
    def stop(self, kind: int) -> None:
        """Leave for the exchange and come back behind it. The lowest number that waits in a warp goes first."""
        self.uses.add("exchange")
        self.resumes += 1
        self.out.do(f"kind = {kind}u; pc = {self.resumes}u; goto SYNC;")
        self.out.label(f"L{self.resumes}")
        self.entries.append(self.resumes)
        self.stops.add(self.block)
        self.touched = set()

    def _publish(self, v: str, lane: str = "lane") -> None:
        self.out.do(f"xv = {v}; xl = {lane};")
        self.stop(WARP_OPERATION)

    def active(self) -> T:
        if self._mask is None:
            self._publish("0u")
            self._mask = self.make("i32", "xm")
        return self._mask

    def ballot(self, p: T) -> T:
        self._publish(f"(u32){self.t(p)}")
        result = self.make("i32", "xb")
        self._mask = self.make("i32", "xm")
        return result

    def shuffle(self, v: T, lane: T) -> T:
        if v.bits is not None:
            return v
        self._publish(self.t(v), self.t(lane))
        return self.make("i32", "xr")

    def lane_uniform(self, v: T) -> T:
        if v.bits is not None:
            return v
        self.uses.add("first")
        self._publish(self.t(v))
        return self.make("i32", "xf")

    def match(self, v: T) -> T:
        self.uses.add("match")
        if v.ty == "i32":
            self._publish(self.t(v))
            result = self.make("i32", "xe")
            self._mask = self.make("i32", "xm")
            return result
        low, high = self.match(self.lo32(v)), self.match(self.hi32(v))
        return self.and_(low, high)

    # --- effects -----------------------------------------------------------------------------------------
    def fence(self) -> None:
        self.out.do("maf_fence();")

    def _number(self, x: T | int) -> str:
        return f"{x}u" if isinstance(x, int) else self.t(x)

    def barrier(self, bar_id: T | int, count: T | None, mode: str = "sync") -> None:
        self.uses |= {"barrier", "exchange"}
        if count is not None or bar_id != 0:
            self.uses.add("counts")
        if mode == "arrive":
            self.uses.add("counts")
            self.out.do(f"maf_add_i32_l(&arrived[{self._number(bar_id)} & 15u], 1u);")
            return
        n = "0u" if count is None else self.t(count)
        self.out.do(f"xv = {self._number(bar_id)} & 15u; xl = {n};")
        self.stop(BARRIER)

    def barrier_reduce(self, bar_id: T | int, count: T | None, op: str, p: T) -> None:
        self.uses |= {"barrier", "exchange", "reduce"}
        if count is not None or bar_id != 0:
            self.uses.add("counts")
        code = {"popc": 0, "and": 1, "or": 2}[op]
        n = "0u" if count is None else self.t(count)
        self.out.do(f"xv = ({self._number(bar_id)} & 15u) | (u32){self.t(p)} << 4 | {code}u << 8; xl = {n};")
        self.stop(BARRIER)

    def texture(self, code: int, handle: T, rows: Mapping[int, T]) -> Sequence[T]:
        raise LiftError("textures and surfaces are not supported on this device")

    def barrier_result(self) -> T:
        self.uses.add("reduce")
        return self.make("i32", "xred")

    def leave(self) -> None:
        """The thread ends here."""
        self.out.do("LEAVE;")

    def _report(self, error: int, where: int) -> str:
        return f"maf_fail(status, {error}u, {where:#x}u, ctax, ctay, ctaz, tidx, tidy, tidz);"

    def trap(self, why: str) -> None:
        self.out.do(self._report(ERROR_INSTRUCTION, 0))
        self.leave()

    def _syscall(self, i: Instr) -> None:
        """CALL.ABS: arguments in R4.., result in R4 (CUDA ABI)."""
        address = self.t(called_address(self, i))
        words = [self.t(self.reg(4 + k)) for k in range(12)]
        self.uses |= {"print", "local"}
        kept = " ".join(f"status[{8 + k}] = {w};" for k, w in enumerate(words))
        self.out.do(f"if ({address} == {abi.ADDRESS_VPRINTF:#x}ul) {{")
        self.out.do(f"MAF_PRINT({words[0]}, {words[1]}, {words[2]});")
        self._write("r4", self.const("i32", 1))
        self._write("r5", self.const("i32", 0))
        self.out.do("} else {")
        self.out.do(
            f"if ({address} == {abi.ADDRESS_ASSERTFAIL:#x}ul) "
            f"{{ if (status[0] == 0) {{ {self._report(ERROR_ASSERT, i.offset)} {kept} }} }} "
            f"else {{ if (status[0] == 0) {{ {self._report(ERROR_LAUNCH, i.offset)} "
            f"status[8] = (u32){address}; status[9] = (u32)({address} >> 32); }} }}"
        )
        self.leave()
        self.out.do("}")
