/* Running translated kernels on a HIP device. devices/hip.py loads libamdhip64 and fills these structs. */
#ifndef MAF_HIP_LAUNCH_H
#define MAF_HIP_LAUNCH_H

#include "cpu_launch.h"
#include "thread_launch.h"

/* Functions of libamdhip64, in the order of maf_hip_set_functions. */
enum maf_hip_function {
    MAF_HIP_SET_DEVICE,
    MAF_HIP_LAUNCH,
    MAF_HIP_SYNCHRONIZE,
    MAF_HIP_COPY,
    MAF_HIP_FILL8,
    MAF_HIP_FILL16,
    MAF_HIP_FILL32,
    MAF_HIP_FUNCTIONS
};

/* One device. block: block_bytes of pinned host memory for the launch block; the status area is such memory too. copy:
 * where the device has the block, which all threads read; 0: it reads the host's. memory: where the device has the addresses [memory_base, memory_base + memory_bytes) of the SDA; 0: it
 * reads the host's memory as it is. */
struct maf_hip_device {
    struct maf_thread_device base;
    uint64_t index;
    uint8_t *block;
    uint64_t block_bytes;
    uint64_t copy;
    uint64_t memory;
    uint64_t memory_base;
    uint64_t memory_bytes;
};

struct maf_hip_kernel {
    struct maf_thread_kernel base;
    uint64_t function; /* hipFunction_t */
    struct maf_hip_device *device;
};

void maf_hip_set_functions(const uint64_t functions[MAF_HIP_FUNCTIONS]);
uint64_t maf_hip_launch_address(void);
/* Of a struct maf_own_device: the transfers of a device with memory of its own. There is one such device. */
uint64_t maf_hip_memory(struct maf_hip_device *device);

#endif
