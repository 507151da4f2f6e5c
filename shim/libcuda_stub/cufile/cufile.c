/* cuFile by pread and pwrite through a host buffer: the same bytes, without the direct path that needs a GPU. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include "cufile.h"
#include "maf_client.h"

enum { MAGIC = 0x6d616646, CHUNK = 4 << 20, TYPE_FD = 1 };

struct file {
    uint32_t magic;
    int fd;
};

static atomic_long users;

static CUfileError_t result(CUfileOpError error)
{
    return (CUfileError_t){.err = error};
}

CUfileError_t cuFileDriverOpen(void)
{
    atomic_fetch_add(&users, 1);
    return result(CU_FILE_SUCCESS);
}

CUfileError_t cuFileDriverClose_v2(void)
{
    long now = atomic_load(&users);
    while (now > 0 && !atomic_compare_exchange_weak(&users, &now, now - 1))
        ;
    return result(now > 0 ? CU_FILE_SUCCESS : CU_FILE_DRIVER_NOT_INITIALIZED);
}

CUfileError_t cuFileDriverClose(void)
{
    return cuFileDriverClose_v2();
}

long cuFileUseCount(void)
{
    return atomic_load(&users);
}

CUfileError_t cuFileGetVersion(int *version)
{
    if (!version)
        return result(CU_FILE_INVALID_VALUE);
    *version = 1150; /* 1.15 */
    return result(CU_FILE_SUCCESS);
}

CUfileError_t cuFileHandleRegister(CUfileHandle_t *handle, CUfileDescr_t *description)
{
    if (!handle || !description)
        return result(CU_FILE_INVALID_VALUE);
    if (description->type != TYPE_FD || description->fs_ops)
        return result(CU_FILE_IO_NOT_SUPPORTED);
    if (description->handle.fd < 0)
        return result(CU_FILE_INVALID_FILE_TYPE);
    struct file *made = calloc(1, sizeof *made);
    if (!made)
        return result(CU_FILE_INTERNAL_ERROR);
    *made = (struct file){.magic = MAGIC, .fd = description->handle.fd};
    *handle = made;
    return result(CU_FILE_SUCCESS);
}

void cuFileHandleDeregister(CUfileHandle_t handle)
{
    struct file *file = handle;
    if (file && file->magic == MAGIC) {
        file->magic = 0;
        free(file);
    }
}

/* Registration pins a buffer for direct transfers; there are none. */
CUfileError_t cuFileBufRegister(const void *base, size_t bytes, int flags)
{
    (void)flags;
    return result(base && bytes ? CU_FILE_SUCCESS : CU_FILE_INVALID_VALUE);
}

CUfileError_t cuFileBufDeregister(const void *base)
{
    return result(base ? CU_FILE_SUCCESS : CU_FILE_INVALID_VALUE);
}

/* One direction of a transfer, in chunks. O_DIRECT descriptors want aligned buffers, and lengths of whole blocks as
 * far as the caller gives them. Returns bytes moved, -1 with errno, or minus a CUfileOpError. */
static ssize_t transfer(CUfileHandle_t handle, uint64_t memory, size_t bytes, int64_t at, int writing)
{
    struct file *file = handle;
    void *buffer = NULL;
    size_t done = 0;
    if (!file || file->magic != MAGIC)
        return -CU_FILE_HANDLE_NOT_REGISTERED;
    int on_device = maf_is_device_pointer((void *)(uintptr_t)memory);
    if (posix_memalign(&buffer, 4096, bytes < CHUNK ? (bytes + 4095) & ~(size_t)4095 : CHUNK)) {
        errno = ENOMEM;
        return -1;
    }
    ssize_t moved = 0;
    while (done < bytes) {
        size_t part = bytes - done < CHUNK ? bytes - done : CHUNK;
        void *host = on_device ? buffer : (void *)(uintptr_t)(memory + done);
        if (on_device && writing && maf_read(buffer, memory + done, part)) {
            moved = -CU_FILE_CUDA_POINTER_INVALID;
            break;
        }
        moved = writing ? pwrite(file->fd, host, part, at + (int64_t)done) : pread(file->fd, host, part, at + (int64_t)done);
        if (moved <= 0)
            break;
        if (on_device && !writing && maf_write(memory + done, buffer, (uint64_t)moved)) {
            moved = -CU_FILE_CUDA_POINTER_INVALID;
            break;
        }
        done += (size_t)moved;
    }
    int error = errno;
    free(buffer);
    errno = error;
    return done || moved == 0 ? (ssize_t)done : moved;
}

ssize_t cuFileRead(CUfileHandle_t handle, void *base, size_t bytes, int64_t file_offset, int64_t base_offset)
{
    return transfer(handle, (uint64_t)(uintptr_t)base + (uint64_t)base_offset, bytes, file_offset, 0);
}

ssize_t cuFileWrite(CUfileHandle_t handle, const void *base, size_t bytes, int64_t file_offset, int64_t base_offset)
{
    return transfer(handle, (uint64_t)(uintptr_t)base + (uint64_t)base_offset, bytes, file_offset, 1);
}
