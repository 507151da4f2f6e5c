/* cuBLAS as its callers see it: the types, values and prototypes of the entry points that are implemented.
 * Only declarations that a cffi cdef accepts. Values are those of cuBLAS's public ABI. Streams are `void *` here.
 * Names ending in _64 take 64-bit sizes. */
#ifndef MAF_CUBLAS_H
#define MAF_CUBLAS_H

typedef enum {
    CUBLAS_STATUS_SUCCESS = 0,
    CUBLAS_STATUS_NOT_INITIALIZED = 1,
    CUBLAS_STATUS_ALLOC_FAILED = 3,
    CUBLAS_STATUS_INVALID_VALUE = 7,
    CUBLAS_STATUS_ARCH_MISMATCH = 8,
    CUBLAS_STATUS_MAPPING_ERROR = 11,
    CUBLAS_STATUS_EXECUTION_FAILED = 13,
    CUBLAS_STATUS_INTERNAL_ERROR = 14,
    CUBLAS_STATUS_NOT_SUPPORTED = 15,
    CUBLAS_STATUS_LICENSE_ERROR = 16
} cublasStatus_t;

typedef enum { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1, CUBLAS_OP_C = 2, CUBLAS_OP_CONJG = 3 } cublasOperation_t;
typedef enum { CUBLAS_FILL_MODE_LOWER = 0, CUBLAS_FILL_MODE_UPPER = 1, CUBLAS_FILL_MODE_FULL = 2 } cublasFillMode_t;
typedef enum { CUBLAS_DIAG_NON_UNIT = 0, CUBLAS_DIAG_UNIT = 1 } cublasDiagType_t;
typedef enum { CUBLAS_SIDE_LEFT = 0, CUBLAS_SIDE_RIGHT = 1 } cublasSideMode_t;
typedef enum { CUBLAS_POINTER_MODE_HOST = 0, CUBLAS_POINTER_MODE_DEVICE = 1 } cublasPointerMode_t;
typedef enum { CUBLAS_ATOMICS_NOT_ALLOWED = 0, CUBLAS_ATOMICS_ALLOWED = 1 } cublasAtomicsMode_t;
typedef enum {
    CUBLAS_DEFAULT_MATH = 0,
    CUBLAS_TENSOR_OP_MATH = 1,
    CUBLAS_PEDANTIC_MATH = 2,
    CUBLAS_TF32_TENSOR_OP_MATH = 3,
    CUBLAS_FP32_EMULATED_BF16X9_MATH = 4,
    CUBLAS_FP64_EMULATED_FIXEDPOINT_MATH = 8,
    CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION = 16
} cublasMath_t;
typedef enum { CUBLAS_GEMM_DEFAULT = -1, CUBLAS_GEMM_DEFAULT_TENSOR_OP = 99 } cublasGemmAlgo_t;
typedef enum {
    CUBLAS_COMPUTE_16F = 64,
    CUBLAS_COMPUTE_16F_PEDANTIC = 65,
    CUBLAS_COMPUTE_32F = 68,
    CUBLAS_COMPUTE_32F_PEDANTIC = 69,
    CUBLAS_COMPUTE_64F = 70,
    CUBLAS_COMPUTE_64F_PEDANTIC = 71,
    CUBLAS_COMPUTE_32I = 72,
    CUBLAS_COMPUTE_32I_PEDANTIC = 73,
    CUBLAS_COMPUTE_32F_FAST_16F = 74,
    CUBLAS_COMPUTE_32F_FAST_16BF = 75,
    CUBLAS_COMPUTE_32F_FAST_TF32 = 77,
    CUBLAS_COMPUTE_32F_EMULATED_16BFX9 = 78,
    CUBLAS_COMPUTE_64F_EMULATED_FIXEDPOINT = 79
} cublasComputeType_t;
typedef enum {
    CUDA_R_32F = 0,
    CUDA_R_64F = 1,
    CUDA_R_16F = 2,
    CUDA_R_8I = 3,
    CUDA_C_32F = 4,
    CUDA_C_64F = 5,
    CUDA_C_16F = 6,
    CUDA_C_8I = 7,
    CUDA_R_8U = 8,
    CUDA_R_32I = 10,
    CUDA_R_16BF = 14,
    CUDA_C_16BF = 15,
    CUDA_R_8F_E4M3 = 28,
    CUDA_R_8F_E5M2 = 29
} cudaDataType_t;
typedef enum { MAJOR_VERSION = 0, MINOR_VERSION = 1, PATCH_LEVEL = 2 } libraryPropertyType;

