/* Virtual memory management: reserved ranges, physical handles, mappings. The offset in the device file is the
 * device address, so a handle's memory is the pages at the first address it is mapped to; mapping one handle at a
 * second address is refused. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct handle {
    uint32_t alive;
    int32_t device;
    uint32_t references; /* the creator's, and one per mapping */
    uint32_t owned;      /* the creator has not released it */
    uint64_t bytes;
    uint64_t mapped_at; /* 0: never */
};

struct mapping {
    uint64_t address;
    uint64_t bytes;
    struct handle *handle;
};

static struct maf_slab handle_slab = {.item = sizeof(struct handle), .limit = 1 << 20};
static struct maf_lock vmm_lock;
static struct maf_heap ranges;
static int started;
static struct mapping *mappings; /* sorted by address */
static uint32_t mapping_count, mapping_room;

static struct handle *handle_of(uint64_t h)
{
    void *p = (void *)(uintptr_t)h;
    return maf_slab_holds(&handle_slab, p) ? p : NULL;
}

/* lock held; first mapping that ends after address */
static uint32_t lower(uint64_t address)
{
    uint32_t a = 0, b = mapping_count;
    while (a < b) {
        uint32_t m = (a + b) / 2;
        if (mappings[m].address + mappings[m].bytes <= address)
            a = m + 1;
        else
            b = m;
    }
    return a;
}

int maf_vmm_reserve(uint64_t bytes, uint64_t alignment, uint64_t *out)
{
    *out = 0;
    if (!bytes || bytes % MAF_VMM_GRANULARITY || alignment & (alignment - 1))
        return MAF_E_INVALID_VALUE;
    maf_lock(&vmm_lock);
    if (!started) {
        uint64_t half = maf_g.device_stride / 2;
        maf_heap_init(&ranges, maf_g.device_base + half, half);
        started = 1;
    }
    maf_unlock(&vmm_lock);
    alignment = alignment > MAF_VMM_GRANULARITY ? alignment : MAF_VMM_GRANULARITY;
    *out = maf_heap_alloc(&ranges, bytes, alignment, 0);
    return *out ? 0 : MAF_E_OUT_OF_MEMORY;
}

int maf_vmm_release_range(uint64_t p, uint64_t bytes)
{
    struct maf_extent e;
    if (maf_heap_find(&ranges, p, &e) != 0 || e.address != p || e.bytes != bytes)
        return MAF_E_INVALID_VALUE;
    maf_lock(&vmm_lock);
    uint32_t i = lower(p);
    int busy = i < mapping_count && mappings[i].address < p + bytes;
    maf_unlock(&vmm_lock);
    return busy ? MAF_E_INVALID_VALUE : maf_heap_free(&ranges, p, NULL, NULL) ? MAF_E_INVALID_VALUE : 0;
}

int maf_vmm_create(int device, uint64_t bytes, uint64_t *handle)
{
    *handle = 0;
    if (!bytes || bytes % MAF_VMM_GRANULARITY)
        return MAF_E_INVALID_VALUE;
    int error = maf_memory_charge(device, bytes);
    if (error)
        return error;
    struct handle *h = maf_slab_new(&handle_slab);
    if (!h) {
        maf_memory_credit(device, bytes);
        return MAF_E_OUT_OF_MEMORY;
    }
    h->device = device;
    h->bytes = bytes;
    h->references = h->owned = 1;
    *handle = (uint64_t)(uintptr_t)h;
    return 0;
}

/* lock held */
static void unreference(struct handle *h)
{
    if (--h->references == 0) {
        maf_memory_credit(h->device, h->bytes);
        maf_slab_delete(&handle_slab, h);
    }
}

int maf_vmm_drop(uint64_t handle)
{
    struct handle *h = handle_of(handle);
    if (!h || !h->owned)
        return MAF_E_INVALID_VALUE;
    maf_lock(&vmm_lock);
    h->owned--;
    unreference(h);
    maf_unlock(&vmm_lock);
    return 0;
}

