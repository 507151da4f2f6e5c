/* Texture and surface objects, mipmapped arrays. */
#include <string.h>

#include "front.h"
#include "maf_client.h"

enum { OF_ARRAY = 0, OF_MIPMAP = 1, OF_LINEAR = 2, OF_PITCH2D = 3 }; /* cudaResourceType */

static int find_memory(const struct cudaResourceDesc *r, struct maf_texture *t)
{
    const struct cudaChannelFormatDesc *d = r->resType == OF_LINEAR ? &r->res.linear.desc : &r->res.pitch2D.desc;
    int format[5] = {d->x, d->y, d->z, d->w, d->f};
    switch (r->resType) {
    case OF_ARRAY: return maf_texture_of_array(r->res.array.array, t);
    case OF_MIPMAP: return maf_texture_of_mipmap(r->res.mipmap.mipmap, t);
    case OF_LINEAR: {
        uint64_t element = (uint64_t)(d->x + d->y + d->z + d->w) / 8;
        return element ? maf_texture_of_memory(u64(r->res.linear.devPtr), format, r->res.linear.sizeInBytes / element, 0,
                                               0, t)
                       : MAF_E_INVALID_VALUE;
    }
    case OF_PITCH2D:
        return r->res.pitch2D.height ? maf_texture_of_memory(u64(r->res.pitch2D.devPtr), format, r->res.pitch2D.width,
                                                             r->res.pitch2D.height, r->res.pitch2D.pitchInBytes, t)
                                     : MAF_E_INVALID_VALUE;
    default: return MAF_E_INVALID_VALUE;
    }
}

static int fill(const struct cudaTextureDesc *d, int resource, struct maf_texture *t)
{
    int integers = t->kind != 2 && d->readMode == 0;
    for (int k = 0; k < 3; k++) {
        if (d->addressMode[k] < 0 || d->addressMode[k] > 3)
            return MAF_E_INVALID_VALUE;
        t->mode[k] = (uint32_t)d->addressMode[k];
    }
    if (d->filterMode < 0 || d->filterMode > 1 || d->readMode < 0 || d->readMode > 1 || (d->filterMode && integers))
        return MAF_E_INVALID_VALUE;
    if (t->kind != 2 && d->readMode && t->element / t->channels == 4)
        return MAF_E_INVALID_VALUE; /* 32-bit integers are not read as floats */
    t->flags |= (d->normalizedCoords ? MAF_TEXTURE_NORMALIZED : 0) | (d->filterMode ? MAF_TEXTURE_LINEAR : 0) |
                (d->readMode && t->kind != 2 ? MAF_TEXTURE_NORMALIZED_READ : 0) | (d->sRGB ? MAF_TEXTURE_SRGB : 0) |
                (d->mipmapFilterMode && resource == OF_MIPMAP ? MAF_TEXTURE_MIP_LINEAR : 0);
    memcpy(t->border, d->borderColor, sizeof t->border);
    t->lod_bias = d->mipmapLevelBias;
    t->lod_low = d->minMipmapLevelClamp;
    t->lod_high = d->maxMipmapLevelClamp;
    return 0;
}

cudaError_t cudaCreateTextureObject(cudaTextureObject_t *object, const struct cudaResourceDesc *resource,
                                    const struct cudaTextureDesc *texture, const struct cudaResourceViewDesc *view)
{
    struct maf_texture t = {.levels = 0};
    ENTER();
    if (!object || !resource || !texture)
        return done(MAF_E_INVALID_VALUE);
    if (view || texture->seamlessCubemap) {
        maf_unsupported("cudart", view ? "cudaCreateTextureObject with a resource view"
                                       : "cudaCreateTextureObject with a seamless cubemap");
        return done(MAF_E_NOT_SUPPORTED);
    }
    int error = find_memory(resource, &t);
    if (!error)
        error = fill(texture, resource->resType, &t);
    return done(error ? error : maf_texture_create(MAF_RUNTIME_TEXTURE, &t, resource, sizeof *resource, texture,
                                                   sizeof *texture, object));
}

cudaError_t cudaDestroyTextureObject(cudaTextureObject_t object)
{
    ENTER();
    return done(maf_texture_destroy(MAF_RUNTIME_TEXTURE, object));
}

cudaError_t cudaGetTextureObjectResourceDesc(struct cudaResourceDesc *out, cudaTextureObject_t object)
{
    ENTER();
    return done(out ? maf_texture_describe(MAF_RUNTIME_TEXTURE, object, out, sizeof *out, NULL, 0) : MAF_E_INVALID_VALUE);
}

cudaError_t cudaGetTextureObjectTextureDesc(struct cudaTextureDesc *out, cudaTextureObject_t object)
{
    ENTER();
    return done(out ? maf_texture_describe(MAF_RUNTIME_TEXTURE, object, NULL, 0, out, sizeof *out) : MAF_E_INVALID_VALUE);
}

cudaError_t cudaCreateSurfaceObject(cudaSurfaceObject_t *object, const struct cudaResourceDesc *resource)
{
    struct maf_texture t = {.flags = MAF_TEXTURE_SURFACE};
    ENTER();
    if (!object || !resource || resource->resType != OF_ARRAY)
        return done(MAF_E_INVALID_VALUE);
    int error = maf_texture_of_array(resource->res.array.array, &t);
    return done(error ? error
                      : maf_texture_create(MAF_RUNTIME_SURFACE, &t, resource, sizeof *resource, NULL, 0, object));
}

cudaError_t cudaDestroySurfaceObject(cudaSurfaceObject_t object)
{
    ENTER();
    return done(maf_texture_destroy(MAF_RUNTIME_SURFACE, object));
}

cudaError_t cudaGetSurfaceObjectResourceDesc(struct cudaResourceDesc *out, cudaSurfaceObject_t object)
{
    ENTER();
    return done(out ? maf_texture_describe(MAF_RUNTIME_SURFACE, object, out, sizeof *out, NULL, 0) : MAF_E_INVALID_VALUE);
}

cudaError_t cudaMallocMipmappedArray(cudaMipmappedArray_t *mipmap, const struct cudaChannelFormatDesc *desc,
                                     struct cudaExtent extent, unsigned levels, unsigned flags)
{
    struct maf_array a;
    ENTER();
    int error = mipmap ? describe_array(&a, desc, extent, flags) : MAF_E_INVALID_VALUE;
    return done(error ? error : maf_mipmap_create(&a, levels, mipmap));
}

cudaError_t cudaGetMipmappedArrayLevel(cudaArray_t *array, cudaMipmappedArray_t mipmap, unsigned level)
{
    ENTER();
    return done(array ? maf_mipmap_level(mipmap, level, array) : MAF_E_INVALID_VALUE);
}

cudaError_t cudaFreeMipmappedArray(cudaMipmappedArray_t mipmap)
{
    ENTER();
    return done(mipmap ? maf_mipmap_destroy(mipmap) : 0);
}
