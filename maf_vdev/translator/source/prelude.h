// The device side of CUDA C++ for a host compiler: one thread is one call of the kernel function, a warp a loop over
// its lanes. Kernels that synchronise run their lanes as fibres on stacks in the warp's local memory.
// No C++ standard headers: sources written for NVRTC define parts of namespace std themselves.
#pragma once

#include <math.h>
#include <stddef.h>
#include <string.h>

#ifndef __CUDA_ARCH__
#define __CUDA_ARCH__ 750
#endif
#define __CUDACC_RTC__ 1
#define __global__
#define __device__
#define __host__
#define __constant__ static const
#define __managed__
// A CTA runs on one thread from its start to its end, so that thread-local storage is shared by its threads only.
#define __shared__ static thread_local
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __align__(n) alignas(n)
#define __grid_constant__

typedef unsigned char maf_u8;
typedef unsigned int maf_u32;
typedef unsigned long long maf_u64;

// As executor/core/cpu_warp.h declares it, up to the fields that are used here; image.py checks the layout's number.
struct maf_warp {
    const maf_u8 *const0;
    const maf_u8 *const *banks;
    maf_u8 *shared;
    maf_u8 *local;
    maf_u8 *frame;
    const int *tid; // x, y, z of the 32 lanes
    void *const *runtime;
    maf_u32 ctaid[3];
    maf_u32 exec;
    maf_u32 tid_base[3];
    maf_u32 warp_id;
};
enum { MAF_PARAM_BASE = 0x160, MAF_LANE_STACK = 32768, MAF_RT_BARRIER = 0, MAF_RT_CALL = 4, MAF_RT_TRAP = 5 };

