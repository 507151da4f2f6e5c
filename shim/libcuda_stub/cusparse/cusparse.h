/* cuSPARSE as far as it is implemented. Elements are `void *` here, whatever their type; streams too.
 * Include <stdint.h> and <stddef.h> first.
 *
 * op: 0 N, 1 T, 2 C. Index types: 2 int32, 3 int64. Element and computing types: cudaDataType_t. Order: 1 column major,
 * 2 row major. Attributes of a sparse matrix: 0 fill mode (0 lower, 1 upper), 1 diagonal (0 non-unit, 1 unit). */
#ifndef MAF_CUSPARSE_H
#define MAF_CUSPARSE_H

typedef enum {
    CUSPARSE_STATUS_SUCCESS = 0,
    CUSPARSE_STATUS_NOT_INITIALIZED = 1,
    CUSPARSE_STATUS_ALLOC_FAILED = 2,
    CUSPARSE_STATUS_INVALID_VALUE = 3,
    CUSPARSE_STATUS_ARCH_MISMATCH = 4,
    CUSPARSE_STATUS_MAPPING_ERROR = 5,
    CUSPARSE_STATUS_EXECUTION_FAILED = 6,
    CUSPARSE_STATUS_INTERNAL_ERROR = 7,
    CUSPARSE_STATUS_MATRIX_TYPE_NOT_SUPPORTED = 8,
    CUSPARSE_STATUS_ZERO_PIVOT = 9,
    CUSPARSE_STATUS_NOT_SUPPORTED = 10,
    CUSPARSE_STATUS_INSUFFICIENT_RESOURCES = 11
} cusparseStatus_t;

typedef struct cusparseContext *cusparseHandle_t;
typedef struct cusparseMatDescr *cusparseMatDescr_t;
typedef struct cusparseSpMatDescr *cusparseSpMatDescr_t;
typedef struct cusparseDnMatDescr *cusparseDnMatDescr_t;
typedef struct cusparseDnVecDescr *cusparseDnVecDescr_t;
typedef struct cusparseSpVecDescr *cusparseSpVecDescr_t;
typedef struct cusparseSpGEMMDescr *cusparseSpGEMMDescr_t;
typedef struct cusparseSpSVDescr *cusparseSpSVDescr_t;
typedef struct cusparseSpSMDescr *cusparseSpSMDescr_t;

cusparseStatus_t cusparseCreate(cusparseHandle_t *handle);
cusparseStatus_t cusparseDestroy(cusparseHandle_t handle);
cusparseStatus_t cusparseGetVersion(cusparseHandle_t handle, int *version);
cusparseStatus_t cusparseGetProperty(int type, int *value);
const char *cusparseGetErrorName(cusparseStatus_t status);
const char *cusparseGetErrorString(cusparseStatus_t status);
cusparseStatus_t cusparseSetStream(cusparseHandle_t handle, void *stream);
cusparseStatus_t cusparseGetStream(cusparseHandle_t handle, void **stream);
cusparseStatus_t cusparseSetPointerMode(cusparseHandle_t handle, int mode);
cusparseStatus_t cusparseGetPointerMode(cusparseHandle_t handle, int *mode);

cusparseStatus_t cusparseCreateMatDescr(cusparseMatDescr_t *descriptor);
cusparseStatus_t cusparseDestroyMatDescr(cusparseMatDescr_t descriptor);
cusparseStatus_t cusparseSetMatType(cusparseMatDescr_t descriptor, int type);
int cusparseGetMatType(const cusparseMatDescr_t descriptor);
cusparseStatus_t cusparseSetMatFillMode(cusparseMatDescr_t descriptor, int mode);
int cusparseGetMatFillMode(const cusparseMatDescr_t descriptor);
cusparseStatus_t cusparseSetMatDiagType(cusparseMatDescr_t descriptor, int type);
int cusparseGetMatDiagType(const cusparseMatDescr_t descriptor);
cusparseStatus_t cusparseSetMatIndexBase(cusparseMatDescr_t descriptor, int base);
int cusparseGetMatIndexBase(const cusparseMatDescr_t descriptor);

cusparseStatus_t cusparseCreateCsr(cusparseSpMatDescr_t *matrix, int64_t rows, int64_t cols, int64_t nnz, void
                                   *offsets, void *indices, void *values, int offset_type, int column_type, int base,
                                   int type);
cusparseStatus_t cusparseCreateConstCsr(cusparseSpMatDescr_t *matrix, int64_t rows, int64_t cols, int64_t nnz,
                                        const void *offsets, const void *indices, const void *values, int offset_type,
                                        int column_type, int base, int type);
cusparseStatus_t cusparseCreateCsc(cusparseSpMatDescr_t *matrix, int64_t rows, int64_t cols, int64_t nnz, void
                                   *offsets, void *indices, void *values, int offset_type, int row_type, int base, int
                                   type);
