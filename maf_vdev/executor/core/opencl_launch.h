/* Running translated kernels on an OpenCL device: the arguments, one NDRange, and what the kernel reported.
 *
 * devices/opencl.py makes context, queue, program and kernel, and fills these structs; nothing of OpenCL is linked. */
#ifndef MAF_OPENCL_LAUNCH_H
#define MAF_OPENCL_LAUNCH_H

#include "cpu_launch.h"
#include "thread_launch.h"

/* Functions of the OpenCL library, in the order of maf_opencl_set_functions. */
enum maf_opencl_function {
    MAF_CL_SET_ARG,
    MAF_CL_SET_ARG_SVM,
    MAF_CL_ENQUEUE_KERNEL,
    MAF_CL_FINISH,
    MAF_CL_WRITE_BUFFER,
    MAF_CL_READ_BUFFER,
    MAF_CL_COPY_BUFFER,
    MAF_CL_FILL_BUFFER,
    MAF_CL_FUNCTIONS
};

/* One device. shared: addresses of this process are valid on it. Otherwise memory is a buffer that stands for the
 * addresses [base, base + bytes), and launch block and status are buffers as well. */
struct maf_opencl_device {
    struct maf_thread_device base;
    uint64_t queue;
    uint64_t shared;
    uint64_t memory;       /* cl_mem */
    uint64_t memory_base;
    uint64_t memory_bytes;
    uint64_t block_buffer; /* cl_mem of block_bytes */
    uint64_t block_bytes;
    uint64_t status_buffer;
};

struct maf_opencl_kernel {
    struct maf_thread_kernel base;
    uint64_t kernel; /* cl_kernel */
    struct maf_opencl_device *device;
};

void maf_opencl_set_functions(const uint64_t functions[MAF_CL_FUNCTIONS]);
uint64_t maf_opencl_launch_address(void);
/* Of a struct maf_own_device: the transfers of a device that is not shared. There is one such device. */
uint64_t maf_opencl_memory(struct maf_opencl_device *device);

#endif
