/* Memory freed on a stream while others may overtake it (cudaFreeAsync): it is given back once the stream has come so far,
 * or to a stream that follows it. */
#define _GNU_SOURCE
#include <stdlib.h>

#include "internal.h"

struct later {
    struct later *next;
    uint64_t address;
    struct maf_point point;
};
static struct maf_lock lock;
static struct later *_Atomic all;

static int any_left(void)
{
    return unlikely(atomic_load_explicit(&all, memory_order_relaxed) != NULL);
}

void maf_free_due(void)
{
    struct later *kept = NULL, *next;
    if (!any_left())
        return;
    maf_lock(&lock);
    for (struct later *f = atomic_load(&all); f; f = next) {
        next = f->next;
        if (maf_reached(f->point)) {
            maf_memory_release(f->address, MAF_RELEASE_CLOSED);
            free(f);
        } else {
            f->next = kept;
            kept = f;
        }
    }
    atomic_store(&all, kept);
    maf_unlock(&lock);
}

int maf_free_claim(struct maf_stream *s, int any)
{
    struct later *kept = NULL, *next;
    int claimed = 0;
    if (!any_left())
        return 0;
    maf_lock(&lock);
    for (struct later *f = atomic_load(&all); f; f = next) {
        next = f->next;
        if (f->point.queue == maf_queue(s) || (any && !claimed && maf_stream_wait_point(s, f->point) == 0)) {
            maf_memory_release(f->address, MAF_RELEASE_OPEN);
            free(f);
            claimed++;
        } else {
            f->next = kept;
            kept = f;
        }
    }
    atomic_store(&all, kept);
    maf_unlock(&lock);
    return claimed;
}

int maf_free_wait(void)
{
    int count = 0;
    while (any_left()) {
        maf_lock(&lock);
        struct later *f = atomic_load(&all);
        struct maf_point point = f ? f->point : (struct maf_point){0};
        maf_unlock(&lock);
        if (maf_wait_point(point))
            break;
        maf_free_due();
        count++;
    }
    return count;
}

int maf_free_later(struct maf_stream *s, uint64_t p)
{
    uint64_t base, bytes;
    struct later *f = malloc(sizeof *f);
    if (!f)
        return MAF_E_OUT_OF_MEMORY;
    *f = (struct later){.address = p, .point = maf_stream_mark(s)};
    maf_lock(&lock);
    int known = maf_memory_block(p, &base, &bytes) == 0 && base == p;
    for (struct later *g = atomic_load(&all); g && known; g = g->next)
        known = g->address != p; /* freed twice */
    if (known) {
        f->next = atomic_load(&all);
        atomic_store(&all, f);
    }
    maf_unlock(&lock);
    if (!known)
        free(f);
    return known ? 0 : MAF_E_INVALID_VALUE;
}
