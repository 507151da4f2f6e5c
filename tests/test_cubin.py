"""Cubins: what a kernel needs, from our own fixture (fixtures/census.cu) and from torch's modules."""

from __future__ import annotations

import pickle
import struct
import time
from pathlib import Path

import pytest
import torch_kernels

from maf_vdev.translator import decode, fatbin
from maf_vdev.translator.cubin import ADDRESS_BANK, Cubin, CubinError, Relocation

DATA = (Path(__file__).parent / "fixtures" / "census.cubin").read_bytes()


@pytest.fixture(scope="module")
def cubin() -> Cubin:
    return Cubin(DATA)


def test_kernels(cubin: Cubin) -> None:
    assert (cubin.abi, cubin.arch) == (8, 75)
    assert set(cubin.kernels()) == {"scaled", "chosen", "spill", "nothing"}


def test_parameters(cubin: Cubin) -> None:
    kernel = cubin.kernel("scaled")
    assert kernel.params == ((0, 8), (8, 8), (16, 4), (24, 8))
    assert (kernel.param_base, kernel.param_bytes, kernel.constant0_bytes) == (0x160, 32, 0x180)
    assert cubin.kernel("chosen").params == ((0, 8), (8, 1), (16, 8))
    assert cubin.kernel("nothing").params == ()


def test_resources(cubin: Cubin) -> None:
    scaled, chosen, nothing = (cubin.kernel(name) for name in ("scaled", "chosen", "nothing"))
    assert (scaled.static_shared, scaled.max_threads, scaled.barriers) == (512, 128, 1)
    assert (nothing.static_shared, nothing.max_threads, nothing.barriers) == (0, 0, 0)
    assert chosen.local_bytes == 8  # the arguments of printf
    assert 8 < scaled.registers < 64


def test_code_and_its_landmarks(cubin: Cubin) -> None:
    scaled, chosen = cubin.kernel("scaled"), cubin.kernel("chosen")
    assert len(scaled.code) % 16 == 0
    assert [name.split("$")[-1] for name in scaled.subroutines.values()] == ["__cuda_sm3x_div_rn_noftz_f32_slowpath"]
    for offset in scaled.exits:
        assert struct.unpack_from("<Q", scaled.code, offset)[0] & 0xFFF == 0x94D
    assert len(chosen.syscalls) == 2  # printf and assert
    assert len(chosen.indirect_branches) >= 1
    for branch, targets in chosen.indirect_branches.items():
        assert struct.unpack_from("<Q", chosen.code, branch)[0] & 0xFFF == 0x949
        assert all(target % 16 == 0 and target < len(chosen.code) for target in targets)
    assert scaled.uses_call_stack
    assert not scaled.uses_coop_groups


def test_constant_banks(cubin: Cubin) -> None:
    scaled, chosen = cubin.kernel("scaled"), cubin.kernel("chosen")
    assert struct.unpack("<4f", scaled.banks[3]) == (1, 2, 3, 4)
    assert 2 in chosen.banks and 2 not in scaled.banks  # its branch table
    symbols = {move.symbol for move in chosen.relocations if move.bank == 4}
    assert {"vprintf", "__assertfail", "counter", "table", "head"} <= symbols
    assert len(chosen.banks[4]) == 8 * len(chosen.relocations)


def test_module_variables(cubin: Cubin) -> None:
    variables = cubin.variables
    assert variables["counter"].data is None and variables["counter"].section == ".nv.global"
    assert struct.unpack("<3i", variables["table"].data) == (5, 6, 7)
    assert variables["scale"].section == ".nv.constant3" and variables["scale"].size == 16
    initial, size = cubin.section(".nv.global.init")
    assert len(initial) == size
    table, head = variables["table"], variables["head"]
    assert initial[table.offset : table.offset + 12] == table.data
    (move,) = cubin.data_relocations(".nv.global.init")
    assert (move.offset, move.symbol, move.addend) == (head.offset, "table", 4)
    assert cubin.section(".nv.nonsense") == (b"", 0)


def test_kernel_code_travels(cubin: Cubin) -> None:
    kernel = cubin.kernel("chosen")
    assert pickle.loads(pickle.dumps(kernel)) == kernel


def test_elf_abi_7_keeps_the_architecture_in_the_low_byte() -> None:
    old = bytearray(DATA)
    old[8] = 7
    struct.pack_into("<I", old, 48, 0x4B054B)
    cubin = Cubin(bytes(old))
    assert (cubin.abi, cubin.arch, cubin.kernel("scaled").arch) == (7, 75, 75)


def test_unknown_kernel(cubin: Cubin) -> None:
    with pytest.raises(CubinError, match="no kernel absent"):
        cubin.kernel("absent")


