/* Convolution plans: a list of steps that Python made once, replayed by the core without Python.
 * Only what a cffi cdef accepts may stand here.
 */

/* A convolution as matrix products, on dense tensors of one compute type: x is N C spatial, w is K C/groups spatial,
 * y is N K spatial, always three spatial dimensions (leading ones of size 1). */
struct maf_conv_gemm {
    int64_t direction; /* as in maf_op_conv */
    int64_t wide;      /* double, else float */
    int64_t flip;      /* w is used mirrored in every spatial dimension */
    int64_t batch;
    int64_t groups;
    int64_t channels;  /* of x per group */
    int64_t filters;   /* of y per group */
    int64_t x_dims[3];
    int64_t w_dims[3];
    int64_t y_dims[3];
    int64_t pad[3];    /* before */
    int64_t stride[3];
    int64_t dilation[3];
    struct maf_view x;
    struct maf_view y;
    struct maf_view w;
    struct maf_view columns; /* channels * w_dims by y_dims elements */
    void *gemm;        /* cblas_sgemm or cblas_dgemm */
};

/* One of: a oneDNN primitive, a pass, matrix products. */
struct maf_conv_step {
    void *primitive;
    int64_t args_count;
    void *args; /* array of oneDNN's {int index; memory} */
    struct maf_pass *pass;
    struct maf_conv_gemm *gemm;
};

struct maf_conv_bind { /* a oneDNN memory object whose address is set at each run */
    void *memory;
    int64_t source;
    int64_t offset;
};

struct maf_conv {
    int (*execute)(const void *primitive, void *stream, int nargs, const void *args);
    int (*set_handle)(void *memory, void *handle);
    int (*wait)(void *stream);
    void *stream;
    int64_t binds_count;
    struct maf_conv_bind *binds;
    int64_t steps_count;
    struct maf_conv_step *steps;
    int64_t scratch_bytes;
    int64_t pointers; /* that the op has */
    int64_t result; /* index of the pointer that is written */
    int64_t result_bytes; /* of the result in scratch memory, behind scratch_bytes */
    struct maf_pass *finish; /* from the result in scratch to the pointer: when alpha != 1 or beta != 0, or always */
    int64_t always_finish;
};

/* ptrs and scalars as protocol.h says for maf_op_conv. Returns 0 or a cudaError_t value. */
int maf_conv_run(void *closure, const uint64_t *ptrs, const void *scalars);
