/* Level 1 and level 2 routines other than gemv and the scalar products. */

#include "front.h"

static int is_vector_routine(int64_t routine)
{
    return routine >= MAF_BLAS_AXPY && routine <= MAF_BLAS_ROT;
}

void maf_level12_fill(const struct maf_level12 *g, struct maf_blas_call *call)
{
    memset(call, 0, sizeof *call);
    struct maf_op_blas *op = &call->op;
    op->routine = g->routine;
    op->type = g->type;
    op->uplo = g->uplo;
    op->transa = g->trans;
    op->unit_diagonal = g->diag;
    op->m = g->m;
    op->n = g->n;
    op->k = g->k;
    op->above = g->above;
    op->lda = g->lda;
    op->incx = g->incx;
    op->incy = g->incy;
    op->batch = 1;
    call->pointers[BLAS_A] = maf_address(g->a);
    call->pointers[BLAS_X] = maf_address(g->x);
    call->pointers[BLAS_Y] = maf_address(g->y);
}

cublasStatus_t maf_level12(cublasHandle_t handle, const struct maf_level12 *g)
{
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    /* Level 1 does nothing for n <= 0; level 2 refuses negative sizes and increments of zero. */
    if (is_vector_routine(g->routine)) {
        if (g->n <= 0) {
            return CUBLAS_STATUS_SUCCESS;
        }
    } else if (g->m < 0 || g->n < 0 || g->k < 0 || g->above < 0 || (g->x && g->incx == 0) || (g->y && g->incy == 0) ||
               (unsigned)g->uplo > CUBLAS_FILL_MODE_UPPER || (unsigned)g->trans > CUBLAS_OP_C ||
               (unsigned)g->diag > CUBLAS_DIAG_UNIT) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    if (g->type_alpha != MAF_NO_TYPE && !g->alpha) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    struct maf_blas_call call;
    maf_level12_fill(g, &call);
    return maf_submit_blas(handle, &call, g->alpha, g->type_alpha == MAF_NO_TYPE ? g->type : g->type_alpha, g->beta,
                           g->type_beta, g->function);
}

/* nrm2, asum, iamax, iamin: one value at `result`, on the host or the device by the pointer mode. */
static cublasStatus_t reduce(cublasHandle_t handle, const struct maf_level12 *g, void *result, uint32_t bytes)
{
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    uint64_t device;
    cublasStatus_t status = maf_result_begin(handle, result, &device);
    if (status != CUBLAS_STATUS_SUCCESS) {
        return status;
    }
    struct maf_blas_call call;
    maf_level12_fill(g, &call);
    call.op.n = g->n > 0 ? g->n : 0;
    call.op.index_bytes = bytes;
    call.pointers[BLAS_C] = device;
    status = maf_submit_blas(handle, &call, NULL, g->type, NULL, g->type, g->function);
    return status == CUBLAS_STATUS_SUCCESS ? maf_result_end(handle, result, bytes) : status;
}

#define HEAD(ROUTINE, TYPE) .routine = ROUTINE, .type = TYPE
#define ALPHA(SCALE) .alpha = alpha, .type_alpha = SCALE
#define NO_ALPHA .type_alpha = MAF_NO_TYPE
#define MATRIX .a = a, .lda = lda
#define VECTOR_X .x = x, .incx = incx
#define VECTOR_Y .y = y, .incy = incy

