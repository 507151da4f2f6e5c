/* NVTX: marks and ranges that programs name, as CUPTI's marker records and callbacks.
 *
 * NVTX is compiled into programs; each copy has tables of function pointers that we replace by ours at its first use. */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <wchar.h>

#include "runtime.h"

#include "activity.h"

enum { TABLE_CALLBACKS = 1, CORE = 1, CUDA = 2, CUDART = 4, CORE2 = 5 };
enum { INSTANTANEOUS = 1, START = 2, END = 4, COLOR_NONE = 1, COLOR_ARGB = 2 };
enum { NO_RANGE = -2 }; /* NVTX_NO_PUSH_POP_TRACKING: nothing to pop */

struct callbacks_table {
    size_t struct_size;
    int (*functions)(uint32_t module, void ***table, uint32_t *count);
};

struct attributes { /* nvtxEventAttributes_t, version 2 */
    uint16_t version, size;
    uint32_t category;
    int32_t color_type;
    uint32_t color;
    int32_t payload_type;
    int32_t reserved;
    uint64_t payload;
    int32_t message_type; /* 1: bytes, 2: wchar_t, 3: registered */
    const void *message;
};

/* --- names live as long as the process: records point at them ----------------------------------------------------- */
struct text {
    struct text *next;
    char bytes[];
};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct text *texts[4096];

static const char *keep(const char *s)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    size_t length = s ? strlen(s) : 0;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)s[i]) * 16777619u;
    struct text **bucket = &texts[hash % (sizeof texts / sizeof texts[0])];
    if (!s)
        return NULL;
    pthread_mutex_lock(&lock);
    struct text *t = *bucket;
    while (t && strcmp(t->bytes, s) != 0)
        t = t->next;
    if (!t && (t = malloc(sizeof *t + length + 1))) {
        memcpy(t->bytes, s, length + 1);
        t->next = *bucket;
        *bucket = t;
    }
    pthread_mutex_unlock(&lock);
    return t ? t->bytes : NULL;
}

static const char *keep_wide(const wchar_t *s) /* as UTF-8, whatever the locale */
{
    char *text = s ? malloc(4 * wcslen(s) + 1) : NULL, *p = text;
    if (!text)
        return NULL;
    for (; *s; s++) {
        uint32_t c = (uint32_t)*s;
        int more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
        static const uint8_t head[] = {0, 0xc0, 0xe0, 0xf0};
        *p++ = (char)(head[more] | c >> 6 * more);
        while (more--)
            *p++ = (char)(0x80 | (c >> 6 * more & 0x3f));
    }
    *p = 0;
    const char *kept = keep(text);
    free(text);
    return kept;
}

/* --- what is noted until the profiler flushes ----------------------------------------------------------------------- */
static union record *noted;
static size_t note_count, note_room;
static uint32_t next_id;

static void note(const union record *r)
{
    pthread_mutex_lock(&lock);
    if (note_count == note_room) {
        size_t room = note_room ? 2 * note_room : 256;
        union record *grown = realloc(noted, room * sizeof *grown);
        if (grown) {
            noted = grown;
            note_room = room;
        }
    }
    if (note_count < note_room)
        noted[note_count++] = *r;
    pthread_mutex_unlock(&lock);
}

size_t maf_cupti_take_marks(union record **marks)
{
    pthread_mutex_lock(&lock);
    size_t count = note_count;
    *marks = noted;
    noted = NULL;
    note_count = note_room = 0;
    pthread_mutex_unlock(&lock);
    return count;
}

static uint32_t new_id(void)
{
    return __atomic_add_fetch(&next_id, 1, __ATOMIC_RELAXED);
}

static void note_marker(uint32_t flags, uint32_t id, const char *name, const char *domain)
{
    if (!maf_cupti_wants(KIND_MARKER))
        return;
    union record r = {.marker = {KIND_MARKER, flags, maf_cupti_monotonic(), id, OBJECT_THREAD, {0}, 0, name, domain}};
    r.marker.objectId[0] = (uint32_t)getpid();
    r.marker.objectId[1] = (uint32_t)syscall(SYS_gettid);
    note(&r);
}

