/* cuRAND's host interface: XORWOW, MRG32k3a and Philox, with the sequences of the real library. A generator's state lies in
 * device memory and moves in stream order. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "curand.h"
#include "maf_client.h"

enum { MAJOR = 10, MINOR = 4, PATCH = 0 };
enum { XORWOW_LANES = 4096, MRG_LANES = 81920, MRG_LEGACY_LANES = 4096, PHILOX_LANES = 65536, HEADER_BYTES = 32 };
/* Numbers that a host generator makes at a time. */
enum { HOST_PART = 1 << 20 };

struct curandGenerator_st {
    void *stream;
    int kind; /* maf_random_generator */
    int on_host;
    int legacy;
    int seeded; /* the state is that of seed and offset, or a later one */
    uint64_t seed;
    uint64_t offset;
    uint64_t state; /* device memory, 0 until needed */
    int64_t state_lanes;
    int device;
};

#define NEED(condition, status)                                                                                        \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            return status;                                                                                             \
    } while (0)
#define NEED_GENERATOR NEED(g, CURAND_STATUS_NOT_INITIALIZED)

curandStatus_t curandGetVersion(int *version)
{
    NEED(version, CURAND_STATUS_OUT_OF_RANGE);
    *version = MAJOR * 10000 + MINOR * 100 + PATCH;
    return CURAND_STATUS_SUCCESS;
}

/* type: libraryPropertyType_t, 0 major, 1 minor, 2 patch level. */
curandStatus_t curandGetProperty(int type, int *value)
{
    static const int property[] = {MAJOR, MINOR, PATCH};
    NEED(value && type >= 0 && type <= 2, CURAND_STATUS_OUT_OF_RANGE);
    *value = property[type];
    return CURAND_STATUS_SUCCESS;
}

/* --- generators ---- */

static curandStatus_t create(curandGenerator_t *out, curandRngType_t type, int on_host)
{
    static const char what[] = "curandCreateGenerator of this type";
    int kind = 0;
    NEED(out, CURAND_STATUS_OUT_OF_RANGE);
    switch (type) {
    case CURAND_RNG_PSEUDO_DEFAULT:
    case CURAND_RNG_PSEUDO_XORWOW:
        kind = MAF_XORWOW;
        break;
    case CURAND_RNG_PSEUDO_MRG32K3A:
        kind = MAF_MRG32K3A;
        break;
    case CURAND_RNG_PSEUDO_PHILOX4_32_10:
        kind = MAF_PHILOX;
        break;
    default:
        if (type == CURAND_RNG_PSEUDO_MTGP32 || type == CURAND_RNG_PSEUDO_MT19937 ||
            (type >= CURAND_RNG_QUASI_DEFAULT && type <= CURAND_RNG_QUASI_SCRAMBLED_SOBOL64)) {
            maf_unsupported("curand", what);
            return CURAND_STATUS_INTERNAL_ERROR;
        }
        return CURAND_STATUS_TYPE_ERROR;
    }
    NEED(!maf_client_ready(), CURAND_STATUS_INITIALIZATION_FAILED);
    struct curandGenerator_st *g = calloc(1, sizeof *g);
    NEED(g, CURAND_STATUS_ALLOCATION_FAILED);
    g->kind = kind;
    g->on_host = on_host;
    g->device = maf_current_device();
    *out = g;
    return CURAND_STATUS_SUCCESS;
}

curandStatus_t curandCreateGenerator(curandGenerator_t *generator, curandRngType_t type)
{
    return create(generator, type, 0);
}

curandStatus_t curandCreateGeneratorHost(curandGenerator_t *generator, curandRngType_t type)
{
    return create(generator, type, 1);
}

curandStatus_t curandDestroyGenerator(curandGenerator_t g)
{
    NEED_GENERATOR;
    if (g->state)
        maf_free(g->state);
    free(g);
    return CURAND_STATUS_SUCCESS;
}

curandStatus_t curandSetStream(curandGenerator_t g, void *stream)
{
    NEED_GENERATOR;
    g->stream = stream;
    return CURAND_STATUS_SUCCESS;
}

