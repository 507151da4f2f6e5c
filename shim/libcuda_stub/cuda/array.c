/* Arrays, textures and surfaces. */
#include <string.h>

#include "front.h"
#include "maf_client.h"

enum { SIGNED = 0, UNSIGNED = 1, FLOATING = 2 }; /* cudaChannelFormatKind */

static const struct {
    int format; /* CUarray_format */
    int bits, kind;
} formats[] = {
    {0x01, 8, UNSIGNED}, {0x02, 16, UNSIGNED}, {0x03, 32, UNSIGNED}, {0x08, 8, SIGNED},
    {0x09, 16, SIGNED},  {0x0a, 32, SIGNED},   {0x10, 16, FLOATING}, {0x20, 32, FLOATING},
};

/* The maf_array.format of a CUarray_format; its bits, 0 where it is none. */
static int expand(int format, unsigned channels, int out[5])
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (formats[i].format == format && (channels == 1 || channels == 2 || channels == 4)) {
            for (unsigned c = 0; c < channels; c++)
                out[c] = formats[i].bits;
            out[4] = formats[i].kind;
            return formats[i].bits;
        }
    return 0;
}

static int describe(struct maf_array *a, const CUDA_ARRAY3D_DESCRIPTOR *d)
{
    if (!d || d->Flags & ~0xfu)
        return MAF_E_INVALID_VALUE;
    *a = (struct maf_array){.width = d->Width, .height = d->Height, .depth = d->Depth, .flags = d->Flags};
    int bits = expand(d->Format, d->NumChannels, a->format);
    a->element = (uint32_t)bits / 8 * d->NumChannels;
    return bits ? 0 : MAF_E_INVALID_VALUE;
}

CUresult cuArray3DCreate_v2(CUarray *array, const CUDA_ARRAY3D_DESCRIPTOR *d)
{
    struct maf_array a;
    ENTER();
    int error = array ? describe(&a, d) : MAF_E_INVALID_VALUE;
    return error ? error : maf_array_create(&a, array);
}

CUresult cuArrayCreate_v2(CUarray *array, const CUDA_ARRAY_DESCRIPTOR *d)
{
    if (!d)
        return MAF_E_INVALID_VALUE;
    return cuArray3DCreate_v2(array, &(CUDA_ARRAY3D_DESCRIPTOR){.Width = d->Width, .Height = d->Height,
                                                                .Format = d->Format, .NumChannels = d->NumChannels});
}

CUresult cuArrayDestroy(CUarray array)
{
    ENTER();
    return maf_array_destroy(array);
}

CUresult cuArray3DGetDescriptor_v2(CUDA_ARRAY3D_DESCRIPTOR *d, CUarray array)
{
    const struct maf_array *a = maf_array_find(array);
    if (!a || !d)
        return a ? MAF_E_INVALID_VALUE : MAF_E_INVALID_HANDLE;
    *d = (CUDA_ARRAY3D_DESCRIPTOR){.Width = a->width, .Height = a->height, .Depth = a->depth, .Flags = a->flags};
    for (int c = 0; c < 4; c++)
        d->NumChannels += a->format[c] != 0;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (formats[i].bits == a->format[0] && formats[i].kind == a->format[4])
            d->Format = formats[i].format;
    return 0;
}

CUresult cuArrayGetDescriptor_v2(CUDA_ARRAY_DESCRIPTOR *d, CUarray array)
{
    CUDA_ARRAY3D_DESCRIPTOR full;
    CUresult error = d ? cuArray3DGetDescriptor_v2(&full, array) : MAF_E_INVALID_VALUE;
    if (!error)
        *d = (CUDA_ARRAY_DESCRIPTOR){full.Width, full.Height, full.Format, full.NumChannels};
    return error;
}

/* --- mipmapped arrays ------------------------------------------------------------------------------------------- */
CUresult cuMipmappedArrayCreate(CUmipmappedArray *mipmap, const CUDA_ARRAY3D_DESCRIPTOR *d, unsigned levels)
{
    struct maf_array a;
    ENTER();
    int error = mipmap ? describe(&a, d) : MAF_E_INVALID_VALUE;
    return error ? error : maf_mipmap_create(&a, levels, mipmap);
}

CUresult cuMipmappedArrayGetLevel(CUarray *array, CUmipmappedArray mipmap, unsigned level)
{
    ENTER();
    return array ? maf_mipmap_level(mipmap, level, array) : MAF_E_INVALID_VALUE;
}

CUresult cuMipmappedArrayDestroy(CUmipmappedArray mipmap)
{
    ENTER();
    return maf_mipmap_destroy(mipmap);
}

/* --- textures and surfaces --------------------------------------------------------------------------------------- */
enum { OF_ARRAY = 0, OF_MIPMAP = 1, OF_LINEAR = 2, OF_PITCH2D = 3 }; /* CUresourcetype */
enum { READ_AS_INTEGER = 1, NORMALIZED_COORDINATES = 2, SRGB = 0x10, SEAMLESS_CUBEMAP = 0x40 };

