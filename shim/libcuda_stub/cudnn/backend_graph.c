/* What finalized backend descriptors mean, up to execution plans. */
#include <stdlib.h>
#include <string.h>

#include "backend.h"

static const int64_t *ints(const struct body *body, int name, int64_t *count)
{
    const struct attribute *attribute = attribute_find(body, name);
    *count = attribute->count;
    return attribute_data(attribute);
}

/* A constant is given by address: its bytes are kept. */
static cudnnStatus_t keep_constant(struct body *tensor)
{
    const struct attribute *given = attribute_find(tensor, CUDNN_ATTR_TENSOR_CONSTANT_VALUE);
    if (!given || given->type != CUDNN_TYPE_VOID_PTR)
        return CUDNN_STATUS_SUCCESS;
    const void *value = *(void *const *)attribute_data(given);
    size_t bytes = maf_cudnn_type_bytes((cudnnDataType_t)attribute_int(tensor, CUDNN_ATTR_TENSOR_DATA_TYPE, 0));
    REQUIRE_POINTER(value);
    REQUIRE(bytes != 0, CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE);
    return attribute_set(tensor, CUDNN_ATTR_TENSOR_CONSTANT_VALUE, CUDNN_TYPE_CHAR, (int64_t)bytes, value);
}

static cudnnStatus_t check_tensor(struct body *tensor)
{
    int64_t rank, stride_count;
    const int64_t *dims = ints(tensor, CUDNN_ATTR_TENSOR_DIMENSIONS, &rank);
    ints(tensor, CUDNN_ATTR_TENSOR_STRIDES, &stride_count);
    REQUIRE(rank >= 1 && stride_count == rank, CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    for (int64_t i = 0; i < rank; i++)
        REQUIRE(dims[i] > 0, CUDNN_STATUS_BAD_PARAM_OUT_OF_BOUND);
    REQUIRE(attribute_int(tensor, CUDNN_ATTR_TENSOR_VECTOR_COUNT, 1) == 1, CUDNN_STATUS_NOT_SUPPORTED_LAYOUT);
    REQUIRE(attribute_int(tensor, CUDNN_ATTR_TENSOR_REORDERING_MODE, 0) == 0, CUDNN_STATUS_NOT_SUPPORTED_LAYOUT);
    return keep_constant(tensor);
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

/* Children of a descriptor are of the type that their attribute's name says. */
static cudnnStatus_t check_children(const struct body *body)
{
    static const struct {
        int name;
        int type;
    } others[] = {
        {CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, CUDNN_BACKEND_POINTWISE_DESCRIPTOR},
        {CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR},
        {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR},
        {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR},
        {CUDNN_ATTR_OPERATION_MATMUL_DESC, CUDNN_BACKEND_MATMUL_DESCRIPTOR},
        {CUDNN_ATTR_OPERATION_REDUCTION_DESC, CUDNN_BACKEND_REDUCTION_DESCRIPTOR},
        {CUDNN_ATTR_OPERATION_RESAMPLE_FWD_DESC, CUDNN_BACKEND_RESAMPLE_DESCRIPTOR},
        {CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DESC, CUDNN_BACKEND_RESAMPLE_DESCRIPTOR},
        {CUDNN_ATTR_OPERATION_RNG_DESC, CUDNN_BACKEND_RNG_DESCRIPTOR},
        {CUDNN_ATTR_OPERATION_SDPA_FWD_SOFTMAX_DESC, CUDNN_BACKEND_OPERATION_SOFTMAX_DESCRIPTOR},
        {CUDNN_ATTR_OPERATION_SDPA_FWD_SUBGRAPH, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR},
        {CUDNN_ATTR_OPERATION_SDPA_BWD_SUBGRAPH, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR},
        {CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR},
        {CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR},
        {CUDNN_ATTR_ENGINE_OPERATION_GRAPH, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR},
        {CUDNN_ATTR_ENGINE_DEVICEPROP, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR},
        {CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR},
        {CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR},
        {CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR},
        {CUDNN_ATTR_EXECUTION_PLAN_KERNEL_CACHE, CUDNN_BACKEND_KERNEL_CACHE_DESCRIPTOR},
        {CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR},
        {CUDNN_ATTR_KERNEL_CACHE_OPERATION_GRAPH, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR},
    };
    for (int i = 0; i < body->count; i++) {
        const struct attribute *attribute = &body->attributes[i];
        if (attribute->type != CUDNN_TYPE_BACKEND_DESCRIPTOR || attribute->name == CUDNN_ATTR_OPERATIONGRAPH_OPS)
            continue;
        int type = CUDNN_BACKEND_TENSOR_DESCRIPTOR;
        for (size_t k = 0; k < sizeof others / sizeof *others; k++)
            if (others[k].name == attribute->name)
                type = others[k].type;
        struct body *const *children = attribute_data(attribute);
        for (int64_t k = 0; k < attribute->count; k++)
            REQUIRE(children[k]->type == type, CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE);
    }
    return CUDNN_STATUS_SUCCESS;
}

static int is_operation(int descriptor)
{
    const struct rule *rule = rule_next(descriptor, NULL);
    return rule && !strncmp(rule->descriptor_name, "OPERATION_", 10);
}

static cudnnStatus_t finalize_graph(struct body *body)
{
    const struct attribute *attribute = attribute_find(body, CUDNN_ATTR_OPERATIONGRAPH_OPS);
    struct body *const *operations = attribute_data(attribute);
    for (int64_t i = 0; i < attribute->count; i++)
        REQUIRE(is_operation(operations[i]->type), CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE);
    body->payload = convolution_program(body);
    if (!body->payload) {
        cudnnStatus_t status = graph_program(body, &body->payload);
        if (status != CUDNN_STATUS_SUCCESS)
            return status;
    }
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
    cudnnStatus_t status = program_plan(graph->payload);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    struct body *config = make_config((struct body *)graph);
    REQUIRE(config != NULL, CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED);
    return attribute_set(body, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &config);
}

static cudnnStatus_t finalize_plan(struct body *body)
{
    const struct attribute *text = attribute_find(body, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION);
    const struct body *config = attribute_body(body, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
    cudnnStatus_t status = CUDNN_STATUS_SUCCESS;
    if (config) {
        const struct body *engine = attribute_body(config, CUDNN_ATTR_ENGINECFG_ENGINE);
        const struct program *made = attribute_body(engine, CUDNN_ATTR_ENGINE_OPERATION_GRAPH)->payload;
        body->payload = malloc(made->bytes);
        REQUIRE(body->payload != NULL, CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED);
        memcpy(body->payload, made, made->bytes);
    } else {
        REQUIRE(text != NULL, CUDNN_STATUS_BAD_PARAM);
        status = program_read(text, &body->payload);
    }
    if (status == CUDNN_STATUS_SUCCESS)
        status = program_plan(body->payload);
    if (status == CUDNN_STATUS_SUCCESS && config)
        status = program_write(body, body->payload);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    int64_t bytes = (int64_t)body->payload->info.workspace_bytes;
    return attribute_set(body, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &bytes);
}

cudnnStatus_t body_finalize(struct body *body)
{
    free(body->payload); /* of an earlier attempt that failed */
    body->payload = NULL;
    cudnnStatus_t status = check_children(body);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    if (is_convolution(body->type))
        return convolution_check(body);
    switch (body->type) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
        return check_tensor(body);
    case CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR:
        return check_convolution(body);
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
        return finalize_graph(body);
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
        return finalize_heuristic(body);
    case CUDNN_BACKEND_ENGINE_DESCRIPTOR:
        REQUIRE(attribute_int(body, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, 0) == 0, CUDNN_STATUS_NOT_SUPPORTED);
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
