/* The end of a GEMM: C, alpha and beta vectors, bias, activation, one rounding into D. */
#ifndef MAF_OP_FINISH_H
#define MAF_OP_FINISH_H

#include <stdint.h>

/* d = epilogue(alpha_vector * acc + beta * c), acc being m x n of type `compute`. */
struct maf_finish {
    int64_t m;
    int64_t n;
    int64_t compute;
    void *acc; /* may be d */
    int64_t ld_acc;
    int64_t type_d;
    void *d;
    int64_t ldd;
    int64_t epilogue;  /* enum maf_gemm_epilogue, without BGRADA and BGRADB */
    int along_columns; /* bias and alpha vectors have one value per column, not per row */
    int64_t type_bias;
    void *bias; /* read by BIAS, written by BGRAD */
    int64_t type_aux;
    void *aux; /* bit mask (ld in bits) with RELU and DRELU, else the values before the activation */
    int64_t ld_aux;
    int64_t first_bit; /* of the mask */
    double beta[2];
    int64_t type_c;
    const void *c; /* NULL: no C */
    int64_t row_c;
    int64_t col_c;
    int64_t type_scale;
    const void *alpha_vector;
    const void *beta_vector;
};

/* Narrows f to columns [begin, end). */
void maf_finish_columns(struct maf_finish *f, int64_t begin, int64_t end);

int maf_finish_matrix(const struct maf_finish *f); /* 0, or 801 for a combination of types without code */

#endif
