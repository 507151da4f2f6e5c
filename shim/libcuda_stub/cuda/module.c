/* Modules, libraries, kernels, launches, occupancy. CUmodule and CUlibrary are one thing here, as are CUfunction and
 * CUkernel and the runtime's cudaKernel_t. */
#include <stdlib.h>
#include <string.h>

#include "front.h"

CUresult cuModuleLoadData(CUmodule *module, const void *image)
{
    ENTER();
    return maf_module_load(image, module);
}

CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned count, int *options, void **values)
{
    (void)count, (void)options, (void)values; /* JIT options: optimisation level, log buffers */
    return cuModuleLoadData(module, image);
}

CUresult cuModuleLoadFatBinary(CUmodule *module, const void *image)
{
    return cuModuleLoadData(module, image);
}

CUresult cuModuleLoad(CUmodule *module, const char *path)
{
    ENTER();
    return maf_module_load_file(path, module);
}

CUresult cuModuleUnload(CUmodule module)
{
    return maf_module_unload(module);
}

CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name)
{
    ENTER();
    return maf_module_kernel(module, name, function);
}

CUresult cuModuleGetGlobal_v2(CUdeviceptr *p, size_t *bytes, CUmodule module, const char *name)
{
    uint64_t address = 0, size = 0;
    ENTER();
    int error = maf_module_variable(module, name, &address, &size);
    if (error)
        return error;
    if (p)
        *p = address;
    if (bytes)
        *bytes = size;
    return 0;
}

CUresult cuModuleGetLoadingMode(int *mode)
{
    *mode = 2; /* lazy */
    return 0;
}

/* --- linker: one input is passed through; the loader knows every format -------------------------------------- */
struct link {
    char *data;
    size_t bytes;
};

CUresult cuLinkCreate_v2(unsigned count, int *options, void **values, CUlinkState *state)
{
    (void)count, (void)options, (void)values;
    *state = calloc(1, sizeof(struct link));
    return *state ? 0 : MAF_E_OUT_OF_MEMORY;
}

CUresult cuLinkAddData_v2(CUlinkState state, int type, void *data, size_t bytes, const char *name, unsigned count,
                          int *options, void **values)
{
    struct link *l = state;
    (void)type, (void)name, (void)count, (void)options, (void)values;
    if (!l || !data || !bytes)
        return MAF_E_INVALID_VALUE;
    if (l->data)
        return unsupported("cuLinkAddData of a second input");
    if (!(l->data = malloc(bytes + 1)))
        return MAF_E_OUT_OF_MEMORY;
    memcpy(l->data, data, bytes);
    l->data[bytes] = 0; /* PTX text is not always terminated */
    l->bytes = bytes + 1;
    return 0;
}

CUresult cuLinkComplete(CUlinkState state, void **cubin, size_t *bytes)
{
    struct link *l = state;
    if (!l || !l->data)
        return MAF_E_INVALID_VALUE;
    *cubin = l->data;
    if (bytes)
        *bytes = l->bytes;
    return 0;
}

CUresult cuLinkDestroy(CUlinkState state)
{
    struct link *l = state;
    if (l)
        free(l->data);
    free(l);
    return 0;
}

/* --- libraries ----------------------------------------------------------------------------------------------- */
CUresult cuLibraryLoadData(CUlibrary *library, const void *code, int *jitOptions, void **jitValues, unsigned jitCount,
                           int *options, void **values, unsigned count)
{
    (void)jitOptions, (void)jitValues, (void)jitCount, (void)options, (void)values, (void)count;
    return maf_module_load(code, library);
}

CUresult cuLibraryLoadFromFile(CUlibrary *library, const char *path, int *jitOptions, void **jitValues,
                               unsigned jitCount, int *options, void **values, unsigned count)
{
    (void)jitOptions, (void)jitValues, (void)jitCount, (void)options, (void)values, (void)count;
    return maf_module_load_file(path, library);
}

CUresult cuLibraryUnload(CUlibrary library)
{
    return maf_module_unload(library);
}

CUresult cuLibraryGetKernel(CUkernel *kernel, CUlibrary library, const char *name)
{
    return cuModuleGetFunction(kernel, library, name);
}

CUresult cuLibraryGetModule(CUmodule *module, CUlibrary library)
{
    *module = library;
    return maf_module_valid(library) ? 0 : MAF_E_INVALID_HANDLE;
}

CUresult cuLibraryGetGlobal(CUdeviceptr *p, size_t *bytes, CUlibrary library, const char *name)
{
    return cuModuleGetGlobal_v2(p, bytes, library, name);
}

