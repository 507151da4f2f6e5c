"""Operation graphs of cuDNN's backend API against numpy: results, refusals, plans as text."""

from __future__ import annotations

import contextlib
import math
import struct
from collections.abc import Iterator
from typing import Any

import cudnn_device as d
import numpy as np
import pytest
from cudnn_device import Backend, check, cudnn, ffi
from cudnn_graphs import Graph, descriptor

from maf_vdev import protocol
from maf_vdev.modnn import graph, registry

pytestmark = pytest.mark.skipif(not d.LIB.is_dir(), reason="the shim libraries are not built")

ADD, MUL, SUB, DIV, LOG = 0, 1, 9, 6, 15
EXP, IDENTITY, GELU, INDEX, GREATER_EQUAL, SELECT = 13, 21, 104, 501, 303, 601
SUM, MAXIMUM = 0, 3


@pytest.fixture(scope="module")
def handle() -> Iterator[Any]:
    out = ffi.new("cudnnHandle_t *")
    check(cudnn().cudnnCreate(out))
    yield out[0]
    check(cudnn().cudnnDestroy(out[0]))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def close(got: np.ndarray, want: np.ndarray, bound: float) -> None:
    error = np.abs(got.astype(np.float64) - want).max() / max(1, np.abs(want).max())
    assert error < bound, error


def half(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float16).astype(np.float64)


@pytest.mark.parametrize(("kind", "bound"), [("f32", 1e-6), ("f16", 2e-3), ("bf16", 1e-2)])
def test_product_bias_gelu(handle: Any, rng: Any, kind: str, bound: float) -> None:
    """One matrix of b serves two of a's (shared heads); the scalar comes from host memory."""
    a, b, bias = rng.normal(size=(2, 4, 5, 6)), rng.normal(size=(2, 2, 6, 7)), rng.normal(size=(1, 1, 1, 7))
    g = Graph(handle)
    c, biased = g.virtual("f32", (2, 4, 5, 7)), g.virtual("f32", (2, 4, 5, 7))
    scaled, y = g.virtual("f32", (2, 4, 5, 7)), g.out(kind, (2, 4, 5, 7))
    g.pointwise(GELU, scaled, y)  # operations need not come in the order in which they run
    g.matmul(g.data(kind, a), g.data(kind, b), c)
    g.pointwise(ADD, c, biased, g.data(kind, bias))
    g.pointwise(MUL, biased, scaled, g.value("f32", 0.5))
    x = 0.5 * (a @ np.repeat(b, 2, 1) + bias)
    close(g.run()[0], 0.5 * x * (1 + np.vectorize(math.erf)(x * 0.5**0.5)), bound)


def test_convolution_with_statistics(handle: Any, rng: Any) -> None:
    """A convolution of 1x1 whose input passes through a scale, and the sums of its result per channel."""
    x, w, s = (half(rng.normal(size=n)) for n in ((2, 3, 4, 4), (5, 3, 1, 1), (1, 3, 1, 1)))
    g = Graph(handle)
    scaled, y = g.virtual("f16", x.shape), g.out("f16", (2, 5, 4, 4))
    total, squares = g.out("f32", (1, 5, 1, 1)), g.out("f32", (1, 5, 1, 1))
    g.pointwise(MUL, g.data("f16", x), scaled, g.data("f16", s))
    zero, one = [0, 0], [1, 1]
    shape = {"PRE_PADDINGS": zero, "POST_PADDINGS": zero, "DILATIONS": one, "FILTER_STRIDES": one}
    conv = descriptor("CONVOLUTION", COMP_TYPE=0, CONV_MODE=1, SPATIAL_DIMS=2, **shape)
    g.add("OPERATION_CONVOLUTION_FORWARD", X=scaled, W=g.data("f16", w), Y=y, CONV_DESC=conv)
    g.add("OPERATION_GEN_STATS", MODE=0, MATH_PREC=0, XDESC=y, SUMDESC=total, SQSUMDESC=squares)
    got = g.run()
    want = half(np.einsum("nchw,kc->nkhw", half(x * s), w[:, :, 0, 0]))
    close(got[0], want, 2e-3)
    close(got[1].ravel(), got[0].astype(np.float64).sum((0, 2, 3)), 1e-6)
    close(got[2].ravel(), (got[0].astype(np.float64) ** 2).sum((0, 2, 3)), 1e-6)


