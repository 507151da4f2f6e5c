/* Activity records: what the client noted of calls and device work, as CUPTI lays it out. A flush delivers them. */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime.h"

#include "activity.h"

enum { KINDS = 64, CALLBACKS = 1024, CONTEXT = MAF_CUPTI_CONTEXT, DEFAULT_STREAM = 7, FIRST_STREAM = 32 };

static uint8_t kind_enabled[KINDS];
static uint8_t kind_recorded[KINDS]; /* enabled at some time since the last flush: profilers disable, then flush */
static uint8_t call_disabled[2][CALLBACKS]; /* driver, runtime */
static CUpti_BuffersCallbackRequestFunc buffer_request;
static CUpti_BuffersCallbackCompleteFunc buffer_complete;
static CUpti_TimestampCallbackFunc timestamp_source;

/* --- clocks: the client notes CLOCK_MONOTONIC; records carry the profiler's clock, else CLOCK_REALTIME --------------- */
struct instant {
    uint64_t monotonic, other;
};
static struct instant first;

static uint64_t nanoseconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t maf_cupti_monotonic(void)
{
    return nanoseconds(CLOCK_MONOTONIC);
}

uint64_t maf_cupti_now(void)
{
    return timestamp_source ? timestamp_source() : nanoseconds(CLOCK_REALTIME);
}

/* Of several readings the one whose two clocks were read closest together. */
static struct instant read_clocks(void)
{
    struct instant best = {0, 0};
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < 8; i++) {
        uint64_t a = nanoseconds(CLOCK_MONOTONIC), other = maf_cupti_now(), b = nanoseconds(CLOCK_MONOTONIC);
        if (b - a < least) {
            least = b - a;
            best = (struct instant){a + (b - a) / 2, other};
        }
    }
    return best;
}

static struct instant last;

static uint64_t convert(uint64_t t)
{
    uint64_t span = last.monotonic - first.monotonic;
    double rate = span ? (double)(last.other - first.other) / (double)span : 1;
    return (uint64_t)((int64_t)last.other - (int64_t)((double)((int64_t)(last.monotonic - t)) * rate));
}

CUptiResult cuptiActivityRegisterTimestampCallback(CUpti_TimestampCallbackFunc timestamp)
{
    if (!timestamp)
        return maf_cupti_answer(CUPTI_ERROR_INVALID_PARAMETER);
    timestamp_source = timestamp;
    first = read_clocks();
    return CUPTI_SUCCESS;
}

/* --- buffers: the first is asked for when there is something to record, as profilers expect ---------------------- */
struct output {
    uint8_t *buffer;
    size_t size, used, records, limit;
    int failed;
};
static pthread_mutex_t output_lock = PTHREAD_MUTEX_INITIALIZER;
static struct output output;

static void hand_over(struct output *o)
{
    if (o->buffer)
        buffer_complete(NULL, 0, o->buffer, o->size, o->used);
    *o = (struct output){.failed = o->failed};
}

static void need_buffer(struct output *o)
{
    if (o->buffer || o->failed)
        return;
    buffer_request(&o->buffer, &o->size, &o->limit);
    o->failed = !o->buffer || o->size < 256; /* no record is larger */
}

static void first_item(void)
{
    pthread_mutex_lock(&output_lock);
    if (buffer_request)
        need_buffer(&output);
    pthread_mutex_unlock(&output_lock);
}

/* --- what is wanted ---------------------------------------------------------------------------------------------- */
static void listen(void)
{
    static const uint8_t kinds[] = {KIND_MEMCPY,  KIND_MEMSET,            KIND_KERNEL,     KIND_DRIVER,
                                    KIND_RUNTIME, KIND_CONCURRENT_KERNEL, KIND_CUDA_EVENT, KIND_SYNCHRONIZATION};
    int on = 0;
    for (size_t i = 0; i < sizeof kinds; i++)
        on |= kind_enabled[kinds[i]];
    if ((on || kind_enabled[KIND_MARKER]) && !first.monotonic)
        first = read_clocks();
    maf_trace_switch(on, first_item);
}

