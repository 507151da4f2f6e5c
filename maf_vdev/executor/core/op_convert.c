/* See op_convert.h. All loops run over spans of contiguous elements so that the compiler vectorises them;
 * TARGETS builds each hot loop for the wider vector units as well. */

#pragma GCC optimize("O3,no-trapping-math,no-math-errno")

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "protocol.h"

#include "op_convert.h"
#include "op_gemm.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define TARGETS __attribute__((target_clones("default", "arch=haswell", "arch=skylake-avx512")))
#else
#define TARGETS
#endif

enum { SPAN = 512, CUDA_NOT_SUPPORTED = 801 };

int64_t maf_type_bytes(int64_t type)
{
    static const uint8_t bytes[] = {
        [MAF_F32] = 4, [MAF_F64] = 8, [MAF_F16] = 2, [MAF_BF16] = 2, [MAF_C64] = 8,
        [MAF_C128] = 16, [MAF_I8] = 1, [MAF_I32] = 4, [MAF_U8] = 1, [MAF_I64] = 8,
    };
    return type >= 0 && type < (int64_t)sizeof bytes ? bytes[type] : 0;
}

static inline float from_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}

static inline uint32_t to_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

/* Half to float: the multiplication moves the exponent's bias and normalises subnormals. */
static inline float half_to_float(uint16_t h)
{
    uint32_t magnitude = (uint32_t)(h & 0x7fff) << 13;
    uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    uint32_t finite = to_bits(from_bits(magnitude) * 0x1p112f);
    uint32_t special = magnitude | 0x7f800000; /* infinity or NaN */
    return from_bits(((h & 0x7c00) == 0x7c00 ? special : finite) | sign);
}

/* Round to nearest even. Adding a power of two whose last place is the half's last place does the rounding. */
static inline uint16_t float_to_half(float f)
{
    uint32_t u = to_bits(f), sign = u >> 16 & 0x8000, a = u & 0x7fffffff;
    uint32_t exponent = a >> 23 < 113 ? 113 : a >> 23; /* 113 = exponent of the smallest normal half */
    float magic = from_bits((exponent + 13) << 23);
    uint32_t sum = to_bits(from_bits(a) + magic);
    uint32_t normal = ((exponent - 113) << 10) + (sum - to_bits(magic));
    uint32_t big = a > 0x7f800000 ? 0x7e00 : 0x7c00; /* 65520 and more round to infinity */
    return (uint16_t)((a >= 0x477ff000 ? big : normal) | sign);
}

static inline float bf16_to_float(uint16_t h)
{
    return from_bits((uint32_t)h << 16);
}

static inline uint16_t float_to_bf16(float f)
{
    uint32_t u = to_bits(f);
    uint32_t rounded = u + 0x7fff + (u >> 16 & 1);
    return (uint16_t)((u & 0x7fffffff) > 0x7f800000 ? (u >> 16 | 0x40) : rounded >> 16);
}

static inline int8_t double_to_i8(double v)
{
    double r = nearbyint(v);
    return (int8_t)(r > 127 ? 127 : r < -128 ? -128 : r);
}

/* Integer accumulators wrap. */
static inline int32_t double_to_i32(double v)
{
    return (int32_t)(uint32_t)(int64_t)nearbyint(v);
}

#define LOAD_LOOP(from, expression)                                                                                    \
    do {                                                                                                               \
        const from *s = src;                                                                                           \
        if (step == 1) {                                                                                               \
            for (int64_t i = 0; i < count; i++) {                                                                      \
                from x = s[i];                                                                                         \
                dst[i] = (expression);                                                                                 \
            }                                                                                                          \
        } else {                                                                                                       \
            for (int64_t i = 0; i < count; i++) {                                                                      \
                from x = s[i * step];                                                                                  \
                dst[i] = (expression);                                                                                 \
            }                                                                                                          \
        }                                                                                                              \
    } while (0)

/* dst[0..count) = src[0, step, 2*step, ...) */
TARGETS static void load_floats(float *dst, int64_t type, const void *src, int64_t step, int64_t count)
{
    switch (type) {
    case MAF_F32:
        LOAD_LOOP(float, x);
        break;
    case MAF_F16:
        LOAD_LOOP(uint16_t, half_to_float(x));
        break;
    case MAF_BF16:
        LOAD_LOOP(uint16_t, bf16_to_float(x));
        break;
    case MAF_I8:
        LOAD_LOOP(int8_t, x);
        break;
    case MAF_U8:
        LOAD_LOOP(uint8_t, x);
        break;
    case MAF_I32:
        LOAD_LOOP(int32_t, (float)x);
        break;
    default:
        LOAD_LOOP(double, (float)x);
    }
}

