/* Batch normalisation in one compute type: included once with `real` float and once with double.
 *
 * Sums over spans are taken in `real` in independent lanes and added up in double. In the channel form the variance is
 * a second pass around the exact mean; in the rows form one pass sums differences from the first row. */

TARGETS static double NAME(sum)(const real *x, int64_t n)
{
    real s = 0;
    for (int64_t i = 0; i < n; i++)
        s += x[i];
    return s;
}

TARGETS static double NAME(sum_squares)(const real *x, real mean, int64_t n)
{
    real s = 0;
    for (int64_t i = 0; i < n; i++)
        s += (x[i] - mean) * (x[i] - mean);
    return s;
}

TARGETS static void NAME(sum_gradients)(const real *dy, const real *x, real mean, int64_t n, double sums[2])
{
    real s = 0, t = 0;
    for (int64_t i = 0; i < n; i++) {
        s += dy[i];
        t += dy[i] * (x[i] - mean);
    }
    sums[0] += s;
    sums[1] += t;
}

/* out = a*x + b, one pair of coefficients for the span */
TARGETS static void NAME(scale)(real *out, const real *x, real a, real b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = a * x[i] + b;
}

/* out = a*dy + b*x + c */
TARGETS static void NAME(combine)(real *out, const real *dy, const real *x, real a, real b, real c, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = a * dy[i] + b * x[i] + c;
}

/* The same with coefficients per element, for the rows form. */
TARGETS static void NAME(scale_each)(real *out, const real *x, const real *a, const real *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = a[i] * x[i] + b[i];
}

TARGETS static void NAME(combine_each)(real *out, const real *dy, const real *x, const real *a, const real *b,
                                       const real *c, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = a[i] * dy[i] + b[i] * x[i] + c[i];
}

TARGETS static void NAME(add_moments)(real *s, real *t, const real *x, const real *pivot, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        real d = x[i] - pivot[i];
        s[i] += d;
        t[i] += d * d;
    }
}

TARGETS static void NAME(add_gradients)(real *s, real *t, const real *dy, const real *x, const real *mean, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        s[i] += dy[i];
        t[i] += dy[i] * (x[i] - mean[i]);
    }
}

/* out = alpha_done + beta*old, then + z, then relu */
TARGETS static void NAME(blend)(real *out, const real *old, real beta, const real *z, int relu, int64_t n)
{
    if (old)
        for (int64_t i = 0; i < n; i++)
            out[i] += beta * old[i];
    if (z)
        for (int64_t i = 0; i < n; i++)
            out[i] += z[i];
    if (relu)
        for (int64_t i = 0; i < n; i++)
            out[i] = out[i] < 0 ? 0 : out[i];
}

TARGETS static void NAME(mask)(real *out, const real *dy, const real *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = y[i] > 0 ? dy[i] : 0;
}

/* n elements of a tensor in the compute type: the memory itself, or `buffer`. */
static const real *NAME(load)(const struct maf_bn_tensor *t, const struct run *r, int64_t element, int64_t n, real *buffer)
{
    const char *p = (const char *)(r->base[t->source] + (uint64_t)(t->offset + element * maf_type_bytes(t->type)));
    if (t->type == REAL)
        return (const real *)p;
    maf_copy_strided(REAL, buffer, 1, 0, t->type, p, 1, 0, n, 1);
    return buffer;
}

static real *NAME(target)(const struct maf_bn_tensor *t, const struct run *r, int64_t element, real *buffer)
{
    char *p = (char *)(r->base[t->source] + (uint64_t)(t->offset + element * maf_type_bytes(t->type)));
    return t->type == REAL ? (real *)p : buffer;
}

static void NAME(store)(const struct maf_bn_tensor *t, const struct run *r, int64_t element, int64_t n, const real *values)
{
    char *p = (char *)(r->base[t->source] + (uint64_t)(t->offset + element * maf_type_bytes(t->type)));
    if (p != (const char *)values)
        maf_copy_strided(t->type, p, 1, 0, REAL, values, 1, 0, n, 1);
}

/* dy, with the gradient of the fused ReLU applied. */
static const real *NAME(gradient)(const struct run *r, int64_t outer, int64_t channel, int64_t first, int64_t n,
                                  real *buffer, real *other)
{
    const struct maf_batchnorm *p = r->plan;
    const real *dy = NAME(load)(&p->y, r, AT(p->y, outer, channel, first), n, buffer);
    if (!p->fuse)
        return dy;
    const real *y = NAME(load)(&p->out, r, AT(p->out, outer, channel, first), n, other);
    NAME(mask)(buffer, dy, y, n);
    return buffer;
}

