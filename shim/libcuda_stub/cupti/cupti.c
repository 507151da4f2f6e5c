/* CUPTI: versions, subscriptions, external correlation ids, attributes. Of the callbacks those of NVTX are made, the
 * others are accepted and never made.
 * Counters, events, metrics and PC sampling stay generated stubs: there is no hardware to read them from. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime.h"
#include "trace_calls.h"

#include "activity.h"

enum {
    VERSION = MAF_CUPTI_MAJOR >= 13 ? 130001 : 24,
    EXTERNAL_KINDS = MAF_TRACE_EXTERNAL, /* CUpti_ExternalCorrelationKind values are below this */
    ATTRIBUTE_BYTES = 8,
    ATTRIBUTES = 16
};

struct CUpti_Subscriber_st {
    CUpti_CallbackFunc callback;
    void *userdata;
};

static struct CUpti_Subscriber_st the_subscriber;
static int subscribed;
static uint64_t nvtx_calls; /* bit per callback id */
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

CUptiResult maf_cupti_answer(CUptiResult result)
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
        return maf_cupti_answer(CUPTI_ERROR_INVALID_PARAMETER);
    *version = VERSION;
    return CUPTI_SUCCESS;
}

CUptiResult cuptiGetResultString(CUptiResult result, const char **text)
{
    if (!text)
        return maf_cupti_answer(CUPTI_ERROR_INVALID_PARAMETER);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].result == result) {
            *text = names[i].name;
            return CUPTI_SUCCESS;
        }
    return maf_cupti_answer(CUPTI_ERROR_INVALID_PARAMETER);
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
    if (!timestamp)
        return maf_cupti_answer(CUPTI_ERROR_INVALID_PARAMETER);
    *timestamp = maf_cupti_now();
    return CUPTI_SUCCESS;
}

CUptiResult cuptiFinalize(void)
{
    subscribed = 0;
    nvtx_calls = 0;
    maf_cupti_stop();
    return CUPTI_SUCCESS;
}

/* --- callbacks ---- */

CUptiResult cuptiSubscribe(CUpti_SubscriberHandle *subscriber, CUpti_CallbackFunc callback, void *userdata)
{
    if (!subscriber)
        return maf_cupti_answer(CUPTI_ERROR_INVALID_PARAMETER);
    if (subscribed)
        return maf_cupti_answer(CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED);
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
        return maf_cupti_answer(CUPTI_ERROR_INVALID_PARAMETER);
    subscribed = 0;
    nvtx_calls = 0;
    return CUPTI_SUCCESS;
}

static CUptiResult enable(uint32_t enable, CUpti_SubscriberHandle subscriber, uint64_t nvtx)
{
    if (!is_subscriber(subscriber))
        return maf_cupti_answer(CUPTI_ERROR_INVALID_PARAMETER);
    nvtx_calls = enable ? nvtx_calls | nvtx : nvtx_calls & ~nvtx;
    return CUPTI_SUCCESS;
}

CUptiResult cuptiEnableCallback(uint32_t on, CUpti_SubscriberHandle subscriber, uint32_t domain, uint32_t cbid)
{
    return enable(on, subscriber, domain == DOMAIN_NVTX && cbid < 64 ? 1ull << cbid : 0);
}

CUptiResult cuptiEnableDomain(uint32_t on, CUpti_SubscriberHandle subscriber, uint32_t domain)
{
    return enable(on, subscriber, domain == DOMAIN_NVTX ? UINT64_MAX : 0);
}

CUptiResult cuptiEnableAllDomains(uint32_t on, CUpti_SubscriberHandle subscriber)
{
    return enable(on, subscriber, UINT64_MAX);
}

int maf_cupti_calls_back(uint32_t cbid)
{
    return nvtx_calls >> cbid & 1;
}

void maf_cupti_call_back(uint32_t cbid, const void *data)
{
    if (the_subscriber.callback)
        the_subscriber.callback(the_subscriber.userdata, DOMAIN_NVTX, cbid, data);
}

CUptiResult cuptiGetCallbackName(uint32_t domain, uint32_t cbid, const char **name)
{
    static const struct call {
        uint32_t cbid;
        const char *name;
    }
#define CALL(function, id, text) {id, text},
        runtime[] = {MAF_RUNTIME_CALLS(CALL)}, driver[] = {MAF_DRIVER_CALLS(CALL)};
#undef CALL
    const struct call *calls = domain == DOMAIN_DRIVER ? driver : domain == DOMAIN_RUNTIME ? runtime : NULL;
    size_t count = domain == DOMAIN_DRIVER ? sizeof driver / sizeof driver[0] : sizeof runtime / sizeof runtime[0];
    if (!name || (!calls && domain != DOMAIN_NVTX))
        return maf_cupti_answer(CUPTI_ERROR_INVALID_PARAMETER);
    *name = calls ? NULL : maf_cupti_nvtx_name(cbid);
    for (size_t i = 0; calls && i < count && !*name; i++)
        if (calls[i].cbid == cbid)
            *name = calls[i].name;
    return *name ? CUPTI_SUCCESS : maf_cupti_answer(CUPTI_ERROR_INVALID_PARAMETER);
}

/* --- external correlation, attributes ---- */

CUptiResult cuptiActivityPushExternalCorrelationId(uint32_t kind, uint64_t id)
{
    if (kind == 0 || kind >= EXTERNAL_KINDS)
        return maf_cupti_answer(CUPTI_ERROR_INVALID_PARAMETER);
    struct stack *s = &external[kind];
    if (s->used == s->room) {
        uint32_t room = s->room ? 2 * s->room : 16;
        uint64_t *ids = realloc(s->ids, room * sizeof *ids);
        if (!ids)
            return maf_cupti_answer(CUPTI_ERROR_OUT_OF_MEMORY);
        s->ids = ids;
        s->room = room;
    }
    s->ids[s->used++] = id;
    maf_trace_external(kind, id, 1);
    return CUPTI_SUCCESS;
}

CUptiResult cuptiActivityPopExternalCorrelationId(uint32_t kind, uint64_t *last)
{
    if (kind == 0 || kind >= EXTERNAL_KINDS)
        return maf_cupti_answer(CUPTI_ERROR_INVALID_PARAMETER);
    struct stack *s = &external[kind];
    if (s->used == 0)
        return maf_cupti_answer(CUPTI_ERROR_QUEUE_EMPTY);
    uint64_t id = s->ids[--s->used];
    maf_trace_external(kind, s->used ? s->ids[s->used - 1] : 0, s->used != 0);
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
        return maf_cupti_answer(CUPTI_ERROR_INVALID_PARAMETER);
    memcpy(&attributes[attribute], value, *size);
    return CUPTI_SUCCESS;
}

CUptiResult cuptiActivityGetAttribute(uint32_t attribute, size_t *size, void *value)
{
    if (!size || !value || attribute >= ATTRIBUTES || !attribute_bytes[attribute] ||
        *size < attribute_bytes[attribute])
        return maf_cupti_answer(CUPTI_ERROR_INVALID_PARAMETER);
    *size = attribute_bytes[attribute];
    memcpy(value, &attributes[attribute], *size);
    return CUPTI_SUCCESS;
}
