/* State and helpers shared by the client's own files; library fronts use maf_client.h and runtime.h. */
#ifndef MAF_INTERNAL_H
#define MAF_INTERNAL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "profile.h"
#include "runtime.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define MAF_TLS _Thread_local __attribute__((tls_model("initial-exec")))

/* --- sync.c: a futex mutex; libc's own would tie the library to libpthread on glibc before 2.34 ------ */
struct maf_lock {
    atomic_uint word; /* 0 free, 1 held, 2 held and somebody waits */
};
void maf_lock_slow(struct maf_lock *l);
void maf_unlock_slow(struct maf_lock *l);
static inline void maf_lock(struct maf_lock *l)
{
    unsigned zero = 0;
    if (unlikely(!atomic_compare_exchange_strong_explicit(&l->word, &zero, 1, memory_order_acquire,
                                                          memory_order_relaxed)))
        maf_lock_slow(l);
}
static inline void maf_unlock(struct maf_lock *l)
{
    if (unlikely(atomic_exchange_explicit(&l->word, 0, memory_order_release) == 2))
        maf_unlock_slow(l);
}
int maf_futex_wait(void *word, uint32_t value, uint32_t milliseconds); /* shared between processes */
void maf_futex_wake(void *word, int count);
uint64_t maf_now_ns(void);
int maf_start_thread(void *(*fn)(void *), void *arg); /* detached, all signals blocked; 0 or -1 */

/* --- process-wide state (connection.c) --------------------------------------------------------------- */
enum maf_phase { MAF_COLD = 0, MAF_SPAWNED = 1, MAF_READY = 2, MAF_DEAD = 3, MAF_FORKED = 4 };

struct maf_state {
    atomic_int phase;
    atomic_int error; /* sticky error once the executor is gone or could not start */
    struct maf_control *control;
    char *ring;
    uint32_t ring_mask;
    int socket;
    int device_fd;
    int pinned_fd;
    int count;
    uint64_t device_base;
    uint64_t device_stride;
    char *device_map; /* the application's own mapping of the device file */
    uint64_t device_span; /* count * stride */
    uint64_t pinned_base;
    uint64_t pinned_bytes;
    uint64_t own_bytes; /* of memory that only the device reaches, from device_base on; 0: it is the device file */
    atomic_int active[MAF_MAX_SDA]; /* primary context in use */
    _Atomic uint64_t last_wait; /* newest command that may make its stream wait */
};
extern struct maf_state maf_g;

int maf_connect(int wait); /* slow path of maf_enter */
void maf_executor_lost(void);
int maf_executor_gone(void);    /* for polling calls: looks at most every 20 ms, and notes the loss */
int maf_executor_hung_up(void); /* 1 when the socket's other end is closed */

/* Request on the socket. Reply payload up to reply_capacity goes to `reply`, *reply_bytes = its full size.
 * Returns the reply's error, or minus a cudaError_t when there is no executor. With an error the payload is the
 * message. */
int maf_request(uint32_t kind, int sda, const void *head, uint64_t head_bytes, const void *body, uint64_t body_bytes,
                void *reply, uint64_t reply_capacity, uint64_t *reply_bytes);

static inline int maf_fault(void)
{
    int e = atomic_load_explicit(&maf_g.error, memory_order_relaxed);
    if (unlikely(e))
        return e;
    return (int)__atomic_load_n(&maf_g.control->fault, __ATOMIC_RELAXED);
}

/* Start of every operation: 0 when the executor serves and the context is healthy. */
static inline int maf_enter(void)
{
    if (unlikely(atomic_load_explicit(&maf_g.phase, memory_order_acquire) != MAF_READY)) {
        int e = maf_connect(1);
        if (e)
            return e;
    }
    return maf_fault();
}

