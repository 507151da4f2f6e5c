/* CUPTI without records: subscriptions and activity kinds are accepted and kept, and no record is ever delivered,
 * which is what a profiler sees of a program without device work. Counters, events, metrics and PC sampling stay
 * generated stubs: there is no hardware to read them from. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cupti.h"

enum {
    VERSION = MAF_CUPTI_MAJOR >= 13 ? 130001 : 24,
    KINDS = 64,             /* CUpti_ActivityKind values are below this */
    EXTERNAL_KINDS = 16,    /* CUpti_ExternalCorrelationKind values are below this */
    ATTRIBUTE_BYTES = 8,
    ATTRIBUTES = 16
};

struct CUpti_Subscriber_st {
    CUpti_CallbackFunc callback;
    void *userdata;
};

static struct CUpti_Subscriber_st the_subscriber;
static int subscribed;
static uint8_t kind_enabled[KINDS];
static CUpti_BuffersCallbackRequestFunc buffer_request;
static CUpti_BuffersCallbackCompleteFunc buffer_complete;
static CUpti_TimestampCallbackFunc timestamp_source;
static _Thread_local CUptiResult last_error;

/* The documented defaults of the attributes that hold one size_t or uint8_t: device buffer 8 MiB, its pool 250. */
static uint64_t attributes[ATTRIBUTES] = {[0] = 8 << 20, [2] = 250};
static const uint8_t attribute_bytes[ATTRIBUTES] = {8, 8, 8, 8, 1, 8, 8, 1};

/* External correlation ids: one stack per thread and kind. */
struct stack {
    uint64_t *ids;
    uint32_t used;
    uint32_t room;
};
static _Thread_local struct stack external[EXTERNAL_KINDS];

static CUptiResult answer(CUptiResult result)
{
    if (result != CUPTI_SUCCESS)
        last_error = result;
    return result;
}

static const struct {
    CUptiResult result;
    const char *name;
} names[] = {
    {CUPTI_SUCCESS, "CUPTI_SUCCESS"},
    {CUPTI_ERROR_INVALID_PARAMETER, "CUPTI_ERROR_INVALID_PARAMETER"},
    {CUPTI_ERROR_INVALID_OPERATION, "CUPTI_ERROR_INVALID_OPERATION"},
    {CUPTI_ERROR_OUT_OF_MEMORY, "CUPTI_ERROR_OUT_OF_MEMORY"},
    {CUPTI_ERROR_MAX_LIMIT_REACHED, "CUPTI_ERROR_MAX_LIMIT_REACHED"},
    {CUPTI_ERROR_QUEUE_EMPTY, "CUPTI_ERROR_QUEUE_EMPTY"},
    {CUPTI_ERROR_INVALID_KIND, "CUPTI_ERROR_INVALID_KIND"},
    {CUPTI_ERROR_NOT_SUPPORTED, "CUPTI_ERROR_NOT_SUPPORTED"},
    {CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED, "CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED"},
    {CUPTI_ERROR_UNKNOWN, "CUPTI_ERROR_UNKNOWN"},
};

CUptiResult cuptiGetVersion(uint32_t *version)
{
    if (!version)
        return answer(CUPTI_ERROR_INVALID_PARAMETER);
    *version = VERSION;
    return CUPTI_SUCCESS;
}

CUptiResult cuptiGetResultString(CUptiResult result, const char **text)
{
    if (!text)
        return answer(CUPTI_ERROR_INVALID_PARAMETER);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].result == result) {
            *text = names[i].name;
            return CUPTI_SUCCESS;
        }
    return answer(CUPTI_ERROR_INVALID_PARAMETER);
}

CUptiResult cuptiGetErrorMessage(CUptiResult result, const char **text)
{
    return cuptiGetResultString(result, text);
}

CUptiResult cuptiGetLastError(void)
{
    CUptiResult result = last_error;
    last_error = CUPTI_SUCCESS;
    return result;
}

