"""Elementwise operations, reductions, softmax and pooling: the core's loops against the numpy references, those
against formulas written out."""

from __future__ import annotations

import itertools
import math
import struct
from typing import Any

import numpy as np
import pytest
from conv_problems import decode, elements, encode, strides

from maf_vdev import protocol
from maf_vdev.modnn import elementwise as e
from maf_vdev.modnn import pooling as p
from maf_vdev.modnn import reduce as r
from maf_vdev.modnn import registry
from maf_vdev.modnn.gemm import BF16, F16, F32, F64, I8, I32, TYPE_BYTES, U8
from maf_vdev.modnn.softmax import LOG

BOUNDS = {F32: 4e-7, F64: 1e-14, F16: 1e-3, BF16: 8e-3, I32: 0.0, I8: 0.0, U8: 0.0}
FLOATS = [F32, F64, F16, BF16]


class Array:
    """Host memory of one tensor, random in [-1, 1] scaled by `spread`."""

    def __init__(self, dims: Any, steps: Any, kind: int, seed: int, spread: float = 1) -> None:
        self.dims, self.steps, self.kind = tuple(dims), tuple(steps), kind
        rng = np.random.default_rng(seed)
        count = elements(self.dims, self.steps)
        values = rng.integers(-9, 9, count) if kind in (I8, I32, U8) else rng.uniform(-1, 1, count) * spread
        self.data = encode(np.abs(values) if kind == U8 else values, kind)

    def read(self) -> np.ndarray:
        steps = [s * TYPE_BYTES[self.kind] for s in self.steps]
        return decode(np.lib.stride_tricks.as_strided(self.data, self.dims, steps), self.kind)


def run(kind: str, op: Any, arrays: list[Array | None], scalars: tuple[float, ...], only: str) -> None:
    number = protocol.constant(f"MAF_OP_{kind}")
    plan = registry.make_plan(number, protocol.pack(op), only)
    plan.run([0 if a is None else a.data.ctypes.data for a in arrays], struct.pack(f"<{len(scalars)}d", *scalars))


def close(got: Array, want: Array, scale: float = 4) -> None:
    a, b = got.read(), want.read()
    finite = np.isfinite(b)
    assert np.array_equal(np.isnan(a), np.isnan(b)) and np.array_equal(a[~finite], b[~finite], equal_nan=True)
    error = np.abs(a[finite] - b[finite]) - BOUNDS[got.kind] * scale * (1 + np.abs(b[finite]))
    assert (error <= 0).all(), error.max()


# --- elementwise -----------------------------------------------------------------------------------

DIMS = (2, 3, 4, 5)
FUNCTIONS = [
    *range(8),
    *(e.ACTIVATION + m for m in range(7)),
    *(e.GRADIENT + m for m in range(7)),
    e.DROPOUT,
]


def elementwise_op(function: int, kinds: tuple[int, ...], layouts: tuple[Any, ...], nan: int = 0) -> Any:
    op = protocol.ffi.new("struct maf_op_elementwise *")
    op.function, op.rank, op.nan_propagation = function, len(DIMS), nan
    op.dims[0:4] = list(DIMS)
    for role, kind, layout in zip(e.POINTERS, kinds, layouts, strict=True):
        setattr(op, f"type_{role}", kind)
        steps = strides(DIMS, layout) if isinstance(layout, str) else layout
        getattr(op, f"{role}_strides")[0:4] = list(steps)
    return op


def elementwise_arrays(op: Any) -> list[Array]:
    out = []
    for i, role in enumerate(e.POINTERS):
        made = Array(DIMS, getattr(op, f"{role}_strides")[0:4], getattr(op, f"type_{role}"), 10 + i, 2)
        if op.function == e.SQUARE_ROOT and role == "a":
            made.data = encode(np.abs(decode(made.data, made.kind)), made.kind)
        out.append(made)
    return out


LAYOUTS = [("first",) * 4, ("last", "first", "gap", "last"), ("first", "first", (0, 1, 0, 0), "first")]


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_elementwise(function: int, kind: int) -> None:
    for layouts, beta in itertools.product(LAYOUTS, [0.0, -0.5]):
        op = elementwise_op(function, (kind,) * 4, layouts)
        mine, reference = elementwise_arrays(op), elementwise_arrays(op)
        for only, arrays in (("core", mine), ("reference", reference)):
            run("ELEMENTWISE", op, arrays, (1.5, -2.0, beta, 0.4), only)
        close(mine[0], reference[0])
        for a, b in zip(mine[1:], reference[1:], strict=True):
            assert a.data.tobytes() == b.data.tobytes()


