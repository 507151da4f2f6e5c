"""Matrix products of an unmodified PyTorch on an SDA (the program is torch_gemm.py)."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")

PROGRAM = Path(__file__).with_name("torch_gemm.py")
SECONDS = 240
DTYPES = ["float32", "float64", "float16", "bfloat16", "complex64", "complex128"]
# Smallest number of comparisons that a complete run makes.
LEAST = {"forward": 100, "backward": 20, "extras": 11}

RUNS = [*(("forward", t) for t in DTYPES), *(("backward", t) for t in DTYPES[:4]), ("extras",)]


@pytest.mark.parametrize("arguments", RUNS, ids="-".join)
def test_program(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "maf_vdev.cli.exec", sys.executable, str(PROGRAM), *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    lines = done.stdout.splitlines()
    wrong = [line for line in lines if line.startswith("WRONG")]
    assert done.returncode == 0, done.stderr[-3000:]
    assert not wrong, "\n".join(wrong)
    assert int(lines[-1].removeprefix("compared ")) >= LEAST[arguments[0]]
