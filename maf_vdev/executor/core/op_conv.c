/* See op_conv.h. */

#pragma GCC optimize("O3")

#include <string.h>

#include "core.h"

#include "cpu_launch.h"
#include "op_array.h"
#include "op_conv.h"

enum { OUT_OF_MEMORY = 2, NO_TRANSPOSE = 0, TRANSPOSE = 1 };

static void multiply(const struct maf_conv_gemm *g, int ta, int tb, int64_t m, int64_t n, int64_t k, const char *a,
                     const char *b, double beta, char *c)
{
    struct maf_product p = {g->wide, ta, tb, m, n, k, a, ta ? m : k, b, tb ? k : n, beta, c, n, g->gemm};
    maf_array_product(&p);
}

struct columns_job {
    const struct maf_conv_gemm *g;
    char *image; /* channels of one group of one sample */
    char *columns;
};

/* Output positions [first, last) along one dimension whose input position lies inside. */
static void inside(int64_t start, int64_t step, int64_t size, int64_t count, int64_t *first, int64_t *last)
{
    *first = start >= 0 ? 0 : (-start + step - 1) / step;
    *last = size > start ? (size - start + step - 1) / step : 0;
    if (*last > count)
        *last = count;
    if (*first > *last)
        *first = *last;
}

/* Row (c, kz, ky, kx) of the column matrix holds x[c] at the positions that meet filter element k, or zero. */
#define COLUMN_ROW(real, body_inside, body_outside)                                                                    \
    for (int64_t oz = 0; oz < g->y_dims[0]; oz++) {                                                                    \
        int64_t iz = oz * g->stride[0] - g->pad[0] + k[0] * g->dilation[0];                                            \
        for (int64_t oy = 0; oy < g->y_dims[1]; oy++) {                                                                \
            int64_t iy = oy * g->stride[1] - g->pad[1] + k[1] * g->dilation[1];                                        \
            real *line = row + (oz * g->y_dims[1] + oy) * g->y_dims[2];                                                \
            int64_t start = k[2] * g->dilation[2] - g->pad[2], step = g->stride[2], first, last;                       \
            inside(start, step, g->x_dims[2], g->y_dims[2], &first, &last);                                            \
            if (iz < 0 || iz >= g->x_dims[0] || iy < 0 || iy >= g->x_dims[1])                                          \
                first = last = 0;                                                                                      \
            real *source = image + (iz * g->x_dims[1] + iy) * g->x_dims[2] + start;                                    \
            body_outside;                                                                                              \
            if (step == 1)                                                                                             \
                for (int64_t ox = first; ox < last; ox++) {                                                            \
                    const int64_t at = ox;                                                                             \
                    body_inside;                                                                                       \
                }                                                                                                      \
            else                                                                                                       \
                for (int64_t ox = first; ox < last; ox++) {                                                            \
                    const int64_t at = ox * step;                                                                      \
                    body_inside;                                                                                       \
                }                                                                                                      \
        }                                                                                                              \
    }

#define CLEAR_OUTSIDE                                                                                                  \
    for (int64_t ox = 0; ox < first; ox++)                                                                             \
        line[ox] = 0;                                                                                                  \
    for (int64_t ox = last; ox < g->y_dims[2]; ox++)                                                                   \
        line[ox] = 0

static void filter_position(const struct maf_conv_gemm *g, int64_t position, int64_t k[3])
{
    for (int d = 2; d >= 0; d--) {
        k[d] = position % g->w_dims[d];
        position /= g->w_dims[d];
        if (g->flip)
            k[d] = g->w_dims[d] - 1 - k[d];
    }
}

static int64_t volume(const int64_t dims[3])
{
    return dims[0] * dims[1] * dims[2];
}

static void to_columns(void *arg, uint64_t begin, uint64_t end)
{
    const struct columns_job *job = arg;
    const struct maf_conv_gemm *g = job->g;
    int64_t taps = volume(g->w_dims), positions = volume(g->y_dims), pixels = volume(g->x_dims), k[3];
    for (int64_t r = (int64_t)begin; r < (int64_t)end; r++) {
        filter_position(g, r % taps, k);
        if (g->wide) {
            double *image = (double *)job->image + r / taps * pixels, *row = (double *)job->columns + r * positions;
            COLUMN_ROW(double, line[ox] = source[at], CLEAR_OUTSIDE)
        } else {
            float *image = (float *)job->image + r / taps * pixels, *row = (float *)job->columns + r * positions;
            COLUMN_ROW(float, line[ox] = source[at], CLEAR_OUTSIDE)
        }
    }
}

