/* Memory, copies, fills. */
#include <string.h>

#include "front.h"

enum { PITCH = 512 };

CUresult cuMemGetInfo_v2(size_t *free, size_t *total)
{
    uint64_t a, b;
    ENTER();
    maf_memory_info(maf_current_device(), &a, &b);
    *free = a;
    *total = b;
    return 0;
}

CUresult cuMemAlloc_v2(CUdeviceptr *p, size_t bytes)
{
    uint64_t address = 0;
    ENTER();
    if (!bytes)
        return MAF_E_INVALID_VALUE;
    int error = maf_memory_alloc(maf_current_device(), bytes, &address);
    *p = address;
    return error;
}

CUresult cuMemAllocPitch_v2(CUdeviceptr *p, size_t *pitch, size_t width, size_t height, unsigned element)
{
    if (element != 4 && element != 8 && element != 16)
        return MAF_E_INVALID_VALUE;
    *pitch = (width + PITCH - 1) & ~(size_t)(PITCH - 1);
    if (height && *pitch > SIZE_MAX / height)
        return MAF_E_OUT_OF_MEMORY;
    return cuMemAlloc_v2(p, *pitch * height);
}

CUresult cuMemFree_v2(CUdeviceptr p)
{
    ENTER();
    return maf_memory_free(p);
}

CUresult cuMemGetAddressRange_v2(CUdeviceptr *base, size_t *bytes, CUdeviceptr p)
{
    struct maf_pointer info;
    ENTER();
    maf_pointer((void *)(uintptr_t)p, &info);
    if (info.type == MAF_UNREGISTERED)
        return MAF_E_NOT_FOUND;
    if (base)
        *base = info.base;
    if (bytes)
        *bytes = info.bytes;
    return 0;
}

CUresult cuMemHostAlloc(void **p, size_t bytes, unsigned flags)
{
    ENTER();
    return flags > 7 || !bytes ? MAF_E_INVALID_VALUE : maf_host_alloc(bytes, flags, p);
}

CUresult cuMemAllocHost_v2(void **p, size_t bytes)
{
    return cuMemHostAlloc(p, bytes, 0);
}

CUresult cuMemFreeHost(void *p)
{
    ENTER();
    return maf_host_free(p);
}

CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr *device, void *p, unsigned flags)
{
    uint64_t address = 0;
    ENTER();
    int error = flags ? MAF_E_INVALID_VALUE : maf_host_device_pointer(p, &address);
    *device = address;
    return error;
}

CUresult cuMemHostGetFlags(unsigned *flags, void *p)
{
    struct maf_pointer info;
    ENTER();
    maf_pointer(p, &info);
    *flags = info.flags;
    return info.type == MAF_HOST ? 0 : MAF_E_INVALID_VALUE;
}

CUresult cuMemHostRegister_v2(void *p, size_t bytes, unsigned flags)
{
    ENTER();
    return maf_host_register(p, bytes, flags);
}

CUresult cuMemHostUnregister(void *p)
{
    ENTER();
    return maf_host_unregister(p);
}

CUresult cuMemAllocManaged(CUdeviceptr *p, size_t bytes, unsigned flags)
{
    uint64_t address = 0;
    ENTER();
    int error = flags != 1 && flags != 2 ? MAF_E_INVALID_VALUE : maf_managed_alloc(bytes, flags, &address);
    *p = address;
    return error;
}

CUresult cuMemAllocFromPoolAsync(CUdeviceptr *p, size_t bytes, CUmemoryPool pool, CUstream stream)
{
    uint64_t address = 0;
    ENTER();
    int error = maf_memory_alloc_async(stream, pool, bytes, &address);
    *p = address;
    return error;
}

CUresult cuMemAllocFromPoolAsync_ptsz(CUdeviceptr *p, size_t bytes, CUmemoryPool pool, CUstream stream)
{
    return cuMemAllocFromPoolAsync(p, bytes, pool, PER_THREAD(stream));
}

CUresult cuMemAllocAsync(CUdeviceptr *p, size_t bytes, CUstream stream)
{
    return cuMemAllocFromPoolAsync(p, bytes, NULL, stream);
}

CUresult cuMemFreeAsync(CUdeviceptr p, CUstream stream)
{
    ENTER();
    return maf_memory_free_async(stream, p);
}

