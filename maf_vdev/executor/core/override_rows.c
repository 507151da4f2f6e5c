/* See override_rows.h. */

#include "override_rows.h"

enum { OUT_OF_MEMORY = 2 };
enum { STACK_FLOATS = 4096, GRAIN = 1 << 14 };

static void run_rows(void *arg, uint64_t begin, uint64_t end)
{
    struct rows *r = arg;
    float stack[STACK_FLOATS], *scratch = stack;
    if (r->n * r->buffers > STACK_FLOATS && !(scratch = row_floats(r->n * r->buffers))) {
        __atomic_store_n(&r->error, OUT_OF_MEMORY, __ATOMIC_RELAXED);
        return;
    }
    r->task(r, begin, end, scratch);
    if (scratch != stack)
        free(scratch);
}

int maf_rows_launch(struct rows *r, const uint32_t grid[3])
{
    if (grid[1] != 1 || grid[2] != 1 || r->n < 0)
        return MAF_OVERRIDE_DECLINED;
    if (r->n)
        maf_cpu_parallel_for(grid[0], 1 + GRAIN / (uint64_t)r->n, run_rows, r);
    return r->error;
}

const float *maf_rows_read(const struct rows *r, int64_t type, uint64_t base, uint64_t row, float *buffer)
{
    const char *p = (const char *)base + row * (uint64_t)(r->n * maf_type_bytes(type));
    if (type == MAF_F32)
        return (const float *)p;
    maf_load_floats(buffer, type, p, 1, r->n);
    return buffer;
}

float *maf_rows_output(const struct rows *r, uint64_t base, uint64_t row, float *buffer)
{
    return r->o->out == MAF_F32 ? (float *)base + row * (uint64_t)r->n : buffer;
}

void maf_rows_write(const struct rows *r, uint64_t base, uint64_t row, const float *from)
{
    if (r->o->out != MAF_F32)
        maf_store_floats(r->o->out, (char *)base + row * (uint64_t)(r->n * maf_type_bytes(r->o->out)), 1, from, r->n);
}
