#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

int maf_futex_wait(void *word, uint32_t value, uint32_t milliseconds)
{
    struct timespec t = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
    int saved = errno; /* callers are CUDA entry points, which leave errno alone */
    long r = syscall(SYS_futex, word, FUTEX_WAIT, value, milliseconds ? &t : NULL, NULL, 0);
    int timed_out = r == -1 && errno == ETIMEDOUT;
    errno = saved;
    return timed_out;
}

void maf_futex_wake(void *word, int count)
{
    syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
}

void maf_lock_slow(struct maf_lock *l)
{
    for (int i = 0; i < 100; i++) {
        unsigned zero = 0;
        if (atomic_compare_exchange_weak_explicit(&l->word, &zero, 1, memory_order_acquire, memory_order_relaxed))
            return;
    }
    while (atomic_exchange_explicit(&l->word, 2, memory_order_acquire) != 0)
        maf_futex_wait(&l->word, 2, 0);
}

void maf_unlock_slow(struct maf_lock *l)
{
    maf_futex_wake(&l->word, 1);
}

uint64_t maf_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int maf_start_thread(void *(*fn)(void *), void *arg)
{
    pthread_t thread;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int r = pthread_create(&thread, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (r == 0)
        pthread_detach(thread);
    return r ? -1 : 0;
}
