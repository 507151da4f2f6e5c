/* One command of the stream, run from the tables that Python filled. */
#define _GNU_SOURCE
#include "core.h"
#include "cpu_launch.h"
#include "cpu_texture.h"
#include "override.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ids are given in order from 0; untouched parts of the tables cost no memory. */
enum { TABLE_ENTRIES = 1 << 18 };

typedef int (*op_function)(void *closure, const uint64_t *pointers, const void *scalars);

static struct {
    const struct maf_cpu_kernel *variant[MAF_KERNEL_VARIANTS];
    maf_override_fn override; /* NULL: none */
    const void *closure;
    const char *name; /* of a kernel with an override */
    struct maf_usage usage;
} kernels[TABLE_ENTRIES];

static struct {
    op_function function;
    void *closure;
    const char *name; /* set last: NULL means that there is no such plan */
    struct maf_usage usage;
} plans[TABLE_ENTRIES];

static int (*prepare_kernel)(uint32_t kernel, uint32_t variant);
static int (*run_op_in_python)(uint32_t plan, const uint64_t *pointers, uint32_t count, const void *scalars,
                               uint32_t bytes);
static struct maf_counters counters;
static int wants_exit;
static uint64_t started; /* time stamp of the running command, waits for its plan excluded */

uint32_t maf_core_table_entries(void) { return TABLE_ENTRIES; }

void maf_core_set_callbacks(int (*prepare)(uint32_t, uint32_t),
                            int (*run_op)(uint32_t, const uint64_t *, uint32_t, const void *, uint32_t)) {
    prepare_kernel = prepare;
    run_op_in_python = run_op;
}

int maf_core_set_kernel(uint32_t kernel, uint32_t variant, uint64_t address) {
    if (kernel >= TABLE_ENTRIES || variant >= MAF_KERNEL_VARIANTS) return EINVAL;
    __atomic_store_n(&kernels[kernel].variant[variant], (const struct maf_cpu_kernel *)(uintptr_t)address,
                     __ATOMIC_RELEASE);
    return 0;
}

int maf_core_set_override(uint32_t kernel, uint64_t function, uint64_t closure, const char *name) {
    if (kernel >= TABLE_ENTRIES) return EINVAL;
    kernels[kernel].closure = (const void *)(uintptr_t)closure;
    kernels[kernel].name = name;
    __atomic_store_n(&kernels[kernel].override, (maf_override_fn)(uintptr_t)function, __ATOMIC_RELEASE);
    return 0;
}

int maf_core_set_plan(uint32_t plan, uint64_t function, uint64_t closure, const char *name) {
    if (plan >= TABLE_ENTRIES || !name) return EINVAL;
    plans[plan].function = (op_function)(uintptr_t)function;
    plans[plan].closure = (void *)(uintptr_t)closure;
    __atomic_store_n(&plans[plan].name, name, __ATOMIC_RELEASE);
    return 0;
}

void maf_core_kernel_usage(uint32_t kernel, struct maf_usage *out) {
    *out = kernel < TABLE_ENTRIES ? kernels[kernel].usage : (struct maf_usage){0, 0};
}

void maf_core_plan_usage(uint32_t plan, struct maf_usage *out) {
    *out = plan < TABLE_ENTRIES ? plans[plan].usage : (struct maf_usage){0, 0};
}

void maf_core_get_counters(struct maf_counters *out) { *out = counters; }

int maf_replay_wants_exit(void) { return wants_exit; }

void maf_replay_count_sleep(void) { counters.sleeps++; }

/* A command that does not fit what its fields say. */
static void damaged(const char *what) {
    char text[128];
    snprintf(text, sizeof text, "damaged command stream: %s", what);
    maf_fault_set(MAF_ERROR_UNKNOWN, text);
}

static const struct {
    int error;
    const char *text;
} reasons[] = {
    {1, "invalid value"},
    {2, "out of memory"},
    {9, "invalid launch configuration"},
    {710, "device-side assert triggered"},
    {715, "illegal instruction"},
    {719, "launch failure"},
};

/* A launch or library error; the first one becomes sticky. */
static void failed(const char *what, const char *name, int error) {
    char text[MAF_FAULT_TEXT];
    const char *reason = NULL;
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].error == error) reason = reasons[i].text;
    if (reason)
        snprintf(text, sizeof text, "%s in %s %s", reason, what, name);
    else
        snprintf(text, sizeof text, "error %d in %s %s", error, what, name);
    maf_fault_set((uint32_t)error, text);
}

/* Which of a kernel's compiled forms fits a block shape: see MAF_KERNEL_VARIANTS and the launch variants of the
 * translator. Bit 0: TID.X is affine in the lane (block.x a multiple of 32, or a one-dimensional block);
 * bit 1: every warp is full. */
static uint32_t launch_variant(const uint32_t block[3]) {
    uint32_t affine = block[0] % 32 == 0 || (block[1] == 1 && block[2] == 1);
    uint32_t full = (uint64_t)block[0] * block[1] * block[2] % 32 == 0;
    return affine | full << 1;
}

