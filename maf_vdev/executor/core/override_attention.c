/* See struct maf_attention in override.h. Parameter structs are those of PyTorch's kernel_forward.h and
 * kernel_backward.h. Products are a BLAS's, in float; a launch is cut into blocks of queries (forward) or into heads
 * (backward) for the launch pool. The numbers of a row are those of one softmax over all its keys. */

#pragma GCC optimize("O3")
#pragma GCC optimize("associative-math", "no-signed-zeros", "no-trapping-math", "no-math-errno")

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

#include "cpu_launch.h"
#include "gemm_targets.h"
#include "op_convert.h"
#include "override.h"
#include "vector_math.h"

enum { OUT_OF_MEMORY = 2 };
enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112 };
enum { QUERY_BLOCK = 64, KEY_BLOCK = 256 };
enum { LSE_ALIGN = 32 }; /* rows of the log-sum-exp are padded with infinity to a multiple of this */
enum { MASK_NONE, MASK_CAUSAL_TOP_LEFT, MASK_CAUSAL_BOTTOM_RIGHT };

typedef void (*sgemm_fn)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);

/* The first fields of the forward kernel's parameters, the same in all releases known. */
struct forward_params {
    uint64_t query, key, value, bias;
    uint64_t seqstart_q, seqstart_k, seqlen_k;
    uint32_t causal_offset;
    uint64_t output, output_accum, lse;
    int32_t window;
    float scale;
    int32_t head_dim, head_dim_value, queries, keys, keys_absolute;
    uint8_t mask;
    int32_t q_stride, k_stride, v_stride, bias_stride, o_stride; /* from row to row */
    int32_t q_head, k_head, v_head;
    int64_t bias_head;
    int64_t q_batch, k_batch, v_batch, bias_batch;
    int32_t batches, heads;
};
enum { FORWARD_DROPOUT_AT = 216 };

struct backward_params {
    uint64_t query, key, value, bias, lse, output, grad_output, delta;
    uint64_t seqstart_q, seqstart_k;
    uint64_t grad_query, grad_key, grad_value, grad_bias;
    uint64_t workspace[3];
    int32_t window;
    float scale;
    int32_t head_dim, head_dim_value, queries, keys, heads;
};

struct backward_strides {
    int64_t q, k, v, bias, grad_output, grad_bias;
    int8_t grad_multiplier; /* 3 where the gradients of query, key and value interleave */
};

struct backward_tail {
    int64_t o_head;
    int32_t q_head, k_head, v_head;
    int64_t bias_head;
    int64_t o_batch, q_batch, k_batch, v_batch, bias_batch;
    int64_t lse_batch, lse_head, delta_batch, delta_head;
    int32_t batches;
    int16_t splits;
    int64_t go_batch, gq_batch, gk_batch, gv_batch, gb_batch;
    int64_t go_head, gq_head, gk_head, gv_head, gb_head;
};

/* A matrix in device memory: element (i, j) at p + (i * stride + j) * size. */
struct matrix {
    char *p;
    int64_t stride;
};

struct dropout {
    uint64_t seed;
    uint64_t offset; /* of element (0, 0) of this head */
    float p;
};

/* One head of one batch entry. */
struct head {
    const struct maf_attention *o;
    int64_t queries, keys, dim, dim_value;
    struct matrix q, k, v, bias; /* bias.p: NULL without */
    float scale;
    int mask;
    int64_t diagonal; /* key j is masked for query i where j > i + diagonal */
    struct dropout dropout;
};

/* Parameters as the closure's release lays them out. */
struct launch {
    const struct maf_attention *o;
    struct forward_params f;
    struct backward_params b;
    struct backward_strides strides;
    struct backward_tail tail;
    int64_t heads_per_kv;
    uint8_t mask;
    uint64_t seed, offset;
    float dropout;
    int64_t blocks; /* of queries, per head */
    int error;
};

static float *floats(int64_t count) { return aligned_alloc(64, ((size_t)count * sizeof(float) + 63) & ~(size_t)63); }

