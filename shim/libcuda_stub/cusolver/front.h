/* What the files of the cuSOLVER front share: the handle, element types, and the way to a LAPACK op. */
#ifndef MAF_CUSOLVER_FRONT_H
#define MAF_CUSOLVER_FRONT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "cusolver.h"
#include "maf_client.h"

#define HIDDEN __attribute__((visibility("hidden")))

struct cusolverDnContext {
    void *stream;
    int deterministic;
};

/* Operands in the order of struct maf_op_lapack's pointers. */
struct operands {
    const void *a, *b, *w, *u, *v, *p, *info;
};

/* Makes the plan and puts the op on the handle's stream. */
HIDDEN cusolverStatus_t maf_solver_submit(cusolverDnHandle_t handle, const struct maf_op_lapack *op,
                                          const struct operands *at);
/* maf_dtype of a cudaDataType_t, -1 for types that no routine takes. */
HIDDEN int maf_solver_type(int data_type);

/* Work areas: LAPACK's own lie in the executor, but programs expect a size above zero. */
static inline int64_t at_least_one(int64_t n)
{
    return n > 1 ? n : 1;
}

/* A query for a work area's size checks what the call itself checks. */
#define QUERY(condition)                                                                                               \
    do {                                                                                                               \
        if (!handle)                                                                                                   \
            return CUSOLVER_STATUS_NOT_INITIALIZED;                                                                    \
        if (!(condition))                                                                                              \
            return CUSOLVER_STATUS_INVALID_VALUE;                                                                      \
    } while (0)

static inline cusolverStatus_t work_elements(cusolverDnHandle_t handle, int *elements)
{
    if (!handle)
        return CUSOLVER_STATUS_NOT_INITIALIZED;
    if (!elements)
        return CUSOLVER_STATUS_INVALID_VALUE;
    *elements = 1;
    return CUSOLVER_STATUS_SUCCESS;
}

static inline cusolverStatus_t work_bytes(cusolverDnHandle_t handle, size_t *device, size_t *host)
{
    if (!handle)
        return CUSOLVER_STATUS_NOT_INITIALIZED;
    if (!device || !host)
        return CUSOLVER_STATUS_INVALID_VALUE;
    *device = 16;
    *host = 0;
    return CUSOLVER_STATUS_SUCCESS;
}

/* M(letter, maf_dtype) for each element type; the second form adds LAPACK's name parts for real and complex. */
#define EACH_TYPE(M) M(S, MAF_F32) M(D, MAF_F64) M(C, MAF_C64) M(Z, MAF_C128)
#define EACH_NAMED(M)                                                                                                  \
    M(S, MAF_F32, or, sy) M(D, MAF_F64, or, sy) M(C, MAF_C64, un, he) M(Z, MAF_C128, un, he)

#endif