static CUptiResult set_kind(uint32_t kind, uint8_t enabled)
{
    if (kind == 0 || kind >= KINDS)
        return maf_cupti_answer(CUPTI_ERROR_INVALID_KIND);
    kind_enabled[kind] = enabled;
    kind_recorded[kind] |= enabled;
    listen();
    return CUPTI_SUCCESS;
}

int maf_cupti_wants(uint32_t kind)
{
    return kind_enabled[kind];
}

void maf_cupti_stop(void)
{
    memset(kind_enabled, 0, sizeof kind_enabled);
    listen();
}

CUptiResult cuptiActivityEnable(uint32_t kind)
{
    return set_kind(kind, 1);
}

CUptiResult cuptiActivityDisable(uint32_t kind)
{
    return set_kind(kind, 0);
}

CUptiResult cuptiActivityEnableContext(void *context, uint32_t kind)
{
    (void)context;
    return set_kind(kind, 1);
}

CUptiResult cuptiActivityDisableContext(void *context, uint32_t kind)
{
    (void)context;
    return set_kind(kind, 0);
}

static CUptiResult set_call(int runtime, uint32_t cbid, uint8_t enable)
{
    if (cbid >= CALLBACKS)
        return maf_cupti_answer(CUPTI_ERROR_INVALID_PARAMETER);
    call_disabled[runtime][cbid] = !enable;
    uint32_t kind = runtime ? KIND_RUNTIME : KIND_DRIVER;
    kind_enabled[kind] |= enable != 0;
    kind_recorded[kind] |= kind_enabled[kind];
    listen();
    return CUPTI_SUCCESS;
}

CUptiResult cuptiActivityEnableRuntimeApi(uint32_t cbid, uint8_t enable)
{
    return set_call(1, cbid, enable);
}

CUptiResult cuptiActivityEnableDriverApi(uint32_t cbid, uint8_t enable)
{
    return set_call(0, cbid, enable);
}

CUptiResult cuptiActivityRegisterCallbacks(CUpti_BuffersCallbackRequestFunc request,
                                           CUpti_BuffersCallbackCompleteFunc complete)
{
    if (!request || !complete)
        return maf_cupti_answer(CUPTI_ERROR_INVALID_PARAMETER);
    buffer_request = request;
    buffer_complete = complete;
    return CUPTI_SUCCESS;
}

/* --- records ------------------------------------------------------------------------------------------------------ */
uint32_t maf_cupti_stream_number(uint32_t id)
{
    return id < FIRST_STREAM ? DEFAULT_STREAM : id;
}

static uint8_t memory_kind(uint32_t type)
{
    static const uint8_t kinds[] = {[MAF_UNREGISTERED] = 1, [MAF_HOST] = 2, [MAF_DEVICE] = 3, [MAF_MANAGED] = 5};
    return type < sizeof kinds ? kinds[type] : 0;
}

static uint8_t copy_kind(uint32_t from, uint32_t to)
{
    enum { HOST_TO_DEVICE = 1, DEVICE_TO_HOST = 2, DEVICE_TO_DEVICE = 8, HOST_TO_HOST = 9 };
    if (from == MAF_DEVICE)
        return to == MAF_DEVICE ? DEVICE_TO_DEVICE : DEVICE_TO_HOST;
    return to == MAF_DEVICE ? HOST_TO_DEVICE : HOST_TO_HOST;
}

static size_t record_bytes(uint32_t kind)
{
    static const uint8_t bytes[KINDS] = {
        [KIND_MEMCPY] = sizeof(struct memcpy_record),
        [KIND_MEMSET] = sizeof(struct memset_record),
        [KIND_KERNEL] = sizeof(struct kernel_record),
        [KIND_CONCURRENT_KERNEL] = sizeof(struct kernel_record),
        [KIND_DRIVER] = sizeof(struct api_record),
        [KIND_RUNTIME] = sizeof(struct api_record),
        [KIND_NAME] = sizeof(struct name_record),
        [KIND_MARKER] = sizeof(struct marker_record),
        [KIND_MARKER_DATA] = sizeof(struct marker_data_record),
        [KIND_CUDA_EVENT] = sizeof(struct event_record),
        [KIND_SYNCHRONIZATION] = sizeof(struct sync_record),
        [KIND_EXTERNAL_CORRELATION] = sizeof(struct external_record),
    };
    _Static_assert(sizeof(struct kernel_record) < 256, "fits in uint8_t");
    return kind < KINDS ? bytes[kind] : 0;
}

