/* Launches on OpenCL devices. One launch at a time, finished before the next command of the stream. */
#define _GNU_SOURCE
#include "core.h"
#include "cpu_launch.h"

#include "opencl_launch.h"
#include "device_block.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cl.h is not needed to build: these values are fixed by the OpenCL specification. */
typedef int32_t cl_int;
typedef uint32_t cl_uint;
typedef cl_int (*set_arg_fn)(void *kernel, cl_uint index, size_t size, const void *value);
typedef cl_int (*set_arg_svm_fn)(void *kernel, cl_uint index, const void *value);
typedef cl_int (*enqueue_fn)(void *queue, void *kernel, cl_uint dims, const size_t *offset, const size_t *global,
                             const size_t *local, cl_uint waits, const void *wait_list, void *event);
typedef cl_int (*finish_fn)(void *queue);
typedef cl_int (*write_fn)(void *queue, void *buffer, cl_uint blocking, size_t offset, size_t size, const void *data,
                           cl_uint waits, const void *wait_list, void *event);
typedef cl_int (*read_fn)(void *queue, void *buffer, cl_uint blocking, size_t offset, size_t size, void *data,
                          cl_uint waits, const void *wait_list, void *event);

enum { ERROR_MEMORY = 2, ERROR_CONFIGURATION = 9, ERROR_RESOURCES = 701, ERROR_LAUNCH = 719 };
enum { MIN_LOCAL = 16 };

static uint64_t functions[MAF_CL_FUNCTIONS];
static int (*report_status)(uint64_t kernel);

void maf_opencl_set_functions(const uint64_t table[MAF_CL_FUNCTIONS]) { memcpy(functions, table, sizeof functions); }

void maf_opencl_set_report(int (*report)(uint64_t)) { report_status = report; }

static int fail(const struct maf_opencl_kernel *k, int error, const char *what, long code) {
    return maf_launch_failure(k->base.name, k->device->name, error, what, code);
}

/* An error of the OpenCL library as a cudaError_t. */
static int failed_call(const struct maf_opencl_kernel *k, const char *call, cl_int code) {
    char what[96];
    int memory = code == -4 || code == -6;    /* MEM_OBJECT_ALLOCATION_FAILURE, OUT_OF_HOST_MEMORY */
    int resources = code == -5 || code == -54; /* OUT_OF_RESOURCES, INVALID_WORK_GROUP_SIZE */
    snprintf(what, sizeof what, "%s failed with OpenCL error", call);
    return fail(k, memory ? ERROR_MEMORY : resources ? ERROR_RESOURCES : ERROR_LAUNCH, what, code);
}

static uint8_t *block;
static size_t block_size;

static int grow_block(size_t need) {
    if (block_size >= need) return 0;
    free(block);
    block_size = 0;
    if (posix_memalign((void **)&block, 4096, need + 4096)) {
        block = NULL;
        return ERROR_MEMORY;
    }
    block_size = need + 4096;
    memset(block, 0, block_size);
    return 0;
}

static cl_int set_arguments(const struct maf_opencl_kernel *k, size_t shared, size_t exchange) {
    const struct maf_opencl_device *d = k->device;
    void *kernel = (void *)(uintptr_t)k->kernel;
    set_arg_fn set = (set_arg_fn)(uintptr_t)functions[MAF_CL_SET_ARG];
    set_arg_svm_fn set_svm = (set_arg_svm_fn)(uintptr_t)functions[MAF_CL_SET_ARG_SVM];
    cl_int code;
    cl_uint n = 0;
    if (d->shared) {
        if ((code = set_svm(kernel, n++, block)) || (code = set_svm(kernel, n++, d->status))) return code;
    } else {
        if ((code = set(kernel, n++, 8, &d->block_buffer)) || (code = set(kernel, n++, 8, &d->status_buffer)) ||
            (code = set(kernel, n++, 8, &d->memory)) || (code = set(kernel, n++, 8, &d->base)))
            return code;
    }
    if ((code = set(kernel, n++, shared < MIN_LOCAL ? MIN_LOCAL : shared, NULL))) return code;
    return set(kernel, n, exchange < MIN_LOCAL ? MIN_LOCAL : exchange, NULL);
}