cusparseStatus_t cusparseCreateCoo(cusparseSpMatDescr_t *matrix, int64_t rows, int64_t cols, int64_t nnz, void
                                   *row_numbers, void *column_numbers, void *values, int number_type, int base, int
                                   type);
cusparseStatus_t cusparseCreateConstCoo(cusparseSpMatDescr_t *matrix, int64_t rows, int64_t cols, int64_t nnz,
                                        const void *row_numbers, const void *column_numbers, const void *values, int
                                        number_type, int base, int type);
cusparseStatus_t cusparseCreateBsr(cusparseSpMatDescr_t *matrix, int64_t block_rows, int64_t block_cols, int64_t
                                   blocks, int64_t block_height, int64_t block_width, void *offsets, void *indices,
                                   void *values, int offset_type, int column_type, int base, int type, int order);
cusparseStatus_t cusparseDestroySpMat(cusparseSpMatDescr_t matrix);
cusparseStatus_t cusparseSpMatGetSize(cusparseSpMatDescr_t matrix, int64_t *rows, int64_t *cols, int64_t *nnz);
cusparseStatus_t cusparseSpMatGetFormat(cusparseSpMatDescr_t matrix, int *format);
cusparseStatus_t cusparseSpMatGetIndexBase(cusparseSpMatDescr_t matrix, int *base);
cusparseStatus_t cusparseSpMatGetValues(cusparseSpMatDescr_t matrix, void **values);
cusparseStatus_t cusparseSpMatSetValues(cusparseSpMatDescr_t matrix, void *values);
cusparseStatus_t cusparseSpMatSetAttribute(cusparseSpMatDescr_t matrix, int attribute, const void *data, size_t bytes);
cusparseStatus_t cusparseSpMatGetAttribute(cusparseSpMatDescr_t matrix, int attribute, void *data, size_t bytes);
cusparseStatus_t cusparseCsrSetPointers(cusparseSpMatDescr_t matrix, void *offsets, void *indices, void *values);
cusparseStatus_t cusparseCscSetPointers(cusparseSpMatDescr_t matrix, void *offsets, void *indices, void *values);
cusparseStatus_t cusparseCooSetPointers(cusparseSpMatDescr_t matrix, void *rows, void *columns, void *values);
cusparseStatus_t cusparseCsrSetStridedBatch(cusparseSpMatDescr_t matrix, int batch, int64_t offsets, int64_t entries);
cusparseStatus_t cusparseCooSetStridedBatch(cusparseSpMatDescr_t matrix, int batch, int64_t entries);
cusparseStatus_t cusparseCreateDnMat(cusparseDnMatDescr_t *matrix, int64_t rows, int64_t cols, int64_t ld, void
                                     *values, int type, int order);
cusparseStatus_t cusparseCreateConstDnMat(cusparseDnMatDescr_t *matrix, int64_t rows, int64_t cols, int64_t ld,
                                          const void *values, int type, int order);
cusparseStatus_t cusparseDestroyDnMat(cusparseDnMatDescr_t matrix);
cusparseStatus_t cusparseDnMatGetValues(cusparseDnMatDescr_t matrix, void **values);
cusparseStatus_t cusparseDnMatSetValues(cusparseDnMatDescr_t matrix, void *values);
cusparseStatus_t cusparseDnMatSetStridedBatch(cusparseDnMatDescr_t matrix, int batch, int64_t stride);
cusparseStatus_t cusparseCreateDnVec(cusparseDnVecDescr_t *vector, int64_t size, void *values, int type);
cusparseStatus_t cusparseCreateConstDnVec(cusparseDnVecDescr_t *vector, int64_t size, const void *values, int type);
cusparseStatus_t cusparseDestroyDnVec(cusparseDnVecDescr_t vector);
cusparseStatus_t cusparseDnVecSetValues(cusparseDnVecDescr_t vector, void *values);

cusparseStatus_t cusparseSpMM_bufferSize(cusparseHandle_t handle, int op_a, int op_b, const void *alpha,
                                         cusparseSpMatDescr_t a, cusparseDnMatDescr_t b, const void *beta,
                                         cusparseDnMatDescr_t c, int compute_type, int algorithm, size_t *bytes);
cusparseStatus_t cusparseSpMM_preprocess(cusparseHandle_t handle, int op_a, int op_b, const void *alpha,
                                         cusparseSpMatDescr_t a, cusparseDnMatDescr_t b, const void *beta,
                                         cusparseDnMatDescr_t c, int compute_type, int algorithm, void *buffer);
cusparseStatus_t cusparseSpMM(cusparseHandle_t handle, int op_a, int op_b, const void *alpha, cusparseSpMatDescr_t a,
                              cusparseDnMatDescr_t b, const void *beta, cusparseDnMatDescr_t c, int compute_type, int
                              algorithm, void *buffer);
