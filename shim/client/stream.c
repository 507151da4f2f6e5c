/* Streams, events and host callbacks. One ring in process order carries all streams. While no stream waits for a callback
 * or a word of memory, the executor runs it in that order, and a wait for an event that was recorded earlier needs no
 * command: only the stream's idea of its newest work moves. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum { EVENT_NO_TIMING = 2, EVENT_INTERPROCESS = 4, STREAM_NON_BLOCKING = 1 };

static struct maf_slab stream_slab = {.item = sizeof(struct maf_stream), .limit = 1 << 20};
static struct maf_slab event_slab = {.item = sizeof(struct maf_event), .limit = 1 << 22};
static struct maf_stream default_streams[MAF_MAX_SDA], thread_streams[MAF_MAX_SDA];
static atomic_uint next_stream_id = 100;

static struct maf_stream *default_stream(struct maf_stream *set, uint32_t legacy)
{
    int device = maf_current_device();
    struct maf_stream *s = &set[device];
    if (unlikely(!s->alive)) {
        s->device = device;
        s->legacy = legacy;
        s->id = (uint32_t)(legacy ? 0 : 32) + (uint32_t)device;
        s->alive = 1;
    }
    return s;
}

struct maf_stream *maf_stream_of(void *handle)
{
    uintptr_t h = (uintptr_t)handle;
    if (h <= 1)
        return default_stream(default_streams, 1);
    if (h == 2)
        return default_stream(thread_streams, 0);
    return likely(maf_slab_holds(&stream_slab, handle)) ? handle : NULL;
}

/* The newest command that a host-side access on s follows, when commands finish in order. */
static uint64_t stream_order(struct maf_stream *s)
{
    if (s->flags & STREAM_NON_BLOCKING)
        return atomic_load(&s->last_seq);
    return maf_last_seq();
}

int maf_stream_idle(struct maf_stream *s)
{
    uint64_t seq = stream_order(s);
    if (!maf_may_overtake())
        return maf_is_complete(seq);
    return (s->flags & STREAM_NON_BLOCKING) && maf_reached(maf_stream_point(s));
}

struct maf_point maf_stream_mark(struct maf_stream *s)
{
    uint64_t seq = stream_order(s);
    if (!maf_may_overtake())
        return (struct maf_point){seq, maf_queue(s)};
    if (!(s->flags & STREAM_NON_BLOCKING)) {
        struct maf_command *c = maf_ring_begin(s, MAF_CMD_NOP, sizeof *c);
        if (c)
            maf_ring_end(s, c);
    }
    return maf_stream_point(s);
}

int maf_stream_settle(struct maf_stream *s)
{
    return maf_wait_point(maf_stream_mark(s));
}

int maf_stream_create(uint32_t flags, int priority, void **out)
{
    struct maf_stream *s = maf_slab_new(&stream_slab);
    if (!s)
        return MAF_E_OUT_OF_MEMORY;
    s->id = atomic_fetch_add(&next_stream_id, 1);
    s->device = maf_current_device();
    s->flags = flags & 1;
    s->priority = priority > 0 ? 0 : priority < -5 ? -5 : priority;
    *out = s;
    return 0;
}

int maf_stream_destroy(void *stream)
{
    struct maf_stream *s = maf_stream_of(stream);
    if (!s || (uintptr_t)stream <= 2)
        return MAF_E_INVALID_HANDLE;
    if (maf_capturing(s))
        maf_capture_forget(s);
    free(s->tail);
    maf_slab_delete(&stream_slab, s);
    return 0;
}

static int stream_done(struct maf_stream *s)
{
    if (!s->legacy || !maf_may_overtake())
        return maf_reached(s->legacy ? (struct maf_point){maf_last_seq(), maf_queue(s)} : maf_stream_point(s));
    /* Whether all that the default stream follows has finished, the executor knows: a command tells. */
    if (atomic_load(&s->probe) < maf_last_seq() && maf_reached((struct maf_point){atomic_load(&s->probe), maf_queue(s)}))
        atomic_store(&s->probe, maf_stream_mark(s).seq);
    return maf_reached((struct maf_point){atomic_load(&s->probe), maf_queue(s)});
}

int maf_stream_query(void *stream)
{
    struct maf_stream *s = maf_stream_of(stream);
    if (!s)
        return MAF_E_INVALID_HANDLE;
    if (maf_capturing(s))
        return maf_capture_violated(s);
    int error = maf_capture_unsafe();
    if (error)
        return error;
    int done = stream_done(s);
    if ((error = maf_fault()))
        return error;
    if (!done && maf_executor_gone())
        return maf_fault();
    return done ? 0 : MAF_E_NOT_READY;
}

int maf_stream_sync(void *stream)
{
    int error = maf_enter_device(); /* a library may ask before the program's first call of the runtime */
    struct maf_stream *s = maf_stream_of(stream);
    if (error)
        return error;
    if (!s)
        return MAF_E_INVALID_HANDLE;
    if (maf_capturing(s))
        return maf_capture_violated(s);
    error = maf_capture_unsafe();
    if (error)
        return error;
    if (unlikely(maf_trace_on))
        maf_trace_sync(MAF_SYNC_STREAM, s, NULL);
    return s->legacy ? maf_stream_settle(s) : maf_wait_point(maf_stream_point(s));
}

