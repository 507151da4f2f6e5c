/* The older interface, as far as frameworks still use it: index conversion and sorting, sums of CSR matrices,
 * products with BSR matrices. */
#include "front.h"

cusparseStatus_t cusparseXcoo2csr(cusparseHandle_t handle, const int *row_numbers, int nnz, int rows, int *offsets,
                                  int base)
{
    NEED_HANDLE(handle);
    struct call call = {.op = {.routine = MAF_SPARSE_COMPRESS, .format = MAF_CSR, .rows = rows, .nnz = nnz,
                               .base = base, .offset_bytes = 4, .index_bytes = 4}};
    call.pointers[A_OFFSETS] = address(offsets);
    call.pointers[A_INDICES] = address(row_numbers);
    return maf_sparse_submit(handle, &call);
}

cusparseStatus_t cusparseCreateIdentityPermutation(cusparseHandle_t handle, int n, int *permutation)
{
    NEED_HANDLE(handle);
    NEED(n >= 0 && (n == 0 || permutation));
    if (!handle)
        return CUSPARSE_STATUS_NOT_INITIALIZED;
    int *numbers = malloc((size_t)n * sizeof *numbers + 1);
    if (!numbers)
        return CUSPARSE_STATUS_ALLOC_FAILED;
    for (int i = 0; i < n; i++)
        numbers[i] = i;
    int error = maf_stream_sync(handle->stream);
    if (!error && n)
        error = maf_write(address(permutation), numbers, (uint64_t)n * sizeof *numbers);
    free(numbers);
    return error ? CUSPARSE_STATUS_EXECUTION_FAILED : CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseXcoosort_bufferSizeExt(cusparseHandle_t handle, int rows, int cols, int nnz,
                                                const int *row_numbers, const int *column_numbers, size_t *bytes)
{
    NEED_HANDLE(handle);
    NEED(rows >= 0 && cols >= 0 && nnz >= 0);
    (void)rows, (void)cols, (void)nnz, (void)row_numbers, (void)column_numbers;
    return no_buffer(handle, bytes);
}

cusparseStatus_t cusparseXcoosortByRow(cusparseHandle_t handle, int rows, int cols, int nnz, int *row_numbers,
                                       int *column_numbers, int *permutation, void *buffer)
{
    NEED_HANDLE(handle);
    struct call call = {.op = {.routine = MAF_SPARSE_SORT, .format = MAF_COO, .rows = rows, .cols = cols, .nnz = nnz,
                               .offset_bytes = 4, .index_bytes = 4}};
    (void)buffer;
    call.pointers[A_OFFSETS] = address(row_numbers);
    call.pointers[A_INDICES] = address(column_numbers);
    call.pointers[EXTRA] = address(permutation);
    return maf_sparse_submit(handle, &call);
}

cusparseStatus_t cusparseXcsrsort_bufferSizeExt(cusparseHandle_t handle, int rows, int cols, int nnz,
                                                const int *offsets, const int *indices, size_t *bytes)
{
    NEED_HANDLE(handle);
    NEED(rows >= 0 && cols >= 0 && nnz >= 0);
    (void)rows, (void)cols, (void)nnz, (void)offsets, (void)indices;
    return no_buffer(handle, bytes);
}

cusparseStatus_t cusparseXcsrsort(cusparseHandle_t handle, int rows, int cols, int nnz,
                                  const cusparseMatDescr_t descriptor, const int *offsets, int *indices,
                                  int *permutation, void *buffer)
{
    NEED_HANDLE(handle);
    struct call call = {.op = {.routine = MAF_SPARSE_SORT, .format = MAF_CSR, .rows = rows, .cols = cols, .nnz = nnz,
                               .offset_bytes = 4, .index_bytes = 4}};
    (void)buffer;
    NEED(descriptor);
    call.op.base = descriptor->base;
    call.pointers[A_OFFSETS] = address(offsets);
    call.pointers[A_INDICES] = address(indices);
    call.pointers[EXTRA] = address(permutation);
    return maf_sparse_submit(handle, &call);
}

/* --- sums of CSR matrices ---- */

static void sum_operands(struct call *call, int type, int m, int n, const cusparseMatDescr_t descriptor, int nnz_a,
                         const void *a, const int *a_offsets, const int *a_indices, int nnz_b, const void *b,
                         const int *b_offsets, const int *b_indices)
{
    call->op.type = call->op.type_c = call->op.type_compute = type;
    call->op.format = MAF_CSR;
    call->op.rows = call->op.b_rows = m;
    call->op.cols = call->op.b_cols = n;
    call->op.nnz = nnz_a;
    call->op.b_nnz = nnz_b;
    call->op.base = descriptor->base;
    call->op.offset_bytes = call->op.index_bytes = 4;
    call->pointers[A_OFFSETS] = address(a_offsets);
    call->pointers[A_INDICES] = address(a_indices);
    call->pointers[A_VALUES] = address(a);
    call->pointers[B_OFFSETS] = address(b_offsets);
    call->pointers[B_INDICES] = address(b_indices);
    call->pointers[B_VALUES] = address(b);
}

static int same_base(const cusparseMatDescr_t a, const cusparseMatDescr_t b, const cusparseMatDescr_t c)
{
    return a && b && c && a->base == b->base && a->base == c->base;
}

/* The pattern of A + B: offsets, and the number of entries in host or device memory. Values are not needed, but the
 * op reads some: the columns, as 32-bit patterns, are as good as any. */
cusparseStatus_t cusparseXcsrgeam2Nnz(cusparseHandle_t handle, int m, int n, const cusparseMatDescr_t descriptor_a,
                                      int nnz_a, const int *a_offsets, const int *a_indices,
                                      const cusparseMatDescr_t descriptor_b, int nnz_b, const int *b_offsets,
                                      const int *b_indices, const cusparseMatDescr_t descriptor_c, int *c_offsets,
                                      int *nnz, void *buffer)
{
    NEED_HANDLE(handle);
    struct call call = {.op = {.routine = MAF_SPARSE_ADD_COUNT}};
    NEED(nnz && buffer && same_base(descriptor_a, descriptor_b, descriptor_c));
    if (!handle)
        return CUSPARSE_STATUS_NOT_INITIALIZED;
    sum_operands(&call, MAF_F32, m, n, descriptor_a, nnz_a, a_indices, a_offsets, a_indices, nnz_b, b_indices,
                 b_offsets, b_indices);
    call.pointers[C_OFFSETS] = address(c_offsets);
    call.pointers[EXTRA] = address(handle->pointer_mode ? nnz : buffer);
    cusparseStatus_t status = maf_sparse_submit(handle, &call);
    if (status || handle->pointer_mode)
        return status;
    return maf_stream_sync(handle->stream) || maf_read(nnz, address(buffer), sizeof *nnz)
               ? CUSPARSE_STATUS_EXECUTION_FAILED
               : CUSPARSE_STATUS_SUCCESS;
}

/* The number of entries is in C's offsets, in device memory: the op's description needs it, so this waits. */
static cusparseStatus_t csrgeam2(cusparseHandle_t handle, int data_type, int m, int n, const void *alpha,
                                 const cusparseMatDescr_t descriptor_a, int nnz_a, const void *a, const int *a_offsets,
                                 const int *a_indices, const void *beta, const cusparseMatDescr_t descriptor_b,
                                 int nnz_b, const void *b, const int *b_offsets, const int *b_indices,
                                 const cusparseMatDescr_t descriptor_c, void *c, int *c_offsets, int *c_indices)
{
    struct call call = {.op = {.routine = MAF_SPARSE_ADD}};
    int32_t end = 0;
    NEED(alpha && beta && same_base(descriptor_a, descriptor_b, descriptor_c));
    cusparseStatus_t status = maf_sparse_scalars(handle, &call, alpha, beta, data_type);
    if (status)
        return status;
    if (maf_stream_sync(handle->stream) || maf_read(&end, address(c_offsets + m), sizeof end))
        return CUSPARSE_STATUS_EXECUTION_FAILED;
    sum_operands(&call, (int)maf_sparse_type(data_type), m, n, descriptor_a, nnz_a, a, a_offsets, a_indices, nnz_b, b,
                 b_offsets, b_indices);
    call.op.c_nnz = end - descriptor_a->base;
    call.pointers[C_OFFSETS] = address(c_offsets);
    call.pointers[C_INDICES] = address(c_indices);
    call.pointers[C_VALUES] = address(c);
    return maf_sparse_submit(handle, &call);
}

/* --- products with BSR matrices ---- */

struct cusparseSpMatDescr maf_sparse_blocks(int direction, int mb, int nb, int nnzb,
                                            const cusparseMatDescr_t descriptor, int data_type, const void *values,
                                            const int *offsets, const int *indices, int size)
{
    return (struct cusparseSpMatDescr){.format = MAF_BSR, .rows = mb, .cols = nb, .nnz = nnzb, .block_rows = size,
                                       .block_cols = size, .block_by_columns = direction == 1,
                                       .offsets = (void *)offsets, .indices = (void *)indices,
                                       .values = (void *)values, .offset_type = 2, .index_type = 2,
                                       .base = descriptor->base, .type = data_type, .fill = descriptor->fill,
                                       .diagonal = descriptor->diagonal, .batch = 1};
}

#define TYPED(L, T)                                                                                                    \
    cusparseStatus_t cusparse##L##csrgeam2_bufferSizeExt(                                                              \
        cusparseHandle_t handle, int m, int n, const void *alpha, const cusparseMatDescr_t descriptor_a, int nnz_a,    \
        const void *a, const int *a_offsets, const int *a_indices, const void *beta,                                   \
        const cusparseMatDescr_t descriptor_b, int nnz_b, const void *b, const int *b_offsets, const int *b_indices,   \
        const cusparseMatDescr_t descriptor_c, const void *c, const int *c_offsets, const int *c_indices,              \
        size_t *bytes)                                                                                                 \
    {                                                                                                                  \
        NEED_HANDLE(handle);                                                                                           \
        NEED(m >= 0 && n >= 0 && nnz_a >= 0 && nnz_b >= 0);                                                            \
        (void)m, (void)n, (void)alpha, (void)descriptor_a, (void)nnz_a, (void)a, (void)a_offsets, (void)a_indices;     \
        (void)beta, (void)descriptor_b, (void)nnz_b, (void)b, (void)b_offsets, (void)b_indices, (void)descriptor_c;    \
        (void)c, (void)c_offsets, (void)c_indices;                                                                     \
        return no_buffer(handle, bytes);                                                                               \
    }                                                                                                                  \
    cusparseStatus_t cusparse##L##csrgeam2(                                                                            \
        cusparseHandle_t handle, int m, int n, const void *alpha, const cusparseMatDescr_t descriptor_a, int nnz_a,    \
        const void *a, const int *a_offsets, const int *a_indices, const void *beta,                                   \
        const cusparseMatDescr_t descriptor_b, int nnz_b, const void *b, const int *b_offsets, const int *b_indices,   \
        const cusparseMatDescr_t descriptor_c, void *c, int *c_offsets, int *c_indices, void *buffer)                  \
    {                                                                                                                  \
        NEED_HANDLE(handle);                                                                                           \
        (void)buffer;                                                                                                  \
        return csrgeam2(handle, T, m, n, alpha, descriptor_a, nnz_a, a, a_offsets, a_indices, beta, descriptor_b,      \
                        nnz_b, b, b_offsets, b_indices, descriptor_c, c, c_offsets, c_indices);                        \
    }                                                                                                                  \
    cusparseStatus_t cusparse##L##bsrmm(cusparseHandle_t handle, int direction, int op_a, int op_b, int mb, int n,     \
                                        int kb, int nnzb, const void *alpha, const cusparseMatDescr_t descriptor,      \
                                        const void *values, const int *offsets, const int *indices, int size,          \
                                        const void *b, int ldb, const void *beta, void *c, int ldc)                    \
    {                                                                                                                  \
        NEED_HANDLE(handle);                                                                                           \
        NEED((unsigned)op_a <= 2 && (unsigned)op_b <= 2);                                                              \
        NEED(descriptor && size > 0);                                                                                  \
        struct cusparseSpMatDescr a =                                                                                  \
            maf_sparse_blocks(direction, mb, kb, nnzb, descriptor, T, values, offsets, indices, size);                            \
        int64_t inner = (int64_t)(op_a ? mb : kb) * size, outer = (int64_t)(op_a ? kb : mb) * size;                    \
        struct cusparseDnMatDescr left = {.rows = op_b ? n : inner, .cols = op_b ? inner : n, .ld = ldb,               \
                                          .values = (void *)b, .type = T, .order = 1, .batch = 1};                     \
        struct cusparseDnMatDescr out = {.rows = outer, .cols = n, .ld = ldc, .values = c, .type = T, .order = 1,      \
                                         .batch = 1};                                                                  \
        return cusparseSpMM(handle, op_a, op_b, alpha, &a, &left, beta, &out, T, 0, NULL);                             \
    }                                                                                                                  \
    cusparseStatus_t cusparse##L##bsrmv(cusparseHandle_t handle, int direction, int op, int mb, int nb, int nnzb,      \
                                        const void *alpha, const cusparseMatDescr_t descriptor, const void *values,    \
                                        const int *offsets, const int *indices, int size, const void *x,               \
                                        const void *beta, void *y)                                                     \
    {                                                                                                                  \
        NEED_HANDLE(handle);                                                                                           \
        NEED((unsigned)op <= 2);                                                                                       \
        NEED(descriptor && size > 0);                                                                                  \
        struct cusparseSpMatDescr a =                                                                                  \
            maf_sparse_blocks(direction, mb, nb, nnzb, descriptor, T, values, offsets, indices, size);                            \
        struct cusparseDnVecDescr in = {.size = (int64_t)(op ? mb : nb) * size, .values = (void *)x, .type = T};       \
        struct cusparseDnVecDescr out = {.size = (int64_t)(op ? nb : mb) * size, .values = y, .type = T};              \
        return cusparseSpMV(handle, op, alpha, &a, &in, beta, &out, T, 0, NULL);                                       \
    }
TYPED(S, 0)
TYPED(D, 1)
TYPED(C, 4)
TYPED(Z, 5)