typedef struct {
    float x;
    float y;
} cuComplex;
typedef struct {
    double x;
    double y;
} cuDoubleComplex;
typedef struct {
    uint16_t x;
} maf_half; /* __half */

typedef struct maf_cublas_handle *cublasHandle_t;
typedef void (*cublasLogCallback)(const char *message);

/* --- handle ------------------------------------------------------------------------------------ */

cublasStatus_t cublasCreate_v2(cublasHandle_t *handle);
cublasStatus_t cublasDestroy_v2(cublasHandle_t handle);
cublasStatus_t cublasGetVersion_v2(cublasHandle_t handle, int *version);
cublasStatus_t cublasGetProperty(libraryPropertyType type, int *value);
size_t cublasGetCudartVersion(void);
cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, void *stream);
cublasStatus_t cublasGetStream_v2(cublasHandle_t handle, void **stream);
cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void *workspace, size_t bytes);
cublasStatus_t cublasSetPointerMode_v2(cublasHandle_t handle, cublasPointerMode_t mode);
cublasStatus_t cublasGetPointerMode_v2(cublasHandle_t handle, cublasPointerMode_t *mode);
cublasStatus_t cublasSetAtomicsMode(cublasHandle_t handle, cublasAtomicsMode_t mode);
cublasStatus_t cublasGetAtomicsMode(cublasHandle_t handle, cublasAtomicsMode_t *mode);
cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode);
cublasStatus_t cublasGetMathMode(cublasHandle_t handle, cublasMath_t *mode);
cublasStatus_t cublasSetSmCountTarget(cublasHandle_t handle, int count);
cublasStatus_t cublasGetSmCountTarget(cublasHandle_t handle, int *count);
const char *cublasGetStatusName(cublasStatus_t status);
const char *cublasGetStatusString(cublasStatus_t status);
cublasStatus_t cublasLoggerConfigure(int enabled, int to_stdout, int to_stderr, const char *file);
cublasStatus_t cublasSetLoggerCallback(cublasLogCallback callback);
cublasStatus_t cublasGetLoggerCallback(cublasLogCallback *callback);

/* --- matrix products ---------------------------------------------------------------------------- */

cublasStatus_t cublasSgemm_v2(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int
    n, int k, const float *alpha, const float *a, int lda, const float *b, int ldb, const float *beta, float *c, int
    ldc);
cublasStatus_t cublasSgemm_v2_64(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int64_t
    m, int64_t n, int64_t k, const float *alpha, const float *a, int64_t lda, const float *b, int64_t ldb, const
    float *beta, float *c, int64_t ldc);
cublasStatus_t cublasDgemm_v2(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int
    n, int k, const double *alpha, const double *a, int lda, const double *b, int ldb, const double *beta, double
    *c, int ldc);
cublasStatus_t cublasDgemm_v2_64(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int64_t
    m, int64_t n, int64_t k, const double *alpha, const double *a, int64_t lda, const double *b, int64_t ldb, const
    double *beta, double *c, int64_t ldc);
cublasStatus_t cublasCgemm_v2(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int
    n, int k, const cuComplex *alpha, const cuComplex *a, int lda, const cuComplex *b, int ldb, const cuComplex
    *beta, cuComplex *c, int ldc);
cublasStatus_t cublasCgemm_v2_64(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int64_t
    m, int64_t n, int64_t k, const cuComplex *alpha, const cuComplex *a, int64_t lda, const cuComplex *b, int64_t
    ldb, const cuComplex *beta, cuComplex *c, int64_t ldc);
