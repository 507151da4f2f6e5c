/* Starting the executor, and the request socket. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "internal.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

extern char **environ;

struct maf_state maf_g;

enum {
    RING_BYTES = 4 << 20,
    ERROR_INITIALIZATION = 3,
    ERROR_DEVICES_UNAVAILABLE = 46,
    ERROR_NO_DEVICE = 100,
    ERROR_LAUNCH_FAILURE = 719,
};

/* Both windows lie below the addresses that Linux gives to libraries and above those of non-PIE programs. */
static const uint64_t device_bases[] = {0x200000000000, 0x100000000000, 0x400000000000};
static const uint64_t pinned_bases[] = {0x300000000000, 0x0f0000000000, 0x500000000000};
#define DEVICE_STRIDE_MIN (1ull << 40)
#define PINNED_BYTES (1ull << 38)

static struct maf_lock connect_lock;
static struct maf_lock socket_lock;

/* --- finding Python -------------------------------------------------------------------------------- */
static int executable(const char *path)
{
    return access(path, X_OK) == 0;
}

static void up(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = 0;
}

static void find_python(char *out, size_t room)
{
    const char *set = getenv("MAF_PYTHON");
    char dir[4096];
    if (set && *set) {
        snprintf(out, room, "%s", set);
        return;
    }
    /* PREFIX/lib/python3.x/site-packages/maf_vdev/lib */
    snprintf(dir, sizeof dir, "%s", maf_library_dir());
    for (int i = 0; i < 5; i++)
        up(dir);
    snprintf(out, room, "%.4000s/bin/python3", dir);
    if (dir[0] && strstr(maf_library_dir(), "-packages/") && executable(out))
        return;
    snprintf(dir, sizeof dir, "%s", maf_library_dir());
    while (dir[0]) {
        snprintf(out, room, "%.4000s/.venv/bin/python3", dir);
        if (executable(out))
            return;
        up(dir);
    }
    snprintf(out, room, "python3");
}

/* --- start ----------------------------------------------------------------------------------------- */
int maf_high_fd(int fd)
{
    if (fd < 0)
        return fd;
    int r = fcntl(fd, F_DUPFD_CLOEXEC, 64);
    if (r < 0)
        r = fcntl(fd, F_DUPFD_CLOEXEC, 10);
    close(fd);
    return r;
}

