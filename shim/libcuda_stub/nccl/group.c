/* Collectives, messages and groups. A call notes an operation; the end of the outermost group issues all of them. */
#include <stdlib.h>
#include <string.h>

#include "front.h"

enum { BUILT_IN = 5 /* sum product maximum minimum average */, FIRST_CREATED = 16, CREATED = 240 };

static _Thread_local int depth;
static _Thread_local struct operation *first, **last = NULL; /* of the open group */
static _Thread_local ncclComm_t **new_comms;
static _Thread_local int new_count;

static struct {
    int used, type;
    double factor;
    const void *device_factor;
} created[CREATED]; /* sums that scale each rank's values */

int maf_nccl_group_depth(void)
{
    return depth;
}

void maf_nccl_after_group(ncclComm_t *comm)
{
    ncclComm_t **grown = realloc(new_comms, (size_t)(new_count + 1) * sizeof *grown);
    if (grown) {
        new_comms = grown;
        new_comms[new_count++] = comm;
    }
}

/* --- issue -------------------------------------------------------------------------------------------------------- */
static struct maf_stream_place place(const struct operation *o)
{
    return (struct maf_stream_place){o->comm->device, o->stream};
}

static uint64_t address(const void *p)
{
    return (uint64_t)(uintptr_t)p;
}

static ncclResult_t issued(int error)
{
    return error ? maf_nccl_fail(ncclUnhandledCudaError, maf_error_text(error)) : ncclSuccess;
}

static struct maf_cmd_collective head_of(const struct operation *o, uint32_t gang, uint32_t entries)
{
    return (struct maf_cmd_collective){
        .gang = gang,
        .kind = (uint32_t)o->kind,
        .dtype = o->type < REDUCED_TYPES ? (uint32_t)o->type : 1,
        .reduction = (uint32_t)o->reduction,
        .count = o->count,
        .factor = o->factor,
        .root = (uint32_t)o->root,
        .entries = entries,
    };
}

/* Ranks of one process: the operations of all, in order of rank. */
static ncclResult_t issue_all(struct operation *const *ops, uint32_t ranks)
{
    struct maf_collective_part parts[MAF_GANG_RANKS];
    struct maf_stream_place places[MAF_GANG_RANKS];
    const struct operation *o = ops[0];
    for (uint32_t i = 0; i < ranks; i++) {
        const struct operation *p = ops[i];
        if (p->kind != o->kind || p->count != o->count || p->type != o->type || p->reduction != o->reduction ||
            p->root != o->root)
            return maf_nccl_fail(ncclInvalidUsage, "ranks called different operations, types, sizes or roots");
        parts[i] = (struct maf_collective_part){address(p->send), address(p->receive)};
        places[i] = place(p);
    }
    if (!o->count)
        return ncclSuccess;
    struct maf_cmd_collective head = head_of(o, MAF_GANG_NONE, ranks);
    return issued(maf_collective_command(places, (int)ranks, &head, parts, ranks * sizeof parts[0]));
}

static ncclResult_t issue_message(const struct operation *s, const struct operation *r)
{
    uint64_t bytes = s->count * maf_nccl_type_bytes[s->type];
    if (bytes != r->count * maf_nccl_type_bytes[r->type])
        return maf_nccl_fail(ncclInvalidUsage, "send and receive differ in size");
    struct maf_stream_place places[2] = {place(s), place(r)};
    struct maf_collective_part part = {address(s->send), address(r->receive)};
    struct maf_cmd_collective head = {.gang = MAF_GANG_NONE, .kind = MAF_BROADCAST, .dtype = 1, .count = bytes,
                                      .factor = 1, .entries = 1};
    return bytes ? issued(maf_collective_command(places, 2, &head, &part, sizeof part)) : ncclSuccess;
}

/* --- one rank per process: other ranks read this one's memory, which has to lie where they can -------------------- */
static uint64_t send_bytes(const struct operation *o)
{
    uint64_t bytes = o->count * maf_nccl_type_bytes[o->type];
    int many = o->kind == MAF_REDUCE_SCATTER || o->kind == MAF_ALL_TO_ALL || o->kind == MAF_SCATTER;
    return many ? bytes * (uint64_t)o->comm->ranks : bytes;
}

static uint64_t receive_bytes(const struct operation *o)
{
    uint64_t bytes = o->count * maf_nccl_type_bytes[o->type];
    int many = o->kind == MAF_ALL_GATHER || o->kind == MAF_ALL_TO_ALL || o->kind == MAF_GATHER;
    return many ? bytes * (uint64_t)o->comm->ranks : bytes;
}

