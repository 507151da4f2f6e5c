"""NVRTC: CUDA C++ text compiled on this machine and launched through the driver, and what wrong programs get.

test_nvrtc.py runs this file once per compiler, named by MAF_NVRTC.
"""

from __future__ import annotations

import math
import os
import shutil
from typing import Any

import blas_device as d
import cffi
import numpy as np
import pytest

from maf_vdev.translator.source import build

HOST = os.environ.get("MAF_NVRTC", "host") == "host"
host_only = pytest.mark.skipif(not HOST, reason="of the machine's C++ compiler")

ffi = cffi.FFI()
ffi.cdef(d.declarations("nvrtc/nvrtc.h"))
ffi.cdef("""
int cuInit(unsigned flags);
int cuModuleLoadData(void **module, const void *image);
int cuModuleUnload(void *module);
int cuModuleGetFunction(void **function, void *module, const char *name);
int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void *stream, void **params, void **extra);
int cuCtxSynchronize(void);
int cuFuncGetAttribute(int *value, int attribute, void *function);
""")
COMPILATION, INVALID_PROGRAM, INVALID_INPUT = 6, 4, 3


@pytest.fixture(scope="module", params=[13, 12])
def nvrtc(request: pytest.FixtureRequest) -> Any:
    return ffi.dlopen(str(d.LIB / f"libmaf_nvrtc{request.param}.so"))


@pytest.fixture(scope="module")
def cuda() -> Any:
    return ffi.dlopen(str(d.LIB / "libmaf_cuda1.so"))


def image(nvrtc: Any, source: str, *options: str) -> Any:
    """The program's code, as a C array."""
    program, size = ffi.new("nvrtcProgram *"), ffi.new("size_t *")
    d.check(nvrtc.nvrtcCreateProgram(program, source.encode(), b"test.cu", 0, ffi.NULL, ffi.NULL))
    arguments = [ffi.new("char[]", option.encode()) for option in ("--gpu-architecture=sm_75", *options)]
    status = nvrtc.nvrtcCompileProgram(program[0], len(arguments), ffi.new("char *[]", arguments))
    assert status == 0, log(nvrtc, program[0])
    d.check(nvrtc.nvrtcGetCUBINSize(program[0], size))
    code = ffi.new("char[]", size[0])
    d.check(nvrtc.nvrtcGetCUBIN(program[0], code))
    d.check(nvrtc.nvrtcDestroyProgram(program))
    assert program[0] == ffi.NULL
    return code


def log(nvrtc: Any, program: Any) -> str:
    size = ffi.new("size_t *")
    d.check(nvrtc.nvrtcGetProgramLogSize(program, size))
    text = ffi.new("char[]", size[0])
    d.check(nvrtc.nvrtcGetProgramLog(program, text))
    return ffi.string(text).decode()


def function(cuda: Any, code: Any, name: str) -> Any:
    module, out = ffi.new("void **"), ffi.new("void **")
    d.check(cuda.cuInit(0))
    d.check(cuda.cuModuleLoadData(module, code))
    d.check(cuda.cuModuleGetFunction(out, module[0], name.encode()))
    return out[0]


def launch(
    cuda: Any, kernel: Any, grid: tuple[int, ...], block: tuple[int, ...], *values: Any, shared: int = 0
) -> None:
    """values: device arrays, or (C type, value)."""
    held = []
    for value in values:
        if isinstance(value, d.Array):
            held.append(ffi.new("uint64_t *", int(d.ffi.cast("uintptr_t", value.pointer))))
        else:
            held.append(ffi.new(f"{value[0]} *", value[1]))
    params = ffi.new("void *[]", [ffi.cast("void *", x) for x in held])
    full = [*grid, *[1] * (3 - len(grid)), *block, *[1] * (3 - len(block))]
    d.check(cuda.cuLaunchKernel(kernel, *full, shared, ffi.NULL, params, ffi.NULL))
    d.check(cuda.cuCtxSynchronize())


@host_only
def test_version_is_no_version_of_nvidia(nvrtc: Any) -> None:
    """Frameworks key caches of compiled kernels by it."""
    numbers = ffi.new("int[2]")
    d.check(nvrtc.nvrtcVersion(numbers, numbers + 1))
    assert numbers[0] in (12, 13)
    assert numbers[1] > 90


