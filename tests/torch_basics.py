"""A PyTorch program: what users of other devices reported first. Values are compared with the CPU's.

python torch_basics.py fills | linear | defaults | memory. Prints one line per wrong case, at the end how many there were.
"""

from __future__ import annotations

import itertools
import sys

import torch
from torch import nn
from torch.nn import functional as F

BYTES = (torch.uint8, torch.int8, torch.bool, torch.float8_e4m3fn, torch.float8_e5m2)
WORDS = (torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint32, torch.uint64)
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
COMPLEX = (torch.complex32, torch.complex64, torch.complex128)
compared = 0


def report(name: str, got: torch.Tensor, want: torch.Tensor, tolerance: float = 0.0) -> None:
    global compared
    compared += 1
    kind = torch.complex128 if got.dtype.is_complex else torch.float64
    got, want = got.detach().cpu().to(kind), want.detach().to(kind)
    scale = max(1.0, want.abs().max().item())
    if got.shape != want.shape or not (got - want).abs().max().item() <= tolerance * scale:
        print("WRONG", name)


def fills() -> None:
    """The library's first kernels: a missing one is an unresolved name, not a wrong value."""
    for dtype in (*BYTES, *WORDS, *FLOATS, *COMPLEX):
        for size in (1, 1000, 4099):
            report(f"zeros {dtype} {size}", torch.zeros(size, dtype=dtype, device="cuda"), torch.zeros(size))
            report(f"ones {dtype} {size}", torch.ones(size, dtype=dtype, device="cuda"), torch.ones(size))
            x = torch.empty(size + 1, dtype=dtype, device="cuda")[1:]  # not aligned to a vector access
            report(f"fill_ {dtype} {size}", x.fill_(1), torch.ones(size))
            report(f"to float {dtype} {size}", x.float() if not dtype.is_complex else x.abs().float(), torch.ones(size))


def linear() -> None:
    """A layer, an activation, something elementwise, and back, in each type."""
    tolerances = {torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 2e-2}
    activations = (nn.Identity(), nn.ReLU(), nn.GELU())
    shapes = ((1, 1, 1), (4, 8, 1), (3, 512, 1000))
    for (dtype, tolerance), shape, bias in itertools.product(tolerances.items(), shapes, (False, True)):
        batch, inputs, outputs = shape
        for activation in activations:
            torch.manual_seed(0)
            layer = nn.Linear(inputs, outputs, bias=bias).to(dtype)
            x, upstream = torch.randn(batch, inputs).to(dtype), torch.randn(batch, outputs).to(dtype)
            results = []
            for device, kind in (("cpu", torch.float64), ("cuda", dtype)):
                leaf = x.to(device, kind).requires_grad_()
                own = nn.Linear(inputs, outputs, bias=bias, device=device, dtype=kind)
                own.load_state_dict(layer.state_dict())
                y = activation(own(leaf)) * 2
                y.backward(upstream.to(device, kind))
                results.append([y, leaf.grad, *(p.grad for p in own.parameters())])
            for part, (want, got) in enumerate(zip(*results, strict=True)):
                report(f"{dtype} {shape} bias={bias} {activation} part {part}", got, want, 8 * tolerance)


def defaults() -> None:
    """Convolution and attention as torch chooses them, no flag touched."""
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float16, 5e-3), (torch.bfloat16, 4e-2)):
        results = []
        for device, kind in (("cpu", torch.float64), ("cuda", dtype)):
            torch.manual_seed(0)
            x = torch.randn(2, 3, 12, 12).to(dtype).to(device, kind).requires_grad_()
            weight = (torch.randn(64, 3, 3, 3) / 5).to(dtype).to(device, kind).requires_grad_()
            heads = F.conv2d(x, weight, padding=1, stride=2).view(2, 4, 16, 36).transpose(2, 3)
            mask = torch.randn(36, 36).to(dtype).to(device, kind)
            for causal, bias in ((False, None), (True, None), (False, mask)):
                y = F.scaled_dot_product_attention(heads, heads, heads, attn_mask=bias, is_causal=causal)
                grads = torch.autograd.grad(y.square().sum(), (x, weight), retain_graph=True)
                results.append([y, *grads])
        half = len(results) // 2
        for case, (want, got) in enumerate(zip(results[:half], results[half:], strict=True)):
            for part, values in enumerate(zip(got, want, strict=True)):
                report(f"{dtype} case {case} part {part}", *values, 8 * tolerance)


def memory() -> None:
    """A batch that is too large is an exception that says so; what comes after it is as if it had not been."""
    torch.manual_seed(0)
    layer = nn.Linear(64, 64).cuda()
    batch = torch.randn(32, 64, device="cuda")
    want = layer(batch)
    free, total = torch.cuda.mem_get_info()
    in_use = torch.cuda.memory_allocated()
    for _ in range(3):
        try:
            layer(torch.randn(total // 256, 64, device="cuda"))
            print("WRONG no error")
        except torch.cuda.OutOfMemoryError as error:
            if "CUDA out of memory. Tried to allocate" not in str(error):
                print("WRONG", error)
    report("the next batch", layer(batch), want.cpu())
    report("memory in use", torch.tensor(torch.cuda.memory_allocated()), torch.tensor(in_use))
    torch.cuda.empty_cache()
    report("memory that is free", torch.tensor(torch.cuda.mem_get_info()[0]), torch.tensor(free))


def main() -> None:
    {"fills": fills, "linear": linear, "defaults": defaults, "memory": memory}[sys.argv[1]]()
    print("compared", compared)


if __name__ == "__main__":
    main()
