/* In a loop that spins: the processor saves power and leaves the core to its other hardware thread. */
#ifndef MAF_CPU_PAUSE_H
#define MAF_CPU_PAUSE_H

static inline void maf_cpu_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
