/* What the files of this library share: the descriptors as plain data. Each fits the opaque structure that callers of
 * the *Init forms reserve (64 bytes for a layout, 256 for a matmul, 80 for a preference). */
#ifndef MAF_CUBLASLT_FRONT_H
#define MAF_CUBLASLT_FRONT_H

#include "../cublas/common.h"
#include "cublaslt.h"

#ifndef MAF_CUBLASLT_MAJOR
#define MAF_CUBLASLT_MAJOR 13
#endif

enum { DEFAULT_TYPE = -1 }; /* bias and aux: the type of D */

struct maf_lt_handle {
    uint64_t heuristics_capacity;
};

struct maf_lt_matmul {
    uint64_t bias;
    uint64_t aux;
    /* Scaling factors and statistics of 8-bit floats: stored, and refused by the matmul when set. */
    uint64_t scale_a;
    uint64_t scale_b;
    uint64_t scale_c;
    uint64_t scale_d;
    uint64_t amax_d;
    uint64_t aux_scale;
    uint64_t aux_amax;
    int64_t bias_stride;
    int64_t aux_ld;
    int64_t aux_stride;
    int64_t alpha_stride;
    int32_t compute;
    int32_t scale_type;
    int32_t pointer_mode;
    int32_t transa;
    int32_t transb;
    int32_t transc;
    int32_t fill_mode;
    uint32_t epilogue;
    int32_t sm_count_target;
    int32_t aux_type;
    int32_t bias_type;
    int8_t fast_accumulation;
};

struct maf_lt_layout {
    uint64_t rows;
    uint64_t cols;
    int64_t ld;
    int64_t stride;
    int64_t plane_offset;
    uint32_t type;
    int32_t order;
    int32_t batch;
    uint32_t batch_mode;
};

struct maf_lt_preference {
    uint64_t max_workspace;
    uint64_t impl_mask;
    uint32_t search_mode;
    uint32_t reduction_schemes;
    uint32_t alignment_a;
    uint32_t alignment_b;
    uint32_t alignment_c;
    uint32_t alignment_d;
    float max_waves;
};

struct maf_lt_transform {
    int32_t scale_type;
    int32_t pointer_mode;
    int32_t transa;
    int32_t transb;
};

_Static_assert(sizeof(struct maf_lt_transform) <= 64, "cublasLtMatrixTransformDescOpaque_t");
_Static_assert(sizeof(struct maf_lt_matmul) <= 256, "cublasLtMatmulDescOpaque_t");
_Static_assert(sizeof(struct maf_lt_layout) <= 64, "cublasLtMatrixLayoutOpaque_t");
_Static_assert(sizeof(struct maf_lt_preference) <= 80, "cublasLtMatmulPreferenceOpaque_t");

#endif
