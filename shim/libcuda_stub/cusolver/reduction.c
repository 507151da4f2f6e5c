/* Reduction to tridiagonal and bidiagonal form, generalised and partial eigenvalue problems, and smaller helpers. */
#include "front.h"

#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            return CUSOLVER_STATUS_INVALID_VALUE;                                                                      \
    } while (0)

/* --- part of the eigenvalues ---- */

enum { RANGE_ALL = 1001, RANGE_NUMBERS = 1002, RANGE_VALUES = 1003 };

/* The count of values within bounds is a host value: the call waits for the stream. The work area holds it meanwhile. */
static cusolverStatus_t syevdx(cusolverDnHandle_t h, int type, int mode, int range, int uplo, int64_t n, void *a,
                               int64_t lda, double low, double high, int64_t first, int64_t last, int64_t *count,
                               void *w, void *work, int *info)
{
    struct maf_op_lapack op = {.routine = MAF_SYEVDX, .type = type, .job_u = mode ? 'V' : 'N', .uplo = uplo, .n = n,
                               .lda = lda, .first = 1, .last = n};
    int32_t found = (int32_t)n;
    if (!h)
        return CUSOLVER_STATUS_NOT_INITIALIZED;
    REQUIRE(count && range >= RANGE_ALL && range <= RANGE_VALUES && (mode == 0 || mode == 1));
    if (range == RANGE_NUMBERS) {
        REQUIRE(n == 0 || (first >= 1 && last >= first && last <= n));
        op.first = first;
        op.last = last;
        found = (int32_t)(last - first + 1);
    } else if (range == RANGE_VALUES) {
        REQUIRE(low < high && work);
        memcpy(&op.low, &low, sizeof low);
        memcpy(&op.high, &high, sizeof high);
    }
    struct operands at = {.a = a, .w = w, .p = range == RANGE_VALUES ? work : NULL, .info = info};
    cusolverStatus_t status = maf_solver_submit(h, &op, &at);
    if (status)
        return status;
    if (range == RANGE_VALUES && n > 0 &&
        (maf_stream_sync(h->stream) || maf_read(&found, (uint64_t)(uintptr_t)work, sizeof found)))
        return CUSOLVER_STATUS_EXECUTION_FAILED;
    *count = n ? found : 0;
    return CUSOLVER_STATUS_SUCCESS;
}

/* --- a x = w b x and its relatives ---- */

static cusolverStatus_t sygvd(cusolverDnHandle_t h, int type, int itype, int mode, int uplo, int n, void *a, int lda,
                              void *b, int ldb, void *w, int *info)
{
    struct maf_op_lapack op = {.routine = MAF_SYGVD, .type = type, .itype = itype, .job_u = mode ? 'V' : 'N',
                               .uplo = uplo, .n = n, .lda = lda, .ldb = ldb};
    REQUIRE(mode == 0 || mode == 1);
    return maf_solver_submit(h, &op, &(struct operands){.a = a, .b = b, .w = w, .info = info});
}

