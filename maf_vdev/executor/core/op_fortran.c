/* See op_fortran.h. */

#include <complex.h>
#include <stdint.h>
#include <string.h>

#include "core.h"

#include "cpu_launch.h"
#include "op_array.h"
#include "op_convert.h"
#include "op_fortran.h"

enum { OUT_OF_MEMORY = 2, ILLEGAL_ADDRESS = 700 };

union scalar {
    float single[2];
    double wide[2];
};

struct run {
    const struct maf_fortran *f;
    const uint64_t *ptrs;
    union scalar scalars[2];
    int error;
};

#define PLAIN_LU(T)                                                                                                    \
    do {                                                                                                               \
        T *a = matrix;                                                                                                 \
        for (int64_t j = 0; j < least; j++) {                                                                          \
            T pivot = a[j + j * lda];                                                                                  \
            if (pivot == 0) {                                                                                          \
                first = first ? first : (int)j + 1;                                                                    \
                continue;                                                                                              \
            }                                                                                                          \
            for (int64_t i = j + 1; i < m; i++)                                                                        \
                a[i + j * lda] /= pivot;                                                                               \
            for (int64_t k = j + 1; k < n; k++)                                                                        \
                for (int64_t i = j + 1; i < m; i++)                                                                    \
                    a[i + k * lda] -= a[i + j * lda] * a[j + k * lda];                                                 \
        }                                                                                                              \
    } while (0)

/* LU without exchanges, in place; the number of the first zero pivot, or 0. */
static int plain_lu(int64_t type, void *matrix, int64_t m, int64_t n, int64_t lda)
{
    int64_t least = m < n ? m : n;
    int first = 0;
    switch (type) {
    case MAF_F32:
        PLAIN_LU(float);
        break;
    case MAF_F64:
        PLAIN_LU(double);
        break;
    case MAF_C64:
        PLAIN_LU(float complex);
        break;
    default:
        PLAIN_LU(double complex);
    }
    return first;
}

typedef void routine(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                     uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                     uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

static void call(const struct run *r, const uint64_t *at, char *scratch)
{
    const struct maf_fortran *f = r->f;
    uint64_t a[MAF_FORTRAN_ARGUMENTS];
    for (int i = 0; i < MAF_FORTRAN_ARGUMENTS; i++) {
        int64_t value = f->arguments[i].value;
        switch (f->arguments[i].place) {
        case MAF_FORTRAN_OPERAND:
            a[i] = at[value];
            break;
        case MAF_FORTRAN_SCRATCH:
            a[i] = (uint64_t)(uintptr_t)(scratch + value);
            break;
        case MAF_FORTRAN_SCALAR:
            a[i] = (uint64_t)(uintptr_t)&r->scalars[value];
            break;
        default:
            a[i] = (uint64_t)value;
        }
    }
    /* More arguments than a routine names lie where it does not look: the caller removes them. */
    ((routine *)f->function)(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12], a[13],
                             a[14], a[15], a[16], a[17], a[18], a[19], a[20], a[21], a[22], a[23], a[24], a[25]);
}

static void bring(const struct maf_fortran *f, const uint64_t *at)
{
    char *to = (char *)(uintptr_t)at[f->copy_to];
    const char *from = (const char *)(uintptr_t)at[f->copy_from];
    if (to == from && f->copy_ld_to == f->copy_ld_from)
        return;
    for (int64_t j = 0; j < f->copy_columns; j++)
        memmove(to + j * f->copy_ld_to, from + j * f->copy_ld_from, (size_t)f->copy_bytes);
}

/* --- around the call of singular value and eigenvalue routines; all types as parts of one real type ---- */

enum { A = 0, W = 2, V = 4 };

#define FINITE(T, PARTS)                                                                                               \
    do {                                                                                                               \
        for (int64_t j = 0; j < f->n; j++) {                                                                           \
            const T *column = (const T *)a + j * f->lda * (PARTS);                                                     \
            T sum = 0; /* of zeros, or of NaN where an element is not finite */                                        \
            for (int64_t i = 0; i < f->m * (PARTS); i++)                                                               \
                sum += column[i] - column[i];                                                                          \
            if (sum != 0)                                                                                              \
                return 0;                                                                                              \
        }                                                                                                              \
    } while (0)

static int is_finite(const struct maf_fortran *f, const void *a)
{
    switch (f->type) {
    case MAF_F32:
        FINITE(float, 1);
        break;
    case MAF_F64:
        FINITE(double, 1);
        break;
    case MAF_C64:
        FINITE(float, 2);
        break;
    default:
        FINITE(double, 2);
    }
    return 1;
}

#define TURN(T, CONJUGATE)                                                                                             \
    do {                                                                                                               \
        const T *from = (const T *)(const void *)(scratch + f->turned_at);                                             \
        T *to = (T *)(uintptr_t)at[V];                                                                                 \
        for (int64_t j = 0; j < f->turned; j++)                                                                        \
            for (int64_t i = 0; i < f->n; i++)                                                                         \
                to[i + j * f->turned_ld] = CONJUGATE(from[j + i * f->turned]);                                         \
    } while (0)

