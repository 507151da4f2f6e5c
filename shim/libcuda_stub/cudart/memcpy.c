/* Copies and fills. */
#include "front.h"

static cudaError_t copy(void *dst, const void *src, size_t bytes, int kind, cudaStream_t stream, int async)
{
    ENTER();
    return done(maf_memcpy(stream, u64(dst), u64(src), bytes, kind, async));
}

cudaError_t cudaMemcpy(void *dst, const void *src, size_t bytes, int kind)
{
    TRACE(cudaMemcpy);
    return copy(dst, src, bytes, kind, NULL, 0);
}

cudaError_t cudaMemcpy_ptds(void *dst, const void *src, size_t bytes, int kind)
{
    return copy(dst, src, bytes, kind, PER_THREAD(NULL), 0);
}

cudaError_t cudaMemcpyAsync(void *dst, const void *src, size_t bytes, int kind, cudaStream_t stream)
{
    TRACE(cudaMemcpyAsync);
    return copy(dst, src, bytes, kind, stream, 1);
}

cudaError_t cudaMemcpyAsync_ptsz(void *dst, const void *src, size_t bytes, int kind, cudaStream_t stream)
{
    return copy(dst, src, bytes, kind, PER_THREAD(stream), 1);
}

/* One address space: a peer copy is a copy. */
static cudaError_t copy_peer(void *dst, int dstDevice, const void *src, int srcDevice, size_t bytes,
                             cudaStream_t stream, int async)
{
    int error = valid_device(dstDevice);
    if (!error)
        error = valid_device(srcDevice);
    return error ? done(error) : copy(dst, src, bytes, 4, stream, async);
}

cudaError_t cudaMemcpyPeer(void *dst, int dstDevice, const void *src, int srcDevice, size_t bytes)
{
    return copy_peer(dst, dstDevice, src, srcDevice, bytes, NULL, 0);
}

cudaError_t cudaMemcpyPeerAsync(void *dst, int dstDevice, const void *src, int srcDevice, size_t bytes,
                                cudaStream_t stream)
{
    TRACE(cudaMemcpyPeerAsync);
    return copy_peer(dst, dstDevice, src, srcDevice, bytes, stream, 1);
}

static cudaError_t copy_2d(void *dst, size_t dpitch, const void *src, size_t spitch, size_t width, size_t height,
                           int kind, cudaStream_t stream, int async)
{
    struct maf_box b = {.dst = u64(dst), .src = u64(src), .width = width, .height = height, .depth = 1,
                        .dst_pitch = dpitch, .src_pitch = spitch};
    ENTER();
    return done(maf_memcpy_box(stream, &b, kind, async));
}

cudaError_t cudaMemcpy2D(void *dst, size_t dpitch, const void *src, size_t spitch, size_t width, size_t height,
                         int kind)
{
    TRACE(cudaMemcpy2D);
    return copy_2d(dst, dpitch, src, spitch, width, height, kind, NULL, 0);
}

cudaError_t cudaMemcpy2DAsync(void *dst, size_t dpitch, const void *src, size_t spitch, size_t width, size_t height,
                              int kind, cudaStream_t stream)
{
    TRACE(cudaMemcpy2DAsync);
    return copy_2d(dst, dpitch, src, spitch, width, height, kind, stream, 1);
}

cudaError_t cudaMemcpy2D_ptds(void *dst, size_t dpitch, const void *src, size_t spitch, size_t width, size_t height,
                              int kind)
{
    return copy_2d(dst, dpitch, src, spitch, width, height, kind, PER_THREAD(NULL), 0);
}

cudaError_t cudaMemcpy2DAsync_ptsz(void *dst, size_t dpitch, const void *src, size_t spitch, size_t width,
                                   size_t height, int kind, cudaStream_t stream)
{
    return copy_2d(dst, dpitch, src, spitch, width, height, kind, PER_THREAD(stream), 1);
}

