/* Kernel launches: checks, and the parameter block as the cubin lays it out. */
#define _GNU_SOURCE
#include <string.h>

#include "internal.h"

static int shared_limit(const struct maf_kernel *k, const struct maf_kernel_state *state)
{
    if (k->max_dynamic_shared >= 0)
        return k->max_dynamic_shared;
    int rest = (int)maf_profile_data.sharedMemPerBlock - (int)state->info.static_shared;
    return rest > 0 ? rest : 0;
}

static int check(const struct maf_launch *l, const struct maf_kernel *k, const struct maf_kernel_state *state)
{
    uint64_t threads = (uint64_t)l->block[0] * l->block[1] * l->block[2];
    if (!l->grid[0] || !l->grid[1] || !l->grid[2] || l->grid[0] > 0x7fffffff || l->grid[1] > 65535 ||
        l->grid[2] > 65535 || !threads || l->block[0] > 1024 || l->block[1] > 1024 || l->block[2] > 64 ||
        threads > (uint64_t)maf_profile_data.maxThreadsPerBlock)
        return MAF_E_INVALID_CONFIGURATION;
    if (state->info.max_threads && threads > state->info.max_threads)
        return MAF_E_INVALID_VALUE;
    if (state->info.registers * ((threads + 31) & ~31ull) > (uint64_t)maf_profile_data.regsPerBlock)
        return MAF_E_OUT_OF_RESOURCES;
    if (l->shared > (uint64_t)shared_limit(k, state))
        return MAF_E_INVALID_VALUE;
    return 0;
}

/* CU_LAUNCH_PARAM list: 1 = buffer, 2 = its size, 0 = end. */
static int packed_buffer(void **extra, const void **buffer, size_t *bytes)
{
    *buffer = NULL;
    *bytes = 0;
    for (; extra[0]; extra += 2) {
        if (extra[0] == (void *)1)
            *buffer = extra[1];
        else if (extra[0] == (void *)2)
            *bytes = *(const size_t *)extra[1];
        else
            return MAF_E_INVALID_VALUE;
    }
    return *buffer || !*bytes ? 0 : MAF_E_INVALID_VALUE;
}

/* Fills a LAUNCH command (header set, params room behind it). */
static int fill(struct maf_cmd_launch *c, const struct maf_launch *l, const struct maf_kernel_state *state)
{
    char *params = (char *)(c + 1);
    c->kernel = state->info.kernel;
    memcpy(c->grid, l->grid, sizeof c->grid);
    memcpy(c->block, l->block, sizeof c->block);
    c->dynamic_shared = (uint32_t)l->shared;
    c->cooperative = l->cooperative;
    c->param_bytes = state->info.param_bytes;
    memset(params, 0, state->info.param_bytes);
    if (l->args) {
        for (uint32_t i = 0; i < state->info.params; i++)
            memcpy(params + state->params[i].offset, l->args[i], state->params[i].bytes);
    } else if (l->extra) {
        const void *buffer;
        size_t bytes;
        int error = packed_buffer(l->extra, &buffer, &bytes);
        if (error || bytes > state->info.param_bytes)
            return MAF_E_INVALID_VALUE;
        if (bytes)
            memcpy(params, buffer, bytes);
    } else if (state->info.params) {
        return MAF_E_INVALID_VALUE;
    }
    return 0;
}

/* Kernel, device and command size of a launch, checked. */
int maf_launch_prepare(const struct maf_launch *l, int device, struct maf_kernel_state **state, uint64_t *bytes)
{
    struct maf_kernel *k = maf_kernel_of(l->kernel);
    if (!k)
        return MAF_E_INVALID_DEVICE_FUNCTION;
    int error = maf_kernel_state(k, device, state);
    if (error)
        return error;
    if ((error = check(l, k, *state)))
        return error;
    if (l->cooperative) {
        int blocks = 0;
        error = maf_kernel_occupancy(k, device, (int)(l->block[0] * l->block[1] * l->block[2]), l->shared, &blocks);
        if (error)
            return error;
        uint64_t resident = (uint64_t)blocks * (uint64_t)maf_profile_data.multiProcessorCount;
        if ((uint64_t)l->grid[0] * l->grid[1] * l->grid[2] > resident)
            return MAF_E_COOPERATIVE_TOO_LARGE;
    }
    *bytes = sizeof(struct maf_cmd_launch) + (*state)->info.param_bytes;
    return 0;
}

int maf_launch_fill(void *command, const struct maf_launch *l, const struct maf_kernel_state *state)
{
    return fill(command, l, state);
}

