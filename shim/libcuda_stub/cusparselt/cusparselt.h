/* cuSPARSELt as its callers see it: types, values and prototypes of the entry points that are implemented.
 * Only declarations that a cffi cdef accepts. Values are those of cuSPARSELt's public ABI. */
#ifndef MAF_CUSPARSELT_H
#define MAF_CUSPARSELT_H

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

/* The callers' structures have 1024 bytes or more. */
typedef struct {
    uint64_t data[128];
} cusparseLtHandle_t;
typedef cusparseLtHandle_t cusparseLtMatDescriptor_t;
typedef cusparseLtHandle_t cusparseLtMatmulDescriptor_t;
typedef cusparseLtHandle_t cusparseLtMatmulAlgSelection_t;
typedef cusparseLtHandle_t cusparseLtMatmulPlan_t;

enum { CUSPARSELT_MAT_NUM_BATCHES = 0, CUSPARSELT_MAT_BATCH_STRIDE = 1 };

typedef enum {
    CUSPARSELT_MATMUL_ACTIVATION_RELU = 0,
    CUSPARSELT_MATMUL_ACTIVATION_RELU_UPPERBOUND = 1,
    CUSPARSELT_MATMUL_ACTIVATION_RELU_THRESHOLD = 2,
    CUSPARSELT_MATMUL_ACTIVATION_GELU = 3,
    CUSPARSELT_MATMUL_ACTIVATION_GELU_SCALING = 4,
    CUSPARSELT_MATMUL_ALPHA_VECTOR_SCALING = 5,
    CUSPARSELT_MATMUL_BETA_VECTOR_SCALING = 6,
    CUSPARSELT_MATMUL_BIAS_STRIDE = 7,
    CUSPARSELT_MATMUL_BIAS_POINTER = 8,
    CUSPARSELT_MATMUL_SPARSE_MAT_POINTER = 9
} cusparseLtMatmulDescAttribute_t;

typedef enum { CUSPARSE_COMPUTE_32I = 0, CUSPARSE_COMPUTE_16F = 1, CUSPARSE_COMPUTE_32F = 2 } cusparseComputeType;

typedef enum {
    CUSPARSELT_MATMUL_ALG_CONFIG_ID = 0,
    CUSPARSELT_MATMUL_ALG_CONFIG_MAX_ID = 1,
    CUSPARSELT_MATMUL_SEARCH_ITERATIONS = 2,
    CUSPARSELT_MATMUL_SPLIT_K = 3,
    CUSPARSELT_MATMUL_SPLIT_K_MODE = 4,
    CUSPARSELT_MATMUL_SPLIT_K_BUFFERS = 5
} cusparseLtMatmulAlgAttribute_t;

const char *cusparseLtGetErrorName(cusparseStatus_t status);
const char *cusparseLtGetErrorString(cusparseStatus_t status);
cusparseStatus_t cusparseLtInit(cusparseLtHandle_t *handle);
cusparseStatus_t cusparseLtDestroy(const cusparseLtHandle_t *handle);
cusparseStatus_t cusparseLtGetVersion(const cusparseLtHandle_t *handle, int *version);
cusparseStatus_t cusparseLtGetProperty(int type, int *value);

/* type: cudaDataType; order: 1 columns, 2 rows; operations: 0 N, 1 T, 2 C. */
cusparseStatus_t cusparseLtDenseDescriptorInit(const cusparseLtHandle_t *handle, cusparseLtMatDescriptor_t *matrix,
                                               int64_t rows, int64_t cols, int64_t ld, uint32_t alignment, int type,
                                               int order);
cusparseStatus_t cusparseLtStructuredDescriptorInit(const cusparseLtHandle_t *handle, cusparseLtMatDescriptor_t *matrix,
                                                    int64_t rows, int64_t cols, int64_t ld, uint32_t alignment,
                                                    int type, int order, int sparsity);
cusparseStatus_t cusparseLtMatDescriptorDestroy(const cusparseLtMatDescriptor_t *matrix);
cusparseStatus_t cusparseLtMatDescSetAttribute(const cusparseLtHandle_t *handle, cusparseLtMatDescriptor_t *matrix,
                                               int attribute, const void *data, size_t bytes);
cusparseStatus_t cusparseLtMatDescGetAttribute(const cusparseLtHandle_t *handle,
                                               const cusparseLtMatDescriptor_t *matrix, int attribute, void *data,
                                               size_t bytes);

cusparseStatus_t cusparseLtMatmulDescriptorInit(const cusparseLtHandle_t *handle, cusparseLtMatmulDescriptor_t *matmul,
                                                int op_a, int op_b, const cusparseLtMatDescriptor_t *a,
                                                const cusparseLtMatDescriptor_t *b,
                                                const cusparseLtMatDescriptor_t *c,
                                                const cusparseLtMatDescriptor_t *d, cusparseComputeType compute);
