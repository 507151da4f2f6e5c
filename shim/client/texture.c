/* Texture and surface objects: what each one is goes to the executor once; the object is a number there. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum { OBJECTS = 1 << 20, DESCRIPTOR_BYTES = 160 };

struct object {
    uint32_t alive; /* 1 + enum maf_object_kind */
    uint32_t next;  /* of the ended ones; 0: none */
    unsigned char resource[DESCRIPTOR_BYTES], texture[DESCRIPTOR_BYTES];
};
static struct maf_lock lock;
static struct object *objects[OBJECTS >> 10];
/* A kernel that was launched before its texture was destroyed still reads it: numbers are used again as late as can be. */
static uint32_t used = 1, first_ended, last_ended;

static struct object *object(uint32_t n)
{
    struct object *chunk = n && n < OBJECTS ? __atomic_load_n(&objects[n >> 10], __ATOMIC_ACQUIRE) : NULL;
    return chunk ? &chunk[n & 1023] : NULL;
}

static uint32_t take_number(void)
{
    if (used < OBJECTS) {
        if (!objects[used >> 10]) {
            struct object *chunk = calloc(1024, sizeof *chunk);
            if (!chunk)
                return 0;
            __atomic_store_n(&objects[used >> 10], chunk, __ATOMIC_RELEASE);
        }
        return used++;
    }
    uint32_t n = first_ended;
    if (n) {
        first_ended = object(n)->next;
        if (!first_ended)
            last_ended = 0;
    }
    return n;
}

int maf_texture_create(int kind, const struct maf_texture *t, const void *resource, size_t resource_bytes,
                       const void *texture, size_t texture_bytes, unsigned long long *out)
{
    struct maf_stream s = {.device = maf_current_device()};
    if (maf_g.own_bytes)
        return MAF_E_NOT_SUPPORTED;
    if (resource_bytes > DESCRIPTOR_BYTES || texture_bytes > DESCRIPTOR_BYTES)
        return MAF_E_INVALID_VALUE;
    maf_lock(&lock);
    uint32_t n = take_number();
    maf_unlock(&lock);
    if (!n)
        return MAF_E_OUT_OF_MEMORY;
    struct object *o = object(n);
    memcpy(o->resource, resource, resource_bytes);
    if (texture)
        memcpy(o->texture, texture, texture_bytes);
    struct maf_cmd_texture *c = maf_ring_begin(&s, MAF_CMD_TEXTURE, sizeof *c);
    if (!c)
        return maf_fault_now();
    c->index = n;
    c->reserved = 0;
    c->texture = *t;
    maf_ring_end(&s, c);
    __atomic_store_n(&o->alive, 1 + (uint32_t)kind, __ATOMIC_RELEASE);
    *out = n;
    return 0;
}

static struct object *find(int kind, unsigned long long handle)
{
    struct object *o = handle < OBJECTS ? object((uint32_t)handle) : NULL;
    return o && __atomic_load_n(&o->alive, __ATOMIC_ACQUIRE) == 1 + (uint32_t)kind ? o : NULL;
}

int maf_texture_destroy(int kind, unsigned long long handle)
{
    maf_lock(&lock);
    struct object *o = find(kind, handle);
    if (o) {
        o->alive = o->next = 0;
        if (last_ended)
            object(last_ended)->next = (uint32_t)handle;
        else
            first_ended = (uint32_t)handle;
        last_ended = (uint32_t)handle;
    }
    maf_unlock(&lock);
    return o ? 0 : MAF_E_INVALID_VALUE;
}

int maf_texture_describe(int kind, unsigned long long handle, void *resource, size_t resource_bytes, void *texture,
                         size_t texture_bytes)
{
    const struct object *o = find(kind, handle);
    if (!o)
        return MAF_E_INVALID_VALUE;
    if (resource)
        memcpy(resource, o->resource, resource_bytes);
    if (texture)
        memcpy(texture, o->texture, texture_bytes);
    return 0;
}

static int element_of(struct maf_texture *t, const int format[5], uint32_t element)
{
    t->element = element;
    t->kind = (uint32_t)format[4];
    for (int c = 0; c < 4; c++)
        t->channels += format[c] != 0;
    return t->channels && t->kind <= 2 ? 0 : MAF_E_INVALID_VALUE;
}

