/* Streams, events, host callbacks. */
#include <stdlib.h>

#include "front.h"

CUresult cuStreamCreateWithPriority(CUstream *stream, unsigned flags, int priority)
{
    ENTER();
    return flags > 1 ? MAF_E_INVALID_VALUE : maf_stream_create(flags, priority, stream);
}

CUresult cuStreamCreate(CUstream *stream, unsigned flags)
{
    return cuStreamCreateWithPriority(stream, flags, 0);
}

CUresult cuStreamDestroy_v2(CUstream stream)
{
    return maf_stream_destroy(stream);
}

CUresult cuStreamSynchronize(CUstream stream)
{
    ENTER();
    return maf_stream_sync(stream);
}

CUresult cuStreamSynchronize_ptsz(CUstream stream)
{
    return cuStreamSynchronize(PER_THREAD(stream));
}

CUresult cuStreamQuery(CUstream stream)
{
    ENTER();
    return maf_stream_query(stream);
}

CUresult cuStreamQuery_ptsz(CUstream stream)
{
    return cuStreamQuery(PER_THREAD(stream));
}

CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned flags)
{
    ENTER();
    return flags > 1 ? MAF_E_INVALID_VALUE : maf_stream_wait_event(stream, event, (int)flags);
}

CUresult cuStreamWaitEvent_ptsz(CUstream stream, CUevent event, unsigned flags)
{
    return cuStreamWaitEvent(PER_THREAD(stream), event, flags);
}

CUresult cuStreamGetFlags(CUstream stream, unsigned *flags)
{
    return maf_stream_info(stream, flags, NULL, NULL, NULL);
}

CUresult cuStreamGetPriority(CUstream stream, int *priority)
{
    return maf_stream_info(stream, NULL, priority, NULL, NULL);
}

CUresult cuStreamGetId(CUstream stream, unsigned long long *id)
{
    uint64_t value = 0;
    int error = maf_stream_info(stream, NULL, NULL, NULL, &value);
    *id = value;
    return error;
}

CUresult cuStreamGetDevice(CUstream stream, CUdevice *device)
{
    return maf_stream_info(stream, NULL, NULL, device, NULL);
}

CUresult cuStreamGetCtx(CUstream stream, CUcontext *context)
{
    int device = 0;
    int error = maf_stream_info(stream, NULL, NULL, &device, NULL);
    *context = error ? NULL : maf_cuda_primary(device);
    return error;
}

CUresult cuStreamGetCtx_ptsz(CUstream stream, CUcontext *context)
{
    return cuStreamGetCtx(PER_THREAD(stream), context);
}

CUresult cuLaunchHostFunc(CUstream stream, CUhostFn fn, void *arg)
{
    ENTER();
    return maf_host_function(stream, fn, arg);
}

CUresult cuLaunchHostFunc_ptsz(CUstream stream, CUhostFn fn, void *arg)
{
    return cuLaunchHostFunc(PER_THREAD(stream), fn, arg);
}

struct callback {
    CUstreamCallback fn;
    CUstream stream;
    void *arg;
};

static void run_callback(void *p)
{
    struct callback c = *(struct callback *)p;
    free(p);
    c.fn(c.stream, maf_fault_now(), c.arg);
}

CUresult cuStreamAddCallback(CUstream stream, CUstreamCallback callback, void *arg, unsigned flags)
{
    ENTER();
    if (flags || !callback)
        return MAF_E_INVALID_VALUE;
    if (maf_stream_is_capturing(stream))
        return MAF_E_CAPTURE_UNSUPPORTED;
    struct callback *c = malloc(sizeof *c);
    if (!c)
        return MAF_E_OUT_OF_MEMORY;
    *c = (struct callback){callback, stream, arg};
    int error = maf_host_function(stream, run_callback, c);
    if (error)
        free(c);
    return error;
}

/* --- events ------------------------------------------------------------------------------------------------- */
CUresult cuEventCreate(CUevent *event, unsigned flags)
{
    ENTER();
    return flags & ~7u || (flags & 4 && !(flags & 2)) ? MAF_E_INVALID_VALUE : maf_event_create(flags, event);
}

CUresult cuEventDestroy_v2(CUevent event)
{
    return maf_event_destroy(event);
}

CUresult cuEventRecord(CUevent event, CUstream stream)
{
    ENTER();
    return maf_event_record(event, stream, 0);
}

CUresult cuEventRecord_ptsz(CUevent event, CUstream stream)
{
    return cuEventRecord(event, PER_THREAD(stream));
}

CUresult cuEventRecordWithFlags(CUevent event, CUstream stream, unsigned flags)
{
    return flags > 1 ? MAF_E_INVALID_VALUE : cuEventRecord(event, stream);
}

CUresult cuEventRecordWithFlags_ptsz(CUevent event, CUstream stream, unsigned flags)
{
    return cuEventRecordWithFlags(event, PER_THREAD(stream), flags);
}

CUresult cuEventQuery(CUevent event)
{
    ENTER();
    return maf_event_query(event);
}

CUresult cuEventSynchronize(CUevent event)
{
    ENTER();
    return maf_event_sync(event);
}

CUresult cuEventElapsedTime(float *ms, CUevent start, CUevent end)
{
    ENTER();
    return maf_event_elapsed(start, end, ms);
}

CUresult cuEventElapsedTime_v2(float *ms, CUevent start, CUevent end)
{
    return cuEventElapsedTime(ms, start, end);
}

/* --- per-thread default stream forms of the calls above ------------------------------------------------------ */
CUresult cuStreamGetFlags_ptsz(CUstream stream, unsigned *flags)
{
    return cuStreamGetFlags(PER_THREAD(stream), flags);
}

CUresult cuStreamGetPriority_ptsz(CUstream stream, int *priority)
{
    return cuStreamGetPriority(PER_THREAD(stream), priority);
}

CUresult cuStreamGetId_ptsz(CUstream stream, unsigned long long *id)
{
    return cuStreamGetId(PER_THREAD(stream), id);
}

CUresult cuStreamGetDevice_ptsz(CUstream stream, CUdevice *device)
{
    return cuStreamGetDevice(PER_THREAD(stream), device);
}

CUresult cuStreamAddCallback_ptsz(CUstream stream, CUstreamCallback callback, void *arg, unsigned flags)
{
    return cuStreamAddCallback(PER_THREAD(stream), callback, arg, flags);
}
