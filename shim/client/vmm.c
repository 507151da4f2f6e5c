#include "internal.h"
int maf_vmm_find(uint64_t p, uint64_t *base, uint64_t *bytes, int *device)
{
    (void)p, (void)base, (void)bytes, (void)device;
    return -1;
}
