/* Products of matrices, and convolutions as such products: D(i, j) = alpha * sum over k of A(i, k) B(k, j) + ...
 *
 * Defined before this text, with device_opencl.h or device_hip.h and device_access.h: REAL (float or double: what D is
 * computed in), ACC (what products are added in: REAL or int), COMPLEX, LOAD_A LOAD_B LOAD_C LOAD_BIAS LOAD_AUX LOAD_SCALE
 * and STORE_D STORE_AUX (access macros), KIND (GEMM, FORWARD, BACKWARD_DATA or BACKWARD_FILTER), EPILOGUE (bits of
 * cublasLtEpilogue_t), ALONG_I (D's neighbours in memory are neighbours in i), TM TN TK (tile), and for GEMM CONJ_A CONJ_B
 * POINTERS (operands are arrays of addresses) SCALARS (alpha and beta lie at p6 and p7). Sizes are in s, an array of
 * 64-bit integers. */
#define GEMM 0
#define FORWARD 1
#define BACKWARD_DATA 2
#define BACKWARD_FILTER 3
#define RELU 2
#define BIAS 4
#define DRELU 8
#define GELU 32
#define DGELU 64
#define AUX 128

enum { THREADS = 256, RM = TM / 16, RN = TN / 16 };

#if COMPLEX
typedef struct {
    REAL x, y;
} value;
FUNCTION value pair(REAL x, REAL y) {
    value v;
    v.x = x, v.y = y;
    return v;
}
FUNCTION value load_pair(GLOBAL const REAL *p, int conjugate) { return pair(p[0], conjugate ? -p[1] : p[1]); }
FUNCTION value mac(value s, value a, value b) {
    return pair(m_fma(a.x, b.x, m_fma(-a.y, b.y, s.x)), m_fma(a.x, b.y, m_fma(a.y, b.x, s.y)));
}
FUNCTION int is_zero(value v) { return v.x == 0 && v.y == 0; }
#define ZERO pair(0, 0)
#define AS_VALUE(v) (v)
#define LOAD_c64(p, i) load_pair((GLOBAL const REAL *)(mem + (p)) + 2 * (i), 0)
#define LOAD_c128 LOAD_c64
#define CONJUGATED(p, i, conjugate) load_pair((GLOBAL const REAL *)(mem + (p)) + 2 * (i), conjugate)
#define STORE_c64(p, i, v) (((GLOBAL REAL *)(mem + (p)))[2 * (i)] = (v).x, ((GLOBAL REAL *)(mem + (p)))[2 * (i) + 1] = (v).y)
#define STORE_c128 STORE_c64
#define FINAL value
#else
typedef ACC value;
#define ZERO ((ACC)0)
#define AS_VALUE(v) ((ACC)(v))
#define is_zero(v) ((v) == 0)
#define FINAL REAL
#if INTEGER
#define mac(s, a, b) ((s) + (a) * (b))
#else
#define mac(s, a, b) m_fma(a, b, s)
#endif
#endif

#if KIND == GEMM
/* s: m n k, then strides: a (i, k, batch), b (k, j, batch), c (i, j, batch), d (i, j, batch), bias (i, j, batch),
 * aux (i, j, batch), then the address that mem has in the program. z is the matrix of the batch. */
enum { A_I = 3, A_K, A_Z, B_K, B_J, B_Z, C_I, C_J, C_Z, D_I, D_J, D_Z, BIAS_I, BIAS_J, BIAS_Z, AUX_I, AUX_J, AUX_Z, BASE };
#define AT(X, i, j) (step * s[X##_Z] + (long)(i) * s[X##_I] + (long)(j) * s[X##_J])
#define AT_A(i, k) (step * s[A_Z] + (long)(i) * s[A_I] + (long)(k) * s[A_K])
#define AT_B(k, j) (step * s[B_Z] + (long)(k) * s[B_K] + (long)(j) * s[B_J])
#if COMPLEX
#define VALUE_A(i, k) CONJUGATED(p0, AT_A(i, k), CONJ_A)
#define VALUE_B(k, j) CONJUGATED(p1, AT_B(k, j), CONJ_B)
#else
#define VALUE_A(i, k) LOAD_A(p0, AT_A(i, k))
#define VALUE_B(k, j) LOAD_B(p1, AT_B(k, j))
#endif
#define AT_D(i, j) AT(D, i, j)
#define VALUE_C(i, j) LOAD_C(p2, AT(C, i, j))
#define VALUE_BIAS(i, j) LOAD_BIAS(p4, z * s[BIAS_Z] + (long)(i) * s[BIAS_I] + (long)(j) * s[BIAS_J])
#define AT_AUX(i, j) (z * s[AUX_Z] + (long)(i) * s[AUX_I] + (long)(j) * s[AUX_J])
#define PLACE_D p3
#define PLACE_BIAS p4
#define A_ALONG_I (s[A_I] == 1)
#define B_ALONG_J (s[B_J] == 1)
#else
#define POINTERS 0
#define SCALARS 0
/* s: m n k, then x (N C D H W), w (K C/groups D H W), y (N K D H W): sizes, then strides of each; z's strides; then three
 * each of padding, stride, dilation; whether the kernel is flipped. z is the group. p0 x, p1 y, p2 w, p4 z, p5 bias. */
