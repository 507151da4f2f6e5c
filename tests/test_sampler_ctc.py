"""Bilinear sampling and CTC loss: the core's loops against the numpy references, those against first principles."""

from __future__ import annotations

import itertools
import struct
from typing import Any

import numpy as np
import pytest
from conv_problems import decode, elements, encode, strides

from maf_vdev import protocol
from maf_vdev.modnn import registry, sampler
from maf_vdev.modnn.gemm import BF16, F16, F32, F64, I8, TYPE_BYTES
from maf_vdev.modnn.providers import ref_ctc

SAMPLER, CTC = protocol.constant("MAF_OP_SAMPLER"), protocol.constant("MAF_OP_CTC")
BOUNDS = {F32: 2e-6, F64: 1e-13, F16: 2e-3, BF16: 1e-2}


class Sampling:
    """Buffers of one sampling problem by role."""

    def __init__(self, x: tuple[int, ...], size: tuple[int, int], kind: int, layout: str, direction: int) -> None:
        self.op = op = protocol.ffi.new("struct maf_op_sampler *")
        y = (x[0], x[1], *size)
        op.direction, op.type = direction, kind
        op.x_dims[0:4], op.y_dims[0:4] = list(x), list(y)
        op.x_strides[0:4] = list(strides(x, layout))
        op.dx_strides[0:4] = list(strides(x, "first"))
        op.y_strides[0:4] = list(strides(y, layout))
        n, h, w = x[0], *size
        shapes = {"x": (x, op.x_strides), "dx": (x, op.dx_strides), "y": (y, op.y_strides), "dy": (y, op.y_strides)}
        shapes |= {role: ((n, h, w, 2), strides((n, h, w, 2), "first")) for role in ("grid", "dgrid")}
        shapes |= {role: ((n, 2, 3), strides((n, 2, 3), "first")) for role in ("theta", "dtheta")}
        self.shapes = {role: (dims, tuple(steps)) for role, (dims, steps) in shapes.items()}
        rng = np.random.default_rng(5)
        self.buffers = {}
        for role in sampler.POINTERS:
            spread = 1.3 if role == "grid" else 1  # some points lie outside
            self.buffers[role] = encode(rng.uniform(-spread, spread, elements(*self.shapes[role])), kind)

    def run(self, only: str, scalars: tuple[float, ...] = (1, 0, 1, 0)) -> dict[str, np.ndarray]:
        plan = registry.make_plan(SAMPLER, protocol.pack(self.op), only)
        plan.run([self.buffers[role].ctypes.data for role in sampler.POINTERS], struct.pack("<4d", *scalars))
        out = {}
        for role, (dims, steps) in self.shapes.items():
            bytes_ = [s * TYPE_BYTES[self.op.type] for s in steps]
            out[role] = decode(np.lib.stride_tricks.as_strided(self.buffers[role], dims, bytes_), self.op.type)
        return out


WRITTEN = (("y",), ("dx", "dgrid"), ("grid",), ("dtheta",))


@pytest.mark.parametrize("scalars", [(1, 0, 1, 0), (0.5, 2, -1, 3)])
@pytest.mark.parametrize("layout", ["first", "last", "gap"])
@pytest.mark.parametrize("kind", [F32, F64, F16, BF16])
@pytest.mark.parametrize("direction", range(4))
def test_sampling(direction: int, kind: int, layout: str, scalars: tuple[float, ...]) -> None:
    args = ((3, 4, 5, 6), (7, 2), kind, layout, direction)
    want, got = Sampling(*args).run("reference", scalars), Sampling(*args).run("core", scalars)
    for role in want:
        if role not in WRITTEN[direction]:
            assert np.array_equal(got[role], want[role]), role
            continue
        bound = BOUNDS[kind] * 30 * (1 + np.abs(want[role]))
        assert (np.abs(got[role] - want[role]) <= bound).all(), role


def test_sampling_at_pixels_returns_them() -> None:
    s = Sampling((1, 2, 3, 4), (3, 4), F64, "first", sampler.SAMPLE)
    ys, xs = np.meshgrid(np.linspace(-1, 1, 3), np.linspace(-1, 1, 4), indexing="ij")
    s.buffers["grid"][:] = np.stack([xs, ys], -1).ravel()
    got = s.run("reference")
    np.testing.assert_allclose(got["y"], got["x"], atol=1e-12)


def test_sampling_gradients_are_differences() -> None:
    s = Sampling((2, 3, 4, 5), (3, 3), F64, "first", sampler.SAMPLE_GRADIENTS)
    got = s.run("reference")
    for role, gradient in (("x", "dx"), ("grid", "dgrid")):
        for i in range(0, s.buffers[role].size, 7):
            values = []
            for step in (1e-6, -1e-6):
                t = Sampling((2, 3, 4, 5), (3, 3), F64, "first", sampler.SAMPLE)
                t.buffers[role][i] += step
                values.append(float((t.run("reference")["y"] * got["dy"]).sum()))
            assert abs((values[0] - values[1]) / 2e-6 - got[gradient].ravel()[i]) < 1e-5, (role, i)