/* --- address windows ---------------------------------------------------------------------------------- */
static inline int maf_in_device(uint64_t a)
{
    return a - maf_g.device_base < maf_g.device_span;
}
static inline int maf_in_pinned(uint64_t a)
{
    return a - maf_g.pinned_base < maf_g.pinned_bytes;
}
static inline int maf_in_window(uint64_t a)
{
    return maf_in_device(a) || maf_in_pinned(a);
}
/* Where the application itself can touch an address of any kind. */
static inline void *maf_host_view(uint64_t a)
{
    return maf_in_device(a) ? (void *)(maf_g.device_map + (a - maf_g.device_base)) : (void *)(uintptr_t)a;
}

int maf_own_memory(const char *what); /* 1, and said once, where the device's own memory rules it out */
uint64_t maf_pinned_take(uint64_t bytes); /* for the client itself; whole pages; 0: none */
void maf_pinned_give(uint64_t address);

/* --- ring.c -------------------------------------------------------------------------------------------- */
struct maf_stream;

/* Space for one command in the ring, header's size/kind/sda/stream set; the ring stays locked until maf_ring_end.
 * NULL when the executor is gone. */
void *maf_ring_begin(struct maf_stream *s, uint32_t kind, uint64_t bytes);
uint64_t maf_ring_end(struct maf_stream *s, void *command); /* returns its sequence number */
/* Several ready-made commands in one hold of the lock; sequence number of the last, or 0. */
struct maf_exec_entry;
uint64_t maf_ring_put_all(struct maf_stream *s, struct maf_exec_entry *entries, uint32_t count);
uint64_t maf_last_seq(void); /* of the newest command issued by any thread */
void maf_ring_bell(void); /* something that the executor waits for has happened */
int maf_wait_seq(uint64_t seq); /* for all commands up to this one; 0 or the sticky error */
static inline int maf_is_complete(uint64_t seq)
{
    return __atomic_load_n(&maf_g.control->completed, __ATOMIC_ACQUIRE) >= seq;
}
/* Streams may overtake each other. Commands issued before the oldest waiting one still finish in order. */
static inline int maf_may_overtake(void)
{
    return unlikely(!maf_is_complete(atomic_load_explicit(&maf_g.last_wait, memory_order_acquire)));
}

/* A place in a stream: it is reached when the stream's commands up to seq have finished. */
struct maf_point {
    uint64_t seq;
    uint32_t queue;
};
static inline int maf_reached(struct maf_point p)
{
    return maf_is_complete(p.seq) ||
           unlikely(__atomic_load_n(&maf_g.control->queue_done[p.queue], __ATOMIC_ACQUIRE) >= p.seq);
}
int maf_wait_point(struct maf_point p); /* 0 or the sticky error */
#define MAF_MAX_PAYLOAD (1u << 16) /* of one WRITE */

/* --- slab.c: handles with stable addresses, so that a stale or foreign pointer is recognised ------------ */
struct maf_slab {
    struct maf_lock lock;
    uint32_t item; /* bytes per object; each begins with a uint32_t that is nonzero while alive */
    uint32_t limit;
    _Atomic uint32_t used;
    char *_Atomic base;
    void *free;
};
void *maf_slab_new(struct maf_slab *s); /* zeroed, alive = 1; NULL when full */
void maf_slab_delete(struct maf_slab *s, void *p);
int maf_slab_holds(struct maf_slab *s, const void *p); /* p is a live object of this slab */