enum { XD = 3, WD = 8, YD = 13, XS = 18, WS = 23, YS = 28, ZS = 33, PAD = 38, STEP = 41, DIL = 44, FLIP = 47 };

typedef struct {
    long d, h, w;
    long rest;
} place;

FUNCTION place split(long at, GLOBAL const long *size) {
    place p;
    p.w = at % size[2], at /= size[2];
    p.h = at % size[1], at /= size[1];
    p.d = at % size[0];
    p.rest = at / size[0];
    return p;
}

FUNCTION long tap(place t, GLOBAL const long *s) {
    if (s[FLIP]) t.d = s[WD + 2] - 1 - t.d, t.h = s[WD + 3] - 1 - t.h, t.w = s[WD + 4] - 1 - t.w;
    return t.d * s[WS + 2] + t.h * s[WS + 3] + t.w * s[WS + 4];
}

/* Offset in x of what tap t of output o reads, -1 where that is padding. */
FUNCTION long input(place o, place t, GLOBAL const long *s) {
    long d = o.d * s[STEP] - s[PAD] + t.d * s[DIL], h = o.h * s[STEP + 1] - s[PAD + 1] + t.h * s[DIL + 1],
         w = o.w * s[STEP + 2] - s[PAD + 2] + t.w * s[DIL + 2];
    if (d < 0 || d >= s[XD + 2] || h < 0 || h >= s[XD + 3] || w < 0 || w >= s[XD + 4]) return -1;
    return d * s[XS + 2] + h * s[XS + 3] + w * s[XS + 4];
}

/* Offset in y of the output that reads input x with tap t, -1 where there is none. */
FUNCTION long output(place x, place t, GLOBAL const long *s) {
    long d = x.d + s[PAD] - t.d * s[DIL], h = x.h + s[PAD + 1] - t.h * s[DIL + 1], w = x.w + s[PAD + 2] - t.w * s[DIL + 2];
    if (d < 0 || h < 0 || w < 0 || d % s[STEP] || h % s[STEP + 1] || w % s[STEP + 2]) return -1;
    d /= s[STEP], h /= s[STEP + 1], w /= s[STEP + 2];
    if (d >= s[YD + 2] || h >= s[YD + 3] || w >= s[YD + 4]) return -1;
    return d * s[YS + 2] + h * s[YS + 3] + w * s[YS + 4];
}

