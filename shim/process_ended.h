/* Whether a process has ended: asked by the client of its peers and by the executor of other ranks. */
#ifndef MAF_PROCESS_ENDED_H
#define MAF_PROCESS_ENDED_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A process that its parent has not waited for yet has ended, too. */
static inline int maf_process_ended(int pid)
{
    char text[512], name[32];
    snprintf(name, sizeof name, "/proc/%d/stat", pid);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ESRCH;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    const char *state = strrchr(text, ')'); /* the name before it may hold anything */
    return n <= 0 || (state && (state[2] == 'Z' || state[2] == 'X'));
}

#endif