@pytest.mark.parametrize(("grid", "block"), [((7,), (32,)), ((1,), (224,)), ((3,), (75,)), ((2, 2), (8, 7))])
def test_elementwise(nvrtc: Any, cuda: Any, grid: tuple[int, ...], block: tuple[int, ...]) -> None:
    source = """
    template <typename T> __device__ T twice(T x) { return x + x; }
    extern "C" __global__ void kernel(const float *x, char offset, double *y, int n) {
        unsigned cta = blockIdx.x + blockIdx.y * gridDim.x;
        unsigned i = (cta * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
        if (i < n) y[i] = twice(x[i]) + offset + FACTOR * sin(x[i]);
    }
    """
    x = np.random.default_rng(0).standard_normal(224).astype(np.float32)
    source_array, target = d.Array(x), d.Array(np.full(224, -1.0))
    kernel = function(cuda, image(nvrtc, source, "-DFACTOR=3"), "kernel")
    launch(cuda, kernel, grid, block, source_array, ("char", b"\x05"), target, ("int", 220))
    want = 2 * x + 5 + 3 * np.sin(x)
    got = target.get()
    np.testing.assert_allclose(got[:220], want[:220], rtol=1e-6)
    assert (got[220:] == -1).all()


def test_shared_memory_and_barriers(nvrtc: Any, cuda: Any) -> None:
    """Block sums: dynamic and static shared memory, __syncthreads across warps, an atomic."""
    source = """
    extern "C" __global__ void sums(const float *x, float *per_cta, unsigned *tickets, int n) {
        extern __shared__ float part[];
        __shared__ unsigned ticket;
        int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
        part[t] = i < n ? x[i] : 0.f;
        for (int step = blockDim.x / 2; step > 0; step /= 2) {
            __syncthreads();
            if (t < step) part[t] += part[t + step];
        }
        if (t == 0) ticket = atomicAdd(tickets, 1u);
        __syncthreads();
        if (t == blockDim.x - 1) per_cta[ticket] = part[0];
    }
    """
    x = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    values, sums, tickets = d.Array(x), d.Array(np.zeros(8, np.float32)), d.Array(np.zeros(1, np.uint32))
    kernel = function(cuda, image(nvrtc, source), "sums")
    launch(cuda, kernel, (8,), (128,), values, sums, tickets, ("int", 1000), shared=512)
    want = [x[i : i + 128].sum() for i in range(0, 1000, 128)]
    np.testing.assert_allclose(np.sort(sums.get()), np.sort(want), rtol=1e-4)
    assert tickets.get()[0] == 8


