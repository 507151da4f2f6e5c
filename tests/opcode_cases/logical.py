"""Bitwise logic, shifts and bit fields."""

from __future__ import annotations

import random

import numpy as np

from .harness import Case
from .integers import M32, M64, flags, masked, s32

CASES: list[Case] = []
RRR = {"R5": "i32", "R6": "i32", "R7": "i32"}


def case(text: str, inputs: dict, **outputs) -> None:
    CASES.append(Case(text, inputs, lambda v, o=outputs: {name: f(v) for name, f in o.items()}))


def table(lut: int, a: int, b: int, c: int) -> int:
    """Sum of minterms, the definition of lop3."""
    out = 0
    for index in range(8):
        if lut >> index & 1:
            term = (a if index & 4 else ~a) & (b if index & 2 else ~b) & (c if index & 1 else ~c)
            out |= term
    return out & M32


for lut in range(256):
    case(
        f"LOP3.LUT R4, R5, R6, R7, {lut:#x}, !PT",
        RRR,
        R4=lambda v, n=lut: masked(lambda a, b, c: table(n, a, b, c))(v.R5, v.R6, v.R7),
    )
for lut in (0xC0, 0xFC, 0x3C, 0x0C, 0x30, 0xF8, 0x33, 0x96, 0xE8, 0x1B):
    case(
        f"LOP3.LUT R4, R5, 0xff00ff, RZ, {lut:#x}, !PT",
        RRR,
        R4=lambda v, n=lut: masked(lambda a: table(n, a, 0xFF00FF, 0))(v.R5),
    )
    case(
        f"LOP3.LUT R4, RZ, R6, R7, {lut:#x}, !PT",
        RRR,
        R4=lambda v, n=lut: masked(lambda b, c: table(n, 0, b, c))(v.R6, v.R7),
    )
    case(
        f"LOP3.LUT P1, RZ, R5, R6, R7, {lut:#x}, !PT",
        RRR,
        P1=lambda v, n=lut: flags(lambda a, b, c: table(n, a, b, c) != 0)(v.R5, v.R6, v.R7),
    )
    case(
        f"LOP3.LUT P1, R4, R5, 0x1, RZ, {lut:#x}, P2",
        RRR | {"P2": "pred"},
        R4=lambda v, n=lut: masked(lambda a: table(n, a, 1, 0))(v.R5),
        P1=lambda v, n=lut: flags(lambda a, p: table(n, a, 1, 0) != 0 or p)(v.R5, v.P2),
    )
    case(
        f"ULOP3.LUT UR4, UR5, 0xffffffe0, UR7, {lut:#x}, !UPT",
        {"UR5": "i32", "UR7": "i32"},
        UR4=lambda v, n=lut: np.array(table(n, v.UR5, 0xFFFFFFE0, v.UR7), np.uint32),
    )
case("LOP3.LUT P1, RZ, R5, 0x1, RZ, 0xc0, !PT", {"R5": "i32"}, P1=lambda v: v.R5 & 1 != 0)
case("ULOP3.LUT UP0, URZ, UR5, 0x2, URZ, 0xc0, !UPT", {"UR5": "i32"}, UP0=lambda v: np.array(v.UR5 & 2 != 0))


def ptable(lut: int, a: bool, b: bool, c: bool) -> bool:
    return bool(lut >> (a << 2 | b << 1 | c) & 1)


PPP = {"P2": "pred", "P3": "pred", "P4": "pred"}
for lut in (*range(0, 256, 7), 0x80, 0xA8, 0x2A, 0x20, 0xF8, 0x01):
    other = lut * 37 & 0xFF
    case(
        f"PLOP3.LUT P0, P1, P2, !P3, P4, {lut:#x}, {other:#x}",
        PPP,
        P0=lambda v, n=lut: flags(lambda a, b, c: ptable(n, a, not b, c))(v.P2, v.P3, v.P4),
        P1=lambda v, n=other: flags(lambda a, b, c: ptable(n, a, not b, c))(v.P2, v.P3, v.P4),
    )
    case(
        f"PLOP3.LUT P0, PT, P2, PT, !PT, {lut:#x}, 0x0",
        PPP,
        P0=lambda v, n=lut: flags(lambda a: ptable(n, a, True, False))(v.P2),
    )
case("PLOP3.LUT P0, PT, PT, PT, UP1, 0x80, 0x0", {"UP1": "pred"}, P0=lambda v: np.full(256, v.UP1))
case(
    "UPLOP3.LUT UP0, UPT, UP1, UP2, UPT, 0x28, 0x0",
    {"UP1": "pred", "UP2": "pred"},
    UP0=lambda v: np.array(ptable(0x28, v.UP1, v.UP2, True)),
)


def shift(text: str, function) -> None:
    """function(low, count, high)"""
    case(text, {"R5": "i32", "R6": "shift", "R7": "i32"}, R4=lambda v: masked(function)(v.R5, v.R6, v.R7))


def s64(x: int) -> int:
    return x - (1 << 64) if x >> 63 else x


