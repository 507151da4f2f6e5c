/* Level 1 routines whose operands' types are arguments. The four BLAS types go to the routines of their own; float16 and
 * bfloat16 vectors, computed in float, are tensor operations. */

#include "front.h"

static cublasStatus_t refuse(const char *function)
{
    maf_unsupported("cublas", function);
    return CUBLAS_STATUS_NOT_SUPPORTED;
}

static int is_half(cudaDataType_t type)
{
    return type == CUDA_R_16F || type == CUDA_R_16BF;
}

/* One of the four BLAS types, everywhere. */
static int is_plain(cudaDataType_t type)
{
    return type == CUDA_R_32F || type == CUDA_R_64F || type == CUDA_C_32F || type == CUDA_C_64F;
}

#define NEED(CONDITION, STATUS)                                                                                        \
    do {                                                                                                               \
        if (!(CONDITION)) {                                                                                            \
            return STATUS;                                                                                             \
        }                                                                                                              \
    } while (0)
#define NEED_HANDLE NEED(handle, CUBLAS_STATUS_NOT_INITIALIZED)

/* Calls cublas<letter>NAME for the type; the result of the call is the result of the function. */
#define FOR_TYPE(TYPE, S, D, C, Z)                                                                                     \
    switch (TYPE) {                                                                                                    \
    case CUDA_R_32F:                                                                                                   \
        return S;                                                                                                      \
    case CUDA_R_64F:                                                                                                   \
        return D;                                                                                                      \
    case CUDA_C_32F:                                                                                                   \
        return C;                                                                                                      \
    case CUDA_C_64F:                                                                                                   \
        return Z;                                                                                                      \
    default:                                                                                                           \
        break;                                                                                                         \
    }

/* y = factor x + keep y over vectors of float16, bfloat16 or float. The factor comes by the pointer mode: a tensor
 * operation takes it from the host only. */
static cublasStatus_t blend(cublasHandle_t handle, int64_t n, const void *factor, cudaDataType_t type_factor,
                            const void *x, cudaDataType_t type_x, int64_t incx, void *y, cudaDataType_t type_y,
                            int64_t incy, double keep, const char *function)
{
    double value[2] = {1, 0};
    NEED(n > 0, CUBLAS_STATUS_SUCCESS);
    if (factor) {
        unsigned char bytes[16] = {0}; /* as large as any type that the reader knows */
        int64_t type = maf_dtype_of(type_factor);
        if (type != MAF_F32 && type != MAF_F16 && type != MAF_BF16) {
            return refuse(function);
        }
        if (handle->pointer_mode == CUBLAS_POINTER_MODE_DEVICE) {
            if (maf_stream_is_capturing(handle->stream)) {
                return refuse(function);
            }
            int error = maf_stream_sync(handle->stream);
            error = error ? error : maf_read(bytes, maf_address(factor), maf_type_size(type));
            NEED(!error, maf_status_of(error));
        } else {
            memcpy(bytes, factor, maf_type_size(type));
        }
        maf_host_scalar(type, bytes, value);
    }
    if (incx == 0 || incy == 0 || (incx < 0) != (incy < 0)) { /* elements that repeat, or pair up crosswise */
        return refuse(function);
    }
    struct maf_op_elementwise op = {.rank = 1, .type_out = maf_dtype_of(type_y), .type_a = maf_dtype_of(type_x)};
    op.type_b = op.type_c = op.type_out;
    op.dims[0] = n;
    op.out_strides[0] = incy < 0 ? -incy : incy;
    op.a_strides[0] = incx < 0 ? -incx : incx;
    uint64_t pointers[4] = {maf_address(y), maf_address(x), 0, 0};
    double scalars[4] = {value[0], 0, keep, 0};
    return maf_submit(handle->stream, MAF_OP_ELEMENTWISE, &op, sizeof op, pointers, 4, scalars, sizeof scalars,
                      "cublas", function);
}

/* The norms of cudnnReduceTensorOp_t. */
enum { NORM1 = 6, NORM2 = 7 };

