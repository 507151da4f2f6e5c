/* Executable graphs: the commands of a graph in an order that respects its dependencies. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct maf_node **maf_graph_order(struct maf_graph *g)
{
    struct maf_node **order = malloc((g->count + 1) * sizeof *order);
    uint32_t placed = 0, mark = maf_next_mark(), before;
    if (!order)
        return NULL;
    /* Creation order is nearly always right already: one pass. */
    do {
        before = placed;
        for (uint32_t i = 0; i < g->count; i++) {
            struct maf_node *n = g->nodes[i];
            int ready = n->mark != mark;
            for (uint32_t j = 0; ready && j < n->dep_count; j++)
                ready = n->deps[j]->mark == mark;
            if (ready) {
                n->mark = mark;
                order[placed++] = n;
            }
        }
    } while (placed > before && placed < g->count);
    if (placed < g->count) {
        free(order);
        return NULL;
    }
    return order;
}

struct exec {
    uint32_t alive;
    uint32_t count;
    uint32_t room;
    uint32_t holder_count;
    uint32_t in_place; /* some command refers to itself while it runs (a host copy's box) */
    uint64_t flags;
    struct maf_point last; /* of the newest launch */
    struct maf_exec_entry *entries;
    struct maf_holder **holders;
};
static struct maf_slab exec_slab = {.item = sizeof(struct exec), .limit = 1 << 20};

static int append(struct exec *x, struct maf_graph *g)
{
    struct maf_node **order = maf_graph_order(g);
    int error = order ? 0 : MAF_E_INVALID_VALUE;
    for (uint32_t i = 0; i < g->count && !error; i++) {
        struct maf_node *n = order[i];
        if (n->child) {
            error = append(x, n->child);
            continue;
        }
        if (x->count == x->room) {
            uint32_t room = x->room ? x->room * 2 : 64;
            struct maf_exec_entry *grown = realloc(x->entries, room * sizeof *grown);
            if (!grown) {
                error = MAF_E_OUT_OF_MEMORY;
                break;
            }
            x->entries = grown;
            x->room = room;
        }
        struct maf_command *c = n->command ? maf_command_copy(n->command) : NULL;
        x->in_place |= c && c->kind == MAF_CMD_HOSTFN;
        if (n->command && !c)
            error = MAF_E_OUT_OF_MEMORY;
        else
            x->entries[x->count++] = (struct maf_exec_entry){c, n, maf_event_pin(n->event), n->type, n->address};
    }
    for (uint32_t i = 0; i < g->holder_count && !error; i++) {
        struct maf_holder **grown = realloc(x->holders, (x->holder_count + 1) * sizeof *grown);
        if (!grown) {
            error = MAF_E_OUT_OF_MEMORY;
            break;
        }
        x->holders = grown;
        x->holders[x->holder_count++] = g->holders[i];
        atomic_fetch_add(&g->holders[i]->references, 1);
    }
    free(order);
    return error;
}

/* Commands are copied into the ring: only those that refer to themselves must stay until they have run. */
static void settle(struct exec *x)
{
    if (x->in_place && x->last.seq)
        maf_wait_point(x->last);
}

static void clear(struct exec *x)
{
    for (uint32_t i = 0; i < x->count; i++) {
        free(x->entries[i].command);
        maf_event_unpin(x->entries[i].event);
    }
    for (uint32_t i = 0; i < x->holder_count; i++)
        maf_holder_release(x->holders[i]);
    free(x->entries);
    free(x->holders);
}

int maf_graph_instantiate(void *graph, uint64_t flags, void **exec)
{
    struct maf_graph *g = maf_graph_of(graph);
    struct exec *x = g ? maf_slab_new(&exec_slab) : NULL;
    *exec = NULL;
    if (!x)
        return g ? MAF_E_OUT_OF_MEMORY : MAF_E_INVALID_VALUE;
    x->flags = flags;
    maf_lock(&maf_graph_lock);
    int error = append(x, g);
    if (error) {
        clear(x);
        maf_slab_delete(&exec_slab, x);
    } else {
        *exec = x;
    }
    maf_unlock(&maf_graph_lock);
    return error;
}

static int capture_launch(struct maf_stream *s, struct exec *x)
{
    int error = 0;
    for (uint32_t i = 0; i < x->count && !error; i++) {
        struct maf_command *from = x->entries[i].command, *c = NULL;
        if (from && !(c = maf_command_copy(from)))
            return MAF_E_OUT_OF_MEMORY;
        error = maf_capture_end(s, c, x->entries[i].type, NULL);
    }
    return error;
}

