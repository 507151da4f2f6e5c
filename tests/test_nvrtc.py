"""The NVRTC front with each compiler: a library that echoes, a real one where it is installed, the machine's own."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cuda_process as c
import nvrtc_bodies as bodies
import pytest

from maf_vdev.executor import images
from maf_vdev.translator import cache
from maf_vdev.translator.source import build, compilers, nvrtc
from maf_vdev.translator.source.program import Compiled, CompilerInfo, Program

HERE = Path(__file__).resolve().parent
CAPABILITY = (7, 5)
pytestmark = pytest.mark.skipif(not c.LIB.is_dir(), reason="the shim libraries are not built")


@functools.cache
def real() -> Path | None:
    """NVIDIA's library: what MAF_NVRTC names, or the one of this environment or machine."""
    return None if os.environ.get("MAF_NVRTC") == "host" else nvrtc.find()


needs_real = pytest.mark.skipif(real() is None, reason="no NVRTC library (pip install nvidia-cuda-nvrtc)")
needs_host = pytest.mark.skipif(build.compiler() is None, reason="no C++ compiler")
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="no C compiler")


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library of fixtures/fake_nvrtc.c."""
    target = tmp_path_factory.mktemp("nvrtc") / "libfake.so"
    source = HERE / "fixtures" / "fake_nvrtc.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", target, source], check=True, timeout=60)
    return target


def inside(body: str, timeout: float = 120, **environment: str) -> None:
    """Runs a function of nvrtc_bodies in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", f"import nvrtc_bodies as b; b.{body}(); print('body done')"],
        check=False, cwd=HERE, env={**os.environ, c.INSIDE: "1", **environment}, capture_output=True, text=True,
        timeout=timeout,
    )  # fmt: skip
    assert done.returncode == 0 and "body done" in done.stdout, done.stdout[-3000:] + done.stderr[-6000:]


def names(prefix: str) -> list[str]:
    return [name for name in vars(bodies) if name.startswith(prefix)]


@needs_gcc
@pytest.mark.parametrize("body", names("echo_"))
def test_front(body: str, fake: Path, tmp_path: Path) -> None:
    inside(body, MAF_NVRTC=str(fake), MAF_CACHE_DIR=str(tmp_path))


@needs_real
@pytest.mark.parametrize("body", names("real_"))
def test_real_compiler(body: str) -> None:
    path = str(Path(sys.executable).parent) if "assembler" in body else os.environ["PATH"]
    inside(body, MAF_NVRTC=str(real()), PATH=path)


@needs_host
def test_host_compiler() -> None:
    inside("host_headers_and_names", MAF_NVRTC="host")


def test_missing_library_is_named_with_the_line_to_run() -> None:
    inside("missing_library", MAF_NVRTC="/no/such/libnvrtc.so.13")


def test_no_compiler_at_all() -> None:
    inside("no_compiler_at_all", MAF_NVRTC="host", MAF_CXX="/no/such/compiler")


@pytest.mark.parametrize("compiler", ["host", "real"])
def test_kernels(compiler: str) -> None:
    """nvrtc_cases.py, whose kernels mean the same with each compiler."""
    chosen = {"host": "host" if build.compiler() else None, "real": real()}[compiler]
    if chosen is None:
        pytest.skip(f"no {compiler} compiler")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "nvrtc_cases.py"],
        check=False, cwd=HERE, env={**os.environ, "MAF_NVRTC": str(chosen)}, capture_output=True, text=True,
        timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


# --- parts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "rest", "arch"),
    [
        (("-arch=sm_75", "-w"), ("-w",), "sm_75"),
        (("-w", "--gpu-architecture=compute_75"), ("-w",), "compute_75"),
        (("-gpu-architecture=sm_80",), (), "sm_80"),
        (("-arch", "compute_60", "-G"), ("-G",), "compute_60"),
        (("--gpu-architecture", "sm_90a"), (), "sm_90a"),
        (("-DARCH=sm_70",), ("-DARCH=sm_70",), None),
    ],
)
def test_architecture_option(options: tuple[str, ...], rest: tuple[str, ...], arch: str | None) -> None:
    assert nvrtc.split_options(options) == (rest, arch)


