/* Helper functions of translated kernels, in the part of C that OpenCL C and HIP C++ share.
 *
 * Half precision is kept as its 16 bits (u16) and computed in single precision. mode: 0 to nearest even, 1 down,
 * 2 up, 3 toward zero. */
MAF_FN u32 maf_shl32(u32 a, u32 n) { return n < 32 ? a << (n & 31) : 0; }
MAF_FN u32 maf_lshr32(u32 a, u32 n) { return n < 32 ? a >> (n & 31) : 0; }
MAF_FN u32 maf_ashr32(u32 a, u32 n) { return (u32)((s32)a >> (n < 31 ? n : 31)); }
MAF_FN u64 maf_shl64(u64 a, u64 n) { return n < 64 ? a << (n & 63) : 0; }
MAF_FN u64 maf_lshr64(u64 a, u64 n) { return n < 64 ? a >> (n & 63) : 0; }
MAF_FN u64 maf_ashr64(u64 a, u64 n) { return (u64)((s64)a >> (n < 63 ? n : 63)); }
MAF_FN u32 maf_bitrev32(u32 a) {
    a = (a >> 1 & 0x55555555u) | (a & 0x55555555u) << 1;
    a = (a >> 2 & 0x33333333u) | (a & 0x33333333u) << 2;
    a = (a >> 4 & 0x0f0f0f0fu) | (a & 0x0f0f0f0fu) << 4;
    a = (a >> 8 & 0x00ff00ffu) | (a & 0x00ff00ffu) << 8;
    return a >> 16 | a << 16;
}

/* --- single precision ------------------------------------------------------------------------------------ */
MAF_FN f32 maf_fneg32(f32 a) { return as_f32(as_u32(a) ^ 0x80000000u); }
MAF_FN f32 maf_fabs32(f32 a) { return as_f32(as_u32(a) & 0x7fffffffu); }
MAF_FN f32 maf_ftz32(f32 a) {
    u32 b = as_u32(a);
    return (b & 0x7f800000u) ? a : as_f32(b & 0x80000000u);
}
MAF_FN f32 maf_fsat32(f32 a) { return a > 0.0f ? (a < 1.0f ? a : 1.0f) : 0.0f; }
MAF_FN f32 maf_fmin32(f32 a, f32 b) {
    if (a != a) return b;
    if (b != b) return a;
    if (a == b) return as_f32(as_u32(a) | as_u32(b));
    return a < b ? a : b;
}
MAF_FN f32 maf_fmax32(f32 a, f32 b) {
    if (a != a) return b;
    if (b != b) return a;
    if (a == b) return as_f32(as_u32(a) & as_u32(b));
    return a > b ? a : b;
}
/* One step from r, the nearest result, where it lies on the wrong side of the exact value. */
MAF_FN f32 maf_nudge32(f32 r, int low, int high, int mode) {
    u32 i = as_u32(r), negative = i >> 31;
    if (mode == 2 && low) i += negative ? 0xffffffffu : 1u;
    if (mode == 1 && high) i += negative ? 1u : 0xffffffffu;
    if (mode == 3 && (negative ? low : high)) i -= 1u;
    return as_f32(i);
}

/* Sum, product and fused product of type F in a directed mode, from the sign of the rounding error (Boldo and Muller,
 * "Exact and approximated error of the FMA", 2011). BIG: largest finite number. Where terms lie below SMALL or above
 * HUGE_, all are scaled by SCALE or 1 / SCALE, so that no error under- or overflows; what is then below TINY is less
 * than half a unit of the result and counts by its sign alone. */
