/* Recurrent layers in one compute type: included once with `real` float and once with double.
 *
 * Rows are packed: all sequences' first steps, sorted by descending length, then the second steps, ... Step t has
 * count[t] rows from row first[t], and those are a prefix of the sorted batch. */

/* --- cells: one row each -------------------------------------------------------------------- */

TARGETS static void NAME(lstm_forward)(real *gates, const real *c_old, real *c, real *h, int64_t n)
{
    real *i = gates, *f = gates + n, *g = gates + 2 * n, *o = gates + 3 * n;
    for (int64_t k = 0; k < n; k++) {
        i[k] = NAME(sigmoid)(i[k]);
        f[k] = NAME(sigmoid)(f[k]);
        g[k] = NAME(tangent)(g[k]);
        o[k] = NAME(sigmoid)(o[k]);
        c[k] = f[k] * c_old[k] + i[k] * g[k];
        h[k] = o[k] * NAME(tangent)(c[k]);
    }
}

/* gates become gradients; dc: in the gradient that the next step left, out that for the step before. */
TARGETS static void NAME(lstm_backward)(real *gates, const real *c_old, const real *c, const real *dh, real *dc, int64_t n)
{
    real *i = gates, *f = gates + n, *g = gates + 2 * n, *o = gates + 3 * n;
    for (int64_t k = 0; k < n; k++) {
        real t = NAME(tangent)(c[k]);
        real d = dc[k] + dh[k] * o[k] * (1 - t * t);
        real i0 = i[k], f0 = f[k], g0 = g[k], o0 = o[k];
        i[k] = d * g0 * i0 * (1 - i0);
        f[k] = d * c_old[k] * f0 * (1 - f0);
        g[k] = d * i0 * (1 - g0 * g0);
        o[k] = dh[k] * t * o0 * (1 - o0);
        dc[k] = d * f0;
    }
}

/* recurrent: R h + b of the three gates; q receives the new gate's. */
TARGETS static void NAME(gru_forward)(real *gates, const real *recurrent, real *q, const real *h_old, real *h, int64_t n)
{
    real *r = gates, *z = gates + n, *c = gates + 2 * n;
    for (int64_t k = 0; k < n; k++) {
        r[k] = NAME(sigmoid)(r[k] + recurrent[k]);
        z[k] = NAME(sigmoid)(z[k] + recurrent[n + k]);
        q[k] = recurrent[2 * n + k];
        c[k] = NAME(tangent)(c[k] + r[k] * q[k]);
        h[k] = (1 - z[k]) * c[k] + z[k] * h_old[k];
    }
}

/* gates and q become gradients (q: of R h + b of the new gate); dh_old: what reaches h_old directly. */
TARGETS static void NAME(gru_backward)(real *gates, real *q, const real *h_old, const real *dh, real *dh_old, int64_t n)
{
    real *r = gates, *z = gates + n, *c = gates + 2 * n;
    for (int64_t k = 0; k < n; k++) {
        real r0 = r[k], z0 = z[k], c0 = c[k];
        real dc = dh[k] * (1 - z0) * (1 - c0 * c0);
        r[k] = dc * q[k] * r0 * (1 - r0);
        z[k] = dh[k] * (h_old[k] - c0) * z0 * (1 - z0);
        c[k] = dc;
        q[k] = dc * r0;
        dh_old[k] = dh[k] * z0;
    }
}

TARGETS static void NAME(plain_forward)(real *gates, real *h, int relu, int64_t n)
{
    if (relu)
        for (int64_t k = 0; k < n; k++)
            h[k] = gates[k] = gates[k] < 0 ? 0 : gates[k];
    else
        for (int64_t k = 0; k < n; k++)
            h[k] = gates[k] = NAME(tangent)(gates[k]);
}

TARGETS static void NAME(plain_backward)(real *gates, const real *dh, int relu, int64_t n)
{
    for (int64_t k = 0; k < n; k++)
        gates[k] = relu ? (gates[k] > 0 ? dh[k] : 0) : dh[k] * (1 - gates[k] * gates[k]);
}

