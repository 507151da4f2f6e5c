/* Address-space allocator: best fit from segregated free lists, neighbours coalesce. A treap over all blocks
 * answers "which allocation holds this address". */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define UNIT 512u
#define SCAN 32 /* blocks of one bin looked at for a better fit */

struct maf_block {
    uint64_t address;
    uint64_t bytes;
    struct maf_block *previous, *next; /* by address */
    struct maf_block *left, *right;    /* treap */
    struct maf_block *bin_previous, *bin_next;
    uint32_t priority;
    uint32_t tag;
    uint32_t used;
};

static unsigned bin_of(uint64_t bytes)
{
    uint64_t n = bytes / UNIT;
    if (n < 8)
        return (unsigned)n;
    unsigned e = 63 - (unsigned)__builtin_clzll(n);
    unsigned b = (e - 2) * 8 + (unsigned)((n >> (e - 3)) & 7);
    return b < 255 ? b : 255;
}

static void bin_insert(struct maf_heap *h, struct maf_block *b)
{
    unsigned i = bin_of(b->bytes);
    b->bin_previous = NULL;
    b->bin_next = h->bins[i];
    if (b->bin_next)
        b->bin_next->bin_previous = b;
    h->bins[i] = b;
    h->bin_map[i / 64] |= 1ull << (i % 64);
}

static void bin_remove(struct maf_heap *h, struct maf_block *b)
{
    unsigned i = bin_of(b->bytes);
    if (b->bin_previous)
        b->bin_previous->bin_next = b->bin_next;
    else if (!(h->bins[i] = b->bin_next))
        h->bin_map[i / 64] &= ~(1ull << (i % 64));
    if (b->bin_next)
        b->bin_next->bin_previous = b->bin_previous;
}

static int next_bin(const struct maf_heap *h, unsigned from)
{
    for (unsigned w = from / 64; w < 4; w++) {
        uint64_t bits = h->bin_map[w];
        if (w == from / 64)
            bits &= ~0ull << (from % 64);
        if (bits)
            return (int)(w * 64 + (unsigned)__builtin_ctzll(bits));
    }
    return -1;
}

static void split(struct maf_block *t, uint64_t address, struct maf_block **low, struct maf_block **high)
{
    if (!t) {
        *low = *high = NULL;
    } else if (t->address < address) {
        split(t->right, address, &t->right, high);
        *low = t;
    } else {
        split(t->left, address, low, &t->left);
        *high = t;
    }
}

static struct maf_block *merge(struct maf_block *low, struct maf_block *high)
{
    if (!low || !high)
        return low ? low : high;
    if (low->priority > high->priority) {
        low->right = merge(low->right, high);
        return low;
    }
    high->left = merge(low, high->left);
    return high;
}

static void tree_insert(struct maf_heap *h, struct maf_block *b)
{
    struct maf_block **link = &h->root;
    h->seed = h->seed * 6364136223846793005u + 1442695040888963407u;
    b->priority = (uint32_t)(h->seed >> 32);
    while (*link && (*link)->priority >= b->priority)
        link = b->address < (*link)->address ? &(*link)->left : &(*link)->right;
    split(*link, b->address, &b->left, &b->right);
    *link = b;
}

static void tree_remove(struct maf_heap *h, struct maf_block *b)
{
    struct maf_block **link = &h->root;
    while (*link != b)
        link = b->address < (*link)->address ? &(*link)->left : &(*link)->right;
    *link = merge(b->left, b->right);
}

static struct maf_block *tree_find(const struct maf_heap *h, uint64_t address)
{
    struct maf_block *b = h->root, *best = NULL;
    while (b) {
        if (b->address <= address) {
            best = b;
            b = b->right;
        } else {
            b = b->left;
        }
    }
    return best && address - best->address < best->bytes ? best : NULL;
}

static struct maf_block *new_block(struct maf_heap *h)
{
    struct maf_block *b = h->spare;
    if (b)
        h->spare = b->next;
    else
        b = malloc(sizeof *b);
    if (b)
        memset(b, 0, sizeof *b);
    return b;
}

static void drop_block(struct maf_heap *h, struct maf_block *b)
{
    b->next = h->spare;
    h->spare = b;
}

