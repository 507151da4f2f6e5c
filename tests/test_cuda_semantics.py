"""CUDA C++ compiled for sm_75 must mean on the interpreter what it means in C. Needs nvcc; skipped without it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernel_runner import NVCC, Kernel, compile_cuda

from maf_vdev.translator.interpreter import Trap
from maf_vdev.translator.memory_map import Memory, MemoryFault

pytestmark = pytest.mark.skipif(NVCC is None, reason="nvcc is not installed")

N = 1000
EDGES32 = [0, 1, -1, 2, -2, 7, -7, 31, 32, 2**31 - 1, -(2**31), 0x10000, -0x10000, 1000003]


def elementwise(expression: str, types: str, result: str, prelude: str = "") -> Kernel:
    """Kernel out[i] = expression of a, b, c (typed by ``types``, comma separated)."""
    names = "abc"
    parameters = ", ".join(f"const {t.strip()} *p{n}" for t, n in zip(types.split(","), names))
    loads = " ".join(f"{t.strip()} {n} = p{n}[i];" for t, n in zip(types.split(","), names))
    source = f"""#include <cuda_fp16.h>
{prelude}
extern "C" __global__ void kernel({result} *out, {parameters}, int n) {{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    {loads}
    out[i] = {expression};
}}"""
    return Kernel.load(compile_cuda(source), "kernel")


def apply(kernel: Kernel, dtype: Any, *inputs: np.ndarray) -> np.ndarray:
    count = inputs[0].size
    out = np.zeros(count, dtype)
    kernel.run(-(-count // 128), 128, out, *inputs, np.int32(count))
    return out


def ints(rng: np.random.Generator, dtype: type, count: int = N, nonzero: bool = False) -> np.ndarray:
    info = np.iinfo(dtype)
    x = rng.integers(info.min, info.max, count, dtype, True)
    x >>= rng.integers(0, info.bits - 1, count).astype(dtype)
    edges = np.array([e & ((1 << info.bits) - 1) for e in EDGES32], f"u{info.bits // 8}").view(dtype)
    x[: edges.size**2] = np.repeat(edges, edges.size) if nonzero is False else np.tile(edges, edges.size)
    if nonzero:
        x[x == 0] = 5
    return x


def floats(rng: np.random.Generator, dtype: type, count: int = N) -> np.ndarray:
    width = np.dtype(dtype).itemsize
    x = rng.integers(0, (1 << 8 * width) - 1, count, f"u{width}", True).view(dtype)
    f = np.finfo(dtype)
    edges = [0.0, 1.0, 3.0, 0.1, float(f.max), float(f.tiny), float(f.smallest_subnormal), float(f.tiny) / 2, np.inf]
    edges = np.array([*edges, *(-e for e in edges), np.nan]).astype(dtype)
    x[: edges.size**2] = rng.permutation(np.repeat(edges, edges.size))
    x[count // 2 :] = (rng.standard_normal(count - count // 2) * 3).astype(dtype)
    return x


def same(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    unsigned = f"u{got.itemsize}"
    return (got.view(unsigned) == want.view(unsigned)) | (np.isnan(got) & np.isnan(want))


def assert_same(got: np.ndarray, want: np.ndarray, *inputs: np.ndarray) -> None:
    ok = same(got, want) if got.dtype.kind == "f" else got == want
    if not ok.all():
        at = int(np.argmin(ok))
        raise AssertionError(
            f"{int((~ok).sum())} differ; first {at}: {got[at]!r}, expected {want[at]!r}, inputs {[x[at] for x in inputs]!r}"
        )


@pytest.mark.parametrize(
    "dtype, ctype",
    [
        (np.int32, "int"),
        (np.uint32, "unsigned"),
        (np.int64, "long long"),
        (np.uint64, "unsigned long long"),
        (np.int16, "short"),
        (np.uint8, "unsigned char"),
    ],
)
@pytest.mark.parametrize("operator", ["/", "%", "*", "+", "-"])
def test_integer_arithmetic(dtype: type, ctype: str, operator: str) -> None:
    rng = np.random.default_rng(1)
    a, b = ints(rng, dtype), ints(rng, dtype, nonzero=True)
    got = apply(elementwise(f"a {operator} b", f"{ctype}, {ctype}", ctype), dtype, a, b)
    bits = np.iinfo(dtype).bits

    def exact(x: int, y: int) -> int:
        if operator in "/%":
            quotient = abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)
            return quotient if operator == "/" else x - quotient * y
        return {"*": x * y, "+": x + y, "-": x - y}[operator]

    want = np.array([exact(x, y) & ((1 << bits) - 1) for x, y in zip(a.tolist(), b.tolist())], f"u{bits // 8}").view(
        dtype
    )
    assert_same(got, want, a, b)


@pytest.mark.parametrize("divisor", [3, 7, 10, 641, 1000003, -5, 64])
def test_division_by_a_constant(divisor: int) -> None:
    a = ints(np.random.default_rng(2), np.int64)
    got = apply(elementwise(f"a / {divisor}LL", "long long", "long long"), np.int64, a)
    want = np.array([abs(x) // abs(divisor) * (1 if (x < 0) == (divisor < 0) else -1) for x in a.tolist()])
    assert_same(got, want, a)


@pytest.mark.parametrize(
    "expression, function",
    [
        ("a << (b & 63)", lambda a, b: a << (b & 63)),
        ("a >> (b & 63)", lambda a, b: a >> (b & 63)),
        ("(long long)((unsigned long long)a >> (b & 63))", lambda a, b: (a & (1 << 64) - 1) >> (b & 63)),
        ("(long long)__clzll(a)", lambda a, b: 64 - (a & (1 << 64) - 1).bit_length()),
        ("(long long)__ffsll(a)", lambda a, b: (a & -a).bit_length() if a else 0),
        ("(long long)__popcll(a)", lambda a, b: (a & (1 << 64) - 1).bit_count()),
        ("(long long)__brevll(a)", lambda a, b: int(f"{a & (1 << 64) - 1:064b}"[::-1], 2)),
        ("__mul64hi(a, b)", lambda a, b: a * b >> 64),
        ("(long long)__umul64hi(a, b)", lambda a, b: (a & (1 << 64) - 1) * (b & (1 << 64) - 1) >> 64),
        ("a < b ? a : b", min),
        ("llabs(a)", lambda a, b: abs(a)),
        ("a ^ ~b | (a & b)", lambda a, b: a ^ ~b | (a & b)),
        ("(a == b) + 2 * (a <= b)", lambda a, b: (a == b) + 2 * (a <= b)),
    ],
)
def test_integer_functions_64(expression: str, function: Any) -> None:
    rng = np.random.default_rng(3)
    a, b = ints(rng, np.int64), ints(rng, np.int64, nonzero=True)
    got = apply(elementwise(expression, "long long, long long", "long long"), np.int64, a, b)
    want = np.array([function(x, y) & (1 << 64) - 1 for x, y in zip(a.tolist(), b.tolist())], np.uint64).view(np.int64)
    assert_same(got, want, a, b)


M32 = (1 << 32) - 1


def s8(x: int, n: int) -> int:
    byte = x >> 8 * n & 255
    return byte - 256 if byte & 128 else byte


@pytest.mark.parametrize(
    "expression, function",
    [
        ("__clz(a)", lambda a, b, c: 32 - a.bit_length()),
        ("__ffs(a)", lambda a, b, c: (a & -a).bit_length()),
        ("__popc(a)", lambda a, b, c: a.bit_count()),
        ("__brev(a)", lambda a, b, c: int(f"{a:032b}"[::-1], 2)),
        ("__umulhi(a, b)", lambda a, b, c: a * b >> 32),
        ("(unsigned)__mulhi((int)a, (int)b)", lambda a, b, c: sint(a) * sint(b) >> 32),
        (
            "__byte_perm(a, b, c & 0x7777)",
            lambda a, b, c: sum(
                (b << 32 | a) >> 8 * (c >> 4 * k & 7) & 255 and ((b << 32 | a) >> 8 * (c >> 4 * k & 7) & 255) << 8 * k
                for k in range(4)
            ),
        ),
        ("__funnelshift_l(a, b, c)", lambda a, b, c: (b << 32 | a) << (c & 31) >> 32),
        ("__funnelshift_r(a, b, c)", lambda a, b, c: (b << 32 | a) >> (c & 31)),
        ("__funnelshift_lc(a, b, c)", lambda a, b, c: (b << 32 | a) << min(c, 32) >> 32),
        ("__funnelshift_rc(a, b, c)", lambda a, b, c: (b << 32 | a) >> min(c, 32)),
        ("(unsigned)__dp4a((int)a, (int)b, (int)c)", lambda a, b, c: sum(s8(a, n) * s8(b, n) for n in range(4)) + c),
        ("__dp4a(a, b, c)", lambda a, b, c: sum((a >> 8 * n & 255) * (b >> 8 * n & 255) for n in range(4)) + c),
        ("__usad(a, b, c)", lambda a, b, c: abs(a - b) + c),
        ("__uhadd(a, b)", lambda a, b, c: a + b >> 1),
        (
            "__vabsdiffu4(a, b)",
            lambda a, b, c: sum(abs((a >> 8 * n & 255) - (b >> 8 * n & 255)) << 8 * n for n in range(4)),
        ),
        (
            "__vaddus4(a, b)",
            lambda a, b, c: sum(min((a >> 8 * n & 255) + (b >> 8 * n & 255), 255) << 8 * n for n in range(4)),
        ),
        ("__vmaxs2(a, b)", lambda a, b, c: sum((max(s16(a, n), s16(b, n)) & 0xFFFF) << 16 * n for n in range(2))),
        ("(unsigned)((int)a >> (b & 31))", lambda a, b, c: sint(a) >> (b & 31)),
        ("min((int)a, max((int)b, (int)c))", lambda a, b, c: min(sint(a), max(sint(b), sint(c)))),
        ("(unsigned)(signed char)a + (unsigned)(short)b", lambda a, b, c: s8(a, 0) + s16(b, 0)),
        ("a ? b : c", lambda a, b, c: b if a else c),
    ],
)
def test_integer_functions_32(expression: str, function: Any) -> None:
    rng = np.random.default_rng(4)
    a, b, c = (ints(rng, np.uint32, nonzero=k == 1) for k in range(3))
    c[: N // 2] &= 63
    got = apply(elementwise(expression, "unsigned, unsigned, unsigned", "unsigned"), np.uint32, a, b, c)
    want = np.array([function(*row) & M32 for row in zip(a.tolist(), b.tolist(), c.tolist())], np.uint32)
    assert_same(got, want, a, b, c)


def sint(x: int) -> int:
    return x - (1 << 32) if x >> 31 else x


def s16(x: int, n: int) -> int:
    half = x >> 16 * n & 0xFFFF
    return half - 0x10000 if half & 0x8000 else half


@pytest.mark.parametrize("dtype, ctype", [(np.float32, "float"), (np.float64, "double")])
@pytest.mark.parametrize(
    "expression, function",
    [
        ("a + b", lambda a, b: a + b),
        ("a * b", lambda a, b: a * b),
        ("a / b", lambda a, b: a / b),
        ("1 / b", lambda a, b: b.dtype.type(1) / b),
        ("sqrt(a)", lambda a, b: np.sqrt(a)),
        ("fmin(a, b)", np.fmin),
        ("fmax(a, b)", np.fmax),
        ("floor(a)", lambda a, b: np.floor(a)),
        ("ceil(a)", lambda a, b: np.ceil(a)),
        ("trunc(a)", lambda a, b: np.trunc(a)),
        ("rint(a)", lambda a, b: np.rint(a)),
        ("fmod(a, b)", np.fmod),
        ("copysign(a, b)", np.copysign),
        ("a < b ? a : b", lambda a, b: np.where(a < b, a, b)),
        ("fabs(a) > b ? -a : b", lambda a, b: np.where(np.abs(a) > b, -a, b)),
        ("ldexp(a, 3)", lambda a, b: np.ldexp(a, 3)),
        ("nextafter(a, b)", np.nextafter),
    ],
)
def test_float_arithmetic_is_exact(dtype: type, ctype: str, expression: str, function: Any) -> None:
    rng = np.random.default_rng(5)
    a, b = floats(rng, dtype), floats(rng, dtype)
    got = apply(elementwise(expression, f"{ctype}, {ctype}", ctype), dtype, a, b)
    with np.errstate(all="ignore"):
        want = function(a, b)
    if "fm" in expression:
        # fmin and fmax may return either zero; the hardware and NumPy differ there.
        got, want = got + dtype(0), want + dtype(0)
    assert_same(got, want, a, b)


@pytest.mark.parametrize("dtype, ctype, bound", [(np.float32, "float", 4), (np.float64, "double", 4)])
@pytest.mark.parametrize(
    "name, function",
    [
        ("sin", np.sin),
        ("cos", np.cos),
        ("tan", np.tan),
        ("exp", np.exp),
        ("log", lambda x: np.log(np.abs(x))),
        ("tanh", np.tanh),
        ("atan", np.arctan),
        ("cbrt", np.cbrt),
        ("exp2", np.exp2),
        ("log2", lambda x: np.log2(np.abs(x))),
        ("log1p", lambda x: np.log1p(np.abs(x))),
        ("expm1", np.expm1),
        ("sinh", np.sinh),
        ("asinh", np.arcsinh),
        ("rsqrt", lambda x: 1 / np.sqrt(np.abs(x))),
    ],
)
def test_math_functions(dtype: type, ctype: str, bound: float, name: str, function: Any) -> None:
    """Errors of CUDA's functions are at most 4 units in the last place here (CUDA C++ guide, mathematical functions)."""
    rng = np.random.default_rng(6)
    x = (rng.standard_normal(N) * 10.0 ** rng.uniform(-3, 4, N)).astype(dtype)
    x[:5] = [0.0, 1.0, np.inf, np.nan, 1e-30]
    argument = "fabs(a)" if name in ("log", "log2", "log1p", "rsqrt") else "a"
    got = apply(elementwise(f"{name}({argument})", ctype, ctype), dtype, x)
    with np.errstate(all="ignore"):
        want = function(x.astype(np.longdouble)).astype(np.float64 if dtype == np.float64 else np.longdouble)
        near = want.astype(dtype)
        error = np.abs(got.astype(np.longdouble) - want) / np.spacing(np.abs(near)).astype(np.longdouble)
        ok = same(got, near) | (error <= bound)
    assert ok.all(), (x[~ok][:3], got[~ok][:3], near[~ok][:3])