static cublasStatus_t norm(cublasHandle_t handle, int64_t n, const void *x, cudaDataType_t type_x, int64_t incx,
                           void *result, cudaDataType_t type_result, int function_number, const char *function)
{
    uint64_t device;
    if (!is_half(type_x) || (type_result != type_x && type_result != CUDA_R_32F)) {
        return refuse(function);
    }
    cublasStatus_t status = maf_result_begin(handle, result, &device);
    NEED(status == CUBLAS_STATUS_SUCCESS, status);
    int64_t type = maf_dtype_of(type_result);
    uint32_t bytes = maf_type_size(type);
    if (n <= 0 || incx <= 0) {
        status = maf_status_of(maf_fill(handle->stream, device, 0, bytes));
    } else {
        struct maf_op_reduce op = {.function = function_number, .rank = 1, .type_a = maf_dtype_of(type_x),
                                   .type_c = type};
        op.a_dims[0] = n;
        op.a_strides[0] = incx;
        op.c_dims[0] = op.c_strides[0] = 1;
        uint64_t pointers[3] = {maf_address(x), device, 0};
        double scalars[2] = {1, 0};
        status = maf_submit(handle->stream, MAF_OP_REDUCE, &op, sizeof op, pointers, 3, scalars, sizeof scalars,
                            "cublas", function);
    }
    return status == CUBLAS_STATUS_SUCCESS ? maf_result_end(handle, result, bytes) : status;
}

/* Whether nrm2 and asum of x's type have these types of result and execution. */
static int norm_is_typed(cudaDataType_t type_x, cudaDataType_t type_result, cudaDataType_t type_execution)
{
    cudaDataType_t real = type_x == CUDA_C_32F ? CUDA_R_32F : type_x == CUDA_C_64F ? CUDA_R_64F : type_x;
    return is_plain(type_x) && type_result == type_execution && type_result == real;
}

