/* The spatial transformer: grid generator and bilinear sampler. */
#include <stdlib.h>
#include <string.h>

#include "front.h"

enum { SAMPLE, SAMPLE_GRADIENTS, GRID, GRID_GRADIENTS };
/* Pointers of MAF_OP_SAMPLER. */
enum { X, GRID_POINTER, Y, DX, DGRID, DY, THETA, DTHETA, POINTERS };

struct maf_cudnn_spatial {
    int set;
    cudnnDataType_t type;
    int dims[4]; /* of the sampled images */
};

EXPORT cudnnStatus_t cudnnCreateSpatialTransformerDescriptor(cudnnSpatialTransformerDescriptor_t *desc)
{
    REQUIRE_POINTER(desc);
    *desc = calloc(1, sizeof **desc);
    return *desc ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
}

EXPORT cudnnStatus_t cudnnDestroySpatialTransformerDescriptor(cudnnSpatialTransformerDescriptor_t desc)
{
    free(desc);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnSetSpatialTransformerNdDescriptor(cudnnSpatialTransformerDescriptor_t desc,
                                                            cudnnSamplerType_t sampler, cudnnDataType_t type,
                                                            const int count, const int dims[])
{
    REQUIRE(desc != NULL && dims != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(sampler == CUDNN_SAMPLER_BILINEAR, CUDNN_STATUS_BAD_PARAM);
    REQUIRE(count == 4, CUDNN_STATUS_NOT_SUPPORTED);
    for (int i = 0; i < 4; i++)
        REQUIRE(dims[i] > 0, CUDNN_STATUS_BAD_PARAM);
    REQUIRE(maf_cudnn_dtype(type) >= 0, CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE);
    desc->set = 1;
    desc->type = type;
    memcpy(desc->dims, dims, sizeof desc->dims);
    return CUDNN_STATUS_SUCCESS;
}

/* The output's shape is the descriptor's; x, dx and y may be absent. */
static cudnnStatus_t run(cudnnHandle_t handle, int direction, const struct maf_cudnn_spatial *desc,
                         const cudnnTensorDescriptor_t x, const cudnnTensorDescriptor_t dx,
                         const cudnnTensorDescriptor_t y, const uint64_t ptrs[POINTERS], const double scalars[4])
{
    REQUIRE(desc->set, CUDNN_STATUS_BAD_PARAM);
    struct maf_op_sampler op = {.direction = direction, .type = maf_cudnn_dtype(desc->type)};
    const struct {
        cudnnTensorDescriptor_t tensor;
        int64_t *strides;
    } tensors[] = {{x, op.x_strides}, {dx, op.dx_strides}, {y, op.y_strides}};
    for (int t = 0; t < 3; t++) {
        if (!tensors[t].tensor)
            continue;
        REQUIRE(tensors[t].tensor->count == 4 && tensors[t].tensor->type == desc->type, CUDNN_STATUS_BAD_PARAM);
        for (int i = 0; i < 4; i++)
            tensors[t].strides[i] = tensors[t].tensor->strides[i];
    }
    for (int i = 0; i < 4; i++) {
        op.y_dims[i] = desc->dims[i];
        op.x_dims[i] = x ? x->dims[i] : 0;
        REQUIRE(!y || y->dims[i] == desc->dims[i], CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
        REQUIRE(!dx || dx->dims[i] == x->dims[i], CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    }
    struct maf_plan_info info;
    cudnnStatus_t status = maf_cudnn_plan("spatial transformer", MAF_OP_SAMPLER, &op, sizeof op, &info);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    return maf_cudnn_run(handle, info.plan, ptrs, POINTERS, scalars, 4);
}

EXPORT cudnnStatus_t cudnnSpatialTfGridGeneratorForward(cudnnHandle_t handle,
                                                        const cudnnSpatialTransformerDescriptor_t desc,
                                                        const void *theta, void *grid)
{
    REQUIRE(handle != NULL && desc != NULL && theta != NULL && grid != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    const uint64_t ptrs[POINTERS] = {[THETA] = (uint64_t)theta, [GRID_POINTER] = (uint64_t)grid};
    return run(handle, GRID, desc, NULL, NULL, NULL, ptrs, (double[]){1, 0, 1, 0});
}

EXPORT cudnnStatus_t cudnnSpatialTfGridGeneratorBackward(cudnnHandle_t handle,
                                                         const cudnnSpatialTransformerDescriptor_t desc,
                                                         const void *dgrid, void *dtheta)
{
    REQUIRE(handle != NULL && desc != NULL && dgrid != NULL && dtheta != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    const uint64_t ptrs[POINTERS] = {[DGRID] = (uint64_t)dgrid, [DTHETA] = (uint64_t)dtheta};
    return run(handle, GRID_GRADIENTS, desc, NULL, NULL, NULL, ptrs, (double[]){1, 0, 1, 0});
}

EXPORT cudnnStatus_t cudnnSpatialTfSamplerForward(cudnnHandle_t handle, cudnnSpatialTransformerDescriptor_t desc,
                                                  const void *alpha, const cudnnTensorDescriptor_t x_desc,
                                                  const void *x, const void *grid, const void *beta,
                                                  cudnnTensorDescriptor_t y_desc, void *y)
{
    REQUIRE(handle != NULL && desc != NULL && alpha != NULL && beta != NULL && x_desc != NULL && y_desc != NULL &&
                x != NULL && grid != NULL && y != NULL,
            CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    const uint64_t ptrs[POINTERS] = {[X] = (uint64_t)x, [GRID_POINTER] = (uint64_t)grid, [Y] = (uint64_t)y};
    const double scalars[] = {maf_cudnn_scalar(desc->type, alpha, 1), maf_cudnn_scalar(desc->type, beta, 0), 1, 0};
    return run(handle, SAMPLE, desc, x_desc, NULL, y_desc, ptrs, scalars);
}

EXPORT cudnnStatus_t cudnnSpatialTfSamplerBackward(cudnnHandle_t handle, cudnnSpatialTransformerDescriptor_t desc,
                                                   const void *alpha, const cudnnTensorDescriptor_t x_desc,
                                                   const void *x, const void *beta,
                                                   const cudnnTensorDescriptor_t dx_desc, void *dx,
                                                   const void *alpha_grid, const cudnnTensorDescriptor_t dy_desc,
                                                   const void *dy, const void *grid, const void *beta_grid, void *dgrid)
{
    REQUIRE(handle != NULL && desc != NULL && alpha != NULL && beta != NULL && alpha_grid != NULL &&
                beta_grid != NULL && x_desc != NULL && dx_desc != NULL && dy_desc != NULL && x != NULL && dx != NULL &&
                dy != NULL && grid != NULL && dgrid != NULL,
            CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    const uint64_t ptrs[POINTERS] = {[X] = (uint64_t)x,   [GRID_POINTER] = (uint64_t)grid, [DX] = (uint64_t)dx,
                                     [DY] = (uint64_t)dy, [DGRID] = (uint64_t)dgrid};
    const double scalars[] = {maf_cudnn_scalar(desc->type, alpha, 1), maf_cudnn_scalar(desc->type, beta, 0),
                              maf_cudnn_scalar(desc->type, alpha_grid, 1), maf_cudnn_scalar(desc->type, beta_grid, 0)};
    return run(handle, SAMPLE_GRADIENTS, desc, x_desc, dx_desc, dy_desc, ptrs, scalars);
}
