/* See struct maf_attention in override.h. Parameter structs are those of PyTorch's kernel_forward.h and
 * kernel_backward.h. A launch is cut into blocks of queries (forward) or into heads (backward) for the launch pool. */

#include <math.h>
#include <string.h>

#include "core.h"

#include "attention.h"
#include "cpu_launch.h"
#include "op_convert.h"
#include "override.h"

enum { LSE_ALIGN = 32 }; /* rows of the log-sum-exp are padded with infinity to a multiple of this */

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

enum { STRIDE_Q, STRIDE_K, STRIDE_V, STRIDE_BIAS, STRIDE_GRAD_OUTPUT, STRIDE_GRAD_BIAS, STRIDES };

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

/* Parameters as the closure's release lays them out. */
struct launch {
    const struct maf_attention *o;
    struct forward_params f;
    struct backward_params b;
    int64_t strides[STRIDES];
    int8_t grad_multiplier; /* 3 where the gradients of query, key and value interleave */
    struct backward_tail tail;
    int64_t heads_per_kv;
    uint8_t mask;
    uint64_t seed, offset;
    float dropout;
    int64_t blocks; /* of queries, per head */
    int error;
};

static void *at(uint64_t base, int64_t element, int64_t type) { return (char *)base + element * maf_type_bytes(type); }

/* --- forward ---------------------------------------------------------------------------------------- */

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
        int64_t i = block * MAF_ATTENTION_QUERIES, rows = queries - i;
        if (rows > MAF_ATTENTION_QUERIES)
            rows = MAF_ATTENTION_QUERIES;
        if (rows <= 0)
            continue;
        struct maf_attention_head h = {
            .sgemm = l->o->sgemm, .type = type, .queries = queries, .keys = keys,
            .dim = p->head_dim, .dim_value = p->head_dim_value,
            .q = {at(p->query, in_batch * p->q_batch + q_row * p->q_stride + head * p->q_head, type), p->q_stride},
            .k = {at(p->key, in_batch * p->k_batch + k_row * p->k_stride + kv_head * p->k_head, type), p->k_stride},
            .v = {at(p->value, in_batch * p->v_batch + k_row * p->v_stride + kv_head * p->v_head, type), p->v_stride},
            .scale = p->scale, .mask = l->mask,
            .diagonal = l->mask == MAF_MASK_CAUSAL_BOTTOM_RIGHT ? keys - queries : (int64_t)p->causal_offset,
            .dropout = {l->seed, l->offset + (uint64_t)(batch * p->heads + head) * (uint64_t)p->queries * (uint64_t)p->keys,
                        l->dropout}};
        if (p->bias)
            h.bias = (struct maf_matrix){at(p->bias, batch * p->bias_batch + head * p->bias_head, type), p->bias_stride};
        struct maf_matrix output = {
            at(p->output, (in_batch * p->queries + q_row) * p->o_stride + head * p->head_dim_value, type), p->o_stride};
        int64_t padded = (p->queries + LSE_ALIGN - 1) / LSE_ALIGN * LSE_ALIGN;
        float *lse = p->lse ? (float *)p->lse + (batch * p->heads + head) * padded : NULL;
        int error = maf_attention_forward(&h, i, rows, output, lse);
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

int maf_override_attention_forward(const void *closure, const uint32_t grid[3], const void *params)
{
    struct launch l = {.o = closure};
    struct forward_params *p = &l.f;
    const char *bytes = params;
    memcpy(p, params, sizeof *p);
    l.mask = p->mask;
    l.heads_per_kv = heads_per_kv(l.o, bytes);
    memcpy(&l.dropout, bytes + FORWARD_DROPOUT_AT, sizeof l.dropout);
    uint32_t blocks = (uint32_t)((p->queries + l.o->queries_per_block - 1) / l.o->queries_per_block);
    if (p->window || p->mask > MAF_MASK_CAUSAL_BOTTOM_RIGHT || l.heads_per_kv < 1 || !(l.dropout >= 0 && l.dropout < 1) ||
        grid[0] != blocks || grid[1] != (uint32_t)p->heads || grid[2] != (uint32_t)p->batches)
        return MAF_OVERRIDE_DECLINED;
    if (l.dropout != 0) {
        read_philox(&l, bytes);
        if (bytes[l.o->captured_at])
            return MAF_OVERRIDE_DECLINED; /* the kernel also hands the seed on to the backward pass */
    }
    l.blocks = (p->queries + MAF_ATTENTION_QUERIES - 1) / MAF_ATTENTION_QUERIES;
    maf_cpu_parallel_for((uint64_t)(l.blocks * p->heads * p->batches), 1, forward_blocks, &l);
    return l.error;
}

/* --- backward --------------------------------------------------------------------------------------- */