cusparseStatus_t cusparseSpMV_bufferSize(cusparseHandle_t handle, int op, const void *alpha, cusparseSpMatDescr_t a,
                                         cusparseDnVecDescr_t x, const void *beta, cusparseDnVecDescr_t y, int
                                         compute_type, int algorithm, size_t *bytes);
cusparseStatus_t cusparseSpMV_preprocess(cusparseHandle_t handle, int op, const void *alpha, cusparseSpMatDescr_t a,
                                         cusparseDnVecDescr_t x, const void *beta, cusparseDnVecDescr_t y, int
                                         compute_type, int algorithm, void *buffer);
cusparseStatus_t cusparseSpMV(cusparseHandle_t handle, int op, const void *alpha, cusparseSpMatDescr_t a,
                              cusparseDnVecDescr_t x, const void *beta, cusparseDnVecDescr_t y, int compute_type, int
                              algorithm, void *buffer);
cusparseStatus_t cusparseSDDMM_bufferSize(cusparseHandle_t handle, int op_a, int op_b, const void *alpha,
                                          cusparseDnMatDescr_t a, cusparseDnMatDescr_t b, const void *beta,
                                          cusparseSpMatDescr_t c, int compute_type, int algorithm, size_t *bytes);
cusparseStatus_t cusparseSDDMM_preprocess(cusparseHandle_t handle, int op_a, int op_b, const void *alpha,
                                          cusparseDnMatDescr_t a, cusparseDnMatDescr_t b, const void *beta,
                                          cusparseSpMatDescr_t c, int compute_type, int algorithm, void *buffer);
cusparseStatus_t cusparseSDDMM(cusparseHandle_t handle, int op_a, int op_b, const void *alpha, cusparseDnMatDescr_t a,
                               cusparseDnMatDescr_t b, const void *beta, cusparseSpMatDescr_t c, int compute_type, int
                               algorithm, void *buffer);
cusparseStatus_t cusparseSpSV_createDescr(cusparseSpSVDescr_t *descriptor);
cusparseStatus_t cusparseSpSV_destroyDescr(cusparseSpSVDescr_t descriptor);
cusparseStatus_t cusparseSpSM_createDescr(cusparseSpSMDescr_t *descriptor);
cusparseStatus_t cusparseSpSM_destroyDescr(cusparseSpSMDescr_t descriptor);
cusparseStatus_t cusparseSpGEMM_createDescr(cusparseSpGEMMDescr_t *descriptor);
cusparseStatus_t cusparseSpGEMM_destroyDescr(cusparseSpGEMMDescr_t descriptor);
cusparseStatus_t cusparseSpSV_bufferSize(cusparseHandle_t handle, int op, const void *alpha, cusparseSpMatDescr_t a,
                                         cusparseDnVecDescr_t x, cusparseDnVecDescr_t y, int compute_type, int
                                         algorithm, cusparseSpSVDescr_t descriptor, size_t *bytes);
cusparseStatus_t cusparseSpSV_analysis(cusparseHandle_t handle, int op, const void *alpha, cusparseSpMatDescr_t a,
                                       cusparseDnVecDescr_t x, cusparseDnVecDescr_t y, int compute_type, int algorithm,
                                       cusparseSpSVDescr_t descriptor, void *buffer);
cusparseStatus_t cusparseSpSV_solve(cusparseHandle_t handle, int op, const void *alpha, cusparseSpMatDescr_t a,
                                    cusparseDnVecDescr_t x, cusparseDnVecDescr_t y, int compute_type, int algorithm,
                                    cusparseSpSVDescr_t descriptor);
cusparseStatus_t cusparseSpSM_bufferSize(cusparseHandle_t handle, int op_a, int op_b, const void *alpha,
                                         cusparseSpMatDescr_t a, cusparseDnMatDescr_t b, cusparseDnMatDescr_t c, int
                                         compute_type, int algorithm, cusparseSpSMDescr_t descriptor, size_t *bytes);
cusparseStatus_t cusparseSpSM_analysis(cusparseHandle_t handle, int op_a, int op_b, const void *alpha,
                                       cusparseSpMatDescr_t a, cusparseDnMatDescr_t b, cusparseDnMatDescr_t c, int
                                       compute_type, int algorithm, cusparseSpSMDescr_t descriptor, void *buffer);
cusparseStatus_t cusparseSpSM_solve(cusparseHandle_t handle, int op_a, int op_b, const void *alpha,
                                    cusparseSpMatDescr_t a, cusparseDnMatDescr_t b, cusparseDnMatDescr_t c, int
                                    compute_type, int algorithm, cusparseSpSMDescr_t descriptor);
