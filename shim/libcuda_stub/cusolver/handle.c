/* cuSOLVER handles, parameter objects and the common way to the executor. */
#include <stdlib.h>

#include "front.h"

enum { MAJOR = MAF_CUSOLVER_MAJOR, MINOR = MAF_CUSOLVER_MAJOR >= 12 ? 0 : 7, PATCH = 0 };

enum { DETERMINISTIC = 1, NOT_DETERMINISTIC = 2 }; /* cusolverDeterministicMode_t */

struct cusolverDnParams {
    int algorithm[16];
};

/* Jacobi options are kept and answered; the executor's LAPACK needs none of them. */
struct gesvdjInfo {
    double tolerance;
    int max_sweeps;
    int sort;
};
struct syevjInfo {
    double tolerance;
    int max_sweeps;
    int sort;
};

HIDDEN int maf_solver_type(int data_type)
{
    switch (data_type) { /* cudaDataType_t */
    case 0:
        return MAF_F32;
    case 1:
        return MAF_F64;
    case 4:
        return MAF_C64;
    case 5:
        return MAF_C128;
    }
    return -1;
}

HIDDEN cusolverStatus_t maf_solver_submit(cusolverDnHandle_t handle, const struct maf_op_lapack *op,
                                          const struct operands *at)
{
    struct maf_plan_info info;
    struct maf_op_lapack full = *op;
    if (!handle)
        return CUSOLVER_STATUS_NOT_INITIALIZED;
    if ((int)full.type < 0)
        return CUSOLVER_STATUS_NOT_SUPPORTED;
    /* Fields that the routine does not use get the values that its checks accept. */
    if (!full.batch)
        full.batch = 1;
    if (!full.job_u)
        full.job_u = 'N';
    if (!full.job_v)
        full.job_v = 'N';
    switch (maf_plan(MAF_OP_LAPACK, &full, sizeof full, &info)) {
    case MAF_PLAN_OK:
        break;
    case MAF_PLAN_UNSUPPORTED:
        return CUSOLVER_STATUS_NOT_SUPPORTED;
    case MAF_PLAN_INVALID:
        return CUSOLVER_STATUS_INVALID_VALUE;
    default:
        return CUSOLVER_STATUS_INTERNAL_ERROR;
    }
    const void *list[] = {at->a, at->b, at->w, at->u, at->v, at->p, at->info};
    uint64_t pointers[7];
    for (int i = 0; i < 7; i++)
        pointers[i] = (uint64_t)(uintptr_t)list[i];
    return maf_op(handle->stream, info.plan, pointers, 7, NULL, 0) ? CUSOLVER_STATUS_EXECUTION_FAILED
                                                                   : CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverGetVersion(int *version)
{
    if (!version)
        return CUSOLVER_STATUS_INVALID_VALUE;
    *version = MAJOR * 1000 + MINOR * 100 + PATCH;
    return CUSOLVER_STATUS_SUCCESS;
}

/* type: libraryPropertyType_t, 0 major, 1 minor, 2 patch level. */
cusolverStatus_t cusolverGetProperty(int type, int *value)
{
    static const int property[] = {MAJOR, MINOR, PATCH};
    if (!value || type < 0 || type > 2)
        return CUSOLVER_STATUS_INVALID_VALUE;
    *value = property[type];
    return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnCreate(cusolverDnHandle_t *handle)
{
    if (!handle)
        return CUSOLVER_STATUS_INVALID_VALUE;
    *handle = calloc(1, sizeof **handle);
    if (!*handle)
        return CUSOLVER_STATUS_ALLOC_FAILED;
    (*handle)->deterministic = DETERMINISTIC;
    return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnDestroy(cusolverDnHandle_t handle)
{
    if (!handle)
        return CUSOLVER_STATUS_NOT_INITIALIZED;
    free(handle);
    return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnSetStream(cusolverDnHandle_t handle, void *stream)
{
    if (!handle)
        return CUSOLVER_STATUS_NOT_INITIALIZED;
    handle->stream = stream;
    return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnGetStream(cusolverDnHandle_t handle, void **stream)
{
    if (!handle)
        return CUSOLVER_STATUS_NOT_INITIALIZED;
    if (!stream)
        return CUSOLVER_STATUS_INVALID_VALUE;
    *stream = handle->stream;
    return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnSetDeterministicMode(cusolverDnHandle_t handle, int mode)
{
    if (!handle)
        return CUSOLVER_STATUS_NOT_INITIALIZED;
    if (mode != DETERMINISTIC && mode != NOT_DETERMINISTIC)
        return CUSOLVER_STATUS_INVALID_VALUE;
    handle->deterministic = mode;
    return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnGetDeterministicMode(cusolverDnHandle_t handle, int *mode)
{
    if (!handle)
        return CUSOLVER_STATUS_NOT_INITIALIZED;
    if (!mode)
        return CUSOLVER_STATUS_INVALID_VALUE;
    *mode = handle->deterministic;
    return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnCreateParams(cusolverDnParams_t *params)
{
    if (!params)
        return CUSOLVER_STATUS_INVALID_VALUE;
    *params = calloc(1, sizeof **params);
    return *params ? CUSOLVER_STATUS_SUCCESS : CUSOLVER_STATUS_ALLOC_FAILED;
}

cusolverStatus_t cusolverDnDestroyParams(cusolverDnParams_t params)
{
    free(params);
    return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnSetAdvOptions(cusolverDnParams_t params, int function, int algorithm)
{
    if (!params || function < 0 || function >= (int)(sizeof params->algorithm / sizeof params->algorithm[0]))
        return CUSOLVER_STATUS_INVALID_VALUE;
    params->algorithm[function] = algorithm;
    return CUSOLVER_STATUS_SUCCESS;
}

/* Options of the two Jacobi families. */
#define JACOBI(Name, Prefix, type)                                                                                     \
    cusolverStatus_t cusolverDnCreate##Name##Info(type##_t *info)                                                      \
    {                                                                                                                  \
        if (!info)                                                                                                     \
            return CUSOLVER_STATUS_INVALID_VALUE;                                                                      \
        *info = calloc(1, sizeof **info);                                                                              \
        if (!*info)                                                                                                    \
            return CUSOLVER_STATUS_ALLOC_FAILED;                                                                       \
        (*info)->max_sweeps = 100;                                                                                     \
        (*info)->sort = 1;                                                                                             \
        return CUSOLVER_STATUS_SUCCESS;                                                                                \
    }                                                                                                                  \
    cusolverStatus_t cusolverDnDestroy##Name##Info(type##_t info)                                                      \
    {                                                                                                                  \
        free(info);                                                                                                    \
        return CUSOLVER_STATUS_SUCCESS;                                                                                \
    }                                                                                                                  \
    cusolverStatus_t cusolverDnX##Prefix##SetTolerance(type##_t info, double tolerance)                                \
    {                                                                                                                  \
        if (!info)                                                                                                     \
            return CUSOLVER_STATUS_INVALID_VALUE;                                                                      \
        info->tolerance = tolerance;                                                                                   \
        return CUSOLVER_STATUS_SUCCESS;                                                                                \
    }                                                                                                                  \
    cusolverStatus_t cusolverDnX##Prefix##SetMaxSweeps(type##_t info, int sweeps)                                      \
    {                                                                                                                  \
        if (!info)                                                                                                     \
            return CUSOLVER_STATUS_INVALID_VALUE;                                                                      \
        info->max_sweeps = sweeps;                                                                                     \
        return CUSOLVER_STATUS_SUCCESS;                                                                                \
    }                                                                                                                  \
    cusolverStatus_t cusolverDnX##Prefix##SetSortEig(type##_t info, int sort)                                          \
    {                                                                                                                  \
        if (!info)                                                                                                     \
            return CUSOLVER_STATUS_INVALID_VALUE;                                                                      \
        info->sort = sort;                                                                                             \
        return CUSOLVER_STATUS_SUCCESS;                                                                                \
    }                                                                                                                  \
    cusolverStatus_t cusolverDnX##Prefix##GetSweeps(cusolverDnHandle_t handle, type##_t info, int *sweeps)             \
    {                                                                                                                  \
        if (!handle)                                                                                                   \
            return CUSOLVER_STATUS_NOT_INITIALIZED;                                                                    \
        if (!info || !sweeps)                                                                                          \
            return CUSOLVER_STATUS_INVALID_VALUE;                                                                      \
        *sweeps = 0; /* the direct method makes none */                                                                \
        return CUSOLVER_STATUS_SUCCESS;                                                                                \
    }

JACOBI(Gesvdj, gesvdj, gesvdjInfo)
JACOBI(Syevj, syevj, syevjInfo)
