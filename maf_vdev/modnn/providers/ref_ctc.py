"""The reference of CTC loss in numpy: the forward recursion on probabilities, rescaled at each step, and its
derivative step by step backwards."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from maf_vdev.modnn import ctc as c
from maf_vdev.modnn.providers.ref_gemm import _load as load
from maf_vdev.modnn.providers.ref_gemm import _store as store
from maf_vdev.modnn.registry import Plan


def loss(probs: np.ndarray, labels: Sequence[int]) -> tuple[float, np.ndarray]:
    """-log P(labels | probs (steps, classes)) and its gradient with respect to probs."""
    steps, gradient = len(probs), np.zeros_like(probs)
    symbols = np.zeros(2 * len(labels) + 1, int)
    symbols[1::2] = labels
    states = len(symbols)
    move = np.eye(states) + np.eye(states, k=1)  # from row to column
    for s in range(3, states, 2):
        move[s - 2, s] = symbols[s] != symbols[s - 2]
    if steps == 0:
        return (0.0 if not labels else np.inf), gradient
    inside, alphas, scales = np.zeros(states), [], []
    inside[:2] = 1
    for t in range(steps):
        a = inside * probs[t, symbols]
        scales.append(a.sum())
        if scales[-1] == 0:
            return np.inf, gradient
        alphas.append((inside, a / scales[-1]))
        inside = (a / scales[-1]) @ move
    end = np.zeros(states)
    end[-2:] = 1
    total = float(alphas[-1][1] @ end)
    if total == 0:
        return np.inf, gradient
    # d(-log P) / d(scaled alpha) of the last step, then back through each recursion.
    da = -end / total
    for t in reversed(range(steps)):
        inside, a = alphas[t]
        # -log P = -sum log(scale) - log(total) with a = raw / scale
        draw = (da - (da @ a)) / scales[t] - 1 / scales[t]
        np.add.at(gradient[t], symbols, draw * inside)
        da = move @ (draw * probs[t, symbols])
    return -float(np.log(total) + np.log(scales).sum()), gradient


class Run:
    """One execution on memory."""

    def __init__(self, op: Any, ptrs: Sequence[int], scalars: bytes) -> None:
        self.op, self.ptrs = op, dict(zip(c.POINTERS, ptrs, strict=True))

        def ints(role: str, count: int) -> list[int]:
            return list((ctypes.c_int32 * count).from_address(self.ptrs[role]))

        if op.on_device:
            self.inputs, self.lengths = ints("input_lengths", op.batch), ints("label_lengths", op.batch)
            self.labels = ints("labels", sum(self.lengths))
        else:
            values = struct.unpack(f"<{len(scalars) // 4}i", scalars[: len(scalars) // 4 * 4])
            self.inputs, self.lengths = values[: op.batch], values[op.batch : 2 * op.batch]
            self.labels = list(values[2 * op.batch : 2 * op.batch + sum(self.lengths)])

    def run(self) -> None:
        op, at = self.op, 0
        shape = (op.time, op.batch, op.classes)
        given = load(self.ptrs["probs"], op.type, tuple(op.strides), shape)
        costs, gradients = np.zeros(op.batch), np.zeros(shape)
        for n in range(op.batch):
            values = given[: self.inputs[n], n]
            probs = values
            if op.softmax and len(values):
                probs = np.exp(values - values.max(1, keepdims=True))
                probs = probs / probs.sum(1, keepdims=True)
            costs[n], d = loss(probs, self.labels[at : at + self.lengths[n]])
            at += self.lengths[n]
            if op.softmax:
                d = probs * (d - (d * probs).sum(1, keepdims=True))
            gradients[: self.inputs[n], n] = d
        store(self.ptrs["costs"], op.type, (1,), costs)
        if op.gradients:
            store(self.ptrs["gradients"], op.type, tuple(op.gradient_strides), gradients)


def ctc(op: Any) -> Plan:
    """Accepts every op that passed ctc.check."""
    return Plan("reference", lambda ptrs, scalars: Run(op, ptrs, scalars).run())
