/* Producer side of the command ring, and waiting for completion. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <string.h>

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

static int reached(uint64_t seq, uint64_t consumed)
{
    struct maf_control *c = maf_g.control;
    if (seq != UINT64_MAX)
        return __atomic_load_n(&c->completed, __ATOMIC_SEQ_CST) >= seq;
    return __atomic_load_n(&c->consumed, __ATOMIC_SEQ_CST) >= consumed;
}

static inline void pause_cpu(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    __asm__ volatile("yield");
#endif
}

/* Returns when reached, or when the executor is gone. */
static void wait_for(uint64_t seq, uint64_t consumed)
{
    struct maf_control *c = maf_g.control;
    uint64_t end = 0;
    /* A spinning thread keeps the executor from running where both share a processor. */
    for (;;) {
        uint32_t cpu = 1 + (uint32_t)sched_getcpu();
        __atomic_store_n(&c->client_cpu, cpu, __ATOMIC_RELAXED);
        if (__atomic_load_n(&c->executor_cpu, __ATOMIC_RELAXED) == cpu && !reached(seq, consumed))
            break;
        for (int i = 0; i < 64; i++) {
            if (reached(seq, consumed))
                return;
            pause_cpu();
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
        if (reached(seq, consumed))
            break;
        if (maf_futex_wait(&c->wake_count, count, 100) && !reached(seq, consumed) && maf_executor_hung_up())
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
        wait_for(seq, UINT64_MAX);
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
        wait_for(UINT64_MAX, ahead < produced ? ahead : target);
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

static void publish(void)
{
    struct maf_control *c = maf_g.control;
    __atomic_store_n(&c->produced, produced, __ATOMIC_SEQ_CST);
    if (unlikely(__atomic_load_n(&c->executor_sleeping, __ATOMIC_SEQ_CST)) &&
        __atomic_exchange_n(&c->executor_sleeping, 0, __ATOMIC_SEQ_CST))
        maf_futex_wake(&c->produced, 1);
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
    c->flags = 0;
    return c;
}

uint64_t maf_ring_end(struct maf_stream *s, void *command)
{
    struct maf_command *c = command;
    uint64_t seq = atomic_load_explicit(&last_seq, memory_order_relaxed) + 1;
    c->seq = seq;
    if (unlikely(maf_trace_on))
        maf_trace_command(s, c);
    produced += c->size;
    atomic_store_explicit(&last_seq, seq, memory_order_release);
    maf_stream_raise(s, seq);
    publish();
    maf_unlock(&ring_lock);
    return seq;
}

uint64_t maf_ring_put_all(struct maf_stream *s, struct maf_exec_entry *entries, uint32_t count)
{
    uint64_t seq;
    maf_lock(&ring_lock);
    seq = atomic_load_explicit(&last_seq, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++) {
        struct maf_command *from = entries[i].command;
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
        if (unlikely(maf_trace_on)) {
            publish();
            maf_trace_command(s, to);
        }
        produced += from->size;
        if (entries[i].event) {
            atomic_store(&entries[i].event->seq, seq);
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