cublasStatus_t cublasZgemm_v2(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int
    n, int k, const cuDoubleComplex *alpha, const cuDoubleComplex *a, int lda, const cuDoubleComplex *b, int ldb,
    const cuDoubleComplex *beta, cuDoubleComplex *c, int ldc);
cublasStatus_t cublasZgemm_v2_64(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int64_t
    m, int64_t n, int64_t k, const cuDoubleComplex *alpha, const cuDoubleComplex *a, int64_t lda, const
    cuDoubleComplex *b, int64_t ldb, const cuDoubleComplex *beta, cuDoubleComplex *c, int64_t ldc);
cublasStatus_t cublasHgemm(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n,
    int k, const maf_half *alpha, const maf_half *a, int lda, const maf_half *b, int ldb, const maf_half *beta,
    maf_half *c, int ldc);
cublasStatus_t cublasHgemm_64(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int64_t m,
    int64_t n, int64_t k, const maf_half *alpha, const maf_half *a, int64_t lda, const maf_half *b, int64_t ldb,
    const maf_half *beta, maf_half *c, int64_t ldc);
cublasStatus_t cublasCgemm3m(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int
    n, int k, const cuComplex *alpha, const cuComplex *a, int lda, const cuComplex *b, int ldb, const cuComplex
    *beta, cuComplex *c, int ldc);
cublasStatus_t cublasCgemm3m_64(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int64_t
    m, int64_t n, int64_t k, const cuComplex *alpha, const cuComplex *a, int64_t lda, const cuComplex *b, int64_t
    ldb, const cuComplex *beta, cuComplex *c, int64_t ldc);
cublasStatus_t cublasZgemm3m(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int
    n, int k, const cuDoubleComplex *alpha, const cuDoubleComplex *a, int lda, const cuDoubleComplex *b, int ldb,
    const cuDoubleComplex *beta, cuDoubleComplex *c, int ldc);
cublasStatus_t cublasZgemm3m_64(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int64_t
    m, int64_t n, int64_t k, const cuDoubleComplex *alpha, const cuDoubleComplex *a, int64_t lda, const
    cuDoubleComplex *b, int64_t ldb, const cuDoubleComplex *beta, cuDoubleComplex *c, int64_t ldc);
cublasStatus_t cublasSgemmBatched(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m,
    int n, int k, const float *alpha, const float *const a[], int lda, const float *const b[], int ldb, const float
    *beta, float *const c[], int ldc, int batch);
cublasStatus_t cublasSgemmBatched_64(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,
    int64_t m, int64_t n, int64_t k, const float *alpha, const float *const a[], int64_t lda, const float *const
    b[], int64_t ldb, const float *beta, float *const c[], int64_t ldc, int64_t batch);
cublasStatus_t cublasDgemmBatched(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m,
    int n, int k, const double *alpha, const double *const a[], int lda, const double *const b[], int ldb, const
    double *beta, double *const c[], int ldc, int batch);
cublasStatus_t cublasDgemmBatched_64(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,
    int64_t m, int64_t n, int64_t k, const double *alpha, const double *const a[], int64_t lda, const double *const
    b[], int64_t ldb, const double *beta, double *const c[], int64_t ldc, int64_t batch);
cublasStatus_t cublasCgemmBatched(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m,
    int n, int k, const cuComplex *alpha, const cuComplex *const a[], int lda, const cuComplex *const b[], int ldb,
    const cuComplex *beta, cuComplex *const c[], int ldc, int batch);
cublasStatus_t cublasCgemmBatched_64(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,
    int64_t m, int64_t n, int64_t k, const cuComplex *alpha, const cuComplex *const a[], int64_t lda, const
    cuComplex *const b[], int64_t ldb, const cuComplex *beta, cuComplex *const c[], int64_t ldc, int64_t batch);
cublasStatus_t cublasZgemmBatched(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m,
    int n, int k, const cuDoubleComplex *alpha, const cuDoubleComplex *const a[], int lda, const cuDoubleComplex
    *const b[], int ldb, const cuDoubleComplex *beta, cuDoubleComplex *const c[], int ldc, int batch);
