"""cuSOLVER entry points on a running executor: each call's arguments reach the right place, for all element types."""

from __future__ import annotations

from typing import Any

import blas_device as d
import cffi
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(not d.LIB.is_dir(), reason="the shim libraries are not built")

ffi = cffi.FFI()
ffi.cdef(d.declarations("cusolver/cusolver.h"))
ffi.cdef("int cusparseCreateMatDescr(void **out); int cusparseSetMatIndexBase(void *descriptor, int base);")
NULL = ffi.NULL
NOT_INITIALIZED, INVALID_VALUE, NOT_SUPPORTED = 1, 3, 9
DTYPES = {"S": np.float32, "D": np.float64, "C": np.complex64, "Z": np.complex128}
CUDA_TYPES = {"S": 0, "D": 1, "C": 4, "Z": 5}
TOLERANCE = {"S": 2e-4, "D": 1e-11, "C": 2e-4, "Z": 1e-11}
EACH_LETTER = pytest.mark.parametrize("letter", DTYPES)
LOWER, UPPER = 0, 1
N, T, C = 0, 1, 2


@pytest.fixture(scope="module", params=["cusolver12", "cusolver11"])
def lib(request: pytest.FixtureRequest) -> Any:
    return ffi.dlopen(str(d.LIB / f"libmaf_{request.param}.so"))


@pytest.fixture
def handle(lib: Any) -> Any:
    out = ffi.new("cusolverDnHandle_t *")
    d.check(lib.cusolverDnCreate(out))
    yield out[0]
    d.check(lib.cusolverDnDestroy(out[0]))


class Matrix(d.Array):
    """A device copy, column major; `p` is its address for cuSOLVER's declarations."""

    @property
    def p(self) -> Any:
        return ffi.cast("void *", int(d.ffi.cast("uintptr_t", self.pointer)))

    @property
    def ints(self) -> Any:
        return ffi.cast("int *", self.p)


def random(letter: str, *shape: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if letter in "CZ" else x).astype(DTYPES[letter])


def reals(letter: str, *shape: int) -> np.ndarray:
    return np.zeros(shape, DTYPES[letter](0).real.dtype)


def positive(letter: str, n: int) -> np.ndarray:
    x = random(letter, n, n)
    return x @ x.conj().T + n * np.eye(n, dtype=x.dtype)


def ints(count: int = 1, dtype: str = "i4") -> Matrix:
    return Matrix(np.full(count, 77, dtype))


def close(got: np.ndarray, want: np.ndarray, letter: str) -> None:
    assert np.abs(got - want).max() < TOLERANCE[letter] * (1 + np.abs(want).max())


def work(lib: Any, letter: str, name: str, *arguments: Any) -> Matrix:
    """The work array that NAME_bufferSize asks for."""
    size = ffi.new("int *")
    d.check(getattr(lib, f"cusolverDn{letter}{name}_bufferSize")(*arguments[:-1], size, *(arguments[-1] or ())))
    assert size[0] > 0
    return Matrix(np.zeros(size[0], DTYPES[letter]))


def call(lib: Any, letter: str, name: str, *arguments: Any) -> None:
    d.check(getattr(lib, f"cusolverDn{letter}{name}")(*arguments))


def call_x(
    lib: Any, name: str, arguments: tuple[Any, ...], tail: tuple[Any, ...] = (), sizes_tail: tuple[Any, ...] = ()
) -> None:
    """NAME_bufferSize, then NAME with areas of those sizes."""
    device, host = ffi.new("size_t *"), ffi.new("size_t *")
    d.check(getattr(lib, f"cusolverDnX{name}_bufferSize")(*arguments, device, host, *sizes_tail))
    area, room = Matrix(np.zeros(max(1, device[0]), "u1")), ffi.new("char[]", max(1, host[0]))
    d.check(getattr(lib, f"cusolverDnX{name}")(*arguments, area.p, device[0], room, host[0], *tail))


@EACH_LETTER
@pytest.mark.parametrize("trans", [N, T, C])
def test_lu(lib: Any, handle: Any, letter: str, trans: int) -> None:
    n, k = 5, 2
    host, right = random(letter, n, n), random(letter, n, k, seed=1)
    a, b, pivots, info = Matrix(host), Matrix(right), ints(n), ints()
    area = work(lib, letter, "getrf", handle, n, n, a.p, n, None)
    call(lib, letter, "getrf", handle, n, n, a.p, n, area.p, pivots.ints, info.ints)
    call(lib, letter, "getrs", handle, trans, n, k, a.p, n, pivots.ints, b.p, n, info.ints)
    close([host, host.T, host.conj().T][trans] @ b.get(), right, letter)
    assert info.get().tolist() == [0]


