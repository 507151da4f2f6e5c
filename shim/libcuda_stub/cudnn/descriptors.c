/* Tensor, filter, convolution, activation, pooling and dropout descriptors: plain data. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "front.h"

#define CREATE(desc)                                                                                                   \
    do {                                                                                                               \
        REQUIRE_POINTER(desc);                                                                                         \
        *(desc) = calloc(1, sizeof **(desc));                                                                          \
        REQUIRE(*(desc) != NULL, CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED);                                  \
        return CUDNN_STATUS_SUCCESS;                                                                                   \
    } while (0)

static void put(int *where, int value)
{
    if (where)
        *where = value;
}

/* NCHW: the last dimension is innermost; NHWC: dimension 1 is. */
void maf_cudnn_packed_strides(int count, const int *dims, cudnnTensorFormat_t format, int *strides)
{
    int64_t stride = 1;
    if (format == CUDNN_TENSOR_NHWC && count > 1) {
        strides[1] = 1;
        stride = dims[1];
    }
    for (int i = count - 1; i >= 0; i--) {
        if (format == CUDNN_TENSOR_NHWC && i == 1)
            continue;
        strides[i] = (int)stride;
        stride *= dims[i];
    }
}

/* --- tensors ------------------------------------------------------------------------------- */

EXPORT cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t *desc)
{
    CREATE(desc);
}

