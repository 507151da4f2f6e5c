/* cuDNN 8's normalization functions: batch normalization under other names, with the descriptor of the statistics given
 * apart. Groups other than 1 have never been supported by cuDNN. */
#include "front.h"

/* Checks what batch normalization does not have, and gives its mode. */
static cudnnStatus_t translate(cudnnNormMode_t mode, cudnnNormAlgo_t algo, int groups, cudnnBatchNormMode_t *out)
{
    REQUIRE((unsigned)mode <= CUDNN_NORM_PER_CHANNEL && (unsigned)algo <= CUDNN_NORM_ALGO_PERSIST,
            CUDNN_STATUS_BAD_PARAM);
    REQUIRE(groups == 1, CUDNN_STATUS_NOT_SUPPORTED);
    *out = mode == CUDNN_NORM_PER_ACTIVATION  ? CUDNN_BATCHNORM_PER_ACTIVATION
           : algo == CUDNN_NORM_ALGO_STANDARD ? CUDNN_BATCHNORM_SPATIAL
                                              : CUDNN_BATCHNORM_SPATIAL_PERSISTENT;
    return CUDNN_STATUS_SUCCESS;
}

#define TRANSLATE                                                                                                      \
    cudnnBatchNormMode_t batch;                                                                                        \
    cudnnStatus_t status = translate(mode, algo, groups, &batch);                                                      \
    if (status != CUDNN_STATUS_SUCCESS)                                                                                \
    return status

EXPORT cudnnStatus_t cudnnDeriveNormTensorDescriptor(cudnnTensorDescriptor_t param, cudnnTensorDescriptor_t statistics,
                                                     const cudnnTensorDescriptor_t x, cudnnNormMode_t mode, int groups)
{
    cudnnNormAlgo_t algo = CUDNN_NORM_ALGO_STANDARD;
    TRANSLATE;
    REQUIRE_POINTER(statistics);
    status = cudnnDeriveBNTensorDescriptor(param, x, batch);
    return status == CUDNN_STATUS_SUCCESS ? cudnnDeriveBNTensorDescriptor(statistics, x, batch) : status;
}

EXPORT cudnnStatus_t cudnnGetNormalizationForwardTrainingWorkspaceSize(
    cudnnHandle_t handle, cudnnNormMode_t mode, cudnnBatchNormOps_t ops, cudnnNormAlgo_t algo,
    const cudnnTensorDescriptor_t x, const cudnnTensorDescriptor_t z, const cudnnTensorDescriptor_t y,
    const cudnnTensorDescriptor_t param, const cudnnActivationDescriptor_t activation,
    const cudnnTensorDescriptor_t statistics, size_t *bytes, int groups)
{
    (void)statistics;
    TRANSLATE;
    return cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize(handle, batch, ops, x, z, y, param, activation,
                                                                    bytes);
}

EXPORT cudnnStatus_t cudnnGetNormalizationBackwardWorkspaceSize(
    cudnnHandle_t handle, cudnnNormMode_t mode, cudnnBatchNormOps_t ops, cudnnNormAlgo_t algo,
    const cudnnTensorDescriptor_t x, const cudnnTensorDescriptor_t y, const cudnnTensorDescriptor_t dy,
    const cudnnTensorDescriptor_t dz, const cudnnTensorDescriptor_t dx, const cudnnTensorDescriptor_t param,
    const cudnnActivationDescriptor_t activation, const cudnnTensorDescriptor_t statistics, size_t *bytes, int groups)
{
    (void)statistics;
    TRANSLATE;
    return cudnnGetBatchNormalizationBackwardExWorkspaceSize(handle, batch, ops, x, y, dy, dz, dx, param, activation,
                                                             bytes);
}

EXPORT cudnnStatus_t cudnnGetNormalizationTrainingReserveSpaceSize(cudnnHandle_t handle, cudnnNormMode_t mode,
                                                                   cudnnBatchNormOps_t ops, cudnnNormAlgo_t algo,
                                                                   const cudnnActivationDescriptor_t activation,
                                                                   const cudnnTensorDescriptor_t x, size_t *bytes,
                                                                   int groups)
{
    TRANSLATE;
    return cudnnGetBatchNormalizationTrainingExReserveSpaceSize(handle, batch, ops, activation, x, bytes);
}

