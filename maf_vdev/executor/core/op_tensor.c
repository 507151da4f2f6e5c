/* See op_tensor.h. All of it computes in double on spans, lines or planes that are converted on the way in and out. */

#pragma GCC optimize("O3")

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

#include "cpu_launch.h"
#include "op_array.h"
#include "op_convert.h"
#include "op_tensor.h"

enum { SPAN = 1024, OUT_OF_MEMORY = 2 };

/* --- elementwise --------------------------------------------------------------------------- */

enum { SCALE, ADD, MULTIPLY, MINIMUM, MAXIMUM, SQUARE_ROOT, COMPLEMENT, CONSTANT };
enum { ACTIVATION = 16, GRADIENT = 32, DROPOUT = 48, NEW_DROPOUT = 49 };
enum { SIGMOID, RELU, TANH, CLIPPED_RELU, ELU, IDENTITY, SWISH };

struct elementwise_run {
    const struct maf_elementwise *plan;
    const uint64_t *base;
    double alpha1;
    double alpha2;
    double beta;
    double coefficient;
    uint64_t seed;
    uint64_t counter;
};

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double activate(int64_t mode, double x, double coefficient, int64_t nan_propagation)
{
    if (x != x && !nan_propagation && (mode == RELU || mode == CLIPPED_RELU))
        return 0;
    switch (mode) {
    case SIGMOID:
        return sigmoid(x);
    case RELU:
        return x < 0 ? 0 : x;
    case TANH:
        return tanh(x);
    case CLIPPED_RELU:
        return x < 0 ? 0 : x > coefficient ? coefficient : x;
    case ELU:
        return x < 0 ? coefficient * expm1(x) : x;
    case SWISH:
        return x * sigmoid(coefficient * x);
    default:
        return x;
    }
}

static double activation_gradient(int64_t mode, double y, double dy, double x, double coefficient)
{
    switch (mode) {
    case SIGMOID:
        return dy * y * (1 - y);
    case RELU:
        return x > 0 ? dy : 0;
    case TANH:
        return dy * (1 - y * y);
    case CLIPPED_RELU:
        return x > 0 && x < coefficient ? dy : 0;
    case ELU:
        return x < 0 ? dy * (y + coefficient) : dy;
    case SWISH: {
        double s = sigmoid(coefficient * x);
        return dy * (s + coefficient * x * s * (1 - s));
    }
    default:
        return dy;
    }
}

static double pick(double a, double b, int largest, int64_t nan_propagation)
{
    if (a != a || b != b)
        return nan_propagation ? NAN : a != a ? b : a;
    return largest ? (a > b ? a : b) : (a < b ? a : b);
}

/* splitmix64 of the element's number: whether dropout keeps it. */
static int keeps(const struct elementwise_run *r, uint64_t element)
{
    uint64_t z = r->seed + 0x9e3779b97f4a7c15ull * (r->counter + 1) + element * 0xd1342543de82ef95ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    z ^= z >> 31;
    return (double)(z >> 11) * 0x1p-53 >= r->coefficient;
}

static double element(const struct elementwise_run *r, double a, double b, double c)
{
    const struct maf_elementwise *p = r->plan;
    switch (p->function) {
    case SCALE:
        return r->alpha1 * a;
    case ADD:
        return r->alpha1 * a + r->alpha2 * b;
    case MULTIPLY:
        return r->alpha1 * a * (r->alpha2 * b);
    case MINIMUM:
    case MAXIMUM:
        return pick(r->alpha1 * a, r->alpha2 * b, p->function == MAXIMUM, p->nan_propagation);
    case SQUARE_ROOT:
        return sqrt(r->alpha1 * a);
    case COMPLEMENT:
        return 1 - r->alpha1 * a;
    case CONSTANT:
        return r->coefficient;
    case DROPOUT:
    case NEW_DROPOUT:
        return c != 0 && r->coefficient < 1 ? a / (1 - r->coefficient) : 0;
    default:
        return r->alpha1 * (p->function < GRADIENT
                                ? activate(p->function - ACTIVATION, a, r->coefficient, p->nan_propagation)
                                : activation_gradient(p->function - GRADIENT, a, b, c, r->coefficient));
    }
}

