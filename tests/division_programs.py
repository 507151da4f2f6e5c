"""Division programs of the tests of passes/division.py: how they are run and how the pass is asked about them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from cpu_runner import InstrDevice, launch

from maf_vdev.translator import cfg
from maf_vdev.translator.cubin import KernelCode
from maf_vdev.translator.ir import Instr
from maf_vdev.translator.passes import division


def check_ieee(
    form: str,
    instrs: list[Instr],
    subroutines: dict[int, str],
    data: np.ndarray,
    want: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> None:
    """The program's results are those of want, bit by bit; any NaN is a NaN.

    data: all operands a, then all b, then room for the results."""
    lanes = len(data) // 3
    a, b = data[:lanes].copy(), data[lanes : 2 * lanes].copy()
    code = KernelCode(
        name="division", arch=75, code=b"", params=((0, 8),), param_base=0x160, param_bytes=8, constant0_bytes=0x168,
        banks={}, relocations=(), static_shared=0, local_bytes=0, registers=32, max_threads=lanes, barriers=0,
        subroutines=subroutines,
    )  # fmt: skip
    device = InstrDevice(form)
    device.instrs[id(code)] = instrs
    assert launch(device, device.load(code, {}), 1, lanes, data.ctypes.data.to_bytes(8, "little")) == 0
    with np.errstate(all="ignore"):
        expected = want(a, b)
    got = data[2 * lanes :]
    nan = np.isnan(expected)
    assert np.array_equal(np.isnan(got), nan)
    word = np.dtype(f"u{data.itemsize}")
    wrong = (got.view(word) != expected.view(word)) & ~nan
    assert not wrong.any(), (a[wrong][:3], b[wrong][:3], got[wrong][:3], expected[wrong][:3])


def operands(values: np.ndarray) -> np.ndarray:
    """Every pair of values, laid out for check_ieee."""
    a, b = (x.ravel() for x in np.meshgrid(values, values))
    return np.concatenate([a, b, np.zeros_like(a)])


def rewritten(instrs: list[Instr], subroutines: dict[int, str]) -> int:
    """How many sequences the pass replaces."""
    found: list[int] = []
    cfg.build(instrs, {}, lambda blocks, starts: found.append(division.run(blocks, starts, subroutines)))
    return found[0]
