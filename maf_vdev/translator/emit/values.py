"""Values of the LLVM emitter: lazily emitted expressions with a shape.

kind ``c`` one constant for all lanes, ``k`` a constant per lane, ``u`` one scalar for all lanes,
``a`` base + lane * stride, ``v`` a vector. Expressions without effects become text only where
they are used, so carries, flags and high halves that nobody reads cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

WIDTH = {"i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64, "f16": 16, "f32": 32, "f64": 64}
LLVM = {"f16": "half", "f32": "float", "f64": "double"}
INT_OF = {"f16": "i16", "f32": "i32", "f64": "i64"}
SUFFIX = {"f16": "f16", "f32": "f32", "f64": "f64"}


class V:
    """One value. ``s`` and ``v`` name its scalar and vector text once emitted."""

    __slots__ = ("align", "args", "base", "c", "depth", "early", "kind", "ok", "op", "s", "stride", "ty", "v", "x")

    def __init__(self, ty: str, op: str, args: tuple, x: Any, kind: str):
        self.ty, self.op, self.args, self.x, self.kind = ty, op, args, x, kind
        self.c = self.base = self.ok = self.s = self.v = None
        self.stride = 0
        self.align = 1
        self.depth = 0
        # Computable at the head of its block: from registers, constants and warp fields alone.
        self.early = False


def scalar_type(ty: str) -> str:
    return LLVM.get(ty, ty)


def type_of(ty: str, vec: bool) -> str:
    t = LLVM.get(ty, ty)
    return f"<32 x {t}>" if vec else t


def mangled(ty: str, vec: bool) -> str:
    return f"v32{ty}" if vec else ty


def signed(x: int, width: int) -> int:
    return x - (1 << width) if x >> (width - 1) & 1 else x


# Integer folding on unsigned representations; w is the operand width.
FOLD2: dict[str, Callable[[int, int, int], int]] = {
    "add": lambda a, b, w: a + b,
    "sub": lambda a, b, w: a - b,
    "mul": lambda a, b, w: a * b,
    "and": lambda a, b, w: a & b,
    "or": lambda a, b, w: a | b,
    "xor": lambda a, b, w: a ^ b,
    "shl": lambda a, b, w: a << b if b < w else 0,
    "lshr": lambda a, b, w: a >> b if b < w else 0,
    "ashr": lambda a, b, w: signed(a, w) >> min(b, w - 1),
    "smin": lambda a, b, w: min(signed(a, w), signed(b, w)),
    "smax": lambda a, b, w: max(signed(a, w), signed(b, w)),
    "umin": lambda a, b, w: min(a, b),
    "umax": lambda a, b, w: max(a, b),
}
COMPARE: dict[str, Callable[[int, int, int], bool]] = {
    "eq": lambda a, b, w: a == b,
    "ne": lambda a, b, w: a != b,
    "ult": lambda a, b, w: a < b,
    "ule": lambda a, b, w: a <= b,
    "ugt": lambda a, b, w: a > b,
    "uge": lambda a, b, w: a >= b,
    "slt": lambda a, b, w: signed(a, w) < signed(b, w),
    "sle": lambda a, b, w: signed(a, w) <= signed(b, w),
    "sgt": lambda a, b, w: signed(a, w) > signed(b, w),
    "sge": lambda a, b, w: signed(a, w) >= signed(b, w),
}


def fold(op: str, ty: str, x: Any, args: tuple[tuple[str, int], ...]) -> int | None:
    """The constant result of ``op`` on (type, bits) arguments, or None where it is not folded."""
    mask = (1 << WIDTH[ty]) - 1
    t0, a = args[0]
    w = WIDTH[t0]
    if op in FOLD2:
        return FOLD2[op](a, args[1][1], w) & mask
    if op == "icmp":
        return int(COMPARE[x](a, args[1][1], w))
    if op == "select":
        return args[1][1] if a else args[2][1]
    if op in ("zext", "trunc", "bitcast"):
        return a & mask
    if op == "sext":
        return signed(a, w) & mask
    if op == "popc":
        return a.bit_count()
    if op == "ctlz":
        return w - a.bit_length()
    if op == "bitrev":
        return int(f"{a:0{w}b}"[::-1], 2)
    if op == "pack64":
        return a | args[1][1] << 32
    if op == "lo32":
        return a & 0xFFFFFFFF
    if op == "hi32":
        return a >> 32
    if op == "carry":
        return int(a + args[1][1] > mask_of(w))
    if op == "fneg":
        return a ^ (1 << (w - 1))
    if op == "fabs":
        return a & ~(1 << (w - 1))
    return None


def mask_of(w: int) -> int:
    return (1 << w) - 1
