/* Running translated kernels on a HIP device. devices/hip.py loads libamdhip64 and fills these structs. */

/* Addresses of hipModuleLaunchKernel and hipDeviceSynchronize, and memory that the device reads: block of block_bytes
 * for the launch block, status for what kernels report. */
struct maf_hip_device {
    uint64_t launch;
    uint64_t synchronize;
    uint8_t *block;
    uint64_t block_bytes;
    uint32_t *status;
    uint32_t group_limit;
    uint32_t units;
    uint64_t local_bytes;
    const char *name;
};

struct maf_hip_kernel {
    struct maf_cpu_kernel base; /* launch is maf_hip_launch; entry is not used */
    uint64_t function;          /* hipFunction_t */
    struct maf_hip_device *device;
    uint32_t exchange_per_thread; /* words of the exchange area, 0: the kernel has none */
    uint32_t exchange_fixed;
};

/* Called after a launch that wrote the status area; prints what it holds and returns a cudaError_t or 0. */
void maf_hip_set_report(int (*report)(uint64_t kernel));
uint64_t maf_hip_launch_address(void);
