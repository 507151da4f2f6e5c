/* Memory and events of other processes. */
#include "front.h"

cudaError_t cudaIpcGetMemHandle(cudaIpcMemHandle_t *handle, void *p)
{
    ENTER();
    return done(handle ? maf_ipc_memory_handle(u64(p), handle) : MAF_E_INVALID_VALUE);
}

/* flags: cudaIpcMemLazyEnablePeerAccess alone is defined; every SDA reaches all memory. */
cudaError_t cudaIpcOpenMemHandle(void **p, cudaIpcMemHandle_t handle, unsigned flags)
{
    uint64_t address = 0;
    ENTER();
    if (!p || flags > 1)
        return done(MAF_E_INVALID_VALUE);
    int error = maf_ipc_memory_open(&handle, &address);
    *p = (void *)(uintptr_t)address;
    return done(error);
}

cudaError_t cudaIpcCloseMemHandle(void *p)
{
    ENTER();
    return done(maf_ipc_memory_close(u64(p)));
}

cudaError_t cudaIpcGetEventHandle(cudaIpcEventHandle_t *handle, cudaEvent_t event)
{
    ENTER();
    return done(handle ? maf_ipc_event_handle(event, handle) : MAF_E_INVALID_VALUE);
}

cudaError_t cudaIpcOpenEventHandle(cudaEvent_t *event, cudaIpcEventHandle_t handle)
{
    ENTER();
    return done(event ? maf_ipc_event_open(&handle, event) : MAF_E_INVALID_VALUE);
}
