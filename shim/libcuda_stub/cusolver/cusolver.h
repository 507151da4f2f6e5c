/* cuSOLVER, dense part, as far as it is implemented. Matrices, vectors and work areas are `void *` here, whatever their
 * element type; streams too. Include <stddef.h> and <stdint.h> first.
 *
 * uplo: 0 lower, 1 upper. trans: 0 N, 1 T, 2 C. side: 0 left, 1 right. mode: 0 values only, 1 vectors too.
 * Types of the X entry points: cudaDataType_t, 0 float, 1 double, 4 complex float, 5 complex double. */
#ifndef MAF_CUSOLVER_H
#define MAF_CUSOLVER_H

typedef enum {
    CUSOLVER_STATUS_SUCCESS = 0,
    CUSOLVER_STATUS_NOT_INITIALIZED = 1,
    CUSOLVER_STATUS_ALLOC_FAILED = 2,
    CUSOLVER_STATUS_INVALID_VALUE = 3,
    CUSOLVER_STATUS_ARCH_MISMATCH = 4,
    CUSOLVER_STATUS_MAPPING_ERROR = 5,
    CUSOLVER_STATUS_EXECUTION_FAILED = 6,
    CUSOLVER_STATUS_INTERNAL_ERROR = 7,
    CUSOLVER_STATUS_MATRIX_TYPE_NOT_SUPPORTED = 8,
    CUSOLVER_STATUS_NOT_SUPPORTED = 9
} cusolverStatus_t;

typedef struct cusolverDnContext *cusolverDnHandle_t;
typedef struct cusolverDnParams *cusolverDnParams_t;
typedef struct syevjInfo *syevjInfo_t;
typedef struct gesvdjInfo *gesvdjInfo_t;
typedef struct cusolverSpContext *cusolverSpHandle_t;
struct cusparseMatDescr;

cusolverStatus_t cusolverGetVersion(int *version);
cusolverStatus_t cusolverGetProperty(int type, int *value);
cusolverStatus_t cusolverDnCreate(cusolverDnHandle_t *handle);
cusolverStatus_t cusolverDnDestroy(cusolverDnHandle_t handle);
cusolverStatus_t cusolverDnSetStream(cusolverDnHandle_t handle, void *stream);
cusolverStatus_t cusolverDnGetStream(cusolverDnHandle_t handle, void **stream);
cusolverStatus_t cusolverDnSetDeterministicMode(cusolverDnHandle_t handle, int mode);
cusolverStatus_t cusolverDnGetDeterministicMode(cusolverDnHandle_t handle, int *mode);
cusolverStatus_t cusolverDnCreateParams(cusolverDnParams_t *params);
cusolverStatus_t cusolverDnDestroyParams(cusolverDnParams_t params);
cusolverStatus_t cusolverDnSetAdvOptions(cusolverDnParams_t params, int function, int algorithm);
cusolverStatus_t cusolverDnCreateGesvdjInfo(gesvdjInfo_t *info);
cusolverStatus_t cusolverDnDestroyGesvdjInfo(gesvdjInfo_t info);
cusolverStatus_t cusolverDnXgesvdjSetTolerance(gesvdjInfo_t info, double tolerance);
cusolverStatus_t cusolverDnXgesvdjSetMaxSweeps(gesvdjInfo_t info, int sweeps);
cusolverStatus_t cusolverDnXgesvdjSetSortEig(gesvdjInfo_t info, int sort);
cusolverStatus_t cusolverDnCreateSyevjInfo(syevjInfo_t *info);
cusolverStatus_t cusolverDnDestroySyevjInfo(syevjInfo_t info);
cusolverStatus_t cusolverDnXsyevjSetTolerance(syevjInfo_t info, double tolerance);
cusolverStatus_t cusolverDnXsyevjSetMaxSweeps(syevjInfo_t info, int sweeps);
cusolverStatus_t cusolverDnXsyevjSetSortEig(syevjInfo_t info, int sort);

cusolverStatus_t cusolverDnSgetrf_bufferSize(cusolverDnHandle_t handle, int m, int n, void *a, int lda, int *lwork);
cusolverStatus_t cusolverDnSgetrf(cusolverDnHandle_t handle, int m, int n, void *a, int lda, void *work, int *pivots,
                                  int *info);
cusolverStatus_t cusolverDnSgetrs(cusolverDnHandle_t handle, int trans, int n, int nrhs, const void *a, int lda, const
                                  int *pivots, void *b, int ldb, int *info);
cusolverStatus_t cusolverDnDgetrf_bufferSize(cusolverDnHandle_t handle, int m, int n, void *a, int lda, int *lwork);
cusolverStatus_t cusolverDnDgetrf(cusolverDnHandle_t handle, int m, int n, void *a, int lda, void *work, int *pivots,
                                  int *info);
cusolverStatus_t cusolverDnDgetrs(cusolverDnHandle_t handle, int trans, int n, int nrhs, const void *a, int lda, const
                                  int *pivots, void *b, int ldb, int *info);
cusolverStatus_t cusolverDnCgetrf_bufferSize(cusolverDnHandle_t handle, int m, int n, void *a, int lda, int *lwork);
cusolverStatus_t cusolverDnCgetrf(cusolverDnHandle_t handle, int m, int n, void *a, int lda, void *work, int *pivots,
                                  int *info);
cusolverStatus_t cusolverDnCgetrs(cusolverDnHandle_t handle, int trans, int n, int nrhs, const void *a, int lda, const
                                  int *pivots, void *b, int ldb, int *info);
cusolverStatus_t cusolverDnZgetrf_bufferSize(cusolverDnHandle_t handle, int m, int n, void *a, int lda, int *lwork);
cusolverStatus_t cusolverDnZgetrf(cusolverDnHandle_t handle, int m, int n, void *a, int lda, void *work, int *pivots,
                                  int *info);
cusolverStatus_t cusolverDnZgetrs(cusolverDnHandle_t handle, int trans, int n, int nrhs, const void *a, int lda, const
                                  int *pivots, void *b, int ldb, int *info);
cusolverStatus_t cusolverDnXgetrf_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, int64_t m, int64_t n,
                                             int type_a, const void *a, int64_t lda, int compute_type, size_t
                                             *device_bytes, size_t *host_bytes);
cusolverStatus_t cusolverDnXgetrf(cusolverDnHandle_t handle, cusolverDnParams_t params, int64_t m, int64_t n, int
                                  type_a, void *a, int64_t lda, int64_t *pivots, int compute_type, void *device_work,
                                  size_t device_bytes, void *host_work, size_t host_bytes, int *info);
