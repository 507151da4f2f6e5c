/* A warp as translated code and the launcher see it. */
#ifndef MAF_CPU_WARP_H
#define MAF_CPU_WARP_H

#include <stddef.h>
#include <stdint.h>

#include "cpu_launch.h"

enum { MAF_WARP = 32, MAF_MAX_WARPS = 32, MAF_BARRIERS = 16 };

/* High words of generic addresses in the shared and local windows, and the addresses that stand for functions
 * of the driver; as in emit/abi.py. */
#define MAF_SHARED_HI 0x00010000u
#define MAF_LOCAL_HI 0x00020000u
#define MAF_ADDRESS_VPRINTF 0x0003000000000010ull
#define MAF_ADDRESS_ASSERTFAIL 0x0003000000000020ull
#define MAF_ADDRESS_MALLOC 0x0003000000000030ull
#define MAF_ADDRESS_FREE 0x0003000000000040ull
#define MAF_ADDRESS_ALIGNED_MALLOC 0x0003000000000050ull
/* The high 16 bits of the address of a function that is not provided; the others are the address of its name. */
#define MAF_UNPROVIDED_HI 4u

/* In the code of an atomic: all its addresses are in shared memory. */
#define MAF_ATOMIC_SHARED 0x10000u

struct maf_cta;

struct maf_warp {
    /* ABI with translated code: emit/abi.py holds the same offsets */
    const uint8_t *const0;
    const uint8_t *const *banks;
    uint8_t *shared;
    uint8_t *local; /* word w of lane l at w * 128 + l * 4 */
    uint8_t *frame;
    const int32_t *tid; /* x, y, z of the 32 lanes */
    void *const *runtime;
    uint32_t ctaid[3];
    uint32_t exec;
    uint32_t tid_base[3];
    uint32_t warp_id;
    uint32_t resume;
    uint32_t lanes;
    const uint8_t *entries; /* per block: whether the fast form takes a warp back there */
    uint32_t reenter;       /* 1 + block at which the slow form has handed the warp back */
    int32_t skip;           /* entries to pass before the slow form hands the warp back; negative: never */
    /* launcher's own */
    struct maf_cta *cta;
    void *sp; /* of the suspended fibre */
    uint32_t spins;
    uint32_t reduction; /* result of the last barrier reduction */
    maf_warp_fn entry;
    uint64_t since;   /* cycle at which the fast form took the warp back */
    uint32_t backoff; /* returns to the fast form in a row that were not worth it */
};

_Static_assert(offsetof(struct maf_warp, tid) == 40, "ABI");
_Static_assert(offsetof(struct maf_warp, ctaid) == 56, "ABI");
_Static_assert(offsetof(struct maf_warp, exec) == 68, "ABI");
_Static_assert(offsetof(struct maf_warp, tid_base) == 72, "ABI");
_Static_assert(offsetof(struct maf_warp, warp_id) == 84, "ABI");
_Static_assert(offsetof(struct maf_warp, lanes) == 92, "ABI");
_Static_assert(offsetof(struct maf_warp, entries) == 96, "ABI");
_Static_assert(offsetof(struct maf_warp, skip) == 108, "ABI");

struct maf_cpu_job;
struct maf_cpu_worker;

/* A CTA that runs on one thread. */
struct maf_cta {
    struct maf_cpu_job *job;
    struct maf_cpu_worker *worker;
    uint32_t warps;
    uint32_t live;     /* mask of warps that have not ended */
    uint32_t runnable; /* mask of warps that may be switched to */
    uint32_t waiting[MAF_BARRIERS];
    uint32_t arrived[MAF_BARRIERS]; /* warps, waiting or not */
    uint32_t expected[MAF_BARRIERS];
    uint32_t popc, all, any; /* of the barrier reduction in progress */
    uint32_t idle;           /* yields since something happened */
    uint32_t current;        /* warp that runs or ran last */
    struct maf_cta *next;    /* free list, or ring of active CTAs */
    uint8_t *shared, *local, *frames, *stacks;
    size_t shared_bytes, local_bytes, frame_bytes;
    struct maf_warp warp[MAF_MAX_WARPS];
};

/* cpu_fibre_*: saves the callee-saved registers, stores the stack pointer to *save and continues at `to`. */
void maf_fibre_switch(void **save, void *to);
void maf_fibre_switch_public(void **save, void *to);
/* First stack pointer of a fibre that calls fn(arg), which must not return. */
void *maf_fibre_prepare(void *stack_top, void (*fn)(void *), void *arg);

/* cpu_effects.c: runtime functions that do not switch warps */
void maf_rt_atomic(struct maf_warp *w, uint32_t code, uint32_t mask, const uint64_t *addresses, const void *values,
                   const void *compares, void *olds);
void maf_rt_print(struct maf_warp *w, uint32_t mask, uint32_t (*args)[MAF_WARP]);
void maf_rt_assert_text(struct maf_warp *w, uint32_t mask, uint32_t (*args)[MAF_WARP]);

#endif