/* Adds the column matrix back to the image; one unit is one channel, so that units do not meet. */
static void from_columns(void *arg, uint64_t begin, uint64_t end)
{
    const struct columns_job *job = arg;
    const struct maf_conv_gemm *g = job->g;
    int64_t taps = volume(g->w_dims), positions = volume(g->y_dims), pixels = volume(g->x_dims), k[3];
    for (int64_t c = (int64_t)begin; c < (int64_t)end; c++) {
        for (int64_t tap = 0; tap < taps; tap++) {
            filter_position(g, tap, k);
            int64_t r = c * taps + tap;
            if (g->wide) {
                double *image = (double *)job->image + c * pixels, *row = (double *)job->columns + r * positions;
                COLUMN_ROW(double, source[at] += line[ox], )
            } else {
                float *image = (float *)job->image + c * pixels, *row = (float *)job->columns + r * positions;
                COLUMN_ROW(float, source[at] += line[ox], )
            }
        }
    }
}

/* The column matrix of a 1x1 filter without stride and padding is the image itself. */
static int columns_are_image(const struct maf_conv_gemm *g)
{
    for (int d = 0; d < 3; d++)
        if (g->w_dims[d] != 1 || g->stride[d] != 1 || g->pad[d] != 0 || g->x_dims[d] != g->y_dims[d])
            return 0;
    return 1;
}

static void run_gemm(const struct maf_conv_gemm *g, const uint64_t *base)
{
    int64_t bytes = g->wide ? 8 : 4, rows = g->channels * volume(g->w_dims), positions = volume(g->y_dims);
    int64_t x_bytes = g->channels * volume(g->x_dims) * bytes, y_bytes = g->filters * positions * bytes;
    int64_t w_bytes = g->filters * rows * bytes;
    char *x = (char *)(base[g->x.source] + (uint64_t)g->x.offset);
    char *y = (char *)(base[g->y.source] + (uint64_t)g->y.offset);
    char *w = (char *)(base[g->w.source] + (uint64_t)g->w.offset);
    char *columns = (char *)(base[g->columns.source] + (uint64_t)g->columns.offset);
    int plain = columns_are_image(g);
    uint64_t grain = (uint64_t)(16384 / positions + 1);
    if (g->direction == 1 && !plain)
        memset(x, 0, (size_t)(g->batch * g->groups * x_bytes));
    for (int64_t n = 0; n < g->batch; n++) {
        for (int64_t group = 0; group < g->groups; group++) {
            struct columns_job job = {g, x + (n * g->groups + group) * x_bytes, columns};
            char *yg = y + (n * g->groups + group) * y_bytes, *wg = w + group * w_bytes;
            if (plain)
                job.columns = job.image;
            else if (g->direction != 1)
                maf_cpu_parallel_for((uint64_t)rows, grain, to_columns, &job);
            if (g->direction == 0) {
                multiply(g, NO_TRANSPOSE, NO_TRANSPOSE, g->filters, positions, rows, wg, job.columns, 0, yg);
            } else if (g->direction == 1) {
                multiply(g, TRANSPOSE, NO_TRANSPOSE, rows, positions, g->filters, wg, yg, 0, job.columns);
                if (!plain)
                    maf_cpu_parallel_for((uint64_t)g->channels, 1, from_columns, &job);
            } else {
                multiply(g, NO_TRANSPOSE, TRANSPOSE, g->filters, rows, positions, yg, job.columns, n ? 1 : 0, wg);
            }
        }
    }
}

int maf_conv_run(void *closure, const uint64_t *ptrs, const void *scalars)
{
    const struct maf_conv *c = closure;
    double alpha, beta;
    memcpy(&alpha, scalars, sizeof alpha);
    memcpy(&beta, (const char *)scalars + sizeof alpha, sizeof beta);
    int finish = c->finish && (c->always_finish || alpha != 1 || beta != 0);
    uint64_t base[MAF_ARRAY_SOURCES] = {0};
    memcpy(base, ptrs, (size_t)c->pointers * sizeof *base);
    uint64_t scratch_bytes = (uint64_t)(c->scratch_bytes + (finish ? c->result_bytes : 0));
    char *scratch = maf_array_scratch(scratch_bytes + 64);
    if (!scratch)
        return OUT_OF_MEMORY;
    base[MAF_ARRAY_SCRATCH] = (uint64_t)scratch;
    base[MAF_ARRAY_RESULT] = finish ? (uint64_t)(scratch + c->scratch_bytes) : ptrs[c->result];

    for (int64_t i = 0; i < c->binds_count; i++) {
        const struct maf_conv_bind *bind = &c->binds[i];
        if (c->set_handle(bind->memory, (void *)(base[bind->source] + (uint64_t)bind->offset)))
            return MAF_ERROR_LAUNCH_FAILURE;
    }
    for (int64_t i = 0; i < c->steps_count; i++) {
        const struct maf_conv_step *step = &c->steps[i];
        if (step->primitive) {
            if (c->execute(step->primitive, c->stream, (int)step->args_count, step->args))
                return MAF_ERROR_LAUNCH_FAILURE;
        } else if (step->pass) {
            maf_pass_run(step->pass, base, 1, 0);
        } else {
            run_gemm(step->gemm, base);
        }
    }
    if (c->wait && c->wait(c->stream))
        return MAF_ERROR_LAUNCH_FAILURE;
    if (finish)
        maf_pass_run(c->finish, base, alpha, beta);
    return 0;
}
