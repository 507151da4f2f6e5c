/* cublasLtMatmul and the choice of its algorithm, of which there is one. */

#include "front.h"

enum { ALGORITHM_ID = 0 };

/* What the operands' descriptors say, without pointers. INVALID_VALUE where they contradict each other. */
static cublasStatus_t describe(const struct maf_lt_matmul *desc, const struct maf_lt_layout *a,
                               const struct maf_lt_layout *b, const struct maf_lt_layout *c,
                               const struct maf_lt_layout *d, struct maf_op_gemm *op)
{
    if (!desc || !a || !b || !c || !d) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    memset(op, 0, sizeof *op);
    int ta = desc->transa == CUBLAS_OP_T || desc->transa == CUBLAS_OP_C;
    int tb = desc->transb == CUBLAS_OP_T || desc->transb == CUBLAS_OP_C;
    uint64_t m = ta ? a->cols : a->rows, k = ta ? a->rows : a->cols;
    uint64_t k_b = tb ? b->cols : b->rows, n = tb ? b->rows : b->cols;
    if (k != k_b || d->rows != m || d->cols != n || c->rows != m || c->cols != n || a->batch != d->batch ||
        b->batch != d->batch || c->batch != d->batch || (unsigned)desc->transa > CUBLAS_OP_CONJG ||
        (unsigned)desc->transb > CUBLAS_OP_CONJG || a->batch_mode != d->batch_mode || b->batch_mode != d->batch_mode ||
        c->batch_mode != d->batch_mode) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    op->type_a = maf_dtype_of((cudaDataType_t)a->type);
    op->type_b = maf_dtype_of((cudaDataType_t)b->type);
    op->type_c = maf_dtype_of((cudaDataType_t)c->type);
    op->type_d = maf_dtype_of((cudaDataType_t)d->type);
    int64_t scale;
    if (op->type_a == MAF_NO_TYPE || op->type_b == MAF_NO_TYPE || op->type_c == MAF_NO_TYPE ||
        op->type_d == MAF_NO_TYPE || desc->transc != CUBLAS_OP_N || desc->fill_mode != CUBLAS_FILL_MODE_FULL ||
        desc->scale_a || desc->scale_b || desc->scale_c || desc->scale_d || desc->amax_d || desc->aux_scale ||
        desc->aux_amax ||
        !maf_compute_of((cublasComputeType_t)desc->compute, op->type_a, &op->type_compute, &scale)) {
        return CUBLAS_STATUS_NOT_SUPPORTED;
    }
    op->type_scale = maf_dtype_of((cudaDataType_t)desc->scale_type);
    if (op->type_scale == MAF_NO_TYPE) {
        return CUBLAS_STATUS_NOT_SUPPORTED;
    }
    op->m = (int64_t)m;
    op->n = (int64_t)n;
    op->k = (int64_t)k;
    op->transa = desc->transa;
    op->transb = desc->transb;
    op->lda = a->ld;
    op->ldb = b->ld;
    op->ldc = c->ld;
    op->ldd = d->ld;
    op->order_a = a->order;
    op->order_b = b->order;
    op->order_c = c->order;
    op->order_d = d->order;
    op->batch = d->batch;
    op->pointer_array = d->batch_mode == CUBLASLT_BATCH_MODE_POINTER_ARRAY;
    op->scalars_on_device = desc->pointer_mode;
    op->epilogue = desc->epilogue & ~(uint32_t)CUBLASLT_EPILOGUE_DEFAULT;
    if (op->epilogue) {
        op->type_bias = desc->bias_type == DEFAULT_TYPE ? op->type_d : maf_dtype_of((cudaDataType_t)desc->bias_type);
        op->type_aux = desc->aux_type == DEFAULT_TYPE ? op->type_d : maf_dtype_of((cudaDataType_t)desc->aux_type);
        op->ld_aux = desc->aux_ld;
        if (op->type_bias == MAF_NO_TYPE || op->type_aux == MAF_NO_TYPE) {
            return CUBLAS_STATUS_NOT_SUPPORTED;
        }
    }
    if (op->batch > 1) {
        op->stride_a = a->stride;
        op->stride_b = b->stride;
        op->stride_c = c->stride;
        op->stride_d = d->stride;
        op->stride_bias = desc->bias_stride;
        op->stride_aux = desc->aux_stride;
    }
    return CUBLAS_STATUS_SUCCESS;
}

