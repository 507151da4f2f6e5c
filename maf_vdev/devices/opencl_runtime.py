"""Finding OpenCL devices, through pyopencl, and what translated kernels can use of each.

Besides the system's drivers (/etc/OpenCL/vendors), those of Python packages in this environment are found:
intel-opencl-rt and pocl-binary-distribution. OCL_ICD_VENDORS, where set, replaces both.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..translator.emit.thread_kernel import Options
from . import DeviceError

SYSTEM_VENDORS = Path("/etc/OpenCL/vendors")
# Libraries of drivers that Python packages bring: patterns below the environment or site-packages.
PACKAGED = (("prefix", "lib/libintelocl.so"), ("site", "pyopencl/.libs/libpocl-*.so"))
FINE_GRAIN_SYSTEM = 1 << 3
# MAF_SYSTEM_BYTES of protocol.h: what the executor takes for modules' data.
SYSTEM_MIB = 512


class OpenClError(DeviceError):
    """What makes OpenCL, or one device of it, not usable. One line for the user."""


@dataclass(frozen=True)
class Found:
    """One device. index: the N of ``opencl:N``. missing: what some kernels will lack, in words. unusable: why no
    kernel can run, empty where they can."""

    index: int
    device: Any
    platform: str
    name: str
    driver: str
    kind: str  # cpu gpu accelerator other
    units: int
    memory_bytes: int
    largest_bytes: int  # of one allocation, as the driver says
    subgroup: int  # threads of a sub-group that kernels can use, 0: exchange through local memory
    shared: bool  # addresses of this process are valid on the device; else it has memory of its own
    options: Options
    missing: tuple[str, ...]
    unusable: str = ""

    @property
    def offered_bytes(self) -> int:
        """What an SDA gets of the memory where nobody says how much: the driver keeps some for itself."""
        return (self.memory_bytes * 9 // 10 >> 20) - SYSTEM_MIB << 20

    @property
    def label(self) -> str:
        return f"{self.name} ({self.platform})"


def _packaged_drivers() -> list[Path]:
    roots = {"prefix": [Path(sys.prefix)], "site": [Path(p) for p in sys.path if p.endswith("site-packages")]}
    roots["prefix"] += [p.parent.parent.parent for p in roots["site"]]
    found = []
    for root, pattern in PACKAGED:
        for folder in roots[root]:
            found += [path for path in sorted(folder.glob(pattern)) if path not in found]
    return found


def _make_vendors() -> None:
    """Let the loader of pyopencl see packaged drivers too: it reads one folder of .icd files."""
    drivers = _packaged_drivers()
    if os.environ.get("OCL_ICD_VENDORS") or not drivers:
        return
    folder = Path(tempfile.mkdtemp(prefix="maf-opencl-"))
    if SYSTEM_VENDORS.is_dir():
        for icd in SYSTEM_VENDORS.glob("*.icd"):
            (folder / icd.name).write_bytes(icd.read_bytes())
    for number, driver in enumerate(drivers):
        (folder / f"packaged{number}.icd").write_text(f"{driver}\n")
    os.environ["OCL_ICD_VENDORS"] = str(folder)


@cache
def module() -> Any:
    """pyopencl. Raises OpenClError that says what to install."""
    os.environ.setdefault("PYOPENCL_NO_CACHE", "1")  # programs are in the kernel cache
    # PoCL: one compiled form of a kernel for all sizes of its CTA and grid, which is the one that binaries hold.
    os.environ.setdefault("POCL_WORK_GROUP_SPECIALIZATION", "0")
    _make_vendors()
    try:
        import pyopencl
    except ImportError:
        raise OpenClError("pyopencl is not installed (pip install 'maf-vdev[opencl]')") from None
    return pyopencl


def broken_drivers() -> list[tuple[str, str]]:
    """(.icd file, why its library does not load) of the drivers that the loader passes over in silence."""
    folder = Path(os.environ.get("OCL_ICD_VENDORS") or SYSTEM_VENDORS)
    broken = []
    for icd in sorted(folder.glob("*.icd")) if folder.is_dir() else []:
        lines = icd.read_text(errors="replace").split()
        try:
            ctypes.CDLL(lines[0] if lines else "")
            if not lines:
                broken.append((icd.name, "names no library"))
        except OSError as error:
            broken.append((icd.name, str(error)))
    return broken


def _missing(device: Any, fp64: bool, atom64: bool, shared: bool, subgroups: bool) -> list[str]:
    out = []
    if not shared:
        out.append("memory of its own: library calls of the host work on copies")
    if not subgroups:
        out.append("threads exchange through local memory, not in sub-groups of 32")
    if not fp64:
        out.append("no double precision (cl_khr_fp64)")
    if not atom64:
        out.append("no 64-bit atomics (cl_khr_int64_base_atomics)")
    if device.max_work_group_size < 1024:
        out.append(f"CTAs of at most {device.max_work_group_size} threads")
    if device.local_mem_size < 49152:
        out.append(f"only {device.local_mem_size >> 10} KiB of local memory")
    return out


def _describe(cl: Any, index: int, platform: Any, device: Any) -> Found:
    extensions = set(device.extensions.split())
    fp64 = "cl_khr_fp64" in extensions
    atom64 = "cl_khr_int64_base_atomics" in extensions
    kinds = {cl.device_type.CPU: "cpu", cl.device_type.GPU: "gpu", cl.device_type.ACCELERATOR: "accelerator"}
    kind = next((name for flag, name in kinds.items() if device.type & flag), "other")
    try:
        svm = int(device.svm_capabilities)
    except cl.Error:
        svm = 0
    # Every OpenCL device that is the CPU works on this process's memory, whatever it says of SVM. PoCL does not
    # announce system SVM, but its pointers are the process's.
    shared = bool(svm & FINE_GRAIN_SYSTEM) or (kind == "cpu" and svm != 0)
    if os.environ.get("MAF_OPENCL_MEMORY") == "own":  # for tests: as if it were a device of its own
        shared = False
    sizes: tuple[int, ...] = ()
    intel = "cl_intel_required_subgroup_size" in extensions
    if intel:
        try:
            sizes = tuple(device.get_info(0x4108))  # CL_DEVICE_SUB_GROUP_SIZES_INTEL
        except (cl.Error, TypeError, ValueError):
            sizes = (32,) if kind == "cpu" else ()
    subgroups = intel and 32 in sizes and "cl_intel_subgroups" in extensions
    # Only on request, until whole programs have run with them.
    subgroups = subgroups and os.environ.get("MAF_OPENCL_SUBGROUPS") == "1"
    options = Options("opencl", fp64, atom64, subgroups, subgroups, not shared)
    unusable = ""
    if not device.compiler_available:
        unusable = "its driver has no compiler"
    elif device.address_bits != 64:
        unusable = f"{device.address_bits}-bit addresses"
    return Found(
        index,
        device,
        platform.name.strip(),
        device.name.strip(),
        f"{platform.version.strip()} {device.driver_version.strip()}",
        kind,
        int(device.max_compute_units),
        int(device.global_mem_size),
        int(device.max_mem_alloc_size),
        32 if subgroups else 0,
        shared,
        options,
        tuple(_missing(device, fp64, atom64, shared, subgroups)),
        unusable,
    )


@cache
def devices() -> tuple[Found, ...]:
    """Every device of every driver. Raises OpenClError where there is none to ask."""
    cl = module()
    try:
        platforms = cl.get_platforms()
    except cl.Error as error:
        broken = "; ".join(f"{name}: {why}" for name, why in broken_drivers())
        raise OpenClError(f"no OpenCL driver: {broken or error}") from None
    found: list[Found] = []
    for platform in platforms:
        try:
            listed = platform.get_devices()
        except cl.Error:  # a platform without devices, or one that does not start
            continue
        for device in listed:
            try:
                found.append(_describe(cl, len(found), platform, device))
            except cl.Error as error:
                print(f"maf-vdev: OpenCL device of {platform.name}: {error}", file=sys.stderr)
    return tuple(found)


def gpu() -> Found | None:
    """The GPU with the most memory that kernels can run on; None where there is none, or no OpenCL."""
    try:
        usable = [d for d in devices() if d.kind == "gpu" and not d.unusable]
    except OpenClError:
        return None
    return max(usable, key=lambda d: d.memory_bytes, default=None)


def find(name: str) -> Found:
    """The device of ``opencl:N`` or ``opencl:TEXT``, where TEXT is part of its name or platform. OpenClError if none."""
    wanted = name.removeprefix("opencl").removeprefix(":") or "0"
    known = devices()
    if wanted.isdigit():
        hits = [d for d in known if d.index == int(wanted)]
    else:
        hits = [d for d in known if wanted.lower() in d.label.lower()]
    if not hits:
        names = ", ".join(f"opencl:{d.index} {d.label}" for d in known) or "there is no OpenCL device"
        raise OpenClError(f"no device '{name}' ({names})")
    if len(hits) > 1:
        raise OpenClError(f"'{name}' names {len(hits)} devices: " + ", ".join(f"opencl:{d.index}" for d in hits))
    if hits[0].unusable:
        raise OpenClError(f"opencl:{hits[0].index} {hits[0].label}: {hits[0].unusable}")
    return hits[0]
