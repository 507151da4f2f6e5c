/* What the files of the cuSPARSELt front share: its descriptors as plain data, inside the callers' opaque structures.
 * The first word of each says what it is, so that one that was never made, or is destroyed, is refused. */
#ifndef MAF_CUSPARSELT_FRONT_H
#define MAF_CUSPARSELT_FRONT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../../client/maf_client.h"
#include "../cublas/common.h"
#include "cusparselt.h"

#define HIDDEN __attribute__((visibility("hidden")))

enum maf_slt_kind {
    SLT_HANDLE = 0x4d61464c,
    SLT_MATRIX,
    SLT_MATMUL,
    SLT_SELECTION,
    SLT_PLAN
};

struct maf_slt_matrix {
    uint64_t kind;
    int64_t rows, cols, ld;
    int64_t batch, stride; /* elements */
    int32_t type;          /* maf_dtype */
    int32_t order;         /* 1 columns, 2 rows */
    int32_t structured;
};

struct maf_slt_matmul {
    uint64_t kind;
    struct maf_slt_matrix a, b, c, d;
    int32_t op_a, op_b;
    int32_t compute; /* cusparseComputeType */
    int32_t relu, gelu, alpha_vector, beta_vector;
    float upper_bound, threshold, gelu_scale;
    int64_t bias_stride;
    uint64_t bias;
    uint64_t sparse_matrix;
};

struct maf_slt_selection {
    uint64_t kind;
    int32_t id, iterations, split_k, split_mode, split_buffers;
};

struct maf_slt_plan {
    uint64_t kind;
    struct maf_slt_matmul matmul;
};

_Static_assert(sizeof(struct maf_slt_plan) <= sizeof(cusparseLtMatmulPlan_t), "cusparseLtMatmulPlan_t");

#define NEED(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            return CUSPARSE_STATUS_INVALID_VALUE;                                                                      \
    } while (0)

/* NOT_INITIALIZED for a handle that cusparseLtInit did not make. */
#define NEED_HANDLE(handle)                                                                                            \
    do {                                                                                                               \
        if (!(handle) || (handle)->data[0] != SLT_HANDLE)                                                              \
            return CUSPARSE_STATUS_NOT_INITIALIZED;                                                                    \
    } while (0)

static inline const void *slt_get(const void *opaque, enum maf_slt_kind kind)
{
    return opaque && *(const uint64_t *)opaque == (uint64_t)kind ? opaque : NULL;
}

/* The sparse operand of a product. */
static inline const struct maf_slt_matrix *slt_sparse(const struct maf_slt_matmul *m)
{
    return m->a.structured ? &m->a : &m->b;
}

static inline int slt_sparse_op(const struct maf_slt_matmul *m)
{
    return m->a.structured ? m->op_a : m->op_b;
}

/* The description of a structured op on a matrix; is_a: it is the product's left factor. The dense form lies as the
 * matrix says, or, with `packed`, row by row along the multiplied dimension. */
HIDDEN struct maf_op_structured slt_describe(const struct maf_slt_matrix *m, int is_a, int op, int routine, int packed);
HIDDEN cusparseStatus_t slt_submit(void *stream, const struct maf_op_structured *op, const void *dense,
                                   const void *other, const char *function);
HIDDEN cusparseStatus_t slt_status(int cublas_status);

#endif
