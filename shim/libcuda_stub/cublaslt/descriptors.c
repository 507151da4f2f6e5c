/* Descriptors: created with the documented defaults, attributes read and written by table. */

#include <stdlib.h>

#include "front.h"

struct attribute {
    int id;
    uint16_t offset;
    uint16_t bytes;
};

#define FIELD(ID, STRUCT, NAME) {ID, offsetof(struct STRUCT, NAME), sizeof(((struct STRUCT *)0)->NAME)}
#define MATMUL(ID, NAME) FIELD(CUBLASLT_MATMUL_DESC_##ID, maf_lt_matmul, NAME)
#define LAYOUT(ID, NAME) FIELD(CUBLASLT_MATRIX_LAYOUT_##ID, maf_lt_layout, NAME)
#define PREFERENCE(ID, NAME) FIELD(CUBLASLT_MATMUL_PREF_##ID, maf_lt_preference, NAME)
#define TRANSFORM(ID, NAME) FIELD(CUBLASLT_MATRIX_TRANSFORM_DESC_##ID, maf_lt_transform, NAME)
#define COUNT(TABLE) (sizeof(TABLE) / sizeof(TABLE)[0])

static const struct attribute matmul_attributes[] = {
    MATMUL(COMPUTE_TYPE, compute),
    MATMUL(SCALE_TYPE, scale_type),
    MATMUL(POINTER_MODE, pointer_mode),
    MATMUL(TRANSA, transa),
    MATMUL(TRANSB, transb),
    MATMUL(TRANSC, transc),
    MATMUL(FILL_MODE, fill_mode),
    MATMUL(EPILOGUE, epilogue),
    MATMUL(BIAS_POINTER, bias),
    MATMUL(BIAS_BATCH_STRIDE, bias_stride),
    MATMUL(EPILOGUE_AUX_POINTER, aux),
    MATMUL(EPILOGUE_AUX_LD, aux_ld),
    MATMUL(EPILOGUE_AUX_BATCH_STRIDE, aux_stride),
    MATMUL(ALPHA_VECTOR_BATCH_STRIDE, alpha_stride),
    MATMUL(SM_COUNT_TARGET, sm_count_target),
    MATMUL(A_SCALE_POINTER, scale_a),
    MATMUL(B_SCALE_POINTER, scale_b),
    MATMUL(C_SCALE_POINTER, scale_c),
    MATMUL(D_SCALE_POINTER, scale_d),
    MATMUL(AMAX_D_POINTER, amax_d),
    MATMUL(EPILOGUE_AUX_DATA_TYPE, aux_type),
    MATMUL(EPILOGUE_AUX_SCALE_POINTER, aux_scale),
    MATMUL(EPILOGUE_AUX_AMAX_POINTER, aux_amax),
    MATMUL(FAST_ACCUM, fast_accumulation),
    MATMUL(BIAS_DATA_TYPE, bias_type),
};

static const struct attribute layout_attributes[] = {
    LAYOUT(TYPE, type),
    LAYOUT(ORDER, order),
    LAYOUT(ROWS, rows),
    LAYOUT(COLS, cols),
    LAYOUT(LD, ld),
    LAYOUT(BATCH_COUNT, batch),
    LAYOUT(STRIDED_BATCH_OFFSET, stride),
    LAYOUT(PLANE_OFFSET, plane_offset),
    LAYOUT(BATCH_MODE, batch_mode),
};

static const struct attribute preference_attributes[] = {
    PREFERENCE(SEARCH_MODE, search_mode),
    PREFERENCE(MAX_WORKSPACE_BYTES, max_workspace),
    PREFERENCE(REDUCTION_SCHEME_MASK, reduction_schemes),
    PREFERENCE(MIN_ALIGNMENT_A_BYTES, alignment_a),
    PREFERENCE(MIN_ALIGNMENT_B_BYTES, alignment_b),
    PREFERENCE(MIN_ALIGNMENT_C_BYTES, alignment_c),
    PREFERENCE(MIN_ALIGNMENT_D_BYTES, alignment_d),
    PREFERENCE(MAX_WAVES_COUNT, max_waves),
    PREFERENCE(IMPL_MASK, impl_mask),
};

static const struct attribute transform_attributes[] = {
    TRANSFORM(SCALE_TYPE, scale_type),
    TRANSFORM(POINTER_MODE, pointer_mode),
    TRANSFORM(TRANSA, transa),
    TRANSFORM(TRANSB, transb),
};

static const struct attribute *find(const struct attribute *table, size_t count, int id)
{
    for (size_t i = 0; i < count; i++) {
        if (table[i].id == id) {
            return &table[i];
        }
    }
    return NULL;
}

static cublasStatus_t set(void *descriptor, const struct attribute *table, size_t count, int id, const void *value,
                          size_t bytes)
{
    const struct attribute *a = find(table, count, id);
    if (!descriptor || !value || !a || bytes != a->bytes) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    memcpy((char *)descriptor + a->offset, value, bytes);
    return CUBLAS_STATUS_SUCCESS;
}

