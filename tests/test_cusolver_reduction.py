"""cuSOLVER: reductions, generalised and partial eigenvalue problems, helpers, the sparse solver; against their definitions."""

from __future__ import annotations

from typing import Any

import blas_device as d
import numpy as np
import pytest
import test_cusolver as t
from test_cusolver import CUDA_TYPES, DTYPES, EACH_LETTER, INVALID_VALUE, LOWER, NULL, UPPER, Matrix, close, ffi, ints

pytestmark = t.pytestmark
handle = t.handle
OR = {"S": "or", "D": "or", "C": "un", "Z": "un"}
SY = {"S": "sy", "D": "sy", "C": "he", "Z": "he"}


@pytest.fixture(scope="module")
def lib() -> Any:
    return ffi.dlopen(str(d.LIB / "libmaf_cusolver12.so"))


def symmetric(letter: str, n: int, seed: int = 0) -> np.ndarray:
    x = t.random(letter, n, n, seed=seed)
    return x + x.conj().T


def area(lib: Any, name: str, *arguments: Any, tail: tuple[Any, ...] = ()) -> Matrix:
    size = ffi.new("int *")
    d.check(getattr(lib, f"cusolverDn{name}_bufferSize")(*arguments, size, *tail))
    return Matrix(np.zeros(max(size[0], 2), np.complex128))


@EACH_LETTER
@pytest.mark.parametrize("uplo", [LOWER, UPPER])
@pytest.mark.parametrize("how", ["all", "numbers", "values", "none"])
def test_part_of_the_eigenvalues(lib: Any, handle: Any, letter: str, uplo: int, how: str) -> None:
    n = 6
    x = symmetric(letter, n)
    want = np.linalg.eigvalsh(x)
    middle = (want[1] + want[2]) / 2, (want[4] + want[5]) / 2
    low, high = middle if how == "values" else (want[-1] + 1, want[-1] + 2)
    first, last = {"all": (0, n), "numbers": (1, 4), "values": (2, 5), "none": (0, 0)}[how]
    range_ = {"all": 1001, "numbers": 1002}.get(how, 1003)
    a, w, info, count = Matrix(x), Matrix(t.reals(letter, n)), ints(), ffi.new("int *", 77)
    head = (handle, 1, range_, uplo, n, a.p, n, low, high, first + 1, last, count, w.p)
    name = f"{letter}{SY[letter]}evdx"
    work = area(lib, name, *head)
    d.check(getattr(lib, f"cusolverDn{name}")(*head, work.p, 2, info.ints))
    assert (info.get()[0], count[0]) == (0, last - first)
    if count[0]:
        close(w.get()[: count[0]], want[first:last], letter)
        vectors = a.get()[:, : count[0]]
        close(x @ vectors, vectors * want[first:last], letter)


@EACH_LETTER
@pytest.mark.parametrize("itype", [1, 2, 3])
@pytest.mark.parametrize("jacobi", [False, True])
def test_generalised_eigenvalues(lib: Any, handle: Any, letter: str, itype: int, jacobi: bool) -> None:
    n = 5
    x, y = symmetric(letter, n), t.positive(letter, n)
    a, b, w, info = Matrix(x), Matrix(y), Matrix(t.reals(letter, n)), ints()
    head, tail = (handle, itype, 1, LOWER, n, a.p, n, b.p, n, w.p), (NULL,) if jacobi else ()
    name = f"{letter}{SY[letter]}gv{'j' if jacobi else 'd'}"
    work = area(lib, name, *head, tail=tail)
    d.check(getattr(lib, f"cusolverDn{name}")(*head, work.p, 2, info.ints, *tail))
    assert info.get()[0] == 0
    v, values = a.get(), w.get()
    left, right = {1: (x @ v, y @ v), 2: (x @ (y @ v), v), 3: (y @ (x @ v), v)}[itype]
    close(left, right * values, letter)
    wrong = (handle, 4, *head[2:])
    assert getattr(lib, f"cusolverDn{name}")(*wrong, work.p, 2, info.ints, *tail) == INVALID_VALUE


