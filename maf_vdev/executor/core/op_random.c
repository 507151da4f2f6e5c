/* See op_random.h. Neighbouring lanes are computed together; a thread of the pool keeps its lanes for all rounds. */

#pragma GCC optimize("O3")

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

#include "cpu_launch.h"
#include "op_random.h"
#include "philox.h"

enum { STATE, OUT, BLOCK = 256, WORDS = 8, NUMBERS = 4, OUT_OF_MEMORY = 2 };

/* Modulus of the first of MRG32k3a's two recurrences, of the second, and 1 / (the first + 1), which maps to (0, 1). */
#define MOD1 4294967087u
#define MOD2 4294944443u
#define MRG_SCALE 2.3283065498378288e-10
/* MRG32k3a's numbers fill [1, MOD1]; this spreads them over 32 bits. */
#define MRG_BITS 1.000000048662

struct header {
    uint64_t lane;
    uint64_t taken;
    uint64_t seed;
    uint64_t reserved;
};

struct run {
    const struct maf_random *plan;
    struct header *header;
    uint32_t *words;
    char *out;
    uint64_t count;
    uint64_t items; /* the last may be partial */
    int words_per_item;
    int per_item;
    double mean;
    double deviation;
    double *cumulative; /* of a Poisson distribution, from `first` on */
    int64_t first;
    int64_t entries;
};

/* --- one draw of each of some lanes ---- */

static void draw_xorwow(uint32_t *restrict s, int64_t lanes, int64_t lane, int64_t count, uint32_t *restrict to)
{
    uint32_t *v0 = s + lane, *v1 = v0 + lanes, *v2 = v1 + lanes, *v3 = v2 + lanes, *v4 = v3 + lanes, *d = v4 + lanes;
    for (int64_t i = 0; i < count; i++) {
        uint32_t t = v0[i] ^ (v0[i] >> 2), last = v4[i];
        v0[i] = v1[i];
        v1[i] = v2[i];
        v2[i] = v3[i];
        v3[i] = last;
        last = (last ^ (last << 4)) ^ (t ^ (t << 1));
        v4[i] = last;
        d[i] += 362437;
        to[i] = last + d[i];
    }
}

static void draw_mrg(uint32_t *s, int64_t lanes, int64_t lane, int64_t count, uint32_t *to)
{
    uint32_t *a = s + lane, *b = a + 3 * lanes;
    for (int64_t i = 0; i < count; i++) {
        uint32_t *a0 = a + i, *a1 = a0 + lanes, *a2 = a1 + lanes, *b0 = b + i, *b1 = b0 + lanes, *b2 = b1 + lanes;
        uint64_t p = (1403580ull * *a1 + 810728ull * (MOD1 - *a0)) % MOD1;
        uint64_t q = (527612ull * *b2 + 1370589ull * (MOD2 - *b0)) % MOD2;
        *a0 = *a1, *a1 = *a2, *a2 = (uint32_t)p;
        *b0 = *b1, *b1 = *b2, *b2 = (uint32_t)q;
        to[i] = (uint32_t)(p > q ? p - q : p + MOD1 - q);
    }
}

/* The counter is the block's number and the lane. */
static void draw_philox(uint32_t *counters, uint64_t seed, int64_t lane, int64_t count, uint32_t (*to)[BLOCK])
{
    for (int64_t i = 0; i < count; i++) {
        uint32_t word[4] = {counters[lane + i]++, 0, (uint32_t)(lane + i), 0};
        maf_philox(seed, word);
        to[0][i] = word[0], to[1][i] = word[1], to[2][i] = word[2], to[3][i] = word[3];
    }
}

static void draw(const struct run *r, int64_t lane, int64_t count, uint32_t (*to)[BLOCK])
{
    switch (r->plan->generator) {
    case MAF_XORWOW:
        for (int w = 0; w < r->words_per_item; w++)
            draw_xorwow(r->words, r->plan->lanes, lane, count, to[w]);
        break;
    case MAF_MRG32K3A:
        for (int w = 0; w < r->words_per_item; w++)
            draw_mrg(r->words, r->plan->lanes, lane, count, to[w]);
        break;
    default:
        for (int w = 0; w < r->words_per_item; w += 4)
            draw_philox(r->words, r->header->seed, lane, count, to + w);
    }
}

/* --- from words to numbers: `step` outputs of a lane lie side by side ---- */

static inline float single(const struct run *r, uint32_t x)
{
    return r->plan->generator == MAF_MRG32K3A ? (float)(x * MRG_SCALE) : (float)x * 0x1p-32f + 0x1p-33f;
}