static int shared_file(const char *name, uint64_t bytes)
{
    int fd = (int)syscall(SYS_memfd_create, name, 1u /* MFD_CLOEXEC */);
    if (fd < 0)
        return -1;
    fd = maf_high_fd(fd);
    if (fd >= 0 && ftruncate(fd, (off_t)bytes) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The executor is a grandchild, so that wait() and SIGCHLD of the application never see it. vfork: no copy of
 * the application's page tables, and its atfork handlers do not run. */
static int start_process(char *const argv[], char *const envp[], const int fds[4])
{
    sigset_t all, old, none;
    sigfillset(&all);
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pid_t child = vfork();
    if (child == 0) {
        pid_t grandchild = vfork();
        if (grandchild != 0)
            _exit(grandchild < 0);
        setpgid(0, 0); /* the terminal's Ctrl-C is for the application */
        for (int s = 1; s < 65; s++) {
            struct sigaction a;
            if (sigaction(s, NULL, &a) == 0 && a.sa_handler != SIG_IGN && a.sa_handler != SIG_DFL) {
                a.sa_handler = SIG_DFL;
                a.sa_flags = 0;
                sigaction(s, &a, NULL);
            }
        }
        for (int i = 0; i < 4; i++)
            dup2(fds[i], 3 + i);
        /* Output is the application's (device printf, messages); its input and its other files are not ours to hold. */
        int null = open("/dev/null", O_RDONLY);
        dup2(null, 0);
        if (syscall(SYS_close_range, 7u, ~0u, 0u) != 0)
            for (int fd = 7; fd < 1024; fd++)
                close(fd);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execvpe(argv[0], argv, envp);
        _exit(127);
    }
    int status = -1;
    if (child > 0)
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return child > 0 && (status == 0 || errno == ECHILD) ? 0 : -1;
}

static char **executor_environment(void)
{
    size_t n = 0;
    while (environ && environ[n])
        n++;
    char **out = calloc(n + 1, sizeof *out);
    size_t m = 0;
    for (size_t i = 0; out && i < n; i++)
        if (strncmp(environ[i], "LD_PRELOAD=", 11) != 0)
            out[m++] = environ[i];
    return out;
}

static void *reserve(const uint64_t *bases, int count, uint64_t bytes, int protection, int flags, int fd)
{
    for (int i = 0; i < count; i++) {
        int fixed = flags | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
        void *p = mmap((void *)(uintptr_t)bases[i], bytes, protection, fixed, fd, 0);
        if (p == (void *)(uintptr_t)bases[i])
            return p;
        if (p != MAP_FAILED)
            munmap(p, bytes);
    }
    return NULL;
}

static void child_after_fork(void)
{
    /* The parent's executor must see the parent's end alone. */
    if (atomic_load(&maf_g.phase) != MAF_COLD) {
        if (maf_g.socket >= 0)
            close(maf_g.socket);
        atomic_store(&maf_g.error, ERROR_INITIALIZATION);
        atomic_store(&maf_g.phase, MAF_FORKED);
    }
}

static int try_windows(uint64_t stride, uint64_t pinned_bytes)
{
    maf_g.device_stride = stride;
    maf_g.device_span = stride * (uint64_t)maf_g.count;
    maf_g.pinned_bytes = pinned_bytes;
    maf_g.device_fd = shared_file("maf-device", 2 * maf_g.device_span + MAF_EXPORT_BYTES);
    maf_g.pinned_fd = shared_file("maf-pinned", maf_g.pinned_bytes);
    void *window = NULL, *pinned = NULL, *view = MAP_FAILED;
    if (maf_g.device_fd >= 0 && maf_g.pinned_fd >= 0) {
        window = reserve(device_bases, 3, maf_g.device_span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
        pinned = reserve(pinned_bases, 3, maf_g.pinned_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, maf_g.pinned_fd);
        view = mmap(NULL, maf_g.device_span, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, maf_g.device_fd, 0);
    }
    if (window && pinned && view != MAP_FAILED) {
        madvise(view, maf_g.device_span, MADV_DONTDUMP);
        maf_g.device_base = (uint64_t)(uintptr_t)window;
        maf_g.pinned_base = (uint64_t)(uintptr_t)pinned;
        maf_g.device_map = view;
        return 0;
    }
    int saved = errno;
    if (window)
        munmap(window, maf_g.device_span);
    if (pinned)
        munmap(pinned, maf_g.pinned_bytes);
    if (view != MAP_FAILED)
        munmap(view, maf_g.device_span);
    if (maf_g.device_fd >= 0)
        close(maf_g.device_fd);
    if (maf_g.pinned_fd >= 0)
        close(maf_g.pinned_fd);
    errno = saved;
    return -1;
}

/* Address space is plentiful, so that memory never fragments; where it is limited (ulimit -v) a small multiple of the
 * device's memory must do. Half of each stride is for cudaMalloc, half for reserved ranges (cuMemAddressReserve). */
static int map_windows(void)
{
    uint64_t need = 2 * ((uint64_t)maf_profile_data.totalGlobalMem + MAF_SYSTEM_BYTES), small = 1ull << 30;
    uint64_t stride = DEVICE_STRIDE_MIN;
    while (small < need)
        small *= 2;
    while (stride < 8 * small)
        stride *= 2;
    return try_windows(stride, PINNED_BYTES) && try_windows(small, small) ? -1 : 0;
}

int maf_executor_hung_up(void)
{
    struct pollfd p = {maf_g.socket, POLLRDHUP, 0};
    return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLRDHUP | POLLERR));
}

static int wait_served(void)
{
    uint32_t *ready = &maf_g.control->ready;
    while (!__atomic_load_n(ready, __ATOMIC_ACQUIRE)) {
        maf_futex_wait(ready, 0, 100);
        if (!__atomic_load_n(ready, __ATOMIC_ACQUIRE) && maf_executor_hung_up()) {
            char python[4200];
            find_python(python, sizeof python);
            maf_warn("the executor did not start: %s -I -m maf_vdev.executor", python);
            maf_warn("MAF_PYTHON names a Python that has maf_vdev");
            atomic_store(&maf_g.error, ERROR_DEVICES_UNAVAILABLE);
            atomic_store(&maf_g.phase, MAF_DEAD);
            return ERROR_DEVICES_UNAVAILABLE;
        }
    }
    return 0;
}

/* A device other than this processor may have memory of its own, which the executor then has opened. */
static int learn_memory(void)
{
    const char *device = getenv("MAF_DEVICE");
    if (!device || !*device || !strcmp(device, "cpu"))
        return 0;
    int error = wait_served();
    maf_g.own_bytes = error ? 0 : maf_g.control->own_bytes;
    if (maf_g.own_bytes)
        maf_profile_data.totalGlobalMem = (int64_t)(maf_g.own_bytes - MAF_SYSTEM_BYTES);
    return error;
}

static int spawn(void)
{
    int pair[2], ring_fd;
    uint64_t ring_offset = (sizeof(struct maf_control) + 4095) & ~4095ull;
    maf_g.count = maf_settings();
    maf_g.socket = -1;
    if (maf_g.count <= 0)
        return ERROR_NO_DEVICE;
    ring_fd = shared_file("maf-ring", ring_offset + RING_BYTES);
    if (ring_fd < 0 || map_windows() != 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        maf_warn("no shared memory for the executor: %s", strerror(errno));
        return ERROR_INITIALIZATION;
    }
    pair[0] = maf_high_fd(pair[0]);
    pair[1] = maf_high_fd(pair[1]);
    char *shared = mmap(NULL, ring_offset + RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, ring_fd, 0);
    if (shared == MAP_FAILED) {
        maf_warn("cannot map the command ring: %s", strerror(errno));
        return ERROR_INITIALIZATION;
    }
    maf_g.control = (struct maf_control *)shared;
    maf_g.control->version = MAF_PROTOCOL_VERSION;
    maf_g.control->ring_bytes = RING_BYTES;
    maf_g.control->ring_offset = ring_offset;
    maf_g.control->tracing = (uint32_t)maf_trace_on;
    maf_g.ring = shared + ring_offset;
    maf_g.ring_mask = RING_BYTES - 1;
    maf_g.socket = pair[0];

    char python[4200], base[32], stride[32], pinned[32], pinned_bytes[32], count[16], pid[16];
    find_python(python, sizeof python);
    snprintf(base, sizeof base, "%#llx", (unsigned long long)maf_g.device_base);
    snprintf(stride, sizeof stride, "%#llx", (unsigned long long)maf_g.device_stride);
    snprintf(pinned, sizeof pinned, "%#llx", (unsigned long long)maf_g.pinned_base);
    snprintf(pinned_bytes, sizeof pinned_bytes, "%#llx", (unsigned long long)maf_g.pinned_bytes);
    snprintf(count, sizeof count, "%d", maf_g.count);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    char *argv[] = {python, "-I", "-m", "maf_vdev.executor", "--socket-fd", "3", "--ring-fd", "4", "--device-fd", "5",
                    "--pinned-fd", "6", "--count", count, "--device-base", base, "--device-stride", stride,
                    "--pinned-base", pinned, "--pinned-bytes", pinned_bytes, "--app-pid", pid, NULL};
    char **envp = executor_environment();
    int fds[4] = {pair[1], ring_fd, maf_g.device_fd, maf_g.pinned_fd};
    int failed = envp ? start_process(argv, envp, fds) : -1;
    free(envp);
    close(pair[1]);
    close(ring_fd);
    if (failed) {
        maf_warn("cannot start the executor %s", python);
        return ERROR_DEVICES_UNAVAILABLE;
    }
    if ((failed = learn_memory()))
        return failed;
    maf_memory_start();
    return 0;
}

void maf_executor_lost(void)
{
    int none = 0, fault = (int)__atomic_load_n(&maf_g.control->fault, __ATOMIC_ACQUIRE);
    if (atomic_compare_exchange_strong(&maf_g.error, &none, fault ? fault : ERROR_LAUNCH_FAILURE)) {
        if (!fault)
            maf_warn("the executor ended unexpectedly");
        atomic_store(&maf_g.phase, MAF_DEAD);
    }
}

int maf_executor_gone(void)
{
    static _Atomic uint64_t looked;
    uint64_t now = maf_now_ns(), before = atomic_load_explicit(&looked, memory_order_relaxed);
    if (now - before > 20000000u && atomic_compare_exchange_strong(&looked, &before, now) && maf_executor_hung_up())
        maf_executor_lost();
    return atomic_load_explicit(&maf_g.error, memory_order_relaxed) != 0;
}

static int wait_ready(void)
{
    int error = wait_served(), spawned = MAF_SPAWNED;
    if (!error)
        atomic_compare_exchange_strong(&maf_g.phase, &spawned, MAF_READY);
    return error;
}

int maf_connect(int wait)
{
    int phase = atomic_load(&maf_g.phase), error = 0;
    if (phase == MAF_FORKED || phase == MAF_DEAD)
        return atomic_load(&maf_g.error);
    if (phase == MAF_COLD) {
        maf_lock(&connect_lock);
        if (atomic_load(&maf_g.phase) == MAF_COLD) {
            error = spawn();
            if (error && error != ERROR_NO_DEVICE) {
                atomic_store(&maf_g.error, error);
                atomic_store(&maf_g.phase, MAF_DEAD);
            } else if (!error) {
                pthread_atfork(NULL, NULL, child_after_fork);
                atomic_store(&maf_g.phase, MAF_SPAWNED);
            }
        }
        maf_unlock(&connect_lock);
    }
    if (!error && wait && atomic_load(&maf_g.phase) == MAF_SPAWNED)
        error = wait_ready();
    return error ? error : atomic_load(&maf_g.error);
}

int maf_client_ready(void)
{
    return maf_enter();
}

/* --- requests ---------------------------------------------------------------------------------------- */
static int send_all(const void *data, uint64_t bytes, int more)
{
    const char *p = data;
    while (bytes) {
        uint64_t part = bytes > (1u << 30) ? (1u << 30) : bytes;
        ssize_t n = send(maf_g.socket, p, part, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        p += n;
        bytes -= (uint64_t)n;
    }
    return 0;
}

static int receive_all(void *data, uint64_t bytes)
{
    char *p = data;
    char sink[512];
    while (bytes) {
        uint64_t want = p ? bytes : bytes < sizeof sink ? bytes : sizeof sink;
        ssize_t n = recv(maf_g.socket, p ? p : sink, want, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        if (p)
            p += n;
        bytes -= (uint64_t)n;
    }
    return 0;
}

int maf_request(uint32_t kind, int sda, const void *head, uint64_t head_bytes, const void *body, uint64_t body_bytes,
                void *reply, uint64_t reply_capacity, uint64_t *reply_bytes)
{
    struct maf_request request = {kind, (uint32_t)sda, head_bytes + body_bytes};
    struct maf_reply answer;
    int error = maf_enter(), saved = errno;
    if (error)
        return -error;
    maf_lock(&socket_lock);
    if (send_all(&request, sizeof request, head_bytes + body_bytes > 0) || send_all(head, head_bytes, body_bytes > 0) ||
        send_all(body, body_bytes, 0) || receive_all(&answer, sizeof answer)) {
        error = -1;
    } else {
        uint64_t keep = answer.bytes < reply_capacity ? answer.bytes : reply_capacity;
        error = receive_all(reply, keep) || receive_all(NULL, answer.bytes - keep) ? -1 : 0;
        if (reply_bytes)
            *reply_bytes = answer.bytes;
    }
    maf_unlock(&socket_lock);
    errno = saved;
    if (error) {
        maf_executor_lost();
        return -atomic_load(&maf_g.error);
    }
    return answer.error;
}
