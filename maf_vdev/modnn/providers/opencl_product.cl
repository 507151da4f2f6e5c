/* Products of matrices, and convolutions as such products: D(i, j) = alpha * sum over k of A(i, k) B(k, j) + ...
 *
 * Defined before this text: ACC (float or double), LOAD_A LOAD_B LOAD_C LOAD_BIAS and STORE_D (one of the access macros
 * below), KIND (GEMM, FORWARD, BACKWARD_DATA or BACKWARD_FILTER), EPILOGUE (bits of RELU BIAS GELU), ALONG_I (D's
 * neighbours in memory are neighbours in i). Sizes are in s, an array of 64-bit integers. */
#define GEMM 0
#define FORWARD 1
#define BACKWARD_DATA 2
#define BACKWARD_FILTER 3
#define RELU 2
#define BIAS 4
#define GELU 32

#define LOAD_f32(p, i) (((__global const float *)(mem + (p)))[i])
#define LOAD_f64(p, i) (((__global const double *)(mem + (p)))[i])
#define LOAD_f16(p, i) vload_half(i, (__global const half *)(mem + (p)))
#define LOAD_bf16(p, i) as_float((uint)((__global const ushort *)(mem + (p)))[i] << 16)
#define STORE_f32(p, i, v) (((__global float *)(mem + (p)))[i] = (float)(v))
#define STORE_f64(p, i, v) (((__global double *)(mem + (p)))[i] = (v))
#define STORE_f16(p, i, v) vstore_half_rte((float)(v), i, (__global half *)(mem + (p)))
#define STORE_bf16(p, i, v) (((__global ushort *)(mem + (p)))[i] = to_bf16((float)(v)))

