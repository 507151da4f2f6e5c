"""GEMM problems as plain data: descriptions, and runs of one problem on host memory.

A problem is a dict of struct maf_op_gemm's fields that differ from the defaults below, plus alpha and beta.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from maf_vdev import protocol
from maf_vdev.modnn import gemm as g
from maf_vdev.modnn.providers import ref_gemm
from maf_vdev.modnn.registry import Plan

KIND = protocol.constant("MAF_OP_GEMM")
NAMES = {name: value for value, name in g.TYPE_NAMES.items()}
TRANS = {name: i for i, name in enumerate(g.OP_NAMES)}
COMPUTE_OF = {"f16": "f32", "bf16": "f32", "i8": "i32"}


def problem(mnk: tuple[int, int, int], types: str = "f32", trans: str = "NN", **other: Any) -> dict[str, Any]:
    """types: one name for A, B, C, D, or "ab>cd" names such as "bf16>f32". Leading dimensions default to tight."""
    source, _, target = types.partition(">")
    target = target or {"i8": "i32"}.get(source, source)
    p = {"m": mnk[0], "n": mnk[1], "k": mnk[2], "transa": TRANS[trans[0]], "transb": TRANS[trans[1]], "batch": 1}
    p |= {"type_a": NAMES[source], "type_b": NAMES[source], "type_c": NAMES[target], "type_d": NAMES[target]}
    compute = NAMES[COMPUTE_OF.get(source, source)]
    p |= {"type_compute": compute, "type_scale": g.F32 if compute == g.I32 else compute, "alpha": 1.0, "beta": 0.0}
    p |= {"type_bias": p["type_d"], "type_aux": p["type_d"], "in_place": True, "pad": 0}
    return p | other


def complete(p: dict[str, Any]) -> Any:
    """struct maf_op_gemm with leading dimensions and strides filled in (tight plus p["pad"])."""
    op = protocol.ffi.new("struct maf_op_gemm *")
    fields = {name for name, _ in protocol.ffi.typeof("struct maf_op_gemm").fields}
    for name, value in p.items():
        if name in fields:
            setattr(op, name, value)
    shapes = {"a": g.stored_shape(op, "a"), "b": g.stored_shape(op, "b"), "c": (op.m, op.n), "d": (op.m, op.n)}
    for side, (rows, cols) in shapes.items():
        order = getattr(op, f"order_{side}")
        lines, count = (rows, cols) if order == 0 else (cols, rows)
        if f"ld{side}" not in p:
            setattr(op, f"ld{side}", max(1, lines) + p["pad"])
        if f"stride_{side}" not in p:
            setattr(op, f"stride_{side}", abs(getattr(op, f"ld{side}")) * count + p["pad"])
    if "ld_aux" not in p:
        op.ld_aux = -(-max(1, op.m if op.order_d == 0 else op.n) // 128) * 128
    if op.batch > 1:
        op.stride_aux = p.get("stride_aux", op.ld_aux * (op.n if op.order_d == 0 else op.m))
        op.stride_bias = p.get("stride_bias", max(op.m, op.n))
    return op


def _random(rng: np.random.Generator, kind: int, count: int) -> np.ndarray:
    """Values with few significant bits, so that sums stay near exact in the accumulation type."""
    if kind in (g.I8, g.U8):
        return rng.integers(-128 if kind == g.I8 else 0, 128, count).astype(ref_gemm.DTYPES[kind])
    if kind == g.I32:
        return rng.integers(-1000, 1000, count).astype(np.int32)
    values = rng.uniform(-1, 1, count)
    if kind in g.COMPLEX:
        values = values + 1j * rng.uniform(-1, 1, count)
    if kind == g.BF16:
        return ref_gemm.to_bf16(values)
    return values.astype(ref_gemm.DTYPES[kind])


class Memory:
    """The buffers of one problem; the same seed gives the same contents."""

    def __init__(self, p: dict[str, Any], seed: int = 1) -> None:
        self.op = op = complete(p)
        rng = np.random.default_rng(seed)
        self.buffers: dict[str, np.ndarray] = {}
        self.start: dict[str, int] = {}
        for side in "abcd":
            stride, ld = getattr(op, f"stride_{side}"), getattr(op, f"ld{side}")
            lines = max(op.m, op.n, op.k, 1)
            count = stride * max(op.batch - 1, 0) + (abs(ld) + 1) * lines + 64
            self.buffers[side] = _random(rng, getattr(op, f"type_{side}"), count)
            self.start[side] = (lines - 1) * abs(ld) if ld < 0 else 0
        if p["in_place"]:
            self.buffers["c"], self.start["c"] = self.buffers["d"], self.start["d"]
        if p.get("nan"):  # what must not be read is NaN
            for name in p["nan"]:
                self.buffers[name][...] = 0x7FC0 if self.buffers[name].dtype == np.uint16 else np.nan
        e = g.epilogue_bits(op)
        width = max(op.m, op.n, 1)
        self.buffers["bias"] = _random(rng, op.type_bias, width * max(op.batch, 1) + 8)
        if e & (g.GELU | g.DGELU):
            aux = _random(rng, op.type_aux, max(op.stride_aux, op.ld_aux * width) * max(op.batch, 1))
        else:
            aux = rng.integers(0, 256, max(op.stride_aux, op.ld_aux * width) * max(op.batch, 1) // 8 + 64, np.uint8)
        self.buffers["aux"] = aux.copy()
        for name in ("alpha", "beta"):
            rows = 1 if op.scalars_on_device == g.DEVICE else op.m
            value = _random(rng, op.type_scale, max(rows, 1))
            if op.scalars_on_device == g.DEVICE:
                value = np.full(1, p[name]).astype(value.dtype)
            self.buffers[name] = value
        alpha, beta = complex(p["alpha"]), complex(p["beta"])
        self.scalars = np.array([alpha.real, alpha.imag, beta.real, beta.imag]).tobytes()
        self.arrays: list[np.ndarray] = []

    def pointers(self) -> list[int]:
        """Addresses in the op's order; arrays of addresses for pointer_array."""
        result = []
        for side in "abcd":
            size = self.buffers[side].itemsize
            address = self.buffers[side].ctypes.data + self.start[side] * size
            if self.op.pointer_array:
                stride = getattr(self.op, f"stride_{side}") * size
                array = np.array([address + i * stride for i in range(self.op.batch)], np.uint64)
                self.arrays.append(array)
                address = array.ctypes.data
            result.append(address)
        return result + [self.buffers[name].ctypes.data for name in ("bias", "aux", "alpha", "beta")]

    def run(self, plan: Plan) -> dict[str, np.ndarray]:
        """Runs the plan; the written buffers as float64, complex128 or integers."""
        plan.run(self.pointers(), self.scalars)
        return {name: self.values(name) for name in ("d", "bias", "aux")}

    def values(self, name: str) -> np.ndarray:
        """One buffer's contents, bfloat16 decoded."""
        kind = {"bias": self.op.type_bias, "aux": self.op.type_aux}.get(name, self.op.type_d)
        raw = self.buffers[name]
        if raw.dtype == np.uint16 and kind == g.BF16:
            return ref_gemm.from_bf16(raw)
        return raw


