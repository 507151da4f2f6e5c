/* Devices and contexts. A context is a device with an identity: memory, modules and streams belong to the device. */
#include <stdlib.h>
#include <string.h>

#include "front.h"
#include "profile.h"

enum { DRIVER_VERSION = 13000, STACK_DEPTH = 16, CONTEXT_MAGIC = 0x4d435458 };

struct context {
    unsigned magic;
    int device;
    unsigned flags;
    unsigned long long id;
};

static struct context primary[MAF_MAX_SDA];
static TLS struct context *current; /* of this thread; NULL: the runtime's device, once that is in use */
static TLS int detached;            /* cuCtxSetCurrent(NULL) was the last word */
static TLS struct context *stack[STACK_DEPTH];
static TLS int depth;

CUresult cuInit(unsigned flags)
{
    int count;
    return flags ? MAF_E_INVALID_VALUE : maf_device_count(&count);
}

CUresult cuDriverGetVersion(int *version)
{
    *version = DRIVER_VERSION;
    return 0;
}

CUresult cuGetErrorName(CUresult error, const char **name)
{
    *name = maf_error_name(error, 1);
    return *name ? 0 : MAF_E_INVALID_VALUE;
}

CUresult cuGetErrorString(CUresult error, const char **text)
{
    *text = maf_error_name(error, 1) ? maf_error_text(error) : NULL;
    return *text ? 0 : MAF_E_INVALID_VALUE;
}

CUresult cuDeviceGetCount(int *count)
{
    int error = maf_device_count(count);
    return error == MAF_E_NO_DEVICE ? 0 : error;
}

CUresult cuDeviceGet(CUdevice *device, int ordinal)
{
    *device = ordinal;
    return valid_device(ordinal);
}

CUresult cuDeviceGetName(char *name, int room, CUdevice device)
{
    int error = valid_device(device);
    if (error || room <= 0)
        return error ? error : MAF_E_INVALID_VALUE;
    strncpy(name, maf_device_profile()->name, (size_t)room - 1);
    name[room - 1] = 0;
    return 0;
}

CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice device)
{
    int error = valid_device(device);
    if (!error)
        maf_device_uuid(device, (unsigned char *)uuid->bytes);
    return error;
}

CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice device)
{
    return cuDeviceGetUuid(uuid, device);
}

CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device)
{
    *bytes = (size_t)maf_device_profile()->totalGlobalMem;
    return valid_device(device);
}

CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice device)
{
    int error = valid_device(device);
    if (!error)
        error = maf_device_attribute(attribute, value);
    if (!error && attribute == 33) /* PCI bus */
        *value += device;
    return error;
}

CUresult cuDeviceGetProperties(CUdevprop *p, CUdevice device)
{
    const struct maf_profile *f = maf_device_profile();
    *p = (CUdevprop){
        .maxThreadsPerBlock = (int)f->maxThreadsPerBlock,
        .maxThreadsDim = {1024, 1024, 64},
        .maxGridSize = {0x7fffffff, 65535, 65535},
        .sharedMemPerBlock = (int)f->sharedMemPerBlock,
        .totalConstantMemory = (int)f->totalConstMem,
        .SIMDWidth = (int)f->warpSize,
        .memPitch = 0x7fffffff,
        .regsPerBlock = (int)f->regsPerBlock,
        .clockRate = (int)f->clockRate,
        .textureAlign = 512,
    };
    return valid_device(device);
}

CUresult cuDeviceComputeCapability(int *major, int *minor, CUdevice device)
{
    *major = (int)maf_device_profile()->major;
    *minor = (int)maf_device_profile()->minor;
    return valid_device(device);
}

CUresult cuDeviceGetPCIBusId(char *id, int room, CUdevice device)
{
    char text[32];
    int error = valid_device(device);
    if (error)
        return error;
    maf_device_bus_id(device, text, sizeof text);
    if (room <= (int)strlen(text))
        return MAF_E_INVALID_VALUE;
    strcpy(id, text);
    return 0;
}