TARGETS static void NAME(add)(real *to, const real *from, int64_t n)
{
    for (int64_t k = 0; k < n; k++)
        to[k] += from[k];
}

/* --- one layer and direction ---------------------------------------------------------------- */

struct NAME(lane) {
    const struct run *r;
    int64_t layer;
    int64_t way; /* 0 in time order, 1 against it */
    const real *x; /* input rows */
    int64_t x_size;
    real *y; /* output rows of both directions, this one's columns; ld = y_step */
    int64_t y_step;
    real *gates;
    real *c;
    real *q;
    real *full; /* outputs before the projection */
    real *dprojected; /* gradients of the projection's results */
    const real *w_input, *w_recurrent, *w_projection, *b_input, *b_recurrent;
    real *dw_input, *dw_recurrent, *dw_projection, *db_input, *db_recurrent;
    const real *h0, *c0; /* sorted batch rows */
    real *h_last, *c_last;
    real *dh, *dc; /* sorted batch rows: gradients that go from step to step */
    real *recurrent; /* a step's rows of gates */
    real *dh_full;   /* a step's rows of hidden */
};

static void NAME(product)(const struct maf_rnn *p, int ta, int tb, int64_t m, int64_t n, int64_t k, const real *a,
                          int64_t lda, const real *b, int64_t ldb, real beta, real *c, int64_t ldc)
{
    struct maf_product product = {p->wide, ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc, p->gemm};
    maf_array_product(&product);
}

/* The step that comes before step t in processing order, and how many of t's rows it has; the others start. */
static int64_t NAME(previous)(const struct NAME(lane) *l, int64_t t, int64_t *rows)
{
    const struct run *r = l->r;
    int64_t before = l->way ? t + 1 : t - 1;
    if (before < 0 || before >= r->plan->time) {
        *rows = 0;
        return 0;
    }
    *rows = r->count[t] < r->count[before] ? r->count[t] : r->count[before];
    return before;
}

static const real *NAME(old_row)(const struct NAME(lane) *l, int64_t before, int64_t carried, int64_t row, const real *rows,
                                 int64_t step, const real *initial, int64_t size)
{
    return row < carried ? rows + (l->r->first[before] + row) * step : initial + row * size;
}

struct NAME(step) {
    const struct NAME(lane) *l;
    int64_t t;
    int64_t before;
    int64_t carried;
};

static void NAME(forward_rows)(void *arg, uint64_t begin, uint64_t end)
{
    const struct NAME(step) *s = arg;
    const struct NAME(lane) *l = s->l;
    const struct maf_rnn *p = l->r->plan;
    int64_t n = p->hidden, width = p->gates * n, first = l->r->first[s->t];
    for (int64_t row = (int64_t)begin; row < (int64_t)end; row++) {
        real *gates = l->gates + (first + row) * width;
        real *h = p->projected ? l->full + (first + row) * n : l->y + (first + row) * l->y_step;
        const real *h_old = NAME(old_row)(l, s->before, s->carried, row, l->y, l->y_step, l->h0, p->out);
        if (p->cell == LSTM)
            NAME(lstm_forward)(gates, NAME(old_row)(l, s->before, s->carried, row, l->c, n, l->c0, n),
                               l->c + (first + row) * n, h, n);
        else if (p->cell == GRU)
            NAME(gru_forward)(gates, l->recurrent + row * width, l->q + (first + row) * n, h_old, h, n);
        else
            NAME(plain_forward)(gates, h, p->cell == RELU, n);
    }
}

