/* See op_rnn.h. Reserve memory, in this order: 64 bytes of header (seed and counter of the dropout mask), output rows
 * of each layer, memory of each lane (layer and direction); see place_lane in rnn_kernels.h. */

#pragma GCC optimize("O3")
#pragma GCC optimize("no-signed-zeros", "no-trapping-math", "no-math-errno")

#include <math.h>
#include <string.h>

#include "core.h"

#include "cpu_launch.h"
#include "gemm_targets.h"
#include "op_array.h"
#include "op_convert.h"
#include "op_rnn.h"
#include "vector_math.h"

enum { INFERENCE, TRAINING, BACKWARD_DATA, BACKWARD_WEIGHTS };
enum { RELU, TANH, LSTM, GRU };
enum { BIAS_NONE, BIAS_INPUT, BIAS_BOTH, BIAS_RECURRENT };
enum { TIME_MAJOR, PACKED, BATCH_MAJOR };
enum { X, Y, HX, HY, CX, CY, W, RESERVE, STATES, DX, DY, DHX, DHY, DCX, DCY, DW, POINTERS };
enum { HEADER = 64, TASK = 16384, OUT_OF_MEMORY = 2 };

struct sizes { /* of the reserve, in elements */
    int dropped; /* dropout between layers */
    int64_t layer;
    int64_t outputs;
    int64_t lane;
    int64_t total;
};

static struct sizes sizes_of(const struct maf_rnn *p)
{
    struct sizes s;
    int inference = p->direction == INFERENCE;
    int64_t rows = p->time * p->batch, lanes = inference ? 1 : p->layers * p->directions;
    s.dropped = p->dropout && p->layers > 1 && !inference;
    s.layer = rows * p->out * p->directions * (s.dropped ? 2 : 1);
    s.outputs = s.layer * (inference && p->layers > 2 ? 2 : p->layers);
    s.lane = rows * (p->hidden * (p->gates + (p->cell == LSTM) + (p->cell == GRU) + (p->projected != 0)) +
                     (p->projected ? p->out : 0));
    s.total = s.outputs + lanes * s.lane;
    return s;
}

struct run {
    const struct maf_rnn *plan;
    double dropout;
    uint64_t seed;
    uint64_t counter;
    int64_t rows;
    const int64_t *first; /* of each step, packed row */
    const int64_t *count;
    const int64_t *sorted; /* lengths, descending */
    const int64_t *order;  /* batch index of each sorted row */
    void *reserve;         /* behind its header */
    const void *x;
    void *h0, *c0, *h_last, *c_last, *dh, *dc; /* [layers * directions][batch][size], sorted rows */
    void *step; /* a step's rows: gates, then hidden */
    void *old;  /* rows of outputs before each step */
};

/* A counter-based generator (splitmix64): the same element gives the same answer in both passes. */
static int keep_element(const struct run *r, int64_t layer, int64_t index)
{
    uint64_t z = r->seed + 0x9e3779b97f4a7c15ull * (r->counter * 0x100000001b3ull + (uint64_t)layer + 1);
    z ^= (uint64_t)index * 0xd1342543de82ef95ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    z ^= z >> 31;
    return (double)(z >> 11) * 0x1p-53 >= r->dropout;
}

static inline float sigmoid_f32(float x)
{
    float y = 1 / (1 + exp_f32(-x));
    return x != x ? x : y;
}

/* Near zero a polynomial, where 1 - 2 / (e^2x + 1) would cancel. */
static inline float tangent_f32(float x)
{
    float a = x < 0 ? -x : x, z = x * x;
    float p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    float small = p * z * x + x;
    float big = 1 - 2 / (exp_f32(2 * a) + 1);
    float y = a < 0.625f ? small : x < 0 ? -big : big;
    return x != x ? x : y;
}

static inline double sigmoid_f64(double x)
{
    return 1 / (1 + exp(-x));
}

static inline double tangent_f64(double x)
{
    return tanh(x);
}

#define real float
#define NAME(x) x##_f32
#include "rnn_kernels.h"
#undef real
#undef NAME

#define real double
#define NAME(x) x##_f64
#include "rnn_kernels.h"

uint64_t maf_rnn_reserve_bytes(const struct maf_rnn *rnn)
{
    struct maf_rnn training = *rnn;
    training.direction = TRAINING;
    return HEADER + (uint64_t)sizes_of(&training).total * (rnn->wide ? 8 : 4);
}

int64_t maf_rnn_weight_elements(const struct maf_rnn *rnn)
{
    return find_f32(rnn, 0, 0).end;
}

/* Where the application keeps a packed row. */
static int64_t user_row(const struct run *r, int64_t t, int64_t row)
{
    const struct maf_rnn *p = r->plan;
    if (p->layout == PACKED)
        return r->first[t] + row;
    return p->layout == TIME_MAJOR ? t * p->batch + r->order[row] : r->order[row] * p->time + t;
}

