/* Stream-ordered memory pools. Freed memory goes straight back to the device's heap, so a pool is an account: what is
 * used, the most that was used, and the attributes that the program sets. */
#define _GNU_SOURCE
#include "internal.h"

enum {
    REUSE_FOLLOW_EVENTS = 1,
    REUSE_INTERNAL = 3,
    RELEASE_THRESHOLD = 4,
    RESERVED_CURRENT = 5,
    RESERVED_HIGH = 6,
    USED_CURRENT = 7,
    USED_HIGH = 8,
};

struct pool {
    uint32_t alive;
    int32_t device;
    int32_t reuse[4];
    uint64_t threshold;
    uint64_t limit; /* 0: the device's memory */
    _Atomic uint64_t used, high;
    uint32_t destroyed; /* gone once its memory is */
};

/* The first MAF_MAX_SDA are the devices' default pools; a pool's number travels in the tag of its allocations. */
static struct pool pools[MAF_POOLS];
static struct pool *current[MAF_MAX_SDA];
static struct maf_lock lock;

static void revive(struct pool *p, int device)
{
    p->device = device;
    p->reuse[1] = p->reuse[2] = p->reuse[3] = 1;
    p->threshold = p->limit = 0;
    p->destroyed = 0;
    atomic_store(&p->high, 0);
    p->alive = 1;
}

static struct pool *pool_of(void *handle)
{
    size_t n = (size_t)((struct pool *)handle - pools);
    int valid = handle && n < MAF_POOLS && handle == (void *)&pools[n] && pools[n].alive && !pools[n].destroyed;
    return valid ? handle : NULL;
}

void *maf_pool_default(int device)
{
    if (unlikely(!pools[device].alive)) {
        maf_lock(&lock);
        if (!pools[device].alive)
            revive(&pools[device], device);
        maf_unlock(&lock);
    }
    return &pools[device];
}

void *maf_pool_current(int device)
{
    return current[device] ? current[device] : maf_pool_default(device);
}

int maf_pool_select(int device, void *pool)
{
    struct pool *p = pool_of(pool);
    if (!p || p->device != device)
        return MAF_E_INVALID_VALUE;
    current[device] = p;
    return 0;
}

int maf_pool_create(int device, uint64_t limit, void **out)
{
    *out = NULL;
    maf_lock(&lock);
    for (int i = MAF_MAX_SDA; i < MAF_POOLS && !*out; i++)
        if (!pools[i].alive) {
            revive(&pools[i], device);
            pools[i].limit = limit;
            *out = &pools[i];
        }
    maf_unlock(&lock);
    return *out ? 0 : MAF_E_OUT_OF_MEMORY;
}

int maf_pool_destroy(void *pool)
{
    struct pool *p = pool_of(pool);
    if (!p || p < pools + MAF_MAX_SDA)
        return MAF_E_INVALID_VALUE;
    maf_lock(&lock);
    if (current[p->device] == p)
        current[p->device] = NULL;
    p->destroyed = 1;
    p->alive = atomic_load(&p->used) != 0;
    maf_unlock(&lock);
    return 0;
}

int maf_pool_device(void *pool)
{
    struct pool *p = pool_of(pool);
    return p ? p->device : -1;
}

int maf_pool_charge(void *pool, uint64_t bytes, uint32_t *number)
{
    struct pool *p = pool_of(pool);
    if (!p)
        return MAF_E_INVALID_VALUE;
    uint64_t now = atomic_fetch_add(&p->used, bytes) + bytes;
    if (p->limit && now > p->limit) {
        atomic_fetch_sub(&p->used, bytes);
        return MAF_E_OUT_OF_MEMORY;
    }
    *number = (uint32_t)(p - pools);
    return 0;
}

void maf_pool_peak(uint32_t number)
{
    struct pool *p = &pools[number];
    uint64_t now = atomic_load(&p->used), high = atomic_load(&p->high);
    while (high < now && !atomic_compare_exchange_weak(&p->high, &high, now))
        ;
}

void maf_pool_credit(uint32_t number, uint64_t bytes)
{
    struct pool *p = &pools[number];
    if (atomic_fetch_sub(&p->used, bytes) == bytes && p->destroyed)
        p->alive = 0;
}

int maf_pool_get(void *pool, int attribute, void *value)
{
    struct pool *p = pool_of(pool);
    if (!p || attribute < REUSE_FOLLOW_EVENTS || attribute > USED_HIGH)
        return MAF_E_INVALID_VALUE;
    if (attribute <= REUSE_INTERNAL)
        *(int *)value = p->reuse[attribute];
    else if (attribute == RELEASE_THRESHOLD)
        *(uint64_t *)value = p->threshold;
    else /* nothing is reserved but what is used */
        *(uint64_t *)value =
            atomic_load(attribute == RESERVED_CURRENT || attribute == USED_CURRENT ? &p->used : &p->high);
    return 0;
}

int maf_pool_set(void *pool, int attribute, const void *value)
{
    struct pool *p = pool_of(pool);
    if (!p)
        return MAF_E_INVALID_VALUE;
    if (attribute >= REUSE_FOLLOW_EVENTS && attribute <= REUSE_INTERNAL)
        p->reuse[attribute] = *(const int *)value;
    else if (attribute == RELEASE_THRESHOLD)
        p->threshold = *(const uint64_t *)value;
    else if ((attribute == RESERVED_HIGH || attribute == USED_HIGH) && *(const uint64_t *)value == 0)
        atomic_store(&p->high, atomic_load(&p->used));
    else
        return MAF_E_INVALID_VALUE;
    return 0;
}
