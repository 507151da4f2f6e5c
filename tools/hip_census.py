#!/usr/bin/env python3
"""Compile kernels for AMD's processors, without one: those that recorded runs launched, in the HIP dialect.

    maf-exec python program.py                       # as often as wanted; each run leaves a record
    tools/hip_census.py --libraries TORCH/lib        # of every record in this user's state folder
    tools/hip_census.py --records a.json b.json --libraries TORCH/lib --jobs 2

clang (17 or newer for gfx942) stands for hiprtc: the same compiler library, no header, no device library. Every kernel
that does not lift or compile is named; the last line counts. Exit status 1 where one does not compile."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from maf_vdev.names import readable
from maf_vdev.translator import libraries, thread_source
from maf_vdev.translator.cubin import KernelCode
from maf_vdev.translator.emit.thread_kernel import Options
from maf_vdev.translator.ir import DecodeError, LiftError

TARGETS = {"gfx90a": 15, "gfx942": 17, "gfx1100": 15}
CLANGS = ("clang-19", "clang-18", "clang-17", "clang-16", "clang-15", "clang")
CAPABILITY = (7, 5)


def launched(records: list[Path]) -> Counter[str]:
    """Name of each kernel that runs launched, as people read it, and how often."""
    found: Counter[str] = Counter()
    for path in records:
        for kernel in json.loads(path.read_text())["kernels"]:
            if kernel["launches"]:
                found[kernel["name"]] += kernel["launches"]
    return found


def kernels(paths: list[Path], names: set[str]) -> Iterator[KernelCode]:
    """Each kernel once, from the image that a device of CAPABILITY runs."""
    left = set(names)
    for path in paths:
        for module in libraries.modules(path):
            cubin = module.cubin(CAPABILITY)
            for symbol in cubin.kernels() if cubin and left else ():
                name = readable(symbol)
                if name in left:
                    left.discard(name)
                    yield cubin.kernel(symbol)


def compile_text(clang: str, text: str, target: str, folder: Path) -> str:
    """The first error of the compiler, empty where there is none."""
    source = folder / "kernel.hip"
    source.write_text(text)
    command = [clang, "-x", "hip", f"--offload-arch={target}", "--offload-device-only", "-nogpulib", "-nogpuinc"]
    command += ["-O2", "-std=c++17", "-ffp-contract=off", "-w", "-S", str(source), "-o", str(folder / f"{target}.s")]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    except subprocess.TimeoutExpired:
        return "no end in 600 s"
    if done.returncode == 0:
        return ""
    lines = done.stderr.splitlines()
    return next((line for line in lines if "error" in line), lines[-1] if lines else f"status {done.returncode}")


def examine(code: KernelCode, clang: str, targets: list[str], options: Options) -> tuple[str, dict[str, str]]:
    """(what lifting says, error by target)."""
    try:
        text = thread_source.lift(code, options).text
    except (DecodeError, LiftError) as error:
        return f"{type(error).__name__}: {error}", {}
    with tempfile.TemporaryDirectory(prefix="hip-census-") as folder:
        return "", {target: compile_text(clang, text, target, Path(folder)) for target in targets}


def main() -> int:
    from maf_vdev.executor import record

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--libraries", nargs="+", type=Path, required=True, help="files and folders with the kernels")
    parser.add_argument("--records", nargs="*", type=Path, help="run records (default: all of this user)")
    parser.add_argument("--targets", nargs="+", default=list(TARGETS))
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every Nth kernel")
    parser.add_argument("--shared", action="store_true", help="code for devices that read the host's memory")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()

    clang = next((c for c in map(shutil.which, CLANGS) if c), None)
    if clang is None:
        parser.error("no clang is installed")
    records = arguments.records or sorted(record.runs_folder().glob("*.json"))
    names = launched(records)
    picked = set(sorted(names)[:: arguments.every])
    options = Options("hip", buffer=not arguments.shared)
    started, found, compiled, refused, failed = time.monotonic(), 0, Counter(), 0, Counter()
    with ThreadPoolExecutor(arguments.jobs) as pool:
        codes = list(kernels(arguments.libraries, picked))
        work = [(c, pool.submit(examine, c, clang, arguments.targets, options)) for c in codes]
        for code, future in work:
            reason, errors = future.result()
            found += 1
            print(f"{found}/{len(codes)} {time.monotonic() - started:.0f} s", end="\r", file=sys.stderr, flush=True)
            if reason:
                refused += 1
                print(f"refused: {readable(code.name)}: {reason}", flush=True)
            for target, error in errors.items():
                compiled[target] += not error
                if error:
                    failed[target] += 1
                    print(f"{target}: {readable(code.name)}: {error}", flush=True)
    counts = ", ".join(f"{t} {compiled[t]} compiled {failed[t]} failed" for t in arguments.targets)
    print(
        f"{len(records)} runs launched {len(names)} kernels; {found} of {len(picked)} taken lie in the libraries: "
        f"{counts}; {refused} refused by name; {Path(clang).name}, {time.monotonic() - started:.0f} s"
    )
    return 1 if failed or not found else 0


if __name__ == "__main__":
    sys.exit(main())