@pytest.mark.parametrize("mode", [0, 4])  # layer norm, RMS norm
def test_normalization(handle: Any, rng: Any, mode: int) -> None:
    x, dy, scale = rng.normal(size=(6, 8, 1, 1)), rng.normal(size=(6, 8, 1, 1)), rng.normal(size=(1, 8, 1, 1))
    mean = x.mean(1, keepdims=True) if mode == 0 else np.zeros((6, 1, 1, 1))
    inverse = 1 / np.sqrt(((x - mean) ** 2).mean(1, keepdims=True) + 1e-3)
    g = Graph(handle)
    y = g.out("f32", x.shape)
    saved = {"INV_VARIANCE_DESC": g.out("f32", (6, 1, 1, 1))}
    if mode == 0:
        saved["MEAN_DESC"] = g.out("f32", (6, 1, 1, 1))
    given = {"XDESC": g.data("f32", x), "SCALE_DESC": g.data("f32", scale), "EPSILON_DESC": g.value("f32", 1e-3)}
    g.add("OPERATION_NORM_FORWARD", MODE=mode, PHASE=1, YDESC=y, **given, **saved)
    got = g.run()
    close(got[0], (x - mean) * inverse * scale, 1e-5)
    close(got[1], inverse, 1e-5)
    g = Graph(handle)
    dx, dscale = g.out("f32", x.shape), g.out("f32", scale.shape)
    saved = {"INV_VARIANCE_DESC": g.data("f32", inverse)}
    if mode == 0:
        saved["MEAN_DESC"] = g.data("f32", mean)
    given = {"XDESC": g.data("f32", x), "DYDESC": g.data("f32", dy), "SCALE_DESC": g.data("f32", scale)}
    g.add("OPERATION_NORM_BACKWARD", MODE=mode, DXDESC=dx, DSCALE_DESC=dscale, **given, **saved)
    got = g.run()
    normal, slope = (x - mean) * inverse, dy * scale
    centre = slope.mean(1, keepdims=True) if mode == 0 else 0
    close(got[0], inverse * (slope - centre - normal * (slope * normal).mean(1, keepdims=True)), 1e-5)
    close(got[1], (dy * normal).sum(0, keepdims=True), 1e-5)


def softmax(s: np.ndarray) -> np.ndarray:
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def attention_inputs(rng: Any, keys: int = 9) -> tuple[np.ndarray, ...]:
    return tuple(half(rng.normal(size=n)) for n in ((2, 4, 5, 8), (2, 2, keys, 8), (2, 2, keys, 8), (2, 4, 5, 8)))


def test_attention_in_parts(handle: Any, rng: Any) -> None:
    """The forward graph of older releases: the mask by comparing indices, the softmax in parts. The core takes it."""
    q, k, v, _ = attention_inputs(rng)
    v, dims, row_dims = half(rng.normal(size=(2, 2, 9, 16))), (2, 4, 5, 9), (2, 4, 5, 1)
    g = Graph(handle)
    s, scaled, masked, shifted, powers = (g.virtual("f32", dims) for _ in range(5))
    largest, total, logarithm = (g.virtual("f32", row_dims) for _ in range(3))
    p, o, statistics = g.virtual("f16", dims), g.out("f16", (2, 4, 5, 16)), g.out("f32", row_dims)
    g.matmul(g.data("f16", q), g.data("f16", k, (144, 72, 1, 8), (2, 2, 8, 9)), s)
    g.pointwise(MUL, s, scaled, g.value("f32", 0.25))
    causal(g, scaled, masked)
    g.reduce(MAXIMUM, masked, largest)
    g.pointwise(SUB, masked, shifted, largest)
    g.pointwise(EXP, shifted, powers)
    g.reduce(SUM, powers, total)
    g.pointwise(LOG, total, logarithm)
    g.pointwise(ADD, largest, statistics, logarithm)
    g.pointwise(DIV, powers, p, total)
    g.matmul(p, g.data("f16", v), o)
    assert providers_of(g) == ["core", "numpy"]
    got = g.run()
    scores = 0.25 * q @ np.repeat(k, 2, 1).swapaxes(2, 3)
    scores[:, :, np.arange(5)[:, None] < np.arange(9)] = -np.inf
    close(got[0], softmax(scores) @ np.repeat(v, 2, 1), 2e-3)
    close(got[1], np.log(np.exp(scores).sum(-1, keepdims=True)), 1e-4)


