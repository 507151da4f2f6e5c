/* Level 3 routines with triangular, symmetric and Hermitian matrices, and cuBLAS's geam and dgmm. */

#include "front.h"

struct level3 {
    int64_t routine;
    int64_t type;
    int side;
    int uplo;
    int transa;
    int transb;
    int diag;
    int64_t m;
    int64_t n;
    int64_t k;
    const void *alpha;
    int64_t type_alpha;
    const void *a;
    int64_t lda;
    const void *b;
    int64_t ldb;
    const void *beta;
    int64_t type_beta;
    const void *c;
    int64_t ldc;
    const void *x;
    int64_t incx;
    int64_t batch;
    int pointers;
    const char *function;
};

static cublasStatus_t level3(cublasHandle_t handle, const struct level3 *g)
{
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    int has_beta = g->routine != MAF_BLAS_TRSM && g->routine != MAF_BLAS_TRMM && g->routine != MAF_BLAS_DGMM;
    if ((unsigned)g->side > CUBLAS_SIDE_RIGHT || (unsigned)g->uplo > CUBLAS_FILL_MODE_UPPER ||
        (unsigned)g->transa > CUBLAS_OP_C || (unsigned)g->transb > CUBLAS_OP_C || (unsigned)g->diag > CUBLAS_DIAG_UNIT ||
        (g->routine != MAF_BLAS_DGMM && !g->alpha) || (has_beta && !g->beta) || g->m < 0 || g->n < 0 || g->k < 0 ||
        g->batch < 0) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    struct maf_blas_call call;
    memset(&call, 0, sizeof call);
    struct maf_op_blas *op = &call.op;
    op->routine = g->routine;
    op->type = g->type;
    op->side = g->side;
    op->uplo = g->uplo;
    op->transa = g->transa;
    op->transb = g->transb;
    op->unit_diagonal = g->diag;
    op->m = g->m;
    op->n = g->n;
    op->k = g->k;
    op->lda = g->lda;
    op->ldb = g->ldb;
    op->ldc = g->ldc;
    op->incx = g->incx;
    op->batch = g->batch;
    op->pointer_array = g->pointers;
    call.pointers[BLAS_A] = maf_address(g->a);
    call.pointers[BLAS_B] = maf_address(g->b);
    call.pointers[BLAS_C] = maf_address(g->c);
    call.pointers[BLAS_X] = maf_address(g->x);
    return maf_submit_blas(handle, &call, g->alpha, g->type_alpha, g->beta, g->type_beta, g->function);
}

#define TRIANGULAR(ROUTINE, TYPE)                                                                                      \
    .routine = ROUTINE, .type = TYPE, .side = side, .uplo = uplo, .transa = trans, .diag = diag, .m = m, .n = n,      \
    .alpha = alpha, .type_alpha = TYPE, .a = a, .lda = lda, .b = b, .ldb = ldb

