"""The value half of the NumPy builder: arithmetic on arrays, one element per lane.

A value is an array of the type's unsigned or floating dtype that broadcasts to (warps, 32).
Directed rounding uses the host's floating-point environment (C99 fesetround), fused operations libm's fma or,
for narrower types, exact double arithmetic rounded to odd (Boldo and Melquiond, 2008) before the last rounding.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

Array = np.ndarray
DTYPES = {"i1": np.bool_, "i8": np.uint8, "i16": np.uint16, "i32": np.uint32, "i64": np.uint64}
DTYPES |= {"f16": np.float16, "f32": np.float32, "f64": np.float64}
SIGNED = {1: np.int8, 2: np.int16, 4: np.int32, 8: np.int64}
# NaN results of arithmetic have this pattern on NVIDIA hardware.
CANONICAL_NAN = {np.dtype(np.float16): np.uint16(0x7FFF), np.dtype(np.float32): np.uint32(0x7FFFFFFF)}
MIN_NORMAL = {np.dtype(np.float16): np.float16(2.0**-14), np.dtype(np.float32): np.float32(2.0**-126)}

_libm = ctypes.CDLL("libm.so.6")
_libm.fma.restype = ctypes.c_double
_libm.fma.argtypes = [ctypes.c_double] * 3
_FE = {"x86_64": (0, 0x400, 0x800, 0xC00), "aarch64": (0, 0x800000, 0x400000, 0xC00000)}[platform.machine()]
_ROUND = dict(zip(("rn", "rm", "rp", "rz"), _FE))


@contextmanager
def rounding(mode: str) -> Iterator[None]:
    """Run NumPy arithmetic in a directed rounding mode."""
    if mode == "rn":
        yield
        return
    _libm.fesetround(_ROUND[mode])
    try:
        yield
    finally:
        _libm.fesetround(_ROUND["rn"])


def _signed(a: Array) -> Array:
    return a.view(SIGNED[a.dtype.itemsize])


def _unsigned(a: Array) -> Array:
    return a.view(f"u{a.dtype.itemsize}")


def _width(a: Array) -> int:
    return 1 if a.dtype == np.bool_ else 8 * a.dtype.itemsize


def _flush(a: Array, ftz: bool) -> Array:
    if not ftz:
        return a
    return np.where(np.abs(a) < MIN_NORMAL[a.dtype], np.copysign(a.dtype.type(0), a), a)


def _canonical(a: Array) -> Array:
    pattern = CANONICAL_NAN.get(a.dtype)
    if pattern is None:
        return a
    nan = np.isnan(a)
    return np.where(nan, pattern.view(a.dtype), a) if nan.any() else a


def odd_sum(x: Array, y: Array) -> Array:
    """x + y in double precision, rounded to odd: a later rounding to fewer bits is then as if exact."""
    total = x + y
    back = total - x
    error = (x - (total - back)) + (y - back)
    inexact = np.isfinite(total) & np.isfinite(error) & (error != 0)
    bits = np.array(np.broadcast_to(total, np.broadcast(total, inexact).shape)).view(np.int64)
    even = inexact & (bits & 1 == 0)
    away = (error > 0) == (total > 0)
    bits = np.where(even, np.where(away, bits + 1, bits - 1), bits)
    return bits.view(np.float64)


def to_half(x: Array, mode: str) -> Array:
    """Double to half in one rounding."""
    nearest = x.astype(np.float16)
    if mode == "rn":
        return nearest
    back = nearest.astype(np.float64)
    down = np.nextafter(nearest, np.float16(-np.inf))
    up = np.nextafter(nearest, np.float16(np.inf))
    too_high, too_low = back > x, back < x
    if mode == "rm":
        out = np.where(too_high, down, nearest)
    elif mode == "rp":
        out = np.where(too_low, up, nearest)
    else:
        out = np.where(too_high & (x > 0), down, np.where(too_low & (x < 0), up, nearest))
    return np.copysign(out, x).astype(np.float16)


def round_to(x: Array, dtype: np.dtype, mode: str) -> Array:
    """Double to ``dtype`` in one rounding."""
    if dtype == np.float16:
        return to_half(x, mode)
    with rounding(mode):
        return x.astype(dtype)


class NumpyValues:
    """Pure operations of the Builder interface (builder.py), on arrays."""

    def imm(self, ty: str, value: float) -> Array:
        if ty == "i1":
            return np.array([[bool(value)]])
        if ty[0] == "i":
            value = int(value) & ((1 << int(ty[1:])) - 1)
        return np.array([[value]], DTYPES[ty])

    # --- integers ------------------------------------------------------------------------
    def add(self, a: Array, b: Array) -> Array:
        return a + b

    def sub(self, a: Array, b: Array) -> Array:
        return a - b

    def mul(self, a: Array, b: Array) -> Array:
        return a * b

    def and_(self, a: Array, b: Array) -> Array:
        return a & b

    def or_(self, a: Array, b: Array) -> Array:
        return a | b

    def xor(self, a: Array, b: Array) -> Array:
        return a ^ b

    def not_(self, a: Array) -> Array:
        return ~a

    def neg(self, a: Array) -> Array:
        return np.zeros_like(a) - a

    def shl(self, a: Array, n: Array) -> Array:
        width = a.dtype.type(_width(a))
        return np.where(n < width, a << np.minimum(n, width - a.dtype.type(1)), a.dtype.type(0))

    def lshr(self, a: Array, n: Array) -> Array:
        width = a.dtype.type(_width(a))
        return np.where(n < width, a >> np.minimum(n, width - a.dtype.type(1)), a.dtype.type(0))

    def ashr(self, a: Array, n: Array) -> Array:
        last = a.dtype.type(_width(a) - 1)
        return _unsigned(_signed(a) >> _signed(np.minimum(n, last)))

    def smin(self, a: Array, b: Array) -> Array:
        return _unsigned(np.minimum(_signed(a), _signed(b)))

    def smax(self, a: Array, b: Array) -> Array:
        return _unsigned(np.maximum(_signed(a), _signed(b)))

    def umin(self, a: Array, b: Array) -> Array:
        return np.minimum(a, b)

    def umax(self, a: Array, b: Array) -> Array:
        return np.maximum(a, b)

    def popc(self, a: Array) -> Array:
        return np.bitwise_count(a).astype(a.dtype)

    def ctlz(self, a: Array) -> Array:
        width, step = _width(a), 1
        while step < width:
            a = a | a >> a.dtype.type(step)
            step *= 2
        return a.dtype.type(width) - np.bitwise_count(a).astype(a.dtype)

    def bitrev(self, a: Array) -> Array:
        out = np.zeros_like(a)
        one = a.dtype.type(1)
        for _ in range(_width(a)):
            out = out << one | (a & one)
            a = a >> one
        return out

    def icmp(self, op: str, a: Array, b: Array) -> Array:
        if op in ("eq", "ne"):
            return a == b if op == "eq" else a != b
        if op[0] == "s":
            a, b = _signed(a), _signed(b)
        return {"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal}[op[1:]](a, b)

    def select(self, p: Array, a: Array, b: Array) -> Array:
        if a.dtype != b.dtype:
            raise TypeError(f"select of {a.dtype} and {b.dtype}")
        return np.where(p, a, b)

    def zext(self, a: Array, ty: str) -> Array:
        return a.astype(DTYPES[ty])

    def sext(self, a: Array, ty: str) -> Array:
        if a.dtype == np.bool_:
            return self.neg(a.astype(DTYPES[ty]))
        return _signed(a).astype(SIGNED[np.dtype(DTYPES[ty]).itemsize]).view(DTYPES[ty])

    def trunc(self, a: Array, ty: str) -> Array:
        return (a & a.dtype.type(1)).astype(np.bool_) if ty == "i1" else a.astype(DTYPES[ty])

    def bitcast(self, a: Array, ty: str) -> Array:
        return a.view(DTYPES[ty])

    def pack64(self, lo: Array, hi: Array) -> Array:
        return lo.astype(np.uint64) | hi.astype(np.uint64) << np.uint64(32)

    def lo32(self, a: Array) -> Array:
        return a.astype(np.uint32)

    def hi32(self, a: Array) -> Array:
        return (a >> np.uint64(32)).astype(np.uint32)

    def add_carry(self, a: Array, b: Array, cin: Array | None) -> tuple[Array, Array]:
        total = a.astype(np.uint64) + b.astype(np.uint64)
        if cin is not None:
            total = total + cin.astype(np.uint64)
        return total.astype(np.uint32), (total >> np.uint64(32)) != 0

    # --- floating point --------------------------------------------------------------------
    def _arith(self, function: np.ufunc, a: Array, b: Array, rnd: str, ftz: bool) -> Array:
        a, b = _flush(a, ftz), _flush(b, ftz)
        if a.dtype == np.float16:
            # Sums and products of halves are exact in double precision.
            with rounding(rnd):
                exact = function(a.astype(np.float64), b.astype(np.float64))
            out = to_half(exact, rnd)
        else:
            with rounding(rnd):
                out = function(a, b)
        return _canonical(_flush(out, ftz))

    def fadd(self, a: Array, b: Array, rnd: str = "rn", ftz: bool = False) -> Array:
        return self._arith(np.add, a, b, rnd, ftz)

    def fmul(self, a: Array, b: Array, rnd: str = "rn", ftz: bool = False) -> Array:
        return self._arith(np.multiply, a, b, rnd, ftz)

    def fma(self, a: Array, b: Array, c: Array, rnd: str = "rn", ftz: bool = False) -> Array:
        a, b, c = _flush(a, ftz), _flush(b, ftz), _flush(c, ftz)
        if a.dtype == np.float64:
            return self._fma64(a, b, c, rnd)
        product = a.astype(np.float64) * b.astype(np.float64)
        addend = c.astype(np.float64)
        total = odd_sum(product, addend)
        if rnd == "rm":
            with rounding("rm"):
                cancelled = product + addend
            total = np.where(total == 0, cancelled, total)  # x - x is -0 when rounding down
        return _canonical(_flush(round_to(total, a.dtype, rnd), ftz))

    def _fma64(self, a: Array, b: Array, c: Array, rnd: str) -> Array:
        a, b, c = np.broadcast_arrays(a, b, c)
        with rounding(rnd):
            out = [_libm.fma(x, y, z) for x, y, z in zip(a.ravel().tolist(), b.ravel().tolist(), c.ravel().tolist())]
        return np.array(out, np.float64).reshape(a.shape)

    def fneg(self, a: Array) -> Array:
        return -a

    def fabs(self, a: Array) -> Array:
        return np.abs(a)

    def fsat(self, a: Array) -> Array:
        one, zero = a.dtype.type(1), a.dtype.type(0)
        return np.where(a > zero, np.where(a < one, a, one), zero)

    def _extreme(self, a: Array, b: Array, smaller: bool) -> Array:
        less = (a < b) | ((a == b) & np.signbit(a))
        out = np.where(less == smaller, a, b)
        return _canonical(np.where(np.isnan(a), b, np.where(np.isnan(b), a, out)))

    def fmin(self, a: Array, b: Array) -> Array:
        return self._extreme(a, b, True)

    def fmax(self, a: Array, b: Array) -> Array:
        return self._extreme(a, b, False)

    def fcmp(self, op: str, a: Array, b: Array) -> Array:
        unordered = np.isnan(a) | np.isnan(b)
        if op in ("ord", "uno"):
            return unordered if op == "uno" else ~unordered
        names = {"eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal}
        names |= {"gt": np.greater, "ge": np.greater_equal}
        value = names[op[1:]](a, b)
        return value & ~unordered if op[0] == "o" else value | unordered

    def fround(self, a: Array, mode: str) -> Array:
        function = {"rn": np.rint, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc}[mode]
        return _canonical(function(a.astype(np.float64)).astype(a.dtype))

    def fconv(self, a: Array, ty: str, rnd: str = "rn") -> Array:
        out = round_to(a.astype(np.float64), np.dtype(DTYPES[ty]), rnd)
        return _canonical(out)

    def f2i(self, a: Array, ty: str, signed: bool, rnd: str) -> Array:
        function = {"rn": np.rint, "rm": np.floor, "rp": np.ceil, "rz": np.trunc}[rnd]
        value, width = function(a.astype(np.float64)), int(ty[1:])
        low, high = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if signed else (0, (1 << width) - 1)
        # 2**63 and 2**64 are doubles; their predecessors high = 2**w - 1 may not be.
        inside = (value > low - 1) & (value < float(high) + (0 if width == 64 else 1))
        kind = np.int64 if signed else np.uint64
        whole = np.where(inside, value, 0).astype(kind).view(np.uint64)
        out = np.where(inside, whole, np.where(value > 0, np.uint64(high), np.uint64(low & 0xFFFFFFFFFFFFFFFF)))
        out = np.where(np.isnan(value), np.uint64(1 << 63 if width == 64 else 0), out)
        return out.astype(DTYPES[ty])

    def i2f(self, a: Array, ty: str, signed: bool, rnd: str = "rn") -> Array:
        wide = _signed(a).astype(np.int64) if signed else a.astype(np.uint64)
        if a.dtype.itemsize < 8:
            return round_to(wide.astype(np.float64), np.dtype(DTYPES[ty]), rnd)
        high = (wide >> wide.dtype.type(32)).astype(np.float64) * 2.0**32
        low = (wide & wide.dtype.type(0xFFFFFFFF)).astype(np.float64)
        if ty == "f64":
            with rounding(rnd):
                total = high + low
            return np.where(total == 0, 0.0, total)
        return round_to(odd_sum(high, low), np.dtype(DTYPES[ty]), rnd)

    def mufu(self, fn: str, a: Array) -> Array:
        x = a.astype(np.float64)
        functions = {"rcp": lambda v: 1 / v, "rsq": lambda v: 1 / np.sqrt(v), "sqrt": np.sqrt, "ex2": np.exp2}
        functions |= {"lg2": np.log2, "sin": np.sin, "cos": np.cos, "tanh": np.tanh}
        return _canonical(functions[fn](x).astype(a.dtype))

    def fdiv(self, a: Array, b: Array) -> Array:
        return _canonical(a / b)

    def frcp(self, a: Array) -> Array:
        return 1 / a

    def fsqrt(self, a: Array) -> Array:
        return np.sqrt(a)