def causal(g: Graph, s: Backend, y: Backend) -> None:
    """Scores above the diagonal become -inf, as the front end writes it for older releases."""
    dims = g.dims[s.uid]
    row, column = g.virtual("i32", dims), g.virtual("i32", dims)
    inside = g.virtual("bool", dims)
    g.pointwise(INDEX, s, row, AXIS=2)
    g.pointwise(INDEX, s, column, AXIS=3)
    g.pointwise(GREATER_EQUAL, row, inside, column, precision=11)
    g.pointwise(SELECT, s, y, g.value("f32", -np.inf), inside)


def test_attention_operation(handle: Any, rng: Any) -> None:
    """The operation that PyTorch uses: shared heads, a bias and a causal mask on the scores, lengths, statistics."""
    q, k, v, _ = attention_inputs(rng)
    bias = rng.normal(size=(1, 4, 5, 9))
    lengths = np.array([9, 6])
    dims = (2, 4, 5, 9)
    g = Graph(handle)
    s, biased, masked, p, y = (g.virtual("f32", dims) for _ in range(5))
    inner = Graph(handle)
    inner.uid, inner.dims = 100, g.dims
    inner.pointwise(ADD, s, biased, g.data("f32", bias))
    band = {"XDESC": biased, "YDESC": masked, "BDESC": g.value("f32", -np.inf)}
    inner.add("OPERATION_DIAGONAL_BAND_MASK", COMPARISON_MODE=GREATER_EQUAL, **band)
    o, statistics = g.out("f16", (2, 4, 5, 8)), g.out("f32", (2, 4, 5, 1))
    normal = descriptor("OPERATION_SOFTMAX", XDESC=p, YDESC=y, STATS_DESC=statistics)
    given = {f"{name}DESC": g.data("f16", x) for name, x in (("Q", q), ("K", k), ("V", v))}
    given |= {"ODESC": o, "SCALEDESC": g.value("f32", 0.25), "SOFTMAX_DESC": normal}
    given |= {
        "SUBGRAPH": inner.operation_graph().finalize(),
        "SUBGRAPH_INPUT_UID": s.uid,
        "SUBGRAPH_OUTPUT_UID": masked.uid,
    }
    given["SEQ_LEN_KVDESC"] = g.data("i32", lengths.reshape(2, 1, 1, 1))
    g.add("OPERATION_SDPA_FWD", **given)
    got = g.run()
    scores = 0.25 * q @ np.repeat(k, 2, 1).swapaxes(2, 3) + bias
    outside = np.arange(5)[:, None] < np.arange(9)
    scores[:, :, outside] = -np.inf
    scores = np.where(np.arange(9) < lengths.reshape(2, 1, 1, 1), scores, -np.inf)
    close(got[0], softmax(scores) @ np.repeat(v, 2, 1), 2e-3)
    close(got[1], np.log(np.exp(scores).sum(-1, keepdims=True)), 1e-4)


def providers_of(g: Graph) -> list[str]:
    """Which providers take the graph, from the description in its plan's text."""
    plan = g.plan()
    text = [0] * plan.get("EXECUTION_PLAN_JSON_REPRESENTATION", 24, [], 0)
    plan.get("EXECUTION_PLAN_JSON_REPRESENTATION", 24, text)
    data = bytes.fromhex(bytes(text).decode().split('"')[3])
    description = data[-struct.unpack_from("<I", data, 12)[0] :]
    found = []
    for name, _ in graph.OP.providers:
        with contextlib.suppress(registry.Unsupported):
            found.append(registry.make_plan(protocol.constant("MAF_OP_GRAPH"), description, only=name).provider)
    return found


@pytest.mark.parametrize("bias", [False, True])
def test_attention_in_the_core(handle: Any, rng: Any, bias: bool) -> None:
    q, k, v, _ = attention_inputs(rng, 300)
    added = half(rng.normal(size=(1, 4, 1, 300)))
    g = Graph(handle)
    s, changed = g.virtual("f32", (2, 4, 5, 300)), g.virtual("f32", (2, 4, 5, 300))
    inner = Graph(handle)
    inner.uid, inner.dims = 100, g.dims
    if bias:
        inner.pointwise(ADD, s, changed, g.data("f16", added))
    else:
        band = {"XDESC": s, "YDESC": changed, "BDESC": g.value("f32", -np.inf)}
        inner.add("OPERATION_DIAGONAL_BAND_MASK", COMPARISON_MODE=GREATER_EQUAL, **band)
    o, statistics = g.out("f16", (2, 4, 5, 8), (160, 8, 32, 1)), g.out("f32", (2, 4, 5, 1))
    given = {f"{name}DESC": g.data("f16", x) for name, x in (("Q", q), ("K", k), ("V", v))}
    given |= {"ODESC": o, "SCALEDESC": g.value("f32", 0.25), "STATSDESC": statistics}
    given |= {"SUBGRAPH": inner.operation_graph().finalize(), "SUBGRAPH_INPUT_UID": s.uid}
    g.add("OPERATION_SDPA_FWD", SUBGRAPH_OUTPUT_UID=changed.uid, **given)
    assert providers_of(g) == ["core", "numpy"]
    got = g.run()
    scores = 0.25 * q @ np.repeat(k, 2, 1).swapaxes(2, 3) + (added if bias else 0)
    if not bias:
        scores[:, :, np.arange(5)[:, None] < np.arange(300)] = -np.inf
    close(got[0].reshape(2, 5, 4, 8).swapaxes(1, 2), softmax(scores) @ np.repeat(v, 2, 1), 2e-3)
    close(got[1], np.log(np.exp(scores).sum(-1, keepdims=True)), 1e-4)


