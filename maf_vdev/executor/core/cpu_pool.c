/* A pool of threads that live as long as the process; they spin shortly for more work and then sleep on a futex. */
#define _GNU_SOURCE
#include "cpu_pool.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#endif

#include "cpu_launch.h"
#include "cpu_pause.h"

enum { MAX_THREADS = 256, SPINS = 2000, THREAD_STACK = 8 << 20 };

/* Defined by the executor: alternate signal stack for fault messages. */
void maf_fault_thread_init(void) __attribute__((weak));

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int wanted, started;
static _Atomic uint32_t sequence;
static _Atomic int inside;    /* pool threads between looking at the task and leaving it */
static _Atomic int took_part;
static _Atomic int places;    /* pool threads that may still join */
static _Atomic int sleepers;
static struct {
    void (*fn)(void *);
    void *arg;
} task;
static _Atomic int open_task;

static void futex_wait(_Atomic uint32_t *p, uint32_t value) {
    syscall(SYS_futex, p, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}
static void futex_wake(_Atomic uint32_t *p) { syscall(SYS_futex, p, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0); }

static int cores(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

void maf_cpu_set_threads(int threads) { wanted = threads; }

int maf_cpu_threads(void) {
    if (wanted <= 0) {
        const char *text = getenv("MAF_THREADS");
        int n = text ? atoi(text) : 0;
        wanted = n > 0 ? n : cores();
    }
    return wanted > MAX_THREADS ? MAX_THREADS : wanted;
}

static void *helper(void *unused) {
    (void)unused;
    if (maf_fault_thread_init) maf_fault_thread_init();
    uint32_t seen = 0;
    for (;;) {
        uint32_t now = atomic_load(&sequence);
        for (int k = 0; now == seen && k < SPINS; k++) {
            maf_cpu_pause();
            now = atomic_load(&sequence);
        }
        if (now == seen) {
            atomic_fetch_add(&sleepers, 1);
            futex_wait(&sequence, seen);
            atomic_fetch_sub(&sleepers, 1);
            continue;
        }
        seen = now;
        atomic_fetch_add(&inside, 1);
        if (atomic_load(&open_task) && atomic_fetch_sub(&places, 1) > 0) {
            atomic_fetch_add(&took_part, 1);
            task.fn(task.arg);
        }
        atomic_fetch_sub(&inside, 1);
    }
    return NULL;
}

static void start_threads(int n) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, THREAD_STACK);
    while (started < n) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, helper, NULL)) break;
        started++;
    }
    pthread_attr_destroy(&attributes);
}

int maf_pool_run(void (*fn)(void *), void *arg, int workers) {
    if (workers <= 1 || pthread_mutex_trylock(&lock)) {
        fn(arg);
        return 1;
    }
    start_threads(workers - 1);
    task.fn = fn;
    task.arg = arg;
    atomic_store(&took_part, 1);
    atomic_store(&places, workers - 1);
    atomic_store(&open_task, 1);
    atomic_fetch_add(&sequence, 1);
    if (atomic_load(&sleepers)) futex_wake(&sequence);
    fn(arg);
    atomic_store(&open_task, 0);
    for (int k = 0; atomic_load(&inside); k++) {
        maf_cpu_pause();
        if (k > SPINS) sched_yield();
    }
    int used = atomic_load(&took_part);
    pthread_mutex_unlock(&lock);
    return used;
}

struct loop {
    void (*fn)(void *, uint64_t, uint64_t);
    void *arg;
    uint64_t count, grain;
    _Atomic uint64_t next;
};

static void run_loop(void *arg) {
    struct loop *l = arg;
    for (;;) {
        uint64_t begin = atomic_fetch_add(&l->next, l->grain);
        if (begin >= l->count) return;
        uint64_t end = begin + l->grain < l->count ? begin + l->grain : l->count;
        l->fn(l->arg, begin, end);
    }
}

void maf_cpu_parallel_for(uint64_t count, uint64_t grain, void (*fn)(void *, uint64_t, uint64_t), void *arg) {
    struct loop l = {.fn = fn, .arg = arg, .count = count, .grain = grain ? grain : 1};
    if (count <= l.grain)
        fn(arg, 0, count);
    else
        maf_pool_run(run_loop, &l, maf_cpu_threads());
}

void maf_cpu_after_fork(void) {
    pthread_mutex_init(&lock, NULL);
    started = 0;
    atomic_store(&inside, 0);
    atomic_store(&sleepers, 0);
    atomic_store(&open_task, 0);
}