int maf_device_sync(void)
{
    int error = maf_capture_unsafe();
    if (unlikely(maf_trace_on))
        maf_trace_sync(MAF_SYNC_DEVICE, NULL, NULL);
    return error ? error : maf_wait_seq(maf_last_seq());
}

int maf_stream_info(void *stream, uint32_t *flags, int *priority, int *device, uint64_t *id)
{
    struct maf_stream *s = maf_stream_of(stream);
    if (!s)
        return MAF_E_INVALID_HANDLE;
    if (flags)
        *flags = s->flags;
    if (priority)
        *priority = s->priority;
    if (device)
        *device = s->device;
    if (id)
        *id = s->id;
    return 0;
}

/* --- events ---------------------------------------------------------------------------------------------- */
/* Time-stamp slots; 0 means none. They are taken in order first, so that few pages of the control block are touched. */
static struct maf_lock slot_lock;
static uint32_t slots_used = 1, free_slot_count;
static uint32_t *free_slots;

static uint32_t take_slot(void)
{
    uint32_t slot = 0;
    maf_lock(&slot_lock);
    if (free_slot_count)
        slot = free_slots[--free_slot_count];
    else if (slots_used < MAF_EVENT_SLOTS)
        slot = slots_used++;
    maf_unlock(&slot_lock);
    return slot;
}

static void give_slot(uint32_t slot)
{
    maf_lock(&slot_lock);
    if (!free_slots)
        free_slots = malloc(MAF_EVENT_SLOTS * sizeof *free_slots);
    if (free_slots)
        free_slots[free_slot_count++] = slot;
    maf_unlock(&slot_lock);
}

struct maf_event *maf_event_of(void *handle)
{
    return maf_slab_holds(&event_slab, handle) ? handle : NULL;
}

int maf_event_create(uint32_t flags, void **out)
{
    uint32_t slot = 0;
    if (!(flags & EVENT_NO_TIMING) && !(slot = take_slot()))
        return MAF_E_OUT_OF_MEMORY;
    struct maf_event *e = maf_slab_new(&event_slab);
    if (!e) {
        if (slot)
            give_slot(slot);
        return MAF_E_OUT_OF_MEMORY;
    }
    e->flags = flags;
    e->slot = slot;
    e->device = maf_current_device();
    if (flags & EVENT_INTERPROCESS) {
        int error = maf_shared_event_new(e);
        if (error) {
            maf_slab_delete(&event_slab, e);
            return error;
        }
    }
    *out = e;
    return 0;
}

struct maf_event *maf_event_import(uint64_t address)
{
    struct maf_event *e = maf_slab_new(&event_slab);
    if (e) {
        e->flags = EVENT_NO_TIMING | EVENT_INTERPROCESS;
        e->device = maf_current_device();
        e->shared = maf_host_view(address);
        e->shared_address = address;
        e->imported = 1;
    }
    return e;
}

static struct maf_lock pin_lock;

static void free_event(struct maf_event *e)
{
    free(e->deps);
    if (e->slot)
        give_slot(e->slot);
    if (e->shared)
        maf_shared_event_drop(e);
    maf_slab_delete(&event_slab, e);
}

int maf_event_destroy(void *event)
{
    struct maf_event *e = maf_event_of(event);
    if (!e)
        return MAF_E_INVALID_HANDLE;
    maf_lock(&pin_lock);
    e->alive = 0; /* the handle is no longer valid */
    e->destroyed = 1;
    int kept = e->pins != 0;
    maf_unlock(&pin_lock);
    if (!kept)
        free_event(e);
    return 0;
}

struct maf_event *maf_event_pin(struct maf_event *e)
{
    maf_lock(&pin_lock);
    if (e)
        e->pins++;
    maf_unlock(&pin_lock);
    return e;
}

void maf_event_unpin(struct maf_event *e)
{
    maf_lock(&pin_lock);
    int last = e && --e->pins == 0 && e->destroyed;
    maf_unlock(&pin_lock);
    if (last)
        free_event(e);
}

int maf_event_record(void *event, void *stream, int external)
{
    struct maf_event *e = maf_event_of(event);
    struct maf_stream *s = maf_stream_of(stream);
    if (!e || !s)
        return MAF_E_INVALID_HANDLE;
    if (maf_capturing(s))
        return maf_capture_record(s, e, external);
    e->capture_id = 0;
    if (unlikely(maf_trace_on))
        maf_trace_sync(MAF_SYNC_RECORD, s, e);
    if (e->shared)
        return maf_shared_event_record(e, s);
    if (e->slot) {
        struct maf_cmd_event *c = maf_ring_begin(s, MAF_CMD_EVENT, sizeof *c);
        if (!c)
            return maf_fault();
        c->slot = e->slot;
        c->reserved = 0;
        atomic_store(&e->seq, maf_ring_end(s, c));
    } else {
        atomic_store(&e->seq, maf_stream_mark(s).seq);
    }
    atomic_store(&e->queue, maf_queue(s));
    atomic_store(&e->recorded, 1);
    return maf_fault();
}

