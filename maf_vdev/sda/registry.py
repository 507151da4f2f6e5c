"""Which SDAs are in use on this machine, and what devices could back them.

Each executor writes one file, ``<pid>.json``, in a runtime folder. Nothing else is kept: an entry
whose process is gone, or is another process by now, is no entry. So accounting survives kill -9.
Memory in use is read from the control page that client and executor share.
"""

from __future__ import annotations

import json
import mmap
import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One running executor. start_time: field 22 of /proc/<pid>/stat, which tells a reused pid apart."""

    pid: int
    start_time: int
    app_pid: int
    command: str
    count: int
    name: str
    backing: str
    memory_bytes: int
    control: str  # path of the shared control page


def folder() -> Path:
    """The runtime folder; made with access for this user only. Raises PermissionError if it is another's."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    path = Path(base) / "maf-vdev" if base and os.path.isdir(base) else Path(f"/tmp/maf-vdev-{os.getuid()}")
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(f"{path} belongs to another user")
    return path


def start_time(pid: int) -> int | None:
    """Clock ticks after boot at which a process started; None if there is no such process or it is a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return None if fields[0] in "ZX" else int(fields[19])


def command_line(pid: int) -> str:
    """A process's command line as one string; empty if it cannot be read."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    except OSError:
        return ""
    return " ".join(word.decode(errors="replace") for word in words)


def register(app_pid: int, count: int, name: str, memory_bytes: int, ring_fd: int, backing: str = "cpu") -> Path:
    """Make this process known as an executor. Returns its file, which is removed at a regular end."""
    pid = os.getpid()
    entry = Entry(
        pid=pid,
        start_time=start_time(pid) or 0,
        app_pid=app_pid,
        command=command_line(app_pid),
        count=count,
        name=name,
        backing=backing,
        memory_bytes=memory_bytes,
        control=f"/proc/{pid}/fd/{ring_fd}",
    )
    path = folder() / f"{pid}.json"
    new = path.with_suffix(".new")
    new.write_text(json.dumps(asdict(entry)))
    new.replace(path)
    return path


def entries() -> list[Entry]:
    """Executors that run now. Files of dead ones are removed."""
    found = []
    for path in sorted(folder().glob("*.json")):
        try:
            entry = Entry(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            entry = None
        if entry is not None and start_time(entry.pid) == entry.start_time:
            found.append(entry)
        elif entry is not None or not path.stem.isdigit() or start_time(int(path.stem)) is None:
            path.unlink(missing_ok=True)
    return found


def used_bytes(entry: Entry) -> list[int]:
    """Device memory in use of each SDA of an executor, from its control page."""
    from maf_vdev.protocol import ffi

    size = ffi.sizeof("struct maf_control")
    try:
        with open(entry.control, "rb") as stream, mmap.mmap(stream.fileno(), size, prot=mmap.PROT_READ) as page:
            control = ffi.new("struct maf_control *")
            ffi.buffer(control)[:] = page[:size]
    except (OSError, ValueError):
        return [0] * entry.count
    return [int(control.used_bytes[index]) for index in range(entry.count)]


def list_sdas() -> list[dict[str, Any]]:
    """One record for each SDA in use: app_pid, pid (of the executor), index, name, backing, used_bytes,
    total_bytes, command."""
    result = []
    for entry in entries():
        for index, used in enumerate(used_bytes(entry)):
            result.append(
                {
                    "app_pid": entry.app_pid,
                    "pid": entry.pid,
                    "index": index,
                    "name": entry.name,
                    "backing": entry.backing,
                    "used_bytes": used,
                    "total_bytes": entry.memory_bytes,
                    "command": entry.command,
                }
            )
    return result


def physical_devices() -> list[dict[str, Any]]:
    """What this machine has: id, name, units (cores or compute units), memory_bytes, subgroup (threads that exchange
    values in registers, 0: through local memory), state ("ready"), missing (what it lacks, in words).

    The CPU comes first, then OpenCL devices of each driver, then HIP devices. A kind that cannot be asked is one
    entry whose state says why."""
    return [_cpu(), *_opencl(), *_hip()]


def _cpu() -> dict[str, Any]:
    name = "CPU"
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() in ("model name", "Model", "Processor"):
                name = value.strip()
                break
    except OSError:
        pass
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    units = len(os.sched_getaffinity(0))
    return {
        "id": "cpu",
        "name": name,
        "units": units,
        "memory_bytes": memory,
        "subgroup": 32,
        "state": "ready",
        "missing": [],
    }


def _absent(kind: str, error: Exception) -> dict[str, Any]:
    return {"id": kind, "name": "", "units": 0, "memory_bytes": 0, "subgroup": 0, "state": str(error), "missing": []}


def _opencl() -> list[dict[str, Any]]:
    from maf_vdev.devices import DeviceError, opencl_runtime

    try:
        found = opencl_runtime.devices()
    except DeviceError as error:
        return [_absent("opencl", error)]
    broken = [_absent("opencl", OSError(why)) | {"name": name} for name, why in opencl_runtime.broken_drivers()]
    return [
        {
            "id": f"opencl:{d.index}",
            "name": d.label,
            "units": d.units,
            "memory_bytes": d.memory_bytes,
            "subgroup": d.subgroup,
            "state": d.unusable or "ready",
            "missing": list(d.missing),
        }
        for d in found
    ] + broken


def _hip() -> list[dict[str, Any]]:
    from maf_vdev.devices import DeviceError, hip_runtime

    try:
        found = hip_runtime.hip().devices()
    except DeviceError as error:
        return [_absent("hip", error)]
    return [
        {
            "id": f"hip:{d.index}",
            "name": d.label,
            "units": d.units,
            "memory_bytes": d.memory_bytes,
            "subgroup": d.wave,
            "state": d.unusable or "ready",
            "missing": list(d.missing),
        }
        for d in found
    ]
