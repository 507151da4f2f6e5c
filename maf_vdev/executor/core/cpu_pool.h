/* The threads that run large grids and library loops. */
#ifndef MAF_CPU_POOL_H
#define MAF_CPU_POOL_H

/* Calls fn(arg) on the caller and on up to workers - 1 pool threads at once; returns when all calls have returned.
 * The result is the number of threads that took part. A busy pool leaves the caller alone. */
int maf_pool_run(void (*fn)(void *), void *arg, int workers);

#endif
