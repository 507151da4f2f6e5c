"""Runs one group of torch.linalg, torch.fft or torch.special functions on CPU and on an SDA; a JSON line per comparison."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from typing import Any

import torch

BOUNDS = {torch.float32: 2e-4, torch.float64: 1e-10, torch.complex64: 2e-4, torch.complex128: 1e-10}


def compare(name: str, function: Callable[..., Any], *arguments: Any, bound: float | None = None) -> None:
    """Worst difference between the two devices' results, relative to the largest value."""
    dtype = next(a.dtype for a in arguments if isinstance(a, torch.Tensor))
    allowed = BOUNDS.get(dtype, 1e-2) if bound is None else bound
    error = 0.0
    try:
        want = function(*arguments)
        got = function(*(a.cuda() if isinstance(a, torch.Tensor) else a for a in arguments))
        wants, gots = ((x if isinstance(x, tuple | list) else (x,)) for x in (want, got))
        for x, y in zip(wants, gots, strict=True):
            y = y.cpu()
            if x.shape != y.shape or x.dtype != y.dtype:
                error = float("inf")
            elif x.numel():
                wide = torch.complex128 if x.is_complex() else torch.float64
                x, y = x.to(wide), y.to(wide)
                same = (x == y) | (x.isnan() & y.isnan())
                scale = 1 + x[x.isfinite()].abs().max().item() if x.isfinite().any() else 1.0
                worst = torch.where(same, torch.zeros_like(x.abs()), (x - y).abs()).max().item()
                error = max(error, float("inf") if math.isnan(worst) else worst / scale)
        text = ""
    except Exception as failure:  # noqa: BLE001 - every failure is a result
        error, text = float("inf"), f"{type(failure).__name__}: {failure}"[:300]
    print(json.dumps({"case": f"{name} {str(dtype)[6:]}", "error": error, "bound": allowed, "text": text}), flush=True)


def product(parts: Any) -> torch.Tensor:
    u, s, vh = parts
    return u @ torch.diag_embed(s).to(u.dtype) @ vh


def qr_product(x: torch.Tensor, mode: str = "reduced") -> torch.Tensor:
    q, r = torch.linalg.qr(x, mode=mode)
    return q @ r


def eigh_product(x: torch.Tensor) -> torch.Tensor:
    w, v = torch.linalg.eigh(x)
    return v @ torch.diag_embed(w).to(v.dtype) @ v.mH


def eig_residual(x: torch.Tensor) -> torch.Tensor:
    w, v = torch.linalg.eig(x)
    return x.to(v.dtype) @ v - v * w.unsqueeze(-2)


def matrices(dtype: torch.dtype) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    new = lambda *shape: torch.randn(*shape, dtype=dtype)
    a, b = new(5, 5), new(3, 5, 5)
    eye = 5 * torch.eye(5, dtype=dtype)
    return {
        "a": a, "b": b, "p": a @ a.mH + eye, "pb": b @ b.mH + eye, "r": new(5, 2), "rb": new(3, 5, 2), "t": new(7, 4),
        "tb": new(3, 7, 4), "q": new(7, 2), "big": new(64, 64), "empty": new(0, 0), "none": new(0, 3, 3),
    }  # fmt: skip


def solving(dtype: torch.dtype) -> None:
    m, linalg = matrices(dtype), torch.linalg
    for one, side in (("a", "r"), ("b", "rb")):
        compare(f"solve {one}", linalg.solve, m[one], m[side])
        compare(f"triangular {one}", lambda x, y: linalg.solve_triangular(x.tril() + 3 * torch.eye(5).to(x), y, upper=False), m[one], m[side])  # fmt: skip
        compare(f"lu_solve {one}", lambda x, y: linalg.lu_solve(*linalg.lu_factor(x), y), m[one], m[side])
    for name in ("a", "b", "big", "empty", "none"):
        compare(f"inv {name}", linalg.inv, m[name], bound=100 * BOUNDS[dtype])
        compare(f"det {name}", linalg.det, m[name])
        compare(f"slogdet {name}", linalg.slogdet, m[name])
    for name in ("a", "b", "t", "tb", "big"):
        compare(f"lu {name}", lambda x: linalg.lu(x), m[name])
    compare("lu without pivots", lambda x: product_lu(x), m["p"])
    for one, side in (("p", "r"), ("pb", "rb")):
        compare(f"cholesky {one}", linalg.cholesky, m[one])
        compare(f"cholesky upper {one}", lambda x: linalg.cholesky(x, upper=True), m[one])
        compare(f"cholesky_solve {one}", lambda x, y: torch.cholesky_solve(y, linalg.cholesky(x)), m[one], m[side])
        compare(f"cholesky_inverse {one}", lambda x: torch.cholesky_inverse(linalg.cholesky(x)), m[one])
        symmetric = (m[one] + m[one].mT).contiguous()
        compare(f"ldl {one}", lambda x, y: linalg.ldl_solve(*linalg.ldl_factor(x), y), symmetric, m[side])
    compare("cholesky_ex info", lambda x: linalg.cholesky_ex(-x)[1], m["pb"])
    compare("inv_ex info", lambda x: linalg.inv_ex(x - x)[1], m["b"])


