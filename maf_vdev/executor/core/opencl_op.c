/* Operations by kernels of our own: see opencl_op.h. */
#define _GNU_SOURCE
#include "core.h"
#include "cpu_launch.h"

#include "opencl_calls.h"
#include "opencl_op.h"
#include "own_memory.h"

#include <stdio.h>

typedef int (*host_function)(void *closure, const uint64_t *pointers, const void *scalars);

static int failed(const struct maf_opencl_op *op, const char *call, cl_int code) {
    char text[320];
    snprintf(text, sizeof text, "operation %s on %s: %s failed with OpenCL error (%d)", op->name, op->device->base.name,
             call, (int)code);
    int error = maf_cl_error(code, 1);
    maf_fault_set((uint32_t)error, text);
    return error;
}

static int run(const struct maf_opencl_op *op, const uint64_t *pointers, const double *scalars) {
    void *kernel = maf_cl_handle(op->kernel), *queue = maf_cl_handle(op->device->queue);
    size_t global[3], local[3];
    cl_int code = cl_set_arg(kernel, 0, sizeof op->device->memory, &op->device->memory);
    for (uint32_t i = 0; i < op->pointers && !code; i++) {
        uint64_t address = pointers[op->pointer[i]], offset = address ? address - op->device->memory_base : 0;
        code = cl_set_arg(kernel, 1 + i, sizeof offset, &offset);
    }
    for (uint32_t i = 0; i < op->scalars && !code; i++) {
        double wide = scalars[op->scalar[i]];
        float narrow = (float)wide;
        code = cl_set_arg(kernel, 1 + op->pointers + i, op->doubles ? sizeof wide : sizeof narrow,
                          op->doubles ? (const void *)&wide : (const void *)&narrow);
    }
    if (code) return failed(op, "clSetKernelArg", code);
    for (int i = 0; i < 3; i++) global[i] = op->global[i], local[i] = op->local[i];
    if ((code = cl_enqueue_kernel(queue, kernel, global, local))) return failed(op, "clEnqueueNDRangeKernel", code);
    if ((code = cl_finish(queue))) return failed(op, "clFinish", code);
    return 0;
}

int maf_opencl_op_run(void *closure, const uint64_t *pointers, const void *scalars) {
    const struct maf_opencl_op *op = closure;
    for (uint32_t i = 0; i < op->pointers; i++)
        if (pointers[op->pointer[i]] && !maf_own_contains(pointers[op->pointer[i]], 1))
            return ((host_function)(uintptr_t)op->host)(maf_cl_handle(op->host_closure), pointers, scalars);
    int error = maf_own_begin();
    if (error) return error;
    error = run(op, pointers, scalars);
    maf_own_end();
    return error;
}