#define MAF_DIRECTED(F, X, FMA, ABS, NUDGE, BIG, SMALL, SCALE, TINY, HUGE_)                                     \
    MAF_FN F maf_side_##X(F r, F error, int finite, int mode) {                                                 \
        if (r - r == 0) return NUDGE(r, error > 0, error < 0, mode);                                            \
        if (r != r || !finite) return r;                                                                        \
        return mode == 3 || (mode == 1) == (r > 0) ? (r > 0 ? BIG : -BIG) : r;                                  \
    }                                                                                                           \
    /* An exact sum of zero is -0 when rounding down, unless both terms are +0. */                              \
    MAF_FN F maf_add_##X(F a, F b, int mode) {                                                                  \
        F r = a + b, t = r - a, error = (a - (r - t)) + (b - t);                                                \
        if (r == 0 && error == 0) return mode == 1 && (maf_sign_##X(a) || maf_sign_##X(b)) ? -(F)0 : r;         \
        return maf_side_##X(r, error, a - a == 0 && b - b == 0, mode);                                          \
    }                                                                                                           \
    MAF_FN F maf_mul_##X(F a, F b, int mode) {                                                                  \
        F r = a * b, x = a, y = b, s = r;                                                                       \
        int finite = a - a == 0 && b - b == 0;                                                                  \
        if (r == 0 && a != 0 && b != 0) return NUDGE(r, !maf_sign_##X(r), maf_sign_##X(r), mode);               \
        if (ABS(r) < SMALL) {                                                                                   \
            if (ABS(a) < ABS(b)) x = a * SCALE; else y = b * SCALE;                                             \
            s = r * SCALE;                                                                                      \
        }                                                                                                       \
        return maf_side_##X(r, FMA(x, y, -s), finite, mode);                                                    \
    }                                                                                                           \
    MAF_FN F maf_fma_##X(F a, F b, F c, int mode) {                                                             \
        F r = FMA(a, b, c), q = r, x = a, y = b, z = c, n = a * b;                                              \
        int finite = a - a == 0 && b - b == 0 && c - c == 0, small = ABS(n) < SMALL && ABS(c) < SMALL;          \
        if (!finite || r - r != 0) return maf_side_##X(r, 0, finite, mode);                                     \
        if (a == 0 || b == 0) return maf_add_##X(n, c, mode);                                                   \
        if (small || !(ABS(n) < HUGE_)) {                                                                       \
            F scale = small ? SCALE : 1 / SCALE;                                                                \
            if ((ABS(a) < ABS(b)) == small) x = a * scale; else y = b * scale;                                  \
            z = c * scale;                                                                                      \
            if (c != 0 && ABS(z) < TINY && !small) z = c > 0 ? TINY : -TINY;                                    \
            q = r * scale;                                                                                      \
        }                                                                                                       \
        F p = x * y, e = FMA(x, y, -p);                                                                         \
        if (ABS(p) < TINY) return NUDGE(r, !maf_sign_##X(n), maf_sign_##X(n), mode);                            \
        F s = p + z, v = s - p, t = (p - (s - v)) + (z - v);                                                    \
        F d = s - q, u = t + e, w = u - t, f = (t - (u - w)) + (e - w), error = (d + u) + f;                    \
        if (r == 0 && error == 0) return mode == 1 ? -(F)0 : r;                                                 \
        return NUDGE(r, error > 0, error < 0, mode);                                                            \
    }