cusolverStatus_t cusolverDnXgetrs(cusolverDnHandle_t handle, cusolverDnParams_t params, int trans, int64_t n, int64_t
                                  nrhs, int type_a, const void *a, int64_t lda, const int64_t *pivots, int type_b, void
                                  *b, int64_t ldb, int *info);
cusolverStatus_t cusolverDnSpotrf_bufferSize(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, int *lwork);
cusolverStatus_t cusolverDnSpotrf(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, void *work, int lwork,
                                  int *info);
cusolverStatus_t cusolverDnSpotrfBatched(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, int *info, int
                                         batch);
cusolverStatus_t cusolverDnSpotrs(cusolverDnHandle_t handle, int uplo, int n, int nrhs, const void *a, int lda, void *b,
                                  int ldb, int *info);
cusolverStatus_t cusolverDnSpotrsBatched(cusolverDnHandle_t handle, int uplo, int n, int nrhs, void *a, int lda, void
                                         *b, int ldb, int *info, int batch);
cusolverStatus_t cusolverDnSpotri_bufferSize(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, int *lwork);
cusolverStatus_t cusolverDnSpotri(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, void *work, int lwork,
                                  int *info);
cusolverStatus_t cusolverDnDpotrf_bufferSize(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, int *lwork);
cusolverStatus_t cusolverDnDpotrf(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, void *work, int lwork,
                                  int *info);
cusolverStatus_t cusolverDnDpotrfBatched(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, int *info, int
                                         batch);
cusolverStatus_t cusolverDnDpotrs(cusolverDnHandle_t handle, int uplo, int n, int nrhs, const void *a, int lda, void *b,
                                  int ldb, int *info);
cusolverStatus_t cusolverDnDpotrsBatched(cusolverDnHandle_t handle, int uplo, int n, int nrhs, void *a, int lda, void
                                         *b, int ldb, int *info, int batch);
cusolverStatus_t cusolverDnDpotri_bufferSize(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, int *lwork);
cusolverStatus_t cusolverDnDpotri(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, void *work, int lwork,
                                  int *info);
cusolverStatus_t cusolverDnCpotrf_bufferSize(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, int *lwork);
cusolverStatus_t cusolverDnCpotrf(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, void *work, int lwork,
                                  int *info);
cusolverStatus_t cusolverDnCpotrfBatched(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, int *info, int
                                         batch);
cusolverStatus_t cusolverDnCpotrs(cusolverDnHandle_t handle, int uplo, int n, int nrhs, const void *a, int lda, void *b,
                                  int ldb, int *info);
cusolverStatus_t cusolverDnCpotrsBatched(cusolverDnHandle_t handle, int uplo, int n, int nrhs, void *a, int lda, void
                                         *b, int ldb, int *info, int batch);
cusolverStatus_t cusolverDnCpotri_bufferSize(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, int *lwork);
cusolverStatus_t cusolverDnCpotri(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, void *work, int lwork,
                                  int *info);
cusolverStatus_t cusolverDnZpotrf_bufferSize(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, int *lwork);
cusolverStatus_t cusolverDnZpotrf(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, void *work, int lwork,
                                  int *info);
cusolverStatus_t cusolverDnZpotrfBatched(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, int *info, int
                                         batch);
cusolverStatus_t cusolverDnZpotrs(cusolverDnHandle_t handle, int uplo, int n, int nrhs, const void *a, int lda, void *b,
                                  int ldb, int *info);
cusolverStatus_t cusolverDnZpotrsBatched(cusolverDnHandle_t handle, int uplo, int n, int nrhs, void *a, int lda, void
                                         *b, int ldb, int *info, int batch);
cusolverStatus_t cusolverDnZpotri_bufferSize(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, int *lwork);
cusolverStatus_t cusolverDnZpotri(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, void *work, int lwork,
                                  int *info);
cusolverStatus_t cusolverDnXpotrf_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, int uplo, int64_t n,
                                             int type_a, const void *a, int64_t lda, int compute_type, size_t
                                             *device_bytes, size_t *host_bytes);
cusolverStatus_t cusolverDnXpotrf(cusolverDnHandle_t handle, cusolverDnParams_t params, int uplo, int64_t n, int type_a,
                                  void *a, int64_t lda, int compute_type, void *device_work, size_t device_bytes, void
                                  *host_work, size_t host_bytes, int *info);
cusolverStatus_t cusolverDnXpotrs(cusolverDnHandle_t handle, cusolverDnParams_t params, int uplo, int64_t n, int64_t
                                  nrhs, int type_a, const void *a, int64_t lda, int type_b, void *b, int64_t ldb, int
                                  *info);
cusolverStatus_t cusolverDnSgeqrf_bufferSize(cusolverDnHandle_t handle, int m, int n, void *a, int lda, int *lwork);
cusolverStatus_t cusolverDnSgeqrf(cusolverDnHandle_t handle, int m, int n, void *a, int lda, void *tau, void *work, int
                                  lwork, int *info);
cusolverStatus_t cusolverDnSorgqr_bufferSize(cusolverDnHandle_t handle, int m, int n, int k, const void *a, int lda,
                                             const void *tau, int *lwork);
cusolverStatus_t cusolverDnSorgqr(cusolverDnHandle_t handle, int m, int n, int k, void *a, int lda, const void *tau,
                                  void *work, int lwork, int *info);
cusolverStatus_t cusolverDnSormqr_bufferSize(cusolverDnHandle_t handle, int side, int trans, int m, int n, int k, const
                                             void *a, int lda, const void *tau, const void *c, int ldc, int *lwork);
