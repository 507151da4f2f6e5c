/* What the files of this library share: the handle, and the way from a call to an op. */
#ifndef MAF_CUBLAS_FRONT_H
#define MAF_CUBLAS_FRONT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../../client/maf_client.h"
#include "cublas.h"

#ifndef MAF_CUBLAS_MAJOR
#define MAF_CUBLAS_MAJOR 13
#endif

enum { RESULT_BYTES = 16, MAF_NO_TYPE = -1 };

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

/* One op on its way: description, pointers and scalars in the layout that protocol.h states for GEMM. */
struct maf_gemm_call {
    struct maf_op_gemm op;
    uint64_t pointers[8];
    double scalars[4];
};
enum { PTR_A, PTR_B, PTR_C, PTR_D, PTR_BIAS, PTR_AUX, PTR_ALPHA, PTR_BETA };

/* enum maf_dtype of a cudaDataType_t, or MAF_NO_TYPE. */
int64_t maf_dtype_of(cudaDataType_t type);

/* Accumulation and scale types of a compute type for operands of type_a; 0 if the compute type is unknown. */
int maf_compute_of(cublasComputeType_t compute, int64_t type_a, int64_t *accumulation, int64_t *scale);

/* A scalar of that type in host memory, as real and imaginary part. */
void maf_host_scalar(int64_t type, const void *p, double out[2]);

uint32_t maf_type_size(int64_t type);

/* alpha and beta by the handle's pointer mode. INVALID_VALUE for NULL. */
cublasStatus_t maf_set_scalars(cublasHandle_t handle, struct maf_gemm_call *call, const void *alpha, const void *beta);

/* Plans an op and appends it to the stream. `function` is the entry point's name, for the log. */
cublasStatus_t maf_submit(void *stream, uint32_t kind, const void *op, uint32_t op_bytes, const uint64_t *pointers,
                          uint32_t count, const void *scalars, uint32_t scalar_bytes, const char *function);
cublasStatus_t maf_submit_gemm(void *stream, const struct maf_gemm_call *call, const char *function);

/* A result that the caller wants at `result`: where the op shall write it (`device`), and, after the op was submitted,
 * the copy to the host. In host pointer mode this waits for the stream. */
cublasStatus_t maf_result_begin(cublasHandle_t handle, const void *result, uint64_t *device);
cublasStatus_t maf_result_end(cublasHandle_t handle, void *result, uint32_t bytes);

static inline uint64_t maf_address(const void *p)
{
    return (uint64_t)(uintptr_t)p;
}

/* BLAS's vectors with a negative increment start at their highest address. */
static inline uint64_t maf_vector_start(const void *p, int64_t n, int64_t increment, uint32_t size)
{
    return maf_address(p) + (increment < 0 && n > 0 ? (uint64_t)((1 - n) * increment * (int64_t)size) : 0);
}

#endif