int maf_cudart_box(const struct cudaMemcpy3DParms *p, struct maf_box *b)
{
    const struct maf_array *from = p->srcArray ? maf_array_find(p->srcArray) : NULL;
    const struct maf_array *to = p->dstArray ? maf_array_find(p->dstArray) : NULL;
    if ((p->srcArray && !from) || (p->dstArray && !to))
        return MAF_E_INVALID_HANDLE;
    const struct cudaPitchedPtr *s = &p->srcPtr, *d = &p->dstPtr;
    *b = (struct maf_box){
        .dst = u64(d->ptr) + (p->dstPos.z * d->ysize + p->dstPos.y) * d->pitch + p->dstPos.x,
        .src = u64(s->ptr) + (p->srcPos.z * s->ysize + p->srcPos.y) * s->pitch + p->srcPos.x,
        .width = p->extent.width,
        .height = p->extent.height,
        .depth = p->extent.depth,
        .dst_pitch = d->pitch,
        .src_pitch = s->pitch,
        .dst_slice = d->pitch * d->ysize,
        .src_slice = s->pitch * s->ysize,
    };
    if (!from && !to)
        return 0;
    /* With an array the extent counts elements, of the array; positions count elements in arrays, bytes elsewhere. */
    uint64_t element = from ? from->element : to->element;
    if (from && to && from->element != to->element)
        return MAF_E_INVALID_VALUE;
    b->width *= element;
    int error = 0;
    if (from) {
        error = maf_array_place(p->srcArray, p->srcPos.x * element, p->srcPos.y, p->srcPos.z, b->width, b->height,
                                b->depth, &b->src);
        b->src_pitch = from->pitch;
        b->src_slice = from->slice;
    }
    if (to && !error) {
        error = maf_array_place(p->dstArray, p->dstPos.x * element, p->dstPos.y, p->dstPos.z, b->width, b->height,
                                b->depth, &b->dst);
        b->dst_pitch = to->pitch;
        b->dst_slice = to->slice;
    }
    return error;
}

static cudaError_t copy_3d(const struct cudaMemcpy3DParms *p, cudaStream_t stream, int async)
{
    struct maf_box b;
    ENTER();
    int error = maf_cudart_box(p, &b);
    return done(error ? error : maf_memcpy_box(stream, &b, p->kind, async));
}

cudaError_t cudaMemcpy3D(const struct cudaMemcpy3DParms *p)
{
    TRACE(cudaMemcpy3D);
    return copy_3d(p, NULL, 0);
}

cudaError_t cudaMemcpy3DAsync(const struct cudaMemcpy3DParms *p, cudaStream_t stream)
{
    TRACE(cudaMemcpy3DAsync);
    return copy_3d(p, stream, 1);
}

cudaError_t cudaMemcpy3D_ptds(const struct cudaMemcpy3DParms *p)
{
    return copy_3d(p, PER_THREAD(NULL), 0);
}

cudaError_t cudaMemcpy3DAsync_ptsz(const struct cudaMemcpy3DParms *p, cudaStream_t stream)
{
    return copy_3d(p, PER_THREAD(stream), 1);
}

static cudaError_t copy_3d_peer(const struct cudaMemcpy3DPeerParms *q, cudaStream_t stream, int async)
{
    struct cudaMemcpy3DParms p = {q->srcArray, q->srcPos, q->srcPtr, q->dstArray, q->dstPos, q->dstPtr, q->extent, 4};
    return copy_3d(&p, stream, async);
}

cudaError_t cudaMemcpy3DPeer(const struct cudaMemcpy3DPeerParms *p)
{
    return copy_3d_peer(p, NULL, 0);
}

cudaError_t cudaMemcpy3DPeerAsync(const struct cudaMemcpy3DPeerParms *p, cudaStream_t stream)
{
    return copy_3d_peer(p, stream, 1);
}

/* --- symbols ---------------------------------------------------------------------------------------------- */
static int symbol_range(const void *symbol, size_t bytes, size_t offset, uint64_t *address)
{
    uint64_t size;
    int error = maf_host_variable(symbol, address, &size);
    if (error)
        return error;
    *address += offset;
    return offset > size || bytes > size - offset ? MAF_E_INVALID_VALUE : 0;
}

static cudaError_t to_symbol(const void *symbol, const void *src, size_t bytes, size_t offset, int kind,
                             cudaStream_t stream, int async)
{
    uint64_t address;
    ENTER();
    int error = symbol_range(symbol, bytes, offset, &address);
    return done(error ? error : maf_memcpy(stream, address, u64(src), bytes, kind, async));
}

static cudaError_t from_symbol(void *dst, const void *symbol, size_t bytes, size_t offset, int kind,
                               cudaStream_t stream, int async)
{
    uint64_t address;
    ENTER();
    int error = symbol_range(symbol, bytes, offset, &address);
    return done(error ? error : maf_memcpy(stream, u64(dst), address, bytes, kind, async));
}

cudaError_t cudaMemcpyToSymbol(const void *symbol, const void *src, size_t bytes, size_t offset, int kind)
{
    TRACE(cudaMemcpyToSymbol);
    return to_symbol(symbol, src, bytes, offset, kind, NULL, 0);
}

cudaError_t cudaMemcpyToSymbol_ptds(const void *symbol, const void *src, size_t bytes, size_t offset, int kind)
{
    return to_symbol(symbol, src, bytes, offset, kind, PER_THREAD(NULL), 0);
}

cudaError_t cudaMemcpyToSymbolAsync(const void *symbol, const void *src, size_t bytes, size_t offset, int kind,
                                    cudaStream_t stream)
{
    return to_symbol(symbol, src, bytes, offset, kind, stream, 1);
}