#define DEFINE_TRIANGULAR(L, INT, SUFFIX, T, TYPE)                                                                     \
    cublasStatus_t cublas##L##trsm_v2##SUFFIX(cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t uplo,    \
                                              cublasOperation_t trans, cublasDiagType_t diag, INT m, INT n,           \
                                              const T *alpha, const T *a, INT lda, T *b, INT ldb)                      \
    {                                                                                                                  \
        struct level3 g = {TRIANGULAR(MAF_BLAS_TRSM, TYPE), .batch = 1, .function = "cublas" #L "trsm_v2" #SUFFIX};    \
        return level3(handle, &g);                                                                                     \
    }                                                                                                                  \
    cublasStatus_t cublas##L##trsmBatched##SUFFIX(                                                                     \
        cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t uplo, cublasOperation_t trans,                  \
        cublasDiagType_t diag, INT m, INT n, const T *alpha, const T *const a[], INT lda, T *const b[], INT ldb,       \
        INT batch)                                                                                                     \
    {                                                                                                                  \
        struct level3 g = {TRIANGULAR(MAF_BLAS_TRSM, TYPE), .batch = batch, .pointers = 1,                             \
                           .function = "cublas" #L "trsmBatched" #SUFFIX};                                             \
        return level3(handle, &g);                                                                                     \
    }                                                                                                                  \
    cublasStatus_t cublas##L##trmm_v2##SUFFIX(cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t uplo,    \
                                              cublasOperation_t trans, cublasDiagType_t diag, INT m, INT n,           \
                                              const T *alpha, const T *a, INT lda, const T *b, INT ldb, T *c,         \
                                              INT ldc)                                                                 \
    {                                                                                                                  \
        struct level3 g = {TRIANGULAR(MAF_BLAS_TRMM, TYPE), .c = c, .ldc = ldc, .batch = 1,                            \
                           .function = "cublas" #L "trmm_v2" #SUFFIX};                                                 \
        return level3(handle, &g);                                                                                     \
    }

#define DEFINE_SYMM(NAME, INT, T, TYPE, ROUTINE)                                                                       \
    cublasStatus_t NAME(cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t uplo, INT m, INT n,            \
                        const T *alpha, const T *a, INT lda, const T *b, INT ldb, const T *beta, T *c, INT ldc)       \
    {                                                                                                                  \
        struct level3 g = {.routine = ROUTINE, .type = TYPE, .side = side, .uplo = uplo, .m = m, .n = n,               \
                           .alpha = alpha, .type_alpha = TYPE, .a = a, .lda = lda, .b = b, .ldb = ldb, .beta = beta,   \
                           .type_beta = TYPE, .c = c, .ldc = ldc, .batch = 1, .function = #NAME};                      \
        return level3(handle, &g);                                                                                     \
    }

#define DEFINE_SYRK(NAME, INT, T, TYPE, ROUTINE, S, SCALE)                                                             \
    cublasStatus_t NAME(cublasHandle_t handle, cublasFillMode_t uplo, cublasOperation_t trans, INT n, INT k,          \
                        const S *alpha, const T *a, INT lda, const S *beta, T *c, INT ldc)                             \
    {                                                                                                                  \
        struct level3 g = {.routine = ROUTINE, .type = TYPE, .uplo = uplo, .transa = trans, .n = n, .k = k,            \
                           .alpha = alpha, .type_alpha = SCALE, .a = a, .lda = lda, .beta = beta,                      \
                           .type_beta = SCALE, .c = c, .ldc = ldc, .batch = 1, .function = #NAME};                     \
        return level3(handle, &g);                                                                                     \
    }

#define DEFINE_SYR2K(NAME, INT, T, TYPE, ROUTINE, S, SCALE)                                                            \
    cublasStatus_t NAME(cublasHandle_t handle, cublasFillMode_t uplo, cublasOperation_t trans, INT n, INT k,          \
                        const T *alpha, const T *a, INT lda, const T *b, INT ldb, const S *beta, T *c, INT ldc)       \
    {                                                                                                                  \
        struct level3 g = {.routine = ROUTINE, .type = TYPE, .uplo = uplo, .transa = trans, .n = n, .k = k,            \
                           .alpha = alpha, .type_alpha = TYPE, .a = a, .lda = lda, .b = b, .ldb = ldb, .beta = beta,   \
                           .type_beta = SCALE, .c = c, .ldc = ldc, .batch = 1, .function = #NAME};                     \
        return level3(handle, &g);                                                                                     \
    }

#define DEFINE_EXTENSIONS(L, INT, SUFFIX, T, TYPE)                                                                     \
    cublasStatus_t cublas##L##geam##SUFFIX(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, \
                                           INT m, INT n, const T *alpha, const T *a, INT lda, const T *beta,          \
                                           const T *b, INT ldb, T *c, INT ldc)                                         \
    {                                                                                                                  \
        struct level3 g = {.routine = MAF_BLAS_GEAM, .type = TYPE, .transa = transa, .transb = transb, .m = m,         \
                           .n = n, .alpha = alpha, .type_alpha = TYPE, .a = a, .lda = lda, .b = b, .ldb = ldb,         \
                           .beta = beta, .type_beta = TYPE, .c = c, .ldc = ldc, .batch = 1,                            \
                           .function = "cublas" #L "geam" #SUFFIX};                                                    \
        return level3(handle, &g);                                                                                     \
    }                                                                                                                  \
    cublasStatus_t cublas##L##dgmm##SUFFIX(cublasHandle_t handle, cublasSideMode_t side, INT m, INT n, const T *a,    \
                                           INT lda, const T *x, INT incx, T *c, INT ldc)                               \
    {                                                                                                                  \
        struct level3 g = {.routine = MAF_BLAS_DGMM, .type = TYPE, .side = side, .m = m, .n = n, .a = a, .lda = lda,   \
                           .x = x, .incx = incx, .c = c, .ldc = ldc, .batch = 1,                                       \
                           .function = "cublas" #L "dgmm" #SUFFIX};                                                    \
        return level3(handle, &g);                                                                                     \
    }

#define DEFINE_TYPE(L, INT, SUFFIX, T, TYPE)                                                                           \
    DEFINE_TRIANGULAR(L, INT, SUFFIX, T, TYPE)                                                                         \
    DEFINE_SYMM(cublas##L##symm_v2##SUFFIX, INT, T, TYPE, MAF_BLAS_SYMM)                                               \
    DEFINE_SYRK(cublas##L##syrk_v2##SUFFIX, INT, T, TYPE, MAF_BLAS_SYRK, T, TYPE)                                      \
    DEFINE_SYR2K(cublas##L##syr2k_v2##SUFFIX, INT, T, TYPE, MAF_BLAS_SYR2K, T, TYPE)                                   \
    DEFINE_SYR2K(cublas##L##syrkx##SUFFIX, INT, T, TYPE, MAF_BLAS_SYRKX, T, TYPE)                                      \
    DEFINE_EXTENSIONS(L, INT, SUFFIX, T, TYPE)

#define DEFINE_HERMITIAN(L, INT, SUFFIX, T, TYPE, S, SCALE)                                                            \
    DEFINE_SYMM(cublas##L##hemm_v2##SUFFIX, INT, T, TYPE, MAF_BLAS_HEMM)                                               \
    DEFINE_SYRK(cublas##L##herk_v2##SUFFIX, INT, T, TYPE, MAF_BLAS_HERK, S, SCALE)                                     \
    DEFINE_SYR2K(cublas##L##her2k_v2##SUFFIX, INT, T, TYPE, MAF_BLAS_HER2K, S, SCALE)                                  \
    DEFINE_SYR2K(cublas##L##herkx##SUFFIX, INT, T, TYPE, MAF_BLAS_HERKX, S, SCALE)

#define DEFINE_SIZE(INT, SUFFIX)                                                                                       \
    DEFINE_TYPE(S, INT, SUFFIX, float, MAF_F32)                                                                        \
    DEFINE_TYPE(D, INT, SUFFIX, double, MAF_F64)                                                                       \
    DEFINE_TYPE(C, INT, SUFFIX, cuComplex, MAF_C64)                                                                    \
    DEFINE_TYPE(Z, INT, SUFFIX, cuDoubleComplex, MAF_C128)                                                             \
    DEFINE_HERMITIAN(C, INT, SUFFIX, cuComplex, MAF_C64, float, MAF_F32)                                               \
    DEFINE_HERMITIAN(Z, INT, SUFFIX, cuDoubleComplex, MAF_C128, double, MAF_F64)

DEFINE_SIZE(int, )
DEFINE_SIZE(int64_t, _64)