@pytest.mark.parametrize("suffix, mode", [("rn", "rn"), ("rd", "rm"), ("ru", "rp"), ("rz", "rz")])
def test_directed_rounding(suffix: str, mode: str) -> None:
    from opcode_cases import exact

    rng = np.random.default_rng(7)
    a, b, c = (floats(rng, np.float32) for _ in range(3))
    got = apply(elementwise(f"__fmaf_{suffix}(a, b, c)", "float, float, float", "float"), np.float32, a, b, c)
    assert_same(got, exact.array(lambda x, y, z: exact.fma(x, y, z, np.float32, mode), np.float32, a, b, c), a, b, c)
    got = apply(elementwise(f"__fdiv_{suffix}(a, b)", "float, float", "float"), np.float32, a[N // 2 :], b[N // 2 :])
    from fractions import Fraction

    want = exact.array(
        lambda x, y: exact.to_float(Fraction(x) / Fraction(y), np.float32, mode, 1.0),
        np.float32,
        a[N // 2 :],
        b[N // 2 :],
    )
    assert_same(got, want, a[N // 2 :], b[N // 2 :])


@pytest.mark.parametrize(
    "source, target, expression",
    [
        ("float", "int", "(int)a"),
        ("float", "long long", "(long long)a"),
        ("double", "int", "(int)a"),
        ("double", "unsigned long long", "(unsigned long long)a"),
        ("float", "unsigned char", "(unsigned char)(int)a"),
        ("float", "double", "(double)a"),
        ("double", "float", "(float)a"),
        ("int", "float", "(float)a"),
        ("long long", "float", "(float)a"),
        ("unsigned long long", "double", "(double)a"),
        ("long long", "double", "(double)a"),
        ("unsigned char", "float", "(float)a"),
        ("short", "double", "(double)a"),
    ],
)
def test_conversions(source: str, target: str, expression: str) -> None:
    types = {
        "float": np.float32,
        "double": np.float64,
        "int": np.int32,
        "long long": np.int64,
        "short": np.int16,
        "unsigned long long": np.uint64,
        "unsigned char": np.uint8,
    }
    rng, start, end = np.random.default_rng(8), types[source], types[target]
    if np.dtype(start).kind == "f":
        a = floats(rng, start)
        if np.dtype(end).kind in "iu":
            # Out of range is undefined in C; the hardware saturates, see the opcode tests.
            a = np.where(np.isfinite(a) & (np.abs(a) < 2.0**30), a, 1.5).astype(start)
            a = np.abs(a) if np.dtype(end).kind == "u" else a
            a = np.minimum(a, 255) if end == np.uint8 else a
    else:
        a = ints(rng, start)
    got = apply(elementwise(expression, source, target), end, a)
    with np.errstate(all="ignore"):
        assert_same(got, a.astype(end), a)


@pytest.mark.parametrize(
    "expression, function",
    [
        ("__hadd(a, b)", lambda a, b: a + b),
        ("__hmul(a, b)", lambda a, b: a * b),
        ("__hdiv(a, b)", lambda a, b: a / b),
        ("hsqrt(a)", lambda a, b: np.sqrt(a)),
        ("__hfma(a, b, a)", None),
        ("__hlt(a, b) ? a : b", lambda a, b: np.where(a < b, a, b)),
        ("__hmax(a, b)", np.fmax),
        ("__hneg(a)", lambda a, b: -a),
        ("hrint(a)", lambda a, b: np.rint(a)),
        (
            "__float2half_rn(__half2float(a) * 1.1f)",
            lambda a, b: (a.astype(np.float32) * np.float32(1.1)).astype(np.float16),
        ),
    ],
)
def test_half(expression: str, function: Any) -> None:
    from opcode_cases import exact

    rng = np.random.default_rng(9)
    a, b = floats(rng, np.float16), floats(rng, np.float16)
    got = apply(elementwise(expression, "half, half", "half"), np.float16, a, b)
    with np.errstate(all="ignore"):
        if function is None:
            want = exact.array(lambda x, y: exact.fma(x, y, x, np.float16), np.float16, a, b)
        elif function is np.fmax:
            got, want = got + np.float16(0), np.fmax(a, b) + np.float16(0)
        else:
            want = function(a, b)
        if "hdiv" in expression or "hsqrt" in expression:
            # Documented as accurate to one unit in the last place.
            ok = same(got, want) | (
                np.abs(got.astype(float) - want.astype(float)) <= np.spacing(np.abs(want)).astype(float)
            )
            assert ok.all(), (a[~ok][:3], b[~ok][:3], got[~ok][:3], want[~ok][:3])
            return
    assert_same(got, want, a, b)


KERNELS = r"""
#include <cuda_fp16.h>
#include <mma.h>
#include <stdio.h>
#include <assert.h>
#include <cooperative_groups.h>
namespace cg = cooperative_groups;

extern "C" __global__ void block_sum(const float *in, float *out, int n) {
    __shared__ float part[32];
    float total = 0;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) total += in[i];
    for (int d = 16; d; d /= 2) total += __shfl_xor_sync(~0u, total, d);
    if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = total;
    __syncthreads();
    if (threadIdx.x < 32) {
        total = threadIdx.x < blockDim.x / 32 ? part[threadIdx.x] : 0;
        for (int d = 16; d; d /= 2) total += __shfl_down_sync(~0u, total, d);
        if (threadIdx.x == 0) out[blockIdx.x] = total;
    }
}
extern "C" __global__ void histogram(const int *in, unsigned *out, int n, int bins) {
    extern __shared__ unsigned local[];
    for (int i = threadIdx.x; i < bins; i += blockDim.x) local[i] = 0;
    __syncthreads();
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) atomicAdd(&local[in[i] % bins], 1u);
    __syncthreads();
    for (int i = threadIdx.x; i < bins; i += blockDim.x) if (local[i]) atomicAdd(&out[i], local[i]);
}
extern "C" __global__ void shared_atomics(const int *in, float *f, unsigned long long *m, double *d) {
    __shared__ float sf; __shared__ unsigned long long sm; __shared__ double sd; __shared__ int cas;
    if (threadIdx.x == 0) { sf = 0; sm = 0; sd = 0; cas = 0; }
    __syncthreads();
    atomicAdd(&sf, (float)in[threadIdx.x]);
    atomicMax(&sm, (unsigned long long)in[threadIdx.x] << 20);
    atomicAdd(&sd, 0.5 * in[threadIdx.x]);
    int seen = cas, old;
    do { old = seen; seen = atomicCAS(&cas, old, old + in[threadIdx.x]); } while (seen != old);
    __syncthreads();
    if (threadIdx.x == 0) { f[0] = sf; f[1] = cas; m[0] = sm; d[0] = sd; }
}
extern "C" __global__ void lock(int *mutex, int *count) {
    // One thread of each warp takes a lock: forward progress between warps.
    if (threadIdx.x % 32 == 0) {
        while (atomicCAS(mutex, 0, 1) != 0) { }
        *count += 1;
        __threadfence();
        atomicExch(mutex, 0);
    }
}
extern "C" __global__ void chain(volatile int *flags, int *out) {
    // Every warp waits for the one before it.
    int warp = threadIdx.x / 32;
    if (threadIdx.x % 32 == 0) {
        if (warp) while (flags[warp - 1] == 0) { }
        out[warp] = warp ? out[warp - 1] + warp : 0;
        __threadfence();
        flags[warp] = 1;
    }
}
__device__ int collatz(int n) { int steps = 0; while (n != 1) { n = n & 1 ? 3 * n + 1 : n / 2; steps++; } return steps; }
extern "C" __global__ void divergent(int *out) {
    int t = threadIdx.x;
    int value = collatz(t + 1);
    unsigned odd = __ballot_sync(~0u, value & 1);
    out[t] = value * 1000 + __popc(odd);
}
__device__ __noinline__ int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
extern "C" __global__ void recursion(int *out) { out[threadIdx.x] = fib(threadIdx.x % 9); }
__device__ int twice(int x) { return 2 * x; }
__device__ int square(int x) { return x * x; }
__device__ int negate(int x) { return -x; }
typedef int (*function)(int);
__device__ function table[3] = {twice, square, negate};
extern "C" __global__ void switches(const int *in, int *out) {
    int x = in[threadIdx.x], r;
    switch (x) {
        case 0: r = x + 100; break; case 1: r = x * 77; break; case 2: r = x ^ 0x55; break; case 3: r = -x; break;
        case 4: r = x << 9; break; case 5: r = 12345; break; case 6: r = x * x * x; break; case 7: r = ~x; break;
        case 8: r = x / 3; break; case 9: r = x % 5 + 1; break; default: r = 1;
    }
    out[threadIdx.x] = r;
}
extern "C" __global__ void locals(const int *in, int *out, int n) {
    int a[40];
    for (int i = 0; i < 40; i++) a[i] = in[i] * (threadIdx.x + 1);
    int s = 0;
    for (int i = 0; i < n; i++) { int k = (i * 7 + threadIdx.x) % 40; a[k] += s; s += a[(k + 13) % 40]; }
    out[threadIdx.x] = s;
}
__device__ __noinline__ int through(const int *p, int i) { return p[i]; }
extern "C" __global__ void generic(const int *in, int *out) {
    __shared__ int s[64];
    int l[8];
    int t = threadIdx.x;
    s[t] = in[t] + 1;
    for (int i = 0; i < 8; i++) l[i] = in[(t + i) % 64] + 2;
    __syncthreads();
    const int *p = t % 3 == 0 ? in : t % 3 == 1 ? s : l;
    int kind = __isShared(p) * 1 + __isLocal(p) * 2 + __isGlobal(p) * 4;
    out[t] = through(p, t % 8) * 10 + kind;
}
extern "C" __global__ void printing(int n) { printf("thread %d of %d: %f\n", threadIdx.x, n, threadIdx.x * 0.5); }
extern "C" __global__ void asserting(int n) { assert(threadIdx.x < n); }
extern "C" __global__ void trapping(int n) { if (threadIdx.x == n) __trap(); }
extern "C" __global__ void overrun(int *p, int n) { p[threadIdx.x + n] = 1; }
extern "C" __global__ void geometry(unsigned *out) {
    unsigned b = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    unsigned t = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    unsigned size = blockDim.x * blockDim.y * blockDim.z;
    out[b * size + t] = threadIdx.x | threadIdx.y << 4 | threadIdx.z << 8 | blockIdx.x << 12 | blockIdx.y << 16 | blockIdx.z << 20;
}
extern "C" __global__ void tiles(const int *in, int *out) {
    auto tile = cg::tiled_partition<8>(cg::this_thread_block());
    int x = in[threadIdx.x];
    int s = x;
    for (int d = 4; d; d /= 2) s += tile.shfl_down(s, d);
    s = tile.shfl(s, 0);
    out[threadIdx.x] = s * 2 + tile.any(x == 3);
}
extern "C" __global__ void grid_sync(int *values, int *out) {
    // Every block writes, all wait, every block reads its neighbour's value; twice.
    auto grid = cg::this_grid();
    int b = blockIdx.x, n = gridDim.x;
    for (int k = 0; k < 2; k++) {
        if (threadIdx.x == 0) values[b] = values[b] * 2 + b;
        grid.sync();
        int seen = values[(b + 1) % n];
        grid.sync();
        if (threadIdx.x == 0) values[b] += seen;
    }
    if (threadIdx.x == 0) out[b] = values[b];
}
extern "C" __global__ void partial_mask(const int *in, int *out) {
    int t = threadIdx.x;
    if (t % 32 < 20) {
        unsigned m = __ballot_sync(0xfffff, in[t] & 1);
        int v = __shfl_sync(0xfffff, in[t], (t + 1) % 20);
        out[t] = v + (int)__popc(m) * 1000;
    } else out[t] = -1;
}
extern "C" __global__ void match(const int *in, unsigned *out) {
    unsigned any = __match_any_sync(~0u, in[threadIdx.x]);
    int same; unsigned all = __match_all_sync(~0u, in[threadIdx.x] >> 8, &same);
    out[threadIdx.x] = any ^ (all & same * 0x10000);
}
extern "C" __global__ void aggregated(int *counter, const int *in) { if (in[threadIdx.x] & 1) atomicAdd(counter, 1); }
extern "C" __global__ void f16x2_atomics(half2 *p, const half2 *x) { atomicAdd(p + threadIdx.x % 4, x[threadIdx.x]); }
extern "C" __global__ void half2_ops(const half2 *a, const half2 *b, half2 *out) {
    int t = threadIdx.x;
    half2 r = __hfma2(a[t], b[t], __low2half2(a[t]));
    if (__hbgt2(a[t], b[t])) r = __hadd2(r, __lowhigh2highlow(b[t]));
    out[t] = __hmul2_sat(r, __heq2(a[t], b[t])) + __hmin2(a[t], b[t]);
}
using namespace nvcuda;
extern "C" __global__ void wmma_f16(const half *a, const half *b, float *c) {
    wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> fa;
    wmma::fragment<wmma::matrix_b, 16, 16, 16, half, wmma::col_major> fb;
    wmma::fragment<wmma::accumulator, 16, 16, 16, float> fc;
    wmma::fill_fragment(fc, 1.0f);
    for (int k = 0; k < 32; k += 16) {
        wmma::load_matrix_sync(fa, a + k, 32); wmma::load_matrix_sync(fb, b + k, 32);
        wmma::mma_sync(fc, fa, fb, fc);
    }
    wmma::store_matrix_sync(c, fc, 16, wmma::mem_row_major);
}
extern "C" __global__ void wmma_half(const half *a, const half *b, half *c) {
    __shared__ half s[256];
    wmma::fragment<wmma::matrix_a, 32, 8, 16, half, wmma::col_major> fa;
    wmma::fragment<wmma::matrix_b, 32, 8, 16, half, wmma::row_major> fb;
    wmma::fragment<wmma::accumulator, 32, 8, 16, half> fc;
    wmma::fill_fragment(fc, __float2half(0.5f));
    wmma::load_matrix_sync(fa, a, 32); wmma::load_matrix_sync(fb, b, 8);
    wmma::mma_sync(fc, fa, fb, fc);
    wmma::store_matrix_sync(s, fc, 8, wmma::mem_row_major);
    __syncwarp();
    for (int i = threadIdx.x; i < 256; i += 32) c[i] = s[i];
}
extern "C" __global__ void wmma_s8(const signed char *a, const signed char *b, int *c) {
    wmma::fragment<wmma::matrix_a, 16, 16, 16, signed char, wmma::row_major> fa;
    wmma::fragment<wmma::matrix_b, 16, 16, 16, signed char, wmma::col_major> fb;
    wmma::fragment<wmma::accumulator, 16, 16, 16, int> fc;
    wmma::fill_fragment(fc, 3);
    wmma::load_matrix_sync(fa, a, 16); wmma::load_matrix_sync(fb, b, 16);
    wmma::mma_sync(fc, fa, fb, fc);
    wmma::store_matrix_sync(c, fc, 16, wmma::mem_row_major);
}
extern "C" __global__ void wmma_u4(const unsigned *a, const unsigned *b, int *c) {
    using namespace wmma::experimental;
    wmma::fragment<wmma::matrix_a, 8, 8, 32, precision::u4, wmma::row_major> fa;
    wmma::fragment<wmma::matrix_b, 8, 8, 32, precision::u4, wmma::col_major> fb;
    wmma::fragment<wmma::accumulator, 8, 8, 32, int> fc;
    wmma::fill_fragment(fc, 0);
    wmma::load_matrix_sync(fa, a, 32); wmma::load_matrix_sync(fb, b, 32);
    wmma::mma_sync(fc, fa, fb, fc);
    wmma::store_matrix_sync(c, fc, 8, wmma::mem_row_major);
}
extern "C" __global__ void wmma_b1(const unsigned *a, const unsigned *b, int *c) {
    using namespace wmma::experimental;
    wmma::fragment<wmma::matrix_a, 8, 8, 128, precision::b1, wmma::row_major> fa;
    wmma::fragment<wmma::matrix_b, 8, 8, 128, precision::b1, wmma::col_major> fb;
    wmma::fragment<wmma::accumulator, 8, 8, 128, int> fc;
    wmma::fill_fragment(fc, 0);
    wmma::load_matrix_sync(fa, a, 128); wmma::load_matrix_sync(fb, b, 128);
    wmma::bmma_sync(fc, fa, fb, fc, bmmaBitOpXOR);
    wmma::store_matrix_sync(c, fc, 8, wmma::mem_row_major);
}
extern "C" __global__ void mma_ldmatrix(const half *a, const half *b, float *c) {
    // 16x8 (k = 8) from shared memory by ldmatrix; b is stored row-major (k, n) and read transposed.
    __shared__ __align__(16) half sa[16 * 8], sb[8 * 8];
    for (int i = threadIdx.x; i < 128; i += 32) sa[i] = a[i];
    for (int i = threadIdx.x; i < 64; i += 32) sb[i] = b[i];
    __syncthreads();
    unsigned a0, a1, b0, pa = (unsigned)__cvta_generic_to_shared(sa + threadIdx.x % 16 * 8), pb = (unsigned)__cvta_generic_to_shared(sb + threadIdx.x % 8 * 8);
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];" : "=r"(a0), "=r"(a1) : "r"(pa));
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];" : "=r"(b0) : "r"(pb));
    float d[4] = {0, 0, 0, 0};
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a0), "r"(a1), "r"(b0));
    int g = threadIdx.x / 4, t = threadIdx.x % 4;
    c[g * 8 + 2 * t] = d[0]; c[g * 8 + 2 * t + 1] = d[1]; c[(g + 8) * 8 + 2 * t] = d[2]; c[(g + 8) * 8 + 2 * t + 1] = d[3];
}
__constant__ float weights[5] = {1, 2, 4, 8, 16};
extern "C" __global__ void constants(const int *in, float *out) { out[threadIdx.x] = weights[in[threadIdx.x]] + weights[3]; }
extern "C" __global__ void named_barriers(int *out) {
    __shared__ int s[64];
    // Warp 0 produces, warp 1 consumes: bar.arrive and bar.sync on barrier 1.
    if (threadIdx.x < 32) { s[threadIdx.x] = threadIdx.x * 3; asm volatile("bar.arrive 1, 64;" ::: "memory"); }
    else { asm volatile("bar.sync 1, 64;" ::: "memory"); out[threadIdx.x - 32] = s[63 - threadIdx.x]; }
}
extern "C" __global__ void counted(const int *in, int *out) {
    int n = __syncthreads_count(in[threadIdx.x] & 1), a = __syncthreads_and(in[threadIdx.x] >= 0), o = __syncthreads_or(in[threadIdx.x] == 7);
    out[threadIdx.x] = n * 4 + !!a * 2 + !!o;
}
"""


@pytest.fixture(scope="module")
def kernels():
    cubin = compile_cuda(KERNELS)
    return lambda name: Kernel.load(cubin, name)


RNG = np.random.default_rng(11)


@pytest.mark.parametrize("grid, block, n", [(1, 32, 5), (1, 256, 1000), (7, 64, 3001), (4, 1024, 20000)])
def test_block_sum(kernels: Any, grid: int, block: int, n: int) -> None:
    x, out = RNG.integers(-50, 50, n).astype(np.float32), np.zeros(grid, np.float32)
    kernels("block_sum").run(grid, block, x, out, np.int32(n))
    assert out.sum() == x.sum()


def test_histogram_in_dynamic_shared_memory(kernels: Any) -> None:
    x, out = RNG.integers(0, 1000, 5000).astype(np.int32), np.zeros(37, np.uint32)
    kernels("histogram").run(5, 96, x, out, np.int32(5000), np.int32(37), shared=37 * 4)
    assert (out == np.bincount(x % 37, minlength=37)).all()


def test_shared_atomics(kernels: Any) -> None:
    x = RNG.integers(0, 100, 128).astype(np.int32)
    f, m, d = np.zeros(2, np.float32), np.zeros(1, np.uint64), np.zeros(1)
    kernels("shared_atomics").run(1, 128, x, f, m, d)
    assert (f == x.sum()).all()
    assert m[0] == int(x.max()) << 20
    assert d[0] == x.sum() / 2


def test_warps_make_progress_through_a_lock(kernels: Any) -> None:
    mutex, count = np.zeros(1, np.int32), np.zeros(1, np.int32)
    kernels("lock").run(3, 256, mutex, count, step_limit=200000)
    assert count[0] == 24


def test_warps_wait_for_each_other(kernels: Any) -> None:
    flags, out = np.zeros(16, np.int32), np.zeros(16, np.int32)
    kernels("chain").run(1, 512, flags, out, step_limit=200000)
    assert (out == np.cumsum(np.arange(16))).all()


def test_divergent_loops_reconverge(kernels: Any) -> None:
    def steps(n: int) -> int:
        return 0 if n == 1 else 1 + steps(3 * n + 1 if n & 1 else n // 2)

    out = np.zeros(96, np.int32)
    kernels("divergent").run(1, 96, out)
    values = np.array([steps(t + 1) for t in range(96)])
    odd = np.repeat((values & 1).reshape(3, 32).sum(axis=1), 32)
    assert (out == values * 1000 + odd).all()


def test_recursion(kernels: Any) -> None:
    out = np.zeros(40, np.int32)
    kernels("recursion").run(1, 40, out)
    fib = [0, 1, 1, 2, 3, 5, 8, 13, 21]
    assert out.tolist() == [fib[t % 9] for t in range(40)]


def test_switch(kernels: Any) -> None:
    x, out = RNG.integers(-1, 12, 64).astype(np.int32), np.zeros(64, np.int32)
    kernels("switches").run(1, 64, x, out)
    cases = [100, 77, 2 ^ 0x55, -3, 4 << 9, 12345, 216, ~7, 2, 5]
    assert out.tolist() == [cases[v] if 0 <= v <= 9 else 1 for v in x.tolist()]


def test_local_memory(kernels: Any) -> None:
    x, out = RNG.integers(-100, 100, 40).astype(np.int32), np.zeros(50, np.int32)
    kernels("locals").run(1, 50, x, out, np.int32(33))
    for t in range(50):
        a, s = [int(v) * (t + 1) for v in x], 0
        for i in range(33):
            k = (i * 7 + t) % 40
            a[k] += s
            s += a[(k + 13) % 40]
        assert out[t] == (s + 2**31) % 2**32 - 2**31


def test_generic_addresses(kernels: Any) -> None:
    x, out = RNG.integers(0, 1000, 64).astype(np.int32), np.zeros(64, np.int32)
    kernels("generic").run(1, 64, x, out)
    for t in range(64):
        value = [x[t % 8], x[t % 8] + 1, x[(t + t % 8) % 64] + 2][t % 3]
        assert out[t] == value * 10 + [4, 1, 2][t % 3], t


def test_printf_continues(kernels: Any) -> None:
    memory, lines = Memory(), []

    def show(form: int, arguments: int) -> None:
        text = memory.read(form, 64).split(b"\0")[0].decode()
        lines.append((text, arguments))

    kernels("printing").run(1, 3, np.int32(3), memory=memory, printf=show)
    assert [text for text, _ in lines] == ["thread %d of %d: %f\n"] * 3


def test_assert_and_trap_stop_the_kernel(kernels: Any) -> None:
    kernels("asserting").run(1, 32, np.int32(32))
    with pytest.raises(Trap, match="__assertfail"):
        kernels("asserting").run(1, 32, np.int32(31))
    kernels("trapping").run(1, 32, np.int32(40))
    with pytest.raises(Trap):
        kernels("trapping").run(1, 32, np.int32(4))


def test_overrun_names_kernel_and_address(kernels: Any) -> None:
    x = np.zeros(64, np.int32)
    kernels("overrun").run(1, 64, x, np.int32(0))
    with pytest.raises(MemoryFault, match=r"overrun\+0x.* at address 0x70000000"):
        kernels("overrun").run(1, 64, x, np.int32(1))


def test_three_dimensional_launch(kernels: Any) -> None:
    grid, block = (2, 3, 2), (5, 3, 4)
    out = np.zeros(12 * 60, np.uint32)
    kernels("geometry").run(grid, block, out)
    want = [
        x | y << 4 | z << 8 | bx << 12 | by << 16 | bz << 20
        for bz in range(2)
        for by in range(3)
        for bx in range(2)
        for z in range(4)
        for y in range(3)
        for x in range(5)
    ]
    assert out.tolist() == want


def test_tiled_partition(kernels: Any) -> None:
    x, out = RNG.integers(0, 12, 64).astype(np.int32), np.zeros(64, np.int32)
    kernels("tiles").run(1, 64, x, out)
    groups = x.reshape(8, 8)
    assert (out.reshape(8, 8) == groups.sum(axis=1, keepdims=True) * 2 + (groups == 3).any(axis=1, keepdims=True)).all()


def test_grid_wide_barrier(kernels: Any) -> None:
    values, out = RNG.integers(0, 10, 7).astype(np.int32), np.zeros(7, np.int32)
    want, blocks = values.copy(), np.arange(7)
    for _ in range(2):
        want = want * 2 + blocks
        want = want + np.roll(want, -1)
    kernels("grid_sync").run(7, 64, values, out, step_limit=100000)
    assert (out == want).all()


def test_partial_warp_mask(kernels: Any) -> None:
    x, out = RNG.integers(0, 100, 64).astype(np.int32), np.zeros(64, np.int32)
    kernels("partial_mask").run(1, 64, x, out)
    for w in (0, 32):
        odd = int((x[w : w + 20] & 1).sum())
        assert out[w : w + 20].tolist() == [
            int(x[w + (t + w + 1) % 20 if w == 0 else w + (w + t + 1) % 20]) + odd * 1000 for t in range(20)
        ]
        assert (out[w + 20 : w + 32] == -1).all()


def test_match(kernels: Any) -> None:
    x, out = RNG.integers(0, 5, 64).astype(np.int32), np.zeros(64, np.uint32)
    kernels("match").run(1, 64, x, out)
    for t in range(64):
        w = t // 32 * 32
        any_mask = sum(1 << n for n in range(32) if x[w + n] == x[t])
        assert out[t] == any_mask ^ 0x10000


def test_aggregated_atomics(kernels: Any) -> None:
    x, counter = RNG.integers(0, 100, 256).astype(np.int32), np.zeros(1, np.int32)
    kernels("aggregated").run(1, 256, counter, x)
    assert counter[0] == (x & 1).sum()


def test_half2_atomics(kernels: Any) -> None:
    x, p = RNG.integers(-4, 5, (64, 2)).astype(np.float16), np.zeros((4, 2), np.float16)
    kernels("f16x2_atomics").run(1, 64, p, x)
    assert (p == x.reshape(16, 4, 2).sum(axis=0)).all()


def test_half2_operations(kernels: Any) -> None:
    a = RNG.integers(-3, 4, (64, 2)).astype(np.float16)
    b = RNG.integers(-3, 4, (64, 2)).astype(np.float16)
    out = np.zeros((64, 2), np.float16)
    kernels("half2_ops").run(1, 64, a, b, out)
    r = a * b + a[:, :1]
    both = (a > b).all(axis=1, keepdims=True)
    r = np.where(both, r + b[:, ::-1], r)
    want = np.clip(r * (a == b), 0, 1) + np.minimum(a, b)
    assert (out == want).all()


def _halves(*shape: int) -> np.ndarray:
    return RNG.integers(-4, 5, shape).astype(np.float16)


def test_wmma_half_inputs(kernels: Any) -> None:
    a, b, c = _halves(16, 32), _halves(16, 32), np.zeros((16, 16), np.float32)
    kernels("wmma_f16").run(1, 32, a, b, c)
    assert (c == a.astype(float) @ b.T.astype(float) + 1).all()


def test_wmma_half_accumulator(kernels: Any) -> None:
    a, b, c = _halves(16, 32), _halves(16, 8), np.zeros((32, 8), np.float16)
    kernels("wmma_half").run(1, 32, a, b, c)
    assert (c == a.T.astype(float) @ b.astype(float) + 0.5).all()


def test_wmma_bytes(kernels: Any) -> None:
    a, b = (RNG.integers(-128, 128, (16, 16)).astype(np.int8) for _ in range(2))
    c = np.zeros((16, 16), np.int32)
    kernels("wmma_s8").run(1, 32, a, b, c)
    assert (c == a.astype(int) @ b.T.astype(int) + 3).all()


def _nibbles(words: np.ndarray, bits: int) -> np.ndarray:
    per = 32 // bits
    return (
        (words[:, :, None] >> np.arange(0, 32, bits) & ((1 << bits) - 1)).reshape(words.shape[0], -1).astype(int)
        if per
        else words
    )


def test_wmma_nibbles(kernels: Any) -> None:
    a, b = (RNG.integers(0, 2**32, (8, 4)).astype(np.uint32) for _ in range(2))
    c = np.zeros((8, 8), np.int32)
    kernels("wmma_u4").run(1, 32, a, b, c)
    assert (c == _nibbles(a, 4) @ _nibbles(b, 4).T).all()


def test_wmma_bits(kernels: Any) -> None:
    a, b = (RNG.integers(0, 2**32, (8, 4)).astype(np.uint32) for _ in range(2))
    c = np.zeros((8, 8), np.int32)
    kernels("wmma_b1").run(1, 32, a, b, c)
    x, y = _nibbles(a, 1), _nibbles(b, 1)
    assert (c == (x[:, None, :] ^ y[None, :, :]).sum(axis=2)).all()


def test_mma_with_ldmatrix(kernels: Any) -> None:
    a, b, c = _halves(16, 8), _halves(8, 8), np.zeros((16, 8), np.float32)
    kernels("mma_ldmatrix").run(1, 32, a, b, c)
    assert (c == a.astype(float) @ b.astype(float)).all()


def test_constant_memory(kernels: Any) -> None:
    x, out = RNG.integers(0, 5, 32).astype(np.int32), np.zeros(32, np.float32)
    kernels("constants").run(1, 32, x, out)
    assert (out == 2.0**x + 8).all()


def test_named_barriers(kernels: Any) -> None:
    out = np.zeros(32, np.int32)
    kernels("named_barriers").run(1, 64, out)
    assert out.tolist() == [3 * (31 - t) for t in range(32)]


def test_barrier_reductions(kernels: Any) -> None:
    x, out = RNG.integers(0, 7, 96).astype(np.int32), np.zeros(96, np.int32)
    kernels("counted").run(1, 96, x, out)
    assert (out == int((x & 1).sum()) * 4 + 2).all()
