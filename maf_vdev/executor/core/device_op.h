/* Operations of moDNN by kernels of our own, on a device with memory of its own. devices/device_ops.py fills the
 * closures. */
#ifndef MAF_DEVICE_OP_H
#define MAF_DEVICE_OP_H

#include <stdint.h>

/* Arguments of the kernel: the memory; the offsets of `pointers` operands; `scalars` values; sizes. */
struct maf_device_op {
    uint64_t run;    /* maf_opencl_op_address() or maf_hip_op_address() */
    uint64_t device; /* struct maf_opencl_device or struct maf_hip_device */
    const char *name;
    uint64_t kernel; /* cl_kernel or hipFunction_t */
    uint64_t sizes;  /* HIP: where the device has them; an OpenCL kernel has been given its buffer */
    uint64_t base;   /* the address that the device's memory has in the program */
    uint32_t groups[3];
    uint32_t group[3];
    uint32_t pointers;
    uint32_t scalars;
    int32_t pointer[16]; /* place of each among the operation's pointers; -1, or one that is 0: offset 0 */
    uint32_t scalar[8];  /* place of each among the operation's scalars, which are doubles */
    uint32_t doubles;    /* the kernel takes doubles, else floats */
    uint32_t arrays;     /* so many pointers are of device arrays of array_length addresses */
    int32_t array[4];
    uint64_t array_length;
    uint64_t host;       /* the same operation in a host library, for operands that the device does not reach */
    uint64_t host_closure;
};

/* A plan's function: closure is a struct maf_device_op. */
int maf_device_op_run(void *closure, const uint64_t *pointers, const void *scalars);

uint64_t maf_opencl_op_address(void);
uint64_t maf_hip_op_address(void);

#endif
