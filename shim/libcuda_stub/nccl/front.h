/* Shared by the files of this folder. */
#ifndef MAF_NCCL_FRONT_H
#define MAF_NCCL_FRONT_H

#include <stddef.h>
#include <stdint.h>

#include "nccl.h"
#include "runtime.h"

/* Bytes of an element by ncclDataType_t: int8 uint8 int32 uint32 int64 uint64 half float double bfloat16 fp8 fp8. */
enum { TYPES = 12, REDUCED_TYPES = 10 /* the eight-bit floats are moved, not reduced */ };
extern const uint8_t maf_nccl_type_bytes[TYPES];

/* The ranks of a communicator are one, or all in this process, or one each in several processes. */
struct clique {
    uint32_t ranks, present, destroyed;
    ncclComm_t *members;
    char id[32];
    struct clique *next;
};

struct ncclComm {
    uint32_t magic;
    int device;
    int ranks, rank;
    ncclUniqueId id;
    struct clique *clique;   /* of a process with all ranks */
    struct maf_gang *shared; /* of several processes */
    uint32_t gang;
    uint32_t splits;
    struct operation *waiting; /* of this rank, that other ranks have not called yet */
};

struct operation {
    struct operation *next;
    ncclComm_t comm;
    int kind; /* enum maf_collective_kind; MAF_MESSAGES is one send or receive */
    const void *send;
    void *receive;
    size_t count;
    int type, reduction, root; /* root: peer of a message */
    double factor;
    void *stream;
    int *left; /* of the call that waits for it */
};

ncclResult_t maf_nccl_fail(ncclResult_t result, const char *text);
int maf_nccl_valid(ncclComm_t comm);
int maf_nccl_group_depth(void);
void maf_nccl_after_group(ncclComm_t *comm); /* a communicator that the end of the group completes */
ncclResult_t maf_nccl_join(ncclComm_t comm); /* waits for the other ranks */
double maf_nccl_number(int type, const void *p); /* value of one element */
void maf_nccl_lock(void);
void maf_nccl_unlock(void);
void maf_nccl_pause(void);

#endif
