/* Graphs: nodes that hold ring commands, and their dependencies. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct maf_lock maf_graph_lock;

static struct maf_slab graph_slab = {.item = sizeof(struct maf_graph), .limit = 1 << 20};
static struct maf_slab node_slab = {.item = sizeof(struct maf_node), .limit = 1 << 22};
static uint32_t last_mark;

struct maf_graph *maf_graph_of(void *handle)
{
    return maf_slab_holds(&graph_slab, handle) ? handle : NULL;
}

struct maf_node *maf_node_of(void *handle)
{
    return maf_slab_holds(&node_slab, handle) ? handle : NULL;
}

uint32_t maf_next_mark(void)
{
    return ++last_mark;
}

int maf_graph_valid(void *graph)
{
    return maf_graph_of(graph) != NULL;
}

int maf_graph_create(void **graph)
{
    *graph = maf_slab_new(&graph_slab);
    return *graph ? 0 : MAF_E_OUT_OF_MEMORY;
}

/* --- what graphs keep alive --------------------------------------------------------------------------- */
/* Destructors are the application's code: they run after the graph lock is free again. */
static struct maf_holder *_Atomic due;

void maf_holder_release(struct maf_holder *h)
{
    if (atomic_fetch_sub(&h->references, 1) == 1) {
        h->next = atomic_load(&due);
        while (!atomic_compare_exchange_weak(&due, &h->next, h))
            ;
    }
}

void maf_holders_flush(void)
{
    struct maf_holder *h = atomic_load_explicit(&due, memory_order_relaxed) ? atomic_exchange(&due, NULL) : NULL;
    while (h) {
        struct maf_holder *next = h->next;
        h->destroy(h->object);
        free(h);
        h = next;
    }
}

static int add_holder(struct maf_graph *g, struct maf_holder *h)
{
    struct maf_holder **grown = realloc(g->holders, (g->holder_count + 1) * sizeof *grown);
    if (!grown)
        return MAF_E_OUT_OF_MEMORY;
    g->holders = grown;
    g->holders[g->holder_count++] = h;
    return 0;
}

int maf_graph_retain(void *graph, void (*destroy)(void *), void *object)
{
    struct maf_graph *g = maf_graph_of(graph);
    if (!g)
        return MAF_E_INVALID_VALUE;
    struct maf_holder *h = malloc(sizeof *h);
    if (!h)
        return MAF_E_OUT_OF_MEMORY;
    *h = (struct maf_holder){1, destroy, object, NULL};
    int error = add_holder(g, h);
    if (error)
        free(h);
    return error;
}

/* --- nodes ----------------------------------------------------------------------------------------------- */
int maf_node_depend(struct maf_node *n, struct maf_node *dep)
{
    for (uint32_t i = 0; i < n->dep_count; i++)
        if (n->deps[i] == dep)
            return 0;
    if (n->dep_count == n->dep_room) {
        uint32_t room = n->dep_room ? n->dep_room * 2 : 2;
        struct maf_node **grown = realloc(n->deps, room * sizeof *grown);
        if (!grown)
            return MAF_E_OUT_OF_MEMORY;
        n->deps = grown;
        n->dep_room = room;
    }
    n->deps[n->dep_count++] = dep;
    return 0;
}

static void drop_node(struct maf_node *n)
{
    if (n->child)
        maf_graph_drop(n->child);
    maf_event_unpin(n->event);
    free(n->deps);
    free(n->command);
    free(n->args);
    maf_slab_delete(&node_slab, n);
}

struct maf_node *maf_node_new(struct maf_graph *g, int type, struct maf_node *const *deps, size_t count)
{
    if (g->count == g->room) {
        uint32_t room = g->room ? g->room * 2 : 64;
        struct maf_node **grown = realloc(g->nodes, room * sizeof *grown);
        if (!grown)
            return NULL;
        g->nodes = grown;
        g->room = room;
    }
    struct maf_node *n = maf_slab_new(&node_slab);
    if (!n)
        return NULL;
    n->type = type;
    n->graph = g;
    n->index = g->count;
    for (size_t i = 0; i < count; i++)
        if (maf_node_depend(n, deps[i]) != 0) {
            drop_node(n);
            return NULL;
        }
    g->nodes[g->count++] = n;
    return n;
}

