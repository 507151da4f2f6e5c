/* Running translated kernels on a HIP device. devices/hip.py loads libamdhip64 and fills these structs. */
#ifndef MAF_HIP_LAUNCH_H
#define MAF_HIP_LAUNCH_H

#include "cpu_launch.h"
#include "thread_launch.h"

/* Addresses of hipModuleLaunchKernel and hipDeviceSynchronize, and memory that the device reads: block of block_bytes
 * for the launch block; the status area is such memory too. */
struct maf_hip_device {
    struct maf_thread_device base;
    uint64_t launch;
    uint64_t synchronize;
    uint8_t *block;
    uint64_t block_bytes;
};

struct maf_hip_kernel {
    struct maf_thread_kernel base;
    uint64_t function; /* hipFunction_t */
    struct maf_hip_device *device;
};

uint64_t maf_hip_launch_address(void);

#endif