static inline ushort to_bf16(float v) {
    uint bits = as_uint(v);
    if (v != v) return (ushort)0x7fff;
    return (ushort)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

enum { TM = 64, TN = 64, TK = 16, THREADS = 256 };

#if KIND == GEMM
/* s: m n k, then strides: a (i, k, batch), b (k, j, batch), c (i, j, batch), d (i, j, batch), bias (i, j, batch). */
enum { A_I = 3, A_K, A_Z, B_K, B_J, B_Z, C_I, C_J, C_Z, D_I, D_J, D_Z, BIAS_I, BIAS_J, BIAS_Z };
#define AT_A(i, k) (z * s[A_Z] + (i) * s[A_I] + (k) * s[A_K])
#define VALUE_A(i, k) LOAD_A(p0, AT_A((long)(i), (long)(k)))
#define VALUE_B(k, j) LOAD_B(p1, z * s[B_Z] + (long)(k) * s[B_K] + (long)(j) * s[B_J])
#define AT_D(i, j) (z * s[D_Z] + (long)(i) * s[D_I] + (long)(j) * s[D_J])
#define VALUE_C(i, j) LOAD_C(p2, z * s[C_Z] + (long)(i) * s[C_I] + (long)(j) * s[C_J])
#define VALUE_BIAS(i, j) LOAD_BIAS(p4, z * s[BIAS_Z] + (long)(i) * s[BIAS_I] + (long)(j) * s[BIAS_J])
#define PLACE_D p3
#define PLACE_BIAS p4
#define A_ALONG_I (s[A_I] == 1)
#define B_ALONG_J (s[B_J] == 1)
#else
/* s: m n k, then x (N C D H W), w (K C/groups D H W), y (N K D H W): sizes, then strides of each; z's strides; then three
 * each of padding, stride, dilation; whether the kernel is flipped. z is the group. p0 x, p1 y, p2 w, p4 z, p5 bias. */
enum { XD = 3, WD = 8, YD = 13, XS = 18, WS = 23, YS = 28, ZS = 33, PAD = 38, STEP = 41, DIL = 44, FLIP = 47 };

typedef struct {
    long d, h, w;
    long rest;
} place;

static inline place split(long at, __global const long *size) {
    place p;
    p.w = at % size[2], at /= size[2];
    p.h = at % size[1], at /= size[1];
    p.d = at % size[0];
    p.rest = at / size[0];
    return p;
}

static inline long tap(place t, __global const long *s) {
    if (s[FLIP]) t.d = s[WD + 2] - 1 - t.d, t.h = s[WD + 3] - 1 - t.h, t.w = s[WD + 4] - 1 - t.w;
    return t.d * s[WS + 2] + t.h * s[WS + 3] + t.w * s[WS + 4];
}

/* Offset in x of what tap t of output o reads, -1 where that is padding. */
static inline long input(place o, place t, __global const long *s) {
    long d = o.d * s[STEP] - s[PAD] + t.d * s[DIL], h = o.h * s[STEP + 1] - s[PAD + 1] + t.h * s[DIL + 1],
         w = o.w * s[STEP + 2] - s[PAD + 2] + t.w * s[DIL + 2];
    if (d < 0 || d >= s[XD + 2] || h < 0 || h >= s[XD + 3] || w < 0 || w >= s[XD + 4]) return -1;
    return d * s[XS + 2] + h * s[XS + 3] + w * s[XS + 4];
}

/* Offset in y of the output that reads input x with tap t, -1 where there is none. */
static inline long output(place x, place t, __global const long *s) {
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
static inline ACC value_a(__global const uchar *mem, ulong p2, long i, long k, long z, __global const long *s) {
    place t = split(k, TAPS);
    return LOAD_A(p2, (z * s[0] + i) * s[WS] + t.rest * s[WS + 1] + tap(t, s));
}
static inline ACC value_b(__global const uchar *mem, ulong p0, long k, long j, long z, __global const long *s) {
    place t = split(k, TAPS), o = split(j, s + YD + 2);
    long at = input(o, t, s);
    return at < 0 ? (ACC)0 : (ACC)LOAD_B(p0, o.rest * s[XS] + (z * s[WD + 1] + t.rest) * s[XS + 1] + at);
}
#define VALUE_A(i, k) value_a(mem, p2, i, k, z, s)
#define VALUE_B(k, j) value_b(mem, p0, k, j, z, s)
#define AT_D(i, j) at_y(i, j, z, s, YS)
#define VALUE_C(i, j) (FUSED ? LOAD_D(p4, at_y(i, j, z, s, ZS)) : LOAD_D(p1, at_y(i, j, z, s, YS)))
#define VALUE_BIAS(i, j) LOAD_BIAS(p5, z * s[0] + (i))
static inline long at_y(long i, long j, long z, __global const long *s, int strides) {
    place o = split(j, s + YD + 2);
    __global const long *t = s + strides;
    return o.rest * t[0] + (z * s[0] + i) * t[1] + o.d * t[2] + o.h * t[3] + o.w * t[4];
}
#elif KIND == BACKWARD_DATA
#define PLACE_D p0
static inline ACC value_a(__global const uchar *mem, ulong p2, long i, long k, long z, __global const long *s) {
    place t = split(k, TAPS);
    return LOAD_A(p2, (z * (s[WD] / (s[XD + 1] / s[WD + 1])) + t.rest) * s[WS] + i * s[WS + 1] + tap(t, s));
}
static inline ACC value_b(__global const uchar *mem, ulong p1, long k, long j, long z, __global const long *s) {
    place t = split(k, TAPS), x = split(j, s + XD + 2);
    long at = output(x, t, s), channel = z * (s[WD] / (s[XD + 1] / s[WD + 1])) + t.rest;
    return at < 0 ? (ACC)0 : (ACC)LOAD_B(p1, x.rest * s[YS] + channel * s[YS + 1] + at);
}
#define VALUE_A(i, k) value_a(mem, p2, i, k, z, s)
#define VALUE_B(k, j) value_b(mem, p1, k, j, z, s)
static inline long at_x(long i, long j, long z, __global const long *s) {
    place x = split(j, s + XD + 2);
    return x.rest * s[XS] + (z * s[0] + i) * s[XS + 1] + x.d * s[XS + 2] + x.h * s[XS + 3] + x.w * s[XS + 4];
}
#define AT_D(i, j) at_x(i, j, z, s)
#define VALUE_C(i, j) LOAD_D(p0, at_x(i, j, z, s))
#else
#define PLACE_D p2
static inline ACC value_a(__global const uchar *mem, ulong p1, long i, long k, long z, __global const long *s) {
    place o = split(k, s + YD + 2);
    return LOAD_A(p1, o.rest * s[YS] + (z * s[0] + i) * s[YS + 1] + o.d * s[YS + 2] + o.h * s[YS + 3] + o.w * s[YS + 4]);
}
static inline ACC value_b(__global const uchar *mem, ulong p0, long k, long j, long z, __global const long *s) {
    place t = split(j, TAPS), o = split(k, s + YD + 2);
    long at = input(o, t, s);
    return at < 0 ? (ACC)0 : (ACC)LOAD_B(p0, o.rest * s[XS] + (z * s[WD + 1] + t.rest) * s[XS + 1] + at);
}
#define VALUE_A(i, k) value_a(mem, p1, i, k, z, s)
#define VALUE_B(k, j) value_b(mem, p0, k, j, z, s)
static inline long at_w(long i, long j, long z, __global const long *s) {
    place t = split(j, TAPS);
    return (z * s[0] + i) * s[WS] + t.rest * s[WS + 1] + tap(t, s);
}
#define AT_D(i, j) at_w(i, j, z, s)
#define VALUE_C(i, j) LOAD_D(p2, at_w(i, j, z, s))
#endif
#define A_ALONG_I (KIND == BACKWARD_DATA)
#define B_ALONG_J (KIND != BACKWARD_FILTER)
#endif

__kernel __attribute__((reqd_work_group_size(16, 16, 1))) void product(
    __global uchar *mem, ulong p0, ulong p1, ulong p2, ulong p3, ulong p4, ulong p5, ACC alpha, ACC beta,
    __global const long *s) {
    __local ACC ta[TK][TM + 1], tb[TK][TN + 1];
    const long m = s[0], n = s[1], depth = s[2], z = get_group_id(2);
    const int x = get_local_id(0), y = get_local_id(1), t = y * 16 + x;
    const long i0 = (long)get_group_id(0) * TM, j0 = (long)get_group_id(1) * TN;
    const int a_along_i = A_ALONG_I, b_along_j = B_ALONG_J;
    const int ri = ALONG_I ? x : y, rj = ALONG_I ? y : x;
    ACC sum[4][4];
    for (int r = 0; r < 4; r++)
        for (int c = 0; c < 4; c++) sum[r][c] = 0;
    for (long k0 = 0; k0 < depth; k0 += TK) {
        for (int e = t; e < TM * TK; e += THREADS) {
            const int i = a_along_i ? e % TM : e / TK, k = a_along_i ? e / TM : e % TK;
            ta[k][i] = i0 + i < m && k0 + k < depth ? (ACC)VALUE_A(i0 + i, k0 + k) : (ACC)0;
        }
        for (int e = t; e < TN * TK; e += THREADS) {
            const int j = b_along_j ? e % TN : e / TK, k = b_along_j ? e / TN : e % TK;
            tb[k][j] = j0 + j < n && k0 + k < depth ? (ACC)VALUE_B(k0 + k, j0 + j) : (ACC)0;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int k = 0; k < TK; k++) {
            ACC a[4], b[4];
            for (int r = 0; r < 4; r++) a[r] = ta[k][ri + 16 * r], b[r] = tb[k][rj + 16 * r];
            for (int r = 0; r < 4; r++)
                for (int c = 0; c < 4; c++) sum[r][c] = fma(a[r], b[c], sum[r][c]);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    for (int r = 0; r < 4; r++)
        for (int c = 0; c < 4; c++) {
            const long i = i0 + ri + 16 * r, j = j0 + rj + 16 * c;
            if (i >= m || j >= n) continue;
            ACC v = alpha != 0 ? alpha * sum[r][c] : (ACC)0;
            if (beta != 0) v += beta * (ACC)VALUE_C(i, j);
#if EPILOGUE & BIAS
            if (PLACE_BIAS) v += (ACC)VALUE_BIAS(i, j); /* nothing lies at offset 0 */
#endif
#if EPILOGUE & RELU
            v = v > 0 || v != v ? v : (ACC)0;
#endif
#if EPILOGUE & GELU
            v = (ACC)0.5 * v * erfc(v * (ACC)-0.70710678118654752);
#endif
            STORE_D(PLACE_D, AT_D(i, j), v);
        }
}
