/* Memory of a device that does not share the host's: the executor's device window is then a cache of it.
 *
 * Each chunk of the window is either closed (the device holds its contents), readable (both hold them) or writable (the
 * window holds them). Host code that touches a closed chunk, be it a library or a kernel that runs on the host, faults,
 * and the pager fetches the chunk; before the device works, everything that host code may have written is sent and
 * every chunk closed. So no host code ever sees old contents, and no operand has to be announced.
 * Only the executor sees the window: the application's copies go through pinned memory. */
#ifndef MAF_OWN_MEMORY_H
#define MAF_OWN_MEMORY_H

#include <stdint.h>

/* Transfers of one device; offsets count from the window's base, work is done in order. 0 or a cudaError_t, whose text
 * is then the sticky error. from must stay as it is until a later call that waits. */
struct maf_own_device {
    int (*read)(uint64_t offset, void *to, uint64_t bytes); /* waits */
    int (*write)(uint64_t offset, const void *from, uint64_t bytes, int wait);
    int (*copy)(uint64_t to, uint64_t from, uint64_t bytes); /* ranges do not overlap */
    int (*fill)(uint64_t offset, uint64_t bytes, const void *pattern, uint32_t pattern_bytes);
    int (*finish)(void);
};

struct maf_own_counters {
    uint64_t read_bytes; /* by host code, from device memory */
    uint64_t written_bytes;
    uint64_t faults;
};

/* The first `bytes` of the window at base, which file shows, become a cache of the device's memory; 0 or errno. */
int maf_own_start(uint64_t base, uint64_t bytes, int file, uint64_t device); /* of a struct maf_own_device */
int maf_own_active(void);
int maf_own_contains(uint64_t address, uint64_t bytes);
void maf_own_get_counters(struct maf_own_counters *out);
int maf_own_write(uint64_t address, const void *data, uint64_t bytes);

/* Between the two the device may read and write its memory, and host code that touches the window waits. begin gives 0
 * or a cudaError_t; then there is no end. */
int maf_own_begin(void);
void maf_own_end(void);

#endif
