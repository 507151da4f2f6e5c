/* Triangular solves with BSR matrices (bsrsv2, bsrsm2). The analysis keeps where the matrix is, for the question after
 * zero pivots; the solve itself needs nothing from it. */
#include "front.h"

struct bsrInfo {
    struct cusparseSpMatDescr matrix;
    size_t element_bytes;
    int analysed;
};

static cusparseStatus_t create(cusparseBsrInfo_t *info)
{
    if (!info)
        return CUSPARSE_STATUS_INVALID_VALUE;
    *info = calloc(1, sizeof **info);
    return *info ? CUSPARSE_STATUS_SUCCESS : CUSPARSE_STATUS_ALLOC_FAILED;
}

static cusparseStatus_t analyse(cusparseHandle_t handle, cusparseBsrInfo_t info, struct cusparseSpMatDescr matrix,
                                size_t element_bytes)
{
    if (!handle)
        return CUSPARSE_STATUS_NOT_INITIALIZED;
    if (!info)
        return CUSPARSE_STATUS_INVALID_VALUE;
    *info = (struct bsrInfo){matrix, element_bytes, 1};
    return CUSPARSE_STATUS_SUCCESS;
}

/* Whether all parts of an element are zeros, of either sign; a part is a float or a double. */
static int is_zero(const char *element, size_t bytes, size_t part)
{
    for (size_t i = 0; i < bytes; i++) {
        int sign = i % part == part - 1 ? 0x80 : 0;
        if (element[i] & 0xff & ~sign)
            return 0;
    }
    return 1;
}

/* Whether a diagonal block has a zero on its diagonal. */
static int singular(const char *block, const struct bsrInfo *info)
{
    int64_t size = info->matrix.block_rows;
    size_t bytes = info->element_bytes, part = info->matrix.type == 0 || info->matrix.type == 4 ? 4 : 8;
    for (int64_t i = 0; i < size; i++)
        if (is_zero(block + (size_t)(i * (size + 1)) * bytes, bytes, part))
            return 1;
    return 0;
}

/* A host copy of device memory, to be freed; NULL on error. */
static void *fetched(const void *device, size_t bytes)
{
    void *copy = malloc(bytes + 1);
    if (copy && bytes && maf_read(copy, address(device), bytes)) {
        free(copy);
        return NULL;
    }
    return copy;
}

/* First block row whose diagonal block is missing or has a zero on its diagonal; -1 if there is none, -2 on error. */
static int first_zero_pivot(const struct bsrInfo *info)
{
    const struct cusparseSpMatDescr *a = &info->matrix;
    size_t block_bytes = (size_t)(a->block_rows * a->block_cols) * info->element_bytes;
    int *offsets = fetched(a->offsets, (size_t)(a->rows + 1) * sizeof *offsets);
    int *indices = fetched(a->indices, (size_t)a->nnz * sizeof *indices);
    char *values = fetched(a->values, (size_t)a->nnz * block_bytes);
    int found = -2;
    if (offsets && indices && values) {
        found = -1;
        for (int row = 0; row < a->rows && found < 0; row++) {
            int at = offsets[row] - a->base, end = offsets[row + 1] - a->base;
            while (at < end && indices[at] - a->base != row)
                at++;
            if (at == end || singular(values + (size_t)at * block_bytes, info))
                found = row + a->base;
        }
    }
    free(offsets);
    free(indices);
    free(values);
    return found;
}

static cusparseStatus_t zero_pivot(cusparseHandle_t handle, cusparseBsrInfo_t info, int *position)
{
    if (!handle)
        return CUSPARSE_STATUS_NOT_INITIALIZED;
    if (!info || !info->analysed || !position)
        return CUSPARSE_STATUS_INVALID_VALUE;
    if (maf_stream_sync(handle->stream))
        return CUSPARSE_STATUS_EXECUTION_FAILED;
    int found = info->matrix.diagonal ? -1 : first_zero_pivot(info);
    if (found == -2)
        return CUSPARSE_STATUS_EXECUTION_FAILED;
    if (handle->pointer_mode == 0)
        *position = found;
    else if (maf_write(address(position), &found, sizeof found))
        return CUSPARSE_STATUS_EXECUTION_FAILED;
    return found < 0 ? CUSPARSE_STATUS_SUCCESS : CUSPARSE_STATUS_ZERO_PIVOT;
}

