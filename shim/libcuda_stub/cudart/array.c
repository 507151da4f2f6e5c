/* Arrays: allocation, descriptions, copies. */
#include "front.h"

enum { LAYERED = 1, SURFACE_LOAD_STORE = 2, CUBEMAP = 4, TEXTURE_GATHER = 8 };

struct cudaChannelFormatDesc cudaCreateChannelDesc(int x, int y, int z, int w, int f)
{
    return (struct cudaChannelFormatDesc){x, y, z, w, f};
}

int describe_array(struct maf_array *a, const struct cudaChannelFormatDesc *d, struct cudaExtent e, unsigned flags)
{
    if (!d || flags & ~(unsigned)(LAYERED | SURFACE_LOAD_STORE | CUBEMAP | TEXTURE_GATHER))
        return MAF_E_INVALID_VALUE;
    int bits = d->x + d->y + d->z + d->w, channels = (d->x != 0) + (d->y != 0) + (d->z != 0) + (d->w != 0);
    if (d->x < 8 || d->x > 32 || d->x % 8 || bits != d->x * channels || channels == 3)
        return MAF_E_INVALID_VALUE;
    *a = (struct maf_array){.width = e.width, .height = e.height, .depth = e.depth, .element = (uint32_t)bits / 8,
                            .flags = flags, .format = {d->x, d->y, d->z, d->w, d->f}};
    return 0;
}

cudaError_t cudaMalloc3DArray(cudaArray_t *array, const struct cudaChannelFormatDesc *desc, struct cudaExtent extent,
                              unsigned flags)
{
    struct maf_array a;
    ENTER();
    int error = array ? describe_array(&a, desc, extent, flags) : MAF_E_INVALID_VALUE;
    return done(error ? error : maf_array_create(&a, array));
}

cudaError_t cudaMallocArray(cudaArray_t *array, const struct cudaChannelFormatDesc *desc, size_t width, size_t height,
                            unsigned flags)
{
    return cudaMalloc3DArray(array, desc, (struct cudaExtent){width, height, 0}, flags);
}

cudaError_t cudaFreeArray(cudaArray_t array)
{
    ENTER();
    return done(array ? maf_array_destroy(array) : 0);
}

cudaError_t cudaArrayGetInfo(struct cudaChannelFormatDesc *desc, struct cudaExtent *extent, unsigned *flags,
                             cudaArray_t array)
{
    const struct maf_array *a = maf_array_find(array);
    if (!a)
        return done(MAF_E_INVALID_HANDLE);
    if (desc)
        *desc = (struct cudaChannelFormatDesc){a->format[0], a->format[1], a->format[2], a->format[3], a->format[4]};
    if (extent)
        *extent = (struct cudaExtent){a->width, a->height, a->depth};
    if (flags)
        *flags = a->flags;
    return 0;
}

cudaError_t cudaGetChannelDesc(struct cudaChannelFormatDesc *desc, cudaArray_t array)
{
    return desc ? cudaArrayGetInfo(desc, NULL, NULL, array) : done(MAF_E_INVALID_VALUE);
}

/* --- copies: offsets and widths in bytes --------------------------------------------------------------------------- */
static cudaError_t to_array(cudaArray_t dst, size_t x, size_t y, const void *src, size_t pitch, size_t width,
                            size_t height, int kind, cudaStream_t stream, int async)
{
    struct maf_box b = {.src = u64(src), .width = width, .height = height, .depth = 1, .src_pitch = pitch};
    ENTER();
    int error = maf_array_place(dst, x, y, 0, width, height, 1, &b.dst);
    if (error)
        return done(error);
    b.dst_pitch = maf_array_find(dst)->pitch;
    return done(maf_memcpy_box(stream, &b, kind, async));
}

static cudaError_t from_array(void *dst, size_t pitch, cudaArray_t src, size_t x, size_t y, size_t width, size_t height,
                              int kind, cudaStream_t stream, int async)
{
    struct maf_box b = {.dst = u64(dst), .width = width, .height = height, .depth = 1, .dst_pitch = pitch};
    ENTER();
    int error = maf_array_place(src, x, y, 0, width, height, 1, &b.src);
    if (error)
        return done(error);
    b.src_pitch = maf_array_find(src)->pitch;
    return done(maf_memcpy_box(stream, &b, kind, async));
}

cudaError_t cudaMemcpy2DToArray(cudaArray_t dst, size_t x, size_t y, const void *src, size_t pitch, size_t width,
                                size_t height, int kind)
{
    return to_array(dst, x, y, src, pitch, width, height, kind, NULL, 0);
}

