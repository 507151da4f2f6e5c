"""Structured sparsity: the core's loops against the numpy reference and its definition, cuSPARSELt's entry points, PyTorch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import blas_device as d
import cffi
import numpy as np
import pytest

from maf_vdev import protocol
from maf_vdev.cli.environment import LIBRARIES, Settings, build
from maf_vdev.modnn import registry
from maf_vdev.modnn.gemm import BF16, F16, F32, I8
from maf_vdev.modnn.providers import ref_structured

STRUCTURED = protocol.constant("MAF_OP_STRUCTURED")
COMPRESS, EXPAND, PRUNE, CHECK = 1, 2, 3, 4
NUMPY = {F32: np.float32, F16: np.float16, BF16: np.uint16, I8: np.int8}
GROUP = {F32: 2, F16: 4, BF16: 4, I8: 4}
# Sizes: with and without PyTorch's order of the place words.
SIZES = [(128, 64), (256, 128), (128, 48), (32, 96)]


def operand(kind: int, outer: int, inner: int, batch: int = 1) -> np.ndarray:
    """Dense values (batch, outer, inner) of an element type, bfloat16 as bits, none of them zero."""
    values = np.random.default_rng(outer + inner).uniform(0.5, 90, (batch, outer, inner))
    values *= np.random.default_rng(1).choice((-1, 1), values.shape)
    if kind == BF16:
        return (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    return values.astype(NUMPY[kind])


def pruned(x: np.ndarray, group: int, spare: bool = False) -> np.ndarray:
    """Half of each group zero, with `spare` sometimes more."""
    rank = np.random.default_rng(2).random((*x.shape[:2], x.shape[2] // group, group)).argsort(-1)
    kept = rank < group // 2
    if spare:
        kept &= np.random.default_rng(3).random(kept.shape) < 0.8
    return np.where(kept.reshape(x.shape), x, np.zeros(1, x.dtype))


def run(only: str, routine: int, kind: int, dense: np.ndarray, other: np.ndarray, tiles: int = 0) -> None:
    """dense: (batch, outer, inner) in any layout; changed by EXPAND."""
    op = protocol.ffi.new("struct maf_op_structured *")
    op.routine, op.type, op.tiles = routine, kind, tiles
    op.batch, op.outer, op.inner = dense.shape
    op.stride, op.outer_stride, op.inner_stride = (step // dense.itemsize for step in dense.strides)
    plan = registry.make_plan(STRUCTURED, protocol.pack(op), only)
    plan.run([dense.ctypes.data, other.ctypes.data], b"")


def compressed(kind: int, dense: np.ndarray) -> np.ndarray:
    words = dense.size // (8 if kind == F32 else 16)
    return np.full(dense.size // 2 * dense.itemsize + 2 * words, 0xEE, np.uint8)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", NUMPY)
def test_compression_loses_nothing(kind: int, size: tuple[int, int], turned: bool) -> None:
    x = pruned(operand(kind, *size, batch=2), GROUP[kind], spare=True)
    x = np.ascontiguousarray(x.swapaxes(1, 2)).swapaxes(1, 2) if turned else x
    packed = {only: compressed(kind, x) for only in ("core", "reference")}
    for only, out in packed.items():
        run(only, COMPRESS, kind, x, out)
    assert (packed["core"] == packed["reference"]).all()
    for only in packed:
        back = np.full_like(x, 7)
        run(only, EXPAND, kind, back, packed["core"])
        assert (back == x).all()


@pytest.mark.parametrize("tiles", [0, 1])
@pytest.mark.parametrize("kind", NUMPY)
def test_pruning_keeps_the_most(kind: int, tiles: int) -> None:
    x = operand(kind, 32, 32)
    out = {only: np.full_like(x, 7) for only in ("core", "reference")}
    for only, result in out.items():
        run(only, PRUNE, kind, x, result, tiles)
        kept = result != 0
        assert (result[kept] == x[kept]).all()
        assert (kept.reshape(1, 32, -1, GROUP[kind]).sum(-1) == GROUP[kind] // 2).all()
        if tiles:
            assert (kept.reshape(1, -1, GROUP[kind], 32).sum(2) == GROUP[kind] // 2).all()
    op = protocol.ffi.new("struct maf_op_structured *")
    op.type = kind
    weight = [ref_structured.magnitudes(op, y.view(ref_structured.BITS[y.itemsize])).sum() for y in out.values()]
    np.testing.assert_allclose(*weight, rtol=1e-6)


@pytest.mark.parametrize("only", ["core", "reference"])
@pytest.mark.parametrize("kind", NUMPY)
def test_check_finds_one_element_too_many(kind: int, only: str) -> None:
    x, flag = pruned(operand(kind, 32, 32), GROUP[kind]), np.full(1, 5, np.int32)
    run(only, CHECK, kind, x, flag)
    assert flag[0] == 0
    x[0, 17, 4 : 4 + GROUP[kind] // 2 + 1] = 3
    run(only, CHECK, kind, x, flag)
    assert flag[0] == 1


# --- entry points -------------------------------------------------------------------------------------------------

ffi = cffi.FFI()
ffi.cdef(d.declarations("cusparselt/cusparselt.h"))
CUSPARSE_NOT_INITIALIZED, CUSPARSE_INVALID, CUSPARSE_NOT_SUPPORTED = 1, 3, 10
ROWS, COLUMNS = 2, 1
needs_libraries = pytest.mark.skipif(not d.LIB.is_dir(), reason="the shim libraries are not built")


def pointer(array: d.Array) -> Any:
    return ffi.cast("void *", int(d.ffi.cast("uintptr_t", array.pointer)))


class Product:
    """D = op(A) op(B), float16, A or B sparse, through the entry points."""

    def __init__(self, sparse_a: bool, op_a: int, op_b: int, order: int) -> None:
        self.lib = ffi.dlopen(str(d.LIB / "libmaf_cusparselt0.so"))
        self.handle = ffi.new("cusparseLtHandle_t *")
        d.check(self.lib.cusparseLtInit(self.handle))
        m, n, k = 32, 64, 96
        rng = np.random.default_rng(0)
        a, b = (rng.uniform(-1, 1, shape).astype(np.float16) for shape in ((m, k), (k, n)))
        a, b = (a.T if op_a else a), (b.T if op_b else b)
        self.values = {"a": a, "b": b, "d": np.zeros((m, n), np.float16)}
        self.order, self.ops = order, {"a": op_a, "b": op_b}
        self.matrices = {}
        for name, x in self.values.items():
            out = self.matrices[name] = ffi.new("cusparseLtMatDescriptor_t *")
            ld = x.shape[1] if order == ROWS else x.shape[0]
            if name == ("a" if sparse_a else "b"):
                status = self.lib.cusparseLtStructuredDescriptorInit(self.handle, out, *x.shape, ld, 16, 2, order, 0)
            else:
                status = self.lib.cusparseLtDenseDescriptorInit(self.handle, out, *x.shape, ld, 16, 2, order)
            d.check(status)
        self.matmul = ffi.new("cusparseLtMatmulDescriptor_t *")
        ma, mb, md = self.matrices.values()
        init = self.lib.cusparseLtMatmulDescriptorInit
        d.check(init(self.handle, self.matmul, op_a, op_b, ma, mb, md, md, self.lib.CUSPARSE_COMPUTE_32F))
        self.plan, selection = ffi.new("cusparseLtMatmulPlan_t *"), ffi.new("cusparseLtMatmulAlgSelection_t *")
        d.check(self.lib.cusparseLtMatmulAlgSelectionInit(self.handle, selection, self.matmul, 0))
        d.check(self.lib.cusparseLtMatmulPlanInit(self.handle, self.plan, self.matmul, selection))

    def put(self, x: np.ndarray) -> d.Array:
        return d.Array(np.ascontiguousarray(x if self.order == ROWS else x.T).reshape(-1))

    def get(self, array: d.Array, shape: tuple[int, ...]) -> np.ndarray:
        return array.get().reshape(shape) if self.order == ROWS else array.get().reshape(shape[::-1]).T


@needs_libraries
@pytest.mark.parametrize("order", [ROWS, COLUMNS])
@pytest.mark.parametrize(("sparse_a", "op_a", "op_b"), [(True, 0, 0), (True, 1, 1), (False, 0, 0), (False, 1, 1)])
def test_prune_compress_multiply(sparse_a: bool, op_a: int, op_b: int, order: int) -> None:
    p = Product(sparse_a, op_a, op_b, order)
    lib, handle, name = p.lib, p.handle, "a" if sparse_a else "b"
    dense, wrong = p.put(p.values[name]), d.Array(np.full(1, 9, np.int32))
    d.check(lib.cusparseLtSpMMAPrune(handle, p.matmul, pointer(dense), pointer(dense), 1, ffi.NULL))
    flag = ffi.cast("int *", pointer(wrong))
    d.check(lib.cusparseLtSpMMAPruneCheck(handle, p.matmul, pointer(dense), flag, ffi.NULL))
    assert wrong.get()[0] == 0
    sizes, work = ffi.new("size_t[2]"), ffi.new("size_t *")
    d.check(lib.cusparseLtSpMMACompressedSize(handle, p.plan, sizes, sizes + 1))
    packed = d.Array(np.zeros(sizes[0], np.uint8))
    d.check(lib.cusparseLtSpMMACompress(handle, p.plan, pointer(dense), pointer(packed), ffi.NULL, ffi.NULL))
    d.check(lib.cusparseLtMatmulGetWorkspace(handle, p.plan, work))
    space = d.Array(np.zeros(work[0], np.uint8))
    values = {**p.values, name: p.get(dense, p.values[name].shape)}
    assert (values[name] == 0).mean() == 0.5
    operands = {k: packed if k == name else p.put(values[k]) for k in "ab"}
    result = p.put(values["d"])
    alpha, beta = ffi.new("float *", 2), ffi.new("float *", 0)
    args = (alpha, pointer(operands["a"]), pointer(operands["b"]), beta, pointer(result), pointer(result))
    d.check(lib.cusparseLtMatmul(handle, p.plan, *args, pointer(space), ffi.NULL, 0))
    a, b = (x.astype(np.float32).T if p.ops[k] else x.astype(np.float32) for k, x in list(values.items())[:2])
    np.testing.assert_allclose(p.get(result, (32, 64)), 2 * a @ b, rtol=0, atol=0.02)


@needs_libraries
def test_wrong_arguments() -> None:
    p = Product(True, 0, 0, ROWS)
    lib, handle, out = p.lib, p.handle, ffi.new("cusparseLtMatDescriptor_t *")
    blank, value = ffi.new("cusparseLtHandle_t *"), ffi.new("int *", 1)
    dense = lib.cusparseLtDenseDescriptorInit
    assert dense(blank, out, 32, 32, 32, 16, 2, ROWS) == CUSPARSE_NOT_INITIALIZED
    assert dense(handle, out, -32, 32, 32, 16, 2, ROWS) == CUSPARSE_INVALID
    assert dense(handle, out, 32, 32, 16, 16, 2, ROWS) == CUSPARSE_INVALID
    assert dense(handle, out, 32, 32, 32, 16, 2, 5) == CUSPARSE_INVALID
    assert dense(handle, out, 32, 36, 36, 16, 2, ROWS) == CUSPARSE_NOT_SUPPORTED  # no multiple of 8
    assert dense(handle, out, 32, 32, 32, 16, 28, ROWS) == CUSPARSE_NOT_SUPPORTED  # 8-bit float
    ma, mb, md = p.matrices.values()
    init = lib.cusparseLtMatmulDescriptorInit
    assert init(handle, p.matmul, 0, 0, mb, mb, md, md, lib.CUSPARSE_COMPUTE_32F) == CUSPARSE_INVALID
    assert init(handle, p.matmul, 0, 0, ma, mb, md, md, lib.CUSPARSE_COMPUTE_32I) == CUSPARSE_NOT_SUPPORTED
    assert init(handle, p.matmul, 0, 1, ma, mb, md, md, lib.CUSPARSE_COMPUTE_32F) == CUSPARSE_INVALID
    assert lib.cusparseLtMatmulAlgSelectionInit(handle, blank, ma, 0) == CUSPARSE_INVALID  # not a product
    selection = ffi.new("cusparseLtMatmulAlgSelection_t *")
    d.check(lib.cusparseLtMatmulAlgSelectionInit(handle, selection, p.matmul, 0))
    assert lib.cusparseLtMatmulAlgSetAttribute(handle, selection, 0, value, 4) == CUSPARSE_INVALID  # one algorithm
    d.check(lib.cusparseLtMatDescriptorDestroy(ma))
    assert lib.cusparseLtMatDescriptorDestroy(ma) == CUSPARSE_INVALID


# --- PyTorch ------------------------------------------------------------------------------------------------------

TORCH = """
import json, torch
from torch.sparse import SparseSemiStructuredTensor, SparseSemiStructuredTensorCUSPARSELT, to_sparse_semi_structured
SparseSemiStructuredTensor._FORCE_CUTLASS = False
torch.manual_seed(0)
def report(name, got, want):
    got, want = got.cpu().double(), want.double()
    print(json.dumps([name, float((got - want).abs().max() / want.abs().max())]), flush=True)
