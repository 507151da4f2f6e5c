"""Run a decoded kernel on NumPy: the reference for every other back end. Slow and obvious.

Many warps run in lockstep: each register is an array (warps, 32). One step takes the lowest pending address,
executes its instruction in all lanes that wait there, and advances them; divergence and reconvergence follow
from that rule, so convergence barriers (BSSY, BSYNC, ...) have nothing to do. So that a lane spinning at a low
address cannot starve the lane it waits for, every 16th step serves the warp that ran least recently.

Launch constants in bank 0 on sm_70 and sm_75 (seen in compiled code):
0x00 blockDim, 0x0c gridDim, 0x18 64-bit base of the generic shared window, 0x20 64-bit base of the generic local
window, 0x28 initial stack pointer R1 (the end of local memory), 0x2c dynamic shared memory in bytes, 0x30 64-bit
%gridid, 0x50 64-bit base of the generic constant window, which __isGlobal excludes (0: there is none), 0x88 + 4 n %envreg n (1 and 2: the
workspace of grid barriers), 0x10c %nsmid. Shared addresses are the low 24 bits of a generic address (``LOP3 R, R, 0xffffff``), so the
shared window starts at a multiple of 16 MiB.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .ir import PT, RZ, URZ, Instr, Label, LiftError, Pred, Reg, UPred, UReg
from .memory_map import LOCAL_WINDOW, SHARED_WINDOW, WINDOW_BYTES, Memory, MemoryFault
from .numpy_values import DTYPES, Array, NumpyValues, to_half
from .semantics import CONTROL, TABLE
from .semantics.core import describe

ALL = slice(None)
LANES = np.arange(32, dtype=np.uint32)
INSTRUCTION_BYTES = 16
STACK_LIMIT = 1024  # bytes per thread, the default of cudaLimitStackSize


class Trap(Exception):
    """BPT.TRAP or a failed device assertion."""


class Deadlock(Exception):
    """Every remaining lane waits at a barrier that cannot open."""


@dataclass(slots=True)
class Launch:
    """What all threads of a launch share."""

    name: str
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    shared_bytes: int
    local_bytes: int
    banks: Mapping[int, bytes]
    memory: Memory
    # Address in the constant banks -> name of a host-provided function (vprintf, __assertfail).
    externals: Mapping[int, str] = field(default_factory=dict)
    printf: Callable[[int, int], None] | None = None


class NumpyBuilder(NumpyValues):
    """The Builder interface over the state of a batch of CTAs."""

    def __init__(self, launch: Launch, ctas: Sequence[int]):
        self.launch = launch
        threads = int(np.prod(launch.block))
        self.warps_per_cta = -(-threads // 32)
        self.warps = self.warps_per_cta * len(ctas)
        shape = (self.warps, 32)
        self.cta_of_warp = np.repeat(np.arange(len(ctas)), self.warps_per_cta)
        self.cta_index = np.repeat(np.array(ctas, np.int64), self.warps_per_cta)[:, None]
        linear = (np.arange(self.warps) % self.warps_per_cta)[:, None] * 32 + LANES[None, :].astype(np.int64)
        self.thread = linear
        self.alive = linear < threads
        self.pc = np.where(self.alive, 0, -1).astype(np.int64)
        self.blocked = np.zeros(shape, bool)
        self.regs: dict[int, Array] = {}
        self.uregs: dict[int, Array] = {}
        self.preds: dict[int, Array] = {}
        self.upreds: dict[int, Array] = {}
        self.shared = np.zeros((len(ctas), max(launch.shared_bytes, 1) + 15 & ~15), np.uint8)
        self.local = np.zeros((self.warps * 32, (launch.local_bytes + 15) & ~15 or 16), np.uint8)
        self.rows: Any = ALL
        self.mask = self.alive
        self.instr = Instr(0, "NOP")
        self.barrier_id = np.full(shape, -1, np.int64)
        self.barrier_want = np.zeros(shape, np.int64)
        self.barrier_arrived: dict[tuple[int, int], int] = {}
        self.reduce_input = np.zeros(shape, bool)
        self.reduce_op: dict[int, str] = {}
        self.reduction = np.zeros((self.warps, 1), np.uint32)
        self.clock = 0

    # --- machine state ---------------------------------------------------------------------
    def _shape(self) -> tuple[int, int]:
        return self.mask.shape

    def reg(self, n: int) -> Array:
        if n == RZ or n not in self.regs:
            return np.zeros((1, 1), np.uint32)
        return self.regs[n][self.rows]

    def _write(self, bank: dict[int, Array], n: int, value: Array, dtype: type, lanes: int, mask: Array) -> None:
        if value.dtype != dtype:
            raise TypeError(f"{describe(self.instr)}: writes {value.dtype}")
        old = bank.get(n)
        if old is None:
            old = np.zeros((self.warps, lanes), dtype)
        if self.rows is ALL:
            bank[n] = np.array(np.broadcast_to(value, old.shape)) if mask.all() else np.where(mask, value, old)
            return
        new = old.copy()
        new[self.rows] = np.where(mask, value, old[self.rows])
        bank[n] = new

    def set_reg(self, n: int, v: Array) -> None:
        if n != RZ:
            self._write(self.regs, n, v, np.uint32, 32, self.mask)

    def reg64(self, n: int) -> Array:
        return self.pack64(self.reg(n), self.reg(n + 1 if n != RZ else n))

    def set_reg64(self, n: int, v: Array) -> None:
        if n != RZ:
            self.set_reg(n, self.lo32(v))
            self.set_reg(n + 1, self.hi32(v))

    def ureg(self, n: int) -> Array:
        if n == URZ or n not in self.uregs:
            return np.zeros((1, 1), np.uint32)
        return self.uregs[n][self.rows]

    def _uniform(self, v: Array) -> Array:
        if v.shape[1] != 1:
            raise LiftError(f"{self.launch.name}+{describe(self.instr)}: a uniform register gets a lane-varying value")
        return v

    def set_ureg(self, n: int, v: Array) -> None:
        if n != URZ:
            self._write(self.uregs, n, self._uniform(v), np.uint32, 1, self.mask.any(axis=1, keepdims=True))

    def ureg64(self, n: int) -> Array:
        return self.pack64(self.ureg(n), self.ureg(n + 1 if n != URZ else n))

    def set_ureg64(self, n: int, v: Array) -> None:
        if n != URZ:
            self.set_ureg(n, self.lo32(v))
            self.set_ureg(n + 1, self.hi32(v))

    def pred(self, n: int) -> Array:
        if n == PT:
            return np.ones((1, 1), bool)
        return self.preds[n][self.rows] if n in self.preds else np.zeros((1, 1), bool)

    def set_pred(self, n: int, v: Array) -> None:
        if n != PT:
            self._write(self.preds, n, v, np.bool_, 32, self.mask)

    def upred(self, n: int) -> Array:
        if n == PT:
            return np.ones((1, 1), bool)
        return self.upreds[n][self.rows] if n in self.upreds else np.zeros((1, 1), bool)

    def set_upred(self, n: int, v: Array) -> None:
        if n != PT:
            self._write(self.upreds, n, self._uniform(v), np.bool_, 1, self.mask.any(axis=1, keepdims=True))

    def special(self, name: str) -> Array:
        launch, thread, cta = self.launch, self.thread[self.rows], self.cta_index[self.rows]
        (bx, by, bz), (gx, gy, _) = launch.block, launch.grid
        ones = np.uint32(0xFFFFFFFF)
        table: dict[str, Callable[[], Array]] = {
            "SR_TID.X": lambda: thread % bx,
            "SR_TID.Y": lambda: thread // bx % by,
            "SR_TID.Z": lambda: thread // (bx * by),
            "SR_CTAID.X": lambda: cta % gx,
            "SR_CTAID.Y": lambda: cta // gx % gy,
            "SR_CTAID.Z": lambda: cta // (gx * gy),
            "SR_LANEID": lambda: LANES[None, :],
            "SR_WARPID": lambda: thread[:, :1] // 32,
            "SR_EQMASK": lambda: np.uint32(1) << LANES[None, :],
            "SR_LTMASK": lambda: (np.uint32(1) << LANES[None, :]) - np.uint32(1),
            "SR_LEMASK": lambda: ones >> (np.uint32(31) - LANES[None, :]),
            "SR_GTMASK": lambda: ~(ones >> (np.uint32(31) - LANES[None, :])),
            "SR_GEMASK": lambda: ones << LANES[None, :],
            "SR_NTID": lambda: np.array([[bx * by * bz]]),
            "SR_SMEMSZ": lambda: np.array([[launch.shared_bytes]]),
            "SR_CLOCKLO": lambda: np.array([[self.clock]]),
            "SR_CLOCKHI": lambda: np.array([[0]]),
            "SR_GLOBALTIMERLO": lambda: np.array([[self.clock]]),
            "SR_GLOBALTIMERHI": lambda: np.array([[0]]),
        }
        if name not in table:
            raise LiftError(f"{launch.name}+{describe(self.instr)}: special register {name}")
        return table[name]().astype(np.uint32)

    def special64(self, name: str) -> Array:
        return self.special(name).astype(np.uint64)

    # --- memory ----------------------------------------------------------------------------
    def _fault(self, address: int, why: str) -> MemoryFault:
        return MemoryFault(f"{self.launch.name}+{describe(self.instr)}: {why} at address {address:#x}")

    def _active(self, *values: Array) -> tuple[Array, ...]:
        """Row and lane numbers of executing lanes, and each value there."""
        row, lane = np.nonzero(self.mask)
        full = [np.broadcast_to(v, self._shape())[row, lane] for v in values]
        rows = np.arange(self.warps)[self.rows][row]
        return rows, lane, *full

    def _buffer(self, space: str, rows: Array, lanes: Array) -> tuple[Array, Array]:
        """Flat bytes of shared or local memory and each lane's start in them."""
        if space == "shared":
            return self.shared, self.cta_of_warp[rows] * self.shared.shape[1]
        return self.local, (rows * 32 + lanes) * self.local.shape[1]

    def _access(self, space: str, rows: Array, lanes: Array, addr: Array, size: int, value: Array | None) -> Array:
        """Gather (value None) or scatter ``size`` bytes per lane; returns unsigned values of that size."""
        if addr.size == 0:
            return np.zeros(0, f"u{min(size, 8)}")
        if (addr & addr.dtype.type(size - 1)).any():
            bad = addr[(addr & addr.dtype.type(size - 1)) != 0][0]
            raise self._fault(int(bad), f"misaligned {size}-byte access")
        if space in ("shared", "local"):
            memory, start = self._buffer(space, rows, lanes)
            limit = memory.shape[1]
            if (addr.astype(np.uint64) + np.uint64(size) > limit).any():
                raise self._fault(int(addr.max()), f"{space} access beyond {limit} bytes")
            flat = memory.reshape(-1).view(f"u{size}")
            index = (start + addr.astype(np.int64)) // size
            if value is None:
                return flat[index]
            flat[index] = value
            return value
        if space == "global":
            return self.launch.memory.access(addr, size, value, self._fault)
        out = np.zeros(addr.shape, f"u{size}")
        shared = addr - np.uint64(SHARED_WINDOW) < np.uint64(WINDOW_BYTES)
        local = addr - np.uint64(LOCAL_WINDOW) < np.uint64(WINDOW_BYTES)
        for name, where in (("shared", shared), ("local", local), ("global", ~(shared | local))):
            if where.any():
                inner = addr[where] if name == "global" else (addr[where] & np.uint64(0xFFFFFF)).astype(np.uint32)
                part = None if value is None else value[where]
                out[where] = self._access(name, rows[where], lanes[where], inner, size, part)
        return out

    def load(self, space: str, addr: Array, ty: str) -> Array:
        rows, lanes, addresses = self._active(addr)
        dtype = DTYPES[ty]
        out = np.zeros(self._shape(), dtype)
        out[self.mask] = self._access(space, rows, lanes, addresses, np.dtype(dtype).itemsize, None)
        return out

    def load_words(self, space: str, addr: Array, n: int) -> list[Array]:
        self._check_wide(addr, n)
        return [self.load(space, addr + addr.dtype.type(4 * i), "i32") for i in range(n)]

    def _check_wide(self, addr: Array, n: int) -> None:
        bad = (np.broadcast_to(addr, self._shape()) & addr.dtype.type(4 * n - 1) != 0) & self.mask
        if bad.any():
            raise self._fault(int(np.broadcast_to(addr, self._shape())[bad][0]), f"misaligned {4 * n}-byte access")

    def store(self, space: str, addr: Array, v: Array) -> None:
        rows, lanes, addresses, values = self._active(addr, v)
        self._access(space, rows, lanes, addresses, v.dtype.itemsize, values)

    def store_words(self, space: str, addr: Array, words: Sequence[Array]) -> None:
        self._check_wide(addr, len(words))
        for i, word in enumerate(words):
            self.store(space, addr + addr.dtype.type(4 * i), word)

    def load_const(self, bank: int, offset: Array | int, ty: str) -> Array:
        dtype = np.dtype(DTYPES[ty])
        data = self.launch.banks.get(bank, b"")
        if isinstance(offset, int):
            offset = np.array([[offset & 0xFFFFFFFF]], np.uint32)
        data = np.frombuffer(data, np.uint8)
        # Lanes that do not execute may hold any offset.
        active = self.mask if offset.shape[1] == 32 else self.mask.any(axis=1, keepdims=True)
        inside = offset.astype(np.int64) + dtype.itemsize <= data.size
        if (active & ~inside).any():
            raise self._fault(int(offset.max()), f"read beyond constant bank {bank} of {data.size} bytes")
        start = np.where(inside, offset, 0).astype(np.int64)[..., None] + np.arange(dtype.itemsize)
        return data[np.minimum(start, max(data.size - 1, 0))].view(dtype)[..., 0]

    def atomic(
        self, space: str, op: str, ty: str, addr: Array, v: Array, cmp: Array | None = None, want_old: bool = True
    ) -> Array | None:
        rows, lanes, addresses, values, expected = self._active(addr, v, v if cmp is None else cmp)
        dtype = np.dtype(DTYPES[ty])
        raw = np.dtype(f"u{dtype.itemsize}")
        old = np.zeros(addresses.shape, dtype)
        for i in range(addresses.size):
            one = slice(i, i + 1)
            before = self._access(space, rows[one], lanes[one], addresses[one], dtype.itemsize, None).view(dtype)
            old[i] = before[0]
            after = _atomic_result(op, before, values[one], expected[one])
            self._access(space, rows[one], lanes[one], addresses[one], dtype.itemsize, after.view(raw))
        if not want_old:
            return None
        out = np.zeros(self._shape(), dtype)
        out[self.mask] = old
        return out

    def is_shared(self, addr: Array) -> Array:
        return addr - np.uint64(SHARED_WINDOW) < np.uint64(WINDOW_BYTES)

    def is_local(self, addr: Array) -> Array:
        return addr - np.uint64(LOCAL_WINDOW) < np.uint64(WINDOW_BYTES)

    # --- warp ------------------------------------------------------------------------------
    def _bits(self, lanes: Array) -> Array:
        return (lanes.astype(np.uint32) << LANES).sum(axis=1, dtype=np.uint32, keepdims=True)

    def active(self) -> Array:
        return self._bits(self.mask)

    def ballot(self, p: Array) -> Array:
        return self._bits(self.mask & p)

    def shuffle(self, v: Array, lane: Array) -> Array:
        lane = np.broadcast_to(lane & np.uint32(31), self._shape())
        return np.take_along_axis(np.broadcast_to(v, self._shape()), lane.astype(np.int64), axis=1)

    def lane_uniform(self, v: Array) -> Array:
        first = np.argmax(self.mask, axis=1)[:, None]
        return np.take_along_axis(np.broadcast_to(v, self._shape()), first, axis=1)

    def match(self, v: Array) -> Array:
        v = np.broadcast_to(v, self._shape())
        same = (v[:, :, None] == v[:, None, :]) & self.mask[:, None, :]
        return (same.astype(np.uint32) << LANES).sum(axis=2, dtype=np.uint32)

    # --- effects ---------------------------------------------------------------------------
    def fence(self) -> None:
        pass

    def barrier(self, bar_id: Array | int, count: Array | None, mode: str = "sync") -> None:
        ids = np.broadcast_to(np.asarray(bar_id, np.int64), self._shape())
        counts = np.zeros(self._shape(), np.int64) if count is None else np.broadcast_to(count, self._shape())
        rows = np.arange(self.warps)[self.rows]
        for i, row in enumerate(rows):
            active = self.mask[i]
            if not active.any():
                continue
            lane = int(np.argmax(active))
            key = (int(self.cta_of_warp[row]), int(ids[i, lane]))
            # A warp arrives as a whole: lanes that do not exist or have exited count as present.
            whole = not (self.alive[row] & ~active).any()
            self.barrier_arrived[key] = self.barrier_arrived.get(key, 0) + (32 if whole else int(active.sum()))
            if mode == "sync":
                self.blocked[row] |= active
                self.barrier_id[row][active] = key[1]
                self.barrier_want[row][active] = int(counts[i, lane])
        self._release_barriers()

    def _release_barriers(self) -> None:
        waiting = self.blocked & self.alive
        for row in np.unique(np.nonzero(waiting)[0]):
            lanes = waiting[row]
            if not lanes.any() or not self.blocked[row].any():
                continue
            lane = int(np.argmax(self.blocked[row] & self.alive[row]))
            key = (int(self.cta_of_warp[row]), int(self.barrier_id[row, lane]))
            members = self.cta_of_warp == key[0]
            here = members[:, None] & self.blocked & (self.barrier_id == key[1])
            want = int(self.barrier_want[row, lane])
            if want == 0:
                ready = not (self.alive & members[:, None] & ~here).any()
            else:
                ready = self.barrier_arrived.get(key, 0) >= want
            if not ready:
                continue
            self.barrier_arrived[key] = 0
            self._finish_reduction(key, members, here)
            self.blocked &= ~here
            self.barrier_id[here] = -1
            waiting = self.blocked & self.alive

    def _finish_reduction(self, key: tuple[int, int], members: Array, here: Array) -> None:
        op = self.reduce_op.pop(key[0], None)
        if op is None:
            return
        values = self.reduce_input[here]
        result = {"popc": int(values.sum()), "and": int(values.all()), "or": int(values.any())}[op]
        self.reduction[members & here.any(axis=1)] = result

    def barrier_reduce(self, bar_id: Array | int, count: Array | None, op: str, p: Array) -> None:
        full = self.reduce_input.copy()
        full[self.rows] = np.where(self.mask, p, full[self.rows])
        self.reduce_input = full
        for row in np.arange(self.warps)[self.rows][self.mask.any(axis=1)]:
            self.reduce_op[int(self.cta_of_warp[row])] = op
        self.barrier(bar_id, count, "sync")

    def barrier_result(self) -> Array:
        return self.reduction[self.rows]

    def trap(self, why: str) -> None:
        if self.mask.any():
            raise Trap(f"{self.launch.name}+{describe(self.instr)}: {why}")


