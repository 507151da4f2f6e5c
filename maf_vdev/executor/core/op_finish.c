/* See op_finish.h. Each span of a column passes through one step after the other. */

#pragma GCC optimize("O3,no-trapping-math,no-math-errno")

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "protocol.h"

#include "gemm_targets.h"
#include "op_convert.h"
#include "op_finish.h"
#include "op_gemm.h"

enum { SPAN = 512, CUDA_NOT_SUPPORTED = 801 };

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

/* GELU is x * P(x) with P the normal distribution function, computed exactly: CPU PyTorch does so in the same
 * fused operations. NVIDIA's epilogue approximates P by tanh, up to 4.8e-4 away. */
#define HALF_SQRT 0.70710678118654752 /* sqrt(1 / 2) */
#define DENSITY 0.39894228040143268   /* 1 / sqrt(2 pi) */

/* P(-|x|) by Abramowitz and Stegun 7.1.26, absolute error 8e-8; g is exp(-x^2 / 2). */
static inline float normal_tail(float x, float g)
{
    float t = 1.0f / (1.0f + 0.3275911f * (float)HALF_SQRT * fabsf(x));
    float p = 1.061405429f;
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    return 0.5f * p * t * g;
}

TARGETS static void gelu_floats(float *x, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        float v = x[i], tail = normal_tail(v, fast_exp(-0.5f * v * v));
        x[i] = v * (v < 0 ? tail : 1.0f - tail);
    }
}

TARGETS static void gelu_gradient_floats(float *gradient, const float *x, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        float v = x[i], g = fast_exp(-0.5f * v * v), tail = normal_tail(v, g);
        gradient[i] *= (v < 0 ? tail : 1.0f - tail) + v * (float)DENSITY * g;
    }
}

static void gelu_doubles(double *x, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        x[i] *= 0.5 * erfc(-HALF_SQRT * x[i]);
}

static void gelu_gradient_doubles(double *gradient, const double *x, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        double v = x[i];
        gradient[i] *= 0.5 * erfc(-HALF_SQRT * v) + v * DENSITY * exp(-0.5 * v * v);
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
        maf_load_##NAME(dst, type, p, along ? 0 : 1, span);                                                                \
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
            maf_load_##NAME(y, f->type_c, c, f->row_c, span);                                                              \
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
                maf_store_##NAME(f->type_aux, aux, 1, x, span);                                                            \
            }                                                                                                          \
            gelu_##NAME(x, span);                                                                                      \
        }                                                                                                              \
        if (e & MAF_EPILOGUE_DRELU) {                                                                                  \
            for (int64_t r = 0; r < span; r++) {                                                                       \
                x[r] = get_bit(f->aux, bit + r) ? x[r] : 0;                                                            \
            }                                                                                                          \
        }                                                                                                              \
        if (e & MAF_EPILOGUE_DGELU) {                                                                                  \
            maf_load_##NAME(y, f->type_aux, aux, 1, span);                                                                 \
            gelu_gradient_##NAME(x, y, span);                                                                          \
        }                                                                                                              \
        if (e & MAF_EPILOGUE_BGRAD) {                                                                                  \
            for (int64_t r = 0; r < span; r++) {                                                                       \
                gradient[f->along_columns ? 0 : r] += x[r];                                                            \
            }                                                                                                          \
        }                                                                                                              \
        maf_store_##NAME(f->type_d, (char *)f->d + (j * f->ldd + i) * maf_type_bytes(f->type_d), 1, x, span);              \
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
                maf_copy_strided(f->type_bias, (char *)f->bias + j * bias_bytes, 1, 1, MAF_F64, gradient, 1, 1, 1, 1);
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
        maf_copy_strided(f->type_bias, (char *)f->bias + i * bias_bytes, 1, span, MAF_F64, gradient, 1, span, span, 1);
    }
    return 0;
}