static int on_device(const struct operation *o, int (*copy)(void *, uint64_t, uint64_t, uint64_t), uint64_t to,
                     uint64_t from, uint64_t bytes)
{
    int before = maf_current_device();
    maf_set_device(o->comm->device);
    int error = copy(o->stream, to, from, bytes);
    maf_set_device(before);
    return error;
}

static uint64_t reachable(const struct operation *o, uint64_t p, uint64_t bytes, int *error)
{
    if (maf_gang_reaches(p) || *error)
        return p;
    int before = maf_current_device();
    maf_set_device(o->comm->device);
    uint64_t stage = maf_alloc(bytes);
    maf_set_device(before);
    *error = stage ? 0 : MAF_E_OUT_OF_MEMORY;
    return stage;
}

static ncclResult_t issue_in_gang(const struct operation *o)
{
    uint64_t send = address(o->send), receive = address(o->receive);
    int error = 0;
    int sends = o->kind != MAF_BROADCAST && o->kind != MAF_SCATTER, receives = o->kind != MAF_REDUCE && o->kind != MAF_GATHER;
    sends |= o->comm->rank == o->root;
    receives |= o->comm->rank == o->root;
    struct maf_collective_part part = {send, receive};
    if (sends)
        part.send = reachable(o, send, send_bytes(o), &error);
    if (receives && sends && receive == send)
        part.receive = part.send;
    else if (receives)
        part.receive = reachable(o, receive, receive_bytes(o), &error);
    if (!error && sends && part.send != send)
        error = on_device(o, maf_copy, part.send, send, send_bytes(o));
    struct maf_cmd_collective head = head_of(o, o->comm->gang, 1);
    struct maf_stream_place places[1] = {place(o)};
    if (o->type >= REDUCED_TYPES) /* moved as bytes: all have one */
        head.dtype = 1;
    if (!error)
        error = maf_collective_command(places, 1, &head, &part, sizeof part);
    if (!error && receives && part.receive != receive)
        error = on_device(o, maf_copy, receive, part.receive, receive_bytes(o));
    if (part.send != send && part.send)
        maf_free(part.send); /* waits for the work */
    if (part.receive != receive && part.receive && part.receive != part.send)
        maf_free(part.receive);
    return issued(error);
}

/* All messages of the group over this communicator, the first of which is `o`. */
static ncclResult_t exchange_in_gang(struct operation *o)
{
    struct maf_message messages[256];
    uint64_t staged[256];
    struct maf_stream_place places[MAF_GANG_RANKS];
    uint32_t count = 0;
    int streams = 0, error = 0;
    ncclComm_t comm = o->comm;
    for (struct operation *p = o; p && !error; p = p->next) {
        if (p->comm != comm || p->kind != MAF_MESSAGES)
            continue;
        if (count == sizeof messages / sizeof messages[0])
            return maf_nccl_fail(ncclInternalError, "too many messages in one group");
        uint64_t bytes = p->count * maf_nccl_type_bytes[p->type];
        uint64_t at = address(p->send ? p->send : p->receive), near = at;
        if (p->send && bytes) { /* receivers read it */
            near = reachable(p, at, bytes, &error);
            if (!error && near != at)
                error = on_device(p, maf_copy, near, at, bytes);
        }
        staged[count] = near != at ? near : 0;
        messages[count++] = (struct maf_message){near, bytes, (uint32_t)p->root, p->send != NULL};
        int known = 0;
        for (int i = 0; i < streams; i++)
            known |= places[i].stream == p->stream;
        if (!known && streams < (int)MAF_GANG_RANKS)
            places[streams++] = place(p);
        p->comm = NULL; /* done with */
    }
    struct maf_cmd_collective head = {.gang = comm->gang, .kind = MAF_MESSAGES, .dtype = 1, .factor = 1,
                                      .entries = count};
    if (!error)
        error = maf_collective_command(places, streams, &head, messages, count * sizeof messages[0]);
    for (uint32_t i = 0; i < count; i++)
        if (staged[i])
            maf_free(staged[i]);
    return issued(error);
}

/* --- ranks of one process meet --------------------------------------------------------------------------------------- */
static struct operation **find(struct operation **list, int collective, const struct operation *like, int from)
{
    for (; *list; list = &(*list)->next) {
        const struct operation *o = *list;
        if (collective ? o->kind != MAF_MESSAGES : o->kind == MAF_MESSAGES && !o->send && o->root == from && like)
            return list;
    }
    return NULL;
}

static struct operation *take(struct operation **link)
{
    struct operation *o = *link;
    *link = o->next;
    --*o->left;
    return o;
}

