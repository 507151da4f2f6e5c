/* CUPTI: callback and activity interface, as far as profilers of frameworks use it. Include <stdint.h> and <stddef.h> first. */
#ifndef MAF_CUPTI_H
#define MAF_CUPTI_H

typedef enum {
    CUPTI_SUCCESS = 0,
    CUPTI_ERROR_INVALID_PARAMETER = 1,
    CUPTI_ERROR_INVALID_OPERATION = 7,
    CUPTI_ERROR_OUT_OF_MEMORY = 8,
    CUPTI_ERROR_MAX_LIMIT_REACHED = 12,
    CUPTI_ERROR_QUEUE_EMPTY = 18,
    CUPTI_ERROR_INVALID_KIND = 21,
    CUPTI_ERROR_NOT_SUPPORTED = 27,
    CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED = 39,
    CUPTI_ERROR_UNKNOWN = 999
} CUptiResult;

typedef struct CUpti_Subscriber_st *CUpti_SubscriberHandle;
typedef void (*CUpti_CallbackFunc)(void *userdata, uint32_t domain, uint32_t cbid, const void *data);
typedef void (*CUpti_BuffersCallbackRequestFunc)(uint8_t **buffer, size_t *size, size_t *max_records);
typedef void (*CUpti_BuffersCallbackCompleteFunc)(void *context, uint32_t stream, uint8_t *buffer, size_t size,
                                                  size_t valid);
typedef uint64_t (*CUpti_TimestampCallbackFunc)(void);

CUptiResult cuptiGetVersion(uint32_t *version);
CUptiResult cuptiGetResultString(CUptiResult result, const char **text);
CUptiResult cuptiGetErrorMessage(CUptiResult result, const char **text);
CUptiResult cuptiGetLastError(void);
CUptiResult cuptiGetTimestamp(uint64_t *timestamp);
CUptiResult cuptiFinalize(void);

CUptiResult cuptiSubscribe(CUpti_SubscriberHandle *subscriber, CUpti_CallbackFunc callback, void *userdata);
CUptiResult cuptiUnsubscribe(CUpti_SubscriberHandle subscriber);
CUptiResult cuptiEnableCallback(uint32_t enable, CUpti_SubscriberHandle subscriber, uint32_t domain, uint32_t cbid);
CUptiResult cuptiEnableDomain(uint32_t enable, CUpti_SubscriberHandle subscriber, uint32_t domain);
CUptiResult cuptiEnableAllDomains(uint32_t enable, CUpti_SubscriberHandle subscriber);

CUptiResult cuptiActivityEnable(uint32_t kind);
CUptiResult cuptiActivityDisable(uint32_t kind);
CUptiResult cuptiActivityEnableContext(void *context, uint32_t kind);
CUptiResult cuptiActivityDisableContext(void *context, uint32_t kind);
CUptiResult cuptiActivityEnableRuntimeApi(uint32_t cbid, uint8_t enable);
CUptiResult cuptiActivityEnableDriverApi(uint32_t cbid, uint8_t enable);
CUptiResult cuptiActivityRegisterCallbacks(CUpti_BuffersCallbackRequestFunc request,
                                           CUpti_BuffersCallbackCompleteFunc complete);
CUptiResult cuptiActivityRegisterTimestampCallback(CUpti_TimestampCallbackFunc timestamp);
CUptiResult cuptiActivityFlushAll(uint32_t flag);
CUptiResult cuptiActivityFlush(void *context, uint32_t stream, uint32_t flag);
CUptiResult cuptiActivityFlushPeriod(uint32_t milliseconds);
CUptiResult cuptiActivityGetNextRecord(uint8_t *buffer, size_t valid, void **record);
CUptiResult cuptiActivityGetNumDroppedRecords(void *context, uint32_t stream, size_t *dropped);
CUptiResult cuptiActivityPushExternalCorrelationId(uint32_t kind, uint64_t id);
CUptiResult cuptiActivityPopExternalCorrelationId(uint32_t kind, uint64_t *last);
CUptiResult cuptiActivitySetAttribute(uint32_t attribute, size_t *size, void *value);
CUptiResult cuptiActivityGetAttribute(uint32_t attribute, size_t *size, void *value);
CUptiResult cuptiActivityEnableCudaEventDeviceTimestamps(uint8_t enable);
CUptiResult cuptiGetCallbackName(uint32_t domain, uint32_t cbid, const char **name);

/* How a copy of NVTX in the program finds us: NVTX_INJECTION64_PATH names this library, NVTX calls this with a function
 * that returns its tables by number. 1: attached. */
typedef const void *(*maf_nvtx_tables)(uint32_t table);
int InitializeInjectionNvtx(maf_nvtx_tables tables);
int InitializeInjectionNvtx2(maf_nvtx_tables tables);
CUptiResult cuptiNvtxInitialize(void *tables);
CUptiResult cuptiNvtxInitialize2(void *tables);

#endif
