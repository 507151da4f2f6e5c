/* Entry points whose signature depends on the runtime's major version. */
#ifndef MAF_CUDART_MAJORS_H
#define MAF_CUDART_MAJORS_H

#include "front.h"

#if MAF_CUDART_MAJOR == 12
cudaError_t cudaGetDeviceProperties_v2(struct cudaDeviceProp12 *prop, int device);
#endif

#endif