def _atomic_result(op: str, old: Array, value: Array, expected: Array) -> Array:
    """New memory contents of one atomic operation; arrays of one element."""
    signed = f"i{old.dtype.itemsize}"
    one = old.dtype.type(1)
    if op == "fadd.f16x2":
        total = old.view(np.float16).astype(np.float64) + value.view(np.float16).astype(np.float64)
        return to_half(total, "rn").view(old.dtype)
    functions: dict[str, Callable[[], Array]] = {
        "add": lambda: old + value,
        "fadd": lambda: old + value,
        "min": lambda: np.minimum(old.view(signed), value.view(signed)).view(old.dtype),
        "max": lambda: np.maximum(old.view(signed), value.view(signed)).view(old.dtype),
        "umin": lambda: np.minimum(old, value),
        "umax": lambda: np.maximum(old, value),
        "and": lambda: old & value,
        "or": lambda: old | value,
        "xor": lambda: old ^ value,
        "exch": lambda: value.copy(),
        "cas": lambda: np.where(old == expected, value, old),
        "inc": lambda: np.where(old >= value, old.dtype.type(0), old + one),
        "dec": lambda: np.where((old == 0) | (old > value), value, old - one),
    }
    return functions[op]()


class Machine:
    """Executes one batch of CTAs to the end."""

    def __init__(self, launch: Launch, instrs: Iterable[Instr], ctas: Sequence[int]):
        self.program = {instr.offset: instr for instr in instrs}
        self.builder = NumpyBuilder(launch, ctas)
        self.executed = 0

    def run(self, step_limit: int | None = None) -> int:
        """Run until all lanes exited; returns the number of steps. Raises Deadlock, Trap, MemoryFault, LiftError."""
        b = self.builder
        far = np.int64(1 << 62)
        last_run = np.zeros(b.warps, np.int64)
        with np.errstate(all="ignore"):
            while True:
                ready = b.alive & ~b.blocked
                lowest = np.where(ready, b.pc, far).min(axis=1)
                running = lowest < far
                if not running.any():
                    if b.alive.any():
                        raise Deadlock(f"{b.launch.name}: {int(b.alive.sum())} lanes wait at barriers")
                    return self.executed
                if self.executed % 16 == 15:
                    address = int(lowest[np.argmin(np.where(running, last_run, far))])
                else:
                    address = int(lowest[running].min())
                chosen = lowest == address
                rows = ALL if chosen.all() else np.nonzero(chosen)[0]
                last_run[rows] = self.executed
                self.step(address, rows, (ready & (b.pc == address))[rows])
                self.executed += 1
                if step_limit is not None and self.executed >= step_limit:
                    raise Deadlock(f"{b.launch.name}: no end after {step_limit} steps")

    def step(self, address: int, rows: Any, mask: Array) -> None:
        """Execute the instruction at ``address`` in the lanes of ``mask`` (of the warps ``rows``)."""
        b = self.builder
        instr = self.program.get(address)
        if instr is None:
            raise LiftError(f"{b.launch.name}: control reaches {address:#x}, which holds no instruction")
        b.rows, b.instr, b.clock = rows, instr, self.executed
        pc = b.pc[rows]
        pc[mask] = address + INSTRUCTION_BYTES
        b.pc[rows] = pc
        guard = instr.guard
        if guard.n != PT or guard.neg:
            value = b.upred(guard.n) if isinstance(guard, UPred) else b.pred(guard.n)
            mask = mask & (~value if guard.neg else value)
            if not mask.any():
                return
        b.mask = mask
        if instr.op in CONTROL:
            self.control(instr)
        elif instr.op in TABLE:
            TABLE[instr.op](b, instr)
        else:
            raise LiftError(f"{b.launch.name}: no semantics for {describe(instr)}")

    # --- control flow ------------------------------------------------------------------------
    def _taken(self, instr: Instr) -> Array:
        """Lanes in which every predicate operand holds."""
        b, mask = self.builder, self.builder.mask
        for operand in instr.operands:
            if isinstance(operand, (Pred, UPred)):
                value = b.upred(operand.n) if isinstance(operand, UPred) else b.pred(operand.n)
                mask = mask & (~value if operand.neg else value)
        return mask

    def _jump(self, mask: Array, target: int | Array) -> None:
        b = self.builder
        pc = b.pc[b.rows]
        b.pc[b.rows] = np.where(mask, target, pc)

    def _target(self, instr: Instr) -> int:
        labels = [o.offset for o in instr.operands if isinstance(o, Label)]
        if len(labels) != 1:
            raise LiftError(f"{self.builder.launch.name}: branch target of {describe(instr)}")
        return labels[0]

    def _register(self, instr: Instr) -> Reg | UReg:
        return next(o for o in instr.operands if isinstance(o, (Reg, UReg)))

    def _word(self, register: Reg | UReg) -> Array:
        b = self.builder
        return b.reg(register.n) if isinstance(register, Reg) else b.ureg(register.n)

    def control(self, instr: Instr) -> None:
        b = self.builder
        handler = getattr(self, "_" + instr.op.lower(), None)
        if handler is None:
            raise LiftError(f"{b.launch.name}: control flow of {describe(instr)}")
        handler(instr)

    def _bra(self, instr: Instr) -> None:
        # .DIV leaves for the exchange by subroutine when the warp is not converged, .CONV skips it when it is.
        # Lanes that wait at one address run as one group here, so the warp counts as converged.
        if instr.has("DIV"):
            return
        self._jump(self._taken(instr), self._target(instr))

    _jmp = _bra

    def _brx(self, instr: Instr) -> None:
        """Target = register + label, whose offset already counts from the start of the function."""
        register = self._register(instr)
        self._jump(self._taken(instr), self._word(register).astype(np.int64) + self._target(instr) & 0xFFFFFFFF)

    _brxu = _brx

    def _jmx(self, instr: Instr) -> None:
        register = self._register(instr)
        self._jump(self._taken(instr), self.builder.reg64(register.n).astype(np.int64) + self._target(instr))

    def _call(self, instr: Instr) -> None:
        b = self.builder
        if instr.has("REL"):
            self._jump(self._taken(instr), self._target(instr))
            return
        register = next((o for o in instr.operands if isinstance(o, Reg)), None)
        if register is None:
            self._jump(self._taken(instr), self._target(instr))
            return
        mask = self._taken(instr)
        target = np.broadcast_to(b.reg64(register.n), mask.shape)
        for address in np.unique(target[mask]):
            lanes = mask & (target == address)
            name = b.launch.externals.get(int(address))
            if name is None:
                self._jump(lanes, int(address))
            else:
                self._external(name, lanes)

    def _external(self, name: str, lanes: Array) -> None:
        """A call into the host's device runtime: arguments from R4 on, return address in R20:R21."""
        b = self.builder
        if name == "vprintf":
            form, arguments = (np.broadcast_to(b.reg64(n), lanes.shape)[lanes] for n in (4, 6))
            if b.launch.printf is not None:
                for f, a in zip(form.tolist(), arguments.tolist()):
                    b.launch.printf(f, a)
            outer, b.mask = b.mask, lanes
            b.set_reg(4, np.zeros((1, 1), np.uint32))
            b.mask = outer
            self._jump(lanes, b.reg64(20).astype(np.int64))
            return
        raise Trap(f"{b.launch.name}: {name} called at {b.instr.offset:#x}")

    def _ret(self, instr: Instr) -> None:
        """.REL: the register pair holds an offset in the function, .ABS an address; code addresses start at 0."""
        register = self._register(instr)
        target = self.builder.reg64(register.n).astype(np.int64) + self._target(instr)
        self._jump(self._taken(instr), target & 0xFFFFFFFF)

    def _exit(self, instr: Instr) -> None:
        b = self.builder
        gone = self._taken(instr)
        alive = b.alive[b.rows] & ~gone
        b.alive[b.rows] = alive
        b._release_barriers()

    _kill = _exit

    def _lepc(self, instr: Instr) -> None:
        """The address of this instruction."""
        self.builder.set_reg64(self._register(instr).n, self.builder.imm("i64", instr.offset))

    def _bmov(self, instr: Instr) -> None:
        """To a register: convergence state, which only BMOV reads back."""
        if isinstance(instr.operands[0], Reg):
            self.builder.set_reg(instr.operands[0].n, self.builder.imm("i32", 0))

    def _nothing(self, instr: Instr) -> None:
        pass

    _bssy = _bsync = _break = _warpsync = _nothing


