/* Replays GEMM plans; see op_gemm.h. Products are in op_gemm_multiply.c, type conversions in op_convert.c, epilogues in
 * op_finish.c. */

#include <stdint.h>
#include <string.h>

#include "protocol.h"

#include "cpu_launch.h"
#include "gemm_parts.h"
#include "op_convert.h"
#include "op_finish.h"

enum { PTR_A, PTR_B, PTR_C, PTR_D, PTR_BIAS, PTR_AUX, PTR_ALPHA, PTR_BETA };

struct scalars {
    double alpha[2];
    double beta[2];
};

static char *at(uint64_t address, int64_t type, int64_t elements)
{
    return (char *)(uintptr_t)address + elements * maf_type_bytes(type);
}

static void read_scalars(const struct maf_gemm *g, const uint64_t *ptrs, const double *host, struct scalars *out)
{
    memcpy(out->alpha, host, sizeof out->alpha);
    memcpy(out->beta, host + 2, sizeof out->beta);
    if (g->scalars == MAF_SCALARS_DEVICE) {
        maf_load_scalar(g->type_scale, (const void *)(uintptr_t)ptrs[PTR_ALPHA], out->alpha);
        maf_load_scalar(g->type_scale, (const void *)(uintptr_t)ptrs[PTR_BETA], out->beta);
    } else if (g->scalars == MAF_SCALARS_ALPHA_VECTOR) {
        memset(out->beta, 0, sizeof out->beta);
    }
    /* A vector is applied row by row by the epilogue. */
    if (g->scalars >= MAF_SCALARS_DEVICE_VECTOR) {
        out->alpha[0] = 1;
        out->alpha[1] = 0;
    }
}

static int is_zero(const double v[2])
{
    return v[0] == 0 && v[1] == 0;
}

static int is_one(const double v[2])
{
    return v[0] == 1 && v[1] == 0;
}

/* One matrix of the batch. */
struct problem {
    const char *a;
    const char *b;
    const char *c;
    char *d;
    const char *bias;
    char *aux;
};

static int same_layout(const struct maf_gemm *g)
{
    return g->type_c == g->type_d && g->row_c == 1 && g->col_c == g->ldd;
}

/* Whether oneDNN writes D by itself for these scalars, and how. */
enum direct_use { NOT_DIRECT, OVERWRITES, ADDS };

static enum direct_use use_direct(const struct maf_gemm *g, const struct scalars *s)
{
    const struct maf_gemm_matmul *p = &g->dnnl.direct;
    if (!p->primitive || g->k == 0 || !is_one(s->alpha)) {
        return NOT_DIRECT;
    }
    if (is_zero(s->beta)) {
        return OVERWRITES;
    }
    /* It adds to D, where C must be or go unrounded. */
    return is_one(s->beta) && g->type_c == g->type_d && p->sum ? ADDS : NOT_DIRECT;
}

static void bring_c(const struct maf_gemm *g, const struct problem *p, const struct scalars *s)
{
    if (!is_zero(s->beta) && !(p->c == p->d && same_layout(g))) {
        maf_copy_strided(g->type_d, p->d, 1, g->ldd, g->type_c, p->c, g->row_c, g->col_c, g->m, g->n);
    }
}

static int run_direct(const struct maf_gemm *g, const struct problem *p, const struct scalars *s)
{
    int64_t lda, ldb;
    int use_c = !is_zero(s->beta);
    bring_c(g, p, s);
    if (g->k == 0 || is_zero(s->alpha)) {
        maf_scale_matrix(g->type_d, p->d, g->m, g->n, g->ldd, s->beta);
        return 0;
    }
    const void *a = maf_gemm_operand(g, &g->a, p->a, SCRATCH_A, &lda);
    const void *b = maf_gemm_operand(g, &g->b, p->b, SCRATCH_B, &ldb);
    if (!a || !b) {
        return CUDA_OUT_OF_MEMORY;
    }
    const double zero[2] = {0, 0}, one[2] = {1, 0};
    /* gemv implementations may multiply y by beta = 0 and so keep its NaNs: clear it first. */
    if (!use_c && g->gemv && (g->m == 1 || g->n == 1)) {
        maf_scale_matrix(g->type_d, p->d, g->m, g->n, g->ldd, zero);
    }
    if (!maf_gemm_as_vector(g, a, lda, b, ldb, p->d, g->ldd, s->alpha, use_c ? s->beta : one)) {
        maf_gemm_multiply(g, a, lda, b, ldb, p->d, g->ldd, s->alpha, s->beta);
    }
    return 0;
}

