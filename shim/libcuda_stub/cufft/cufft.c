/* cuFFT plans as descriptions of one FFT op; the op's plan is asked for at execution, when direction and in-place
 * are known, and found in the client's cache from the second time on. Plans need no work area. */
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cufft.h"
#include "maf_client.h"

enum { MAJOR = MAF_CUFFT_MAJOR, MINOR = MAF_CUFFT_MAJOR >= 12 ? 0 : 4, PATCH = 0, MAX_PLANS = 1 << 16 };
enum { C2C = 0, R2C = 1, C2R = 2 };

/* cufftProperty 1 and 2, how to compile kernels: kept and answered, there are none. */
enum { PROPERTIES = 2 };

struct plan {
    void *stream;
    int made;
    int packed; /* no embedding given: the layout depends on whether the transform is in place */
    struct maf_op_fft op;
    long long property[PROPERTIES];
};

static struct plan *_Atomic plans[MAX_PLANS];

static struct plan *plan_of(cufftHandle handle)
{
    return handle > 0 && handle < MAX_PLANS ? atomic_load(&plans[handle]) : NULL;
}

/* Element types: cudaDataType_t values of torch's cufftXtMakePlanMany, and the cufftType of each pair. */
static const struct {
    int real;     /* cudaDataType_t */
    int complex;  /* cudaDataType_t */
    int type;     /* maf_dtype */
    int c2c, r2c, c2r; /* cufftType; 0 where it has none */
} types[] = {
    {0, 4, MAF_F32, CUFFT_C2C, CUFFT_R2C, CUFFT_C2R},
    {1, 5, MAF_F64, CUFFT_Z2Z, CUFFT_D2Z, CUFFT_Z2D},
    {2, 6, MAF_F16, 0, 0, 0},
};
enum { TYPES = sizeof types / sizeof types[0] };

static cufftResult kind_of_pair(int in, int out, int *kind, int *type)
{
    for (int i = 0; i < TYPES; i++) {
        if (in == types[i].complex && out == types[i].complex)
            *kind = C2C;
        else if (in == types[i].real && out == types[i].complex)
            *kind = R2C;
        else if (in == types[i].complex && out == types[i].real)
            *kind = C2R;
        else
            continue;
        *type = types[i].type;
        return CUFFT_SUCCESS;
    }
    return CUFFT_INVALID_TYPE;
}

static cufftResult kind_of_type(int fft_type, int *kind, int *type)
{
    for (int i = 0; i < TYPES; i++) {
        if (fft_type != 0 && fft_type == types[i].c2c)
            *kind = C2C;
        else if (fft_type != 0 && fft_type == types[i].r2c)
            *kind = R2C;
        else if (fft_type != 0 && fft_type == types[i].c2r)
            *kind = C2R;
        else
            continue;
        *type = types[i].type;
        return CUFFT_SUCCESS;
    }
    return CUFFT_INVALID_TYPE;
}

/* --- plans ---- */

cufftResult cufftCreate(cufftHandle *handle)
{
    static atomic_int hint = 1;
    if (!handle)
        return CUFFT_INVALID_VALUE;
    struct plan *made = calloc(1, sizeof *made);
    if (!made)
        return CUFFT_ALLOC_FAILED;
    int start = atomic_load(&hint);
    for (int i = 0; i < MAX_PLANS; i++) {
        int slot = (start + i) % MAX_PLANS;
        struct plan *none = NULL;
        if (slot != 0 && atomic_compare_exchange_strong(&plans[slot], &none, made)) {
            atomic_store(&hint, slot + 1);
            *handle = slot;
            return CUFFT_SUCCESS;
        }
    }
    free(made);
    return CUFFT_ALLOC_FAILED;
}

cufftResult cufftDestroy(cufftHandle handle)
{
    if (!plan_of(handle))
        return CUFFT_INVALID_PLAN;
    struct plan *plan = atomic_exchange(&plans[handle], NULL);
    free(plan);
    return plan ? CUFFT_SUCCESS : CUFFT_INVALID_PLAN;
}

cufftResult cufftGetVersion(int *version)
{
    if (!version)
        return CUFFT_INVALID_VALUE;
    *version = MAJOR * 1000 + MINOR * 100 + PATCH;
    return CUFFT_SUCCESS;
}

