"""Fatbin containers: every compression, every kind of input, choice of the image."""

from __future__ import annotations

import struct
from pathlib import Path

import lz4.block
import pytest
import torch_kernels
import zstandard

from maf_vdev.translator import fatbin

CUBIN = (Path(__file__).parent / "fixtures" / "census.cubin").read_bytes()
PTX = b".version 8.5\n.target sm_75\n.address_size 64\n"

PACK = {
    "none": (0, lambda data: data),
    "lz4": (0x2000, lambda data: lz4.block.compress(data, store_size=False)),
    "zstd": (0x8000, lambda data: zstandard.ZstdCompressor().compress(data)),
}


def entry(data: bytes, arch: int, kind: int = 2, compression: str = "none", flags: int = 0, options: int = 0) -> bytes:
    flag, pack = PACK[compression]
    packed = pack(data)
    padded = packed + bytes(-len(packed) % 8)
    compressed, size = (0, 0) if compression == "none" else (len(packed), len(data))
    head = struct.pack(
        "<HHIQIIHHIIIQQQ",
        *(kind, 0x101, 64 + options, len(padded), compressed, 64 if options else 0, 8, 1, arch, 0, 0),
        *(flags | flag | 0x11, 0, size),
    )
    return head + bytes(options) + padded


def container(*entries: bytes) -> bytes:
    body = b"".join(entries)
    return struct.pack("<IHHQ", fatbin.FATBIN_MAGIC, 1, 16, len(body)) + body


@pytest.mark.parametrize("compression", PACK)
def test_payload_comes_back(compression: str) -> None:
    (image,) = fatbin.images(container(entry(CUBIN, 75, compression=compression, options=48)))
    assert (image.kind, image.arch, image.compression) == ("elf", 75, compression)
    assert image.data[: len(CUBIN)] == CUBIN


def test_entries_keep_their_order_and_names() -> None:
    data = container(entry(CUBIN, 80), entry(CUBIN, 90, flags=0x100000), entry(PTX, 90, kind=1, compression="lz4"))
    assert [image.name for image in fatbin.images(data)] == ["sm_80", "sm_90a", "compute_90"]


def test_bytes_after_the_container_are_ignored() -> None:
    data = container(entry(CUBIN, 75))
    assert len(fatbin.images(data + b"\xff" * 1000)) == 1
    assert fatbin.container_size(data + b"xx") == len(data)


def test_bare_cubin() -> None:
    (image,) = fatbin.images(CUBIN)
    assert (image.name, image.data) == ("sm_75", CUBIN)


def test_ptx_text_ends_at_its_nul() -> None:
    (image,) = fatbin.images(PTX + b"\0garbage")
    assert (image.name, image.data) == ("compute_75", PTX)
    (image,) = fatbin.images(b"//\n" + PTX.replace(b"sm_75", b"sm_90a, texmode_independent"))
    assert image.name == "compute_90a"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not code at all",
        container(entry(CUBIN, 75))[:-8],
        struct.pack("<IHHQ", fatbin.FATBIN_MAGIC, 1, 16, 20) + bytes(20),
        struct.pack("<IHHQ", fatbin.FATBIN_MAGIC, 1, 16, 64) + struct.pack("<HHIQ", 2, 1, 64, 1 << 40) + bytes(48),
    ],
)
def test_malformed_input_is_named(data: bytes) -> None:
    with pytest.raises(fatbin.FatbinError):
        fatbin.images(data)


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_corrupt_payload(compression: str) -> None:
    whole = entry(CUBIN, 75, compression=compression)
    (image,) = fatbin.images(container(whole[:64] + b"\xa5" * (len(whole) - 64)))
    with pytest.raises(fatbin.FatbinError, match="sm_75"):
        _ = image.data


def chosen(capability: tuple[int, int], *entries: bytes) -> str:
    return fatbin.choose(fatbin.images(container(*entries)), capability).name


def test_choice_of_the_image() -> None:
    sm = {arch: entry(CUBIN, arch) for arch in (60, 70, 72, 75, 80)}
    ptx = entry(PTX, 50, kind=1)
    assert chosen((7, 5), sm[60], sm[70], sm[75], sm[80]) == "sm_75"
    assert chosen((7, 5), sm[60], sm[70], sm[80]) == "sm_70"
    assert chosen((7, 5), ptx, sm[70], sm[72], sm[80]) == "sm_72"
    assert chosen((7, 5), sm[60], ptx, entry(PTX, 70, kind=1), entry(PTX, 90, kind=1)) == "compute_70"
    assert chosen((9, 0), entry(CUBIN, 90), entry(CUBIN, 90, flags=0x100000)) == "sm_90"


def test_no_image_lists_what_there_is() -> None:
    with pytest.raises(fatbin.NoImageError, match=r"7\.5.*sm_60, sm_90, compute_90") as error:
        chosen((7, 5), entry(CUBIN, 60), entry(CUBIN, 90), entry(PTX, 90, kind=1))
    assert error.value.found == ["sm_60", "sm_90", "compute_90"]


def test_without_an_image_of_its_own_an_sda_runs_a_newer_one() -> None:
    sm = {arch: entry(CUBIN, arch) for arch in (60, 80, 86, 90)}
    assert chosen((7, 5), sm[90], sm[86], sm[80], sm[60]) == "sm_80"
    assert chosen((7, 5), sm[90], sm[86]) == "sm_86"
    assert chosen((7, 5), sm[80], entry(PTX, 70, kind=1)) == "compute_70"
    with pytest.raises(fatbin.NoImageError):
        chosen((7, 5), entry(CUBIN, 80, flags=0x100000))


def test_architecture_specific_image_runs_nowhere_else() -> None:
    with pytest.raises(fatbin.NoImageError):
        chosen((7, 5), entry(CUBIN, 70, flags=0x100000))


def test_all_containers_of_torch() -> None:
    found = [fatbin.choose(fatbin.images(data), (7, 5)) for data in torch_kernels.fatbins()]
    assert len(found) > 400
    assert {image.name for image in found} == {"sm_75"}
    for image in found[::40]:
        assert image.data[:4] == fatbin.ELF_MAGIC
        assert fatbin.elf_arch(image.data) == 75
