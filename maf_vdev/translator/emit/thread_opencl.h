/* OpenCL C under the translated kernels of emit/thread_kernel.py: types, address spaces, primitives.
 *
 * Defined before this text: MAF_FP64, MAF_ATOM64, MAF_BUFFER (device memory is one buffer; pointers of the program
 * are offsets from mem_base), MAF_SUBGROUPS (sub-groups of 32 lanes in the order of the threads), MAF_VOLATILE,
 * MAF_EXCHANGE (the kernel runs in rounds, see thread_kernel.py). */
#pragma OPENCL FP_CONTRACT OFF
#if MAF_FP64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#endif
#if MAF_ATOM64
#pragma OPENCL EXTENSION cl_khr_int64_base_atomics : enable
#endif
#if MAF_SUBGROUPS
#pragma OPENCL EXTENSION cl_khr_subgroups : enable
#endif

typedef uchar u8;
typedef ushort u16;
typedef uint u32;
typedef ulong u64;
typedef char s8;
typedef short s16;
typedef int s32;
typedef long s64;
typedef float f32;
#if MAF_FP64
typedef double f64;
#endif
typedef uint2 u32x2;
typedef uint4 u32x4;
/* What is in memory has no type: a kernel may store words and load halves. */
typedef uchar m8 __attribute__((may_alias));
typedef ushort m16 __attribute__((may_alias));
typedef uint m32 __attribute__((may_alias));
typedef ulong m64 __attribute__((may_alias));

#if MAF_VOLATILE
#define MAF_MEM volatile
#else
#define MAF_MEM
#endif
#define MAF_FN static inline
#define MAF_GLOBAL __global
#define MAF_LOCAL __local
#if MAF_SUBGROUPS && MAF_INTEL_SHUFFLE
#define MAF_KERNEL __kernel __attribute__((intel_reqd_sub_group_size(32)))
#elif MAF_EXCHANGE && defined(__has_attribute)
#if __has_attribute(intel_vec_len_hint)
/* One thread at a time: vectors of threads that continue at different places cost up to two thirds of the time to
 * compile and make nothing faster. */
#define MAF_KERNEL __kernel __attribute__((intel_vec_len_hint(1)))
#endif
#endif
#ifndef MAF_KERNEL
#define MAF_KERNEL __kernel
#endif
#define MAF_CONST_POINTER __global const

#if MAF_BUFFER
/* An address outside the buffer is reported; the access then goes to its first page, which holds nothing. */
MAF_FN u64 maf_outside(volatile __global u32 *status, u64 a) {
    if (atomic_cmpxchg(status, 0u, 700u) == 0) status[8] = (u32)a, status[9] = (u32)(a >> 32);
    return 0;
}
MAF_FN u64 maf_place(volatile __global u32 *status, u64 a, u64 base, u64 bytes) {
    return a - base < bytes ? a - base : maf_outside(status, a);
}
#define GPTR(T, a) ((__global MAF_MEM T *)(mem + maf_place(status, (a), mem_base, mem_bytes)))
#else
#define GPTR(T, a) ((__global MAF_MEM T *)(a))
#endif
#define LPTR(T, a) ((__local MAF_MEM T *)(smem + (a)))
#define PPTR(T, a) ((__private T *)((__private u8 *)lmem + (a)))
#define CPTR(T, p, o) ((__global const T *)((p) + (o)))

#define as_f32 as_float
#define as_u32 as_uint
#define as_s32 as_int
#if MAF_FP64
#define as_f64 as_double
#define as_u64(x) as_ulong((f64)(x))
#endif

#define maf_popc32(x) popcount((u32)(x))
#define maf_popc64(x) popcount((u64)(x))
#define maf_clz32(x) clz((u32)(x))
#define maf_clz64(x) clz((u64)(x))
#define maf_fmaf(a, b, c) fma((f32)(a), (f32)(b), (f32)(c))
#define maf_fmad(a, b, c) fma((f64)(a), (f64)(b), (f64)(c))
#define maf_rintf rint
#define maf_rint rint
#define maf_floor floor
#define maf_ceil ceil
#define maf_trunc trunc
#define maf_sqrtf sqrt
#define maf_sqrt sqrt

