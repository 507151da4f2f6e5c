/* The CUDA object model of one application, below both the runtime API (libcudart) and the driver API (libcuda).
 * Handles are void pointers: streams, events, kernels (cudaKernel_t, CUfunction, CUkernel), modules, graphs.
 * int results are 0 or a cudaError_t value; CUresult has the same numbers for all that come from here. */
#ifndef MAF_RUNTIME_H
#define MAF_RUNTIME_H

#include <stdarg.h>
#include <stddef.h>

#include "maf_client.h"

enum maf_error {
    MAF_OK = 0,
    MAF_E_INVALID_VALUE = 1,
    MAF_E_OUT_OF_MEMORY = 2,
    MAF_E_INITIALIZATION = 3,
    MAF_E_INVALID_CONFIGURATION = 9,
    MAF_E_INVALID_SYMBOL = 13,
    MAF_E_INVALID_DEVICE_FUNCTION = 98,
    MAF_E_NO_DEVICE = 100,
    MAF_E_INVALID_DEVICE = 101,
    MAF_E_INVALID_IMAGE = 200,
    MAF_E_INVALID_CONTEXT = 201,
    MAF_E_NO_KERNEL_IMAGE = 209,
    MAF_E_FILE_NOT_FOUND = 301,
    MAF_E_OPERATING_SYSTEM = 304,
    MAF_E_INVALID_HANDLE = 400,
    MAF_E_ILLEGAL_STATE = 401,
    MAF_E_NOT_FOUND = 500,
    MAF_E_NOT_READY = 600,
    MAF_E_OUT_OF_RESOURCES = 701,
    MAF_E_ALREADY_REGISTERED = 712,
    MAF_E_NOT_REGISTERED = 713,
    MAF_E_COOPERATIVE_TOO_LARGE = 720,
    MAF_E_NOT_SUPPORTED = 801,
    MAF_E_CAPTURE_UNSUPPORTED = 900,
    MAF_E_CAPTURE_INVALIDATED = 901,
    MAF_E_CAPTURE_MERGE = 902,
    MAF_E_CAPTURE_UNMATCHED = 903,
    MAF_E_CAPTURE_UNJOINED = 904,
    MAF_E_CAPTURE_ISOLATION = 905,
    MAF_E_CAPTURE_IMPLICIT = 906,
    MAF_E_CAPTURED_EVENT = 907,
    MAF_E_CAPTURE_WRONG_THREAD = 908,
    MAF_E_GRAPH_UPDATE = 910,
};

void maf_say(const char *fmt, va_list args);
MAF_API void maf_warn(const char *fmt, ...) MAF_PRINTF(1, 2); /* always printed */

/* --- process, device ------------------------------------------------------------------------------- */
MAF_API int maf_device_count(int *count); /* starts the executor, does not wait for it */
MAF_API int maf_start(void);              /* starts it without waiting; 0 or an error */
MAF_API int maf_set_device(int device);   /* of the calling thread */
MAF_API int maf_enter_device(void);       /* as maf_client_ready, and the current device's context becomes active */
MAF_API int maf_device_active(int device);
MAF_API int maf_fault_now(void); /* sticky error, 0 when none; needs no executor */
MAF_API int *maf_last_error(void); /* the runtime's thread-local error */
MAF_API int maf_forked_child(void);
MAF_API const char *maf_error_name(int error, int driver);
MAF_API const char *maf_error_text(int error);

/* Value of a CUdevice_attribute / cudaDeviceAttr; 0 or MAF_E_INVALID_VALUE. */
MAF_API int maf_device_attribute(int attribute, int *value);
MAF_API int maf_get_limit(int limit, size_t *value);
MAF_API int maf_set_limit(int limit, size_t value); /* of the current device; after maf_enter */
struct maf_profile;
MAF_API const struct maf_profile *maf_device_profile(void);
/* For management tools: SDAs of this session, those that CUDA_VISIBLE_DEVICES hides included, and the visible
 * ordinal of one, -1 when hidden. Neither starts the executor. */
