"""Operations that move elements, and random numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from maf_vdev.modnn import graph as g
from maf_vdev.modnn.graphs.kind import Kind, refuse, require
from maf_vdev.modnn.graphs.memory import Values

LOGICAL_RESHAPE = 1


def _size(dims: tuple[int, ...]) -> int:
    return math.prod(dims)


def check_reshape(operation: g.Descriptor) -> None:
    x, y = operation["XDESC"], operation["YDESC"]
    require(_size(x.dims) == _size(y.dims), "reshape", x, y)


def _permutation(x: g.Tensor, y: g.Tensor) -> list[int] | None:
    """Axes of x in the order of y's, where y only permutes x's dimensions and strides."""
    left = {(n, s): i for i, (n, s) in enumerate(zip(x.dims, x.strides, strict=True))}
    if len(left) < len(x.dims) or len(x.dims) != len(y.dims):
        return None
    order = [left.get(pair, -1) for pair in zip(y.dims, y.strides, strict=True)]
    return order if sorted(order) == list(range(len(order))) else None


def run_reshape(operation: g.Descriptor, values: Values) -> None:
    """y shows the memory of x with other dimensions and strides; mode LOGICAL keeps the row-major order instead."""
    x, y = operation["XDESC"], operation["YDESC"]
    data = values.get(x)
    order = _permutation(x, y)
    if operation.get("MODE", 0) == LOGICAL_RESHAPE:
        out = data.reshape(y.dims)
    elif order is not None:
        out = data.transpose(order)
    else:
        span = 1 + max(sum((n - 1) * s for n, s in zip(t.dims, t.strides, strict=True)) for t in (x, y))
        flat = np.zeros(span, data.dtype)
        size = data.itemsize
        np.lib.stride_tricks.as_strided(flat, x.dims, [s * size for s in x.strides])[...] = data
        out = np.lib.stride_tricks.as_strided(flat, y.dims, [s * size for s in y.strides])
    values.set(y, out)


def check_transpose(operation: g.Descriptor) -> None:
    x, y = operation["XDESC"], operation["YDESC"]
    order = g.listed(operation["PERMUTATION"])
    require(sorted(order) == list(range(len(x.dims))), "permutation", x, y)
    require(y.dims == tuple(x.dims[i] for i in order), "transpose", x, y)


def run_transpose(operation: g.Descriptor, values: Values) -> None:
    values.set(operation["YDESC"], values.get(operation["XDESC"]).transpose(g.listed(operation["PERMUTATION"])))


def _slices(operation: g.Descriptor) -> tuple[slice, ...]:
    first, last = g.listed(operation["START_INDICES"]), g.listed(operation["LIMIT_INDICES"])
    steps = g.listed(operation.get("STRIDES", [1] * len(first)))
    return tuple(slice(a, b, s) for a, b, s in zip(first, last, steps, strict=True))


def check_slice(operation: g.Descriptor) -> None:
    x, y = operation["XDESC"], operation["YDESC"]
    first, last = g.listed(operation["START_INDICES"]), g.listed(operation["LIMIT_INDICES"])
    require(len(first) == len(last) == len(x.dims) == len(y.dims), "slice", x, y)
    inside = all(0 <= a < b <= n for a, b, n in zip(first, last, x.dims, strict=True))
    require(
        inside and y.dims == tuple(len(range(n)[s]) for n, s in zip(x.dims, _slices(operation), strict=True)),
        "slice",
        x,
        y,
    )


def run_slice(operation: g.Descriptor, values: Values) -> None:
    values.set(operation["YDESC"], values.get(operation["XDESC"])[_slices(operation)])


def check_concatenation(operation: g.Descriptor) -> None:
    parts, y, axis = g.listed(operation["INPUT_DESCS"]), operation["OUTPUT_DESC"], operation["AXIS"]
    require(0 <= axis < len(y.dims), "axis of a concatenation", y)
    total = sum(part.dims[axis] for part in parts)
    for part in parts:
        require((*part.dims[:axis], total, *part.dims[axis + 1 :]) == y.dims, "concatenation", *parts, y)


def run_concatenation(operation: g.Descriptor, values: Values) -> None:
    parts = [values.get(part) for part in g.listed(operation["INPUT_DESCS"])]
    values.set(operation["OUTPUT_DESC"], np.concatenate(parts, operation["AXIS"]))


def gather_pages(container: np.ndarray, table: np.ndarray, lengths: np.ndarray, count: int) -> np.ndarray:
    """(batch, heads, count, size) from pages (pages, heads, page size, size) by the table (batch, 1, pages of an entry, 1);
    zeros behind each entry's length. Entries of the table that no length reaches are not looked at."""
    batch = table.shape[0]
    _, heads, page, size = container.shape
    out = np.zeros((batch, heads, count, size), container.dtype)
    for entry in range(batch):
        length = min(int(lengths.ravel()[entry]), count)
        for block in range(-(-length // page)):
            start = block * page
            stop = min(start + page, length)
            out[entry, :, start:stop] = container[int(table[entry, 0, block, 0]), :, : stop - start]
    return out


def check_pages(operation: g.Descriptor) -> None:
    container, y, table = (operation[name] for name in ("CONTAINER_DESC", "YDESC", "PAGE_TABLE_DESC"))
    require(len(container.dims) == len(y.dims) == len(table.dims) == 4, "pages", container, y, table)
    require(container.dims[1] == y.dims[1] and table.dims[0] == y.dims[0], "pages", container, y, table)


def run_pages(operation: g.Descriptor, values: Values) -> None:
    """The keys' result has its last two dimensions exchanged: (batch, heads, size, count)."""
    container, y = operation["CONTAINER_DESC"], operation["YDESC"]
    data = values.get(container)
    turned = y.dims[2] == container.dims[3] and (y.dims[3] != container.dims[3] or y.strides[2] < y.strides[3])
    count = y.dims[3] if turned else y.dims[2]
    table, lengths = values.get(operation["PAGE_TABLE_DESC"]), values.get(operation["SEQUENCE_DESC"])
    out = gather_pages(data, table, lengths, count)
    values.set(y, out.swapaxes(2, 3) if turned else out)


# --- random numbers: Philox 4x32-10, four numbers from each counter ------------------------------------------------------

BERNOULLI, UNIFORM, NORMAL = range(3)


def philox(seed: int, first: int, count: int) -> np.ndarray:
    """`count` words (uint32) from number `first` on of a seed's stream."""
    start, stop = first // 4, -(-(first + count) // 4)
    counter = np.uint64(start) + np.arange(stop - start, dtype=np.uint64)
    low, high = counter.astype(np.uint32), (counter >> np.uint64(32)).astype(np.uint32)
    c = [low, high, np.zeros_like(low), np.zeros_like(low)]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF
    for _ in range(10):
        p, q = c[0].astype(np.uint64) * np.uint64(0xD2511F53), c[2].astype(np.uint64) * np.uint64(0xCD9E8D57)
        c = [
            (q >> np.uint64(32)).astype(np.uint32) ^ c[1] ^ np.uint32(k0),
            q.astype(np.uint32),
            (p >> np.uint64(32)).astype(np.uint32) ^ c[3] ^ np.uint32(k1),
            p.astype(np.uint32),
        ]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    words = np.stack(c, -1).ravel()
    return words[first - 4 * start : first - 4 * start + count]


def uniform(seed: int, first: int, count: int) -> np.ndarray:
    """float32 in (0, 1], as the core's attention draws them."""
    return philox(seed, first, count).astype(np.float32) * np.float32(2**-32) + np.float32(2**-33)


def _number(values: Values, given: g.Tensor | int | None) -> int:
    if isinstance(given, g.Tensor):
        return int(values.get(given).ravel()[0]) & 0xFFFFFFFFFFFFFFFF
    return int(given or 0) & 0xFFFFFFFFFFFFFFFF


def keep_threshold(probability: float) -> np.float32:
    """A number above it is kept: so often as `probability` says."""
    return np.float32(1 - np.float64(np.float32(probability)))


def keep_mask(
    values: Values, seed: Any, offset: g.Tensor | None, probability: float, first: int, count: int
) -> np.ndarray:
    """True with `probability`, for elements `first` and on in row-major order; forward and backward graphs agree.
    seed: a tensor or a number."""
    start = (_number(values, offset) + first) & 0xFFFFFFFFFFFFFFFF
    return uniform(_number(values, seed), start, count) > keep_threshold(probability)


def check_random(operation: g.Descriptor) -> None:
    refuse(
        operation["DESC"].get("DISTRIBUTION", 0) not in (BERNOULLI, UNIFORM, NORMAL), "distribution of random numbers"
    )


def run_random(operation: g.Descriptor, values: Values) -> None:
    y, rng = operation["YDESC"], operation["DESC"]
    count = _size(y.dims)
    seed, offset = operation.get("SEED"), operation.get("OFFSET_DESC")
    kind = rng.get("DISTRIBUTION", 0)
    if kind == BERNOULLI:
        out = keep_mask(values, seed, offset, rng.get("BERNOULLI_DIST_PROBABILITY", 0.5), 0, count).astype(np.float32)
    else:
        u = uniform(_number(values, seed), _number(values, offset), count + count % 2)
        if kind == UNIFORM:
            low, high = rng.get("UNIFORM_DIST_MINIMUM", 0.0), rng.get("UNIFORM_DIST_MAXIMUM", 1.0)
            out = (low + (high - low) * u)[:count]
        else:  # Box and Muller's method, by pairs
            radius, angle = np.sqrt(-2 * np.log(u[0::2])), 2 * np.pi * u[1::2]
            out = np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1).ravel()[:count]
            out = rng.get("NORMAL_DIST_MEAN", 0.0) + rng.get("NORMAL_DIST_STANDARD_DEVIATION", 1.0) * out
    values.set(y, out.reshape(y.dims))


KINDS = {
    "OPERATION_RESHAPE": Kind(run_reshape, check_reshape, ("YDESC",)),
    "OPERATION_TRANSPOSE": Kind(run_transpose, check_transpose, ("YDESC",)),
    "OPERATION_SLICE": Kind(run_slice, check_slice, ("YDESC",)),
    "OPERATION_CONCAT": Kind(run_concatenation, check_concatenation, ("OUTPUT_DESC",)),
    "OPERATION_PAGED_CACHE_LOAD": Kind(run_pages, check_pages, ("YDESC",)),
    "OPERATION_RNG": Kind(run_random, check_random, ("YDESC",)),
}
