/* Registered memory: the application's own. Copies from and to it are legal as those of pinned memory, and run like
 * those of pageable memory. The executor cannot see it until somebody asks for its device address: then shared pages
 * take the place of the application's, with the same contents. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "internal.h"

enum { PAGE = 4096 };

static struct maf_lock registered_lock;

struct registration {
    struct maf_extent range; /* tag: flags */
    uint64_t shared;         /* device address of the first page; 0: not shared */
};
static struct registration *registered;
static uint32_t registered_count, registered_room;

static uint64_t first_page(const struct maf_extent *e)
{
    return e->address & ~(uint64_t)(PAGE - 1);
}

static uint64_t page_bytes(const struct maf_extent *e)
{
    return ((e->address + e->bytes + PAGE - 1) & ~(uint64_t)(PAGE - 1)) - first_page(e);
}

int maf_host_register(void *p, uint64_t bytes, uint32_t flags)
{
    uint64_t address = (uint64_t)(uintptr_t)p;
    int error = 0;
    if (!p || !bytes || address + bytes < address)
        return MAF_E_INVALID_VALUE;
    maf_lock(&registered_lock);
    for (uint32_t i = 0; i < registered_count && !error; i++)
        if (address < registered[i].range.address + registered[i].range.bytes &&
            registered[i].range.address < address + bytes)
            error = MAF_E_ALREADY_REGISTERED;
    if (!error && registered_count == registered_room) {
        uint32_t room = registered_room ? registered_room * 2 : 16;
        struct registration *grown = realloc(registered, room * sizeof *grown);
        if (grown) {
            registered = grown;
            registered_room = room;
        } else {
            error = MAF_E_OUT_OF_MEMORY;
        }
    }
    if (!error)
        registered[registered_count++] = (struct registration){{address, bytes, flags}, 0};
    maf_unlock(&registered_lock);
    return error;
}

/* Private memory of no file, but no stack: what may be replaced without anybody else noticing. */
static int replaceable(uint64_t first, uint64_t bytes)
{
    char line[512], mode[8];
    unsigned long long from, to, offset, inode;
    uint64_t covered = first;
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps)
        return 0;
    while (covered < first + bytes && fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%llx-%llx %7s %llx %*s %llu", &from, &to, mode, &offset, &inode) != 5 || to <= covered)
            continue;
        if (from > covered || inode || mode[0] != 'r' || mode[1] != 'w' || mode[3] != 'p' || strstr(line, "[stack"))
            break;
        covered = to;
    }
    fclose(maps);
    return covered >= first + bytes;
}

/* lock held */
static int share(struct registration *r)
{
    uint64_t first = first_page(&r->range), bytes = page_bytes(&r->range);
    for (uint32_t i = 0; i < registered_count; i++) /* another registration may have shared a page of this one */
        if (registered[i].shared && first < first_page(&registered[i].range) + page_bytes(&registered[i].range) &&
            first_page(&registered[i].range) < first + bytes)
            return MAF_E_NOT_SUPPORTED;
    if (!replaceable(first, bytes))
        return MAF_E_NOT_SUPPORTED;
    void *pages;
    int error = maf_host_alloc(bytes, 0, &pages);
    if (error)
        return error;
    uint64_t p = (uint64_t)(uintptr_t)pages;
    memcpy(pages, (void *)(uintptr_t)first, bytes);
    if (mmap((void *)(uintptr_t)first, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, maf_g.pinned_fd,
             (off_t)(p - maf_g.pinned_base)) == MAP_FAILED) {
        maf_host_free(pages);
        return MAF_E_OUT_OF_MEMORY;
    }
    r->shared = p;
    return 0;
}

static void unshare(const struct registration *r)
{
    void *first = (void *)(uintptr_t)first_page(&r->range);
    uint64_t bytes = page_bytes(&r->range);
    void *fresh = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fresh == MAP_FAILED)
        return; /* the pages stay shared */
    maf_wait_seq(maf_last_seq());
    memcpy(fresh, first, bytes);
    if (mremap(fresh, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, first) != MAP_FAILED)
        maf_host_free((void *)(uintptr_t)r->shared);
}

int maf_host_device_pointer(void *p, uint64_t *out)
{
    uint64_t address = (uint64_t)(uintptr_t)p;
    struct maf_pointer info;
    int error = maf_pointer(p, &info);
    *out = info.device_pointer;
    if (error || info.type == MAF_UNREGISTERED || info.type == MAF_DEVICE)
        return error ? error : MAF_E_INVALID_VALUE;
    if (*out)
        return 0;
    error = MAF_E_INVALID_VALUE;
    maf_lock(&registered_lock);
    for (uint32_t i = 0; i < registered_count; i++) {
        struct registration *r = &registered[i];
        if (address - r->range.address >= r->range.bytes)
            continue;
        error = r->shared ? 0 : share(r);
        if (!error)
            *out = r->shared + (address - first_page(&r->range));
        break;
    }
    maf_unlock(&registered_lock);
    if (error == MAF_E_NOT_SUPPORTED)
        maf_unsupported("cudart", "device address of registered memory that is a stack, a file or shared already");
    return error;
}

int maf_host_unregister(void *p)
{
    int error = MAF_E_NOT_REGISTERED;
    maf_lock(&registered_lock);
    for (uint32_t i = 0; i < registered_count; i++)
        if (registered[i].range.address == (uint64_t)(uintptr_t)p) {
            if (registered[i].shared)
                unshare(&registered[i]);
            registered[i] = registered[--registered_count];
            error = 0;
            break;
        }
    maf_unlock(&registered_lock);
    return error;
}

void maf_registered_find(uint64_t address, struct maf_pointer *out)
{
    if (!registered_count)
        return;
    maf_lock(&registered_lock);
    for (uint32_t i = 0; i < registered_count; i++) {
        const struct registration *r = &registered[i];
        if (address - r->range.address >= r->range.bytes)
            continue;
        out->type = MAF_HOST;
        out->device = maf_current_device();
        out->base = r->range.address;
        out->bytes = r->range.bytes;
        out->flags = r->range.tag;
        out->device_pointer = r->shared ? r->shared + (address - first_page(&r->range)) : 0;
    }
    maf_unlock(&registered_lock);
}

/* --- managed variables lie among a module's data, in device memory --------------------------------------------------- */
static struct maf_extent *shown;
static uint32_t shown_count;

int maf_memory_show(uint64_t address, uint64_t bytes)
{
    struct maf_extent e = {address, bytes ? bytes : 1, 0};
    uint64_t first = first_page(&e);
    if (maf_own_memory("managed variables"))
        return MAF_E_NOT_SUPPORTED;
    maf_lock(&registered_lock);
    struct maf_extent *grown = realloc(shown, (shown_count + 1) * sizeof *grown);
    int failed = !grown || mmap((void *)(uintptr_t)first, page_bytes(&e), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_FIXED, maf_g.device_fd, (off_t)(first - maf_g.device_base)) == MAP_FAILED;
    shown = grown ? grown : shown;
    if (!failed)
        shown[shown_count++] = e;
    maf_unlock(&registered_lock);
    return failed ? MAF_E_OUT_OF_MEMORY : 0;
}

const struct maf_extent *maf_memory_shown(uint64_t address)
{
    const struct maf_extent *found = NULL;
    maf_lock(&registered_lock);
    for (uint32_t i = 0; i < shown_count && !found; i++)
        if (address - shown[i].address < shown[i].bytes)
            found = &shown[i];
    maf_unlock(&registered_lock);
    return found;
}