/* The span's share of the last pass: y or dx from coefficients, in the channel form (each = 0) or the rows form. */
static void NAME(write)(const struct run *r, int64_t outer, int64_t channel, int64_t first, int64_t n, const real *a,
                        const real *b, const real *c, int each)
{
    const struct maf_batchnorm *p = r->plan;
    real buffers[4][SPAN];
    const real *x = NAME(load)(&p->x, r, AT(p->x, outer, channel, first), n, buffers[0]);
    int backward = p->direction == BACKWARD;
    const struct maf_bn_tensor *to = backward ? &p->dx : &p->y;
    int64_t element = AT(*to, outer, channel, first);
    const real *old = NULL, *z = NULL;
    real saved[SPAN];
    if (r->beta != 0) {
        old = NAME(load)(to, r, element, n, buffers[2]);
        memcpy(saved, old, (size_t)n * sizeof *saved);
        old = saved;
    }
    real *out = NAME(target)(to, r, element, buffers[3]);
    if (backward) {
        real unused[SPAN];
        const real *dy = NAME(gradient)(r, outer, channel, first, n, buffers[1], unused);
        if (p->fuse == 2)
            NAME(store)(&p->z, r, AT(p->z, outer, channel, first), n, dy);
        if (each)
            NAME(combine_each)(out, dy, x, a, b, c, n);
        else
            NAME(combine)(out, dy, x, *a, *b, *c, n);
    } else {
        if (p->fuse == 2)
            z = NAME(load)(&p->z, r, AT(p->z, outer, channel, first), n, buffers[1]);
        if (each)
            NAME(scale_each)(out, x, a, b, n);
        else
            NAME(scale)(out, x, *a, *b, n);
    }
    if (old || z || (p->fuse && !backward))
        NAME(blend)(out, old, (real)r->beta, z, p->fuse && !backward, n);
    NAME(store)(to, r, element, n, out);
}

/* --- parameters of one channel ------------------------------------------------------------- */

static real NAME(parameter)(const struct run *r, int which, int64_t channel)
{
    return ((const real *)r->base[which])[channel];
}

/* Coefficients of y = a*x + b from statistics; stores the statistics that training keeps. */
static void NAME(forward_channel)(const struct run *r, int64_t channel, double mean, double var, real *a, real *b)
{
    const struct maf_batchnorm *p = r->plan;
    double invstd = 1 / sqrt(var + r->epsilon);
    double scale = NAME(parameter)(r, 2, channel), bias = NAME(parameter)(r, 3, channel);
    *a = (real)(r->alpha * scale * invstd);
    *b = (real)(r->alpha * (bias - scale * invstd * mean));
    if (p->direction != TRAINING)
        return;
    double count = (double)(p->outer * p->inner);
    if (r->base[4]) {
        real *running_mean = (real *)r->base[4] + channel, *running_var = (real *)r->base[5] + channel;
        double unbiased = count > 1 ? var * count / (count - 1) : var;
        *running_mean = (real)((1 - r->factor) * *running_mean + r->factor * mean);
        *running_var = (real)((1 - r->factor) * *running_var + r->factor * unbiased);
    }
    if (r->base[6]) {
        ((real *)r->base[6])[channel] = (real)mean;
        ((real *)r->base[7])[channel] = (real)invstd;
    }
}

/* Coefficients of dx = a*dy + b*x + c; stores the parameters' gradients. sums: of dy, of dy*(x - mean). */
static void NAME(backward_channel)(const struct run *r, int64_t channel, double mean, double invstd,
                                   const double sums[2], real *a, real *b, real *c)
{
    double count = (double)(r->plan->outer * r->plan->inner);
    double scale = NAME(parameter)(r, 3, channel) * invstd;
    double slope = -scale * invstd * invstd * sums[1] / count;
    *a = (real)(r->alpha * scale);
    *b = (real)(r->alpha * slope);
    *c = (real)(r->alpha * (-scale * sums[0] / count - slope * mean));
    real *dscale = (real *)r->base[4] + channel, *dbias = (real *)r->base[5] + channel;
    double old_scale = r->beta_param != 0 ? r->beta_param * *dscale : 0;
    double old_bias = r->beta_param != 0 ? r->beta_param * *dbias : 0;
    *dscale = (real)(r->alpha_param * sums[1] * invstd + old_scale);
    *dbias = (real)(r->alpha_param * sums[0] + old_bias);
}

