/* What the files of this library share: descriptor records and status helpers. */
#ifndef MAF_CUDNN_FRONT_H
#define MAF_CUDNN_FRONT_H

#include <stddef.h>
#include <stdint.h>

#include "../../client/maf_client.h"
#include "cudnn.h"

enum { MAX_DIMS = 8, MAX_SPATIAL = 6 };

struct maf_cudnn_handle {
    void *stream;
};

struct maf_cudnn_tensor {
    cudnnDataType_t type;
    int count; /* 0 until set */
    int dims[MAX_DIMS];
    int strides[MAX_DIMS];
};

struct maf_cudnn_filter {
    cudnnDataType_t type;
    cudnnTensorFormat_t format;
    int count;
    int dims[MAX_DIMS];
};

struct maf_cudnn_convolution {
    int count; /* spatial dimensions; 0 until set */
    int pad[MAX_SPATIAL];
    int stride[MAX_SPATIAL];
    int dilation[MAX_SPATIAL];
    int groups;
    cudnnConvolutionMode_t mode;
    cudnnDataType_t compute;
    cudnnMathType_t math;
    cudnnReorderType_t reorder;
};

struct maf_cudnn_activation {
    cudnnActivationMode_t mode;
    cudnnNanPropagation_t nan;
    double coef;
    double swish_beta;
};

struct maf_cudnn_pooling {
    cudnnPoolingMode_t mode;
    cudnnNanPropagation_t nan;
    int count;
    int window[MAX_SPATIAL];
    int pad[MAX_SPATIAL];
    int stride[MAX_SPATIAL];
};

struct maf_cudnn_dropout {
    float dropout;
    void *states;
    size_t states_bytes;
    unsigned long long seed;
};

/* Records why for cudnnGetLastErrorString and the log, and returns `status`. */
cudnnStatus_t maf_cudnn_fail(cudnnStatus_t status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* NOT_SUPPORTED, its name said once. */
cudnnStatus_t maf_cudnn_unsupported(const char *function);

/* maf_plan and maf_op with their results as cuDNN statuses. */
cudnnStatus_t maf_cudnn_plan(const char *what, uint32_t kind, const void *op, uint32_t bytes,
                             struct maf_plan_info *info);
cudnnStatus_t maf_cudnn_run(cudnnHandle_t handle, uint32_t plan, const uint64_t *ptrs, uint32_t count,
                            const double *scalars, uint32_t scalar_count);

/* enum maf_dtype of a cuDNN type, -1 for types without one. */
int maf_cudnn_dtype(cudnnDataType_t type);
size_t maf_cudnn_type_bytes(cudnnDataType_t type);

/* A scaling factor at `value`, which is double for double data and float otherwise; `missing` when NULL. */
double maf_cudnn_scalar(cudnnDataType_t data, const void *value, double missing);

double maf_cudnn_half(uint16_t bits);

void maf_cudnn_packed_strides(int count, const int *dims, cudnnTensorFormat_t format, int *strides);

#define EXPORT __attribute__((visibility("default")))

#define REQUIRE(condition, status)                                                                                     \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            return maf_cudnn_fail(status, "%s: requirement failed: %s", __func__, #condition);                         \
    } while (0)

#define REQUIRE_POINTER(p) REQUIRE((p) != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER)

#endif