curandStatus_t curandSetPseudoRandomGeneratorSeed(curandGenerator_t g, unsigned long long seed)
{
    NEED_GENERATOR;
    g->seed = seed;
    g->seeded = 0;
    return CURAND_STATUS_SUCCESS;
}

curandStatus_t curandSetGeneratorOffset(curandGenerator_t g, unsigned long long offset)
{
    NEED_GENERATOR;
    g->offset = offset;
    g->seeded = 0;
    return CURAND_STATUS_SUCCESS;
}

curandStatus_t curandSetGeneratorOrdering(curandGenerator_t g, curandOrdering_t order)
{
    NEED_GENERATOR;
    switch (order) {
    case CURAND_ORDERING_PSEUDO_BEST:
    case CURAND_ORDERING_PSEUDO_DEFAULT:
    case CURAND_ORDERING_PSEUDO_LEGACY:
        g->legacy = order == CURAND_ORDERING_PSEUDO_LEGACY;
        g->seeded = 0;
        return CURAND_STATUS_SUCCESS;
    case CURAND_ORDERING_PSEUDO_SEEDED:
        maf_unsupported("curand", "CURAND_ORDERING_PSEUDO_SEEDED");
        return CURAND_STATUS_INTERNAL_ERROR;
    default: /* DYNAMIC has no meaning here either */
        return CURAND_STATUS_OUT_OF_RANGE;
    }
}

curandStatus_t curandSetQuasiRandomGeneratorDimensions(curandGenerator_t g, unsigned int dimensions)
{
    (void)dimensions;
    NEED_GENERATOR;
    return CURAND_STATUS_TYPE_ERROR; /* no generator is quasirandom */
}

/* --- numbers ---- */

static curandStatus_t submit(struct curandGenerator_st *g, const struct maf_op_random *op, uint64_t out,
                             const void *scalars, uint32_t bytes)
{
    struct maf_plan_info info;
    uint64_t pointers[2] = {g->state, out};
    NEED(!maf_plan(MAF_OP_RANDOM, op, sizeof *op, &info), CURAND_STATUS_INTERNAL_ERROR);
    return maf_op(g->stream, info.plan, pointers, 2, scalars, bytes) ? CURAND_STATUS_LAUNCH_FAILURE
                                                                     : CURAND_STATUS_SUCCESS;
}

static int64_t lanes_of(const struct curandGenerator_st *g)
{
    return g->kind == MAF_XORWOW ? XORWOW_LANES : g->kind == MAF_PHILOX ? PHILOX_LANES
           : g->legacy ? MRG_LEGACY_LANES : MRG_LANES;
}

static curandStatus_t prepare(struct curandGenerator_st *g)
{
    int64_t lanes = lanes_of(g);
    if (g->state && g->state_lanes != lanes) {
        maf_free(g->state);
        g->state = 0;
    }
    if (!g->state) {
        g->state = maf_alloc(HEADER_BYTES + 4 * (uint64_t)lanes * (g->kind == MAF_PHILOX ? 1 : 6));
        NEED(g->state, CURAND_STATUS_ALLOCATION_FAILED);
        g->state_lanes = lanes;
    }
    if (g->seeded)
        return CURAND_STATUS_SUCCESS;
    struct maf_op_random op = {.routine = MAF_RANDOM_SEED, .generator = g->kind, .lanes = lanes};
    uint64_t scalars[2] = {g->seed, g->offset};
    curandStatus_t status = submit(g, &op, 0, scalars, sizeof scalars);
    g->seeded = status == CURAND_STATUS_SUCCESS;
    return status;
}

curandStatus_t curandGenerateSeeds(curandGenerator_t g)
{
    NEED_GENERATOR;
    return prepare(g);
}

struct scalars {
    double mean;
    double deviation;
    uint64_t count;
};

