/* See op_batchnorm.h; the loops are in batchnorm_kernels.h. */

#pragma GCC optimize("O3")
#pragma GCC optimize("associative-math", "no-signed-zeros", "no-trapping-math")

#include <math.h>
#include <string.h>

#include "core.h"

#include "cpu_launch.h"
#include "gemm_targets.h"
#include "op_array.h"
#include "op_batchnorm.h"
#include "op_convert.h"

enum {
    TRAINING,
    INFERENCE,
    BACKWARD,
    SPAN = 1024,
    ROWS = 32,         /* rows that are summed in the compute type before they go into double */
    TASK = 16384,      /* elements worth a task of the pool */
    MAX_BLOCKS = 64,
    OUT_OF_MEMORY = 2
};

struct run {
    const struct maf_batchnorm *plan;
    uint64_t base[MAF_ARRAY_SOURCES];
    double alpha;
    double beta;
    double alpha_param;
    double beta_param;
    double epsilon;
    double factor;
    /* rows form */
    int64_t blocks;
    int summing_gradients;
    double *sums;       /* [blocks][2][channels] */
    double *statistics; /* [2][channels] */
    void *pivot;        /* [channels] */
    void *coefficients; /* [3][channels] */
};

#define AT(t, outer_index, channel_index, inner_index)                                                                 \
    ((outer_index) * (t).outer_stride + (channel_index) * (t).channel_stride + (inner_index))

#define real float
#define REAL MAF_F32
#define NAME(x) x##_f32
#include "batchnorm_kernels.h"
#undef real
#undef REAL
#undef NAME
#undef EACH_SPAN

#define real double
#define REAL MAF_F64
#define NAME(x) x##_f64
#include "batchnorm_kernels.h"

int maf_batchnorm_run(void *closure, const uint64_t *ptrs, const void *scalars)
{
    const struct maf_batchnorm *p = closure;
    double s[6];
    memcpy(s, scalars, sizeof s);
    struct run r = {.plan = p, .alpha = s[0], .beta = s[1], .alpha_param = s[2], .beta_param = s[3], .epsilon = s[4], .factor = s[5]};
    memcpy(r.base, ptrs, (size_t)p->pointers * sizeof *ptrs);
    r.blocks = p->outer / ROWS;
    r.blocks = r.blocks < 1 ? 1 : r.blocks > MAX_BLOCKS ? MAX_BLOCKS : r.blocks;
    uint64_t row_bytes = p->rows ? (uint64_t)(p->channels * 8 * (2 * r.blocks + 2 + 1 + 3)) : 0;
    char *scratch = maf_array_scratch((uint64_t)p->scratch_bytes + row_bytes + 64);
    if (!scratch)
        return OUT_OF_MEMORY;
    r.base[MAF_ARRAY_SCRATCH] = (uint64_t)scratch;
    if (p->rows) {
        r.sums = (double *)(scratch + p->scratch_bytes);
        r.statistics = r.sums + r.blocks * 2 * p->channels;
        r.pivot = r.statistics + 2 * p->channels;
        r.coefficients = (double *)r.pivot + p->channels;
    }
    for (int64_t i = 0; i < p->before_count; i++)
        maf_pass_run(&p->before[i], r.base, 1, 0);
    if (p->rows) {
        if (p->wide)
            rows_f64(&r);
        else
            rows_f32(&r);
    } else {
        uint64_t grain = (uint64_t)(TASK / (p->outer * p->inner) + 1);
        maf_cpu_parallel_for((uint64_t)p->channels, grain, p->wide ? channels_f64 : channels_f32, &r);
    }
    for (int64_t i = 0; i < p->after_count; i++)
        maf_pass_run(&p->after[i], r.base, 1, 0);
    return 0;
}