@EACH_LETTER
def test_lu_by_the_generic_calls(lib: Any, handle: Any, letter: str) -> None:
    n, k, kind = 5, 2, CUDA_TYPES[letter]
    host, right = random(letter, n, n), random(letter, n, k, seed=1)
    a, b, pivots, info = Matrix(host), Matrix(right), ints(n, "i8"), ints()
    wide = ffi.cast("int64_t *", pivots.p)
    size = ffi.new("size_t[2]")
    d.check(lib.cusolverDnXgetrf_bufferSize(handle, NULL, n, n, kind, a.p, n, kind, size, size + 1))
    area = Matrix(np.zeros(size[0], "u1"))
    d.check(lib.cusolverDnXgetrf(handle, NULL, n, n, kind, a.p, n, wide, kind, area.p, size[0], NULL, 0, info.ints))
    d.check(lib.cusolverDnXgetrs(handle, NULL, N, n, k, kind, a.p, n, wide, kind, b.p, n, info.ints))
    close(host @ b.get(), right, letter)
    assert set(pivots.get().tolist()) <= set(range(1, n + 1))


@EACH_LETTER
@pytest.mark.parametrize("uplo", [LOWER, UPPER])
def test_cholesky(lib: Any, handle: Any, letter: str, uplo: int) -> None:
    n, k, kind = 5, 3, CUDA_TYPES[letter]
    host, right = positive(letter, n), random(letter, n, k, seed=1)
    a, b, info = Matrix(host), Matrix(right), ints()
    area = work(lib, letter, "potrf", handle, uplo, n, a.p, n, None)
    call(lib, letter, "potrf", handle, uplo, n, a.p, n, area.p, 1, info.ints)
    factor = np.triu(a.get()) if uplo else np.tril(a.get())
    close(factor.conj().T @ factor if uplo else factor @ factor.conj().T, host, letter)
    call(lib, letter, "potrs", handle, uplo, n, k, a.p, n, b.p, n, info.ints)
    close(host @ b.get(), right, letter)
    b.put(np.asfortranarray(right))
    d.check(lib.cusolverDnXpotrs(handle, NULL, uplo, n, k, kind, a.p, n, kind, b.p, n, info.ints))
    close(host @ b.get(), right, letter)
    x = Matrix(host)
    call_x(lib, "potrf", (handle, NULL, uplo, n, kind, x.p, n, kind), (info.ints,))
    close(x.get(), a.get(), letter)
    call(lib, letter, "potri", handle, uplo, n, a.p, n, area.p, 1, info.ints)
    half = np.triu(a.get()) if uplo else np.tril(a.get())
    close(host @ (half + half.conj().T - np.diag(np.diag(half))), np.eye(n), letter)


def test_cholesky_info(lib: Any, handle: Any) -> None:
    host = np.eye(4)
    host[2, 2] = -1
    a, info = Matrix(host), ints()
    call(lib, "D", "potrf", handle, LOWER, 4, a.p, 4, NULL, 0, info.ints)
    assert info.get().tolist() == [3]


@EACH_LETTER
def test_cholesky_batched(lib: Any, handle: Any, letter: str) -> None:
    n, batch = 4, 3
    hosts = [positive(letter, n) + i * np.eye(n, dtype=DTYPES[letter]) for i in range(batch)]
    rights = [random(letter, n, 1, seed=i) for i in range(batch)]
    parts, sides = [Matrix(x) for x in hosts], [Matrix(x) for x in rights]
    address = lambda arrays: Matrix(np.array([int(ffi.cast("uintptr_t", x.p)) for x in arrays], "u8"))
    a, b, infos = address(parts), address(sides), ints(batch)
    call(lib, letter, "potrfBatched", handle, LOWER, n, a.p, n, infos.ints, batch)
    assert infos.get().tolist() == [0] * batch
    one = ints(2)
    call(lib, letter, "potrsBatched", handle, LOWER, n, 1, a.p, n, b.p, n, one.ints, batch)
    for host, right, side in zip(hosts, rights, sides, strict=True):
        close(host @ side.get(), right, letter)
    assert one.get().tolist() == [0, 77]  # one info for the whole batch