cusolverStatus_t cusolverDnSormqr(cusolverDnHandle_t handle, int side, int trans, int m, int n, int k, const void *a,
                                  int lda, const void *tau, void *c, int ldc, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnDgeqrf_bufferSize(cusolverDnHandle_t handle, int m, int n, void *a, int lda, int *lwork);
cusolverStatus_t cusolverDnDgeqrf(cusolverDnHandle_t handle, int m, int n, void *a, int lda, void *tau, void *work, int
                                  lwork, int *info);
cusolverStatus_t cusolverDnDorgqr_bufferSize(cusolverDnHandle_t handle, int m, int n, int k, const void *a, int lda,
                                             const void *tau, int *lwork);
cusolverStatus_t cusolverDnDorgqr(cusolverDnHandle_t handle, int m, int n, int k, void *a, int lda, const void *tau,
                                  void *work, int lwork, int *info);
cusolverStatus_t cusolverDnDormqr_bufferSize(cusolverDnHandle_t handle, int side, int trans, int m, int n, int k, const
                                             void *a, int lda, const void *tau, const void *c, int ldc, int *lwork);
cusolverStatus_t cusolverDnDormqr(cusolverDnHandle_t handle, int side, int trans, int m, int n, int k, const void *a,
                                  int lda, const void *tau, void *c, int ldc, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnCgeqrf_bufferSize(cusolverDnHandle_t handle, int m, int n, void *a, int lda, int *lwork);
cusolverStatus_t cusolverDnCgeqrf(cusolverDnHandle_t handle, int m, int n, void *a, int lda, void *tau, void *work, int
                                  lwork, int *info);
cusolverStatus_t cusolverDnCungqr_bufferSize(cusolverDnHandle_t handle, int m, int n, int k, const void *a, int lda,
                                             const void *tau, int *lwork);
cusolverStatus_t cusolverDnCungqr(cusolverDnHandle_t handle, int m, int n, int k, void *a, int lda, const void *tau,
                                  void *work, int lwork, int *info);
cusolverStatus_t cusolverDnCunmqr_bufferSize(cusolverDnHandle_t handle, int side, int trans, int m, int n, int k, const
                                             void *a, int lda, const void *tau, const void *c, int ldc, int *lwork);
cusolverStatus_t cusolverDnCunmqr(cusolverDnHandle_t handle, int side, int trans, int m, int n, int k, const void *a,
                                  int lda, const void *tau, void *c, int ldc, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnZgeqrf_bufferSize(cusolverDnHandle_t handle, int m, int n, void *a, int lda, int *lwork);
cusolverStatus_t cusolverDnZgeqrf(cusolverDnHandle_t handle, int m, int n, void *a, int lda, void *tau, void *work, int
                                  lwork, int *info);
cusolverStatus_t cusolverDnZungqr_bufferSize(cusolverDnHandle_t handle, int m, int n, int k, const void *a, int lda,
                                             const void *tau, int *lwork);
cusolverStatus_t cusolverDnZungqr(cusolverDnHandle_t handle, int m, int n, int k, void *a, int lda, const void *tau,
                                  void *work, int lwork, int *info);
cusolverStatus_t cusolverDnZunmqr_bufferSize(cusolverDnHandle_t handle, int side, int trans, int m, int n, int k, const
                                             void *a, int lda, const void *tau, const void *c, int ldc, int *lwork);
cusolverStatus_t cusolverDnZunmqr(cusolverDnHandle_t handle, int side, int trans, int m, int n, int k, const void *a,
                                  int lda, const void *tau, void *c, int ldc, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnXgeqrf_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, int64_t m, int64_t n,
                                             int type_a, const void *a, int64_t lda, int type_tau, const void *tau, int
                                             compute_type, size_t *device_bytes, size_t *host_bytes);
cusolverStatus_t cusolverDnXgeqrf(cusolverDnHandle_t handle, cusolverDnParams_t params, int64_t m, int64_t n, int
                                  type_a, void *a, int64_t lda, int type_tau, void *tau, int compute_type, void
                                  *device_work, size_t device_bytes, void *host_work, size_t host_bytes, int *info);
cusolverStatus_t cusolverDnSsytrf_bufferSize(cusolverDnHandle_t handle, int n, void *a, int lda, int *lwork);
cusolverStatus_t cusolverDnSsytrf(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, int *pivots, void *work,
                                  int lwork, int *info);
cusolverStatus_t cusolverDnDsytrf_bufferSize(cusolverDnHandle_t handle, int n, void *a, int lda, int *lwork);
cusolverStatus_t cusolverDnDsytrf(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, int *pivots, void *work,
                                  int lwork, int *info);
cusolverStatus_t cusolverDnCsytrf_bufferSize(cusolverDnHandle_t handle, int n, void *a, int lda, int *lwork);
cusolverStatus_t cusolverDnCsytrf(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, int *pivots, void *work,
                                  int lwork, int *info);
cusolverStatus_t cusolverDnZsytrf_bufferSize(cusolverDnHandle_t handle, int n, void *a, int lda, int *lwork);
cusolverStatus_t cusolverDnZsytrf(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, int *pivots, void *work,
                                  int lwork, int *info);
cusolverStatus_t cusolverDnXsytrs_bufferSize(cusolverDnHandle_t handle, int uplo, int64_t n, int64_t nrhs, int type_a,
                                             const void *a, int64_t lda, const int64_t *pivots, int type_b, void *b,
                                             int64_t ldb, size_t *device_bytes, size_t *host_bytes);
cusolverStatus_t cusolverDnXsytrs(cusolverDnHandle_t handle, int uplo, int64_t n, int64_t nrhs, int type_a, const void
                                  *a, int64_t lda, const int64_t *pivots, int type_b, void *b, int64_t ldb, void
                                  *device_work, size_t device_bytes, void *host_work, size_t host_bytes, int *info);

cusolverStatus_t cusolverDnSsyevd_bufferSize(cusolverDnHandle_t handle, int mode, int uplo, int n, const void *a, int
                                             lda, const void *w, int *lwork);
cusolverStatus_t cusolverDnSsyevd(cusolverDnHandle_t handle, int mode, int uplo, int n, void *a, int lda, void *w, void
                                  *work, int lwork, int *info);
cusolverStatus_t cusolverDnSsyevj_bufferSize(cusolverDnHandle_t handle, int mode, int uplo, int n, const void *a, int
                                             lda, const void *w, int *lwork, syevjInfo_t params);
cusolverStatus_t cusolverDnSsyevj(cusolverDnHandle_t handle, int mode, int uplo, int n, void *a, int lda, void *w, void
                                  *work, int lwork, int *info, syevjInfo_t params);
cusolverStatus_t cusolverDnSsyevjBatched_bufferSize(cusolverDnHandle_t handle, int mode, int uplo, int n, const void *a,
                                                    int lda, const void *w, int *lwork, syevjInfo_t params, int batch);
cusolverStatus_t cusolverDnSsyevjBatched(cusolverDnHandle_t handle, int mode, int uplo, int n, void *a, int lda, void
                                         *w, void *work, int lwork, int *info, syevjInfo_t params, int batch);
cusolverStatus_t cusolverDnDsyevd_bufferSize(cusolverDnHandle_t handle, int mode, int uplo, int n, const void *a, int
                                             lda, const void *w, int *lwork);
cusolverStatus_t cusolverDnDsyevd(cusolverDnHandle_t handle, int mode, int uplo, int n, void *a, int lda, void *w, void
                                  *work, int lwork, int *info);
cusolverStatus_t cusolverDnDsyevj_bufferSize(cusolverDnHandle_t handle, int mode, int uplo, int n, const void *a, int
                                             lda, const void *w, int *lwork, syevjInfo_t params);
cusolverStatus_t cusolverDnDsyevj(cusolverDnHandle_t handle, int mode, int uplo, int n, void *a, int lda, void *w, void
                                  *work, int lwork, int *info, syevjInfo_t params);
cusolverStatus_t cusolverDnDsyevjBatched_bufferSize(cusolverDnHandle_t handle, int mode, int uplo, int n, const void *a,
                                                    int lda, const void *w, int *lwork, syevjInfo_t params, int batch);
cusolverStatus_t cusolverDnDsyevjBatched(cusolverDnHandle_t handle, int mode, int uplo, int n, void *a, int lda, void
                                         *w, void *work, int lwork, int *info, syevjInfo_t params, int batch);
cusolverStatus_t cusolverDnCheevd_bufferSize(cusolverDnHandle_t handle, int mode, int uplo, int n, const void *a, int
                                             lda, const void *w, int *lwork);
cusolverStatus_t cusolverDnCheevd(cusolverDnHandle_t handle, int mode, int uplo, int n, void *a, int lda, void *w, void
                                  *work, int lwork, int *info);
cusolverStatus_t cusolverDnCheevj_bufferSize(cusolverDnHandle_t handle, int mode, int uplo, int n, const void *a, int
                                             lda, const void *w, int *lwork, syevjInfo_t params);
cusolverStatus_t cusolverDnCheevj(cusolverDnHandle_t handle, int mode, int uplo, int n, void *a, int lda, void *w, void
                                  *work, int lwork, int *info, syevjInfo_t params);
cusolverStatus_t cusolverDnCheevjBatched_bufferSize(cusolverDnHandle_t handle, int mode, int uplo, int n, const void *a,
                                                    int lda, const void *w, int *lwork, syevjInfo_t params, int batch);
cusolverStatus_t cusolverDnCheevjBatched(cusolverDnHandle_t handle, int mode, int uplo, int n, void *a, int lda, void
                                         *w, void *work, int lwork, int *info, syevjInfo_t params, int batch);
cusolverStatus_t cusolverDnZheevd_bufferSize(cusolverDnHandle_t handle, int mode, int uplo, int n, const void *a, int
                                             lda, const void *w, int *lwork);
cusolverStatus_t cusolverDnZheevd(cusolverDnHandle_t handle, int mode, int uplo, int n, void *a, int lda, void *w, void
                                  *work, int lwork, int *info);
cusolverStatus_t cusolverDnZheevj_bufferSize(cusolverDnHandle_t handle, int mode, int uplo, int n, const void *a, int
                                             lda, const void *w, int *lwork, syevjInfo_t params);
cusolverStatus_t cusolverDnZheevj(cusolverDnHandle_t handle, int mode, int uplo, int n, void *a, int lda, void *w, void
                                  *work, int lwork, int *info, syevjInfo_t params);
cusolverStatus_t cusolverDnZheevjBatched_bufferSize(cusolverDnHandle_t handle, int mode, int uplo, int n, const void *a,
                                                    int lda, const void *w, int *lwork, syevjInfo_t params, int batch);
cusolverStatus_t cusolverDnZheevjBatched(cusolverDnHandle_t handle, int mode, int uplo, int n, void *a, int lda, void
                                         *w, void *work, int lwork, int *info, syevjInfo_t params, int batch);
cusolverStatus_t cusolverDnXsyevd_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, int mode, int uplo,
                                             int64_t n, int type_a, const void *a, int64_t lda, int type_w, const void
                                             *w, int compute_type, size_t *device_bytes, size_t *host_bytes);
cusolverStatus_t cusolverDnXsyevd(cusolverDnHandle_t handle, cusolverDnParams_t params, int mode, int uplo, int64_t n,
                                  int type_a, void *a, int64_t lda, int type_w, void *w, int compute_type, void
                                  *device_work, size_t device_bytes, void *host_work, size_t host_bytes, int *info);
cusolverStatus_t cusolverDnXsyevBatched_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, int mode, int
                                                   uplo, int64_t n, int type_a, const void *a, int64_t lda, int type_w,
                                                   const void *w, int compute_type, size_t *device_bytes, size_t
                                                   *host_bytes, int64_t batch);
cusolverStatus_t cusolverDnXsyevBatched(cusolverDnHandle_t handle, cusolverDnParams_t params, int mode, int uplo,
                                        int64_t n, int type_a, void *a, int64_t lda, int type_w, void *w, int
                                        compute_type, void *device_work, size_t device_bytes, void *host_work, size_t
                                        host_bytes, int *info, int64_t batch);
cusolverStatus_t cusolverDnXgeev_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, int mode_left, int
                                            mode_right, int64_t n, int type_a, const void *a, int64_t lda, int type_w,
                                            const void *w, int type_left, const void *left, int64_t ld_left, int
                                            type_right, const void *right, int64_t ld_right, int compute_type, size_t
                                            *device_bytes, size_t *host_bytes);
