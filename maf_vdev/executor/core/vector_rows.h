/* Arithmetic on rows of floats. Sums run in any order, so that they vectorise: here and in the rest of a file that
 * includes this. */
#ifndef MAF_VECTOR_ROWS_H
#define MAF_VECTOR_ROWS_H

#pragma GCC optimize("O3")
#pragma GCC optimize("associative-math", "no-signed-zeros", "no-trapping-math", "no-math-errno")

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gemm_targets.h"
#include "vector_math.h"

/* Room for `count` floats, or NULL; free() gives it back. */
static inline float *floats(int64_t count)
{
    return aligned_alloc(64, ((size_t)count * sizeof(float) + 63) & ~(size_t)63);
}

/* The greatest element, a positive NaN above all. Compared as integers of the same order: a maximum of floats does not
 * vectorise, for the sake of NaN. */
TARGETS static float greatest(const float *x, int64_t n)
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

/* y = e^(x - high), and the sum. y may be x. */
TARGETS static float exponentials(float *y, const float *x, float high, int64_t n)
{
    float sum = 0;
#pragma GCC ivdep
    for (int64_t i = 0; i < n; i++) {
        y[i] = exp_f32(x[i] - high);
        sum += y[i];
    }
    return sum;
}

TARGETS static void scale_row(float *x, float factor, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] *= factor;
}

#endif
