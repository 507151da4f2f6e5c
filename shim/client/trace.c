/* A record of what the program calls and what the device does, for profilers (CUPTI). Off, it costs one test per call.
 *
 * The executor notes when each command began and ended in a table that the command's number indexes; this side keeps
 * what the command was and which call issued it, and joins the two before the table's entry is used again. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

int maf_trace_on;

enum { BEHIND = MAF_SPANS / 2, IMPLICIT_CALL = 211 /* cudaLaunchKernel */, RUNTIME_KIND = 5 };

static struct maf_lock lock; /* taken inside the ring's lock: nothing here may issue commands */
static struct maf_trace_item *items;
static uint64_t item_count, item_room, resolved;
static uint32_t next_correlation;
static void (*listener)(void);
static int told; /* the listener knows that there are items */

static MAF_TLS uint32_t current;     /* correlation id of the call that runs */
static MAF_TLS int current_error;
static MAF_TLS struct maf_trace_item current_sync; /* type 0: none */
static MAF_TLS uint64_t external_id[MAF_TRACE_EXTERNAL];
static MAF_TLS uint32_t external_set; /* bit per kind */

/* --- names of kernels and plans ------------------------------------------------------------------------------- */
static struct maf_lock name_lock;
static struct kernel_name { /* outlives the module */
    char *name;
    struct maf_kernel_info info;
} **kernels;
static char **plans;
static uint32_t kernel_room, plan_room;

static void *grow(void *table, uint32_t *room, uint32_t index)
{
    uint32_t want = *room ? *room : 1024;
    while (want <= index)
        want *= 2;
    if (want == *room)
        return table;
    char *grown = realloc(table, (size_t)want * sizeof(void *));
    if (!grown)
        return table;
    memset(grown + (size_t)*room * sizeof(void *), 0, (size_t)(want - *room) * sizeof(void *));
    *room = want;
    return grown;
}

void maf_trace_name_kernel(const struct maf_kernel_info *info, const char *name)
{
    uint32_t id = info->kernel;
    maf_lock(&name_lock);
    kernels = grow(kernels, &kernel_room, id);
    if (id < kernel_room && !kernels[id] && (kernels[id] = calloc(1, sizeof **kernels)))
        *kernels[id] = (struct kernel_name){strdup(name), *info};
    maf_unlock(&name_lock);
}

void maf_trace_name_plan(uint32_t id, uint32_t op_kind, const void *desc)
{
    static const char *const ops[] = {"", "gemm", "conv", "batchnorm", "fft", "lapack", "blas", "rnn", "sampler", "ctc",
                                      "elementwise", "reduce", "softmax", "pooling", "sparse"};
    static const char *const types[] = {"f32", "f64", "f16", "bf16", "c64", "c128", "i8", "i32", "u8", "i64"};
    char text[160];
    int known = op_kind < sizeof ops / sizeof ops[0];
    snprintf(text, sizeof text, "modnn_%s", known ? ops[op_kind] : "op");
    if (op_kind == MAF_OP_GEMM) {
        const struct maf_op_gemm *g = desc;
        const char *type = (uint64_t)g->type_a < sizeof types / sizeof types[0] ? types[g->type_a] : "";
        snprintf(text, sizeof text, "modnn_gemm_%s_%lldx%lldx%lld_batch%lld", type, (long long)g->m, (long long)g->n,
                 (long long)g->k, (long long)g->batch);
    } else if (op_kind == MAF_OP_CONV) {
        static const char *const directions[] = {"forward", "backward_data", "backward_filter"};
        const struct maf_op_conv *c = desc;
        snprintf(text, sizeof text, "modnn_conv_%s_%s",
                 (uint64_t)c->direction < 3 ? directions[c->direction] : "",
                 (uint64_t)c->type_x < sizeof types / sizeof types[0] ? types[c->type_x] : "");
    }
    maf_lock(&name_lock);
    plans = grow(plans, &plan_room, id);
    if (id < plan_room && !plans[id])
        plans[id] = strdup(text);
    maf_unlock(&name_lock);
}

/* --- items ------------------------------------------------------------------------------------------------------ */
static struct maf_trace_item *add(void)
{
    if (item_count == item_room) {
        uint64_t room = item_room ? item_room * 2 : 4096;
        struct maf_trace_item *grown = realloc(items, room * sizeof *grown);
        if (!grown)
            return NULL;
        items = grown;
        item_room = room;
    }
    struct maf_trace_item *t = &items[item_count++];
    memset(t, 0, sizeof *t);
    return t;
}

/* lock held: takes over the times of commands up to `seq`. */
static void resolve(uint64_t seq)
{
    for (; resolved < item_count; resolved++) {
        struct maf_trace_item *t = &items[resolved];
        if (!t->seq)
            continue;
        if (t->seq > seq || !maf_is_complete(t->seq))
            return;
        const struct maf_span *span = &maf_g.control->spans[t->seq % MAF_SPANS];
        if (span->seq == t->seq) {
            t->start = span->start_ns;
            t->end = span->end_ns;
        }
    }
}

