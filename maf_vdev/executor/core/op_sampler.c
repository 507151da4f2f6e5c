/* See op_sampler.h. One sample of the batch is one unit of work, so that gradients of an image meet no other thread. */

#pragma GCC optimize("O3")

#include <math.h>
#include <string.h>

#include "core.h"

#include "cpu_launch.h"
#include "op_array.h"
#include "op_convert.h"
#include "op_sampler.h"

enum { SAMPLE, SAMPLE_GRADIENTS, GRID, GRID_GRADIENTS };
enum { X, GRID_POINTER, Y, DX, DGRID, DY, THETA, DTHETA, POINTERS };
enum { OUT_OF_MEMORY = 2 };

struct run {
    const struct maf_sampler *plan;
    const uint64_t *ptrs;
    double alpha;
    double beta;
    double alpha_grid;
    double beta_grid;
    double *sums; /* one image's gradients per sample */
};

static double get(const struct run *r, int which, int64_t element)
{
    double value;
    int64_t type = r->plan->type;
    const char *p = (const char *)r->ptrs[which];
    if (type == MAF_F32)
        return ((const float *)p)[element];
    maf_copy_strided(MAF_F64, &value, 1, 0, type, p + element * maf_type_bytes(type), 1, 0, 1, 1);
    return value;
}

static void put(const struct run *r, int which, int64_t element, double value, double alpha, double beta)
{
    int64_t type = r->plan->type;
    char *p = (char *)r->ptrs[which] + element * maf_type_bytes(type);
    value = alpha * value + (beta != 0 ? beta * get(r, which, element) : 0);
    if (type == MAF_F32)
        *(float *)p = (float)value;
    else
        maf_copy_strided(type, p, 1, 0, MAF_F64, &value, 1, 0, 1, 1);
}

/* The four pixels around a point: offset in the image (-1 outside), weight, and the weight's slopes. */
struct corners {
    int64_t offset[4];
    double weight[4];
    double slope_x[4];
    double slope_y[4];
};

static void find(const struct run *r, const int64_t strides[4], int64_t point, struct corners *c)
{
    const struct maf_sampler *p = r->plan;
    int64_t height = p->x_dims[2], width = p->x_dims[3];
    double half_x = (double)(width - 1) / 2, half_y = (double)(height - 1) / 2;
    double x = (get(r, GRID_POINTER, 2 * point) + 1) * half_x, y = (get(r, GRID_POINTER, 2 * point + 1) + 1) * half_y;
    double left = floor(x), top = floor(y), fx = x - left, fy = y - top;
    for (int k = 0; k < 4; k++) {
        double px = left + (k & 1), py = top + (k >> 1);
        double wx = k & 1 ? fx : 1 - fx, wy = k >> 1 ? fy : 1 - fy;
        c->weight[k] = wx * wy;
        c->slope_x[k] = (k & 1 ? wy : -wy) * half_x;
        c->slope_y[k] = (k >> 1 ? wx : -wx) * half_y;
        int inside = px >= 0 && px < (double)width && py >= 0 && py < (double)height; /* false for NaN */
        c->offset[k] = inside ? (int64_t)py * strides[2] + (int64_t)px * strides[3] : -1;
    }
}

static void sample(void *arg, uint64_t begin, uint64_t end)
{
    const struct run *r = arg;
    const struct maf_sampler *p = r->plan;
    int64_t height = p->y_dims[2], width = p->y_dims[3];
    struct corners c;
    for (int64_t row = (int64_t)begin; row < (int64_t)end; row++) {
        int64_t n = row / height, oy = row % height;
        for (int64_t ox = 0; ox < width; ox++) {
            find(r, p->x_strides, row * width + ox, &c);
            for (int64_t ch = 0; ch < p->x_dims[1]; ch++) {
                int64_t image = n * p->x_strides[0] + ch * p->x_strides[1];
                double value = 0;
                for (int k = 0; k < 4; k++)
                    value += c.offset[k] < 0 ? 0 : c.weight[k] * get(r, X, image + c.offset[k]);
                put(r, Y, n * p->y_strides[0] + ch * p->y_strides[1] + oy * p->y_strides[2] + ox * p->y_strides[3],
                    value, r->alpha, r->beta);
            }
        }
    }
}

