"""Normalizations forward and backward, and the statistics of batch normalization in parts."""

from __future__ import annotations

import numpy as np

from maf_vdev.modnn import graph as g
from maf_vdev.modnn.graphs.kind import Kind, broadcast, refuse, require, sum_to
from maf_vdev.modnn.graphs.memory import Values

# cudnnBackendNormMode_t
LAYER, INSTANCE, BATCH, GROUP, RMS, ADAPTIVE_LAYER = range(6)
INFERENCE, TRAINING = range(2)


def _axes(operation: g.Descriptor) -> tuple[int, ...]:
    """The dimensions over which one mean and variance are taken."""
    x, mode = operation["XDESC"], operation["MODE"]
    rank = len(x.dims)
    statistics = operation.get("INV_VARIANCE_DESC") or operation.get("MEAN_DESC")
    if mode == BATCH:
        return tuple(i for i in range(rank) if i != 1)
    if mode == INSTANCE:
        return tuple(range(2, rank))
    if statistics is not None:
        return tuple(i for i in range(rank) if statistics.dims[i] == 1)
    scale = operation["SCALE_DESC"]
    first = 1 if mode == ADAPTIVE_LAYER else 0
    return tuple(i for i in range(first, rank) if scale.dims[i] > 1)


def _check(operation: g.Descriptor, same: tuple[str, ...], small: tuple[str, ...]) -> None:
    x, mode = operation["XDESC"], operation["MODE"]
    refuse(mode not in (LAYER, INSTANCE, BATCH, RMS, ADAPTIVE_LAYER), f"normalization mode {mode}")
    refuse(operation.get("PEER_STAT_DESCS") is not None, "normalization over several devices")
    require(operation.get("SCALE_DESC") is not None, "normalization without scale", x)
    for name in same:
        require(operation[name].dims == x.dims, "normalization", x, operation[name])
    for name in small:
        tensor = operation.get(name)
        if tensor is not None:
            require(broadcast(tensor.dims, x.dims), "parameter of a normalization", x, tensor)


def check_forward(operation: g.Descriptor) -> None:
    _check(operation, ("YDESC",), ("MEAN_DESC", "INV_VARIANCE_DESC", "SCALE_DESC", "BIAS_DESC"))
    given = operation["PHASE"] == INFERENCE and operation.get("INV_VARIANCE_DESC") is not None
    require(given or operation.get("EPSILON_DESC") is not None, "normalization without epsilon", operation["XDESC"])


def _scalar(values: Values, tensor: g.Tensor | None, missing: float) -> float:
    return float(values.get(tensor).ravel()[0]) if tensor is not None else missing


def _statistics(x: np.ndarray, axes: tuple[int, ...], epsilon: float, centred: bool):
    """Mean (0 where not centred), variance and 1 / sqrt(variance + epsilon), in double."""
    wide = x.astype(np.float64)
    mean = wide.mean(axes, keepdims=True) if centred else np.zeros([1] * x.ndim)
    variance = ((wide - mean) ** 2).mean(axes, keepdims=True)
    return mean, variance, 1 / np.sqrt(variance + epsilon)


def _wide(x: np.ndarray) -> np.ndarray:
    return x if x.dtype == np.float64 else x.astype(np.float32, copy=False)