MAF_API int maf_sda_total(void);
MAF_API int maf_sda_ordinal(int sda);
MAF_API void maf_sda_uuid(int sda, unsigned char out[16]);
MAF_API void maf_sda_bus_id(int sda, char *out, size_t room);
MAF_API void maf_device_uuid(int device, unsigned char out[16]);
MAF_API void maf_device_bus_id(int device, char *out, size_t room);

/* --- memory ------------------------------------------------------------------------------------------ */
void maf_memory_start(void);
enum maf_memory_type { MAF_UNREGISTERED = 0, MAF_HOST = 1, MAF_DEVICE = 2, MAF_MANAGED = 3 };
struct maf_pointer {
    int type;
    int device;
    uint64_t base; /* of the allocation */
    uint64_t bytes;
    uint64_t device_pointer; /* 0 when the device cannot reach it */
    void *host_pointer;      /* NULL when the host cannot */
    uint32_t flags;
};
MAF_API int maf_memory_alloc(int device, uint64_t bytes, uint64_t *out);
MAF_API int maf_memory_free(uint64_t p);                                       /* waits for all work */
/* pool NULL: the device's */
MAF_API int maf_memory_alloc_async(void *stream, void *pool, uint64_t bytes, uint64_t *out);
MAF_API int maf_memory_free_async(void *stream, uint64_t p);
MAF_API void maf_memory_info(int device, uint64_t *free_bytes, uint64_t *total_bytes);
MAF_API void *maf_pool_default(int device);
MAF_API void *maf_pool_current(int device);
MAF_API int maf_pool_select(int device, void *pool);
MAF_API int maf_pool_create(int device, uint64_t limit, void **out); /* limit 0: none */
MAF_API int maf_pool_destroy(void *pool);
MAF_API int maf_pool_device(void *pool); /* -1 when it is no pool */
MAF_API int maf_pool_get(void *pool, int attribute, void *value); /* cudaMemPoolAttr numbers */
MAF_API int maf_pool_set(void *pool, int attribute, const void *value);
MAF_API int maf_host_alloc(uint64_t bytes, uint32_t flags, void **out);
MAF_API int maf_managed_alloc(uint64_t bytes, uint32_t flags, uint64_t *out);
MAF_API int maf_host_free(void *p);
MAF_API int maf_host_register(void *p, uint64_t bytes, uint32_t flags);
MAF_API int maf_host_unregister(void *p);
MAF_API int maf_host_device_pointer(void *p, uint64_t *out); /* of pinned, managed or registered memory */
MAF_API int maf_pointer(const void *p, struct maf_pointer *out);

/* Virtual memory management (cuMem*). A handle is a nonzero number. */
MAF_API int maf_vmm_reserve(int device, uint64_t bytes, uint64_t alignment, uint64_t *out);
MAF_API int maf_vmm_release_range(uint64_t p, uint64_t bytes);
MAF_API int maf_vmm_create(int device, uint64_t bytes, uint64_t *handle);
MAF_API int maf_vmm_drop(uint64_t handle);
MAF_API int maf_vmm_retain(uint64_t address, uint64_t *handle);
MAF_API int maf_vmm_handle_device(uint64_t handle, int *device);
MAF_API int maf_vmm_map(uint64_t p, uint64_t bytes, uint64_t offset, uint64_t handle);
MAF_API int maf_vmm_unmap(uint64_t p, uint64_t bytes);
MAF_API int maf_vmm_access(uint64_t p, uint64_t bytes, int accessible);
MAF_API int maf_vmm_find(uint64_t p, uint64_t *base, uint64_t *bytes, int *device);
MAF_API int maf_vmm_export(uint64_t handle, int *fd); /* a descriptor that other processes import; the caller's */
MAF_API int maf_vmm_import(int device, int fd, uint64_t *handle);
enum { MAF_VMM_GRANULARITY = 2 << 20 };

/* Between applications of one machine; handles are MAF_IPC_BYTES long. */
enum { MAF_IPC_BYTES = 64 };
MAF_API int maf_ipc_memory_handle(uint64_t address, void *handle);
MAF_API int maf_ipc_memory_open(const void *handle, uint64_t *address); /* counted: as often closed as opened */
MAF_API int maf_ipc_memory_close(uint64_t address);
MAF_API int maf_ipc_event_handle(void *event, void *handle);
MAF_API int maf_ipc_event_open(const void *handle, void **event);

