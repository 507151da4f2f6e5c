/* Operations by a library for the device: see device_library.h. */
#define _GNU_SOURCE
#include "core.h"
#include "cpu_launch.h"

#include "device_library.h"
#include "hip_calls.h"
#include "opencl_calls.h"
#include "own_memory.h"

#include <stdio.h>
#include <stdlib.h>

typedef int (*plan_function)(void *closure, const uint64_t *pointers, const void *scalars);
/* offsets: of A B D, or of input and output. The library's status, 0 for success. */
typedef int (*run_function)(const struct maf_library_call *call, const uint64_t *offsets, const double *scalars);

static int rest(const struct maf_library_call *c, const uint64_t *pointers, const void *scalars) {
    return ((plan_function)(uintptr_t)c->rest)((void *)(uintptr_t)c->rest_closure, pointers, scalars);
}

static int opencl(const struct maf_library_call *c) { return c->run == maf_clblast_address(); }

static int finish(const struct maf_library_call *c) {
    const struct maf_opencl_device *device = maf_cl_handle(c->device);
    int code = opencl(c) ? cl_finish(maf_cl_handle(device->queue)) : hip_synchronize();
    if (!code) return 0;
    char text[200];
    snprintf(text, sizeof text, "%s: the device failed with %s error %d", c->name, opencl(c) ? "OpenCL" : "HIP", code);
    int error = opencl(c) ? maf_cl_error(code, 1) : maf_hip_error(code);
    maf_fault_set((uint32_t)error, text);
    return error;
}

/* The library's call between begin and end; what it refuses, once and for all later runs, goes to `rest`. */
static int run(struct maf_library_call *c, const uint64_t *offsets, const uint64_t *pointers, const void *scalars) {
    int error = maf_own_begin();
    if (error) return error;
    c->refused = ((run_function)(uintptr_t)c->run)(c, offsets, scalars);
    error = c->refused ? 0 : finish(c);
    maf_own_end();
    if (!c->refused) return error;
    if (getenv("MAF_LOG")) fprintf(stderr, "maf-vdev: %s refused an operation with status %d\n", c->name, (int)c->refused);
    return rest(c, pointers, scalars);
}

int maf_library_gemm_run(void *closure, const uint64_t *pointers, const void *scalars) {
    struct maf_library_gemm *g = closure;
    const double *s = scalars;
    const uint64_t at[3] = {pointers[g->place_a], pointers[g->place_b], pointers[3]};
    int blends = s[2] != 0 || s[3] != 0, reached = 1;
    for (int i = 0; i < 3; i++) reached &= maf_own_contains(at[i], 1);
    if (g->call.refused || !reached || (blends && (pointers[2] != pointers[3] || !g->same_c)))
        return rest(&g->call, pointers, scalars);
    const uint64_t offsets[3] = {at[0] - g->call.base, at[1] - g->call.base, at[2] - g->call.base};
    return run(&g->call, offsets, pointers, scalars);
}

int maf_library_fft_run(void *closure, const uint64_t *pointers, const void *scalars) {
    struct maf_library_fft *f = closure;
    if (f->call.refused || !maf_own_contains(pointers[0], 1) || !maf_own_contains(pointers[1], 1))
        return rest(&f->call, pointers, scalars);
    const uint64_t offsets[2] = {pointers[0] - f->call.base, pointers[1] - f->call.base};
    return run(&f->call, offsets, pointers, scalars);
}

int maf_library_conv_run(void *closure, const uint64_t *pointers, const void *scalars) {
    struct maf_library_conv *v = closure;
    const double *s = scalars;
    uint64_t offsets[3];
    int plain = s[0] == 1 && s[1] == 0;
    for (int i = 0; i < 3; i++) {
        plain &= maf_own_contains(pointers[v->place[i]], 1);
        offsets[i] = pointers[v->place[i]] - v->call.base;
    }
    return v->call.refused || !plain ? rest(&v->call, pointers, scalars) : run(&v->call, offsets, pointers, scalars);
}

/* --- hipBLAS: hipblasGemmStridedBatchedEx with hipDataType and hipblasComputeType_t ---------------------------------- */
typedef int (*hipblas_gemm_fn)(void *handle, int transa, int transb, int m, int n, int k, const void *alpha, const void *a,
                               int type_a, int lda, long long stride_a, const void *b, int type_b, int ldb,
                               long long stride_b, const void *beta, void *d, int type_d, int ldd, long long stride_d,
                               int batch, int compute, int algorithm);
enum { HIPBLAS_GEMM_DEFAULT = 160 };

