"""Conversions between formats."""

from __future__ import annotations

import numpy as np

from . import exact
from .harness import Case
from .integers import masked, s32

CASES: list[Case] = []
FLOATS = {"": ("f32", np.float32), ".F64": ("f64", np.float64)}
INTS = {"U8": (8, False), "S8": (8, True), "U16": (16, False), "S16": (16, True), "U32": (32, False)}
INTS |= {"S32": (32, True), "U64": (64, False), "S64": (64, True)}
ROUNDS = {"": "rn", ".FLOOR": "rm", ".CEIL": "rp", ".TRUNC": "rz"}
FROUNDS = {"": "rn", ".RM": "rm", ".RP": "rp", ".RZ": "rz"}


def case(text: str, inputs: dict, **outputs) -> None:
    CASES.append(Case(text, inputs, lambda v, o=outputs: {name: f(v) for name, f in o.items()}))


def integers(values, bits: int, signed: bool):
    width = 64 if bits == 64 else 32
    return np.array([x & (1 << width) - 1 for x in values], np.uint64 if bits == 64 else np.uint32)


for source, (kind, _dtype) in FLOATS.items():
    for name, (bits, signed) in INTS.items():
        nan = 1 << bits - 1 if bits == 64 or source == ".F64" else 0
        if bits < 64 and signed and nan:
            nan -= 1 << bits
        for dot, mode in ROUNDS.items():
            dst = "" if name == "S32" else "." + name
            # 64-bit and double conversions print no .NTZ.
            text = f"F2I{dst}{source}{dot}" + ("" if bits == 64 or source else ".NTZ")
            case(
                f"{text} R4, R6",
                {"R6": kind},
                R4=lambda v, b=bits, s=signed, m=mode, n=nan: integers(
                    [exact.to_integer(x, b, s, m, n) for x in v.R6.tolist()], b, s
                ),
            )
case(
    "F2I.FTZ.U32.TRUNC.NTZ R4, R6",
    {"R6": "f32"},
    R4=lambda v: integers([exact.to_integer(x, 32, False, "rz", 0) for x in v.R6.tolist()], 32, False),
)
case(
    "F2I.FTZ.CEIL.NTZ R4, R6",
    {"R6": "f32"},
    R4=lambda v: integers(
        [exact.to_integer(0.0 if abs(x) < 2.0**-126 else x, 32, True, "rp", 0) for x in v.R6.tolist()], 32, True
    ),
)
case(
    "F2I.TRUNC.NTZ R4, -R6",
    {"R6": "f32"},
    R4=lambda v: integers([exact.to_integer(-x, 32, True, "rz", 0) for x in v.R6.tolist()], 32, True),
)
case(
    "F2I.F16.NTZ R4, R6",
    {"R6": "f16x2"},
    R4=lambda v: integers(
        [exact.to_integer(x, 32, True, "rn", 0) for x in v.R6.astype(np.uint16).view(np.float16).tolist()], 32, True
    ),
)

for name, (bits, signed) in INTS.items():
    for dst, dtype in (("", np.float32), (".F64", np.float64), (".F16", np.float16)):
        for dot, mode in FROUNDS.items():
            source = "" if name == "S32" else "." + name
            kind = "i64" if bits == 64 else "i32"

            def expect(v, b=bits, s=signed, m=mode, d=dtype):
                out = []
                for x in v.R6.tolist():
                    x &= (1 << b) - 1
                    x -= (1 << b) if s and x >> b - 1 else 0
                    out.append(exact.convert(x, d, m))
                out = np.array(out, np.float64).astype(d)
                return out.view(np.uint16).astype(np.uint32) if d == np.float16 else out

            case(f"I2F{dst}{source}{dot} R4, R6", {"R6": kind}, R4=expect)
case("I2F.U8 R4, R6.B2", {"R6": "i32"}, R4=lambda v: (v.R6 >> np.uint32(16) & np.uint32(255)).astype(np.float32))
case("I2F.S8 R4, R6.B3", {"R6": "i32"}, R4=lambda v: (v.R6.view(np.int32) >> 24).astype(np.float32))

KINDS = {"F16": ("f16x2", np.float16), "F32": ("f32", np.float32), "F64": ("f64", np.float64)}


def source_values(v, name: str):
    return v.R6.astype(np.uint16).view(np.float16) if name == "F16" else v.R6


def as_words(x):
    return x.view(np.uint16).astype(np.uint32) if x.dtype == np.float16 else x


def rounded(function, x):
    with np.errstate(invalid="ignore"):
        return function(x)


def same_nan(x):
    """Half results are compared as words: the NaN pattern of the hardware."""
    if x.dtype == np.float16:
        return np.where(np.isnan(x), np.uint16(0x7FFF).view(np.float16), x)
    return x