TARGETS static void load_doubles(double *dst, int64_t type, const void *src, int64_t step, int64_t count)
{
    switch (type) {
    case MAF_F32:
        LOAD_LOOP(float, x);
        break;
    case MAF_F16:
        LOAD_LOOP(uint16_t, half_to_float(x));
        break;
    case MAF_BF16:
        LOAD_LOOP(uint16_t, bf16_to_float(x));
        break;
    case MAF_I8:
        LOAD_LOOP(int8_t, x);
        break;
    case MAF_U8:
        LOAD_LOOP(uint8_t, x);
        break;
    case MAF_I32:
        LOAD_LOOP(int32_t, x);
        break;
    default:
        LOAD_LOOP(double, x);
    }
}

#define STORE_LOOP(to, expression)                                                                                     \
    do {                                                                                                               \
        to *d = dst;                                                                                                   \
        if (step == 1) {                                                                                               \
            for (int64_t i = 0; i < count; i++) {                                                                      \
                d[i] = (expression);                                                                                   \
            }                                                                                                          \
        } else {                                                                                                       \
            for (int64_t i = 0; i < count; i++) {                                                                      \
                d[i * step] = (expression);                                                                            \
            }                                                                                                          \
        }                                                                                                              \
    } while (0)

TARGETS static void store_floats(int64_t type, void *dst, int64_t step, const float *src, int64_t count)
{
    switch (type) {
    case MAF_F32:
        STORE_LOOP(float, src[i]);
        break;
    case MAF_F16:
        STORE_LOOP(uint16_t, float_to_half(src[i]));
        break;
    case MAF_BF16:
        STORE_LOOP(uint16_t, float_to_bf16(src[i]));
        break;
    case MAF_I8:
        STORE_LOOP(int8_t, double_to_i8(src[i]));
        break;
    case MAF_I32:
        STORE_LOOP(int32_t, double_to_i32(src[i]));
        break;
    default:
        STORE_LOOP(double, src[i]);
    }
}

TARGETS static void store_doubles(int64_t type, void *dst, int64_t step, const double *src, int64_t count)
{
    switch (type) {
    case MAF_F32:
        STORE_LOOP(float, (float)src[i]);
        break;
    case MAF_I8:
        STORE_LOOP(int8_t, double_to_i8(src[i]));
        break;
    case MAF_I32:
        STORE_LOOP(int32_t, double_to_i32(src[i]));
        break;
    default:
        STORE_LOOP(double, src[i]);
    }
}

void maf_load_scalar(int64_t type, const void *p, double value[2])
{
    value[1] = 0;
    if (type == MAF_C64) {
        value[0] = ((const float *)p)[0];
        value[1] = ((const float *)p)[1];
    } else if (type == MAF_C128) {
        memcpy(value, p, 16);
    } else {
        load_doubles(value, type, p, 1, 1);
    }
}

static void copy_elements(char *dst, int64_t dst_step, const char *src, int64_t src_step, int64_t bytes, int64_t count)
{
    if (dst_step == 1 && src_step == 1) {
        memcpy(dst, src, (size_t)(count * bytes));
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        memcpy(dst + i * dst_step * bytes, src + i * src_step * bytes, (size_t)bytes);
    }
}

/* One line of elements between any two real types, through the wider of float and double. */
static void convert_elements(int64_t to, char *dst, int64_t dst_step, int64_t from, const char *src, int64_t src_step,
                             int64_t count)
{
    int64_t to_bytes = maf_type_bytes(to), from_bytes = maf_type_bytes(from);
    if (to == from) {
        copy_elements(dst, dst_step, src, src_step, to_bytes, count);
        return;
    }
    if (to == MAF_F32 && dst_step == 1) {
        load_floats((float *)dst, from, src, src_step, count);
        return;
    }
    int wide = to == MAF_F64 || to == MAF_I32 || from == MAF_I32;
    for (int64_t i = 0; i < count; i += SPAN) {
        int64_t span = count - i < SPAN ? count - i : SPAN;
        if (wide) {
            double line[SPAN];
            load_doubles(line, from, src + i * src_step * from_bytes, src_step, span);
            store_doubles(to, dst + i * dst_step * to_bytes, dst_step, line, span);
        } else {
            float line[SPAN];
            load_floats(line, from, src + i * src_step * from_bytes, src_step, span);
            store_floats(to, dst + i * dst_step * to_bytes, dst_step, line, span);
        }
    }
}

