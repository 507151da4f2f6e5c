/* Operations by a library for the device: matrix products by hipBLAS or CLBlast, transforms by hipFFT, convolutions
 * by MIOpen.
 * devices/device_libraries.py fills the closures. What a library does not do goes to `rest`. */
#ifndef MAF_DEVICE_LIBRARY_H
#define MAF_DEVICE_LIBRARY_H

#include <stdint.h>

struct maf_library_call {
    uint64_t run;      /* maf_hipblas_address(), ... */
    uint64_t device;   /* struct maf_hip_device or struct maf_opencl_device */
    const char *name;  /* of the library */
    uint64_t function; /* that runs the operation */
    uint64_t handle;   /* hipblasHandle_t or hipfftHandle */
    uint64_t base;     /* the address that the device's memory has in the program */
    uint64_t rest;     /* the same operation without the library, and its closure */
    uint64_t rest_closure;
    int64_t refused;   /* the library's status, once it has refused the operation */
};

/* Column major: D = alpha op(A) op(B) + beta D. Strides in elements. */
struct maf_library_gemm {
    struct maf_library_call call;
    int64_t m, n, k, batch;
    int64_t transa, transb; /* 111 N, 112 T, 113 C */
    int64_t lda, ldb, ldd;
    int64_t stride_a, stride_b, stride_d;
    int64_t type_a, type_b, type_d, compute; /* hipDataType, hipblasComputeType_t */
    int64_t bytes_a, bytes_b, bytes_d;       /* of an element */
    int64_t place_a, place_b;                /* among the operation's pointers */
    int64_t wide, complex;                   /* of alpha and beta */
    int64_t same_c;                          /* C's layout is D's */
};

struct maf_library_fft {
    struct maf_library_call call;
    int64_t directed; /* the function takes a direction */
    int64_t direction;
};

/* A convolution by a solution that MIOpen has compiled (its immediate mode, which has neither alpha nor beta). */
struct maf_library_conv {
    struct maf_library_call call;
    uint64_t convolution;  /* miopenConvolutionDescriptor_t */
    uint64_t tensor[3];    /* miopenTensorDescriptor_t of the operands, in the order of the function */
    int64_t place[3];      /* of the operands among the operation's pointers; the last is written */
    uint64_t workspace;    /* device memory */
    uint64_t workspace_bytes;
    uint64_t solution;
};

/* Plans' functions. */
int maf_library_gemm_run(void *closure, const uint64_t *pointers, const void *scalars);
int maf_library_fft_run(void *closure, const uint64_t *pointers, const void *scalars);
int maf_library_conv_run(void *closure, const uint64_t *pointers, const void *scalars);

uint64_t maf_hipblas_address(void);
uint64_t maf_clblast_address(void);
uint64_t maf_hipfft_address(void);
uint64_t maf_miopen_address(void);

#endif