/* --- channel form: one channel at a time --------------------------------------------------- */

#define EACH_SPAN(body)                                                                                                \
    for (int64_t outer = 0; outer < p->outer; outer++)                                                                 \
        for (int64_t first = 0; first < p->inner; first += SPAN) {                                                     \
            int64_t n = p->inner - first < SPAN ? p->inner - first : SPAN;                                             \
            body;                                                                                                      \
        }

static void NAME(channel_statistics)(const struct run *r, int64_t channel, double *mean, double *var)
{
    const struct maf_batchnorm *p = r->plan;
    real buffer[SPAN];
    double s = 0, t = 0, count = (double)(p->outer * p->inner);
    EACH_SPAN(s += NAME(sum)(NAME(load)(&p->x, r, AT(p->x, outer, channel, first), n, buffer), n))
    s /= count;
    EACH_SPAN(t += NAME(sum_squares)(NAME(load)(&p->x, r, AT(p->x, outer, channel, first), n, buffer), (real)s, n))
    /* The mean was rounded to `real` before it was subtracted. */
    double shift = s - (double)(real)s;
    *mean = s;
    *var = t / count - shift * shift;
    if (*var < 0)
        *var = 0;
}

static void NAME(channels)(void *arg, uint64_t begin, uint64_t end)
{
    const struct run *r = arg;
    const struct maf_batchnorm *p = r->plan;
    for (int64_t channel = (int64_t)begin; channel < (int64_t)end; channel++) {
        real a, b, c = 0;
        double mean, var;
        if (p->direction == INFERENCE) {
            mean = NAME(parameter)(r, 4, channel);
            var = NAME(parameter)(r, 5, channel);
            NAME(forward_channel)(r, channel, mean, var, &a, &b);
        } else if (p->direction == TRAINING) {
            NAME(channel_statistics)(r, channel, &mean, &var);
            NAME(forward_channel)(r, channel, mean, var, &a, &b);
        } else {
            double invstd, sums[2] = {0, 0};
            if (r->base[6]) {
                mean = NAME(parameter)(r, 6, channel);
                invstd = NAME(parameter)(r, 7, channel);
            } else {
                NAME(channel_statistics)(r, channel, &mean, &var);
                invstd = 1 / sqrt(var + r->epsilon);
            }
            real buffers[3][SPAN];
            EACH_SPAN(const real *dy = NAME(gradient)(r, outer, channel, first, n, buffers[0], buffers[1]);
                      const real *x = NAME(load)(&p->x, r, AT(p->x, outer, channel, first), n, buffers[2]);
                      NAME(sum_gradients)(dy, x, (real)mean, n, sums))
            sums[1] -= (mean - (double)(real)mean) * sums[0];
            NAME(backward_channel)(r, channel, mean, invstd, sums, &a, &b, &c);
        }
        EACH_SPAN(NAME(write)(r, outer, channel, first, n, &a, &b, &c, 0))
    }
}

/* --- rows form: all channels at once, in columns of at most SPAN channels ------------------- */

/* Sums of one block of rows into r->sums[block][2][channels], for statistics (pivot: the first row) or gradients
 * (pivot: the mean). */
static void NAME(row_sums)(void *arg, uint64_t begin, uint64_t end)
{
    const struct run *r = arg;
    const struct maf_batchnorm *p = r->plan;
    for (int64_t block = (int64_t)begin; block < (int64_t)end; block++) {
        int64_t from = block * p->outer / r->blocks, to = (block + 1) * p->outer / r->blocks;
        double *total = r->sums + block * 2 * p->channels;
        memset(total, 0, (size_t)(2 * p->channels) * sizeof *total);
        for (int64_t first = 0; first < p->channels; first += SPAN) {
            int64_t n = p->channels - first < SPAN ? p->channels - first : SPAN;
            real s[SPAN], t[SPAN], buffers[3][SPAN];
            const real *pivot = (const real *)r->pivot + first;
            for (int64_t row = from; row < to;) {
                memset(s, 0, (size_t)n * sizeof *s);
                memset(t, 0, (size_t)n * sizeof *t);
                for (int64_t last = row + ROWS < to ? row + ROWS : to; row < last; row++) {
                    const real *x = NAME(load)(&p->x, r, AT(p->x, row, 0, first), n, buffers[0]);
                    if (r->summing_gradients)
                        NAME(add_gradients)(s, t, NAME(gradient)(r, row, 0, first, n, buffers[1], buffers[2]), x, pivot, n);
                    else
                        NAME(add_moments)(s, t, x, pivot, n);
                }
                for (int64_t i = 0; i < n; i++) {
                    total[first + i] += s[i];
                    total[p->channels + first + i] += t[i];
                }
            }
        }
    }
}

