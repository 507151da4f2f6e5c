/* The HIP calls of the core. hip_runtime_api.h is not needed to build: these are its C signatures. */
#ifndef MAF_HIP_CALLS_H
#define MAF_HIP_CALLS_H

#include <stddef.h>
#include <stdint.h>

#include "hip_launch.h"

extern uint64_t maf_hip[MAF_HIP_FUNCTIONS];

/* hipMemcpyKind */
enum { HIP_TO_DEVICE = 1, HIP_TO_HOST = 2, HIP_ON_DEVICE = 3 };

/* All work goes to the default stream, in order; each of these returns a hipError_t. */
static inline int hip_synchronize(void) { return ((int (*)(void *))(uintptr_t)maf_hip[MAF_HIP_SYNCHRONIZE])(NULL); }
static inline int hip_launch(void *function, const uint32_t grid[3], const uint32_t group[3], uint32_t shared,
                             void **arguments) {
    return ((int (*)(void *, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, void *, void **,
                     void **))(uintptr_t)maf_hip[MAF_HIP_LAUNCH])(function, grid[0], grid[1], grid[2], group[0],
                                                                  group[1], group[2], shared, NULL, arguments, NULL);
}
static inline int hip_copy(uint64_t to, uint64_t from, uint64_t bytes, int kind) {
    return ((int (*)(void *, const void *, size_t, int, void *))(uintptr_t)maf_hip[MAF_HIP_COPY])(
        (void *)(uintptr_t)to, (const void *)(uintptr_t)from, bytes, kind, NULL);
}
static inline int hip_fill8(uint64_t to, uint8_t value, uint64_t count) {
    return ((int (*)(void *, unsigned char, size_t, void *))(uintptr_t)maf_hip[MAF_HIP_FILL8])((void *)(uintptr_t)to,
                                                                                              value, count, NULL);
}
static inline int hip_fill16(uint64_t to, uint16_t value, uint64_t count) {
    return ((int (*)(void *, unsigned short, size_t, void *))(uintptr_t)maf_hip[MAF_HIP_FILL16])((void *)(uintptr_t)to,
                                                                                                value, count, NULL);
}
static inline int hip_fill32(uint64_t to, uint32_t value, uint64_t count) {
    return ((int (*)(void *, int, size_t, void *))(uintptr_t)maf_hip[MAF_HIP_FILL32])((void *)(uintptr_t)to, (int)value,
                                                                                     count, NULL);
}

/* The device is the calling thread's own setting: each thread that calls says it once. */
int maf_hip_enter(const struct maf_hip_device *device);

/* hipError_t has the numbers of cudaError_t where both name an error; others are a failed launch. */
static inline int maf_hip_error(int code) {
    int same = code == 1 || code == 2 || code == 9 || code == 100 || code == 101 || (code >= 700 && code <= 720);
    return same ? code : 719;
}

#endif
