/* Devices, properties, limits, errors, versions. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "front.h"
#include "majors.h"
#include "profile.h"

_Static_assert(sizeof(struct cudaDeviceProp13) == 1008, "libcudart.so.13 layout");
_Static_assert(offsetof(struct cudaDeviceProp13, major) == 360, "libcudart.so.13 layout");
_Static_assert(offsetof(struct cudaDeviceProp13, multiProcessorCount) == 384, "libcudart.so.13 layout");
_Static_assert(offsetof(struct cudaDeviceProp13, surfaceAlignment) == 552, "libcudart.so.13 layout");
_Static_assert(offsetof(struct cudaDeviceProp13, maxThreadsPerMultiProcessor) == 604, "libcudart.so.13 layout");
_Static_assert(offsetof(struct cudaDeviceProp13, cooperativeLaunch) == 668, "libcudart.so.13 layout");
_Static_assert(offsetof(struct cudaDeviceProp13, memoryPoolsSupported) == 720, "libcudart.so.13 layout");
_Static_assert(offsetof(struct cudaDeviceProp13, gpuPciDeviceID) == 772, "libcudart.so.13 layout");
_Static_assert(sizeof(struct cudaDeviceProp12) == 1032, "libcudart.so.12 layout");
_Static_assert(offsetof(struct cudaDeviceProp12, clockRate) == 348, "libcudart.so.12 layout");
_Static_assert(offsetof(struct cudaDeviceProp12, multiProcessorCount) == 388, "libcudart.so.12 layout");
_Static_assert(offsetof(struct cudaDeviceProp12, asyncEngineCount) == 600, "libcudart.so.12 layout");
_Static_assert(offsetof(struct cudaDeviceProp12, maxThreadsPerMultiProcessor) == 624, "libcudart.so.12 layout");
_Static_assert(offsetof(struct cudaDeviceProp12, regsPerMultiprocessor) == 648, "libcudart.so.12 layout");

enum { CUDA_VERSION = MAF_CUDART_MAJOR == 12 ? 12080 : 13000, DRIVER_VERSION = 13000 };

cudaError_t cudaGetDeviceCount(int *count)
{
    return done(maf_device_count(count));
}

cudaError_t cudaGetDevice(int *device)
{
    *device = maf_current_device();
    return maf_forked_child() ? done(MAF_E_INITIALIZATION) : 0;
}

cudaError_t cudaSetDevice(int device)
{
    return done(maf_set_device(device));
}

cudaError_t cudaInitDevice(int device, unsigned deviceFlags, unsigned flags)
{
    (void)deviceFlags, (void)flags;
    return done(valid_device(device));
}

static unsigned device_flags;

cudaError_t cudaGetDeviceFlags(unsigned *flags)
{
    *flags = device_flags | 8; /* host memory can be mapped */
    return 0;
}

cudaError_t cudaSetDeviceFlags(unsigned flags)
{
    if (flags & ~0x7fu)
        return done(MAF_E_INVALID_VALUE);
    device_flags = flags;
    return 0;
}

cudaError_t cudaSetValidDevices(int *devices, int count)
{
    for (int i = 0; i < count; i++) {
        int error = valid_device(devices[i]);
        if (error)
            return done(error);
    }
    return 0;
}

cudaError_t cudaChooseDevice(int *device, const void *prop)
{
    (void)prop;
    *device = 0;
    return done(valid_device(0));
}

