"""A device with memory of its own: PoCL, told to behave as one (MAF_OPENCL_MEMORY=own).

Its memory is then a buffer of the driver that no address of the program or the executor reaches, so whatever is not
transferred, by a copy or for a host library, is missing in the results.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import run_record
import test_fixture_modules as fixtures
import test_runtime_arrays as arrays
import test_runtime_kernels as kernels
import test_runtime_memory as memory
from cuda_process import check, download, ffi, host_alloc, isolated, malloc, pointer, upload
from opencl_runner import needs_device

if os.environ.get("MAF_TEST_INSIDE"):
    from cuda_process import drv, rt

pytestmark = needs_device
MAF_EXEC = str(Path(sys.executable).with_name("maf-exec"))
OWN = {"MAF_DEVICE": "opencl:0", "MAF_OPENCL_MEMORY": "own", "MAF_MEMORY": "512M"}
ILLEGAL_ADDRESS, NOT_SUPPORTED, CAPTURE_UNSUPPORTED = 700, 801, 900
BODIES = [
    memory.test_copies_between_host_device_and_pinned_memory,
    memory.test_copies_behind_unfinished_work_keep_stream_order,
    memory.test_two_and_three_dimensional_copies,
    memory.test_fills,
    memory.test_random_allocations_never_overlap_and_all_come_back,
    arrays.test_three_dimensional_copies_count_elements,
    kernels.test_a_captured_kernel_reads_new_data_at_each_replay,
    fixtures.test_printf_prints_and_returns,
    fixtures.test_failed_assert_is_reported,
    fixtures.test_parameters_in_the_upper_half_of_the_constant_bank,
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__.removeprefix("test_"))
def test_runtime(body: Callable[[], None]) -> None:
    isolated(timeout=200, **OWN)(body.__wrapped__)()


def test_out_of_memory_is_exact() -> None:
    isolated(timeout=200, **OWN | {"MAF_MEMORY": "64M"})(memory.test_out_of_memory_is_exact.__wrapped__)()


def test_memory_freed_on_a_busy_stream_is_not_overwritten() -> None:
    body = memory.test_memory_freed_on_a_busy_stream_is_not_overwritten.__wrapped__
    isolated(timeout=200, **OWN | {"MAF_MEMORY": "32M"})(body)()


@isolated(timeout=200, **OWN)
def test_large_copies_go_through_several_parts() -> None:
    data = np.random.default_rng(0).integers(0, 256, 9_000_001, np.uint8)
    at = upload(data.tobytes())
    assert download(at, data.size) == data.tobytes()
    other = malloc(data.size)
    check(rt.cudaMemcpy(other, at, data.size, 3))
    check(rt.cudaMemcpy(pointer(int(ffi.cast("uintptr_t", at)) + 100), at, 5_000_000, 3))  # overlapping
    assert download(other, data.size) == data.tobytes()
    expected = data.copy()
    expected[100:5_000_100] = data[:5_000_000]
    assert download(at, data.size) == expected.tobytes()


def launch_on(address: int) -> int:
    """Status of a launch of linked.cu's kernel, which reads and writes 32 ints at an address."""
    arguments = [ffi.new("uint64_t *", address), ffi.new("int *", 100)]
    return fixtures.run("linked.cubin", "checked", 1, 32, arguments)


@isolated(timeout=200, **OWN)
def test_a_kernel_that_reads_pinned_memory_is_refused() -> None:
    assert launch_on(int(ffi.cast("uintptr_t", host_alloc(4096)))) == ILLEGAL_ADDRESS


@isolated(timeout=200, **OWN)
def test_an_address_behind_the_memory_is_illegal() -> None:
    assert launch_on(int(ffi.cast("uintptr_t", malloc(4096))) + (1 << 38)) == ILLEGAL_ADDRESS


@isolated(timeout=200, **OWN)
def test_what_needs_one_memory_for_all_is_refused() -> None:
    check(rt.cudaFree(ffi.NULL))
    at, handle = ffi.new("CUdeviceptr *"), ffi.new("cudaIpcMemHandle_t *")
    assert drv.cuMemAddressReserve(at, 1 << 21, 0, 0, 0) == NOT_SUPPORTED
    assert rt.cudaIpcGetMemHandle(handle, malloc(4096)) == NOT_SUPPORTED


@isolated(timeout=60, **OWN | {"MAF_COUNT": "2"})
def test_two_sdas_on_one_device_are_refused() -> None:
    module = ffi.new("CUmodule *")
    check(rt.cudaFree(ffi.NULL))
    data = (fixtures.FIXTURES / "linked.cubin").read_bytes()
    kernel = ffi.new("CUfunction *")
    drv.cuModuleLoadData(module, ffi.from_buffer(data))
    assert drv.cuModuleGetFunction(kernel, module[0], b"checked") == 46


PROGRAM = """
import torch
torch.manual_seed(0)
a = torch.randn(300, 200)
x, y = a.cuda(), a.cpu()
for _ in range(3):  # kernels and library calls in turns, each on what the other has just written
    x, y = (x @ x.T)[:, :200] * 0.01 + 1, (y @ y.T)[:, :200] * 0.01 + 1
    x, y = torch.fft.fft(x).real * 0.01, torch.fft.fft(y).real * 0.01
    x.add_(1), y.add_(1)
    x[:, 7] = 0.5
    y[:, 7] = 0.5
difference = ((x.cpu() - y).abs().max() / y.abs().max()).item()
assert difference < 1e-5, difference
print("same")
"""


def test_kernels_and_host_libraries_see_each_others_results(tmp_path: Path) -> None:
    environment = {**os.environ, **OWN, "XDG_STATE_HOME": str(tmp_path), "MAF_DEVICE_LIBRARIES": "0"}
    command = [MAF_EXEC, sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (0, "same\n"), done.stderr[-3000:]
    run = run_record.of(tmp_path)
    assert {"gemm (opencl)", "fft (core)"} <= {o["name"] for o in run["operations"]}, run["operations"]
    # Three transforms in a host library: each reads 300 x 200 complex numbers and writes them, in chunks of 64 KiB.
    size = 3 * 8 * 300 * 200
    assert run["staged"]["read_bytes"] >= size and run["staged"]["written_bytes"] >= size, run["staged"]
