"""OpenCL drivers that are missing, broken, or fail: each a CUDA error and a reason. And which device is the default.

The driver is PoCL behind fixtures/opencl_standin.c, which makes its device look like a GPU and calls fail."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import run_record
from cuda_process import INSIDE, ROOT
from opencl_runner import devices

BIN = Path(sys.executable).parent


def wheel() -> Path | None:
    """pyopencl's folder."""
    spec = importlib.util.find_spec("pyopencl")
    return Path(spec.origin).parent if spec and spec.origin else None


def pocl() -> str:
    """The file of a PoCL driver: the system's, or the one that the PyPI package puts beside pyopencl."""
    for folder in ("/etc/OpenCL/vendors", wheel() and wheel() / ".libs"):
        icd = Path(folder or "", "pocl.icd")
        if icd.is_file():
            name = icd.read_text().strip()
            return str(icd.parent / name) if (icd.parent / name).is_file() else name
    return ""


needs_pocl = pytest.mark.skipif(not pocl() or not devices(), reason="PoCL is not installed")
LAUNCH = "import test_opencl_drivers as t; t.launch()"


def launch() -> None:
    """Run in a process of its own: prints the first error of a program with one kernel."""
    import test_fixture_modules as fixtures

    try:
        print("status", fixtures.checked(100)[0])
    except AssertionError as error:
        print("status", str(error).partition(":")[0])


@pytest.fixture(scope="module")
def vendors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vendors")
    library = folder / "libstandin.so"
    command = ["gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", str(library)]
    source = ROOT / "tests" / "fixtures" / "opencl_standin.c"
    subprocess.run([*command, str(source), "-ldl"], check=True, timeout=60)
    (folder / "standin.icd").write_text(f"{library}\n")
    return folder


def without_drivers(tmp_path: Path) -> Path:
    """A folder to import pyopencl from that lacks the drivers of PyPI packages, which its loader always finds."""
    copy = tmp_path / "packages" / "pyopencl"
    if not copy.is_dir():
        (copy / ".libs").mkdir(parents=True)
        for entry in [*wheel().iterdir(), *wheel().glob(".libs/*")]:
            if entry.name != ".libs" and entry.suffix != ".icd":
                (copy / entry.relative_to(wheel())).symlink_to(entry)
    return copy.parent


def run(tmp_path: Path, vendors: Path, *line: str, **variables: str) -> subprocess.CompletedProcess:
    environment = {
        **os.environ,
        "OCL_ICD_VENDORS": str(vendors),
        "MAF_CL_POCL": pocl(),
        "PYTHONPATH": str(without_drivers(tmp_path)),
        "XDG_STATE_HOME": str(tmp_path),
        "MAF_CACHE_DIR": str(tmp_path / "cache"),
        "MAF_MEMORY": "256M",
        **variables,
    }
    return subprocess.run(
        line, env=environment, cwd=ROOT / "tests", capture_output=True, text=True, timeout=200, check=False
    )


@needs_pocl
@pytest.mark.parametrize(
    "fails, after, error, text",
    [
        ("clBuildProgram=-11", 0, 218, "cannot compile it: maf_kernel.cl:1:1: error: stand-in"),
        ("clBuildProgram=crash", 0, 218, "the device's compiler crashed (illegal memory access) on kernel checked"),
        ("clBuildProgram=abort", 0, 218, "the device's compiler crashed (abort) on kernel checked"),
        ("clCreateBuffer=-4", 0, 2, "bytes of device memory: create_buffer failed: MEM_OBJECT_ALLOCATION_FAILURE"),
        ("clEnqueueNDRangeKernel=-4", 0, 2, "clEnqueueNDRangeKernel failed with OpenCL error (-4)"),
        ("clEnqueueNDRangeKernel=-54", 0, 701, "clEnqueueNDRangeKernel failed with OpenCL error (-54)"),
        ("clEnqueueReadBuffer=-5", 0, 719, "clEnqueueReadBuffer failed with OpenCL error (-5)"),
        ("clEnqueueWriteBuffer=-2", 0, 46, "bytes failed with OpenCL error (-2)"),
        ("clFinish=-36", 3, 719, "clFinish of 0 bytes failed with OpenCL error (-36)"),
    ],
)
def test_failures_are_cuda_errors_with_a_reason(
    tmp_path: Path, vendors: Path, fails: str, after: int, error: int, text: str
) -> None:
    variables = {"MAF_CL_TYPE": "gpu", "MAF_CL_FAIL": fails, "MAF_CL_AFTER": str(after), "MAF_DEVICE": "opencl:0"}
    program = LAUNCH if "clFinish" not in fails else "import test_opencl_drivers as t; t.copy()"
    done = run(tmp_path, vendors, sys.executable, "-c", program, **{INSIDE: "1"}, **variables)
    assert done.stdout.endswith(f"status {error}\n"), done.stdout + done.stderr
    assert text in done.stderr, done.stderr
    faults = run_record.of(tmp_path)["faults"]
    assert any(fault["error"] == error and text in fault["text"] for fault in faults), faults


