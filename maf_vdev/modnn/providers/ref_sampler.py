"""The reference of bilinear sampling in numpy: sampling as a sparse matrix per image, written out."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from maf_vdev.modnn import sampler as s
from maf_vdev.modnn.providers.conv_program import dense_strides
from maf_vdev.modnn.providers.ref_gemm import _load as load
from maf_vdev.modnn.providers.ref_gemm import _store as store
from maf_vdev.modnn.registry import Plan


def _tent(points: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights of `count` pixels for each point, max(0, 1 - distance), and their slopes (points' last axis: pixels)."""
    d = points[..., None] - np.arange(count)
    # At a pixel exactly, the slope is that of the cell to the right of the point, as floor() chooses it.
    inside = (d >= -1) & (d < 1)
    return np.where(inside, 1 - np.abs(d), 0), np.where(inside, np.where(d >= 0, -1.0, 1.0), 0)


class Run:
    """One execution on memory."""

    def __init__(self, op: Any, ptrs: Sequence[int], scalars: bytes) -> None:
        self.op, self.ptrs = op, dict(zip(s.POINTERS, ptrs, strict=True))
        self.alpha, self.beta, self.alpha_grid, self.beta_grid = struct.unpack_from("<4d", scalars)
        n, _, h, w = op.y_dims
        packed = {"grid": (n, h, w, 2), "dgrid": (n, h, w, 2), "theta": (n, 2, 3), "dtheta": (n, 2, 3)}
        self.shapes = {role: (shape, dense_strides(shape)) for role, shape in packed.items()}
        self.shapes["x"] = tuple(op.x_dims), tuple(op.x_strides)
        self.shapes["dx"] = tuple(op.x_dims), tuple(op.dx_strides)
        self.shapes["y"] = self.shapes["dy"] = tuple(op.y_dims), tuple(op.y_strides)

    def read(self, role: str) -> np.ndarray:
        shape, strides = self.shapes[role]
        return load(self.ptrs[role], self.op.type, strides, shape)

    def write(self, role: str, values: np.ndarray, alpha: float = 1, beta: float = 0) -> None:
        if self.ptrs[role]:
            values = alpha * values + (beta * self.read(role) if beta else 0)
            store(self.ptrs[role], self.op.type, self.shapes[role][1], values)

    def axes(self) -> tuple[np.ndarray, np.ndarray]:
        """Normalised coordinates of the output's rows and columns."""
        _, _, h, w = self.op.y_dims
        return tuple(np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in (h, w))

    def run(self) -> None:
        op = self.op
        if op.direction in (s.GRID, s.GRID_GRADIENTS):
            ys, xs = self.axes()
            basis = np.stack(np.broadcast_arrays(xs[None, :], ys[:, None], 1.0), -1)
            if op.direction == s.GRID:
                self.write("grid", np.einsum("hwj,nkj->nhwk", basis, self.read("theta")))
            else:
                self.write("dtheta", np.einsum("hwj,nhwk->nkj", basis, self.read("dgrid")))
            return
        _, _, height, width = op.x_dims
        x, grid = self.read("x"), self.read("grid")
        wx, sx = _tent((grid[..., 0] + 1) * (width - 1) / 2, width)
        wy, sy = _tent((grid[..., 1] + 1) * (height - 1) / 2, height)
        if op.direction == s.SAMPLE:
            self.write("y", np.einsum("nchw,npqh,npqw->ncpq", x, wy, wx, optimize=True), self.alpha, self.beta)
            return
        dy = self.read("dy")
        self.write("dx", np.einsum("ncpq,npqh,npqw->nchw", dy, wy, wx, optimize=True), self.alpha, self.beta)
        dpx = np.einsum("ncpq,nchw,npqh,npqw->npq", dy, x, wy, sx, optimize=True) * (width - 1) / 2
        dpy = np.einsum("ncpq,nchw,npqh,npqw->npq", dy, x, sy, wx, optimize=True) * (height - 1) / 2
        self.write("dgrid", np.stack([dpx, dpy], -1), self.alpha_grid, self.beta_grid)


def sampler(op: Any) -> Plan:
    """Accepts every op that passed sampler.check."""
    return Plan("reference", lambda ptrs, scalars: Run(op, ptrs, scalars).run())
