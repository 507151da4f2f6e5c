"""torch.linalg, torch.fft and torch.special on an SDA against the CPU, a process per group and type."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from maf_vdev.cli.environment import LIBRARIES, Settings, build

WORKER = Path(__file__).with_name("linalg_torch_worker.py")
SECONDS = 600
# Least number of comparisons that each group makes.
GROUPS = {"solving": 35, "decompositions": 35, "fourier": 25, "special": 10}
TYPES = ("float32", "float64", "complex64", "complex128")

pytestmark = pytest.mark.skipif(
    not LIBRARIES.is_dir() or not find_spec("torch"), reason="torch or the shim libraries are not there"
)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("group", GROUPS)
def test_functions(group: str, dtype: str) -> None:
    environment = {**os.environ, **build(Settings(), dict(os.environ))}
    command = [sys.executable, str(WORKER), group, dtype]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    bad = [line for line in lines if not line["error"] <= line["bound"]]
    assert not bad, "\n".join(f"{b['case']}: off by {b['error']:.2e} > {b['bound']:.0e} {b['text']}" for b in bad)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(lines) >= GROUPS[group]
