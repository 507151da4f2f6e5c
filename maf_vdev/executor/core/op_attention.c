/* See op_attention.h. */
#include <stdlib.h>
#include <string.h>

#include "core.h"

#include "attention.h"
#include "cpu_launch.h"
#include "op_attention.h"
#include "op_convert.h"

struct call {
    const struct maf_attention_op *op;
    const uint64_t *ptrs;
    float scale;
    uint64_t seed;
    uint64_t offset;
    int64_t blocks; /* of queries */
    int error;
};

static struct maf_matrix matrix(const struct call *c, const struct maf_attention_tensor *t, int64_t batch, int64_t head)
{
    int64_t at = batch * t->strides[0] + head * t->strides[1];
    return (struct maf_matrix){(char *)c->ptrs[t->pointer] + at * maf_type_bytes(c->op->type), t->strides[2]};
}

static float *statistics(const struct call *c, int64_t batch, int64_t head)
{
    const struct maf_attention_tensor *t = &c->op->statistics;
    return t->pointer < 0 ? NULL : (float *)c->ptrs[t->pointer] + batch * t->strides[0] + head * t->strides[1];
}

static struct maf_attention_head head_of(const struct call *c, int64_t batch, int64_t head)
{
    const struct maf_attention_op *op = c->op;
    struct maf_attention_head h = {
        .sgemm = op->sgemm,
        .type = op->type,
        .queries = op->queries,
        .keys = op->keys,
        .dim = op->dim,
        .dim_value = op->dim_value,
        .q = matrix(c, &op->q, batch, head),
        .k = matrix(c, &op->k, batch, head / op->shared_k),
        .v = matrix(c, &op->v, batch, head / op->shared_v),
        .scale = c->scale,
        .mask = op->causal ? MAF_MASK_CAUSAL_TOP_LEFT : MAF_MASK_NONE,
        .dropout = {c->seed, c->offset + (uint64_t)((batch * op->heads + head) * op->queries * op->keys),
                    (float)op->dropout},
    };
    if (op->bias.pointer >= 0)
        h.bias = matrix(c, &op->bias, batch, head);
    return h;
}

static void failed(struct call *c, int error)
{
    if (error)
        __atomic_store_n(&c->error, error, __ATOMIC_RELAXED);
}

static void forward(void *arg, uint64_t begin, uint64_t end)
{
    struct call *c = arg;
    for (uint64_t n = begin; n < end; n++) {
        int64_t i = (int64_t)n % c->blocks * MAF_ATTENTION_QUERIES, which = (int64_t)n / c->blocks;
        int64_t batch = which / c->op->heads, head = which % c->op->heads, rows = c->op->queries - i;
        struct maf_attention_head h = head_of(c, batch, head);
        failed(c, maf_attention_forward(&h, i, rows < MAF_ATTENTION_QUERIES ? rows : MAF_ATTENTION_QUERIES,
                                        matrix(c, &c->op->out, batch, head), statistics(c, batch, head)));
    }
}

/* Gradients of the heads that share one of keys and values: each head's into `part`, added up in `sum`. */
struct shared {
    float *delta; /* a row */
    char *part;   /* keys x dim, then keys x dim_value, of the op's type */
    float *sum;
    float *row;
};

static void add_rows(const struct call *c, struct maf_matrix from, float *sum, float *row, int64_t columns)
{
    for (int64_t i = 0; i < c->op->keys; i++) {
        maf_load_floats(row, c->op->type, from.p + i * from.stride * maf_type_bytes(c->op->type), 1, columns);
        for (int64_t j = 0; j < columns; j++)
            sum[i * columns + j] += row[j];
    }
}

static void write_sums(const struct call *c, struct maf_matrix to, const float *sum, int64_t columns)
{
    for (int64_t i = 0; i < c->op->keys; i++)
        maf_store_floats(c->op->type, to.p + i * to.stride * maf_type_bytes(c->op->type), 1, sum + i * columns, columns);
}

static int backward_group(const struct call *c, int64_t batch, int64_t group, const struct shared *s)
{
    const struct maf_attention_op *op = c->op;
    int64_t count = op->shared_k, n = op->keys, d = op->dim, dv = op->dim_value;
    struct maf_matrix grad_k = matrix(c, &op->grad_k, batch, group), grad_v = matrix(c, &op->grad_v, batch, group);
    float *sum_v = s->sum + n * d;
    if (count > 1)
        memset(s->sum, 0, (size_t)(n * (d + dv)) * sizeof *s->sum);
    for (int64_t head = group * count; head < (group + 1) * count; head++) {
        struct maf_attention_head h = head_of(c, batch, head);
        struct maf_attention_gradients g = {
            .q = matrix(c, &op->grad_q, batch, head),
            .k = count > 1 ? (struct maf_matrix){s->part, d} : grad_k,
            .v = count > 1 ? (struct maf_matrix){s->part + n * d * maf_type_bytes(op->type), dv} : grad_v,
            .output = matrix(c, &op->out, batch, head),
            .grad_output = matrix(c, &op->grad_out, batch, head),
            .lse = statistics(c, batch, head),
            .delta = s->delta,
        };
        int error = maf_attention_backward(&h, &g);
        if (error)
            return error;
        if (count > 1) {
            add_rows(c, g.k, s->sum, s->row, d);
            add_rows(c, g.v, sum_v, s->row, dv);
        }
    }
    if (count > 1) {
        write_sums(c, grad_k, s->sum, d);
        write_sums(c, grad_v, sum_v, dv);
    }
    return 0;
}

static void backward(void *arg, uint64_t begin, uint64_t end)
{
    struct call *c = arg;
    const struct maf_attention_op *op = c->op;
    size_t wide = (size_t)(op->keys * (op->dim + op->dim_value));
    int64_t groups = op->heads / op->shared_k, row = op->dim > op->dim_value ? op->dim : op->dim_value;
    float *memory = malloc(((size_t)op->queries + 2 * wide + (size_t)row) * sizeof *memory); /* no type is wider than float */
    struct shared s = {memory, (char *)(memory + op->queries), memory + op->queries + wide,
                       memory + op->queries + 2 * wide};
    if (!memory)
        failed(c, 2); /* cudaErrorMemoryAllocation */
    for (uint64_t n = begin; n < end && memory; n++)
        failed(c, backward_group(c, (int64_t)n / groups, (int64_t)n % groups, &s));
    free(memory);
}

int maf_attention_run(void *closure, const uint64_t *ptrs, const void *scalars)
{
    struct call c = {.op = closure, .ptrs = ptrs};
    memcpy(&c.scale, scalars, sizeof c.scale);
    if (c.op->dropout != 0) {
        c.seed = *(const uint64_t *)ptrs[c.op->seed];
        c.offset = *(const uint64_t *)ptrs[c.op->offset];
    }
    c.blocks = (c.op->queries + MAF_ATTENTION_QUERIES - 1) / MAF_ATTENTION_QUERIES;
    uint64_t heads = (uint64_t)(c.op->batches * c.op->heads);
    if (c.op->backward)
        maf_cpu_parallel_for(heads / (uint64_t)c.op->shared_k, 1, backward, &c);
    else
        maf_cpu_parallel_for(heads * (uint64_t)c.blocks, 1, forward, &c);
    return c.error;
}
