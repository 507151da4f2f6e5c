"""One-opcode cases in the HIP dialect, run on the host by the stand-in: one of 50, all with MAF_TEST_ALL=1.

Threads run one after the other, forwards and backwards, so what agrees does not depend on the size of a wave."""

from __future__ import annotations

import os

import hip_runner
import pytest
from opcode_cases import CASES, check

STEP = 1 if os.environ.get("MAF_TEST_ALL") else 50
KINDS = ("SHFL.BFLY", "SHFL.DOWN", "VOTE", "MATCH", "ATOMS", "BAR.RED", "REDUX")
PICKED = {c.id: c for c in [*CASES[::STEP], *(next(c for c in CASES if kind in c.text) for kind in KINDS)]}


@pytest.mark.parametrize("case", PICKED.values(), ids=PICKED)
def test_opcode(case) -> None:
    with hip_runner.environment(**({"MAF_HIP_BACKWARDS": "1"} if len(case.id) % 2 else {})):
        check(case, hip_runner.run_instrs, lambda array: array.ctypes.data)