/* type: libraryPropertyType_t, 0 major, 1 minor, 2 patch level. */
cufftResult cufftGetProperty(int type, int *value)
{
    static const int property[] = {MAJOR, MINOR, PATCH};
    if (!value || type < 0 || type > 2)
        return CUFFT_INVALID_VALUE;
    *value = property[type];
    return CUFFT_SUCCESS;
}

cufftResult cufftSetStream(cufftHandle handle, void *stream)
{
    struct plan *plan = plan_of(handle);
    if (!plan)
        return CUFFT_INVALID_PLAN;
    plan->stream = stream;
    return CUFFT_SUCCESS;
}

cufftResult cufftSetWorkArea(cufftHandle handle, void *area)
{
    (void)area;
    return plan_of(handle) ? CUFFT_SUCCESS : CUFFT_INVALID_PLAN;
}

cufftResult cufftSetAutoAllocation(cufftHandle handle, int automatic)
{
    (void)automatic;
    return plan_of(handle) ? CUFFT_SUCCESS : CUFFT_INVALID_PLAN;
}

cufftResult cufftSetPlanPropertyInt64(cufftHandle handle, cufftProperty property, const long long value)
{
    struct plan *plan = plan_of(handle);
    if (!plan)
        return CUFFT_INVALID_PLAN;
    if (property < 1 || property > PROPERTIES || value < 0)
        return CUFFT_INVALID_VALUE;
    plan->property[property - 1] = value;
    return CUFFT_SUCCESS;
}

cufftResult cufftGetPlanPropertyInt64(cufftHandle handle, cufftProperty property, long long *value)
{
    struct plan *plan = plan_of(handle);
    if (!plan)
        return CUFFT_INVALID_PLAN;
    if (property < 1 || property > PROPERTIES || !value)
        return CUFFT_INVALID_VALUE;
    *value = plan->property[property - 1];
    return CUFFT_SUCCESS;
}

cufftResult cufftResetPlanProperty(cufftHandle handle, cufftProperty property)
{
    return cufftSetPlanPropertyInt64(handle, property, 0);
}

/* Embeddings of the packed layout. An in-place real transform pads its real side to whole complex elements. */
static void pack(struct maf_op_fft *op, int in_place)
{
    int64_t last = op->rank - 1, half = op->dims[last] / 2 + 1;
    int64_t in_size = 1, out_size = 1;
    for (int64_t i = 0; i < op->rank; i++)
        op->in_embed[i] = op->out_embed[i] = op->dims[i];
    if (op->kind == R2C) {
        op->out_embed[last] = half;
        op->in_embed[last] = in_place ? 2 * half : op->dims[last];
    } else if (op->kind == C2R) {
        op->in_embed[last] = half;
        op->out_embed[last] = in_place ? 2 * half : op->dims[last];
    }
    for (int64_t i = 0; i < op->rank; i++) {
        in_size *= op->in_embed[i];
        out_size *= op->out_embed[i];
    }
    op->in_stride = op->out_stride = 1;
    op->in_distance = in_size;
    op->out_distance = out_size;
}

static cufftResult result_of(int plan_error)
{
    switch (plan_error) {
    case MAF_PLAN_OK:
        return CUFFT_SUCCESS;
    case MAF_PLAN_UNSUPPORTED:
        return CUFFT_NOT_SUPPORTED;
    case MAF_PLAN_INVALID:
        return CUFFT_INVALID_SIZE;
    }
    return plan_error < 0 ? CUFFT_SETUP_FAILED : CUFFT_INTERNAL_ERROR;
}

struct request {
    int rank;
    const long long *n;
    const long long *in_embed, *out_embed;
    long long in_stride, in_distance, out_stride, out_distance;
    long long batch;
    int kind, type;
};

