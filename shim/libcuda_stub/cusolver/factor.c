/* LU, Cholesky, QR and LDL^T factorisations, and solving with them. */
#include "front.h"

#define REQUIRE(condition)                                                                                     \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            return CUSOLVER_STATUS_INVALID_VALUE;                                                                      \
    } while (0)

/* --- LU ---- */

static cusolverStatus_t getrf(cusolverDnHandle_t h, int type, int64_t m, int64_t n, void *a, int64_t lda, void *pivots,
                              int pivot_bytes, int *info)
{
    struct maf_op_lapack op = {.routine = MAF_GETRF, .type = type, .m = m, .n = n, .lda = lda,
                               .pivot_bytes = pivot_bytes};
    return maf_solver_submit(h, &op, &(struct operands){.a = a, .p = pivots, .info = info});
}

static cusolverStatus_t getrs(cusolverDnHandle_t h, int type, int trans, int64_t n, int64_t k, const void *a,
                              int64_t lda, const void *pivots, int pivot_bytes, void *b, int64_t ldb, int *info)
{
    struct maf_op_lapack op = {.routine = MAF_GETRS, .type = type, .trans = trans, .n = n, .k = k, .lda = lda,
                               .ldb = ldb, .pivot_bytes = pivot_bytes};
    return maf_solver_submit(h, &op, &(struct operands){.a = a, .b = b, .p = pivots, .info = info});
}

#define LU(L, T)                                                                                                       \
    cusolverStatus_t cusolverDn##L##getrf_bufferSize(cusolverDnHandle_t handle, int m, int n, void *a, int lda,        \
                                                     int *lwork)                                                       \
    {                                                                                                                  \
        (void)a;                                                                                                       \
        QUERY(m >= 0 && n >= 0 && lda >= at_least_one(m));                                                             \
        return work_elements(handle, lwork);                                                                           \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##getrf(cusolverDnHandle_t handle, int m, int n, void *a, int lda, void *work,       \
                                          int *pivots, int *info)                                                      \
    {                                                                                                                  \
        (void)work;                                                                                                    \
        return getrf(handle, T, m, n, a, lda, pivots, 4, info);                                                        \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##getrs(cusolverDnHandle_t handle, int trans, int n, int nrhs, const void *a,        \
                                          int lda, const int *pivots, void *b, int ldb, int *info)                     \
    {                                                                                                                  \
        return getrs(handle, T, trans, n, nrhs, a, lda, pivots, 4, b, ldb, info);                                      \
    }
EACH_TYPE(LU)

cusolverStatus_t cusolverDnXgetrf_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, int64_t m, int64_t n,
                                             int type_a, const void *a, int64_t lda, int compute_type,
                                             size_t *device_bytes, size_t *host_bytes)
{
    (void)params, (void)type_a, (void)a, (void)compute_type;
    QUERY(m >= 0 && n >= 0 && lda >= at_least_one(m));
    return work_bytes(handle, device_bytes, host_bytes);
}

cusolverStatus_t cusolverDnXgetrf(cusolverDnHandle_t handle, cusolverDnParams_t params, int64_t m, int64_t n,
                                  int type_a, void *a, int64_t lda, int64_t *pivots, int compute_type,
                                  void *device_work, size_t device_bytes, void *host_work, size_t host_bytes, int *info)
{
    (void)params, (void)compute_type, (void)device_work, (void)device_bytes, (void)host_work, (void)host_bytes;
    return getrf(handle, maf_solver_type(type_a), m, n, a, lda, pivots, 8, info);
}

cusolverStatus_t cusolverDnXgetrs(cusolverDnHandle_t handle, cusolverDnParams_t params, int trans, int64_t n,
                                  int64_t nrhs, int type_a, const void *a, int64_t lda, const int64_t *pivots,
                                  int type_b, void *b, int64_t ldb, int *info)
{
    (void)params;
    QUERY(type_a == type_b);
    return getrs(handle, maf_solver_type(type_a), trans, n, nrhs, a, lda, pivots, 8, b, ldb, info);
}

/* --- Cholesky ---- */

static cusolverStatus_t potrf(cusolverDnHandle_t h, int type, int uplo, int64_t n, void *a, int64_t lda, int is_array,
                              int64_t batch, int *info)
{
    struct maf_op_lapack op = {.routine = MAF_POTRF, .type = type, .uplo = uplo, .n = n, .lda = lda,
                               .batch = batch, .a_is_array = is_array};
    return maf_solver_submit(h, &op, &(struct operands){.a = a, .info = info});
}

