/* Replays GEMM plans; see op_gemm.h. The epilogues and type conversions are in op_convert.c.
 *
 * The BLAS runs single-threaded; products are cut into tiles, and batches into matrices, for the launch pool.
 * A BLAS's own threads wait for each other by spinning, which costs whole time slices when the machine has other
 * work; the pool's threads take tiles as they get to run. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocol.h"

#include "cpu_launch.h"
#include "op_convert.h"
#include "op_gemm.h"

enum { CUDA_SUCCESS_ = 0, CUDA_OUT_OF_MEMORY = 2, CUDA_ERROR_UNKNOWN_ = 999 };
enum { CBLAS_COLUMN_MAJOR = 102 };
enum {
    PART = 1000000, /* multiplications, about 20 us: worth waking a thread for */
    TILE_STEP = 16,
    TILE_MOST = 1024,
    TILES_PER_THREAD = 2,
    ELEMENT_PART = 1 << 15 /* elements to convert, finish or multiply by a vector */
};
enum { PTR_A, PTR_B, PTR_C, PTR_D, PTR_BIAS, PTR_AUX, PTR_ALPHA, PTR_BETA };
enum { DNNL_SRC = 1, DNNL_DST = 17, DNNL_WEIGHTS = 33, DNNL_SCRATCHPAD = 80 };

/* CBLAS_TRANSPOSE of enum maf_gemm_op; ConjNoTrans is OpenBLAS's and MKL's extension. */
static const int cblas_op[4] = {111, 112, 113, 114};

typedef void (*sgemm_fn)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);
typedef void (*dgemm_fn)(int, int, int, int, int, int, double, const double *, int, const double *, int, double, double *, int);
typedef void (*xgemm_fn)(int, int, int, int, int, int, const void *, const void *, int, const void *, int, const void *, void *, int);
typedef void (*sgemv_fn)(int, int, int, int, float, const float *, int, const float *, int, float, float *, int);
typedef void (*dgemv_fn)(int, int, int, int, double, const double *, int, const double *, int, double, double *, int);
typedef void (*xgemv_fn)(int, int, int, int, const void *, const void *, int, const void *, int, const void *, void *, int);

struct scalars {
    double alpha[2];
    double beta[2];
};

struct dnnl_arg {
    int arg;
    void *memory;
};

/* The calling thread already runs a part of a batch. */
static _Thread_local int inside_pool;

/* Scratch that stays with the thread: plans run one after another, so they share it. */
enum { SCRATCH_A, SCRATCH_B, SCRATCH_ACC, SCRATCH_LIBRARY, SCRATCH_COUNT };
static _Thread_local struct {
    void *memory;
    size_t bytes;
} scratch[SCRATCH_COUNT];

static void *get_scratch(int slot, size_t bytes)
{
    if (scratch[slot].bytes < bytes) {
        size_t size = (bytes + 0xffff) & ~(size_t)0xffff;
        free(scratch[slot].memory);
        scratch[slot].memory = aligned_alloc(64, size);
        scratch[slot].bytes = scratch[slot].memory ? size : 0;
    }
    return scratch[slot].memory;
}

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

struct conversion {
    const struct maf_gemm *g;
    const struct maf_gemm_operand *x;
    const char *from;
    char *to;
};

static void convert_columns(void *arg, uint64_t begin, uint64_t end)
{
    const struct conversion *c = arg;
    const struct maf_gemm_operand *x = c->x;
    maf_convert_matrix(c->g->compute, c->to + (int64_t)begin * x->rows * maf_type_bytes(c->g->compute), x->type,
                       c->from + (int64_t)begin * x->ld * maf_type_bytes(x->type), x->rows, (int64_t)(end - begin), x->ld);
}

/* Runs fn over the columns of a matrix, on the pool if it is large. */
static void for_columns(int64_t rows, int64_t cols, void (*fn)(void *, uint64_t, uint64_t), void *arg)
{
    uint64_t grain = (uint64_t)(ELEMENT_PART / (rows > 0 ? rows : 1)) + 1;
    if (inside_pool || grain * 2 > (uint64_t)cols) {
        fn(arg, 0, (uint64_t)cols);
    } else {
        maf_cpu_parallel_for((uint64_t)cols, grain, fn, arg);
    }
}

