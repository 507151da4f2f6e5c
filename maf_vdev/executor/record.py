"""The run record: what one run of an application used. ``maf-vdev explain`` shows it.

Kept in memory, written as JSON when the executor ends: user_state_dir("maf-vdev")/runs/<time>-<pid>.json.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass, field

KEEP_RUNS = 50


def log_level() -> int:
    """MAF_LOG as a number; 0 when unset or not a number."""
    value = os.environ.get("MAF_LOG", "")
    return int(value) if value.isdigit() else 0


@dataclass
class Record:
    """Notes of one run, in the order they came."""

    started: float = field(default_factory=time.time)
    notes: Counter[str] = field(default_factory=Counter)
    faults: list[dict] = field(default_factory=list)

    def note(self, line: str) -> None:
        """A line from the client, such as "unsupported cublasFoo"."""
        self.notes[line] += 1

    def fault(self, error: int, text: str) -> None:
        """An error that the application was given."""
        self.faults.append({"error": error, "text": text, "time": time.time()})


_record: Record | None = None


def current() -> Record:
    """This process's record."""
    global _record
    if _record is None:
        _record = Record()
    return _record


def start(args: object) -> None:
    """Begin the record."""
    current()


def finish(args: object) -> None:
    """Write it."""