/* R: the real type of the bounds. */
#define EIGEN(L, T, OR, SY, R)                                                                                         \
    cusolverStatus_t cusolverDn##L##SY##evdx_bufferSize(cusolverDnHandle_t handle, int mode, int range, int uplo,      \
                                                        int n, const void *a, int lda, R low, R high, int first,       \
                                                        int last, int *count, const void *w, int *lwork)               \
    {                                                                                                                  \
        (void)range, (void)a, (void)low, (void)high, (void)first, (void)last, (void)count, (void)w;                    \
        QUERY(n >= 0 && (unsigned)uplo <= 1 && (unsigned)mode <= 1 && lda >= at_least_one(n));                         \
        return work_elements(handle, lwork);                                                                           \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##SY##evdx(cusolverDnHandle_t handle, int mode, int range, int uplo, int n, void *a, \
                                             int lda, R low, R high, int first, int last, int *count, void *w,         \
                                             void *work, int lwork, int *info)                                         \
    {                                                                                                                  \
        int64_t found = 0;                                                                                             \
        (void)lwork;                                                                                                   \
        QUERY(count);                                                                                                  \
        cusolverStatus_t status = syevdx(handle, T, mode, range, uplo, n, a, lda, low, high, first, last, &found, w,   \
                                         work, info);                                                                  \
        *count = (int)found;                                                                                           \
        return status;                                                                                                 \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##SY##gvd_bufferSize(cusolverDnHandle_t handle, int itype, int mode, int uplo,       \
                                                       int n, const void *a, int lda, const void *b, int ldb,          \
                                                       const void *w, int *lwork)                                      \
    {                                                                                                                  \
        (void)a, (void)b, (void)w;                                                                                     \
        QUERY(n >= 0 && (unsigned)uplo <= 1 && (unsigned)mode <= 1 && itype >= 1 && itype <= 3 && lda >=               \
              at_least_one(n) && ldb >= at_least_one(n));                                                              \
        return work_elements(handle, lwork);                                                                           \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##SY##gvd(cusolverDnHandle_t handle, int itype, int mode, int uplo, int n, void *a,  \
                                            int lda, void *b, int ldb, void *w, void *work, int lwork, int *info)      \
    {                                                                                                                  \
        (void)work, (void)lwork;                                                                                       \
        return sygvd(handle, T, itype, mode, uplo, n, a, lda, b, ldb, w, info);                                        \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##SY##gvj_bufferSize(cusolverDnHandle_t handle, int itype, int mode, int uplo,       \
                                                       int n, const void *a, int lda, const void *b, int ldb,          \
                                                       const void *w, int *lwork, syevjInfo_t params)                  \
    {                                                                                                                  \
        (void)a, (void)b, (void)w, (void)params;                                                                       \
        QUERY(n >= 0 && (unsigned)uplo <= 1 && (unsigned)mode <= 1 && itype >= 1 && itype <= 3 && lda >=               \
              at_least_one(n) && ldb >= at_least_one(n));                                                              \
        return work_elements(handle, lwork);                                                                           \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##SY##gvj(cusolverDnHandle_t handle, int itype, int mode, int uplo, int n, void *a,  \
                                            int lda, void *b, int ldb, void *w, void *work, int lwork, int *info,      \
                                            syevjInfo_t params)                                                        \
    {                                                                                                                  \
        (void)work, (void)lwork, (void)params;                                                                         \
        return sygvd(handle, T, itype, mode, uplo, n, a, lda, b, ldb, w, info);                                        \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##SY##trd_bufferSize(cusolverDnHandle_t handle, int uplo, int n, const void *a,      \
                                                       int lda, const void *d, const void *e, const void *tau,         \
                                                       int *lwork)                                                     \
    {                                                                                                                  \
        (void)a, (void)d, (void)e, (void)tau;                                                                          \
        QUERY(n >= 0 && (unsigned)uplo <= 1 && lda >= at_least_one(n));                                                \
        return work_elements(handle, lwork);                                                                           \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##SY##trd(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, void *d,     \
                                            void *e, void *tau, void *work, int lwork, int *info)                      \
    {                                                                                                                  \
        struct maf_op_lapack op = {.routine = MAF_SYTRD, .type = T, .uplo = uplo, .n = n, .lda = lda};                 \
        (void)work, (void)lwork;                                                                                       \
        return maf_solver_submit(handle, &op, &(struct operands){.a = a, .w = d, .u = e, .v = tau, .info = info});     \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##OR##gtr_bufferSize(cusolverDnHandle_t handle, int uplo, int n, const void *a,      \
                                                       int lda, const void *tau, int *lwork)                           \
    {                                                                                                                  \
        (void)a, (void)tau;                                                                                            \
        QUERY(n >= 0 && (unsigned)uplo <= 1 && lda >= at_least_one(n));                                                \
        return work_elements(handle, lwork);                                                                           \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##OR##gtr(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda,              \
                                            const void *tau, void *work, int lwork, int *info)                         \
    {                                                                                                                  \
        struct maf_op_lapack op = {.routine = MAF_ORGTR, .type = T, .uplo = uplo, .n = n, .lda = lda};                 \
        (void)work, (void)lwork;                                                                                       \
        return maf_solver_submit(handle, &op, &(struct operands){.a = a, .w = tau, .info = info});                     \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##OR##mtr_bufferSize(cusolverDnHandle_t handle, int side, int uplo, int trans,       \
                                                       int m, int n, const void *a, int lda, const void *tau,          \
                                                       const void *c, int ldc, int *lwork)                             \
    {                                                                                                                  \
        (void)a, (void)tau, (void)c;                                                                                   \
        QUERY(m >= 0 && n >= 0 && (unsigned)uplo <= 1 && (unsigned)side <= 1 && (unsigned)trans <= 2 && lda            \
              >= at_least_one((side ? n : m)) && ldc >= at_least_one(m));                                              \
        return work_elements(handle, lwork);                                                                           \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##OR##mtr(cusolverDnHandle_t handle, int side, int uplo, int trans, int m, int n,    \
                                            void *a, int lda, void *tau, void *c, int ldc, void *work, int lwork,      \
                                            int *info)                                                                 \
    {                                                                                                                  \
        struct maf_op_lapack op = {.routine = MAF_ORMTR, .type = T, .side = side, .uplo = uplo, .trans = trans,        \
                                   .m = m, .n = n, .lda = lda, .ldb = ldc};                                            \
        (void)work, (void)lwork;                                                                                       \
        return maf_solver_submit(handle, &op, &(struct operands){.a = a, .b = c, .w = tau, .info = info});             \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##gebrd_bufferSize(cusolverDnHandle_t handle, int m, int n, int *lwork)              \
    {                                                                                                                  \
        QUERY(m >= 0 && n >= 0);                                                                                       \
        return work_elements(handle, lwork);                                                                           \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##gebrd(cusolverDnHandle_t handle, int m, int n, void *a, int lda, void *d, void *e, \
                                          void *tau_q, void *tau_p, void *work, int lwork, int *info)                  \
    {                                                                                                                  \
        struct maf_op_lapack op = {.routine = MAF_GEBRD, .type = T, .m = m, .n = n, .lda = lda};                       \
        (void)work, (void)lwork;                                                                                       \
        return maf_solver_submit(                                                                                      \
            handle, &op, &(struct operands){.a = a, .w = d, .u = e, .v = tau_q, .p = tau_p, .info = info});            \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##OR##gbr_bufferSize(cusolverDnHandle_t handle, int side, int m, int n, int k,       \
                                                       const void *a, int lda, const void *tau, int *lwork)            \
    {                                                                                                                  \
        (void)a, (void)tau;                                                                                            \
        QUERY(m >= 0 && n >= 0 && k >= 0 && (unsigned)side <= 1 && lda >= at_least_one(m));                            \
        return work_elements(handle, lwork);                                                                           \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##OR##gbr(cusolverDnHandle_t handle, int side, int m, int n, int k, void *a,         \
                                            int lda, const void *tau, void *work, int lwork, int *info)                \
    {                                                                                                                  \
        struct maf_op_lapack op = {.routine = MAF_ORGBR, .type = T, .side = side, .m = m, .n = n, .k = k,              \
                                   .lda = lda};                                                                        \
        (void)work, (void)lwork;                                                                                       \
        return maf_solver_submit(handle, &op, &(struct operands){.a = a, .w = tau, .info = info});                     \
    }                                                                                                                  \
    cusolverStatus_t cusolverDn##L##laswp(cusolverDnHandle_t handle, int n, void *a, int lda, int k1, int k2,          \
                                          const int *pivots, int step)                                                 \
    {                                                                                                                  \
        struct maf_op_lapack op = {.routine = MAF_LASWP, .type = T, .n = n, .lda = lda, .first = k1, .last = k2,       \
                                   .step = step};                                                                      \
        return maf_solver_submit(handle, &op, &(struct operands){.a = a, .p = pivots});                                \
    }

