/* See attention.h. */

#include "attention.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

#include "op_convert.h"
#include "philox.h"
#include "vector_rows.h"

enum { OUT_OF_MEMORY = 2 };
enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112 };
enum { KEY_BLOCK = 256 };

typedef void (*sgemm_fn)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);

static struct maf_matrix rows_from(struct maf_matrix m, int64_t row, int64_t type)
{
    return (struct maf_matrix){m.p + row * m.stride * maf_type_bytes(type), m.stride};
}

/* A matrix's rows as the BLAS reads them: in place, or converted into buffer. */
static const float *read_rows(int64_t type, struct maf_matrix m, int64_t rows, int64_t columns, float *buffer, int64_t *ld)
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

static void write_rows(int64_t type, struct maf_matrix m, const float *from, int64_t rows, int64_t columns)
{
    for (int64_t i = 0; i < rows; i++)
        maf_store_floats(type, rows_from(m, i, type).p, 1, from + i * columns, columns);
}

/* c = alpha * op(a) op(b) + beta * c, row major. */
static void multiply(const struct maf_attention_head *h, int ta, int tb, int64_t m, int64_t n, int64_t k, float alpha,
                     const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
    if (m > 0 && n > 0)
        ((sgemm_fn)h->sgemm)(ROW_MAJOR, ta, tb, (int)m, (int)n, (int)k, alpha, a, (int)lda, b, (int)ldb, beta, c, (int)ldc);
}

/* --- rows ------------------------------------------------------------------------------------------- */

