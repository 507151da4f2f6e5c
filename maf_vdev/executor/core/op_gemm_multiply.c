/* The products behind a GEMM plan: BLAS calls cut into tiles, matrix times vector, oneDNN matmuls.
 *
 * The BLAS runs single-threaded; products are cut into tiles, and batches into matrices, for the launch pool.
 * A BLAS's own threads wait for each other by spinning, which costs whole time slices when the machine has other
 * work; the pool's threads take tiles as they get to run. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocol.h"

#include "cpu_launch.h"
#include "gemm_parts.h"
#include "op_convert.h"

enum { CBLAS_COLUMN_MAJOR = 102 };
enum {
    TILE_STEP = 16,
    TILE_MOST = 1024,
    TILES_PER_THREAD = 2,
    ELEMENT_PART = 1 << 15 /* elements to convert, finish or multiply by a vector */
};
enum { DNNL_SRC = 1, DNNL_DST = 17, DNNL_WEIGHTS = 33, DNNL_SCRATCHPAD = 80 };

/* CBLAS_TRANSPOSE of enum maf_gemm_op; ConjNoTrans is OpenBLAS's and MKL's extension. */
static const int cblas_op[4] = {111, 112, 113, 114};

typedef void (*sgemm_fn)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);
typedef void (*dgemm_fn)(int, int, int, int, int, int, double, const double *, int, const double *, int, double, double *, int);
typedef void (*xgemm_fn)(int, int, int, int, int, int, const void *, const void *, int, const void *, int, const void *, void *, int);
typedef void (*sgemv_fn)(int, int, int, int, float, const float *, int, const float *, int, float, float *, int);
typedef void (*dgemv_fn)(int, int, int, int, double, const double *, int, const double *, int, double, double *, int);
typedef void (*xgemv_fn)(int, int, int, int, const void *, const void *, int, const void *, int, const void *, void *, int);

struct dnnl_arg {
    int arg;
    void *memory;
};

_Thread_local int maf_gemm_inside_pool;

static _Thread_local struct {
    void *memory;
    size_t bytes;
} scratch[SCRATCH_COUNT];

void *maf_gemm_scratch(int slot, size_t bytes)
{
    if (scratch[slot].bytes < bytes) {
        size_t size = (bytes + 0xffff) & ~(size_t)0xffff;
        free(scratch[slot].memory);
        scratch[slot].memory = aligned_alloc(64, size);
        scratch[slot].bytes = scratch[slot].memory ? size : 0;
    }
    return scratch[slot].memory;
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

void maf_gemm_for_columns(int64_t rows, int64_t cols, void (*fn)(void *, uint64_t, uint64_t), void *arg)
{
    uint64_t grain = (uint64_t)(ELEMENT_PART / (rows > 0 ? rows : 1)) + 1;
    if (maf_gemm_inside_pool || grain * 2 > (uint64_t)cols) {
        fn(arg, 0, (uint64_t)cols);
    } else {
        maf_cpu_parallel_for((uint64_t)cols, grain, fn, arg);
    }
}

const void *maf_gemm_operand(const struct maf_gemm *g, const struct maf_gemm_operand *x, const char *p, int slot, int64_t *ld)
{
    *ld = x->ld;
    if (!x->convert) {
        return p;
    }
    void *copy = maf_gemm_scratch(slot, (size_t)(x->rows * x->cols) * maf_type_bytes(g->compute));
    if (copy) {
        struct conversion c = {g, x, p, copy};
        maf_gemm_for_columns(x->rows, x->cols, convert_columns, &c);
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

/* Threads that may share `work` multiplications of which MAF_GEMM_PART are worth a hand-over; 1 inside the pool. */
static int64_t parts_of(double work)
{
    int64_t most = (int64_t)(work / MAF_GEMM_PART), threads = maf_gemm_inside_pool ? 1 : maf_cpu_threads();
    return threads < 2 || most < 2 ? 1 : most;
}

void maf_gemm_multiply(const struct maf_gemm *g, const void *a, int64_t lda, const void *b, int64_t ldb, void *d,
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
    if (maf_gemm_inside_pool || grain * 2 > out) {
        multiply_vector_part(&p, 0, out);
    } else {
        maf_cpu_parallel_for(out, grain < 64 ? 64 : grain, multiply_vector_part, &p);
    }
}

int maf_gemm_as_vector(const struct maf_gemm *g, const void *a, int64_t lda, const void *b, int64_t ldb, void *d,
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
        void *scratchpad = maf_gemm_scratch(SCRATCH_LIBRARY, (size_t)p->scratch_bytes);
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

int maf_gemm_run_matmul(const struct maf_gemm_dnnl *l, const struct maf_gemm_matmul *p, int sum, const char *a,
                      const char *b, void *d)
{
    struct matmul w = {l, p, sum, a, b, d, 0};
    if (p->tiles == 1) {
        return run_matmul_tile(&w, 0);
    }
    maf_cpu_parallel_for((uint64_t)p->tiles, 1, run_matmul_tiles, &w);
    return w.error;
}