void maf_graph_drop(struct maf_graph *g)
{
    for (uint32_t i = 0; i < g->count; i++)
        drop_node(g->nodes[i]);
    for (uint32_t i = 0; i < g->holder_count; i++)
        maf_holder_release(g->holders[i]);
    free(g->nodes);
    free(g->holders);
    maf_slab_delete(&graph_slab, g);
}

int maf_graph_destroy(void *graph)
{
    struct maf_graph *g = maf_graph_of(graph);
    if (!g)
        return MAF_E_INVALID_VALUE;
    maf_lock(&maf_graph_lock);
    maf_graph_drop(g);
    maf_unlock(&maf_graph_lock);
    maf_holders_flush();
    return 0;
}

struct maf_command *maf_command_copy(const struct maf_command *c)
{
    struct maf_command *copy = malloc(c->size);
    if (copy) {
        memcpy(copy, c, c->size);
        struct maf_cmd_hostfn *h = (struct maf_cmd_hostfn *)copy;
        if (c->kind == MAF_CMD_HOSTFN && c->size >= sizeof *h + sizeof(struct maf_box))
            h->arg = (uint64_t)(uintptr_t)(h + 1); /* the box travels with its command */
    }
    return copy;
}

static struct maf_graph *clone(struct maf_graph *from)
{
    void *handle;
    if (maf_graph_create(&handle))
        return NULL;
    struct maf_graph *g = handle;
    for (uint32_t i = 0; i < from->count; i++) {
        struct maf_node *a = from->nodes[i], *b = maf_node_new(g, a->type, NULL, 0);
        if (!b)
            break;
        b->original = a;
        b->event = maf_event_pin(a->event);
        b->kernel = a->kernel;
        b->address = a->address;
        b->command = a->command ? maf_command_copy(a->command) : NULL;
        b->child = a->child ? clone(a->child) : NULL;
    }
    for (uint32_t i = 0; i < g->count; i++)
        for (uint32_t j = 0; j < from->nodes[i]->dep_count; j++)
            maf_node_depend(g->nodes[i], g->nodes[from->nodes[i]->deps[j]->index]);
    for (uint32_t i = 0; i < from->holder_count; i++)
        if (add_holder(g, from->holders[i]) == 0)
            atomic_fetch_add(&from->holders[i]->references, 1);
    if (g->count != from->count || g->holder_count != from->holder_count) {
        maf_graph_drop(g);
        return NULL;
    }
    return g;
}

int maf_graph_clone(void *graph, void **out)
{
    struct maf_graph *g = maf_graph_of(graph);
    if (!g)
        return MAF_E_INVALID_VALUE;
    maf_lock(&maf_graph_lock);
    *out = clone(g);
    maf_unlock(&maf_graph_lock);
    return *out ? 0 : MAF_E_OUT_OF_MEMORY;
}

int maf_graph_find(void *original_node, void *clone_graph, void **out)
{
    struct maf_graph *g = maf_graph_of(clone_graph);
    for (uint32_t i = 0; g && i < g->count; i++)
        if (g->nodes[i]->original == original_node) {
            *out = g->nodes[i];
            return 0;
        }
    return MAF_E_INVALID_VALUE;
}

/* CUDA's convention for lists: out NULL asks for the count; a longer array is filled up with NULL. */
struct list {
    void **out;
    size_t room, count;
};

static void put(struct list *l, void *item)
{
    if (l->out && l->count < l->room)
        l->out[l->count] = item;
    l->count++;
}

static int finish(struct list *l, size_t *count)
{
    for (size_t i = l->count; l->out && i < l->room; i++)
        l->out[i] = NULL;
    *count = l->out && l->room < l->count ? l->room : l->count;
    return 0;
}