CUresult cuMemAllocAsync_ptsz(CUdeviceptr *p, size_t bytes, CUstream stream)
{
    return cuMemAllocAsync(p, bytes, PER_THREAD(stream));
}

CUresult cuMemFreeAsync_ptsz(CUdeviceptr p, CUstream stream)
{
    return cuMemFreeAsync(p, PER_THREAD(stream));
}

/* --- pools ----------------------------------------------------------------------------------------------- */
CUresult cuDeviceGetDefaultMemPool(CUmemoryPool *pool, CUdevice device)
{
    int error = valid_device(device);
    if (!error)
        *pool = maf_pool_default(device);
    return error;
}

CUresult cuDeviceGetMemPool(CUmemoryPool *pool, CUdevice device)
{
    int error = valid_device(device);
    if (!error)
        *pool = maf_pool_current(device);
    return error;
}

CUresult cuDeviceSetMemPool(CUdevice device, CUmemoryPool pool)
{
    int error = valid_device(device);
    return error ? error : maf_pool_select(device, pool);
}

CUresult cuMemPoolCreate(CUmemoryPool *pool, const CUmemPoolProps *props)
{
    if (!props || props->allocType != 1)
        return MAF_E_INVALID_VALUE;
    if (props->location.type != 1 || props->handleTypes)
        return unsupported("cuMemPoolCreate of host or shareable pools");
    int error = valid_device(props->location.id);
    return error ? error : maf_pool_create(props->location.id, props->maxSize, pool);
}

CUresult cuMemPoolDestroy(CUmemoryPool pool)
{
    return maf_pool_destroy(pool);
}

CUresult cuMemPoolGetAttribute(CUmemoryPool pool, int attribute, void *value)
{
    return maf_pool_get(pool, attribute, value);
}

CUresult cuMemPoolSetAttribute(CUmemoryPool pool, int attribute, void *value)
{
    return maf_pool_set(pool, attribute, value);
}

CUresult cuMemPoolSetAccess(CUmemoryPool pool, const CUmemAccessDesc *list, size_t count)
{
    int error = maf_pool_device(pool) < 0 ? MAF_E_INVALID_VALUE : 0;
    for (size_t i = 0; !error && i < count; i++)
        error = list[i].location.type != 1 ? MAF_E_INVALID_VALUE : valid_device(list[i].location.id);
    return error;
}

CUresult cuMemPoolGetAccess(int *flags, CUmemoryPool pool, CUmemLocation *location)
{
    int known = maf_pool_device(pool) >= 0;
    *flags = known && location->type == 1 ? 3 : 0;
    return known ? 0 : MAF_E_INVALID_VALUE;
}

CUresult cuMemPoolTrimTo(CUmemoryPool pool, size_t keep)
{
    (void)keep;
    return maf_pool_device(pool) < 0 ? MAF_E_INVALID_VALUE : 0;
}

/* --- pointer attributes ---------------------------------------------------------------------------------- */
enum {
    POINTER_CONTEXT = 1,
    POINTER_MEMORY_TYPE = 2,
    POINTER_DEVICE = 3,
    POINTER_HOST = 4,
    POINTER_SYNC_MEMOPS = 6,
    POINTER_BUFFER_ID = 7,
    POINTER_IS_MANAGED = 8,
    POINTER_ORDINAL = 9,
    POINTER_IPC_CAPABLE = 10,
    POINTER_RANGE_START = 11,
    POINTER_RANGE_SIZE = 12,
    POINTER_MAPPED = 13,
    POINTER_HANDLE_TYPES = 14,
    POINTER_RDMA = 15,
    POINTER_ACCESS = 16,
    POINTER_POOL = 17,
};

#define PUT(type, v)                     \
    do {                                 \
        type value_ = (type)(v);         \
        memcpy(data, &value_, sizeof value_); \
    } while (0)

