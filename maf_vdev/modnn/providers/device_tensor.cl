/* Elementwise operations, reductions, softmax, pooling and batch normalisation.
 *
 * Defined before this text, with device_opencl.h or device_hip.h and device_access.h: REAL, KIND, and LANES, the
 * work-items of a group that share one row (256, or 1: each item has a row of its own). Sizes are in s. */
#define ELEMENTWISE 0
#define REDUCE 1
#define SOFTMAX 2
#define POOLING 3
#define BATCHNORM 4

enum { THREADS = 256, MAX_RANK = 8 };

/* Offset of element `at` of an array, in the order of the dimensions, the last of which is the fastest. */
FUNCTION long offset(long at, int rank, GLOBAL const long *dims, GLOBAL const long *strides) {
    long sum = 0;
    for (int d = rank - 1; d > 0; d--) {
        const long next = at / dims[d];
        sum += (at - next * dims[d]) * strides[d];
        at = next;
    }
    return rank > 0 ? sum + at * strides[0] : 0;
}

#if LANES > 1
/* The sum over the items of a group, to each of them. */
FUNCTION REAL row_sum(REAL v, LOCAL REAL *room, int t) {
    room[t] = v;
    for (int n = THREADS / 2; n > 0; n /= 2) {
        BARRIER();
        if (t < n) room[t] += room[t + n];
    }
    BARRIER();
    const REAL total = room[0];
    BARRIER();
    return total;
}
FUNCTION REAL row_max(REAL v, LOCAL REAL *room, int t) {
    room[t] = v;
    for (int n = THREADS / 2; n > 0; n /= 2) {
        BARRIER();
        if (t < n && room[t + n] > room[t]) room[t] = room[t + n];
    }
    BARRIER();
    const REAL most = room[0];
    BARRIER();
    return most;
}
#define ROOM LOCAL_ARRAY REAL room[THREADS]
#define ROW ((long)GROUP(0))
#define LANE t
#define LEAVE_WITHOUT_ROW /* there is a group for each row; PoCL wants no return before a barrier */
#else
#define row_sum(v, room, t) (v)
#define row_max(v, room, t) (v)
#define ROOM
#define ROW ((long)GROUP(0) * THREADS + t)
#define LANE 0
#define LEAVE_WITHOUT_ROW if (row >= s[0]) return
#endif

#define BLEND(value, alpha, beta, LOAD, place, at) ((alpha) * (value) + ((beta) != 0 ? (beta) * (REAL)LOAD(place, at) : 0))
#define NOT_A_NUMBER ((REAL)as_float(0x7fc00000u))
#define INFINITE ((REAL)as_float(0x7f800000u))

#if KIND == ELEMENTWISE
/* s: count, rank, dims[8], strides[8] of out, a, b, c. FUNCTION_NUMBER as in struct maf_op_elementwise. */
enum { SCALE, ADD, MULTIPLY, MINIMUM, MAXIMUM, SQUARE_ROOT, COMPLEMENT, CONSTANT };
enum { ACTIVATION = 16, GRADIENT = 32, DROPOUT = 48 };
enum { SIGMOID, RELU, TANH, CLIPPED_RELU, ELU, IDENTITY, SWISH };

FUNCTION REAL sigmoid(REAL x) { return (REAL)1 / ((REAL)1 + m_exp(-x)); }

