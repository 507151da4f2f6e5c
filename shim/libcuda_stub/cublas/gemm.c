/* The matrix products: cublas<t>gemm and its Ex, batched and strided forms, with int and 64-bit sizes. */

#include "front.h"

enum batch_kind { SINGLE, STRIDED, POINTERS };

struct gemm_arguments {
    cublasOperation_t transa;
    cublasOperation_t transb;
    int64_t m;
    int64_t n;
    int64_t k;
    const void *alpha;
    const void *a;
    int64_t type_a;
    int64_t lda;
    int64_t stride_a;
    const void *b;
    int64_t type_b;
    int64_t ldb;
    int64_t stride_b;
    const void *beta;
    void *c;
    int64_t type_c;
    int64_t ldc;
    int64_t stride_c;
    int64_t batch;
    enum batch_kind kind;
    cublasComputeType_t compute;
    const char *function;
};

static int64_t rows_of(cublasOperation_t op, int64_t plain, int64_t transposed)
{
    int64_t rows = op == CUBLAS_OP_N || op == CUBLAS_OP_CONJG ? plain : transposed;
    return rows > 1 ? rows : 1;
}

static cublasStatus_t gemm(cublasHandle_t handle, const struct gemm_arguments *g)
{
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    if (g->m < 0 || g->n < 0 || g->k < 0 || g->batch < 0 || (unsigned)g->transa > CUBLAS_OP_CONJG ||
        (unsigned)g->transb > CUBLAS_OP_CONJG || g->lda < rows_of(g->transa, g->m, g->k) ||
        g->ldb < rows_of(g->transb, g->k, g->n) || g->ldc < rows_of(CUBLAS_OP_N, g->m, g->m)) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    struct maf_gemm_call call;
    memset(&call, 0, sizeof call);
    struct maf_op_gemm *op = &call.op;
    if (g->type_a == MAF_NO_TYPE || g->type_b == MAF_NO_TYPE || g->type_c == MAF_NO_TYPE ||
        !maf_compute_of(g->compute, g->type_a, &op->type_compute, &op->type_scale)) {
        maf_unsupported("cublas", g->function);
        return CUBLAS_STATUS_NOT_SUPPORTED;
    }
    cublasStatus_t status = maf_set_scalars(handle, &call, g->alpha, g->beta);
    if (status != CUBLAS_STATUS_SUCCESS || g->m == 0 || g->n == 0 || g->batch == 0) {
        return status;
    }
    op->m = g->m;
    op->n = g->n;
    op->k = g->k;
    op->transa = g->transa;
    op->transb = g->transb;
    op->lda = g->lda;
    op->ldb = g->ldb;
    op->ldc = op->ldd = g->ldc;
    op->type_a = g->type_a;
    op->type_b = g->type_b;
    op->type_c = op->type_d = g->type_c;
    op->batch = g->batch;
    op->pointer_array = g->kind == POINTERS;
    if (g->kind == STRIDED && g->batch > 1) {
        op->stride_a = g->stride_a;
        op->stride_b = g->stride_b;
        op->stride_c = op->stride_d = g->stride_c;
    }
    call.pointers[PTR_A] = maf_address(g->a);
    call.pointers[PTR_B] = maf_address(g->b);
    call.pointers[PTR_C] = call.pointers[PTR_D] = maf_address(g->c);
    return maf_submit_gemm(handle->stream, &call, "cublas", g->function);
}

/* The arguments that all forms have under these names. */
#define COMMON                                                                                                         \
    .transa = transa, .transb = transb, .m = m, .n = n, .k = k, .alpha = alpha, .a = a, .lda = lda, .b = b,           \
    .ldb = ldb, .beta = beta, .c = c, .ldc = ldc
#define STRIDES .stride_a = stride_a, .stride_b = stride_b, .stride_c = stride_c, .batch = batch, .kind = STRIDED
#define SAME_TYPE(T) .type_a = (T), .type_b = (T), .type_c = (T)
#define GIVEN_TYPES                                                                                                    \
    .type_a = maf_dtype_of(type_a), .type_b = maf_dtype_of(type_b), .type_c = maf_dtype_of(type_c)

