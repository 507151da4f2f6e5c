"""The project's demonstration: one unmodified program, on an SDA and on the CPU, compared.

Exit status 0 only if the SDA reaches 97 % test accuracy, its first 20 losses agree with CPU
PyTorch to 1e-3 (relative), and the two accuracies differ by at most 2 points.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = Path(__file__).with_name("train_digits.py")
STEPS = 20
LOSS_TOLERANCE = 1e-3
ACCURACY = 0.97
ACCURACY_GAP = 0.02


def run(command: list[str], device: str, result: Path) -> dict:
    """Run the program on ``device`` with ``command`` in front and return what it wrote."""
    line = [*command, str(PROGRAM), "--device", device]
    print("$", " ".join(Path(word).name for word in line), flush=True)
    subprocess.run([*line, "--json", str(result)], check=True)
    print(flush=True)
    return json.loads(result.read_text())


def main() -> int:
    """Run both and print the comparison."""
    scripts = Path(sys.executable).parent
    maf_exec = shutil.which("maf-exec", path=str(scripts)) or "maf-exec"
    with tempfile.TemporaryDirectory() as folder:
        device = run([maf_exec, sys.executable], "cuda", Path(folder, "device.json"))
        # The stock wheel does not import without CUDA libraries, so the CPU run has them too.
        cpu = run([maf_exec, sys.executable], "cpu", Path(folder, "cpu.json"))
    worst = max(abs(a - b) / abs(b) for a, b in zip(device["losses"][:STEPS], cpu["losses"][:STEPS]))
    gap = abs(device["accuracy"] - cpu["accuracy"])
    checks = [
        (f"test accuracy on the SDA: {device['accuracy']:.2%}", device["accuracy"] >= ACCURACY),
        (f"largest relative difference of the first {STEPS} losses: {worst:.1e}", worst <= LOSS_TOLERANCE),
        (f"accuracy on the CPU: {cpu['accuracy']:.2%}, difference {gap:.2%}", gap <= ACCURACY_GAP),
    ]
    for text, good in checks:
        print(f"{'ok  ' if good else 'FAIL'} {text}")
    print(f"     time on the SDA / on the CPU: {device['seconds']:.1f} s / {cpu['seconds']:.1f} s")
    return 0 if all(good for _, good in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
