"""Bodies of test_nvrtc.py: each function runs in a process of its own, with the compiler that MAF_NVRTC names.

`echo_*` run with the library of fixtures/fake_nvrtc.c, whose cubin lists what it was given; `real_*` with NVIDIA's.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import cuda_process as c
import numpy as np

ffi = c.ffi
ffi.cdef(c.declarations("libcuda_stub/nvrtc/nvrtc.h"))
OK, INVALID_INPUT, INVALID_PROGRAM, INVALID_OPTION, COMPILATION = 0, 3, 4, 5, 6
BUILTIN_OPERATION_FAILURE, NAMES_AFTER, NAMES_BEFORE, NAME_INVALID = 7, 8, 9, 10
ARCH = "--gpu-architecture=sm_75"
SCALE = """
template <typename T> __global__ void scale(T *x, T by, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) x[i] *= by;
}
"""


class Front:
    """libnvrtc.so.13 or .12 as an application sees it."""

    def __init__(self, major: int = 13) -> None:
        self.lib = ffi.dlopen(str(c.LIB / f"libmaf_nvrtc{major}.so"))

    def program(self, source: str, name: str | None = "test.cu", headers: dict[str, str] | None = None) -> Any:
        out, headers = ffi.new("nvrtcProgram *"), headers or {}
        names = [ffi.new("char[]", key.encode()) for key in headers]
        texts = [ffi.new("char[]", text.encode()) for text in headers.values()]
        status = self.lib.nvrtcCreateProgram(
            out, source.encode(), name.encode() if name else ffi.NULL, len(headers),
            ffi.new("char *[]", texts), ffi.new("char *[]", names),
        )  # fmt: skip
        assert status == OK
        return out[0]

    def compile(self, program: Any, *options: str) -> int:
        words = [ffi.new("char[]", option.encode()) for option in options]
        return self.lib.nvrtcCompileProgram(program, len(words), ffi.new("char *[]", words))

    def part(self, program: Any, what: str) -> bytes:
        size = ffi.new("size_t *")
        assert getattr(self.lib, f"nvrtcGet{what}Size")(program, size) == OK
        data = ffi.new("char[]", size[0])
        assert getattr(self.lib, f"nvrtcGet{what}")(program, data) == OK
        return ffi.buffer(data)[:]

    def log(self, program: Any) -> str:
        return self.part(program, "ProgramLog").rstrip(b"\0").decode()

    def lowered(self, program: Any, expression: str) -> str:
        name = ffi.new("char **")
        assert self.lib.nvrtcGetLoweredName(program, expression.encode(), name) == OK
        return ffi.string(name[0]).decode()

    def version(self) -> tuple[int, int]:
        numbers = ffi.new("int[2]")
        assert self.lib.nvrtcVersion(numbers, numbers + 1) == OK
        return numbers[0], numbers[1]


def run_kernel(code: bytes, name: str, values: np.ndarray, by: float) -> np.ndarray:
    """Loads the code and scales `values` with the kernel (T *x, T by, int n)."""
    module, function = ffi.new("void **"), ffi.new("void **")
    c.check(c.drv.cuInit(0))
    c.check(c.drv.cuModuleLoadData(ffi.cast("void *", module), ffi.from_buffer(code)))
    c.check(c.drv.cuModuleGetFunction(ffi.cast("void *", function), ffi.cast("void *", module[0]), name.encode()))
    data = c.upload(values.tobytes())
    ctype = {"f": "float", "d": "double", "i": "int"}[values.dtype.char]
    held = [ffi.new("void **", data), ffi.new(f"{ctype} *", by), ffi.new("int *", values.size)]
    params = ffi.new("void *[]", [ffi.cast("void *", x) for x in held])
    grid = -(-values.size // 64)
    c.check(c.drv.cuLaunchKernel(ffi.cast("void *", function[0]), grid, 1, 1, 64, 1, 1, 0, ffi.NULL, params, ffi.NULL))
    c.check(c.rt.cudaDeviceSynchronize())
    return np.frombuffer(c.download(data, values.nbytes), values.dtype)


def echo_everything_reaches_the_compiler() -> None:
    for major in (13, 12):
        nvrtc = Front(major)
        assert nvrtc.version() == (77, 8)
        count, archs = ffi.new("int *"), ffi.new("int[2]")
        assert nvrtc.lib.nvrtcGetNumSupportedArchs(count) == OK
        assert count[0] == 2
        assert nvrtc.lib.nvrtcGetSupportedArchs(archs) == OK
        assert list(archs) == [75, 80]
        os.chdir("/usr")
        program = nvrtc.program("text", None, {"a.h": "A", "b/c.h": "BC"})
        assert nvrtc.compile(program, "-DX=1", "-I../inc", ARCH) == OK
        got = nvrtc.part(program, "CUBIN").rstrip(b"\0").decode().split("|")
        assert got == ["default_program", "text", "a.h=A", "b/c.h=BC", "-DX=1", "-I../inc", ARCH, "in /usr"]
        assert nvrtc.part(program, "PTX").startswith(b".version 9.0\n.target sm_75\n")
        assert nvrtc.log(program) == "a warning"


def echo_name_expressions() -> None:
    nvrtc, name = Front(), ffi.new("char **")
    program = nvrtc.program("text")
    for expression in (b"scale<float>", b"unused", b"&v"):
        assert nvrtc.lib.nvrtcAddNameExpression(program, expression) == OK
    assert nvrtc.lib.nvrtcGetLoweredName(program, b"&v", name) == NAMES_BEFORE
    assert nvrtc.compile(program, ARCH) == OK
    assert nvrtc.lowered(program, "scale<float>") == "_low_scale<float>"
    assert nvrtc.lowered(program, "&v") == "_low_&v"
    assert nvrtc.lib.nvrtcGetLoweredName(program, b"unused", name) == NAME_INVALID
    assert nvrtc.lib.nvrtcGetLoweredName(program, b"another", name) == NAME_INVALID
    assert nvrtc.lib.nvrtcAddNameExpression(program, b"late") == NAMES_AFTER


def echo_errors() -> None:
    nvrtc, size = Front(), ffi.new("size_t *")
    program = nvrtc.program("wrong")
    assert nvrtc.lib.nvrtcGetCUBINSize(program, size) == INVALID_PROGRAM
    assert nvrtc.compile(program, ARCH) == COMPILATION
    assert nvrtc.log(program) == "line 1: wrong"
    for what in ("CUBIN", "PTX"):
        assert getattr(nvrtc.lib, f"nvrtcGet{what}Size")(program, size) == INVALID_PROGRAM
    assert nvrtc.lib.nvrtcCompileProgram(program, 1, ffi.NULL) == INVALID_INPUT
    assert nvrtc.lib.nvrtcCompileProgram(program, 1, ffi.new("char *[1]")) == INVALID_OPTION
    assert nvrtc.lib.nvrtcGetProgramLog(program, ffi.NULL) == INVALID_INPUT
    held = ffi.new("nvrtcProgram *", program)
    assert nvrtc.lib.nvrtcDestroyProgram(held) == OK
    assert nvrtc.lib.nvrtcDestroyProgram(held) == INVALID_PROGRAM
    assert nvrtc.lib.nvrtcCreateProgram(held, ffi.NULL, ffi.NULL, 0, ffi.NULL, ffi.NULL) == INVALID_INPUT
    assert nvrtc.lib.nvrtcCreateProgram(held, b"x", ffi.NULL, 1, ffi.NULL, ffi.NULL) == INVALID_INPUT
    assert ffi.string(nvrtc.lib.nvrtcGetErrorString(COMPILATION)) == b"NVRTC_ERROR_COMPILATION"
    assert ffi.string(nvrtc.lib.nvrtcGetErrorString(1000)) == b"NVRTC_ERROR unknown"


def echo_a_crash_of_the_compiler_is_a_failed_compilation() -> None:
    nvrtc = Front()
    program = nvrtc.program("crash")
    assert nvrtc.compile(program, ARCH) == BUILTIN_OPERATION_FAILURE
    assert "the compiler ended" in nvrtc.log(program)
    assert nvrtc.compile(nvrtc.program("fine"), ARCH) == OK
    assert c.download(c.upload(b"alive"), 5) == b"alive"


def echo_virtual_architectures_give_ptx_only() -> None:
    nvrtc = Front()
    for options in (["--gpu-architecture=compute_75"], ["-arch", "compute_75"], ["-arch=compute_80"], []):
        program = nvrtc.program("text")
        assert nvrtc.compile(program, *options) == OK
        assert nvrtc.part(program, "CUBIN") == b"", options
        assert nvrtc.part(program, "PTX"), options


def missing_library() -> None:
    nvrtc = Front()
    program = nvrtc.program("text", "name.cu")
    assert nvrtc.compile(program, ARCH) == COMPILATION
    log = nvrtc.log(program)
    assert log.startswith("name.cu: error: no CUDA C++ compiler: /no/such/libnvrtc.so.13:"), log
    assert "pip install nvidia-cuda-nvrtc" in log
    assert nvrtc.version()[1] > 90


def no_compiler_at_all() -> None:
    nvrtc = Front()
    program = nvrtc.program('extern "C" __global__ void k() {}', "name.cu")
    assert nvrtc.compile(program, ARCH) == COMPILATION
    assert "pip install nvidia-cuda-nvrtc" in nvrtc.log(program)


def host_headers_and_names() -> None:
    nvrtc, size, name = Front(), ffi.new("size_t *"), ffi.new("char **")
    headers = {"part/body.h": "x[i] *= by * FACTOR;", "factor.h": "#define FACTOR 2"}
    source = """
    #include <factor.h>
    extern "C" __global__ void scale(float *x, float by, int n) {
        int i = blockIdx.x * blockDim.x + threadIdx.x;
        if (i < n) {
            #include "part/body.h"
        }
    }
    """
    program = nvrtc.program(source, headers=headers)
    assert nvrtc.lib.nvrtcAddNameExpression(program, b"&scale") == OK
    assert nvrtc.compile(program, ARCH) == OK, nvrtc.log(program)
    values = np.arange(100, dtype=np.float32)
    lowered = nvrtc.lowered(program, "&scale")
    np.testing.assert_array_equal(run_kernel(nvrtc.part(program, "CUBIN"), lowered, values, 3), 6 * values)
    assert nvrtc.lib.nvrtcGetPTXSize(program, size) != OK
    program = nvrtc.program(source, headers=headers)
    assert nvrtc.lib.nvrtcAddNameExpression(program, b"scale<int>") == OK
    assert nvrtc.compile(program, ARCH) == NAME_INVALID
    assert "pip install nvidia-cuda-nvrtc" in nvrtc.log(program)
    assert nvrtc.lib.nvrtcGetLoweredName(program, b"scale<int>", name) == NAMES_BEFORE
    program = nvrtc.program("", headers={"../outside.h": ""})
    assert nvrtc.compile(program, ARCH) == COMPILATION


def real_templates_by_lowered_name() -> None:
    nvrtc = Front()
    program = nvrtc.program(SCALE)
    for kind in ("float", "double", "int"):
        assert nvrtc.lib.nvrtcAddNameExpression(program, f"scale<{kind}>".encode()) == OK
    assert nvrtc.compile(program, ARCH) == OK, nvrtc.log(program)
    code = nvrtc.part(program, "CUBIN")
    for kind, dtype in (("float", np.float32), ("double", np.float64), ("int", np.int32)):
        values = np.arange(-70, 130).astype(dtype)
        got = run_kernel(code, nvrtc.lowered(program, f"scale<{kind}>"), values, 3)
        np.testing.assert_array_equal(got, 3 * values)


def real_ptx_needs_no_assembler() -> None:
    """PTX from here, also with another architecture below the device's, loads in a process without ptxas."""
    nvrtc = Front()
    for options in (["-arch=compute_75"], []):
        program = nvrtc.program(SCALE)
        assert nvrtc.lib.nvrtcAddNameExpression(program, b"scale<float>") == OK
        assert nvrtc.compile(program, *options) == OK, nvrtc.log(program)
        assert nvrtc.part(program, "CUBIN") == b""
        values = np.arange(33, dtype=np.float32)
        got = run_kernel(nvrtc.part(program, "PTX"), nvrtc.lowered(program, "scale<float>"), values, 0.5)
        np.testing.assert_array_equal(got, values / 2)


