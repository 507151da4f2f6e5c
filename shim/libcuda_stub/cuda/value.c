/* Words of memory that streams write and wait for. */
#include "front.h"

enum { WRITE_FLAGS = 1 /* no memory barrier */, WAIT_KIND = 3, WAIT_FLUSH = 1 << 30 };
enum { OP_WAIT_32 = 1, OP_WRITE_32 = 2, OP_FLUSH = 3, OP_WAIT_64 = 4, OP_WRITE_64 = 5, OP_BARRIER = 6 };
enum { BATCH_LIMIT = 256 };

static CUresult write_value(CUstream stream, CUdeviceptr p, unsigned long long value, unsigned flags, unsigned bytes)
{
    ENTER();
    return flags & ~WRITE_FLAGS ? MAF_E_INVALID_VALUE : maf_store(stream, p, value, bytes);
}

static CUresult wait_value(CUstream stream, CUdeviceptr p, unsigned long long value, unsigned flags, unsigned bytes)
{
    ENTER();
    if (flags & WAIT_FLUSH)
        return unsupported("flush of remote writes");
    if (flags > WAIT_KIND)
        return MAF_E_INVALID_VALUE;
    return maf_wait_value(stream, p, value, bytes, MAF_WAIT_GEQ + flags);
}

#define VALUES(bits, type)                                                                                   \
    CUresult cuStreamWriteValue##bits(CUstream stream, CUdeviceptr p, type value, unsigned flags)              \
    {                                                                                                          \
        return write_value(stream, p, value, flags, bits / 8);                                                 \
    }                                                                                                          \
    CUresult cuStreamWriteValue##bits##_v2(CUstream stream, CUdeviceptr p, type value, unsigned flags)         \
    {                                                                                                          \
        return write_value(stream, p, value, flags, bits / 8);                                                 \
    }                                                                                                          \
    CUresult cuStreamWriteValue##bits##_ptsz(CUstream stream, CUdeviceptr p, type value, unsigned flags)       \
    {                                                                                                          \
        return write_value(PER_THREAD(stream), p, value, flags, bits / 8);                                     \
    }                                                                                                          \
    CUresult cuStreamWriteValue##bits##_v2_ptsz(CUstream stream, CUdeviceptr p, type value, unsigned flags)    \
    {                                                                                                          \
        return write_value(PER_THREAD(stream), p, value, flags, bits / 8);                                     \
    }                                                                                                          \
    CUresult cuStreamWaitValue##bits(CUstream stream, CUdeviceptr p, type value, unsigned flags)               \
    {                                                                                                          \
        return wait_value(stream, p, value, flags, bits / 8);                                                  \
    }                                                                                                          \
    CUresult cuStreamWaitValue##bits##_v2(CUstream stream, CUdeviceptr p, type value, unsigned flags)          \
    {                                                                                                          \
        return wait_value(stream, p, value, flags, bits / 8);                                                  \
    }                                                                                                          \
    CUresult cuStreamWaitValue##bits##_ptsz(CUstream stream, CUdeviceptr p, type value, unsigned flags)        \
    {                                                                                                          \
        return wait_value(PER_THREAD(stream), p, value, flags, bits / 8);                                      \
    }                                                                                                          \
    CUresult cuStreamWaitValue##bits##_v2_ptsz(CUstream stream, CUdeviceptr p, type value, unsigned flags)     \
    {                                                                                                          \
        return wait_value(PER_THREAD(stream), p, value, flags, bits / 8);                                      \
    }
VALUES(32, unsigned)
VALUES(64, unsigned long long)

static CUresult one(CUstream stream, const CUstreamBatchMemOpParams *op)
{
    switch (op->operation) {
    case OP_WAIT_32:
        return wait_value(stream, op->address, (unsigned)op->value, op->flags, 4);
    case OP_WAIT_64:
        return wait_value(stream, op->address, op->value, op->flags, 8);
    case OP_WRITE_32:
        return write_value(stream, op->address, (unsigned)op->value, op->flags, 4);
    case OP_WRITE_64:
        return write_value(stream, op->address, op->value, op->flags, 8);
    case OP_BARRIER:
        return op->barrier_flags > 1 ? MAF_E_INVALID_VALUE : 0; /* commands of a stream are in order anyway */
    case OP_FLUSH:
        return unsupported("flush of remote writes");
    }
    return MAF_E_INVALID_VALUE;
}

CUresult cuStreamBatchMemOp_v2(CUstream stream, unsigned count, CUstreamBatchMemOpParams *ops, unsigned flags)
{
    CUresult error = flags || count > BATCH_LIMIT || (count && !ops) ? MAF_E_INVALID_VALUE : 0;
    for (unsigned i = 0; i < count && !error; i++)
        error = one(stream, &ops[i]);
    return error;
}

CUresult cuStreamBatchMemOp(CUstream stream, unsigned count, CUstreamBatchMemOpParams *ops, unsigned flags)
{
    return cuStreamBatchMemOp_v2(stream, count, ops, flags);
}

CUresult cuStreamBatchMemOp_ptsz(CUstream stream, unsigned count, CUstreamBatchMemOpParams *ops, unsigned flags)
{
    return cuStreamBatchMemOp_v2(PER_THREAD(stream), count, ops, flags);
}

CUresult cuStreamBatchMemOp_v2_ptsz(CUstream stream, unsigned count, CUstreamBatchMemOpParams *ops, unsigned flags)
{
    return cuStreamBatchMemOp_v2(PER_THREAD(stream), count, ops, flags);
}
