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

static struct maf_node *node_of(void *handle)
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

static void release_holder(struct maf_holder *h)
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
        release_holder(g->holders[i]);
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

static struct maf_command *copy_command(const struct maf_command *c)
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
        b->event = a->event;
        b->kernel = a->kernel;
        b->command = a->command ? copy_command(a->command) : NULL;
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
        struct maf_node *a = node_of(from[i]), *b = node_of(to[i]);
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
    struct maf_node *n = node_of(node);
    if (!n)
        return MAF_E_INVALID_VALUE;
    *type = n->type == MAF_NODE_OP ? MAF_NODE_KERNEL : n->type;
    return 0;
}

int maf_node_neighbours(void *node, void **out, size_t *count, int dependents)
{
    struct maf_node *n = node_of(node);
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
    struct maf_node *n = node_of(node);
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

/* --- explicit nodes --------------------------------------------------------------------------------------- */
static struct maf_node *add_node(void *graph, void *const *deps, size_t count, int type, int *error)
{
    struct maf_graph *g = maf_graph_of(graph);
    *error = g && (deps || !count) ? 0 : MAF_E_INVALID_VALUE;
    for (size_t i = 0; i < count && !*error; i++)
        if (!node_of(deps[i]) || node_of(deps[i])->graph != g)
            *error = MAF_E_INVALID_VALUE;
    if (*error)
        return NULL;
    maf_lock(&maf_graph_lock);
    struct maf_node *n = maf_node_new(g, type, (struct maf_node *const *)deps, count);
    maf_unlock(&maf_graph_lock);
    *error = n ? 0 : MAF_E_OUT_OF_MEMORY;
    return n;
}

void *maf_command_new(uint32_t kind, uint64_t bytes, int device)
{
    bytes = (bytes + MAF_RING_ALIGN - 1) & ~(uint64_t)(MAF_RING_ALIGN - 1);
    struct maf_command *c = calloc(1, bytes);
    if (c) {
        c->size = (uint32_t)bytes;
        c->kind = (uint16_t)kind;
        c->sda = (uint16_t)device;
    }
    return c;
}

int maf_node_empty(void *graph, void *const *deps, size_t count, int type, void **out)
{
    int error;
    *out = add_node(graph, deps, count, type, &error);
    return error;
}

int maf_node_kernel(void *graph, void *const *deps, size_t count, const struct maf_launch *l, void **out)
{
    struct maf_kernel_state *state;
    uint64_t bytes;
    int device = maf_current_device();
    int error = maf_launch_prepare(l, device, &state, &bytes);
    if (error)
        return error;
    struct maf_cmd_launch *c = maf_command_new(MAF_CMD_LAUNCH, bytes, device);
    if (!c)
        return MAF_E_OUT_OF_MEMORY;
    struct maf_node *n = NULL;
    if (!(error = maf_launch_fill(c, l, state)))
        n = add_node(graph, deps, count, MAF_NODE_KERNEL, &error);
    if (!n) {
        free(c);
        return error;
    }
    n->command = &c->h;
    n->kernel = maf_kernel_of(l->kernel);
    *out = n;
    return 0;
}

int maf_node_memcpy(void *graph, void *const *deps, size_t count, const struct maf_box *b, void **out)
{
    int error = maf_callbacks_ready(), device = maf_current_device();
    if (error)
        return error;
    struct maf_node *n = add_node(graph, deps, count, MAF_NODE_MEMCPY, &error);
    if (!n)
        return error;
    if (maf_in_window(b->dst) && maf_in_window(b->src)) {
        struct maf_cmd_copy2d *c = maf_command_new(MAF_CMD_COPY2D, sizeof *c, device);
        if (c) {
            c->dst = b->dst;
            c->src = b->src;
            c->width = b->width;
            c->height = b->height;
            c->depth = b->depth;
            c->dst_pitch = b->dst_pitch;
            c->src_pitch = b->src_pitch;
            c->dst_slice = b->dst_slice;
            c->src_slice = b->src_slice;
        }
        n->command = (struct maf_command *)c;
    } else {
        struct maf_cmd_hostfn *c = maf_command_new(MAF_CMD_HOSTFN, sizeof *c + sizeof *b, device);
        if (c) {
            c->fn = (uint64_t)(uintptr_t)maf_box_run;
            c->arg = (uint64_t)(uintptr_t)(c + 1);
            memcpy(c + 1, b, sizeof *b);
        }
        n->command = (struct maf_command *)c;
    }
    *out = n;
    return n->command ? 0 : MAF_E_OUT_OF_MEMORY;
}

int maf_node_memset(void *graph, void *const *deps, size_t count, const struct maf_box *b, uint32_t value,
                    uint32_t element, void **out)
{
    int error;
    if (!maf_in_window(b->dst) || (element != 1 && element != 2 && element != 4))
        return MAF_E_INVALID_VALUE;
    struct maf_node *n = add_node(graph, deps, count, MAF_NODE_MEMSET, &error);
    if (!n)
        return error;
    struct maf_cmd_fill *c = maf_command_new(MAF_CMD_FILL, sizeof *c, maf_current_device());
    n->command = (struct maf_command *)c;
    *out = n;
    if (!c)
        return MAF_E_OUT_OF_MEMORY;
    c->dst = b->dst;
    c->width = b->width;
    c->height = b->height;
    c->pitch = b->height > 1 ? b->dst_pitch : b->width * element;
    c->value = value;
    c->element = element;
    return 0;
}

int maf_node_host(void *graph, void *const *deps, size_t count, void (*fn)(void *), void *arg, void **out)
{
    int error = fn ? maf_callbacks_ready() : MAF_E_INVALID_VALUE;
    if (error)
        return error;
    struct maf_node *n = add_node(graph, deps, count, MAF_NODE_HOST, &error);
    if (!n)
        return error;
    struct maf_cmd_hostfn *c = maf_command_new(MAF_CMD_HOSTFN, sizeof *c, maf_current_device());
    n->command = (struct maf_command *)c;
    *out = n;
    if (!c)
        return MAF_E_OUT_OF_MEMORY;
    c->fn = (uint64_t)(uintptr_t)fn;
    c->arg = (uint64_t)(uintptr_t)arg;
    return 0;
}

int maf_node_child(void *graph, void *const *deps, size_t count, void *child, void **out)
{
    int error;
    void *copy;
    if (!maf_graph_of(child))
        return MAF_E_INVALID_VALUE;
    struct maf_node *n = add_node(graph, deps, count, MAF_NODE_GRAPH, &error);
    if (!n)
        return error;
    if ((error = maf_graph_clone(child, &copy)) == 0) {
        n->child = copy;
        *out = n;
    } else {
        maf_node_destroy(n);
    }
    return error;
}

int maf_node_child_graph(void *node, void **graph)
{
    struct maf_node *n = node_of(node);
    if (!n || !n->child)
        return MAF_E_INVALID_VALUE;
    *graph = n->child;
    return 0;
}

int maf_node_event(void *graph, void *const *deps, size_t count, void *event, int record, void **out)
{
    int error;
    struct maf_event *e = maf_event_of(event);
    if (!e)
        return MAF_E_INVALID_VALUE;
    struct maf_node *n = add_node(graph, deps, count, record ? MAF_NODE_EVENT_RECORD : MAF_NODE_WAIT_EVENT, &error);
    if (!n)
        return error;
    if (record) {
        struct maf_cmd_event *c = maf_command_new(MAF_CMD_EVENT, sizeof *c, maf_current_device());
        if (c)
            c->slot = e->slot;
        n->command = (struct maf_command *)c;
        n->event = e;
        error = c ? 0 : MAF_E_OUT_OF_MEMORY;
    }
    *out = n;
    return error;
}

int maf_node_get_launch(void *node, struct maf_launch *out)
{
    struct maf_node *n = node_of(node);
    struct maf_kernel_state *state;
    if (!n || n->type != MAF_NODE_KERNEL || !n->kernel)
        return MAF_E_INVALID_VALUE;
    int error = maf_kernel_state(n->kernel, n->command->sda, &state);
    if (error)
        return error;
    struct maf_cmd_launch *c = (struct maf_cmd_launch *)n->command;
    if (!n->args && state->info.params && !(n->args = calloc(state->info.params, sizeof *n->args)))
        return MAF_E_OUT_OF_MEMORY;
    for (uint32_t i = 0; i < state->info.params; i++)
        n->args[i] = (char *)(c + 1) + state->params[i].offset;
    *out = (struct maf_launch){
        .kernel = n->kernel, .shared = c->dynamic_shared, .args = n->args, .cooperative = c->cooperative};
    memcpy(out->grid, c->grid, sizeof c->grid);
    memcpy(out->block, c->block, sizeof c->block);
    return 0;
}

int maf_node_take(void *node, void *from)
{
    struct maf_node *n = node_of(node), *f = node_of(from);
    if (!n || !f || n->type != f->type)
        return MAF_E_INVALID_VALUE;
    maf_lock(&maf_graph_lock);
    struct maf_command *c = n->command;
    n->command = f->command;
    f->command = c;
    n->kernel = f->kernel;
    n->event = f->event;
    free(n->args);
    n->args = NULL;
    maf_unlock(&maf_graph_lock);
    return 0;
}

/* --- order, instantiation, launch ------------------------------------------------------------------------------ */
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
    uint64_t flags;
    _Atomic uint64_t last_seq;
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
        struct maf_command *c = n->command ? copy_command(n->command) : NULL;
        if (n->command && !c)
            error = MAF_E_OUT_OF_MEMORY;
        else
            x->entries[x->count++] = (struct maf_exec_entry){c, n, n->event, n->type};
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

static void clear(struct exec *x)
{
    for (uint32_t i = 0; i < x->count; i++)
        free(x->entries[i].command);
    for (uint32_t i = 0; i < x->holder_count; i++)
        release_holder(x->holders[i]);
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
        if (from && !(c = copy_command(from)))
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
    atomic_store(&x->last_seq, seq);
    return maf_fault();
}

int maf_exec_destroy(void *exec)
{
    struct exec *x = maf_slab_holds(&exec_slab, exec) ? exec : NULL;
    if (!x)
        return MAF_E_INVALID_VALUE;
    if (x->last_seq)
        maf_wait_seq(x->last_seq);
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
        if (x->last_seq)
            maf_wait_seq(x->last_seq);
        struct exec old = *x;
        x->entries = fresh.entries;
        x->room = fresh.room;
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
    struct maf_node *f = node_of(from);
    if (!x || !f)
        return MAF_E_INVALID_VALUE;
    for (uint32_t i = 0; i < x->count; i++)
        if (x->entries[i].origin == node && x->entries[i].type == f->type) {
            struct maf_command *c = copy_command(f->command);
            if (!c)
                return MAF_E_OUT_OF_MEMORY;
            if (x->last_seq)
                maf_wait_seq(x->last_seq);
            free(x->entries[i].command);
            x->entries[i].command = c;
            x->entries[i].event = f->event;
            return 0;
        }
    return MAF_E_INVALID_VALUE;
}