static int maf_opencl_launch(const struct maf_cpu_kernel *base, const uint32_t grid[3], const uint32_t group[3],
                             uint32_t dynamic_shared, const void *params, uint32_t param_bytes) {
    const struct maf_opencl_kernel *k = (const struct maf_opencl_kernel *)base;
    struct maf_opencl_device *d = k->device;
    void *queue = (void *)(uintptr_t)d->queue;
    uint64_t threads = (uint64_t)group[0] * group[1] * group[2];
    if (!threads || threads > 1024 || !grid[0] || !grid[1] || !grid[2] ||
        (base->max_threads && threads > base->max_threads))
        return ERROR_CONFIGURATION;
    uint32_t limit = k->group_limit < d->group_limit ? k->group_limit : d->group_limit;
    if (threads > limit) return fail(k, ERROR_RESOURCES, "the device runs fewer threads in a CTA:", limit);
    size_t shared = ((base->static_shared + 15) & ~15u) + (size_t)dynamic_shared;
    size_t exchange =
        k->exchange_fixed ? 4 * (k->exchange_fixed + (size_t)k->exchange_per_thread * threads) : 0;
    if (shared + exchange > d->local_bytes)
        return fail(k, ERROR_RESOURCES, "the CTA needs more local memory than the device has: bytes",
                    (long)(shared + exchange));
    size_t bytes = maf_block_bytes(base, param_bytes);
    if (grow_block(bytes)) return ERROR_MEMORY;
    maf_block_fill(block, base, k->units, (uint32_t)shared, grid, group, dynamic_shared, params, param_bytes);
    write_fn write = (write_fn)(uintptr_t)functions[MAF_CL_WRITE_BUFFER];
    read_fn read = (read_fn)(uintptr_t)functions[MAF_CL_READ_BUFFER];
    cl_int code;
    if (!d->shared) {
        if (bytes > d->block_bytes) return fail(k, ERROR_RESOURCES, "too many bytes of parameters:", (long)bytes);
        if ((code = write(queue, (void *)(uintptr_t)d->block_buffer, 0, 0, bytes, block, 0, NULL, NULL)) ||
            (code = write(queue, (void *)(uintptr_t)d->memory, 0, 0, d->bytes, (void *)(uintptr_t)d->base, 0, NULL,
                          NULL)))
            return failed_call(k, "clEnqueueWriteBuffer", code);
    }
    if ((code = set_arguments(k, shared, exchange))) return failed_call(k, "clSetKernelArg", code);
    size_t global[3], local[3];
    for (int i = 0; i < 3; i++) local[i] = group[i], global[i] = (size_t)grid[i] * group[i];
    code = ((enqueue_fn)(uintptr_t)functions[MAF_CL_ENQUEUE_KERNEL])(
        queue, (void *)(uintptr_t)k->kernel, 3, NULL, global, local, 0, NULL, NULL);
    if (code) return failed_call(k, "clEnqueueNDRangeKernel", code);
    if (!d->shared) {
        if ((code = read(queue, (void *)(uintptr_t)d->memory, 0, 0, d->bytes, (void *)(uintptr_t)d->base, 0, NULL,
                         NULL)) ||
            (code = read(queue, (void *)(uintptr_t)d->status_buffer, 0, 0, d->status_bytes, d->status, 0, NULL, NULL)))
            return failed_call(k, "clEnqueueReadBuffer", code);
    }
    code = ((finish_fn)(uintptr_t)functions[MAF_CL_FINISH])(queue);
    if (code) return failed_call(k, "clFinish", code);
    if (!d->status[0] && !d->status[20]) return 0;
    int error = report_status ? report_status((uint64_t)(uintptr_t)k) : (int)d->status[0];
    memset(d->status, 0, 32 * sizeof *d->status);
    if (!d->shared) {
        code = write(queue, (void *)(uintptr_t)d->status_buffer, 1, 0, 32 * sizeof *d->status, d->status, 0, NULL, NULL);
        if (code) return failed_call(k, "clEnqueueWriteBuffer", code);
    }
    return error;
}

uint64_t maf_opencl_launch_address(void) { return (uint64_t)(uintptr_t)maf_opencl_launch; }
