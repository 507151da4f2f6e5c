/* NVML over the session's SDAs, all of them: NVML does not know CUDA_VISIBLE_DEVICES. No call here starts the
 * executor, so that a process may count devices and then fork. There are no sensors: temperature, power,
 * utilisation, fabric and links stay generated stubs (NVML_ERROR_NOT_SUPPORTED). */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "internal.h"
#include "nvml.h"

#define DRIVER_VERSION "580.0.0"
enum { CUDA_VERSION = 13000, MEMORY_V2 = (int)(sizeof(nvmlMemory_v2_t) | 2u << 24) };

struct nvmlDevice_st {
    uint32_t number;
};
static struct nvmlDevice_st devices[MAF_MAX_SDA];
static atomic_int initialized;

#define REQUIRE_INIT                                                                                                   \
    do {                                                                                                               \
        if (atomic_load(&initialized) <= 0)                                                                            \
            return NVML_ERROR_UNINITIALIZED;                                                                           \
    } while (0)
#define REQUIRE(device, pointer)                                                                                       \
    do {                                                                                                               \
        REQUIRE_INIT;                                                                                                  \
        if (!is_device(device) || !(pointer))                                                                          \
            return NVML_ERROR_INVALID_ARGUMENT;                                                                        \
    } while (0)

static int is_device(nvmlDevice_t d)
{
    return d >= devices && d < devices + maf_sda_total() && d->number == (uint32_t)(d - devices);
}

nvmlReturn_t nvmlInitWithFlags(unsigned int flags)
{
    (void)flags;
    if (atomic_fetch_add(&initialized, 1) == 0)
        for (uint32_t i = 0; i < MAF_MAX_SDA; i++)
            devices[i].number = i;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlInit_v2(void)
{
    return nvmlInitWithFlags(0);
}

nvmlReturn_t nvmlInit(void)
{
    return nvmlInitWithFlags(0);
}

nvmlReturn_t nvmlShutdown(void)
{
    REQUIRE_INIT;
    atomic_fetch_sub(&initialized, 1);
    return NVML_SUCCESS;
}

const char *nvmlErrorString(nvmlReturn_t result)
{
    static const char *const texts[] = {
        "Success",
        "Uninitialized",
        "Invalid Argument",
        "Not Supported",
        "Insufficient Permissions",
        "Already Initialized",
        "Not Found",
        "Insufficient Size",
        "Insufficient External Power",
        "Driver Not Loaded",
        "Timeout",
    };
    if ((unsigned)result < sizeof texts / sizeof texts[0])
        return texts[result];
    return result == NVML_ERROR_ARGUMENT_VERSION_MISMATCH ? "Argument version mismatch" : "Unknown Error";
}

static nvmlReturn_t put(char *out, unsigned int room, const char *text)
{
    if (!out)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (strlen(text) >= room)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    strcpy(out, text);
    return NVML_SUCCESS;
}

/* --- system ---- */

nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned int length)
{
    REQUIRE_INIT;
    return put(version, length, DRIVER_VERSION);
}

nvmlReturn_t nvmlSystemGetNVMLVersion(char *version, unsigned int length)
{
    return put(version, length, "13." DRIVER_VERSION);
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version)
{
    if (!version)
        return NVML_ERROR_INVALID_ARGUMENT;
    *version = CUDA_VERSION;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *version)
{
    return nvmlSystemGetCudaDriverVersion_v2(version);
}