/* Arrays. Sizes in elements, 0 for dimensions that it does not have. */
struct maf_array {
    uint64_t width, height, depth;
    uint32_t element; /* bytes */
    uint32_t flags;
    int format[5];      /* as the API that made it describes an element */
    uint64_t address;   /* the rest is set by maf_array_create */
    uint64_t pitch, slice; /* bytes */
};
MAF_API int maf_array_create(const struct maf_array *wanted, void **out);
MAF_API int maf_array_destroy(void *array);
MAF_API const struct maf_array *maf_array_find(void *array); /* NULL when it is none */
MAF_API int maf_array_place(void *array, uint64_t x_bytes, uint64_t y, uint64_t z, uint64_t width, uint64_t height,
                            uint64_t depth, uint64_t *address);

/* --- textures and surfaces ---------------------------------------------------------------------------------- */
enum { MAF_ARRAY_LAYERED = 1, MAF_ARRAY_CUBEMAP = 4 }; /* of maf_array.flags, in both APIs */
/* Objects by the API that made them: each gives back the descriptors in its own form. */
enum maf_object_kind { MAF_RUNTIME_TEXTURE, MAF_RUNTIME_SURFACE, MAF_DRIVER_TEXTURE, MAF_DRIVER_SURFACE };
struct maf_texture;
/* Where the texels are; `t` begins as zeros. format: bits of the four channels, then cudaChannelFormatKind. */
MAF_API int maf_texture_of_array(void *array, struct maf_texture *t);
MAF_API int maf_texture_of_mipmap(void *mipmap, struct maf_texture *t);
MAF_API int maf_texture_of_memory(uint64_t address, const int format[5], uint64_t width, uint64_t height, uint64_t pitch,
                                  struct maf_texture *t); /* height 0: linear */
MAF_API int maf_texture_create(int kind, const struct maf_texture *t, const void *resource, size_t resource_bytes,
                               const void *texture, size_t texture_bytes, unsigned long long *out);
MAF_API int maf_texture_destroy(int kind, unsigned long long handle);
MAF_API int maf_texture_describe(int kind, unsigned long long handle, void *resource, size_t resource_bytes,
                                 void *texture, size_t texture_bytes);
MAF_API int maf_mipmap_create(const struct maf_array *wanted, unsigned levels, void **out);
MAF_API int maf_mipmap_destroy(void *mipmap);
MAF_API int maf_mipmap_level(void *mipmap, unsigned level, void **out);

/* --- copies and fills ---------------------------------------------------------------------------------- */
/* kind: 0 host-host, 1 host-device, 2 device-host, 3 device-device, 4 by address. */
MAF_API int maf_memcpy(void *stream, uint64_t dst, uint64_t src, uint64_t bytes, int kind, int async);
struct maf_box { /* width in bytes */
    uint64_t dst, src;
    uint64_t width, height, depth;
    uint64_t dst_pitch, src_pitch;
    uint64_t dst_slice, src_slice;
};
MAF_API int maf_memcpy_box(void *stream, const struct maf_box *box, int kind, int async);
MAF_API int maf_memset_box(void *stream, uint64_t dst, uint64_t pitch, uint32_t value, uint32_t element, uint64_t width,
                           uint64_t height, int async);

MAF_API int maf_store(void *stream, uint64_t address, uint64_t value, uint32_t bytes); /* 4 or 8, atomic */
/* kind: enum maf_wait_kind. The stream waits for the word; host and other streams may change it. */
MAF_API int maf_wait_value(void *stream, uint64_t address, uint64_t value, uint32_t bytes, uint32_t kind);

