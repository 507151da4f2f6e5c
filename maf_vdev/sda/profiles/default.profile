# What a program is told about an SDA, keys as in cudaDeviceProp (CUDA 12 and 13). The client library and
# maf_vdev/sda/profiles.py read this file. Sizes may carry K, M, G or T. Keys left out keep built-in values.
#
# A CPU with few SMs: kernels choose their grid by the SM count, and extra CTAs cost more than they gain.
name = MAF vdev CPU
major = 7
minor = 5
multiProcessorCount = 4
totalGlobalMem = 8G
maxThreadsPerMultiProcessor = 1024
maxBlocksPerMultiProcessor = 16
sharedMemPerBlock = 48K
sharedMemPerBlockOptin = 64K
sharedMemPerMultiprocessor = 64K
reservedSharedMemPerBlock = 0
regsPerBlock = 64K
regsPerMultiprocessor = 64K
warpSize = 32
maxThreadsPerBlock = 1024
totalConstMem = 64K
l2CacheSize = 4M
# Rates in kHz; programs print bandwidth and peak arithmetic from them.
clockRate = 2000000
memoryClockRate = 1600000
memoryBusWidth = 128
asyncEngineCount = 1
pciBusID = 1
pciDeviceID = 0
pciDomainID = 0
