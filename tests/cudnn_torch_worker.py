"""Run under the shim libraries: layers on 'cuda' against the same layers on the CPU, in float64 where rounding matters.

Arguments: names of groups below. Prints one JSON object a line: case, what, relative error, bound.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

# Largest difference relative to the largest value of the reference, by the type computed in on 'cuda'.
BOUNDS = {torch.float32: 2e-5, torch.float64: 1e-12, torch.float16: 4e-3, torch.bfloat16: 3e-2}


def report(case: str, what: str, got: torch.Tensor, want: torch.Tensor, dtype: torch.dtype) -> None:
    got, want = got.detach().double().cpu(), want.detach().double()
    error = float((got - want).abs().max() / want.abs().max().clamp_min(1e-3))
    print(json.dumps({"case": case, "what": what, "error": error, "bound": BOUNDS[dtype]}), flush=True)


def check(
    case: str,
    layer: nn.Module,
    x: torch.Tensor,
    dtype: torch.dtype = torch.float32,
    memory_format: torch.memory_format = torch.contiguous_format,
    steps: int = 2,
) -> None:
    """Forward and backward, twice, so that the second run replays plans."""
    reference = layer.double()
    state = {k: v.to(dtype) if v.is_floating_point() else v.clone() for k, v in reference.state_dict().items()}
    reference.load_state_dict(state)  # both sides start from the same rounded parameters
    x = x.to(dtype)
    mine = copy.deepcopy(reference).to("cuda", dtype)
    if x.dim() in (4, 5):
        mine = mine.to(memory_format=memory_format)
    if dtype in (torch.float16, torch.bfloat16):  # as under autocast: normalisation parameters stay in float32
        for module in mine.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.float()
    for step in range(steps):
        xc = x.double().clone().requires_grad_(True)
        xg = x.to("cuda").contiguous(memory_format=memory_format).requires_grad_(True)
        yc, yg = reference(xc), mine(xg)
        report(case, f"forward {step}", yg, yc, dtype)
        dy = torch.randn(yc.shape, generator=torch.Generator().manual_seed(step)).to(dtype)
        if yc.requires_grad:
            reference.zero_grad()
            mine.zero_grad()
            yc.backward(dy.double())
            yg.backward(dy.to("cuda").contiguous(memory_format=memory_format))
            report(case, f"input gradient {step}", xg.grad, xc.grad, dtype)
            for (name, pc), pg in zip(reference.named_parameters(), mine.parameters(), strict=True):
                report(case, f"gradient of {name} {step}", pg.grad, pc.grad, dtype)
    for (name, bc), bg in zip(reference.named_buffers(), mine.buffers(), strict=True):
        if bc.is_floating_point():
            report(case, f"buffer {name}", bg, bc, dtype)


def convolutions() -> None:
    cases: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
        "conv2d": (nn.Conv2d(8, 12, 3, padding=1), (3, 8, 10, 9)),
        "conv2d strided": (nn.Conv2d(3, 16, 7, stride=2, padding=3), (2, 3, 32, 32)),
        "conv2d dilated": (nn.Conv2d(4, 6, 3, dilation=2), (2, 4, 14, 13)),
        "conv2d same": (nn.Conv2d(4, 6, 4, padding="same"), (2, 4, 14, 13)),
        "conv2d groups": (nn.Conv2d(12, 18, 3, groups=3, padding=1), (2, 12, 8, 8)),
        "conv2d depthwise": (nn.Conv2d(16, 16, 3, groups=16, padding=1), (2, 16, 9, 9)),
        "conv2d 1x1": (nn.Conv2d(16, 32, 1), (2, 16, 7, 7)),
        "conv1d": (nn.Conv1d(4, 8, 5, stride=2, padding=2), (3, 4, 20)),
        "conv3d": (nn.Conv3d(3, 4, (3, 2, 3), padding=(1, 0, 1)), (2, 3, 6, 7, 8)),
        "conv3d groups": (nn.Conv3d(4, 4, 3, groups=2, stride=2), (1, 4, 9, 7, 7)),
        "transposed 2d": (nn.ConvTranspose2d(8, 6, 3, stride=2, padding=1, output_padding=1), (2, 8, 7, 6)),
        "transposed 1d": (nn.ConvTranspose1d(4, 6, 4, stride=2), (2, 4, 11)),
        "transposed 3d groups": (nn.ConvTranspose3d(4, 6, 3, groups=2), (1, 4, 4, 5, 3)),
    }
    for name, (layer, shape) in cases.items():
        check(name, layer, torch.randn(shape))


def types() -> None:
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        name = str(dtype).removeprefix("torch.")
        check(f"conv2d {name}", nn.Conv2d(8, 12, 3, padding=1), torch.randn(3, 8, 10, 9), dtype)
        check(f"conv1d {name}", nn.Conv1d(4, 8, 5, stride=2), torch.randn(3, 4, 20), dtype)
        check(f"transposed {name}", nn.ConvTranspose2d(4, 6, 3, stride=2), torch.randn(2, 4, 5, 5), dtype)
        check(f"groups {name}", nn.Conv2d(8, 8, 3, groups=2), torch.randn(2, 8, 6, 6), dtype)


def layouts() -> None:
    for dtype in (torch.float32, torch.float16):
        last = {"dtype": dtype, "memory_format": torch.channels_last}
        name = str(dtype).removeprefix("torch.")
        check(f"last conv {name}", nn.Conv2d(8, 12, 3, padding=1), torch.randn(3, 8, 10, 9), **last)
        check(f"last groups {name}", nn.Conv2d(8, 12, 3, groups=4), torch.randn(3, 8, 10, 9), **last)
        check(f"last batchnorm {name}", nn.BatchNorm2d(8), torch.randn(3, 8, 10, 9), **last)
    volumes = {"memory_format": torch.channels_last_3d}
    check("last conv3d", nn.Conv3d(4, 6, 3), torch.randn(2, 4, 6, 5, 7), **volumes)
    check("last batchnorm 3d", nn.BatchNorm3d(4), torch.randn(2, 4, 6, 5, 7), **volumes)


def benchmark() -> None:
    torch.backends.cudnn.benchmark = True
    check("benchmarked", nn.Conv2d(8, 12, 3, padding=1), torch.randn(3, 8, 10, 9))
    check("benchmarked bfloat16", nn.Conv2d(8, 12, 3), torch.randn(3, 8, 10, 9), torch.bfloat16)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    check("deterministic", nn.Conv2d(8, 12, 5, padding=1), torch.randn(3, 8, 10, 9))
    torch.backends.cudnn.deterministic = False


def normalisation() -> None:
    torch.manual_seed(3)
    for name, make, shape in (
        ("batchnorm 1d", nn.BatchNorm1d, (20, 6)),
        ("batchnorm 1d lines", nn.BatchNorm1d, (5, 6, 11)),
        ("batchnorm 2d", nn.BatchNorm2d, (4, 6, 7, 5)),
        ("batchnorm 3d", nn.BatchNorm3d, (2, 6, 3, 5, 4)),
    ):
        layer: Callable[..., Any] = make(6)
        with torch.no_grad():
            layer.weight.uniform_(0.5, 2)
            layer.bias.uniform_(-1, 1)
        x = torch.randn(shape) * 2 + 1
        check(f"{name} training", layer, x)
        check(f"{name} evaluation", layer.float().eval(), x)
        check(f"{name} cumulative", make(6, momentum=None), x, steps=3)
        check(f"{name} plain", make(6, affine=True, track_running_stats=False), x)
        check(f"{name} float64", make(6), x, torch.float64)
    for dtype in (torch.float16, torch.bfloat16):
        check(f"batchnorm {dtype}", nn.BatchNorm2d(6), torch.randn(4, 6, 7, 5), dtype)
    torch.backends.cudnn.enabled = True
    block = nn.Sequential(nn.Conv2d(6, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 1))
    check("block", block, torch.randn(4, 6, 9, 9))


def fused() -> None:
    x, w, bias = torch.randn(2, 8, 9, 9), torch.randn(12, 8, 3, 3), torch.randn(12)
    z = torch.randn(2, 12, 9, 9)
    g = [t.to("cuda") for t in (x, w, bias, z)]
    want = torch.relu(nn.functional.conv2d(x.double(), w.double(), bias.double(), padding=1))
    got = torch.cudnn_convolution_relu(g[0], g[1], g[2], [1, 1], [1, 1], [1, 1], 1)
    report("conv relu", "forward", got, want, torch.float32)
    want = torch.relu(nn.functional.conv2d(x.double(), w.double(), bias.double(), padding=1) + 0.5 * z.double())
    got = torch.cudnn_convolution_add_relu(g[0], g[1], g[3], 0.5, g[2], [1, 1], [1, 1], [1, 1], 1)
    report("conv add relu", "forward", got, want, torch.float32)


def graphs() -> None:
    layer = nn.Sequential(nn.Conv2d(4, 8, 3), nn.BatchNorm2d(8)).to("cuda").eval()
    reference = copy.deepcopy(layer).cpu().double()
    x = torch.randn(2, 4, 8, 8, device="cuda")
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side), torch.no_grad():
        layer(x)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.no_grad(), torch.cuda.graph(graph):
        y = layer(x)
    for seed in range(3):
        torch.manual_seed(seed)
        values = torch.randn(2, 4, 8, 8)
        x.copy_(values)
        graph.replay()
        with torch.no_grad():
            want = reference(values.double())
        report("captured", f"replay {seed}", y, want, torch.float32)


def recurrent_case(case: str, layer: nn.Module, x: torch.Tensor, lengths: list[int] | None = None, **to: Any) -> None:
    """Outputs, states and all gradients; x is (time, batch, size) unless the layer is batch first."""
    dtype = to.get("dtype", torch.float32)
    mine, reference = layer.to("cuda", dtype), copy.deepcopy(layer).to("cpu", dtype).double()
    x = x.to(dtype)
    xc, xg = x.double().clone().requires_grad_(True), x.to("cuda").requires_grad_(True)

    def run(m: nn.Module, v: torch.Tensor) -> list[torch.Tensor]:
        if lengths:
            v = nn.utils.rnn.pack_padded_sequence(v, torch.tensor(lengths), enforce_sorted=False)
        y, state = m(v)
        if lengths:
            y = nn.utils.rnn.pad_packed_sequence(y, padding_value=0.5)[0]
        return [y, *(state if isinstance(state, tuple) else (state,))]

    want, got = run(reference, xc), run(mine, xg)
    loss = []
    for i, (a, b) in enumerate(zip(got, want, strict=True)):
        report(case, f"output {i}", a, b, dtype)
        weight = torch.randn(b.shape, generator=torch.Generator().manual_seed(i)).to(dtype)
        loss.append(((a * weight.to("cuda")).sum(), (b * weight.double()).sum()))
    if mine.training:
        sum(g for g, _ in loss).backward(retain_graph=True)
        sum(c for _, c in loss).backward()
        report(case, "input gradient", xg.grad, xc.grad, dtype)
        for (name, pc), pg in zip(reference.named_parameters(), mine.parameters(), strict=True):
            report(case, f"gradient of {name}", pg.grad, pc.grad, dtype)
        first = [p.grad.clone() for p in mine.parameters()]
        mine.zero_grad()
        sum(g for g, _ in loss).backward()  # the saved state serves a second pass
        for (name, _), a, p in zip(reference.named_parameters(), first, mine.parameters(), strict=True):
            report(case, f"second gradient of {name}", p.grad, a.cpu(), dtype)


def recurrent() -> None:
    x = torch.randn(6, 4, 5)
    recurrent_case("lstm", nn.LSTM(5, 7, 2), x)
    recurrent_case("lstm both ways", nn.LSTM(5, 7, 2, bidirectional=True), x)
    recurrent_case("lstm projected", nn.LSTM(5, 7, proj_size=3), x)
    recurrent_case("lstm packed", nn.LSTM(5, 7, 2, bidirectional=True), x, [3, 6, 1, 4])
    recurrent_case("lstm batch first", nn.LSTM(5, 7, batch_first=True), x)
    recurrent_case("lstm without bias", nn.LSTM(5, 7, bias=False), x)
    recurrent_case("gru", nn.GRU(5, 7, 2, bidirectional=True), x)
    recurrent_case("gru packed", nn.GRU(5, 7), x, [6, 5, 2, 2])
    recurrent_case("tanh", nn.RNN(5, 7, 3), x)
    recurrent_case("relu", nn.RNN(5, 7, nonlinearity="relu", bidirectional=True), x)
    recurrent_case("lstm float64", nn.LSTM(5, 7), x, dtype=torch.float64)
    recurrent_case("gru float16", nn.GRU(5, 7), x, dtype=torch.float16)
    recurrent_case("lstm evaluation", nn.LSTM(5, 7, 2, dropout=0.5).eval(), x)


def recurrent_dropout() -> None:
    """Dropout between layers: the rate, its scaling, the seed, and that evaluation has none."""
    layer = nn.RNN(1, 1000, 2, nonlinearity="relu", dropout=0.25, bias=False).to("cuda")
    with torch.no_grad():
        layer.weight_ih_l0.fill_(1.0)
        layer.weight_ih_l1.copy_(torch.eye(1000))
        for w in (layer.weight_hh_l0, layer.weight_hh_l1):
            w.zero_()
    x = torch.ones(1, 64, 1, device="cuda")
    torch.manual_seed(7)
    a, b = layer(x)[0].cpu(), layer(x)[0].cpu()
    torch.manual_seed(7)
    values = a.unique()
    report("dropout", "values", values, torch.tensor([0.0, 1 / 0.75]), torch.float32)
    rate = (a == 0).double().mean()
    # 64,000 draws: five standard deviations of the rate are 0.0086.
    print(json.dumps({"case": "dropout", "what": "rate", "error": abs(float(rate) - 0.25), "bound": 0.0086}))
    same = float((a == b).double().mean())  # independent masks agree with 0.25^2 + 0.75^2
    print(json.dumps({"case": "dropout", "what": "independent calls", "error": abs(same - 0.625), "bound": 0.01}))
    report("dropout", "evaluation", layer.eval()(x)[0], torch.ones(1, 64, 1000), torch.float32)


def sampling_and_ctc() -> None:
    functional = nn.functional
    x, grid = torch.randn(2, 3, 5, 6), torch.rand(2, 4, 7, 2) * 2.4 - 1.2
    dy = torch.randn(2, 3, 4, 7)
    for dtype in (torch.float32, torch.float64):
        c = [t.to(dtype).double().clone().requires_grad_(True) for t in (x, grid)]
        g = [t.to("cuda", dtype).requires_grad_(True) for t in (x, grid)]
        want, got = functional.grid_sample(*c, align_corners=True), functional.grid_sample(*g, align_corners=True)
        want.backward(dy.double())
        got.backward(dy.to("cuda", dtype))
        report(f"grid_sample {dtype}", "forward", got, want, dtype)
        report(f"grid_sample {dtype}", "image gradient", g[0].grad, c[0].grad, dtype)
        report(f"grid_sample {dtype}", "grid gradient", g[1].grad, c[1].grad, dtype)
    theta = torch.randn(2, 2, 3)
    want = functional.affine_grid(theta.double(), [2, 3, 4, 5], align_corners=True)
    report("affine grid", "forward", torch.cudnn_affine_grid_generator(theta.cuda(), 2, 3, 4, 5), want, torch.float32)

    time, batch, classes = 20, 3, 5
    logits = torch.randn(time, batch, classes)
    lengths, inputs = torch.tensor([4, 3, 6], dtype=torch.int32), torch.full((batch,), time, dtype=torch.int32)
    targets = torch.randint(1, classes, (13,), dtype=torch.int32)
    weight = torch.rand(batch)
    c = logits.double().requires_grad_(True)
    want = functional.ctc_loss(c.log_softmax(-1), targets.long(), inputs.long(), lengths.long(), reduction="none")
    (want * weight.double()).sum().backward()
    for where in ("cpu", "cuda"):
        g = logits.to("cuda").requires_grad_(True)
        lists = [t.to(where) for t in (targets, inputs, lengths)]
        got = functional.ctc_loss(g.log_softmax(-1), *lists, reduction="none")
        (got * weight.to("cuda")).sum().backward()
        report(f"ctc, labels on {where}", "loss", got, want, torch.float32)
        report(f"ctc, labels on {where}", "gradient", g.grad, c.grad, torch.float32)


def attention() -> None:
    """scaled_dot_product_attention by cuDNN's graphs (capability 8.0): masks, shared heads, gradients, dropout."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    def run(
        where: str, dtype: torch.dtype, tensors: list[torch.Tensor], mask: torch.Tensor | None, **more: Any
    ) -> list:
        q, k, v, weight = (t.to(where, dtype) for t in tensors)
        leaves = [t.detach().requires_grad_() for t in (q, k, v)]
        with sdpa_kernel(SDPBackend.CUDNN_ATTENTION if where == "cuda" else SDPBackend.MATH):
            out = nn.functional.scaled_dot_product_attention(*leaves, attn_mask=mask, **more)
        return [out, *torch.autograd.grad(out, leaves, weight)]

    cases = [
        ("plain", torch.float16, (2, 3, 3, 64, 64, 32), None, {}),
        ("causal", torch.bfloat16, (2, 4, 4, 40, 40, 64), None, {"is_causal": True}),
        ("shared heads, causal", torch.float16, (1, 4, 2, 33, 65, 64), None, {"is_causal": True, "enable_gqa": True}),
        ("bias", torch.float16, (2, 2, 2, 17, 50, 16), "float", {"scale": 0.3}),
        ("mask", torch.bfloat16, (2, 2, 1, 32, 48, 128), "bool", {"enable_gqa": True}),
    ]
    for name, dtype, (batch, heads, shared, queries, keys, width), kind, more in cases:
        shapes = ((heads, queries), (shared, keys), (shared, keys), (heads, queries))
        tensors = [torch.randn(batch, h, n, width).to(dtype) for h, n in shapes]
        mask = None
        if kind is not None:
            mask = torch.randn(batch, heads, queries, keys).to(dtype)
            mask = mask if kind == "float" else (mask > -0.5).index_fill(-1, torch.tensor([0]), True)
        want = run("cpu", torch.float64, tensors, mask.double() if kind == "float" else mask, **more)
        got = run("cuda", dtype, tensors, mask.cuda() if mask is not None else None, **more)
        for what, a, b in zip(("output", "q gradient", "k gradient", "v gradient"), got, want, strict=True):
            report(f"attention: {name}", what, a, b, dtype)
    q = torch.randn(1, 2, 64, 64, dtype=torch.half, device="cuda")
    v = torch.ones_like(q)
    with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
        dropped = nn.functional.scaled_dot_product_attention(q, q, v, dropout_p=0.25)
    mean = dropped.float().mean()[None]
    print(json.dumps({"case": "dropout", "what": "mean", "error": abs(mean.item() - 1), "bound": 0.1}), flush=True)
    spread = float(dropped.float().std())
    print(json.dumps({"case": "dropout", "what": "spread", "error": float(spread < 0.01), "bound": 0}), flush=True)


GROUPS = {f.__name__: f for f in (attention, convolutions, types, layouts, benchmark, normalisation)}
GROUPS |= {f.__name__: f for f in (fused, graphs, recurrent, recurrent_dropout, sampling_and_ctc)}

if __name__ == "__main__":
    torch.manual_seed(0)
    for group in sys.argv[1:]:
        GROUPS[group]()
    torch.cuda.synchronize()
