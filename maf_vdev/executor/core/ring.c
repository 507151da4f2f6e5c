/* The ring: waiting for commands, publishing progress, and the handshake for host callbacks. */
#define _GNU_SOURCE
#include "core.h"

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

/* Waits for `produced` to pass `position`: spins, then sleeps on the futex. Returns the new value. */
static uint64_t wait_for_commands(uint64_t position, uint64_t spin_ns) {
    struct maf_control *c = maf_control_page;
    uint64_t produced = LOAD(&c->produced);
    if (produced != position) return produced;
    uint64_t start = maf_now();
    do {
        /* Spinning on the client's own processor keeps it from sending the next command. */
        if (note_cpu() == LOAD(&c->client_cpu)) break;
        for (int i = 0; i < 64; i++) {
            if ((produced = LOAD(&c->produced)) != position) return produced;
            __builtin_ia32_pause();
        }
    } while (maf_now() - start < spin_ns);
    maf_replay_count_sleep();
    for (;;) {
        __atomic_store_n(&c->executor_sleeping, 1, __ATOMIC_SEQ_CST);
        /* Pairs with the client's fence between its store of `produced` and its load of `executor_sleeping`. */
        atomic_thread_fence(memory_order_seq_cst);
        produced = LOAD(&c->produced);
        if (produced == position) futex_wait(&c->produced, (uint32_t)position, NULL);
        note_cpu();
        STORE(&c->executor_sleeping, 0);
        if ((produced = LOAD(&c->produced)) != position) return produced;
    }
}

/* Publishes progress; waiting threads are woken when what they wait for is reached, or when the ring ran empty. */
static void publish(uint64_t seq, uint64_t position, uint64_t produced) {
    struct maf_control *c = maf_control_page;
    if (seq) STORE(&c->completed, seq);
    STORE(&c->consumed, position);
    /* Pairs with the client's fence between its store of `client_waiting` and its load of progress. */
    atomic_thread_fence(memory_order_seq_cst);
    if (!LOAD(&c->client_waiting)) return;
    if (position == produced || c->completed >= LOAD(&c->wake_seq) || position >= LOAD(&c->wake_consumed))
        maf_wake_client();
}

void maf_core_run(void) {
    struct maf_control *c = maf_control_page;
    uint64_t mask = c->ring_bytes - 1;
    uint64_t position = LOAD(&c->consumed);
    cpu_set_t cpus;
    /* On one CPU spinning only keeps the client from running. */
    uint64_t spin = sched_getaffinity(0, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) == 1 ? 0 : SPIN_NS;
    maf_fault_thread_init();
    maf_fault_replay_thread();
    for (;;) {
        uint64_t produced = wait_for_commands(position, spin);
        while (position != produced) {
            const struct maf_command *command = (const struct maf_command *)(ring + (position & mask));
            uint32_t size = command->size;
            uint64_t room = c->ring_bytes - (position & mask);
            if (size < MAF_RING_ALIGN || size % MAF_RING_ALIGN || size > room || size > produced - position) {
                maf_fault_set(MAF_ERROR_UNKNOWN, "damaged command stream");
                publish(0, produced, produced);
                return;
            }
            uint64_t seq = 0;
            if (command->kind != MAF_CMD_PAD) { /* a pad may be shorter than a header: only size and kind count */
                seq = command->seq;
                maf_replay(command);
            }
            position += size;
            if (position == produced) produced = LOAD(&c->produced);
            publish(seq, position, produced);
            if (maf_replay_wants_exit()) return;
        }
    }
}

void maf_host_function(uint64_t fn, uint64_t arg) {
    struct maf_control *c = maf_control_page;
    c->hostfn_fn = fn;
    c->hostfn_arg = arg;
    uint32_t number = c->hostfn_posted + 1;
    STORE(&c->hostfn_posted, number);
    futex_wake(&c->hostfn_posted);
    uint32_t done;
    while ((done = LOAD(&c->hostfn_done)) != number) futex_wait(&c->hostfn_done, done, NULL);
}
