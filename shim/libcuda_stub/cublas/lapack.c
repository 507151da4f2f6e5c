/* Batched factorisations over arrays of matrix addresses, as LAPACK ops. */

#include "front.h"

enum { LAPACK_A, LAPACK_B, LAPACK_W, LAPACK_U, LAPACK_V, LAPACK_P, LAPACK_INFO, LAPACK_POINTERS };

static int64_t at_least_one(int64_t n)
{
    return n > 1 ? n : 1;
}

static cublasStatus_t submit(cublasHandle_t handle, struct maf_op_lapack *op, const uint64_t *pointers,
                             const char *function)
{
    int solves = op->routine == MAF_GETRS || op->routine == MAF_GELS;
    if (op->batch == 0) {
        return CUBLAS_STATUS_SUCCESS;
    }
    /* Without elements the arrays of addresses may be NULL. */
    if (op->n == 0 || (op->m == 0 && op->routine != MAF_GETRS && op->routine != MAF_GETRI && op->routine != MAF_MATINV) || (solves && op->k == 0)) {
        uint64_t info = pointers[LAPACK_INFO];
        return info ? maf_status_of(maf_fill(handle->stream, info, 0, (uint64_t)op->batch * sizeof(int32_t)))
                    : CUBLAS_STATUS_SUCCESS;
    }
    op->a_is_array = 1;
    op->pivot_bytes = 4;
    return maf_submit(handle->stream, MAF_OP_LAPACK, op, sizeof *op, pointers, LAPACK_POINTERS, NULL, 0, "cublas",
                      function);
}

static cublasStatus_t getrf(cublasHandle_t handle, int64_t type, int n, const void *a, int lda, int *pivots, int *info,
                            int batch, const char *function)
{
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    if (n < 0 || batch < 0 || lda < at_least_one(n) || !info) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    struct maf_op_lapack op = {.routine = MAF_GETRF, .type = type, .m = n, .n = n, .lda = lda, .batch = batch,
                               .stride_p = n};
    uint64_t pointers[LAPACK_POINTERS] = {[LAPACK_A] = maf_address(a), [LAPACK_P] = maf_address(pivots),
                                          [LAPACK_INFO] = maf_address(info)};
    return submit(handle, &op, pointers, function);
}

/* info of getrs, geqrf and gels is one int on the host: which argument was wrong, as -number, else 0. */
static cublasStatus_t wrong_argument(int *info, int number)
{
    if (info) {
        *info = -number;
    }
    return CUBLAS_STATUS_INVALID_VALUE;
}

static cublasStatus_t getrs(cublasHandle_t handle, int64_t type, cublasOperation_t trans, int n, int nrhs,
                            const void *a, int lda, const int *pivots, const void *b, int ldb, int *info, int batch,
                            const char *function)
{
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    int wrong = (unsigned)trans > CUBLAS_OP_C ? 1 : n < 0 ? 2 : nrhs < 0 ? 3 : lda < at_least_one(n) ? 5
                : ldb < at_least_one(n) ? 8 : batch < 0 ? 10 : 0;
    if (wrong || !info) {
        return wrong_argument(info, wrong);
    }
    *info = 0;
    struct maf_op_lapack op = {.routine = MAF_GETRS, .type = type, .trans = trans, .n = n, .k = nrhs, .lda = lda,
                               .ldb = ldb, .batch = batch, .stride_p = n, .b_is_array = 1};
    uint64_t pointers[LAPACK_POINTERS] = {[LAPACK_A] = maf_address(a), [LAPACK_B] = maf_address(b),
                                          [LAPACK_P] = maf_address(pivots)};
    return submit(handle, &op, pointers, function);
}

static cublasStatus_t getri(cublasHandle_t handle, int64_t type, int n, const void *a, int lda, const int *pivots,
                            const void *c, int ldc, int *info, int batch, const char *function)
{
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    if (n < 0 || batch < 0 || lda < at_least_one(n) || ldc < at_least_one(n) || !info) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    struct maf_op_lapack op = {.routine = MAF_GETRI, .type = type, .n = n, .lda = lda, .ldb = ldc, .batch = batch,
                               .stride_p = n, .b_is_array = 1};
    uint64_t pointers[LAPACK_POINTERS] = {[LAPACK_A] = maf_address(a), [LAPACK_B] = maf_address(c),
                                          [LAPACK_P] = maf_address(pivots), [LAPACK_INFO] = maf_address(info)};
    return submit(handle, &op, pointers, function);
}

static cublasStatus_t geqrf(cublasHandle_t handle, int64_t type, int m, int n, const void *a, int lda, const void *tau,
                            int *info, int batch, const char *function)
{
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    int wrong = m < 0 ? 1 : n < 0 ? 2 : lda < at_least_one(m) ? 4 : batch < 0 ? 7 : 0;
    if (wrong || !info) {
        return wrong_argument(info, wrong);
    }
    *info = 0;
    struct maf_op_lapack op = {.routine = MAF_GEQRF, .type = type, .m = m, .n = n, .lda = lda, .batch = batch,
                               .w_is_array = 1};
    uint64_t pointers[LAPACK_POINTERS] = {[LAPACK_A] = maf_address(a), [LAPACK_W] = maf_address(tau)};
    return submit(handle, &op, pointers, function);
}

