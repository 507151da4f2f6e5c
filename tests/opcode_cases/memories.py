"""Loads, stores, atomics, constant memory."""

from __future__ import annotations

import numpy as np

from .harness import THREADS, Case

CASES: list[Case] = []
SIZES = {"U8": 1, "S8": 1, "U16": 2, "S16": 2, "": 4, "64": 8, "128": 16}


def case(text: str, inputs: dict, expect) -> None:
    CASES.append(Case(text, inputs, expect))


def loaded(v, mod: str, space: str, index, shift: int = 0) -> dict:
    """Expected registers of a load of element ``index`` (+ shift bytes)."""
    size = SIZES[mod]
    data = getattr(v, space)
    raw = np.concatenate([data[shift:], data[:shift]]) if shift else data
    if mod[:1] in ("U", "S"):
        kind = np.dtype(f"{'u' if mod[0] == 'U' else 'i'}{size}")
        return {"R4": raw.view(kind)[index].astype(np.int64).astype(np.uint32)}
    words = raw.view(np.uint32).reshape(-1, size // 4)[index]
    return {f"R{4 + n}": np.ascontiguousarray(words[:, n]) for n in range(size // 4)}


def stored(v, space: str, index, words, size: int) -> np.ndarray:
    memory = getattr(v, space).copy()
    if size < 4:
        memory.view(f"u{size}")[index] = words[0].astype(f"u{size}")
    else:
        memory.view(np.uint32).reshape(-1, size // 4)[index] = np.stack(words, 1)
    return memory


for mod, size in SIZES.items():
    dot = "." + mod if mod else ""
    for op, tail in (("LDG.E", ".SYS"), ("LDG.E", ".CONSTANT.SYS"), ("LD.E", ".SYS")):
        case(f"{op}{dot}{tail} R4, [R8]", {"R8": f"ptr{size}"}, lambda v, m=mod: loaded(v, m, "scratch", v.R8_index))
    case(f"LDS.U{dot} R4, [R8]", {"R8": f"sptr{size}"}, lambda v, m=mod: loaded(v, m, "shared", v.R8_index))
    words = [f"R{12 + n}" for n in range(max(size // 4, 1))]
    data = {w: "i32" for w in words}
    if mod[:1] != "S":
        for op in ("STG.E", "ST.E"):
            case(
                f"{op}{dot}.SYS [R8], R12",
                {"R8": f"ptr{size}"} | data,
                lambda v, w=words, s=size: {"scratch": stored(v, "scratch", v.R8_index, [getattr(v, n) for n in w], s)},
            )
        case(
            f"STS{dot} [R8], R12",
            {"R8": f"sptr{size}"} | data,
            lambda v, w=words, s=size: {"shared": stored(v, "shared", v.R8_index, [getattr(v, n) for n in w], s)},
        )
        case(
            f"STL{dot} [R1+0x10], R12 ; LDL{dot} R4, [R1+0x10]",
            {"R1": "zero"} | data,
            lambda v, w=words, s=size: {
                f"R{4 + n}": getattr(v, r) & np.uint32((1 << 8 * min(s, 4)) - 1) for n, r in enumerate(w)
            },
        )
# Address forms.
case("LDG.E.SYS R4, [R8+0x10]", {"R8": "ptr4"}, lambda v: loaded(v, "", "scratch", v.R8_index, 16))
case(
    "LDG.E.SYS R4, [UR8+0x8]",
    {"UR8": "ptr4"},
    lambda v: {"R4": np.full(THREADS, v.scratch.view(np.uint32)[10], np.uint32)},
)
case(
    "LDG.E.SYS R4, [R8.U32+UR8]",
    {"R8": "offset4", "UR8": "ptr4"},
    lambda v: {"R4": v.scratch.view(np.uint32)[8 + v.R8 // 4]},
)
case(
    "LDG.E.SYS R4, [R8.64+UR8+-0x20]",
    {"R8": "offset64", "UR8": "ptr4"},
    lambda v: {"R4": v.scratch.view(np.uint32)[(v.R8 // np.uint64(4)).astype(np.int64)]},
)
case("LDS.U R4, [R8.X4+0x8]", {"R8": "element"}, lambda v: {"R4": v.shared.view(np.uint32)[v.R8 + 2]})
case("LDS.U.64 R4, [R8.X8]", {"R8": "element"}, lambda v: loaded(v, "64", "shared", v.R8))
case("LDS.U.128 R4, [R8.X16]", {"R8": "element"}, lambda v: loaded(v, "128", "shared", v.R8))
case("LDS.U R4, [0x40]", {}, lambda v: {"R4": np.full(THREADS, v.shared.view(np.uint32)[16], np.uint32)})
case("LDS.U R4, [R8.X4+UR8]", {"R8": "element", "UR8": "sptr4"}, lambda v: {"R4": v.shared.view(np.uint32)[v.R8 + 8]})
case("LDG.E.64.SYS R8, [R8]", {"R8": "ptr8"}, lambda v: {"R8": v.scratch.view(np.uint64)[v.R8_index]})
case(
    "@P2 LDG.E.SYS R4, [R8]",
    {"R8": "ptr4", "P2": "pred", "R4": "i32"},
    lambda v: {"R4": np.where(v.P2, v.scratch.view(np.uint32)[v.R8_index], v.R4)},
)
case(
    "@!P2 STG.E.SYS [R8], R12",
    {"R8": "ptr4", "P2": "pred", "R12": "i32"},
    lambda v: {"scratch": stored(v, "scratch", v.R8_index[~v.P2], [v.R12[~v.P2]], 4)},
)
# A load under a false guard must not touch memory.
case(
    "@P2 IMAD.MOV.U32 R9, RZ, RZ, 0x7fffffff ; @!P2 LDG.E.SYS R4, [R8]",
    {"R8": "ptr4", "P2": "pred", "R4": "i32"},
    lambda v: {"R4": np.where(v.P2, v.R4, v.scratch.view(np.uint32)[v.R8_index])},
)
# Generic addresses of shared and local memory.
case(
    "IMAD.WIDE.U32 R10, R8, 0x1, RZ ; IADD3 R10, P0, R10, c[0x0][0x18], RZ ; "
    "IADD3.X R11, R11, c[0x0][0x1c], RZ, P0, !PT ; QSPC.E.S P1, RZ, [R10] ; LD.E.SYS R4, [R10] ; LDS.U R12, [R8]",
    {"R8": "sptr4"},
    lambda v: {"R4": v.shared.view(np.uint32)[v.R8_index], "P1": np.ones(THREADS, bool)},
)
case(
    "LOP3.LUT R10, R250, 0x10, RZ, 0xc0, !PT ; STL [R10], R12 ; IADD3 R10, P0, R10, c[0x0][0x20], RZ ; "
    "IADD3.X R11, RZ, c[0x0][0x24], RZ, P0, !PT ; QSPC.E.L P1, RZ, [R10] ; QSPC.E.G P2, RZ, [R10] ; LD.E.SYS R4, [R10]",
    {"R12": "i32"},
    lambda v: {"R4": v.R12, "P1": np.ones(THREADS, bool), "P2": np.zeros(THREADS, bool)},
)
case(
    "QSPC.E.G P1, RZ, [R8] ; QSPC.E.S P2, RZ, [R8] ; QSPC.E.L P3, RZ, [R8]",
    {"R8": "ptr4"},
    lambda v: {"P1": np.ones(THREADS, bool), "P2": np.zeros(THREADS, bool), "P3": np.zeros(THREADS, bool)},
)
# Half the lanes point to shared, half to global memory.
case(
    "IMAD.MOV.U32 R12, RZ, RZ, R10 ; IADD3 R10, P0, R10, c[0x0][0x18], RZ ; "
    "IADD3.X R11, RZ, c[0x0][0x1c], RZ, P0, !PT ; @P2 IMAD.MOV.U32 R10, RZ, RZ, R8 ; "
    "@P2 IMAD.MOV.U32 R11, RZ, RZ, R9 ; LD.E.SYS R4, [R10] ; LDS.U R13, [R12]",
    {"R8": "ptr4", "R10": "sptr4", "P2": "pred"},
    lambda v: {"R4": np.where(v.P2, v.scratch.view(np.uint32)[v.R8_index], v.shared.view(np.uint32)[v.R10_index])},
)

# Constant memory: launch constants.
case(
    "ULDC.64 UR4, c[0x0][0x0] ; LDC.64 R4, c[0x0][0xc] ; ULDC.U16 UR6, c[0x0][0x0] ; LDC.U8 R6, c[0x0][0x1]",
    {},
    lambda v: {
        "UR4": np.array(THREADS | 1 << 32, np.uint64),
        "R4": np.full(THREADS, 1 | 1 << 32, np.uint64),
        "UR6": np.array(THREADS, np.uint32),
        "R6": np.full(THREADS, THREADS >> 8, np.uint32),
    },
)
case("LDC R4, c[0x0][R8+0xc]", {"R8": "zero_or_4"}, lambda v: {"R4": np.ones(THREADS, np.uint32)})
case("IADD3 R4, R5, c[0x0][0x0], RZ", {"R5": "i32"}, lambda v: {"R4": v.R5 + np.uint32(THREADS)})
case(
    "FADD R4, R5, -|c[0x0][0x0]|",
    {"R5": "moderate"},
    lambda v: {"R4": v.R5 - np.array(THREADS, np.uint32).view(np.float32)},
)

S32 = lambda x: x - (1 << 32) if x >> 31 else x
S64 = lambda x: x - (1 << 64) if x >> 63 else x
IDENTITY = lambda x: x


def _minmax(smallest: bool, key):
    return lambda old, new: min(old, new, key=key) if smallest else max(old, new, key=key)


OPS = {
    "ADD": lambda old, x: old + x,
    "AND": lambda old, x: old & x,
    "OR": lambda old, x: old | x,
    "XOR": lambda old, x: old ^ x,
    "EXCH": lambda old, x: x,
    "INC": lambda old, x: 0 if old >= x else old + 1,
    "DEC": lambda old, x: x if old == 0 or old > x else old - 1,
    "MIN": _minmax(True, IDENTITY),
    "MAX": _minmax(False, IDENTITY),
    "MIN.S32": _minmax(True, S32),
    "MAX.S32": _minmax(False, S32),
    "ADD.64": lambda old, x: old + x,
    "EXCH.64": lambda old, x: x,
    "XOR.64": lambda old, x: old ^ x,
    "MIN.64": _minmax(True, IDENTITY),
    "MAX.64": _minmax(False, IDENTITY),
    "MIN.S64": _minmax(True, S64),
    "MAX.S64": _minmax(False, S64),
}
COMMUTING = ("ADD", "AND", "OR", "XOR", "MIN", "MAX")


def atomics(v, space: str, indices, operands, function, bits: int):
    """Old values and final memory of operations in any order on different elements."""
    memory = getattr(v, space).copy()
    elements = memory.view(f"u{bits // 8}")
    old = np.zeros(THREADS, elements.dtype)
    for t in range(THREADS):
        at = int(indices[t])
        old[t] = elements[at]
        elements[at] = function(int(elements[at]), int(operands[t])) & (1 << bits) - 1
    return old, memory


for name, function in OPS.items():
    bits = 64 if "64" in name else 32
    size, kind, dst = bits // 8, f"i{bits}", "R4"
    for op, space, pointer, tail in (
        ("ATOMG.E", "scratch", "ptr", ".STRONG.GPU PT, "),
        ("ATOM.E", "scratch", "ptr", ".STRONG.GPU PT, "),
        ("ATOMS", "shared", "sptr", " "),
    ):
        if op == "ATOMS" and bits == 64 and name != "EXCH.64":
            continue

        def expect(v, s=space, f=function, b=bits):
            old, memory = atomics(v, s, v.R8_index, v.R12, f, b)
            return {"R4": old, s: memory}

        case(f"{op}.{name}{tail}R4, [R8], R12", {"R8": f"{pointer}{size}", "R12": kind}, expect)
    if name.split(".")[0] in COMMUTING:
        # Several lanes on one element: the final memory does not depend on the order.
        case(
            f"RED.E.{name}.STRONG.GPU [R8], R12",
            {"R8": f"hotptr{size}", "R12": kind},
            lambda v, f=function, b=bits: {"scratch": atomics(v, "scratch", v.R8_index, v.R12, f, b)[1]},
        )
        if bits == 32:
            case(
                f"ATOMS.{name} RZ, [R8], R12",
                {"R8": "hotsptr4", "R12": kind},
                lambda v, f=function: {"shared": atomics(v, "shared", v.R8_index, v.R12, f, 32)[1]},
            )

# Floating-point additions of small integers: exact in any order.
for text, kind, dtype, size in (
    ("RED.E.ADD.F32.FTZ.RN.STRONG.GPU [R8], R12", "whole32", np.float32, 4),
    ("RED.E.ADD.F64.RN.STRONG.GPU [R8], R12", "whole64", np.float64, 8),
    ("ATOMG.E.ADD.F32.FTZ.RN.STRONG.GPU PT, RZ, [R8], R12", "whole32", np.float32, 4),
    ("ATOM.E.ADD.F64.RN.STRONG.GPU PT, RZ, [R8], R12", "whole64", np.float64, 8),
):

    def expect_sum(v, d=dtype):
        memory = v.scratch.copy()
        np.add.at(memory.view(d), v.R8_index, v.R12)
        return {"scratch": memory}

    case(text, {"R8": f"hotptr{size}", "R12": kind}, expect_sum)
case(
    "ATOM.E.ADD.F16x2.RN.STRONG.GPU P0, R4, [R8], R12",
    {"R8": "ptr4", "R12": "small16"},
    lambda v: {"R4": v.scratch.view(np.uint32)[v.R8_index], "P0": np.ones(THREADS, bool), "scratch": _add_halves(v)},
)


def _add_halves(v):
    memory = v.scratch.copy()
    halves = memory.view(np.float16).reshape(-1, 2)
    halves[v.R8_index] += v.R12.view(np.float16).reshape(-1, 2)
    return memory


case(
    "ATOMG.E.CAS.STRONG.GPU PT, R4, [R8], R12, R13",
    {"R8": "ptr4", "R12": "i32", "R13": "i32"},
    lambda v: {"R4": v.scratch.view(np.uint32)[v.R8_index], "scratch": v.scratch},
)
# Compare with the true contents in the lanes of P2.
case(
    "LDG.E.SYS R10, [R8] ; @P2 MOV R12, R10 ; ATOMG.E.CAS.STRONG.GPU PT, R4, [R8], R12, R13",
    {"R8": "ptr4", "R12": "i32", "R13": "i32", "P2": "pred"},
    lambda v: {
        "R4": v.scratch.view(np.uint32)[v.R8_index],
        "scratch": stored(v, "scratch", v.R8_index[v.P2], [v.R13[v.P2]], 4),
    },
)
case(
    "LDG.E.64.SYS R10, [R8] ; @P2 MOV R12, R10 ; @P2 MOV R13, R11 ; ATOMG.E.CAS.64.STRONG.GPU PT, R4, [R8], R12, R14",
    {"R8": "ptr8", "R12": "i64", "R14": "i64", "P2": "pred"},
    lambda v: {"R4": v.scratch.view(np.uint64)[v.R8_index], "scratch": _swap64(v)},
)


def _swap64(v):
    memory = v.scratch.copy()
    memory.view(np.uint64)[v.R8_index[v.P2]] = v.R14[v.P2]
    return memory


case(
    "LDS.U R10, [R8] ; @P2 MOV R12, R10 ; ATOMS.CAS R4, [R8], R12, R13",
    {"R8": "sptr4", "R12": "i32", "R13": "i32", "P2": "pred"},
    lambda v: {
        "R4": v.shared.view(np.uint32)[v.R8_index],
        "shared": stored(v, "shared", v.R8_index[v.P2], [v.R13[v.P2]], 4),
    },
)
case(
    "LDS.U R10, [R8] ; @P2 IADD3 R12, R10, RZ, RZ ; @!P2 IADD3 R12, R10, 0x1, RZ ; ATOMS.CAST.SPIN R4, [R8], R12, R13",
    {"R8": "sptr4", "R12": "i32", "R13": "i32", "P2": "pred"},
    lambda v: {"R4": v.P2.astype(np.uint32), "shared": stored(v, "shared", v.R8_index[v.P2], [v.R13[v.P2]], 4)},
)