/* --- heap.c: address-space allocator, headers kept apart from the memory -------------------------------- */
struct maf_block;
struct maf_heap {
    struct maf_lock lock;
    struct maf_block *root; /* treap of all blocks by address */
    struct maf_block *bins[256];
    uint64_t bin_map[4];
    struct maf_block *spare;
    uint64_t seed;
};
struct maf_extent {
    uint64_t address;
    uint64_t bytes;
    uint32_t tag;
};
void maf_heap_init(struct maf_heap *h, uint64_t base, uint64_t bytes);
/* bytes is rounded up to 512; alignment is a power of two >= 512. 0 = no room. */
uint64_t maf_heap_alloc(struct maf_heap *h, uint64_t bytes, uint64_t alignment, uint32_t tag);
/* Frees the block that starts at address; *freed = the block, *merged = the free block it became part of. 0 or -1. */
int maf_heap_free(struct maf_heap *h, uint64_t address, struct maf_extent *freed, struct maf_extent *merged);
/* Allocated block around address; 0 or -1. */
int maf_heap_find(struct maf_heap *h, uint64_t address, struct maf_extent *out);

/* --- memory.c ---------------------------------------------------------------------------------------------- */
int maf_memory_charge(int device, uint64_t bytes);
void maf_memory_credit(int device, uint64_t bytes);
void maf_memory_punch(uint64_t address, uint64_t bytes);
void maf_protect(int device, uint64_t address, uint64_t bytes, uint32_t accessible);
uint64_t maf_memory_room(uint64_t address, uint64_t wanted);
enum maf_release { MAF_RELEASE_OPEN, MAF_RELEASE_CLOSED, MAF_RELEASE_PUNCHED };
/* Frees at once. The pages stay accessible, as queued commands need that use them still, or are closed, or go back to the
 * system. */
int maf_memory_release(uint64_t p, enum maf_release how);
/* later.c: memory freed on a stream that others may overtake stays allocated until the stream has come that far. */
int maf_free_later(struct maf_stream *s, uint64_t p);
void maf_free_due(void);
int maf_free_claim(struct maf_stream *s, int any); /* for s: what it freed itself, or any, which s then waits for; how many */
int maf_free_wait(void);                           /* waits until all is freed; how many */
void maf_copy_forget(uint64_t address, uint64_t bytes); /* the range's pages were given back */

void maf_registered_find(uint64_t address, struct maf_pointer *out); /* leaves *out when it is none */
const struct maf_extent *maf_memory_shown(uint64_t address); /* the managed variable there, or NULL */
int maf_memory_show(uint64_t address, uint64_t bytes); /* device memory becomes visible to host code at its address */
int maf_memory_block(uint64_t address, uint64_t *base, uint64_t *bytes); /* of cudaMalloc; 0 or -1 */
uint64_t maf_memory_page(int device); /* 4096 bytes that no one is charged for; 0 = none */
void maf_file_punch(int fd, uint64_t offset, uint64_t bytes); /* whole pages go back to the system */

/* --- files.c: what may be mapped into the device window ------------------------------------------------------- */
enum { MAF_EXPORT_BYTES = 64 << 20 }; /* of the device file, behind the windows (span) and the handles' memory (span) */
struct maf_file {
    int fd;
    uint32_t number; /* for MAF_CMD_MAP */
    uint32_t references;
    uint64_t device, inode;
};
int maf_high_fd(int fd); /* the same file under a number that programs do not expect to get; fd is closed */
int maf_file_identity(int fd, uint64_t *device, uint64_t *inode);
struct maf_file *maf_file_own(void);
struct maf_file *maf_file_open(int fd); /* takes over fd; NULL when it cannot be used */
void maf_file_close(struct maf_file *f);
/* A descriptor of another process, if it still is that file; -1. */
int maf_file_of_process(int pid, int descriptor, uint64_t device, uint64_t inode);
int maf_view_open(int device, uint64_t address, uint64_t bytes, const struct maf_file *file, uint64_t offset,
                  int accessible);
void maf_view_close(int device, uint64_t address, uint64_t bytes);

