# A Tesla T4 as its data sheet and deviceQuery describe it. Kernels choose grids for 40 SMs: slower on a CPU
# than the default profile, but with the launch shapes of the real device.
name = Tesla T4
major = 7
minor = 5
multiProcessorCount = 40
totalGlobalMem = 15G
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
clockRate = 1590000
memoryClockRate = 5001000
memoryBusWidth = 256
asyncEngineCount = 3
pciBusID = 1
pciDeviceID = 0
pciDomainID = 0
