"""Modules that hold PTX only: compiled by an installed ptxas, refused without one."""

from __future__ import annotations

import shutil
import struct

import pytest
from ring_client import Client, RequestFailed

from maf_vdev.executor import images

PTX = b"""
.version 7.0
.target sm_70
.address_size 64
.global .align 4 .u32 counter = 5;
.visible .entry store_index(.param .u64 out)
{
    .reg .b64 %rd<4>;
    .reg .b32 %r<2>;
    ld.param.u64 %rd1, [out];
    cvta.to.global.u64 %rd1, %rd1;
    mov.u32 %r1, %tid.x;
    mul.wide.u32 %rd2, %r1, 4;
    add.s64 %rd3, %rd1, %rd2;
    st.global.u32 [%rd3], %r1;
    ret;
}
"""


def test_without_ptxas_the_module_has_no_image(monkeypatch):
    monkeypatch.setattr(images, "ptxas", lambda: None)
    module = images.Module(PTX, (7, 5))
    assert module.status == 209
    with pytest.raises(images.ImageError, match=r"compute_70.*no ptxas") as caught:
        module.kernel("store_index")
    assert caught.value.code == 209


needs_ptxas = pytest.mark.skipif(shutil.which("ptxas") is None, reason="ptxas is not installed")


@needs_ptxas
def test_kernel_of_a_ptx_module_runs():
    with Client() as client:
        client.wait_ready()
        module, status = client.module(PTX + b"\0")
        assert status == 0
        info, params = client.kernel(module, "store_index")
        assert params == [(0, 8)]
        out = client.allocate(4 * 64)
        client.launch(info.kernel, (1, 1, 1), (64, 1, 1), struct.pack("<Q", out))
        client.sync()
        assert struct.unpack("<64I", client.read(out, 256)) == tuple(range(64))


@needs_ptxas
def test_module_variable_is_in_device_memory():
    with Client() as client:
        client.wait_ready()
        module, _ = client.module(PTX)
        reply = client.request("MAF_REQ_SYMBOL", struct.pack("<II", module, 7) + b"counter")
        address, size = struct.unpack("<QQ", reply)
        assert size == 4
        assert struct.unpack("<I", client.read(address, 4)) == (5,)


@needs_ptxas
def test_wrong_ptx_gives_the_assemblers_message():
    with Client() as client:
        client.wait_ready()
        module, _ = client.module(PTX.replace(b"st.global.u32", b"st.nowhere.u32"))
        with pytest.raises(RequestFailed) as caught:
            client.kernel(module, "store_index")
        assert caught.value.error == 218
        assert "nowhere" in caught.value.text
