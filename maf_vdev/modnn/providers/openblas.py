"""GEMM on OpenBLAS (the scipy-openblas32 wheel). 16-bit floats and int8 are converted, multiplied in
float32 (int8: float64, exact) and rounded once."""

from __future__ import annotations

import ctypes
import functools
import os
from pathlib import Path
from typing import Any

from maf_vdev.modnn import gemm as g
from maf_vdev.modnn import native
from maf_vdev.modnn.registry import Plan

PREFIX = "scipy_cblas_"
LETTERS = {g.F32: "s", g.F64: "d", g.C64: "c", g.C128: "z"}
# Type in which the BLAS multiplies, by accumulation type of the op.
COMPUTE = {g.F32: g.F32, g.F16: g.F32, g.F64: g.F64, g.C64: g.C64, g.C128: g.C128, g.I32: g.F64}
INT_MAX = 2**31 - 1


def threads() -> int:
    """Threads for library calls: MAF_THREADS, else the cores this process may use."""
    text = os.environ.get("MAF_THREADS", "")
    return int(text) if text.isdigit() and int(text) > 0 else len(os.sched_getaffinity(0))


@functools.cache
def library() -> ctypes.CDLL:
    """libscipy_openblas.so. OSError or ImportError when it is not installed."""
    import scipy_openblas32

    # A core type chosen for another machine costs up to 4x; the library detects the right one.
    os.environ.pop("OPENBLAS_CORETYPE", None)
    lib = ctypes.CDLL(str(Path(scipy_openblas32.get_lib_dir()) / "libscipy_openblas.so"))
    # Products are cut up for the launch pool in op_gemm.c, which says why.
    lib.scipy_openblas_set_num_threads(1)
    return lib


@functools.cache
def symbol(name: str) -> int:
    """Address of a cblas function, without its prefix."""
    return ctypes.cast(getattr(library(), PREFIX + name), ctypes.c_void_p).value or 0


def fill_closure(op: Any, compute: int) -> Any:
    """struct maf_gemm of an op that passed gemm.check, on OpenBLAS's functions."""
    f = g.normalise(op)
    closure = native.ffi.new("struct maf_gemm *")
    for name in ("m", "n", "k", "batch", "swapped", "row_c", "col_c", "stride_c", "ldd", "stride_d"):
        setattr(closure, name, int(getattr(f, name)))
    for name, x in (("a", f.a), ("b", f.b)):
        operand = getattr(closure, name)
        for field in ("type", "op", "ld", "stride", "rows", "cols"):
            setattr(operand, field, getattr(x, field))
        operand.convert = x.type != compute or x.ld < 0
    closure.compute = compute
    for name in ("type_c", "type_d", "pointer_array", "type_scale", "type_bias", "stride_bias"):
        setattr(closure, name, getattr(op, name))
    closure.type_aux, closure.ld_aux, closure.stride_aux = op.type_aux, op.ld_aux, op.stride_aux
    closure.scalars = op.scalars_on_device
    closure.epilogue = g.epilogue_bits(op)
    closure.direct = op.type_d == compute and op.scalars_on_device <= g.DEVICE and f.ldd > 0
    letter = LETTERS[compute]
    closure.gemm = native.ffi.cast("void *", symbol(f"{letter}gemm"))
    closure.gemv = native.ffi.cast("void *", symbol(f"{letter}gemv"))
    return closure


def gemm(op: Any) -> Plan | None:
    """Declines sizes beyond 32-bit integers."""
    compute = COMPUTE[op.type_compute]
    if max(op.m, op.n, op.k, op.lda, op.ldb, op.ldc, op.ldd) > INT_MAX:
        return None
    return native.plan("openblas", "maf_gemm_run", fill_closure(op, compute), library())