struct uint3 {
    unsigned x, y, z;
};
struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};
struct int2 { int x, y; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(16) double2 { double x, y; };

struct maf_position {
    uint3 thread, block;
    dim3 block_dim, grid_dim;
    maf_warp *warp;
    struct maf_lanes *lanes;
    unsigned lane;
};
static thread_local maf_position maf_now;

#define threadIdx (maf_now.thread)
#define blockIdx (maf_now.block)
#define blockDim (maf_now.block_dim)
#define gridDim (maf_now.grid_dim)
static constexpr int warpSize = 32;

static inline void *maf_dynamic_shared() { return maf_now.warp->shared; }

[[noreturn]] static inline void __trap() {
    ((void (*)(maf_warp *, maf_u32))maf_now.warp->runtime[MAF_RT_TRAP])(maf_now.warp, 2);
    __builtin_unreachable();
}

// The driver's __assertfail, called as translated code does: 32-bit words of the arguments, per lane.
[[noreturn]] static inline void maf_assert_fail(const char *text, const char *file, unsigned line, const char *function) {
    maf_u32 words[10][32] = {};
    const maf_u64 values[] = {(maf_u64)text, (maf_u64)file, line, (maf_u64)function, 1};
    for (int i = 0; i < 5; i++) {
        words[2 * i][maf_now.lane] = (maf_u32)values[i];
        words[2 * i + 1][maf_now.lane] = (maf_u32)(values[i] >> 32);
    }
    const maf_u64 address = 0x0003000000000020ull; // MAF_ADDRESS_ASSERTFAIL
    ((void (*)(maf_warp *, maf_u32, maf_u32, maf_u32, maf_u32(*)[32]))maf_now.warp->runtime[MAF_RT_CALL])(
        maf_now.warp, 1u << maf_now.lane, (maf_u32)address, (maf_u32)(address >> 32), words);
    __builtin_unreachable();
}
#ifdef NDEBUG
#define assert(condition) ((void)0)
#else
#define assert(condition) ((condition) ? (void)0 : maf_assert_fail(#condition, __FILE__, __LINE__, __func__))
#endif

// --- lanes as fibres ---------------------------------------------------------------------------------------------

extern "C" {
// Set by image.py: the core's fibre functions.
__attribute__((visibility("default"))) void (*maf_switch)(void **save, void *to);
__attribute__((visibility("default"))) void *(*maf_prepare)(void *stack_top, void (*fn)(void *), void *arg);
}

enum maf_lane_state { MAF_RUNS, MAF_AT_BARRIER, MAF_AT_SYNC, MAF_ENDED };
struct maf_lane {
    void *sp;
    maf_lane_state state;
    maf_u32 mask;     // of the warp synchronisation it waits for
    const void *slot; // what it shows to the others
};
struct maf_lanes {
    maf_lane lane[32];
    void *scheduler;
    void (*body)(maf_warp *);
    maf_warp *warp;
};

static inline void maf_yield(maf_lane_state state, maf_u32 mask) {
    maf_lanes *all = maf_now.lanes;
    maf_lane *self = &all->lane[maf_now.lane];
    self->state = state;
    self->mask = mask;
    maf_switch(&self->sp, all->scheduler);
}

static inline void __syncthreads() { maf_yield(MAF_AT_BARRIER, 0); }
static inline void __syncwarp(unsigned mask = 0xffffffffu) { maf_yield(MAF_AT_SYNC, mask); }

// Shows `value` to the warp, lets `look` read the others' values, and waits until all have looked.
template <typename T, typename F>
static inline auto maf_exchange(unsigned mask, const T &value, F look) {
    maf_lanes *all = maf_now.lanes;
    all->lane[maf_now.lane].slot = &value;
    __syncwarp(mask);
    auto result = look(all);
    __syncwarp(mask);
    return result;
}

template <typename T>
static inline T maf_from_lane(unsigned mask, T value, int source) {
    return maf_exchange(mask, value, [&](maf_lanes *all) {
        bool there = source >= 0 && source < 32 && (mask >> source & 1) && all->lane[source].state != MAF_ENDED;
        return there ? *(const T *)all->lane[source].slot : value;
    });
}

template <typename T>
static inline T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
    return maf_from_lane(mask, value, (int)(maf_now.lane & ~(width - 1)) + (source & (width - 1)));
}
template <typename T>
static inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32) {
    int to = (int)(maf_now.lane + delta);
    return maf_from_lane(mask, value, (int)(maf_now.lane & (width - 1)) + (int)delta < width ? to : (int)maf_now.lane);
}
template <typename T>
static inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32) {
    int at = (int)(maf_now.lane & (width - 1));
    return maf_from_lane(mask, value, at >= (int)delta ? (int)(maf_now.lane - delta) : (int)maf_now.lane);
}
template <typename T>
static inline T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32) {
    int to = (int)maf_now.lane ^ bits;
    return maf_from_lane(mask, value, to / width == (int)maf_now.lane / width ? to : (int)maf_now.lane);
}
static inline unsigned __ballot_sync(unsigned mask, int predicate) {
    return maf_exchange(mask, predicate, [&](maf_lanes *all) {
        unsigned votes = 0;
        for (int i = 0; i < 32; i++)
            if ((mask >> i & 1) && all->lane[i].state != MAF_ENDED && *(const int *)all->lane[i].slot) votes |= 1u << i;
        return votes;
    });
}
static inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
static inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, !predicate) == 0; }

// Releases lanes whose synchronisation is complete; true if any lane can run.
static inline bool maf_release(maf_lanes *all) {
    bool runs = false;
    for (int i = 0; i < 32; i++) {
        maf_lane *lane = &all->lane[i];
        if (lane->state == MAF_AT_SYNC) {
            bool complete = true;
            for (int j = 0; j < 32; j++)
                if (lane->mask >> j & 1)
                    complete &= all->lane[j].state == MAF_ENDED ||
                                (all->lane[j].state == MAF_AT_SYNC && all->lane[j].mask == lane->mask);
            if (complete)
                for (maf_u32 mask = lane->mask, j = 0; j < 32; j++)
                    if ((mask >> j & 1) && all->lane[j].state == MAF_AT_SYNC) all->lane[j].state = MAF_RUNS;
        }
        runs |= lane->state == MAF_RUNS;
    }
    return runs;
}

