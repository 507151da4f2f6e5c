"""Generated programs whose lanes part and meet again: interpreter, general form and fast form with re-entry agree bit by bit."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import cpu_runner
import numpy as np
import pytest
from cpu_runner import InstrDevice, launch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maf_vdev.translator import cfg, interpreter
from maf_vdev.translator.cubin import KernelCode
from maf_vdev.translator.emit import reentry
from maf_vdev.translator.ir import Instr
from maf_vdev.translator.memory_map import Memory
from maf_vdev.translator.sass_text import parse

DATA = list(range(4, 10))  # registers that programs compute with and store at their end
COUNTER, RETURN, ADDRESS = 12, 20, 2
NORMAL = cpu_runner.launcher
LOCAL_BYTES, SHARED_BYTES = 64, 4096
FIRST_VALUES = (
    "MOV R4, R0",
    "MOV R5, c[0x0][0x168]",
    "IADD3 R6, R0, c[0x0][0x168], RZ",
    "LOP3.LUT R7, R0, 0x5, RZ, 0x3c, !PT",
    "MOV R8, 0x11",
    "SHF.R.U32.HI R9, RZ, 0x5, R0",
)

register = st.sampled_from(DATA)
arithmetic = st.one_of(
    st.builds("IADD3 R{}, R{}, R{}, RZ".format, register, register, register),
    st.builds("IADD3 R{}, R{}, {:#x}, RZ".format, register, register, st.integers(1, 40)),
    st.builds("LOP3.LUT R{}, R{}, R{}, RZ, 0x3c, !PT".format, register, register, register),
    st.builds("LOP3.LUT R{}, R{}, 0xff, RZ, 0xc0, !PT".format, register, register),
    st.builds("SHF.L.U32 R{}, R{}, 0x3, RZ".format, register, register),
    st.builds("MOV R{}, {:#x}".format, register, st.integers(0, 300)),
    st.builds("MOV R{}, R{}".format, register, register),
    st.builds("MOV R{}, R0".format, register),
    st.builds("IADD3 R{}, R0, {:#x}, RZ".format, register, st.integers(0, 300)),
    st.builds("STS [R0.X4], R{}".format, register),
    st.builds("LDS.U R{}, [R0.X4]".format, register),
    st.builds("STL [R1+{:#x}], R{}".format, st.sampled_from((0, 4, 32)), register),
    st.builds("LDL R{}, [R1+{:#x}]".format, register, st.sampled_from((0, 4, 32))),
    st.just("CALL"),
)
# What parts the lanes: bits of the thread number, of a computed value, or nothing.
varying = st.one_of(
    st.builds(lambda m: [f"LOP3.LUT R10, R0, {m:#x}, RZ, 0xc0, !PT"], st.sampled_from((1, 2, 3, 8, 32))),
    st.builds(lambda r: [f"LOP3.LUT R10, R{r}, 0x3, RZ, 0xc0, !PT"], register),
)
uniform = st.builds(lambda k: [f"MOV R10, {k:#x}"], st.integers(0, 3))
leaf = st.builds(lambda text: ("op", text), arithmetic)


def _bodies(inner: st.SearchStrategy) -> st.SearchStrategy:
    body = st.lists(inner, min_size=1, max_size=4)
    return st.one_of(
        st.builds(
            lambda c, a, b: ("if", c, a, b), st.one_of(varying, varying, uniform), body, st.lists(inner, max_size=3)
        ),
        st.builds(lambda c, a, k: ("loop", c, a, k), st.one_of(varying, varying, uniform), body, st.none() | varying),
    )


parting = st.recursive(leaf, _bodies, max_leaves=12)
# Only where all lanes of the CTA are: barriers, shuffles, and loops around them.
meeting = st.one_of(
    st.just(("barrier",)),
    st.builds(
        lambda d, a, k: ("op", f"SHFL.BFLY PT, R{d}, R{a}, {k:#x}, 0x1f"), register, register, st.integers(1, 16)
    ),
    st.builds(lambda d, a, k: ("op", f"SHFL.UP PT, R{d}, R{a}, {k:#x}, RZ"), register, register, st.integers(1, 31)),
)
whole = st.one_of(parting, parting, meeting)
programs = st.lists(
    st.one_of(whole, st.builds(lambda c, a: ("loop", c, a, None), uniform, st.lists(whole, min_size=1, max_size=5))),
    min_size=2,
    max_size=6,
)


class Writer:
    """Statements as SASS with labels {n}."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.labels = 0

    def label(self) -> str:
        self.labels += 1
        return f"l{self.labels}"

    def write(self, statements: list, depth: int = 0) -> None:
        for s in statements:
            getattr(self, "_" + s[0])(*s[1:], depth=depth)

    def _op(self, text: str, depth: int) -> None:
        if text != "CALL":
            self.lines.append(text)
            return
        back = self.label()
        self.lines += [f"MOV R{RETURN}, {{{back}}}", "CALL.REL.NOINC {function}", back + ":"]

    def _barrier(self, depth: int) -> None:
        self.lines.append("BAR.SYNC 0x0")

    def _if(self, condition: list[str], then: list, other: list, depth: int) -> None:
        no, end = self.label(), self.label()
        self.lines += [*condition, "ISETP.NE.AND P0, PT, R10, RZ, PT", f"@!P0 BRA {{{no}}}"]
        self.write(then, depth)
        self.lines += [f"BRA {{{end}}}", no + ":"]
        self.write(other, depth)
        self.lines.append(end + ":")

    def _loop(self, count: list[str], body: list, leave: list[str] | None, depth: int) -> None:
        if depth > 3:
            return
        top, out = self.label(), self.label()
        counter = COUNTER + depth
        self.lines += [*count, f"LOP3.LUT R{counter}, R10, 0x3, RZ, 0xc0, !PT", top + ":"]
        self.write(body, depth + 1)
        if leave is not None:
            self.lines += [*leave, "ISETP.EQ.AND P1, PT, R10, 0x1, PT", f"@P1 BRA {{{out}}}"]
        self.lines += [f"IADD3 R{counter}, R{counter}, -0x1, RZ", f"ISETP.GE.AND P0, PT, R{counter}, RZ, PT"]
        self.lines += [f"@P0 BRA {{{top}}}", out + ":"]


