"""The decoder: words with the text that nvdisasm prints for them, undefined words, whole kernels of torch.

sass_words.txt holds one word for each opcode form, modifier and shape of operand: 32 hex digits, then the text
at offset 0. sass_words_undefined.txt holds words that the disassembler refuses or calls invalid.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch_kernels

from maf_vdev.translator import decode, decode_ampere, fatbin, sass_print
from maf_vdev.translator.cubin import Cubin
from maf_vdev.translator.ir import Const, DecodeError, Imm, Instr, Label, Mem, Pred, Reg, Special, UPred, UReg

HERE = Path(__file__).parent
WORDS = [line.split(" ", 1) for line in (HERE / "sass_words.txt").read_text().splitlines()]
WORDS_80 = [line.split(" ", 1) for line in (HERE / "sass_words_80.txt").read_text().splitlines()]
UNDEFINED = (HERE / "sass_words_undefined.txt").read_text().split()


def one(word: str | int, offset: int = 0, arch: int = 75) -> Instr:
    value = int(word, 16) if isinstance(word, str) else word
    return decode.Decoder(arch).instruction(value & (1 << 64) - 1, value >> 64, offset, "kernel")


@pytest.mark.parametrize("opcode", sorted({int(word, 16) & 0xFFF for word, _ in WORDS}), ids=hex)
def test_words_of_an_opcode(opcode: int) -> None:
    for word, text in WORDS:
        if int(word, 16) & 0xFFF == opcode:
            assert sass_print.render(one(word)) == text, word


def test_every_opcode_has_words() -> None:
    assert {int(word, 16) & 0xFFF for word, _ in WORDS} == set(decode.TABLES[75])


def test_words_of_sm_80() -> None:
    for word, text in WORDS_80:
        assert sass_print.render(one(word, arch=80)) == text, word
    assert {int(word, 16) & 0xFFF for word, _ in WORDS_80} == set(decode_ampere.TABLE)


@pytest.mark.parametrize(
    ("opcode", "low", "value"),
    [
        (0x3C4, 78, 6),  # REDUX has six operations
        (0x981, 77, 9),  # a load's memory order
        (0x986, 77, 2),  # a store's
        (0xFAE, 73, 7),  # LDGSTS copies 4, 8 or 16 bytes
        (0x23C, 82, 3),  # HMMA has three types
        (0x237, 85, 2),  # IMMA with a shape of 4-bit elements
    ],
    ids=hex,
)
def test_undefined_fields_of_sm_80(opcode: int, low: int, value: int) -> None:
    word = next(int(word, 16) for word, _ in WORDS_80 if int(word, 16) & 0xFFF == opcode)
    width = {73: 3, 82: 2, 85: 2, 78: 3}.get(low, 4)
    with pytest.raises(DecodeError, match="in bits"):
        one(word & ~((1 << width) - 1 << low) | value << low, arch=80)


def test_undefined_words_are_refused() -> None:
    assert len(UNDEFINED) > 300
    for word in UNDEFINED:
        with pytest.raises(DecodeError):
            one(word)


def test_error_names_kernel_offset_and_word() -> None:
    code = bytes(16) + bytes.fromhex("00000000000000000000000000000000")
    with pytest.raises(DecodeError, match=r"somekernel\+0x0: cannot decode 0x0+: opcode 0x000"):
        decode.decode_kernel(code, "somekernel")


def test_code_must_be_whole_words() -> None:
    with pytest.raises(DecodeError):
        decode.decode_kernel(bytes(24), "somekernel")


def test_scheduling_bits_mean_nothing() -> None:
    generator = random.Random(1)
    for word, text in generator.sample(WORDS, 200):
        changed = int(word, 16) ^ generator.getrandbits(21) << 105
        assert sass_print.render(one(changed)) == text


def test_records() -> None:
    """Operands as data, not only as text."""
    load = one("001ea800001ee900000800048d0c7381")
    assert load.op == "LDG" and load.mods == ("E", "SYS")
    assert isinstance(load.operands[0], Reg) and isinstance(load.operands[1], Mem)
    assert load.operands[1].offset == 0x800
    add = one("000fe40007ffe0ff0000000102028810")
    assert (add.op, add.mods, add.guard) == ("IADD3", (), Pred(0, True))
    assert add.operands == (Reg(2), Reg(2), Imm(1), Reg(255))
    multiply = one("000fe400078e02000000580003037a24")
    assert multiply.operands == (Reg(3), Reg(3), Const(0, 0x160), Reg(0))
    uniform = one("000fe2000fffe03f0000000110100890")
    assert uniform.guard == UPred(0) and uniform.operands[:2] == (UReg(16), UReg(16))
    assert one("000e6200000021000000000000007919").operands == (Reg(0), Special("SR_TID.X"))


def test_branch_targets_are_absolute() -> None:
    branch = "000fea000383fffffffffff000007947"  # BRA to itself
    for offset in (0, 0x120, 0x7FFF0):
        instruction = one(branch, offset)
        assert instruction.operands == (Label(offset),)
        assert instruction.offset == offset


def test_complete_torch_kernels() -> None:
    """Every word decodes, prints, and every branch stays inside its kernel."""
    kernels = 0
    for data in list(torch_kernels.fatbins())[5::60]:
        cubin = Cubin(fatbin.choose(fatbin.images(data), (7, 5)).data)
        for name in cubin.kernels()[:20]:
            kernel = cubin.kernel(name)
            instructions = decode.decode_kernel(kernel.code, name)
            kernels += 1
            assert len(instructions) == len(kernel.code) // 16
            assert [i.offset for i in instructions if i.op == "EXIT"] == sorted(kernel.exits)
            for i in instructions:
                assert sass_print.render(i)
                if i.op in ("BRA", "BSSY") or (i.op == "CALL" and i.has("REL")):
                    assert 0 <= i.operands[-1].offset < len(kernel.code), sass_print.render(i)
                if i.op == "CALL" and i.has("REL"):
                    assert i.operands[-1].offset in kernel.subroutines
    assert kernels > 40


def test_own_kernels_use_what_their_source_says() -> None:
    cubin = Cubin((HERE / "fixtures" / "census.cubin").read_bytes())
    ops = {name: {i.op for i in decode.decode_kernel(cubin.kernel(name).code, name)} for name in cubin.kernels()}
    assert {"BAR", "STS", "LDS", "FCHK", "CALL", "F2F"} <= ops["scaled"]
    assert {"BRX", "POPC", "FLO", "BREV", "LEPC"} <= ops["chosen"]
    assert ops["nothing"] == {"MOV", "EXIT", "BRA", "NOP"}