def constant_bank0(
    grid: Sequence[int],
    block: Sequence[int],
    param_base: int,
    params: bytes,
    local_bytes: int,
    dynamic_shared: int = 0,
    image: bytes = b"",
) -> bytes:
    """Launch constants and parameters, as the kernel reads them from c[0x0]."""
    # A half at the end of the parameters is read as a whole word.
    size = (max(param_base + len(params), len(image), 0x160) + 15) & ~15
    bank = bytearray(image.ljust(size, b"\0"))
    struct.pack_into("<6I", bank, 0, *block, *grid)
    stack = (local_bytes + 15) & ~15
    struct.pack_into("<QQII", bank, 0x18, SHARED_WINDOW, LOCAL_WINDOW, stack, dynamic_shared)
    struct.pack_into("<I", bank, 0x10C, 1)
    bank[param_base : param_base + len(params)] = params
    return bytes(bank)


def run(
    kernel: Any,
    instrs: Sequence[Instr],
    grid: Sequence[int],
    block: Sequence[int],
    params: bytes,
    memory: Memory,
    *,
    dynamic_shared: int = 0,
    banks: Mapping[int, bytes] | None = None,
    externals: Mapping[int, str] | None = None,
    printf: Callable[[int, int], None] | None = None,
    batch_warps: int = 512,
    step_limit: int | None = None,
) -> int:
    """Run a kernel (a cubin.KernelCode) over a grid; returns the number of steps taken.

    banks replaces the kernel's constant banks (with relocations applied). Grids are run in batches of whole
    CTAs of about ``batch_warps`` warps, in order.
    """
    # The cubin cannot know the depth of recursion: CUDA's default stack limit is the least that a thread gets.
    local = (max(kernel.local_bytes, STACK_LIMIT) + 15) & ~15
    images = dict(kernel.banks) | dict(banks or {})
    images[0] = constant_bank0(grid, block, kernel.param_base, params, local, dynamic_shared, images.get(0, b""))
    launch = Launch(
        kernel.name,
        tuple(grid),
        tuple(block),
        kernel.static_shared + dynamic_shared,
        local,
        images,
        memory,
        externals or {},
        printf,
    )
    if kernel.uses_coop_groups:
        # All CTAs of a grid that synchronises run together; the barrier's counter lies in %envreg1:%envreg2.
        batch_warps = 1 << 40
        bank = bytearray(images[0])
        if bank[0x8C:0x94] == bytes(8):
            workspace = memory.add(np.zeros(256, np.uint8))
            struct.pack_into("<II", bank, 0x8C, workspace >> 32, workspace & 0xFFFFFFFF)
            images[0] = bytes(bank)
    per_cta = -(-int(np.prod(block)) // 32)
    count, total = int(np.prod(grid)), 0
    step = max(1, batch_warps // per_cta)
    instrs = list(instrs)
    for first in range(0, count, step):
        machine = Machine(launch, instrs, range(first, min(first + step, count)))
        total += machine.run(step_limit)
    return total
