/* Communicators: how ranks find each other. A unique id names a file in /dev/shm, in which each rank writes who it is. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "front.h"
#include "process_ended.h"

enum { VERSION = 22907, MAGIC = 0x6d61666e, RANDOM_BYTES = 16, MACHINE_BYTES = 36, WAIT_SECONDS = 1800 };

const uint8_t maf_nccl_type_bytes[TYPES] = {1, 1, 4, 4, 8, 8, 2, 4, 8, 2, 1, 1};

static _Thread_local char last_error[256];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct clique *cliques; /* that still wait for members */
static uint64_t gangs_used;    /* a bit each */

void maf_nccl_lock(void)
{
    pthread_mutex_lock(&mutex);
}

void maf_nccl_unlock(void)
{
    pthread_mutex_unlock(&mutex);
}

void maf_nccl_pause(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
}

ncclResult_t maf_nccl_fail(ncclResult_t result, const char *text)
{
    snprintf(last_error, sizeof last_error, "%s", text);
    maf_log(1, "nccl: %s", text);
    return result;
}

int maf_nccl_valid(ncclComm_t comm)
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

/* --- ids: random bytes, then the machine that made it -------------------------------------------------------------- */
static void machine(char out[MACHINE_BYTES])
{
    memset(out, 0, MACHINE_BYTES);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (read(fd, out, MACHINE_BYTES) < 0)
            memset(out, 0, MACHINE_BYTES);
        close(fd);
    }
}

ncclResult_t ncclGetUniqueId(ncclUniqueId *id)
{
    if (!id)
        return ncclInvalidArgument;
    memset(id, 0, sizeof *id);
    machine(id->internal + RANDOM_BYTES);
    return getrandom(id->internal, RANDOM_BYTES, 0) == RANDOM_BYTES ? ncclSuccess : ncclSystemError;
}

ncclResult_t ncclCommGetUniqueId(ncclComm_t comm, ncclUniqueId *id)
{
    if (!maf_nccl_valid(comm) || !id)
        return ncclInvalidArgument;
    *id = comm->id;
    return ncclSuccess;
}

static void file_name(const ncclUniqueId *id, char out[80])
{
    int n = snprintf(out, 80, "/dev/shm/maf-nccl-");
    for (int i = 0; i < RANDOM_BYTES; i++)
        n += snprintf(out + n, 80 - (size_t)n, "%02x", (unsigned char)id->internal[i]);
}

