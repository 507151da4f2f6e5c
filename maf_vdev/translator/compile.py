"""From a kernel's machine code to object bytes for this machine.

decode -> cfg -> emit (LLVM text) -> parse, verify -> sroa, simplifycfg -> code generation level 2.
"""

from __future__ import annotations

import bisect
import os
from collections.abc import Callable
from dataclasses import dataclass

import llvmlite.binding as llvm

from . import cfg as control
from . import decode
from .cubin import KernelCode
from .emit import abi
from .emit.fast_graph import Unsuitable
from .emit.llvm_core import Module
from .emit.llvm_fast import FastEmitter
from .emit.llvm_slow import SlowEmitter
from .ir import Const, Instr, Special
from .packed import Meta
from .passes import division

VARIANT_AFFINE = 1
# Fast forms of more instructions and accesses call functions for their accesses of memory instead of repeating them:
# a call spills all vector registers, which costs reductions and optimizers (60 accesses) 10 % of their time.
OUTLINE_INSTRUCTIONS, OUTLINE_ACCESSES = 1500, 100
MEMORY_OPS = frozenset(("LD", "LDG", "LDS", "LDL", "ST", "STG", "STS", "STL"))

# Called after each stage with (stage name, kernel name, text), for dumps.
HOOKS: list[Callable[[str, str, str], None]] = []


@dataclass(frozen=True)
class Target:
    """The machine that code is made for."""

    triple: str
    cpu: str
    features: str
    vector_bits: int
    avx512: bool
    avx512bw: bool

    def attributes(self) -> str:
        """Function attributes. Widths below 512 with 512-bit intrinsics make LLVM abort the process."""
        out = [f'"target-cpu"="{self.cpu}"', f'"target-features"="{self.features}"']
        if self.vector_bits == 512:
            out += ['"prefer-vector-width"="512"', '"min-legal-vector-width"="512"']
        return " ".join(["nounwind", *out])


_target: Target | None = None
_machines: dict[int, llvm.TargetMachine] = {}


def host_target() -> Target:
    """The host, or what MAF_CPU says: an LLVM processor name, then +feature or -feature; AVX-512 only where listed."""
    global _target
    if _target is None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        cpu = llvm.get_host_cpu_name()
        features = llvm.get_host_cpu_features()
        override = os.environ.get("MAF_CPU")
        if override:
            cpu, *changes = override.split(",")
            features.clear()
            features.update({change[1:]: change[0] == "+" for change in changes})
        avx512 = all(features.get(f, False) for f in ("avx512f", "avx512dq", "avx512vl"))
        _target = Target(
            llvm.get_process_triple(),
            cpu,
            features.flatten(),
            512 if avx512 else 256,
            avx512,
            avx512 and features.get("avx512bw", False),
        )
    return _target


def machine(level: int = 2) -> llvm.TargetMachine:
    """The code generator of an optimisation level."""
    if level not in _machines:
        t = host_target()
        _machines[level] = llvm.Target.from_triple(t.triple).create_target_machine(
            cpu=t.cpu, features=t.features, opt=level, reloc="pic", codemodel="small", jit=True
        )
    return _machines[level]


# Lines of text up to which code is made at level 0, whose stack frames take about 28 bytes a line: see STACK_BYTES of
# executor/core/cpu_launch.c.
QUICK_LINES = 200_000
# Fast forms of more lines take tens of seconds of compilation.
FAST_LINES = 100_000


def level_of(form: str, lifted: Lifted) -> int:
    """Code generation level. The general form of cold kernels is compiled quickly: level 0 takes half the time of
    level 1, and its code twice as long. 'general' is the same form for kernels that are hot."""
    if lifted.meta.entry == "fast":
        return 2
    return 1 if form != "slow" or lifted.text.count("\n") > QUICK_LINES else 0


# A fast form gains nothing where most of the time goes into matrix products, which are functions in both forms, and it
# takes the longest to compile.
MATRIX_OPS = {"HMMA", "IMMA", "DMMA", "BMMA"}
MATRIX_SHARE = 0.03


def mostly_matrices(instrs: list[Instr]) -> bool:
    return sum(i.op in MATRIX_OPS for i in instrs) > MATRIX_SHARE * len(instrs)


def uses_shared_window(instrs: list[Instr]) -> bool:
    """Whether code can form a generic address of shared memory."""
    return any(isinstance(o, Special) and "SWIN" in o.name for i in instrs for o in i.operands) or _reads_window(
        instrs, abi.C0_SHARED_WINDOW
    )


def _reads_window(instrs: list[Instr], word: int) -> bool:
    for i in instrs:
        for o in i.operands:
            if isinstance(o, Const) and o.bank == 0 and (o.base is not None or word - 4 <= o.offset <= word + 4):
                return True
    return False


def uses_local_window(instrs: list[Instr]) -> bool:
    return _reads_window(instrs, abi.C0_LOCAL_WINDOW)


