/* GEMM plans: D = epilogue(alpha * op(A) op(B) + beta * C), replayed by the core without Python.
 *
 * Python normalises the description (D column major, ops and leading dimensions as in BLAS) and fills
 * struct maf_gemm; the BLAS behind it is a set of function pointers with cblas signatures.
 * Only what a cffi cdef accepts may stand here.
 */

enum maf_gemm_op { MAF_GEMM_N = 0, MAF_GEMM_T = 1, MAF_GEMM_C = 2, MAF_GEMM_R = 3 /* conjugate, not transposed */ };

/* Bits of cublasLtEpilogue_t. */
enum maf_gemm_epilogue {
    MAF_EPILOGUE_RELU = 2,
    MAF_EPILOGUE_BIAS = 4,
    MAF_EPILOGUE_DRELU = 8,
    MAF_EPILOGUE_BGRAD = 16,
    MAF_EPILOGUE_GELU = 32,
    MAF_EPILOGUE_DGELU = 64,
    MAF_EPILOGUE_AUX = 128,
    MAF_EPILOGUE_BGRADA = 256,
    MAF_EPILOGUE_BGRADB = 512
};

/* How alpha and beta come. */
enum maf_gemm_scalars {
    MAF_SCALARS_HOST = 0,
    MAF_SCALARS_DEVICE = 1,
    MAF_SCALARS_DEVICE_VECTOR = 2,      /* alpha and beta are device vectors, one value per row of D */
    MAF_SCALARS_ALPHA_VECTOR = 3,       /* alpha a device vector, beta zero */
    MAF_SCALARS_ALPHA_VECTOR_HOST_BETA = 4
};

struct maf_gemm_operand {
    int64_t type; /* maf_dtype */
    int64_t op;   /* enum maf_gemm_op */
    int64_t ld;   /* elements; negative only where the stored matrix has one row */
    int64_t stride; /* elements between the matrices of a batch */
    int64_t rows;   /* stored, column major */
    int64_t cols;
    int64_t convert; /* copy to a packed matrix of the compute type first */
};

/* A oneDNN matmul: dst(n, m) = src(n, k) * weights(k, m) in row-major terms, so that dst is column-major D, src is B
 * and weights is A. It is cut into tiles along one dimension for the launch pool; the library itself runs on the
 * calling thread. The last tile may be smaller and has a primitive of its own. */
struct maf_gemm_matmul {
    void *primitive; /* NULL: not made */
    void *tail;
    void *sum; /* these add to dst; NULL: not made */
    void *sum_tail;
    void **memories; /* for each tile: src, weights, dst, scratchpad (NULL if none is needed) */
    int64_t tiles;
    int64_t step_src; /* bytes from one tile to the next */
    int64_t step_weights;
    int64_t step_dst;
    int64_t scratch_bytes;
};

struct maf_gemm_dnnl {
    int (*execute)(const void *primitive, void *stream, int nargs, const void *args);
    int (*set_handle)(void *memory, void *handle);
    int (*wait)(void *stream);
    void *stream;
    struct maf_gemm_matmul direct; /* writes D, for alpha = 1 */
    int64_t direct_batched;        /* direct does the whole batch */
    struct maf_gemm_matmul packed; /* one matrix into a packed m x n matrix of the compute type */
};

struct maf_gemm {
    int64_t m;
    int64_t n;
    int64_t k;
    int64_t batch;
    struct maf_gemm_operand a;
    struct maf_gemm_operand b;
    int64_t swapped; /* D was row major: m and n, a and b changed places */
    int64_t compute; /* maf_dtype of the multiplication: F32 F64 C64 C128 */
    int64_t type_c;
    int64_t row_c; /* element strides of C */
    int64_t col_c;
    int64_t stride_c;
    int64_t type_d;
    int64_t ldd;
    int64_t stride_d;
    int64_t direct; /* the multiplication may write D */
    int64_t pointer_array;
    int64_t scalars; /* enum maf_gemm_scalars */
    int64_t type_scale;
    int64_t epilogue;
    int64_t type_bias;
    int64_t stride_bias;
    int64_t type_aux;
    int64_t ld_aux;
    int64_t stride_aux;
    void *gemm; /* cblas_?gemm of the compute type */
    void *gemv; /* cblas_?gemv, or NULL */
    struct maf_gemm_dnnl dnnl; /* execute == NULL: not used */
};

/* ptrs: A B C D bias aux alpha beta; scalars: 4 doubles, alpha and beta. Returns 0 or a cudaError_t value. */
int maf_gemm_run(void *closure, const uint64_t *ptrs, const void *scalars);
