"""Local response normalization: checks, description line and numpy. Semantics: cuDNN's cudnnLRNCrossChannelForward."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from maf_vdev.modnn.gemm import BF16, F16, F32, F64, TYPE_NAMES
from maf_vdev.modnn.registry import Invalid, Op, Plan, Unsupported


def check(op: Any) -> None:
    """Raises Invalid for contradictory sizes, Unsupported for types without code."""
    if op.direction not in (0, 1) or not 3 <= op.rank <= 5 or not 1 <= op.window <= 16 or min(op.dims[0 : op.rank]) < 1:
        raise Invalid(describe(op))
    if op.type not in (F32, F64, F16, BF16):
        raise Unsupported(f"local response normalization of {TYPE_NAMES.get(op.type, op.type)}")


def describe(op: Any) -> str:
    """One line: direction, window, shape, type."""
    dims = "x".join(str(n) for n in op.dims[0 : max(0, min(op.rank, 5))])
    name = "local response normalization" + (" backward" if op.direction else "")
    return f"{name} over {op.window} channels {dims} {TYPE_NAMES.get(op.type, op.type)}"


def _windows(x: np.ndarray, before: int, after: int) -> np.ndarray:
    """Sums over channels c - before to c + after, by differences of running sums."""
    sums = np.zeros((x.shape[0], x.shape[1] + 1, *x.shape[2:]))
    np.cumsum(x, 1, out=sums[:, 1:])
    channels = np.arange(x.shape[1])
    return sums[:, np.minimum(channels + after + 1, x.shape[1])] - sums[:, np.maximum(channels - before, 0)]


def plan(op: Any) -> Plan:
    """Accepts every op that passed check; computes in double."""
    from maf_vdev.modnn.providers.ref_tensor import Tensor

    dims = tuple(op.dims[0 : op.rank])
    before = (op.window - 1) // 2
    after = op.window - 1 - before

    def tensor(name: str, address: int) -> Tensor:
        return Tensor(address, op.type, dims, getattr(op, f"{name}_strides")[0 : op.rank])

    def run(ptrs: Sequence[int], scalars: bytes) -> None:
        blend_alpha, blend_beta, alpha, beta, k = struct.unpack_from("<5d", scalars)
        x = tensor("x", ptrs[2 if op.direction else 0]).read()
        s = k + alpha / op.window * _windows(x * x, before, after)
        if not op.direction:
            tensor("y", ptrs[1]).blend(blend_alpha * x * s**-beta, blend_beta)
            return
        dy = tensor("dy", ptrs[1]).read()
        shared = _windows(dy * x * s ** (-beta - 1), after, before)
        dx = dy * s**-beta - 2 * alpha * beta / op.window * x * shared
        tensor("dx", ptrs[3]).blend(blend_alpha * dx, blend_beta)

    return Plan("numpy", run)


OP = Op(
    name="lrn", struct="maf_op_lrn", providers=(("numpy", "maf_vdev.modnn.lrn:plan"),), check=check, describe=describe
)
