"""Run a decoded kernel on NumPy: the reference for every other back end. Slow and obvious.

Many warps run in lockstep: each register is an array (warps, 32). One step takes the lowest pending address,
executes its instruction in all lanes that wait there, and advances them; divergence and reconvergence follow
from that rule, so convergence barriers (BSSY, BSYNC, ...) have nothing to do. So that a lane spinning at a low
address cannot starve the lane it waits for, every 16th step serves the warp that ran least recently.

Launch constants in bank 0 on sm_70 and sm_75 (seen in compiled code):
0x00 blockDim, 0x0c gridDim, 0x18 64-bit base of the generic shared window, 0x20 64-bit base of the generic local
window, 0x28 initial stack pointer R1 (the end of local memory), 0x2c dynamic shared memory in bytes, 0x30 64-bit
%gridid, 0x50 64-bit base of the generic constant window, which __isGlobal excludes (0: there is none),
0x88 + 4 n %envreg n (1 and 2: the workspace of grid barriers), 0x10c %nsmid.
Shared addresses are the low 24 bits of a generic address (``LOP3 R, R, 0xffffff``), so the shared window starts at a
multiple of 16 MiB.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .ir import PT, Instr, Label, LiftError, Pred, Reg, UPred, UReg
from .memory_map import LOCAL_WINDOW, SHARED_WINDOW, Memory
from .numpy_builder import ALL, Launch, NumpyBuilder, Trap
from .numpy_values import Array
from .semantics import CONTROL, TABLE
from .semantics.control import called_address
from .semantics.core import describe

INSTRUCTION_BYTES = 16
STACK_LIMIT = 1024  # bytes per thread, the default of cudaLimitStackSize


class Deadlock(Exception):
    """Every remaining lane waits at a barrier that cannot open."""


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
        register = next((o for o in instr.operands if isinstance(o, (Reg, UReg))), None)
        if instr.has("REL"):
            target = self._target(instr) + (self._word(register).astype(np.int64) if register is not None else 0)
            self._jump(self._taken(instr), target)
            return
        if register is None and any(isinstance(o, Label) for o in instr.operands):
            self._jump(self._taken(instr), self._target(instr))
            return
        mask = self._taken(instr)
        target = np.broadcast_to(called_address(b, instr), mask.shape)
        for address in np.unique(target[mask]):
            lanes = mask & (target == address)
            name = b.launch.externals.get(int(address))
            if not address:
                raise Trap(f"{b.launch.name}: call of address 0 at {b.instr.offset:#x}")
            if name is None:
                self._jump(lanes, int(address))
            else:
                self._external(name, lanes)

    def _external(self, name: str, lanes: Array) -> None:
        """A call into the host's device runtime: arguments from R4 on, return address in R20:R21."""
        b = self.builder
        first, second = (np.broadcast_to(b.reg64(n), lanes.shape) for n in (4, 6))
        result = first.copy()
        if name == "vprintf":
            if b.launch.printf is not None:
                for f, a in zip(first[lanes].tolist(), second[lanes].tolist()):
                    b.launch.printf(f, a)
            result = result & ~np.uint64(0xFFFFFFFF)
        elif name in ("malloc", "__cuda_syscall_aligned_malloc"):
            sizes, alignments = first[lanes].tolist(), second[lanes].tolist() if name != "malloc" else None
            result[lanes] = [b.launch.memory.allocate(*call) for call in zip(sizes, alignments or [16] * len(sizes))]
        elif name == "free":
            for address in first[lanes].tolist():
                b.launch.memory.release(address)
        else:
            raise Trap(f"{b.launch.name}: {name} called at {b.instr.offset:#x}")
        outer, b.mask = b.mask, lanes
        b.set_reg64(4, result)
        b.mask = outer
        self._jump(lanes, b.reg64(20).astype(np.int64))

    def _ret(self, instr: Instr) -> None:
        """.REL: the register pair holds an offset in the function, whose start is the label; .ABS a code address."""
        register = self._register(instr)
        target = self.builder.reg64(register.n).astype(np.int64) + (self._target(instr) if instr.has("REL") else 0)
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
    texture: Callable[[int, int, Array, Array], Array] | None = None,
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
        texture,
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
