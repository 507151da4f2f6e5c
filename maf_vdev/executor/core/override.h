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
