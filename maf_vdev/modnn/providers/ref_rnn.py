"""The reference of recurrent layers in numpy: one sequence and one step at a time, in float64.

The backward passes run the forward pass again (without dropout, which the reference does not know) and
differentiate it step by step; the reserve memory is not used.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from maf_vdev.modnn import rnn as r
from maf_vdev.modnn.providers.ref_gemm import _load as load
from maf_vdev.modnn.providers.ref_gemm import _store as store
from maf_vdev.modnn.registry import Plan, Unsupported


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


class Cell:
    """One step of one lane, and its gradient."""

    def __init__(self, op: Any, lane: r.Lane, weights: np.ndarray, gradients: np.ndarray) -> None:
        def part(flat: np.ndarray, place: Any) -> np.ndarray | None:
            return None if place is None else flat[place[0] : place[0] + int(np.prod(place[1]))].reshape(place[1])

        self.op, n = op, op.hidden
        self.n, self.gates = n, r.GATES[op.cell]
        names = ("input", "recurrent", "projection", "b_input", "b_recurrent")
        self.w = {name: part(weights, getattr(lane, name)) for name in names}
        self.d = {name: part(gradients, getattr(lane, name)) for name in names}

    def _inputs(self, x: np.ndarray) -> np.ndarray:
        w, b = self.w["input"], self.w["b_input"]
        return (np.tile(x, self.gates) if w is None else w @ x) + (0 if b is None else b)

    def _recurrent(self, h: np.ndarray) -> np.ndarray:
        b = self.w["b_recurrent"]
        return self.w["recurrent"] @ h + (0 if b is None else b)

    def forward(self, x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple]:
        """New h and c, and what the gradient needs."""
        n, a, b = self.n, self._inputs(x), self._recurrent(h)
        if self.op.cell == r.LSTM:
            i, f, o = (_sigmoid((a + b)[k * n : (k + 1) * n]) for k in (0, 1, 3))
            g = np.tanh((a + b)[2 * n : 3 * n])
            c_new = f * c + i * g
            full = o * np.tanh(c_new)
            p = self.w["projection"]
            return full if p is None else p @ full, c_new, (x, h, c, i, f, g, o, c_new, full)
        if self.op.cell == r.GRU:
            reset, z = (_sigmoid((a + b)[k * n : (k + 1) * n]) for k in (0, 1))
            q = b[2 * n :]
            new = np.tanh(a[2 * n :] + reset * q)
            return (1 - z) * new + z * h, c, (x, h, reset, z, q, new)
        y = np.maximum(a + b, 0) if self.op.cell == r.RELU else np.tanh(a + b)
        return y, c, (x, h, y)

    def backward(self, saved: tuple, dh: np.ndarray, dc: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Gradients of x, h and c before the step; adds to the parameters' gradients."""
        x, h = saved[:2]
        dh_direct: Any = 0
        if self.op.cell == r.LSTM:
            _, _, c, i, f, g, o, c_new, full = saved
            if self.w["projection"] is not None:
                self.d["projection"] += np.outer(dh, full)
                dh = self.w["projection"].T @ dh
            t = np.tanh(c_new)
            dc = dc + dh * o * (1 - t * t)
            da = np.concatenate(
                [dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), dh * t * o * (1 - o)]
            )
            db, dc = da, dc * f
        elif self.op.cell == r.GRU:
            _, _, reset, z, q, new = saved
            dnew = dh * (1 - z) * (1 - new * new)
            da = np.concatenate([dnew * q * reset * (1 - reset), dh * (h - new) * z * (1 - z), dnew])
            db = np.concatenate([da[: 2 * self.n], dnew * reset])
            dh_direct = dh * z
        else:
            y = saved[2]
            da = db = dh * (y > 0) if self.op.cell == r.RELU else dh * (1 - y * y)
        self.d["recurrent"] += np.outer(db, h)
        if self.d["b_input"] is not None:
            self.d["b_input"] += da
        if self.d["b_recurrent"] is not None:
            self.d["b_recurrent"] += db
        if self.w["input"] is None:
            dx = da.reshape(self.gates, self.n).sum(0)
        else:
            self.d["input"] += np.outer(da, x)
            dx = self.w["input"].T @ da
        return dx, self.w["recurrent"].T @ db + dh_direct, dc


