"""The environment that makes a program see Software-Defined Accelerators.

Everything is plain environment variables, so that one LD_PRELOAD line is enough in a container.
"""

from __future__ import annotations

import os
import re
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

LIBRARIES = Path(__file__).resolve().parent.parent / "lib"
PROFILES = Path(__file__).resolve().parent.parent / "sda" / "profiles"

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class UsageError(Exception):
    """A wrong argument; the message is one line for the user."""


@dataclass(frozen=True)
class Settings:
    """What ``maf-exec`` was asked for; None means the default."""

    device: str | None = None
    count: int | None = None
    memory: int | None = None  # bytes per SDA
    profile: str | None = None


def parse_size(text: str) -> int:
    """Bytes of ``512M``, ``4G``, ``1.5GiB`` or a plain number; UsageError otherwise."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    size = int(float(match[1]) * _UNITS[match[2].upper()]) if match else 0
    if size <= 0:
        raise UsageError(f"'{text}' is not a size (use for example 512M or 4G)")
    return size


def preload_libraries() -> list[Path]:
    """The shim libraries in the order of LD_PRELOAD; UsageError if the installation has none."""
    found = sorted(LIBRARIES.glob("libmaf_*.so"))
    if not found:
        raise UsageError(f"no shim libraries in {LIBRARIES}: install the package with 'pip install .'")
    return found


def soname(library: Path) -> str | None:
    """DT_SONAME of a 64-bit little-endian ELF shared library, None if it has none."""
    from elftools.elf.dynamic import DynamicSection
    from elftools.elf.elffile import ELFFile

    with library.open("rb") as stream:
        for section in ELFFile(stream).iter_sections():
            if isinstance(section, DynamicSection):
                return next((tag.soname for tag in section.iter_tags("DT_SONAME")), None)
    return None


def build(settings: Settings, base: dict[str, str]) -> dict[str, str]:
    """The variables to set on top of ``base`` for a program that shall see SDAs."""
    from maf_vdev import devices

    result = {}
    ours = [str(p) for p in preload_libraries()]
    inherited = [p for p in re.split(r"[ :]+", base.get("LD_PRELOAD", "")) if p and p not in ours]
    result["LD_PRELOAD"] = ":".join(ours + inherited)
    result["MAF_PYTHON"] = sys.executable
    # torch's own dense solvers (MAGMA) run from their sm_80 code, which takes long to compile; cuSOLVER's are ours.
    result["TORCH_LINALG_PREFER_CUSOLVER"] = base.get("TORCH_LINALG_PREFER_CUSOLVER", "1")
    # Triton looks for the driver's file and links against it: torch.compile ends without it.
    result["TRITON_LIBCUDA_PATH"] = base.get("TRITON_LIBCUDA_PATH", str(LIBRARIES / "link"))
    asked = settings.device if settings.device is not None else base.get("MAF_DEVICE")
    device = _device(asked) if asked else devices.default()
    if asked or device != "cpu":
        result["MAF_DEVICE"] = device
        own = devices.own_memory(device)
        if own and settings.memory is None and not base.get("MAF_MEMORY"):
            result["MAF_MEMORY"] = str(own)
    if settings.count is not None:
        if not 1 <= settings.count <= 16:
            raise UsageError(f"--count {settings.count} is outside 1..16")
        result["MAF_COUNT"] = str(settings.count)
    if settings.memory is not None:
        result["MAF_MEMORY"] = str(settings.memory)
    if settings.profile is not None:
        known = sorted(p.stem for p in PROFILES.glob("*.profile"))
        if settings.profile not in known and not Path(settings.profile).is_file():
            raise UsageError(f"no profile '{settings.profile}' (known: {', '.join(known)}; or a file's path)")
        path = Path(settings.profile)
        result["MAF_PROFILE"] = str(path.resolve()) if path.is_file() else settings.profile
    return result


def _device(name: str) -> str:
    """A device name that exists; UsageError otherwise."""
    from maf_vdev import devices

    try:
        return devices.check(name)
    except devices.DeviceError as error:
        raise UsageError(str(error)) from None


def is_static(program: str) -> bool:
    """Whether an ELF program has no dynamic loader, so that LD_PRELOAD cannot reach it."""
    try:
        data = Path(program).read_bytes()[: 1 << 16]
    except OSError:
        return False
    if data[:5] != b"\x7fELF\x02":
        return False
    table, size, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    kinds = [
        struct.unpack_from("<I", data, table + i * size)[0] for i in range(count) if table + i * size + 4 <= len(data)
    ]
    return 3 not in kinds  # PT_INTERP


def find_program(name: str, path: str) -> str | None:
    """The file that ``exec`` would run for ``name``."""
    import shutil

    return shutil.which(name, path=path or os.defpath)
