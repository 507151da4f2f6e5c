/* Recurrent layers and the dropout descriptor that they use. */
#include <stdlib.h>
#include <string.h>

#include "front.h"

enum { STATES_BYTES = 64 /* seed and counter of the executor's generator */, PROJECTION_ID = 8 };

struct maf_cudnn_rnn {
    int set;
    cudnnRNNAlgo_t algo;
    cudnnRNNMode_t cell;
    cudnnRNNBiasMode_t bias;
    cudnnDirectionMode_t direction;
    cudnnRNNInputMode_t input_mode;
    cudnnDataType_t type;
    cudnnDataType_t precision;
    cudnnMathType_t math;
    int32_t input;
    int32_t hidden;
    int32_t projection; /* equal to hidden without projection */
    int32_t layers;
    cudnnDropoutDescriptor_t dropout_desc;
    uint32_t flags;
    float dropout; /* copied: the dropout descriptor may be destroyed first */
    void *states;
    cudnnRNNClipMode_t clip;
};

struct maf_cudnn_rnn_data {
    cudnnDataType_t type;
    cudnnRNNDataLayout_t layout;
    int time;
    int batch;
    int size;
    int *lengths;
    double fill;
};

/* --- dropout descriptor -------------------------------------------------------------------- */

EXPORT cudnnStatus_t cudnnDropoutGetStatesSize(cudnnHandle_t handle, size_t *bytes)
{
    REQUIRE(handle != NULL && bytes != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    *bytes = STATES_BYTES;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnRestoreDropoutDescriptor(cudnnDropoutDescriptor_t desc, cudnnHandle_t handle, float dropout,
                                                   void *states, size_t states_bytes, unsigned long long seed)
{
    REQUIRE(desc != NULL && handle != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(dropout >= 0 && dropout <= 1, CUDNN_STATUS_BAD_PARAM);
    REQUIRE(!states || states_bytes >= STATES_BYTES, CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT);
    *desc = (struct maf_cudnn_dropout){dropout, states, states_bytes, seed};
    return CUDNN_STATUS_SUCCESS;
}

/* Also starts the generator, unless there are no states (then dropout must be 0 when it is used). */
EXPORT cudnnStatus_t cudnnSetDropoutDescriptor(cudnnDropoutDescriptor_t desc, cudnnHandle_t handle, float dropout,
                                               void *states, size_t states_bytes, unsigned long long seed)
{
    cudnnStatus_t status = cudnnRestoreDropoutDescriptor(desc, handle, dropout, states, states_bytes, seed);
    if (status != CUDNN_STATUS_SUCCESS || !states)
        return status;
    const uint64_t start[STATES_BYTES / 8] = {seed, 0};
    int error = maf_stream_sync(handle->stream);
    if (!error)
        error = maf_write((uint64_t)states, start, sizeof start);
    return error ? maf_cudnn_fail(CUDNN_STATUS_EXECUTION_FAILED_CUDART, "CUDA error %d", error) : CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetDropoutDescriptor(cudnnDropoutDescriptor_t desc, cudnnHandle_t handle, float *dropout,
                                               void **states, unsigned long long *seed)
{
    REQUIRE(desc != NULL && handle != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    if (dropout)
        *dropout = desc->dropout;
    if (states)
        *states = desc->states;
    if (seed)
        *seed = desc->seed;
    return CUDNN_STATUS_SUCCESS;
}

/* --- descriptors --------------------------------------------------------------------------- */

EXPORT cudnnStatus_t cudnnCreateRNNDescriptor(cudnnRNNDescriptor_t *desc)
{
    REQUIRE_POINTER(desc);
    *desc = calloc(1, sizeof **desc);
    return *desc ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
}

EXPORT cudnnStatus_t cudnnDestroyRNNDescriptor(cudnnRNNDescriptor_t desc)
{
    free(desc);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnSetRNNDescriptor_v8(cudnnRNNDescriptor_t desc, cudnnRNNAlgo_t algo, cudnnRNNMode_t cell,
                                              cudnnRNNBiasMode_t bias, cudnnDirectionMode_t direction,
                                              cudnnRNNInputMode_t input_mode, cudnnDataType_t type,
                                              cudnnDataType_t precision, cudnnMathType_t math, int32_t input,
                                              int32_t hidden, int32_t projection, int32_t layers,
                                              cudnnDropoutDescriptor_t dropout, uint32_t flags)
{
    REQUIRE_POINTER(desc);
    REQUIRE((unsigned)algo <= CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H && (unsigned)cell <= CUDNN_GRU &&
                (unsigned)bias <= CUDNN_RNN_SINGLE_REC_BIAS && (unsigned)direction <= CUDNN_BIDIRECTIONAL &&
                (unsigned)input_mode <= CUDNN_SKIP_INPUT,
            CUDNN_STATUS_BAD_PARAM);
    REQUIRE(input > 0 && hidden > 0 && layers > 0, CUDNN_STATUS_BAD_PARAM);
    REQUIRE(projection >= 0 && projection <= hidden, CUDNN_STATUS_BAD_PARAM);
    if (!projection)
        projection = hidden;
    REQUIRE(projection == hidden || cell == CUDNN_LSTM, CUDNN_STATUS_NOT_SUPPORTED);
    REQUIRE(input_mode == CUDNN_LINEAR_INPUT || input == hidden, CUDNN_STATUS_BAD_PARAM);
    REQUIRE(maf_cudnn_dtype(type) >= 0, CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE);
    *desc = (struct maf_cudnn_rnn){
        .set = 1,
        .algo = algo,
        .cell = cell,
        .bias = bias,
        .direction = direction,
        .input_mode = input_mode,
        .type = type,
        .precision = precision,
        .math = math,
        .input = input,
        .hidden = hidden,
        .projection = projection,
        .layers = layers,
        .dropout_desc = dropout,
        .flags = flags,
        .dropout = dropout ? dropout->dropout : 0,
        .states = dropout ? dropout->states : NULL,
    };
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetRNNDescriptor_v8(cudnnRNNDescriptor_t desc, cudnnRNNAlgo_t *algo, cudnnRNNMode_t *cell,
                                              cudnnRNNBiasMode_t *bias, cudnnDirectionMode_t *direction,
                                              cudnnRNNInputMode_t *input_mode, cudnnDataType_t *type,
                                              cudnnDataType_t *precision, cudnnMathType_t *math, int32_t *input,
                                              int32_t *hidden, int32_t *projection, int32_t *layers,
                                              cudnnDropoutDescriptor_t *dropout, uint32_t *flags)
{
    REQUIRE_POINTER(desc);
    REQUIRE(desc->set, CUDNN_STATUS_BAD_PARAM);
#define GIVE(name, from)                                                                                               \
    if (name)                                                                                                          \
    *name = desc->from
    GIVE(algo, algo);
    GIVE(cell, cell);
    GIVE(bias, bias);
    GIVE(direction, direction);
    GIVE(input_mode, input_mode);
    GIVE(type, type);
    GIVE(precision, precision);
    GIVE(math, math);
    GIVE(input, input);
    GIVE(hidden, hidden);
    GIVE(projection, projection);
    GIVE(layers, layers);
    GIVE(dropout, dropout_desc);
    GIVE(flags, flags);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnRNNSetClip_v9(cudnnRNNDescriptor_t desc, cudnnRNNClipMode_t mode, double low, double high)
{
    REQUIRE_POINTER(desc);
    REQUIRE((unsigned)mode <= CUDNN_RNN_CLIP_MINMAX, CUDNN_STATUS_BAD_PARAM);
    REQUIRE(mode == CUDNN_RNN_CLIP_NONE || low <= high, CUDNN_STATUS_BAD_PARAM);
    if (mode != CUDNN_RNN_CLIP_NONE)
        return maf_cudnn_unsupported("cudnnRNNSetClip (LSTM cell clipping)");
    desc->clip = mode;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnRNNSetClip_v8(cudnnRNNDescriptor_t desc, cudnnRNNClipMode_t mode, cudnnNanPropagation_t nan,
                                        double low, double high)
{
    (void)nan;
    return cudnnRNNSetClip_v9(desc, mode, low, high);
}

/* Only CUDNN_RNN_CLIP_NONE can be set, so that there are no bounds. */
EXPORT cudnnStatus_t cudnnRNNGetClip_v9(cudnnRNNDescriptor_t desc, cudnnRNNClipMode_t *mode, double *low, double *high)
{
    REQUIRE(desc != NULL && mode != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    *mode = desc->clip;
    if (low)
        *low = 0;
    if (high)
        *high = 0;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnRNNGetClip_v8(cudnnRNNDescriptor_t desc, cudnnRNNClipMode_t *mode, cudnnNanPropagation_t *nan,
                                        double *low, double *high)
{
    if (nan)
        *nan = CUDNN_NOT_PROPAGATE_NAN;
    return cudnnRNNGetClip_v9(desc, mode, low, high);
}

/* Prepares a persistent kernel on a GPU; there is nothing to prepare here. */
EXPORT cudnnStatus_t cudnnBuildRNNDynamic(cudnnHandle_t handle, cudnnRNNDescriptor_t desc, int batch)
{
    REQUIRE(handle != NULL && desc != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(batch > 0, CUDNN_STATUS_BAD_PARAM);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnCreateRNNDataDescriptor(cudnnRNNDataDescriptor_t *desc)
{
    REQUIRE_POINTER(desc);
    *desc = calloc(1, sizeof **desc);
    return *desc ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
}

EXPORT cudnnStatus_t cudnnDestroyRNNDataDescriptor(cudnnRNNDataDescriptor_t desc)
{
    if (desc)
        free(desc->lengths);
    free(desc);
    return CUDNN_STATUS_SUCCESS;
}

static double fill_value(cudnnDataType_t type, const void *p)
{
    union {
        uint32_t bits;
        float value;
    } wide = {0};
    if (!p)
        return 0;
    switch (type) {
    case CUDNN_DATA_DOUBLE:
        return *(const double *)p;
    case CUDNN_DATA_HALF:
        return maf_cudnn_half(*(const uint16_t *)p);
    case CUDNN_DATA_BFLOAT16:
        wide.bits = (uint32_t) * (const uint16_t *)p << 16;
        return wide.value;
    default:
        return *(const float *)p;
    }
}

EXPORT cudnnStatus_t cudnnSetRNNDataDescriptor(cudnnRNNDataDescriptor_t desc, cudnnDataType_t type,
                                               cudnnRNNDataLayout_t layout, int time, int batch, int size,
                                               const int lengths[], void *padding_fill)
{
    REQUIRE(desc != NULL && lengths != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE((unsigned)layout <= CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED, CUDNN_STATUS_BAD_PARAM);
    REQUIRE(time > 0 && batch > 0 && size > 0, CUDNN_STATUS_BAD_PARAM);
    REQUIRE(maf_cudnn_dtype(type) >= 0, CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE);
    for (int i = 0; i < batch; i++) {
        REQUIRE(lengths[i] >= 0 && lengths[i] <= time, CUDNN_STATUS_BAD_PARAM_OUT_OF_BOUND);
        REQUIRE(layout != CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED || !i || lengths[i] <= lengths[i - 1],
                CUDNN_STATUS_BAD_PARAM);
    }
    int *copy = malloc((size_t)batch * sizeof *copy);
    REQUIRE(copy != NULL, CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED);
    memcpy(copy, lengths, (size_t)batch * sizeof *copy);
    free(desc->lengths);
    *desc = (struct maf_cudnn_rnn_data){type, layout, time, batch, size, copy, fill_value(type, padding_fill)};
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetRNNDataDescriptor(cudnnRNNDataDescriptor_t desc, cudnnDataType_t *type,
                                               cudnnRNNDataLayout_t *layout, int *time, int *batch, int *size,
                                               int requested, int lengths[], void *padding_fill)
{
    REQUIRE_POINTER(desc);
    GIVE(type, type);
    GIVE(layout, layout);
    GIVE(time, time);
    GIVE(batch, batch);
    GIVE(size, size);
    for (int i = 0; lengths && i < requested && i < desc->batch; i++)
        lengths[i] = desc->lengths[i];
    if (padding_fill && desc->type == CUDNN_DATA_DOUBLE)
        *(double *)padding_fill = desc->fill;
    else if (padding_fill && desc->type == CUDNN_DATA_FLOAT)
        *(float *)padding_fill = (float)desc->fill;
    return CUDNN_STATUS_SUCCESS;
}

/* --- weight space -------------------------------------------------------------------------- */

static int gates_of(const struct maf_cudnn_rnn *d)
{
    static const int gates[] = {[CUDNN_RNN_RELU] = 1, [CUDNN_RNN_TANH] = 1, [CUDNN_LSTM] = 4, [CUDNN_GRU] = 3};
    return gates[d->cell];
}

static int ways_of(const struct maf_cudnn_rnn *d)
{
    return d->direction == CUDNN_BIDIRECTIONAL ? 2 : 1;
}

/* A pseudo-layer's parameters: elements before them and their shapes; the order is that of struct maf_op_rnn. */
struct places {
    int64_t input, recurrent, projection, input_bias, recurrent_bias; /* -1: not there */
    int64_t input_columns;
    int64_t total;
};

static struct places find(const struct maf_cudnn_rnn *d, int wanted)
{
    struct places at = {-1, -1, -1, -1, -1, 0, 0};
    int64_t rows = (int64_t)gates_of(d) * d->hidden, lanes = (int64_t)d->layers * ways_of(d), offset = 0;
    for (int lane = 0; lane < lanes; lane++) {
        int first = lane < ways_of(d);
        int64_t columns = first ? d->input : (int64_t)d->projection * ways_of(d);
        int matrix = !first || d->input_mode == CUDNN_LINEAR_INPUT;
        if (lane == wanted) {
            at.input_columns = columns;
            at.input = matrix ? offset : -1;
        }
        offset += matrix ? rows * columns : 0;
        if (lane == wanted)
            at.recurrent = offset;
        offset += rows * d->projection;
        if (d->projection != d->hidden) {
            if (lane == wanted)
                at.projection = offset;
            offset += (int64_t)d->projection * d->hidden;
        }
    }
    for (int lane = 0; lane < lanes; lane++) {
        if (d->bias == CUDNN_RNN_SINGLE_INP_BIAS || d->bias == CUDNN_RNN_DOUBLE_BIAS) {
            if (lane == wanted)
                at.input_bias = offset;
            offset += rows;
        }
        if (d->bias == CUDNN_RNN_SINGLE_REC_BIAS || d->bias == CUDNN_RNN_DOUBLE_BIAS) {
            if (lane == wanted)
                at.recurrent_bias = offset;
            offset += rows;
        }
    }
    at.total = offset;
    return at;
}

EXPORT cudnnStatus_t cudnnGetRNNWeightSpaceSize(cudnnHandle_t handle, cudnnRNNDescriptor_t desc, size_t *bytes)
{
    REQUIRE(handle != NULL && desc != NULL && bytes != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(desc->set, CUDNN_STATUS_BAD_PARAM);
    *bytes = (size_t)find(desc, -1).total * maf_cudnn_type_bytes(desc->type);
    return CUDNN_STATUS_SUCCESS;
}

/* Three-dimensional, 1 x rows x columns; a parameter that is not there has no address and no dimensions. */
static void give_parameter(const struct maf_cudnn_rnn *d, const void *weights, int64_t offset, int64_t rows,
                           int64_t columns, cudnnTensorDescriptor_t desc, void **address)
{
    int there = offset >= 0;
    if (desc) {
        *desc = (struct maf_cudnn_tensor){.type = d->type, .count = 3};
        for (int i = 0; i < 3 && there; i++) {
            desc->dims[i] = (int)(i == 0 ? 1 : i == 1 ? rows : columns);
            desc->strides[i] = (int)(i == 0 ? rows * columns : i == 1 ? columns : 1);
        }
    }
    if (address)
        *address = there ? (char *)weights + (size_t)offset * maf_cudnn_type_bytes(d->type) : NULL;
}

EXPORT cudnnStatus_t cudnnGetRNNWeightParams(cudnnHandle_t handle, cudnnRNNDescriptor_t desc, int32_t pseudo_layer,
                                             size_t weight_bytes, const void *weights, int32_t id,
                                             cudnnTensorDescriptor_t matrix, void **matrix_address,
                                             cudnnTensorDescriptor_t bias, void **bias_address)
{
    REQUIRE(handle != NULL && desc != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(desc->set && pseudo_layer >= 0 && pseudo_layer < desc->layers * ways_of(desc), CUDNN_STATUS_BAD_PARAM);
    int gates = gates_of(desc);
    int projection = id == PROJECTION_ID && desc->projection != desc->hidden;
    REQUIRE((id >= 0 && id < 2 * gates) || projection, CUDNN_STATUS_BAD_PARAM);
    struct places at = find(desc, pseudo_layer);
    REQUIRE(weight_bytes >= (size_t)at.total * maf_cudnn_type_bytes(desc->type),
            CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT);
    if (projection) {
        give_parameter(desc, weights, at.projection, desc->projection, desc->hidden, matrix, matrix_address);
        give_parameter(desc, weights, -1, 0, 0, bias, bias_address);
        return CUDNN_STATUS_SUCCESS;
    }
    int recurrent = id >= gates, gate = id % gates;
    int64_t columns = recurrent ? desc->projection : at.input_columns;
    int64_t base = recurrent ? at.recurrent : at.input, bias_base = recurrent ? at.recurrent_bias : at.input_bias;
    give_parameter(desc, weights, base < 0 ? -1 : base + gate * desc->hidden * columns, desc->hidden, columns, matrix,
                   matrix_address);
    give_parameter(desc, weights, bias_base < 0 ? -1 : bias_base + (int64_t)gate * desc->hidden, desc->hidden, 1, bias,
                   bias_address);
    return CUDNN_STATUS_SUCCESS;
}

/* --- execution ----------------------------------------------------------------------------- */

enum { INFERENCE, TRAINING, BACKWARD_DATA, BACKWARD_WEIGHTS };
/* Pointers of MAF_OP_RNN. */
enum { X, Y, HX, HY, CX, CY, W, RESERVE, STATES, DX, DY, DHX, DHY, DCX, DCY, DW, POINTERS };

static cudnnStatus_t plan(const struct maf_cudnn_rnn *d, int direction, const struct maf_cudnn_rnn_data *x,
                          struct maf_plan_info *info)
{
    REQUIRE(d->set && x->lengths, CUDNN_STATUS_BAD_PARAM);
    REQUIRE(x->size == d->input && x->type == d->type, CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    struct maf_op_rnn op = {
        .direction = direction,
        .cell = d->cell,
        .bias = d->bias,
        .bidirectional = d->direction == CUDNN_BIDIRECTIONAL,
        .type = maf_cudnn_dtype(d->type),
        .layout = x->layout,
        .layers = d->layers,
        .input = d->input,
        .hidden = d->hidden,
        .projection = d->projection,
        .time = x->time,
        .batch = x->batch,
        .skip_input = d->input_mode == CUDNN_SKIP_INPUT,
        .dropout = d->dropout > 0 && d->layers > 1,
    };
    return maf_cudnn_plan("recurrent layers", MAF_OP_RNN, &op, sizeof op, info);
}

static cudnnStatus_t check_state(const struct maf_cudnn_rnn *d, const struct maf_cudnn_rnn_data *x,
                                 const cudnnTensorDescriptor_t desc, int size, int used)
{
    if (!used)
        return CUDNN_STATUS_SUCCESS;
    REQUIRE_POINTER(desc);
    int dims[] = {d->layers * ways_of(d), x->batch, size}, strides[3];
    maf_cudnn_packed_strides(3, dims, CUDNN_TENSOR_NCHW, strides);
    REQUIRE(desc->count >= 3 && !memcmp(desc->dims, dims, sizeof dims) && desc->type == d->type,
            CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    for (int i = 3; i < desc->count; i++) /* callers pad to their usual rank */
        REQUIRE(desc->dims[i] == 1, CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    for (int i = 0; i < 3; i++)
        REQUIRE(dims[i] == 1 || desc->strides[i] == strides[i], CUDNN_STATUS_NOT_SUPPORTED_LAYOUT);
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t check_output(const struct maf_cudnn_rnn *d, const struct maf_cudnn_rnn_data *x,
                                  const struct maf_cudnn_rnn_data *y)
{
    REQUIRE(y->lengths && y->size == d->projection * ways_of(d) && y->time == x->time && y->batch == x->batch &&
                y->layout == x->layout && y->type == x->type,
            CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    REQUIRE(!memcmp(x->lengths, y->lengths, (size_t)x->batch * sizeof *x->lengths), CUDNN_STATUS_BAD_PARAM);
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t run(cudnnHandle_t handle, const struct maf_cudnn_rnn *d, const struct maf_cudnn_rnn_data *x,
                         double fill, int direction, int clear, size_t weight_bytes, size_t reserve_bytes,
                         uint64_t ptrs[POINTERS])
{
    struct maf_plan_info info;
    cudnnStatus_t status = plan(d, direction, x, &info);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    REQUIRE(weight_bytes >= (size_t)find(d, -1).total * maf_cudnn_type_bytes(d->type),
            CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT);
    REQUIRE(direction == INFERENCE || (ptrs[RESERVE] && reserve_bytes >= info.reserve_bytes),
            CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT);
    ptrs[STATES] = (uint64_t)d->states;
    REQUIRE(direction != TRAINING || d->dropout == 0 || d->layers == 1 || ptrs[STATES], CUDNN_STATUS_BAD_PARAM);
    struct {
        double fill;
        double dropout;
        int64_t clear;
    } head = {fill, d->dropout, clear};
    size_t bytes = sizeof head + (size_t)x->batch * sizeof *x->lengths;
    char *scalars = malloc(bytes);
    REQUIRE(scalars != NULL, CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED);
    memcpy(scalars, &head, sizeof head);
    memcpy(scalars + sizeof head, x->lengths, bytes - sizeof head);
    int error = maf_op(handle->stream, info.plan, ptrs, POINTERS, scalars, (uint32_t)bytes);
    free(scalars);
    return error ? maf_cudnn_fail(CUDNN_STATUS_EXECUTION_FAILED_CUDART, "CUDA error %d", error) : CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetRNNTempSpaceSizes(cudnnHandle_t handle, cudnnRNNDescriptor_t desc, cudnnForwardMode_t mode,
                                               cudnnRNNDataDescriptor_t x, size_t *workspace_bytes,
                                               size_t *reserve_bytes)
{
    REQUIRE(handle != NULL && desc != NULL && x != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    struct maf_plan_info info;
    cudnnStatus_t status = plan(desc, TRAINING, x, &info);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    if (workspace_bytes)
        *workspace_bytes = (size_t)info.workspace_bytes;
    if (reserve_bytes)
        *reserve_bytes = mode == CUDNN_FWD_MODE_TRAINING ? (size_t)info.reserve_bytes : 0;
    return CUDNN_STATUS_SUCCESS;
}

#define CHECKED(call)                                                                                                  \
    do {                                                                                                               \
        cudnnStatus_t checked_status = call;                                                                           \
        if (checked_status != CUDNN_STATUS_SUCCESS)                                                                    \
            return checked_status;                                                                                     \
    } while (0)

EXPORT cudnnStatus_t cudnnRNNForward(cudnnHandle_t handle, cudnnRNNDescriptor_t desc, cudnnForwardMode_t mode,
                                     const int32_t device_lengths[], cudnnRNNDataDescriptor_t x_desc, const void *x,
                                     cudnnRNNDataDescriptor_t y_desc, void *y, cudnnTensorDescriptor_t h_desc,
                                     const void *hx, void *hy, cudnnTensorDescriptor_t c_desc, const void *cx, void *cy,
                                     size_t weight_bytes, const void *weights, size_t workspace_bytes, void *workspace,
                                     size_t reserve_bytes, void *reserve)
{
    (void)device_lengths; /* the same as in x_desc, by contract */
    (void)workspace_bytes;
    (void)workspace;
    REQUIRE(handle != NULL && desc != NULL && x_desc != NULL && y_desc != NULL && x != NULL && y != NULL &&
                weights != NULL,
            CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    int lstm = desc->cell == CUDNN_LSTM;
    CHECKED(check_output(desc, x_desc, y_desc));
    CHECKED(check_state(desc, x_desc, h_desc, desc->projection, hx || hy));
    CHECKED(check_state(desc, x_desc, c_desc, desc->hidden, lstm && (cx || cy)));
    uint64_t ptrs[POINTERS] = {
        [X] = (uint64_t)x,
        [Y] = (uint64_t)y,
        [HX] = (uint64_t)hx,
        [HY] = (uint64_t)hy,
        [CX] = lstm ? (uint64_t)cx : 0,
        [CY] = lstm ? (uint64_t)cy : 0,
        [W] = (uint64_t)weights,
        [RESERVE] = (uint64_t)reserve,
    };
    int direction = mode == CUDNN_FWD_MODE_TRAINING ? TRAINING : INFERENCE;
    return run(handle, desc, x_desc, y_desc->fill, direction, 0, weight_bytes, reserve_bytes, ptrs);
}

EXPORT cudnnStatus_t cudnnRNNBackwardData_v8(cudnnHandle_t handle, cudnnRNNDescriptor_t desc,
                                             const int32_t device_lengths[], cudnnRNNDataDescriptor_t y_desc,
                                             const void *y, const void *dy, cudnnRNNDataDescriptor_t x_desc, void *dx,
                                             cudnnTensorDescriptor_t h_desc, const void *hx, const void *dhy, void *dhx,
                                             cudnnTensorDescriptor_t c_desc, const void *cx, const void *dcy, void *dcx,
                                             size_t weight_bytes, const void *weights, size_t workspace_bytes,
                                             void *workspace, size_t reserve_bytes, void *reserve)
{
    (void)device_lengths;
    (void)y; /* the reserve holds it */
    (void)workspace_bytes;
    (void)workspace;
    REQUIRE(handle != NULL && desc != NULL && x_desc != NULL && y_desc != NULL && dx != NULL && dy != NULL &&
                weights != NULL,
            CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    int lstm = desc->cell == CUDNN_LSTM;
    CHECKED(check_output(desc, x_desc, y_desc));
    CHECKED(check_state(desc, x_desc, h_desc, desc->projection, hx || dhy || dhx));
    CHECKED(check_state(desc, x_desc, c_desc, desc->hidden, lstm && (cx || dcy || dcx)));
    uint64_t ptrs[POINTERS] = {
        [HX] = (uint64_t)hx,
        [CX] = lstm ? (uint64_t)cx : 0,
        [W] = (uint64_t)weights,
        [RESERVE] = (uint64_t)reserve,
        [DX] = (uint64_t)dx,
        [DY] = (uint64_t)dy,
        [DHX] = (uint64_t)dhx,
        [DHY] = (uint64_t)dhy,
        [DCX] = lstm ? (uint64_t)dcx : 0,
        [DCY] = lstm ? (uint64_t)dcy : 0,
    };
    return run(handle, desc, x_desc, 0, BACKWARD_DATA, 0, weight_bytes, reserve_bytes, ptrs);
}

EXPORT cudnnStatus_t cudnnRNNBackwardWeights_v8(cudnnHandle_t handle, cudnnRNNDescriptor_t desc, cudnnWgradMode_t mode,
                                                const int32_t device_lengths[], cudnnRNNDataDescriptor_t x_desc,
                                                const void *x, cudnnTensorDescriptor_t h_desc, const void *hx,
                                                cudnnRNNDataDescriptor_t y_desc, const void *y, size_t weight_bytes,
                                                void *dweights, size_t workspace_bytes, void *workspace,
                                                size_t reserve_bytes, void *reserve)
{
    (void)device_lengths;
    (void)y;
    (void)workspace_bytes;
    (void)workspace;
    REQUIRE(handle != NULL && desc != NULL && x_desc != NULL && y_desc != NULL && x != NULL && dweights != NULL,
            CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE((unsigned)mode <= CUDNN_WGRAD_MODE_SET, CUDNN_STATUS_BAD_PARAM);
    CHECKED(check_output(desc, x_desc, y_desc));
    CHECKED(check_state(desc, x_desc, h_desc, desc->projection, hx != NULL));
    uint64_t ptrs[POINTERS] = {
        [X] = (uint64_t)x,
        [HX] = (uint64_t)hx,
        [RESERVE] = (uint64_t)reserve,
        [DW] = (uint64_t)dweights,
    };
    return run(handle, desc, x_desc, 0, BACKWARD_WEIGHTS, mode == CUDNN_WGRAD_MODE_SET, weight_bytes, reserve_bytes,
               ptrs);
}