static CUresult pointer_attribute(void *data, int attribute, const struct maf_pointer *info)
{
    int known = info->type != MAF_UNREGISTERED;
    switch (attribute) {
    case POINTER_CONTEXT:
        PUT(CUcontext, known ? maf_cuda_primary(info->device) : NULL);
        break;
    case POINTER_MEMORY_TYPE: /* 1 host, 2 device; managed memory counts as device */
        PUT(unsigned, info->type == MAF_MANAGED ? 2 : info->type);
        break;
    case POINTER_DEVICE:
        PUT(CUdeviceptr, info->device_pointer);
        return known && info->device_pointer ? 0 : MAF_E_INVALID_VALUE;
    case POINTER_HOST:
        PUT(void *, known ? info->host_pointer : NULL);
        return known && info->host_pointer ? 0 : MAF_E_INVALID_VALUE;
    case POINTER_IPC_CAPABLE: {
        char handle[MAF_IPC_BYTES];
        PUT(unsigned, maf_ipc_memory_handle(info->base, handle) == 0);
        break;
    }
    case POINTER_SYNC_MEMOPS:
    case POINTER_RDMA:
        PUT(unsigned, 0);
        break;
    case POINTER_BUFFER_ID:
        PUT(unsigned long long, info->base);
        break;
    case POINTER_IS_MANAGED:
        PUT(unsigned, info->type == MAF_MANAGED);
        break;
    case POINTER_ORDINAL:
        PUT(int, known ? info->device : -2);
        break;
    case POINTER_RANGE_START:
        PUT(CUdeviceptr, info->base);
        break;
    case POINTER_RANGE_SIZE:
        PUT(size_t, info->bytes);
        break;
    case POINTER_MAPPED:
        PUT(unsigned, known);
        break;
    case POINTER_HANDLE_TYPES:
        PUT(unsigned long long, 0);
        break;
    case POINTER_ACCESS:
        PUT(int, 3);
        break;
    case POINTER_POOL:
        PUT(void *, NULL);
        break;
    default:
        return MAF_E_INVALID_VALUE;
    }
    return known ? 0 : MAF_E_INVALID_VALUE;
}

CUresult cuPointerGetAttribute(void *data, int attribute, CUdeviceptr p)
{
    struct maf_pointer info;
    maf_pointer((void *)(uintptr_t)p, &info);
    return pointer_attribute(data, attribute, &info);
}

/* Unlike the single query this one succeeds for pointers that CUDA does not know, with empty values. */
CUresult cuPointerGetAttributes(unsigned count, int *attributes, void **data, CUdeviceptr p)
{
    struct maf_pointer info;
    maf_pointer((void *)(uintptr_t)p, &info);
    for (unsigned i = 0; i < count; i++)
        if (attributes[i] < POINTER_CONTEXT || attributes[i] > POINTER_POOL)
            return MAF_E_INVALID_VALUE;
        else
            pointer_attribute(data[i], attributes[i], &info);
    return 0;
}

/* --- copies ------------------------------------------------------------------------------------------------ */
enum { HOST_TO_DEVICE = 1, DEVICE_TO_HOST = 2, DEVICE_TO_DEVICE = 3, BY_ADDRESS = 4 };

static CUresult copy(uint64_t dst, uint64_t src, size_t bytes, int kind, CUstream stream, int async)
{
    ENTER();
    return driver_error(maf_memcpy(stream, dst, src, bytes, kind, async));
}

#define U64(p) ((uint64_t)(uintptr_t)(p))
/* A copy has four exported forms: legacy or per-thread default stream, synchronous or on a stream. */
#define COPY(name, dst_type, src_type, kind)                                                                         \
    CUresult name##_v2(dst_type dst, src_type src, size_t bytes)                                                     \
    {                                                                                                                \
        return copy(U64(dst), U64(src), bytes, kind, NULL, 0);                                                       \
    }                                                                                                                \
    CUresult name##_v2_ptds(dst_type dst, src_type src, size_t bytes)                                                \
    {                                                                                                                \
        return copy(U64(dst), U64(src), bytes, kind, PER_THREAD(NULL), 0);                                           \
    }                                                                                                                \
    CUresult name##Async_v2(dst_type dst, src_type src, size_t bytes, CUstream stream)                               \
    {                                                                                                                \
        return copy(U64(dst), U64(src), bytes, kind, stream, 1);                                                     \
    }                                                                                                                \
    CUresult name##Async_v2_ptsz(dst_type dst, src_type src, size_t bytes, CUstream stream)                          \
    {                                                                                                                \
        return copy(U64(dst), U64(src), bytes, kind, PER_THREAD(stream), 1);                                         \
    }
COPY(cuMemcpyHtoD, CUdeviceptr, const void *, HOST_TO_DEVICE)
COPY(cuMemcpyDtoH, void *, CUdeviceptr, DEVICE_TO_HOST)
COPY(cuMemcpyDtoD, CUdeviceptr, CUdeviceptr, DEVICE_TO_DEVICE)

