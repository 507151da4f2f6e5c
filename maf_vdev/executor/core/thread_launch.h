/* What launchers of devices with a work-item for each CUDA thread share. */
#ifndef MAF_THREAD_LAUNCH_H
#define MAF_THREAD_LAUNCH_H

#include "cpu_launch.h"

struct maf_thread_device {
    const char *name;
    uint32_t *status;      /* what kernels report (emit/thread_common.h), as this process sees it; zeroed */
    uint64_t status_bytes;
    uint64_t local_bytes;  /* local memory of a CTA */
    uint32_t group_limit;  /* threads of a CTA */
    uint32_t units;        /* what %nsmid says */
};

struct maf_thread_kernel {
    struct maf_cpu_kernel base; /* launch is the device's launcher; entry is not used */
    uint32_t exchange_per_thread; /* words of the exchange area, 0: the kernel has none */
    uint32_t exchange_fixed;
    uint32_t group_limit; /* of this kernel; 0: the device's */
    uint32_t flat;        /* the CTA is launched as one row of threads */
};

/* Called after a launch that wrote the status area; prints what it holds and returns a cudaError_t or 0. */
void maf_thread_set_report(int (*report)(uint64_t kernel));

#endif