/* The operand as the BLAS reads it: in place, or a packed copy of the compute type. */
static const void *operand(const struct maf_gemm *g, const struct maf_gemm_operand *x, const char *p, int slot, int64_t *ld)
{
    *ld = x->ld;
    if (!x->convert) {
        return p;
    }
    void *copy = get_scratch(slot, (size_t)(x->rows * x->cols) * maf_type_bytes(g->compute));
    if (copy) {
        struct conversion c = {g, x, p, copy};
        for_columns(x->rows, x->cols, convert_columns, &c);
        *ld = x->rows ? x->rows : 1;
    }
    return copy;
}

/* A product of the compute type on its way into tiles. */
struct product {
    const struct maf_gemm *g;
    const char *a;
    int64_t lda;
    const char *b;
    int64_t ldb;
    char *d;
    int64_t ldd;
    const double *alpha;
    const double *beta;
    int64_t tile_m;
    int64_t tile_n;
    int64_t tiles_m;
};

/* Rows [i, i + m) and columns [j, j + n) of d = alpha * op(a) op(b) + beta * d. */
static void multiply_part(const struct product *p, int64_t i, int64_t j, int m, int n)
{
    const struct maf_gemm *g = p->g;
    int64_t size = maf_type_bytes(g->compute);
    int ta = cblas_op[g->a.op], tb = cblas_op[g->b.op], k = (int)g->k;
    int transposed_a = g->a.op == MAF_GEMM_T || g->a.op == MAF_GEMM_C;
    int transposed_b = g->b.op == MAF_GEMM_T || g->b.op == MAF_GEMM_C;
    const void *a = p->a + i * (transposed_a ? p->lda : 1) * size;
    const void *b = p->b + j * (transposed_b ? 1 : p->ldb) * size;
    void *d = p->d + (j * p->ldd + i) * size;
    int la = (int)p->lda, lb = (int)p->ldb, ld = (int)p->ldd;
    const double *alpha = p->alpha, *beta = p->beta;
    switch (g->compute) {
    case MAF_F32:
        ((sgemm_fn)g->gemm)(CBLAS_COLUMN_MAJOR, ta, tb, m, n, k, (float)alpha[0], a, la, b, lb, (float)beta[0], d, ld);
        break;
    case MAF_F64:
        ((dgemm_fn)g->gemm)(CBLAS_COLUMN_MAJOR, ta, tb, m, n, k, alpha[0], a, la, b, lb, beta[0], d, ld);
        break;
    case MAF_C64: {
        float fa[2] = {(float)alpha[0], (float)alpha[1]}, fb[2] = {(float)beta[0], (float)beta[1]};
        ((xgemm_fn)g->gemm)(CBLAS_COLUMN_MAJOR, ta, tb, m, n, k, fa, a, la, b, lb, fb, d, ld);
        break;
    }
    default:
        ((xgemm_fn)g->gemm)(CBLAS_COLUMN_MAJOR, ta, tb, m, n, k, alpha, a, la, b, lb, beta, d, ld);
    }
}

static void multiply_tiles(void *arg, uint64_t begin, uint64_t end)
{
    const struct product *p = arg;
    for (uint64_t t = begin; t < end; t++) {
        int64_t i = (int64_t)t % p->tiles_m * p->tile_m, j = (int64_t)t / p->tiles_m * p->tile_n;
        int64_t m = p->g->m - i < p->tile_m ? p->g->m - i : p->tile_m;
        int64_t n = p->g->n - j < p->tile_n ? p->g->n - j : p->tile_n;
        multiply_part(p, i, j, (int)m, (int)n);
    }
}

static int64_t round_up(int64_t value, int64_t step)
{
    return (value + step - 1) / step * step;
}

/* Threads that may share `work` multiplications of which PART are worth a hand-over; 1 inside the pool. */
static int64_t parts_of(double work)
{
    int64_t most = (int64_t)(work / PART), threads = inside_pool ? 1 : maf_cpu_threads();
    return threads < 2 || most < 2 ? 1 : most;
}