@EACH_LETTER
@pytest.mark.parametrize(("m", "n"), [(6, 4), (4, 4)])
def test_qr(lib: Any, handle: Any, letter: str, m: int, n: int) -> None:
    host = random(letter, m, n)
    a, tau, info = Matrix(host), Matrix(random(letter, n)), ints()
    name = "un" if letter in "CZ" else "or"
    area = work(lib, letter, "geqrf", handle, m, n, a.p, m, None)
    call(lib, letter, "geqrf", handle, m, n, a.p, m, tau.p, area.p, 1, info.ints)
    kind = CUDA_TYPES[letter]
    x, x_tau = Matrix(host), Matrix(random(letter, n))
    call_x(lib, "geqrf", (handle, NULL, m, n, kind, x.p, m, kind, x_tau.p, kind), (info.ints,))
    close(x.get(), a.get(), letter)
    r = np.triu(a.get()[:n])
    c = Matrix(host)
    adjoint = C if letter in "CZ" else T
    call(lib, letter, f"{name}mqr", handle, 0, adjoint, m, n, n, a.p, m, tau.p, c.p, m, area.p, 1, info.ints)
    close(c.get()[:n], r, letter)  # Q^H A = R
    work(lib, letter, f"{name}gqr", handle, m, n, n, a.p, m, tau.p, None)
    call(lib, letter, f"{name}gqr", handle, m, n, n, a.p, m, tau.p, area.p, 1, info.ints)
    close(a.get() @ r, host, letter)
    close(a.get().conj().T @ a.get(), np.eye(n), letter)


@EACH_LETTER
@pytest.mark.parametrize("how", ["evd", "evj", "Xsyevd"])
@pytest.mark.parametrize("mode", [0, 1])
def test_symmetric_eigenvalues(lib: Any, handle: Any, letter: str, how: str, mode: int) -> None:
    n, kind, real = 6, CUDA_TYPES[letter], CUDA_TYPES["S" if letter in "SC" else "D"]
    host = positive(letter, n)
    a, w, info = Matrix(host), Matrix(reals(letter, n)), ints()
    name = ("he" if letter in "CZ" else "sy") + how
    if how == "evd":
        area = work(lib, letter, name, handle, mode, UPPER, n, a.p, n, w.p, None)
        call(lib, letter, name, handle, mode, UPPER, n, a.p, n, w.p, area.p, 1, info.ints)
    elif how == "evj":
        area = work(lib, letter, name, handle, mode, UPPER, n, a.p, n, w.p, (NULL,))
        call(lib, letter, name, handle, mode, UPPER, n, a.p, n, w.p, area.p, 1, info.ints, NULL)
    else:
        call_x(lib, "syevd", (handle, NULL, mode, UPPER, n, kind, a.p, n, real, w.p, kind), (info.ints,))
    close(w.get(), np.linalg.eigvalsh(host), letter)
    assert info.get().tolist() == [0]
    if mode:
        close(host @ a.get(), a.get() * w.get(), letter)


@EACH_LETTER
@pytest.mark.parametrize("generic", [False, True])
def test_symmetric_eigenvalues_batched(lib: Any, handle: Any, letter: str, generic: bool) -> None:
    n, batch, kind, real = 4, 3, CUDA_TYPES[letter], CUDA_TYPES["S" if letter in "SC" else "D"]
    hosts = np.stack([positive(letter, n) * (i + 1) for i in range(batch)])
    packed = np.concatenate([x.T.reshape(-1) for x in hosts])
    a, w, infos = Matrix(packed), Matrix(reals(letter, batch * n)), ints(batch)
    if generic:
        arguments = (handle, NULL, 1, LOWER, n, kind, a.p, n, real, w.p, kind)
        call_x(lib, "syevBatched", arguments, (infos.ints, batch), (batch,))
    else:
        name = ("he" if letter in "CZ" else "sy") + "evjBatched"
        area = work(lib, letter, name, handle, 1, LOWER, n, a.p, n, w.p, (NULL, batch))
        call(lib, letter, name, handle, 1, LOWER, n, a.p, n, w.p, area.p, 1, infos.ints, NULL, batch)
    values, vectors = w.get().reshape(batch, n), a.get().reshape(batch, n, n).swapaxes(1, 2)
    close(values, np.linalg.eigvalsh(hosts), letter)
    close(hosts @ vectors, vectors * values[:, None], letter)
    assert infos.get().tolist() == [0] * batch