void maf_copy_strided(int64_t type_d, void *d, int64_t row_d, int64_t col_d, int64_t type_c, const void *c, int64_t row_c,
                      int64_t col_c, int64_t rows, int64_t cols)
{
    int64_t d_bytes = maf_type_bytes(type_d), c_bytes = maf_type_bytes(type_c);
    if (rows == 1 && cols > 1) { /* one long line rather than many of one element */
        convert_elements(type_d, d, col_d, type_c, c, col_c, cols);
        return;
    }
    for (int64_t j = 0; j < cols; j++) {
        convert_elements(type_d, (char *)d + j * col_d * d_bytes, row_d, type_c, (const char *)c + j * col_c * c_bytes,
                         row_c, rows);
    }
}

void maf_convert_matrix(int64_t compute, void *dst, int64_t type, const void *src, int64_t rows, int64_t cols, int64_t ld)
{
    if (ld == rows) {
        convert_elements(compute, dst, 1, type, src, 1, rows * cols);
        return;
    }
    maf_copy_strided(compute, dst, 1, rows, type, src, 1, ld, rows, cols);
}

void maf_scale_matrix(int64_t type, void *d, int64_t rows, int64_t cols, int64_t ld, const double factor[2])
{
    int64_t bytes = maf_type_bytes(type);
    int zero = factor[0] == 0 && factor[1] == 0;
    for (int64_t j = 0; j < cols; j++) {
        char *column = (char *)d + j * ld * bytes;
        if (zero) {
            memset(column, 0, (size_t)(rows * bytes));
            continue;
        }
        switch (type) {
        case MAF_F32:
            for (int64_t i = 0; i < rows; i++) {
                ((float *)column)[i] *= (float)factor[0];
            }
            break;
        case MAF_F64:
            for (int64_t i = 0; i < rows; i++) {
                ((double *)column)[i] *= factor[0];
            }
            break;
        case MAF_C64:
            for (int64_t i = 0; i < rows; i++) {
                float *v = (float *)column + 2 * i, re = v[0], im = v[1];
                v[0] = re * (float)factor[0] - im * (float)factor[1];
                v[1] = re * (float)factor[1] + im * (float)factor[0];
            }
            break;
        default:
            for (int64_t i = 0; i < rows; i++) {
                double *v = (double *)column + 2 * i, re = v[0], im = v[1];
                v[0] = re * factor[0] - im * factor[1];
                v[1] = re * factor[1] + im * factor[0];
            }
        }
    }
}

void maf_sum_matrix(int64_t type_out, void *out, int64_t type, const void *x, int64_t rows, int64_t cols, int64_t ld,
                    int over_columns)
{
    int64_t bytes = maf_type_bytes(type), out_bytes = maf_type_bytes(type_out);
    double line[SPAN], total[SPAN];
    if (!over_columns) {
        for (int64_t j = 0; j < cols; j++) {
            double sum = 0;
            for (int64_t i = 0; i < rows; i += SPAN) {
                int64_t span = rows - i < SPAN ? rows - i : SPAN;
                load_doubles(line, type, (const char *)x + (j * ld + i) * bytes, 1, span);
                for (int64_t r = 0; r < span; r++) {
                    sum += line[r];
                }
            }
            convert_elements(type_out, (char *)out + j * out_bytes, 1, MAF_F64, (const char *)&sum, 1, 1);
        }
        return;
    }
    for (int64_t i = 0; i < rows; i += SPAN) {
        int64_t span = rows - i < SPAN ? rows - i : SPAN;
        memset(total, 0, sizeof total);
        for (int64_t j = 0; j < cols; j++) {
            load_doubles(line, type, (const char *)x + (j * ld + i) * bytes, 1, span);
            for (int64_t r = 0; r < span; r++) {
                total[r] += line[r];
            }
        }
        convert_elements(type_out, (char *)out + i * out_bytes, 1, MAF_F64, (const char *)total, 1, span);
    }
}

