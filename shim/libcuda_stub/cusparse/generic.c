/* The generic interface: products, sampled products, triangular solves, sparse times sparse. */
#include "front.h"

HIDDEN int64_t maf_sparse_type(int data_type)
{
    switch (data_type) { /* cudaDataType_t */
    case 0:
        return MAF_F32;
    case 1:
        return MAF_F64;
    case 2:
        return MAF_F16;
    case 4:
        return MAF_C64;
    case 5:
        return MAF_C128;
    case 14:
        return MAF_BF16;
    }
    return -1;
}

HIDDEN cusparseStatus_t maf_sparse_scalars(cusparseHandle_t handle, struct call *call, const void *alpha,
                                           const void *beta, int compute_type)
{
    const void *values[] = {alpha, beta};
    if (!handle)
        return CUSPARSE_STATUS_NOT_INITIALIZED;
    call->op.type_compute = maf_sparse_type(compute_type);
    call->op.scalars_on_device = handle->pointer_mode;
    for (int i = 0; i < 2; i++) {
        float f[2] = {0};
        double *out = call->scalars + 2 * i;
        if (handle->pointer_mode) {
            call->pointers[ALPHA + i] = address(values[i]);
            continue;
        }
        if (!values[i])
            continue;
        switch (call->op.type_compute) {
        case MAF_F32:
        case MAF_C64:
            memcpy(f, values[i], call->op.type_compute == MAF_C64 ? 8 : 4);
            out[0] = f[0], out[1] = f[1];
            break;
        case MAF_F64:
        case MAF_C128:
            memcpy(out, values[i], call->op.type_compute == MAF_C128 ? 16 : 8);
            break;
        default:
            return CUSPARSE_STATUS_NOT_SUPPORTED;
        }
    }
    return CUSPARSE_STATUS_SUCCESS;
}

static int64_t index_bytes(int type)
{
    return type == 2 ? 4 : 8;
}

HIDDEN void maf_sparse_operand(struct call *call, const struct cusparseSpMatDescr *a)
{
    struct maf_op_sparse *op = &call->op;
    op->type = op->type_c = maf_sparse_type(a->type);
    op->format = a->format;
    op->rows = a->rows;
    op->cols = a->cols;
    op->nnz = a->nnz;
    op->base = a->base;
    op->offset_bytes = index_bytes(a->offset_type);
    op->index_bytes = index_bytes(a->index_type);
    op->block_rows = a->block_rows;
    op->block_cols = a->block_cols;
    op->block_by_columns = a->block_by_columns;
    op->fill = a->fill;
    op->unit_diagonal = a->diagonal;
    op->stride_offsets = a->stride_offsets;
    op->stride_indices = a->stride_indices;
    op->stride_values = a->stride_values;
    call->pointers[A_OFFSETS] = address(a->offsets);
    call->pointers[A_INDICES] = address(a->indices);
    call->pointers[A_VALUES] = address(a->values);
}

HIDDEN void maf_sparse_dense_b(struct call *call, const struct cusparseDnMatDescr *b)
{
    call->op.b_rows = b->rows;
    call->op.b_cols = b->cols;
    call->op.b_ld = b->ld;
    call->op.b_by_rows = b->order == 2;
    call->op.stride_b = b->stride;
    call->pointers[B_VALUES] = address(b->values);
}

HIDDEN void maf_sparse_dense_c(struct call *call, const struct cusparseDnMatDescr *c)
{
    call->op.type_c = maf_sparse_type(c->type);
    call->op.c_ld = c->ld;
    call->op.c_by_rows = c->order == 2;
    call->op.stride_c = c->stride;
    call->pointers[C_VALUES] = address(c->values);
}

HIDDEN struct cusparseDnMatDescr maf_sparse_column(const struct cusparseDnVecDescr *v)
{
    return (struct cusparseDnMatDescr){.rows = v->size, .cols = 1, .ld = v->size, .values = v->values, .type = v->type,
                                       .order = 1, .batch = 1};
}

HIDDEN cusparseStatus_t maf_sparse_submit(cusparseHandle_t handle, struct call *call)
{
    struct maf_plan_info info;
    if (!handle)
        return CUSPARSE_STATUS_NOT_INITIALIZED;
    if (!call->op.batch)
        call->op.batch = 1;
    switch (maf_plan(MAF_OP_SPARSE, &call->op, sizeof call->op, &info)) {
    case MAF_PLAN_OK:
        break;
    case MAF_PLAN_UNSUPPORTED:
        return CUSPARSE_STATUS_NOT_SUPPORTED;
    case MAF_PLAN_INVALID:
        return CUSPARSE_STATUS_INVALID_VALUE;
    default:
        return CUSPARSE_STATUS_INTERNAL_ERROR;
    }
    return maf_op(handle->stream, info.plan, call->pointers, OPERANDS, call->scalars, sizeof call->scalars)
               ? CUSPARSE_STATUS_EXECUTION_FAILED
               : CUSPARSE_STATUS_SUCCESS;
}