static void fill_kernel(struct kernel_record *r, const struct maf_trace_item *t)
{
    *r = (struct kernel_record){
        .kind = kind_recorded[KIND_CONCURRENT_KERNEL] ? KIND_CONCURRENT_KERNEL : KIND_KERNEL,
        .registersPerThread = (uint16_t)t->registers,
        .start = convert(t->start),
        .end = convert(t->end),
        .completed = convert(t->end),
        .deviceId = t->device,
        .contextId = CONTEXT + t->device,
        .streamId = maf_cupti_stream_number(t->stream),
        .staticSharedMemory = (int32_t)t->static_shared,
        .dynamicSharedMemory = (int32_t)t->dynamic_shared,
        .localMemoryPerThread = t->local_bytes,
        .correlationId = t->correlation,
        .gridId = (int64_t)t->seq,
        .name = t->name,
        .sharedMemoryExecuted = t->static_shared + t->dynamic_shared,
        .cluster = {1, 1, 1},
    };
    memcpy(r->grid, t->grid, sizeof r->grid);
    memcpy(r->block, t->block, sizeof r->block);
}

/* 0: nobody asked for it */
static size_t make_record(const struct maf_trace_item *t, union record *r)
{
    uint32_t kind = 0;
    switch (t->type) {
    case MAF_TRACE_EXTERNAL_ID:
        kind = KIND_EXTERNAL_CORRELATION;
        r->external = (struct external_record){kind, t->kind, t->bytes, t->correlation, 0};
        break;
    case MAF_TRACE_CALL:
        kind = call_disabled[t->kind == KIND_RUNTIME][t->cbid] ? 0 : t->kind;
        r->api = (struct api_record){kind,          t->cbid,    convert(t->start), convert(t->end), (uint32_t)getpid(),
                                     t->thread, t->correlation, (uint32_t)t->error};
        break;
    case MAF_TRACE_KERNEL:
        fill_kernel(&r->kernel, t);
        kind = t->end ? r->kind : 0;
        break;
    case MAF_TRACE_COPY:
        kind = t->end ? KIND_MEMCPY : 0;
        r->memcpy = (struct memcpy_record){
            .kind = KIND_MEMCPY,
            .copyKind = copy_kind(t->from, t->to),
            .srcKind = memory_kind(t->from),
            .dstKind = memory_kind(t->to),
            .flags = t->seq != 0,
            .bytes = t->bytes,
            .start = convert(t->start),
            .end = convert(t->end),
            .deviceId = t->device,
            .contextId = CONTEXT + t->device,
            .streamId = maf_cupti_stream_number(t->stream),
            .correlationId = t->correlation,
            .copyCount = 1,
        };
        break;
    case MAF_TRACE_FILL:
        kind = t->end ? KIND_MEMSET : 0;
        r->memset = (struct memset_record){
            .kind = KIND_MEMSET,
            .value = t->value,
            .bytes = t->bytes,
            .start = convert(t->start),
            .end = convert(t->end),
            .deviceId = t->device,
            .contextId = CONTEXT + t->device,
            .streamId = maf_cupti_stream_number(t->stream),
            .correlationId = t->correlation,
            .flags = 1,
            .memoryKind = memory_kind(t->to),
        };
        break;
    case MAF_TRACE_EVENT:
        kind = KIND_CUDA_EVENT;
        r->event = (struct event_record){
            .kind = kind,
            .correlationId = t->correlation,
            .contextId = CONTEXT + t->device,
            .streamId = maf_cupti_stream_number(t->stream),
            .eventId = t->value,
            .deviceId = t->device,
        };
        break;
    case MAF_TRACE_SYNC:
        kind = KIND_SYNCHRONIZATION;
        r->sync = (struct sync_record){
            .kind = kind,
            .type = t->kind,
            .start = convert(t->start),
            .end = convert(t->end),
            .correlationId = t->correlation,
            .contextId = CONTEXT + t->device,
            .streamId = t->stream == (uint32_t)MAF_TRACE_NONE ? t->stream : maf_cupti_stream_number(t->stream),
            .cudaEventId = t->value,
            .returnValue = (uint32_t)t->error,
        };
        break;
    }
    return kind && kind_recorded[kind] ? record_bytes(kind) : 0;
}

