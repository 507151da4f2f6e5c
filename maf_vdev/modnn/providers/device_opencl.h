/* OpenCL C under moDNN's own kernels (device_product.cl, device_tensor.cl). Defined before: REAL, float or double. */
#define KERNEL(X, Y, Z) __kernel __attribute__((reqd_work_group_size(X, Y, Z)))
#define FUNCTION static inline
#define GLOBAL __global
#define LOCAL __local
#define LOCAL_ARRAY __local
#define BARRIER() barrier(CLK_LOCAL_MEM_FENCE)
#define GROUP(k) get_group_id(k)
#define ITEM(k) ((int)get_local_id(k))
#define ATOMIC_OR(p, v) atomic_or((volatile __global uint *)(p), v)
#define ATOMIC_AND(p, v) atomic_and((volatile __global uint *)(p), v)

#define m_fma fma
#define m_exp exp
#define m_expm1 expm1
#define m_log log
#define m_tanh tanh
#define m_erfc erfc
#define m_sqrt sqrt
#define m_rint rint
#define m_fabs fabs
#define load_half(p, i) vload_half(i, (__global const half *)(p))
#define store_half(p, i, v) vstore_half_rte(v, i, (__global half *)(p))