for dtype in (torch.float16, torch.bfloat16):
    for m, k, n in ((128, 128, 64), (64, 96, 40)):
        a = torch.randn(m, k) * (torch.rand(m, k // 4, 4).argsort(-1) < 2).reshape(m, k)
        a, b, bias = a.to(dtype), torch.randn(n, k).to(dtype), torch.randn(m).to(dtype)
        sparse, want = to_sparse_semi_structured(a.cuda()), a.double() @ b.double().t()
        assert sparse.BACKEND == "cusparselt"
        report("dense", sparse.to_dense(), a)
        report("product", sparse @ b.cuda().t(), want)
        report("linear", torch.nn.functional.linear(b.cuda(), sparse, bias.cuda()), want.t() + bias)
        alpha = torch.rand(m)
        scaled = torch._cslt_sparse_mm(sparse.packed, b.cuda().t(), alpha=alpha.cuda(), transpose_result=True)
        report("alpha", scaled, (want * alpha[:, None]).t())
a = torch.randint(-9, 9, (64, 96), dtype=torch.int8) * (torch.arange(96) % 4 < 2)
b = torch.randint(-9, 9, (32, 96), dtype=torch.int8)
for out in (torch.int32, torch.float16):
    packed = torch._cslt_compress(a.to(torch.int8).cuda())
    report(str(out), torch._cslt_sparse_mm(packed, b.cuda().t(), out_dtype=out), a.int() @ b.int().t())
x, b = torch.randn(256, 128).half().cuda(), torch.randn(128, 64).half().cuda()
tiled = SparseSemiStructuredTensorCUSPARSELT.prune_dense_static_sort(x)  # a kernel of PyTorch packs it
report("tile", tiled @ b, tiled.to_dense().cpu().double() @ b.cpu().double())
assert 0.4 < (tiled.to_dense() != 0).double().mean() <= 0.5
"""


@pytest.mark.skipif(
    not LIBRARIES.is_dir() or not find_spec("torch"), reason="torch or the shim libraries are not there"
)
def test_torch_semi_structured(tmp_path: Path) -> None:
    environment = {**os.environ, **build(Settings(), dict(os.environ))}
    command = [sys.executable, "-W", "ignore", "-c", TORCH]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(results) == 19
    assert [r for r in results if not r[1] < 8e-3] == []
