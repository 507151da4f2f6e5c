/* Descriptors of the generic interface: plain data. */
#include "front.h"

#define NEW(out, ...)                                                                                                  \
    do {                                                                                                               \
        if (!(out))                                                                                                    \
            return CUSPARSE_STATUS_INVALID_VALUE;                                                                      \
        *(out) = malloc(sizeof **(out));                                                                               \
        if (!*(out))                                                                                                   \
            return CUSPARSE_STATUS_ALLOC_FAILED;                                                                       \
        **(out) = __VA_ARGS__;                                                                                         \
        return CUSPARSE_STATUS_SUCCESS;                                                                                \
    } while (0)

static int index_type(int type)
{
    return type == 2 || type == 3; /* 32I, 64I; the 16-bit type has no user */
}

/* --- sparse matrices ---- */

cusparseStatus_t cusparseCreateCsr(cusparseSpMatDescr_t *matrix, int64_t rows, int64_t cols, int64_t nnz, void *offsets,
                                   void *indices, void *values, int offset_type, int column_type, int base, int type)
{
    NEED(rows >= 0 && cols >= 0 && nnz >= 0 && index_type(offset_type) && index_type(column_type));
    NEW(matrix, (struct cusparseSpMatDescr){.format = MAF_CSR, .rows = rows, .cols = cols, .nnz = nnz,
                                            .offsets = offsets, .indices = indices, .values = values,
                                            .offset_type = offset_type, .index_type = column_type, .base = base,
                                            .type = type, .batch = 1});
}

cusparseStatus_t cusparseCreateConstCsr(cusparseSpMatDescr_t *matrix, int64_t rows, int64_t cols, int64_t nnz,
                                        const void *offsets, const void *indices, const void *values, int offset_type,
                                        int column_type, int base, int type)
{
    return cusparseCreateCsr(matrix, rows, cols, nnz, (void *)offsets, (void *)indices, (void *)values, offset_type,
                             column_type, base, type);
}

cusparseStatus_t cusparseCreateCsc(cusparseSpMatDescr_t *matrix, int64_t rows, int64_t cols, int64_t nnz, void *offsets,
                                   void *indices, void *values, int offset_type, int row_type, int base, int type)
{
    NEED(rows >= 0 && cols >= 0 && nnz >= 0 && index_type(offset_type) && index_type(row_type));
    NEW(matrix, (struct cusparseSpMatDescr){.format = MAF_CSC, .rows = rows, .cols = cols, .nnz = nnz,
                                            .offsets = offsets, .indices = indices, .values = values,
                                            .offset_type = offset_type, .index_type = row_type, .base = base,
                                            .type = type, .batch = 1});
}

cusparseStatus_t cusparseCreateCoo(cusparseSpMatDescr_t *matrix, int64_t rows, int64_t cols, int64_t nnz,
                                   void *row_numbers, void *column_numbers, void *values, int number_type, int base,
                                   int type)
{
    NEED(rows >= 0 && cols >= 0 && nnz >= 0 && index_type(number_type));
    NEW(matrix, (struct cusparseSpMatDescr){.format = MAF_COO, .rows = rows, .cols = cols, .nnz = nnz,
                                            .offsets = row_numbers, .indices = column_numbers, .values = values,
                                            .offset_type = number_type, .index_type = number_type, .base = base,
                                            .type = type, .batch = 1});
}

cusparseStatus_t cusparseCreateConstCoo(cusparseSpMatDescr_t *matrix, int64_t rows, int64_t cols, int64_t nnz,
                                        const void *row_numbers, const void *column_numbers, const void *values,
                                        int number_type, int base, int type)
{
    return cusparseCreateCoo(matrix, rows, cols, nnz, (void *)row_numbers, (void *)column_numbers, (void *)values,
                             number_type, base, type);
}

cusparseStatus_t cusparseCreateBsr(cusparseSpMatDescr_t *matrix, int64_t block_rows, int64_t block_cols, int64_t blocks,
                                   int64_t block_height, int64_t block_width, void *offsets, void *indices,
                                   void *values, int offset_type, int column_type, int base, int type, int order)
{
    NEED(block_rows >= 0 && block_cols >= 0 && blocks >= 0 && block_height > 0 && block_width > 0);
    NEED(index_type(offset_type) && index_type(column_type) && (order == 1 || order == 2));
    NEW(matrix, (struct cusparseSpMatDescr){.format = MAF_BSR, .rows = block_rows, .cols = block_cols, .nnz = blocks,
                                            .block_rows = block_height, .block_cols = block_width,
                                            .block_by_columns = order == 1, .offsets = offsets, .indices = indices,
                                            .values = values, .offset_type = offset_type, .index_type = column_type,
                                            .base = base, .type = type, .batch = 1});
}