static cufftResult describe(const struct request *r, struct plan *plan)
{
    struct maf_op_fft *op = &plan->op;
    if (r->rank < 1 || r->rank > 3 || !r->n)
        return CUFFT_INVALID_VALUE;
    memset(op, 0, sizeof *op);
    op->rank = r->rank;
    op->kind = r->kind;
    op->direction = r->kind == C2R ? CUFFT_INVERSE : CUFFT_FORWARD;
    op->type = r->type;
    op->batch = r->batch;
    if (r->batch < 1)
        return CUFFT_INVALID_SIZE;
    for (int i = 0; i < r->rank; i++) {
        if (r->n[i] < 1)
            return CUFFT_INVALID_SIZE;
        op->dims[i] = r->n[i];
    }
    /* As documented, strides and distances count only with both embeddings given. */
    plan->packed = !r->in_embed || !r->out_embed;
    if (plan->packed) {
        pack(op, 0);
        return CUFFT_SUCCESS;
    }
    for (int i = 0; i < r->rank; i++) {
        op->in_embed[i] = r->in_embed[i];
        op->out_embed[i] = r->out_embed[i];
    }
    op->in_stride = r->in_stride;
    op->in_distance = r->in_distance;
    op->out_stride = r->out_stride;
    op->out_distance = r->out_distance;
    return CUFFT_SUCCESS;
}

static cufftResult make(cufftHandle handle, const struct request *r, size_t *work)
{
    struct plan *plan = plan_of(handle);
    struct maf_plan_info info;
    if (!plan || plan->made)
        return CUFFT_INVALID_PLAN;
    cufftResult result = describe(r, plan);
    if (result == CUFFT_SUCCESS)
        result = result_of(maf_plan(MAF_OP_FFT, &plan->op, sizeof plan->op, &info));
    if (result == CUFFT_SUCCESS) {
        plan->made = 1;
        if (work)
            *work = 0;
    }
    return result;
}

cufftResult cufftXtMakePlanMany(cufftHandle plan, int rank, long long *n, long long *in_embed, long long in_stride,
                                long long in_distance, int in_type, long long *out_embed, long long out_stride,
                                long long out_distance, int out_type, long long batch, size_t *work,
                                int execution_type)
{
    struct request r = {.rank = rank, .n = n, .in_embed = in_embed, .out_embed = out_embed, .in_stride = in_stride,
                        .in_distance = in_distance, .out_stride = out_stride, .out_distance = out_distance,
                        .batch = batch};
    cufftResult result = kind_of_pair(in_type, out_type, &r.kind, &r.type);
    if (result != CUFFT_SUCCESS)
        return result;
    /* Execution in another precision than the data's is not offered by cuFFT either. */
    if (execution_type != in_type && execution_type != out_type)
        return CUFFT_INVALID_TYPE;
    return make(plan, &r, work);
}

cufftResult cufftMakePlanMany64(cufftHandle plan, int rank, long long *n, long long *in_embed, long long in_stride,
                                long long in_distance, long long *out_embed, long long out_stride,
                                long long out_distance, cufftType type, long long batch, size_t *work)
{
    struct request r = {.rank = rank, .n = n, .in_embed = in_embed, .out_embed = out_embed, .in_stride = in_stride,
                        .in_distance = in_distance, .out_stride = out_stride, .out_distance = out_distance,
                        .batch = batch};
    cufftResult result = kind_of_type(type, &r.kind, &r.type);
    return result == CUFFT_SUCCESS ? make(plan, &r, work) : result;
}

static const long long *widen(int rank, const int *from, long long to[3])
{
    if (!from)
        return NULL;
    for (int i = 0; i < rank && i < 3; i++)
        to[i] = from[i];
    return to;
}

cufftResult cufftMakePlanMany(cufftHandle plan, int rank, int *n, int *in_embed, int in_stride, int in_distance,
                              int *out_embed, int out_stride, int out_distance, cufftType type, int batch,
                              size_t *work)
{
    long long wide[3][3];
    return cufftMakePlanMany64(plan, rank, (long long *)widen(rank, n, wide[0]),
                               (long long *)widen(rank, in_embed, wide[1]), in_stride, in_distance,
                               (long long *)widen(rank, out_embed, wide[2]), out_stride, out_distance, type, batch,
                               work);
}

cufftResult cufftMakePlan1d(cufftHandle plan, int nx, cufftType type, int batch, size_t *work)
{
    int n[] = {nx};
    return cufftMakePlanMany(plan, 1, n, NULL, 1, 0, NULL, 1, 0, type, batch, work);
}

