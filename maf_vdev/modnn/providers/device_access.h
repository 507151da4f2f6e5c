/* Elements of the SDA's memory by type: LOAD_T(place, number), STORE_T(place, number, value). mem is the memory. */
#define LOAD_f32(p, i) (((GLOBAL const float *)(mem + (p)))[i])
#define LOAD_f64(p, i) (((GLOBAL const double *)(mem + (p)))[i])
#define LOAD_f16(p, i) load_half(mem + (p), i)
#define LOAD_bf16(p, i) as_float((uint)((GLOBAL const ushort *)(mem + (p)))[i] << 16)
#define LOAD_i8(p, i) (((GLOBAL const signed char *)(mem + (p)))[i])
#define LOAD_u8(p, i) (((GLOBAL const uchar *)(mem + (p)))[i])
#define LOAD_i32(p, i) (((GLOBAL const int *)(mem + (p)))[i])
#define STORE_f32(p, i, v) (((GLOBAL float *)(mem + (p)))[i] = (float)(v))
#define STORE_f64(p, i, v) (((GLOBAL double *)(mem + (p)))[i] = (v))
#define STORE_f16(p, i, v) store_half(mem + (p), i, (float)(v))
#define STORE_bf16(p, i, v) (((GLOBAL ushort *)(mem + (p)))[i] = to_bf16((float)(v)))
#define STORE_i8(p, i, v) (((GLOBAL signed char *)(mem + (p)))[i] = (signed char)clip(v, (REAL)-128, (REAL)127))
#define STORE_u8(p, i, v) (((GLOBAL uchar *)(mem + (p)))[i] = (uchar)clip(v, (REAL)0, (REAL)255))
#define STORE_i32(p, i, v) (((GLOBAL int *)(mem + (p)))[i] = (int)clip(v, (REAL)-2147483648.0, (REAL)2147483647.0))

FUNCTION ushort to_bf16(float v) {
    uint bits = as_uint(v);
    if (v != v) return (ushort)0x7fff;
    return (ushort)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}
FUNCTION REAL clip(REAL v, REAL low, REAL high) {
    v = m_rint(v);
    return v > low ? (v < high ? v : high) : low;
}