cublasStatus_t cublasZgemmBatched_64(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,
    int64_t m, int64_t n, int64_t k, const cuDoubleComplex *alpha, const cuDoubleComplex *const a[], int64_t lda,
    const cuDoubleComplex *const b[], int64_t ldb, const cuDoubleComplex *beta, cuDoubleComplex *const c[], int64_t
    ldc, int64_t batch);
cublasStatus_t cublasHgemmBatched(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m,
    int n, int k, const maf_half *alpha, const maf_half *const a[], int lda, const maf_half *const b[], int ldb,
    const maf_half *beta, maf_half *const c[], int ldc, int batch);
cublasStatus_t cublasHgemmBatched_64(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,
    int64_t m, int64_t n, int64_t k, const maf_half *alpha, const maf_half *const a[], int64_t lda, const maf_half
    *const b[], int64_t ldb, const maf_half *beta, maf_half *const c[], int64_t ldc, int64_t batch);
cublasStatus_t cublasSgemmStridedBatched(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,
    int m, int n, int k, const float *alpha, const float *a, int lda, long long int stride_a, const float *b, int
    ldb, long long int stride_b, const float *beta, float *c, int ldc, long long int stride_c, int batch);
cublasStatus_t cublasSgemmStridedBatched_64(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t
    transb, int64_t m, int64_t n, int64_t k, const float *alpha, const float *a, int64_t lda, long long int
    stride_a, const float *b, int64_t ldb, long long int stride_b, const float *beta, float *c, int64_t ldc, long
    long int stride_c, int64_t batch);
cublasStatus_t cublasDgemmStridedBatched(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,
    int m, int n, int k, const double *alpha, const double *a, int lda, long long int stride_a, const double *b, int
    ldb, long long int stride_b, const double *beta, double *c, int ldc, long long int stride_c, int batch);
cublasStatus_t cublasDgemmStridedBatched_64(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t
    transb, int64_t m, int64_t n, int64_t k, const double *alpha, const double *a, int64_t lda, long long int
    stride_a, const double *b, int64_t ldb, long long int stride_b, const double *beta, double *c, int64_t ldc, long
    long int stride_c, int64_t batch);
cublasStatus_t cublasCgemmStridedBatched(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,
    int m, int n, int k, const cuComplex *alpha, const cuComplex *a, int lda, long long int stride_a, const
    cuComplex *b, int ldb, long long int stride_b, const cuComplex *beta, cuComplex *c, int ldc, long long int
    stride_c, int batch);
cublasStatus_t cublasCgemmStridedBatched_64(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t
    transb, int64_t m, int64_t n, int64_t k, const cuComplex *alpha, const cuComplex *a, int64_t lda, long long int
    stride_a, const cuComplex *b, int64_t ldb, long long int stride_b, const cuComplex *beta, cuComplex *c, int64_t
    ldc, long long int stride_c, int64_t batch);
cublasStatus_t cublasZgemmStridedBatched(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,
    int m, int n, int k, const cuDoubleComplex *alpha, const cuDoubleComplex *a, int lda, long long int stride_a,
    const cuDoubleComplex *b, int ldb, long long int stride_b, const cuDoubleComplex *beta, cuDoubleComplex *c, int
    ldc, long long int stride_c, int batch);
cublasStatus_t cublasZgemmStridedBatched_64(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t
    transb, int64_t m, int64_t n, int64_t k, const cuDoubleComplex *alpha, const cuDoubleComplex *a, int64_t lda,
    long long int stride_a, const cuDoubleComplex *b, int64_t ldb, long long int stride_b, const cuDoubleComplex
    *beta, cuDoubleComplex *c, int64_t ldc, long long int stride_c, int64_t batch);
cublasStatus_t cublasHgemmStridedBatched(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,
    int m, int n, int k, const maf_half *alpha, const maf_half *a, int lda, long long int stride_a, const maf_half
    *b, int ldb, long long int stride_b, const maf_half *beta, maf_half *c, int ldc, long long int stride_c, int
    batch);
