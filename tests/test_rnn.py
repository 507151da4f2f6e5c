"""Recurrent layers: the core's loops against the numpy reference, the reference against finite differences."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from conv_problems import decode, encode

from maf_vdev import protocol
from maf_vdev.modnn import registry
from maf_vdev.modnn import rnn as r
from maf_vdev.modnn.gemm import BF16, F16, F32, F64, I8, TYPE_NAMES

KIND = protocol.constant("MAF_OP_RNN")
NAMES = {name: value for value, name in TYPE_NAMES.items()}
# Error of one rounding of the stored type, and of the arithmetic.
BOUNDS = {F32: (2**-22, 3e-6), F64: (2**-51, 1e-14), F16: (2**-10, 2e-3), BF16: (2**-7, 2e-2)}


def problem(cell: int, kind: str = "f32", **other: Any) -> dict[str, Any]:
    p = {"cell": cell, "type": kind, "bias": r.BIAS_BOTH, "bidirectional": 0, "layout": r.TIME_MAJOR, "layers": 1}
    p |= {"input": 5, "hidden": 7, "projection": 0, "time": 4, "batch": 3, "skip_input": 0, "lengths": None}
    p |= {"drop": (), "fill": 0.0} | other
    p["projection"] = p["projection"] or p["hidden"]
    p["lengths"] = p["lengths"] or [p["time"]] * p["batch"]
    return p


PROBLEMS = {
    "lstm": problem(r.LSTM),
    "gru": problem(r.GRU),
    "tanh": problem(r.TANH),
    "relu": problem(r.RELU),
    "lstm two layers both ways": problem(r.LSTM, layers=2, bidirectional=1),
    "gru two layers both ways": problem(r.GRU, layers=2, bidirectional=1),
    "tanh three layers": problem(r.TANH, layers=3),
    "lstm packed": problem(r.LSTM, layout=r.PACKED, lengths=[4, 2, 1], bidirectional=1, layers=2),
    "gru packed": problem(r.GRU, layout=r.PACKED, lengths=[4, 3, 3], bidirectional=1),
    "lstm padded unsorted": problem(r.LSTM, lengths=[2, 4, 1], bidirectional=1, fill=-7.0),
    "gru padded unsorted": problem(r.GRU, lengths=[1, 4, 3], layers=2),
    "lstm batch major": problem(r.LSTM, layout=r.BATCH_MAJOR, lengths=[4, 1, 3]),
    "relu batch major": problem(r.RELU, layout=r.BATCH_MAJOR, bidirectional=1),
    "lstm projected": problem(r.LSTM, projection=3, layers=2, bidirectional=1),
    "lstm projected packed": problem(r.LSTM, projection=4, layout=r.PACKED, lengths=[4, 2, 2]),
    "lstm without bias": problem(r.LSTM, bias=r.BIAS_NONE),
    "gru without bias": problem(r.GRU, bias=r.BIAS_NONE),
    "gru input bias": problem(r.GRU, bias=r.BIAS_INPUT),
    "gru recurrent bias": problem(r.GRU, bias=r.BIAS_RECURRENT),
    "lstm skips its input": problem(r.LSTM, input=7, skip_input=1, layers=2),
    "gru skips its input": problem(r.GRU, input=7, skip_input=1),
    "lstm without states": problem(r.LSTM, drop=("hx", "cx", "dhy", "dcy", "hy", "cy", "dhx", "dcx")),
    "gru without states": problem(r.GRU, drop=("hx", "dhy", "hy", "dhx")),
    "lstm wide": problem(r.LSTM, input=33, hidden=64, time=9, batch=17),
    "gru wide": problem(r.GRU, input=40, hidden=50, time=6, batch=20, bidirectional=1, layers=2),
    "one step": problem(r.LSTM, time=1, batch=1),
}
PROBLEMS |= {
    f"{name} {kind}": PROBLEMS[name] | {"type": kind}
    for kind in ("f64", "f16", "bf16")
    for name in ("lstm", "gru", "tanh", "lstm packed", "gru padded unsorted", "lstm projected")
}


class Memory:
    """Buffers of one problem by role, random with a fixed seed."""

    def __init__(self, p: dict[str, Any], seed: int = 1) -> None:
        self.p, self.op = p, self.describe(r.TRAINING, p)
        op, rng = self.op, np.random.default_rng(seed)
        self.size = r.weight_space(op)[1]
        lanes, ways = op.layers * r.ways(op), r.ways(op)
        rows = sum(p["lengths"]) if p["layout"] == r.PACKED else op.time * op.batch
        sizes = {"x": rows * op.input, "y": rows * op.projection * ways, "w": self.size}
        sizes |= {role: lanes * op.batch * op.projection for role in ("hx", "hy")}
        sizes |= {role: lanes * op.batch * op.hidden for role in ("cx", "cy")}
        self.buffers = {}
        for role, count in sizes.items():
            for name in (role, f"d{role}"):
                values = rng.uniform(-1, 1, count) * (0.5 if name == "w" else 1)
                if name in ("y", "hy", "cy", "dx", "dhx", "dcx"):
                    values[:] = np.nan
                self.buffers[name] = encode(values, op.type)

    @staticmethod
    def describe(direction: int, p: dict[str, Any]) -> Any:
        op = protocol.ffi.new("struct maf_op_rnn *")
        op.direction, op.type = direction, NAMES[p["type"]]
        for name in ("cell", "bias", "bidirectional", "layout", "layers", "input", "hidden", "projection"):
            setattr(op, name, p[name])
        op.time, op.batch, op.skip_input = p["time"], p["batch"], p["skip_input"]
        op.dropout = p.get("dropout", 0) > 0
        return op

    def plan(self, direction: int, only: str) -> registry.Plan:
        return registry.make_plan(KIND, protocol.pack(self.describe(direction, self.p)), only)

    def run(self, directions: tuple[int, ...], only: str, clear: int = 0) -> dict[str, np.ndarray]:
        """The passes one after another; the values of everything afterwards, in float64."""
        p = self.p
        plans = [self.plan(direction, only) for direction in directions]
        self.reserve = np.zeros(self.plan(r.TRAINING, only).reserve_bytes, np.uint8)
        self.states = np.array([123, p.get("counter", 0)], np.uint64)
        scalars = struct.pack(f"<ddq{p['batch']}i", p["fill"], p.get("dropout", 0.0), clear, *p["lengths"])
        for plan in plans:
            at = {"reserve": self.reserve.ctypes.data, "states": self.states.ctypes.data}
            at |= {role: 0 if role in p["drop"] else b.ctypes.data for role, b in self.buffers.items()}
            plan.run([at[role] for role in r.POINTERS], scalars)
        return {role: decode(b, self.op.type) for role, b in self.buffers.items() if role not in p["drop"]}


def outputs(p: dict[str, Any], *roles: str) -> list[str]:
    """Those that the problem has."""
    return [role for role in roles if role not in p["drop"] and (p["cell"] == r.LSTM or "c" not in role)]


def compare(memory: Memory, got: dict[str, np.ndarray], want: dict[str, np.ndarray], roles: list[str]) -> None:
    rounding, arithmetic = BOUNDS[memory.op.type]
    for role in roles:
        scale = np.abs(want[role]).max()
        assert np.isfinite(got[role]).all(), role
        error = np.abs(got[role] - want[role]) - rounding * np.abs(want[role])
        terms = np.sqrt(memory.op.time * memory.op.batch * memory.op.hidden)
        assert (error <= arithmetic * terms * (scale + 1)).all(), f"{role}: {error.max()}"


@pytest.mark.parametrize("name", PROBLEMS)
def test_forward_agrees_with_reference(name: str) -> None:
    p = PROBLEMS[name]
    want = Memory(p).run((r.INFERENCE,), "reference")
    for direction in (r.INFERENCE, r.TRAINING):
        memory = Memory(p)
        compare(memory, memory.run((direction,), "core"), want, outputs(p, "y", "hy", "cy"))


@pytest.mark.parametrize("clear", [0, 1])
@pytest.mark.parametrize("name", PROBLEMS)
def test_backward_agrees_with_reference(name: str, clear: int) -> None:
    p = PROBLEMS[name]
    want = Memory(p).run((r.BACKWARD_DATA, r.BACKWARD_WEIGHTS), "reference", clear)
    memory = Memory(p)
    got = memory.run((r.TRAINING, r.BACKWARD_DATA, r.BACKWARD_WEIGHTS), "core", clear)
    compare(memory, got, want, outputs(p, "dx", "dhx", "dcx", "dw"))


@pytest.mark.parametrize("name", ["lstm projected", "gru padded unsorted", "tanh", "lstm packed", "gru recurrent bias"])
def test_reference_gradients_are_differences(name: str) -> None:
    p = PROBLEMS[name] | {"type": "f64"}
    memory = Memory(p)
    start = {role: b.copy() for role, b in memory.buffers.items()}
    got = memory.run((r.BACKWARD_DATA, r.BACKWARD_WEIGHTS), "reference", 1)
    op = memory.op
    outs = outputs(p, "y", "hy", "cy")
    valid = np.ones(start["y"].size, bool)
    if p["layout"] == r.TIME_MAJOR:
        mask = np.arange(op.time)[:, None] < np.array(p["lengths"])
        valid = np.repeat(mask.ravel(), op.projection * r.ways(op))

    def loss(role: str, i: int, step: float) -> float:
        other = Memory(p)
        other.buffers[role][i] += step
        values = other.run((r.INFERENCE,), "reference")
        return sum(float((start[f"d{o}"] * values[o] * (valid if o == "y" else 1)).sum()) for o in outs)

    for role in outputs(p, "x", "hx", "cx", "w"):
        count = start[role].size
        for i in range(0, count, max(1, count // 12)):
            slope = (loss(role, i, 1e-6) - loss(role, i, -1e-6)) / 2e-6
            assert abs(slope - got[f"d{role}"][i]) < 1e-6, (role, i)


def test_dropout_is_the_same_in_both_passes() -> None:
    """With a loss that is linear in the last layer, gradients tell which elements the mask let through."""
    p = problem(r.RELU, "f64", layers=2, hidden=40, input=3, time=5, batch=6, dropout=0.4)
    plain = Memory(p | {"dropout": 0.0}).run((r.TRAINING,), "core")["y"]
    memory = Memory(p)
    got = memory.run((r.TRAINING, r.BACKWARD_DATA, r.BACKWARD_WEIGHTS), "core", 1)
    assert memory.states[1] == 1
    assert not np.allclose(plain, got["y"])

    def loss(step: float, i: int) -> float:
        other = Memory(p)
        other.buffers["x"][i] += step
        return float((decode(memory.buffers["dy"], F64) * other.run((r.TRAINING,), "core")["y"]).sum() + hidden(other))

    def hidden(other: Memory) -> float:
        return float((memory.buffers["dhy"] * other.buffers["hy"]).sum())

    for i in range(0, memory.buffers["x"].size, 11):
        slope = (loss(1e-6, i) - loss(-1e-6, i)) / 2e-6
        assert abs(slope - got["dx"][i]) < 1e-5
    again = Memory(p | {"counter": 1}).run((r.TRAINING,), "core")["y"]
    assert not np.allclose(again, got["y"])


@pytest.mark.parametrize(
    "change", [{"hidden": 0}, {"cell": 4}, {"layout": 3}, {"projection": 9}, {"skip_input": 1}, {"batch": -1}], ids=str
)
def test_wrong_descriptions_are_invalid(change: dict[str, int]) -> None:
    op = Memory(PROBLEMS["lstm"]).op
    for name, value in change.items():
        setattr(op, name, value)
    with pytest.raises(registry.Invalid):
        registry.make_plan(KIND, protocol.pack(op))


def test_lengths_that_do_not_fit_are_an_error() -> None:
    for lengths, layout in (([4, 5, 1], r.TIME_MAJOR), ([1, 4, 2], r.PACKED)):
        memory = Memory(PROBLEMS["lstm"] | {"lengths": [4, 4, 4]})
        memory.p |= {"lengths": lengths, "layout": layout}
        with pytest.raises(RuntimeError, match="returned 1"):
            memory.run((r.INFERENCE,), "core")


def test_unknown_types_are_unsupported_by_name() -> None:
    op = Memory(PROBLEMS["lstm"]).op
    op.type = I8
    with pytest.raises(registry.Unsupported, match="i8"):
        registry.make_plan(KIND, protocol.pack(op))
