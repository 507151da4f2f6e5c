/* Batch normalisation plans, replayed by the core without Python.
 * Only what a cffi cdef accepts may stand here.
 */

/* Where a tensor's element (outer, channel, inner) is: outer * outer_stride + channel * channel_stride + inner, in elements.
 * With `rows` the channels are contiguous instead: outer * outer_stride + channel, inner_count 1. */
struct maf_bn_tensor {
    int64_t source; /* of op_array.h; -1: not there */
    int64_t offset; /* bytes */
    int64_t type;
    int64_t outer_stride;
    int64_t channel_stride;
};

struct maf_batchnorm {
    int64_t direction; /* as in maf_op_batchnorm */
    int64_t wide;      /* compute and parameters in double */
    int64_t rows;
    int64_t outer;
    int64_t channels;
    int64_t inner;
    int64_t fuse; /* as in maf_op_batchnorm */
    int64_t pointers; /* that the op has */
    struct maf_bn_tensor x;
    struct maf_bn_tensor y;  /* y or dy */
    struct maf_bn_tensor dx;
    struct maf_bn_tensor z;  /* z or dz */
    struct maf_bn_tensor out; /* backward, fused: y */
    int64_t before_count; /* copies of tensors whose strides do not fit the form above, into scratch memory and back */
    struct maf_pass *before;
    int64_t after_count;
    struct maf_pass *after;
    int64_t scratch_bytes;
};

/* ptrs and scalars as protocol.h says for maf_op_batchnorm. Returns 0 or a cudaError_t value. */
int maf_batchnorm_run(void *closure, const uint64_t *ptrs, const void *scalars);