cublasStatus_t cublasHgemmStridedBatched_64(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t
    transb, int64_t m, int64_t n, int64_t k, const maf_half *alpha, const maf_half *a, int64_t lda, long long int
    stride_a, const maf_half *b, int64_t ldb, long long int stride_b, const maf_half *beta, maf_half *c, int64_t
    ldc, long long int stride_c, int64_t batch);
cublasStatus_t cublasCgemm3mStridedBatched(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t
    transb, int m, int n, int k, const cuComplex *alpha, const cuComplex *a, int lda, long long int stride_a, const
    cuComplex *b, int ldb, long long int stride_b, const cuComplex *beta, cuComplex *c, int ldc, long long int
    stride_c, int batch);
cublasStatus_t cublasCgemm3mStridedBatched_64(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t
    transb, int64_t m, int64_t n, int64_t k, const cuComplex *alpha, const cuComplex *a, int64_t lda, long long int
    stride_a, const cuComplex *b, int64_t ldb, long long int stride_b, const cuComplex *beta, cuComplex *c, int64_t
    ldc, long long int stride_c, int64_t batch);
cublasStatus_t cublasSgemmEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int
    n, int k, const float *alpha, const void *a, cudaDataType_t type_a, int lda, const void *b, cudaDataType_t
    type_b, int ldb, const float *beta, void *c, cudaDataType_t type_c, int ldc);
cublasStatus_t cublasSgemmEx_64(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int64_t
    m, int64_t n, int64_t k, const float *alpha, const void *a, cudaDataType_t type_a, int64_t lda, const void *b,
    cudaDataType_t type_b, int64_t ldb, const float *beta, void *c, cudaDataType_t type_c, int64_t ldc);
cublasStatus_t cublasCgemmEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int
    n, int k, const cuComplex *alpha, const void *a, cudaDataType_t type_a, int lda, const void *b, cudaDataType_t
    type_b, int ldb, const cuComplex *beta, void *c, cudaDataType_t type_c, int ldc);
cublasStatus_t cublasCgemmEx_64(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int64_t
    m, int64_t n, int64_t k, const cuComplex *alpha, const void *a, cudaDataType_t type_a, int64_t lda, const void
    *b, cudaDataType_t type_b, int64_t ldb, const cuComplex *beta, void *c, cudaDataType_t type_c, int64_t ldc);
cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n,
    int k, const void *alpha, const void *a, cudaDataType_t type_a, int lda, const void *b, cudaDataType_t type_b,
    int ldb, const void *beta, void *c, cudaDataType_t type_c, int ldc, cublasComputeType_t compute,
    cublasGemmAlgo_t algo);
cublasStatus_t cublasGemmEx_64(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int64_t m,
    int64_t n, int64_t k, const void *alpha, const void *a, cudaDataType_t type_a, int64_t lda, const void *b,
    cudaDataType_t type_b, int64_t ldb, const void *beta, void *c, cudaDataType_t type_c, int64_t ldc,
    cublasComputeType_t compute, cublasGemmAlgo_t algo);
cublasStatus_t cublasGemmBatchedEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m,
    int n, int k, const void *alpha, const void *const a[], cudaDataType_t type_a, int lda, const void *const b[],
    cudaDataType_t type_b, int ldb, const void *beta, void *const c[], cudaDataType_t type_c, int ldc, int batch,
    cublasComputeType_t compute, cublasGemmAlgo_t algo);
cublasStatus_t cublasGemmBatchedEx_64(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,
    int64_t m, int64_t n, int64_t k, const void *alpha, const void *const a[], cudaDataType_t type_a, int64_t lda,
    const void *const b[], cudaDataType_t type_b, int64_t ldb, const void *beta, void *const c[], cudaDataType_t
    type_c, int64_t ldc, int64_t batch, cublasComputeType_t compute, cublasGemmAlgo_t algo);
cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,
    int m, int n, int k, const void *alpha, const void *a, cudaDataType_t type_a, int lda, long long int stride_a,
    const void *b, cudaDataType_t type_b, int ldb, long long int stride_b, const void *beta, void *c, cudaDataType_t
    type_c, int ldc, long long int stride_c, int batch, cublasComputeType_t compute, cublasGemmAlgo_t algo);
cublasStatus_t cublasGemmStridedBatchedEx_64(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t
    transb, int64_t m, int64_t n, int64_t k, const void *alpha, const void *a, cudaDataType_t type_a, int64_t lda,
    long long int stride_a, const void *b, cudaDataType_t type_b, int64_t ldb, long long int stride_b, const void
    *beta, void *c, cudaDataType_t type_c, int64_t ldc, long long int stride_c, int64_t batch, cublasComputeType_t
    compute, cublasGemmAlgo_t algo);

/* --- matrix times vector, scalar products -------------------------------------------------------- */

cublasStatus_t cublasSgemv_v2(cublasHandle_t handle, cublasOperation_t trans, int m, int n, const float *alpha,
    const float *a, int lda, const float *x, int incx, const float *beta, float *y, int incy);
cublasStatus_t cublasSgemv_v2_64(cublasHandle_t handle, cublasOperation_t trans, int64_t m, int64_t n, const float
    *alpha, const float *a, int64_t lda, const float *x, int64_t incx, const float *beta, float *y, int64_t incy);
cublasStatus_t cublasDgemv_v2(cublasHandle_t handle, cublasOperation_t trans, int m, int n, const double *alpha,
    const double *a, int lda, const double *x, int incx, const double *beta, double *y, int incy);
cublasStatus_t cublasDgemv_v2_64(cublasHandle_t handle, cublasOperation_t trans, int64_t m, int64_t n, const double
    *alpha, const double *a, int64_t lda, const double *x, int64_t incx, const double *beta, double *y, int64_t
    incy);
cublasStatus_t cublasCgemv_v2(cublasHandle_t handle, cublasOperation_t trans, int m, int n, const cuComplex *alpha,
    const cuComplex *a, int lda, const cuComplex *x, int incx, const cuComplex *beta, cuComplex *y, int incy);
cublasStatus_t cublasCgemv_v2_64(cublasHandle_t handle, cublasOperation_t trans, int64_t m, int64_t n, const
    cuComplex *alpha, const cuComplex *a, int64_t lda, const cuComplex *x, int64_t incx, const cuComplex *beta,
    cuComplex *y, int64_t incy);
cublasStatus_t cublasZgemv_v2(cublasHandle_t handle, cublasOperation_t trans, int m, int n, const cuDoubleComplex
    *alpha, const cuDoubleComplex *a, int lda, const cuDoubleComplex *x, int incx, const cuDoubleComplex *beta,
    cuDoubleComplex *y, int incy);
cublasStatus_t cublasZgemv_v2_64(cublasHandle_t handle, cublasOperation_t trans, int64_t m, int64_t n, const
    cuDoubleComplex *alpha, const cuDoubleComplex *a, int64_t lda, const cuDoubleComplex *x, int64_t incx, const
    cuDoubleComplex *beta, cuDoubleComplex *y, int64_t incy);
cublasStatus_t cublasSgemvBatched(cublasHandle_t handle, cublasOperation_t trans, int m, int n, const float *alpha,
    const float *const a[], int lda, const float *const x[], int incx, const float *beta, float *const y[], int
    incy, int batch);
cublasStatus_t cublasSgemvBatched_64(cublasHandle_t handle, cublasOperation_t trans, int64_t m, int64_t n, const
    float *alpha, const float *const a[], int64_t lda, const float *const x[], int64_t incx, const float *beta,
    float *const y[], int64_t incy, int64_t batch);
cublasStatus_t cublasDgemvBatched(cublasHandle_t handle, cublasOperation_t trans, int m, int n, const double *alpha,
    const double *const a[], int lda, const double *const x[], int incx, const double *beta, double *const y[], int
    incy, int batch);
