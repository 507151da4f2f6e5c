/* Nodes that are added to a graph explicitly, and changes of their parameters. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static struct maf_node *add_node(void *graph, void *const *deps, size_t count, int type, int *error)
{
    struct maf_graph *g = maf_graph_of(graph);
    *error = g && (deps || !count) ? 0 : MAF_E_INVALID_VALUE;
    for (size_t i = 0; i < count && !*error; i++)
        if (!maf_node_of(deps[i]) || maf_node_of(deps[i])->graph != g)
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

int maf_node_alloc(void *graph, void *const *deps, size_t count, int device, uint64_t bytes, uint64_t *address, void **out)
{
    *address = 0;
    if (!bytes)
        return MAF_E_INVALID_VALUE;
    int error = maf_memory_alloc_pool(maf_pool_default(device), bytes, address);
    struct maf_node *n = error ? NULL : add_node(graph, deps, count, MAF_NODE_MEM_ALLOC, &error);
    if (n) {
        maf_lock(&maf_graph_lock);
        error = maf_graph_memory_add(n, *address, bytes);
        maf_unlock(&maf_graph_lock);
    }
    if (error && *address)
        maf_memory_release(*address, MAF_RELEASE_CLOSED);
    *out = n;
    return error;
}

int maf_node_free(void *graph, void *const *deps, size_t count, uint64_t address, void **out)
{
    int error = maf_graph_memory_bytes(address) ? 0 : MAF_E_INVALID_VALUE;
    struct maf_node *n = error ? NULL : add_node(graph, deps, count, MAF_NODE_MEM_FREE, &error);
    if (n)
        n->address = address;
    *out = n;
    return error;
}

int maf_node_get_memory(void *node, int type, uint64_t *address, uint64_t *bytes)
{
    struct maf_node *n = maf_node_of(node);
    if (!n || n->type != type)
        return MAF_E_INVALID_VALUE;
    *address = n->address;
    *bytes = maf_graph_memory_bytes(n->address);
    return 0;
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
    struct maf_node *n = maf_node_of(node);
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
    n->event = maf_event_pin(e);
    if (record) {
        struct maf_cmd_event *c = maf_command_new(MAF_CMD_EVENT, sizeof *c, maf_current_device());
        if (c)
            c->slot = e->slot;
        n->command = (struct maf_command *)c;
        error = c ? 0 : MAF_E_OUT_OF_MEMORY;
    }
    *out = n;
    return error;
}

int maf_node_get_launch(void *node, struct maf_launch *out)
{
    struct maf_node *n = maf_node_of(node);
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
    struct maf_node *n = maf_node_of(node), *f = maf_node_of(from);
    if (!n || !f || n->type != f->type)
        return MAF_E_INVALID_VALUE;
    maf_lock(&maf_graph_lock);
    struct maf_command *c = n->command;
    n->command = f->command;
    f->command = c;
    n->kernel = f->kernel;
    maf_event_pin(f->event);
    maf_event_unpin(n->event);
    n->event = f->event;
    free(n->args);
    n->args = NULL;
    maf_unlock(&maf_graph_lock);
    return 0;
}