#define TAPS (s + WD + 2)
#define PLACE_BIAS p5
#if KIND == FORWARD
#define PLACE_D p1
FUNCTION value value_a(GLOBAL const uchar *mem, ulong p2, long i, long k, long z, GLOBAL const long *s) {
    place t = split(k, TAPS);
    return LOAD_A(p2, (z * s[0] + i) * s[WS] + t.rest * s[WS + 1] + tap(t, s));
}
FUNCTION value value_b(GLOBAL const uchar *mem, ulong p0, long k, long j, long z, GLOBAL const long *s) {
    place t = split(k, TAPS), o = split(j, s + YD + 2);
    long at = input(o, t, s);
    return at < 0 ? ZERO : (value)LOAD_B(p0, o.rest * s[XS] + (z * s[WD + 1] + t.rest) * s[XS + 1] + at);
}
#define VALUE_A(i, k) value_a(mem, p2, i, k, z, s)
#define VALUE_B(k, j) value_b(mem, p0, k, j, z, s)
#define AT_D(i, j) at_y(i, j, z, s, YS)
#define VALUE_C(i, j) (FUSED ? LOAD_D(p4, at_y(i, j, z, s, ZS)) : LOAD_D(p1, at_y(i, j, z, s, YS)))
#define VALUE_BIAS(i, j) LOAD_BIAS(p5, z * s[0] + (i))
FUNCTION long at_y(long i, long j, long z, GLOBAL const long *s, int strides) {
    place o = split(j, s + YD + 2);
    GLOBAL const long *t = s + strides;
    return o.rest * t[0] + (z * s[0] + i) * t[1] + o.d * t[2] + o.h * t[3] + o.w * t[4];
}
#elif KIND == BACKWARD_DATA
#define PLACE_D p0
FUNCTION value value_a(GLOBAL const uchar *mem, ulong p2, long i, long k, long z, GLOBAL const long *s) {
    place t = split(k, TAPS);
    return LOAD_A(p2, (z * (s[WD] / (s[XD + 1] / s[WD + 1])) + t.rest) * s[WS] + i * s[WS + 1] + tap(t, s));
}
FUNCTION value value_b(GLOBAL const uchar *mem, ulong p1, long k, long j, long z, GLOBAL const long *s) {
    place t = split(k, TAPS), x = split(j, s + XD + 2);
    long at = output(x, t, s), channel = z * (s[WD] / (s[XD + 1] / s[WD + 1])) + t.rest;
    return at < 0 ? ZERO : (value)LOAD_B(p1, x.rest * s[YS] + channel * s[YS + 1] + at);
}
#define VALUE_A(i, k) value_a(mem, p2, i, k, z, s)
#define VALUE_B(k, j) value_b(mem, p1, k, j, z, s)
FUNCTION long at_x(long i, long j, long z, GLOBAL const long *s) {
    place x = split(j, s + XD + 2);
    return x.rest * s[XS] + (z * s[0] + i) * s[XS + 1] + x.d * s[XS + 2] + x.h * s[XS + 3] + x.w * s[XS + 4];
}
#define AT_D(i, j) at_x(i, j, z, s)
#define VALUE_C(i, j) LOAD_D(p0, at_x(i, j, z, s))
#else
#define PLACE_D p2
FUNCTION value value_a(GLOBAL const uchar *mem, ulong p1, long i, long k, long z, GLOBAL const long *s) {
    place o = split(k, s + YD + 2);
    return LOAD_A(p1, o.rest * s[YS] + (z * s[0] + i) * s[YS + 1] + o.d * s[YS + 2] + o.h * s[YS + 3] + o.w * s[YS + 4]);
}
FUNCTION value value_b(GLOBAL const uchar *mem, ulong p0, long k, long j, long z, GLOBAL const long *s) {
    place t = split(j, TAPS), o = split(k, s + YD + 2);
    long at = input(o, t, s);
    return at < 0 ? ZERO : (value)LOAD_B(p0, o.rest * s[XS] + (z * s[WD + 1] + t.rest) * s[XS + 1] + at);
}
#define VALUE_A(i, k) value_a(mem, p1, i, k, z, s)
#define VALUE_B(k, j) value_b(mem, p0, k, j, z, s)
FUNCTION long at_w(long i, long j, long z, GLOBAL const long *s) {
    place t = split(j, TAPS);
    return (z * s[0] + i) * s[WS] + t.rest * s[WS + 1] + tap(t, s);
}
#define AT_D(i, j) at_w(i, j, z, s)
#define VALUE_C(i, j) LOAD_D(p2, at_w(i, j, z, s))
#endif
#define A_ALONG_I (KIND == BACKWARD_DATA)
#define B_ALONG_J (KIND != BACKWARD_FILTER)
#endif