#define DEFINE_EX(INT, SUFFIX)                                                                                         \
    cublasStatus_t cublasAxpyEx##SUFFIX(cublasHandle_t handle, INT n, const void *alpha, cudaDataType_t type_alpha,   \
                                        const void *x, cudaDataType_t type_x, INT incx, void *y,                      \
                                        cudaDataType_t type_y, INT incy, cudaDataType_t type_execution)                \
    {                                                                                                                  \
        NEED_HANDLE;                                                                                                   \
        NEED(alpha, CUBLAS_STATUS_INVALID_VALUE);                                                                      \
        if (is_half(type_x) && type_y == type_x && type_execution == CUDA_R_32F) {                                     \
            return blend(handle, n, alpha, type_alpha, x, type_x, incx, y, type_y, incy, 1, "cublasAxpyEx" #SUFFIX);   \
        }                                                                                                              \
        if (type_alpha == type_x && type_y == type_x && type_execution == type_x) {                                    \
            FOR_TYPE(type_x, cublasSaxpy_v2##SUFFIX(handle, n, alpha, x, incx, y, incy),                               \
                     cublasDaxpy_v2##SUFFIX(handle, n, alpha, x, incx, y, incy),                                       \
                     cublasCaxpy_v2##SUFFIX(handle, n, alpha, x, incx, y, incy),                                       \
                     cublasZaxpy_v2##SUFFIX(handle, n, alpha, x, incx, y, incy))                                       \
        }                                                                                                              \
        return refuse("cublasAxpyEx" #SUFFIX " of these types");                                                       \
    }                                                                                                                  \
    cublasStatus_t cublasScalEx##SUFFIX(cublasHandle_t handle, INT n, const void *alpha, cudaDataType_t type_alpha,   \
                                        void *x, cudaDataType_t type_x, INT incx, cudaDataType_t type_execution)       \
    {                                                                                                                  \
        NEED_HANDLE;                                                                                                   \
        NEED(alpha, CUBLAS_STATUS_INVALID_VALUE);                                                                      \
        if (is_half(type_x) && type_execution == CUDA_R_32F) {                                                         \
            NEED(incx > 0, CUBLAS_STATUS_SUCCESS);                                                                     \
            return blend(handle, n, alpha, type_alpha, x, type_x, incx, x, type_x, incx, 0, "cublasScalEx" #SUFFIX);   \
        }                                                                                                              \
        if (type_alpha == type_x && type_execution == type_x) {                                                        \
            FOR_TYPE(type_x, cublasSscal_v2##SUFFIX(handle, n, alpha, x, incx),                                        \
                     cublasDscal_v2##SUFFIX(handle, n, alpha, x, incx),                                                \
                     cublasCscal_v2##SUFFIX(handle, n, alpha, x, incx),                                                \
                     cublasZscal_v2##SUFFIX(handle, n, alpha, x, incx))                                                \
        }                                                                                                              \
        return refuse("cublasScalEx" #SUFFIX " of these types");                                                       \
    }                                                                                                                  \
    cublasStatus_t cublasCopyEx##SUFFIX(cublasHandle_t handle, INT n, const void *x, cudaDataType_t type_x, INT incx, \
                                        void *y, cudaDataType_t type_y, INT incy)                                      \
    {                                                                                                                  \
        NEED_HANDLE;                                                                                                   \
        if (is_half(type_x) && type_y == type_x) {                                                                     \
            return blend(handle, n, NULL, CUDA_R_32F, x, type_x, incx, y, type_y, incy, 0, "cublasCopyEx" #SUFFIX);    \
        }                                                                                                              \
        if (type_x == type_y) {                                                                                        \
            FOR_TYPE(type_x, cublasScopy_v2##SUFFIX(handle, n, x, incx, y, incy),                                      \
                     cublasDcopy_v2##SUFFIX(handle, n, x, incx, y, incy),                                              \
                     cublasCcopy_v2##SUFFIX(handle, n, x, incx, y, incy),                                              \
                     cublasZcopy_v2##SUFFIX(handle, n, x, incx, y, incy))                                              \
        }                                                                                                              \
        return refuse("cublasCopyEx" #SUFFIX " of these types");                                                       \
    }                                                                                                                  \
    cublasStatus_t cublasSwapEx##SUFFIX(cublasHandle_t handle, INT n, void *x, cudaDataType_t type_x, INT incx,       \
                                        void *y, cudaDataType_t type_y, INT incy)                                      \
    {                                                                                                                  \
        NEED_HANDLE;                                                                                                   \
        if (type_x == type_y) {                                                                                        \
            FOR_TYPE(type_x, cublasSswap_v2##SUFFIX(handle, n, x, incx, y, incy),                                      \
                     cublasDswap_v2##SUFFIX(handle, n, x, incx, y, incy),                                              \
                     cublasCswap_v2##SUFFIX(handle, n, x, incx, y, incy),                                              \
                     cublasZswap_v2##SUFFIX(handle, n, x, incx, y, incy))                                              \
        }                                                                                                              \
        return refuse("cublasSwapEx" #SUFFIX " of these types");                                                       \
    }                                                                                                                  \
    cublasStatus_t cublasNrm2Ex##SUFFIX(cublasHandle_t handle, INT n, const void *x, cudaDataType_t type_x, INT incx, \
                                        void *result, cudaDataType_t type_result, cudaDataType_t type_execution)       \
    {                                                                                                                  \
        NEED_HANDLE;                                                                                                   \
        NEED(result, CUBLAS_STATUS_INVALID_VALUE);                                                                     \
        if (norm_is_typed(type_x, type_result, type_execution)) {                                                      \
            FOR_TYPE(type_x, cublasSnrm2_v2##SUFFIX(handle, n, x, incx, result),                                       \
                     cublasDnrm2_v2##SUFFIX(handle, n, x, incx, result),                                               \
                     cublasScnrm2_v2##SUFFIX(handle, n, x, incx, result),                                              \
                     cublasDznrm2_v2##SUFFIX(handle, n, x, incx, result))                                              \
        }                                                                                                              \
        return norm(handle, n, x, type_x, incx, result, type_result, NORM2, "cublasNrm2Ex" #SUFFIX " of these types"); \
    }                                                                                                                  \
    cublasStatus_t cublasAsumEx##SUFFIX(cublasHandle_t handle, INT n, const void *x, cudaDataType_t type_x, INT incx, \
                                        void *result, cudaDataType_t type_result, cudaDataType_t type_execution)       \
    {                                                                                                                  \
        NEED_HANDLE;                                                                                                   \
        NEED(result, CUBLAS_STATUS_INVALID_VALUE);                                                                     \
        if (norm_is_typed(type_x, type_result, type_execution)) {                                                      \
            FOR_TYPE(type_x, cublasSasum_v2##SUFFIX(handle, n, x, incx, result),                                       \
                     cublasDasum_v2##SUFFIX(handle, n, x, incx, result),                                               \
                     cublasScasum_v2##SUFFIX(handle, n, x, incx, result),                                              \
                     cublasDzasum_v2##SUFFIX(handle, n, x, incx, result))                                              \
        }                                                                                                              \
        return norm(handle, n, x, type_x, incx, result, type_result, NORM1, "cublasAsumEx" #SUFFIX " of these types"); \
    }                                                                                                                  \
    cublasStatus_t cublasIamaxEx##SUFFIX(cublasHandle_t handle, INT n, const void *x, cudaDataType_t type_x,          \
                                         INT incx, INT *result)                                                        \
    {                                                                                                                  \
        NEED_HANDLE;                                                                                                   \
        FOR_TYPE(type_x, cublasIsamax_v2##SUFFIX(handle, n, x, incx, result),                                          \
                 cublasIdamax_v2##SUFFIX(handle, n, x, incx, result),                                                  \
                 cublasIcamax_v2##SUFFIX(handle, n, x, incx, result),                                                  \
                 cublasIzamax_v2##SUFFIX(handle, n, x, incx, result))                                                  \
        return refuse("cublasIamaxEx" #SUFFIX " of this type");                                                        \
    }                                                                                                                  \
    cublasStatus_t cublasIaminEx##SUFFIX(cublasHandle_t handle, INT n, const void *x, cudaDataType_t type_x,          \
                                         INT incx, INT *result)                                                        \
    {                                                                                                                  \
        NEED_HANDLE;                                                                                                   \
        FOR_TYPE(type_x, cublasIsamin_v2##SUFFIX(handle, n, x, incx, result),                                          \
                 cublasIdamin_v2##SUFFIX(handle, n, x, incx, result),                                                  \
                 cublasIcamin_v2##SUFFIX(handle, n, x, incx, result),                                                  \
                 cublasIzamin_v2##SUFFIX(handle, n, x, incx, result))                                                  \
        return refuse("cublasIaminEx" #SUFFIX " of this type");                                                        \
    }                                                                                                                  \
    cublasStatus_t cublasRotEx##SUFFIX(cublasHandle_t handle, INT n, void *x, cudaDataType_t type_x, INT incx,        \
                                       void *y, cudaDataType_t type_y, INT incy, const void *c, const void *s,        \
                                       cudaDataType_t type_cs, cudaDataType_t type_execution)                          \
    {                                                                                                                  \
        NEED_HANDLE;                                                                                                   \
        if (type_x == type_y && type_execution == type_x && type_cs == type_x) {                                       \
            FOR_TYPE(type_x, cublasSrot_v2##SUFFIX(handle, n, x, incx, y, incy, c, s),                                 \
                     cublasDrot_v2##SUFFIX(handle, n, x, incx, y, incy, c, s),                                         \
                     cublasCrot_v2##SUFFIX(handle, n, x, incx, y, incy, c, s),                                         \
                     cublasZrot_v2##SUFFIX(handle, n, x, incx, y, incy, c, s))                                         \
        }                                                                                                              \
        if (type_x == type_y && type_execution == type_x && type_x == CUDA_C_32F && type_cs == CUDA_R_32F) {           \
            return cublasCsrot_v2##SUFFIX(handle, n, x, incx, y, incy, c, s);                                          \
        }                                                                                                              \
        if (type_x == type_y && type_execution == type_x && type_x == CUDA_C_64F && type_cs == CUDA_R_64F) {           \
            return cublasZdrot_v2##SUFFIX(handle, n, x, incx, y, incy, c, s);                                          \
        }                                                                                                              \
        return refuse("cublasRotEx" #SUFFIX " of these types");                                                        \
    }                                                                                                                  \
    cublasStatus_t cublasRotmEx##SUFFIX(cublasHandle_t handle, INT n, void *x, cudaDataType_t type_x, INT incx,       \
                                        void *y, cudaDataType_t type_y, INT incy, const void *param,                  \
                                        cudaDataType_t type_param, cudaDataType_t type_execution)                      \
    {                                                                                                                  \
        NEED_HANDLE;                                                                                                   \
        int same = type_x == type_y && type_x == type_param && type_x == type_execution;                               \
        if (same && type_x == CUDA_R_32F) {                                                                            \
            return cublasSrotm_v2##SUFFIX(handle, n, x, incx, y, incy, param);                                         \
        }                                                                                                              \
        if (same && type_x == CUDA_R_64F) {                                                                            \
            return cublasDrotm_v2##SUFFIX(handle, n, x, incx, y, incy, param);                                         \
        }                                                                                                              \
        return refuse("cublasRotmEx" #SUFFIX " of these types");                                                       \
    }

DEFINE_EX(int, )
DEFINE_EX(int64_t, _64)

cublasStatus_t cublasRotgEx(cublasHandle_t handle, void *a, void *b, cudaDataType_t type_ab, void *c, void *s,
                            cudaDataType_t type_cs, cudaDataType_t type_execution)
{
    NEED_HANDLE;
    int real = type_cs == (type_ab == CUDA_C_32F ? CUDA_R_32F : type_ab == CUDA_C_64F ? CUDA_R_64F : type_ab);
    if ((type_cs == type_ab || real) && type_execution == type_ab) {
        FOR_TYPE(type_ab, cublasSrotg_v2(handle, a, b, c, s), cublasDrotg_v2(handle, a, b, c, s),
                 cublasCrotg_v2(handle, a, b, c, s), cublasZrotg_v2(handle, a, b, c, s))
    }
    return refuse("cublasRotgEx of these types");
}

cublasStatus_t cublasRotmgEx(cublasHandle_t handle, void *d1, cudaDataType_t type_d1, void *d2, cudaDataType_t type_d2,
                             void *x1, cudaDataType_t type_x1, const void *y1, cudaDataType_t type_y1, void *param,
                             cudaDataType_t type_param, cudaDataType_t type_execution)
{
    NEED_HANDLE;
    int same = type_d1 == type_d2 && type_d1 == type_x1 && type_d1 == type_y1 && type_d1 == type_param &&
               type_d1 == type_execution;
    if (same && type_d1 == CUDA_R_32F) {
        return cublasSrotmg_v2(handle, d1, d2, x1, y1, param);
    }
    if (same && type_d1 == CUDA_R_64F) {
        return cublasDrotmg_v2(handle, d1, d2, x1, y1, param);
    }
    return refuse("cublasRotmgEx of these types");
}

/* --- complex products with stored types as arguments ---- */

#define ONLY_SINGLE(NAME, SIZES, CONDITION, CALL)                                                                      \
    NEED_HANDLE;                                                                                                       \
    NEED(SIZES, CUBLAS_STATUS_INVALID_VALUE);                                                                          \
    if (CONDITION) {                                                                                                   \
        return CALL;                                                                                                   \
    }                                                                                                                  \
    return refuse(NAME " of 8-bit integers");

#define DEFINE_SYRK_EX(NAME)                                                                                           \
    cublasStatus_t cublasCsyrk##NAME(cublasHandle_t handle, cublasFillMode_t uplo, cublasOperation_t trans, int n,    \
                                     int k, const cuComplex *alpha, const void *a, cudaDataType_t type_a, int lda,    \
                                     const cuComplex *beta, void *c, cudaDataType_t type_c, int ldc)                   \
    {                                                                                                                  \
        ONLY_SINGLE("cublasCsyrk" #NAME, n >= 0 && k >= 0 && lda > 0 && ldc > 0, type_a == CUDA_C_32F && type_c == CUDA_C_32F,                                 \
                    cublasCsyrk_v2(handle, uplo, trans, n, k, alpha, a, lda, beta, c, ldc))                            \
    }                                                                                                                  \
    cublasStatus_t cublasCherk##NAME(cublasHandle_t handle, cublasFillMode_t uplo, cublasOperation_t trans, int n,    \
                                     int k, const float *alpha, const void *a, cudaDataType_t type_a, int lda,        \
                                     const float *beta, void *c, cudaDataType_t type_c, int ldc)                       \
    {                                                                                                                  \
        ONLY_SINGLE("cublasCherk" #NAME, n >= 0 && k >= 0 && lda > 0 && ldc > 0, type_a == CUDA_C_32F && type_c == CUDA_C_32F,                                 \
                    cublasCherk_v2(handle, uplo, trans, n, k, alpha, a, lda, beta, c, ldc))                            \
    }

DEFINE_SYRK_EX(Ex)
DEFINE_SYRK_EX(3mEx)

cublasStatus_t cublasCgemm3mEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n,
                               int k, const cuComplex *alpha, const void *a, cudaDataType_t type_a, int lda,
                               const void *b, cudaDataType_t type_b, int ldb, const cuComplex *beta, void *c,
                               cudaDataType_t type_c, int ldc)
{
    ONLY_SINGLE("cublasCgemm3mEx", m >= 0 && n >= 0 && k >= 0 && lda > 0 && ldb > 0 && ldc > 0, type_a == CUDA_C_32F && type_b == CUDA_C_32F && type_c == CUDA_C_32F,
                cublasCgemm_v2(handle, transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc))
}

/* --- products of groups: one batch after the other ---- */

cublasStatus_t cublasGemmGroupedBatchedEx(cublasHandle_t handle, const cublasOperation_t transa[],
                                          const cublasOperation_t transb[], const int m[], const int n[], const int k[],
                                          const void *alpha, const void *const a[], cudaDataType_t type_a,
                                          const int lda[], const void *const b[], cudaDataType_t type_b,
                                          const int ldb[], const void *beta, void *const c[], cudaDataType_t type_c,
                                          const int ldc[], int groups, const int group_size[],
                                          cublasComputeType_t compute)
{
    NEED_HANDLE;
    NEED(groups >= 0, CUBLAS_STATUS_INVALID_VALUE);
    NEED(groups == 0 || (transa && transb && m && n && k && alpha && a && lda && b && ldb && beta && c && ldc && group_size),
         CUBLAS_STATUS_INVALID_VALUE);
    int64_t accumulation, scale, first = 0;
    if (!maf_compute_of(compute, maf_dtype_of(type_a), &accumulation, &scale)) {
        return refuse("cublasGemmGroupedBatchedEx of this compute type");
    }
    for (int i = 0; i < groups; i++) { /* nothing runs if any group is wrong */
        NEED(group_size[i] >= 0 && m[i] >= 0 && n[i] >= 0 && k[i] >= 0, CUBLAS_STATUS_INVALID_VALUE);
    }
    uint32_t step = maf_type_size(scale);
    for (int i = 0; i < groups; i++) {
        cublasStatus_t status = cublasGemmBatchedEx(
            handle, transa[i], transb[i], m[i], n[i], k[i], (const char *)alpha + (size_t)i * step, a + first, type_a,
            lda[i], b + first, type_b, ldb[i], (const char *)beta + (size_t)i * step, c + first, type_c, ldc[i],
            group_size[i], compute, CUBLAS_GEMM_DEFAULT);
        NEED(status == CUBLAS_STATUS_SUCCESS, status);
        first += group_size[i];
    }
    return CUBLAS_STATUS_SUCCESS;
}

#define DEFINE_GROUPED(L, T, TYPE, COMPUTE)                                                                            \
    cublasStatus_t cublas##L##gemmGroupedBatched(                                                                      \
        cublasHandle_t handle, const cublasOperation_t transa[], const cublasOperation_t transb[], const int m[],     \
        const int n[], const int k[], const T alpha[], const T *const a[], const int lda[], const T *const b[],       \
        const int ldb[], const T beta[], T *const c[], const int ldc[], int groups, const int group_size[])            \
    {                                                                                                                  \
        return cublasGemmGroupedBatchedEx(handle, transa, transb, m, n, k, alpha, (const void *const *)a, TYPE, lda,   \
                                          (const void *const *)b, TYPE, ldb, beta, (void *const *)(uintptr_t)c, TYPE,  \
                                          ldc, groups, group_size, COMPUTE);                                           \
    }

DEFINE_GROUPED(S, float, CUDA_R_32F, CUBLAS_COMPUTE_32F)
DEFINE_GROUPED(D, double, CUDA_R_64F, CUBLAS_COMPUTE_64F)