CUresult cuMemcpy(CUdeviceptr dst, CUdeviceptr src, size_t bytes)
{
    return copy(dst, src, bytes, BY_ADDRESS, NULL, 0);
}

CUresult cuMemcpy_ptds(CUdeviceptr dst, CUdeviceptr src, size_t bytes)
{
    return copy(dst, src, bytes, BY_ADDRESS, PER_THREAD(NULL), 0);
}

CUresult cuMemcpyAsync(CUdeviceptr dst, CUdeviceptr src, size_t bytes, CUstream stream)
{
    return copy(dst, src, bytes, BY_ADDRESS, stream, 1);
}

CUresult cuMemcpyAsync_ptsz(CUdeviceptr dst, CUdeviceptr src, size_t bytes, CUstream stream)
{
    return copy(dst, src, bytes, BY_ADDRESS, PER_THREAD(stream), 1);
}

CUresult cuMemcpyPeer(CUdeviceptr dst, CUcontext dstContext, CUdeviceptr src, CUcontext srcContext, size_t bytes)
{
    (void)dstContext, (void)srcContext;
    return copy(dst, src, bytes, DEVICE_TO_DEVICE, NULL, 0);
}

CUresult cuMemcpyPeerAsync(CUdeviceptr dst, CUcontext dstContext, CUdeviceptr src, CUcontext srcContext, size_t bytes,
                           CUstream stream)
{
    (void)dstContext, (void)srcContext;
    return copy(dst, src, bytes, DEVICE_TO_DEVICE, stream, 1);
}

enum { MEMORY_HOST = 1, MEMORY_ARRAY = 3 };

static uint64_t side(int type, const void *host, CUdeviceptr device)
{
    return type == MEMORY_HOST ? U64(host) : device;
}

static int array_side(CUarray array, size_t x, size_t y, size_t z, const struct maf_box *b, uint64_t *address,
                      uint64_t *pitch, uint64_t *slice)
{
    int error = maf_array_place(array, x, y, z, b->width, b->height, b->depth, address);
    if (!error) {
        *pitch = maf_array_find(array)->pitch;
        *slice = maf_array_find(array)->slice;
    }
    return error;
}

static CUresult copy_3d(const CUDA_MEMCPY3D *c, CUstream stream, int async)
{
    ENTER();
    struct maf_box b = {
        .dst = side(c->dstMemoryType, c->dstHost, c->dstDevice) +
               (c->dstZ * c->dstHeight + c->dstY) * c->dstPitch + c->dstXInBytes,
        .src = side(c->srcMemoryType, c->srcHost, c->srcDevice) +
               (c->srcZ * c->srcHeight + c->srcY) * c->srcPitch + c->srcXInBytes,
        .width = c->WidthInBytes,
        .height = c->Height,
        .depth = c->Depth,
        .dst_pitch = c->dstPitch,
        .src_pitch = c->srcPitch,
        .dst_slice = c->dstPitch * c->dstHeight,
        .src_slice = c->srcPitch * c->srcHeight,
    };
    int error = 0;
    if (c->srcMemoryType == MEMORY_ARRAY)
        error = array_side(c->srcArray, c->srcXInBytes, c->srcY, c->srcZ, &b, &b.src, &b.src_pitch, &b.src_slice);
    if (c->dstMemoryType == MEMORY_ARRAY && !error)
        error = array_side(c->dstArray, c->dstXInBytes, c->dstY, c->dstZ, &b, &b.dst, &b.dst_pitch, &b.dst_slice);
    if (error)
        return error;
    return driver_error(maf_memcpy_box(stream, &b, BY_ADDRESS, async));
}

static CUresult copy_2d(const CUDA_MEMCPY2D *c, CUstream stream, int async)
{
    CUDA_MEMCPY3D d = {
        .srcXInBytes = c->srcXInBytes, .srcY = c->srcY, .srcMemoryType = c->srcMemoryType, .srcHost = c->srcHost,
        .srcDevice = c->srcDevice, .srcPitch = c->srcPitch ? c->srcPitch : c->WidthInBytes, .srcArray = c->srcArray,
        .dstXInBytes = c->dstXInBytes, .dstY = c->dstY, .dstMemoryType = c->dstMemoryType, .dstHost = c->dstHost,
        .dstDevice = c->dstDevice, .dstPitch = c->dstPitch ? c->dstPitch : c->WidthInBytes, .dstArray = c->dstArray,
        .WidthInBytes = c->WidthInBytes, .Height = c->Height, .Depth = 1,
    };
    return copy_3d(&d, stream, async);
}