static void sample_gradients(void *arg, uint64_t begin, uint64_t end)
{
    const struct run *r = arg;
    const struct maf_sampler *p = r->plan;
    int64_t channels = p->x_dims[1], height = p->x_dims[2], width = p->x_dims[3];
    const int64_t packed[4] = {channels * height * width, height * width, width, 1};
    struct corners c, in_x;
    for (int64_t n = (int64_t)begin; n < (int64_t)end; n++) {
        double *sums = r->sums + n * packed[0];
        memset(sums, 0, (size_t)packed[0] * sizeof *sums);
        for (int64_t oy = 0; oy < p->y_dims[2]; oy++)
            for (int64_t ox = 0; ox < p->y_dims[3]; ox++) {
                int64_t point = (n * p->y_dims[2] + oy) * p->y_dims[3] + ox;
                find(r, packed, point, &c);
                find(r, p->x_strides, point, &in_x);
                double dx = 0, dy = 0;
                for (int64_t ch = 0; ch < channels; ch++) {
                    double d = get(r, DY, n * p->y_strides[0] + ch * p->y_strides[1] + oy * p->y_strides[2] +
                                              ox * p->y_strides[3]);
                    for (int k = 0; k < 4; k++) {
                        if (c.offset[k] < 0)
                            continue;
                        double value = get(r, X, n * p->x_strides[0] + ch * p->x_strides[1] + in_x.offset[k]);
                        sums[ch * packed[1] + c.offset[k]] += c.weight[k] * d;
                        dx += c.slope_x[k] * d * value;
                        dy += c.slope_y[k] * d * value;
                    }
                }
                if (r->ptrs[DGRID]) {
                    put(r, DGRID, 2 * point, dx, r->alpha_grid, r->beta_grid);
                    put(r, DGRID, 2 * point + 1, dy, r->alpha_grid, r->beta_grid);
                }
            }
        for (int64_t ch = 0; r->ptrs[DX] && ch < channels; ch++)
            for (int64_t y = 0; y < height; y++)
                for (int64_t x = 0; x < width; x++)
                    put(r, DX, n * p->dx_strides[0] + ch * p->dx_strides[1] + y * p->dx_strides[2] + x * p->dx_strides[3],
                        sums[(ch * height + y) * width + x], r->alpha, r->beta);
    }
}

static double position(int64_t i, int64_t count)
{
    return count > 1 ? 2 * (double)i / (double)(count - 1) - 1 : 0;
}

static void grid(const struct run *r)
{
    const struct maf_sampler *p = r->plan;
    int64_t height = p->y_dims[2], width = p->y_dims[3];
    for (int64_t n = 0; n < p->y_dims[0]; n++)
        for (int64_t y = 0; y < height; y++)
            for (int64_t x = 0; x < width; x++)
                for (int k = 0; k < 2; k++) {
                    int64_t row = n * 6 + k * 3;
                    double value = get(r, THETA, row) * position(x, width) + get(r, THETA, row + 1) * position(y, height) +
                                   get(r, THETA, row + 2);
                    put(r, GRID_POINTER, ((n * height + y) * width + x) * 2 + k, value, 1, 0);
                }
}

static void grid_gradients(const struct run *r)
{
    const struct maf_sampler *p = r->plan;
    int64_t height = p->y_dims[2], width = p->y_dims[3];
    for (int64_t n = 0; n < p->y_dims[0]; n++)
        for (int k = 0; k < 2; k++) {
            double sums[3] = {0, 0, 0};
            for (int64_t y = 0; y < height; y++)
                for (int64_t x = 0; x < width; x++) {
                    double d = get(r, DGRID, ((n * height + y) * width + x) * 2 + k);
                    sums[0] += d * position(x, width);
                    sums[1] += d * position(y, height);
                    sums[2] += d;
                }
            for (int i = 0; i < 3; i++)
                put(r, DTHETA, n * 6 + k * 3 + i, sums[i], 1, 0);
        }
}

int maf_sampler_run(void *closure, const uint64_t *ptrs, const void *scalars)
{
    const struct maf_sampler *p = closure;
    double s[4];
    memcpy(s, scalars, sizeof s);
    struct run r = {p, ptrs, s[0], s[1], s[2], s[3], NULL};
    switch (p->direction) {
    case SAMPLE:
        maf_cpu_parallel_for((uint64_t)(p->y_dims[0] * p->y_dims[2]), (uint64_t)(1024 / (p->y_dims[3] * p->x_dims[1]) + 1),
                             sample, &r);
        return 0;
    case SAMPLE_GRADIENTS:
        r.sums = maf_array_scratch((uint64_t)(p->x_dims[0] * p->x_dims[1] * p->x_dims[2] * p->x_dims[3]) * sizeof *r.sums);
        if (!r.sums)
            return OUT_OF_MEMORY;
        maf_cpu_parallel_for((uint64_t)p->x_dims[0], 1, sample_gradients, &r);
        return 0;
    case GRID:
        grid(&r);
        return 0;
    default:
        grid_gradients(&r);
        return 0;
    }
}
