/* What the files of the cuSPARSE front share: handle and descriptors as plain data, and the way to a sparse op. */
#ifndef MAF_CUSPARSE_FRONT_H
#define MAF_CUSPARSE_FRONT_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cusparse.h"
#include "maf_client.h"

#define HIDDEN __attribute__((visibility("hidden")))

struct cusparseContext {
    void *stream;
    int pointer_mode; /* 0 host, 1 device */
};

struct cusparseMatDescr {
    int type;
    int fill;
    int diagonal;
    int base;
};

struct cusparseSpMatDescr {
    int format; /* maf_sparse_format */
    int64_t rows, cols, nnz; /* of blocks, for BSR */
    int64_t block_rows, block_cols;
    int block_by_columns;
    void *offsets, *indices, *values; /* COO: offsets are the row numbers */
    int offset_type, index_type;      /* cusparseIndexType_t */
    int base;
    int type; /* cudaDataType_t */
    int fill, diagonal;
    int64_t batch, stride_offsets, stride_indices, stride_values;
};

struct cusparseDnMatDescr {
    int64_t rows, cols, ld;
    void *values;
    int type;
    int order; /* 1 column major, 2 row major */
    int64_t batch, stride;
};

struct cusparseDnVecDescr {
    int64_t size;
    void *values;
    int type;
};

struct cusparseSpVecDescr {
    int64_t size, nnz;
    void *indices, *values;
    int index_type;
    int base;
    int type;
};

/* Operand numbers of struct maf_op_sparse's pointers. */
enum { A_OFFSETS, A_INDICES, A_VALUES, B_OFFSETS, B_INDICES, B_VALUES, C_OFFSETS, C_INDICES, C_VALUES, EXTRA, ALPHA,
       BETA, OPERANDS };

/* One op on its way. */
struct call {
    struct maf_op_sparse op;
    uint64_t pointers[OPERANDS];
    double scalars[4];
};

static inline uint64_t address(const void *p)
{
    return (uint64_t)(uintptr_t)p;
}

/* maf_dtype of a cudaDataType_t, -1 for types without code. */
HIDDEN int64_t maf_sparse_type(int data_type);
/* alpha and beta (either may be NULL) by the handle's pointer mode, in the computing type. */
HIDDEN cusparseStatus_t maf_sparse_scalars(cusparseHandle_t handle, struct call *call, const void *alpha,
                                           const void *beta, int compute_type);
HIDDEN void maf_sparse_operand(struct call *call, const struct cusparseSpMatDescr *a);
HIDDEN void maf_sparse_dense_b(struct call *call, const struct cusparseDnMatDescr *b);
HIDDEN void maf_sparse_dense_c(struct call *call, const struct cusparseDnMatDescr *c);
/* A vector as a matrix of one column. */
HIDDEN struct cusparseDnMatDescr maf_sparse_column(const struct cusparseDnVecDescr *v);
/* A BSR matrix of square blocks as the older interface describes it. direction: 0 rows of a block, 1 columns. */
HIDDEN struct cusparseSpMatDescr maf_sparse_blocks(int direction, int mb, int nb, int nnzb,
                                                   const cusparseMatDescr_t descriptor, int data_type,
                                                   const void *values, const int *offsets, const int *indices,
                                                   int size);
HIDDEN cusparseStatus_t maf_sparse_submit(cusparseHandle_t handle, struct call *call);
/* Submits what leaves a count of nonzeros at the start of buffer, and waits for it. */
HIDDEN cusparseStatus_t maf_sparse_count(cusparseHandle_t handle, struct call *call, void *buffer, int64_t *count);

#define NEED(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            return CUSPARSE_STATUS_INVALID_VALUE;                                                                      \
    } while (0)
#define NEED_HANDLE(handle)                                                                                            \
    do {                                                                                                               \
        if (!(handle))                                                                                                 \
            return CUSPARSE_STATUS_NOT_INITIALIZED;                                                                    \
    } while (0)

static inline cusparseStatus_t no_buffer(cusparseHandle_t handle, size_t *bytes)
{
    if (!handle)
        return CUSPARSE_STATUS_NOT_INITIALIZED;
    if (!bytes)
        return CUSPARSE_STATUS_INVALID_VALUE;
    *bytes = 8; /* some programs take 0 for an error */
    return CUSPARSE_STATUS_SUCCESS;
}

#endif
