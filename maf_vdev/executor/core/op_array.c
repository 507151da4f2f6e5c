/* See op_array.h. A pass works on spans of at most SPAN elements of its inner dimension, spread over the launch pool. */

#pragma GCC optimize("O3")

#include <stdlib.h>
#include <string.h>

#include "core.h"

#include "cpu_launch.h"
#include "gemm_targets.h"
#include "op_array.h"
#include "op_convert.h"

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

void *maf_view_at(const struct maf_view *view, const uint64_t *base, int64_t dims_count, const int64_t *index,
                  int64_t first)
{
    int64_t offset = first * view->strides[dims_count - 1];
    for (int64_t d = 0; d + 1 < dims_count; d++)
        offset += index[d] * view->strides[d];
    return (char *)(base[view->source] + (uint64_t)(view->offset + offset * maf_type_bytes(view->type)));
}

static void run_span(void *arg, const int64_t *index, int64_t first, int64_t n)
{
    const struct job *job = arg;
    const struct maf_pass *p = job->pass;
    int64_t last = p->dims_count - 1;
    char *out = maf_view_at(&p->out, job->base, p->dims_count, index, first);
    int64_t step = p->out.strides[last];
    if (p->kind == MAF_PASS_ZERO) {
        static const float zeros[SPAN];
        maf_copy_strided(p->out.type, out, step, 0, MAF_F32, zeros, 1, 0, n, 1);
        return;
    }
    const char *a = maf_view_at(&p->a, job->base, p->dims_count, index, first);
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
        maf_copy_strided(compute, buffer[1], 1, 0, p->b.type, maf_view_at(&p->b, job->base, p->dims_count, index, first), p->b.strides[last], 0, n, 1);
    if (use_c)
        maf_copy_strided(compute, buffer[2], 1, 0, p->c.type, maf_view_at(&p->c, job->base, p->dims_count, index, first), p->c.strides[last], 0, n, 1);
    int relu = p->activation == MAF_PASS_RELU;
    if (p->wide)
        finish_doubles(buffer[0], use_b ? buffer[1] : NULL, use_c ? buffer[2] : NULL, n, job->alpha, job->beta, relu);
    else
        finish_floats((float *)buffer[0], use_b ? (float *)buffer[1] : NULL, use_c ? (float *)buffer[2] : NULL, n,
                      job->alpha, job->beta, relu);
    maf_copy_strided(p->out.type, out, step, 0, compute, buffer[0], 1, 0, n, 1);
}

struct spans {
    int64_t dims_count;
    const int64_t *dims;
    int64_t per_line;
    maf_span_fn *fn;
    void *arg;
};

static void run_range(void *arg, uint64_t begin, uint64_t end)
{
    const struct spans *s = arg;
    int64_t last = s->dims_count - 1, index[MAF_ARRAY_DIMS] = {0};
    int64_t span = (int64_t)begin % s->per_line, line = (int64_t)begin / s->per_line;
    for (int64_t d = last - 1; d >= 0; d--) {
        index[d] = line % s->dims[d];
        line /= s->dims[d];
    }
    for (uint64_t i = begin; i < end; i++) {
        int64_t first = span * SPAN, left = s->dims[last] - first;
        s->fn(s->arg, index, first, left < SPAN ? left : SPAN);
        if (++span < s->per_line)
            continue;
        span = 0;
        for (int64_t d = last - 1; d >= 0 && ++index[d] == s->dims[d]; d--)
            index[d] = 0;
    }
}

void maf_array_spans(int64_t dims_count, const int64_t *dims, maf_span_fn *fn, void *arg)
{
    int64_t inner = dims[dims_count - 1], lines = 1;
    for (int64_t d = 0; d + 1 < dims_count; d++)
        lines *= dims[d];
    struct spans s = {dims_count, dims, (inner + SPAN - 1) / SPAN, fn, arg};
    uint64_t grain = inner >= SPAN ? SPANS_PER_TASK : (uint64_t)(SPANS_PER_TASK * SPAN / (inner ? inner : 1));
    maf_cpu_parallel_for((uint64_t)(lines * s.per_line), grain, run_range, &s);
}

void maf_pass_run(const struct maf_pass *pass, const uint64_t *base, double alpha, double beta)
{
    struct job job = {pass, base, alpha, beta};
    maf_array_spans(pass->dims_count, pass->dims, run_span, &job);
}

typedef void sgemm_fn(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda,
                      const float *b, int ldb, float beta, float *c, int ldc);
typedef void dgemm_fn(int order, int ta, int tb, int m, int n, int k, double alpha, const double *a, int lda,
                      const double *b, int ldb, double beta, double *c, int ldc);

/* Rows [m0, m0 + m) and columns [n0, n0 + n) of the product. */
static void multiply_part(const struct maf_product *p, int64_t m0, int64_t m, int64_t n0, int64_t n)
{
    enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112 };
    int ta = p->transpose_a ? TRANSPOSE : NO_TRANSPOSE, tb = p->transpose_b ? TRANSPOSE : NO_TRANSPOSE;
    int64_t bytes = p->wide ? 8 : 4;
    const char *a = (const char *)p->a + m0 * (p->transpose_a ? 1 : p->lda) * bytes;
    const char *b = (const char *)p->b + n0 * (p->transpose_b ? p->ldb : 1) * bytes;
    char *c = (char *)p->c + (m0 * p->ldc + n0) * bytes;
    if (p->wide)
        ((dgemm_fn *)p->gemm)(ROW_MAJOR, ta, tb, (int)m, (int)n, (int)p->k, 1, (const double *)a, (int)p->lda,
                              (const double *)b, (int)p->ldb, p->beta, (double *)c, (int)p->ldc);
    else
        ((sgemm_fn *)p->gemm)(ROW_MAJOR, ta, tb, (int)m, (int)n, (int)p->k, 1, (const float *)a, (int)p->lda,
                              (const float *)b, (int)p->ldb, (float)p->beta, (float *)c, (int)p->ldc);
}

static void multiply_columns(void *arg, uint64_t begin, uint64_t end)
{
    const struct maf_product *p = arg;
    multiply_part(p, 0, p->m, (int64_t)begin, (int64_t)(end - begin));
}

static void multiply_rows(void *arg, uint64_t begin, uint64_t end)
{
    const struct maf_product *p = arg;
    multiply_part(p, (int64_t)begin, (int64_t)(end - begin), 0, p->n);
}

void maf_array_product(const struct maf_product *product)
{
    enum { WORTH = 1 << 17, STEP = 16 }; /* multiplications worth a task; the kernels' tile */
    if (product->m <= 0 || product->n <= 0)
        return;
    int by_rows = product->m > product->n;
    int64_t count = by_rows ? product->m : product->n, other = by_rows ? product->n : product->m;
    int64_t share = (count + maf_cpu_threads() - 1) / maf_cpu_threads(), worth = WORTH / (other * product->k + 1) + 1;
    int64_t grain = ((share > worth ? share : worth) + STEP - 1) & ~(int64_t)(STEP - 1);
    maf_cpu_parallel_for((uint64_t)count, (uint64_t)grain, by_rows ? multiply_rows : multiply_columns, (void *)product);
}
