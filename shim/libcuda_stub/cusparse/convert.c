/* Sparse vectors, what descriptors hold, and conversions between formats. */
#include "front.h"

/* --- what descriptors hold ---- */

cusparseStatus_t cusparseCreateSpVec(cusparseSpVecDescr_t *vector, int64_t size, int64_t nnz, void *indices,
                                     void *values, int index_type, int base, int type)
{
    NEED(vector && size >= 0 && nnz >= 0 && nnz <= size && (index_type == 2 || index_type == 3));
    NEED(base == 0 || base == 1);
    *vector = malloc(sizeof **vector);
    if (!*vector)
        return CUSPARSE_STATUS_ALLOC_FAILED;
    **vector = (struct cusparseSpVecDescr){.size = size, .nnz = nnz, .indices = indices, .values = values,
                                           .index_type = index_type, .base = base, .type = type};
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseDestroySpVec(cusparseSpVecDescr_t vector)
{
    free(vector);
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseSpVecGet(cusparseSpVecDescr_t vector, int64_t *size, int64_t *nnz, void **indices,
                                  void **values, int *index_type, int *base, int *type)
{
    NEED(vector && size && nnz && indices && values && index_type && base && type);
    *size = vector->size;
    *nnz = vector->nnz;
    *indices = vector->indices;
    *values = vector->values;
    *index_type = vector->index_type;
    *base = vector->base;
    *type = vector->type;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseSpVecGetIndexBase(cusparseSpVecDescr_t vector, int *base)
{
    NEED(vector && base);
    *base = vector->base;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseSpVecGetValues(cusparseSpVecDescr_t vector, void **values)
{
    NEED(vector && values);
    *values = vector->values;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseSpVecSetValues(cusparseSpVecDescr_t vector, void *values)
{
    NEED(vector);
    vector->values = values;
    return CUSPARSE_STATUS_SUCCESS;
}

static cusparseStatus_t compressed_get(cusparseSpMatDescr_t matrix, int format, int64_t *rows, int64_t *cols,
                                       int64_t *nnz, void **offsets, void **indices, void **values, int *offset_type,
                                       int *index_type, int *base, int *type)
{
    NEED(matrix && matrix->format == format && rows && cols && nnz && offsets && indices && values);
    NEED(offset_type && index_type && base && type);
    *rows = matrix->rows;
    *cols = matrix->cols;
    *nnz = matrix->nnz;
    *offsets = matrix->offsets;
    *indices = matrix->indices;
    *values = matrix->values;
    *offset_type = matrix->offset_type;
    *index_type = matrix->index_type;
    *base = matrix->base;
    *type = matrix->type;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseCsrGet(cusparseSpMatDescr_t matrix, int64_t *rows, int64_t *cols, int64_t *nnz, void **offsets,
                                void **indices, void **values, int *offset_type, int *index_type, int *base, int *type)
{
    return compressed_get(matrix, MAF_CSR, rows, cols, nnz, offsets, indices, values, offset_type, index_type, base,
                          type);
}

cusparseStatus_t cusparseCscGet(cusparseSpMatDescr_t matrix, int64_t *rows, int64_t *cols, int64_t *nnz, void **offsets,
                                void **indices, void **values, int *offset_type, int *index_type, int *base, int *type)
{
    return compressed_get(matrix, MAF_CSC, rows, cols, nnz, offsets, indices, values, offset_type, index_type, base,
                          type);
}

cusparseStatus_t cusparseCooGet(cusparseSpMatDescr_t matrix, int64_t *rows, int64_t *cols, int64_t *nnz,
                                void **row_numbers, void **column_numbers, void **values, int *index_type, int *base,
                                int *type)
{
    int same;
    return compressed_get(matrix, MAF_COO, rows, cols, nnz, row_numbers, column_numbers, values, &same, index_type,
                          base, type);
}

cusparseStatus_t cusparseDnMatGet(cusparseDnMatDescr_t matrix, int64_t *rows, int64_t *cols, int64_t *ld, void **values,
                                  int *type, int *order)
{
    NEED(matrix && rows && cols && ld && values && type && order);
    *rows = matrix->rows;
    *cols = matrix->cols;
    *ld = matrix->ld;
    *values = matrix->values;
    *type = matrix->type;
    *order = matrix->order;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseDnVecGet(cusparseDnVecDescr_t vector, int64_t *size, void **values, int *type)
{
    NEED(vector && size && values && type);
    *size = vector->size;
    *values = vector->values;
    *type = vector->type;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseDnVecGetValues(cusparseDnVecDescr_t vector, void **values)
{
    NEED(vector && values);
    *values = vector->values;
    return CUSPARSE_STATUS_SUCCESS;
}

/* --- sparse vectors ---- */

static cusparseStatus_t vector_call(cusparseHandle_t handle, struct call *call, int routine,
                                    const struct cusparseSpVecDescr *x, const struct cusparseDnVecDescr *y)
{
    NEED_HANDLE(handle);
    NEED(x && y && x->size == y->size && x->type == y->type);
    struct maf_op_sparse *op = &call->op;
    op->routine = routine;
    op->type = op->type_c = maf_sparse_type(x->type);
    op->format = MAF_COO;
    op->rows = x->size;
    op->cols = 1;
    op->nnz = x->nnz;
    op->base = x->base;
    op->offset_bytes = op->index_bytes = x->index_type == 2 ? 4 : 8;
    call->pointers[A_INDICES] = address(x->indices);
    call->pointers[A_VALUES] = address(x->values);
    call->pointers[C_VALUES] = address(y->values);
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseAxpby(cusparseHandle_t handle, const void *alpha, cusparseSpVecDescr_t x, const void *beta,
                               cusparseDnVecDescr_t y)
{
    NEED_HANDLE(handle);
    struct call call = {0};
    cusparseStatus_t status = vector_call(handle, &call, MAF_SPARSE_AXPBY, x, y);
    if (status)
        return status;
    NEED(alpha && beta);
    /* Half types have their scalars in float. */
    status = maf_sparse_scalars(handle, &call, alpha, beta, x->type == 2 || x->type == 14 ? 0 : x->type);
    return status ? status : maf_sparse_submit(handle, &call);
}

cusparseStatus_t cusparseGather(cusparseHandle_t handle, cusparseDnVecDescr_t y, cusparseSpVecDescr_t x)
{
    NEED_HANDLE(handle);
    struct call call = {0};
    cusparseStatus_t status = vector_call(handle, &call, MAF_SPARSE_GATHER, x, y);
    return status ? status : maf_sparse_submit(handle, &call);
}

cusparseStatus_t cusparseScatter(cusparseHandle_t handle, cusparseSpVecDescr_t x, cusparseDnVecDescr_t y)
{
    NEED_HANDLE(handle);
    struct call call = {0};
    cusparseStatus_t status = vector_call(handle, &call, MAF_SPARSE_SCATTER, x, y);
    return status ? status : maf_sparse_submit(handle, &call);
}

/* The result's room in device memory, where it is wanted on the host. */
enum { RESULT_BYTES = 16 };

cusparseStatus_t cusparseSpVV_bufferSize(cusparseHandle_t handle, int op, cusparseSpVecDescr_t x,
                                         cusparseDnVecDescr_t y, const void *result, int compute_type, size_t *bytes)
{
    NEED_HANDLE(handle);
    (void)result, (void)compute_type;
    NEED_HANDLE(handle);
    NEED(x && y && bytes && (op == 0 || op == 2));
    *bytes = RESULT_BYTES;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseSpVV(cusparseHandle_t handle, int op, cusparseSpVecDescr_t x, cusparseDnVecDescr_t y,
                              void *result, int compute_type, void *buffer)
{
    NEED_HANDLE(handle);
    static const uint8_t sizes[] = {[MAF_F32] = 4, [MAF_F64] = 8, [MAF_C64] = 8, [MAF_C128] = 16};
    struct call call = {0};
    cusparseStatus_t status = vector_call(handle, &call, MAF_SPARSE_DOT, x, y);
    if (status)
        return status;
    NEED(result && (op == 0 || op == 2) && (buffer || handle->pointer_mode));
    int64_t type = maf_sparse_type(compute_type);
    if (type < 0 || type == MAF_F16 || type == MAF_BF16)
        return CUSPARSE_STATUS_NOT_SUPPORTED;
    call.op.op_a = op;
    call.op.type_compute = type;
    call.pointers[EXTRA] = address(handle->pointer_mode ? result : buffer);
    status = maf_sparse_submit(handle, &call);
    if (status || handle->pointer_mode)
        return status;
    return maf_stream_sync(handle->stream) || maf_read(result, address(buffer), sizes[type])
               ? CUSPARSE_STATUS_EXECUTION_FAILED
               : CUSPARSE_STATUS_SUCCESS;
}

/* --- dense and sparse ---- */

static int same_shape(const struct cusparseSpMatDescr *a, const struct cusparseDnMatDescr *b)
{
    int64_t height = a->format == MAF_BSR ? a->block_rows : 1, width = a->format == MAF_BSR ? a->block_cols : 1;
    return a->rows * height == b->rows && a->cols * width == b->cols && a->type == b->type;
}

cusparseStatus_t cusparseSparseToDense_bufferSize(cusparseHandle_t handle, cusparseSpMatDescr_t a,
                                                  cusparseDnMatDescr_t b, int algorithm, size_t *bytes)
{
    NEED_HANDLE(handle);
    (void)a, (void)b, (void)algorithm;
    return no_buffer(handle, bytes);
}

cusparseStatus_t cusparseSparseToDense(cusparseHandle_t handle, cusparseSpMatDescr_t a, cusparseDnMatDescr_t b,
                                       int algorithm, void *buffer)
{
    NEED_HANDLE(handle);
    struct call call = {.op = {.routine = MAF_SPARSE_TO_DENSE}};
    (void)algorithm, (void)buffer;
    NEED_HANDLE(handle);
    NEED(a && b && same_shape(a, b));
    maf_sparse_operand(&call, a);
    maf_sparse_dense_c(&call, b);
    call.op.batch = b->batch;
    return maf_sparse_submit(handle, &call);
}

static cusparseStatus_t from_dense(cusparseHandle_t handle, struct call *call, int routine,
                                   const struct cusparseDnMatDescr *a, const struct cusparseSpMatDescr *b)
{
    NEED_HANDLE(handle);
    NEED(a && b && same_shape(b, a));
    if (b->format == MAF_BSR || a->batch > 1) {
        maf_unsupported("cusparse", "cusparseDenseToSparse into blocks or of a batch");
        return CUSPARSE_STATUS_NOT_SUPPORTED;
    }
    maf_sparse_operand(call, b);
    maf_sparse_dense_b(call, a);
    call->op.routine = routine;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseDenseToSparse_bufferSize(cusparseHandle_t handle, cusparseDnMatDescr_t a,
                                                  cusparseSpMatDescr_t b, int algorithm, size_t *bytes)
{
    NEED_HANDLE(handle);
    (void)a, (void)b, (void)algorithm;
    return no_buffer(handle, bytes);
}

/* Counts the nonzeros: it waits for the stream, as the count goes into B's descriptor. */
cusparseStatus_t cusparseDenseToSparse_analysis(cusparseHandle_t handle, cusparseDnMatDescr_t a,
                                                cusparseSpMatDescr_t b, int algorithm, void *buffer)
{
    NEED_HANDLE(handle);
    struct call call = {0};
    (void)algorithm;
    cusparseStatus_t status = from_dense(handle, &call, MAF_SPARSE_COUNT, a, b);
    if (status)
        return status;
    NEED(buffer);
    call.op.nnz = 0;
    return maf_sparse_count(handle, &call, buffer, &b->nnz);
}

cusparseStatus_t cusparseDenseToSparse_convert(cusparseHandle_t handle, cusparseDnMatDescr_t a, cusparseSpMatDescr_t b,
                                               int algorithm, void *buffer)
{
    NEED_HANDLE(handle);
    struct call call = {0};
    (void)algorithm, (void)buffer;
    cusparseStatus_t status = from_dense(handle, &call, MAF_SPARSE_FROM_DENSE, a, b);
    return status ? status : maf_sparse_submit(handle, &call);
}

/* --- between compressed and coordinate forms ---- */

cusparseStatus_t cusparseXcsr2coo(cusparseHandle_t handle, const int *offsets, int nnz, int rows, int *row_numbers,
                                  int base)
{
    NEED_HANDLE(handle);
    struct call call = {.op = {.routine = MAF_SPARSE_EXPAND, .format = MAF_CSR, .rows = rows, .nnz = nnz, .base = base,
                               .offset_bytes = 4, .index_bytes = 4}};
    NEED_HANDLE(handle);
    NEED(nnz >= 0 && rows >= 0 && (base == 0 || base == 1) && offsets && (row_numbers || !nnz));
    call.pointers[A_OFFSETS] = address(offsets);
    call.pointers[A_INDICES] = address(row_numbers);
    return maf_sparse_submit(handle, &call);
}

cusparseStatus_t cusparseCsr2cscEx2_bufferSize(cusparseHandle_t handle, int m, int n, int nnz, const void *values,
                                               const int *offsets, const int *indices, void *out_values,
                                               int *out_offsets, int *out_indices, int type, int action, int base,
                                               int algorithm, size_t *bytes)
{
    NEED_HANDLE(handle);
    NEED(m >= 0 && n >= 0 && nnz >= 0 && (base == 0 || base == 1));
    (void)m, (void)n, (void)nnz, (void)values, (void)offsets, (void)indices, (void)out_values, (void)out_offsets;
    (void)out_indices, (void)type, (void)action, (void)base, (void)algorithm;
    return no_buffer(handle, bytes);
}

cusparseStatus_t cusparseCsr2cscEx2(cusparseHandle_t handle, int m, int n, int nnz, const void *values,
                                    const int *offsets, const int *indices, void *out_values, int *out_offsets,
                                    int *out_indices, int type, int action, int base, int algorithm, void *buffer)
{
    NEED_HANDLE(handle);
    struct call call = {.op = {.routine = MAF_SPARSE_TURN, .format = MAF_CSR, .rows = m, .cols = n, .nnz = nnz,
                               .base = base, .offset_bytes = 4, .index_bytes = 4}};
    (void)algorithm, (void)buffer;
    NEED_HANDLE(handle);
    NEED(m >= 0 && n >= 0 && nnz >= 0 && (base == 0 || base == 1) && (action == 0 || action == 1));
    NEED(offsets && out_offsets && (!nnz || (indices && out_indices && (!action || (values && out_values)))));
    call.op.type = call.op.type_c = maf_sparse_type(type);
    call.pointers[A_OFFSETS] = address(offsets);
    call.pointers[A_INDICES] = address(indices);
    call.pointers[A_VALUES] = address(values);
    call.pointers[C_OFFSETS] = address(out_offsets);
    call.pointers[C_INDICES] = address(out_indices);
    call.pointers[C_VALUES] = action ? address(out_values) : 0; /* CUSPARSE_ACTION_SYMBOLIC, NUMERIC */
    return maf_sparse_submit(handle, &call);
}