static void NAME(forward_lane)(struct NAME(lane) *l)
{
    const struct run *r = l->r;
    const struct maf_rnn *p = r->plan;
    int64_t n = p->hidden, width = p->gates * n, rows = r->rows;
    /* Biases first, then the inputs of all steps at once. The GRU's recurrent bias stays with its product. */
    for (int64_t row = 0; row < rows; row++) {
        real *gates = l->gates + row * width;
        if (l->b_input)
            memcpy(gates, l->b_input, (size_t)width * sizeof *gates);
        else
            memset(gates, 0, (size_t)width * sizeof *gates);
        if (l->b_recurrent && p->cell != GRU)
            NAME(add)(gates, l->b_recurrent, width);
        if (!l->w_input)
            for (int64_t gate = 0; gate < p->gates; gate++)
                NAME(add)(gates + gate * n, l->x + row * l->x_size, n);
    }
    if (l->w_input)
        NAME(product)(p, 0, 1, rows, width, l->x_size, l->x, l->x_size, l->w_input, l->x_size, 1, l->gates, width);
    for (int64_t k = 0; k < p->time; k++) {
        struct NAME(step) s = {l, l->way ? p->time - 1 - k : k, 0, 0};
        s.before = NAME(previous)(l, s.t, &s.carried);
        int64_t count = r->count[s.t], first = r->first[s.t];
        real *to = l->gates + first * width;
        real beta = 1;
        if (p->cell == GRU) {
            to = l->recurrent;
            beta = 0;
            if (l->b_recurrent) {
                for (int64_t row = 0; row < count; row++)
                    memcpy(to + row * width, l->b_recurrent, (size_t)width * sizeof *to);
                beta = 1;
            }
        }
        NAME(product)(p, 0, 1, s.carried, width, p->out, l->y + r->first[s.before] * l->y_step, l->y_step, l->w_recurrent,
                      p->out, beta, to, width);
        NAME(product)(p, 0, 1, count - s.carried, width, p->out, l->h0 + s.carried * p->out, p->out, l->w_recurrent,
                      p->out, beta, to + s.carried * width, width);
        maf_cpu_parallel_for((uint64_t)count, (uint64_t)(TASK / width + 1), NAME(forward_rows), &s);
        if (p->projected)
            NAME(product)(p, 0, 1, count, p->out, n, l->full + first * n, n, l->w_projection, n, 0,
                          l->y + first * l->y_step, l->y_step);
    }
    for (int64_t row = 0; row < p->batch; row++) {
        int64_t length = r->sorted[row], last = l->way ? 0 : length - 1, at = r->first[last] + row;
        const real *h = length ? l->y + at * l->y_step : l->h0 + row * p->out;
        memcpy(l->h_last + row * p->out, h, (size_t)p->out * sizeof *h);
        if (p->cell == LSTM)
            memcpy(l->c_last + row * n, length ? l->c + at * n : l->c0 + row * n, (size_t)n * sizeof *h);
    }
}

static void NAME(backward_rows)(void *arg, uint64_t begin, uint64_t end)
{
    const struct NAME(step) *s = arg;
    const struct NAME(lane) *l = s->l;
    const struct maf_rnn *p = l->r->plan;
    int64_t n = p->hidden, width = p->gates * n, first = l->r->first[s->t];
    for (int64_t row = (int64_t)begin; row < (int64_t)end; row++) {
        real *gates = l->gates + (first + row) * width, *dh = l->dh + row * p->out;
        const real *d = p->projected ? l->dh_full + row * n : dh;
        const real *h_old = NAME(old_row)(l, s->before, s->carried, row, l->y, l->y_step, l->h0, p->out);
        if (p->cell == LSTM)
            NAME(lstm_backward)(gates, NAME(old_row)(l, s->before, s->carried, row, l->c, n, l->c0, n),
                                l->c + (first + row) * n, d, l->dc + row * n, n);
        else if (p->cell == GRU)
            NAME(gru_backward)(gates, l->q + (first + row) * n, h_old, d, l->recurrent + row * n, n);
        else
            NAME(plain_backward)(gates, d, p->cell == RELU, n);
    }
}