EIGEN(S, MAF_F32, or, sy, float)
EIGEN(D, MAF_F64, or, sy, double)
EIGEN(C, MAF_C64, un, he, float)
EIGEN(Z, MAF_C128, un, he, double)

/* --- the same with types as arguments ---- */

cusolverStatus_t cusolverDnXsyevdx_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, int mode, int range,
                                              int uplo, int64_t n, int type_a, const void *a, int64_t lda, void *low,
                                              void *high, int64_t first, int64_t last, int64_t *count, int type_w,
                                              const void *w, int compute_type, size_t *device_bytes, size_t *host_bytes)
{
    (void)params, (void)range, (void)type_a, (void)a, (void)low, (void)high, (void)first, (void)last;
    (void)count, (void)type_w, (void)w, (void)compute_type;
    QUERY(n >= 0 && (unsigned)uplo <= 1 && (unsigned)mode <= 1 && lda >= at_least_one(n));
    return work_bytes(handle, device_bytes, host_bytes);
}

static double bound(int type, const void *p)
{
    float value = 0;
    double wide = 0;
    if (p && (type == MAF_F32 || type == MAF_C64)) {
        memcpy(&value, p, sizeof value);
        return value;
    }
    if (p)
        memcpy(&wide, p, sizeof wide);
    return wide;
}

