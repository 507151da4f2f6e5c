/* See op_convert.h. Loops run over spans of contiguous elements so that the compiler vectorises them. */

#pragma GCC optimize("O3,no-trapping-math,no-math-errno")

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "protocol.h"

#include "gemm_targets.h"
#include "op_convert.h"

enum { SPAN = 512 };

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

TARGETS void maf_load_floats(float *dst, int64_t type, const void *src, int64_t step, int64_t count)
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

TARGETS void maf_load_doubles(double *dst, int64_t type, const void *src, int64_t step, int64_t count)
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

TARGETS void maf_store_floats(int64_t type, void *dst, int64_t step, const float *src, int64_t count)
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

TARGETS void maf_store_doubles(int64_t type, void *dst, int64_t step, const double *src, int64_t count)
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
        maf_load_doubles(value, type, p, 1, 1);
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
        maf_load_floats((float *)dst, from, src, src_step, count);
        return;
    }
    int wide = to == MAF_F64 || to == MAF_I32 || from == MAF_I32;
    for (int64_t i = 0; i < count; i += SPAN) {
        int64_t span = count - i < SPAN ? count - i : SPAN;
        if (wide) {
            double line[SPAN];
            maf_load_doubles(line, from, src + i * src_step * from_bytes, src_step, span);
            maf_store_doubles(to, dst + i * dst_step * to_bytes, dst_step, line, span);
        } else {
            float line[SPAN];
            maf_load_floats(line, from, src + i * src_step * from_bytes, src_step, span);
            maf_store_floats(to, dst + i * dst_step * to_bytes, dst_step, line, span);
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
                maf_load_doubles(line, type, (const char *)x + (j * ld + i) * bytes, 1, span);
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
            maf_load_doubles(line, type, (const char *)x + (j * ld + i) * bytes, 1, span);
            for (int64_t r = 0; r < span; r++) {
                total[r] += line[r];
            }
        }
        convert_elements(type_out, (char *)out + i * out_bytes, 1, MAF_F64, (const char *)total, 1, span);
    }
}