int maf_vmm_retain(uint64_t address, uint64_t *handle)
{
    int error = MAF_E_INVALID_VALUE;
    maf_lock(&vmm_lock);
    uint32_t i = lower(address);
    if (i < mapping_count && mappings[i].address <= address) {
        mappings[i].handle->references++;
        mappings[i].handle->owned++;
        *handle = (uint64_t)(uintptr_t)mappings[i].handle;
        error = 0;
    }
    maf_unlock(&vmm_lock);
    return error;
}

int maf_vmm_handle_device(uint64_t handle, int *device)
{
    struct handle *h = handle_of(handle);
    if (!h)
        return MAF_E_INVALID_VALUE;
    *device = h->device;
    return 0;
}

int maf_vmm_map(uint64_t p, uint64_t bytes, uint64_t offset, uint64_t handle)
{
    struct handle *h = handle_of(handle);
    struct maf_extent e;
    int error = 0;
    if (!h || !bytes || offset || bytes != h->bytes || p % MAF_VMM_GRANULARITY || maf_heap_find(&ranges, p, &e) != 0 ||
        bytes > e.address + e.bytes - p)
        return MAF_E_INVALID_VALUE;
    maf_lock(&vmm_lock);
    uint32_t i = lower(p);
    if (h->mapped_at) {
        maf_unsupported("cuda", "cuMemMap of a handle at a second address");
        error = MAF_E_NOT_SUPPORTED;
    } else if (i < mapping_count && mappings[i].address < p + bytes) {
        error = 208; /* already mapped */
    } else if (mapping_count == mapping_room) {
        uint32_t room = mapping_room ? mapping_room * 2 : 64;
        struct mapping *grown = realloc(mappings, room * sizeof *grown);
        if (grown) {
            mappings = grown;
            mapping_room = room;
        } else {
            error = MAF_E_OUT_OF_MEMORY;
        }
    }
    if (!error) {
        memmove(&mappings[i + 1], &mappings[i], (mapping_count - i) * sizeof *mappings);
        mappings[i] = (struct mapping){p, bytes, h};
        mapping_count++;
        h->references++;
        h->mapped_at = p;
    }
    maf_unlock(&vmm_lock);
    return error;
}

int maf_vmm_unmap(uint64_t p, uint64_t bytes)
{
    int error = maf_wait_seq(maf_last_seq());
    if (error)
        return error;
    maf_lock(&vmm_lock);
    uint32_t first = lower(p), last = first;
    uint64_t end = p;
    while (last < mapping_count && mappings[last].address == end && end < p + bytes)
        end += mappings[last++].bytes;
    if (first == last || end != p + bytes) {
        maf_unlock(&vmm_lock);
        return MAF_E_INVALID_VALUE;
    }
    maf_protect(mappings[first].handle->device, p, bytes, 0);
    maf_memory_punch(p, bytes);
    for (uint32_t i = first; i < last; i++)
        unreference(mappings[i].handle);
    memmove(&mappings[first], &mappings[last], (mapping_count - last) * sizeof *mappings);
    mapping_count -= last - first;
    maf_unlock(&vmm_lock);
    return 0;
}

int maf_vmm_access(uint64_t p, uint64_t bytes, int accessible)
{
    int error = 0;
    maf_lock(&vmm_lock);
    uint64_t end = p;
    int device = 0;
    for (uint32_t i = lower(p); i < mapping_count && mappings[i].address <= end && end < p + bytes; i++) {
        end = mappings[i].address + mappings[i].bytes;
        device = mappings[i].handle->device;
    }
    if (!bytes || bytes % MAF_VMM_GRANULARITY || end < p + bytes)
        error = MAF_E_INVALID_VALUE;
    else
        maf_protect(device, p, bytes, (uint32_t)accessible);
    maf_unlock(&vmm_lock);
    return error;
}

int maf_vmm_find(uint64_t p, uint64_t *base, uint64_t *bytes, int *device)
{
    int found = 0;
    maf_lock(&vmm_lock);
    uint32_t i = lower(p);
    if (i < mapping_count && mappings[i].address <= p) {
        *base = mappings[i].address;
        *bytes = mappings[i].bytes;
        *device = mappings[i].handle->device;
        found = 1;
    }
    maf_unlock(&vmm_lock);
    return found ? 0 : -1;
}
