/* What launchers of devices with a work-item for each CUDA thread share: the launch block, failures, reports. */
#define _GNU_SOURCE
#include "core.h"
#include "cpu_launch.h"

#include "device_block.h"

#include <stdio.h>
#include <string.h>

enum { ERROR_CONFIGURATION = 9, ERROR_ADDRESS = 700, ERROR_RESOURCES = 701 };
enum { C0_BLOCK = 0, C0_GRID = 12, C0_WINDOWS = 0x18, C0_SHARED_BYTES = 0xf0, C0_UNITS = 0x10c };

/* The launchers are also built into libraries of their own, without a command stream. */
#pragma weak maf_fault_set
#pragma weak maf_memory_contains
#pragma weak maf_memory_is_device

static int (*report_status)(uint64_t kernel);

void maf_thread_set_report(int (*report)(uint64_t)) { report_status = report; }

int maf_thread_failure(const struct maf_thread_kernel *k, const struct maf_thread_device *d, int error,
                       const char *what, long code) {
    char text[600];
    snprintf(text, sizeof text, "kernel %.250s on %.100s: %s (%ld)", k->base.name, d->name, what, code);
    if (maf_fault_set)
        maf_fault_set((uint32_t)error, text);
    else
        fprintf(stderr, "maf-vdev: %s\n", text);
    return error;
}

int maf_thread_geometry(const struct maf_thread_kernel *k, const struct maf_thread_device *d, const uint32_t grid[3],
                        const uint32_t group[3], uint32_t dynamic_shared, struct maf_thread_launch *out) {
    uint64_t threads = (uint64_t)group[0] * group[1] * group[2];
    if (!threads || threads > 1024 || !grid[0] || !grid[1] || !grid[2] ||
        (k->base.max_threads && threads > k->base.max_threads))
        return ERROR_CONFIGURATION;
    uint32_t limit = k->group_limit && k->group_limit < d->group_limit ? k->group_limit : d->group_limit;
    if (threads > limit)
        return maf_thread_failure(k, d, ERROR_RESOURCES, "the device runs fewer threads in a CTA:", limit);
    out->shared = (((k->base.static_shared + 15) & ~15u) + (size_t)dynamic_shared + 15) & ~(size_t)15;
    size_t slots = (threads + 31) & ~(size_t)31;
    out->exchange = k->exchange_fixed ? 4 * (k->exchange_fixed + k->exchange_per_thread * slots) : 0;
    if (out->shared + out->exchange > d->local_bytes)
        return maf_thread_failure(k, d, ERROR_RESOURCES, "the CTA needs more local memory than the device has: bytes",
                                  (long)(out->shared + out->exchange));
    return 0;
}

size_t maf_block_bytes(const struct maf_cpu_kernel *k, uint32_t param_bytes) {
    size_t constant = k->param_base + (k->param_bytes > param_bytes ? k->param_bytes : param_bytes);
    if (constant < C0_UNITS + 4) constant = C0_UNITS + 4;
    return MAF_BLOCK_HEADER + ((constant + 15) & ~(size_t)15) + MAF_BLOCK_SLACK;
}

void maf_block_fill(uint8_t *block, const struct maf_cpu_kernel *k, uint32_t units, uint32_t shared,
                    const uint32_t grid[3], const uint32_t group[3], uint32_t dynamic_shared, const void *params,
                    uint32_t param_bytes) {
    uint8_t *c0 = block + MAF_BLOCK_HEADER;
    uint32_t windows[] = {0, 0x00010000u, 0, 0x00020000u, k->local_bytes, dynamic_shared}; /* emit/abi.py */
    memcpy(block, k->bank, MAF_BLOCK_HEADER);
    memcpy(block, &shared, sizeof shared);
    memcpy(c0 + C0_BLOCK, group, 12);
    memcpy(c0 + C0_GRID, grid, 12);
    memcpy(c0 + C0_WINDOWS, windows, sizeof windows);
    memcpy(c0 + C0_SHARED_BYTES, &shared, sizeof shared);
    memcpy(c0 + C0_UNITS, &units, sizeof units);
    if (param_bytes) memcpy(c0 + k->param_base, params, param_bytes);
}

int maf_thread_report(const struct maf_thread_kernel *k, const struct maf_thread_device *d) {
    if (!d->status[0] && !d->status[MAF_STATUS_PRINTED]) return 0;
    int error = (int)d->status[0];
    if (error == ERROR_ADDRESS) {
        unsigned long long address = d->status[8] | (unsigned long long)d->status[9] << 32;
        char what[160];
        int host = maf_memory_contains && maf_memory_contains(address, 1) && !maf_memory_is_device(address);
        snprintf(what, sizeof what, "access to %#llx, which is %s", address,
                 host ? "pinned or managed host memory: the device does not reach it" : "not device memory");
        maf_thread_failure(k, d, error, what, error);
    }
    if (report_status) error = report_status((uint64_t)(uintptr_t)k);
    memset(d->status, 0, MAF_STATUS_HEAD * sizeof *d->status);
    return error;
}
