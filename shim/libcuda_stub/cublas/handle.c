/* Handles, modes, versions, status texts. */

#include <stdio.h>
#include <stdlib.h>

#include "front.h"

/* CUBLAS_VERSION of the release that belongs to each major version of the interface. */
enum { VERSION_MINOR = MAF_CUBLAS_MAJOR == 12 ? 9 : 1, VERSION_PATCH = 0 };

static cublasLogCallback log_callback;

cublasStatus_t cublasCreate_v2(cublasHandle_t *handle)
{
    if (!handle) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    if (maf_client_ready() != 0) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    *handle = calloc(1, sizeof **handle);
    return *handle ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_ALLOC_FAILED;
}

cublasStatus_t cublasDestroy_v2(cublasHandle_t handle)
{
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    if (handle->result) {
        maf_free(handle->result);
    }
    free(handle);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetVersion_v2(cublasHandle_t handle, int *version)
{
    (void)handle; /* the library's version is known without one */
    if (!version) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    *version = MAF_CUBLAS_MAJOR * 10000 + VERSION_MINOR * 100 + VERSION_PATCH;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetProperty(libraryPropertyType type, int *value)
{
    static const int version[3] = {MAF_CUBLAS_MAJOR, VERSION_MINOR, VERSION_PATCH};
    if (!value || (unsigned)type > PATCH_LEVEL) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    *value = version[type];
    return CUBLAS_STATUS_SUCCESS;
}

size_t cublasGetCudartVersion(void)
{
    return MAF_CUBLAS_MAJOR * 1000 + (MAF_CUBLAS_MAJOR == 12 ? 90 : 0);
}

/* Setting the stream resets the workspace to the library's own (cuBLAS documentation, cublasSetStream). */
cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, void *stream)
{
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    handle->stream = stream;
    handle->workspace = NULL;
    handle->workspace_bytes = 0;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void *workspace, size_t bytes)
{
    if (!handle) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    if (maf_address(workspace) % 256 != 0) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    handle->workspace = workspace;
    handle->workspace_bytes = bytes;
    return CUBLAS_STATUS_SUCCESS;
}

#define DEFINE_GET(NAME, TYPE, FIELD)                                                                                  \
    cublasStatus_t NAME(cublasHandle_t handle, TYPE *value)                                                            \
    {                                                                                                                  \
        if (!handle) {                                                                                                 \
            return CUBLAS_STATUS_NOT_INITIALIZED;                                                                      \
        }                                                                                                              \
        if (!value) {                                                                                                  \
            return CUBLAS_STATUS_INVALID_VALUE;                                                                        \
        }                                                                                                              \
        *value = handle->FIELD;                                                                                        \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }

#define DEFINE_SET(NAME, TYPE, FIELD, VALID)                                                                           \
    cublasStatus_t NAME(cublasHandle_t handle, TYPE value)                                                             \
    {                                                                                                                  \
        if (!handle) {                                                                                                 \
            return CUBLAS_STATUS_NOT_INITIALIZED;                                                                      \
        }                                                                                                              \
        if (!(VALID)) {                                                                                                \
            return CUBLAS_STATUS_INVALID_VALUE;                                                                        \
        }                                                                                                              \
        handle->FIELD = value;                                                                                         \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }

DEFINE_GET(cublasGetStream_v2, void *, stream)
DEFINE_GET(cublasGetPointerMode_v2, cublasPointerMode_t, pointer_mode)
DEFINE_GET(cublasGetAtomicsMode, cublasAtomicsMode_t, atomics_mode)
DEFINE_GET(cublasGetMathMode, cublasMath_t, math_mode)
DEFINE_GET(cublasGetSmCountTarget, int, sm_count_target)
DEFINE_SET(cublasSetPointerMode_v2, cublasPointerMode_t, pointer_mode, (unsigned)value <= CUBLAS_POINTER_MODE_DEVICE)
DEFINE_SET(cublasSetAtomicsMode, cublasAtomicsMode_t, atomics_mode, (unsigned)value <= CUBLAS_ATOMICS_ALLOWED)
/* Every mode computes in full precision, which all of them permit. */
DEFINE_SET(cublasSetMathMode, cublasMath_t, math_mode,
           ((unsigned)value & ~(unsigned)CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION) <=
               CUBLAS_FP64_EMULATED_FIXEDPOINT_MATH)
DEFINE_SET(cublasSetSmCountTarget, int, sm_count_target, value >= 0)

static const struct {
    cublasStatus_t status;
    const char *name;
    const char *text;
} status_texts[] = {
    {CUBLAS_STATUS_SUCCESS, "CUBLAS_STATUS_SUCCESS", "success"},
    {CUBLAS_STATUS_NOT_INITIALIZED, "CUBLAS_STATUS_NOT_INITIALIZED", "the library was not initialized"},
    {CUBLAS_STATUS_ALLOC_FAILED, "CUBLAS_STATUS_ALLOC_FAILED", "the resource allocation failed"},
    {CUBLAS_STATUS_INVALID_VALUE, "CUBLAS_STATUS_INVALID_VALUE", "an invalid value was passed"},
    {CUBLAS_STATUS_ARCH_MISMATCH, "CUBLAS_STATUS_ARCH_MISMATCH", "the device lacks a required feature"},
    {CUBLAS_STATUS_MAPPING_ERROR, "CUBLAS_STATUS_MAPPING_ERROR", "access to device memory failed"},
    {CUBLAS_STATUS_EXECUTION_FAILED, "CUBLAS_STATUS_EXECUTION_FAILED", "the function failed to execute"},
    {CUBLAS_STATUS_INTERNAL_ERROR, "CUBLAS_STATUS_INTERNAL_ERROR", "an internal operation failed"},
    {CUBLAS_STATUS_NOT_SUPPORTED, "CUBLAS_STATUS_NOT_SUPPORTED", "the requested operation is not supported"},
    {CUBLAS_STATUS_LICENSE_ERROR, "CUBLAS_STATUS_LICENSE_ERROR", "a licence error was detected"},
};

const char *cublasGetStatusName(cublasStatus_t status)
{
    for (size_t i = 0; i < sizeof status_texts / sizeof status_texts[0]; i++) {
        if (status_texts[i].status == status) {
            return status_texts[i].name;
        }
    }
    return "<unknown>";
}

const char *cublasGetStatusString(cublasStatus_t status)
{
    for (size_t i = 0; i < sizeof status_texts / sizeof status_texts[0]; i++) {
        if (status_texts[i].status == status) {
            return status_texts[i].text;
        }
    }
    return "<unknown>";
}

/* The project's own log (MAF_LOG) takes the place of cuBLAS's: only the callback is kept, for its getter. */
cublasStatus_t cublasLoggerConfigure(int enabled, int to_stdout, int to_stderr, const char *file)
{
    (void)to_stdout;
    (void)to_stderr;
    (void)file;
    if (enabled) {
        maf_unsupported("cublas", "cublasLoggerConfigure");
    }
    return enabled ? CUBLAS_STATUS_NOT_SUPPORTED : CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetLoggerCallback(cublasLogCallback callback)
{
    log_callback = callback;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetLoggerCallback(cublasLogCallback *callback)
{
    if (!callback) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    *callback = log_callback;
    return CUBLAS_STATUS_SUCCESS;
}

/* What BLAS libraries call for a wrong argument; programs may call it too. */
void cublasXerbla(const char *routine, int number)
{
    fprintf(stderr, " ** On entry to %-6s parameter number %d had an illegal value\n", routine ? routine : "", number);
}
