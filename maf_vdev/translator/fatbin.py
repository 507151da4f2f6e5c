"""Device code containers: fatbins, bare cubins and PTX text.

A fatbin is a 16-byte header (magic, version, header size, bytes that follow) and a list of entries,
each a header and one payload: a cubin or PTX text, plain, LZ4 or zstd. Layout as in CUDA's public
``fatbinary_section.h`` for the wrapper and as observed in wheels for the entries.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

FATBIN_MAGIC = 0xBA55ED50
ELF_MAGIC = b"\x7fELF"

_CONTAINER = struct.Struct("<IHHQ")  # magic, version, header bytes, payload bytes
_ENTRY = struct.Struct("<HHIQIIHHIIIQQQ")

_KINDS = {1: "ptx", 2: "elf"}
_FLAG_LZ4 = 0x2000
_FLAG_ZSTD = 0x8000
_FLAG_ARCH_SPECIFIC = 0x100000  # sm_90a
_FLAG_FAMILY = 0x200000  # sm_100f

ET_REL = 1


class FatbinError(Exception):
    """Bytes that are not a well-formed device code container."""


class NoImageError(Exception):
    """No image fits the device. ``found`` lists what the container holds, such as ``["sm_80", "compute_90"]``."""

    def __init__(self, capability: tuple[int, int], found: Iterable[str]):
        self.capability, self.found = capability, list(found)
        held = ", ".join(self.found) or "nothing"
        super().__init__(
            f"no kernel image for compute capability {capability[0]}.{capability[1]}; the module holds {held}"
        )


@dataclass(frozen=True)
class Image:
    """One entry. kind is ``elf`` or ``ptx``; arch as an int (75); flavour is "", "a" or "f" (sm_90a, sm_100f)."""

    kind: str
    arch: int
    flavour: str
    compression: str
    payload: memoryview
    size: int

    @property
    def name(self) -> str:
        prefix = "sm_" if self.kind == "elf" else "compute_"
        return f"{prefix}{self.arch}{self.flavour}"

    @cached_property
    def data(self) -> bytes:
        """The cubin's bytes, or PTX text without its final NUL; decompressed at first use."""
        try:
            raw = _DECOMPRESS[self.compression](self.payload, self.size)
        except Exception as error:  # each codec has its own exception classes
            raise FatbinError(f"{self.name}: bad {self.compression} payload: {error}") from error
        if len(raw) != self.size:
            raise FatbinError(f"{self.name}: payload of {len(raw)} bytes, header says {self.size}")
        return raw.rstrip(b"\0") if self.kind == "ptx" else raw


def _stored(payload: memoryview, size: int) -> bytes:
    return bytes(payload)


def _lz4(payload: memoryview, size: int) -> bytes:
    import lz4.block

    return lz4.block.decompress(payload, uncompressed_size=size)


def _zstd(payload: memoryview, size: int) -> bytes:
    import zstandard

    return zstandard.ZstdDecompressor().decompress(payload, max_output_size=size)


_DECOMPRESS = {"none": _stored, "lz4": _lz4, "zstd": _zstd}


def elf_arch(elf: bytes | memoryview) -> int:
    """The SM number of a cubin: e_flags bits 0..7 in ELF ABI 7, bits 8..15 in ABI 8."""
    if len(elf) < 64:
        raise FatbinError("truncated cubin")
    abi, flags = elf[8], struct.unpack_from("<I", elf, 48)[0]
    return (flags >> 8) & 0xFF if abi >= 8 else flags & 0xFF


