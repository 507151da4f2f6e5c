/* See op_array.h. A pass works on spans of at most SPAN elements of its inner dimension, spread over the launch pool. */

#pragma GCC optimize("O3")

#include <stdlib.h>
#include <string.h>

#include "core.h"

#include "cpu_launch.h"
#include "op_array.h"
#include "op_convert.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define TARGETS __attribute__((target_clones("default", "arch=haswell", "arch=skylake-avx512")))
#else
#define TARGETS
#endif

enum { SPAN = 1024, SPANS_PER_TASK = 16 };

void *maf_array_scratch(uint64_t bytes)
{
    static __thread struct {
        void *memory;
        uint64_t bytes;
    } scratch;
    if (scratch.bytes < bytes) {
        uint64_t size = (bytes + 0xfffff) & ~(uint64_t)0xfffff;
        free(scratch.memory);
        scratch.memory = aligned_alloc(64, size);
        scratch.bytes = scratch.memory ? size : 0;
    }
    return scratch.memory;
}

struct job {
    const struct maf_pass *pass;
    const uint64_t *base;
    double alpha;
    double beta;
    int64_t spans; /* per inner dimension */
    int64_t bytes[4];
};

#define FINISH_LOOP(real, has_b, has_c)                                                                                \
    for (int64_t i = 0; i < n; i++) {                                                                                  \
        real v = (real)alpha * a[i];                                                                                   \
        if (has_b)                                                                                                     \
            v += (real)beta * b[i];                                                                                    \
        if (has_c)                                                                                                     \
            v += c[i];                                                                                                 \
        a[i] = relu && v < 0 ? 0 : v;                                                                                  \
    }

#define FINISH(real)                                                                                                   \
    do {                                                                                                               \
        if (b && c)                                                                                                    \
            FINISH_LOOP(real, 1, 1)                                                                                    \
        else if (b)                                                                                                    \
            FINISH_LOOP(real, 1, 0)                                                                                    \
        else if (c)                                                                                                    \
            FINISH_LOOP(real, 0, 1)                                                                                    \
        else                                                                                                           \
            FINISH_LOOP(real, 0, 0)                                                                                    \
    } while (0)

TARGETS static void finish_floats(float *a, const float *b, const float *c, int64_t n, double alpha, double beta,
                                  int relu)
{
    FINISH(float);
}

TARGETS static void finish_doubles(double *a, const double *b, const double *c, int64_t n, double alpha, double beta,
                                   int relu)
{
    FINISH(double);
}

static char *at(const struct job *job, const struct maf_view *view, int which, const int64_t *index, int64_t first)
{
    int64_t last = job->pass->dims_count - 1;
    int64_t offset = first * view->strides[last];
    for (int64_t d = 0; d < last; d++)
        offset += index[d] * view->strides[d];
    return (char *)(job->base[view->source] + (uint64_t)(view->offset + offset * job->bytes[which]));
}

static void run_span(const struct job *job, const int64_t *index, int64_t first, int64_t n)
{
    const struct maf_pass *p = job->pass;
    int64_t last = p->dims_count - 1;
    char *out = at(job, &p->out, 0, index, first);
    int64_t step = p->out.strides[last];
    if (p->kind == MAF_PASS_ZERO) {
        static const float zeros[SPAN];
        maf_copy_strided(p->out.type, out, step, 0, MAF_F32, zeros, 1, 0, n, 1);
        return;
    }
    const char *a = at(job, &p->a, 1, index, first);
    if (p->kind == MAF_PASS_COPY) {
        maf_copy_strided(p->out.type, out, step, 0, p->a.type, a, p->a.strides[last], 0, n, 1);
        return;
    }
    int use_b = p->b.source >= 0 && job->base[p->b.source] && job->beta != 0;
    int use_c = p->c.source >= 0 && job->base[p->c.source];
    int64_t compute = p->wide ? MAF_F64 : MAF_F32;
    double buffer[3][SPAN];
    maf_copy_strided(compute, buffer[0], 1, 0, p->a.type, a, p->a.strides[last], 0, n, 1);
    if (use_b)
        maf_copy_strided(compute, buffer[1], 1, 0, p->b.type, at(job, &p->b, 2, index, first), p->b.strides[last], 0, n, 1);
    if (use_c)
        maf_copy_strided(compute, buffer[2], 1, 0, p->c.type, at(job, &p->c, 3, index, first), p->c.strides[last], 0, n, 1);
    int relu = p->activation == MAF_PASS_RELU;
    if (p->wide)
        finish_doubles(buffer[0], use_b ? buffer[1] : NULL, use_c ? buffer[2] : NULL, n, job->alpha, job->beta, relu);
    else
        finish_floats((float *)buffer[0], use_b ? (float *)buffer[1] : NULL, use_c ? (float *)buffer[2] : NULL, n,
                      job->alpha, job->beta, relu);
    maf_copy_strided(p->out.type, out, step, 0, compute, buffer[0], 1, 0, n, 1);
}

static void run_range(void *arg, uint64_t begin, uint64_t end)
{
    const struct job *job = arg;
    const struct maf_pass *p = job->pass;
    int64_t last = p->dims_count - 1, index[MAF_ARRAY_DIMS] = {0};
    int64_t span = (int64_t)begin % job->spans, line = (int64_t)begin / job->spans;
    for (int64_t d = last - 1; d >= 0; d--) {
        index[d] = line % p->dims[d];
        line /= p->dims[d];
    }
    for (uint64_t i = begin; i < end; i++) {
        int64_t first = span * SPAN, left = p->dims[last] - first;
        run_span(job, index, first, left < SPAN ? left : SPAN);
        if (++span < job->spans)
            continue;
        span = 0;
        for (int64_t d = last - 1; d >= 0 && ++index[d] == p->dims[d]; d--)
            index[d] = 0;
    }
}

void maf_pass_run(const struct maf_pass *pass, const uint64_t *base, double alpha, double beta)
{
    struct job job = {pass, base, alpha, beta, 0, {0}};
    const struct maf_view *views[] = {&pass->out, &pass->a, &pass->b, &pass->c};
    for (int i = 0; i < 4; i++)
        job.bytes[i] = maf_type_bytes(views[i]->type);
    int64_t inner = pass->dims[pass->dims_count - 1], lines = 1;
    for (int64_t d = 0; d + 1 < pass->dims_count; d++)
        lines *= pass->dims[d];
    job.spans = (inner + SPAN - 1) / SPAN;
    uint64_t count = (uint64_t)(lines * job.spans);
    uint64_t grain = inner >= SPAN ? SPANS_PER_TASK : (uint64_t)(SPANS_PER_TASK * SPAN / (inner ? inner : 1));
    if (count <= grain)
        run_range(&job, 0, count);
    else
        maf_cpu_parallel_for(count, grain, run_range, &job);
}
