/* An operation graph as a graph op: all descriptors below it, children first, with their attributes by name; the format
 * is that of struct maf_op_graph. */
#include <stdlib.h>
#include <string.h>

#include "backend.h"

struct text {
    char *data;
    size_t bytes;
    size_t capacity;
    int failed;
};

enum { MAX_DESCRIPTORS = 4096 };

struct description {
    struct text text;
    const struct body **bodies; /* written so far */
    uint32_t count;
    struct slot *slots;
    uint32_t slot_count;
    uint32_t values;
    cudnnStatus_t status;
};

static void put(struct text *text, const void *data, size_t bytes)
{
    if (text->bytes + bytes > text->capacity) {
        size_t capacity = 2 * (text->bytes + bytes) + 1024;
        char *grown = realloc(text->data, capacity);
        if (!grown) {
            text->failed = 1;
            return;
        }
        text->data = grown;
        text->capacity = capacity;
    }
    if (bytes)
        memcpy(text->data + text->bytes, data, bytes);
    text->bytes += bytes;
}

static void put_number(struct text *text, uint32_t number)
{
    put(text, &number, sizeof number);
}

static void put_name(struct text *text, const char *name)
{
    put(text, name, strlen(name) + 1);
}

static int index_of(const struct description *d, const struct body *body)
{
    for (uint32_t i = 0; i < d->count; i++)
        if (d->bodies[i] == body)
            return (int)i;
    return -1;
}

/* Tensors in memory are the op's pointers, those by value its scalars, in the order of their descriptors. */
static void add_slot(struct description *d, const struct body *tensor)
{
    int by_value = attribute_int(tensor, CUDNN_ATTR_TENSOR_IS_BY_VALUE, 0) != 0;
    int64_t uid = attribute_int(tensor, CUDNN_ATTR_TENSOR_UNIQUE_ID, 0);
    if (attribute_int(tensor, CUDNN_ATTR_TENSOR_IS_VIRTUAL, 0) || attribute_find(tensor, CUDNN_ATTR_TENSOR_CONSTANT_VALUE))
        return;
    for (uint32_t i = 0; i < d->slot_count; i++)
        if (d->slots[i].uid == uid)
            return;
    size_t bytes = maf_cudnn_type_bytes((cudnnDataType_t)attribute_int(tensor, CUDNN_ATTR_TENSOR_DATA_TYPE, 0));
    if (by_value) {
        const struct attribute *dims = attribute_find(tensor, CUDNN_ATTR_TENSOR_DIMENSIONS);
        for (int64_t i = 0; i < dims->count; i++)
            if (((const int64_t *)attribute_data(dims))[i] != 1)
                d->status = CUDNN_STATUS_NOT_SUPPORTED_SHAPE;
        if (bytes == 0 || ++d->values > MAX_VALUES)
            d->status = CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE;
    }
    d->slots[d->slot_count++] = (struct slot){uid, 0, by_value ? SLOT_VALUE : SLOT_TENSOR, by_value ? (uint32_t)bytes : 0};
}

static int is_written(const struct attribute *attribute)
{
    return attribute->type != CUDNN_TYPE_HANDLE && attribute->type != CUDNN_TYPE_VOID_PTR &&
           attribute->name != CUDNN_ATTR_OPERATIONGRAPH_ENGINE_GLOBAL_COUNT;
}

static void describe(struct description *d, const struct body *body)
{
    if (index_of(d, body) >= 0)
        return;
    uint32_t written = 0;
    for (int i = 0; i < body->count; i++) {
        const struct attribute *attribute = &body->attributes[i];
        written += is_written(attribute);
        struct body *const *children = attribute_data(attribute);
        if (attribute->type == CUDNN_TYPE_BACKEND_DESCRIPTOR)
            for (int64_t k = 0; k < attribute->count; k++)
                describe(d, children[k]);
    }
    if (d->count == MAX_DESCRIPTORS) {
        d->status = CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN;
        return;
    }
    if (body->type == CUDNN_BACKEND_TENSOR_DESCRIPTOR)
        add_slot(d, body);
    put_name(&d->text, rule_next(body->type, NULL)->descriptor_name);
    put_number(&d->text, written);
    for (int i = 0; i < body->count; i++) {
        const struct attribute *attribute = &body->attributes[i];
        if (!is_written(attribute))
            continue;
        put_name(&d->text, rule_find(body->type, attribute->name)->attribute_name);
        put_number(&d->text, (uint32_t)attribute->type);
        put_number(&d->text, (uint32_t)attribute->count);
        if (attribute->type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
            struct body *const *children = attribute_data(attribute);
            for (int64_t k = 0; k < attribute->count; k++)
                put_number(&d->text, (uint32_t)index_of(d, children[k]));
        } else {
            put(&d->text, attribute_data(attribute), (size_t)attribute->count * attribute_type_bytes(attribute->type));
        }
    }
    d->bodies[d->count++] = body;
}

cudnnStatus_t graph_program(const struct body *graph, struct program **program)
{
    struct description d = {.status = CUDNN_STATUS_SUCCESS};
    d.bodies = malloc(MAX_DESCRIPTORS * sizeof *d.bodies);
    d.slots = malloc((MAX_DESCRIPTORS + 1) * sizeof *d.slots);
    if (d.bodies && d.slots) {
        d.slots[d.slot_count++] = (struct slot){INT64_MIN, 0, SLOT_WORKSPACE, 0};
        describe(&d, graph);
    }
    cudnnStatus_t status = CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    if (d.bodies && d.slots && !d.text.failed) {
        status = d.status;
        if (status == CUDNN_STATUS_SUCCESS)
            *program = program_new(MAF_OP_GRAPH, d.text.data, (uint32_t)d.text.bytes, d.slots, d.slot_count);
        if (status == CUDNN_STATUS_SUCCESS && !*program)
            status = CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    }
    free(d.bodies);
    free(d.slots);
    free(d.text.data);
    return status;
}