@EACH_LETTER
@pytest.mark.parametrize("uplo", [LOWER, UPPER])
def test_tridiagonal_form(lib: Any, handle: Any, letter: str, uplo: int) -> None:
    """Q T Q^H = A with Q from orgtr, and ormtr multiplies by the same Q."""
    n = 6
    x = symmetric(letter, n)
    a, info = Matrix(x), ints()
    diagonal, beside, tau = Matrix(t.reals(letter, n)), Matrix(t.reals(letter, n - 1)), Matrix(np.zeros(n - 1, x.dtype))
    name = f"{letter}{SY[letter]}trd"
    head = (handle, uplo, n, a.p, n, diagonal.p, beside.p, tau.p)
    work = area(lib, name, *head)
    d.check(getattr(lib, f"cusolverDn{name}")(*head, work.p, 2, info.ints))
    c = t.random(letter, n, 3, seed=4)
    product = Matrix(c)
    name = f"{letter}{OR[letter]}mtr"
    head = (handle, 0, uplo, 0, n, 3, a.p, n, tau.p, product.p, n)
    work = area(lib, name, *head)
    d.check(getattr(lib, f"cusolverDn{name}")(*head, work.p, 2, info.ints))
    name = f"{letter}{OR[letter]}gtr"
    d.check(getattr(lib, f"cusolverDn{name}")(handle, uplo, n, a.p, n, tau.p, work.p, 2, info.ints))
    q, e = a.get(), beside.get()
    tri = np.diag(diagonal.get()) + np.diag(e, 1) + np.diag(e, -1)
    close(q @ tri @ q.conj().T, x, letter)
    close(product.get(), q @ c, letter)


@EACH_LETTER
@pytest.mark.parametrize("m, n", [(6, 4), (4, 6)])
def test_bidiagonal_form(lib: Any, handle: Any, letter: str, m: int, n: int) -> None:
    x, least = t.random(letter, m, n), 4
    a, info = Matrix(x), ints()
    diagonal, beside = Matrix(t.reals(letter, least)), Matrix(t.reals(letter, least))
    tau_q, tau_p = (Matrix(np.zeros(least, x.dtype)) for _ in range(2))
    work = area(lib, f"{letter}gebrd", handle, m, n)
    taus = (tau_q.p, tau_p.p)
    d.check(getattr(lib, f"cusolverDn{letter}gebrd")(handle, m, n, a.p, m, diagonal.p, beside.p, *taus, work.p, 2, info.ints))  # fmt: skip
    reflectors = a.get()
    orgbr = getattr(lib, f"cusolverDn{letter}{OR[letter]}gbr")
    left, right = Matrix(reflectors[:, :least]), Matrix(np.vstack([reflectors, np.zeros((n - least, n))])[:n].astype(x.dtype))  # fmt: skip
    d.check(orgbr(handle, 0, m, least, n, left.p, m, tau_q.p, work.p, 2, info.ints))
    d.check(orgbr(handle, 1, least, n, m, right.p, n, tau_p.p, work.p, 2, info.ints))
    e = beside.get()[: least - 1]
    middle = np.diag(diagonal.get()) + (np.diag(e, 1) if m >= n else np.diag(e, -1))
    close(left.get() @ middle @ right.get()[:least], x, letter)


@EACH_LETTER
def test_row_exchanges(lib: Any, handle: Any, letter: str) -> None:
    x = t.random(letter, 5, 3)
    for step in (1, -1):
        a, pivots = Matrix(x), Matrix(np.array([3, 3, 5], "i4"))
        d.check(getattr(lib, f"cusolverDn{letter}laswp")(handle, 3, a.p, 5, 1, 3, pivots.ints, step))
        want = x.copy()
        for i in range(3)[::step]:
            j = [2, 2, 4][i]
            want[[i, j]] = want[[j, i]]
        assert (a.get() == want).all()
    wrong = getattr(lib, f"cusolverDn{letter}laswp")(handle, 3, a.p, 5, 3, 1, pivots.ints, 1)
    assert wrong == INVALID_VALUE


def x_work(lib: Any, name: str, *arguments: Any) -> tuple[Matrix, tuple[Any, ...]]:
    device, host = ffi.new("size_t *"), ffi.new("size_t *")
    d.check(getattr(lib, f"cusolverDn{name}_bufferSize")(*arguments, device, host))
    buffer = Matrix(np.zeros(device[0], np.uint8))
    return buffer, (buffer.p, device[0], NULL, host[0])


@EACH_LETTER
@pytest.mark.parametrize("diag", [0, 1])
def test_triangular_inverse(lib: Any, handle: Any, letter: str, diag: int) -> None:
    n = 5
    x = t.random(letter, n, n) + 4 * np.eye(n, dtype=DTYPES[letter])
    a, info = Matrix(x), ints()
    head = (handle, UPPER, diag, n, CUDA_TYPES[letter], a.p, n)
    _keep, work = x_work(lib, "Xtrtri", *head)
    d.check(lib.cusolverDnXtrtri(*head, *work, info.ints))
    triangle, inverse = np.triu(x), np.triu(a.get())
    if diag:
        np.fill_diagonal(triangle, 1)
        np.fill_diagonal(inverse, 1)
    close(triangle @ inverse, np.eye(n), letter)


