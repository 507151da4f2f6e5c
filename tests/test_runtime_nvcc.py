"""A CUDA C++ program built by nvcc against the shared runtime, where nvcc is installed: the ABI that compiled code uses."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cuda_process import LIB

NVCC = shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/cuda/bin")

SOURCE = r"""
#include <cstdio>
#include <cooperative_groups.h>
#define OK(call) do { cudaError_t e = (call); if (e) printf("line %d: %s\n", __LINE__, cudaGetErrorName(e)); } while (0)
__constant__ float scale[4];
__device__ int count;
__device__ float table[8] = {1, 2, 3, 4, 5, 6, 7, 8};
__managed__ int managed = 41;
__managed__ int many[4] = {1, 2, 3, 4};
__global__ void affine(float *o, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) o[i] = scale[i & 3] * i + table[i & 7];
    if (i == 0) count = n;
}
__global__ void add_managed() { managed++; }
__global__ void add_ten(int *p) { p[threadIdx.x] += 10; }
__global__ void ring(int *a) {
    cooperative_groups::grid_group g = cooperative_groups::this_grid();
    a[blockIdx.x] = blockIdx.x + 1;
    g.sync();
    int next = a[(blockIdx.x + 1) % gridDim.x];
    g.sync();
    a[blockIdx.x] += 10 * next;
}
__global__ void reverse(float *o) {
    extern __shared__ float s[];
    s[threadIdx.x] = threadIdx.x;
    __syncthreads();
    o[threadIdx.x] = s[blockDim.x - 1 - threadIdx.x];
}
template <class T> __global__ void put(T *o, T v) { o[threadIdx.x] = v; }
__global__ void wild(int *p) { *p = 1; }
int main() {
    float h[4] = {1, 2, 3, 4}, r[1000], *o, two[2] = {100, 200}, back[8];
    int n, *a, v[4];
    OK(cudaMemcpyToSymbol(scale, h, sizeof h));
    OK(cudaMalloc(&o, 4000));
    affine<<<8, 128>>>(o, 1000);
    OK(cudaMemcpy(r, o, 4000, cudaMemcpyDeviceToHost));
    int wrong = 0;
    for (int i = 0; i < 1000; i++) wrong += r[i] != h[i & 3] * i + (i & 7) + 1;
    OK(cudaMemcpyFromSymbol(&n, count, 4));
    printf("affine wrong=%d count=%d\n", wrong, n);
    void *address;
    OK(cudaGetSymbolAddress(&address, table));
    OK(cudaMemcpyToSymbol(table, two, 8, 8));
    OK(cudaMemcpy(back, address, 32, cudaMemcpyDeviceToHost));
    printf("table %g %g %g %g\n", back[1], back[2], back[3], back[4]);
    add_managed<<<1, 1>>>();
    OK(cudaDeviceSynchronize());
    printf("managed %d\n", managed);
    add_ten<<<1, 4>>>(many);
    OK(cudaDeviceSynchronize());
    many[0]++;
    add_ten<<<1, 1>>>(many);
    OK(cudaDeviceSynchronize());
    void *symbol;
    cudaPointerAttributes attributes;
    OK(cudaGetSymbolAddress(&symbol, many));
    OK(cudaPointerGetAttributes(&attributes, many));
    printf("managed %d %d, one address %d, type %d\n", many[0], many[3], symbol == many, attributes.type);
    int *own = (int *)malloc(40000), *seen;
    for (int i = 0; i < 10000; i++) own[i] = i;
    OK(cudaHostRegister(own + 5, 20000, cudaHostRegisterMapped));
    OK(cudaHostGetDevicePointer(&seen, own + 5, 0));
    add_ten<<<1, 32>>>(seen);
    OK(cudaDeviceSynchronize());
    printf("registered %d %d %d\n", own[4], own[5], own[36]);
    OK(cudaHostUnregister(own + 5));
    int kept = 0;
    for (int i = 0; i < 10000; i++) kept += own[i] == i + (i >= 5 && i < 37 ? 10 : 0);
    printf("unregistered %d\n", kept);
    int local[4];
    OK(cudaHostRegister(local, 16, cudaHostRegisterMapped));
    printf("stack: %s\n", cudaGetErrorName(cudaHostGetDevicePointer(&seen, local, 0)));
    OK(cudaHostUnregister(local));
    cudaGetLastError();
    OK(cudaMalloc(&a, 16));
    void *args[] = {&a};
    OK(cudaLaunchCooperativeKernel((void *)ring, dim3(4), dim3(32), args, 0, 0));
    OK(cudaMemcpy(v, a, 16, cudaMemcpyDefault));
    printf("ring %d %d %d %d\n", v[0], v[1], v[2], v[3]);
    printf("too many blocks: %s\n", cudaGetErrorName(cudaLaunchCooperativeKernel((void *)ring, dim3(4096), dim3(32), args, 0, 0)));
    cudaGetLastError();
    reverse<<<1, 256, 1024>>>(o);
    OK(cudaMemcpy(r, o, 1024, cudaMemcpyDefault));
    printf("reverse %g %g\n", r[0], r[255]);
    put<int><<<1, 4>>>((int *)o, 7);
    OK(cudaMemcpy(v, o, 16, cudaMemcpyDefault));
    printf("template %d\n", v[3]);
    put<int><<<0, 4>>>((int *)o, 9);
    printf("empty grid: %s\n", cudaGetErrorName(cudaGetLastError()));
    wild<<<1, 1>>>((int *)0x10);
    printf("wild: %s\n", cudaGetErrorName(cudaDeviceSynchronize()));
    printf("after: %s\n", cudaGetErrorName(cudaMalloc(&o, 4)));
}
"""

EXPECTED = """\
affine wrong=0 count=1000
table 2 100 200 5
managed 42
managed 22 14, one address 1, type 3
registered 4 15 46
unregistered 10000
stack: cudaErrorNotSupported
ring 21 32 43 14
too many blocks: cudaErrorCooperativeLaunchTooLarge
reverse 255 0
template 7
empty grid: cudaErrorInvalidConfiguration
wild: cudaErrorIllegalAddress
after: cudaErrorIllegalAddress
"""


@pytest.mark.skipif(NVCC is None, reason="nvcc is not installed")
def test_program_compiled_by_nvcc(tmp_path: Path) -> None:
    source, program = tmp_path / "program.cu", tmp_path / "program"
    source.write_text(SOURCE)
    subprocess.run([NVCC, "-cudart", "shared", "-arch=sm_75", source, "-o", program], check=True, timeout=300)
    libraries = ":".join(str(LIB / f"libmaf_{name}.so") for name in ("cudart13", "cuda1"))
    environment = {**os.environ, "LD_PRELOAD": libraries}
    done = subprocess.run([program], env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == EXPECTED, done.stderr
    assert "write to 0x10" in done.stderr
