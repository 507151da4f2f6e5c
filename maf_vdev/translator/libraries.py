"""All device code of files on disk: shared libraries, programs, cubins, fatbins and wheels that hold them."""

from __future__ import annotations

import mmap
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import fatbin
from .cubin import Cubin, CubinError

_MAGIC = fatbin.FATBIN_MAGIC.to_bytes(4, "little") + b"\x01\x00\x10\x00"  # version 1, 16-byte header


@dataclass(frozen=True)
class Module:
    """One container; where names the file and offset."""

    where: str
    images: list[fatbin.Image]

    def cubin(self, capability: tuple[int, int]) -> Cubin | None:
        """The cubin that a device of this capability would run; None if there is none."""
        try:
            image = fatbin.choose(self.images, capability)
        except fatbin.NoImageError:
            return None
        if image.kind != "elf":
            return None
        try:
            return Cubin(image.data)
        except CubinError:  # relocatable code is linked at build time into another container
            return None


def containers(data: memoryview | mmap.mmap | bytes, name: str = "") -> Iterator[Module]:
    """The fatbins in a file's bytes: in any section (XLA's lie in .rodata), aligned to 8 bytes."""
    find = data.find if not isinstance(data, memoryview) else bytes(data).find
    at = find(_MAGIC)
    while at >= 0:
        step = 8
        if at % 8 == 0:
            try:
                view = memoryview(data)[at : at + fatbin.container_size(data[at : at + 16])]
                yield Module(f"{name}+{at:#x}", fatbin.images(view))
                step = len(view)
            except fatbin.FatbinError:
                pass  # the magic by chance
        at = find(_MAGIC, at + step)


def modules(path: Path) -> Iterator[Module]:
    """The modules of a file, a wheel, or every shared library below a folder."""
    if path.is_dir():
        for file in sorted(path.rglob("*.so*")):
            if file.is_file() and not file.is_symlink():
                yield from modules(file)
        return
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            for member in wheel.namelist():
                if ".so" in member:
                    yield from containers(wheel.read(member), member)
        return
    with path.open("rb") as stream:
        if not path.stat().st_size:
            return
        data = mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ)
    if data[:4] == fatbin.ELF_MAGIC and data[18:20] == b"\xbe\x00":  # a bare cubin (EM_CUDA)
        yield Module(path.name, fatbin.images(bytes(data)))
    else:
        yield from containers(data, path.name)