/* --- streams, events, callbacks -------------------------------------------------------------------------- */
MAF_API int maf_stream_create(uint32_t flags, int priority, void **out);
MAF_API int maf_stream_destroy(void *stream);
MAF_API int maf_stream_query(void *stream);
/* Any result may be NULL. */
MAF_API int maf_stream_info(void *stream, uint32_t *flags, int *priority, int *device, uint64_t *id);
MAF_API int maf_stream_wait_event(void *stream, void *event, int external); /* external: a node when captured */
MAF_API int maf_device_sync(void);
MAF_API int maf_event_create(uint32_t flags, void **out); /* flags: 1 blocking, 2 no timing, 4 interprocess */
MAF_API int maf_event_destroy(void *event);
MAF_API int maf_event_record(void *event, void *stream, int external);
MAF_API int maf_event_query(void *event);
MAF_API int maf_event_sync(void *event);
MAF_API int maf_event_elapsed(void *start, void *end, float *milliseconds);
MAF_API int maf_host_function(void *stream, void (*fn)(void *), void *arg);

/* --- modules, kernels -------------------------------------------------------------------------------------- */
MAF_API void *maf_register_fatbin(const void *wrapper);
MAF_API void maf_unregister_fatbin(void *module);
MAF_API void maf_register_function(void *module, const void *host, const char *name);
MAF_API void maf_register_variable(void *module, const void *host, const char *name, uint64_t bytes, uint32_t flags);
/* A managed variable's `host` is the pointer through which host code reaches it; maf_init_managed makes it valid: it
 * then holds the variable's device address, at which the application, too, sees its memory. */
enum { MAF_VARIABLE_MANAGED = 1 };
MAF_API int maf_init_managed(void *module);
MAF_API int maf_module_load(const void *image, void **module); /* fatbin, wrapper, ELF, PTX text */
MAF_API int maf_module_load_file(const char *path, void **module);
MAF_API int maf_module_unload(void *module);
MAF_API int maf_module_valid(void *module);
MAF_API int maf_module_kernel(void *module, const char *name, void **kernel); /* 500 when it has none of that name */
MAF_API int maf_module_variable(void *module, const char *name, uint64_t *address, uint64_t *bytes);
MAF_API int maf_host_variable(const void *host, uint64_t *address, uint64_t *bytes);
MAF_API void *maf_kernel_handle(const void *func); /* host function or handle -> handle; NULL */
MAF_API const char *maf_kernel_name(void *kernel);
MAF_API void *maf_kernel_module(void *kernel);
struct maf_kernel_facts {
    struct maf_kernel_info info;
    int max_dynamic_shared;
    int carveout;
};
MAF_API int maf_kernel_facts(void *kernel, int device, struct maf_kernel_facts *out);
MAF_API int maf_kernel_param(void *kernel, int device, uint32_t index, uint32_t *offset, uint32_t *bytes);
MAF_API int maf_kernel_set_shared(void *kernel, int bytes);
MAF_API int maf_kernel_set_carveout(void *kernel, int value);
MAF_API int maf_kernel_occupancy(void *kernel, int device, int block_threads, uint64_t dynamic_shared, int *blocks);

struct maf_launch {
    void *kernel;
    uint32_t grid[3];
    uint32_t block[3];
    uint64_t shared;
    void *stream;
    void **args;  /* one pointer per parameter, or NULL: then */
    void **extra; /* the driver's CU_LAUNCH_PARAM list, or NULL */
    uint32_t cooperative;
};
MAF_API int maf_launch(const struct maf_launch *l);

/* Launch configuration stack of the <<<>>> syntax. */
struct maf_config {
    uint32_t grid[3];
    uint32_t block[3];
    uint64_t shared;
    void *stream;
};
MAF_API int maf_push_config(const struct maf_config *c);
MAF_API int maf_pop_config(struct maf_config *c);

/* --- collective operations ----------------------------------------------------------------------------------------- */
struct maf_stream_place { /* a stream handle, with the device whose default stream NULL means */
    int device;
    void *stream;
};
/* One command for all of these streams: it begins when their earlier work has ended, later work of each waits for it.
 * `head` is a struct maf_cmd_collective whose header is filled here. */
MAF_API int maf_collective_command(const struct maf_stream_place *streams, int count,
                                   const struct maf_cmd_collective *head, const void *entries, uint64_t bytes);
