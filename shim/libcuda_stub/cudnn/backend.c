/* The backend (graph) API's descriptors; what graphs mean is in backend_graph.c. */
#include <stdlib.h>
#include <string.h>

#include "backend.h"

struct handle {
    struct body *body;
};

/* --- attributes ---------------------------------------------------------------------------- */

size_t attribute_type_bytes(int type)
{
    switch (type) {
    case CUDNN_TYPE_HANDLE:
    case CUDNN_TYPE_INT64:
    case CUDNN_TYPE_DOUBLE:
    case CUDNN_TYPE_VOID_PTR:
    case CUDNN_TYPE_BACKEND_DESCRIPTOR:
        return 8;
    case CUDNN_TYPE_FRACTION:
        return 16;
    case CUDNN_TYPE_BOOLEAN:
    case CUDNN_TYPE_CHAR:
        return 1;
    default: /* enums, float, int32 */
        return type >= 0 && type <= CUDNN_TYPE_RNG_DISTRIBUTION ? 4 : 0;
    }
}

const struct attribute *attribute_find(const struct body *body, int name)
{
    for (int i = 0; i < body->count; i++)
        if (body->attributes[i].name == name)
            return &body->attributes[i];
    return NULL;
}

const void *attribute_data(const struct attribute *attribute)
{
    return attribute->large ? attribute->large : attribute->small;
}

static void attribute_clear(struct attribute *attribute)
{
    if (attribute->type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
        struct body *const *children = attribute_data(attribute);
        for (int64_t i = 0; i < attribute->count; i++)
            body_release(children[i]);
    }
    free(attribute->large);
    memset(attribute, 0, sizeof *attribute);
}

/* Elements of type BACKEND_DESCRIPTOR are bodies here, whose references the attribute takes over. */
cudnnStatus_t attribute_set(struct body *body, int name, int type, int64_t count, const void *elements)
{
    struct attribute *slot = (struct attribute *)attribute_find(body, name);
    if (slot) {
        attribute_clear(slot);
    } else {
        if (body->count == body->capacity) {
            int capacity = body->capacity ? 2 * body->capacity : 8;
            struct attribute *grown = realloc(body->attributes, (size_t)capacity * sizeof *grown);
            REQUIRE(grown != NULL, CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED);
            body->attributes = grown;
            body->capacity = capacity;
        }
        slot = memset(&body->attributes[body->count++], 0, sizeof *slot);
    }
    size_t bytes = (size_t)count * attribute_type_bytes(type);
    void *where = slot->small;
    if (bytes > sizeof slot->small) {
        where = slot->large = malloc(bytes);
        slot->name = -1;
        REQUIRE(where != NULL, CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED);
    }
    slot->name = name;
    slot->type = type;
    slot->count = count;
    if (bytes)
        memcpy(where, elements, bytes);
    return CUDNN_STATUS_SUCCESS;
}

int64_t attribute_int(const struct body *body, int name, int64_t missing)
{
    const struct attribute *attribute = attribute_find(body, name);
    if (!attribute || attribute->count < 1)
        return missing;
    const void *data = attribute_data(attribute);
    switch (attribute_type_bytes(attribute->type)) {
    case 1:
        return *(const uint8_t *)data;
    case 4:
        return *(const int32_t *)data;
    default:
        return *(const int64_t *)data;
    }
}

double attribute_real(const struct body *body, int name, double missing)
{
    const struct attribute *attribute = attribute_find(body, name);
    if (!attribute || attribute->count < 1)
        return missing;
    const void *data = attribute_data(attribute);
    return attribute->type == CUDNN_TYPE_DOUBLE ? *(const double *)data : *(const float *)data;
}

const struct body *attribute_body(const struct body *body, int name)
{
    const struct attribute *attribute = body ? attribute_find(body, name) : NULL;
    return attribute && attribute->count ? *(struct body *const *)attribute_data(attribute) : NULL;
}

/* --- bodies -------------------------------------------------------------------------------- */

struct body *body_new(int type)
{
    struct body *body = calloc(1, sizeof *body);
    if (body) {
        body->references = 1;
        body->type = type;
    }
    return body;
}

