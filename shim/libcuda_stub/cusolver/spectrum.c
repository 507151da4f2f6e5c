/* Eigenvalues and singular values. The Jacobi entry points share the direct ones' code: the same results, sorted. */
#include <math.h>

#include "front.h"

/* cusolverEigMode_t: 0 values only, 1 vectors too. */
static int job_of(int mode)
{
    return mode ? 'V' : 'N';
}

/* --- symmetric and Hermitian eigenvalue problems ---- */

static cusolverStatus_t syevd(cusolverDnHandle_t h, int type, int mode, int uplo, int64_t n, void *a, int64_t lda,
                              void *w, int *info, int64_t batch)
{
    struct maf_op_lapack op = {.routine = MAF_SYEVD, .type = type, .job_u = job_of(mode), .uplo = uplo, .n = n,
                               .lda = lda, .batch = batch, .stride_a = lda * n, .stride_w = n};
    if (!h)
        return CUSOLVER_STATUS_NOT_INITIALIZED;
    if (batch < 0 || n < 0 || lda < at_least_one(n) || (unsigned)mode > 1 || (unsigned)uplo > 1)
        return CUSOLVER_STATUS_INVALID_VALUE;
    if (batch == 0)
        return CUSOLVER_STATUS_SUCCESS;
    return maf_solver_submit(h, &op, &(struct operands){.a = a, .w = w, .info = info});
}

#define EIGEN(L, T, OR, SY)                                                                                            \
    cusolverStatus_t cusolverDn##L##SY##evd_bufferSize(cusolverDnHandle_t handle, int mode, int uplo, int n,           \
                                                       const void *a, int lda, const void *w, int *lwork)              \
    {                                                                                                                  \
        (void)a, (void)w;                                                                                              \
        QUERY(n >= 0 && (unsigned)uplo <= 1 && (unsigned)mode <= 1 && lda >= at_least_one(n));                         \
        return work_elements(handle, lwork);                                                                           \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##SY##evd(cusolverDnHandle_t handle, int mode, int uplo, int n, void *a, int lda,    \
                                            void *w, void *work, int lwork, int *info)                                 \
    {                                                                                                                  \
        (void)work, (void)lwork;                                                                                       \
        return syevd(handle, T, mode, uplo, n, a, lda, w, info, 1);                                                    \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##SY##evj_bufferSize(cusolverDnHandle_t handle, int mode, int uplo, int n,           \
                                                       const void *a, int lda, const void *w, int *lwork,              \
                                                       syevjInfo_t params)                                             \
    {                                                                                                                  \
        (void)a, (void)w, (void)params;                                                                                \
        QUERY(n >= 0 && (unsigned)uplo <= 1 && (unsigned)mode <= 1 && lda >= at_least_one(n));                         \
        return work_elements(handle, lwork);                                                                           \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##SY##evj(cusolverDnHandle_t handle, int mode, int uplo, int n, void *a, int lda,    \
                                            void *w, void *work, int lwork, int *info, syevjInfo_t params)             \
    {                                                                                                                  \
        (void)work, (void)lwork, (void)params;                                                                         \
        return syevd(handle, T, mode, uplo, n, a, lda, w, info, 1);                                                    \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##SY##evjBatched_bufferSize(cusolverDnHandle_t handle, int mode, int uplo, int n,    \
                                                              const void *a, int lda, const void *w, int *lwork,       \
                                                              syevjInfo_t params, int batch)                           \
    {                                                                                                                  \
        (void)a, (void)w, (void)params;                                                                                \
        QUERY(n >= 0 && batch >= 0 && (unsigned)uplo <= 1 && (unsigned)mode <= 1 && lda >= at_least_one(n));           \
        return work_elements(handle, lwork);                                                                           \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##SY##evjBatched(cusolverDnHandle_t handle, int mode, int uplo, int n, void *a,      \
                                                   int lda, void *w, void *work, int lwork, int *info,                 \
                                                   syevjInfo_t params, int batch)                                      \
    {                                                                                                                  \
        (void)work, (void)lwork, (void)params;                                                                         \
        return syevd(handle, T, mode, uplo, n, a, lda, w, info, batch);                                                \
    }
