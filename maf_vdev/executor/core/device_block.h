/* What launchers of devices with a work-item for each CUDA thread share.
 * The launch block: what all threads of a launch read. Addresses of the constant banks, then constant bank 0.
 * emit/thread_kernel.py and interpreter.py hold the same numbers. */
#ifndef MAF_DEVICE_BLOCK_H
#define MAF_DEVICE_BLOCK_H

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cpu_launch.h"

enum { MAF_BLOCK_HEADER = 64, MAF_BLOCK_SLACK = 64, MAF_C0_BLOCK = 0, MAF_C0_GRID = 12, MAF_C0_WINDOWS = 0x18 };
enum { MAF_C0_UNITS = 0x10c };

static inline size_t maf_block_bytes(const struct maf_cpu_kernel *k, uint32_t param_bytes) {
    size_t constant = k->param_base + (k->param_bytes > param_bytes ? k->param_bytes : param_bytes);
    if (constant < MAF_C0_UNITS + 4) constant = MAF_C0_UNITS + 4;
    return MAF_BLOCK_HEADER + ((constant + 15) & ~(size_t)15) + MAF_BLOCK_SLACK;
}

/* shared: bytes of shared memory of a CTA, a multiple of 16; stands in the place of bank 0, which is here. */
static inline void maf_block_fill(uint8_t *block, const struct maf_cpu_kernel *k, uint32_t units, uint32_t shared,
                                  const uint32_t grid[3], const uint32_t group[3], uint32_t dynamic_shared,
                                  const void *params, uint32_t param_bytes) {
    uint8_t *c0 = block + MAF_BLOCK_HEADER;
    uint32_t windows[] = {0, 0x00010000u, 0, 0x00020000u, k->local_bytes, dynamic_shared}; /* emit/abi.py */
    memcpy(block, k->bank, MAF_BLOCK_HEADER);
    memcpy(block, &shared, sizeof shared);
    memcpy(c0 + MAF_C0_BLOCK, group, 12);
    memcpy(c0 + MAF_C0_GRID, grid, 12);
    memcpy(c0 + MAF_C0_WINDOWS, windows, sizeof windows);
    memcpy(c0 + MAF_C0_UNITS, &units, sizeof units);
    if (param_bytes) memcpy(c0 + k->param_base, params, param_bytes);
}

/* The launchers are also built into libraries of their own, without a command stream. */
void maf_fault_set(uint32_t error, const char *text) __attribute__((weak));

/* Says why a launch failed; returns error, a cudaError_t. */
static inline int maf_launch_failure(const char *kernel, const char *device, int error, const char *what, long code) {
    char text[400];
    snprintf(text, sizeof text, "kernel %s on %s: %s (%ld)", kernel, device, what, code);
    if (maf_fault_set)
        maf_fault_set((uint32_t)error, text);
    else
        fprintf(stderr, "maf-vdev: %s\n", text);
    return error;
}

#endif