/* --- vmm.c, ipc.c: a place of a file in the window. Takes over `file`, also when it fails. ---------------------- */
int maf_vmm_place(int device, struct maf_file *file, uint64_t offset, uint64_t bytes, uint64_t *address);
int maf_vmm_displace(uint64_t address, uint64_t bytes);
struct maf_event;
struct maf_stream;
int maf_shared_event_new(struct maf_event *e);
void maf_shared_event_drop(struct maf_event *e);
int maf_shared_event_record(struct maf_event *e, struct maf_stream *s);
int maf_shared_event_foreign(struct maf_event *e); /* the newest record is another process's */
int maf_shared_event_done(struct maf_event *e);
int maf_shared_event_wait(struct maf_event *e);
struct maf_event *maf_event_import(uint64_t address);
struct maf_event *maf_event_pin(struct maf_event *e); /* NULL stays NULL */
void maf_event_unpin(struct maf_event *e);

/* --- pool.c --------------------------------------------------------------------------------------------------- */
enum { MAF_POOLS = 256 };
int maf_pool_charge(void *pool, uint64_t bytes, uint32_t *number);
void maf_pool_credit(uint32_t number, uint64_t bytes);
void maf_pool_peak(uint32_t number); /* an allocation succeeded: what is used may be more than ever before */

/* --- stream.c, event.c ----------------------------------------------------------------------------------- */
struct maf_capture;
struct maf_node;

struct maf_stream {
    uint32_t alive;
    uint32_t id;
    int32_t device;
    int32_t priority;
    uint32_t flags; /* 1 = non-blocking */
    uint32_t legacy;
    _Atomic uint64_t last_seq; /* newest command of this stream, or that it waits for */
    struct maf_capture *_Atomic capture;
    struct maf_node **tail; /* nodes that the next captured node depends on */
    uint32_t tail_count;
    uint32_t tail_room;
    struct maf_stream *next_captured;
    _Atomic uint64_t probe; /* legacy: a command that tells cudaStreamQuery whether earlier ones have finished */
};

struct maf_event {
    uint32_t alive;
    uint32_t flags;
    uint32_t slot; /* time-stamp slot; 0 = none (timing disabled) */
    int32_t device;
    _Atomic uint64_t seq;
    _Atomic uint32_t queue; /* of the stream that recorded it */
    _Atomic uint32_t recorded;
    uint64_t capture_id; /* nonzero: last recorded inside this capture */
    struct maf_shared_event *shared; /* interprocess: its state, NULL for all other events */
    uint64_t shared_address;
    uint64_t ticket; /* of this process's newest record */
    uint32_t pins;      /* graphs that record it; they keep it after its destruction */
    uint32_t destroyed;
    uint32_t imported;
    struct maf_node **deps;
    uint32_t dep_count;
};

struct maf_stream *maf_stream_of(void *handle); /* NULL for a handle that is none */
static inline uint32_t maf_queue(const struct maf_stream *s)
{
    return s->id & (MAF_QUEUES - 1);
}
static inline struct maf_point maf_stream_point(struct maf_stream *s) /* its newest command */
{
    return (struct maf_point){atomic_load(&s->last_seq), maf_queue(s)};
}
static inline struct maf_point maf_event_point(struct maf_event *e)
{
    return (struct maf_point){atomic_load(&e->seq), atomic_load(&e->queue)};
}
/* What a host-side access in the place of a command of s must wait for: whether it has happened, and waiting for it. */
int maf_stream_idle(struct maf_stream *s);
int maf_stream_settle(struct maf_stream *s);
int maf_stream_wait_point(struct maf_stream *s, struct maf_point p); /* later commands of s follow it */
struct maf_point maf_stream_mark(struct maf_stream *s); /* all that was issued so far on s or that s waits for */
static inline void maf_stream_raise(struct maf_stream *s, uint64_t seq)
{
    uint64_t old = atomic_load_explicit(&s->last_seq, memory_order_relaxed);
    while (old < seq && !atomic_compare_exchange_weak(&s->last_seq, &old, seq))
        ;
}

int maf_callbacks_ready(void); /* starts the callback thread */
int maf_host_function_on(struct maf_stream *s, void (*fn)(void *), void *arg);

