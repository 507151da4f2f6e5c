/* Devices as the program sees them, and thread state. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static MAF_TLS int current_device;
static MAF_TLS int last_error;

int maf_current_device(void)
{
    return current_device;
}

int *maf_last_error(void)
{
    return &last_error;
}

int maf_device_count(int *count)
{
    *count = 0;
    if (atomic_load(&maf_g.phase) == MAF_FORKED)
        return MAF_E_INITIALIZATION;
    int n = maf_settings();
    if (n <= 0)
        return MAF_E_NO_DEVICE;
    int error = maf_connect(0);
    if (!error)
        *count = n;
    return error;
}

int maf_start(void)
{
    if (likely(atomic_load_explicit(&maf_g.phase, memory_order_relaxed) == MAF_READY))
        return 0;
    return maf_connect(0);
}

int maf_forked_child(void)
{
    return atomic_load_explicit(&maf_g.phase, memory_order_relaxed) == MAF_FORKED;
}

int maf_set_device(int device)
{
    if (device < 0 || device >= maf_settings())
        return MAF_E_INVALID_DEVICE;
    int error = maf_start();
    if (error)
        return error;
    current_device = device;
    atomic_store_explicit(&maf_g.active[device], 1, memory_order_relaxed);
    return 0;
}

int maf_enter_device(void)
{
    int error = maf_enter();
    if (!error && unlikely(!atomic_load_explicit(&maf_g.active[current_device], memory_order_relaxed)))
        atomic_store_explicit(&maf_g.active[current_device], 1, memory_order_relaxed);
    return error;
}

int maf_device_active(int device)
{
    return atomic_load_explicit(&maf_g.active[device], memory_order_relaxed);
}

int maf_fault_now(void)
{
    return maf_g.control ? maf_fault() : atomic_load_explicit(&maf_g.error, memory_order_relaxed);
}

const struct maf_profile *maf_device_profile(void)
{
    maf_settings();
    return &maf_profile_data;
}

/* Identity follows the SDA, not the ordinal, so that NVML and the runtime name the same device. */
void maf_sda_uuid(int sda, unsigned char out[16])
{
    memset(out, 0, 16);
    memcpy(out, "MAF vdev", 8);
    out[15] = (unsigned char)sda;
}

void maf_sda_bus_id(int sda, char *out, size_t room)
{
    maf_settings();
    snprintf(out, room, "%04X:%02X:%02X.0", (int)maf_profile_data.pciDomainID, (int)maf_profile_data.pciBusID + sda,
             (int)maf_profile_data.pciDeviceID);
}

void maf_device_uuid(int device, unsigned char out[16])
{
    maf_settings();
    maf_sda_uuid(maf_visible_sda(device), out);
}

void maf_device_bus_id(int device, char *out, size_t room)
{
    maf_settings();
    maf_sda_bus_id(maf_visible_sda(device), out, room);
}

/* --- attributes: the numbers are CUdevice_attribute, shared by both APIs ----------------------------------- */
#define PROFILE(id, field) {id, offsetof(struct maf_profile, field), 0}
#define VALUE(id, v) {id, SIZE_MAX, v}
static const struct {
    uint16_t id;
    size_t offset;
    int value;
} attributes[] = {
    PROFILE(1, maxThreadsPerBlock),
    VALUE(2, 1024), VALUE(3, 1024), VALUE(4, 64),            /* block dimensions */
    VALUE(5, 0x7fffffff), VALUE(6, 65535), VALUE(7, 65535),  /* grid dimensions */
    PROFILE(8, sharedMemPerBlock),
    PROFILE(9, totalConstMem),
    PROFILE(10, warpSize),
    VALUE(11, 0x7fffffff),                                   /* maximum pitch */
    PROFILE(12, regsPerBlock),
    PROFILE(13, clockRate),
    VALUE(14, 512),                                          /* texture alignment */
    VALUE(15, 1),                                            /* copy and execute overlap */
    PROFILE(16, multiProcessorCount),
    VALUE(17, 0), VALUE(18, 0),                              /* kernel time limit, integrated */
    VALUE(19, 1),                                            /* can map host memory */
    VALUE(20, 0),                                            /* compute mode default */
    VALUE(21, 131072), VALUE(22, 131072), VALUE(23, 65536), VALUE(24, 16384), VALUE(25, 16384), VALUE(26, 16384),
    VALUE(27, 32768), VALUE(28, 32768), VALUE(29, 2048),
    VALUE(30, 512), VALUE(31, 1), VALUE(32, 0),              /* surface alignment, concurrent kernels, ECC */
    PROFILE(33, pciBusID), PROFILE(34, pciDeviceID),
    VALUE(35, 0),
    PROFILE(36, memoryClockRate), PROFILE(37, memoryBusWidth), PROFILE(38, l2CacheSize),
    PROFILE(39, maxThreadsPerMultiProcessor), PROFILE(40, asyncEngineCount),
    VALUE(41, 1),                                            /* unified addressing */
    VALUE(42, 32768), VALUE(43, 2048),
    VALUE(45, 32768), VALUE(46, 32768), VALUE(47, 8192), VALUE(48, 8192), VALUE(49, 32768),
    PROFILE(50, pciDomainID),
    VALUE(51, 32), VALUE(52, 32768), VALUE(53, 32768), VALUE(54, 2046),
    VALUE(55, 32768), VALUE(56, 131072), VALUE(57, 65536), VALUE(58, 16384), VALUE(59, 16384), VALUE(60, 16384),
    VALUE(61, 32768), VALUE(62, 2048), VALUE(63, 32768), VALUE(64, 32768), VALUE(65, 2048), VALUE(66, 32768),
    VALUE(67, 32768), VALUE(68, 2046), VALUE(69, 268435456), VALUE(70, 131072), VALUE(71, 65000), VALUE(72, 2097120),
    VALUE(73, 32768), VALUE(74, 32768),
    PROFILE(75, major), PROFILE(76, minor),
    VALUE(77, 32768),
    VALUE(78, 1), VALUE(79, 1), VALUE(80, 1),                /* stream priorities, L1 caches */
    PROFILE(81, sharedMemPerMultiprocessor), PROFILE(82, regsPerMultiprocessor),
    VALUE(83, 1),                                            /* managed memory */
    VALUE(84, 0), VALUE(85, 0), VALUE(86, 0),
    VALUE(87, 32),                                           /* single to double performance */
    VALUE(88, 0), VALUE(89, 0), VALUE(90, 1), VALUE(91, 0),
    VALUE(92, 1), VALUE(93, 1), VALUE(94, 1), /* words of memory that streams wait for */
    VALUE(95, 1),                                            /* cooperative launch */
    VALUE(96, 0),
    PROFILE(97, sharedMemPerBlockOptin),
    VALUE(98, 0), VALUE(99, 0), VALUE(100, 0), VALUE(101, 0),
    VALUE(102, 1),                                           /* virtual memory management */
    VALUE(103, 1), VALUE(104, 0), VALUE(105, 0),
    PROFILE(106, maxBlocksPerMultiProcessor),
    VALUE(107, 0), VALUE(108, 0), VALUE(109, 0), VALUE(110, 0),
    PROFILE(111, reservedSharedMemPerBlock),
    VALUE(112, 0), VALUE(113, 0), VALUE(114, 0),
    VALUE(115, 1),                                           /* memory pools */
    VALUE(116, 0), VALUE(117, 0), VALUE(118, 0), VALUE(119, 0), VALUE(120, 0), VALUE(121, 0), VALUE(122, 1),
    VALUE(123, 1), VALUE(124, 0), VALUE(125, 1), VALUE(126, 0), VALUE(127, 0), VALUE(128, 0), VALUE(129, 0),
    VALUE(130, 0), VALUE(131, 0), VALUE(132, 0), VALUE(133, 0), VALUE(134, 0), VALUE(135, 0), VALUE(136, 0),
    VALUE(137, 0), VALUE(138, 0), VALUE(139, 0), VALUE(140, 0), VALUE(141, 0), VALUE(142, 0), VALUE(143, 0),
    VALUE(144, 0), VALUE(145, 0), VALUE(146, 0), VALUE(147, 0), VALUE(148, 0),
};