/* 53 bits of two words; MRG32k3a has no second one. */
static inline double wide(const struct run *r, const uint32_t (*w)[BLOCK], int first, int64_t i)
{
    if (r->plan->generator == MAF_MRG32K3A)
        return w[first][i] * MRG_SCALE;
    uint64_t bits = (uint64_t)w[first][i] ^ ((uint64_t)w[first + 1][i] << 21);
    return (double)bits * 0x1p-53 + 0x1p-54;
}

#define TWO_PI 6.283185307179586

/* Box and Muller's pair. */
static inline void pair_single(const struct run *r, uint32_t x, uint32_t y, float *to)
{
    float angle = r->plan->generator == MAF_MRG32K3A ? (float)(y * MRG_SCALE) * (float)TWO_PI
                                                     : (float)y * (float)(0x1p-32 * TWO_PI) + (float)(0x1p-33 * TWO_PI);
    float radius = sqrtf(-2.0f * logf(single(r, x)));
    to[0] = radius * sinf(angle);
    to[1] = radius * cosf(angle);
}

static inline void pair_wide(double x, double y, double *to)
{
    double radius = sqrt(-2.0 * log(x));
    to[0] = radius * sin(TWO_PI * y);
    to[1] = radius * cos(TWO_PI * y);
}

static uint32_t poisson(const struct run *r, double u)
{
    int64_t low = 0, high = r->entries - 1;
    while (low < high) { /* the first whose cumulative probability reaches u */
        int64_t middle = (low + high) / 2;
        if (r->cumulative[middle] < u)
            low = middle + 1;
        else
            high = middle;
    }
    return (uint32_t)(r->first + low);
}

union number {
    uint32_t bits;
    float single;
    double wide;
};

/* The numbers of one lane's item. */
static void numbers(const struct run *r, const uint32_t (*w)[BLOCK], int64_t i, union number *to)
{
    int philox = r->plan->generator == MAF_PHILOX, count = r->per_item;
    int is_wide = r->plan->type == MAF_F64;
    /* Words of one wide number, and of a pair of them. */
    int step = r->plan->generator == MAF_MRG32K3A ? 1 : 2;
    float pair[2];
    double wide_pair[2];
    switch (r->plan->distribution) {
    case MAF_RANDOM_BITS:
        for (int k = 0; k < count; k++)
            to[k].bits = r->plan->generator == MAF_MRG32K3A ? (uint32_t)(w[k][i] * MRG_BITS) : w[k][i];
        return;
    case MAF_RANDOM_UNIFORM:
        for (int k = 0; k < count; k++)
            if (is_wide)
                to[k].wide = wide(r, w, k * step, i);
            else
                to[k].single = single(r, w[k][i]);
        return;
    case MAF_RANDOM_POISSON:
        for (int k = 0; k < count; k++)
            to[k].bits = poisson(r, wide(r, w, k * step, i));
        return;
    default:
        break;
    }
    int logarithm = r->plan->distribution == MAF_RANDOM_LOG_NORMAL;
    for (int k = 0; k < count; k += 2) {
        if (is_wide) {
            int first = philox ? 2 * k : 0;
            pair_wide(wide(r, w, first, i), wide(r, w, first + step, i), wide_pair);
        } else {
            pair_single(r, w[k][i], w[k + 1][i], pair);
        }
        for (int j = 0; j < 2; j++) {
            if (is_wide) {
                double x = r->mean + r->deviation * wide_pair[j];
                to[k + j].wide = logarithm ? exp(x) : x;
            } else {
                float x = (float)r->mean + (float)r->deviation * pair[j];
                to[k + j].single = logarithm ? expf(x) : x;
            }
        }
    }
}

/* Items [item, item + count) of neighbouring lanes. */
static void some_lanes(const struct run *r, uint64_t item, int64_t lane, int64_t count)
{
    uint32_t w[WORDS][BLOCK];
    union number to[NUMBERS];
    int bytes = r->plan->type == MAF_F64 ? 8 : 4;
    draw(r, lane, count, w);
    for (int64_t i = 0; i < count; i++) {
        uint64_t at = (item + (uint64_t)i) * (uint64_t)r->per_item; /* counting from the first lane's whole item */
        numbers(r, (const uint32_t(*)[BLOCK])w, i, to);
        for (int k = 0; k < r->per_item; k++) {
            uint64_t place = at + (uint64_t)k - r->header->taken;
            if (place < r->count) /* those taken before are a negative number, which is large */
                memcpy(r->out + place * (uint64_t)bytes, &to[k], (size_t)bytes);
        }
    }
}

