/* What finalized backend descriptors mean. One graph pattern is known: a convolution in any direction, forward also
 * with z and bias added and a ReLU after it. */
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"

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

static cudnnStatus_t check_tensor(const struct body *tensor)
{
    int64_t rank, stride_count;
    const int64_t *dims = ints(tensor, CUDNN_ATTR_TENSOR_DIMENSIONS, &rank);
    ints(tensor, CUDNN_ATTR_TENSOR_STRIDES, &stride_count);
    REQUIRE(rank >= 1 && stride_count == rank, CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    for (int64_t i = 0; i < rank; i++)
        REQUIRE(dims[i] > 0, CUDNN_STATUS_BAD_PARAM_OUT_OF_BOUND);
    REQUIRE(attribute_int(tensor, CUDNN_ATTR_TENSOR_VECTOR_COUNT, 1) == 1, CUDNN_STATUS_NOT_SUPPORTED_LAYOUT);
    REQUIRE(attribute_int(tensor, CUDNN_ATTR_TENSOR_REORDERING_MODE, 0) == 0, CUDNN_STATUS_NOT_SUPPORTED_LAYOUT);
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t check_convolution(const struct body *convolution)
{
    static const int names[] = {CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES,
                                CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS};
    int64_t spatial = attribute_int(convolution, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 0);
    REQUIRE(spatial >= 1 && spatial <= MAX_SPATIAL, CUDNN_STATUS_BAD_PARAM_OUT_OF_BOUND);
    for (int n = 0; n < 4; n++) {
        int64_t count, least = n < 2 ? 1 : 0;
        const int64_t *values = ints(convolution, names[n], &count);
        REQUIRE(count == spatial, CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
        for (int64_t i = 0; i < count; i++)
            REQUIRE(values[i] >= least, CUDNN_STATUS_BAD_PARAM_OUT_OF_BOUND);
    }
    return CUDNN_STATUS_SUCCESS;
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

static cudnnStatus_t check_operation(const struct body *operation, const struct names *names)
{
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

static cudnnStatus_t refuse(const char *what)
{
    maf_unsupported("cudnn", what);
    return maf_cudnn_fail(CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN, "graph pattern is not supported: %s", what);
}

/* Adds a pointwise operation whose input is the graph's result so far. */
static cudnnStatus_t fuse(const struct body *operation, struct conv_graph *graph)
{
    static const char what[] = "backend graph: convolution with this pointwise operation";
    const struct body *pointwise = attribute_body(operation, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR);
    const struct body *x = attribute_body(operation, CUDNN_ATTR_OPERATION_POINTWISE_XDESC);
    const struct body *b = attribute_body(operation, CUDNN_ATTR_OPERATION_POINTWISE_BDESC);
    const struct body *y = attribute_body(operation, CUDNN_ATTR_OPERATION_POINTWISE_YDESC);
    struct maf_op_conv *op = &graph->op;
    if (!pointwise || !x || !y || op->direction != 0 || op->activation != CUDNN_ACTIVATION_IDENTITY ||
        attribute_int(x, CUDNN_ATTR_TENSOR_UNIQUE_ID, 0) != graph->y ||
        attribute_real(operation, CUDNN_ATTR_OPERATION_POINTWISE_ALPHA1, 1) != 1)
        return refuse(what);

    enum { ADD = 0, RELU = 100 };
    int64_t mode = attribute_int(pointwise, CUDNN_ATTR_POINTWISE_MODE, -1);
    int64_t rank = op->spatial + 2, type, dims[MAX_DIMS], strides[MAX_DIMS], id, y_type, y_id;
    if (mode == ADD && b) {
        double alpha2 = attribute_real(operation, CUDNN_ATTR_OPERATION_POINTWISE_ALPHA2, 1);
        cudnnStatus_t status = read_tensor(b, rank, &type, dims, strides, &id);
        if (status != CUDNN_STATUS_SUCCESS)
            return status;
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
            return refuse(what);
        }
    } else if (mode == RELU && attribute_real(pointwise, CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP, 0) == 0 &&
               attribute_real(pointwise, CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP_SLOPE, 0) == 0 &&
               attribute_real(pointwise, CUDNN_ATTR_POINTWISE_RELU_UPPER_CLIP, DBL_MAX) >= FLT_MAX) {
        op->activation = CUDNN_ACTIVATION_RELU;
        type = -1;
    } else {
        return refuse(what);
    }
    cudnnStatus_t status = read_tensor(y, rank, &y_type, dims, op->y_strides, &y_id);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    REQUIRE(!memcmp(dims, op->y_dims, (size_t)rank * sizeof *dims), CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    graph->y = y_id;
    op->type_y = y_type;
    op->fused = 1;
    /* z and bias have the type of the input tensor in the op. */
    return type >= 0 && type != op->type_x ? refuse(what) : CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t finalize_graph(struct body *body)
{
    const struct attribute *attribute = attribute_find(body, CUDNN_ATTR_OPERATIONGRAPH_OPS);
    struct body *const *operations = attribute_data(attribute);
    REQUIRE(attribute->count >= 1, CUDNN_STATUS_BAD_PARAM);
    const struct names *names = NULL;
    for (int d = 0; d < 3; d++)
        if (operations[0]->type == directions[d].type)
            names = &directions[d];
    if (!names)
        return refuse("backend graph that does not start with a convolution");
    struct conv_graph *graph = calloc(1, sizeof *graph);
    REQUIRE(graph != NULL, CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED);
    body->payload = graph;
    cudnnStatus_t status = read_convolution(operations[0], names, graph);
    graph->op.activation = attribute->count > 1 ? CUDNN_ACTIVATION_IDENTITY : 0;
    if (status == CUDNN_STATUS_SUCCESS && attribute->count > 1 && graph->beta != 0)
        return refuse("backend graph: fused convolution with beta");
    for (int64_t i = 1; i < attribute->count && status == CUDNN_STATUS_SUCCESS; i++)
        status = operations[i]->type == CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR
                     ? fuse(operations[i], graph)
                     : refuse("backend graph: convolution followed by another operation than pointwise");
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    int64_t engines = 1;
    return attribute_set(body, CUDNN_ATTR_OPERATIONGRAPH_ENGINE_GLOBAL_COUNT, CUDNN_TYPE_INT64, 1, &engines);
}

static struct body *make_config(struct body *graph)
{
    struct body *engine = body_new(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    struct body *config = body_new(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    int64_t index = 0;
    if (engine && config) {
        body_retain(graph);
        attribute_set(engine, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &graph);
        attribute_set(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &index);
        attribute_set(config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &engine);
        engine->finalized = config->finalized = 1;
        return config;
    }
    body_release(engine);
    body_release(config);
    return NULL;
}

static cudnnStatus_t finalize_heuristic(struct body *body)
{
    int64_t mode = attribute_int(body, CUDNN_ATTR_ENGINEHEUR_MODE, 0);
    REQUIRE(mode >= CUDNN_HEUR_MODE_INSTANT && mode <= CUDNN_HEUR_MODE_A, CUDNN_STATUS_BAD_PARAM);
    const struct body *graph = attribute_body(body, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
    REQUIRE(graph->type == CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE);
    struct body *config = make_config((struct body *)graph);
    REQUIRE(config != NULL, CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED);
    return attribute_set(body, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &config);
}

static cudnnStatus_t finalize_plan(struct body *body)
{
    const struct body *config = attribute_body(body, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
    REQUIRE(config->type == CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE);
    const struct body *engine = attribute_body(config, CUDNN_ATTR_ENGINECFG_ENGINE);
    const struct body *operations = attribute_body(engine, CUDNN_ATTR_ENGINE_OPERATION_GRAPH);
    const struct conv_graph *graph = operations->payload;
    struct maf_plan_info *info = calloc(1, sizeof *info);
    REQUIRE(info != NULL, CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED);
    body->payload = info;
    cudnnStatus_t status = maf_cudnn_plan("convolution", MAF_OP_CONV, &graph->op, sizeof graph->op, info);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    info->reserved = (uint32_t)maf_current_device();
    int64_t bytes = (int64_t)info->workspace_bytes;
    return attribute_set(body, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &bytes);
}

cudnnStatus_t body_finalize(struct body *body)
{
    free(body->payload); /* of an earlier attempt that failed */
    body->payload = NULL;
    switch (body->type) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
        return check_tensor(body);
    case CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR:
        return check_convolution(body);
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
        return check_operation(body, &directions[0]);
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
        return check_operation(body, &directions[1]);
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
        return check_operation(body, &directions[2]);
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
        return finalize_graph(body);
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
        return finalize_heuristic(body);
    case CUDNN_BACKEND_ENGINE_DESCRIPTOR:
        REQUIRE(attribute_body(body, CUDNN_ATTR_ENGINE_OPERATION_GRAPH)->type ==
                    CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR,
                CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE);
        REQUIRE(attribute_int(body, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, 0) == 0, CUDNN_STATUS_NOT_SUPPORTED);
        return CUDNN_STATUS_SUCCESS;
    case CUDNN_BACKEND_ENGINECFG_DESCRIPTOR:
        REQUIRE(attribute_body(body, CUDNN_ATTR_ENGINECFG_ENGINE)->type == CUDNN_BACKEND_ENGINE_DESCRIPTOR,
                CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE);
        return CUDNN_STATUS_SUCCESS;
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
        return finalize_plan(body);
    case CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR:
        REQUIRE(attribute_find(body, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS)->count ==
                    attribute_find(body, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS)->count,
                CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
        return CUDNN_STATUS_SUCCESS;
    default:
        return CUDNN_STATUS_SUCCESS;
    }
}
