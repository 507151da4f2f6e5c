/* Device memory that the host does not share: see own_memory.h. */
#define _GNU_SOURCE
#include "core.h"

#include "own_memory.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { CHUNK_SHIFT = 16, CHUNK = 1 << CHUNK_SHIFT, AHEAD_MAX = 128 };
enum { CLOSED = 0, READABLE = 1, WRITABLE = 2, STATE = 3, LISTED = 4 };
/* Pages of the window are given back to the system when so many may be in use. */
static const uint64_t RESIDENT_MAX = 512u << 20;

static const struct maf_own_device *device;
static uint64_t base, size;
static char *shadow; /* the same pages as the window, open at all times; transfers use it */
static uint8_t *chunks;
static uint64_t *open_list; /* chunks that are open, and some that no longer are */
static uint64_t open_count;
static uint64_t resident;
static struct maf_own_counters counters;

/* Whoever holds it does not touch the window: the pager needs it to serve a fault. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct {
    pthread_mutex_t turn; /* one fault at a time; only fault handlers take it */
    sem_t asked;
    sem_t answered;
    uint64_t offset;
    int write;
    int served;
} pager = {.turn = PTHREAD_MUTEX_INITIALIZER};

int maf_own_active(void) { return device != NULL; }

int maf_own_contains(uint64_t address, uint64_t bytes) {
    return address - base <= size && bytes <= size - (address - base);
}

void maf_own_get_counters(struct maf_own_counters *out) { *out = counters; }

static void protect(uint64_t first, uint64_t count, int access) {
    if (mprotect((void *)(uintptr_t)(base + (first << CHUNK_SHIFT)), count << CHUNK_SHIFT, access)) {
        char text[96];
        snprintf(text, sizeof text, "protection of device memory: %s", strerror(errno));
        maf_fault_set(MAF_ERROR_UNKNOWN, text);
    }
}

static void set_open(uint64_t first, uint64_t count, int state) {
    for (uint64_t c = first; c < first + count; c++) {
        if (!(chunks[c] & LISTED)) open_list[open_count++] = c;
        chunks[c] = (uint8_t)(LISTED | state);
    }
    protect(first, count, state == WRITABLE ? PROT_READ | PROT_WRITE : PROT_READ);
}

/* Sends what host code may have written in a run of chunks that are all open, and closes them. */
static int close_run(uint64_t first, uint64_t count) {
    int error = 0;
    protect(first, count, PROT_NONE);
    for (uint64_t c = first, n; c < first + count && !error; c += n) {
        int state = chunks[c] & STATE;
        for (n = 1; c + n < first + count && (chunks[c + n] & STATE) == state; n++)
            ;
        if (state != WRITABLE) continue;
        counters.written_bytes += n << CHUNK_SHIFT;
        error = device->write(c << CHUNK_SHIFT, shadow + (c << CHUNK_SHIFT), n << CHUNK_SHIFT, 0);
    }
    for (uint64_t c = first; c < first + count; c++) chunks[c] &= LISTED;
    return error;
}

/* lock held */
static int close_chunks(uint64_t offset, uint64_t bytes) {
    if (!open_count || !bytes) return 0;
    uint64_t last = (offset + bytes - 1) >> CHUNK_SHIFT;
    int error = 0;
    for (uint64_t c = offset >> CHUNK_SHIFT, n; c <= last && !error; c += n) {
        for (n = 0; c + n <= last && chunks[c + n] & STATE; n++)
            ;
        if (n) error = close_run(c, n);
        else n = 1;
    }
    return error;
}

static int close_all(void) {
    int error = 0;
    for (uint64_t i = 0, n; i < open_count && !error; i += n) {
        uint64_t c = open_list[i];
        n = 1;
        if (!(chunks[c] & STATE)) continue;
        while (i + n < open_count && open_list[i + n] == c + n && chunks[c + n] & STATE) n++;
        error = close_run(c, n);
    }
    if (error) return error;
    for (uint64_t i = 0; i < open_count; i++) chunks[open_list[i]] = CLOSED;
    open_count = 0;
    if (resident > RESIDENT_MAX) {
        if ((error = device->finish())) return error;
        madvise(shadow, size, MADV_REMOVE);
        resident = 0;
    }
    return 0;
}