cusparseStatus_t cusparseSpGEMM_workEstimation(cusparseHandle_t handle, int op_a, int op_b, const void *alpha,
                                               cusparseSpMatDescr_t a, cusparseSpMatDescr_t b, const void *beta,
                                               cusparseSpMatDescr_t c, int compute_type, int algorithm,
                                               cusparseSpGEMMDescr_t descriptor, size_t *bytes, void *buffer);
cusparseStatus_t cusparseSpGEMM_compute(cusparseHandle_t handle, int op_a, int op_b, const void *alpha,
                                        cusparseSpMatDescr_t a, cusparseSpMatDescr_t b, const void *beta,
                                        cusparseSpMatDescr_t c, int compute_type, int algorithm, cusparseSpGEMMDescr_t
                                        descriptor, size_t *bytes, void *buffer);
cusparseStatus_t cusparseSpGEMM_copy(cusparseHandle_t handle, int op_a, int op_b, const void *alpha,
                                     cusparseSpMatDescr_t a, cusparseSpMatDescr_t b, const void *beta,
                                     cusparseSpMatDescr_t c, int compute_type, int algorithm, cusparseSpGEMMDescr_t
                                     descriptor);

cusparseStatus_t cusparseXcoo2csr(cusparseHandle_t handle, const int *row_numbers, int nnz, int rows, int *offsets, int
                                  base);
cusparseStatus_t cusparseCreateIdentityPermutation(cusparseHandle_t handle, int n, int *permutation);
cusparseStatus_t cusparseXcoosort_bufferSizeExt(cusparseHandle_t handle, int rows, int cols, int nnz, const int
                                                *row_numbers, const int *column_numbers, size_t *bytes);
cusparseStatus_t cusparseXcoosortByRow(cusparseHandle_t handle, int rows, int cols, int nnz, int *row_numbers, int
                                       *column_numbers, int *permutation, void *buffer);
cusparseStatus_t cusparseXcsrsort_bufferSizeExt(cusparseHandle_t handle, int rows, int cols, int nnz, const int
                                                *offsets, const int *indices, size_t *bytes);
cusparseStatus_t cusparseXcsrsort(cusparseHandle_t handle, int rows, int cols, int nnz, const cusparseMatDescr_t
                                  descriptor, const int *offsets, int *indices, int *permutation, void *buffer);
cusparseStatus_t cusparseXcsrgeam2Nnz(cusparseHandle_t handle, int m, int n, const cusparseMatDescr_t descriptor_a, int
                                      nnz_a, const int *a_offsets, const int *a_indices, const cusparseMatDescr_t
                                      descriptor_b, int nnz_b, const int *b_offsets, const int *b_indices,
                                      const cusparseMatDescr_t descriptor_c, int *c_offsets, int *nnz, void *buffer);
cusparseStatus_t cusparseScsrgeam2_bufferSizeExt(cusparseHandle_t handle, int m, int n, const void *alpha,
                                                 const cusparseMatDescr_t descriptor_a, int nnz_a, const void *a,
                                                 const int *a_offsets, const int *a_indices, const void *beta,
                                                 const cusparseMatDescr_t descriptor_b, int nnz_b, const void *b,
                                                 const int *b_offsets, const int *b_indices, const cusparseMatDescr_t
                                                 descriptor_c, const void *c, const int *c_offsets, const int
                                                 *c_indices, size_t *bytes);
cusparseStatus_t cusparseScsrgeam2(cusparseHandle_t handle, int m, int n, const void *alpha, const cusparseMatDescr_t
                                   descriptor_a, int nnz_a, const void *a, const int *a_offsets, const int *a_indices,
                                   const void *beta, const cusparseMatDescr_t descriptor_b, int nnz_b, const void *b,
                                   const int *b_offsets, const int *b_indices, const cusparseMatDescr_t descriptor_c,
                                   void *c, int *c_offsets, int *c_indices, void *buffer);
cusparseStatus_t cusparseSbsrmm(cusparseHandle_t handle, int direction, int op_a, int op_b, int mb, int n, int kb, int
                                nnzb, const void *alpha, const cusparseMatDescr_t descriptor, const void *values,
                                const int *offsets, const int *indices, int size, const void *b, int ldb, const void
                                *beta, void *c, int ldc);
cusparseStatus_t cusparseSbsrmv(cusparseHandle_t handle, int direction, int op, int mb, int nb, int nnzb, const void
                                *alpha, const cusparseMatDescr_t descriptor, const void *values, const int *offsets,
                                const int *indices, int size, const void *x, const void *beta, void *y);