#define JOIN(T)                                                                                                        \
    do {                                                                                                               \
        const T *re = (const T *)(const void *)(scratch + f->real_at);                                                 \
        const T *im = (const T *)(const void *)(scratch + f->imaginary_at);                                            \
        T *w = (T *)(uintptr_t)at[W];                                                                                  \
        for (int64_t i = 0; i < f->n; i++) {                                                                           \
            w[f->joined == 1 ? 2 * i : i] = re[i];                                                                     \
            w[f->joined == 1 ? 2 * i + 1 : f->n + i] = im[i];                                                          \
        }                                                                                                              \
    } while (0)

static void finish(const struct maf_fortran *f, const uint64_t *at, const char *scratch)
{
    if (f->turned) {
        switch (f->type) {
        case MAF_F32:
            TURN(float, );
            break;
        case MAF_F64:
            TURN(double, );
            break;
        case MAF_C64:
            TURN(float complex, conjf);
            break;
        default:
            TURN(double complex, conj);
        }
    }
    if (f->joined && f->type == MAF_F32)
        JOIN(float);
    else if (f->joined)
        JOIN(double);
}

static void not_converged(const struct maf_fortran *f, const uint64_t *at)
{
    int single = f->type == MAF_F32 || f->type == MAF_C64;
    for (int64_t i = 0; i < f->least; i++)
        if (single)
            ((float *)(uintptr_t)at[W])[i] = __builtin_nanf("");
        else
            ((double *)(uintptr_t)at[W])[i] = __builtin_nan("");
    *(int32_t *)(uintptr_t)at[f->info] = (int32_t)f->least + 1;
}

static void run_one(struct run *r, int64_t number, char *scratch)
{
    const struct maf_fortran *f = r->f;
    uint64_t at[MAF_FORTRAN_OPERANDS];
    int32_t spare = 0;
    for (int i = 0; i < MAF_FORTRAN_OPERANDS; i++) {
        uint64_t p = r->ptrs[i];
        if (p)
            p = f->is_array[i] ? ((const uint64_t *)(uintptr_t)p)[number] : p + (uint64_t)(number * f->stride[i]);
        if (!p && r->ptrs[i]) { /* an address of 0 in an array */
            __atomic_store_n(&r->error, ILLEGAL_ADDRESS, __ATOMIC_RELAXED);
            return;
        }
        at[i] = p;
    }
    if (f->info >= 0 && !at[f->info])
        at[f->info] = (uint64_t)(uintptr_t)&spare;
    if (f->copies)
        bring(f, at);
    if (f->pivots < 0) {
        if (f->checks && !is_finite(f, (const void *)(uintptr_t)at[A])) {
            not_converged(f, at);
            return;
        }
        call(r, at, scratch);
        finish(f, at, scratch);
        return;
    }
    int64_t *wide = (int64_t *)(uintptr_t)at[f->pivots];
    int32_t *narrow = (int32_t *)(void *)scratch;
    if (!wide && !f->identity) {
        *(int32_t *)(uintptr_t)at[f->info] = plain_lu(f->type, (void *)(uintptr_t)at[0], f->m, f->n, f->lda);
        return;
    }
    if (!wide) {
        at[f->pivots] = (uint64_t)(uintptr_t)f->identity;
    } else if (f->pivots_wide) {
        at[f->pivots] = (uint64_t)(uintptr_t)narrow;
        for (int64_t i = 0; i < f->pivot_count && !f->pivots_written; i++)
            narrow[i] = (int32_t)wide[i];
    }
    call(r, at, scratch);
    if (wide && f->pivots_wide && f->pivots_written)
        for (int64_t i = 0; i < f->pivot_count; i++)
            wide[i] = narrow[i];
}

static void run_range(void *arg, uint64_t begin, uint64_t end)
{
    struct run *r = arg;
    char *scratch = maf_array_scratch((uint64_t)r->f->scratch_bytes + 64);
    if (!scratch) {
        __atomic_store_n(&r->error, OUT_OF_MEMORY, __ATOMIC_RELAXED);
        return;
    }
    for (uint64_t i = begin; i < end; i++)
        run_one(r, (int64_t)i, scratch);
}

static void load_scalars(struct run *r, const void *host)
{
    const struct maf_fortran *f = r->f;
    for (int i = 0; i < 2; i++) {
        double value[2] = {0, 0};
        int64_t type = i ? f->beta_type : f->alpha_type;
        if (type < 0)
            continue;
        if (!f->scalars_on_device)
            memcpy(value, (const char *)host + 16 * i, sizeof value);
        else if (r->ptrs[MAF_FORTRAN_OPERANDS - 2 + i])
            maf_load_scalar(type, (const void *)(uintptr_t)r->ptrs[MAF_FORTRAN_OPERANDS - 2 + i], value);
        if (f->single) {
            r->scalars[i].single[0] = (float)value[0];
            r->scalars[i].single[1] = (float)value[1];
        } else {
            memcpy(r->scalars[i].wide, value, sizeof value);
        }
    }
}

int maf_fortran_run(void *closure, const uint64_t *ptrs, const void *scalars)
{
    struct run r = {.f = closure, .ptrs = ptrs};
    load_scalars(&r, scalars);
    if (r.f->batch <= r.f->grain)
        run_range(&r, 0, (uint64_t)r.f->batch);
    else
        maf_cpu_parallel_for((uint64_t)r.f->batch, (uint64_t)r.f->grain, run_range, &r);
    return r.error;
}
