/* Kernel overrides: what stands in for a lifted kernel whose name and parameters say what it computes.
 * maf_vdev/devices/overrides.py has the table. Only what a cffi cdef accepts may stand here.
 */

enum { MAF_OVERRIDE_DECLINED = -1 }; /* this launch needs the kernel itself */

/* Runs one launch; the result is MAF_OVERRIDE_DECLINED, 0 or a cudaError_t value. */
typedef int (*maf_override_fn)(const void *closure, const uint32_t grid[3], const void *params);

/* The attention kernels of PyTorch's memory-efficient back end, forward and backward: softmax(scale Q K^T + bias) V.
 * Offsets are those of the parameter struct in bytes; a release that lacks a field has -1. */
struct maf_attention {
    void *sgemm;               /* cblas_sgemm */
    int64_t type;              /* maf_dtype of the matrices: F32 F16 BF16 */
    int64_t queries_per_block; /* of the forward kernel's grid */
    int64_t heads_per_kv_at;   /* int32: query heads that share a key head */
    int64_t mask_at;           /* uint8: custom_mask_type; the backward kernel's strides follow, aligned */
    int64_t philox_at;         /* seed, offset, offset within the graph, captured */
    int64_t captured_at;
    int64_t stride_bytes;      /* backward: size of a row stride */
    int64_t tail_at;           /* backward: o_strideH and what follows */
};

int maf_override_attention_forward(const void *closure, const uint32_t grid[3], const void *params);
int maf_override_attention_backward(const void *closure, const uint32_t grid[3], const void *params);

/* PyTorch's kernels with a block of threads per row: softmax, layer norm and their gradients. */
struct maf_rows {
    int64_t in, out;         /* maf_dtype of what is read and written: F32 F16 BF16 */
    int64_t logarithm;       /* softmax: the logarithm of it */
    int64_t count_bytes;     /* softmax: size of the last parameter, the row's length */
    int64_t mean_of_squares; /* layer norm: RMS norm */
    int64_t partial;         /* gradients of its weights: a partial sum per row of the grid */
};

int maf_override_softmax_forward(const void *closure, const uint32_t grid[3], const void *params);
int maf_override_softmax_backward(const void *closure, const uint32_t grid[3], const void *params);
int maf_override_layer_norm_forward(const void *closure, const uint32_t grid[3], const void *params);
int maf_override_layer_norm_backward(const void *closure, const uint32_t grid[3], const void *params);
int maf_override_layer_norm_weights(const void *closure, const uint32_t grid[3], const void *params);

/* PyTorch's scan along the last dimension: running sums or products. */
struct maf_scan {
    int64_t type; /* maf_dtype: F32 F64 I32 I64 */
    int64_t product;
};

int maf_override_scan(const void *closure, const uint32_t grid[3], const void *params);
