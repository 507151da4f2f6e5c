/* The heap behind malloc and free of device code: one per SDA, made at its first use and of fixed size
 * (cudaLimitMallocHeapSize), in memory of this process that copies of the application do not reach, as on a GPU.
 *
 * Blocks lie one behind the other, each with a header; free ones are in lists by the power of two of their size. */
#define _GNU_SOURCE
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "cpu_launch.h"
#include "cpu_warp.h"

enum { ALIGNMENT = 16, HEADER = 16, USED = 1, SMALLEST = 32, LISTS = 64, SDAS = 16 };
static const uint64_t DEFAULT_BYTES = 8 << 20;

struct block {
    uint64_t size;   /* with the header, a multiple of ALIGNMENT; bit 0: USED */
    uint64_t before; /* size of the block before it; 0: it is the first */
    struct block *next, **link; /* of a free block: in its list, and what points to it */
};

struct heap {
    uint8_t *base;
    uint64_t bytes;
    uint64_t lists; /* bit set: which are not empty */
    struct block *list[LISTS];
};

static struct heap heaps[SDAS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t current; /* one launch runs at a time */
static const uint64_t *limits;
static uint32_t *in_use;

void maf_heap_limits(const uint64_t *bytes, uint32_t *used) {
    limits = bytes;
    in_use = used;
}

void maf_heap_select(uint32_t sda) { current = sda % SDAS; }

uint32_t maf_heap_selected(void) { return current; }

static uint64_t size_of(const struct block *b) { return b->size & ~(uint64_t)USED; }

static struct block *after(const struct heap *h, struct block *b) {
    uint8_t *p = (uint8_t *)b + size_of(b);
    return p < h->base + h->bytes ? (struct block *)p : NULL;
}

static unsigned list_of(uint64_t size) { return 63u - (unsigned)__builtin_clzll(size); }

static void insert(struct heap *h, struct block *b) {
    unsigned n = list_of(b->size);
    b->next = h->list[n];
    b->link = &h->list[n];
    if (b->next) b->next->link = &b->next;
    h->list[n] = b;
    h->lists |= 1ull << n;
}

static void take_out(struct heap *h, struct block *b) {
    *b->link = b->next;
    if (b->next) b->next->link = b->link;
    unsigned n = list_of(b->size);
    if (!h->list[n]) h->lists &= ~(1ull << n);
}

static void set_size(struct heap *h, struct block *b, uint64_t size) {
    b->size = size;
    struct block *next = after(h, b);
    if (next) next->before = size;
}

/* The heap with one free block; 0 where it exists or was made. */
static int make(struct heap *h) {
    if (h->base) return 0;
    uint64_t bytes = limits && limits[current] ? limits[current] : DEFAULT_BYTES;
    bytes = (bytes + 4095) & ~4095ull;
    void *p = mmap(NULL, bytes + 2 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return -1;
    if (mprotect((uint8_t *)p + 4096, bytes, PROT_READ | PROT_WRITE)) {
        munmap(p, bytes + 2 * 4096);
        return -1;
    }
    h->base = (uint8_t *)p + 4096;
    h->bytes = bytes;
    struct block *b = (struct block *)h->base;
    b->before = 0;
    b->size = bytes;
    insert(h, b);
    if (in_use) in_use[current] = 1;
    return 0;
}

/* A free block of at least size bytes, out of its list. */
static struct block *find(struct heap *h, uint64_t size) {
    unsigned n = list_of(size);
    for (struct block *b = h->list[n]; b; b = b->next)
        if (b->size >= size) {
            take_out(h, b);
            return b;
        }
    uint64_t larger = n < 63 ? h->lists & ~((2ull << n) - 1) : 0;
    if (!larger) return NULL;
    struct block *b = h->list[__builtin_ctzll(larger)];
    take_out(h, b);
    return b;
}

static void *allocate(struct heap *h, uint64_t bytes) {
    if (bytes > h->bytes) return NULL;
    uint64_t size = (bytes + HEADER + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1);
    if (size < SMALLEST) size = SMALLEST;
    struct block *b = find(h, size);
    if (!b) return NULL;
    uint64_t rest = b->size - size;
    if (rest >= SMALLEST) {
        b->size = size;
        struct block *tail = (struct block *)((uint8_t *)b + size);
        tail->before = size;
        set_size(h, tail, rest);
        insert(h, tail);
    }
    b->size |= USED;
    return (uint8_t *)b + HEADER;
}

static int release(struct heap *h, uint64_t address) {
    uint64_t at = address - HEADER - (uint64_t)(uintptr_t)h->base;
    if (!h->base || at >= h->bytes || at % ALIGNMENT) return -1;
    struct block *b = (struct block *)(h->base + at), *next;
    if (!(b->size & USED) || size_of(b) > h->bytes - at || size_of(b) < SMALLEST) return -1;
    next = after(h, b);
    if (next && next->before != size_of(b)) return -1;
    uint64_t size = size_of(b);
    if (next && !(next->size & USED)) {
        take_out(h, next);
        size += next->size;
    }
    if (b->before) {
        struct block *previous = (struct block *)((uint8_t *)b - b->before);
        if (!(previous->size & USED)) {
            take_out(h, previous);
            size += previous->size;
            b->size = 0; /* no header any more: a second free of it is seen */
            b = previous;
        }
    }
    set_size(h, b, size);
    insert(h, b);
    return 0;
}

uint64_t maf_heap_allocate(uint64_t bytes) {
    pthread_mutex_lock(&lock);
    struct heap *h = &heaps[current];
    void *p = make(h) ? NULL : allocate(h, bytes);
    pthread_mutex_unlock(&lock);
    return (uint64_t)(uintptr_t)p;
}

uint64_t maf_heap_allocate_aligned(uint64_t bytes, uint64_t alignment) {
    if (!alignment || alignment & (alignment - 1)) return 0;
    if (alignment <= ALIGNMENT) return maf_heap_allocate(bytes);
    /* A block with room for the alignment; the header before the aligned place becomes a block's own. */
    if (bytes > UINT64_MAX / 2 || alignment > UINT32_MAX) return 0;
    pthread_mutex_lock(&lock);
    struct heap *h = &heaps[current];
    uint8_t *p = make(h) ? NULL : allocate(h, bytes + alignment + SMALLEST);
    if (p && (uintptr_t)p % alignment) {
        uint64_t aligned = ((uint64_t)(uintptr_t)p + SMALLEST + alignment - 1) & ~(alignment - 1);
        struct block *first = (struct block *)(p - HEADER), *second = (struct block *)(uintptr_t)(aligned - HEADER);
        uint64_t total = size_of(first), lead = (uint64_t)((uint8_t *)second - (uint8_t *)first);
        first->size = lead | USED;
        second->before = lead;
        set_size(h, second, total - lead);
        second->size |= USED;
        release(h, (uint64_t)(uintptr_t)p);
        p = (uint8_t *)(uintptr_t)aligned;
    }
    pthread_mutex_unlock(&lock);
    return (uint64_t)(uintptr_t)p;
}

int maf_heap_free(uint64_t address) {
    if (!address) return 0;
    pthread_mutex_lock(&lock);
    int error = release(&heaps[current], address);
    pthread_mutex_unlock(&lock);
    return error;
}