for to, (_, dtype) in KINDS.items():
    for start, (kind, _source) in KINDS.items():
        if to == start:
            continue
        narrowing = np.dtype(dtype).itemsize < np.dtype(_source).itemsize
        for dot, mode in FROUNDS.items() if narrowing else (("", "rn"),):
            case(
                f"F2F.{to}.{start}{dot} R4, R6",
                {"R6": kind},
                R4=lambda v, n=start, d=dtype, m=mode: as_words(
                    same_nan(exact.array(lambda x: exact.convert(x, d, m), d, source_values(v, n)))
                ),
            )
case(
    "F2F.F32.F64 R4, -|R6|",
    {"R6": "f64"},
    R4=lambda v: exact.array(lambda x: exact.convert(-abs(x), np.float32), np.float32, v.R6),
)
for name, (kind, dtype) in KINDS.items():
    for dot, mode in ROUNDS.items():
        function = {"rn": np.rint, "rm": np.floor, "rp": np.ceil, "rz": np.trunc}[mode]
        middle = "" if name == "F32" else "." + name
        case(
            f"FRND{middle}{dot} R4, R6",
            {"R6": kind},
            R4=lambda v, n=name, f=function: as_words(same_nan(rounded(f, source_values(v, n)))),
        )


def clamp(x: int, name: str) -> int:
    bits, signed = INTS[name]
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return min(max(s32(x), low), high)


for name in ("S8", "U8"):
    case(
        f"I2IP.{name}.S32.SAT R4, R5, R6, R7",
        {"R5": "i32", "R6": "i32", "R7": "i32"},
        R4=lambda v, n=name: masked(lambda a, b, c: (c & 0xFFFF) << 16 | (clamp(a, n) & 255) << 8 | clamp(b, n) & 255)(
            v.R5, v.R6, v.R7
        ),
    )
    case(
        f"I2I.{name}.S32.SAT R8, R5 ; LOP3.LUT R4, R8, 0xff, RZ, 0xc0, !PT",
        {"R5": "i32"},
        R4=lambda v, n=name: masked(lambda a: clamp(a, n) & 255)(v.R5),
    )
for name in ("S16", "U16"):
    case(
        f"I2IP.{name}.S32.SAT R4, R5, R6, RZ",
        {"R5": "i32", "R6": "i32"},
        R4=lambda v, n=name: masked(lambda a, b: (clamp(a, n) & 0xFFFF) << 16 | clamp(b, n) & 0xFFFF)(v.R5, v.R6),
    )


def narrow_pack(v, signed, width):
    low, high = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if signed else (0, (1 << width) - 1)
    x, y = (np.clip(r.view(np.int32), low, high).astype(np.uint32) & np.uint32((1 << width) - 1) for r in (v.R5, v.R6))
    return {"R4": v.R7 << np.uint32(2 * width) | x << np.uint32(width) | y}


for name, part in (("U4", "24"), ("S4", "24"), ("U2", "28"), ("S2", "28")):
    CASES.append(
        Case(
            f"I2IP.{name}.S32.SAT R4, R5, R6, R7.{part}",
            {"R5": "i32", "R6": "i32", "R7": "i32"},
            lambda v, name=name: narrow_pack(v, name[0] == "S", int(name[1])),
        )
    )


def half_function(function, which):
    def expect(v):
        with np.errstate(all="ignore"):
            x = (v.R5 >> np.uint32(16 * which)).astype(np.uint16).view(np.float16).astype(np.float64)
            return {"R4": function(x).astype(np.float16).view(np.uint16).astype(np.uint32)}

    return expect


CASES += [
    Case("MUFU.EX2.F16 R4, R5", {"R5": "small16"}, half_function(np.exp2, 0)),
    Case("MUFU.EX2.F16 R4, R5.H1", {"R5": "small16"}, half_function(np.exp2, 1)),
    Case("MUFU.RCP.F16 R4, -R5.H1", {"R5": "small16"}, half_function(lambda x: 1 / -x, 1)),
    Case("MUFU.TANH.F16 R4, R5", {"R5": "small16"}, half_function(np.tanh, 0)),
]


def saturated_pair(v):
    with np.errstate(all="ignore"):
        pair = np.stack([r.astype(np.float16) for r in (v.R9, v.R8)], axis=-1)
    pair = np.where(np.isinf(pair), np.copysign(np.float16(65504), pair), pair)
    return {"R4": np.ascontiguousarray(np.where(np.isnan(pair), np.float16(0), pair)).view(np.uint32).reshape(-1)}


CASES.append(Case("F2FP.SATFINITE.PACK_AB R4, R8, R9", {"R8": "large", "R9": "large"}, saturated_pair))
CASES.append(Case("S2R R4, SR_SMEMSZ ; PMTRIG 0x1 ; STS [RZ], RZ", {}, lambda v: {"R4": np.full(256, 4096, np.uint32)}))