/* d = alpha * op(a) op(b) + beta * d, all of the compute type. */
static void multiply(const struct maf_gemm *g, const void *a, int64_t lda, const void *b, int64_t ldb, void *d,
                     int64_t ldd, const double alpha[2], const double beta[2])
{
    struct product p = {g, a, lda, b, ldb, d, ldd, alpha, beta, g->m, g->n, 1};
    int64_t parts = parts_of((double)g->m * (double)g->n * (double)g->k);
    int64_t most = TILES_PER_THREAD * maf_cpu_threads();
    if (parts < 2) {
        multiply_part(&p, 0, 0, (int)g->m, (int)g->n);
        return;
    }
    if (parts > most) {
        parts = most;
    }
    /* Cut the longer side first; tiles stay multiples of the BLAS's register blocks. */
    int64_t tiles = 1;
    while (tiles < parts) {
        int64_t *side = p.tile_m > p.tile_n ? &p.tile_m : &p.tile_n;
        if (*side < 2 * TILE_STEP) {
            break;
        }
        *side = round_up(*side / 2, TILE_STEP);
        tiles *= 2;
    }
    while (p.tile_m > TILE_MOST) {
        p.tile_m = round_up(p.tile_m / 2, TILE_STEP);
    }
    while (p.tile_n > TILE_MOST) {
        p.tile_n = round_up(p.tile_n / 2, TILE_STEP);
    }
    p.tiles_m = (g->m + p.tile_m - 1) / p.tile_m;
    maf_cpu_parallel_for((uint64_t)(p.tiles_m * ((g->n + p.tile_n - 1) / p.tile_n)), 1, multiply_tiles, &p);
}

struct vector_product {
    const struct maf_gemm *g;
    int op;
    int64_t rows;
    int64_t cols;
    const char *matrix;
    int64_t ld;
    const char *x;
    int64_t incx;
    char *y;
    int64_t incy;
    const double *alpha;
    const double *beta;
};

/* Elements [begin, end) of y. BLAS wants a negative increment's vector by its lowest address. */
static void multiply_vector_part(void *arg, uint64_t begin, uint64_t end)
{
    const struct vector_product *p = arg;
    const struct maf_gemm *g = p->g;
    int64_t size = maf_type_bytes(g->compute), count = (int64_t)(end - begin);
    int by_rows = p->op == MAF_GEMM_N || p->op == MAF_GEMM_R;
    int64_t rows = by_rows ? count : p->rows, cols = by_rows ? p->cols : count;
    const void *matrix = p->matrix + (int64_t)begin * (by_rows ? 1 : p->ld) * size;
    const char *x = p->x;
    char *y = p->y + (int64_t)begin * p->incy * size;
    int t = cblas_op[p->op], m = (int)rows, n = (int)cols, ix = (int)p->incx, iy = (int)p->incy, ld = (int)p->ld;
    if (p->incx < 0) {
        x += ((by_rows ? cols : rows) - 1) * p->incx * size;
    }
    if (p->incy < 0) {
        y += (count - 1) * p->incy * size;
    }
    const double *alpha = p->alpha, *beta = p->beta;
    switch (g->compute) {
    case MAF_F32:
        ((sgemv_fn)g->gemv)(CBLAS_COLUMN_MAJOR, t, m, n, (float)alpha[0], matrix, ld, (const float *)x, ix, (float)beta[0], (float *)y, iy);
        break;
    case MAF_F64:
        ((dgemv_fn)g->gemv)(CBLAS_COLUMN_MAJOR, t, m, n, alpha[0], matrix, ld, (const double *)x, ix, beta[0], (double *)y, iy);
        break;
    case MAF_C64: {
        float fa[2] = {(float)alpha[0], (float)alpha[1]}, fb[2] = {(float)beta[0], (float)beta[1]};
        ((xgemv_fn)g->gemv)(CBLAS_COLUMN_MAJOR, t, m, n, fa, matrix, ld, x, ix, fb, y, iy);
        break;
    }
    default:
        ((xgemv_fn)g->gemv)(CBLAS_COLUMN_MAJOR, t, m, n, alpha, matrix, ld, x, ix, beta, y, iy);
    }
}

/* y = alpha * op(matrix) x + beta * y. */
static void multiply_vector(const struct maf_gemm *g, int op, int64_t rows, int64_t cols, const void *matrix, int64_t ld,
                            const char *x, int64_t incx, char *y, int64_t incy, const double alpha[2],
                            const double beta[2])
{
    struct vector_product p = {g, op, rows, cols, matrix, ld, x, incx, y, incy, alpha, beta};
    uint64_t out = (uint64_t)(op == MAF_GEMM_N || op == MAF_GEMM_R ? rows : cols), in = (uint64_t)(rows + cols) - out;
    uint64_t grain = in ? ELEMENT_PART / in + 1 : out;
    if (inside_pool || grain * 2 > out) {
        multiply_vector_part(&p, 0, out);
    } else {
        maf_cpu_parallel_for(out, grain < 64 ? 64 : grain, multiply_vector_part, &p);
    }
}