def assemble(statements: list) -> list[Instr]:
    w = Writer()
    # The function lies in front: the interpreter runs the lowest address first, so lanes meet behind calls.
    w.lines += ["BRA {main}", "function:", "IADD3 R4, R4, R5, RZ", "LOP3.LUT R10, R4, 0x1, RZ, 0xc0, !PT"]
    w.lines += ["ISETP.NE.AND P2, PT, R10, RZ, PT", "@P2 IADD3 R6, R6, 0x7, RZ", f"RET.REL.NODEC R{RETURN} 0x0"]
    w.lines += [
        "main:",
        "S2R R0, SR_TID.X",
        f"IMAD.WIDE R{ADDRESS}, R0, {4 * len(DATA):#x}, c[0x0][0x160]",
        "MOV R1, 0x0",
    ]
    w.lines += [*FIRST_VALUES, "STS [R0.X4], RZ"]
    w.lines += [f"STL [R1+{k:#x}], RZ" for k in (0, 4, 32)]
    w.write(statements)
    w.lines += [f"STG.E.SYS [R{ADDRESS}+{4 * k:#x}], R{r}" for k, r in enumerate(DATA)]
    w.lines.append("EXIT")
    labels: dict[str, str] = {}
    texts = []
    for line in w.lines:
        if line.endswith(":"):
            labels[line[:-1]] = hex(16 * len(texts))
        else:
            texts.append(line)
    return [parse(text.format(**labels), 16 * k) for k, text in enumerate(texts)]


def kernel(threads: int) -> KernelCode:
    return KernelCode(
        name="generated", arch=75, code=b"", params=((0, 16),), param_base=0x160, param_bytes=16,
        constant0_bytes=0x170, banks={}, relocations=(), static_shared=SHARED_BYTES, local_bytes=LOCAL_BYTES,
        registers=32, max_threads=threads, barriers=1,
    )  # fmt: skip


def eager_launcher() -> object:
    """The launcher without back-off: every meeting point takes the warp back."""
    return NORMAL("-DMAF_WORTH_CYCLES=1")


