/* Handle, versions, status texts, the logger's switches. The handle may also be a cublasHandle_t: cuBLAS documents that
 * one encapsulates the other, and PyTorch passes it, so only "not NULL" is asked of it. */

#include <stdlib.h>

#include "front.h"

enum { VERSION_MINOR = MAF_CUBLASLT_MAJOR == 12 ? 9 : 1, VERSION_PATCH = 0, DEFAULT_CAPACITY = 8192 };

static size_t heuristics_capacity = DEFAULT_CAPACITY;
static unsigned disabled_instructions;

cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle)
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

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle)
{
    free(handle);
    return CUBLAS_STATUS_SUCCESS;
}

size_t cublasLtGetVersion(void)
{
    return MAF_CUBLASLT_MAJOR * 10000 + VERSION_MINOR * 100 + VERSION_PATCH;
}

size_t cublasLtGetCudartVersion(void)
{
    return MAF_CUBLASLT_MAJOR * 1000 + (MAF_CUBLASLT_MAJOR == 12 ? 90 : 0);
}

cublasStatus_t cublasLtGetProperty(libraryPropertyType type, int *value)
{
    static const int version[3] = {MAF_CUBLASLT_MAJOR, VERSION_MINOR, VERSION_PATCH};
    if (!value || (unsigned)type > PATCH_LEVEL) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    *value = version[type];
    return CUBLAS_STATUS_SUCCESS;
}

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

const char *cublasLtGetStatusName(cublasStatus_t status)
{
    for (size_t i = 0; i < sizeof status_texts / sizeof status_texts[0]; i++) {
        if (status_texts[i].status == status) {
            return status_texts[i].name;
        }
    }
    return "<unknown>";
}

const char *cublasLtGetStatusString(cublasStatus_t status)
{
    for (size_t i = 0; i < sizeof status_texts / sizeof status_texts[0]; i++) {
        if (status_texts[i].status == status) {
            return status_texts[i].text;
        }
    }
    return "<unknown>";
}

/* Plans are cached without limit, so the capacity is only remembered. */
cublasStatus_t cublasLtHeuristicsCacheSetCapacity(size_t capacity)
{
    heuristics_capacity = capacity;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtHeuristicsCacheGetCapacity(size_t *capacity)
{
    if (!capacity) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    *capacity = heuristics_capacity;
    return CUBLAS_STATUS_SUCCESS;
}

/* Restricts what the library itself uses on the host: it uses no special instructions. Returns the previous mask. */
unsigned cublasLtDisableCpuInstructionsSetMask(unsigned mask)
{
    unsigned previous = disabled_instructions;
    disabled_instructions = mask;
    return previous;
}

/* There are no messages to select or to redirect: the project logs by MAF_LOG. */
cublasStatus_t cublasLtLoggerSetCallback(cublasLtLoggerCallback_t callback)
{
    (void)callback;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtLoggerSetLevel(int level)
{
    return level >= 0 && level <= 5 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtLoggerSetMask(int mask)
{
    (void)mask;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtLoggerForceDisable(void)
{
    return CUBLAS_STATUS_SUCCESS;
}