static inline void maf_place(maf_warp *w, maf_lanes *lanes) {
    const maf_u32 *c = (const maf_u32 *)w->const0;
    maf_now.block_dim = dim3(c[0], c[1], c[2]);
    maf_now.grid_dim = dim3(c[3], c[4], c[5]);
    maf_now.block = uint3{w->ctaid[0], w->ctaid[1], w->ctaid[2]};
    maf_now.warp = w;
    maf_now.lanes = lanes;
}
static inline void maf_place_lane(const maf_warp *w, unsigned lane) {
    maf_now.thread = uint3{(unsigned)w->tid[lane], (unsigned)w->tid[32 + lane], (unsigned)w->tid[64 + lane]};
    maf_now.lane = lane;
}

static void maf_lane_main(void *arg) {
    maf_lanes *all = (maf_lanes *)arg;
    all->body(all->warp);
    maf_yield(MAF_ENDED, 0);
    __builtin_unreachable();
}

static inline void maf_run_fibres(maf_warp *w, void (*body)(maf_warp *)) {
    maf_lanes all = {};
    all.body = body;
    all.warp = w;
    for (unsigned i = 0; i < 32; i++) {
        all.lane[i].state = w->exec >> i & 1 ? MAF_RUNS : MAF_ENDED;
        if (all.lane[i].state == MAF_RUNS)
            all.lane[i].sp = maf_prepare(w->local + (size_t)(i + 1) * MAF_LANE_STACK - 64 * (i & 15), maf_lane_main, &all);
    }
    for (;;) {
        for (unsigned i = 0; i < 32; i++) {
            if (all.lane[i].state != MAF_RUNS) continue;
            maf_place(w, &all); // other warps of the CTA may have run since
            maf_place_lane(w, i);
            maf_switch(&all.scheduler, all.lane[i].sp);
        }
        if (maf_release(&all)) continue;
        unsigned live = 0, waiting = 0;
        for (unsigned i = 0; i < 32; i++) {
            live += all.lane[i].state != MAF_ENDED;
            waiting += all.lane[i].state == MAF_AT_BARRIER;
        }
        if (!live) return;
        maf_now.warp = w;
        if (waiting != live) __trap(); // part of a warp waits for lanes that went elsewhere
        ((void (*)(maf_warp *, maf_u32, maf_u32, maf_u32))w->runtime[MAF_RT_BARRIER])(w, 0, 0, 0);
        for (unsigned i = 0; i < 32; i++)
            if (all.lane[i].state == MAF_AT_BARRIER) all.lane[i].state = MAF_RUNS;
    }
}

// --- entry of a kernel: parameters from constant bank 0 at their natural alignment ---------------------------------

template <int... I> struct maf_indices {};
template <int N, int... I> struct maf_count_to : maf_count_to<N - 1, N - 1, I...> {};
template <int... I> struct maf_count_to<0, I...> { using type = maf_indices<I...>; };

template <typename T> struct maf_value { using type = T; };
template <typename T> struct maf_value<T &> { using type = T; };

template <typename F> struct maf_signature;
template <typename... A> struct maf_signature<void (*)(A...)> {
    struct table {
        maf_u32 count;
        maf_u32 place[sizeof...(A) + 1][2]; // offset and size of each parameter, then the end
    };
    static constexpr table layout() {
        table t = {sizeof...(A), {}};
        const maf_u32 sizes[] = {(maf_u32)sizeof(A)..., 0}, alignments[] = {(maf_u32)alignof(A)..., 1};
        maf_u32 at = 0;
        for (maf_u32 i = 0; i <= t.count; i++) {
            at = (at + alignments[i] - 1) & ~(alignments[i] - 1);
            t.place[i][0] = at;
            t.place[i][1] = sizes[i];
            at += sizes[i];
        }
        return t;
    }
    static constexpr table info = layout();
    template <void (*kernel)(A...), int... I>
    static inline void call(const maf_u8 *base, maf_indices<I...>) {
        (void)base;
        kernel(*(typename maf_value<A>::type *)(base + info.place[I][0])...);
    }
    template <void (*kernel)(A...)> static void thread(maf_warp *w) {
        call<kernel>(w->const0 + MAF_PARAM_BASE, typename maf_count_to<sizeof...(A)>::type());
    }
};