cusparseStatus_t cusparseDcsrgeam2_bufferSizeExt(cusparseHandle_t handle, int m, int n, const void *alpha,
                                                 const cusparseMatDescr_t descriptor_a, int nnz_a, const void *a,
                                                 const int *a_offsets, const int *a_indices, const void *beta,
                                                 const cusparseMatDescr_t descriptor_b, int nnz_b, const void *b,
                                                 const int *b_offsets, const int *b_indices, const cusparseMatDescr_t
                                                 descriptor_c, const void *c, const int *c_offsets, const int
                                                 *c_indices, size_t *bytes);
cusparseStatus_t cusparseDcsrgeam2(cusparseHandle_t handle, int m, int n, const void *alpha, const cusparseMatDescr_t
                                   descriptor_a, int nnz_a, const void *a, const int *a_offsets, const int *a_indices,
                                   const void *beta, const cusparseMatDescr_t descriptor_b, int nnz_b, const void *b,
                                   const int *b_offsets, const int *b_indices, const cusparseMatDescr_t descriptor_c,
                                   void *c, int *c_offsets, int *c_indices, void *buffer);
cusparseStatus_t cusparseDbsrmm(cusparseHandle_t handle, int direction, int op_a, int op_b, int mb, int n, int kb, int
                                nnzb, const void *alpha, const cusparseMatDescr_t descriptor, const void *values,
                                const int *offsets, const int *indices, int size, const void *b, int ldb, const void
                                *beta, void *c, int ldc);
cusparseStatus_t cusparseDbsrmv(cusparseHandle_t handle, int direction, int op, int mb, int nb, int nnzb, const void
                                *alpha, const cusparseMatDescr_t descriptor, const void *values, const int *offsets,
                                const int *indices, int size, const void *x, const void *beta, void *y);
cusparseStatus_t cusparseCcsrgeam2_bufferSizeExt(cusparseHandle_t handle, int m, int n, const void *alpha,
                                                 const cusparseMatDescr_t descriptor_a, int nnz_a, const void *a,
                                                 const int *a_offsets, const int *a_indices, const void *beta,
                                                 const cusparseMatDescr_t descriptor_b, int nnz_b, const void *b,
                                                 const int *b_offsets, const int *b_indices, const cusparseMatDescr_t
                                                 descriptor_c, const void *c, const int *c_offsets, const int
                                                 *c_indices, size_t *bytes);
cusparseStatus_t cusparseCcsrgeam2(cusparseHandle_t handle, int m, int n, const void *alpha, const cusparseMatDescr_t
                                   descriptor_a, int nnz_a, const void *a, const int *a_offsets, const int *a_indices,
                                   const void *beta, const cusparseMatDescr_t descriptor_b, int nnz_b, const void *b,
                                   const int *b_offsets, const int *b_indices, const cusparseMatDescr_t descriptor_c,
                                   void *c, int *c_offsets, int *c_indices, void *buffer);
cusparseStatus_t cusparseCbsrmm(cusparseHandle_t handle, int direction, int op_a, int op_b, int mb, int n, int kb, int
                                nnzb, const void *alpha, const cusparseMatDescr_t descriptor, const void *values,
                                const int *offsets, const int *indices, int size, const void *b, int ldb, const void
                                *beta, void *c, int ldc);
cusparseStatus_t cusparseCbsrmv(cusparseHandle_t handle, int direction, int op, int mb, int nb, int nnzb, const void
                                *alpha, const cusparseMatDescr_t descriptor, const void *values, const int *offsets,
                                const int *indices, int size, const void *x, const void *beta, void *y);
cusparseStatus_t cusparseZcsrgeam2_bufferSizeExt(cusparseHandle_t handle, int m, int n, const void *alpha,
                                                 const cusparseMatDescr_t descriptor_a, int nnz_a, const void *a,
                                                 const int *a_offsets, const int *a_indices, const void *beta,
                                                 const cusparseMatDescr_t descriptor_b, int nnz_b, const void *b,
                                                 const int *b_offsets, const int *b_indices, const cusparseMatDescr_t
                                                 descriptor_c, const void *c, const int *c_offsets, const int
                                                 *c_indices, size_t *bytes);
cusparseStatus_t cusparseZcsrgeam2(cusparseHandle_t handle, int m, int n, const void *alpha, const cusparseMatDescr_t
                                   descriptor_a, int nnz_a, const void *a, const int *a_offsets, const int *a_indices,
                                   const void *beta, const cusparseMatDescr_t descriptor_b, int nnz_b, const void *b,
                                   const int *b_offsets, const int *b_indices, const cusparseMatDescr_t descriptor_c,
                                   void *c, int *c_offsets, int *c_indices, void *buffer);
cusparseStatus_t cusparseZbsrmm(cusparseHandle_t handle, int direction, int op_a, int op_b, int mb, int n, int kb, int
                                nnzb, const void *alpha, const cusparseMatDescr_t descriptor, const void *values,
                                const int *offsets, const int *indices, int size, const void *b, int ldb, const void
                                *beta, void *c, int ldc);