@EACH_LETTER
def test_block_reflector(lib: Any, handle: Any, letter: str) -> None:
    """I - V T V^H is the product of the reflectors that geqrf made."""
    n, k = 6, 3
    a, tau, info = Matrix(t.random(letter, n, k)), Matrix(np.zeros(k, DTYPES[letter])), ints()
    work = area(lib, f"{letter}geqrf", handle, n, k, a.p, n)
    d.check(getattr(lib, f"cusolverDn{letter}geqrf")(handle, n, k, a.p, n, tau.p, work.p, 2, info.ints))
    v = np.tril(a.get(), -1) + np.eye(n, k, dtype=DTYPES[letter])
    block, number = Matrix(np.zeros((k, k), v.dtype)), CUDA_TYPES[letter]
    vectors = Matrix(v)
    head = (handle, NULL, 0, 0, n, k, number, vectors.p, n, number, tau.p, number, block.p, k, number)
    _keep, work_x = x_work(lib, "Xlarft", *head)
    d.check(lib.cusolverDnXlarft(*head, *work_x))
    want = np.eye(n, dtype=v.dtype)
    for i in range(k):
        want = want @ (np.eye(n) - tau.get()[i] * np.outer(v[:, i], v[:, i].conj()))
    close(np.eye(n) - v @ np.triu(block.get()) @ v.conj().T, want, letter)


@EACH_LETTER
def test_other_singular_value_routines(lib: Any, handle: Any, letter: str) -> None:
    m, n, k, number = 7, 5, 2, CUDA_TYPES[letter]
    real = {"S": 0, "D": 1, "C": 0, "Z": 1}[letter]
    x = t.random(letter, m, n)
    want = np.linalg.svd(x, compute_uv=False)
    s, u, v, info = Matrix(t.reals(letter, n)), Matrix(np.zeros((m, n), x.dtype)), Matrix(np.zeros((n, n), x.dtype)), ints()  # fmt: skip
    a, error = Matrix(x), ffi.new("double *", 7)
    head = (handle, NULL, 1, 1, m, n, number, a.p, m, real, s.p, number, u.p, m, number, v.p, n, number)
    _keep, work = x_work(lib, "Xgesvdp", *head)
    d.check(lib.cusolverDnXgesvdp(*head, *work, info.ints, error))
    close(s.get(), want, letter)
    close((u.get() * s.get()) @ v.get().conj().T, x, letter)
    assert error[0] == 0
    a, u = Matrix(x), Matrix(np.zeros((m, k), x.dtype))
    v = Matrix(np.zeros((n, k), x.dtype))
    tail = (number, a.p, m, real, s.p, number, u.p, m, number, v.p, n, number)
    head = (handle, NULL, ord("S"), ord("S"), m, n, k, 1, 2, *tail)
    _keep, work = x_work(lib, "Xgesvdr", *head)
    d.check(lib.cusolverDnXgesvdr(*head, *work, info.ints))
    close(s.get()[:k], want[:k], letter)
    close(u.get().conj().T @ x, s.get()[:k, None] * v.get().conj().T, letter)


@EACH_LETTER
@pytest.mark.parametrize("base", [0, 1])
def test_sparse_solver(lib: Any, letter: str, base: int) -> None:
    sparse = ffi.dlopen(str(d.LIB / "libmaf_cusparse12.so"))
    n = 6
    x = t.random(letter, n, n) * (np.random.default_rng(1).random((n, n)) < 0.5) + 3 * np.eye(n)
    x = x.astype(DTYPES[letter])
    b = t.random(letter, n, seed=2)
    out, descriptor, singular = ffi.new("cusolverSpHandle_t *"), ffi.new("void **"), ffi.new("int *", 7)
    d.check(lib.cusolverSpCreate(out))
    d.check(sparse.cusparseCreateMatDescr(descriptor))
    d.check(sparse.cusparseSetMatIndexBase(descriptor[0], base))
    for matrix, expected in ((x, -1), (np.where(np.arange(n) == 3, 0, x), 3)):
        rows, cols = np.nonzero(matrix)
        offsets = Matrix((np.searchsorted(rows, np.arange(n + 1)) + base).astype("i4"))
        indices, values = Matrix((cols + base).astype("i4")), Matrix(np.ascontiguousarray(matrix[rows, cols]).astype(x.dtype))  # fmt: skip
        right, solution = Matrix(b), Matrix(np.zeros_like(b))
        arguments = (n, len(cols), ffi.cast("struct cusparseMatDescr *", descriptor[0]), values.p, offsets.ints)
        solve = getattr(lib, f"cusolverSp{letter}csrlsvqr")
        d.check(solve(out[0], *arguments, indices.ints, right.p, 1e-6, 0, solution.p, singular))
        assert singular[0] == expected
        if expected < 0:
            close(matrix @ solution.get(), b, letter)
    assert solve(out[0], -1, *arguments[1:], indices.ints, right.p, 1e-6, 0, solution.p, singular) == INVALID_VALUE
    d.check(lib.cusolverSpDestroy(out[0]))
