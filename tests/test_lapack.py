"""LAPACK op on random matrices: each result is checked by its defining property in numpy, for all four types."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from maf_vdev import protocol
from maf_vdev.modnn import lapack as la
from maf_vdev.modnn import registry

LAPACK = protocol.constant("MAF_OP_LAPACK")
DTYPES = {la.F32: np.float32, la.F64: np.float64, la.C64: np.complex64, la.C128: np.complex128}
TOLERANCE = {la.F32: 2e-4, la.F64: 1e-11, la.C64: 2e-4, la.C128: 1e-11}
TYPES = pytest.mark.parametrize("kind", DTYPES, ids=["s", "d", "c", "z"])
BATCH = 3


def random(kind: int, *shape: int, seed: int = 0) -> np.ndarray:
    """Random matrices in C order of (batch, columns, rows): column major for the op; `.mT` is the mathematical view."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    if kind in la.COMPLEX:
        x = x + 1j * rng.standard_normal(shape)
    return np.ascontiguousarray(x.astype(DTYPES[kind]))


def hermitian(kind: int, n: int, shift: float = 0.0) -> np.ndarray:
    x = random(kind, BATCH, n, n)
    return np.ascontiguousarray((x + x.mT.conj()) / 2 + shift * np.eye(n, dtype=x.dtype))


def run(name: str, kind: int, operands: dict[str, np.ndarray], **fields: int) -> np.ndarray:
    """Runs the routine over BATCH matrices; returns info."""
    op = protocol.ffi.new("struct maf_op_lapack *")
    op.routine, op.type, op.batch = protocol.constant(f"MAF_{name.upper()}"), kind, BATCH
    op.lda = op.ldb = op.ldu = op.ldv = 1
    op.job_u = op.job_v = ord("N")
    for side, array in operands.items():
        setattr(op, f"stride_{side}", array[0].size)
        if side in "abuv":
            setattr(op, f"ld{side}", array.shape[-1])
    for name, value in fields.items():
        setattr(op, name, value)
    info = np.full(op.batch, 77, np.int32)
    addresses = [operands[name].ctypes.data if name in operands else 0 for name in "abwuvp"]
    registry.make_plan(LAPACK, protocol.pack(op)).run([*addresses, info.ctypes.data], b"")
    return info


def close(got: np.ndarray, want: np.ndarray, kind: int) -> None:
    scale = max(1.0, float(np.abs(want).max(initial=0)))
    assert np.abs(got - want).max(initial=0) / scale < TOLERANCE[kind]


def swapped(columns: np.ndarray, pivots: np.ndarray) -> np.ndarray:
    """Rows of a matrix exchanged as LAPACK pivots say."""
    x = columns.copy()
    for i, p in enumerate(pivots):
        x[[i, p - 1]] = x[[p - 1, i]]
    return x


@TYPES
@pytest.mark.parametrize(("m", "n"), [(1, 1), (5, 5), (7, 4), (4, 7), (40, 40)])
@pytest.mark.parametrize("pivot_bytes", [4, 8])
def test_getrf(kind: int, m: int, n: int, pivot_bytes: int) -> None:
    a = random(kind, BATCH, n, m)
    original = a.mT.copy()
    pivots = np.zeros((BATCH, min(m, n)), np.int32 if pivot_bytes == 4 else np.int64)
    info = run("getrf", kind, {"a": a, "p": pivots}, m=m, n=n, pivot_bytes=pivot_bytes)
    assert info.tolist() == [0] * BATCH
    for i in range(BATCH):
        lower = np.tril(a[i].T, -1)[:, : min(m, n)] + np.eye(m, min(m, n))
        close(lower @ np.triu(a[i].T)[: min(m, n)], swapped(original[i], pivots[i]), kind)


@TYPES
def test_getrf_without_pivoting(kind: int) -> None:
    a = random(kind, BATCH, 6, 6) + 6 * np.eye(6, dtype=DTYPES[kind])
    original = a.mT.copy()
    assert run("getrf", kind, {"a": a}, m=6, n=6).tolist() == [0] * BATCH
    close((np.tril(a.mT, -1) + np.eye(6)) @ np.triu(a.mT), original, kind)


def test_getrf_reports_the_singular_matrix() -> None:
    a = random(la.F64, BATCH, 4, 4)
    a[1, 2] = 0  # a zero column
    info = run("getrf", la.F64, {"a": a, "p": np.zeros((BATCH, 4), np.int32)}, m=4, n=4)
    assert info.tolist() == [0, 3, 0]