/* Multiplies into a packed matrix of the compute type, then finishes and rounds once into D. */
static int run_packed(const struct maf_gemm *g, const struct problem *p, const struct scalars *s, void **acc)
{
    int64_t lda, ldb;
    const double zero[2] = {0, 0};
    *acc = maf_gemm_scratch(SCRATCH_ACC, (size_t)(g->m * g->n) * 16 + 64);
    if (!*acc) {
        return CUDA_OUT_OF_MEMORY;
    }
    if (g->k == 0 || is_zero(s->alpha)) {
        maf_scale_matrix(g->compute, *acc, g->m, g->n, g->m, zero);
        return 0;
    }
    if (g->dnnl.packed.primitive) {
        int error = maf_gemm_run_matmul(&g->dnnl, &g->dnnl.packed, 0, p->a, p->b, *acc);
        if (error == 0 && !is_one(s->alpha)) {
            maf_scale_matrix(g->compute, *acc, g->m, g->n, g->m, s->alpha);
        }
        return error;
    }
    const void *a = maf_gemm_operand(g, &g->a, p->a, SCRATCH_A, &lda);
    const void *b = maf_gemm_operand(g, &g->b, p->b, SCRATCH_B, &ldb);
    if (!a || !b) {
        return CUDA_OUT_OF_MEMORY;
    }
    if (g->gemv && (g->m == 1 || g->n == 1)) {
        const double one[2] = {1, 0};
        maf_scale_matrix(g->compute, *acc, g->m, g->n, g->m, zero);
        if (maf_gemm_as_vector(g, a, lda, b, ldb, *acc, g->m, s->alpha, one)) {
            return 0;
        }
    }
    maf_gemm_multiply(g, a, lda, b, ldb, *acc, g->m, s->alpha, zero);
    return 0;
}

/* BGRADA and BGRADB: sums of op(A) or op(B) over k, per row or column of D, into the bias buffer. */
static void sum_operand(const struct maf_gemm *g, const struct problem *p)
{
    int of_a = (g->epilogue & MAF_EPILOGUE_BGRADA) != 0;
    if (g->swapped) {
        of_a = !of_a;
    }
    const struct maf_gemm_operand *x = of_a ? &g->a : &g->b;
    /* A is rows x k unless transposed, B is k x columns unless transposed. */
    int transposed = x->op == MAF_GEMM_T || x->op == MAF_GEMM_C;
    int over_columns = of_a ? !transposed : transposed;
    maf_sum_matrix(g->type_bias, (void *)(uintptr_t)p->bias, x->type, of_a ? p->a : p->b, x->rows, x->cols, x->ld, over_columns);
}

struct finishing {
    const struct maf_finish *whole;
    int error;
};

static void finish_columns(void *arg, uint64_t begin, uint64_t end)
{
    struct finishing *w = arg;
    struct maf_finish f = *w->whole;
    maf_finish_columns(&f, (int64_t)begin, (int64_t)end);
    int error = maf_finish_matrix(&f);
    if (error) {
        __atomic_store_n(&w->error, error, __ATOMIC_RELAXED);
    }
}

/* A matrix that the product would read or write at address 0: what an address in an array may be. */
static int lacks_memory(const struct maf_gemm *g, const struct problem *p, const struct scalars *s)
{
    int reads = g->k != 0 && !is_zero(s->alpha), adds = g->scalars < MAF_SCALARS_DEVICE_VECTOR && !is_zero(s->beta);
    return !p->d || (reads && (!p->a || !p->b)) || (adds && !p->c);
}

