"""Single and double precision arithmetic, comparison, MUFU."""

from __future__ import annotations

import math

import numpy as np

from . import exact
from .harness import Case

CASES: list[Case] = []
F = {"R5": "f32", "R6": "f32", "R7": "f32"}
D = {"R6": "f64", "R8": "f64", "R10": "f64"}
MODES = {"": "rn", ".RM": "rm", ".RP": "rp", ".RZ": "rz"}


def case(text: str, inputs: dict, ulps: float = 0, **outputs) -> None:
    CASES.append(Case(text, inputs, lambda v, o=outputs: {name: f(v) for name, f in o.items()}, ulps))


def f32(function):
    return lambda *arrays: exact.array(function, np.float32, *arrays)


def f64(function):
    return lambda *arrays: exact.array(function, np.float64, *arrays)


for dot, mode in MODES.items():
    for ftz in (False, True):
        m = (".FTZ" if ftz else "") + dot
        options = {"mode": mode, "ftz": ftz}
        case(
            f"FADD{m} R4, R5, R6",
            F,
            R4=lambda v, o=options: f32(lambda a, b: exact.add(a, b, np.float32, **o))(v.R5, v.R6),
        )
        case(
            f"FADD{m} R4, |R5|, -R6",
            F,
            R4=lambda v, o=options: f32(lambda a, b: exact.add(abs(a), -b, np.float32, **o))(v.R5, v.R6),
        )
        case(
            f"FMUL{m} R4, -R5, R6",
            F,
            R4=lambda v, o=options: f32(lambda a, b: exact.mul(-a, b, np.float32, **o))(v.R5, v.R6),
        )
        case(
            f"FFMA{m} R4, R5, R6, R7",
            F,
            R4=lambda v, o=options: f32(lambda a, b, c: exact.fma(a, b, c, np.float32, **o))(v.R5, v.R6, v.R7),
        )
        case(
            f"FFMA{m} R4, R5, -R6, -R7",
            F,
            R4=lambda v, o=options: f32(lambda a, b, c: exact.fma(a, -b, -c, np.float32, **o))(v.R5, v.R6, v.R7),
        )
    case(
        f"DADD{dot} R4, R6, -R8", D, R4=lambda v, m=mode: f64(lambda a, b: exact.add(a, -b, np.float64, m))(v.R6, v.R8)
    )
    case(
        f"DMUL{dot} R4, R6, |R8|",
        D,
        R4=lambda v, m=mode: f64(lambda a, b: exact.mul(a, abs(b), np.float64, m))(v.R6, v.R8),
    )
    case(
        f"DFMA{dot} R4, R6, R8, R10",
        D,
        R4=lambda v, m=mode: f64(lambda a, b, c: exact.fma(a, b, c, np.float64, m))(v.R6, v.R8, v.R10),
    )
    case(
        f"DFMA{dot} R4, -R6, R8, -R10",
        D,
        R4=lambda v, m=mode: f64(lambda a, b, c: exact.fma(-a, b, -c, np.float64, m))(v.R6, v.R8, v.R10),
    )
# Nearby operands, where the product's rounding error decides.
case(
    "FFMA R4, R5, R6, R7",
    {"R5": "moderate", "R6": "moderate", "R7": "moderate"},
    R4=lambda v: f32(lambda a, b, c: exact.fma(a, b, c, np.float32))(v.R5, v.R6, v.R7),
)
case(
    "FMUL R8, R5, R6 ; FFMA R4, R5, R6, -R8",
    {"R5": "moderate", "R6": "moderate"},
    R4=lambda v: f32(lambda a, b: exact.fma(a, b, -exact.mul(a, b, np.float32), np.float32))(v.R5, v.R6),
)
case(
    "DMUL R12, R6, R8 ; DFMA R4, R6, R8, -R12",
    D,
    R4=lambda v: f64(lambda a, b: exact.fma(a, b, -exact.mul(a, b, np.float64), np.float64))(v.R6, v.R8),
)
for scale, factor in (("D2", 0.5), ("D4", 0.25), ("D8", 0.125), ("M2", 2.0), ("M4", 4.0), ("M8", 8.0)):
    # The scaled product is exact in double precision and rounds once.
    case(
        f"FMUL.{scale} R4, R5, R6",
        {"R5": "moderate", "R6": "moderate"},
        R4=lambda v, k=factor: (v.R5.astype(np.float64) * v.R6.astype(np.float64) * k).astype(np.float32),
    )
