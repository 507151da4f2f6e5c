/* What compiled code calls from its constructors, and the <<<>>> launch configuration. */
#include <string.h>

#include "front.h"

void **__cudaRegisterFatBinary(void *fatCubin)
{
    return maf_register_fatbin(fatCubin);
}

void __cudaRegisterFatBinaryEnd(void **handle)
{
    (void)handle;
}

void __cudaUnregisterFatBinary(void **handle)
{
    maf_unregister_fatbin(handle);
}

void __cudaRegisterFunction(void **handle, const char *hostFun, char *deviceFun, const char *deviceName,
                            int thread_limit, void *tid, void *bid, void *bDim, void *gDim, int *wSize)
{
    (void)deviceFun, (void)thread_limit, (void)tid, (void)bid, (void)bDim, (void)gDim, (void)wSize;
    maf_register_function(handle, hostFun, deviceName);
}

void __cudaRegisterVar(void **handle, char *hostVar, char *deviceAddress, const char *deviceName, int ext, size_t size,
                       int constant, int global)
{
    (void)deviceAddress, (void)ext, (void)constant, (void)global;
    maf_register_variable(handle, hostVar, deviceName, size, 0);
}

/* *hostVar is the pointer through which host code reads the variable; it becomes valid at __cudaInitModule. */
void __cudaRegisterManagedVar(void **handle, void **hostVar, char *deviceAddress, const char *deviceName, int ext,
                              size_t size, int constant, int global)
{
    (void)deviceAddress, (void)ext, (void)constant, (void)global;
    maf_register_variable(handle, hostVar, deviceName, size, MAF_VARIABLE_MANAGED);
}

char __cudaInitModule(void **handle)
{
    return (char)(done(maf_init_managed(handle)) == 0);
}

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared, void *stream)
{
    struct maf_config c = {{grid.x, grid.y, grid.z}, {block.x, block.y, block.z}, shared, stream};
    return (unsigned)done(maf_push_config(&c));
}

cudaError_t __cudaPopCallConfiguration(dim3 *grid, dim3 *block, size_t *shared, void *stream)
{
    struct maf_config c;
    int error = maf_pop_config(&c);
    if (error)
        return done(error);
    *grid = (dim3){c.grid[0], c.grid[1], c.grid[2]};
    *block = (dim3){c.block[0], c.block[1], c.block[2]};
    *shared = c.shared;
    memcpy(stream, &c.stream, sizeof c.stream);
    return 0;
}
