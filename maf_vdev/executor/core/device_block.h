/* thread_launch.c, for the launchers. The launch block is what all threads of a launch read: addresses of the constant
 * banks, then constant bank 0. emit/thread_kernel.py and interpreter.py hold the same numbers. */
#ifndef MAF_DEVICE_BLOCK_H
#define MAF_DEVICE_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "cpu_launch.h"
#include "thread_launch.h"

enum { MAF_BLOCK_HEADER = 64, MAF_BLOCK_SLACK = 64 };
/* Words of the status area: its head, and the one that counts printed words. */
enum { MAF_STATUS_HEAD = 32, MAF_STATUS_PRINTED = 20 };

struct maf_thread_launch {
    size_t shared;   /* bytes of shared memory of a CTA, a multiple of 16 */
    size_t exchange; /* bytes of the exchange area */
};

/* Whether the device can run the grid: 0 or a cudaError_t. */
int maf_thread_geometry(const struct maf_thread_kernel *k, const struct maf_thread_device *d, const uint32_t grid[3],
                        const uint32_t group[3], uint32_t dynamic_shared, struct maf_thread_launch *out);
size_t maf_block_bytes(const struct maf_cpu_kernel *k, uint32_t param_bytes);
/* shared stands in the place of bank 0, which is here. */
void maf_block_fill(uint8_t *block, const struct maf_cpu_kernel *k, uint32_t units, uint32_t shared,
                    const uint32_t grid[3], const uint32_t group[3], uint32_t dynamic_shared, const void *params,
                    uint32_t param_bytes);
/* Says why a launch failed; returns error, a cudaError_t. */
int maf_thread_failure(const struct maf_thread_kernel *k, const struct maf_thread_device *d, int error,
                       const char *what, long code);
/* What the threads of a finished launch left in the status area: a cudaError_t or 0. */
int maf_thread_report(const struct maf_thread_kernel *k, const struct maf_thread_device *d);

#endif
