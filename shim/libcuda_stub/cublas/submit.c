/* From a call's arguments to an op on a stream: scalars by pointer mode, results on the host. */

#include "front.h"

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
    return maf_status_of(error ? error : maf_read(result, handle->result, bytes));
}

cublasStatus_t maf_submit_blas(cublasHandle_t handle, struct maf_blas_call *call, const void *alpha,
                               int64_t type_alpha, const void *beta, int64_t type_beta, const char *function)
{
    struct maf_op_blas *op = &call->op;
    op->type_scale = type_alpha;
    if (handle->pointer_mode == CUBLAS_POINTER_MODE_DEVICE) {
        op->scalars_on_device = alpha != NULL || beta != NULL;
        call->pointers[BLAS_ALPHA] = maf_address(alpha);
        call->pointers[BLAS_BETA] = maf_address(beta);
    } else {
        if (alpha) {
            maf_host_scalar(type_alpha, alpha, call->scalars);
        }
        if (beta) {
            maf_host_scalar(type_beta, beta, call->scalars + 2);
        }
    }
    return maf_submit(handle->stream, MAF_OP_BLAS, op, sizeof *op, call->pointers, 7, call->scalars,
                      sizeof call->scalars, "cublas", function);
}