REAL = ("f32", "f64", "f16", "bf16")
COMPLEX = ("c64", "c128")

PROBLEMS: dict[str, dict[str, Any]] = {}


def _add(name: str, *args: Any, **other: Any) -> None:
    assert name not in PROBLEMS, name
    PROBLEMS[name] = problem(*args, **other)


for t in (*REAL, *COMPLEX):
    for ops in ("NN", "NT", "TN", "TT"):
        _add(f"{t}-{ops}", (17, 13, 19), t, ops, pad=3, alpha=1.5, beta=0.5)
    _add(f"{t}-64", (64, 64, 64), t)
    _add(f"{t}-300", (300, 257, 129), t, "TN")
    for mnk in ((1, 1, 1), (1, 1, 40), (1, 33, 20), (33, 1, 20), (5, 1, 1), (1, 5, 1), (6, 7, 1)):
        for ops in ("NN", "TT"):
            _add(f"{t}-{ops}-{'x'.join(map(str, mnk))}", mnk, t, ops, pad=2, beta=1.0)
    for mnk in ((0, 5, 3), (5, 0, 3), (5, 4, 0)):
        _add(f"{t}-empty-{'x'.join(map(str, mnk))}", mnk, t, beta=0.5)
    _add(f"{t}-k0-beta0-nan", (5, 4, 0), t, nan="d")
    _add(f"{t}-beta0-nan", (20, 30, 10), t, nan="d")
    _add(f"{t}-gemv-beta0-nan", (20, 1, 10), t, nan="d")
    _add(f"{t}-alpha0-nan", (8, 9, 10), t, alpha=0.0, beta=2.0, nan="ab")
    _add(f"{t}-c-apart", (20, 30, 10), t, in_place=False, beta=1.0, alpha=-0.5)
    _add(f"{t}-c-apart-batch", (8, 9, 10), t, in_place=False, beta=1.0, batch=3)
    _add(f"{t}-batch", (12, 11, 9), t, "TN", batch=5, beta=1.0, pad=1)
    _add(f"{t}-batch-broadcast", (12, 11, 9), t, batch=5, stride_a=0)
    _add(f"{t}-pointers", (12, 11, 9), t, "NT", batch=4, pointer_array=1, alpha=2.0)
    _add(f"{t}-device-scalars", (12, 11, 9), t, scalars_on_device=g.DEVICE, alpha=0.5, beta=-1.0)
    for orders in range(1, 16):
        rows = {f"order_{side}": orders >> i & 1 for i, side in enumerate("abcd")}
        same = rows["order_c"] == rows["order_d"]
        _add(f"{t}-order-{orders:04b}", (7, 5, 6), t, "TN", **rows, beta=1.0, in_place=same, pad=1)
    _add(f"{t}-negative-x", (1, 9, 8), t, "NT", lda=-2)
    _add(f"{t}-negative-y", (1, 9, 8), t, "NT", ldc=-3, ldd=-3, beta=1.0)
