"""Package, cffi modules and shim libraries. `pip install .` is enough.

Extra commands for work in the tree: `python setup.py build_shim` (the preloadable libraries only),
`python setup.py build_ext --inplace` (those and the cffi modules). See tools/build_shim.py for MAF_ZIG and MAF_DEBUG.
`MAF_ZIG=1 python setup.py bdist_wheel`, with setuptools 70.1 or later and ziglang, makes the wheel for other machines
(glibc 2.28 or later).
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import ClassVar

from setuptools import Command, Distribution, find_packages, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "tools"))

import build_shim

ZIG = os.environ.get("MAF_ZIG") == "1"
if ZIG:
    os.environ["CC"] = shlex.join(build_shim.ZIG)  # setuptools compiles and links the cffi modules by it


class BuildShim(Command):
    """Build the preloadable libraries into the tree."""

    description = "build the shim libraries into maf_vdev/lib"
    user_options: ClassVar[list[tuple[str, str, str]]] = [("force", "f", "rebuild everything")]

    def initialize_options(self) -> None:
        self.force = False

    def finalize_options(self) -> None:
        pass

    def run(self) -> None:
        build_shim.build(ROOT / "maf_vdev" / "lib", bool(self.force))


class BuildAll(build_ext):
    """cffi modules, then the shim libraries, in place or into the build folder.

    An installed package also carries protocol.h, which maf_vdev/protocol.py parses.
    """

    def finalize_options(self) -> None:
        super().finalize_options()
        # Editable installs pass a temporary folder; a lasting one keeps the objects between runs.
        self.build_temp = str(ROOT / "build" / "temp")

    def run(self) -> None:
        # One file name for the module, also where core_build.py was run by hand: the import system prefers this one.
        for extension in self.extensions:
            extension.py_limited_api = False
        super().run()
        build_shim.build(ROOT / "maf_vdev" / "lib")  # the tests of the tree look here, whatever is installed
        if not self.inplace:
            package = Path(self.build_lib) / "maf_vdev"
            build_shim.build(package / "lib")
            shutil.copyfile(ROOT / "shim" / "protocol.h", package / "protocol.h")


class BinaryDistribution(Distribution):
    """The shim libraries are machine code even where no cffi module is."""

    def has_ext_modules(self) -> bool:
        return True


setup(
    packages=find_packages(include=["maf_vdev", "maf_vdev.*"]),
    package_data={
        "maf_vdev": [
            "lib/*.so",
            "lib/link/*",
            "sda/profiles/*",
            "executor/core/*.h",
            "translator/source/*.h",
            "translator/emit/*.h",
            "modnn/providers/*.cl",
            "modnn/providers/*.h",
        ]
    },
    include_package_data=False,
    cffi_modules=[f"{path.relative_to(ROOT)}:ffibuilder" for path in sorted((ROOT / "maf_vdev").rglob("*_build.py"))],
    cmdclass={"build_ext": BuildAll, "build_shim": BuildShim},
    distclass=BinaryDistribution,
    options={"bdist_wheel": {"plat_name": build_shim.ZIG_PLATFORM}} if ZIG else {},
    zip_safe=False,
    install_requires=[
        "numpy",
        "cffi>=1.16",
        "llvmlite>=0.43",
        "pyelftools>=0.29",
        "lz4",
        "zstandard",
        "click",
        "cxxfilt",
        "rich",
        "platformdirs",
        "filelock",
        "scipy-openblas32",
        "onednn-cpu-gomp==2023.2.0",
    ],
    extras_require={
        "nvrtc": ["nvidia-cuda-nvrtc"],  # NVIDIA's compiler, under NVIDIA's licence: read it first
        "opencl": ["pyopencl"],
        "test": [
            "pytest",
            "hypothesis",
            "expecttest",
            "scikit-learn",
            "cloudpickle",
            "ziglang",
            "setuptools>=70.1",  # builds wheels by itself
            "pyopencl",
            "pocl-binary-distribution",
        ],
    },
    entry_points={"console_scripts": ["maf-exec=maf_vdev.cli.exec:main", "maf-vdev=maf_vdev.cli.main:main"]},
)
