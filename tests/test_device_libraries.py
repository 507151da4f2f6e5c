"""Libraries for the device: hipBLAS, hipFFT and MIOpen by a stand-in that computes on the host, CLBlast where it is installed."""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import cpu_runner
import hip_runner
import opencl_runner
import pytest
import run_record
from ring_client import torch_library

MAF_EXEC = str(Path(sys.executable).with_name("maf-exec"))
pytestmark = pytest.mark.skipif(torch_library("libtorch_cuda.so") is None, reason="torch is not installed")

PROGRAM = """
import torch
torch.manual_seed(0)
def check(f, *inputs):
    want, got = f(*inputs), f(*(x.cuda() for x in inputs)).cpu()
    error = ((got - want).abs().max() / want.abs().max()).item()
    assert error < 1e-5, (error, f.__code__.co_firstlineno)
a, b, c = torch.randn(30, 40), torch.randn(40, 20), torch.randn(30, 20)
check(lambda a, b: a @ b, a, b)
check(lambda a, b: (b.T @ a.T).contiguous(), a, b)
check(lambda a, b, c: torch.addmm(c, a, b, beta=0.5, alpha=2), a, b, c)
check(lambda a, b, c: c.clone().addmm_(a, b, beta=0.5, alpha=2), a, b, c)
check(lambda a, b: torch.bmm(a, b), torch.randn(3, 5, 7), torch.randn(3, 7, 4))
check(lambda a, b: a @ b, a.double(), b.double())
check(lambda a, b: a @ b.conj(), torch.complex(a, a + 1), torch.complex(b, b - 1))
"""
TRANSFORMS = """
x = torch.randn(6, 30)
check(lambda x: torch.view_as_real(torch.fft.rfft(x)), x)
check(lambda x: torch.view_as_real(torch.fft.fft(torch.complex(x, x + 1))), x)
check(lambda x: torch.view_as_real(torch.fft.ifft(torch.complex(x, x + 1).to(torch.complex128))), x)
check(lambda x: torch.fft.irfft(torch.complex(x, x * 0.5), n=58), x)
"""


CONVOLUTIONS = """
import torch.nn.functional as F
x, w = torch.randn(2, 6, 9, 8), torch.randn(8, 3, 3, 2)
options = dict(stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2)
check(lambda x, w: F.conv2d(x, w, **options), x, w)
y = F.conv2d(x, w, **options)
check(lambda x, w, y: torch.nn.grad.conv2d_input(x.shape, w, y, **options), x, w, y)
check(lambda x, w, y: torch.nn.grad.conv2d_weight(x, w.shape, y, **options), x, w, y)
check(lambda x: F.conv2d(x.double(), x[:, :, :3, :3].double()), x)  # not MIOpen's
"""


