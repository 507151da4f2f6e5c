/* See struct maf_rows and struct maf_scan in override.h. Parameters are those of PyTorch's SoftMax.cu,
 * layer_norm_kernel.cu and ScanUtils.cuh. A launch is cut into rows for the launch pool. Loops whose input may be their
 * output, element by element, say so (ivdep). */

#include "vector_rows.h"

#include <stddef.h>
#include <string.h>

#include "core.h"

#include "cpu_launch.h"
#include "op_convert.h"
#include "override.h"

enum { OUT_OF_MEMORY = 2 };
enum { STACK_FLOATS = 4096, GRAIN = 1 << 14, SUM_BLOCK = 1024, WIDTH = 128 };

/* A launch over rows. A task's scratch holds `buffers` rows. */
struct rows {
    const struct maf_rows *o;
    int64_t n; /* elements of a row */
    int buffers;
    void (*task)(const struct rows *, uint64_t begin, uint64_t end, float *scratch);
    const void *params;
    int error;
};

static void run_rows(void *arg, uint64_t begin, uint64_t end)
{
    struct rows *r = arg;
    float stack[STACK_FLOATS], *scratch = stack;
    if (r->n * r->buffers > STACK_FLOATS && !(scratch = floats(r->n * r->buffers))) {
        __atomic_store_n(&r->error, OUT_OF_MEMORY, __ATOMIC_RELAXED);
        return;
    }
    r->task(r, begin, end, scratch);
    if (scratch != stack)
        free(scratch);
}

static int launch_rows(struct rows *r, const uint32_t grid[3])
{
    if (grid[1] != 1 || grid[2] != 1 || r->n < 0)
        return MAF_OVERRIDE_DECLINED;
    if (r->n)
        maf_cpu_parallel_for(grid[0], 1 + GRAIN / (uint64_t)r->n, run_rows, r);
    return r->error;
}

/* Row `row` of a packed matrix, in place where it holds floats. */
static const float *read_row(const struct rows *r, int64_t type, uint64_t base, uint64_t row, float *buffer)
{
    const char *p = (const char *)base + row * (uint64_t)(r->n * maf_type_bytes(type));
    if (type == MAF_F32)
        return (const float *)p;
    maf_load_floats(buffer, type, p, 1, r->n);
    return buffer;
}

/* Where to compute a row of the output: its place where it holds floats, else `buffer`, which write_row stores. */
static float *output_row(const struct rows *r, uint64_t base, uint64_t row, float *buffer)
{
    return r->o->out == MAF_F32 ? (float *)base + row * (uint64_t)r->n : buffer;
}

static void write_row(const struct rows *r, uint64_t base, uint64_t row, const float *from)
{
    if (r->o->out != MAF_F32)
        maf_store_floats(r->o->out, (char *)base + row * (uint64_t)(r->n * maf_type_bytes(r->o->out)), 1, from, r->n);
}

/* Blocks of m elements from i on, over [0, n): their sums are floats, the sum of these a double. */
#define FOR_BLOCKS(i, m, n) for (int64_t i = 0, m; (m = n - i < SUM_BLOCK ? n - i : SUM_BLOCK) > 0; i += m)

TARGETS static float sum_of(const float *x, int64_t n)
{
    float sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

/* --- softmax ---------------------------------------------------------------------------------------- */

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
        const float *x = read_row(r, r->o->in, p->input, row, scratch);
        float *y = output_row(r, p->output, row, scratch), high = greatest(x, r->n);
        double sum = 0;
        if (r->o->logarithm) {
            FOR_BLOCKS(i, m, r->n) sum += sum_of_exponentials(x + i, high, m);
            subtract(y, x, high + (float)log(sum), r->n);
        } else {
            FOR_BLOCKS(i, m, r->n) sum += exponentials(y + i, x + i, high, m);
            scale_row(y, (float)(1 / sum), r->n);
        }
        write_row(r, p->output, row, y);
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
        const float *y = read_row(r, r->o->in, p->output, row, scratch);
        const float *g = read_row(r, r->o->in, p->grad, row, scratch + r->n);
        float *x = output_row(r, p->grad_input, row, scratch);
        double sum = 0;
        FOR_BLOCKS(i, m, r->n) sum += sum_of(g + i, m);
        softmax_gradient(x, y, g, (int)r->o->logarithm, (float)sum, r->n);
        write_row(r, p->grad_input, row, x);
    }
}

int maf_override_softmax_forward(const void *closure, const uint32_t grid[3], const void *params)
{
    const struct maf_rows *o = closure;
    struct softmax_forward p = {0};
    memcpy(&p, params, 16 + (size_t)o->count_bytes);
    struct rows r = {.o = o, .n = p.n, .buffers = 1, .task = softmax_forward_rows, .params = &p};
    return launch_rows(&r, grid);
}

