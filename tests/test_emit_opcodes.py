"""Every one-opcode case on the LLVM emitter: all in the general form, every fourth in the fast form too."""

from __future__ import annotations

import cpu_runner
import numpy as np
import pytest
from opcode_cases import CASES, check

PARAMS = [(form, case) for form in cpu_runner.FORMS for k, case in enumerate(CASES) if form == "slow" or k % 4 == 0]


@pytest.mark.parametrize("form, case", PARAMS, ids=[f"{form}: {case.id}" for form, case in PARAMS])
def test_opcode(form, case):
    with np.errstate(all="ignore"):
        check(case, cpu_runner.run_instrs(form), lambda array: array.ctypes.data)