int maf_launch(const struct maf_launch *l)
{
    struct maf_stream *s = maf_stream_of(l->stream);
    struct maf_kernel_state *state;
    uint64_t bytes;
    int error;
    if (unlikely(!s))
        return MAF_E_INVALID_HANDLE;
    if (unlikely((error = maf_launch_prepare(l, s->device, &state, &bytes))))
        return error;
    if (unlikely(l->extra && !l->args)) { /* before the ring is locked */
        const void *buffer;
        size_t n;
        if ((error = packed_buffer(l->extra, &buffer, &n)) || n > state->info.param_bytes)
            return MAF_E_INVALID_VALUE;
    } else if (unlikely(!l->args && state->info.params)) {
        return MAF_E_INVALID_VALUE;
    }
    struct maf_cmd_launch *c = maf_command_begin(s, MAF_CMD_LAUNCH, bytes);
    if (unlikely(!c))
        return maf_command_lost(s);
    fill(c, l, state);
    if (unlikely(maf_capturing(s)))
        return maf_command_end(s, c, MAF_NODE_KERNEL, maf_kernel_of(l->kernel));
    uint64_t seq = maf_ring_end(s, c);
    return unlikely(maf_launch_blocking) ? maf_wait_point((struct maf_point){seq, maf_queue(s)}) : maf_fault();
}

/* --- facts about kernels ------------------------------------------------------------------------------- */
int maf_kernel_facts(void *kernel, int device, struct maf_kernel_facts *out)
{
    struct maf_kernel *k = maf_kernel_of(kernel);
    struct maf_kernel_state *state;
    if (!k)
        return MAF_E_INVALID_DEVICE_FUNCTION;
    int error = maf_kernel_state(k, device, &state);
    if (error)
        return error;
    out->info = state->info;
    if (!out->info.max_threads)
        out->info.max_threads = (uint32_t)maf_profile_data.maxThreadsPerBlock;
    if (out->info.registers) {
        uint32_t fit = (uint32_t)maf_profile_data.regsPerBlock / out->info.registers & ~31u;
        out->info.max_threads = fit < out->info.max_threads ? fit : out->info.max_threads;
    }
    out->max_dynamic_shared = shared_limit(k, state);
    out->carveout = k->carveout;
    return 0;
}

int maf_kernel_param(void *kernel, int device, uint32_t index, uint32_t *offset, uint32_t *bytes)
{
    struct maf_kernel *k = maf_kernel_of(kernel);
    struct maf_kernel_state *state;
    int error = k ? maf_kernel_state(k, device, &state) : MAF_E_INVALID_DEVICE_FUNCTION;
    if (error)
        return error;
    if (index >= state->info.params)
        return MAF_E_INVALID_VALUE;
    *offset = state->params[index].offset;
    if (bytes)
        *bytes = state->params[index].bytes;
    return 0;
}

int maf_kernel_set_shared(void *kernel, int bytes)
{
    struct maf_kernel *k = maf_kernel_of(kernel);
    struct maf_kernel_state *state;
    if (!k)
        return MAF_E_INVALID_DEVICE_FUNCTION;
    int error = maf_kernel_state(k, maf_current_device(), &state);
    if (error)
        return error;
    if (bytes < 0 || bytes + (int64_t)state->info.static_shared > maf_profile_data.sharedMemPerBlockOptin)
        return MAF_E_INVALID_VALUE;
    k->max_dynamic_shared = bytes;
    return 0;
}

int maf_kernel_set_carveout(void *kernel, int value)
{
    struct maf_kernel *k = maf_kernel_of(kernel);
    if (!k)
        return MAF_E_INVALID_DEVICE_FUNCTION;
    if (value < -1 || value > 100)
        return MAF_E_INVALID_VALUE;
    k->carveout = value;
    return 0;
}

/* Resident CTAs per SM by warps, registers (per warp in units of 256 on CC 7.x) and shared memory (in units of 256
 * bytes). */
int maf_kernel_occupancy(void *kernel, int device, int block_threads, uint64_t dynamic_shared, int *blocks)
{
    const struct maf_profile *p = &maf_profile_data;
    struct maf_kernel_facts facts;
    *blocks = 0;
    if (block_threads <= 0)
        return MAF_E_INVALID_VALUE;
    int error = maf_kernel_facts(kernel, device, &facts);
    if (error)
        return error;
    uint64_t warps = ((uint64_t)block_threads + 31) / 32;
    uint64_t shared = (facts.info.static_shared + dynamic_shared + 255) & ~255ull;
    uint64_t registers = ((uint64_t)facts.info.registers * 32 + 255) & ~255ull;
    if (block_threads > (int)facts.info.max_threads || dynamic_shared > (uint64_t)facts.max_dynamic_shared)
        return 0;
    uint64_t limit = (uint64_t)p->maxThreadsPerMultiProcessor / (warps * 32);
    if (registers && (uint64_t)p->regsPerMultiprocessor / registers / warps < limit)
        limit = (uint64_t)p->regsPerMultiprocessor / registers / warps;
    if (shared && (uint64_t)p->sharedMemPerMultiprocessor / shared < limit)
        limit = (uint64_t)p->sharedMemPerMultiprocessor / shared;
    if ((uint64_t)p->maxBlocksPerMultiProcessor < limit)
        limit = (uint64_t)p->maxBlocksPerMultiProcessor;
    *blocks = (int)limit;
    return 0;
}