int maf_texture_of_array(void *array, struct maf_texture *t)
{
    const struct maf_array *a = maf_array_find(array);
    if (!a)
        return MAF_E_INVALID_HANDLE;
    t->address[0] = a->address;
    t->pitch = a->pitch;
    t->slice = a->slice;
    t->width = (uint32_t)a->width;
    t->height = (uint32_t)a->height;
    t->depth = (uint32_t)a->depth;
    t->levels = 1;
    if (a->flags & (MAF_ARRAY_LAYERED | MAF_ARRAY_CUBEMAP))
        t->flags |= MAF_TEXTURE_LAYERED;
    return element_of(t, a->format, a->element);
}

int maf_texture_of_mipmap(void *mipmap, struct maf_texture *t)
{
    void *level;
    int error = maf_mipmap_level(mipmap, 0, &level);
    if (error || (error = maf_texture_of_array(level, t)))
        return error;
    while (t->levels < MAF_TEXTURE_LEVELS && !maf_mipmap_level(mipmap, t->levels, &level))
        t->address[t->levels++] = maf_array_find(level)->address;
    return 0;
}

int maf_texture_of_memory(uint64_t address, const int format[5], uint64_t width, uint64_t height, uint64_t pitch,
                          struct maf_texture *t)
{
    uint32_t bits = (uint32_t)format[0], channels = 0;
    for (int c = 0; c < 4; c++)
        channels += format[c] != 0;
    if (!address || (bits != 8 && bits != 16 && bits != 32) || (format[4] == 2 && bits == 8))
        return MAF_E_INVALID_VALUE;
    int error = element_of(t, format, bits / 8 * channels);
    if (error || address % t->element)
        return MAF_E_INVALID_VALUE;
    t->address[0] = address;
    t->width = (uint32_t)width;
    t->height = (uint32_t)height;
    t->pitch = pitch;
    t->levels = 1;
    return !width || (height && pitch < width * t->element) ? MAF_E_INVALID_VALUE : 0;
}

/* --- mipmapped arrays: an array for each level ------------------------------------------------------------------- */
struct mipmap {
    uint32_t alive, levels;
    void *level[MAF_TEXTURE_LEVELS];
};
static struct maf_slab mipmap_slab = {.item = sizeof(struct mipmap), .limit = 1 << 14};

static uint64_t halved(uint64_t size, unsigned level)
{
    return size && !(size >> level) ? 1 : size >> level;
}

int maf_mipmap_create(const struct maf_array *wanted, unsigned levels, void **out)
{
    uint64_t largest = wanted->width > wanted->height ? wanted->width : wanted->height;
    int layered = (wanted->flags & (MAF_ARRAY_LAYERED | MAF_ARRAY_CUBEMAP)) != 0;
    unsigned most = 0;
    if (!layered && wanted->depth > largest)
        largest = wanted->depth;
    while (largest >> most)
        most++;
    if (most > MAF_TEXTURE_LEVELS)
        most = MAF_TEXTURE_LEVELS;
    *out = NULL;
    if (!levels)
        return MAF_E_INVALID_VALUE;
    if (levels > most)
        levels = most; /* as the documentation says: clamped */
    struct mipmap *m = maf_slab_new(&mipmap_slab);
    if (!m)
        return MAF_E_OUT_OF_MEMORY;
    int error = 0;
    for (m->levels = 0; m->levels < levels && !error; m->levels += !error) {
        struct maf_array a = *wanted;
        a.width = halved(wanted->width, m->levels);
        a.height = halved(wanted->height, m->levels);
        if (!layered)
            a.depth = halved(wanted->depth, m->levels);
        error = maf_array_create(&a, &m->level[m->levels]);
    }
    if (error)
        maf_mipmap_destroy(m);
    else
        *out = m;
    return error;
}

int maf_mipmap_level(void *mipmap, unsigned level, void **out)
{
    struct mipmap *m = maf_slab_holds(&mipmap_slab, mipmap) ? mipmap : NULL;
    if (!m)
        return MAF_E_INVALID_HANDLE;
    if (level >= m->levels)
        return MAF_E_INVALID_VALUE;
    *out = m->level[level];
    return 0;
}

int maf_mipmap_destroy(void *mipmap)
{
    struct mipmap *m = maf_slab_holds(&mipmap_slab, mipmap) ? mipmap : NULL;
    if (!m)
        return MAF_E_INVALID_HANDLE;
    for (unsigned i = 0; i < m->levels; i++)
        maf_array_destroy(m->level[i]);
    maf_slab_delete(&mipmap_slab, m);
    return 0;
}
