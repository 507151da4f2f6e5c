/* CTC loss: labels and lengths in host memory (cudnnCTCLoss) or device memory (cudnnCTCLoss_v8). */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "front.h"

struct maf_cudnn_ctc {
    int set;
    cudnnDataType_t type;
    cudnnLossNormalizationMode_t mode;
    int gradients; /* cudnnCTCGradMode_t, or cudnnNanPropagation_t by the older calls */
    int max_label_length;
};

EXPORT cudnnStatus_t cudnnCreateCTCLossDescriptor(cudnnCTCLossDescriptor_t *desc)
{
    REQUIRE_POINTER(desc);
    *desc = calloc(1, sizeof **desc);
    return *desc ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
}

EXPORT cudnnStatus_t cudnnDestroyCTCLossDescriptor(cudnnCTCLossDescriptor_t desc)
{
    free(desc);
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t set(cudnnCTCLossDescriptor_t desc, cudnnDataType_t type, cudnnLossNormalizationMode_t mode,
                         int gradients, int max_label_length)
{
    REQUIRE_POINTER(desc);
    REQUIRE((unsigned)mode <= CUDNN_LOSS_NORMALIZATION_SOFTMAX && (unsigned)gradients <= 1 && max_label_length >= 0,
            CUDNN_STATUS_BAD_PARAM);
    REQUIRE(type == CUDNN_DATA_FLOAT, CUDNN_STATUS_BAD_PARAM);
    *desc = (struct maf_cudnn_ctc){1, type, mode, gradients, max_label_length};
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnSetCTCLossDescriptor(cudnnCTCLossDescriptor_t desc, cudnnDataType_t type)
{
    return set(desc, type, CUDNN_LOSS_NORMALIZATION_NONE, 0, INT_MAX);
}

EXPORT cudnnStatus_t cudnnSetCTCLossDescriptorEx(cudnnCTCLossDescriptor_t desc, cudnnDataType_t type,
                                                 cudnnLossNormalizationMode_t mode, cudnnNanPropagation_t nan)
{
    return set(desc, type, mode, (int)nan, INT_MAX);
}

EXPORT cudnnStatus_t cudnnSetCTCLossDescriptor_v8(cudnnCTCLossDescriptor_t desc, cudnnDataType_t type,
                                                  cudnnLossNormalizationMode_t mode, cudnnNanPropagation_t nan,
                                                  int max_label_length)
{
    return set(desc, type, mode, (int)nan, max_label_length);
}

EXPORT cudnnStatus_t cudnnSetCTCLossDescriptor_v9(cudnnCTCLossDescriptor_t desc, cudnnDataType_t type,
                                                  cudnnLossNormalizationMode_t mode, cudnnCTCGradMode_t gradients,
                                                  int max_label_length)
{
    return set(desc, type, mode, (int)gradients, max_label_length);
}

EXPORT cudnnStatus_t cudnnGetCTCLossDescriptor_v8(cudnnCTCLossDescriptor_t desc, cudnnDataType_t *type,
                                                  cudnnLossNormalizationMode_t *mode, cudnnNanPropagation_t *nan,
                                                  int *max_label_length)
{
    REQUIRE_POINTER(desc);
    REQUIRE(desc->set, CUDNN_STATUS_BAD_PARAM);
    if (type)
        *type = desc->type;
    if (mode)
        *mode = desc->mode;
    if (nan)
        *nan = (cudnnNanPropagation_t)desc->gradients;
    if (max_label_length)
        *max_label_length = desc->max_label_length;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetCTCLossDescriptor_v9(cudnnCTCLossDescriptor_t desc, cudnnDataType_t *type,
                                                  cudnnLossNormalizationMode_t *mode, cudnnCTCGradMode_t *gradients,
                                                  int *max_label_length)
{
    cudnnNanPropagation_t value = CUDNN_NOT_PROPAGATE_NAN;
    cudnnStatus_t status = cudnnGetCTCLossDescriptor_v8(desc, type, mode, &value, max_label_length);
    if (status == CUDNN_STATUS_SUCCESS && gradients)
        *gradients = (cudnnCTCGradMode_t)value;
    return status;
}

EXPORT cudnnStatus_t cudnnGetCTCLossDescriptorEx(cudnnCTCLossDescriptor_t desc, cudnnDataType_t *type,
                                                 cudnnLossNormalizationMode_t *mode, cudnnNanPropagation_t *nan)
{
    return cudnnGetCTCLossDescriptor_v8(desc, type, mode, nan, NULL);
}

EXPORT cudnnStatus_t cudnnGetCTCLossDescriptor(cudnnCTCLossDescriptor_t desc, cudnnDataType_t *type)
{
    return cudnnGetCTCLossDescriptor_v8(desc, type, NULL, NULL, NULL);
}

static cudnnStatus_t plan(cudnnHandle_t handle, const struct maf_cudnn_ctc *desc, const cudnnTensorDescriptor_t probs,
                          const cudnnTensorDescriptor_t gradients, int wanted, int on_device,
                          struct maf_plan_info *info)
{
    REQUIRE(handle != NULL && desc != NULL && probs != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(desc->set && probs->count == 3 && probs->type == desc->type, CUDNN_STATUS_BAD_PARAM);
    struct maf_op_ctc op = {
        .type = maf_cudnn_dtype(probs->type),
        .time = probs->dims[0],
        .batch = probs->dims[1],
        .classes = probs->dims[2],
        .softmax = desc->mode == CUDNN_LOSS_NORMALIZATION_SOFTMAX,
        .gradients = wanted,
        .on_device = on_device,
    };
    for (int i = 0; i < 3; i++)
        op.strides[i] = probs->strides[i];
    if (wanted) {
        REQUIRE_POINTER(gradients);
        REQUIRE(gradients->count == 3 && gradients->type == probs->type &&
                    !memcmp(gradients->dims, probs->dims, 3 * sizeof *probs->dims),
                CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
        for (int i = 0; i < 3; i++)
            op.gradient_strides[i] = gradients->strides[i];
    }
    return maf_cudnn_plan("CTC loss", MAF_OP_CTC, &op, sizeof op, info);
}

EXPORT cudnnStatus_t cudnnGetCTCLossWorkspaceSize_v8(cudnnHandle_t handle, cudnnCTCLossAlgo_t algo,
                                                     cudnnCTCLossDescriptor_t desc, const cudnnTensorDescriptor_t probs,
                                                     const cudnnTensorDescriptor_t gradients, size_t *bytes)
{
    struct maf_plan_info info;
    REQUIRE_POINTER(bytes);
    REQUIRE((unsigned)algo <= CUDNN_CTC_LOSS_ALGO_NON_DETERMINISTIC, CUDNN_STATUS_BAD_PARAM);
    cudnnStatus_t status = plan(handle, desc, probs, gradients, gradients != NULL, 1, &info);
    if (status == CUDNN_STATUS_SUCCESS)
        *bytes = (size_t)info.workspace_bytes;
    return status;
}

EXPORT cudnnStatus_t cudnnGetCTCLossWorkspaceSize(cudnnHandle_t handle, const cudnnTensorDescriptor_t probs,
                                                  const cudnnTensorDescriptor_t gradients, const int *labels,
                                                  const int *label_lengths, const int *input_lengths,
                                                  cudnnCTCLossAlgo_t algo, cudnnCTCLossDescriptor_t desc, size_t *bytes)
{
    (void)labels;
    (void)label_lengths;
    (void)input_lengths;
    return cudnnGetCTCLossWorkspaceSize_v8(handle, algo, desc, probs, gradients, bytes);
}

EXPORT cudnnStatus_t cudnnCTCLoss_v8(cudnnHandle_t handle, cudnnCTCLossAlgo_t algo, cudnnCTCLossDescriptor_t desc,
                                     const cudnnTensorDescriptor_t probs_desc, const void *probs, const int labels[],
                                     const int label_lengths[], const int input_lengths[], void *costs,
                                     const cudnnTensorDescriptor_t gradients_desc, void *gradients,
                                     size_t workspace_bytes, void *workspace)
{
    (void)workspace_bytes;
    (void)workspace;
    struct maf_plan_info info;
    REQUIRE((unsigned)algo <= CUDNN_CTC_LOSS_ALGO_NON_DETERMINISTIC, CUDNN_STATUS_BAD_PARAM);
    REQUIRE(probs != NULL && costs != NULL && labels != NULL && label_lengths != NULL && input_lengths != NULL,
            CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    cudnnStatus_t status = plan(handle, desc, probs_desc, gradients_desc, gradients != NULL, 1, &info);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    const uint64_t ptrs[] = {(uint64_t)probs,  (uint64_t)costs,         (uint64_t)gradients,
                             (uint64_t)labels, (uint64_t)label_lengths, (uint64_t)input_lengths};
    return maf_cudnn_run(handle, info.plan, ptrs, 6, NULL, 0);
}

EXPORT cudnnStatus_t cudnnCTCLoss(cudnnHandle_t handle, const cudnnTensorDescriptor_t probs_desc, const void *probs,
                                  const int labels[], const int label_lengths[], const int input_lengths[], void *costs,
                                  const cudnnTensorDescriptor_t gradients_desc, void *gradients,
                                  cudnnCTCLossAlgo_t algo, cudnnCTCLossDescriptor_t desc, void *workspace,
                                  size_t workspace_bytes)
{
    (void)workspace_bytes;
    (void)workspace;
    struct maf_plan_info info;
    REQUIRE((unsigned)algo <= CUDNN_CTC_LOSS_ALGO_NON_DETERMINISTIC, CUDNN_STATUS_BAD_PARAM);
    REQUIRE(probs != NULL && costs != NULL && labels != NULL && label_lengths != NULL && input_lengths != NULL,
            CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    cudnnStatus_t status = plan(handle, desc, probs_desc, gradients_desc, gradients != NULL, 0, &info);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    int batch = probs_desc->dims[1], classes = probs_desc->dims[2], total = 0;
    for (int i = 0; i < batch; i++) {
        REQUIRE(input_lengths[i] >= 0 && input_lengths[i] <= probs_desc->dims[0] && label_lengths[i] >= 0 &&
                    label_lengths[i] <= desc->max_label_length,
                CUDNN_STATUS_BAD_PARAM);
        total += label_lengths[i];
    }
    for (int i = 0; i < total; i++)
        REQUIRE(labels[i] >= 0 && labels[i] < classes, CUDNN_STATUS_BAD_PARAM);
    size_t each = (size_t)batch * sizeof(int32_t), all = 2 * each + (size_t)total * sizeof(int32_t);
    char *scalars = malloc(all + 1);
    REQUIRE(scalars != NULL, CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED);
    memcpy(scalars, input_lengths, each);
    memcpy(scalars + each, label_lengths, each);
    memcpy(scalars + 2 * each, labels, all - 2 * each);
    const uint64_t ptrs[] = {(uint64_t)probs, (uint64_t)costs, (uint64_t)gradients, 0, 0, 0};
    int error = maf_op(handle->stream, info.plan, ptrs, 6, scalars, (uint32_t)all);
    free(scalars);
    return error ? maf_cudnn_fail(CUDNN_STATUS_EXECUTION_FAILED_CUDART, "CUDA error %d", error) : CUDNN_STATUS_SUCCESS;
}
