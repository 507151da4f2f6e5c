/* TARGETS builds a hot loop for the wider vector units as well; the loader picks one. */
#ifndef MAF_GEMM_TARGETS_H
#define MAF_GEMM_TARGETS_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define TARGETS __attribute__((target_clones("default", "arch=haswell", "arch=skylake-avx512")))
#else
#define TARGETS
#endif

#endif
