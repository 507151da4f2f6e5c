/* Element types of GEMM operands: conversion, scaling, and the epilogue with its one rounding. */
#ifndef MAF_OP_CONVERT_H
#define MAF_OP_CONVERT_H

#include <stdint.h>

int64_t maf_type_bytes(int64_t type);

/* value[0] + i value[1] of one element. */
void maf_load_scalar(int64_t type, const void *p, double value[2]);

/* dst (packed, column major, compute type) = src with leading dimension ld. */
void maf_convert_matrix(int64_t compute, void *dst, int64_t type, const void *src, int64_t rows, int64_t cols, int64_t ld);

/* d[i*row_d + j*col_d] = c[i*row_c + j*col_c], converted. */
void maf_copy_strided(int64_t type_d, void *d, int64_t row_d, int64_t col_d, int64_t type_c, const void *c, int64_t row_c,
                      int64_t col_c, int64_t rows, int64_t cols);

/* d *= factor; a zero factor stores zeros without reading. F32 F64 C64 C128 only. */
void maf_scale_matrix(int64_t type, void *d, int64_t rows, int64_t cols, int64_t ld, const double factor[2]);

/* out[i] = sum over columns of x(i, .), or out[j] = sum over rows of x(., j). Real types. */
void maf_sum_matrix(int64_t type_out, void *out, int64_t type, const void *x, int64_t rows, int64_t cols, int64_t ld,
                    int over_columns);

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