HIDDEN cusparseStatus_t maf_sparse_count(cusparseHandle_t handle, struct call *call, void *buffer, int64_t *count)
{
    int64_t found = 0;
    call->pointers[EXTRA] = address(buffer);
    cusparseStatus_t status = maf_sparse_submit(handle, call);
    if (status)
        return status;
    if (maf_stream_sync(handle->stream) || maf_read(&found, address(buffer), sizeof found))
        return CUSPARSE_STATUS_EXECUTION_FAILED;
    *count = found;
    return CUSPARSE_STATUS_SUCCESS;
}

/* --- sparse times dense ---- */

cusparseStatus_t cusparseSpMM_bufferSize(cusparseHandle_t handle, int op_a, int op_b, const void *alpha,
                                         cusparseSpMatDescr_t a, cusparseDnMatDescr_t b, const void *beta,
                                         cusparseDnMatDescr_t c, int compute_type, int algorithm, size_t *bytes)
{
    NEED_HANDLE(handle);
    NEED((unsigned)op_a <= 2 && (unsigned)op_b <= 2);
    (void)op_a, (void)op_b, (void)alpha, (void)a, (void)b, (void)beta, (void)c, (void)compute_type, (void)algorithm;
    return no_buffer(handle, bytes);
}

cusparseStatus_t cusparseSpMM_preprocess(cusparseHandle_t handle, int op_a, int op_b, const void *alpha,
                                         cusparseSpMatDescr_t a, cusparseDnMatDescr_t b, const void *beta,
                                         cusparseDnMatDescr_t c, int compute_type, int algorithm, void *buffer)
{
    NEED_HANDLE(handle);
    NEED((unsigned)op_a <= 2 && (unsigned)op_b <= 2);
    (void)op_a, (void)op_b, (void)alpha, (void)a, (void)b, (void)beta, (void)c, (void)compute_type, (void)algorithm;
    (void)buffer;
    return handle ? CUSPARSE_STATUS_SUCCESS : CUSPARSE_STATUS_NOT_INITIALIZED;
}

static int64_t largest(int64_t x, int64_t y)
{
    return x > y ? x : y;
}

cusparseStatus_t cusparseSpMM(cusparseHandle_t handle, int op_a, int op_b, const void *alpha, cusparseSpMatDescr_t a,
                              cusparseDnMatDescr_t b, const void *beta, cusparseDnMatDescr_t c, int compute_type,
                              int algorithm, void *buffer)
{
    NEED_HANDLE(handle);
    NEED((unsigned)op_a <= 2 && (unsigned)op_b <= 2);
    struct call call = {.op = {.routine = MAF_SPARSE_MM, .op_a = op_a, .op_b = op_b}};
    (void)algorithm, (void)buffer;
    NEED(a && b && c && alpha && beta && a->type == b->type);
    cusparseStatus_t status = maf_sparse_scalars(handle, &call, alpha, beta, compute_type);
    if (status)
        return status;
    maf_sparse_operand(&call, a);
    maf_sparse_dense_b(&call, b);
    maf_sparse_dense_c(&call, c);
    call.op.batch = largest(c->batch, largest(a->batch, b->batch));
    return maf_sparse_submit(handle, &call);
}

cusparseStatus_t cusparseSpMV_bufferSize(cusparseHandle_t handle, int op, const void *alpha, cusparseSpMatDescr_t a,
                                         cusparseDnVecDescr_t x, const void *beta, cusparseDnVecDescr_t y,
                                         int compute_type, int algorithm, size_t *bytes)
{
    NEED_HANDLE(handle);
    NEED((unsigned)op <= 2);
    (void)op, (void)alpha, (void)a, (void)x, (void)beta, (void)y, (void)compute_type, (void)algorithm;
    return no_buffer(handle, bytes);
}

cusparseStatus_t cusparseSpMV_preprocess(cusparseHandle_t handle, int op, const void *alpha, cusparseSpMatDescr_t a,
                                         cusparseDnVecDescr_t x, const void *beta, cusparseDnVecDescr_t y,
                                         int compute_type, int algorithm, void *buffer)
{
    NEED_HANDLE(handle);
    NEED((unsigned)op <= 2);
    (void)op, (void)alpha, (void)a, (void)x, (void)beta, (void)y, (void)compute_type, (void)algorithm, (void)buffer;
    return handle ? CUSPARSE_STATUS_SUCCESS : CUSPARSE_STATUS_NOT_INITIALIZED;
}

