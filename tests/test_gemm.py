"""GEMM providers against the numpy reference, and the reference against numpy's own float64 product."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gemm_problems import KIND, PROBLEMS, Memory, complete, problem

from maf_vdev import protocol
from maf_vdev.modnn import gemm as g
from maf_vdev.modnn import registry
from maf_vdev.modnn.providers import ref_gemm

# Half a unit in the last place of the stored type, relative to the result; the accumulation's own error grows
# like sqrt(k) for operands of size one (ACCUMULATION is a few units in its last place).
ROUNDING = {
    g.F32: 2**-22,
    g.F64: 2**-51,
    g.F16: 2**-10,
    g.BF16: 2**-7,
    g.C64: 2**-22,
    g.C128: 2**-51,
    g.I32: 0,
    g.I8: 0,
}
ACCUMULATION = {g.F64: 4e-15, g.C128: 4e-15, g.I32: 0}


def tolerance(op: Any, kind: int, want: np.ndarray) -> np.ndarray:
    return ROUNDING[kind] * np.abs(want) + ACCUMULATION.get(op.type_compute, 2e-6) * np.sqrt(op.k + 1)


def make(p: dict, only: str) -> registry.Plan:
    return registry.make_plan(KIND, protocol.pack(complete(p)), only)


# oneDNN takes low-precision products of some size; the rest it declines.
LOW_PRECISION = [name for name in PROBLEMS if name.startswith(("bf16", "i8")) and "large" in name]
RUNS = [*((name, "openblas") for name in PROBLEMS), *((name, "onednn") for name in LOW_PRECISION)]


@pytest.mark.parametrize("name, provider", RUNS)
def test_provider_agrees_with_reference(name: str, provider: str) -> None:
    p = PROBLEMS[name]
    try:
        plan = make(p, provider)
    except registry.Unsupported:
        if provider == "openblas":
            raise
        pytest.skip("this CPU has no instructions for it")
    expected = Memory(p).run(make(p, "reference"))
    got = Memory(p).run(plan)
    op = complete(p)
    kinds = {"d": op.type_d, "bias": op.type_bias, "aux": op.type_aux}
    for buffer, want in expected.items():
        have = got[buffer]
        assert want.shape == have.shape
        if want.dtype == np.uint8:
            assert np.array_equal(want, have), buffer
            continue
        np.testing.assert_array_equal(np.isfinite(have), np.isfinite(want), err_msg=buffer)
        finite = np.isfinite(want)
        wide = np.complex128 if kinds[buffer] in g.COMPLEX else np.float64
        want, have = want[finite].astype(wide), have[finite].astype(wide)
        excess = np.abs(have - want) - tolerance(op, kinds[buffer], want)
        assert (excess <= 0).all(), (buffer, excess.max())


@pytest.mark.parametrize("types", ["f32", "f64", "f16", "bf16", "c64", "c128", "i8"])
@pytest.mark.parametrize("trans", ["NN", "TN", "NT", "CC", "RR"])
def test_reference_is_the_textbook_product(types: str, trans: str) -> None:
    p = problem((6, 5, 7), types, trans, alpha=2.0, beta=-1.0)
    memory = Memory(p)
    op = memory.op
    wide = np.complex128 if op.type_a in g.COMPLEX else np.float64

    def matrix(name: str, rows: int, cols: int) -> np.ndarray:
        raw = memory.buffers[name]
        raw = ref_gemm.from_bf16(raw) if raw.dtype == np.uint16 else raw
        return raw[: rows * cols].reshape(cols, rows).T.astype(wide)

    turn = {"N": lambda x: x, "T": lambda x: x.T, "C": lambda x: x.conj().T, "R": lambda x: x.conj()}
    a = turn[trans[0]](matrix("a", *g.stored_shape(op, "a")))
    b = turn[trans[1]](matrix("b", *g.stored_shape(op, "b")))
    want = 2 * (a @ b) - matrix("d", 6, 5)
    got = memory.run(make(p, "reference"))["d"][:30].reshape(5, 6).T
    assert (np.abs(got - want) <= tolerance(op, op.type_d, want)).all()


@pytest.mark.parametrize(
    "value, bits",
    [
        (1.0, 0x3F80),
        (1 + 2**-8, 0x3F80),  # a tie goes to the even neighbour
        (1 + 3 * 2**-8, 0x3F82),
        (1 + 2**-8 + 2**-40, 0x3F81),  # just above the tie, invisible in float32
        (1 + 2**-8 - 2**-40, 0x3F80),
        (-(1 + 2**-8 + 2**-40), 0xBF81),
        (3.4e38, 0x7F80),
        (np.inf, 0x7F80),
        (np.nan, 0x7FC0),
    ],
)
def test_bf16_rounds_once(value: float, bits: int) -> None:
    assert int(ref_gemm.to_bf16(np.array([value]))[0]) == bits


@pytest.mark.parametrize(
    "change",
    [{"m": -1}, {"lda": 3}, {"ldb": 2}, {"ldc": 0}, {"ldd": 3}, {"batch": -2}, {"transa": 4}],
    ids=str,
)
def test_wrong_descriptions_are_invalid(change: dict) -> None:
    op = complete(problem((4, 5, 6)))
    for name, value in change.items():
        setattr(op, name, value)
    with pytest.raises(registry.Invalid):
        registry.make_plan(KIND, protocol.pack(op))


def test_unknown_types_are_unsupported_by_name() -> None:
    op = complete(problem((4, 5, 6), "f32", type_b=g.F64))
    with pytest.raises(registry.Unsupported, match="gemm NN 4x5x6 f32\\*f64"):
        registry.make_plan(KIND, protocol.pack(op))
    assert any("f32*f64" in name for name in registry.statistics()["unsupported"])


def test_reference_use_is_counted() -> None:
    p = problem((3, 3, 3), "f64")
    before = registry.statistics()["slow"].get("gemm", {}).get("gemm NN 3x3x3 f64", 0)
    make(p, registry.REFERENCE)
    assert registry.statistics()["slow"]["gemm"]["gemm NN 3x3x3 f64"] == before + 1
