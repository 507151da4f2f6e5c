/* Launches on OpenCL devices. One launch at a time, finished before the next command of the stream. */
#define _GNU_SOURCE
#include "core.h"
#include "cpu_launch.h"

#include "device_block.h"
#include "opencl_calls.h"
#include "own_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ERROR_MEMORY = 2, ERROR_RESOURCES = 701 };
enum { MIN_LOCAL = 16 };

/* Tests build this file into a library of its own, without the executor's window. */
#pragma weak maf_own_begin
#pragma weak maf_own_end

uint64_t maf_cl[MAF_CL_FUNCTIONS];

void maf_opencl_set_functions(const uint64_t table[MAF_CL_FUNCTIONS]) { memcpy(maf_cl, table, sizeof maf_cl); }

static int fail(const struct maf_opencl_kernel *k, int error, const char *what, long code) {
    return maf_thread_failure(&k->base, &k->device->base, error, what, code);
}

static int failed_call(const struct maf_opencl_kernel *k, const char *call, cl_int code, int launched) {
    char what[96];
    snprintf(what, sizeof what, "%s failed with OpenCL error", call);
    return fail(k, maf_cl_error(code, launched), what, code);
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

static cl_int set_arguments(const struct maf_opencl_kernel *k, const struct maf_thread_launch *l) {
    const struct maf_opencl_device *d = k->device;
    void *kernel = maf_cl_handle(k->kernel);
    cl_int code;
    cl_uint n = 0;
    if (d->shared) {
        if ((code = cl_set_arg_svm(kernel, n++, block)) || (code = cl_set_arg_svm(kernel, n++, d->base.status)))
            return code;
    } else {
        const uint64_t *all[] = {&d->block_buffer, &d->status_buffer, &d->memory, &d->memory_base, &d->memory_bytes};
        for (; n < sizeof all / sizeof *all; n++)
            if ((code = cl_set_arg(kernel, n, sizeof *all[n], all[n]))) return code;
    }
    if ((code = cl_set_arg(kernel, n++, l->shared < MIN_LOCAL ? MIN_LOCAL : l->shared, NULL))) return code;
    return cl_set_arg(kernel, n, l->exchange < MIN_LOCAL ? MIN_LOCAL : l->exchange, NULL);
}

/* One NDRange, finished, and its status read. */
static int run(const struct maf_opencl_kernel *k, const uint32_t grid[3], const uint32_t group[3], size_t block_bytes,
               const struct maf_thread_launch *l) {
    struct maf_opencl_device *d = k->device;
    void *queue = maf_cl_handle(d->queue), *status = maf_cl_handle(d->status_buffer);
    uint32_t *words = d->base.status;
    size_t global[3], local[3], head = MAF_STATUS_HEAD * sizeof *words;
    cl_int code;
    if (!d->shared && (code = cl_write(queue, maf_cl_handle(d->block_buffer), 0, 0, block_bytes, block)))
        return failed_call(k, "clEnqueueWriteBuffer", code, 0);
    if ((code = set_arguments(k, l))) return failed_call(k, "clSetKernelArg", code, 0);
    for (int i = 0; i < 3; i++) local[i] = k->base.flat ? 1 : group[i];
    if (k->base.flat) local[0] = (size_t)group[0] * group[1] * group[2];
    for (int i = 0; i < 3; i++) global[i] = grid[i] * local[i];
    if ((code = cl_enqueue_kernel(queue, maf_cl_handle(k->kernel), global, local)))
        return failed_call(k, "clEnqueueNDRangeKernel", code, 0);
    if (d->shared) {
        code = cl_finish(queue);
        return code ? failed_call(k, "clFinish", code, 1) : 0;
    }
    code = cl_read(queue, status, 1, 0, head, words);
    if (!code && words[MAF_STATUS_PRINTED]) code = cl_read(queue, status, 1, 0, d->base.status_bytes, words);
    if (code) return failed_call(k, "clEnqueueReadBuffer", code, 1);
    if (words[0] || words[MAF_STATUS_PRINTED]) {
        static const uint32_t none[MAF_STATUS_HEAD];
        code = cl_write(queue, status, 1, 0, head, none);
        if (code) return failed_call(k, "clEnqueueWriteBuffer", code, 1);
    }
    return 0;
}

static int maf_opencl_launch(const struct maf_cpu_kernel *base, const uint32_t grid[3], const uint32_t group[3],
                             uint32_t dynamic_shared, const void *params, uint32_t param_bytes) {
    const struct maf_opencl_kernel *k = (const struct maf_opencl_kernel *)base;
    struct maf_opencl_device *d = k->device;
    struct maf_thread_launch l;
    int error = maf_thread_geometry(&k->base, &d->base, grid, group, dynamic_shared, &l);
    if (error) return error;
    size_t bytes = maf_block_bytes(base, param_bytes);
    if (!d->shared && bytes > d->block_bytes)
        return fail(k, ERROR_RESOURCES, "too many bytes of parameters:", (long)bytes);
    if (grow_block(bytes)) return ERROR_MEMORY;
    maf_block_fill(block, base, d->base.units, (uint32_t)l.shared, grid, group, dynamic_shared, params, param_bytes);
    int window = !d->shared && maf_own_begin;
    if (window && (error = maf_own_begin())) return error;
    error = run(k, grid, group, bytes, &l);
    if (window) maf_own_end();
    return error ? error : maf_thread_report(&k->base, &d->base);
}

uint64_t maf_opencl_launch_address(void) { return (uint64_t)(uintptr_t)maf_opencl_launch; }