def product_lu(x: torch.Tensor) -> torch.Tensor:
    """L U of a factorisation without pivoting, which only the SDA offers; the CPU's answer is the matrix."""
    if not x.is_cuda:
        return x
    factors, _ = torch.linalg.lu_factor(x, pivot=False)
    return (factors.tril(-1) + torch.eye(len(x)).to(x)) @ factors.triu()


def decompositions(dtype: torch.dtype) -> None:
    m, linalg = matrices(dtype), torch.linalg
    for name in ("a", "t", "tb"):
        compare(f"qr {name}", qr_product, m[name])
        compare(f"qr complete {name}", lambda x: qr_product(x, "complete"), m[name])
        compare(f"qr r {name}", lambda x: linalg.qr(x, mode="r")[1].abs(), m[name])
    compare("householder_product", lambda x: linalg.householder_product(*torch.geqrf(x)), m["t"])
    compare("ormqr", lambda x: torch.ormqr(*torch.geqrf(x), x), m["t"])
    for name in ("t", "tb", "a", "big"):
        compare(f"svdvals {name}", linalg.svdvals, m[name])
        compare(f"svd {name}", lambda x: product(linalg.svd(x, full_matrices=False)), m[name])
    compare("svd wide", lambda x: product(linalg.svd(x.mT, full_matrices=False)), m["tb"])
    compare("svd full", lambda x: [y.abs() for y in linalg.svd(x)][1], m["tb"])
    for driver in ("gesvd", "gesvdj", "gesvda"):
        compare(f"svd {driver}", lambda x, d=driver: product(linalg.svd(x, full_matrices=False, driver=d if x.is_cuda else None)), m["tb"])  # fmt: skip
    for name in ("p", "pb"):
        compare(f"eigvalsh {name}", linalg.eigvalsh, m[name])
        compare(f"eigh {name}", eigh_product, m[name])
    order = lambda w: torch.sort(w.real + 3 * w.imag.abs())[0]
    for name in ("a", "b"):
        compare(f"eigvals {name}", lambda x: order(linalg.eigvals(x)), m[name])
        compare(f"eig {name}", eig_residual, m[name])
    compare("lstsq", lambda x, y: linalg.lstsq(x, y)[0], m["t"], m["q"])
    compare("pinv", linalg.pinv, m["t"])
    compare("matrix_rank", linalg.matrix_rank, m["t"])
    compare("cond", linalg.cond, m["a"], bound=100 * BOUNDS[dtype])
    compare("norm 2", lambda x: linalg.norm(x, 2), m["a"])
    compare("norm nuc", lambda x: linalg.norm(x, "nuc"), m["a"])
    compare("matrix_exp", linalg.matrix_exp, m["a"])
    compare("matrix_power", lambda x: linalg.matrix_power(x, -3), m["a"], bound=1000 * BOUNDS[dtype])


