/* Launches of moDNN's own kernels on an OpenCL device. */
#define _GNU_SOURCE
#include "core.h"
#include "cpu_launch.h"

#include "device_op.h"
#include "opencl_calls.h"

#include <stdio.h>

static int failed(const struct maf_device_op *op, const char *call, cl_int code) {
    const struct maf_opencl_device *device = maf_cl_handle(op->device);
    char text[320];
    snprintf(text, sizeof text, "operation %s on %s: %s failed with OpenCL error (%d)", op->name, device->base.name,
             call, (int)code);
    int error = maf_cl_error(code, 1);
    maf_fault_set((uint32_t)error, text);
    return error;
}

static int run(const struct maf_device_op *op, const uint64_t *offsets, const double *scalars) {
    const struct maf_opencl_device *device = maf_cl_handle(op->device);
    void *kernel = maf_cl_handle(op->kernel), *queue = maf_cl_handle(device->queue);
    size_t global[3], local[3];
    cl_uint n = 0;
    cl_int code = cl_set_arg(kernel, n++, sizeof device->memory, &device->memory);
    for (uint32_t i = 0; i < op->pointers && !code; i++)
        code = cl_set_arg(kernel, n++, sizeof *offsets, &offsets[i]);
    for (uint32_t i = 0; i < op->scalars && !code; i++) {
        double wide = scalars[op->scalar[i]];
        float narrow = (float)wide;
        code = cl_set_arg(kernel, n++, op->doubles ? sizeof wide : sizeof narrow,
                          op->doubles ? (const void *)&wide : (const void *)&narrow);
    }
    if (code) return failed(op, "clSetKernelArg", code);
    for (int i = 0; i < 3; i++) local[i] = op->group[i], global[i] = (size_t)op->groups[i] * op->group[i];
    if ((code = cl_enqueue_kernel(queue, kernel, global, local))) return failed(op, "clEnqueueNDRangeKernel", code);
    if ((code = cl_finish(queue))) return failed(op, "clFinish", code);
    return 0;
}

uint64_t maf_opencl_op_address(void) { return (uint64_t)(uintptr_t)run; }