struct body *body_retain(struct body *body)
{
    __atomic_add_fetch(&body->references, 1, __ATOMIC_RELAXED);
    return body;
}

void body_release(struct body *body)
{
    if (!body || __atomic_sub_fetch(&body->references, 1, __ATOMIC_ACQ_REL))
        return;
    for (int i = 0; i < body->count; i++)
        attribute_clear(&body->attributes[i]);
    free(body->attributes);
    free(body->payload);
    free(body);
}

/* --- which attribute belongs to which descriptor ------------------------------------------- */

enum { NEEDED = 1, COMPUTED = 2, REAL = 4 /* float or double */ };

struct rule {
    short descriptor;
    short name;
    short type;
    short most; /* elements; 0: no limit */
    short flags;
};

#define RULE(descriptor, name, type, most, flags)                                                                      \
    {CUDNN_BACKEND_##descriptor##_DESCRIPTOR, CUDNN_ATTR_##name, CUDNN_TYPE_##type, most, flags}

static const struct rule rules[] = {
    RULE(TENSOR, TENSOR_DATA_TYPE, DATA_TYPE, 1, NEEDED),
    RULE(TENSOR, TENSOR_DIMENSIONS, INT64, MAX_DIMS, NEEDED),
    RULE(TENSOR, TENSOR_STRIDES, INT64, MAX_DIMS, NEEDED),
    RULE(TENSOR, TENSOR_UNIQUE_ID, INT64, 1, NEEDED),
    RULE(TENSOR, TENSOR_BYTE_ALIGNMENT, INT64, 1, NEEDED),
    RULE(TENSOR, TENSOR_VECTOR_COUNT, INT64, 1, 0),
    RULE(TENSOR, TENSOR_VECTORIZED_DIMENSION, INT64, 1, 0),
    RULE(TENSOR, TENSOR_IS_VIRTUAL, BOOLEAN, 1, 0),
    RULE(TENSOR, TENSOR_IS_BY_VALUE, BOOLEAN, 1, 0),
    RULE(TENSOR, TENSOR_REORDERING_MODE, TENSOR_REORDERING_MODE, 1, 0),
    RULE(TENSOR, TENSOR_RAGGED_OFFSET_DESC, BACKEND_DESCRIPTOR, 1, 0),
    RULE(CONVOLUTION, CONVOLUTION_COMP_TYPE, DATA_TYPE, 1, NEEDED),
    RULE(CONVOLUTION, CONVOLUTION_CONV_MODE, CONVOLUTION_MODE, 1, NEEDED),
    RULE(CONVOLUTION, CONVOLUTION_SPATIAL_DIMS, INT64, 1, NEEDED),
    RULE(CONVOLUTION, CONVOLUTION_DILATIONS, INT64, MAX_SPATIAL, NEEDED),
    RULE(CONVOLUTION, CONVOLUTION_FILTER_STRIDES, INT64, MAX_SPATIAL, NEEDED),
    RULE(CONVOLUTION, CONVOLUTION_PRE_PADDINGS, INT64, MAX_SPATIAL, NEEDED),
    RULE(CONVOLUTION, CONVOLUTION_POST_PADDINGS, INT64, MAX_SPATIAL, NEEDED),
    RULE(OPERATION_CONVOLUTION_FORWARD, OPERATION_CONVOLUTION_FORWARD_X, BACKEND_DESCRIPTOR, 1, NEEDED),
    RULE(OPERATION_CONVOLUTION_FORWARD, OPERATION_CONVOLUTION_FORWARD_W, BACKEND_DESCRIPTOR, 1, NEEDED),
    RULE(OPERATION_CONVOLUTION_FORWARD, OPERATION_CONVOLUTION_FORWARD_Y, BACKEND_DESCRIPTOR, 1, NEEDED),
    RULE(OPERATION_CONVOLUTION_FORWARD, OPERATION_CONVOLUTION_FORWARD_CONV_DESC, BACKEND_DESCRIPTOR, 1, NEEDED),
    RULE(OPERATION_CONVOLUTION_FORWARD, OPERATION_CONVOLUTION_FORWARD_ALPHA, FLOAT, 1, REAL),
    RULE(OPERATION_CONVOLUTION_FORWARD, OPERATION_CONVOLUTION_FORWARD_BETA, FLOAT, 1, REAL),
    RULE(OPERATION_CONVOLUTION_BACKWARD_DATA, OPERATION_CONVOLUTION_BWD_DATA_DX, BACKEND_DESCRIPTOR, 1, NEEDED),
    RULE(OPERATION_CONVOLUTION_BACKWARD_DATA, OPERATION_CONVOLUTION_BWD_DATA_W, BACKEND_DESCRIPTOR, 1, NEEDED),
    RULE(OPERATION_CONVOLUTION_BACKWARD_DATA, OPERATION_CONVOLUTION_BWD_DATA_DY, BACKEND_DESCRIPTOR, 1, NEEDED),
    RULE(OPERATION_CONVOLUTION_BACKWARD_DATA, OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, BACKEND_DESCRIPTOR, 1, NEEDED),
    RULE(OPERATION_CONVOLUTION_BACKWARD_DATA, OPERATION_CONVOLUTION_BWD_DATA_ALPHA, FLOAT, 1, REAL),
    RULE(OPERATION_CONVOLUTION_BACKWARD_DATA, OPERATION_CONVOLUTION_BWD_DATA_BETA, FLOAT, 1, REAL),
    RULE(OPERATION_CONVOLUTION_BACKWARD_FILTER, OPERATION_CONVOLUTION_BWD_FILTER_X, BACKEND_DESCRIPTOR, 1, NEEDED),
    RULE(OPERATION_CONVOLUTION_BACKWARD_FILTER, OPERATION_CONVOLUTION_BWD_FILTER_DW, BACKEND_DESCRIPTOR, 1, NEEDED),
    RULE(OPERATION_CONVOLUTION_BACKWARD_FILTER, OPERATION_CONVOLUTION_BWD_FILTER_DY, BACKEND_DESCRIPTOR, 1, NEEDED),
    RULE(OPERATION_CONVOLUTION_BACKWARD_FILTER, OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, BACKEND_DESCRIPTOR, 1,
         NEEDED),
    RULE(OPERATION_CONVOLUTION_BACKWARD_FILTER, OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, FLOAT, 1, REAL),
    RULE(OPERATION_CONVOLUTION_BACKWARD_FILTER, OPERATION_CONVOLUTION_BWD_FILTER_BETA, FLOAT, 1, REAL),
    RULE(OPERATIONGRAPH, OPERATIONGRAPH_HANDLE, HANDLE, 1, 0),
    RULE(OPERATIONGRAPH, OPERATIONGRAPH_OPS, BACKEND_DESCRIPTOR, 0, NEEDED),
    RULE(OPERATIONGRAPH, OPERATIONGRAPH_ENGINE_GLOBAL_COUNT, INT64, 1, COMPUTED),
    RULE(OPERATIONGRAPH, OPERATIONGRAPH_IS_DYNAMIC_SHAPE_ENABLED, BOOLEAN, 1, 0),
    RULE(OPERATIONGRAPH, OPERATIONGRAPH_IS_SAME_TOPOLOGY, BOOLEAN, 1, 0),
    RULE(ENGINEHEUR, ENGINEHEUR_OPERATION_GRAPH, BACKEND_DESCRIPTOR, 1, NEEDED),
    RULE(ENGINEHEUR, ENGINEHEUR_MODE, HEUR_MODE, 1, NEEDED),
    RULE(ENGINEHEUR, ENGINEHEUR_RESULTS, BACKEND_DESCRIPTOR, 1, COMPUTED),
    RULE(ENGINEHEUR, ENGINEHEUR_SM_COUNT_TARGET, INT32, 1, 0),
    RULE(ENGINEHEUR, ENGINEHEUR_DEVICEPROP, BACKEND_DESCRIPTOR, 1, 0),
    RULE(ENGINE, ENGINE_OPERATION_GRAPH, BACKEND_DESCRIPTOR, 1, NEEDED),
    RULE(ENGINE, ENGINE_GLOBAL_INDEX, INT64, 1, NEEDED),
    RULE(ENGINE, ENGINE_KNOB_INFO, BACKEND_DESCRIPTOR, 0, COMPUTED),
    RULE(ENGINE, ENGINE_NUMERICAL_NOTE, NUMERICAL_NOTE, 0, COMPUTED),
    RULE(ENGINE, ENGINE_LAYOUT_INFO, BACKEND_DESCRIPTOR, 0, COMPUTED),
    RULE(ENGINE, ENGINE_BEHAVIOR_NOTE, BEHAVIOR_NOTE, 0, COMPUTED),
    RULE(ENGINE, ENGINE_SM_COUNT_TARGET, INT32, 1, 0),
    RULE(ENGINE, ENGINE_DEVICEPROP, BACKEND_DESCRIPTOR, 1, 0),
    RULE(ENGINECFG, ENGINECFG_ENGINE, BACKEND_DESCRIPTOR, 1, NEEDED),
    RULE(ENGINECFG, ENGINECFG_KNOB_CHOICES, BACKEND_DESCRIPTOR, 0, 0),
    RULE(ENGINECFG, ENGINECFG_INTERMEDIATE_INFO, BACKEND_DESCRIPTOR, 0, COMPUTED),
    RULE(ENGINECFG, ENGINECFG_WORKSPACE_SIZE, INT64, 1, 0),
    RULE(ENGINECFG, ENGINECFG_SHARED_MEMORY_USED, INT64, 1, 0),
    RULE(KNOB_CHOICE, KNOB_CHOICE_KNOB_TYPE, KNOB_TYPE, 1, NEEDED),
    RULE(KNOB_CHOICE, KNOB_CHOICE_KNOB_VALUE, INT64, 1, NEEDED),
    RULE(EXECUTION_PLAN, EXECUTION_PLAN_HANDLE, HANDLE, 1, 0),
    RULE(EXECUTION_PLAN, EXECUTION_PLAN_ENGINE_CONFIG, BACKEND_DESCRIPTOR, 1, NEEDED),
    RULE(EXECUTION_PLAN, EXECUTION_PLAN_WORKSPACE_SIZE, INT64, 1, COMPUTED),
    RULE(EXECUTION_PLAN, EXECUTION_PLAN_COMPUTED_INTERMEDIATE_UIDS, INT64, 0, 0),
    RULE(EXECUTION_PLAN, EXECUTION_PLAN_RUN_ONLY_INTERMEDIATE_UIDS, INT64, 0, 0),
    RULE(EXECUTION_PLAN, EXECUTION_PLAN_KERNEL_CACHE, BACKEND_DESCRIPTOR, 1, 0),
    RULE(EXECUTION_PLAN, EXECUTION_PLAN_DEVICEPROP, BACKEND_DESCRIPTOR, 1, 0),
    RULE(VARIANT_PACK, VARIANT_PACK_UNIQUE_IDS, INT64, 0, NEEDED),
    RULE(VARIANT_PACK, VARIANT_PACK_DATA_POINTERS, VOID_PTR, 0, NEEDED),
    RULE(VARIANT_PACK, VARIANT_PACK_INTERMEDIATES, VOID_PTR, 0, 0),
    RULE(VARIANT_PACK, VARIANT_PACK_WORKSPACE, VOID_PTR, 1, 0),
};

enum { RULES = sizeof rules / sizeof *rules };

/* Descriptor types without rules (those of operations that no graph here may hold) store whatever they are given;
 * a graph that holds one is refused as a pattern. */
static int has_rules(int descriptor)
{
    for (int i = 0; i < RULES; i++)
        if (rules[i].descriptor == descriptor)
            return 1;
    return 0;
}

static const struct rule *find_rule(int descriptor, int name)
{
    for (int i = 0; i < RULES; i++)
        if (rules[i].name == name && rules[i].descriptor == descriptor)
            return &rules[i];
    return NULL;
}

static cudnnStatus_t check_rule(const struct rule *rule, int type, int64_t count)
{
    int real = rule->flags & REAL && (type == CUDNN_TYPE_FLOAT || type == CUDNN_TYPE_DOUBLE);
    REQUIRE(type == rule->type || real, CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE);
    REQUIRE(rule->most == 0 || count <= rule->most, CUDNN_STATUS_BAD_PARAM_OUT_OF_BOUND);
    return CUDNN_STATUS_SUCCESS;
}

/* --- entry points -------------------------------------------------------------------------- */

EXPORT cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
                                                  cudnnBackendDescriptor_t *descriptor)
{
    REQUIRE_POINTER(descriptor);
    if ((unsigned)type > CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR) {
        maf_unsupported("cudnn", "backend descriptors of releases after 9.8: softmax and attention graphs among them");
        return maf_cudnn_fail(CUDNN_STATUS_NOT_SUPPORTED, "backend descriptor type %d is not supported", (int)type);
    }
    struct handle *handle = malloc(sizeof *handle);
    REQUIRE(handle != NULL, CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED);
    handle->body = body_new((int)type);
    if (!handle->body) {
        free(handle);
        return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    }
    *descriptor = handle;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t descriptor)
{
    struct handle *handle = descriptor;
    if (handle) {
        body_release(handle->body);
        free(handle);
    }
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnBackendInitialize(cudnnBackendDescriptor_t descriptor)
{
    struct handle *handle = descriptor;
    REQUIRE_POINTER(handle);
    struct body *fresh = body_new(handle->body->type);
    REQUIRE(fresh != NULL, CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED);
    body_release(handle->body);
    handle->body = fresh;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                                              cudnnBackendAttributeType_t type, int64_t count, const void *elements)
{
    struct handle *handle = descriptor;
    REQUIRE_POINTER(handle);
    struct body *body = handle->body;
    REQUIRE(!body->finalized, CUDNN_STATUS_BAD_PARAM);
    REQUIRE(count >= 0 && count <= 1 << 20, CUDNN_STATUS_BAD_PARAM_OUT_OF_BOUND);
    REQUIRE(count == 0 || elements != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(attribute_type_bytes((int)type) != 0, CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE);
    const struct rule *rule = find_rule(body->type, (int)name);
    if (rule) {
        REQUIRE(!(rule->flags & COMPUTED), CUDNN_STATUS_BAD_PARAM);
        cudnnStatus_t status = check_rule(rule, (int)type, count);
        if (status != CUDNN_STATUS_SUCCESS)
            return status;
    } else if (has_rules(body->type)) {
        return maf_cudnn_fail(CUDNN_STATUS_NOT_SUPPORTED, "descriptor type %d: attribute %d is not supported",
                              body->type, (int)name);
    }
    if (type != CUDNN_TYPE_BACKEND_DESCRIPTOR)
        return attribute_set(body, (int)name, (int)type, count, elements);

    struct handle *const *children = elements;
    struct body *bodies[64];
    REQUIRE(count <= 64, CUDNN_STATUS_NOT_SUPPORTED);
    for (int64_t i = 0; i < count; i++) {
        REQUIRE_POINTER(children[i]);
        REQUIRE(children[i]->body->finalized, CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED);
        bodies[i] = children[i]->body;
    }
    for (int64_t i = 0; i < count; i++)
        body_retain(bodies[i]);
    cudnnStatus_t status = attribute_set(body, (int)name, (int)type, count, bodies);
    for (int64_t i = 0; status != CUDNN_STATUS_SUCCESS && i < count; i++)
        body_release(bodies[i]);
    return status;
}

EXPORT cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t descriptor)
{
    struct handle *handle = descriptor;
    REQUIRE_POINTER(handle);
    struct body *body = handle->body;
    if (body->finalized)
        return CUDNN_STATUS_SUCCESS;
    for (int i = 0; i < RULES; i++) {
        if (rules[i].descriptor != body->type || !(rules[i].flags & NEEDED))
            continue;
        const struct attribute *attribute = attribute_find(body, rules[i].name);
        if (!attribute || !attribute->count)
            return maf_cudnn_fail(CUDNN_STATUS_BAD_PARAM, "descriptor type %d lacks attribute %d", body->type,
                                  rules[i].name);
    }
    cudnnStatus_t status = body_finalize(body);
    body->finalized = status == CUDNN_STATUS_SUCCESS;
    return status;
}

EXPORT cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t const descriptor,
                                              cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                                              int64_t requested, int64_t *count, void *elements)
{
    const struct handle *handle = descriptor;
    REQUIRE_POINTER(handle);
    const struct body *body = handle->body;
    REQUIRE(body->finalized, CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED);
    REQUIRE(requested >= 0, CUDNN_STATUS_BAD_PARAM);
    const struct rule *rule = find_rule(body->type, (int)name);
    if (!rule && has_rules(body->type))
        return maf_cudnn_fail(CUDNN_STATUS_NOT_SUPPORTED, "descriptor type %d: attribute %d is not supported",
                              body->type, (int)name);
    if (rule) {
        cudnnStatus_t status = check_rule(rule, (int)type, 0);
        if (status != CUDNN_STATUS_SUCCESS)
            return status;
    }
    const struct attribute *attribute = attribute_find(body, (int)name);
    int64_t available = attribute ? attribute->count : 0;
    if (count)
        *count = available;
    if (!elements || !requested || !available)
        return CUDNN_STATUS_SUCCESS;
    REQUIRE(attribute->type == (int)type, CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE);
    int64_t given = requested < available ? requested : available;
    if (type != CUDNN_TYPE_BACKEND_DESCRIPTOR) {
        memcpy(elements, attribute_data(attribute), (size_t)given * attribute_type_bytes((int)type));
        return CUDNN_STATUS_SUCCESS;
    }
    /* The caller made the descriptors that receive the results. */
    struct handle *const *receivers = elements;
    struct body *const *children = attribute_data(attribute);
    for (int64_t i = 0; i < given; i++) {
        REQUIRE_POINTER(receivers[i]);
        REQUIRE(receivers[i]->body->type == children[i]->type, CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE);
        struct body *old = receivers[i]->body;
        receivers[i]->body = body_retain(children[i]);
        body_release(old);
    }
    return CUDNN_STATUS_SUCCESS;
}