int maf_graph_nodes(void *graph, void **nodes, size_t *count, int roots_only)
{
    struct maf_graph *g = maf_graph_of(graph);
    if (!g || !count)
        return MAF_E_INVALID_VALUE;
    struct list l = {nodes, nodes ? *count : 0, 0};
    for (uint32_t i = 0; i < g->count; i++)
        if (!roots_only || g->nodes[i]->dep_count == 0)
            put(&l, g->nodes[i]);
    return finish(&l, count);
}

int maf_graph_edges(void *graph, void **from, void **to, size_t *count)
{
    struct maf_graph *g = maf_graph_of(graph);
    if (!g || !count || !from != !to)
        return MAF_E_INVALID_VALUE;
    struct list a = {from, from ? *count : 0, 0}, b = {to, to ? *count : 0, 0};
    for (uint32_t i = 0; i < g->count; i++)
        for (uint32_t j = 0; j < g->nodes[i]->dep_count; j++) {
            put(&a, g->nodes[i]->deps[j]);
            put(&b, g->nodes[i]);
        }
    finish(&a, count);
    return finish(&b, count);
}

int maf_graph_link(void *graph, void *const *from, void *const *to, size_t count, int add)
{
    struct maf_graph *g = maf_graph_of(graph);
    int error = g ? 0 : MAF_E_INVALID_VALUE;
    for (size_t i = 0; i < count && !error; i++) {
        struct maf_node *a = maf_node_of(from[i]), *b = maf_node_of(to[i]);
        if (!a || !b || a->graph != g || b->graph != g || a == b) {
            error = MAF_E_INVALID_VALUE;
        } else if (add) {
            error = maf_node_depend(b, a);
        } else {
            uint32_t j = 0;
            while (j < b->dep_count && b->deps[j] != a)
                j++;
            if (j == b->dep_count)
                error = MAF_E_INVALID_VALUE;
            else
                b->deps[j] = b->deps[--b->dep_count];
        }
    }
    return error;
}

int maf_node_type(void *node, int *type)
{
    struct maf_node *n = maf_node_of(node);
    if (!n)
        return MAF_E_INVALID_VALUE;
    *type = n->type == MAF_NODE_OP ? MAF_NODE_KERNEL : n->type;
    return 0;
}

int maf_node_neighbours(void *node, void **out, size_t *count, int dependents)
{
    struct maf_node *n = maf_node_of(node);
    if (!n || !count)
        return MAF_E_INVALID_VALUE;
    struct list l = {out, out ? *count : 0, 0};
    for (uint32_t i = 0; !dependents && i < n->dep_count; i++)
        put(&l, n->deps[i]);
    for (uint32_t i = 0; dependents && i < n->graph->count; i++)
        for (uint32_t j = 0; j < n->graph->nodes[i]->dep_count; j++)
            if (n->graph->nodes[i]->deps[j] == n)
                put(&l, n->graph->nodes[i]);
    return finish(&l, count);
}

int maf_node_destroy(void *node)
{
    struct maf_node *n = maf_node_of(node);
    if (!n)
        return MAF_E_INVALID_VALUE;
    struct maf_graph *g = n->graph;
    maf_lock(&maf_graph_lock);
    for (uint32_t i = 0; i < g->count; i++)
        for (uint32_t j = 0; j < g->nodes[i]->dep_count;)
            if (g->nodes[i]->deps[j] == n)
                g->nodes[i]->deps[j] = g->nodes[i]->deps[--g->nodes[i]->dep_count];
            else
                j++;
    memmove(&g->nodes[n->index], &g->nodes[n->index + 1], (g->count - n->index - 1) * sizeof n);
    g->count--;
    for (uint32_t i = n->index; i < g->count; i++)
        g->nodes[i]->index = i;
    drop_node(n);
    maf_unlock(&maf_graph_lock);
    return 0;
}