static void backward_heads(void *arg, uint64_t begin, uint64_t end)
{
    struct launch *l = arg;
    const struct backward_params *p = &l->b;
    const int64_t *s = l->strides;
    const struct backward_tail *t = &l->tail;
    const int64_t type = l->o->type;
    const int64_t o_stride = (int64_t)p->head_dim_value * p->heads;
    const int64_t g_stride = (int64_t)l->grad_multiplier * p->heads * p->head_dim;
    const int64_t gv_stride = (int64_t)l->grad_multiplier * p->heads * p->head_dim_value;
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
        struct maf_attention_head h = {
            .sgemm = l->o->sgemm, .type = type, .queries = queries, .keys = keys,
            .dim = p->head_dim, .dim_value = p->head_dim_value,
            .q = {at(p->query, in_batch * t->q_batch + q_row * s[STRIDE_Q] + head * t->q_head, type), s[STRIDE_Q]},
            .k = {at(p->key, in_batch * t->k_batch + k_row * s[STRIDE_K] + kv_head * t->k_head, type), s[STRIDE_K]},
            .v = {at(p->value, in_batch * t->v_batch + k_row * s[STRIDE_V] + kv_head * t->v_head, type), s[STRIDE_V]},
            .scale = p->scale, .mask = l->mask, .diagonal = l->mask == MAF_MASK_CAUSAL_BOTTOM_RIGHT ? keys - queries : 0,
            .dropout = {l->seed, l->offset + (uint64_t)(batch * p->heads + head) * (uint64_t)p->queries * (uint64_t)p->keys,
                        l->dropout}};
        struct maf_attention_gradients g = {
            .q = {at(p->grad_query, in_batch * t->gq_batch + q_row * g_stride + head * t->gq_head, type), g_stride},
            .k = {at(p->grad_key, in_batch * t->gk_batch + k_row * g_stride + head * t->gk_head, type), g_stride},
            .v = {at(p->grad_value, in_batch * t->gv_batch + k_row * gv_stride + head * t->gv_head, type), gv_stride},
            .output = {at(p->output, in_batch * t->o_batch + q_row * o_stride + head * t->o_head, type), o_stride},
            .grad_output = {at(p->grad_output, in_batch * t->go_batch + q_row * s[STRIDE_GRAD_OUTPUT] + head * t->go_head, type),
                            s[STRIDE_GRAD_OUTPUT]},
            .lse = (const float *)p->lse + batch * t->lse_batch + head * t->lse_head,
            .delta = (float *)p->delta + in_batch * t->delta_batch + q_row + head * t->delta_head};
        if (p->bias)
            h.bias = (struct maf_matrix){at(p->bias, in_batch * t->bias_batch + head * t->bias_head, type), s[STRIDE_BIAS]};
        if (p->grad_bias)
            g.bias = (struct maf_matrix){at(p->grad_bias, in_batch * t->gb_batch + head * t->gb_head, type), s[STRIDE_GRAD_BIAS]};
        int error = maf_attention_backward(&h, &g);
        if (error)
            __atomic_store_n(&l->error, error, __ATOMIC_RELAXED);
    }
}

static void read_strides(struct launch *l, const char *p)
{
    for (int i = 0; i < STRIDES; i++, p += l->o->stride_bytes) {
        int32_t narrow;
        memcpy(&narrow, p, sizeof narrow);
        memcpy(&l->strides[i], p, sizeof l->strides[i]);
        if (l->o->stride_bytes == sizeof narrow)
            l->strides[i] = narrow;
    }
    l->grad_multiplier = *p;
}

int maf_override_attention_backward(const void *closure, const uint32_t grid[3], const void *params)
{
    struct launch l = {.o = closure};
    const struct maf_attention *o = l.o;
    const struct backward_params *p = &l.b;
    const char *bytes = params;
    memcpy(&l.b, params, sizeof l.b);
    memcpy(&l.mask, bytes + o->mask_at, 1);
    read_strides(&l, bytes + (o->mask_at / o->stride_bytes + 1) * o->stride_bytes);
    memcpy(&l.tail, bytes + o->tail_at, sizeof l.tail);
    memcpy(&l.dropout, bytes + o->tail_at - 8, sizeof l.dropout);
    l.heads_per_kv = heads_per_kv(o, bytes);
    if (p->window || l.mask > MAF_MASK_CAUSAL_BOTTOM_RIGHT || l.heads_per_kv < 1 || !(l.dropout >= 0 && l.dropout < 1) ||
        !p->output || !p->delta || grid[0] != (uint32_t)l.tail.splits || grid[1] != (uint32_t)p->heads ||
        grid[2] != (uint32_t)l.tail.batches)
        return MAF_OVERRIDE_DECLINED;
    if (l.dropout != 0)
        read_philox(&l, bytes);
    maf_cpu_parallel_for((uint64_t)p->heads * (uint64_t)l.tail.batches, 1, backward_heads, &l);
    return l.error;
}
