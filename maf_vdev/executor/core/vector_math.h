/* Elementary functions without branches, so that loops over them vectorise. */
#ifndef MAF_VECTOR_MATH_H
#define MAF_VECTOR_MATH_H

#include <stdint.h>

/* e^x within 2 units in the last place, for |x| up to 88. */
static inline float exp_f32(float x)
{
    x = x > 88 ? 88 : x < -87 ? -87 : x;
    float k = (float)(int32_t)(x * 1.44269504f + (x < 0 ? -0.5f : 0.5f));
    float r = x - k * 0.693359375f - k * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1;
    union {
        int32_t i;
        float f;
    } scale = {((int32_t)k + 127) << 23};
    return p * scale.f;
}

#endif
