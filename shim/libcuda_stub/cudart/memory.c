/* Allocation, pools, pointer attributes. */
#include <string.h>

#include "front.h"
#include "majors.h"

enum { PITCH = 512 };

cudaError_t cudaMalloc(void **p, size_t bytes)
{
    uint64_t address = 0;
    ENTER();
    int error = maf_memory_alloc(maf_current_device(), bytes, &address);
    *p = (void *)(uintptr_t)address;
    return done(error);
}

cudaError_t cudaFree(void *p)
{
    ENTER();
    return done(maf_memory_free(u64(p)));
}

cudaError_t cudaHostAlloc(void **p, size_t bytes, unsigned flags)
{
    ENTER();
    return done(flags > 7 ? MAF_E_INVALID_VALUE : maf_host_alloc(bytes, flags, p));
}

cudaError_t cudaMallocHost(void **p, size_t bytes)
{
    return cudaHostAlloc(p, bytes, 0);
}

cudaError_t cudaFreeHost(void *p)
{
    ENTER();
    return done(maf_host_free(p));
}

cudaError_t cudaHostRegister(void *p, size_t bytes, unsigned flags)
{
    ENTER();
    return done(maf_host_register(p, bytes, flags));
}

cudaError_t cudaHostUnregister(void *p)
{
    ENTER();
    return done(maf_host_unregister(p));
}

cudaError_t cudaHostGetDevicePointer(void **device, void *host, unsigned flags)
{
    struct maf_pointer info;
    ENTER();
    *device = NULL;
    if (flags || maf_pointer(host, &info) || info.type == MAF_UNREGISTERED || info.type == MAF_DEVICE)
        return done(MAF_E_INVALID_VALUE);
    if (!info.device_pointer)
        return unsupported("cudaHostGetDevicePointer of registered memory");
    *device = (void *)(uintptr_t)info.device_pointer;
    return 0;
}

cudaError_t cudaHostGetFlags(unsigned *flags, void *host)
{
    struct maf_pointer info;
    ENTER();
    maf_pointer(host, &info);
    if (info.type != MAF_HOST)
        return done(MAF_E_INVALID_VALUE);
    *flags = info.flags;
    return 0;
}

cudaError_t cudaMallocManaged(void **p, size_t bytes, unsigned flags)
{
    uint64_t address = 0;
    ENTER();
    int error = flags != 1 && flags != 2 ? MAF_E_INVALID_VALUE : maf_managed_alloc(bytes, flags, &address);
    *p = (void *)(uintptr_t)address;
    return done(error);
}

cudaError_t cudaMallocPitch(void **p, size_t *pitch, size_t width, size_t height)
{
    *pitch = (width + PITCH - 1) & ~(size_t)(PITCH - 1);
    if (height && *pitch > SIZE_MAX / height)
        return done(MAF_E_OUT_OF_MEMORY);
    return cudaMalloc(p, *pitch * height);
}

cudaError_t cudaMalloc3D(struct cudaPitchedPtr *p, struct cudaExtent extent)
{
    p->xsize = extent.width;
    p->ysize = extent.height;
    return cudaMallocPitch(&p->ptr, &p->pitch, extent.width, extent.height * extent.depth);
}

cudaError_t cudaMemGetInfo(size_t *free, size_t *total)
{
    uint64_t a, b;
    ENTER();
    maf_memory_info(maf_current_device(), &a, &b);
    *free = a;
    *total = b;
    return 0;
}

cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *attributes, const void *p)
{
    struct maf_pointer info;
    int error = maf_start();
    if (error)
        return done(error);
    maf_pointer(p, &info);
    attributes->type = info.type;
    attributes->device = info.type == MAF_UNREGISTERED ? -2 : info.device; /* cudaInvalidDeviceId */
    attributes->devicePointer = (void *)(uintptr_t)info.device_pointer;
    attributes->hostPointer = info.host_pointer;
#if MAF_CUDART_MAJOR >= 13
    memset((char *)attributes + sizeof *attributes, 0, 64);
#endif
    return 0;
}

cudaError_t cudaGetSymbolAddress(void **p, const void *symbol)
{
    uint64_t address = 0;
    ENTER();
    int error = maf_host_variable(symbol, &address, NULL);
    *p = (void *)(uintptr_t)address;
    return done(error);
}

cudaError_t cudaGetSymbolSize(size_t *bytes, const void *symbol)
{
    uint64_t size = 0;
    ENTER();
    int error = maf_host_variable(symbol, NULL, &size);
    *bytes = size;
    return done(error);
}