/* op(A) Y = alpha X, both stored transposed where op_xy says so: that is a row major matrix. */
static cusparseStatus_t solve(cusparseHandle_t handle, int op, int op_xy, int n, const void *alpha,
                              struct cusparseSpMatDescr a, const void *x, int ldx, void *y, int ldy)
{
    if (op_xy == 2 && (a.type == 4 || a.type == 5)) {
        maf_unsupported("cusparse", "bsrsm2 with conjugated right-hand sides");
        return CUSPARSE_STATUS_NOT_SUPPORTED;
    }
    int64_t size = a.rows * a.block_rows;
    struct cusparseDnMatDescr in = {.rows = size, .cols = n, .ld = ldx, .values = (void *)x, .type = a.type,
                                    .order = op_xy ? 2 : 1, .batch = 1};
    struct cusparseDnMatDescr out = in;
    out.ld = ldy;
    out.values = y;
    return cusparseSpSM_solve(handle, op, 0, alpha, &a, &in, &out, a.type, 0, NULL);
}

static int wrong(int mb, int n, int nnzb, const cusparseMatDescr_t descriptor, int size, const void *info)
{
    return mb < 0 || n < 0 || nnzb < 0 || !descriptor || size <= 0 || !info;
}

static cusparseStatus_t small_buffer(cusparseHandle_t handle, int *bytes)
{
    size_t needed = 0;
    cusparseStatus_t status = bytes ? no_buffer(handle, &needed) : CUSPARSE_STATUS_INVALID_VALUE;
    if (!status)
        *bytes = (int)needed;
    return status;
}

#define INFO(Name, Routine)                                                                                            \
    cusparseStatus_t cusparseCreate##Name##Info(cusparseBsrInfo_t *info)                                               \
    {                                                                                                                  \
        return create(info);                                                                                           \
    }                                                                                                                  \
    cusparseStatus_t cusparseDestroy##Name##Info(cusparseBsrInfo_t info)                                               \
    {                                                                                                                  \
        free(info);                                                                                                    \
        return CUSPARSE_STATUS_SUCCESS;                                                                                \
    }                                                                                                                  \
    cusparseStatus_t cusparseX##Routine##_zeroPivot(cusparseHandle_t handle, cusparseBsrInfo_t info, int *position)    \
    {                                                                                                                  \
        NEED_HANDLE(handle);                                                                                           \
        return zero_pivot(handle, info, position);                                                                     \
    }
INFO(Bsrsv2, bsrsv2)
INFO(Bsrsm2, bsrsm2)

