/* Elementwise operations, reductions, softmax and pooling of cuDNN's legacy API, replayed by the core without Python.
 * Only what a cffi cdef accepts may stand here.
 */

struct maf_elementwise {
    int64_t function; /* as in maf_op_elementwise */
    int64_t dims_count;
    int64_t dims[8];
    struct maf_view out; /* source: index of the pointer; -1: not there */
    struct maf_view a;
    struct maf_view b;
    struct maf_view c;
    int64_t nan_propagation;
};

struct maf_reduce {
    int64_t function; /* as in maf_op_reduce */
    int64_t kept_count;
    int64_t kept[8];         /* sizes, outermost first */
    int64_t kept_a[8];       /* strides in a and c */
    int64_t kept_c[8];
    int64_t reduced_count;
    int64_t reduced[8];
    int64_t reduced_a[8];
    int64_t type_a;
    int64_t type_c;
    int64_t nan_propagation;
    int64_t indices;
};

/* Elements of a line lie `step` apart. */
struct maf_softmax {
    int64_t direction; /* as in maf_op_softmax */
    int64_t logarithm;
    int64_t type;
    int64_t rows_count; /* dimensions over which lines are repeated */
    int64_t rows[4];
    int64_t rows_x[4];
    int64_t rows_y[4];
    int64_t rows_dy[4];
    int64_t line_count; /* dimensions of a line */
    int64_t line[4];
    int64_t line_x[4];
    int64_t line_y[4];
    int64_t line_dy[4];
};

struct maf_pooling {
    int64_t direction; /* as in maf_op_pooling; always three spatial dimensions, leading ones of size 1 */
    int64_t mode;
    int64_t nan_propagation;
    int64_t type;
    int64_t x_dims[5];
    int64_t y_dims[5];
    int64_t x_strides[5];
    int64_t y_strides[5];
    int64_t dx_strides[5];
    int64_t dy_strides[5];
    int64_t window[3];
    int64_t pad[3];
    int64_t stride[3];
};

/* ptrs and scalars as protocol.h says for each op. 0 or a cudaError_t value. */
int maf_elementwise_run(void *closure, const uint64_t *ptrs, const void *scalars);
int maf_reduce_run(void *closure, const uint64_t *ptrs, const void *scalars);
int maf_softmax_run(void *closure, const uint64_t *ptrs, const void *scalars);
int maf_pooling_run(void *closure, const uint64_t *ptrs, const void *scalars);
