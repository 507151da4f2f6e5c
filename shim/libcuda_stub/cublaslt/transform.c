/* cublasLtMatrixTransform: C = alpha op(A) + beta op(B), with conversion of types and orders, as a tensor operation. */

#include "front.h"

/* Strides of a matrix over (batch, rows of C, columns of C). 0 if its shape does not fit. */
static int place(const struct maf_lt_layout *m, int trans, const struct maf_lt_layout *c, int64_t strides[8])
{
    int64_t row = m->order == CUBLASLT_ORDER_COL ? 1 : m->ld, col = m->order == CUBLASLT_ORDER_COL ? m->ld : 1;
    strides[0] = m->stride;
    strides[1] = trans ? col : row;
    strides[2] = trans ? row : col;
    return (trans ? m->cols : m->rows) == c->rows && (trans ? m->rows : m->cols) == c->cols && m->batch == c->batch &&
           m->ld >= (int64_t)(m->order == CUBLASLT_ORDER_COL ? m->rows : m->cols);
}

static int has_code(const struct maf_lt_layout *m)
{
    int64_t type = maf_dtype_of((cudaDataType_t)m->type);
    return (m->order == CUBLASLT_ORDER_COL || m->order == CUBLASLT_ORDER_ROW) &&
           m->batch_mode == CUBLASLT_BATCH_MODE_STRIDED && type != MAF_NO_TYPE && type != MAF_C64 && type != MAF_C128;
}

cublasStatus_t cublasLtMatrixTransform(cublasLtHandle_t handle, cublasLtMatrixTransformDesc_t desc, const void *alpha,
                                       const void *a, cublasLtMatrixLayout_t layout_a, const void *beta, const void *b,
                                       cublasLtMatrixLayout_t layout_b, void *c, cublasLtMatrixLayout_t layout_c,
                                       void *stream)
{
    enum { ADD = 1 };
    struct maf_op_elementwise op = {.function = ADD, .rank = 3};
    double scalars[4] = {0}, value[2] = {0};
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    if (!desc || !layout_c || !c || (a && (!layout_a || !alpha)) || (b && (!layout_b || !beta)) || (!a && !b) ||
        (unsigned)desc->transa > CUBLAS_OP_C || (unsigned)desc->transb > CUBLAS_OP_C) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    /* Without one of the two, the other one stands for both, once with a factor of zero. */
    const struct maf_lt_layout *first = a ? layout_a : layout_b, *second = b ? layout_b : layout_a;
    int trans_first = a ? desc->transa : desc->transb, trans_second = b ? desc->transb : desc->transa;
    int64_t scale = maf_dtype_of((cudaDataType_t)desc->scale_type);
    if (!has_code(first) || !has_code(second) || !has_code(layout_c) || desc->pointer_mode != CUBLASLT_POINTER_MODE_HOST ||
        scale == MAF_NO_TYPE || scale == MAF_C64 || scale == MAF_C128) {
        maf_unsupported("cublaslt", "cublasLtMatrixTransform of these types, orders or scalars");
        return CUBLAS_STATUS_NOT_SUPPORTED;
    }
    if (!place(first, trans_first, layout_c, op.a_strides) || !place(second, trans_second, layout_c, op.b_strides) ||
        !place(layout_c, 0, layout_c, op.out_strides)) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    if (layout_c->rows == 0 || layout_c->cols == 0 || layout_c->batch == 0) {
        return CUBLAS_STATUS_SUCCESS;
    }
    op.dims[0] = layout_c->batch;
    op.dims[1] = (int64_t)layout_c->rows;
    op.dims[2] = (int64_t)layout_c->cols;
    op.type_a = maf_dtype_of((cudaDataType_t)first->type);
    op.type_b = maf_dtype_of((cudaDataType_t)second->type);
    op.type_out = op.type_c = maf_dtype_of((cudaDataType_t)layout_c->type);
    if (a) {
        maf_host_scalar(scale, alpha, value);
        scalars[0] = value[0];
    }
    if (b) {
        maf_host_scalar(scale, beta, value);
        scalars[1] = value[0];
    }
    uint64_t pointers[4] = {maf_address(c), maf_address(a ? a : b), maf_address(b ? b : a), 0};
    return maf_submit(stream, MAF_OP_ELEMENTWISE, &op, sizeof op, pointers, 4, scalars, sizeof scalars, "cublaslt",
                      "cublasLtMatrixTransform");
}