int maf_override_softmax_backward(const void *closure, const uint32_t grid[3], const void *params)
{
    const struct maf_rows *o = closure;
    struct softmax_backward p = {0};
    memcpy(&p, params, 24 + (size_t)o->count_bytes);
    struct rows r = {.o = o, .n = p.n, .buffers = 2, .task = softmax_backward_rows, .params = &p};
    return launch_rows(&r, grid);
}

/* --- layer norm ------------------------------------------------------------------------------------- */

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
    FOR_BLOCKS(i, m, n) sum += sum_of(x + i, m);
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
        return read_row(r, r->o->in, base, 0, buffer);
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
        const float *x = read_row(r, r->o->in, p->x, row, scratch);
        float *y = output_row(r, p->y, row, scratch);
        float mean = rms ? 0 : mean_of(x, r->n), rstd = 1 / sqrtf(mean_of_squares(x, mean, r->n) + p->epsilon);
        normalise(y, x, mean, rstd, gamma, beta, r->n);
        write_row(r, p->y, row, y);
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
        const float *x = read_row(r, r->o->in, p->x, row, scratch);
        const float *g = read_row(r, r->o->in, p->grad_output, row, scratch + r->n);
        float *out = output_row(r, p->grad_input, row, scratch);
        float mean = rms ? 0 : ((const float *)p->mean)[row], rstd = ((const float *)p->rstd)[row];
        double sums[2] = {0, 0};
        FOR_BLOCKS(i, m, r->n) {
            float part[2];
            gradient_sums(x + i, g + i, gamma + i, mean, rstd, m, part);
            sums[0] += part[0], sums[1] += part[1];
        }
        float a = rms ? 0 : (float)(sums[0] / (double)r->n), b = (float)(sums[1] / (double)r->n);
        input_gradient(out, x, g, gamma, mean, rstd, a, b, r->n);
        write_row(r, p->grad_input, row, out);
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
    return launch_rows(&r, grid);
}

int maf_override_layer_norm_backward(const void *closure, const uint32_t grid[3], const void *params)
{
    struct layer_norm_backward p;
    memcpy(&p, params, offsetof(struct layer_norm_backward, n) + sizeof p.n);
    struct rows r = {.o = closure, .n = p.n, .buffers = 3, .task = layer_norm_backward_rows, .params = &p};
    return launch_rows(&r, grid);
}

/* --- scan ------------------------------------------------------------------------------------------- */

struct scan {
    const struct maf_scan *o;
    const void *params;
};

struct scan_params {
    uint64_t to, from;
    uint32_t rows, n, log_threads;
    char initial[]; /* a value of the type, aligned */
};

/* Floats are summed as doubles, as PyTorch's CPU does. */
#define SCAN(NAME, TYPE, SUM)                                                                                  \
    static void NAME(const struct scan *s, uint64_t begin, uint64_t end)                                       \
    {                                                                                                          \
        const struct scan_params *p = s->params;                                                               \
        const size_t at = (offsetof(struct scan_params, initial) + sizeof(TYPE) - 1) / sizeof(TYPE);           \
        for (uint64_t row = begin; row < end; row++) {                                                         \
            const TYPE *x = (const TYPE *)p->from + row * p->n;                                                \
            TYPE *y = (TYPE *)p->to + row * p->n;                                                              \
            SUM sum = (SUM)((const TYPE *)p)[at];                                                              \
            if (s->o->product)                                                                                 \
                for (uint32_t i = 0; i < p->n; i++)                                                            \
                    y[i] = (TYPE)(sum *= (SUM)x[i]);                                                           \
            else                                                                                               \
                for (uint32_t i = 0; i < p->n; i++)                                                            \
                    y[i] = (TYPE)(sum += (SUM)x[i]);                                                           \
        }                                                                                                      \
    }
SCAN(scan_f32, float, double)
SCAN(scan_f64, double, double)
SCAN(scan_i32, int32_t, uint32_t)
SCAN(scan_i64, int64_t, uint64_t)

static void scan_rows(void *arg, uint64_t begin, uint64_t end)
{
    const struct scan *s = arg;
    switch (s->o->type) {
    case MAF_F32: scan_f32(s, begin, end); break;
    case MAF_F64: scan_f64(s, begin, end); break;
    case MAF_I32: scan_i32(s, begin, end); break;
    default: scan_i64(s, begin, end);
    }
}

int maf_override_scan(const void *closure, const uint32_t grid[3], const void *params)
{
    (void)grid; /* its blocks go over the rows in turn */
    const struct scan_params *p = params;
    struct scan s = {closure, params};
    if (p->n)
        maf_cpu_parallel_for(p->rows, 1 + GRAIN / p->n, scan_rows, &s);
    return 0;
}
