/* Matrix times vector and scalar products, as GEMMs of one row.
 *
 * A vector with increment inc is a matrix of one row and leading dimension inc. So y = op(A) x is the
 * one-row product y^T = x^T op(A)^T, and a scalar product is x^T y, a 1 x 1 matrix. */

#include "front.h"

struct gemv_arguments {
    cublasOperation_t trans;
    int64_t m;
    int64_t n;
    const void *alpha;
    const void *a;
    int64_t lda;
    int64_t stride_a;
    const void *x;
    int64_t incx;
    int64_t stride_x;
    const void *beta;
    void *y;
    int64_t incy;
    int64_t stride_y;
    int64_t batch;
    int pointers;
    int64_t type; /* of alpha, beta and the sums */
    int64_t type_a; /* of A and x */
    int64_t type_y;
    const char *function;
};

static cublasStatus_t gemv(cublasHandle_t handle, const struct gemv_arguments *g)
{
    /* op(A)^T of the stored A: T for N, N for T, conjugate for C. */
    static const int64_t transposed[] = {CUBLAS_OP_T, CUBLAS_OP_N, CUBLAS_OP_CONJG};
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    if (g->m < 0 || g->n < 0 || g->batch < 0 || (unsigned)g->trans > CUBLAS_OP_C || g->lda < (g->m > 1 ? g->m : 1) ||
        g->incx == 0 || g->incy == 0) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    /* Arrays of pointers cannot be moved to a reversed vector's start. */
    if (g->pointers && (g->incx < 0 || g->incy < 0)) {
        maf_unsupported("cublas", g->function);
        return CUBLAS_STATUS_NOT_SUPPORTED;
    }
    struct maf_gemm_call call;
    memset(&call, 0, sizeof call);
    struct maf_op_gemm *op = &call.op;
    int64_t length_y = g->trans == CUBLAS_OP_N ? g->m : g->n, length_x = g->m + g->n - length_y;
    op->type_a = op->type_b = g->type_a;
    op->type_c = op->type_d = g->type_y;
    op->type_compute = op->type_scale = g->type;
    cublasStatus_t status = maf_set_scalars(handle, &call, g->alpha, g->beta);
    if (status != CUBLAS_STATUS_SUCCESS || g->m == 0 || g->n == 0 || g->batch == 0) {
        return status;
    }
    op->m = 1;
    op->n = length_y;
    op->k = length_x;
    op->transb = transposed[g->trans];
    op->lda = g->incx;
    op->ldb = g->lda;
    op->ldc = op->ldd = g->incy;
    op->batch = g->batch;
    op->pointer_array = g->pointers;
    if (!g->pointers && g->batch > 1) {
        op->stride_a = g->stride_x;
        op->stride_b = g->stride_a;
        op->stride_c = op->stride_d = g->stride_y;
    }
    call.pointers[PTR_A] = maf_vector_start(g->x, length_x, g->incx, maf_type_size(g->type_a));
    call.pointers[PTR_B] = maf_address(g->a);
    call.pointers[PTR_C] = call.pointers[PTR_D] = maf_vector_start(g->y, length_y, g->incy, maf_type_size(g->type_y));
    return maf_submit_gemm(handle->stream, &call, "cublas", g->function);
}

