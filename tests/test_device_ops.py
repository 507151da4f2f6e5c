"""moDNN's own device kernels against the numpy references, in OpenCL and in the HIP dialect (on the stand-in).

Each set of types and options is a program that a driver compiles: some of each table; all with MAF_TEST_ALL=1."""

from __future__ import annotations

import itertools
import os
import struct
from typing import Any

import conv_problems
import device_ops_runner
import gemm_problems
import numpy as np
import opencl_runner
import pytest
import test_batchnorm
import test_conv
import test_gemm
import test_tensor_ops as tensor

from maf_vdev.modnn import gemm
from maf_vdev.modnn import elementwise as e
from maf_vdev.modnn import reduce as r
from maf_vdev.modnn.gemm import BF16, F16, F32, I8, I32, U8
from maf_vdev.modnn.providers import device_product, device_tensor
from maf_vdev.modnn.providers.device_launch import Traits
from maf_vdev.modnn.softmax import LOG

ALL = bool(os.environ.get("MAF_TEST_ALL"))
DIALECTS = [pytest.param("opencl", marks=opencl_runner.needs_device), "hip"]
ANY = Traits()
GEMM = [n for n, p in gemm_problems.PROBLEMS.items() if device_product.of_gemm(gemm_problems.complete(p), ANY)]
CONV = [(name, n % 3) for n, name in enumerate(conv_problems.PROBLEMS)]
CONV += [(name, 0) for name in conv_problems.FUSED]
TWO = [F32, F16]


def some(cases: list, step: int) -> list:
    """(dialect, case): every case in one dialect or the other, or with MAF_TEST_ALL in both."""
    if ALL:
        return [
            pytest.param(d, c, marks=m) for c in cases for d, m in (("opencl", opencl_runner.needs_device), ("hip", ()))
        ]
    picked = cases[::step]
    return [
        pytest.param(
            *(("hip", c) if n % 4 == 3 else ("opencl", c)), marks=() if n % 4 == 3 else opencl_runner.needs_device
        )
        for n, c in enumerate(picked)
    ]


def name(value: Any) -> str:
    return value if isinstance(value, str) else "-".join(map(str, value)) if isinstance(value, tuple) else ""


PICKED = ["c64-CN", "c128-batch", "i8-NN", "i8>i8", "i8>f32", "f32-pointers", "c64-shared-batch-pointers"]
PICKED += [
    "f64-device-scalars",
    "f32-gelu_aux",
    "f16-relu_aux_bias-row",
    "bf16-drelu",
    "f32-dgelu-batch",
    "f32-shared-NN",
]


