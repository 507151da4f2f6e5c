/* Running translated kernels on an OpenCL device: the arguments, one NDRange, and what the kernel reported.
 *
 * devices/opencl.py makes context, queue, program and kernel, and fills these structs; nothing of OpenCL is linked. */

/* Functions of the OpenCL library, in the order of maf_opencl_set_functions. */
enum maf_opencl_function {
    MAF_CL_SET_ARG,
    MAF_CL_SET_ARG_SVM,
    MAF_CL_ENQUEUE_KERNEL,
    MAF_CL_FINISH,
    MAF_CL_WRITE_BUFFER,
    MAF_CL_READ_BUFFER,
    MAF_CL_FUNCTIONS
};

/* One device. shared: addresses of this process are valid on it. Otherwise memory is a buffer that mirrors the
 * bytes [base, base + bytes) of this process, and block and status are buffers as well. */
struct maf_opencl_device {
    uint64_t queue;
    uint32_t shared;
    uint32_t group_limit;  /* threads of a CTA */
    uint64_t local_bytes;  /* local memory of a CTA */
    uint64_t memory;       /* cl_mem */
    uint64_t base;
    uint64_t bytes;
    uint64_t block_buffer; /* cl_mem of block_bytes */
    uint64_t block_bytes;
    uint64_t status_buffer;
    uint32_t *status;      /* status_bytes, zeroed */
    uint64_t status_bytes;
    const char *name;
};

struct maf_opencl_kernel {
    struct maf_cpu_kernel base; /* launch is maf_opencl_launch; entry is not used */
    uint64_t kernel;            /* cl_kernel */
    struct maf_opencl_device *device;
    uint32_t exchange_per_thread; /* words of the exchange area, 0: the kernel has none */
    uint32_t exchange_fixed;
    uint32_t group_limit;
    uint32_t units; /* what %nsmid says */
};

void maf_opencl_set_functions(const uint64_t functions[MAF_CL_FUNCTIONS]);
/* Called after a launch that wrote the status area; prints what it holds and returns a cudaError_t or 0. */
void maf_opencl_set_report(int (*report)(uint64_t kernel));
uint64_t maf_opencl_launch_address(void);