class Run:
    """One execution on memory."""

    def __init__(self, op: Any, ptrs: Sequence[int], scalars: bytes) -> None:
        self.op, self.ptrs = op, dict(zip(r.POINTERS, ptrs, strict=True))
        self.fill, dropout, self.clear = struct.unpack_from("<ddq", scalars)
        if dropout and op.dropout:
            raise Unsupported("rnn with dropout on the reference")
        self.lengths = struct.unpack_from(f"<{op.batch}i", scalars, 24)
        self.lanes, self.size = r.weight_space(op)
        self.weights = load(self.ptrs["w"], op.type, (1,), (self.size,)) if self.ptrs["w"] else np.zeros(self.size)
        self.gradients = np.zeros(self.size)

    def rows(self, t: int) -> list[int]:
        return [b for b in range(self.op.batch) if self.lengths[b] > t]

    def sequences(self, role: str, size: int) -> list[np.ndarray]:
        """One (length, size) array per batch element."""
        op = self.op
        if op.layout == r.PACKED:
            total = sum(self.lengths)
            flat = load(self.ptrs[role], op.type, (size, 1), (total, size))
            out, row = [np.zeros((n, size)) for n in self.lengths], 0
            for t in range(op.time):
                for b in self.rows(t):
                    out[b][t] = flat[row]
                    row += 1
            return out
        steps = (size, op.batch * size, 1) if op.layout == r.TIME_MAJOR else (op.time * size, size, 1)
        values = load(self.ptrs[role], op.type, steps, (op.batch, op.time, size))
        return [values[b, :n] for b, n in enumerate(self.lengths)]

    def put(self, role: str, values: list[np.ndarray], size: int, fill: float) -> None:
        op = self.op
        if op.layout == r.PACKED:
            flat = [values[b][t] for t in range(op.time) for b in self.rows(t)]
            store(self.ptrs[role], op.type, (size, 1), np.array(flat))
            return
        whole = np.full((op.batch, op.time, size), float(fill))
        for b, n in enumerate(self.lengths):
            whole[b, :n] = values[b]
        steps = (size, op.batch * size, 1) if op.layout == r.TIME_MAJOR else (op.time * size, size, 1)
        store(self.ptrs[role], op.type, steps, whole)

    def states(self, role: str, size: int) -> np.ndarray:
        shape = (len(self.lanes), self.op.batch, size)
        if not self.ptrs[role]:
            return np.zeros(shape)
        return load(self.ptrs[role], self.op.type, (self.op.batch * size, size, 1), shape)

    def put_states(self, role: str, values: np.ndarray) -> None:
        if self.ptrs[role]:
            _n, batch, size = values.shape
            store(self.ptrs[role], self.op.type, (batch * size, size, 1), values)

    def forward(self) -> list[np.ndarray]:
        """Outputs of the last layer; keeps what the gradient needs."""
        op = self.op
        self.h, self.c = self.states("hx", op.projection), self.states("cx", op.hidden)
        values, self.saved = self.sequences("x", op.input), []
        for index, lane in enumerate(self.lanes):
            if lane.way == 0:
                below, outputs = values, [np.zeros((n, op.projection * r.ways(op))) for n in self.lengths]
            cell, saved = Cell(op, lane, self.weights, self.gradients), []
            for b, n in enumerate(self.lengths):
                h, c, steps = self.h[index, b].copy(), self.c[index, b].copy(), []
                for t in range(n) if lane.way == 0 else reversed(range(n)):
                    h, c, kept = cell.forward(below[b][t], h, c)
                    outputs[b][t, lane.way * op.projection : (lane.way + 1) * op.projection] = h
                    steps.append((t, kept))
                self.h[index, b], self.c[index, b] = h, c
                saved.append(steps)
            self.saved.append((cell, saved))
            values = outputs
        return values

    def backward(self) -> list[np.ndarray]:
        """Gradients of the input; self.h and self.c become those of the initial states."""
        op = self.op
        if not self.ptrs["w"] or not self.ptrs["dy"]:
            raise Unsupported("rnn backward weights on the reference")
        self.forward()
        dvalues = self.sequences("dy", op.projection * r.ways(op))
        self.h, self.c = self.states("dhy", op.projection), self.states("dcy", op.hidden)
        for index in reversed(range(len(self.lanes))):
            lane, (cell, saved) = self.lanes[index], self.saved[index]
            if lane.way == r.ways(op) - 1:
                size = op.input if lane.layer == 0 else op.projection * r.ways(op)
                above, dvalues = dvalues, [np.zeros((n, size)) for n in self.lengths]
            for b in range(op.batch):
                dh, dc = self.h[index, b], self.c[index, b]
                for t, kept in reversed(saved[b]):
                    dh = dh + above[b][t, lane.way * op.projection : (lane.way + 1) * op.projection]
                    dx, dh, dc = cell.backward(kept, dh, dc)
                    dvalues[b][t] += dx
                self.h[index, b], self.c[index, b] = dh, dc
        return dvalues

    def run(self) -> None:
        op = self.op
        if op.direction in (r.INFERENCE, r.TRAINING):
            self.put("y", self.forward(), op.projection * r.ways(op), self.fill)
            self.put_states("hy", self.h)
            if op.cell == r.LSTM:
                self.put_states("cy", self.c)
            return
        dx = self.backward()
        if op.direction == r.BACKWARD_DATA:
            self.put("dx", dx, op.input, 0)
            self.put_states("dhx", self.h)
            if op.cell == r.LSTM:
                self.put_states("dcx", self.c)
            return
        old = 0 if self.clear else load(self.ptrs["dw"], op.type, (1,), (self.size,))
        store(self.ptrs["dw"], op.type, (1,), self.gradients + old)


def rnn(op: Any) -> Plan:
    """Accepts every op that passed rnn.check; needs all inputs at the backward passes (x, weights, dy, dhy, dcy)."""
    reserve = 64
    return Plan("reference", lambda ptrs, scalars: Run(op, ptrs, scalars).run(), reserve_bytes=reserve)