static uint64_t pointer_of(const struct attribute *ids, const struct attribute *pointers, int64_t id)
{
    const int64_t *id_data = attribute_data(ids);
    const uint64_t *pointer_data = attribute_data(pointers);
    for (int64_t i = 0; i < ids->count; i++)
        if (id_data[i] == id)
            return pointer_data[i];
    return 0;
}

EXPORT cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan_descriptor,
                                         cudnnBackendDescriptor_t pack_descriptor)
{
    REQUIRE_POINTER(handle);
    REQUIRE(plan_descriptor != NULL && pack_descriptor != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    const struct body *plan = ((struct handle *)plan_descriptor)->body;
    const struct body *pack = ((struct handle *)pack_descriptor)->body;
    REQUIRE(plan->type == CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR && pack->type == CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR,
            CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE);
    REQUIRE(plan->finalized && pack->finalized, CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED);

    const struct body *config = attribute_body(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
    const struct body *engine = attribute_body(config, CUDNN_ATTR_ENGINECFG_ENGINE);
    const struct body *operations = attribute_body(engine, CUDNN_ATTR_ENGINE_OPERATION_GRAPH);
    const struct conv_graph *graph = operations->payload;
    const struct maf_plan_info *made = plan->payload;
    struct maf_plan_info info = *made;
    if ((int)made->reserved != maf_current_device()) { /* a plan made on one device, run on another */
        cudnnStatus_t status = maf_cudnn_plan(__func__, MAF_OP_CONV, &graph->op, sizeof graph->op, &info);
        if (status != CUDNN_STATUS_SUCCESS)
            return status;
    }
    const struct attribute *ids = attribute_find(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
    const struct attribute *pointers = attribute_find(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
    uint64_t ptrs[] = {
        pointer_of(ids, pointers, graph->x),
        pointer_of(ids, pointers, graph->y),
        pointer_of(ids, pointers, graph->w),
        (uint64_t)attribute_int(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, 0),
        graph->has_z ? pointer_of(ids, pointers, graph->z) : 0,
        graph->has_bias ? pointer_of(ids, pointers, graph->bias) : 0,
    };
    REQUIRE(ptrs[0] && ptrs[1] && ptrs[2], CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE((!graph->has_z || ptrs[4]) && (!graph->has_bias || ptrs[5]), CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    REQUIRE(ptrs[3] || !info.workspace_bytes, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    double scalars[] = {graph->alpha, graph->beta, 0};
    return maf_cudnn_run(handle, info.plan, ptrs, 6, scalars, 3);
}