/* The entries of commands older than this one must have been read before it may run. */
static void make_room(uint64_t seq)
{
    while (resolved < item_count && (!items[resolved].seq || items[resolved].seq + BEHIND < seq)) {
        uint64_t oldest = items[resolved].seq;
        if (oldest && !maf_is_complete(oldest) && maf_wait_seq(oldest))
            return;
        resolve(seq - BEHIND);
    }
}

static void add_call(uint32_t kind, uint32_t cbid, uint32_t correlation, uint64_t start, uint64_t end, int error)
{
    for (uint32_t k = 0; k < MAF_TRACE_EXTERNAL; k++)
        if (external_set & 1u << k) {
            struct maf_trace_item *t = add();
            if (!t)
                return;
            t->type = MAF_TRACE_EXTERNAL_ID;
            t->correlation = correlation;
            t->kind = k;
            t->bytes = external_id[k];
        }
    struct maf_trace_item *t = add();
    if (!t)
        return;
    t->type = MAF_TRACE_CALL;
    t->correlation = correlation;
    t->kind = kind;
    t->cbid = cbid;
    t->start = start;
    t->end = end;
    t->thread = (uint32_t)syscall(SYS_gettid);
    t->error = error;
}

void maf_trace_begin(struct maf_trace_call *call, uint32_t kind, uint32_t cbid)
{
    if (current) /* a call inside another belongs to the outer one */
        return;
    do
        call->correlation = __atomic_add_fetch(&next_correlation, 1, __ATOMIC_RELAXED);
    while (!call->correlation);
    call->kind = kind;
    call->cbid = cbid;
    call->start = maf_now_ns();
    current = call->correlation;
    current_error = 0;
    current_sync.type = 0;
}

void maf_trace_end(struct maf_trace_call *call)
{
    uint64_t end = maf_now_ns();
    current = 0;
    maf_lock(&lock);
    add_call(call->kind, call->cbid, call->correlation, call->start, end, current_error);
    struct maf_trace_item *sync = current_sync.type ? add() : NULL;
    if (sync) {
        *sync = current_sync;
        sync->correlation = call->correlation;
        sync->start = call->start;
        sync->end = end;
        sync->error = current_error;
    }
    void (*notify)(void) = told ? NULL : listener;
    told = 1;
    maf_unlock(&lock);
    if (notify)
        notify();
}

void maf_trace_error(int error)
{
    current_error = error;
}

void maf_trace_sync(enum maf_trace_sync type, const struct maf_stream *s, const struct maf_event *e)
{
    int device = s ? s->device : e ? e->device : maf_current_device();
    current_sync = (struct maf_trace_item){
        .type = type == MAF_SYNC_RECORD ? MAF_TRACE_EVENT : MAF_TRACE_SYNC,
        .kind = (uint32_t)type,
        .device = (uint32_t)device,
        .stream = s ? s->id : (uint32_t)MAF_TRACE_NONE,
        .value = e ? (uint32_t)((uintptr_t)e / sizeof *e) : (uint32_t)MAF_TRACE_NONE, /* differs between events */
    };
}

void maf_trace_external(uint32_t kind, uint64_t id, int set)
{
    external_id[kind] = id;
    external_set = set ? external_set | 1u << kind : external_set & ~(1u << kind);
}

static uint32_t memory_kind(uint64_t address)
{
    return maf_in_device(address) ? MAF_DEVICE : maf_in_pinned(address) ? MAF_HOST : MAF_UNREGISTERED;
}

/* lock held. A library's work runs in no call of the runtime's: it gets one, as NVIDIA's libraries make them. */
static struct maf_trace_item *add_work(int type, const struct maf_stream *s)
{
    uint32_t correlation = current;
    if (!correlation) {
        uint64_t now = maf_now_ns();
        correlation = __atomic_add_fetch(&next_correlation, 1, __ATOMIC_RELAXED);
        add_call(RUNTIME_KIND, IMPLICIT_CALL, correlation, now, now + 1000, 0);
    }
    struct maf_trace_item *t = add();
    if (t) {
        t->type = (uint32_t)type;
        t->correlation = correlation;
        t->device = (uint32_t)s->device;
        t->stream = s->id;
    }
    return t;
}

static void describe_launch(struct maf_trace_item *t, const struct maf_cmd_launch *c)
{
    maf_lock(&name_lock);
    struct kernel_name *k = c->kernel < kernel_room ? kernels[c->kernel] : NULL;
    maf_unlock(&name_lock);
    t->name = k && k->name ? k->name : "kernel";
    memcpy(t->grid, c->grid, sizeof t->grid);
    memcpy(t->block, c->block, sizeof t->block);
    t->dynamic_shared = c->dynamic_shared;
    if (k) {
        t->registers = k->info.registers;
        t->static_shared = k->info.static_shared;
        t->local_bytes = k->info.local_bytes;
    }
}

