/* Launches on HIP devices. One launch at a time, finished before the next command of the stream. */
#define _GNU_SOURCE
#include "core.h"
#include "cpu_launch.h"

#include "device_block.h"
#include "hip_calls.h"
#include "own_memory.h"

#include <stdio.h>
#include <string.h>

enum { ERROR_RESOURCES = 701 };

/* Tests build this file into a library of its own, for devices that share the host's memory. */
#pragma weak maf_own_begin
#pragma weak maf_own_end

uint64_t maf_hip[MAF_HIP_FUNCTIONS];

void maf_hip_set_functions(const uint64_t table[MAF_HIP_FUNCTIONS]) { memcpy(maf_hip, table, sizeof maf_hip); }

int maf_hip_enter(const struct maf_hip_device *device) {
    static __thread const struct maf_hip_device *current;
    if (current == device) return 0;
    int code = ((int (*)(int))(uintptr_t)maf_hip[MAF_HIP_SET_DEVICE])((int)device->index);
    if (!code) current = device;
    return code;
}

static int fail(const struct maf_hip_kernel *k, int error, const char *what, long code) {
    return maf_thread_failure(&k->base, &k->device->base, error, what, code);
}

static int failed_call(const struct maf_hip_kernel *k, const char *call, int code) {
    char what[96];
    snprintf(what, sizeof what, "%s failed with hipError_t", call);
    return fail(k, maf_hip_error(code), what, code);
}

static int run(const struct maf_hip_kernel *k, const uint32_t grid[3], const uint32_t group[3], size_t block_bytes,
               const struct maf_thread_launch *l) {
    struct maf_hip_device *d = k->device;
    void *block = d->copy ? (void *)(uintptr_t)d->copy : d->block, *status = d->base.status;
    void *arguments[] = {&block, &status, &d->memory, &d->memory_base, &d->memory_bytes};
    int code = maf_hip_enter(d);
    if (code) return failed_call(k, "hipSetDevice", code);
    if (d->copy && (code = hip_copy(d->copy, (uint64_t)(uintptr_t)d->block, block_bytes, HIP_TO_DEVICE)))
        return failed_call(k, "hipMemcpyAsync", code);
    code = hip_launch((void *)(uintptr_t)k->function, grid, group, (uint32_t)(l->shared + l->exchange), arguments);
    if (code) return failed_call(k, "hipModuleLaunchKernel", code);
    code = hip_synchronize();
    return code ? failed_call(k, "hipStreamSynchronize", code) : 0;
}

static int maf_hip_launch(const struct maf_cpu_kernel *base, const uint32_t grid[3], const uint32_t group[3],
                          uint32_t dynamic_shared, const void *params, uint32_t param_bytes) {
    const struct maf_hip_kernel *k = (const struct maf_hip_kernel *)base;
    struct maf_hip_device *d = k->device;
    struct maf_thread_launch l;
    int error = maf_thread_geometry(&k->base, &d->base, grid, group, dynamic_shared, &l);
    if (error) return error;
    size_t bytes = maf_block_bytes(base, param_bytes);
    if (bytes > d->block_bytes) return fail(k, ERROR_RESOURCES, "too many bytes of parameters:", (long)bytes);
    maf_block_fill(d->block, base, d->base.units, (uint32_t)l.shared, grid, group, dynamic_shared, params, param_bytes);
    if (d->memory && (error = maf_own_begin())) return error;
    error = run(k, grid, group, bytes, &l);
    if (d->memory) maf_own_end();
    return error ? error : maf_thread_report(&k->base, &d->base);
}

uint64_t maf_hip_launch_address(void) { return (uint64_t)(uintptr_t)maf_hip_launch; }
