"""Pointwise operations, by cudnnPointwiseMode_t."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from maf_vdev.modnn import graph as g
from maf_vdev.modnn.graphs.kind import Kind, broadcast, compute_type, refuse, require
from maf_vdev.modnn.graphs.memory import Values

GEN_INDEX, BINARY_SELECT = 501, 601
COMPARISONS = {300: np.equal, 301: np.not_equal, 302: np.greater, 303: np.greater_equal, 304: np.less}
COMPARISONS |= {305: np.less_equal}
LOGICAL = {400: np.logical_and, 401: np.logical_or}
LOGICAL_NOT = 402

BINARY: dict[int, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    0: np.add,
    1: np.multiply,
    2: np.minimum,
    3: np.maximum,
    5: lambda x, b: x + b * b,
    6: lambda x, b: x / b if x.dtype.kind == "f" else np.trunc(x / b).astype(x.dtype),
    7: np.fmod,
    8: np.power,
    9: np.subtract,
    23: np.arctan2,
}

_erf = np.vectorize(math.erf, otypes=[np.float64])


def erf(x: np.ndarray) -> np.ndarray:
    """The error function, exact to the last bits of double."""
    return _erf(x).astype(x.dtype) if x.size else x


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), also where exp overflows."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def _softplus(x: np.ndarray, beta: float) -> np.ndarray:
    return np.logaddexp(0, beta * x).astype(x.dtype) / x.dtype.type(beta)


def _tanh_part(x: np.ndarray) -> np.ndarray:
    return np.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))


def _relu(x: np.ndarray, p: g.Descriptor) -> np.ndarray:
    lower, upper = p.get("RELU_LOWER_CLIP", 0.0), p.get("RELU_UPPER_CLIP", math.inf)
    below = lower + p.get("RELU_LOWER_CLIP_SLOPE", 0.0) * (x - lower)
    return np.where(x < lower, below, np.where(x > upper, x.dtype.type(min(upper, np.finfo(x.dtype).max)), x))


def _gelu_gradient(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + erf(x * math.sqrt(0.5))) + x * np.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi))


def _gelu_tanh_gradient(x: np.ndarray) -> np.ndarray:
    t = _tanh_part(x)
    inner = 0.7978845608028654 * (1 + 3 * 0.044715 * x * x)
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner


def _swish_gradient(x: np.ndarray, beta: float) -> np.ndarray:
    s = sigmoid(beta * x)
    return s + beta * x * s * (1 - s)


def _relu_gradient(x: np.ndarray, p: g.Descriptor) -> np.ndarray:
    lower, upper = p.get("RELU_LOWER_CLIP", 0.0), p.get("RELU_UPPER_CLIP", math.inf)
    return np.where(x <= lower, p.get("RELU_LOWER_CLIP_SLOPE", 0.0), np.where(x >= upper, 0.0, 1.0))


UNARY: dict[int, Callable[[np.ndarray, g.Descriptor], np.ndarray]] = {
    4: lambda x, p: np.sqrt(x),
    10: lambda x, p: np.abs(x),
    11: lambda x, p: np.ceil(x),
    12: lambda x, p: np.cos(x),
    13: lambda x, p: np.exp(x),
    14: lambda x, p: np.floor(x),
    15: lambda x, p: np.log(x),
    16: lambda x, p: -x,
    17: lambda x, p: 1 / np.sqrt(x),
    18: lambda x, p: np.sin(x),
    19: lambda x, p: np.tan(x),
    20: lambda x, p: erf(x),
    21: lambda x, p: x,
    22: lambda x, p: 1 / x,
    100: _relu,
    101: lambda x, p: np.tanh(x),
    102: lambda x, p: sigmoid(x),
    103: lambda x, p: np.where(x > 0, x, p.get("ELU_ALPHA", 1.0) * np.expm1(np.minimum(x, 0))),
    104: lambda x, p: 0.5 * x * (1 + erf(x * math.sqrt(0.5))),
    105: lambda x, p: _softplus(x, p.get("SOFTPLUS_BETA", 1.0)),
    106: lambda x, p: x * sigmoid(p.get("SWISH_BETA", 1.0) * x),
    107: lambda x, p: 0.5 * x * (1 + _tanh_part(x)),
}

# Derivatives by the input of the forward operation ...
GRADIENT: dict[int, Callable[[np.ndarray, g.Descriptor], np.ndarray]] = {
    200: _relu_gradient,
    201: lambda x, p: 1 - np.tanh(x) ** 2,
    202: lambda x, p: sigmoid(x) * (1 - sigmoid(x)),
    203: lambda x, p: np.where(x > 0, 1, p.get("ELU_ALPHA", 1.0) * np.exp(np.minimum(x, 0))),
    204: lambda x, p: _gelu_gradient(x),
    205: lambda x, p: sigmoid(p.get("SOFTPLUS_BETA", 1.0) * x),
    206: lambda x, p: _swish_gradient(x, p.get("SWISH_BETA", 1.0)),
    207: lambda x, p: _gelu_tanh_gradient(x),
}

# ... and by its output, where that says enough.
OUTPUT_GRADIENT: dict[int, Callable[[np.ndarray, g.Descriptor], np.ndarray]] = {
    200: _relu_gradient,
    201: lambda y, p: 1 - y * y,
    202: lambda y, p: y * (1 - y),
    203: lambda y, p: np.where(y > 0, 1, y + p.get("ELU_ALPHA", 1.0)),
    205: lambda y, p: 1 - np.exp(-p.get("SOFTPLUS_BETA", 1.0) * y),
}


def _inputs(mode: int) -> tuple[str, ...]:
    if mode in GRADIENT:
        return ("DYDESC",)
    if mode in BINARY or mode in COMPARISONS or mode in LOGICAL:
        return ("XDESC", "BDESC")
    return ("XDESC", "BDESC", "TDESC") if mode == BINARY_SELECT else ("XDESC",)


def check(operation: g.Descriptor) -> None:
    p = operation["PW_DESCRIPTOR"]
    mode = p["MODE"]
    known = mode in UNARY or mode in BINARY or mode in COMPARISONS or mode in LOGICAL or mode in GRADIENT
    refuse(not known and mode not in (LOGICAL_NOT, GEN_INDEX, BINARY_SELECT), f"pointwise mode {mode}")
    compute_type(p["MATH_PREC"])
    out = operation.get("DXDESC") if mode in GRADIENT else operation.get("YDESC")
    inputs = [operation.get(name) for name in _inputs(mode)]
    if mode in GRADIENT:
        saved = operation.get("XDESC") or operation.get("YDESC")
        inputs.append(saved)
        by_output = operation.get("XDESC") is None and mode not in OUTPUT_GRADIENT
        refuse(by_output, f"pointwise mode {mode} without the input of the forward operation")
    tensors = [tensor for tensor in inputs if tensor is not None]
    if out is None or len(tensors) != len(inputs):
        require(False, f"pointwise mode {mode} lacks a tensor", *tensors)
    for tensor in tensors:
        require(broadcast(tensor.dims, out.dims) or broadcast(out.dims, tensor.dims), "pointwise", *tensors, out)
    if mode == GEN_INDEX:
        require(-len(out.dims) <= p.get("AXIS", -1) < len(out.dims), "axis of an index", out)


def _scaled(x: np.ndarray, factor: float) -> np.ndarray:
    return x if factor == 1 else x * x.dtype.type(factor)


def _evaluate(operation: g.Descriptor, values: Values) -> np.ndarray:
    p = operation["PW_DESCRIPTOR"]
    mode = p["MODE"]
    dtype = compute_type(p["MATH_PREC"])
    if mode == GEN_INDEX:
        y = operation["YDESC"]
        axis = p.get("AXIS", -1) % len(y.dims)
        return values.index(y.dims, axis)
    raw = [values.get(operation[name]) for name in _inputs(mode)]
    if mode in COMPARISONS:
        return COMPARISONS[mode](raw[0], raw[1])
    if mode in LOGICAL:
        return LOGICAL[mode](raw[0] != 0, raw[1] != 0)
    if mode == LOGICAL_NOT:
        return raw[0] == 0
    if mode == BINARY_SELECT:
        return np.where(raw[2] != 0, raw[0], raw[1])

    def computed(x: np.ndarray) -> Any:
        return x.astype(dtype, copy=False)

    if mode in GRADIENT:
        x, y = operation.get("XDESC"), operation.get("YDESC")
        slope = GRADIENT[mode](computed(values.get(x)), p) if x else OUTPUT_GRADIENT[mode](computed(values.get(y)), p)
        return computed(raw[0]) * slope.astype(dtype, copy=False)
    a = _scaled(computed(raw[0]), operation.get("ALPHA1", 1.0))
    if mode in UNARY:
        if a.dtype.kind != "f" and mode not in (10, 16, 21):
            a = a.astype(np.float64)
        return UNARY[mode](a, p)
    return BINARY[mode](a, _scaled(computed(raw[1]), operation.get("ALPHA2", 1.0)))


def run(operation: g.Descriptor, values: Values) -> None:
    gradient = operation["PW_DESCRIPTOR"]["MODE"] in GRADIENT
    values.set(operation["DXDESC" if gradient else "YDESC"], _evaluate(operation, values))


KINDS = {"OPERATION_POINTWISE": Kind(run, check, ("YDESC", "DXDESC"))}
