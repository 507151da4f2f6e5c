/* Library, handle, errors, and the helpers that every entry point uses. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "front.h"

enum { VERSION_MAJOR = 9, VERSION_MINOR = 24, VERSION_PATCH = 0, CUDART_VERSION = 13000 };

static __thread char last_error[256];

cudnnStatus_t maf_cudnn_fail(cudnnStatus_t status, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(last_error, sizeof last_error, fmt, args);
    va_end(args);
    maf_log(2, "cudnn: %s (%s)", last_error, cudnnGetErrorString(status));
    return status;
}

cudnnStatus_t maf_cudnn_unsupported(const char *function)
{
    maf_unsupported("cudnn", function);
    snprintf(last_error, sizeof last_error, "%s is not supported", function);
    return CUDNN_STATUS_NOT_SUPPORTED;
}

cudnnStatus_t maf_cudnn_plan(const char *what, uint32_t kind, const void *op, uint32_t bytes,
                             struct maf_plan_info *info)
{
    int error = maf_plan(kind, op, bytes, info);
    switch (error) {
    case MAF_PLAN_OK:
        return CUDNN_STATUS_SUCCESS;
    case MAF_PLAN_UNSUPPORTED:
        maf_unsupported("cudnn", what);
        return maf_cudnn_fail(CUDNN_STATUS_NOT_SUPPORTED, "%s: no provider supports this description", what);
    case MAF_PLAN_INVALID:
        return maf_cudnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: contradictory description", what);
    case MAF_PLAN_INTERNAL:
        return maf_cudnn_fail(CUDNN_STATUS_INTERNAL_ERROR, "%s: the executor failed to make a plan", what);
    default:
        return maf_cudnn_fail(CUDNN_STATUS_EXECUTION_FAILED_CUDART, "%s: CUDA error %d", what, -error);
    }
}

cudnnStatus_t maf_cudnn_run(cudnnHandle_t handle, uint32_t plan, const uint64_t *ptrs, uint32_t count,
                            const double *scalars, uint32_t scalar_count)
{
    int error = maf_op(handle->stream, plan, ptrs, count, scalars, scalar_count * (uint32_t)sizeof(double));
    if (error)
        return maf_cudnn_fail(CUDNN_STATUS_EXECUTION_FAILED_CUDART, "CUDA error %d", error);
    return CUDNN_STATUS_SUCCESS;
}

static const struct {
    signed char maf;
    unsigned char bytes;
} types[] = {
    [CUDNN_DATA_FLOAT] = {MAF_F32, 4},  [CUDNN_DATA_DOUBLE] = {MAF_F64, 8},    [CUDNN_DATA_HALF] = {MAF_F16, 2},
    [CUDNN_DATA_INT8] = {MAF_I8, 1},    [CUDNN_DATA_INT32] = {MAF_I32, 4},     [CUDNN_DATA_INT8x4] = {-1, 4},
    [CUDNN_DATA_UINT8] = {MAF_U8, 1},   [CUDNN_DATA_UINT8x4] = {-1, 4},        [CUDNN_DATA_INT8x32] = {-1, 32},
    [CUDNN_DATA_BFLOAT16] = {MAF_BF16, 2}, [CUDNN_DATA_INT64] = {MAF_I64, 8}, [CUDNN_DATA_BOOLEAN] = {-1, 1},
};

int maf_cudnn_dtype(cudnnDataType_t type)
{
    return (unsigned)type < sizeof types / sizeof *types ? types[type].maf : -1;
}

size_t maf_cudnn_type_bytes(cudnnDataType_t type)
{
    return (unsigned)type < sizeof types / sizeof *types ? types[type].bytes : 0;
}

double maf_cudnn_scalar(cudnnDataType_t data, const void *value, double missing)
{
    if (!value)
        return missing;
    return data == CUDNN_DATA_DOUBLE ? *(const double *)value : *(const float *)value;
}

double maf_cudnn_half(uint16_t h)
{
    int exponent = h >> 10 & 31, mantissa = h & 1023;
    double value = exponent ? (1024 + mantissa) / 1024.0 : mantissa / 512.0;
    for (int e = exponent; e < 15; e++)
        value /= 2;
    for (int e = exponent; e > 15; e--)
        value *= 2;
    return h & 0x8000 ? -value : value;
}

EXPORT size_t cudnnGetVersion(void)
{
    return VERSION_MAJOR * 10000 + VERSION_MINOR * 100 + VERSION_PATCH;
}

EXPORT size_t cudnnGetMaxDeviceVersion(void)
{
    return 1210; /* compute capability 12.1, the newest that this cuDNN version knows */
}

EXPORT size_t cudnnGetCudartVersion(void)
{
    return CUDART_VERSION;
}

EXPORT cudnnStatus_t cudnnGetProperty(int type, int *value)
{
    static const int properties[] = {VERSION_MAJOR, VERSION_MINOR, VERSION_PATCH};
    REQUIRE_POINTER(value);
    REQUIRE(type >= 0 && type < 3, CUDNN_STATUS_BAD_PARAM);
    *value = properties[type];
    return CUDNN_STATUS_SUCCESS;
}