cusparseStatus_t cusparseSpMV(cusparseHandle_t handle, int op, const void *alpha, cusparseSpMatDescr_t a,
                              cusparseDnVecDescr_t x, const void *beta, cusparseDnVecDescr_t y, int compute_type,
                              int algorithm, void *buffer)
{
    NEED_HANDLE(handle);
    NEED((unsigned)op <= 2);
    NEED(x && y);
    struct cusparseDnMatDescr b = maf_sparse_column(x), c = maf_sparse_column(y);
    return cusparseSpMM(handle, op, 0, alpha, a, &b, beta, &c, compute_type, algorithm, buffer);
}

/* --- sampled product of dense matrices ---- */

cusparseStatus_t cusparseSDDMM_bufferSize(cusparseHandle_t handle, int op_a, int op_b, const void *alpha,
                                          cusparseDnMatDescr_t a, cusparseDnMatDescr_t b, const void *beta,
                                          cusparseSpMatDescr_t c, int compute_type, int algorithm, size_t *bytes)
{
    NEED_HANDLE(handle);
    NEED((unsigned)op_a <= 2 && (unsigned)op_b <= 2);
    (void)op_a, (void)op_b, (void)alpha, (void)a, (void)b, (void)beta, (void)c, (void)compute_type, (void)algorithm;
    return no_buffer(handle, bytes);
}

cusparseStatus_t cusparseSDDMM_preprocess(cusparseHandle_t handle, int op_a, int op_b, const void *alpha,
                                          cusparseDnMatDescr_t a, cusparseDnMatDescr_t b, const void *beta,
                                          cusparseSpMatDescr_t c, int compute_type, int algorithm, void *buffer)
{
    NEED_HANDLE(handle);
    NEED((unsigned)op_a <= 2 && (unsigned)op_b <= 2);
    (void)op_a, (void)op_b, (void)alpha, (void)a, (void)b, (void)beta, (void)c, (void)compute_type, (void)algorithm;
    (void)buffer;
    return handle ? CUSPARSE_STATUS_SUCCESS : CUSPARSE_STATUS_NOT_INITIALIZED;
}

cusparseStatus_t cusparseSDDMM(cusparseHandle_t handle, int op_a, int op_b, const void *alpha, cusparseDnMatDescr_t a,
                               cusparseDnMatDescr_t b, const void *beta, cusparseSpMatDescr_t c, int compute_type,
                               int algorithm, void *buffer)
{
    NEED_HANDLE(handle);
    NEED((unsigned)op_a <= 2 && (unsigned)op_b <= 2);
    struct call call = {.op = {.routine = MAF_SPARSE_SDDMM, .op_b = op_a, .op_c = op_b}};
    (void)algorithm, (void)buffer;
    NEED(a && b && c && alpha && beta);
    cusparseStatus_t status = maf_sparse_scalars(handle, &call, alpha, beta, compute_type);
    if (status)
        return status;
    maf_sparse_operand(&call, c);
    maf_sparse_dense_b(&call, a);
    maf_sparse_dense_c(&call, b);
    call.op.batch = c->batch;
    return maf_sparse_submit(handle, &call);
}

/* --- triangular solves ---- */

/* The analysis finds nothing that the solve needs; its descriptor is only an object to hold. */
#define DESCRIPTOR(Name)                                                                                               \
    cusparseStatus_t cusparse##Name##_createDescr(cusparse##Name##Descr_t *descriptor)                                 \
    {                                                                                                                  \
        NEED(descriptor);                                                                                              \
        *descriptor = calloc(1, 8);                                                                                    \
        return *descriptor ? CUSPARSE_STATUS_SUCCESS : CUSPARSE_STATUS_ALLOC_FAILED;                                   \
    }                                                                                                                  \
    cusparseStatus_t cusparse##Name##_destroyDescr(cusparse##Name##Descr_t descriptor)                                 \
    {                                                                                                                  \
        free(descriptor);                                                                                              \
        return CUSPARSE_STATUS_SUCCESS;                                                                                \
    }
DESCRIPTOR(SpSV)
DESCRIPTOR(SpSM)
DESCRIPTOR(SpGEMM)

