"""Run by test_differential.py: torch calls, small and ragged, whose kernels check_device.py runs in every form."""

from __future__ import annotations

import sys
import time

import torch
import torch.nn.functional as F

torch.manual_seed(0)
DEVICE = "cuda"


def data(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    if dtype.is_floating_point or dtype.is_complex:
        return torch.randn(*shape, generator=G).to(dtype).to(DEVICE)
    return torch.randint(-9, 10, shape, generator=G).to(dtype).to(DEVICE)


G = torch.Generator().manual_seed(1)
A, B = data(3, 37), data(3, 37)
WIDE, LONG = data(5, 300), data(2500)
IMAGE = data(2, 3, 13, 17)
INDEX = torch.randint(0, 37, (3, 37), generator=G).to(DEVICE)
D, E = data(70, dtype=torch.float64), data(70, dtype=torch.float64)
H, K = data(90, dtype=torch.float16), data(90, dtype=torch.int64)
C = torch.complex(data(41), data(41))


def gradient(f, *inputs: torch.Tensor) -> None:
    leaves = [x.detach().clone().requires_grad_() for x in inputs]
    f(*leaves).sum().backward()


CASES = {
    "elementwise": lambda: (A + B, A * 2 - B, A / B, A.t() + 1, torch.where(A > 0, A, B), A.clamp(-0.5, 0.5)),
    "transcendental": lambda: (A.exp(), A.abs().log(), A.sin(), A.tanh(), A.erf(), A.abs().pow(1.7), F.gelu(A)),
    "special": lambda: (A.abs().lgamma(), A.abs().digamma(), torch.special.i0(A), torch.special.erfcx(A)),
    "double": lambda: (D / E, D.abs().sqrt(), D.reciprocal(), D.exp(), torch.fmod(D, E), D.abs().rsqrt()),
    "half": lambda: (H + H, H * 3, H.softmax(0), H.sum(), H.bfloat16() * 2),
    "integers": lambda: (K // 3, K % 5, K & 6, K << 2, K.to(torch.uint8) * 7, K.abs().float().floor_divide(2)),
    "complex": lambda: (C * C, C / (C + 3), C.abs(), C.angle(), C.exp()),
    "compare": lambda: (A > B, (A == B) | (A < 0), torch.isnan(A), A.sign()),
    "reduce": lambda: (A.sum(), A.sum(0), A.sum(1), WIDE.mean(1), A.amax(1), A.argmin(0), A.prod(1), A.var(1)),
    "norms": lambda: (A.norm(), A.norm(3, 1), (A > 3).any(), A.logsumexp(1), LONG.std(), WIDE.aminmax()),
    "scan": lambda: (A.cumsum(1), A.cumsum(0), LONG.cumsum(0), A.cumprod(1), A.cummax(1), A.logcumsumexp(1)),
    "softmax": lambda: (A.softmax(1), A.softmax(0), WIDE.log_softmax(1), data(2, 1500).softmax(1)),
    "normalise": lambda: (F.layer_norm(WIDE, (300,)), F.group_norm(IMAGE, 3), F.rms_norm(A, (37,))),
    "sort": lambda: (A.sort(1), LONG.sort(), K.sort(), A.argsort(0), LONG.msort(), WIDE.kthvalue(3, 1)),
    "select": lambda: (A.topk(4, 1), LONG.topk(9), A.median(1), K.mode(), LONG.quantile(0.3)),
    "unique": lambda: (K.unique(return_inverse=True, return_counts=True), K.unique_consecutive(), K.nonzero()),
    "masks": lambda: (A[A > 0], A.masked_fill(A > 0, 1), torch.zeros_like(A).masked_scatter_(A > 0, B)),
    "index": lambda: (A.gather(1, INDEX), A[:, INDEX[0]], A.index_select(1, INDEX[1]), A.take(INDEX)),
    "write": lambda: (
        torch.zeros_like(A).scatter_add_(1, INDEX, B),
        A.clone().index_put_((INDEX[0] % 3, INDEX[1]), B[0], accumulate=True),
        torch.zeros(5, 37, device=DEVICE).index_add_(0, torch.tensor([4, 0, 4], device=DEVICE), A),
        torch.zeros_like(A).scatter_reduce_(1, INDEX, B, "amax"),
    ),
    "counts": lambda: (torch.bincount(K.abs()), LONG.histc(11), torch.searchsorted(A[0].sort()[0], B[0])),
    "move": lambda: (torch.cat([A, B], 1), A.flip(1), A.roll(5, 1), A.repeat(2, 2), A.tril(), F.pad(IMAGE, (1, 2, 3, 1))),
    "images": lambda: (
        F.max_pool2d(IMAGE, 3, 2, 1),
        F.avg_pool2d(IMAGE, 2),
        F.adaptive_avg_pool2d(IMAGE, 5),
        F.interpolate(IMAGE, scale_factor=1.7, mode="bilinear"),
        F.interpolate(IMAGE, size=(7, 9), mode="nearest"),
        F.pad(IMAGE, (2, 2, 1, 1), mode="reflect"),
    ),
    "warp": lambda: F.grid_sample(IMAGE, torch.rand(2, 4, 5, 2, generator=G).to(DEVICE), align_corners=False),
    "unfold": lambda: (F.unfold(IMAGE, 3), F.fold(F.unfold(IMAGE, 3), (13, 17), 3)),
    "distances": lambda: (torch.cdist(A, B), F.pdist(A), F.cosine_similarity(A, B)),
    "random": lambda: (torch.rand(99, device=DEVICE), torch.randn(99, device=DEVICE), F.dropout(A, 0.4)),
    "samplers": lambda: (torch.randperm(200, device=DEVICE), torch.multinomial(A.abs(), 4), torch.poisson(A.abs())),
    "losses": lambda: (
        F.cross_entropy(A, INDEX[:, 0]),
        F.mse_loss(A, B),
        F.smooth_l1_loss(A, B),
        F.kl_div(A.log_softmax(1), B.softmax(1), reduction="sum"),
        F.multi_margin_loss(A, INDEX[:, 0]),
    ),
    "ctc": lambda: gradient(
        lambda x: F.ctc_loss(
            x.log_softmax(2), INDEX[:2, :4] % 5 + 1, torch.tensor([12, 9]), torch.tensor([4, 3])
        ),
        data(12, 2, 7, dtype=torch.float64),
    ),
    "backward": lambda: (
        gradient(lambda x: F.layer_norm(x, (37,)) * B, A),
        gradient(lambda x: x.softmax(1) * B, A),
        gradient(lambda x: F.max_pool2d(x, 3, 2), IMAGE),
        gradient(lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), IMAGE),
        gradient(lambda x: F.embedding(INDEX, x), data(37, 9)),
        gradient(lambda x: x.cumsum(1) * B, A),
        gradient(lambda x: F.group_norm(x, 3) ** 2, IMAGE),
    ),
    "bags": lambda: [
        F.embedding_bag(INDEX, data(37, 9), mode=mode) for mode in ("sum", "mean", "max")
    ],
    "optimizer": lambda: [
        torch._fused_adamw_(
            [A.clone()], [B], [A * 0], [A * 0], [], [torch.ones((), device=DEVICE)], lr=0.1, beta1=0.9, beta2=0.99,
            weight_decay=0.01, eps=1e-8, amsgrad=False, maximize=False,
        ),
        torch._foreach_add_([A.clone(), LONG.clone()], 2.0),
        torch._foreach_norm([A, LONG]),
    ],
    "triangles": lambda: (torch.tril_indices(5, 6, device=DEVICE), torch.vander(A[0]), A.renorm(2, 0, 1.0)),
    "quantised": lambda: torch.fake_quantize_per_tensor_affine(A, 0.1, 3, -20, 20),
}  # fmt: skip

failed = 0
for name in sys.argv[1:] or CASES:
    start = time.monotonic()
    try:
        CASES[name]()
        torch.cuda.synchronize()
        print(f"{name} {time.monotonic() - start:.1f} s", flush=True)
    except Exception as error:  # noqa: BLE001 - the next cases are still of interest
        failed += 1
        print(f"{name}: {type(error).__name__}: {str(error)[:300]}", flush=True)
sys.exit(failed)
