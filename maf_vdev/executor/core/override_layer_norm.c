/* Layer norm of PyTorch's layer_norm_kernel.cu: see struct maf_rows in override.h. */

#include "override_rows.h"

#include <stddef.h>
#include <string.h>

enum { WIDTH = 128 }; /* columns that a task of the weights' gradients takes */

struct layer_norm_forward {
    int32_t n;
    float epsilon;
    uint64_t x, gamma, beta, mean, rstd, y;
};

struct layer_norm_backward {
    uint64_t grad_output, x, mean, rstd, gamma, grad_input;
    int32_t n;
};

struct layer_norm_weights {
    int64_t rows, n;
    uint64_t grad_output, x, mean, rstd, gamma, beta;
    int64_t parts; /* no parameter */
};

TARGETS static float sum_of_squares(const float *x, float mean, int64_t n)
{
    float sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return sum;
}

static float mean_of(const float *x, int64_t n)
{
    double sum = 0;
    FOR_BLOCKS(i, m, n) sum += maf_row_sum(x + i, m);
    return (float)(sum / (double)n);
}

static float mean_of_squares(const float *x, float mean, int64_t n)
{
    double sum = 0;
    FOR_BLOCKS(i, m, n) sum += sum_of_squares(x + i, mean, m);
    return (float)(sum / (double)n);
}

/* y = (x - mean) rstd gamma + beta */
TARGETS static void normalise(float *y, const float *x, float mean, float rstd, const float *gamma, const float *beta, int64_t n)
{
#pragma GCC ivdep
    for (int64_t i = 0; i < n; i++)
        y[i] = (x[i] - mean) * rstd * gamma[i] + beta[i];
}

/* A vector of the row's length that may be absent: then all its elements are `value`. */
static const float *read_vector(const struct rows *r, uint64_t base, float value, float *buffer)
{
    if (base)
        return maf_rows_read(r, r->o->in, base, 0, buffer);
    for (int64_t i = 0; i < r->n; i++)
        buffer[i] = value;
    return buffer;
}

static void layer_norm_forward_rows(const struct rows *r, uint64_t begin, uint64_t end, float *scratch)
{
    const struct layer_norm_forward *p = r->params;
    int rms = (int)r->o->mean_of_squares;
    const float *gamma = read_vector(r, p->gamma, 1, scratch + r->n);
    const float *beta = read_vector(r, rms ? 0 : p->beta, 0, scratch + 2 * r->n);
    for (uint64_t row = begin; row < end; row++) {
        const float *x = maf_rows_read(r, r->o->in, p->x, row, scratch);
        float *y = maf_rows_output(r, p->y, row, scratch);
        float mean = rms ? 0 : mean_of(x, r->n), rstd = 1 / sqrtf(mean_of_squares(x, mean, r->n) + p->epsilon);
        normalise(y, x, mean, rstd, gamma, beta, r->n);
        maf_rows_write(r, p->y, row, y);
        if (!rms)
            ((float *)p->mean)[row] = mean;
        ((float *)p->rstd)[row] = rstd;
    }
}

/* The sums of gamma g and of gamma g (x - mean) rstd. */
TARGETS static void gradient_sums(const float *x, const float *g, const float *gamma, float mean, float rstd, int64_t n,
                                  float sums[2])
{
    float a = 0, b = 0;
    for (int64_t i = 0; i < n; i++) {
        a += gamma[i] * g[i];
        b += gamma[i] * g[i] * ((x[i] - mean) * rstd);
    }
    sums[0] = a, sums[1] = b;
}

/* out = rstd (gamma g - a - (x - mean) rstd b) */
TARGETS static void input_gradient(float *out, const float *x, const float *g, const float *gamma, float mean, float rstd,
                                   float a, float b, int64_t n)
{
#pragma GCC ivdep
    for (int64_t i = 0; i < n; i++)
        out[i] = rstd * (gamma[i] * g[i] - a - (x[i] - mean) * rstd * b);
}

static void layer_norm_backward_rows(const struct rows *r, uint64_t begin, uint64_t end, float *scratch)
{
    const struct layer_norm_backward *p = r->params;
    int rms = (int)r->o->mean_of_squares;
    const float *gamma = read_vector(r, p->gamma, 1, scratch + 2 * r->n);
    for (uint64_t row = begin; row < end; row++) {
        const float *x = maf_rows_read(r, r->o->in, p->x, row, scratch);
        const float *g = maf_rows_read(r, r->o->in, p->grad_output, row, scratch + r->n);
        float *out = maf_rows_output(r, p->grad_input, row, scratch);
        float mean = rms ? 0 : ((const float *)p->mean)[row], rstd = ((const float *)p->rstd)[row];
        double sums[2] = {0, 0};
        FOR_BLOCKS(i, m, r->n) {
            float part[2];
            gradient_sums(x + i, g + i, gamma + i, mean, rstd, m, part);
            sums[0] += part[0], sums[1] += part[1];
        }
        float a = rms ? 0 : (float)(sums[0] / (double)r->n), b = (float)(sums[1] / (double)r->n);
        input_gradient(out, x, g, gamma, mean, rstd, a, b, r->n);
        maf_rows_write(r, p->grad_input, row, out);
    }
}

