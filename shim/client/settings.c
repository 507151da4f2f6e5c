/* Settings from the environment, and the profile: what the program sees as its device. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* Values of a compute capability 7.5 device where no profile file says otherwise. Few SMs: kernels choose
 * their grid by the SM count, and a CPU has no use for thousands of CTAs. */
struct maf_profile maf_profile_data = {
    .name = "MAF vdev CPU",
    .totalGlobalMem = 8ll << 30,
    .sharedMemPerBlock = 49152,
    .sharedMemPerBlockOptin = 65536,
    .sharedMemPerMultiprocessor = 65536,
    .reservedSharedMemPerBlock = 0,
    .regsPerBlock = 65536,
    .regsPerMultiprocessor = 65536,
    .warpSize = 32,
    .maxThreadsPerBlock = 1024,
    .maxThreadsPerMultiProcessor = 1024,
    .maxBlocksPerMultiProcessor = 16,
    .multiProcessorCount = 4,
    .major = 7,
    .minor = 5,
    .clockRate = 1590000,
    .memoryClockRate = 5001000,
    .memoryBusWidth = 256,
    .l2CacheSize = 4194304,
    .totalConstMem = 65536,
    .asyncEngineCount = 3,
    .pciBusID = 1,
    .pciDeviceID = 0,
    .pciDomainID = 0,
};

#define KEY(f) {#f, offsetof(struct maf_profile, f)}
static const struct {
    const char *name;
    size_t offset;
} keys[] = {
    KEY(totalGlobalMem), KEY(sharedMemPerBlock), KEY(sharedMemPerBlockOptin), KEY(sharedMemPerMultiprocessor),
    KEY(reservedSharedMemPerBlock), KEY(regsPerBlock), KEY(regsPerMultiprocessor), KEY(warpSize),
    KEY(maxThreadsPerBlock), KEY(maxThreadsPerMultiProcessor), KEY(maxBlocksPerMultiProcessor),
    KEY(multiProcessorCount), KEY(major), KEY(minor), KEY(clockRate), KEY(memoryClockRate), KEY(memoryBusWidth),
    KEY(l2CacheSize), KEY(totalConstMem), KEY(asyncEngineCount), KEY(pciBusID), KEY(pciDeviceID), KEY(pciDomainID),
};

int maf_launch_blocking;

static struct maf_lock lock;
static atomic_int visible = -1;
static int total_sdas;
static int order[MAF_MAX_SDA];

const char *maf_library_dir(void)
{
    static char dir[4096];
    if (!dir[0]) {
        Dl_info info;
        char path[4096];
        if (dladdr((void *)(uintptr_t)maf_library_dir, &info) && info.dli_fname && realpath(info.dli_fname, path)) {
            char *slash = strrchr(path, '/');
            if (slash) {
                *slash = 0;
                strcpy(dir, path);
            }
        }
    }
    return dir;
}

/* Integer with an optional binary suffix: 512M, 4G, 0x1000. -1 when it is none. */
static int64_t parse_size(const char *s)
{
    char *end;
    errno = 0;
    double whole;
    int64_t v = strtoll(s, &end, 0);
    if (end == s || errno || v < 0)
        return -1;
    whole = (double)v;
    if (*end == '.') {
        whole = strtod(s, &end);
    }
    int shift = 0;
    switch (*end) {
    case 'k': case 'K': shift = 10; break;
    case 'm': case 'M': shift = 20; break;
    case 'g': case 'G': shift = 30; break;
    case 't': case 'T': shift = 40; break;
    }
    if (shift)
        end++;
    if (shift && *end == 'i')
        end++;
    if (shift && (*end == 'B' || *end == 'b'))
        end++;
    while (*end == ' ' || *end == '\t' || *end == '\n' || *end == '\r')
        end++;
    if (*end && *end != '#')
        return -1;
    return shift ? (int64_t)(whole * (double)(1ll << shift)) : v;
}