int maf_exec_launch(void *exec, void *stream)
{
    struct exec *x = maf_slab_holds(&exec_slab, exec) ? exec : NULL;
    struct maf_stream *s = maf_stream_of(stream);
    if (!x || !s)
        return x ? MAF_E_INVALID_HANDLE : MAF_E_INVALID_VALUE;
    if (maf_capturing(s))
        return capture_launch(s, x);
    uint64_t seq = maf_ring_put_all(s, x->entries, x->count);
    if (seq)
        x->last = (struct maf_point){seq, maf_queue(s)};
    for (uint32_t i = 0; i < x->count; i++)
        if (x->entries[i].address)
            maf_graph_memory_launched(x->entries[i].address, x->entries[i].type == MAF_NODE_MEM_ALLOC);
    return maf_fault();
}

int maf_exec_destroy(void *exec)
{
    struct exec *x = maf_slab_holds(&exec_slab, exec) ? exec : NULL;
    if (!x)
        return MAF_E_INVALID_VALUE;
    if (x->last.seq)
        maf_wait_point(x->last);
    clear(x);
    maf_slab_delete(&exec_slab, x);
    maf_holders_flush();
    return 0;
}

uint64_t maf_exec_flags(void *exec)
{
    return maf_slab_holds(&exec_slab, exec) ? ((struct exec *)exec)->flags : 0;
}

enum { UPDATE_SUCCESS = 0, UPDATE_ERROR = 1, UPDATE_TOPOLOGY_CHANGED = 2, UPDATE_TYPE_CHANGED = 3 };

int maf_exec_update(void *exec, void *graph, int *result)
{
    struct exec *x = maf_slab_holds(&exec_slab, exec) ? exec : NULL, fresh = {0};
    struct maf_graph *g = maf_graph_of(graph);
    *result = UPDATE_ERROR;
    if (!x || !g)
        return MAF_E_INVALID_VALUE;
    maf_lock(&maf_graph_lock);
    int error = append(&fresh, g);
    if (!error) {
        *result = fresh.count == x->count ? UPDATE_SUCCESS : UPDATE_TOPOLOGY_CHANGED;
        for (uint32_t i = 0; i < x->count && *result == UPDATE_SUCCESS; i++)
            if (x->entries[i].type != fresh.entries[i].type)
                *result = UPDATE_TYPE_CHANGED;
        error = *result ? MAF_E_GRAPH_UPDATE : 0;
    }
    if (!error) {
        settle(x);
        struct exec old = *x;
        x->entries = fresh.entries;
        x->room = fresh.room;
        x->in_place = fresh.in_place;
        x->holders = fresh.holders;
        x->holder_count = fresh.holder_count;
        for (uint32_t i = 0; i < x->count; i++)
            x->entries[i].origin = old.entries[i].origin; /* later updates name the nodes of the first graph */
        clear(&old);
    } else {
        clear(&fresh);
    }
    maf_unlock(&maf_graph_lock);
    maf_holders_flush();
    return error;
}

int maf_exec_take(void *exec, void *node, void *from)
{
    struct exec *x = maf_slab_holds(&exec_slab, exec) ? exec : NULL;
    struct maf_node *f = maf_node_of(from);
    if (!x || !f)
        return MAF_E_INVALID_VALUE;
    for (uint32_t i = 0; i < x->count; i++)
        if (x->entries[i].origin == node && x->entries[i].type == f->type) {
            struct maf_command *c = f->command ? maf_command_copy(f->command) : NULL;
            if (f->command && !c)
                return MAF_E_OUT_OF_MEMORY;
            settle(x);
            x->in_place |= c && c->kind == MAF_CMD_HOSTFN;
            free(x->entries[i].command);
            x->entries[i].command = c;
            maf_event_pin(f->event);
            maf_event_unpin(x->entries[i].event);
            x->entries[i].event = f->event;
            return 0;
        }
    return MAF_E_INVALID_VALUE;
}

/* lock held */
static int take_graph(void *exec, struct maf_graph *old, struct maf_graph *fresh)
{
    struct maf_node **a = maf_graph_order(old), **b = maf_graph_order(fresh);
    int error = a && b && old->count == fresh->count ? 0 : MAF_E_GRAPH_UPDATE;
    for (uint32_t i = 0; i < old->count && !error; i++) {
        if (a[i]->type != b[i]->type)
            error = MAF_E_GRAPH_UPDATE;
        else
            error = a[i]->child ? take_graph(exec, a[i]->child, b[i]->child) : maf_exec_take(exec, a[i], b[i]);
    }
    free(a);
    free(b);
    return error;
}

int maf_exec_take_child(void *exec, void *node, void *graph)
{
    struct maf_node *n = maf_node_of(node);
    struct maf_graph *g = maf_graph_of(graph);
    if (!n || !n->child || !g)
        return MAF_E_INVALID_VALUE;
    maf_lock(&maf_graph_lock);
    int error = take_graph(exec, n->child, g);
    maf_unlock(&maf_graph_lock);
    return error;
}