static cublasStatus_t dot(cublasHandle_t handle, int64_t n, const void *x, int64_t type, int64_t incx, const void *y,
                          int64_t incy, void *result, int64_t type_result, int64_t type_compute, int conjugate,
                          const char *function)
{
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    uint64_t device;
    cublasStatus_t status = maf_result_begin(handle, result, &device);
    if (status != CUBLAS_STATUS_SUCCESS) {
        return status;
    }
    struct maf_gemm_call call;
    memset(&call, 0, sizeof call);
    struct maf_op_gemm *op = &call.op;
    uint32_t size = maf_type_size(type);
    op->m = op->n = op->batch = 1;
    op->k = n > 0 ? n : 0;
    op->transa = conjugate ? CUBLAS_OP_CONJG : CUBLAS_OP_N;
    op->transb = CUBLAS_OP_T;
    /* An increment of 0 repeats one element; only a length of one may be described so. */
    if ((incx == 0 || incy == 0) && n > 1) {
        maf_unsupported("cublas", function);
        return CUBLAS_STATUS_NOT_SUPPORTED;
    }
    op->lda = incx ? incx : 1;
    op->ldb = incy ? incy : 1;
    op->ldc = op->ldd = 1;
    op->type_a = op->type_b = type;
    op->type_c = op->type_d = type_result;
    op->type_compute = op->type_scale = type_compute;
    call.scalars[0] = 1;
    call.pointers[PTR_A] = maf_vector_start(x, n, incx, size);
    call.pointers[PTR_B] = maf_vector_start(y, n, incy, size);
    call.pointers[PTR_C] = call.pointers[PTR_D] = device;
    status = maf_submit_gemm(handle->stream, &call, "cublas", function);
    return status == CUBLAS_STATUS_SUCCESS ? maf_result_end(handle, result, maf_type_size(type_result)) : status;
}

static cublasStatus_t dot_typed(cublasHandle_t handle, int64_t n, const void *x, cudaDataType_t type_x, int64_t incx,
                                const void *y, cudaDataType_t type_y, int64_t incy, void *result,
                                cudaDataType_t type_result, cudaDataType_t type_execution, int conjugate,
                                const char *function)
{
    int64_t type = maf_dtype_of(type_x), out = maf_dtype_of(type_result), compute = maf_dtype_of(type_execution);
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    if (type == MAF_NO_TYPE || type_x != type_y || out == MAF_NO_TYPE || compute == MAF_NO_TYPE) {
        maf_unsupported("cublas", function);
        return CUBLAS_STATUS_NOT_SUPPORTED;
    }
    return dot(handle, n, x, type, incx, y, incy, result, out, compute, conjugate, function);
}