for t in COMPLEX:
    for ops in ("CN", "NC", "CC", "RN", "NR", "RC", "TC"):
        _add(f"{t}-{ops}", (17, 13, 19), t, ops, pad=3, alpha=1.5 - 0.5j, beta=0.5j)
        _add(f"{t}-{ops}-row-d", (7, 5, 6), t, ops, order_d=1, order_c=1, alpha=1j)
    for ops in ("RT", "CN", "NC"):
        _add(f"{t}-dot-{ops}", (1, 1, 30), t, ops)
        _add(f"{t}-gemv-{ops}", (1, 12, 30), t, ops)
for types in ("f16>f32", "bf16>f32", "f32>bf16", "f32>f16"):
    _add(f"{types}", (33, 20, 40), types, "TN", beta=0.5)
    _add(f"{types}-batch", (33, 20, 40), types, "TN", batch=3)
_add("f16-compute16", (33, 20, 40), "f16", type_compute=g.F16, type_scale=g.F16)
_add("f16-overflow", (4, 4, 4), "f16", alpha=60000.0)
_add("bf16>f32-c-bf16", (10, 11, 12), "bf16>f32", type_c=g.BF16, in_place=False, beta=1.0)
for ops in ("NN", "TN", "NT", "TT"):
    _add(f"i8-{ops}", (32, 24, 64), "i8", ops, beta=1.0)
for t in ("bf16", "i8"):  # large enough for the provider with low-precision instructions
    for ops in ("NN", "TN", "NT", "TT"):
        _add(f"{t}-large-{ops}", (96, 70, 64), t, ops, pad=2, beta=1.0)
        _add(f"{t}-large-row-{ops}", (96, 70, 64), t, ops, order_a=1, order_d=1, order_c=1)
    _add(f"{t}-large-scaled", (96, 70, 64), t, alpha=0.5 if t == "bf16" else 3.0, beta=2.0)
    _add(f"{t}-large-c-apart", (96, 70, 64), t, in_place=False, beta=1.0)
    _add(f"{t}-large-batch", (40, 50, 48), t, "TN", batch=5, pad=1)
    _add(f"{t}-large-batch-beta", (40, 50, 48), t, batch=5, beta=1.0)
    _add(f"{t}-large-batch-c-apart", (40, 50, 48), t, batch=5, beta=1.0, in_place=False)
    _add(f"{t}-large-broadcast", (40, 50, 48), t, batch=5, stride_b=0)
    _add(f"{t}-large-pointers", (40, 50, 48), t, batch=5, pointer_array=1)
    _add(f"{t}-large-nan", (96, 70, 64), t, nan="d" if t == "bf16" else "")
    for axis, mnk in (("m", (700, 90, 150)), ("n", (90, 700, 150))):  # cut into tiles, the last one smaller
        for ops in ("NN", "TT"):
            _add(f"{t}-large-tiles-{axis}-{ops}", mnk, t, ops, pad=1, beta=1.0)
        _add(f"{t}-large-tiles-{axis}-apart", mnk, t, "TN", in_place=False, beta=1.0)
        _add(f"{t}-large-tiles-{axis}-scaled", mnk, t, alpha=2.0)
    _add(f"{t}-large-tiles-batch", (70, 80, 190), t, "TN", batch=13, pad=1)
    _add(f"{t}-large-tiles-batch-broadcast", (70, 80, 190), t, batch=13, stride_a=0, beta=1.0)
    _add(f"{t}-large-gemv", (1, 700, 600), t)
    _add(f"{t}-large-column", (700, 1, 600), t, "TN")
