/* Running sums and products of PyTorch's ScanUtils.cuh: see struct maf_scan in override.h. */

#include <stddef.h>

#include "core.h"

#include "cpu_launch.h"
#include "override.h"

enum { GRAIN = 1 << 14 };

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
