"""Matrix products and convolutions as one kernel, device_product.cl: what it needs for an op."""

from __future__ import annotations

from typing import Any

from maf_vdev.modnn import conv, gemm
from maf_vdev.modnn.gemm import BF16, C64, C128, F16, F32, F64, I8, I32
from maf_vdev.modnn.providers.device_launch import ACCESS, INT_MAX, Launch, Traits

GROUP = (16, 16, 1)
KINDS = {"gemm": 0, conv.FORWARD: 1, conv.BACKWARD_DATA: 2, conv.BACKWARD_FILTER: 3}
REALS = (F32, F64, F16, BF16)
# Epilogues that the kernel has: all but those that sum over D.
EPILOGUES = {e for e in (0, *gemm.EPILOGUES) if not e & (gemm.BGRAD | gemm.BGRADA | gemm.BGRADB)}
# Edge and depth of tiles, the largest first.
TILES = ((128, 8), (64, 16), (32, 16))


def tile(traits: Traits, m: int, n: int, z: int, value_bytes: int) -> tuple[int, int]:
    """(edge, depth) of the tiles of an m x n x z product: the largest that gives each compute unit of a GPU two groups
    and fits half of its local memory. On a CPU, where a group is a loop, the largest was the fastest."""
    for edge, depth in TILES:
        count = -(-m // edge) * -(-n // edge) * z
        fits = 2 * (edge + 1) * depth * value_bytes <= traits.local_bytes // 2
        cpu = traits.kind == "cpu"
        enough = cpu or count >= 2 * traits.units
        registers = cpu or edge < 128 or value_bytes == 4
        if fits and enough and registers and min(m, n) > edge // 2:
            return edge, depth
    return TILES[-1]


def _groups(m: int, n: int, z: int, edge: int) -> tuple[int, int, int] | None:
    groups = (-(-m // edge), -(-n // edge), z)
    return groups if min(groups) > 0 and max(groups) * 16 <= INT_MAX and max(m, n) <= INT_MAX else None


def _defines(kind: int, types: dict[str, int], edge: int, depth: int, **more: Any) -> tuple[tuple[str, str], ...]:
    """types: by operand, what LOAD_... and STORE_... mean."""
    access = [(f"{way}_{name}", f"{way}_{ACCESS[t]}") for name, t in types.items() for way in ("LOAD", "STORE")]
    values = {"KIND": kind, "ACC": "REAL", "COMPLEX": 0, "INTEGER": 0, "INTEGER_D": 0, "FUSED": 0, "EPILOGUE": 0}
    values |= {"TM": edge, "TN": edge, "TK": depth, **more}
    return (*access, *((k, str(v)) for k, v in values.items()))


def of_gemm(op: Any, traits: Traits, base: int = 0) -> Launch | None:
    """None for vectors of scalars, epilogues that sum, and leading dimensions below zero. base: address of the SDA's
    memory in the program."""
    bits = gemm.epilogue_bits(op)
    complex_, integer = op.type_a in (C64, C128), op.type_a == I8
    if bits not in EPILOGUES or op.scalars_on_device > gemm.DEVICE or (complex_ or integer) and bits:
        return None
    f = gemm.normalise(op)
    if min(f.a.ld, f.b.ld, f.ldd, f.row_c, f.col_c) < 0:
        return None
    types = {"A": f.a.type, "B": f.b.type, "C": op.type_c, "D": op.type_d}
    types["BIAS"] = op.type_bias if bits & gemm.BIAS else F32
    types["AUX"] = op.type_aux if bits & (gemm.GELU | gemm.DGELU) and bits & gemm.AUX else F32
    types["SCALE"] = op.type_scale if op.scalars_on_device else F32
    if not complex_ and not integer and any(t not in REALS for t in types.values()):
        return None
    if integer and op.scalars_on_device and op.type_scale == I32:
        return None
    wide = op.type_compute in (F64, C128)
    edge, depth = tile(traits, f.m, f.n, f.batch, (8 if wide else 4) * (2 if complex_ else 1))
    groups = _groups(f.m, f.n, f.batch, edge)
    if groups is None or (wide and not traits.fp64):
        return None
    plain = (gemm.N, gemm.R)
    a_i, a_k = (1, f.a.ld) if f.a.op in plain else (f.a.ld, 1)
    b_k, b_j = (1, f.b.ld) if f.b.op in plain else (f.b.ld, 1)
    bias = (0, 1, op.stride_bias) if f.swapped else (1, 0, op.stride_bias)
    sizes = (f.m, f.n, op.k, a_i, a_k, f.a.stride, b_k, b_j, f.b.stride, f.row_c, f.col_c, f.stride_c)
    sizes += (1, f.ldd, f.stride_d, *bias, 1, op.ld_aux, op.stride_aux, base)
    more = {"EPILOGUE": bits, "ALONG_I": 1, "SCALARS": int(op.scalars_on_device == gemm.DEVICE)}
    more |= {"POINTERS": int(bool(op.pointer_array)), "COMPLEX": int(complex_), "INTEGER": int(integer)}
    more |= {"CONJ_A": int(f.a.op in (gemm.C, gemm.R)), "CONJ_B": int(f.b.op in (gemm.C, gemm.R))}
    if integer:
        more |= {"ACC": "int", "INTEGER_D": int(op.type_d == I32)}
    # Normal's A is the op's B where D is row major.
    pointers = (1, 0, 2, 3, 4, 5, 6, 7) if f.swapped else (0, 1, 2, 3, 4, 5, 6, 7)
    arrays = (0, 1, 2, 3) if op.pointer_array else ()
    defines = _defines(KINDS["gemm"], types, edge, depth, **more)
    return Launch(
        "device_product.cl",
        "product",
        defines,
        sizes,
        groups,
        GROUP,
        pointers,
        (0, 1, 2, 3),
        wide,
        arrays,
        f.batch if arrays else 0,
    )


def of_conv(op: Any, traits: Traits, base: int = 0) -> Launch | None:
    f = conv.normalise(op)
    types = (f.x.type, f.w.type, f.y.type)
    if any(t not in REALS for t in types) or (f.wide and not traits.fp64):
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
    edge, tile_depth = tile(traits, m, columns, f.groups, 8 if f.wide else 4)
    groups = _groups(m, columns, f.groups, edge)
    if groups is None:
        return None
    sizes = (m, columns, depth, *five(f.x.dims), *five(f.w.dims), *five(f.y.dims))
    sizes += (*five(f.x.strides), *five(f.w.strides), *five(f.y.strides), *five(f.z_strides))
    sizes += (*three(f.pad_before, 0), *three(f.stride, 1), *three(f.dilation, 1), int(f.flip))
    epilogue = (gemm.BIAS if f.fused else 0) | (gemm.RELU if f.relu else 0)
    a, b, d = (tensor.type for tensor in sources)
    used = {"A": a, "B": b, "C": d, "BIAS": d, "D": d}
    more = {"FUSED": int(f.fused), "EPILOGUE": epilogue, "ALONG_I": 0}
    defines = _defines(KINDS[f.direction], used, edge, tile_depth, **more)
    pointers = (0, 1, 2, -1, 4, 5, -1, -1) if f.fused else (0, 1, 2, -1, -1, -1, -1, -1)
    return Launch("device_product.cl", "product", defines, sizes, groups, GROUP, pointers, (0, 0, 1, 1), f.wide)