@needs_host
@pytest.mark.parametrize(
    ("profile", "options", "arch"),
    [
        ("t4", (), 750),
        ("a100", (), 750),
        ("a100", ("--gpu-architecture=sm_80",), 800),
        ("a100", ("-arch", "compute_90a"), 750),
        ("t4", ("-arch=compute_80",), 750),
    ],
)
def test_architecture_of_the_host_compiler(
    monkeypatch: pytest.MonkeyPatch, profile: str, options: tuple[str, ...], arch: int
) -> None:
    monkeypatch.setenv("MAF_PROFILE", profile)
    monkeypatch.setattr(nvrtc, "library", lambda: None)
    source = f"static_assert(__CUDA_ARCH__ == {arch}); __global__ void k(int *p) {{ *p = 1; }}"
    done = compilers.compile(Program("k.cu", source, options=options))
    assert done.status == 0, done.log
    assert compilers.info().archs == ((75, 80) if profile == "a100" else (75,))


@pytest.mark.parametrize(
    ("source", "options", "alone"),
    [
        ("int x;", (), True),
        ('#include "given.h"', (), True),
        ("#include <other.h>", (), False),
        (" #  include NAME", (), False),
        ("#if __has_include(<x.h>)", (), False),
        ("int x;", ("--pre-include=a.h",), False),
        ("int x;", ("-include=a.h",), False),
        ("int x;", ("--use-pch=a.pch",), False),
        ("int x;", ("--time=-",), False),
        ("int x;", ("-Iinclude", "--std=c++20"), True),
    ],
)
def test_programs_that_read_files_are_not_cached(source: str, options: tuple[str, ...], alone: bool) -> None:
    assert nvrtc.reads_no_files(Program("k.cu", source, (("given.h", ""),), options)) is alone


def test_results_are_cached_by_all_that_decides_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAF_CACHE_DIR", str(tmp_path / "cache"))
    file = tmp_path / "libnvrtc.so.13"
    file.write_bytes(b"library")
    library = nvrtc.Library(file, _info=CompilerInfo((13, 5), (75, 80)))
    calls: list[Program] = []
    monkeypatch.setattr(library, "run", lambda program: calls.append(program) or Compiled(0, b"cubin", b"ptx"))
    first = Program("k.cu", "text", options=("-arch=sm_75",), directory="/a")
    variants = [
        Program("k.cu", "text2", options=("-arch=sm_75",)),
        Program("k.cu", "text", options=("-arch=sm_75", "-G")),
        Program("k.cu", "text", options=("-arch=sm_75",), expressions=("f<int>",)),
        Program("k.cu", "text", (("a.h", ""),), ("-arch=sm_75",)),
    ]
    assert library.compile(first) == library.compile(Program("k.cu", "text", options=("-arch=sm_75",), directory="/b"))
    assert len(calls) == 1
    for variant in variants:
        library.compile(variant)
    assert len(calls) == 1 + len(variants)
    file.write_bytes(b"another library")
    library.compile(first)
    assert len(calls) == 2 + len(variants)
    monkeypatch.setattr(library, "run", lambda program: calls.append(program) or Compiled(6, log="error"))
    for _ in range(2):
        library.compile(Program("k.cu", "wrong", options=("-arch=sm_75",)))
    assert len(calls) == 4 + len(variants)


def test_ptx_made_here_is_known_by_its_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAF_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(images, "ptxas", lambda: None)
    text = b".version 9.0\n.target sm_75\n.address_size 64\n"
    assert images.Module(text + b"\0", CAPABILITY).status == images.ERROR_NO_KERNEL_IMAGE
    nvrtc.remember(text + b"\0", b"cubin")
    assert images.Module(text + b"\0", CAPABILITY).status == 0
    assert nvrtc.recall(text) == b"cubin"
    assert nvrtc.recall(text + b"// more") is None
    assert cache.info()["entries"] == 1


def test_search_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's wheel, the newest of a folder, never this project's own front."""
    folder = tmp_path / "nvidia" / "cu13" / "lib"
    folder.mkdir(parents=True)
    for name in ("libnvrtc.so.12", "libnvrtc.so.13", "libnvrtc-builtins.so.13.0", "libnvrtc.so"):
        (folder / name).write_bytes(b"library")
    (folder / "libnvrtc.so.14").symlink_to(c.LIB / "libmaf_nvrtc13.so")
    monkeypatch.delenv("MAF_NVRTC", raising=False)
    monkeypatch.setattr(nvrtc.sysconfig, "get_path", lambda name: str(tmp_path))
    assert nvrtc.find() == folder / "libnvrtc.so.13"
    monkeypatch.setenv("MAF_NVRTC", "/other/libnvrtc.so")
    assert nvrtc.find() == Path("/other/libnvrtc.so")
    monkeypatch.setenv("MAF_NVRTC", "host")
    assert nvrtc.find() is None


def test_malformed_request_is_refused() -> None:
    with pytest.raises(ValueError, match="texts"):
        Program.unpack(bytes([2, 0, 0, 0] + [0] * 12) + b"name\0source\0one option\0/\0")
