"""Whole programs on an OpenCL device: the executor's launcher, device printf and assert, torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import test_fixture_modules as fixtures
from cuda_process import download, isolated
from opencl_runner import needs_device

MAF_EXEC = str(Path(sys.executable).with_name("maf-exec"))
PROGRAM = """
import torch
x = torch.arange(1000, dtype=torch.float32, device="cuda")
y = (x * 2 + 1).cpu()
assert torch.equal(y, torch.arange(1000, dtype=torch.float32) * 2 + 1), y
print((x.view(10, 100) @ x.view(100, 10)).sum().item())
"""


@needs_device
@isolated(timeout=200, MAF_DEVICE="opencl:0")
def test_printf_prints_and_returns() -> None:
    status, values = fixtures.checked(100)
    assert status == 0
    np.testing.assert_array_equal(np.frombuffer(download(values, 128), np.int32), np.arange(1, 33))


@needs_device
@isolated(timeout=200, MAF_DEVICE="opencl:0")
def test_failed_assert_is_reported() -> None:
    assert fixtures.checked(20)[0] == fixtures.ASSERT


@needs_device
def test_torch_computes() -> None:
    command = [MAF_EXEC, "--device", "opencl:0", sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    x = np.arange(1000.0)
    assert abs(float(done.stdout) / (x.reshape(10, 100) @ x.reshape(100, 10)).sum() - 1) < 1e-5


def test_a_device_that_is_not_there_is_one_line() -> None:
    command = [MAF_EXEC, "--device", "opencl:99", sys.executable, "-c", "pass"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "opencl:99" in done.stderr