static cusolverStatus_t potrs(cusolverDnHandle_t h, int type, int uplo, int64_t n, int64_t k, const void *a,
                              int64_t lda, void *b, int64_t ldb, int is_array, int64_t batch, int *info)
{
    struct maf_op_lapack op = {.routine = MAF_POTRS, .type = type, .uplo = uplo, .n = n, .k = k, .lda = lda,
                               .ldb = ldb, .batch = batch, .a_is_array = is_array, .b_is_array = is_array};
    return maf_solver_submit(h, &op, &(struct operands){.a = a, .b = b, .info = info});
}

static cusolverStatus_t potri(cusolverDnHandle_t h, int type, int uplo, int64_t n, void *a, int64_t lda, int *info)
{
    struct maf_op_lapack op = {.routine = MAF_POTRI, .type = type, .uplo = uplo, .n = n, .lda = lda};
    return maf_solver_submit(h, &op, &(struct operands){.a = a, .info = info});
}

/* The batched solve reports one info for all, of illegal arguments only; those are refused before. */
static cusolverStatus_t potrs_batched(cusolverDnHandle_t h, int type, int uplo, int n, int k, void *a, int lda, void *b,
                                      int ldb, int *info, int batch)
{
    cusolverStatus_t status = CUSOLVER_STATUS_SUCCESS;
    REQUIRE(batch >= 0);
    if (batch > 0)
        status = potrs(h, type, uplo, n, k, a, lda, b, ldb, 1, batch, NULL);
    if (status == CUSOLVER_STATUS_SUCCESS && info && maf_fill(h->stream, (uint64_t)(uintptr_t)info, 0, sizeof *info))
        status = CUSOLVER_STATUS_EXECUTION_FAILED;
    return status;
}

#define CHOLESKY(L, T)                                                                                                 \
    cusolverStatus_t cusolverDn##L##potrf_bufferSize(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda,     \
                                                     int *lwork)                                                       \
    {                                                                                                                  \
        (void)a;                                                                                                       \
        QUERY(n >= 0 && (unsigned)uplo <= 1 && lda >= at_least_one(n));                                                \
        return work_elements(handle, lwork);                                                                           \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##potrf(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, void *work,    \
                                          int lwork, int *info)                                                        \
    {                                                                                                                  \
        (void)work, (void)lwork;                                                                                       \
        return potrf(handle, T, uplo, n, a, lda, 0, 1, info);                                                          \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##potrfBatched(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda,         \
                                                 int *info, int batch)                                                 \
    {                                                                                                                  \
        QUERY(batch >= 0);                                                                                             \
        return batch ? potrf(handle, T, uplo, n, a, lda, 1, batch, info) : CUSOLVER_STATUS_SUCCESS;                    \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##potrs(cusolverDnHandle_t handle, int uplo, int n, int nrhs, const void *a,         \
                                          int lda, void *b, int ldb, int *info)                                        \
    {                                                                                                                  \
        return potrs(handle, T, uplo, n, nrhs, a, lda, b, ldb, 0, 1, info);                                            \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##potrsBatched(cusolverDnHandle_t handle, int uplo, int n, int nrhs, void *a,        \
                                                 int lda, void *b, int ldb, int *info, int batch)                      \
    {                                                                                                                  \
        return handle ? potrs_batched(handle, T, uplo, n, nrhs, a, lda, b, ldb, info, batch)                           \
                      : CUSOLVER_STATUS_NOT_INITIALIZED;                                                               \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##potri_bufferSize(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda,     \
                                                     int *lwork)                                                       \
    {                                                                                                                  \
        (void)a;                                                                                                       \
        QUERY(n >= 0 && (unsigned)uplo <= 1 && lda >= at_least_one(n));                                                \
        return work_elements(handle, lwork);                                                                           \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##potri(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, void *work,    \
                                          int lwork, int *info)                                                        \
    {                                                                                                                  \
        (void)work, (void)lwork;                                                                                       \
        return potri(handle, T, uplo, n, a, lda, info);                                                                \
    }
EACH_TYPE(CHOLESKY)

cusolverStatus_t cusolverDnXpotrf_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, int uplo, int64_t n,
                                             int type_a, const void *a, int64_t lda, int compute_type,
                                             size_t *device_bytes, size_t *host_bytes)
{
    (void)params, (void)type_a, (void)a, (void)compute_type;
    QUERY(n >= 0 && (unsigned)uplo <= 1 && lda >= at_least_one(n));
    return work_bytes(handle, device_bytes, host_bytes);
}

