/* cuRAND host interface: versions only; generators stay generated stubs. */
#include "curand.h"

enum { MAJOR = 10, MINOR = 4, PATCH = 0 };

curandStatus_t curandGetVersion(int *version)
{
    if (!version)
        return CURAND_STATUS_OUT_OF_RANGE;
    *version = MAJOR * 10000 + MINOR * 100 + PATCH;
    return CURAND_STATUS_SUCCESS;
}

/* type: libraryPropertyType_t, 0 major, 1 minor, 2 patch level. */
curandStatus_t curandGetProperty(int type, int *value)
{
    static const int property[] = {MAJOR, MINOR, PATCH};
    if (!value || type < 0 || type > 2)
        return CURAND_STATUS_OUT_OF_RANGE;
    *value = property[type];
    return CURAND_STATUS_SUCCESS;
}