def patched(offset: int, fmt: str, value: int) -> bytes:
    data = bytearray(DATA)
    struct.pack_into(fmt, data, offset, value)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x7fELF", "not an ELF"),
        (b"MZ" + DATA[2:], "not an ELF"),
        (patched(18, "<H", 62), "machine 62"),
        (patched(16, "<H", 1), "relocatable"),
        (patched(40, "<Q", 1 << 40), "section header"),
        (DATA[: len(DATA) // 2], "section header"),
    ],
)
def test_broken_files(data: bytes, why: str) -> None:
    with pytest.raises(CubinError, match=why):
        Cubin(data)


def test_large_parameter_block_of_torch() -> None:
    """FusedAdam takes 25 kB of parameters: their base is not 0x160, and their sizes have the newer record."""
    for data in torch_kernels.fatbins():
        image = fatbin.choose(fatbin.images(data), (7, 5))
        if b"FusedAdamMathFunctor" in image.data:
            break
    cubin = Cubin(image.data)
    kernel = cubin.kernel(next(name for name in cubin.kernels() if "FusedAdamMathFunctor" in name))
    assert kernel.param_base == 0x1A80
    assert kernel.param_bytes > 4096
    last, size = kernel.params[-1]
    assert last + size == kernel.param_bytes
    assert kernel.constant0_bytes == kernel.param_base + kernel.param_bytes


def test_every_kernel_of_torch_is_found_by_its_name() -> None:
    """No section of code is left over, and no module names one kernel twice."""
    seen = 0
    for data in torch_kernels.fatbins():
        cubin = Cubin(fatbin.choose(fatbin.images(data), (7, 5)).data)
        names = cubin.kernels()
        code = {name.removeprefix(".text.") for name in cubin._index if name.startswith(".text.")}
        assert set(names) == code and len(names) == len(code)
        assert all(cubin.kernel(name).code for name in names[-1:])
        seen += len(names)
    assert seen > 20_000


def test_every_kernel_of_some_torch_modules() -> None:
    """Parameters fill their block in each of them, and every relocation lies in its bank and has a symbol."""
    seen = 0
    for data in list(torch_kernels.fatbins())[::25]:
        cubin = Cubin(fatbin.choose(fatbin.images(data), (7, 5)).data)
        names = cubin.variables
        for name in cubin.kernels():
            kernel = cubin.kernel(name)
            seen += 1
            end = sum(kernel.params[-1]) if kernel.params else 0
            assert end == kernel.param_bytes, name
            for move in kernel.relocations:
                assert isinstance(move, Relocation)
                assert move.offset + 8 <= len(kernel.banks[move.bank])
                assert move.symbol in names or move.symbol in {"vprintf", "__assertfail", "cudaGraphSetConditional"}
    assert seen > 500


def test_one_kernel_of_a_large_module_comes_quickly() -> None:
    data = max(
        (fatbin.choose(fatbin.images(data), (7, 5)) for data in torch_kernels.fatbins()), key=lambda image: image.size
    ).data
    assert len(data) > 10_000_000
    name = Cubin(data).kernels()[-1]
    best = 1.0
    for _ in range(5):
        start = time.perf_counter()
        Cubin(data).kernel(name)
        best = min(best, time.perf_counter() - start)
    assert best < 0.05


def test_addresses_in_linked_code_come_from_a_bank() -> None:
    """fixtures/linked.cu: nvlink leaves calls and strings to be patched; return addresses are offsets in the kernel."""
    kernel = Cubin((Path(__file__).parent / "fixtures" / "linked.cubin").read_bytes()).kernel("checked")
    moves = {r.offset: r.symbol for r in kernel.relocations if r.bank == ADDRESS_BANK}
    assert set(moves.values()) == {"$str", "$str$1", "$str$2", "__unnamed_1", "__assertfail", "vprintf"}
    assert len(kernel.banks[ADDRESS_BANK]) == 8 * len(moves)
    bound = {i.offset: i for i in decode.decode_code(kernel) if i.offset in kernel.address_operands}
    calls = [i for i in bound.values() if i.op == "CALL"]
    assert sorted(moves[kernel.address_operands[i.offset]] for i in calls) == ["__assertfail", "vprintf"]
    halves = [i.operands[-1] for i in bound.values() if i.op in ("MOV", "UMOV")]
    assert len(halves) == 8 and all(constant.bank == ADDRESS_BANK for constant in halves)
    returns = {
        i.operands[1].bits for i in decode.decode_code(kernel) if i.op == "MOV" and getattr(i.operands[0], "n", 0) == 20
    }
    assert returns == {call.offset + 16 for call in calls}
