/* Commands that several streams share, and what other processes must know to read this one's memory. */
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>

#include "internal.h"

static struct maf_stream *stream_at(const struct maf_stream_place *place)
{
    int before = maf_current_device();
    if (place->device != before && maf_set_device(place->device))
        return NULL;
    struct maf_stream *s = maf_stream_of(place->stream);
    if (place->device != before)
        maf_set_device(before);
    return s;
}

int maf_collective_command(const struct maf_stream_place *streams, int count, const struct maf_cmd_collective *head,
                           const void *entries, uint64_t bytes)
{
    struct maf_stream *all[MAF_GANG_RANKS];
    int error = maf_enter_device();
    if (error || count < 1 || count > (int)MAF_GANG_RANKS)
        return error ? error : MAF_E_INVALID_VALUE;
    for (int i = 0; i < count; i++) {
        if (!(all[i] = stream_at(&streams[i])))
            return MAF_E_INVALID_HANDLE;
        if (count > 1 && all[i] != all[0] && (maf_capturing(all[i]) || maf_capturing(all[0]))) {
            maf_unsupported("nccl", "capture of collectives over several devices of one process");
            return MAF_E_CAPTURE_UNSUPPORTED;
        }
    }
    for (int i = 1; i < count && !error; i++)
        if (all[i] != all[0])
            error = maf_stream_wait_point(all[0], maf_stream_mark(all[i]));
    if (error)
        return error;
    struct maf_cmd_collective *c = maf_command_begin(all[0], MAF_CMD_COLLECTIVE, sizeof *c + bytes);
    if (!c)
        return maf_command_lost(all[0]);
    memcpy((char *)c + sizeof c->h, (const char *)head + sizeof head->h, sizeof *c - sizeof c->h);
    memcpy(c + 1, entries, bytes);
    error = maf_command_end(all[0], c, MAF_NODE_OP, NULL);
    for (int i = 1; i < count && !error; i++)
        error = maf_stream_wait_point(all[i], maf_stream_point(all[0]));
    return error;
}

int maf_gang_describe(int device, struct maf_gang_rank *out)
{
    int error = maf_enter_device();
    memset(out, 0, sizeof *out);
    if (error)
        return error;
    out->pid = (int32_t)getpid();
    out->descriptor = maf_g.device_fd;
    out->first = (uint64_t)device * maf_g.device_stride;
    out->span = maf_g.device_stride / 2; /* what lies above shows other parts of the file */
    return maf_file_identity(maf_g.device_fd, &out->file_device, &out->file_inode) ? MAF_E_OPERATING_SYSTEM : 0;
}

int maf_gang_reaches(uint64_t address)
{
    return maf_in_device(address) && (address - maf_g.device_base) % maf_g.device_stride < maf_g.device_stride / 2;
}

int maf_private_descriptor(int fd)
{
    return maf_high_fd(fd);
}