cusparseStatus_t cusparseZbsrmv(cusparseHandle_t handle, int direction, int op, int mb, int nb, int nnzb, const void
                                *alpha, const cusparseMatDescr_t descriptor, const void *values, const int *offsets,
                                const int *indices, int size, const void *x, const void *beta, void *y);

/* Triangular solves with BSR matrices. op_xy: 0 the right-hand sides are columns, 1 rows. */
typedef struct bsrInfo *cusparseBsrInfo_t;
cusparseStatus_t cusparseCreateBsrsv2Info(cusparseBsrInfo_t *info);
cusparseStatus_t cusparseDestroyBsrsv2Info(cusparseBsrInfo_t info);
cusparseStatus_t cusparseXbsrsv2_zeroPivot(cusparseHandle_t handle, cusparseBsrInfo_t info, int *position);
cusparseStatus_t cusparseCreateBsrsm2Info(cusparseBsrInfo_t *info);
cusparseStatus_t cusparseDestroyBsrsm2Info(cusparseBsrInfo_t info);
cusparseStatus_t cusparseXbsrsm2_zeroPivot(cusparseHandle_t handle, cusparseBsrInfo_t info, int *position);
cusparseStatus_t cusparseSbsrsv2_bufferSize(cusparseHandle_t handle, int direction, int op, int mb, int nnzb, const
                                            cusparseMatDescr_t descriptor, void *values, const int *offsets, const int
                                            *indices, int size, cusparseBsrInfo_t info, int *bytes);
cusparseStatus_t cusparseSbsrsv2_analysis(cusparseHandle_t handle, int direction, int op, int mb, int nnzb, const
                                          cusparseMatDescr_t descriptor, const void *values, const int *offsets, const
                                          int *indices, int size, cusparseBsrInfo_t info, int policy, void *buffer);
cusparseStatus_t cusparseSbsrsv2_solve(cusparseHandle_t handle, int direction, int op, int mb, int nnzb, const void
                                       *alpha, const cusparseMatDescr_t descriptor, const void *values, const int
                                       *offsets, const int *indices, int size, cusparseBsrInfo_t info, const void *f,
                                       void *x, int policy, void *buffer);
cusparseStatus_t cusparseSbsrsm2_bufferSize(cusparseHandle_t handle, int direction, int op, int op_xy, int mb, int n,
                                            int nnzb, const cusparseMatDescr_t descriptor, void *values, const int
                                            *offsets, const int *indices, int size, cusparseBsrInfo_t info, int
                                            *bytes);
cusparseStatus_t cusparseSbsrsm2_analysis(cusparseHandle_t handle, int direction, int op, int op_xy, int mb, int n, int
                                          nnzb, const cusparseMatDescr_t descriptor, const void *values, const int
                                          *offsets, const int *indices, int size, cusparseBsrInfo_t info, int policy,
                                          void *buffer);
cusparseStatus_t cusparseSbsrsm2_solve(cusparseHandle_t handle, int direction, int op, int op_xy, int mb, int n, int
                                       nnzb, const void *alpha, const cusparseMatDescr_t descriptor, const void
                                       *values, const int *offsets, const int *indices, int size, cusparseBsrInfo_t
                                       info, const void *b, int ldb, void *x, int ldx, int policy, void *buffer);
cusparseStatus_t cusparseDbsrsv2_bufferSize(cusparseHandle_t handle, int direction, int op, int mb, int nnzb, const
                                            cusparseMatDescr_t descriptor, void *values, const int *offsets, const int
                                            *indices, int size, cusparseBsrInfo_t info, int *bytes);
cusparseStatus_t cusparseDbsrsv2_analysis(cusparseHandle_t handle, int direction, int op, int mb, int nnzb, const
                                          cusparseMatDescr_t descriptor, const void *values, const int *offsets, const
                                          int *indices, int size, cusparseBsrInfo_t info, int policy, void *buffer);
cusparseStatus_t cusparseDbsrsv2_solve(cusparseHandle_t handle, int direction, int op, int mb, int nnzb, const void
                                       *alpha, const cusparseMatDescr_t descriptor, const void *values, const int
                                       *offsets, const int *indices, int size, cusparseBsrInfo_t info, const void *f,
                                       void *x, int policy, void *buffer);
cusparseStatus_t cusparseDbsrsm2_bufferSize(cusparseHandle_t handle, int direction, int op, int op_xy, int mb, int n,
                                            int nnzb, const cusparseMatDescr_t descriptor, void *values, const int
                                            *offsets, const int *indices, int size, cusparseBsrInfo_t info, int
                                            *bytes);
cusparseStatus_t cusparseDbsrsm2_analysis(cusparseHandle_t handle, int direction, int op, int op_xy, int mb, int n, int
                                          nnzb, const cusparseMatDescr_t descriptor, const void *values, const int
                                          *offsets, const int *indices, int size, cusparseBsrInfo_t info, int policy,
                                          void *buffer);
