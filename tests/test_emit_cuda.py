"""CUDA C++ kernels through the LLVM emitter and the CPU launcher, against NumPy. Needs nvcc (skipped without)."""

from __future__ import annotations

import subprocess
import sys
from functools import lru_cache

import cpu_runner
import numpy as np
import pytest
from kernel_runner import NVCC, compile_cuda

pytestmark = pytest.mark.skipif(NVCC is None, reason="nvcc is not installed")

SOURCE = r"""
#include <cooperative_groups.h>
#include <cuda_fp16.h>
#include <cassert>
#include <cstdio>
namespace cg = cooperative_groups;
typedef unsigned int u32;
typedef unsigned long long u64;
#define TID (blockIdx.x * blockDim.x + threadIdx.x)
extern "C" {
__global__ void collatz(const u32 *in, u32 *out, int n) {
    int i = TID;
    if (i >= n) return;
    u32 x = in[i], steps = 0;
    while (x != 1 && steps < 1000) { x = x & 1 ? 3 * x + 1 : x / 2; steps++; }
    out[i] = steps;
}
__global__ void nested(const u32 *in, u32 *out, int n) {
    int i = TID;
    if (i >= n) return;
    u32 s = 0, x = in[i];
    for (u32 a = 0; a < (x & 7); a++) {
        for (u32 b = 0; b < ((x >> 3) & 7); b++) {
            if ((a + b + x) % 3 == 0) continue;
            if (s > 200) break;
            s += a * b + 1;
        }
        if (s > 150) goto out;
    }
    s += 1000;
out:
    out[i] = s;
}
__global__ void switches(const u32 *in, u32 *out, int n) {
    int i = TID;
    if (i >= n) return;
    u32 x = in[i], r = 7;
    for (int k = 0; k < 4; k++) {
        switch ((x >> (4 * k)) & 15) {
        case 0: r += 3; break;
        case 1: r *= 5; break;
        case 2: r ^= 0x55; break;
        case 3: r = (r << 3) | 1; break;
        case 4: r -= x; break;
        case 5: r = r / 3 + 1;
        case 6: r += 11; break;
        case 7: r = ~r; break;
        case 8: r = __brev(r); break;
        case 9: r = __popc(r) + x; break;
        case 10: r = (r >> 7) ^ x; break;
        default: r += k;
        }
    }
    out[i] = r;
}
__global__ void block_sum(const float *in, float *out, int n) {
    __shared__ float s[1024];
    float v = 0;
    for (int i = TID; i < n; i += gridDim.x * blockDim.x) v += in[i];
    s[threadIdx.x] = v;
    __syncthreads();
    for (int k = blockDim.x / 2; k > 0; k >>= 1) {
        if (threadIdx.x < k) s[threadIdx.x] += s[threadIdx.x + k];
        __syncthreads();
    }
    if (threadIdx.x == 0) out[blockIdx.x] = s[0];
}
__global__ void warp_sum(const int *in, int *out, int n) {
    int i = TID;
    int v = i < n ? in[i] : 0;
    for (int k = 16; k; k >>= 1) v += __shfl_xor_sync(~0u, v, k);
    int p = i < n ? in[i] : 0;
    for (int k = 1; k < 32; k <<= 1) { int q = __shfl_up_sync(~0u, p, k); if ((threadIdx.x & 31) >= k) p += q; }
    if (i < n) out[i] = v * 1000 + p;
}
__global__ void local_array(const u32 *in, u32 *out, int n) {
    int i = TID;
    if (i >= n) return;
    u32 a[24];
    unsigned char b[40];
    for (int k = 0; k < 24; k++) a[k] = in[i] * (k + 1);
    for (int k = 0; k < 40; k++) b[k] = (unsigned char)(in[i] >> (k & 15));
    u32 x = in[i], s = 0;
    for (int k = 0; k < 50; k++) { a[(x + k * k) % 24] ^= b[(x ^ k) % 40] + k; s += a[(x + k) % 24]; b[k % 40] += (unsigned char)s; }
    out[i] = s + b[x % 40];
}
__device__ __noinline__ u32 through(u32 *p, int k) { p[k] += 5; return p[(k + 1) & 7] * 3; }
__global__ void generic(const u32 *in, u32 *out, int n) {
    __shared__ u32 s[256][8];
    int i = TID;
    u32 a[8];
    for (int k = 0; k < 8; k++) { a[k] = in[i] + k; s[threadIdx.x][k] = in[i] * k; }
    u32 *p = in[i] & 1 ? a : s[threadIdx.x];
    if (in[i] % 5 == 0) p = out + 8 * i + n;
    u32 r = 0;
    for (int k = 0; k < 8; k++) r += through(p, k);
    if (i < n) out[i] = r;
}
__global__ void atomics(const u32 *in, u32 *out, float *f, int n) {
    int i = TID;
    __shared__ u32 h[16];
    if (threadIdx.x < 16) h[threadIdx.x] = 0;
    __syncthreads();
    if (i < n) {
        atomicAdd(&h[in[i] & 15], 1);
        atomicMax(&out[100], in[i]);
        atomicXor(&out[101], in[i]);
        atomicAdd((u64 *)(out + 102), (u64)in[i] << 8);
        atomicAdd(f, 1.0f);
        atomicMin((int *)&out[104], (int)in[i]);
        u32 old = atomicInc(&out[105], 6);
        if (old == 3) atomicAdd(&out[106], 1);
    }
    __syncthreads();
    if (threadIdx.x < 16) atomicAdd(&out[threadIdx.x], h[threadIdx.x]);
}
__global__ void divergent_barrier(u32 *out) {
    __shared__ u32 s[256];
    u32 t = threadIdx.x;
    s[t] = t * 3;
    if (t & 1) { __syncthreads(); out[t + blockIdx.x * 256] = s[(t + 100) & 255] + 1; }
    else { s[t] += 1; __syncthreads(); out[t + blockIdx.x * 256] = s[(t + 33) & 255]; }
}
__global__ void early_exit_barrier(const u32 *in, u32 *out, int n) {
    __shared__ u32 s[256];
    u32 t = threadIdx.x;
    s[t] = 0;
    __syncthreads();
    if (t >= n) return;
    s[t] = in[t];
    __syncthreads();
    if (in[t] & 4) return;
    u32 v = s[(t + 1) % n];
    __syncthreads();
    out[t] = v + 1;
}
__global__ void vote(const u32 *in, u32 *out, int n) {
    int i = TID;
    u32 x = i < n ? in[i] : 0;
    u32 r = __ballot_sync(~0u, x & 1);
    r += __any_sync(~0u, x > 0xf0000000) * 3 + __all_sync(~0u, x > 100) * 5;
    if (x & 2) r ^= __ballot_sync(__activemask(), x & 4);
    r += __match_any_sync(~0u, x & 3);
    if (i < n) out[i] = r;
}
__global__ void reduce_or_popc(const u32 *in, u32 *out) {
    u32 x = in[TID];
    int c = __syncthreads_count(x & 1), o = __syncthreads_or(x == 77), a = __syncthreads_and(x != 5);
    out[TID] = c * 100 + (o != 0) * 10 + (a != 0);
}
__global__ void lookback(volatile u32 *state, const u32 *in, u32 *out) {
    // block b waits for block b - 1, as chained scans do
    __shared__ u32 base;
    u32 v = in[TID];
    for (int k = 1; k < 32; k <<= 1) { u32 q = __shfl_up_sync(~0u, v, k); if (threadIdx.x >= k) v += q; }
    if (threadIdx.x == 31) {
        u32 before = 0;
        if (blockIdx.x) { while (state[2 * blockIdx.x - 2] == 0) {} before = state[2 * blockIdx.x - 1]; }
        state[2 * blockIdx.x + 1] = before + v;
        __threadfence();
        state[2 * blockIdx.x] = 1;
        base = before;
    }
    __syncthreads();
    out[TID] = v + base;
}
__global__ void reverse_wait(volatile u32 *state, u32 *out) {
    // every block waits for the last one: all must be in flight at once
    if (threadIdx.x == 0) {
        if (blockIdx.x == gridDim.x - 1) state[0] = 42;
        while (state[0] == 0) {}
    }
    __syncthreads();
    out[TID] = state[0] + blockIdx.x;
}
__global__ void grid_sync(u32 *a, u32 *b) {
    cg::grid_group g = cg::this_grid();
    u32 i = TID, n = gridDim.x * blockDim.x;
    for (int k = 0; k < 5; k++) {
        b[i] = a[(i + 1) % n] + 1;
        g.sync();
        a[i] = b[(i * 7 + 3) % n] + k;
        g.sync();
    }
}
__global__ void print(int n) {
    int i = TID;
    if (i < n && i % 3 == 0) printf("t%d %s %.3f %llu %c %5u|%%\n", i, i & 1 ? "odd" : "even", i * 0.5, 1ull << i, 'a' + i, i);
}
__global__ void check(const u32 *in, int n) { int i = TID; if (i < n) assert(in[i] < 100); }
__global__ void trapping(const u32 *in) { if (in[TID] == 3) __trap(); }
__global__ void doubles(const double *in, double *out, int n) {
    int i = TID;
    if (i < n) out[i] = sqrt(fabs(in[i])) / (in[i] + 3.0) + rint(in[i]) - fmod(in[i], 0.7);
}
__global__ void floats(const float *in, float *out, int n) {
    int i = TID;
    if (i < n) out[i] = expf(in[i] * 0.1f) + logf(fabsf(in[i]) + 1e-30f) + sinf(in[i]) * cosf(in[i]) + tanhf(in[i]) + in[i] / 3.7f + rsqrtf(fabsf(in[i]) + 1) + erff(in[i]);
}
__global__ void divide(const long long *a, const long long *b, long long *out, int n) {
    int i = TID;
    if (i < n) { long long d = b[i] ? b[i] : 1; out[i] = a[i] / d * 31 + a[i] % d + (long long)((u32)a[i] / ((u32)d | 1)); }
}
__global__ void halves(const __half *in, __half *out, int n) {
    int i = TID;
    if (i < n) { __half2 h = __halves2half2(in[i], in[n - 1 - i]); h = __hfma2(h, h, h); out[i] = __hadd(__low2half(h), __high2half(h)); }
}
__global__ void bytes(const unsigned char *in, short *out, int n) {
    int i = TID;
    if (i < n) out[i] = in[n - 1 - i] * 3 + in[(i * 7) % n];
}
__global__ void vec4(const float4 *in, float4 *out, int n, int step) {
    int i = TID;
    if (i < n) { float4 v = in[(i * step) % n]; v.x += v.w; v.y *= 2; out[(i * step) % n] = v; }
}
__global__ void wrap(const u32 *in, u32 *out, u32 start, int n) {
    // 32-bit index arithmetic that wraps inside a warp
    u32 i = TID + start;
    if (TID < n) out[TID] = in[(u64)i & 1023] + (u32)((u64)i >> 20);
}
__device__ __noinline__ u32 fib(u32 n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
__global__ void recursive(const u32 *in, u32 *out, int n) { int i = TID; if (i < n) out[i] = fib(in[i] % 12); }
__global__ void tids(u32 *out) {
    u32 t = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    u32 b = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    out[b * blockDim.x * blockDim.y * blockDim.z + t] = threadIdx.x | threadIdx.y << 8 | threadIdx.z << 16 | (blockIdx.x ^ blockIdx.y * 3 ^ blockIdx.z * 5) << 24;
}
__global__ void lock(volatile u32 *l, volatile u32 *count, int n) {
    if (TID >= n) return;
    bool done = false;
    while (!done) {
        if (atomicCAS((u32 *)l, 0, 1) == 0) { *count = *count + 1; __threadfence(); atomicExch((u32 *)l, 0); done = true; }
    }
}
__global__ void dynamic(u32 *out) {
    extern __shared__ u32 d[];
    d[threadIdx.x] = threadIdx.x * 2;
    __syncthreads();
    out[TID] = d[blockDim.x - 1 - threadIdx.x];
}
}
"""


