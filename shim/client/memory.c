/* Device, pinned and managed memory, pointer attributes. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

#ifndef FALLOC_FL_KEEP_SIZE
#define FALLOC_FL_KEEP_SIZE 1
#define FALLOC_FL_PUNCH_HOLE 2
#endif

enum { PAGE = 4096, PUNCH_MIN = 65536, UNIT = 512, TAG_MANAGED = 1u << 31, TAG_POOL = 1u << 30, POOL_SHIFT = 22 };

static atomic_uint next_tag;
static _Atomic uint64_t async_freed; /* newest command issued when memory was last freed on a stream */

static struct maf_heap device_heap[MAF_MAX_SDA], pinned_heap;
static struct maf_lock order_lock; /* keeps heap state and PROTECT commands in the same order */
static _Atomic uint64_t used[MAF_MAX_SDA];

static int device_of(uint64_t p)
{
    return (int)((p - maf_g.device_base) / maf_g.device_stride);
}

void maf_protect(int device, uint64_t address, uint64_t bytes, uint32_t accessible)
{
    struct maf_stream s = {.device = device};
    if (!bytes || maf_g.own_bytes)
        return;
    struct maf_cmd_protect *c = maf_ring_begin(&s, MAF_CMD_PROTECT, sizeof *c);
    if (!c)
        return;
    c->address = address;
    c->bytes = bytes;
    c->accessible = accessible;
    c->reserved = 0;
    maf_ring_end(&s, c);
}

void maf_memory_start(void)
{
    uint64_t stride = maf_g.device_stride;
    for (int d = 0; d < maf_g.count; d++) {
        uint64_t base = maf_g.device_base + (uint64_t)d * stride;
        uint64_t bytes = maf_g.own_bytes ? maf_g.own_bytes : stride / 2;
        maf_heap_init(&device_heap[d], base + MAF_SYSTEM_BYTES, bytes - MAF_SYSTEM_BYTES);
        maf_protect(d, base + MAF_SYSTEM_BYTES, stride - MAF_SYSTEM_BYTES, 0);
    }
    maf_heap_init(&pinned_heap, maf_g.pinned_base, maf_g.pinned_bytes);
}

/* Accounts for bytes on a device: 0, or out of memory. */
int maf_memory_charge(int device, uint64_t bytes)
{
    maf_free_due();
    uint64_t total = (uint64_t)maf_profile_data.totalGlobalMem, now = atomic_load(&used[device]);
    do {
        if (bytes > total || now > total - bytes)
            return MAF_E_OUT_OF_MEMORY;
    } while (!atomic_compare_exchange_weak(&used[device], &now, now + bytes));
    __atomic_store_n(&maf_g.control->used_bytes[device], now + bytes, __ATOMIC_RELAXED);
    return 0;
}

void maf_memory_credit(int device, uint64_t bytes)
{
    uint64_t now = atomic_fetch_sub(&used[device], bytes) - bytes;
    __atomic_store_n(&maf_g.control->used_bytes[device], now, __ATOMIC_RELAXED);
}

void maf_memory_punch(uint64_t address, uint64_t bytes)
{
    int fd = maf_in_device(address) ? maf_g.device_fd : maf_g.pinned_fd;
    uint64_t base = maf_in_device(address) ? maf_g.device_base : maf_g.pinned_base;
    if (bytes < PUNCH_MIN || (maf_g.own_bytes && maf_in_device(address)))
        return;
    maf_copy_forget(address, bytes);
    maf_file_punch(fd, address - base, bytes);
}

void maf_file_punch(int fd, uint64_t offset, uint64_t bytes)
{
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)bytes) != 0)
        maf_log(2, "%llu bytes of memory stay committed", (unsigned long long)bytes);
}

int maf_memory_block(uint64_t address, uint64_t *base, uint64_t *bytes)
{
    struct maf_extent e;
    if (!maf_in_device(address) || maf_heap_find(&device_heap[device_of(address)], address, &e) != 0)
        return -1;
    *base = e.address;
    *bytes = e.bytes;
    return 0;
}

uint64_t maf_memory_page(int device)
{
    maf_lock(&order_lock);
    uint64_t p = maf_heap_alloc(&device_heap[device], PAGE, PAGE, 0);
    if (p)
        maf_protect(device, p, PAGE, 1);
    maf_unlock(&order_lock);
    return p;
}

