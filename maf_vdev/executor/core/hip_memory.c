/* Transfers of a HIP device that has memory of its own: one allocation is all of the SDA's memory. */
#define _GNU_SOURCE
#include "core.h"
#include "cpu_launch.h"

#include "hip_calls.h"
#include "own_memory.h"

#include <stdio.h>

static const struct maf_hip_device *device;

static int check(const char *call, uint64_t bytes, int code) {
    if (!code) return 0;
    char text[320];
    snprintf(text, sizeof text, "%s: %s of %llu bytes failed with hipError_t (%d)", device->base.name, call,
             (unsigned long long)bytes, code);
    int error = maf_hip_error(code);
    maf_fault_set((uint32_t)error, text);
    return error;
}

static int finish_device(void) {
    int code = maf_hip_enter(device);
    return check("hipStreamSynchronize", 0, code ? code : hip_synchronize());
}

static int copy(uint64_t to, uint64_t from, uint64_t bytes, int kind) {
    int code = maf_hip_enter(device);
    return check("hipMemcpyAsync", bytes, code ? code : hip_copy(to, from, bytes, kind));
}

static int read_device(uint64_t offset, void *to, uint64_t bytes) {
    int error = copy((uint64_t)(uintptr_t)to, device->memory + offset, bytes, HIP_TO_HOST);
    return error ? error : finish_device();
}

static int write_device(uint64_t offset, const void *from, uint64_t bytes, int wait) {
    int error = copy(device->memory + offset, (uint64_t)(uintptr_t)from, bytes, HIP_TO_DEVICE);
    return error || !wait ? error : finish_device();
}

static int copy_device(uint64_t to, uint64_t from, uint64_t bytes) {
    return copy(device->memory + to, device->memory + from, bytes, HIP_ON_DEVICE);
}

static int fill_device(uint64_t offset, uint64_t bytes, const void *pattern, uint32_t pattern_bytes) {
    uint64_t at = device->memory + offset;
    int code = maf_hip_enter(device);
    if (code) return check("hipSetDevice", bytes, code);
    switch (pattern_bytes) {
    case 1: code = hip_fill8(at, *(const uint8_t *)pattern, bytes); break;
    case 2: code = hip_fill16(at, *(const uint16_t *)pattern, bytes / 2); break;
    default: code = hip_fill32(at, *(const uint32_t *)pattern, bytes / 4);
    }
    return check("hipMemsetAsync", bytes, code);
}

uint64_t maf_hip_memory(struct maf_hip_device *d) {
    static const struct maf_own_device transfers = {read_device, write_device, copy_device, fill_device, finish_device};
    device = d;
    return (uint64_t)(uintptr_t)&transfers;
}