shift("SHF.L.U32 R4, R5, R6, RZ", lambda lo, n, hi: lo << n if n < 32 else 0)
shift("SHF.L.U32 R4, R5, 0x6, RZ", lambda lo, n, hi: lo << 6)
shift("SHF.L.U32.W R4, R5, R6, RZ", lambda lo, n, hi: lo << (n & 31))
shift("SHF.R.U32.HI R4, RZ, R6, R7", lambda lo, n, hi: hi >> n)
shift("SHF.R.U32.HI.W R4, RZ, R6, R7", lambda lo, n, hi: hi >> (n & 31))
shift("SHF.R.S32.HI R4, RZ, R6, R7", lambda lo, n, hi: s32(hi) >> min(n, 32))
shift("SHF.R.S32.HI R4, RZ, 0x1f, R7", lambda lo, n, hi: s32(hi) >> 31)
shift("SHF.L.U32.HI R4, R5, R6, R7", lambda lo, n, hi: (hi << 32 | lo) << min(n, 32) >> 32)
shift("SHF.L.U32.HI R4, R5, 0x2, R7", lambda lo, n, hi: (hi << 32 | lo) << 2 >> 32)
shift("SHF.L.W.U32.HI R4, R5, R6, R7", lambda lo, n, hi: (hi << 32 | lo) << (n & 31) >> 32)
shift("SHF.R.U32 R4, R5, R6, R7", lambda lo, n, hi: (hi << 32 | lo) >> min(n, 32))
shift("SHF.R.W.U32 R4, R5, R6, R7", lambda lo, n, hi: (hi << 32 | lo) >> (n & 31))
shift("SHF.L.U64.HI R4, R5, R6, R7", lambda lo, n, hi: ((hi << 32 | lo) << min(n, 64) & M64) >> 32)
shift("SHF.R.U64 R4, R5, R6, R7", lambda lo, n, hi: (hi << 32 | lo) >> min(n, 64))
shift("SHF.R.S64 R4, R5, R6, R7", lambda lo, n, hi: s64(hi << 32 | lo) >> min(n, 64))
shift("SHF.R.S64 R4, R5, 0x1, R7", lambda lo, n, hi: s64(hi << 32 | lo) >> 1)
for text, function in {
    "USHF.L.U32 UR4, UR5, 0x6, URZ": lambda v: v.UR5 << 6,
    "USHF.R.U32.HI UR4, URZ, 0x5, UR7": lambda v: v.UR7 >> 5,
    "USHF.R.S32.HI UR4, URZ, 0x1f, UR7": lambda v: s32(v.UR7) >> 31,
    "USHF.L.U64.HI UR4, UR5, UR6, UR7": lambda v: ((v.UR7 << 32 | v.UR5) << min(v.UR6, 64) & M64) >> 32,
    "USHF.R.U64 UR4, UR5, 0x1e, UR7": lambda v: (v.UR7 << 32 | v.UR5) >> 30,
    "USHF.R.S64 UR4, UR5, 0x3, UR7": lambda v: s64(v.UR7 << 32 | v.UR5) >> 3,
    "UPRMT UR4, UR5, 0x5410, UR7": lambda v: v.UR5 & 0xFFFF | v.UR7 << 16,
    "UPOPC UR4, UR5": lambda v: v.UR5.bit_count(),
    "UFLO.U32 UR4, UR5": lambda v: v.UR5.bit_length() - 1,
    "UBREV UR4, UR5": lambda v: int(f"{v.UR5:032b}"[::-1], 2),
}.items():
    case(text, {"UR5": "i32", "UR6": "shift", "UR7": "i32"}, UR4=lambda v, f=function: np.array(f(v) & M32, np.uint32))


def prmt(a: int, selector: int, c: int) -> int:
    source = (c << 32 | a).to_bytes(8, "little")
    out = []
    for position in range(4):
        nibble = selector >> 4 * position & 15
        byte = source[nibble & 7]
        out.append((0xFF if byte & 0x80 else 0) if nibble & 8 else byte)
    return int.from_bytes(bytes(out), "little")


chooser = random.Random(5)
SELECTORS = [0x3210, 0x7654, 0x5410, 0x7632, 0x7610, 0x1054, 0x0123, 0x4440, 0x8880, 0x9910, 0xBA98, 0xFFFF, 0x7770]
for selector in [*SELECTORS, *(chooser.randrange(1 << 16) for _ in range(20))]:
    case(
        f"PRMT R4, R5, {selector:#x}, R7", RRR, R4=lambda v, n=selector: masked(lambda a, c: prmt(a, n, c))(v.R5, v.R7)
    )
case("PRMT R4, R5, R6, R7", RRR, R4=lambda v: masked(prmt)(v.R5, v.R6, v.R7))
case("PRMT R4, RZ, 0x7610, R7", RRR, R4=lambda v: v.R7 & np.uint32(0xFFFF0000))
MODES = {"F4E": "i+0,i+1,i+2,i+3", "B4E": "i,i-1,i-2,i-3", "RC8": "i,i,i,i"}
for mode, rule in MODES.items():
    for control in range(4):
        nibbles = eval(f"[x & 7 for x in ({rule},)]", {"i": control})
        selector = sum(n << 4 * k for k, n in enumerate(nibbles))
        case(
            f"PRMT.{mode} R4, R5, {control:#x}, R7",
            RRR,
            R4=lambda v, n=selector: masked(lambda a, c: prmt(a, n, c))(v.R5, v.R7),
        )
