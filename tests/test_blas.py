"""BLAS op: OpenBLAS against the numpy reference, and the reference against identities that define each routine."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from maf_vdev import protocol
from maf_vdev.modnn import blas as b
from maf_vdev.modnn import registry
from maf_vdev.modnn.providers.ref_gemm import DTYPES

KIND = protocol.constant("MAF_OP_BLAS")
NUMBERS = {name: number for number, name in b.ROUTINES.items()}
TYPES = {"s": b.F32, "d": b.F64, "c": b.C64, "z": b.C128}
EPSILON = {b.F32: 1e-5, b.F64: 1e-13, b.C64: 1e-5, b.C128: 1e-13}
REAL_SCALARS = {"herk", "her", "hpr", "rot"}  # her2k's beta is real too, its alpha is not
STORED = ("gbmv", "sbmv", "hbmv", "spmv", "hpmv", "spr2", "hpr2")
ROUTINES = [name for name in NUMBERS if name not in ("dgmm", "rotm")]


def description(name: str, kind: int, **fields: Any) -> Any:
    op = protocol.ffi.new("struct maf_op_blas *")
    scale = b.REAL_OF[kind] if name in REAL_SCALARS else kind
    defaults = {
        "m": 7,
        "n": 5,
        "k": 6,
        "lda": 12,
        "ldb": 13,
        "ldc": 14,
        "incx": 1,
        "incy": 1,
        "batch": 1,
        "above": 2 if name == "gbmv" else 0,
        "type": kind,
        "type_scale": scale,
        "index_bytes": 4,
    }
    for field, value in (defaults | fields | {"routine": NUMBERS[name]}).items():
        setattr(op, field, value)
    return op


def diagonal(op: Any) -> Any:
    """Where the diagonal of a is stored."""
    name, n = b.ROUTINES[op.routine], np.arange(op.n)
    if name[:2] == "tp" and name != "tpttr":
        return n * (n + 3) // 2 if op.uplo else n * op.n - n * (n - 1) // 2
    if name[:2] == "tb":
        return n * op.lda + (op.k if op.uplo else 0)
    return slice(None, None, op.lda + 1)


class Memory:
    """Operands with the same random contents for each object; the matrix a is well conditioned as a triangle."""

    def __init__(self, op: Any) -> None:
        rng = np.random.default_rng(7)
        self.op = op
        count = 14 * 14 * max(op.batch, 1)
        self.buffers = []
        for _ in range(5):
            values = rng.uniform(-1, 1, count)
            if op.type in b.COMPLEX:
                values = values + 1j * rng.uniform(-1, 1, count)
            self.buffers.append(values.astype(DTYPES[op.type]))
        self.buffers[b.A][diagonal(op)] += 4
        self.tables: list[np.ndarray] = []

    def run(self, provider: str, alpha: complex = 1.5, beta: complex = 0.5) -> list[np.ndarray]:
        plan = registry.make_plan(KIND, protocol.pack(self.op), provider)
        if self.op.type not in b.COMPLEX or self.op.type_scale not in b.COMPLEX:
            alpha, beta = np.real(alpha), np.real(beta)
        addresses = [x.ctypes.data for x in self.buffers]
        if self.op.pointer_array:
            step = 14 * 14 * self.buffers[0].itemsize
            self.tables = [np.array([p + i * step for i in range(self.op.batch)], np.uint64) for p in addresses]
            addresses = [t.ctypes.data for t in self.tables]
        scalars = np.array([np.real(alpha), np.imag(alpha), np.real(beta), np.imag(beta)])
        plan.run([*addresses, 0, 0], scalars.tobytes())
        return self.buffers


def same(op: Any, got: list[np.ndarray], want: list[np.ndarray], name: str) -> None:
    for operand, (have, need) in enumerate(zip(got, want, strict=True)):
        if operand == b.C and name in ("iamax", "iamin"):
            assert have.view(np.int32)[0] == need.view(np.int32)[0]
            continue
        if operand == b.C and name in ("nrm2", "asum"):
            have, need = (x.view(DTYPES[b.REAL_OF[op.type]]) for x in (have, need))
        error = np.abs(have - need)
        assert (error <= EPSILON[op.type] * (1 + np.abs(need))).all(), (operand, error.max())


def variants(name: str) -> list[dict[str, int]]:
    """All side, uplo, transposition and diagonal flags that the routine reads; increments for vectors."""
    axes: dict[str, tuple[int, ...]] = {}
    if name in ("trsm", "trmm", "symm", "hemm"):
        axes["side"] = (0, 1)
    if name in (
        "trsm",
        "trmm",
        "symm",
        "hemm",
        "syrk",
        "herk",
        "syr2k",
        "her2k",
        "syrkx",
        "herkx",
        "tpttr",
        "trttp",
    ) or (name.endswith(("v", "r", "r2")) and name != "gbmv"):
        axes["uplo"] = (0, 1)
    if name in ("trsm", "trmm", "trsv", "trmv", "geam", "gbmv", "tbmv", "tbsv", "tpmv", "tpsv"):
        axes["transa"] = (0, 1, 2)
    if name in ("syrk", "syr2k", "syrkx"):
        axes["transa"] = (0, 1)
    if name in ("herk", "her2k", "herkx"):
        axes["transa"] = (0, 2)
    if name in ("trsm", "trmm", "trsv", "trmv", "tbmv", "tbsv", "tpmv", "tpsv"):
        axes["unit_diagonal"] = (0, 1)
    if name == "geam":
        axes["transb"] = (0, 1, 2)
    if name in ("axpy", "copy", "swap", "rot", "ger", "gerc", "syr2", "symv", "hemv", *STORED):
        axes["incx"], axes["incy"] = (1, -2), (2, -1)
    elif name in ("trsv", "trmv", "syr", "her", "tbmv", "tbsv", "tpmv", "tpsv", "spr", "hpr"):
        axes["incx"] = (1, 2, -1)
    elif name in ("scal", "nrm2", "asum", "iamax", "iamin"):
        axes["incx"] = (1, 3)
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


CASES = [
    pytest.param(name, letter, flags, id=f"{letter}{name}-{'-'.join(f'{k}{v}' for k, v in flags.items())}")
    for name in ROUTINES
    for letter in ("cz" if name in b.HERMITIAN else "sdcz")
    for flags in variants(name)
]


@pytest.mark.parametrize("name, letter, flags", CASES)
def test_openblas_agrees_with_reference(name: str, letter: str, flags: dict[str, int]) -> None:
    op = description(name, TYPES[letter], **flags)
    alpha, beta = 1.5 - 0.25j, 0.5 + (0j if name == "her2k" else 0.25j)
    want = Memory(op).run(registry.REFERENCE, alpha, beta)
    try:
        got = Memory(op).run("openblas", alpha, beta)
    except registry.Unsupported:
        pytest.skip("OpenBLAS has no C entry for it")
    same(op, got, want, name)


@pytest.mark.parametrize("name", ["trsm", "trmm", "syrk", "axpy"])
def test_batches_of_addresses(name: str) -> None:
    op = description(name, b.F64, batch=4, pointer_array=1)
    same(op, Memory(op).run("openblas"), Memory(op).run(registry.REFERENCE), name)


@pytest.mark.parametrize("letter", "sdcz")
@pytest.mark.parametrize("side, trans", [(0, 0), (0, 2), (1, 1)])
def test_trsm_solves(letter: str, side: int, trans: int) -> None:
    """op(a) x = alpha b, checked by multiplying back in numpy."""
    op = description("trsm", TYPES[letter], side=side, uplo=1, transa=trans)
    before = Memory(op).buffers[b.B].copy()
    after = Memory(op).run("openblas", 2.0)
    n = op.n if side else op.m
    a = np.triu(after[b.A].reshape(-1)[: op.lda * n].reshape(n, op.lda).T[:n])
    a = {0: a, 1: a.T, 2: a.conj().T}[trans]
    x, rhs = (v[: op.ldb * op.n].reshape(op.n, op.ldb).T[: op.m] for v in (after[b.B], before))
    np.testing.assert_allclose(x @ a if side else a @ x, 2 * rhs, atol=EPSILON[op.type] * 10)


def test_dgmm_scales_rows_or_columns() -> None:
    for side in (0, 1):
        op = description("dgmm", b.F64, side=side)
        buffers = Memory(op).run(registry.REFERENCE)
        a, c = (
            v[: ld * op.n].reshape(op.n, ld).T[: op.m] for v, ld in ((buffers[b.A], op.lda), (buffers[b.C], op.ldc))
        )
        x = buffers[b.X]
        np.testing.assert_array_equal(c, a * x[: op.n] if side else a * x[: op.m, None])


@pytest.mark.parametrize(
    "name, change",
    [("trsm", {"lda": 6}), ("trsm", {"side": 2}), ("syrk", {"ldc": 4}), ("ger", {"m": -1}), ("geam", {"transb": 3})],
)
def test_wrong_descriptions_are_invalid(name: str, change: dict[str, int]) -> None:
    with pytest.raises(registry.Invalid):
        registry.make_plan(KIND, protocol.pack(description(name, b.F32, **change)))


def test_hermitian_routines_of_real_type_are_unsupported() -> None:
    with pytest.raises(registry.Unsupported, match="herk"):
        registry.make_plan(KIND, protocol.pack(description("herk", b.F64)))