/* --- module.c ---------------------------------------------------------------------------------------------- */
struct maf_module {
    uint32_t alive;
    uint32_t owned; /* bytes were copied */
    const void *bytes;
    uint64_t size;
    struct maf_lock lock;
    uint32_t loaded[MAF_MAX_SDA]; /* executor's module id + 1 */
    int32_t load_error[MAF_MAX_SDA];
    struct maf_registered *names; /* __cudaRegisterFunction and Var entries */
    uint32_t name_count;
    uint32_t name_room;
    uint32_t indexed; /* of names, in the host-pointer table */
    struct maf_kernel *kernels; /* handles given out, by name */
};

struct maf_kernel_state {
    struct maf_kernel_info info;
    struct maf_param params[]; /* info.params entries */
};

struct maf_kernel {
    uint32_t alive;
    int32_t max_dynamic_shared; /* opt-in limit; -1 = default */
    int32_t carveout;
    uint32_t reserved;
    struct maf_module *module;
    const char *name;
    const void *host;
    struct maf_kernel *next; /* of the module */
    struct maf_kernel_state *_Atomic state[MAF_MAX_SDA];
};

/* Kernel for a host function pointer or a kernel handle; NULL when neither. */
struct maf_kernel *maf_kernel_of(const void *func);
int maf_kernel_state(struct maf_kernel *k, int device, struct maf_kernel_state **out);

int maf_launch_prepare(const struct maf_launch *l, int device, struct maf_kernel_state **state, uint64_t *bytes);
int maf_launch_fill(void *command, const struct maf_launch *l, const struct maf_kernel_state *state);

/* --- capture.c, graph.c -------------------------------------------------------------------------------------- */
/* A command with its payload, as it goes into the ring; capture keeps it as a node. */
void *maf_capture_begin(struct maf_stream *s, uint32_t kind, uint64_t bytes); /* NULL: capture is invalid */
int maf_capture_end(struct maf_stream *s, void *command, int node_type, void *object);
int maf_capture_memory(struct maf_stream *s, int node_type, uint64_t address, uint64_t bytes);
int maf_capture_record(struct maf_stream *s, struct maf_event *e, int external);
int maf_capture_wait(struct maf_stream *s, struct maf_event *e, int external);
int maf_capture_violated(struct maf_stream *s); /* a synchronising call on a capturing stream: invalidates, 900 */
void maf_capture_forget(struct maf_stream *s);  /* the stream is destroyed while it captures */
/* 0, or 900 after invalidating: the calling function is not allowed while this thread's captures run. */
int maf_capture_unsafe(void);
static inline int maf_capturing(struct maf_stream *s)
{
    return unlikely(atomic_load_explicit(&s->capture, memory_order_relaxed) != NULL);
}

/* One command for a stream: into the ring, or into the graph that the stream captures. */
static inline void *maf_command_begin(struct maf_stream *s, uint32_t kind, uint64_t bytes)
{
    return maf_capturing(s) ? maf_capture_begin(s, kind, bytes) : maf_ring_begin(s, kind, bytes);
}
static inline int maf_command_lost(struct maf_stream *s)
{
    return maf_capturing(s) ? MAF_E_CAPTURE_INVALIDATED : maf_fault();
}
static inline int maf_command_end(struct maf_stream *s, void *command, int node_type, void *object)
{
    if (maf_capturing(s))
        return maf_capture_end(s, command, node_type, object);
    maf_ring_end(s, command);
    return maf_fault();
}

/* A node whose work runs in the application: the command is a HOSTFN with a struct maf_box behind it, and its
 * argument is the address of that box wherever the command is stored. */
void maf_box_run(void *box);

struct maf_exec_entry {
    struct maf_command *command; /* NULL for nodes without work */
    struct maf_node *origin;     /* identity only */
    struct maf_event *event;     /* event record nodes */
    int type;
    uint64_t address; /* of memory nodes */
};