@pytest.mark.parametrize("kinds", [(F32, F16, F16, F16), (F16, F32, F32, F32), (I8, I32, I32, I32), (F32, U8, I8, F32)])
def test_elementwise_converts(kinds: tuple[int, ...]) -> None:
    op = elementwise_op(e.ADD, kinds, ("first", "last", "first", "first"))
    mine, reference = elementwise_arrays(op), elementwise_arrays(op)
    run("ELEMENTWISE", op, mine, (1, 2, 0, 0), "core")
    run("ELEMENTWISE", op, reference, (1, 2, 0, 0), "reference")
    close(mine[0], reference[0])


@pytest.mark.parametrize("nan", [0, 1])
@pytest.mark.parametrize("function", [e.MINIMUM, e.MAXIMUM, e.ACTIVATION + e.RELU, e.ACTIVATION + e.CLIPPED_RELU])
def test_nan_propagation(function: int, nan: int) -> None:
    op = elementwise_op(function, (F32,) * 4, ("first",) * 4, nan)
    for only in ("core", "reference"):
        arrays = elementwise_arrays(op)
        arrays[1].data[7] = np.nan
        other = float(arrays[2].data[7])
        run("ELEMENTWISE", op, arrays, (1, 1, 0, 1), only)
        got = float(arrays[0].data[7])
        assert math.isnan(got) if nan else got == (other if function in (e.MINIMUM, e.MAXIMUM) else 0), only


def test_activation_gradients_are_differences() -> None:
    for mode in range(7):
        forward = elementwise_op(e.ACTIVATION + mode, (F64,) * 4, ("first",) * 4)
        backward = elementwise_op(e.GRADIENT + mode, (F64,) * 4, ("first",) * 4)

        def value(x: np.ndarray, op: Any = forward) -> np.ndarray:
            arrays = elementwise_arrays(op)
            arrays[1].data[:] = x
            run("ELEMENTWISE", op, arrays, (1, 0, 0, 0.7), "reference")
            return arrays[0].data.copy()

        arrays = elementwise_arrays(backward)
        x = arrays[3].data
        x[np.abs(x - 0.7) < 1e-3] = 0.5
        arrays[1].data[:] = value(x)
        run("ELEMENTWISE", backward, arrays, (1, 0, 0, 0.7), "reference")
        slope = (value(x + 1e-6) - value(x - 1e-6)) / 2e-6
        np.testing.assert_allclose(arrays[0].data, slope * arrays[2].data, atol=1e-6, err_msg=str(mode))


def test_new_dropout_masks() -> None:
    kinds = (F32, F32, F64, U8)
    op = elementwise_op(e.NEW_DROPOUT, kinds, ("first",) * 4)
    op.dims[0:4] = [1, 1, 200, 200]
    for role in e.POINTERS:
        getattr(op, f"{role}_strides")[0:4] = [40000, 40000, 200, 1]
    x, y, mask = np.ones(40000, np.float32), np.zeros(40000, np.float32), np.zeros(40000, np.uint8)
    states, masks = np.array([7, 0], np.uint64), []
    plan = registry.make_plan(protocol.constant("MAF_OP_ELEMENTWISE"), protocol.pack(op), "core")
    for _ in range(2):
        plan.run([a.ctypes.data for a in (y, x, states, mask)], struct.pack("<4d", 1, 0, 0, 0.3))
        masks.append(mask.copy())
        assert set(np.unique(mask)) == {0, 1}
        np.testing.assert_allclose(y, mask / np.float32(0.7), rtol=1e-6)
        assert abs(mask.mean() - 0.7) < 0.0115  # five standard deviations
    assert states[1] == 2 and abs((masks[0] == masks[1]).mean() - 0.58) < 0.0125
    line = masks[0].reshape(200, 200).astype(float) - 0.7
    assert abs((line[:, 1:] * line[:, :-1]).mean()) < 0.006 and abs((line[1:] * line[:-1]).mean()) < 0.006


# --- reductions ------------------------------------------------------------------------------------


def reduce_case(
    function: int, kind: int, c: tuple[int, ...], layout: str, indices: int = 0, nan: int = 0
) -> tuple[Any, list]:
    op = protocol.ffi.new("struct maf_op_reduce *")
    op.function, op.rank, op.type_a, op.type_c = function, 4, kind, kind
    op.nan_propagation, op.indices = nan, indices
    for name, dims, steps in (("a", DIMS, strides(DIMS, layout)), ("c", c, strides(c, "first"))):
        getattr(op, f"{name}_dims")[0:4] = list(dims)
        getattr(op, f"{name}_strides")[0:4] = list(steps)
    count = math.prod(c)
    return op, [
        Array(DIMS, strides(DIMS, layout), kind, 3),
        Array(c, strides(c, "first"), kind, 4),
        Array((count,), (1,), I32, 5),
    ]


