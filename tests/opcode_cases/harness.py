"""One-opcode tests as data: a case is SASS text, kinds of inputs and an expectation computed apart from the semantics.

``program(case)`` wraps the text into a whole kernel (load registers, execute, store registers), so that any back
end that can run a list of instructions can run every case: see ``check``.

Parameters of the kernel, from c[0x0][0x160]: address of the input words, of the output words, of the scratch
buffer, then UNIFORMS 32-bit values. Thread t's words are at (slot * THREADS + t) * 4.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from maf_vdev.translator.cubin import KernelCode
from maf_vdev.translator.ir import Instr
from maf_vdev.translator.sass_text import parse

THREADS = 256
UNIFORMS = 16
PARAM_BASE = 0x160
SCRATCH_BYTES = THREADS * 16
SHARED_BYTES = THREADS * 16

Array = np.ndarray
Expect = Callable[[SimpleNamespace], Mapping[str, Array]]


@dataclass(frozen=True)
class Case:
    """inputs: register (``R4``, ``P0``, ``UR5``, ``UP1``) -> kind (see KINDS; 64-bit kinds fill a pair).

    expect: gets the inputs as attributes (uint32/bool arrays of THREADS, 64-bit kinds as their own dtype, uniform
    ones as scalars, ``lane``, ``tid``, ``scratch``, ``shared``) and returns the outputs by name. Output dtypes say
    how to compare: floats equal with any NaN, or within ``ulps``; ``scratch`` and ``shared`` are compared as bytes.
    """

    text: str
    inputs: Mapping[str, str]
    expect: Expect = field(compare=False)
    ulps: float = 0
    name: str = ""

    @property
    def id(self) -> str:
        return self.name or re.sub(r"\s+", " ", self.text.strip().rstrip(";"))


I32_EDGES = [0, 1, 2, 3, 5, 31, 32, 33, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x55555555, 0x7FFFFFFF]
I32_EDGES += [0x80000000, 0x80000001, 0xFFFFFFFE, 0xFFFFFFFF, 0xAAAAAAAA, 0xFFFF8000, 0xFFFFFF80]
I64_EDGES = I32_EDGES + [x << 32 for x in I32_EDGES] + [0x7FFFFFFFFFFFFFFF, 0x8000000000000001, 0xFFFFFFFFFFFFFFFF]


def _float_edges(dtype: type, more: list[float]) -> Array:
    f = np.finfo(dtype)
    values = [0.0, 1.0, 0.5, 1.5, 2.0, 2.5, 3.0, 0.1, 7.0, np.inf, np.nan, f.max, f.tiny, f.smallest_subnormal]
    values += [float(f.tiny) / 2, float(f.tiny) * 1.5, float(f.eps), 1 + float(f.eps), *more]
    array = np.array(values, np.float64).astype(dtype)
    return np.concatenate([array, -array])


_INT_BOUNDS = [
    127.5,
    128.0,
    255.5,
    256.0,
    32767.5,
    32768.0,
    65535.5,
    2.0**31 - 1,
    2.0**31,
    2.0**32 - 1,
    2.0**32,
    2.0**40,
]
_INT_BOUNDS += [2.0**62, 2.0**63, 2.0**64, 1e30]


def _mixed(rng: np.random.Generator, random: Array, edges: Array) -> Array:
    """Half random values, half edges; both in random order, so that edges meet edges."""
    out = random.copy()
    pick = rng.random(random.size) < 0.5
    out[pick] = rng.choice(edges, int(pick.sum()))
    return out


def _ints(bits: int, edges: list[int]) -> Callable[[np.random.Generator], Array]:
    dtype = f"u{bits // 8}"
    mask = (1 << bits) - 1
    return lambda rng: _mixed(
        rng, rng.integers(0, mask, THREADS, dtype, True), np.array([e & mask for e in edges], dtype)
    )


def _floats(dtype: type, more: list[float]) -> Callable[[np.random.Generator], Array]:
    def make(rng: np.random.Generator) -> Array:
        width = np.dtype(dtype).itemsize
        patterns = rng.integers(0, (1 << 8 * width) - 1, THREADS, f"u{width}", True).view(dtype)
        ordinary = rng.standard_normal(THREADS).astype(dtype)
        return _mixed(rng, np.where(rng.random(THREADS) < 0.5, patterns, ordinary), _float_edges(dtype, more))

    return make


def _brains(rng: np.random.Generator) -> Array:
    """Pairs of bfloat16: the upper halves of floats, many of them near each other in size."""
    bits = [_floats(np.float32, [])(rng).view(np.uint32) >> np.uint32(16) for _ in range(2)]
    return bits[0] | bits[1] << np.uint32(16)


def _halves(rng: np.random.Generator) -> Array:
    low, high = (_floats(np.float16, [])(rng).view(np.uint16).astype(np.uint32) for _ in range(2))
    return low | high << np.uint32(16)


KINDS: dict[str, Callable[[np.random.Generator], Array]] = {
    "i32": _ints(32, I32_EDGES),
    "i64": _ints(64, I64_EDGES),
    "f32": _floats(np.float32, _INT_BOUNDS),
    "f64": _floats(np.float64, [*_INT_BOUNDS, 1e300, 1e-300]),
    "f16x2": _halves,
    "bf16x2": _brains,
    "smallb16": lambda rng: _small_brains(rng),
    "shift": lambda rng: rng.choice(np.array([*range(70), 255, 256, 0x80000000, 0xFFFFFFFF], np.uint32), THREADS),
    "clamp": lambda rng: (
        rng.integers(0, 32, THREADS, np.uint32) | rng.integers(0, 32, THREADS, np.uint32) << np.uint32(8)
    ),
    "lane": lambda rng: rng.integers(0, 40, THREADS, np.uint32),
    "few": lambda rng: rng.integers(0, 5, THREADS, np.uint32),
    "few64": lambda rng: rng.integers(0, 3, THREADS, np.uint64) << np.uint64(31),
    "pred": lambda rng: rng.random(THREADS) < 0.5,
    "positive": lambda rng: np.abs(rng.standard_normal(THREADS).astype(np.float32)) + np.float32(2.0**-20),
    # Metadata of sparse matrices: two of four, one of two.
    "places4": lambda rng: _nibbles(rng.choice(np.array([4, 8, 9, 12, 13, 14], np.uint32), (8, THREADS))),
    "places2": lambda rng: _nibbles(rng.choice(np.array([4, 14], np.uint32), (8, THREADS))),
    "large": lambda rng: _mixed(
        rng, rng.standard_normal(THREADS).astype(np.float32) * 60000, np.array([np.inf, -np.inf, 65519, 65520], "f4")
    ),
    "moderate": lambda rng: (rng.standard_normal(THREADS) * 20).astype(np.float32),
    "small16": lambda rng: _pair16(rng.integers(-4, 5, (2, THREADS)).astype(np.float16)),
    "zero": lambda rng: np.zeros(THREADS, np.uint32),
    "zero_or_4": lambda rng: rng.choice(np.array([0, 4], np.uint32), THREADS),
    "offset4": lambda rng: rng.permutation(THREADS).astype(np.uint32) * np.uint32(4),
    "offset64": lambda rng: rng.permutation(THREADS).astype(np.uint64) * np.uint64(4) + np.uint64(32),
    "whole32": lambda rng: rng.integers(-8, 9, THREADS).astype(np.float32),
    "whole64": lambda rng: rng.integers(-8, 9, THREADS).astype(np.float64),
    # Element numbers, all different, and addresses of such elements: see ADDRESS.
    "element": lambda rng: rng.permutation(THREADS).astype(np.uint32),
}
# kind -> (element bytes, repeated): 64-bit addresses in the scratch buffer, or 32-bit shared offsets.
ADDRESS = {f"{space}{size}": size for space in ("ptr", "sptr") for size in (1, 2, 4, 8, 16)}
ADDRESS |= {"hotptr4": 4, "hotptr8": 8, "hotsptr4": 4, "hotsptr8": 8}


def _nibbles(values: Array) -> Array:
    return sum(values[n] << np.uint32(4 * n) for n in range(8)).astype(np.uint32)


def _small_brains(rng: np.random.Generator) -> Array:
    bits = rng.integers(-4, 5, (2, THREADS)).astype(np.float32).view(np.uint32) >> np.uint32(16)
    return bits[0] | bits[1] << np.uint32(16)


def _pair16(values: Array) -> Array:
    bits = values.view(np.uint16).astype(np.uint32)
    return bits[0] | bits[1] << np.uint32(16)


def wide(kind: str) -> bool:
    return kind in ("i64", "f64", "few64", "offset64", "whole64") or (kind in ADDRESS and "sptr" not in kind)


@dataclass
class Prepared:
    """A case with data: a kernel, its parameters and buffers, and what must come out."""

    case: Case
    kernel: KernelCode
    instrs: list[Instr]
    words_in: Array
    words_out: Array
    scratch: Array
    uniforms: Array
    expected: Mapping[str, Array]
    outputs: list[str]
    values: SimpleNamespace

    def params(self, address_in: int, address_out: int, address_scratch: int) -> bytes:
        return struct.pack("<3Q", address_in, address_out, address_scratch) + self.uniforms.tobytes()


def _registers(text: str) -> list[str]:
    """Uniform predicates and registers, predicates and registers named in the text."""
    return sorted(set(re.findall(r"\b(U?[RP]\d+)\b", text)))


class _Program:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, *lines: str) -> None:
        self.lines += lines

    def instrs(self) -> list[Instr]:
        return [parse(line, 16 * i) for i, line in enumerate(self.lines)]


def _slot(n: int) -> str:
    return f"{n * THREADS * 4:#x}"


def prepare(case: Case, scratch_address: int = 0) -> Prepared:
    """Random but repeatable inputs, the wrapped program and the expected outputs.

    scratch_address: where the back end will place the scratch buffer (pointers into it are inputs).
    """
    rng = np.random.default_rng(zlib.crc32(case.text.encode()))
    values = SimpleNamespace(tid=np.arange(THREADS, dtype=np.uint32), lane=np.arange(THREADS, dtype=np.uint32) & 31)
    values.scratch = rng.integers(0, 255, SCRATCH_BYTES, np.uint8, True)
    values.shared = rng.integers(0, 255, SHARED_BYTES, np.uint8, True)
    if "F16x2" in case.text or ".F32" in case.text or ".F64" in case.text:
        # Floating-point atomics need numbers in memory; small integers add without rounding.
        kind = "<f2" if "F16x2" in case.text else "<f4" if "F32" in case.text else "<f8"
        numbers = rng.integers(-4, 5, SCRATCH_BYTES // int(kind[2])).astype(kind)
        values.scratch = numbers.view(np.uint8).copy()
    p = _Program()
    # R248: this thread's word in the input, R246 in the output; both are read before the tested text only.
    p.add(
        "S2R R250, SR_TID.X ;",
        "IMAD.MOV.U32 R251, RZ, RZ, 0x4 ;",
        "IMAD.WIDE.U32 R248, R250, R251, c[0x0][0x160] ;",
        "IMAD.WIDE.U32 R246, R250, R251, c[0x0][0x168] ;",
    )
    words: list[Array] = []
    uniforms = np.zeros(UNIFORMS, np.uint32)
    used = 0
    predicate_word, has_predicates = np.zeros(THREADS, np.uint32), False
    uniform_lines: list[str] = []

    def load(register: int, word: Array) -> None:
        p.add(f"LDG.E.SYS R{register}, [R248+{_slot(len(words))}] ;")
        words.append(word.astype(np.uint32))

    named = _registers(case.text)
    inputs = dict(case.inputs)
    # Second words of pairs are named as well, and R246 up belong to the wrapper.
    pairs = {f"{r[: -len(n)]}{int(n) + 1}" for r, kind in inputs.items() if wide(kind) for n in [re.sub(r"\D", "", r)]}
    for register in named:
        if register in inputs or register in pairs or (register[0] == "R" and int(register[1:]) >= 246):
            continue
        # What the text writes starts with known junk, so that guarded lanes can be checked.
        if register[0] == "R":
            inputs[register] = "i32"
        elif register[0] == "P":
            inputs[register] = "pred"
    for register, kind in inputs.items():
        number = int(re.sub(r"\D", "", register))
        if register.startswith("UP"):
            bit = bool(rng.integers(2))
            setattr(values, register, bit)
            uniforms[used] = bit
            uniform_lines.append(f"ULDC UR50, c[0x0][{PARAM_BASE + 24 + 4 * used:#x}] ;")
            uniform_lines.append(f"ULOP3.LUT UP{number}, URZ, UR50, 0x1, URZ, 0xc0, !UPT ;")
            used += 1
        elif register.startswith("UR"):
            if kind in ADDRESS:
                value = (scratch_address if "sptr" not in kind else 0) + 8 * ADDRESS[kind]
            else:
                value = int(KINDS[kind](rng).reshape(-1).view("u8" if wide(kind) else "u4")[0])
            setattr(values, register, value)
            for part in range(2 if wide(kind) else 1):
                uniforms[used] = value >> 32 * part & 0xFFFFFFFF
                uniform_lines.append(f"ULDC UR{number + part}, c[0x0][{PARAM_BASE + 24 + 4 * used:#x}] ;")
                used += 1
        elif register[0] == "P":
            bits = KINDS["pred"](rng)
            setattr(values, register, bits)
            predicate_word |= bits.astype(np.uint32) << np.uint32(number)
            has_predicates = True
        elif kind in ADDRESS:
            size, shared = ADDRESS[kind], "sptr" in kind
            elements = rng.permutation(THREADS) if not kind.startswith("hot") else rng.integers(0, 7, THREADS)
            setattr(values, register + "_index", elements)
            address = elements.astype(np.uint64) * np.uint64(size) + np.uint64(0 if shared else scratch_address)
            setattr(values, register, address)
            load(number, address & np.uint64(0xFFFFFFFF))
            if not shared:
                load(number + 1, address >> np.uint64(32))
        else:
            data = KINDS[kind](rng)
            setattr(values, register, data)
            if wide(kind):
                raw = data.view(np.uint64)
                load(number, raw & np.uint64(0xFFFFFFFF))
                load(number + 1, raw >> np.uint64(32))
            else:
                load(number, data.view(np.uint32))
    uses_shared = re.search(r"\b(LDS|STS|ATOMS|LDSM|LDGSTS)\b", case.text) is not None
    if uses_shared:
        p.add("IMAD.SHL.U32 R252, R250, 0x10, RZ ;")
        for part in range(4):
            word = values.shared.view(np.uint32).reshape(THREADS, 4)[:, part]
            load(253, word)
            p.add(f"STS [R252+{4 * part:#x}], R253 ;")
        p.add("BAR.SYNC 0x0 ;")
    if has_predicates:
        load(251, predicate_word)
        p.add("R2P PR, R251, 0x7f ;")
    p.add(*uniform_lines)
    expected = dict(case.expect(values))
    outputs = [name for name in expected if name not in ("scratch", "shared")]
    first = len(p.lines)
    p.add(*_placed(case.text, first))
    last = len(p.lines)
    slots = _store_outputs(p, outputs, expected, uses_shared)
    p.add("EXIT ;")
    instrs = p.instrs()
    targets = tuple(16 * n for n in range(first, last))
    kernel = KernelCode(
        name="case",
        arch=75,
        code=b"",
        params=((0, 8), (8, 8), (16, 8), (24, 4 * UNIFORMS)),
        param_base=PARAM_BASE,
        param_bytes=24 + 4 * UNIFORMS,
        constant0_bytes=PARAM_BASE + 24 + 4 * UNIFORMS,
        banks={},
        relocations=(),
        static_shared=SHARED_BYTES if uses_shared else 0,
        local_bytes=64,
        registers=255,
        max_threads=THREADS,
        barriers=1,
        indirect_branches={i.offset: targets for i in instrs if i.op in ("BRX", "BRXU")},
    )
    stacked = np.stack(words) if words else np.zeros((1, THREADS), np.uint32)
    return Prepared(
        case,
        kernel,
        instrs,
        np.ascontiguousarray(stacked),
        np.zeros((max(slots, 1), THREADS), np.uint32),
        values.scratch.copy(),
        uniforms,
        expected,
        outputs,
        values,
    )


def _placed(text: str, start: int) -> list[str]:
    """Lines of the text; ``@n`` as a target and ``{n}`` as a value are the offset of its n-th instruction."""
    lines = [part.strip() for part in text.split(";") if part.strip()]
    place = [re.sub(r"(?<=\s)@(\d+)|\{(\d+)\}", lambda m: f"{16 * (start + int(m[1] or m[2])):#x}", x) for x in lines]
    return [line + " ;" for line in place]


def _store_outputs(p: _Program, outputs: list[str], expected: Mapping[str, Array], uses_shared: bool) -> int:
    """Store the named outputs, one slot per word; predicates share the first slot. Returns the slots used."""
    # Predicates first: storing them touches R251 only.
    p.add("P2R R251, PR, RZ, 0x7f ;", f"STG.E.SYS [R246+{_slot(0)}], R251 ;")
    slot = 1
    for name in outputs:
        number = int(re.sub(r"\D", "", name))
        parts = 2 if np.asarray(expected[name]).dtype.itemsize == 8 else 1
        if name.startswith("UP"):
            p.add(f"PLOP3.LUT P6, PT, PT, PT, UP{number}, 0x80, 0x0 ;", "SEL R251, RZ, 0x1, !P6 ;")
            p.add(f"STG.E.SYS [R246+{_slot(slot)}], R251 ;")
            slot += 1
        elif name.startswith("UR"):
            for part in range(parts):
                p.add(f"IMAD.U32 R251, RZ, RZ, UR{number + part} ;")
                p.add(f"STG.E.SYS [R246+{_slot(slot)}], R251 ;")
                slot += 1
        elif name[0] == "R":
            for part in range(parts):
                p.add(f"STG.E.SYS [R246+{_slot(slot)}], R{number + part} ;")
                slot += 1
    if uses_shared:
        p.add("BAR.SYNC 0x0 ;")
        for part in range(4):
            p.add(f"LDS.U R253, [R252+{4 * part:#x}] ;", f"STG.E.SYS [R246+{_slot(slot)}], R253 ;")
            slot += 1
    return slot


def _mismatch(got: Array, want: Array, ulps: float) -> Array:
    if want.dtype.kind != "f":
        return got != want
    with np.errstate(all="ignore"):
        same = (got.view(f"u{got.itemsize}") == want.view(f"u{want.itemsize}")) | (np.isnan(got) & np.isnan(want))
        if ulps:
            spacing = np.spacing(np.abs(want))
            same |= np.abs(got.astype(np.float64) - want.astype(np.float64)) <= ulps * spacing
    return ~same


def compare(prepared: Prepared) -> None:
    """Raise AssertionError naming the first wrong lane and its inputs."""
    out, slot = prepared.words_out, 1
    got: dict[str, Array] = {}
    for name in prepared.outputs:
        want = np.asarray(prepared.expected[name])
        if name[0] == "P":
            got[name] = out[0] >> np.uint32(int(name[1:])) & 1 != 0
            continue
        if want.dtype.itemsize == 8:
            raw = out[slot].astype(np.uint64) | out[slot + 1].astype(np.uint64) << np.uint64(32)
            got[name] = raw.view(want.dtype)
            slot += 2
            continue
        got[name] = out[slot] != 0 if name.startswith("UP") else out[slot].view(want.dtype)
        slot += 1
    if "shared" in prepared.expected:
        got["shared"] = np.ascontiguousarray(out[slot : slot + 4].T).view(np.uint8).reshape(-1)
    if "scratch" in prepared.expected:
        got["scratch"] = prepared.scratch
    for name, want in prepared.expected.items():
        want = np.broadcast_to(np.asarray(want), got[name].shape)
        wrong = np.nonzero(_mismatch(got[name], want, prepared.case.ulps))[0]
        if wrong.size:
            at = int(wrong[0])
            inputs = {}
            for register in prepared.case.inputs:
                value = getattr(prepared.values, register)
                inputs[register] = value[at % THREADS] if isinstance(value, np.ndarray) else value
            raise AssertionError(
                f"{prepared.case.id}: {name} is {_show(got[name][at])}, expected {_show(want[at])} "
                f"in element {at} ({wrong.size} wrong); inputs { ({k: _show(v) for k, v in inputs.items()}) }"
            )


def _show(value: Any) -> str:
    if isinstance(value, (np.floating, float)):
        width = np.asarray(value).itemsize
        return f"{value!r} ({int(np.asarray(value).view(f'u{width}')):#x})"
    return hex(int(value)) if not isinstance(value, (bool, np.bool_)) else str(bool(value))


# run(instrs, kernel, params, {address: buffer}) executes one CTA of THREADS threads; buffers are changed in place.
Run = Callable[[list[Instr], KernelCode, bytes, Mapping[int, Array]], None]


def check(case: Case, run: Run, address: Callable[[Array], int]) -> None:
    """Run a case on a back end. ``address`` gives the device address that ``run`` will use for a buffer."""
    scratch = np.zeros(SCRATCH_BYTES + 256, np.uint8)
    start = -scratch.ctypes.data % 256
    scratch = scratch[start : start + SCRATCH_BYTES]
    prepared = prepare(case, address(scratch))
    scratch[:] = prepared.scratch
    prepared.scratch = scratch
    buffers = {address(a): a for a in (prepared.words_in, prepared.words_out, scratch)}
    params = prepared.params(address(prepared.words_in), address(prepared.words_out), address(scratch))
    run(prepared.instrs, prepared.kernel, params, buffers)
    compare(prepared)