CUresult cuKernelGetFunction(CUfunction *function, CUkernel kernel)
{
    *function = maf_kernel_handle(kernel);
    return *function ? 0 : MAF_E_INVALID_HANDLE;
}

CUresult cuKernelGetLibrary(CUlibrary *library, CUkernel kernel)
{
    *library = maf_kernel_module(kernel);
    return *library ? 0 : MAF_E_INVALID_HANDLE;
}

CUresult cuKernelGetName(const char **name, CUkernel kernel)
{
    *name = maf_kernel_name(kernel);
    return *name ? 0 : MAF_E_INVALID_HANDLE;
}

/* --- attributes ---------------------------------------------------------------------------------------------- */
enum { FUNC_MAX_DYNAMIC_SHARED = 8, FUNC_CARVEOUT = 9, FUNC_LAST = 15 };

static CUresult get_attribute(int *value, int attribute, void *kernel, int device)
{
    struct maf_kernel_facts f;
    int error = maf_kernel_facts(kernel, device, &f);
    if (error)
        return driver_error(error);
    const int values[] = {
        (int)f.info.max_threads,
        (int)f.info.static_shared,
        (int)f.info.const_bytes,
        (int)f.info.local_bytes,
        (int)f.info.registers,
        (int)(f.info.ptx_version ? f.info.ptx_version : f.info.binary_version),
        (int)f.info.binary_version,
        0, /* cache mode CA */
        f.max_dynamic_shared,
        f.carveout,
    };
    if (attribute < 0 || attribute > FUNC_LAST)
        return MAF_E_INVALID_VALUE;
    *value = attribute <= FUNC_CARVEOUT ? values[attribute] : 0; /* clusters: none on CC 7.5 */
    return 0;
}

static CUresult set_attribute(void *kernel, int attribute, int value)
{
    switch (attribute) {
    case FUNC_MAX_DYNAMIC_SHARED:
        return driver_error(maf_kernel_set_shared(kernel, value));
    case FUNC_CARVEOUT:
        return driver_error(maf_kernel_set_carveout(kernel, value));
    }
    return MAF_E_INVALID_VALUE;
}

CUresult cuFuncGetAttribute(int *value, int attribute, CUfunction function)
{
    ENTER();
    return get_attribute(value, attribute, function, maf_current_device());
}

CUresult cuFuncSetAttribute(CUfunction function, int attribute, int value)
{
    ENTER();
    return set_attribute(function, attribute, value);
}

CUresult cuKernelGetAttribute(int *value, int attribute, CUkernel kernel, CUdevice device)
{
    ENTER();
    int error = valid_device(device);
    return error ? error : get_attribute(value, attribute, kernel, device);
}

CUresult cuKernelSetAttribute(int attribute, int value, CUkernel kernel, CUdevice device)
{
    ENTER();
    int error = valid_device(device);
    return error ? error : set_attribute(kernel, attribute, value);
}

CUresult cuFuncSetCacheConfig(CUfunction function, int config)
{
    return !maf_kernel_handle(function) ? MAF_E_INVALID_HANDLE : config < 0 || config > 3 ? MAF_E_INVALID_VALUE : 0;
}

CUresult cuFuncGetModule(CUmodule *module, CUfunction function)
{
    return cuKernelGetLibrary(module, function);
}

CUresult cuFuncGetName(const char **name, CUfunction function)
{
    return cuKernelGetName(name, function);
}

CUresult cuKernelGetParamInfo(CUkernel kernel, size_t index, size_t *offset, size_t *bytes)
{
    uint32_t at = 0, size = 0;
    ENTER();
    int error = maf_kernel_param(kernel, maf_current_device(), (uint32_t)index, &at, &size);
    if (error)
        return driver_error(error);
    *offset = at;
    if (bytes)
        *bytes = size;
    return 0;
}

CUresult cuFuncGetParamInfo(CUfunction function, size_t index, size_t *offset, size_t *bytes)
{
    return cuKernelGetParamInfo(function, index, offset, bytes);
}

CUresult cuFuncLoad(CUfunction function)
{
    struct maf_kernel_facts f;
    ENTER();
    return driver_error(maf_kernel_facts(function, maf_current_device(), &f));
}

CUresult cuFuncIsLoaded(int *state, CUfunction function)
{
    *state = maf_kernel_handle(function) != NULL;
    return *state ? 0 : MAF_E_INVALID_HANDLE;
}

/* --- launches ------------------------------------------------------------------------------------------------ */
static CUresult launch(struct maf_launch *l)
{
    ENTER();
    return driver_error(maf_launch(l));
}

