/* See op_fft.h. */

#pragma GCC optimize("O3,no-trapping-math,no-math-errno")

#include <stdlib.h>
#include <string.h>

#include "core.h"

#include "cpu_launch.h"
#include "gemm_targets.h"
#include "op_array.h"
#include "op_convert.h"
#include "op_fft.h"

enum {
    OUT_OF_MEMORY = 2,
    LANES = 16,
    WORK_BYTES = 1 << 19, /* of lines side by side: half of a core's second cache */
    TASK = 1 << 13        /* numbers worth a task */
};

struct pass_run {
    const struct maf_fft_pass *pass;
    const char *source;
    char *target;
    int64_t lanes;
    int wide;
    int error;
};

/* Offsets of a line on both sides, and its number along the last outer dimension. */
static void locate(const struct maf_fft_pass *p, uint64_t line, int64_t *source, int64_t *target, int64_t *number)
{
    *source = *target = 0;
    for (int d = 3; d >= 0; d--) {
        int64_t index = (int64_t)(line % (uint64_t)p->outer[d]);
        line /= (uint64_t)p->outer[d];
        *source += index * p->source_outer[d];
        *target += index * p->target_outer[d];
        if (d == 3)
            *number = index;
    }
}

#define real float
#define NAME(x) x##_single
#include "fft_kernels.h"
#undef real
#undef NAME
#define real double
#define NAME(x) x##_double
#include "fft_kernels.h"
#undef real
#undef NAME

static void run_range(void *arg, uint64_t begin, uint64_t end)
{
    struct pass_run *r = arg;
    int error = r->wide ? lines_double(r, begin, end) : lines_single(r, begin, end);
    if (error)
        __atomic_store_n(&r->error, error, __ATOMIC_RELAXED);
}

static int run_pass(const struct maf_fft *f, const struct maf_fft_pass *p, char *const places[3])
{
    struct pass_run r = {.pass = p, .source = places[p->source], .target = places[p->target], .wide = (int)f->wide};
    int64_t bytes = 4 * p->line.length * (f->wide ? 8 : 4);
    r.lanes = LANES;
    while (r.lanes > 1 && r.lanes * bytes > WORK_BYTES)
        r.lanes /= 2;
    uint64_t lines = (uint64_t)(p->outer[0] * p->outer[1] * p->outer[2] * p->outer[3]);
    uint64_t grain = (uint64_t)(TASK / p->line.length + 1);
    grain = (grain + (uint64_t)r.lanes - 1) / (uint64_t)r.lanes * (uint64_t)r.lanes;
    maf_cpu_parallel_for(lines, grain, run_range, &r);
    return r.error;
}

/* One thread replays: the scratch memory of a transform serves the next one too. */
static char *shared_scratch(int64_t bytes)
{
    static char *memory;
    static int64_t size;
    if (bytes > size) {
        free(memory);
        memory = aligned_alloc(64, (size_t)(bytes + 63) / 64 * 64);
        size = memory ? bytes : 0;
    }
    return memory;
}

int maf_fft_run(void *closure, const uint64_t *ptrs, const void *scalars)
{
    const struct maf_fft *f = closure;
    int staged = f->staged && ptrs[0] == ptrs[1];
    int64_t ahead = (f->scratch_bytes + 63) / 64 * 64;
    char *scratch = shared_scratch(ahead + (staged ? f->staged : 0) + 64);
    (void)scalars;
    if (!scratch)
        return OUT_OF_MEMORY;
    char *places[3] = {(char *)(uintptr_t)ptrs[0], (char *)(uintptr_t)ptrs[1], scratch};
    if (staged) {
        memcpy(scratch + ahead, places[0], (size_t)f->staged);
        places[0] = scratch + ahead;
    }
    for (int64_t i = 0; i < f->passes; i++) {
        int error = run_pass(f, &f->step[i], places);
        if (error)
            return error;
    }
    return 0;
}
