/* Compression, pruning, and the product: the sparse factor is expanded into the workspace, then multiplied as dense. */
#include "front.h"

HIDDEN struct maf_op_structured slt_describe(const struct maf_slt_matrix *m, int is_a, int op, int routine, int packed)
{
    int inner_is_cols = is_a ? !op : op; /* op(A) is rows x inner, op(B) inner x cols */
    int64_t row_step = m->order == 1 ? 1 : m->ld, col_step = m->order == 1 ? m->ld : 1;
    struct maf_op_structured s = {.routine = routine, .type = m->type};
    s.outer = inner_is_cols ? m->rows : m->cols;
    s.inner = inner_is_cols ? m->cols : m->rows;
    s.outer_stride = packed ? s.inner : inner_is_cols ? row_step : col_step;
    s.inner_stride = packed ? 1 : inner_is_cols ? col_step : row_step;
    s.batch = m->stride ? m->batch : 1; /* one matrix for the whole batch */
    s.stride = packed ? s.outer * s.inner : m->stride;
    return s;
}

static size_t compressed_bytes(const struct maf_slt_matrix *m)
{
    size_t elements = (size_t)(m->rows * m->cols * (m->stride ? m->batch : 1)), bytes = maf_type_size(m->type);
    return elements / 2 * bytes + elements / (bytes == 4 ? 4 : 8);
}

HIDDEN cusparseStatus_t slt_status(int cublas_status)
{
    switch (cublas_status) {
    case CUBLAS_STATUS_SUCCESS:
        return CUSPARSE_STATUS_SUCCESS;
    case CUBLAS_STATUS_INVALID_VALUE:
        return CUSPARSE_STATUS_INVALID_VALUE;
    case CUBLAS_STATUS_NOT_SUPPORTED:
        return CUSPARSE_STATUS_NOT_SUPPORTED;
    case CUBLAS_STATUS_ALLOC_FAILED:
        return CUSPARSE_STATUS_ALLOC_FAILED;
    case CUBLAS_STATUS_INTERNAL_ERROR:
        return CUSPARSE_STATUS_INTERNAL_ERROR;
    default:
        return CUSPARSE_STATUS_EXECUTION_FAILED;
    }
}

HIDDEN cusparseStatus_t slt_submit(void *stream, const struct maf_op_structured *op, const void *dense,
                                   const void *other, const char *function)
{
    uint64_t pointers[2] = {maf_address(dense), maf_address(other)};
    return slt_status(
        maf_submit(stream, MAF_OP_STRUCTURED, op, sizeof *op, pointers, 2, NULL, 0, "cusparselt", function));
}

/* --- pruning and compression ---- */

cusparseStatus_t cusparseLtSpMMAPrune2(const cusparseLtHandle_t *handle, const cusparseLtMatDescriptor_t *matrix,
                                       int is_a, int op, const void *in, void *out, int algorithm, void *stream)
{
    const struct maf_slt_matrix *m = slt_get(matrix, SLT_MATRIX);
    NEED_HANDLE(handle);
    NEED(m && m->structured && in && out && (op == 0 || op == 1) && (algorithm == 0 || algorithm == 1));
    struct maf_op_structured s = slt_describe(m, is_a, op, MAF_STRUCTURED_PRUNE, 0);
    s.tiles = algorithm == 0; /* CUSPARSELT_PRUNE_SPMMA_TILE */
    return slt_submit(stream, &s, in, out, "cusparseLtSpMMAPrune2");
}

cusparseStatus_t cusparseLtSpMMAPruneCheck2(const cusparseLtHandle_t *handle, const cusparseLtMatDescriptor_t *matrix,
                                            int is_a, int op, const void *in, int *wrong, void *stream)
{
    const struct maf_slt_matrix *m = slt_get(matrix, SLT_MATRIX);
    NEED_HANDLE(handle);
    NEED(m && m->structured && in && wrong && (op == 0 || op == 1));
    struct maf_op_structured s = slt_describe(m, is_a, op, MAF_STRUCTURED_CHECK, 0);
    return slt_submit(stream, &s, in, wrong, "cusparseLtSpMMAPruneCheck2");
}

cusparseStatus_t cusparseLtSpMMAPrune(const cusparseLtHandle_t *handle, const cusparseLtMatmulDescriptor_t *matmul,
                                      const void *in, void *out, int algorithm, void *stream)
{
    const struct maf_slt_matmul *m = slt_get(matmul, SLT_MATMUL);
    NEED_HANDLE(handle);
    NEED(m);
    return cusparseLtSpMMAPrune2(handle, (const void *)slt_sparse(m), m->a.structured, slt_sparse_op(m), in, out,
                                 algorithm, stream);
}

