/* Structured sparsity: compression, expansion, pruning, replayed by the core without Python.
 * Only what a cffi cdef accepts may stand here.
 */

struct maf_structured {
    int64_t routine; /* as in maf_op_structured, like the fields after it */
    int64_t type;
    int64_t outer;
    int64_t inner;
    int64_t outer_stride;
    int64_t inner_stride;
    int64_t batch;
    int64_t stride;
    int64_t tiles;
};

/* ptrs as protocol.h says for maf_op_structured. Returns 0 or a cudaError_t value. */
int maf_structured_run(void *closure, const uint64_t *ptrs, const void *scalars);
