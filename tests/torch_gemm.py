"""A PyTorch program: matrix products on the device against float64 on the CPU. Prints one line per wrong case.

python torch_gemm.py forward DTYPE | backward DTYPE | extras
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable

import torch
from torch.nn import functional as F

# A few units in the last place of the type, relative to the largest element of the result.
TOLERANCE = {
    torch.float32: 1e-5,
    torch.float64: 1e-13,
    torch.float16: 2e-3,
    torch.bfloat16: 1.6e-2,
    torch.complex64: 1e-5,
    torch.complex128: 1e-13,
}
# m, k, n, with empty and one-sized ones.
SIZES = ((7, 5, 3), (1, 1, 1), (64, 32, 48), (0, 3, 4), (3, 0, 4), (1, 16, 5), (5, 16, 1), (129, 65, 33))
Make = Callable[..., torch.Tensor]

count = 0


def report(name: str, got: torch.Tensor, want: torch.Tensor, tolerance: float) -> None:
    """Counts a comparison and prints it if it fails."""
    global count
    count += 1
    got = got.detach().cpu().to(want.dtype)
    if got.shape != want.shape:
        print("WRONG", name, "shape", tuple(got.shape), "instead of", tuple(want.shape))
    elif want.numel():
        error = (got - want).abs().max().item()
        scale = max(1.0, want.abs().max().item())
        if not error <= tolerance * scale:
            print("WRONG", name, "error", error, "of", scale)


def wide(dtype: torch.dtype) -> torch.dtype:
    return torch.complex128 if dtype.is_complex else torch.float64


def on_device(t: torch.Tensor) -> torch.Tensor:
    """A copy with the same strides."""
    if not t.numel() or t.is_conj():
        return t.cuda()
    return torch.empty_strided(t.size(), t.stride(), dtype=t.dtype, device="cuda").copy_(t)


def cases(make: Make, m: int, k: int, n: int, dtype: torch.dtype) -> dict[str, tuple]:
    """name: function and arguments."""
    table = {
        "mm": (torch.mm, make(m, k), make(k, n)),
        "mm transposed": (torch.mm, make(k, m).T, make(n, k).T),
        "mm strided": (torch.mm, make(m, 2 * k)[:, ::2], make(k, n)),
        "addmm scaled": (lambda c, a, b: torch.addmm(c, a, b, beta=0.5, alpha=2), make(m, n), make(m, k), make(k, n)),
        "addmm bias": (torch.addmm, make(n), make(m, k), make(k, n)),
        "bmm": (torch.bmm, make(4, m, k), make(4, k, n)),
        "bmm transposed": (torch.bmm, make(4, k, m).transpose(1, 2), make(4, n, k).transpose(1, 2)),
        "baddbmm": (torch.baddbmm, make(4, m, n), make(4, m, k), make(4, k, n)),
        "matmul broadcast": (torch.matmul, make(2, 3, m, k), make(k, n)),
        "linear": (F.linear, make(m, k), make(n, k), make(n)),
        "mv": (torch.mv, make(m, k), make(k)),
        "mv transposed": (torch.mv, make(k, m).T, make(k)),
        "dot": (torch.dot, make(k), make(k)),
        "einsum": (lambda a, b: torch.einsum("bik,bjk->bij", a, b), make(3, m, k), make(3, n, k)),
    }
    if dtype.is_complex:
        table |= {
            "vdot": (torch.vdot, make(k), make(k)),
            "mm adjoint": (torch.mm, make(k, m).mH, make(n, k).mH),
            "mm conjugate": (torch.mm, make(m, k).conj(), make(k, n).conj()),
            "mv conjugate": (torch.mv, make(m, k).conj(), make(k)),
        }
    return table


def forward(dtype: torch.dtype) -> None:
    def make(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=wide(dtype)).to(dtype)

    for m, k, n in SIZES:
        for name, (function, *arguments) in cases(make, m, k, n, dtype).items():
            want = function(*(a.to(wide(dtype)) for a in arguments))
            report(f"{name} {m}x{k}x{n}", function(*map(on_device, arguments)), want, TOLERANCE[dtype])


def backward(dtype: torch.dtype) -> None:
    for (m, k, n), bias in itertools.product(((40, 33, 17), (1, 8, 1), (64, 64, 64)), (False, True)):
        shapes = ((m, k), (n, k), (n,))[: 2 + bias]
        values = [torch.randn(*s, dtype=wide(dtype)).to(dtype) for s in shapes]
        upstream = torch.randn(m, n, dtype=wide(dtype)).to(dtype)
        results = []
        for device, kind in (("cpu", wide(dtype)), ("cuda", dtype)):
            leaves = [v.to(kind).to(device).clone().requires_grad_() for v in values]
            y = F.linear(*leaves)
            y.backward(upstream.to(kind).to(device))
            results.append([y, *(leaf.grad for leaf in leaves)])
        for name, want, got in zip(("y", "dx", "dw", "db"), *results, strict=False):
            # Reductions over the batch happen in the type itself.
            report(f"linear {m}x{k}x{n} bias={bias} {name}", got, want.detach(), 4 * TOLERANCE[dtype])


def extras() -> None:
    torch.set_float32_matmul_precision("high")
    a = torch.randn(64, 64)
    report("TF32 mode", a.cuda() @ a.cuda(), a.double() @ a.double(), 1e-5)
    torch.set_float32_matmul_precision("highest")

    bias, x, w = torch.randn(24), torch.randn(16, 32), torch.randn(32, 24)
    for gelu in (False, True):
        y = torch.addmm(bias.double(), x.double(), w.double())
        want = F.gelu(y) if gelu else y.relu()
        got = torch._addmm_activation(bias.cuda(), x.cuda(), w.cuda(), use_gelu=gelu)
        report(f"addmm activation gelu={gelu}", got, want, 1e-5)

    a, b = (torch.randint(-128, 128, s, dtype=torch.int8) for s in ((32, 64), (64, 24)))
    report("int8", torch._int_mm(a.cuda(), b.cuda()), a.int() @ b.int(), 0)

    nan = torch.full((8, 8), float("nan"), device="cuda")
    a, b = torch.randn(8, 8), torch.randn(8, 8)
    report("beta = 0 over NaN", torch.addmm(nan, a.cuda(), b.cuda(), beta=0), a.double() @ b.double(), 1e-5)

    a, b = torch.randn(5, 6, 6) + 4 * torch.eye(6), torch.randn(5, 6, 2)
    report("batched solve", torch.linalg.solve(a.cuda(), b.cuda()), torch.linalg.solve(a.double(), b.double()), 1e-4)
    report("batched inverse", torch.linalg.inv(a.cuda()), torch.linalg.inv(a.double()), 1e-4)
    upper = a.triu()
    want = torch.linalg.solve_triangular(upper.double(), b.double(), upper=True)
    report("triangular", torch.linalg.solve_triangular(upper.cuda(), b.cuda(), upper=True), want, 1e-4)
    a = torch.randn(5, 9, 4)
    want = torch.linalg.lstsq(a.double(), torch.ones(5, 9, 2, dtype=torch.float64)).solution
    report("least squares", torch.linalg.lstsq(a.cuda(), torch.ones(5, 9, 2, device="cuda")).solution, want, 1e-4)

    stream = torch.cuda.Stream()
    a = torch.randn(48, 48, device="cuda")
    with torch.cuda.stream(stream):
        b = a @ a
    torch.cuda.current_stream().wait_stream(stream)
    report("side stream", b @ a, a.cpu().double().matrix_power(3), 1e-5)

    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        c = F.linear(a, a, a[0])
    a.fill_(1.0)
    graph.replay()
    report("graph replay", c, torch.full((48, 48), 49.0, dtype=torch.float64), 1e-6)


def main() -> None:
    torch.manual_seed(0)
    what, *names = sys.argv[1:]
    {"forward": forward, "backward": backward, "extras": extras}[what](*(getattr(torch, name) for name in names))
    print("compared", count)


if __name__ == "__main__":
    main()
