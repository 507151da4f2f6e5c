/* Stream capture. A capturing stream's commands become nodes; events carry dependencies between streams. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum { MODE_GLOBAL = 0, MODE_THREAD = 1, MODE_RELAXED = 2 };
enum { NONE = 0, ACTIVE = 1, INVALIDATED = 2 };

struct maf_capture {
    struct maf_capture *next; /* of all captures in progress */
    uint64_t id;
    int mode;
    int status;
    int borrowed; /* the graph belongs to the caller (BeginCaptureToGraph) */
    const void *thread;
    struct maf_graph *graph;
    struct maf_stream *origin;
    struct maf_stream *streams;
};

static struct maf_capture *captures;
static atomic_int capture_count; /* lets maf_capture_unsafe leave at once */
static uint64_t last_id;
static MAF_TLS int thread_mode; /* its address names the thread */

static const void *this_thread(void)
{
    return &thread_mode;
}

static int set_tail(struct maf_stream *s, struct maf_node *const *nodes, uint32_t count)
{
    if (count > s->tail_room) {
        struct maf_node **grown = realloc(s->tail, count * sizeof *grown);
        if (!grown)
            return MAF_E_OUT_OF_MEMORY;
        s->tail = grown;
        s->tail_room = count;
    }
    if (count)
        memmove(s->tail, nodes, count * sizeof *nodes);
    s->tail_count = count;
    return 0;
}

static int add_tail(struct maf_stream *s, struct maf_node *const *nodes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t j = 0;
        while (j < s->tail_count && s->tail[j] != nodes[i])
            j++;
        if (j < s->tail_count)
            continue;
        if (s->tail_count == s->tail_room) {
            uint32_t room = s->tail_room ? s->tail_room * 2 : 4;
            struct maf_node **grown = realloc(s->tail, room * sizeof *grown);
            if (!grown)
                return MAF_E_OUT_OF_MEMORY;
            s->tail = grown;
            s->tail_room = room;
        }
        s->tail[s->tail_count++] = nodes[i];
    }
    return 0;
}

static void join(struct maf_capture *c, struct maf_stream *s)
{
    s->next_captured = c->streams;
    c->streams = s;
    atomic_store(&s->capture, c);
}

int maf_capture_start(void *stream, int mode, void *graph, void *const *deps, size_t dep_count)
{
    struct maf_stream *s = maf_stream_of(stream);
    int error = 0;
    if (!s)
        return MAF_E_INVALID_HANDLE;
    if (s->legacy)
        return MAF_E_CAPTURE_UNSUPPORTED;
    if (mode < MODE_GLOBAL || mode > MODE_RELAXED || (graph && !maf_graph_of(graph)))
        return MAF_E_INVALID_VALUE;
    struct maf_capture *c = calloc(1, sizeof *c);
    if (!c)
        return MAF_E_OUT_OF_MEMORY;
    c->borrowed = graph != NULL;
    c->graph = graph;
    if (!graph && maf_graph_create((void **)&c->graph)) {
        free(c);
        return MAF_E_OUT_OF_MEMORY;
    }
    maf_lock(&maf_graph_lock);
    if (maf_capturing(s))
        error = MAF_E_ILLEGAL_STATE;
    else
        error = set_tail(s, (struct maf_node *const *)deps, (uint32_t)dep_count);
    if (!error) {
        c->id = ++last_id;
        c->mode = mode;
        c->status = ACTIVE;
        c->thread = this_thread();
        c->origin = s;
        c->next = captures;
        captures = c;
        atomic_fetch_add(&capture_count, 1);
        join(c, s);
    }
    maf_unlock(&maf_graph_lock);
    if (error) {
        if (!c->borrowed)
            maf_graph_destroy(c->graph);
        free(c);
    }
    return error;
}

/* Lock held. Every node of the other streams must lead to the origin's end. */
static int joined(struct maf_capture *c)
{
    uint32_t mark = maf_next_mark(), count = 0;
    struct maf_node **todo = malloc((c->graph->count + 1) * sizeof *todo);
    int ok = todo != NULL;
    for (uint32_t i = 0; ok && i < c->origin->tail_count; i++)
        if (c->origin->tail[i]->mark != mark) {
            c->origin->tail[i]->mark = mark;
            todo[count++] = c->origin->tail[i];
        }
    while (ok && count) {
        struct maf_node *n = todo[--count];
        for (uint32_t i = 0; i < n->dep_count; i++)
            if (n->deps[i]->mark != mark) {
                n->deps[i]->mark = mark;
                todo[count++] = n->deps[i];
            }
    }
    for (struct maf_stream *s = c->streams; ok && s; s = s->next_captured)
        for (uint32_t i = 0; ok && i < s->tail_count; i++)
            ok = s->tail[i]->mark == mark;
    free(todo);
    return ok;
}

