/* cuGetProcAddress: a base name and a CUDA version give the symbol whose signature that version had. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "front.h"

enum { FLAG_PER_THREAD = 2, NOT_FOUND = 1 };

/* First version whose base name means the symbol with this suffix. Names not listed never changed. */
static const struct {
    const char *base;
    int version;
    const char *suffix;
} revisions[] = {
    {"cuDeviceTotalMem", 3020, "_v2"},
    {"cuCtxCreate", 3020, "_v2"}, {"cuCtxCreate", 11040, "_v3"}, {"cuCtxCreate", 12050, "_v4"},
    {"cuModuleGetGlobal", 3020, "_v2"}, {"cuMemGetInfo", 3020, "_v2"}, {"cuMemAlloc", 3020, "_v2"},
    {"cuMemAllocPitch", 3020, "_v2"}, {"cuMemFree", 3020, "_v2"}, {"cuMemGetAddressRange", 3020, "_v2"},
    {"cuMemAllocHost", 3020, "_v2"}, {"cuMemHostGetDevicePointer", 3020, "_v2"},
    {"cuMemcpyHtoD", 3020, "_v2"}, {"cuMemcpyDtoH", 3020, "_v2"}, {"cuMemcpyDtoD", 3020, "_v2"},
    {"cuMemcpyDtoA", 3020, "_v2"}, {"cuMemcpyAtoD", 3020, "_v2"}, {"cuMemcpyHtoA", 3020, "_v2"},
    {"cuMemcpyAtoH", 3020, "_v2"}, {"cuMemcpyAtoA", 3020, "_v2"}, {"cuMemcpyHtoAAsync", 3020, "_v2"},
    {"cuMemcpyAtoHAsync", 3020, "_v2"}, {"cuMemcpy2D", 3020, "_v2"}, {"cuMemcpy2DUnaligned", 3020, "_v2"},
    {"cuMemcpy3D", 3020, "_v2"}, {"cuMemcpyHtoDAsync", 3020, "_v2"}, {"cuMemcpyDtoHAsync", 3020, "_v2"},
    {"cuMemcpyDtoDAsync", 3020, "_v2"}, {"cuMemcpy2DAsync", 3020, "_v2"}, {"cuMemcpy3DAsync", 3020, "_v2"},
    {"cuMemsetD8", 3020, "_v2"}, {"cuMemsetD16", 3020, "_v2"}, {"cuMemsetD32", 3020, "_v2"},
    {"cuMemsetD2D8", 3020, "_v2"}, {"cuMemsetD2D16", 3020, "_v2"}, {"cuMemsetD2D32", 3020, "_v2"},
    {"cuArrayCreate", 3020, "_v2"}, {"cuArrayGetDescriptor", 3020, "_v2"}, {"cuArray3DCreate", 3020, "_v2"},
    {"cuArray3DGetDescriptor", 3020, "_v2"}, {"cuTexRefSetAddress", 3020, "_v2"}, {"cuTexRefGetAddress", 3020, "_v2"},
    {"cuTexRefSetAddress2D", 3020, "_v2"}, {"cuTexRefSetAddress2D", 4010, "_v3"},
    {"cuGraphicsResourceGetMappedPointer", 3020, "_v2"}, {"cuGraphicsResourceSetMapFlags", 6050, "_v2"},
    {"cuCtxDestroy", 4000, "_v2"}, {"cuCtxPopCurrent", 4000, "_v2"}, {"cuCtxPushCurrent", 4000, "_v2"},
    {"cuStreamDestroy", 4000, "_v2"}, {"cuEventDestroy", 4000, "_v2"},
    {"cuLinkCreate", 6050, "_v2"}, {"cuLinkAddData", 6050, "_v2"}, {"cuLinkAddFile", 6050, "_v2"},
    {"cuMemHostRegister", 6050, "_v2"}, {"cuStreamBeginCapture", 10010, "_v2"},
    {"cuDevicePrimaryCtxRelease", 11000, "_v2"}, {"cuDevicePrimaryCtxReset", 11000, "_v2"},
    {"cuDevicePrimaryCtxSetFlags", 11000, "_v2"}, {"cuIpcOpenMemHandle", 11000, "_v2"},
    {"cuDeviceGetUuid", 11040, "_v2"}, {"cuGetProcAddress", 12000, "_v2"},
    {"cuStreamWriteValue32", 11070, "_v2"}, {"cuStreamWaitValue32", 11070, "_v2"},
    {"cuStreamWriteValue64", 11070, "_v2"}, {"cuStreamWaitValue64", 11070, "_v2"},
    {"cuStreamBatchMemOp", 11070, "_v2"},
    {"cuStreamGetCaptureInfo", 11030, "_v2"}, {"cuStreamGetCaptureInfo", 12030, "_v3"},
    {"cuStreamUpdateCaptureDependencies", 12030, "_v2"},
    {"cuGraphInstantiate", 11000, "_v2"}, {"cuGraphInstantiate", 12000, "WithFlags"},
    {"cuGraphExecUpdate", 12000, "_v2"}, {"cuGraphAddKernelNode", 12000, "_v2"},
    {"cuGraphKernelNodeGetParams", 12000, "_v2"}, {"cuGraphKernelNodeSetParams", 12000, "_v2"},
    {"cuGraphExecKernelNodeSetParams", 12000, "_v2"},
    {"cuGraphGetEdges", 12030, "_v2"}, {"cuGraphNodeGetDependencies", 12030, "_v2"},
    {"cuGraphNodeGetDependentNodes", 12030, "_v2"}, {"cuGraphAddDependencies", 12030, "_v2"},
    {"cuGraphRemoveDependencies", 12030, "_v2"}, {"cuGraphAddNode", 12030, "_v2"},
    {"cuMemAdvise", 12020, "_v2"}, {"cuMemPrefetchAsync", 12020, "_v2"},
    {"cuEventElapsedTime", 12080, "_v2"}, {"cuStreamGetCtx", 12050, "_v2"},
    {"cuMemcpyBatchAsync", 13000, "_v2"}, {"cuMemcpy3DBatchAsync", 13000, "_v2"},
    {"cuCtxGetDevice", 13000, "_v2"}, {"cuCtxSynchronize", 13000, "_v2"},
};

