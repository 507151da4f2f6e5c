/* Connectionist temporal classification, replayed by the core without Python.
 * Only what a cffi cdef accepts may stand here.
 */

struct maf_ctc {
    int64_t type; /* as in maf_op_ctc, like the fields after it */
    int64_t time;
    int64_t batch;
    int64_t classes;
    int64_t strides[3];
    int64_t gradient_strides[3];
    int64_t softmax;
    int64_t gradients;
    int64_t on_device;
};

/* ptrs and scalars as protocol.h says for maf_op_ctc. Returns 0 or a cudaError_t value. */
int maf_ctc_run(void *closure, const uint64_t *ptrs, const void *scalars);