#define DEFINE_GEMM(NAME, INT, CTYPE, TYPE, COMPUTE)                                                                   \
    cublasStatus_t NAME(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, INT m, INT n,      \
                        INT k, const CTYPE *alpha, const CTYPE *a, INT lda, const CTYPE *b, INT ldb,                  \
                        const CTYPE *beta, CTYPE *c, INT ldc)                                                          \
    {                                                                                                                  \
        struct gemm_arguments g = {COMMON, SAME_TYPE(TYPE), .batch = 1, .compute = COMPUTE, .function = #NAME};        \
        return gemm(handle, &g);                                                                                       \
    }

#define DEFINE_BATCHED(NAME, INT, CTYPE, TYPE, COMPUTE)                                                                \
    cublasStatus_t NAME(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, INT m, INT n,      \
                        INT k, const CTYPE *alpha, const CTYPE *const a[], INT lda, const CTYPE *const b[], INT ldb,  \
                        const CTYPE *beta, CTYPE *const c[], INT ldc, INT batch)                                       \
    {                                                                                                                  \
        struct gemm_arguments g = {.transa = transa, .transb = transb, .m = m, .n = n, .k = k, .alpha = alpha,         \
                                   .a = a, .lda = lda, .b = b, .ldb = ldb, .beta = beta, .c = (void *)(uintptr_t)c,    \
                                   .ldc = ldc, SAME_TYPE(TYPE), .batch = batch, .kind = POINTERS, .compute = COMPUTE,  \
                                   .function = #NAME};                                                                 \
        return gemm(handle, &g);                                                                                       \
    }

#define DEFINE_STRIDED(NAME, INT, CTYPE, TYPE, COMPUTE)                                                                \
    cublasStatus_t NAME(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, INT m, INT n,      \
                        INT k, const CTYPE *alpha, const CTYPE *a, INT lda, long long int stride_a, const CTYPE *b,   \
                        INT ldb, long long int stride_b, const CTYPE *beta, CTYPE *c, INT ldc,                         \
                        long long int stride_c, INT batch)                                                             \
    {                                                                                                                  \
        struct gemm_arguments g = {COMMON, STRIDES, SAME_TYPE(TYPE), .compute = COMPUTE, .function = #NAME};           \
        return gemm(handle, &g);                                                                                       \
    }

/* cublasSgemmEx and cublasCgemmEx: any operand types, accumulation in float. */
#define DEFINE_TYPED(NAME, INT, CTYPE)                                                                                 \
    cublasStatus_t NAME(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, INT m, INT n,      \
                        INT k, const CTYPE *alpha, const void *a, cudaDataType_t type_a, INT lda, const void *b,      \
                        cudaDataType_t type_b, INT ldb, const CTYPE *beta, void *c, cudaDataType_t type_c, INT ldc)   \
    {                                                                                                                  \
        struct gemm_arguments g = {COMMON, GIVEN_TYPES, .batch = 1, .compute = CUBLAS_COMPUTE_32F, .function = #NAME}; \
        return gemm(handle, &g);                                                                                       \
    }

#define DEFINE_EX(NAME, BATCHED, STRIDED_NAME, INT)                                                                    \
    cublasStatus_t NAME(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, INT m, INT n,      \
                        INT k, const void *alpha, const void *a, cudaDataType_t type_a, INT lda, const void *b,       \
                        cudaDataType_t type_b, INT ldb, const void *beta, void *c, cudaDataType_t type_c, INT ldc,    \
                        cublasComputeType_t compute, cublasGemmAlgo_t algo)                                            \
    {                                                                                                                  \
        (void)algo;                                                                                                    \
        struct gemm_arguments g = {COMMON, GIVEN_TYPES, .batch = 1, .compute = compute, .function = #NAME};            \
        return gemm(handle, &g);                                                                                       \
    }                                                                                                                  \
    cublasStatus_t BATCHED(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, INT m, INT n,   \
                           INT k, const void *alpha, const void *const a[], cudaDataType_t type_a, INT lda,           \
                           const void *const b[], cudaDataType_t type_b, INT ldb, const void *beta, void *const c[],  \
                           cudaDataType_t type_c, INT ldc, INT batch, cublasComputeType_t compute,                     \
                           cublasGemmAlgo_t algo)                                                                      \
    {                                                                                                                  \
        (void)algo;                                                                                                    \
        struct gemm_arguments g = {.transa = transa, .transb = transb, .m = m, .n = n, .k = k, .alpha = alpha,         \
                                   .a = a, .lda = lda, .b = b, .ldb = ldb, .beta = beta, .c = (void *)(uintptr_t)c,    \
                                   .ldc = ldc, GIVEN_TYPES, .batch = batch, .kind = POINTERS, .compute = compute,      \
                                   .function = #BATCHED};                                                              \
        return gemm(handle, &g);                                                                                       \
    }                                                                                                                  \
    cublasStatus_t STRIDED_NAME(                                                                                       \
        cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, INT m, INT n, INT k,               \
        const void *alpha, const void *a, cudaDataType_t type_a, INT lda, long long int stride_a, const void *b,      \
        cudaDataType_t type_b, INT ldb, long long int stride_b, const void *beta, void *c, cudaDataType_t type_c,     \
        INT ldc, long long int stride_c, INT batch, cublasComputeType_t compute, cublasGemmAlgo_t algo)                \
    {                                                                                                                  \
        (void)algo;                                                                                                    \
        struct gemm_arguments g = {COMMON, STRIDES, GIVEN_TYPES, .compute = compute, .function = #STRIDED_NAME};       \
        return gemm(handle, &g);                                                                                       \
    }

#define DEFINE_FAMILY(LETTER, PLAIN, INT, SUFFIX, CTYPE, TYPE, COMPUTE)                                                \
    DEFINE_GEMM(cublas##LETTER##PLAIN##SUFFIX, INT, CTYPE, TYPE, COMPUTE)                                              \
    DEFINE_BATCHED(cublas##LETTER##gemmBatched##SUFFIX, INT, CTYPE, TYPE, COMPUTE)                                     \
    DEFINE_STRIDED(cublas##LETTER##gemmStridedBatched##SUFFIX, INT, CTYPE, TYPE, COMPUTE)

#define DEFINE_SIZE(INT, SUFFIX)                                                                                       \
    DEFINE_FAMILY(S, gemm_v2, INT, SUFFIX, float, MAF_F32, CUBLAS_COMPUTE_32F)                                         \
    DEFINE_FAMILY(D, gemm_v2, INT, SUFFIX, double, MAF_F64, CUBLAS_COMPUTE_64F)                                        \
    DEFINE_FAMILY(C, gemm_v2, INT, SUFFIX, cuComplex, MAF_C64, CUBLAS_COMPUTE_32F)                                     \
    DEFINE_FAMILY(Z, gemm_v2, INT, SUFFIX, cuDoubleComplex, MAF_C128, CUBLAS_COMPUTE_64F)                              \
    DEFINE_FAMILY(H, gemm, INT, SUFFIX, maf_half, MAF_F16, CUBLAS_COMPUTE_16F)                                         \
    /* The 3m forms differ from the others in rounding alone. */                                                       \
    DEFINE_GEMM(cublasCgemm3m##SUFFIX, INT, cuComplex, MAF_C64, CUBLAS_COMPUTE_32F)                                    \
    DEFINE_GEMM(cublasZgemm3m##SUFFIX, INT, cuDoubleComplex, MAF_C128, CUBLAS_COMPUTE_64F)                             \
    DEFINE_STRIDED(cublasCgemm3mStridedBatched##SUFFIX, INT, cuComplex, MAF_C64, CUBLAS_COMPUTE_32F)                   \
    DEFINE_TYPED(cublasSgemmEx##SUFFIX, INT, float)                                                                    \
    DEFINE_TYPED(cublasCgemmEx##SUFFIX, INT, cuComplex)                                                                \
    DEFINE_EX(cublasGemmEx##SUFFIX, cublasGemmBatchedEx##SUFFIX, cublasGemmStridedBatchedEx##SUFFIX, INT)

DEFINE_SIZE(int, )
DEFINE_SIZE(int64_t, _64)