template <auto kernel> static inline void maf_enter(maf_warp *w, bool fibres) {
    using signature = maf_signature<decltype(kernel)>;
    if (fibres) {
        maf_run_fibres(w, signature::template thread<kernel>);
        return;
    }
    maf_place(w, nullptr);
    for (unsigned i = 0; i < 32; i++)
        if (w->exec >> i & 1) {
            maf_place_lane(w, i);
            signature::template thread<kernel>(w);
        }
}

#define MAF_KERNEL(name, fibres)                                                                                       \
    extern "C" __attribute__((visibility("default"))) void maf_entry_##name(maf_warp *w) {                             \
        maf_enter<&name>(w, fibres);                                                                                   \
    }                                                                                                                  \
    extern "C" __attribute__((visibility("default"))) const void *const maf_info_##name =                              \
        &maf_signature<decltype(&name)>::info;

// --- memory -------------------------------------------------------------------------------------------------------

static inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
static inline void __threadfence_block() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
static inline void __threadfence_system() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
template <typename T> static inline T __ldg(const T *p) { return *p; }

#define MAF_ATOMIC_INTEGER(T)                                                                                          \
    static inline T atomicAdd(T *p, T v) { return __atomic_fetch_add(p, v, __ATOMIC_RELAXED); }                        \
    static inline T atomicSub(T *p, T v) { return __atomic_fetch_sub(p, v, __ATOMIC_RELAXED); }                        \
    static inline T atomicAnd(T *p, T v) { return __atomic_fetch_and(p, v, __ATOMIC_RELAXED); }                        \
    static inline T atomicOr(T *p, T v) { return __atomic_fetch_or(p, v, __ATOMIC_RELAXED); }                          \
    static inline T atomicXor(T *p, T v) { return __atomic_fetch_xor(p, v, __ATOMIC_RELAXED); }                        \
    static inline T atomicExch(T *p, T v) { return __atomic_exchange_n(p, v, __ATOMIC_RELAXED); }                      \
    static inline T atomicCAS(T *p, T expected, T v) {                                                                 \
        __atomic_compare_exchange_n(p, &expected, v, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);                       \
        return expected;                                                                                               \
    }                                                                                                                  \
    static inline T atomicMax(T *p, T v) {                                                                             \
        T old = *p;                                                                                                    \
        while (old < v && !__atomic_compare_exchange_n(p, &old, v, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}       \
        return old;                                                                                                    \
    }                                                                                                                  \
    static inline T atomicMin(T *p, T v) {                                                                             \
        T old = *p;                                                                                                    \
        while (v < old && !__atomic_compare_exchange_n(p, &old, v, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}       \
        return old;                                                                                                    \
    }
MAF_ATOMIC_INTEGER(int)
MAF_ATOMIC_INTEGER(unsigned)
MAF_ATOMIC_INTEGER(unsigned long long)

#define MAF_ATOMIC_FLOAT(T)                                                                                            \
    static inline T atomicAdd(T *p, T v) {                                                                             \
        T old, sum;                                                                                                    \
        __atomic_load(p, &old, __ATOMIC_RELAXED);                                                                      \
        do sum = old + v;                                                                                              \
        while (!__atomic_compare_exchange(p, &old, &sum, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));                   \
        return old;                                                                                                    \
    }
MAF_ATOMIC_FLOAT(float)
MAF_ATOMIC_FLOAT(double)

// --- bits -----------------------------------------------------------------------------------------------------------

template <typename To, typename From> static inline To maf_bits(From from) {
    static_assert(sizeof(To) == sizeof(From), "");
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}
// Constant expressions in CUDA, where the operand is one.
static constexpr inline float __int_as_float(int x) { return __builtin_bit_cast(float, x); }
static constexpr inline float __uint_as_float(unsigned x) { return __builtin_bit_cast(float, x); }
static constexpr inline int __float_as_int(float x) { return __builtin_bit_cast(int, x); }
static constexpr inline unsigned __float_as_uint(float x) { return __builtin_bit_cast(unsigned, x); }
static constexpr inline double __longlong_as_double(long long x) { return __builtin_bit_cast(double, x); }
static constexpr inline long long __double_as_longlong(double x) { return __builtin_bit_cast(long long, x); }
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
static inline int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
static inline int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)x) : 64; }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline int __ffsll(long long x) { return __builtin_ffsll(x); }
static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((unsigned long long)a * b >> 32); }
static inline int __mulhi(int a, int b) { return (int)((long long)a * b >> 32); }
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)((unsigned __int128)a * b >> 64);
}