static char *trim(char *s)
{
    while (*s == ' ' || *s == '\t')
        s++;
    char *end = s + strlen(s);
    while (end > s && strchr(" \t\r\n", end[-1]))
        *--end = 0;
    return s;
}

static void read_profile(const char *path)
{
    FILE *f = fopen(path, "re");
    char line[512];
    if (!f)
        return;
    while (fgets(line, sizeof line, f)) {
        char *key = trim(line), *equals = strchr(key, '=');
        if (*key == '#' || !equals)
            continue;
        *equals = 0;
        char *value = trim(equals + 1);
        key = trim(key);
        size_t n = strlen(value);
        if (n >= 2 && value[0] == '"' && value[n - 1] == '"') {
            value[n - 1] = 0;
            value++;
        }
        if (strcmp(key, "name") == 0) {
            snprintf(maf_profile_data.name, sizeof maf_profile_data.name, "%s", value);
            continue;
        }
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            int64_t v;
            /* Zero is refused: programs divide by these. */
            if (strcmp(key, keys[i].name) == 0 && (v = parse_size(value)) >= 0 &&
                (v > 0 || strncmp(key, "pci", 3) == 0 || strcmp(key, "minor") == 0 ||
                 strcmp(key, "reservedSharedMemPerBlock") == 0))
                *(int64_t *)((char *)&maf_profile_data + keys[i].offset) = v;
        }
    }
    fclose(f);
}

/* CUDA_VISIBLE_DEVICES: a list of ordinals, cut at the first that does not exist. */
static int choose_visible(int count)
{
    const char *s = getenv("CUDA_VISIBLE_DEVICES");
    int n = 0;
    if (!s) {
        for (n = 0; n < count; n++)
            order[n] = n;
        return count;
    }
    while (n < MAF_MAX_SDA) {
        char *end;
        while (*s == ' ')
            s++;
        long v = strtol(s, &end, 10);
        if (end == s || v < 0 || v >= count)
            break;
        for (int i = 0; i < n; i++)
            if (order[i] == v)
                return 0; /* the same device twice: none, as the driver does */
        order[n++] = (int)v;
        while (*end == ' ')
            end++;
        if (*end != ',')
            break;
        s = end + 1;
    }
    return n;
}

int maf_settings(void)
{
    int n = atomic_load_explicit(&visible, memory_order_acquire);
    if (likely(n >= 0))
        return n;
    maf_lock(&lock);
    n = atomic_load(&visible);
    if (n < 0) {
        const char *profile = getenv("MAF_PROFILE"), *memory = getenv("MAF_MEMORY"), *count = getenv("MAF_COUNT");
        char path[4400];
        if (profile && strchr(profile, '/'))
            snprintf(path, sizeof path, "%s", profile);
        else
            snprintf(path, sizeof path, "%s/../sda/profiles/%s.profile", maf_library_dir(),
                     profile && *profile ? profile : "default");
        read_profile(path);
        if (memory && *memory) {
            int64_t bytes = parse_size(memory);
            if (bytes > 0)
                maf_profile_data.totalGlobalMem = bytes;
            else
                maf_log(1, "MAF_MEMORY=%s is not a size", memory);
        }
        int total = 1;
        if (count && *count) {
            int64_t v = parse_size(count);
            total = v < 0 ? 1 : v > MAF_MAX_SDA ? MAF_MAX_SDA : (int)v;
        }
        total_sdas = total;
        const char *blocking = getenv("CUDA_LAUNCH_BLOCKING");
        maf_launch_blocking = blocking && atoi(blocking) != 0;
        n = choose_visible(total);
        atomic_store_explicit(&visible, n, memory_order_release);
    }
    maf_unlock(&lock);
    return n;
}

int maf_visible_sda(int ordinal)
{
    return order[ordinal];
}

int maf_sda_total(void)
{
    maf_settings();
    return total_sdas;
}

int maf_sda_ordinal(int sda)
{
    int n = maf_settings();
    for (int i = 0; i < n; i++)
        if (order[i] == sda)
            return i;
    return -1;
}
