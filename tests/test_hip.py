"""HIP: the run-time path against a stand-in of libamdhip64 that records calls and runs kernels on the host, and offline
compilation of kernels.

No AMD device ran these kernels. A compiler for AMD's processors (clang 15 or newer) is used where one is installed.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cpu_runner
import hip_runner
import pytest
import run_record
from opcode_cases import CASES, prepare

from maf_vdev.translator import cubin, fatbin, thread_source
from maf_vdev.translator.emit.thread_kernel import Options

MAF_EXEC = str(Path(sys.executable).with_name("maf-exec"))
MAF_VDEV = str(Path(sys.executable).with_name("maf-vdev"))
CLANG = next((c for c in map(shutil.which, ("clang-19", "clang-17", "clang-16", "clang-15")) if c), None)
TARGETS = {"gfx90a": 15, "gfx1100": 15, "gfx942": 17}
PROGRAM = "import torch; x = torch.empty(1000, device='cuda').fill_(2); print('sum', (x * 3).sum().item())"
RESULT = "sum 6000.0\n"


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hip_runner.build(tmp_path_factory.mktemp("hip"))


def run(standin: Path, tmp_path: Path, *line: str, **variables: str) -> tuple[subprocess.CompletedProcess, list[str]]:
    """Run a command with the stand-in; the calls it recorded."""
    log = tmp_path / "calls"
    log.unlink(missing_ok=True)
    environment = {
        **os.environ,
        **hip_runner.variables(standin),
        "MAF_HIP_LOG": str(log),
        "MAF_CACHE_DIR": str(tmp_path / "cache"),
        "MAF_MEMORY": str(1 << 28),
        **variables,
    }
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=120, check=False)
    return done, log.read_text().splitlines() if log.exists() else []


def torch_program(standin: Path, tmp_path: Path, **variables: str) -> tuple[subprocess.CompletedProcess, list[str]]:
    return run(standin, tmp_path, MAF_EXEC, "--device", "hip:0", sys.executable, "-c", PROGRAM, **variables)


@pytest.fixture(scope="module")
def _torch() -> None:
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed")


def test_list_shows_the_device(standin: Path, tmp_path: Path) -> None:
    done, _ = run(standin, tmp_path, MAF_VDEV, "list")
    line = next(line for line in done.stdout.splitlines() if line.startswith("hip:0"))
    assert "Stand-in (gfx90a)" in line and "104" in line and " 64 " in line, done.stdout
    done, _ = run(standin, tmp_path, MAF_VDEV, "list", "--json")
    (entry,) = (d for d in json.loads(done.stdout)["devices"] if d["id"] == "hip:0")
    assert entry["state"] == "ready" and entry["subgroup"] == 64, entry
    for text in ("not in waves of 64", "memory of its own", "no hipBLAS", "no hipFFT", "no MIOpen"):
        assert any(text in m for m in entry["missing"]), entry


CHOICE = """
from maf_vdev import devices
from maf_vdev.cli.environment import Settings, build
devices.GPU_NODES = ("null",)  # as if the machine had a GPU's device file
variables = build(Settings(), {})
print(variables.get("MAF_DEVICE"), int(variables.get("MAF_MEMORY", "0")) >> 30)
"""


def test_a_hip_gpu_is_the_default(standin: Path, tmp_path: Path) -> None:
    done, _ = run(standin, tmp_path, sys.executable, "-c", CHOICE)
    assert done.stdout == "hip:0 13\n", done.stdout + done.stderr  # 9/10 of 16 GiB less what modules' data takes


def test_a_program_launches_its_kernels(standin: Path, tmp_path: Path, _torch: None) -> None:
    done, calls = torch_program(standin, tmp_path)
    assert (done.returncode, done.stdout) == (0, RESULT), done.stderr[-2000:]
    assert "hiprtcCompileProgram --offload-arch=gfx90a" in calls
    assert "hipModuleGetFunction maf_kernel" in calls
    launch = next(call for call in calls if call.startswith("hipModuleLaunchKernel"))
    assert launch.split()[2] == "128,1,1", launch  # 1000 elements, vectors of 4 or 8, 128 threads
    assert calls.index(launch) < len(calls) - 1 - calls[::-1].index("hipStreamSynchronize ")


def test_memory_is_the_devices_unless_it_reads_the_hosts(standin: Path, tmp_path: Path, _torch: None) -> None:
    _, calls = torch_program(standin, tmp_path)
    assert f"hipMalloc {(1 << 28) + (512 << 20)}" in calls  # and what modules' data takes
    assert any(call.startswith("hipMemcpyAsync to host") for call in calls)
    done, calls = torch_program(standin, tmp_path, MAF_HIP_PAGEABLE="1")
    assert done.stdout == RESULT and not any(call.startswith(("hipMalloc", "hipMemcpy")) for call in calls)


def test_less_memory_than_wanted_is_what_the_program_sees(standin: Path, tmp_path: Path, _torch: None) -> None:
    program = "import torch; print(torch.cuda.mem_get_info()[1] >> 20)"
    command = [MAF_EXEC, "--device", "hip:0", sys.executable, "-c", program]
    done, _ = run(standin, tmp_path, *command, MAF_HIP_FREE=str(900 << 20))
    assert done.stdout == "132\n", done.stdout + done.stderr  # 900 less 256 for the runtime and 512 for modules


MIXED = """
import torch
torch.manual_seed(0)
a = torch.randn(70, 60)
x, y = a.cuda(), a.cpu()
for _ in range(2):  # kernels and library calls in turns, each on what the other has just written
    x, y = (x @ x.T)[:, :60] * 0.01 + 1, (y @ y.T)[:, :60] * 0.01 + 1
    x, y = torch.fft.fft(x).real * 0.01, torch.fft.fft(y).real * 0.01
    x[:, 7] = 0.5
    y[:, 7] = 0.5
