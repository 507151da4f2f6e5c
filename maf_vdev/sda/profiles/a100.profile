# An NVIDIA A100 (compute capability 8.0) as its data sheet and deviceQuery describe it: programs choose the code they
# have for it, such as torch's flash attention. Kernels choose grids for 108 SMs: slower on a CPU than the default.
name = NVIDIA A100-SXM4-40GB
major = 8
minor = 0
multiProcessorCount = 108
totalGlobalMem = 40G
maxThreadsPerMultiProcessor = 2048
maxBlocksPerMultiProcessor = 32
sharedMemPerBlock = 48K
sharedMemPerBlockOptin = 163K
sharedMemPerMultiprocessor = 164K
reservedSharedMemPerBlock = 1K
regsPerBlock = 64K
regsPerMultiprocessor = 64K
warpSize = 32
maxThreadsPerBlock = 1024
totalConstMem = 64K
l2CacheSize = 40M
clockRate = 1410000
memoryClockRate = 1215000
memoryBusWidth = 5120
asyncEngineCount = 3
pciBusID = 1
pciDeviceID = 0
pciDomainID = 0