void maf_heap_init(struct maf_heap *h, uint64_t base, uint64_t bytes)
{
    struct maf_block *b = new_block(h);
    if (!b)
        return;
    h->seed = base ^ 0x9e3779b97f4a7c15u;
    b->address = base;
    b->bytes = bytes & ~(uint64_t)(UNIT - 1);
    tree_insert(h, b);
    bin_insert(h, b);
}

/* Cuts a free block (in no bin) at `bytes`; the rest becomes a free block in its bin. 0 or -1. */
static int cut(struct maf_heap *h, struct maf_block *b, uint64_t bytes)
{
    if (b->bytes == bytes)
        return 0;
    struct maf_block *rest = new_block(h);
    if (!rest)
        return -1;
    rest->address = b->address + bytes;
    rest->bytes = b->bytes - bytes;
    rest->previous = b;
    rest->next = b->next;
    if (b->next)
        b->next->previous = rest;
    b->next = rest;
    b->bytes = bytes;
    tree_insert(h, rest);
    bin_insert(h, rest);
    return 0;
}

uint64_t maf_heap_alloc(struct maf_heap *h, uint64_t bytes, uint64_t alignment, uint32_t tag)
{
    struct maf_block *best = NULL;
    if (bytes > 1ull << 60)
        return 0;
    bytes = (bytes + UNIT - 1) & ~(uint64_t)(UNIT - 1);
    bytes = bytes ? bytes : UNIT;
    maf_lock(&h->lock);
    for (int i = next_bin(h, bin_of(bytes)); i >= 0 && !best; i = next_bin(h, (unsigned)i + 1)) {
        int seen = 0;
        for (struct maf_block *b = h->bins[i]; b; b = b->bin_next) {
            uint64_t lead = -b->address & (alignment - 1);
            if (b->bytes >= bytes && b->bytes - bytes >= lead && (!best || b->bytes < best->bytes))
                best = b;
            if (best && (best->bytes == bytes || ++seen >= SCAN))
                break;
        }
        if (i == 255)
            break;
    }
    uint64_t address = 0;
    if (best) {
        uint64_t lead = -best->address & (alignment - 1);
        bin_remove(h, best);
        if (lead && cut(h, best, lead) == 0) {
            struct maf_block *aligned = best->next;
            bin_insert(h, best);
            bin_remove(h, aligned);
            best = aligned;
            lead = 0;
        }
        if (lead || cut(h, best, bytes) != 0) {
            bin_insert(h, best);
        } else {
            best->used = 1;
            best->tag = tag;
            address = best->address;
        }
    }
    maf_unlock(&h->lock);
    return address;
}

static void absorb(struct maf_heap *h, struct maf_block *b, struct maf_block *next)
{
    tree_remove(h, next);
    b->bytes += next->bytes;
    b->next = next->next;
    if (b->next)
        b->next->previous = b;
    drop_block(h, next);
}

int maf_heap_free(struct maf_heap *h, uint64_t address, struct maf_extent *freed, struct maf_extent *merged)
{
    int result = -1;
    maf_lock(&h->lock);
    struct maf_block *b = tree_find(h, address);
    if (b && b->used && b->address == address) {
        if (freed)
            *freed = (struct maf_extent){b->address, b->bytes, b->tag};
        b->used = 0;
        if (b->next && !b->next->used) {
            bin_remove(h, b->next);
            absorb(h, b, b->next);
        }
        if (b->previous && !b->previous->used) {
            b = b->previous;
            bin_remove(h, b);
            absorb(h, b, b->next);
        }
        bin_insert(h, b);
        if (merged)
            *merged = (struct maf_extent){b->address, b->bytes, 0};
        result = 0;
    }
    maf_unlock(&h->lock);
    return result;
}

int maf_heap_find(struct maf_heap *h, uint64_t address, struct maf_extent *out)
{
    maf_lock(&h->lock);
    struct maf_block *b = tree_find(h, address);
    int found = b && b->used;
    if (found)
        *out = (struct maf_extent){b->address, b->bytes, b->tag};
    maf_unlock(&h->lock);
    return found ? 0 : -1;
}