@pytest.fixture(autouse=True, scope="module")
def every_entry() -> Iterator[None]:
    """Programs of any size get entries wherever lanes may meet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reentry, "MIN_AHEAD", 0)
        patch.setattr(reentry, "MIN_APART", 0)
        patch.setattr(reentry, "MAX_ENTRIES", 1000)
        patch.setattr(cpu_runner, "launcher", eager_launcher)
        yield


def compiled(form: str, instrs: list[Instr], threads: int) -> tuple[np.ndarray, int]:
    """The output and how often warps have left the fast form."""
    out = np.full((threads, len(DATA)), 0xDEAD, np.uint32)
    device, code = InstrDevice(form), kernel(threads)
    device.instrs[id(code)] = instrs
    loaded = device.load(code, {})
    params = struct.pack("<QII", out.ctypes.data, 7, 0)
    assert launch(device, loaded, 1, threads, params) == 0
    return out, sum(s.left for s in loaded.structs.values())


def interpreted(instrs: list[Instr], threads: int) -> np.ndarray:
    out = np.full((threads, len(DATA)), 0xDEAD, np.uint32)
    memory = Memory()
    params = struct.pack("<QII", memory.add(out), 7, 0)
    interpreter.run(kernel(threads), instrs, (1, 1, 1), (threads, 1, 1), params, memory, step_limit=200_000)
    return out


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(programs, st.sampled_from((32, 64, 45)))
def test_generated_programs_agree(statements: list, threads: int) -> None:
    instrs = assemble(statements)
    if any(i.op == "SHFL" for i in instrs):
        threads = threads & ~31 or 32  # what lanes that do not exist hold is undefined
    want = interpreted(instrs, threads).tolist()
    for form in cpu_runner.FORMS:
        assert compiled(form, instrs, threads)[0].tolist() == want, form


LONG = [("op", f"IADD3 R4, R4, R{5 + k % 4}, RZ") for k in range(60)]


@pytest.mark.skipif("fast" not in cpu_runner.FORMS, reason="MAF_EMIT excludes the fast form")
def test_a_warp_returns_to_the_fast_form_after_each_divergent_loop() -> None:
    lanes = ["LOP3.LUT R10, R0, 0x3, RZ, 0xc0, !PT"]
    inner = ("loop", lanes, [("op", "IADD3 R7, R7, 0x5, RZ")], None)
    instrs = assemble([("loop", ["MOV R10, 0x3"], [inner, *LONG], None)])
    out, left = compiled("fast", instrs, 64)
    assert out.tolist() == interpreted(instrs, 64).tolist()
    assert left == 2 * 4  # each warp once in each of the four rounds


@pytest.mark.skipif("fast" not in cpu_runner.FORMS, reason="MAF_EMIT excludes the fast form")
def test_a_shape_that_does_not_hold_at_the_entry_keeps_the_warp_out() -> None:
    # R8 is uniform in the fast form's loop, and differs from lane to lane where the lanes have parted in it.
    lanes = ["LOP3.LUT R10, R0, 0x3, RZ, 0xc0, !PT"]
    rare = [("op", "MOV R8, 0x11")]
    loop = ("loop", lanes, [("op", "IADD3 R8, R8, 0x3, RZ")], None)
    instrs = assemble([*rare, loop, *LONG])
    out, left = compiled("fast", instrs, 64)
    assert out.tolist() == interpreted(instrs, 64).tolist()
    assert left > 2  # there was an entry


def test_post_dominators_of_random_graphs() -> None:
    rng = np.random.default_rng(5)
    for _ in range(200):
        n = int(rng.integers(2, 9))
        succs = [sorted({int(s) for s in rng.integers(0, n, int(rng.integers(0, 3)))}) for _ in range(n)]
        blocks = [cfg.Block(0, [], None, "fall", s, k) for k, s in enumerate(succs)]

        def ends(k: int, without: int, succs: list[list[int]] = succs) -> bool:
            """Whether the end can be reached from k around a block."""
            seen, work = set(), [k]
            while work:
                m = work.pop()
                if m != without and m not in seen:
                    seen.add(m)
                    work += succs[m]
            return any(not succs[m] for m in seen)

        for k, got in enumerate(cfg.post_dominators(blocks)):
            behind = [d for d in range(n) if d != k and ends(k, n) and not ends(k, d)]
            nearest = [d for d in behind if all(e == d or not ends(d, e) for e in behind)]
            assert [got] == nearest if nearest else got is None
