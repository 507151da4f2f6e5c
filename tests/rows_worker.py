"""Run under the shim libraries: operators whose kernels work on rows and have overrides, against float64 on the CPU.

Prints one JSON object a line: case, what, error relative to the largest value, bound.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable

import torch
from torch.nn import functional as F

BOUNDS = {torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 1.6e-2, torch.float64: 1e-14}
FLOATS = (torch.float32, torch.float16, torch.bfloat16)


def report(case: str, what: str, got: torch.Tensor, want: torch.Tensor, bound: float) -> None:
    got, want = got.cpu().double(), want.double()
    same = got.isnan() == want.isnan()
    error = float(((got - want).nan_to_num(0, 0, 0).abs()).max() / want.nan_to_num(0, 0, 0).abs().max().clamp_min(1))
    print(json.dumps({"case": case, "what": what, "error": error if bool(same.all()) else 99.0, "bound": bound}))


def compare(case: str, function: Callable[..., torch.Tensor], tensors: list[torch.Tensor], bound: float) -> None:
    """Output and gradients of a function of floating tensors."""
    results = []
    for device, dtype in (("cuda", tensors[0].dtype), ("cpu", torch.float64)):
        inputs = [t.detach().to(device, dtype).requires_grad_() for t in tensors]
        output = function(*inputs)
        torch.manual_seed(2)
        grad = torch.randn(output.shape, dtype=torch.float64).to(output.dtype).to(device)
        results.append([output.detach(), *torch.autograd.grad(output, inputs, grad)])
    for what, got, want in zip(("output", "gradient", "weight", "bias"), *results):
        report(case, what, got, want, bound)


def softmax() -> None:
    for dtype, rows, n in itertools.product(FLOATS, (1, 5), (1025, 4096, 9001)):
        x = torch.randn(rows, n).mul(4).to(dtype)
        compare(f"softmax {rows} x {n} {dtype}", lambda x: torch.softmax(x, -1), [x], BOUNDS[dtype])
        compare(f"log_softmax {rows} x {n} {dtype}", lambda x: torch.log_softmax(x, -1), [x], BOUNDS[dtype])
    half = torch.randn(3, 2000).half()
    compare("to float", lambda x: torch.softmax(x, -1, dtype=torch.float32), [half], BOUNDS[torch.float16])
    for value in (float("nan"), float("inf"), float("-inf")):
        x = torch.randn(3, 2048)
        x[1, 7] = value
        x[2] = value
        for function in (torch.softmax, torch.log_softmax):
            report(f"{function.__name__} of {value}", "output", function(x.cuda(), -1), function(x.double(), -1), 1e-5)


def layer_norm() -> None:
    # 129 is not a multiple of the vectors that the vectorized kernels read
    for dtype, shape in itertools.product(FLOATS, ((3, 7, 64), (17, 129), (2, 9000))):
        n = shape[-1]
        tensors = [t.to(dtype) for t in (torch.randn(shape) * 3 + 5, torch.randn(n), torch.randn(n))]
        bound = BOUNDS[dtype] * 4
        compare(f"{shape} {dtype}", lambda x, w, b: F.layer_norm(x, w.shape, w, b), tensors, bound)
        compare(f"plain {shape} {dtype}", lambda x: F.layer_norm(x, x.shape[-1:]), tensors[:1], bound)
        compare(f"no bias {shape} {dtype}", lambda x, w: F.layer_norm(x, w.shape, w), tensors[:2], bound)
        compare(f"rms {shape} {dtype}", lambda x, w: F.rms_norm(x, w.shape, w, 1e-5), tensors[:2], bound)


def scan() -> None:
    for dtype, shape in itertools.product(
        (torch.float32, torch.float64, torch.int32, torch.int64), ((5, 1), (3, 1000), (2, 3, 33))
    ):
        x = (torch.randn(shape) * 9).to(dtype)
        case = f"{shape} {dtype}"
        bound = BOUNDS.get(dtype, 0)
        report(f"cumsum {case}", "output", torch.cumsum(x.cuda(), -1), torch.cumsum(x, -1), bound)
        y = 1 + x / 1000 if dtype.is_floating_point else x
        report(f"cumprod {case}", "output", torch.cumprod(y.cuda(), -1), torch.cumprod(y, -1), bound)


if __name__ == "__main__":
    torch.manual_seed(1)
    softmax()
    layer_norm()
    scan()