/* The lanes of items [begin, end) of the first round, in all rounds. */
static void run_range(void *arg, uint64_t begin, uint64_t end)
{
    const struct run *r = arg;
    uint64_t lanes = (uint64_t)r->plan->lanes;
    for (uint64_t start = begin; start < end;) {
        uint64_t lane = (r->header->lane + start) % lanes, count = end - start;
        count = count > BLOCK ? BLOCK : count;
        count = count > lanes - lane ? lanes - lane : count;
        for (uint64_t item = start; item < r->items; item += lanes) {
            uint64_t left = r->items - item;
            some_lanes(r, item, (int64_t)lane, (int64_t)(left < count ? left : count));
        }
        start += count;
    }
}

/* --- a call ---- */

static int words_of(const struct maf_random *p)
{
    int wide = p->type == MAF_F64 || p->distribution == MAF_RANDOM_POISSON;
    int normal = p->distribution == MAF_RANDOM_NORMAL || p->distribution == MAF_RANDOM_LOG_NORMAL;
    if (p->generator == MAF_PHILOX)
        return wide ? 8 : 4;
    return (normal ? 2 : 1) * (wide && p->generator == MAF_XORWOW ? 2 : 1);
}

static int state_words(const struct maf_random *p)
{
    return p->generator == MAF_PHILOX ? 1 : 6;
}

/* Cumulative probabilities within twelve deviations of the mean: what lies outside is below 2^-53. */
static int tabulate(struct run *r)
{
    double lambda = r->mean, reach = 12 * sqrt(lambda) + 30;
    r->first = lambda > reach ? (int64_t)(lambda - reach) : 0;
    r->entries = (int64_t)(lambda + reach) - r->first + 1;
    r->cumulative = malloc((size_t)r->entries * sizeof *r->cumulative);
    if (!r->cumulative)
        return OUT_OF_MEMORY;
    double p = exp((double)r->first * log(lambda) - lambda - lgamma((double)r->first + 1)), sum = 0;
    for (int64_t k = 0; k < r->entries; k++) {
        sum += p;
        r->cumulative[k] = sum;
        p *= lambda / (double)(r->first + k + 1);
    }
    return 0;
}

int maf_random_run(void *closure, const uint64_t *ptrs, const void *scalars)
{
    const struct maf_random *p = closure;
    struct run r = {.plan = p, .header = (struct header *)(uintptr_t)ptrs[STATE], .out = (char *)(uintptr_t)ptrs[OUT]};
    int normal = p->distribution == MAF_RANDOM_NORMAL || p->distribution == MAF_RANDOM_LOG_NORMAL;
    memcpy(&r.mean, scalars, 8);
    memcpy(&r.deviation, (const char *)scalars + 8, 8);
    memcpy(&r.count, (const char *)scalars + 16, 8);
    r.words = (uint32_t *)(void *)(r.header + 1);
    r.words_per_item = words_of(p);
    r.per_item = p->generator == MAF_PHILOX ? 4 : normal ? 2 : 1;
    if (!r.count)
        return 0;
    if (p->distribution == MAF_RANDOM_POISSON) {
        int error = tabulate(&r);
        if (error)
            return error;
    }
    /* A generator that was last asked for longer items has no part of one left to take. */
    r.header->taken %= (uint64_t)r.per_item;
    uint64_t end = r.header->taken + r.count, lanes = (uint64_t)p->lanes;
    r.items = (end + (uint64_t)r.per_item - 1) / (uint64_t)r.per_item;
    uint64_t last_lane = (r.header->lane + r.items - 1) % lanes, partial = end % (uint64_t)r.per_item;
    uint32_t before[6];
    /* The lane of a partial item keeps its state: the rest of the item is made again. */
    if (r.items <= lanes || !partial) {
        for (int w = 0; w < state_words(p); w++)
            before[w] = r.words[(uint64_t)w * lanes + last_lane];
        maf_cpu_parallel_for(r.items < lanes ? r.items : lanes, 4 * BLOCK, run_range, &r);
    } else { /* all but the last item first */
        uint64_t count = r.count;
        r.items--;
        r.count -= partial;
        maf_cpu_parallel_for(lanes, 4 * BLOCK, run_range, &r);
        r.items++;
        r.count = count;
        for (int w = 0; w < state_words(p); w++)
            before[w] = r.words[(uint64_t)w * lanes + last_lane];
        some_lanes(&r, r.items - 1, (int64_t)last_lane, 1);
    }
    if (partial)
        for (int w = 0; w < state_words(p); w++)
            r.words[(uint64_t)w * lanes + last_lane] = before[w];
    r.header->lane = (r.header->lane + r.items - (partial ? 1 : 0)) % lanes;
    r.header->taken = partial;
    free(r.cumulative);
    return 0;
}
