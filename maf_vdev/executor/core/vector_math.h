/* Elementary functions without branches, so that loops over them vectorise. */
#ifndef MAF_VECTOR_MATH_H
#define MAF_VECTOR_MATH_H

#include <stdint.h>

/* The bits of a float, which loops over integers can choose between without branches. */
union float_bits {
    float f;
    int32_t i;
};

/* e^x within 2 units in the last place; e^88 above 88, 0 from -87.7 down. */
static inline float exp_f32(float x)
{
    const union float_bits limit = {88}, infinity = {__builtin_inff()}, given = {x};
    union float_bits a = {.i = given.i & INT32_MAX};
    const int32_t nan = (infinity.i - a.i) >> 31; /* all ones for a NaN */
    a.i = a.i > limit.i ? limit.i : a.i;
    a.i |= given.i & INT32_MIN;
    int32_t n = (int32_t)(a.f * 1.44269504f + __builtin_copysignf(0.5f, a.f));
    float k = (float)n, r = a.f - k * 0.693359375f - k * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1;
    const union float_bits power = {.i = (n + 127) << 23}; /* 0 for 2^-127 */
    union float_bits result = {p * power.f};
    result.i |= nan;
    return result.f;
}

#endif