/* lock held: issues what all its ranks have called. */
static ncclResult_t meet(struct clique *c)
{
    ncclResult_t result = ncclSuccess;
    if (c->present < c->ranks || c->destroyed)
        return ncclSuccess;
    for (int again = 1; again;) {
        struct operation **links[MAF_GANG_RANKS], *ops[MAF_GANG_RANKS];
        again = 1;
        for (uint32_t i = 0; i < c->ranks; i++)
            again = (links[i] = find(&c->members[i]->waiting, 1, NULL, 0)) != NULL && again;
        if (!again)
            break;
        for (uint32_t i = 0; i < c->ranks; i++)
            ops[i] = take(links[i]);
        ncclResult_t one = issue_all(ops, c->ranks);
        result = result ? result : one;
        for (uint32_t i = 0; i < c->ranks; i++)
            free(ops[i]);
    }
    for (uint32_t i = 0; i < c->ranks; i++)
        for (struct operation **s = &c->members[i]->waiting; *s;) {
            struct operation **r = NULL;
            if ((*s)->kind == MAF_MESSAGES && (*s)->send)
                r = find(&c->members[(*s)->root]->waiting, 0, *s, (int)i);
            if (!r) {
                s = &(*s)->next;
                continue;
            }
            struct operation *receive = *r, *send = *s;
            ncclResult_t one = issue_message(send, receive);
            result = result ? result : one;
            take(r);
            for (s = &c->members[i]->waiting; *s != send;) /* the receive may have been the link before it */
                s = &(*s)->next;
            take(s);
            free(send);
            free(receive);
        }
    return result;
}

/* A message to oneself, alone: with the receive behind or before it. */
static ncclResult_t to_oneself(struct operation *list, struct operation *o)
{
    struct operation *other = list;
    while (other && (other->comm != o->comm || other->kind != MAF_MESSAGES || !other->send == !o->send))
        other = other->next;
    if (!other)
        return maf_nccl_fail(ncclInvalidUsage, "a send to this rank without its receive, or the reverse");
    ncclResult_t result = o->send ? issue_message(o, other) : issue_message(other, o);
    o->comm = other->comm = NULL; /* done with */
    return result;
}

static ncclResult_t run_local(struct operation *list)
{
    ncclResult_t result = ncclSuccess;
    int left = 0;
    maf_nccl_lock();
    for (struct operation *o = list, *next; o; o = next) {
        struct operation **end = &o->comm->waiting;
        next = o->next;
        while (*end)
            end = &(*end)->next;
        o->next = NULL;
        o->left = &left;
        left++;
        *end = o;
        ncclResult_t one = meet(o->comm->clique);
        result = result ? result : one;
    }
    while (left && !maf_fault_now()) { /* other threads have yet to call their ranks' part */
        maf_nccl_unlock();
        maf_nccl_pause();
        maf_nccl_lock();
    }
    maf_nccl_unlock();
    return result;
}

static ncclResult_t run_group(struct operation *list)
{
    struct operation *local = NULL, **local_end = &local, *other = NULL, **other_end = &other;
    ncclResult_t result = ncclSuccess;
    for (struct operation *o = list, *next; o; o = next) {
        struct operation ***end = o->comm->clique ? &local_end : &other_end;
        next = o->next;
        o->next = NULL;
        **end = o;
        *end = &o->next;
    }
    for (struct operation *o = other; o; o = o->next) {
        ncclResult_t one = ncclSuccess;
        if (!o->comm)
            continue;
        if (o->comm->gang != MAF_GANG_NONE)
            one = o->kind == MAF_MESSAGES ? exchange_in_gang(o) : o->count ? issue_in_gang(o) : ncclSuccess;
        else
            one = o->kind == MAF_MESSAGES ? to_oneself(other, o) : issue_all(&o, 1);
        result = result ? result : one;
    }
    while (other) {
        struct operation *next = other->next;
        free(other);
        other = next;
    }
    if (local) {
        ncclResult_t one = run_local(local);
        result = result ? result : one;
    }
    return result;
}

ncclResult_t ncclGroupStart(void)
{
    depth++;
    return ncclSuccess;
}

ncclResult_t ncclGroupEnd(void)
{
    if (depth == 0)
        return maf_nccl_fail(ncclInvalidUsage, "group end without start");
    if (depth > 1) {
        depth--;
        return ncclSuccess;
    }
    ncclResult_t result = ncclSuccess;
    for (int i = 0; i < new_count; i++) {
        ncclResult_t one = maf_nccl_join(*new_comms[i]);
        result = result ? result : one;
    }
    free(new_comms);
    new_comms = NULL;
    new_count = depth = 0;
    struct operation *list = first;
    first = NULL;
    last = NULL;
    if (!result)
        return run_group(list);
    while (list) {
        struct operation *next = list->next;
        free(list);
        list = next;
    }
    return result;
}