/* dh = gradients of the gates times the recurrent matrices, for a step's rows; the GRU's new gate goes through q. */
static void NAME(backward_recurrent)(const struct NAME(lane) *l, int64_t first, int64_t count)
{
    const struct maf_rnn *p = l->r->plan;
    int64_t n = p->hidden, width = p->gates * n;
    const real *gates = l->gates + first * width;
    if (p->cell != GRU) {
        NAME(product)(p, 0, 0, count, p->out, width, gates, width, l->w_recurrent, p->out, 0, l->dh, p->out);
        return;
    }
    memcpy(l->dh, l->recurrent, (size_t)(count * n) * sizeof *l->dh);
    NAME(product)(p, 0, 0, count, n, 2 * n, gates, width, l->w_recurrent, n, 1, l->dh, n);
    NAME(product)(p, 0, 0, count, n, n, l->q + first * n, n, l->w_recurrent + 2 * n * n, n, 1, l->dh, n);
}

/* dy: gradients of this direction's outputs (ld y_step); dh and dc come with those of the last states and leave with
 * those of the first. The rows of one step are a prefix: rows that are not running keep their values. */
static void NAME(backward_lane)(struct NAME(lane) *l, const real *dy)
{
    const struct run *r = l->r;
    const struct maf_rnn *p = r->plan;
    int64_t n = p->hidden;
    for (int64_t k = 0; k < p->time; k++) {
        struct NAME(step) s = {l, l->way ? k : p->time - 1 - k, 0, 0};
        s.before = NAME(previous)(l, s.t, &s.carried);
        int64_t count = r->count[s.t], first = r->first[s.t];
        for (int64_t row = 0; row < count; row++)
            NAME(add)(l->dh + row * p->out, dy + (first + row) * l->y_step, p->out);
        if (p->projected) {
            memcpy(l->dprojected + first * p->out, l->dh, (size_t)(count * p->out) * sizeof *l->dh);
            NAME(product)(p, 0, 0, count, n, p->out, l->dh, p->out, l->w_projection, n, 0, l->dh_full, n);
        }
        maf_cpu_parallel_for((uint64_t)count, (uint64_t)(TASK / (p->gates * n) + 1), NAME(backward_rows), &s);
        NAME(backward_recurrent)(l, first, count);
    }
}

/* sums[k] += sum over rows of values[row][k] */
static void NAME(add_rows)(real *sums, const real *values, int64_t step, int64_t rows, int64_t n)
{
    for (int64_t row = 0; row < rows; row++)
        NAME(add)(sums, values + row * step, n);
}

/* dw of one lane from the gates' gradients that the data pass left. */
static void NAME(weights_lane)(struct NAME(lane) *l)
{
    const struct run *r = l->r;
    const struct maf_rnn *p = r->plan;
    int64_t n = p->hidden, width = p->gates * n, rows = r->rows;
    if (l->dw_input)
        NAME(product)(p, 1, 0, width, l->x_size, rows, l->gates, width, l->x, l->x_size, 1, l->dw_input, l->x_size);
    if (l->db_input)
        NAME(add_rows)(l->db_input, l->gates, width, rows, width);
    int64_t direct = p->cell == GRU ? 2 * n : width; /* gates whose recurrent product has the same gradient */
    if (l->db_recurrent) {
        NAME(add_rows)(l->db_recurrent, l->gates, width, rows, direct);
        if (p->cell == GRU)
            NAME(add_rows)(l->db_recurrent + direct, l->q, n, rows, n);
    }
    if (p->projected)
        NAME(product)(p, 1, 0, p->out, n, rows, l->dprojected, p->out, l->full, n, 1, l->dw_projection, n);
    if (!l->dw_recurrent)
        return;
    /* The states before each step, packed as the steps are. */
    real *old = r->old;
    for (int64_t t = 0; t < p->time; t++) {
        int64_t carried, before = NAME(previous)(l, t, &carried);
        for (int64_t row = 0; row < r->count[t]; row++)
            memcpy(old + (r->first[t] + row) * p->out,
                   NAME(old_row)(l, before, carried, row, l->y, l->y_step, l->h0, p->out), (size_t)p->out * sizeof *old);
    }
    NAME(product)(p, 1, 0, direct, p->out, rows, l->gates, width, old, p->out, 1, l->dw_recurrent, p->out);
    if (p->cell == GRU)
        NAME(product)(p, 1, 0, n, n, rows, l->q, n, old, n, 1, l->dw_recurrent + direct * n, n);
}

