"""The Builder interface over NumPy state: what ``interpreter`` executes instructions on.

A batch of CTAs runs at once. Registers are arrays (warps, 32), uniform registers (warps, 1). ``rows`` selects the
warps that execute the current instruction, ``mask`` their lanes (guard applied); a write replaces an array, so that a
value read before stays what it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .emit import abi
from .ir import PT, RZ, URZ, Instr, LiftError
from .memory_map import LOCAL_WINDOW, SHARED_WINDOW, WINDOW_BYTES, Memory, MemoryFault
from .numpy_values import DTYPES, Array, NumpyValues, to_half
from .semantics.core import describe

ALL = slice(None)
LANES = np.arange(32, dtype=np.uint32)


class Trap(Exception):
    """BPT.TRAP or a failed device assertion."""


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
    # (code, mask, handles, rows of arguments) -> four rows of words; see cpu_texture.h
    texture: Callable[[int, int, Array, Array], Array] | None = None


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

    def subroutine(self, name: str, action: Callable[..., list[Array]], values: Sequence[Array]) -> list[Array]:
        return action(self, *values)

    def load_matrices(
        self, addr: Array, count: int, transposed: bool, action: Callable[..., list[Array]]
    ) -> list[Array]:
        return action(self, addr)

    def where(self, p: Array, action: Callable[[], None]) -> None:
        outer = self.mask
        self.mask = outer & p
        if self.mask.any():
            action()
        self.mask = outer

    def texture(self, code: int, handle: Array, rows: Mapping[int, Array]) -> list[Array]:
        if self.launch.texture is None:
            raise LiftError(f"{self.launch.name}: no textures in this launch")
        shape = self._shape()
        full = np.zeros((1 + abi.TEX_ARGS, *shape), np.uint32)
        full[0] = handle
        for row, value in rows.items():
            full[1 + row] = value
        out = np.zeros((4, *shape), np.uint32)
        for warp in range(shape[0]):
            mask = int((self.mask[warp].astype(np.uint32) << LANES).sum())
            words = np.ascontiguousarray(full[:, warp])
            out[:, warp] = self.launch.texture(code, mask, words[0], words[1:])
        return list(out)

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