case("FADD R4, R5, -0.5", F, R4=lambda v: f32(lambda a: exact.add(a, -0.5, np.float32))(v.R5))
case("FADD R4, |R5|, -RZ", F, R4=lambda v: np.abs(v.R5))
case("FADD.FTZ R4, -R5, -RZ", F, R4=lambda v: f32(lambda a: exact.add(-a, -0.0, np.float32, "rn", True))(v.R5))
case("DADD R4, -RZ, -R6", D, R4=lambda v: -v.R6)
case("DADD R4, R6, 1", D, R4=lambda v: f64(lambda a: exact.add(a, 1.0, np.float64))(v.R6))
case("DMUL R4, R6, 1000000", D, R4=lambda v: f64(lambda a: exact.mul(a, 1e6, np.float64))(v.R6))


def saturate(x):
    with np.errstate(invalid="ignore"):
        return np.where(x > 0, np.minimum(x, np.float32(1)), np.float32(0)).astype(np.float32)


case("FADD.SAT R4, R5, R6", F, R4=lambda v: saturate(f32(lambda a, b: exact.add(a, b, np.float32))(v.R5, v.R6)))
case("FMUL.SAT R4, R5, R6", F, R4=lambda v: saturate(f32(lambda a, b: exact.mul(a, b, np.float32))(v.R5, v.R6)))
case(
    "FFMA.SAT R4, R5, R6, 0.5", F, R4=lambda v: saturate(f32(lambda a, b: exact.fma(a, b, 0.5, np.float32))(v.R5, v.R6))
)


def nan(*values) -> bool:
    return any(map(math.isnan, values))


def extreme(a: float, b: float, smallest: bool) -> float:
    """A NaN loses; -0 is less than +0."""
    if nan(a, b):
        return b if nan(a) else a
    if a == b:
        return a if (str(a)[0] == "-") == smallest else b
    return min(a, b) if smallest else max(a, b)


case("FMNMX R4, R5, R6, PT", F, R4=lambda v: f32(lambda a, b: extreme(a, b, True))(v.R5, v.R6))
case("FMNMX R4, R5, -R6, !PT", F, R4=lambda v: f32(lambda a, b: extreme(a, -b, False))(v.R5, v.R6))
case("FMNMX R4, R5, R6, P2", F | {"P2": "pred"}, R4=lambda v: f32(lambda a, b, p: extreme(a, b, p))(v.R5, v.R6, v.P2))
case("FSEL R4, R5, -R6, P2", F | {"P2": "pred"}, R4=lambda v: np.where(v.P2, v.R5, -v.R6))
case("FSEL R4, |R5|, 1, !P2", F | {"P2": "pred"}, R4=lambda v: np.where(v.P2, np.float32(1), np.abs(v.R5)))

ORDERED = {"LT": "<", "EQ": "==", "LE": "<=", "GT": ">", "GE": ">="}
COMPARE = {name: eval(f"lambda a, b: a {symbol} b") for name, symbol in ORDERED.items()}
COMPARE["NE"] = lambda a, b: a < b or a > b
COMPARE["NUM"] = lambda a, b: not nan(a, b)
COMPARE["NAN"] = nan
for name in (*ORDERED, "NE"):
    COMPARE[name + "U"] = lambda a, b, t=COMPARE[name]: nan(a, b) or t(a, b)


def tests(function, *arrays):
    return np.array([function(*row) for row in zip(*(a.tolist() for a in arrays))], np.bool_)