@pytest.mark.parametrize("core", [False, True])
def test_attention_gradients(handle: Any, rng: Any, core: bool) -> None:
    """The graph of the front end: products, reductions and pointwise operations, a transposed view, shared heads. The
    core takes it with a mask in one operation and dq converted apart; numpy takes it in any form."""
    q, k, v, do = attention_inputs(rng)
    k4, v4 = np.repeat(k, 2, 1), np.repeat(v, 2, 1)
    outside = np.arange(5)[:, None] < np.arange(9)
    scores = 0.25 * q @ k4.swapaxes(2, 3)
    scores[:, :, outside] = -np.inf
    p = softmax(scores)
    o, statistics = half(p @ v4), np.log(np.exp(scores).sum(-1, keepdims=True))
    scores_dims, row_dims = (2, 4, 5, 9), (2, 4, 5, 1)
    g = Graph(handle)
    Q, DO = (g.data("f16", x) for x in (q, do))
    transposed = (144, 72, 1, 8)
    KT = g.data("f16", k, transposed, (2, 2, 8, 9))
    K = g.virtual("f16", (2, 2, 9, 8))
    g.add("OPERATION_RESHAPE", XDESC=KT, YDESC=K)
    VT = g.data("f16", v, transposed, (2, 2, 8, 9))
    O, M = g.data("f16", o), g.data("f32", statistics)
    product, delta = g.virtual("f32", (2, 4, 5, 8)), g.virtual("f32", row_dims)
    g.pointwise(MUL, DO, product, O)
    g.reduce(SUM, product, delta)
    s, scaled, shifted, masked, P = (g.virtual("f32", scores_dims) for _ in range(5))
    scale = g.value("f32", 0.25)
    g.matmul(Q, KT, s)
    g.pointwise(MUL, s, scaled, scale)
    g.pointwise(SUB, scaled, shifted, M)
    if core:
        band = {"XDESC": shifted, "YDESC": masked, "BDESC": g.value("f32", -np.inf)}
        g.add("OPERATION_DIAGONAL_BAND_MASK", COMPARISON_MODE=GREATER_EQUAL, **band)
    else:
        causal(g, shifted, masked)
        g.pointwise(IDENTITY, masked, g.virtual("f32", scores_dims))  # one operation more than the core knows
    g.pointwise(EXP, masked, P)
    view = (2, 4, 9, 5), (180, 45, 1, 9)
    PT, wide = g.virtual("f16", *view), g.virtual("f32", (2, 4, 9, 8))
    g.add("OPERATION_RESHAPE", XDESC=P, YDESC=PT)
    dv = g.out("f16", (2, 2, 9, 8))
    g.matmul(PT, DO, wide)
    g.reduce(SUM, wide, dv)
    dp, centred, ds, scaled_ds = (g.virtual("f32", scores_dims) for _ in range(4))
    g.matmul(DO, VT, dp)
    g.pointwise(SUB, dp, centred, delta)
    g.pointwise(MUL, centred, ds, P)
    g.pointwise(MUL, ds, scaled_ds, scale)
    dst, wide_k = g.virtual("f32", *view), g.virtual("f32", (2, 4, 9, 8))
    g.add("OPERATION_RESHAPE", XDESC=scaled_ds, YDESC=dst)
    g.matmul(dst, Q, wide_k)
    dk, dq = g.out("f16", (2, 2, 9, 8)), g.out("f16", (2, 4, 5, 8))
    g.reduce(SUM, wide_k, dk)
    if core:
        wide_q = g.virtual("f32", (2, 4, 5, 8))
        g.matmul(scaled_ds, K, wide_q)
        g.pointwise(IDENTITY, wide_q, dq)
    else:
        g.matmul(scaled_ds, K, dq)
    assert providers_of(g) == (["core", "numpy"] if core else ["numpy"])
    got = g.run()
    ds_ = p * (do @ v4.swapaxes(2, 3) - (do * o).sum(-1, keepdims=True)) * 0.25

    def shared(x: np.ndarray) -> np.ndarray:
        return x.reshape(2, 2, 2, 9, 8).sum(2)

    close(got[0], shared(p.swapaxes(2, 3) @ do), 3e-3)
    close(got[1], shared(ds_.swapaxes(2, 3) @ q), 3e-3)
    close(got[2], ds_ @ k4, 3e-3)