cusparseStatus_t cusparseDbsrsm2_solve(cusparseHandle_t handle, int direction, int op, int op_xy, int mb, int n, int
                                       nnzb, const void *alpha, const cusparseMatDescr_t descriptor, const void
                                       *values, const int *offsets, const int *indices, int size, cusparseBsrInfo_t
                                       info, const void *b, int ldb, void *x, int ldx, int policy, void *buffer);
cusparseStatus_t cusparseCbsrsv2_bufferSize(cusparseHandle_t handle, int direction, int op, int mb, int nnzb, const
                                            cusparseMatDescr_t descriptor, void *values, const int *offsets, const int
                                            *indices, int size, cusparseBsrInfo_t info, int *bytes);
cusparseStatus_t cusparseCbsrsv2_analysis(cusparseHandle_t handle, int direction, int op, int mb, int nnzb, const
                                          cusparseMatDescr_t descriptor, const void *values, const int *offsets, const
                                          int *indices, int size, cusparseBsrInfo_t info, int policy, void *buffer);
cusparseStatus_t cusparseCbsrsv2_solve(cusparseHandle_t handle, int direction, int op, int mb, int nnzb, const void
                                       *alpha, const cusparseMatDescr_t descriptor, const void *values, const int
                                       *offsets, const int *indices, int size, cusparseBsrInfo_t info, const void *f,
                                       void *x, int policy, void *buffer);
cusparseStatus_t cusparseCbsrsm2_bufferSize(cusparseHandle_t handle, int direction, int op, int op_xy, int mb, int n,
                                            int nnzb, const cusparseMatDescr_t descriptor, void *values, const int
                                            *offsets, const int *indices, int size, cusparseBsrInfo_t info, int
                                            *bytes);
cusparseStatus_t cusparseCbsrsm2_analysis(cusparseHandle_t handle, int direction, int op, int op_xy, int mb, int n, int
                                          nnzb, const cusparseMatDescr_t descriptor, const void *values, const int
                                          *offsets, const int *indices, int size, cusparseBsrInfo_t info, int policy,
                                          void *buffer);
cusparseStatus_t cusparseCbsrsm2_solve(cusparseHandle_t handle, int direction, int op, int op_xy, int mb, int n, int
                                       nnzb, const void *alpha, const cusparseMatDescr_t descriptor, const void
                                       *values, const int *offsets, const int *indices, int size, cusparseBsrInfo_t
                                       info, const void *b, int ldb, void *x, int ldx, int policy, void *buffer);
cusparseStatus_t cusparseZbsrsv2_bufferSize(cusparseHandle_t handle, int direction, int op, int mb, int nnzb, const
                                            cusparseMatDescr_t descriptor, void *values, const int *offsets, const int
                                            *indices, int size, cusparseBsrInfo_t info, int *bytes);
cusparseStatus_t cusparseZbsrsv2_analysis(cusparseHandle_t handle, int direction, int op, int mb, int nnzb, const
                                          cusparseMatDescr_t descriptor, const void *values, const int *offsets, const
                                          int *indices, int size, cusparseBsrInfo_t info, int policy, void *buffer);
cusparseStatus_t cusparseZbsrsv2_solve(cusparseHandle_t handle, int direction, int op, int mb, int nnzb, const void
                                       *alpha, const cusparseMatDescr_t descriptor, const void *values, const int
                                       *offsets, const int *indices, int size, cusparseBsrInfo_t info, const void *f,
                                       void *x, int policy, void *buffer);
cusparseStatus_t cusparseZbsrsm2_bufferSize(cusparseHandle_t handle, int direction, int op, int op_xy, int mb, int n,
                                            int nnzb, const cusparseMatDescr_t descriptor, void *values, const int
                                            *offsets, const int *indices, int size, cusparseBsrInfo_t info, int
                                            *bytes);
cusparseStatus_t cusparseZbsrsm2_analysis(cusparseHandle_t handle, int direction, int op, int op_xy, int mb, int n, int
                                          nnzb, const cusparseMatDescr_t descriptor, const void *values, const int
                                          *offsets, const int *indices, int size, cusparseBsrInfo_t info, int policy,
                                          void *buffer);
cusparseStatus_t cusparseZbsrsm2_solve(cusparseHandle_t handle, int direction, int op, int op_xy, int mb, int n, int
                                       nnzb, const void *alpha, const cusparseMatDescr_t descriptor, const void
                                       *values, const int *offsets, const int *indices, int size, cusparseBsrInfo_t
                                       info, const void *b, int ldb, void *x, int ldx, int policy, void *buffer);

