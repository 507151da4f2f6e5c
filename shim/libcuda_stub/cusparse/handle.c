/* cuSPARSE handles and legacy matrix descriptors: plain data. */
#include "front.h"

/* The version that CUDA 12.6 and 13.0 builds accept alike. */
enum { MAJOR = 12, MINOR = 6, PATCH = 0 };

cusparseStatus_t cusparseCreate(cusparseHandle_t *handle)
{
    if (!handle)
        return CUSPARSE_STATUS_INVALID_VALUE;
    *handle = calloc(1, sizeof **handle);
    return *handle ? CUSPARSE_STATUS_SUCCESS : CUSPARSE_STATUS_ALLOC_FAILED;
}

cusparseStatus_t cusparseDestroy(cusparseHandle_t handle)
{
    NEED_HANDLE(handle);
    if (!handle)
        return CUSPARSE_STATUS_NOT_INITIALIZED;
    free(handle);
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseGetVersion(cusparseHandle_t handle, int *version)
{
    NEED_HANDLE(handle);
    if (!handle)
        return CUSPARSE_STATUS_NOT_INITIALIZED;
    if (!version)
        return CUSPARSE_STATUS_INVALID_VALUE;
    *version = MAJOR * 1000 + MINOR * 100 + PATCH;
    return CUSPARSE_STATUS_SUCCESS;
}

/* type: libraryPropertyType_t, 0 major, 1 minor, 2 patch level. */
cusparseStatus_t cusparseGetProperty(int type, int *value)
{
    static const int property[] = {MAJOR, MINOR, PATCH};
    if (!value || type < 0 || type > 2)
        return CUSPARSE_STATUS_INVALID_VALUE;
    *value = property[type];
    return CUSPARSE_STATUS_SUCCESS;
}

static const struct {
    const char *name;
    const char *text;
} statuses[] = {
    {"CUSPARSE_STATUS_SUCCESS", "success"},
    {"CUSPARSE_STATUS_NOT_INITIALIZED", "initialization error"},
    {"CUSPARSE_STATUS_ALLOC_FAILED", "out of memory"},
    {"CUSPARSE_STATUS_INVALID_VALUE", "invalid value"},
    {"CUSPARSE_STATUS_ARCH_MISMATCH", "architecture mismatch"},
    {"CUSPARSE_STATUS_MAPPING_ERROR", "texture binding failure"},
    {"CUSPARSE_STATUS_EXECUTION_FAILED", "execution failed"},
    {"CUSPARSE_STATUS_INTERNAL_ERROR", "internal error"},
    {"CUSPARSE_STATUS_MATRIX_TYPE_NOT_SUPPORTED", "matrix type not supported"},
    {"CUSPARSE_STATUS_ZERO_PIVOT", "zero pivot"},
    {"CUSPARSE_STATUS_NOT_SUPPORTED", "operation not supported"},
    {"CUSPARSE_STATUS_INSUFFICIENT_RESOURCES", "insufficient resources"},
};

const char *cusparseGetErrorName(cusparseStatus_t status)
{
    return (unsigned)status < sizeof statuses / sizeof statuses[0] ? statuses[status].name : "CUSPARSE_STATUS unknown";
}

const char *cusparseGetErrorString(cusparseStatus_t status)
{
    return (unsigned)status < sizeof statuses / sizeof statuses[0] ? statuses[status].text : "unknown status";
}

cusparseStatus_t cusparseSetStream(cusparseHandle_t handle, void *stream)
{
    NEED_HANDLE(handle);
    if (!handle)
        return CUSPARSE_STATUS_NOT_INITIALIZED;
    handle->stream = stream;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseGetStream(cusparseHandle_t handle, void **stream)
{
    NEED_HANDLE(handle);
    if (!handle)
        return CUSPARSE_STATUS_NOT_INITIALIZED;
    if (!stream)
        return CUSPARSE_STATUS_INVALID_VALUE;
    *stream = handle->stream;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseSetPointerMode(cusparseHandle_t handle, int mode)
{
    NEED_HANDLE(handle);
    if (!handle)
        return CUSPARSE_STATUS_NOT_INITIALIZED;
    if (mode != 0 && mode != 1)
        return CUSPARSE_STATUS_INVALID_VALUE;
    handle->pointer_mode = mode;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseGetPointerMode(cusparseHandle_t handle, int *mode)
{
    NEED_HANDLE(handle);
    if (!handle)
        return CUSPARSE_STATUS_NOT_INITIALIZED;
    if (!mode)
        return CUSPARSE_STATUS_INVALID_VALUE;
    *mode = handle->pointer_mode;
    return CUSPARSE_STATUS_SUCCESS;
}

cusparseStatus_t cusparseCreateMatDescr(cusparseMatDescr_t *descriptor)
{
    if (!descriptor)
        return CUSPARSE_STATUS_INVALID_VALUE;
    *descriptor = calloc(1, sizeof **descriptor); /* all zero: general, lower, non-unit, base 0 */
    return *descriptor ? CUSPARSE_STATUS_SUCCESS : CUSPARSE_STATUS_ALLOC_FAILED;
}

cusparseStatus_t cusparseDestroyMatDescr(cusparseMatDescr_t descriptor)
{
    free(descriptor);
    return CUSPARSE_STATUS_SUCCESS;
}

/* One setter and getter per field, with the number of its enumerators. */
#define FIELD(Name, field, values)                                                                                     \
    cusparseStatus_t cusparseSetMat##Name(cusparseMatDescr_t descriptor, int value)                                    \
    {                                                                                                                  \
        if (!descriptor || value < 0 || value >= (values))                                                             \
            return CUSPARSE_STATUS_INVALID_VALUE;                                                                      \
        descriptor->field = value;                                                                                     \
        return CUSPARSE_STATUS_SUCCESS;                                                                                \
    }                                                                                                                  \
    int cusparseGetMat##Name(const cusparseMatDescr_t descriptor)                                                      \
    {                                                                                                                  \
        return descriptor ? descriptor->field : 0;                                                                     \
    }

FIELD(Type, type, 4)
FIELD(FillMode, fill, 2)
FIELD(DiagType, diagonal, 2)
FIELD(IndexBase, base, 2)
