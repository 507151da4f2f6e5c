/* Memory and events of other processes. */
#include "front.h"

enum { HANDLE_POSIX_FD = 1 };

CUresult cuIpcGetMemHandle(CUipcMemHandle *handle, CUdeviceptr p)
{
    ENTER();
    return handle ? maf_ipc_memory_handle(p, handle) : MAF_E_INVALID_VALUE;
}

/* flags: CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS alone is defined; every SDA reaches all memory. */
CUresult cuIpcOpenMemHandle_v2(CUdeviceptr *p, CUipcMemHandle handle, unsigned flags)
{
    uint64_t address = 0;
    ENTER();
    if (!p || flags > 1)
        return MAF_E_INVALID_VALUE;
    int error = maf_ipc_memory_open(&handle, &address);
    *p = address;
    return error;
}

CUresult cuIpcOpenMemHandle(CUdeviceptr *p, CUipcMemHandle handle, unsigned flags)
{
    return cuIpcOpenMemHandle_v2(p, handle, flags);
}

CUresult cuIpcCloseMemHandle(CUdeviceptr p)
{
    ENTER();
    return maf_ipc_memory_close(p);
}

CUresult cuIpcGetEventHandle(CUipcEventHandle *handle, CUevent event)
{
    ENTER();
    return handle ? maf_ipc_event_handle(event, handle) : MAF_E_INVALID_VALUE;
}

CUresult cuIpcOpenEventHandle(CUevent *event, CUipcEventHandle handle)
{
    ENTER();
    return event ? maf_ipc_event_open(&handle, event) : MAF_E_INVALID_VALUE;
}

CUresult cuMemExportToShareableHandle(void *shareable, CUmemGenericAllocationHandle handle, int type,
                                      unsigned long long flags)
{
    ENTER();
    if (!shareable || flags)
        return MAF_E_INVALID_VALUE;
    if (type != HANDLE_POSIX_FD)
        return unsupported("cuMemExportToShareableHandle of a type other than a file descriptor");
    return maf_vmm_export(handle, shareable);
}

CUresult cuMemImportFromShareableHandle(CUmemGenericAllocationHandle *handle, void *shareable, int type)
{
    uint64_t h = 0;
    ENTER();
    if (!handle)
        return MAF_E_INVALID_VALUE;
    if (type != HANDLE_POSIX_FD)
        return unsupported("cuMemImportFromShareableHandle of a type other than a file descriptor");
    int error = maf_vmm_import(maf_current_device(), (int)(intptr_t)shareable, &h);
    *handle = h;
    return error;
}