cusolverStatus_t cusolverDnXsyevdx(cusolverDnHandle_t handle, cusolverDnParams_t params, int mode, int range, int uplo,
                                   int64_t n, int type_a, void *a, int64_t lda, void *low, void *high, int64_t first,
                                   int64_t last, int64_t *count, int type_w, void *w, int compute_type,
                                   void *device_work, size_t device_bytes, void *host_work, size_t host_bytes,
                                   int *info)
{
    int type = maf_solver_type(type_a);
    (void)params, (void)type_w, (void)compute_type, (void)device_bytes, (void)host_work, (void)host_bytes;
    QUERY(range != RANGE_VALUES || (low && high));
    return syevdx(handle, type, mode, range, uplo, n, a, lda, bound(type, low), bound(type, high), first, last, count,
                  w, device_work, info);
}

cusolverStatus_t cusolverDnXtrtri_bufferSize(cusolverDnHandle_t handle, int uplo, int diag, int64_t n, int type_a,
                                             void *a, int64_t lda, size_t *device_bytes, size_t *host_bytes)
{
    (void)type_a, (void)a;
    QUERY(n >= 0 && (unsigned)uplo <= 1 && (unsigned)diag <= 1 && lda >= at_least_one(n));
    return work_bytes(handle, device_bytes, host_bytes);
}

cusolverStatus_t cusolverDnXtrtri(cusolverDnHandle_t handle, int uplo, int diag, int64_t n, int type_a, void *a,
                                  int64_t lda, void *device_work, size_t device_bytes, void *host_work,
                                  size_t host_bytes, int *info)
{
    struct maf_op_lapack op = {.routine = MAF_TRTRI, .type = maf_solver_type(type_a), .uplo = uplo,
                               .unit_diagonal = diag, .n = n, .lda = lda};
    (void)device_work, (void)device_bytes, (void)host_work, (void)host_bytes;
    QUERY(diag == 0 || diag == 1);
    return maf_solver_submit(handle, &op, &(struct operands){.a = a, .info = info});
}

cusolverStatus_t cusolverDnXlarft_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, int direct,
                                             int by_rows, int64_t n, int64_t k, int type_v, const void *v, int64_t ldv,
                                             int type_tau, const void *tau, int type_t, void *t, int64_t ldt,
                                             int compute_type, size_t *device_bytes, size_t *host_bytes)
{
    (void)params, (void)direct, (void)by_rows, (void)type_v, (void)v, (void)type_tau, (void)tau, (void)type_t;
    (void)t, (void)ldt, (void)compute_type;
    QUERY(ldt >= at_least_one(k) && n >= 0 && k >= 0 && ldv >= 1);
    return work_bytes(handle, device_bytes, host_bytes);
}

cusolverStatus_t cusolverDnXlarft(cusolverDnHandle_t handle, cusolverDnParams_t params, int direct, int by_rows,
                                  int64_t n, int64_t k, int type_v, const void *v, int64_t ldv, int type_tau,
                                  const void *tau, int type_t, void *t, int64_t ldt, int compute_type,
                                  void *device_work, size_t device_bytes, void *host_work, size_t host_bytes)
{
    struct maf_op_lapack op = {.routine = MAF_LARFT, .type = maf_solver_type(type_v), .n = n, .k = k, .lda = ldv,
                               .ldb = ldt, .side = by_rows, .step = direct ? -1 : 1};
    (void)params, (void)compute_type, (void)device_work, (void)device_bytes, (void)host_work, (void)host_bytes;
    QUERY(type_v == type_tau && type_v == type_t && (direct == 0 || direct == 1) && k >= 0 && k <= n);
    return k ? maf_solver_submit(handle, &op, &(struct operands){.a = v, .b = t, .w = tau})
             : handle ? CUSOLVER_STATUS_SUCCESS : CUSOLVER_STATUS_NOT_INITIALIZED;
}

/* --- singular values: by a polar decomposition, and the largest of them by random sampling. Both are computed directly:
 * the values carry no error of either method. ---- */