cudaError_t cudaMemcpy2DToArray_ptds(cudaArray_t dst, size_t x, size_t y, const void *src, size_t pitch, size_t width,
                                     size_t height, int kind)
{
    return to_array(dst, x, y, src, pitch, width, height, kind, PER_THREAD(NULL), 0);
}

cudaError_t cudaMemcpy2DToArrayAsync(cudaArray_t dst, size_t x, size_t y, const void *src, size_t pitch, size_t width,
                                     size_t height, int kind, cudaStream_t stream)
{
    return to_array(dst, x, y, src, pitch, width, height, kind, stream, 1);
}

cudaError_t cudaMemcpy2DToArrayAsync_ptsz(cudaArray_t dst, size_t x, size_t y, const void *src, size_t pitch,
                                          size_t width, size_t height, int kind, cudaStream_t stream)
{
    return to_array(dst, x, y, src, pitch, width, height, kind, PER_THREAD(stream), 1);
}

cudaError_t cudaMemcpy2DFromArray(void *dst, size_t pitch, cudaArray_t src, size_t x, size_t y, size_t width,
                                  size_t height, int kind)
{
    return from_array(dst, pitch, src, x, y, width, height, kind, NULL, 0);
}

cudaError_t cudaMemcpy2DFromArray_ptds(void *dst, size_t pitch, cudaArray_t src, size_t x, size_t y, size_t width,
                                       size_t height, int kind)
{
    return from_array(dst, pitch, src, x, y, width, height, kind, PER_THREAD(NULL), 0);
}

cudaError_t cudaMemcpy2DFromArrayAsync(void *dst, size_t pitch, cudaArray_t src, size_t x, size_t y, size_t width,
                                       size_t height, int kind, cudaStream_t stream)
{
    return from_array(dst, pitch, src, x, y, width, height, kind, stream, 1);
}

cudaError_t cudaMemcpy2DFromArrayAsync_ptsz(void *dst, size_t pitch, cudaArray_t src, size_t x, size_t y, size_t width,
                                            size_t height, int kind, cudaStream_t stream)
{
    return from_array(dst, pitch, src, x, y, width, height, kind, PER_THREAD(stream), 1);
}

cudaError_t cudaMemcpy2DArrayToArray(cudaArray_t dst, size_t dst_x, size_t dst_y, cudaArray_t src, size_t src_x,
                                     size_t src_y, size_t width, size_t height, int kind)
{
    uint64_t from = 0;
    ENTER();
    int error = maf_array_place(src, src_x, src_y, 0, width, height, 1, &from);
    if (error || (kind != 3 && kind != 4))
        return done(error ? error : 21 /* cudaErrorInvalidMemcpyDirection */);
    return to_array(dst, dst_x, dst_y, (void *)(uintptr_t)from, maf_array_find(src)->pitch, width, height, 3, NULL, 1);
}

cudaError_t cudaMemcpy2DArrayToArray_ptds(cudaArray_t dst, size_t dst_x, size_t dst_y, cudaArray_t src, size_t src_x,
                                          size_t src_y, size_t width, size_t height, int kind)
{
    return cudaMemcpy2DArrayToArray(dst, dst_x, dst_y, src, src_x, src_y, width, height, kind);
}

/* --- copies of a number of bytes, from one row of the array to the next --------------------------------------------- */
struct run { /* one side of such a copy: rows of `row` bytes, and how far it has come */
    uint64_t address, pitch, row, x, y;
};

static int begin_run(struct run *r, cudaArray_t array, size_t x, size_t y, size_t bytes)
{
    const struct maf_array *a = maf_array_find(array);
    if (!a)
        return MAF_E_INVALID_HANDLE;
    *r = (struct run){a->address, a->pitch, a->width * a->element, x, y};
    uint64_t rows = a->height ? a->height : 1;
    return a->depth || x > r->row || y >= rows || bytes > (rows - y) * r->row - x ? MAF_E_INVALID_VALUE : 0;
}

static uint64_t place(const struct run *r)
{
    return r->address + r->y * r->pitch + r->x;
}

static void go_on(struct run *r, uint64_t bytes)
{
    r->x += bytes;
    if (r->x == r->row) {
        r->x = 0;
        r->y++;
    }
}

static cudaError_t copy_run(struct run dst, struct run src, size_t bytes, int kind, cudaStream_t stream, int async)
{
    int error = 0;
    while (bytes && !error) {
        uint64_t part = bytes, to = place(&dst), from = place(&src);
        part = part < dst.row - dst.x ? part : dst.row - dst.x;
        part = part < src.row - src.x ? part : src.row - src.x;
        if (part)
            error = maf_memcpy(stream, to, from, part, kind, async);
        bytes -= part;
        go_on(&dst, part);
        go_on(&src, part);
    }
    return done(error);
}

