/* Virtual memory management: reserved ranges, physical handles, mappings. Address ranges lie in the upper half of each
 * device's window; a handle's memory is a part of the device file behind the windows' own, or of another
 * application's file, and any number of ranges may map it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

/* What a shared handle is to other applications: an entry in the export area of the device file that owns the memory.
 * The exported descriptor's file position is the entry's offset in that file. */
struct export_entry {
    uint64_t magic;
    uint64_t offset;
    uint64_t bytes;
    _Atomic uint64_t references; /* handles in all processes */
};
static const uint64_t EXPORT_MAGIC = 0x6d61662d766d6d31;

struct handle {
    uint32_t alive;
    int32_t device;
    uint32_t references; /* the creator's, and one per mapping */
    uint32_t owned;      /* the creator has not released it */
    uint32_t imported;
    uint64_t bytes;
    uint64_t offset; /* in the file */
    struct maf_file *file;
    struct export_entry *entry; /* NULL: never shared */
    uint64_t entry_offset;      /* in the file */
};

struct mapping {
    uint64_t address;
    uint64_t bytes;
    struct handle *handle;
    uint64_t base, length; /* what the program asked for; a place in another file need not fill its pages */
};

static struct maf_slab handle_slab = {.item = sizeof(struct handle), .limit = 1 << 20};
static struct maf_lock vmm_lock;
static struct maf_heap ranges[MAF_MAX_SDA], physical, exports;
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

static void start(void)
{
    maf_lock(&vmm_lock);
    if (!started) {
        uint64_t half = maf_g.device_stride / 2;
        for (int d = 0; d < maf_g.count; d++)
            maf_heap_init(&ranges[d], maf_g.device_base + (uint64_t)d * maf_g.device_stride + half, half);
        maf_heap_init(&physical, maf_g.device_span, maf_g.device_span);
        maf_heap_init(&exports, 2 * maf_g.device_span, MAF_EXPORT_BYTES);
        started = 1;
    }
    maf_unlock(&vmm_lock);
}

static struct maf_heap *ranges_of(uint64_t p)
{
    return maf_in_device(p) ? &ranges[(p - maf_g.device_base) / maf_g.device_stride] : &ranges[0];
}

int maf_vmm_reserve(int device, uint64_t bytes, uint64_t alignment, uint64_t *out)
{
    *out = 0;
    if (!bytes || bytes % MAF_VMM_GRANULARITY || alignment & (alignment - 1))
        return MAF_E_INVALID_VALUE;
    if (maf_own_memory("reserved address ranges"))
        return MAF_E_NOT_SUPPORTED;
    start();
    alignment = alignment > MAF_VMM_GRANULARITY ? alignment : MAF_VMM_GRANULARITY;
    *out = maf_heap_alloc(&ranges[device], bytes, alignment, 0);
    return *out ? 0 : MAF_E_OUT_OF_MEMORY;
}

int maf_vmm_release_range(uint64_t p, uint64_t bytes)
{
    struct maf_extent e;
    if (!started || maf_heap_find(ranges_of(p), p, &e) != 0 || e.address != p || e.bytes != bytes)
        return MAF_E_INVALID_VALUE;
    maf_lock(&vmm_lock);
    uint32_t i = lower(p);
    int busy = i < mapping_count && mappings[i].address < p + bytes;
    maf_unlock(&vmm_lock);
    return busy ? MAF_E_INVALID_VALUE : maf_heap_free(ranges_of(p), p, NULL, NULL) ? MAF_E_INVALID_VALUE : 0;
}

static struct handle *new_handle(int device, uint64_t bytes, struct maf_file *file, uint64_t offset)
{
    struct handle *h = maf_slab_new(&handle_slab);
    if (h) {
        h->device = device;
        h->bytes = bytes;
        h->file = file;
        h->offset = offset;
        h->references = h->owned = 1;
    }
    return h;
}