cusolverStatus_t cusolverDnXgeev(cusolverDnHandle_t handle, cusolverDnParams_t params, int mode_left, int mode_right,
                                 int64_t n, int type_a, void *a, int64_t lda, int type_w, void *w, int type_left, void
                                 *left, int64_t ld_left, int type_right, void *right, int64_t ld_right, int
                                 compute_type, void *device_work, size_t device_bytes, void *host_work, size_t
                                 host_bytes, int *info);
cusolverStatus_t cusolverDnSgesvd_bufferSize(cusolverDnHandle_t handle, int m, int n, int *lwork);
cusolverStatus_t cusolverDnSgesvd(cusolverDnHandle_t handle, signed char job_u, signed char job_vt, int m, int n, void
                                  *a, int lda, void *s, void *u, int ldu, void *vt, int ldvt, void *work, int lwork,
                                  void *rwork, int *info);
cusolverStatus_t cusolverDnSgesvdj_bufferSize(cusolverDnHandle_t handle, int mode, int econ, int m, int n, const void
                                              *a, int lda, const void *s, const void *u, int ldu, const void *v, int
                                              ldv, int *lwork, gesvdjInfo_t params);
cusolverStatus_t cusolverDnSgesvdj(cusolverDnHandle_t handle, int mode, int econ, int m, int n, void *a, int lda, void
                                   *s, void *u, int ldu, void *v, int ldv, void *work, int lwork, int *info,
                                   gesvdjInfo_t params);
cusolverStatus_t cusolverDnSgesvdjBatched_bufferSize(cusolverDnHandle_t handle, int mode, int m, int n, const void *a,
                                                     int lda, const void *s, const void *u, int ldu, const void *v, int
                                                     ldv, int *lwork, gesvdjInfo_t params, int batch);