CUresult cuMemcpy2D_v2(const CUDA_MEMCPY2D *c)
{
    return copy_2d(c, NULL, 0);
}

CUresult cuMemcpy2D_v2_ptds(const CUDA_MEMCPY2D *c)
{
    return copy_2d(c, PER_THREAD(NULL), 0);
}

CUresult cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D *c)
{
    return copy_2d(c, NULL, 0);
}

CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *c, CUstream stream)
{
    return copy_2d(c, stream, 1);
}

CUresult cuMemcpy2DAsync_v2_ptsz(const CUDA_MEMCPY2D *c, CUstream stream)
{
    return copy_2d(c, PER_THREAD(stream), 1);
}

CUresult cuMemcpy3D_v2(const CUDA_MEMCPY3D *c)
{
    return copy_3d(c, NULL, 0);
}

CUresult cuMemcpy3D_v2_ptds(const CUDA_MEMCPY3D *c)
{
    return copy_3d(c, PER_THREAD(NULL), 0);
}

CUresult cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D *c, CUstream stream)
{
    return copy_3d(c, stream, 1);
}

CUresult cuMemcpy3DAsync_v2_ptsz(const CUDA_MEMCPY3D *c, CUstream stream)
{
    return copy_3d(c, PER_THREAD(stream), 1);
}

/* --- fills --------------------------------------------------------------------------------------------------- */
static CUresult fill(CUdeviceptr p, size_t pitch, unsigned value, unsigned element, size_t width, size_t height,
                     CUstream stream)
{
    ENTER();
    return driver_error(maf_memset_box(stream, p, pitch, value, element, width, height, 1));
}

#define FILL(bits, type)                                                                                             \
    CUresult cuMemsetD##bits##_v2(CUdeviceptr p, type value, size_t count)                                           \
    {                                                                                                                \
        return fill(p, 0, value, sizeof(type), count, 1, NULL);                                                      \
    }                                                                                                                \
    CUresult cuMemsetD##bits##_v2_ptds(CUdeviceptr p, type value, size_t count)                                      \
    {                                                                                                                \
        return fill(p, 0, value, sizeof(type), count, 1, PER_THREAD(NULL));                                          \
    }                                                                                                                \
    CUresult cuMemsetD##bits##Async(CUdeviceptr p, type value, size_t count, CUstream stream)                        \
    {                                                                                                                \
        return fill(p, 0, value, sizeof(type), count, 1, stream);                                                    \
    }                                                                                                                \
    CUresult cuMemsetD##bits##Async_ptsz(CUdeviceptr p, type value, size_t count, CUstream stream)                   \
    {                                                                                                                \
        return fill(p, 0, value, sizeof(type), count, 1, PER_THREAD(stream));                                        \
    }                                                                                                                \
    CUresult cuMemsetD2D##bits##_v2(CUdeviceptr p, size_t pitch, type value, size_t width, size_t height)            \
    {                                                                                                                \
        return fill(p, pitch, value, sizeof(type), width, height, NULL);                                             \
    }                                                                                                                \
    CUresult cuMemsetD2D##bits##_v2_ptds(CUdeviceptr p, size_t pitch, type value, size_t width, size_t height)       \
    {                                                                                                                \
        return fill(p, pitch, value, sizeof(type), width, height, PER_THREAD(NULL));                                 \
    }                                                                                                                \
    CUresult cuMemsetD2D##bits##Async(CUdeviceptr p, size_t pitch, type value, size_t width, size_t height,          \
                                      CUstream stream)                                                               \
    {                                                                                                                \
        return fill(p, pitch, value, sizeof(type), width, height, stream);                                           \
    }                                                                                                                \
    CUresult cuMemsetD2D##bits##Async_ptsz(CUdeviceptr p, size_t pitch, type value, size_t width, size_t height,     \
                                           CUstream stream)                                                          \
    {                                                                                                                \
        return fill(p, pitch, value, sizeof(type), width, height, PER_THREAD(stream));                               \
    }
FILL(8, unsigned char)
FILL(16, unsigned short)
FILL(32, unsigned)