static void note_data(uint32_t id, const struct attributes *a)
{
    enum { DOUBLE = 0, UINT64 = 1, INT64 = 4 };
    if (!maf_cupti_wants(KIND_MARKER) || !maf_cupti_wants(KIND_MARKER_DATA))
        return;
    union record r = {.marker_data = {.kind = KIND_MARKER_DATA,
                                      .flags = a->color_type == 1 ? COLOR_ARGB : COLOR_NONE,
                                      .id = id,
                                      .payloadKind = UINT64,
                                      .color = a->color_type == 1 ? a->color : 0,
                                      .category = a->category}};
    struct marker_data_record *d = &r.marker_data;
    uint32_t low = (uint32_t)a->payload;
    int32_t small;
    float single;
    double wide;
    switch (a->payload_type) { /* uint64, int64, double, uint32, int32, float */
    case 1:
        d->payload = a->payload;
        break;
    case 2:
        d->payloadKind = INT64;
        d->payload = a->payload;
        break;
    case 3:
        d->payloadKind = DOUBLE;
        d->payload = a->payload;
        break;
    case 4:
        d->payload = low;
        break;
    case 5:
        d->payloadKind = INT64;
        memcpy(&small, &low, sizeof small);
        d->payload = (uint64_t)(int64_t)small;
        break;
    case 6:
        d->payloadKind = DOUBLE;
        memcpy(&single, &low, sizeof single);
        wide = single;
        memcpy(&d->payload, &wide, sizeof wide);
        break;
    }
    note(&r);
}

static void note_name(uint32_t object, uint32_t a, uint32_t b, uint32_t c, const char *name)
{
    if (!maf_cupti_wants(KIND_NAME))
        return;
    union record r = {.name = {KIND_NAME, object, {a, b, c}, 0, name}};
    note(&r);
}

/* --- calls ---------------------------------------------------------------------------------------------------------- */
/* Module, number in it, CUPTI's callback id, name. */
#define CALLS(X) \
    X(CORE, 1, 3, MarkEx) X(CORE, 2, 1, MarkA) X(CORE, 3, 2, MarkW) \
    X(CORE, 4, 6, RangeStartEx) X(CORE, 5, 4, RangeStartA) X(CORE, 6, 5, RangeStartW) X(CORE, 7, 7, RangeEnd) \
    X(CORE, 8, 10, RangePushEx) X(CORE, 9, 8, RangePushA) X(CORE, 10, 9, RangePushW) X(CORE, 11, 11, RangePop) \
    X(CORE, 12, 12, NameCategoryA) X(CORE, 13, 13, NameCategoryW) \
    X(CORE, 14, 14, NameOsThreadA) X(CORE, 15, 15, NameOsThreadW) \
    X(CUDA, 1, 16, NameCuDeviceA) X(CUDA, 2, 17, NameCuDeviceW) \
    X(CUDA, 5, 20, NameCuStreamA) X(CUDA, 6, 21, NameCuStreamW) \
    X(CUDART, 1, 24, NameCudaDeviceA) X(CUDART, 2, 25, NameCudaDeviceW) \
    X(CUDART, 3, 26, NameCudaStreamA) X(CUDART, 4, 27, NameCudaStreamW) \
    X(CORE2, 1, 30, DomainMarkEx) X(CORE2, 2, 31, DomainRangeStartEx) X(CORE2, 3, 32, DomainRangeEnd) \
    X(CORE2, 4, 33, DomainRangePushEx) X(CORE2, 5, 34, DomainRangePop) \
    X(CORE2, 10, 39, DomainRegisterStringA) X(CORE2, 11, 40, DomainRegisterStringW) \
    X(CORE2, 12, 41, DomainCreateA) X(CORE2, 13, 42, DomainCreateW) X(CORE2, 14, 43, DomainDestroy)

#define ID(module, number, cbid, name) CBID_##name = cbid,
enum { CALLS(ID) };
#undef ID

const char *maf_cupti_nvtx_name(uint32_t cbid)
{
#define NAME(module, number, cbid, name) [cbid] = "nvtx" #name,
    static const char *const names[] = {CALLS(NAME)};
#undef NAME
    return cbid < sizeof names / sizeof names[0] ? names[cbid] : NULL;
}

/* a, b: the call's parameters, as a callback finds them one behind the other. */
static void tell(uint32_t cbid, uint64_t a, uint64_t b, const void *result)
{
    if (!maf_cupti_calls_back(cbid))
        return;
    const uint64_t parameters[] = {a, b};
    struct {
        const char *name;
        const void *parameters, *result;
    } data = {maf_cupti_nvtx_name(cbid), parameters, result};
    maf_cupti_call_back(cbid, &data);
}

#define IF_WANTED(kept) (maf_cupti_wants(KIND_MARKER) ? (kept) : NULL)
#define WORD(x) (uint64_t)(uintptr_t)(x)