CUptiResult cuptiGetTimestamp(uint64_t *timestamp)
{
    struct timespec now;
    if (!timestamp)
        return answer(CUPTI_ERROR_INVALID_PARAMETER);
    if (timestamp_source) {
        *timestamp = timestamp_source();
        return CUPTI_SUCCESS;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    *timestamp = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    return CUPTI_SUCCESS;
}

CUptiResult cuptiFinalize(void)
{
    subscribed = 0;
    memset(kind_enabled, 0, sizeof kind_enabled);
    return CUPTI_SUCCESS;
}

/* --- callbacks ---- */

CUptiResult cuptiSubscribe(CUpti_SubscriberHandle *subscriber, CUpti_CallbackFunc callback, void *userdata)
{
    if (!subscriber)
        return answer(CUPTI_ERROR_INVALID_PARAMETER);
    if (subscribed)
        return answer(CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED);
    subscribed = 1;
    the_subscriber.callback = callback;
    the_subscriber.userdata = userdata;
    *subscriber = &the_subscriber;
    return CUPTI_SUCCESS;
}

static int is_subscriber(CUpti_SubscriberHandle subscriber)
{
    return subscribed && subscriber == &the_subscriber;
}

CUptiResult cuptiUnsubscribe(CUpti_SubscriberHandle subscriber)
{
    if (!is_subscriber(subscriber))
        return answer(CUPTI_ERROR_INVALID_PARAMETER);
    subscribed = 0;
    return CUPTI_SUCCESS;
}

CUptiResult cuptiEnableCallback(uint32_t enable, CUpti_SubscriberHandle subscriber, uint32_t domain, uint32_t cbid)
{
    (void)enable, (void)domain, (void)cbid;
    return is_subscriber(subscriber) ? CUPTI_SUCCESS : answer(CUPTI_ERROR_INVALID_PARAMETER);
}

CUptiResult cuptiEnableDomain(uint32_t enable, CUpti_SubscriberHandle subscriber, uint32_t domain)
{
    return cuptiEnableCallback(enable, subscriber, domain, 0);
}

CUptiResult cuptiEnableAllDomains(uint32_t enable, CUpti_SubscriberHandle subscriber)
{
    return cuptiEnableCallback(enable, subscriber, 0, 0);
}

/* --- activities ---- */

static CUptiResult set_kind(uint32_t kind, uint8_t enabled)
{
    if (kind == 0 || kind >= KINDS)
        return answer(CUPTI_ERROR_INVALID_KIND);
    kind_enabled[kind] = enabled;
    return CUPTI_SUCCESS;
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

CUptiResult cuptiActivityEnableRuntimeApi(uint32_t cbid, uint8_t enable)
{
    (void)cbid, (void)enable;
    return CUPTI_SUCCESS;
}

CUptiResult cuptiActivityEnableDriverApi(uint32_t cbid, uint8_t enable)
{
    (void)cbid, (void)enable;
    return CUPTI_SUCCESS;
}

CUptiResult cuptiActivityRegisterCallbacks(CUpti_BuffersCallbackRequestFunc request,
                                           CUpti_BuffersCallbackCompleteFunc complete)
{
    if (!request || !complete)
        return answer(CUPTI_ERROR_INVALID_PARAMETER);
    buffer_request = request;
    buffer_complete = complete;
    return CUPTI_SUCCESS;
}

CUptiResult cuptiActivityRegisterTimestampCallback(CUpti_TimestampCallbackFunc timestamp)
{
    if (!timestamp)
        return answer(CUPTI_ERROR_INVALID_PARAMETER);
    timestamp_source = timestamp;
    return CUPTI_SUCCESS;
}

/* No buffer was ever requested, so none is owed. */
CUptiResult cuptiActivityFlushAll(uint32_t flag)
{
    (void)flag;
    return buffer_request ? CUPTI_SUCCESS : answer(CUPTI_ERROR_INVALID_OPERATION);
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
    (void)buffer, (void)valid;
    if (!record)
        return answer(CUPTI_ERROR_INVALID_PARAMETER);
    return answer(CUPTI_ERROR_MAX_LIMIT_REACHED); /* the documented end of a buffer */
}

CUptiResult cuptiActivityGetNumDroppedRecords(void *context, uint32_t stream, size_t *dropped)
{
    (void)context, (void)stream;
    if (!dropped)
        return answer(CUPTI_ERROR_INVALID_PARAMETER);
    *dropped = 0;
    return CUPTI_SUCCESS;
}

CUptiResult cuptiActivityPushExternalCorrelationId(uint32_t kind, uint64_t id)
{
    if (kind == 0 || kind >= EXTERNAL_KINDS)
        return answer(CUPTI_ERROR_INVALID_PARAMETER);
    struct stack *s = &external[kind];
    if (s->used == s->room) {
        uint32_t room = s->room ? 2 * s->room : 16;
        uint64_t *ids = realloc(s->ids, room * sizeof *ids);
        if (!ids)
            return answer(CUPTI_ERROR_OUT_OF_MEMORY);
        s->ids = ids;
        s->room = room;
    }
    s->ids[s->used++] = id;
    return CUPTI_SUCCESS;
}

CUptiResult cuptiActivityPopExternalCorrelationId(uint32_t kind, uint64_t *last)
{
    if (kind == 0 || kind >= EXTERNAL_KINDS)
        return answer(CUPTI_ERROR_INVALID_PARAMETER);
    struct stack *s = &external[kind];
    if (s->used == 0)
        return answer(CUPTI_ERROR_QUEUE_EMPTY);
    uint64_t id = s->ids[--s->used];
    if (s->used == 0) { /* an empty stack holds no memory, so a thread that ends leaks none */
        free(s->ids);
        *s = (struct stack){0};
    }
    if (last)
        *last = id;
    return CUPTI_SUCCESS;
}

CUptiResult cuptiActivitySetAttribute(uint32_t attribute, size_t *size, void *value)
{
    if (!size || !value || attribute >= ATTRIBUTES || *size == 0 || *size > ATTRIBUTE_BYTES)
        return answer(CUPTI_ERROR_INVALID_PARAMETER);
    memcpy(&attributes[attribute], value, *size);
    return CUPTI_SUCCESS;
}

CUptiResult cuptiActivityGetAttribute(uint32_t attribute, size_t *size, void *value)
{
    if (!size || !value || attribute >= ATTRIBUTES || !attribute_bytes[attribute] ||
        *size < attribute_bytes[attribute])
        return answer(CUPTI_ERROR_INVALID_PARAMETER);
    *size = attribute_bytes[attribute];
    memcpy(value, &attributes[attribute], *size);
    return CUPTI_SUCCESS;
}

CUptiResult cuptiActivityEnableCudaEventDeviceTimestamps(uint8_t enable)
{
    (void)enable;
    return CUPTI_SUCCESS;
}