static cusparseStatus_t solve(cusparseHandle_t handle, int op_a, int op_b, const void *alpha, cusparseSpMatDescr_t a,
                              const struct cusparseDnMatDescr *b, const struct cusparseDnMatDescr *c, int compute_type)
{
    struct call call = {.op = {.routine = MAF_SPARSE_SOLVE, .op_a = op_a, .op_b = op_b}};
    NEED(a && b && c && alpha);
    cusparseStatus_t status = maf_sparse_scalars(handle, &call, alpha, NULL, compute_type);
    if (status)
        return status;
    maf_sparse_operand(&call, a);
    maf_sparse_dense_b(&call, b);
    maf_sparse_dense_c(&call, c);
    return maf_sparse_submit(handle, &call);
}

cusparseStatus_t cusparseSpSV_bufferSize(cusparseHandle_t handle, int op, const void *alpha, cusparseSpMatDescr_t a,
                                         cusparseDnVecDescr_t x, cusparseDnVecDescr_t y, int compute_type,
                                         int algorithm, cusparseSpSVDescr_t descriptor, size_t *bytes)
{
    NEED_HANDLE(handle);
    NEED((unsigned)op <= 2);
    (void)op, (void)alpha, (void)a, (void)x, (void)y, (void)compute_type, (void)algorithm, (void)descriptor;
    return no_buffer(handle, bytes);
}

cusparseStatus_t cusparseSpSV_analysis(cusparseHandle_t handle, int op, const void *alpha, cusparseSpMatDescr_t a,
                                       cusparseDnVecDescr_t x, cusparseDnVecDescr_t y, int compute_type, int algorithm,
                                       cusparseSpSVDescr_t descriptor, void *buffer)
{
    NEED_HANDLE(handle);
    NEED((unsigned)op <= 2);
    (void)op, (void)alpha, (void)a, (void)x, (void)y, (void)compute_type, (void)algorithm, (void)descriptor;
    (void)buffer;
    return handle ? CUSPARSE_STATUS_SUCCESS : CUSPARSE_STATUS_NOT_INITIALIZED;
}

cusparseStatus_t cusparseSpSV_solve(cusparseHandle_t handle, int op, const void *alpha, cusparseSpMatDescr_t a,
                                    cusparseDnVecDescr_t x, cusparseDnVecDescr_t y, int compute_type, int algorithm,
                                    cusparseSpSVDescr_t descriptor)
{
    NEED_HANDLE(handle);
    NEED((unsigned)op <= 2);
    (void)algorithm, (void)descriptor;
    NEED(x && y);
    struct cusparseDnMatDescr b = maf_sparse_column(x), c = maf_sparse_column(y);
    return solve(handle, op, 0, alpha, a, &b, &c, compute_type);
}

cusparseStatus_t cusparseSpSM_bufferSize(cusparseHandle_t handle, int op_a, int op_b, const void *alpha,
                                         cusparseSpMatDescr_t a, cusparseDnMatDescr_t b, cusparseDnMatDescr_t c,
                                         int compute_type, int algorithm, cusparseSpSMDescr_t descriptor, size_t *bytes)
{
    NEED_HANDLE(handle);
    NEED((unsigned)op_a <= 2 && (unsigned)op_b <= 2);
    (void)op_a, (void)op_b, (void)alpha, (void)a, (void)b, (void)c, (void)compute_type, (void)algorithm;
    (void)descriptor;
    return no_buffer(handle, bytes);
}

cusparseStatus_t cusparseSpSM_analysis(cusparseHandle_t handle, int op_a, int op_b, const void *alpha,
                                       cusparseSpMatDescr_t a, cusparseDnMatDescr_t b, cusparseDnMatDescr_t c,
                                       int compute_type, int algorithm, cusparseSpSMDescr_t descriptor, void *buffer)
{
    NEED_HANDLE(handle);
    NEED((unsigned)op_a <= 2 && (unsigned)op_b <= 2);
    (void)op_a, (void)op_b, (void)alpha, (void)a, (void)b, (void)c, (void)compute_type, (void)algorithm;
    (void)descriptor, (void)buffer;
    return handle ? CUSPARSE_STATUS_SUCCESS : CUSPARSE_STATUS_NOT_INITIALIZED;
}

cusparseStatus_t cusparseSpSM_solve(cusparseHandle_t handle, int op_a, int op_b, const void *alpha,
                                    cusparseSpMatDescr_t a, cusparseDnMatDescr_t b, cusparseDnMatDescr_t c,
                                    int compute_type, int algorithm, cusparseSpSMDescr_t descriptor)
{
    NEED_HANDLE(handle);
    NEED((unsigned)op_a <= 2 && (unsigned)op_b <= 2);
    (void)algorithm, (void)descriptor;
    return solve(handle, op_a, op_b, alpha, a, b, c, compute_type);
}