for bits, name in g.EPILOGUES.items():
    if bits:
        _add(f"bf16-large-{name}", (96, 70, 64), "bf16", "TN", epilogue=bits, beta=1.0)
        _add(f"bf16>f32-large-{name}", (96, 70, 64), "bf16>f32", "TN", epilogue=bits)
        _add(f"bf16-large-batch-{name}", (40, 50, 48), "bf16", epilogue=bits, batch=5)
for t in ("f32", "f16", "c64"):  # work that is shared between threads
    for ops in ("NN", "TT"):
        _add(f"{t}-shared-{ops}", (400, 300, 200), t, ops, pad=1, alpha=2.0, beta=1.0)
        _add(f"{t}-shared-row-{ops}", (1, 700, 600), t, ops, beta=1.0)
        _add(f"{t}-shared-column-{ops}", (700, 1, 600), t, ops, pad=1)
    _add(f"{t}-shared-batch", (30, 31, 32), t, "TN", batch=150, beta=1.0)
    _add(f"{t}-shared-batch-pointers", (30, 31, 32), t, batch=150, pointer_array=1)
for bits, name in g.EPILOGUES.items():
    if bits:
        _add(f"f32-one-row-{name}", (1, 9, 8), "f32", epilogue=bits, beta=1.0)
        _add(f"f16-one-column-{name}", (9, 1, 8), "f16", epilogue=bits, order_d=1, order_c=1)
        _add(f"bf16-large-one-row-{name}", (1, 700, 600), "bf16>f32", "TN", epilogue=bits, batch=2)
        _add(f"f32-shared-{name}", (400, 301, 20), "f32", epilogue=bits)
        _add(f"f16-shared-row-{name}", (400, 301, 20), "f16", epilogue=bits, order_d=1, order_c=1, beta=1.0)
_add("i8-odd", (5, 7, 3), "i8", pad=1)
_add("i8-deep", (8, 8, 4096), "i8", "TN")
_add("i8>i8", (16, 8, 32), "i8>i8", "TN", alpha=0.002)
_add("i8>f32", (16, 8, 32), "i8>f32", "TN", type_compute=g.F32, type_scale=g.F32)
for t in REAL:
    for bits, name in g.EPILOGUES.items():
        if bits:
            _add(f"{t}-{name}", (37, 21, 16), t, "TN", epilogue=bits)
            _add(f"{t}-{name}-row", (37, 21, 16), t, "TN", epilogue=bits, order_d=1, order_c=1)
            _add(f"{t}-{name}-batch", (16, 21, 8), t, epilogue=bits, batch=3, beta=1.0)
    _add(f"{t}-tall-bias", (1500, 3, 8), t, epilogue=g.RELU | g.BIAS)
    _add(f"{t}-tall-bgrad", (1500, 3, 8), t, epilogue=g.DGELU | g.AUX | g.BGRAD)
    for mode in (g.DEVICE_VECTOR, g.ALPHA_VECTOR, g.ALPHA_VECTOR_HOST_BETA):
        _add(f"{t}-vector-scalars-{mode}", (37, 21, 16), t, scalars_on_device=mode, beta=0.5)
        _add(f"{t}-vector-scalars-{mode}-row", (37, 21, 16), t, scalars_on_device=mode, order_d=1, order_c=1)
_add("c64-bias", (9, 8, 7), "c64", epilogue=g.BIAS)