MAF_FN u32 maf_sign_f32(f32 a) { return as_u32(a) >> 31; }
#if MAF_FP64
MAF_FN u32 maf_sign_f64(f64 a) { return (u32)(as_u64(a) >> 63); }
MAF_FN f64 maf_fneg64(f64 a) { return as_f64(as_u64(a) ^ (u64)1 << 63); }
MAF_FN f64 maf_fabs64(f64 a) { return as_f64(as_u64(a) & ~((u64)1 << 63)); }
MAF_FN f64 maf_nudge64(f64 r, int low, int high, int mode) {
    u64 i = as_u64(r), negative = i >> 63;
    if (mode == 2 && low) i += negative ? ~(u64)0 : 1;
    if (mode == 1 && high) i += negative ? 1 : ~(u64)0;
    if (mode == 3 && (negative ? low : high)) i -= 1;
    return as_f64(i);
}
MAF_DIRECTED(f64, f64, maf_fmad, maf_fabs64, maf_nudge64, 1.7976931348623157e308, 1e-250, 1.6069380442589903e60, 1e-290, 1e300)
MAF_FN f64 maf_fsat64(f64 a) { return a > 0.0 ? (a < 1.0 ? a : 1.0) : 0.0; }
MAF_FN f64 maf_fmin64(f64 a, f64 b) {
    if (a != a) return b;
    if (b != b) return a;
    if (a == b) return as_f64(as_u64(a) | as_u64(b));
    return a < b ? a : b;
}
MAF_FN f64 maf_fmax64(f64 a, f64 b) {
    if (a != a) return b;
    if (b != b) return a;
    if (a == b) return as_f64(as_u64(a) & as_u64(b));
    return a > b ? a : b;
}
MAF_FN f32 maf_d2f(f64 d, int mode) {
    f32 r = (f32)d;
    f64 back = (f64)r;
    return mode ? maf_nudge32(r, back < d, back > d, mode) : r;
}
/* x + y rounded to odd: a later rounding to fewer bits is then as if exact (Boldo and Melquiond, 2008). */
MAF_FN f64 maf_odd64(f64 x, f64 y) {
    f64 r = x + y, t = r - x, error = (x - (r - t)) + (y - t);
    u64 i = as_u64(r);
    if (r - r != 0 || error == 0 || (i & 1)) return r;
    return as_f64((error > 0) == (r > 0) ? i + 1 : i - 1);
}
MAF_FN f32 maf_sum_f32(f64 x, f64 y, int mode) {
    f64 r = maf_odd64(x, y);
    if (r == 0 && mode == 1 && (maf_sign_f64(x) || maf_sign_f64(y))) return as_f32(0x80000000u);
    return maf_d2f(r, mode);
}
MAF_FN f32 maf_add_f32(f32 a, f32 b, int mode) { return maf_sum_f32((f64)a, (f64)b, mode); }
MAF_FN f32 maf_mul_f32(f32 a, f32 b, int mode) { return maf_d2f((f64)a * (f64)b, mode); }
MAF_FN f32 maf_fma_f32(f32 a, f32 b, f32 c, int mode) { return maf_sum_f32((f64)a * (f64)b, (f64)c, mode); }
#else
MAF_DIRECTED(f32, f32, maf_fmaf, maf_fabs32, maf_nudge32, 3.402823466e38f, 1e-20f, 1152921504606846976.0f, 1e-30f, 1e30f)
#endif

/* --- half precision ----------------------------------------------------------------------------------------- */
MAF_FN f32 maf_h2f(u16 h) {
    u32 s = (u32)(h & 0x8000) << 16, m = h & 0x7fff;
    if (m >= 0x7c00) return as_f32(s | 0x7f800000u | (m & 0x3ff) << 13);
    if (m < 0x400) return as_f32(as_u32((f32)m * 5.9604644775390625e-8f) | s);
    return as_f32(s | ((m << 13) + 0x38000000u));
}
MAF_FN u16 maf_f2h(f32 x, int mode) {
    u32 b = as_u32(x), sign = b >> 16 & 0x8000, a = b & 0x7fffffff, e = a >> 23, shift = 13, m;
    int up = (mode == 1 && sign) || (mode == 2 && !sign);
    if (a > 0x7f800000u) return 0x7fff;
    if (a == 0x7f800000u || a == 0) return (u16)(sign | a >> 16 & 0x7c00);
    if (a >= 0x47800000u) return (u16)(sign | (mode == 0 || up ? 0x7c00 : 0x7bff));
    if (e >= 113) {
        m = a - (112u << 23);
    } else {
        shift = e < 95 ? 31 : 126 - e;
        m = (a & 0x7fffff) | 0x800000;
    }
    u32 q = m >> shift, rest = m & ((1u << shift) - 1), middle = 1u << (shift - 1);
    q += mode == 0 ? (rest > middle || (rest == middle && (q & 1))) : (up && rest != 0);
    return (u16)(sign | q);
}
MAF_FN f32 maf_odd32(f32 x, f32 y) {
    f32 r = x + y, t = r - x, error = (x - (r - t)) + (y - t);
    u32 i = as_u32(r);
    if (r - r != 0 || error == 0 || (i & 1)) return r;
    return as_f32((error > 0) == (r > 0) ? i + 1 : i - 1);
}
MAF_FN u16 maf_ftz16(u16 h) { return (u16)((h & 0x7c00) ? h : h & 0x8000); }
/* The exact sum of two halves may need 41 bits: rounded to odd first. Products are exact in single precision. */
MAF_FN u16 maf_sum16(f32 x, f32 y, int mode) {
    f32 r = maf_odd32(x, y);
    if (r == 0 && mode == 1 && (as_u32(x) >> 31 || as_u32(y) >> 31)) return 0x8000;
    return maf_f2h(r, mode);
}
MAF_FN u16 maf_add16(u16 a, u16 b, int mode) { return maf_sum16(maf_h2f(a), maf_h2f(b), mode); }
MAF_FN u16 maf_mul16(u16 a, u16 b, int mode) { return maf_f2h(maf_h2f(a) * maf_h2f(b), mode); }
MAF_FN u16 maf_fma16(u16 a, u16 b, u16 c, int mode) {
    return maf_sum16(maf_h2f(a) * maf_h2f(b), maf_h2f(c), mode);
}
#if MAF_FP64
MAF_FN u16 maf_d2h(f64 d, int mode) {
    f32 r = (f32)d;
    f64 back = (f64)r;
    u32 i = as_u32(r);
    if (r - r == 0 && back != d && !(i & 1)) r = as_f32(maf_fabs64(back) < maf_fabs64(d) ? i + 1 : i - 1);
    if (r - r != 0 && d - d == 0) r = as_f32((i & 0x80000000u) | 0x7f7fffffu);
    return maf_f2h(r, mode);
}
#endif