cusolverStatus_t cusolverDnSgesvdjBatched(cusolverDnHandle_t handle, int mode, int m, int n, void *a, int lda, void *s,
                                          void *u, int ldu, void *v, int ldv, void *work, int lwork, int *info,
                                          gesvdjInfo_t params, int batch);
cusolverStatus_t cusolverDnSgesvdaStridedBatched_bufferSize(cusolverDnHandle_t handle, int mode, int rank, int m, int n,
                                                            const void *a, int lda, long long stride_a, const void *s,
                                                            long long stride_s, const void *u, int ldu, long long
                                                            stride_u, const void *v, int ldv, long long stride_v, int
                                                            *lwork, int batch);
cusolverStatus_t cusolverDnSgesvdaStridedBatched(cusolverDnHandle_t handle, int mode, int rank, int m, int n, const void
                                                 *a, int lda, long long stride_a, void *s, long long stride_s, void *u,
                                                 int ldu, long long stride_u, void *v, int ldv, long long stride_v, void
                                                 *work, int lwork, int *info, double *residual, int batch);
cusolverStatus_t cusolverDnDgesvd_bufferSize(cusolverDnHandle_t handle, int m, int n, int *lwork);
cusolverStatus_t cusolverDnDgesvd(cusolverDnHandle_t handle, signed char job_u, signed char job_vt, int m, int n, void
                                  *a, int lda, void *s, void *u, int ldu, void *vt, int ldvt, void *work, int lwork,
                                  void *rwork, int *info);
cusolverStatus_t cusolverDnDgesvdj_bufferSize(cusolverDnHandle_t handle, int mode, int econ, int m, int n, const void
                                              *a, int lda, const void *s, const void *u, int ldu, const void *v, int
                                              ldv, int *lwork, gesvdjInfo_t params);
cusolverStatus_t cusolverDnDgesvdj(cusolverDnHandle_t handle, int mode, int econ, int m, int n, void *a, int lda, void
                                   *s, void *u, int ldu, void *v, int ldv, void *work, int lwork, int *info,
                                   gesvdjInfo_t params);
cusolverStatus_t cusolverDnDgesvdjBatched_bufferSize(cusolverDnHandle_t handle, int mode, int m, int n, const void *a,
                                                     int lda, const void *s, const void *u, int ldu, const void *v, int
                                                     ldv, int *lwork, gesvdjInfo_t params, int batch);
cusolverStatus_t cusolverDnDgesvdjBatched(cusolverDnHandle_t handle, int mode, int m, int n, void *a, int lda, void *s,
                                          void *u, int ldu, void *v, int ldv, void *work, int lwork, int *info,
                                          gesvdjInfo_t params, int batch);
cusolverStatus_t cusolverDnDgesvdaStridedBatched_bufferSize(cusolverDnHandle_t handle, int mode, int rank, int m, int n,
                                                            const void *a, int lda, long long stride_a, const void *s,
                                                            long long stride_s, const void *u, int ldu, long long
                                                            stride_u, const void *v, int ldv, long long stride_v, int
                                                            *lwork, int batch);
cusolverStatus_t cusolverDnDgesvdaStridedBatched(cusolverDnHandle_t handle, int mode, int rank, int m, int n, const void
                                                 *a, int lda, long long stride_a, void *s, long long stride_s, void *u,
                                                 int ldu, long long stride_u, void *v, int ldv, long long stride_v, void
                                                 *work, int lwork, int *info, double *residual, int batch);
cusolverStatus_t cusolverDnCgesvd_bufferSize(cusolverDnHandle_t handle, int m, int n, int *lwork);
cusolverStatus_t cusolverDnCgesvd(cusolverDnHandle_t handle, signed char job_u, signed char job_vt, int m, int n, void
                                  *a, int lda, void *s, void *u, int ldu, void *vt, int ldvt, void *work, int lwork,
                                  void *rwork, int *info);
cusolverStatus_t cusolverDnCgesvdj_bufferSize(cusolverDnHandle_t handle, int mode, int econ, int m, int n, const void
                                              *a, int lda, const void *s, const void *u, int ldu, const void *v, int
                                              ldv, int *lwork, gesvdjInfo_t params);
cusolverStatus_t cusolverDnCgesvdj(cusolverDnHandle_t handle, int mode, int econ, int m, int n, void *a, int lda, void
                                   *s, void *u, int ldu, void *v, int ldv, void *work, int lwork, int *info,
                                   gesvdjInfo_t params);
cusolverStatus_t cusolverDnCgesvdjBatched_bufferSize(cusolverDnHandle_t handle, int mode, int m, int n, const void *a,
                                                     int lda, const void *s, const void *u, int ldu, const void *v, int
                                                     ldv, int *lwork, gesvdjInfo_t params, int batch);
cusolverStatus_t cusolverDnCgesvdjBatched(cusolverDnHandle_t handle, int mode, int m, int n, void *a, int lda, void *s,
                                          void *u, int ldu, void *v, int ldv, void *work, int lwork, int *info,
                                          gesvdjInfo_t params, int batch);
cusolverStatus_t cusolverDnCgesvdaStridedBatched_bufferSize(cusolverDnHandle_t handle, int mode, int rank, int m, int n,
                                                            const void *a, int lda, long long stride_a, const void *s,
                                                            long long stride_s, const void *u, int ldu, long long
                                                            stride_u, const void *v, int ldv, long long stride_v, int
                                                            *lwork, int batch);
cusolverStatus_t cusolverDnCgesvdaStridedBatched(cusolverDnHandle_t handle, int mode, int rank, int m, int n, const void
                                                 *a, int lda, long long stride_a, void *s, long long stride_s, void *u,
                                                 int ldu, long long stride_u, void *v, int ldv, long long stride_v, void
                                                 *work, int lwork, int *info, double *residual, int batch);
cusolverStatus_t cusolverDnZgesvd_bufferSize(cusolverDnHandle_t handle, int m, int n, int *lwork);
cusolverStatus_t cusolverDnZgesvd(cusolverDnHandle_t handle, signed char job_u, signed char job_vt, int m, int n, void
                                  *a, int lda, void *s, void *u, int ldu, void *vt, int ldvt, void *work, int lwork,
                                  void *rwork, int *info);
cusolverStatus_t cusolverDnZgesvdj_bufferSize(cusolverDnHandle_t handle, int mode, int econ, int m, int n, const void
                                              *a, int lda, const void *s, const void *u, int ldu, const void *v, int
                                              ldv, int *lwork, gesvdjInfo_t params);
cusolverStatus_t cusolverDnZgesvdj(cusolverDnHandle_t handle, int mode, int econ, int m, int n, void *a, int lda, void
                                   *s, void *u, int ldu, void *v, int ldv, void *work, int lwork, int *info,
                                   gesvdjInfo_t params);