static const double *load(const struct elementwise_run *r, const struct maf_view *view, const int64_t *index,
                          int64_t first, int64_t n, double *buffer)
{
    const struct maf_elementwise *p = r->plan;
    if (view->source < 0 || !r->base[view->source])
        return NULL;
    maf_copy_strided(MAF_F64, buffer, 1, 0, view->type, maf_view_at(view, r->base, p->dims_count, index, first),
                     view->strides[p->dims_count - 1], 0, n, 1);
    return buffer;
}

static void elementwise_span(void *arg, const int64_t *index, int64_t first, int64_t n)
{
    const struct elementwise_run *r = arg;
    const struct maf_elementwise *p = r->plan;
    double buffers[4][SPAN], out[SPAN];
    void *to = maf_view_at(&p->out, r->base, p->dims_count, index, first);
    int64_t step = p->out.strides[p->dims_count - 1];
    if (p->function == NEW_DROPOUT) {
        uint8_t *mask = maf_view_at(&p->c, r->base, p->dims_count, index, first);
        uint64_t start = (uint64_t)(mask - (uint8_t *)r->base[p->c.source]);
        for (int64_t i = 0; i < n; i++) {
            uint64_t at = (uint64_t)(i * p->c.strides[p->dims_count - 1]);
            mask[at] = (uint8_t)keeps(r, start + at);
        }
    }
    const double *a = load(r, &p->a, index, first, n, buffers[0]);
    const double *b = p->function == NEW_DROPOUT ? NULL : load(r, &p->b, index, first, n, buffers[1]);
    const double *c = load(r, &p->c, index, first, n, buffers[2]);
    const double *old = r->beta != 0 ? load(r, &p->out, index, first, n, buffers[3]) : NULL;
    for (int64_t i = 0; i < n; i++)
        out[i] = element(r, a ? a[i] : 0, b ? b[i] : 0, c ? c[i] : 0) + (old ? r->beta * old[i] : 0);
    maf_copy_strided(p->out.type, to, step, 0, MAF_F64, out, 1, 0, n, 1);
}

int maf_elementwise_run(void *closure, const uint64_t *ptrs, const void *scalars)
{
    double s[4];
    memcpy(s, scalars, sizeof s);
    struct elementwise_run r = {closure, ptrs, s[0], s[1], s[2], s[3], 0, 0};
    if (r.plan->function == NEW_DROPOUT) {
        uint64_t *states = (uint64_t *)ptrs[2];
        r.seed = states[0];
        r.counter = states[1]++;
    }
    maf_array_spans(r.plan->dims_count, r.plan->dims, elementwise_span, &r);
    return 0;
}

/* --- reductions ---------------------------------------------------------------------------- */

enum { SUM, PRODUCT, SMALLEST, LARGEST, LARGEST_SIZE, AVERAGE, NORM1, NORM2, PRODUCT_WITHOUT_ZEROS };

struct reduce_run {
    const struct maf_reduce *plan;
    const uint64_t *ptrs;
    double alpha;
    double beta;
};

struct accumulator {
    double value;
    int64_t best; /* position of the chosen element */
    int64_t seen;
};

static void accumulate(const struct maf_reduce *p, struct accumulator *s, double x)
{
    switch (p->function) {
    case SUM:
    case AVERAGE:
        s->value += x;
        break;
    case PRODUCT:
        s->value *= x;
        break;
    case PRODUCT_WITHOUT_ZEROS:
        s->value *= x == 0 ? 1 : x;
        break;
    case NORM1:
        s->value += fabs(x);
        break;
    case NORM2:
        s->value += x * x;
        break;
    default: {
        double v = p->function == LARGEST_SIZE ? fabs(x) : x;
        int better = p->function == SMALLEST ? v < s->value : v > s->value;
        int is_nan = v != v, was_nan = s->value != s->value;
        if (s->seen == 0 || (was_nan && !is_nan && !p->nan_propagation) || (is_nan && !was_nan && p->nan_propagation) ||
            (!is_nan && !was_nan && better)) {
            s->value = v;
            s->best = s->seen;
        }
    }
    }
    s->seen++;
}