for control in range(4):
    left = sum(max(k, control) << 4 * k for k in range(4))
    right = sum(min(k, control) << 4 * k for k in range(4))
    words = 0x3232 if control & 1 else 0x1010
    for mode, selector in (("ECL", left), ("ECR", right), ("RC16", words)):
        case(
            f"PRMT.{mode} R4, R5, {control:#x}, R7",
            RRR,
            R4=lambda v, n=selector: masked(lambda a, c: prmt(a, n, c))(v.R5, v.R7),
        )


def bmsk(position: int, width: int) -> int:
    """PTX ISA, bmsk.clamp"""
    ones = 0 if position >= 32 else M32 << position & M32
    end = position + width
    return ones & ~(0 if end >= 32 else M32 << end & M32)


case("BMSK R4, R5, R6", {"R5": "shift", "R6": "shift"}, R4=lambda v: masked(bmsk)(v.R5, v.R6))
case("BMSK R4, RZ, R6", {"R6": "shift"}, R4=lambda v: masked(lambda n: bmsk(0, n))(v.R6))
case(
    "BMSK.W R4, R5, R6",
    {"R5": "shift", "R6": "shift"},
    R4=lambda v: masked(lambda p, n: bmsk(p & 31, n & 31))(v.R5, v.R6),
)


def sgxt(a: int, width: int, signed: bool) -> int:
    width = min(width, 32)
    if width == 0:
        return 0
    value = a & (1 << width) - 1
    return value - (1 << width) if signed and value >> width - 1 else value


case("SGXT R4, R5, R6", {"R5": "i32", "R6": "shift"}, R4=lambda v: masked(lambda a, n: sgxt(a, n, True))(v.R5, v.R6))
case(
    "SGXT.U32 R4, R5, R6", {"R5": "i32", "R6": "shift"}, R4=lambda v: masked(lambda a, n: sgxt(a, n, False))(v.R5, v.R6)
)
case("SGXT R4, R5, 0x8", {"R5": "i32"}, R4=lambda v: masked(lambda a: sgxt(a, 8, True))(v.R5))
case("FLO.U32 R4, R5", {"R5": "i32"}, R4=lambda v: masked(lambda a: a.bit_length() - 1)(v.R5))
case("FLO.U32.SH R4, R5", {"R5": "i32"}, R4=lambda v: masked(lambda a: 32 - a.bit_length() if a else -1)(v.R5))
case("FLO R4, R5", {"R5": "i32"}, R4=lambda v: masked(lambda a: (a ^ (M32 if a >> 31 else 0)).bit_length() - 1)(v.R5))
case("POPC R4, R5", {"R5": "i32"}, R4=lambda v: masked(lambda a: a.bit_count())(v.R5))
case("BREV R4, R5", {"R5": "i32"}, R4=lambda v: masked(lambda a: int(f"{a:032b}"[::-1], 2))(v.R5))
ALLP = {f"P{n}": "pred" for n in range(7)}


def pr(v) -> np.ndarray:
    return sum(getattr(v, f"P{n}").astype(np.uint32) << np.uint32(n) for n in range(7))


case("P2R R4, PR, RZ, 0x7f", ALLP, R4=pr)
case("P2R R4, PR, RZ, 0x5", ALLP, R4=lambda v: pr(v) & np.uint32(5))
case("P2R R4, PR, R5, 0x3", ALLP | {"R5": "i32"}, R4=lambda v: v.R5 & np.uint32(M32 - 3) | pr(v) & np.uint32(3))
case(
    "R2P PR, R5, 0x7e",
    {"R5": "i32", "P0": "pred"},
    **{f"P{n}": (lambda v, n=n: v.R5 >> np.uint32(n) & 1 != 0) for n in range(1, 7)},
    P0=lambda v: v.P0,
)
case(
    "R2P PR, R5.B1, 0x3",
    {"R5": "i32"},
    **{f"P{n}": (lambda v, n=n: v.R5 >> np.uint32(n + 8) & 1 != 0) for n in range(2)},
)
case(
    "P2R.B2 R4, PR, R5, R6",
    ALLP | {"R5": "i32", "R6": "i32"},
    R4=lambda v: v.R5 & ~((v.R6 & np.uint32(127)) << np.uint32(16)) | (pr(v) & v.R6 & np.uint32(127)) << np.uint32(16),
)
for name in ("P1", "P4"):
    case(
        "R2P PR, R5.B3, R6",
        ALLP | {"R5": "i32", "R6": "i32"},
        **{
            name: lambda v, n=int(name[1]): np.where(
                v.R6 >> np.uint32(n) & 1 != 0, v.R5 >> np.uint32(24 + n) & 1 != 0, getattr(v, f"P{n}")
            )
        },
    )
