/* Stands in for cpu_launch.c: every launch is refused. */
#include "core.h"
#include "cpu_launch.h"

#define WEAK __attribute__((weak))

WEAK int maf_cpu_launch(const struct maf_cpu_kernel *k, const uint32_t grid[3], const uint32_t block[3],
                        uint32_t dynamic_shared, const void *params, uint32_t param_bytes) {
    (void)k, (void)grid, (void)block, (void)dynamic_shared, (void)params, (void)param_bytes;
    maf_fault_set(MAF_ERROR_LAUNCH_FAILURE, "no CPU device in this build");
    return MAF_ERROR_LAUNCH_FAILURE;
}
WEAK const char *maf_cpu_current_kernel_name(void) { return NULL; }
WEAK void maf_cpu_set_threads(int threads) { (void)threads; }
WEAK int maf_cpu_threads(void) { return 1; }
WEAK void maf_cpu_set_slow_callback(maf_warp_fn (*callback)(uint64_t)) { (void)callback; }
WEAK void maf_cpu_parallel_for(uint64_t count, uint64_t grain, void (*fn)(void *, uint64_t, uint64_t), void *arg) {
    (void)grain;
    fn(arg, 0, count);
}
WEAK void maf_cpu_after_fork(void) {}
