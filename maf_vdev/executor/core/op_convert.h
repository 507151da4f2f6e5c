/* Element types of GEMM operands: conversion, scaling, sums. */
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

/* dst[0..count) = src[0, step, 2*step, ...), and back. Real types; doubles: no halves. */
void maf_load_floats(float *dst, int64_t type, const void *src, int64_t step, int64_t count);
void maf_load_doubles(double *dst, int64_t type, const void *src, int64_t step, int64_t count);
void maf_store_floats(int64_t type, void *dst, int64_t step, const float *src, int64_t count);
void maf_store_doubles(int64_t type, void *dst, int64_t step, const double *src, int64_t count);

#endif
