/* Launches of moDNN's own kernels on a HIP device. */
#define _GNU_SOURCE
#include "core.h"
#include "cpu_launch.h"

#include "device_op.h"
#include "hip_calls.h"

#include <stdio.h>

static int failed(const struct maf_device_op *op, const char *call, int code) {
    const struct maf_hip_device *device = (const struct maf_hip_device *)(uintptr_t)op->device;
    char text[320];
    snprintf(text, sizeof text, "operation %s on %s: %s failed with hipError_t (%d)", op->name, device->base.name, call,
             code);
    int error = maf_hip_error(code);
    maf_fault_set((uint32_t)error, text);
    return error;
}

static int run(const struct maf_device_op *op, const uint64_t *offsets, const double *scalars) {
    struct maf_hip_device *device = (struct maf_hip_device *)(uintptr_t)op->device;
    void *arguments[2 + 16 + 8];
    double wide[8];
    float narrow[8];
    uint32_t n = 0;
    arguments[n++] = &device->memory;
    for (uint32_t i = 0; i < op->pointers; i++) arguments[n++] = (void *)(uintptr_t)&offsets[i];
    for (uint32_t i = 0; i < op->scalars; i++) {
        wide[i] = scalars[op->scalar[i]];
        narrow[i] = (float)wide[i];
        arguments[n++] = op->doubles ? (void *)&wide[i] : (void *)&narrow[i];
    }
    arguments[n] = (void *)(uintptr_t)&op->sizes;
    int code = maf_hip_enter(device);
    if (code) return failed(op, "hipSetDevice", code);
    if ((code = hip_launch((void *)(uintptr_t)op->kernel, op->groups, op->group, 0, arguments)))
        return failed(op, "hipModuleLaunchKernel", code);
    code = hip_synchronize();
    return code ? failed(op, "hipStreamSynchronize", code) : 0;
}

uint64_t maf_hip_op_address(void) { return (uint64_t)(uintptr_t)run; }