@TYPES
@pytest.mark.parametrize("trans", [0, 1, 2])
@pytest.mark.parametrize("pivot_bytes", [4, 8])
def test_getrs(kind: int, trans: int, pivot_bytes: int) -> None:
    n, k = 6, 3
    a, b = random(kind, BATCH, n, n), random(kind, BATCH, k, n, seed=1)
    matrix, right = a.mT.copy(), b.mT.copy()
    pivots = np.zeros((BATCH, n), np.int32 if pivot_bytes == 4 else np.int64)
    run("getrf", kind, {"a": a, "p": pivots}, m=n, n=n, pivot_bytes=pivot_bytes)
    info = run("getrs", kind, {"a": a, "b": b, "p": pivots}, n=n, k=k, trans=trans, pivot_bytes=pivot_bytes)
    assert info.tolist() == [0] * BATCH
    applied = [matrix, matrix.mT, matrix.mT.conj()][trans]
    close(applied @ b.mT, right, kind)


@TYPES
def test_getri(kind: int) -> None:
    n = 5
    a, pivots, inverse = random(kind, BATCH, n, n), np.zeros((BATCH, n), np.int32), random(kind, BATCH, n, n)
    matrix = a.mT.copy()
    run("getrf", kind, {"a": a, "p": pivots}, m=n, n=n)
    assert run("getri", kind, {"a": a, "b": inverse, "p": pivots}, n=n).tolist() == [0] * BATCH
    close(matrix @ inverse.mT, np.broadcast_to(np.eye(n), (BATCH, n, n)), kind)


@TYPES
@pytest.mark.parametrize("uplo", [0, 1])
def test_cholesky_factor_solve_invert(kind: int, uplo: int) -> None:
    n, k = 6, 2
    x = random(kind, BATCH, n, n)
    matrix = x @ x.mT.conj() + n * np.eye(n, dtype=x.dtype)
    a, b = np.ascontiguousarray(matrix.mT), random(kind, BATCH, k, n, seed=1)
    right = b.mT.copy()
    assert run("potrf", kind, {"a": a}, n=n, uplo=uplo).tolist() == [0] * BATCH
    factor = np.triu(a.mT) if uplo else np.tril(a.mT)
    close(factor.mT.conj() @ factor if uplo else factor @ factor.mT.conj(), matrix, kind)
    run("potrs", kind, {"a": a, "b": b}, n=n, k=k, uplo=uplo)
    close(matrix @ b.mT, right, kind)
    run("potri", kind, {"a": a}, n=n, uplo=uplo)
    half = np.triu(a.mT) if uplo else np.tril(a.mT)
    inverse = half + half.mT.conj() - np.eye(n) * half
    close(matrix @ inverse, np.broadcast_to(np.eye(n), (BATCH, n, n)), kind)


def test_potrf_reports_the_minor_that_is_not_positive() -> None:
    a = hermitian(la.F64, 4, shift=10)
    a[1, 2, 2] = -1
    assert run("potrf", la.F64, {"a": a}, n=4).tolist() == [0, 3, 0]


@TYPES
@pytest.mark.parametrize(("m", "n"), [(4, 4), (7, 4), (4, 7)])
def test_qr(kind: int, m: int, n: int) -> None:
    least = min(m, n)
    a, tau = random(kind, BATCH, n, m), random(kind, BATCH, least)
    original = a.mT.copy()
    assert run("geqrf", kind, {"a": a, "w": tau}, m=m, n=n).tolist() == [0] * BATCH
    r = np.triu(a.mT)[:, :least]
    q = a[:, :least].copy()
    assert run("orgqr", kind, {"a": q, "w": tau}, m=m, n=least, k=least).tolist() == [0] * BATCH
    close(q.mT @ r, original, kind)
    close(q.mT.mT.conj() @ q.mT, np.broadcast_to(np.eye(least), (BATCH, least, least)), kind)
    for side in (0, 1):
        for trans in (0, 2 if kind in la.COMPLEX else 1):
            shape = (m, 3) if side == 0 else (3, m)
            c = random(kind, BATCH, shape[1], shape[0], seed=2)
            before = c.mT.copy()
            fields = {"m": shape[0], "n": shape[1], "k": least, "side": side, "trans": trans}
            assert run("ormqr", kind, {"a": a, "b": c, "w": tau}, **fields).tolist() == [0] * BATCH
            full = np.ascontiguousarray(np.broadcast_to(np.eye(m, dtype=DTYPES[kind]), (BATCH, m, m)))
            run("ormqr", kind, {"a": a, "b": full, "w": tau}, m=m, n=m, k=least)
            operator = full.mT.mT.conj() if trans else full.mT
            close(c.mT, operator @ before if side == 0 else before @ operator, kind)
            close(full.mT[..., :least], q.mT, kind)


