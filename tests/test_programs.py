"""Complete PyTorch programs on an SDA, each in its own process, checked against CPU PyTorch inside the program."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).with_name("acceptance") / "programs"
MAF_EXEC = str(Path(sys.executable).with_name("maf-exec"))
SECONDS = 400

NAMES = [
    "train_digits_cnn",
    "train_digits_mlp_amp",
    "char_gpt",
    "vae",
    "autoencoder_conv_transpose",
    "streams_events",
    "cuda_graph_capture",
    "dataloader_workers",
    "checkpoint_save_load",
    "memory_api",
    "rng_statistics",
]


@pytest.mark.parametrize("name", NAMES)
def test_program(name: str) -> None:
    done = subprocess.run(
        [MAF_EXEC, sys.executable, str(PROGRAMS / f"{name}.py")],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    verdict = re.findall(rf"^(?:PASS|FAIL|SKIP) {name}\b.*", done.stdout, re.MULTILINE)
    assert verdict and verdict[-1].startswith("PASS"), done.stdout[-2000:] + done.stderr[-3000:]
    assert done.returncode == 0
