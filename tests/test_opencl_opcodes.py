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
STARTS = ("@P0 R2UR", "@P0 REDUX", "S2R R8, SR_TID.X ; SHF", "S2R R4, SR_SMEMSZ")
GUARDED = [case for case in CASES if case.text.startswith(STARTS)]
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


@opencl_runner.needs_device
def test_a_warp_of_fewer_than_32_threads_has_no_other_lanes() -> None:
    case = next(case for case in CASES if case.text == "VOTE.ANY R4, PT, PT")
    with pytest.raises(AssertionError, match=r"R4 is 0xff, expected 0xffffffff in element 32 "):
        opencl_runner.check(case, DEVICE, threads=40)
