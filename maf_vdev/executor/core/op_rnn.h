/* Recurrent layers, replayed by the core without Python.
 * Only what a cffi cdef accepts may stand here.
 */

struct maf_rnn {
    int64_t direction; /* as in maf_op_rnn, like the fields after it */
    int64_t cell;
    int64_t bias;
    int64_t directions; /* 1 or 2 */
    int64_t type;
    int64_t layout;
    int64_t layers;
    int64_t input;
    int64_t hidden;
    int64_t out; /* size of a step's output: the projection's, else hidden */
    int64_t projected;
    int64_t time;
    int64_t batch;
    int64_t skip_input;
    int64_t dropout;
    int64_t wide; /* compute in double */
    int64_t gates;
    void *gemm; /* cblas_sgemm or cblas_dgemm */
};

/* Bytes of reserve memory that training needs. */
uint64_t maf_rnn_reserve_bytes(const struct maf_rnn *rnn);

/* Elements of the weight space. */
int64_t maf_rnn_weight_elements(const struct maf_rnn *rnn);

/* ptrs and scalars as protocol.h says for maf_op_rnn. Returns 0 or a cudaError_t value. */
int maf_rnn_run(void *closure, const uint64_t *ptrs, const void *scalars);