cublasStatus_t cublasDgemvBatched_64(cublasHandle_t handle, cublasOperation_t trans, int64_t m, int64_t n, const
    double *alpha, const double *const a[], int64_t lda, const double *const x[], int64_t incx, const double *beta,
    double *const y[], int64_t incy, int64_t batch);
cublasStatus_t cublasCgemvBatched(cublasHandle_t handle, cublasOperation_t trans, int m, int n, const cuComplex
    *alpha, const cuComplex *const a[], int lda, const cuComplex *const x[], int incx, const cuComplex *beta,
    cuComplex *const y[], int incy, int batch);
cublasStatus_t cublasCgemvBatched_64(cublasHandle_t handle, cublasOperation_t trans, int64_t m, int64_t n, const
    cuComplex *alpha, const cuComplex *const a[], int64_t lda, const cuComplex *const x[], int64_t incx, const
    cuComplex *beta, cuComplex *const y[], int64_t incy, int64_t batch);
cublasStatus_t cublasZgemvBatched(cublasHandle_t handle, cublasOperation_t trans, int m, int n, const
    cuDoubleComplex *alpha, const cuDoubleComplex *const a[], int lda, const cuDoubleComplex *const x[], int incx,
    const cuDoubleComplex *beta, cuDoubleComplex *const y[], int incy, int batch);
cublasStatus_t cublasZgemvBatched_64(cublasHandle_t handle, cublasOperation_t trans, int64_t m, int64_t n, const
    cuDoubleComplex *alpha, const cuDoubleComplex *const a[], int64_t lda, const cuDoubleComplex *const x[], int64_t
    incx, const cuDoubleComplex *beta, cuDoubleComplex *const y[], int64_t incy, int64_t batch);
cublasStatus_t cublasSgemvStridedBatched(cublasHandle_t handle, cublasOperation_t trans, int m, int n, const float
    *alpha, const float *a, int lda, long long int stride_a, const float *x, int incx, long long int stride_x, const
    float *beta, float *y, int incy, long long int stride_y, int batch);
cublasStatus_t cublasSgemvStridedBatched_64(cublasHandle_t handle, cublasOperation_t trans, int64_t m, int64_t n,
    const float *alpha, const float *a, int64_t lda, long long int stride_a, const float *x, int64_t incx, long long
    int stride_x, const float *beta, float *y, int64_t incy, long long int stride_y, int64_t batch);
cublasStatus_t cublasDgemvStridedBatched(cublasHandle_t handle, cublasOperation_t trans, int m, int n, const double
    *alpha, const double *a, int lda, long long int stride_a, const double *x, int incx, long long int stride_x,
    const double *beta, double *y, int incy, long long int stride_y, int batch);
cublasStatus_t cublasDgemvStridedBatched_64(cublasHandle_t handle, cublasOperation_t trans, int64_t m, int64_t n,
    const double *alpha, const double *a, int64_t lda, long long int stride_a, const double *x, int64_t incx, long
    long int stride_x, const double *beta, double *y, int64_t incy, long long int stride_y, int64_t batch);
cublasStatus_t cublasCgemvStridedBatched(cublasHandle_t handle, cublasOperation_t trans, int m, int n, const
    cuComplex *alpha, const cuComplex *a, int lda, long long int stride_a, const cuComplex *x, int incx, long long
    int stride_x, const cuComplex *beta, cuComplex *y, int incy, long long int stride_y, int batch);
cublasStatus_t cublasCgemvStridedBatched_64(cublasHandle_t handle, cublasOperation_t trans, int64_t m, int64_t n,
    const cuComplex *alpha, const cuComplex *a, int64_t lda, long long int stride_a, const cuComplex *x, int64_t
    incx, long long int stride_x, const cuComplex *beta, cuComplex *y, int64_t incy, long long int stride_y, int64_t
    batch);
cublasStatus_t cublasZgemvStridedBatched(cublasHandle_t handle, cublasOperation_t trans, int m, int n, const
    cuDoubleComplex *alpha, const cuDoubleComplex *a, int lda, long long int stride_a, const cuDoubleComplex *x, int
    incx, long long int stride_x, const cuDoubleComplex *beta, cuDoubleComplex *y, int incy, long long int stride_y,
    int batch);