@TYPES
@pytest.mark.parametrize("uplo", [0, 1])
@pytest.mark.parametrize("job", ["V", "N"])
def test_eigh(kind: int, uplo: int, job: str) -> None:
    n = 7
    a = hermitian(kind, n)
    matrix = a.mT.copy()
    half = a.copy()
    rows, columns = np.tril_indices(n, -1)
    if uplo:  # the other triangle must not be read
        half.mT[:, rows, columns] = np.nan
    else:
        half.mT[:, columns, rows] = np.nan
    w = np.zeros((BATCH, n), np.zeros(0, DTYPES[kind]).real.dtype)
    assert run("syevd", kind, {"a": half, "w": w}, n=n, uplo=uplo, job_u=ord(job)).tolist() == [0] * BATCH
    close(w, np.linalg.eigvalsh(matrix), kind)
    if job == "V":
        close(matrix @ half.mT, half.mT * w[:, None, :], kind)


@TYPES
@pytest.mark.parametrize(("m", "n"), [(5, 5), (7, 4), (4, 7), (30, 20)])
@pytest.mark.parametrize("jobs", ["AA", "SS", "NN", "SA"])
@pytest.mark.parametrize("plain", [0, 1])
def test_svd(kind: int, m: int, n: int, jobs: str, plain: int) -> None:
    least = min(m, n)
    a = random(kind, BATCH, n, m)
    matrix = a.mT.copy()
    s = np.zeros((BATCH, least), np.zeros(0, DTYPES[kind]).real.dtype)
    u_columns = m if jobs[0] == "A" else least
    v_rows = n if jobs[1] == "A" else least
    u = random(kind, BATCH, u_columns, m)
    v = random(kind, BATCH, v_rows, n) if plain else random(kind, BATCH, n, v_rows)
    operands = {"a": a, "w": s} if jobs == "NN" else {"a": a, "w": s, "u": u, "v": v}
    fields = {"m": m, "n": n, "job_u": ord(jobs[0]), "job_v": ord(jobs[1]), "v_plain": plain}
    assert run("gesvd", kind, operands, **fields).tolist() == [0] * BATCH
    close(s, np.linalg.svd(matrix, compute_uv=False), kind)
    if jobs != "NN":
        vh = v.mT.mT.conj() if plain else v.mT
        close(u.mT[..., :least] * s[:, None, :] @ vh[:, :least], matrix, kind)
        close(u.mT.mT.conj() @ u.mT, np.broadcast_to(np.eye(u_columns), (BATCH, u_columns, u_columns)), kind)


def test_svd_of_nan_says_that_it_did_not_converge() -> None:
    a = random(la.F32, BATCH, 3, 3)
    a[1, 0, 0] = np.nan
    s = np.zeros((BATCH, 3), np.float32)
    assert run("gesvd", la.F32, {"a": a, "w": s}, m=3, n=3).tolist() == [0, 4, 0]
    assert np.isnan(s[1]).all()
    assert np.isfinite(s[[0, 2]]).all()


@TYPES
@pytest.mark.parametrize("uplo", [0, 1])
@pytest.mark.parametrize("pivot_bytes", [4, 8])
def test_ldl_solve(kind: int, uplo: int, pivot_bytes: int) -> None:
    n, k = 6, 2
    x = random(kind, BATCH, n, n)
    a, b = np.ascontiguousarray(x + x.mT), random(kind, BATCH, k, n, seed=1)  # symmetric, complex ones too
    matrix, right = a.mT.copy(), b.mT.copy()
    pivots = np.zeros((BATCH, n), np.int32 if pivot_bytes == 4 else np.int64)
    run("sytrf", kind, {"a": a, "p": pivots}, n=n, uplo=uplo, pivot_bytes=pivot_bytes)
    info = run("sytrs", kind, {"a": a, "b": b, "p": pivots}, n=n, k=k, uplo=uplo, pivot_bytes=pivot_bytes)
    assert info.tolist() == [0] * BATCH
    close(matrix @ b.mT, right, kind)


@TYPES
def test_geev(kind: int) -> None:
    n = 6
    a = random(kind, BATCH, n, n)
    matrix = a.mT.copy()
    w = np.zeros((BATCH, n), np.result_type(DTYPES[kind], np.complex64))
    u = random(kind, BATCH, n, n)
    assert run("geev", kind, {"a": a, "w": w, "u": u}, n=n, job_u=ord("V")).tolist() == [0] * BATCH
    vectors = u.mT.astype(w.dtype)
    if kind not in la.COMPLEX:  # LAPACK packs a conjugate pair as real and imaginary part
        for i in range(BATCH):
            for j in np.flatnonzero(w[i].imag > 0):
                pair = u.mT[i, :, j] + 1j * u.mT[i, :, j + 1]
                vectors[i, :, j], vectors[i, :, j + 1] = pair, pair.conj()
    close(matrix @ vectors, vectors * w[:, None, :], kind)


