"""The run record: what one run of an application used. ``maf-vdev explain`` shows it.

Kept in memory and written as JSON when the executor ends: <user state folder>/maf-vdev/runs/<time>-<pid>.json,
the last KEEP_RUNS of them. Keys of the JSON: see `Record.summary`.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maf_vdev.executor._core import ffi, lib

KEEP_RUNS = 50
VERSION = 1


def log_level() -> int:
    """MAF_LOG as a number; 0 when unset or not a number."""
    value = os.environ.get("MAF_LOG", "")
    return int(value) if value.isdigit() else 0


def runs_folder() -> Path:
    """Where run records are kept."""
    from platformdirs import user_state_dir

    return Path(user_state_dir("maf-vdev", appauthor=False)) / "runs"


def _age() -> float:
    """Seconds since this process started, to a clock tick; 0 where /proc does not say."""
    from maf_vdev.sda import registry

    ticks = registry.start_time(os.getpid())
    if ticks is None:
        return 0.0
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"))


@dataclass
class KernelUse:
    """One kernel's planning: seconds that the application waited for each launch variant."""

    id: int
    name: str
    instructions: int
    prepared: dict[int, float] = field(default_factory=dict)
    cached: bool = False  # its code was there when the application first asked for it


@dataclass
class Record:
    """What happened in this process."""

    started: float = field(default_factory=lambda: time.time() - _age())
    ready: float = 0.0
    command: str = ""
    notes: Counter[str] = field(default_factory=Counter)
    faults: list[dict[str, Any]] = field(default_factory=list)
    kernels: list[KernelUse] = field(default_factory=list)
    plans: list[str] = field(default_factory=list)

    def note(self, line: str) -> None:
        """A line from the client, such as "unsupported cublasFoo"."""
        self.notes[line] += 1

    def fault(self, error: int, text: str) -> None:
        """An error that the application was given."""
        self.faults.append({"error": error, "text": text})

    def summary(self, args: Any) -> dict[str, Any]:
        """The record as JSON-ready data.

        command, app_pid, pid, started (seconds since 1970), seconds, start_seconds (until it served),
            cpu_seconds (of all threads)
        sda: name, count, memory_bytes
        counters: as in struct maf_counters
        kernels: name, instructions, launches, seconds (running), waits: {variant: seconds the application
            waited}, cached: {variant: taken from the disk cache}; sorted by running time
        operations: name, runs, seconds
        modnn: plans per op and provider, slow fall-backs, refusals, missing providers
        staged: read_bytes, written_bytes, faults of host code that worked on memory that only the device reaches;
            empty where there is none
        unsupported: {call: times}; notes: {line: times}; faults: error, text
        """
        from maf_vdev.names import readable

        counters = ffi.new("struct maf_counters *")
        lib.maf_core_get_counters(counters)
        usage = ffi.new("struct maf_usage *")
        kernels = []
        for kernel in self.kernels:
            lib.maf_core_kernel_usage(kernel.id, usage)
            kernels.append(
                {
                    "name": readable(kernel.name),
                    "instructions": kernel.instructions,
                    "launches": usage.runs,
                    "seconds": usage.ns / 1e9,
                    "waits": {str(variant): round(wait, 6) for variant, wait in kernel.prepared.items()},
                    "cached": {str(variant): kernel.cached for variant in kernel.prepared},
                }
            )
        operations: dict[str, list[float]] = {}
        for number, name in enumerate(self.plans):
            lib.maf_core_plan_usage(number, usage)
            total = operations.setdefault(name, [0, 0.0])
            total[0] += usage.runs
            total[1] += usage.ns / 1e9
        unsupported = {
            line.removeprefix("unsupported "): count
            for line, count in self.notes.items()
            if line.startswith("unsupported ")
        }
        return {
            "version": VERSION,
            "command": self.command,
            "app_pid": args.app_pid,
            "pid": os.getpid(),
            "started": self.started,
            "seconds": time.time() - self.started,
            "start_seconds": self.ready - self.started,
            "cpu_seconds": time.process_time(),
            "sda": self._sda(args),
            "counters": {name: getattr(counters, name) for name, _ in ffi.typeof("struct maf_counters").fields},
            "kernels": sorted(kernels, key=lambda kernel: -kernel["seconds"]),
            "operations": [
                {"name": name, "runs": runs, "seconds": seconds}
                for name, (runs, seconds) in sorted(operations.items(), key=lambda item: -item[1][1])
            ],
            "modnn": self._modnn(),
            "staged": self._staged(),
            "unsupported": unsupported,
            "notes": {line: count for line, count in self.notes.items() if not line.startswith("unsupported ")},
            "faults": self._faults(),
        }

    @staticmethod
    def _sda(args: Any) -> dict[str, Any]:
        from maf_vdev.sda import profiles

        try:
            profile = profiles.current()
        except profiles.ProfileError as error:
            return {"name": str(error), "count": args.count, "memory_bytes": 0}
        return {"name": profile.name, "count": args.count, "memory_bytes": profile.memory}

    @staticmethod
    def _staged() -> dict[str, int]:
        if not lib.maf_own_active():
            return {}
        counters = ffi.new("struct maf_own_counters *")
        lib.maf_own_get_counters(counters)
        return {name: getattr(counters, name) for name, _ in ffi.typeof("struct maf_own_counters").fields}

    @staticmethod
    def _modnn() -> dict[str, Any]:
        if "maf_vdev.modnn.registry" not in sys.modules:
            return {}
        from maf_vdev.modnn import registry  # waits where another thread is in the middle of it

        return registry.statistics()

    def _faults(self) -> list[dict[str, Any]]:
        """Those that planning met, and the sticky one when a signal set it."""
        control = lib.maf_core_control()
        if not control.fault:
            return self.faults
        text = ffi.string(control.fault_text).decode(errors="replace")
        sticky = {"error": control.fault, "text": text}
        return self.faults if sticky in self.faults else [*self.faults, sticky]


