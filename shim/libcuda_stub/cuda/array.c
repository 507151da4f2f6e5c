/* Arrays: allocation and descriptions. Textures and surfaces stay stubs. */
#include "front.h"

enum { SIGNED = 0, UNSIGNED = 1, FLOATING = 2 }; /* cudaChannelFormatKind */

static const struct {
    int format; /* CUarray_format */
    int bits, kind;
} formats[] = {
    {0x01, 8, UNSIGNED}, {0x02, 16, UNSIGNED}, {0x03, 32, UNSIGNED}, {0x08, 8, SIGNED},
    {0x09, 16, SIGNED},  {0x0a, 32, SIGNED},   {0x10, 16, FLOATING}, {0x20, 32, FLOATING},
};

CUresult cuArray3DCreate_v2(CUarray *array, const CUDA_ARRAY3D_DESCRIPTOR *d)
{
    ENTER();
    if (!array || !d || (d->NumChannels != 1 && d->NumChannels != 2 && d->NumChannels != 4) || d->Flags & ~0xfu)
        return MAF_E_INVALID_VALUE;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (formats[i].format == d->Format) {
            struct maf_array a = {.width = d->Width, .height = d->Height, .depth = d->Depth,
                                  .element = (uint32_t)formats[i].bits / 8 * d->NumChannels, .flags = d->Flags,
                                  .format = {[4] = formats[i].kind}};
            for (unsigned c = 0; c < d->NumChannels; c++)
                a.format[c] = formats[i].bits;
            return maf_array_create(&a, array);
        }
    return MAF_E_INVALID_VALUE;
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