@lru_cache
def kernel(name: str, form: str) -> cpu_runner.CudaKernel:
    return cpu_runner.CudaKernel(compile_cuda(SOURCE, "-std=c++17"), name, form)


@pytest.fixture(params=cpu_runner.FORMS)
def form(request: pytest.FixtureRequest) -> str:
    return request.param


SHAPES = [(1, 1), (1, 32), (1, 100), (3, 96), (5, 200), (7, 1024)]


def words(n: int, seed: int = 1, low: int = 0, high: int = 2**32) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high, n, np.uint32)


def run_map(name: str, form: str, grid: int, block: int, inputs: np.ndarray, dtype: type = np.uint32) -> np.ndarray:
    """Runs kernel(in, out, n) with a ragged n; nothing beyond n may be written."""
    n = len(inputs)
    out = np.full(n + 64, 77, dtype)
    assert kernel(name, form).run(grid, block, inputs, out, np.int32(n)) == 0
    assert (out[n:] == 77).all()
    return out[:n]


def ragged(grid: int, block: int) -> int:
    return max(1, grid * block - block // 3)


def collatz(x: int) -> int:
    steps = 0
    while x != 1 and steps < 1000:
        x = (3 * x + 1) & 0xFFFFFFFF if x & 1 else x // 2
        steps += 1
    return steps


def nested(x: int) -> int:
    s = 0
    for a in range(x & 7):
        for b in range(x >> 3 & 7):
            if (a + b + x) % 2**32 % 3 == 0:
                continue
            if s > 200:
                break
            s += a * b + 1
        if s > 150:
            return s
    return s + 1000


def switches(x: int) -> int:
    m, r = 0xFFFFFFFF, 7
    for k in range(4):
        c = x >> 4 * k & 15
        if c == 0:
            r += 3
        elif c == 1:
            r *= 5
        elif c == 2:
            r ^= 0x55
        elif c == 3:
            r = r << 3 | 1
        elif c == 4:
            r -= x
        elif c == 5:
            r = r // 3 + 12
        elif c == 6:
            r += 11
        elif c == 7:
            r = ~r
        elif c == 8:
            r = int(f"{r:032b}"[::-1], 2)
        elif c == 9:
            r = r.bit_count() + x
        elif c == 10:
            r = r >> 7 ^ x
        else:
            r += k
        r &= m
    return r


def local_array(x: int) -> int:
    a = [x * (k + 1) & 0xFFFFFFFF for k in range(24)]
    b = [x >> (k & 15) & 255 for k in range(40)]
    s = 0
    for k in range(50):
        a[(x + k * k) % 2**32 % 24] ^= b[(x ^ k) % 40] + k
        s = s + a[(x + k) % 2**32 % 24] & 0xFFFFFFFF
        b[k % 40] = b[k % 40] + s & 255
    return s + b[x % 40] & 0xFFFFFFFF


def fib(n: int) -> int:
    return n if n < 2 else fib(n - 1) + fib(n - 2)


@pytest.mark.parametrize("grid, block", SHAPES)
@pytest.mark.parametrize("function", [collatz, nested, switches, local_array])
def test_divergent_code(function, form, grid, block):
    x = words(ragged(grid, block), high=2**16 if function is collatz else 2**32) + np.uint32(1)
    got = run_map(function.__name__, form, grid, block, x)
    assert got.tolist() == [function(int(v)) for v in x]


@pytest.mark.parametrize("grid, block", SHAPES[:5])
def test_recursion(form, grid, block):
    x = words(ragged(grid, block))
    assert run_map("recursive", form, grid, block, x).tolist() == [fib(int(v) % 12) for v in x]


@pytest.mark.parametrize("grid, block", [(1, 32), (3, 256), (5, 1024)])
def test_barriers_in_a_loop(form, grid, block):
    x = np.random.default_rng(2).integers(-8, 9, 5000).astype(np.float32)
    out = np.zeros(grid, np.float32)
    assert kernel("block_sum", form).run(grid, block, x, out, np.int32(len(x))) == 0
    assert out.sum() == x.sum()


@pytest.mark.parametrize("grid, block", SHAPES)
def test_shuffles(form, grid, block):
    if block % 32:
        pytest.skip("all lanes take part")
    n = ragged(grid, block)
    x = words(n, high=1000).astype(np.int32)
    got = run_map("warp_sum", form, grid, block, x, np.int32)
    rows = np.pad(x, (0, -n % 32)).reshape(-1, 32)
    want = rows.sum(1, keepdims=True) * 1000 + rows.cumsum(1)
    assert (got == want.reshape(-1)[:n]).all()


def test_generic_pointers(form):
    n = 512
    x = words(n)
    out = np.zeros(n + 8 * n + n, np.uint32)
    assert kernel("generic", form).run(2, 256, x, out, np.int32(n)) == 0
    for i in range(n):
        v = int(x[i])
        a = [v + k for k in range(8)] if v & 1 else [v * k for k in range(8)]
        if v % 5 == 0:
            a = [0] * 8
        r = 0
        for k in range(8):
            a[k] += 5
            r += a[(k + 1) & 7] * 3
        assert out[i] == r & 0xFFFFFFFF, i


@pytest.mark.parametrize("grid, block", [(1, 32), (4, 100), (7, 256)])
def test_atomics(form, grid, block):
    n = ragged(grid, block)
    x = words(n)
    out = np.zeros(128, np.uint32)
    out[104] = 0x7FFFFFFF
    f = np.zeros(1, np.float32)
    assert kernel("atomics", form).run(grid, block, x, out, f, np.int32(n)) == 0
    assert out[:16].tolist() == np.bincount(x & 15, minlength=16).tolist()
    assert out[100] == x.max() and out[101] == np.bitwise_xor.reduce(x) and f[0] == n
    assert out[102:104].view(np.uint64)[0] == (x.astype(np.uint64) << 8).sum()
    assert out[104].view(np.int32) == min(x.view(np.int32).min(), 0x7FFFFFFF)
    assert out[105] == n % 7 and out[106] == (n + 3) // 7


def test_barrier_in_divergent_code(form):
    out = np.zeros(512, np.uint32)
    assert kernel("divergent_barrier", form).run(2, 256, out) == 0
    s = np.arange(256) * 3 + (np.arange(256) % 2 == 0)
    want = [s[(t + 100) & 255] + 1 if t & 1 else s[(t + 33) & 255] for t in range(256)]
    assert out.tolist() == want * 2


@pytest.mark.parametrize("n", [1, 31, 32, 100, 256])
def test_threads_that_exit_count_as_arrived(form, n):
    x = words(256, 5)
    out = np.zeros(256, np.uint32)
    assert kernel("early_exit_barrier", form).run(1, 256, x, out, np.int32(n)) == 0
    want = [(int(x[(t + 1) % n]) + 1) & 0xFFFFFFFF if t < n and not x[t] & 4 else 0 for t in range(256)]
    assert out.tolist() == want


def test_votes(form):
    n = 300
    x = words(n, 7)
    got = run_map("vote", form, 2, 160, x)
    padded = np.pad(x, (0, 20)).reshape(-1, 32)
    for w, row in enumerate(padded):
        ballot = sum(int(v & 1) << k for k, v in enumerate(row))
        base = ballot + int((row > 0xF0000000).any()) * 3 + int((row > 100).all()) * 5
        active = [k for k, v in enumerate(row) if v & 2]
        inner = sum(int(row[k] & 4 != 0) << k for k in active)
        for k, v in enumerate(row):
            if 32 * w + k >= n:
                continue
            r = base ^ (inner if v & 2 else 0)
            r += sum(1 << j for j, u in enumerate(row) if u & 3 == v & 3)
            assert got[32 * w + k] == r & 0xFFFFFFFF


def test_barrier_reductions(form):
    x = words(1024, 3, high=400)
    out = np.zeros(1024, np.uint32)
    assert kernel("reduce_or_popc", form).run(4, 256, x, out) == 0
    for b, part in enumerate(x.reshape(4, 256)):
        want = int((part & 1).sum()) * 100 + int((part == 77).any()) * 10 + int((part != 5).all())
        assert (out[256 * b : 256 * b + 256] == want).all()


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("name", ["lookback", "reverse_wait"])
def test_blocks_that_wait_for_blocks(form, name, threads):
    lib = cpu_runner.launcher()
    lib.maf_cpu_set_threads(threads)
    try:
        grid = 40
        state, x, out = np.zeros(2 * grid, np.uint32), words(32 * grid, high=100), np.zeros(32 * grid, np.uint32)
        arguments = (state, x, out) if name == "lookback" else (state, out)
        assert kernel(name, form).run(grid, 32, *arguments) == 0
        want = x.cumsum() if name == "lookback" else 42 + np.arange(32 * grid) // 32
        assert (out == want).all()
    finally:
        lib.maf_cpu_set_threads(0)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("grid, block", [(1, 32), (6, 64), (12, 250)])
def test_grid_synchronisation(form, grid, block, threads):
    lib = cpu_runner.launcher()
    lib.maf_cpu_set_threads(threads)
    try:
        n = grid * block
        a, b = words(n), np.zeros(n, np.uint32)
        want, i = a.copy(), np.arange(n)
        assert kernel("grid_sync", form).run(grid, block, a, b) == 0
        for k in range(5):
            want = (want[(i + 1) % n] + np.uint32(1))[(i * 7 + 3) % n] + np.uint32(k)
        assert (a == want).all()
    finally:
        lib.maf_cpu_set_threads(0)


def test_dimensions(form):
    grid, block = (3, 2, 2), (5, 7, 3)
    out = np.zeros(12 * 105, np.uint32)
    assert kernel("tids", form).run(grid, block, out) == 0
    want = [
        x | y << 8 | z << 16 | (a ^ b * 3 ^ c * 5) << 24
        for c in range(2)
        for b in range(2)
        for a in range(3)
        for z in range(3)
        for y in range(7)
        for x in range(5)
    ]
    assert out.tolist() == want


def test_spin_lock_within_a_warp(form):
    state = np.zeros(1, np.uint32)
    count = np.zeros(1, np.uint32)
    assert kernel("lock", form).run(4, 64, state, count, np.int32(200)) == 0
    assert count[0] == 200


def test_dynamic_shared_memory(form):
    out = np.zeros(512, np.uint32)
    assert kernel("dynamic", form).run(2, 256, out, shared=1024) == 0
    assert out.tolist() == [(255 - t) * 2 for t in range(256)] * 2


@pytest.mark.parametrize("grid, block", SHAPES)
@pytest.mark.parametrize("start", [0, 0xFFFFFFF0, 0x7FFFFFF5, 0xFFFFFF00 - 64])
def test_index_arithmetic_that_wraps(form, grid, block, start):
    n = ragged(grid, block)
    x, out = words(1024), np.zeros(n, np.uint32)
    assert kernel("wrap", form).run(grid, block, x, out, np.uint32(start), np.int32(n)) == 0
    i = (np.arange(n, dtype=np.uint64) + np.uint64(start)) & np.uint64(0xFFFFFFFF)
    assert (out == x[(i & np.uint64(1023)).astype(int)] + (i >> np.uint64(20)).astype(np.uint32)).all()


@pytest.mark.parametrize("grid, block", SHAPES)
@pytest.mark.parametrize("step", [1, 3, 0])
def test_wide_accesses(form, grid, block, step):
    n = ragged(grid, block)
    if step == 3 and n % 3 == 0:
        n += 1
    x = np.random.default_rng(1).standard_normal((n, 4)).astype(np.float32)
    out = np.zeros((n, 4), np.float32)
    assert kernel("vec4", form).run(grid + 1, block, x, out, np.int32(n), np.int32(step)) == 0
    want = x * np.float32([1, 2, 1, 1]) + np.stack([x[:, 3], 0 * x[:, 3], 0 * x[:, 3], 0 * x[:, 3]], 1)
    assert (out == (want if step else np.where(np.arange(n)[:, None] == 0, want, 0))).all()


@pytest.mark.parametrize("grid, block", SHAPES)
def test_bytes(form, grid, block):
    n = ragged(grid, block)
    x = words(n).astype(np.uint8)
    out = np.zeros(n, np.int16)
    assert kernel("bytes", form).run(grid, block, x, out, np.int32(n)) == 0
    assert (out == x[::-1].astype(np.int16) * 3 + x[np.arange(n) * 7 % n]).all()


@pytest.mark.parametrize("grid, block", SHAPES)
def test_doubles(form, grid, block):
    x = np.random.default_rng(1).standard_normal(ragged(grid, block)) * 100
    got = run_map("doubles", form, grid, block, x, np.float64)
    assert np.allclose(got, np.sqrt(abs(x)) / (x + 3) + np.rint(x) - np.fmod(x, 0.7), rtol=1e-13)


@pytest.mark.parametrize("grid, block", SHAPES)
def test_math_functions(form, grid, block):
    from scipy.special import erf

    x = (np.random.default_rng(1).standard_normal(ragged(grid, block)) * 10).astype(np.float32)
    got = run_map("floats", form, grid, block, x, np.float32)
    y = x.astype(np.float64)
    want = np.exp(y * np.float32(0.1)) + np.log(abs(y) + 1e-30) + np.sin(y) * np.cos(y) + np.tanh(y)
    want += y / np.float32(3.7) + 1 / np.sqrt(abs(y) + 1) + erf(y)
    assert np.allclose(got, want, rtol=3e-6, atol=3e-6)


def test_integer_division(form):
    rng = np.random.default_rng(9)
    a = rng.integers(-(2**63), 2**63, 1000) >> rng.integers(0, 63, 1000)
    b = rng.integers(-(2**63), 2**63, 1000) >> rng.integers(0, 63, 1000)
    out = np.zeros(1000, np.int64)
    assert kernel("divide", form).run(8, 128, a, b, out, np.int32(1000)) == 0
    for p, q, r in zip(a.tolist(), b.tolist(), out.tolist()):
        d = q or 1
        quotient = abs(p) // abs(d) * (1 if (p < 0) == (d < 0) else -1)
        unsigned = (p & 0xFFFFFFFF) // (d & 0xFFFFFFFF | 1)
        want = (quotient * 31 + (p - quotient * d) + unsigned) & 2**64 - 1
        assert r & 2**64 - 1 == want, (p, q)


def test_half_arithmetic(form):
    x = np.random.default_rng(4).standard_normal(500).astype(np.float16)
    got = run_map("halves", form, 4, 128, x, np.float16)
    y = x.astype(np.float64)
    h = (y * y + y).astype(np.float16)
    assert (got == (h.astype(np.float32) + h[::-1].astype(np.float32)).astype(np.float16)).all()


def _subprocess(code: str, form: str) -> subprocess.CompletedProcess:
    text = f"import test_emit_cuda as t, numpy as np\nk = lambda name: t.kernel(name, {form!r})\n{code}"
    folder = str(cpu_runner.CORE.parents[2] / "tests")
    return subprocess.run([sys.executable, "-c", text], cwd=folder, capture_output=True, text=True, timeout=120)


def test_device_printf(form):
    done = _subprocess("assert k('print').run(1, 10, np.int32(8)) == 0", form)
    assert done.returncode == 0, done.stderr
    want = [f"t{i} {'odd' if i & 1 else 'even'} {i * 0.5:.3f} {1 << i} {chr(97 + i)} {i:5d}|%" for i in (0, 3, 6)]
    assert done.stdout.splitlines() == want


def test_device_assert(form):
    code = "x = np.arange(128, dtype=np.uint32); print(k('check').run(2, 64, x, np.int32(102)))"
    done = _subprocess(code, form)
    assert done.returncode == 0 and done.stdout.strip() == "710", done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 2
    assert "block: [1,0,0], thread: [36,0,0] Assertion `in[i] < 100` failed." in lines[0]


def test_trap(form):
    x = words(64, high=3)
    assert kernel("trapping", form).run(2, 32, x) == 0
    x[40] = 3
    assert kernel("trapping", form).run(2, 32, x) == 719
    assert kernel("dynamic", form).run(1, 32, np.zeros(32, np.uint32), shared=128) == 0  # the next launch runs
