"""Which files answer the CUDA library names in a running program, read from its memory map."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

from maf_vdev.cli.environment import preload_libraries, soname

SECONDS_BETWEEN_LOOKS = 0.2
# The file names under which NVIDIA ships what our libraries stand for, and those a shim cannot stand for.
CUDA_FILE = re.compile(
    r"lib(cuda|cudart|cublas|cublasLt|cudnn\w*|cufft|curand|cusolver\w*|cusparse|cusparseLt|nccl|nvrtc\S*|nvJitLink"
    r"|nvshmem_host|cufile|cupti|nvidia-ml|nvToolsExt)\.so[.\d]*$"
)


def answers() -> dict[str, Path]:
    """SONAME -> our library of that name, for every CUDA library name that is preloaded."""
    names = ((soname(library), library) for library in preload_libraries())
    return {name: library for name, library in names if name and name != library.name}


def mapped_files(process: int) -> set[str]:
    """Paths of the files in a process's memory map; empty if it has ended."""
    try:
        lines = Path(f"/proc/{process}/maps").read_text().splitlines()
    except OSError:
        return set()
    return {line.split(maxsplit=5)[5] for line in lines if line.count("/")}


def watch(process: subprocess.Popen[bytes]) -> list[str]:
    """Waits for a program and returns one line per CUDA library file that it had mapped: ours, or somebody else's."""
    seen: set[str] = set()
    while process.poll() is None:
        seen |= mapped_files(process.pid)
        time.sleep(SECONDS_BETWEEN_LOOKS)
    ours = {str(path): name for name, path in answers().items()}
    lines = [f"{ours[path]:28} {path}" for path in sorted(seen & ours.keys(), key=ours.__getitem__)]
    others = sorted(path for path in seen - ours.keys() if CUDA_FILE.search(path))
    return lines + [f"{Path(path).name:28} {path}  (not ours)" for path in others]
