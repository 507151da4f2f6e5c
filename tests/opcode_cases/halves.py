"""Half precision pairs."""

from __future__ import annotations

import numpy as np

from . import exact
from .floating import COMPARE, tests
from .harness import Case

CASES: list[Case] = []
H = {"R5": "f16x2", "R6": "f16x2", "R7": "f16x2"}


def case(text: str, inputs: dict, **outputs) -> None:
    CASES.append(Case(text, inputs, lambda v, o=outputs: {name: f(v) for name, f in o.items()}))


def half(words, which: int):
    return (words >> np.uint32(16 * which)).astype(np.uint16).view(np.float16)


def pack(low, high):
    out = []
    for x in (low, high):
        x = x.astype(np.float16)
        out.append(np.where(np.isnan(x), np.uint16(0x7FFF), x.view(np.uint16)).astype(np.uint32))
    return out[0] | out[1] << np.uint32(16)


def f16(function):
    return lambda *arrays: exact.array(function, np.float16, *arrays)


for m, ftz in (("", False), (".FTZ", True)):
    add = f16(lambda a, b, z=ftz: exact.add(a, b, np.float16, "rn", z))
    mul = f16(lambda a, b, z=ftz: exact.mul(a, b, np.float16, "rn", z))
    fma = f16(lambda a, b, c, z=ftz: exact.fma(a, b, c, np.float16, "rn", z))
    case(f"HADD2{m} R4, R5, R6", H, R4=lambda v, f=add: pack(*(f(half(v.R5, n), half(v.R6, n)) for n in (0, 1))))
    case(
        f"HADD2{m} R4, R5.H0_H0, -R6.H1_H1",
        H,
        R4=lambda v, f=add: pack(*(f(half(v.R5, 0), -half(v.R6, 1)) for n in (0, 1))),
    )
    case(
        f"HADD2{m} R4, R5, |R6|.H0_H0",
        H,
        R4=lambda v, f=add: pack(*(f(half(v.R5, n), np.abs(half(v.R6, 0))) for n in (0, 1))),
    )
    case(f"HMUL2{m} R4, R5, R6.H1_H1", H, R4=lambda v, f=mul: pack(*(f(half(v.R5, n), half(v.R6, 1)) for n in (0, 1))))
    case(
        f"HFMA2{m} R4, R5, R6, R7",
        H,
        R4=lambda v, f=fma: pack(*(f(half(v.R5, n), half(v.R6, n), half(v.R7, n)) for n in (0, 1))),
    )
    case(
        f"HFMA2.MMA{m} R4, R5.H1_H1, -R6, R7.H0_H0",
        H,
        R4=lambda v, f=fma: pack(*(f(half(v.R5, 1), -half(v.R6, n), half(v.R7, 0)) for n in (0, 1))),
    )
SAT = np.float16(0), np.float16(1)


def saturate(x):
    return np.where(x > 0, np.minimum(x, SAT[1]), SAT[0]).astype(np.float16)


case(
    "HFMA2.SAT R4, R5, R6, R7",
    H,
    R4=lambda v: pack(
        *(
            saturate(f16(lambda a, b, c: exact.fma(a, b, c, np.float16))(half(v.R5, n), half(v.R6, n), half(v.R7, n)))
            for n in (0, 1)
        )
    ),
)
case(
    "HADD2 R4, R5, 2.5, -1.5",
    H,
    R4=lambda v: pack(
        *(f16(lambda a, k=k: exact.add(a, k, np.float16))(half(v.R5, n)) for n, k in ((0, -1.5), (1, 2.5)))
    ),
)
case("HADD2 R4, -RZ.H0_H0, 1, 2", {}, R4=lambda v: np.full(256, 0x3C004000, np.uint32))
case("HFMA2.MMA R4, -RZ, RZ, 0, 5.9604644775390625e-08", {}, R4=lambda v: np.ones(256, np.uint32))
case("HFMA2.MMA R4, -RZ, RZ, -1.875, 0.5", {}, R4=lambda v: np.full(256, 0xBF803800, np.uint32))
case("HADD2.F32 R4, -RZ, R5.H0_H0", H, R4=lambda v: half(v.R5, 0).astype(np.float32))
case("HADD2.F32 R4, -R5.H1_H1, -RZ.H0_H0", H, R4=lambda v: -half(v.R5, 1).astype(np.float32))
case(
    "HADD2.F32 R4, R5.H1_H1, R6.H0_H0",
    H,
    R4=lambda v: exact.array(lambda a, b: exact.add(a, b, np.float32), np.float32, half(v.R5, 1), half(v.R6, 0)),
)
case(
    "HADD2 R4, -RZ.H0_H0, R5.F32",
    {"R5": "f32"},
    R4=lambda v: pack(*(f16(lambda a: exact.convert(a, np.float16))(v.R5) for n in (0, 1))),
)
case(
    "HADD2 R4, -R5.F32, -RZ.H0_H0",
    {"R5": "f32"},
    R4=lambda v: pack(*(f16(lambda a: exact.convert(-a, np.float16))(v.R5) for n in (0, 1))),
)
for name, test in COMPARE.items():
    case(
        f"HSETP2.{name}.AND P0, P1, R5, R6, P2",
        H | {"P2": "pred"},
        P0=lambda v, t=test: tests(t, half(v.R5, 0), half(v.R6, 0)) & v.P2,
        P1=lambda v, t=test: tests(t, half(v.R5, 1), half(v.R6, 1)) & v.P2,
    )
    case(
        f"HSETP2.{name}.OR P0, PT, R5.H1_H1, RZ.H0_H0, !P2",
        H | {"P2": "pred"},
        P0=lambda v, t=test: tests(lambda a: t(a, 0.0), half(v.R5, 1)) | ~v.P2,
    )
    case(
        f"HSET2.BF.{name}.AND R4, R5, -R6, PT",
        H,
        R4=lambda v, t=test: pack(*(tests(t, half(v.R5, n), -half(v.R6, n)) for n in (0, 1))),
    )
    case(
        f"HSET2.{name}.AND R4, R5, R6, P2",
        H | {"P2": "pred"},
        R4=lambda v, t=test: sum(
            np.where(tests(t, half(v.R5, n), half(v.R6, n)) & v.P2, 0xFFFF << 16 * n, 0).astype(np.uint32)
            for n in (0, 1)
        ),
    )
