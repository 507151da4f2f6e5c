/* Shared by the files of this folder. */
#ifndef MAF_CUDA_FRONT_H
#define MAF_CUDA_FRONT_H

#include <stddef.h>
#include <stdint.h>

#include "cuda.h"
#include "runtime.h"
#include "trace_calls.h"

#define TLS _Thread_local __attribute__((tls_model("initial-exec")))
#define CALL_ID(name, id, text) CALL_##name = id,
enum { MAF_DRIVER_CALLS(CALL_ID) };
#undef CALL_ID
#define TRACE(name) MAF_TRACE(MAF_TRACE_DRIVER, CALL_##name)

#define PER_THREAD(stream) ((stream) ? (stream) : (CUstream)2)

/* Codes that exist in the runtime only. */
static inline CUresult driver_error(int error)
{
    switch (error) {
    case 0:
        return 0;
    case 9:  /* launch configuration */
    case 12: /* pitch */
    case 21: /* copy direction */
        return MAF_E_INVALID_VALUE;
    case MAF_E_INVALID_SYMBOL:
        return MAF_E_NOT_FOUND;
    case MAF_E_INVALID_DEVICE_FUNCTION:
        return MAF_E_INVALID_HANDLE;
    }
    return error;
}

#define ENTER()                          \
    do {                                 \
        int entered = maf_enter_device(); \
        if (__builtin_expect(entered, 0)) \
            return entered;              \
    } while (0)

static inline int valid_device(int device)
{
    int count;
    int error = maf_device_count(&count);
    return error ? error : device < 0 || device >= count ? MAF_E_INVALID_DEVICE : 0;
}

static inline CUresult unsupported(const char *function)
{
    maf_unsupported("cuda", function);
    return MAF_E_NOT_SUPPORTED;
}

CUcontext maf_cuda_primary(int device);

#endif