#define DEFINE_GEMV(L, INT, SUFFIX, CTYPE, TYPE)                                                                       \
    cublasStatus_t cublas##L##gemv_v2##SUFFIX(cublasHandle_t handle, cublasOperation_t trans, INT m, INT n,           \
                                              const CTYPE *alpha, const CTYPE *a, INT lda, const CTYPE *x, INT incx,  \
                                              const CTYPE *beta, CTYPE *y, INT incy)                                   \
    {                                                                                                                  \
        struct gemv_arguments g = {trans, m, n, alpha, a, lda, 0, x, incx, 0, beta, y, incy, 0, 1, 0, TYPE, TYPE,      \
                                   TYPE, "cublas" #L "gemv_v2" #SUFFIX};                                               \
        return gemv(handle, &g);                                                                                       \
    }                                                                                                                  \
    DEFINE_GEMV_BATCHED(L, INT, SUFFIX, CTYPE, TYPE, CTYPE, TYPE, CTYPE, TYPE)

/* SCALAR: alpha, beta and the sums; A_TYPE: A and x; Y_TYPE: y. */
#define DEFINE_GEMV_BATCHED(L, INT, SUFFIX, SCALAR, TYPE, A_TYPE, TYPE_A, Y_TYPE, TYPE_Y)                              \
    cublasStatus_t cublas##L##gemvBatched##SUFFIX(cublasHandle_t handle, cublasOperation_t trans, INT m, INT n,       \
                                                  const SCALAR *alpha, const A_TYPE *const a[], INT lda,              \
                                                  const A_TYPE *const x[], INT incx, const SCALAR *beta,              \
                                                  Y_TYPE *const y[], INT incy, INT batch)                              \
    {                                                                                                                  \
        struct gemv_arguments g = {trans, m, n, alpha, a, lda, 0, x, incx, 0, beta, (void *)(uintptr_t)y, incy, 0,     \
                                   batch, 1, TYPE, TYPE_A, TYPE_Y, "cublas" #L "gemvBatched" #SUFFIX};                 \
        return gemv(handle, &g);                                                                                       \
    }                                                                                                                  \
    cublasStatus_t cublas##L##gemvStridedBatched##SUFFIX(                                                              \
        cublasHandle_t handle, cublasOperation_t trans, INT m, INT n, const SCALAR *alpha, const A_TYPE *a, INT lda,  \
        long long int stride_a, const A_TYPE *x, INT incx, long long int stride_x, const SCALAR *beta, Y_TYPE *y,     \
        INT incy, long long int stride_y, INT batch)                                                                   \
    {                                                                                                                  \
        struct gemv_arguments g = {trans, m, n, alpha, a, lda, stride_a, x, incx, stride_x, beta, y, incy, stride_y,   \
                                   batch, 0, TYPE, TYPE_A, TYPE_Y, "cublas" #L "gemvStridedBatched" #SUFFIX};          \
        return gemv(handle, &g);                                                                                       \
    }

#define DEFINE_DOT(NAME, INT, CTYPE, TYPE, CONJUGATE)                                                                  \
    cublasStatus_t NAME(cublasHandle_t handle, INT n, const CTYPE *x, INT incx, const CTYPE *y, INT incy,             \
                        CTYPE *result)                                                                                 \
    {                                                                                                                  \
        return dot(handle, n, x, TYPE, incx, y, incy, result, TYPE, TYPE, CONJUGATE, #NAME);                           \
    }

#define DEFINE_DOT_EX(NAME, INT, CONJUGATE)                                                                            \
    cublasStatus_t NAME(cublasHandle_t handle, INT n, const void *x, cudaDataType_t type_x, INT incx, const void *y,  \
                        cudaDataType_t type_y, INT incy, void *result, cudaDataType_t type_result,                     \
                        cudaDataType_t type_execution)                                                                 \
    {                                                                                                                  \
        return dot_typed(handle, n, x, type_x, incx, y, type_y, incy, result, type_result, type_execution, CONJUGATE,  \
                         #NAME);                                                                                       \
    }

#define DEFINE_SIZE(INT, SUFFIX)                                                                                       \
    DEFINE_GEMV(S, INT, SUFFIX, float, MAF_F32)                                                                        \
    DEFINE_GEMV(D, INT, SUFFIX, double, MAF_F64)                                                                       \
    DEFINE_GEMV(C, INT, SUFFIX, cuComplex, MAF_C64)                                                                    \
    DEFINE_GEMV(Z, INT, SUFFIX, cuDoubleComplex, MAF_C128)                                                             \
    DEFINE_GEMV_BATCHED(HSH, INT, SUFFIX, float, MAF_F32, void, MAF_F16, void, MAF_F16)                                \
    DEFINE_GEMV_BATCHED(HSS, INT, SUFFIX, float, MAF_F32, void, MAF_F16, float, MAF_F32)                               \
    DEFINE_GEMV_BATCHED(TST, INT, SUFFIX, float, MAF_F32, void, MAF_BF16, void, MAF_BF16)                              \
    DEFINE_GEMV_BATCHED(TSS, INT, SUFFIX, float, MAF_F32, void, MAF_BF16, float, MAF_F32)                              \
    DEFINE_DOT(cublasSdot_v2##SUFFIX, INT, float, MAF_F32, 0)                                                          \
    DEFINE_DOT(cublasDdot_v2##SUFFIX, INT, double, MAF_F64, 0)                                                         \
    DEFINE_DOT(cublasCdotu_v2##SUFFIX, INT, cuComplex, MAF_C64, 0)                                                     \
    DEFINE_DOT(cublasCdotc_v2##SUFFIX, INT, cuComplex, MAF_C64, 1)                                                     \
    DEFINE_DOT(cublasZdotu_v2##SUFFIX, INT, cuDoubleComplex, MAF_C128, 0)                                              \
    DEFINE_DOT(cublasZdotc_v2##SUFFIX, INT, cuDoubleComplex, MAF_C128, 1)                                              \
    DEFINE_DOT_EX(cublasDotEx##SUFFIX, INT, 0)                                                                         \
    DEFINE_DOT_EX(cublasDotcEx##SUFFIX, INT, 1)

DEFINE_SIZE(int, )
DEFINE_SIZE(int64_t, _64)
