"""Torch operations over shapes that leave warps and vectors partly filled, on an SDA against CPU torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

MAF_EXEC = str(Path(sys.executable).with_name("maf-exec"))
PROGRAM = Path(__file__).with_name("emit_torch_ops.py")


def test_operations_agree_with_the_cpu() -> None:
    done = subprocess.run(
        [MAF_EXEC, sys.executable, str(PROGRAM)], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
