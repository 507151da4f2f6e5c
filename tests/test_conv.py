"""Convolution providers against the numpy reference, and the reference against the definition."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from conv_problems import FUSED, KIND, PROBLEMS, Memory, complete, problem

from maf_vdev import protocol
from maf_vdev.modnn import conv as c
from maf_vdev.modnn import registry
from maf_vdev.modnn.gemm import BF16, F16, F32, F64, I8

# Half a unit in the last place of the result's type, and the error of one product in the accumulation.
ROUNDING = {F32: 2**-23, F64: 2**-52, F16: 2**-10, BF16: 2**-7}
ALL = [(name, direction) for name in PROBLEMS for direction in range(3)]


def make(memory: Memory, only: str | None = None) -> registry.Plan:
    return registry.make_plan(KIND, protocol.pack(memory.op), only)


def tolerance(f: c.Normal, want: np.ndarray, scale: float) -> np.ndarray:
    """Error that rounding may cause: `products` terms of at most one are summed per element."""
    products = (
        math.prod(f.w.dims[1:]),
        math.prod(f.w.dims[2:]) * f.w.dims[0] // f.groups,
        math.prod(f.y.dims[2:]) * f.x.dims[0],
    )[f.direction]
    accumulation = 2**-52 if f.wide else 2**-23
    return ROUNDING[f.result.type] * np.abs(want) + 2 * scale * accumulation * (products + 2)


def compare(memory: Memory, got: np.ndarray, want: np.ndarray) -> None:
    p = memory.p
    bound = tolerance(memory.normal, want, 1 + abs(p["alpha"]))
    if (p["alpha"] != 1 or p["beta"] != 0) and not p["fused"]:
        # The convolution itself is rounded to the result's type before it is scaled.
        bound = bound + 2 * ROUNDING[memory.normal.result.type] * (np.abs(want) + 1)
    excess = np.abs(got - want) - bound
    assert np.isfinite(got).all(), "not finite"
    assert (excess <= 0).all(), f"error exceeds its bound by {excess.max()}"


@pytest.mark.parametrize("provider", ["onednn", "openblas"])
@pytest.mark.parametrize("name,direction", ALL)
def test_provider_agrees_with_reference(name: str, direction: int, provider: str) -> None:
    p = PROBLEMS[name]
    memory = Memory(p, direction)
    if provider == "onednn" and "f64" in p["types"]:
        with pytest.raises(registry.Unsupported):
            make(memory, provider)
        return
    want = Memory(p, direction).run(make(memory, "reference"))
    plan = make(memory, provider)
    compare(memory, memory.run(plan), want)
    again = Memory(p, direction, seed=2)
    want = Memory(p, direction, seed=2).run(make(again, "reference"))
    compare(again, again.run(plan), want)


@pytest.mark.parametrize("provider", ["onednn", "openblas"])
@pytest.mark.parametrize("name", FUSED)
def test_fused_provider_agrees_with_reference(name: str, provider: str) -> None:
    p = FUSED[name]
    if provider == "onednn" and "f64" in p["types"]:
        pytest.skip("oneDNN has no float64")
    memory = Memory(p, 0)
    want = Memory(p, 0).run(make(memory, "reference"))
    compare(memory, memory.run(make(memory, provider)), want)


def by_definition(f: c.Normal, x: np.ndarray, dy: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, ...]:
    """y, dx and dw element by element: each output position meets each filter tap once."""
    y, dx, dw = np.zeros(f.y.dims), np.zeros(f.x.dims), np.zeros(f.w.dims)
    channels, filters = f.w.dims[1], f.w.dims[0] // f.groups
    for o in itertools.product(*map(range, f.y.dims[2:])):
        for tap in itertools.product(*map(range, f.w.dims[2:])):
            t = [n - 1 - k if f.flip else k for n, k in zip(f.w.dims[2:], tap, strict=True)]
            at = [o[i] * f.stride[i] - f.pad_before[i] + t[i] * f.dilation[i] for i in range(f.spatial)]
            if any(not 0 <= p < n for p, n in zip(at, f.x.dims[2:], strict=True)):
                continue
            for g in range(f.groups):
                cs, ks = slice(g * channels, (g + 1) * channels), slice(g * filters, (g + 1) * filters)
                xs, dys, ws = x[(slice(None), cs, *at)], dy[(slice(None), ks, *o)], w[(ks, slice(None), *tap)]
                y[(slice(None), ks, *o)] += xs @ ws.T
                dx[(slice(None), cs, *at)] += dys @ ws
                dw[(ks, slice(None), *tap)] += dys.T @ xs
    return y, dx, dw


@pytest.mark.parametrize("direction", range(3))
@pytest.mark.parametrize("name", [name for name, p in PROBLEMS.items() if p["types"][0] == "f32"])
def test_reference_is_the_definition(name: str, direction: int) -> None:
    p = PROBLEMS[name]
    memory = Memory(p, direction)
    inputs = [np.nan_to_num(memory.array(which)) for which in (c.X, c.Y, c.W)]
    want = p["alpha"] * by_definition(memory.normal, *inputs)[direction]
    if p["beta"]:
        want = want + p["beta"] * memory.array(c.RESULT[direction])
    compare(memory, memory.run(make(memory, "reference")), want)


@pytest.mark.parametrize(
    "change",
    [
        {"spatial": 2, "y_dims": [2, 4, 9, 8]},
        {"y_dims": [2, 5, 7, 5]},
        {"stride": [0, 1, 0]},
        {"pad_before": [-1, 0, 0]},
        {"w_dims": [4, 3, 3, 3, 0]},
        {"direction": 3},
        {"x_strides": [-1, 1, 1, 1, 1]},
    ],
    ids=str,
)
def test_wrong_descriptions_are_invalid(change: dict) -> None:
    op = complete(problem((2, 8, 9, 7), (4, 8, 3, 3)), 0)
    for name, value in change.items():
        if isinstance(value, list):
            getattr(op, name)[0 : len(value)] = value
        else:
            setattr(op, name, value)
    with pytest.raises(registry.Invalid):
        registry.make_plan(KIND, protocol.pack(op))


def test_unknown_types_are_unsupported_by_name() -> None:
    op = complete(problem((2, 8, 9, 7), (4, 8, 3, 3)), 0)
    op.type_x = I8
    with pytest.raises(registry.Unsupported, match="i8"):
        registry.make_plan(KIND, protocol.pack(op))


def test_every_float_type_has_a_fast_provider() -> None:
    for types in ("f32", "f64", "f16", "bf16"):
        for direction in range(3):
            plan = make(Memory(problem((2, 8, 9, 7), (4, 8, 3, 3), types), direction))
            assert plan.native is not None, types
