/* The legacy batch normalisation API. */
#include <string.h>

#include "front.h"

enum { TRAINING, INFERENCE, BACKWARD };

struct call {
    cudnnHandle_t handle;
    cudnnBatchNormMode_t mode;
    cudnnBatchNormOps_t ops;
    cudnnTensorDescriptor_t x, y, z, dx, out, param;
};

static int same_dims(const cudnnTensorDescriptor_t a, const cudnnTensorDescriptor_t b)
{
    return a->count == b->count && !memcmp(a->dims, b->dims, (size_t)a->count * sizeof *a->dims);
}

static void widen(int64_t *to, const int *from, int count)
{
    for (int i = 0; i < count; i++)
        to[i] = from[i];
}

/* Parameter tensors: 1 x C x 1 x 1 for the spatial modes, 1 x C x H x W per activation; float, or double for double. */
EXPORT cudnnStatus_t cudnnDeriveBNTensorDescriptor(cudnnTensorDescriptor_t derived, const cudnnTensorDescriptor_t x,
                                                   cudnnBatchNormMode_t mode)
{
    REQUIRE(derived != NULL && x != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE((unsigned)mode <= CUDNN_BATCHNORM_SPATIAL_PERSISTENT && x->count >= 2, CUDNN_STATUS_BAD_PARAM);
    int dims[MAX_DIMS];
    for (int i = 0; i < x->count; i++)
        dims[i] = i == 1 || (mode == CUDNN_BATCHNORM_PER_ACTIVATION && i) ? x->dims[i] : 1;
    cudnnDataType_t type = x->type == CUDNN_DATA_DOUBLE ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT;
    return cudnnSetTensorNdDescriptorEx(derived, CUDNN_TENSOR_NCHW, type, x->count, dims);
}

static cudnnStatus_t check(const struct call *c)
{
    REQUIRE(c->handle != NULL && c->x != NULL && c->y != NULL && c->param != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE((unsigned)c->mode <= CUDNN_BATCHNORM_SPATIAL_PERSISTENT &&
                (unsigned)c->ops <= CUDNN_BATCHNORM_OPS_BN_ADD_ACTIVATION,
            CUDNN_STATUS_BAD_PARAM);
    REQUIRE(c->x->count >= 4 && c->x->count <= 5, CUDNN_STATUS_BAD_PARAM);
    REQUIRE(same_dims(c->x, c->y) && c->x->type == c->y->type, CUDNN_STATUS_BAD_PARAM);
    struct maf_cudnn_tensor derived;
    cudnnStatus_t status = cudnnDeriveBNTensorDescriptor(&derived, c->x, c->mode);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    REQUIRE(same_dims(&derived, c->param) && derived.type == c->param->type, CUDNN_STATUS_BAD_PARAM);
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t plan(const struct call *c, int direction, struct maf_plan_info *info)
{
    cudnnStatus_t status = check(c);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    struct maf_op_batchnorm op = {
        .direction = direction,
        .per_activation = c->mode == CUDNN_BATCHNORM_PER_ACTIVATION,
        .dims_count = c->x->count,
        .type_x = maf_cudnn_dtype(c->x->type),
        .type_param = maf_cudnn_dtype(c->param->type),
        .fuse = c->ops,
    };
    REQUIRE(op.type_x >= 0, CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE);
    widen(op.x_dims, c->x->dims, c->x->count);
    widen(op.x_strides, c->x->strides, c->x->count);
    widen(op.y_strides, c->y->strides, c->x->count);
    const struct {
        cudnnTensorDescriptor_t tensor;
        int64_t *strides;
        int needed;
    } others[] = {
        {c->dx, op.dx_strides, direction == BACKWARD},
        {c->z, op.z_strides, c->ops == CUDNN_BATCHNORM_OPS_BN_ADD_ACTIVATION},
        {c->out, op.out_strides, direction == BACKWARD && c->ops != CUDNN_BATCHNORM_OPS_BN},
    };
    for (int i = 0; i < 3; i++) {
        if (!others[i].needed)
            continue;
        REQUIRE_POINTER(others[i].tensor);
        REQUIRE(same_dims(c->x, others[i].tensor) && c->x->type == others[i].tensor->type, CUDNN_STATUS_BAD_PARAM);
        widen(others[i].strides, others[i].tensor->strides, c->x->count);
    }
    return maf_cudnn_plan("batch normalisation", MAF_OP_BATCHNORM, &op, sizeof op, info);
}

static cudnnStatus_t check_activation(cudnnBatchNormOps_t ops, const cudnnActivationDescriptor_t activation)
{
    if (ops == CUDNN_BATCHNORM_OPS_BN)
        return CUDNN_STATUS_SUCCESS;
    REQUIRE_POINTER(activation);
    REQUIRE(activation->mode == CUDNN_ACTIVATION_RELU, CUDNN_STATUS_NOT_SUPPORTED);
    return CUDNN_STATUS_SUCCESS;
}

/* --- sizes: the executor keeps its scratch memory itself ----------------------------------- */

EXPORT cudnnStatus_t cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t ops, const cudnnTensorDescriptor_t x,
    const cudnnTensorDescriptor_t z, const cudnnTensorDescriptor_t y, const cudnnTensorDescriptor_t param,
    const cudnnActivationDescriptor_t activation, size_t *bytes)
{
    (void)z;
    (void)activation;
    REQUIRE_POINTER(bytes);
    cudnnStatus_t status = check(&(struct call){.handle = handle, .mode = mode, .ops = ops, .x = x, .y = y, .param = param});
    if (status == CUDNN_STATUS_SUCCESS)
        *bytes = 0;
    return status;
}

EXPORT cudnnStatus_t cudnnGetBatchNormalizationBackwardExWorkspaceSize(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t ops, const cudnnTensorDescriptor_t x,
    const cudnnTensorDescriptor_t y, const cudnnTensorDescriptor_t dy, const cudnnTensorDescriptor_t dz,
    const cudnnTensorDescriptor_t dx, const cudnnTensorDescriptor_t param,
    const cudnnActivationDescriptor_t activation, size_t *bytes)
{
    (void)y;
    (void)dz;
    (void)dx;
    (void)activation;
    REQUIRE_POINTER(bytes);
    cudnnStatus_t status = check(&(struct call){.handle = handle, .mode = mode, .ops = ops, .x = x, .y = dy, .param = param});
    if (status == CUDNN_STATUS_SUCCESS)
        *bytes = 0;
    return status;
}

EXPORT cudnnStatus_t cudnnGetBatchNormalizationTrainingExReserveSpaceSize(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t ops,
    const cudnnActivationDescriptor_t activation, const cudnnTensorDescriptor_t x, size_t *bytes)
{
    (void)activation;
    REQUIRE(handle != NULL && x != NULL && bytes != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE((unsigned)mode <= CUDNN_BATCHNORM_SPATIAL_PERSISTENT &&
                (unsigned)ops <= CUDNN_BATCHNORM_OPS_BN_ADD_ACTIVATION,
            CUDNN_STATUS_BAD_PARAM);
    *bytes = 0;
    return CUDNN_STATUS_SUCCESS;
}

/* --- forward ------------------------------------------------------------------------------- */

EXPORT cudnnStatus_t cudnnBatchNormalizationForwardTrainingEx(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t ops, const void *alpha, const void *beta,
    const cudnnTensorDescriptor_t x_desc, const void *x, const cudnnTensorDescriptor_t z_desc, const void *z,
    const cudnnTensorDescriptor_t y_desc, void *y, const cudnnTensorDescriptor_t param_desc, const void *scale,
    const void *bias, double factor, void *running_mean, void *running_var, double epsilon, void *saved_mean,
    void *saved_invstd, cudnnActivationDescriptor_t activation, void *workspace, size_t workspace_bytes, void *reserve,
    size_t reserve_bytes)
{
    (void)workspace;
    (void)workspace_bytes;
    (void)reserve;
    (void)reserve_bytes;
    struct maf_plan_info info;
    struct call c = {.handle = handle, .mode = mode, .ops = ops, .x = x_desc, .y = y_desc, .z = z_desc, .param = param_desc};
    cudnnStatus_t status = check_activation(ops, activation);
    if (status == CUDNN_STATUS_SUCCESS)
        status = plan(&c, TRAINING, &info);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    REQUIRE(alpha != NULL && beta != NULL && x != NULL && y != NULL && scale != NULL && bias != NULL,
            CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(ops != CUDNN_BATCHNORM_OPS_BN_ADD_ACTIVATION || z != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(!running_mean == !running_var && !saved_mean == !saved_invstd, CUDNN_STATUS_BAD_PARAM);
    REQUIRE(epsilon >= 0, CUDNN_STATUS_BAD_PARAM);
    uint64_t ptrs[] = {(uint64_t)x,          (uint64_t)y,           (uint64_t)scale,
                       (uint64_t)bias,       (uint64_t)running_mean, (uint64_t)running_var,
                       (uint64_t)saved_mean, (uint64_t)saved_invstd, (uint64_t)z};
    double scalars[] = {maf_cudnn_scalar(x_desc->type, alpha, 1), maf_cudnn_scalar(x_desc->type, beta, 0), 1, 0,
                        epsilon, factor};
    return maf_cudnn_run(handle, info.plan, ptrs, 9, scalars, 6);
}

EXPORT cudnnStatus_t cudnnBatchNormalizationForwardTraining(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void *alpha, const void *beta,
    const cudnnTensorDescriptor_t x_desc, const void *x, const cudnnTensorDescriptor_t y_desc, void *y,
    const cudnnTensorDescriptor_t param_desc, const void *scale, const void *bias, double factor, void *running_mean,
    void *running_var, double epsilon, void *saved_mean, void *saved_invstd)
{
    return cudnnBatchNormalizationForwardTrainingEx(handle, mode, CUDNN_BATCHNORM_OPS_BN, alpha, beta, x_desc, x, NULL,
                                                    NULL, y_desc, y, param_desc, scale, bias, factor, running_mean,
                                                    running_var, epsilon, saved_mean, saved_invstd, NULL, NULL, 0, NULL,
                                                    0);
}

EXPORT cudnnStatus_t cudnnBatchNormalizationForwardInference(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void *alpha, const void *beta,
    const cudnnTensorDescriptor_t x_desc, const void *x, const cudnnTensorDescriptor_t y_desc, void *y,
    const cudnnTensorDescriptor_t param_desc, const void *scale, const void *bias, const void *mean, const void *var,
    double epsilon)
{
    struct maf_plan_info info;
    struct call c = {.handle = handle, .mode = mode, .x = x_desc, .y = y_desc, .param = param_desc};
    cudnnStatus_t status = plan(&c, INFERENCE, &info);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    REQUIRE(alpha != NULL && beta != NULL && x != NULL && y != NULL && scale != NULL && bias != NULL && mean != NULL &&
                var != NULL,
            CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(epsilon >= 0, CUDNN_STATUS_BAD_PARAM);
    uint64_t ptrs[] = {(uint64_t)x,    (uint64_t)y,    (uint64_t)scale,
                       (uint64_t)bias, (uint64_t)mean, (uint64_t)var};
    double scalars[] = {maf_cudnn_scalar(x_desc->type, alpha, 1), maf_cudnn_scalar(x_desc->type, beta, 0), 1, 0,
                        epsilon, 0};
    return maf_cudnn_run(handle, info.plan, ptrs, 6, scalars, 6);
}

/* --- backward ------------------------------------------------------------------------------ */

EXPORT cudnnStatus_t cudnnBatchNormalizationBackwardEx(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t ops, const void *alpha_data,
    const void *beta_data, const void *alpha_param, const void *beta_param, const cudnnTensorDescriptor_t x_desc,
    const void *x, const cudnnTensorDescriptor_t y_desc, const void *y, const cudnnTensorDescriptor_t dy_desc,
    const void *dy, const cudnnTensorDescriptor_t dz_desc, void *dz, const cudnnTensorDescriptor_t dx_desc, void *dx,
    const cudnnTensorDescriptor_t param_desc, const void *scale, const void *bias, void *dscale, void *dbias,
    double epsilon, const void *saved_mean, const void *saved_invstd, cudnnActivationDescriptor_t activation,
    void *workspace, size_t workspace_bytes, void *reserve, size_t reserve_bytes)
{
    (void)workspace;
    (void)workspace_bytes;
    (void)reserve;
    (void)reserve_bytes;
    struct maf_plan_info info;
    struct call c = {.handle = handle, .mode = mode, .ops = ops,      .x = x_desc,        .y = dy_desc,
                     .z = dz_desc,     .dx = dx_desc, .out = y_desc, .param = param_desc};
    cudnnStatus_t status = check_activation(ops, activation);
    if (status == CUDNN_STATUS_SUCCESS)
        status = plan(&c, BACKWARD, &info);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    REQUIRE(alpha_data != NULL && beta_data != NULL && alpha_param != NULL && beta_param != NULL && x != NULL &&
                dy != NULL && dx != NULL && scale != NULL && dscale != NULL && dbias != NULL,
            CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(ops == CUDNN_BATCHNORM_OPS_BN || y != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(ops != CUDNN_BATCHNORM_OPS_BN_ADD_ACTIVATION || dz != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(!saved_mean == !saved_invstd && epsilon >= 0, CUDNN_STATUS_BAD_PARAM);
    uint64_t ptrs[] = {(uint64_t)x,      (uint64_t)dy,    (uint64_t)dx,         (uint64_t)scale,
                       (uint64_t)dscale, (uint64_t)dbias, (uint64_t)saved_mean, (uint64_t)saved_invstd,
                       (uint64_t)y,      (uint64_t)bias,  (uint64_t)dz};
    cudnnDataType_t type = x_desc->type;
    double scalars[] = {maf_cudnn_scalar(type, alpha_data, 1),
                        maf_cudnn_scalar(type, beta_data, 0),
                        maf_cudnn_scalar(type, alpha_param, 1),
                        maf_cudnn_scalar(type, beta_param, 0),
                        epsilon,
                        0};
    return maf_cudnn_run(handle, info.plan, ptrs, 11, scalars, 6);
}

EXPORT cudnnStatus_t cudnnBatchNormalizationBackward(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void *alpha_data, const void *beta_data,
    const void *alpha_param, const void *beta_param, const cudnnTensorDescriptor_t x_desc, const void *x,
    const cudnnTensorDescriptor_t dy_desc, const void *dy, const cudnnTensorDescriptor_t dx_desc, void *dx,
    const cudnnTensorDescriptor_t param_desc, const void *scale, void *dscale, void *dbias, double epsilon,
    const void *saved_mean, const void *saved_invstd)
{
    return cudnnBatchNormalizationBackwardEx(handle, mode, CUDNN_BATCHNORM_OPS_BN, alpha_data, beta_data, alpha_param,
                                             beta_param, x_desc, x, NULL, NULL, dy_desc, dy, NULL, NULL, dx_desc, dx,
                                             param_desc, scale, NULL, dscale, dbias, epsilon, saved_mean, saved_invstd,
                                             NULL, NULL, 0, NULL, 0);
}