cusparseStatus_t cusparseLtMatmulDescSetAttribute(const cusparseLtHandle_t *handle,
                                                  cusparseLtMatmulDescriptor_t *matmul,
                                                  cusparseLtMatmulDescAttribute_t attribute, const void *data,
                                                  size_t bytes);
cusparseStatus_t cusparseLtMatmulDescGetAttribute(const cusparseLtHandle_t *handle,
                                                  const cusparseLtMatmulDescriptor_t *matmul,
                                                  cusparseLtMatmulDescAttribute_t attribute, void *data, size_t bytes);

cusparseStatus_t cusparseLtMatmulAlgSelectionInit(const cusparseLtHandle_t *handle,
                                                  cusparseLtMatmulAlgSelection_t *selection,
                                                  const cusparseLtMatmulDescriptor_t *matmul, int algorithm);
cusparseStatus_t cusparseLtMatmulAlgSelectionDestroy(const cusparseLtMatmulAlgSelection_t *selection);
cusparseStatus_t cusparseLtMatmulAlgSetAttribute(const cusparseLtHandle_t *handle,
                                                 cusparseLtMatmulAlgSelection_t *selection,
                                                 cusparseLtMatmulAlgAttribute_t attribute, const void *data,
                                                 size_t bytes);
cusparseStatus_t cusparseLtMatmulAlgGetAttribute(const cusparseLtHandle_t *handle,
                                                 const cusparseLtMatmulAlgSelection_t *selection,
                                                 cusparseLtMatmulAlgAttribute_t attribute, void *data, size_t bytes);

cusparseStatus_t cusparseLtMatmulPlanInit(const cusparseLtHandle_t *handle, cusparseLtMatmulPlan_t *plan,
                                          const cusparseLtMatmulDescriptor_t *matmul,
                                          const cusparseLtMatmulAlgSelection_t *selection);
cusparseStatus_t cusparseLtMatmulPlanDestroy(const cusparseLtMatmulPlan_t *plan);
cusparseStatus_t cusparseLtMatmulGetWorkspace(const cusparseLtHandle_t *handle, const cusparseLtMatmulPlan_t *plan,
                                              size_t *bytes);
cusparseStatus_t cusparseLtMatmul(const cusparseLtHandle_t *handle, const cusparseLtMatmulPlan_t *plan,
                                  const void *alpha, const void *a, const void *b, const void *beta, const void *c,
                                  void *d, void *workspace, void **streams, int32_t stream_count);
cusparseStatus_t cusparseLtMatmulSearch(const cusparseLtHandle_t *handle, cusparseLtMatmulPlan_t *plan,
                                        const void *alpha, const void *a, const void *b, const void *beta,
                                        const void *c, void *d, void *workspace, void **streams, int32_t stream_count);

cusparseStatus_t cusparseLtSpMMAPrune(const cusparseLtHandle_t *handle, const cusparseLtMatmulDescriptor_t *matmul,
                                      const void *in, void *out, int algorithm, void *stream);
cusparseStatus_t cusparseLtSpMMAPruneCheck(const cusparseLtHandle_t *handle, const cusparseLtMatmulDescriptor_t *matmul,
                                           const void *in, int *wrong, void *stream);
cusparseStatus_t cusparseLtSpMMAPrune2(const cusparseLtHandle_t *handle, const cusparseLtMatDescriptor_t *matrix,
                                       int is_a, int op, const void *in, void *out, int algorithm, void *stream);
cusparseStatus_t cusparseLtSpMMAPruneCheck2(const cusparseLtHandle_t *handle, const cusparseLtMatDescriptor_t *matrix,
                                            int is_a, int op, const void *in, int *wrong, void *stream);
cusparseStatus_t cusparseLtSpMMACompressedSize(const cusparseLtHandle_t *handle, const cusparseLtMatmulPlan_t *plan,
                                               size_t *bytes, size_t *buffer_bytes);
cusparseStatus_t cusparseLtSpMMACompress(const cusparseLtHandle_t *handle, const cusparseLtMatmulPlan_t *plan,
                                         const void *dense, void *compressed, void *buffer, void *stream);
cusparseStatus_t cusparseLtSpMMACompressedSize2(const cusparseLtHandle_t *handle,
                                                const cusparseLtMatDescriptor_t *matrix, size_t *bytes,
                                                size_t *buffer_bytes);
cusparseStatus_t cusparseLtSpMMACompress2(const cusparseLtHandle_t *handle, const cusparseLtMatDescriptor_t *matrix,
                                          int is_a, int op, const void *dense, void *compressed, void *buffer,
                                          void *stream);

#endif