cublasStatus_t cublasZgemvStridedBatched_64(cublasHandle_t handle, cublasOperation_t trans, int64_t m, int64_t n,
    const cuDoubleComplex *alpha, const cuDoubleComplex *a, int64_t lda, long long int stride_a, const
    cuDoubleComplex *x, int64_t incx, long long int stride_x, const cuDoubleComplex *beta, cuDoubleComplex *y,
    int64_t incy, long long int stride_y, int64_t batch);
cublasStatus_t cublasSdot_v2(cublasHandle_t handle, int n, const float *x, int incx, const float *y, int incy, float
    *result);
cublasStatus_t cublasSdot_v2_64(cublasHandle_t handle, int64_t n, const float *x, int64_t incx, const float *y,
    int64_t incy, float *result);
cublasStatus_t cublasDdot_v2(cublasHandle_t handle, int n, const double *x, int incx, const double *y, int incy,
    double *result);
cublasStatus_t cublasDdot_v2_64(cublasHandle_t handle, int64_t n, const double *x, int64_t incx, const double *y,
    int64_t incy, double *result);
cublasStatus_t cublasCdotu_v2(cublasHandle_t handle, int n, const cuComplex *x, int incx, const cuComplex *y, int
    incy, cuComplex *result);
cublasStatus_t cublasCdotu_v2_64(cublasHandle_t handle, int64_t n, const cuComplex *x, int64_t incx, const cuComplex
    *y, int64_t incy, cuComplex *result);
cublasStatus_t cublasCdotc_v2(cublasHandle_t handle, int n, const cuComplex *x, int incx, const cuComplex *y, int
    incy, cuComplex *result);
cublasStatus_t cublasCdotc_v2_64(cublasHandle_t handle, int64_t n, const cuComplex *x, int64_t incx, const cuComplex
    *y, int64_t incy, cuComplex *result);
cublasStatus_t cublasZdotu_v2(cublasHandle_t handle, int n, const cuDoubleComplex *x, int incx, const
    cuDoubleComplex *y, int incy, cuDoubleComplex *result);
cublasStatus_t cublasZdotu_v2_64(cublasHandle_t handle, int64_t n, const cuDoubleComplex *x, int64_t incx, const
    cuDoubleComplex *y, int64_t incy, cuDoubleComplex *result);
cublasStatus_t cublasZdotc_v2(cublasHandle_t handle, int n, const cuDoubleComplex *x, int incx, const
    cuDoubleComplex *y, int incy, cuDoubleComplex *result);
cublasStatus_t cublasZdotc_v2_64(cublasHandle_t handle, int64_t n, const cuDoubleComplex *x, int64_t incx, const
    cuDoubleComplex *y, int64_t incy, cuDoubleComplex *result);
cublasStatus_t cublasDotEx(cublasHandle_t handle, int n, const void *x, cudaDataType_t type_x, int incx, const void
    *y, cudaDataType_t type_y, int incy, void *result, cudaDataType_t type_result, cudaDataType_t type_execution);
cublasStatus_t cublasDotEx_64(cublasHandle_t handle, int64_t n, const void *x, cudaDataType_t type_x, int64_t incx,
    const void *y, cudaDataType_t type_y, int64_t incy, void *result, cudaDataType_t type_result, cudaDataType_t
    type_execution);
cublasStatus_t cublasDotcEx(cublasHandle_t handle, int n, const void *x, cudaDataType_t type_x, int incx, const void
    *y, cudaDataType_t type_y, int incy, void *result, cudaDataType_t type_result, cudaDataType_t type_execution);
cublasStatus_t cublasDotcEx_64(cublasHandle_t handle, int64_t n, const void *x, cudaDataType_t type_x, int64_t incx,
    const void *y, cudaDataType_t type_y, int64_t incy, void *result, cudaDataType_t type_result, cudaDataType_t
    type_execution);

#endif