int maf_capture_finish(void *stream, void **graph)
{
    struct maf_stream *s = maf_stream_of(stream);
    int error = 0;
    *graph = NULL;
    if (!s)
        return MAF_E_INVALID_HANDLE;
    maf_lock(&maf_graph_lock);
    struct maf_capture *c = atomic_load(&s->capture);
    if (!c || s != c->origin || (c->mode != MODE_RELAXED && c->thread != this_thread())) {
        error = !c ? MAF_E_ILLEGAL_STATE : s != c->origin ? MAF_E_CAPTURE_UNMATCHED : MAF_E_CAPTURE_WRONG_THREAD;
        if (c)
            c->status = INVALIDATED;
        maf_unlock(&maf_graph_lock);
        return error;
    }
    if (c->status == INVALIDATED)
        error = MAF_E_CAPTURE_INVALIDATED;
    else if (!joined(c))
        error = MAF_E_CAPTURE_UNJOINED;
    for (struct maf_stream *t = c->streams, *next; t; t = next) {
        next = t->next_captured;
        t->next_captured = NULL;
        t->tail_count = 0;
        atomic_store(&t->capture, NULL);
    }
    for (struct maf_capture **link = &captures; *link; link = &(*link)->next)
        if (*link == c) {
            *link = c->next;
            break;
        }
    atomic_fetch_sub(&capture_count, 1);
    if (!error)
        *graph = c->graph;
    else if (!c->borrowed)
        maf_graph_drop(c->graph);
    free(c);
    maf_unlock(&maf_graph_lock);
    maf_holders_flush();
    return error;
}

void maf_capture_forget(struct maf_stream *s)
{
    maf_lock(&maf_graph_lock);
    struct maf_capture *c = atomic_load(&s->capture);
    if (c) {
        c->status = INVALIDATED;
        for (struct maf_stream **link = &c->streams; *link; link = &(*link)->next_captured)
            if (*link == s) {
                *link = s->next_captured;
                break;
            }
        atomic_store(&s->capture, NULL);
    }
    maf_unlock(&maf_graph_lock);
}

int maf_capture_status(void *stream, struct maf_capture_info *out)
{
    struct maf_stream *s = maf_stream_of(stream);
    *out = (struct maf_capture_info){0};
    if (!s)
        return MAF_E_INVALID_HANDLE;
    if (likely(!maf_capturing(s)))
        return 0;
    maf_lock(&maf_graph_lock);
    struct maf_capture *c = atomic_load(&s->capture);
    if (c) {
        out->status = c->status;
        out->id = c->id;
        if (c->status == ACTIVE) {
            out->graph = c->graph;
            out->deps = (void *const *)s->tail;
            out->dep_count = s->tail_count;
        }
    }
    maf_unlock(&maf_graph_lock);
    return 0;
}

int maf_stream_is_capturing(void *stream)
{
    struct maf_stream *s = maf_stream_of(stream);
    return s && maf_capturing(s);
}

int maf_capture_update(void *stream, void *const *deps, size_t count, int set)
{
    struct maf_stream *s = maf_stream_of(stream);
    int error = MAF_E_ILLEGAL_STATE;
    if (!s)
        return MAF_E_INVALID_HANDLE;
    maf_lock(&maf_graph_lock);
    if (atomic_load(&s->capture))
        error = set ? set_tail(s, (struct maf_node *const *)deps, (uint32_t)count)
                    : add_tail(s, (struct maf_node *const *)deps, (uint32_t)count);
    maf_unlock(&maf_graph_lock);
    return error;
}

int maf_capture_mode(int mode)
{
    int old = thread_mode;
    thread_mode = mode;
    return old;
}

int maf_capture_unsafe(void)
{
    int hit = 0;
    if (likely(!atomic_load_explicit(&capture_count, memory_order_relaxed)) || thread_mode == MODE_RELAXED)
        return 0;
    maf_lock(&maf_graph_lock);
    for (struct maf_capture *c = captures; c; c = c->next) {
        int own = c->thread == this_thread();
        if (c->mode == MODE_RELAXED || (!own && (c->mode == MODE_THREAD || thread_mode == MODE_THREAD)))
            continue;
        c->status = INVALIDATED;
        hit = 1;
    }
    maf_unlock(&maf_graph_lock);
    return hit ? MAF_E_CAPTURE_UNSUPPORTED : 0;
}