EACH_NAMED(EIGEN)

cusolverStatus_t cusolverDnXsyevd_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, int mode, int uplo,
                                             int64_t n, int type_a, const void *a, int64_t lda, int type_w,
                                             const void *w, int compute_type, size_t *device_bytes, size_t *host_bytes)
{
    (void)params, (void)type_a, (void)a, (void)type_w, (void)w, (void)compute_type;
    QUERY(n >= 0 && (unsigned)uplo <= 1 && (unsigned)mode <= 1 && lda >= at_least_one(n));
    return work_bytes(handle, device_bytes, host_bytes);
}

cusolverStatus_t cusolverDnXsyevd(cusolverDnHandle_t handle, cusolverDnParams_t params, int mode, int uplo, int64_t n,
                                  int type_a, void *a, int64_t lda, int type_w, void *w, int compute_type,
                                  void *device_work, size_t device_bytes, void *host_work, size_t host_bytes, int *info)
{
    (void)params, (void)type_w, (void)compute_type, (void)device_work, (void)device_bytes, (void)host_work;
    (void)host_bytes;
    return syevd(handle, maf_solver_type(type_a), mode, uplo, n, a, lda, w, info, 1);
}

cusolverStatus_t cusolverDnXsyevBatched_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, int mode,
                                                   int uplo, int64_t n, int type_a, const void *a, int64_t lda,
                                                   int type_w, const void *w, int compute_type, size_t *device_bytes,
                                                   size_t *host_bytes, int64_t batch)
{
    QUERY(batch >= 0);
    return cusolverDnXsyevd_bufferSize(handle, params, mode, uplo, n, type_a, a, lda, type_w, w, compute_type,
                                       device_bytes, host_bytes);
}

cusolverStatus_t cusolverDnXsyevBatched(cusolverDnHandle_t handle, cusolverDnParams_t params, int mode, int uplo,
                                        int64_t n, int type_a, void *a, int64_t lda, int type_w, void *w,
                                        int compute_type, void *device_work, size_t device_bytes, void *host_work,
                                        size_t host_bytes, int *info, int64_t batch)
{
    (void)params, (void)type_w, (void)compute_type, (void)device_work, (void)device_bytes, (void)host_work;
    (void)host_bytes;
    return syevd(handle, maf_solver_type(type_a), mode, uplo, n, a, lda, w, info, batch);
}

/* --- general eigenvalue problem ---- */

cusolverStatus_t cusolverDnXgeev_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, int mode_left,
                                            int mode_right, int64_t n, int type_a, const void *a, int64_t lda,
                                            int type_w, const void *w, int type_left, const void *left,
                                            int64_t ld_left, int type_right, const void *right, int64_t ld_right,
                                            int compute_type, size_t *device_bytes, size_t *host_bytes)
{
    (void)params, (void)type_a, (void)a, (void)type_w, (void)w, (void)type_left, (void)left, (void)ld_left;
    (void)type_right, (void)right, (void)ld_right, (void)compute_type;
    QUERY(n >= 0 && (unsigned)mode_left <= 1 && (unsigned)mode_right <= 1 && lda >= at_least_one(n));
    return work_bytes(handle, device_bytes, host_bytes);
}

/* A real matrix's eigenvalues come complex, or, with a real type of w, as n real parts and then n imaginary parts; its
 * vectors come in LAPACK's packing of conjugate pairs. */