void maf_trace_command(struct maf_stream *s, const struct maf_command *command)
{
    struct maf_trace_item *t;
    maf_lock(&lock);
    make_room(command->seq);
    switch (command->kind) {
    case MAF_CMD_LAUNCH:
        if ((t = add_work(MAF_TRACE_KERNEL, s)))
            describe_launch(t, (const struct maf_cmd_launch *)command);
        break;
    case MAF_CMD_OP: {
        uint32_t plan = ((const struct maf_cmd_op *)command)->plan;
        if ((t = add_work(MAF_TRACE_KERNEL, s))) {
            maf_lock(&name_lock);
            t->name = plan < plan_room && plans[plan] ? plans[plan] : "modnn_op";
            maf_unlock(&name_lock);
            t->grid[0] = t->grid[1] = t->grid[2] = t->block[0] = t->block[1] = t->block[2] = 1;
        }
        break;
    }
    case MAF_CMD_COLLECTIVE: {
        static const char *const names[] = {"ncclDevKernel_AllReduce", "ncclDevKernel_Reduce",
                                            "ncclDevKernel_ReduceScatter", "ncclDevKernel_Broadcast",
                                            "ncclDevKernel_AllGather", "ncclDevKernel_AlltoAll",
                                            "ncclDevKernel_Gather", "ncclDevKernel_Scatter", "ncclDevKernel_SendRecv"};
        if ((t = add_work(MAF_TRACE_KERNEL, s))) {
            t->name = names[((const struct maf_cmd_collective *)command)->kind];
            t->grid[0] = t->grid[1] = t->grid[2] = t->block[0] = t->block[1] = t->block[2] = 1;
        }
        break;
    }
    case MAF_CMD_COPY: {
        const struct maf_cmd_copy *c = (const struct maf_cmd_copy *)command;
        if ((t = add_work(MAF_TRACE_COPY, s))) {
            t->bytes = c->bytes;
            t->from = memory_kind(c->src);
            t->to = memory_kind(c->dst);
        }
        break;
    }
    case MAF_CMD_COPY2D: {
        const struct maf_cmd_copy2d *c = (const struct maf_cmd_copy2d *)command;
        if ((t = add_work(MAF_TRACE_COPY, s))) {
            t->bytes = c->width * c->height * (c->depth ? c->depth : 1);
            t->from = memory_kind(c->src);
            t->to = memory_kind(c->dst);
        }
        break;
    }
    case MAF_CMD_WRITE: {
        const struct maf_cmd_write *c = (const struct maf_cmd_write *)command;
        if ((t = add_work(MAF_TRACE_COPY, s))) {
            t->bytes = c->bytes;
            t->from = MAF_UNREGISTERED;
            t->to = memory_kind(c->dst);
        }
        break;
    }
    case MAF_CMD_FILL: {
        const struct maf_cmd_fill *c = (const struct maf_cmd_fill *)command;
        if ((t = add_work(MAF_TRACE_FILL, s))) {
            t->bytes = c->width * c->height * c->element;
            t->value = c->value;
            t->to = memory_kind(c->dst);
        }
        break;
    }
    default:
        t = NULL;
    }
    if (t)
        t->seq = command->seq;
    maf_unlock(&lock);
}

void maf_trace_host_copy(struct maf_stream *s, uint64_t dst, uint64_t src, uint64_t bytes, uint64_t start)
{
    maf_lock(&lock);
    struct maf_trace_item *t = add_work(MAF_TRACE_COPY, s);
    if (t) {
        t->bytes = bytes;
        t->from = memory_kind(src);
        t->to = memory_kind(dst);
        t->start = start;
        t->end = maf_now_ns();
    }
    maf_unlock(&lock);
}

/* --- for the profiler ---------------------------------------------------------------------------------------------- */
void maf_trace_switch(int on, void (*first_item)(void))
{
    listener = first_item;
    __atomic_store_n(&maf_trace_on, on, __ATOMIC_SEQ_CST);
    if (maf_g.control)
        __atomic_store_n(&maf_g.control->tracing, (uint32_t)on, __ATOMIC_SEQ_CST);
}

uint64_t maf_trace_take(struct maf_trace_item **out)
{
    if (maf_g.control && atomic_load(&maf_g.phase) == MAF_READY)
        maf_wait_seq(maf_last_seq());
    maf_lock(&lock);
    if (maf_g.control)
        resolve(UINT64_MAX);
    *out = items;
    uint64_t count = item_count;
    items = NULL;
    item_count = item_room = resolved = 0;
    told = 0;
    maf_unlock(&lock);
    return count;
}
