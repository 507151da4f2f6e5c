"""Profiles: what a program is told about an SDA. ``NAME.profile`` holds ``key = value`` lines.

Keys are fields of cudaDeviceProp, those that CUDA 13 dropped (clockRate, memoryClockRate) included: the
client serves both layouts. The client library reads the same files (shim/client/settings.c).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "profiles"

# Values of a compute capability 7.5 device where a profile does not say otherwise.
DEFAULTS: dict[str, int] = {
    "major": 7,
    "minor": 5,
    "multiProcessorCount": 4,
    "totalGlobalMem": 8 << 30,
    "maxThreadsPerMultiProcessor": 1024,
    "maxBlocksPerMultiProcessor": 16,
    "maxThreadsPerBlock": 1024,
    "sharedMemPerBlock": 48 << 10,
    "sharedMemPerBlockOptin": 64 << 10,
    "sharedMemPerMultiprocessor": 64 << 10,
    "reservedSharedMemPerBlock": 0,
    "regsPerBlock": 64 << 10,
    "regsPerMultiprocessor": 64 << 10,
    "warpSize": 32,
    "totalConstMem": 64 << 10,
    "l2CacheSize": 4 << 20,
    "clockRate": 1590000,
    "memoryClockRate": 5001000,
    "memoryBusWidth": 256,
    "asyncEngineCount": 3,
    "pciBusID": 1,
    "pciDeviceID": 0,
    "pciDomainID": 0,
}
# Programs divide by the others.
MAY_BE_ZERO = {"minor", "reservedSharedMemPerBlock", "pciBusID", "pciDeviceID", "pciDomainID"}

_UNITS = {"K": 10, "M": 20, "G": 30, "T": 40}


class ProfileError(ValueError):
    """A profile that does not exist or does not parse; names the file and line."""


@dataclass(frozen=True)
class Profile:
    """One profile. `properties` has every key of DEFAULTS."""

    name: str
    path: Path
    properties: dict[str, int] = field(default_factory=dict)

    @property
    def memory(self) -> int:
        """Device memory in bytes."""
        return self.properties["totalGlobalMem"]

    @property
    def capability(self) -> tuple[int, int]:
        """Compute capability."""
        return self.properties["major"], self.properties["minor"]


def parse_size(text: str) -> int:
    """``64K``, ``8G``, ``1.5GiB``, ``0x1000`` or a plain number, as an int; ValueError otherwise."""
    body = text.strip()
    for suffix in ("iB", "ib", "B", "b"):
        if body.endswith(suffix) and body[: -len(suffix)][-1:].upper() in _UNITS:
            body = body[: -len(suffix)]
            break
    shift = _UNITS.get(body[-1:].upper())
    if shift is None:
        return int(body, 0)
    return int(float(body[:-1]) * (1 << shift))


def read(path: Path) -> Profile:
    """Parse one file. Raises ProfileError."""
    name, properties = path.stem, dict(DEFAULTS)
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise ProfileError(f"{path}: {error.strerror}") from None
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            raise ProfileError(f"{path}:{number}: not a 'key = value' line")
        if key == "name":
            name = value.strip('"')
            continue
        if key not in DEFAULTS:
            raise ProfileError(f"{path}:{number}: unknown key {key}")
        try:
            properties[key] = parse_size(value.partition("#")[0])
        except ValueError:
            raise ProfileError(f"{path}:{number}: {value} is not a number") from None
        if properties[key] < 0 or (properties[key] == 0 and key not in MAY_BE_ZERO):
            raise ProfileError(f"{path}:{number}: {key} cannot be {value}")
    return Profile(name, path, properties)


def names() -> list[str]:
    """The profiles that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.profile"))


def load(name: str = "default") -> Profile:
    """A profile by name, or by path when it holds a slash. Raises ProfileError."""
    return read(Path(name) if "/" in name else FOLDER / f"{name}.profile")


def current() -> Profile:
    """What the environment asks for: MAF_PROFILE, with the memory of MAF_MEMORY."""
    profile = load(os.environ.get("MAF_PROFILE") or "default")
    memory = os.environ.get("MAF_MEMORY")
    if not memory:
        return profile
    try:
        size = parse_size(memory)
    except ValueError:
        size = 0  # the client library says so
    return Profile(profile.name, profile.path, {**profile.properties, "totalGlobalMem": size}) if size > 0 else profile
