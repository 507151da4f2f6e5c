"""One-opcode cases on an OpenCL device: one of sixteen, all with MAF_TEST_ALL=1.

OCLGRIND_LOG names the file that oclgrind writes its findings to, where it is the device: each fails its case.
"""

from __future__ import annotations

import os
from pathlib import Path

import opencl_runner
import pytest
from opcode_cases import CASES

STEP = 1 if os.environ.get("MAF_TEST_ALL") else 16
# What the thread builder has to do itself: uniform registers of a warp with inactive lanes, memory between lanes.
GUARDED = [case for case in CASES if case.text.startswith(("@P0 R2UR", "@P0 REDUX", "S2R R8, SR_TID.X ; SHF"))]
PICKED = CASES[::STEP] + [case for case in GUARDED if case not in CASES[::STEP]]
DEVICE = int(os.environ.get("MAF_TEST_OPENCL", "0"))
FINDINGS = os.environ.get("OCLGRIND_LOG")


def findings() -> str:
    path = Path(FINDINGS or os.devnull)
    return path.read_text(errors="replace") if path.exists() else ""


@opencl_runner.needs_device
@pytest.mark.parametrize("case", PICKED, ids=lambda case: case.id)
def test_opcode(case) -> None:
    before = len(findings())
    opencl_runner.check(case, DEVICE)
    found = findings()[before:]
    assert not found, found[:2000]
