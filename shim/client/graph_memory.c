/* Memory that graphs allocate. It exists from the creation of its node on, so that its address is the same in every launch,
 * until no graph or executable holds it and the program has freed it: in a node, or by itself after a launch. */
#include <stdlib.h>

#include "internal.h"

struct graph_memory {
    uint64_t address, bytes;
    uint32_t tag;
    int held; /* by graphs and executables */
    int live; /* a launch has allocated it, and nothing has freed it since */
    struct graph_memory *next;
};

static struct maf_lock lock;
static struct graph_memory *memories;

/* lock held; the place that points at it */
static struct graph_memory **find(uint64_t address)
{
    struct graph_memory **m = &memories;
    while (*m && (*m)->address != address)
        m = &(*m)->next;
    return m;
}

/* lock held */
static void forget(struct graph_memory **place)
{
    struct graph_memory *m = *place;
    *place = m->next;
    free(m);
}

static void let_go(void *object)
{
    struct graph_memory *m = object;
    maf_lock(&lock);
    m->held = 0;
    if (!m->live) {
        maf_memory_free_tagged(m->address, m->tag);
        forget(find(m->address));
    }
    maf_unlock(&lock);
}

int maf_graph_memory_add(struct maf_node *n, uint64_t address, uint64_t bytes)
{
    struct graph_memory *m = malloc(sizeof *m);
    if (!m)
        return MAF_E_OUT_OF_MEMORY;
    *m = (struct graph_memory){address, bytes, maf_memory_tag(address), 1, 0, NULL};
    int error = maf_graph_retain(n->graph, let_go, m);
    if (error) {
        free(m);
        return error;
    }
    n->address = address;
    maf_lock(&lock);
    m->next = memories;
    memories = m;
    maf_unlock(&lock);
    return 0;
}

void maf_graph_memory_launched(uint64_t address, int live)
{
    maf_lock(&lock);
    struct graph_memory *m = *find(address);
    if (m)
        m->live = live;
    maf_unlock(&lock);
}

int maf_graph_memory_keeps(uint64_t address)
{
    maf_lock(&lock);
    struct graph_memory **place = find(address), *m = *place;
    int keeps = m && m->held;
    if (keeps)
        m->live = 0;
    else if (m)
        forget(place);
    maf_unlock(&lock);
    return keeps;
}

uint64_t maf_graph_memory_bytes(uint64_t address)
{
    maf_lock(&lock);
    struct graph_memory *m = *find(address);
    uint64_t bytes = m ? m->bytes : 0;
    maf_unlock(&lock);
    return bytes;
}
