/* The ring: waiting for commands, publishing progress, and handing over host callbacks. */
#define _GNU_SOURCE
#include "core.h"
#include "cpu_launch.h"

#include <errno.h>
#include <linux/futex.h>
#include <limits.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LOAD(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define STORE(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

/* A client that launches, synchronises and launches again comes back within this time. */
static const uint64_t SPIN_NS = 50000;

struct maf_control *maf_control_page;
static const unsigned char *ring;
static uint64_t taken;    /* sequence number of the newest command taken from the ring */
static uint64_t position; /* bytes taken */

uint64_t maf_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void futex_wake(void *word) { syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0); }

static void futex_wait(void *word, uint32_t value, const struct timespec *limit) {
    syscall(SYS_futex, word, FUTEX_WAIT, value, limit, NULL, 0);
}

void maf_wake_client(void) {
    if (!maf_control_page) return;
    /* Sleepers compare this word, so that a wake between their test and their sleep is not lost. */
    __atomic_fetch_add(&maf_control_page->wake_count, 1, __ATOMIC_SEQ_CST);
    futex_wake(&maf_control_page->wake_count);
}

const struct maf_control *maf_core_control(void) { return maf_control_page; }

void maf_core_own_memory(uint64_t bytes) { maf_control_page->own_bytes = bytes; }

int maf_core_attach(int ring_fd) {
    struct stat st;
    if (fstat(ring_fd, &st)) return errno;
    if ((size_t)st.st_size < sizeof(struct maf_control)) return EINVAL;
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring_fd, 0);
    if (p == MAP_FAILED) return errno;
    struct maf_control *c = p;
    uint64_t bytes = c->ring_bytes;
    if (c->version != MAF_PROTOCOL_VERSION) return EPROTO;
    if (!bytes || bytes & (bytes - 1) || c->ring_offset < sizeof *c || c->ring_offset + bytes > (uint64_t)st.st_size)
        return EINVAL;
    maf_control_page = c;
    ring = (const unsigned char *)p + c->ring_offset;
    maf_heap_limits(c->heap_bytes, c->heap_used);
    maf_cpu_stack_limits(c->stack_bytes);
    return 0;
}

void maf_core_ready(void) {
    maf_control_page->executor_pid = (uint32_t)getpid();
    STORE(&maf_control_page->ready, 1);
    futex_wake(&maf_control_page->ready);
}

static uint32_t note_cpu(void) {
    uint32_t cpu = 1 + (uint32_t)sched_getcpu();
    if (maf_control_page->executor_cpu != cpu) STORE(&maf_control_page->executor_cpu, cpu);
    return cpu;
}

/* Value of the doorbell, to be read before the test of what the sleep is for. */
static uint32_t prepare_sleep(void) {
    struct maf_control *c = maf_control_page;
    uint32_t bell = LOAD(&c->doorbell);
    __atomic_store_n(&c->executor_sleeping, 1, __ATOMIC_SEQ_CST);
    /* Pairs with the client's fence between its store of `produced` and its load of `executor_sleeping`. */
    atomic_thread_fence(memory_order_seq_cst);
    return bell;
}

/* Waits for `produced` to pass `position`: spins, then sleeps on the doorbell. Returns the new value. */
static uint64_t wait_for_commands(uint64_t spin_ns) {
    struct maf_control *c = maf_control_page;
    uint64_t produced = LOAD(&c->produced);
    if (produced != position) return produced;
    uint64_t start = maf_now();
    do {
        /* Spinning on the client's own processor keeps it from sending the next command. */
        if (note_cpu() == LOAD(&c->client_cpu)) break;
        for (int i = 0; i < 64; i++) {
            if ((produced = LOAD(&c->produced)) != position) return produced;
            maf_cpu_pause();
        }
    } while (maf_now() - start < spin_ns);
    maf_replay_count_sleep();
    for (;;) {
        uint32_t bell = prepare_sleep();
        if (LOAD(&c->produced) == position) futex_wait(&c->doorbell, bell, NULL);
        note_cpu();
        STORE(&c->executor_sleeping, 0);
        if ((produced = LOAD(&c->produced)) != position) return produced;
    }
}

/* As wait_for_commands, while commands are set aside: returns, too, when one of those moved. `produced` may then still be
 * `position`, and commands beyond it may have to wait (maf_pending_full). */