#define TYPED(L, T, BYTES)                                                                                             \
    cusparseStatus_t cusparse##L##bsrsv2_bufferSize(                                                                   \
        cusparseHandle_t handle, int direction, int op, int mb, int nnzb, const cusparseMatDescr_t descriptor,         \
        void *values, const int *offsets, const int *indices, int size, cusparseBsrInfo_t info, int *bytes)            \
    {                                                                                                                  \
        NEED_HANDLE(handle);                                                                                           \
        NEED((unsigned)op <= 2);                                                                                       \
        NEED(mb >= 0 && nnzb >= 0);                                                                                    \
        (void)direction, (void)op, (void)values, (void)offsets, (void)indices;                                         \
        return wrong(mb, 1, nnzb, descriptor, size, info) ? CUSPARSE_STATUS_INVALID_VALUE                              \
                                                          : small_buffer(handle, bytes);                               \
    }                                                                                                                  \
    cusparseStatus_t cusparse##L##bsrsv2_analysis(                                                                     \
        cusparseHandle_t handle, int direction, int op, int mb, int nnzb, const cusparseMatDescr_t descriptor,         \
        const void *values, const int *offsets, const int *indices, int size, cusparseBsrInfo_t info, int policy,      \
        void *buffer)                                                                                                  \
    {                                                                                                                  \
        NEED_HANDLE(handle);                                                                                           \
        NEED((unsigned)op <= 2);                                                                                       \
        (void)op, (void)policy, (void)buffer;                                                                          \
        if (wrong(mb, 1, nnzb, descriptor, size, info))                                                                \
            return CUSPARSE_STATUS_INVALID_VALUE;                                                                      \
        return analyse(handle, info,                                                                                   \
                       maf_sparse_blocks(direction, mb, mb, nnzb, descriptor, T, values, offsets, indices, size),      \
                       BYTES);                                                                                         \
    }                                                                                                                  \
    cusparseStatus_t cusparse##L##bsrsv2_solve(                                                                        \
        cusparseHandle_t handle, int direction, int op, int mb, int nnzb, const void *alpha,                           \
        const cusparseMatDescr_t descriptor, const void *values, const int *offsets, const int *indices, int size,     \
        cusparseBsrInfo_t info, const void *f, void *x, int policy, void *buffer)                                      \
    {                                                                                                                  \
        NEED_HANDLE(handle);                                                                                           \
        NEED((unsigned)op <= 2);                                                                                       \
        (void)policy, (void)buffer;                                                                                    \
        if (wrong(mb, 1, nnzb, descriptor, size, info))                                                                \
            return CUSPARSE_STATUS_INVALID_VALUE;                                                                      \
        return solve(handle, op, 0, 1, alpha,                                                                          \
                     maf_sparse_blocks(direction, mb, mb, nnzb, descriptor, T, values, offsets, indices, size), f,     \
                     mb * size, x, mb * size);                                                                         \
    }                                                                                                                  \
    cusparseStatus_t cusparse##L##bsrsm2_bufferSize(                                                                   \
        cusparseHandle_t handle, int direction, int op, int op_xy, int mb, int n, int nnzb,                            \
        const cusparseMatDescr_t descriptor, void *values, const int *offsets, const int *indices, int size,           \
        cusparseBsrInfo_t info, int *bytes)                                                                            \
    {                                                                                                                  \
        NEED_HANDLE(handle);                                                                                           \
        NEED((unsigned)op <= 2);                                                                                       \
        NEED(mb >= 0 && n >= 0 && nnzb >= 0);                                                                          \
        (void)direction, (void)op, (void)op_xy, (void)values, (void)offsets, (void)indices;                            \
        return wrong(mb, n, nnzb, descriptor, size, info) ? CUSPARSE_STATUS_INVALID_VALUE                              \
                                                          : small_buffer(handle, bytes);                               \
    }                                                                                                                  \
    cusparseStatus_t cusparse##L##bsrsm2_analysis(                                                                     \
        cusparseHandle_t handle, int direction, int op, int op_xy, int mb, int n, int nnzb,                            \
        const cusparseMatDescr_t descriptor, const void *values, const int *offsets, const int *indices, int size,     \
        cusparseBsrInfo_t info, int policy, void *buffer)                                                              \
    {                                                                                                                  \
        NEED_HANDLE(handle);                                                                                           \
        NEED((unsigned)op <= 2);                                                                                       \
        (void)op_xy, (void)n;                                                                                          \
        return cusparse##L##bsrsv2_analysis(handle, direction, op, mb, nnzb, descriptor, values, offsets, indices,     \
                                            size, info, policy, buffer);                                               \
    }                                                                                                                  \
    cusparseStatus_t cusparse##L##bsrsm2_solve(                                                                        \
        cusparseHandle_t handle, int direction, int op, int op_xy, int mb, int n, int nnzb, const void *alpha,         \
        const cusparseMatDescr_t descriptor, const void *values, const int *offsets, const int *indices, int size,     \
        cusparseBsrInfo_t info, const void *b, int ldb, void *x, int ldx, int policy, void *buffer)                    \
    {                                                                                                                  \
        NEED_HANDLE(handle);                                                                                           \
        NEED((unsigned)op <= 2);                                                                                       \
        (void)policy, (void)buffer;                                                                                    \
        if (wrong(mb, n, nnzb, descriptor, size, info))                                                                \
            return CUSPARSE_STATUS_INVALID_VALUE;                                                                      \
        return solve(handle, op, op_xy, n, alpha,                                                                      \
                     maf_sparse_blocks(direction, mb, mb, nnzb, descriptor, T, values, offsets, indices, size), b,     \
                     ldb, x, ldx);                                                                                     \
    }
TYPED(S, 0, 4)
TYPED(D, 1, 8)
TYPED(C, 4, 8)
TYPED(Z, 5, 16)
