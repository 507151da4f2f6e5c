"""IEEE arithmetic from its definition: exact rationals, one rounding. Independent of NumPy's and the host's arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

# significand bits, lowest exponent of a unit in the last place, largest exponent
FORMATS = {np.float16: (11, -24, 15), np.float32: (24, -149, 127), np.float64: (53, -1074, 1023)}


def to_float(value: Fraction, dtype: type, mode: str, zero_sign: float) -> float:
    """Round a rational to a format: rn (ties to even), rm, rp, rz. An exact zero takes ``zero_sign``."""
    bits, lowest, top = FORMATS[dtype]
    if value == 0:
        return math.copysign(0.0, zero_sign)
    size = abs(value)
    exponent = math.floor(math.log2(size.numerator) - math.log2(size.denominator)) + 2
    while Fraction(2) ** exponent > size:
        exponent -= 1
    unit = max(exponent - bits + 1, lowest)
    scaled = size / Fraction(2) ** unit
    whole = scaled.numerator // scaled.denominator
    rest = scaled - whole
    negative = value < 0
    if mode == "rn":
        up = rest > Fraction(1, 2) or (rest == Fraction(1, 2) and whole & 1)
    else:
        up = rest > 0 and (mode == "rp" and not negative or mode == "rm" and negative)
    whole += up
    largest = Fraction(2) ** (top + 1) - Fraction(2) ** (top + 1 - bits)
    result = whole * Fraction(2) ** unit
    if result > largest:
        away = mode == "rn" or (mode == "rp" and not negative) or (mode == "rm" and negative)
        out = math.inf if away else float(largest)
    else:
        out = float(result)
    return -out if negative else out


def _flushed(x: float, dtype: type, ftz: bool) -> float:
    return math.copysign(0.0, x) if ftz and abs(x) < float(np.finfo(dtype).tiny) else x


def fma(a, b, c, dtype: type, mode: str = "rn", ftz: bool = False) -> float:
    """a * b + c of Python floats that are values of ``dtype``."""
    a, b, c = (_flushed(float(x), dtype, ftz) for x in (a, b, c))
    if any(map(math.isnan, (a, b, c))):
        return math.nan
    if math.isinf(a) or math.isinf(b):
        if a == 0 or b == 0:
            return math.nan
        product = math.copysign(math.inf, a) * math.copysign(1.0, b)
        return math.nan if math.isinf(c) and c != product else product
    if math.isinf(c):
        return c
    product_sign = math.copysign(1.0, a) * math.copysign(1.0, b)
    product, addend = Fraction(a) * Fraction(b), Fraction(c)
    sign = -1.0 if mode == "rm" else 1.0
    if product == 0 and addend == 0 and product_sign == math.copysign(1.0, c):
        sign = product_sign
    return _flushed(to_float(product + addend, dtype, mode, sign), dtype, ftz)


def add(a, b, dtype: type, mode: str = "rn", ftz: bool = False) -> float:
    return fma(a, 1.0, b, dtype, mode, ftz)


def mul(a, b, dtype: type, mode: str = "rn", ftz: bool = False) -> float:
    a, b = (_flushed(float(x), dtype, ftz) for x in (a, b))
    if math.isnan(a) or math.isnan(b) or (math.isinf(a) and b == 0) or (math.isinf(b) and a == 0):
        return math.nan
    sign = math.copysign(1.0, a) * math.copysign(1.0, b)
    if math.isinf(a) or math.isinf(b):
        return math.copysign(math.inf, sign)
    return _flushed(to_float(Fraction(a) * Fraction(b), dtype, mode, sign), dtype, ftz)


def convert(a, dtype: type, mode: str = "rn") -> float:
    """A float or integer of another format to ``dtype``."""
    if isinstance(a, float) and not math.isfinite(a):
        return a
    return to_float(Fraction(a), dtype, mode, math.copysign(1.0, a) if isinstance(a, float) else 1.0)


def to_integer(a: float, bits: int, signed: bool, mode: str, nan: int) -> int:
    """Float to integer, saturating."""
    if math.isnan(a):
        return nan
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    if math.isinf(a):
        return high if a > 0 else low
    whole = {"rn": round, "rm": math.floor, "rp": math.ceil, "rz": math.trunc}[mode](a)
    return min(max(whole, low), high)


def array(function, dtype: type, *arrays) -> np.ndarray:
    """Apply a function of Python floats to all lanes."""
    rows = zip(*(a.tolist() for a in arrays))
    with np.errstate(all="ignore"):
        return np.array([function(*row) for row in rows], np.float64).astype(dtype)