/* exp without a library call, so that the loop around it vectorises: 2^k * p(r), |r| <= ln2/2; about 1 ulp. */
static inline float fast_exp(float x)
{
    x = x > 88.7f ? 88.7f : x < -87.3f ? -87.3f : x;
    float k = x * 1.44269504f + 0x1.8p23f; /* the addition rounds to an integer in the low bits */
    uint32_t bits = to_bits(k);
    k -= 0x1.8p23f;
    float r = x - k * 0.693145752f - k * 1.42860677e-6f;
    float p = 1.98756915e-4f;
    p = p * r + 1.39819995e-3f;
    p = p * r + 8.33345170e-3f;
    p = p * r + 4.16657960e-2f;
    p = p * r + 1.66666655e-1f;
    p = p * r + 0.5f;
    p = p * r * r + r + 1.0f;
    return p * from_bits((bits << 23) + 0x3f800000);
}

#define GELU_SCALE 0.7978845608028654 /* sqrt(2 / pi) */
#define GELU_CUBE 0.044715

/* The tanh approximation: x * (1 + tanh u) / 2 = x / (1 + exp(-2u)). */
TARGETS static void gelu_floats(float *x, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        float v = x[i], u = (float)GELU_SCALE * (v + (float)GELU_CUBE * v * v * v);
        x[i] = v / (1.0f + fast_exp(-2.0f * u));
    }
}

TARGETS static void gelu_gradient_floats(float *gradient, const float *x, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        float v = x[i], u = (float)GELU_SCALE * (v + (float)GELU_CUBE * v * v * v);
        float du = (float)GELU_SCALE * (1.0f + 3.0f * (float)GELU_CUBE * v * v);
        float s = 1.0f / (1.0f + fast_exp(-2.0f * u));
        gradient[i] *= s + 2.0f * v * s * (1.0f - s) * du;
    }
}

static void gelu_doubles(double *x, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        double v = x[i];
        x[i] = 0.5 * v * (1 + tanh(GELU_SCALE * (v + GELU_CUBE * v * v * v)));
    }
}

static void gelu_gradient_doubles(double *gradient, const double *x, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        double v = x[i], t = tanh(GELU_SCALE * (v + GELU_CUBE * v * v * v));
        double du = GELU_SCALE * (1 + 3 * GELU_CUBE * v * v);
        gradient[i] *= 0.5 * (1 + t) + 0.5 * v * (1 - t * t) * du;
    }
}

static void put_bit(uint8_t *mask, int64_t bit, int value)
{
    uint8_t one = (uint8_t)(1u << (bit & 7));
    mask[bit >> 3] = (uint8_t)(value ? mask[bit >> 3] | one : mask[bit >> 3] & ~one);
}

static int get_bit(const uint8_t *mask, int64_t bit)
{
    return mask[bit >> 3] >> (bit & 7) & 1;
}