/* Managed memory is the same on both sides; attachment changes nothing. */
cudaError_t cudaStreamAttachMemAsync(cudaStream_t stream, void *p, size_t bytes, unsigned flags)
{
    struct maf_pointer info;
    (void)stream, (void)bytes, (void)flags;
    ENTER();
    maf_pointer(p, &info);
    return done(info.type == MAF_MANAGED ? 0 : MAF_E_INVALID_VALUE);
}

/* Managed memory lives in host memory that both sides map: prefetching and advice find nothing to move. */
static cudaError_t managed_hint(const void *p, cudaStream_t stream)
{
    struct maf_pointer info;
    ENTER();
    maf_pointer(p, &info);
    int error = maf_stream_info(stream, NULL, NULL, NULL, NULL);
    return done(error ? error : info.type == MAF_MANAGED ? 0 : MAF_E_INVALID_VALUE);
}

#if MAF_CUDART_MAJOR == 12
cudaError_t cudaMemPrefetchAsync(const void *p, size_t bytes, int device, cudaStream_t stream)
{
    (void)bytes, (void)device;
    return managed_hint(p, stream);
}

cudaError_t cudaMemPrefetchAsync_v2(const void *p, size_t bytes, struct cudaMemLocation location, unsigned flags,
                                    cudaStream_t stream)
{
    (void)bytes, (void)location, (void)flags;
    return managed_hint(p, stream);
}

cudaError_t cudaMemAdvise(const void *p, size_t bytes, int advice, int device)
{
    (void)bytes, (void)advice, (void)device;
    return managed_hint(p, NULL);
}

cudaError_t cudaMemAdvise_v2(const void *p, size_t bytes, int advice, struct cudaMemLocation location)
{
    (void)bytes, (void)advice, (void)location;
    return managed_hint(p, NULL);
}
#else
cudaError_t cudaMemPrefetchAsync(const void *p, size_t bytes, struct cudaMemLocation location, unsigned flags,
                                 cudaStream_t stream)
{
    (void)bytes, (void)location, (void)flags;
    return managed_hint(p, stream);
}

cudaError_t cudaMemAdvise(const void *p, size_t bytes, int advice, struct cudaMemLocation location)
{
    (void)bytes, (void)advice, (void)location;
    return managed_hint(p, NULL);
}
#endif

/* --- stream-ordered allocation: one pool per device ------------------------------------------------------ */
enum {
    POOL_REUSE_FOLLOW = 1,
    POOL_REUSE_OPPORTUNISTIC = 2,
    POOL_REUSE_INTERNAL = 3,
    POOL_RELEASE_THRESHOLD = 4,
    POOL_RESERVED_CURRENT = 5,
    POOL_RESERVED_HIGH = 6,
    POOL_USED_CURRENT = 7,
    POOL_USED_HIGH = 8,
};

struct pool {
    int device;
    int reuse[4];
    uint64_t threshold;
};
static struct pool pools[MAF_MAX_SDA];

static int pool_of(cudaMemPool_t handle, struct pool **out)
{
    size_t index = (size_t)((struct pool *)handle - pools);
    if (!handle || index >= MAF_MAX_SDA || handle != (void *)&pools[index])
        return MAF_E_INVALID_VALUE;
    *out = &pools[index];
    return 0;
}

cudaError_t cudaMallocAsync(void **p, size_t bytes, cudaStream_t stream)
{
    uint64_t address = 0;
    ENTER();
    int error = maf_memory_alloc_async(stream, bytes, &address);
    *p = (void *)(uintptr_t)address;
    return done(error);
}

cudaError_t cudaMallocFromPoolAsync(void **p, size_t bytes, cudaMemPool_t pool, cudaStream_t stream)
{
    struct pool *q;
    int error = pool_of(pool, &q);
    return error ? done(error) : cudaMallocAsync(p, bytes, stream);
}

cudaError_t cudaFreeAsync(void *p, cudaStream_t stream)
{
    ENTER();
    return done(maf_memory_free_async(stream, u64(p)));
}

cudaError_t cudaMallocAsync_ptsz(void **p, size_t bytes, cudaStream_t stream)
{
    return cudaMallocAsync(p, bytes, PER_THREAD(stream));
}

cudaError_t cudaMallocFromPoolAsync_ptsz(void **p, size_t bytes, cudaMemPool_t pool, cudaStream_t stream)
{
    return cudaMallocFromPoolAsync(p, bytes, pool, PER_THREAD(stream));
}