int maf_vmm_create(int device, uint64_t bytes, uint64_t *handle)
{
    *handle = 0;
    if (!bytes || bytes % MAF_VMM_GRANULARITY)
        return MAF_E_INVALID_VALUE;
    if (maf_own_memory("physical memory without an address"))
        return MAF_E_NOT_SUPPORTED;
    int error = maf_memory_charge(device, bytes);
    if (error)
        return error;
    start();
    uint64_t offset = maf_heap_alloc(&physical, bytes, MAF_VMM_GRANULARITY, 0);
    struct handle *h = offset ? new_handle(device, bytes, maf_file_own(), offset) : NULL;
    if (!h) {
        if (offset)
            maf_heap_free(&physical, offset, NULL, NULL);
        maf_memory_credit(device, bytes);
        return MAF_E_OUT_OF_MEMORY;
    }
    *handle = (uint64_t)(uintptr_t)h;
    return 0;
}

/* lock held. The memory of a shared handle goes when the last process lets go of it. */
static void unreference(struct handle *h)
{
    if (--h->references)
        return;
    int last = h->entry ? atomic_fetch_sub(&h->entry->references, 1) == 1 : !h->imported;
    if (h->entry)
        munmap((void *)((uintptr_t)h->entry & ~(uintptr_t)4095), 4096);
    if (last)
        maf_file_punch(h->file->fd, h->offset, h->bytes);
    if (h->imported) {
        maf_file_close(h->file);
    } else {
        maf_memory_credit(h->device, h->bytes);
        if (last) {
            maf_heap_free(&physical, h->offset, NULL, NULL);
            if (h->entry)
                maf_heap_free(&exports, h->entry_offset & ~4095ull, NULL, NULL);
        }
    }
    maf_slab_delete(&handle_slab, h);
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

/* --- sharing ----------------------------------------------------------------------------------------------- */
static struct export_entry *map_entry(int fd, uint64_t offset)
{
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)(offset & ~4095ull));
    return page == MAP_FAILED ? NULL : (struct export_entry *)(page + (offset & 4095));
}

int maf_vmm_export(uint64_t handle, int *fd)
{
    struct handle *h = handle_of(handle);
    char path[64];
    int error = 0, saved = errno;
    *fd = -1;
    if (!h)
        return MAF_E_INVALID_VALUE;
    maf_lock(&vmm_lock);
    if (!h->entry) {
        uint64_t offset = maf_heap_alloc(&exports, 4096, 4096, 0);
        h->entry = offset ? map_entry(h->file->fd, offset) : NULL;
        if (h->entry) {
            h->entry_offset = offset;
            *h->entry = (struct export_entry){EXPORT_MAGIC, h->offset, h->bytes, 1};
        } else {
            if (offset)
                maf_heap_free(&exports, offset, NULL, NULL);
            error = MAF_E_OUT_OF_MEMORY;
        }
    }
    if (!error) { /* an open file of its own: its position is the caller's to keep */
        snprintf(path, sizeof path, "/proc/self/fd/%d", h->file->fd);
        *fd = open(path, O_RDWR | O_CLOEXEC);
        if (*fd < 0 || lseek(*fd, (off_t)h->entry_offset, SEEK_SET) < 0)
            error = MAF_E_OPERATING_SYSTEM;
    }
    maf_unlock(&vmm_lock);
    errno = saved;
    return error;
}

