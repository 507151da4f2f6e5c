/* Bilinear sampling, replayed by the core without Python.
 * Only what a cffi cdef accepts may stand here.
 */

struct maf_sampler {
    int64_t direction; /* as in maf_op_sampler, like the fields after it */
    int64_t type;
    int64_t wide;
    int64_t x_dims[4];
    int64_t x_strides[4];
    int64_t dx_strides[4];
    int64_t y_dims[4];
    int64_t y_strides[4];
};

/* ptrs and scalars as protocol.h says for maf_op_sampler. Returns 0 or a cudaError_t value. */
int maf_sampler_run(void *closure, const uint64_t *ptrs, const void *scalars);