cusparseStatus_t cusparseLtSpMMAPruneCheck(const cusparseLtHandle_t *handle, const cusparseLtMatmulDescriptor_t *matmul,
                                           const void *in, int *wrong, void *stream)
{
    const struct maf_slt_matmul *m = slt_get(matmul, SLT_MATMUL);
    NEED_HANDLE(handle);
    NEED(m);
    return cusparseLtSpMMAPruneCheck2(handle, (const void *)slt_sparse(m), m->a.structured, slt_sparse_op(m), in, wrong,
                                      stream);
}

cusparseStatus_t cusparseLtSpMMACompressedSize2(const cusparseLtHandle_t *handle,
                                                const cusparseLtMatDescriptor_t *matrix, size_t *bytes,
                                                size_t *buffer_bytes)
{
    const struct maf_slt_matrix *m = slt_get(matrix, SLT_MATRIX);
    NEED_HANDLE(handle);
    NEED(m && m->structured && bytes && buffer_bytes);
    *bytes = compressed_bytes(m);
    *buffer_bytes = 0;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseLtSpMMACompress2(const cusparseLtHandle_t *handle, const cusparseLtMatDescriptor_t *matrix,
                                          int is_a, int op, const void *dense, void *compressed, void *buffer,
                                          void *stream)
{
    const struct maf_slt_matrix *m = slt_get(matrix, SLT_MATRIX);
    (void)buffer;
    NEED_HANDLE(handle);
    NEED(m && m->structured && dense && compressed && (op == 0 || op == 1));
    struct maf_op_structured s = slt_describe(m, is_a, op, MAF_STRUCTURED_COMPRESS, 0);
    return slt_submit(stream, &s, dense, compressed, "cusparseLtSpMMACompress2");
}

cusparseStatus_t cusparseLtSpMMACompressedSize(const cusparseLtHandle_t *handle, const cusparseLtMatmulPlan_t *plan,
                                               size_t *bytes, size_t *buffer_bytes)
{
    const struct maf_slt_plan *p = slt_get(plan, SLT_PLAN);
    NEED_HANDLE(handle);
    NEED(p);
    return cusparseLtSpMMACompressedSize2(handle, (const void *)slt_sparse(&p->matmul), bytes, buffer_bytes);
}

cusparseStatus_t cusparseLtSpMMACompress(const cusparseLtHandle_t *handle, const cusparseLtMatmulPlan_t *plan,
                                         const void *dense, void *compressed, void *buffer, void *stream)
{
    const struct maf_slt_plan *p = slt_get(plan, SLT_PLAN);
    NEED_HANDLE(handle);
    NEED(p);
    return cusparseLtSpMMACompress2(handle, (const void *)slt_sparse(&p->matmul), p->matmul.a.structured,
                                    slt_sparse_op(&p->matmul), dense, compressed, buffer, stream);
}

/* --- products ---- */

cusparseStatus_t cusparseLtMatmulGetWorkspace(const cusparseLtHandle_t *handle, const cusparseLtMatmulPlan_t *plan,
                                              size_t *bytes)
{
    const struct maf_slt_plan *p = slt_get(plan, SLT_PLAN);
    NEED_HANDLE(handle);
    NEED(p && bytes);
    const struct maf_slt_matrix *m = slt_sparse(&p->matmul);
    *bytes = (size_t)(m->rows * m->cols * (m->stride ? m->batch : 1)) * maf_type_size(m->type);
    return CUSPARSE_STATUS_SUCCESS;
}

static void operand(const struct maf_slt_matrix *m, int op, int64_t *trans, int64_t *ld, int64_t *order, int64_t *type,
                    int64_t *stride)
{
    *trans = op;
    *ld = m->ld;
    *order = m->order == 2;
    *type = m->type;
    *stride = m->stride;
}

/* NOT_SUPPORTED for what the dense product has no epilogue for. */
static cusparseStatus_t epilogue(const struct maf_slt_matmul *m, struct maf_gemm_call *call)
{
    struct maf_op_gemm *op = &call->op;
    const char *missing = NULL;
    if (m->relu && (m->threshold != 0 || m->upper_bound != __builtin_inff()))
        missing = "ReLU with a threshold or upper bound";
    if (m->gelu && m->gelu_scale != 1)
        missing = "scaled GELU";
    if (m->bias && m->a.type == MAF_I8)
        missing = "bias of integer products";
    if (m->beta_vector && !m->alpha_vector)
        missing = "a beta vector without an alpha vector";
    if (missing) {
        maf_unsupported("cusparselt", missing);
        return CUSPARSE_STATUS_NOT_SUPPORTED;
    }
    /* Bits of cublasLtEpilogue_t. */
    op->epilogue = (m->bias ? 4 : 0) | (m->relu ? 2 : m->gelu ? 32 : 0);
    op->type_bias = op->type_aux = op->epilogue ? op->type_d : 0;
    op->stride_bias = op->batch > 1 && m->bias ? m->bias_stride : 0;
    call->pointers[PTR_BIAS] = m->bias;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseLtMatmul(const cusparseLtHandle_t *handle, const cusparseLtMatmulPlan_t *plan,
                                  const void *alpha, const void *a, const void *b, const void *beta, const void *c,
                                  void *d, void *workspace, void **streams, int32_t stream_count)
{
    const struct maf_slt_plan *p = slt_get(plan, SLT_PLAN);
    NEED_HANDLE(handle);
    NEED(p && alpha && a && b && beta && c && d && workspace && stream_count >= 0 && (streams || !stream_count));
    const struct maf_slt_matmul *m = &p->matmul;
    void *stream = stream_count ? streams[0] : NULL;
    int integer = m->a.type == MAF_I8;
    struct maf_gemm_call call = {0};
    struct maf_op_gemm *op = &call.op;

    op->m = m->d.rows;
    op->n = m->d.cols;
    op->k = m->op_a ? m->a.rows : m->a.cols;
    operand(&m->a, m->op_a, &op->transa, &op->lda, &op->order_a, &op->type_a, &op->stride_a);
    operand(&m->b, m->op_b, &op->transb, &op->ldb, &op->order_b, &op->type_b, &op->stride_b);
    int64_t no_op;
    operand(&m->c, 0, &no_op, &op->ldc, &op->order_c, &op->type_c, &op->stride_c);
    operand(&m->d, 0, &no_op, &op->ldd, &op->order_d, &op->type_d, &op->stride_d);
    op->batch = m->d.batch;
    /* Integer sums become floats before they are scaled; a dense product in floats gives any type of result. */
    op->type_compute = !integer ? MAF_F32 : m->d.type == MAF_F16 || m->d.type == MAF_BF16 ? MAF_F32 : MAF_I32;
    op->type_scale = MAF_F32;
    cusparseStatus_t status = epilogue(m, &call);
    if (status)
        return status;

    struct maf_op_structured expand = slt_describe(slt_sparse(m), m->a.structured, slt_sparse_op(m),
                                                   MAF_STRUCTURED_EXPAND, 1);
    if (m->a.structured) { /* rows x inner, row by row */
        op->transa = 0;
        op->order_a = 1;
        op->lda = expand.inner;
        op->stride_a = m->a.stride ? expand.stride : 0;
    } else { /* its columns follow each other */
        op->transb = 0;
        op->order_b = 0;
        op->ldb = expand.inner;
        op->stride_b = m->b.stride ? expand.stride : 0;
    }
    if (m->alpha_vector) {
        op->scalars_on_device = m->beta_vector ? 2 : 4; /* CUBLASLT_POINTER_MODE_DEVICE_VECTOR, ALPHA_DEVICE_VECTOR_BETA_HOST */
        call.pointers[PTR_ALPHA] = maf_address(alpha);
    } else {
        maf_host_scalar(MAF_F32, alpha, call.scalars);
    }
    if (m->beta_vector)
        call.pointers[PTR_BETA] = maf_address(beta);
    else
        maf_host_scalar(MAF_F32, beta, call.scalars + 2);
    call.pointers[PTR_A] = maf_address(m->a.structured ? workspace : a);
    call.pointers[PTR_B] = maf_address(m->a.structured ? b : workspace);
    call.pointers[PTR_C] = maf_address(c);
    call.pointers[PTR_D] = maf_address(d);
    status = slt_submit(stream, &expand, workspace, m->a.structured ? a : b, "cusparseLtMatmul");
    if (status)
        return status;
    return slt_status(maf_submit_gemm(stream, &call, "cusparselt", "cusparseLtMatmul"));
}

/* There is one algorithm: the search runs it once, so that D holds the result as after any search. */
cusparseStatus_t cusparseLtMatmulSearch(const cusparseLtHandle_t *handle, cusparseLtMatmulPlan_t *plan,
                                        const void *alpha, const void *a, const void *b, const void *beta,
                                        const void *c, void *d, void *workspace, void **streams, int32_t stream_count)
{
    return cusparseLtMatmul(handle, plan, alpha, a, b, beta, c, d, workspace, streams, stream_count);
}
