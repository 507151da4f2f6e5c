/* NCCL for communicators of one rank: every collective is a copy on the caller's stream, or nothing in place.
 * More ranks are refused at communicator creation, with a message that ncclGetLastError repeats. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "maf_client.h"
#include "nccl.h"

enum { VERSION = 22907, MAGIC = 0x6d61666e, MAX_GROUPED = 1024 };

struct ncclComm {
    uint32_t magic;
    int device;
    ncclUniqueId id;
};

static _Thread_local char last_error[256];

/* Bytes of an element by ncclDataType_t: int8 uint8 int32 uint32 int64 uint64 half float double bfloat16 fp8 fp8. */
static const uint8_t type_bytes[] = {1, 1, 4, 4, 8, 8, 2, 4, 8, 2, 1, 1};
enum { TYPES = sizeof type_bytes, BUILT_IN_OPS = 5 /* sum prod max min avg */ };

static ncclResult_t fail(ncclResult_t result, const char *text)
{
    snprintf(last_error, sizeof last_error, "%s", text);
    maf_log(1, "nccl: %s", text);
    return result;
}

static int valid(ncclComm_t comm)
{
    return comm && comm->magic == MAGIC;
}

ncclResult_t ncclGetVersion(int *version)
{
    if (!version)
        return ncclInvalidArgument;
    *version = VERSION;
    return ncclSuccess;
}

const char *ncclGetErrorString(ncclResult_t result)
{
    static const char *const texts[] = {
        "no error",        "unhandled cuda error", "unhandled system error", "internal error",
        "invalid argument", "invalid usage",        "remote process error",   "operation in progress",
    };
    return (unsigned)result < sizeof texts / sizeof texts[0] ? texts[result] : "unknown result code";
}

const char *ncclGetLastError(ncclComm_t comm)
{
    (void)comm;
    return last_error;
}

/* --- communicators ---- */

ncclResult_t ncclGetUniqueId(ncclUniqueId *id)
{
    if (!id)
        return ncclInvalidArgument;
    memset(id, 0, sizeof *id);
    return getrandom(id->internal, 32, 0) == 32 ? ncclSuccess : ncclSystemError;
}

ncclResult_t ncclCommGetUniqueId(ncclComm_t comm, ncclUniqueId *id)
{
    if (!valid(comm) || !id)
        return ncclInvalidArgument;
    *id = comm->id;
    return ncclSuccess;
}

static ncclResult_t create(ncclComm_t *comm, int ranks, int rank, const ncclUniqueId *id, int device)
{
    if (!comm || !id || ranks < 1 || rank < 0 || rank >= ranks)
        return fail(ncclInvalidArgument, "invalid communicator size or rank");
    if (ranks > 1) {
        maf_unsupported("nccl", "communicators of more than one rank");
        return fail(ncclInvalidUsage, "MAF vdev supports communicators of one rank only");
    }
    ncclComm_t made = calloc(1, sizeof *made);
    if (!made)
        return fail(ncclSystemError, "out of memory");
    made->magic = MAGIC;
    made->device = device;
    made->id = *id;
    *comm = made;
    return ncclSuccess;
}

ncclResult_t ncclCommInitRank(ncclComm_t *comm, int ranks, ncclUniqueId id, int rank)
{
    return create(comm, ranks, rank, &id, maf_current_device());
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t *comm, int ranks, ncclUniqueId id, int rank, void *config)
{
    (void)config;
    return create(comm, ranks, rank, &id, maf_current_device());
}

ncclResult_t ncclCommInitRankScalable(ncclComm_t *comm, int ranks, int rank, int ids, ncclUniqueId *id, void *config)
{
    (void)config;
    return create(comm, ranks, rank, ids > 0 ? id : NULL, maf_current_device());
}

ncclResult_t ncclCommInitAll(ncclComm_t *comms, int devices, const int *list)
{
    ncclUniqueId id;
    ncclResult_t result = ncclGetUniqueId(&id);
    return result == ncclSuccess ? create(comms, devices, 0, &id, list ? list[0] : 0) : result;
}

