/* Local response normalization across channels. */
#include <stdlib.h>
#include <string.h>

#include "front.h"

enum { LRN_MIN_N = 1, LRN_MAX_N = 16 };

struct maf_cudnn_lrn {
    unsigned n;
    double alpha;
    double beta;
    double k;
};

EXPORT cudnnStatus_t cudnnCreateLRNDescriptor(cudnnLRNDescriptor_t *desc)
{
    REQUIRE_POINTER(desc);
    *desc = calloc(1, sizeof **desc);
    REQUIRE(*desc != NULL, CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED);
    **desc = (struct maf_cudnn_lrn){5, 1e-4, 0.75, 2.0}; /* the defaults of cuDNN's documentation */
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnDestroyLRNDescriptor(cudnnLRNDescriptor_t desc)
{
    free(desc);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnSetLRNDescriptor(cudnnLRNDescriptor_t desc, unsigned n, double alpha, double beta, double k)
{
    REQUIRE_POINTER(desc);
    REQUIRE(n >= LRN_MIN_N && n <= LRN_MAX_N && beta >= 0.01 && k >= 1e-5, CUDNN_STATUS_BAD_PARAM);
    *desc = (struct maf_cudnn_lrn){n, alpha, beta, k};
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetLRNDescriptor(cudnnLRNDescriptor_t desc, unsigned *n, double *alpha, double *beta, double *k)
{
    REQUIRE_POINTER(desc);
    if (n)
        *n = desc->n;
    if (alpha)
        *alpha = desc->alpha;
    if (beta)
        *beta = desc->beta;
    if (k)
        *k = desc->k;
    return CUDNN_STATUS_SUCCESS;
}

static void widen(int64_t *to, const int *from, int count)
{
    for (int i = 0; i < count; i++)
        to[i] = from[i];
}

/* tensors: x y dy dx; the last two NULL forward. */
static cudnnStatus_t run(cudnnHandle_t handle, cudnnLRNDescriptor_t desc, cudnnLRNMode_t mode, const void *alpha,
                         const void *beta, const cudnnTensorDescriptor_t tensors[4], const void *const data[4])
{
    int backward = tensors[3] != NULL || data[3] != NULL;
    REQUIRE(handle != NULL && desc != NULL && alpha != NULL && beta != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(mode == CUDNN_LRN_CROSS_CHANNEL_DIM1, CUDNN_STATUS_BAD_PARAM);
    struct maf_op_lrn op = {.direction = backward, .window = desc->n};
    int64_t *strides[] = {op.x_strides, op.y_strides, op.dy_strides, op.dx_strides};
    for (int i = 0; i < (backward ? 4 : 2); i++) {
        REQUIRE(tensors[i] != NULL && data[i] != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
        REQUIRE(tensors[i]->count >= 4 && tensors[i]->count <= 5, CUDNN_STATUS_NOT_SUPPORTED_SHAPE);
        REQUIRE(tensors[i]->type == tensors[0]->type, CUDNN_STATUS_BAD_PARAM);
        REQUIRE(tensors[i]->count == tensors[0]->count &&
                    !memcmp(tensors[i]->dims, tensors[0]->dims, (size_t)tensors[0]->count * sizeof(int)),
                CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
        widen(strides[i], tensors[i]->strides, tensors[i]->count);
    }
    op.rank = tensors[0]->count;
    widen(op.dims, tensors[0]->dims, tensors[0]->count);
    op.type = maf_cudnn_dtype(tensors[0]->type);
    REQUIRE(op.type >= 0, CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE);
    struct maf_plan_info info;
    cudnnStatus_t status = maf_cudnn_plan("local response normalization", MAF_OP_LRN, &op, sizeof op, &info);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    const uint64_t forward_pointers[] = {(uint64_t)data[0], (uint64_t)data[1]};
    const uint64_t backward_pointers[] = {(uint64_t)data[1], (uint64_t)data[2], (uint64_t)data[0], (uint64_t)data[3]};
    double scalars[] = {maf_cudnn_scalar(tensors[0]->type, alpha, 1), maf_cudnn_scalar(tensors[0]->type, beta, 0),
                        desc->alpha, desc->beta, desc->k};
    return maf_cudnn_run(handle, info.plan, backward ? backward_pointers : forward_pointers, backward ? 4 : 2, scalars, 5);
}

EXPORT cudnnStatus_t cudnnLRNCrossChannelForward(cudnnHandle_t handle, cudnnLRNDescriptor_t desc, cudnnLRNMode_t mode,
                                                 const void *alpha, const cudnnTensorDescriptor_t x_desc, const void *x,
                                                 const void *beta, const cudnnTensorDescriptor_t y_desc, void *y)
{
    const cudnnTensorDescriptor_t tensors[] = {x_desc, y_desc, NULL, NULL};
    const void *const data[] = {x, y, NULL, NULL};
    return run(handle, desc, mode, alpha, beta, tensors, data);
}

EXPORT cudnnStatus_t cudnnLRNCrossChannelBackward(cudnnHandle_t handle, cudnnLRNDescriptor_t desc, cudnnLRNMode_t mode,
                                                  const void *alpha, const cudnnTensorDescriptor_t y_desc,
                                                  const void *y, const cudnnTensorDescriptor_t dy_desc, const void *dy,
                                                  const cudnnTensorDescriptor_t x_desc, const void *x, const void *beta,
                                                  const cudnnTensorDescriptor_t dx_desc, void *dx)
{
    const cudnnTensorDescriptor_t tensors[] = {x_desc, y_desc, dy_desc, dx_desc};
    const void *const data[] = {x, y, dy, dx};
    REQUIRE(dx_desc != NULL && dx != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    return run(handle, desc, mode, alpha, beta, tensors, data);
}