class Classification:
    """Buffers of one CTC problem."""

    LABELS = ((1, 2, 2), (), (3,), (1, 2, 3, 1), (2, 2))
    INPUTS = (8, 5, 8, 8, 2)  # the last sequence does not fit: two equal labels need a blank between

    def __init__(self, kind: int, softmax: int, on_device: int, layout: str = "first") -> None:
        self.op = op = protocol.ffi.new("struct maf_op_ctc *")
        op.type, op.time, op.batch, op.classes, op.softmax, op.gradients = kind, 8, 5, 4, softmax, 1
        op.on_device = on_device
        shape = (8, 5, 4)
        op.strides[0:3] = list(strides(shape, layout))
        op.gradient_strides[0:3] = list(strides(shape, "first"))
        rng = np.random.default_rng(3)
        values = rng.normal(size=shape)
        if not softmax:
            values = np.exp(values) / np.exp(values).sum(-1, keepdims=True)
        flat = np.full(elements(shape, op.strides), 0.5)
        steps = [s * 8 for s in op.strides]
        np.lib.stride_tricks.as_strided(flat, shape, steps)[...] = values
        self.probs, self.costs = encode(flat, kind), encode(np.zeros(5), kind)
        self.gradients = encode(np.full(160, np.nan), kind)
        self.lists = [np.array(v, np.int32) for v in (sum(self.LABELS, ()), [len(v) for v in self.LABELS], self.INPUTS)]

    def run(self, only: str) -> tuple[np.ndarray, np.ndarray]:
        plan = registry.make_plan(CTC, protocol.pack(self.op), only)
        ptrs = [b.ctypes.data for b in (self.probs, self.costs, self.gradients, *self.lists)]
        labels, lengths, inputs = self.lists
        scalars = b"" if self.op.on_device else inputs.tobytes() + lengths.tobytes() + labels.tobytes()
        plan.run(ptrs if self.op.on_device else [*ptrs[:3], 0, 0, 0], scalars)
        return self.costs.astype(float), self.gradients.astype(float).reshape(8, 5, 4)


@pytest.mark.parametrize("layout", ["first", "gap"])
@pytest.mark.parametrize("on_device", [0, 1])
@pytest.mark.parametrize("softmax", [0, 1])
@pytest.mark.parametrize("kind", [F32, F64])
def test_ctc(kind: int, softmax: int, on_device: int, layout: str) -> None:
    args = (kind, softmax, on_device, layout)
    want, got = Classification(*args).run("reference"), Classification(*args).run("core")
    assert want[0][4] == np.inf and got[0][4] == np.inf and (got[1][:, 4] == 0).all()
    for a, b in zip(got, want, strict=True):
        finite = np.isfinite(b)
        assert np.isfinite(a[finite]).all()
        assert (np.abs(a[finite] - b[finite]) <= BOUNDS[kind] * 20 * (1 + np.abs(b[finite]))).all()


def test_ctc_reference_sums_over_all_paths() -> None:
    probs = np.random.default_rng(0).dirichlet(np.ones(3), 5)
    for labels in ((), (1,), (1, 2), (1, 1), (2, 1, 2)):
        total = 0.0
        for path in itertools.product(range(3), repeat=5):
            collapsed = tuple(k for k, _ in itertools.groupby(path) if k)
            if collapsed == labels:
                total += float(np.prod([probs[t, k] for t, k in enumerate(path)]))
        cost, gradient = ref_ctc.loss(probs, labels)
        assert abs(cost + np.log(total)) < 1e-12
        for t, k in itertools.product(range(5), range(3)):
            high, low = probs.copy(), probs.copy()
            high[t, k] += 1e-6
            low[t, k] -= 1e-6
            slope = (ref_ctc.loss(high, labels)[0] - ref_ctc.loss(low, labels)[0]) / 2e-6
            assert abs(slope - gradient[t, k]) < 1e-5 * (1 + abs(slope))


@pytest.mark.parametrize("wrong", [{"labels": 4}, {"labels": -1}, {"lengths": -1}, {"inputs": 9}], ids=str)
def test_ctc_lists_that_do_not_fit_are_an_error(wrong: dict[str, int]) -> None:
    c = Classification(F32, 1, 0)
    for which, value in wrong.items():
        c.lists[("labels", "lengths", "inputs").index(which)][0] = value
    with pytest.raises(RuntimeError, match="returned 1"):
        c.run("core")


@pytest.mark.parametrize("change", [{"x_dims": [3, 3, 5, 6]}, {"direction": 4}, {"y_strides": [-1, 1, 1, 1]}], ids=str)
def test_wrong_descriptions_are_invalid(change: dict[str, Any]) -> None:
    op = Sampling((3, 4, 5, 6), (7, 2), F32, "first", 0).op
    for name, value in change.items():
        if isinstance(value, list):
            getattr(op, name)[0:4] = value
        else:
            setattr(op, name, value)
    with pytest.raises(registry.Invalid):
        registry.make_plan(SAMPLER, protocol.pack(op))


def test_unknown_types_are_unsupported_by_name() -> None:
    for kind, op in (
        (SAMPLER, Sampling((1, 1, 2, 2), (2, 2), F32, "first", 0).op),
        (CTC, Classification(F32, 1, 0).op),
    ):
        op.type = I8
        with pytest.raises(registry.Unsupported, match="i8"):
            registry.make_plan(kind, protocol.pack(op))