static void reduce_range(void *arg, uint64_t begin, uint64_t end)
{
    const struct reduce_run *r = arg;
    const struct maf_reduce *p = r->plan;
    int64_t last = p->reduced_count - 1, a_bytes = maf_type_bytes(p->type_a), c_bytes = maf_type_bytes(p->type_c);
    double buffer[SPAN];
    for (uint64_t out = begin; out < end; out++) {
        int64_t rest = (int64_t)out, from = 0, to = 0, index[8] = {0};
        for (int64_t d = p->kept_count - 1; d >= 0; d--) {
            from += rest % p->kept[d] * p->kept_a[d];
            to += rest % p->kept[d] * p->kept_c[d];
            rest /= p->kept[d];
        }
        int product = p->function == PRODUCT || p->function == PRODUCT_WITHOUT_ZEROS;
        struct accumulator s = {product ? 1 : 0, 0, 0};
        for (int more = 1; more;) {
            int64_t line = from;
            for (int64_t d = 0; d < last; d++)
                line += index[d] * p->reduced_a[d];
            for (int64_t first = 0; first < p->reduced[last]; first += SPAN) {
                int64_t n = p->reduced[last] - first < SPAN ? p->reduced[last] - first : SPAN;
                const char *src = (const char *)r->ptrs[0] + (line + first * p->reduced_a[last]) * a_bytes;
                maf_copy_strided(MAF_F64, buffer, 1, 0, p->type_a, src, p->reduced_a[last], 0, n, 1);
                for (int64_t i = 0; i < n; i++)
                    accumulate(p, &s, buffer[i]);
            }
            more = 0;
            for (int64_t d = last - 1; d >= 0 && !more; d--) {
                more = ++index[d] < p->reduced[d];
                if (!more)
                    index[d] = 0;
            }
        }
        double value = p->function == AVERAGE ? s.value / (double)s.seen : p->function == NORM2 ? sqrt(s.value) : s.value;
        char *c = (char *)r->ptrs[1] + to * c_bytes;
        double old = 0;
        if (r->beta != 0)
            maf_copy_strided(MAF_F64, &old, 1, 0, p->type_c, c, 1, 0, 1, 1);
        value = r->alpha * value + (r->beta != 0 ? r->beta * old : 0);
        maf_copy_strided(p->type_c, c, 1, 0, MAF_F64, &value, 1, 0, 1, 1);
        if (p->indices)
            ((int32_t *)r->ptrs[2])[out] = (int32_t)s.best;
    }
}

int maf_reduce_run(void *closure, const uint64_t *ptrs, const void *scalars)
{
    double s[2];
    memcpy(s, scalars, sizeof s);
    struct reduce_run r = {closure, ptrs, s[0], s[1]};
    int64_t count = 1, each = 1;
    for (int64_t d = 0; d < r.plan->kept_count; d++)
        count *= r.plan->kept[d];
    for (int64_t d = 0; d < r.plan->reduced_count; d++)
        each *= r.plan->reduced[d];
    maf_cpu_parallel_for((uint64_t)count, (uint64_t)(16384 / each + 1), reduce_range, &r);
    return 0;
}

/* --- softmax ------------------------------------------------------------------------------- */

struct softmax_run {
    const struct maf_softmax *plan;
    const uint64_t *ptrs;
    double alpha;
    double beta;
    int64_t length;
    int error;
};

/* Reads or writes a line: up to four dimensions, the innermost by maf_copy_strided. */
static void move_line(const struct maf_softmax *p, char *memory, const int64_t *steps, double *line, int store)
{
    int64_t last = p->line_count - 1, index[4] = {0}, bytes = maf_type_bytes(p->type);
    for (double *at = line;; at += p->line[last]) {
        int64_t offset = 0;
        for (int64_t d = 0; d < last; d++)
            offset += index[d] * steps[d];
        char *place = memory + offset * bytes;
        if (store)
            maf_copy_strided(p->type, place, steps[last], 0, MAF_F64, at, 1, 0, p->line[last], 1);
        else
            maf_copy_strided(MAF_F64, at, 1, 0, p->type, place, steps[last], 0, p->line[last], 1);
        int64_t d = last - 1;
        for (; d >= 0 && ++index[d] == p->line[d]; d--)
            index[d] = 0;
        if (d < 0)
            return;
    }
}

static void softmax_line(double *x, int64_t n, int logarithm)
{
    double high = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++)
        high = x[i] > high ? x[i] : high;
    if (high == -INFINITY)
        high = 0;
    for (int64_t i = 0; i < n; i++)
        sum += exp(x[i] - high);
    for (int64_t i = 0; i < n; i++)
        x[i] = logarithm ? x[i] - high - log(sum) : exp(x[i] - high) / sum;
}

static void softmax_gradient_line(double *dy, const double *y, int64_t n, int logarithm)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += logarithm ? dy[i] : dy[i] * y[i];
    for (int64_t i = 0; i < n; i++)
        dy[i] = logarithm ? dy[i] - exp(y[i]) * sum : y[i] * (dy[i] - sum);
}