static const char *message(const struct attributes *a)
{
    switch (a->message_type) {
    case 1:
        return IF_WANTED(keep(a->message));
    case 2:
        return IF_WANTED(keep_wide(a->message));
    case 3:
        return a->message; /* the handle of a registered string is the kept string */
    }
    return NULL;
}

static uint32_t begin(uint32_t flags, const char *name, const char *domain, const struct attributes *a)
{
    uint32_t id = new_id();
    note_marker(flags, id, name, domain);
    if (a)
        note_data(id, a);
    return id;
}

/* The ranges that a thread has pushed: each domain is a stack of its own. */
static _Thread_local struct range {
    const char *domain;
    uint32_t id;
} *ranges;
static _Thread_local uint32_t range_count, range_room;

static int depth_of(const char *domain)
{
    int depth = 0;
    for (uint32_t i = 0; i < range_count; i++)
        depth += ranges[i].domain == domain;
    return depth;
}

static int push(const char *name, const char *domain, const struct attributes *a)
{
    if (range_count == range_room) {
        uint32_t room = range_room ? 2 * range_room : 16;
        struct range *grown = realloc(ranges, room * sizeof *grown);
        if (!grown)
            return NO_RANGE;
        ranges = grown;
        range_room = room;
    }
    int depth = depth_of(domain);
    ranges[range_count++] = (struct range){domain, begin(START, name, domain, a)};
    return depth;
}

static int pop(const char *domain)
{
    uint32_t i = range_count;
    while (i && ranges[i - 1].domain != domain)
        i--;
    if (!i)
        return NO_RANGE;
    note_marker(END, ranges[i - 1].id, NULL, domain);
    memmove(&ranges[i - 1], &ranges[i], (range_count - i) * sizeof *ranges);
    if (--range_count == 0) { /* so that a thread that ends leaks nothing */
        free(ranges);
        ranges = NULL;
        range_room = 0;
    }
    return depth_of(domain);
}

static void MarkEx(const struct attributes *a)
{
    begin(INSTANTANEOUS, message(a), NULL, a);
    tell(CBID_MarkEx, WORD(a), 0, NULL);
}

static void DomainMarkEx(const char *domain, const struct attributes *a)
{
    begin(INSTANTANEOUS, message(a), domain, a);
    tell(CBID_DomainMarkEx, WORD(domain), WORD(a), NULL);
}

static uint64_t RangeStartEx(const struct attributes *a)
{
    uint64_t id = begin(START, message(a), NULL, a);
    tell(CBID_RangeStartEx, WORD(a), 0, &id);
    return id;
}

static uint64_t DomainRangeStartEx(const char *domain, const struct attributes *a)
{
    uint64_t id = begin(START, message(a), domain, a);
    tell(CBID_DomainRangeStartEx, WORD(domain), WORD(a), &id);
    return id;
}

static void RangeEnd(uint64_t id)
{
    note_marker(END, (uint32_t)id, NULL, NULL);
    tell(CBID_RangeEnd, id, 0, NULL);
}

static void DomainRangeEnd(const char *domain, uint64_t id)
{
    note_marker(END, (uint32_t)id, NULL, domain);
    tell(CBID_DomainRangeEnd, WORD(domain), id, NULL);
}

static int RangePushEx(const struct attributes *a)
{
    int depth = push(message(a), NULL, a);
    tell(CBID_RangePushEx, WORD(a), 0, &depth);
    return depth;
}

static int DomainRangePushEx(const char *domain, const struct attributes *a)
{
    int depth = push(message(a), domain, a);
    tell(CBID_DomainRangePushEx, WORD(domain), WORD(a), &depth);
    return depth;
}

static int RangePop(void)
{
    int depth = pop(NULL);
    tell(CBID_RangePop, 0, 0, &depth);
    return depth;
}

static int DomainRangePop(const char *domain)
{
    int depth = pop(domain);
    tell(CBID_DomainRangePop, WORD(domain), 0, &depth);
    return depth;
}

static void name_stream(void *stream, const char *name)
{
    int device = 0;
    uint64_t id = 0;
    if (maf_cupti_wants(KIND_NAME) && maf_stream_info(stream, NULL, NULL, &device, &id) == 0)
        note_name(OBJECT_STREAM, (uint32_t)device, MAF_CUPTI_CONTEXT + (uint32_t)device,
                  maf_cupti_stream_number((uint32_t)id), name);
}

