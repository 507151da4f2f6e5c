"""The MUFU functions as C: the polynomials of the LLVM emitter (see llvm_float), within 2 units in the last place."""

from __future__ import annotations

import math
import struct
from functools import cache

from .llvm_float import COS, EX2, LG2, SIN, TANH


def _f32(x: float) -> float:
    return struct.unpack("<f", struct.pack("<f", x))[0]


def _c(x: float) -> str:
    return f"{_f32(x)!r}f"


def _poly(coefficients: list[float], x: str) -> str:
    text = _c(coefficients[-1])
    for c in reversed(coefficients[:-1]):
        text = f"maf_fmaf({text}, {x}, {_c(c)})"
    return text


@cache
def source() -> str:
    """C text of maf_mufu_*; uses thread_common.h's helpers."""
    c1 = _f32(math.pi / 2)
    c2 = _f32(math.pi / 2 - c1)
    c3 = 6.123233995736766e-17 + (math.pi / 2 - c1 - c2)
    return f"""
MAF_FN f32 maf_mufu_rcp(f32 x) {{ return 1.0f / x; }}
MAF_FN f32 maf_mufu_sqrt(f32 x) {{ return maf_sqrtf(x); }}
MAF_FN f32 maf_mufu_rsq(f32 x) {{ return 1.0f / maf_sqrtf(x); }}
MAF_FN f32 maf_mufu_ex2(f32 x) {{
    f32 y = x > 192.0f ? 192.0f : x < -192.0f ? -192.0f : x;
    if (x != x) return x;
    f32 n = maf_rintf(y), f = y - n, p = {_poly(EX2, "f")};
    s32 i = (s32)n, part = i >> 1, rest = i - part;
    p = p * as_f32((u32)(part + 127) << 23);
    return p * as_f32((u32)(rest + 127) << 23);
}}
MAF_FN f32 maf_mufu_lg2(f32 x) {{
    if (x != x || x < 0.0f) return as_f32(0x7fffffffu);
    if (x == 0.0f) return as_f32(0xff800000u);
    if (as_u32(x) == 0x7f800000u) return x;
    u32 small = as_u32(x) < 0x00800000u;
    f32 y = small ? x * {_c(2.0**24)} : x, bias = small ? -24.0f : 0.0f;
    s32 i = (s32)as_u32(y), e = (i - 0x3f3504f3) >> 23;
    f32 m = as_f32((u32)(i - (s32)((u32)e << 23))), s = (m - 1.0f) / (m + 1.0f), z = s * s;
    return maf_fmaf({_poly(LG2, "z")}, s, (f32)e + bias);
}}
MAF_FN f32 maf_sincos(f32 x, s32 quarter) {{
    if (!(maf_fabs32(x) < as_f32(0x7f800000u))) return as_f32(0x7fffffffu);
    f32 n = maf_rintf(x * {_c(2 / math.pi)});
    f32 r = maf_fmaf(-n, {_c(c3)}, maf_fmaf(-n, {_c(c2)}, maf_fmaf(-n, {_c(c1)}, x))), z = r * r;
    f32 s = r * {_poly(SIN, "z")}, c = {_poly(COS, "z")};
    s32 i = maf_f32_to_s32(n) + quarter;
    return as_f32(as_u32((i & 1) ? c : s) ^ (u32)(i & 2) << 30);
}}
MAF_FN f32 maf_mufu_sin(f32 x) {{ return maf_sincos(x, 0); }}
MAF_FN f32 maf_mufu_cos(f32 x) {{ return maf_sincos(x, 1); }}
MAF_FN f32 maf_mufu_tanh(f32 x) {{
    f32 m = maf_fabs32(x), z = m * m;
    f32 big = 1.0f + -2.0f / (maf_mufu_ex2(m * {_c(2 / math.log(2))}) + 1.0f), near = m * {_poly(TANH, "z")};
    if (x != x) return x;
    return as_f32(as_u32(m < 0.25f ? near : big) | (as_u32(x) & 0x80000000u));
}}
"""