for name, test in COMPARE.items():
    case(
        f"FSETP.{name}.AND P0, P1, R5, |R6|, P2",
        F | {"P2": "pred"},
        P0=lambda v, t=test: tests(lambda a, b, p: t(a, abs(b)) and p, v.R5, v.R6, v.P2),
        P1=lambda v, t=test: tests(lambda a, b, p: not t(a, abs(b)) and p, v.R5, v.R6, v.P2),
    )
    case(
        f"FSETP.{name}.OR P0, PT, R5, 1, !P2",
        F | {"P2": "pred"},
        P0=lambda v, t=test: tests(lambda a, p: t(a, 1.0) or not p, v.R5, v.P2),
    )
    case(
        f"FSETP.{name}.FTZ.AND P0, PT, R5, RZ, PT",
        F,
        P0=lambda v, t=test: tests(lambda a: t(0.0 if abs(a) < 2.0**-126 else a, 0.0), v.R5),
    )
    case(f"FSET.BF.{name}.AND R4, R5, R6, PT", F, R4=lambda v, t=test: tests(t, v.R5, v.R6).astype(np.float32))
    case(
        f"FSET.{name}.XOR R4, R5, R6, P2",
        F | {"P2": "pred"},
        R4=lambda v, t=test: np.where(tests(t, v.R5, v.R6) != v.P2, 0xFFFFFFFF, 0).astype(np.uint32),
    )
    case(
        f"DSETP.{name}.AND P0, P1, R6, -R8, P2",
        D | {"P2": "pred"},
        P0=lambda v, t=test: tests(lambda a, b, p: t(a, -b) and p, v.R6, v.R8, v.P2),
        P1=lambda v, t=test: tests(lambda a, b, p: not t(a, -b) and p, v.R6, v.R8, v.P2),
    )
    case(
        f"DSETP.{name}.OR P0, PT, R6, RZ, !P2",
        D | {"P2": "pred"},
        P0=lambda v, t=test: tests(lambda a, p: t(a, 0.0) or not p, v.R6, v.P2),
    )

# fmin and fmax of doubles, as compiled.
for name, smallest in (("MIN", True), ("MAX", False)):
    case(
        f"DSETP.{name}.AND P0, P1, R6, R8, PT ; SEL R4, R6, R8, P0 ; FSEL R5, R7, R9, P0 ; "
        "@P1 LOP3.LUT R5, R9, 0x80000, RZ, 0xfc, !PT",
        {"R6": "f64", "R8": "f64"},
        R4=lambda v, s=smallest: f64(lambda a, b: extreme(a, b, s))(v.R6, v.R8),
    )


# Approximations: within 2 units in the last place of the exact function where the result is an ordinary number.
def wide(function):
    def apply(x):
        with np.errstate(all="ignore"):
            return function(x.astype(np.float64)).astype(np.float32)

    return apply


case("MUFU.RCP R4, R5", {"R5": "moderate"}, 2, R4=lambda v: wide(lambda x: 1 / x)(v.R5))
case("MUFU.RCP R4, -|R5|", {"R5": "moderate"}, 2, R4=lambda v: wide(lambda x: -1 / np.abs(x))(v.R5))
case("MUFU.RSQ R4, R5", {"R5": "positive"}, 2, R4=lambda v: wide(lambda x: 1 / np.sqrt(x))(v.R5))
case("MUFU.SQRT R4, R5", {"R5": "positive"}, 2, R4=lambda v: wide(np.sqrt)(v.R5))
case("MUFU.EX2 R4, R5", {"R5": "moderate"}, 2, R4=lambda v: wide(np.exp2)(v.R5))
# Near 1 the logarithm's absolute error counts (PTX ISA, lg2.approx); the comparison adds 1 to make it relative.
case("MUFU.LG2 R8, R5 ; FADD R4, R8, 32", {"R5": "positive"}, 2, R4=lambda v: wide(lambda x: np.log2(x) + 32)(v.R5))
case(
    "MUFU.SIN R8, R5 ; FADD R4, R8, 2",
    {"R5": "moderate"},
    4,
    R4=lambda v: wide(lambda x: np.sin(2 * np.pi * (x - np.rint(x))) + 2)(v.R5),
)
case(
    "MUFU.COS R8, R5 ; FADD R4, R8, 2",
    {"R5": "moderate"},
    4,
    R4=lambda v: wide(lambda x: np.cos(2 * np.pi * (x - np.rint(x))) + 2)(v.R5),
)
case("MUFU.TANH R4, R5", {"R5": "positive"}, 4, R4=lambda v: wide(np.tanh)(v.R5))
SPECIAL = {
    "RCP": lambda x: 1 / x,
    "RSQ": lambda x: 1 / np.sqrt(x),
    "SQRT": np.sqrt,
    "EX2": np.exp2,
    "LG2": np.log2,
}
# Zeros, infinities and NaN only: other inputs are replaced by 1.
for name, function in SPECIAL.items():
    case(
        f"FSETP.NEU.AND P0, PT, |R5|, +INF, PT ; FSETP.NEU.AND P1, PT, R5, RZ, P0 ; @P1 MOV R5, 0x3f800000 ; "
        f"FSETP.NUM.AND P0, PT, R5, R5, PT ; MUFU.{name} R4, R5",
        {"R5": "f32"},
        R4=lambda v, f=function: wide(f)(
            np.where((v.R5 == 0) | np.isinf(v.R5), v.R5, np.float32(1)).astype(np.float32)
        ),
    )


