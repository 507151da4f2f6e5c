"""Integer arithmetic: expectations in Python integers."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from .harness import Case

M32, M64 = (1 << 32) - 1, (1 << 64) - 1


def s32(x: int) -> int:
    return x - (1 << 32) if x & 0x80000000 else x


def each(function, dtype=np.uint32):
    """Apply a function of Python integers to all lanes."""

    def apply(*arrays):
        lists = [a.tolist() if isinstance(a, np.ndarray) else [a] * 256 for a in arrays]
        return np.array([function(*row) for row in zip(*lists)], dtype)

    return apply


def masked(function):
    return each(lambda *a: function(*a) & M32)


def flags(function):
    return each(function, np.bool_)


RRR = {"R5": "i32", "R6": "i32", "R7": "i32"}
CASES: list[Case] = []


def case(text: str, inputs: dict, **outputs) -> None:
    """outputs: register = function of the namespace."""
    CASES.append(Case(text, inputs, lambda v, o=outputs: {name: f(v) for name, f in o.items()}))


def ternary(text: str, function) -> None:
    case(text, RRR, R4=lambda v: masked(function)(v.R5, v.R6, v.R7))


ternary("IADD3 R4, R5, R6, R7", lambda a, b, c: a + b + c)
ternary("IADD3 R4, -R5, R6, -R7", lambda a, b, c: -a + b - c)
ternary("IADD3 R4, R5, -0x3, R7", lambda a, b, c: a - 3 + c)
ternary("IADD3 R4, R5, -R6, RZ", lambda a, b, c: a - b)
ternary("IADD3 R4, RZ, -R6, RZ", lambda a, b, c: -b)
ternary("IMAD R4, R5, R6, R7", lambda a, b, c: a * b + c)
ternary("IMAD R4, R5, 0x10, -R7", lambda a, b, c: a * 16 - c)
ternary("IMAD R4, R5, -0x3, R7", lambda a, b, c: a * -3 + c)
ternary("IMAD.IADD R4, R5, 0x1, -R7", lambda a, b, c: a - c)
ternary("IMAD.MOV R4, RZ, RZ, -R7", lambda a, b, c: -c)
ternary("IMAD.MOV.U32 R4, RZ, RZ, R7", lambda a, b, c: c)
ternary("IMAD.SHL.U32 R4, R5, 0x80, RZ", lambda a, b, c: a << 7)
ternary("IMAD.U32 R4, R5, 0x10000, R7", lambda a, b, c: (a << 16) + c)
ternary("VABSDIFF R4, R5, R6, R7", lambda a, b, c: abs(s32(a) - s32(b)) + c)
ternary("VABSDIFF.U32 R4, R5, R6, R7", lambda a, b, c: abs(a - b) + c)
ternary("MOV R4, R5", lambda a, b, c: a)
ternary("MOV R4, 0xfffffff0", lambda a, b, c: 0xFFFFFFF0)
ternary("IABS R4, R5", lambda a, b, c: abs(s32(a)))


def carry_case(text: str, terms, predicates: dict | None = None, cins: tuple[str, ...] = ()) -> None:
    """terms(a, b, c): the summands of the 33-bit sum (complements already +1)."""
    inputs = RRR | (predicates or {}) | {p: "pred" for p in cins}
    outs = [word.strip(",") for word in text.split()[2:4] if word.startswith("P")]

    def total(v: SimpleNamespace) -> list[int]:
        ins = [getattr(v, p).tolist() for p in cins]
        rows = zip(v.R5.tolist(), v.R6.tolist(), v.R7.tolist())
        return [sum(terms(*row)) + sum(i[n] for i in ins) for n, row in enumerate(rows)]

    def expect(v: SimpleNamespace) -> dict:
        sums = total(v)
        result = {"R4": np.array([t & M32 for t in sums], np.uint32)}
        if len(outs) == 1:
            result[outs[0]] = np.array([t >> 32 > 0 for t in sums])
        return result

    CASES.append(Case(text, inputs, expect))
    if len(outs) == 2:
        # The two carries count together: test their sum through the instruction that reads them.
        chained = f"{text} ; IADD3.X R8, RZ, RZ, RZ, {outs[0]}, {outs[1]}"
        CASES.append(Case(chained, inputs, lambda v: {"R8": np.array([t >> 32 for t in total(v)], np.uint32)}))


carry_case("IADD3 R4, P1, R5, R6, RZ", lambda a, b, c: (a, b))
carry_case("IADD3 R4, P1, R5, -R6, RZ", lambda a, b, c: (a, M32 - b, 1))
carry_case("IADD3 R4, P1, -R5, R6, RZ", lambda a, b, c: (M32 - a, 1, b))
carry_case("IADD3 R4, P1, R5, 0x10, RZ", lambda a, b, c: (a, 16))
carry_case("IADD3 R4, P1, R5, -0x10, RZ", lambda a, b, c: (a, M32 + 1 - 16))
carry_case("IADD3 R4, P1, R5, RZ, RZ", lambda a, b, c: (a,))
carry_case("IADD3 R4, P0, P1, R5, R6, R7", lambda a, b, c: (a, b, c))
carry_case("IADD3 R4, P0, P1, R5, R6, -R7", lambda a, b, c: (a, b, M32 - c, 1))
carry_case("IADD3 R4, P0, P1, -R5, R6, R7", lambda a, b, c: (M32 - a, 1, b, c))
carry_case("IADD3.X R4, R5, R6, RZ, P0, !PT", lambda a, b, c: (a, b), cins=("P0",))
carry_case("IADD3.X R4, R5, ~R6, RZ, P0, !PT", lambda a, b, c: (a, M32 - b), cins=("P0",))
carry_case("IADD3.X R4, R5, R6, R7, P0, P3", lambda a, b, c: (a, b, c), cins=("P0", "P3"))
carry_case("IADD3.X R4, ~R5, R6, R7, P0, P3", lambda a, b, c: (M32 - a, b, c), cins=("P0", "P3"))
carry_case("IADD3.X R4, RZ, R6, RZ, P0, P3", lambda a, b, c: (b,), cins=("P0", "P3"))
carry_case("IADD3.X R4, P2, R5, R6, RZ, P0, !PT", lambda a, b, c: (a, b), cins=("P0",))
carry_case("IMAD.X R4, R5, 0x1, R7, P0", lambda a, b, c: (a, c), cins=("P0",))
carry_case("IMAD.X R4, R5, 0x1, ~R7, P0", lambda a, b, c: (a, M32 - c), cins=("P0",))
carry_case("IMAD.X R4, RZ, RZ, R7, P0", lambda a, b, c: (c,), cins=("P0",))
carry_case("IMAD.X R4, RZ, RZ, -0x1, P0", lambda a, b, c: (M32,), cins=("P0",))

# 64-bit addition, subtraction and negation as compiled code writes them.
case(
    "IADD3 R4, P0, R8, R10, RZ ; IADD3.X R5, R9, R11, RZ, P0, !PT",
    {"R8": "i64", "R10": "i64"},
    R4=lambda v: v.R8 + v.R10,
)
case(
    "IADD3 R4, P0, R8, -R10, RZ ; IADD3.X R5, R9, ~R11, RZ, P0, !PT",
    {"R8": "i64", "R10": "i64"},
    R4=lambda v: v.R8 - v.R10,
)
case(
    "IADD3 R4, P0, RZ, -R10, RZ ; IADD3.X R5, RZ, ~R11, RZ, P0, !PT", {"R10": "i64"}, R4=lambda v: np.uint64(0) - v.R10
)
case(
    "IADD3 R4, P0, P1, R8, -R10, R12 ; IADD3.X R5, R9, ~R11, R13, P0, P1",
    {"R8": "i64", "R10": "i64", "R12": "i64"},
    R4=lambda v: v.R8 - v.R10 + v.R12,
)

WIDE = {"R6": "i32", "R7": "i32", "R8": "i64"}
to64 = each(lambda x: x & M64, np.uint64)


def wide_case(text: str, function) -> None:
    def expect(v: SimpleNamespace) -> dict:
        totals = [function(*row) for row in zip(v.R6.tolist(), v.R7.tolist(), v.R8.tolist())]
        if ".HI" in text:
            out = {"R4": np.array([t >> 32 & M32 for t in totals], np.uint32)}
        else:
            out = {"R4": np.array([t & M64 for t in totals], np.uint64)}
        if " P1," in text:
            out["P1"] = np.array([t >> 64 != 0 for t in totals])
        return out

    CASES.append(Case(text, WIDE, expect))


wide_case("IMAD.WIDE R4, R6, R7, R8", lambda a, b, c: s32(a) * s32(b) + c)
wide_case("IMAD.WIDE R4, R6, 0x4, R8", lambda a, b, c: s32(a) * 4 + c)
wide_case("IMAD.WIDE R4, R6, -0x4, RZ", lambda a, b, c: s32(a) * -4)
wide_case("IMAD.WIDE.U32 R4, R6, R7, R8", lambda a, b, c: a * b + c)
wide_case("IMAD.WIDE.U32 R4, R6, -0x55555555, RZ", lambda a, b, c: a * 0xAAAAAAAB)
wide_case("IMAD.WIDE.U32 R4, P1, R6, R7, R8", lambda a, b, c: a * b + c)
wide_case("IMAD.HI R4, R6, R7, R8", lambda a, b, c: s32(a) * s32(b) + c)
wide_case("IMAD.HI.U32 R4, R6, R7, R8", lambda a, b, c: a * b + c)
wide_case("IMAD.HI.U32 R4, P1, R6, R7, R8", lambda a, b, c: a * b + c)
wide_case("IMAD.HI.U32 R4, R6, -0x55555555, RZ", lambda a, b, c: a * 0xAAAAAAAB)
case(
    "IMAD.WIDE.U32.X R4, R6, R7, R8, P0",
    WIDE | {"P0": "pred"},
    R4=lambda v: to64(each(lambda a, b, c, p: a * b + c + p, object)(v.R6, v.R7, v.R8, v.P0)),
)

for name, function in (("IMNMX", lambda x: s32(x)), ("IMNMX.U32", lambda x: x)):
    case(f"{name} R4, R5, R6, PT", RRR, R4=lambda v, f=function: masked(lambda a, b: min(a, b, key=f))(v.R5, v.R6))
    case(f"{name} R4, R5, R6, !PT", RRR, R4=lambda v, f=function: masked(lambda a, b: max(a, b, key=f))(v.R5, v.R6))
    case(
        f"{name} R4, R5, R6, P2",
        RRR | {"P2": "pred"},
        R4=lambda v, f=function: masked(lambda a, b, p: (min if p else max)(a, b, key=f))(v.R5, v.R6, v.P2),
    )

ternary("LEA R4, R5, R6, 0x3", lambda a, b, c: (a << 3) + b)
ternary("LEA R4, R5, -R6, 0x3", lambda a, b, c: (a << 3) - b)
ternary("LEA R4, -R5, R6, 0x2", lambda a, b, c: -(a << 2) + b)
ternary("LEA R4, R5, 0x400, 0x4", lambda a, b, c: (a << 4) + 0x400)
ternary("LEA.HI R4, R5, R6, R7, 0x3", lambda a, b, c: ((c << 32 | a) >> 29) + b)
ternary("LEA.HI R4, R5, R6, RZ, 0x7", lambda a, b, c: (a >> 25) + b)
ternary("LEA.HI R4, R5, -R6, RZ, 0x7", lambda a, b, c: (a >> 25) - b)
ternary("LEA.HI.SX32 R4, R5, R6, 0x19", lambda a, b, c: (s32(a) >> 7) + b)
case(
    "LEA R4, P1, R5, R6, 0x2",
    RRR,
    R4=lambda v: masked(lambda a, b: (a << 2) + b)(v.R5, v.R6),
    P1=lambda v: flags(lambda a, b: (a << 2 & M32) + b > M32)(v.R5, v.R6),
)
case(
    "LEA R4, P1, R5, -R6, 0x2",
    RRR,
    R4=lambda v: masked(lambda a, b: (a << 2) - b)(v.R5, v.R6),
    P1=lambda v: flags(lambda a, b: (a << 2 & M32) + (M32 - b) + 1 > M32)(v.R5, v.R6),
)
case(
    "LEA R4, P1, -R5, R6, 0x2",
    RRR,
    R4=lambda v: masked(lambda a, b: b - (a << 2))(v.R5, v.R6),
    P1=lambda v: flags(lambda a, b: (M32 - (a << 2 & M32)) + b + 1 > M32)(v.R5, v.R6),
)
case(
    "LEA.HI.X R4, R5, R6, R7, 0x2, P0",
    RRR | {"P0": "pred"},
    R4=lambda v: masked(lambda a, b, c, p: ((c << 32 | a) >> 30) + b + p)(v.R5, v.R6, v.R7, v.P0),
)
case(
    "LEA.HI.X R4, R5, ~R6, RZ, 0x4, P0",
    RRR | {"P0": "pred"},
    R4=lambda v: masked(lambda a, b, p: (a >> 28) + (M32 - b) + p)(v.R5, v.R6, v.P0),
)
case(
    "LEA.HI.X.SX32 R4, R5, R6, 0x1, P0",
    RRR | {"P0": "pred"},
    R4=lambda v: masked(lambda a, b, p: (s32(a) >> 31) + b + p)(v.R5, v.R6, v.P0),
)
case(
    "LEA.HI.SX32 R4, P1, R5, R6, 0x1",
    RRR,
    R4=lambda v: masked(lambda a, b: (s32(a) >> 31) + b)(v.R5, v.R6),
    P1=lambda v: flags(lambda a, b: (s32(a) >> 31 & M32) + b > M32)(v.R5, v.R6),
)
# A 64-bit array address.
case(
    "LEA R4, P0, R8, R10, 0x3 ; LEA.HI.X R5, R8, R11, R9, 0x3, P0",
    {"R8": "i64", "R10": "i64"},
    R4=lambda v: (v.R8 << np.uint64(3)) + v.R10,
)

COMPARE = {"LT": "<", "EQ": "==", "LE": "<=", "GT": ">", "NE": "!=", "GE": ">="}
for mod, symbol in COMPARE.items():
    test = eval(f"lambda a, b: a {symbol} b")  # one comparison per printed name
    for unsigned in (False, True):
        key = (lambda x: x) if unsigned else s32
        dot = ".U32" if unsigned else ""
        inputs = RRR | {"P2": "pred", "P3": "pred"}
        case(
            f"ISETP.{mod}{dot}.AND P0, P1, R5, R6, P2",
            inputs,
            P0=lambda v, t=test, k=key: flags(lambda a, b, p: t(k(a), k(b)) and p)(v.R5, v.R6, v.P2),
            P1=lambda v, t=test, k=key: flags(lambda a, b, p: not t(k(a), k(b)) and p)(v.R5, v.R6, v.P2),
        )
        case(
            f"ISETP.{mod}{dot}.OR P0, PT, R5, -0x3, !P2",
            inputs,
            P0=lambda v, t=test, k=key: flags(lambda a, p: t(k(a), k(M32 - 2)) or not p)(v.R5, v.P2),
        )
        case(
            f"ISETP.{mod}{dot}.XOR P0, PT, R5, R6, P2",
            inputs,
            P0=lambda v, t=test, k=key: flags(lambda a, b, p: t(k(a), k(b)) != p)(v.R5, v.R6, v.P2),
        )
        key64 = (lambda x: x) if unsigned else (lambda x: x - (1 << 64) if x >> 63 else x)
        case(
            f"ISETP.{mod}.U32.AND P0, PT, R8, R10, PT ; ISETP.{mod}{dot}.AND.EX P0, PT, R9, R11, PT, P0",
            {"R8": "i64", "R10": "i64"},
            P0=lambda v, t=test, k=key64: flags(lambda a, b: t(k(a), k(b)))(v.R8, v.R10),
        )

case("SEL R4, R5, R6, P2", RRR | {"P2": "pred"}, R4=lambda v: np.where(v.P2, v.R5, v.R6))
case("SEL R4, RZ, 0x1, !P2", {"P2": "pred"}, R4=lambda v: np.where(v.P2, 1, 0).astype(np.uint32))
case("@P2 IADD3 R4, R5, R6, RZ", RRR | {"P2": "pred", "R4": "i32"}, R4=lambda v: np.where(v.P2, v.R5 + v.R6, v.R4))
case("@!P2 IADD3 R4, R4, 0x1, RZ", {"P2": "pred", "R4": "i32"}, R4=lambda v: np.where(v.P2, v.R4, v.R4 + np.uint32(1)))
case(
    "@P2 ISETP.LT.AND P0, PT, R5, R6, PT",
    RRR | {"P2": "pred", "P0": "pred"},
    P0=lambda v: np.where(v.P2, v.R5.view("i4") < v.R6.view("i4"), v.P0),
)


def dot(x: int, y: int, kinds: tuple[str, str], widths: tuple[int, int], count: int, high: bool = False) -> int:
    total = 0
    for n in range(count):
        p = x >> widths[0] * n & (1 << widths[0]) - 1
        q = y >> widths[1] * (n + (2 if high else 0)) & (1 << widths[1]) - 1
        p -= (1 << widths[0]) if kinds[0] == "S" and p >> widths[0] - 1 else 0
        q -= (1 << widths[1]) if kinds[1] == "S" and q >> widths[1] - 1 else 0
        total += p * q
    return total


def differences(x: int, y: int, signed: bool) -> list[int]:
    def split(word: int) -> list[int]:
        return [byte - 256 if signed and byte & 128 else byte for byte in word.to_bytes(4, "little")]

    return [abs(p - q) for p, q in zip(split(x), split(y))]


for mod, signed in (("", True), (".U8", False)):
    ternary(
        f"VABSDIFF4{mod} R4, R5, R6, RZ",
        lambda a, b, c, s=signed: sum(d << 8 * n for n, d in enumerate(differences(a, b, s))),
    )
    ternary(f"VABSDIFF4{mod}.ACC R4, R5, R6, R7", lambda a, b, c, s=signed: sum(differences(a, b, s)) + c)
for kinds in ("SS", "UU", "SU", "US"):
    ternary(f"IDP.4A.{kinds[0]}8.{kinds[1]}8 R4, R5, R6, R7", lambda a, b, c, k=kinds: dot(a, b, k, (8, 8), 4) + c)
    for half in ("LO", "HI"):
        ternary(
            f"IDP.2A.{half}.{kinds[0]}16.{kinds[1]}8 R4, R5, R6, R7",
            lambda a, b, c, k=kinds, h=half: dot(a, b, k, (16, 8), 2, h == "HI") + c,
        )

# Uniform datapath.
U = {"UR5": "i32", "UR6": "i32", "UR7": "i32"}


def uniform(text: str, function, inputs: dict = U, dtype=np.uint32, name: str = "UR4") -> None:
    mask = M64 if dtype == np.uint64 else M32
    case(text, inputs, **{name: lambda v: np.array(function(v) & mask, dtype)})


uniform("UIADD3 UR4, UR5, -UR6, UR7", lambda v: v.UR5 - v.UR6 + v.UR7)
uniform("UIADD3 UR4, UR5, 0x20, URZ", lambda v: v.UR5 + 32)
uniform("UIMAD UR4, UR5, UR6, UR7", lambda v: v.UR5 * v.UR6 + v.UR7)
uniform(
    "UIMAD.WIDE UR4, UR6, UR7, UR8",
    lambda v: s32(v.UR6) * s32(v.UR7) + v.UR8,
    {"UR6": "i32", "UR7": "i32", "UR8": "i64"},
    np.uint64,
)
uniform(
    "UIMAD.WIDE.U32 UR4, UR6, -0x30, UR8", lambda v: v.UR6 * (M32 - 47) + v.UR8, {"UR6": "i32", "UR8": "i64"}, np.uint64
)
uniform("ULEA UR4, UR5, UR6, 0x5", lambda v: (v.UR5 << 5) + v.UR6)
uniform("ULEA.HI UR4, UR5, UR6, URZ, 0x7", lambda v: (v.UR5 >> 25) + v.UR6)
uniform("ULEA.HI.SX32 UR4, UR5, UR6, 0x1", lambda v: (s32(v.UR5) >> 31) + v.UR6)
uniform("UMOV UR4, UR5", lambda v: v.UR5)
uniform("UMOV UR4, 0xfffffff4", lambda v: M32 - 11)
uniform("USEL UR4, UR5, UR6, UP0", lambda v: v.UR5 if v.UP0 else v.UR6, U | {"UP0": "pred"})
uniform("USEL UR4, UR5, 0x8, !UP0", lambda v: 8 if v.UP0 else v.UR5, U | {"UP0": "pred"})
uniform(
    "UIADD3 UR4, UP0, UR8, UR10, URZ ; UIADD3.X UR5, UR9, ~UR11, URZ, UP0, !UPT",
    lambda v: (
        (v.UR8 + v.UR10 & M32)
        | ((v.UR8 >> 32) + (M32 - (v.UR10 >> 32)) + ((v.UR8 & M32) + (v.UR10 & M32) >> 32) & M32) << 32
    ),
    {"UR8": "i64", "UR10": "i64"},
    np.uint64,
)
for mod, symbol in COMPARE.items():
    test = eval(f"lambda a, b: a {symbol} b")
    case(f"UISETP.{mod}.AND UP0, UPT, UR5, UR6, UPT", U, UP0=lambda v, t=test: np.array(t(s32(v.UR5), s32(v.UR6))))
    case(
        f"UISETP.{mod}.U32.OR UP0, UPT, UR5, 0x8, !UP1",
        U | {"UP1": "pred"},
        UP0=lambda v, t=test: np.array(t(v.UR5, 8) or not v.UP1),
    )
case("IADD3 R4, R5, UR6, RZ", {"R5": "i32", "UR6": "i32"}, R4=lambda v: v.R5 + np.uint32(v.UR6))
case(
    "IMAD.WIDE R4, R6, R7, UR8",
    {"R6": "i32", "R7": "i32", "UR8": "i64"},
    R4=lambda v: to64(each(lambda a, b, c: s32(a) * s32(b) + c, object)(v.R6, v.R7, v.UR8)),
)