ncclResult_t ncclCommSplit(ncclComm_t comm, int color, int key, ncclComm_t *out, void *config)
{
    (void)key, (void)config;
    if (!valid(comm) || !out)
        return ncclInvalidArgument;
    *out = NULL;
    if (color < 0) /* NCCL_SPLIT_NOCOLOR: this rank is in no new communicator */
        return ncclSuccess;
    return create(out, 1, 0, &comm->id, comm->device);
}

ncclResult_t ncclCommFinalize(ncclComm_t comm)
{
    return valid(comm) ? ncclSuccess : ncclInvalidArgument;
}

ncclResult_t ncclCommDestroy(ncclComm_t comm)
{
    if (!comm)
        return ncclSuccess;
    if (!valid(comm))
        return ncclInvalidArgument;
    comm->magic = 0;
    free(comm);
    return ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t comm)
{
    return ncclCommDestroy(comm);
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t *error)
{
    if (!valid(comm) || !error)
        return ncclInvalidArgument;
    *error = ncclSuccess;
    return ncclSuccess;
}

ncclResult_t ncclCommCount(ncclComm_t comm, int *count)
{
    if (!valid(comm) || !count)
        return ncclInvalidArgument;
    *count = 1;
    return ncclSuccess;
}

ncclResult_t ncclCommCuDevice(ncclComm_t comm, int *device)
{
    if (!valid(comm) || !device)
        return ncclInvalidArgument;
    *device = comm->device;
    return ncclSuccess;
}

ncclResult_t ncclCommUserRank(ncclComm_t comm, int *rank)
{
    if (!valid(comm) || !rank)
        return ncclInvalidArgument;
    *rank = 0;
    return ncclSuccess;
}

/* --- memory ---- */

ncclResult_t ncclMemAlloc(void **pointer, size_t bytes)
{
    if (!pointer)
        return ncclInvalidArgument;
    *pointer = (void *)(uintptr_t)maf_alloc(bytes);
    return *pointer ? ncclSuccess : fail(ncclUnhandledCudaError, "out of device memory");
}

ncclResult_t ncclMemFree(void *pointer)
{
    maf_free((uint64_t)(uintptr_t)pointer);
    return ncclSuccess;
}

/* Registration tells NCCL about buffers ahead of their use; with one rank there is nobody to tell. */
ncclResult_t ncclCommRegister(ncclComm_t comm, void *buffer, size_t bytes, void **handle)
{
    if (!valid(comm) || !buffer || bytes == 0 || !handle)
        return ncclInvalidArgument;
    *handle = buffer;
    return ncclSuccess;
}

ncclResult_t ncclCommDeregister(ncclComm_t comm, void *handle)
{
    return valid(comm) && handle ? ncclSuccess : ncclInvalidArgument;
}

/* --- collectives ---- */

static ncclResult_t copy(const void *from, void *to, size_t count, int type, ncclComm_t comm, void *stream)
{
    if (!valid(comm))
        return fail(ncclInvalidArgument, "invalid communicator");
    if (type < 0 || type >= TYPES)
        return fail(ncclInvalidArgument, "invalid data type");
    if (count == 0 || from == to)
        return ncclSuccess;
    if (!from || !to)
        return fail(ncclInvalidArgument, "NULL buffer");
    if (maf_copy(stream, (uint64_t)(uintptr_t)to, (uint64_t)(uintptr_t)from, count * type_bytes[type]))
        return fail(ncclUnhandledCudaError, "the copy could not be issued");
    return ncclSuccess;
}

static ncclResult_t reduce(const void *from, void *to, size_t count, int type, int op, ncclComm_t comm, void *stream)
{
    if (op < 0 || op >= BUILT_IN_OPS)
        return fail(ncclInvalidArgument, "invalid reduction");
    return copy(from, to, count, type, comm, stream);
}

static ncclResult_t rooted(int root)
{
    return root == 0 ? ncclSuccess : fail(ncclInvalidArgument, "invalid root");
}

ncclResult_t ncclAllReduce(const void *send, void *receive, size_t count, int type, int op, ncclComm_t comm,
                           void *stream)
{
    return reduce(send, receive, count, type, op, comm, stream);
}

ncclResult_t ncclReduce(const void *send, void *receive, size_t count, int type, int op, int root, ncclComm_t comm,
                        void *stream)
{
    ncclResult_t result = rooted(root);
    return result ? result : reduce(send, receive, count, type, op, comm, stream);
}