static struct maf_usage *launch(const struct maf_cmd_launch *c) {
    if (c->h.size < sizeof *c || c->param_bytes > c->h.size - sizeof *c || c->kernel >= TABLE_ENTRIES) {
        damaged("launch");
        return NULL;
    }
    counters.launches++;
    maf_override_fn override = __atomic_load_n(&kernels[c->kernel].override, __ATOMIC_ACQUIRE);
    if (override) {
        maf_fault_current("kernel", kernels[c->kernel].name);
        int error = override(kernels[c->kernel].closure, c->grid, c + 1);
        if (error != MAF_OVERRIDE_DECLINED) {
            if (error) failed("kernel", kernels[c->kernel].name, error);
            counters.overrides++;
            return &kernels[c->kernel].usage;
        }
    }
    uint32_t variant = launch_variant(c->block);
    const struct maf_cpu_kernel **slot = &kernels[c->kernel].variant[variant];
    const struct maf_cpu_kernel *kernel = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    if (!kernel) {
        if (prepare_kernel(c->kernel, variant)) return NULL; /* Python has set the fault */
        started = maf_now();
        kernel = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
        if (!kernel) {
            damaged("launch of a kernel that was never looked up");
            return NULL;
        }
    }
    maf_fault_current("kernel", NULL);
    maf_heap_select(c->h.sda);
    int error = maf_cpu_launch(kernel, c->grid, c->block, c->dynamic_shared, c + 1, c->param_bytes);
    if (error) failed("kernel", kernel->name, error);
    return &kernels[c->kernel].usage;
}

static struct maf_usage *run_op(const struct maf_cmd_op *c) {
    uint64_t payload = (uint64_t)c->pointers * sizeof(uint64_t) + c->scalar_bytes;
    const char *name = c->plan < TABLE_ENTRIES ? __atomic_load_n(&plans[c->plan].name, __ATOMIC_ACQUIRE) : NULL;
    if (c->h.size < sizeof *c || payload > c->h.size - sizeof *c || !name) {
        damaged("op");
        return NULL;
    }
    const uint64_t *pointers = (const uint64_t *)(c + 1);
    const void *scalars = pointers + c->pointers;
    op_function function = plans[c->plan].function;
    counters.ops++;
    maf_fault_current("operation", name);
    if (function) {
        int error = function(plans[c->plan].closure, pointers, scalars);
        if (error) failed("operation", name, error);
    } else {
        counters.python_ops++;
        run_op_in_python(c->plan, pointers, c->pointers, scalars, c->scalar_bytes);
    }
    return &plans[c->plan].usage;
}

static struct maf_usage *dispatch(const struct maf_command *command) {
    switch (command->kind) {
    case MAF_CMD_LAUNCH: return launch((const struct maf_cmd_launch *)command);
    case MAF_CMD_OP: return run_op((const struct maf_cmd_op *)command);
    case MAF_CMD_COPY: {
        const struct maf_cmd_copy *c = (const struct maf_cmd_copy *)command;
        maf_fault_current("copy", NULL);
        counters.copied_bytes += c->bytes;
        maf_memory_copy(c);
        return NULL;
    }
    case MAF_CMD_COPY2D:
        maf_fault_current("copy", NULL);
        maf_memory_copy2d((const struct maf_cmd_copy2d *)command);
        return NULL;
    case MAF_CMD_WRITE:
        maf_fault_current("copy", NULL);
        maf_memory_write((const struct maf_cmd_write *)command, (const struct maf_cmd_write *)command + 1);
        return NULL;
    case MAF_CMD_FILL:
        maf_fault_current("memset", NULL);
        maf_memory_fill((const struct maf_cmd_fill *)command);
        return NULL;
    case MAF_CMD_EVENT: {
        uint32_t slot = ((const struct maf_cmd_event *)command)->slot;
        if (slot >= MAF_EVENT_SLOTS)
            damaged("event slot");
        else
            __atomic_store_n(&maf_control_page->event_ns[slot], maf_now(), __ATOMIC_RELEASE);
        return NULL;
    }
    case MAF_CMD_PROTECT: maf_memory_protect((const struct maf_cmd_protect *)command); return NULL;
    case MAF_CMD_MAP: maf_memory_place((const struct maf_cmd_map *)command); return NULL;
    case MAF_CMD_SIGNAL:
        maf_fault_current("signal", NULL);
        maf_memory_signal((const struct maf_cmd_signal *)command);
        return NULL;
    case MAF_CMD_COLLECTIVE:
        maf_fault_current("collective", NULL);
        maf_collective((const struct maf_cmd_collective *)command);
        return NULL;
    case MAF_CMD_TEXTURE: {
        const struct maf_cmd_texture *c = (const struct maf_cmd_texture *)command;
        if (c->h.size < sizeof *c || maf_texture_set(c->index, &c->texture)) damaged("texture");
        return NULL;
    }
    case MAF_CMD_NOP: return NULL;
    default: damaged("unknown command"); return NULL;
    }
}

static void note_span(uint64_t seq, uint64_t start, uint64_t end) {
    if (__builtin_expect(__atomic_load_n(&maf_control_page->tracing, __ATOMIC_RELAXED) != 0, 0)) {
        struct maf_span *span = &maf_control_page->spans[seq % MAF_SPANS];
        span->start_ns = start;
        span->end_ns = end;
        span->seq = seq;
    }
}

void maf_replay_waited(const struct maf_command *command, uint64_t began) {
    counters.commands++;
    note_span(command->seq, began, maf_now());
}

void maf_replay(const struct maf_command *command) {
    counters.commands++;
    if (command->kind == MAF_CMD_EXIT) {
        wants_exit = 1;
        return;
    }
    if (maf_control_page->fault) return;
    started = maf_now();
    struct maf_usage *usage = dispatch(command);
    maf_fault_current(NULL, NULL);
    uint64_t spent = maf_now() - started;
    counters.busy_ns += spent;
    note_span(command->seq, started, started + spent);
    if (usage) {
        usage->runs++;
        usage->ns += spent;
    }
}