KERNEL(16, 16, 1) void product(GLOBAL uchar *mem, ulong p0, ulong p1, ulong p2, ulong p3, ulong p4, ulong p5, ulong p6,
                               ulong p7, REAL alpha_x, REAL alpha_y, REAL beta_x, REAL beta_y, GLOBAL const long *s) {
    LOCAL_ARRAY value ta[TK][TM + 1], tb[TK][TN + 1];
    const long m = s[0], n = s[1], depth = s[2], z = GROUP(2);
    const int x = ITEM(0), y = ITEM(1), t = y * 16 + x;
    const long i0 = (long)GROUP(0) * TM, j0 = (long)GROUP(1) * TN;
    const int a_along_i = A_ALONG_I, b_along_j = B_ALONG_J;
    const int ri = ALONG_I ? x : y, rj = ALONG_I ? y : x;
#if KIND == GEMM
    const long step = POINTERS ? 0 : z;
#endif
#if POINTERS
    p0 = ((GLOBAL const ulong *)(mem + p0))[z] - s[BASE], p1 = ((GLOBAL const ulong *)(mem + p1))[z] - s[BASE];
    p3 = ((GLOBAL const ulong *)(mem + p3))[z] - s[BASE], p2 = p2 ? ((GLOBAL const ulong *)(mem + p2))[z] - s[BASE] : 0;
#endif
#if COMPLEX
    value alpha = pair(alpha_x, alpha_y), beta = pair(beta_x, beta_y);
#else
    REAL alpha = alpha_x, beta = beta_x;
#endif
#if SCALARS
    alpha = LOAD_SCALE(p6, 0), beta = LOAD_SCALE(p7, 0);
#endif
    value sum[RM][RN];
    for (int r = 0; r < RM; r++)
        for (int c = 0; c < RN; c++) sum[r][c] = ZERO;
    for (long k0 = 0; k0 < depth; k0 += TK) {
        for (int e = t; e < TM * TK; e += THREADS) {
            const int i = a_along_i ? e % TM : e / TK, k = a_along_i ? e / TM : e % TK;
            ta[k][i] = i0 + i < m && k0 + k < depth ? AS_VALUE(VALUE_A(i0 + i, k0 + k)) : ZERO;
        }
        for (int e = t; e < TN * TK; e += THREADS) {
            const int j = b_along_j ? e % TN : e / TK, k = b_along_j ? e / TN : e % TK;
            tb[k][j] = j0 + j < n && k0 + k < depth ? AS_VALUE(VALUE_B(k0 + k, j0 + j)) : ZERO;
        }
        BARRIER();
        for (int k = 0; k < TK; k++) {
            value a[RM], b[RN];
            for (int r = 0; r < RM; r++) a[r] = ta[k][ri + 16 * r];
            for (int c = 0; c < RN; c++) b[c] = tb[k][rj + 16 * c];
            for (int r = 0; r < RM; r++)
                for (int c = 0; c < RN; c++) sum[r][c] = mac(sum[r][c], a[r], b[c]);
        }
        BARRIER();
    }
    for (int r = 0; r < RM; r++)
        for (int c = 0; c < RN; c++) {
            const long i = i0 + ri + 16 * r, j = j0 + rj + 16 * c;
            if (i >= m || j >= n) continue;
#if COMPLEX
            FINAL v = is_zero(alpha) ? ZERO : mac(ZERO, alpha, sum[r][c]);
            if (!is_zero(beta)) v = mac(v, beta, VALUE_C(i, j));
#elif INTEGER_D
            if (alpha == m_rint(alpha) && beta == m_rint(beta)) { /* exact, and wraps */
                int whole = (int)(uint)((long)alpha * sum[r][c]);
                if (beta != 0) whole = (int)((uint)whole + (uint)((long)beta * (long)VALUE_C(i, j)));
                ((GLOBAL int *)(mem + PLACE_D))[AT_D(i, j)] = whole;
                continue;
            }
            FINAL v = alpha * (REAL)sum[r][c];
            if (beta != 0) v += beta * (REAL)VALUE_C(i, j);
#else
            FINAL v = alpha != 0 ? alpha * (REAL)sum[r][c] : (REAL)0;
            if (beta != 0) v += beta * (REAL)VALUE_C(i, j);
#endif
#if EPILOGUE & BIAS
            if (PLACE_BIAS) v += (REAL)VALUE_BIAS(i, j); /* nothing lies at offset 0 */
#endif
#if EPILOGUE & RELU
#if EPILOGUE & AUX
            {
                const long at = AT_AUX(i, j);
                const uint bit = 1u << (at & 31);
                GLOBAL uint *word = (GLOBAL uint *)(mem + p5) + (at >> 5);
                if (v > 0) ATOMIC_OR(word, bit);
                else ATOMIC_AND(word, ~bit);
            }
#endif
            v = v > 0 || v != v ? v : (REAL)0;
#endif
#if EPILOGUE & DRELU
            if (!(((GLOBAL const uchar *)(mem + p5))[AT_AUX(i, j) >> 3] >> (AT_AUX(i, j) & 7) & 1)) v = 0;
#endif
#if EPILOGUE & GELU
#if EPILOGUE & AUX
            STORE_AUX(p5, AT_AUX(i, j), v);
#endif
            v = (REAL)0.5 * v * m_erfc(v * (REAL)-0.70710678118654752);
#endif
#if EPILOGUE & DGELU
            {
                const REAL g = LOAD_AUX(p5, AT_AUX(i, j));
                v *= (REAL)0.5 * m_erfc(g * (REAL)-0.70710678118654752) +
                     g * m_exp((REAL)-0.5 * g * g) * (REAL)0.39894228040143268;
            }
#endif
            STORE_D(PLACE_D, AT_D(i, j), v);
        }
}
