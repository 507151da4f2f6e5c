"""Where an emitter that trusts shapes would be wrong: each program is right only if its shape is checked at run time."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from cpu_runner import FORMS, InstrDevice, launch

from maf_vdev.translator.cubin import KernelCode
from maf_vdev.translator.sass_text import parse

# The address of out[tid], two words each, is R2:R3; c[0x0][0x168] and c[0x0][0x16c] are arguments.
HEAD = "S2R R0, SR_TID.X\nIMAD.WIDE R2, R0, 0x8, c[0x0][0x160]\n"
TAIL = "STG.E.64.SYS [R2], R6\nEXIT"


def run(form: str, body: str, lanes: int, a: int = 0, b: int = 0) -> np.ndarray:
    """out[lane] as two words each."""
    lines = [line.strip() for line in (HEAD + body + "\n" + TAIL).splitlines() if line.strip()]
    labels = {}
    texts: list[str] = []
    for line in lines:
        if line.endswith(":"):
            labels[line[:-1]] = hex(16 * len(texts))
        else:
            texts.append(line)
    instrs = [parse(text.format(**labels), 16 * k) for k, text in enumerate(texts)]
    code = KernelCode(
        name="soundness", arch=75, code=b"", params=((0, 16),), param_base=0x160, param_bytes=16,
        constant0_bytes=0x170, banks={}, relocations=(), static_shared=1024, local_bytes=64, registers=32,
        max_threads=lanes, barriers=1,
    )  # fmt: skip
    out = np.full((lanes, 2), 0xDEAD, np.uint32)
    device = InstrDevice(form)
    device.instrs[id(code)] = instrs
    params = struct.pack("<QII", out.ctypes.data, a, b)
    assert launch(device, device.load(code, {}), 1, lanes, params) == 0
    return out


def wide(out: np.ndarray) -> list[int]:
    return [int(lo) | int(hi) << 32 for lo, hi in out]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("start", [0, 0xFFFFFFF0, 0x7FFFFFF0])
def test_an_index_that_wraps_inside_the_warp_widens_lane_by_lane(form: str, start: int) -> None:
    body = "IADD3 R4, R0, c[0x0][0x168], RZ\nIMAD.WIDE{0} R6, R4, 0x4, RZ"
    index = [start + lane & 0xFFFFFFFF for lane in range(64)]
    assert wide(run(form, body.format(".U32"), 64, start)) == [4 * i for i in index]
    signed = [4 * (i - (1 << 32) if i >> 31 else i) & (1 << 64) - 1 for i in index]
    assert wide(run(form, body.format(""), 64, start)) == signed


@pytest.mark.parametrize("form", FORMS)
def test_a_pair_of_affine_low_and_uniform_high_word_does_not_carry(form: str) -> None:
    body = "IADD3 R4, R0, c[0x0][0x168], RZ\nMOV R5, 0x1\nIMAD.WIDE.U32 R6, RZ, 0x0, R4"
    got = wide(run(form, body, 32, 0xFFFFFFF8))
    assert got == [(0xFFFFFFF8 + lane & 0xFFFFFFFF) | 1 << 32 for lane in range(32)]


@pytest.mark.parametrize("form", FORMS)
def test_a_carry_between_lanes_of_one_64_bit_sum(form: str) -> None:
    body = "IADD3 R6, P0, R0, c[0x0][0x168], RZ\nIADD3.X R7, RZ, c[0x0][0x16c], RZ, P0, !PT"
    assert wide(run(form, body, 32, 0xFFFFFFF0, 7)) == [(7 << 32) + 0xFFFFFFF0 + lane for lane in range(32)]


@pytest.mark.parametrize("form", FORMS)
def test_guarded_uniform_accesses_without_lanes_touch_nothing(form: str) -> None:
    # The address is null; registers 0 to 7 hold live values before and after.
    body = """
    MOV R6, 0x11
    MOV R7, 0x22
    MOV R4, RZ
    MOV R5, RZ
    ISETP.GE.AND P0, PT, R0, c[0x0][0x168], PT
    @P0 STG.E.SYS [R4], R6
    @P0 LDG.E.SYS R6, [R4]
    """
    assert run(form, body, 32, 32).tolist() == [[0x11, 0x22]] * 32


@pytest.mark.parametrize("form", FORMS)
def test_a_guarded_store_at_the_lane_that_the_guard_leaves_out(form: str) -> None:
    # Lane 0 is off and its address is null; the others are contiguous.
    body = """
    MOV R6, 0x5
    MOV R7, R0
    ISETP.NE.AND P0, PT, R0, RZ, PT
    SEL R4, R2, RZ, P0
    SEL R5, R3, RZ, P0
    @P0 STG.E.64.SYS [R4], R6
    @P0 LDG.E.SYS R7, [R4+0x4]
    """
    assert run(form, body, 32).tolist() == [[5, lane] for lane in range(32)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("lanes", [32, 45])
def test_loops_of_different_length_in_each_lane(form: str, lanes: int) -> None:
    body = """
    MOV R6, RZ
    LOP3.LUT R7, R0, 0x7, RZ, 0xc0, !PT
    again:
    IADD3 R6, R6, R7, RZ
    IADD3 R7, R7, -0x1, RZ
    ISETP.GT.AND P0, PT, R7, RZ, PT
    @P0 BRA {again}
    """
    want = [[k * (k + 1) // 2, 0 if k else 0xFFFFFFFF] for k in (lane & 7 for lane in range(lanes))]
    assert run(form, body, lanes).tolist() == want


@pytest.mark.parametrize("form", FORMS)
def test_a_loop_with_two_entries(form: str) -> None:
    # Even lanes enter in the middle.
    body = """
    MOV R6, RZ
    MOV R7, 0x3
    LOP3.LUT R4, R0, 0x1, RZ, 0xc0, !PT
    ISETP.EQ.AND P0, PT, R4, RZ, PT
    @P0 BRA {middle}
    top:
    IADD3 R6, R6, 0x10, RZ
    middle:
    IADD3 R6, R6, 0x1, RZ
    IADD3 R7, R7, -0x1, RZ
    ISETP.GT.AND P1, PT, R7, RZ, PT
    @P1 BRA {top}
    """
    assert run(form, body, 32).tolist() == [[3 + 16 * (2 + lane % 2), 0] for lane in range(32)]


@pytest.mark.parametrize("form", FORMS)
def test_a_barrier_after_lanes_have_parted(form: str) -> None:
    # Lanes of the first warp write at different times; the second warp reads after the barrier.
    body = """
    LOP3.LUT R4, R0, 0x3, RZ, 0xc0, !PT
    MOV R5, RZ
    again:
    IADD3 R5, R5, 0x7, RZ
    IADD3 R4, R4, -0x1, RZ
    ISETP.GE.AND P0, PT, R4, RZ, PT
    @P0 BRA {again}
    STS [R0.X4], R5
    BAR.SYNC 0x0
    LOP3.LUT R7, R0, 0x20, RZ, 0x3c, !PT
    LDS.U R6, [R7.X4]
    """
    assert run(form, body, 64).tolist() == [[7 * (1 + (lane & 3)), lane ^ 32] for lane in range(64)]


@pytest.mark.parametrize("form", FORMS)
def test_lanes_inside_a_function_are_awaited_before_a_shuffle(form: str) -> None:
    # Odd lanes call the function at one place, lanes with bit 1 at another; it lies behind everything else.
    body = """
    MOV R6, R0
    LOP3.LUT R4, R0, 0x1, RZ, 0xc0, !PT
    ISETP.EQ.AND P0, PT, R4, RZ, PT
    @P0 BRA {second}
    MOV R20, {second}
    CALL.REL.NOINC {function}
    second:
    LOP3.LUT R4, R0, 0x2, RZ, 0xc0, !PT
    ISETP.EQ.AND P0, PT, R4, RZ, PT
    @P0 BRA {join}
    MOV R20, {join}
    CALL.REL.NOINC {function}
    join:
    SHFL.BFLY PT, R7, R6, 0x3, 0x1f
    STG.E.64.SYS [R2], R6
    EXIT
    function:
    IADD3 R6, R6, 0x64, RZ
    RET.REL.NODEC R20 0x0
    """
    value = [lane + 100 * (lane & 1) + 100 * (lane >> 1 & 1) for lane in range(32)]
    assert run(form, body, 32).tolist() == [[value[lane], value[lane ^ 3]] for lane in range(32)]


@pytest.mark.parametrize("form", FORMS)
def test_a_function_that_unreachable_code_calls_too(form: str) -> None:
    # BRA.DIV is for warps that have diverged, which is no case here: what it leads to is not part of the kernel.
    body = """
    MOV R6, R0
    BRA.DIV ~URZ, {diverged}
    MOV R20, {join}
    CALL.REL.NOINC {function}
    join:
    MOV R7, R6
    STG.E.64.SYS [R2], R6
    EXIT
    diverged:
    MOV R20, {back}
    CALL.REL.NOINC {function}
    back:
    BRA {join}
    function:
    IADD3 R6, R6, 0x64, RZ
    RET.REL.NODEC R20 0x0
    """
    assert run(form, body, 32).tolist() == [[lane + 100] * 2 for lane in range(32)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("distance", [0, 1, 5, 31, 32, 40])
def test_shuffle_up_by_a_distance_from_a_register(form: str, distance: int) -> None:
    body = """
    MOV R4, c[0x0][0x168]
    IADD3 R5, R0, 0x7, RZ
    MOV R7, RZ
    SHFL.UP P0, R6, R5, R4, RZ
    @P0 IADD3 R7, R7, 0x1, RZ
    """
    got = run(form, body, 32, distance)
    distance &= 31  # PTX ISA, shfl: bits 4:0 of b
    want = [[lane - distance + 7, 1] if lane >= distance else [lane + 7, 0] for lane in range(32)]
    assert got.tolist() == want


@pytest.mark.parametrize("form", FORMS)
def test_shuffle_up_by_a_distance_of_each_lane(form: str) -> None:
    body = """
    LOP3.LUT R4, R0, 0x3, RZ, 0xc0, !PT
    MOV R7, RZ
    SHFL.UP P0, R6, R0, R4, RZ
    @P0 IADD3 R7, R7, 0x1, RZ
    """
    want = [[lane - (lane & 3) if lane >= (lane & 3) else lane, int(lane >= (lane & 3))] for lane in range(32)]
    assert run(form, body, 32).tolist() == want


@pytest.mark.parametrize("form", FORMS)
def test_local_memory_is_each_lanes_own(form: str) -> None:
    # Uniform, affine and varying offsets, in whole words, pairs and bytes.
    body = """
    MOV R1, 0x0
    IADD3 R4, R0, 0x3, RZ
    MOV R5, 0x9
    STL.64 [R1+0x8], R4
    LOP3.LUT R8, R0, 0x1, RZ, 0xc0, !PT
    SHF.L.U32 R8, R8, 0x2, RZ
    STL [R8+0x10], R0
    IADD3 R9, -R8, 0x4, RZ
    STL [R9+0x10], R5
    STL.U8 [R8+0x11], R5
    LDL.64 R6, [R1+0x8]
    LDL R10, [R8+0x10]
    LDL R11, [R9+0x10]
    IADD3 R6, R6, R10, RZ
    IADD3 R7, R7, R11, RZ
    """
    want = [[lane + 3 + (lane | 0x900), 18] for lane in range(32)]
    assert run(form, body, 32).tolist() == want