/* --- conversions with integers -------------------------------------------------------------------------------- */
#define MAF_F2I(NAME, F, T, LOW, HIGH, MIN, MAX, NAN_RESULT)                                                    \
    MAF_FN T NAME(F x) {                                                                                        \
        if (x != x) return NAN_RESULT;                                                                          \
        if (x >= HIGH) return MAX;                                                                              \
        if (x < LOW) return MIN;                                                                                \
        return (T)x;                                                                                            \
    }
#define MAF_F2I_ALL(F, X)                                                                                       \
    MAF_F2I(maf_##X##_to_s8, F, s8, -128, 128, -128, 127, 0)                                                    \
    MAF_F2I(maf_##X##_to_u8, F, u8, 0, 256, 0, 255, 0)                                                          \
    MAF_F2I(maf_##X##_to_s16, F, s16, -32768, 32768, -32768, 32767, 0)                                          \
    MAF_F2I(maf_##X##_to_u16, F, u16, 0, 65536, 0, 65535, 0)                                                    \
    MAF_F2I(maf_##X##_to_s32, F, s32, (F)-2147483648.0f, (F)2147483648.0f, (s32)0x80000000u, 0x7fffffff, 0)      \
    MAF_F2I(maf_##X##_to_u32, F, u32, 0, (F)4294967296.0f, 0, 0xffffffffu, 0)                                   \
    MAF_F2I(maf_##X##_to_s64, F, s64, (F)-9223372036854775808.0f, (F)9223372036854775808.0f,                    \
            (s64)((u64)1 << 63), (s64)~((u64)1 << 63), (s64)((u64)1 << 63))                                     \
    MAF_F2I(maf_##X##_to_u64, F, u64, 0, (F)18446744073709551616.0f, 0, ~(u64)0, (u64)1 << 63)
MAF_F2I_ALL(f32, f32)
#if MAF_FP64
MAF_F2I_ALL(f64, f64)
#endif
#define MAF_I2F(F, X, NUDGE)                                                                                    \
    MAF_FN F maf_s64_to_##X(s64 a, int mode) {                                                                  \
        F r = (F)a;                                                                                             \
        if (!mode) return r;                                                                                    \
        if (r >= (F)9223372036854775808.0f) return NUDGE(r, 0, 1, mode);                                        \
        s64 back = (s64)r;                                                                                      \
        return NUDGE(r, back < a, back > a, mode);                                                              \
    }                                                                                                           \
    MAF_FN F maf_u64_to_##X(u64 a, int mode) {                                                                  \
        F r = (F)a;                                                                                             \
        if (!mode) return r;                                                                                    \
        if (r >= (F)18446744073709551616.0f) return NUDGE(r, 0, 1, mode);                                       \
        u64 back = (u64)r;                                                                                      \
        return NUDGE(r, back < a, back > a, mode);                                                              \
    }
MAF_I2F(f32, f32, maf_nudge32)
#if MAF_FP64
MAF_I2F(f64, f64, maf_nudge64)
#endif
/* Beyond 2^17 every integer overflows a half alike. */
MAF_FN u16 maf_s64_to_f16(s64 a, int mode) {
    return maf_f2h((f32)(a > 0x100000 ? 0x100000 : a < -0x100000 ? -0x100000 : a), mode);
}
MAF_FN u16 maf_u64_to_f16(u64 a, int mode) { return maf_f2h((f32)(a > 0x100000 ? 0x100000 : a), mode); }

/* --- atomics ------------------------------------------------------------------------------------------------------ */
/* The first guess is 0: a load that is no atomic would race with the others' exchanges. */
#define MAF_LOOP(NAME, S, T, CAS, EXPRESSION)                                                                   \
    MAF_FN T NAME(volatile S T *p, T v) {                                                                       \
        T old = 0;                                                                                              \
        for (;;) {                                                                                              \
            T seen = CAS(p, old, (EXPRESSION));                                                                 \
            if (seen == old) return old;                                                                        \
            old = seen;                                                                                         \
        }                                                                                                       \
    }
MAF_FN u32 maf_add_f16x2_bits(u32 a, u32 b) {
    return (u32)maf_add16((u16)a, (u16)b, 0) | (u32)maf_add16((u16)(a >> 16), (u16)(b >> 16), 0) << 16;
}
#define MAF_LOOPS(S, X)                                                                                         \
    MAF_LOOP(maf_inc_i32_##X, S, u32, maf_cas32_##X, old >= v ? 0u : old + 1u)                                  \
    MAF_LOOP(maf_dec_i32_##X, S, u32, maf_cas32_##X, old == 0 || old > v ? v : old - 1u)                        \
    MAF_LOOP(maf_fadd_f32_##X, S, u32, maf_cas32_##X, as_u32(as_f32(old) + as_f32(v)))                          \
    MAF_LOOP(maf_faddf16x2_i32_##X, S, u32, maf_cas32_##X, maf_add_f16x2_bits(old, v))
MAF_LOOPS(MAF_GLOBAL, g)
MAF_LOOPS(MAF_LOCAL, l)
#if MAF_ATOM64
#define MAF_LOOPS64(S, X)                                                                                       \
    MAF_LOOP(maf_and_i64_##X, S, u64, maf_cas64_##X, old & v)                                                   \
    MAF_LOOP(maf_or_i64_##X, S, u64, maf_cas64_##X, old | v)                                                    \
    MAF_LOOP(maf_xor_i64_##X, S, u64, maf_cas64_##X, old ^ v)                                                   \
    MAF_LOOP(maf_umin_i64_##X, S, u64, maf_cas64_##X, old < v ? old : v)                                        \
    MAF_LOOP(maf_umax_i64_##X, S, u64, maf_cas64_##X, old > v ? old : v)                                        \
    MAF_LOOP(maf_min_i64_##X, S, u64, maf_cas64_##X, (s64)old < (s64)v ? old : v)                               \
    MAF_LOOP(maf_max_i64_##X, S, u64, maf_cas64_##X, (s64)old > (s64)v ? old : v)                               \
    MAF_LOOP(maf_inc_i64_##X, S, u64, maf_cas64_##X, old >= v ? 0 : old + 1)                                    \
    MAF_LOOP(maf_dec_i64_##X, S, u64, maf_cas64_##X, old == 0 || old > v ? v : old - 1)
MAF_LOOPS64(MAF_GLOBAL, g)
MAF_LOOPS64(MAF_LOCAL, l)
#if MAF_FP64
MAF_LOOP(maf_fadd_f64_g, MAF_GLOBAL, u64, maf_cas64_g, as_u64(as_f64(old) + as_f64(v)))
MAF_LOOP(maf_fadd_f64_l, MAF_LOCAL, u64, maf_cas64_l, as_u64(as_f64(old) + as_f64(v)))
#endif
#endif

/* --- reports to the host ------------------------------------------------------------------------------------------- */
/* status[0] error, [1] text offset, [2..4] CTA, [5..7] thread, [8..19] words of the failed call; [20] bytes
 * used of the print area, which starts at [32]. The first error wins. */
MAF_FN void maf_fail(volatile MAF_GLOBAL u32 *status, u32 error, u32 where, u32 cx, u32 cy, u32 cz, u32 tx, u32 ty, u32 tz) {
    if (maf_cas32_g(status, 0, error) == 0) {
        status[1] = where;
        status[2] = cx, status[3] = cy, status[4] = cz;
        status[5] = tx, status[6] = ty, status[7] = tz;
    }
}