#define DEFINE_TRV(NAME, INT, T, TYPE, ROUTINE)                                                                        \
    cublasStatus_t NAME(cublasHandle_t handle, cublasFillMode_t uplo, cublasOperation_t trans, cublasDiagType_t diag,  \
                        INT n, const T *a, INT lda, T *x, INT incx)                                                    \
    {                                                                                                                  \
        struct maf_level12 g = {HEAD(ROUTINE, TYPE), .uplo = uplo, .trans = trans, .diag = diag, .n = n, NO_ALPHA, MATRIX, \
                            VECTOR_X, .function = #NAME};                                                              \
        return maf_level12(handle, &g);                                                                                \
    }

#define DEFINE_SYMV(NAME, INT, T, TYPE, ROUTINE)                                                                       \
    cublasStatus_t NAME(cublasHandle_t handle, cublasFillMode_t uplo, INT n, const T *alpha, const T *a, INT lda,      \
                        const T *x, INT incx, const T *beta, T *y, INT incy)                                           \
    {                                                                                                                  \
        struct maf_level12 g = {HEAD(ROUTINE, TYPE), .uplo = uplo, .n = n, ALPHA(TYPE), MATRIX, VECTOR_X, .beta = beta, \
                            .type_beta = TYPE, VECTOR_Y, .function = #NAME};                                           \
        return handle && !beta ? CUBLAS_STATUS_INVALID_VALUE : maf_level12(handle, &g);                                \
    }

#define DEFINE_GER(NAME, INT, T, TYPE, ROUTINE)                                                                        \
    cublasStatus_t NAME(cublasHandle_t handle, INT m, INT n, const T *alpha, const T *x, INT incx, const T *y,         \
                        INT incy, T *a, INT lda)                                                                       \
    {                                                                                                                  \
        struct maf_level12 g = {HEAD(ROUTINE, TYPE), .m = m, .n = n, ALPHA(TYPE), MATRIX, VECTOR_X, VECTOR_Y,          \
                            .function = #NAME};                                                                        \
        return maf_level12(handle, &g);                                                                                \
    }

#define DEFINE_SYR(NAME, INT, T, TYPE, ROUTINE, S, SCALE)                                                              \
    cublasStatus_t NAME(cublasHandle_t handle, cublasFillMode_t uplo, INT n, const S *alpha, const T *x, INT incx,     \
                        T *a, INT lda)                                                                                 \
    {                                                                                                                  \
        struct maf_level12 g = {HEAD(ROUTINE, TYPE), .uplo = uplo, .n = n, ALPHA(SCALE), MATRIX, VECTOR_X,             \
                            .function = #NAME};                                                                        \
        return maf_level12(handle, &g);                                                                                \
    }

#define DEFINE_SYR2(NAME, INT, T, TYPE, ROUTINE)                                                                       \
    cublasStatus_t NAME(cublasHandle_t handle, cublasFillMode_t uplo, INT n, const T *alpha, const T *x, INT incx,     \
                        const T *y, INT incy, T *a, INT lda)                                                           \
    {                                                                                                                  \
        struct maf_level12 g = {HEAD(ROUTINE, TYPE), .uplo = uplo, .n = n, ALPHA(TYPE), MATRIX, VECTOR_X, VECTOR_Y,    \
                            .function = #NAME};                                                                        \
        return maf_level12(handle, &g);                                                                                \
    }

#define DEFINE_SCAL(NAME, INT, T, TYPE, S, SCALE)                                                                      \
    cublasStatus_t NAME(cublasHandle_t handle, INT n, const S *alpha, T *x, INT incx)                                  \
    {                                                                                                                  \
        struct maf_level12 g = {HEAD(MAF_BLAS_SCAL, TYPE), .n = n, ALPHA(SCALE), VECTOR_X, .function = #NAME};         \
        return maf_level12(handle, &g);                                                                                \
    }

/* The cosine is real; the sine has the type of S. */
#define DEFINE_ROT(NAME, INT, T, TYPE, R, REAL, S, SCALE)                                                              \
    cublasStatus_t NAME(cublasHandle_t handle, INT n, T *x, INT incx, T *y, INT incy, const R *c, const S *s)          \
    {                                                                                                                  \
        return rotate(handle, TYPE, n, x, incx, y, incy, c, REAL, s, SCALE, #NAME);                                    \
    }

static cublasStatus_t rotate(cublasHandle_t handle, int64_t type, int64_t n, const void *x, int64_t incx,
                             const void *y, int64_t incy, const void *c, int64_t type_c, const void *s, int64_t type_s,
                             const char *function)
{
    struct maf_level12 g = {HEAD(MAF_BLAS_ROT, type), .n = n, VECTOR_X, VECTOR_Y};
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    if (!c || !s) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    if (n <= 0) {
        return CUBLAS_STATUS_SUCCESS;
    }
    struct maf_blas_call call;
    maf_level12_fill(&g, &call);
    /* type_scale tells which kind of sine it is; the host's values are read by their own types. */
    if (handle->pointer_mode == CUBLAS_POINTER_MODE_HOST) {
        maf_host_scalar(type_c, c, call.scalars);
        maf_host_scalar(type_s, s, call.scalars + 2);
        return maf_submit_blas(handle, &call, NULL, type_s, NULL, type_s, function);
    }
    return maf_submit_blas(handle, &call, c, type_s, s, type_s, function);
}

#define DEFINE_COPY(NAME, INT, T, CONST_T, TYPE, ROUTINE)                                                              \
    cublasStatus_t NAME(cublasHandle_t handle, INT n, CONST_T *x, INT incx, T *y, INT incy)                            \
    {                                                                                                                  \
        struct maf_level12 g = {HEAD(ROUTINE, TYPE), .n = n, NO_ALPHA, VECTOR_X, VECTOR_Y, .function = #NAME};         \
        return maf_level12(handle, &g);                                                                                \
    }

#define DEFINE_REDUCE(NAME, INT, T, TYPE, ROUTINE, RESULT)                                                             \
    cublasStatus_t NAME(cublasHandle_t handle, INT n, const T *x, INT incx, RESULT *result)                            \
    {                                                                                                                  \
        struct maf_level12 g = {HEAD(ROUTINE, TYPE), .n = n, VECTOR_X, .function = #NAME};                             \
        return reduce(handle, &g, result, sizeof *result);                                                             \
    }

/* LR: prefix of reductions to a real number; LI: lower-case letter of the index functions. */
#define DEFINE_TYPE(L, LR, LI, INT, SUFFIX, T, TYPE, R, REAL)                                                          \
    DEFINE_TRV(cublas##L##trsv_v2##SUFFIX, INT, T, TYPE, MAF_BLAS_TRSV)                                                \
    DEFINE_TRV(cublas##L##trmv_v2##SUFFIX, INT, T, TYPE, MAF_BLAS_TRMV)                                                \
    DEFINE_SYMV(cublas##L##symv_v2##SUFFIX, INT, T, TYPE, MAF_BLAS_SYMV)                                               \
    DEFINE_SYR(cublas##L##syr_v2##SUFFIX, INT, T, TYPE, MAF_BLAS_SYR, T, TYPE)                                         \
    DEFINE_SYR2(cublas##L##syr2_v2##SUFFIX, INT, T, TYPE, MAF_BLAS_SYR2)                                               \
    DEFINE_SCAL(cublas##L##scal_v2##SUFFIX, INT, T, TYPE, T, TYPE)                                                     \
    DEFINE_COPY(cublas##L##copy_v2##SUFFIX, INT, T, const T, TYPE, MAF_BLAS_COPY)                                      \
    DEFINE_COPY(cublas##L##swap_v2##SUFFIX, INT, T, T, TYPE, MAF_BLAS_SWAP)                                            \
    DEFINE_REDUCE(cublas##LR##nrm2_v2##SUFFIX, INT, T, TYPE, MAF_BLAS_NRM2, R)                                         \
    DEFINE_REDUCE(cublas##LR##asum_v2##SUFFIX, INT, T, TYPE, MAF_BLAS_ASUM, R)                                         \
    DEFINE_REDUCE(cublasI##LI##amax_v2##SUFFIX, INT, T, TYPE, MAF_BLAS_IAMAX, INT)                                     \
    DEFINE_REDUCE(cublasI##LI##amin_v2##SUFFIX, INT, T, TYPE, MAF_BLAS_IAMIN, INT)                                     \
    DEFINE_ROT(cublas##L##rot_v2##SUFFIX, INT, T, TYPE, R, REAL, T, TYPE)                                              \
    cublasStatus_t cublas##L##axpy_v2##SUFFIX(cublasHandle_t handle, INT n, const T *alpha, const T *x, INT incx,      \
                                              T *y, INT incy)                                                          \
    {                                                                                                                  \
        struct maf_level12 g = {HEAD(MAF_BLAS_AXPY, TYPE), .n = n, ALPHA(TYPE), VECTOR_X, VECTOR_Y,                    \
                            .function = "cublas" #L "axpy_v2" #SUFFIX};                                                \
        return maf_level12(handle, &g);                                                                                \
    }

#define DEFINE_COMPLEX(L, LS, INT, SUFFIX, T, TYPE, R, REAL)                                                           \
    DEFINE_SYMV(cublas##L##hemv_v2##SUFFIX, INT, T, TYPE, MAF_BLAS_HEMV)                                               \
    DEFINE_GER(cublas##L##geru_v2##SUFFIX, INT, T, TYPE, MAF_BLAS_GER)                                                 \
    DEFINE_GER(cublas##L##gerc_v2##SUFFIX, INT, T, TYPE, MAF_BLAS_GERC)                                                \
    DEFINE_SYR(cublas##L##her_v2##SUFFIX, INT, T, TYPE, MAF_BLAS_HER, R, REAL)                                         \
    DEFINE_SYR2(cublas##L##her2_v2##SUFFIX, INT, T, TYPE, MAF_BLAS_HER2)                                               \
    DEFINE_SCAL(cublas##L##LS##scal_v2##SUFFIX, INT, T, TYPE, R, REAL)                                                 \
    DEFINE_ROT(cublas##L##LS##rot_v2##SUFFIX, INT, T, TYPE, R, REAL, R, REAL)

#define DEFINE_SIZE(INT, SUFFIX)                                                                                       \
    DEFINE_TYPE(S, S, s, INT, SUFFIX, float, MAF_F32, float, MAF_F32)                                                  \
    DEFINE_TYPE(D, D, d, INT, SUFFIX, double, MAF_F64, double, MAF_F64)                                                \
    DEFINE_TYPE(C, Sc, c, INT, SUFFIX, cuComplex, MAF_C64, float, MAF_F32)                                             \
    DEFINE_TYPE(Z, Dz, z, INT, SUFFIX, cuDoubleComplex, MAF_C128, double, MAF_F64)                                     \
    DEFINE_GER(cublasSger_v2##SUFFIX, INT, float, MAF_F32, MAF_BLAS_GER)                                               \
    DEFINE_GER(cublasDger_v2##SUFFIX, INT, double, MAF_F64, MAF_BLAS_GER)                                              \
    DEFINE_COMPLEX(C, s, INT, SUFFIX, cuComplex, MAF_C64, float, MAF_F32)                                              \
    DEFINE_COMPLEX(Z, d, INT, SUFFIX, cuDoubleComplex, MAF_C128, double, MAF_F64)

DEFINE_SIZE(int, )
DEFINE_SIZE(int64_t, _64)