EXPORT const char *cudnnGetErrorString(cudnnStatus_t status)
{
#define NAME(s)                                                                                                        \
    case CUDNN_STATUS_##s:                                                                                             \
        return "CUDNN_STATUS_" #s;
    switch (status) {
        NAME(SUCCESS)
        NAME(NOT_INITIALIZED)
        NAME(SUBLIBRARY_VERSION_MISMATCH)
        NAME(SERIALIZATION_VERSION_MISMATCH)
        NAME(DEPRECATED)
        NAME(LICENSE_ERROR)
        NAME(RUNTIME_IN_PROGRESS)
        NAME(RUNTIME_FP_OVERFLOW)
        NAME(SUBLIBRARY_LOADING_FAILED)
        NAME(BAD_PARAM)
        NAME(INVALID_VALUE)
        NAME(BAD_PARAM_NULL_POINTER)
        NAME(BAD_PARAM_MISALIGNED_POINTER)
        NAME(BAD_PARAM_NOT_FINALIZED)
        NAME(BAD_PARAM_OUT_OF_BOUND)
        NAME(BAD_PARAM_SIZE_INSUFFICIENT)
        NAME(BAD_PARAM_STREAM_MISMATCH)
        NAME(BAD_PARAM_SHAPE_MISMATCH)
        NAME(BAD_PARAM_DUPLICATED_ENTRIES)
        NAME(BAD_PARAM_ATTRIBUTE_TYPE)
        NAME(BAD_PARAM_CUDA_GRAPH_MISMATCH)
        NAME(BAD_PARAM_DESCRIPTOR_TYPE)
        NAME(NOT_SUPPORTED)
        NAME(NOT_SUPPORTED_GRAPH_PATTERN)
        NAME(NOT_SUPPORTED_SHAPE)
        NAME(NOT_SUPPORTED_DATA_TYPE)
        NAME(NOT_SUPPORTED_LAYOUT)
        NAME(NOT_SUPPORTED_INCOMPATIBLE_CUDA_DRIVER)
        NAME(NOT_SUPPORTED_INCOMPATIBLE_CUDART)
        NAME(NOT_SUPPORTED_ARCH_MISMATCH)
        NAME(NOT_SUPPORTED_RUNTIME_PREREQUISITE_MISSING)
        NAME(NOT_SUPPORTED_SUBLIBRARY_UNAVAILABLE)
        NAME(NOT_SUPPORTED_SHARED_MEMORY_INSUFFICIENT)
        NAME(NOT_SUPPORTED_PADDING)
        NAME(NOT_SUPPORTED_BAD_LAUNCH_PARAM)
        NAME(NOT_SUPPORTED_CUDA_GRAPH_NATIVE_API)
        NAME(NOT_SUPPORTED_INVALID_DYNAMIC_SHAPE)
        NAME(INTERNAL_ERROR)
        NAME(INTERNAL_ERROR_COMPILATION_FAILED)
        NAME(INTERNAL_ERROR_UNEXPECTED_VALUE)
        NAME(INTERNAL_ERROR_HOST_ALLOCATION_FAILED)
        NAME(INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED)
        NAME(INTERNAL_ERROR_BAD_LAUNCH_PARAM)
        NAME(INTERNAL_ERROR_TEXTURE_CREATION_FAILED)
        NAME(EXECUTION_FAILED)
        NAME(EXECUTION_FAILED_CUDA_DRIVER)
        NAME(EXECUTION_FAILED_CUBLAS)
        NAME(EXECUTION_FAILED_CUDART)
        NAME(EXECUTION_FAILED_CURAND)
    }
#undef NAME
    return "CUDNN_UNKNOWN_STATUS";
}

EXPORT void cudnnGetLastErrorString(char *message, size_t max_size)
{
    if (message && max_size)
        snprintf(message, max_size, "%s", last_error);
    last_error[0] = 0;
}

EXPORT cudnnStatus_t cudnnQueryRuntimeError(cudnnHandle_t handle, cudnnStatus_t *rstatus, cudnnErrQueryMode_t mode,
                                            cudnnRuntimeTag_t *tag)
{
    (void)tag;
    REQUIRE_POINTER(handle);
    REQUIRE_POINTER(rstatus);
    *rstatus = CUDNN_STATUS_SUCCESS;
    if (mode == CUDNN_ERRQUERY_BLOCKING && maf_stream_sync(handle->stream))
        *rstatus = CUDNN_STATUS_EXECUTION_FAILED;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnCreate(cudnnHandle_t *handle)
{
    REQUIRE_POINTER(handle);
    *handle = NULL;
    int error = maf_client_ready();
    if (error)
        return maf_cudnn_fail(CUDNN_STATUS_NOT_INITIALIZED, "cudnnCreate: CUDA error %d", error);
    *handle = calloc(1, sizeof **handle);
    return *handle ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
}

EXPORT cudnnStatus_t cudnnDestroy(cudnnHandle_t handle)
{
    free(handle);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, void *stream)
{
    REQUIRE_POINTER(handle);
    handle->stream = stream;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnGetStream(cudnnHandle_t handle, void **stream)
{
    REQUIRE_POINTER(handle);
    REQUIRE_POINTER(stream);
    *stream = handle->stream;
    return CUDNN_STATUS_SUCCESS;
}

/* NVIDIA's library is several files, and these compare the versions of two; ours is one file. */
#define VERSION_CHECK(Part)                                                                                            \
    cudnnStatus_t cudnn##Part##VersionCheck(void)                                                                      \
    {                                                                                                                  \
        return CUDNN_STATUS_SUCCESS;                                                                                   \
    }
VERSION_CHECK(Adv)
VERSION_CHECK(Cnn)
VERSION_CHECK(Graph)
VERSION_CHECK(Ops)
