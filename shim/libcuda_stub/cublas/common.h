/* What cuBLAS and cuBLASLt share: types, scalars in host memory, and the way from a description to an op. */
#ifndef MAF_CUBLAS_COMMON_H
#define MAF_CUBLAS_COMMON_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../../client/maf_client.h"
#include "cublas.h"

enum { MAF_NO_TYPE = -1 };

/* One GEMM on its way: description, pointers and scalars in the layout that protocol.h states. */
struct maf_gemm_call {
    struct maf_op_gemm op;
    uint64_t pointers[8];
    double scalars[4];
};
enum { PTR_A, PTR_B, PTR_C, PTR_D, PTR_BIAS, PTR_AUX, PTR_ALPHA, PTR_BETA };

static inline uint64_t maf_address(const void *p)
{
    return (uint64_t)(uintptr_t)p;
}

/* enum maf_dtype of a cudaDataType_t, or MAF_NO_TYPE. */
static inline int64_t maf_dtype_of(cudaDataType_t type)
{
    switch (type) {
    case CUDA_R_32F:
        return MAF_F32;
    case CUDA_R_64F:
        return MAF_F64;
    case CUDA_R_16F:
        return MAF_F16;
    case CUDA_R_16BF:
        return MAF_BF16;
    case CUDA_C_32F:
        return MAF_C64;
    case CUDA_C_64F:
        return MAF_C128;
    case CUDA_R_8I:
        return MAF_I8;
    case CUDA_R_8U:
        return MAF_U8;
    case CUDA_R_32I:
        return MAF_I32;
    default:
        return MAF_NO_TYPE;
    }
}

static inline uint32_t maf_type_size(int64_t type)
{
    static const uint8_t bytes[] = {
        [MAF_F32] = 4, [MAF_F64] = 8, [MAF_F16] = 2, [MAF_BF16] = 2, [MAF_C64] = 8,
        [MAF_C128] = 16, [MAF_I8] = 1, [MAF_I32] = 4, [MAF_U8] = 1, [MAF_I64] = 8,
    };
    return type >= 0 && type < (int64_t)sizeof bytes ? bytes[type] : 0;
}

/* Accumulation and scale types of a compute type for operands of type_a; 0 if the compute type is unknown. */
static inline int maf_compute_of(cublasComputeType_t compute, int64_t type_a, int64_t *accumulation, int64_t *scale)
{
    int complex = type_a == MAF_C64 || type_a == MAF_C128;
    switch (compute) {
    case CUBLAS_COMPUTE_16F:
    case CUBLAS_COMPUTE_16F_PEDANTIC:
        *accumulation = *scale = MAF_F16;
        return 1;
    case CUBLAS_COMPUTE_32F:
    case CUBLAS_COMPUTE_32F_PEDANTIC:
    case CUBLAS_COMPUTE_32F_FAST_16F:
    case CUBLAS_COMPUTE_32F_FAST_16BF:
    case CUBLAS_COMPUTE_32F_FAST_TF32:
    case CUBLAS_COMPUTE_32F_EMULATED_16BFX9:
        *accumulation = *scale = complex ? MAF_C64 : MAF_F32;
        return 1;
    case CUBLAS_COMPUTE_64F:
    case CUBLAS_COMPUTE_64F_PEDANTIC:
    case CUBLAS_COMPUTE_64F_EMULATED_FIXEDPOINT:
        *accumulation = *scale = complex ? MAF_C128 : MAF_F64;
        return 1;
    case CUBLAS_COMPUTE_32I:
    case CUBLAS_COMPUTE_32I_PEDANTIC:
        *accumulation = *scale = MAF_I32;
        return 1;
    }
    return 0;
}

static inline double maf_half_value(uint16_t h)
{
    int exponent = h >> 10 & 31, mantissa = h & 1023;
    double magnitude;
    if (exponent == 31) {
        magnitude = mantissa ? __builtin_nan("") : __builtin_inf();
    } else {
        /* 2^-24 is the smallest subnormal half. */
        magnitude = exponent ? (double)((uint64_t)(1024 + mantissa) << (exponent - 1)) * 0x1p-24 : mantissa * 0x1p-24;
    }
    return h & 0x8000 ? -magnitude : magnitude;
}

/* A scalar of that type in host memory, as real and imaginary part. */
static inline void maf_host_scalar(int64_t type, const void *p, double out[2])
{
    out[1] = 0;
    switch (type) {
    case MAF_F32:
        out[0] = *(const float *)p;
        break;
    case MAF_F64:
        out[0] = *(const double *)p;
        break;
    case MAF_F16:
        out[0] = maf_half_value(*(const uint16_t *)p);
        break;
    case MAF_BF16: {
        uint32_t bits = (uint32_t)*(const uint16_t *)p << 16;
        float value;
        memcpy(&value, &bits, 4);
        out[0] = value;
        break;
    }
    case MAF_C64:
        out[0] = ((const float *)p)[0];
        out[1] = ((const float *)p)[1];
        break;
    case MAF_C128:
        memcpy(out, p, 16);
        break;
    default:
        out[0] = *(const int32_t *)p;
    }
}

static inline cublasStatus_t maf_status_of(int cuda_error)
{
    switch (cuda_error) {
    case 0:
        return CUBLAS_STATUS_SUCCESS;
    case 2: /* cudaErrorMemoryAllocation */
        return CUBLAS_STATUS_ALLOC_FAILED;
    default:
        return CUBLAS_STATUS_EXECUTION_FAILED;
    }
}

/* Plans an op and appends it to the stream. `library` and `function` name the entry point, for the log. */
static inline cublasStatus_t maf_submit(void *stream, uint32_t kind, const void *op, uint32_t op_bytes,
                                        const uint64_t *pointers, uint32_t count, const void *scalars,
                                        uint32_t scalar_bytes, const char *library, const char *function)
{
    struct maf_plan_info info;
    int error = maf_plan(kind, op, op_bytes, &info);
    switch (error) {
    case MAF_PLAN_OK:
        return maf_status_of(maf_op(stream, info.plan, pointers, count, scalars, scalar_bytes));
    case MAF_PLAN_UNSUPPORTED:
        maf_unsupported(library, function);
        return CUBLAS_STATUS_NOT_SUPPORTED;
    case MAF_PLAN_INVALID:
        return CUBLAS_STATUS_INVALID_VALUE;
    case MAF_PLAN_INTERNAL:
        return CUBLAS_STATUS_INTERNAL_ERROR;
    default:
        return maf_status_of(error < 0 ? -error : error);
    }
}

static inline cublasStatus_t maf_submit_gemm(void *stream, const struct maf_gemm_call *call, const char *library,
                                             const char *function)
{
    return maf_submit(stream, MAF_OP_GEMM, &call->op, sizeof call->op, call->pointers, 8, call->scalars,
                      sizeof call->scalars, library, function);
}

#endif