static int alloc(int device, uint64_t bytes, uint32_t tag, uint64_t *out)
{
    *out = 0;
    if (bytes == 0)
        return 0;
    if (bytes > UINT64_MAX - UNIT)
        return MAF_E_OUT_OF_MEMORY;
    uint64_t size = (bytes + UNIT - 1) & ~(uint64_t)(UNIT - 1);
    int error = maf_memory_charge(device, size);
    if (error)
        return error;
    maf_lock(&order_lock);
    uint64_t p = maf_heap_alloc(&device_heap[device], size, UNIT, tag);
    if (p) {
        uint64_t first = p & ~(uint64_t)(PAGE - 1), last = (p + size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
        maf_protect(device, first, last - first, 1);
    }
    maf_unlock(&order_lock);
    if (!p) {
        maf_memory_credit(device, size);
        return MAF_E_OUT_OF_MEMORY;
    }
    *out = p;
    return 0;
}

/* Pages that only the freed block kept in use. */
static struct maf_extent idle_pages(struct maf_extent freed, struct maf_extent merged)
{
    uint64_t mask = ~(uint64_t)(PAGE - 1);
    uint64_t low = (merged.address + PAGE - 1) & mask, high = (merged.address + merged.bytes) & mask;
    uint64_t first = freed.address & mask, last = (freed.address + freed.bytes + PAGE - 1) & mask;
    low = low > first ? low : first;
    high = high < last ? high : last;
    return (struct maf_extent){low, high > low ? high - low : 0, 0};
}

int maf_memory_release(uint64_t p, enum maf_release how)
{
    struct maf_extent freed, merged;
    int device = device_of(p);
    maf_lock(&order_lock);
    int found = maf_heap_free(&device_heap[device], p, &freed, &merged) == 0;
    if (found) {
        struct maf_extent idle = idle_pages(freed, merged);
        if (how != MAF_RELEASE_OPEN)
            maf_protect(device, idle.address, idle.bytes, 0);
        if (how == MAF_RELEASE_PUNCHED)
            maf_memory_punch(idle.address, idle.bytes);
    }
    maf_unlock(&order_lock);
    if (!found)
        return MAF_E_INVALID_VALUE;
    maf_memory_credit(device, freed.bytes);
    if (freed.tag & TAG_POOL)
        maf_pool_credit(freed.tag >> POOL_SHIFT & (MAF_POOLS - 1), freed.bytes);
    return 0;
}

int maf_memory_alloc(int device, uint64_t bytes, uint64_t *out)
{
    int error = maf_capture_unsafe();
    /* Memory freed on a stream may still be in use by queued work, which this call's memory must not be. */
    if (!error)
        error = maf_wait_seq(atomic_load(&async_freed));
    if (!error && (error = alloc(device, bytes, 0, out)) == MAF_E_OUT_OF_MEMORY && maf_free_wait())
        error = alloc(device, bytes, 0, out);
    return error;
}

int maf_memory_free(uint64_t p)
{
    if (!p)
        return 0;
    if (!maf_in_device(p))
        return maf_in_pinned(p) ? maf_host_free((void *)(uintptr_t)p) : MAF_E_INVALID_VALUE;
    int error = maf_capture_unsafe();
    if (!error)
        error = maf_wait_seq(maf_last_seq());
    maf_free_due();
    if (error || maf_graph_memory_keeps(p))
        return error;
    return maf_memory_release(p, MAF_RELEASE_PUNCHED);
}

int maf_memory_alloc_pool(void *pool, uint64_t bytes, uint64_t *out)
{
    uint64_t size = (bytes + UNIT - 1) & ~(uint64_t)(UNIT - 1);
    uint32_t number, unique;
    int error = maf_pool_charge(pool, size, &number);
    if (error)
        return error;
    unique = atomic_fetch_add(&next_tag, 1) & ((1u << POOL_SHIFT) - 1);
    error = alloc(maf_pool_device(pool), bytes, TAG_POOL | number << POOL_SHIFT | unique, out);
    if (error)
        maf_pool_credit(number, size);
    else
        maf_pool_peak(number);
    return error;
}

/* While commands run in process order, memory freed on a stream may be given out again at once; the new owner's
 * stream counts as waiting for all that was issued before, since host copies go round the ring when it is idle. */
int maf_memory_alloc_async(void *stream, void *pool, uint64_t bytes, uint64_t *out)
{
    struct maf_stream *s = maf_stream_of(stream);
    *out = 0;
    if (!s)
        return MAF_E_INVALID_HANDLE;
    if (bytes == 0)
        return 0;
    if (bytes > UINT64_MAX / 2)
        return MAF_E_OUT_OF_MEMORY;
    pool = pool ? pool : maf_pool_current(s->device);
    maf_free_claim(s, 0);
    int error;
    do
        error = maf_memory_alloc_pool(pool, bytes, out);
    while (error == MAF_E_OUT_OF_MEMORY && maf_free_claim(s, 1));
    if (error)
        return error;
    maf_stream_raise(s, atomic_load(&async_freed));
    return maf_capturing(s) ? maf_capture_memory(s, MAF_NODE_MEM_ALLOC, *out, bytes) : 0;
}

int maf_memory_free_async(void *stream, uint64_t p)
{
    struct maf_stream *s = maf_stream_of(stream);
    if (!s)
        return MAF_E_INVALID_HANDLE;
    if (!p)
        return 0;
    if (!maf_in_device(p))
        return MAF_E_INVALID_VALUE;
    if (maf_capturing(s))
        return maf_capture_memory(s, MAF_NODE_MEM_FREE, p, 0);
    if (maf_graph_memory_keeps(p))
        return 0;
    uint64_t seq = maf_last_seq();
    if (maf_may_overtake())
        return maf_free_later(s, p);
    atomic_store(&async_freed, seq);
    return maf_memory_release(p, MAF_RELEASE_CLOSED);
}

uint32_t maf_memory_tag(uint64_t address)
{
    struct maf_extent e;
    return maf_in_device(address) && maf_heap_find(&device_heap[device_of(address)], address, &e) == 0 ? e.tag : 0;
}

int maf_memory_free_tagged(uint64_t address, uint32_t tag)
{
    return tag && maf_memory_tag(address) == tag ? maf_memory_release(address, MAF_RELEASE_CLOSED) : MAF_E_INVALID_VALUE;
}

void maf_memory_info(int device, uint64_t *free_bytes, uint64_t *total_bytes)
{
    uint64_t total = (uint64_t)maf_profile_data.totalGlobalMem, now = atomic_load(&used[device]);
    *total_bytes = total;
    *free_bytes = now < total ? total - now : 0;
}

uint64_t maf_alloc(uint64_t bytes)
{
    uint64_t p = 0;
    if (maf_enter_device() || alloc(maf_current_device(), bytes ? bytes : 1, 0, &p))
        return 0;
    return p;
}

void maf_free(uint64_t p)
{
    if (p && maf_in_device(p) && maf_wait_seq(maf_last_seq()) == 0)
        maf_memory_release(p, MAF_RELEASE_PUNCHED);
}

/* --- host memory ------------------------------------------------------------------------------------ */
int maf_own_memory(const char *what)
{
    if (maf_g.own_bytes)
        maf_unsupported("a device with memory of its own:", what);
    return maf_g.own_bytes != 0;
}

/* Pinned memory for the client's own use, captures or not. */
uint64_t maf_pinned_take(uint64_t bytes)
{
    return maf_heap_alloc(&pinned_heap, bytes, PAGE, 0);
}

void maf_pinned_give(uint64_t address)
{
    struct maf_extent freed, merged;
    maf_heap_free(&pinned_heap, address, &freed, &merged);
}

static int pinned_alloc(uint64_t bytes, uint32_t tag, uint64_t *out)
{
    *out = 0;
    if (bytes == 0)
        return 0;
    /* Whole pages: two owners never share one, so that it can be given back. */
    uint64_t unit = bytes >= PAGE ? PAGE : UNIT;
    uint64_t size = (bytes + unit - 1) & ~(unit - 1);
    uint64_t p = bytes > maf_g.pinned_bytes ? 0 : maf_heap_alloc(&pinned_heap, size, unit, tag);
    if (!p)
        return MAF_E_OUT_OF_MEMORY;
    *out = p;
    return 0;
}

int maf_host_alloc(uint64_t bytes, uint32_t flags, void **out)
{
    uint64_t p = 0;
    int error = maf_capture_unsafe();
    if (!error)
        error = pinned_alloc(bytes, flags & 0xffff, &p);
    *out = (void *)(uintptr_t)p;
    return error;
}

int maf_managed_alloc(uint64_t bytes, uint32_t flags, uint64_t *out)
{
    int error = maf_capture_unsafe();
    if (bytes == 0)
        return MAF_E_INVALID_VALUE;
    return error ? error : pinned_alloc(bytes, TAG_MANAGED | (flags & 0xffff), out);
}

int maf_host_free(void *p)
{
    struct maf_extent freed, merged;
    uint64_t address = (uint64_t)(uintptr_t)p;
    if (!p)
        return 0;
    if (!maf_in_pinned(address))
        return MAF_E_INVALID_VALUE;
    int error = maf_wait_seq(maf_last_seq());
    if (error)
        return error;
    maf_lock(&order_lock);
    int found = maf_heap_free(&pinned_heap, address, &freed, &merged) == 0;
    if (found) {
        struct maf_extent idle = idle_pages(freed, merged);
        maf_memory_punch(idle.address, idle.bytes);
    }
    maf_unlock(&order_lock);
    return found ? 0 : MAF_E_INVALID_VALUE;
}

/* --- addresses ---------------------------------------------------------------------------------------------- */
int maf_pointer(const void *p, struct maf_pointer *out)
{
    uint64_t address = (uint64_t)(uintptr_t)p;
    struct maf_extent e;
    *out = (struct maf_pointer){.type = MAF_UNREGISTERED, .device = -1, .host_pointer = (void *)(uintptr_t)p};
    if (!p || !maf_g.control)
        return 0;
    if (maf_in_device(address)) {
        int device = device_of(address);
        out->host_pointer = NULL;
        if (maf_heap_find(&device_heap[device], address, &e) == 0) {
            out->base = e.address;
            out->bytes = e.bytes;
        } else if (address - maf_g.device_base - (uint64_t)device * maf_g.device_stride < MAF_SYSTEM_BYTES) {
            const struct maf_extent *managed = maf_memory_shown(address);
            out->base = managed ? managed->address : address; /* module data */
            out->bytes = managed ? managed->bytes : 1;
            out->host_pointer = managed ? (void *)(uintptr_t)p : NULL;
            out->flags = managed != NULL;
        } else if (maf_vmm_find(address, &out->base, &out->bytes, &device) != 0) {
            return 0;
        }
        out->type = out->host_pointer ? MAF_MANAGED : MAF_DEVICE;
        out->device = device;
        out->device_pointer = address;
    } else if (maf_in_pinned(address)) {
        if (maf_heap_find(&pinned_heap, address, &e) != 0)
            return 0;
        out->type = e.tag & TAG_MANAGED ? MAF_MANAGED : MAF_HOST;
        out->device = maf_current_device();
        out->base = e.address;
        out->bytes = e.bytes;
        out->device_pointer = address;
        out->flags = e.tag & 0xffff;
    } else {
        maf_registered_find(address, out);
    }
    return 0;
}

/* Bytes from address to the end of the allocation that holds it (counted no further than `wanted`); UINT64_MAX for
 * module data, 0 when there is none. */
uint64_t maf_memory_room(uint64_t address, uint64_t wanted)
{
    struct maf_extent e;
    if (maf_in_device(address)) {
        int device = device_of(address);
        uint64_t base, bytes, end;
        if (maf_heap_find(&device_heap[device], address, &e) == 0)
            return e.address + e.bytes - address;
        if (address - maf_g.device_base - (uint64_t)device * maf_g.device_stride < MAF_SYSTEM_BYTES)
            return UINT64_MAX;
        for (end = address; end - address < wanted && maf_vmm_find(end, &base, &bytes, &device) == 0;)
            end = base + bytes; /* neighbouring mappings count as one */
        return end - address;
    }
    if (maf_in_pinned(address))
        return maf_heap_find(&pinned_heap, address, &e) == 0 ? e.address + e.bytes - address : 0;
    return UINT64_MAX;
}

int maf_is_device_pointer(const void *p)
{
    return maf_g.control && maf_in_window((uint64_t)(uintptr_t)p);
}
