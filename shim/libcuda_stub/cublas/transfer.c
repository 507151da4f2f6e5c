/* cublasSet/Get Vector/Matrix: strided transfers between host and device, synchronous after the stream's work. */

#include "front.h"

typedef int (*transfer_fn)(uint64_t target, uint64_t source, uint64_t bytes);

static int to_device(uint64_t target, uint64_t source, uint64_t bytes)
{
    return maf_write(target, (const void *)(uintptr_t)source, bytes);
}

static int to_host(uint64_t target, uint64_t source, uint64_t bytes)
{
    return maf_read((void *)(uintptr_t)target, source, bytes);
}

/* cols columns of rows elements; a column of one row with ld > 1 is an element of a strided vector. */
static cublasStatus_t transfer(transfer_fn fn, int64_t rows, int64_t cols, int64_t size, const void *source,
                               int64_t lda, const void *target, int64_t ldb)
{
    if (rows < 0 || cols < 0 || size <= 0 || lda < (rows > 1 ? rows : 1) || ldb < (rows > 1 ? rows : 1)) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    uint64_t from = maf_address(source), to = maf_address(target);
    if (rows == 0 || cols == 0) {
        return CUBLAS_STATUS_SUCCESS;
    }
    if (lda == rows && ldb == rows) {
        return fn(to, from, (uint64_t)(rows * cols * size)) ? CUBLAS_STATUS_MAPPING_ERROR : CUBLAS_STATUS_SUCCESS;
    }
    for (int64_t j = 0; j < cols; j++) {
        if (fn(to + (uint64_t)(j * ldb * size), from + (uint64_t)(j * lda * size), (uint64_t)(rows * size))) {
            return CUBLAS_STATUS_MAPPING_ERROR;
        }
    }
    return CUBLAS_STATUS_SUCCESS;
}

static cublasStatus_t after(void *stream)
{
    return maf_stream_sync(stream) ? CUBLAS_STATUS_EXECUTION_FAILED : CUBLAS_STATUS_SUCCESS;
}

#define DEFINE_TRANSFER(WAY, FN, INT, SUFFIX)                                                                          \
    cublasStatus_t cublas##WAY##Matrix##SUFFIX(INT rows, INT cols, INT size, const void *source, INT lda,             \
                                               void *target, INT ldb)                                                  \
    {                                                                                                                  \
        return transfer(FN, rows, cols, size, source, lda, target, ldb);                                               \
    }                                                                                                                  \
    cublasStatus_t cublas##WAY##MatrixAsync##SUFFIX(INT rows, INT cols, INT size, const void *source, INT lda,        \
                                                    void *target, INT ldb, void *stream)                               \
    {                                                                                                                  \
        cublasStatus_t status = after(stream);                                                                         \
        return status ? status : transfer(FN, rows, cols, size, source, lda, target, ldb);                             \
    }                                                                                                                  \
    cublasStatus_t cublas##WAY##Vector##SUFFIX(INT n, INT size, const void *source, INT incx, void *target, INT incy) \
    {                                                                                                                  \
        return transfer(FN, 1, n, size, source, incx, target, incy);                                                   \
    }                                                                                                                  \
    cublasStatus_t cublas##WAY##VectorAsync##SUFFIX(INT n, INT size, const void *source, INT incx, void *target,      \
                                                    INT incy, void *stream)                                            \
    {                                                                                                                  \
        cublasStatus_t status = after(stream);                                                                         \
        return status ? status : transfer(FN, 1, n, size, source, incx, target, incy);                                 \
    }

DEFINE_TRANSFER(Set, to_device, int, )
DEFINE_TRANSFER(Get, to_host, int, )
DEFINE_TRANSFER(Set, to_device, int64_t, _64)
DEFINE_TRANSFER(Get, to_host, int64_t, _64)
