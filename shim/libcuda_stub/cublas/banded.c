/* Level 2 routines with banded and packed matrices, and the two conversions of packed triangles. */

#include "front.h"

#define HEAD(ROUTINE, TYPE) .routine = MAF_BLAS_##ROUTINE, .type = TYPE
#define ALPHA(TYPE) .alpha = alpha, .type_alpha = TYPE
#define NO_ALPHA .type_alpha = MAF_NO_TYPE
#define BETA(TYPE) .beta = beta, .type_beta = TYPE
#define CALL_WITH_BETA handle && !beta ? CUBLAS_STATUS_INVALID_VALUE : maf_level12(handle, &g)
#define X .x = x, .incx = incx
#define Y .y = y, .incy = incy

#define DEFINE_GENERAL(L, INT, SUFFIX, T, TYPE)                                                                        \
    cublasStatus_t cublas##L##gbmv_v2##SUFFIX(cublasHandle_t handle, cublasOperation_t trans, INT m, INT n, INT kl,    \
                                              INT ku, const T *alpha, const T *a, INT lda, const T *x, INT incx,       \
                                              const T *beta, T *y, INT incy)                                           \
    {                                                                                                                  \
        struct maf_level12 g = {HEAD(GBMV, TYPE), .trans = trans, .m = m, .n = n, .k = kl, .above = ku, ALPHA(TYPE),   \
                           .a = a, .lda = lda, X, BETA(TYPE), Y, .function = "cublas" #L "gbmv_v2" #SUFFIX};           \
        return CALL_WITH_BETA;                                                                                         \
    }

#define DEFINE_TRIANGULAR(L, INT, SUFFIX, T, TYPE, NAME, ROUTINE)                                                      \
    cublasStatus_t cublas##L##tb##NAME##_v2##SUFFIX(cublasHandle_t handle, cublasFillMode_t uplo,                      \
                                                    cublasOperation_t trans, cublasDiagType_t diag, INT n, INT k,      \
                                                    const T *a, INT lda, T *x, INT incx)                               \
    {                                                                                                                  \
        struct maf_level12 g = {HEAD(TB##ROUTINE, TYPE), .uplo = uplo, .trans = trans, .diag = diag, .n = n, .k = k,   \
                           NO_ALPHA, .a = a, .lda = lda, X,                                                            \
                           .function = "cublas" #L "tb" #NAME "_v2" #SUFFIX};                                          \
        return maf_level12(handle, &g);                                                                                \
    }                                                                                                                  \
    cublasStatus_t cublas##L##tp##NAME##_v2##SUFFIX(cublasHandle_t handle, cublasFillMode_t uplo,                      \
                                                    cublasOperation_t trans, cublasDiagType_t diag, INT n,             \
                                                    const T *a, T *x, INT incx)                                        \
    {                                                                                                                  \
        struct maf_level12 g = {HEAD(TP##ROUTINE, TYPE), .uplo = uplo, .trans = trans, .diag = diag, .n = n, NO_ALPHA, \
                           .a = a, X, .function = "cublas" #L "tp" #NAME "_v2" #SUFFIX};                               \
        return maf_level12(handle, &g);                                                                                \
    }

/* LETTERS: sb and sp, or hb and hp. R: type of the rank-one update's alpha. */
#define DEFINE_SYMMETRIC(L, INT, SUFFIX, T, TYPE, H, UPPER, R, REAL)                                                   \
    cublasStatus_t cublas##L##H##bmv_v2##SUFFIX(cublasHandle_t handle, cublasFillMode_t uplo, INT n, INT k,            \
                                                const T *alpha, const T *a, INT lda, const T *x, INT incx,             \
                                                const T *beta, T *y, INT incy)                                         \
    {                                                                                                                  \
        struct maf_level12 g = {HEAD(UPPER##BMV, TYPE), .uplo = uplo, .n = n, .k = k, ALPHA(TYPE), .a = a, .lda = lda, X, \
                           BETA(TYPE), Y, .function = "cublas" #L #H "bmv_v2" #SUFFIX};                                \
        return CALL_WITH_BETA;                                                                                         \
    }                                                                                                                  \
    cublasStatus_t cublas##L##H##pmv_v2##SUFFIX(cublasHandle_t handle, cublasFillMode_t uplo, INT n, const T *alpha,   \
                                                const T *a, const T *x, INT incx, const T *beta, T *y, INT incy)       \
    {                                                                                                                  \
        struct maf_level12 g = {HEAD(UPPER##PMV, TYPE), .uplo = uplo, .n = n, ALPHA(TYPE), .a = a, X, BETA(TYPE), Y,   \
                           .function = "cublas" #L #H "pmv_v2" #SUFFIX};                                               \
        return CALL_WITH_BETA;                                                                                         \
    }                                                                                                                  \
    cublasStatus_t cublas##L##H##pr_v2##SUFFIX(cublasHandle_t handle, cublasFillMode_t uplo, INT n, const R *alpha,    \
                                               const T *x, INT incx, T *a)                                             \
    {                                                                                                                  \
        struct maf_level12 g = {HEAD(UPPER##PR, TYPE), .uplo = uplo, .n = n, ALPHA(REAL), .a = a, X,                   \
                           .function = "cublas" #L #H "pr_v2" #SUFFIX};                                                \
        return maf_level12(handle, &g);                                                                                \
    }                                                                                                                  \
    cublasStatus_t cublas##L##H##pr2_v2##SUFFIX(cublasHandle_t handle, cublasFillMode_t uplo, INT n, const T *alpha,   \
                                                const T *x, INT incx, const T *y, INT incy, T *a)                      \
    {                                                                                                                  \
        struct maf_level12 g = {HEAD(UPPER##PR2, TYPE), .uplo = uplo, .n = n, ALPHA(TYPE), .a = a, X, Y,               \
                           .function = "cublas" #L #H "pr2_v2" #SUFFIX};                                               \
        return maf_level12(handle, &g);                                                                                \
    }

#define DEFINE_TYPE(L, INT, SUFFIX, T, TYPE)                                                                           \
    DEFINE_GENERAL(L, INT, SUFFIX, T, TYPE)                                                                            \
    DEFINE_TRIANGULAR(L, INT, SUFFIX, T, TYPE, mv, MV)                                                                 \
    DEFINE_TRIANGULAR(L, INT, SUFFIX, T, TYPE, sv, SV)

#define DEFINE_SIZE(INT, SUFFIX)                                                                                       \
    DEFINE_TYPE(S, INT, SUFFIX, float, MAF_F32)                                                                        \
    DEFINE_TYPE(D, INT, SUFFIX, double, MAF_F64)                                                                       \
    DEFINE_TYPE(C, INT, SUFFIX, cuComplex, MAF_C64)                                                                    \
    DEFINE_TYPE(Z, INT, SUFFIX, cuDoubleComplex, MAF_C128)                                                             \
    DEFINE_SYMMETRIC(S, INT, SUFFIX, float, MAF_F32, s, S, float, MAF_F32)                                             \
    DEFINE_SYMMETRIC(D, INT, SUFFIX, double, MAF_F64, s, S, double, MAF_F64)                                           \
    DEFINE_SYMMETRIC(C, INT, SUFFIX, cuComplex, MAF_C64, h, H, float, MAF_F32)                                         \
    DEFINE_SYMMETRIC(Z, INT, SUFFIX, cuDoubleComplex, MAF_C128, h, H, double, MAF_F64)

DEFINE_SIZE(int, )
DEFINE_SIZE(int64_t, _64)

/* x is the packed triangle. */
#define DEFINE_PACKING(L, T, TYPE)                                                                                     \
    cublasStatus_t cublas##L##tpttr(cublasHandle_t handle, cublasFillMode_t uplo, int n, const T *ap, T *a, int lda)   \
    {                                                                                                                  \
        struct maf_level12 g = {HEAD(TPTTR, TYPE), .uplo = uplo, .n = n, NO_ALPHA, .a = a, .lda = lda, .x = ap, .incx = 1, \
                           .function = "cublas" #L "tpttr"};                                                           \
        return maf_level12(handle, &g);                                                                                \
    }                                                                                                                  \
    cublasStatus_t cublas##L##trttp(cublasHandle_t handle, cublasFillMode_t uplo, int n, const T *a, int lda, T *ap)   \
    {                                                                                                                  \
        struct maf_level12 g = {HEAD(TRTTP, TYPE), .uplo = uplo, .n = n, NO_ALPHA, .a = a, .lda = lda, .x = ap, .incx = 1, \
                           .function = "cublas" #L "trttp"};                                                           \
        return maf_level12(handle, &g);                                                                                \
    }

DEFINE_PACKING(S, float, MAF_F32)
DEFINE_PACKING(D, double, MAF_F64)
DEFINE_PACKING(C, cuComplex, MAF_C64)
DEFINE_PACKING(Z, cuDoubleComplex, MAF_C128)