CUresult cuDeviceGetByPCIBusId(CUdevice *device, const char *id)
{
    int count;
    int error = maf_device_count(&count);
    for (int i = 0; !error && i < count; i++) {
        char text[32];
        maf_device_bus_id(i, text, sizeof text);
        if (strcasecmp(id, text) == 0 || strcasecmp(id, text + 5) == 0) {
            *device = i;
            return 0;
        }
    }
    return error ? error : MAF_E_INVALID_DEVICE;
}

CUresult cuDeviceCanAccessPeer(int *can, CUdevice device, CUdevice peer)
{
    int error = valid_device(device);
    if (!error)
        error = valid_device(peer);
    *can = !error && device != peer;
    return error;
}

CUresult cuDeviceGetP2PAttribute(int *value, int attribute, CUdevice src, CUdevice dst)
{
    int error = valid_device(src);
    if (!error)
        error = valid_device(dst);
    if (error || src == dst || attribute < 1 || attribute > 5)
        return error ? error : MAF_E_INVALID_VALUE;
    *value = attribute != 4;
    return 0;
}

/* --- contexts ------------------------------------------------------------------------------------------- */
CUcontext maf_cuda_primary(int device)
{
    struct context *c = &primary[device];
    c->device = device;
    c->id = (unsigned long long)device + 1;
    c->magic = CONTEXT_MAGIC;
    return c;
}

static struct context *context_of(CUcontext handle)
{
    struct context *c = handle;
    return c && c->magic == CONTEXT_MAGIC ? c : NULL;
}

static struct context *current_context(void)
{
    int device = maf_current_device();
    if (current && current->device == device)
        return current;
    if (detached || !maf_device_active(device))
        return NULL;
    return maf_cuda_primary(device);
}

static int make_current(struct context *c)
{
    current = c;
    detached = c == NULL;
    return c ? maf_set_device(c->device) : 0;
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device)
{
    int error = valid_device(device), before = maf_current_device();
    if (error)
        return error;
    error = maf_set_device(device); /* marks the context active */
    if (!error && before != device)
        error = maf_set_device(before);
    *context = maf_cuda_primary(device);
    return error;
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device)
{
    return valid_device(device);
}

CUresult cuDevicePrimaryCtxReset_v2(CUdevice device)
{
    int error = valid_device(device);
    return error ? error : cuCtxSynchronize();
}

CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned flags)
{
    int error = valid_device(device);
    if (!error)
        primary[device].flags = flags;
    return error;
}

CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned *flags, int *active)
{
    if (__builtin_expect((unsigned)device >= MAF_MAX_SDA, 0))
        return MAF_E_INVALID_DEVICE;
    *flags = primary[device].flags;
    *active = maf_device_active(device);
    return 0;
}

CUresult cuCtxCreate_v2(CUcontext *context, unsigned flags, CUdevice device)
{
    static unsigned long long next = 1000;
    int error = valid_device(device);
    if (error)
        return error;
    struct context *c = calloc(1, sizeof *c);
    if (!c)
        return MAF_E_OUT_OF_MEMORY;
    c->magic = CONTEXT_MAGIC;
    c->device = device;
    c->flags = flags;
    c->id = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);
    *context = c;
    return cuCtxPushCurrent_v2(c);
}

CUresult cuCtxCreate_v3(CUcontext *context, void *affinity, int count, unsigned flags, CUdevice device)
{
    (void)affinity;
    return count ? unsupported("cuCtxCreate with execution affinity") : cuCtxCreate_v2(context, flags, device);
}

CUresult cuCtxCreate_v4(CUcontext *context, void *parameters, unsigned flags, CUdevice device)
{
    const struct { /* CUctxCreateParams */
        void *affinity;
        int affinity_count;
        void *graphics; /* sharing with a graphics context */
    } *p = parameters;
    if (p && (p->affinity_count || p->graphics))
        return unsupported("cuCtxCreate with execution affinity or shared graphics");
    return cuCtxCreate_v2(context, flags, device);
}