def run(tmp_path: Path, device: str, program: str, **variables: str) -> dict[str, float]:
    """Runs of each operation by name."""
    environment = {**os.environ, "MAF_MEMORY": "256M", "XDG_STATE_HOME": str(tmp_path), **variables}
    command = [MAF_EXEC, "--device", device, sys.executable, "-c", program + "print('same')"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (0, "same\n"), done.stderr[-3000:]
    return {o["name"]: o["runs"] for o in run_record.of(tmp_path)["operations"]}


@pytest.fixture(scope="module")
def hip(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("hip")
    standin = hip_runner.build(folder)
    libraries = str(hip_runner.build(folder, "hip_libraries_standin.c"))
    return {
        **hip_runner.variables(standin),
        "MAF_HIPBLAS_LIBRARY": libraries,
        "MAF_HIPFFT_LIBRARY": libraries,
        "MAF_MIOPEN_LIBRARY": libraries,
        "MAF_HIP_LOG": str(folder / "calls"),
        "MAF_CACHE_DIR": str(folder / "cache"),
    }


def test_hip_libraries(hip: dict[str, str], tmp_path: Path) -> None:
    runs = run(tmp_path, "hip:0", PROGRAM + TRANSFORMS + CONVOLUTIONS, **hip)
    assert runs["gemm (hipblas)"] >= 6 and runs["fft (hipfft)"] >= 4, runs
    assert runs["conv (miopen)"] == 3 and runs["conv (hip)"] == 1, runs
    calls = Path(hip["MAF_HIP_LOG"]).read_text()
    # torch's row-major 30x40 by 40x20 is column major 20x30x40; compute types 2 float, 7 double.
    assert "hipblasGemmStridedBatchedEx 111 111 20x30x40 batch 1 types 0 0 0 compute 2" in calls
    assert "batch 3 types 0 0 0 compute 2" in calls and "types 1 1 1 compute 7" in calls and "types 4 4 4" in calls
    for name in ("R2C", "C2C", "Z2Z", "C2R"):
        assert f"hipfftExec{name}" in calls
    for name in ("Forward", "BackwardData", "BackwardWeights"):
        assert f"miopenConvolution{name}Immediate" in calls


def test_what_a_library_refuses_is_done_without_it(hip: dict[str, str], tmp_path: Path) -> None:
    fails = {"MAF_HIP_FAIL": "hipblasGemmStridedBatchedEx=7"}
    run(tmp_path, "hip:0", PROGRAM, **hip, **fails)


def test_a_library_that_does_not_start_is_not_used(hip: dict[str, str], tmp_path: Path) -> None:
    runs = run(
        tmp_path, "hip:0", PROGRAM.partition("check(lambda a, b: (b.T")[0], **hip, MAF_HIP_FAIL="hipblasCreate=1"
    )
    assert "gemm (hip)" in runs and "gemm (hipblas)" not in runs


@opencl_runner.needs_device
@pytest.mark.skipif(ctypes.util.find_library("clblast") is None, reason="CLBlast is not installed")
def test_clblast(tmp_path: Path) -> None:
    wanted = ("check(lambda a, b: a @ b, a, b)", "a.double()")  # CLBlast has each routine compiled
    program = PROGRAM.partition("check(lambda")[0]
    program += "\n".join(line for line in PROGRAM.splitlines() if any(w in line for w in wanted)) + "\n"
    runs = run(tmp_path, "opencl:0", program, MAF_OPENCL_MEMORY="own")
    assert runs == {"gemm (clblast)": 2}, runs


@opencl_runner.needs_device
@pytest.mark.skipif(importlib.util.find_spec("pyvkfft") is None, reason="pyvkfft is not installed")
def test_vkfft(tmp_path: Path) -> None:
    """Data from the host to the transform and back, so that no kernel has to be compiled."""
    program = "import torch\ntorch.manual_seed(0)\n" + VKFFT
    runs = run(tmp_path, "opencl:0", program, MAF_OPENCL_MEMORY="own")
    assert runs == {"fft (vkfft)": 3, "fft (core)": 1}, runs


VKFFT = """
def check(f, x):
    want, got = f(x), f(x.cuda()).cpu()
    error = ((got - want).abs().max() / want.abs().max()).item()
    assert got.shape == want.shape and error < 1e-5, (error, f.__code__.co_firstlineno)
x = torch.randn(6, 30)
check(lambda x: torch.fft.rfft(x), x)
check(lambda x: torch.fft.fft2(x), torch.complex(x, x + 1))
check(lambda x: torch.fft.ifft(x, norm="forward"), torch.complex(x, x + 1).to(torch.complex128))
check(lambda x: torch.fft.irfft(x, n=58, norm="forward"), torch.complex(x, x * 0.5))
"""


def test_structs_agree() -> None:
    from maf_vdev.devices import device_libraries as d

    sizes = {"maf_library_call": d.CallStruct, "maf_library_gemm": d.GemmStruct, "maf_library_fft": d.FftStruct}
    sizes["maf_library_conv"] = d.ConvStruct
    source = '#include "device_library.h"\n'
    source += "".join(f'_Static_assert(sizeof(struct {n}) == {ctypes.sizeof(t)}, "{n}");\n' for n, t in sizes.items())
    command = ["gcc", "-fsyntax-only", "-x", "c", "-std=gnu11", f"-I{cpu_runner.CORE}", "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