static int run_one(const struct maf_gemm *g, const struct problem *p, const uint64_t *ptrs, const struct scalars *s)
{
    int error;
    if (g->pointer_array && lacks_memory(g, p, s)) {
        return CUDA_ILLEGAL_ADDRESS;
    }
    int finish = g->epilogue & ~(MAF_EPILOGUE_BGRADA | MAF_EPILOGUE_BGRADB);
    if (g->epilogue & (MAF_EPILOGUE_BGRADA | MAF_EPILOGUE_BGRADB)) {
        sum_operand(g, p);
    }
    void *acc = p->d;
    int64_t ld_acc = g->ldd;
    enum direct_use use = g->dnnl.direct_batched ? NOT_DIRECT : use_direct(g, s);
    if (use || g->direct) {
        if (use) {
            bring_c(g, p, s);
            error = maf_gemm_run_matmul(&g->dnnl, &g->dnnl.direct, use == ADDS, p->a, p->b, p->d);
        } else {
            error = run_direct(g, p, s);
        }
        if (error || !finish) {
            return error;
        }
    } else {
        error = run_packed(g, p, s, &acc);
        if (error) {
            return error;
        }
        ld_acc = g->m;
    }
    struct maf_finish f = {
        .m = g->m, .n = g->n, .compute = g->compute, .acc = acc, .ld_acc = ld_acc,
        .type_d = g->type_d, .d = p->d, .ldd = g->ldd,
        .epilogue = finish, .along_columns = (int)g->swapped,
        .type_bias = g->type_bias, .bias = (void *)(uintptr_t)p->bias,
        .type_aux = g->type_aux, .aux = p->aux, .ld_aux = g->ld_aux,
        .beta = {s->beta[0], s->beta[1]},
    };
    int beta_vector = g->scalars == MAF_SCALARS_DEVICE_VECTOR;
    if (!g->direct && (beta_vector || !is_zero(s->beta))) {
        f.type_c = g->type_c;
        f.c = p->c;
        f.row_c = g->row_c;
        f.col_c = g->col_c;
    }
    if (g->scalars >= MAF_SCALARS_DEVICE_VECTOR) {
        f.type_scale = g->type_scale;
        f.alpha_vector = (const void *)(uintptr_t)ptrs[PTR_ALPHA];
        f.beta_vector = beta_vector ? (const void *)(uintptr_t)ptrs[PTR_BETA] : NULL;
    }
    /* A gradient per row sums over all columns, and mask bits of neighbouring columns may share a byte. */
    int whole = (finish & MAF_EPILOGUE_BGRAD) || ((finish & MAF_EPILOGUE_RELU) && (finish & MAF_EPILOGUE_AUX));
    if (whole) {
        return maf_finish_matrix(&f);
    }
    struct finishing w = {&f, 0};
    maf_gemm_for_columns(g->m, g->n, finish_columns, &w);
    return w.error;
}

static void locate(const struct maf_gemm *g, const uint64_t *ptrs, int64_t i, struct problem *p)
{
    /* D was row major: the description's A is this product's right operand. */
    int a = g->swapped ? PTR_B : PTR_A, b = g->swapped ? PTR_A : PTR_B;
    if (g->pointer_array) {
        const uint64_t *array[4];
        for (int j = 0; j < 4; j++) {
            array[j] = (const uint64_t *)(uintptr_t)ptrs[j];
        }
        p->a = array[a] ? (const char *)(uintptr_t)array[a][i] : NULL;
        p->b = array[b] ? (const char *)(uintptr_t)array[b][i] : NULL;
        p->c = array[PTR_C] ? (const char *)(uintptr_t)array[PTR_C][i] : NULL;
        p->d = (char *)(uintptr_t)array[PTR_D][i];
    } else {
        p->a = at(ptrs[a], g->a.type, i * g->a.stride);
        p->b = at(ptrs[b], g->b.type, i * g->b.stride);
        p->c = at(ptrs[PTR_C], g->type_c, i * g->stride_c);
        p->d = at(ptrs[PTR_D], g->type_d, i * g->stride_d);
    }
    p->bias = ptrs[PTR_BIAS] ? at(ptrs[PTR_BIAS], g->type_bias, i * g->stride_bias) : NULL;
    /* A ReLU mask has one bit per element; its stride counts bits. */
    int mask = !(g->epilogue & (MAF_EPILOGUE_GELU | MAF_EPILOGUE_DGELU));
    p->aux = NULL;
    if (ptrs[PTR_AUX]) {
        int64_t offset = i * g->stride_aux;
        p->aux = mask ? (char *)(uintptr_t)ptrs[PTR_AUX] + offset / 8 : at(ptrs[PTR_AUX], g->type_aux, offset);
    }
}