/* Each in two forms: bytes, and wchar_t. */
#define TWO_FORMS(form, character, kept) \
    static void Mark##form(const character *text) \
    { \
        begin(INSTANTANEOUS, IF_WANTED(kept(text)), NULL, NULL); \
        tell(CBID_Mark##form, WORD(text), 0, NULL); \
    } \
    static uint64_t RangeStart##form(const character *text) \
    { \
        uint64_t id = begin(START, IF_WANTED(kept(text)), NULL, NULL); \
        tell(CBID_RangeStart##form, WORD(text), 0, &id); \
        return id; \
    } \
    static int RangePush##form(const character *text) \
    { \
        int depth = push(IF_WANTED(kept(text)), NULL, NULL); \
        tell(CBID_RangePush##form, WORD(text), 0, &depth); \
        return depth; \
    } \
    static void NameCategory##form(uint32_t category, const character *text) \
    { \
        tell(CBID_NameCategory##form, category, WORD(text), NULL); \
    } \
    static void NameOsThread##form(uint32_t thread, const character *text) \
    { \
        note_name(OBJECT_THREAD, (uint32_t)getpid(), thread, 0, kept(text)); \
        tell(CBID_NameOsThread##form, thread, WORD(text), NULL); \
    } \
    static void NameCuDevice##form(int device, const character *text) \
    { \
        note_name(OBJECT_DEVICE, (uint32_t)device, 0, 0, kept(text)); \
        tell(CBID_NameCuDevice##form, (uint32_t)device, WORD(text), NULL); \
    } \
    static void NameCudaDevice##form(int device, const character *text) \
    { \
        note_name(OBJECT_DEVICE, (uint32_t)device, 0, 0, kept(text)); \
        tell(CBID_NameCudaDevice##form, (uint32_t)device, WORD(text), NULL); \
    } \
    static void NameCuStream##form(void *stream, const character *text) \
    { \
        name_stream(stream, kept(text)); \
        tell(CBID_NameCuStream##form, WORD(stream), WORD(text), NULL); \
    } \
    static void NameCudaStream##form(void *stream, const character *text) \
    { \
        name_stream(stream, kept(text)); \
        tell(CBID_NameCudaStream##form, WORD(stream), WORD(text), NULL); \
    } \
    static const char *DomainRegisterString##form(const char *domain, const character *text) \
    { \
        const char *handle = kept(text); \
        tell(CBID_DomainRegisterString##form, WORD(domain), WORD(text), &handle); \
        return handle; \
    } \
    static const char *DomainCreate##form(const character *text) \
    { \
        const char *handle = kept(text); /* one domain per name, as NVTX has it */ \
        tell(CBID_DomainCreate##form, WORD(text), 0, &handle); \
        return handle; \
    }

TWO_FORMS(A, char, keep)
TWO_FORMS(W, wchar_t, keep_wide)

static void DomainDestroy(const char *domain)
{
    tell(CBID_DomainDestroy, WORD(domain), 0, NULL);
}

/* --- attaching ------------------------------------------------------------------------------------------------------ */
int InitializeInjectionNvtx2(maf_nvtx_tables tables)
{
    static const struct {
        uint32_t module, number;
        void (*function)(void);
    } calls[] = {
#define FUNCTION(module, number, cbid, name) {module, number, (void (*)(void))name},
        CALLS(FUNCTION)
#undef FUNCTION
    };
    const struct callbacks_table *callbacks = tables ? tables(TABLE_CALLBACKS) : NULL;
    if (!callbacks || callbacks->struct_size < sizeof *callbacks)
        return 0;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        void **table[1];
        void ***slots = table;
        uint32_t count = 0;
        if (callbacks->functions(calls[i].module, (void ***)&slots, &count) && calls[i].number < count)
            memcpy(slots[calls[i].number], &calls[i].function, sizeof calls[i].function);
    }
    return 1;
}

int InitializeInjectionNvtx(maf_nvtx_tables tables)
{
    return InitializeInjectionNvtx2(tables);
}

CUptiResult cuptiNvtxInitialize2(void *tables)
{
    return InitializeInjectionNvtx2((maf_nvtx_tables)(uintptr_t)tables) ? CUPTI_SUCCESS
                                                                        : maf_cupti_answer(CUPTI_ERROR_INVALID_PARAMETER);
}

CUptiResult cuptiNvtxInitialize(void *tables)
{
    return cuptiNvtxInitialize2(tables);
}
