/* Device memory and events of other applications on this machine. A handle names the application, the descriptor of
 * its device file there and a place in that file; opening it maps the place into this application's window. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"
#include "process_ended.h"

enum { PAGE = 4096, EVENTS_PER_PAGE = PAGE / 64 };

struct place { /* the 64 bytes of cudaIpcMemHandle_t and cudaIpcEventHandle_t */
    uint32_t magic;
    int32_t pid;
    int32_t descriptor;
    uint32_t device;
    uint64_t file_device;
    uint64_t file_inode;
    uint64_t offset;
    uint64_t bytes;
    uint8_t reserved[16];
};
_Static_assert(sizeof(struct place) == MAF_IPC_BYTES, "size of an IPC handle");

static const uint32_t MEMORY_MAGIC = 0x6d66616d, EVENT_MAGIC = 0x6d666165;

struct opened {
    struct opened *next;
    struct place place;
    uint64_t address; /* of the place; the mapping begins at the page below */
    uint64_t references;
};
static struct maf_lock lock;
static struct opened *all_opened;

static int name_place(uint32_t magic, uint64_t address, uint64_t bytes, void *handle)
{
    struct place p = {.magic = magic,
                      .pid = (int32_t)getpid(),
                      .descriptor = maf_g.device_fd,
                      .device = (uint32_t)((address - maf_g.device_base) / maf_g.device_stride),
                      .offset = address - maf_g.device_base,
                      .bytes = bytes};
    if (maf_file_identity(maf_g.device_fd, &p.file_device, &p.file_inode))
        return MAF_E_OPERATING_SYSTEM;
    memcpy(handle, &p, sizeof p);
    return 0;
}

int maf_ipc_memory_handle(uint64_t address, void *handle)
{
    uint64_t base, bytes;
    if (maf_own_memory("memory shared with other processes"))
        return MAF_E_NOT_SUPPORTED;
    if (maf_memory_block(address, &base, &bytes))
        return MAF_E_INVALID_VALUE;
    return name_place(MEMORY_MAGIC, base, bytes, handle);
}

/* lock held */
static int open_place(const struct place *p, struct opened **out)
{
    int device = maf_current_device();
    for (struct opened *o = all_opened; o; o = o->next)
        if (memcmp(&o->place, p, sizeof *p) == 0) {
            o->references++;
            *out = o;
            return 0;
        }
    if (p->pid == getpid())
        return MAF_E_INVALID_CONTEXT; /* CUDA opens only what another process exported */
    struct maf_file *file =
        maf_file_open(maf_file_of_process(p->pid, p->descriptor, p->file_device, p->file_inode));
    struct opened *o = file ? calloc(1, sizeof *o) : NULL;
    if (!o) {
        if (file)
            maf_file_close(file);
        return MAF_E_INVALID_HANDLE;
    }
    int error = maf_vmm_place(device, file, p->offset, p->bytes, &o->address);
    if (error) {
        free(o);
        return error;
    }
    o->place = *p;
    o->references = 1;
    o->next = all_opened;
    *out = all_opened = o;
    return 0;
}

static int open_handle(uint32_t magic, const void *handle, uint64_t *address)
{
    struct place p;
    struct opened *o = NULL;
    memcpy(&p, handle, sizeof p);
    *address = 0;
    if (p.magic != magic)
        return MAF_E_INVALID_HANDLE;
    maf_lock(&lock);
    int error = open_place(&p, &o);
    maf_unlock(&lock);
    if (!error)
        *address = o->address;
    return error;
}

static int close_address(uint32_t magic, uint64_t address)
{
    int error = MAF_E_INVALID_VALUE;
    maf_lock(&lock);
    for (struct opened **link = &all_opened; *link; link = &(*link)->next) {
        struct opened *o = *link;
        if (o->address != address || o->place.magic != magic)
            continue;
        error = 0;
        if (--o->references == 0) {
            *link = o->next;
            error = maf_vmm_displace(address, o->place.bytes);
            free(o);
        }
        break;
    }
    maf_unlock(&lock);
    return error;
}

int maf_ipc_memory_open(const void *handle, uint64_t *address)
{
    return open_handle(MEMORY_MAGIC, handle, address);
}

int maf_ipc_memory_close(uint64_t address)
{
    return close_address(MEMORY_MAGIC, address);
}

/* --- events -------------------------------------------------------------------------------------------------
 * The state of an interprocess event lies in device memory of the application that made it. Each record takes the
 * next ticket and lets the recorder's executor raise `done` to it. */