def test_packed_sequences(handle: Any, rng: Any) -> None:
    """Ragged tensors: entries of 3 and 2 rows one behind the other; what lies behind the last is not touched."""
    rows = rng.normal(size=(8, 4))
    g = Graph(handle)
    offsets = g.data("i32", np.array([0, 12, 20]).reshape(3, 1, 1, 1))
    ragged = {"RAGGED_OFFSET_DESC": (d.DESCRIPTOR, offsets)}
    x = g.data("f32", rows, (12, 4, 4, 1), (2, 1, 3, 4), **ragged)
    y = g.out("f32", (2, 1, 4, 4), (16, 4, 4, 1), fill=-5, **ragged)
    whole = g.virtual("f32", (2, 1, 3, 4))
    g.pointwise(MUL, x, whole, g.value("f32", 2.0))
    g.add(
        "OPERATION_SLICE",
        XDESC=whole,
        YDESC=g.out("f32", (2, 1, 2, 4)),
        START_INDICES=[0, 0, 1, 0],
        LIMIT_INDICES=[2, 1, 3, 4],
    )
    parts = [g.virtual("f32", (2, 1, 1, 4)), whole]
    g.add("OPERATION_SLICE", XDESC=whole, YDESC=parts[0], START_INDICES=[0, 0, 0, 0], LIMIT_INDICES=[2, 1, 1, 4])
    described = Backend("OPERATION_CONCAT").set("OPERATION_CONCAT_AXIS", d.INT64, 2)
    described.set("OPERATION_CONCAT_INPUT_DESCS", d.DESCRIPTOR, *parts)
    g.operations.append(described.set("OPERATION_CONCAT_OUTPUT_DESC", d.DESCRIPTOR, y).finalize())
    got = g.run()
    close(got[1][1, 0], np.stack([2 * rows[4], np.zeros(4)]), 1e-6)  # entry 1 has rows 3 and 4, then nothing
    flat = got[0].ravel()
    close(flat[:12].reshape(3, 4), 2 * rows[[0, 0, 1]], 1e-6)
    close(flat[12:20].reshape(2, 4), 2 * rows[[3, 3]], 1e-6)
    assert (flat[20:] == -5).all()


def test_dropout_repeats(handle: Any) -> None:
    """Bernoulli numbers depend on seed, offset and place only, and come as often as asked."""

    def draw(seed: int) -> np.ndarray:
        g = Graph(handle)
        one = {"dims": (1, 1, 1, 1)}
        described = descriptor("RNG", DISTRIBUTION=0, BERNOULLI_DIST_PROBABILITY=0.75)
        y = g.out("f32", (2, 3, 64, 50))
        offset = g.data("i64", np.array([3]), **one)
        g.add("OPERATION_RNG", DESC=described, YDESC=y, SEED=g.data("i64", np.array([seed]), **one), OFFSET_DESC=offset)
        return g.run()[0]

    first, again, other = draw(11), draw(11), draw(12)
    assert set(np.unique(first)) == {0, 1} and (first == again).all() and (first != other).any()
    assert abs(first.mean() - 0.75) < 0.015


