/* How op_gemm.c (plans, batches, epilogues) uses op_gemm_multiply.c (products). */
#ifndef MAF_GEMM_PARTS_H
#define MAF_GEMM_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "op_gemm.h"

enum { CUDA_SUCCESS_ = 0, CUDA_OUT_OF_MEMORY = 2, CUDA_ILLEGAL_ADDRESS = 700, CUDA_ERROR_UNKNOWN_ = 999 };

/* Multiplications that are worth waking a thread for: about 20 us. */
enum { MAF_GEMM_PART = 1000000 };

/* The calling thread already runs a part of a batch, so nothing below shares work. */
extern _Thread_local int maf_gemm_inside_pool;

/* Scratch that stays with the thread: plans run one after another, so they share it. NULL: out of memory. */
enum { SCRATCH_A, SCRATCH_B, SCRATCH_ACC, SCRATCH_LIBRARY, SCRATCH_COUNT };
void *maf_gemm_scratch(int slot, size_t bytes);

/* Runs fn over the columns of a matrix, on the pool if it is large. */
void maf_gemm_for_columns(int64_t rows, int64_t cols, void (*fn)(void *, uint64_t, uint64_t), void *arg);

/* The operand as the BLAS reads it: in place, or a packed copy of the compute type. */
const void *maf_gemm_operand(const struct maf_gemm *g, const struct maf_gemm_operand *x, const char *p, int slot,
                             int64_t *ld);

/* d = alpha * op(a) op(b) + beta * d, all of the compute type. */
void maf_gemm_multiply(const struct maf_gemm *g, const void *a, int64_t lda, const void *b, int64_t ldb, void *d,
                       int64_t ldd, const double alpha[2], const double beta[2]);

/* The same for a product with one row or one column, as matrix times vector; 0 if it has to be a GEMM. */
int maf_gemm_as_vector(const struct maf_gemm *g, const void *a, int64_t lda, const void *b, int64_t ldb, void *d,
                       int64_t ldd, const double alpha[2], const double beta[2]);

/* oneDNN's product into d, or added to it. 0 or a cudaError_t value. */
int maf_gemm_run_matmul(const struct maf_gemm_dnnl *l, const struct maf_gemm_matmul *p, int sum, const char *a,
                        const char *b, void *d);

#endif