_record = Record()
_entry: Path | None = None


def current() -> Record:
    """This process's record."""
    return _record


def start(args: Any) -> None:
    """The executor serves: note the time and make it known to `maf-vdev list`."""
    global _entry
    _record.ready = time.time()
    from maf_vdev import devices
    from maf_vdev.sda import profiles, registry

    _record.command = registry.command_line(args.app_pid)
    try:
        profile = profiles.current()
        name, memory = profile.name, profile.memory
    except profiles.ProfileError as error:
        name, memory = "default", profiles.DEFAULTS["totalGlobalMem"]
        print(f"maf-vdev: {error}; the built-in values are used", file=sys.stderr)
    try:
        _entry = registry.register(args.app_pid, args.count, name, memory, args.ring_fd, devices.chosen())
    except OSError as error:
        if log_level() >= 1:
            print(f"maf-vdev: not listed: {error}", file=sys.stderr)


def finish(args: Any) -> None:
    """Write the record, unless the application never used its SDA; forget the oldest ones."""
    if _entry is not None:
        _entry.unlink(missing_ok=True)
    summary = _record.summary(args)
    if not summary["counters"]["commands"] and not summary["faults"] and not summary["unsupported"]:
        return
    import json

    try:
        folder = runs_folder()
        folder.mkdir(parents=True, exist_ok=True)
        stamp = time.strftime("%Y%m%dT%H%M%S", time.localtime(_record.started))
        path = folder / f"{stamp}-{args.app_pid}.json"
        new = path.with_suffix(".new")
        new.write_text(json.dumps(summary, indent=1))
        new.replace(path)
        for old in sorted(folder.glob("*.json"))[:-KEEP_RUNS]:
            old.unlink(missing_ok=True)
    except OSError as error:
        if log_level() >= 1:
            print(f"maf-vdev: run record: {error}", file=sys.stderr)
