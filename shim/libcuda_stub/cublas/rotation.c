/* Construction of plane rotations (rotg, rotmg), and the modified rotation (rotm).
 *
 * A construction is a handful of operations on scalars. With the scalars on the host it is done here; with scalars on
 * the device it waits for the stream, reads them, and writes the results back. */

#include <math.h>

#include "front.h"

/* Values of one type, in or out, in host or device memory. */
struct value {
    void *address;
    uint32_t bytes;
};

static cublasStatus_t load_values(cublasHandle_t handle, const struct value *values, int count, void *const *host)
{
    int device = handle->pointer_mode == CUBLAS_POINTER_MODE_DEVICE;
    int error = device ? maf_stream_sync(handle->stream) : 0;
    for (int i = 0; i < count && !error; i++) {
        if (device) {
            error = maf_read(host[i], maf_address(values[i].address), values[i].bytes);
        } else {
            memcpy(host[i], values[i].address, values[i].bytes);
        }
    }
    return maf_status_of(error);
}

static cublasStatus_t store_values(cublasHandle_t handle, const struct value *values, int count, void *const *host)
{
    int error = 0;
    for (int i = 0; i < count && !error; i++) {
        if (handle->pointer_mode == CUBLAS_POINTER_MODE_DEVICE) {
            error = maf_write(maf_address(values[i].address), host[i], values[i].bytes);
        } else {
            memcpy(values[i].address, host[i], values[i].bytes);
        }
    }
    return maf_status_of(error);
}

/* sqrt(a^2 + b^2) without overflow, and without libm, which the libraries do not link: Newton's iteration from a
 * start within 0.3 of the root doubles its digits five times. */
static double length(double a, double b)
{
    double large = fabs(a) > fabs(b) ? fabs(a) : fabs(b), small = fabs(a) > fabs(b) ? fabs(b) : fabs(a);
    if (large == 0 || !isfinite(large) || small != small) {
        return large + small;
    }
    double square = 1 + small / large * (small / large), root = 1.2;
    for (int i = 0; i < 6; i++) {
        root = (root + square / root) / 2;
    }
    return large * root;
}

/* c, s with [c s; -s c] [a; b] = [r; 0]; a becomes r, b the number z from which c and s can be had again. */
static void make_rotation(double *a, double *b, double *c, double *s)
{
    double scale = fabs(*a) + fabs(*b), r = 0, z = 0;
    *c = 1;
    *s = 0;
    if (scale != 0) {
        r = copysign(length(*a, *b), fabs(*a) > fabs(*b) ? *a : *b);
        *c = *a / r;
        *s = *b / r;
        z = fabs(*a) > fabs(*b) ? *s : *c != 0 ? 1 / *c : 1;
    }
    *a = r;
    *b = z;
}

/* The same for complex a and b: c is real, b stays. */
static void make_complex_rotation(double a[2], const double b[2], double *c, double s[2])
{
    double size = length(a[0], a[1]);
    if (size == 0) {
        *c = 0;
        s[0] = 1;
        s[1] = 0;
        a[0] = b[0];
        a[1] = b[1];
        return;
    }
    double norm = length(size, length(b[0], b[1])), unit[2] = {a[0] / size, a[1] / size};
    *c = size / norm;
    s[0] = (unit[0] * b[0] + unit[1] * b[1]) / norm;
    s[1] = (unit[1] * b[0] - unit[0] * b[1]) / norm;
    a[0] = unit[0] * norm;
    a[1] = unit[1] * norm;
}