/* The whole batch in one call of the library; 0 if it has to be done one by one. */
static int run_batch(const struct maf_gemm *g, const uint64_t *ptrs, const struct scalars *s, int *error)
{
    struct problem p;
    enum direct_use use = g->dnnl.direct_batched ? use_direct(g, s) : NOT_DIRECT;
    if (use) {
        for (int64_t i = 0; i < g->batch && !is_zero(s->beta); i++) {
            locate(g, ptrs, i, &p);
            bring_c(g, &p, s);
        }
        locate(g, ptrs, 0, &p);
        *error = maf_gemm_run_matmul(&g->dnnl, &g->dnnl.direct, use == ADDS, p.a, p.b, p.d);
        return 1;
    }
    return 0;
}

struct batch {
    const struct maf_gemm *g;
    const uint64_t *ptrs;
    const struct scalars *scalars;
    int error;
};

static void run_range(void *arg, uint64_t begin, uint64_t end)
{
    struct batch *w = arg;
    int outer = maf_gemm_inside_pool;
    maf_gemm_inside_pool = 1;
    for (uint64_t i = begin; i < end; i++) {
        struct problem p;
        locate(w->g, w->ptrs, (int64_t)i, &p);
        int error = run_one(w->g, &p, w->ptrs, w->scalars);
        if (error) {
            __atomic_store_n(&w->error, error, __ATOMIC_RELAXED);
        }
    }
    maf_gemm_inside_pool = outer;
}

/* Matrices of a batch go to different threads, unless they are few and large; oneDNN's memory objects are the plan's,
 * so a plan that uses them runs one matrix at a time. */
static int spread_batch(const struct maf_gemm *g)
{
    double work = (double)g->m * (double)g->n * (double)(g->k ? g->k : 1);
    return g->batch > 1 && !g->dnnl.execute && (g->batch >= 4 * maf_cpu_threads() || work < 4.0 * MAF_GEMM_PART);
}

int maf_gemm_run(void *closure, const uint64_t *ptrs, const void *host_scalars)
{
    const struct maf_gemm *g = closure;
    struct scalars s;
    int error = CUDA_SUCCESS_;
    if (g->m == 0 || g->n == 0) {
        return CUDA_SUCCESS_;
    }
    read_scalars(g, ptrs, host_scalars, &s);
    if (g->batch > 1 && run_batch(g, ptrs, &s, &error)) {
        return error;
    }
    if (spread_batch(g)) {
        double work = (double)g->m * (double)g->n * (double)(g->k ? g->k : 1);
        struct batch w = {g, ptrs, &s, 0};
        uint64_t grain = (uint64_t)(MAF_GEMM_PART / 2 / work) + 1;
        if (grain >= (uint64_t)g->batch) {
            run_range(&w, 0, (uint64_t)g->batch);
        } else {
            maf_cpu_parallel_for((uint64_t)g->batch, grain, run_range, &w);
        }
        return w.error;
    }
    for (int64_t i = 0; i < g->batch && !error; i++) {
        struct problem p;
        locate(g, ptrs, i, &p);
        error = run_one(g, &p, ptrs, &s);
    }
    return error;
}