def copy() -> None:
    """As launch, with copies alone."""
    from cuda_process import download, upload

    try:
        for _ in range(4):
            download(upload(bytes(100_000)), 100_000)
        print("status 0")
    except AssertionError as error:
        print("status", str(error).partition(":")[0])


@needs_pocl
def test_a_gpu_without_shared_memory_runs_programs(tmp_path: Path, vendors: Path) -> None:
    variables = {"MAF_CL_TYPE": "gpu", "MAF_DEVICE": "opencl:0", INSIDE: "1"}
    done = run(tmp_path, vendors, sys.executable, "-c", LAUNCH, **variables)
    assert done.stdout.endswith("status 0\n"), done.stdout + done.stderr


CHOICE = """
from maf_vdev import devices
from maf_vdev.cli.environment import Settings, build
devices.GPU_NODES = ("null",)  # as if the machine had a GPU's device file
variables = build(Settings(), {})
print(variables.get("MAF_DEVICE"), variables.get("MAF_MEMORY", "0") > "0")
"""


@needs_pocl
def test_a_gpu_is_the_default(tmp_path: Path, vendors: Path) -> None:
    done = run(tmp_path, vendors, sys.executable, "-c", CHOICE, MAF_CL_TYPE="gpu")
    assert done.stdout == "opencl:0 True\n", done.stdout + done.stderr


@needs_pocl
def test_an_opencl_cpu_is_not(tmp_path: Path, vendors: Path) -> None:
    done = run(tmp_path, vendors, sys.executable, "-c", CHOICE)
    assert done.stdout == "None False\n", done.stdout + done.stderr


@needs_pocl
def test_a_device_is_found_by_part_of_its_name(tmp_path: Path, vendors: Path) -> None:
    done = run(tmp_path, vendors, str(BIN / "maf-exec"), "--device", "opencl:portable", "printenv", "MAF_DEVICE")
    assert done.stdout == "opencl:0\n", done.stdout + done.stderr


@needs_pocl
@pytest.mark.parametrize("icd", [None, "/nowhere/libnone.so", ""], ids=["none", "missing_library", "empty_file"])
def test_no_driver_is_one_line(tmp_path: Path, icd: str | None) -> None:
    folder = tmp_path / "vendors"
    folder.mkdir()
    if icd is not None:
        (folder / "broken.icd").write_text(icd)
    done = run(tmp_path, folder, str(BIN / "maf-exec"), "--device", "opencl:0", "true")
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("maf-exec: no OpenCL driver: "), done.stderr
    assert icd is None or "broken.icd" in done.stderr, done.stderr
    done = run(tmp_path, folder, str(BIN / "maf-vdev"), "list", "--json")
    (entry,) = (d for d in json.loads(done.stdout)["devices"] if d["id"] == "opencl")
    assert entry["state"].startswith("no OpenCL driver: "), entry


@needs_pocl
def test_a_broken_driver_beside_a_good_one_is_listed(tmp_path: Path, vendors: Path) -> None:
    folder = tmp_path / "vendors"
    folder.mkdir()
    (folder / "a.icd").write_text((vendors / "standin.icd").read_text())
    (folder / "b.icd").write_text("/nowhere/libnone.so\n")
    done = run(tmp_path, folder, str(BIN / "maf-vdev"), "list", "--json", MAF_CL_TYPE="gpu")
    found = {d["id"]: d for d in json.loads(done.stdout)["devices"]}
    assert found["opencl:0"]["state"] == "ready" and any("memory of its own" in m for m in found["opencl:0"]["missing"])
    assert found["opencl"]["name"] == "b.icd" and "libnone.so" in found["opencl"]["state"]