/* --- the whole network ---------------------------------------------------------------------- */

static int64_t NAME(layer_input)(const struct maf_rnn *p, int64_t layer)
{
    return layer ? p->out * p->directions : p->input;
}

static int NAME(has_input_matrix)(const struct maf_rnn *p, int64_t layer)
{
    return layer || !p->skip_input;
}

/* Places of a lane's parameters in the weight space, in elements; -1 for what is not there. */
struct NAME(places) {
    int64_t input, recurrent, projection, b_input, b_recurrent, end;
};

static struct NAME(places) NAME(find)(const struct maf_rnn *p, int64_t layer, int64_t way)
{
    struct NAME(places) at = {-1, -1, -1, -1, -1, 0};
    int64_t width = p->gates * p->hidden, lanes = p->layers * p->directions, offset = 0;
    for (int64_t lane = 0; lane < lanes; lane++) {
        int64_t of = lane / p->directions, wanted = of == layer && lane % p->directions == way;
        if (NAME(has_input_matrix)(p, of)) {
            if (wanted)
                at.input = offset;
            offset += width * NAME(layer_input)(p, of);
        }
        if (wanted)
            at.recurrent = offset;
        offset += width * p->out;
        if (p->projected) {
            if (wanted)
                at.projection = offset;
            offset += p->out * p->hidden;
        }
    }
    for (int64_t lane = 0; lane < lanes; lane++) {
        int wanted = lane / p->directions == layer && lane % p->directions == way;
        if (p->bias == BIAS_INPUT || p->bias == BIAS_BOTH) {
            if (wanted)
                at.b_input = offset;
            offset += width;
        }
        if (p->bias == BIAS_RECURRENT || p->bias == BIAS_BOTH) {
            if (wanted)
                at.b_recurrent = offset;
            offset += width;
        }
    }
    at.end = offset;
    return at;
}

/* A lane's memory. The reserve holds, per layer, output rows of all directions and, with dropout between layers, the
 * rows after it; per lane gates, cell states, q, unprojected outputs and their gradients. In inference all layers share
 * one lane's memory and outputs alternate between two places. */
static void NAME(place_lane)(struct NAME(lane) *l, const struct run *r, int64_t layer, int64_t way, const real *weights,
                             real *dweights)
{
    const struct maf_rnn *p = r->plan;
    int64_t rows = p->time * p->batch, n = p->hidden;
    int64_t output = p->out * p->directions;
    struct sizes s = sizes_of(p);
    int inference = p->direction == INFERENCE;
    real *base = (real *)r->reserve;
    int64_t slot = inference ? 0 : layer * p->directions + way, place = inference ? layer % 2 : layer;
    real *lane = base + s.outputs + slot * s.lane;
    memset(l, 0, sizeof *l);
    l->r = r;
    l->layer = layer;
    l->way = way;
    l->x_size = NAME(layer_input)(p, layer);
    l->y = base + place * s.layer + way * p->out;
    l->y_step = output;
    if (layer) {
        const real *below = base + (inference ? (layer - 1) % 2 : layer - 1) * s.layer;
        l->x = s.dropped ? below + rows * output : below;
    } else {
        l->x = r->x;
    }
    l->gates = lane;
    lane += rows * p->gates * n;
    if (p->cell == LSTM) {
        l->c = lane;
        lane += rows * n;
    }
    if (p->cell == GRU) {
        l->q = lane;
        lane += rows * n;
    }
    if (p->projected) {
        l->full = lane;
        l->dprojected = lane + rows * n;
    }
    struct NAME(places) at = NAME(find)(p, layer, way);
    const struct {
        int64_t place;
        const real **w;
        real **dw;
    } parameters[] = {{at.input, &l->w_input, &l->dw_input},
                      {at.recurrent, &l->w_recurrent, &l->dw_recurrent},
                      {at.projection, &l->w_projection, &l->dw_projection},
                      {at.b_input, &l->b_input, &l->db_input},
                      {at.b_recurrent, &l->b_recurrent, &l->db_recurrent}};
    for (int i = 0; i < 5; i++) {
        if (parameters[i].place < 0)
            continue;
        *parameters[i].w = weights ? weights + parameters[i].place : NULL;
        *parameters[i].dw = dweights ? dweights + parameters[i].place : NULL;
    }
    int64_t index = layer * p->directions + way;
    l->h0 = (const real *)r->h0 + index * p->batch * p->out;
    l->c0 = (const real *)r->c0 + index * p->batch * n;
    l->h_last = (real *)r->h_last + index * p->batch * p->out;
    l->c_last = (real *)r->c_last + index * p->batch * n;
    l->dh = (real *)r->dh + index * p->batch * p->out;
    l->dc = (real *)r->dc + index * p->batch * n;
    l->recurrent = r->step;
    l->dh_full = (real *)r->step + p->batch * p->gates * n;
}