cusparseStatus_t cusparseDestroySpMat(cusparseSpMatDescr_t matrix)
{
    free(matrix);
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseSpMatGetSize(cusparseSpMatDescr_t matrix, int64_t *rows, int64_t *cols, int64_t *nnz)
{
    NEED(matrix && rows && cols && nnz);
    *rows = matrix->rows;
    *cols = matrix->cols;
    *nnz = matrix->nnz;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseSpMatGetFormat(cusparseSpMatDescr_t matrix, int *format)
{
    static const int formats[] = {[MAF_CSR] = 1, [MAF_CSC] = 2, [MAF_COO] = 3, [MAF_BSR] = 6};
    NEED(matrix && format);
    *format = formats[matrix->format];
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseSpMatGetIndexBase(cusparseSpMatDescr_t matrix, int *base)
{
    NEED(matrix && base);
    *base = matrix->base;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseSpMatGetValues(cusparseSpMatDescr_t matrix, void **values)
{
    NEED(matrix && values);
    *values = matrix->values;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseSpMatSetValues(cusparseSpMatDescr_t matrix, void *values)
{
    NEED(matrix);
    matrix->values = values;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseSpMatSetAttribute(cusparseSpMatDescr_t matrix, int attribute, const void *data, size_t bytes)
{
    int value;
    NEED(matrix && data && bytes == sizeof value && (attribute == 0 || attribute == 1));
    memcpy(&value, data, sizeof value);
    NEED(value == 0 || value == 1);
    *(attribute ? &matrix->diagonal : &matrix->fill) = value;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseSpMatGetAttribute(cusparseSpMatDescr_t matrix, int attribute, void *data, size_t bytes)
{
    NEED(matrix && data && bytes == sizeof(int) && (attribute == 0 || attribute == 1));
    memcpy(data, attribute ? &matrix->diagonal : &matrix->fill, sizeof(int));
    return CUSPARSE_STATUS_SUCCESS;
}

static cusparseStatus_t set_pointers(cusparseSpMatDescr_t matrix, int format, void *offsets, void *indices,
                                     void *values)
{
    NEED(matrix && matrix->format == format);
    matrix->offsets = offsets;
    matrix->indices = indices;
    matrix->values = values;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseCsrSetPointers(cusparseSpMatDescr_t matrix, void *offsets, void *indices, void *values)
{
    return set_pointers(matrix, MAF_CSR, offsets, indices, values);
}

cusparseStatus_t cusparseCscSetPointers(cusparseSpMatDescr_t matrix, void *offsets, void *indices, void *values)
{
    return set_pointers(matrix, MAF_CSC, offsets, indices, values);
}

cusparseStatus_t cusparseCooSetPointers(cusparseSpMatDescr_t matrix, void *rows, void *columns, void *values)
{
    return set_pointers(matrix, MAF_COO, rows, columns, values);
}

cusparseStatus_t cusparseCsrSetStridedBatch(cusparseSpMatDescr_t matrix, int batch, int64_t offsets, int64_t entries)
{
    NEED(matrix && batch > 0 && matrix->format == MAF_CSR);
    matrix->batch = batch;
    matrix->stride_offsets = offsets;
    matrix->stride_indices = matrix->stride_values = entries;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseCooSetStridedBatch(cusparseSpMatDescr_t matrix, int batch, int64_t entries)
{
    NEED(matrix && batch > 0 && matrix->format == MAF_COO);
    matrix->batch = batch;
    matrix->stride_offsets = matrix->stride_indices = matrix->stride_values = entries;
    return CUSPARSE_STATUS_SUCCESS;
}

/* --- dense matrices and vectors ---- */

cusparseStatus_t cusparseCreateDnMat(cusparseDnMatDescr_t *matrix, int64_t rows, int64_t cols, int64_t ld, void *values,
                                     int type, int order)
{
    NEED(rows >= 0 && cols >= 0 && (order == 1 || order == 2) && ld >= (order == 1 ? rows : cols));
    NEW(matrix, (struct cusparseDnMatDescr){.rows = rows, .cols = cols, .ld = ld, .values = values, .type = type,
                                            .order = order, .batch = 1});
}

cusparseStatus_t cusparseCreateConstDnMat(cusparseDnMatDescr_t *matrix, int64_t rows, int64_t cols, int64_t ld,
                                          const void *values, int type, int order)
{
    return cusparseCreateDnMat(matrix, rows, cols, ld, (void *)values, type, order);
}

cusparseStatus_t cusparseDestroyDnMat(cusparseDnMatDescr_t matrix)
{
    free(matrix);
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseDnMatGetValues(cusparseDnMatDescr_t matrix, void **values)
{
    NEED(matrix && values);
    *values = matrix->values;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseDnMatSetValues(cusparseDnMatDescr_t matrix, void *values)
{
    NEED(matrix);
    matrix->values = values;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseDnMatSetStridedBatch(cusparseDnMatDescr_t matrix, int batch, int64_t stride)
{
    NEED(matrix && batch > 0);
    matrix->batch = batch;
    matrix->stride = stride;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseCreateDnVec(cusparseDnVecDescr_t *vector, int64_t size, void *values, int type)
{
    NEED(size >= 0);
    NEW(vector, (struct cusparseDnVecDescr){.size = size, .values = values, .type = type});
}

cusparseStatus_t cusparseCreateConstDnVec(cusparseDnVecDescr_t *vector, int64_t size, const void *values, int type)
{
    return cusparseCreateDnVec(vector, size, (void *)values, type);
}

cusparseStatus_t cusparseDestroyDnVec(cusparseDnVecDescr_t vector)
{
    free(vector);
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseDnVecSetValues(cusparseDnVecDescr_t vector, void *values)
{
    NEED(vector);
    vector->values = values;
    return CUSPARSE_STATUS_SUCCESS;
}
