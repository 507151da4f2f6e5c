"""Pooling (resample operations)."""

from __future__ import annotations

import itertools
import math

import numpy as np

from maf_vdev.modnn import graph as g
from maf_vdev.modnn.graphs.kind import Kind, refuse, require
from maf_vdev.modnn.graphs.memory import Values

# cudnnResampleMode_t
AVERAGE_ALL, MAXIMUM, AVERAGE_INSIDE = 2, 3, 4
ZERO_PADDING, NEGATIVE_PADDING = 0, 1


def _window(operation: g.Descriptor) -> tuple[list[int], list[int], list[int]]:
    """Window, stride and padding before, of each spatial dimension."""
    p = operation["DESC"]
    return tuple([int(n) for n in g.listed(p[name])] for name in ("WINDOW_DIMS", "STRIDES", "PRE_PADDINGS"))


def _check(operation: g.Descriptor, x: g.Tensor, y: g.Tensor) -> None:
    p = operation["DESC"]
    refuse(p["MODE"] not in (AVERAGE_ALL, MAXIMUM, AVERAGE_INSIDE), "nearest and bilinear resampling")
    refuse(p.get("PADDING_MODE", 0) not in (ZERO_PADDING, NEGATIVE_PADDING), "pooling with repeated edges")
    for name in ("WINDOW_DIMS", "STRIDES", "PRE_PADDINGS", "POST_PADDINGS"):
        refuse(any(n != int(n) for n in g.listed(p[name])), "resampling by fractions")
    refuse(any(operation.get(n, d) != d for n, d in (("ALPHA", 1.0), ("BETA", 0.0))), "pooling with alpha or beta")
    window, stride, before = _window(operation)
    after = [int(n) for n in g.listed(p["POST_PADDINGS"])]
    require(x.dims[:2] == y.dims[:2] and len(x.dims) == len(y.dims) == 2 + p["SPATIAL_DIMS"], "pooling", x, y)
    require(len(window) == len(stride) == len(before) == p["SPATIAL_DIMS"] and min(stride) > 0, "pooling window", x, y)
    for i, n in enumerate(y.dims[2:]):
        require((x.dims[i + 2] + before[i] + after[i] - window[i]) // stride[i] + 1 == n, "pooling", x, y)


def check_forward(operation: g.Descriptor) -> None:
    _check(operation, operation["XDESC"], operation["YDESC"])


def check_backward(operation: g.Descriptor) -> None:
    _check(operation, operation["DXDESC"], operation["DYDESC"])
    saved = operation.get("IDXDESC") is not None or operation.get("XDESC") is not None
    require(operation["DESC"]["MODE"] != MAXIMUM or saved, "gradient of a maximum without index or input")


def _taps(operation: g.Descriptor, shape: tuple[int, ...], out: tuple[int, ...], fill: float, data: np.ndarray | None):
    """For each position in the window, in row-major order: the padded array's part that lies there, as slices."""
    window, stride, before = _window(operation)
    room = [(o - 1) * s + w for o, s, w in zip(out[2:], stride, window, strict=True)]
    padded = np.full((*shape[:2], *(max(r, n + b) for r, n, b in zip(room, shape[2:], before, strict=True))), fill)
    inside = (slice(None), slice(None), *(slice(b, b + n) for b, n in zip(before, shape[2:], strict=True)))
    if data is not None:
        padded[inside] = data
    parts = []
    for at in itertools.product(*map(range, window)):
        ends = zip(at, out[2:], stride, strict=True)
        parts.append((slice(None), slice(None), *(slice(a, a + (n - 1) * s + 1, s) for a, n, s in ends)))
    return padded, inside, parts


def _counts(operation: g.Descriptor, x: tuple[int, ...], y: tuple[int, ...]) -> np.ndarray | float:
    if operation["DESC"]["MODE"] == AVERAGE_ALL:
        return float(math.prod(_window(operation)[0]))
    ones, _, parts = _taps(operation, (1, 1, *x[2:]), (1, 1, *y[2:]), 0.0, np.ones((1, 1, *x[2:])))
    return np.maximum(sum(ones[part] for part in parts), 1)


def _best(padded: np.ndarray, parts: list, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The largest value of each window and its position; the first of equals, NaN above all."""
    best, index = padded[parts[0]].copy(), np.zeros(shape, np.int64)
    for number, part in enumerate(parts[1:], 1):
        value = padded[part]
        larger = (value > best) | (np.isnan(value) & ~np.isnan(best))
        best, index = np.where(larger, value, best), np.where(larger, number, index)
    return best, index


def run_forward(operation: g.Descriptor, values: Values) -> None:
    x, y = operation["XDESC"], operation["YDESC"]
    maximum = operation["DESC"]["MODE"] == MAXIMUM
    fill = -np.inf if maximum and operation["DESC"].get("PADDING_MODE", 0) == NEGATIVE_PADDING else 0.0
    padded, _, parts = _taps(operation, x.dims, y.dims, fill, values.get(x))
    if maximum:
        best, index = _best(padded, parts, y.dims)
        values.set(y, best)
        if operation.get("IDXDESC") is not None:
            values.set(operation["IDXDESC"], index)
        return
    values.set(y, sum(padded[part] for part in parts) / _counts(operation, x.dims, y.dims))


def run_backward(operation: g.Descriptor, values: Values) -> None:
    dx, dy = operation["DXDESC"], operation["DYDESC"]
    gradient = values.get(dy).astype(np.float64)
    total, inside, parts = _taps(operation, dx.dims, dy.dims, 0.0, None)
    if operation["DESC"]["MODE"] != MAXIMUM:
        share = gradient / _counts(operation, dx.dims, dy.dims)
        for part in parts:
            total[part] += share
    else:
        if operation.get("IDXDESC") is not None:
            index = values.get(operation["IDXDESC"])
        else:
            padded, _, _ = _taps(operation, dx.dims, dy.dims, -np.inf, values.get(operation["XDESC"]))
            _, index = _best(padded, parts, dy.dims)
        for number, part in enumerate(parts):
            total[part] += np.where(index == number, gradient, 0)
    values.set(dx, total[inside])


KINDS = {
    "OPERATION_RESAMPLE_FWD": Kind(run_forward, check_forward, ("YDESC", "IDXDESC")),
    "OPERATION_RESAMPLE_BWD": Kind(run_backward, check_backward, ("DXDESC",)),
}
