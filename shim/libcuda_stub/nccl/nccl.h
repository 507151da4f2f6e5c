/* NCCL between ranks of one machine. Include <stddef.h> first. */
#ifndef MAF_NCCL_H
#define MAF_NCCL_H

typedef enum {
    ncclSuccess = 0,
    ncclUnhandledCudaError = 1,
    ncclSystemError = 2,
    ncclInternalError = 3,
    ncclInvalidArgument = 4,
    ncclInvalidUsage = 5,
    ncclRemoteError = 6,
    ncclInProgress = 7
} ncclResult_t;

typedef struct ncclComm *ncclComm_t;
typedef struct {
    char internal[128];
} ncclUniqueId;

ncclResult_t ncclGetVersion(int *version);
const char *ncclGetErrorString(ncclResult_t result);
const char *ncclGetLastError(ncclComm_t comm);
ncclResult_t ncclGetUniqueId(ncclUniqueId *id);
ncclResult_t ncclCommGetUniqueId(ncclComm_t comm, ncclUniqueId *id);

ncclResult_t ncclCommInitRank(ncclComm_t *comm, int ranks, ncclUniqueId id, int rank);
ncclResult_t ncclCommInitRankConfig(ncclComm_t *comm, int ranks, ncclUniqueId id, int rank, void *config);
ncclResult_t ncclCommInitRankScalable(ncclComm_t *comm, int ranks, int rank, int ids, ncclUniqueId *id, void *config);
ncclResult_t ncclCommInitAll(ncclComm_t *comms, int devices, const int *list);
ncclResult_t ncclCommSplit(ncclComm_t comm, int color, int key, ncclComm_t *out, void *config);
ncclResult_t ncclCommFinalize(ncclComm_t comm);
ncclResult_t ncclCommDestroy(ncclComm_t comm);
ncclResult_t ncclCommAbort(ncclComm_t comm);
ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t *error);
ncclResult_t ncclCommCount(ncclComm_t comm, int *count);
ncclResult_t ncclCommCuDevice(ncclComm_t comm, int *device);
ncclResult_t ncclCommUserRank(ncclComm_t comm, int *rank);

ncclResult_t ncclMemAlloc(void **pointer, size_t bytes);
ncclResult_t ncclMemFree(void *pointer);
ncclResult_t ncclCommRegister(ncclComm_t comm, void *buffer, size_t bytes, void **handle);
ncclResult_t ncclCommDeregister(ncclComm_t comm, void *handle);

ncclResult_t ncclGroupStart(void);
ncclResult_t ncclGroupEnd(void);

ncclResult_t ncclAllReduce(const void *send, void *receive, size_t count, int type, int op, ncclComm_t comm,
                           void *stream);
ncclResult_t ncclReduce(const void *send, void *receive, size_t count, int type, int op, int root, ncclComm_t comm,
                        void *stream);
ncclResult_t ncclReduceScatter(const void *send, void *receive, size_t count, int type, int op, ncclComm_t comm,
                               void *stream);
ncclResult_t ncclBroadcast(const void *send, void *receive, size_t count, int type, int root, ncclComm_t comm,
                           void *stream);
ncclResult_t ncclBcast(void *buffer, size_t count, int type, int root, ncclComm_t comm, void *stream);
ncclResult_t ncclAllGather(const void *send, void *receive, size_t count, int type, ncclComm_t comm, void *stream);
ncclResult_t ncclAlltoAll(const void *send, void *receive, size_t count, int type, ncclComm_t comm, void *stream);
ncclResult_t ncclGather(const void *send, void *receive, size_t count, int type, int root, ncclComm_t comm,
                        void *stream);
ncclResult_t ncclScatter(const void *send, void *receive, size_t count, int type, int root, ncclComm_t comm,
                         void *stream);
ncclResult_t ncclSend(const void *send, size_t count, int type, int peer, ncclComm_t comm, void *stream);
ncclResult_t ncclRecv(void *receive, size_t count, int type, int peer, ncclComm_t comm, void *stream);
ncclResult_t ncclRedOpCreatePreMulSum(int *op, void *scalar, int type, int residence, ncclComm_t comm);
ncclResult_t ncclRedOpDestroy(int op, ncclComm_t comm);

#endif