/* Something that lives as long as graphs refer to it. */
struct maf_holder {
    _Atomic uint32_t references;
    void (*destroy)(void *);
    void *object;
    struct maf_holder *next; /* of those whose last reference is gone */
};

struct maf_graph {
    uint32_t alive;
    uint32_t count;
    uint32_t room;
    uint32_t holder_count;
    struct maf_node **nodes;
    struct maf_holder **holders;
};

struct maf_node {
    uint32_t alive;
    int type;
    uint32_t index; /* in its graph */
    uint32_t mark;
    struct maf_graph *graph;
    struct maf_node **deps;
    uint32_t dep_count;
    uint32_t dep_room;
    struct maf_command *command;
    struct maf_graph *child;
    struct maf_event *event;
    struct maf_kernel *kernel;
    struct maf_node *original; /* of a clone */
    uint64_t address;          /* of memory that it allocates or frees */
    void **args;               /* made by maf_node_get_launch */
};

extern struct maf_lock maf_graph_lock; /* over graphs, captures and streams' capture state */
struct maf_graph *maf_graph_of(void *handle);
struct maf_node *maf_node_new(struct maf_graph *g, int type, struct maf_node *const *deps, size_t count);
int maf_node_depend(struct maf_node *n, struct maf_node *dep);
void maf_graph_drop(struct maf_graph *g); /* lock held */
struct maf_node *maf_node_of(void *handle);
struct maf_command *maf_command_copy(const struct maf_command *c);
void maf_holder_release(struct maf_holder *h);
void maf_holders_flush(void); /* runs destructors that became due; no lock held */
/* Nodes in an order that respects dependencies; malloc'ed. NULL when out of memory or cyclic. */
struct maf_node **maf_graph_order(struct maf_graph *g);
uint32_t maf_next_mark(void); /* lock held */
void *maf_command_new(uint32_t kind, uint64_t bytes, int device); /* zeroed, for a node */
struct maf_event *maf_event_of(void *handle);
int maf_memory_free_tagged(uint64_t address, uint32_t tag); /* frees only the allocation that carries this tag */
uint32_t maf_memory_tag(uint64_t address);
int maf_memory_alloc_pool(void *pool, uint64_t bytes, uint64_t *out);

/* --- graph_memory.c ------------------------------------------------------------------------------------------- */
int maf_graph_memory_add(struct maf_node *n, uint64_t address, uint64_t bytes); /* n allocates it. maf_graph_lock held */
void maf_graph_memory_launched(uint64_t address, int live); /* by a launched node that allocates (1) or frees (0) it */
int maf_graph_memory_keeps(uint64_t address); /* the program frees it: 1 where graphs hold it for their next launch */
uint64_t maf_graph_memory_bytes(uint64_t address); /* 0: no graph's */

/* --- trace.c --------------------------------------------------------------------------------------------------- */
void maf_trace_name_kernel(const struct maf_kernel_info *info, const char *name);
void maf_trace_name_plan(uint32_t id, uint32_t op_kind, const void *desc);
void maf_trace_command(struct maf_stream *s, const struct maf_command *command); /* about to be published */
/* What the running call waits for; noted when it returns. */
void maf_trace_sync(enum maf_trace_sync type, const struct maf_stream *s, const struct maf_event *e);
/* A copy that this process made itself, begun at `start`. */
void maf_trace_host_copy(struct maf_stream *s, uint64_t dst, uint64_t src, uint64_t bytes, uint64_t start);

/* --- settings.c ---------------------------------------------------------------------------------------------- */
extern struct maf_profile maf_profile_data;
extern int maf_launch_blocking; /* CUDA_LAUNCH_BLOCKING: every launch waits for its end */
int maf_settings(void); /* reads environment and profile once; number of visible SDAs */
const char *maf_library_dir(void);
int maf_visible_sda(int ordinal); /* physical number behind a visible ordinal */

#endif
