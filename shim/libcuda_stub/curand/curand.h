/* cuRAND host interface: what exists without a generator. Frameworks compile the device interface into their kernels. */
#ifndef MAF_CURAND_H
#define MAF_CURAND_H

typedef enum {
    CURAND_STATUS_SUCCESS = 0,
    CURAND_STATUS_OUT_OF_RANGE = 104,
    CURAND_STATUS_INTERNAL_ERROR = 999
} curandStatus_t;

curandStatus_t curandGetVersion(int *version);
curandStatus_t curandGetProperty(int type, int *value);

#endif
