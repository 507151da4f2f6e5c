/* Grids over a thread pool, warps of a CTA as fibres where they must wait for each other.
 *
 * CTAs start in index order. A kernel without barriers runs its warps one after the other on the
 * worker's own stack. A kernel that polls memory (MAF_KERNEL_SPIN) yields: to the other warps of its
 * CTA, then to other started CTAs, and when all of those only poll, the next CTA is started, so that
 * grid-wide synchronisation and look-back scans make progress on any number of threads. */
#define _GNU_SOURCE
#include "cpu_launch.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "cpu_pause.h"
#include "cpu_pool.h"
#include "cpu_texture.h"
#include "cpu_warp.h"

enum {
    ERROR_INVALID_VALUE = 1,
    ERROR_MEMORY = 2,
    ERROR_CONFIGURATION = 9,
    ERROR_ASSERT = 710,
    ERROR_INVALID_PC = 718,
    ERROR_LAUNCH_FAILURE = 719,
};

enum { TRAP_BRANCH = 1, TRAP_INSTRUCTION = 2 };
enum { CALL_TARGET = 12 }; /* see rt_call_abs */
enum { STACK_BYTES = 8 << 20, PAGE = 4096, SPINS_BEFORE_YIELD = 8 };

/* Words of constant bank 0 that the driver sets (CUDA 10 to 13, sm_70 to sm_89). */
enum { C0_BLOCK = 0x0, C0_GRID = 0xc, C0_SHARED_WINDOW = 0x18, C0_SHARED_BYTES = 0xf0, C0_SM_COUNT = 0x10c };
/* Address of the grid barrier's workspace for cooperative groups: high word first. */
enum { C0_GRID_WORKSPACE_HIGH = 0x8c, C0_GRID_WORKSPACE_LOW = 0x90 };

struct tid_table {
    uint32_t block[3];
    uint32_t warps;
    int32_t base[MAF_MAX_WARPS][3];
    int32_t lanes[MAF_MAX_WARPS][3][MAF_WARP] __attribute__((aligned(64)));
};

struct maf_cpu_job {
    const struct maf_cpu_kernel *kernel;
    const struct tid_table *tid;
    const uint8_t *const0;
    uint32_t grid[3];
    uint64_t ctas;
    uint32_t threads; /* per CTA */
    uint32_t shared_bytes;
    uint32_t local_bytes; /* per lane */
    uint64_t chunk;
    _Atomic uint64_t next;
    _Atomic int error;
    _Atomic int doubt; /* grows with returns to the fast form that were not worth it */
    uint32_t grid_workspace[16];
};

struct maf_cpu_worker {
    struct maf_cta *free; /* CTA records with their memory */
    struct maf_cta *active;
    void *sp; /* of the scheduler while a fibre runs */
    jmp_buf out;
    int in_fibre;
};

static __thread const char *current_kernel;
static __thread struct maf_cpu_worker *this_worker;

const char *maf_cpu_current_kernel_name(void) { return current_kernel; }

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- CTA memory ------------------------------------------------------------------------------------ */