/* gamma[j] += g (x - mean) rstd, beta[j] += g */
TARGETS static void weight_gradients(float *gamma, float *beta, const float *x, const float *g, float mean, float rstd,
                                     int64_t n)
{
    for (int64_t j = 0; j < n; j++) {
        gamma[j] += g[j] * ((x[j] - mean) * rstd);
        beta[j] += g[j];
    }
}

/* The gradients of gamma and beta from all rows in [first, last) and WIDTH columns or fewer, to row `part` of the outputs. */
static void weight_gradient_block(const struct rows *r, int64_t first, int64_t last, int64_t column, int64_t part)
{
    const struct layer_norm_weights *p = r->params;
    int64_t type = r->o->in, width = r->n - column < WIDTH ? r->n - column : WIDTH, bytes = maf_type_bytes(type);
    float x[WIDTH], g[WIDTH], sums[2][WIDTH];
    double totals[2][WIDTH] = {{0}};
    for (int64_t row = first; row < last;) {
        memset(sums, 0, sizeof sums);
        for (int64_t end = row + SUM_BLOCK < last ? row + SUM_BLOCK : last; row < end; row++) {
            int64_t at = (row * r->n + column) * bytes;
            maf_load_floats(x, type, (const char *)p->x + at, 1, width);
            maf_load_floats(g, type, (const char *)p->grad_output + at, 1, width);
            float mean = r->o->mean_of_squares ? 0 : ((const float *)p->mean)[row];
            weight_gradients(sums[0], sums[1], x, g, mean, ((const float *)p->rstd)[row], width);
        }
        for (int64_t j = 0; j < 2 * WIDTH; j++)
            totals[j / WIDTH][j % WIDTH] += sums[j / WIDTH][j % WIDTH];
    }
    const uint64_t outputs[2] = {p->gamma, r->o->mean_of_squares ? 0 : p->beta};
    for (int i = 0; i < 2; i++) {
        for (int64_t j = 0; j < width; j++)
            x[j] = (float)totals[i][j];
        if (outputs[i])
            maf_store_floats(type, (char *)outputs[i] + (part * r->n + column) * bytes, 1, x, width);
    }
}

/* Blocks [begin, end) of columns, counted over the parts that the rows are cut into. */
static void weight_gradient_blocks(void *arg, uint64_t begin, uint64_t end)
{
    const struct rows *r = arg;
    const struct layer_norm_weights *p = r->params;
    int64_t columns = (r->n + WIDTH - 1) / WIDTH;
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
        int64_t part = i / columns;
        weight_gradient_block(r, p->rows * part / p->parts, p->rows * (part + 1) / p->parts, i % columns * WIDTH, part);
    }
}

/* Where the kernel leaves partial sums, a part per row of the grid, a later kernel adds them up. */
int maf_override_layer_norm_weights(const void *closure, const uint32_t grid[3], const void *params)
{
    const struct maf_rows *o = closure;
    struct layer_norm_weights p;
    memcpy(&p, params, offsetof(struct layer_norm_weights, parts));
    p.parts = o->partial ? grid[1] : 1;
    struct rows r = {.o = o, .n = p.n, .params = &p};
    if (p.rows < 0 || p.n < 0)
        return MAF_OVERRIDE_DECLINED;
    maf_cpu_parallel_for((uint64_t)(p.parts * ((p.n + WIDTH - 1) / WIDTH)), 1, weight_gradient_blocks, &r);
    return 0;
}

int maf_override_layer_norm_forward(const void *closure, const uint32_t grid[3], const void *params)
{
    struct layer_norm_forward p;
    memcpy(&p, params, sizeof p);
    struct rows r = {.o = closure, .n = p.n, .buffers = 3, .task = layer_norm_forward_rows, .params = &p};
    return maf_rows_launch(&r, grid);
}

int maf_override_layer_norm_backward(const void *closure, const uint32_t grid[3], const void *params)
{
    struct layer_norm_backward p;
    memcpy(&p, params, offsetof(struct layer_norm_backward, n) + sizeof p.n);
    struct rows r = {.o = closure, .n = p.n, .buffers = 3, .task = layer_norm_backward_rows, .params = &p};
    return maf_rows_launch(&r, grid);
}
