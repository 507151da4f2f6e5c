"""Modules, kernels and plans through a running executor, with torch's own device code."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from gemm_problems import KIND, complete, problem
from ring_client import DEVICE_BASE, Client, Fault, RequestFailed
from torch_kernels import ADD, fatbins, module_of

from maf_vdev import protocol

N = 1000


@pytest.fixture(scope="module")
def add_module() -> bytes:
    data = module_of(ADD)
    if data is None:
        pytest.skip("torch is not installed")
    return data


@pytest.fixture
def client():
    with Client() as made:
        made.wait_ready()
        yield made


def add_params(n: int, alpha: float, out: int, a: int, b: int) -> bytes:
    return struct.pack("<if3Q", n, alpha, out, a, b)


def test_module_without_a_usable_image_fails_at_its_kernels(client):
    data = bytearray((Path(__file__).parent / "fixtures" / "census.cubin").read_bytes())
    data[49] = 90  # e_flags, bits 8..15: the SM
    module, status = client.module(bytes(data))
    assert status == 209
    with pytest.raises(RequestFailed) as caught:
        client.kernel(module, "some_kernel")
    assert caught.value.error == 209
    assert "some_kernel" in caught.value.text
    assert "sm_90" in caught.value.text


@pytest.mark.parametrize("data", [b"nonsense", b"\x7fELF", b"\x50\xed\x55\xba\x01\x00"])
def test_bytes_that_are_no_module(client, data):
    with pytest.raises(RequestFailed) as caught:
        client.module(data)
    assert caught.value.error == 200


def test_kernel_that_the_module_lacks(client, add_module):
    module, _ = client.module(add_module)
    with pytest.raises(RequestFailed) as caught:
        client.kernel(module, "absent_kernel")
    assert caught.value.error == 500
    assert "absent_kernel" in caught.value.text


def test_unloaded_module_is_gone(client, add_module):
    module, _ = client.module(add_module)
    client.request("MAF_REQ_UNLOAD", struct.pack("<I", module))
    with pytest.raises(RequestFailed) as caught:
        client.kernel(module, ADD)
    assert caught.value.error == 400


def test_kernel_parameters(client, add_module):
    module, status = client.module(add_module)
    info, params = client.kernel(module, ADD)
    assert status == 0
    assert params == [(0, 4), (4, 4), (8, 24)]
    assert (info.param_bytes, info.binary_version) == (32, 75)


def test_launch(client, add_module):
    module, _ = client.module(add_module)
    info, _ = client.kernel(module, ADD)
    rng = np.random.default_rng(0)
    a, b = rng.random(N, np.float32), rng.random(N, np.float32)
    pa, pb, out = client.store(a.tobytes()), client.store(b.tobytes()), client.allocate(4 * N + 4)
    client.write(out, b"\xff" * (4 * N + 4))
    client.launch(info.kernel, (-(-N // 512), 1, 1), (128, 1, 1), add_params(N, 2.0, out, pa, pb))
    client.sync()
    np.testing.assert_allclose(np.frombuffer(client.read(out, 4 * N), np.float32), a + 2 * b, rtol=1e-6)
    assert client.read(out + 4 * N, 4) == b"\xff" * 4


def test_launches_of_one_kernel_on_two_sdas(add_module):
    with Client(count=2) as client:
        client.wait_ready()
        module, _ = client.module(add_module)
        first, _ = client.kernel(module, ADD, sda=0)
        second, _ = client.kernel(module, ADD, sda=1)
        assert first.kernel != second.kernel
        ones = client.store(np.ones(N, np.float32).tobytes())
        for kernel in (first.kernel, second.kernel):
            client.launch(kernel, (2, 1, 1), (128, 1, 1), add_params(N, 1.0, ones, ones, ones))
        client.sync()
        assert (np.frombuffer(client.read(ones, 4 * N), np.float32) == 4).all()


def test_kernel_that_writes_outside_is_an_illegal_address(client, add_module):
    module, _ = client.module(add_module)
    info, _ = client.kernel(module, ADD)
    source = client.allocate(4 * N)
    client.launch(info.kernel, (2, 1, 1), (128, 1, 1), add_params(N, 1.0, 0x4000, source, source))
    with pytest.raises(Fault) as caught:
        client.sync()
    assert caught.value.error == 700
    assert "illegal memory access in kernel" in caught.value.text
    assert "vectorized_elementwise_kernel" in caught.value.text
    assert "write to 0x4000" in caught.value.text
    assert client.executor.wait(5) == 1


def test_fault_on_a_thread_of_the_launch_pool(client, add_module):
    """A first launch tells the launcher that the grid is worth its helpers; the second faults on all threads."""
    module, _ = client.module(add_module)
    info, _ = client.kernel(module, ADD)
    count = 1 << 20
    source = client.allocate(4 * count)
    for target in (source, 0x4000_0000):
        client.launch(info.kernel, (count // 512, 1, 1), (128, 1, 1), add_params(count, 1.0, target, source, source))
    with pytest.raises(Fault) as caught:
        client.sync()
    assert caught.value.error == 700
    assert "vectorized_elementwise_kernel" in caught.value.text


def test_kernel_with_a_wild_pointer_is_an_illegal_address(client, add_module):
    module, _ = client.module(add_module)
    info, _ = client.kernel(module, ADD)
    source = client.allocate(4 * N)
    client.launch(info.kernel, (2, 1, 1), (128, 1, 1), add_params(N, 1.0, source, 0xFEDC_0000_0000_0000, source))
    with pytest.raises(Fault) as caught:
        client.sync()
    assert caught.value.error == 700
    assert "not canonical" in caught.value.text


def test_launch_of_a_kernel_never_looked_up(client):
    client.launch(5, (1, 1, 1), (32, 1, 1), b"")
    with pytest.raises(Fault) as caught:
        client.sync()
    assert caught.value.error == 400


def test_gemm_plan_runs_from_the_ring(client):
    m, n, k = 5, 7, 3
    rng = np.random.default_rng(1)
    a, b = rng.random((k, m), np.float32), rng.random((n, k), np.float32)  # column major m x k, k x n
    op = complete(problem((m, n, k)))
    desc = protocol.pack(op)
    reply = client.request("MAF_REQ_PLAN", struct.pack("<II", KIND, len(desc)) + desc)
    info = protocol.unpack("maf_plan_info", reply)
    pa, pb, pd = client.store(a.tobytes()), client.store(b.tobytes()), client.allocate(4 * m * n)
    pointers = struct.pack("<8Q", pa, pb, pd, pd, 0, 0, 0, 0)
    scalars = struct.pack("<4d", 1, 0, 0, 0)
    client.put("maf_cmd_op", "MAF_CMD_OP", pointers + scalars, plan=info.plan, pointers=8, scalar_bytes=len(scalars))
    client.sync()
    got = np.frombuffer(client.read(pd, 4 * m * n), np.float32).reshape(n, m)
    np.testing.assert_allclose(got, b @ a, rtol=1e-5)


def test_contradictory_plan_is_refused(client):
    desc = bytes(protocol.ffi.sizeof("struct maf_op_gemm"))
    with pytest.raises(RequestFailed) as caught:
        client.request("MAF_REQ_PLAN", struct.pack("<II", KIND, len(desc) - 8) + desc[:-8])
    assert caught.value.error == protocol.constant("MAF_PLAN_INVALID")


def test_plan_of_an_unknown_kind_is_unsupported(client):
    with pytest.raises(RequestFailed) as caught:
        client.request("MAF_REQ_PLAN", struct.pack("<II", 9999, 0))
    assert caught.value.error == protocol.constant("MAF_PLAN_UNSUPPORTED")


def test_op_with_a_bad_pointer_is_an_illegal_address(client):
    op = complete(problem((4, 4, 4)))
    desc = protocol.pack(op)
    info = protocol.unpack("maf_plan_info", client.request("MAF_REQ_PLAN", struct.pack("<II", KIND, len(desc)) + desc))
    pointers = struct.pack("<8Q", 0x5000, DEVICE_BASE, DEVICE_BASE, DEVICE_BASE, 0, 0, 0, 0)
    client.put(
        "maf_cmd_op",
        "MAF_CMD_OP",
        pointers + struct.pack("<4d", 1, 0, 0, 0),
        plan=info.plan,
        pointers=8,
        scalar_bytes=32,
    )
    with pytest.raises(Fault) as caught:
        client.sync()
    assert caught.value.error == 700
    assert "gemm" in caught.value.text


def damaged(elf: bytes, kernel: str, offset: int, word: bytes) -> bytes:
    """A cubin with one instruction of a kernel overwritten."""
    import io

    from elftools.elf.elffile import ELFFile

    section = ELFFile(io.BytesIO(elf)).get_section_by_name(f".text.{kernel}")
    at = section["sh_offset"] + offset
    return elf[:at] + word + elf[at + 16 :]


def test_unknown_instruction_names_kernel_offset_and_word(add_module, tmp_path, monkeypatch):
    from maf_vdev.translator import fatbin

    monkeypatch.setenv("MAF_CACHE_DIR", str(tmp_path))
    elf = fatbin.choose(fatbin.images(add_module), (7, 5)).data
    word = bytes.fromhex("ff0f0000000000000000000000c00f00")
    with Client() as client:
        client.wait_ready()
        module, _ = client.module(damaged(elf, ADD, 0x20, word))
        info, _ = client.kernel(module, ADD)
        client.launch(info.kernel, (1, 1, 1), (32, 1, 1), add_params(0, 1.0, 0, 0, 0))
        with pytest.raises(Fault) as caught:
            client.sync()
        assert client.executor.poll() is None
    assert caught.value.error == 300
    assert ADD in caught.value.text
    assert "0x20" in caught.value.text
    assert word[::-1].hex() in caught.value.text


def test_module_with_only_later_code_that_we_know_runs_from_it(client):
    """libtorch_cuda_linalg has no code for 7.5: its kernels are taken from the image for 8.0."""
    data = next(fatbins("libtorch_cuda_linalg.so"), None)
    if data is None:
        pytest.skip("torch is not installed")
    assert client.module(bytes(data))[1] == 0
