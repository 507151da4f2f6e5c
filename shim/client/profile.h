/* What the program sees as its device; the names are those of cudaDeviceProp. */
#ifndef MAF_PROFILE_H
#define MAF_PROFILE_H

#include <stdint.h>

struct maf_profile {
    char name[256];
    int64_t totalGlobalMem, sharedMemPerBlock, sharedMemPerBlockOptin, sharedMemPerMultiprocessor;
    int64_t reservedSharedMemPerBlock, regsPerBlock, regsPerMultiprocessor, warpSize, maxThreadsPerBlock;
    int64_t maxThreadsPerMultiProcessor, maxBlocksPerMultiProcessor, multiProcessorCount, major, minor;
    int64_t clockRate, memoryClockRate, memoryBusWidth, l2CacheSize, totalConstMem, asyncEngineCount;
    int64_t pciBusID, pciDeviceID, pciDomainID;
};

#endif