FUNCTION REAL activate(int mode, REAL x, REAL k) {
    if (x != x && !NAN_PROPAGATION && (mode == RELU || mode == CLIPPED_RELU)) return 0;
    switch (mode) {
    case SIGMOID: return sigmoid(x);
    case RELU: return x < 0 ? 0 : x;
    case TANH: return m_tanh(x);
    case CLIPPED_RELU: return x < 0 ? 0 : x > k ? k : x;
    case ELU: return x < 0 ? k * m_expm1(x) : x;
    case SWISH: return x * sigmoid(k * x);
    default: return x;
    }
}
FUNCTION REAL gradient(int mode, REAL y, REAL dy, REAL x, REAL k) {
    const REAL g = mode == SWISH ? sigmoid(k * x) : 0;
    switch (mode) {
    case SIGMOID: return dy * y * (1 - y);
    case RELU: return x > 0 ? dy : 0;
    case TANH: return dy * (1 - y * y);
    case CLIPPED_RELU: return x > 0 && x < k ? dy : 0;
    case ELU: return x < 0 ? dy * (y + k) : dy;
    case SWISH: return dy * (g + k * x * g * (1 - g));
    default: return dy;
    }
}
FUNCTION REAL pick(REAL a, REAL b, int largest) {
    if (a != a || b != b) return NAN_PROPAGATION ? NOT_A_NUMBER : a != a ? b : a;
    return largest ? (a > b ? a : b) : (a < b ? a : b);
}
FUNCTION REAL compute(REAL a, REAL b, REAL c, REAL alpha1, REAL alpha2, REAL k) {
    switch (FUNCTION_NUMBER) {
    case SCALE: return alpha1 * a;
    case ADD: return alpha1 * a + alpha2 * b;
    case MULTIPLY: return alpha1 * a * (alpha2 * b);
    case MINIMUM: return pick(alpha1 * a, alpha2 * b, 0);
    case MAXIMUM: return pick(alpha1 * a, alpha2 * b, 1);
    case SQUARE_ROOT: return m_sqrt(alpha1 * a);
    case COMPLEMENT: return 1 - alpha1 * a;
    case CONSTANT: return k;
    case DROPOUT: return c != 0 && k < 1 ? a / (1 - k) : 0;
    default:
        return alpha1 * (FUNCTION_NUMBER < GRADIENT ? activate(FUNCTION_NUMBER - ACTIVATION, a, k)
                                                    : gradient(FUNCTION_NUMBER - GRADIENT, a, b, c, k));
    }
}

KERNEL(256, 1, 1) void elementwise(GLOBAL uchar *mem, ulong out, ulong pa, ulong pb, ulong pc, REAL alpha1, REAL alpha2,
                                   REAL beta, REAL k, GLOBAL const long *s) {
    const long at = (long)GROUP(0) * THREADS + ITEM(0);
    if (at >= s[0]) return;
    const int rank = (int)s[1];
    GLOBAL const long *dims = s + 2, *strides = dims + MAX_RANK;
    const REAL a = pa ? (REAL)LOAD_A(pa, offset(at, rank, dims, strides + MAX_RANK)) : 0;
    const REAL b = pb ? (REAL)LOAD_B(pb, offset(at, rank, dims, strides + 2 * MAX_RANK)) : 0;
    const REAL c = pc ? (REAL)LOAD_C(pc, offset(at, rank, dims, strides + 3 * MAX_RANK)) : 0;
    const long to = offset(at, rank, dims, strides);
    STORE_OUT(out, to, BLEND(compute(a, b, c, alpha1, alpha2, k), 1, beta, LOAD_OUT, out, to));
}

#elif KIND == REDUCE
/* s: rows, length, rank of rows, of a row; dims[8] of rows, strides of a and of c; dims[8] of a row, strides of a. */
enum { SUM, PRODUCT, SMALLEST, LARGEST, LARGEST_SIZE, AVERAGE, NORM1, NORM2, PRODUCT_WITHOUT_ZEROS };
#define CHOICE (FUNCTION_NUMBER >= SMALLEST && FUNCTION_NUMBER <= LARGEST_SIZE)

/* Whether (v, i) is chosen before (w, j). What propagates not is behind all numbers; the first of equals wins. */
FUNCTION int before(REAL v, long i, REAL w, long j) {
    if (i < 0 || j < 0) return j < 0;
    if (v != v || w != w) {
        if (v != v && w != w) return i < j;
        return (v != v) == NAN_PROPAGATION;
    }
    if (v == w) return i < j;
    return FUNCTION_NUMBER == SMALLEST ? v < w : v > w;
}
FUNCTION REAL term(REAL x) {
    switch (FUNCTION_NUMBER) {
    case NORM1:
    case LARGEST_SIZE: return m_fabs(x);
    case NORM2: return x * x;
    case PRODUCT_WITHOUT_ZEROS: return x == 0 ? 1 : x;
    default: return x;
    }
}
#define MULTIPLIES (FUNCTION_NUMBER == PRODUCT || FUNCTION_NUMBER == PRODUCT_WITHOUT_ZEROS)

