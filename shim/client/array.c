/* CUDA arrays. Their layout is opaque to programs: here it is rows of whole elements, one slice behind the other. */
#define _GNU_SOURCE
#include "internal.h"

enum { ROW_ALIGNMENT = 32 };

struct array {
    uint32_t alive;
    struct maf_array info;
};
static struct maf_slab array_slab = {.item = sizeof(struct array), .limit = 1 << 16};

int maf_array_create(const struct maf_array *wanted, void **out)
{
    struct maf_array info = *wanted;
    uint64_t rows = (info.height ? info.height : 1) * (info.depth ? info.depth : 1);
    *out = NULL;
    if (!info.width || !info.element || info.width > UINT32_MAX || info.height > UINT32_MAX || info.depth > UINT32_MAX)
        return MAF_E_INVALID_VALUE;
    info.pitch = (info.width * info.element + ROW_ALIGNMENT - 1) & ~(uint64_t)(ROW_ALIGNMENT - 1);
    if (rows > UINT64_MAX / 2 / info.pitch)
        return MAF_E_OUT_OF_MEMORY;
    info.slice = info.pitch * (info.height ? info.height : 1);
    int error = maf_memory_alloc(maf_current_device(), info.pitch * rows, &info.address);
    if (error)
        return error;
    struct array *a = maf_slab_new(&array_slab);
    if (!a) {
        maf_memory_free(info.address);
        return MAF_E_OUT_OF_MEMORY;
    }
    a->info = info;
    *out = a;
    return 0;
}

const struct maf_array *maf_array_find(void *array)
{
    return maf_slab_holds(&array_slab, array) ? &((struct array *)array)->info : NULL;
}

int maf_array_destroy(void *array)
{
    struct array *a = maf_slab_holds(&array_slab, array) ? array : NULL;
    if (!a)
        return MAF_E_INVALID_HANDLE;
    int error = maf_memory_free(a->info.address);
    maf_slab_delete(&array_slab, a);
    return error;
}

/* Whether a box of width bytes lies inside the array, and where it begins. */
int maf_array_place(void *array, uint64_t x_bytes, uint64_t y, uint64_t z, uint64_t width, uint64_t height, uint64_t depth,
                    uint64_t *address)
{
    const struct maf_array *a = maf_array_find(array);
    if (!a)
        return MAF_E_INVALID_HANDLE;
    uint64_t row = a->width * a->element, rows = a->height ? a->height : 1, slices = a->depth ? a->depth : 1;
    if (x_bytes > row || width > row - x_bytes || y > rows || height > rows - y || z > slices || depth > slices - z)
        return MAF_E_INVALID_VALUE;
    *address = a->address + z * a->slice + y * a->pitch + x_bytes;
    return 0;
}
