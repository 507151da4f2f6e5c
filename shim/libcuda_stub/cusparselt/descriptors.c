/* Handle, matrix, product and algorithm descriptors. */
#include "front.h"

enum { MAJOR = 0, MINOR = 8, PATCH = 1, VERSION = MAJOR * 1000 + MINOR * 100 + PATCH };

static const char *const names[] = {
    "CUSPARSE_STATUS_SUCCESS", "CUSPARSE_STATUS_NOT_INITIALIZED", "CUSPARSE_STATUS_ALLOC_FAILED",
    "CUSPARSE_STATUS_INVALID_VALUE", "CUSPARSE_STATUS_ARCH_MISMATCH", "CUSPARSE_STATUS_MAPPING_ERROR",
    "CUSPARSE_STATUS_EXECUTION_FAILED", "CUSPARSE_STATUS_INTERNAL_ERROR", "CUSPARSE_STATUS_MATRIX_TYPE_NOT_SUPPORTED",
    "CUSPARSE_STATUS_ZERO_PIVOT", "CUSPARSE_STATUS_NOT_SUPPORTED", "CUSPARSE_STATUS_INSUFFICIENT_RESOURCES",
};
static const char *const texts[] = {
    "success", "initialization error", "out of memory", "invalid value", "architecture mismatch",
    "mapping GPU memory failed", "kernel launch failure", "internal error", "matrix type not supported",
    "zero pivot", "operation not supported", "insufficient resources",
};

const char *cusparseLtGetErrorName(cusparseStatus_t status)
{
    return (unsigned)status < sizeof names / sizeof names[0] ? names[status] : "unrecognized error code";
}

const char *cusparseLtGetErrorString(cusparseStatus_t status)
{
    return (unsigned)status < sizeof texts / sizeof texts[0] ? texts[status] : "unrecognized error code";
}

cusparseStatus_t cusparseLtInit(cusparseLtHandle_t *handle)
{
    NEED(handle);
    if (maf_client_ready())
        return CUSPARSE_STATUS_NOT_INITIALIZED;
    handle->data[0] = SLT_HANDLE;
    return CUSPARSE_STATUS_SUCCESS;
}

