/* Streams, events, host callbacks. */
#include <stdlib.h>
#include <string.h>

#include "front.h"

cudaError_t cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned flags, int priority)
{
    TRACE(cudaStreamCreateWithPriority);
    ENTER();
    return done(flags > 1 ? MAF_E_INVALID_VALUE : maf_stream_create(flags, priority, stream));
}

cudaError_t cudaStreamCreate(cudaStream_t *stream)
{
    return cudaStreamCreateWithPriority(stream, 0, 0);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags)
{
    return cudaStreamCreateWithPriority(stream, flags, 0);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    return done(maf_stream_destroy(stream));
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    TRACE(cudaStreamSynchronize);
    ENTER();
    return done(maf_stream_sync(stream));
}

cudaError_t cudaStreamSynchronize_ptsz(cudaStream_t stream)
{
    return cudaStreamSynchronize(PER_THREAD(stream));
}

cudaError_t cudaStreamQuery(cudaStream_t stream)
{
    TRACE(cudaStreamQuery);
    ENTER();
    return done(maf_stream_query(stream));
}

cudaError_t cudaStreamQuery_ptsz(cudaStream_t stream)
{
    return cudaStreamQuery(PER_THREAD(stream));
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags)
{
    TRACE(cudaStreamWaitEvent);
    ENTER();
    return done(flags > 1 ? MAF_E_INVALID_VALUE : maf_stream_wait_event(stream, event, (int)flags));
}

cudaError_t cudaStreamWaitEvent_ptsz(cudaStream_t stream, cudaEvent_t event, unsigned flags)
{
    return cudaStreamWaitEvent(PER_THREAD(stream), event, flags);
}

cudaError_t cudaStreamGetFlags(cudaStream_t stream, unsigned *flags)
{
    return done(maf_stream_info(stream, flags, NULL, NULL, NULL));
}

cudaError_t cudaStreamGetFlags_ptsz(cudaStream_t stream, unsigned *flags)
{
    return cudaStreamGetFlags(PER_THREAD(stream), flags);
}

cudaError_t cudaStreamGetPriority(cudaStream_t stream, int *priority)
{
    return done(maf_stream_info(stream, NULL, priority, NULL, NULL));
}

cudaError_t cudaStreamGetPriority_ptsz(cudaStream_t stream, int *priority)
{
    return cudaStreamGetPriority(PER_THREAD(stream), priority);
}

cudaError_t cudaStreamGetId(cudaStream_t stream, unsigned long long *id)
{
    uint64_t value = 0;
    int error = maf_stream_info(stream, NULL, NULL, NULL, &value);
    *id = value;
    return done(error);
}

cudaError_t cudaStreamGetId_ptsz(cudaStream_t stream, unsigned long long *id)
{
    return cudaStreamGetId(PER_THREAD(stream), id);
}

cudaError_t cudaStreamGetDevice(cudaStream_t stream, int *device)
{
    return done(maf_stream_info(stream, NULL, NULL, device, NULL));
}

cudaError_t cudaStreamGetDevice_ptsz(cudaStream_t stream, int *device)
{
    return cudaStreamGetDevice(PER_THREAD(stream), device);
}

/* Stream attributes (L2 window, synchronisation policy, priority) are hints to a GPU's scheduler. */
enum { ATTRIBUTE_PRIORITY = 8, ATTRIBUTE_SYNC_POLICY = 3 };

cudaError_t cudaStreamCopyAttributes(cudaStream_t dst, cudaStream_t src)
{
    int error = maf_stream_info(dst, NULL, NULL, NULL, NULL);
    return done(error ? error : maf_stream_info(src, NULL, NULL, NULL, NULL));
}

cudaError_t cudaStreamGetAttribute(cudaStream_t stream, int attr, void *value)
{
    int priority = 0;
    int error = maf_stream_info(stream, NULL, &priority, NULL, NULL);
    if (error)
        return done(error);
    memset(value, 0, 64);
    if (attr == ATTRIBUTE_PRIORITY)
        memcpy(value, &priority, sizeof priority);
    else if (attr == ATTRIBUTE_SYNC_POLICY)
        *(int *)value = 1;
    else
        return unsupported("cudaStreamGetAttribute");
    return 0;
}