@EACH_LETTER
@pytest.mark.parametrize("how", ["gesvd", "Xgesvd", "gesvdj", "gesvdj econ"])
def test_svd(lib: Any, handle: Any, letter: str, how: str) -> None:
    m, n, kind, real = 6, 4, CUDA_TYPES[letter], CUDA_TYPES["S" if letter in "SC" else "D"]
    econ = how == "gesvdj econ"
    host = random(letter, m, n)
    a, s, info = Matrix(host), Matrix(reals(letter, n)), ints()
    u, v = Matrix(random(letter, m, n if econ else m)), Matrix(random(letter, n, n))
    job = ffi.cast("signed char", ord("A"))
    if how == "gesvd":
        area = work(lib, letter, "gesvd", handle, m, n, None)
        call(lib, letter, "gesvd", handle, job, job, m, n, a.p, m, s.p, u.p, m, v.p, n, area.p, 1, NULL, info.ints)
    elif how == "Xgesvd":
        arguments = (handle, NULL, job, job, m, n, kind, a.p, m, real, s.p, kind, u.p, m, kind, v.p, n, kind)
        call_x(lib, "gesvd", arguments, (info.ints,))
    else:
        area = work(lib, letter, "gesvdj", handle, 1, int(econ), m, n, a.p, m, s.p, u.p, m, v.p, n, (NULL,))
        call(lib, letter, "gesvdj", handle, 1, int(econ), m, n, a.p, m, s.p, u.p, m, v.p, n, area.p, 1, info.ints, NULL)
    adjoint = v.get() if "gesvdj" not in how else v.get().conj().T  # the Jacobi calls give V itself
    close(u.get()[:, :n] * s.get() @ adjoint, host, letter)
    close(s.get(), np.linalg.svd(host, compute_uv=False), letter)
    close(u.get().conj().T @ u.get(), np.eye(u.host.shape[1]), letter)
    assert info.get().tolist() == [0]


@EACH_LETTER
@pytest.mark.parametrize("how", ["gesvdjBatched", "gesvdaStridedBatched"])
def test_svd_batched(lib: Any, handle: Any, letter: str, how: str) -> None:
    m, n, batch = 5, 3, 4
    hosts = np.stack([random(letter, m, n, seed=i) for i in range(batch)])
    a = Matrix(np.concatenate([x.T.reshape(-1) for x in hosts]))
    s, infos = Matrix(reals(letter, batch * n)), ints(batch)
    columns = m if how == "gesvdjBatched" else n
    u, v = Matrix(random(letter, batch * m * columns)), Matrix(random(letter, batch * n * n))
    if how == "gesvdjBatched":
        arguments = (handle, 1, m, n, a.p, m, s.p, u.p, m, v.p, n)
        area = work(lib, letter, how, *arguments, (NULL, batch))
        call(lib, letter, how, *arguments, area.p, 1, infos.ints, NULL, batch)
    else:
        arguments = (handle, 1, n, m, n, a.p, m, m * n, s.p, n, u.p, m, m * n, v.p, n, n * n)
        area = work(lib, letter, how, *arguments, (batch,))
        residual = ffi.new("double[]", batch)
        call(lib, letter, how, *arguments, area.p, 1, infos.ints, residual, batch)
        assert all(np.isnan(list(residual)))
    left = u.get().reshape(batch, columns, m).swapaxes(1, 2)[..., :n]
    adjoint = v.get().reshape(batch, n, n).conj()
    close(left * s.get().reshape(batch, 1, n) @ adjoint, hosts, letter)
    assert infos.get().tolist() == [0] * batch