/* A product with one row or one column is a matrix times a vector; 0 if it has to be a GEMM. */
static int as_vector(const struct maf_gemm *g, const void *a, int64_t lda, const void *b, int64_t ldb, void *d,
                     int64_t ldd, const double alpha[2], const double beta[2])
{
    static const int transposed[4] = {MAF_GEMM_T, MAF_GEMM_N, MAF_GEMM_R, MAF_GEMM_C};
    if (!g->gemv || (g->m > 1 && g->n > 1)) {
        return 0;
    }
    /* A scalar product: one vector as a matrix of one column, if it is contiguous. */
    if (g->m == 1 && g->n == 1) {
        int conj_a = g->a.op >= MAF_GEMM_C, conj_b = g->b.op >= MAF_GEMM_C;
        int64_t inc_a = g->a.op == MAF_GEMM_N || g->a.op == MAF_GEMM_R ? lda : 1;
        int64_t inc_b = g->b.op == MAF_GEMM_N || g->b.op == MAF_GEMM_R ? 1 : ldb;
        if (inc_a == 1 && !conj_b) {
            multiply_vector(g, conj_a ? MAF_GEMM_C : MAF_GEMM_T, g->k, 1, a, g->k, b, inc_b, d, 1, alpha, beta);
            return 1;
        }
        if (inc_b == 1 && !conj_a) {
            multiply_vector(g, conj_b ? MAF_GEMM_C : MAF_GEMM_T, g->k, 1, b, g->k, a, inc_a, d, 1, alpha, beta);
            return 1;
        }
    }
    /* Whether the vector is a stored row (stride ld) or a stored column (stride 1). */
    if (g->n == 1 && g->b.op <= MAF_GEMM_T && lda > 0) {
        int64_t incx = g->b.op == MAF_GEMM_N ? 1 : ldb;
        multiply_vector(g, (int)g->a.op, g->a.rows, g->a.cols, a, lda, b, incx, d, 1, alpha, beta);
        return 1;
    }
    if (g->m == 1 && g->a.op <= MAF_GEMM_T && ldb > 0) {
        int64_t incx = g->a.op == MAF_GEMM_N ? lda : 1;
        multiply_vector(g, transposed[g->b.op], g->b.rows, g->b.cols, b, ldb, a, incx, d, ldd, alpha, beta);
        return 1;
    }
    return 0;
}

struct matmul {
    const struct maf_gemm_dnnl *library;
    const struct maf_gemm_matmul *plan;
    int sum;
    const char *a;
    const char *b;
    char *d;
    int error;
};

static int run_matmul_tile(const struct matmul *w, int64_t t)
{
    const struct maf_gemm_dnnl *l = w->library;
    const struct maf_gemm_matmul *p = w->plan;
    void **memories = p->memories + 4 * t;
    int last = t == p->tiles - 1;
    const void *primitive = w->sum ? (last ? p->sum_tail : p->sum) : (last ? p->tail : p->primitive);
    struct dnnl_arg args[4] = {{DNNL_SRC, memories[0]}, {DNNL_WEIGHTS, memories[1]}, {DNNL_DST, memories[2]},
                               {DNNL_SCRATCHPAD, memories[3]}};
    l->set_handle(memories[0], (void *)(uintptr_t)(w->b + t * p->step_src));
    l->set_handle(memories[1], (void *)(uintptr_t)(w->a + t * p->step_weights));
    l->set_handle(memories[2], w->d + t * p->step_dst);
    if (memories[3]) {
        void *scratchpad = get_scratch(SCRATCH_LIBRARY, (size_t)p->scratch_bytes);
        if (!scratchpad) {
            return CUDA_OUT_OF_MEMORY;
        }
        l->set_handle(memories[3], scratchpad);
    }
    if (l->execute(primitive, l->stream, memories[3] ? 4 : 3, args) != 0) {
        return CUDA_ERROR_UNKNOWN_;
    }
    l->wait(l->stream);
    return 0;
}

static void run_matmul_tiles(void *arg, uint64_t begin, uint64_t end)
{
    struct matmul *w = arg;
    for (uint64_t t = begin; t < end; t++) {
        int error = run_matmul_tile(w, (int64_t)t);
        if (error) {
            __atomic_store_n(&w->error, error, __ATOMIC_RELAXED);
        }
    }
}

