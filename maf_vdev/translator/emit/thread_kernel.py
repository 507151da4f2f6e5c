"""From a control-flow graph to the text of one kernel for devices that run threads: OpenCL C and HIP C++.

Blocks become labels, branches become gotos. A kernel whose threads exchange something (see thread_builder) runs in
rounds: every thread runs until it stops, then all meet in SYNC, where the stopped threads of a warp that wait at
the lowest place are served, and those at a barrier when nobody else can run. The group barriers of SYNC stand in
uniform flow, which is all that OpenCL allows. Lower places come first in the order of cfg.build, so lanes meet
again as they do in the other back ends.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .. import cfg as control
from ..cfg import Block, Cfg, conditions
from ..ir import LiftError
from . import abi, thread_math
from .thread_builder import DONE, ERROR_LAUNCH, PRINT_BYTES, YIELD, ThreadBuilder
from .thread_values import Features, T

# Words of the status area, in thread_common.h; the print area follows.
STATUS_WORDS, PRINT_WORDS = 32, 1 << 16
# Words of the launch block before the constant bank 0: addresses of the banks.
HEADER_BYTES = 64
# Words of the exchange area: flags and barrier counts, then four for each lane of each warp (see PUBLISH). A warp's
# words lie side by side, so that compilers can take them as vectors.
EXCHANGE_PER_THREAD, EXCHANGE_FIXED = 4, 64
# Numbers from here on in the switch at the head are loop heads.
HEADS = 1 << 20

# What each thread says of itself: the place where its warp operation is, or that it waits for none. Two areas take turns
# and three flags, so that one barrier a round keeps those who still read from those who write again.
PUBLISH = """
    MAF_LOCAL u32 *places = (MAF_LOCAL u32 *)xchg + EXTRA + (round & 1u) * 2u * slots, *words = places + slots;
    places[lid] = kind == 1u ? pc : 0x80000000u | (kind == 3u ? 1u | (xv & 15u) << 4 | xl << 8 : kind == 4u ? 2u : 0u);
    words[lid] = xv;
    if (kind != 4u) maf_or_i32_l(&xchg[32u + flag], kind == 3u ? 2u : 1u);
    GROUP_BARRIER();
    const u32 flags = xchg[32u + flag];
    flag = flag == 2u ? 0u : flag + 1u;
    if (lid == 0) xchg[32u + (flag == 2u ? 0u : flag + 1u)] = 0;
    more = flags != 0;
