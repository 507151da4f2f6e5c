"""Wrong arguments to every entry point of the numerical libraries: a documented status, never a crash or a sticky error.

The headers name the parameters: what a name means decides which values are wrong. Pointers are pinned memory, which host
and device can read, so that a call that is accepted all the same does no harm.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import blas_device as d
import cffi
import pytest

pytestmark = pytest.mark.skipif(not d.LIB.is_dir(), reason="the shim libraries are not built")

SIZES = {"m", "n", "k", "kl", "ku", "nrhs", "batch", "groups", "mb", "nb", "kb", "nnz", "nnzb", "rows", "cols", "count"}
LEADING = {"lda", "ldb", "ldc", "ldu", "ldv", "ldt", "ldvt", "ld"}
ENUMS = {"uplo", "trans", "transa", "transb", "side", "diag", "op", "op_a", "op_b", "mode", "itype", "base", "order"}


@dataclass(frozen=True)
class Library:
    """skip: functions for which a wrong value is none (pattern on 'function parameter')."""

    header: str
    file: str
    handle: str
    create: str
    not_initialized: int
    invalid: int
    refusals: frozenset[int]  # that an enumerator out of range may give besides
    skip: str = "$^"
    include: tuple[str, ...] = field(default=())


# cuBLAS: level 1 does nothing for n <= 0; strides and increments may be negative.
LEVEL1 = r"^cublas(I[sdcz]a(max|min)|[A-Z][a-z]?[a-z]?(axpy|scal|copy|swap|dot[cu]?|nrm2|asum|rotm?))(_v2)?(_64)? n$|^cublas\w+Ex(_64)? n$"
LIBRARIES = {
    "cublas": Library(
        "cublas/cublas.h", "cublas13", "cublasHandle_t", "cublasCreate_v2", 1, 7, frozenset({15}), LEVEL1
    ),
    "cusolver": Library(
        "cusolver/cusolver.h", "cusolver12", "cusolverDnHandle_t", "cusolverDnCreate", 1, 3, frozenset({9})
    ),
    "cusparse": Library(
        "cusparse/cusparse.h", "cusparse12", "cusparseHandle_t", "cusparseCreate", 1, 3, frozenset({10})
    ),
}


@dataclass(frozen=True)
class Function:
    name: str
    parameters: tuple[tuple[str, str], ...]  # type, name


def functions(header: str) -> list[Function]:
    """Prototypes of a header."""
    text = re.sub(r"/\*.*?\*/", "", d.declarations(header), flags=re.DOTALL)
    found = []
    for name, inside in re.findall(r"\b(cu\w+)\(([^()]*)\);", re.sub(r"\s+", " ", text)):
        parameters = []
        for part in inside.split(","):
            match = re.match(r"\s*(.*?)(\w+)(\[\])?\s*$", part)
            if match and match[1].strip():
                parameters.append((match[1].strip() + ("*" if match[3] else ""), match[2]))
        found.append(Function(name, tuple(parameters)))
    return found


class Sweep:
    """Calls with ordinary arguments of which one is wrong."""

    def __init__(self, name: str) -> None:
        self.spec = spec = LIBRARIES[name]
        self.ffi = cffi.FFI()
        self.ffi.cdef(d.declarations(*spec.include, spec.header))
        self.lib = self.ffi.dlopen(str(d.LIB / f"libmaf_{spec.file}.so"))
        d.ffi.cdef("int cudaHostAlloc(void **p, size_t bytes, unsigned int flags);")
        out = d.ffi.new("void **")
        d.check(d.library("cudart13").cudaHostAlloc(out, 1 << 20, 0))
        self.memory = int(d.ffi.cast("uintptr_t", out[0])) + (1 << 19)
        handle = self.ffi.new(f"{spec.handle} *")
        d.check(getattr(self.lib, spec.create)(handle))
        self.handle = handle[0]
        self.bad: list[str] = []

    def ordinary(self, function: Function) -> list[Any]:
        kinds = self.ffi.typeof(getattr(self.lib, function.name)).args
        values: list[Any] = []
        for kind, (_, name) in zip(kinds, function.parameters, strict=True):
            if kind.kind == "pointer":
                values.append(self.handle if kind.cname == self.ffi.typeof(self.spec.handle).cname else self.ffi.cast(kind, self.memory))  # fmt: skip
            elif kind.cname in ("float", "double"):
                values.append(1.0)
            elif name in SIZES:
                values.append(4)
            elif name in LEADING:
                values.append(8)
            elif name.startswith("inc") or name in ("itype", "step", "k1", "k2", "first", "last"):
                values.append(1)
            else:
                values.append(ord("N") if name.startswith("job") else 0)
        return values

    def expect(self, function: Function, arguments: list[Any], allowed: frozenset[int], what: str) -> None:
        print(json.dumps({"calling": f"{function.name} {what}"}), flush=True)
        status = int(getattr(self.lib, function.name)(*arguments))
        if status not in allowed:
            self.bad.append(f"{function.name}: {what} gives {status}")

    def run(self) -> None:
        spec = self.spec
        invalid, refused = frozenset({spec.invalid}), frozenset({spec.invalid}) | spec.refusals
        for function in functions(spec.header):
            if (
                not hasattr(self.lib, function.name)
                or self.ffi.typeof(getattr(self.lib, function.name)).kind != "function"
            ):
                continue
            kinds = self.ffi.typeof(getattr(self.lib, function.name)).args
            has_handle = bool(kinds) and kinds[0].cname == self.ffi.typeof(spec.handle).cname
            if not has_handle or "Destroy" in function.name or "GetVersion" in function.name:
                continue
            arguments = self.ordinary(function)
            missing = [self.ffi.NULL if k.kind == "pointer" else a for k, a in zip(kinds, arguments, strict=True)]
            self.expect(function, missing, frozenset({spec.not_initialized}), "NULL handle and pointers")
            self.expect(function, [self.ffi.NULL, *arguments[1:]], frozenset({spec.not_initialized}), "NULL handle")
            for i, (kind, (_, name)) in enumerate(zip(kinds, function.parameters, strict=True)):
                if kind.kind not in ("primitive", "enum") or re.search(spec.skip, f"{function.name} {name}"):
                    continue
                for names, value, allowed in ((SIZES, -1, invalid), (LEADING, 0, invalid), (ENUMS, 99, refused)):
                    if name in names:
                        self.expect(function, [*arguments[:i], value, *arguments[i + 1 :]], allowed, f"{name} {value}")
        print(json.dumps({"bad": self.bad, "sticky": d.library("cudart13").cudaDeviceSynchronize()}))


# Libraries' headers and files, and functions that rightly succeed without any argument.
NOTHING = {
    "cublas": (("cublas/cublas.h",), "cublas13", "Logger|Version|Xerbla"),
    "cublaslt": (
        ("cublas/cublas.h", "cublaslt/cublaslt.h"),
        "cublaslt13",
        "Logger|Version|CacheSet|Mask|Destroy|^cublas[^L]",
    ),
    "cusolver": (("cusolver/cusolver.h",), "cusolver12", "DestroyParams|DestroyGesvdj|DestroySyevj"),
    "cusparse": (("cusparse/cusparse.h",), "cusparse12", "Destroy|destroy|GetMat"),
    "cusparselt": (("cusparselt/cusparselt.h",), "cusparselt0", "$^"),
    "cudnn": (("cudnn/cudnn.h",), "cudnn9", "Version|Destroy"),
    "cufft": (("cufft/cufft.h",), "cufft12", "$^"),
    "curand": (("curand/curand.h",), "curand10", "$^"),
    "nccl": (("nccl/nccl.h",), "nccl2", "Abort|Group|MemFree|Destroy"),
    "nvrtc": (("nvrtc/nvrtc.h",), "nvrtc13", "$^"),
    "nvml": (("nvml/nvml.h",), "nvml1", "Init|Shutdown"),
    "cufile": (("cufile/cufile.h",), "cufile0", "UseCount|Driver|Deregister"),
}


def call_with_nothing(name: str) -> None:
    """Every function of a library with zeros and NULLs."""
    headers, file, _ = NOTHING[name]
    ffi = cffi.FFI()
    ffi.cdef(d.declarations(*headers))
    lib = ffi.dlopen(str(d.LIB / f"libmaf_{file}.so"))
    succeeded = []
    for function in dict.fromkeys(re.findall(r"\b(\w+)\(", d.declarations(headers[-1]))):
        kind = ffi.typeof(getattr(lib, function)) if hasattr(lib, function) else None
        if kind is None or kind.kind != "function" or any(a.kind in ("struct", "union") for a in kind.args):
            continue
        values = [
            ffi.NULL if a.kind in ("pointer", "function") else 0.0 if a.cname in ("float", "double") else 0
            for a in kind.args
        ]
        print(json.dumps({"calling": function}), flush=True)
        status = getattr(lib, function)(*values)
        if kind.result.kind in ("enum", "primitive") and int(status) == 0:
            succeeded.append(function)
    print(json.dumps({"succeeded": succeeded}))


@pytest.mark.parametrize("name", NOTHING)
def test_entry_points_survive_nothing(name: str) -> None:
    code = f"import test_wrong_arguments as t; t.call_with_nothing({name!r})"
    folder = Path(__file__).parent
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"{lines[-1] if lines else 'nothing'}: {done.stderr[-800:]}"
    assert len(lines) > 10
    assert [f for f in json.loads(lines[-1])["succeeded"] if not re.search(NOTHING[name][2], f)] == []


@pytest.mark.parametrize("name", LIBRARIES)
def test_entry_points_refuse_wrong_arguments(name: str) -> None:
    code = f"import test_wrong_arguments as t; t.Sweep({name!r}).run()"
    folder = Path(__file__).parent
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=240, check=False)  # fmt: skip
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"{lines[-1] if lines else 'nothing'}: {done.stderr[-800:]}"
    result = json.loads(lines[-1])
    assert len(lines) > 100
    assert not result["bad"], f"{len(result['bad'])} of {len(lines)}:\n" + "\n".join(result["bad"][:60])
    assert result["sticky"] == 0, done.stderr[-800:]