def _entry(data: memoryview, at: int, end: int) -> tuple[Image | None, int]:
    """The image at ``at`` (None for a kind we have no use for) and the offset of the next entry."""
    if at + _ENTRY.size > end:
        raise FatbinError(f"truncated entry header at {at:#x}")
    fields = _ENTRY.unpack_from(data, at)
    kind, _, header, padded, compressed, _, _, _, arch, _, _, flags, _, size = fields
    start, stop = at + header, at + header + padded
    if header < _ENTRY.size or stop > end:
        raise FatbinError(f"entry at {at:#x} runs past its container")
    if kind not in _KINDS:
        return None, stop
    compression = "zstd" if flags & _FLAG_ZSTD else "lz4" if flags & _FLAG_LZ4 else "none"
    if compression == "none":
        payload = data[start:stop]
        size = len(payload)
    else:
        payload = data[start : start + compressed]
    flavour = "a" if flags & _FLAG_ARCH_SPECIFIC else "f" if flags & _FLAG_FAMILY else ""
    return Image(_KINDS[kind], arch, flavour, compression, payload, size), stop


def container_size(header: bytes | memoryview) -> int:
    """Bytes of the whole container that begins with this 16-byte header."""
    magic, _, header_bytes, size = _CONTAINER.unpack_from(header, 0)
    if magic != FATBIN_MAGIC:
        raise FatbinError(f"not a fatbin: magic {magic:#x}")
    return header_bytes + size


def images(data: bytes | memoryview) -> list[Image]:
    """The images of a fatbin, a bare cubin or PTX text, in stored order.

    Bytes after the container are ignored, so a pointer into a larger mapping serves too.
    """
    view = memoryview(data)
    if bytes(view[:4]) == ELF_MAGIC:
        return [Image("elf", elf_arch(view), "", "none", view, len(view))]
    if len(view) >= _CONTAINER.size and _CONTAINER.unpack_from(view, 0)[0] == FATBIN_MAGIC:
        at, end = _CONTAINER.unpack_from(view, 0)[2], container_size(view)
        if end > len(view):
            raise FatbinError(f"container of {end} bytes, {len(view)} given")
        found = []
        while at < end:
            image, at = _entry(view, at, end)
            if image is not None:
                found.append(image)
        return found
    return [_ptx_text(view)]


def _ptx_text(view: memoryview) -> Image:
    text = bytes(view)
    text = text[: text.index(b"\0")] if b"\0" in text else text
    target = text.partition(b".target")[2].split(None, 1)
    if b".version" not in text or not target or not target[0].startswith(b"sm_"):
        raise FatbinError(f"neither fatbin, cubin nor PTX: begins with {text[:8].hex(' ')}")
    digits = target[0].strip(b",")[3:].decode("ascii", "replace")
    number = digits.rstrip("af")
    if not number.isdigit():
        raise FatbinError(f"PTX for an unknown target {target[0]!r}")
    return Image("ptx", int(number), digits[len(number) :], "none", memoryview(text), len(text))


# Newer architectures whose code is understood here: none of it needs more than what an SDA has.
FOREIGN = (80, 86, 87)


def foreign(candidates: Iterable[Image]) -> list[Image]:
    """The image of the first architecture in FOREIGN that is there, in a list; empty without one."""
    found = {image.arch: image for image in candidates if image.kind == "elf" and not image.flavour}
    return [found[arch] for arch in FOREIGN if arch in found][:1]


def choose(candidates: Iterable[Image], capability: tuple[int, int]) -> Image:
    """The image that runs on a device of this compute capability.

    A cubin runs on devices of its own major version and an equal or higher minor (CUDA C++ Programming
    Guide, "Binary Compatibility"); architecture-specific ones on exactly their own. Without one, the
    newest PTX not newer than the device. Without that, an image of FOREIGN, which a GPU of this capability would not
    run, but an SDA does. Raises :class:`NoImageError`.
    """
    candidates = list(candidates)
    major, minor = capability
    arch = 10 * major + minor

    def fits(image: Image) -> bool:
        if image.kind == "ptx":
            return image.arch == arch if image.flavour else image.arch <= arch
        if image.flavour == "a":
            return image.arch == arch
        return image.arch // 10 == major and image.arch <= arch

    usable = [image for image in candidates if fits(image)] or foreign(candidates)
    if not usable:
        raise NoImageError(capability, (image.name for image in candidates))
    return max(usable, key=lambda image: (image.kind == "elf", image.arch, not image.flavour))
