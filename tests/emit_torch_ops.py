"""Run by test_emit_torch.py under maf-exec: torch operations on the virtual device against the CPU."""

from __future__ import annotations

import sys

import torch
import torch.nn.functional as F

torch.manual_seed(0)
SHAPES = [(1,), (31,), (128,), (1000,), (5, 7), (64, 96), (3, 513), (2, 3, 65), (40, 1024)]
SAME = {"rtol": 1e-5, "atol": 1e-5}
EXACT = {"rtol": 0, "atol": 0}

ELEMENTWISE = {
    "add": (lambda a, b: a + 2 * b, SAME),
    "transposed": (lambda a, b: (a.movedim(0, -1) * 3 + b.movedim(0, -1)).contiguous(), SAME),
    "broadcast": (lambda a, b: a - b[..., :1], EXACT),
    "div": (lambda a, b: a / (b.abs() + 1e-30), SAME),
    "exp_log": (lambda a, b: (a.exp() + 1).log() - torch.log2(b.abs() + 1), SAME),
    "sin_tanh": (lambda a, b: (a * 20).sin() * b.tanh() + b.cos(), SAME),
    "pow": (lambda a, b: a.abs() ** b, {"rtol": 1e-4, "atol": 1e-5}),
    "gelu": (lambda a, b: F.gelu(a) + F.silu(b), SAME),
    "half": (lambda a, b: (a.half() * b.half() + 1).float(), {"rtol": 2e-3, "atol": 2e-3}),
    "bfloat16": (lambda a, b: (a.bfloat16() * b.bfloat16()).float(), {"rtol": 1e-2, "atol": 1e-2}),
    "double": (lambda a, b: (a.double() / (b.double() + 10)).sqrt().nan_to_num(), SAME),
    "int64": (lambda a, b: (a * 1000).long() // ((b * 100).long().abs() + 1), EXACT),
    "int8": (lambda a, b: (a * 20).to(torch.int8) & (b * 20).to(torch.int8), EXACT),
    "compare": (lambda a, b: (a > b) ^ (a < 0), EXACT),
    "where": (lambda a, b: torch.where(a > 0.3, a, b), EXACT),
    "remainder": (lambda a, b: torch.remainder(a * 10, b.abs() + 0.5), {"rtol": 1e-4, "atol": 1e-4}),
}
REDUCTIONS = {
    "sum": (lambda a: a.sum(), {"rtol": 1e-4, "atol": 1e-3}),
    "sum_last": (lambda a: a.sum(-1), {"rtol": 1e-4, "atol": 1e-4}),
    "mean_first": (lambda a: a.mean(0), SAME),
    "amax": (lambda a: a.amax(-1), EXACT),
    "argmin": (lambda a: a.argmin(-1), EXACT),
    "var": (lambda a: a.double().var(), SAME),
    "norm": (lambda a: a.norm(dim=-1), SAME),
    "any": (lambda a: (a > 2).any(-1), EXACT),
    "softmax": (lambda a: a.softmax(-1), SAME),
    "log_softmax": (lambda a: a.log_softmax(-1), SAME),
    "layer_norm": (lambda a: F.layer_norm(a, a.shape[-1:]), {"rtol": 1e-4, "atol": 1e-4}),
    "cumsum": (lambda a: a.cumsum(-1), {"rtol": 1e-4, "atol": 1e-4}),
    "sort": (lambda a: a.sort(-1)[0], EXACT),
    "topk": (lambda a: a.topk(1, -1)[0], EXACT),
    "median": (lambda a: a.median(), EXACT),
    "nonzero": (lambda a: (a > 0).nonzero(), EXACT),
    "unique": (lambda a: (a * 4).round().unique(), EXACT),
    "flip": (lambda a: a.flip(-1), EXACT),
    "gather": (lambda a: a.gather(-1, a.argsort(-1)), EXACT),
    "index": (lambda a: a[torch.arange(a.shape[0] - 1, -1, -1, device=a.device)], EXACT),
    "index_add": (
        lambda a: torch.zeros(7, device=a.device).index_add(
            0, torch.arange(a.numel(), device=a.device) % 7, a.flatten()
        ),
        {"rtol": 1e-4, "atol": 1e-3},
    ),
    "bincount": (lambda a: torch.bincount((a.flatten() * 3).abs().long()), EXACT),
    "scatter": (lambda a: torch.zeros_like(a).scatter(-1, a.argsort(-1), a), EXACT),
}
IMAGES = {
    "max_pool": (lambda a: F.max_pool2d(a, 3, 2, 1), EXACT),
    "avg_pool": (lambda a: F.avg_pool2d(a, 2), SAME),
    "adaptive": (lambda a: F.adaptive_avg_pool2d(a, 3), SAME),
    "interpolate": (lambda a: F.interpolate(a, scale_factor=1.7, mode="bilinear"), SAME),
    "pad": (lambda a: F.pad(a, (1, 2, 3, 1), mode="reflect"), EXACT),
    "group_norm": (lambda a: F.group_norm(a, 2), {"rtol": 1e-4, "atol": 1e-4}),
}


def adam(device: str) -> torch.Tensor:
    torch.manual_seed(3)
    w = torch.randn(37, 29, device="cpu").to(device).requires_grad_()
    optimizer = torch.optim.AdamW([w], lr=0.01, fused=device == "cuda")
    for _ in range(3):
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()
    return w.detach()


def dropout(device: str) -> None:
    torch.manual_seed(5)
    x = torch.ones(100_003, device=device)
    y = F.dropout(x, 0.3)
    kept = (y != 0).float().mean().item()
    assert abs(kept - 0.7) < 0.01, kept
    assert torch.allclose(y[y != 0], torch.full_like(y[y != 0], 1 / 0.7))


def main() -> int:
    failed = 0

    def check(name: str, shape: object, want: torch.Tensor, got: torch.Tensor, tolerance: dict) -> None:
        nonlocal failed
        try:
            torch.testing.assert_close(got.cpu(), want, equal_nan=True, **tolerance)
        except AssertionError as error:
            failed += 1
            print(f"{name} {shape}: {' '.join(str(error).split())}")

    for shape in SHAPES:
        a, b = torch.randn(shape), torch.randn(shape)
        da, db = a.cuda(), b.cuda()
        for name, (f, tolerance) in ELEMENTWISE.items():
            check(name, shape, f(a, b), f(da, db), tolerance)
        for name, (f, tolerance) in REDUCTIONS.items():
            check(name, shape, f(a), f(da), tolerance)
    for shape in [(1, 2, 8, 8), (3, 4, 17, 23)]:
        a = torch.randn(shape)
        for name, (f, tolerance) in IMAGES.items():
            check(name, shape, f(a), f(a.cuda()), tolerance)
    check("adam", (37, 29), adam("cpu"), adam("cuda"), SAME)
    dropout("cuda")
    print(f"{failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