static int needs_bias(int64_t epilogue)
{
    /* BIAS reads it; BGRAD, BGRADA and BGRADB write it. */
    return (epilogue & (4 | 16 | 256 | 512)) != 0;
}

static int needs_aux(int64_t epilogue)
{
    return (epilogue & 128) != 0;
}

static cublasStatus_t refuse(cublasStatus_t status, const char *function)
{
    if (status == CUBLAS_STATUS_NOT_SUPPORTED) {
        maf_unsupported("cublaslt", function);
    }
    return status;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, const void *alpha, const void *a,
                              cublasLtMatrixLayout_t layout_a, const void *b, cublasLtMatrixLayout_t layout_b,
                              const void *beta, const void *c, cublasLtMatrixLayout_t layout_c, void *d,
                              cublasLtMatrixLayout_t layout_d, const cublasLtMatmulAlgo_t *algo, void *workspace,
                              size_t workspace_bytes, void *stream)
{
    (void)algo;
    (void)workspace;
    (void)workspace_bytes;
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    struct maf_gemm_call call;
    cublasStatus_t status = describe(desc, layout_a, layout_b, layout_c, layout_d, &call.op);
    if (status != CUBLAS_STATUS_SUCCESS) {
        return refuse(status, "cublasLtMatmul");
    }
    struct maf_op_gemm *op = &call.op;
    int beta_unused = op->scalars_on_device == CUBLASLT_POINTER_MODE_ALPHA_DEVICE_VECTOR_BETA_ZERO;
    if (!alpha || (!beta && !beta_unused) || (needs_bias(op->epilogue) && !desc->bias) ||
        (needs_aux(op->epilogue) && !desc->aux)) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    if (op->m == 0 || op->n == 0) {
        return CUBLAS_STATUS_SUCCESS;
    }
    memset(call.scalars, 0, sizeof call.scalars);
    memset(call.pointers, 0, sizeof call.pointers);
    if (op->scalars_on_device == CUBLASLT_POINTER_MODE_HOST) {
        maf_host_scalar(op->type_scale, alpha, call.scalars);
    } else {
        call.pointers[PTR_ALPHA] = maf_address(alpha);
    }
    if (op->scalars_on_device == CUBLASLT_POINTER_MODE_HOST ||
        op->scalars_on_device == CUBLASLT_POINTER_MODE_ALPHA_DEVICE_VECTOR_BETA_HOST) {
        maf_host_scalar(op->type_scale, beta, call.scalars + 2);
    } else if (!beta_unused) {
        call.pointers[PTR_BETA] = maf_address(beta);
    }
    call.pointers[PTR_A] = maf_address(a);
    call.pointers[PTR_B] = maf_address(b);
    call.pointers[PTR_C] = maf_address(c);
    call.pointers[PTR_D] = maf_address(d);
    call.pointers[PTR_BIAS] = needs_bias(op->epilogue) ? desc->bias : 0;
    call.pointers[PTR_AUX] = needs_aux(op->epilogue) ? desc->aux : 0;
    return maf_submit_gemm(stream, &call, "cublaslt", "cublasLtMatmul");
}

static void init_algo(cublasLtMatmulAlgo_t *algo)
{
    memset(algo, 0, sizeof *algo);
}