static cublasStatus_t gels(cublasHandle_t handle, int64_t type, cublasOperation_t trans, int m, int n, int nrhs,
                           const void *a, int lda, const void *c, int ldc, int *info, int *device_info, int batch,
                           const char *function)
{
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    int wrong = m < 0 ? 2 : n < 0 ? 3 : nrhs < 0 ? 4 : lda < at_least_one(m) ? 6 : ldc < at_least_one(m) ? 8
                : batch < 0 ? 11 : 0;
    if (wrong || !info) {
        return wrong_argument(info, wrong);
    }
    /* cuBLAS solves overdetermined systems only. */
    if (trans != CUBLAS_OP_N || m < n) {
        maf_unsupported("cublas", function);
        return CUBLAS_STATUS_NOT_SUPPORTED;
    }
    *info = 0;
    struct maf_op_lapack op = {.routine = MAF_GELS, .type = type, .m = m, .n = n, .k = nrhs, .lda = lda, .ldb = ldc,
                               .batch = batch, .b_is_array = 1};
    uint64_t pointers[LAPACK_POINTERS] = {[LAPACK_A] = maf_address(a), [LAPACK_B] = maf_address(c),
                                          [LAPACK_INFO] = maf_address(device_info)};
    return submit(handle, &op, pointers, function);
}

/* Matrices of up to 32 rows, in one call (cuBLAS documentation, cublas<t>matinvBatched). */
static cublasStatus_t matinv(cublasHandle_t handle, int64_t type, int n, const void *a, int lda, const void *c, int ldc,
                             int *info, int batch, const char *function)
{
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    if (n < 0 || n > 32 || batch < 0 || lda < at_least_one(n) || ldc < at_least_one(n) || !info) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    struct maf_op_lapack op = {.routine = MAF_MATINV, .type = type, .n = n, .lda = lda, .ldb = ldc, .batch = batch,
                               .b_is_array = 1};
    uint64_t pointers[LAPACK_POINTERS] = {[LAPACK_A] = maf_address(a), [LAPACK_B] = maf_address(c),
                                          [LAPACK_INFO] = maf_address(info)};
    return submit(handle, &op, pointers, function);
}

#define DEFINE_TYPE(L, T, TYPE)                                                                                        \
    cublasStatus_t cublas##L##getrfBatched(cublasHandle_t handle, int n, T *const a[], int lda, int *pivots,          \
                                           int *info, int batch)                                                       \
    {                                                                                                                  \
        return getrf(handle, TYPE, n, a, lda, pivots, info, batch, "cublas" #L "getrfBatched");                        \
    }                                                                                                                  \
    cublasStatus_t cublas##L##getrsBatched(cublasHandle_t handle, cublasOperation_t trans, int n, int nrhs,           \
                                           const T *const a[], int lda, const int *pivots, T *const b[], int ldb,     \
                                           int *info, int batch)                                                       \
    {                                                                                                                  \
        return getrs(handle, TYPE, trans, n, nrhs, a, lda, pivots, b, ldb, info, batch, "cublas" #L "getrsBatched");   \
    }                                                                                                                  \
    cublasStatus_t cublas##L##getriBatched(cublasHandle_t handle, int n, const T *const a[], int lda,                 \
                                           const int *pivots, T *const c[], int ldc, int *info, int batch)             \
    {                                                                                                                  \
        return getri(handle, TYPE, n, a, lda, pivots, c, ldc, info, batch, "cublas" #L "getriBatched");                \
    }                                                                                                                  \
    cublasStatus_t cublas##L##geqrfBatched(cublasHandle_t handle, int m, int n, T *const a[], int lda,                \
                                           T *const tau[], int *info, int batch)                                       \
    {                                                                                                                  \
        return geqrf(handle, TYPE, m, n, a, lda, tau, info, batch, "cublas" #L "geqrfBatched");                        \
    }                                                                                                                  \
    cublasStatus_t cublas##L##gelsBatched(cublasHandle_t handle, cublasOperation_t trans, int m, int n, int nrhs,     \
                                          T *const a[], int lda, T *const c[], int ldc, int *info,                    \
                                          int *device_info, int batch)                                                 \
    {                                                                                                                  \
        return gels(handle, TYPE, trans, m, n, nrhs, a, lda, c, ldc, info, device_info, batch,                         \
                    "cublas" #L "gelsBatched");                                                                        \
    }                                                                                                                  \
    cublasStatus_t cublas##L##matinvBatched(cublasHandle_t handle, int n, const T *const a[], int lda, T *const c[],  \
                                            int ldc, int *info, int batch)                                             \
    {                                                                                                                  \
        return matinv(handle, TYPE, n, a, lda, c, ldc, info, batch, "cublas" #L "matinvBatched");                      \
    }

DEFINE_TYPE(S, float, MAF_F32)
DEFINE_TYPE(D, double, MAF_F64)
DEFINE_TYPE(C, cuComplex, MAF_C64)
DEFINE_TYPE(Z, cuDoubleComplex, MAF_C128)
