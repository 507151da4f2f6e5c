/* Transfers of an OpenCL device that has memory of its own: one buffer is all of the SDA's memory. */
#define _GNU_SOURCE
#include "core.h"
#include "cpu_launch.h"

#include "opencl_calls.h"
#include "own_memory.h"

#include <stdio.h>

static const struct maf_opencl_device *device;

static int check(const char *call, uint64_t bytes, cl_int code) {
    if (!code) return 0;
    char text[320];
    snprintf(text, sizeof text, "%s: %s of %llu bytes failed with OpenCL error (%d)", device->base.name, call,
             (unsigned long long)bytes, (int)code);
    int error = maf_cl_error(code, 1);
    maf_fault_set((uint32_t)error, text);
    return error;
}

static void *queue(void) { return maf_cl_handle(device->queue); }
static void *memory(void) { return maf_cl_handle(device->memory); }

static int read_device(uint64_t offset, void *to, uint64_t bytes) {
    return check("clEnqueueReadBuffer", bytes, cl_read(queue(), memory(), 1, offset, bytes, to));
}

static int write_device(uint64_t offset, const void *from, uint64_t bytes, int wait) {
    return check("clEnqueueWriteBuffer", bytes, cl_write(queue(), memory(), wait, offset, bytes, from));
}

static int copy_device(uint64_t to, uint64_t from, uint64_t bytes) {
    return check("clEnqueueCopyBuffer", bytes, cl_copy(queue(), memory(), from, to, bytes));
}

static int fill_device(uint64_t offset, uint64_t bytes, const void *pattern, uint32_t pattern_bytes) {
    return check("clEnqueueFillBuffer", bytes, cl_fill(queue(), memory(), pattern, pattern_bytes, offset, bytes));
}

static int finish_device(void) { return check("clFinish", 0, cl_finish(queue())); }

uint64_t maf_opencl_memory(struct maf_opencl_device *d) {
    static const struct maf_own_device transfers = {read_device, write_device, copy_device, fill_device, finish_device};
    device = d;
    return (uint64_t)(uintptr_t)&transfers;
}
