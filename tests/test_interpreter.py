"""Launches on the interpreter: grids and batches, barriers, errors; kernels of the installed torch against NumPy."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch_kernels
from kernel_runner import Kernel

from maf_vdev.translator import fatbin, interpreter
from maf_vdev.translator.cubin import Cubin, KernelCode
from maf_vdev.translator.interpreter import Deadlock, Trap
from maf_vdev.translator.ir import Instr, LiftError
from maf_vdev.translator.memory_map import Memory, MemoryFault
from maf_vdev.translator.sass_text import parse


def program(text: str) -> list[Instr]:
    return [parse(line, 16 * n) for n, line in enumerate(x for x in text.split(";") if x.strip())]


def code(params: int = 8) -> KernelCode:
    return KernelCode(
        name="kernel",
        arch=75,
        code=b"",
        params=((0, params),),
        param_base=0x160,
        param_bytes=params,
        constant0_bytes=0x160 + params,
        banks={},
        relocations=(),
        static_shared=256,
        local_bytes=0,
        registers=32,
        max_threads=1024,
        barriers=2,
    )


def launch(text: str, grid: int, block: int, *arrays: np.ndarray, **options: Any) -> int:
    memory = Memory()
    params = b"".join(memory.add(a).to_bytes(8, "little") for a in arrays)
    return interpreter.run(code(len(params)), program(text), (grid, 1, 1), (block, 1, 1), params, memory, **options)


@pytest.mark.parametrize("batch_warps", [1, 3, 512])
def test_every_cta_runs_once_in_any_batch(batch_warps: int) -> None:
    count = np.zeros(70, np.uint32)
    launch(
        "S2R R0, SR_CTAID.X ; MOV R1, 0x4 ; IMAD.WIDE.U32 R2, R0, R1, c[0x0][0x160] ; MOV R4, 0x1 ; "
        "RED.E.ADD.STRONG.GPU [R2], R4 ; EXIT",
        70,
        45,
        count,
        batch_warps=batch_warps,
    )
    assert (count == 45).all()


def test_shared_memory_belongs_to_one_cta() -> None:
    out = np.zeros(8, np.uint32)
    launch(
        "S2R R0, SR_CTAID.X ; S2R R5, SR_TID.X ; ISETP.NE.AND P0, PT, R5, RZ, PT ; @!P0 STS [0x10], R0 ; BAR.SYNC 0x0 ; "
        "LDS.U R4, [0x10] ; MOV R1, 0x4 ; IMAD.WIDE.U32 R2, R0, R1, c[0x0][0x160] ; ISETP.EQ.AND P0, PT, R5, 0x2f, PT ; "
        "@P0 STG.E.SYS [R2], R4 ; EXIT",
        8,
        64,
        out,
    )
    assert out.tolist() == list(range(8))


def test_barrier_that_cannot_open_is_a_deadlock() -> None:
    # Barrier 1 expects 96 threads, the CTA has 64.
    with pytest.raises(Deadlock):
        launch("BAR.SYNC 0x1, 0x60 ; EXIT", 1, 64, np.zeros(1))
    launch("BAR.SYNC 0x1, 0x40 ; EXIT", 1, 64, np.zeros(1))


def test_endless_loop_meets_the_step_limit() -> None:
    with pytest.raises(Deadlock, match="100 steps"):
        launch("BRA 0x0 ; EXIT", 1, 32, np.zeros(1), step_limit=100)


@pytest.mark.parametrize(
    "text, error, message",
    [
        ("MOV R2, 0x10 ; MOV R3, RZ ; LDG.E.SYS R4, [R2] ; EXIT", MemoryFault, "kernel.*0x0020: LDG.* at address 0x10"),
        ("MOV R2, 0x2 ; LDS.U R4, [R2] ; EXIT", MemoryFault, "misaligned 4-byte access at address 0x2"),
        ("MOV R2, 0x400 ; STS [R2], R4 ; EXIT", MemoryFault, "shared access beyond 256 bytes at address 0x400"),
        ("LDC R4, c[0x3][0x10] ; EXIT", MemoryFault, "constant bank 3"),
        ("BPT.TRAP 0x1 ; EXIT", Trap, "kernel"),
        ("AL2P R4, R5 ; EXIT", LiftError, "kernel: no semantics for 0x0000: AL2P"),
        ("BRA 0x100 ; EXIT", LiftError, "kernel: control reaches 0x100"),
        ("S2R R4, SR_NONSENSE ; EXIT", LiftError, "SR_NONSENSE"),
        ("UMOV UR4, UR5 ; R2UR UR4, R5 ; S2UR UR4, SR_TID.X ; UMOV UR5, R7 ; EXIT", LiftError, "uniform register"),
    ],
)
def test_errors_name_kernel_and_instruction(text: str, error: type, message: str) -> None:
    text = text.replace("UMOV UR5, R7", "S2R R7, SR_TID.X ; UMOV UR5, R7") if "UMOV UR5" in text else text
    with pytest.raises(error, match=message):
        launch(text, 1, 32, np.zeros(1))


@cache
def torch_kernel(suffix: str) -> Kernel | None:
    """The sm_75 kernel of libtorch_cuda whose mangled name ends so (the start holds a hash of the build)."""
    for container in torch_kernels.fatbins():
        try:
            image = fatbin.choose(fatbin.images(container), (7, 5))
        except fatbin.NoImageError:
            continue
        if suffix.encode() in image.data:
            cubin = Cubin(image.data)
            for name in cubin.kernels():
                if name.endswith(suffix):
                    return Kernel.load(cubin, name)
    return None


def need(suffix: str) -> Kernel:
    return torch_kernel(suffix) or pytest.skip("torch is not installed")


RNG = np.random.default_rng(21)


@pytest.mark.parametrize("count", [1, 37, 512, 1000, 4097])
def test_torch_add(count: int) -> None:
    kernel = need(torch_kernels.ADD)
    memory = Memory()
    x, y = (RNG.standard_normal(count).astype(np.float32) for _ in range(2))
    out = np.zeros(count, np.float32)
    pointers = np.array([memory.add(a) for a in (out, x, y)], np.uint64)
    threads, items = 128, 4
    kernel.run(
        -(-count // (threads * items)),
        threads,
        np.int32(count),
        np.float32(1).tobytes(),
        pointers.tobytes(),
        memory=memory,
    )
    assert (out == x + y).all()


@pytest.mark.parametrize("rows, columns", [(1, 600), (4, 1024), (37, 1000), (5, 513)])
def test_torch_softmax_by_warps(rows: int, columns: int) -> None:
    kernel = need("softmax_warp_forwardIfffLi10ELb0ELb0ELi32EEEvPT0_PKT_iiiPKbib")
    x = (RNG.standard_normal((rows, columns)) * 5).astype(np.float32)
    out = np.zeros_like(x)
    numbers = [np.int32(n) for n in (rows, columns, columns)]
    kernel.run(-(-rows // 4), (32, 4), out, x, *numbers, np.uint64(0), np.int32(0), np.uint8(0))
    e = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
    np.testing.assert_allclose(out, e / e.sum(axis=1, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize("rows, columns, threads", [(1, 1025, 32), (3, 4099, 128), (2, 5000, 1024)])
def test_torch_softmax_by_blocks(rows: int, columns: int, threads: int) -> None:
    kernel = need("cunn_SoftMaxForwardILi4EfffNS1_22SoftMaxForwardEpilogueEEEvPT2_PKT0_i")
    x = (RNG.standard_normal((rows, columns)) * 5).astype(np.float32)
    out = np.zeros_like(x)
    kernel.run(rows, threads, out, x, np.int32(columns), shared=threads // 32 * 4)
    e = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
    np.testing.assert_allclose(out, e / e.sum(axis=1, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize("rows, columns", [(1, 64), (5, 1000), (3, 4096)])
def test_torch_layer_norm(rows: int, columns: int) -> None:
    kernel = need("vectorized_layer_norm_kernelIffLb0EEEviT0_PKT_S6_S6_PS3_S7_PS4_")
    x = (RNG.standard_normal((rows, columns)) * 3 + 1).astype(np.float32)
    gamma, beta = (RNG.standard_normal(columns).astype(np.float32) for _ in range(2))
    mean, rstd, out = np.zeros(rows, np.float32), np.zeros(rows, np.float32), np.zeros_like(x)
    kernel.run(rows, (32, 4), np.int32(columns), np.float32(1e-5), x, gamma, beta, mean, rstd, out, shared=24)
    d = x.astype(np.float64)
    want = (d - d.mean(axis=1, keepdims=True)) / np.sqrt(d.var(axis=1, keepdims=True) + 1e-5) * gamma + beta
    np.testing.assert_allclose(mean, d.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(rstd, 1 / np.sqrt(d.var(axis=1) + 1e-5), rtol=1e-5)
    np.testing.assert_allclose(out, want, rtol=1e-4, atol=1e-5)