cusolverStatus_t cusolverDnXgeev(cusolverDnHandle_t handle, cusolverDnParams_t params, int mode_left, int mode_right,
                                 int64_t n, int type_a, void *a, int64_t lda, int type_w, void *w, int type_left,
                                 void *left, int64_t ld_left, int type_right, void *right, int64_t ld_right,
                                 int compute_type, void *device_work, size_t device_bytes, void *host_work,
                                 size_t host_bytes, int *info)
{
    struct maf_op_lapack op = {.routine = MAF_GEEV, .type = maf_solver_type(type_a), .n = n, .lda = lda,
                               .ldu = ld_right, .ldv = ld_left, .job_u = job_of(mode_right),
                               .job_v = job_of(mode_left)};
    (void)params, (void)compute_type, (void)device_work, (void)device_bytes, (void)host_work, (void)host_bytes;
    QUERY((unsigned)mode_left <= 1 && (unsigned)mode_right <= 1);
    op.w_split = (op.type == MAF_F32 || op.type == MAF_F64) && type_w == type_a;
    if (!op.w_split && maf_solver_type(type_w) != (op.type == MAF_F32 || op.type == MAF_C64 ? MAF_C64 : MAF_C128))
        return CUSOLVER_STATUS_INVALID_VALUE;
    if ((mode_left && type_left != type_a) || (mode_right && type_right != type_a))
        return CUSOLVER_STATUS_INVALID_VALUE;
    return maf_solver_submit(handle, &op,
                             &(struct operands){.a = a, .w = w, .u = right, .v = left, .info = info});
}

/* --- singular values ---- */

struct svd {
    int type, job_u, job_v, plain; /* plain: V itself is wanted, not its conjugate transpose */
    int64_t m, n, lda, ldu, ldv, batch;
    int64_t stride_a, stride_s, stride_u, stride_v;
};

static cusolverStatus_t gesvd(cusolverDnHandle_t h, const struct svd *d, void *a, void *s, void *u, void *v, int *info)
{
    struct maf_op_lapack op = {.routine = MAF_GESVD, .type = d->type, .m = d->m, .n = d->n, .job_u = d->job_u,
                               .job_v = d->job_v, .v_plain = d->plain, .lda = d->lda, .ldu = d->ldu, .ldv = d->ldv,
                               .batch = d->batch, .stride_a = d->stride_a, .stride_w = d->stride_s,
                               .stride_u = d->stride_u, .stride_v = d->stride_v};
    if (!h)
        return CUSOLVER_STATUS_NOT_INITIALIZED;
    if (d->batch < 0 || d->m < 0 || d->n < 0 || d->lda < at_least_one(d->m) || d->ldu < 1 || d->ldv < 1 ||
        !d->job_u || !d->job_v)
        return CUSOLVER_STATUS_INVALID_VALUE;
    if (d->batch == 0)
        return CUSOLVER_STATUS_SUCCESS;
    return maf_solver_submit(h, &op, &(struct operands){.a = a, .w = s, .u = u, .v = v, .info = info});
}

static int64_t least(int64_t m, int64_t n)
{
    return m < n ? m : n;
}

static cusolverStatus_t gesvda(cusolverDnHandle_t h, int type, int mode, int rank, int m, int n, void *a, int lda,
                               long long stride_a, void *s, long long stride_s, void *u, int ldu, long long stride_u,
                               void *v, int ldv, long long stride_v, int *info, double *residual, int batch)
{
    struct svd d = {.type = type, .job_u = mode ? 'S' : 'N', .job_v = mode ? 'S' : 'N', .plain = 1, .m = m, .n = n,
                    .lda = lda, .ldu = ldu, .ldv = ldv, .batch = batch, .stride_a = stride_a, .stride_s = stride_s,
                    .stride_u = stride_u, .stride_v = stride_v};
    if (!h)
        return CUSOLVER_STATUS_NOT_INITIALIZED;
    if (m < 0 || n < 0 || batch < 0 || lda < at_least_one(m) || ldu < 1 || ldv < 1 || (unsigned)mode > 1)
        return CUSOLVER_STATUS_INVALID_VALUE;
    if (rank != least(m, n)) {
        maf_unsupported("cusolver", "gesvdaStridedBatched of less than full rank");
        return CUSOLVER_STATUS_NOT_SUPPORTED;
    }
    /* The residuals are host values of work that has not run yet: not computed. */
    for (int i = 0; residual && i < batch; i++)
        residual[i] = NAN;
    return gesvd(h, &d, a, s, u, v, info);
}

