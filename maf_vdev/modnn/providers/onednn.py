"""GEMM on oneDNN's matmul: bfloat16 and int8 where the CPU has instructions for them.

A column-major product is, read row by row, D^T = op(B)^T op(A)^T, so B is oneDNN's source and A its weights.
alpha = 1 with beta 0 or 1 runs in one primitive that writes D; everything else multiplies into a packed matrix
of the accumulation type, which op_gemm.c finishes and rounds once.
"""

from __future__ import annotations

import functools
from typing import Any

from maf_vdev.modnn import gemm as g
from maf_vdev.modnn import native
from maf_vdev.modnn.providers import dnnl, openblas
from maf_vdev.modnn.registry import Plan

# Types of operands, and the type their products are summed in.
ACCUMULATION = {g.BF16: g.F32, g.F16: g.F32, g.I8: g.I32}
# Multiplications (of the whole batch) below which entering the library's threads costs more than it saves
# (measured on a 2-core AVX-512 CPU: 9 us for any size up to 32^3).
SMALL = {g.BF16: 300_000, g.F16: 300_000, g.I8: 60_000}


def _operand(x: g.Operand, batched: bool) -> tuple[int, int, int]:
    """Strides of op(X)^T over (batch, its rows, its columns)."""
    rows, cols = (1, x.ld) if x.op == g.N else (x.ld, 1)  # of op(X)
    return (x.stride if batched else 0, cols, rows)


def _desc(batch: int, rows: int, cols: int, kind: int, strides: tuple[int, int, int]) -> Any:
    # A matrix shared by the whole batch is a batch of one, broadcast.
    batch_step, row, col = strides
    if batch > 1 and batch_step == 0:
        batch = 1
    # The stride of a dimension of size one is free; one of the two must be 1, and rows come first where both could.
    if cols == 1:
        col = 1
    elif rows == 1:
        row = cols if col == 1 else 1
    if batch == 1:
        batch_step = max(rows * row, cols * col)
    return dnnl.strided((batch, rows, cols), kind, (batch_step, row, col))


class _Matmul:
    """One primitive descriptor with its memory objects."""

    def __init__(
        self, f: g.Normal, batch: int, dst_type: int, dst: tuple[int, int, int], attributes: Any = None
    ) -> None:
        batched = batch > 1
        src = _desc(batch, f.n, f.k, f.b.type, _operand(f.b, batched))
        weights = _desc(batch, f.k, f.m, f.a.type, _operand(f.a, batched))
        out = _desc(batch, f.n, f.m, dst_type, dst)
        null = dnnl.ffi.NULL
        self.desc = dnnl.make(
            "dnnl_matmul_primitive_desc_create",
            "dnnl_primitive_desc_destroy",
            dnnl.engine(),
            src,
            weights,
            null,
            out,
            null if attributes is None else attributes,
        )
        self.implementation = dnnl.implementation(self.desc)
        self.primitive = dnnl.primitive(self.desc)
        self.memories = [dnnl.memory(d) for d in (src, weights, out)]

    def fill(self, matmul: Any) -> None:
        """Writes struct maf_gemm_matmul."""
        matmul.primitive = _pointer(self.primitive)
        matmul.src, matmul.weights, matmul.dst = map(_pointer, self.memories)


def _pointer(p: Any) -> Any:
    return native.ffi.cast("void *", int(dnnl.ffi.cast("uintptr_t", p)))


def _function(name: str, kind: str) -> Any:
    return native.ffi.cast(kind, dnnl.address(name))


@functools.cache
def fast(kind: int) -> bool:
    """Whether oneDNN has generated code for products of this type on this CPU.

    Its plain C++ loops are far below a BLAS, and int8 code without VNNI saturates intermediate sums.
    """
    try:
        x = g.Operand(kind, g.N, 64, 0, 64, 64)
        f = g.Normal(64, 64, 64, 1, x, x, False, 1, 64, 0, 64, 0)
        name = _Matmul(f, 1, ACCUMULATION[kind], (0, 64, 1)).implementation
    except dnnl.DnnlError:
        return False
    return "ref" not in name and (kind != g.I8 or "vnni" in name or "amx" in name)


def _make(f: g.Normal, batch: int, kind: int, dst: tuple[int, int, int], attributes: Any = None) -> _Matmul | None:
    """The matmul, or None where the library has none or only its plain loops."""
    try:
        matmul = _Matmul(f, batch, kind, dst, attributes)
    except dnnl.DnnlError:
        return None
    return None if "ref" in matmul.implementation else matmul


def gemm(op: Any) -> Plan | None:
    """Takes bfloat16 and int8 (float16 where the CPU computes in it); declines the rest to the BLAS."""
    if op.type_a not in ACCUMULATION or op.type_compute not in (g.F32, g.F16, g.I32):
        return None
    if 0 in (op.m, op.n, op.k, op.batch) or max(op.m, op.n, op.k) > openblas.INT_MAX or not fast(op.type_a):
        return None
    if op.m * op.n * op.k * op.batch < SMALL[op.type_a]:
        return None
    f = g.normalise(op)
    if min(f.a.ld, f.b.ld, f.ldd) < 0:
        return None
    integer = op.type_compute == g.I32
    compute = g.I32 if integer else g.F32
    closure = openblas.fill_closure(op, g.F64 if integer else g.F32)
    # The destination may be D itself unless an epilogue has to work on the unrounded product.
    epilogue = g.epilogue_bits(op)
    direct = sums = None
    batch = 1 if op.pointer_array or epilogue else f.batch
    if op.scalars_on_device <= g.DEVICE and op.type_d != g.I8 and (not epilogue or op.type_d == compute):
        dst = (f.stride_d, f.ldd, 1)
        direct = _make(f, batch, op.type_d, dst)
        sums = direct and _make(f, batch, op.type_d, dst, dnnl.sum_attributes(op.type_d))
    packed = None if integer else _make(f, 1, compute, (0, f.m, 1))
    if direct is None and packed is None:
        return None
    d = closure.dnnl
    d.execute = _function("dnnl_primitive_execute", "int (*)(const void *, void *, int, const void *)")
    d.set_handle = _function("dnnl_memory_set_data_handle", "int (*)(void *, void *)")
    d.wait = _function("dnnl_stream_wait", "int (*)(void *)")
    d.stream = _pointer(dnnl.stream())
    if direct:
        direct.fill(d.direct)
        d.direct_batched = batch > 1
    if sums:
        d.direct_sum = _pointer(sums.primitive)
    if packed:
        packed.fill(d.packed)
    return native.plan("onednn", "maf_gemm_run", closure, (openblas.library(), direct, sums, packed))