def test_maximum_pooling(handle: Any, rng: Any) -> None:
    x = rng.normal(size=(2, 3, 6, 6))
    shape = {"WINDOW_DIMS": [2, 2], "STRIDES": [2, 2], "PRE_PADDINGS": [0, 0], "POST_PADDINGS": [0, 0]}
    described = descriptor("RESAMPLE", MODE=3, COMP_TYPE=0, SPATIAL_DIMS=2, **shape)
    g = Graph(handle)
    y, index = g.out("f32", (2, 3, 3, 3)), g.out("i8", (2, 3, 3, 3))
    g.add("OPERATION_RESAMPLE_FWD", DESC=described, XDESC=g.data("f32", x), YDESC=y, IDXDESC=index)
    windows = x.reshape(2, 3, 3, 2, 3, 2).swapaxes(3, 4).reshape(2, 3, 3, 3, 4)
    got = g.run()
    close(got[0], windows.max(-1), 1e-6)
    assert (got[1] == windows.argmax(-1)).all()
    g = Graph(handle)
    dx = g.out("f32", x.shape)
    given = {"DYDESC": g.data("f32", np.ones((2, 3, 3, 3))), "IDXDESC": g.data("i8", got[1])}
    g.add("OPERATION_RESAMPLE_BWD", DESC=described, DXDESC=dx, **given)
    assert (g.run()[0] == (x == np.repeat(np.repeat(windows.max(-1), 2, 2), 2, 3))).all()


def test_plan_as_text(handle: Any, rng: Any) -> None:
    a, b = rng.normal(size=(1, 3, 4)), rng.normal(size=(1, 4, 5))
    g = Graph(handle)
    g.matmul(g.data("f32", a), g.data("f32", b), g.out("f32", (1, 3, 5)))
    plan = g.plan()
    size = plan.get("EXECUTION_PLAN_JSON_REPRESENTATION", 24, [], 0)
    text = [0] * size
    plan.get("EXECUTION_PLAN_JSON_REPRESENTATION", 24, text)
    again = Backend("EXECUTION_PLAN").set("EXECUTION_PLAN_JSON_REPRESENTATION", 24, *text).finalize()
    close(g.run(again)[0], a @ b, 1e-6)
    broken = Backend("EXECUTION_PLAN").set("EXECUTION_PLAN_JSON_REPRESENTATION", 24, *text[:-20])
    assert broken.try_finalize() == 1003  # SERIALIZATION_VERSION_MISMATCH


def test_refusals(handle: Any) -> None:
    g = Graph(handle)
    g.pointwise(EXP, g.virtual("fp8", (1, 2, 3)), g.tensor("f32", (1, 2, 3)))
    assert g.heuristic()[0] == d.NOT_SUPPORTED
    out = ffi.new("void **")
    quantize = cudnn().CUDNN_BACKEND_OPERATION_BLOCK_SCALE_QUANTIZE_DESCRIPTOR
    assert cudnn().cudnnBackendCreateDescriptor(quantize, out) == d.NOT_SUPPORTED
    g = Graph(handle)
    g.matmul(g.tensor("f32", (1, 2, 3)), g.tensor("f32", (1, 4, 5)), g.tensor("f32", (1, 2, 5)))
    assert g.heuristic()[0] == d.BAD_PARAM
    g = Graph(handle)
    g.pointwise(EXP, g.virtual("f32", (1, 2, 3)), g.tensor("f32", (1, 2, 3)))  # nothing writes what it reads
    assert g.heuristic()[0] == d.BAD_PARAM
    operation = Backend("OPERATION_MATMUL").set("OPERATION_MATMUL_DESC", d.DESCRIPTOR, g.tensor("f32", (1, 2, 3)))
    assert operation.try_finalize() == d.BAD_PARAM  # without operands
    for name in "ABC":
        operation.set(f"OPERATION_MATMUL_{name}DESC", d.DESCRIPTOR, g.tensor("f32", (1, 2, 2)))
    assert operation.try_finalize() == d.DESCRIPTOR_TYPE  # a tensor in the place of a matmul descriptor


def test_product_of_parts(handle: Any, rng: Any) -> None:
    """Lengths per batch entry: rows behind m are the padding value, and k cuts the sums, whatever lies behind it."""
    a, b = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 4, 5))
    a[1, :, 2:] = np.nan
    g = Graph(handle)
    c = g.out("f32", (2, 3, 5))
    lengths = {"dims": (2, 1, 1)}
    m, k = (g.data("i32", np.array(n), **lengths) for n in ([3, 1], [4, 2]))
    described = descriptor("MATMUL", COMP_TYPE=0, PADDING_VALUE=-3.0)
    given = {"ADESC": g.data("f32", a), "BDESC": g.data("f32", b), "CDESC": c, "DESC": described}
    g.add("OPERATION_MATMUL", GEMM_M_OVERRIDE_DESC=m, GEMM_K_OVERRIDE_DESC=k, **given)
    got = g.run()[0]
    close(got[0], a[0] @ b[0], 1e-6)
    close(got[1, :1], a[1, :1, :2] @ b[1, :2], 1e-6)
    assert (got[1, 1:] == -3).all()