KERNEL(256, 1, 1) void reduce(GLOBAL uchar *mem, ulong pa, ulong pc, ulong pi, REAL alpha, REAL beta,
                              GLOBAL const long *s) {
    const int t = ITEM(0), rank = (int)s[2], row_rank = (int)s[3];
#if LANES > 1
    LOCAL_ARRAY REAL values[THREADS];
    LOCAL_ARRAY long places[THREADS];
#endif
    const long row = ROW, length = s[1];
    LEAVE_WITHOUT_ROW;
    GLOBAL const long *dims = s + 4, *row_dims = dims + 3 * MAX_RANK;
    const long from = offset(row, rank, dims, dims + MAX_RANK), to = offset(row, rank, dims, dims + 2 * MAX_RANK);
    REAL value = MULTIPLIES ? 1 : 0;
    long best = -1;
    for (long i = LANE; i < length; i += LANES) {
        const REAL x = term(LOAD_A(pa, from + offset(i, row_rank, row_dims, row_dims + MAX_RANK)));
        if (CHOICE) {
            if (before(x, i, value, best)) value = x, best = i;
        } else if (MULTIPLIES) value *= x;
        else value += x;
    }
#if LANES > 1
    values[t] = value, places[t] = best;
    for (int n = THREADS / 2; n > 0; n /= 2) {
        BARRIER();
        if (t >= n) continue;
        if (CHOICE) {
            if (before(values[t + n], places[t + n], values[t], places[t]))
                values[t] = values[t + n], places[t] = places[t + n];
        } else if (MULTIPLIES) values[t] *= values[t + n];
        else values[t] += values[t + n];
    }
    if (t) return;
    value = values[0], best = places[0];
#endif
    if (FUNCTION_NUMBER == AVERAGE) value /= (REAL)length;
    if (FUNCTION_NUMBER == NORM2) value = m_sqrt(value);
    STORE_C(pc, to, BLEND(value, alpha, beta, LOAD_C, pc, to));
    if (INDICES) ((GLOBAL int *)(mem + pi))[row] = (int)best;
}

#elif KIND == SOFTMAX
/* s: rows, length, rank of rows, of a row; dims[8] of rows, their strides of x, y, dy; the same of a row. */
KERNEL(256, 1, 1) void softmax(GLOBAL uchar *mem, ulong px, ulong py, ulong pdy, REAL alpha, REAL beta,
                               GLOBAL const long *s) {
    ROOM;
    const int t = ITEM(0), rank = (int)s[2], row_rank = (int)s[3];
    const long row = ROW, length = s[1];
    LEAVE_WITHOUT_ROW;
    GLOBAL const long *dims = s + 4, *row_dims = dims + 4 * MAX_RANK;
    const long x0 = offset(row, rank, dims, dims + MAX_RANK), y0 = offset(row, rank, dims, dims + 2 * MAX_RANK);
#define AT_X(i) (x0 + offset(i, row_rank, row_dims, row_dims + MAX_RANK))
#define AT_Y(i) (y0 + offset(i, row_rank, row_dims, row_dims + 2 * MAX_RANK))
    REAL sum = 0;
#if BACKWARD
    const long dy0 = offset(row, rank, dims, dims + 3 * MAX_RANK);
#define AT_DY(i) (dy0 + offset(i, row_rank, row_dims, row_dims + 3 * MAX_RANK))
    for (long i = LANE; i < length; i += LANES) {
        const REAL dy = LOAD_X(pdy, AT_DY(i));
        sum += LOGARITHM ? dy : dy * (REAL)LOAD_X(py, AT_Y(i));
    }
    sum = row_sum(sum, room, t);
    for (long i = LANE; i < length; i += LANES) {
        const REAL y = LOAD_X(py, AT_Y(i)), dy = LOAD_X(pdy, AT_DY(i));
        const REAL dx = LOGARITHM ? dy - m_exp(y) * sum : y * (dy - sum);
        STORE_X(px, AT_X(i), BLEND(dx, alpha, beta, LOAD_X, px, AT_X(i)));
    }
#else
    REAL high = -INFINITE;
    for (long i = LANE; i < length; i += LANES) {
        const REAL x = LOAD_X(px, AT_X(i));
        high = x > high ? x : high;
    }
    high = row_max(high, room, t);
    if (high == -INFINITE) high = 0;
    for (long i = LANE; i < length; i += LANES) sum += m_exp((REAL)LOAD_X(px, AT_X(i)) - high);
    sum = row_sum(sum, room, t);
    const REAL logarithm = LOGARITHM ? m_log(sum) : 0;
    for (long i = LANE; i < length; i += LANES) {
        const REAL x = (REAL)LOAD_X(px, AT_X(i)) - high;
        const REAL y = LOGARITHM ? x - logarithm : m_exp(x) / sum;
        STORE_X(py, AT_Y(i), BLEND(y, alpha, beta, LOAD_X, py, AT_Y(i)));
    }
#endif
}