cusolverStatus_t cusolverDnZgesvdjBatched_bufferSize(cusolverDnHandle_t handle, int mode, int m, int n, const void *a,
                                                     int lda, const void *s, const void *u, int ldu, const void *v, int
                                                     ldv, int *lwork, gesvdjInfo_t params, int batch);
cusolverStatus_t cusolverDnZgesvdjBatched(cusolverDnHandle_t handle, int mode, int m, int n, void *a, int lda, void *s,
                                          void *u, int ldu, void *v, int ldv, void *work, int lwork, int *info,
                                          gesvdjInfo_t params, int batch);
cusolverStatus_t cusolverDnZgesvdaStridedBatched_bufferSize(cusolverDnHandle_t handle, int mode, int rank, int m, int n,
                                                            const void *a, int lda, long long stride_a, const void *s,
                                                            long long stride_s, const void *u, int ldu, long long
                                                            stride_u, const void *v, int ldv, long long stride_v, int
                                                            *lwork, int batch);
cusolverStatus_t cusolverDnZgesvdaStridedBatched(cusolverDnHandle_t handle, int mode, int rank, int m, int n, const void
                                                 *a, int lda, long long stride_a, void *s, long long stride_s, void *u,
                                                 int ldu, long long stride_u, void *v, int ldv, long long stride_v, void
                                                 *work, int lwork, int *info, double *residual, int batch);
cusolverStatus_t cusolverDnXgesvd_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, signed char job_u,
                                             signed char job_vt, int64_t m, int64_t n, int type_a, const void *a,
                                             int64_t lda, int type_s, const void *s, int type_u, const void *u, int64_t
                                             ldu, int type_vt, const void *vt, int64_t ldvt, int compute_type, size_t
                                             *device_bytes, size_t *host_bytes);
cusolverStatus_t cusolverDnXgesvd(cusolverDnHandle_t handle, cusolverDnParams_t params, signed char job_u, signed char
                                  job_vt, int64_t m, int64_t n, int type_a, void *a, int64_t lda, int type_s, void *s,
                                  int type_u, void *u, int64_t ldu, int type_vt, void *vt, int64_t ldvt, int
                                  compute_type, void *device_work, size_t device_bytes, void *host_work, size_t
                                  host_bytes, int *info);

cusolverStatus_t cusolverDnSsyevdx_bufferSize(cusolverDnHandle_t handle, int mode, int range, int uplo, int n, const
    void *a, int lda, float low, float high, int first, int last, int *count, const void *w, int *lwork);