#if __OPENCL_C_VERSION__ >= 200
#define maf_fence()                                                                                             \
    atomic_work_item_fence(CLK_GLOBAL_MEM_FENCE | CLK_LOCAL_MEM_FENCE, memory_order_acq_rel, memory_scope_device)
#else
#define maf_fence() mem_fence(CLK_GLOBAL_MEM_FENCE | CLK_LOCAL_MEM_FENCE)
#endif
#define maf_group_barrier_local() barrier(CLK_LOCAL_MEM_FENCE)
#define maf_group_barrier() barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)

#define MAF_TID(k) ((u32)get_local_id(k))
#define MAF_CTA(k) ((u32)get_group_id(k))

/* Native 32-bit atomics; the rest are loops over compare-and-swap (thread_common.h). */
#define MAF_NATIVE(S, X)                                                                                        \
    MAF_FN u32 maf_cas32_##X(volatile S u32 *p, u32 c, u32 v) { return atomic_cmpxchg(p, c, v); }               \
    MAF_FN u32 maf_add_i32_##X(volatile S u32 *p, u32 v) { return atomic_add(p, v); }                           \
    MAF_FN u32 maf_and_i32_##X(volatile S u32 *p, u32 v) { return atomic_and(p, v); }                           \
    MAF_FN u32 maf_or_i32_##X(volatile S u32 *p, u32 v) { return atomic_or(p, v); }                             \
    MAF_FN u32 maf_xor_i32_##X(volatile S u32 *p, u32 v) { return atomic_xor(p, v); }                           \
    MAF_FN u32 maf_exch_i32_##X(volatile S u32 *p, u32 v) { return atomic_xchg(p, v); }                         \
    MAF_FN u32 maf_umin_i32_##X(volatile S u32 *p, u32 v) { return atomic_min(p, v); }                          \
    MAF_FN u32 maf_umax_i32_##X(volatile S u32 *p, u32 v) { return atomic_max(p, v); }                          \
    MAF_FN u32 maf_min_i32_##X(volatile S u32 *p, u32 v) {                                                      \
        return (u32)atomic_min((volatile S s32 *)p, (s32)v);                                                    \
    }                                                                                                           \
    MAF_FN u32 maf_max_i32_##X(volatile S u32 *p, u32 v) {                                                      \
        return (u32)atomic_max((volatile S s32 *)p, (s32)v);                                                    \
    }
MAF_NATIVE(__global, g)
MAF_NATIVE(__local, l)
#if MAF_ATOM64
#define MAF_NATIVE64(S, X)                                                                                      \
    MAF_FN u64 maf_cas64_##X(volatile S u64 *p, u64 c, u64 v) { return atom_cmpxchg(p, c, v); }                 \
    MAF_FN u64 maf_add_i64_##X(volatile S u64 *p, u64 v) { return atom_add(p, v); }                             \
    MAF_FN u64 maf_exch_i64_##X(volatile S u64 *p, u64 v) { return atom_xchg(p, v); }
MAF_NATIVE64(__global, g)
MAF_NATIVE64(__local, l)
#endif

#if MAF_SUBGROUPS
#define maf_sub_barrier() sub_group_barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)
#define maf_sub_min(x) sub_group_reduce_min((u32)(x))
#define maf_sub_any(x) sub_group_any((int)(x))
/* Bits of different lanes: their sum is the ballot. */
#define maf_sub_ballot(p) sub_group_reduce_add((p) ? 1u << (lid & 31) : 0u)
#if defined(cl_khr_subgroup_shuffle) && !MAF_INTEL_SHUFFLE
#pragma OPENCL EXTENSION cl_khr_subgroup_shuffle : enable
#define maf_sub_shuffle(v, lane) sub_group_shuffle((u32)(v), (u32)(lane))
#else
#define maf_sub_shuffle(v, lane) intel_sub_group_shuffle((u32)(v), (u32)(lane))
#endif
#endif