/* Modified rotation H that makes sqrt(d2) y1 zero (BLAS Technical Forum standard, 2.8.3). param: flag, h11 h21 h12 h22. */
static void make_modified(double *d1, double *d2, double *x1, double y1, double param[5])
{
    static const double gamma = 4096, gamma2 = 4096.0 * 4096.0;
    double h11 = 0, h12 = 0, h21 = 0, h22 = 0, flag = -1, p2 = *d2 * y1;
    int fails = *d1 < 0;
    if (!fails && p2 == 0) {
        param[0] = -2; /* H is the identity; its elements are not written */
        return;
    }
    if (!fails) {
        double p1 = *d1 * *x1, q2 = p2 * y1, q1 = p1 * *x1;
        if (fabs(q1) > fabs(q2)) {
            h21 = -y1 / *x1;
            h12 = p2 / p1;
            double u = 1 - h12 * h21;
            fails = !(u > 0);
            flag = 0;
            *d1 /= u;
            *d2 /= u;
            *x1 *= u;
        } else if (q2 < 0) {
            fails = 1;
        } else {
            flag = 1;
            h11 = p1 / p2;
            h22 = *x1 / y1;
            double u = 1 + h11 * h22, old = *d2 / u;
            *d2 = *d1 / u;
            *d1 = old;
            *x1 = y1 * u;
        }
    }
    if (fails) {
        flag = -1;
        h11 = h12 = h21 = h22 = *d1 = *d2 = *x1 = 0;
    }
    /* Rescaling needs all four elements, so the implied ones are written out. */
#define EXPLICIT()                                                                                                     \
    do {                                                                                                               \
        if (flag == 0) {                                                                                               \
            h11 = h22 = 1;                                                                                             \
        } else if (flag == 1) {                                                                                        \
            h21 = -1;                                                                                                  \
            h12 = 1;                                                                                                   \
        }                                                                                                              \
        flag = -1;                                                                                                     \
    } while (0)
    while (*d1 != 0 && isfinite(*d1) && (*d1 <= 1 / gamma2 || *d1 >= gamma2)) {
        int small = *d1 <= 1 / gamma2;
        EXPLICIT();
        *d1 *= small ? gamma2 : 1 / gamma2;
        *x1 *= small ? 1 / gamma : gamma;
        h11 *= small ? 1 / gamma : gamma;
        h12 *= small ? 1 / gamma : gamma;
    }
    while (*d2 != 0 && isfinite(*d2) && (fabs(*d2) <= 1 / gamma2 || fabs(*d2) >= gamma2)) {
        int small = fabs(*d2) <= 1 / gamma2;
        EXPLICIT();
        *d2 *= small ? gamma2 : 1 / gamma2;
        h21 *= small ? 1 / gamma : gamma;
        h22 *= small ? 1 / gamma : gamma;
    }
#undef EXPLICIT
    param[0] = flag;
    if (flag <= 0) {
        param[2] = h21;
        param[3] = h12;
    }
    if (flag != 0) {
        param[1] = h11;
        param[4] = h22;
    }
}

#define DEFINE_ROTG(NAME, T)                                                                                           \
    cublasStatus_t NAME(cublasHandle_t handle, T *a, T *b, T *c, T *s)                                                \
    {                                                                                                                  \
        if (!handle) {                                                                                                 \
            return CUBLAS_STATUS_NOT_INITIALIZED;                                                                      \
        }                                                                                                              \
        if (!a || !b || !c || !s) {                                                                                    \
            return CUBLAS_STATUS_INVALID_VALUE;                                                                        \
        }                                                                                                              \
        T v[4];                                                                                                        \
        void *const host[4] = {v, v + 1, v + 2, v + 3};                                                                \
        const struct value values[4] = {{a, sizeof v[0]}, {b, sizeof v[0]}, {c, sizeof v[0]}, {s, sizeof v[0]}};       \
        cublasStatus_t status = load_values(handle, values, 2, host);                                                  \
        if (status != CUBLAS_STATUS_SUCCESS) {                                                                         \
            return status;                                                                                             \
        }                                                                                                              \
        double w[4] = {v[0], v[1], 0, 0};                                                                              \
        make_rotation(w, w + 1, w + 2, w + 3);                                                                         \
        for (int i = 0; i < 4; i++) {                                                                                  \
            v[i] = (T)w[i];                                                                                            \
        }                                                                                                              \
        return store_values(handle, values, 4, host);                                                                  \
    }

/* C is the complex type, R its real type. */
#define DEFINE_COMPLEX_ROTG(NAME, C, R)                                                                                \
    cublasStatus_t NAME(cublasHandle_t handle, C *a, C *b, R *c, C *s)                                                \
    {                                                                                                                  \
        if (!handle) {                                                                                                 \
            return CUBLAS_STATUS_NOT_INITIALIZED;                                                                      \
        }                                                                                                              \
        if (!a || !b || !c || !s) {                                                                                    \
            return CUBLAS_STATUS_INVALID_VALUE;                                                                        \
        }                                                                                                              \
        R va[2], vb[2], vc, vs[2];                                                                                     \
        const struct value in[2] = {{a, sizeof va}, {b, sizeof vb}};                                                   \
        const struct value out[3] = {{a, sizeof va}, {c, sizeof vc}, {s, sizeof vs}};                                  \
        cublasStatus_t status = load_values(handle, in, 2, (void *const[]){va, vb});                                   \
        if (status != CUBLAS_STATUS_SUCCESS) {                                                                         \
            return status;                                                                                             \
        }                                                                                                              \
        double wa[2] = {va[0], va[1]}, wc, ws[2];                                                                      \
        make_complex_rotation(wa, (const double[2]){vb[0], vb[1]}, &wc, ws);                                           \
        va[0] = (R)wa[0], va[1] = (R)wa[1], vc = (R)wc, vs[0] = (R)ws[0], vs[1] = (R)ws[1];                            \
        return store_values(handle, out, 3, (void *const[]){va, &vc, vs});                                             \
    }