cudaError_t cudaMemcpyToSymbolAsync_ptsz(const void *symbol, const void *src, size_t bytes, size_t offset, int kind,
                                         cudaStream_t stream)
{
    return to_symbol(symbol, src, bytes, offset, kind, PER_THREAD(stream), 1);
}

cudaError_t cudaMemcpyFromSymbol(void *dst, const void *symbol, size_t bytes, size_t offset, int kind)
{
    TRACE(cudaMemcpyFromSymbol);
    return from_symbol(dst, symbol, bytes, offset, kind, NULL, 0);
}

cudaError_t cudaMemcpyFromSymbol_ptds(void *dst, const void *symbol, size_t bytes, size_t offset, int kind)
{
    return from_symbol(dst, symbol, bytes, offset, kind, PER_THREAD(NULL), 0);
}

cudaError_t cudaMemcpyFromSymbolAsync(void *dst, const void *symbol, size_t bytes, size_t offset, int kind,
                                      cudaStream_t stream)
{
    return from_symbol(dst, symbol, bytes, offset, kind, stream, 1);
}

cudaError_t cudaMemcpyFromSymbolAsync_ptsz(void *dst, const void *symbol, size_t bytes, size_t offset, int kind,
                                           cudaStream_t stream)
{
    return from_symbol(dst, symbol, bytes, offset, kind, PER_THREAD(stream), 1);
}

/* --- fills ------------------------------------------------------------------------------------------------- */
static cudaError_t fill(void *p, size_t pitch, int value, size_t width, size_t height, cudaStream_t stream, int async)
{
    ENTER();
    return done(maf_memset_box(stream, u64(p), pitch, (uint32_t)value & 0xff, 1, width, height, async));
}

cudaError_t cudaMemset(void *p, int value, size_t bytes)
{
    TRACE(cudaMemset);
    return fill(p, bytes, value, bytes, 1, NULL, 1);
}

cudaError_t cudaMemset_ptds(void *p, int value, size_t bytes)
{
    return fill(p, bytes, value, bytes, 1, PER_THREAD(NULL), 1);
}

cudaError_t cudaMemsetAsync(void *p, int value, size_t bytes, cudaStream_t stream)
{
    TRACE(cudaMemsetAsync);
    return fill(p, bytes, value, bytes, 1, stream, 1);
}

cudaError_t cudaMemsetAsync_ptsz(void *p, int value, size_t bytes, cudaStream_t stream)
{
    return fill(p, bytes, value, bytes, 1, PER_THREAD(stream), 1);
}

cudaError_t cudaMemset2D(void *p, size_t pitch, int value, size_t width, size_t height)
{
    TRACE(cudaMemset2D);
    return fill(p, pitch, value, width, height, NULL, 1);
}

cudaError_t cudaMemset2D_ptds(void *p, size_t pitch, int value, size_t width, size_t height)
{
    return fill(p, pitch, value, width, height, PER_THREAD(NULL), 1);
}

cudaError_t cudaMemset2DAsync(void *p, size_t pitch, int value, size_t width, size_t height, cudaStream_t stream)
{
    return fill(p, pitch, value, width, height, stream, 1);
}

cudaError_t cudaMemset2DAsync_ptsz(void *p, size_t pitch, int value, size_t width, size_t height, cudaStream_t stream)
{
    return fill(p, pitch, value, width, height, PER_THREAD(stream), 1);
}

static cudaError_t fill_3d(struct cudaPitchedPtr p, int value, struct cudaExtent e, cudaStream_t stream)
{
    if (e.height == p.ysize || e.depth <= 1)
        return fill(p.ptr, p.pitch, value, e.width, e.height * e.depth, stream, 1);
    for (size_t z = 0; z < e.depth; z++) {
        cudaError_t error = fill((char *)p.ptr + z * p.pitch * p.ysize, p.pitch, value, e.width, e.height, stream, 1);
        if (error)
            return error;
    }
    return 0;
}

cudaError_t cudaMemset3D(struct cudaPitchedPtr p, int value, struct cudaExtent extent)
{
    return fill_3d(p, value, extent, NULL);
}

cudaError_t cudaMemset3D_ptds(struct cudaPitchedPtr p, int value, struct cudaExtent extent)
{
    return fill_3d(p, value, extent, PER_THREAD(NULL));
}

cudaError_t cudaMemset3DAsync(struct cudaPitchedPtr p, int value, struct cudaExtent extent, cudaStream_t stream)
{
    return fill_3d(p, value, extent, stream);
}

cudaError_t cudaMemset3DAsync_ptsz(struct cudaPitchedPtr p, int value, struct cudaExtent extent, cudaStream_t stream)
{
    return fill_3d(p, value, extent, PER_THREAD(stream));
}
