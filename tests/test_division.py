"""passes/division.py: the compilers' division sequences become one instruction, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from cpu_runner import FORMS
from division_programs import check_ieee, operands, rewritten

from maf_vdev.translator.ir import Instr
from maf_vdev.translator.sass_text import parse

# Lane i reads a[i] into R4 and b[i] into R5; the result of the sequence is stored from R6.
LOAD = """
S2R R0, SR_TID.X
IMAD.WIDE R2, R0, 0x4, c[0x0][0x160]
LDG.E.SYS R4, [R2]
LDG.E.SYS R5, [R2+{step:#x}]
"""
STORE = """
STG.E.SYS [R2+{twice:#x}], R6
EXIT
"""
# The subroutine answers nonsense: a result computed by it shows.
SUBROUTINE = """
MOV R6, 0x7fc0dead
RET.REL.NODEC R10 0x0
"""
DIVIDE = """
MUFU.RCP R7, R5
FCHK P0, R4, R5
FFMA R8, R7, -R5, 1
FFMA R8, R7, R8, R7
FFMA R7, R8, R4, RZ
FFMA R9, -R5, R7, R4
FFMA R6, R8, R9, R7
@!P0 BRA {join}
MOV R10, {back}
CALL.REL.NOINC {slow}
"""
RECIPROCAL = """
IADD3 R7, R4, 0x1800000, RZ
LOP3.LUT R7, R7, 0x7f800000, RZ, 0xc0, !PT
ISETP.GT.U32.AND P0, PT, R7, 0x1ffffff, PT
@P0 BRA {fast}
MOV R10, {back}
CALL.REL.NOINC {slow}
BRA {join}
MUFU.RCP R7, R4
FFMA R8, R4, R7, -1
FADD.FTZ R8, -R8, -RZ
FFMA R6, R7, R8, R7
"""
ROOT = """
MUFU.RSQ R7, R4
IADD3 R8, R4, -0xd000000, RZ
ISETP.GT.U32.AND P0, PT, R8, 0x727fffff, PT
@!P0 BRA {fast}
MOV R10, {back}
CALL.REL.NOINC {slow}
BRA {join}
FMUL.FTZ R9, R4, R7
FMUL.FTZ R8, R7, 0.5
FFMA R11, -R9, R9, R4
FFMA R6, R11, R8, R9
"""
NAMES = {
    "divide": "$__internal_0_$__cuda_sm3x_div_rn_noftz_f32_slowpath",
    "reciprocal": "$__internal_0_$__cuda_sm20_rcp_rn_f32_slowpath",
    "root": "$__internal_0_$__cuda_sm20_sqrt_rn_f32_slowpath",
}
BODIES = {"divide": DIVIDE, "reciprocal": RECIPROCAL, "root": ROOT}
WANT: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "divide": lambda a, b: a / b,
    "reciprocal": lambda a, b: np.float32(1) / a,
    "root": lambda a, b: np.sqrt(a),
}


def special_values() -> np.ndarray:
    bits = [0, 1, 0x7FFFFF, 0x800000, 0x01000000, 0x00FFFFFF, 0x3F800000, 0x7E000000, 0x7F000001, 0x7F7FFFFF]
    bits += [0x7F800000, 0x7FC00000, 0x3F7FFFFF, 0x40490FDB, 0x0C800000, 0x73000000]
    bits += [b | 0x80000000 for b in bits]
    return np.array(bits, np.uint32).view(np.float32)


def program(body: str, lanes: int) -> tuple[list[Instr], int]:
    """The instructions and the offset of the subroutine."""
    lines = [x for x in (LOAD + body + STORE + SUBROUTINE).strip().splitlines() if x]
    step = 4 * lanes
    at = {text: 16 * k for k, text in enumerate(lines)}
    after_call = next((o + 16 for t, o in at.items() if t.startswith("CALL")), 0)
    join = next(o for t, o in at.items() if t.startswith("STG"))
    labels = {"slow": 16 * (len(lines) - 2), "back": after_call, "join": join, "fast": after_call + 16}
    if "FCHK" in body:
        labels["join"] = after_call
    texts = {k: hex(v) for k, v in labels.items()}
    out = [parse(t.format(**texts, step=step, twice=2 * step), 16 * k) for k, t in enumerate(lines)]
    return out, labels["slow"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", sorted(BODIES))
def test_results_are_ieee_for_every_kind_of_operand(kind: str, form: str) -> None:
    data = operands(special_values())
    instrs, slow = program(BODIES[kind], len(data) // 3)
    check_ieee(form, instrs, {slow: NAMES[kind]}, data, WANT[kind])


CHANGED = {
    "another constant": ("divide", "R7, -R5, 1", "R7, -R5, 2"),
    "another operand in the remainder": ("divide", "R7, R4", "R7, R5"),
    "the test of other operands": ("divide", "FCHK P0, R4, R5", "FCHK P0, R5, R4"),
    "the branch the other way": ("divide", "@!P0 BRA", "@P0 BRA"),
    "another range": ("reciprocal", "0x1ffffff", "0x1fffffe"),
    "a guarded step": ("root", "FFMA R11", "@P1 FFMA R11"),
    "an operand that has changed": ("divide", "FFMA R6, R8, R9, R7", "MOV R5, 0x0\nFFMA R6, R8, R9, R7"),
}


@pytest.mark.parametrize("what", sorted(CHANGED))
def test_other_code_stays(what: str) -> None:
    kind, old, new = CHANGED[what]
    body = BODIES[kind]
    for text, count in ((body, 1), (body.replace(old, new), 0)):
        instrs, slow = program(text, 32)
        assert rewritten(instrs, {slow: NAMES[kind]}) == count, text