/* Both runtimes name the members alike, so one body fills either structure. Texture limits are those of CC 7.5. */
#define FILL_COMMON(p, device)                                                           \
    do {                                                                                 \
        const struct maf_profile *f = maf_device_profile();                              \
        memset(p, 0, sizeof *(p));                                                       \
        memcpy((p)->name, f->name, sizeof(p)->name);                                     \
        maf_device_uuid(device, (unsigned char *)(p)->uuid.bytes);                       \
        (p)->totalGlobalMem = (size_t)f->totalGlobalMem;                                 \
        (p)->sharedMemPerBlock = (size_t)f->sharedMemPerBlock;                           \
        (p)->regsPerBlock = (int)f->regsPerBlock;                                        \
        (p)->warpSize = (int)f->warpSize;                                                \
        (p)->memPitch = 0x7fffffff;                                                      \
        (p)->maxThreadsPerBlock = (int)f->maxThreadsPerBlock;                            \
        (p)->maxThreadsDim[0] = (p)->maxThreadsDim[1] = 1024;                            \
        (p)->maxThreadsDim[2] = 64;                                                      \
        (p)->maxGridSize[0] = 0x7fffffff;                                                \
        (p)->maxGridSize[1] = (p)->maxGridSize[2] = 65535;                               \
        (p)->totalConstMem = (size_t)f->totalConstMem;                                   \
        (p)->major = (int)f->major;                                                      \
        (p)->minor = (int)f->minor;                                                      \
        (p)->textureAlignment = 512;                                                     \
        (p)->texturePitchAlignment = 32;                                                 \
        (p)->multiProcessorCount = (int)f->multiProcessorCount;                          \
        (p)->canMapHostMemory = 1;                                                       \
        (p)->surfaceAlignment = 512;                                                     \
        (p)->concurrentKernels = 1;                                                      \
        (p)->pciBusID = (int)f->pciBusID + (device);                                     \
        (p)->pciDeviceID = (int)f->pciDeviceID;                                          \
        (p)->pciDomainID = (int)f->pciDomainID;                                          \
        (p)->asyncEngineCount = (int)f->asyncEngineCount;                                \
        (p)->unifiedAddressing = 1;                                                      \
        (p)->memoryBusWidth = (int)f->memoryBusWidth;                                    \
        (p)->l2CacheSize = (int)f->l2CacheSize;                                          \
        (p)->maxThreadsPerMultiProcessor = (int)f->maxThreadsPerMultiProcessor;          \
        (p)->streamPrioritiesSupported = 1;                                              \
        (p)->globalL1CacheSupported = (p)->localL1CacheSupported = 1;                    \
        (p)->sharedMemPerMultiprocessor = (size_t)f->sharedMemPerMultiprocessor;         \
        (p)->regsPerMultiprocessor = (int)f->regsPerMultiprocessor;                      \
        (p)->managedMemory = 1;                                                          \
        (p)->multiGpuBoardGroupID = (device);                                            \
        (p)->computePreemptionSupported = 1;                                             \
        (p)->cooperativeLaunch = 1;                                                      \
        (p)->sharedMemPerBlockOptin = (size_t)f->sharedMemPerBlockOptin;                 \
        (p)->maxBlocksPerMultiProcessor = (int)f->maxBlocksPerMultiProcessor;            \
        (p)->reservedSharedMemPerBlock = (size_t)f->reservedSharedMemPerBlock;           \
        (p)->memoryPoolsSupported = 1;                                                   \
    } while (0)

static void fill_limits(int *limits, const int *ids, int count)
{
    for (int i = 0; i < count; i++)
        maf_device_attribute(ids[i], &limits[i]);
}

/* Attribute numbers in the order of the structure's members, from maxTexture2D on. */
static const int texture_ids[] = {22, 23, 73, 74, 70, 71, 72, 45, 46, 24, 25, 26, 47, 48, 49, 52, 42, 43,
                                  27, 28, 29, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68};

#if MAF_CUDART_MAJOR == 12
static void fill12(struct cudaDeviceProp12 *p, int device)
{
    const struct maf_profile *profile = maf_device_profile();
    FILL_COMMON(p, device);
    p->clockRate = (int)profile->clockRate;
    p->memoryClockRate = (int)profile->memoryClockRate;
    p->deviceOverlap = 1;
    p->singleToDoublePrecisionPerfRatio = 32;
    maf_device_attribute(21, &p->maxTexture1D);
    maf_device_attribute(77, &p->maxTexture1DMipmap);
    maf_device_attribute(69, &p->maxTexture1DLinear);
    fill_limits(p->textureLimits, texture_ids, 37);
}

