"""passes/division64.py: the double-precision sequences become one instruction, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from cpu_runner import FORMS
from division_programs import check_ieee, operands, rewritten

from maf_vdev.translator.ir import Instr
from maf_vdev.translator.sass_text import parse

# Lane i reads a[i] into R4:R5 and b[i] into R8:R9; the result is stored from R6:R7.
LOAD = """
S2R R0, SR_TID.X
IMAD.WIDE R2, R0, 0x8, c[0x0][0x160]
LDG.E.64.SYS R4, [R2]
LDG.E.64.SYS R8, [R2+{step:#x}]
"""
STORE = """
STG.E.64.SYS [R2+{twice:#x}], R6
EXIT
"""
# The subroutine answers nonsense: a result computed by it shows.
SUBROUTINE = """
MOV R6, 0x7fc0dead
MOV R7, 0x3ff0dead
RET.REL.NODEC R20 0x0
"""
CALL = """
MOV R20, {join}
CALL.REL.NOINC {slow}
"""
DIVIDE = """
MOV R10, 0x1
MUFU.RCP64H R11, R9
FSETP.GEU.AND P1, PT, |R5|, 6.5827683646048100446e-37, PT
DFMA R12, -R8, R10, 1
DFMA R12, R12, R12, R12
DFMA R12, R10, R12, R10
DFMA R10, -R8, R12, 1
DFMA R10, R12, R10, R12
DMUL R12, R4, R10
DFMA R14, -R8, R12, R4
DFMA R6, R10, R14, R12
FFMA R16, RZ, R9, R7
FSETP.GT.AND P0, PT, |R16|, 1.469367938527859385e-39, PT
@P0 BRA P1, {join}
"""
BY_THREE = """
MUFU.RCP64H R11, 3
MOV R12, 0x0
MOV R13, 0x40080000
MOV R10, 0x1
DFMA R14, R10, -R12, 1
DFMA R14, R14, R14, R14
DFMA R14, R10, R14, R10
DFMA R10, R14, -R12, 1
DFMA R10, R14, R10, R14
DMUL R14, R4, R10
FSETP.GEU.AND P1, PT, |R5|, 6.5827683646048100446e-37, PT
DFMA R12, R14, -3, R4
DFMA R6, R10, R12, R14
FFMA R16, RZ, 2.125, R7
FSETP.GT.AND P0, PT, |R16|, 1.469367938527859385e-39, PT
@P0 BRA P1, {join}
"""
RECIPROCAL = """
MUFU.RCP64H R11, R5
IADD3 R10, R5, 0x300402, RZ
FSETP.GEU.AND P0, PT, |R10|, 5.8789094863358348022e-39, PT
DFMA R12, -R4, R10, 1
DFMA R12, R12, R12, R12
DFMA R12, R10, R12, R10
DFMA R14, -R4, R12, 1
DFMA R6, R12, R14, R12
@P0 BRA {join}
LOP3.LUT R10, R5, 0x7fffffff, RZ, 0xc0, !PT
"""
ROOT = """
MOV R12, 0x0
MOV R13, 0x3fd80000
MUFU.RSQ64H R11, R5
IADD3 R10, R5, -0x3500000, RZ
ISETP.GE.U32.AND P0, PT, R10, 0x7ca00000, PT
DMUL R14, R10, R10
DFMA R14, R4, -R14, 1
DFMA R12, R14, R12, 0.5
DMUL R14, R10, R14
DFMA R14, R12, R14, R10
DMUL R12, R4, R14
IADD3 R17, R15, -0x100000, RZ
MOV R16, R14
DFMA R18, R12, -R12, R4
DFMA R6, R18, R16, R12
@!P0 BRA {join}
"""
BODIES = {"divide": DIVIDE, "by three": BY_THREE, "reciprocal": RECIPROCAL, "root": ROOT}
NAMES = {
    "divide": "$__internal_0_$__cuda_sm20_div_rn_f64_full",
    "by three": "$__internal_0_$__cuda_sm20_div_rn_f64_full",
    "reciprocal": "$__internal_0_$__cuda_sm20_dblrcp_rn_slowpath_v3",
    "root": "$__internal_0_$__cuda_sm20_dsqrt_rn_f64_mediumpath_v1",
}
WANT: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "divide": lambda a, b: a / b,
    "by three": lambda a, b: a / 3,
    "reciprocal": lambda a, b: 1 / a,
    "root": lambda a, b: np.sqrt(a),
}


def special_values() -> np.ndarray:
    bits = [0, 1, 0xFFFFFFFFFFFFF, 0x10000000000000, 0x3FF0000000000000, 0x3FEFFFFFFFFFFFFF, 0x7FE0000000000001]
    bits += [0x7FEFFFFFFFFFFFFF, 0x7FF0000000000000, 0x7FF8000000000000, 0x400921FB54442D18, 0x0350000000000003]
    bits += [0x0360000000000001, 0x4008000000000000, 0x3FF0000000000001]
    bits += [b | 1 << 63 for b in bits]
    return np.array(bits, np.uint64).view(np.float64)


def program(body: str, lanes: int) -> tuple[list[Instr], int]:
    """The instructions and the offset of the subroutine."""
    lines = [x for x in (LOAD + body + CALL + STORE + SUBROUTINE).strip().splitlines() if x]
    join = next(16 * k for k, t in enumerate(lines) if t.startswith("STG"))
    slow = 16 * (len(lines) - 3)
    texts = [t.format(join=hex(join), slow=hex(slow), step=8 * lanes, twice=16 * lanes) for t in lines]
    return [parse(t, 16 * k) for k, t in enumerate(texts)], slow


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", sorted(BODIES))
def test_results_are_ieee_for_every_kind_of_operand(kind: str, form: str) -> None:
    data = operands(special_values())
    instrs, slow = program(BODIES[kind], len(data) // 3)
    check_ieee(form, instrs, {slow: NAMES[kind]}, data, WANT[kind])


CHANGED = {
    "another constant": ("divide", "R12, -R8, R10, 1", "R12, -R8, R10, 2"),
    "another operand in the remainder": ("divide", "-R8, R12, R4", "-R8, R12, R8"),
    "the estimate of another divisor": ("divide", "RCP64H R11, R9", "RCP64H R11, R5"),
    "the branch the other way": ("divide", "@P0 BRA P1", "@!P0 BRA P1"),
    "a test of something else": ("divide", "FFMA R16, RZ, R9, R7", "FFMA R16, RZ, R9, R5"),
    "another range": ("reciprocal", "5.8789094863358348022e-39", "1.469367938527859385e-39"),
    "a guarded step": ("root", "DFMA R18", "@P1 DFMA R18"),
    "another scale": ("root", "-0x100000, RZ", "-0x200000, RZ"),
    "an operand that has changed": ("divide", "DFMA R6, R10", "MOV R8, 0x0\nDFMA R6, R10"),
    "rounding": ("divide", "DMUL R12", "DMUL.RZ R12"),
    "a minus sign": ("root", "R12, -R12, R4", "R12, R12, R4"),
}


@pytest.mark.parametrize("what", sorted(CHANGED))
def test_other_code_stays(what: str) -> None:
    kind, old, new = CHANGED[what]
    body = BODIES[kind]
    assert old in body
    for text, count in ((body, 1), (body.replace(old, new), 0)):
        instrs, slow = program(text, 32)
        assert rewritten(instrs, {slow: NAMES[kind]}) == count, text