static int hipblas(const struct maf_library_call *c, const uint64_t *offsets, const double *s) {
    const struct maf_library_gemm *g = (const struct maf_library_gemm *)c;
    const struct maf_hip_device *device = (const struct maf_hip_device *)(uintptr_t)c->device;
    float narrow[4];
    for (int i = 0; i < 4; i++) narrow[i] = (float)s[i];
    const void *alpha = g->wide ? (const void *)s : narrow, *beta = g->wide ? (const void *)(s + 2) : narrow + 2;
    char *at[3];
    for (int i = 0; i < 3; i++) at[i] = (char *)(uintptr_t)device->memory + offsets[i];
    int code = maf_hip_enter(device);
    if (code) return code;
    return ((hipblas_gemm_fn)(uintptr_t)c->function)(
        (void *)(uintptr_t)c->handle, (int)g->transa, (int)g->transb, (int)g->m, (int)g->n, (int)g->k, alpha, at[0],
        (int)g->type_a, (int)g->lda, g->stride_a, at[1], (int)g->type_b, (int)g->ldb, g->stride_b, beta, at[2],
        (int)g->type_d, (int)g->ldd, g->stride_d, (int)g->batch, (int)g->compute, HIPBLAS_GEMM_DEFAULT);
}

uint64_t maf_hipblas_address(void) { return (uint64_t)(uintptr_t)hipblas; }

/* --- CLBlast: CLBlastSgemmStridedBatched and CLBlastDgemmStridedBatched; offsets in elements --------------------------- */
enum { CLBLAST_COLUMN_MAJOR = 102 };
#define CLBLAST_CALL(T)                                                                                              \
    ((int (*)(int, int, int, size_t, size_t, size_t, T, void *, size_t, size_t, size_t, void *, size_t, size_t, size_t, \
              T, void *, size_t, size_t, size_t, size_t, void **, void **))(uintptr_t)c->function)                   \
    (CLBLAST_COLUMN_MAJOR, (int)g->transa, (int)g->transb, (size_t)g->m, (size_t)g->n, (size_t)g->k, (T)s[0], memory,   \
     offsets[0] / sizeof(T), (size_t)g->lda, (size_t)g->stride_a, memory, offsets[1] / sizeof(T), (size_t)g->ldb,      \
     (size_t)g->stride_b, (T)s[2], memory, offsets[2] / sizeof(T), (size_t)g->ldd, (size_t)g->stride_d,               \
     (size_t)g->batch, &queue, NULL)

static int clblast(const struct maf_library_call *c, const uint64_t *offsets, const double *s) {
    const struct maf_library_gemm *g = (const struct maf_library_gemm *)c;
    const struct maf_opencl_device *device = maf_cl_handle(c->device);
    void *memory = maf_cl_handle(device->memory), *queue = maf_cl_handle(device->queue);
    return g->wide ? CLBLAST_CALL(double) : CLBLAST_CALL(float);
}

uint64_t maf_clblast_address(void) { return (uint64_t)(uintptr_t)clblast; }

/* --- hipFFT -------------------------------------------------------------------------------------------------------- */
static int hipfft(const struct maf_library_call *c, const uint64_t *offsets, const double *scalars) {
    const struct maf_library_fft *f = (const struct maf_library_fft *)c;
    const struct maf_hip_device *device = (const struct maf_hip_device *)(uintptr_t)c->device;
    char *in = (char *)(uintptr_t)device->memory + offsets[0], *out = (char *)(uintptr_t)device->memory + offsets[1];
    void *handle = (void *)(uintptr_t)c->handle;
    (void)scalars;
    int code = maf_hip_enter(device);
    if (code) return code;
    if (f->directed)
        return ((int (*)(void *, void *, void *, int))(uintptr_t)c->function)(handle, in, out, (int)f->direction);
    return ((int (*)(void *, void *, void *))(uintptr_t)c->function)(handle, in, out);
}

uint64_t maf_hipfft_address(void) { return (uint64_t)(uintptr_t)hipfft; }

/* --- MIOpen: miopenConvolutionForwardImmediate and its two siblings, which take their operands in one order ------------- */
typedef int (*miopen_conv_fn)(void *handle, void *d0, const void *p0, void *d1, const void *p1, void *convolution, void *d2,
                              void *p2, void *workspace, size_t bytes, uint64_t solution);

static int miopen(const struct maf_library_call *c, const uint64_t *offsets, const double *scalars) {
    const struct maf_library_conv *v = (const struct maf_library_conv *)c;
    const struct maf_hip_device *device = (const struct maf_hip_device *)(uintptr_t)c->device;
    char *memory = (char *)(uintptr_t)device->memory;
    void *d[3];
    (void)scalars;
    for (int i = 0; i < 3; i++) d[i] = (void *)(uintptr_t)v->tensor[i];
    int code = maf_hip_enter(device);
    if (code) return code;
    return ((miopen_conv_fn)(uintptr_t)c->function)((void *)(uintptr_t)c->handle, d[0], memory + offsets[0], d[1],
                                                    memory + offsets[1], (void *)(uintptr_t)v->convolution, d[2],
                                                    memory + offsets[2], (void *)(uintptr_t)v->workspace,
                                                    (size_t)v->workspace_bytes, v->solution);
}

uint64_t maf_miopen_address(void) { return (uint64_t)(uintptr_t)miopen; }
