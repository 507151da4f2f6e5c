"""Kernels of the installed torch in every form against the interpreter, launch by launch.

All cases: ``maf-exec env MAF_PYTHON=tests/differential_python MAF_CHECK_PYTHON=$(which python) MAF_CHECK_LOG=log
python tests/differential_ops.py``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ring_client import torch_library

MAF_EXEC = str(Path(sys.executable).with_name("maf-exec"))
HERE = Path(__file__).parent


@pytest.mark.skipif(torch_library("libtorch_cuda.so") is None, reason="torch is not installed")
def test_launches_agree_with_the_interpreter(tmp_path: Path) -> None:
    log = tmp_path / "log"
    settings = [f"MAF_PYTHON={HERE / 'differential_python'}", f"MAF_CHECK_PYTHON={sys.executable}"]
    program = [sys.executable, str(HERE / "differential_ops.py"), "scan", "masks", "index", "double"]
    done = subprocess.run(
        [MAF_EXEC, "env", *settings, f"MAF_CHECK_LOG={log}", *program],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    lines = log.read_text().splitlines()
    wrong = [line for line in lines if line.startswith("DIFF")]
    assert not wrong, "\n".join(wrong[:5])
    for form in ("ok slow", "ok fast"):
        assert sum(line.startswith(form) for line in lines) >= 25
    # Lanes part in some of them, so that the general form takes over and hands back.
    assert any(line.startswith("ok fast") and "left=0" not in line for line in lines)