cusolverStatus_t cusolverDnXpotrf(cusolverDnHandle_t handle, cusolverDnParams_t params, int uplo, int64_t n, int type_a,
                                  void *a, int64_t lda, int compute_type, void *device_work, size_t device_bytes,
                                  void *host_work, size_t host_bytes, int *info)
{
    (void)params, (void)compute_type, (void)device_work, (void)device_bytes, (void)host_work, (void)host_bytes;
    return potrf(handle, maf_solver_type(type_a), uplo, n, a, lda, 0, 1, info);
}

cusolverStatus_t cusolverDnXpotrs(cusolverDnHandle_t handle, cusolverDnParams_t params, int uplo, int64_t n,
                                  int64_t nrhs, int type_a, const void *a, int64_t lda, int type_b, void *b,
                                  int64_t ldb, int *info)
{
    (void)params;
    QUERY(type_a == type_b);
    return potrs(handle, maf_solver_type(type_a), uplo, n, nrhs, a, lda, b, ldb, 0, 1, info);
}

/* --- QR ---- */

static cusolverStatus_t geqrf(cusolverDnHandle_t h, int type, int64_t m, int64_t n, void *a, int64_t lda, void *tau,
                              int *info)
{
    struct maf_op_lapack op = {.routine = MAF_GEQRF, .type = type, .m = m, .n = n, .lda = lda};
    return maf_solver_submit(h, &op, &(struct operands){.a = a, .w = tau, .info = info});
}

static cusolverStatus_t orgqr(cusolverDnHandle_t h, int type, int64_t m, int64_t n, int64_t k, void *a, int64_t lda,
                              const void *tau, int *info)
{
    struct maf_op_lapack op = {.routine = MAF_ORGQR, .type = type, .m = m, .n = n, .k = k, .lda = lda};
    return maf_solver_submit(h, &op, &(struct operands){.a = a, .w = tau, .info = info});
}

static cusolverStatus_t ormqr(cusolverDnHandle_t h, int type, int side, int trans, int64_t m, int64_t n, int64_t k,
                              const void *a, int64_t lda, const void *tau, void *c, int64_t ldc, int *info)
{
    struct maf_op_lapack op = {.routine = MAF_ORMQR, .type = type, .side = side, .trans = trans, .m = m, .n = n,
                               .k = k, .lda = lda, .ldb = ldc};
    return maf_solver_submit(h, &op, &(struct operands){.a = a, .b = c, .w = tau, .info = info});
}

#define QR(L, T, OR, SY)                                                                                               \
    cusolverStatus_t cusolverDn##L##geqrf_bufferSize(cusolverDnHandle_t handle, int m, int n, void *a, int lda,        \
                                                     int *lwork)                                                       \
    {                                                                                                                  \
        (void)a;                                                                                                       \
        QUERY(m >= 0 && n >= 0 && lda >= at_least_one(m));                                                             \
        return work_elements(handle, lwork);                                                                           \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##geqrf(cusolverDnHandle_t handle, int m, int n, void *a, int lda, void *tau,        \
                                          void *work, int lwork, int *info)                                            \
    {                                                                                                                  \
        (void)work, (void)lwork;                                                                                       \
        return geqrf(handle, T, m, n, a, lda, tau, info);                                                              \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##OR##gqr_bufferSize(cusolverDnHandle_t handle, int m, int n, int k, const void *a,  \
                                                       int lda, const void *tau, int *lwork)                           \
    {                                                                                                                  \
        (void)a, (void)tau;                                                                                            \
        QUERY(m >= 0 && n >= 0 && k >= 0 && lda >= at_least_one(m));                                                   \
        return work_elements(handle, lwork);                                                                           \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##OR##gqr(cusolverDnHandle_t handle, int m, int n, int k, void *a, int lda,          \
                                            const void *tau, void *work, int lwork, int *info)                         \
    {                                                                                                                  \
        (void)work, (void)lwork;                                                                                       \
        return orgqr(handle, T, m, n, k, a, lda, tau, info);                                                           \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##OR##mqr_bufferSize(cusolverDnHandle_t handle, int side, int trans, int m, int n,   \
                                                       int k, const void *a, int lda, const void *tau, const void *c,  \
                                                       int ldc, int *lwork)                                            \
    {                                                                                                                  \
        (void)a, (void)tau, (void)c;                                                                                   \
        QUERY(m >= 0 && n >= 0 && k >= 0 && (unsigned)side <= 1 && (unsigned)trans <= 2 && lda >=                      \
              at_least_one((side ? n : m)) && ldc >= at_least_one(m));                                                 \
        return work_elements(handle, lwork);                                                                           \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##OR##mqr(cusolverDnHandle_t handle, int side, int trans, int m, int n, int k,       \
                                            const void *a, int lda, const void *tau, void *c, int ldc, void *work,     \
                                            int lwork, int *info)                                                      \
    {                                                                                                                  \
        (void)work, (void)lwork;                                                                                       \
        return ormqr(handle, T, side, trans, m, n, k, a, lda, tau, c, ldc, info);                                      \
    }
