/* The OpenCL calls of the core. cl.h is not needed to build: these values are fixed by the OpenCL specification. */
#ifndef MAF_OPENCL_CALLS_H
#define MAF_OPENCL_CALLS_H

#include <stddef.h>
#include <stdint.h>

#include "opencl_launch.h"

typedef int32_t cl_int;
typedef uint32_t cl_uint;

extern uint64_t maf_cl[MAF_CL_FUNCTIONS];

static inline void *maf_cl_handle(uint64_t handle) { return (void *)(uintptr_t)handle; }

static inline cl_int cl_set_arg(void *kernel, cl_uint index, size_t size, const void *value) {
    return ((cl_int(*)(void *, cl_uint, size_t, const void *))maf_cl[MAF_CL_SET_ARG])(kernel, index, size, value);
}
static inline cl_int cl_set_arg_svm(void *kernel, cl_uint index, const void *value) {
    return ((cl_int(*)(void *, cl_uint, const void *))maf_cl[MAF_CL_SET_ARG_SVM])(kernel, index, value);
}
static inline cl_int cl_enqueue_kernel(void *queue, void *kernel, const size_t global[3], const size_t local[3]) {
    return ((cl_int(*)(void *, void *, cl_uint, const size_t *, const size_t *, const size_t *, cl_uint, const void *,
                       void *))maf_cl[MAF_CL_ENQUEUE_KERNEL])(queue, kernel, 3, NULL, global, local, 0, NULL, NULL);
}
static inline cl_int cl_finish(void *queue) { return ((cl_int(*)(void *))maf_cl[MAF_CL_FINISH])(queue); }
static inline cl_int cl_write(void *queue, void *buffer, int wait, size_t offset, size_t size, const void *data) {
    return ((cl_int(*)(void *, void *, cl_uint, size_t, size_t, const void *, cl_uint, const void *,
                       void *))maf_cl[MAF_CL_WRITE_BUFFER])(queue, buffer, (cl_uint)wait, offset, size, data, 0, NULL,
                                                            NULL);
}
static inline cl_int cl_read(void *queue, void *buffer, int wait, size_t offset, size_t size, void *data) {
    return ((cl_int(*)(void *, void *, cl_uint, size_t, size_t, void *, cl_uint, const void *,
                       void *))maf_cl[MAF_CL_READ_BUFFER])(queue, buffer, (cl_uint)wait, offset, size, data, 0, NULL,
                                                           NULL);
}
static inline cl_int cl_copy(void *queue, void *buffer, size_t from, size_t to, size_t size) {
    return ((cl_int(*)(void *, void *, void *, size_t, size_t, size_t, cl_uint, const void *,
                       void *))maf_cl[MAF_CL_COPY_BUFFER])(queue, buffer, buffer, from, to, size, 0, NULL, NULL);
}
static inline cl_int cl_fill(void *queue, void *buffer, const void *pattern, size_t pattern_size, size_t offset,
                             size_t size) {
    return ((cl_int(*)(void *, void *, const void *, size_t, size_t, size_t, cl_uint, const void *,
                       void *))maf_cl[MAF_CL_FILL_BUFFER])(queue, buffer, pattern, pattern_size, offset, size, 0, NULL,
                                                           NULL);
}

/* An error of the OpenCL library as a cudaError_t. launched: a kernel may be what failed. */
static inline int maf_cl_error(cl_int code, int launched) {
    switch (code) {
    case -2: return 46;                  /* DEVICE_NOT_AVAILABLE: cudaErrorDevicesUnavailable */
    case -4:                             /* MEM_OBJECT_ALLOCATION_FAILURE */
    case -6: return 2;                   /* OUT_OF_HOST_MEMORY: cudaErrorMemoryAllocation */
    case -5: return launched ? 719 : 701; /* OUT_OF_RESOURCES, which is also how drivers report a crash */
    case -54: return 701;                /* INVALID_WORK_GROUP_SIZE: cudaErrorLaunchOutOfResources */
    default: return 719;
    }
}

#endif