/* --- calls ----------------------------------------------------------------------------------------------------------- */
static ncclResult_t note(struct operation o)
{
    if (!maf_nccl_valid(o.comm))
        return maf_nccl_fail(ncclInvalidArgument, "invalid communicator");
    if (o.type < 0 || o.type >= TYPES)
        return maf_nccl_fail(ncclInvalidArgument, "invalid data type");
    if (o.root < 0 || o.root >= o.comm->ranks)
        return maf_nccl_fail(ncclInvalidArgument, o.kind == MAF_MESSAGES ? "invalid peer" : "invalid root");
    struct operation *kept = malloc(sizeof *kept);
    if (!kept)
        return maf_nccl_fail(ncclSystemError, "out of memory");
    o.next = NULL;
    *kept = o;
    if (!depth)
        return run_group(kept);
    if (!first)
        last = &first;
    *last = kept;
    last = &kept->next;
    return ncclSuccess;
}

static int missing(const struct operation *o)
{
    int root = o->comm && o->comm->rank == o->root;
    int sends = (o->kind != MAF_BROADCAST && o->kind != MAF_SCATTER) || root;
    int receives = (o->kind != MAF_REDUCE && o->kind != MAF_GATHER) || root;
    return o->count && ((sends && !o->send) || (receives && !o->receive));
}

static ncclResult_t collective(int kind, const void *send, void *receive, size_t count, int type, int root,
                               ncclComm_t comm, void *stream)
{
    struct operation o = {.comm = comm, .kind = kind, .send = send, .receive = receive, .count = count, .type = type,
                          .root = root, .factor = 1, .stream = stream};
    if (missing(&o))
        return maf_nccl_fail(ncclInvalidArgument, "NULL buffer");
    if (type >= 0 && type < TYPES && type >= REDUCED_TYPES) /* moved as bytes */
        o.type = 1;
    return note(o);
}

static ncclResult_t reduce(int kind, const void *send, void *receive, size_t count, int type, int reduction, int root,
                           ncclComm_t comm, void *stream)
{
    struct operation o = {.comm = comm, .kind = kind, .send = send, .receive = receive, .count = count, .type = type,
                          .reduction = reduction, .root = root, .factor = 1, .stream = stream};
    int own = reduction - FIRST_CREATED;
    if (own >= 0 && own < CREATED && created[own].used) {
        if (created[own].type != type)
            return maf_nccl_fail(ncclInvalidArgument, "the reduction was made for another type");
        o.reduction = 0;
        o.factor = created[own].factor;
        if (created[own].device_factor) {
            uint64_t bits = 0;
            if (maf_read(&bits, address(created[own].device_factor), maf_nccl_type_bytes[type]))
                return maf_nccl_fail(ncclUnhandledCudaError, "the factor cannot be read");
            o.factor = maf_nccl_number(type, &bits);
        }
    } else if (reduction < 0 || reduction >= BUILT_IN) {
        return maf_nccl_fail(ncclInvalidArgument, "invalid reduction");
    }
    if (type >= REDUCED_TYPES && type < TYPES) {
        maf_unsupported("nccl", "reduction of 8-bit floats");
        return maf_nccl_fail(ncclInvalidArgument, "MAF vdev does not reduce 8-bit floats");
    }
    return missing(&o) ? maf_nccl_fail(ncclInvalidArgument, "NULL buffer") : note(o);
}

ncclResult_t ncclAllReduce(const void *send, void *receive, size_t count, int type, int op, ncclComm_t comm,
                           void *stream)
{
    return reduce(MAF_ALL_REDUCE, send, receive, count, type, op, 0, comm, stream);
}

ncclResult_t ncclReduce(const void *send, void *receive, size_t count, int type, int op, int root, ncclComm_t comm,
                        void *stream)
{
    return reduce(MAF_REDUCE, send, receive, count, type, op, root, comm, stream);
}

ncclResult_t ncclReduceScatter(const void *send, void *receive, size_t count, int type, int op, ncclComm_t comm,
                               void *stream)
{
    return reduce(MAF_REDUCE_SCATTER, send, receive, count, type, op, 0, comm, stream);
}

ncclResult_t ncclBroadcast(const void *send, void *receive, size_t count, int type, int root, ncclComm_t comm,
                           void *stream)
{
    return collective(MAF_BROADCAST, send, receive, count, type, root, comm, stream);
}

