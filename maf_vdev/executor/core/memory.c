/* The windows of device and pinned memory, and the commands that move bytes in them. */
#define _GNU_SOURCE
#include "core.h"
#include "cpu_launch.h"

#include "own_memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WINDOWS = 4 };
/* From this size on a copy takes longer than waking the launch pool. */
enum { PARALLEL_BYTES = 4 << 20 };

static int files[MAF_FILES]; /* descriptor + 1; 0: none */

static struct {
    uint64_t base;
    uint64_t bytes;
} windows[WINDOWS];
static int window_count;

int maf_memory_map(int fd, uint64_t base, uint64_t bytes) {
    if (window_count == WINDOWS) return ENOSPC;
    void *want = (void *)(uintptr_t)base;
    void *p = mmap(want, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | MAP_FIXED_NOREPLACE, fd, 0);
    if (p == MAP_FAILED) return errno;
    if (p != want) { /* kernels before 4.17 take the address as a hint */
        munmap(p, bytes);
        return EEXIST;
    }
    madvise(p, bytes, MADV_HUGEPAGE); /* advice only: where shared memory has no huge pages it fails */
    windows[window_count].base = base;
    windows[window_count].bytes = bytes;
    window_count++;
    return 0;
}

int maf_memory_contains(uint64_t address, uint64_t bytes) {
    for (int i = 0; i < window_count; i++)
        if (address >= windows[i].base && address - windows[i].base <= windows[i].bytes &&
            bytes <= windows[i].bytes - (address - windows[i].base))
            return 1;
    return 0;
}

int maf_memory_outside(const char *what, uint64_t address, uint64_t bytes, const char *memory) {
    char text[160];
    snprintf(text, sizeof text, "%s: %#llx + %llu bytes is outside %s", what, (unsigned long long)address,
             (unsigned long long)bytes, memory);
    maf_fault_set(MAF_ERROR_ILLEGAL_ADDRESS, text);
    return MAF_ERROR_ILLEGAL_ADDRESS;
}

static int outside(const char *what, uint64_t address, uint64_t bytes) {
    return maf_memory_outside(what, address, bytes, "device and pinned memory");
}

static int check(const char *what, uint64_t address, uint64_t bytes) {
    return maf_memory_contains(address, bytes) ? MAF_OK : outside(what, address, bytes);
}

static int own(uint64_t address) { return maf_own_active() && maf_memory_is_device(address); }

struct span {
    char *dst;
    const char *src;
};

static void copy_part(void *arg, uint64_t begin, uint64_t end) {
    const struct span *s = arg;
    memcpy(s->dst + begin, s->src + begin, end - begin);
}

int maf_memory_copy(const struct maf_cmd_copy *c) {
    if (maf_own_active()) return maf_own_copy(c);
    int error;
    if ((error = check("copy to", c->dst, c->bytes)) || (error = check("copy from", c->src, c->bytes))) return error;
    struct span s = {(char *)(uintptr_t)c->dst, (const char *)(uintptr_t)c->src};
    int overlap = c->dst < c->src + c->bytes && c->src < c->dst + c->bytes;
    if (overlap || c->bytes < PARALLEL_BYTES)
        memmove(s.dst, s.src, c->bytes);
    else
        maf_cpu_parallel_for(c->bytes, PARALLEL_BYTES / 4, copy_part, &s);
    return MAF_OK;
}

/* Bytes from the first to past the last byte of a pitched box. */
static uint64_t extent(uint64_t width, uint64_t height, uint64_t depth, uint64_t pitch, uint64_t slice) {
    return (depth - 1) * slice + (height - 1) * pitch + width;
}

int maf_memory_copy2d(const struct maf_cmd_copy2d *c) {
    uint64_t depth = c->depth ? c->depth : 1;
    if (!c->width || !c->height) return MAF_OK;
    if (maf_own_active()) return maf_own_copy2d(c);
    int error;
    if ((error = check("copy to", c->dst, extent(c->width, c->height, depth, c->dst_pitch, c->dst_slice))) ||
        (error = check("copy from", c->src, extent(c->width, c->height, depth, c->src_pitch, c->src_slice))))
        return error;
    for (uint64_t z = 0; z < depth; z++) {
        char *dst = (char *)(uintptr_t)(c->dst + z * c->dst_slice);
        const char *src = (const char *)(uintptr_t)(c->src + z * c->src_slice);
        if (c->dst_pitch == c->width && c->src_pitch == c->width) {
            memmove(dst, src, c->width * c->height);
            continue;
        }
        for (uint64_t y = 0; y < c->height; y++) memmove(dst + y * c->dst_pitch, src + y * c->src_pitch, c->width);
    }
    return MAF_OK;
}

int maf_memory_write(const struct maf_cmd_write *c, const void *payload) {
    if (c->h.size < sizeof *c || c->bytes > c->h.size - sizeof *c) {
        maf_fault_set(MAF_ERROR_UNKNOWN, "damaged command stream: write is longer than its command");
        return MAF_ERROR_UNKNOWN;
    }
    if (own(c->dst)) return maf_own_write(c->dst, payload, c->bytes);
    int error = check("write to", c->dst, c->bytes);
    if (error) return error;
    memcpy((void *)(uintptr_t)c->dst, payload, c->bytes);
    return MAF_OK;
}