#define DEFINE_ROTMG(NAME, T)                                                                                          \
    cublasStatus_t NAME(cublasHandle_t handle, T *d1, T *d2, T *x1, const T *y1, T *param)                            \
    {                                                                                                                  \
        if (!handle) {                                                                                                 \
            return CUBLAS_STATUS_NOT_INITIALIZED;                                                                      \
        }                                                                                                              \
        if (!d1 || !d2 || !x1 || !y1 || !param) {                                                                      \
            return CUBLAS_STATUS_INVALID_VALUE;                                                                        \
        }                                                                                                              \
        T v[3], h[5], y;                                                                                               \
        void *const host[5] = {v, v + 1, v + 2, h, &y};                                                                \
        const struct value values[5] = {{d1, sizeof y}, {d2, sizeof y}, {x1, sizeof y}, {param, sizeof h},             \
                                        {(void *)(uintptr_t)y1, sizeof y}};                                            \
        cublasStatus_t status = load_values(handle, values, 5, host);                                                  \
        if (status != CUBLAS_STATUS_SUCCESS) {                                                                         \
            return status;                                                                                             \
        }                                                                                                              \
        double w[3] = {v[0], v[1], v[2]}, wide[5] = {h[0], h[1], h[2], h[3], h[4]};                                    \
        make_modified(w, w + 1, w + 2, y, wide);                                                                       \
        for (int i = 0; i < 5; i++) {                                                                                  \
            h[i] = (T)wide[i];                                                                                         \
        }                                                                                                              \
        for (int i = 0; i < 3; i++) {                                                                                  \
            v[i] = (T)w[i];                                                                                            \
        }                                                                                                              \
        return store_values(handle, values, 4, host);                                                                  \
    }

#define DEFINE_ROTM(NAME, INT, T, TYPE)                                                                                \
    cublasStatus_t NAME(cublasHandle_t handle, INT n, T *x, INT incx, T *y, INT incy, const T *param)                 \
    {                                                                                                                  \
        if (!handle) {                                                                                                 \
            return CUBLAS_STATUS_NOT_INITIALIZED;                                                                      \
        }                                                                                                              \
        if (!param) {                                                                                                  \
            return CUBLAS_STATUS_INVALID_VALUE;                                                                        \
        }                                                                                                              \
        if (n <= 0) {                                                                                                  \
            return CUBLAS_STATUS_SUCCESS;                                                                              \
        }                                                                                                              \
        struct maf_blas_call call = {.op = {.routine = MAF_BLAS_ROTM, .type = TYPE, .type_scale = TYPE, .n = n,        \
                                            .incx = incx, .incy = incy, .batch = 1}};                                  \
        call.pointers[BLAS_X] = maf_address(x);                                                                        \
        call.pointers[BLAS_Y] = maf_address(y);                                                                        \
        if (handle->pointer_mode == CUBLAS_POINTER_MODE_DEVICE) {                                                      \
            call.op.scalars_on_device = 1;                                                                             \
            call.pointers[BLAS_ALPHA] = maf_address(param);                                                            \
        } else if (param[0] == -2) {                                                                                   \
            return CUBLAS_STATUS_SUCCESS;                                                                              \
        } else {                                                                                                       \
            call.scalars[0] = param[0] == 0 ? 1 : param[1];                                                            \
            call.scalars[1] = param[0] == 1 ? -1 : param[2];                                                           \
            call.scalars[2] = param[0] == 1 ? 1 : param[3];                                                            \
            call.scalars[3] = param[0] == 0 ? 1 : param[4];                                                            \
        }                                                                                                              \
        return maf_submit(handle->stream, MAF_OP_BLAS, &call.op, sizeof call.op, call.pointers, 7, call.scalars,       \
                          sizeof call.scalars, "cublas", #NAME);                                                       \
    }

DEFINE_ROTG(cublasSrotg_v2, float)
DEFINE_ROTG(cublasDrotg_v2, double)
DEFINE_COMPLEX_ROTG(cublasCrotg_v2, cuComplex, float)
DEFINE_COMPLEX_ROTG(cublasZrotg_v2, cuDoubleComplex, double)
DEFINE_ROTMG(cublasSrotmg_v2, float)
DEFINE_ROTMG(cublasDrotmg_v2, double)
DEFINE_ROTM(cublasSrotm_v2, int, float, MAF_F32)
DEFINE_ROTM(cublasSrotm_v2_64, int64_t, float, MAF_F32)
DEFINE_ROTM(cublasDrotm_v2, int, double, MAF_F64)
DEFINE_ROTM(cublasDrotm_v2_64, int64_t, double, MAF_F64)