cudaError_t cudaGetDeviceProperties_v2(struct cudaDeviceProp12 *prop, int device)
{
    int error = valid_device(device);
    if (error)
        return done(error);
    fill12(prop, device);
    return 0;
}

cudaError_t cudaGetDeviceProperties(void *prop, int device)
{
    struct cudaDeviceProp12 p;
    int error = valid_device(device);
    if (error)
        return done(error);
    fill12(&p, device);
    memcpy(prop, &p, offsetof(struct cudaDeviceProp12, hostRegisterSupported));
    return 0;
}
#else
cudaError_t cudaGetDeviceProperties(void *prop, int device)
{
    struct cudaDeviceProp13 *p = prop;
    int error = valid_device(device);
    if (error)
        return done(error);
    FILL_COMMON(p, device);
    p->hostNumaId = -1;
    p->ipcEventSupported = 1;
    maf_device_attribute(21, &p->textureLimits[0]);
    maf_device_attribute(77, &p->textureLimits[1]);
    fill_limits(p->textureLimits + 2, texture_ids, 37);
    return 0;
}
#endif

cudaError_t cudaDeviceGetAttribute(int *value, int attr, int device)
{
    int error = valid_device(device);
    if (!error)
        error = maf_device_attribute(attr, value);
    if (!error && attr == 33)
        *value += device;
    return done(error);
}

cudaError_t cudaDeviceGetPCIBusId(char *pciBusId, int len, int device)
{
    char id[32];
    int error = valid_device(device);
    if (error)
        return done(error);
    maf_device_bus_id(device, id, sizeof id);
    if (len <= (int)strlen(id))
        return done(MAF_E_INVALID_VALUE);
    strcpy(pciBusId, id);
    return 0;
}

cudaError_t cudaDeviceGetByPCIBusId(int *device, const char *pciBusId)
{
    int count;
    int error = maf_device_count(&count);
    for (int i = 0; !error && i < count; i++) {
        char id[32];
        maf_device_bus_id(i, id, sizeof id);
        if (strcasecmp(pciBusId, id) == 0 || strcasecmp(pciBusId, id + 5) == 0) {
            *device = i;
            return 0;
        }
    }
    return done(error ? error : MAF_E_INVALID_DEVICE);
}

cudaError_t cudaDeviceSynchronize(void)
{
    TRACE(cudaDeviceSynchronize);
    ENTER();
    return done(maf_device_sync());
}

/* Work is finished; memory stays, since other threads may still hold it. */
cudaError_t cudaDeviceReset(void)
{
    return cudaDeviceSynchronize();
}

cudaError_t cudaDeviceGetLimit(size_t *value, int limit)
{
    ENTER();
    return done(value ? maf_get_limit(limit, value) : MAF_E_INVALID_VALUE);
}

cudaError_t cudaDeviceSetLimit(int limit, size_t value)
{
    ENTER();
    return done(maf_set_limit(limit, value));
}

static int cache_config;

cudaError_t cudaDeviceGetCacheConfig(int *config)
{
    *config = cache_config;
    return 0;
}

cudaError_t cudaDeviceSetCacheConfig(int config)
{
    if (config < 0 || config > 3)
        return done(MAF_E_INVALID_VALUE);
    cache_config = config;
    return 0;
}

cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest)
{
    int error = maf_start();
    if (error)
        return done(error);
    if (least)
        *least = 0;
    if (greatest)
        *greatest = -5;
    return 0;
}

/* All SDAs of a process live in one executor and one address space. */
cudaError_t cudaDeviceCanAccessPeer(int *can, int device, int peer)
{
    int error = valid_device(device);
    if (!error)
        error = valid_device(peer);
    *can = !error && device != peer;
    return done(error);
}

static unsigned short peers[MAF_MAX_SDA];

cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned flags)
{
    int error = valid_device(peer), self = maf_current_device();
    if (error || flags || peer == self)
        return done(error ? error : flags ? MAF_E_INVALID_VALUE : MAF_E_INVALID_DEVICE);
    if (peers[self] >> peer & 1)
        return done(704); /* cudaErrorPeerAccessAlreadyEnabled */
    peers[self] |= (unsigned short)(1 << peer);
    return 0;
}

cudaError_t cudaDeviceDisablePeerAccess(int peer)
{
    int error = valid_device(peer), self = maf_current_device();
    if (error)
        return done(error);
    if (!(peers[self] >> peer & 1))
        return done(705); /* cudaErrorPeerAccessNotEnabled */
    peers[self] &= (unsigned short)~(1 << peer);
    return 0;
}

cudaError_t cudaDeviceGetP2PAttribute(int *value, int attr, int src, int dst)
{
    int error = valid_device(src);
    if (!error)
        error = valid_device(dst);
    if (error || src == dst || attr < 1 || attr > 5)
        return done(error ? error : MAF_E_INVALID_VALUE);
    *value = attr != 4; /* performance rank, access, native atomics; no arrays */
    return 0;
}

cudaError_t cudaDriverGetVersion(int *version)
{
    *version = DRIVER_VERSION;
    return 0;
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
    *version = CUDA_VERSION;
    return 0;
}

cudaError_t cudaGetLastError(void)
{
    int error = *maf_last_error(), fault = maf_fault_now();
    *maf_last_error() = 0;
    return fault ? fault : error;
}

cudaError_t cudaPeekAtLastError(void)
{
    int fault = maf_fault_now();
    return fault ? fault : *maf_last_error();
}

const char *cudaGetErrorName(cudaError_t error)
{
    return maf_error_name(error, 0);
}

const char *cudaGetErrorString(cudaError_t error)
{
    return maf_error_text(error);
}

cudaError_t cudaProfilerStart(void)
{
    return 0;
}

cudaError_t cudaProfilerStop(void)
{
    return 0;
}

/* --- driver entry points: whatever libcuda.so.1 of this process answers ---------------------------------- */
typedef int (*get_proc_address)(const char *, void **, int, uint64_t, int *);

static get_proc_address driver_lookup(void)
{
    static get_proc_address found;
    if (!found) {
        void *library = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD);
        if (!library)
            library = dlopen("libcuda.so.1", RTLD_LAZY);
        if (library) {
            void *p = dlsym(library, "cuGetProcAddress_v2");
            memcpy(&found, &p, sizeof found);
        }
    }
    return found;
}

static cudaError_t entry_point(const char *symbol, void **funcPtr, unsigned version, unsigned long long flags,
                               int *status)
{
    get_proc_address look = driver_lookup();
    int found = 1; /* cudaDriverEntryPointSymbolNotFound */
    if (!symbol || !funcPtr || !look)
        return done(!look ? 35 : MAF_E_INVALID_VALUE); /* cudaErrorInsufficientDriver */
    *funcPtr = NULL;
    int error = look(symbol, funcPtr, (int)version, flags, &found);
    if (status) {
        *status = found;
        return 0;
    }
    return done(error);
}

cudaError_t cudaGetDriverEntryPoint(const char *symbol, void **funcPtr, unsigned long long flags, int *status)
{
    return entry_point(symbol, funcPtr, CUDA_VERSION, flags, status);
}

cudaError_t cudaGetDriverEntryPoint_ptsz(const char *symbol, void **funcPtr, unsigned long long flags, int *status)
{
    return entry_point(symbol, funcPtr, CUDA_VERSION, flags ? flags : 2, status);
}

cudaError_t cudaGetDriverEntryPointByVersion(const char *symbol, void **funcPtr, unsigned version,
                                             unsigned long long flags, int *status)
{
    return entry_point(symbol, funcPtr, version, flags, status);
}

cudaError_t cudaGetDriverEntryPointByVersion_ptsz(const char *symbol, void **funcPtr, unsigned version,
                                                  unsigned long long flags, int *status)
{
    return entry_point(symbol, funcPtr, version, flags ? flags : 2, status);
}
