/* The legacy convolution API, on the same op as the graph API. Every "algorithm" is the one plan that the executor
 * makes; the queries report it under the name of the algorithm that every caller must be able to use. */
#include <string.h>
#include <time.h>

#include "front.h"

enum { FORWARD, BACKWARD_DATA, BACKWARD_FILTER };

struct problem {
    struct maf_op_conv op;
    struct maf_plan_info plan;
    cudnnMathType_t math;
    size_t bytes[3]; /* of x, y, w */
};

static void widen(int64_t *to, const int *from, int count)
{
    for (int i = 0; i < count; i++)
        to[i] = from[i];
}

/* Describes a convolution and makes its plan. */
static cudnnStatus_t describe(struct problem *p, int direction, cudnnHandle_t handle, const cudnnTensorDescriptor_t x,
                              const cudnnFilterDescriptor_t w, const cudnnConvolutionDescriptor_t conv,
                              const cudnnTensorDescriptor_t y)
{
    REQUIRE(handle != NULL && x != NULL && w != NULL && conv != NULL && y != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    int rank = conv->count + 2;
    REQUIRE(conv->count >= 1 && x->count == rank && y->count == rank && w->count == rank,
            CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    REQUIRE(conv->count <= 3, CUDNN_STATUS_NOT_SUPPORTED_SHAPE);
    REQUIRE(x->dims[1] == w->dims[1] * conv->groups && w->dims[0] % conv->groups == 0,
            CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    int dims[MAX_DIMS], strides[MAX_DIMS];
    cudnnStatus_t status = cudnnGetConvolutionNdForwardOutputDim(conv, x, w, rank, dims);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    REQUIRE(!memcmp(dims, y->dims, (size_t)rank * sizeof *dims), CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    memset(p, 0, sizeof *p);
    struct maf_op_conv *op = &p->op;
    op->direction = direction;
    op->spatial = conv->count;
    op->mode = conv->mode;
    op->type_x = maf_cudnn_dtype(x->type);
    op->type_y = maf_cudnn_dtype(y->type);
    op->type_w = maf_cudnn_dtype(w->type);
    op->type_compute = maf_cudnn_dtype(conv->compute);
    REQUIRE(op->type_x >= 0 && op->type_y >= 0 && op->type_w >= 0 && op->type_compute >= 0,
            CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE);
    widen(op->x_dims, x->dims, rank);
    widen(op->x_strides, x->strides, rank);
    widen(op->y_dims, y->dims, rank);
    widen(op->y_strides, y->strides, rank);
    widen(op->w_dims, w->dims, rank);
    maf_cudnn_packed_strides(rank, w->dims, w->format, strides);
    widen(op->w_strides, strides, rank);
    widen(op->pad_before, conv->pad, conv->count);
    widen(op->pad_after, conv->pad, conv->count);
    widen(op->stride, conv->stride, conv->count);
    widen(op->dilation, conv->dilation, conv->count);
    p->math = conv->math;
    cudnnGetTensorSizeInBytes(x, &p->bytes[0]);
    cudnnGetTensorSizeInBytes(y, &p->bytes[1]);
    cudnnGetFilterSizeInBytes(w, &p->bytes[2]);
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t plan(struct problem *p, int direction, cudnnHandle_t handle, const cudnnTensorDescriptor_t x,
                          const cudnnFilterDescriptor_t w, const cudnnConvolutionDescriptor_t conv,
                          const cudnnTensorDescriptor_t y)
{
    cudnnStatus_t status = describe(p, direction, handle, x, w, conv, y);
    if (status == CUDNN_STATUS_SUCCESS)
        status = maf_cudnn_plan("convolution", MAF_OP_CONV, &p->op, sizeof p->op, &p->plan);
    return status;
}

static cudnnStatus_t run(const struct problem *p, cudnnHandle_t handle, const void *x, const void *y, const void *w,
                         void *workspace, size_t workspace_bytes, double alpha, double beta)
{
    REQUIRE(x != NULL && y != NULL && w != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(workspace_bytes >= p->plan.workspace_bytes, CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT);
    REQUIRE(workspace != NULL || !p->plan.workspace_bytes, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    uint64_t ptrs[] = {(uint64_t)x, (uint64_t)y, (uint64_t)w, (uint64_t)workspace, 0, 0};
    return maf_cudnn_run(handle, p->plan.plan, ptrs, 6, (double[]){alpha, beta, 0}, 3);
}

EXPORT cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void *alpha,
                                             const cudnnTensorDescriptor_t x_desc, const void *x,
                                             const cudnnFilterDescriptor_t w_desc, const void *w,
                                             const cudnnConvolutionDescriptor_t conv, cudnnConvolutionFwdAlgo_t algo,
                                             void *workspace, size_t workspace_bytes, const void *beta,
                                             const cudnnTensorDescriptor_t y_desc, void *y)
{
    struct problem p;
    REQUIRE((unsigned)algo < CUDNN_CONVOLUTION_FWD_ALGO_COUNT, CUDNN_STATUS_BAD_PARAM);
    REQUIRE(alpha != NULL && beta != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    cudnnStatus_t status = plan(&p, FORWARD, handle, x_desc, w_desc, conv, y_desc);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    return run(&p, handle, x, y, w, workspace, workspace_bytes, maf_cudnn_scalar(y_desc->type, alpha, 1),
               maf_cudnn_scalar(y_desc->type, beta, 0));
}

EXPORT cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t handle, const void *alpha,
                                                  const cudnnFilterDescriptor_t w_desc, const void *w,
                                                  const cudnnTensorDescriptor_t dy_desc, const void *dy,
                                                  const cudnnConvolutionDescriptor_t conv,
                                                  cudnnConvolutionBwdDataAlgo_t algo, void *workspace,
                                                  size_t workspace_bytes, const void *beta,
                                                  const cudnnTensorDescriptor_t dx_desc, void *dx)
{
    struct problem p;
    REQUIRE((unsigned)algo < CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT, CUDNN_STATUS_BAD_PARAM);
    REQUIRE(alpha != NULL && beta != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    cudnnStatus_t status = plan(&p, BACKWARD_DATA, handle, dx_desc, w_desc, conv, dy_desc);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    return run(&p, handle, dx, dy, w, workspace, workspace_bytes, maf_cudnn_scalar(dx_desc->type, alpha, 1),
               maf_cudnn_scalar(dx_desc->type, beta, 0));
}

EXPORT cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void *alpha,
                                                    const cudnnTensorDescriptor_t x_desc, const void *x,
                                                    const cudnnTensorDescriptor_t dy_desc, const void *dy,
                                                    const cudnnConvolutionDescriptor_t conv,
                                                    cudnnConvolutionBwdFilterAlgo_t algo, void *workspace,
                                                    size_t workspace_bytes, const void *beta,
                                                    const cudnnFilterDescriptor_t dw_desc, void *dw)
{
    struct problem p;
    REQUIRE((unsigned)algo < CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT, CUDNN_STATUS_BAD_PARAM);
    REQUIRE(alpha != NULL && beta != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    cudnnStatus_t status = plan(&p, BACKWARD_FILTER, handle, x_desc, dw_desc, conv, dy_desc);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    return run(&p, handle, x, dy, dw, workspace, workspace_bytes, maf_cudnn_scalar(dw_desc->type, alpha, 1),
               maf_cudnn_scalar(dw_desc->type, beta, 0));
}

EXPORT cudnnStatus_t cudnnConvolutionBiasActivationForward(
    cudnnHandle_t handle, const void *alpha1, const cudnnTensorDescriptor_t x_desc, const void *x,
    const cudnnFilterDescriptor_t w_desc, const void *w, const cudnnConvolutionDescriptor_t conv,
    cudnnConvolutionFwdAlgo_t algo, void *workspace, size_t workspace_bytes, const void *alpha2,
    const cudnnTensorDescriptor_t z_desc, const void *z, const cudnnTensorDescriptor_t bias_desc, const void *bias,
    const cudnnActivationDescriptor_t activation, const cudnnTensorDescriptor_t y_desc, void *y)
{
    struct problem p;
    REQUIRE((unsigned)algo < CUDNN_CONVOLUTION_FWD_ALGO_COUNT, CUDNN_STATUS_BAD_PARAM);
    REQUIRE(alpha1 != NULL && alpha2 != NULL && bias_desc != NULL && bias != NULL && activation != NULL,
            CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(activation->mode == CUDNN_ACTIVATION_RELU || activation->mode == CUDNN_ACTIVATION_IDENTITY,
            CUDNN_STATUS_NOT_SUPPORTED);
    cudnnStatus_t status = describe(&p, FORWARD, handle, x_desc, w_desc, conv, y_desc);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    size_t bias_bytes;
    cudnnGetTensorSizeInBytes(bias_desc, &bias_bytes);
    REQUIRE(bias_desc->count == y_desc->count && bias_desc->dims[1] == y_desc->dims[1] &&
                bias_bytes == (size_t)y_desc->dims[1] * maf_cudnn_type_bytes(bias_desc->type),
            CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    REQUIRE(bias_desc->type == x_desc->type, CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE);
    double alpha = maf_cudnn_scalar(y_desc->type, alpha1, 1), beta = maf_cudnn_scalar(y_desc->type, alpha2, 0);
    if (beta != 0) {
        REQUIRE(z_desc != NULL && z != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
        REQUIRE(z_desc->count == y_desc->count &&
                    !memcmp(z_desc->dims, y_desc->dims, (size_t)y_desc->count * sizeof *z_desc->dims),
                CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
        REQUIRE(z_desc->type == x_desc->type, CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE);
        widen(p.op.z_strides, z_desc->strides, z_desc->count);
    }
    p.op.fused = 1;
    p.op.activation = activation->mode;
    status = maf_cudnn_plan("convolution", MAF_OP_CONV, &p.op, sizeof p.op, &p.plan);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    REQUIRE(x != NULL && y != NULL && w != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(workspace_bytes >= p.plan.workspace_bytes, CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT);
    uint64_t ptrs[] = {(uint64_t)x,         (uint64_t)y,    (uint64_t)w, (uint64_t)workspace, beta != 0 ? (uint64_t)z : 0,
                       (uint64_t)bias};
    return maf_cudnn_run(handle, p.plan.plan, ptrs, 6, (double[]){alpha, beta, activation->coef}, 3);
}

/* --- workspace sizes and algorithms -------------------------------------------------------- */

static cudnnStatus_t workspace_size(size_t *bytes, int direction, cudnnHandle_t handle, const cudnnTensorDescriptor_t x,
                                    const cudnnFilterDescriptor_t w, const cudnnConvolutionDescriptor_t conv,
                                    const cudnnTensorDescriptor_t y)
{
    struct problem p;
    REQUIRE_POINTER(bytes);
    cudnnStatus_t status = plan(&p, direction, handle, x, w, conv, y);
    if (status == CUDNN_STATUS_SUCCESS)
        *bytes = (size_t)p.plan.workspace_bytes;
    return status;
}

EXPORT cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(cudnnHandle_t handle, const cudnnTensorDescriptor_t x,
                                                             const cudnnFilterDescriptor_t w,
                                                             const cudnnConvolutionDescriptor_t conv,
                                                             const cudnnTensorDescriptor_t y,
                                                             cudnnConvolutionFwdAlgo_t algo, size_t *bytes)
{
    REQUIRE((unsigned)algo < CUDNN_CONVOLUTION_FWD_ALGO_COUNT, CUDNN_STATUS_BAD_PARAM);
    return workspace_size(bytes, FORWARD, handle, x, w, conv, y);
}

EXPORT cudnnStatus_t cudnnGetConvolutionBackwardDataWorkspaceSize(cudnnHandle_t handle, const cudnnFilterDescriptor_t w,
                                                                  const cudnnTensorDescriptor_t dy,
                                                                  const cudnnConvolutionDescriptor_t conv,
                                                                  const cudnnTensorDescriptor_t dx,
                                                                  cudnnConvolutionBwdDataAlgo_t algo, size_t *bytes)
{
    REQUIRE((unsigned)algo < CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT, CUDNN_STATUS_BAD_PARAM);
    return workspace_size(bytes, BACKWARD_DATA, handle, dx, w, conv, dy);
}

EXPORT cudnnStatus_t cudnnGetConvolutionBackwardFilterWorkspaceSize(
    cudnnHandle_t handle, const cudnnTensorDescriptor_t x, const cudnnTensorDescriptor_t dy,
    const cudnnConvolutionDescriptor_t conv, const cudnnFilterDescriptor_t dw, cudnnConvolutionBwdFilterAlgo_t algo,
    size_t *bytes)
{
    REQUIRE((unsigned)algo < CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT, CUDNN_STATUS_BAD_PARAM);
    return workspace_size(bytes, BACKWARD_FILTER, handle, x, dw, conv, dy);
}

static cudnnStatus_t one(cudnnHandle_t handle, int *count)
{
    REQUIRE(handle != NULL && count != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    *count = 1;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetConvolutionForwardAlgorithmMaxCount(cudnnHandle_t handle, int *count)
{
    return one(handle, count);
}

EXPORT cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithmMaxCount(cudnnHandle_t handle, int *count)
{
    return one(handle, count);
}

EXPORT cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithmMaxCount(cudnnHandle_t handle, int *count)
{
    return one(handle, count);
}

/* Milliseconds of one run, after one that is not timed; -1 when there is no memory for it. `given` holds x, y, w and
 * the workspace; buffers that are NULL are allocated. */
static float measure(const struct problem *p, cudnnHandle_t handle, const void *const given[4])
{
    uint64_t ptrs[6] = {0}, own[4] = {0};
    float milliseconds = -1;
    int ready = 1;
    for (int i = 0; i < 4; i++) {
        size_t bytes = i < 3 ? p->bytes[i] : (size_t)p->plan.workspace_bytes;
        ptrs[i] = (uint64_t)given[i];
        if (!ptrs[i] && bytes) {
            ptrs[i] = own[i] = maf_alloc(bytes);
            ready = ready && own[i];
        }
    }
    const double scalars[] = {1, 0, 0};
    for (int i = 0; ready && i < 2; i++) {
        struct timespec before, after;
        clock_gettime(CLOCK_MONOTONIC, &before);
        if (maf_cudnn_run(handle, p->plan.plan, ptrs, 6, scalars, 3) != CUDNN_STATUS_SUCCESS ||
            maf_stream_sync(handle->stream))
            break;
        clock_gettime(CLOCK_MONOTONIC, &after);
        milliseconds =
            (float)((double)(after.tv_sec - before.tv_sec) * 1e3 + (double)(after.tv_nsec - before.tv_nsec) * 1e-6);
    }
    for (int i = 0; i < 4; i++)
        if (own[i])
            maf_free(own[i]);
    return milliseconds;
}

/* Both kinds of query: `timed` runs the plan, the others say time -1 as cuDNN's heuristics do. */
#define QUERY(direction, x, w, y, algorithm, timed, ...)                                                               \
    do {                                                                                                               \
        struct problem p;                                                                                              \
        const void *const buffers[4] = {__VA_ARGS__};                                                                  \
        REQUIRE(requested > 0, CUDNN_STATUS_BAD_PARAM);                                                                \
        REQUIRE(results != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);                                                 \
        cudnnStatus_t status = plan(&p, direction, handle, x, w, conv, y);                                             \
        if (status != CUDNN_STATUS_SUCCESS)                                                                            \
            return status;                                                                                             \
        memset(results, 0, sizeof *results);                                                                           \
        results->algo = algorithm;                                                                                     \
        results->status = CUDNN_STATUS_SUCCESS;                                                                        \
        results->time = timed ? measure(&p, handle, buffers) : -1;                                                     \
        results->memory = (size_t)p.plan.workspace_bytes;                                                              \
        results->determinism = CUDNN_DETERMINISTIC;                                                                    \
        results->mathType = p.math;                                                                                    \
        if (returned)                                                                                                  \
            *returned = 1;                                                                                             \
        return CUDNN_STATUS_SUCCESS;                                                                                   \
    } while (0)

EXPORT cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(cudnnHandle_t handle, const cudnnTensorDescriptor_t x,
                                                            const cudnnFilterDescriptor_t w,
                                                            const cudnnConvolutionDescriptor_t conv,
                                                            const cudnnTensorDescriptor_t y, const int requested,
                                                            int *returned, cudnnConvolutionFwdAlgoPerf_t *results)
{
    QUERY(FORWARD, x, w, y, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, 0, NULL);
}

EXPORT cudnnStatus_t cudnnFindConvolutionForwardAlgorithm(cudnnHandle_t handle, const cudnnTensorDescriptor_t x,
                                                          const cudnnFilterDescriptor_t w,
                                                          const cudnnConvolutionDescriptor_t conv,
                                                          const cudnnTensorDescriptor_t y, const int requested,
                                                          int *returned, cudnnConvolutionFwdAlgoPerf_t *results)
{
    QUERY(FORWARD, x, w, y, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, 1, NULL);
}

EXPORT cudnnStatus_t cudnnFindConvolutionForwardAlgorithmEx(
    cudnnHandle_t handle, const cudnnTensorDescriptor_t x_desc, const void *x, const cudnnFilterDescriptor_t w_desc,
    const void *w, const cudnnConvolutionDescriptor_t conv, const cudnnTensorDescriptor_t y_desc, void *y,
    const int requested, int *returned, cudnnConvolutionFwdAlgoPerf_t *results, void *workspace, size_t workspace_bytes)
{
    (void)workspace;
    (void)workspace_bytes;
    QUERY(FORWARD, x_desc, w_desc, y_desc, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, 1, x, y, w, NULL);
}

EXPORT cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(
    cudnnHandle_t handle, const cudnnFilterDescriptor_t w, const cudnnTensorDescriptor_t dy,
    const cudnnConvolutionDescriptor_t conv, const cudnnTensorDescriptor_t dx, const int requested, int *returned,
    cudnnConvolutionBwdDataAlgoPerf_t *results)
{
    QUERY(BACKWARD_DATA, dx, w, dy, CUDNN_CONVOLUTION_BWD_DATA_ALGO_1, 0, NULL);
}

EXPORT cudnnStatus_t cudnnFindConvolutionBackwardDataAlgorithm(
    cudnnHandle_t handle, const cudnnFilterDescriptor_t w, const cudnnTensorDescriptor_t dy,
    const cudnnConvolutionDescriptor_t conv, const cudnnTensorDescriptor_t dx, const int requested, int *returned,
    cudnnConvolutionBwdDataAlgoPerf_t *results)
{
    QUERY(BACKWARD_DATA, dx, w, dy, CUDNN_CONVOLUTION_BWD_DATA_ALGO_1, 1, NULL);
}

EXPORT cudnnStatus_t cudnnFindConvolutionBackwardDataAlgorithmEx(
    cudnnHandle_t handle, const cudnnFilterDescriptor_t w_desc, const void *w, const cudnnTensorDescriptor_t dy_desc,
    const void *dy, const cudnnConvolutionDescriptor_t conv, const cudnnTensorDescriptor_t dx_desc, void *dx,
    const int requested, int *returned, cudnnConvolutionBwdDataAlgoPerf_t *results, void *workspace,
    size_t workspace_bytes)
{
    (void)workspace;
    (void)workspace_bytes;
    QUERY(BACKWARD_DATA, dx_desc, w_desc, dy_desc, CUDNN_CONVOLUTION_BWD_DATA_ALGO_1, 1, dx, dy, w, NULL);
}

EXPORT cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(
    cudnnHandle_t handle, const cudnnTensorDescriptor_t x, const cudnnTensorDescriptor_t dy,
    const cudnnConvolutionDescriptor_t conv, const cudnnFilterDescriptor_t dw, const int requested, int *returned,
    cudnnConvolutionBwdFilterAlgoPerf_t *results)
{
    QUERY(BACKWARD_FILTER, x, dw, dy, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, 0, NULL);
}

EXPORT cudnnStatus_t cudnnFindConvolutionBackwardFilterAlgorithm(
    cudnnHandle_t handle, const cudnnTensorDescriptor_t x, const cudnnTensorDescriptor_t dy,
    const cudnnConvolutionDescriptor_t conv, const cudnnFilterDescriptor_t dw, const int requested, int *returned,
    cudnnConvolutionBwdFilterAlgoPerf_t *results)
{
    QUERY(BACKWARD_FILTER, x, dw, dy, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, 1, NULL);
}

EXPORT cudnnStatus_t cudnnFindConvolutionBackwardFilterAlgorithmEx(
    cudnnHandle_t handle, const cudnnTensorDescriptor_t x_desc, const void *x, const cudnnTensorDescriptor_t dy_desc,
    const void *dy, const cudnnConvolutionDescriptor_t conv, const cudnnFilterDescriptor_t dw_desc, void *dw,
    const int requested, int *returned, cudnnConvolutionBwdFilterAlgoPerf_t *results, void *workspace,
    size_t workspace_bytes)
{
    (void)workspace;
    (void)workspace_bytes;
    QUERY(BACKWARD_FILTER, x_desc, dw_desc, dy_desc, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, 1, x, dy, dw, NULL);
}
