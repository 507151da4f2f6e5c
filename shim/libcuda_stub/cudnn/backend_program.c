/* Programs: what an execution plan runs, its pointers from a variant pack, and its JSON text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"

struct program *program_new(uint32_t op, const void *description, uint32_t op_bytes, const struct slot *slots,
                            uint32_t count)
{
    size_t bytes = sizeof(struct program) + count * sizeof *slots + op_bytes;
    struct program *program = calloc(1, bytes);
    if (!program)
        return NULL;
    program->version = PROGRAM_VERSION;
    program->bytes = (uint32_t)bytes;
    program->op = op;
    program->op_bytes = op_bytes;
    program->slots = count;
    program->device = UINT32_MAX;
    memcpy(program->slot, slots, count * sizeof *slots);
    memcpy(program_op(program), description, op_bytes);
    return program;
}

cudnnStatus_t program_plan(struct program *program)
{
    uint32_t device = (uint32_t)maf_current_device();
    if (program->device == device)
        return CUDNN_STATUS_SUCCESS;
    cudnnStatus_t status = maf_cudnn_plan(program->op == MAF_OP_CONV ? "convolution" : "operation graph", program->op,
                                          program_op(program), program->op_bytes, &program->info);
    if (status == CUDNN_STATUS_SUCCESS)
        program->device = device;
    return status;
}

/* Address of tensor `id` in a variant pack, device or host; NULL where it names none. */
static void *pointer_of(const struct body *pack, int64_t id)
{
    const struct attribute *ids = attribute_find(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
    const int64_t *id_data = attribute_data(ids);
    void *const *pointers = attribute_data(attribute_find(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS));
    for (int64_t i = 0; i < ids->count; i++)
        if (id_data[i] == id)
            return pointers[i];
    return NULL;
}

cudnnStatus_t program_run(cudnnHandle_t handle, const struct program *program, const struct body *pack)
{
    struct maf_plan_info info = program->info;
    if (program->device != (uint32_t)maf_current_device()) { /* a plan made on one device, run on another */
        cudnnStatus_t status = maf_cudnn_plan(__func__, program->op, program_op(program), program->op_bytes, &info);
        if (status != CUDNN_STATUS_SUCCESS)
            return status;
    }
    if (attribute_find(pack, CUDNN_ATTR_VARIANT_PACK_OVERRIDE_UNIQUE_IDS))
        return maf_cudnn_unsupported("variant pack that overrides shapes");
    uint64_t stack[64], *pointers = program->slots <= 32 ? stack : malloc(2 * sizeof *pointers * program->slots);
    REQUIRE(pointers != NULL, CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED);
    double values[2 * MAX_VALUES];
    uint32_t count = 0, scalars = 0;
    cudnnStatus_t status = CUDNN_STATUS_SUCCESS;
    for (uint32_t i = 0; i < program->slots && status == CUDNN_STATUS_SUCCESS; i++) {
        const struct slot *slot = &program->slot[i];
        void *found = NULL;
        if (slot->kind == SLOT_TENSOR || slot->kind == SLOT_VALUE) {
            found = pointer_of(pack, slot->uid);
            if (!found)
                status = maf_cudnn_fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "no data pointer for tensor %lld",
                                        (long long)slot->uid);
        }
        switch (slot->kind) {
        case SLOT_VALUE:
            values[scalars] = values[scalars + 1] = 0;
            if (found)
                memcpy(&values[scalars], found, slot->bytes);
            scalars += 2;
            break;
        case SLOT_CONSTANT:
            values[scalars++] = slot->constant;
            break;
        case SLOT_WORKSPACE:
            found = (void *)attribute_int(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, 0);
            if (!found && info.workspace_bytes)
                status = maf_cudnn_fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "no workspace");
            pointers[count++] = (uint64_t)found;
            break;
        default:
            pointers[count++] = (uint64_t)found;
        }
    }
    if (status == CUDNN_STATUS_SUCCESS)
        status = maf_cudnn_run(handle, info.plan, pointers, count, values, scalars);
    if (pointers != stack)
        free(pointers);
    return status;
}

/* --- JSON: {"maf_vdev_execution_plan": "<bytes in hexadecimal>"} ----------------------------------------------------- */

static const char head[] = "{\"maf_vdev_execution_plan\": \"", tail[] = "\"}";

cudnnStatus_t program_write(struct body *plan, const struct program *program)
{
    size_t size = sizeof head + 2 * (size_t)program->bytes + sizeof tail;
    char *text = malloc(size), *at = text;
    REQUIRE(text != NULL, CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED);
    at += sprintf(at, "%s", head);
    for (uint32_t i = 0; i < program->bytes; i++)
        at += sprintf(at, "%02x", ((const unsigned char *)program)[i]);
    at += sprintf(at, "%s", tail);
    cudnnStatus_t status = attribute_set(plan, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                                         at - text + 1, text); /* with its NUL */
    free(text);
    return status;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int is_whole(const struct program *program, size_t bytes)
{
    uint32_t values = 0;
    if (bytes < sizeof *program || program->version != PROGRAM_VERSION || program->bytes != bytes ||
        program->slots > bytes / sizeof(struct slot) ||
        sizeof *program + program->slots * sizeof(struct slot) + program->op_bytes != bytes)
        return 0;
    for (uint32_t i = 0; i < program->slots; i++) {
        if (program->slot[i].kind > SLOT_CONSTANT || program->slot[i].bytes > 2 * sizeof(double))
            return 0;
        values += program->slot[i].kind >= SLOT_VALUE;
    }
    return values <= MAX_VALUES;
}

cudnnStatus_t program_read(const struct attribute *text, struct program **program)
{
    const char *data = attribute_data(text);
    size_t size = (size_t)text->count, start = sizeof head - 1, bytes = 0;
    REQUIRE(size > start && !memcmp(data, head, start), CUDNN_STATUS_BAD_PARAM);
    unsigned char *out = malloc(size);
    REQUIRE(out != NULL, CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED);
    for (size_t i = start; i + 1 < size && digit(data[i]) >= 0 && digit(data[i + 1]) >= 0; i += 2)
        out[bytes++] = (unsigned char)(digit(data[i]) << 4 | digit(data[i + 1]));
    *program = (struct program *)out;
    if (is_whole(*program, bytes)) {
        (*program)->device = UINT32_MAX;
        return CUDNN_STATUS_SUCCESS;
    }
    free(out);
    *program = NULL;
    return maf_cudnn_fail(CUDNN_STATUS_SERIALIZATION_VERSION_MISMATCH, "not an execution plan of this library");
}