difference = ((x.cpu() - y).abs().max() / y.abs().max()).item()
assert difference < 1e-5, difference
print("same")
"""


def test_kernels_and_host_libraries_see_each_others_results(standin: Path, tmp_path: Path, _torch: None) -> None:
    command = [MAF_EXEC, "--device", "hip:0", sys.executable, "-c", MIXED]
    done, _ = run(standin, tmp_path, *command, XDG_STATE_HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "same\n"), done.stderr[-3000:]
    staged = run_record.of(tmp_path)["staged"]
    assert staged["read_bytes"] >= 2 * 70 * 60 * 4 and staged["written_bytes"] >= 2 * 70 * 60 * 4, staged


@pytest.mark.parametrize(
    "variables, text",
    [
        ({"MAF_HIP_FAIL": "hipMalloc=2"}, "bytes of device memory: hipMalloc: out of memory (2)"),
        ({"MAF_HIP_FAIL": "hipMemcpyAsync=719"}, "bytes failed with hipError_t (719)"),
        ({"MAF_HIP_FAIL": "hiprtcCompileProgram=6"}, "cannot compile it: maf_kernel.hip:1:1: error: stand-in"),
        ({"MAF_HIP_FAIL": "hipModuleLaunchKernel=719"}, "hipModuleLaunchKernel failed with hipError_t (719)"),
        ({"MAF_HIP_FAIL": "hipStreamSynchronize=700"}, "hipStreamSynchronize of 0 bytes failed with hipError_t (700)"),
        ({"MAF_HIP_STATUS": "715"}, "illegal instruction in kernel"),
    ],
    ids=lambda value: next(iter(value.values())) if isinstance(value, dict) else "",
)
def test_failures_are_cuda_errors_with_a_reason(
    standin: Path, tmp_path: Path, _torch: None, variables: dict[str, str], text: str
) -> None:
    done, _ = torch_program(standin, tmp_path, **variables)
    assert done.returncode == 1 and "Error" in done.stderr, done.stderr[-2000:]
    assert text in done.stderr, done.stderr[-2000:]


def test_no_library_is_one_line(tmp_path: Path) -> None:
    done, _ = run(tmp_path / "none.so", tmp_path, MAF_EXEC, "--device", "hip:0", "true")
    assert done.returncode == 2 and done.stderr == "maf-exec: no libamdhip64 (ROCm 6 or newer) is installed\n"


# --- offline compilation ---------------------------------------------------------------------------------


def compile_offline(text: str, target: str, tmp_path: Path) -> str:
    """Assembly for a target. Fails with the compiler's message."""
    source, out = tmp_path / "kernel.hip", tmp_path / "kernel.s"
    source.write_text(text)
    command = [CLANG, "-x", "hip", f"--offload-arch={target}", "--offload-device-only", "-nogpulib", "-nogpuinc"]
    command += ["-O2", "-std=c++17", "-ffp-contract=off", "-w", "-S", str(source), "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[:3000]
    return out.read_text()


def targets() -> list[str]:
    version = int(CLANG.rpartition("-")[2]) if CLANG else 0
    return [target for target, needed in TARGETS.items() if version >= needed]


KINDS = ("SHFL.BFLY", "ATOM", "BAR.RED", "DFMA", "HFMA2", "MUFU.SIN", "LDS", "F2I")
PICKED = [next(c for c in CASES if kind in c.text) for kind in KINDS]


@pytest.mark.skipif(CLANG is None, reason="no clang with AMDGPU")
@pytest.mark.parametrize("case", PICKED, ids=KINDS)
def test_opcodes_compile(case, tmp_path: Path) -> None:
    prepared = prepare(case)
    text = thread_source.lift(prepared.kernel, Options("hip"), prepared.instrs).text
    for target in targets():
        assert ".amdhsa_kernel maf_kernel" in compile_offline(text, target, tmp_path)


# What gives a lane's value to others, or counts them: its meaning changes with the size of a wave.
WAVE = re.compile(r"__builtin_amdgcn_(?!fence|s_barrier|workitem_id|workgroup_id)\w+|warpSize|__shfl|__ballot")


@pytest.mark.parametrize("case", CASES[::7] + PICKED, ids=lambda case: case.id)
def test_no_kernel_depends_on_the_size_of_a_wave(case) -> None:
    """gfx90a and gfx942 have waves of 64 lanes; the 32 threads of a CUDA warp meet in local memory there as anywhere."""
    prepared = prepare(case)
    assert not WAVE.findall(thread_source.lift(prepared.kernel, Options("hip"), prepared.instrs).text)


@pytest.mark.skipif(CLANG is None, reason="no clang with AMDGPU")
@pytest.mark.parametrize("kind", ["gemm", "batchnorm", "reduce"])
def test_own_kernels_compile(kind: str, tmp_path: Path) -> None:
    """moDNN's kernels, without ROCm's device library: its functions stay undefined."""
    import gemm_problems
    import test_batchnorm
    import test_tensor_ops

    from maf_vdev.modnn.providers import device_product, device_tensor
    from maf_vdev.modnn.providers.device_launch import Traits

    launch = {
        "gemm": lambda: device_product.of_gemm(
            gemm_problems.complete(gemm_problems.PROBLEMS["f16-gelu_aux"]), Traits()
        ),
        "batchnorm": lambda: device_tensor.of_batchnorm(
            test_batchnorm.Memory(test_batchnorm.PROBLEMS["images f16"], 2).op, Traits()
        ),
        "reduce": lambda: device_tensor.of_reduce(
            test_tensor_ops.reduce_case(4, 1, (1, 1, 1, 1), "first", 1)[0], Traits()
        ),
    }[kind]()
    for target in targets():
        text = compile_offline(launch.source("hip"), target, tmp_path)
        assert f".amdhsa_kernel {launch.kernel}" in text


@pytest.mark.skipif(CLANG is None, reason="no clang with AMDGPU")
@pytest.mark.parametrize("name", ["ADD", "SUM"])
def test_torch_kernels_compile(name: str, tmp_path: Path) -> None:
    import torch_kernels

    symbol = getattr(torch_kernels, name)
    module = torch_kernels.module_of(symbol)
    if module is None:
        pytest.skip("torch is not installed")
    image = fatbin.choose(fatbin.images(memoryview(module)), (7, 5))
    text = thread_source.lift(cubin.Cubin(image.data).kernel(symbol), Options("hip")).text
    for target in targets()[:1]:
        assert ".amdhsa_kernel maf_kernel" in compile_offline(text, target, tmp_path)


def test_launcher_compiles_alone() -> None:
    """The struct of the launcher and its twin in Python have one size."""
    from maf_vdev.devices import device_ops, hip, opencl

    source = '#include "core.h"\n#include "cpu_launch.h"\n#include "hip_launch.h"\n#include "opencl_launch.h"\n'
    source += '#include "device_op.h"\n'
    sizes = {
        "maf_hip_kernel": hip.KernelStruct,
        "maf_hip_device": hip.DeviceStruct,
        "maf_opencl_kernel": opencl.KernelStruct,
        "maf_opencl_device": opencl.DeviceStruct,
        "maf_device_op": device_ops.OpStruct,
    }
    for name, twin in sizes.items():
        source += f'_Static_assert(sizeof(struct {name}) == {ctypes.sizeof(twin)}, "{name}");\n'
    shim = cpu_runner.CORE.parent.parent.parent / "shim"
    command = ["gcc", "-fsyntax-only", "-x", "c", "-std=gnu11", f"-I{cpu_runner.CORE}", f"-I{shim}", "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