static void fill_row(void *row, uint64_t count, uint32_t value, uint32_t element) {
    if (element == 1) {
        memset(row, (int)(value & 0xff), count);
    } else if (element == 2) {
        uint16_t *p = row, v = (uint16_t)value;
        for (uint64_t i = 0; i < count; i++) p[i] = v;
    } else {
        uint32_t *p = row;
        for (uint64_t i = 0; i < count; i++) p[i] = value;
    }
}

struct row {
    char *start;
    uint32_t value;
    uint32_t element;
};

static void fill_part(void *arg, uint64_t begin, uint64_t end) {
    const struct row *r = arg;
    fill_row(r->start + begin * r->element, end - begin, r->value, r->element);
}

int maf_memory_fill(const struct maf_cmd_fill *c) {
    if (!c->width || !c->height) return MAF_OK;
    if ((c->element != 1 && c->element != 2 && c->element != 4) || c->dst % c->element || c->pitch % c->element) {
        maf_fault_set(MAF_ERROR_INVALID_VALUE, "fill: element size or alignment");
        return MAF_ERROR_INVALID_VALUE;
    }
    if (own(c->dst)) return maf_own_fill(c);
    uint64_t row = c->width * c->element;
    int error = check("fill", c->dst, extent(row, c->height, 1, c->pitch, 0));
    if (error) return error;
    if (c->pitch == row) {
        struct row whole = {(char *)(uintptr_t)c->dst, c->value, c->element};
        uint64_t count = c->width * c->height;
        if (row * c->height < PARALLEL_BYTES)
            fill_part(&whole, 0, count);
        else
            maf_cpu_parallel_for(count, PARALLEL_BYTES / 4 / c->element, fill_part, &whole);
        return MAF_OK;
    }
    for (uint64_t y = 0; y < c->height; y++)
        fill_row((void *)(uintptr_t)(c->dst + y * c->pitch), c->width, c->value, c->element);
    return MAF_OK;
}

int maf_memory_protect(const struct maf_cmd_protect *c) {
    if (maf_own_active()) return MAF_OK; /* access to the window says where the contents are */
    int error = check("protect", c->address, c->bytes);
    if (error) return error;
    int access = c->accessible ? PROT_READ | PROT_WRITE : PROT_NONE;
    if (mprotect((void *)(uintptr_t)c->address, c->bytes, access)) {
        char text[96];
        snprintf(text, sizeof text, "protect: %s", strerror(errno));
        maf_fault_set(MAF_ERROR_UNKNOWN, text);
        return MAF_ERROR_UNKNOWN;
    }
    return MAF_OK;
}

uint64_t maf_memory_base(void) { return windows[0].base; }

uint64_t maf_memory_device_bytes(void) { return windows[0].bytes; }

int maf_memory_is_device(uint64_t address) { return address - windows[0].base < windows[0].bytes; }

int maf_memory_file(uint32_t number, int fd) {
    if (number >= MAF_FILES) return EINVAL;
    int old = __atomic_exchange_n(&files[number], fd + 1, __ATOMIC_SEQ_CST);
    if (old) close(old - 1);
    return 0;
}

int maf_memory_place(const struct maf_cmd_map *c) {
    int error = maf_own_active() ? outside("map", c->address, c->bytes) : check("map", c->address, c->bytes);
    if (error) return error;
    void *at = (void *)(uintptr_t)c->address, *p;
    int access = c->accessible ? PROT_READ | PROT_WRITE : PROT_NONE;
    if (c->file == MAF_FILE_NONE) {
        p = mmap(at, c->bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    } else {
        int fd = c->file < MAF_FILES ? __atomic_load_n(&files[c->file], __ATOMIC_SEQ_CST) - 1 : -1;
        p = mmap(at, c->bytes, access, MAP_SHARED | MAP_NORESERVE | MAP_FIXED, fd, (off_t)c->offset);
        if (p != MAP_FAILED) madvise(p, c->bytes, MADV_HUGEPAGE);
    }
    if (p == MAP_FAILED) {
        char text[96];
        snprintf(text, sizeof text, "map: %s", strerror(errno));
        maf_fault_set(MAF_ERROR_UNKNOWN, text);
        return MAF_ERROR_UNKNOWN;
    }
    return MAF_OK;
}

int maf_memory_signal(const struct maf_cmd_signal *c) {
    uint64_t bytes = c->kind == MAF_SIGNAL_STORE32 ? 4 : 8;
    int error = check("signal", c->address, bytes);
    if (error) return error;
    if (c->address % bytes || c->kind > MAF_SIGNAL_STORE64) {
        maf_fault_set(MAF_ERROR_INVALID_VALUE, "signal: kind or alignment");
        return MAF_ERROR_INVALID_VALUE;
    }
    if (own(c->address)) return maf_own_signal(c);
    if (bytes == 4) {
        __atomic_store_n((uint32_t *)(uintptr_t)c->address, (uint32_t)c->value, __ATOMIC_SEQ_CST);
        return MAF_OK;
    }
    uint64_t *word = (uint64_t *)(uintptr_t)c->address, old = __atomic_load_n(word, __ATOMIC_SEQ_CST);
    while ((c->kind == MAF_SIGNAL_STORE64 || old < c->value) &&
           !__atomic_compare_exchange_n(word, &old, c->value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        ;
    return MAF_OK;
}