def spin_headers(graph: control.Cfg) -> set[int]:
    """Headers of loops that poll memory with strong loads: they wait for other CTAs or warps."""
    out = set()
    for b in graph.blocks:
        for s in b.succs if b.kind not in control.CALLS else ():
            if s <= b.index and any(
                i.op in ("LDG", "LD", "LDS") and i.has("STRONG")
                for blk in graph.blocks[s : b.index + 1]
                for i in blk.instrs
            ):
                out.add(s)
    return out


@dataclass
class Lifted:
    """LLVM text of one kernel."""

    text: str
    meta: Meta


def lift(code: KernelCode, variant: int, form: str = "slow", instrs: list[Instr] | None = None) -> Lifted:
    """Decode and emit. form: 'slow', 'general' (both the function 'slow') or 'fast'. Raises DecodeError or LiftError."""
    if instrs is None:
        instrs = decode.decode_code(code)
    graph = control.build(
        instrs, indirect_targets(code, instrs), lambda blocks, starts: division.run(blocks, starts, code.subroutines)
    )
    target = host_target()
    module = Module({"avx512": target.avx512, "avx512bw": target.avx512bw})
    affine = bool(variant & VARIANT_AFFINE)
    spins = spin_headers(graph)
    emitter: SlowEmitter | FastEmitter
    if form == "fast":
        if mostly_matrices(instrs):
            raise Unsuitable("matrix products")
        emitter = FastEmitter(module, graph, affine, "fast", code.subroutines, spins)
    else:
        emitter = SlowEmitter(module, graph, affine, "slow", spins)
    count = sum(len(b.instrs) + 1 for b in graph.blocks)
    accesses = sum(i.op in MEMORY_OPS for b in graph.blocks for i in b.instrs)
    emitter.b.outline = form != "fast" or (count > OUTLINE_INSTRUCTIONS and accesses > OUTLINE_ACCESSES)
    emitter.b.may_be_shared = uses_shared_window(instrs)
    emitter.b.may_be_local = uses_local_window(instrs)
    body = emitter.emit()
    text = assemble(module, [body], target)
    if form == "fast" and text.count("\n") > FAST_LINES:
        raise Unsuitable("too long")
    meta = Meta(emitter.name, emitter.b.flags, emitter.frame.bytes, count, cost=count)
    return Lifted(text, meta)


def indirect_targets(code: KernelCode, instrs: list[Instr]) -> dict[int, tuple[int, ...]]:
    """Offset of a branch or call through a register -> code addresses that it may go to."""
    targets = dict(code.indirect_branches)
    # CALL.REL counts from the start of its own section, whose functions it calls (virtual functions of one kernel);
    # CALL.ABS takes an address, of a function compiled separately or of the driver.
    starts = [address for address, _ in code.segments] or [0]
    sections: dict[int, list[int]] = {}
    for offset in sorted(code.subroutines):
        sections.setdefault(starts[bisect.bisect(starts, offset) - 1], []).append(offset)
    for i in instrs:
        if control.calls_register(i):
            own = sections.get(starts[bisect.bisect(starts, i.offset) - 1], [])
            found = code.pointees if i.has("ABS") else tuple(own)
            if found:
                targets[i.offset] = found
    return targets


def assemble(module: Module, functions: list[str], target: Target) -> str:
    declared = {d for d in module.declarations}
    parts = [
        f'target triple = "{target.triple}"',
        *sorted(declared),
        *module.helpers.values(),
        *functions,
        f"attributes #0 = {{ {target.attributes()} }}",
        "!0 = !{}",
    ]
    return "\n".join(parts) + "\n"


def to_object(text: str, name: str, level: int = 2) -> bytes:
    """Object bytes of LLVM text. Raises RuntimeError with LLVM's message when it does not verify."""
    for hook in HOOKS:
        hook("emit", name, text)
    module = llvm.parse_assembly(text)
    module.verify()
    if level == 2:
        passes = llvm.create_new_function_pass_manager()
        passes.add_sroa_pass()
        passes.add_simplify_cfg_pass()
        builder = llvm.create_pass_builder(machine(2), llvm.create_pipeline_tuning_options(speed_level=1))
        for function in module.functions:
            if not function.is_declaration:
                passes.run(function, builder)
        for hook in HOOKS:
            hook("passes", name, str(module))
    return machine(level).emit_object(module)


def compile_kernel(
    code: KernelCode, variant: int, form: str = "slow", instrs: list[Instr] | None = None
) -> tuple[bytes, Meta]:
    """Object bytes and their description. instrs: given where there are no bytes to decode."""
    try:
        lifted = lift(code, variant & VARIANT_AFFINE, form, instrs)
    except Unsuitable:
        lifted = lift(code, variant & VARIANT_AFFINE, "slow", instrs)
    return to_object(lifted.text, code.name, level_of(form, lifted)), lifted.meta
