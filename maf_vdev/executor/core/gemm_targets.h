/* TARGETS builds a hot loop for the wider vector units as well; the loader picks one, by what the processor can do: a
 * processor's name ("arch=haswell") matches that one generation only, and no other maker's. */
#ifndef MAF_GEMM_TARGETS_H
#define MAF_GEMM_TARGETS_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#if __GNUC__ >= 12
#define TARGETS __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define TARGETS __attribute__((target_clones("default", "avx2", "avx512f")))
#endif
#else
#define TARGETS
#endif

#endif