ncclResult_t ncclBcast(void *buffer, size_t count, int type, int root, ncclComm_t comm, void *stream)
{
    return ncclBroadcast(buffer, buffer, count, type, root, comm, stream);
}

ncclResult_t ncclAllGather(const void *send, void *receive, size_t count, int type, ncclComm_t comm, void *stream)
{
    return collective(MAF_ALL_GATHER, send, receive, count, type, 0, comm, stream);
}

ncclResult_t ncclAlltoAll(const void *send, void *receive, size_t count, int type, ncclComm_t comm, void *stream)
{
    return collective(MAF_ALL_TO_ALL, send, receive, count, type, 0, comm, stream);
}

ncclResult_t ncclGather(const void *send, void *receive, size_t count, int type, int root, ncclComm_t comm,
                        void *stream)
{
    return collective(MAF_GATHER, send, receive, count, type, root, comm, stream);
}

ncclResult_t ncclScatter(const void *send, void *receive, size_t count, int type, int root, ncclComm_t comm,
                         void *stream)
{
    return collective(MAF_SCATTER, send, receive, count, type, root, comm, stream);
}

static ncclResult_t message(const void *send, void *receive, size_t count, int type, int peer, ncclComm_t comm,
                            void *stream)
{
    struct operation o = {.comm = comm, .kind = MAF_MESSAGES, .send = send, .receive = receive, .count = count,
                          .type = type, .root = peer, .stream = stream};
    if (count == 0)
        return maf_nccl_valid(comm) ? ncclSuccess : maf_nccl_fail(ncclInvalidArgument, "invalid communicator");
    if (!send && !receive)
        return maf_nccl_fail(ncclInvalidArgument, "NULL buffer");
    if (!depth && maf_nccl_valid(comm) && peer == comm->rank)
        return maf_nccl_fail(ncclInvalidUsage, "a send to oneself outside a group never ends");
    return note(o);
}

ncclResult_t ncclSend(const void *send, size_t count, int type, int peer, ncclComm_t comm, void *stream)
{
    return message(send, NULL, count, type, peer, comm, stream);
}

ncclResult_t ncclRecv(void *receive, size_t count, int type, int peer, ncclComm_t comm, void *stream)
{
    return message(NULL, receive, count, type, peer, comm, stream);
}

/* --- reductions of one's own ---------------------------------------------------------------------------------------- */
double maf_nccl_number(int type, const void *p)
{
    float single;
    double wide;
    uint32_t bits;
    uint16_t half;
    switch (type) {
    case 6: {
        memcpy(&half, p, sizeof half);
        _Float16 value;
        memcpy(&value, &half, sizeof value);
        return (double)value;
    }
    case 7:
        memcpy(&single, p, sizeof single);
        return (double)single;
    case 8:
        memcpy(&wide, p, sizeof wide);
        return wide;
    case 9:
        memcpy(&half, p, sizeof half);
        bits = (uint32_t)half << 16;
        memcpy(&single, &bits, sizeof single);
        return (double)single;
    }
    return 1;
}

ncclResult_t ncclRedOpCreatePreMulSum(int *op, void *scalar, int type, int residence, ncclComm_t comm)
{
    if (!maf_nccl_valid(comm) || !op || !scalar || (residence != 0 && residence != 1))
        return maf_nccl_fail(ncclInvalidArgument, "invalid reduction");
    if (type < 6 || type >= REDUCED_TYPES) {
        maf_unsupported("nccl", "ncclRedOpCreatePreMulSum of integers");
        return maf_nccl_fail(ncclInvalidArgument, "MAF vdev scales floating-point types only");
    }
    maf_nccl_lock();
    int i = 0;
    while (i < CREATED && created[i].used)
        i++;
    if (i < CREATED) {
        created[i].used = 1;
        created[i].type = type;
        created[i].factor = residence == 1 ? maf_nccl_number(type, scalar) : 1;
        created[i].device_factor = residence == 0 ? scalar : NULL;
    }
    maf_nccl_unlock();
    *op = FIRST_CREATED + i;
    return i < CREATED ? ncclSuccess : maf_nccl_fail(ncclInternalError, "too many reductions");
}

ncclResult_t ncclRedOpDestroy(int op, ncclComm_t comm)
{
    int own = op - FIRST_CREATED;
    if (!maf_nccl_valid(comm) || own < 0 || own >= CREATED || !created[own].used)
        return maf_nccl_fail(ncclInvalidArgument, "no such reduction");
    created[own].used = 0;
    return ncclSuccess;
}