/* With bytes == 0 only the size is reported. */
static cublasStatus_t get(const void *descriptor, const struct attribute *table, size_t count, int id, void *value,
                          size_t bytes, size_t *written)
{
    const struct attribute *a = find(table, count, id);
    if (!descriptor || !a || (bytes == 0 && !written) || (bytes != 0 && (!value || bytes != a->bytes))) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    if (written) {
        *written = a->bytes;
    }
    if (bytes) {
        memcpy(value, (const char *)descriptor + a->offset, a->bytes);
    }
    return CUBLAS_STATUS_SUCCESS;
}

#define DEFINE_ATTRIBUTES(PREFIX, HANDLE, ATTRIBUTE, TABLE)                                                            \
    cublasStatus_t PREFIX##SetAttribute(HANDLE object, ATTRIBUTE attribute, const void *value, size_t bytes)          \
    {                                                                                                                  \
        return set(object, TABLE, COUNT(TABLE), attribute, value, bytes);                                              \
    }                                                                                                                  \
    cublasStatus_t PREFIX##GetAttribute(HANDLE object, ATTRIBUTE attribute, void *value, size_t bytes,                \
                                        size_t *written)                                                               \
    {                                                                                                                  \
        return get(object, TABLE, COUNT(TABLE), attribute, value, bytes, written);                                     \
    }                                                                                                                  \
    /* Programs destroy from C++ destructors, where an error would end them. */                                        \
    cublasStatus_t PREFIX##Destroy(HANDLE object)                                                                      \
    {                                                                                                                  \
        free(object);                                                                                                  \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }

DEFINE_ATTRIBUTES(cublasLtMatmulDesc, cublasLtMatmulDesc_t, cublasLtMatmulDescAttributes_t, matmul_attributes)
DEFINE_ATTRIBUTES(cublasLtMatrixLayout, cublasLtMatrixLayout_t, cublasLtMatrixLayoutAttribute_t, layout_attributes)
DEFINE_ATTRIBUTES(cublasLtMatmulPreference, cublasLtMatmulPreference_t, cublasLtMatmulPreferenceAttributes_t,
                  preference_attributes)
DEFINE_ATTRIBUTES(cublasLtMatrixTransformDesc, cublasLtMatrixTransformDesc_t, cublasLtMatrixTransformDescAttributes_t,
                  transform_attributes)

cublasStatus_t cublasLtMatrixTransformDescInit_internal(cublasLtMatrixTransformDesc_t desc, size_t bytes,
                                                        cudaDataType_t scale)
{
    if (!desc || bytes < sizeof *desc) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    memset(desc, 0, bytes);
    desc->scale_type = (int32_t)scale;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixTransformDescCreate(cublasLtMatrixTransformDesc_t *desc, cudaDataType_t scale)
{
    if (!desc) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    *desc = malloc(sizeof **desc);
    return *desc ? cublasLtMatrixTransformDescInit_internal(*desc, sizeof **desc, scale) : CUBLAS_STATUS_ALLOC_FAILED;
}

cublasStatus_t cublasLtMatmulDescInit_internal(cublasLtMatmulDesc_t desc, size_t bytes, cublasComputeType_t compute,
                                               cudaDataType_t scale)
{
    if (!desc || bytes < sizeof *desc) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    memset(desc, 0, bytes);
    desc->compute = (int32_t)compute;
    desc->scale_type = (int32_t)scale;
    desc->epilogue = CUBLASLT_EPILOGUE_DEFAULT;
    desc->fill_mode = CUBLAS_FILL_MODE_FULL;
    desc->aux_type = desc->bias_type = DEFAULT_TYPE;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutInit_internal(cublasLtMatrixLayout_t layout, size_t bytes, cudaDataType_t type,
                                                 uint64_t rows, uint64_t cols, int64_t ld)
{
    if (!layout || bytes < sizeof *layout) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    memset(layout, 0, bytes);
    layout->type = (uint32_t)type;
    layout->rows = rows;
    layout->cols = cols;
    layout->ld = ld;
    layout->batch = 1;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceInit_internal(cublasLtMatmulPreference_t preference, size_t bytes)
{
    if (!preference || bytes < sizeof *preference) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    memset(preference, 0, bytes);
    preference->reduction_schemes = ~0u;
    preference->alignment_a = preference->alignment_b = preference->alignment_c = preference->alignment_d = 256;
    preference->impl_mask = ~(uint64_t)0;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *desc, cublasComputeType_t compute, cudaDataType_t scale)
{
    if (!desc) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    *desc = malloc(sizeof **desc);
    return *desc ? cublasLtMatmulDescInit_internal(*desc, sizeof **desc, compute, scale) : CUBLAS_STATUS_ALLOC_FAILED;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *layout, cudaDataType_t type, uint64_t rows,
                                          uint64_t cols, int64_t ld)
{
    if (!layout) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    *layout = malloc(sizeof **layout);
    return *layout ? cublasLtMatrixLayoutInit_internal(*layout, sizeof **layout, type, rows, cols, ld)
                   : CUBLAS_STATUS_ALLOC_FAILED;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *preference)
{
    if (!preference) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    *preference = malloc(sizeof **preference);
    return *preference ? cublasLtMatmulPreferenceInit_internal(*preference, sizeof **preference)
                       : CUBLAS_STATUS_ALLOC_FAILED;
}
