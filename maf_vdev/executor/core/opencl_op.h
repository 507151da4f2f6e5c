/* Operations of moDNN by kernels of our own, on an OpenCL device with memory of its own. devices/opencl_ops.py fills the
 * closures. */
#ifndef MAF_OPENCL_OP_H
#define MAF_OPENCL_OP_H

#include <stdint.h>

/* Arguments of the kernel: the memory; the offsets of `pointers` operands; `scalars` values; what the plan has set. */
struct maf_opencl_op {
    struct maf_opencl_device *device;
    const char *name;
    uint64_t kernel; /* cl_kernel */
    uint64_t global[3];
    uint64_t local[3];
    uint32_t pointers;
    uint32_t scalars;
    uint32_t pointer[8]; /* place of each among the operation's pointers; one that is 0 has offset 0 */
    uint32_t scalar[4];  /* place of each among the operation's scalars, which are doubles */
    uint32_t doubles;    /* the kernel takes doubles, else floats */
    uint32_t reserved;
    uint64_t host;         /* the same operation in a host library, for operands that the device does not reach */
    uint64_t host_closure;
};

/* A plan's function: closure is a struct maf_opencl_op. */
int maf_opencl_op_run(void *closure, const uint64_t *pointers, const void *scalars);

#endif
