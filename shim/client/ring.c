/* Producer side of the command ring, and waiting for completion. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "cpu_pause.h"
#include "internal.h"

#define SPIN_NS 30000

static struct maf_lock ring_lock;
static uint64_t produced; /* bytes, under ring_lock */
static _Atomic uint64_t last_seq;

/* Threads that sleep, with what each needs: the executor wakes at the smallest. */
struct waiter {
    struct waiter *next;
    uint64_t seq;
    uint64_t consumed;
};
enum { NO_QUEUE = MAF_QUEUES };
static struct maf_lock waiter_lock;
static struct waiter *waiters;

static void publish_waiters(void)
{
    struct maf_control *c = maf_g.control;
    uint64_t seq = UINT64_MAX, consumed = UINT64_MAX;
    for (struct waiter *w = waiters; w; w = w->next) {
        seq = w->seq < seq ? w->seq : seq;
        consumed = w->consumed < consumed ? w->consumed : consumed;
    }
    __atomic_store_n(&c->wake_seq, seq, __ATOMIC_SEQ_CST);
    __atomic_store_n(&c->wake_consumed, consumed, __ATOMIC_SEQ_CST);
    __atomic_store_n(&c->client_waiting, waiters != NULL, __ATOMIC_SEQ_CST);
}

static int reached(uint64_t seq, uint32_t queue, uint64_t consumed)
{
    struct maf_control *c = maf_g.control;
    if (seq != UINT64_MAX)
        return __atomic_load_n(&c->completed, __ATOMIC_SEQ_CST) >= seq ||
               (queue != NO_QUEUE && __atomic_load_n(&c->queue_done[queue], __ATOMIC_SEQ_CST) >= seq);
    return __atomic_load_n(&c->consumed, __ATOMIC_SEQ_CST) >= consumed;
}

/* Returns when reached, or when the executor is gone. */
static void wait_for(uint64_t seq, uint32_t queue, uint64_t consumed)
{
    struct maf_control *c = maf_g.control;
    uint64_t end = 0;
    /* A spinning thread keeps the executor from running where both share a processor. */
    for (;;) {
        uint32_t cpu = 1 + (uint32_t)sched_getcpu();
        __atomic_store_n(&c->client_cpu, cpu, __ATOMIC_RELAXED);
        if (__atomic_load_n(&c->executor_cpu, __ATOMIC_RELAXED) == cpu && !reached(seq, queue, consumed))
            break;
        for (int i = 0; i < 64; i++) {
            if (reached(seq, queue, consumed))
                return;
            maf_cpu_pause();
        }
        uint64_t now = maf_now_ns();
        if (!end)
            end = now + SPIN_NS;
        else if (now > end)
            break;
    }
    struct waiter self = {NULL, seq, consumed};
    maf_lock(&waiter_lock);
    self.next = waiters;
    waiters = &self;
    publish_waiters();
    maf_unlock(&waiter_lock);
    while (!atomic_load_explicit(&maf_g.error, memory_order_relaxed)) {
        uint32_t count = __atomic_load_n(&c->wake_count, __ATOMIC_SEQ_CST);
        if (reached(seq, queue, consumed))
            break;
        if (maf_futex_wait(&c->wake_count, count, 100) && !reached(seq, queue, consumed) && maf_executor_hung_up())
            maf_executor_lost();
    }
    maf_lock(&waiter_lock);
    struct waiter **link = &waiters;
    while (*link != &self)
        link = &(*link)->next;
    *link = self.next;
    publish_waiters();
    maf_unlock(&waiter_lock);
}

int maf_wait_seq(uint64_t seq)
{
    if (!maf_is_complete(seq))
        wait_for(seq, NO_QUEUE, UINT64_MAX);
    return maf_fault();
}

int maf_wait_point(struct maf_point p)
{
    if (!maf_reached(p))
        wait_for(p.seq, p.queue, UINT64_MAX);
    return maf_fault();
}

uint64_t maf_last_seq(void)
{
    return atomic_load_explicit(&last_seq, memory_order_acquire);
}

/* Lock held. Position of `bytes` contiguous free bytes, after a PAD where they would wrap; NULL if the executor is
 * gone. */
static char *room_for(uint64_t bytes)
{
    struct maf_control *c = maf_g.control;
    uint64_t ring_bytes = (uint64_t)maf_g.ring_mask + 1;
    uint64_t at = produced & maf_g.ring_mask;
    uint64_t pad = at + bytes > ring_bytes ? ring_bytes - at : 0;
    uint64_t needed = produced + pad + bytes;
    if (unlikely(needed > __atomic_load_n(&c->consumed, __ATOMIC_ACQUIRE) + ring_bytes)) {
        __atomic_store_n(&c->produced, produced, __ATOMIC_SEQ_CST);
        /* Half a ring at once: not one wake-up per command. */
        uint64_t target = needed - ring_bytes, ahead = target + ring_bytes / 2;
        wait_for(UINT64_MAX, NO_QUEUE, ahead < produced ? ahead : target);
        if (atomic_load(&maf_g.error))
            return NULL;
    }
    if (pad) {
        struct maf_command *skip = (struct maf_command *)(maf_g.ring + at);
        skip->size = (uint32_t)pad; /* only the first eight bytes are sure to lie in the ring */
        skip->kind = MAF_CMD_PAD;
        skip->sda = 0;
        produced += pad;
        at = 0;
    }
    return maf_g.ring + at;
}

