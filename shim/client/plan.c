/* Plans of library ops, cached by the bytes of their descriptions. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct plan {
    struct plan *next;
    uint64_t hash;
    int device;
    int error;
    struct maf_plan_info info;
    uint32_t bytes;
    char key[]; /* struct maf_op_header, then the op struct */
};

enum { BUCKETS = 4096 };
static struct plan *_Atomic buckets[BUCKETS]; /* only ever grow at the head: readers need no lock */
static struct maf_lock plan_lock;

static uint64_t hash_bytes(const void *data, uint32_t bytes, uint64_t h)
{
    const unsigned char *p = data;
    for (; bytes >= 8; bytes -= 8, p += 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        h = (h ^ v) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    for (; bytes; bytes--, p++)
        h = (h ^ *p) * 0x100000001b3u;
    return h ^ h >> 32;
}

static struct plan *find(struct plan *p, uint64_t hash, int device, const struct maf_op_header *head, const void *desc)
{
    for (; p; p = p->next)
        if (p->hash == hash && p->device == device && p->bytes == head->bytes &&
            memcmp(p->key, head, sizeof *head) == 0 && memcmp(p->key + sizeof *head, desc, head->bytes) == 0)
            return p;
    return NULL;
}

int maf_plan(uint32_t op_kind, const void *desc, uint32_t bytes, struct maf_plan_info *out)
{
    int error = maf_enter_device(), device = maf_current_device();
    if (error)
        return -error;
    struct maf_op_header head = {op_kind, bytes};
    uint64_t hash = hash_bytes(desc, bytes, op_kind + ((uint64_t)device << 32) + 0x1234567u);
    struct plan *_Atomic *bucket = &buckets[hash % BUCKETS];
    struct plan *p = find(atomic_load_explicit(bucket, memory_order_acquire), hash, device, &head, desc);
    if (!p) {
        maf_lock(&plan_lock);
        p = find(atomic_load(bucket), hash, device, &head, desc);
        if (!p && (p = calloc(1, sizeof *p + sizeof head + bytes))) {
            char reply[1024] = {0};
            uint64_t got = 0;
            p->hash = hash;
            p->device = device;
            p->bytes = bytes;
            memcpy(p->key, &head, sizeof head);
            memcpy(p->key + sizeof head, desc, bytes);
            error = maf_request(MAF_REQ_PLAN, device, &head, sizeof head, desc, bytes, reply, sizeof reply - 1, &got);
            p->error = error;
            if (error == 0)
                memcpy(&p->info, reply, sizeof p->info), maf_trace_name_plan(p->info.plan, op_kind, desc);
            else if (error > 0)
                maf_log(error == MAF_PLAN_UNSUPPORTED ? 2 : 1, "plan of op %u: %s", op_kind, reply);
            if (error < 0) {
                free(p);
                p = NULL;
            } else {
                p->next = atomic_load(bucket);
                atomic_store_explicit(bucket, p, memory_order_release);
            }
        } else if (!p) {
            error = -MAF_E_OUT_OF_MEMORY;
        }
        maf_unlock(&plan_lock);
        if (!p)
            return error;
    }
    *out = p->info;
    return p->error;
}

int maf_op(void *stream, uint32_t plan, const uint64_t *ptrs, uint32_t nptrs, const void *scalars,
           uint32_t scalar_bytes)
{
    struct maf_stream *s = maf_stream_of(stream);
    int error = maf_enter_device();
    if (error)
        return error;
    if (!s)
        return MAF_E_INVALID_HANDLE;
    struct maf_cmd_op *c = maf_command_begin(s, MAF_CMD_OP, sizeof *c + 8ull * nptrs + scalar_bytes);
    if (!c)
        return maf_command_lost(s);
    c->plan = plan;
    c->pointers = nptrs;
    c->scalar_bytes = scalar_bytes;
    c->reserved = 0;
    if (nptrs)
        memcpy(c + 1, ptrs, 8ull * nptrs);
    if (scalar_bytes)
        memcpy((char *)(c + 1) + 8ull * nptrs, scalars, scalar_bytes);
    return maf_command_end(s, c, MAF_NODE_OP, NULL);
}