static void *at(uint64_t base, int64_t element, int64_t type) { return (char *)base + element * maf_type_bytes(type); }

static struct matrix rows_from(struct matrix m, int64_t row, int64_t type)
{
    return (struct matrix){m.p + row * m.stride * maf_type_bytes(type), m.stride};
}

/* A matrix's rows as the BLAS reads them: in place, or converted into buffer. */
static const float *read_rows(int64_t type, struct matrix m, int64_t rows, int64_t columns, float *buffer, int64_t *ld)
{
    if (type == MAF_F32 && m.stride >= columns && m.stride < INT32_MAX) {
        *ld = m.stride;
        return (const float *)m.p;
    }
    *ld = columns;
    for (int64_t i = 0; i < rows; i++)
        maf_load_floats(buffer + i * columns, type, rows_from(m, i, type).p, 1, columns);
    return buffer;
}

static void write_rows(int64_t type, struct matrix m, const float *from, int64_t rows, int64_t columns)
{
    for (int64_t i = 0; i < rows; i++)
        maf_store_floats(type, rows_from(m, i, type).p, 1, from + i * columns, columns);
}

/* c = alpha * op(a) op(b) + beta * c, row major. */
static void multiply(const struct maf_attention *o, int ta, int tb, int64_t m, int64_t n, int64_t k, float alpha,
                     const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
    if (m > 0 && n > 0)
        ((sgemm_fn)o->sgemm)(ROW_MAJOR, ta, tb, (int)m, (int)n, (int)k, alpha, a, (int)lda, b, (int)ldb, beta, c, (int)ldc);
}

/* --- rows ------------------------------------------------------------------------------------------- */

/* The 32 bits of elements first .. first + 4 of cuRAND's Philox4x32-10 stream (subsequence 0). */
static inline void philox(uint64_t seed, uint64_t block, uint32_t out[4])
{
    uint32_t c0 = (uint32_t)block, c1 = (uint32_t)(block >> 32), c2 = 0, c3 = 0;
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xd2511f53u * c0, p1 = (uint64_t)0xcd9e8d57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

/* factor[j] = 0 or 1 / (1 - p) for the keys [key, key + count) of a query. */
static void dropout_row(const struct head *h, int64_t query, int64_t key, int64_t count, float *factor)
{
    const struct dropout *d = &h->dropout;
    const float kept = (float)(1.0 / (1.0 - d->p));
    uint64_t n = d->offset + (uint64_t)(query * h->keys + key);
    uint32_t words[4];
    for (int64_t j = 0; j < count; j++, n++) {
        if (j == 0 || n % 4 == 0)
            philox(d->seed, n / 4, words);
        float uniform = (float)words[n % 4] * 0x1p-32f + 0x1p-33f; /* in (0, 1] */
        factor[j] = uniform > d->p ? kept : 0;
    }
}

TARGETS static float greatest(const float *x, int64_t n)
{
    float most = -INFINITY;
    for (int64_t i = 0; i < n; i++)
        most = x[i] > most ? x[i] : most;
    return most;
}

/* x = e^(x - high), and the sum; e^-infinity is zero. */
TARGETS static float exponentials(float *x, float high, int64_t n)
{
    float sum = 0;
    for (int64_t i = 0; i < n; i++) {
        float e = exp_f32(x[i] - high);
        e = x[i] - high < -87 ? 0 : e;
        x[i] = e;
        sum += e;
    }
    return sum;
}

TARGETS static void scale_row(float *x, float factor, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] *= factor;
}

TARGETS static void multiply_row(float *x, const float *by, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] *= by[i];
}

TARGETS static void add_row(float *x, const float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] += y[i];
}