EXPORT cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t desc)
{
    free(desc);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnSetTensorNdDescriptor(cudnnTensorDescriptor_t desc, cudnnDataType_t type, int count,
                                                const int dims[], const int strides[])
{
    REQUIRE_POINTER(desc);
    REQUIRE_POINTER(dims);
    REQUIRE_POINTER(strides);
    REQUIRE(maf_cudnn_type_bytes(type) != 0, CUDNN_STATUS_BAD_PARAM);
    REQUIRE(count >= 1 && count <= MAX_DIMS, CUDNN_STATUS_NOT_SUPPORTED);
    int64_t reach = 1;
    for (int i = 0; i < count; i++) {
        REQUIRE(dims[i] > 0 && strides[i] >= 0, CUDNN_STATUS_BAD_PARAM);
        reach += (int64_t)(dims[i] - 1) * strides[i];
    }
    REQUIRE(reach <= INT_MAX, CUDNN_STATUS_NOT_SUPPORTED);
    desc->type = type;
    desc->count = count;
    memcpy(desc->dims, dims, (size_t)count * sizeof *dims);
    memcpy(desc->strides, strides, (size_t)count * sizeof *strides);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnSetTensorNdDescriptorEx(cudnnTensorDescriptor_t desc, cudnnTensorFormat_t format,
                                                  cudnnDataType_t type, int count, const int dims[])
{
    REQUIRE_POINTER(dims);
    REQUIRE(count >= 1 && count <= MAX_DIMS, CUDNN_STATUS_BAD_PARAM);
    REQUIRE(format == CUDNN_TENSOR_NCHW || format == CUDNN_TENSOR_NHWC, CUDNN_STATUS_NOT_SUPPORTED);
    int strides[MAX_DIMS];
    maf_cudnn_packed_strides(count, dims, format, strides);
    return cudnnSetTensorNdDescriptor(desc, type, count, dims, strides);
}

EXPORT cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t desc, cudnnTensorFormat_t format,
                                                cudnnDataType_t type, int n, int c, int h, int w)
{
    return cudnnSetTensorNdDescriptorEx(desc, format, type, 4, (int[]){n, c, h, w});
}

EXPORT cudnnStatus_t cudnnSetTensor4dDescriptorEx(cudnnTensorDescriptor_t desc, cudnnDataType_t type, int n, int c,
                                                  int h, int w, int n_stride, int c_stride, int h_stride, int w_stride)
{
    return cudnnSetTensorNdDescriptor(desc, type, 4, (int[]){n, c, h, w},
                                      (int[]){n_stride, c_stride, h_stride, w_stride});
}

EXPORT cudnnStatus_t cudnnGetTensor4dDescriptor(const cudnnTensorDescriptor_t desc, cudnnDataType_t *type, int *n,
                                                int *c, int *h, int *w, int *n_stride, int *c_stride, int *h_stride,
                                                int *w_stride)
{
    REQUIRE_POINTER(desc);
    REQUIRE(desc->count == 4, CUDNN_STATUS_BAD_PARAM);
    if (type)
        *type = desc->type;
    int *dims[] = {n, c, h, w}, *strides[] = {n_stride, c_stride, h_stride, w_stride};
    for (int i = 0; i < 4; i++) {
        put(dims[i], desc->dims[i]);
        put(strides[i], desc->strides[i]);
    }
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetTensorNdDescriptor(const cudnnTensorDescriptor_t desc, int requested,
                                                cudnnDataType_t *type, int *count, int dims[], int strides[])
{
    REQUIRE_POINTER(desc);
    REQUIRE(requested >= 0 && requested <= MAX_DIMS, CUDNN_STATUS_BAD_PARAM);
    if (type)
        *type = desc->type;
    put(count, desc->count);
    for (int i = 0; i < requested && i < desc->count; i++) {
        if (dims)
            dims[i] = desc->dims[i];
        if (strides)
            strides[i] = desc->strides[i];
    }
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetTensorSizeInBytes(const cudnnTensorDescriptor_t desc, size_t *size)
{
    REQUIRE_POINTER(desc);
    REQUIRE_POINTER(size);
    size_t reach = desc->count ? 1 : 0;
    for (int i = 0; i < desc->count; i++)
        reach += (size_t)(desc->dims[i] - 1) * (size_t)desc->strides[i];
    *size = reach * maf_cudnn_type_bytes(desc->type);
    return CUDNN_STATUS_SUCCESS;
}

/* --- filters ------------------------------------------------------------------------------- */

EXPORT cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t *desc)
{
    CREATE(desc);
}

EXPORT cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t desc)
{
    free(desc);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnSetFilterNdDescriptor(cudnnFilterDescriptor_t desc, cudnnDataType_t type,
                                                cudnnTensorFormat_t format, int count, const int dims[])
{
    REQUIRE_POINTER(desc);
    REQUIRE_POINTER(dims);
    REQUIRE(maf_cudnn_type_bytes(type) != 0, CUDNN_STATUS_BAD_PARAM);
    REQUIRE(format == CUDNN_TENSOR_NCHW || format == CUDNN_TENSOR_NHWC, CUDNN_STATUS_NOT_SUPPORTED);
    REQUIRE(count >= 1 && count <= MAX_DIMS, CUDNN_STATUS_NOT_SUPPORTED);
    for (int i = 0; i < count; i++)
        REQUIRE(dims[i] > 0, CUDNN_STATUS_BAD_PARAM);
    desc->type = type;
    desc->format = format;
    desc->count = count;
    memcpy(desc->dims, dims, (size_t)count * sizeof *dims);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetFilterNdDescriptor(const cudnnFilterDescriptor_t desc, int requested,
                                                cudnnDataType_t *type, cudnnTensorFormat_t *format, int *count,
                                                int dims[])
{
    REQUIRE_POINTER(desc);
    REQUIRE(requested >= 0 && requested <= MAX_DIMS, CUDNN_STATUS_BAD_PARAM);
    if (type)
        *type = desc->type;
    if (format)
        *format = desc->format;
    put(count, desc->count);
    for (int i = 0; dims && i < requested && i < desc->count; i++)
        dims[i] = desc->dims[i];
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t desc, cudnnDataType_t type,
                                                cudnnTensorFormat_t format, int k, int c, int h, int w)
{
    return cudnnSetFilterNdDescriptor(desc, type, format, 4, (int[]){k, c, h, w});
}

EXPORT cudnnStatus_t cudnnGetFilter4dDescriptor(const cudnnFilterDescriptor_t desc, cudnnDataType_t *type,
                                                cudnnTensorFormat_t *format, int *k, int *c, int *h, int *w)
{
    REQUIRE_POINTER(desc);
    REQUIRE(desc->count == 4, CUDNN_STATUS_BAD_PARAM);
    int dims[4];
    cudnnGetFilterNdDescriptor(desc, 4, type, format, NULL, dims);
    put(k, dims[0]);
    put(c, dims[1]);
    put(h, dims[2]);
    put(w, dims[3]);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetFilterSizeInBytes(const cudnnFilterDescriptor_t desc, size_t *size)
{
    REQUIRE_POINTER(desc);
    REQUIRE_POINTER(size);
    *size = desc->count ? maf_cudnn_type_bytes(desc->type) : 0;
    for (int i = 0; i < desc->count; i++)
        *size *= (size_t)desc->dims[i];
    return CUDNN_STATUS_SUCCESS;
}

/* --- convolutions -------------------------------------------------------------------------- */

EXPORT cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t *desc)
{
    CREATE(desc);
}

EXPORT cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t desc)
{
    free(desc);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnSetConvolutionNdDescriptor(cudnnConvolutionDescriptor_t desc, int count, const int pad[],
                                                     const int stride[], const int dilation[],
                                                     cudnnConvolutionMode_t mode, cudnnDataType_t compute)
{
    REQUIRE_POINTER(desc);
    REQUIRE(count >= 1 && count <= MAX_SPATIAL, CUDNN_STATUS_NOT_SUPPORTED);
    REQUIRE(pad != NULL && stride != NULL && dilation != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(mode == CUDNN_CONVOLUTION || mode == CUDNN_CROSS_CORRELATION, CUDNN_STATUS_BAD_PARAM);
    REQUIRE(maf_cudnn_type_bytes(compute) != 0, CUDNN_STATUS_BAD_PARAM);
    for (int i = 0; i < count; i++)
        REQUIRE(pad[i] >= 0 && stride[i] > 0 && dilation[i] > 0, CUDNN_STATUS_BAD_PARAM);
    desc->count = count;
    memcpy(desc->pad, pad, (size_t)count * sizeof *pad);
    memcpy(desc->stride, stride, (size_t)count * sizeof *stride);
    memcpy(desc->dilation, dilation, (size_t)count * sizeof *dilation);
    desc->groups = 1;
    desc->mode = mode;
    desc->compute = compute;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetConvolutionNdDescriptor(const cudnnConvolutionDescriptor_t desc, int requested, int *count,
                                                     int pad[], int stride[], int dilation[],
                                                     cudnnConvolutionMode_t *mode, cudnnDataType_t *compute)
{
    REQUIRE_POINTER(desc);
    REQUIRE(requested >= 0 && requested <= MAX_SPATIAL, CUDNN_STATUS_BAD_PARAM);
    put(count, desc->count);
    for (int i = 0; i < requested && i < desc->count; i++) {
        if (pad)
            pad[i] = desc->pad[i];
        if (stride)
            stride[i] = desc->stride[i];
        if (dilation)
            dilation[i] = desc->dilation[i];
    }
    if (mode)
        *mode = desc->mode;
    if (compute)
        *compute = desc->compute;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t desc, int pad_h, int pad_w, int u,
                                                     int v, int dilation_h, int dilation_w, cudnnConvolutionMode_t mode,
                                                     cudnnDataType_t compute)
{
    return cudnnSetConvolutionNdDescriptor(desc, 2, (int[]){pad_h, pad_w}, (int[]){u, v},
                                           (int[]){dilation_h, dilation_w}, mode, compute);
}

EXPORT cudnnStatus_t cudnnGetConvolution2dDescriptor(const cudnnConvolutionDescriptor_t desc, int *pad_h, int *pad_w,
                                                     int *u, int *v, int *dilation_h, int *dilation_w,
                                                     cudnnConvolutionMode_t *mode, cudnnDataType_t *compute)
{
    REQUIRE_POINTER(desc);
    REQUIRE(desc->count == 2, CUDNN_STATUS_BAD_PARAM);
    put(pad_h, desc->pad[0]);
    put(pad_w, desc->pad[1]);
    put(u, desc->stride[0]);
    put(v, desc->stride[1]);
    put(dilation_h, desc->dilation[0]);
    put(dilation_w, desc->dilation[1]);
    return cudnnGetConvolutionNdDescriptor(desc, 0, NULL, NULL, NULL, NULL, mode, compute);
}

EXPORT cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t desc, cudnnMathType_t math)
{
    REQUIRE_POINTER(desc);
    REQUIRE((unsigned)math <= CUDNN_FMA_MATH, CUDNN_STATUS_BAD_PARAM);
    desc->math = math;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetConvolutionMathType(cudnnConvolutionDescriptor_t desc, cudnnMathType_t *math)
{
    REQUIRE_POINTER(desc);
    REQUIRE_POINTER(math);
    *math = desc->math;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnSetConvolutionGroupCount(cudnnConvolutionDescriptor_t desc, int groups)
{
    REQUIRE_POINTER(desc);
    REQUIRE(groups > 0, CUDNN_STATUS_BAD_PARAM);
    desc->groups = groups;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetConvolutionGroupCount(cudnnConvolutionDescriptor_t desc, int *groups)
{
    REQUIRE_POINTER(desc);
    REQUIRE_POINTER(groups);
    *groups = desc->groups;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnSetConvolutionReorderType(cudnnConvolutionDescriptor_t desc, cudnnReorderType_t reorder)
{
    REQUIRE_POINTER(desc);
    desc->reorder = reorder;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetConvolutionReorderType(cudnnConvolutionDescriptor_t desc, cudnnReorderType_t *reorder)
{
    REQUIRE_POINTER(desc);
    REQUIRE_POINTER(reorder);
    *reorder = desc->reorder;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetConvolutionNdForwardOutputDim(const cudnnConvolutionDescriptor_t desc,
                                                           const cudnnTensorDescriptor_t x,
                                                           const cudnnFilterDescriptor_t w, int count, int dims[])
{
    REQUIRE(desc != NULL && x != NULL && w != NULL && dims != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(count == desc->count + 2 && x->count == count && w->count == count, CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    REQUIRE(x->dims[1] == w->dims[1] * desc->groups, CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    dims[0] = x->dims[0];
    dims[1] = w->dims[0];
    for (int i = 0; i < desc->count; i++) {
        int span = (w->dims[i + 2] - 1) * desc->dilation[i] + 1;
        int room = x->dims[i + 2] + 2 * desc->pad[i] - span;
        REQUIRE(room >= 0, CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
        dims[i + 2] = room / desc->stride[i] + 1;
    }
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetConvolution2dForwardOutputDim(const cudnnConvolutionDescriptor_t desc,
                                                           const cudnnTensorDescriptor_t x,
                                                           const cudnnFilterDescriptor_t w, int *n, int *c, int *h,
                                                           int *width)
{
    int dims[4];
    cudnnStatus_t status = cudnnGetConvolutionNdForwardOutputDim(desc, x, w, 4, dims);
    if (status == CUDNN_STATUS_SUCCESS) {
        put(n, dims[0]);
        put(c, dims[1]);
        put(h, dims[2]);
        put(width, dims[3]);
    }
    return status;
}

/* --- activations --------------------------------------------------------------------------- */

EXPORT cudnnStatus_t cudnnCreateActivationDescriptor(cudnnActivationDescriptor_t *desc)
{
    CREATE(desc);
}

EXPORT cudnnStatus_t cudnnDestroyActivationDescriptor(cudnnActivationDescriptor_t desc)
{
    free(desc);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnSetActivationDescriptor(cudnnActivationDescriptor_t desc, cudnnActivationMode_t mode,
                                                  cudnnNanPropagation_t nan, double coef)
{
    REQUIRE_POINTER(desc);
    REQUIRE((unsigned)mode <= CUDNN_ACTIVATION_SWISH && (unsigned)nan <= CUDNN_PROPAGATE_NAN, CUDNN_STATUS_BAD_PARAM);
    *desc = (struct maf_cudnn_activation){mode, nan, coef, 1.0};
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetActivationDescriptor(const cudnnActivationDescriptor_t desc, cudnnActivationMode_t *mode,
                                                  cudnnNanPropagation_t *nan, double *coef)
{
    REQUIRE_POINTER(desc);
    if (mode)
        *mode = desc->mode;
    if (nan)
        *nan = desc->nan;
    if (coef)
        *coef = desc->coef;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnSetActivationDescriptorSwishBeta(cudnnActivationDescriptor_t desc, double beta)
{
    REQUIRE_POINTER(desc);
    desc->swish_beta = beta;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetActivationDescriptorSwishBeta(cudnnActivationDescriptor_t desc, double *beta)
{
    REQUIRE_POINTER(desc);
    REQUIRE_POINTER(beta);
    *beta = desc->swish_beta;
    return CUDNN_STATUS_SUCCESS;
}

/* --- pooling ------------------------------------------------------------------------------- */

EXPORT cudnnStatus_t cudnnCreatePoolingDescriptor(cudnnPoolingDescriptor_t *desc)
{
    CREATE(desc);
}

EXPORT cudnnStatus_t cudnnDestroyPoolingDescriptor(cudnnPoolingDescriptor_t desc)
{
    free(desc);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnSetPoolingNdDescriptor(cudnnPoolingDescriptor_t desc, const cudnnPoolingMode_t mode,
                                                 const cudnnNanPropagation_t nan, int count, const int window[],
                                                 const int pad[], const int stride[])
{
    REQUIRE_POINTER(desc);
    REQUIRE(window != NULL && pad != NULL && stride != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(count >= 1 && count <= MAX_SPATIAL, CUDNN_STATUS_NOT_SUPPORTED);
    REQUIRE((unsigned)mode <= CUDNN_POOLING_MAX_DETERMINISTIC && (unsigned)nan <= CUDNN_PROPAGATE_NAN,
            CUDNN_STATUS_BAD_PARAM);
    for (int i = 0; i < count; i++)
        REQUIRE(window[i] > 0 && pad[i] >= 0 && stride[i] > 0, CUDNN_STATUS_BAD_PARAM);
    desc->mode = mode;
    desc->nan = nan;
    desc->count = count;
    memcpy(desc->window, window, (size_t)count * sizeof *window);
    memcpy(desc->pad, pad, (size_t)count * sizeof *pad);
    memcpy(desc->stride, stride, (size_t)count * sizeof *stride);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetPoolingNdDescriptor(const cudnnPoolingDescriptor_t desc, int requested,
                                                 cudnnPoolingMode_t *mode, cudnnNanPropagation_t *nan, int *count,
                                                 int window[], int pad[], int stride[])
{
    REQUIRE_POINTER(desc);
    REQUIRE(requested >= 0 && requested <= MAX_SPATIAL, CUDNN_STATUS_BAD_PARAM);
    if (mode)
        *mode = desc->mode;
    if (nan)
        *nan = desc->nan;
    put(count, desc->count);
    for (int i = 0; i < requested && i < desc->count; i++) {
        if (window)
            window[i] = desc->window[i];
        if (pad)
            pad[i] = desc->pad[i];
        if (stride)
            stride[i] = desc->stride[i];
    }
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnSetPooling2dDescriptor(cudnnPoolingDescriptor_t desc, cudnnPoolingMode_t mode,
                                                 cudnnNanPropagation_t nan, int window_h, int window_w, int pad_h,
                                                 int pad_w, int stride_h, int stride_w)
{
    return cudnnSetPoolingNdDescriptor(desc, mode, nan, 2, (int[]){window_h, window_w}, (int[]){pad_h, pad_w},
                                       (int[]){stride_h, stride_w});
}

EXPORT cudnnStatus_t cudnnGetPooling2dDescriptor(const cudnnPoolingDescriptor_t desc, cudnnPoolingMode_t *mode,
                                                 cudnnNanPropagation_t *nan, int *window_h, int *window_w, int *pad_h,
                                                 int *pad_w, int *stride_h, int *stride_w)
{
    REQUIRE_POINTER(desc);
    REQUIRE(desc->count == 2, CUDNN_STATUS_BAD_PARAM);
    put(window_h, desc->window[0]);
    put(window_w, desc->window[1]);
    put(pad_h, desc->pad[0]);
    put(pad_w, desc->pad[1]);
    put(stride_h, desc->stride[0]);
    put(stride_w, desc->stride[1]);
    return cudnnGetPoolingNdDescriptor(desc, 0, mode, nan, NULL, NULL, NULL, NULL);
}

EXPORT cudnnStatus_t cudnnGetPoolingNdForwardOutputDim(const cudnnPoolingDescriptor_t desc,
                                                       const cudnnTensorDescriptor_t x, int count, int dims[])
{
    REQUIRE(desc != NULL && x != NULL && dims != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(count == desc->count + 2 && x->count == count, CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    dims[0] = x->dims[0];
    dims[1] = x->dims[1];
    for (int i = 0; i < desc->count; i++) {
        int room = x->dims[i + 2] + 2 * desc->pad[i] - desc->window[i];
        REQUIRE(room >= 0, CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
        dims[i + 2] = room / desc->stride[i] + 1;
    }
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetPooling2dForwardOutputDim(const cudnnPoolingDescriptor_t desc,
                                                       const cudnnTensorDescriptor_t x, int *n, int *c, int *h, int *w)
{
    int dims[4];
    cudnnStatus_t status = cudnnGetPoolingNdForwardOutputDim(desc, x, 4, dims);
    if (status == CUDNN_STATUS_SUCCESS) {
        put(n, dims[0]);
        put(c, dims[1]);
        put(h, dims[2]);
        put(w, dims[3]);
    }
    return status;
}

/* --- dropout ------------------------------------------------------------------------------- */

EXPORT cudnnStatus_t cudnnCreateDropoutDescriptor(cudnnDropoutDescriptor_t *desc)
{
    CREATE(desc);
}

EXPORT cudnnStatus_t cudnnDestroyDropoutDescriptor(cudnnDropoutDescriptor_t desc)
{
    free(desc);
    return CUDNN_STATUS_SUCCESS;
}
