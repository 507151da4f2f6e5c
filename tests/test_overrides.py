"""Kernel overrides: what runs in place of lifted kernels, against the CPU, and what they leave to the kernels."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import run_record
from maf_vdev.executor._core import ffi, lib
from torch_kernels import fatbins

from maf_vdev.cli.environment import LIBRARIES, Settings, build
from maf_vdev.devices import overrides
from maf_vdev.translator import cubin, fatbin


@pytest.mark.skipif(not LIBRARIES.is_dir(), reason="the shim libraries are not built")
@pytest.mark.parametrize(
    "worker, comparisons, launches",
    [
        ("attention_worker.py", 180, 88),  # each case's forward and backward
        ("rows_worker.py", 180, 150),
    ],
)
def test_results(tmp_path: Path, worker: str, comparisons: int, launches: int) -> None:
    home = {"XDG_STATE_HOME": str(tmp_path)}
    environment = {**os.environ, **home, **build(Settings(), {**os.environ, **home})}
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name(worker))],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    bad = [line for line in lines if not line["error"] <= line["bound"]]
    assert not bad, "\n".join(f"{b['case']}: {b['what']} off by {b['error']:.2e} > {b['bound']:.0e}" for b in bad)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(lines) >= comparisons
    assert run_record.of(tmp_path)["counters"]["overrides"] >= launches


def test_every_attention_kernel_has_an_override() -> None:
    """Names and parameter sizes of the installed torch are the ones that the table knows."""
    names = []
    for container in fatbins():
        try:
            image = fatbin.choose(fatbin.images(container), (7, 5))
        except fatbin.NoImageError:
            continue
        if b"fmha_cutlass" in image.data:
            code = cubin.Cubin(image.data)
            kernels = [code.kernel(name) for name in code.kernels() if "fmha_cutlass" in name]
            assert all(overrides.find(kernel) for kernel in kernels)
            names += kernels
    if not names:
        pytest.skip("torch is not installed")
    assert len(names) > 100


def _forward(window: int = 0, queries: int = 64, grid: tuple[int, int, int] = (1, 1, 1)) -> int:
    """What the forward override says to a launch for one batch entry and head, without keys."""
    layout = overrides._FORWARD_LAYOUTS[(272,)]
    closure = ffi.new("struct maf_attention *", {**layout, "queries_per_block": 64})
    params = bytearray(272)
    struct.pack_into("<i", params, 88, window)
    struct.pack_into("<i", params, 104, queries)
    struct.pack_into("<iii", params, 192, 1, 1, 1)
    return lib.maf_override_attention_forward(closure, grid, bytes(params))


def test_launches_that_the_kernel_must_run() -> None:
    assert _forward(window=3) == lib.MAF_OVERRIDE_DECLINED
    assert _forward(grid=(2, 1, 1)) == lib.MAF_OVERRIDE_DECLINED  # not the grid of these parameters
    assert _forward(queries=0, grid=(0, 1, 1)) == 0