#define SVD(L, T)                                                                                                      \
    cusolverStatus_t cusolverDn##L##gesvd_bufferSize(cusolverDnHandle_t handle, int m, int n, int *lwork)              \
    {                                                                                                                  \
        QUERY(m >= 0 && n >= 0);                                                                                       \
        return work_elements(handle, lwork);                                                                           \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##gesvd(cusolverDnHandle_t handle, signed char job_u, signed char job_vt, int m,     \
                                          int n, void *a, int lda, void *s, void *u, int ldu, void *vt, int ldvt,      \
                                          void *work, int lwork, void *rwork, int *info)                               \
    {                                                                                                                  \
        struct svd d = {.type = T, .job_u = job_u, .job_v = job_vt, .m = m, .n = n, .lda = lda, .ldu = ldu,            \
                        .ldv = ldvt, .batch = 1};                                                                      \
        (void)work, (void)lwork, (void)rwork;                                                                          \
        return gesvd(handle, &d, a, s, u, vt, info);                                                                   \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##gesvdj_bufferSize(cusolverDnHandle_t handle, int mode, int econ, int m, int n,     \
                                                      const void *a, int lda, const void *s, const void *u, int ldu,   \
                                                      const void *v, int ldv, int *lwork, gesvdjInfo_t params)         \
    {                                                                                                                  \
        (void)a, (void)s, (void)u, (void)v, (void)params;                                                              \
        QUERY(m >= 0 && n >= 0 && (unsigned)mode <= 1 && (unsigned)econ <= 1 && lda >= at_least_one(m) &&              \
              ldu >= 1 && ldv >= 1);                                                                                   \
        return work_elements(handle, lwork);                                                                           \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##gesvdj(cusolverDnHandle_t handle, int mode, int econ, int m, int n, void *a,       \
                                           int lda, void *s, void *u, int ldu, void *v, int ldv, void *work,           \
                                           int lwork, int *info, gesvdjInfo_t params)                                  \
    {                                                                                                                  \
        int job = (unsigned)mode > 1 ? 0 : !mode ? 'N' : econ ? 'S' : 'A';                                             \
        struct svd d = {.type = T, .job_u = job, .job_v = job, .plain = 1, .m = m, .n = n, .lda = lda, .ldu = ldu,     \
                        .ldv = ldv, .batch = 1};                                                                       \
        (void)work, (void)lwork, (void)params;                                                                         \
        return gesvd(handle, &d, a, s, u, v, info);                                                                    \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##gesvdjBatched_bufferSize(                                                          \
        cusolverDnHandle_t handle, int mode, int m, int n, const void *a, int lda, const void *s, const void *u,       \
        int ldu, const void *v, int ldv, int *lwork, gesvdjInfo_t params, int batch)                                   \
    {                                                                                                                  \
        (void)a, (void)s, (void)u, (void)v, (void)params;                                                              \
        QUERY(m >= 0 && n >= 0 && batch >= 0 && (unsigned)mode <= 1 && lda >= at_least_one(m) && ldu >= 1 &&           \
              ldv >= 1);                                                                                               \
        return work_elements(handle, lwork);                                                                           \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##gesvdjBatched(cusolverDnHandle_t handle, int mode, int m, int n, void *a, int lda, \
                                                  void *s, void *u, int ldu, void *v, int ldv, void *work, int lwork,  \
                                                  int *info, gesvdjInfo_t params, int batch)                           \
    {                                                                                                                  \
        int job = (unsigned)mode > 1 ? 0 : mode ? 'A' : 'N';                                                           \
        struct svd d = {.type = T, .job_u = job, .job_v = job, .plain = 1, .m = m, .n = n, .lda = lda, .ldu = ldu,     \
                        .ldv = ldv, .batch = batch, .stride_a = (int64_t)lda * n, .stride_s = least(m, n),             \
                        .stride_u = (int64_t)ldu * m, .stride_v = (int64_t)ldv * n};                                   \
        (void)work, (void)lwork, (void)params;                                                                         \
        return gesvd(handle, &d, a, s, u, v, info);                                                                    \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##gesvdaStridedBatched_bufferSize(                                                   \
        cusolverDnHandle_t handle, int mode, int rank, int m, int n, const void *a, int lda, long long stride_a,       \
        const void *s, long long stride_s, const void *u, int ldu, long long stride_u, const void *v, int ldv,         \
        long long stride_v, int *lwork, int batch)                                                                     \
    {                                                                                                                  \
        (void)rank, (void)a, (void)stride_a, (void)s, (void)stride_s, (void)u, (void)stride_u, (void)v;                \
        (void)stride_v;                                                                                                \
        QUERY(m >= 0 && n >= 0 && batch >= 0 && (unsigned)mode <= 1 && lda >= at_least_one(m) && ldu >= 1 &&           \
              ldv >= 1);                                                                                               \
        return work_elements(handle, lwork);                                                                           \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##gesvdaStridedBatched(                                                              \
        cusolverDnHandle_t handle, int mode, int rank, int m, int n, const void *a, int lda, long long stride_a,       \
        void *s, long long stride_s, void *u, int ldu, long long stride_u, void *v, int ldv, long long stride_v,       \
        void *work, int lwork, int *info, double *residual, int batch)                                                 \
    {                                                                                                                  \
        (void)work, (void)lwork;                                                                                       \
        return gesvda(handle, T, mode, rank, m, n, (void *)a, lda, stride_a, s, stride_s, u, ldu, stride_u, v, ldv,    \
                      stride_v, info, residual, batch);                                                                \
    }