/* Where other processes find this application's memory of the device; the rank's other fields are zero. */
MAF_API int maf_gang_describe(int device, struct maf_gang_rank *out);
MAF_API int maf_gang_reaches(uint64_t address); /* other ranks can read memory at this address */
MAF_API int maf_private_descriptor(int fd); /* the same file under a high number; fd is closed */

/* --- what profilers record --------------------------------------------------------------------------------------- */
MAF_API extern int maf_trace_on; /* read with a plain load: a call that misses the change is not recorded */
enum { MAF_TRACE_EXTERNAL = 16 }; /* kinds of external correlation ids */
enum maf_trace_type {
    MAF_TRACE_CALL = 1,
    MAF_TRACE_EXTERNAL_ID,
    MAF_TRACE_KERNEL,
    MAF_TRACE_COPY,
    MAF_TRACE_FILL,
    MAF_TRACE_EVENT, /* recorded on a stream */
    MAF_TRACE_SYNC   /* the call waited for an event, a stream or all, or made a stream wait */
};
/* CUpti_ActivitySynchronizationType; a recorded event goes the same way. */
enum maf_trace_sync {
    MAF_SYNC_RECORD = 0,
    MAF_SYNC_EVENT = 1,
    MAF_SYNC_STREAM_WAITS = 2,
    MAF_SYNC_STREAM = 3,
    MAF_SYNC_DEVICE = 4
};
enum { MAF_TRACE_NONE = -1 }; /* no stream, or no event */
struct maf_trace_item {
    uint32_t type;
    uint32_t correlation; /* of the call that issued it */
    uint64_t seq;         /* 0: not a command of the ring */
    uint64_t start, end;  /* CLOCK_MONOTONIC nanoseconds; 0 when it did not run */
    uint32_t kind, cbid;  /* call: activity kind and callback id; external id: its kind; sync: enum maf_trace_sync */
    uint32_t thread;
    int32_t error;
    uint32_t device, stream;
    uint64_t bytes; /* external id: the id */
    uint32_t value; /* of a fill; the event that is recorded or waited for */
    uint32_t from, to; /* enum maf_memory_type */
    uint32_t grid[3], block[3];
    uint32_t dynamic_shared, static_shared, registers, local_bytes;
    const char *name; /* of a kernel, mangled */
};
/* first_item is called from the first recorded call, and from the first after each maf_trace_take. */
MAF_API void maf_trace_switch(int on, void (*first_item)(void));
/* All items so far, once all queued work has run; the caller frees them. */
MAF_API uint64_t maf_trace_take(struct maf_trace_item **out);
MAF_API void maf_trace_external(uint32_t kind, uint64_t id, int set); /* the calling thread's newest id of that kind */

/* One call of an API. TRACE at the head of an entry point notes it when a profiler listens. */
struct maf_trace_call {
    uint32_t correlation; /* 0: not recorded */
    uint32_t kind, cbid;
    uint64_t start;
};
MAF_API void maf_trace_begin(struct maf_trace_call *call, uint32_t kind, uint32_t cbid);
MAF_API void maf_trace_end(struct maf_trace_call *call);
MAF_API void maf_trace_error(int error); /* what the running call will return */
static inline void maf_trace_leave(struct maf_trace_call *call)
{
    if (__builtin_expect(call->correlation != 0, 0))
        maf_trace_end(call);
}
enum { MAF_TRACE_DRIVER = 4, MAF_TRACE_RUNTIME = 5 }; /* activity kinds */
#define MAF_TRACE(kind, cbid)                                                                     \
    struct maf_trace_call trace_call __attribute__((cleanup(maf_trace_leave)));                   \
    trace_call.correlation = 0;                                                                   \
    if (__builtin_expect(maf_trace_on, 0))                                                        \
        maf_trace_begin(&trace_call, kind, cbid)

