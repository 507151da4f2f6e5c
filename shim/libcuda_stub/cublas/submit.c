/* From a call's arguments to an op on a stream: types, scalars, plan, results on the host. */

#include "front.h"

int64_t maf_dtype_of(cudaDataType_t type)
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

uint32_t maf_type_size(int64_t type)
{
    static const uint8_t bytes[] = {
        [MAF_F32] = 4, [MAF_F64] = 8, [MAF_F16] = 2, [MAF_BF16] = 2, [MAF_C64] = 8,
        [MAF_C128] = 16, [MAF_I8] = 1, [MAF_I32] = 4, [MAF_U8] = 1, [MAF_I64] = 8,
    };
    return type >= 0 && type < (int64_t)sizeof bytes ? bytes[type] : 0;
}

int maf_compute_of(cublasComputeType_t compute, int64_t type_a, int64_t *accumulation, int64_t *scale)
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

static double half_value(uint16_t h)
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

void maf_host_scalar(int64_t type, const void *p, double out[2])
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
        out[0] = half_value(*(const uint16_t *)p);
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

cublasStatus_t maf_set_scalars(cublasHandle_t handle, struct maf_gemm_call *call, const void *alpha, const void *beta)
{
    if (!alpha || !beta) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    if (handle->pointer_mode == CUBLAS_POINTER_MODE_DEVICE) {
        call->op.scalars_on_device = 1;
        call->pointers[PTR_ALPHA] = maf_address(alpha);
        call->pointers[PTR_BETA] = maf_address(beta);
    } else {
        maf_host_scalar(call->op.type_scale, alpha, call->scalars);
        maf_host_scalar(call->op.type_scale, beta, call->scalars + 2);
    }
    return CUBLAS_STATUS_SUCCESS;
}

static cublasStatus_t status_of(int cuda_error)
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

cublasStatus_t maf_submit(void *stream, uint32_t kind, const void *op, uint32_t op_bytes, const uint64_t *pointers,
                          uint32_t count, const void *scalars, uint32_t scalar_bytes, const char *function)
{
    struct maf_plan_info info;
    int error = maf_plan(kind, op, op_bytes, &info);
    switch (error) {
    case MAF_PLAN_OK:
        return status_of(maf_op(stream, info.plan, pointers, count, scalars, scalar_bytes));
    case MAF_PLAN_UNSUPPORTED:
        maf_unsupported("cublas", function);
        return CUBLAS_STATUS_NOT_SUPPORTED;
    case MAF_PLAN_INVALID:
        return CUBLAS_STATUS_INVALID_VALUE;
    case MAF_PLAN_INTERNAL:
        return CUBLAS_STATUS_INTERNAL_ERROR;
    default:
        return status_of(error < 0 ? -error : error);
    }
}

cublasStatus_t maf_submit_gemm(void *stream, const struct maf_gemm_call *call, const char *function)
{
    return maf_submit(stream, MAF_OP_GEMM, &call->op, sizeof call->op, call->pointers, 8, call->scalars,
                      sizeof call->scalars, function);
}

cublasStatus_t maf_result_begin(cublasHandle_t handle, const void *result, uint64_t *device)
{
    if (!result) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    if (handle->pointer_mode == CUBLAS_POINTER_MODE_DEVICE) {
        *device = maf_address(result);
        return CUBLAS_STATUS_SUCCESS;
    }
    /* The result would have to be read while the stream only records. */
    if (maf_stream_is_capturing(handle->stream)) {
        return CUBLAS_STATUS_EXECUTION_FAILED;
    }
    if (!handle->result) {
        handle->result = maf_alloc(RESULT_BYTES);
    }
    *device = handle->result;
    return handle->result ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_ALLOC_FAILED;
}

cublasStatus_t maf_result_end(cublasHandle_t handle, void *result, uint32_t bytes)
{
    if (handle->pointer_mode == CUBLAS_POINTER_MODE_DEVICE) {
        return CUBLAS_STATUS_SUCCESS;
    }
    int error = maf_stream_sync(handle->stream);
    return status_of(error ? error : maf_read(result, handle->result, bytes));
}