EACH_TYPE(SVD)

cusolverStatus_t cusolverDnXgesvd_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, signed char job_u,
                                             signed char job_vt, int64_t m, int64_t n, int type_a, const void *a,
                                             int64_t lda, int type_s, const void *s, int type_u, const void *u,
                                             int64_t ldu, int type_vt, const void *vt, int64_t ldvt, int compute_type,
                                             size_t *device_bytes, size_t *host_bytes)
{
    (void)params, (void)job_u, (void)job_vt, (void)type_a, (void)a, (void)type_s, (void)s, (void)type_u;
    (void)u, (void)type_vt, (void)vt, (void)compute_type;
    QUERY(m >= 0 && n >= 0 && lda >= at_least_one(m) && ldu >= 1 && ldvt >= 1);
    return work_bytes(handle, device_bytes, host_bytes);
}

cusolverStatus_t cusolverDnXgesvd(cusolverDnHandle_t handle, cusolverDnParams_t params, signed char job_u,
                                  signed char job_vt, int64_t m, int64_t n, int type_a, void *a, int64_t lda,
                                  int type_s, void *s, int type_u, void *u, int64_t ldu, int type_vt, void *vt,
                                  int64_t ldvt, int compute_type, void *device_work, size_t device_bytes,
                                  void *host_work, size_t host_bytes, int *info)
{
    struct svd d = {.type = maf_solver_type(type_a), .job_u = job_u, .job_v = job_vt, .m = m, .n = n, .lda = lda,
                    .ldu = ldu, .ldv = ldvt, .batch = 1};
    (void)params, (void)type_s, (void)type_u, (void)type_vt, (void)compute_type, (void)device_work;
    (void)device_bytes, (void)host_work, (void)host_bytes;
    return gesvd(handle, &d, a, s, u, vt, info);
}
