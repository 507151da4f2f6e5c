/* Convolution graphs that are one convolution op: any direction, forward also with z and bias added and a ReLU after
 * it. Their plans replay without Python. */
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"

/* What an operation graph computes, as one op and the unique ids of its tensors. */
struct conv_graph {
    struct maf_op_conv op;
    int64_t x;
    int64_t w;
    int64_t y;
    int64_t z; /* with has_z */
    int64_t bias; /* with has_bias */
    int has_z;
    int has_bias;
    double alpha;
    double beta;
};

struct names { /* attribute names of the three convolution operations */
    int type;
    int x;
    int w;
    int y;
    int convolution;
    int alpha;
    int beta;
};

static const struct names directions[] = {
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA},
};

static const int64_t *ints(const struct body *body, int name, int64_t *count)
{
    const struct attribute *attribute = attribute_find(body, name);
    *count = attribute->count;
    return attribute_data(attribute);
}

/* Copies a tensor's shape into an op's fields; its rank must be `rank`. */
static cudnnStatus_t read_tensor(const struct body *tensor, int64_t rank, int64_t *type, int64_t *dims,
                                 int64_t *strides, int64_t *id)
{
    REQUIRE(tensor->type == CUDNN_BACKEND_TENSOR_DESCRIPTOR, CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE);
    int64_t count;
    const int64_t *from = ints(tensor, CUDNN_ATTR_TENSOR_DIMENSIONS, &count);
    REQUIRE(count == rank, CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    memcpy(dims, from, (size_t)count * sizeof *dims);
    memcpy(strides, ints(tensor, CUDNN_ATTR_TENSOR_STRIDES, &count), (size_t)count * sizeof *strides);
    *type = maf_cudnn_dtype((cudnnDataType_t)attribute_int(tensor, CUDNN_ATTR_TENSOR_DATA_TYPE, -1));
    *id = attribute_int(tensor, CUDNN_ATTR_TENSOR_UNIQUE_ID, 0);
    REQUIRE(*type >= 0, CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE);
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t read_convolution(const struct body *operation, const struct names *names, struct conv_graph *graph)
{
    struct maf_op_conv *op = &graph->op;
    const struct body *convolution = attribute_body(operation, names->convolution);
    REQUIRE(convolution->type == CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE);
    op->direction = names - directions;
    op->spatial = attribute_int(convolution, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 0);
    REQUIRE(op->spatial <= 3, CUDNN_STATUS_NOT_SUPPORTED_SHAPE);
    op->mode = attribute_int(convolution, CUDNN_ATTR_CONVOLUTION_CONV_MODE, 0);
    op->type_compute = maf_cudnn_dtype((cudnnDataType_t)attribute_int(convolution, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, 0));
    REQUIRE(op->type_compute >= 0, CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE);
    int64_t count;
    size_t bytes = (size_t)op->spatial * sizeof(int64_t);
    memcpy(op->pad_before, ints(convolution, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, &count), bytes);
    memcpy(op->pad_after, ints(convolution, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, &count), bytes);
    memcpy(op->stride, ints(convolution, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, &count), bytes);
    memcpy(op->dilation, ints(convolution, CUDNN_ATTR_CONVOLUTION_DILATIONS, &count), bytes);

    struct {
        int name;
        int64_t *type, *dims, *strides, *id;
    } tensors[] = {
        {names->x, &op->type_x, op->x_dims, op->x_strides, &graph->x},
        {names->w, &op->type_w, op->w_dims, op->w_strides, &graph->w},
        {names->y, &op->type_y, op->y_dims, op->y_strides, &graph->y},
    };
    for (int i = 0; i < 3; i++) {
        cudnnStatus_t status = read_tensor(attribute_body(operation, tensors[i].name), op->spatial + 2, tensors[i].type,
                                           tensors[i].dims, tensors[i].strides, tensors[i].id);
        if (status != CUDNN_STATUS_SUCCESS)
            return status;
    }
    graph->alpha = attribute_real(operation, names->alpha, 1);
    graph->beta = attribute_real(operation, names->beta, 0);
    return CUDNN_STATUS_SUCCESS;
}

static const struct names *find_names(int descriptor)
{
    for (int d = 0; d < 3; d++)
        if (descriptor == directions[d].type)
            return &directions[d];
    return NULL;
}

int is_convolution(int descriptor)
{
    return find_names(descriptor) != NULL;
}

cudnnStatus_t convolution_check(const struct body *operation)
{
    const struct names *names = find_names(operation->type);
    struct conv_graph scratch = {0};
    cudnnStatus_t status = read_convolution(operation, names, &scratch);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    const struct maf_op_conv *op = &scratch.op;
    REQUIRE(op->x_dims[0] == op->y_dims[0] && op->y_dims[1] == op->w_dims[0], CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    REQUIRE(op->x_dims[1] % op->w_dims[1] == 0, CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    REQUIRE(op->w_dims[0] % (op->x_dims[1] / op->w_dims[1]) == 0, CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    for (int i = 0; i < op->spatial; i++) {
        int64_t span = (op->w_dims[i + 2] - 1) * op->dilation[i] + 1;
        int64_t room = op->x_dims[i + 2] + op->pad_before[i] + op->pad_after[i] - span;
        REQUIRE(room >= 0 && room / op->stride[i] + 1 == op->y_dims[i + 2], CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    }
    return CUDNN_STATUS_SUCCESS;
}

static int plain_tensor(const struct body *tensor, int64_t rank)
{
    int64_t count;
    ints(tensor, CUDNN_ATTR_TENSOR_DIMENSIONS, &count);
    return count == rank && !attribute_int(tensor, CUDNN_ATTR_TENSOR_IS_BY_VALUE, 0) &&
           !attribute_find(tensor, CUDNN_ATTR_TENSOR_RAGGED_OFFSET_DESC);
}

/* Adds a pointwise operation whose input is the graph's result so far; 0 where the op has no place for it. */
static int fuse(const struct body *operation, struct conv_graph *graph)
{
    const struct body *pointwise = attribute_body(operation, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR);
    const struct body *x = attribute_body(operation, CUDNN_ATTR_OPERATION_POINTWISE_XDESC);
    const struct body *b = attribute_body(operation, CUDNN_ATTR_OPERATION_POINTWISE_BDESC);
    const struct body *y = attribute_body(operation, CUDNN_ATTR_OPERATION_POINTWISE_YDESC);
    struct maf_op_conv *op = &graph->op;
    if (!pointwise || !x || !y || op->direction != 0 || op->activation != CUDNN_ACTIVATION_IDENTITY ||
        attribute_int(x, CUDNN_ATTR_TENSOR_UNIQUE_ID, 0) != graph->y ||
        attribute_real(operation, CUDNN_ATTR_OPERATION_POINTWISE_ALPHA1, 1) != 1)
        return 0;

    enum { ADD = 0, RELU = 100 };
    int64_t mode = attribute_int(pointwise, CUDNN_ATTR_POINTWISE_MODE, -1);
    int64_t rank = op->spatial + 2, type, dims[MAX_DIMS], strides[MAX_DIMS], id, y_type, y_id;
    if (mode == ADD && b) {
        double alpha2 = attribute_real(operation, CUDNN_ATTR_OPERATION_POINTWISE_ALPHA2, 1);
        if (!plain_tensor(b, rank) || read_tensor(b, rank, &type, dims, strides, &id) != CUDNN_STATUS_SUCCESS)
            return 0;
        int64_t elements = 1;
        for (int i = 0; i < rank; i++)
            elements *= dims[i];
        if (!graph->has_bias && elements == dims[1] && dims[1] == op->y_dims[1] && alpha2 == 1) {
            graph->has_bias = 1;
            graph->bias = id;
        } else if (!graph->has_z && !memcmp(dims, op->y_dims, (size_t)rank * sizeof *dims)) {
            graph->has_z = 1;
            graph->z = id;
            graph->beta = alpha2;
            memcpy(op->z_strides, strides, (size_t)rank * sizeof *strides);
        } else {
            return 0;
        }
    } else if (mode == RELU && attribute_real(pointwise, CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP, 0) == 0 &&
               attribute_real(pointwise, CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP_SLOPE, 0) == 0 &&
               attribute_real(pointwise, CUDNN_ATTR_POINTWISE_RELU_UPPER_CLIP, DBL_MAX) >= FLT_MAX) {
        op->activation = CUDNN_ACTIVATION_RELU;
        type = -1;
    } else {
        return 0;
    }
    if (!plain_tensor(y, rank) || read_tensor(y, rank, &y_type, dims, op->y_strides, &y_id) != CUDNN_STATUS_SUCCESS ||
        memcmp(dims, op->y_dims, (size_t)rank * sizeof *dims))
        return 0;
    graph->y = y_id;
    op->type_y = y_type;
    op->fused = 1;
    /* z and bias have the type of the input tensor in the op. */
    return type < 0 || type == op->type_x;
}

struct program *convolution_program(const struct body *body)
{
    const struct attribute *attribute = attribute_find(body, CUDNN_ATTR_OPERATIONGRAPH_OPS);
    struct body *const *operations = attribute_data(attribute);
    const struct names *names = find_names(operations[0]->type);
    struct conv_graph graph = {0};
    if (!names || read_convolution(operations[0], names, &graph) != CUDNN_STATUS_SUCCESS)
        return NULL;
    struct maf_op_conv *op = &graph.op;
    const struct body *result = attribute_body(operations[0], names->y);
    int fused = attribute->count > 1;
    if (fused && (graph.beta != 0 || !attribute_int(result, CUDNN_ATTR_TENSOR_IS_VIRTUAL, 0)))
        return NULL;
    op->activation = fused ? CUDNN_ACTIVATION_IDENTITY : 0;
    for (int64_t i = 1; i < attribute->count; i++)
        if (operations[i]->type != CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR || !fuse(operations[i], &graph) ||
            attribute_int(attribute_body(operations[i], CUDNN_ATTR_OPERATION_POINTWISE_YDESC),
                          CUDNN_ATTR_TENSOR_IS_VIRTUAL, 0) != (i + 1 < attribute->count))
            return NULL;
    struct slot slots[] = {
        {graph.x, 0, SLOT_TENSOR, 0},
        {graph.y, 0, SLOT_TENSOR, 0},
        {graph.w, 0, SLOT_TENSOR, 0},
        {0, 0, SLOT_WORKSPACE, 0},
        {graph.z, 0, graph.has_z ? SLOT_TENSOR : SLOT_NONE, 0},
        {graph.bias, 0, graph.has_bias ? SLOT_TENSOR : SLOT_NONE, 0},
        {0, graph.alpha, SLOT_CONSTANT, 0},
        {0, graph.beta, SLOT_CONSTANT, 0},
        {0, 0, SLOT_CONSTANT, 0},
    };
    return program_new(MAF_OP_CONV, op, sizeof *op, slots, sizeof slots / sizeof *slots);
}