void maf_ring_bell(void)
{
    struct maf_control *c = maf_g.control;
    if (unlikely(__atomic_load_n(&c->executor_sleeping, __ATOMIC_SEQ_CST)) &&
        __atomic_exchange_n(&c->executor_sleeping, 0, __ATOMIC_SEQ_CST)) {
        __atomic_fetch_add(&c->doorbell, 1, __ATOMIC_SEQ_CST);
        maf_futex_wake(&c->doorbell, 1);
    }
}

static void publish(void)
{
    __atomic_store_n(&maf_g.control->produced, produced, __ATOMIC_SEQ_CST);
    maf_ring_bell();
}

static uint32_t order_flags(const struct maf_stream *s)
{
    return s->legacy ? MAF_STREAM_LEGACY : s->flags & MAF_STREAM_NON_BLOCKING;
}

static int may_wait(const struct maf_command *c)
{
    return c->kind == MAF_CMD_HOSTFN || c->kind == MAF_CMD_WAIT;
}

void *maf_ring_begin(struct maf_stream *s, uint32_t kind, uint64_t bytes)
{
    bytes = (bytes + MAF_RING_ALIGN - 1) & ~(uint64_t)(MAF_RING_ALIGN - 1);
    maf_lock(&ring_lock);
    struct maf_command *c = (struct maf_command *)room_for(bytes);
    if (unlikely(!c)) {
        maf_unlock(&ring_lock);
        return NULL;
    }
    c->size = (uint32_t)bytes;
    c->kind = (uint16_t)kind;
    c->sda = (uint16_t)s->device;
    c->stream = s->id;
    c->flags = order_flags(s);
    return c;
}

uint64_t maf_ring_end(struct maf_stream *s, void *command)
{
    struct maf_command *c = command;
    uint64_t seq = atomic_load_explicit(&last_seq, memory_order_relaxed) + 1;
    c->seq = seq;
    if (unlikely(may_wait(c)))
        atomic_store_explicit(&maf_g.last_wait, seq, memory_order_release);
    if (unlikely(maf_trace_on))
        maf_trace_command(s, c);
    produced += c->size;
    atomic_store_explicit(&last_seq, seq, memory_order_release);
    maf_stream_raise(s, seq);
    publish();
    maf_unlock(&ring_lock);
    return seq;
}

static struct maf_cmd_wait wait_command(struct maf_point p)
{
    return (struct maf_cmd_wait){.h = {.size = (sizeof(struct maf_cmd_wait) + MAF_RING_ALIGN - 1) & ~(MAF_RING_ALIGN - 1u),
                                       .kind = MAF_CMD_WAIT},
                                 .value = p.seq,
                                 .kind = MAF_WAIT_COMMAND,
                                 .queue = p.queue};
}

int maf_stream_wait_point(struct maf_stream *s, struct maf_point p)
{
    if (!maf_may_overtake()) {
        maf_stream_raise(s, p.seq);
        return maf_fault();
    }
    if (p.queue == maf_queue(s) || maf_reached(p))
        return maf_fault();
    struct maf_cmd_wait wait = wait_command(p), *c = maf_ring_begin(s, MAF_CMD_WAIT, sizeof *c);
    if (!c)
        return maf_fault();
    memcpy(&c->h + 1, &wait.h + 1, sizeof wait - sizeof wait.h);
    maf_ring_end(s, c);
    return maf_fault();
}

uint64_t maf_ring_put_all(struct maf_stream *s, struct maf_exec_entry *entries, uint32_t count)
{
    uint64_t seq;
    maf_lock(&ring_lock);
    seq = atomic_load_explicit(&last_seq, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++) {
        struct maf_command *from = entries[i].command;
        struct maf_cmd_wait wait;
        if (entries[i].type == MAF_NODE_WAIT_EVENT) {
            from = NULL;
            if (entries[i].event && maf_may_overtake() && !maf_reached(maf_event_point(entries[i].event))) {
                wait = wait_command(maf_event_point(entries[i].event));
                wait.h.sda = (uint16_t)s->device;
                from = &wait.h;
            }
        }
        if (!from)
            continue;
        struct maf_command *to = (struct maf_command *)room_for(from->size);
        if (!to) {
            maf_unlock(&ring_lock);
            return 0;
        }
        memcpy(to, from, from->size);
        to->seq = ++seq;
        to->stream = s->id;
        to->flags = order_flags(s);
        if (unlikely(may_wait(to)))
            atomic_store_explicit(&maf_g.last_wait, seq, memory_order_release);
        if (unlikely(maf_trace_on)) {
            publish();
            maf_trace_command(s, to);
        }
        produced += from->size;
        if (entries[i].type == MAF_NODE_EVENT_RECORD && entries[i].event) {
            atomic_store(&entries[i].event->seq, seq);
            atomic_store(&entries[i].event->queue, maf_queue(s));
            atomic_store(&entries[i].event->recorded, 1);
        }
        if ((i & 31) == 31)
            publish();
    }
    atomic_store_explicit(&last_seq, seq, memory_order_release);
    maf_stream_raise(s, seq);
    publish();
    maf_unlock(&ring_lock);
    return seq;
}
