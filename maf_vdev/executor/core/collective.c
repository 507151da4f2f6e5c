/* Collective operations between ranks: all of one application, or one each in several. */
#define _GNU_SOURCE
#include "core.h"
#include "cpu_launch.h"
#include "own_memory.h"
#include "op_convert.h"
#include "process_ended.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SPAN = 2048, GRAIN = 65536 }; /* elements: at a time on the stack, and per piece of parallel work */
enum { SUM, PRODUCT, MAXIMUM, MINIMUM, AVERAGE };

/* ncclDataType_t: int8 uint8 int32 uint32 int64 uint64 half float double bfloat16 */
static const uint8_t type_bytes[] = {1, 1, 4, 4, 8, 8, 2, 4, 8, 2};
enum { HALF = 6, FLOAT = 7, DOUBLE = 8, BFLOAT16 = 9, TYPES = sizeof type_bytes };

/* --- reductions ------------------------------------------------------------------------------------------------- */
#define REDUCE_LOOP(name, type, wide)                                                                          \
    static void name(type *sum, const type *x, uint64_t n, uint32_t reduction) {                               \
        switch (reduction) {                                                                                   \
        case PRODUCT:                                                                                          \
            for (uint64_t i = 0; i < n; i++) sum[i] = (type)((wide)sum[i] * (wide)x[i]);                       \
            break;                                                                                             \
        case MAXIMUM:                                                                                          \
            for (uint64_t i = 0; i < n; i++) sum[i] = x[i] > sum[i] || x[i] != x[i] ? x[i] : sum[i];           \
            break;                                                                                             \
        case MINIMUM:                                                                                          \
            for (uint64_t i = 0; i < n; i++) sum[i] = x[i] < sum[i] || x[i] != x[i] ? x[i] : sum[i];           \
            break;                                                                                             \
        default:                                                                                               \
            for (uint64_t i = 0; i < n; i++) sum[i] = (type)((wide)sum[i] + (wide)x[i]);                       \
        }                                                                                                      \
    }
/* Integers wrap: their arithmetic is unsigned. */
REDUCE_LOOP(reduce_i8, int8_t, uint32_t)
REDUCE_LOOP(reduce_u8, uint8_t, uint32_t)
REDUCE_LOOP(reduce_i32, int32_t, uint32_t)
REDUCE_LOOP(reduce_u32, uint32_t, uint32_t)
REDUCE_LOOP(reduce_i64, int64_t, uint64_t)
REDUCE_LOOP(reduce_u64, uint64_t, uint64_t)
REDUCE_LOOP(reduce_float, float, float)
REDUCE_LOOP(reduce_double, double, double)

static void reduce_integers(uint32_t dtype, void *sum, const void *x, uint64_t n, uint32_t reduction) {
    switch (dtype) {
    case 0: reduce_i8(sum, x, n, reduction); break;
    case 1: reduce_u8(sum, x, n, reduction); break;
    case 2: reduce_i32(sum, x, n, reduction); break;
    case 3: reduce_u32(sum, x, n, reduction); break;
    case 4: reduce_i64(sum, x, n, reduction); break;
    default: reduce_u64(sum, x, n, reduction);
    }
}

static void divide_integers(uint32_t dtype, void *p, uint64_t n, uint32_t ranks) {
    int64_t d = ranks;
    for (uint64_t i = 0; i < n; i++) switch (dtype) {
        case 0: ((int8_t *)p)[i] = (int8_t)(((int8_t *)p)[i] / d); break;
        case 1: ((uint8_t *)p)[i] = (uint8_t)(((uint8_t *)p)[i] / ranks); break;
        case 2: ((int32_t *)p)[i] = (int32_t)(((int32_t *)p)[i] / d); break;
        case 3: ((uint32_t *)p)[i] = ((uint32_t *)p)[i] / ranks; break;
        case 4: ((int64_t *)p)[i] = ((int64_t *)p)[i] / d; break;
        default: ((uint64_t *)p)[i] = ((uint64_t *)p)[i] / ranks;
        }
}

struct reduction {
    const struct maf_cmd_collective *command;
    uint32_t ranks, targets;
    const char *sources[MAF_GANG_RANKS];
    char *target[MAF_GANG_RANKS];
};