static int find_memory(const CUDA_RESOURCE_DESC *r, struct maf_texture *t)
{
    const struct maf_resource_linear *l = &r->res.linear;
    const struct maf_resource_pitch2d *p = &r->res.pitch2D;
    int format[5] = {0};
    switch (r->resType) {
    case OF_ARRAY: return maf_texture_of_array(r->res.array, t);
    case OF_MIPMAP: return maf_texture_of_mipmap(r->res.mipmap, t);
    case OF_LINEAR: {
        uint64_t element = (uint64_t)expand(l->format, l->numChannels, format) / 8 * l->numChannels;
        return element ? maf_texture_of_memory(l->devPtr, format, l->sizeInBytes / element, 0, 0, t) : MAF_E_INVALID_VALUE;
    }
    case OF_PITCH2D:
        return expand(p->format, p->numChannels, format) && p->height
                   ? maf_texture_of_memory(p->devPtr, format, p->width, p->height, p->pitchInBytes, t)
                   : MAF_E_INVALID_VALUE;
    default: return MAF_E_INVALID_VALUE;
    }
}

static int fill(const CUDA_TEXTURE_DESC *d, int resource, struct maf_texture *t)
{
    /* Without the flag, integers of 8 and 16 bits are read as floats of 0 or -1 to 1; those of 32 bits are not. */
    int normalized = t->kind != 2 && !(d->flags & READ_AS_INTEGER) && t->element / t->channels < 4;
    for (int k = 0; k < 3; k++) {
        if (d->addressMode[k] < 0 || d->addressMode[k] > 3)
            return MAF_E_INVALID_VALUE;
        t->mode[k] = (uint32_t)d->addressMode[k];
    }
    if (d->filterMode < 0 || d->filterMode > 1 || (d->filterMode && t->kind != 2 && !normalized))
        return MAF_E_INVALID_VALUE;
    t->flags |= (d->flags & NORMALIZED_COORDINATES ? MAF_TEXTURE_NORMALIZED : 0) |
                (d->filterMode ? MAF_TEXTURE_LINEAR : 0) | (normalized ? MAF_TEXTURE_NORMALIZED_READ : 0) |
                (d->flags & SRGB ? MAF_TEXTURE_SRGB : 0) |
                (d->mipmapFilterMode && resource == OF_MIPMAP ? MAF_TEXTURE_MIP_LINEAR : 0);
    memcpy(t->border, d->borderColor, sizeof t->border);
    t->lod_bias = d->mipmapLevelBias;
    t->lod_low = d->minMipmapLevelClamp;
    t->lod_high = d->maxMipmapLevelClamp;
    return 0;
}

CUresult cuTexObjectCreate(unsigned long long *object, const CUDA_RESOURCE_DESC *resource, const CUDA_TEXTURE_DESC *texture,
                           const struct CUDA_RESOURCE_VIEW_DESC_st *view)
{
    struct maf_texture t = {.levels = 0};
    ENTER();
    if (!object || !resource || !texture)
        return MAF_E_INVALID_VALUE;
    if (view || texture->flags & SEAMLESS_CUBEMAP) {
        maf_unsupported("cuda", view ? "cuTexObjectCreate with a resource view"
                                     : "cuTexObjectCreate with a seamless cubemap");
        return MAF_E_NOT_SUPPORTED;
    }
    int error = find_memory(resource, &t);
    if (!error)
        error = fill(texture, resource->resType, &t);
    return error ? error : maf_texture_create(MAF_DRIVER_TEXTURE, &t, resource, sizeof *resource, texture,
                                              sizeof *texture, object);
}

CUresult cuTexObjectDestroy(unsigned long long object)
{
    ENTER();
    return maf_texture_destroy(MAF_DRIVER_TEXTURE, object);
}

CUresult cuTexObjectGetResourceDesc(CUDA_RESOURCE_DESC *out, unsigned long long object)
{
    ENTER();
    return out ? maf_texture_describe(MAF_DRIVER_TEXTURE, object, out, sizeof *out, NULL, 0) : MAF_E_INVALID_VALUE;
}

CUresult cuTexObjectGetTextureDesc(CUDA_TEXTURE_DESC *out, unsigned long long object)
{
    ENTER();
    return out ? maf_texture_describe(MAF_DRIVER_TEXTURE, object, NULL, 0, out, sizeof *out) : MAF_E_INVALID_VALUE;
}

CUresult cuSurfObjectCreate(unsigned long long *object, const CUDA_RESOURCE_DESC *resource)
{
    struct maf_texture t = {.flags = MAF_TEXTURE_SURFACE};
    ENTER();
    if (!object || !resource || resource->resType != OF_ARRAY)
        return MAF_E_INVALID_VALUE;
    int error = maf_texture_of_array(resource->res.array, &t);
    return error ? error : maf_texture_create(MAF_DRIVER_SURFACE, &t, resource, sizeof *resource, NULL, 0, object);
}

CUresult cuSurfObjectDestroy(unsigned long long object)
{
    ENTER();
    return maf_texture_destroy(MAF_DRIVER_SURFACE, object);
}

CUresult cuSurfObjectGetResourceDesc(CUDA_RESOURCE_DESC *out, unsigned long long object)
{
    ENTER();
    return out ? maf_texture_describe(MAF_DRIVER_SURFACE, object, out, sizeof *out, NULL, 0) : MAF_E_INVALID_VALUE;
}
