"""The reference of batch normalisation in numpy, in float64 with one rounding per stored value."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from maf_vdev.modnn import batchnorm as b
from maf_vdev.modnn.providers.conv_program import dense_strides
from maf_vdev.modnn.providers.ref_gemm import _load as load
from maf_vdev.modnn.providers.ref_gemm import _store as store
from maf_vdev.modnn.registry import Plan


class Run:
    """One execution on memory: values by role."""

    def __init__(self, f: b.Normal, ptrs: Sequence[int], scalars: bytes) -> None:
        self.f = f
        self.ptrs = dict(zip(f.pointers, ptrs, strict=False))
        names = ("alpha", "beta", "alpha_param", "beta_param", "epsilon", "factor")
        self.scalars = dict(zip(names, struct.unpack_from("<6d", scalars), strict=True))
        self.shape = tuple(1 if d in f.axes else n for d, n in enumerate(f.dims))

    def read(self, role: str) -> np.ndarray:
        """A large tensor, or a parameter in its broadcast shape."""
        f = self.f
        if role in f.strides:
            return load(self.ptrs[role], f.type, f.strides[role], f.dims)
        return load(self.ptrs[role], b.TYPES[f.type], dense_strides(self.shape), self.shape)

    def write(self, role: str, values: np.ndarray) -> None:
        f = self.f
        if role in f.strides:
            store(self.ptrs[role], f.type, f.strides[role], values)
        else:
            store(self.ptrs[role], b.TYPES[f.type], dense_strides(self.shape), values.reshape(self.shape))

    def blend(self, role: str, values: np.ndarray, alpha: float, beta: float) -> np.ndarray:
        """alpha * values + beta * what is there."""
        return alpha * values + (beta * self.read(role) if beta else 0)

    def statistics(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and biased variance."""
        return x.mean(self.f.axes, keepdims=True), x.var(self.f.axes, keepdims=True)

    def forward(self) -> None:
        s, x = self.scalars, self.read("x")
        if self.f.direction == b.INFERENCE:
            mean, var = self.read("mean"), self.read("var")
        else:
            mean, var = self.statistics(x)
        invstd = 1 / np.sqrt(var + s["epsilon"])
        out = self.read("scale") * (x - mean) * invstd + self.read("bias")
        out = self.blend("y", out, s["alpha"], s["beta"])
        if self.f.fuse == b.ADD_RELU:
            out = out + self.read("z")
        if self.f.fuse:
            out = np.where(out < 0, 0, out)
        self.write("y", out)
        if self.f.direction == b.INFERENCE:
            return
        if self.ptrs["running_mean"]:
            count = x.size / mean.size
            unbiased = var * count / max(count - 1, 1)
            for role, new in (("running_mean", mean), ("running_var", unbiased)):
                self.write(role, (1 - s["factor"]) * self.read(role) + s["factor"] * new)
        if self.ptrs["saved_mean"]:
            self.write("saved_mean", mean)
            self.write("saved_invstd", invstd)

    def backward(self) -> None:
        s, f, x, dy = self.scalars, self.f, self.read("x"), self.read("dy")
        if f.fuse:
            dy = np.where(self.read("y") > 0, dy, 0)
        if self.ptrs["saved_mean"]:
            mean, invstd = self.read("saved_mean"), self.read("saved_invstd")
        else:
            mean, var = self.statistics(x)
            invstd = 1 / np.sqrt(var + s["epsilon"])
        normal = (x - mean) * invstd
        dbias, dscale = dy.sum(f.axes, keepdims=True), (dy * normal).sum(f.axes, keepdims=True)
        count = x.size / mean.size
        dx = self.read("scale") * invstd * (dy - dbias / count - normal * dscale / count)
        self.write("dx", self.blend("dx", dx, s["alpha"], s["beta"]))
        if f.fuse == b.ADD_RELU:
            self.write("dz", dy)
        for role, values in (("dscale", dscale), ("dbias", dbias)):
            self.write(role, self.blend(role, values, s["alpha_param"], s["beta_param"]))


def batchnorm(op: Any) -> Plan:
    """Accepts every op that passed batchnorm.check."""
    f = b.normalise(op)

    def run(ptrs: Sequence[int], scalars: bytes) -> None:
        made = Run(f, ptrs, scalars)
        (made.backward if f.direction == b.BACKWARD else made.forward)()

    return Plan("reference", run)
