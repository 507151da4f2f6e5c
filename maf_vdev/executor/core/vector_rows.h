/* Arithmetic on rows of floats. Sums run in any order, so that they vectorise: here and in the rest of a file that
 * includes this. */
#ifndef MAF_VECTOR_ROWS_H
#define MAF_VECTOR_ROWS_H

#pragma GCC optimize("O3")
#pragma GCC optimize("associative-math", "no-signed-zeros", "no-trapping-math", "no-math-errno")

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "gemm_targets.h"
#include "vector_math.h"

/* Room for `count` floats, or NULL; free() gives it back. */
static inline float *row_floats(int64_t count)
{
    return aligned_alloc(64, ((size_t)count * sizeof(float) + 63) & ~(size_t)63);
}

/* The greatest element, -infinity where there is none. */
float maf_row_maximum(const float *x, int64_t n);

/* y = e^(x - high), and the sum. y may be x. */
float maf_row_exponentials(float *y, const float *x, float high, int64_t n);

void maf_row_scale(float *x, float factor, int64_t n);
float maf_row_sum(const float *x, int64_t n);

#endif