// Half precision conversions, in place of inline PTX (build.py).
static inline unsigned short maf_half_bits(float value) {
    unsigned bits = maf_bits<unsigned>(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) return 0x7fff;
    if (magnitude >= 0x477ff000) return (unsigned short)(sign | 0x7c00);
    if (magnitude < 0x38800000) { // subnormal: count units of 2^-24, rounded to nearest even
        float scaled = fabsf(value) * 16777216.0f;
        return (unsigned short)(sign | (unsigned)nearbyintf(scaled));
    }
    unsigned rounded = magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1);
    return (unsigned short)(sign | rounded >> 13);
}
static inline float maf_half_value(unsigned short half) {
    unsigned sign = (unsigned)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 1023;
    if (exponent == 0) return maf_bits<float>(sign | maf_bits<unsigned>((float)fraction * 5.9604644775390625e-8f));
    if (exponent == 31) return maf_bits<float>(sign | 0x7f800000 | fraction << 13);
    return maf_bits<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

// --- mathematics: CUDA overloads the C functions for float and takes integers as double ------------------------------

#undef isnan
#undef isinf
#undef isfinite
#undef signbit
#undef INFINITY
#undef NAN

template <typename T> struct maf_is_integer { static constexpr bool value = false; };
#define MAF_INTEGER(T) template <> struct maf_is_integer<T> { static constexpr bool value = true; };
MAF_INTEGER(bool) MAF_INTEGER(char) MAF_INTEGER(signed char) MAF_INTEGER(unsigned char) MAF_INTEGER(short)
MAF_INTEGER(unsigned short) MAF_INTEGER(int) MAF_INTEGER(unsigned) MAF_INTEGER(long) MAF_INTEGER(unsigned long)
MAF_INTEGER(long long) MAF_INTEGER(unsigned long long)
template <bool, typename T> struct maf_if {};
template <typename T> struct maf_if<true, T> { using type = T; };
#define MAF_FOR_INTEGER(T, R) typename maf_if<maf_is_integer<T>::value, R>::type

#define MAF_TEST(name)                                                                                                 \
    static constexpr inline bool name(float x) { return __builtin_##name(x); }                                         \
    static constexpr inline bool name(double x) { return __builtin_##name(x); }                                        \
    template <typename T> static constexpr inline MAF_FOR_INTEGER(T, bool) name(T x) { return name((double)x); }
MAF_TEST(isnan) MAF_TEST(isinf) MAF_TEST(isfinite)
static constexpr inline bool signbit(float x) { return __builtin_signbitf(x) != 0; }
static constexpr inline bool signbit(double x) { return __builtin_signbit(x) != 0; }
template <typename T> static constexpr inline MAF_FOR_INTEGER(T, bool) signbit(T x) { return x < 0; }

#define MAF_UNARY(name)                                                                                                \
    static inline float name(float x) { return __builtin_##name##f(x); }                                               \
    template <typename T> static inline MAF_FOR_INTEGER(T, double) name(T x) { return __builtin_##name((double)x); }
MAF_UNARY(acos) MAF_UNARY(asin) MAF_UNARY(atan) MAF_UNARY(ceil) MAF_UNARY(cos) MAF_UNARY(cosh) MAF_UNARY(exp)
MAF_UNARY(fabs) MAF_UNARY(floor) MAF_UNARY(log) MAF_UNARY(log10) MAF_UNARY(sin) MAF_UNARY(sinh) MAF_UNARY(sqrt)
MAF_UNARY(tan) MAF_UNARY(tanh) MAF_UNARY(acosh) MAF_UNARY(asinh) MAF_UNARY(atanh) MAF_UNARY(cbrt) MAF_UNARY(erf)
MAF_UNARY(erfc) MAF_UNARY(exp2) MAF_UNARY(expm1) MAF_UNARY(lgamma) MAF_UNARY(log1p) MAF_UNARY(log2) MAF_UNARY(logb)
MAF_UNARY(nearbyint) MAF_UNARY(rint) MAF_UNARY(round) MAF_UNARY(tgamma) MAF_UNARY(trunc)

#define MAF_BESSEL(name) static inline float name(float x) { return name##f(x); } // no builtin in every compiler
MAF_BESSEL(j0) MAF_BESSEL(j1) MAF_BESSEL(y0) MAF_BESSEL(y1)

#define MAF_TO_INTEGER(name, R) static inline R name(float x) { return __builtin_##name##f(x); }
MAF_TO_INTEGER(ilogb, int) MAF_TO_INTEGER(llrint, long long) MAF_TO_INTEGER(llround, long long)
MAF_TO_INTEGER(lrint, long) MAF_TO_INTEGER(lround, long)

#define MAF_BINARY(name)                                                                                               \
    static inline float name(float x, float y) { return __builtin_##name##f(x, y); }                                   \
    template <typename T> static inline MAF_FOR_INTEGER(T, double) name(T x, T y) {                                    \
        return __builtin_##name((double)x, (double)y);                                                                 \
    }                                                                                                                  \
    template <typename T> static inline MAF_FOR_INTEGER(T, double) name(double x, T y) {                               \
        return __builtin_##name(x, (double)y);                                                                         \
    }                                                                                                                  \
    template <typename T> static inline MAF_FOR_INTEGER(T, double) name(T x, double y) {                               \
        return __builtin_##name((double)x, y);                                                                         \
    }                                                                                                                  \
    template <typename T> static inline MAF_FOR_INTEGER(T, float) name(float x, T y) {                                 \
        return __builtin_##name##f(x, (float)y);                                                                       \
    }                                                                                                                  \
    static inline double name(double x, float y) { return __builtin_##name(x, (double)y); }                            \
    static inline double name(float x, double y) { return __builtin_##name((double)x, y); }
MAF_BINARY(atan2) MAF_BINARY(fmod) MAF_BINARY(pow) MAF_BINARY(copysign) MAF_BINARY(fdim) MAF_BINARY(fmax)
MAF_BINARY(fmin) MAF_BINARY(hypot) MAF_BINARY(nextafter) MAF_BINARY(remainder)

static inline float fma(float x, float y, float z) { return __builtin_fmaf(x, y, z); }
static inline float ldexp(float x, int n) { return __builtin_ldexpf(x, n); }
static inline float scalbn(float x, int n) { return __builtin_scalbnf(x, n); }
static inline float scalbln(float x, long n) { return __builtin_scalblnf(x, n); }
static inline float frexp(float x, int *n) { return __builtin_frexpf(x, n); }
static inline float modf(float x, float *whole) { return __builtin_modff(x, whole); }
static inline float remquo(float x, float y, int *n) { return __builtin_remquof(x, y, n); }

extern "C" int abs(int) noexcept;
static inline float abs(float x) { return __builtin_fabsf(x); }
static inline double abs(double x) { return __builtin_fabs(x); }
static inline long abs(long x) { return x < 0 ? -x : x; }
static inline long long abs(long long x) { return x < 0 ? -x : x; }

#define MAF_MINMAX(T)                                                                                                  \
    static inline T min(T a, T b) { return b < a ? b : a; }                                                            \
    static inline T max(T a, T b) { return a < b ? b : a; }
MAF_MINMAX(int) MAF_MINMAX(unsigned) MAF_MINMAX(long) MAF_MINMAX(unsigned long) MAF_MINMAX(long long)
MAF_MINMAX(unsigned long long)
static inline float min(float a, float b) { return __builtin_fminf(a, b); }
static inline float max(float a, float b) { return __builtin_fmaxf(a, b); }
static inline double min(double a, double b) { return __builtin_fmin(a, b); }
static inline double max(double a, double b) { return __builtin_fmax(a, b); }

static inline float rsqrtf(float x) { return 1.0f / __builtin_sqrtf(x); }
static inline float rsqrt(float x) { return rsqrtf(x); }
static inline double rsqrt(double x) { return 1.0 / __builtin_sqrt(x); }
static inline double sinpi(double x) { return __builtin_sin(M_PI * __builtin_fmod(x, 2.0)); }
static inline double cospi(double x) { return __builtin_cos(M_PI * __builtin_fmod(x, 2.0)); }
static inline float sinpif(float x) { return (float)sinpi((double)x); }
static inline float cospif(float x) { return (float)cospi((double)x); }
// exp(x^2) erfc(x). Beyond 25 the first terms of its asymptotic series are exact to double precision.
static inline double erfcx(double x) {
    if (x < 0) return 2 * __builtin_exp(x * x) - erfcx(-x);
    if (x < 25) return __builtin_exp(x * x) * __builtin_erfc(x);
    double t = 1 / (2 * x * x);
    return 0.5641895835477563 / x * (1 + t * (-1 + t * (3 + t * (-15 + t * 105))));
}
static inline float erfcxf(float x) { return (float)erfcx((double)x); }
static inline float erfcx(float x) { return erfcxf(x); }
// Inverse of erfc: a rational guess (Abramowitz and Stegun 26.2.23), then Halley's steps.
static inline double erfcinv(double y) {
    if (!(y > 0 && y < 2)) return y == 0 ? 1.0 / 0.0 : y == 2 ? -1.0 / 0.0 : 0.0 / 0.0;
    double p = y < 1 ? y : 2 - y, t = __builtin_sqrt(-2 * __builtin_log(p / 2));
    double x = M_SQRT1_2 * (t - (2.515517 + t * (0.802853 + t * 0.010328)) /
                                    (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))));
    for (int i = 0; i < 3; i++) {
        double error = __builtin_erfc(x) - p, step = error / (-1.1283791670955126 * __builtin_exp(-x * x));
        x -= step / (1 + x * step);
    }
    return y < 1 ? x : -x;
}
static inline float erfcinvf(float y) { return (float)erfcinv((double)y); }
static inline double erfinv(double y) {
    if (y < -0.5 || y > 0.5) return erfcinv(1 - y);
    double x = y * 0.8862269254527580; // the slope at 0, then Newton's steps on erf, which keep small values exact
    for (int i = 0; i < 6; i++) x -= (__builtin_erf(x) - y) / (1.1283791670955126 * __builtin_exp(-x * x));
    return x;
}
static inline float erfinvf(float y) { return (float)erfinv((double)y); }
static inline double normcdfinv(double p) { return -M_SQRT2 * erfcinv(2 * p); }
static inline float normcdfinvf(float p) { return (float)normcdfinv((double)p); }
static inline double normcdf(double x) { return 0.5 * __builtin_erfc(-x * M_SQRT1_2); }
static inline float normcdff(float x) { return (float)normcdf((double)x); }
#define __expf(x) __builtin_expf(x)
#define __logf(x) __builtin_logf(x)
#define __sinf(x) __builtin_sinf(x)
#define __cosf(x) __builtin_cosf(x)
#define __powf(x, y) __builtin_powf(x, y)
static inline float __fdividef(float x, float y) { return x / y; }