static void NAME(row_writes)(void *arg, uint64_t begin, uint64_t end)
{
    const struct run *r = arg;
    const struct maf_batchnorm *p = r->plan;
    const real *a = r->coefficients, *b = a + p->channels, *c = b + p->channels;
    for (int64_t first = 0; first < p->channels; first += SPAN) {
        int64_t n = p->channels - first < SPAN ? p->channels - first : SPAN;
        for (int64_t row = (int64_t)begin; row < (int64_t)end; row++)
            NAME(write)(r, row, 0, first, n, a + first, b + first, c + first, 1);
    }
}

/* Adds the blocks up: result in the first block. */
static void NAME(reduce)(struct run *r, int gradients)
{
    r->summing_gradients = gradients;
    maf_cpu_parallel_for((uint64_t)r->blocks, 1, NAME(row_sums), r);
    int64_t n = 2 * r->plan->channels;
    for (int64_t block = 1; block < r->blocks; block++)
        for (int64_t i = 0; i < n; i++)
            r->sums[i] += r->sums[block * n + i];
}

static void NAME(row_statistics)(struct run *r, double *mean, double *var)
{
    const struct maf_batchnorm *p = r->plan;
    real *pivot = r->pivot, buffer[SPAN];
    for (int64_t first = 0; first < p->channels; first += SPAN) {
        int64_t n = p->channels - first < SPAN ? p->channels - first : SPAN;
        memcpy(pivot + first, NAME(load)(&p->x, r, AT(p->x, 0, 0, first), n, buffer), (size_t)n * sizeof *pivot);
    }
    NAME(reduce)(r, 0);
    for (int64_t i = 0; i < p->channels; i++) {
        double d = r->sums[i] / (double)p->outer;
        double v = r->sums[p->channels + i] / (double)p->outer - d * d;
        mean[i] = pivot[i] + d;
        var[i] = v > 0 ? v : 0;
    }
}

static void NAME(rows)(struct run *r)
{
    const struct maf_batchnorm *p = r->plan;
    double *mean = r->statistics, *var = mean + p->channels;
    real *a = r->coefficients, *b = a + p->channels, *c = b + p->channels, *pivot = r->pivot;
    if (p->direction == TRAINING || (p->direction == BACKWARD && !r->base[6]))
        NAME(row_statistics)(r, mean, var);
    for (int64_t i = 0; i < p->channels && p->direction == INFERENCE; i++) {
        mean[i] = NAME(parameter)(r, 4, i);
        var[i] = NAME(parameter)(r, 5, i);
    }
    if (p->direction != BACKWARD) {
        for (int64_t i = 0; i < p->channels; i++)
            NAME(forward_channel)(r, i, mean[i], var[i], &a[i], &b[i]);
    } else {
        for (int64_t i = 0; i < p->channels; i++) { /* var holds 1 / standard deviation from here */
            var[i] = r->base[6] ? (double)NAME(parameter)(r, 7, i) : 1 / sqrt(var[i] + r->epsilon);
            mean[i] = r->base[6] ? (double)NAME(parameter)(r, 6, i) : mean[i];
            pivot[i] = (real)mean[i];
        }
        NAME(reduce)(r, 1);
        for (int64_t i = 0; i < p->channels; i++) {
            double sums[2] = {r->sums[i], r->sums[p->channels + i] - (mean[i] - (double)pivot[i]) * r->sums[i]};
            NAME(backward_channel)(r, i, mean[i], var[i], sums, &a[i], &b[i], &c[i]);
        }
    }
    maf_cpu_parallel_for((uint64_t)p->outer, (uint64_t)(TASK / p->channels + 1), NAME(row_writes), r);
}
