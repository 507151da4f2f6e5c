/* Attention of one head, softmax(scale Q K^T + bias) V, and its gradients. Products are a BLAS's, in float; the numbers of
 * a row are those of one softmax over all its keys. */
#ifndef MAF_ATTENTION_H
#define MAF_ATTENTION_H

#include <stdint.h>

enum { MAF_ATTENTION_QUERIES = 64 }; /* of a unit of work */
enum maf_attention_mask { MAF_MASK_NONE, MAF_MASK_CAUSAL_TOP_LEFT, MAF_MASK_CAUSAL_BOTTOM_RIGHT };

/* A matrix in device memory: element (i, j) at p + (i * stride + j) * size. */
struct maf_matrix {
    char *p;
    int64_t stride;
};

struct maf_dropout {
    uint64_t seed;
    uint64_t offset; /* of element (0, 0) of this head */
    float p;
};

/* One head of one batch entry. */
struct maf_attention_head {
    void *sgemm;  /* cblas_sgemm */
    int64_t type; /* maf_dtype of the matrices: F32 F16 BF16 */
    int64_t queries, keys, dim, dim_value;
    struct maf_matrix q, k, v, bias; /* bias.p: NULL without */
    float scale;
    enum maf_attention_mask mask;
    int64_t diagonal; /* key j is masked for query i where j > i + diagonal */
    struct maf_dropout dropout;
};

struct maf_attention_gradients {
    struct maf_matrix q, k, v, bias; /* bias.p: NULL without */
    struct maf_matrix output, grad_output;
    const float *lse;
    float *delta; /* row sums of output * grad_output; the kernel leaves them in memory */
};

/* Output and log-sum-exp of queries [i, i + rows), at most MAF_ATTENTION_QUERIES; lse may be NULL. 0 or a cudaError_t value. */
int maf_attention_forward(const struct maf_attention_head *h, int64_t i, int64_t rows, struct maf_matrix output, float *lse);

/* All gradients of the head. 0 or a cudaError_t value. */
int maf_attention_backward(const struct maf_attention_head *h, const struct maf_attention_gradients *g);

#endif
