"""The wheel for other machines: built by PyPI's ziglang, needs no glibc newer than its tag says, and computes."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = """
import ctypes
runtime = ctypes.CDLL("libcudart.so.13")
count, pointer, back = ctypes.c_int(), ctypes.c_void_p(), ctypes.create_string_buffer(4)
assert runtime.cudaGetDeviceCount(ctypes.byref(count)) == 0 and count.value == 1
assert runtime.cudaMalloc(ctypes.byref(pointer), ctypes.c_size_t(4)) == 0
assert runtime.cudaMemset(pointer, 0x41, ctypes.c_size_t(4)) == 0
assert runtime.cudaMemcpy(back, pointer, ctypes.c_size_t(4), 2) == 0
print(back.raw.decode())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the sources: a build in the tree would share its folder with the installed one."""
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("ziglang is not installed")
    work = tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns("*.so", "__pycache__", "_core.c", "*.egg-info")
    for name in ("shim", "maf_vdev", "tools"):
        shutil.copytree(ROOT / name, work / "tree" / name, ignore=ignored)
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md"):
        shutil.copy(ROOT / name, work / "tree")
    environment = {**os.environ, "MAF_ZIG": "1", "ZIG_GLOBAL_CACHE_DIR": str(work / "zig")}
    command = [sys.executable, "setup.py", "-q", "bdist_wheel", "-d", str(work / "dist")]
    done = subprocess.run(
        command, cwd=work / "tree", env=environment, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    (built,) = (work / "dist").glob("*.whl")
    return built


def test_wheel_needs_no_newer_glibc_than_its_tag(wheel: Path) -> None:
    tag = re.search(r"manylinux_(\d+)_(\d+)_x86_64", wheel.name)
    assert tag, wheel.name
    allowed = tuple(map(int, tag.groups()))
    assert allowed == (2, 28)
    seen = 0
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if not name.endswith(".so") or name.endswith("link/libcuda.so"):  # that one is text for linkers
                continue
            with archive.open(name) as stream:
                needs = ELFFile(stream).get_section_by_name(".gnu.version_r")
                nodes = {
                    auxiliary.name
                    for _, auxiliaries in (needs.iter_versions() if needs else ())
                    for auxiliary in auxiliaries
                }
            versions = [
                tuple(map(int, node.split("_")[1].split("."))) for node in nodes if re.fullmatch(r"GLIBC_[\d.]+", node)
            ]
            assert max(versions, default=allowed) <= allowed, name
            assert not {node for node in nodes if node.startswith(("GLIBCXX", "CXXABI", "GLIBC_PRIVATE"))}, name
            seen += 1
    assert seen > 15


def test_wheel_computes(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    python = tmp_path / "python"  # the executor's interpreter: it has to find the unpacked package first
    python.write_text(
        f'#!/bin/sh\nshift\nPYTHONPATH={tmp_path} exec {sys.executable} "$@"\n'  # the first argument is -I
    )
    python.chmod(0o755)
    libraries = ":".join(map(str, sorted((tmp_path / "maf_vdev" / "lib").glob("*.so"))))
    environment = {**os.environ, "LD_PRELOAD": libraries, "MAF_PYTHON": str(python), "MAF_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,  # the tree's own package would come first
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("AAAA\n", 0), done.stderr
