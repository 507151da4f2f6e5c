"""What users reported first of comparable tools, with an unmodified PyTorch (the program is torch_basics.py)."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")

PROGRAM = Path(__file__).with_name("torch_basics.py")
GROUPS = {"fills": 200, "linear": 180, "defaults": 27, "memory": 3}  # least number of comparisons


@pytest.mark.parametrize("group", GROUPS)
def test_program(group: str) -> None:
    maf_exec = [sys.executable, "-m", "maf_vdev.cli.exec", "--memory", "1G"]
    done = subprocess.run(
        [*maf_exec, sys.executable, str(PROGRAM), group], capture_output=True, text=True, timeout=240, check=False
    )
    lines = done.stdout.splitlines()
    wrong = [line for line in lines if line.startswith("WRONG")]
    assert done.returncode == 0, done.stderr[-3000:]
    assert not wrong, "\n".join(wrong)
    assert int(lines[-1].removeprefix("compared ")) >= GROUPS[group]