static int run_matmul(const struct maf_gemm_dnnl *l, const struct maf_gemm_matmul *p, int sum, const char *a,
                      const char *b, void *d)
{
    struct matmul w = {l, p, sum, a, b, d, 0};
    if (p->tiles == 1) {
        return run_matmul_tile(&w, 0);
    }
    maf_cpu_parallel_for((uint64_t)p->tiles, 1, run_matmul_tiles, &w);
    return w.error;
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
    const void *a = operand(g, &g->a, p->a, SCRATCH_A, &lda);
    const void *b = operand(g, &g->b, p->b, SCRATCH_B, &ldb);
    if (!a || !b) {
        return CUDA_OUT_OF_MEMORY;
    }
    const double zero[2] = {0, 0}, one[2] = {1, 0};
    /* gemv implementations may multiply y by beta = 0 and so keep its NaNs: clear it first. */
    if (!use_c && g->gemv && (g->m == 1 || g->n == 1)) {
        maf_scale_matrix(g->type_d, p->d, g->m, g->n, g->ldd, zero);
    }
    if (!as_vector(g, a, lda, b, ldb, p->d, g->ldd, s->alpha, use_c ? s->beta : one)) {
        multiply(g, a, lda, b, ldb, p->d, g->ldd, s->alpha, s->beta);
    }
    return 0;
}

/* Multiplies into a packed matrix of the compute type, then finishes and rounds once into D. */
static int run_packed(const struct maf_gemm *g, const struct problem *p, const struct scalars *s, void **acc)
{
    int64_t lda, ldb;
    const double zero[2] = {0, 0};
    *acc = get_scratch(SCRATCH_ACC, (size_t)(g->m * g->n) * 16 + 64);
    if (!*acc) {
        return CUDA_OUT_OF_MEMORY;
    }
    if (g->k == 0 || is_zero(s->alpha)) {
        maf_scale_matrix(g->compute, *acc, g->m, g->n, g->m, zero);
        return 0;
    }
    if (g->dnnl.packed.primitive) {
        int error = run_matmul(&g->dnnl, &g->dnnl.packed, 0, p->a, p->b, *acc);
        if (error == 0 && !is_one(s->alpha)) {
            maf_scale_matrix(g->compute, *acc, g->m, g->n, g->m, s->alpha);
        }
        return error;
    }
    const void *a = operand(g, &g->a, p->a, SCRATCH_A, &lda);
    const void *b = operand(g, &g->b, p->b, SCRATCH_B, &ldb);
    if (!a || !b) {
        return CUDA_OUT_OF_MEMORY;
    }
    if (g->gemv && (g->m == 1 || g->n == 1)) {
        const double one[2] = {1, 0};
        maf_scale_matrix(g->compute, *acc, g->m, g->n, g->m, zero);
        if (as_vector(g, a, lda, b, ldb, *acc, g->m, s->alpha, one)) {
            return 0;
        }
    }
    multiply(g, a, lda, b, ldb, *acc, g->m, s->alpha, zero);
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

static int run_one(const struct maf_gemm *g, const struct problem *p, const uint64_t *ptrs, const struct scalars *s)
{
    int error;
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
            error = run_matmul(&g->dnnl, &g->dnnl.direct, use == ADDS, p->a, p->b, p->d);
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
    for_columns(g->m, g->n, finish_columns, &w);
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
        *error = run_matmul(&g->dnnl, &g->dnnl.direct, use == ADDS, p.a, p.b, p.d);
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
    int outer = inside_pool;
    inside_pool = 1;
    for (uint64_t i = begin; i < end; i++) {
        struct problem p;
        locate(w->g, w->ptrs, (int64_t)i, &p);
        int error = run_one(w->g, &p, w->ptrs, w->scalars);
        if (error) {
            __atomic_store_n(&w->error, error, __ATOMIC_RELAXED);
        }
    }
    inside_pool = outer;
}

/* Matrices of a batch go to different threads, unless they are few and large; oneDNN's memory objects are the plan's,
 * so a plan that uses them runs one matrix at a time. */
static int spread_batch(const struct maf_gemm *g)
{
    double work = (double)g->m * (double)g->n * (double)(g->k ? g->k : 1);
    return g->batch > 1 && !g->dnnl.execute && (g->batch >= 4 * maf_cpu_threads() || work < 4.0 * PART);
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
        uint64_t grain = (uint64_t)(PART / 2 / work) + 1;
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
