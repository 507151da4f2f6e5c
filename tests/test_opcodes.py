"""Every one-opcode case on the NumPy interpreter."""

from __future__ import annotations

import pytest
from opcode_cases import CASES, Case, check

from maf_vdev.translator import interpreter
from maf_vdev.translator.memory_map import Memory


def run_numpy(instrs, kernel, params, buffers) -> None:
    memory = Memory()
    for address, array in buffers.items():
        memory.add(array, address)
    interpreter.run(kernel, instrs, (1, 1, 1), (256, 1, 1), params, memory, step_limit=20000)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_opcode(case: Case) -> None:
    check(case, run_numpy, lambda array: array.ctypes.data)
