/* Softmax of PyTorch's SoftMax.cu, along the last dimension: see struct maf_rows in override.h. */

#include "override_rows.h"

#include <string.h>

struct softmax_forward {
    uint64_t output, input;
    int64_t n; /* 4 bytes of it in some kernels */
};

struct softmax_backward {
    uint64_t grad_input, output, grad; /* softmax: the gradient times the output */
    int64_t n;
};

TARGETS static float sum_of_exponentials(const float *x, float high, int64_t n)
{
    float sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += exp_f32(x[i] - high);
    return sum;
}

TARGETS static void subtract(float *y, const float *x, float a, int64_t n)
{
#pragma GCC ivdep
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] - a;
}

static void softmax_forward_rows(const struct rows *r, uint64_t begin, uint64_t end, float *scratch)
{
    const struct softmax_forward *p = r->params;
    for (uint64_t row = begin; row < end; row++) {
        const float *x = maf_rows_read(r, r->o->in, p->input, row, scratch);
        float *y = maf_rows_output(r, p->output, row, scratch), high = maf_row_maximum(x, r->n);
        double sum = 0;
        if (r->o->logarithm) {
            FOR_BLOCKS(i, m, r->n) sum += sum_of_exponentials(x + i, high, m);
            subtract(y, x, high + (float)log(sum), r->n);
        } else {
            FOR_BLOCKS(i, m, r->n) sum += maf_row_exponentials(y + i, x + i, high, m);
            maf_row_scale(y, (float)(1 / sum), r->n);
        }
        maf_rows_write(r, p->output, row, y);
    }
}

/* x = g - sum y, or g - sum e^y */
TARGETS static void softmax_gradient(float *x, const float *y, const float *g, int logarithm, float sum, int64_t n)
{
    if (logarithm)
#pragma GCC ivdep
        for (int64_t i = 0; i < n; i++)
            x[i] = g[i] - sum * exp_f32(y[i]);
    else
#pragma GCC ivdep
        for (int64_t i = 0; i < n; i++)
            x[i] = g[i] - sum * y[i];
}

static void softmax_backward_rows(const struct rows *r, uint64_t begin, uint64_t end, float *scratch)
{
    const struct softmax_backward *p = r->params;
    for (uint64_t row = begin; row < end; row++) {
        const float *y = maf_rows_read(r, r->o->in, p->output, row, scratch);
        const float *g = maf_rows_read(r, r->o->in, p->grad, row, scratch + r->n);
        float *x = maf_rows_output(r, p->grad_input, row, scratch);
        double sum = 0;
        FOR_BLOCKS(i, m, r->n) sum += maf_row_sum(g + i, m);
        softmax_gradient(x, y, g, (int)r->o->logarithm, (float)sum, r->n);
        maf_rows_write(r, p->grad_input, row, x);
    }
}

int maf_override_softmax_forward(const void *closure, const uint32_t grid[3], const void *params)
{
    const struct maf_rows *o = closure;
    struct softmax_forward p = {0};
    memcpy(&p, params, 16 + (size_t)o->count_bytes);
    struct rows r = {.o = o, .n = p.n, .buffers = 1, .task = softmax_forward_rows, .params = &p};
    return maf_rows_launch(&r, grid);
}

int maf_override_softmax_backward(const void *closure, const uint32_t grid[3], const void *params)
{
    const struct maf_rows *o = closure;
    struct softmax_backward p = {0};
    memcpy(&p, params, 24 + (size_t)o->count_bytes);
    struct rows r = {.o = o, .n = p.n, .buffers = 2, .task = softmax_backward_rows, .params = &p};
    return maf_rows_launch(&r, grid);
}