def test_warp_exchanges(nvrtc: Any, cuda: Any) -> None:
    source = """
    struct pair { double a; int b; };
    extern "C" __global__ void warp(int *out) {
        int t = threadIdx.x, lane = t & 31, *mine = out + 8 * t;
        if (t >= 40) return;             /* the second warp has 8 lanes left */
        unsigned all = t < 32 ? 0xffffffffu : 0xffu;
        mine[0] = __shfl_down_sync(all, t, 1);
        mine[1] = __shfl_up_sync(all, t, 2);
        mine[2] = __shfl_xor_sync(all, t, 4);
        mine[3] = __shfl_sync(all, t, 3, 8);
        mine[4] = (int)__ballot_sync(all, lane % 3 == 0);
        mine[5] = __any_sync(all, lane == 5) * 2 + __all_sync(all, lane < 8);
        pair p = {t * 0.5, t};
        p.a = __shfl_down_sync(all, p.a, 1, 8);
        p.b = __shfl_down_sync(all, p.b, 1, 8);
        mine[6] = p.b + (int)(p.a * 2);
        if (lane < 4) mine[7] = __shfl_sync(0xf, t, 1); /* part of the warp only */
    }
    """
    out = d.Array(np.full((48, 8), -1, np.int32).reshape(-1))
    launch(cuda, function(cuda, image(nvrtc, source), "warp"), (1,), (48,), out)
    got = out.get().reshape(48, 8)
    for t in range(40):
        lane, count, base = t % 32, 32 if t < 32 else 8, t // 32 * 32
        inside = lambda to, t=t, base=base, count=count: to if base <= to < base + count else t
        votes = sum(1 << i for i in range(count) if i % 3 == 0)
        down8 = t + 1 if lane % 8 != 7 else t
        want = [inside(t + 1), inside(t - 2), base + (lane ^ 4), base + lane // 8 * 8 + 3, votes, 2 + (count == 8)]
        want += [2 * down8, base + 1 if lane < 4 else -1]
        if t == 39 and not HOST:
            want[0] = got[t, 0]  # of a lane that ended: undefined in CUDA
        assert got[t].tolist() == [np.int32(np.uint32(int(value) & 0xFFFFFFFF)) for value in want], t
    assert (got[40:] == -1).all()


def test_half_precision_conversions(nvrtc: Any, cuda: Any) -> None:
    """The inline PTX of torch's half type, over all half values and the ties between them."""
    source = r"""
    extern "C" __global__ void convert(const float *x, unsigned short *h, const unsigned short *bits, float *y, int n) {
        int i = blockIdx.x * blockDim.x + threadIdx.x;
        if (i >= n) return;
        unsigned short a; float b;
        asm("{  cvt.rn.f16.f32 %0, %1;}\n" : "=h"(a) : "f"(x[i]));
        asm("{  cvt.f32.f16 %0, %1;}\n" : "=f"(b) : "h"(bits[i]));
        h[i] = a; y[i] = b;
    }
    """
    bits = np.arange(65536, dtype=np.uint16)
    with np.errstate(invalid="ignore", over="ignore"):
        values = bits.view(np.float16).astype(np.float32)
        following = np.nextafter(bits.view(np.float16), np.float16(np.inf)).astype(np.float32)
        ties = (values.astype(np.float64) + following.astype(np.float64)) / 2
    x = ties.astype(np.float32)
    arrays = [d.Array(x), d.Array(np.zeros(65536, np.uint16)), d.Array(bits), d.Array(np.zeros(65536, np.float32))]
    kernel = function(cuda, image(nvrtc, source), "convert")
    launch(cuda, kernel, (256,), (256,), *arrays, ("int", 65536))
    np.testing.assert_array_equal(arrays[3].get(), values)
    with np.errstate(over="ignore"):
        want = x.astype(np.float16)
    numbers = ~np.isnan(x)
    np.testing.assert_array_equal(arrays[1].get()[numbers], want.view(np.uint16)[numbers])
    assert np.isnan(arrays[1].get().view(np.float16)[~numbers]).all()


def test_mathematics_has_the_device_overloads(nvrtc: Any, cuda: Any) -> None:
    source = """
    template <typename A, typename B> struct same { static constexpr bool value = false; };
    template <typename A> struct same<A, A> { static constexpr bool value = true; };
    static_assert(same<decltype(exp(1.f)), float>::value && same<decltype(exp(1.)), double>::value, "");
    static_assert(same<decltype(pow(1.f, 2)), float>::value && same<decltype(pow(1., 2)), double>::value, "");
    static_assert(same<decltype(abs(1.f)), float>::value && same<decltype(abs(1)), int>::value, "");
    static_assert(same<decltype(max(1, 2)), int>::value && sizeof(long long) == 8, "");
#if HOST
    static_assert(__int_as_float(0x3f800000) == 1.0f, "");
#endif
    extern "C" __global__ void kernel(double *y) {
        y[0] = __clz(1) + __popc(7u) + __ffs(8);
        y[1] = rsqrt(4.f);
        y[2] = isnan(__int_as_float(0x7fffffff)) + 2 * isinf(1.0 / 0.0) + 4 * signbit(-1.f);
        y[3] = __umulhi(0x80000000u, 6u);
    }
    """
    y = d.Array(np.zeros(4))
    launch(cuda, function(cuda, image(nvrtc, source, f"-DHOST={int(HOST)}"), "kernel"), (1,), (1,), y)
    assert y.get().tolist() == [31 + 3 + 4, 0.5, 7, 3]


def test_special_functions(nvrtc: Any, cuda: Any) -> None:
    """Functions of the device library that C lacks, by their inverses in numpy-free double arithmetic."""
    source = """
    extern "C" __global__ void kernel(const double *x, double *y, int n) {
        int i = threadIdx.x;
        if (i >= n) return;
        y[i] = erfcx(x[i]);
        y[n + i] = erfcinv(erfc(x[i]));
        y[2 * n + i] = erfinv(erf(x[i] / 4)) * 4;
        y[3 * n + i] = normcdfinv(normcdf(x[i]));
    }
    """
    x = np.linspace(-4, 4, 81)
    arrays = [d.Array(x), d.Array(np.zeros(4 * 81))]
    launch(cuda, function(cuda, image(nvrtc, source), "kernel"), (1,), (96,), *arrays, ("int", 81))
    scaled, complement, inverse, normal = arrays[1].get().reshape(4, 81)
    want = np.array([math.exp(v * v) * math.erfc(v) for v in x])
    np.testing.assert_allclose(scaled, want, rtol=1e-13)
    # Near erfc = 2 the argument is known to the rounding of 2 only.
    np.testing.assert_allclose(complement[20:], x[20:], atol=1e-12)
    np.testing.assert_allclose(inverse, x, atol=1e-12)
    np.testing.assert_allclose(normal, x, atol=1e-10)


def test_wrong_programs(nvrtc: Any, cuda: Any) -> None:
    program, size = ffi.new("nvrtcProgram *"), ffi.new("size_t *")
    broken = b'extern "C" __global__ void k() {\n  undefined_function(1);\n}'
    d.check(nvrtc.nvrtcCreateProgram(program, broken, b"k.cu", 0, ffi.NULL, ffi.NULL))
    assert nvrtc.nvrtcCompileProgram(program[0], 0, ffi.NULL) == COMPILATION
    assert ("k.cu:2" if HOST else "k.cu(2)") in log(nvrtc, program[0])
    assert "undefined_function" in log(nvrtc, program[0])
    assert nvrtc.nvrtcGetCUBINSize(program[0], size) == INVALID_PROGRAM
    d.check(nvrtc.nvrtcDestroyProgram(program))
    assert nvrtc.nvrtcDestroyProgram(program) == INVALID_PROGRAM
    assert nvrtc.nvrtcCreateProgram(program, ffi.NULL, ffi.NULL, 0, ffi.NULL, ffi.NULL) == INVALID_INPUT


@host_only
def test_programs_that_need_a_device_compiler(nvrtc: Any) -> None:
    program = ffi.new("nvrtcProgram *")
    for source in (b"__device__ int f() { return 1; }", b'extern "C" __global__ void k() { asm("bar.sync 0;"); }'):
        d.check(nvrtc.nvrtcCreateProgram(program, source, b"k.cu", 0, ffi.NULL, ffi.NULL))
        assert nvrtc.nvrtcCompileProgram(program[0], 0, ffi.NULL) == COMPILATION
        assert "error" in log(nvrtc, program[0]).lower()
        d.check(nvrtc.nvrtcDestroyProgram(program))


def test_two_modules_with_one_kernel_name(nvrtc: Any, cuda: Any) -> None:
    text = 'extern "C" __global__ void k(int *x) { *x = %d; }'
    kernels = [function(cuda, image(nvrtc, text % value), "k") for value in (1, 2)]
    for kernel, value in zip(kernels, (1, 2), strict=True):
        out = d.Array(np.zeros(1, np.int32))
        launch(cuda, kernel, (1,), (1,), out)
        assert out.get()[0] == value


def test_unknown_kernel_and_foreign_library(nvrtc: Any, cuda: Any) -> None:
    module, out = ffi.new("void **"), ffi.new("void **")
    code = image(nvrtc, 'extern "C" __global__ void k(int *x) { *x = 1; }')
    d.check(cuda.cuInit(0))
    d.check(cuda.cuModuleLoadData(module, code))
    assert cuda.cuModuleGetFunction(out, module[0], b"other") == 500  # CUDA_ERROR_NOT_FOUND
    foreign = (d.LIB / "libmaf_curand10.so").read_bytes()
    status = cuda.cuModuleLoadData(module, ffi.from_buffer(foreign))
    assert status == 200 or cuda.cuModuleGetFunction(out, module[0], b"k") != 0  # CUDA_ERROR_INVALID_IMAGE


@host_only
def test_kernels_are_found_in_text() -> None:
    source = """
    // __global__ void commented(int);
    extern "C" __global__ void a(int x) {}
    extern "C" __launch_bounds__(512, 4) __global__ void b() {}
    __global__ __launch_bounds__(128) void c(float *p) {}
    template <typename T> __global__ void skipped(T x) {}
    __global__
    void d_(int y)
    {}
    """
    assert build.kernels(build.without_comments(source)) == ["a", "b", "c", "d_"]


@host_only
@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
def test_compiler_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAF_CXX", "/no/such/compiler")
    build.compiler.cache_clear()
    try:
        with pytest.raises(build.SourceError, match="no/such/compiler"):
            build.build('extern "C" __global__ void k() {}', [])
    finally:
        monkeypatch.undo()
        build.compiler.cache_clear()
    assert os.path.basename(build.compiler()[0]) in ("g++", "clang++") or "ziglang" in build.compiler()