int maf_vmm_import(int device, int fd, uint64_t *handle)
{
    int saved = errno;
    off_t at = lseek(fd, 0, SEEK_CUR);
    struct export_entry *entry = at > 0 ? map_entry(fd, (uint64_t)at) : NULL;
    *handle = 0;
    errno = saved;
    if (!entry || entry->magic != EXPORT_MAGIC) {
        if (entry)
            munmap((void *)((uintptr_t)entry & ~(uintptr_t)4095), 4096);
        return MAF_E_INVALID_VALUE;
    }
    start();
    struct maf_file *file = maf_file_open(fcntl(fd, F_DUPFD_CLOEXEC, 64));
    struct handle *h = file ? new_handle(device, entry->bytes, file, entry->offset) : NULL;
    if (!h) {
        munmap((void *)((uintptr_t)entry & ~(uintptr_t)4095), 4096);
        if (file)
            maf_file_close(file);
        return MAF_E_OUT_OF_MEMORY;
    }
    h->imported = 1;
    h->entry = entry;
    h->entry_offset = (uint64_t)at;
    atomic_fetch_add(&entry->references, 1);
    *handle = (uint64_t)(uintptr_t)h;
    return 0;
}

/* --- mappings ---------------------------------------------------------------------------------------------- */
static int map_handle(struct handle *h, uint64_t p, uint64_t bytes, uint64_t base, uint64_t length, int accessible)
{
    int error = 0;
    maf_lock(&vmm_lock);
    uint32_t i = lower(p);
    if (i < mapping_count && mappings[i].address < p + bytes) {
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
    if (!error)
        error = maf_view_open(h->device, p, bytes, h->file, h->offset, accessible);
    if (!error) {
        memmove(&mappings[i + 1], &mappings[i], (mapping_count - i) * sizeof *mappings);
        mappings[i] = (struct mapping){p, bytes, h, base, length};
        mapping_count++;
        h->references++;
    }
    maf_unlock(&vmm_lock);
    return error;
}

int maf_vmm_map(uint64_t p, uint64_t bytes, uint64_t offset, uint64_t handle)
{
    struct handle *h = handle_of(handle);
    struct maf_extent e;
    if (!h || !bytes || offset || bytes != h->bytes || p % MAF_VMM_GRANULARITY || !maf_in_device(p) ||
        maf_heap_find(ranges_of(p), p, &e) != 0 || bytes > e.address + e.bytes - p)
        return MAF_E_INVALID_VALUE;
    return map_handle(h, p, bytes, p, bytes, 0);
}

int maf_vmm_place(int device, struct maf_file *file, uint64_t offset, uint64_t bytes, uint64_t *address)
{
    uint64_t lead = offset & 4095, pages = (lead + bytes + 4095) & ~4095ull, p;
    uint64_t room = (pages + MAF_VMM_GRANULARITY - 1) & ~(uint64_t)(MAF_VMM_GRANULARITY - 1);
    int error = maf_vmm_reserve(device, room, 0, &p);
    struct handle *h = error ? NULL : new_handle(device, pages, file, offset - lead);
    if (!h) {
        maf_file_close(file);
        if (!error)
            maf_vmm_release_range(p, room);
        return MAF_E_OUT_OF_MEMORY;
    }
    h->imported = 1;
    error = map_handle(h, p, pages, p + lead, bytes, 1);
    maf_vmm_drop((uint64_t)(uintptr_t)h); /* the mapping keeps it */
    if (error)
        maf_vmm_release_range(p, room);
    *address = p + lead;
    return error;
}

int maf_vmm_displace(uint64_t address, uint64_t bytes)
{
    uint64_t lead = address & 4095, pages = (lead + bytes + 4095) & ~4095ull;
    uint64_t room = (pages + MAF_VMM_GRANULARITY - 1) & ~(uint64_t)(MAF_VMM_GRANULARITY - 1);
    int error = maf_vmm_unmap(address - lead, pages);
    return error ? error : maf_vmm_release_range(address - lead, room);
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
    maf_view_close(mappings[first].handle->device, p, bytes);
    maf_wait_seq(maf_last_seq()); /* the executor, too, lets go before the memory is given back */
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
    if (i < mapping_count && mappings[i].address <= p && p - mappings[i].base < mappings[i].length) {
        *base = mappings[i].base;
        *bytes = mappings[i].length;
        *device = mappings[i].handle->device;
        found = 1;
    }
    maf_unlock(&vmm_lock);
    return found ? 0 : -1;
}