CUresult cuLaunchKernel(CUfunction function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                        unsigned bz, unsigned shared, CUstream stream, void **params, void **extra)
{
    TRACE(cuLaunchKernel);
    struct maf_launch l = {.kernel = function, .grid = {gx, gy, gz}, .block = {bx, by, bz}, .shared = shared,
                           .stream = stream, .args = params, .extra = extra};
    return params && extra ? MAF_E_INVALID_VALUE : launch(&l);
}

CUresult cuLaunchKernel_ptsz(CUfunction function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                             unsigned bz, unsigned shared, CUstream stream, void **params, void **extra)
{
    return cuLaunchKernel(function, gx, gy, gz, bx, by, bz, shared, PER_THREAD(stream), params, extra);
}

CUresult cuLaunchCooperativeKernel(CUfunction function, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                                   unsigned by, unsigned bz, unsigned shared, CUstream stream, void **params)
{
    TRACE(cuLaunchCooperativeKernel);
    struct maf_launch l = {.kernel = function, .grid = {gx, gy, gz}, .block = {bx, by, bz}, .shared = shared,
                           .stream = stream, .args = params, .cooperative = 1};
    return launch(&l);
}

CUresult cuLaunchCooperativeKernel_ptsz(CUfunction function, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                                        unsigned by, unsigned bz, unsigned shared, CUstream stream, void **params)
{
    return cuLaunchCooperativeKernel(function, gx, gy, gz, bx, by, bz, shared, PER_THREAD(stream), params);
}

enum { ATTRIBUTE_COOPERATIVE = 2, ATTRIBUTE_CLUSTER = 4 };

static CUresult launch_ex(const CUlaunchConfig *c, CUfunction function, void **params, void **extra, CUstream stream)
{
    TRACE(cuLaunchKernelEx);
    struct maf_launch l = {.kernel = function,
                           .grid = {c->gridDimX, c->gridDimY, c->gridDimZ},
                           .block = {c->blockDimX, c->blockDimY, c->blockDimZ},
                           .shared = c->sharedMemBytes,
                           .stream = stream,
                           .args = params,
                           .extra = extra};
    for (unsigned i = 0; i < c->numAttrs; i++) {
        const CUlaunchAttribute *a = &c->attrs[i];
        if (a->id == ATTRIBUTE_COOPERATIVE)
            l.cooperative = a->value.number != 0;
        else if (a->id == ATTRIBUTE_CLUSTER && a->value.dims[0] * a->value.dims[1] * a->value.dims[2] > 1)
            return unsupported("thread block clusters");
    }
    return launch(&l);
}

CUresult cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction function, void **params, void **extra)
{
    return launch_ex(config, function, params, extra, config->hStream);
}

CUresult cuLaunchKernelEx_ptsz(const CUlaunchConfig *config, CUfunction function, void **params, void **extra)
{
    return launch_ex(config, function, params, extra, PER_THREAD(config->hStream));
}

/* --- occupancy ----------------------------------------------------------------------------------------------- */
CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction function, int blockSize, size_t shared)
{
    ENTER();
    return driver_error(maf_kernel_occupancy(function, maf_current_device(), blockSize, shared, blocks));
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, CUfunction function, int blockSize,
                                                              size_t shared, unsigned flags)
{
    (void)flags;
    return cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, function, blockSize, shared);
}

/* The largest block size that gives the most resident threads per SM; sharedOf maps a block size to shared bytes. */
CUresult cuOccupancyMaxPotentialBlockSize(int *minGrid, int *blockSize, CUfunction function, void *sharedOf,
                                          size_t shared, int limit)
{
    struct maf_kernel_facts f;
    int best = 0, sms = 1;
    size_t (*of)(int);
    ENTER();
    memcpy(&of, &sharedOf, sizeof of);
    int error = maf_kernel_facts(function, maf_current_device(), &f);
    if (error)
        return driver_error(error);
    int top = (int)f.info.max_threads;
    top = limit > 0 && limit < top ? limit : top;
    maf_device_attribute(16, &sms);
    *blockSize = *minGrid = 0;
    for (int size = top; size > 0; size = size % 32 ? size - size % 32 : size - 32) {
        int blocks = 0;
        error = maf_kernel_occupancy(function, maf_current_device(), size, of ? of(size) : shared, &blocks);
        if (error)
            return driver_error(error);
        if (blocks * size > best) {
            best = blocks * size;
            *blockSize = size;
            *minGrid = blocks * sms;
        }
    }
    return 0;
}

CUresult cuOccupancyMaxPotentialBlockSizeWithFlags(int *minGrid, int *blockSize, CUfunction function, void *sharedOf,
                                                   size_t shared, int limit, unsigned flags)
{
    (void)flags;
    return cuOccupancyMaxPotentialBlockSize(minGrid, blockSize, function, sharedOf, shared, limit);
}