/* --- capture and graphs -------------------------------------------------------------------------------------- */
enum maf_node_type {
    MAF_NODE_KERNEL = 0,
    MAF_NODE_MEMCPY = 1,
    MAF_NODE_MEMSET = 2,
    MAF_NODE_HOST = 3,
    MAF_NODE_GRAPH = 4,
    MAF_NODE_EMPTY = 5,
    MAF_NODE_WAIT_EVENT = 6,
    MAF_NODE_EVENT_RECORD = 7,
    MAF_NODE_MEM_ALLOC = 10,
    MAF_NODE_MEM_FREE = 11,
    MAF_NODE_OP = 64, /* library call; shown as a kernel */
};
struct maf_capture_info {
    int status; /* 0 none, 1 active, 2 invalidated */
    uint64_t id;
    void *graph;
    void *const *deps;
    size_t dep_count;
};
MAF_API int maf_capture_start(void *stream, int mode, void *graph, void *const *deps, size_t dep_count);
MAF_API int maf_capture_finish(void *stream, void **graph);
MAF_API int maf_capture_status(void *stream, struct maf_capture_info *out);
MAF_API int maf_capture_update(void *stream, void *const *deps, size_t count, int set);
MAF_API int maf_capture_mode(int mode); /* exchanges the thread's mode; returns the old one */

MAF_API int maf_graph_create(void **graph);
MAF_API int maf_graph_destroy(void *graph);
MAF_API int maf_graph_clone(void *graph, void **out);
MAF_API int maf_graph_valid(void *graph);
MAF_API int maf_graph_nodes(void *graph, void **nodes, size_t *count, int roots_only);
MAF_API int maf_graph_edges(void *graph, void **from, void **to, size_t *count);
MAF_API int maf_graph_link(void *graph, void *const *from, void *const *to, size_t count, int add);
MAF_API int maf_graph_find(void *original_node, void *clone, void **out);
MAF_API int maf_node_type(void *node, int *type);
MAF_API int maf_node_neighbours(void *node, void **out, size_t *count, int dependents);
MAF_API int maf_node_destroy(void *node);
MAF_API int maf_node_empty(void *graph, void *const *deps, size_t count, int type, void **out);
MAF_API int maf_node_alloc(void *graph, void *const *deps, size_t count, int device, uint64_t bytes, uint64_t *address,
                           void **out);
MAF_API int maf_node_free(void *graph, void *const *deps, size_t count, uint64_t address, void **out);
/* type: MAF_NODE_MEM_ALLOC or MAF_NODE_MEM_FREE */
MAF_API int maf_node_get_memory(void *node, int type, uint64_t *address, uint64_t *bytes);
MAF_API int maf_node_kernel(void *graph, void *const *deps, size_t count, const struct maf_launch *l, void **out);
MAF_API int maf_node_memcpy(void *graph, void *const *deps, size_t count, const struct maf_box *box, void **out);
MAF_API int maf_node_memset(void *graph, void *const *deps, size_t count, const struct maf_box *box, uint32_t value,
                            uint32_t element, void **out);
MAF_API int maf_node_host(void *graph, void *const *deps, size_t count, void (*fn)(void *), void *arg, void **out);
MAF_API int maf_node_child(void *graph, void *const *deps, size_t count, void *child, void **out);
MAF_API int maf_node_event(void *graph, void *const *deps, size_t count, void *event, int record, void **out);
MAF_API int maf_node_child_graph(void *node, void **graph);
MAF_API int maf_node_get_launch(void *node, struct maf_launch *out); /* args point into the node */
MAF_API int maf_node_take(void *node, void *from); /* takes the work of another node of the same type */
/* destroy(object) runs once the graph, its clones and executable graphs are all gone. */
MAF_API int maf_graph_retain(void *graph, void (*destroy)(void *), void *object);
MAF_API int maf_graph_instantiate(void *graph, uint64_t flags, void **exec);
MAF_API int maf_exec_launch(void *exec, void *stream);
MAF_API int maf_exec_destroy(void *exec);
MAF_API int maf_exec_update(void *exec, void *graph, int *result); /* cudaGraphExecUpdateResult */
MAF_API int maf_exec_take(void *exec, void *node, void *from); /* the entry of `node` takes the work of `from` */
MAF_API int maf_exec_take_child(void *exec, void *node, void *graph); /* a child graph node takes the work of a graph */
MAF_API uint64_t maf_exec_flags(void *exec);

#endif