# 1/x and 1/sqrt(x) of doubles given by their high words: refined by Newton steps in compiled code, as here.
case(
    "IMAD.MOV.U32 R6, RZ, RZ, RZ ; FADD R7, R5, 3 ; IADD3 R7, R7, 0x1000, RZ ; MUFU.RCP64H R9, R7 ; MOV R8, RZ ; "
    "DFMA R10, -R6, R8, 1 ; DFMA R10, R10, R10, R10 ; DFMA R8, R8, R10, R8 ; DFMA R10, -R6, R8, 1 ; "
    "DFMA R4, R8, R10, R8",
    {"R5": "positive"},
    1,
    R4=lambda v: 1 / _double_of(v.R5),
)
case(
    "IMAD.MOV.U32 R6, RZ, RZ, RZ ; FADD R7, R5, 3 ; IADD3 R7, R7, 0x1000, RZ ; MUFU.RSQ64H R9, R7 ; MOV R8, RZ ; "
    "DMUL R10, R8, R8 ; DFMA R10, -R6, R10, 1 ; DMUL R12, R10, 0.5 ; DFMA R8, R8, R12, R8 ; "
    "DMUL R10, R8, R8 ; DFMA R10, -R6, R10, 1 ; DMUL R12, R10, 0.5 ; DFMA R4, R8, R12, R8",
    {"R5": "positive"},
    2,
    R4=lambda v: 1 / np.sqrt(_double_of(v.R5)),
)


def _double_of(x):
    """The double whose high word is the pattern of x + 3 plus 0x1000."""
    high = (x + np.float32(3)).view(np.uint32) + np.uint32(0x1000)
    return (high.astype(np.uint64) << np.uint64(32)).view(np.float64)


# FCHK must send every division the fast path gets wrong to the slow path; here, the whole decision.
case(
    "FCHK P0, R5, R6 ; MUFU.RCP R8, R6 ; FFMA R9, -R6, R8, 1 ; FFMA R8, R8, R9, R8 ; FFMA R9, R5, R8, RZ ; "
    "FFMA R10, -R6, R9, R5 ; FFMA R9, R8, R10, R9 ; FFMA R10, -R6, R9, R5 ; FFMA R4, R8, R10, R9 ; @P0 MOV R4, RZ",
    {"R5": "f32", "R6": "f32"},
    R4=lambda v: _division(v.R5, v.R6),
)


def _division(a, b):
    """Where the test may choose the slow path the result is 0: only operands in the middle range must be fast."""
    with np.errstate(all="ignore"):
        quotient = (a.astype(np.float64) / b.astype(np.float64)).astype(np.float32)
        exponent = [np.frexp(x)[1].astype(np.int64) + 126 for x in (a, b)]
        fast = np.isfinite(a) & np.isfinite(b) & (b != 0) & (exponent[1] >= 3) & (exponent[1] <= 250)
        difference = exponent[0] - exponent[1]
        normal = (exponent[0] >= 27) & (exponent[0] <= 252) & (difference >= -124) & (difference <= 125)
        fast &= np.where(a == 0, np.signbit(a) == np.signbit(b), normal)
        return np.where(fast, quotient, np.float32(0))