/* factor[j] = 0 or 1 / (1 - p) for the keys [key, key + count) of a query. */
static void dropout_row(const struct maf_attention_head *h, int64_t query, int64_t key, int64_t count, float *factor)
{
    const struct maf_dropout *d = &h->dropout;
    const float kept = (float)(1.0 / (1.0 - d->p));
    uint64_t n = d->offset + (uint64_t)(query * h->keys + key);
    uint32_t words[4];
    for (int64_t j = 0; j < count; j++, n++) {
        if (j == 0 || n % 4 == 0) {
            words[0] = (uint32_t)(n / 4), words[1] = (uint32_t)(n / 4 >> 32), words[2] = words[3] = 0;
            maf_philox(d->seed, words);
        }
        float uniform = (float)words[n % 4] * 0x1p-32f + 0x1p-33f; /* in (0, 1] */
        factor[j] = uniform > d->p ? kept : 0;
    }
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
static int64_t keys_seen(const struct maf_attention_head *h, int64_t last)
{
    int64_t seen = h->mask == MAF_MASK_NONE ? h->keys : last + h->diagonal + 1;
    return seen < 0 ? 0 : seen < h->keys ? seen : h->keys;
}

/* s = scale Q K^T + bias, masked, for queries [i, i + rows) and keys [j, j + columns). */
static void scores(const struct maf_attention_head *h, const float *q, int64_t ldq, int64_t i, int64_t rows, const float *k,
                   int64_t ldk, int64_t j, int64_t columns, float *s, float *row)
{
    int64_t type = h->type;
    multiply(h, NO_TRANSPOSE, TRANSPOSE, rows, columns, h->dim, h->scale, q, ldq, k, ldk, 0, s, columns);
    for (int64_t r = 0; r < rows; r++) {
        float *x = s + r * columns;
        if (h->bias.p) {
            const char *bias = rows_from(h->bias, i + r, type).p + j * maf_type_bytes(type);
            maf_load_floats(row, type, bias, 1, columns);
            add_row(x, row, columns);
        }
        if (h->mask != MAF_MASK_NONE) {
            int64_t first = i + r + h->diagonal + 1 - j;
            for (int64_t c = first < 0 ? 0 : first; c < columns; c++)
                x[c] = -INFINITY;
        }
    }
}

int maf_attention_forward(const struct maf_attention_head *h, int64_t i, int64_t rows, struct maf_matrix output, float *lse)
{
    int64_t d = h->dim, dv = h->dim_value, ldq, ldk, ldv;
    float *memory = row_floats(rows * (d + dv + KEY_BLOCK + 2) + KEY_BLOCK * (d + dv + 1));
    if (!memory)
        return OUT_OF_MEMORY;
    float *q_copy = memory, *sum = q_copy + rows * d, *s = sum + rows * dv, *high = s + rows * KEY_BLOCK;
    float *total = high + rows, *k_copy = total + rows, *v_copy = k_copy + KEY_BLOCK * d, *row = v_copy + KEY_BLOCK * dv;
    const float *q = read_rows(h->type, rows_from(h->q, i, h->type), rows, d, q_copy, &ldq);
    memset(sum, 0, (size_t)(rows * dv) * sizeof *sum);
    for (int64_t r = 0; r < rows; r++)
        high[r] = -INFINITY, total[r] = 0;
    int64_t end = keys_seen(h, i + rows - 1);
    for (int64_t j = 0; j < end; j += KEY_BLOCK) {
        int64_t columns = end - j < KEY_BLOCK ? end - j : KEY_BLOCK;
        const float *k = read_rows(h->type, rows_from(h->k, j, h->type), columns, d, k_copy, &ldk);
        const float *v = read_rows(h->type, rows_from(h->v, j, h->type), columns, dv, v_copy, &ldv);
        scores(h, q, ldq, i, rows, k, ldk, j, columns, s, row);
        for (int64_t r = 0; r < rows; r++) {
            float *x = s + r * columns, most = maf_row_maximum(x, columns);
            most = most > high[r] ? most : high[r];
            float base = most == -INFINITY ? 0 : most; /* a row that is masked so far */
            float factor = high[r] == -INFINITY ? 0 : exp_f32(high[r] - base);
            total[r] = total[r] * factor + maf_row_exponentials(x, x, base, columns);
            if (factor != 1)
                maf_row_scale(sum + r * dv, factor, dv);
            high[r] = most;
            if (h->dropout.p != 0) {
                dropout_row(h, i + r, j, columns, row);
                multiply_row(x, row, columns);
            }
        }
        multiply(h, NO_TRANSPOSE, NO_TRANSPOSE, rows, dv, columns, 1, s, columns, v, ldv, 1, sum, dv);
    }
    for (int64_t r = 0; r < rows; r++) {
        float t = total[r] == 0 ? 1 : total[r];
        maf_row_scale(sum + r * dv, 1 / t, dv);
        if (lse)
            lse[i + r] = (high[r] == -INFINITY ? 0 : high[r]) + logf(t);
    }
    write_rows(h->type, rows_from(output, i, h->type), sum, rows, dv);
    free(memory);
    return 0;
}

int maf_attention_backward(const struct maf_attention_head *h, const struct maf_attention_gradients *g)
{
    const int64_t type = h->type, d = h->dim, dv = h->dim_value, nq = h->queries, nk = h->keys;
    float *memory = row_floats(nq * (2 * d + 2 * dv) + nk * (d + dv) + KEY_BLOCK * (d + dv + 1 + 3 * MAF_ATTENTION_QUERIES));
    if (!memory)
        return OUT_OF_MEMORY;
    float *q_copy = memory, *do_copy = q_copy + nq * d, *dq = do_copy + nq * dv, *out = dq + nq * d;
    float *dk = out + nq * dv, *dv_sum = dk + nk * d, *k_copy = dv_sum + nk * dv, *v_copy = k_copy + KEY_BLOCK * d;
    float *p = v_copy + KEY_BLOCK * dv, *dp = p + MAF_ATTENTION_QUERIES * KEY_BLOCK;
    float *dropped = dp + MAF_ATTENTION_QUERIES * KEY_BLOCK, *row = dropped + MAF_ATTENTION_QUERIES * KEY_BLOCK;
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
        for (int64_t i = 0; i < nq; i += MAF_ATTENTION_QUERIES) {
            int64_t rows = nq - i < MAF_ATTENTION_QUERIES ? nq - i : MAF_ATTENTION_QUERIES;
            if (keys_seen(h, i + rows - 1) <= j && !g->bias.p)
                continue;
            scores(h, q + i * ldq, ldq, i, rows, k, ldk, j, columns, p, row);
            multiply(h, NO_TRANSPOSE, TRANSPOSE, rows, columns, dv, 1, dout + i * ldg, ldg, v, ldv, 0, dp, columns);
            for (int64_t r = 0; r < rows; r++)
                maf_row_exponentials(p + r * columns, p + r * columns, g->lse[i + r], columns);
            const float *seen = p; /* by the values: with dropout, which the scores' gradient does without */
            if (h->dropout.p != 0) {
                for (int64_t r = 0; r < rows; r++) {
                    dropout_row(h, i + r, j, columns, row);
                    multiply_row(dp + r * columns, row, columns);
                    memcpy(dropped + r * columns, p + r * columns, (size_t)columns * sizeof *p);
                    multiply_row(dropped + r * columns, row, columns);
                }
                seen = dropped;
            }
            multiply(h, TRANSPOSE, NO_TRANSPOSE, columns, dv, rows, 1, seen, columns, dout + i * ldg, ldg, 1,
                     dv_sum + j * dv, dv);
            for (int64_t r = 0; r < rows; r++) {
                score_gradient(dp + r * columns, p + r * columns, g->delta[i + r], columns);
                if (g->bias.p)
                    maf_store_floats(type, rows_from(g->bias, i + r, type).p + j * maf_type_bytes(type), 1,
                                     dp + r * columns, columns);
            }
            multiply(h, NO_TRANSPOSE, NO_TRANSPOSE, rows, d, columns, h->scale, dp, columns, k, ldk, 1, dq + i * d, d);
            multiply(h, TRANSPOSE, NO_TRANSPOSE, columns, d, rows, h->scale, dp, columns, q + i * ldq, ldq, 1,
                     dk + j * d, d);
        }
    }
    write_rows(type, g->q, dq, nq, d);
    write_rows(type, g->k, dk, nk, d);
    write_rows(type, g->v, dv_sum, nk, dv);
    free(memory);
    return 0;
}