ncclResult_t ncclReduceScatter(const void *send, void *receive, size_t count, int type, int op, ncclComm_t comm,
                               void *stream)
{
    return reduce(send, receive, count, type, op, comm, stream);
}

ncclResult_t ncclBroadcast(const void *send, void *receive, size_t count, int type, int root, ncclComm_t comm,
                           void *stream)
{
    ncclResult_t result = rooted(root);
    return result ? result : copy(send, receive, count, type, comm, stream);
}

ncclResult_t ncclBcast(void *buffer, size_t count, int type, int root, ncclComm_t comm, void *stream)
{
    return ncclBroadcast(buffer, buffer, count, type, root, comm, stream);
}

ncclResult_t ncclAllGather(const void *send, void *receive, size_t count, int type, ncclComm_t comm, void *stream)
{
    return copy(send, receive, count, type, comm, stream);
}

ncclResult_t ncclAlltoAll(const void *send, void *receive, size_t count, int type, ncclComm_t comm, void *stream)
{
    return copy(send, receive, count, type, comm, stream);
}

ncclResult_t ncclGather(const void *send, void *receive, size_t count, int type, int root, ncclComm_t comm,
                        void *stream)
{
    return ncclBroadcast(send, receive, count, type, root, comm, stream);
}

ncclResult_t ncclScatter(const void *send, void *receive, size_t count, int type, int root, ncclComm_t comm,
                         void *stream)
{
    return ncclBroadcast(send, receive, count, type, root, comm, stream);
}

/* --- point to point: a send to oneself meets its receive at the end of the group ---- */

struct message {
    const void *send;
    void *receive;
    size_t count;
    int type;
    ncclComm_t comm;
    void *stream;
};
static _Thread_local int group_depth;
static _Thread_local struct message *sends, *receives; /* of MAX_GROUPED, while a group has any */
static _Thread_local int send_count, receive_count;

static ncclResult_t match(void)
{
    ncclResult_t result = ncclSuccess;
    if (send_count != receive_count)
        result = fail(ncclInvalidUsage, "a send to this rank without its receive, or the reverse");
    for (int i = 0; i < send_count && result == ncclSuccess; i++) {
        const struct message *s = &sends[i], *r = &receives[i];
        if (s->comm != r->comm || s->count != r->count || s->type != r->type)
            result = fail(ncclInvalidUsage, "send and receive differ in size, type or communicator");
        else
            result = copy(s->send, r->receive, s->count, s->type, s->comm, s->stream);
    }
    send_count = receive_count = 0;
    free(sends);
    free(receives);
    sends = receives = NULL;
    return result;
}

ncclResult_t ncclGroupStart(void)
{
    group_depth++;
    return ncclSuccess;
}

ncclResult_t ncclGroupEnd(void)
{
    if (group_depth == 0)
        return fail(ncclInvalidUsage, "group end without start");
    return --group_depth ? ncclSuccess : match();
}

static ncclResult_t enqueue(struct message **list, int *count, struct message m, int peer)
{
    if (!valid(m.comm) || peer != 0)
        return fail(ncclInvalidArgument, "invalid communicator or peer");
    if (group_depth == 0)
        return fail(ncclInvalidUsage, "a send to oneself outside a group never ends");
    if (*count == MAX_GROUPED)
        return fail(ncclInternalError, "too many messages in one group");
    if (!*list && !(*list = calloc(MAX_GROUPED, sizeof **list)))
        return fail(ncclSystemError, "out of memory");
    (*list)[(*count)++] = m;
    return ncclSuccess;
}

ncclResult_t ncclSend(const void *send, size_t count, int type, int peer, ncclComm_t comm, void *stream)
{
    struct message m = {.send = send, .count = count, .type = type, .comm = comm, .stream = stream};
    return enqueue(&sends, &send_count, m, peer);
}

ncclResult_t ncclRecv(void *receive, size_t count, int type, int peer, ncclComm_t comm, void *stream)
{
    struct message m = {.receive = receive, .count = count, .type = type, .comm = comm, .stream = stream};
    return enqueue(&receives, &receive_count, m, peer);
}