CUresult cuCtxDestroy_v2(CUcontext context)
{
    struct context *c = context_of(context);
    if (!c)
        return 201; /* CUDA_ERROR_INVALID_CONTEXT */
    if (c >= primary && c < primary + MAF_MAX_SDA)
        return 0;
    if (current == c) {
        current = depth ? stack[--depth] : NULL;
        make_current(current);
    }
    c->magic = 0;
    free(c);
    return 0;
}

CUresult cuCtxPushCurrent_v2(CUcontext context)
{
    struct context *c = context_of(context);
    if (!c)
        return 201;
    if (depth == STACK_DEPTH)
        return MAF_E_INVALID_VALUE;
    stack[depth++] = current_context();
    return make_current(c);
}

CUresult cuCtxPopCurrent_v2(CUcontext *context)
{
    struct context *now = current_context();
    if (!now)
        return 201;
    if (context)
        *context = now;
    return make_current(depth ? stack[--depth] : NULL);
}

CUresult cuCtxSetCurrent(CUcontext context)
{
    struct context *c = context_of(context);
    if (context && !c)
        return 201;
    return make_current(c);
}

CUresult cuCtxGetCurrent(CUcontext *context)
{
    *context = current_context();
    return 0;
}

CUresult cuCtxGetDevice(CUdevice *device)
{
    struct context *c = current_context();
    if (!c)
        return 201;
    *device = c->device;
    return 0;
}

CUresult cuCtxGetDevice_v2(CUdevice *device, CUcontext context)
{
    struct context *c = context ? context_of(context) : current_context();
    if (!c)
        return 201;
    *device = c->device;
    return 0;
}

CUresult cuCtxGetFlags(unsigned *flags)
{
    struct context *c = current_context();
    *flags = c ? c->flags : 0;
    return c ? 0 : 201;
}

CUresult cuCtxGetId(CUcontext context, unsigned long long *id)
{
    struct context *c = context ? context_of(context) : current_context();
    *id = c ? c->id : 0;
    return c ? 0 : 201;
}

CUresult cuCtxSynchronize(void)
{
    ENTER();
    return maf_device_sync();
}

CUresult cuCtxSynchronize_v2(CUcontext context)
{
    (void)context;
    return cuCtxSynchronize();
}

CUresult cuCtxGetApiVersion(CUcontext context, unsigned *version)
{
    (void)context;
    *version = DRIVER_VERSION;
    return 0;
}

CUresult cuCtxGetLimit(size_t *value, int limit)
{
    ENTER();
    return value ? maf_get_limit(limit, value) : MAF_E_INVALID_VALUE;
}

CUresult cuCtxSetLimit(int limit, size_t value)
{
    ENTER();
    return maf_set_limit(limit, value);
}

CUresult cuCtxGetCacheConfig(int *config)
{
    *config = 0;
    return 0;
}

CUresult cuCtxSetCacheConfig(int config)
{
    return config < 0 || config > 3 ? MAF_E_INVALID_VALUE : 0;
}

CUresult cuCtxGetStreamPriorityRange(int *least, int *greatest)
{
    if (least)
        *least = 0;
    if (greatest)
        *greatest = -5;
    return 0;
}

CUresult cuCtxEnablePeerAccess(CUcontext peer, unsigned flags)
{
    return flags ? MAF_E_INVALID_VALUE : context_of(peer) ? 0 : 201;
}

CUresult cuCtxDisablePeerAccess(CUcontext peer)
{
    return context_of(peer) ? 0 : 201;
}

/* The driver's error log: this driver writes none, so a callback is kept and never called. */
CUresult cuLogsRegisterCallback(void *callback, void *arg, CUlogsCallbackHandle *handle)
{
    (void)arg;
    if (handle)
        *handle = callback;
    return callback ? 0 : MAF_E_INVALID_VALUE;
}

CUresult cuLogsUnregisterCallback(CUlogsCallbackHandle handle)
{
    (void)handle;
    return 0;
}

CUresult cuProfilerStart(void)
{
    return 0;
}

CUresult cuProfilerStop(void)
{
    return 0;
}
