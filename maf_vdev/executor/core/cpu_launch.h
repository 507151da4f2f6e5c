/* Running translated kernels on the CPU: one call runs a whole grid.
 *
 * Translated code is one function per kernel that runs one 32-lane warp. Its only argument is a
 * struct maf_warp, whose first part is the ABI between the LLVM emitter and this file
 * (offsets are repeated in maf_vdev/translator/emit/abi.py and checked there by a test).
 */
#ifndef MAF_CPU_LAUNCH_H
#define MAF_CPU_LAUNCH_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct maf_warp;
typedef void (*maf_warp_fn)(struct maf_warp *);

enum maf_kernel_flag {
    MAF_KERNEL_BARRIER = 1, /* waits at CTA barriers: every warp gets a fibre */
    MAF_KERNEL_SPIN = 2,    /* has loops that wait for memory written by others */
    MAF_KERNEL_SHARED = 4,  /* touches shared memory */
    MAF_KERNEL_ASSERT = 8,
    MAF_KERNEL_PRINT = 16,
    MAF_KERNEL_CALLS = 32, /* how deep its calls go is not known: cudaLimitStackSize holds */
};

/* Constant banks addressed by translated code; bank 0 is built per launch. */
enum { MAF_CPU_BANKS = 8 };

/* A kernel ready to run. Filled by devices/cpu.py; must stay alive while a launch uses it. */
struct maf_cpu_kernel {
    maf_warp_fn entry;
    const char *name;
    const uint8_t *bank[MAF_CPU_BANKS];
    uint32_t flags;
    uint32_t param_base;    /* offset of the parameters in constant bank 0 */
    uint32_t param_bytes;
    uint32_t static_shared; /* bytes */
    uint32_t local_bytes;   /* per lane */
    uint32_t frame_bytes;   /* per warp */
    uint32_t max_threads;   /* per CTA, 0 = no limit known */
    uint32_t cost;          /* estimated nanoseconds of one warp */
    maf_warp_fn slow;       /* finishes a diverged warp; NULL until it is compiled */
    uint64_t cookie;        /* identifies the kernel to the slow-path callback */
    uint32_t measured;      /* nanoseconds of one warp, kept by the launcher; 0 before the first launch */
    uint64_t busy;          /* nanoseconds of all launches, kept by the launcher */
    uint64_t left;          /* warps that diverged out of the fast form, kept by the launcher */
    /* Runs the grid on another device, with the arguments and results of maf_cpu_launch; NULL: the CPU. */
    int (*launch)(const struct maf_cpu_kernel *k, const uint32_t grid[3], const uint32_t block[3],
                  uint32_t dynamic_shared, const void *params, uint32_t param_bytes);
};

/* Runs the grid and returns when all CTAs are done. 0 or a cudaError_t:
 * 1 invalid value, 2 out of memory, 9 invalid configuration, 710 device assert, 715 illegal instruction, 719 launch failure. */
int maf_cpu_launch(const struct maf_cpu_kernel *k, const uint32_t grid[3], const uint32_t block[3],
                   uint32_t dynamic_shared, const void *params, uint32_t param_bytes);

/* cpu_heap.c: the heap of device code. limits: bytes per SDA, 0 for CUDA's default, read when a heap is made, which sets
 * used[sda]. The launches that follow use the selected SDA's. allocate gives 0 where nothing fits; free gives 0, or -1
 * for what is no block. */
void maf_heap_limits(const uint64_t *limits, uint32_t *used);
void maf_heap_select(uint32_t sda);
uint32_t maf_heap_selected(void);
uint64_t maf_heap_allocate(uint64_t bytes);
uint64_t maf_heap_allocate_aligned(uint64_t bytes, uint64_t alignment); /* a power of two */
int maf_heap_free(uint64_t address);

/* Bytes of stack of a thread whose kernel calls functions of unknown depth, per SDA; 0: CUDA's default. */
void maf_cpu_stack_limits(const uint64_t *bytes);

/* Name of the kernel that the calling thread runs, or NULL. Async-signal-safe. */
const char *maf_cpu_current_kernel_name(void);

/* Number of threads (including the caller) that a large grid uses; 0 = MAF_THREADS or the cores of the affinity mask. */
void maf_cpu_set_threads(int threads);
int maf_cpu_threads(void);

/* Asked for the slow form of kernel `cookie` when a warp diverges for the first time; returns its address or NULL.
 * Called on a thread with an ordinary stack. */
void maf_cpu_set_slow_callback(maf_warp_fn (*callback)(uint64_t cookie));

/* Runs fn(arg, begin, end) over [0, count) on the launch pool, for library calls that want its threads. */
void maf_cpu_parallel_for(uint64_t count, uint64_t grain, void (*fn)(void *arg, uint64_t begin, uint64_t end), void *arg);

/* In a child after fork: forget the parent's pool. */
void maf_cpu_after_fork(void);

#ifdef __cplusplus
}
#endif
#endif
