/* Commands set aside. A stream that waits, for a host callback, a word of memory or another stream that waits, keeps its
 * later commands here while the commands of other streams go on. Only the replaying thread comes here. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

#define LOAD(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define STORE(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

/* Beyond this the ring itself waits, as a GPU's channel does. */
enum { MAX_ENTRIES = 16384, MAX_BYTES = 64 << 20 };

enum state { QUEUED, CALLBACK, CALLED, WAITING };

struct entry {
    struct entry *next;     /* in the order of the ring */
    struct entry *callback; /* next one to be called */
    uint64_t began;
    enum state state;
    struct maf_command *command;
};

uint32_t maf_pending_count;
static uint64_t bytes;
static struct entry *first, **end = &first;
static struct entry *calls, **calls_end = &calls, *called;
static uint32_t words; /* entries that wait for a word of memory */

/* What the entries before the one in question hold up. */
static struct {
    uint32_t queue[MAF_QUEUES];
    uint32_t blocking[MAF_MAX_SDA];
    uint32_t legacy[MAF_MAX_SDA];
} held;

static uint32_t queue_of(const struct maf_command *c) { return c->stream & (MAF_QUEUES - 1); }

static int at_once(const struct maf_command *c) {
    return c->kind == MAF_CMD_PROTECT || c->kind == MAF_CMD_MAP || c->kind == MAF_CMD_TEXTURE ||
           c->kind == MAF_CMD_EXIT;
}

static void hold(const struct maf_command *c, uint32_t by) {
    held.queue[queue_of(c)] += by;
    if (c->flags & MAF_STREAM_LEGACY)
        held.legacy[c->sda % MAF_MAX_SDA] += by;
    else if (!(c->flags & MAF_STREAM_NON_BLOCKING))
        held.blocking[c->sda % MAF_MAX_SDA] += by;
}

static int is_held(const struct maf_command *c) {
    if (held.queue[queue_of(c)]) return 1;
    if (c->flags & MAF_STREAM_LEGACY) return held.blocking[c->sda % MAF_MAX_SDA] != 0;
    return !(c->flags & MAF_STREAM_NON_BLOCKING) && held.legacy[c->sda % MAF_MAX_SDA];
}

static int word_satisfies(const struct maf_cmd_wait *c) {
    if ((c->bytes != 4 && c->bytes != 8) || c->address % c->bytes || !maf_memory_contains(c->address, c->bytes)) {
        maf_fault_set(MAF_ERROR_ILLEGAL_ADDRESS, "wait for a word outside device and pinned memory");
        return 1;
    }
    maf_fault_current("wait for a value", NULL);
    uint64_t word = c->bytes == 4 ? LOAD((uint32_t *)(uintptr_t)c->address) : LOAD((uint64_t *)(uintptr_t)c->address);
    maf_fault_current(NULL, NULL);
    uint64_t mask = c->bytes == 4 ? UINT32_MAX : UINT64_MAX, value = c->value & mask;
    switch (c->kind) {
    case MAF_WAIT_GEQ: return c->bytes == 4 ? (int32_t)(uint32_t)(word - value) >= 0 : (int64_t)(word - value) >= 0;
    case MAF_WAIT_EQ: return word == value;
    case MAF_WAIT_AND: return (word & value) != 0;
    case MAF_WAIT_NOR: return (~(word | value) & mask) != 0;
    }
    maf_fault_set(MAF_ERROR_UNKNOWN, "damaged command stream: wait");
    return 1;
}

static int satisfied(const struct maf_cmd_wait *c) {
    if (c->kind != MAF_WAIT_COMMAND) return word_satisfies(c);
    return maf_control_page->completed >= c->value || maf_control_page->queue_done[c->queue % MAF_QUEUES] >= c->value;
}

static void finished(const struct maf_command *c, uint64_t began) {
    if (began) maf_replay_waited(c, began);
    if (!at_once(c)) STORE(&maf_control_page->queue_done[queue_of(c)], c->seq);
}

