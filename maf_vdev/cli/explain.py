"""``maf-vdev explain``: what a recorded run used. Keys of a record: executor/record.py, `Record.summary`."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

from maf_vdev.cli.environment import UsageError
from maf_vdev.cli.table import duration, print_table, size

SHOWN = 15


def _recorded() -> list[Path]:
    """Record files, the latest first."""
    from platformdirs import user_state_dir

    folder = Path(user_state_dir("maf-vdev", appauthor=False)) / "runs"
    return sorted(folder.glob("*.json"), reverse=True)


def _find(name: str | None) -> Path:
    """The record meant by ``name``: a number of the list, a file, or None for the latest. UsageError if none."""
    recorded = _recorded()
    if name is None:
        if not recorded:
            raise UsageError("no run is recorded yet")
        return recorded[0]
    if name.isdigit() and 1 <= int(name) <= len(recorded):
        return recorded[int(name) - 1]
    if Path(name).is_file():
        return Path(name)
    raise UsageError(f"no run '{name}' ({len(recorded)} are recorded; see 'maf-vdev explain --runs')")


def _load(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from None


def _when(run: dict[str, Any]) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run["started"]))


def show(name: str | None, runs: bool, as_json: bool) -> None:
    """Print one run, or the list of runs."""
    if runs:
        rows = [(i, _load(path)) for i, path in enumerate(_recorded(), 1)]
        if as_json:
            print(json.dumps([run for _, run in rows], indent=1))
        else:
            print_table(
                ("RUN", "STARTED", "TIME", "FAULTS", "PROGRAM"),
                ((i, _when(run), duration(run["seconds"]), len(run["faults"]), run["command"]) for i, run in rows),
            )
        return
    run = _load(_find(name))
    print(json.dumps(run, indent=1)) if as_json else _print(run)


def show_missing(as_json: bool) -> None:
    """Print, over all recorded runs, what ran slowly or not at all, most frequent first, and in how many runs."""
    times, runs = Counter(), Counter()
    for path in _recorded():
        for title, entries in _missing(_load(path)).items():
            times.update({(title, what): count for what, count in entries.items()})
            runs.update((title, what) for what in entries)
    rows = sorted(((n, runs[key], *key) for key, n in times.items()), key=lambda row: (-row[0], row[2:]))
    if as_json:
        print(json.dumps([{"kind": k, "what": w, "times": n, "runs": r} for n, r, k, w in rows], indent=1))
    else:
        print_table(("TIMES", "RUNS", "KIND", "WHAT"), rows)


def _missing(run: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Title -> {what a run did on a reference provider, or asked for in vain: times}."""
    slow = {what: count for ops in run["modnn"].get("slow", {}).values() for what, count in ops.items()}
    return {"Slow (reference provider)": slow, "Not supported": run["unsupported"]}


def _print(run: dict[str, Any]) -> None:
    print(run["command"])
    sda = run["sda"]
    print(f"{_when(run)}, {duration(run['seconds'])}; {sda['count']} x {sda['name']} ({size(sda['memory_bytes'])})")
    kernels = run["kernels"]
    used = [k for k in kernels if k["launches"]]
    cached = sum(all(k["cached"].values()) for k in used)
    waited = sum(sum(k["waits"].values()) for k in kernels)
    print(
        f"\nKernels: {len(used)} used, {cached} of them from the cache, {sum(k['launches'] for k in used)} launches; "
        f"{duration(sum(k['seconds'] for k in used))} running, {duration(waited)} waiting for code"
    )
    if run["counters"].get("overrides"):
        print(f"{run['counters']['overrides']} of the launches ran as overrides (MAF_OVERRIDES=0 turns them off)")
    if used:
        print_table(
            ("LAUNCHES", "RUNNING", "WAITED", "INSTRUCTIONS", "KERNEL"),
            (
                (
                    k["launches"],
                    duration(k["seconds"]),
                    duration(sum(k["waits"].values())),
                    k["instructions"],
                    k["name"][:100],
                )
                for k in used[:SHOWN]
            ),
        )
        if len(used) > SHOWN:
            print(f"... and {len(used) - SHOWN} more (--json shows all)")
    if run["operations"]:
        print("\nLibrary calls, by operation and provider:")
        print_table(
            ("RUNS", "RUNNING", "OPERATION"),
            ((o["runs"], duration(o["seconds"]), o["name"]) for o in run["operations"][:SHOWN]),
        )
    staged = run.get("staged")
    if staged:
        print(
            f"\nStaged through host memory: {size(staged['read_bytes'])} from the device and "
            f"{size(staged['written_bytes'])} to it, for work that ran on the host"
        )
    for title, entries in {**_missing(run), "Notes": run["notes"]}.items():
        if entries:
            print(f"\n{title}:")
            for what, count in entries.items():
                print(f"  {count} x {what}")
    for fault in run["faults"]:
        print(f"\nFault: error {fault['error']}: {fault['text']}")
