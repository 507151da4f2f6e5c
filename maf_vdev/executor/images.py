"""A module as the application gave it: fatbin, cubin or PTX; which image runs, and its kernels."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from maf_vdev.translator import fatbin
from maf_vdev.translator.cubin import Cubin, CubinError, KernelCode
from maf_vdev.translator.source.image import SourceImage, is_image
from maf_vdev.translator.source.nvrtc import recall

ERROR_INVALID_KERNEL_IMAGE = 200
ERROR_NO_KERNEL_IMAGE = 209
ERROR_JIT = 218
ERROR_SYMBOL_NOT_FOUND = 500


class ImageError(Exception):
    """No code for what was asked; `code` is a cudaError_t value."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Module:
    """One loaded module. Decompresses and parses at the first use of a kernel or variable.

    status: 0, or 209 when no image fits `capability`: that is no error until a kernel is used.
    """

    def __init__(self, data: bytes, capability: tuple[int, int]) -> None:
        self.capability = capability
        self._image: fatbin.Image | None = None
        self._why = ""
        self._source: SourceImage | None = None
        if is_image(data):
            try:
                self._source = SourceImage(data)
            except CubinError as error:
                raise ImageError(ERROR_INVALID_KERNEL_IMAGE, str(error)) from None
            self.status = 0
            return
        try:
            images = fatbin.images(data)
        except fatbin.FatbinError as error:
            raise ImageError(ERROR_INVALID_KERNEL_IMAGE, str(error)) from None
        try:
            self._image = fatbin.choose(images, capability)
        except fatbin.NoImageError as error:
            self._why = str(error)
        if self._image is not None and self._image.kind == "ptx" and not self._known and ptxas() is None:
            self._why = f"the module holds only PTX ({self._image.name}) and no ptxas is in PATH to compile it"
            self._image = next(iter(fatbin.foreign(images)), None)
        self.status = ERROR_NO_KERNEL_IMAGE if self._image is None else 0

    @cached_property
    def _known(self) -> bytes | None:
        """The cubin of PTX that NVRTC made in this process or an earlier one."""
        return recall(self._image.data) if self._image.kind == "ptx" else None

    @cached_property
    def _cubin(self) -> Cubin:
        image = self._image
        try:
            elf = self._known or (assemble(image.data, self.capability) if image.kind == "ptx" else image.data)
            self._image = replace(image, payload=memoryview(b""))  # the container's bytes are not needed again
            return Cubin(elf)
        except (fatbin.FatbinError, CubinError) as error:
            raise ImageError(ERROR_INVALID_KERNEL_IMAGE, f"{image.name}: {error}") from None

    def cubin(self) -> Cubin | SourceImage:
        """The image's cubin. Raises ImageError (209: none fits, with what the module holds)."""
        if self._source is not None:
            return self._source
        if self._image is None:
            raise ImageError(ERROR_NO_KERNEL_IMAGE, self._why)
        return self._cubin

    def kernel(self, name: str) -> KernelCode:
        """One kernel. Raises ImageError."""
        try:
            return self.cubin().kernel(name)
        except CubinError as error:
            raise ImageError(ERROR_SYMBOL_NOT_FOUND, str(error)) from None


def ptxas() -> str | None:
    """An installed ptxas: an optional tool for programs that bring PTX only."""
    found = shutil.which("ptxas")
    if found:
        return found
    try:
        import importlib.util

        triton = importlib.util.find_spec("triton")
    except (ImportError, ValueError):
        triton = None
    for place in triton.submodule_search_locations if triton and triton.submodule_search_locations else ():
        for path in Path(place).glob("backends/nvidia/bin/ptxas"):
            if os.access(path, os.X_OK):
                return str(path)
    return None


def assemble(ptx: bytes, capability: tuple[int, int]) -> bytes:
    """The cubin that ptxas makes of PTX text. Raises ImageError with its messages."""
    arch = f"sm_{capability[0]}{capability[1]}"
    with tempfile.TemporaryDirectory(prefix="maf-vdev-") as folder:
        source, target = Path(folder, "module.ptx"), Path(folder, "module.cubin")
        source.write_bytes(ptx)
        done = subprocess.run(
            [ptxas(), f"-arch={arch}", "-o", str(target), str(source)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ImageError(ERROR_JIT, f"ptxas: {done.stderr.strip() or done.stdout.strip()}")
        return target.read_bytes()