#elif KIND == POOLING
/* s: count of results, x_dims[5], y_dims[5], strides[5] of x, y, dx, dy, window[3], pad[3], stride[3]. */
enum { POOL_MAX, POOL_AVERAGE_ALL, POOL_AVERAGE_INSIDE, POOL_MAX_DETERMINISTIC };
enum { XD = 1, YD = 6, XS = 11, YS = 16, DXS = 21, DYS = 26, WINDOW = 31, PAD = 34, STEP = 37 };
#define IS_MAX (MODE == POOL_MAX || MODE == POOL_MAX_DETERMINISTIC)

typedef struct {
    long plane, from[3], to[3];
} box;

FUNCTION box window_at(long z, long y, long x, GLOBAL const long *s) {
    box b;
    const long at[3] = {z, y, x};
    for (int d = 0; d < 3; d++) {
        const long start = at[d] * s[STEP + d] - s[PAD + d], stop = start + s[WINDOW + d];
        b.from[d] = start > 0 ? start : 0;
        b.to[d] = stop < s[XD + 2 + d] ? stop : s[XD + 2 + d];
    }
    return b;
}
FUNCTION long volume(box b) {
    long count = 1;
    for (int d = 0; d < 3; d++) count *= b.to[d] > b.from[d] ? b.to[d] - b.from[d] : 0;
    return count;
}
/* The chosen element of a window: its value, and its offset in the plane; -1 where the window is outside. */
FUNCTION REAL highest(GLOBAL const uchar *mem, ulong px, long plane, box b, GLOBAL const long *s, long *place) {
    REAL high = -INFINITE;
    *place = -1;
    for (long z = b.from[0]; z < b.to[0]; z++)
        for (long y = b.from[1]; y < b.to[1]; y++)
            for (long x = b.from[2]; x < b.to[2]; x++) {
                const REAL v = LOAD_X(px, plane + z * s[XS + 2] + y * s[XS + 3] + x * s[XS + 4]);
                const int is_nan = v != v, was_nan = high != high;
                if (*place < 0 || v > high || (is_nan && !was_nan && NAN_PROPAGATION) ||
                    (was_nan && !is_nan && !NAN_PROPAGATION)) {
                    high = v;
                    *place = (z * s[XD + 3] + y) * s[XD + 4] + x;
                }
            }
    return high;
}
FUNCTION REAL divisor(box b, GLOBAL const long *s) {
    return (REAL)(MODE == POOL_AVERAGE_ALL ? s[WINDOW] * s[WINDOW + 1] * s[WINDOW + 2] : volume(b));
}