/* --- vectors, conversions ---- */
cusparseStatus_t cusparseCreateSpVec(cusparseSpVecDescr_t *vector, int64_t size, int64_t nnz, void *indices,
                                     void *values, int index_type, int base, int type);
cusparseStatus_t cusparseDestroySpVec(cusparseSpVecDescr_t vector);
cusparseStatus_t cusparseSpVecGet(cusparseSpVecDescr_t vector, int64_t *size, int64_t *nnz, void **indices,
                                  void **values, int *index_type, int *base, int *type);
cusparseStatus_t cusparseSpVecGetIndexBase(cusparseSpVecDescr_t vector, int *base);
cusparseStatus_t cusparseSpVecGetValues(cusparseSpVecDescr_t vector, void **values);
cusparseStatus_t cusparseSpVecSetValues(cusparseSpVecDescr_t vector, void *values);
cusparseStatus_t cusparseCsrGet(cusparseSpMatDescr_t matrix, int64_t *rows, int64_t *cols, int64_t *nnz, void **offsets,
                                void **indices, void **values, int *offset_type, int *index_type, int *base, int *type);
cusparseStatus_t cusparseCscGet(cusparseSpMatDescr_t matrix, int64_t *rows, int64_t *cols, int64_t *nnz, void **offsets,
                                void **indices, void **values, int *offset_type, int *index_type, int *base, int *type);
cusparseStatus_t cusparseCooGet(cusparseSpMatDescr_t matrix, int64_t *rows, int64_t *cols, int64_t *nnz,
                                void **row_numbers, void **column_numbers, void **values, int *index_type, int *base,
                                int *type);
cusparseStatus_t cusparseDnMatGet(cusparseDnMatDescr_t matrix, int64_t *rows, int64_t *cols, int64_t *ld, void **values,
                                  int *type, int *order);
cusparseStatus_t cusparseDnVecGet(cusparseDnVecDescr_t vector, int64_t *size, void **values, int *type);
cusparseStatus_t cusparseDnVecGetValues(cusparseDnVecDescr_t vector, void **values);
cusparseStatus_t cusparseAxpby(cusparseHandle_t handle, const void *alpha, cusparseSpVecDescr_t x, const void *beta,
                               cusparseDnVecDescr_t y);
cusparseStatus_t cusparseGather(cusparseHandle_t handle, cusparseDnVecDescr_t y, cusparseSpVecDescr_t x);
cusparseStatus_t cusparseScatter(cusparseHandle_t handle, cusparseSpVecDescr_t x, cusparseDnVecDescr_t y);
cusparseStatus_t cusparseSpVV_bufferSize(cusparseHandle_t handle, int op, cusparseSpVecDescr_t x,
                                         cusparseDnVecDescr_t y, const void *result, int compute_type, size_t *bytes);
cusparseStatus_t cusparseSpVV(cusparseHandle_t handle, int op, cusparseSpVecDescr_t x, cusparseDnVecDescr_t y,
                              void *result, int compute_type, void *buffer);
cusparseStatus_t cusparseSparseToDense_bufferSize(cusparseHandle_t handle, cusparseSpMatDescr_t a,
                                                  cusparseDnMatDescr_t b, int algorithm, size_t *bytes);
cusparseStatus_t cusparseSparseToDense(cusparseHandle_t handle, cusparseSpMatDescr_t a, cusparseDnMatDescr_t b,
                                       int algorithm, void *buffer);
cusparseStatus_t cusparseDenseToSparse_bufferSize(cusparseHandle_t handle, cusparseDnMatDescr_t a,
                                                  cusparseSpMatDescr_t b, int algorithm, size_t *bytes);
cusparseStatus_t cusparseDenseToSparse_analysis(cusparseHandle_t handle, cusparseDnMatDescr_t a,
                                                cusparseSpMatDescr_t b, int algorithm, void *buffer);
cusparseStatus_t cusparseDenseToSparse_convert(cusparseHandle_t handle, cusparseDnMatDescr_t a, cusparseSpMatDescr_t b,
                                               int algorithm, void *buffer);
cusparseStatus_t cusparseXcsr2coo(cusparseHandle_t handle, const int *offsets, int nnz, int rows, int *row_numbers,
                                  int base);
cusparseStatus_t cusparseCsr2cscEx2_bufferSize(cusparseHandle_t handle, int m, int n, int nnz, const void *values,
                                               const int *offsets, const int *indices, void *out_values,
                                               int *out_offsets, int *out_indices, int type, int action, int base,
                                               int algorithm, size_t *bytes);
cusparseStatus_t cusparseCsr2cscEx2(cusparseHandle_t handle, int m, int n, int nnz, const void *values,
                                    const int *offsets, const int *indices, void *out_values, int *out_offsets,
                                    int *out_indices, int type, int action, int base, int algorithm, void *buffer);

#endif