int maf_own_begin(void) {
    pthread_mutex_lock(&lock);
    int error = close_all();
    if (error) pthread_mutex_unlock(&lock);
    return error;
}

void maf_own_end(void) { pthread_mutex_unlock(&lock); }

/* --- faults --------------------------------------------------------------------------------------------------- */
/* lock held. A run that grows with the number of open neighbours below: host code mostly goes forward. */
static int open_chunk(uint64_t chunk, int write) {
    if ((chunks[chunk] & STATE) == WRITABLE || ((chunks[chunk] & STATE) == READABLE && !write)) return 0;
    uint64_t total = size >> CHUNK_SHIFT, before = 0, n = 1;
    int closed = (chunks[chunk] & STATE) == CLOSED;
    while (before < AHEAD_MAX && before < chunk && chunks[chunk - before - 1] & STATE) before++;
    while (n < before && chunk + n < total && (chunks[chunk + n] & STATE) == (chunks[chunk] & STATE)) n++;
    if (closed) {
        int error = device->read(chunk << CHUNK_SHIFT, shadow + (chunk << CHUNK_SHIFT), n << CHUNK_SHIFT);
        if (error) return error;
        counters.read_bytes += n << CHUNK_SHIFT;
        resident += n << CHUNK_SHIFT;
    }
    set_open(chunk, n, write ? WRITABLE : READABLE);
    return 0;
}

static void *serve_faults(void *unused) {
    (void)unused;
    for (;;) {
        while (sem_wait(&pager.asked))
            ;
        pthread_mutex_lock(&lock);
        counters.faults++;
        pager.served = open_chunk(pager.offset >> CHUNK_SHIFT, pager.write) == 0;
        pthread_mutex_unlock(&lock);
        sem_post(&pager.answered);
    }
    return NULL;
}

/* The pager works on a stack and with locks of its own: the code that faulted holds none of these. */
int maf_own_fault(uint64_t address, int write) {
    if (!device || address - base >= size) return 0;
    pthread_mutex_lock(&pager.turn);
    pager.offset = address - base;
    pager.write = write;
    sem_post(&pager.asked);
    while (sem_wait(&pager.answered))
        ;
    int served = pager.served;
    pthread_mutex_unlock(&pager.turn);
    return served;
}

int maf_own_start(uint64_t at, uint64_t bytes, int file, uint64_t of) {
    uint64_t total = bytes >> CHUNK_SHIFT;
    if (at % CHUNK || bytes % CHUNK || !bytes) return EINVAL;
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, 0);
    if (p == MAP_FAILED) return errno;
    chunks = calloc(total, 1);
    open_list = malloc(total * sizeof *open_list);
    if (!chunks || !open_list) return ENOMEM;
    shadow = p;
    base = at;
    size = bytes;
    if (mprotect((void *)(uintptr_t)at, maf_memory_device_bytes(), PROT_NONE)) return errno;
    if (sem_init(&pager.asked, 0, 0) || sem_init(&pager.answered, 0, 0)) return errno;
    pthread_t thread;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(&thread, NULL, serve_faults, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (error) return error;
    pthread_detach(thread);
    device = (const struct maf_own_device *)(uintptr_t)of;
    return 0;
}

/* --- commands ------------------------------------------------------------------------------------------------- */
static int on_host(uint64_t address, uint64_t bytes) {
    return !maf_memory_is_device(address) && maf_memory_contains(address, bytes);
}

static int outside(const char *what, uint64_t address, uint64_t bytes) {
    return maf_memory_outside(what, address, bytes, "the device's memory and pinned memory");
}

