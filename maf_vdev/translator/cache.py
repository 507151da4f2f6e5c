"""The disk cache of compiled kernels: checksummed files that many processes may fill at once.

One file per entry under MAF_CACHE_DIR or the user's cache directory, written to a temporary name and
renamed. The key covers the kernel's bytes, the translator's own source, the target and the variant.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from .cubin import KernelCode

MAGIC = b"MAFK1\n"
SUFFIX = ".kernel"
_warned: set[str] = set()


def directory() -> Path:
    """Where entries are; it may not exist yet."""
    chosen = os.environ.get("MAF_CACHE_DIR")
    if chosen:
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_cache_dir("maf-vdev"))


@cache
def translator_version() -> str:
    """Digest of the translator's source: a change of any rule makes new keys. source/ translates no SASS."""
    root = Path(__file__).resolve().parent
    h = hashlib.sha256()
    for path in sorted(set(root.rglob("*.py")) - set((root / "source").rglob("*.py"))):
        h.update(path.name.encode())
        h.update(path.read_bytes())
    return h.hexdigest()


@cache
def machine() -> str:
    """What decides the code generator's choices on this machine, without asking LLVM."""
    facts = [platform.machine(), os.environ.get("MAF_CPU", "")]
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
        wanted = ("vendor_id", "cpu family", "model", "stepping", "flags", "Features", "CPU implementer", "CPU part")
        facts += [line for line in lines if line.split("\t")[0].strip() in wanted]
    except OSError:
        facts.append(platform.processor())
    return "\n".join(facts)


def key(code: KernelCode, variant: int, form: str) -> str:
    """Name of the entry for one form of a kernel on this machine."""
    h = hashlib.sha256()
    tables = sorted((offset, tuple(targets)) for offset, targets in code.indirect_branches.items())
    names = sorted(code.subroutines.items())
    addresses = sorted(code.address_operands.items())
    places = code.param_base, code.segments, code.pointees
    for part in (translator_version(), machine(), code.arch, variant, form, places, tables, names, addresses):
        h.update(repr(part).encode() + b"\0")
    h.update(code.code)
    return h.hexdigest()


def name_of(*parts: object) -> str:
    """Name of an entry for something other than a kernel's form, by all that decides its content."""
    h = hashlib.sha256()
    for part in parts:
        h.update(repr(part).encode(errors="surrogateescape") + b"\0")
    return h.hexdigest()


def _path(name: str) -> Path:
    return directory() / name[:2] / (name + SUFFIX)


def _warn(kind: str, text: str) -> None:
    if kind not in _warned:
        _warned.add(kind)
        print(f"maf-vdev: {text}", file=sys.stderr)


def read(name: str) -> bytes | None:
    """An entry's payload, or None. A damaged entry is reported, removed and counts as missing."""
    path = _path(name)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        _warn("read", f"cannot read the kernel cache: {error}")
        return None
    head = len(MAGIC) + 32
    payload = data[head:]
    if data[: len(MAGIC)] == MAGIC and data[len(MAGIC) : head] == hashlib.sha256(payload).digest():
        return payload
    print(f"maf-vdev: damaged cache entry {path}, compiling again", file=sys.stderr)
    try:
        path.unlink()
    except OSError:
        pass
    return None


def contains(name: str) -> bool:
    return _path(name).exists()


def write(name: str, payload: bytes) -> bool:
    """Store an entry. A directory that cannot be written costs one warning and nothing else."""
    path = _path(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".new", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(MAGIC + hashlib.sha256(payload).digest() + payload)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        _warn("write", f"cannot write the kernel cache {directory()}: {error}; kernels are compiled every time")
        return False
    return True


def entries() -> Iterator[Path]:
    """Files of all entries."""
    root = directory()
    if root.is_dir():
        yield from root.glob("??/*" + SUFFIX)


def info() -> dict[str, object]:
    """path, entries and bytes of the cache."""
    sizes = []
    for path in entries():
        try:
            sizes.append(path.stat().st_size)
        except OSError:
            pass
    return {"path": str(directory()), "entries": len(sizes), "bytes": sum(sizes)}


def clear() -> int:
    """Delete all entries; how many there were."""
    count = 0
    for path in list(entries()):
        try:
            path.unlink()
            count += 1
        except OSError:
            pass
    return count