TARGETS static float scalar_product(const float *x, const float *y, int64_t n)
{
    float sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

/* ds = p * (dp - delta) */
TARGETS static void score_gradient(float *dp, const float *p, float delta, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        dp[i] = p[i] * (dp[i] - delta);
}

/* --- scores ----------------------------------------------------------------------------------------- */

/* First key that no query up to `last` sees. */
static int64_t keys_seen(const struct head *h, int64_t last)
{
    int64_t seen = h->mask == MASK_NONE ? h->keys : last + h->diagonal + 1;
    return seen < 0 ? 0 : seen < h->keys ? seen : h->keys;
}

/* s = scale Q K^T + bias, masked, for queries [i, i + rows) and keys [j, j + columns). */
static void scores(const struct head *h, const float *q, int64_t ldq, int64_t i, int64_t rows, const float *k,
                   int64_t ldk, int64_t j, int64_t columns, float *s, float *row)
{
    int64_t type = h->o->type;
    multiply(h->o, NO_TRANSPOSE, TRANSPOSE, rows, columns, h->dim, h->scale, q, ldq, k, ldk, 0, s, columns);
    for (int64_t r = 0; r < rows; r++) {
        float *x = s + r * columns;
        if (h->bias.p) {
            const char *bias = rows_from(h->bias, i + r, type).p + j * maf_type_bytes(type);
            maf_load_floats(row, type, bias, 1, columns);
            add_row(x, row, columns);
        }
        if (h->mask != MASK_NONE) {
            int64_t first = i + r + h->diagonal + 1 - j;
            for (int64_t c = first < 0 ? 0 : first; c < columns; c++)
                x[c] = -INFINITY;
        }
    }
}

/* --- forward ---------------------------------------------------------------------------------------- */

/* Output and log-sum-exp of queries [i, i + rows); lse may be NULL. */
static int forward_block(const struct head *h, int64_t i, int64_t rows, struct matrix output, float *lse)
{
    const struct maf_attention *o = h->o;
    int64_t d = h->dim, dv = h->dim_value, ldq, ldk, ldv;
    float *memory = floats(rows * (d + dv + KEY_BLOCK + 2) + KEY_BLOCK * (d + dv + 1));
    if (!memory)
        return OUT_OF_MEMORY;
    float *q_copy = memory, *sum = q_copy + rows * d, *s = sum + rows * dv, *high = s + rows * KEY_BLOCK;
    float *total = high + rows, *k_copy = total + rows, *v_copy = k_copy + KEY_BLOCK * d, *row = v_copy + KEY_BLOCK * dv;
    const float *q = read_rows(o->type, rows_from(h->q, i, o->type), rows, d, q_copy, &ldq);
    memset(sum, 0, (size_t)(rows * dv) * sizeof *sum);
    for (int64_t r = 0; r < rows; r++)
        high[r] = -INFINITY, total[r] = 0;
    int64_t end = keys_seen(h, i + rows - 1);
    for (int64_t j = 0; j < end; j += KEY_BLOCK) {
        int64_t columns = end - j < KEY_BLOCK ? end - j : KEY_BLOCK;
        const float *k = read_rows(o->type, rows_from(h->k, j, o->type), columns, d, k_copy, &ldk);
        const float *v = read_rows(o->type, rows_from(h->v, j, o->type), columns, dv, v_copy, &ldv);
        scores(h, q, ldq, i, rows, k, ldk, j, columns, s, row);
        for (int64_t r = 0; r < rows; r++) {
            float *x = s + r * columns, most = greatest(x, columns);
            most = most > high[r] ? most : high[r];
            float base = most == -INFINITY ? 0 : most; /* a row that is masked so far */
            float factor = high[r] == -INFINITY ? 0 : exp_f32(high[r] - base);
            total[r] = total[r] * factor + exponentials(x, base, columns);
            if (factor != 1)
                scale_row(sum + r * dv, factor, dv);
            high[r] = most;
            if (h->dropout.p != 0) {
                dropout_row(h, i + r, j, columns, row);
                multiply_row(x, row, columns);
            }
        }
        multiply(o, NO_TRANSPOSE, NO_TRANSPOSE, rows, dv, columns, 1, s, columns, v, ldv, 1, sum, dv);
    }
    for (int64_t r = 0; r < rows; r++) {
        float t = total[r] == 0 ? 1 : total[r];
        scale_row(sum + r * dv, 1 / t, dv);
        if (lse)
            lse[i + r] = (high[r] == -INFINITY ? 0 : high[r]) + logf(t);
    }
    write_rows(o->type, rows_from(output, i, o->type), sum, rows, dv);
    free(memory);
    return 0;
}

/* Blocks [begin, end) of queries, counted over heads and batch entries. */
static void forward_blocks(void *arg, uint64_t begin, uint64_t end)
{
    struct launch *l = arg;
    const struct forward_params *p = &l->f;
    int64_t type = l->o->type;
    for (uint64_t n = begin; n < end; n++) {
        int64_t block = (int64_t)n % l->blocks, head = (int64_t)n / l->blocks % p->heads;
        int64_t batch = (int64_t)n / l->blocks / p->heads, kv_head = head / l->heads_per_kv;
        int64_t q_row = 0, k_row = 0, in_batch = batch, queries = p->queries, keys = p->keys;
        if (p->seqstart_q) { /* sequences of their own lengths, one after the other */
            const int32_t *starts_q = (const int32_t *)p->seqstart_q + batch;
            const int32_t *starts_k = (const int32_t *)p->seqstart_k + batch;
            q_row = starts_q[0], queries = starts_q[1] - starts_q[0];
            k_row = starts_k[0], keys = starts_k[1] - starts_k[0];
            if (p->seqlen_k)
                keys = ((const int32_t *)p->seqlen_k)[batch];
            in_batch = 0;
        }
        int64_t i = block * QUERY_BLOCK, rows = queries - i < QUERY_BLOCK ? queries - i : QUERY_BLOCK;
        if (rows <= 0)
            continue;
        struct head h = {
            .o = l->o, .queries = queries, .keys = keys, .dim = p->head_dim, .dim_value = p->head_dim_value,
            .q = {at(p->query, in_batch * p->q_batch + q_row * p->q_stride + head * p->q_head, type), p->q_stride},
            .k = {at(p->key, in_batch * p->k_batch + k_row * p->k_stride + kv_head * p->k_head, type), p->k_stride},
            .v = {at(p->value, in_batch * p->v_batch + k_row * p->v_stride + kv_head * p->v_head, type), p->v_stride},
            .scale = p->scale, .mask = l->mask,
            .diagonal = l->mask == MASK_CAUSAL_BOTTOM_RIGHT ? keys - queries : (int64_t)p->causal_offset,
            .dropout = {l->seed, l->offset + (uint64_t)(batch * p->heads + head) * (uint64_t)p->queries * (uint64_t)p->keys,
                        l->dropout}};
        if (p->bias)
            h.bias = (struct matrix){at(p->bias, batch * p->bias_batch + head * p->bias_head, type), p->bias_stride};
        struct matrix output = {
            at(p->output, (in_batch * p->queries + q_row) * p->o_stride + head * p->head_dim_value, type), p->o_stride};
        int64_t padded = (p->queries + LSE_ALIGN - 1) / LSE_ALIGN * LSE_ALIGN;
        float *lse = p->lse ? (float *)p->lse + (batch * p->heads + head) * padded : NULL;
        int error = forward_block(&h, i, rows, output, lse);
        if (error)
            __atomic_store_n(&l->error, error, __ATOMIC_RELAXED);
        if (lse && i + rows == queries)
            for (int64_t r = queries; r < (queries + LSE_ALIGN - 1) / LSE_ALIGN * LSE_ALIGN; r++)
                lse[r] = INFINITY;
    }
}

/* Seed and offset as torch's PhiloxCudaState holds them: values, or addresses while a graph was captured. */
static void read_philox(struct launch *l, const char *params)
{
    uint64_t words[3] = {0, 0, 0};
    int64_t in_graph = l->o->captured_at - l->o->philox_at == 24 ? 8 : 4;
    memcpy(words, params + l->o->philox_at, 16);
    memcpy(words + 2, params + l->o->philox_at + 16, (size_t)in_graph);
    int captured = params[l->o->captured_at] != 0;
    l->seed = captured ? *(const uint64_t *)words[0] : words[0];
    l->offset = captured ? *(const uint64_t *)words[1] + words[2] : words[1];
}

static int64_t heads_per_kv(const struct maf_attention *o, const char *params)
{
    int32_t heads = 1;
    if (o->heads_per_kv_at >= 0)
        memcpy(&heads, params + o->heads_per_kv_at, sizeof heads);
    return heads;
}

int maf_override_attention_forward(const void *closure, const uint32_t grid[3], const void *params, uint32_t param_bytes)
{
    struct launch l = {.o = closure};
    struct forward_params *p = &l.f;
    const char *bytes = params;
    (void)param_bytes; /* the table matches it */
    memcpy(p, params, sizeof *p);
    l.mask = p->mask;
    l.heads_per_kv = heads_per_kv(l.o, bytes);
    memcpy(&l.dropout, bytes + FORWARD_DROPOUT_AT, sizeof l.dropout);
    uint32_t blocks = (uint32_t)((p->queries + l.o->queries_per_block - 1) / l.o->queries_per_block);
    if (p->window || p->mask > MASK_CAUSAL_BOTTOM_RIGHT || l.heads_per_kv < 1 || !(l.dropout >= 0 && l.dropout < 1) ||
        grid[0] != blocks || grid[1] != (uint32_t)p->heads || grid[2] != (uint32_t)p->batches)
        return MAF_OVERRIDE_DECLINED;
    if (l.dropout != 0) {
        read_philox(&l, bytes);
        if (bytes[l.o->captured_at])
            return MAF_OVERRIDE_DECLINED; /* the kernel also hands the seed on to the backward pass */
    }
    l.blocks = (p->queries + QUERY_BLOCK - 1) / QUERY_BLOCK;
    maf_cpu_parallel_for((uint64_t)(l.blocks * p->heads * p->batches), 1, forward_blocks, &l);
    return l.error;
}

/* --- backward --------------------------------------------------------------------------------------- */

struct gradients {
    struct matrix q, k, v, bias; /* bias.p: NULL without */
    struct matrix output, grad_output;
    const float *lse;
    float *delta; /* row sums of output * grad_output; the kernel leaves them in memory */
};

static int backward_head(const struct head *h, const struct gradients *g)
{
    const struct maf_attention *o = h->o;
    const int64_t type = o->type, d = h->dim, dv = h->dim_value, nq = h->queries, nk = h->keys;
    float *memory = floats(nq * (2 * d + 2 * dv) + nk * (d + dv) + KEY_BLOCK * (d + dv + 1 + 2 * QUERY_BLOCK));
    if (!memory)
        return OUT_OF_MEMORY;
    float *q_copy = memory, *do_copy = q_copy + nq * d, *dq = do_copy + nq * dv, *out = dq + nq * d;
    float *dk = out + nq * dv, *dv_sum = dk + nk * d, *k_copy = dv_sum + nk * dv, *v_copy = k_copy + KEY_BLOCK * d;
    float *p = v_copy + KEY_BLOCK * dv, *dp = p + QUERY_BLOCK * KEY_BLOCK, *row = dp + QUERY_BLOCK * KEY_BLOCK;
    int64_t ldq, ldo, ldg, ldk, ldv;
    const float *q = read_rows(type, h->q, nq, d, q_copy, &ldq);
    const float *dout = read_rows(type, g->grad_output, nq, dv, do_copy, &ldg);
    const float *output = read_rows(type, g->output, nq, dv, out, &ldo);
    for (int64_t r = 0; r < nq; r++)
        g->delta[r] = scalar_product(output + r * ldo, dout + r * ldg, dv);
    memset(dq, 0, (size_t)(nq * d) * sizeof *dq);
    memset(dk, 0, (size_t)(nk * (d + dv)) * sizeof *dk);
    for (int64_t j = 0; j < nk; j += KEY_BLOCK) {
        int64_t columns = nk - j < KEY_BLOCK ? nk - j : KEY_BLOCK;
        const float *k = read_rows(type, rows_from(h->k, j, type), columns, d, k_copy, &ldk);
        const float *v = read_rows(type, rows_from(h->v, j, type), columns, dv, v_copy, &ldv);
        for (int64_t i = 0; i < nq; i += QUERY_BLOCK) {
            int64_t rows = nq - i < QUERY_BLOCK ? nq - i : QUERY_BLOCK;
            if (keys_seen(h, i + rows - 1) <= j && !g->bias.p)
                continue;
            scores(h, q + i * ldq, ldq, i, rows, k, ldk, j, columns, p, row);
            multiply(o, NO_TRANSPOSE, TRANSPOSE, rows, columns, dv, 1, dout + i * ldg, ldg, v, ldv, 0, dp, columns);
            for (int64_t r = 0; r < rows; r++)
                exponentials(p + r * columns, g->lse[i + r], columns);
            if (h->dropout.p == 0) {
                multiply(o, TRANSPOSE, NO_TRANSPOSE, columns, dv, rows, 1, p, columns, dout + i * ldg, ldg, 1,
                         dv_sum + j * dv, dv);
            } else {
                /* The values saw p with dropout, the scores' gradient sees p without. */
                float *dropped = floats(rows * columns);
                if (!dropped) {
                    free(memory);
                    return OUT_OF_MEMORY;
                }
                for (int64_t r = 0; r < rows; r++) {
                    dropout_row(h, i + r, j, columns, row);
                    multiply_row(dp + r * columns, row, columns);
                    memcpy(dropped + r * columns, p + r * columns, (size_t)columns * sizeof *p);
                    multiply_row(dropped + r * columns, row, columns);
                }
                multiply(o, TRANSPOSE, NO_TRANSPOSE, columns, dv, rows, 1, dropped, columns, dout + i * ldg, ldg, 1,
                         dv_sum + j * dv, dv);
                free(dropped);
            }
            for (int64_t r = 0; r < rows; r++) {
                score_gradient(dp + r * columns, p + r * columns, g->delta[i + r], columns);
                if (g->bias.p)
                    maf_store_floats(type, rows_from(g->bias, i + r, type).p + j * maf_type_bytes(type), 1,
                                     dp + r * columns, columns);
            }
            multiply(o, NO_TRANSPOSE, NO_TRANSPOSE, rows, d, columns, h->scale, dp, columns, k, ldk, 1, dq + i * d, d);
            multiply(o, TRANSPOSE, NO_TRANSPOSE, columns, d, rows, h->scale, dp, columns, q + i * ldq, ldq, 1,
                     dk + j * d, d);
        }
    }
    write_rows(type, g->q, dq, nq, d);
    write_rows(type, g->k, dk, nk, d);
    write_rows(type, g->v, dv_sum, nk, dv);
    free(memory);
    return 0;
}

static void backward_heads(void *arg, uint64_t begin, uint64_t end)
{
    struct launch *l = arg;
    const struct backward_params *p = &l->b;
    const struct backward_strides *s = &l->strides;
    const struct backward_tail *t = &l->tail;
    const int64_t type = l->o->type;
    const int64_t o_stride = (int64_t)p->head_dim_value * p->heads;
    const int64_t g_stride = (int64_t)s->grad_multiplier * p->heads * p->head_dim;
    const int64_t gv_stride = (int64_t)s->grad_multiplier * p->heads * p->head_dim_value;
    for (uint64_t n = begin; n < end; n++) {
        int64_t head = (int64_t)n % p->heads, batch = (int64_t)n / p->heads, kv_head = head / l->heads_per_kv;
        int64_t q_row = 0, k_row = 0, in_batch = batch, queries = p->queries, keys = p->keys;
        if (p->seqstart_q) {
            const int32_t *starts_q = (const int32_t *)p->seqstart_q + batch;
            const int32_t *starts_k = (const int32_t *)p->seqstart_k + batch;
            q_row = starts_q[0], queries = starts_q[1] - starts_q[0];
            k_row = starts_k[0], keys = starts_k[1] - starts_k[0];
            in_batch = 0;
        }
        struct head h = {
            .o = l->o, .queries = queries, .keys = keys, .dim = p->head_dim, .dim_value = p->head_dim_value,
            .q = {at(p->query, in_batch * t->q_batch + q_row * s->q + head * t->q_head, type), s->q},
            .k = {at(p->key, in_batch * t->k_batch + k_row * s->k + kv_head * t->k_head, type), s->k},
            .v = {at(p->value, in_batch * t->v_batch + k_row * s->v + kv_head * t->v_head, type), s->v},
            .scale = p->scale, .mask = l->mask, .diagonal = l->mask == MASK_CAUSAL_BOTTOM_RIGHT ? keys - queries : 0,
            .dropout = {l->seed, l->offset + (uint64_t)(batch * p->heads + head) * (uint64_t)p->queries * (uint64_t)p->keys,
                        l->dropout}};
        struct gradients g = {
            .q = {at(p->grad_query, in_batch * t->gq_batch + q_row * g_stride + head * t->gq_head, type), g_stride},
            .k = {at(p->grad_key, in_batch * t->gk_batch + k_row * g_stride + head * t->gk_head, type), g_stride},
            .v = {at(p->grad_value, in_batch * t->gv_batch + k_row * gv_stride + head * t->gv_head, type), gv_stride},
            .output = {at(p->output, in_batch * t->o_batch + q_row * o_stride + head * t->o_head, type), o_stride},
            .grad_output = {at(p->grad_output, in_batch * t->go_batch + q_row * s->grad_output + head * t->go_head, type),
                            s->grad_output},
            .lse = (const float *)p->lse + batch * t->lse_batch + head * t->lse_head,
            .delta = (float *)p->delta + in_batch * t->delta_batch + q_row + head * t->delta_head};
        if (p->bias)
            h.bias = (struct matrix){at(p->bias, in_batch * t->bias_batch + head * t->bias_head, type), s->bias};
        if (p->grad_bias)
            g.bias = (struct matrix){at(p->grad_bias, in_batch * t->gb_batch + head * t->gb_head, type), s->grad_bias};
        int error = backward_head(&h, &g);
        if (error)
            __atomic_store_n(&l->error, error, __ATOMIC_RELAXED);
    }
}

int maf_override_attention_backward(const void *closure, const uint32_t grid[3], const void *params, uint32_t param_bytes)
{
    struct launch l = {.o = closure};
    const struct maf_attention *o = l.o;
    const struct backward_params *p = &l.b;
    const char *bytes = params;
    (void)param_bytes;
    memcpy(&l.b, params, sizeof l.b);
    memcpy(&l.mask, bytes + o->mask_at, 1);
    memcpy(&l.strides, bytes + (o->mask_at + 8) / 8 * 8, sizeof l.strides);
    memcpy(&l.tail, bytes + o->tail_at, sizeof l.tail);
    memcpy(&l.dropout, bytes + o->tail_at - 8, sizeof l.dropout);
    l.heads_per_kv = heads_per_kv(o, bytes);
    if (p->window || l.mask > MASK_CAUSAL_BOTTOM_RIGHT || l.heads_per_kv < 1 || !(l.dropout >= 0 && l.dropout < 1) ||
        !p->output || !p->delta || grid[0] != (uint32_t)l.tail.splits || grid[1] != (uint32_t)p->heads ||
        grid[2] != (uint32_t)l.tail.batches)
        return MAF_OVERRIDE_DECLINED;
    if (l.dropout != 0)
        read_philox(&l, bytes);
    maf_cpu_parallel_for((uint64_t)p->heads * (uint64_t)l.tail.batches, 1, backward_heads, &l);
    return l.error;
}