static struct run plain(const void *p)
{
    return (struct run){.address = u64(p), .row = UINT64_MAX};
}

static cudaError_t bytes_to_array(cudaArray_t dst, size_t x, size_t y, const void *src, size_t bytes, int kind,
                                  cudaStream_t stream, int async)
{
    struct run to;
    ENTER();
    int error = begin_run(&to, dst, x, y, bytes);
    return error ? done(error) : copy_run(to, plain(src), bytes, kind, stream, async);
}

static cudaError_t bytes_from_array(void *dst, cudaArray_t src, size_t x, size_t y, size_t bytes, int kind,
                                    cudaStream_t stream, int async)
{
    struct run from;
    ENTER();
    int error = begin_run(&from, src, x, y, bytes);
    return error ? done(error) : copy_run(plain(dst), from, bytes, kind, stream, async);
}

cudaError_t cudaMemcpyToArray(cudaArray_t dst, size_t x, size_t y, const void *src, size_t bytes, int kind)
{
    return bytes_to_array(dst, x, y, src, bytes, kind, NULL, 0);
}

cudaError_t cudaMemcpyToArray_ptds(cudaArray_t dst, size_t x, size_t y, const void *src, size_t bytes, int kind)
{
    return bytes_to_array(dst, x, y, src, bytes, kind, PER_THREAD(NULL), 0);
}

cudaError_t cudaMemcpyToArrayAsync(cudaArray_t dst, size_t x, size_t y, const void *src, size_t bytes, int kind,
                                   cudaStream_t stream)
{
    return bytes_to_array(dst, x, y, src, bytes, kind, stream, 1);
}

cudaError_t cudaMemcpyToArrayAsync_ptsz(cudaArray_t dst, size_t x, size_t y, const void *src, size_t bytes, int kind,
                                        cudaStream_t stream)
{
    return bytes_to_array(dst, x, y, src, bytes, kind, PER_THREAD(stream), 1);
}

cudaError_t cudaMemcpyFromArray(void *dst, cudaArray_t src, size_t x, size_t y, size_t bytes, int kind)
{
    return bytes_from_array(dst, src, x, y, bytes, kind, NULL, 0);
}

cudaError_t cudaMemcpyFromArray_ptds(void *dst, cudaArray_t src, size_t x, size_t y, size_t bytes, int kind)
{
    return bytes_from_array(dst, src, x, y, bytes, kind, PER_THREAD(NULL), 0);
}

cudaError_t cudaMemcpyFromArrayAsync(void *dst, cudaArray_t src, size_t x, size_t y, size_t bytes, int kind,
                                     cudaStream_t stream)
{
    return bytes_from_array(dst, src, x, y, bytes, kind, stream, 1);
}

cudaError_t cudaMemcpyFromArrayAsync_ptsz(void *dst, cudaArray_t src, size_t x, size_t y, size_t bytes, int kind,
                                          cudaStream_t stream)
{
    return bytes_from_array(dst, src, x, y, bytes, kind, PER_THREAD(stream), 1);
}

static cudaError_t array_to_array(cudaArray_t dst, size_t dst_x, size_t dst_y, cudaArray_t src, size_t src_x, size_t src_y,
                                  size_t bytes, int kind, cudaStream_t stream)
{
    struct run to, from;
    ENTER();
    int error = begin_run(&to, dst, dst_x, dst_y, bytes);
    if (!error)
        error = begin_run(&from, src, src_x, src_y, bytes);
    if (!error && kind != 3 && kind != 4)
        error = 21; /* cudaErrorInvalidMemcpyDirection */
    return error ? done(error) : copy_run(to, from, bytes, 3, stream, 1);
}

cudaError_t cudaMemcpyArrayToArray(cudaArray_t dst, size_t dst_x, size_t dst_y, cudaArray_t src, size_t src_x,
                                   size_t src_y, size_t bytes, int kind)
{
    return array_to_array(dst, dst_x, dst_y, src, src_x, src_y, bytes, kind, NULL);
}

cudaError_t cudaMemcpyArrayToArray_ptds(cudaArray_t dst, size_t dst_x, size_t dst_y, cudaArray_t src, size_t src_x,
                                        size_t src_y, size_t bytes, int kind)
{
    return array_to_array(dst, dst_x, dst_y, src, src_x, src_y, bytes, kind, PER_THREAD(NULL));
}
