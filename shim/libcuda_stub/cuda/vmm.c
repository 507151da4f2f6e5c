/* Virtual memory management. */
#include "front.h"

CUresult cuMemAddressReserve(CUdeviceptr *p, size_t bytes, size_t alignment, CUdeviceptr address,
                             unsigned long long flags)
{
    uint64_t range = 0;
    (void)address; /* a hint */
    ENTER();
    int error = flags ? MAF_E_INVALID_VALUE : maf_vmm_reserve(0, bytes, alignment, &range);
    *p = range;
    return error;
}

CUresult cuMemAddressFree(CUdeviceptr p, size_t bytes)
{
    return maf_vmm_release_range(p, bytes);
}

CUresult cuMemGetAllocationGranularity(size_t *bytes, const CUmemAllocationProp *prop, int option)
{
    if (!prop || option < 0 || option > 1)
        return MAF_E_INVALID_VALUE;
    *bytes = MAF_VMM_GRANULARITY;
    return 0;
}

CUresult cuMemCreate(CUmemGenericAllocationHandle *handle, size_t bytes, const CUmemAllocationProp *prop,
                     unsigned long long flags)
{
    uint64_t h = 0;
    ENTER();
    if (flags || !prop || prop->type != 1)
        return MAF_E_INVALID_VALUE;
    if (prop->location.type != 1)
        return unsupported("cuMemCreate of host memory");
    int error = valid_device(prop->location.id);
    if (!error)
        error = maf_vmm_create(prop->location.id, bytes, &h);
    *handle = h;
    return error;
}

CUresult cuMemRelease(CUmemGenericAllocationHandle handle)
{
    return maf_vmm_drop(handle);
}

CUresult cuMemMap(CUdeviceptr p, size_t bytes, size_t offset, CUmemGenericAllocationHandle handle,
                  unsigned long long flags)
{
    ENTER();
    return flags ? MAF_E_INVALID_VALUE : maf_vmm_map(p, bytes, offset, handle);
}

CUresult cuMemUnmap(CUdeviceptr p, size_t bytes)
{
    ENTER();
    return maf_vmm_unmap(p, bytes);
}

/* Devices share one address space, so access of one is access of all; read-only access is not enforced. */
CUresult cuMemSetAccess(CUdeviceptr p, size_t bytes, const CUmemAccessDesc *list, size_t count)
{
    int accessible = 0;
    ENTER();
    for (size_t i = 0; i < count; i++)
        accessible |= list[i].flags != 0;
    return !count ? MAF_E_INVALID_VALUE : maf_vmm_access(p, bytes, accessible);
}

CUresult cuMemGetAccess(unsigned long long *flags, const CUmemLocation *location, CUdeviceptr p)
{
    uint64_t base, bytes;
    int device;
    if (maf_vmm_find(p, &base, &bytes, &device))
        return MAF_E_INVALID_VALUE;
    *flags = location->type == 1 ? 3 : 0;
    return 0;
}

CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle *handle, void *p)
{
    uint64_t h = 0;
    int error = maf_vmm_retain((uint64_t)(uintptr_t)p, &h);
    *handle = h;
    return error;
}

CUresult cuMemGetAllocationPropertiesFromHandle(CUmemAllocationProp *prop, CUmemGenericAllocationHandle handle)
{
    int device;
    int error = maf_vmm_handle_device(handle, &device);
    if (!error)
        *prop = (CUmemAllocationProp){.type = 1, .location = {1, device}};
    return error;
}