SHAPES = [(1, 3, 1, 1), (1, 1, 1, 1), (2, 1, 4, 1), (2, 3, 4, 5), (1, 1, 4, 5)]


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("function", range(9))
def test_reduce(function: int, kind: int) -> None:
    for c, layout, beta in itertools.product(SHAPES, ["first", "last", "gap"], [0.0, 2.0]):
        reduce_once(function, kind, c, layout, beta)


def reduce_once(function: int, kind: int, c: tuple[int, ...], layout: str, beta: float) -> None:
    indices = int(function in (r.MIN, r.MAX, r.AMAX))
    (op, mine), (_, reference) = (reduce_case(function, kind, c, layout, indices) for _ in range(2))
    run("REDUCE", op, mine, (1.5, beta), "core")
    run("REDUCE", op, reference, (1.5, beta), "reference")
    close(mine[1], reference[1], 40)
    assert mine[2].data.tobytes() == reference[2].data.tobytes()


@pytest.mark.parametrize("nan", [0, 1])
def test_reduce_with_nan(nan: int) -> None:
    for only in ("core", "reference"):
        op, arrays = reduce_case(r.MAX, F32, (1, 1, 1, 1), "first", 1, nan)
        arrays[0].data[[0, 50]] = np.nan, 7.0
        run("REDUCE", op, arrays, (1, 0), only)
        assert math.isnan(arrays[1].data[0]) if nan else arrays[1].data[0] == 7
        assert arrays[2].data[0] == (0 if nan else 50)


# --- softmax ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("per_instance", [0, 1])
@pytest.mark.parametrize("algorithm", [0, 1, LOG])
@pytest.mark.parametrize("kind", FLOATS)
def test_softmax(kind: int, algorithm: int, per_instance: int) -> None:
    for direction, layout, beta in itertools.product([0, 1], ["first", "last", "gap"], [0.0, 2.0]):
        softmax_once(direction, kind, algorithm, per_instance, layout, beta)


def softmax_once(direction: int, kind: int, algorithm: int, per_instance: int, layout: str, beta: float) -> None:
    op = protocol.ffi.new("struct maf_op_softmax *")
    op.direction, op.algorithm, op.per_instance, op.type, op.rank = direction, algorithm, per_instance, kind, 4
    op.dims[0:4] = list(DIMS)
    op.x_strides[0:4], op.y_strides[0:4] = list(strides(DIMS, layout)), list(strides(DIMS, "first"))
    op.dy_strides[0:4] = list(strides(DIMS, "last"))
    results = []
    for only in ("core", "reference"):
        x, y, dy = (
            Array(DIMS, field[0:4], kind, i, 30) for i, field in enumerate((op.x_strides, op.y_strides, op.dy_strides))
        )
        if direction and algorithm != LOG:
            y.data = encode(np.random.default_rng(1).dirichlet(np.ones(120)), kind)
        if direction and algorithm == LOG:
            y.data = encode(-np.abs(decode(y.data, kind)) / 10, kind)
        run("SOFTMAX", op, [y, dy, x] if direction else [x, y], (0.5, beta), only)
        results.append(x if direction else y)
    close(*results, 100 if algorithm == LOG else 30)
    if not direction and not beta and kind == F64 and algorithm != LOG:
        total = results[0].read().sum((1, 2, 3) if per_instance else 1)
        np.testing.assert_allclose(total, 0.5)


# --- pooling ---------------------------------------------------------------------------------------

POOLINGS = {
    "2x2": ((2, 3, 6, 8), (2, 2), (0, 0), (2, 2)),
    "overlapping": ((2, 3, 7, 9), (3, 3), (1, 1), (2, 2)),
    "rest": ((1, 2, 8, 8), (3, 2), (0, 0), (2, 3)),
    "wide padding": ((1, 2, 5, 5), (3, 5), (1, 2), (1, 1)),
    "line": ((2, 3, 11), (3,), (1,), (2,)),
    "volume": ((1, 2, 5, 6, 4), (2, 3, 2), (1, 1, 0), (2, 1, 2)),
}