def real_headers_from_memory_and_disk() -> None:
    nvrtc = Front()
    source = """
    #include "memory.h"
    #include "disk.h"
    extern "C" __global__ void k(int *x, int by, int n) { if (threadIdx.x < n) x[threadIdx.x] = MEMORY * by + DISK; }
    """
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("include").mkdir()
        for value in (5, 6):  # a file that changes is read again
            Path("include/disk.h").write_text(f"#define DISK {value}\n")
            program = nvrtc.program(source, headers={"memory.h": "#define MEMORY 100\n"})
            assert nvrtc.compile(program, ARCH, "-Iinclude") == OK, nvrtc.log(program)
            got = run_kernel(nvrtc.part(program, "CUBIN"), "k", np.zeros(4, np.int32), 7)
            assert got.tolist() == [700 + value] * 4
        os.chdir("/")


def real_errors() -> None:
    nvrtc = Front()
    program = nvrtc.program("__global__ void k() { return undefined; }", "file.cu")
    assert nvrtc.compile(program, ARCH) == COMPILATION
    assert "file.cu(1)" in nvrtc.log(program)
    assert "undefined" in nvrtc.log(program)
    assert nvrtc.compile(nvrtc.program("__global__ void k() {}"), "-arch=sm_5") == INVALID_OPTION
    assert nvrtc.compile(nvrtc.program("__global__ void k() {}"), "--no-such-option") == INVALID_OPTION
    program = nvrtc.program(SCALE)
    assert nvrtc.lib.nvrtcAddNameExpression(program, b"absent<float>") == OK
    assert nvrtc.compile(program, ARCH) in (COMPILATION, NAME_INVALID)
    assert "absent" in nvrtc.log(program)


def real_code_for_another_device_does_not_load() -> None:
    nvrtc, module = Front(), ffi.new("void **")
    program = nvrtc.program('extern "C" __global__ void k(float *x, float by, int n) {}')
    assert nvrtc.compile(program, "-arch=sm_90") == OK, nvrtc.log(program)
    c.check(c.drv.cuInit(0))
    code = ffi.from_buffer(nvrtc.part(program, "CUBIN"))
    function = ffi.new("void **")
    status = c.drv.cuModuleLoadData(ffi.cast("void *", module), code)
    if status == OK:
        status = c.drv.cuModuleGetFunction(ffi.cast("void *", function), ffi.cast("void *", module[0]), b"k")
    assert status == 209, status  # CUDA_ERROR_NO_BINARY_FOR_GPU