cudaError_t cudaStreamSetAttribute(cudaStream_t stream, int attr, const void *value)
{
    (void)value;
    int error = maf_stream_info(stream, NULL, NULL, NULL, NULL);
    return done(error ? error : attr < 1 || attr > 16 ? MAF_E_INVALID_VALUE : 0);
}

/* --- host callbacks --------------------------------------------------------------------------------------- */
cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t fn, void *arg)
{
    TRACE(cudaLaunchHostFunc);
    ENTER();
    return done(maf_host_function(stream, fn, arg));
}

cudaError_t cudaLaunchHostFunc_ptsz(cudaStream_t stream, cudaHostFn_t fn, void *arg)
{
    return cudaLaunchHostFunc(PER_THREAD(stream), fn, arg);
}

struct callback {
    cudaStreamCallback_t fn;
    cudaStream_t stream;
    void *arg;
};

static void run_callback(void *p)
{
    struct callback c = *(struct callback *)p;
    free(p);
    c.fn(c.stream, maf_fault_now(), c.arg);
}

cudaError_t cudaStreamAddCallback(cudaStream_t stream, cudaStreamCallback_t callback, void *arg, unsigned flags)
{
    ENTER();
    if (flags || !callback)
        return done(MAF_E_INVALID_VALUE);
    if (maf_stream_is_capturing(stream))
        return done(MAF_E_CAPTURE_UNSUPPORTED);
    struct callback *c = malloc(sizeof *c);
    if (!c)
        return done(MAF_E_OUT_OF_MEMORY);
    *c = (struct callback){callback, stream, arg};
    int error = maf_host_function(stream, run_callback, c);
    if (error)
        free(c);
    return done(error);
}

cudaError_t cudaStreamAddCallback_ptsz(cudaStream_t stream, cudaStreamCallback_t callback, void *arg, unsigned flags)
{
    return cudaStreamAddCallback(PER_THREAD(stream), callback, arg, flags);
}

/* --- events -------------------------------------------------------------------------------------------------- */
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags)
{
    TRACE(cudaEventCreateWithFlags);
    ENTER();
    if (flags & ~7u || (flags & 4 && !(flags & 2)))
        return done(MAF_E_INVALID_VALUE);
    return done(maf_event_create(flags, event));
}

cudaError_t cudaEventCreate(cudaEvent_t *event)
{
    return cudaEventCreateWithFlags(event, 0);
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    TRACE(cudaEventDestroy);
    return done(maf_event_destroy(event));
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    TRACE(cudaEventRecord);
    ENTER();
    return done(maf_event_record(event, stream, 0));
}

cudaError_t cudaEventRecord_ptsz(cudaEvent_t event, cudaStream_t stream)
{
    return cudaEventRecord(event, PER_THREAD(stream));
}

cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags)
{
    TRACE(cudaEventRecordWithFlags);
    ENTER();
    return done(flags > 1 ? MAF_E_INVALID_VALUE : maf_event_record(event, stream, (int)flags));
}

cudaError_t cudaEventRecordWithFlags_ptsz(cudaEvent_t event, cudaStream_t stream, unsigned flags)
{
    return cudaEventRecordWithFlags(event, PER_THREAD(stream), flags);
}

cudaError_t cudaEventQuery(cudaEvent_t event)
{
    TRACE(cudaEventQuery);
    ENTER();
    return done(maf_event_query(event));
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    TRACE(cudaEventSynchronize);
    ENTER();
    return done(maf_event_sync(event));
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t start, cudaEvent_t end)
{
    TRACE(cudaEventElapsedTime);
    ENTER();
    return done(maf_event_elapsed(start, end, ms));
}

#if MAF_CUDART_MAJOR == 12
cudaError_t cudaEventElapsedTime_v2(float *ms, cudaEvent_t start, cudaEvent_t end);
cudaError_t cudaEventElapsedTime_v2(float *ms, cudaEvent_t start, cudaEvent_t end)
{
    return cudaEventElapsedTime(ms, start, end);
}
#endif