/* One row, its places checked. lock held. What lies on the host stays as it is until the device has finished. */
static int move(uint64_t dst, uint64_t src, uint64_t bytes) {
    int to = maf_own_contains(dst, bytes), from = maf_own_contains(src, bytes), error;
    if (!to && !from) {
        memmove((void *)(uintptr_t)dst, (const void *)(uintptr_t)src, bytes);
        return 0;
    }
    if (to && (error = close_chunks(dst - base, bytes))) return error;
    if (from && (error = close_chunks(src - base, bytes))) return error;
    if (!from) return device->write(dst - base, (const void *)(uintptr_t)src, bytes, 0);
    if (!to) return device->read(src - base, (void *)(uintptr_t)dst, bytes);
    if (dst >= src + bytes || src >= dst + bytes) return device->copy(dst - base, src - base, bytes);
    void *middle = malloc(bytes);
    if (!middle) return MAF_ERROR_UNKNOWN;
    if (!(error = device->read(src - base, middle, bytes))) error = device->write(dst - base, middle, bytes, 1);
    free(middle);
    return error;
}

static int check(const char *what, uint64_t address, uint64_t bytes) {
    return maf_own_contains(address, bytes) || on_host(address, bytes) ? 0 : outside(what, address, bytes);
}

int maf_own_copy(const struct maf_cmd_copy *c) {
    int error;
    if ((error = check("copy to", c->dst, c->bytes)) || (error = check("copy from", c->src, c->bytes))) return error;
    pthread_mutex_lock(&lock);
    error = move(c->dst, c->src, c->bytes);
    int finished = error ? 0 : device->finish();
    pthread_mutex_unlock(&lock);
    return error ? error : finished;
}

int maf_own_copy2d(const struct maf_cmd_copy2d *c) {
    uint64_t depth = c->depth ? c->depth : 1;
    if (!c->width || !c->height) return MAF_OK;
    uint64_t to = (depth - 1) * c->dst_slice + (c->height - 1) * c->dst_pitch + c->width;
    uint64_t from = (depth - 1) * c->src_slice + (c->height - 1) * c->src_pitch + c->width;
    int error;
    if ((error = check("copy to", c->dst, to)) || (error = check("copy from", c->src, from))) return error;
    int packed = c->dst_pitch == c->width && c->src_pitch == c->width;
    pthread_mutex_lock(&lock);
    for (uint64_t z = 0; z < depth && !error; z++) {
        uint64_t dst = c->dst + z * c->dst_slice, src = c->src + z * c->src_slice;
        if (packed) error = move(dst, src, c->width * c->height);
        for (uint64_t y = 0; y < c->height && !packed && !error; y++)
            error = move(dst + y * c->dst_pitch, src + y * c->src_pitch, c->width);
    }
    int finished = error ? 0 : device->finish();
    pthread_mutex_unlock(&lock);
    return error ? error : finished;
}

int maf_own_write(uint64_t address, const void *data, uint64_t bytes) {
    if (!maf_own_contains(address, bytes)) return outside("write to", address, bytes);
    pthread_mutex_lock(&lock);
    int error = close_chunks(address - base, bytes);
    if (!error && bytes) error = device->write(address - base, data, bytes, 1);
    pthread_mutex_unlock(&lock);
    return error;
}

int maf_own_fill(const struct maf_cmd_fill *c) {
    uint64_t row = c->width * c->element;
    int error = 0, packed = c->pitch == row || c->height == 1;
    uint64_t bytes = (c->height - 1) * c->pitch + row;
    if (!maf_own_contains(c->dst, bytes)) return outside("fill", c->dst, bytes);
    pthread_mutex_lock(&lock);
    error = close_chunks(c->dst - base, bytes);
    if (packed && !error) error = device->fill(c->dst - base, row * c->height, &c->value, c->element);
    for (uint64_t y = 0; y < c->height && !packed && !error; y++)
        error = device->fill(c->dst - base + y * c->pitch, row, &c->value, c->element);
    pthread_mutex_unlock(&lock);
    return error;
}

int maf_own_signal(const struct maf_cmd_signal *c) {
    uint64_t bytes = c->kind == MAF_SIGNAL_STORE32 ? 4 : 8, value = c->value, old = 0;
    if (!maf_own_contains(c->address, bytes)) return outside("signal", c->address, bytes);
    pthread_mutex_lock(&lock);
    int error = close_chunks(c->address - base, bytes);
    if (!error && c->kind == MAF_SIGNAL_MAX64) error = device->read(c->address - base, &old, bytes);
    if (old > value) value = old;
    if (!error) error = device->write(c->address - base, &value, bytes, 1);
    pthread_mutex_unlock(&lock);
    return error;
}