struct maf_shared_event {
    _Atomic uint64_t issued;
    _Atomic uint64_t done;
    _Atomic uint32_t recorder; /* process of the newest record */
    uint32_t reserved[11];
};
_Static_assert(sizeof(struct maf_shared_event) == PAGE / EVENTS_PER_PAGE, "events fill a page");

static uint64_t *free_events; /* addresses */
static uint32_t free_count, free_room;

int maf_shared_event_new(struct maf_event *e)
{
    int error = 0;
    if (maf_own_memory("events shared with other processes"))
        return MAF_E_NOT_SUPPORTED;
    maf_lock(&lock);
    if (!free_count) {
        uint64_t page = maf_memory_page(e->device);
        uint64_t *grown = page ? realloc(free_events, (free_room + EVENTS_PER_PAGE) * sizeof *grown) : NULL;
        if (grown) {
            free_events = grown;
            free_room += EVENTS_PER_PAGE;
            for (uint32_t i = 0; i < EVENTS_PER_PAGE; i++)
                free_events[free_count++] = page + (uint64_t)i * sizeof(struct maf_shared_event);
        } else {
            error = MAF_E_OUT_OF_MEMORY;
        }
    }
    if (!error) {
        e->shared_address = free_events[--free_count];
        e->shared = maf_host_view(e->shared_address);
        memset(e->shared, 0, sizeof *e->shared);
    }
    maf_unlock(&lock);
    return error;
}

void maf_shared_event_drop(struct maf_event *e)
{
    if (e->imported) {
        close_address(EVENT_MAGIC, e->shared_address);
        return;
    }
    maf_lock(&lock);
    free_events[free_count++] = e->shared_address; /* room: it came from there */
    maf_unlock(&lock);
}

int maf_shared_event_record(struct maf_event *e, struct maf_stream *s)
{
    struct maf_cmd_signal *c = maf_ring_begin(s, MAF_CMD_SIGNAL, sizeof *c);
    if (!c)
        return maf_fault();
    e->ticket = atomic_fetch_add(&e->shared->issued, 1) + 1;
    atomic_store(&e->shared->recorder, (uint32_t)getpid());
    c->address = e->shared_address + offsetof(struct maf_shared_event, done);
    c->value = e->ticket;
    c->kind = MAF_SIGNAL_MAX64;
    c->reserved = 0;
    atomic_store(&e->seq, maf_ring_end(s, c));
    atomic_store(&e->queue, maf_queue(s));
    atomic_store(&e->recorded, 1);
    return maf_fault();
}

int maf_shared_event_foreign(struct maf_event *e)
{
    return e->shared && atomic_load(&e->shared->issued) != e->ticket;
}

int maf_shared_event_done(struct maf_event *e)
{
    return atomic_load(&e->shared->done) >= atomic_load(&e->shared->issued);
}

int maf_shared_event_wait(struct maf_event *e)
{
    uint64_t ticket = atomic_load(&e->shared->issued), start = maf_now_ns(), looked = start;
    while (atomic_load(&e->shared->done) < ticket) {
        uint64_t now = maf_now_ns();
        if (now - looked > 20000000) {
            pid_t recorder = (pid_t)atomic_load(&e->shared->recorder);
            looked = now;
            if (maf_process_ended(recorder) && atomic_load(&e->shared->done) < ticket) {
                maf_log(1, "process %d ended before an event that it recorded", (int)recorder);
                return MAF_E_INVALID_HANDLE;
            }
        }
        if (now - start > 50000)
            nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
    }
    return maf_fault();
}

int maf_ipc_event_handle(void *event, void *handle)
{
    struct maf_event *e = maf_event_of(event);
    if (!e)
        return MAF_E_INVALID_HANDLE;
    if (!e->shared || e->imported)
        return MAF_E_INVALID_VALUE;
    return name_place(EVENT_MAGIC, e->shared_address, sizeof *e->shared, handle);
}

int maf_ipc_event_open(const void *handle, void **event)
{
    uint64_t address;
    *event = NULL;
    int error = open_handle(EVENT_MAGIC, handle, &address);
    if (error)
        return error;
    struct maf_event *e = maf_event_import(address);
    if (!e) {
        close_address(EVENT_MAGIC, address);
        return MAF_E_OUT_OF_MEMORY;
    }
    *event = e;
    return 0;
}