int maf_capture_violated(struct maf_stream *s)
{
    maf_lock(&maf_graph_lock);
    struct maf_capture *c = atomic_load(&s->capture);
    int before = c ? c->status : NONE;
    if (c)
        c->status = INVALIDATED;
    maf_unlock(&maf_graph_lock);
    return before == INVALIDATED ? MAF_E_CAPTURE_INVALIDATED : MAF_E_CAPTURE_UNSUPPORTED;
}

/* --- recording ------------------------------------------------------------------------------------------- */
void *maf_capture_begin(struct maf_stream *s, uint32_t kind, uint64_t bytes)
{
    struct maf_capture *c = atomic_load(&s->capture);
    return c && c->status == ACTIVE ? maf_command_new(kind, bytes, s->device) : NULL;
}

static struct maf_node *record_node(struct maf_stream *s, int type, int *error)
{
    struct maf_capture *c = atomic_load(&s->capture);
    struct maf_node *n = NULL;
    *error = MAF_E_CAPTURE_INVALIDATED;
    if (c && c->status == ACTIVE) {
        n = maf_node_new(c->graph, type, s->tail, s->tail_count);
        *error = n ? set_tail(s, &n, 1) : MAF_E_OUT_OF_MEMORY;
    }
    return n;
}

int maf_capture_end(struct maf_stream *s, void *command, int node_type, void *object)
{
    int error;
    maf_lock(&maf_graph_lock);
    struct maf_node *n = record_node(s, node_type, &error);
    if (n) {
        n->command = command;
        if (node_type == MAF_NODE_KERNEL)
            n->kernel = object;
    }
    maf_unlock(&maf_graph_lock);
    if (!n)
        free(command);
    return error;
}

int maf_capture_memory(struct maf_stream *s, int node_type, uint64_t address, uint64_t bytes)
{
    int error;
    maf_lock(&maf_graph_lock);
    struct maf_node *n = record_node(s, node_type, &error);
    if (n && node_type == MAF_NODE_MEM_ALLOC)
        error = maf_graph_memory_add(n, address, bytes);
    else if (n)
        n->address = address;
    maf_unlock(&maf_graph_lock);
    return error;
}

int maf_capture_record(struct maf_stream *s, struct maf_event *e, int external)
{
    int error = MAF_E_CAPTURE_INVALIDATED;
    maf_lock(&maf_graph_lock);
    struct maf_capture *c = atomic_load(&s->capture);
    if (c && c->status == ACTIVE && external) {
        struct maf_node *n = record_node(s, MAF_NODE_EVENT_RECORD, &error);
        struct maf_cmd_event *command = n ? maf_command_new(MAF_CMD_EVENT, sizeof *command, s->device) : NULL;
        if (n) {
            error = command ? 0 : MAF_E_OUT_OF_MEMORY;
            n->command = (struct maf_command *)command;
            n->event = maf_event_pin(e);
        }
        if (command)
            command->slot = e->slot;
    } else if (c && c->status == ACTIVE) {
        struct maf_node **deps = malloc((s->tail_count + 1) * sizeof *deps);
        error = deps ? 0 : MAF_E_OUT_OF_MEMORY;
        if (deps) {
            if (s->tail_count)
                memcpy(deps, s->tail, s->tail_count * sizeof *deps);
            free(e->deps);
            e->deps = deps;
            e->dep_count = s->tail_count;
            e->capture_id = c->id;
        }
    }
    maf_unlock(&maf_graph_lock);
    return error;
}

int maf_capture_wait(struct maf_stream *s, struct maf_event *e, int external)
{
    int error = 0;
    maf_lock(&maf_graph_lock);
    struct maf_capture *own = atomic_load(&s->capture), *c = captures;
    while (c && c->id != e->capture_id)
        c = c->next;
    if (own && external) {
        struct maf_node *n = record_node(s, MAF_NODE_WAIT_EVENT, &error);
        if (n)
            n->event = maf_event_pin(e);
    } else if (!e->capture_id || !c) { /* work outside the capture */
        error = own ? MAF_E_CAPTURE_ISOLATION : MAF_E_CAPTURED_EVENT;
        if (own)
            own->status = INVALIDATED;
    } else if (c->status != ACTIVE) {
        error = MAF_E_CAPTURE_INVALIDATED;
    } else if (!own) {
        error = s->legacy ? MAF_E_CAPTURE_IMPLICIT : set_tail(s, e->deps, e->dep_count);
        if (!error)
            join(c, s);
        else
            c->status = INVALIDATED;
    } else if (own == c) {
        error = add_tail(s, e->deps, e->dep_count);
    } else {
        own->status = c->status = INVALIDATED;
        error = MAF_E_CAPTURE_MERGE;
    }
    maf_unlock(&maf_graph_lock);
    return error;
}