@TYPES
@pytest.mark.parametrize("trans", [0, 2])
def test_least_squares(kind: int, trans: int) -> None:
    m, n, k = 7, 4, 2
    a, b = random(kind, BATCH, n, m), random(kind, BATCH, k, m, seed=1)
    matrix, right = a.mT.copy(), b.mT.copy()
    assert run("gels", kind, {"a": a, "b": b}, m=m, n=n, k=k, trans=trans).tolist() == [0] * BATCH
    for i in range(BATCH):
        applied = matrix[i].mT.conj() if trans else matrix[i]
        want = np.linalg.lstsq(applied, right[i][: applied.shape[0]], rcond=None)[0]
        close(b[i].T[: applied.shape[1]], want, kind)


def test_array_of_pointers() -> None:
    """Matrices of a batch anywhere in memory."""
    parts = [random(la.F64, 1, 4, 4, seed=i)[0] + 4 * np.eye(4) for i in range(BATCH)]
    before = [part.T.copy() for part in parts]
    right = [random(la.F64, 2, 4, seed=10 + i) for i in range(BATCH)]
    sides = [side.T.copy() for side in right]
    addresses = {
        "a": np.array([part.ctypes.data for part in parts], np.uint64),
        "b": np.array([side.ctypes.data for side in right], np.uint64),
    }
    pivots = np.zeros((BATCH, 4), np.int32)
    run("getrf", la.F64, {"a": addresses["a"], "p": pivots}, m=4, n=4, lda=4, a_is_array=1)
    fields = {"n": 4, "k": 2, "lda": 4, "ldb": 4, "a_is_array": 1, "b_is_array": 1}
    run("getrs", la.F64, {**addresses, "p": pivots}, **fields)
    for matrix, side, solution in zip(before, sides, right, strict=True):
        close(matrix @ solution.T, side, la.F64)


def test_leading_dimension_leaves_the_padding_alone() -> None:
    a = np.full((BATCH, 3, 5), 9.0)
    a[:, :, :3] = random(la.F64, BATCH, 3, 3) + 3 * np.eye(3)
    run("getrf", la.F64, {"a": a, "p": np.zeros((BATCH, 3), np.int32)}, m=3, n=3)
    assert (a[:, :, 3:] == 9).all()


@pytest.mark.parametrize(
    ("routine", "fields", "error"),
    [
        ("getrf", {"m": 4, "n": 4, "lda": 3}, registry.Invalid),
        ("getrf", {"m": -1, "n": 4, "lda": 4}, registry.Invalid),
        ("getrs", {"n": 4, "k": 2, "lda": 4, "ldb": 3}, registry.Invalid),
        ("orgqr", {"m": 3, "n": 4, "k": 2, "lda": 3}, registry.Invalid),
        ("getrf", {"m": 4, "n": 4, "lda": 4, "type": protocol.constant("MAF_F16")}, registry.Unsupported),
        ("getrf", {"routine": 99}, registry.Invalid),
    ],
    ids=str,
)
def test_bad_descriptions(routine: str, fields: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        run(routine, la.F64, {}, **fields)


@pytest.mark.parametrize("routine", ["getrf", "potrf", "geqrf", "syevd", "gesvd"])
def test_empty_matrices(routine: str) -> None:
    assert run(routine, la.F64, {}, m=0, n=0).tolist() == [0] * BATCH


@TYPES
@pytest.mark.parametrize("pivot_bytes", [4, 8])
def test_a_batch_over_many_tasks(kind: int, pivot_bytes: int) -> None:
    """Each matrix has its own work memory, pivots and info, whichever thread it falls to; one of them is singular."""
    batch, n, singular = 700, 6, 555
    a, rhs = random(kind, batch, n, n), random(kind, batch, 1, n, seed=1)
    a[singular] = 0
    matrices, wanted = a.mT.copy(), rhs.mT.copy()
    pivots = np.zeros((batch, n), np.int32 if pivot_bytes == 4 else np.int64)
    inverse = np.zeros_like(a)
    info = run("getrf", kind, {"a": a, "p": pivots}, m=n, n=n, pivot_bytes=pivot_bytes, batch=batch)
    assert np.flatnonzero(info).tolist() == [singular]
    assert info[singular] == 1
    a[singular] = np.eye(n)
    matrices[singular] = np.eye(n)
    pivots[singular] = np.arange(1, n + 1)
    assert not run("getrs", kind, {"a": a, "b": rhs, "p": pivots}, n=n, k=1, pivot_bytes=pivot_bytes, batch=batch).any()
    residual = np.abs(matrices @ rhs.mT - wanted).max((1, 2))
    assert np.median(residual) < TOLERANCE[kind]
    assert not run("getri", kind, {"a": a, "b": inverse, "p": pivots}, n=n, pivot_bytes=pivot_bytes, batch=batch).any()
    residual = np.abs(inverse.mT @ matrices - np.eye(n)).max((1, 2))
    assert np.median(residual) < TOLERANCE[kind]
    assert residual[singular] == 0