/* The span [i, i + span) of column j, for T = float and T = double. `gradient` collects BGRAD. */
#define DEFINE_FINISH(T, NAME, TYPE)                                                                                   \
    TARGETS static void add_##NAME(T *x, const T *y, T factor, int64_t count)                                          \
    {                                                                                                                  \
        for (int64_t i = 0; i < count; i++) {                                                                          \
            x[i] += factor * y[i];                                                                                     \
        }                                                                                                              \
    }                                                                                                                  \
    TARGETS static void add_product_##NAME(T *x, const T *y, const T *z, int64_t count)                                \
    {                                                                                                                  \
        for (int64_t i = 0; i < count; i++) {                                                                          \
            x[i] += y[i] * z[i];                                                                                       \
        }                                                                                                              \
    }                                                                                                                  \
    TARGETS static void relu_##NAME(T *x, int64_t count)                                                               \
    {                                                                                                                  \
        for (int64_t i = 0; i < count; i++) {                                                                          \
            x[i] = x[i] <= 0 ? 0 : x[i]; /* keeps NaN */                                                               \
        }                                                                                                              \
    }                                                                                                                  \
    /* A vector's values for this span: one per row, or the column's one value repeated. */                           \
    static void spread_##NAME(T *dst, int64_t type, const void *vector, int along, int64_t i, int64_t j, int64_t span) \
    {                                                                                                                  \
        const char *p = (const char *)vector + (along ? j : i) * maf_type_bytes(type);                                 \
        load_##NAME(dst, type, p, along ? 0 : 1, span);                                                                \
    }                                                                                                                  \
    static void finish_##NAME(const struct maf_finish *f, int64_t i, int64_t j, int64_t span, double *gradient)        \
    {                                                                                                                  \
        T x[SPAN], y[SPAN], z[SPAN];                                                                                   \
        int64_t e = f->epilogue, bit = f->first_bit + j * f->ld_aux + i;                                               \
        memcpy(x, (const T *)f->acc + j * f->ld_acc + i, (size_t)span * sizeof(T));                                    \
        if (f->alpha_vector) {                                                                                         \
            spread_##NAME(y, f->type_scale, f->alpha_vector, f->along_columns, i, j, span);                            \
            for (int64_t r = 0; r < span; r++) {                                                                       \
                x[r] *= y[r];                                                                                          \
            }                                                                                                          \
        }                                                                                                              \
        if (f->c) {                                                                                                    \
            const char *c = (const char *)f->c + (i * f->row_c + j * f->col_c) * maf_type_bytes(f->type_c);            \
            load_##NAME(y, f->type_c, c, f->row_c, span);                                                              \
            if (f->beta_vector) {                                                                                      \
                spread_##NAME(z, f->type_scale, f->beta_vector, f->along_columns, i, j, span);                         \
                add_product_##NAME(x, y, z, span);                                                                     \
            } else {                                                                                                   \
                add_##NAME(x, y, (T)f->beta[0], span);                                                                 \
            }                                                                                                          \
        }                                                                                                              \
        if (e & MAF_EPILOGUE_BIAS) {                                                                                   \
            spread_##NAME(y, f->type_bias, f->bias, f->along_columns, i, j, span);                                     \
            add_##NAME(x, y, 1, span);                                                                                 \
        }                                                                                                              \
        if (e & MAF_EPILOGUE_RELU) {                                                                                   \
            if (e & MAF_EPILOGUE_AUX) {                                                                                \
                for (int64_t r = 0; r < span; r++) {                                                                   \
                    put_bit(f->aux, bit + r, x[r] > 0);                                                                \
                }                                                                                                      \
            }                                                                                                          \
            relu_##NAME(x, span);                                                                                      \
        }                                                                                                              \
        char *aux = (char *)f->aux + bit * maf_type_bytes(f->type_aux);                                                \
        if (e & MAF_EPILOGUE_GELU) {                                                                                   \
            if (e & MAF_EPILOGUE_AUX) {                                                                                \
                store_##NAME(f->type_aux, aux, 1, x, span);                                                            \
            }                                                                                                          \
            gelu_##NAME(x, span);                                                                                      \
        }                                                                                                              \
        if (e & MAF_EPILOGUE_DRELU) {                                                                                  \
            for (int64_t r = 0; r < span; r++) {                                                                       \
                x[r] = get_bit(f->aux, bit + r) ? x[r] : 0;                                                            \
            }                                                                                                          \
        }                                                                                                              \
        if (e & MAF_EPILOGUE_DGELU) {                                                                                  \
            load_##NAME(y, f->type_aux, aux, 1, span);                                                                 \
            gelu_gradient_##NAME(x, y, span);                                                                          \
        }                                                                                                              \
        if (e & MAF_EPILOGUE_BGRAD) {                                                                                  \
            for (int64_t r = 0; r < span; r++) {                                                                       \
                gradient[f->along_columns ? 0 : r] += x[r];                                                            \
            }                                                                                                          \
        }                                                                                                              \
        store_##NAME(f->type_d, (char *)f->d + (j * f->ldd + i) * maf_type_bytes(f->type_d), 1, x, span);              \
    }

DEFINE_FINISH(float, floats, MAF_F32)
DEFINE_FINISH(double, doubles, MAF_F64)

