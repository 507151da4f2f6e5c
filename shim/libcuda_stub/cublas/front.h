/* What the files of this library share: the handle, and the way from a call to an op. */
#ifndef MAF_CUBLAS_FRONT_H
#define MAF_CUBLAS_FRONT_H

#include "common.h"

#ifndef MAF_CUBLAS_MAJOR
#define MAF_CUBLAS_MAJOR 13
#endif

enum { RESULT_BYTES = 16 };

struct maf_cublas_handle {
    void *stream;
    void *workspace; /* the application's; ops need none */
    size_t workspace_bytes;
    cublasPointerMode_t pointer_mode;
    cublasAtomicsMode_t atomics_mode;
    cublasMath_t math_mode;
    int sm_count_target;
    uint64_t result; /* device memory for a result that the caller wants on the host; 0 until needed */
};

/* alpha and beta by the handle's pointer mode. INVALID_VALUE for NULL. */
cublasStatus_t maf_set_scalars(cublasHandle_t handle, struct maf_gemm_call *call, const void *alpha, const void *beta);

/* One BLAS op on its way; pointers and scalars as protocol.h states. */
struct maf_blas_call {
    struct maf_op_blas op;
    uint64_t pointers[7];
    double scalars[4];
};
enum { BLAS_A, BLAS_B, BLAS_C, BLAS_X, BLAS_Y, BLAS_ALPHA, BLAS_BETA };

/* Fills alpha and beta by the handle's pointer mode (NULL: the routine has none; types are those of the caller's
 * values) and submits. Nothing is submitted for an empty result. */
cublasStatus_t maf_submit_blas(cublasHandle_t handle, struct maf_blas_call *call, const void *alpha,
                               int64_t type_alpha, const void *beta, int64_t type_beta, const char *function);

/* A level 1 or level 2 call; fields that the routine lacks are 0. */
struct maf_level12 {
    int64_t routine;
    int64_t type;
    int uplo;
    int trans;
    int diag;
    int64_t m;
    int64_t n;
    int64_t k; /* diagonals beside the main one; gbmv: below it */
    int64_t above;
    const void *alpha;
    int64_t type_alpha; /* MAF_NO_TYPE: the routine has none */
    const void *a;
    int64_t lda;
    const void *x;
    int64_t incx;
    const void *beta; /* whether a routine needs it is its caller's to check */
    int64_t type_beta;
    const void *y;
    int64_t incy;
    const char *function;
};

/* Checks and submits; fill alone makes the op. */
cublasStatus_t maf_level12(cublasHandle_t handle, const struct maf_level12 *g);
void maf_level12_fill(const struct maf_level12 *g, struct maf_blas_call *call);

/* A result that the caller wants at `result`: where the op shall write it (`device`), and, after the op was submitted,
 * the copy to the host. In host pointer mode this waits for the stream. */
cublasStatus_t maf_result_begin(cublasHandle_t handle, const void *result, uint64_t *device);
cublasStatus_t maf_result_end(cublasHandle_t handle, void *result, uint32_t bytes);

/* BLAS's vectors with a negative increment start at their highest address. */
static inline uint64_t maf_vector_start(const void *p, int64_t n, int64_t increment, uint32_t size)
{
    return maf_address(p) + (increment < 0 && n > 0 ? (uint64_t)((1 - n) * increment * (int64_t)size) : 0);
}

#endif
