/* Attention of all heads of a cuDNN graph, forward or backward.
 * Only what a cffi cdef accepts may stand here.
 */

struct maf_attention_tensor {
    int64_t pointer;    /* index, -1: there is none */
    int64_t strides[3]; /* of batch entries, heads, rows; elements of a row lie side by side */
};

struct maf_attention_op {
    void *sgemm;      /* cblas_sgemm */
    int64_t backward;
    int64_t type; /* maf_dtype of all but statistics and delta, which are float */
    int64_t batches;
    int64_t heads;
    int64_t shared_k; /* heads of queries for one of keys */
    int64_t shared_v;
    int64_t queries;
    int64_t keys;
    int64_t dim;
    int64_t dim_value;
    int64_t causal;   /* key j is masked for query i where j > i */
    int64_t seed;     /* pointers to int64, with dropout */
    int64_t offset;
    double dropout;
    struct maf_attention_tensor q;
    struct maf_attention_tensor k;
    struct maf_attention_tensor v;
    struct maf_attention_tensor bias;
    struct maf_attention_tensor out;
    struct maf_attention_tensor statistics;
    struct maf_attention_tensor grad_out;
    struct maf_attention_tensor grad_q;
    struct maf_attention_tensor grad_k;
    struct maf_attention_tensor grad_v;
};

/* ptrs: as the closure numbers them; scalars: float scale. Returns 0 or a cudaError_t value. */
int maf_attention_run(void *closure, const uint64_t *ptrs, const void *scalars);