cudaError_t cudaFreeAsync_ptsz(void *p, cudaStream_t stream)
{
    return cudaFreeAsync(p, PER_THREAD(stream));
}

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t *pool, int device)
{
    int error = valid_device(device);
    if (error)
        return done(error);
    pools[device].device = device;
    for (int i = 1; i < 4; i++)
        pools[device].reuse[i] = 1;
    *pool = &pools[device];
    return 0;
}

cudaError_t cudaDeviceGetMemPool(cudaMemPool_t *pool, int device)
{
    return cudaDeviceGetDefaultMemPool(pool, device);
}

cudaError_t cudaDeviceSetMemPool(int device, cudaMemPool_t pool)
{
    struct pool *q;
    int error = pool_of(pool, &q);
    if (!error && q->device != device)
        return unsupported("cudaDeviceSetMemPool with another device's pool");
    return done(error);
}

cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t pool, int attr, void *value)
{
    struct pool *q;
    int error = pool_of(pool, &q);
    if (error)
        return done(error);
    switch (attr) {
    case POOL_REUSE_FOLLOW:
    case POOL_REUSE_OPPORTUNISTIC:
    case POOL_REUSE_INTERNAL:
        *(int *)value = q->reuse[attr];
        return 0;
    case POOL_RELEASE_THRESHOLD:
        *(uint64_t *)value = q->threshold;
        return 0;
    case POOL_RESERVED_CURRENT: /* freed memory goes back at once: nothing is reserved but what is used */
    case POOL_USED_CURRENT:
        *(uint64_t *)value = maf_memory_pool_used(q->device, 0, 0);
        return 0;
    case POOL_RESERVED_HIGH:
    case POOL_USED_HIGH:
        *(uint64_t *)value = maf_memory_pool_used(q->device, 1, 0);
        return 0;
    }
    return done(MAF_E_INVALID_VALUE);
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, int attr, void *value)
{
    struct pool *q;
    int error = pool_of(pool, &q);
    if (error)
        return done(error);
    switch (attr) {
    case POOL_REUSE_FOLLOW:
    case POOL_REUSE_OPPORTUNISTIC:
    case POOL_REUSE_INTERNAL:
        q->reuse[attr] = *(int *)value;
        return 0;
    case POOL_RELEASE_THRESHOLD:
        q->threshold = *(uint64_t *)value;
        return 0;
    case POOL_RESERVED_HIGH:
    case POOL_USED_HIGH: /* only a reset to zero is allowed */
        if (*(uint64_t *)value)
            return done(MAF_E_INVALID_VALUE);
        maf_memory_pool_used(q->device, 1, 1);
        return 0;
    }
    return done(MAF_E_INVALID_VALUE);
}

cudaError_t cudaMemPoolSetAccess(cudaMemPool_t pool, const struct cudaMemAccessDesc *list, size_t count)
{
    struct pool *q;
    int error = pool_of(pool, &q);
    for (size_t i = 0; !error && i < count; i++)
        error = list[i].location.type != 1 ? MAF_E_INVALID_VALUE : valid_device(list[i].location.id);
    return done(error); /* every device reaches all memory */
}

cudaError_t cudaMemPoolGetAccess(int *flags, cudaMemPool_t pool, struct cudaMemLocation *location)
{
    struct pool *q;
    int error = pool_of(pool, &q);
    *flags = !error && location->type == 1 ? 3 : 0;
    return done(error);
}

cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, size_t keep)
{
    struct pool *q;
    (void)keep;
    return done(pool_of(pool, &q));
}

/* Graph memory: used and reserved, now and at most. Graph allocations come from the device's pool. */
cudaError_t cudaDeviceGetGraphMemAttribute(int device, int attr, void *value)
{
    int error = valid_device(device);
    if (error || attr < 0 || attr > 3)
        return done(error ? error : MAF_E_INVALID_VALUE);
    *(uint64_t *)value = maf_memory_pool_used(device, attr & 1, 0);
    return 0;
}

cudaError_t cudaDeviceSetGraphMemAttribute(int device, int attr, void *value)
{
    int error = valid_device(device);
    if (error || (attr != 1 && attr != 3) || *(uint64_t *)value)
        return done(error ? error : MAF_E_INVALID_VALUE);
    maf_memory_pool_used(device, 1, 1);
    return 0;
}

cudaError_t cudaDeviceGraphMemTrim(int device)
{
    return done(valid_device(device));
}