EACH_NAMED(QR)

cusolverStatus_t cusolverDnXgeqrf_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, int64_t m, int64_t n,
                                             int type_a, const void *a, int64_t lda, int type_tau, const void *tau,
                                             int compute_type, size_t *device_bytes, size_t *host_bytes)
{
    (void)params, (void)type_a, (void)a, (void)type_tau, (void)tau, (void)compute_type;
    QUERY(m >= 0 && n >= 0 && lda >= at_least_one(m));
    return work_bytes(handle, device_bytes, host_bytes);
}

cusolverStatus_t cusolverDnXgeqrf(cusolverDnHandle_t handle, cusolverDnParams_t params, int64_t m, int64_t n,
                                  int type_a, void *a, int64_t lda, int type_tau, void *tau, int compute_type,
                                  void *device_work, size_t device_bytes, void *host_work, size_t host_bytes, int *info)
{
    (void)params, (void)compute_type, (void)device_work, (void)device_bytes, (void)host_work, (void)host_bytes;
    QUERY(type_a == type_tau);
    return geqrf(handle, maf_solver_type(type_a), m, n, a, lda, tau, info);
}

/* --- LDL^T of symmetric matrices, complex ones too ---- */

#define LDL(L, T)                                                                                                      \
    cusolverStatus_t cusolverDn##L##sytrf_bufferSize(cusolverDnHandle_t handle, int n, void *a, int lda, int *lwork)   \
    {                                                                                                                  \
        (void)a;                                                                                                       \
        QUERY(n >= 0 && lda >= at_least_one(n));                                                                       \
        return work_elements(handle, lwork);                                                                           \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##sytrf(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, int *pivots,   \
                                          void *work, int lwork, int *info)                                            \
    {                                                                                                                  \
        struct maf_op_lapack op = {.routine = MAF_SYTRF, .type = T, .uplo = uplo, .n = n, .lda = lda,                  \
                                   .pivot_bytes = 4};                                                                  \
        (void)work, (void)lwork;                                                                                       \
        if (!handle)                                                                                                   \
            return CUSOLVER_STATUS_NOT_INITIALIZED;                                                                    \
        if (!pivots) {                                                                                                 \
            maf_unsupported("cusolver", "sytrf without pivoting");                                                     \
            return CUSOLVER_STATUS_NOT_SUPPORTED;                                                                      \
        }                                                                                                              \
        return maf_solver_submit(handle, &op, &(struct operands){.a = a, .p = pivots, .info = info});                  \
    }
EACH_TYPE(LDL)

cusolverStatus_t cusolverDnXsytrs_bufferSize(cusolverDnHandle_t handle, int uplo, int64_t n, int64_t nrhs, int type_a,
                                             const void *a, int64_t lda, const int64_t *pivots, int type_b, void *b,
                                             int64_t ldb, size_t *device_bytes, size_t *host_bytes)
{
    (void)type_a, (void)a, (void)pivots, (void)type_b, (void)b;
    QUERY(n >= 0 && nrhs >= 0 && (unsigned)uplo <= 1 && lda >= at_least_one(n) && ldb >= at_least_one(n));
    return work_bytes(handle, device_bytes, host_bytes);
}

cusolverStatus_t cusolverDnXsytrs(cusolverDnHandle_t handle, int uplo, int64_t n, int64_t nrhs, int type_a,
                                  const void *a, int64_t lda, const int64_t *pivots, int type_b, void *b, int64_t ldb,
                                  void *device_work, size_t device_bytes, void *host_work, size_t host_bytes, int *info)
{
    struct maf_op_lapack op = {.routine = MAF_SYTRS, .type = maf_solver_type(type_a), .uplo = uplo, .n = n, .k = nrhs,
                               .lda = lda, .ldb = ldb, .pivot_bytes = 8};
    (void)device_work, (void)device_bytes, (void)host_work, (void)host_bytes;
    QUERY(type_a == type_b && pivots);
    return maf_solver_submit(handle, &op, &(struct operands){.a = a, .b = b, .p = pivots, .info = info});
}
