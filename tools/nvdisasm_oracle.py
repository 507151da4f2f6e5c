#!/usr/bin/env python3
"""Compares our decoder with nvdisasm on every distinct instruction word of libraries, wheels or cubins.

    tools/nvdisasm_oracle.py --nvdisasm PATH [--arch 75] [--every N] FILE_OR_FOLDER...

nvdisasm comes in Triton's wheel (triton/backends/nvidia/bin); it is a developer's oracle, not needed to run.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from maf_vdev.translator import decode, libraries, sass_print
from maf_vdev.translator.ir import DecodeError

BATCH = 200_000
LINE = re.compile(r"\s+/\*([0-9a-f]+)\*/\s+(.*?) ?;$")
WORD = np.dtype([("low", "<u8"), ("high", "<u8")])


def distinct_words(paths: list[Path], arch: int, every: int) -> tuple[np.ndarray, np.ndarray]:
    """(one full word for each distinct meaning, how often it occurs) over the modules' text sections."""
    parts, counts = [], []
    chosen = 0
    for path in paths:
        for module in libraries.modules(path):
            cubin = module.cubin(divmod(arch, 10))
            if cubin is None or cubin.arch != arch:
                continue
            chosen += 1
            if chosen % every:
                continue
            for name in cubin.kernels():
                parts.append(np.frombuffer(cubin.kernel(name).code, WORD))
            if sum(map(len, parts)) > 4_000_000:
                parts, counts = _merge(parts, counts)
    parts, counts = _merge(parts, counts)
    return (parts[0], counts[0]) if parts else (np.empty(0, WORD), np.empty(0, np.int64))


def _merge(parts: list[np.ndarray], counts: list[np.ndarray]) -> tuple[list, list]:
    if not parts:
        return [], []
    words = np.concatenate(parts)
    weight = np.concatenate(counts + [np.ones(len(part), np.int64) for part in parts[len(counts) :]])
    key = words.copy()
    key["high"] &= np.uint64(decode.MEANING >> 64)
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    return [words[first]], [np.bincount(inverse.ravel(), weight).astype(np.int64)]


def disassemble(nvdisasm: str, arch: int, words: np.ndarray) -> list[str]:
    """nvdisasm's line for each word, as at offset 16 * index; "" where it prints none."""
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(words.tobytes())
        file.flush()
        run = subprocess.run(
            [nvdisasm, "-ndf", "-b", f"SM{arch}", file.name], check=False, capture_output=True, text=True
        )
    if run.returncode or run.stderr:
        raise SystemExit(f"nvdisasm: {run.stderr.strip().splitlines()[0] if run.stderr else run.returncode}")
    lines = [""] * len(words)
    for line in run.stdout.splitlines():
        match = LINE.match(line)
        if match:
            lines[int(match[1], 16) // 16] = match[2].replace(".reuse", "")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path, help="libraries, wheels, cubins, or folders of libraries")
    parser.add_argument("--nvdisasm", required=True)
    parser.add_argument("--arch", type=int, default=75)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every Nth module")
    parser.add_argument("--show", type=int, default=20, metavar="N", help="differences to print")
    arguments = parser.parse_args()

    words, counts = distinct_words(arguments.paths, arguments.arch, arguments.every)
    decoder = decode.Decoder(arguments.arch)
    differ, differ_weighted = 0, 0
    kinds: Counter[str] = Counter()
    for start in range(0, len(words), BATCH):
        batch = words[start : start + BATCH]
        expected = disassemble(arguments.nvdisasm, arguments.arch, batch)
        for index, ((low, high), text) in enumerate(zip(batch.tolist(), expected)):
            try:
                ours = sass_print.render(decoder.instruction(low, high, 16 * index))
            except DecodeError as error:
                ours = f"({error.why})"
            if ours != text:
                differ += 1
                differ_weighted += int(counts[start + index])
                kinds[f"{low & 0xFFF:#05x}"] += 1
                if differ <= arguments.show:
                    print(f"{high:016x}{low:016x}\n  nvdisasm {text}\n  ours     {ours}")
    for opcode, count in kinds.most_common():
        print(f"opcode {opcode}: {count} differ")
    print(
        f"sm_{arguments.arch}: {counts.sum()} instructions, {len(words)} distinct; {differ} ({differ_weighted}) differ"
    )
    return 1 if differ or not len(words) else 0


if __name__ == "__main__":
    sys.exit(main())
