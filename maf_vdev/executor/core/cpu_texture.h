/* Textures and surfaces of translated code, see cpu_texture.c. */
#ifndef MAF_CPU_TEXTURE_H
#define MAF_CPU_TEXTURE_H

#include <stdint.h>

struct maf_texture; /* protocol.h */

/* The code of an access, as emit/abi.py makes it: operation | dimension << 4, then for a gather the component << 8, for a
 * surface the boundary mode << 8 and log2 of the bytes << 10, and the code of an atomic << 16. */
enum {
    MAF_TEX_SAMPLE = 0,
    MAF_TEX_LOAD = 1,
    MAF_TEX_GATHER = 2,
    MAF_TEX_GRADIENT = 3,
    MAF_TEX_QUERY = 4,
    MAF_SURFACE_LOAD = 8,
    MAF_SURFACE_STORE = 9,
    MAF_SURFACE_REDUCE = 10
};
enum {
    MAF_DIM_1D = 0,
    MAF_DIM_2D = 1,
    MAF_DIM_3D = 2,
    MAF_DIM_CUBE = 3,
    MAF_DIM_1D_ARRAY = 4,
    MAF_DIM_2D_ARRAY = 5,
    MAF_DIM_CUBE_ARRAY = 7
};
enum { MAF_SURFACE_ZERO = 0, MAF_SURFACE_CLAMP = 1, MAF_SURFACE_TRAP = 2 };
/* Rows of the arguments: x, y, z; layer; level of detail; then derivatives or what is stored. */
enum { MAF_ARG_LAYER = 3, MAF_ARG_LOD = 4, MAF_ARG_DATA = 5, MAF_TEX_ARGS = 9 };

int maf_texture_set(uint32_t index, const struct maf_texture *texture); /* 0, or -1 for what is none */

/* Runs an access of the lanes in mask: handles are indices, out gets four words a lane. NULL, or what is wrong. */
const char *maf_texture_run(uint32_t code, uint32_t mask, const uint32_t *handles, uint32_t (*args)[32],
                            uint32_t (*out)[32]);

#endif