nvmlReturn_t nvmlSystemGetProcessName(unsigned int pid, char *name, unsigned int length)
{
    char path[64], target[4096];
    REQUIRE_INIT;
    if (!name || length == 0)
        return NVML_ERROR_INVALID_ARGUMENT;
    snprintf(path, sizeof path, "/proc/%u/exe", pid);
    ssize_t n = readlink(path, target, sizeof target - 1);
    if (n < 0)
        return NVML_ERROR_NOT_FOUND;
    target[n] = 0;
    snprintf(name, length, "%s", target);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlUnitGetCount(unsigned int *count)
{
    REQUIRE_INIT;
    if (!count)
        return NVML_ERROR_INVALID_ARGUMENT;
    *count = 0;
    return NVML_SUCCESS;
}

/* --- finding devices ---- */

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *count)
{
    REQUIRE_INIT;
    if (!count)
        return NVML_ERROR_INVALID_ARGUMENT;
    *count = (unsigned int)maf_sda_total();
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCount(unsigned int *count)
{
    return nvmlDeviceGetCount_v2(count);
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device)
{
    REQUIRE_INIT;
    if (!device || index >= (unsigned int)maf_sda_total())
        return NVML_ERROR_INVALID_ARGUMENT;
    *device = &devices[index];
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned int index, nvmlDevice_t *device)
{
    return nvmlDeviceGetHandleByIndex_v2(index, device);
}

static void format_uuid(uint32_t sda, char out[48])
{
    unsigned char b[16];
    maf_sda_uuid((int)sda, b);
    snprintf(out, 48, "GPU-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3],
             b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

struct location {
    unsigned domain, bus, device;
};

/* "domain:bus:device.function" or "bus:device.function", hexadecimal; 0 when malformed. */
static int parse_bus_id(const char *text, struct location *out)
{
    unsigned function = 0;
    *out = (struct location){0};
    if (sscanf(text, "%x:%x:%x.%x", &out->domain, &out->bus, &out->device, &function) >= 3)
        return 1;
    out->domain = 0;
    return sscanf(text, "%x:%x.%x", &out->bus, &out->device, &function) >= 2;
}

static struct location location_of(uint32_t sda)
{
    char text[32];
    struct location at;
    maf_sda_bus_id((int)sda, text, sizeof text);
    parse_bus_id(text, &at);
    return at;
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device)
{
    REQUIRE_INIT;
    if (!uuid || !device)
        return NVML_ERROR_INVALID_ARGUMENT;
    for (int i = 0; i < maf_sda_total(); i++) {
        char own[48];
        format_uuid((uint32_t)i, own);
        if (strcasecmp(own, uuid) == 0) {
            *device = &devices[i];
            return NVML_SUCCESS;
        }
    }
    return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, nvmlDevice_t *device)
{
    struct location wanted;
    REQUIRE_INIT;
    if (!bus_id || !device || !parse_bus_id(bus_id, &wanted))
        return NVML_ERROR_INVALID_ARGUMENT;
    for (int i = 0; i < maf_sda_total(); i++) {
        struct location at = location_of((uint32_t)i);
        if (at.domain == wanted.domain && at.bus == wanted.bus && at.device == wanted.device) {
            *device = &devices[i];
            return NVML_SUCCESS;
        }
    }
    return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId(const char *bus_id, nvmlDevice_t *device)
{
    return nvmlDeviceGetHandleByPciBusId_v2(bus_id, device);
}

/* --- facts of a device ---- */

nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned int *index)
{
    REQUIRE(device, index);
    *index = device->number;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned int *minor)
{
    return nvmlDeviceGetIndex(device, minor);
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned int length)
{
    REQUIRE(device, name);
    return put(name, length, maf_device_profile()->name);
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned int length)
{
    char text[48];
    REQUIRE(device, uuid);
    format_uuid(device->number, text);
    return put(uuid, length, text);
}

nvmlReturn_t nvmlDeviceGetSerial(nvmlDevice_t device, char *serial, unsigned int length)
{
    char text[16];
    REQUIRE(device, serial);
    snprintf(text, sizeof text, "%013u", device->number);
    return put(serial, length, text);
}

nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci)
{
    REQUIRE(device, pci);
    struct location at = location_of(device->number);
    *pci = (nvmlPciInfo_t){.domain = at.domain, .bus = at.bus, .device = at.device};
    snprintf(pci->busIdLegacy, sizeof pci->busIdLegacy, "%04X:%02X:%02X.0", at.domain & 0xffff, at.bus & 0xff,
             at.device & 0xff);
    snprintf(pci->busId, sizeof pci->busId, "%08X:%02X:%02X.0", at.domain, at.bus, at.device);
    return NVML_SUCCESS;
}

static void memory_of(uint32_t sda, uint64_t *used, uint64_t *total)
{
    uint64_t unused = 0;
    int ordinal = maf_sda_ordinal((int)sda);
    *total = (uint64_t)maf_device_profile()->totalGlobalMem;
    *used = 0;
    if (ordinal >= 0) { /* a hidden one has no user in this session */
        maf_memory_info(ordinal, &unused, total);
        *used = *total - unused;
    }
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory)
{
    uint64_t used, total;
    REQUIRE(device, memory);
    memory_of(device->number, &used, &total);
    *memory = (nvmlMemory_t){.total = total, .free = total - used, .used = used};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory)
{
    uint64_t used, total;
    REQUIRE(device, memory);
    if (memory->version != MEMORY_V2)
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    memory_of(device->number, &used, &total);
    *memory = (nvmlMemory_v2_t){.version = MEMORY_V2, .total = total, .free = total - used, .used = used};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor)
{
    REQUIRE(device, major && minor);
    *major = (int)maf_device_profile()->major;
    *minor = (int)maf_device_profile()->minor;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetArchitecture(nvmlDevice_t device, unsigned int *architecture)
{
    /* NVML_DEVICE_ARCH_* by compute capability: the first row that is not above the device's. */
    static const struct {
        int capability;
        unsigned int value;
    } rows[] = {{90, 9}, {89, 8}, {80, 7}, {75, 6}, {70, 5}, {60, 4}, {50, 3}, {30, 2}};
    REQUIRE(device, architecture);
    int capability = (int)(10 * maf_device_profile()->major + maf_device_profile()->minor);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (capability >= rows[i].capability) {
            *architecture = rows[i].value;
            return NVML_SUCCESS;
        }
    return NVML_ERROR_UNKNOWN;
}

nvmlReturn_t nvmlDeviceGetBrand(nvmlDevice_t device, int *brand)
{
    REQUIRE(device, brand);
    *brand = 0; /* NVML_BRAND_UNKNOWN */
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetComputeMode(nvmlDevice_t device, int *mode)
{
    REQUIRE(device, mode);
    *mode = 0; /* several contexts and threads at once */
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryBusWidth(nvmlDevice_t device, unsigned int *bits)
{
    REQUIRE(device, bits);
    *bits = (unsigned int)maf_device_profile()->memoryBusWidth;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetNumGpuCores(nvmlDevice_t device, unsigned int *cores)
{
    REQUIRE(device, cores);
    *cores = (unsigned int)maf_device_profile()->multiProcessorCount * 64; /* of a compute capability 7.x SM */
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t device, int type, unsigned int *megahertz)
{
    REQUIRE(device, megahertz);
    switch (type) { /* nvmlClockType_t; the profile has kHz */
    case 0:         /* graphics */
    case 1:         /* SM */
        *megahertz = (unsigned int)(maf_device_profile()->clockRate / 1000);
        return NVML_SUCCESS;
    case 2: /* memory */
        *megahertz = (unsigned int)(maf_device_profile()->memoryClockRate / 1000);
        return NVML_SUCCESS;
    case 3: /* video */
        return NVML_ERROR_NOT_SUPPORTED;
    }
    return NVML_ERROR_INVALID_ARGUMENT;
}

nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, int type, unsigned int *megahertz)
{
    return nvmlDeviceGetMaxClockInfo(device, type, megahertz);
}

nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t device, unsigned int *is_mig)
{
    REQUIRE(device, is_mig);
    *is_mig = 0;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned int *count)
{
    REQUIRE(device, count);
    *count = 0;
    return NVML_SUCCESS;
}

/* --- processes: an SDA belongs to one application, this one ---- */

static int in_use(uint32_t sda)
{
    int ordinal = maf_sda_ordinal((int)sda);
    return ordinal >= 0 && maf_device_active(ordinal);
}

static nvmlReturn_t processes(nvmlDevice_t device, unsigned int *count, void *infos, size_t entry)
{
    uint64_t used, total;
    REQUIRE(device, count);
    unsigned int room = *count;
    *count = in_use(device->number) ? 1 : 0;
    if (*count == 0)
        return NVML_SUCCESS;
    if (room < 1 || !infos)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    memory_of(device->number, &used, &total);
    nvmlProcessInfo_t info = {.pid = (unsigned int)getpid(), .usedGpuMemory = used, .gpuInstanceId = 0xffffffffu,
                              .computeInstanceId = 0xffffffffu};
    memcpy(infos, &info, entry); /* the old layout is a prefix of the new one */
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses(nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_v1_t *infos)
{
    return processes(device, count, infos, sizeof *infos);
}

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v2(nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_t *infos)
{
    return processes(device, count, infos, sizeof *infos);
}

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_t *infos)
{
    return processes(device, count, infos, sizeof *infos);
}

nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t device, unsigned int *count,
                                                      nvmlProcessInfo_t *infos)
{
    (void)infos;
    REQUIRE(device, count);
    *count = 0;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int *count,
                                                        nvmlProcessInfo_t *infos)
{
    return nvmlDeviceGetGraphicsRunningProcesses_v3(device, count, infos);
}

/* No fabric: every field behind the version word, as many bytes as it says, is zero (state "not supported"). A
 * profiler or an allocator that asks whether memory may be shared over NVLink then goes on without. */
nvmlReturn_t nvmlDeviceGetGpuFabricInfoV(nvmlDevice_t device, void *info)
{
    REQUIRE(device, info);
    uint32_t version = *(const uint32_t *)info, bytes = version & 0xffffff;
    if (bytes < 32 || bytes > 256)
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    memset((char *)info + sizeof version, 0, bytes - sizeof version);
    return NVML_SUCCESS;
}