cufftResult cufftMakePlan2d(cufftHandle plan, int nx, int ny, cufftType type, size_t *work)
{
    int n[] = {nx, ny};
    return cufftMakePlanMany(plan, 2, n, NULL, 1, 0, NULL, 1, 0, type, 1, work);
}

cufftResult cufftMakePlan3d(cufftHandle plan, int nx, int ny, int nz, cufftType type, size_t *work)
{
    int n[] = {nx, ny, nz};
    return cufftMakePlanMany(plan, 3, n, NULL, 1, 0, NULL, 1, 0, type, 1, work);
}

cufftResult cufftPlanMany(cufftHandle *plan, int rank, int *n, int *in_embed, int in_stride, int in_distance,
                          int *out_embed, int out_stride, int out_distance, cufftType type, int batch)
{
    cufftResult result = cufftCreate(plan);
    if (result != CUFFT_SUCCESS)
        return result;
    result = cufftMakePlanMany(*plan, rank, n, in_embed, in_stride, in_distance, out_embed, out_stride, out_distance,
                               type, batch, NULL);
    if (result != CUFFT_SUCCESS)
        cufftDestroy(*plan);
    return result;
}

cufftResult cufftPlan1d(cufftHandle *plan, int nx, cufftType type, int batch)
{
    int n[] = {nx};
    return cufftPlanMany(plan, 1, n, NULL, 1, 0, NULL, 1, 0, type, batch);
}

cufftResult cufftPlan2d(cufftHandle *plan, int nx, int ny, cufftType type)
{
    int n[] = {nx, ny};
    return cufftPlanMany(plan, 2, n, NULL, 1, 0, NULL, 1, 0, type, 1);
}

cufftResult cufftPlan3d(cufftHandle *plan, int nx, int ny, int nz, cufftType type)
{
    int n[] = {nx, ny, nz};
    return cufftPlanMany(plan, 3, n, NULL, 1, 0, NULL, 1, 0, type, 1);
}

/* --- work area sizes: always none ---- */

static cufftResult no_work(size_t *work)
{
    if (!work)
        return CUFFT_INVALID_VALUE;
    *work = 0;
    return CUFFT_SUCCESS;
}

cufftResult cufftEstimate1d(int nx, cufftType type, int batch, size_t *work)
{
    (void)nx, (void)type, (void)batch;
    return no_work(work);
}

cufftResult cufftEstimate2d(int nx, int ny, cufftType type, size_t *work)
{
    (void)nx, (void)ny, (void)type;
    return no_work(work);
}

cufftResult cufftEstimate3d(int nx, int ny, int nz, cufftType type, size_t *work)
{
    (void)nx, (void)ny, (void)nz, (void)type;
    return no_work(work);
}

cufftResult cufftEstimateMany(int rank, int *n, int *in_embed, int in_stride, int in_distance, int *out_embed,
                              int out_stride, int out_distance, cufftType type, int batch, size_t *work)
{
    (void)rank, (void)n, (void)in_embed, (void)in_stride, (void)in_distance, (void)out_embed, (void)out_stride;
    (void)out_distance, (void)type, (void)batch;
    return no_work(work);
}

cufftResult cufftGetSize(cufftHandle plan, size_t *work)
{
    return plan_of(plan) ? no_work(work) : CUFFT_INVALID_PLAN;
}

cufftResult cufftGetSize1d(cufftHandle plan, int nx, cufftType type, int batch, size_t *work)
{
    (void)nx, (void)type, (void)batch;
    return cufftGetSize(plan, work);
}

cufftResult cufftGetSize2d(cufftHandle plan, int nx, int ny, cufftType type, size_t *work)
{
    (void)nx, (void)ny, (void)type;
    return cufftGetSize(plan, work);
}

cufftResult cufftGetSize3d(cufftHandle plan, int nx, int ny, int nz, cufftType type, size_t *work)
{
    (void)nx, (void)ny, (void)nz, (void)type;
    return cufftGetSize(plan, work);
}