/* --- sparse times sparse ---- */

static void second_operand(struct call *call, const struct cusparseSpMatDescr *b)
{
    call->op.b_rows = b->rows;
    call->op.b_cols = b->cols;
    call->op.b_nnz = b->nnz;
    call->pointers[B_OFFSETS] = address(b->offsets);
    call->pointers[B_INDICES] = address(b->indices);
    call->pointers[B_VALUES] = address(b->values);
}

/* Operands of one kind of index, base and element, as the op wants them. */
static int alike(const struct cusparseSpMatDescr *a, const struct cusparseSpMatDescr *b)
{
    return a->format == MAF_CSR && b->format == MAF_CSR && a->offset_type == b->offset_type &&
           a->index_type == b->index_type && a->base == b->base && a->type == b->type;
}

cusparseStatus_t cusparseSpGEMM_workEstimation(cusparseHandle_t handle, int op_a, int op_b, const void *alpha,
                                               cusparseSpMatDescr_t a, cusparseSpMatDescr_t b, const void *beta,
                                               cusparseSpMatDescr_t c, int compute_type, int algorithm,
                                               cusparseSpGEMMDescr_t descriptor, size_t *bytes, void *buffer)
{
    NEED_HANDLE(handle);
    NEED((unsigned)op_a <= 2 && (unsigned)op_b <= 2);
    (void)op_a, (void)op_b, (void)alpha, (void)a, (void)b, (void)beta, (void)c, (void)compute_type, (void)algorithm;
    (void)descriptor;
    return buffer ? CUSPARSE_STATUS_SUCCESS : no_buffer(handle, bytes);
}

/* The second call counts the product's entries: it waits for the stream, as the count goes into C's descriptor. */
cusparseStatus_t cusparseSpGEMM_compute(cusparseHandle_t handle, int op_a, int op_b, const void *alpha,
                                        cusparseSpMatDescr_t a, cusparseSpMatDescr_t b, const void *beta,
                                        cusparseSpMatDescr_t c, int compute_type, int algorithm,
                                        cusparseSpGEMMDescr_t descriptor, size_t *bytes, void *buffer)
{
    NEED_HANDLE(handle);
    NEED((unsigned)op_a <= 2 && (unsigned)op_b <= 2);
    struct call call = {.op = {.routine = MAF_SPARSE_GEMM_COUNT}};
    (void)algorithm, (void)descriptor;
    if (!buffer)
        return no_buffer(handle, bytes);
    NEED(a && b && c && alpha && beta);
    if (op_a || op_b || !alike(a, b) || !alike(a, c)) {
        maf_unsupported("cusparse", "cusparseSpGEMM of transposed or unlike matrices");
        return CUSPARSE_STATUS_NOT_SUPPORTED;
    }
    NEED(a->cols == b->rows);
    cusparseStatus_t status = maf_sparse_scalars(handle, &call, alpha, beta, compute_type);
    if (status)
        return status;
    maf_sparse_operand(&call, a);
    second_operand(&call, b);
    return maf_sparse_count(handle, &call, buffer, &c->nnz);
}

cusparseStatus_t cusparseSpGEMM_copy(cusparseHandle_t handle, int op_a, int op_b, const void *alpha,
                                     cusparseSpMatDescr_t a, cusparseSpMatDescr_t b, const void *beta,
                                     cusparseSpMatDescr_t c, int compute_type, int algorithm,
                                     cusparseSpGEMMDescr_t descriptor)
{
    NEED_HANDLE(handle);
    NEED((unsigned)op_a <= 2 && (unsigned)op_b <= 2);
    struct call call = {.op = {.routine = MAF_SPARSE_GEMM}};
    (void)algorithm, (void)descriptor;
    NEED(a && b && c && alpha && beta);
    if (op_a || op_b || !alike(a, b) || !alike(a, c))
        return CUSPARSE_STATUS_NOT_SUPPORTED;
    cusparseStatus_t status = maf_sparse_scalars(handle, &call, alpha, beta, compute_type);
    if (status)
        return status;
    maf_sparse_operand(&call, a);
    second_operand(&call, b);
    call.op.c_nnz = c->nnz;
    call.pointers[C_OFFSETS] = address(c->offsets);
    call.pointers[C_INDICES] = address(c->indices);
    call.pointers[C_VALUES] = address(c->values);
    return maf_sparse_submit(handle, &call);
}
