/* Launches, function attributes, occupancy, libraries. */
#include <string.h>

#include "front.h"

static cudaError_t launch(const void *func, dim3 grid, dim3 block, void **args, size_t shared, cudaStream_t stream,
                          int cooperative)
{
    struct maf_launch l = {
        .kernel = (void *)(uintptr_t)func,
        .grid = {grid.x, grid.y, grid.z},
        .block = {block.x, block.y, block.z},
        .shared = shared,
        .stream = stream,
        .args = args,
        .cooperative = (uint32_t)cooperative,
    };
    ENTER();
    return done(maf_launch(&l));
}

cudaError_t __cudaGetKernel(cudaKernel_t *kernel, const void *func)
{
    *kernel = maf_kernel_handle(func);
    return done(*kernel ? 0 : MAF_E_INVALID_DEVICE_FUNCTION);
}

cudaError_t cudaGetKernel(cudaKernel_t *kernel, const void *func)
{
    return __cudaGetKernel(kernel, func);
}

cudaError_t cudaGetFuncBySymbol(cudaFunction_t *function, const void *symbol)
{
    return __cudaGetKernel(function, symbol);
}

cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void **args, size_t shared,
                               cudaStream_t stream)
{
    TRACE(cudaLaunchKernel);
    return launch(kernel, grid, block, args, shared, stream, 0);
}

cudaError_t __cudaLaunchKernel_ptsz(cudaKernel_t kernel, dim3 grid, dim3 block, void **args, size_t shared,
                                    cudaStream_t stream)
{
    return launch(kernel, grid, block, args, shared, PER_THREAD(stream), 0);
}

cudaError_t cudaLaunchKernel(const void *func, dim3 grid, dim3 block, void **args, size_t shared, cudaStream_t stream)
{
    TRACE(cudaLaunchKernel);
    return launch(func, grid, block, args, shared, stream, 0);
}

cudaError_t cudaLaunchKernel_ptsz(const void *func, dim3 grid, dim3 block, void **args, size_t shared,
                                  cudaStream_t stream)
{
    return launch(func, grid, block, args, shared, PER_THREAD(stream), 0);
}

cudaError_t cudaLaunchCooperativeKernel(const void *func, dim3 grid, dim3 block, void **args, size_t shared,
                                        cudaStream_t stream)
{
    TRACE(cudaLaunchCooperativeKernel);
    return launch(func, grid, block, args, shared, stream, 1);
}

cudaError_t cudaLaunchCooperativeKernel_ptsz(const void *func, dim3 grid, dim3 block, void **args, size_t shared,
                                             cudaStream_t stream)
{
    return launch(func, grid, block, args, shared, PER_THREAD(stream), 1);
}

enum { ATTRIBUTE_COOPERATIVE = 2, ATTRIBUTE_CLUSTER = 4 };

/* Attributes that only hint at scheduling (priority, programmatic serialisation, carve-out) change nothing here. */
static cudaError_t launch_config(const cudaLaunchConfig_t *c, const void *func, void **args, cudaStream_t stream)
{
    int cooperative = 0;
    for (unsigned i = 0; i < c->numAttrs; i++) {
        const cudaLaunchAttribute *a = &c->attrs[i];
        if (a->id == ATTRIBUTE_COOPERATIVE)
            cooperative = a->val.number != 0;
        else if (a->id == ATTRIBUTE_CLUSTER && a->val.dims[0] * a->val.dims[1] * a->val.dims[2] > 1)
            return unsupported("thread block clusters");
    }
    return launch(func, c->gridDim, c->blockDim, args, c->dynamicSmemBytes, stream, cooperative);
}

cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t *config, const void *func, void **args)
{
    TRACE(cudaLaunchKernelExC);
    return config ? launch_config(config, func, args, config->stream) : done(MAF_E_INVALID_VALUE);
}

cudaError_t cudaLaunchKernelExC_ptsz(const cudaLaunchConfig_t *config, const void *func, void **args)
{
    return config ? launch_config(config, func, args, PER_THREAD(config->stream)) : done(MAF_E_INVALID_VALUE);
}

/* --- attributes --------------------------------------------------------------------------------------- */
cudaError_t cudaFuncGetAttributes(struct cudaFuncAttributes *attributes, const void *func)
{
    TRACE(cudaFuncGetAttributes);
    struct maf_kernel_facts f;
    ENTER();
    int error = maf_kernel_facts((void *)(uintptr_t)func, maf_current_device(), &f);
    if (error)
        return done(error);
    memset(attributes, 0, sizeof *attributes);
    attributes->sharedSizeBytes = f.info.static_shared;
    attributes->constSizeBytes = f.info.const_bytes;
    attributes->localSizeBytes = f.info.local_bytes;
    attributes->maxThreadsPerBlock = (int)f.info.max_threads;
    attributes->numRegs = (int)f.info.registers;
    attributes->ptxVersion = (int)(f.info.ptx_version ? f.info.ptx_version : f.info.binary_version);
    attributes->binaryVersion = (int)f.info.binary_version;
    attributes->maxDynamicSharedSizeBytes = f.max_dynamic_shared;
    attributes->preferredShmemCarveout = f.carveout;
    return 0;
}