def fourier(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x, fft = torch.randn(4, 6, 10, dtype=dtype), torch.fft
    for name in ("fft", "ifft", "fft2", "ifft2", "fftn", "ifftn", "hfft", "irfft", "irfft2", "irfftn"):
        function = getattr(fft, name)
        compare(name, function, x)
        compare(f"{name} ortho", lambda y, f=function: f(y, norm="ortho"), x)
    compare("fft dim 1", lambda y: fft.fft(y, dim=1), x)
    compare("fft of a transpose", lambda y: fft.fft(y.transpose(0, 2)), x)
    compare("fft padded", lambda y: fft.fft(y, n=16), x)
    compare("fft cut", lambda y: fft.fft(y, n=7), x)
    compare("irfftn odd", lambda y: fft.irfftn(y, s=(4, 6, 9)), x)
    compare("fftn over 5 dimensions", fft.fftn, torch.randn(2, 3, 2, 3, 4, dtype=dtype))
    compare("fft of one", fft.fft, torch.randn(3, 1, dtype=dtype))
    compare("fft large", fft.fft, torch.randn(1 << 15, dtype=dtype))
    if not dtype.is_complex:
        for name in ("rfft", "rfft2", "rfftn", "ihfft"):
            compare(name, getattr(fft, name), x)
        compare("there and back", lambda y: fft.irfft(fft.rfft(y), n=y.shape[-1]), x)
        window = torch.hann_window(16, dtype=dtype)
        compare("stft", lambda y, w: torch.stft(y.flatten(), 16, return_complex=True, window=w), x, window)
        compare("istft", lambda y, w: torch.istft(torch.stft(y.flatten(), 16, return_complex=True, window=w), 16, window=w), x, window)  # fmt: skip


def special(dtype: torch.dtype) -> None:
    """Functions that torch compiles at run time through NVRTC."""
    torch.manual_seed(0)
    x = torch.rand(40, dtype=dtype) + 0.1
    if dtype.is_complex:
        for name in ("abs", "exp", "sigmoid", "log", "tanh", "sin", "sqrt", "prod", "angle", "expm1", "sgn"):
            compare(name, getattr(torch, name), x, bound=1e-4)
        compare("prod over rows", lambda y: y.reshape(8, 5).prod(0), x, bound=1e-4)
        return
    for name in ("lgamma", "digamma", "sinc", "prod", "erfc"):
        compare(name, getattr(torch, name), x, bound=1e-4)
    for name in (
        "i0e", "i1", "i1e", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "modified_bessel_i0", "modified_bessel_k1",
        "scaled_modified_bessel_k0", "spherical_bessel_j0", "airy_ai", "ndtri", "log_ndtr", "erfcx", "entr",
    ):  # fmt: skip
        argument = x.clamp(max=0.9) if name == "ndtri" else x
        compare(name, getattr(torch.special, name), argument, bound=1e-4)
    for name in ("chebyshev_polynomial_t", "hermite_polynomial_h", "laguerre_polynomial_l", "legendre_polynomial_p"):
        compare(name, getattr(torch.special, name), x, torch.arange(40) % 5, bound=1e-4)
    compare("zeta", torch.special.zeta, x + 1.5, x, bound=1e-4)
    compare("zeta broadcast", lambda y: torch.special.zeta(y[:, None] + 1.5, y[None]), x, bound=1e-4)
    compare("polygamma", lambda y: torch.polygamma(2, y), x, bound=1e-4)
    compare("strided", lambda y: y[::3].lgamma(), x, bound=1e-4)
    compare("unaligned", lambda y: y[1:].lgamma(), x, bound=1e-4)
    compare("prod over columns", lambda y: y.reshape(8, 5).prod(1), x, bound=1e-4)
    compare("prod large", lambda y: (1 + (y.repeat(1000) - 0.6) * 1e-4).prod(), x, bound=1e-3)
    for narrow in (torch.float16, torch.bfloat16):
        compare("lgamma", torch.lgamma, x.to(narrow))
    whole = torch.arange(1, 41)
    compare("gcd", torch.gcd, whole, whole.flip(0))
    compare("lcm", torch.lcm, whole, whole.flip(0))
    own = "template <typename T> T own(T x, T y, T alpha) { return alpha * x - y; }"
    function = torch.cuda.jiterator._create_jit_fn(own, alpha=0.5)
    compare("jiterator", lambda a, b: function(a, b, alpha=2.0) if a.is_cuda else 2 * a - b, x, x.flip(0))


GROUPS = {"solving": solving, "decompositions": decompositions, "fourier": fourier, "special": special}

if __name__ == "__main__":
    GROUPS[sys.argv[1]](getattr(torch, sys.argv[2]))
