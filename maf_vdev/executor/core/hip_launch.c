/* Launches on HIP devices. One launch at a time, finished before the next command of the stream. */
#define _GNU_SOURCE
#include "core.h"
#include "cpu_launch.h"

#include "device_block.h"
#include "hip_launch.h"

#include <stdio.h>

/* hip_runtime_api.h is not needed to build. */
typedef int (*launch_fn)(void *function, uint32_t gx, uint32_t gy, uint32_t gz, uint32_t bx, uint32_t by, uint32_t bz,
                         uint32_t shared_bytes, void *stream, void **params, void **extra);
typedef int (*synchronize_fn)(void);

enum { ERROR_RESOURCES = 701, ERROR_LAUNCH = 719 };

static int fail(const struct maf_hip_kernel *k, int error, const char *what, long code) {
    return maf_thread_failure(&k->base, &k->device->base, error, what, code);
}

/* hipError_t has the numbers of cudaError_t where both name an error; others are a failed launch. */
static int failed_call(const struct maf_hip_kernel *k, const char *call, int code) {
    char what[96];
    int same = code == 1 || code == 2 || code == 9 || code == 100 || code == 101 || (code >= 700 && code <= 720);
    snprintf(what, sizeof what, "%s failed with hipError_t", call);
    return fail(k, same ? code : ERROR_LAUNCH, what, code);
}

static int maf_hip_launch(const struct maf_cpu_kernel *base, const uint32_t grid[3], const uint32_t group[3],
                          uint32_t dynamic_shared, const void *params, uint32_t param_bytes) {
    const struct maf_hip_kernel *k = (const struct maf_hip_kernel *)base;
    struct maf_hip_device *d = k->device;
    struct maf_thread_launch l;
    int code = maf_thread_geometry(&k->base, &d->base, grid, group, dynamic_shared, &l);
    if (code) return code;
    size_t bytes = maf_block_bytes(base, param_bytes);
    if (bytes > d->block_bytes) return fail(k, ERROR_RESOURCES, "too many bytes of parameters:", (long)bytes);
    maf_block_fill(d->block, base, d->base.units, (uint32_t)l.shared, grid, group, dynamic_shared, params, param_bytes);
    void *block = d->block, *status = d->base.status, *arguments[] = {&block, &status};
    code = ((launch_fn)(uintptr_t)d->launch)((void *)(uintptr_t)k->function, grid[0], grid[1], grid[2], group[0],
                                             group[1], group[2], (uint32_t)(l.shared + l.exchange), NULL, arguments,
                                             NULL);
    if (code) return failed_call(k, "hipModuleLaunchKernel", code);
    code = ((synchronize_fn)(uintptr_t)d->synchronize)();
    if (code) return failed_call(k, "hipDeviceSynchronize", code);
    return maf_thread_report(&k->base, &d->base);
}

uint64_t maf_hip_launch_address(void) { return (uint64_t)(uintptr_t)maf_hip_launch; }