/* --- the meeting ------------------------------------------------------------------------------------------------------ */
static struct maf_gang *open_gang(const ncclUniqueId *id, int *fd)
{
    char name[80];
    file_name(id, name);
    *fd = maf_private_descriptor(open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (*fd < 0 || ftruncate(*fd, sizeof(struct maf_gang)) != 0)
        return NULL;
    void *p = mmap(NULL, sizeof(struct maf_gang), PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

static int all_joined(const struct maf_gang *g, int ranks)
{
    for (int i = 0; i < ranks; i++)
        if (!__atomic_load_n(&g->rank_info[i].joined, __ATOMIC_ACQUIRE))
            return 0;
    return 1;
}

static int somebody_ended(const struct maf_gang *g, int ranks)
{
    for (int i = 0; i < ranks; i++)
        if (__atomic_load_n(&g->rank_info[i].joined, __ATOMIC_ACQUIRE) && maf_process_ended(g->rank_info[i].pid))
            return 1;
    return 0;
}

static ncclResult_t wait_for_ranks(const struct maf_gang *g, int ranks, int attached)
{
    for (uint64_t n = 0;; n++) {
        if (attached ? __atomic_load_n(&g->attached, __ATOMIC_ACQUIRE) == (uint64_t)ranks : all_joined(g, ranks))
            return ncclSuccess;
        if (n % 2000 == 1999 && somebody_ended(g, ranks))
            return maf_nccl_fail(ncclRemoteError, "a rank's process ended before the communicator was complete");
        if (n > WAIT_SECONDS * 20000ull)
            return maf_nccl_fail(ncclSystemError, "not all ranks came; they have to run on this machine");
        maf_nccl_pause();
    }
}

static ncclResult_t enter_clique(ncclComm_t comm)
{
    maf_nccl_lock();
    struct clique *c = cliques;
    while (c && memcmp(c->id, comm->id.internal, RANDOM_BYTES) != 0)
        c = c->next;
    if (!c && (c = calloc(1, sizeof *c)) && (c->members = calloc((size_t)comm->ranks, sizeof *c->members))) {
        c->ranks = (uint32_t)comm->ranks;
        memcpy(c->id, comm->id.internal, RANDOM_BYTES);
        c->next = cliques;
        cliques = c;
    }
    if (c && c->members) {
        c->members[comm->rank] = comm;
        comm->clique = c;
        if (++c->present == c->ranks)
            for (struct clique **link = &cliques; *link; link = &(*link)->next)
                if (*link == c) {
                    *link = c->next;
                    break;
                }
    }
    maf_nccl_unlock();
    return comm->clique ? ncclSuccess : maf_nccl_fail(ncclSystemError, "out of memory");
}

static ncclResult_t enter_gang(ncclComm_t comm, int fd)
{
    struct maf_gang_query query = {.descriptor = fd, .rank = (uint32_t)comm->rank};
    char *reply = NULL;
    uint64_t bytes;
    maf_nccl_lock();
    comm->gang = MAF_GANG_NONE;
    for (uint32_t i = 0; i < MAF_GANGS && comm->gang == MAF_GANG_NONE; i++)
        if (!(gangs_used & 1ull << i)) {
            gangs_used |= 1ull << i;
            comm->gang = i;
        }
    maf_nccl_unlock();
    if (comm->gang == MAF_GANG_NONE)
        return maf_nccl_fail(ncclSystemError, "too many communicators");
    query.gang = comm->gang;
    int error = maf_ask(MAF_REQ_GANG, &query, sizeof query, NULL, 0, &reply, &bytes);
    if (error)
        maf_nccl_fail(ncclSystemError, reply && *reply ? reply : "the executor cannot map the ranks' memory");
    free(reply);
    if (error) {
        maf_nccl_lock();
        gangs_used &= ~(1ull << comm->gang);
        maf_nccl_unlock();
        return ncclSystemError;
    }
    __atomic_fetch_add(&comm->shared->attached, 1, __ATOMIC_SEQ_CST);
    return wait_for_ranks(comm->shared, comm->ranks, 1);
}

static int in_this_process(const struct maf_gang *g, int ranks)
{
    int count = 0;
    for (int i = 0; i < ranks; i++)
        count += g->rank_info[i].pid == getpid();
    return count;
}

/* The first half of joining, which waits for nobody. */
static ncclResult_t announce(ncclComm_t comm, uint32_t color, int32_t key)
{
    char here[MACHINE_BYTES];
    struct maf_gang_rank me;
    machine(here);
    if (memcmp(here, comm->id.internal + RANDOM_BYTES, MACHINE_BYTES) != 0) {
        maf_unsupported("nccl", "ranks on several machines");
        return maf_nccl_fail(ncclInvalidUsage, "MAF vdev supports ranks of one machine only");
    }
    int fd, error = maf_gang_describe(comm->device, &me);
    if (error)
        return maf_nccl_fail(ncclUnhandledCudaError, "no device");
    comm->shared = open_gang(&comm->id, &fd);
    if (!comm->shared)
        return maf_nccl_fail(ncclSystemError, "no shared memory in /dev/shm");
    close(fd);
    struct maf_gang_rank *mine = &comm->shared->rank_info[comm->rank];
    if (mine->joined)
        return maf_nccl_fail(ncclInvalidUsage, "two ranks have the same number");
    comm->shared->ranks = (uint32_t)comm->ranks;
    me.reserved = color;
    me.root = (uint32_t)key;
    *mine = me;
    __atomic_store_n(&mine->joined, 1, __ATOMIC_RELEASE);
    return ncclSuccess;
}

ncclResult_t maf_nccl_join(ncclComm_t comm)
{
    char name[80];
    int fd;
    if (!comm->shared)
        return ncclSuccess;
    ncclResult_t result = wait_for_ranks(comm->shared, comm->ranks, 0);
    if (result)
        return result;
    int here = in_this_process(comm->shared, comm->ranks);
    if (here == comm->ranks) {
        result = enter_clique(comm);
    } else if (here > 1) {
        maf_unsupported("nccl", "several ranks in each of several processes");
        return maf_nccl_fail(ncclInvalidUsage, "MAF vdev supports all ranks in one process, or one in each");
    } else {
        struct maf_gang *again = open_gang(&comm->id, &fd);
        result = again ? enter_gang(comm, fd) : ncclSystemError;
        if (again)
            munmap(again, sizeof *again);
        if (fd >= 0)
            close(fd);
    }
    file_name(&comm->id, name);
    if (comm->rank == 0)
        unlink(name);
    if (comm->clique) {
        munmap(comm->shared, sizeof *comm->shared);
        comm->shared = NULL;
    }
    return result;
}

static ncclComm_t new_comm(int ranks, int rank, const ncclUniqueId *id, int device)
{
    ncclComm_t c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->magic = MAGIC;
    c->device = device;
    c->ranks = ranks;
    c->rank = rank;
    c->id = *id;
    c->gang = MAF_GANG_NONE;
    return c;
}

static void drop(ncclComm_t comm)
{
    if (comm->shared)
        munmap(comm->shared, sizeof *comm->shared);
    comm->magic = 0;
    free(comm);
}

static ncclResult_t create(ncclComm_t *comm, int ranks, int rank, const ncclUniqueId *id, int device)
{
    if (!comm || !id || ranks < 1 || rank < 0 || rank >= ranks)
        return maf_nccl_fail(ncclInvalidArgument, "invalid communicator size or rank");
    if (ranks > (int)MAF_GANG_RANKS)
        return maf_nccl_fail(ncclInvalidUsage, "more ranks than MAF vdev supports");
    ncclComm_t made = new_comm(ranks, rank, id, device);
    if (!made)
        return maf_nccl_fail(ncclSystemError, "out of memory");
    ncclResult_t result = ranks > 1 ? announce(made, 0, 0) : ncclSuccess;
    if (!result && ranks > 1 && maf_nccl_group_depth()) {
        *comm = made;
        maf_nccl_after_group(comm);
        return ncclSuccess;
    }
    if (!result)
        result = maf_nccl_join(made);
    if (result) {
        drop(made);
        made = NULL;
    }
    *comm = made;
    return result;
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
    int visible;
    ncclResult_t result = ncclGetUniqueId(&id);
    if (result || !comms || devices < 1 || maf_device_count(&visible))
        return result ? result : maf_nccl_fail(ncclInvalidArgument, "invalid device list");
    for (int i = 0; i < devices; i++)
        if ((list ? list[i] : i) >= visible || (list && list[i] < 0))
            return maf_nccl_fail(ncclInvalidArgument, "no such device");
    struct clique *c = devices > 1 ? calloc(1, sizeof *c) : NULL;
    ncclComm_t *members = devices > 1 ? calloc((size_t)devices, sizeof *members) : NULL;
    if (devices > (int)MAF_GANG_RANKS || (devices > 1 && (!c || !members))) {
        free(c);
        free(members);
        return maf_nccl_fail(ncclSystemError, "out of memory");
    }
    if (c)
        *c = (struct clique){.ranks = (uint32_t)devices, .present = (uint32_t)devices, .members = members};
    for (int i = 0; i < devices; i++) {
        if (!(comms[i] = new_comm(devices, i, &id, list ? list[i] : i)))
            return maf_nccl_fail(ncclSystemError, "out of memory");
        comms[i]->clique = c;
        if (c)
            members[i] = comms[i];
    }
    return ncclSuccess;
}

/* --- subsets ------------------------------------------------------------------------------------------------------------ */
static void derive(ncclUniqueId *id, uint64_t salt)
{
    uint64_t words[RANDOM_BYTES / 8];
    memcpy(words, id->internal, RANDOM_BYTES);
    for (int round = 0; round < 4; round++)
        for (size_t i = 0; i < sizeof words / 8; i++) {
            words[i] = (words[i] ^ salt ^ words[!i]) * 0x9e3779b97f4a7c15u;
            words[i] ^= words[i] >> 31;
        }
    memcpy(id->internal, words, RANDOM_BYTES);
}

/* The ranks meet under an id of their own and tell each other their colours. */
ncclResult_t ncclCommSplit(ncclComm_t comm, int color, int key, ncclComm_t *out, void *config)
{
    (void)config;
    if (!maf_nccl_valid(comm) || !out)
        return ncclInvalidArgument;
    *out = NULL;
    if (comm->clique) {
        maf_unsupported("nccl", "ncclCommSplit with several ranks in one process");
        return maf_nccl_fail(ncclInvalidUsage, "MAF vdev splits communicators with one rank per process only");
    }
    if (comm->ranks == 1)
        return color < 0 ? ncclSuccess : create(out, 1, 0, &comm->id, comm->device);
    ncclUniqueId id = comm->id;
    derive(&id, ++comm->splits);
    ncclComm_t meeting = new_comm(comm->ranks, comm->rank, &id, comm->device);
    if (!meeting)
        return maf_nccl_fail(ncclSystemError, "out of memory");
    ncclResult_t result = announce(meeting, (uint32_t)color, key);
    if (!result)
        result = wait_for_ranks(meeting->shared, meeting->ranks, 0);
    int ranks = 0, rank = 0;
    for (int i = 0; i < comm->ranks && !result; i++) {
        const struct maf_gang_rank *r = &meeting->shared->rank_info[i];
        if (r->reserved != (uint32_t)color)
            continue;
        ranks++;
        rank += (int32_t)r->root < key || ((int32_t)r->root == key && i < comm->rank);
    }
    if (!result) { /* nobody may remove the file before all have read it */
        char name[80];
        __atomic_fetch_add(&meeting->shared->attached, 1, __ATOMIC_SEQ_CST);
        result = wait_for_ranks(meeting->shared, meeting->ranks, 1);
        file_name(&id, name);
        if (comm->rank == 0)
            unlink(name);
    }
    drop(meeting);
    derive(&id, 0x636f6c6f72ull + (uint64_t)(uint32_t)color * 0x100000001b3u);
    return result || color < 0 ? result : create(out, ranks, rank, &id, comm->device);
}

/* --- the end ------------------------------------------------------------------------------------------------------------ */
ncclResult_t ncclCommFinalize(ncclComm_t comm)
{
    return maf_nccl_valid(comm) ? ncclSuccess : ncclInvalidArgument;
}

ncclResult_t ncclCommDestroy(ncclComm_t comm)
{
    if (!comm)
        return ncclSuccess;
    if (!maf_nccl_valid(comm))
        return ncclInvalidArgument;
    if (comm->gang != MAF_GANG_NONE) {
        struct maf_gang_query query = {.gang = comm->gang, .descriptor = -1};
        char *reply = NULL;
        uint64_t bytes;
        if (maf_device_sync() == 0)
            maf_ask(MAF_REQ_GANG, &query, sizeof query, NULL, 0, &reply, &bytes);
        free(reply);
        maf_nccl_lock();
        gangs_used &= ~(1ull << comm->gang);
        maf_nccl_unlock();
    }
    if (comm->clique) {
        maf_nccl_lock();
        comm->clique->members[comm->rank] = NULL;
        int last = ++comm->clique->destroyed == comm->clique->ranks;
        maf_nccl_unlock();
        if (last) {
            free(comm->clique->members);
            free(comm->clique);
        }
    }
    drop(comm);
    return ncclSuccess;
}

/* The executors of all ranks stop waiting for each other. */
ncclResult_t ncclCommAbort(ncclComm_t comm)
{
    if (comm && maf_nccl_valid(comm) && comm->gang != MAF_GANG_NONE) {
        __atomic_store_n(&comm->shared->aborted, 1, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&comm->shared->pulse, 1, __ATOMIC_SEQ_CST);
        syscall(SYS_futex, &comm->shared->pulse, 1 /* FUTEX_WAKE */, 0x7fffffff, NULL, NULL, 0);
    }
    return ncclCommDestroy(comm);
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t *error)
{
    if (!maf_nccl_valid(comm) || !error)
        return ncclInvalidArgument;
    int aborted = comm->gang != MAF_GANG_NONE && __atomic_load_n(&comm->shared->aborted, __ATOMIC_ACQUIRE);
    *error = aborted ? ncclRemoteError : ncclSuccess;
    return ncclSuccess;
}

ncclResult_t ncclCommCount(ncclComm_t comm, int *count)
{
    if (!maf_nccl_valid(comm) || !count)
        return ncclInvalidArgument;
    *count = comm->ranks;
    return ncclSuccess;
}

ncclResult_t ncclCommCuDevice(ncclComm_t comm, int *device)
{
    if (!maf_nccl_valid(comm) || !device)
        return ncclInvalidArgument;
    *device = comm->device;
    return ncclSuccess;
}

ncclResult_t ncclCommUserRank(ncclComm_t comm, int *rank)
{
    if (!maf_nccl_valid(comm) || !rank)
        return ncclInvalidArgument;
    *rank = comm->rank;
    return ncclSuccess;
}

/* --- memory ---- */

ncclResult_t ncclMemAlloc(void **pointer, size_t bytes)
{
    if (!pointer)
        return ncclInvalidArgument;
    *pointer = (void *)(uintptr_t)maf_alloc(bytes);
    return *pointer ? ncclSuccess : maf_nccl_fail(ncclUnhandledCudaError, "out of device memory");
}

ncclResult_t ncclMemFree(void *pointer)
{
    maf_free((uint64_t)(uintptr_t)pointer);
    return ncclSuccess;
}

/* Registration tells NCCL about buffers ahead of their use; all memory is within reach already. */
ncclResult_t ncclCommRegister(ncclComm_t comm, void *buffer, size_t bytes, void **handle)
{
    if (!maf_nccl_valid(comm) || !buffer || bytes == 0 || !handle)
        return ncclInvalidArgument;
    *handle = buffer;
    return ncclSuccess;
}

ncclResult_t ncclCommDeregister(ncclComm_t comm, void *handle)
{
    return maf_nccl_valid(comm) && handle ? ncclSuccess : ncclInvalidArgument;
}