cufftResult cufftGetSizeMany(cufftHandle plan, int rank, int *n, int *in_embed, int in_stride, int in_distance,
                             int *out_embed, int out_stride, int out_distance, cufftType type, int batch,
                             size_t *work)
{
    (void)rank, (void)n, (void)in_embed, (void)in_stride, (void)in_distance, (void)out_embed, (void)out_stride;
    (void)out_distance, (void)type, (void)batch;
    return cufftGetSize(plan, work);
}

cufftResult cufftGetSizeMany64(cufftHandle plan, int rank, long long *n, long long *in_embed, long long in_stride,
                               long long in_distance, long long *out_embed, long long out_stride,
                               long long out_distance, cufftType type, long long batch, size_t *work)
{
    (void)rank, (void)n, (void)in_embed, (void)in_stride, (void)in_distance, (void)out_embed, (void)out_stride;
    (void)out_distance, (void)type, (void)batch;
    return cufftGetSize(plan, work);
}

cufftResult cufftXtGetSizeMany(cufftHandle plan, int rank, long long *n, long long *in_embed, long long in_stride,
                               long long in_distance, int in_type, long long *out_embed, long long out_stride,
                               long long out_distance, int out_type, long long batch, size_t *work,
                               int execution_type)
{
    (void)in_type, (void)out_type, (void)execution_type;
    return cufftGetSizeMany64(plan, rank, n, in_embed, in_stride, in_distance, out_embed, out_stride, out_distance,
                              CUFFT_C2C, batch, work);
}

/* --- execution ---- */

static cufftResult execute(struct plan *plan, void *in, void *out, int direction)
{
    struct maf_plan_info info;
    struct maf_op_fft op = plan->op;
    if (!in || !out)
        return CUFFT_INVALID_VALUE;
    if (plan->packed && in == out)
        pack(&op, 1);
    if (op.kind == C2C) { /* the types of real transforms fix their direction */
        if (direction != CUFFT_FORWARD && direction != CUFFT_INVERSE)
            return CUFFT_INVALID_VALUE;
        op.direction = direction;
    }
    cufftResult result = result_of(maf_plan(MAF_OP_FFT, &op, sizeof op, &info));
    if (result != CUFFT_SUCCESS)
        return result;
    uint64_t pointers[] = {(uint64_t)(uintptr_t)in, (uint64_t)(uintptr_t)out};
    return maf_op(plan->stream, info.plan, pointers, 2, NULL, 0) ? CUFFT_EXEC_FAILED : CUFFT_SUCCESS;
}

cufftResult cufftXtExec(cufftHandle handle, void *in, void *out, int direction)
{
    struct plan *plan = plan_of(handle);
    if (!plan || !plan->made)
        return CUFFT_INVALID_PLAN;
    return execute(plan, in, out, direction);
}

static cufftResult execute_typed(cufftHandle handle, int kind, int type, void *in, void *out, int direction)
{
    struct plan *plan = plan_of(handle);
    if (!plan || !plan->made || plan->op.kind != kind || plan->op.type != type)
        return CUFFT_INVALID_PLAN;
    return execute(plan, in, out, direction);
}

cufftResult cufftExecC2C(cufftHandle plan, void *in, void *out, int direction)
{
    return execute_typed(plan, C2C, MAF_F32, in, out, direction);
}

cufftResult cufftExecR2C(cufftHandle plan, void *in, void *out)
{
    return execute_typed(plan, R2C, MAF_F32, in, out, CUFFT_FORWARD);
}

cufftResult cufftExecC2R(cufftHandle plan, void *in, void *out)
{
    return execute_typed(plan, C2R, MAF_F32, in, out, CUFFT_INVERSE);
}

cufftResult cufftExecZ2Z(cufftHandle plan, void *in, void *out, int direction)
{
    return execute_typed(plan, C2C, MAF_F64, in, out, direction);
}

cufftResult cufftExecD2Z(cufftHandle plan, void *in, void *out)
{
    return execute_typed(plan, R2C, MAF_F64, in, out, CUFFT_FORWARD);
}

cufftResult cufftExecZ2D(cufftHandle plan, void *in, void *out)
{
    return execute_typed(plan, C2R, MAF_F64, in, out, CUFFT_INVERSE);
}
