/* Tensor operations, activations, softmax, pooling and dropout of the legacy API. */
#include <stdlib.h>
#include <string.h>

#include "front.h"

/* Functions of MAF_OP_ELEMENTWISE. */
enum { SCALE, ADD, MULTIPLY, MINIMUM, MAXIMUM, SQUARE_ROOT, COMPLEMENT, CONSTANT };
enum { ACTIVATION = 16, GRADIENT = 32, DROPOUT = 48, NEW_DROPOUT = 49 };

struct maf_cudnn_op_tensor {
    int set;
    cudnnOpTensorOp_t op;
    cudnnDataType_t compute;
    cudnnNanPropagation_t nan;
};

struct maf_cudnn_reduce_tensor {
    int set;
    cudnnReduceTensorOp_t op;
    cudnnDataType_t compute;
    cudnnNanPropagation_t nan;
    cudnnReduceTensorIndices_t indices;
    cudnnIndicesType_t type;
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

/* --- elementwise --------------------------------------------------------------------------- */

struct operand {
    cudnnTensorDescriptor_t desc;
    const void *data;
};

/* An operand's dimensions of size 1 are repeated. */
static cudnnStatus_t elementwise(cudnnHandle_t handle, int function, const struct operand *out, const struct operand *a,
                                 const struct operand *b, const struct operand *c, int nan, const double scalars[4])
{
    struct maf_op_elementwise op = {.function = function, .nan_propagation = nan};
    const struct operand *operands[] = {out, a, b, c};
    int64_t *strides[] = {op.out_strides, op.a_strides, op.b_strides, op.c_strides};
    int64_t *types[] = {&op.type_out, &op.type_a, &op.type_b, &op.type_c};
    uint64_t ptrs[4] = {0};
    REQUIRE(handle != NULL && out->desc != NULL && out->data != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    op.rank = out->desc->count;
    widen(op.dims, out->desc->dims, out->desc->count);
    for (int i = 0; i < 4; i++) {
        const struct operand *x = operands[i];
        if (!x)
            continue;
        REQUIRE(x->desc != NULL && x->data != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
        REQUIRE(x->desc->count == out->desc->count, CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
        for (int d = 0; d < x->desc->count; d++) {
            REQUIRE(x->desc->dims[d] == out->desc->dims[d] || x->desc->dims[d] == 1,
                    CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
            strides[i][d] = x->desc->dims[d] == 1 ? 0 : x->desc->strides[d];
        }
        *types[i] = maf_cudnn_dtype(x->desc->type);
        REQUIRE(*types[i] >= 0, CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE);
        ptrs[i] = (uint64_t)x->data;
    }
    struct maf_plan_info info;
    cudnnStatus_t status = maf_cudnn_plan("elementwise operation", MAF_OP_ELEMENTWISE, &op, sizeof op, &info);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    return maf_cudnn_run(handle, info.plan, ptrs, 4, scalars, 4);
}

EXPORT cudnnStatus_t cudnnTransformTensor(cudnnHandle_t handle, const void *alpha, const cudnnTensorDescriptor_t x_desc,
                                          const void *x, const void *beta, const cudnnTensorDescriptor_t y_desc, void *y)
{
    REQUIRE(alpha != NULL && beta != NULL && x_desc != NULL && y_desc != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(same_dims(x_desc, y_desc), CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    double scalars[] = {maf_cudnn_scalar(y_desc->type, alpha, 1), 0, maf_cudnn_scalar(y_desc->type, beta, 0), 0};
    return elementwise(handle, SCALE, &(struct operand){y_desc, y}, &(struct operand){x_desc, x}, NULL, NULL, 0, scalars);
}

EXPORT cudnnStatus_t cudnnAddTensor(cudnnHandle_t handle, const void *alpha, const cudnnTensorDescriptor_t a_desc,
                                    const void *a, const void *beta, const cudnnTensorDescriptor_t c_desc, void *c)
{
    REQUIRE(alpha != NULL && beta != NULL && a_desc != NULL && c_desc != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    double scalars[] = {maf_cudnn_scalar(c_desc->type, alpha, 1), 0, maf_cudnn_scalar(c_desc->type, beta, 0), 0};
    return elementwise(handle, SCALE, &(struct operand){c_desc, c}, &(struct operand){a_desc, a}, NULL, NULL, 0, scalars);
}

EXPORT cudnnStatus_t cudnnScaleTensor(cudnnHandle_t handle, const cudnnTensorDescriptor_t y_desc, void *y,
                                      const void *alpha)
{
    REQUIRE(alpha != NULL && y_desc != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    double scalars[] = {maf_cudnn_scalar(y_desc->type, alpha, 1), 0, 0, 0};
    const struct operand both = {y_desc, y};
    return elementwise(handle, SCALE, &both, &both, NULL, NULL, 0, scalars);
}

/* The value has the tensor's own type. */
static cudnnStatus_t read_value(cudnnDataType_t type, const void *p, double *value)
{
    union {
        uint32_t bits;
        float value;
    } wide;
    uint16_t half;
    switch (type) {
    case CUDNN_DATA_FLOAT:
        *value = *(const float *)p;
        break;
    case CUDNN_DATA_DOUBLE:
        *value = *(const double *)p;
        break;
    case CUDNN_DATA_INT8:
        *value = *(const int8_t *)p;
        break;
    case CUDNN_DATA_UINT8:
        *value = *(const uint8_t *)p;
        break;
    case CUDNN_DATA_INT32:
        *value = *(const int32_t *)p;
        break;
    case CUDNN_DATA_BFLOAT16:
        wide.bits = (uint32_t) * (const uint16_t *)p << 16;
        *value = wide.value;
        break;
    case CUDNN_DATA_HALF:
        half = *(const uint16_t *)p;
        *value = maf_cudnn_half(half);
        break;
    default:
        return maf_cudnn_fail(CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE, "cudnnSetTensor: type %d", (int)type);
    }
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnSetTensor(cudnnHandle_t handle, const cudnnTensorDescriptor_t y_desc, void *y,
                                    const void *value)
{
    REQUIRE(value != NULL && y_desc != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    double scalars[4] = {0};
    cudnnStatus_t status = read_value(y_desc->type, value, &scalars[3]);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    return elementwise(handle, CONSTANT, &(struct operand){y_desc, y}, NULL, NULL, NULL, 0, scalars);
}

EXPORT cudnnStatus_t cudnnCreateOpTensorDescriptor(cudnnOpTensorDescriptor_t *desc)
{
    REQUIRE_POINTER(desc);
    *desc = calloc(1, sizeof **desc);
    return *desc ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
}

EXPORT cudnnStatus_t cudnnDestroyOpTensorDescriptor(cudnnOpTensorDescriptor_t desc)
{
    free(desc);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnSetOpTensorDescriptor(cudnnOpTensorDescriptor_t desc, cudnnOpTensorOp_t op,
                                                cudnnDataType_t compute, cudnnNanPropagation_t nan)
{
    REQUIRE_POINTER(desc);
    REQUIRE((unsigned)op <= CUDNN_OP_TENSOR_NOT && (unsigned)nan <= CUDNN_PROPAGATE_NAN, CUDNN_STATUS_BAD_PARAM);
    *desc = (struct maf_cudnn_op_tensor){1, op, compute, nan};
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetOpTensorDescriptor(const cudnnOpTensorDescriptor_t desc, cudnnOpTensorOp_t *op,
                                                cudnnDataType_t *compute, cudnnNanPropagation_t *nan)
{
    REQUIRE_POINTER(desc);
    REQUIRE(desc->set, CUDNN_STATUS_BAD_PARAM);
    if (op)
        *op = desc->op;
    if (compute)
        *compute = desc->compute;
    if (nan)
        *nan = desc->nan;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnOpTensor(cudnnHandle_t handle, const cudnnOpTensorDescriptor_t desc, const void *alpha1,
                                   const cudnnTensorDescriptor_t a_desc, const void *a, const void *alpha2,
                                   const cudnnTensorDescriptor_t b_desc, const void *b, const void *beta,
                                   const cudnnTensorDescriptor_t c_desc, void *c)
{
    static const int functions[] = {ADD, MULTIPLY, MINIMUM, MAXIMUM, SQUARE_ROOT, COMPLEMENT};
    REQUIRE(desc != NULL && alpha1 != NULL && beta != NULL && a_desc != NULL && c_desc != NULL,
            CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(desc->set, CUDNN_STATUS_BAD_PARAM);
    int unary = desc->op == CUDNN_OP_TENSOR_SQRT || desc->op == CUDNN_OP_TENSOR_NOT;
    REQUIRE(unary || alpha2 != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(same_dims(a_desc, c_desc), CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    double scalars[] = {maf_cudnn_scalar(desc->compute, alpha1, 1), maf_cudnn_scalar(desc->compute, alpha2, 1),
                        maf_cudnn_scalar(desc->compute, beta, 0), 0};
    return elementwise(handle, functions[desc->op], &(struct operand){c_desc, c}, &(struct operand){a_desc, a},
                       unary ? NULL : &(struct operand){b_desc, b}, NULL, desc->nan, scalars);
}

/* --- activations --------------------------------------------------------------------------- */

static double coefficient(const struct maf_cudnn_activation *desc)
{
    return desc->mode == CUDNN_ACTIVATION_SWISH ? desc->swish_beta : desc->coef;
}

EXPORT cudnnStatus_t cudnnActivationForward(cudnnHandle_t handle, cudnnActivationDescriptor_t desc, const void *alpha,
                                            const cudnnTensorDescriptor_t x_desc, const void *x, const void *beta,
                                            const cudnnTensorDescriptor_t y_desc, void *y)
{
    REQUIRE(desc != NULL && alpha != NULL && beta != NULL && x_desc != NULL && y_desc != NULL,
            CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(same_dims(x_desc, y_desc) && x_desc->type == y_desc->type, CUDNN_STATUS_BAD_PARAM);
    double scalars[] = {maf_cudnn_scalar(y_desc->type, alpha, 1), 0, maf_cudnn_scalar(y_desc->type, beta, 0),
                        coefficient(desc)};
    return elementwise(handle, ACTIVATION + (int)desc->mode, &(struct operand){y_desc, y}, &(struct operand){x_desc, x},
                       NULL, NULL, desc->nan, scalars);
}

EXPORT cudnnStatus_t cudnnActivationBackward(cudnnHandle_t handle, cudnnActivationDescriptor_t desc, const void *alpha,
                                             const cudnnTensorDescriptor_t y_desc, const void *y,
                                             const cudnnTensorDescriptor_t dy_desc, const void *dy,
                                             const cudnnTensorDescriptor_t x_desc, const void *x, const void *beta,
                                             const cudnnTensorDescriptor_t dx_desc, void *dx)
{
    REQUIRE(desc != NULL && alpha != NULL && beta != NULL && y_desc != NULL && dy_desc != NULL && x_desc != NULL &&
                dx_desc != NULL,
            CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(same_dims(x_desc, y_desc) && same_dims(x_desc, dy_desc) && same_dims(x_desc, dx_desc),
            CUDNN_STATUS_BAD_PARAM);
    double scalars[] = {maf_cudnn_scalar(dx_desc->type, alpha, 1), 0, maf_cudnn_scalar(dx_desc->type, beta, 0),
                        coefficient(desc)};
    return elementwise(handle, GRADIENT + (int)desc->mode, &(struct operand){dx_desc, dx},
                       &(struct operand){y_desc, y}, &(struct operand){dy_desc, dy}, &(struct operand){x_desc, x},
                       desc->nan, scalars);
}

/* --- dropout: one byte of mask per element -------------------------------------------------- */

EXPORT cudnnStatus_t cudnnDropoutGetReserveSpaceSize(cudnnTensorDescriptor_t x, size_t *bytes)
{
    REQUIRE(x != NULL && bytes != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    *bytes = x->count ? 1 : 0;
    for (int i = 0; i < x->count; i++)
        *bytes *= (size_t)x->dims[i];
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t drop(cudnnHandle_t handle, const cudnnDropoutDescriptor_t desc, int function,
                          const struct operand *from, const struct operand *to, void *reserve, size_t reserve_bytes)
{
    REQUIRE(handle != NULL && desc != NULL && from->desc != NULL && to->desc != NULL && reserve != NULL,
            CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(same_dims(from->desc, to->desc) && from->desc->type == to->desc->type, CUDNN_STATUS_BAD_PARAM);
    REQUIRE(function == DROPOUT || desc->states, CUDNN_STATUS_BAD_PARAM);
    size_t bytes;
    cudnnDropoutGetReserveSpaceSize(from->desc, &bytes);
    REQUIRE(reserve_bytes >= bytes, CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT);
    struct maf_cudnn_tensor mask = *from->desc, states = *from->desc;
    mask.type = states.type = CUDNN_DATA_UINT8;
    maf_cudnn_packed_strides(mask.count, mask.dims, CUDNN_TENSOR_NCHW, mask.strides);
    double scalars[] = {1, 0, 0, desc->dropout};
    const struct operand generator = {&states, desc->states};
    return elementwise(handle, function, to, from, function == NEW_DROPOUT ? &generator : NULL,
                       &(struct operand){&mask, reserve}, 0, scalars);
}

EXPORT cudnnStatus_t cudnnDropoutForward(cudnnHandle_t handle, const cudnnDropoutDescriptor_t desc,
                                         const cudnnTensorDescriptor_t x_desc, const void *x,
                                         const cudnnTensorDescriptor_t y_desc, void *y, void *reserve,
                                         size_t reserve_bytes)
{
    return drop(handle, desc, NEW_DROPOUT, &(struct operand){x_desc, x}, &(struct operand){y_desc, y}, reserve,
                reserve_bytes);
}

EXPORT cudnnStatus_t cudnnDropoutBackward(cudnnHandle_t handle, const cudnnDropoutDescriptor_t desc,
                                          const cudnnTensorDescriptor_t dy_desc, const void *dy,
                                          const cudnnTensorDescriptor_t dx_desc, void *dx, void *reserve,
                                          size_t reserve_bytes)
{
    return drop(handle, desc, DROPOUT, &(struct operand){dy_desc, dy}, &(struct operand){dx_desc, dx}, reserve,
                reserve_bytes);
}

/* --- reductions ---------------------------------------------------------------------------- */

EXPORT cudnnStatus_t cudnnCreateReduceTensorDescriptor(cudnnReduceTensorDescriptor_t *desc)
{
    REQUIRE_POINTER(desc);
    *desc = calloc(1, sizeof **desc);
    return *desc ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
}

EXPORT cudnnStatus_t cudnnDestroyReduceTensorDescriptor(cudnnReduceTensorDescriptor_t desc)
{
    free(desc);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnSetReduceTensorDescriptor(cudnnReduceTensorDescriptor_t desc, cudnnReduceTensorOp_t op,
                                                    cudnnDataType_t compute, cudnnNanPropagation_t nan,
                                                    cudnnReduceTensorIndices_t indices, cudnnIndicesType_t type)
{
    REQUIRE_POINTER(desc);
    REQUIRE((unsigned)op <= CUDNN_REDUCE_TENSOR_MUL_NO_ZEROS && (unsigned)nan <= CUDNN_PROPAGATE_NAN &&
                (unsigned)indices <= CUDNN_REDUCE_TENSOR_FLATTENED_INDICES && (unsigned)type <= CUDNN_8BIT_INDICES,
            CUDNN_STATUS_BAD_PARAM);
    *desc = (struct maf_cudnn_reduce_tensor){1, op, compute, nan, indices, type};
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetReduceTensorDescriptor(const cudnnReduceTensorDescriptor_t desc, cudnnReduceTensorOp_t *op,
                                                    cudnnDataType_t *compute, cudnnNanPropagation_t *nan,
                                                    cudnnReduceTensorIndices_t *indices, cudnnIndicesType_t *type)
{
    REQUIRE_POINTER(desc);
    REQUIRE(desc->set, CUDNN_STATUS_BAD_PARAM);
    if (op)
        *op = desc->op;
    if (compute)
        *compute = desc->compute;
    if (nan)
        *nan = desc->nan;
    if (indices)
        *indices = desc->indices;
    if (type)
        *type = desc->type;
    return CUDNN_STATUS_SUCCESS;
}

/* Indices are given for the functions that choose an element. */
static int gives_indices(const struct maf_cudnn_reduce_tensor *desc)
{
    return desc->indices == CUDNN_REDUCE_TENSOR_FLATTENED_INDICES && desc->op >= CUDNN_REDUCE_TENSOR_MIN &&
           desc->op <= CUDNN_REDUCE_TENSOR_AMAX;
}

EXPORT cudnnStatus_t cudnnGetReductionIndicesSize(cudnnHandle_t handle, const cudnnReduceTensorDescriptor_t desc,
                                                  const cudnnTensorDescriptor_t a, const cudnnTensorDescriptor_t c,
                                                  size_t *bytes)
{
    REQUIRE(handle != NULL && desc != NULL && a != NULL && c != NULL && bytes != NULL,
            CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    *bytes = gives_indices(desc) ? sizeof(int32_t) : 0;
    for (int i = 0; i < c->count; i++)
        *bytes *= (size_t)c->dims[i];
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetReductionWorkspaceSize(cudnnHandle_t handle, const cudnnReduceTensorDescriptor_t desc,
                                                    const cudnnTensorDescriptor_t a, const cudnnTensorDescriptor_t c,
                                                    size_t *bytes)
{
    REQUIRE(handle != NULL && desc != NULL && a != NULL && c != NULL && bytes != NULL,
            CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    *bytes = 0;
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t reduce(cudnnHandle_t handle, const struct maf_cudnn_reduce_tensor *desc, void *indices,
                            double alpha, const cudnnTensorDescriptor_t a_desc, const void *a, double beta,
                            const cudnnTensorDescriptor_t c_desc, void *c)
{
    REQUIRE(handle != NULL && a_desc != NULL && c_desc != NULL && a != NULL && c != NULL,
            CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(a_desc->count == c_desc->count, CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    struct maf_op_reduce op = {
        .function = desc->op,
        .rank = a_desc->count,
        .type_a = maf_cudnn_dtype(a_desc->type),
        .type_c = maf_cudnn_dtype(c_desc->type),
        .nan_propagation = desc->nan,
        .indices = indices != NULL,
    };
    REQUIRE(op.type_a >= 0 && op.type_c >= 0, CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE);
    for (int i = 0; i < a_desc->count; i++)
        REQUIRE(c_desc->dims[i] == 1 || c_desc->dims[i] == a_desc->dims[i], CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    widen(op.a_dims, a_desc->dims, a_desc->count);
    widen(op.a_strides, a_desc->strides, a_desc->count);
    widen(op.c_dims, c_desc->dims, a_desc->count);
    widen(op.c_strides, c_desc->strides, a_desc->count);
    struct maf_plan_info info;
    cudnnStatus_t status = maf_cudnn_plan("reduction", MAF_OP_REDUCE, &op, sizeof op, &info);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    const uint64_t ptrs[] = {(uint64_t)a, (uint64_t)c, (uint64_t)indices};
    return maf_cudnn_run(handle, info.plan, ptrs, 3, (double[]){alpha, beta}, 2);
}

EXPORT cudnnStatus_t cudnnReduceTensor(cudnnHandle_t handle, const cudnnReduceTensorDescriptor_t desc, void *indices,
                                       size_t indices_bytes, void *workspace, size_t workspace_bytes, const void *alpha,
                                       const cudnnTensorDescriptor_t a_desc, const void *a, const void *beta,
                                       const cudnnTensorDescriptor_t c_desc, void *c)
{
    (void)workspace;
    (void)workspace_bytes;
    REQUIRE(handle != NULL && desc != NULL && alpha != NULL && beta != NULL && a_desc != NULL && c_desc != NULL,
            CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(desc->set, CUDNN_STATUS_BAD_PARAM);
    size_t bytes;
    cudnnGetReductionIndicesSize(handle, desc, a_desc, c_desc, &bytes);
    REQUIRE(!gives_indices(desc) || desc->type == CUDNN_32BIT_INDICES, CUDNN_STATUS_NOT_SUPPORTED);
    REQUIRE(!bytes || (indices != NULL && indices_bytes >= bytes), CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT);
    return reduce(handle, desc, bytes ? indices : NULL, maf_cudnn_scalar(c_desc->type, alpha, 1), a_desc, a,
                  maf_cudnn_scalar(c_desc->type, beta, 0), c_desc, c);
}

EXPORT cudnnStatus_t cudnnConvolutionBackwardBias(cudnnHandle_t handle, const void *alpha,
                                                  const cudnnTensorDescriptor_t dy_desc, const void *dy,
                                                  const void *beta, const cudnnTensorDescriptor_t db_desc, void *db)
{
    static const struct maf_cudnn_reduce_tensor sum = {.set = 1, .op = CUDNN_REDUCE_TENSOR_ADD};
    REQUIRE(alpha != NULL && beta != NULL && dy_desc != NULL && db_desc != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(dy_desc->count >= 2 && db_desc->count == dy_desc->count, CUDNN_STATUS_BAD_PARAM);
    for (int i = 0; i < db_desc->count; i++)
        REQUIRE(db_desc->dims[i] == (i == 1 ? dy_desc->dims[1] : 1), CUDNN_STATUS_BAD_PARAM);
    return reduce(handle, &sum, NULL, maf_cudnn_scalar(db_desc->type, alpha, 1), dy_desc, dy,
                  maf_cudnn_scalar(db_desc->type, beta, 0), db_desc, db);
}

/* --- softmax ------------------------------------------------------------------------------- */

static cudnnStatus_t softmax(cudnnHandle_t handle, int direction, cudnnSoftmaxAlgorithm_t algorithm,
                             cudnnSoftmaxMode_t mode, const void *alpha, const struct operand *x,
                             const struct operand *y, const struct operand *dy, const void *beta)
{
    REQUIRE(handle != NULL && alpha != NULL && beta != NULL && x->desc != NULL && y->desc != NULL && x->data != NULL &&
                y->data != NULL,
            CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE((unsigned)algorithm <= CUDNN_SOFTMAX_LOG && (unsigned)mode <= CUDNN_SOFTMAX_MODE_CHANNEL,
            CUDNN_STATUS_BAD_PARAM);
    REQUIRE(same_dims(x->desc, y->desc) && x->desc->type == y->desc->type, CUDNN_STATUS_BAD_PARAM);
    REQUIRE(x->desc->count <= 5, CUDNN_STATUS_NOT_SUPPORTED_SHAPE);
    struct maf_op_softmax op = {
        .direction = direction,
        .algorithm = algorithm,
        .per_instance = mode == CUDNN_SOFTMAX_MODE_INSTANCE,
        .type = maf_cudnn_dtype(x->desc->type),
        .rank = x->desc->count,
    };
    REQUIRE(op.type >= 0, CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE);
    widen(op.dims, x->desc->dims, x->desc->count);
    widen(op.x_strides, x->desc->strides, x->desc->count);
    widen(op.y_strides, y->desc->strides, x->desc->count);
    if (dy) {
        REQUIRE(dy->desc != NULL && dy->data != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
        REQUIRE(same_dims(x->desc, dy->desc) && x->desc->type == dy->desc->type, CUDNN_STATUS_BAD_PARAM);
        widen(op.dy_strides, dy->desc->strides, x->desc->count);
    }
    struct maf_plan_info info;
    cudnnStatus_t status = maf_cudnn_plan("softmax", MAF_OP_SOFTMAX, &op, sizeof op, &info);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    const uint64_t forward[] = {(uint64_t)x->data, (uint64_t)y->data, 0};
    const uint64_t backward[] = {(uint64_t)y->data, dy ? (uint64_t)dy->data : 0, (uint64_t)x->data};
    double scalars[] = {maf_cudnn_scalar(x->desc->type, alpha, 1), maf_cudnn_scalar(x->desc->type, beta, 0)};
    return maf_cudnn_run(handle, info.plan, dy ? backward : forward, 3, scalars, 2);
}

EXPORT cudnnStatus_t cudnnSoftmaxForward(cudnnHandle_t handle, cudnnSoftmaxAlgorithm_t algorithm,
                                         cudnnSoftmaxMode_t mode, const void *alpha,
                                         const cudnnTensorDescriptor_t x_desc, const void *x, const void *beta,
                                         const cudnnTensorDescriptor_t y_desc, void *y)
{
    return softmax(handle, 0, algorithm, mode, alpha, &(struct operand){x_desc, x}, &(struct operand){y_desc, y}, NULL,
                   beta);
}

EXPORT cudnnStatus_t cudnnSoftmaxBackward(cudnnHandle_t handle, cudnnSoftmaxAlgorithm_t algorithm,
                                          cudnnSoftmaxMode_t mode, const void *alpha,
                                          const cudnnTensorDescriptor_t y_desc, const void *y,
                                          const cudnnTensorDescriptor_t dy_desc, const void *dy, const void *beta,
                                          const cudnnTensorDescriptor_t dx_desc, void *dx)
{
    return softmax(handle, 1, algorithm, mode, alpha, &(struct operand){dx_desc, dx}, &(struct operand){y_desc, y},
                   &(struct operand){dy_desc, dy}, beta);
}

/* --- pooling ------------------------------------------------------------------------------- */

static cudnnStatus_t pool(cudnnHandle_t handle, const struct maf_cudnn_pooling *desc, const void *alpha,
                          const void *beta, const struct operand *x, const struct operand *y,
                          const struct operand *dx, const struct operand *dy)
{
    REQUIRE(handle != NULL && desc != NULL && alpha != NULL && beta != NULL && x->desc != NULL && y->desc != NULL &&
                x->data != NULL && y->data != NULL,
            CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(desc->count >= 1 && desc->count <= 3, CUDNN_STATUS_NOT_SUPPORTED_SHAPE);
    int dims[MAX_DIMS], rank = desc->count + 2;
    cudnnStatus_t status = cudnnGetPoolingNdForwardOutputDim((cudnnPoolingDescriptor_t)desc, x->desc, rank, dims);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    REQUIRE(y->desc->count == rank && !memcmp(dims, y->desc->dims, (size_t)rank * sizeof *dims) &&
                x->desc->type == y->desc->type,
            CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    struct maf_op_pooling op = {
        .direction = dx != NULL,
        .mode = desc->mode,
        .nan_propagation = desc->nan,
        .type = maf_cudnn_dtype(x->desc->type),
        .spatial = desc->count,
    };
    REQUIRE(op.type >= 0, CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE);
    widen(op.x_dims, x->desc->dims, rank);
    widen(op.x_strides, x->desc->strides, rank);
    widen(op.y_dims, y->desc->dims, rank);
    widen(op.y_strides, y->desc->strides, rank);
    widen(op.window, desc->window, desc->count);
    widen(op.pad, desc->pad, desc->count);
    widen(op.stride, desc->stride, desc->count);
    if (dx) {
        REQUIRE(dx->desc != NULL && dy->desc != NULL && dx->data != NULL && dy->data != NULL,
                CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
        REQUIRE(same_dims(dx->desc, x->desc) && same_dims(dy->desc, y->desc), CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
        REQUIRE(dx->desc->type == x->desc->type && dy->desc->type == x->desc->type, CUDNN_STATUS_BAD_PARAM);
        widen(op.dx_strides, dx->desc->strides, rank);
        widen(op.dy_strides, dy->desc->strides, rank);
    }
    struct maf_plan_info info;
    status = maf_cudnn_plan("pooling", MAF_OP_POOLING, &op, sizeof op, &info);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    const uint64_t forward[] = {(uint64_t)x->data, (uint64_t)y->data};
    const uint64_t backward[] = {(uint64_t)y->data, dy ? (uint64_t)dy->data : 0, (uint64_t)x->data,
                                 dx ? (uint64_t)dx->data : 0};
    double scalars[] = {maf_cudnn_scalar(x->desc->type, alpha, 1), maf_cudnn_scalar(x->desc->type, beta, 0)};
    return maf_cudnn_run(handle, info.plan, dx ? backward : forward, dx ? 4 : 2, scalars, 2);
}

EXPORT cudnnStatus_t cudnnPoolingForward(cudnnHandle_t handle, const cudnnPoolingDescriptor_t desc, const void *alpha,
                                         const cudnnTensorDescriptor_t x_desc, const void *x, const void *beta,
                                         const cudnnTensorDescriptor_t y_desc, void *y)
{
    return pool(handle, desc, alpha, beta, &(struct operand){x_desc, x}, &(struct operand){y_desc, y}, NULL, NULL);
}

EXPORT cudnnStatus_t cudnnPoolingBackward(cudnnHandle_t handle, const cudnnPoolingDescriptor_t desc, const void *alpha,
                                          const cudnnTensorDescriptor_t y_desc, const void *y,
                                          const cudnnTensorDescriptor_t dy_desc, const void *dy,
                                          const cudnnTensorDescriptor_t x_desc, const void *x, const void *beta,
                                          const cudnnTensorDescriptor_t dx_desc, void *dx)
{
    return pool(handle, desc, alpha, beta, &(struct operand){x_desc, x}, &(struct operand){y_desc, y},
                &(struct operand){dx_desc, dx}, &(struct operand){dy_desc, dy});
}