/* Half types are summed as floats and rounded once. */
static void reduce_floats(const struct reduction *r, uint64_t begin, uint64_t n) {
    const struct maf_cmd_collective *c = r->command;
    static const int64_t types[] = {[HALF] = MAF_F16, [FLOAT] = MAF_F32, [BFLOAT16] = MAF_BF16};
    int64_t type = types[c->dtype];
    uint64_t size = type_bytes[c->dtype];
    float sum[SPAN], x[SPAN], factor = (float)c->factor;
    for (uint32_t i = 0; i < r->ranks; i++) {
        float *to = i ? x : sum;
        maf_load_floats(to, type, r->sources[i] + begin * size, 1, (int64_t)n);
        if (factor != 1)
            for (uint64_t k = 0; k < n; k++) to[k] *= factor;
        if (i) reduce_float(sum, x, n, c->reduction);
    }
    if (c->reduction == AVERAGE)
        for (uint64_t k = 0; k < n; k++) sum[k] /= (float)r->ranks;
    for (uint32_t t = 0; t < r->targets; t++)
        maf_store_floats(type, r->target[t] + begin * size, 1, sum, (int64_t)n);
}

static void reduce_others(const struct reduction *r, uint64_t begin, uint64_t n) {
    const struct maf_cmd_collective *c = r->command;
    uint64_t size = type_bytes[c->dtype];
    _Alignas(64) char sum[SPAN * 8], x[SPAN * 8];
    for (uint32_t i = 0; i < r->ranks; i++) {
        char *to = i ? x : sum;
        memcpy(to, r->sources[i] + begin * size, n * size); /* buffers need not be aligned to their elements */
        if (c->dtype == DOUBLE && c->factor != 1)
            for (uint64_t k = 0; k < n; k++) ((double *)(void *)to)[k] *= c->factor;
        if (!i) continue;
        if (c->dtype == DOUBLE)
            reduce_double((double *)(void *)sum, (const double *)(const void *)x, n, c->reduction);
        else
            reduce_integers(c->dtype, sum, x, n, c->reduction);
    }
    if (c->reduction == AVERAGE && c->dtype == DOUBLE)
        for (uint64_t k = 0; k < n; k++) ((double *)(void *)sum)[k] /= r->ranks;
    else if (c->reduction == AVERAGE)
        divide_integers(c->dtype, sum, n, r->ranks);
    for (uint32_t t = 0; t < r->targets; t++) memcpy(r->target[t] + begin * size, sum, n * size);
}

static void reduce_part(void *arg, uint64_t begin, uint64_t end) {
    const struct reduction *r = arg;
    int floats = r->command->dtype == HALF || r->command->dtype == FLOAT || r->command->dtype == BFLOAT16;
    for (uint64_t n; begin < end; begin += n) {
        n = end - begin < SPAN ? end - begin : SPAN;
        (floats ? reduce_floats : reduce_others)(r, begin, n);
    }
}

/* --- one rank's share ---------------------------------------------------------------------------------------------
 * The shares of different ranks may run in any order or at once: none writes what another reads, buffers in place (as
 * NCCL defines it) included. */
struct ranks {
    uint32_t count;
    char *send[MAF_GANG_RANKS], *receive[MAF_GANG_RANKS];
};

static void move(char *to, const char *from, uint64_t bytes) {
    if (to != from) memmove(to, from, bytes);
}

static void share(const struct maf_cmd_collective *c, const struct ranks *all, uint32_t me) {
    uint64_t size = type_bytes[c->dtype], bytes = c->count * size;
    struct reduction r = {.command = c, .ranks = all->count};
    switch (c->kind) {
    case MAF_ALL_REDUCE:
    case MAF_REDUCE: {
        uint64_t begin = c->count * me / all->count, end = c->count * (me + 1) / all->count;
        for (uint32_t i = 0; i < all->count; i++) {
            r.sources[i] = all->send[i] + begin * size;
            if (c->kind == MAF_ALL_REDUCE || i == c->root) r.target[r.targets++] = all->receive[i] + begin * size;
        }
        maf_cpu_parallel_for(end - begin, GRAIN, reduce_part, &r);
        break;
    }
    case MAF_REDUCE_SCATTER:
        for (uint32_t i = 0; i < all->count; i++) r.sources[i] = all->send[i] + me * bytes;
        r.target[r.targets++] = all->receive[me];
        maf_cpu_parallel_for(c->count, GRAIN, reduce_part, &r);
        break;
    case MAF_BROADCAST: move(all->receive[me], all->send[c->root], bytes); break;
    case MAF_GATHER:
        if (me != c->root) break;
        /* fall through */
    case MAF_ALL_GATHER:
        for (uint32_t i = 0; i < all->count; i++) move(all->receive[me] + i * bytes, all->send[i], bytes);
        break;
    case MAF_ALL_TO_ALL:
        for (uint32_t i = 0; i < all->count; i++) move(all->receive[me] + i * bytes, all->send[i] + me * bytes, bytes);
        break;
    case MAF_SCATTER: move(all->receive[me], all->send[c->root] + me * bytes, bytes); break;
    }
}