static uint64_t wait_beside_pending(uint64_t spin_ns) {
    struct maf_control *c = maf_control_page;
    uint64_t start = maf_now();
    do {
        if (maf_pending_advance() || (LOAD(&c->produced) != position && !maf_pending_full())) return LOAD(&c->produced);
        if (note_cpu() == LOAD(&c->client_cpu)) break;
        for (int i = 0; i < 16; i++) maf_cpu_pause();
    } while (maf_now() - start < spin_ns);
    maf_replay_count_sleep();
    /* Whoever changes a word of memory does not ring. */
    struct timespec limit = {.tv_nsec = maf_now() - start < 10000000 ? 50000 : 1000000};
    for (;;) {
        uint32_t bell = prepare_sleep();
        int moved = maf_pending_advance();
        if (!moved && (LOAD(&c->produced) == position || maf_pending_full()))
            futex_wait(&c->doorbell, bell, maf_pending_polls() ? &limit : NULL);
        note_cpu();
        STORE(&c->executor_sleeping, 0);
        if (moved || maf_pending_advance() || (LOAD(&c->produced) != position && !maf_pending_full()))
            return LOAD(&c->produced);
        if (maf_now() - start > 10000000) limit.tv_nsec = 1000000;
    }
}

/* Publishes progress; waiting threads are woken when what they wait for may be reached, or when the ring ran empty. */
static void publish(uint64_t produced) {
    struct maf_control *c = maf_control_page;
    uint32_t aside = maf_pending_count;
    STORE(&c->completed, __builtin_expect(aside, 0) ? maf_pending_oldest() - 1 : taken);
    STORE(&c->consumed, position);
    /* Pairs with the client's fence between its store of `client_waiting` and its load of progress. */
    atomic_thread_fence(memory_order_seq_cst);
    if (!LOAD(&c->client_waiting)) return;
    if (aside || position == produced || c->completed >= LOAD(&c->wake_seq) || position >= LOAD(&c->wake_consumed))
        maf_wake_client();
}

void maf_publish(void) { publish(LOAD(&maf_control_page->produced)); }

void maf_core_run(void) {
    struct maf_control *c = maf_control_page;
    uint64_t mask = c->ring_bytes - 1;
    position = LOAD(&c->consumed);
    taken = LOAD(&c->completed);
    cpu_set_t cpus;
    /* On one CPU spinning only keeps the client from running. */
    uint64_t spin = sched_getaffinity(0, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) == 1 ? 0 : SPIN_NS;
    maf_fault_thread_init();
    maf_fault_replay_thread();
    for (;;) {
        uint64_t produced = maf_pending_count ? wait_beside_pending(spin) : wait_for_commands(spin);
        while (position != produced && !maf_pending_full()) {
            const struct maf_command *command = (const struct maf_command *)(ring + (position & mask));
            uint32_t size = command->size;
            uint64_t room = c->ring_bytes - (position & mask);
            if (size < MAF_RING_ALIGN || size % MAF_RING_ALIGN || size > room || size > produced - position) {
                maf_fault_set(MAF_ERROR_UNKNOWN, "damaged command stream");
                position = produced;
                publish(produced);
                return;
            }
            uint32_t kind = command->kind;
            if (kind != MAF_CMD_PAD) { /* a pad may be shorter than a header: only size and kind count */
                uint64_t seq = command->seq;
                if (__builtin_expect(maf_pending_count || kind == MAF_CMD_HOSTFN || kind == MAF_CMD_WAIT, 0))
                    maf_pending_take(command);
                else
                    maf_replay(command);
                taken = seq;
            }
            position += size;
            if (position == produced) produced = LOAD(&c->produced);
            publish(produced);
            if (maf_replay_wants_exit()) return;
            if (__builtin_expect(maf_pending_count, 0)) maf_pending_advance();
        }
    }
}

void maf_host_function_post(uint64_t fn, uint64_t arg) {
    struct maf_control *c = maf_control_page;
    c->hostfn_fn = fn;
    c->hostfn_arg = arg;
    STORE(&c->hostfn_posted, c->hostfn_posted + 1);
    futex_wake(&c->hostfn_posted);
}

int maf_host_function_returned(void) {
    return LOAD(&maf_control_page->hostfn_done) == maf_control_page->hostfn_posted;
}