/* C64 and C128: only C, alpha and beta vectors and the bias. */
static void finish_complex(const struct maf_finish *f)
{
    int64_t bytes = maf_type_bytes(f->compute);
    for (int64_t j = 0; j < f->n; j++) {
        for (int64_t i = 0; i < f->m; i++) {
            double x[2], y[2], z[2];
            int64_t index = f->along_columns ? j : i;
            maf_load_scalar(f->compute, (const char *)f->acc + (j * f->ld_acc + i) * bytes, x);
            if (f->alpha_vector) {
                maf_load_scalar(f->type_scale, (const char *)f->alpha_vector + index * maf_type_bytes(f->type_scale), y);
                z[0] = x[0] * y[0] - x[1] * y[1];
                x[1] = x[0] * y[1] + x[1] * y[0];
                x[0] = z[0];
            }
            if (f->c) {
                memcpy(z, f->beta, sizeof z);
                if (f->beta_vector) {
                    maf_load_scalar(f->type_scale, (const char *)f->beta_vector + index * maf_type_bytes(f->type_scale), z);
                }
                maf_load_scalar(f->type_c, (const char *)f->c + (i * f->row_c + j * f->col_c) * maf_type_bytes(f->type_c), y);
                x[0] += z[0] * y[0] - z[1] * y[1];
                x[1] += z[0] * y[1] + z[1] * y[0];
            }
            if (f->epilogue & MAF_EPILOGUE_BIAS) {
                maf_load_scalar(f->type_bias, (const char *)f->bias + index * maf_type_bytes(f->type_bias), y);
                x[0] += y[0];
                x[1] += y[1];
            }
            char *d = (char *)f->d + (j * f->ldd + i) * bytes;
            if (f->type_d == MAF_C64) {
                ((float *)d)[0] = (float)x[0];
                ((float *)d)[1] = (float)x[1];
            } else {
                memcpy(d, x, 16);
            }
        }
    }
}

static void *moved(const void *p, int64_t elements, int64_t type)
{
    return p ? (char *)(uintptr_t)p + elements * maf_type_bytes(type) : NULL;
}

void maf_finish_columns(struct maf_finish *f, int64_t begin, int64_t end)
{
    f->acc = moved(f->acc, begin * f->ld_acc, f->compute);
    f->d = moved(f->d, begin * f->ldd, f->type_d);
    f->c = moved(f->c, begin * f->col_c, f->type_c);
    if (f->along_columns) {
        f->bias = moved(f->bias, begin, f->type_bias);
        f->alpha_vector = moved(f->alpha_vector, begin, f->type_scale);
        f->beta_vector = moved(f->beta_vector, begin, f->type_scale);
    }
    if (f->epilogue & MAF_EPILOGUE_DRELU) {
        f->first_bit += begin * f->ld_aux;
    } else {
        f->aux = moved(f->aux, begin * f->ld_aux, f->type_aux);
    }
    f->n = end - begin;
}

int maf_finish_matrix(const struct maf_finish *f)
{
    if (f->compute == MAF_C64 || f->compute == MAF_C128) {
        if ((f->epilogue & ~MAF_EPILOGUE_BIAS) || f->type_d != f->compute) {
            return CUDA_NOT_SUPPORTED;
        }
        finish_complex(f);
        return 0;
    }
    void (*finish)(const struct maf_finish *, int64_t, int64_t, int64_t, double *) =
        f->compute == MAF_F64 ? finish_doubles : finish_floats;
    int64_t bias_bytes = maf_type_bytes(f->type_bias);
    double gradient[SPAN];
    if (f->along_columns || !(f->epilogue & MAF_EPILOGUE_BGRAD)) {
        for (int64_t j = 0; j < f->n; j++) {
            gradient[0] = 0;
            for (int64_t i = 0; i < f->m; i += SPAN) {
                finish(f, i, j, f->m - i < SPAN ? f->m - i : SPAN, gradient);
            }
            if (f->epilogue & MAF_EPILOGUE_BGRAD) {
                convert_elements(f->type_bias, (char *)f->bias + j * bias_bytes, 1, MAF_F64, (const char *)gradient, 1, 1);
            }
        }
        return 0;
    }
    for (int64_t i = 0; i < f->m; i += SPAN) {
        int64_t span = f->m - i < SPAN ? f->m - i : SPAN;
        memset(gradient, 0, sizeof gradient);
        for (int64_t j = 0; j < f->n; j++) {
            finish(f, i, j, span, gradient);
        }
        convert_elements(f->type_bias, (char *)f->bias + i * bias_bytes, 1, MAF_F64, (const char *)gradient, 1, span);
    }
    return 0;
}
