/* cuFFT for one device: plans of 1 to 3 dimensions, batched, with advanced layouts. Include <stddef.h> first. */
#ifndef MAF_CUFFT_H
#define MAF_CUFFT_H

typedef enum {
    CUFFT_SUCCESS = 0,
    CUFFT_INVALID_PLAN = 1,
    CUFFT_ALLOC_FAILED = 2,
    CUFFT_INVALID_TYPE = 3,
    CUFFT_INVALID_VALUE = 4,
    CUFFT_INTERNAL_ERROR = 5,
    CUFFT_EXEC_FAILED = 6,
    CUFFT_SETUP_FAILED = 7,
    CUFFT_INVALID_SIZE = 8,
    CUFFT_NOT_SUPPORTED = 16
} cufftResult;

typedef enum {
    CUFFT_C2C = 0x29,
    CUFFT_R2C = 0x2a,
    CUFFT_C2R = 0x2c,
    CUFFT_Z2Z = 0x69,
    CUFFT_D2Z = 0x6a,
    CUFFT_Z2D = 0x6c
} cufftType;

enum { CUFFT_FORWARD = -1, CUFFT_INVERSE = 1 };

typedef int cufftHandle;
typedef int cufftProperty; /* 1 compile patiently, 2 threads that compile */

cufftResult cufftCreate(cufftHandle *plan);
cufftResult cufftDestroy(cufftHandle plan);
cufftResult cufftGetVersion(int *version);
cufftResult cufftGetProperty(int type, int *value);
cufftResult cufftSetStream(cufftHandle plan, void *stream);
cufftResult cufftSetWorkArea(cufftHandle plan, void *area);
cufftResult cufftSetAutoAllocation(cufftHandle plan, int automatic);

cufftResult cufftPlan1d(cufftHandle *plan, int nx, cufftType type, int batch);
cufftResult cufftPlan2d(cufftHandle *plan, int nx, int ny, cufftType type);
cufftResult cufftPlan3d(cufftHandle *plan, int nx, int ny, int nz, cufftType type);
cufftResult cufftPlanMany(cufftHandle *plan, int rank, int *n, int *in_embed, int in_stride, int in_distance,
                          int *out_embed, int out_stride, int out_distance, cufftType type, int batch);
cufftResult cufftMakePlan1d(cufftHandle plan, int nx, cufftType type, int batch, size_t *work);
cufftResult cufftMakePlan2d(cufftHandle plan, int nx, int ny, cufftType type, size_t *work);
cufftResult cufftMakePlan3d(cufftHandle plan, int nx, int ny, int nz, cufftType type, size_t *work);
cufftResult cufftMakePlanMany(cufftHandle plan, int rank, int *n, int *in_embed, int in_stride, int in_distance,
                              int *out_embed, int out_stride, int out_distance, cufftType type, int batch,
                              size_t *work);
cufftResult cufftMakePlanMany64(cufftHandle plan, int rank, long long *n, long long *in_embed, long long in_stride,
                                long long in_distance, long long *out_embed, long long out_stride,
                                long long out_distance, cufftType type, long long batch, size_t *work);
cufftResult cufftXtMakePlanMany(cufftHandle plan, int rank, long long *n, long long *in_embed, long long in_stride,
                                long long in_distance, int in_type, long long *out_embed, long long out_stride,
                                long long out_distance, int out_type, long long batch, size_t *work,
                                int execution_type);

cufftResult cufftEstimate1d(int nx, cufftType type, int batch, size_t *work);
cufftResult cufftEstimate2d(int nx, int ny, cufftType type, size_t *work);
cufftResult cufftEstimate3d(int nx, int ny, int nz, cufftType type, size_t *work);
cufftResult cufftEstimateMany(int rank, int *n, int *in_embed, int in_stride, int in_distance, int *out_embed,
                              int out_stride, int out_distance, cufftType type, int batch, size_t *work);
cufftResult cufftGetSize1d(cufftHandle plan, int nx, cufftType type, int batch, size_t *work);
cufftResult cufftGetSize2d(cufftHandle plan, int nx, int ny, cufftType type, size_t *work);
cufftResult cufftGetSize3d(cufftHandle plan, int nx, int ny, int nz, cufftType type, size_t *work);
cufftResult cufftGetSizeMany(cufftHandle plan, int rank, int *n, int *in_embed, int in_stride, int in_distance,
                             int *out_embed, int out_stride, int out_distance, cufftType type, int batch,
                             size_t *work);
cufftResult cufftGetSizeMany64(cufftHandle plan, int rank, long long *n, long long *in_embed, long long in_stride,
                               long long in_distance, long long *out_embed, long long out_stride,
                               long long out_distance, cufftType type, long long batch, size_t *work);
cufftResult cufftXtGetSizeMany(cufftHandle plan, int rank, long long *n, long long *in_embed, long long in_stride,
                               long long in_distance, int in_type, long long *out_embed, long long out_stride,
                               long long out_distance, int out_type, long long batch, size_t *work,
                               int execution_type);
cufftResult cufftGetSize(cufftHandle plan, size_t *work);

cufftResult cufftExecC2C(cufftHandle plan, void *in, void *out, int direction);
cufftResult cufftExecR2C(cufftHandle plan, void *in, void *out);
cufftResult cufftExecC2R(cufftHandle plan, void *in, void *out);
cufftResult cufftExecZ2Z(cufftHandle plan, void *in, void *out, int direction);
cufftResult cufftExecD2Z(cufftHandle plan, void *in, void *out);
cufftResult cufftExecZ2D(cufftHandle plan, void *in, void *out);
cufftResult cufftXtExec(cufftHandle plan, void *in, void *out, int direction);

cufftResult cufftSetPlanPropertyInt64(cufftHandle plan, cufftProperty property, const long long value);
cufftResult cufftGetPlanPropertyInt64(cufftHandle plan, cufftProperty property, long long *value);
cufftResult cufftResetPlanProperty(cufftHandle plan, cufftProperty property);

#endif