KERNEL(256, 1, 1) void pooling(GLOBAL uchar *mem, ulong px, ulong py, ulong pdy, ulong pdx, REAL alpha, REAL beta,
                               GLOBAL const long *s) {
    long at = (long)GROUP(0) * THREADS + ITEM(0), place;
    if (at >= s[0]) return;
    GLOBAL const long *dims = s + (BACKWARD ? XD : YD);
    const long x = at % dims[4], y = at / dims[4] % dims[3], z = at / dims[4] / dims[3] % dims[2];
    at = at / dims[4] / dims[3] / dims[2];
    const long c = at % dims[1], n = at / dims[1], plane = n * s[XS] + c * s[XS + 1];
#if BACKWARD
    const long me = (z * s[XD + 3] + y) * s[XD + 4] + x, own[3] = {z, y, x};
    long first[3], last[3]; /* windows that hold this element */
    for (int d = 0; d < 3; d++) {
        const long reach = own[d] + s[PAD + d] - s[WINDOW + d] + 1;
        first[d] = reach > 0 ? (reach + s[STEP + d] - 1) / s[STEP + d] : 0;
        last[d] = (own[d] + s[PAD + d]) / s[STEP + d];
        if (last[d] > s[YD + 2 + d] - 1) last[d] = s[YD + 2 + d] - 1;
    }
    REAL sum = 0;
    for (long oz = first[0]; oz <= last[0]; oz++)
        for (long oy = first[1]; oy <= last[1]; oy++)
            for (long ox = first[2]; ox <= last[2]; ox++) {
                const box b = window_at(oz, oy, ox, s);
                const REAL dy = LOAD_X(pdy, n * s[DYS] + c * s[DYS + 1] + oz * s[DYS + 2] + oy * s[DYS + 3] +
                                                ox * s[DYS + 4]);
                if (IS_MAX) {
                    highest(mem, px, plane, b, s, &place);
                    sum += place == me ? dy : 0;
                } else sum += dy / divisor(b, s);
            }
    const long to = n * s[DXS] + c * s[DXS + 1] + z * s[DXS + 2] + y * s[DXS + 3] + x * s[DXS + 4];
    STORE_X(pdx, to, BLEND(sum, alpha, beta, LOAD_X, pdx, to));
#else
    const box b = window_at(z, y, x, s);
    REAL value = 0;
    if (IS_MAX) value = highest(mem, px, plane, b, s, &place);
    else if (volume(b)) {
        for (long iz = b.from[0]; iz < b.to[0]; iz++)
            for (long iy = b.from[1]; iy < b.to[1]; iy++)
                for (long ix = b.from[2]; ix < b.to[2]; ix++)
                    value += LOAD_X(px, plane + iz * s[XS + 2] + iy * s[XS + 3] + ix * s[XS + 4]);
        value /= divisor(b, s);
    }
    const long to = n * s[YS] + c * s[YS + 1] + z * s[YS + 2] + y * s[YS + 3] + x * s[YS + 4];
    STORE_X(py, to, BLEND(value, alpha, beta, LOAD_X, py, to));
#endif
}

#elif KIND == BATCHNORM
/* A row is a channel. s: rows, length, rank of rows, of a row; dims[8] of rows, their strides of x, y (or dy), dx, z (or
 * dz), out; the same of a row. */
enum { ADD_RELU = 2, X = 1, Y, DX, Z, OUT };