int maf_event_query(void *event)
{
    struct maf_event *e = maf_event_of(event);
    if (!e)
        return MAF_E_INVALID_HANDLE;
    if (e->capture_id)
        return MAF_E_CAPTURED_EVENT;
    int error = maf_capture_unsafe();
    if (error)
        return error;
    if (maf_shared_event_foreign(e))
        return maf_shared_event_done(e) ? maf_fault() : MAF_E_NOT_READY;
    int done = maf_reached(maf_event_point(e));
    if ((error = maf_fault()))
        return error;
    if (!done && maf_executor_gone())
        return maf_fault();
    return done ? 0 : MAF_E_NOT_READY;
}

int maf_event_sync(void *event)
{
    struct maf_event *e = maf_event_of(event);
    if (!e)
        return MAF_E_INVALID_HANDLE;
    if (e->capture_id)
        return MAF_E_CAPTURED_EVENT;
    int error = maf_capture_unsafe();
    if (unlikely(maf_trace_on))
        maf_trace_sync(MAF_SYNC_EVENT, NULL, e);
    if (!error && maf_shared_event_foreign(e))
        return maf_shared_event_wait(e);
    return error ? error : maf_wait_point(maf_event_point(e));
}

int maf_event_elapsed(void *start, void *end, float *milliseconds)
{
    struct maf_event *a = maf_event_of(start), *b = maf_event_of(end);
    if (!a || !b || !a->slot || !b->slot || !a->recorded || !b->recorded)
        return MAF_E_INVALID_HANDLE;
    if (!maf_reached(maf_event_point(a)) || !maf_reached(maf_event_point(b)))
        return maf_fault() ? maf_fault() : MAF_E_NOT_READY;
    const uint64_t *ns = maf_g.control->event_ns;
    *milliseconds = (float)((double)(int64_t)(ns[b->slot] - ns[a->slot]) * 1e-6);
    return maf_fault();
}

int maf_stream_wait_event(void *stream, void *event, int external)
{
    struct maf_stream *s = maf_stream_of(stream);
    struct maf_event *e = maf_event_of(event);
    if (!s || !e)
        return MAF_E_INVALID_HANDLE;
    if (e->capture_id || maf_capturing(s))
        return maf_capture_wait(s, e, external);
    if (unlikely(maf_trace_on))
        maf_trace_sync(MAF_SYNC_STREAM_WAITS, s, e);
    /* Another process's ring: the thread waits for it, since a wait in this one would hold up every stream. */
    if (maf_shared_event_foreign(e))
        return maf_shared_event_wait(e);
    return maf_stream_wait_point(s, maf_event_point(e));
}

/* --- host callbacks ------------------------------------------------------------------------------------------ */
static void *callback_thread(void *unused)
{
    struct maf_control *c = maf_g.control;
    (void)unused;
    while (!atomic_load(&maf_g.error)) {
        uint32_t done = __atomic_load_n(&c->hostfn_done, __ATOMIC_ACQUIRE);
        uint32_t posted = __atomic_load_n(&c->hostfn_posted, __ATOMIC_ACQUIRE);
        if (posted == done) {
            maf_futex_wait(&c->hostfn_posted, posted, 1000);
            continue;
        }
        void (*fn)(void *);
        uint64_t address = c->hostfn_fn;
        memcpy(&fn, &address, sizeof fn);
        fn((void *)(uintptr_t)c->hostfn_arg);
        __atomic_store_n(&c->hostfn_done, done + 1, __ATOMIC_SEQ_CST);
        maf_ring_bell();
    }
    return NULL;
}

int maf_callbacks_ready(void)
{
    static struct maf_lock lock;
    static atomic_int started;
    if (likely(atomic_load(&started)))
        return 0;
    maf_lock(&lock);
    if (!started)
        started = maf_start_thread(callback_thread, NULL) == 0;
    int ok = started;
    maf_unlock(&lock);
    return ok ? 0 : MAF_E_OUT_OF_MEMORY;
}

int maf_host_function_on(struct maf_stream *s, void (*fn)(void *), void *arg)
{
    int error = maf_callbacks_ready();
    struct maf_cmd_hostfn *c;
    if (error)
        return error;
    if (!(c = maf_command_begin(s, MAF_CMD_HOSTFN, sizeof *c)))
        return maf_command_lost(s);
    c->fn = (uint64_t)(uintptr_t)fn;
    c->arg = (uint64_t)(uintptr_t)arg;
    return maf_command_end(s, c, MAF_NODE_HOST, NULL);
}

int maf_host_function(void *stream, void (*fn)(void *), void *arg)
{
    struct maf_stream *s = maf_stream_of(stream);
    return !s ? MAF_E_INVALID_HANDLE : !fn ? MAF_E_INVALID_VALUE : maf_host_function_on(s, fn, arg);
}