@EACH_LETTER
def test_ldl(lib: Any, handle: Any, letter: str) -> None:
    n, k, kind = 5, 2, CUDA_TYPES[letter]
    x, right = random(letter, n, n), random(letter, n, k, seed=1)
    host = x + x.T
    a, b, pivots, info = Matrix(host), Matrix(right), ints(n), ints()
    area = work(lib, letter, "sytrf", handle, n, a.p, n, None)
    call(lib, letter, "sytrf", handle, LOWER, n, a.p, n, pivots.ints, area.p, 1, info.ints)
    wide = Matrix(pivots.get().astype("i8"))
    arguments = (handle, LOWER, n, k, kind, a.p, n, ffi.cast("int64_t *", wide.p), kind, b.p, n)
    call_x(lib, "sytrs", arguments, (info.ints,))
    close(host @ b.get(), right, letter)
    without = getattr(lib, f"cusolverDn{letter}sytrf")
    assert without(handle, LOWER, n, a.p, n, NULL, area.p, 1, info.ints) == NOT_SUPPORTED


@EACH_LETTER
def test_general_eigenvalues(lib: Any, handle: Any, letter: str) -> None:
    n, kind = 5, CUDA_TYPES[letter]
    host = random(letter, n, n)
    complex_letter = "C" if letter in "SC" else "Z"
    a, w, info = Matrix(host), Matrix(random(complex_letter, n)), ints()
    right = Matrix(random(letter, n, n))
    arguments = (
        handle,
        NULL,
        0,
        1,
        n,
        kind,
        a.p,
        n,
        CUDA_TYPES[complex_letter],
        w.p,
        kind,
        NULL,
        1,
        kind,
        right.p,
        n,
        kind,
    )
    call_x(lib, "geev", arguments, (info.ints,))
    order = lambda values: np.sort_complex(np.round(values, 4))
    close(order(w.get()), order(np.linalg.eigvals(host)), letter)
    if letter in "CZ":
        close(host @ right.get(), right.get() * w.get(), letter)
    else:  # with a real type of w: real parts, then imaginary parts
        split = Matrix(reals(letter, 2 * n))
        again = Matrix(host)
        call_x(lib, "geev", (*arguments[:6], again.p, n, kind, split.p, *arguments[10:]), (info.ints,))
        close(split.get()[:n] + 1j * split.get()[n:], w.get(), letter)
    wrong = (*arguments[:8], 2, *arguments[9:])
    assert lib.cusolverDnXgeev(*wrong, NULL, 0, NULL, 0, info.ints) == INVALID_VALUE


def test_wrong_calls(lib: Any, handle: Any) -> None:
    a, info = Matrix(np.eye(4)), ints()
    assert lib.cusolverDnDpotrf(NULL, LOWER, 4, a.p, 4, NULL, 0, info.ints) == NOT_INITIALIZED
    assert lib.cusolverDnDpotrf(handle, LOWER, 4, a.p, 3, NULL, 0, info.ints) == INVALID_VALUE
    assert lib.cusolverDnDpotrf(handle, LOWER, -1, a.p, 4, NULL, 0, info.ints) == INVALID_VALUE
    assert lib.cusolverDnDpotrf_bufferSize(handle, LOWER, 4, a.p, 4, NULL) == INVALID_VALUE
    assert lib.cusolverDnXpotrf(handle, NULL, LOWER, 4, 2, a.p, 4, 2, NULL, 0, NULL, 0, info.ints) == NOT_SUPPORTED
    assert lib.cusolverDnCreate(NULL) == INVALID_VALUE


def test_parameter_objects(lib: Any) -> None:
    params, svd, eigen = ffi.new("cusolverDnParams_t *"), ffi.new("gesvdjInfo_t *"), ffi.new("syevjInfo_t *")
    d.check(lib.cusolverDnCreateParams(params))
    d.check(lib.cusolverDnSetAdvOptions(params[0], 0, 1))
    d.check(lib.cusolverDnDestroyParams(params[0]))
    d.check(lib.cusolverDnCreateGesvdjInfo(svd))
    d.check(lib.cusolverDnXgesvdjSetTolerance(svd[0], 1e-7))
    d.check(lib.cusolverDnXgesvdjSetMaxSweeps(svd[0], 15))
    d.check(lib.cusolverDnXgesvdjSetSortEig(svd[0], 1))
    d.check(lib.cusolverDnDestroyGesvdjInfo(svd[0]))
    d.check(lib.cusolverDnCreateSyevjInfo(eigen))
    d.check(lib.cusolverDnXsyevjSetTolerance(eigen[0], 1e-7))
    d.check(lib.cusolverDnDestroySyevjInfo(eigen[0]))