/* Our own exports only: another library of the process may export the same names. */
static void *own_symbol(const char *name)
{
    static void *self;
    if (!self) {
        Dl_info info;
        if (dladdr((void *)(uintptr_t)own_symbol, &info) && info.dli_fname)
            self = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    }
    return self ? dlsym(self, name) : NULL;
}

CUresult cuGetProcAddress_v2(const char *symbol, void **function, int version, unsigned long flags, int *status)
{
    static const char *const thread_suffixes[] = {"_ptsz", "_ptds"};
    char name[256], threaded[264];
    const char *suffix = "";
    int newest = 0;
    if (!symbol || !function)
        return MAF_E_INVALID_VALUE;
    for (size_t i = 0; i < sizeof revisions / sizeof revisions[0]; i++)
        if (strcmp(revisions[i].base, symbol) == 0 && revisions[i].version <= version &&
            revisions[i].version >= newest) {
            newest = revisions[i].version;
            suffix = revisions[i].suffix;
        }
    *function = NULL;
    if (strncmp(symbol, "cu", 2) == 0 && snprintf(name, sizeof name, "%s%s", symbol, suffix) < (int)sizeof name) {
        for (int i = 0; i < 2 && flags & FLAG_PER_THREAD && !*function; i++) {
            snprintf(threaded, sizeof threaded, "%s%s", name, thread_suffixes[i]);
            *function = own_symbol(threaded);
        }
        if (!*function)
            *function = own_symbol(name);
    }
    if (status)
        *status = *function ? 0 : NOT_FOUND;
    return *function ? 0 : MAF_E_NOT_FOUND;
}

CUresult cuGetProcAddress(const char *symbol, void **function, int version, unsigned long flags)
{
    return cuGetProcAddress_v2(symbol, function, version, flags, NULL);
}
