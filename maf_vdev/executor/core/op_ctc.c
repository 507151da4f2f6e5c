/* See op_ctc.h. Forward and backward variables over the label sequence with blanks between (Graves 2006), in
 * logarithms and double. A label sequence that does not fit into its input costs infinity and has zero gradients. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

#include "cpu_launch.h"
#include "op_convert.h"
#include "op_ctc.h"

enum { PROBS, COSTS, GRADIENTS, LABELS, LABEL_LENGTHS, INPUT_LENGTHS };
enum { OUT_OF_MEMORY = 2 };

struct run {
    const struct maf_ctc *plan;
    const uint64_t *ptrs;
    const int32_t *labels;
    const int32_t *label_lengths;
    const int32_t *input_lengths;
    int error;
};

static double log_add(double a, double b)
{
    double high = a > b ? a : b, low = a > b ? b : a;
    return low == -INFINITY ? high : high + log1p(exp(low - high));
}

/* Logarithms of the classes' probabilities at one step. */
static void load_row(const struct maf_ctc *p, const void *probs, int64_t t, int64_t n, double *row)
{
    const char *from = (const char *)probs + (t * p->strides[0] + n * p->strides[1]) * maf_type_bytes(p->type);
    maf_copy_strided(MAF_F64, row, 1, 0, p->type, from, p->strides[2], 0, p->classes, 1);
    if (!p->softmax) {
        for (int64_t c = 0; c < p->classes; c++)
            row[c] = log(row[c]);
        return;
    }
    double high = -INFINITY, sum = 0;
    for (int64_t c = 0; c < p->classes; c++)
        high = row[c] > high ? row[c] : high;
    for (int64_t c = 0; c < p->classes; c++)
        sum += exp(row[c] - high);
    for (int64_t c = 0; c < p->classes; c++)
        row[c] -= high + log(sum);
}

static void store_row(const struct run *r, int64_t t, int64_t n, const double *row)
{
    const struct maf_ctc *p = r->plan;
    char *to = (char *)r->ptrs[GRADIENTS] + (t * p->gradient_strides[0] + n * p->gradient_strides[1]) * maf_type_bytes(p->type);
    maf_copy_strided(p->type, to, p->gradient_strides[2], 0, MAF_F64, row, 1, 0, p->classes, 1);
}

/* Symbol s of the sequence blank, label, blank, label, ..., blank. */
static int64_t symbol(const int32_t *labels, int64_t s)
{
    return s & 1 ? labels[s >> 1] : 0;
}

static void run_sample(struct run *r, int64_t n, const int32_t *labels)
{
    const struct maf_ctc *p = r->plan;
    int64_t steps = r->input_lengths[n], length = r->label_lengths[n], states = 2 * length + 1;
    double *memory = malloc((size_t)(steps * (p->classes + states) + 2 * states + 2 * p->classes + 1) * sizeof *memory);
    if (!memory) {
        r->error = OUT_OF_MEMORY;
        return;
    }
    double *rows = memory, *alpha = rows + steps * p->classes, *beta = alpha + steps * states, *next = beta + states;
    double *gradient = next + states, *occupied = gradient + p->classes;
    for (int64_t t = 0; t < steps; t++) {
        double *row = rows + t * p->classes, *a = alpha + t * states, *before = a - states;
        load_row(p, (const void *)r->ptrs[PROBS], t, n, row);
        for (int64_t s = 0; s < states; s++) {
            double sum = -INFINITY;
            if (t == 0) {
                sum = s < 2 ? 0 : -INFINITY;
            } else {
                sum = before[s];
                if (s > 0)
                    sum = log_add(sum, before[s - 1]);
                if (s > 1 && s & 1 && symbol(labels, s) != symbol(labels, s - 2))
                    sum = log_add(sum, before[s - 2]);
            }
            a[s] = sum + row[symbol(labels, s)];
        }
    }
    double likelihood = steps ? alpha[steps * states - 1] : (length ? -INFINITY : 0);
    if (steps && states > 1)
        likelihood = log_add(likelihood, alpha[steps * states - 2]);
    double cost = -likelihood;
    maf_copy_strided(p->type, (char *)r->ptrs[COSTS] + n * maf_type_bytes(p->type), 1, 0, MAF_F64, &cost, 1, 0, 1, 1);
    if (p->gradients) {
        int possible = likelihood > -INFINITY;
        for (int64_t t = steps - 1; t >= 0; t--) {
            const double *row = rows + t * p->classes, *a = alpha + t * states;
            for (int64_t c = 0; c < p->classes; c++)
                occupied[c] = -INFINITY;
            for (int64_t s = 0; s < states; s++) {
                double sum = -INFINITY;
                if (t == steps - 1) {
                    sum = s >= states - 2 ? 0 : -INFINITY;
                } else {
                    const double *later = row + p->classes;
                    sum = next[s] + later[symbol(labels, s)];
                    if (s + 1 < states)
                        sum = log_add(sum, next[s + 1] + later[symbol(labels, s + 1)]);
                    if (s + 2 < states && s & 1 && symbol(labels, s) != symbol(labels, s + 2))
                        sum = log_add(sum, next[s + 2] + later[symbol(labels, s + 2)]);
                }
                beta[s] = sum;
                int64_t c = symbol(labels, s);
                occupied[c] = log_add(occupied[c], a[s] + sum);
            }
            memcpy(next, beta, (size_t)states * sizeof *next);
            for (int64_t c = 0; c < p->classes; c++) {
                double share = exp(occupied[c] - likelihood);
                gradient[c] = !possible ? 0 : p->softmax ? exp(row[c]) - share : share == 0 ? 0 : -share * exp(-row[c]);
            }
            store_row(r, t, n, gradient);
        }
        memset(gradient, 0, (size_t)p->classes * sizeof *gradient);
        for (int64_t t = steps; t < p->time; t++)
            store_row(r, t, n, gradient);
    }
    free(memory);
}

static void run_range(void *arg, uint64_t begin, uint64_t end)
{
    struct run *r = arg;
    const int32_t *labels = r->labels;
    for (uint64_t n = 0; n < end; n++) {
        if (n >= begin)
            run_sample(r, (int64_t)n, labels);
        labels += r->label_lengths[n];
    }
}

int maf_ctc_run(void *closure, const uint64_t *ptrs, const void *scalars)
{
    const struct maf_ctc *p = closure;
    struct run r = {.plan = p, .ptrs = ptrs};
    if (p->on_device) {
        r.labels = (const int32_t *)ptrs[LABELS];
        r.label_lengths = (const int32_t *)ptrs[LABEL_LENGTHS];
        r.input_lengths = (const int32_t *)ptrs[INPUT_LENGTHS];
    } else {
        r.input_lengths = scalars;
        r.label_lengths = r.input_lengths + p->batch;
        r.labels = r.label_lengths + p->batch;
    }
    int64_t at = 0;
    for (int64_t n = 0; n < p->batch; n++) {
        if (r.input_lengths[n] < 0 || r.input_lengths[n] > p->time || r.label_lengths[n] < 0)
            return MAF_ERROR_INVALID_VALUE;
        for (int32_t i = 0; i < r.label_lengths[n]; i++, at++)
            if (r.labels[at] < 0 || r.labels[at] >= p->classes)
                return MAF_ERROR_INVALID_VALUE;
    }
    maf_cpu_parallel_for((uint64_t)p->batch, 1, run_range, &r);
    return r.error;
}