static cublasStatus_t check(cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                            cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d)
{
    struct maf_op_gemm op;
    struct maf_plan_info info;
    cublasStatus_t status = describe(desc, a, b, c, d, &op);
    if (status != CUBLAS_STATUS_SUCCESS) {
        return status;
    }
    int error = maf_plan(MAF_OP_GEMM, &op, sizeof op, &info);
    switch (error) {
    case MAF_PLAN_OK:
        return CUBLAS_STATUS_SUCCESS;
    case MAF_PLAN_UNSUPPORTED:
        return CUBLAS_STATUS_NOT_SUPPORTED;
    case MAF_PLAN_INVALID:
        return CUBLAS_STATUS_INVALID_VALUE;
    case MAF_PLAN_INTERNAL:
        return CUBLAS_STATUS_INTERNAL_ERROR;
    default:
        return maf_status_of(error < 0 ? -error : error);
    }
}

static void fill_result(cublasLtMatmulHeuristicResult_t *result, cublasStatus_t state)
{
    memset(result, 0, sizeof *result);
    init_algo(&result->algo);
    result->state = state;
    result->wavesCount = 1.0f;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
                                              cublasLtMatrixLayout_t layout_a, cublasLtMatrixLayout_t layout_b,
                                              cublasLtMatrixLayout_t layout_c, cublasLtMatrixLayout_t layout_d,
                                              cublasLtMatmulPreference_t preference, int requested,
                                              cublasLtMatmulHeuristicResult_t results[], int *found)
{
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    if (!preference || requested <= 0 || !results || !found) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    *found = 0;
    cublasStatus_t status = check(desc, layout_a, layout_b, layout_c, layout_d);
    if (status != CUBLAS_STATUS_SUCCESS) {
        return refuse(status, "cublasLtMatmulAlgoGetHeuristic");
    }
    fill_result(&results[0], CUBLAS_STATUS_SUCCESS);
    *found = 1;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoCheck(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
                                       cublasLtMatrixLayout_t layout_a, cublasLtMatrixLayout_t layout_b,
                                       cublasLtMatrixLayout_t layout_c, cublasLtMatrixLayout_t layout_d,
                                       const cublasLtMatmulAlgo_t *algo, cublasLtMatmulHeuristicResult_t *result)
{
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    if (!algo || !result) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    cublasStatus_t status = check(desc, layout_a, layout_b, layout_c, layout_d);
    fill_result(result, status);
    result->algo = *algo;
    return refuse(status, "cublasLtMatmulAlgoCheck");
}

cublasStatus_t cublasLtMatmulAlgoGetIds(cublasLtHandle_t handle, cublasComputeType_t compute, cudaDataType_t scale,
                                        cudaDataType_t type_a, cudaDataType_t type_b, cudaDataType_t type_c,
                                        cudaDataType_t type_d, int requested, int ids[], int *found)
{
    int64_t accumulation, scale_type;
    (void)scale;
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    if (requested <= 0 || !ids || !found) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    *found = 0;
    int64_t a = maf_dtype_of(type_a);
    if (a == MAF_NO_TYPE || maf_dtype_of(type_b) == MAF_NO_TYPE || maf_dtype_of(type_c) == MAF_NO_TYPE ||
        maf_dtype_of(type_d) == MAF_NO_TYPE || !maf_compute_of(compute, a, &accumulation, &scale_type)) {
        return refuse(CUBLAS_STATUS_NOT_SUPPORTED, "cublasLtMatmulAlgoGetIds");
    }
    ids[0] = ALGORITHM_ID;
    *found = 1;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoInit(cublasLtHandle_t handle, cublasComputeType_t compute, cudaDataType_t scale,
                                      cudaDataType_t type_a, cudaDataType_t type_b, cudaDataType_t type_c,
                                      cudaDataType_t type_d, int id, cublasLtMatmulAlgo_t *algo)
{
    int ids[1], found;
    if (!algo) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    cublasStatus_t status =
        cublasLtMatmulAlgoGetIds(handle, compute, scale, type_a, type_b, type_c, type_d, 1, ids, &found);
    if (status != CUBLAS_STATUS_SUCCESS) {
        return status;
    }
    if (id != ALGORITHM_ID) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    init_algo(algo);
    return CUBLAS_STATUS_SUCCESS;
}

/* Copies a value out; with bytes == 0 only its size is reported. */
static cublasStatus_t give(const void *from, size_t size, void *value, size_t bytes, size_t *written)
{
    if ((bytes == 0 && !written) || (bytes != 0 && (!value || bytes < size))) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    if (written) {
        *written = size;
    }
    if (bytes) {
        memcpy(value, from, size);
    }
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoCapGetAttribute(const cublasLtMatmulAlgo_t *algo,
                                                 cublasLtMatmulAlgoCapAttributes_t attribute, void *value,
                                                 size_t bytes, size_t *written)
{
    /* All caps are 32-bit; the two lists have one entry, "undefined". */
    static const uint32_t caps[] = {
        [CUBLASLT_ALGO_CAP_SPLITK_SUPPORT] = 0,
        [CUBLASLT_ALGO_CAP_REDUCTION_SCHEME_MASK] = 0,
        [CUBLASLT_ALGO_CAP_CTA_SWIZZLING_SUPPORT] = 0,
        [CUBLASLT_ALGO_CAP_STRIDED_BATCH_SUPPORT] = 1,
        [CUBLASLT_ALGO_CAP_OUT_OF_PLACE_RESULT_SUPPORT] = 1,
        [CUBLASLT_ALGO_CAP_UPLO_SUPPORT] = 0,
        [CUBLASLT_ALGO_CAP_TILE_IDS] = 0,
        [CUBLASLT_ALGO_CAP_CUSTOM_OPTION_MAX] = 0,
        [CUBLASLT_ALGO_CAP_CUSTOM_MEMORY_ORDER] = 0,
        [CUBLASLT_ALGO_CAP_POINTER_MODE_MASK] = 0x1f,
        [CUBLASLT_ALGO_CAP_EPILOGUE_MASK] = 0x3f7,
        [CUBLASLT_ALGO_CAP_STAGES_IDS] = 0,
        [CUBLASLT_ALGO_CAP_LD_NEGATIVE] = 0,
    };
    size_t index = (size_t)attribute;
    if (!algo || index >= sizeof caps / sizeof caps[0] || index == 8 || index == 9) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    return give(&caps[index], sizeof caps[index], value, bytes, written);
}

/* The configuration is kept in the algorithm's opaque words, one per attribute; there is nothing to tune by it. */
static size_t config_bytes(cublasLtMatmulAlgoConfigAttributes_t attribute)
{
    if ((unsigned)attribute > CUBLASLT_ALGO_CONFIG_CLUSTER_SHAPE_ID) {
        return 0;
    }
    return attribute >= CUBLASLT_ALGO_CONFIG_INNER_SHAPE_ID ? sizeof(uint16_t) : sizeof(uint32_t);
}

cublasStatus_t cublasLtMatmulAlgoConfigSetAttribute(cublasLtMatmulAlgo_t *algo,
                                                    cublasLtMatmulAlgoConfigAttributes_t attribute, const void *value,
                                                    size_t bytes)
{
    size_t size = config_bytes(attribute);
    if (!algo || !value || size == 0 || bytes != size || attribute == CUBLASLT_ALGO_CONFIG_ID) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    memcpy((uint32_t *)algo->data + attribute, value, size);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoConfigGetAttribute(const cublasLtMatmulAlgo_t *algo,
                                                    cublasLtMatmulAlgoConfigAttributes_t attribute, void *value,
                                                    size_t bytes, size_t *written)
{
    size_t size = config_bytes(attribute);
    if (!algo || size == 0) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    return give((const uint32_t *)algo->data + attribute, size, value, bytes, written);
}
