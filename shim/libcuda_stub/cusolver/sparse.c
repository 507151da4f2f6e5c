/* The sparse solver by QR, of which the factors are dense. */
#include <stdlib.h>

#include "../cusparse/front.h"
#include "front.h"

struct cusolverSpContext {
    void *stream;
};

cusolverStatus_t cusolverSpCreate(cusolverSpHandle_t *handle)
{
    if (!handle)
        return CUSOLVER_STATUS_INVALID_VALUE;
    *handle = calloc(1, sizeof **handle);
    return *handle ? CUSOLVER_STATUS_SUCCESS : CUSOLVER_STATUS_ALLOC_FAILED;
}

cusolverStatus_t cusolverSpDestroy(cusolverSpHandle_t handle)
{
    if (!handle)
        return CUSOLVER_STATUS_NOT_INITIALIZED;
    free(handle);
    return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverSpSetStream(cusolverSpHandle_t handle, void *stream)
{
    if (!handle)
        return CUSOLVER_STATUS_NOT_INITIALIZED;
    handle->stream = stream;
    return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverSpGetStream(cusolverSpHandle_t handle, void **stream)
{
    if (!handle)
        return CUSOLVER_STATUS_NOT_INITIALIZED;
    if (!stream)
        return CUSOLVER_STATUS_INVALID_VALUE;
    *stream = handle->stream;
    return CUSOLVER_STATUS_SUCCESS;
}

/* The row where the factor is singular is a host value: the call waits for the stream. */
static cusolverStatus_t solve(cusolverSpHandle_t handle, int64_t type, int m, int nnz,
                              const struct cusparseMatDescr *descriptor, const void *values, const int *offsets,
                              const int *indices, const void *b, double tolerance, void *x, int *singularity)
{
    if (!handle)
        return CUSOLVER_STATUS_NOT_INITIALIZED;
    if (m < 0 || nnz < 0 || !descriptor || !values || !offsets || !indices || !b || !x || !singularity || tolerance < 0)
        return CUSOLVER_STATUS_INVALID_VALUE;
    if (descriptor->type != 0) /* CUSPARSE_MATRIX_TYPE_GENERAL */
        return CUSOLVER_STATUS_MATRIX_TYPE_NOT_SUPPORTED;
    *singularity = -1;
    if (m == 0)
        return CUSOLVER_STATUS_SUCCESS;
    struct maf_op_sparse op = {.routine = MAF_SPARSE_QR_SOLVE, .type = type, .type_c = type, .format = MAF_CSR,
                               .rows = m, .cols = m, .nnz = nnz, .base = descriptor->base, .offset_bytes = 4,
                               .index_bytes = 4, .b_rows = m, .b_cols = 1, .b_ld = m, .c_ld = m, .batch = 1};
    struct maf_plan_info info;
    op.type_compute = type == MAF_C64 ? MAF_F32 : type == MAF_C128 ? MAF_F64 : type;
    switch (maf_plan(MAF_OP_SPARSE, &op, sizeof op, &info)) {
    case MAF_PLAN_OK:
        break;
    case MAF_PLAN_UNSUPPORTED:
        maf_unsupported("cusolver", "csrlsvqr of a matrix this large");
        return CUSOLVER_STATUS_NOT_SUPPORTED;
    case MAF_PLAN_INVALID:
        return CUSOLVER_STATUS_INVALID_VALUE;
    default:
        return CUSOLVER_STATUS_INTERNAL_ERROR;
    }
    uint64_t room = maf_alloc(sizeof(int32_t));
    if (!room)
        return CUSOLVER_STATUS_ALLOC_FAILED;
    uint64_t pointers[OPERANDS] = {[A_OFFSETS] = address(offsets), [A_INDICES] = address(indices),
                                   [A_VALUES] = address(values), [B_VALUES] = address(b), [C_VALUES] = address(x),
                                   [EXTRA] = room};
    double scalars[4] = {0, 0, tolerance, 0};
    int32_t row = -1;
    int failed = maf_op(handle->stream, info.plan, pointers, OPERANDS, scalars, sizeof scalars) ||
                 maf_stream_sync(handle->stream) || maf_read(&row, room, sizeof row);
    maf_free(room);
    *singularity = row;
    return failed ? CUSOLVER_STATUS_EXECUTION_FAILED : CUSOLVER_STATUS_SUCCESS;
}

/* reorder changes how much the factors fill up, not the solution. */
#define SOLVE(L, T, R)                                                                                                 \
    cusolverStatus_t cusolverSp##L##csrlsvqr(cusolverSpHandle_t handle, int m, int nnz,                                \
                                             const struct cusparseMatDescr *descriptor, const void *values,            \
                                             const int *offsets, const int *indices, const void *b, R tolerance,       \
                                             int reorder, void *x, int *singularity)                                   \
    {                                                                                                                  \
        (void)reorder;                                                                                                 \
        return solve(handle, T, m, nnz, descriptor, values, offsets, indices, b, tolerance, x, singularity);           \
    }
SOLVE(S, MAF_F32, float)
SOLVE(D, MAF_F64, double)
SOLVE(C, MAF_C64, float)
SOLVE(Z, MAF_C128, double)