static cusparseStatus_t forget(const void *opaque, enum maf_slt_kind kind)
{
    NEED(slt_get(opaque, kind));
    *(uint64_t *)(uintptr_t)opaque = 0;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseLtDestroy(const cusparseLtHandle_t *handle)
{
    NEED_HANDLE(handle);
    return forget(handle, SLT_HANDLE);
}

cusparseStatus_t cusparseLtGetVersion(const cusparseLtHandle_t *handle, int *version)
{
    NEED_HANDLE(handle);
    NEED(version);
    *version = VERSION;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseLtGetProperty(int type, int *value)
{
    static const int property[] = {MAJOR, MINOR, PATCH};
    NEED(value && type >= 0 && type <= 2);
    *value = property[type];
    return CUSPARSE_STATUS_SUCCESS;
}

/* --- matrices ---- */

/* Sizes must be multiples of these (cuSPARSELt documentation, cusparseLt*DescriptorInit), in elements. */
static int64_t granule(int64_t type, int structured)
{
    int64_t bytes = maf_type_size(type);
    return (bytes >= 4 ? 4 : 16 / bytes) * (structured ? 2 : 1);
}

static cusparseStatus_t init_matrix(const cusparseLtHandle_t *handle, cusparseLtMatDescriptor_t *matrix, int64_t rows,
                                    int64_t cols, int64_t ld, uint32_t alignment, int type, int order, int structured,
                                    const char *function)
{
    NEED_HANDLE(handle);
    NEED(matrix && rows > 0 && cols > 0 && (order == 1 || order == 2) && ld >= (order == 1 ? rows : cols));
    NEED(alignment >= 16 && alignment % 16 == 0);
    int64_t kind = maf_dtype_of((cudaDataType_t)type);
    int known = kind == MAF_F32 || kind == MAF_F16 || kind == MAF_BF16 || kind == MAF_I8;
    if (!known && (structured || kind != MAF_I32)) { /* 8-bit and 4-bit floats among them */
        maf_unsupported("cusparselt", function);
        return CUSPARSE_STATUS_NOT_SUPPORTED;
    }
    int64_t step = granule(kind, structured);
    if (rows % step || cols % step || ld % (structured ? step / 2 : step))
        return CUSPARSE_STATUS_NOT_SUPPORTED;
    struct maf_slt_matrix m = {.kind = SLT_MATRIX, .rows = rows, .cols = cols, .ld = ld, .batch = 1,
                               .type = (int32_t)kind, .order = order, .structured = structured};
    m.stride = ld * (order == 1 ? cols : rows);
    memcpy(matrix, &m, sizeof m);
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseLtDenseDescriptorInit(const cusparseLtHandle_t *handle, cusparseLtMatDescriptor_t *matrix,
                                               int64_t rows, int64_t cols, int64_t ld, uint32_t alignment, int type,
                                               int order)
{
    return init_matrix(handle, matrix, rows, cols, ld, alignment, type, order, 0, "cusparseLtDenseDescriptorInit");
}

cusparseStatus_t cusparseLtStructuredDescriptorInit(const cusparseLtHandle_t *handle, cusparseLtMatDescriptor_t *matrix,
                                                    int64_t rows, int64_t cols, int64_t ld, uint32_t alignment,
                                                    int type, int order, int sparsity)
{
    NEED_HANDLE(handle);
    NEED(sparsity == 0); /* CUSPARSELT_SPARSITY_50_PERCENT */
    return init_matrix(handle, matrix, rows, cols, ld, alignment, type, order, 1, "cusparseLtStructuredDescriptorInit");
}

cusparseStatus_t cusparseLtMatDescriptorDestroy(const cusparseLtMatDescriptor_t *matrix)
{
    return forget(matrix, SLT_MATRIX);
}

cusparseStatus_t cusparseLtMatDescSetAttribute(const cusparseLtHandle_t *handle, cusparseLtMatDescriptor_t *matrix,
                                               int attribute, const void *data, size_t bytes)
{
    struct maf_slt_matrix *m = (struct maf_slt_matrix *)slt_get(matrix, SLT_MATRIX);
    NEED_HANDLE(handle);
    NEED(m && data);
    if (attribute == CUSPARSELT_MAT_NUM_BATCHES) {
        int count;
        NEED(bytes == sizeof count);
        memcpy(&count, data, sizeof count);
        NEED(count > 0);
        m->batch = count;
        return CUSPARSE_STATUS_SUCCESS;
    }
    NEED(attribute == CUSPARSELT_MAT_BATCH_STRIDE && bytes == sizeof m->stride);
    int64_t stride, least = m->ld * (m->order == 1 ? m->cols : m->rows);
    memcpy(&stride, data, sizeof stride);
    NEED(stride == 0 || stride >= least);
    m->stride = stride;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseLtMatDescGetAttribute(const cusparseLtHandle_t *handle,
                                               const cusparseLtMatDescriptor_t *matrix, int attribute, void *data,
                                               size_t bytes)
{
    const struct maf_slt_matrix *m = slt_get(matrix, SLT_MATRIX);
    NEED_HANDLE(handle);
    NEED(m && data);
    if (attribute == CUSPARSELT_MAT_NUM_BATCHES) {
        int count = (int)m->batch;
        NEED(bytes == sizeof count);
        memcpy(data, &count, sizeof count);
        return CUSPARSE_STATUS_SUCCESS;
    }
    NEED(attribute == CUSPARSELT_MAT_BATCH_STRIDE && bytes == sizeof m->stride);
    memcpy(data, &m->stride, sizeof m->stride);
    return CUSPARSE_STATUS_SUCCESS;
}

/* --- products ---- */

static int shape_fits(const struct maf_slt_matmul *m)
{
    int64_t rows = m->op_a ? m->a.cols : m->a.rows, inner = m->op_a ? m->a.rows : m->a.cols;
    int64_t inner_b = m->op_b ? m->b.cols : m->b.rows, cols = m->op_b ? m->b.rows : m->b.cols;
    return inner == inner_b && m->c.rows == rows && m->d.rows == rows && m->c.cols == cols && m->d.cols == cols &&
           m->c.order == m->d.order && m->b.batch == m->d.batch && m->c.batch == m->d.batch && m->a.batch == m->d.batch;
}

cusparseStatus_t cusparseLtMatmulDescriptorInit(const cusparseLtHandle_t *handle, cusparseLtMatmulDescriptor_t *matmul,
                                                int op_a, int op_b, const cusparseLtMatDescriptor_t *a,
                                                const cusparseLtMatDescriptor_t *b,
                                                const cusparseLtMatDescriptor_t *c,
                                                const cusparseLtMatDescriptor_t *d, cusparseComputeType compute)
{
    const struct maf_slt_matrix *pa = slt_get(a, SLT_MATRIX), *pb = slt_get(b, SLT_MATRIX);
    const struct maf_slt_matrix *pc = slt_get(c, SLT_MATRIX), *pd = slt_get(d, SLT_MATRIX);
    NEED_HANDLE(handle);
    NEED(matmul && pa && pb && pc && pd && (op_a == 0 || op_a == 1) && (op_b == 0 || op_b == 1));
    NEED((unsigned)compute <= CUSPARSE_COMPUTE_32F && !pc->structured && !pd->structured);
    struct maf_slt_matmul m = {.kind = SLT_MATMUL, .a = *pa, .b = *pb, .c = *pc, .d = *pd, .op_a = op_a, .op_b = op_b,
                               .compute = compute, .upper_bound = __builtin_inff(), .gelu_scale = 1};
    NEED(pa->structured + pb->structured == 1 && shape_fits(&m));
    int integer = m.a.type == MAF_I8;
    if (m.a.type != m.b.type || m.a.type == MAF_I32 || integer != (compute == CUSPARSE_COMPUTE_32I) ||
        (compute == CUSPARSE_COMPUTE_16F && m.a.type != MAF_F16) || (!integer && m.d.type != m.a.type) ||
        (integer && m.d.type == MAF_F32)) {
        maf_unsupported("cusparselt", "cusparseLtMatmulDescriptorInit with these types");
        return CUSPARSE_STATUS_NOT_SUPPORTED;
    }
    memcpy(matmul, &m, sizeof m);
    return CUSPARSE_STATUS_SUCCESS;
}

static void *matmul_field(struct maf_slt_matmul *m, cusparseLtMatmulDescAttribute_t attribute, size_t *bytes)
{
    *bytes = 4;
    switch (attribute) {
    case CUSPARSELT_MATMUL_ACTIVATION_RELU:
        return &m->relu;
    case CUSPARSELT_MATMUL_ACTIVATION_RELU_UPPERBOUND:
        return &m->upper_bound;
    case CUSPARSELT_MATMUL_ACTIVATION_RELU_THRESHOLD:
        return &m->threshold;
    case CUSPARSELT_MATMUL_ACTIVATION_GELU:
        return &m->gelu;
    case CUSPARSELT_MATMUL_ACTIVATION_GELU_SCALING:
        return &m->gelu_scale;
    case CUSPARSELT_MATMUL_ALPHA_VECTOR_SCALING:
        return &m->alpha_vector;
    case CUSPARSELT_MATMUL_BETA_VECTOR_SCALING:
        return &m->beta_vector;
    case CUSPARSELT_MATMUL_BIAS_STRIDE:
        *bytes = 8;
        return &m->bias_stride;
    case CUSPARSELT_MATMUL_BIAS_POINTER:
        *bytes = 8;
        return &m->bias;
    case CUSPARSELT_MATMUL_SPARSE_MAT_POINTER:
        *bytes = 8;
        return &m->sparse_matrix;
    }
    return NULL;
}

/* Attributes of newer releases, the scales of 8-bit and 4-bit floats. */
static cusparseStatus_t unknown(int attribute)
{
    NEED(attribute > CUSPARSELT_MATMUL_SPARSE_MAT_POINTER && attribute < 20);
    maf_unsupported("cusparselt", "scales of narrow floating-point types");
    return CUSPARSE_STATUS_NOT_SUPPORTED;
}

cusparseStatus_t cusparseLtMatmulDescSetAttribute(const cusparseLtHandle_t *handle,
                                                  cusparseLtMatmulDescriptor_t *matmul,
                                                  cusparseLtMatmulDescAttribute_t attribute, const void *data,
                                                  size_t bytes)
{
    struct maf_slt_matmul *m = (struct maf_slt_matmul *)slt_get(matmul, SLT_MATMUL);
    size_t size;
    NEED_HANDLE(handle);
    NEED(m && data);
    void *field = matmul_field(m, attribute, &size);
    if (!field)
        return unknown(attribute);
    NEED(bytes == size);
    memcpy(field, data, size);
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseLtMatmulDescGetAttribute(const cusparseLtHandle_t *handle,
                                                  const cusparseLtMatmulDescriptor_t *matmul,
                                                  cusparseLtMatmulDescAttribute_t attribute, void *data, size_t bytes)
{
    struct maf_slt_matmul *m = (struct maf_slt_matmul *)slt_get(matmul, SLT_MATMUL);
    size_t size;
    NEED_HANDLE(handle);
    NEED(m && data);
    const void *field = matmul_field(m, attribute, &size);
    if (!field)
        return unknown(attribute);
    NEED(bytes == size);
    memcpy(data, field, size);
    return CUSPARSE_STATUS_SUCCESS;
}

/* --- the choice of an algorithm, of which there is one ---- */

cusparseStatus_t cusparseLtMatmulAlgSelectionInit(const cusparseLtHandle_t *handle,
                                                  cusparseLtMatmulAlgSelection_t *selection,
                                                  const cusparseLtMatmulDescriptor_t *matmul, int algorithm)
{
    NEED_HANDLE(handle);
    NEED(selection && slt_get(matmul, SLT_MATMUL) && algorithm == 0);
    struct maf_slt_selection s = {.kind = SLT_SELECTION, .iterations = 5, .split_k = 1};
    memcpy(selection, &s, sizeof s);
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseLtMatmulAlgSelectionDestroy(const cusparseLtMatmulAlgSelection_t *selection)
{
    return forget(selection, SLT_SELECTION);
}

static int32_t *selection_field(struct maf_slt_selection *s, cusparseLtMatmulAlgAttribute_t attribute)
{
    switch (attribute) {
    case CUSPARSELT_MATMUL_ALG_CONFIG_ID:
        return &s->id;
    case CUSPARSELT_MATMUL_SEARCH_ITERATIONS:
        return &s->iterations;
    case CUSPARSELT_MATMUL_SPLIT_K:
        return &s->split_k;
    case CUSPARSELT_MATMUL_SPLIT_K_MODE:
        return &s->split_mode;
    case CUSPARSELT_MATMUL_SPLIT_K_BUFFERS:
        return &s->split_buffers;
    default:
        return NULL;
    }
}

/* Splitting the sum into parts changes how fast it is computed, not what: any count of parts is taken. */
cusparseStatus_t cusparseLtMatmulAlgSetAttribute(const cusparseLtHandle_t *handle,
                                                 cusparseLtMatmulAlgSelection_t *selection,
                                                 cusparseLtMatmulAlgAttribute_t attribute, const void *data,
                                                 size_t bytes)
{
    struct maf_slt_selection *s = (struct maf_slt_selection *)slt_get(selection, SLT_SELECTION);
    NEED_HANDLE(handle);
    NEED(s && data && bytes == sizeof(int32_t));
    int32_t *field = selection_field(s, attribute), value;
    NEED(field);
    memcpy(&value, data, sizeof value);
    NEED(value >= 0 && (attribute != CUSPARSELT_MATMUL_ALG_CONFIG_ID || value == 0));
    NEED(attribute != CUSPARSELT_MATMUL_SEARCH_ITERATIONS || value > 0);
    *field = value;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseLtMatmulAlgGetAttribute(const cusparseLtHandle_t *handle,
                                                 const cusparseLtMatmulAlgSelection_t *selection,
                                                 cusparseLtMatmulAlgAttribute_t attribute, void *data, size_t bytes)
{
    static const int32_t limit = 1; /* identifiers are below it */
    struct maf_slt_selection *s = (struct maf_slt_selection *)slt_get(selection, SLT_SELECTION);
    NEED_HANDLE(handle);
    NEED(s && data && bytes == sizeof(int32_t));
    const int32_t *field =
        attribute == CUSPARSELT_MATMUL_ALG_CONFIG_MAX_ID ? &limit : selection_field(s, attribute);
    NEED(field);
    memcpy(data, field, sizeof *field);
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseLtMatmulPlanInit(const cusparseLtHandle_t *handle, cusparseLtMatmulPlan_t *plan,
                                          const cusparseLtMatmulDescriptor_t *matmul,
                                          const cusparseLtMatmulAlgSelection_t *selection)
{
    const struct maf_slt_matmul *m = slt_get(matmul, SLT_MATMUL);
    NEED_HANDLE(handle);
    NEED(plan && m && slt_get(selection, SLT_SELECTION));
    struct maf_slt_plan p = {.kind = SLT_PLAN, .matmul = *m};
    memcpy(plan, &p, sizeof p);
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseLtMatmulPlanDestroy(const cusparseLtMatmulPlan_t *plan)
{
    return forget(plan, SLT_PLAN);
}