cusolverStatus_t cusolverDnSsyevdx(cusolverDnHandle_t handle, int mode, int range, int uplo, int n, void *a, int
    lda, float low, float high, int first, int last, int *count, void *w, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnSsygvd_bufferSize(cusolverDnHandle_t handle, int itype, int mode, int uplo, int n, const
    void *a, int lda, const void *b, int ldb, const void *w, int *lwork);
cusolverStatus_t cusolverDnSsygvd(cusolverDnHandle_t handle, int itype, int mode, int uplo, int n, void *a, int lda,
    void *b, int ldb, void *w, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnSsygvj_bufferSize(cusolverDnHandle_t handle, int itype, int mode, int uplo, int n, const
    void *a, int lda, const void *b, int ldb, const void *w, int *lwork, syevjInfo_t params);
cusolverStatus_t cusolverDnSsygvj(cusolverDnHandle_t handle, int itype, int mode, int uplo, int n, void *a, int lda,
    void *b, int ldb, void *w, void *work, int lwork, int *info, syevjInfo_t params);
cusolverStatus_t cusolverDnSsytrd_bufferSize(cusolverDnHandle_t handle, int uplo, int n, const void *a, int lda,
    const void *d, const void *e, const void *tau, int *lwork);
cusolverStatus_t cusolverDnSsytrd(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, void *d, void *e,
    void *tau, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnSorgtr_bufferSize(cusolverDnHandle_t handle, int uplo, int n, const void *a, int lda,
    const void *tau, int *lwork);
cusolverStatus_t cusolverDnSorgtr(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, const void *tau,
    void *work, int lwork, int *info);
cusolverStatus_t cusolverDnSormtr_bufferSize(cusolverDnHandle_t handle, int side, int uplo, int trans, int m, int n,
    const void *a, int lda, const void *tau, const void *c, int ldc, int *lwork);
cusolverStatus_t cusolverDnSormtr(cusolverDnHandle_t handle, int side, int uplo, int trans, int m, int n, void *a,
    int lda, void *tau, void *c, int ldc, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnSgebrd_bufferSize(cusolverDnHandle_t handle, int m, int n, int *lwork);
cusolverStatus_t cusolverDnSgebrd(cusolverDnHandle_t handle, int m, int n, void *a, int lda, void *d, void *e, void
    *tau_q, void *tau_p, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnSorgbr_bufferSize(cusolverDnHandle_t handle, int side, int m, int n, int k, const void
    *a, int lda, const void *tau, int *lwork);
cusolverStatus_t cusolverDnSorgbr(cusolverDnHandle_t handle, int side, int m, int n, int k, void *a, int lda, const
    void *tau, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnSlaswp(cusolverDnHandle_t handle, int n, void *a, int lda, int k1, int k2, const int
    *pivots, int step);
cusolverStatus_t cusolverDnDsyevdx_bufferSize(cusolverDnHandle_t handle, int mode, int range, int uplo, int n, const
    void *a, int lda, double low, double high, int first, int last, int *count, const void *w, int *lwork);
cusolverStatus_t cusolverDnDsyevdx(cusolverDnHandle_t handle, int mode, int range, int uplo, int n, void *a, int
    lda, double low, double high, int first, int last, int *count, void *w, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnDsygvd_bufferSize(cusolverDnHandle_t handle, int itype, int mode, int uplo, int n, const
    void *a, int lda, const void *b, int ldb, const void *w, int *lwork);
cusolverStatus_t cusolverDnDsygvd(cusolverDnHandle_t handle, int itype, int mode, int uplo, int n, void *a, int lda,
    void *b, int ldb, void *w, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnDsygvj_bufferSize(cusolverDnHandle_t handle, int itype, int mode, int uplo, int n, const
    void *a, int lda, const void *b, int ldb, const void *w, int *lwork, syevjInfo_t params);
cusolverStatus_t cusolverDnDsygvj(cusolverDnHandle_t handle, int itype, int mode, int uplo, int n, void *a, int lda,
    void *b, int ldb, void *w, void *work, int lwork, int *info, syevjInfo_t params);
cusolverStatus_t cusolverDnDsytrd_bufferSize(cusolverDnHandle_t handle, int uplo, int n, const void *a, int lda,
    const void *d, const void *e, const void *tau, int *lwork);
cusolverStatus_t cusolverDnDsytrd(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, void *d, void *e,
    void *tau, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnDorgtr_bufferSize(cusolverDnHandle_t handle, int uplo, int n, const void *a, int lda,
    const void *tau, int *lwork);
cusolverStatus_t cusolverDnDorgtr(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, const void *tau,
    void *work, int lwork, int *info);
cusolverStatus_t cusolverDnDormtr_bufferSize(cusolverDnHandle_t handle, int side, int uplo, int trans, int m, int n,
    const void *a, int lda, const void *tau, const void *c, int ldc, int *lwork);
cusolverStatus_t cusolverDnDormtr(cusolverDnHandle_t handle, int side, int uplo, int trans, int m, int n, void *a,
    int lda, void *tau, void *c, int ldc, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnDgebrd_bufferSize(cusolverDnHandle_t handle, int m, int n, int *lwork);
cusolverStatus_t cusolverDnDgebrd(cusolverDnHandle_t handle, int m, int n, void *a, int lda, void *d, void *e, void
    *tau_q, void *tau_p, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnDorgbr_bufferSize(cusolverDnHandle_t handle, int side, int m, int n, int k, const void
    *a, int lda, const void *tau, int *lwork);
cusolverStatus_t cusolverDnDorgbr(cusolverDnHandle_t handle, int side, int m, int n, int k, void *a, int lda, const
    void *tau, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnDlaswp(cusolverDnHandle_t handle, int n, void *a, int lda, int k1, int k2, const int
    *pivots, int step);
cusolverStatus_t cusolverDnCheevdx_bufferSize(cusolverDnHandle_t handle, int mode, int range, int uplo, int n, const
    void *a, int lda, float low, float high, int first, int last, int *count, const void *w, int *lwork);
cusolverStatus_t cusolverDnCheevdx(cusolverDnHandle_t handle, int mode, int range, int uplo, int n, void *a, int
    lda, float low, float high, int first, int last, int *count, void *w, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnChegvd_bufferSize(cusolverDnHandle_t handle, int itype, int mode, int uplo, int n, const
    void *a, int lda, const void *b, int ldb, const void *w, int *lwork);
cusolverStatus_t cusolverDnChegvd(cusolverDnHandle_t handle, int itype, int mode, int uplo, int n, void *a, int lda,
    void *b, int ldb, void *w, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnChegvj_bufferSize(cusolverDnHandle_t handle, int itype, int mode, int uplo, int n, const
    void *a, int lda, const void *b, int ldb, const void *w, int *lwork, syevjInfo_t params);
cusolverStatus_t cusolverDnChegvj(cusolverDnHandle_t handle, int itype, int mode, int uplo, int n, void *a, int lda,
    void *b, int ldb, void *w, void *work, int lwork, int *info, syevjInfo_t params);
cusolverStatus_t cusolverDnChetrd_bufferSize(cusolverDnHandle_t handle, int uplo, int n, const void *a, int lda,
    const void *d, const void *e, const void *tau, int *lwork);
cusolverStatus_t cusolverDnChetrd(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, void *d, void *e,
    void *tau, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnCungtr_bufferSize(cusolverDnHandle_t handle, int uplo, int n, const void *a, int lda,
    const void *tau, int *lwork);
cusolverStatus_t cusolverDnCungtr(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, const void *tau,
    void *work, int lwork, int *info);
cusolverStatus_t cusolverDnCunmtr_bufferSize(cusolverDnHandle_t handle, int side, int uplo, int trans, int m, int n,
    const void *a, int lda, const void *tau, const void *c, int ldc, int *lwork);
cusolverStatus_t cusolverDnCunmtr(cusolverDnHandle_t handle, int side, int uplo, int trans, int m, int n, void *a,
    int lda, void *tau, void *c, int ldc, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnCgebrd_bufferSize(cusolverDnHandle_t handle, int m, int n, int *lwork);
cusolverStatus_t cusolverDnCgebrd(cusolverDnHandle_t handle, int m, int n, void *a, int lda, void *d, void *e, void
    *tau_q, void *tau_p, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnCungbr_bufferSize(cusolverDnHandle_t handle, int side, int m, int n, int k, const void
    *a, int lda, const void *tau, int *lwork);
cusolverStatus_t cusolverDnCungbr(cusolverDnHandle_t handle, int side, int m, int n, int k, void *a, int lda, const
    void *tau, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnClaswp(cusolverDnHandle_t handle, int n, void *a, int lda, int k1, int k2, const int
    *pivots, int step);
cusolverStatus_t cusolverDnZheevdx_bufferSize(cusolverDnHandle_t handle, int mode, int range, int uplo, int n, const
    void *a, int lda, double low, double high, int first, int last, int *count, const void *w, int *lwork);
cusolverStatus_t cusolverDnZheevdx(cusolverDnHandle_t handle, int mode, int range, int uplo, int n, void *a, int
    lda, double low, double high, int first, int last, int *count, void *w, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnZhegvd_bufferSize(cusolverDnHandle_t handle, int itype, int mode, int uplo, int n, const
    void *a, int lda, const void *b, int ldb, const void *w, int *lwork);
cusolverStatus_t cusolverDnZhegvd(cusolverDnHandle_t handle, int itype, int mode, int uplo, int n, void *a, int lda,
    void *b, int ldb, void *w, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnZhegvj_bufferSize(cusolverDnHandle_t handle, int itype, int mode, int uplo, int n, const
    void *a, int lda, const void *b, int ldb, const void *w, int *lwork, syevjInfo_t params);
cusolverStatus_t cusolverDnZhegvj(cusolverDnHandle_t handle, int itype, int mode, int uplo, int n, void *a, int lda,
    void *b, int ldb, void *w, void *work, int lwork, int *info, syevjInfo_t params);
cusolverStatus_t cusolverDnZhetrd_bufferSize(cusolverDnHandle_t handle, int uplo, int n, const void *a, int lda,
    const void *d, const void *e, const void *tau, int *lwork);
cusolverStatus_t cusolverDnZhetrd(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, void *d, void *e,
    void *tau, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnZungtr_bufferSize(cusolverDnHandle_t handle, int uplo, int n, const void *a, int lda,
    const void *tau, int *lwork);
cusolverStatus_t cusolverDnZungtr(cusolverDnHandle_t handle, int uplo, int n, void *a, int lda, const void *tau,
    void *work, int lwork, int *info);
cusolverStatus_t cusolverDnZunmtr_bufferSize(cusolverDnHandle_t handle, int side, int uplo, int trans, int m, int n,
    const void *a, int lda, const void *tau, const void *c, int ldc, int *lwork);
cusolverStatus_t cusolverDnZunmtr(cusolverDnHandle_t handle, int side, int uplo, int trans, int m, int n, void *a,
    int lda, void *tau, void *c, int ldc, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnZgebrd_bufferSize(cusolverDnHandle_t handle, int m, int n, int *lwork);
cusolverStatus_t cusolverDnZgebrd(cusolverDnHandle_t handle, int m, int n, void *a, int lda, void *d, void *e, void
    *tau_q, void *tau_p, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnZungbr_bufferSize(cusolverDnHandle_t handle, int side, int m, int n, int k, const void
    *a, int lda, const void *tau, int *lwork);
cusolverStatus_t cusolverDnZungbr(cusolverDnHandle_t handle, int side, int m, int n, int k, void *a, int lda, const
    void *tau, void *work, int lwork, int *info);
cusolverStatus_t cusolverDnZlaswp(cusolverDnHandle_t handle, int n, void *a, int lda, int k1, int k2, const int
    *pivots, int step);
cusolverStatus_t cusolverDnXsyevdx_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, int mode, int
    range, int uplo, int64_t n, int type_a, const void *a, int64_t lda, void *low, void *high, int64_t first,
    int64_t last, int64_t *count, int type_w, const void *w, int compute_type, size_t *device_bytes, size_t
    *host_bytes);
cusolverStatus_t cusolverDnXsyevdx(cusolverDnHandle_t handle, cusolverDnParams_t params, int mode, int range, int
    uplo, int64_t n, int type_a, void *a, int64_t lda, void *low, void *high, int64_t first, int64_t last, int64_t
    *count, int type_w, void *w, int compute_type, void *device_work, size_t device_bytes, void *host_work, size_t
    host_bytes, int *info);
cusolverStatus_t cusolverDnXtrtri_bufferSize(cusolverDnHandle_t handle, int uplo, int diag, int64_t n, int type_a,
    void *a, int64_t lda, size_t *device_bytes, size_t *host_bytes);
cusolverStatus_t cusolverDnXtrtri(cusolverDnHandle_t handle, int uplo, int diag, int64_t n, int type_a, void *a,
    int64_t lda, void *device_work, size_t device_bytes, void *host_work, size_t host_bytes, int *info);
cusolverStatus_t cusolverDnXlarft_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, int direct, int
    by_rows, int64_t n, int64_t k, int type_v, const void *v, int64_t ldv, int type_tau, const void *tau, int
    type_t, void *t, int64_t ldt, int compute_type, size_t *device_bytes, size_t *host_bytes);
cusolverStatus_t cusolverDnXlarft(cusolverDnHandle_t handle, cusolverDnParams_t params, int direct, int by_rows,
    int64_t n, int64_t k, int type_v, const void *v, int64_t ldv, int type_tau, const void *tau, int type_t, void
    *t, int64_t ldt, int compute_type, void *device_work, size_t device_bytes, void *host_work, size_t host_bytes);
cusolverStatus_t cusolverDnXgesvdp_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, int mode, int
    econ, int64_t m, int64_t n, int type_a, const void *a, int64_t lda, int type_s, const void *s, int type_u, const
    void *u, int64_t ldu, int type_v, const void *v, int64_t ldv, int compute_type, size_t *device_bytes, size_t
    *host_bytes);
cusolverStatus_t cusolverDnXgesvdp(cusolverDnHandle_t handle, cusolverDnParams_t params, int mode, int econ, int64_t
    m, int64_t n, int type_a, void *a, int64_t lda, int type_s, void *s, int type_u, void *u, int64_t ldu, int
    type_v, void *v, int64_t ldv, int compute_type, void *device_work, size_t device_bytes, void *host_work, size_t
    host_bytes, int *info, double *error);
cusolverStatus_t cusolverDnXgesvdr_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, signed char
    job_u, signed char job_v, int64_t m, int64_t n, int64_t k, int64_t oversampling, int64_t iterations, int type_a,
    const void *a, int64_t lda, int type_s, const void *s, int type_u, const void *u, int64_t ldu, int type_v, const
    void *v, int64_t ldv, int compute_type, size_t *device_bytes, size_t *host_bytes);
cusolverStatus_t cusolverDnXgesvdr(cusolverDnHandle_t handle, cusolverDnParams_t params, signed char job_u, signed
    char job_v, int64_t m, int64_t n, int64_t k, int64_t oversampling, int64_t iterations, int type_a, void *a,
    int64_t lda, int type_s, void *s, int type_u, void *u, int64_t ldu, int type_v, void *v, int64_t ldv, int
    compute_type, void *device_work, size_t device_bytes, void *host_work, size_t host_bytes, int *info);
cusolverStatus_t cusolverSpCreate(cusolverSpHandle_t *handle);
cusolverStatus_t cusolverSpDestroy(cusolverSpHandle_t handle);
cusolverStatus_t cusolverSpSetStream(cusolverSpHandle_t handle, void *stream);
cusolverStatus_t cusolverSpGetStream(cusolverSpHandle_t handle, void **stream);
cusolverStatus_t cusolverSpScsrlsvqr(cusolverSpHandle_t handle, int m, int nnz, const struct cusparseMatDescr
    *descriptor, const void *values, const int *offsets, const int *indices, const void *b, float tolerance, int
    reorder, void *x, int *singularity);
cusolverStatus_t cusolverSpDcsrlsvqr(cusolverSpHandle_t handle, int m, int nnz, const struct cusparseMatDescr
    *descriptor, const void *values, const int *offsets, const int *indices, const void *b, double tolerance, int
    reorder, void *x, int *singularity);
cusolverStatus_t cusolverSpCcsrlsvqr(cusolverSpHandle_t handle, int m, int nnz, const struct cusparseMatDescr
    *descriptor, const void *values, const int *offsets, const int *indices, const void *b, float tolerance, int
    reorder, void *x, int *singularity);
cusolverStatus_t cusolverSpZcsrlsvqr(cusolverSpHandle_t handle, int m, int nnz, const struct cusparseMatDescr
    *descriptor, const void *values, const int *offsets, const int *indices, const void *b, double tolerance, int
    reorder, void *x, int *singularity);
cusolverStatus_t cusolverDnXgesvdjGetSweeps(cusolverDnHandle_t handle, gesvdjInfo_t info, int *sweeps);
cusolverStatus_t cusolverDnXsyevjGetSweeps(cusolverDnHandle_t handle, syevjInfo_t info, int *sweeps);

#endif
