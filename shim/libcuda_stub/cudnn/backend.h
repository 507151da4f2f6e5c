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
    void *payload; /* of operation graphs: struct conv_graph; of execution plans: struct maf_plan_info */
};

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
