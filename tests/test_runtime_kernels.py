"""Kernels through the runtime and the driver: registration, launches, attributes, occupancy, graphs with kernels.

The kernels are torch's own (fat binaries of the installed wheel)."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from cuda_process import address, check, download, ffi, isolated, malloc, stream, upload
from torch_kernels import ADD, module_of

if os.environ.get("MAF_TEST_INSIDE"):
    from cuda_process import drv, rt

COUNT = 1000
pytestmark = pytest.mark.skipif(module_of(ADD) is None, reason="torch is not installed")


class Arguments:
    """out = a + alpha * b over COUNT floats, for torch's vectorised add: int n, {float alpha}, {char *[3]}."""

    def __init__(self, alpha: float = 2.0, n: int = COUNT) -> None:
        self.a = np.arange(n, dtype=np.float32)
        self.b = np.linspace(-1, 1, n, dtype=np.float32)
        self.out = malloc(4 * n)
        self.inputs = [upload(self.a.tobytes()), upload(self.b.tobytes())]
        self.expected = self.a + np.float32(alpha) * self.b
        self.count = ffi.new("int *", n)
        self.alpha = ffi.new("float *", alpha)
        self.data = ffi.new("void *[3]", [self.out, *self.inputs])
        self.pointers = ffi.new("void *[3]", [self.count, self.alpha, self.data])
        self.grid = ((n + 511) // 512, 1, 1)

    def verify(self) -> None:
        got = np.frombuffer(download(self.out, 4 * len(self.a)), dtype=np.float32)
        np.testing.assert_allclose(got, self.expected, rtol=1e-6, atol=1e-6)


def registered() -> Any:
    """ADD registered as compiled code does it; returns its host function address."""
    image = ffi.new("char[]", module_of(ADD))
    wrapper = ffi.new("uint64_t[3]", [0x1466243B1, address(image), 0])  # magic and version 1, data, nothing more
    name, host = ffi.new("char[]", ADD.encode()), ffi.new("char[8]")
    handle = rt.__cudaRegisterFatBinary(wrapper)
    null = ffi.NULL
    rt.__cudaRegisterFunction(handle, host, name, name, -1, null, null, null, null, null)
    rt.__cudaRegisterFatBinaryEnd(handle)
    registered.keep = (image, wrapper, name, host)  # type: ignore[attr-defined]
    return host


def loaded() -> tuple[Any, Any]:
    """ADD as a driver module and function."""
    module, function = ffi.new("CUmodule *"), ffi.new("CUfunction *")
    check(drv.cuInit(0))
    check(drv.cuModuleLoadData(module, ffi.from_buffer(module_of(ADD))))
    check(drv.cuModuleGetFunction(function, module[0], ADD.encode()))
    return module[0], function[0]


@isolated(timeout=120)
def test_both_runtime_launch_interfaces() -> None:
    host = registered()
    for way in ("cuda 12", "cuda 13", "config", "handle"):
        x = Arguments(alpha=3.0 if way == "config" else 2.0)
        if way == "cuda 12":
            check(rt.cudaLaunchKernel(host, [*x.grid], [128, 1, 1], x.pointers, 0, ffi.NULL))
        elif way == "cuda 13":
            kernel = ffi.new("cudaKernel_t *")
            check(rt.__cudaGetKernel(kernel, host))
            assert rt.__cudaPushCallConfiguration([*x.grid], [128, 1, 1], 0, ffi.NULL) == 0
            grid, block = ffi.new("dim3 *"), ffi.new("dim3 *")
            shared, on = ffi.new("size_t *"), ffi.new("void **")
            check(rt.__cudaPopCallConfiguration(grid, block, shared, on))
            assert (grid.x, block.x, shared[0]) == (x.grid[0], 128, 0)
            check(rt.__cudaLaunchKernel(kernel[0], grid[0], block[0], x.pointers, shared[0], on[0]))
        elif way == "config":
            attribute = ffi.new("cudaLaunchAttribute *", {"id": 6})
            config = ffi.new("cudaLaunchConfig_t *", {"gridDim": x.grid, "blockDim": (128, 1, 1)})
            config.attrs, config.numAttrs, config.stream = attribute, 1, stream()
            check(rt.cudaLaunchKernelExC(config, host, x.pointers))
        else:
            function = ffi.new("cudaFunction_t *")
            check(rt.cudaGetFuncBySymbol(function, host))
            check(rt.cudaLaunchKernel(function[0], [*x.grid], [128, 1, 1], x.pointers, 0, stream(0)))
        x.verify()


@isolated(timeout=120)
def test_driver_launches() -> None:
    module, function = loaded()
    x = Arguments()
    check(drv.cuLaunchKernel(function, *x.grid, 128, 1, 1, 0, ffi.NULL, x.pointers, ffi.NULL))
    x.verify()
    # The packed form: one buffer laid out like the parameters.
    y = Arguments(alpha=-1.5)
    packed = ffi.new("char[32]")
    ffi.memmove(packed, y.count, 4)
    ffi.memmove(packed + 4, y.alpha, 4)
    ffi.memmove(packed + 8, y.data, 24)
    size = ffi.new("size_t *", 32)
    number = ffi.cast
    extra = ffi.new("void *[5]", [number("void *", 1), packed, number("void *", 2), size, ffi.NULL])
    check(drv.cuLaunchKernel(function, *y.grid, 128, 1, 1, 0, ffi.NULL, ffi.NULL, extra))
    y.verify()
    config = ffi.new("CUlaunchConfig *")
    z = Arguments(alpha=0.5)
    config.gridDimX, config.gridDimY, config.gridDimZ = z.grid
    config.blockDimX, config.blockDimY, config.blockDimZ = 128, 1, 1
    check(drv.cuLaunchKernelEx(config, function, z.pointers, ffi.NULL))
    z.verify()
    missing = ffi.new("CUfunction *")
    assert drv.cuModuleGetFunction(missing, module, b"no_such_kernel") == 500
    check(drv.cuModuleUnload(module))
    assert drv.cuLaunchKernel(function, *x.grid, 128, 1, 1, 0, ffi.NULL, x.pointers, ffi.NULL) == 400
    assert drv.cuModuleUnload(module) == 400
    broken = ffi.new("CUmodule *")
    assert drv.cuModuleLoadData(broken, b"this is no module") == 200


@isolated(timeout=120)
def test_bad_launches_are_refused() -> None:
    host, x = registered(), Arguments()

    def launch(grid: list[int], block: list[int], shared: int = 0, func: Any = host) -> int:
        return rt.cudaLaunchKernel(func, grid, block, x.pointers, shared, ffi.NULL)

    assert launch([0, 1, 1], [128, 1, 1]) == 9
    assert launch([1, 1, 1], [0, 1, 1]) == 9
    assert launch([1, 1, 1], [2048, 1, 1]) == 9
    assert launch([1, 70_000, 1], [128, 1, 1]) == 9
    assert launch([1, 1, 1], [1024, 1, 1]) == 1  # the kernel is compiled for at most 128
    assert launch([1, 1, 1], [128, 1, 1], 1 << 20) == 1
    assert launch([1, 1, 1], [128, 1, 1], 0, ffi.new("char[8]")) == 98
    assert rt.cudaLaunchKernel(host, [1, 1, 1], [128, 1, 1], x.pointers, 0, ffi.cast("void *", 0x4000)) == 400
    check(rt.cudaDeviceSynchronize())


@isolated(timeout=120)
def test_function_attributes_and_occupancy() -> None:
    host = registered()
    attributes = ffi.new("struct cudaFuncAttributes *")
    assert ffi.sizeof(attributes[0]) == 144
    check(rt.cudaFuncGetAttributes(attributes, host))
    assert attributes.binaryVersion == 75 and attributes.numRegs > 8
    assert attributes.maxThreadsPerBlock == 128
    assert attributes.maxDynamicSharedSizeBytes == 49152 - attributes.sharedSizeBytes
    blocks = ffi.new("int *")
    check(rt.cudaOccupancyMaxActiveBlocksPerMultiprocessor(blocks, host, 128, 0))
    assert blocks[0] == 8  # 1024 threads per SM
    check(rt.cudaOccupancyMaxActiveBlocksPerMultiprocessor(blocks, host, 128, 20_000))
    assert blocks[0] == 3  # 64 KiB of shared memory
    check(rt.cudaOccupancyMaxActiveBlocksPerMultiprocessor(blocks, host, 256, 0))
    assert blocks[0] == 0
    check(rt.cudaFuncSetAttribute(host, 8, 60_000))
    check(rt.cudaFuncGetAttributes(attributes, host))
    assert attributes.maxDynamicSharedSizeBytes == 60_000
    assert rt.cudaFuncSetAttribute(host, 8, 70_000) == 1
    offset, size = ffi.new("size_t *"), ffi.new("size_t *")
    layout = []
    for i in range(3):
        check(rt.cudaFuncGetParamInfo(host, i, offset, size))
        layout.append((offset[0], size[0]))
    assert layout == [(0, 4), (4, 4), (8, 24)]
    assert rt.cudaFuncGetParamInfo(host, 3, offset, size) == 1


@isolated(timeout=120)
def test_library_interface() -> None:
    library, kernel = ffi.new("cudaLibrary_t *"), ffi.new("cudaKernel_t *")
    null = ffi.NULL
    check(rt.cudaLibraryLoadData(library, ffi.from_buffer(module_of(ADD)), null, null, 0, null, null, 0))
    check(rt.cudaLibraryGetKernel(kernel, library[0], ADD.encode()))
    x = Arguments()
    check(rt.cudaLaunchKernel(kernel[0], [*x.grid], [128, 1, 1], x.pointers, 0, null))
    x.verify()
    name = ffi.new("char **")
    check(rt.cudaFuncGetName(name, kernel[0]))
    assert ffi.string(name[0]).decode() == ADD
    assert rt.cudaLibraryGetKernel(kernel, library[0], b"nothing") == 500
    check(rt.cudaLibraryUnload(library[0]))


@isolated(timeout=120)
def test_a_captured_kernel_reads_new_data_at_each_replay() -> None:
    host, s, x = registered(), stream(), Arguments()
    graph, executable = ffi.new("cudaGraph_t *"), ffi.new("cudaGraphExec_t *")
    check(rt.cudaStreamBeginCapture(s, 0))
    check(rt.cudaLaunchKernel(host, [*x.grid], [128, 1, 1], x.pointers, 0, s))
    check(rt.cudaStreamEndCapture(s, graph))
    check(rt.cudaGraphInstantiateWithFlags(executable, graph[0], 9))
    nodes, count = ffi.new("cudaGraphNode_t[1]"), ffi.new("size_t *", 1)
    check(rt.cudaGraphGetNodes(graph[0], nodes, count))
    # Other parameters for the executable graph alone.
    parameters = ffi.new("struct cudaKernelNodeParams *")
    check(rt.cudaGraphKernelNodeGetParams(nodes[0], parameters))
    assert parameters.blockDim.x == 128
    assert ffi.cast("int *", parameters.kernelParams[0])[0] == COUNT
    x.alpha[0] = 64.0  # after capture: no effect
    check(rt.cudaGraphLaunch(executable[0], s))
    check(rt.cudaStreamSynchronize(s))
    x.verify()
    parameters.kernelParams = x.pointers
    check(rt.cudaGraphExecKernelNodeSetParams(executable[0], nodes[0], parameters))
    check(rt.cudaGraphDestroy(graph[0]))
    check(rt.cudaGraphLaunch(executable[0], s))
    check(rt.cudaStreamSynchronize(s))
    x.expected = x.a + np.float32(64) * x.b
    x.verify()
    check(rt.cudaGraphExecDestroy(executable[0]))