static void softmax_range(void *arg, uint64_t begin, uint64_t end)
{
    struct softmax_run *r = arg;
    const struct maf_softmax *p = r->plan;
    int64_t bytes = maf_type_bytes(p->type);
    double *memory = malloc((size_t)(3 * r->length) * sizeof *memory);
    if (!memory) {
        r->error = OUT_OF_MEMORY;
        return;
    }
    double *a = memory, *b = a + r->length, *old = b + r->length;
    for (uint64_t row = begin; row < end; row++) {
        int64_t rest = (int64_t)row, x = 0, y = 0, dy = 0;
        for (int64_t d = p->rows_count - 1; d >= 0; d--) {
            int64_t i = rest % p->rows[d];
            rest /= p->rows[d];
            x += i * p->rows_x[d];
            y += i * p->rows_y[d];
            dy += i * p->rows_dy[d];
        }
        char *result;
        const int64_t *steps;
        if (p->direction == 0) {
            move_line(p, (char *)r->ptrs[0] + x * bytes, p->line_x, a, 0);
            softmax_line(a, r->length, p->logarithm != 0);
            result = (char *)r->ptrs[1] + y * bytes;
            steps = p->line_y;
        } else {
            move_line(p, (char *)r->ptrs[0] + y * bytes, p->line_y, b, 0);
            move_line(p, (char *)r->ptrs[1] + dy * bytes, p->line_dy, a, 0);
            softmax_gradient_line(a, b, r->length, p->logarithm != 0);
            result = (char *)r->ptrs[2] + x * bytes;
            steps = p->line_x;
        }
        if (r->beta != 0)
            move_line(p, result, steps, old, 0);
        for (int64_t i = 0; i < r->length; i++)
            a[i] = r->alpha * a[i] + (r->beta != 0 ? r->beta * old[i] : 0);
        move_line(p, result, steps, a, 1);
    }
    free(memory);
}

int maf_softmax_run(void *closure, const uint64_t *ptrs, const void *scalars)
{
    const struct maf_softmax *p = closure;
    double s[2];
    memcpy(s, scalars, sizeof s);
    struct softmax_run r = {p, ptrs, s[0], s[1], 1, 0};
    int64_t rows = 1;
    for (int64_t d = 0; d < p->rows_count; d++)
        rows *= p->rows[d];
    for (int64_t d = 0; d < p->line_count; d++)
        r.length *= p->line[d];
    maf_cpu_parallel_for((uint64_t)rows, (uint64_t)(4096 / r.length + 1), softmax_range, &r);
    return r.error;
}

/* --- pooling: one plane (sample and channel) at a time -------------------------------------- */

enum { POOL_MAX, POOL_AVERAGE_ALL, POOL_AVERAGE_INSIDE, POOL_MAX_DETERMINISTIC };

struct pooling_run {
    const struct maf_pooling *plan;
    const uint64_t *ptrs;
    double alpha;
    double beta;
    int error;
};

static void move_plane(int64_t type, char *memory, const int64_t strides[5], const int64_t dims[5], int64_t plane,
                       double *values, int store)
{
    int64_t bytes = maf_type_bytes(type);
    memory += (plane / dims[1] * strides[0] + plane % dims[1] * strides[1]) * bytes;
    for (int64_t z = 0; z < dims[2]; z++)
        for (int64_t y = 0; y < dims[3]; y++, values += dims[4]) {
            char *line = memory + (z * strides[2] + y * strides[3]) * bytes;
            if (store)
                maf_copy_strided(type, line, strides[4], 0, MAF_F64, values, 1, 0, dims[4], 1);
            else
                maf_copy_strided(MAF_F64, values, 1, 0, type, line, strides[4], 0, dims[4], 1);
        }
}

/* The window's elements inside the image, [from, to) per dimension. */
static void window_at(const struct maf_pooling *p, const int64_t at[3], int64_t from[3], int64_t to[3])
{
    for (int d = 0; d < 3; d++) {
        int64_t start = at[d] * p->stride[d] - p->pad[d], stop = start + p->window[d];
        from[d] = start > 0 ? start : 0;
        to[d] = stop < p->x_dims[d + 2] ? stop : p->x_dims[d + 2];
    }
}