static void pack(const struct run *r, void *rows, uint64_t from, int64_t size)
{
    const struct maf_rnn *p = r->plan;
    int64_t compute = p->wide ? MAF_F64 : MAF_F32, bytes = p->wide ? 8 : 4, user_bytes = maf_type_bytes(p->type);
    for (int64_t t = 0; t < p->time; t++)
        for (int64_t row = 0; row < r->count[t]; row++)
            maf_copy_strided(compute, (char *)rows + (r->first[t] + row) * size * bytes, 1, 0, p->type,
                             (const char *)from + user_row(r, t, row) * size * user_bytes, 1, 0, size, 1);
}

static void unpack(const struct run *r, uint64_t to, const void *rows, int64_t size, double fill)
{
    const struct maf_rnn *p = r->plan;
    int64_t compute = p->wide ? MAF_F64 : MAF_F32, bytes = p->wide ? 8 : 4, user_bytes = maf_type_bytes(p->type);
    for (int64_t t = 0; t < p->time; t++) {
        for (int64_t row = 0; row < p->batch; row++) {
            if (row >= r->count[t] && p->layout == PACKED)
                break;
            char *place = (char *)to + user_row(r, t, row) * size * user_bytes;
            if (row < r->count[t])
                maf_copy_strided(p->type, place, 1, 0, compute, (const char *)rows + (r->first[t] + row) * size * bytes,
                                 1, 0, size, 1);
            else
                maf_copy_strided(p->type, place, 1, 0, MAF_F64, &fill, 0, 0, size, 1);
        }
    }
}

/* [lanes][batch][size] between the application's order and the sorted one; a state that is absent is zero. */
static void load_states(const struct run *r, void *to, uint64_t from, int64_t size)
{
    const struct maf_rnn *p = r->plan;
    int64_t compute = p->wide ? MAF_F64 : MAF_F32, bytes = p->wide ? 8 : 4, user_bytes = maf_type_bytes(p->type);
    int64_t lanes = p->layers * p->directions;
    if (!from) {
        memset(to, 0, (size_t)(lanes * p->batch * size * bytes));
        return;
    }
    for (int64_t lane = 0; lane < lanes; lane++)
        for (int64_t row = 0; row < p->batch; row++)
            maf_copy_strided(compute, (char *)to + (lane * p->batch + row) * size * bytes, 1, 0, p->type,
                             (const char *)from + (lane * p->batch + r->order[row]) * size * user_bytes, 1, 0, size, 1);
}

static void store_states(const struct run *r, uint64_t to, const void *from, int64_t size)
{
    const struct maf_rnn *p = r->plan;
    int64_t compute = p->wide ? MAF_F64 : MAF_F32, bytes = p->wide ? 8 : 4, user_bytes = maf_type_bytes(p->type);
    for (int64_t lane = 0; to && lane < p->layers * p->directions; lane++)
        for (int64_t row = 0; row < p->batch; row++)
            maf_copy_strided(p->type, (char *)to + (lane * p->batch + r->order[row]) * size * user_bytes, 1, 0, compute,
                             (const char *)from + (lane * p->batch + row) * size * bytes, 1, 0, size, 1);
}

/* Lengths, their sorting, and the rows of each step. Nonzero for lengths that do not fit. */
static int plan_rows(struct run *r, const int32_t *lengths, int64_t *table)
{
    const struct maf_rnn *p = r->plan;
    int64_t *sorted = table, *order = sorted + p->batch, *count = order + p->batch, *first = count + p->time;
    for (int64_t i = 0; i < p->batch; i++) {
        if (lengths[i] < 0 || lengths[i] > p->time)
            return 1;
        int64_t at = i; /* insertion keeps equal lengths in their order */
        for (; at > 0 && sorted[at - 1] < lengths[i]; at--) {
            sorted[at] = sorted[at - 1];
            order[at] = order[at - 1];
        }
        if (at != i && p->layout == PACKED)
            return 1;
        sorted[at] = lengths[i];
        order[at] = i;
    }
    r->rows = 0;
    for (int64_t t = 0; t < p->time; t++) {
        count[t] = t ? count[t - 1] : p->batch;
        while (count[t] && sorted[count[t] - 1] <= t)
            count[t]--;
        first[t] = r->rows;
        r->rows += count[t];
    }
    r->sorted = sorted;
    r->order = order;
    r->count = count;
    r->first = first;
    return 0;
}

static char *take(char **scratch, int64_t bytes)
{
    char *p = *scratch;
    *scratch += (bytes + 63) & ~(int64_t)63;
    return p;
}

/* dw += sums, or dw = sums. */
static void store_weights(const struct maf_rnn *p, uint64_t dw, float *sums, float *other, int64_t count, int clear)
{
    if (!clear) {
        maf_copy_strided(MAF_F32, other, 1, 0, p->type, (const void *)dw, 1, 0, count, 1);
        for (int64_t i = 0; i < count; i++)
            sums[i] += other[i];
    }
    maf_copy_strided(p->type, (void *)dw, 1, 0, MAF_F32, sums, 1, 0, count, 1);
}

