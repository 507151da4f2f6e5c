"""Run under the shim libraries: scaled_dot_product_attention's memory-efficient kernels against the CPU.

Prints one JSON object a line: case, what, error relative to the largest value, bound.
"""

from __future__ import annotations

import itertools
import json

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

BOUNDS = {torch.float32: 2e-5, torch.float16: 6e-3}
# batch, heads, queries, keys, size of a query, size of a value: tails of the 64-query and 256-key blocks on both sides
SHAPES = [
    (2, 3, 5, 7, 16, 16),
    (1, 2, 65, 130, 64, 64),
    (2, 1, 197, 300, 32, 48),
    (1, 2, 128, 128, 128, 128),
    (1, 1, 300, 700, 160, 160),
]


def report(case: str, what: str, got: torch.Tensor, want: torch.Tensor, bound: float) -> None:
    error = float((got.cpu().double() - want.double()).abs().max() / want.double().abs().max().clamp_min(1))
    print(json.dumps({"case": case, "what": what, "error": error, "bound": bound}), flush=True)


def attention(device: str, tensors: list[torch.Tensor], grad: torch.Tensor, **options) -> list[torch.Tensor]:
    """Output and gradients of query, key, value and, last, a floating mask."""
    inputs = [t.detach().to(device).requires_grad_(t.dtype.is_floating_point) for t in tensors]
    query, key, value, *mask = inputs
    backend = SDPBackend.EFFICIENT_ATTENTION if device == "cuda" else SDPBackend.MATH
    with sdpa_kernel(backend):
        output = scaled_dot_product_attention(query, key, value, attn_mask=mask[0] if mask else None, **options)
    wanted = [t for t in inputs if t.requires_grad]
    return [output.detach(), *torch.autograd.grad(output, wanted, grad.to(device, output.dtype))]


def check(case: str, dtype: torch.dtype, tensors: list[torch.Tensor], grad: torch.Tensor, **options) -> None:
    tensors = [t.to(dtype) if t.dtype.is_floating_point else t for t in tensors]
    exact = [t.double() if t.dtype.is_floating_point else t for t in tensors]
    names = ("output", "query", "key", "value", "mask")
    pairs = zip(names, attention("cuda", tensors, grad, **options), attention("cpu", exact, grad.double(), **options))
    for what, got, want in pairs:
        report(case, what, got, want, BOUNDS[dtype])


def shapes() -> None:
    for dtype, shape, kind in itertools.product(BOUNDS, SHAPES, ("plain", "causal", "added", "boolean")):
        batch, heads, queries, keys, size, size_value = shape
        q, k, v = (torch.randn(batch, heads, *s) for s in ((queries, size), (keys, size), (keys, size_value)))
        masks = []
        if kind == "added":
            masks = [torch.randn(batch, heads, queries, keys)]
        if kind == "boolean":
            masks = [torch.rand(queries, keys) > 0.3]
            masks[0][:, 0] = True
        grad = torch.randn(batch, heads, queries, size_value)
        check(f"{kind} {shape} {dtype}", dtype, [q, k, v, *masks], grad, is_causal=kind == "causal")


def layouts() -> None:
    """Operands that are not packed: heads behind queries, broadcast keys, interleaved projections."""
    qkv = torch.randn(2, 37, 3, 4, 32)
    q, k, v = (qkv[:, :, i].transpose(1, 2) for i in range(3))
    check("interleaved", torch.float32, [q, k, v], torch.randn(2, 4, 37, 32))
    q, k = torch.randn(2, 4, 1, 32), torch.randn(2, 1, 50, 32).expand(2, 4, 50, 32)
    check("one query, one key head", torch.float32, [q, k, k], torch.randn(2, 4, 1, 32))
    hidden = torch.zeros(9, 50)
    hidden[2] = float("-inf")  # a query that sees no key gives zeros
    q, k = torch.randn(1, 2, 9, 32), torch.randn(1, 2, 50, 32)
    want = attention("cpu", [q, k, k, torch.zeros(9, 50)], torch.ones(1, 2, 9, 32))[0]
    want[:, :, 2] = 0
    report("masked row", "output", attention("cuda", [q, k, k, hidden], torch.ones(1, 2, 9, 32))[0], want, 2e-5)


def philox(seed: int, first: int, count: int) -> np.ndarray:
    """Uniform numbers first .. first + count of cuRAND's Philox4x32-10 stream, as float32."""
    block = np.arange(first // 4, (first + count + 3) // 4, dtype=np.uint64)
    low = np.uint64(0xFFFFFFFF)
    c = [block & low, block >> np.uint64(32), np.zeros_like(block), np.zeros_like(block)]
    k = [np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32)]
    for _ in range(10):
        p, r = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(r >> np.uint64(32)) ^ c[1] ^ k[0], r & low, (p >> np.uint64(32)) ^ c[3] ^ k[1], p & low]
        k = [(k[0] + np.uint64(0x9E3779B9)) & low, (k[1] + np.uint64(0xBB67AE85)) & low]
    words = np.stack(c, 1).reshape(-1)[first % 4 :][:count]
    return words.astype(np.float32) * np.float32(2**-32) + np.float32(2**-33)


def dropout() -> None:
    """The mask is the one that the CUDA kernel draws: both passes, and other releases, must agree on it."""
    batch, heads, queries, keys, p = 2, 2, 65, 33, 0.25
    q, k, v = torch.randn(batch, heads, queries, 32), torch.randn(batch, heads, keys, 32), torch.randn(2, 2, keys, 32)
    grad = torch.randn(batch, heads, queries, 32)
    torch.cuda.manual_seed(7)
    got = attention("cuda", [q, k, v], grad, dropout_p=p)
    kept = torch.from_numpy(philox(7, 0, batch * heads * queries * keys) > p).reshape(batch, heads, queries, keys)
    q, k, v = (t.double().requires_grad_() for t in (q, k, v))
    weights = torch.softmax(q @ k.transpose(-1, -2) / 32**0.5, -1) * kept / (1 - p)
    output = weights @ v
    want = [output.detach(), *torch.autograd.grad(output, (q, k, v), grad.double())]
    for what, a, b in zip(("output", "query", "key", "value"), got, want):
        report("dropout", what, a, b, 2e-5)


if __name__ == "__main__":
    torch.manual_seed(1)
    shapes()
    layouts()
    dropout()