static curandStatus_t generate(struct curandGenerator_st *g, int distribution, int type, void *out, size_t count,
                               double mean, double deviation)
{
    size_t bytes = type == MAF_F64 ? 8 : 4;
    NEED_GENERATOR;
    NEED(out || !count, CURAND_STATUS_OUT_OF_RANGE);
    curandStatus_t status = prepare(g);
    NEED(status == CURAND_STATUS_SUCCESS && count, status);
    struct maf_op_random op = {.routine = MAF_RANDOM_GENERATE, .generator = g->kind, .lanes = lanes_of(g),
                               .distribution = distribution, .type = type};
    struct scalars scalars = {mean, deviation, count};
    if (!g->on_host)
        return submit(g, &op, (uint64_t)(uintptr_t)out, &scalars, sizeof scalars);
    uint64_t room = maf_alloc((uint64_t)bytes * (count < HOST_PART ? count : HOST_PART));
    NEED(room, CURAND_STATUS_ALLOCATION_FAILED);
    for (size_t done = 0; done < count && status == CURAND_STATUS_SUCCESS; done += scalars.count) {
        scalars.count = count - done < HOST_PART ? count - done : HOST_PART;
        status = submit(g, &op, room, &scalars, sizeof scalars);
        if (status == CURAND_STATUS_SUCCESS &&
            (maf_stream_sync(g->stream) || maf_read((char *)out + done * bytes, room, scalars.count * bytes)))
            status = CURAND_STATUS_LAUNCH_FAILURE;
    }
    maf_free(room);
    return status;
}

curandStatus_t curandGenerate(curandGenerator_t g, unsigned int *out, size_t count)
{
    return generate(g, MAF_RANDOM_BITS, MAF_I32, out, count, 0, 0);
}

curandStatus_t curandGenerateLongLong(curandGenerator_t g, unsigned long long *out, size_t count)
{
    (void)out, (void)count;
    NEED_GENERATOR;
    return CURAND_STATUS_TYPE_ERROR; /* 64-bit quasirandom generators only */
}

curandStatus_t curandGenerateUniform(curandGenerator_t g, float *out, size_t count)
{
    return generate(g, MAF_RANDOM_UNIFORM, MAF_F32, out, count, 0, 0);
}

curandStatus_t curandGenerateUniformDouble(curandGenerator_t g, double *out, size_t count)
{
    return generate(g, MAF_RANDOM_UNIFORM, MAF_F64, out, count, 0, 0);
}

/* Normal numbers come in pairs. */
static curandStatus_t pairs(struct curandGenerator_st *g, int distribution, int type, void *out, size_t count,
                            double mean, double deviation)
{
    NEED_GENERATOR;
    NEED(count % 2 == 0, CURAND_STATUS_LENGTH_NOT_MULTIPLE);
    return generate(g, distribution, type, out, count, mean, deviation);
}

curandStatus_t curandGenerateNormal(curandGenerator_t g, float *out, size_t count, float mean, float deviation)
{
    return pairs(g, MAF_RANDOM_NORMAL, MAF_F32, out, count, mean, deviation);
}

curandStatus_t curandGenerateNormalDouble(curandGenerator_t g, double *out, size_t count, double mean, double deviation)
{
    return pairs(g, MAF_RANDOM_NORMAL, MAF_F64, out, count, mean, deviation);
}

curandStatus_t curandGenerateLogNormal(curandGenerator_t g, float *out, size_t count, float mean, float deviation)
{
    return pairs(g, MAF_RANDOM_LOG_NORMAL, MAF_F32, out, count, mean, deviation);
}

curandStatus_t curandGenerateLogNormalDouble(curandGenerator_t g, double *out, size_t count, double mean,
                                             double deviation)
{
    return pairs(g, MAF_RANDOM_LOG_NORMAL, MAF_F64, out, count, mean, deviation);
}

curandStatus_t curandGeneratePoisson(curandGenerator_t g, unsigned int *out, size_t count, double lambda)
{
    NEED_GENERATOR;
    NEED(lambda > 0 && lambda <= 400000, CURAND_STATUS_OUT_OF_RANGE);
    return generate(g, MAF_RANDOM_POISSON, MAF_I32, out, count, lambda, 0);
}