int maf_rnn_run(void *closure, const uint64_t *ptrs, const void *scalars)
{
    const struct maf_rnn *p = closure;
    double reals[2];
    int64_t clear;
    memcpy(reals, scalars, sizeof reals);
    memcpy(&clear, (const char *)scalars + sizeof reals, sizeof clear);
    const int32_t *lengths = (const int32_t *)((const char *)scalars + sizeof reals + sizeof clear);

    int64_t bytes = p->wide ? 8 : 4, rows = p->time * p->batch, output = p->out * p->directions;
    int64_t states = p->layers * p->directions * p->batch, weights = maf_rnn_weight_elements(p);
    int converted = p->type != (p->wide ? MAF_F64 : MAF_F32);
    int64_t wide_rows = output > p->input ? output : p->input;
    int64_t reserve_bytes = p->direction == INFERENCE ? sizes_of(p).total * bytes : 0;
    int64_t total = reserve_bytes + 2 * weights * (converted ? bytes : 0) + rows * (p->input + 2 * wide_rows + p->out) * bytes +
                    states * (3 * p->out + 3 * p->hidden) * bytes + p->batch * (p->gates + 1) * p->hidden * bytes +
                    (2 * p->batch + 2 * p->time) * 8 + 20 * 64;
    char *scratch = maf_array_scratch((uint64_t)total);
    if (!scratch)
        return OUT_OF_MEMORY;
    struct run r = {.plan = p, .dropout = reals[1]};
    if (plan_rows(&r, lengths, (int64_t *)take(&scratch, (2 * p->batch + 2 * p->time) * 8)))
        return MAF_ERROR_INVALID_VALUE;
    r.reserve = p->direction == INFERENCE ? take(&scratch, reserve_bytes) : (char *)ptrs[RESERVE] + HEADER;
    uint64_t *header = (uint64_t *)ptrs[RESERVE], *dropout_states = (uint64_t *)ptrs[STATES];
    if (p->direction == TRAINING) {
        header[0] = p->dropout && dropout_states ? dropout_states[0] : 0;
        header[1] = p->dropout && dropout_states ? dropout_states[1]++ : 0;
    }
    if (p->direction != INFERENCE) {
        r.seed = header[0];
        r.counter = header[1];
    }
    void *x = take(&scratch, rows * p->input * bytes), *a = take(&scratch, rows * wide_rows * bytes);
    void *b = take(&scratch, rows * wide_rows * bytes);
    r.x = x;
    r.old = take(&scratch, rows * p->out * bytes);
    void **sized_out[] = {&r.h0, &r.h_last, &r.dh}, **sized_hidden[] = {&r.c0, &r.c_last, &r.dc};
    for (int i = 0; i < 3; i++) {
        *sized_out[i] = take(&scratch, states * p->out * bytes);
        *sized_hidden[i] = take(&scratch, states * p->hidden * bytes);
    }
    r.step = take(&scratch, p->batch * (p->gates + 1) * p->hidden * bytes);
    const void *w = (const void *)ptrs[W];
    void *dw = (void *)ptrs[DW];
    if (converted) {
        void *first = take(&scratch, weights * bytes), *second = take(&scratch, weights * bytes);
        if (p->direction == BACKWARD_WEIGHTS)
            dw = memset(first, 0, (size_t)(weights * bytes));
        else
            maf_copy_strided(MAF_F32, first, 1, 0, p->type, w, 1, 0, weights, 1);
        w = p->direction == BACKWARD_WEIGHTS ? second : first;
    } else if (p->direction == BACKWARD_WEIGHTS && clear) {
        memset(dw, 0, (size_t)(weights * bytes));
    }

    load_states(&r, r.h0, ptrs[HX], p->out);
    if (p->cell == LSTM)
        load_states(&r, r.c0, ptrs[CX], p->hidden);
    if (p->direction != BACKWARD_DATA)
        pack(&r, x, ptrs[X], p->input);
    switch (p->direction) {
    case INFERENCE:
    case TRAINING:
        if (p->wide)
            run_forward_f64(&r, w, a);
        else
            run_forward_f32(&r, w, a);
        unpack(&r, ptrs[Y], a, output, reals[0]);
        store_states(&r, ptrs[HY], r.h_last, p->out);
        if (p->cell == LSTM)
            store_states(&r, ptrs[CY], r.c_last, p->hidden);
        break;
    case BACKWARD_DATA:
        pack(&r, a, ptrs[DY], output);
        load_states(&r, r.dh, ptrs[DHY], p->out);
        if (p->cell == LSTM)
            load_states(&r, r.dc, ptrs[DCY], p->hidden);
        if (p->wide)
            run_backward_f64(&r, w, a, x, b);
        else
            run_backward_f32(&r, w, a, x, b);
        unpack(&r, ptrs[DX], x, p->input, 0);
        store_states(&r, ptrs[DHX], r.dh, p->out);
        if (p->cell == LSTM)
            store_states(&r, ptrs[DCX], r.dc, p->hidden);
        break;
    default:
        if (p->wide)
            run_weights_f64(&r, dw);
        else
            run_weights_f32(&r, dw);
        if (converted)
            store_weights(p, ptrs[DW], dw, (float *)w, weights, clear != 0);
    }
    return 0;
}
