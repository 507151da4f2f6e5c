/* Files whose parts are mapped into the device window: the application's own device file, and those of other
 * applications. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

enum { PAGE = 4096 };

static struct maf_file files[MAF_FILES]; /* number 0: the application's own */
static struct maf_lock lock;

int maf_file_identity(int fd, uint64_t *device, uint64_t *inode)
{
    struct statx s;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_INO, &s) != 0)
        return -1;
    *device = (uint64_t)s.stx_dev_major << 32 | s.stx_dev_minor;
    *inode = s.stx_ino;
    return 0;
}

struct maf_file *maf_file_own(void)
{
    files[MAF_FILE_DEVICE].fd = maf_g.device_fd;
    return &files[MAF_FILE_DEVICE];
}

/* Takes over fd, also when it fails. */
struct maf_file *maf_file_open(int fd)
{
    uint64_t device, inode, own_device, own_inode;
    struct maf_file *f = NULL;
    if (fd < 0 || maf_file_identity(fd, &device, &inode) ||
        maf_file_identity(maf_g.device_fd, &own_device, &own_inode)) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    if (device == own_device && inode == own_inode) {
        close(fd);
        return maf_file_own();
    }
    maf_lock(&lock);
    for (uint32_t i = 1; i < MAF_FILES && !f; i++)
        if (files[i].references && files[i].device == device && files[i].inode == inode)
            f = &files[i];
    if (f) {
        f->references++;
        close(fd);
    } else {
        for (uint32_t i = 1; i < MAF_FILES && !f; i++)
            if (!files[i].references)
                f = &files[i];
        struct maf_file_query query = {f ? (uint32_t)(f - files) : 0, fd};
        if (!f || maf_request(MAF_REQ_FILE, 0, &query, sizeof query, NULL, 0, NULL, 0, NULL) != 0) {
            close(fd);
            f = NULL;
        } else {
            *f = (struct maf_file){.fd = fd, .number = query.file, .references = 1, .device = device, .inode = inode};
        }
    }
    maf_unlock(&lock);
    return f;
}

void maf_file_close(struct maf_file *f)
{
    if (f->number == MAF_FILE_DEVICE)
        return;
    maf_lock(&lock);
    if (--f->references == 0) {
        struct maf_file_query query = {f->number, -1};
        close(f->fd);
        maf_request(MAF_REQ_FILE, 0, &query, sizeof query, NULL, 0, NULL, 0, NULL);
    }
    maf_unlock(&lock);
}

/* --- views ------------------------------------------------------------------------------------------------ */
static int put_map(int device, uint64_t address, uint64_t bytes, uint32_t file, uint64_t offset, int accessible)
{
    struct maf_stream s = {.device = device};
    struct maf_cmd_map *c = maf_ring_begin(&s, MAF_CMD_MAP, sizeof *c);
    if (!c)
        return maf_fault();
    c->address = address;
    c->bytes = bytes;
    c->offset = offset;
    c->file = file;
    c->accessible = (uint32_t)accessible;
    maf_ring_end(&s, c);
    return 0;
}

int maf_view_open(int device, uint64_t address, uint64_t bytes, const struct maf_file *file, uint64_t offset,
                  int accessible)
{
    void *at = maf_g.device_map + (address - maf_g.device_base);
    int saved = errno;
    void *p = mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | MAP_FIXED, file->fd, (off_t)offset);
    errno = saved;
    if (p == MAP_FAILED)
        return MAF_E_OUT_OF_MEMORY;
    return put_map(device, address, bytes, file->number, offset, accessible);
}

void maf_view_close(int device, uint64_t address, uint64_t bytes)
{
    void *at = maf_g.device_map + (address - maf_g.device_base);
    put_map(device, address, bytes, MAF_FILE_NONE, 0, 0);
    mmap(at, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

int maf_file_of_process(int pid, int descriptor, uint64_t device, uint64_t inode)
{
    char path[64];
    uint64_t d, i;
    int saved = errno;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, descriptor);
    int fd = maf_high_fd(open(path, O_RDWR | O_CLOEXEC));
    if (fd >= 0 && (maf_file_identity(fd, &d, &i) || d != device || i != inode)) {
        close(fd);
        fd = -1;
    }
    errno = saved;
    return fd;
}
