/* Backend descriptors: a typed attribute store.
 *
 * A cudnnBackendDescriptor_t is a handle on a body. Bodies are counted: a body that holds another as attribute
 * keeps it alive, so callers may destroy children at once; a finalized body never changes, so sharing it equals
 * copying it. */
#ifndef MAF_CUDNN_BACKEND_H
#define MAF_CUDNN_BACKEND_H

#include "front.h"

enum { INLINE_ELEMENTS = 4 };

struct attribute {
    int name;
    int type; /* cudnnBackendAttributeType_t */
    int64_t count;
    int64_t small[INLINE_ELEMENTS];
    void *large; /* elements that do not fit into `small` */
};

struct body {
    int references;
    int type; /* cudnnBackendDescriptorType_t */
    int finalized;
    int count;
    int capacity;
    struct attribute *attributes;
    struct program *payload; /* of operation graphs and execution plans */
};

/* One row of the table of attributes. */
struct rule {
    short descriptor;
    short name;
    short type;
    short most; /* elements; 0: no limit */
    short flags;
    const char *descriptor_name;
    const char *attribute_name;
};

enum {
    RULE_NEEDED = 1,
    RULE_COMPUTED = 2,
    RULE_REAL = 4,    /* float or double */
    RULE_INTEGER = 8, /* int64 too */
    RULE_SEED = 16    /* int64 or a tensor */
};

/* The rule of an attribute; NULL if the descriptor has none of that name. */
const struct rule *rule_find(int descriptor, int name);

/* The rules of a descriptor type one after the other, from NULL to NULL. */
const struct rule *rule_next(int descriptor, const struct rule *after);
cudnnStatus_t rule_check(const struct rule *rule, int type, int64_t count);

/* What an operation graph computes: an op and where its pointers and scalars come from. One block of memory without
 * pointers, so that its bytes can be written out and read back. */
enum slot_kind {
    SLOT_TENSOR,    /* device address of tensor `uid` */
    SLOT_WORKSPACE,
    SLOT_NONE,      /* 0 */
    SLOT_VALUE,     /* `bytes` bytes of host memory of tensor `uid` as 16 bytes of scalars */
    SLOT_CONSTANT   /* the double `constant` as scalar */
};

struct slot {
    int64_t uid;
    double constant;
    uint32_t kind;
    uint32_t bytes;
};

struct program {
    uint32_t version;
    uint32_t bytes; /* of the whole block */
    uint32_t op;    /* enum maf_op_kind */
    uint32_t op_bytes;
    uint32_t slots;
    uint32_t device; /* for which `info` is */
    struct maf_plan_info info;
    struct slot slot[]; /* then the op's description */
};

enum { PROGRAM_VERSION = 1, MAX_CHILDREN = 256, MAX_VALUES = 64 };

static inline void *program_op(const struct program *program)
{
    return (void *)(program->slot + program->slots);
}

struct program *program_new(uint32_t op, const void *description, uint32_t op_bytes, const struct slot *slots,
                            uint32_t count);

/* Makes the op's plan for the current device. */
cudnnStatus_t program_plan(struct program *program);
cudnnStatus_t program_run(cudnnHandle_t handle, const struct program *program, const struct body *pack);

/* A convolution graph as one convolution op; NULL where it is another one. Nothing is recorded as an error. */
struct program *convolution_program(const struct body *graph);
cudnnStatus_t convolution_check(const struct body *operation);
int is_convolution(int descriptor);

/* Any graph as a graph op. */
cudnnStatus_t graph_program(const struct body *graph, struct program **program);

/* An execution plan's JSON text and back. */
cudnnStatus_t program_write(struct body *plan, const struct program *program);
cudnnStatus_t program_read(const struct attribute *text, struct program **program);

struct body *body_new(int type);
struct body *body_retain(struct body *body);
void body_release(struct body *body);

const struct attribute *attribute_find(const struct body *body, int name);
const void *attribute_data(const struct attribute *attribute);
cudnnStatus_t attribute_set(struct body *body, int name, int type, int64_t count, const void *elements);

/* First element of an attribute, or `missing`. */
int64_t attribute_int(const struct body *body, int name, int64_t missing);
double attribute_real(const struct body *body, int name, double missing);
const struct body *attribute_body(const struct body *body, int name);

/* Bytes of one element of an attribute type, 0 for an unknown type. */
size_t attribute_type_bytes(int type);

/* Checks a descriptor and computes what it stands for. */
cudnnStatus_t body_finalize(struct body *body);

#endif