def pooling_op(name: str, mode: int, kind: int, direction: int, layout: str, nan: int = 0) -> Any:
    x, window, pad, stride = POOLINGS[name]
    op = protocol.ffi.new("struct maf_op_pooling *")
    spatial = len(window)
    y = (*x[:2], *((x[2 + i] + 2 * pad[i] - window[i]) // stride[i] + 1 for i in range(spatial)))
    op.direction, op.mode, op.type, op.spatial, op.nan_propagation = direction, mode, kind, spatial, nan
    for field, values in (("window", window), ("pad", pad), ("stride", stride)):
        getattr(op, field)[0:spatial] = list(values)
    for role, dims in (("x", x), ("y", y), ("dx", x), ("dy", y)):
        getattr(op, f"{role}_strides")[0 : len(dims)] = list(strides(dims, layout if role != "dx" else "first"))
    op.x_dims[0 : len(x)], op.y_dims[0 : len(y)] = list(x), list(y)
    return op


def pooling_arrays(op: Any) -> dict[str, Array]:
    rank = op.spatial + 2
    out = {}
    for i, role in enumerate(("x", "y", "dx", "dy")):
        dims = (op.x_dims if role[-1] == "x" else op.y_dims)[0:rank]
        out[role] = Array(dims, getattr(op, f"{role}_strides")[0:rank], op.type, i)
    return out


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("mode", range(4))
@pytest.mark.parametrize("name", POOLINGS)
def test_pooling(name: str, mode: int, kind: int) -> None:
    for direction, layout, beta in itertools.product([0, 1], ["first", "last"], [0.0, 2.0]):
        pooling_once(name, mode, direction, kind, layout, beta)


def pooling_once(name: str, mode: int, direction: int, kind: int, layout: str, beta: float) -> None:
    op = pooling_op(name, mode, kind, direction, layout)
    results = []
    for only in ("core", "reference"):
        a = pooling_arrays(op)
        run("POOLING", op, [a["y"], a["dy"], a["x"], a["dx"]] if direction else [a["x"], a["y"]], (0.5, beta), only)
        results.append(a["dx" if direction else "y"])
    close(*results, 20)


def test_pooling_by_hand() -> None:
    op = pooling_op("2x2", p.MAX, F32, 0, "first")
    a = pooling_arrays(op)
    run("POOLING", op, [a["x"], a["y"]], (1, 0), "reference")
    x = a["x"].read()
    np.testing.assert_array_equal(a["y"].read(), x.reshape(2, 3, 3, 2, 4, 2).max((3, 5)))
    op = pooling_op("overlapping", p.AVERAGE_ALL, F64, 0, "first")
    b = pooling_arrays(op)
    run("POOLING", op, [b["x"], b["y"]], (1, 0), "reference")
    np.testing.assert_allclose(b["y"].read()[:, :, 0, 0], b["x"].read()[:, :, :2, :2].sum((2, 3)) / 9)
    op.mode = p.AVERAGE_INSIDE
    run("POOLING", op, [b["x"], b["y"]], (1, 0), "reference")
    np.testing.assert_allclose(b["y"].read()[:, :, 0, 0], b["x"].read()[:, :, :2, :2].mean((2, 3)))


@pytest.mark.parametrize("nan", [0, 1])
def test_pooling_with_nan(nan: int) -> None:
    for only in ("core", "reference"):
        op = pooling_op("2x2", p.MAX, F32, 0, "first", nan)
        a = pooling_arrays(op)
        a["x"].data[[0, 3, 10]] = np.nan
        run("POOLING", op, [a["x"], a["y"]], (1, 0), only)
        assert np.isnan(a["y"].data[:2]).all() == bool(nan)


# --- wrong descriptions ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ELEMENTWISE", "REDUCE", "SOFTMAX", "POOLING"])
def test_wrong_descriptions(kind: str) -> None:
    number = protocol.constant(f"MAF_OP_{kind}")
    empty = protocol.ffi.new(f"struct maf_op_{kind.lower()} *")
    if kind == "POOLING":
        empty.spatial = 2
    with pytest.raises(registry.Invalid):
        registry.make_plan(number, protocol.pack(empty))
    ops = {
        "ELEMENTWISE": lambda: elementwise_op(99, (F32,) * 4, ("first",) * 4),
        "REDUCE": lambda: reduce_case(0, U8, (1, 1, 1, 1), "first")[0],
        "POOLING": lambda: pooling_op("2x2", 0, I32, 0, "first"),
    }
    if kind in ops:
        with pytest.raises(registry.Unsupported):
            registry.make_plan(number, protocol.pack(ops[kind]()))