/* Anonymous memory with an inaccessible page on both sides. */
static uint8_t *map_guarded(size_t bytes) {
    bytes = (bytes + PAGE - 1) & ~(size_t)(PAGE - 1);
    uint8_t *p = mmap(NULL, bytes + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return NULL;
    if (mprotect(p + PAGE, bytes, PROT_READ | PROT_WRITE)) {
        munmap(p, bytes + 2 * PAGE);
        return NULL;
    }
    return p + PAGE;
}

static void unmap_guarded(uint8_t *p, size_t bytes) {
    if (!p) return;
    bytes = (bytes + PAGE - 1) & ~(size_t)(PAGE - 1);
    munmap(p - PAGE, bytes + 2 * PAGE);
}

/* Grows a mapping; contents are not kept. */
static int reserve(uint8_t **p, size_t *have, size_t want) {
    if (*have >= want && *p) return 0;
    unmap_guarded(*p, *have);
    *have = (want + PAGE - 1) & ~(size_t)(PAGE - 1);
    if (!*have) *have = PAGE;
    *p = map_guarded(*have);
    if (!*p) *have = 0;
    return *p ? 0 : -1;
}

static int stacks_of(struct maf_cta *c) {
    if (c->stacks) return 0;
    uint8_t *p = mmap(NULL, (size_t)STACK_BYTES * MAF_MAX_WARPS, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (p == MAP_FAILED) return -1;
    for (int k = 0; k < MAF_MAX_WARPS; k++) mprotect(p + (size_t)k * STACK_BYTES, PAGE, PROT_NONE);
    c->stacks = p;
    return 0;
}

static struct maf_cta *take_cta(struct maf_cpu_worker *worker, struct maf_cpu_job *job, int fibres) {
    struct maf_cta *c = worker->free;
    if (c)
        worker->free = c->next;
    else if (posix_memalign((void **)&c, 64, sizeof *c) == 0)
        memset(c, 0, sizeof *c);
    else
        return NULL;
    uint32_t memories = fibres ? job->tid->warps : 1; /* warps that run one after the other share frame and local memory */
    if (reserve(&c->shared, &c->shared_bytes, job->shared_bytes) ||
        reserve(&c->local, &c->local_bytes, (size_t)job->local_bytes * MAF_WARP * memories) ||
        reserve(&c->frames, &c->frame_bytes, (size_t)job->kernel->frame_bytes * memories) ||
        (fibres && stacks_of(c))) {
        c->next = worker->free;
        worker->free = c;
        return NULL;
    }
    c->job = job;
    c->worker = worker;
    return c;
}

static void give_cta(struct maf_cpu_worker *worker, struct maf_cta *c) {
    c->next = worker->free;
    worker->free = c;
}

static void stop(struct maf_cpu_job *job, int error) {
    int none = 0;
    atomic_compare_exchange_strong(&job->error, &none, error);
}

/* Leaves translated code for good: the CTA is abandoned. */
static _Noreturn void leave(struct maf_warp *w, int error) {
    stop(w->cta->job, error);
    struct maf_cpu_worker *worker = w->cta->worker;
    if (worker->in_fibre) {
        void *dropped;
        maf_fibre_switch(&dropped, worker->sp);
        __builtin_unreachable();
    }
    longjmp(worker->out, 1);
}

/* --- runtime functions ------------------------------------------------------------------------------- */

static uint32_t after(uint32_t mask, uint32_t k) {
    uint32_t later = k < 31 ? mask & (0xfffffffeu << k) : 0;
    return (uint32_t)__builtin_ctz(later ? later : mask);
}

/* Continues another runnable warp of the CTA; the caller's warp stays suspended until someone switches back. */
static void switch_warp(struct maf_cta *c, uint32_t from) {
    if (!c->runnable) {
        maf_fibre_switch(&c->warp[from].sp, c->worker->sp);
        return;
    }
    uint32_t to = after(c->runnable, from);
    if (to == from) return;
    c->current = to;
    maf_fibre_switch(&c->warp[from].sp, c->warp[to].sp);
}

static void release_if_complete(struct maf_cta *c, uint32_t id) {
    uint32_t need = c->expected[id] ? c->expected[id] : (uint32_t)__builtin_popcount(c->live);
    if (c->arrived[id] < need) return;
    c->runnable |= c->waiting[id];
    c->waiting[id] = 0;
    c->arrived[id] = 0;
    c->expected[id] = 0;
    c->idle = 0;
}

static void finish_reduction(struct maf_cta *c) {
    uint32_t result[3] = {c->popc, c->all, c->any};
    for (uint32_t k = 0; k < c->warps; k++) {
        uint32_t kind = c->warp[k].reduction >> 30; /* 1, 2, 3: a reduction is pending */
        if (c->warp[k].reduction >= 1u << 30) c->warp[k].reduction = result[kind - 1];
    }
    c->popc = 0;
    c->any = 0;
    c->all = 1;
}

static void rt_barrier(struct maf_warp *w, uint32_t id, uint32_t count, uint32_t arrive_only) {
    struct maf_cta *c = w->cta;
    uint32_t self = w->warp_id;
    id &= MAF_BARRIERS - 1;
    c->arrived[id]++;
    if (count) c->expected[id] = (count + MAF_WARP - 1) / MAF_WARP;
    if (!arrive_only) {
        c->waiting[id] |= 1u << self;
        c->runnable &= ~(1u << self);
    }
    uint32_t need = c->expected[id] ? c->expected[id] : (uint32_t)__builtin_popcount(c->live);
    if (c->arrived[id] >= need) {
        finish_reduction(c);
        release_if_complete(c, id);
    }
    if (arrive_only || (c->runnable & 1u << self)) return;
    switch_warp(c, self);
}

static void rt_reduce_arrive(struct maf_warp *w, uint32_t op, uint32_t lanes, uint32_t votes) {
    struct maf_cta *c = w->cta;
    c->popc += (uint32_t)__builtin_popcount(votes);
    if (votes != lanes) c->all = 0;
    if (votes) c->any = 1;
    w->reduction = (op + 1) << 30;
}

static uint32_t rt_reduce_result(struct maf_warp *w) { return w->reduction; }

static _Noreturn void rt_trap(struct maf_warp *w, uint32_t why) {
    leave(w, why == TRAP_BRANCH ? ERROR_INVALID_PC : ERROR_LAUNCH_FAILURE);
}

static uint64_t word64(uint32_t (*args)[MAF_WARP], int n, int lane) {
    return args[n][lane] | (uint64_t)args[n + 1][lane] << 32;
}

static void call_driver(struct maf_warp *w, uint32_t mask, uint64_t target, uint32_t (*args)[MAF_WARP]) {
    if (target == MAF_ADDRESS_VPRINTF) {
        maf_rt_print(w, mask, args);
        return;
    }
    if (target == MAF_ADDRESS_ASSERTFAIL) {
        maf_rt_assert_text(w, mask, args);
        leave(w, ERROR_ASSERT);
    }
    if (target == MAF_ADDRESS_MALLOC || target == MAF_ADDRESS_ALIGNED_MALLOC) {
        for (uint32_t m = mask; m; m &= m - 1) {
            int l = __builtin_ctz(m);
            uint64_t bytes = word64(args, 0, l);
            uint64_t p = target == MAF_ADDRESS_MALLOC ? maf_heap_allocate(bytes)
                                                      : maf_heap_allocate_aligned(bytes, word64(args, 2, l));
            args[0][l] = (uint32_t)p;
            args[1][l] = (uint32_t)(p >> 32);
        }
        return;
    }
    if (target == MAF_ADDRESS_FREE) {
        for (uint32_t m = mask; m; m &= m - 1) {
            uint64_t p = word64(args, 0, __builtin_ctz(m));
            if (!maf_heap_free(p)) continue;
            fprintf(stderr, "maf-vdev: kernel %s frees %#llx, which malloc has not given\n", w->cta->job->kernel->name,
                    (unsigned long long)p);
            leave(w, ERROR_LAUNCH_FAILURE);
        }
        return;
    }
    const char *kernel = w->cta->job->kernel->name;
    if (target >> 48 == MAF_UNPROVIDED_HI)
        fprintf(stderr, "maf-vdev: kernel %s calls %s, a device function that is not provided\n", kernel,
                (const char *)(uintptr_t)(target & 0xffffffffffffull));
    else
        fprintf(stderr, "maf-vdev: kernel %s calls %#llx, which is no function\n", kernel, (unsigned long long)target);
    leave(w, ERROR_LAUNCH_FAILURE);
}

/* args: R4 to R15, then the address that each lane calls. Lanes that call one function do it together. */
static void rt_call_abs(struct maf_warp *w, uint32_t mask, uint32_t (*args)[MAF_WARP]) {
    while (mask) {
        uint64_t target = word64(args, CALL_TARGET, __builtin_ctz(mask));
        uint32_t same = 0;
        for (uint32_t m = mask; m; m &= m - 1)
            if (word64(args, CALL_TARGET, __builtin_ctz(m)) == target) same |= m & -m;
        call_driver(w, same, target, args);
        mask &= ~same;
    }
}

/* At the head of a loop that polls memory. */
static void rt_spin(struct maf_warp *w) {
    struct maf_cta *c = w->cta;
    if (++w->spins < SPINS_BEFORE_YIELD) {
        maf_cpu_pause();
        return;
    }
    w->spins = 0;
    if (atomic_load_explicit(&c->job->error, memory_order_relaxed)) leave(w, ERROR_LAUNCH_FAILURE);
    if (++c->idle < 2 * c->warps && (c->runnable & ~(1u << w->warp_id))) {
        switch_warp(c, w->warp_id);
        return;
    }
    c->idle = 0;
    c->current = w->warp_id;
    maf_fibre_switch(&w->sp, c->worker->sp);
}

static uint64_t rt_globaltimer(struct maf_warp *w) {
    (void)w;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* args: the handles, then the rows of cpu_texture.h. */
static void rt_texture(struct maf_warp *w, uint32_t code, uint32_t mask, uint32_t (*args)[MAF_WARP],
                       uint32_t (*out)[MAF_WARP]) {
    const char *error = maf_texture_run(code, mask, args[0], args + 1, out);
    if (!error) return;
    fprintf(stderr, "maf-vdev: kernel %s: %s\n", w->cta->job->kernel->name, error);
    leave(w, ERROR_LAUNCH_FAILURE);
}

static void rt_slow(struct maf_warp *w);

static void *const runtime[] = {
    (void *)rt_barrier, (void *)rt_reduce_arrive, (void *)rt_reduce_result, (void *)maf_rt_atomic, (void *)rt_call_abs,
    (void *)rt_trap,    (void *)rt_spin,          (void *)rt_slow,          (void *)rt_globaltimer,
    (void *)rt_texture,
};

/* --- the slow form of a kernel ------------------------------------------------------------------------ */

static maf_warp_fn (*slow_callback)(uint64_t);
static pthread_mutex_t slow_lock = PTHREAD_MUTEX_INITIALIZER;

void maf_cpu_set_slow_callback(maf_warp_fn (*callback)(uint64_t)) { slow_callback = callback; }

static void *ask_for_slow(void *kernel) {
    struct maf_cpu_kernel *k = kernel;
    return (void *)slow_callback(k->cookie);
}

static uint64_t cycles(void) {
#ifdef __x86_64__
    return __builtin_ia32_rdtsc();
#else
    return now_ns();
#endif
}

/* A stay in the fast form that ended sooner did not pay for the way there and back. */
#ifndef MAF_WORTH_CYCLES
#define MAF_WORTH_CYCLES 3000
#endif
enum { MAX_BACKOFF = 12, MAX_DOUBT = 64, DOUBT_PER_STEP = 8, WORTH_WEIGHT = 4 };

/* A warp starts with the back-off that the launch's other warps have found right. */
static void weigh_stay(struct maf_warp *w) {
    struct maf_cpu_job *job = w->cta->job;
    int doubt = atomic_load_explicit(&job->doubt, memory_order_relaxed);
    if (!w->since) {
        w->backoff = (uint32_t)(doubt / DOUBT_PER_STEP); /* the first time it leaves */
        return;
    }
    if (cycles() - w->since >= MAF_WORTH_CYCLES) {
        w->backoff = 0;
        doubt = doubt > WORTH_WEIGHT ? doubt - WORTH_WEIGHT : 0;
    } else {
        if (w->backoff < MAX_BACKOFF) w->backoff++;
        if (doubt < MAX_DOUBT) doubt++;
    }
    atomic_store_explicit(&job->doubt, doubt, memory_order_relaxed);
}

/* Runs a diverged warp to its end, or until its lanes meet where the fast form takes it back (reenter).
 * The callback may need much stack (it runs Python), and fibres have little: it gets a thread. */
static void rt_slow(struct maf_warp *w) {
    struct maf_cpu_kernel *k = (struct maf_cpu_kernel *)w->cta->job->kernel;
    maf_warp_fn slow = __atomic_load_n(&k->slow, __ATOMIC_ACQUIRE);
    if (!slow) {
        pthread_mutex_lock(&slow_lock);
        slow = __atomic_load_n(&k->slow, __ATOMIC_ACQUIRE);
        if (!slow && slow_callback) {
            pthread_t thread;
            void *result = NULL;
            if (pthread_create(&thread, NULL, ask_for_slow, k) == 0) pthread_join(thread, &result);
            slow = (maf_warp_fn)result;
            __atomic_store_n(&k->slow, slow, __ATOMIC_RELEASE);
        }
        pthread_mutex_unlock(&slow_lock);
    }
    if (!slow) leave(w, ERROR_LAUNCH_FAILURE);
    __atomic_fetch_add(&k->left, 1, __ATOMIC_RELAXED);
    weigh_stay(w);
    w->skip = w->entries ? (1 << w->backoff) - 1 : -1;
    w->reenter = 0;
    slow(w);
    w->since = w->reenter ? cycles() : 0;
}

/* --- running CTAs ---------------------------------------------------------------------------------------- */

static void set_warp(struct maf_cta *c, uint32_t k, const uint32_t id[3], int fibres) {
    struct maf_cpu_job *job = c->job;
    const struct tid_table *t = job->tid;
    struct maf_warp *w = &c->warp[k];
    uint32_t left = job->threads - k * MAF_WARP;
    uint32_t memory = fibres ? k : 0;
    w->const0 = job->const0;
    w->banks = job->kernel->bank;
    w->shared = c->shared;
    w->local = c->local + (size_t)memory * job->local_bytes * MAF_WARP;
    w->frame = c->frames + (size_t)memory * job->kernel->frame_bytes;
    w->tid = &t->lanes[k][0][0];
    w->runtime = runtime;
    memcpy(w->ctaid, id, sizeof w->ctaid);
    w->exec = left >= MAF_WARP ? 0xffffffffu : (1u << left) - 1;
    memcpy(w->tid_base, t->base[k], sizeof w->tid_base);
    w->warp_id = k;
    w->resume = 0;
    w->lanes = left >= MAF_WARP ? MAF_WARP : left;
    w->entries = NULL;
    w->skip = -1;
    w->since = 0;
    w->backoff = 0;
    w->cta = c;
    w->spins = 0;
    w->entry = job->kernel->entry;
}

static void cta_index(const struct maf_cpu_job *job, uint64_t n, uint32_t id[3]) {
    id[0] = (uint32_t)(n % job->grid[0]);
    n /= job->grid[0];
    id[1] = (uint32_t)(n % job->grid[1]);
    id[2] = (uint32_t)(n / job->grid[1]);
}

/* One after the other on this stack. */
static void run_plain(struct maf_cta *c, uint64_t n) {
    uint32_t id[3];
    cta_index(c->job, n, id);
    uint32_t warps = c->job->tid->warps;
    maf_warp_fn entry = c->job->kernel->entry;
    c->warps = warps;
    for (uint32_t k = 0; k < warps; k++) {
        set_warp(c, k, id, 0);
        entry(&c->warp[k]);
    }
}

static void warp_main(void *arg) {
    struct maf_warp *w = arg;
    w->entry(w);
    struct maf_cta *c = w->cta;
    uint32_t bit = 1u << w->warp_id;
    c->live &= ~bit;
    c->runnable &= ~bit;
    c->idle = 0;
    for (uint32_t id = 0; id < MAF_BARRIERS; id++) /* those who wait for all live warps wait for one less */
        if (c->waiting[id] && !c->expected[id] && c->arrived[id] >= (uint32_t)__builtin_popcount(c->live)) {
            finish_reduction(c);
            release_if_complete(c, id);
        }
    void *dropped;
    if (c->runnable) {
        uint32_t to = after(c->runnable, w->warp_id);
        c->current = to;
        maf_fibre_switch(&dropped, c->warp[to].sp);
    } else {
        maf_fibre_switch(&dropped, c->worker->sp);
    }
    __builtin_unreachable();
}

static void start_fibres(struct maf_cta *c, uint64_t n) {
    uint32_t id[3];
    cta_index(c->job, n, id);
    uint32_t warps = c->job->tid->warps;
    c->warps = warps;
    c->live = c->runnable = warps == 32 ? 0xffffffffu : (1u << warps) - 1;
    memset(c->waiting, 0, sizeof c->waiting);
    memset(c->arrived, 0, sizeof c->arrived);
    memset(c->expected, 0, sizeof c->expected);
    c->popc = c->any = 0;
    c->all = 1;
    c->idle = 0;
    c->current = 0;
    for (uint32_t k = 0; k < warps; k++) {
        set_warp(c, k, id, 1);
        c->warp[k].reduction = 0;
        /* Staggered tops, so that the warps' frames do not fall on the same cache sets. */
        c->warp[k].sp = maf_fibre_prepare(c->stacks + (size_t)(k + 1) * STACK_BYTES - 192 * k, warp_main, &c->warp[k]);
    }
}

static void run_next(struct maf_cta *c) {
    c->worker->in_fibre = 1;
    maf_fibre_switch(&c->worker->sp, c->warp[c->current].sp);
    c->worker->in_fibre = 0;
}

static void deadlock(struct maf_cta *c) {
    fprintf(stderr, "maf-vdev: kernel %s: warps wait at a barrier that the others never reach\n", c->job->kernel->name);
    stop(c->job, ERROR_LAUNCH_FAILURE);
}

/* Runs the started CTAs of a polling kernel, starting another whenever all of them only poll. */
static void run_polling(struct maf_cpu_worker *worker, struct maf_cpu_job *job) {
    struct maf_cta *first = NULL, **tail = &first;
    uint64_t fruitless = 0;
    int exhausted = 0;
    for (;;) {
        int finished = 0;
        for (struct maf_cta **p = &first; *p && !atomic_load_explicit(&job->error, memory_order_relaxed);) {
            struct maf_cta *c = *p;
            if (c->runnable) run_next(c);
            if (!c->live) {
                *p = c->next;
                if (tail == &c->next) tail = p;
                give_cta(worker, c);
                finished = 1;
                continue;
            }
            if (!c->runnable) deadlock(c);
            p = &c->next;
        }
        if (atomic_load_explicit(&job->error, memory_order_relaxed)) break;
        if (first && !finished && ++fruitless % 64 == 0) sched_yield();
        if (!exhausted) {
            uint64_t n = atomic_fetch_add(&job->next, 1);
            if (n >= job->ctas) {
                exhausted = 1;
            } else {
                struct maf_cta *c = take_cta(worker, job, 1);
                if (!c) {
                    stop(job, ERROR_MEMORY);
                    break;
                }
                start_fibres(c, n);
                c->next = NULL;
                *tail = c;
                tail = &c->next;
                continue;
            }
        }
        if (!first) return;
    }
    while (first) {
        struct maf_cta *c = first;
        first = c->next;
        give_cta(worker, c);
    }
}

static void run_job(void *arg) {
    struct maf_cpu_job *job = arg;
    struct maf_cpu_worker *worker = this_worker;
    if (!worker) {
        worker = this_worker = calloc(1, sizeof *worker);
        if (!worker) {
            stop(job, ERROR_MEMORY);
            return;
        }
    }
    const struct maf_cpu_kernel *k = job->kernel;
    const char *outer = current_kernel;
    current_kernel = k->name;
    if (k->flags & MAF_KERNEL_SPIN) {
        run_polling(worker, job);
        current_kernel = outer;
        return;
    }
    const int fibres = (k->flags & MAF_KERNEL_BARRIER) != 0;
    struct maf_cta *const c = take_cta(worker, job, fibres);
    if (!c) {
        stop(job, ERROR_MEMORY);
        current_kernel = outer;
        return;
    }
    if (fibres || !setjmp(worker->out)) {
        for (;;) {
            uint64_t begin = atomic_fetch_add(&job->next, job->chunk);
            if (begin >= job->ctas) break;
            uint64_t end = begin + job->chunk < job->ctas ? begin + job->chunk : job->ctas;
            for (uint64_t n = begin; n < end; n++) {
                if (atomic_load_explicit(&job->error, memory_order_relaxed)) goto out;
                if (!fibres) {
                    run_plain(c, n);
                    continue;
                }
                start_fibres(c, n);
                run_next(c);
                if (c->live && !atomic_load(&job->error)) deadlock(c);
            }
        }
    }
out:
    give_cta(worker, c);
    current_kernel = outer;
}

/* --- launch ------------------------------------------------------------------------------------------------ */

static __thread struct tid_table *tids;
static __thread uint8_t *const0_buffer;
static __thread size_t const0_size;

static const struct tid_table *tid_table_of(const uint32_t block[3]) {
    if (tids && !memcmp(tids->block, block, sizeof tids->block)) return tids;
    if (!tids && posix_memalign((void **)&tids, 64, sizeof *tids)) return NULL;
    uint32_t threads = block[0] * block[1] * block[2];
    memcpy(tids->block, block, sizeof tids->block);
    tids->warps = (threads + MAF_WARP - 1) / MAF_WARP;
    uint32_t x = 0, y = 0, z = 0;
    for (uint32_t n = 0; n < tids->warps * MAF_WARP; n++) {
        int32_t *lane = &tids->lanes[n / MAF_WARP][0][n % MAF_WARP];
        lane[0] = (int32_t)x;
        lane[MAF_WARP] = (int32_t)y;
        lane[2 * MAF_WARP] = (int32_t)z;
        if (n % MAF_WARP == 0) {
            int32_t *base = tids->base[n / MAF_WARP];
            base[0] = (int32_t)x, base[1] = (int32_t)y, base[2] = (int32_t)z;
        }
        /* A one-dimensional block counts on in the lanes beyond its end, as the affine form of TID.X does. */
        if (++x == block[0] && (block[1] > 1 || block[2] > 1)) {
            x = 0;
            if (++y == block[1]) y = 0, z++;
        }
    }
    return tids;
}

static int build_const0(const struct maf_cpu_kernel *k, const uint32_t grid[3], const uint32_t block[3],
                        uint32_t local_bytes, uint32_t dynamic_shared, const void *params, uint32_t param_bytes) {
    size_t need = (size_t)k->param_base + (k->param_bytes > param_bytes ? k->param_bytes : param_bytes) + 64;
    if (const0_size < need) {
        free(const0_buffer);
        const0_size = 0;
        if (posix_memalign((void **)&const0_buffer, 64, need + 4096)) {
            const0_buffer = NULL;
            return ERROR_MEMORY;
        }
        const0_size = need + 4096;
        memset(const0_buffer, 0, const0_size);
    }
    uint8_t *p = const0_buffer;
    memcpy(p + C0_BLOCK, block, 12);
    memcpy(p + C0_GRID, grid, 12);
    /* generic windows of shared and local memory, stack top, bytes of dynamic shared memory */
    uint32_t windows[] = {0, MAF_SHARED_HI, 0, MAF_LOCAL_HI, local_bytes, dynamic_shared};
    memcpy(p + C0_SHARED_WINDOW, windows, sizeof windows);
    uint32_t shared = k->static_shared + dynamic_shared;
    memcpy(p + C0_SHARED_BYTES, &shared, sizeof shared);
    uint32_t sms = (uint32_t)maf_cpu_threads();
    memcpy(p + C0_SM_COUNT, &sms, sizeof sms);
    memcpy(p + k->param_base, params, param_bytes);
    return 0;
}

static const uint64_t *stack_limits;

void maf_cpu_stack_limits(const uint64_t *bytes) { stack_limits = bytes; }

static uint32_t local_bytes_of(const struct maf_cpu_kernel *k) {
    uint64_t limit = stack_limits && k->flags & MAF_KERNEL_CALLS ? stack_limits[maf_heap_selected()] : 0;
    return limit > k->local_bytes ? (uint32_t)((limit + 15) & ~15ull) : k->local_bytes;
}

int maf_cpu_launch(const struct maf_cpu_kernel *k, const uint32_t grid[3], const uint32_t block[3],
                   uint32_t dynamic_shared, const void *params, uint32_t param_bytes) {
    if (k->launch) return k->launch(k, grid, block, dynamic_shared, params, param_bytes);
    uint64_t threads = (uint64_t)block[0] * block[1] * block[2];
    uint64_t ctas = (uint64_t)grid[0] * grid[1] * grid[2];
    if (!threads || threads > MAF_WARP * MAF_MAX_WARPS || !ctas || (k->max_threads && threads > k->max_threads))
        return ERROR_CONFIGURATION;
    if (param_bytes && !params) return ERROR_INVALID_VALUE;
    struct maf_cpu_job job = {.kernel = k, .ctas = ctas, .threads = (uint32_t)threads};
    job.tid = tid_table_of(block);
    if (!job.tid) return ERROR_MEMORY;
    job.local_bytes = local_bytes_of(k);
    int error = build_const0(k, grid, block, job.local_bytes, dynamic_shared, params, param_bytes);
    if (error) return error;
    job.const0 = const0_buffer;
    uint64_t workspace = (uint64_t)(uintptr_t)job.grid_workspace;
    memcpy(const0_buffer + C0_GRID_WORKSPACE_LOW, &workspace, 4);
    memcpy(const0_buffer + C0_GRID_WORKSPACE_HIGH, (char *)&workspace + 4, 4);
    memcpy(job.grid, grid, sizeof job.grid);
    job.shared_bytes = ((k->static_shared + 15) & ~15u) + dynamic_shared;
    int workers = maf_cpu_threads();
    job.chunk = ctas / ((uint64_t)workers * 16);
    if (!job.chunk) job.chunk = 1;
    /* Helpers take about 30 us to wake: a grid must promise more than that. */
    uint64_t warps = ctas * job.tid->warps;
    uint32_t measured = __atomic_load_n(&k->measured, __ATOMIC_RELAXED);
    uint64_t estimate = warps * (measured ? measured : k->cost);
    int wide = workers > 1 && ctas > 1 && (estimate > 60000 || (k->flags & MAF_KERNEL_SPIN));
    uint64_t start = warps >= 16 || !measured ? now_ns() : 0;
    int used = wide ? maf_pool_run(run_job, &job, workers) : (run_job(&job), 1);
    struct maf_cpu_kernel *account = (struct maf_cpu_kernel *)k;
    uint64_t spent = warps * measured;
    if (start) {
        spent = (now_ns() - start) * (uint64_t)used;
        uint64_t per_warp = spent / warps;
        uint32_t value = per_warp > 1u << 30 ? 1u << 30 : (uint32_t)per_warp;
        if (measured) value = (uint32_t)(((uint64_t)measured * 3 + value) / 4);
        __atomic_store_n(&account->measured, value ? value : 1, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&account->busy, account->busy + spent, __ATOMIC_RELAXED);
    return atomic_load(&job.error);
}
