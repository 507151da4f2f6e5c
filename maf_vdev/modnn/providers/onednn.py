"""GEMM on oneDNN's matmul: bfloat16 and int8 where the CPU has instructions for them.

A column-major product is, read row by row, D^T = op(B)^T op(A)^T, so B is oneDNN's source and A its weights.
alpha = 1 with beta 0 or 1 runs in one primitive that writes D; everything else multiplies into a packed matrix
of the accumulation type, which op_gemm.c finishes and rounds once.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Any

from maf_vdev.modnn import gemm as g
from maf_vdev.modnn import native
from maf_vdev.modnn.providers import dnnl, openblas
from maf_vdev.modnn.registry import Plan

# Types of operands, and the type their products are summed in.
ACCUMULATION = {g.BF16: g.F32, g.F16: g.F32, g.I8: g.I32}
# Multiplications that are worth handing to another thread: about 20 us of one core.
PART = 2_000_000
TILE_STEP = 16
TILES_PER_THREAD = 2


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


class _Primitive:
    """One primitive; `descs` are its memory descriptors of source, weights and destination."""

    def __init__(self, f: g.Normal, batch: int, kind: int, dst: tuple[int, int, int], add: bool = False) -> None:
        batched = batch > 1
        self.descs = (
            _desc(batch, f.n, f.k, f.b.type, _operand(f.b, batched)),
            _desc(batch, f.k, f.m, f.a.type, _operand(f.a, batched)),
            _desc(batch, f.n, f.m, kind, dst),
        )
        src, weights, out = self.descs
        attributes = dnnl.attributes(kind if add else None)
        make, destroy = "dnnl_matmul_primitive_desc_create", "dnnl_primitive_desc_destroy"
        with dnnl.one_thread():
            desc = dnnl.make(make, destroy, dnnl.engine(), src, weights, dnnl.ffi.NULL, out, attributes)
            self.object = dnnl.primitive(desc)
        self.implementation = dnnl.implementation(desc)
        pad = dnnl.scratchpad(desc)
        self.scratch_bytes = dnnl.library().dnnl_memory_desc_get_size(pad) if pad else 0


@dataclass(frozen=True)
class _Cut:
    """Tiles along one dimension of the product; the last one has `last` elements of it."""

    axis: str  # "batch", "n" or "m"
    size: int
    tiles: int
    last: int


def _cut(f: g.Normal, batch: int) -> _Cut:
    work = f.m * f.n * f.k * batch
    parts = max(1, min(work // PART, TILES_PER_THREAD * openblas.threads()))
    if openblas.threads() == 1:
        parts = 1
    axis = "batch" if batch >= parts and batch > 1 else "n" if f.n >= f.m else "m"
    total = batch if axis == "batch" else getattr(f, axis)
    size = -(-total // parts)
    if axis != "batch":
        size = min(total, -(-size // TILE_STEP) * TILE_STEP)
    tiles = -(-total // size)
    return _Cut(axis, size, tiles, total - (tiles - 1) * size)


class _Matmul:
    """The primitives and memory objects behind a struct maf_gemm_matmul."""

    def __init__(self, f: g.Normal, batch: int, kind: int, dst: tuple[int, int, int], can_add: bool) -> None:
        self.cut = cut = _cut(f, batch)

        def primitive(size: int, add: bool) -> _Primitive:
            part = f if cut.axis == "batch" else replace(f, **{cut.axis: size})
            return _Primitive(part, size if cut.axis == "batch" else batch, kind, dst, add)

        def pair(add: bool) -> tuple[_Primitive, _Primitive]:
            whole = primitive(cut.size, add)
            return whole, whole if cut.last == cut.size else primitive(cut.last, add)

        self.whole, self.tail = pair(add=False)
        self.sum, self.sum_tail = pair(add=True) if can_add else (None, None)
        self.made = [p for p in (self.whole, self.tail, self.sum, self.sum_tail) if p]
        self.scratch_bytes = max(p.scratch_bytes for p in self.made)
        self.memories = [
            m for t in range(cut.tiles) for m in self._tile(self.tail if t == cut.tiles - 1 else self.whole)
        ]
        self.steps = self._steps(f, batch > 1, kind, dst)
        self.table = native.ffi.new("void *[]", [_pointer(m) for m in self.memories])

    def _tile(self, primitive: _Primitive) -> list[Any]:
        pad = dnnl.ffi.NULL
        if self.scratch_bytes:
            pad = dnnl.memory(dnnl.strided((self.scratch_bytes,), g.U8, (1,)))
        return [*(dnnl.memory(d) for d in primitive.descs), pad]

    def _steps(self, f: g.Normal, batched: bool, kind: int, dst: tuple[int, int, int]) -> tuple[int, int, int]:
        """Bytes from one tile to the next in source, weights and destination."""
        src, weights = _operand(f.b, batched), _operand(f.a, batched)
        step = {
            "batch": (src[0], weights[0], dst[0]),
            "n": (src[1], 0, dst[1]),
            "m": (0, weights[2], dst[2]),
        }[self.cut.axis]
        sizes = (f.b.type, f.a.type, kind)
        return tuple(s * self.cut.size * g.TYPE_BYTES[t] for s, t in zip(step, sizes, strict=True))

    def fill(self, matmul: Any) -> None:
        """Writes struct maf_gemm_matmul."""
        matmul.primitive, matmul.tail = _pointer(self.whole.object), _pointer(self.tail.object)
        if self.sum:
            matmul.sum, matmul.sum_tail = _pointer(self.sum.object), _pointer(self.sum_tail.object)
        matmul.memories, matmul.tiles, matmul.scratch_bytes = self.table, self.cut.tiles, self.scratch_bytes
        matmul.step_src, matmul.step_weights, matmul.step_dst = self.steps


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
        name = _Primitive(f, 1, ACCUMULATION[kind], (0, 64, 1)).implementation
    except dnnl.DnnlError:
        return False
    return "ref" not in name and (kind != g.I8 or "vnni" in name or "amx" in name)


def _make(f: g.Normal, batch: int, kind: int, dst: tuple[int, int, int], can_add: bool = False) -> _Matmul | None:
    """The matmul, or None where the library has none or only its plain loops."""
    try:
        matmul = _Matmul(f, batch, kind, dst, can_add)
    except dnnl.DnnlError:
        return None
    return None if any("ref" in p.implementation for p in matmul.made) else matmul


def gemm(op: Any) -> Plan | None:
    """Takes bfloat16 and int8 (float16 where the CPU computes in it); declines the rest to the BLAS."""
    if op.type_a not in ACCUMULATION or op.type_compute not in (g.F32, g.F16, g.I32):
        return None
    if 0 in (op.m, op.n, op.k, op.batch) or max(op.m, op.n, op.k) > openblas.INT_MAX or not fast(op.type_a):
        return None
    f = g.normalise(op)
    if min(f.a.ld, f.b.ld, f.ldd) < 0:
        return None
    integer = op.type_compute == g.I32
    compute = g.I32 if integer else g.F32
    closure = openblas.fill_closure(op, g.F64 if integer else g.F32)
    # The destination may be D itself unless an epilogue has to work on the unrounded product.
    epilogue = g.epilogue_bits(op)
    direct = None
    batch = 1 if op.pointer_array or epilogue else f.batch
    if op.scalars_on_device <= g.DEVICE and op.type_d != g.I8 and (not epilogue or op.type_d == compute):
        direct = _make(f, batch, op.type_d, (f.stride_d, f.ldd, 1), can_add=op.type_d == compute)
    # Making a primitive takes about a millisecond, so only those are made that this op can come to need.
    unneeded = integer or (direct is not None and op.type_d == compute)
    packed = None if unneeded else _make(f, 1, compute, (0, f.m, 1))
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
    if packed:
        packed.fill(d.packed)
    return native.plan("onednn", "maf_gemm_run", closure, (openblas.library(), direct, packed))