#define EACH_INSIDE(body)                                                                                              \
    for (int64_t iz = from[0]; iz < to[0]; iz++)                                                                       \
        for (int64_t iy = from[1]; iy < to[1]; iy++)                                                                   \
            for (int64_t ix = from[2]; ix < to[2]; ix++) {                                                             \
                int64_t i = (iz * p->x_dims[3] + iy) * p->x_dims[4] + ix;                                              \
                body;                                                                                                  \
            }

static void pool_element(const struct maf_pooling *p, const int64_t at[3], const double *x, double *y, double dy,
                         double *dx)
{
    int64_t from[3], to[3], inside = 0, best = -1;
    double sum = 0, high = 0;
    window_at(p, at, from, to);
    if (p->mode == POOL_MAX || p->mode == POOL_MAX_DETERMINISTIC) {
        EACH_INSIDE(int is_nan = x[i] != x[i]; int was_nan = high != high;
                    if (best < 0 || (x[i] > high) || (is_nan && !was_nan && p->nan_propagation) ||
                        (was_nan && !is_nan && !p->nan_propagation)) {
                        high = x[i];
                        best = i;
                    })
        if (!dx)
            *y = best < 0 ? -INFINITY : high;
        else if (best >= 0)
            dx[best] += dy;
        return;
    }
    EACH_INSIDE(sum += x[i]; inside++)
    double count = (double)(p->mode == POOL_AVERAGE_ALL ? p->window[0] * p->window[1] * p->window[2] : inside);
    if (!dx) {
        *y = count > 0 ? sum / count : 0;
        return;
    }
    EACH_INSIDE(dx[i] += dy / count)
}

static void pooling_range(void *arg, uint64_t begin, uint64_t end)
{
    struct pooling_run *r = arg;
    const struct maf_pooling *p = r->plan;
    int64_t x_count = p->x_dims[2] * p->x_dims[3] * p->x_dims[4], y_count = p->y_dims[2] * p->y_dims[3] * p->y_dims[4];
    double *x = malloc((size_t)(3 * x_count + 2 * y_count) * sizeof *x);
    if (!x) {
        r->error = OUT_OF_MEMORY;
        return;
    }
    double *dx = x + x_count, *old = dx + x_count, *y = old + x_count, *old_y = y + y_count;
    int backward = p->direction != 0;
    for (int64_t plane = (int64_t)begin; plane < (int64_t)end; plane++) {
        move_plane(p->type, (char *)r->ptrs[backward ? 2 : 0], p->x_strides, p->x_dims, plane, x, 0);
        if (backward) {
            move_plane(p->type, (char *)r->ptrs[1], p->dy_strides, p->y_dims, plane, y, 0);
            memset(dx, 0, (size_t)x_count * sizeof *dx);
        }
        int64_t at[3], o = 0;
        for (at[0] = 0; at[0] < p->y_dims[2]; at[0]++)
            for (at[1] = 0; at[1] < p->y_dims[3]; at[1]++)
                for (at[2] = 0; at[2] < p->y_dims[4]; at[2]++, o++)
                    pool_element(p, at, x, &y[o], backward ? y[o] : 0, backward ? dx : NULL);
        double *result = backward ? dx : y, *before = backward ? old : old_y;
        int64_t count = backward ? x_count : y_count;
        const int64_t *strides = backward ? p->dx_strides : p->y_strides, *dims = backward ? p->x_dims : p->y_dims;
        char *to = (char *)r->ptrs[backward ? 3 : 1];
        if (r->beta != 0)
            move_plane(p->type, to, strides, dims, plane, before, 0);
        for (int64_t i = 0; i < count; i++)
            result[i] = r->alpha * result[i] + (r->beta != 0 ? r->beta * before[i] : 0);
        move_plane(p->type, to, strides, dims, plane, result, 1);
    }
    free(x);
}

int maf_pooling_run(void *closure, const uint64_t *ptrs, const void *scalars)
{
    const struct maf_pooling *p = closure;
    double s[2];
    memcpy(s, scalars, sizeof s);
    struct pooling_run r = {p, ptrs, s[0], s[1], 0};
    int64_t work = p->y_dims[2] * p->y_dims[3] * p->y_dims[4] * p->window[0] * p->window[1] * p->window[2];
    maf_cpu_parallel_for((uint64_t)(p->x_dims[0] * p->x_dims[1]), (uint64_t)(16384 / work + 1), pooling_range, &r);
    return r.error;
}
