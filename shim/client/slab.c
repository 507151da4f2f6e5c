#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>

#include "internal.h"

/* A freed object keeps the next free one behind its alive word. */
static void **link_of(void *p)
{
    return (void **)((char *)p + sizeof(void *));
}

void *maf_slab_new(struct maf_slab *s)
{
    void *p = NULL;
    maf_lock(&s->lock);
    char *base = atomic_load(&s->base);
    if (!base) {
        base = mmap(NULL, (size_t)s->item * s->limit, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (base == MAP_FAILED)
            base = NULL;
        atomic_store(&s->base, base);
    }
    if (base && s->free) {
        p = s->free;
        s->free = *link_of(p);
        memset(p, 0, s->item);
    } else if (base && s->used < s->limit) {
        p = base + (size_t)s->item * s->used++;
    }
    if (p)
        *(uint32_t *)p = 1;
    maf_unlock(&s->lock);
    return p;
}

void maf_slab_delete(struct maf_slab *s, void *p)
{
    maf_lock(&s->lock);
    *(uint32_t *)p = 0;
    *link_of(p) = s->free;
    s->free = p;
    maf_unlock(&s->lock);
}

int maf_slab_holds(struct maf_slab *s, const void *p)
{
    size_t offset = (size_t)((const char *)p - atomic_load_explicit(&s->base, memory_order_relaxed));
    return atomic_load_explicit(&s->base, memory_order_relaxed) && offset < (size_t)s->item * s->used &&
           offset % s->item == 0 && *(const volatile uint32_t *)p;
}
