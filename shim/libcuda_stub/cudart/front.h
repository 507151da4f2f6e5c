/* Shared by the files of this folder. */
#ifndef MAF_CUDART_FRONT_H
#define MAF_CUDART_FRONT_H

#include <stddef.h>
#include <stdint.h>

#include "cudart.h"
#include "runtime.h"
#include "trace_calls.h"

#ifndef MAF_CUDART_MAJOR
#define MAF_CUDART_MAJOR 13
#endif

/* Every failing call also sets the thread's last error. */
static inline cudaError_t done(int error)
{
    if (__builtin_expect(error != 0, 0)) {
        *maf_last_error() = error;
        maf_trace_error(error);
    }
    return error;
}

static inline uint64_t u64(const void *p)
{
    return (uint64_t)(uintptr_t)p;
}

/* array.c: what an array of this description is. */
__attribute__((visibility("hidden"))) int describe_array(struct maf_array *a, const struct cudaChannelFormatDesc *d,
                                                         struct cudaExtent e, unsigned flags);

/* Leaves the caller with the error unless the executor serves and the context is healthy. */
#define ENTER()                          \
    do {                                 \
        int entered = maf_enter_device(); \
        if (__builtin_expect(entered, 0)) \
            return done(entered);        \
    } while (0)

#define CALL_ID(name, id, text) CALL_##name = id,
enum { MAF_RUNTIME_CALLS(CALL_ID) };
#undef CALL_ID
#define TRACE(name) MAF_TRACE(MAF_TRACE_RUNTIME, CALL_##name)

#define PER_THREAD(stream) ((stream) ? (stream) : (cudaStream_t)2)

static inline int valid_device(int device)
{
    int count;
    int error = maf_device_count(&count);
    return error ? error : device < 0 || device >= count ? MAF_E_INVALID_DEVICE : 0;
}

static inline cudaError_t unsupported(const char *function)
{
    maf_unsupported("cudart", function);
    return done(MAF_E_NOT_SUPPORTED);
}

#endif