"""

SYNC_LOCAL = f"""
SYNC:;
{{{PUBLISH}
    run = kind == 2u;
    if (kind == 1u) {{
        MAF_LOCAL const u32 *place = places + (lid & ~31u), *word = words + (lid & ~31u);
        u32 lowest = 0xffffffffu;
        for (u32 i = 0; i < 32u; i++) lowest = place[i] < lowest ? place[i] : lowest;
        if (pc == lowest) {{
            u32 mask = 0, bits = 0, equal = 0;
            for (u32 i = 0; i < 32u; i++) {{
                const u32 in = place[i] == lowest;
                mask |= in << i;
                bits |= (in & word[i]) << i;
                if (USES_MATCH) equal |= (in & (u32)(word[i] == xv)) << i;
            }}
            xm = mask, xb = bits, xe = equal;
            xr = word[xl & 31u];
            if (USES_FIRST) xf = word[31u - maf_clz32(mask & (0u - mask))];
            run = true;
        }}
    }}
"""

SYNC_SUBGROUP = """
SYNC:;
{
    maf_sub_barrier();
    const u32 place = kind == 1u ? pc : 0xffffffffu, lowest = maf_sub_min(place);
    const bool in = kind == 1u && pc == lowest;
    const u32 mask = maf_sub_ballot(in), bits = maf_sub_ballot(in && (xv & 1u));
    const u32 received = maf_sub_shuffle(xv, xl & 31u);
    const u32 leader = mask ? 31u - maf_clz32(mask & (0u - mask)) : 0u;
    const u32 from_first = maf_sub_shuffle(xv, leader);
    u32 equal = 0;
    if (USES_MATCH)
        for (u32 i = 0; i < 32u; i++) equal |= (u32)(maf_sub_shuffle(xv, i) == xv) << i;
    run = kind == 2u || in;
    if (in) xm = mask, xb = bits, xr = received, xf = from_first, xe = equal & mask;
    more = maf_sub_any(kind != 4u);
    WITH_BARRIER(if (maf_sub_any(kind == 1u || kind == 2u)) { goto NEXT; })
"""

# flags == 2: nobody can run and somebody waits. Barriers with a thread count, or other numbers than 0, are decided by
# the first thread: a warp arrives as a whole, with its lanes that have ended.
BARRIER_PLAIN = """
    if (flags == 2u && kind == 3u) run = true;
"""
BARRIER_COUNTS = """
    if (lid == 0) {
        u32 released = 0;
        if (flags == 2u) {
            for (u32 id = 0; id < 16u; id++) {
                u32 here = arrived[id], want = 0, waits = 0, elsewhere = 0;
                for (u32 first = 0; first < threads; first += 32u) {
                    u32 found = 0, gone = 0;
                    for (u32 i = first; i < first + 32u; i++) {
                        const u32 state = i < threads ? places[i] & 0x7fffffffu : 2u;
                        if (state == 2u) gone++;
                        else if ((state >> 4 & 15u) == id) { found++; want = state >> 8; waits = 1; }
                        else elsewhere = 1;
                    }
                    if (found) here += found + gone;
                }
                if (waits && (want ? here >= want : !elsewhere)) {
                    released |= 1u << id;
                    arrived[id] = 0;
                }
            }
            if (!released) released = 0x80000000u;
        }
        xchg[35] = released;
    }
    GROUP_BARRIER();
    if (kind == 3u && (xchg[35] >> (xv & 15u) & 1u)) run = true;
    if (xchg[35] == 0x80000000u) {
        if (lid == 0) maf_fail(status, 719u, 0, ctax, ctay, ctaz, tidx, tidy, tidz);
        more = false;
    }
"""
BARRIER_REDUCE = """
    if (run && kind == 3u) {
        u32 ones = 0, all = 0;
        for (u32 i = 0; i < threads; i++) {
            if ((places[i] & 0x800000ffu) == (0x80000001u | (xv & 15u) << 4)) {
                all++;
                ones += words[i] >> 4 & 1u;
            }
        }
        xred = (xv >> 8 & 3u) == 0 ? ones : (xv >> 8 & 3u) == 1u ? (u32)(ones == all) : (u32)(ones != 0);
    }
"""
PRINT = f"""
#define MAF_PRINT(lo, hi, at)                                                                                   \\
    do {{                                                                                                        \\
        u32 place = maf_add_i32_g(&status[20], {PRINT_BYTES // 4 + 2}u);                                         \\
        if (place + {PRINT_BYTES // 4 + 2}u <= {PRINT_WORDS}u) {{                                                 \\
            volatile MAF_GLOBAL u32 *to = status + {STATUS_WORDS}u + place;                                      \\
            to[0] = (lo), to[1] = (hi);                                                                         \\
            for (u32 w = 0; w < {PRINT_BYTES // 4}u; w++)                                                         \\
                to[2 + w] = (at) + 4 * w + 4 <= sizeof lmem ? *PPTR(m32, (at) + 4 * w) : 0u;                    \\
        }}                                                                                                       \\
    }} while (0)
"""


PLACE = (
    "const u32 tidx = MAF_TID(0), tidy = MAF_TID(1), tidz = MAF_TID(2);",
    "const u32 lid = (tidz * ntidy + tidy) * ntidx + tidx, lane = lid & 31u;",
)
# Drivers form sub-groups along the first dimension alone, so the CTA is launched as one row.
FLAT_PLACE = (
    "const u32 lid = MAF_TID(0), lane = lid & 31u;",
    "const u32 tidx = lid % ntidx, tidy = lid / ntidx % ntidy, tidz = lid / (ntidx * ntidy);",
)


@cache
def text_file(name: str) -> str:
    return (Path(__file__).parent / name).read_text()


@dataclass(frozen=True)
class Options:
    """What decides the text besides the kernel. dialect: 'opencl' or 'hip'. subgroups: the device runs sub-groups of
    32 threads in order and has their shuffles. buffer: device memory is one buffer, not addresses."""

    dialect: str = "opencl"
    fp64: bool = True
    atom64: bool = True
    subgroups: bool = False
    intel_shuffle: bool = False
    buffer: bool = False

    def defines(self) -> str:
        values = {
            "MAF_FP64": self.fp64,
            "MAF_ATOM64": self.atom64,
            "MAF_SUBGROUPS": self.subgroups,
            "MAF_INTEL_SHUFFLE": self.intel_shuffle,
            "MAF_BUFFER": self.buffer,
        }
        return "".join(f"#define {name} {int(value)}\n" for name, value in values.items())


@dataclass(frozen=True)
class Source:
    """Program text with one kernel, ``maf_kernel``, and what its launcher must know.

    exchange: the kernel wants a local exchange area after shared memory. reports: it may write the status area."""

    text: str
    exchange: bool
    shared: bool
    reports: bool
    instructions: int


def _accessed(graph: Cfg) -> set[str]:
    """Spaces that a kernel's instructions reach, but for its own memory."""
    found = set()
    for block in graph.blocks:
        for i in (*block.instrs, block.last):
            if i is not None and i.op in ("STS", "LDS", "ATOMS", "LDSM"):
                found.add("shared")
            elif i is not None and i.op in ("LD", "ST", "ATOM", "RED", "STG", "LDG", "ATOMG"):
                found |= {"global"} if i.op.endswith("G") or i.op == "RED" else {"global", "shared"}
    return found


class ThreadEmitter:
    def __init__(self, graph: Cfg, options: Options, local_bytes: int, spins: set[int]):
        self.graph, self.options, self.spins = graph, options, spins
        self.local_bytes = (max(local_bytes, 16) + 15) & ~15
        self.b = ThreadBuilder(Features(options.fp64, options.atom64), self.local_bytes)
        self.exchange = False
        self.accessed = _accessed(graph)
        self.entries: list[str] = []  # cases of the switch at the head

    def _condition(self, block: Block) -> str | None:
        """Text of what a terminator's predicates say together; None where it always happens."""
        b = self.b
        values = [v for v in (b.guard_value(p) for p in conditions(block.last)) if v is not None]
        if not values:
            return None
        total = values[0]
        for v in values[1:]:
            total = b.and_(total, v)
        return b.t(total)

    def _goto(self, block: Block, to: int) -> str:
        """A jump; ``_loops`` says how those that go back are made."""
        return f"goto B{to};" if to > block.index else f"BACK({block.index}, {to})"

    def _back(self, stops: set[int], entries: list[str]) -> Callable[[re.Match[str]], str]:
        """Jumps that go back. A loop that control may enter in its middle, at a continuation or in the kernel's own
        code, is closed through the switch at the head: compilers want loops with one entry (PoCL's runs for ever)."""
        blocks = self.graph.blocks
        heads: set[int] = set()

        def make(match: re.Match[str]) -> str:
            source, to = int(match[1]), int(match[2])
            inside = range(to + 1, source + 1)
            entered = any(s in inside for k in range(len(blocks)) if not to <= k <= source for s in blocks[k].succs)
            if not self.exchange or not (entered or any(to <= k <= source for k in stops)):
                return f"goto B{to};"
            if to not in heads:
                heads.add(to)
                entries.append(f"case {HEADS + to}u: goto B{to};")
            return f"{{ pc = {HEADS + to}u; goto AGAIN; }}"

        return make

    def _block(self, block: Block) -> None:
        b = self.b
        b.block = block.index
        b.touched = {s for s in ("shared", "global") if s in self.accessed}
        b.out.label(f"B{block.index}")
        if block.index in self.spins:
            b.stop(YIELD)
        for i in block.instrs:
            b.straight(i)
        last, succs, do = block.last, block.succs, b.out.do
        if block.kind in ("fall", "jump"):
            do(self._goto(block, succs[0]))
        elif block.kind == "end":
            do(b._report(ERROR_LAUNCH, block.start))
            b.leave()
        elif block.kind == "barrier":
            b.instruction(last)
            do(self._goto(block, succs[0]))
        elif block.kind in ("branch", "call"):
            condition = self._condition(block)
            jump = self._goto(block, succs[0])
            do(jump if condition is None else f"if ({condition}) {jump}")
            if condition is not None:
                do(self._goto(block, succs[1]))
        elif block.kind == "exit":
            condition = self._condition(block)
            if condition is None:
                b.leave()
            else:
                do(f"if ({condition}) LEAVE;")
                do(self._goto(block, succs[0]))
        elif block.kind in ("ret", "indirect"):
            condition = self._condition(block)
            if condition is not None:
                do(f"if (!({condition})) {self._goto(block, succs[-1])}")
            self._switch(b.branch_target(last), block)
        else:
            what = "a call through a pointer" if block.kind == "icall" else f"a block of kind {block.kind}"
            raise LiftError(f"{block.start:#x}: {what}")

    def _switch(self, target: T, block: Block) -> None:
        b = self.b
        starts = sorted({s for s in block.succs})
        cases = " ".join(f"case {self.graph.blocks[s].start:#x}u: {self._goto(block, s)}" for s in starts)
        b.out.do(f"switch ({b.t(target)}) {{ {cases} default: break; }}")
        b.out.do(b._report(ERROR_LAUNCH, block.start))
        b.leave()

    def emit(self) -> Source:
        b = self.b
        b.out.do("goto B0;")
        for block in self.graph.blocks:
            self._block(block)
        count = sum(len(block.instrs) + 1 for block in self.graph.blocks)
        head, body = b.out.render()
        exchange = self.exchange = "exchange" in b.uses
        self.entries = [f"case {n}u: goto L{n};" for n in b.entries]
        make = self._back(b.stops, self.entries)
        body = [re.sub(r"BACK\((\d+), (\d+)\)", make, line) if "BACK(" in line else line for line in body]
        text = "".join(
            (
                self.options.defines(),
                f"#define MAF_VOLATILE {int(bool(self.spins))}\n#define MAF_EXCHANGE {int(exchange)}\n",
                text_file(f"thread_{self.options.dialect}.h"),
                text_file("thread_common.h"),
                thread_math.source(),
                PRINT if "print" in b.uses else "",
                self._function(head, body, exchange),
            )
        )
        # A thread that ends badly reports; which ones can is not tracked apart.
        return Source(text, exchange, "shared" in b.uses, True, count)

    def _function(self, head: list[str], body: list[str], exchange: bool) -> str:
        b, opencl = self.b, self.options.dialect == "opencl"
        parameters = ["MAF_CONST_POINTER u8 *block", "volatile MAF_GLOBAL u32 *status"]
        if self.options.buffer:
            parameters += ["MAF_GLOBAL u8 *mem", "u64 mem_base", "u64 mem_bytes"]
        if opencl:
            parameters += ["MAF_LOCAL u8 *smem", "volatile MAF_LOCAL u32 *xchg"]
        lines = [
            "#define LEAVE " + (f"do {{ kind = {DONE}u; goto SYNC; }} while (0)" if exchange else "return"),
            f"#define EXTRA {EXCHANGE_FIXED}u",
            f"#define USES_BARRIER {int('barrier' in b.uses)}",
            f"#define USES_MATCH {int('match' in b.uses)}",
            f"#define USES_FIRST {int('first' in b.uses)}",
            "#define WITH_BARRIER(x) " + ("x" if "barrier" in b.uses else ""),
            "#define GROUP_BARRIER maf_group_barrier" + ("" if b.uses & {"barrier", "global_sync"} else "_local"),
            f"MAF_KERNEL void maf_kernel({', '.join(parameters)}) {{",
        ]
        if not opencl:
            lines += ["MAF_DYNAMIC_SHARED"]
        lines += [
            f"MAF_CONST_POINTER u8 *c0 = block + {HEADER_BYTES};",
            "const u32 ctax = MAF_CTA(0), ctay = MAF_CTA(1), ctaz = MAF_CTA(2);",
            "const u32 ntidx = *CPTR(m32, c0, 0), ntidy = *CPTR(m32, c0, 4), ntidz = *CPTR(m32, c0, 8);",
            *(FLAT_PLACE if self.options.subgroups else PLACE),
            "const u32 threads = ntidx * ntidy * ntidz;",
            *(f"const u32 c_{w:x} = *CPTR(m32, c0, {w});" for w in sorted(b.constants)),
            *(self._bank(n) for n in sorted(b.banks)),
        ]
        names = sorted(b.registers)
        lines += [f"{'u32' if n[0] in 'ru' else 'bool'} {n} = 0;" for n in names]
        if "local" in b.uses or b.may_be_local:
            lines.append(f"u32 lmem[{self.local_bytes // 4}];")
        if "clock" in b.uses:
            lines.append("u64 clock = 0;")
        lines += head
        if not exchange:
            return "\n".join([*lines, *body, "}"]) + "\n"
        lines += [
            "u32 pc = 0, kind = 0, round = 0, flag = 0, xv = 0, xl = 0, xm = 0, xb = 0, xr = 0, xf = 0, xe = 0, xred = 0;",
            "bool run = true, more = true;",
            f"volatile MAF_LOCAL u32 *arrived = xchg + {EXCHANGE_FIXED - 16};",
            "const u32 slots = (threads + 31u) & ~31u;",
            f"if (lid == 0) for (u32 i = 0; i < {EXCHANGE_FIXED}u; i++) xchg[i] = 0;",
            "if (lid == 0) for (u32 i = 0; i < 4u; i++)",
            "for (u32 j = threads; j < slots; j++) xchg[EXTRA + i * slots + j] = i & 1u ? 0 : ~0u;",
            "maf_group_barrier_local();",
            "do {",
            "if (run) {",
            "AGAIN:;",
            "switch (pc) {",
            *self.entries,
            "default: break;",
            "}",
            *body,
            "}",
            self._sync(),
            "round++;" if not self._nested() else "",
            "} while (more);",
            "}",
        ]
        return "\n".join(lines) + "\n"

    def _nested(self) -> bool:
        """Sub-groups go round on their own between the barriers of the CTA."""
        return self.options.subgroups and "barrier" in self.b.uses

    def _sync(self) -> str:
        b, o = self.b, self.options
        parts = [SYNC_SUBGROUP if o.subgroups else SYNC_LOCAL]
        if "barrier" in b.uses:
            if o.subgroups:
                parts.append(PUBLISH)
            parts.append(BARRIER_COUNTS if "counts" in b.uses else BARRIER_PLAIN)
            if "reduce" in b.uses:
                parts.append(BARRIER_REDUCE)
        if self._nested():
            parts.append("    round++;\n")
        parts.append("}\n" + ("NEXT:;\n" if self._nested() else ""))
        return "".join(parts)

    def _bank(self, n: int) -> str:
        address = f"((u64)*CPTR(m32, block, {8 * n}) | (u64)*CPTR(m32, block, {8 * n + 4}) << 32)"
        return f"MAF_CONST_POINTER u8 *bank{n} = (MAF_CONST_POINTER u8 *)GPTR(m8, {address});"


def emit(
    graph: Cfg,
    options: Options,
    local_bytes: int,
    spins: set[int],
    may_be_shared: bool,
    may_be_local: bool,
) -> Source:
    """Program text of a kernel. Raises LiftError for what the device cannot do."""
    emitter = ThreadEmitter(graph, options, local_bytes, spins)
    emitter.b.may_be_shared, emitter.b.may_be_local = may_be_shared, may_be_local
    return emitter.emit()


__all__ = ["Options", "Source", "abi", "control", "emit"]