/* Dropout on `rows` by `n` values: the mask is recomputed from the seed, not stored. */
static void NAME(drop)(const struct run *r, int64_t layer, real *to, const real *from, int64_t count)
{
    double keep = 1 - r->dropout;
    real scale = (real)(keep > 0 ? 1 / keep : 0);
    for (int64_t i = 0; i < count; i++)
        to[i] = keep_element(r, layer, i) ? from[i] * scale : 0;
}

static void NAME(run_forward)(struct run *r, const real *weights, real *y)
{
    const struct maf_rnn *p = r->plan;
    struct sizes s = sizes_of(p);
    struct NAME(lane) l;
    int64_t output = p->out * p->directions;
    for (int64_t layer = 0; layer < p->layers; layer++) {
        for (int64_t way = 0; way < p->directions; way++) {
            NAME(place_lane)(&l, r, layer, way, weights, NULL);
            NAME(forward_lane)(&l);
        }
        real *rows = l.y - (p->directions - 1) * p->out;
        if (s.dropped && layer + 1 < p->layers)
            NAME(drop)(r, layer, rows + p->time * p->batch * output, rows, r->rows * output);
        if (layer + 1 == p->layers)
            memcpy(y, rows, (size_t)(r->rows * output) * sizeof *y);
    }
}

/* dy: gradients of the last layer's rows; is overwritten. dx: rows of the first layer's input. other: as large as
 * any layer's rows. */
static void NAME(run_backward)(struct run *r, const real *weights, real *dy, real *dx, real *other)
{
    const struct maf_rnn *p = r->plan;
    struct sizes s = sizes_of(p);
    struct NAME(lane) l;
    for (int64_t layer = p->layers - 1; layer >= 0; layer--) {
        real *below = layer ? other : dx;
        for (int64_t way = 0; way < p->directions; way++) {
            NAME(place_lane)(&l, r, layer, way, weights, NULL);
            NAME(backward_lane)(&l, dy + way * p->out);
            int64_t width = p->gates * p->hidden;
            if (l.w_input) {
                NAME(product)(p, 0, 0, r->rows, l.x_size, width, l.gates, width, l.w_input, l.x_size, way ? 1 : 0,
                              below, l.x_size);
                continue;
            }
            if (!way)
                memset(below, 0, (size_t)(r->rows * l.x_size) * sizeof *below);
            for (int64_t row = 0; row < r->rows; row++)
                for (int64_t gate = 0; gate < p->gates; gate++)
                    NAME(add)(below + row * l.x_size, l.gates + row * width + gate * p->hidden, p->hidden);
        }
        if (!layer)
            break;
        if (s.dropped)
            NAME(drop)(r, layer - 1, below, below, r->rows * l.x_size);
        other = dy;
        dy = below;
    }
}

static void NAME(run_weights)(struct run *r, real *dweights)
{
    struct NAME(lane) l;
    for (int64_t layer = 0; layer < r->plan->layers; layer++)
        for (int64_t way = 0; way < r->plan->directions; way++) {
            NAME(place_lane)(&l, r, layer, way, NULL, dweights);
            NAME(weights_lane)(&l);
        }
}
