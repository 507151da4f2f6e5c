"""Batch normalisation: the core's loops against the numpy reference, the reference against the definition."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from conv_problems import decode, elements, encode, strides

from maf_vdev import protocol
from maf_vdev.modnn import batchnorm as b
from maf_vdev.modnn import registry
from maf_vdev.modnn.gemm import BF16, F16, F32, F64, I8, TYPE_BYTES, TYPE_NAMES

KIND = protocol.constant("MAF_OP_BATCHNORM")
NAMES = {name: value for value, name in TYPE_NAMES.items()}
ROUNDING = {F32: 2**-22, F64: 2**-50, F16: 2**-10, BF16: 2**-7}


def problem(dims: tuple[int, ...], kind: str = "f32", **other: Any) -> dict[str, Any]:
    """layouts: one for all tensors, or by role; `drop`: optional pointers that are null."""
    p = {"dims": dims, "type": kind, "layouts": "first", "per_activation": 0, "fuse": 0, "alpha": 1.0, "beta": 0.0}
    p |= {"alpha_param": 1.0, "beta_param": 0.0, "epsilon": 1e-3, "factor": 0.3, "drop": (), "offset": 0.5}
    return p | other


PROBLEMS = {
    "images": problem((3, 5, 6, 7)),
    "volumes": problem((2, 3, 4, 3, 5)),
    "large lines": problem((2, 3, 40, 60)),
    "vectors": problem((37, 20, 1, 1)),
    "many vectors": problem((300, 70, 1, 1)),
    "wide vectors": problem((5, 1500, 1, 1)),
    "one channel": problem((4, 1, 5, 5)),
    "one sample": problem((1, 6, 4, 4)),
    "one element each": problem((1, 6, 1, 1)),
    "channels last": problem((3, 5, 6, 7), layouts="last"),
    "channels last volumes": problem((2, 3, 4, 3, 5), layouts="last"),
    "mixed layouts": problem((3, 5, 6, 7), layouts={"x": "first", "y": "last", "dy": "last", "dx": "first"}),
    "mixed the other way": problem((3, 5, 6, 7), layouts={"x": "last", "y": "first", "dy": "first", "dx": "first"}),
    "gaps": problem((3, 5, 6, 7), layouts="gap"),
    "per activation": problem((9, 5, 2, 3), per_activation=1),
    "per activation channels last": problem((9, 5, 2, 3), per_activation=1, layouts="last"),
    "far mean": problem((8, 4, 8, 8), offset=300.0),
    "far mean vectors": problem((200, 4, 1, 1), offset=300.0),
    "blended": problem((3, 5, 6, 7), alpha=0.5, beta=2.0, alpha_param=0.25, beta_param=-1.0),
    "blended last": problem((3, 5, 6, 7), alpha=0.5, beta=2.0, layouts="last"),
    "blended gaps": problem((3, 5, 6, 7), alpha=0.5, beta=2.0, layouts="gap"),
    "nothing saved": problem((3, 5, 6, 7), drop=("saved_mean", "saved_invstd", "running_mean", "running_var")),
    "nothing saved vectors": problem((30, 5, 1, 1), drop=("saved_mean", "saved_invstd")),
    "whole average": problem((3, 5, 6, 7), factor=1.0),
    "relu": problem((3, 5, 6, 7), fuse=1),
    "add relu": problem((3, 5, 6, 7), fuse=2),
    "add relu last": problem((3, 5, 6, 7), fuse=2, layouts="last"),
    "add relu mixed": problem((3, 5, 6, 7), fuse=2, layouts={"x": "last", "dz": "first", "z": "first"}),
}
PROBLEMS |= {
    f"{name} {kind}": PROBLEMS[name] | {"type": kind}
    for kind in ("f64", "f16", "bf16")
    for name in ("images", "vectors", "channels last", "gaps", "per activation", "blended", "add relu")
}
CASES = [(name, d) for name, p in PROBLEMS.items() for d in range(3) if not (p["fuse"] and d == b.INFERENCE)]


class Memory:
    """Buffers of one problem by role, random with a fixed seed."""

    OUTPUTS = ("dx", "dz", "dscale", "dbias", "saved_mean", "saved_invstd")

    def __init__(self, p: dict[str, Any], direction: int, seed: int = 1) -> None:
        self.p = p
        self.op = op = protocol.ffi.new("struct maf_op_batchnorm *")
        rank = len(p["dims"])
        op.direction, op.per_activation, op.dims_count, op.fuse = direction, p["per_activation"], rank, p["fuse"]
        op.type_x = NAMES[p["type"]]
        op.type_param = b.TYPES[op.type_x]
        op.x_dims[0:rank] = list(p["dims"])
        backward = direction == b.BACKWARD
        fields = {"x": op.x_strides, "dy" if backward else "y": op.y_strides}
        fields |= {"dx": op.dx_strides, "y": op.out_strides} if backward else {}
        fields |= {"dz" if backward else "z": op.z_strides}
        for role, field in fields.items():
            layout = p["layouts"] if isinstance(p["layouts"], str) else p["layouts"].get(role, "last")
            field[0:rank] = list(strides(p["dims"], layout))
        self.normal = f = b.normalise(op)
        self.shape = tuple(1 if d in f.axes else n for d, n in enumerate(f.dims))
        rng = np.random.default_rng(seed)
        self.buffers = {}
        for role in f.pointers:
            large = role in f.strides
            values = rng.uniform(-1, 1, elements(f.dims, f.strides[role]) if large else int(np.prod(self.shape)))
            if role == "x":
                values += p["offset"]
            if role in ("var", "running_var", "saved_invstd"):
                values = values + 1.5
            if direction == b.BACKWARD and role == "saved_mean":
                values += p["offset"]
            written = role in self.OUTPUTS or (role == "y" and not backward)
            blended = p["beta"] if large else p["beta_param"]
            if written and not blended and not (backward and role.startswith("saved")):
                values[:] = np.nan
            self.buffers[role] = encode(values, f.type if large else op.type_param)

    def array(self, role: str) -> np.ndarray:
        f = self.normal
        if role not in f.strides:
            return decode(self.buffers[role], self.op.type_param).reshape(self.shape)
        steps = [s * TYPE_BYTES[f.type] for s in f.strides[role]]
        return decode(np.lib.stride_tricks.as_strided(self.buffers[role], f.dims, steps), f.type)

    def run(self, plan: registry.Plan) -> dict[str, np.ndarray]:
        """All tensors afterwards in float64."""
        p, f = self.p, self.normal
        ptrs = [0 if role in p["drop"] else self.buffers[role].ctypes.data for role in f.pointers]
        names = ("alpha", "beta", "alpha_param", "beta_param", "epsilon", "factor")
        plan.run(ptrs, struct.pack("<6d", *(p[name] for name in names)))
        unused = [*p["drop"], *(role for role in ("z", "dz") if role not in f.strides)]
        return {role: self.array(role) for role in f.pointers if role not in unused}


def make(memory: Memory, only: str) -> registry.Plan:
    return registry.make_plan(KIND, protocol.pack(memory.op), only)


def compare(memory: Memory, got: dict[str, np.ndarray], want: dict[str, np.ndarray]) -> None:
    f, p = memory.normal, memory.p
    unit = 2**-52 if f.wide else 2**-23
    # Sums of `count` terms of size one; values around `offset` lose that many bits before the mean is taken off.
    count = want["x"].size / np.prod(memory.shape)
    accumulation = unit * (np.sqrt(count) + 8) * (1 + abs(p["offset"]))
    for role, wanted in want.items():
        kind = f.type if role in f.strides else memory.op.type_param
        assert np.isfinite(got[role]).all(), role
        sums = count if role in ("dscale", "dbias") else 8
        bound = ROUNDING[kind] * (np.abs(wanted) + p["beta"]) + accumulation * (np.abs(wanted) + sums)
        excess = np.abs(got[role] - wanted) - bound
        assert (excess <= 0).all(), f"{role}: error exceeds its bound by {excess.max()}"


@pytest.mark.parametrize("name,direction", CASES)
def test_core_agrees_with_reference(name: str, direction: int) -> None:
    memory = Memory(PROBLEMS[name], direction)
    plan = make(memory, "core")
    assert plan.native is not None
    for seed in (1, 2):
        memory, other = Memory(PROBLEMS[name], direction, seed), Memory(PROBLEMS[name], direction, seed)
        want = other.run(make(other, "reference"))
        compare(memory, memory.run(plan), want)


def test_training_is_the_definition() -> None:
    memory = Memory(problem((3, 2, 4, 5), "f64"), b.TRAINING)
    x, scale, bias = (memory.array(role).copy() for role in ("x", "scale", "bias"))
    old_mean, old_var = memory.array("running_mean").copy(), memory.array("running_var").copy()
    got = memory.run(make(memory, "reference"))
    for c in range(2):
        values = x[:, c].ravel()
        mean, var = sum(values) / 60, sum((values - sum(values) / 60) ** 2) / 60
        want = scale[0, c, 0, 0] * (x[:, c] - mean) / np.sqrt(var + 1e-3) + bias[0, c, 0, 0]
        np.testing.assert_allclose(got["y"][:, c], want, rtol=1e-12)
        np.testing.assert_allclose(got["saved_mean"][0, c], mean, rtol=1e-12)
        np.testing.assert_allclose(got["saved_invstd"][0, c], (var + 1e-3) ** -0.5, rtol=1e-12)
        np.testing.assert_allclose(got["running_mean"][0, c], 0.7 * old_mean[0, c] + 0.3 * mean, rtol=1e-12)
        np.testing.assert_allclose(got["running_var"][0, c], 0.7 * old_var[0, c] + 0.3 * var * 60 / 59, rtol=1e-12)


@pytest.mark.parametrize("per_activation", [0, 1])
def test_backward_is_the_gradient_of_training(per_activation: int) -> None:
    p = problem((4, 2, 3, 3), "f64", per_activation=per_activation, drop=("saved_mean", "saved_invstd"), beta=0.0)
    forward, backward = Memory(p, b.TRAINING), Memory(p, b.BACKWARD)
    for role in ("x", "scale"):
        backward.buffers[role][:] = forward.buffers[role]
    dy = backward.array("dy")
    got = backward.run(make(backward, "reference"))

    def loss() -> float:
        return float((dy * forward.run(make(forward, "reference"))["y"]).sum())

    step = 1e-5
    for role, gradient in (("x", "dx"), ("scale", "dscale"), ("bias", "dbias")):
        buffer = forward.buffers[role]
        for i in range(0, buffer.size, 5):
            kept = buffer[i]
            buffer[i] = kept + step
            high = loss()
            buffer[i] = kept - step
            low = loss()
            buffer[i] = kept
            assert abs((high - low) / (2 * step) - got[gradient].ravel()[i]) < 1e-6, (role, i)


@pytest.mark.parametrize(
    "change",
    [{"x_dims": [3, 0, 1, 1]}, {"x_strides": [-1, 1, 1, 1]}, {"direction": 3}, {"fuse": 4}, {"dims_count": 6}],
    ids=str,
)
def test_wrong_descriptions_are_invalid(change: dict[str, Any]) -> None:
    op = Memory(PROBLEMS["images"], b.TRAINING).op
    for name, value in change.items():
        if isinstance(value, list):
            getattr(op, name)[0 : len(value)] = value
        else:
            setattr(op, name, value)
    with pytest.raises(registry.Invalid):
        registry.make_plan(KIND, protocol.pack(op))


def test_unknown_types_are_unsupported_by_name() -> None:
    op = Memory(PROBLEMS["images"], b.TRAINING).op
    op.type_x = I8
    with pytest.raises(registry.Unsupported, match="i8"):
        registry.make_plan(KIND, protocol.pack(op))
