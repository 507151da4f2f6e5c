/* See vector_rows.h. */

#include "vector_rows.h"

#include <string.h>

/* Floats are compared as integers of the same order, a positive NaN above all: a maximum of floats does not vectorise, for
 * the sake of NaN. */
TARGETS float maf_row_maximum(const float *x, int64_t n)
{
    const int32_t *bits = (const int32_t *)x;
    int32_t most = (int32_t)0x807fffff; /* -infinity */
    for (int64_t i = 0; i < n; i++) {
        int32_t ordered = bits[i] ^ (bits[i] >> 31 & INT32_MAX);
        most = ordered > most ? ordered : most;
    }
    most ^= most >> 31 & INT32_MAX;
    float result;
    memcpy(&result, &most, sizeof result);
    return result;
}

TARGETS float maf_row_exponentials(float *y, const float *x, float high, int64_t n)
{
    float sum = 0;
#pragma GCC ivdep
    for (int64_t i = 0; i < n; i++) {
        y[i] = exp_f32(x[i] - high);
        sum += y[i];
    }
    return sum;
}

TARGETS void maf_row_scale(float *x, float factor, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] *= factor;
}

TARGETS float maf_row_sum(const float *x, int64_t n)
{
    float sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}
