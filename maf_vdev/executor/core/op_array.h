/* Strided arrays: views, passes over them, and the scratch memory that library ops share.
 * Only what a cffi cdef accepts may stand here.
 */

/* Where a view's memory is: 0..11 the op's pointers, then these. */
enum maf_array_source {
    MAF_ARRAY_SCRATCH = 12, /* the replaying thread's scratch memory */
    MAF_ARRAY_RESULT = 13,  /* the op's result: its own memory, or scratch memory where a pass finishes it */
    MAF_ARRAY_SOURCES = 14,
    MAF_ARRAY_DIMS = 8
};

struct maf_view {
    int64_t source;
    int64_t offset; /* bytes */
    int64_t type;   /* maf_dtype: F32 F64 F16 BF16 I8 I32 U8 */
    int64_t strides[8]; /* elements, may be negative or zero */
};

enum maf_pass_kind {
    MAF_PASS_COPY = 0,   /* out = a, converted */
    MAF_PASS_FINISH = 1, /* out = activation(alpha * a + beta * b + c); b and c only where they have an address, b not when beta is 0 */
    MAF_PASS_ZERO = 2    /* out = 0 */
};

enum maf_pass_activation { MAF_PASS_IDENTITY = 0, MAF_PASS_RELU = 1 };

struct maf_pass {
    int64_t kind;
    int64_t dims_count; /* at least 1; the last dimension is the inner loop */
    int64_t dims[8];
    struct maf_view out;
    struct maf_view a;
    struct maf_view b;
    struct maf_view c;
    int64_t activation;
    int64_t wide; /* compute in double */
};

/* base[] has one address per source. */
void maf_pass_run(const struct maf_pass *pass, const uint64_t *base, double alpha, double beta);

/* Calls fn(arg, index, first, n) on the launch pool for spans of at most 1024 elements of the last dimension: `index`
 * has the other dimensions' positions, the span is [first, first + n). */
typedef void maf_span_fn(void *arg, const int64_t *index, int64_t first, int64_t n);
void maf_array_spans(int64_t dims_count, const int64_t *dims, maf_span_fn *fn, void *arg);

/* Address of a view's element. */
void *maf_view_at(const struct maf_view *view, const uint64_t *base, int64_t dims_count, const int64_t *index,
                  int64_t first);

/* The calling thread's scratch memory, at least `bytes`, 64-byte aligned; NULL when there is none. One op at a time uses it. */
void *maf_array_scratch(uint64_t bytes);

/* c = op(a) op(b) + beta * c, row major, c m x n; lda, ldb, ldc are elements between rows as stored. */
struct maf_product {
    int64_t wide; /* double, else float */
    int64_t transpose_a;
    int64_t transpose_b;
    int64_t m;
    int64_t n;
    int64_t k;
    const void *a;
    int64_t lda;
    const void *b;
    int64_t ldb;
    double beta;
    void *c;
    int64_t ldc;
    void *gemm; /* cblas_sgemm or cblas_dgemm, on the calling thread only: the product is cut up for the launch pool */
};

void maf_array_product(const struct maf_product *product);