KERNEL(256, 1, 1) void batchnorm(GLOBAL uchar *mem, ulong px, ulong py, ulong pdx, ulong pz, ulong pout, ulong pscale,
                                 ulong pbias, ulong pmean, ulong pvar, ulong pdscale, ulong pdbias, ulong prmean,
                                 ulong prvar, REAL alpha, REAL beta, REAL alpha_param, REAL beta_param, REAL epsilon,
                                 REAL factor, GLOBAL const long *s) {
    ROOM;
    const int t = ITEM(0), rank = (int)s[2], row_rank = (int)s[3];
    const long row = ROW, length = s[1];
    LEAVE_WITHOUT_ROW;
    GLOBAL const long *dims = s + 4, *row_dims = dims + 6 * MAX_RANK;
#define AT(which, i)                                                                                            \
    (offset(row, rank, dims, dims + which * MAX_RANK) + offset(i, row_rank, row_dims, row_dims + which * MAX_RANK))
    const REAL scale = LOAD_P(pscale, row);
    REAL mean, invstd, var = 0;
#if INFERENCE
    mean = LOAD_P(pmean, row);
    invstd = (REAL)1 / m_sqrt((REAL)LOAD_P(pvar, row) + epsilon);
#else
    if (BACKWARD && pmean) {
        mean = LOAD_P(pmean, row);
        invstd = LOAD_P(pvar, row);
    } else {
        const REAL pivot = LOAD_X(px, AT(X, 0)); /* what all values have in common is not added up */
        REAL sum = 0;
        for (long i = LANE; i < length; i += LANES) sum += (REAL)LOAD_X(px, AT(X, i)) - pivot;
        mean = pivot + row_sum(sum, room, t) / (REAL)length;
        sum = 0;
        for (long i = LANE; i < length; i += LANES) {
            const REAL d = (REAL)LOAD_X(px, AT(X, i)) - mean;
            sum += d * d;
        }
        var = row_sum(sum, room, t) / (REAL)length;
        invstd = (REAL)1 / m_sqrt(var + epsilon);
    }
#endif
#if BACKWARD
    REAL dbias = 0, dscale = 0;
    for (long i = LANE; i < length; i += LANES) {
        REAL dy = LOAD_X(py, AT(Y, i));
        if (FUSE && !((REAL)LOAD_X(pout, AT(OUT, i)) > 0)) dy = 0;
        dbias += dy;
        dscale += dy * ((REAL)LOAD_X(px, AT(X, i)) - mean) * invstd;
    }
    dbias = row_sum(dbias, room, t), dscale = row_sum(dscale, room, t);
    for (long i = LANE; i < length; i += LANES) {
        REAL dy = LOAD_X(py, AT(Y, i));
        if (FUSE && !((REAL)LOAD_X(pout, AT(OUT, i)) > 0)) dy = 0;
        const REAL normal = ((REAL)LOAD_X(px, AT(X, i)) - mean) * invstd;
        const REAL dx = scale * invstd * (dy - dbias / (REAL)length - normal * dscale / (REAL)length);
        STORE_X(pdx, AT(DX, i), BLEND(dx, alpha, beta, LOAD_X, pdx, AT(DX, i)));
        if (FUSE == ADD_RELU) STORE_X(pz, AT(Z, i), dy);
    }
    if (LANE == 0) {
        STORE_P(pdscale, row, BLEND(dscale, alpha_param, beta_param, LOAD_P, pdscale, row));
        STORE_P(pdbias, row, BLEND(dbias, alpha_param, beta_param, LOAD_P, pdbias, row));
    }
#else
    const REAL bias = LOAD_P(pbias, row);
    for (long i = LANE; i < length; i += LANES) {
        REAL v = scale * ((REAL)LOAD_X(px, AT(X, i)) - mean) * invstd + bias;
        v = BLEND(v, alpha, beta, LOAD_X, py, AT(Y, i));
        if (FUSE == ADD_RELU) v += (REAL)LOAD_X(pz, AT(Z, i));
        if (FUSE) v = v < 0 ? 0 : v;
        STORE_X(py, AT(Y, i), v);
    }
    if (!INFERENCE && LANE == 0) {
        if (prmean) {
            const REAL unbiased = var * (REAL)length / (REAL)(length > 1 ? length - 1 : 1);
            STORE_P(prmean, row, (1 - factor) * (REAL)LOAD_P(prmean, row) + factor * mean);
            STORE_P(prvar, row, (1 - factor) * (REAL)LOAD_P(prvar, row) + factor * unbiased);
        }
        if (pmean) {
            STORE_P(pmean, row, mean);
            STORE_P(pvar, row, invstd);
        }
    }
#endif
}
#endif
