/* Fibres: first frame on x86-64, ucontext elsewhere. */
#include <stdint.h>
#include <string.h>

#include "cpu_warp.h"

#ifdef __x86_64__

void maf_fibre_entry(void);

void *maf_fibre_prepare(void *stack_top, void (*fn)(void *), void *arg) {
    uint64_t *sp = (uint64_t *)((uintptr_t)stack_top & ~(uintptr_t)63);
    sp -= 8; /* r15 r14 r13 r12 rbx rbp rip, one unused */
    memset(sp, 0, 64);
    sp[2] = (uint64_t)(uintptr_t)fn;
    sp[3] = (uint64_t)(uintptr_t)arg;
    sp[6] = (uint64_t)(uintptr_t)maf_fibre_entry;
    return sp;
}

#else

#include <ucontext.h>

/* The context lies at the top of the fibre's stack, or on the stack of whoever switches away. */
struct first {
    ucontext_t context;
    void (*fn)(void *);
    void *arg;
};

static void start(unsigned high, unsigned low) {
    struct first *f = (struct first *)(((uintptr_t)high << 32) | low);
    f->fn(f->arg);
}

void *maf_fibre_prepare(void *stack_top, void (*fn)(void *), void *arg) {
    struct first *f = (struct first *)(((uintptr_t)stack_top - sizeof *f) & ~(uintptr_t)63);
    enum { REACH = 512 * 1024 };
    getcontext(&f->context);
    f->fn = fn;
    f->arg = arg;
    f->context.uc_stack.ss_sp = (uint8_t *)f - REACH;
    f->context.uc_stack.ss_size = REACH;
    f->context.uc_link = NULL;
    makecontext(&f->context, (void (*)(void))start, 2, (unsigned)((uintptr_t)f >> 32), (unsigned)(uintptr_t)f);
    return &f->context;
}

void maf_fibre_switch(void **save, void *to) {
    ucontext_t here;
    *save = &here;
    swapcontext(&here, to);
}

#endif

/* For code outside this library: kernels compiled from source run their lanes as fibres too. */
void maf_fibre_switch_public(void **save, void *to) { maf_fibre_switch(save, to); }