static void put(struct output *o, const union record *r, size_t bytes)
{
    if (o->buffer && (o->size - o->used < bytes || (o->limit && o->records == o->limit)))
        hand_over(o);
    need_buffer(o);
    if (o->failed)
        return;
    memcpy(o->buffer + o->used, r, bytes);
    o->used += bytes;
    o->records++;
}

/* Ids come before the calls that they belong to, and calls before the work that they issued. */
CUptiResult cuptiActivityFlushAll(uint32_t flag)
{
    static const int passes[][2] = {{MAF_TRACE_EXTERNAL_ID, MAF_TRACE_EXTERNAL_ID},
                                    {MAF_TRACE_CALL, MAF_TRACE_CALL},
                                    {MAF_TRACE_KERNEL, MAF_TRACE_SYNC}};
    struct maf_trace_item *items;
    union record *marks;
    (void)flag;
    if (!buffer_request)
        return maf_cupti_answer(CUPTI_ERROR_INVALID_OPERATION);
    uint64_t count = maf_trace_take(&items);
    size_t mark_count = maf_cupti_take_marks(&marks);
    pthread_mutex_lock(&output_lock);
    last = read_clocks();
    for (size_t pass = 0; pass < sizeof passes / sizeof passes[0]; pass++)
        for (uint64_t i = 0; i < count; i++) {
            union record r;
            int type = (int)items[i].type;
            size_t bytes = type >= passes[pass][0] && type <= passes[pass][1] ? make_record(&items[i], &r) : 0;
            if (bytes)
                put(&output, &r, bytes);
        }
    for (size_t i = 0; i < mark_count; i++) {
        if (marks[i].kind == KIND_MARKER)
            marks[i].marker.timestamp = convert(marks[i].marker.timestamp);
        put(&output, &marks[i], record_bytes(marks[i].kind));
    }
    hand_over(&output);
    int failed = output.failed;
    output.failed = 0;
    memcpy(kind_recorded, kind_enabled, sizeof kind_recorded);
    pthread_mutex_unlock(&output_lock);
    free(items);
    free(marks);
    return failed ? maf_cupti_answer(CUPTI_ERROR_OUT_OF_MEMORY) : CUPTI_SUCCESS;
}

CUptiResult cuptiActivityFlush(void *context, uint32_t stream, uint32_t flag)
{
    (void)context, (void)stream;
    return cuptiActivityFlushAll(flag);
}

CUptiResult cuptiActivityFlushPeriod(uint32_t milliseconds)
{
    (void)milliseconds;
    return CUPTI_SUCCESS;
}

CUptiResult cuptiActivityGetNextRecord(uint8_t *buffer, size_t valid, void **record)
{
    if (!record || (!buffer && valid))
        return maf_cupti_answer(CUPTI_ERROR_INVALID_PARAMETER);
    size_t at = *record ? (size_t)((uint8_t *)*record - buffer) : 0;
    if (*record && at < valid)
        at += record_bytes(*(const uint32_t *)*record);
    if (at >= valid)
        return maf_cupti_answer(CUPTI_ERROR_MAX_LIMIT_REACHED); /* the documented end of a buffer */
    *record = buffer + at;
    return record_bytes(*(const uint32_t *)*record) ? CUPTI_SUCCESS : maf_cupti_answer(CUPTI_ERROR_INVALID_KIND);
}

CUptiResult cuptiActivityGetNumDroppedRecords(void *context, uint32_t stream, size_t *dropped)
{
    (void)context, (void)stream;
    if (!dropped)
        return maf_cupti_answer(CUPTI_ERROR_INVALID_PARAMETER);
    *dropped = 0;
    return CUPTI_SUCCESS;
}

CUptiResult cuptiActivityEnableCudaEventDeviceTimestamps(uint8_t enable)
{
    (void)enable;
    return CUPTI_SUCCESS;
}
