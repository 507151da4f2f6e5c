"""Triton kernels and torch.compile, where Triton is installed (it brings the assembler for its PTX)."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not (find_spec("torch") and find_spec("triton")), reason="Triton is not installed")

PROGRAM = """
import torch, triton
import triton.language as tl

@triton.jit
def softmax(out, x, columns, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    row = tl.load(x + tl.program_id(0) * columns + at, mask=at < columns, other=-float("inf"))
    e = tl.exp(row - tl.max(row, 0))
    tl.store(out + tl.program_id(0) * columns + at, e / tl.sum(e, 0), mask=at < columns)

@triton.jit
def product(c, a, b, N: tl.constexpr):
    i, j = tl.arange(0, N)[:, None], tl.arange(0, N)[None, :]
    tl.store(c + i * N + j, tl.dot(tl.load(a + i * N + j), tl.load(b + i * N + j), input_precision="ieee"))

x = torch.randn(37, 100, device="cuda")
y = torch.empty_like(x)
softmax[(37,)](y, x, 100, BLOCK=128)
torch.testing.assert_close(y, x.softmax(1))
a, b, c = (torch.randn(32, 32, device="cuda") for _ in range(3))
product[(1,)](c, a, b, N=32)
torch.testing.assert_close(c, a @ b)

def function(x):
    return torch.nn.functional.layer_norm(x, (100,)).sin().sum(0)

def gradient(f):
    leaf = x.clone().requires_grad_()
    f(leaf).square().sum().backward()
    return leaf.grad

torch.testing.assert_close(gradient(torch.compile(function)), gradient(function), rtol=1e-4, atol=1e-4)
"""


def test_kernels_and_compiled_functions(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "maf_vdev.cli.exec", sys.executable, str(program)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
