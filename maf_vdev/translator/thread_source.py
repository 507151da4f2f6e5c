"""From a kernel's machine code to program text for a device that runs threads: decode -> cfg -> emit."""

from __future__ import annotations

from collections.abc import Sequence

from . import cfg as control
from . import compile as native
from . import decode
from .cubin import KernelCode
from .emit import thread_kernel
from .emit.thread_kernel import Options, Source
from .ir import Const, Instr, LiftError

# Room for frames whose number the compiler does not know: recursion and calls through pointers.
CALL_STACK_BYTES = 4096
# %envreg1 and %envreg2 in constant bank 0: see interpreter.
GRID_WORKSPACE = (0x8C, 0x90)


def local_bytes(code: KernelCode) -> int:
    """Bytes of a thread's own memory: the initial stack pointer."""
    stack = CALL_STACK_BYTES if code.uses_call_stack else 0
    return (code.local_bytes + stack + 15) // 16 * 16


def _synchronises_grid(instrs: Sequence[Instr]) -> bool:
    """Whether the kernel reads the address of the grid barrier's workspace."""
    constants = (o for i in instrs for o in i.operands if isinstance(o, Const))
    return any(o.bank == 0 and o.base is None and o.offset in GRID_WORKSPACE for o in constants)


def lift(code: KernelCode, options: Options, instrs: Sequence[Instr] | None = None) -> Source:
    """Program text of a kernel. instrs: given where there are no bytes to decode. Raises DecodeError or LiftError,
    whose text names what the device lacks."""
    if instrs is None:
        instrs = decode.decode_code(code)
    instrs = list(instrs)
    if _synchronises_grid(instrs):
        raise LiftError("the kernel synchronises its whole grid, which needs all CTAs to run at once")
    graph = control.build(instrs, native.indirect_targets(code, instrs))
    return thread_kernel.emit(
        graph,
        options,
        local_bytes(code),
        native.spin_headers(graph),
        native.uses_shared_window(instrs),
        native.uses_local_window(instrs),
    )