int maf_device_attribute(int attribute, int *value)
{
    maf_settings();
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++)
        if (attributes[i].id == attribute) {
            *value = attributes[i].offset == SIZE_MAX
                         ? attributes[i].value
                         : (int)*(const int64_t *)((const char *)&maf_profile_data + attributes[i].offset);
            return 0;
        }
    *value = 0;
    return MAF_E_INVALID_VALUE;
}

/* --- limits: cudaLimit values ------------------------------------------------------------------------------------ */
enum { LIMIT_STACK = 0, LIMIT_HEAP = 2, LIMITS = 7, LARGEST_STACK = 512 << 10 };
/* Stack of a thread, printf FIFO, heap of device code, synchronisation depth, pending launches, L2 fetch, persisting L2.
 * What takes effect here are the stack and the heap; printf's output needs no buffer, the others are hints. */
static const uint64_t first_limits[LIMITS] = {1024, 1 << 20, 8 << 20, 2, 2048, 64, 0};
static uint64_t limits[MAF_MAX_SDA][LIMITS]; /* 1 + the value; 0: the first one */

int maf_get_limit(int limit, size_t *value)
{
    if (limit < 0 || limit >= LIMITS)
        return 215; /* cudaErrorUnsupportedLimit */
    uint64_t set = __atomic_load_n(&limits[current_device][limit], __ATOMIC_RELAXED);
    *value = set ? set - 1 : first_limits[limit];
    return 0;
}

int maf_set_limit(int limit, size_t value)
{
    if (limit < 0 || limit >= LIMITS)
        return 215;
    struct maf_control *c = maf_g.control;
    if (limit == LIMIT_STACK) {
        if (!value || value > LARGEST_STACK)
            return MAF_E_INVALID_VALUE;
        __atomic_store_n(&c->stack_bytes[current_device], value, __ATOMIC_RELEASE);
    }
    if (limit == LIMIT_HEAP) {
        /* Its size is fixed once a kernel has used it. */
        if (__atomic_load_n(&c->heap_used[current_device], __ATOMIC_ACQUIRE) || value > (uint64_t)maf_device_profile()->totalGlobalMem)
            return MAF_E_INVALID_VALUE;
        __atomic_store_n(&c->heap_bytes[current_device], value, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&limits[current_device][limit], value + 1, __ATOMIC_RELAXED);
    return 0;
}

/* --- launch configuration stack --------------------------------------------------------------------------------- */
enum { CONFIG_DEPTH = 4 };
static MAF_TLS struct maf_config configs[CONFIG_DEPTH];
static MAF_TLS int config_count;

int maf_push_config(const struct maf_config *c)
{
    if (config_count == CONFIG_DEPTH)
        return MAF_E_INVALID_CONFIGURATION;
    configs[config_count++] = *c;
    return 0;
}

int maf_pop_config(struct maf_config *c)
{
    if (config_count == 0)
        return 52; /* cudaErrorMissingConfiguration */
    *c = configs[--config_count];
    return 0;
}