@pytest.mark.parametrize("dialect, case", some(PICKED + GEMM[::90] if not ALL else GEMM, 1), ids=name)
def test_products(dialect: str, case: str) -> None:
    p = gemm_problems.PROBLEMS[case]
    want = gemm_problems.Memory(p).run(test_gemm.make(p, "reference"))
    memory = gemm_problems.Memory(p)
    launch = device_product.of_gemm(memory.op, device_ops_runner.traits(dialect), device_ops_runner.BASE)
    assert launch is not None
    got = memory.run(device_ops_runner.plan(dialect, launch, list(memory.buffers.values())))
    wide = np.complex128 if memory.op.type_d in gemm.COMPLEX else np.float64
    bound = test_gemm.tolerance(memory.op, memory.op.type_d, want["d"].astype(wide))
    error = np.abs(got["d"].astype(wide) - want["d"].astype(wide))
    assert (error <= bound).all() or np.array_equal(got["d"], want["d"], equal_nan=True), (error - bound).max()
    if gemm.epilogue_bits(memory.op) & gemm.AUX:
        if got["aux"].dtype == np.uint8:
            assert np.array_equal(got["aux"], want["aux"])
        else:
            np.testing.assert_allclose(got["aux"].astype(float), want["aux"].astype(float), rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("dialect, case", some(CONV, 9), ids=name)
def test_convolutions(dialect: str, case: tuple[str, int]) -> None:
    problem, direction = case
    p: dict[str, Any] = {**conv_problems.PROBLEMS, **conv_problems.FUSED}[problem]
    want = conv_problems.Memory(p, direction).run(test_conv.make(conv_problems.Memory(p, direction), "reference"))
    memory = conv_problems.Memory(p, direction)
    launch = device_product.of_conv(memory.op, device_ops_runner.traits(dialect))
    assert launch is not None
    test_conv.compare(memory, memory.run(device_ops_runner.plan(dialect, launch, memory.buffers)), want)


@pytest.mark.parametrize(
    "field, value",
    [("scalars_on_device", gemm.DEVICE_VECTOR), ("epilogue", gemm.DGELU | gemm.AUX | gemm.BGRAD), ("lda", -1)],
)
def test_what_the_kernel_does_not_cover_is_declined(field: str, value: int) -> None:
    op = gemm_problems.complete(gemm_problems.PROBLEMS["f32-64"])
    assert device_product.of_gemm(op, ANY) is not None
    setattr(op, field, value)
    assert device_product.of_gemm(op, ANY) is None


def test_a_device_without_doubles_declines_them() -> None:
    op = gemm_problems.complete(gemm_problems.PROBLEMS["f64-64"])
    assert device_product.of_gemm(op, Traits(fp64=False)) is None


@pytest.mark.parametrize(
    "traits, mnz, edge",
    [
        (Traits("gpu", 80, 65536), (4096, 4096, 1), 128),
        (Traits("gpu", 80, 65536), (512, 512, 1), 32),
        (Traits("gpu", 80, 65536), (1024, 1024, 1), 64),
        (Traits("gpu", 80, 65536), (64, 64, 512), 64),
        (Traits("gpu", 4, 16384), (4096, 4096, 1), 32),
        (Traits("cpu", 8, 1 << 20), (1024, 1024, 1), 128),
    ],
)
def test_tiles_fill_the_device(traits: Traits, mnz: tuple[int, int, int], edge: int) -> None:
    assert device_product.tile(traits, *mnz, 4)[0] == edge


# --- the tables of test_tensor_ops and test_batchnorm -----------------------------------------------------------------


def both(dialect: str, kind: str, make: Any, op: Any, sets: tuple[list, list], scalars: tuple[float, ...]) -> None:
    """The op on the device's kernel on the first set of arrays, on the reference on the second."""
    launch = make(op, device_ops_runner.traits(dialect))
    assert launch is not None
    mine, reference = sets
    plan = device_ops_runner.plan(dialect, launch, [None if a is None else a.data for a in mine])
    plan.run([0 if a is None else a.data.ctypes.data for a in mine], struct.pack(f"<{len(scalars)}d", *scalars))
    tensor.run(kind, op, reference, scalars, "reference")


FUNCTIONS = [(f, k) for f in tensor.FUNCTIONS for k in tensor.FLOATS]


@pytest.mark.parametrize("dialect, case", some(FUNCTIONS, 15), ids=name)
def test_elementwise(dialect: str, case: tuple[int, int]) -> None:
    function, kind = case
    for layouts, beta in itertools.product(tensor.LAYOUTS, [0.0, -0.5]):
        op = tensor.elementwise_op(function, (kind,) * 4, layouts)
        sets = tensor.elementwise_arrays(op), tensor.elementwise_arrays(op)
        both(dialect, "ELEMENTWISE", device_tensor.of_elementwise, op, sets, (1.5, -2.0, beta, 0.4))
        tensor.close(sets[0][0], sets[1][0], 8)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kinds", [(F16, F32, F32, F32), (I8, I32, I32, I32), (BF16, U8, I8, F32)])
def test_elementwise_converts(kinds: tuple[int, ...], dialect: str) -> None:
    op = tensor.elementwise_op(e.ADD, kinds, ("first", "last", "first", "first"))
    sets = tensor.elementwise_arrays(op), tensor.elementwise_arrays(op)
    both(dialect, "ELEMENTWISE", device_tensor.of_elementwise, op, sets, (1, 2, 0, 0))
    tensor.close(sets[0][0], sets[1][0])


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("nan", [0, 1])
def test_nan_propagation(nan: int, dialect: str) -> None:
    op = tensor.elementwise_op(e.MAXIMUM, (F32,) * 4, ("first",) * 4, nan)
    sets = tensor.elementwise_arrays(op), tensor.elementwise_arrays(op)
    for arrays in sets:
        arrays[1].data[7] = np.nan
    both(dialect, "ELEMENTWISE", device_tensor.of_elementwise, op, sets, (1, 1, 0, 1))
    tensor.close(sets[0][0], sets[1][0])
    for shape in ((1, 1, 1, 1), (2, 3, 4, 1)):
        (op, mine), (_, reference) = (tensor.reduce_case(r.MAX, F32, shape, "first", 1, nan) for _ in range(2))
        for arrays in (mine, reference):
            arrays[0].data[[0, 50]] = np.nan, 7.0
        both(dialect, "REDUCE", device_tensor.of_reduce, op, (mine, reference), (1, 0))
        tensor.close(mine[1], reference[1])
        assert mine[2].data.tobytes() == reference[2].data.tobytes()


REDUCE = [(f, k, s) for f in range(9) for k in tensor.FLOATS for s in (0, 2)]


@pytest.mark.parametrize("dialect, case", some(REDUCE, 17), ids=name)
def test_reduce(dialect: str, case: tuple[int, int, int]) -> None:
    function, kind, shape = case  # shape 0: rows of 40, 2: rows of 15
    indices = int(function in (r.MIN, r.MAX, r.AMAX))
    for c, layout, beta in itertools.product(tensor.SHAPES[shape : shape + 2], ["first", "gap"], [0.0, 2.0]):
        (op, mine), (_, reference) = (tensor.reduce_case(function, kind, c, layout, indices) for _ in range(2))
        both(dialect, "REDUCE", device_tensor.of_reduce, op, (mine, reference), (1.5, beta))
        tensor.close(mine[1], reference[1], 40)
        assert mine[2].data.tobytes() == reference[2].data.tobytes()


SOFTMAX = [(d, k, a, i) for d in (0, 1) for a in (1, LOG) for i in (0, 1) for k in tensor.FLOATS]


@pytest.mark.parametrize("dialect, case", some(SOFTMAX, 9), ids=name)
def test_softmax(dialect: str, case: tuple[int, int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    direction, kind, algorithm, per_instance = case
    run_reference = tensor.run

    def run(kind_name: str, op: Any, arrays: list, scalars: tuple[float, ...], only: str) -> None:
        if only == "reference":
            return run_reference(kind_name, op, arrays, scalars, only)
        launch = device_tensor.of_softmax(op, device_ops_runner.traits(dialect))
        plan = device_ops_runner.plan(dialect, launch, [a.data for a in arrays])
        return plan.run([a.data.ctypes.data for a in arrays], struct.pack("<2d", *scalars))

    monkeypatch.setattr(tensor, "run", run)
    for layout, beta in (("first", 0.0), ("gap", 2.0)):
        tensor.softmax_once(direction, kind, algorithm, per_instance, layout, beta)


POOLING = [(n, m, d, k) for n in tensor.POOLINGS for m in range(4) for d in (0, 1) for k in TWO]


@pytest.mark.parametrize("dialect, case", some(POOLING, 19), ids=name)
def test_pooling(dialect: str, case: tuple[str, int, int, int]) -> None:
    shape, mode, direction, kind = case
    for layout, beta, nan in (("first", 0.0, 0), ("last", 2.0, 1)):
        op = tensor.pooling_op(shape, mode, kind, direction, layout, nan)
        sets = []
        for _ in range(2):
            a = tensor.pooling_arrays(op)
            if nan and mode in (0, 3):
                a["x"].data[[0, 3, 10]] = np.nan
            sets.append([a["y"], a["dy"], a["x"], a["dx"]] if direction else [a["x"], a["y"]])
        both(dialect, "POOLING", device_tensor.of_pooling, op, (sets[0], sets[1]), (0.5, beta))
        tensor.close(sets[0][-1], sets[1][-1], 20)


@pytest.mark.parametrize("dialect, case", some(test_batchnorm.CASES, 11), ids=name)
def test_normalisation(dialect: str, case: tuple[str, int]) -> None:
    problem, direction = case
    memory, other = (test_batchnorm.Memory(test_batchnorm.PROBLEMS[problem], direction) for _ in range(2))
    want = other.run(test_batchnorm.make(other, "reference"))
    launch = device_tensor.of_batchnorm(memory.op, device_ops_runner.traits(dialect))
    assert launch is not None
    got = memory.run(device_ops_runner.plan(dialect, launch, list(memory.buffers.values())))
    test_batchnorm.compare(memory, got, want)


@pytest.mark.parametrize(
    "dims, strides, want",
    [
        ((2, 3, 4), ((12, 4, 1),), ((24,), ((1,),))),
        ((2, 3, 4), ((12, 4, 1), (1, 2, 6)), ((2, 3, 4), ((12, 4, 1), (1, 2, 6)))),
        ((2, 1, 4), ((4, 99, 1),), ((8,), ((1,),))),
        ((1, 1), ((5, 7),), ((1,), ((7,),))),
        ((2, 3), ((0, 0),), ((6,), ((0,),))),
    ],
)
def test_dimensions_merge(dims: tuple, strides: tuple, want: tuple) -> None:
    merged = device_tensor.merge(dims, *strides)
    assert merged == want or (want[0] == (1,) and merged[0] == (1,))
