"""PyTorch's convolution, batch norm and recurrent layers on an SDA against the same layers on the CPU, in their own processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from maf_vdev.cli.environment import LIBRARIES, Settings, build

WORKER = Path(__file__).with_name("cudnn_torch_worker.py")
SECONDS = 300
# Groups and the least number of comparisons that each makes.
GROUPS = {
    "convolutions": 80,
    "types": 60,
    "layouts": 30,
    "benchmark": 12,
    "normalisation": 90,
    "fused": 2,
    "graphs": 3,
    "recurrent": 150,
    "recurrent_dropout": 4,
    "sampling_and_ctc": 11,
    "attention": 22,
}
PROFILES = {"attention": "a100"}  # flash and cuDNN attention exist from capability 8.0 on

pytestmark = pytest.mark.skipif(not LIBRARIES.is_dir(), reason="the shim libraries are not built")


@pytest.mark.parametrize("group", GROUPS)
def test_layers(group: str) -> None:
    environment = {**os.environ, **build(Settings(profile=PROFILES.get(group, Settings().profile)), dict(os.environ))}
    done = subprocess.run(
        [sys.executable, str(WORKER), group],
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    bad = [line for line in lines if not line["error"] <= line["bound"]]
    assert not bad, "\n".join(f"{b['case']}: {b['what']} off by {b['error']:.2e} > {b['bound']:.0e}" for b in bad)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(lines) >= GROUPS[group]