/* The command's turn: 1 when it has finished, 0 when it waits now. */
static int begin(struct entry *e, const struct maf_command *c) {
    switch (c->kind) {
    case MAF_CMD_HOSTFN:
        e->state = CALLBACK;
        e->began = maf_now();
        e->callback = NULL;
        *calls_end = e;
        calls_end = &e->callback;
        return 0;
    case MAF_CMD_WAIT:
        if (satisfied((const struct maf_cmd_wait *)c)) break;
        e->state = WAITING;
        e->began = maf_now();
        words += ((const struct maf_cmd_wait *)c)->kind != MAF_WAIT_COMMAND;
        return 0;
    default: maf_replay(c);
    }
    finished(c, 0);
    return 1;
}

static int proceed(struct entry *e) {
    switch (e->state) {
    case QUEUED: return begin(e, e->command);
    case CALLBACK: return 0;
    case CALLED: finished(e->command, e->began); return 1;
    case WAITING: {
        const struct maf_cmd_wait *c = (const struct maf_cmd_wait *)e->command;
        if (!satisfied(c)) return 0;
        words -= c->kind != MAF_WAIT_COMMAND;
        finished(e->command, e->began);
        return 1;
    }
    }
    return 1;
}

static void drop(struct entry *e) {
    bytes -= e->command->size;
    maf_pending_count--;
    free(e->command);
    free(e);
}

/* A fault ends all waiting: later commands complete without effect. */
static void drop_all(void) {
    while (first) {
        struct entry *e = first;
        first = e->next;
        drop(e);
    }
    end = &first;
    calls = called = NULL;
    calls_end = &calls;
    words = 0;
    memset(&held, 0, sizeof held);
}

/* Callbacks run one at a time in the client. */
static int move_callbacks(void) {
    int moved = 0;
    if (called && maf_host_function_returned()) {
        called->state = CALLED;
        called = NULL;
        moved = 1;
    }
    if (!called && calls) {
        called = calls;
        if (!(calls = called->callback)) calls_end = &calls;
        const struct maf_cmd_hostfn *c = (const struct maf_cmd_hostfn *)called->command;
        maf_host_function_post(c->fn, c->arg);
    }
    return moved;
}

static int some_word_satisfied(void) {
    for (const struct entry *e = words ? first : NULL; e; e = e->next) {
        const struct maf_cmd_wait *c = (const struct maf_cmd_wait *)e->command;
        if (e->state == WAITING && c->kind != MAF_WAIT_COMMAND && satisfied(c)) return 1;
    }
    return 0;
}

int maf_pending_full(void) { return maf_pending_count >= MAX_ENTRIES || bytes >= MAX_BYTES; }

int maf_pending_polls(void) { return words != 0; }

uint64_t maf_pending_oldest(void) { return first->command->seq; }

int maf_pending_advance(void) {
    if (LOAD(&maf_control_page->fault)) {
        drop_all();
        maf_publish();
        return 1;
    }
    if (!move_callbacks() && !some_word_satisfied()) return 0;
    memset(&held, 0, sizeof held);
    for (struct entry **link = &first, *e; (e = *link);) {
        if (is_held(e->command) || !proceed(e)) {
            hold(e->command, 1);
            link = &e->next;
            continue;
        }
        *link = e->next;
        if (!e->next) end = link;
        drop(e);
        maf_publish();
    }
    move_callbacks();
    return 1;
}

void maf_pending_take(const struct maf_command *command) {
    struct entry now = {.state = QUEUED};
    if (at_once(command) || LOAD(&maf_control_page->fault)) {
        maf_replay(command);
        return;
    }
    int queued = is_held(command);
    if (!queued && command->kind != MAF_CMD_HOSTFN && command->kind != MAF_CMD_WAIT) {
        begin(&now, command);
        return;
    }
    struct entry *e = calloc(1, sizeof *e);
    struct maf_command *copy = malloc(command->size);
    if (!e || !copy) {
        free(e);
        free(copy);
        maf_fault_set(MAF_ERROR_UNKNOWN, "no memory for commands that wait");
        return;
    }
    memcpy(copy, command, command->size);
    e->command = copy;
    if (!queued && begin(e, copy)) {
        free(copy);
        free(e);
        return;
    }
    *end = e;
    end = &e->next;
    maf_pending_count++;
    bytes += copy->size;
    hold(copy, 1);
    move_callbacks();
}