def run_forward(operation: g.Descriptor, values: Values) -> None:
    x = _wide(values.get(operation["XDESC"]))
    axes = _axes(operation)
    mean_tensor, inverse_tensor = operation.get("MEAN_DESC"), operation.get("INV_VARIANCE_DESC")
    training = operation["PHASE"] == TRAINING
    centred = operation["MODE"] != RMS
    if not training and inverse_tensor is not None:
        inverse = values.get(inverse_tensor).astype(x.dtype)
        mean = values.get(mean_tensor).astype(x.dtype) if mean_tensor is not None else x.dtype.type(0)
    else:
        mean, variance, inverse = _statistics(x, axes, _scalar(values, operation.get("EPSILON_DESC"), 0.0), centred)
        if training:
            _keep(operation, values, x.size // mean.size if centred else 0, mean, variance, inverse)
        mean, inverse = mean.astype(x.dtype), inverse.astype(x.dtype)
    y = (x - mean) * inverse * values.get(operation["SCALE_DESC"]).astype(x.dtype)
    if operation.get("BIAS_DESC") is not None:
        y = y + values.get(operation["BIAS_DESC"]).astype(x.dtype)
    values.set(operation["YDESC"], y)


def _keep(operation, values: Values, count: int, mean: np.ndarray, variance: np.ndarray, inverse: np.ndarray) -> None:
    """Saved and running statistics of a training step; running variances are of a sample."""
    for name, value in (("MEAN_DESC", mean), ("INV_VARIANCE_DESC", inverse)):
        if operation.get(name) is not None:
            values.set(operation[name], value)
    factor = _scalar(values, operation.get("EXP_AVG_FACTOR_DESC"), 1.0)
    sample = variance * (count / (count - 1) if count > 1 else 1)
    for role, value in (("MEAN", mean), ("VAR", sample)):
        out, before = operation.get(f"OUTPUT_RUNNING_{role}_DESC"), operation.get(f"INPUT_RUNNING_{role}_DESC")
        if out is not None:
            old = values.get(before).astype(np.float64) if before is not None else 0.0
            values.set(out, (1 - factor) * old + factor * value)


def check_backward(operation: g.Descriptor) -> None:
    small = ("MEAN_DESC", "INV_VARIANCE_DESC", "SCALE_DESC", "DSCALE_DESC", "DBIAS_DESC")
    _check(operation, ("DYDESC", "DXDESC"), small)
    given = operation.get("INV_VARIANCE_DESC") is not None
    require(given or operation.get("EPSILON_DESC") is not None, "normalization without epsilon", operation["XDESC"])


def run_backward(operation: g.Descriptor, values: Values) -> None:
    x, dy = _wide(values.get(operation["XDESC"])), _wide(values.get(operation["DYDESC"]))
    axes = _axes(operation)
    centred = operation["MODE"] != RMS
    if operation.get("INV_VARIANCE_DESC") is not None:
        inverse = values.get(operation["INV_VARIANCE_DESC"]).astype(np.float64)
        mean = values.get(operation["MEAN_DESC"]).astype(np.float64) if centred else np.zeros([1] * x.ndim)
    else:
        mean, _, inverse = _statistics(x, axes, _scalar(values, operation["EPSILON_DESC"], 0.0), centred)
    normal = (x - mean.astype(x.dtype)) * inverse.astype(x.dtype)
    for name, part in (("DSCALE_DESC", dy * normal), ("DBIAS_DESC", dy)):
        if operation.get(name) is not None:
            values.set(operation[name], sum_to(part, operation[name].dims))
    scaled = dy * values.get(operation["SCALE_DESC"]).astype(x.dtype)
    along = (scaled * normal).mean(axes, dtype=np.float64, keepdims=True).astype(x.dtype)
    dx = scaled - normal * along
    if centred:
        dx = dx - scaled.mean(axes, dtype=np.float64, keepdims=True).astype(x.dtype)
    values.set(operation["DXDESC"], dx * inverse.astype(x.dtype))


def check_statistics(operation: g.Descriptor) -> None:
    for name in ("SUMDESC", "SQSUMDESC"):
        require(
            broadcast(operation[name].dims, operation["XDESC"].dims), "statistics", operation["XDESC"], operation[name]
        )


def run_statistics(operation: g.Descriptor, values: Values) -> None:
    x = values.get(operation["XDESC"]).astype(np.float64)
    values.set(operation["SUMDESC"], sum_to(x, operation["SUMDESC"].dims))
    values.set(operation["SQSUMDESC"], sum_to(x * x, operation["SQSUMDESC"].dims))


def check_finalize(operation: g.Descriptor) -> None:
    training = ("Y_SUM_DESC", "Y_SQ_SUM_DESC", "ACCUM_COUNT_DESC")
    needed = training if operation["STATS_MODE"] == 0 else ("PREV_RUNNING_MEAN_DESC", "PREV_RUNNING_VAR_DESC")
    for name in (*needed, "EPSILON_DESC"):
        require(operation.get(name) is not None, f"batch normalization statistics without {name}")


def run_finalize(operation: g.Descriptor, values: Values) -> None:
    """cudnnBnFinalizeStatsMode_t 0: from sums to statistics and to the factors of y = x * eq_scale + eq_bias."""

    def read(name: str, missing: float = 0.0) -> np.ndarray:
        tensor = operation.get(name)
        return values.get(tensor).astype(np.float64) if tensor is not None else np.float64(missing)

    epsilon = _scalar(values, operation["EPSILON_DESC"], 0.0)
    if operation["STATS_MODE"] == 0:
        count = _scalar(values, operation["ACCUM_COUNT_DESC"], 1.0)
        mean = read("Y_SUM_DESC") / count
        variance = np.maximum(read("Y_SQ_SUM_DESC") / count - mean * mean, 0)
        factor = _scalar(values, operation.get("EXP_AVERATE_FACTOR_DESC"), 1.0)
        sample = variance * (count / (count - 1) if count > 1 else 1)
        updates = {
            "UPDATED_RUNNING_MEAN_DESC": (1 - factor) * read("PREV_RUNNING_MEAN_DESC") + factor * mean,
            "UPDATED_RUNNING_VAR_DESC": (1 - factor) * read("PREV_RUNNING_VAR_DESC") + factor * sample,
        }
    else:
        mean, variance, updates = read("PREV_RUNNING_MEAN_DESC"), read("PREV_RUNNING_VAR_DESC"), {}
    inverse = 1 / np.sqrt(variance + epsilon)
    scale = read("SCALE_DESC", 1.0) * inverse
    updates |= {"SAVED_MEAN_DESC": mean, "SAVED_INV_STD_DESC": inverse}
    updates |= {"EQ_SCALE_DESC": scale, "EQ_BIAS_DESC": read("BIAS_DESC") - mean * scale}
    for name, value in updates.items():
        if operation.get(name) is not None:
            values.set(operation[name], value)


def check_weights(operation: g.Descriptor) -> None:
    x = operation["X_DESC"]
    require(operation["DY_DESC"].dims == x.dims, "batch normalization gradient", x, operation["DY_DESC"])


def run_weights(operation: g.Descriptor, values: Values) -> None:
    """Gradients of scale and bias, and the factors of dx = dy * eq_dy_scale + x * eq_x_scale + eq_bias."""
    x, dy = (values.get(operation[name]).astype(np.float64) for name in ("X_DESC", "DY_DESC"))
    mean, inverse, scale = (
        values.get(operation[name]).astype(np.float64) for name in ("MEAN_DESC", "INVSTD_DESC", "BN_SCALE_DESC")
    )
    dims = operation["DBN_SCALE_DESC"].dims
    count = x.size / mean.size
    dscale, dbias = sum_to(dy * (x - mean) * inverse, dims), sum_to(dy, dims)
    slope = scale * inverse * inverse * dscale / count
    for name, value in (
        ("DBN_SCALE_DESC", dscale),
        ("DBN_BIAS_DESC", dbias),
        ("EQ_DY_SCALE_DESC", scale * inverse),
        ("EQ_X_SCALE_DESC", -slope),
        ("EQ_BIAS", slope * mean - scale * inverse * dbias / count),
    ):
        values.set(operation[name], value)


RUNNING = tuple(f"OUTPUT_RUNNING_{role}_DESC" for role in ("MEAN", "VAR"))
FINALIZED = ("UPDATED_RUNNING_MEAN_DESC", "UPDATED_RUNNING_VAR_DESC", "SAVED_MEAN_DESC", "SAVED_INV_STD_DESC")
FACTORS = ("DBN_SCALE_DESC", "DBN_BIAS_DESC", "EQ_DY_SCALE_DESC", "EQ_X_SCALE_DESC", "EQ_BIAS")
KINDS = {
    "OPERATION_NORM_FORWARD": Kind(run_forward, check_forward, ("YDESC", "MEAN_DESC", "INV_VARIANCE_DESC", *RUNNING)),
    "OPERATION_NORM_BACKWARD": Kind(run_backward, check_backward, ("DXDESC", "DSCALE_DESC", "DBIAS_DESC")),
    "OPERATION_GEN_STATS": Kind(run_statistics, check_statistics, ("SUMDESC", "SQSUMDESC")),
    "OPERATION_BN_FINALIZE_STATISTICS": Kind(
        run_finalize, check_finalize, (*FINALIZED, "EQ_SCALE_DESC", "EQ_BIAS_DESC")
    ),
    "OPERATION_BN_BWD_WEIGHTS": Kind(run_weights, check_weights, FACTORS),
}