/* --- gangs ---------------------------------------------------------------------------------------------------------- */
static struct gang {
    struct maf_gang *shared; /* NULL: not open */
    uint32_t rank;
    char *memory[MAF_GANG_RANKS]; /* of each rank's device: offset `first` of its file */
} gangs[MAF_GANGS];

static void unmap(struct gang *g, uint32_t ranks) {
    for (uint32_t i = 0; i < ranks; i++)
        if (g->memory[i]) munmap(g->memory[i], g->shared->rank_info[i].span);
    munmap(g->shared, sizeof *g->shared);
    memset(g, 0, sizeof *g);
}

int maf_gang_open(uint32_t number, uint32_t rank, int file, const int *fds, uint32_t ranks) {
    struct gang *g = number < MAF_GANGS ? &gangs[number] : NULL;
    int error = !g || g->shared || ranks > MAF_GANG_RANKS ? EINVAL : maf_own_active() ? ENOTSUP : 0;
    void *p = error ? MAP_FAILED : mmap(NULL, sizeof *g->shared, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (!error && p == MAP_FAILED) error = errno;
    if (!error) {
        g->shared = p;
        g->rank = rank;
        for (uint32_t i = 0; i < ranks && !error; i++) {
            const struct maf_gang_rank *info = &g->shared->rank_info[i];
            p = mmap(NULL, info->span, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fds[i], (off_t)info->first);
            if (p == MAP_FAILED)
                error = errno;
            else
                g->memory[i] = p;
        }
        if (error) unmap(g, ranks);
    }
    close(file);
    for (uint32_t i = 0; i < ranks; i++) close(fds[i]);
    return error;
}

int maf_gang_close(uint32_t number) {
    if (number < MAF_GANGS && gangs[number].shared) unmap(&gangs[number], gangs[number].shared->ranks);
    return 0;
}

#define LOAD(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define STORE(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

static void pulse(struct maf_gang *s) {
    __atomic_fetch_add(&s->pulse, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &s->pulse, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static int peer_ended(const struct maf_gang *s) {
    for (uint32_t i = 0; i < s->ranks; i++)
        if (maf_process_ended(s->rank_info[i].pid)) return 1;
    return 0;
}

/* Waits until done(g) is true: 0; 1 when the gang was aborted or lost a rank. */
static int wait_until(struct gang *g, int (*done)(struct gang *, void *), void *arg) {
    struct maf_gang *s = g->shared;
    uint64_t start = maf_now();
    for (;;) {
        uint32_t seen = LOAD(&s->pulse);
        if (done(g, arg)) return 0;
        if (LOAD(&s->aborted)) return 1;
        if (maf_now() - start < 50000) {
            maf_cpu_pause();
            continue;
        }
        struct timespec limit = {.tv_nsec = 100000000};
        if (syscall(SYS_futex, &s->pulse, FUTEX_WAIT, seen, &limit, NULL, 0) != 0 && errno == ETIMEDOUT &&
            peer_ended(s) && !done(g, arg)) {
            STORE(&s->aborted, 1);
            pulse(s);
            maf_fault_set(MAF_ERROR_LAUNCH_FAILURE, "collective: the process of another rank ended");
            return 1;
        }
    }
}

static int all_arrived(struct gang *g, void *number) {
    for (uint32_t i = 0; i < g->shared->ranks; i++)
        if (LOAD(&g->shared->rank_info[i].arrived) < *(uint64_t *)number) return 0;
    return 1;
}

static int all_finished(struct gang *g, void *number) {
    for (uint32_t i = 0; i < g->shared->ranks; i++)
        if (LOAD(&g->shared->rank_info[i].finished) < *(uint64_t *)number) return 0;
    return 1;
}

static int disagree(void) {
    maf_fault_set(MAF_ERROR_INVALID_VALUE, "collective: ranks called different operations, types, sizes or roots");
    return MAF_ERROR_INVALID_VALUE;
}

static int run_in_gang(struct gang *g, const struct maf_cmd_collective *c, const struct maf_collective_part *part) {
    struct maf_gang *s = g->shared;
    struct maf_gang_rank *mine = &s->rank_info[g->rank];
    uint64_t number = mine->arrived + 1, base = maf_memory_base();
    mine->send = part->send - base;
    mine->receive = part->receive - base;
    mine->count = c->count;
    mine->kind = c->kind;
    mine->dtype = c->dtype;
    mine->reduction = c->reduction;
    mine->root = c->root;
    STORE(&mine->arrived, number);
    pulse(s);
    if (wait_until(g, all_arrived, &number)) return MAF_OK;
    struct ranks all = {.count = s->ranks};
    for (uint32_t i = 0; i < s->ranks; i++) {
        const struct maf_gang_rank *r = &s->rank_info[i];
        if (r->count != c->count || r->kind != c->kind || r->dtype != c->dtype || r->reduction != c->reduction ||
            r->root != c->root)
            return disagree();
        all.send[i] = g->memory[i] + (r->send - r->first);
        all.receive[i] = g->memory[i] + (r->receive - r->first);
    }
    share(c, &all, g->rank);
    STORE(&mine->finished, number);
    pulse(s);
    wait_until(g, all_finished, &number);
    return MAF_OK;
}

/* --- messages ------------------------------------------------------------------------------------------------------ */
struct exchange {
    const struct maf_message *messages;
    uint32_t count, left;
    uint8_t *state; /* 0 not begun, 1 posted, 2 done */
    int failed;
};

/* Moves every message as far as it goes now. */
static int progress(struct gang *g, void *arg) {
    struct exchange *x = arg;
    struct maf_gang *s = g->shared;
    uint64_t base = maf_memory_base();
    int moved = 0;
    for (uint32_t i = 0; i < x->count && !x->failed; i++) {
        const struct maf_message *m = &x->messages[i];
        uint32_t from = m->sends ? g->rank : m->peer, to = m->sends ? m->peer : g->rank;
        struct maf_mailbox *box = &s->mail[from * MAF_GANG_RANKS + to];
        if (x->state[i] == 2) continue;
        int first = 1; /* messages of one pair go in order */
        for (uint32_t j = 0; j < i && first; j++)
            first = x->state[j] == 2 || x->messages[j].peer != m->peer || x->messages[j].sends != m->sends;
        if (!first) continue;
        uint64_t posted = LOAD(&box->posted), taken = LOAD(&box->taken);
        if (m->sends && x->state[i] == 0) {
            box->offset = m->address - base;
            box->bytes = m->bytes;
            STORE(&box->posted, posted + 1);
            x->state[i] = 1;
            moved = 1;
        } else if (m->sends && taken == posted) {
            x->state[i] = 2;
            x->left--;
        } else if (!m->sends && posted > taken) {
            if (box->bytes != m->bytes) {
                x->failed = 1;
                break;
            }
            const char *source = g->memory[from] + (box->offset - s->rank_info[from].first);
            memmove((char *)(uintptr_t)m->address, source, m->bytes);
            STORE(&box->taken, taken + 1);
            x->state[i] = 2;
            x->left--;
            moved = 1;
        }
    }
    if (moved) pulse(s);
    return !x->left || x->failed;
}

static int run_messages(struct gang *g, const struct maf_cmd_collective *c, const struct maf_message *messages) {
    uint8_t state[c->entries + 1];
    memset(state, 0, sizeof state);
    struct exchange x = {messages, c->entries, c->entries, state, 0};
    if (wait_until(g, progress, &x)) return MAF_OK;
    return x.failed ? disagree() : MAF_OK;
}

int maf_collective(const struct maf_cmd_collective *c) {
    uint64_t size = c->kind == MAF_MESSAGES ? sizeof(struct maf_message) : sizeof(struct maf_collective_part);
    uint32_t wanted = c->gang == MAF_GANG_NONE ? MAF_GANG_RANKS : 1;
    if (c->h.size < sizeof *c + c->entries * size || c->dtype >= TYPES || c->kind > MAF_MESSAGES || !c->entries ||
        (c->kind != MAF_MESSAGES && c->entries > wanted) ||
        (c->gang == MAF_GANG_NONE && c->kind == MAF_MESSAGES) ||
        (c->gang != MAF_GANG_NONE && (c->gang >= MAF_GANGS || !gangs[c->gang].shared))) {
        maf_fault_set(MAF_ERROR_UNKNOWN, "damaged command stream: collective");
        return MAF_ERROR_UNKNOWN;
    }
    if (c->kind == MAF_MESSAGES) return run_messages(&gangs[c->gang], c, (const struct maf_message *)(c + 1));
    const struct maf_collective_part *parts = (const struct maf_collective_part *)(c + 1);
    if (c->gang != MAF_GANG_NONE) return run_in_gang(&gangs[c->gang], c, parts);
    struct ranks all = {.count = c->entries};
    for (uint32_t i = 0; i < c->entries; i++) {
        all.send[i] = (char *)(uintptr_t)parts[i].send;
        all.receive[i] = (char *)(uintptr_t)parts[i].receive;
    }
    for (uint32_t i = 0; i < c->entries; i++) share(c, &all, i);
    return MAF_OK;
}
