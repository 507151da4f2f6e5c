/* HIP C++ under moDNN's own kernels (device_product.cl, device_tensor.cl), for hiprtc and for clang alone: no header is
 * used. Elementary functions are those of ROCm's device library, which hiprtc links. Defined before: REAL. */
typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;

#define KERNEL(X, Y, Z) extern "C" __attribute__((global, launch_bounds(X * Y * Z)))
#define FUNCTION static inline __attribute__((device, always_inline))
#define GLOBAL
#define LOCAL
#define LOCAL_ARRAY static __attribute__((shared))
#define BARRIER()                                                                                               \
    do {                                                                                                        \
        __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");                                                  \
        __builtin_amdgcn_s_barrier();                                                                           \
        __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");                                                  \
    } while (0)
#define GROUP(k)                                                                                                \
    ((k) == 0 ? __builtin_amdgcn_workgroup_id_x()                                                               \
              : (k) == 1 ? __builtin_amdgcn_workgroup_id_y() : __builtin_amdgcn_workgroup_id_z())
#define ITEM(k)                                                                                                 \
    ((int)((k) == 0 ? __builtin_amdgcn_workitem_id_x()                                                          \
                    : (k) == 1 ? __builtin_amdgcn_workitem_id_y() : __builtin_amdgcn_workitem_id_z()))
#define ATOMIC_OR(p, v) __atomic_fetch_or((volatile uint *)(p), v, __ATOMIC_RELAXED)
#define ATOMIC_AND(p, v) __atomic_fetch_and((volatile uint *)(p), v, __ATOMIC_RELAXED)
#define as_float(x) __builtin_bit_cast(float, (uint)(x))
#define as_uint(x) __builtin_bit_cast(uint, (float)(x))

#define MATH(name)                                                                                              \
    extern "C" __attribute__((device)) float __ocml_##name##_f32(float);                                        \
    extern "C" __attribute__((device)) double __ocml_##name##_f64(double);                                      \
    FUNCTION float m_##name(float x) { return __ocml_##name##_f32(x); }                                         \
    FUNCTION double m_##name(double x) { return __ocml_##name##_f64(x); }
MATH(exp)
MATH(expm1)
MATH(log)
MATH(tanh)
MATH(erfc)
FUNCTION float m_fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
FUNCTION double m_fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
FUNCTION float m_sqrt(float x) { return __builtin_sqrtf(x); }
FUNCTION double m_sqrt(double x) { return __builtin_sqrt(x); }
FUNCTION float m_rint(float x) { return __builtin_rintf(x); }
FUNCTION double m_rint(double x) { return __builtin_rint(x); }
FUNCTION float m_fabs(float x) { return __builtin_fabsf(x); }
FUNCTION double m_fabs(double x) { return __builtin_fabs(x); }

FUNCTION float load_half(const void *p, long i) {
    const uint h = ((const ushort *)p)[i], sign = (h & 0x8000u) << 16, exponent = h >> 10 & 31u, rest = h & 1023u;
    if (exponent == 31) return as_float(sign | 0x7f800000u | rest << 13);
    if (exponent) return as_float(sign | (exponent + 112) << 23 | rest << 13);
    return as_float(sign | as_uint((float)rest * 0x1p-24f));
}
FUNCTION void store_half(float v, void *p, long i) {
    const uint bits = as_uint(v), sign = bits >> 16 & 0x8000u, size = bits & 0x7fffffffu;
    uint h;
    if (size > 0x7f800000u) h = 0x7e00u;
    else if (size >= 0x477ff000u) h = 0x7c00u; /* 65520: half way to what would come next */
    else if (size < 0x38800000u) h = (uint)m_rint(as_float(size) * 0x1p24f);
    else h = (size + 0xfffu + (size >> 13 & 1u) - 0x38000000u) >> 13;
    ((ushort *)p)[i] = (ushort)(sign | h);
}
#define store_half(p, i, v) store_half(v, p, i)
