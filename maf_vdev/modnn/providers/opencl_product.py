"""Matrix products and convolutions as one OpenCL kernel, opencl_product.cl: what it needs for an op."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from maf_vdev.modnn import conv, gemm
from maf_vdev.modnn.gemm import BF16, F16, F32, F64

ACCESS = {F32: "f32", F64: "f64", F16: "f16", BF16: "bf16"}
TILE, GROUP = 64, (16, 16, 1)
KINDS = {"gemm": 0, conv.FORWARD: 1, conv.BACKWARD_DATA: 2, conv.BACKWARD_FILTER: 3}
# Epilogues that the kernel has: those that only change D.
EPILOGUES = {0, gemm.RELU, gemm.BIAS, gemm.RELU | gemm.BIAS, gemm.GELU, gemm.GELU | gemm.BIAS}
INT_MAX = 2**31 - 1


@dataclass(frozen=True)
class Product:
    """One launch. sizes: the kernel's array s. tiles: groups in each dimension. pointer: for p0..p5, the place among
    the op's pointers. wide: it computes in double."""

    defines: tuple[tuple[str, str], ...]
    sizes: tuple[int, ...]
    tiles: tuple[int, int, int]
    pointer: tuple[int, ...]
    wide: bool

    @property
    def source(self) -> str:
        lines = [f"#define {name} {value}\n" for name, value in self.defines]
        if self.wide:
            lines.append("#pragma OPENCL EXTENSION cl_khr_fp64 : enable\n")
        return "".join(lines) + _text()


@cache
def _text() -> str:
    return Path(__file__).with_name("opencl_product.cl").read_text()


def _tiles(m: int, n: int, z: int) -> tuple[int, int, int] | None:
    tiles = (-(-m // TILE), -(-n // TILE), z)
    return tiles if min(tiles) > 0 and max(tiles) * 16 <= INT_MAX and max(m, n) <= INT_MAX else None


def _defines(kind: int, wide: bool, types: tuple[int, ...], **more: int) -> tuple[tuple[str, str], ...]:
    """types: of A, B, C, bias and D."""
    names = ("LOAD_A", "LOAD_B", "LOAD_C", "LOAD_BIAS")
    access = [(name, f"LOAD_{ACCESS[t]}") for name, t in zip(names, types)]
    access += [("STORE_D", f"STORE_{ACCESS[types[-1]]}"), ("LOAD_D", f"LOAD_{ACCESS[types[-1]]}")]
    values = {"KIND": kind, "FUSED": 0, "EPILOGUE": 0, **more}
    return (("ACC", "double" if wide else "float"), *access, *((k, str(v)) for k, v in values.items()))


def of_gemm(op: Any) -> Product | None:
    """None for complex and integer types, scalars or batches given by device pointers, and epilogues with an output of
    their own."""
    bits = gemm.epilogue_bits(op)
    types = (op.type_a, op.type_b, op.type_c, op.type_bias if bits & gemm.BIAS else F32, op.type_d)
    if any(t not in ACCESS for t in types) or op.pointer_array or op.scalars_on_device or bits not in EPILOGUES:
        return None
    f = gemm.normalise(op)
    tiles = _tiles(f.m, f.n, f.batch)
    if tiles is None or op.type_compute not in ACCESS or min(f.a.ld, f.b.ld, f.ldd) < 0:
        return None
    wide = op.type_compute == F64
    a_i, a_k = (1, f.a.ld) if f.a.op == gemm.N else (f.a.ld, 1)
    b_k, b_j = (1, f.b.ld) if f.b.op == gemm.N else (f.b.ld, 1)
    bias = (0, 1, op.stride_bias) if f.swapped else (1, 0, op.stride_bias)
    sizes = (f.m, f.n, op.k, a_i, a_k, f.a.stride, b_k, b_j, f.b.stride)
    sizes += (f.row_c, f.col_c, f.stride_c, 1, f.ldd, f.stride_d, *bias)
    defines = _defines(KINDS["gemm"], wide, (f.a.type, f.b.type, *types[2:]), EPILOGUE=bits, ALONG_I=1)
    # Normal's A is the op's B where D is row major.
    pointer = (1, 0, 2, 3, 4, 4) if f.swapped else (0, 1, 2, 3, 4, 4)
    return Product(defines, sizes, tiles, pointer, wide)


def of_conv(op: Any) -> Product | None:
    f = conv.normalise(op)
    types = (f.x.type, f.w.type, f.y.type)
    if any(t not in ACCESS for t in types):
        return None
    missing = 3 - f.spatial

    def five(dims: tuple[int, ...]) -> tuple[int, ...]:
        return (*dims[:2], *(1,) * missing, *dims[2:])

    def three(values: tuple[int, ...], neutral: int) -> tuple[int, ...]:
        return (*(neutral,) * missing, *values)

    n, c, k = f.x.dims[0], f.x.dims[1] // f.groups, f.y.dims[1] // f.groups

    def count(dims: tuple[int, ...]) -> int:
        total = 1
        for d in dims[2:]:
            total *= d
        return total

    taps, outputs, inputs = count(f.w.dims), count(f.y.dims), count(f.x.dims)
    m, columns, depth, sources = {
        conv.FORWARD: (k, n * outputs, c * taps, (f.w, f.x, f.y)),
        conv.BACKWARD_DATA: (c, n * inputs, k * taps, (f.w, f.y, f.x)),
        conv.BACKWARD_FILTER: (k, c * taps, n * outputs, (f.y, f.x, f.w)),
    }[f.direction]
    tiles = _tiles(m, columns, f.groups)
    if tiles is None:
        return None
    sizes = (m, columns, depth, *five(f.x.dims), *five(f.w.dims), *five(f.y.dims))
    sizes += (*five(f.x.strides), *five(f.w.strides), *five(f.y.strides), *five(f.z_strides))
    sizes += (*three(f.pad_before, 0), *three(f.stride, 1), *three(f.dilation, 1), int(f.flip))
    epilogue = (gemm.BIAS if f.fused else 0) | (gemm.RELU if f.relu else 0)
    a, b, d = (tensor.type for tensor in sources)
    defines = _defines(KINDS[f.direction], f.wide, (a, b, d, d, d), FUSED=int(f.fused), EPILOGUE=epilogue, ALONG_I=0)
    pointer = (0, 1, 2, 3, 4, 5) if f.fused else (0, 1, 2, 2, 2, 2)
    return Product(defines, sizes, tiles, pointer, f.wide)


# Op kind -> the launch of an op that passed its check; None where the kernel does not cover it.
MAKERS = {"gemm": of_gemm, "conv": of_conv}
