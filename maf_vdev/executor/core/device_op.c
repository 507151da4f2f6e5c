/* Operations by kernels of our own: see device_op.h. */
#define _GNU_SOURCE
#include "core.h"

#include "device_op.h"
#include "own_memory.h"

typedef int (*host_function)(void *closure, const uint64_t *pointers, const void *scalars);
typedef int (*run_function)(const struct maf_device_op *op, const uint64_t *offsets, const double *scalars);

/* Whether the device reaches all operands. Arrays of addresses are read here, as host code reads device memory. */
static int reaches(const struct maf_device_op *op, const uint64_t *pointers) {
    for (uint32_t i = 0; i < op->pointers; i++) {
        uint64_t address = op->pointer[i] < 0 ? 0 : pointers[op->pointer[i]];
        if (address && !maf_own_contains(address, 1)) return 0;
    }
    for (uint32_t i = 0; i < op->arrays; i++) {
        const uint64_t *array = (const uint64_t *)(uintptr_t)pointers[op->array[i]];
        for (uint64_t n = 0; array && n < op->array_length; n++)
            if (array[n] && !maf_own_contains(array[n], 1)) return 0;
    }
    return 1;
}

int maf_device_op_run(void *closure, const uint64_t *pointers, const void *scalars) {
    const struct maf_device_op *op = closure;
    if (!reaches(op, pointers))
        return ((host_function)(uintptr_t)op->host)((void *)(uintptr_t)op->host_closure, pointers, scalars);
    uint64_t offsets[16];
    for (uint32_t i = 0; i < op->pointers; i++) {
        uint64_t address = op->pointer[i] < 0 ? 0 : pointers[op->pointer[i]];
        offsets[i] = address ? address - op->base : 0;
    }
    int error = maf_own_begin();
    if (error) return error;
    error = ((run_function)(uintptr_t)op->run)(op, offsets, scalars);
    maf_own_end();
    return error;
}
