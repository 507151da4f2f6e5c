"""The record of a program's run (maf_vdev/executor/record.py), for tests that ran one with XDG_STATE_HOME of its own."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any


def of(state_home: Path, seconds: float = 20) -> dict[str, Any]:
    """The one run recorded there. The executor writes it when it ends, which may be after the program has."""
    end = time.monotonic() + seconds
    while True:
        found = list((state_home / "maf-vdev" / "runs").glob("*.json"))
        if found or time.monotonic() > end:
            (path,) = found
            return json.loads(path.read_text())
        time.sleep(0.02)