EXPORT cudnnStatus_t cudnnNormalizationForwardTraining(
    cudnnHandle_t handle, cudnnNormMode_t mode, cudnnBatchNormOps_t ops, cudnnNormAlgo_t algo, const void *alpha,
    const void *beta, const cudnnTensorDescriptor_t x_desc, const void *x, const cudnnTensorDescriptor_t param_desc,
    const void *scale, const void *bias, double factor, const cudnnTensorDescriptor_t statistics_desc,
    void *running_mean, void *running_var, double epsilon, void *saved_mean, void *saved_invstd,
    cudnnActivationDescriptor_t activation, const cudnnTensorDescriptor_t z_desc, const void *z,
    const cudnnTensorDescriptor_t y_desc, void *y, void *workspace, size_t workspace_bytes, void *reserve,
    size_t reserve_bytes, int groups)
{
    TRANSLATE;
    REQUIRE_POINTER(statistics_desc);
    return cudnnBatchNormalizationForwardTrainingEx(handle, batch, ops, alpha, beta, x_desc, x, z_desc, z, y_desc, y,
                                                    param_desc, scale, bias, factor, running_mean, running_var, epsilon,
                                                    saved_mean, saved_invstd, activation, workspace, workspace_bytes,
                                                    reserve, reserve_bytes);
}

EXPORT cudnnStatus_t cudnnNormalizationForwardInference(
    cudnnHandle_t handle, cudnnNormMode_t mode, cudnnBatchNormOps_t ops, cudnnNormAlgo_t algo, const void *alpha,
    const void *beta, const cudnnTensorDescriptor_t x_desc, const void *x, const cudnnTensorDescriptor_t param_desc,
    const void *scale, const void *bias, const cudnnTensorDescriptor_t statistics_desc, const void *mean,
    const void *var, const cudnnTensorDescriptor_t z_desc, const void *z, cudnnActivationDescriptor_t activation,
    const cudnnTensorDescriptor_t y_desc, void *y, double epsilon, int groups)
{
    (void)z_desc;
    (void)z;
    (void)activation;
    TRANSLATE;
    REQUIRE_POINTER(statistics_desc);
    if (ops != CUDNN_BATCHNORM_OPS_BN)
        return maf_cudnn_unsupported("cudnnNormalizationForwardInference with an activation");
    return cudnnBatchNormalizationForwardInference(handle, batch, alpha, beta, x_desc, x, y_desc, y, param_desc, scale,
                                                   bias, mean, var, epsilon);
}

EXPORT cudnnStatus_t cudnnNormalizationBackward(
    cudnnHandle_t handle, cudnnNormMode_t mode, cudnnBatchNormOps_t ops, cudnnNormAlgo_t algo, const void *alpha_data,
    const void *beta_data, const void *alpha_param, const void *beta_param, const cudnnTensorDescriptor_t x_desc,
    const void *x, const cudnnTensorDescriptor_t y_desc, const void *y, const cudnnTensorDescriptor_t dy_desc,
    const void *dy, const cudnnTensorDescriptor_t dz_desc, void *dz, const cudnnTensorDescriptor_t dx_desc, void *dx,
    const cudnnTensorDescriptor_t param_desc, const void *scale, const void *bias, void *dscale, void *dbias,
    double epsilon, const cudnnTensorDescriptor_t statistics_desc, const void *saved_mean, const void *saved_invstd,
    cudnnActivationDescriptor_t activation, void *workspace, size_t workspace_bytes, void *reserve,
    size_t reserve_bytes, int groups)
{
    TRANSLATE;
    REQUIRE_POINTER(statistics_desc);
    return cudnnBatchNormalizationBackwardEx(handle, batch, ops, alpha_data, beta_data, alpha_param, beta_param, x_desc,
                                             x, y_desc, y, dy_desc, dy, dz_desc, dz, dx_desc, dx, param_desc, scale,
                                             bias, dscale, dbias, epsilon, saved_mean, saved_invstd, activation,
                                             workspace, workspace_bytes, reserve, reserve_bytes);
}