cusolverStatus_t cusolverDnXgesvdp_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, int mode, int econ,
                                              int64_t m, int64_t n, int type_a, const void *a, int64_t lda, int type_s,
                                              const void *s, int type_u, const void *u, int64_t ldu, int type_v,
                                              const void *v, int64_t ldv, int compute_type, size_t *device_bytes,
                                              size_t *host_bytes)
{
    (void)params, (void)type_a, (void)a, (void)type_s, (void)s, (void)type_u, (void)u, (void)type_v, (void)v;
    (void)compute_type;
    QUERY(m >= 0 && n >= 0 && (unsigned)mode <= 1 && (unsigned)econ <= 1 && lda >= at_least_one(m) && ldu >=
          1 && ldv >= 1);
    return work_bytes(handle, device_bytes, host_bytes);
}

cusolverStatus_t cusolverDnXgesvdp(cusolverDnHandle_t handle, cusolverDnParams_t params, int mode, int econ, int64_t m,
                                   int64_t n, int type_a, void *a, int64_t lda, int type_s, void *s, int type_u,
                                   void *u, int64_t ldu, int type_v, void *v, int64_t ldv, int compute_type,
                                   void *device_work, size_t device_bytes, void *host_work, size_t host_bytes,
                                   int *info, double *error)
{
    int job = !mode ? 'N' : econ ? 'S' : 'A';
    struct maf_op_lapack op = {.routine = MAF_GESVD, .type = maf_solver_type(type_a), .m = m, .n = n, .job_u = job,
                               .job_v = job, .v_plain = 1, .lda = lda, .ldu = ldu, .ldv = ldv};
    (void)params, (void)type_s, (void)compute_type, (void)device_work, (void)device_bytes, (void)host_work;
    (void)host_bytes;
    QUERY(ldu >= 1 && ldv >= 1 && (unsigned)mode <= 1);
    REQUIRE(error && (!mode || (type_u == type_a && type_v == type_a)));
    *error = 0;
    return maf_solver_submit(handle, &op, &(struct operands){.a = a, .w = s, .u = u, .v = v, .info = info});
}

cusolverStatus_t cusolverDnXgesvdr_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, signed char job_u,
                                              signed char job_v, int64_t m, int64_t n, int64_t k, int64_t oversampling,
                                              int64_t iterations, int type_a, const void *a, int64_t lda, int type_s,
                                              const void *s, int type_u, const void *u, int64_t ldu, int type_v,
                                              const void *v, int64_t ldv, int compute_type, size_t *device_bytes,
                                              size_t *host_bytes)
{
    (void)params, (void)job_u, (void)job_v, (void)type_a, (void)a, (void)type_s, (void)s, (void)type_u;
    (void)u, (void)type_v, (void)v, (void)compute_type;
    QUERY(m >= 0 && n >= 0 && k >= 0 && oversampling >= 0 && iterations >= 0 && lda >= at_least_one(m) &&
          ldu >= 1 && ldv >= 1);
    return work_bytes(handle, device_bytes, host_bytes);
}

cusolverStatus_t cusolverDnXgesvdr(cusolverDnHandle_t handle, cusolverDnParams_t params, signed char job_u,
                                   signed char job_v, int64_t m, int64_t n, int64_t k, int64_t oversampling,
                                   int64_t iterations, int type_a, void *a, int64_t lda, int type_s, void *s,
                                   int type_u, void *u, int64_t ldu, int type_v, void *v, int64_t ldv,
                                   int compute_type, void *device_work, size_t device_bytes, void *host_work,
                                   size_t host_bytes, int *info)
{
    struct maf_op_lapack op = {.routine = MAF_GESVDR, .type = maf_solver_type(type_a), .m = m, .n = n, .k = k,
                               .job_u = job_u, .job_v = job_v, .v_plain = 1, .lda = lda, .ldu = ldu, .ldv = ldv};
    (void)params, (void)type_s, (void)compute_type, (void)device_work, (void)device_bytes, (void)host_work;
    (void)host_bytes;
    QUERY(ldu >= 1 && ldv >= 1);
    REQUIRE(oversampling >= 0 && iterations >= 0 && (job_u == 'S' || job_u == 'N') && (job_v == 'S' || job_v == 'N'));
    REQUIRE((job_u == 'N' || (type_u == type_a && ldu >= m)) && (job_v == 'N' || (type_v == type_a && ldv >= n)));
    return maf_solver_submit(handle, &op, &(struct operands){.a = a, .w = s, .u = u, .v = v, .info = info});
}
