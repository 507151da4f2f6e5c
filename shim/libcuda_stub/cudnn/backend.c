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
        return type >= 0 && type <= CUDNN_TYPE_OPERATIONGRAPH_MODE ? 4 : 0;
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

/* --- entry points -------------------------------------------------------------------------- */

/* Descriptors of operations that nothing here computes; docs/coverage.md says why. */
static cudnnStatus_t refuse_type(int type)
{
    static const char *const names[] = {
        [CUDNN_BACKEND_INTERMEDIATE_INFO_DESCRIPTOR] = "intermediate info descriptor",
        [CUDNN_BACKEND_KNOB_INFO_DESCRIPTOR] = "knob info descriptor",
        [CUDNN_BACKEND_LAYOUT_INFO_DESCRIPTOR] = "layout info descriptor",
        [CUDNN_BACKEND_OPERATION_BLOCK_SCALE_QUANTIZE_DESCRIPTOR] = "block scale quantize operation (fp8)",
        [CUDNN_BACKEND_OPERATION_BLOCK_SCALE_DEQUANTIZE_DESCRIPTOR] = "block scale dequantize operation (fp8)",
        [CUDNN_BACKEND_OPERATION_EXPAND_BAND_MATRIX_DESCRIPTOR] = "expand band matrix operation",
        [CUDNN_BACKEND_OPERATION_CONTRACT_BAND_MATRIX_DESCRIPTOR] = "contract band matrix operation",
        [CUDNN_BACKEND_OPERATION_SIGNAL_DESCRIPTOR] = "signal operation",
        [CUDNN_BACKEND_OPERATION_ROPE_FWD_DESCRIPTOR] = "rotary embedding operation",
        [CUDNN_BACKEND_OPERATION_ROPE_BWD_DESCRIPTOR] = "rotary embedding gradient operation",
        [CUDNN_BACKEND_OPERATION_MOE_GROUPED_MATMUL_DESCRIPTOR] = "grouped matrix product operation",
        [CUDNN_BACKEND_OPERATION_MOE_GROUPED_MATMUL_BWD_DESCRIPTOR] = "grouped matrix product gradient operation",
    };
    const char *name = (unsigned)type < sizeof names / sizeof *names ? names[type] : NULL;
    if (name)
        maf_unsupported("cudnn", name);
    return maf_cudnn_fail(CUDNN_STATUS_NOT_SUPPORTED, "backend descriptor type %d (%s) is not supported", type,
                          name ? name : "unknown");
}

EXPORT cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
                                                  cudnnBackendDescriptor_t *descriptor)
{
    REQUIRE_POINTER(descriptor);
    if (!rule_next((int)type, NULL))
        return refuse_type((int)type);
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

static cudnnStatus_t refuse_attribute(const struct body *body, int name)
{
    return maf_cudnn_fail(CUDNN_STATUS_NOT_SUPPORTED, "%s descriptor: attribute %d is not supported",
                          rule_next(body->type, NULL)->descriptor_name, name);
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
    const struct rule *rule = rule_find(body->type, (int)name);
    if (!rule)
        return refuse_attribute(body, (int)name);
    REQUIRE(!(rule->flags & RULE_COMPUTED), CUDNN_STATUS_BAD_PARAM);
    cudnnStatus_t status = rule_check(rule, (int)type, count);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    if (type != CUDNN_TYPE_BACKEND_DESCRIPTOR)
        return attribute_set(body, (int)name, (int)type, count, elements);

    struct handle *const *children = elements;
    struct body *bodies[MAX_CHILDREN];
    REQUIRE(count <= MAX_CHILDREN, CUDNN_STATUS_NOT_SUPPORTED);
    for (int64_t i = 0; i < count; i++) {
        REQUIRE_POINTER(children[i]);
        REQUIRE(children[i]->body->finalized, CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED);
        bodies[i] = children[i]->body;
    }
    for (int64_t i = 0; i < count; i++)
        body_retain(bodies[i]);
    status = attribute_set(body, (int)name, (int)type, count, bodies);
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
    for (const struct rule *rule = rule_next(body->type, NULL); rule; rule = rule_next(body->type, rule)) {
        const struct attribute *attribute = attribute_find(body, rule->name);
        if (rule->flags & RULE_NEEDED && (!attribute || !attribute->count))
            return maf_cudnn_fail(CUDNN_STATUS_BAD_PARAM, "%s descriptor lacks CUDNN_ATTR_%s", rule->descriptor_name,
                                  rule->attribute_name);
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
    const struct rule *rule = rule_find(body->type, (int)name);
    if (!rule)
        return refuse_attribute(body, (int)name);
    cudnnStatus_t status = rule_check(rule, (int)type, 0);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
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

static cudnnStatus_t check_execution(cudnnHandle_t handle, cudnnBackendDescriptor_t plan_descriptor,
                                     cudnnBackendDescriptor_t pack_descriptor)
{
    REQUIRE_POINTER(handle);
    REQUIRE(plan_descriptor != NULL && pack_descriptor != NULL, CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    const struct body *plan = ((struct handle *)plan_descriptor)->body;
    const struct body *pack = ((struct handle *)pack_descriptor)->body;
    REQUIRE(plan->type == CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR && pack->type == CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR,
            CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE);
    REQUIRE(plan->finalized && pack->finalized, CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan_descriptor,
                                         cudnnBackendDescriptor_t pack_descriptor)
{
    cudnnStatus_t status = check_execution(handle, plan_descriptor, pack_descriptor);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    const struct body *plan = ((struct handle *)plan_descriptor)->body;
    return program_run(handle, plan->payload, ((struct handle *)pack_descriptor)->body);
}

EXPORT cudnnStatus_t cudnnGetExecutionPlanWorkspaceSize(cudnnHandle_t handle, cudnnBackendDescriptor_t plan_descriptor,
                                                        cudnnBackendDescriptor_t pack_descriptor, size_t *bytes)
{
    REQUIRE_POINTER(bytes);
    cudnnStatus_t status = check_execution(handle, plan_descriptor, pack_descriptor);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    const struct body *plan = ((struct handle *)plan_descriptor)->body;
    *bytes = (size_t)attribute_int(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, 0);
    return CUDNN_STATUS_SUCCESS;
}
