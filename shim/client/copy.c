/* Copies and fills of every kind. Where one side is ordinary host memory the application's own mapping of the
 * device file does the work, once the stream's earlier work has finished; all else goes through the ring. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

enum { HOST_TO_HOST, HOST_TO_DEVICE, DEVICE_TO_HOST, DEVICE_TO_DEVICE, BY_ADDRESS };
enum { DIRECT_MAX = 65536 }; /* an asynchronous copy up to this size is done at once when the stream is idle */

/* --- bulk transfers ---------------------------------------------------------------------------------------
 * Writing fresh memory through a mapping costs a fault and a zeroed page per 4 KiB; write() to the file does not, but
 * is slower than memcpy once the pages are mapped. So the first bulk write to each chunk goes through the file. */
enum { CHUNK_SHIFT = 21, BULK_MIN = 262144 };
static uint8_t *_Atomic chunk_seen;

static uint8_t *seen_chunks(void)
{
    uint8_t *seen = atomic_load(&chunk_seen);
    if (!seen) {
        uint8_t *none = NULL;
        seen = mmap(NULL, maf_g.device_span >> CHUNK_SHIFT, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (seen == MAP_FAILED)
            return NULL;
        if (!atomic_compare_exchange_strong(&chunk_seen, &none, seen)) {
            munmap(seen, maf_g.device_span >> CHUNK_SHIFT);
            seen = none;
        }
    }
    return seen;
}

void maf_copy_forget(uint64_t address, uint64_t bytes)
{
    uint8_t *seen = atomic_load(&chunk_seen);
    uint64_t first = (address - maf_g.device_base) >> CHUNK_SHIFT;
    if (seen && maf_in_device(address))
        memset(seen + first, 0, ((address - maf_g.device_base + bytes - 1) >> CHUNK_SHIFT) - first + 1);
}

static void bulk_write(uint64_t dst, const char *src, uint64_t bytes)
{
    uint8_t *seen = seen_chunks();
    int saved = errno;
    /* Ranges of the upper half of a window show other parts of a file than their own. */
    int own = (dst - maf_g.device_base) % maf_g.device_stride < maf_g.device_stride / 2;
    while (bytes) {
        uint64_t offset = dst - maf_g.device_base, chunk = offset >> CHUNK_SHIFT;
        uint64_t part = ((chunk + 1) << CHUNK_SHIFT) - offset;
        part = part < bytes ? part : bytes;
        ssize_t done = 0;
        if (own && seen && !seen[chunk] && (done = pwrite(maf_g.device_fd, src, part, (off_t)offset)) < 0)
            done = 0;
        memcpy(maf_g.device_map + offset + done, src + done, part - (uint64_t)done);
        if (seen)
            seen[chunk] = 1;
        dst += part;
        src += part;
        bytes -= part;
    }
    errno = saved;
}

/* --- a device with memory of its own: ordinary memory goes through a pinned buffer ---------------------------- */
enum { STAGE_BYTES = 4 << 20 };

/* Waits for its work: the buffer is used again, and the host's memory may be. */
static int staged_rows(struct maf_stream *s, const struct maf_box *b, uint64_t z, uint64_t stage)
{
    int to_device = maf_in_device(b->dst), error = 0;
    uint64_t rows = b->width < STAGE_BYTES ? STAGE_BYTES / b->width : 1;
    for (uint64_t y = 0; y < b->height && !error; y += rows) {
        uint64_t n = b->height - y < rows ? b->height - y : rows;
        uint64_t dst = b->dst + z * b->dst_slice + y * b->dst_pitch, src = b->src + z * b->src_slice + y * b->src_pitch;
        for (uint64_t x = 0; x < b->width && !error; x += STAGE_BYTES) {
            uint64_t part = b->width - x < STAGE_BYTES ? b->width - x : STAGE_BYTES;
            for (uint64_t i = 0; i < n && to_device; i++)
                memcpy((char *)(uintptr_t)stage + i * part, (char *)(uintptr_t)(src + i * b->src_pitch + x), part);
            struct maf_cmd_copy2d *c = maf_ring_begin(s, MAF_CMD_COPY2D, sizeof *c);
            if (!c)
                return maf_fault();
            c->dst = to_device ? dst + x : stage;
            c->src = to_device ? stage : src + x;
            c->width = part;
            c->height = n;
            c->depth = 1;
            c->dst_pitch = to_device ? b->dst_pitch : part;
            c->src_pitch = to_device ? part : b->src_pitch;
            c->dst_slice = c->src_slice = 0;
            maf_ring_end(s, c);
            error = maf_wait_point(maf_stream_point(s));
            for (uint64_t i = 0; i < n && !to_device && !error; i++)
                memcpy((char *)(uintptr_t)(dst + i * b->dst_pitch + x), (char *)(uintptr_t)stage + i * part, part);
        }
    }
    return error;
}

static int staged(struct maf_stream *s, const struct maf_box *b)
{
    uint64_t want = b->width * b->height, stage = maf_pinned_take(want < STAGE_BYTES ? (want + 4095) & ~4095ull : STAGE_BYTES);
    int error = 0;
    if (!stage)
        return MAF_E_OUT_OF_MEMORY;
    for (uint64_t z = 0; z < b->depth && !error; z++)
        error = staged_rows(s, b, z, stage);
    maf_pinned_give(stage);
    return error;
}

static int staged_bytes(struct maf_stream *s, uint64_t dst, uint64_t src, uint64_t bytes)
{
    struct maf_box box = {.dst = dst, .src = src, .width = bytes, .height = 1, .depth = 1};
    return bytes ? staged(s, &box) : 0;
}

static int check_kind(uint64_t dst, uint64_t src, int kind)
{
    switch (kind) {
    case HOST_TO_HOST:
        return maf_in_device(dst) || maf_in_device(src) ? MAF_E_INVALID_VALUE : 0;
    case HOST_TO_DEVICE:
        return !maf_in_window(dst) || maf_in_device(src) ? MAF_E_INVALID_VALUE : 0;
    case DEVICE_TO_HOST:
        return !maf_in_window(src) || maf_in_device(dst) ? MAF_E_INVALID_VALUE : 0;
    case DEVICE_TO_DEVICE:
        return !maf_in_window(dst) || !maf_in_window(src) ? MAF_E_INVALID_VALUE : 0;
    case BY_ADDRESS:
        return 0;
    }
    return 21; /* cudaErrorInvalidMemcpyDirection */
}

static int check_room(uint64_t address, uint64_t bytes)
{
    return maf_in_window(address) && maf_memory_room(address, bytes) < bytes ? MAF_E_INVALID_VALUE : 0;
}

static int put_copy(struct maf_stream *s, uint64_t dst, uint64_t src, uint64_t bytes)
{
    struct maf_cmd_copy *c = maf_command_begin(s, MAF_CMD_COPY, sizeof *c);
    if (!c)
        return maf_command_lost(s);
    c->dst = dst;
    c->src = src;
    c->bytes = bytes;
    return maf_command_end(s, c, MAF_NODE_MEMCPY, NULL);
}

static int put_write(struct maf_stream *s, uint64_t dst, const void *src, uint64_t bytes)
{
    struct maf_cmd_write *c = maf_ring_begin(s, MAF_CMD_WRITE, sizeof *c + bytes);
    if (!c)
        return maf_fault();
    c->dst = dst;
    c->bytes = bytes;
    memcpy(c + 1, src, bytes);
    maf_ring_end(s, c);
    return maf_fault();
}

void maf_box_run(void *argument)
{
    const struct maf_box *b = argument;
    for (uint64_t z = 0; z < b->depth; z++)
        for (uint64_t y = 0; y < b->height; y++)
            memcpy(maf_host_view(b->dst + z * b->dst_slice + y * b->dst_pitch),
                   maf_host_view(b->src + z * b->src_slice + y * b->src_pitch), b->width);
}

static int capture_host_box(struct maf_stream *s, const struct maf_box *box)
{
    int error = maf_callbacks_ready();
    if (!error && maf_g.own_bytes && (maf_in_device(box->dst) || maf_in_device(box->src))) {
        maf_unsupported("cudart", "capture of a copy from or to pageable memory, with a device that has its own");
        error = MAF_E_CAPTURE_UNSUPPORTED;
    }
    if (error)
        return error;
    struct maf_cmd_hostfn *c = maf_capture_begin(s, MAF_CMD_HOSTFN, sizeof *c + sizeof *box);
    if (!c)
        return MAF_E_CAPTURE_INVALIDATED;
    c->fn = (uint64_t)(uintptr_t)maf_box_run;
    c->arg = (uint64_t)(uintptr_t)(c + 1);
    memcpy(c + 1, box, sizeof *box);
    return maf_capture_end(s, c, MAF_NODE_MEMCPY, NULL);
}

int maf_memcpy(void *stream, uint64_t dst, uint64_t src, uint64_t bytes, int kind, int async)
{
    struct maf_stream *s = maf_stream_of(stream);
    int error = 0;
    if (!s)
        return MAF_E_INVALID_HANDLE;
    if (bytes == 0)
        return 0;
    if (!dst || !src)
        return MAF_E_INVALID_VALUE;
    if ((error = check_kind(dst, src, kind)) || (error = check_room(dst, bytes)) || (error = check_room(src, bytes)))
        return error;
    if (!async && (error = maf_capture_unsafe()))
        return error;
    int dst_shared = maf_in_window(dst), src_shared = maf_in_window(src);
    if (maf_capturing(s)) {
        if (dst_shared && src_shared)
            return put_copy(s, dst, src, bytes);
        struct maf_box box = {.dst = dst, .src = src, .width = bytes, .height = 1, .depth = 1};
        return capture_host_box(s, &box);
    }
    if (maf_g.own_bytes && (maf_in_device(dst) || maf_in_device(src))) {
        if (dst_shared && src_shared) {
            error = put_copy(s, dst, src, bytes);
            return error || async ? error : maf_wait_point(maf_stream_point(s));
        }
        if (dst_shared && bytes <= MAF_MAX_PAYLOAD)
            return put_write(s, dst, (const void *)(uintptr_t)src, bytes);
        return staged_bytes(s, dst, src, bytes);
    }
    int device_only = maf_in_device(dst) && maf_in_device(src), idle = maf_stream_idle(s);
    if (dst_shared && src_shared && (device_only || !idle || (async && bytes > DIRECT_MAX))) {
        error = put_copy(s, dst, src, bytes);
        return error || async ? error : maf_wait_point(maf_stream_point(s));
    }
    if (!idle && dst_shared && bytes <= MAF_MAX_PAYLOAD)
        return put_write(s, dst, (const void *)(uintptr_t)src, bytes);
    if (!idle && (error = maf_stream_settle(s)))
        return error;
    uint64_t start = unlikely(maf_trace_on) ? maf_now_ns() : 0;
    if (bytes >= BULK_MIN && maf_in_device(dst))
        bulk_write(dst, maf_host_view(src), bytes);
    else
        memcpy(maf_host_view(dst), maf_host_view(src), bytes);
    if (unlikely(start))
        maf_trace_host_copy(s, dst, src, bytes, start);
    return maf_fault();
}

static uint64_t box_bytes(const struct maf_box *b, uint64_t pitch, uint64_t slice)
{
    return (b->depth - 1) * slice + (b->height - 1) * pitch + b->width;
}

int maf_memcpy_box(void *stream, const struct maf_box *box, int kind, int async)
{
    struct maf_stream *s = maf_stream_of(stream);
    struct maf_box b = *box;
    int error = 0;
    if (!s)
        return MAF_E_INVALID_HANDLE;
    if (!b.width || !b.height || !b.depth)
        return 0;
    if (!b.dst || !b.src)
        return MAF_E_INVALID_VALUE;
    if (b.height > 1 && (b.width > b.dst_pitch || b.width > b.src_pitch))
        return 12; /* cudaErrorInvalidPitchValue */
    if (b.height == 1 && b.depth == 1)
        return maf_memcpy(stream, b.dst, b.src, b.width, kind, async);
    if ((error = check_kind(b.dst, b.src, kind)) ||
        (error = check_room(b.dst, box_bytes(&b, b.dst_pitch, b.dst_slice))) ||
        (error = check_room(b.src, box_bytes(&b, b.src_pitch, b.src_slice))))
        return error;
    if (!async && (error = maf_capture_unsafe()))
        return error;
    if (maf_in_window(b.dst) && maf_in_window(b.src)) {
        struct maf_cmd_copy2d *c = maf_command_begin(s, MAF_CMD_COPY2D, sizeof *c);
        if (!c)
            return maf_command_lost(s);
        c->dst = b.dst;
        c->src = b.src;
        c->width = b.width;
        c->height = b.height;
        c->depth = b.depth;
        c->dst_pitch = b.dst_pitch;
        c->src_pitch = b.src_pitch;
        c->dst_slice = b.dst_slice;
        c->src_slice = b.src_slice;
        error = maf_command_end(s, c, MAF_NODE_MEMCPY, NULL);
        return error || async ? error : maf_wait_point(maf_stream_point(s));
    }
    if (maf_capturing(s))
        return capture_host_box(s, &b);
    if (maf_g.own_bytes && (maf_in_device(b.dst) || maf_in_device(b.src)))
        return staged(s, &b);
    if ((error = maf_stream_settle(s)))
        return error;
    uint64_t start = unlikely(maf_trace_on) ? maf_now_ns() : 0;
    maf_box_run(&b);
    if (unlikely(start))
        maf_trace_host_copy(s, b.dst, b.src, b.width * b.height * b.depth, start);
    return maf_fault();
}

int maf_memset_box(void *stream, uint64_t dst, uint64_t pitch, uint32_t value, uint32_t element, uint64_t width,
                   uint64_t height, int async)
{
    struct maf_stream *s = maf_stream_of(stream);
    int error;
    if (!s)
        return MAF_E_INVALID_HANDLE;
    if (!width || !height)
        return 0;
    if (!dst || !maf_in_window(dst) || dst % element || (height > 1 && (pitch < width * element || pitch % element)) ||
        check_room(dst, (height - 1) * pitch + width * element))
        return MAF_E_INVALID_VALUE;
    if (!async && (error = maf_capture_unsafe()))
        return error;
    struct maf_cmd_fill *c = maf_command_begin(s, MAF_CMD_FILL, sizeof *c);
    if (!c)
        return maf_command_lost(s);
    c->dst = dst;
    c->width = width;
    c->height = height;
    c->pitch = height > 1 ? pitch : width * element;
    c->value = value;
    c->element = element;
    error = maf_command_end(s, c, MAF_NODE_MEMSET, NULL);
    return error || async ? error : maf_wait_point(maf_stream_point(s));
}

int maf_store(void *stream, uint64_t address, uint64_t value, uint32_t bytes)
{
    struct maf_stream *s = maf_stream_of(stream);
    if (!s)
        return MAF_E_INVALID_HANDLE;
    if (address % bytes || !maf_in_window(address) || check_room(address, bytes))
        return MAF_E_INVALID_VALUE;
    struct maf_cmd_signal *c = maf_command_begin(s, MAF_CMD_SIGNAL, sizeof *c);
    if (!c)
        return maf_command_lost(s);
    c->address = address;
    c->value = value;
    c->kind = bytes == 4 ? MAF_SIGNAL_STORE32 : MAF_SIGNAL_STORE64;
    c->reserved = 0;
    return maf_command_end(s, c, MAF_NODE_OP, NULL);
}

int maf_wait_value(void *stream, uint64_t address, uint64_t value, uint32_t bytes, uint32_t kind)
{
    struct maf_stream *s = maf_stream_of(stream);
    if (!s)
        return MAF_E_INVALID_HANDLE;
    if (address % bytes || !maf_in_window(address) || check_room(address, bytes))
        return MAF_E_INVALID_VALUE;
    struct maf_cmd_wait *c = maf_command_begin(s, MAF_CMD_WAIT, sizeof *c);
    if (!c)
        return maf_command_lost(s);
    c->address = address;
    c->value = value;
    c->kind = kind;
    c->queue = 0;
    c->bytes = bytes;
    c->reserved = 0;
    return maf_command_end(s, c, MAF_NODE_OP, NULL);
}

/* --- for library fronts -------------------------------------------------------------------------------- */
int maf_copy(void *stream, uint64_t dst, uint64_t src, uint64_t bytes)
{
    int error = maf_enter_device();
    return error ? error : maf_memcpy(stream, dst, src, bytes, DEVICE_TO_DEVICE, 1);
}

int maf_fill(void *stream, uint64_t dst, int byte, uint64_t bytes)
{
    int error = maf_enter_device();
    return error ? error : maf_memset_box(stream, dst, bytes, (uint32_t)byte & 0xff, 1, bytes, 1, 1);
}

int maf_read(void *dst, uint64_t src_device, uint64_t bytes)
{
    int error = maf_enter_device();
    if (!error)
        error = maf_wait_seq(maf_last_seq());
    if (!error && maf_g.own_bytes && maf_in_device(src_device))
        return staged_bytes(maf_stream_of(NULL), (uint64_t)(uintptr_t)dst, src_device, bytes);
    if (!error)
        memcpy(dst, maf_host_view(src_device), bytes);
    return error;
}

int maf_write(uint64_t dst_device, const void *src, uint64_t bytes)
{
    int error = maf_enter_device();
    if (!error)
        error = maf_wait_seq(maf_last_seq());
    if (!error && maf_g.own_bytes && maf_in_device(dst_device))
        return staged_bytes(maf_stream_of(NULL), dst_device, (uint64_t)(uintptr_t)src, bytes);
    if (!error)
        memcpy(maf_host_view(dst_device), src, bytes);
    return error;
}
