/* HIP C++ under the translated kernels of emit/thread_kernel.py, for hiprtc and for clang alone: no header is used.
 *
 * Defined before this text: MAF_BUFFER (device memory is one allocation; pointers of the program are offsets from
 * mem_base), MAF_VOLATILE.
 * Threads exchange values through local memory (thread_kernel.SYNC_LOCAL), which suits waves of 32 and of 64 lanes. */
#pragma STDC FP_CONTRACT OFF

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long s64;
typedef float f32;
typedef double f64;
/* What is in memory has no type: a kernel may store words and load halves. */
typedef unsigned char m8 __attribute__((may_alias));
typedef unsigned short m16 __attribute__((may_alias));
typedef unsigned int m32 __attribute__((may_alias));
typedef unsigned long m64 __attribute__((may_alias));

#if MAF_VOLATILE
#define MAF_MEM volatile
#else
#define MAF_MEM
#endif
#define MAF_FN static inline __attribute__((device, always_inline))
#define MAF_GLOBAL
#define MAF_LOCAL
#define MAF_KERNEL extern "C" __attribute__((global, launch_bounds(1024)))
#define MAF_CONST_POINTER const

#if MAF_BUFFER
/* An address outside the memory is reported; the access then goes to its first page, which holds nothing. */
MAF_FN u64 maf_outside(volatile u32 *status, u64 a) {
    u32 none = 0;
    if (__atomic_compare_exchange_n(status, &none, 700u, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        status[8] = (u32)a, status[9] = (u32)(a >> 32);
    return 0;
}
MAF_FN u64 maf_place(volatile u32 *status, u64 a, u64 base, u64 bytes) {
    return a - base < bytes ? a - base : maf_outside(status, a);
}
#define GPTR(T, a) ((MAF_MEM T *)(mem + maf_place(status, (a), mem_base, mem_bytes)))
#else
#define GPTR(T, a) ((MAF_MEM T *)(a))
#endif
#define LPTR(T, a) ((MAF_MEM T *)(smem + (a)))
#define PPTR(T, a) ((T *)((u8 *)lmem + (a)))
#define CPTR(T, p, o) ((const T *)((p) + (o)))
/* The launcher puts the bytes of shared memory into the first word of the launch block. */
#define MAF_DYNAMIC_SHARED                                                                                      \
    extern __attribute__((shared)) u64 dynamic_shared[];                                                        \
    u8 *smem = (u8 *)dynamic_shared;                                                                            \
    volatile u32 *xchg = (volatile u32 *)(smem + *CPTR(m32, block, 0));                                         \
    (void)smem, (void)xchg;

#define as_f32(x) __builtin_bit_cast(f32, (u32)(x))
#define as_u32(x) __builtin_bit_cast(u32, (f32)(x))
#define as_f64(x) __builtin_bit_cast(f64, (u64)(x))
#define as_u64(x) __builtin_bit_cast(u64, (f64)(x))

#define maf_popc32(x) ((u32)__builtin_popcount((u32)(x)))
#define maf_popc64(x) ((u64)__builtin_popcountl((u64)(x)))
#define maf_clz32(x) ((u32)((x) ? __builtin_clz((u32)(x)) : 32))
#define maf_clz64(x) ((u64)((x) ? __builtin_clzl((u64)(x)) : 64))
#define maf_fmaf __builtin_fmaf
#define maf_fmad __builtin_fma
#define maf_rintf __builtin_rintf
#define maf_rint __builtin_rint
#define maf_sqrtf __builtin_sqrtf
#define maf_sqrt __builtin_sqrt
MAF_FN f32 maf_floor(f32 x) { return __builtin_floorf(x); }
MAF_FN f32 maf_ceil(f32 x) { return __builtin_ceilf(x); }
MAF_FN f32 maf_trunc(f32 x) { return __builtin_truncf(x); }
MAF_FN f64 maf_floor(f64 x) { return __builtin_floor(x); }
MAF_FN f64 maf_ceil(f64 x) { return __builtin_ceil(x); }
MAF_FN f64 maf_trunc(f64 x) { return __builtin_trunc(x); }

#define maf_fence() __builtin_amdgcn_fence(__ATOMIC_ACQ_REL, "agent")
#define maf_group_barrier()                                                                                     \
    do {                                                                                                        \
        __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");                                                  \
        __builtin_amdgcn_s_barrier();                                                                           \
        __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");                                                  \
    } while (0)
#define maf_group_barrier_local maf_group_barrier

#define MAF_TID(k) ((u32)((k) == 0 ? __builtin_amdgcn_workitem_id_x()                                           \
                          : (k) == 1 ? __builtin_amdgcn_workitem_id_y() : __builtin_amdgcn_workitem_id_z()))
#define MAF_CTA(k) ((u32)((k) == 0 ? __builtin_amdgcn_workgroup_id_x()                                          \
                          : (k) == 1 ? __builtin_amdgcn_workgroup_id_y() : __builtin_amdgcn_workgroup_id_z()))

#define MAF_CAS(T, NAME)                                                                                        \
    MAF_FN T NAME(volatile T *p, T c, T v) {                                                                    \
        __atomic_compare_exchange_n(p, &c, v, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);                       \
        return c;                                                                                               \
    }
#define MAF_NATIVE(X)                                                                                           \
    MAF_CAS(u32, maf_cas32_##X)                                                                                 \
    MAF_CAS(u64, maf_cas64_##X)                                                                                 \
    MAF_FN u32 maf_add_i32_##X(volatile u32 *p, u32 v) { return __atomic_fetch_add(p, v, __ATOMIC_RELAXED); }   \
    MAF_FN u32 maf_and_i32_##X(volatile u32 *p, u32 v) { return __atomic_fetch_and(p, v, __ATOMIC_RELAXED); }   \
    MAF_FN u32 maf_or_i32_##X(volatile u32 *p, u32 v) { return __atomic_fetch_or(p, v, __ATOMIC_RELAXED); }     \
    MAF_FN u32 maf_xor_i32_##X(volatile u32 *p, u32 v) { return __atomic_fetch_xor(p, v, __ATOMIC_RELAXED); }   \
    MAF_FN u32 maf_exch_i32_##X(volatile u32 *p, u32 v) { return __atomic_exchange_n(p, v, __ATOMIC_RELAXED); } \
    MAF_FN u32 maf_umin_i32_##X(volatile u32 *p, u32 v) { return __atomic_fetch_min(p, v, __ATOMIC_RELAXED); }  \
    MAF_FN u32 maf_umax_i32_##X(volatile u32 *p, u32 v) { return __atomic_fetch_max(p, v, __ATOMIC_RELAXED); }  \
    MAF_FN u32 maf_min_i32_##X(volatile u32 *p, u32 v) {                                                        \
        return (u32)__atomic_fetch_min((volatile s32 *)p, (s32)v, __ATOMIC_RELAXED);                            \
    }                                                                                                           \
    MAF_FN u32 maf_max_i32_##X(volatile u32 *p, u32 v) {                                                        \
        return (u32)__atomic_fetch_max((volatile s32 *)p, (s32)v, __ATOMIC_RELAXED);                            \
    }                                                                                                           \
    MAF_FN u64 maf_add_i64_##X(volatile u64 *p, u64 v) { return __atomic_fetch_add(p, v, __ATOMIC_RELAXED); }   \
    MAF_FN u64 maf_exch_i64_##X(volatile u64 *p, u64 v) { return __atomic_exchange_n(p, v, __ATOMIC_RELAXED); }
MAF_NATIVE(g)
MAF_NATIVE(l)
