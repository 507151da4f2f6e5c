/* Activity records as profilers read them. Each is a later version of a record that earlier versions begin with. */
#ifndef MAF_CUPTI_ACTIVITY_H
#define MAF_CUPTI_ACTIVITY_H

#include <stddef.h>
#include <stdint.h>

#include "cupti.h"

#define RECORD __attribute__((packed, aligned(8)))

enum {
    KIND_MEMCPY = 1,
    KIND_MEMSET = 2,
    KIND_KERNEL = 3, /* one at a time; profilers ask for CONCURRENT_KERNEL */
    KIND_DRIVER = 4,
    KIND_RUNTIME = 5,
    KIND_CONCURRENT_KERNEL = 10,
    KIND_NAME = 11,
    KIND_MARKER = 12,
    KIND_MARKER_DATA = 13,
    KIND_CUDA_EVENT = 36,
    KIND_SYNCHRONIZATION = 38,
    KIND_EXTERNAL_CORRELATION = 39
};

struct RECORD kernel_record {
    uint32_t kind;
    uint8_t cacheConfig;
    uint8_t sharedMemoryConfig;
    uint16_t registersPerThread;
    uint32_t partitionedGlobalCacheRequested;
    uint32_t partitionedGlobalCacheExecuted;
    uint64_t start;
    uint64_t end;
    uint64_t completed;
    uint32_t deviceId;
    uint32_t contextId;
    uint32_t streamId;
    int32_t grid[3];
    int32_t block[3];
    int32_t staticSharedMemory;
    int32_t dynamicSharedMemory;
    uint32_t localMemoryPerThread;
    uint32_t localMemoryTotal;
    uint32_t correlationId;
    int64_t gridId;
    const char *name;
    void *reserved0;
    uint64_t queued;
    uint64_t submitted;
    uint8_t launchType;
    uint8_t carveoutRequested;
    uint8_t carveout;
    uint8_t padding;
    uint32_t sharedMemoryExecuted;
    uint64_t graphNodeId;
    uint32_t shmemLimitConfig;
    uint32_t graphId;
    void *accessPolicyWindow;
    uint32_t channelId;
    uint32_t channelType;
    uint32_t cluster[3];
    uint32_t clusterSchedulingPolicy;
    uint64_t localMemoryTotal_v2;
    uint32_t maxPotentialClusterSize;
    uint32_t maxActiveClusters;
    uint8_t isDeviceLaunched;
    uint8_t padding3[7];
};

struct RECORD memcpy_record {
    uint32_t kind;
    uint8_t copyKind;
    uint8_t srcKind;
    uint8_t dstKind;
    uint8_t flags; /* 1 asynchronous */
    uint64_t bytes;
    uint64_t start;
    uint64_t end;
    uint32_t deviceId;
    uint32_t contextId;
    uint32_t streamId;
    uint32_t correlationId;
    uint32_t runtimeCorrelationId;
    uint32_t pad;
    void *reserved0;
    uint64_t graphNodeId;
    uint32_t graphId;
    uint32_t channelId;
    uint32_t channelType;
    uint8_t isDeviceLaunched;
    uint8_t pad2[3];
    uint64_t copyCount;
};

struct RECORD memset_record {
    uint32_t kind;
    uint32_t value;
    uint64_t bytes;
    uint64_t start;
    uint64_t end;
    uint32_t deviceId;
    uint32_t contextId;
    uint32_t streamId;
    uint32_t correlationId;
    uint16_t flags;
    uint16_t memoryKind;
    uint32_t pad;
    void *reserved0;
    uint64_t graphNodeId;
    uint32_t graphId;
    uint32_t channelId;
    uint32_t channelType;
    uint8_t isDeviceLaunched;
    uint8_t pad2[3];
};

struct RECORD api_record {
    uint32_t kind;
    uint32_t cbid;
    uint64_t start;
    uint64_t end;
    uint32_t processId;
    uint32_t threadId;
    uint32_t correlationId;
    uint32_t returnValue;
};

struct RECORD external_record {
    uint32_t kind;
    uint32_t externalKind;
    uint64_t externalId;
    uint32_t correlationId;
    uint32_t reserved;
};

struct RECORD event_record {
    uint32_t kind;
    uint32_t correlationId;
    uint32_t contextId;
    uint32_t streamId;
    uint32_t eventId;
    uint32_t pad;
    uint32_t deviceId;
    uint32_t pad2;
    void *reserved0;
    uint64_t deviceTimestamp;
    uint64_t cudaEventSyncId;
};

struct RECORD sync_record {
    uint32_t kind;
    uint32_t type;
    uint64_t start;
    uint64_t end;
    uint32_t correlationId;
    uint32_t contextId;
    uint32_t streamId;
    uint32_t cudaEventId;
    uint64_t cudaEventSyncId;
    uint32_t returnValue;
    uint32_t pad;
};

/* objectKind, and what objectId holds then: process, thread; device; device, context, stream. */
enum { OBJECT_THREAD = 2, OBJECT_DEVICE = 3, OBJECT_STREAM = 5 };

struct RECORD name_record {
    uint32_t kind;
    uint32_t objectKind;
    uint32_t objectId[3];
    uint32_t pad;
    const char *name;
};

struct RECORD marker_record {
    uint32_t kind;
    uint32_t flags;
    uint64_t timestamp;
    uint32_t id;
    uint32_t objectKind;
    uint32_t objectId[3];
    uint32_t pad;
    const char *name;
    const char *domain;
};

struct RECORD marker_data_record {
    uint32_t kind;
    uint32_t flags;
    uint32_t id;
    uint32_t payloadKind;
    uint64_t payload;
    uint32_t color;
    uint32_t category;
    uint32_t cuptiDomainId;
    uint32_t padding;
};

union record {
    uint32_t kind;
    struct kernel_record kernel;
    struct memcpy_record memcpy;
    struct memset_record memset;
    struct api_record api;
    struct external_record external;
    struct event_record event;
    struct sync_record sync;
    struct name_record name;
    struct marker_record marker;
    struct marker_data_record marker_data;
};

enum { MAF_CUPTI_CONTEXT = 1 }; /* number of device 0's context; device n has n more */
uint32_t maf_cupti_stream_number(uint32_t id); /* of the client's stream, as records carry it */
int maf_cupti_wants(uint32_t kind);
uint64_t maf_cupti_monotonic(void);
/* What NVTX noted since the last call, in order; markers carry CLOCK_MONOTONIC. The caller frees it. */
size_t maf_cupti_take_marks(union record **marks);

/* Callbacks of NVTX calls. cbids are below 64. */
enum { DOMAIN_DRIVER = 1, DOMAIN_RUNTIME = 2, DOMAIN_NVTX = 5 };
const char *maf_cupti_nvtx_name(uint32_t cbid); /* NULL: none has this number */
int maf_cupti_calls_back(uint32_t cbid);
void maf_cupti_call_back(uint32_t cbid, const void *data);

/* Of this folder. */
CUptiResult maf_cupti_answer(CUptiResult result); /* keeps an error for cuptiGetLastError */
uint64_t maf_cupti_now(void);
void maf_cupti_stop(void);

#endif
