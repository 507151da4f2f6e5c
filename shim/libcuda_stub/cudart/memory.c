/* Allocation, pools, pointer attributes. */
#include <string.h>

#include "front.h"
#include "majors.h"

enum { PITCH = 512 };

cudaError_t cudaMalloc(void **p, size_t bytes)
{
    TRACE(cudaMalloc);
    uint64_t address = 0;
    ENTER();
    int error = maf_memory_alloc(maf_current_device(), bytes, &address);
    *p = (void *)(uintptr_t)address;
    return done(error);
}

cudaError_t cudaFree(void *p)
{
    TRACE(cudaFree);
    ENTER();
    return done(maf_memory_free(u64(p)));
}

cudaError_t cudaHostAlloc(void **p, size_t bytes, unsigned flags)
{
    TRACE(cudaHostAlloc);
    ENTER();
    return done(flags > 7 ? MAF_E_INVALID_VALUE : maf_host_alloc(bytes, flags, p));
}

cudaError_t cudaMallocHost(void **p, size_t bytes)
{
    TRACE(cudaMallocHost);
    return cudaHostAlloc(p, bytes, 0);
}

cudaError_t cudaFreeHost(void *p)
{
    TRACE(cudaFreeHost);
    ENTER();
    return done(maf_host_free(p));
}

cudaError_t cudaHostRegister(void *p, size_t bytes, unsigned flags)
{
    TRACE(cudaHostRegister);
    ENTER();
    return done(maf_host_register(p, bytes, flags));
}

cudaError_t cudaHostUnregister(void *p)
{
    TRACE(cudaHostUnregister);
    ENTER();
    return done(maf_host_unregister(p));
}

cudaError_t cudaHostGetDevicePointer(void **device, void *host, unsigned flags)
{
    uint64_t address = 0;
    ENTER();
    int error = flags ? MAF_E_INVALID_VALUE : maf_host_device_pointer(host, &address);
    *device = (void *)(uintptr_t)address;
    return done(error);
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
    TRACE(cudaMallocManaged);
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
    TRACE(cudaMemGetInfo);
    uint64_t a, b;
    ENTER();
    maf_memory_info(maf_current_device(), &a, &b);
    *free = a;
    *total = b;
    return 0;
}

cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *attributes, const void *p)
{
    TRACE(cudaPointerGetAttributes);
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

/* --- stream-ordered allocation ------------------------------------------------------------------------- */
cudaError_t cudaMallocFromPoolAsync(void **p, size_t bytes, cudaMemPool_t pool, cudaStream_t stream)
{
    uint64_t address = 0;
    ENTER();
    int error = maf_memory_alloc_async(stream, pool, bytes, &address);
    *p = (void *)(uintptr_t)address;
    return done(error);
}

cudaError_t cudaMallocAsync(void **p, size_t bytes, cudaStream_t stream)
{
    TRACE(cudaMallocAsync);
    return cudaMallocFromPoolAsync(p, bytes, NULL, stream);
}

cudaError_t cudaFreeAsync(void *p, cudaStream_t stream)
{
    TRACE(cudaFreeAsync);
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
    if (!error)
        *pool = maf_pool_default(device);
    return done(error);
}

cudaError_t cudaDeviceGetMemPool(cudaMemPool_t *pool, int device)
{
    int error = valid_device(device);
    if (!error)
        *pool = maf_pool_current(device);
    return done(error);
}

cudaError_t cudaDeviceSetMemPool(int device, cudaMemPool_t pool)
{
    int error = valid_device(device);
    return done(error ? error : maf_pool_select(device, pool));
}

cudaError_t cudaMemPoolCreate(cudaMemPool_t *pool, const struct cudaMemPoolProps *props)
{
    if (!props || props->allocType != 1)
        return done(MAF_E_INVALID_VALUE);
    if (props->location.type != 1 || props->handleTypes)
        return unsupported("cudaMemPoolCreate of host or shareable pools");
    int error = valid_device(props->location.id);
    return done(error ? error : maf_pool_create(props->location.id, props->maxSize, pool));
}

cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool)
{
    return done(maf_pool_destroy(pool));
}

cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t pool, int attr, void *value)
{
    return done(maf_pool_get(pool, attr, value));
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, int attr, void *value)
{
    return done(maf_pool_set(pool, attr, value));
}

/* Every device reaches all memory, so granting access changes nothing. */
cudaError_t cudaMemPoolSetAccess(cudaMemPool_t pool, const struct cudaMemAccessDesc *list, size_t count)
{
    int error = maf_pool_device(pool) < 0 ? MAF_E_INVALID_VALUE : 0;
    for (size_t i = 0; !error && i < count; i++)
        error = list[i].location.type != 1 ? MAF_E_INVALID_VALUE : valid_device(list[i].location.id);
    return done(error);
}

cudaError_t cudaMemPoolGetAccess(int *flags, cudaMemPool_t pool, struct cudaMemLocation *location)
{
    int known = maf_pool_device(pool) >= 0;
    *flags = known && location->type == 1 ? 3 : 0;
    return done(known ? 0 : MAF_E_INVALID_VALUE);
}

/* Pools keep nothing that is not in use. */
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, size_t keep)
{
    (void)keep;
    return done(maf_pool_device(pool) < 0 ? MAF_E_INVALID_VALUE : 0);
}

/* Graph memory attributes: used and reserved, each now and at most. Graph memory comes from the device's pool. */
enum { POOL_USED_CURRENT = 7, POOL_USED_HIGH = 8 };

cudaError_t cudaDeviceGetGraphMemAttribute(int device, int attr, void *value)
{
    int error = valid_device(device);
    if (error || attr < 0 || attr > 3)
        return done(error ? error : MAF_E_INVALID_VALUE);
    return done(maf_pool_get(maf_pool_default(device), attr & 1 ? POOL_USED_HIGH : POOL_USED_CURRENT, value));
}

cudaError_t cudaDeviceSetGraphMemAttribute(int device, int attr, void *value)
{
    int error = valid_device(device);
    if (error || (attr != 1 && attr != 3))
        return done(error ? error : MAF_E_INVALID_VALUE);
    return done(maf_pool_set(maf_pool_default(device), POOL_USED_HIGH, value));
}

cudaError_t cudaDeviceGraphMemTrim(int device)
{
    return done(valid_device(device));
}