enum { FUNC_MAX_DYNAMIC_SHARED = 8, FUNC_CARVEOUT = 9 };

static int set_attribute(void *kernel, int attr, int value)
{
    switch (attr) {
    case FUNC_MAX_DYNAMIC_SHARED:
        return maf_kernel_set_shared(kernel, value);
    case FUNC_CARVEOUT:
        return maf_kernel_set_carveout(kernel, value);
    default: /* cluster attributes: CC 9.0 and later */
        return MAF_E_INVALID_VALUE;
    }
}

cudaError_t cudaFuncSetAttribute(const void *func, int attr, int value)
{
    TRACE(cudaFuncSetAttribute);
    ENTER();
    return done(set_attribute((void *)(uintptr_t)func, attr, value));
}

cudaError_t cudaKernelSetAttributeForDevice(cudaKernel_t kernel, int attr, int value, int device)
{
    ENTER();
    int error = valid_device(device);
    return done(error ? error : set_attribute(kernel, attr, value));
}

cudaError_t cudaFuncSetCacheConfig(const void *func, int config)
{
    return done(!maf_kernel_handle(func) ? MAF_E_INVALID_DEVICE_FUNCTION
                : config < 0 || config > 3 ? MAF_E_INVALID_VALUE
                                           : 0);
}

cudaError_t cudaFuncGetName(const char **name, const void *func)
{
    *name = maf_kernel_name((void *)(uintptr_t)func);
    return done(*name ? 0 : MAF_E_INVALID_DEVICE_FUNCTION);
}

cudaError_t cudaFuncGetParamInfo(const void *func, size_t index, size_t *offset, size_t *bytes)
{
    uint32_t at = 0, size = 0;
    ENTER();
    int error = maf_kernel_param((void *)(uintptr_t)func, maf_current_device(), (uint32_t)index, &at, &size);
    if (error)
        return done(error);
    *offset = at;
    if (bytes)
        *bytes = size;
    return 0;
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *func, int blockSize, size_t shared)
{
    TRACE(cudaOccupancyMaxActiveBlocksPerMultiprocessor);
    ENTER();
    return done(maf_kernel_occupancy((void *)(uintptr_t)func, maf_current_device(), blockSize, shared, blocks));
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, const void *func, int blockSize,
                                                                   size_t shared, unsigned flags)
{
    (void)flags;
    return cudaOccupancyMaxActiveBlocksPerMultiprocessor(blocks, func, blockSize, shared);
}

cudaError_t cudaOccupancyAvailableDynamicSMemPerBlock(size_t *bytes, const void *func, int blocks, int blockSize)
{
    struct maf_kernel_facts f;
    int sm, possible;
    ENTER();
    int error = maf_kernel_facts((void *)(uintptr_t)func, maf_current_device(), &f);
    if (!error)
        error = maf_kernel_occupancy((void *)(uintptr_t)func, maf_current_device(), blockSize, 0, &possible);
    if (error || blocks <= 0 || maf_device_attribute(81, &sm))
        return done(error ? error : MAF_E_INVALID_VALUE);
    int room = blocks > possible ? 0 : (sm / blocks & ~255) - (int)f.info.static_shared;
    *bytes = (size_t)(room < 0 ? 0 : room < f.max_dynamic_shared ? room : f.max_dynamic_shared);
    return 0;
}

/* --- libraries ------------------------------------------------------------------------------------------ */
cudaError_t cudaLibraryLoadData(cudaLibrary_t *library, const void *code, int *jitOptions, void **jitValues,
                                unsigned jitCount, int *options, void **values, unsigned count)
{
    (void)jitOptions, (void)jitValues, (void)jitCount, (void)options, (void)values, (void)count;
    return done(maf_module_load(code, library));
}

cudaError_t cudaLibraryLoadFromFile(cudaLibrary_t *library, const char *path, int *jitOptions, void **jitValues,
                                    unsigned jitCount, int *options, void **values, unsigned count)
{
    (void)jitOptions, (void)jitValues, (void)jitCount, (void)options, (void)values, (void)count;
    return done(maf_module_load_file(path, library));
}

cudaError_t cudaLibraryUnload(cudaLibrary_t library)
{
    return done(maf_module_unload(library));
}

cudaError_t cudaLibraryGetKernel(cudaKernel_t *kernel, cudaLibrary_t library, const char *name)
{
    ENTER();
    return done(maf_module_kernel(library, name, kernel));
}

cudaError_t cudaLibraryGetGlobal(void **p, size_t *bytes, cudaLibrary_t library, const char *name)
{
    uint64_t address, size;
    ENTER();
    int error = maf_module_variable(library, name, &address, &size);
    if (error)
        return done(error);
    if (p)
        *p = (void *)(uintptr_t)address;
    if (bytes)
        *bytes = size;
    return 0;
}
