"""cuDNN entry points: results on device memory by the call sequences of PyTorch, and what wrong arguments get."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cudnn_device as d
import numpy as np
import pytest
from conv_problems import FUSED, PROBLEMS, Memory, decode, problem, strides
from cudnn_device import Backend, Buffer, check, cudnn, ffi
from test_batchnorm import PROBLEMS as NORMS
from test_batchnorm import Memory as NormMemory
from test_batchnorm import compare as compare_norm
from test_batchnorm import make as make_norm
from test_conv import compare, make
from test_rnn import PROBLEMS as RNNS
from test_rnn import Memory as RnnMemory
from test_rnn import compare as compare_rnn
from test_rnn import outputs as rnn_outputs

from maf_vdev.modnn import batchnorm as b
from maf_vdev.modnn import conv as c
from maf_vdev.modnn import rnn

pytestmark = pytest.mark.skipif(not d.LIB.is_dir(), reason="the shim libraries are not built")


@pytest.fixture(scope="module")
def handle() -> Iterator[Any]:
    out = ffi.new("cudnnHandle_t *")
    check(cudnn().cudnnCreate(out))
    yield out[0]
    check(cudnn().cudnnDestroy(out[0]))


def build_plan(operations: list[Backend], handle: Any, children: list[Backend], mode: int = 0) -> Backend:
    """From operations to an execution plan as PyTorch does it: descriptors are destroyed as soon as their parent is
    finalized, results go into descriptors that the caller made."""
    graph = Backend("OPERATIONGRAPH").set("OPERATIONGRAPH_OPS", d.DESCRIPTOR, *operations)
    graph.set("OPERATIONGRAPH_HANDLE", d.HANDLE, handle).finalize()
    for child in (*children, *operations):
        child.destroy()
    heuristic = Backend("ENGINEHEUR").set("ENGINEHEUR_OPERATION_GRAPH", d.DESCRIPTOR, graph)
    heuristic.set("ENGINEHEUR_MODE", d.HEUR_MODE, mode).finalize()
    graph.destroy()
    assert heuristic.get("ENGINEHEUR_RESULTS", d.DESCRIPTOR, [], 0) == 1
    config = Backend("ENGINECFG")
    assert heuristic.get("ENGINEHEUR_RESULTS", d.DESCRIPTOR, [config]) == 1
    heuristic.destroy()
    engine = Backend("ENGINE")
    assert config.get("ENGINECFG_ENGINE", d.DESCRIPTOR, [engine]) == 1
    assert engine.get("ENGINE_NUMERICAL_NOTE", d.NUMERICAL_NOTE, [0] * 10) == 0
    assert engine.get("ENGINE_BEHAVIOR_NOTE", d.BEHAVIOR_NOTE, [0] * 5) == 0
    index = [7]
    assert engine.get("ENGINE_GLOBAL_INDEX", d.INT64, index) == 1 and index == [0]
    assert config.get("ENGINECFG_KNOB_CHOICES", d.DESCRIPTOR, [Backend("KNOB_CHOICE")]) == 0
    plan = Backend("EXECUTION_PLAN").set("EXECUTION_PLAN_ENGINE_CONFIG", d.DESCRIPTOR, config).finalize()
    engine.destroy()
    config.destroy()
    size = [-1]
    assert plan.get("EXECUTION_PLAN_WORKSPACE_SIZE", d.INT64, size) == 1 and size[0] >= 0
    return plan


def execute(plan: Backend, handle: Any, buffers: dict[int, Buffer]) -> int:
    size = [0]
    plan.get("EXECUTION_PLAN_WORKSPACE_SIZE", d.INT64, size)
    workspace = Buffer(np.zeros(max(1, size[0]), np.uint8))
    pack = Backend("VARIANT_PACK").set("VARIANT_PACK_UNIQUE_IDS", d.INT64, *buffers)
    pack.set("VARIANT_PACK_DATA_POINTERS", d.VOID_PTR, *(buffer.pointer for buffer in buffers.values()))
    pack.set("VARIANT_PACK_WORKSPACE", d.VOID_PTR, workspace.pointer).finalize()
    status = cudnn().cudnnBackendExecute(handle, plan.pointer, pack.pointer)
    pack.destroy()
    return status


def conv_buffers(memory: Memory) -> dict[str, Buffer]:
    return {role: Buffer(memory.buffers[which]) for role, which in (("x", c.X), ("w", c.W), ("y", c.Y))}


BACKEND = [
    *(
        "3x3",
        "1d",
        "3d",
        "uneven padding",
        "groups",
        "depthwise",
        "channels last",
        "dilated",
        "mirrored",
        "beta",
        "gaps",
    ),
    *("3x3 f64", "3x3 f16", "3x3 bf16", "1d f64", "3d bf16", "channels last f16", "beta f64", "f16 f16 f32"),
]


@pytest.mark.parametrize("direction", range(3))
@pytest.mark.parametrize("name", BACKEND)
def test_convolution_graph(handle: Any, name: str, direction: int) -> None:
    name = "3x3 f16 f16 f32" if name == "f16 f16 f32" else name
    p = PROBLEMS[name]
    memory, other = Memory(p, direction), Memory(p, direction)
    operation, children = d.conv_operation(memory.op, p)
    plan = build_plan([operation], handle, children)
    buffers = conv_buffers(memory)
    check(execute(plan, handle, {d.UIDS[role]: buffer for role, buffer in buffers.items()}))
    result = "yxw"[direction]
    memory.buffers[c.RESULT[direction]] = buffers[result].get()
    compare(memory, memory.array(c.RESULT[direction]), other.run(make(other, "reference")))
    plan.destroy()


@pytest.mark.parametrize("mode", [0, 1, 2, 3])
def test_every_heuristic_mode_gives_a_plan(handle: Any, mode: int) -> None:
    operation, children = d.conv_operation(Memory(PROBLEMS["1x1"], 0).op, PROBLEMS["1x1"])
    build_plan([operation], handle, children, mode).destroy()


def test_fused_graph(handle: Any) -> None:
    """convolution -> + alpha2 * z -> + bias -> ReLU, the graph of torch.cudnn_convolution_add_relu."""
    p = FUSED["z and bias relu"] | {"alpha": 1.0}
    memory, other = Memory(p, 0), Memory(p, 0)
    op = memory.op
    kind, dims, steps = d.conv_tensors(op, p["types"])["y"]
    tensors = {role: d.backend_tensor(*t, d.UIDS[role]) for role, t in d.conv_tensors(op, p["types"]).items()}
    after = [d.backend_tensor(kind, dims, steps, ord(uid), virtual=True) for uid in "CAB"]
    z = d.backend_tensor(kind, dims, list(op.z_strides[0:4]), 122)
    bias = d.backend_tensor(kind, [1, dims[1], 1, 1], [dims[1], 1, 1, 1], 123)
    convolution = d.conv_operation(op, p)[1][-1]
    conv = Backend("OPERATION_CONVOLUTION_FORWARD")
    for name, child in (("X", tensors["x"]), ("W", tensors["w"]), ("Y", after[0]), ("CONV_DESC", convolution)):
        conv.set(f"OPERATION_CONVOLUTION_FORWARD_{name}", d.DESCRIPTOR, child)
    conv.finalize()
    operations, pointwise = [conv], []

    def chain(mode: int, x: Backend, y: Backend, other: Backend | None = None, alpha2: float = 1.0) -> None:
        pointwise.append(
            Backend("POINTWISE")
            .set("POINTWISE_MODE", d.POINTWISE_MODE, mode)
            .set("POINTWISE_MATH_PREC", d.DATA_TYPE, 0)
            .finalize()
        )
        made = Backend("OPERATION_POINTWISE").set("OPERATION_POINTWISE_PW_DESCRIPTOR", d.DESCRIPTOR, pointwise[-1])
        made.set("OPERATION_POINTWISE_XDESC", d.DESCRIPTOR, x).set("OPERATION_POINTWISE_YDESC", d.DESCRIPTOR, y)
        if other:
            made.set("OPERATION_POINTWISE_BDESC", d.DESCRIPTOR, other)
            made.set("OPERATION_POINTWISE_ALPHA2", d.FLOAT, alpha2)
        operations.append(made.finalize())

    chain(0, after[0], after[1], z, p["beta"])
    chain(0, after[1], after[2], bias)
    chain(100, after[2], tensors["y"])
    plan = build_plan(operations, handle, [*tensors.values(), *after, z, bias, convolution, *pointwise])
    buffers = conv_buffers(memory)
    packed = {d.UIDS[role]: buffer for role, buffer in buffers.items()}
    packed |= {122: Buffer(memory.buffers[c.Z]), 123: Buffer(memory.buffers[c.BIAS])}
    check(execute(plan, handle, packed))
    memory.buffers[c.Y] = buffers["y"].get()
    compare(memory, memory.array(c.Y), other.run(make(other, "reference")))


def test_wrong_attributes() -> None:
    tensor = Backend("TENSOR")
    assert tensor.try_set("TENSOR_DIMENSIONS", d.FLOAT, 1.0) == d.ATTRIBUTE_TYPE
    assert tensor.try_set("CONVOLUTION_DILATIONS", d.INT64, 1) == d.NOT_SUPPORTED
    assert tensor.try_set("TENSOR_DIMENSIONS", d.INT64, *[1] * 9) == d.OUT_OF_BOUND
    assert tensor.try_get("TENSOR_DIMENSIONS", d.INT64, [0])[0] == d.NOT_FINALIZED
    assert tensor.try_finalize() == d.BAD_PARAM
    tensor.set("TENSOR_DATA_TYPE", d.DATA_TYPE, 0).set("TENSOR_UNIQUE_ID", d.INT64, 1)
    tensor.set("TENSOR_BYTE_ALIGNMENT", d.INT64, 4).set("TENSOR_DIMENSIONS", d.INT64, 2, 3)
    tensor.set("TENSOR_STRIDES", d.INT64, 3)
    assert tensor.try_finalize() == d.SHAPE_MISMATCH
    engine = Backend("ENGINE")
    assert engine.try_set("ENGINE_OPERATION_GRAPH", d.DESCRIPTOR, tensor) == d.NOT_FINALIZED
    tensor.set("TENSOR_STRIDES", d.INT64, 3, 1).finalize()
    assert tensor.try_set("TENSOR_STRIDES", d.INT64, 3, 1) == d.BAD_PARAM
    engine.set("ENGINE_OPERATION_GRAPH", d.DESCRIPTOR, tensor).set("ENGINE_GLOBAL_INDEX", d.INT64, 0)
    assert engine.try_finalize() == d.DESCRIPTOR_TYPE
    dims = [0, 0, 0]
    assert tensor.get("TENSOR_DIMENSIONS", d.INT64, dims) == 2 and dims == [2, 3, 0]


def test_plan_needs_every_tensor(handle: Any) -> None:
    p = PROBLEMS["1x1"]
    memory = Memory(p, 0)
    operation, children = d.conv_operation(memory.op, p)
    plan = build_plan([operation], handle, children)
    buffers = conv_buffers(memory)
    assert execute(plan, handle, {d.UIDS["x"]: buffers["x"], d.UIDS["w"]: buffers["w"]}) == d.NULL_POINTER


# --- legacy API ------------------------------------------------------------------------------------


def legacy(memory: Memory) -> tuple[Any, Any, Any, Any]:
    """x, w, convolution and y descriptors of a problem with packed filters."""
    p, op = memory.p, memory.op
    x, y = (d.tensor(p["types"][i], t.dims, t.strides) for i, t in ((0, memory.normal.x), (2, memory.normal.y)))
    w = d.create("cudnnFilterDescriptor_t", "FilterDescriptor")
    dims = list(memory.normal.w.dims)
    check(cudnn().cudnnSetFilterNdDescriptor(w, d.TYPES[p["types"][1]], p["layouts"][1] == "last", len(dims), dims))
    conv = d.create("cudnnConvolutionDescriptor_t", "ConvolutionDescriptor")
    fields = [list(f[0 : op.spatial]) for f in (op.pad_before, op.stride, op.dilation)]
    check(cudnn().cudnnSetConvolutionNdDescriptor(conv, op.spatial, *fields, op.mode, "f64" in p["types"]))
    check(cudnn().cudnnSetConvolutionGroupCount(conv, memory.normal.groups))
    return x, w, conv, y


def scalars(p: dict[str, Any]) -> tuple[Any, Any]:
    kind = "double *" if "f64" in p["types"] else "float *"
    return ffi.new(kind, p["alpha"]), ffi.new(kind, p["beta"])


@pytest.mark.parametrize("direction", range(3))
@pytest.mark.parametrize("name", ["3x3", "groups", "channels last", "3d", "mirrored", "beta", "3x3 f64", "stem f16"])
def test_legacy_convolution(handle: Any, name: str, direction: int) -> None:
    p = PROBLEMS[name]
    memory, other = Memory(p, direction), Memory(p, direction)
    x, w, conv, y = legacy(memory)
    device = conv_buffers(memory)
    px, pw, py = (device[role].pointer for role in "xwy")
    alpha, beta = scalars(p)
    size = ffi.new("size_t *")
    if direction == 0:
        check(cudnn().cudnnGetConvolutionForwardWorkspaceSize(handle, x, w, conv, y, 1, size))
    elif direction == 1:
        check(cudnn().cudnnGetConvolutionBackwardDataWorkspaceSize(handle, w, y, conv, x, 1, size))
    else:
        check(cudnn().cudnnGetConvolutionBackwardFilterWorkspaceSize(handle, x, y, conv, w, 1, size))
    space = Buffer(np.zeros(max(1, size[0]), np.uint8))
    tail = (conv, 1, space.pointer, size[0], beta)
    if direction == 0:
        check(cudnn().cudnnConvolutionForward(handle, alpha, x, px, w, pw, *tail, y, py))
    elif direction == 1:
        check(cudnn().cudnnConvolutionBackwardData(handle, alpha, w, pw, y, py, *tail, x, px))
    else:
        check(cudnn().cudnnConvolutionBackwardFilter(handle, alpha, x, px, y, py, *tail, w, pw))
    memory.buffers[c.RESULT[direction]] = device["yxw"[direction]].get()
    compare(memory, memory.array(c.RESULT[direction]), other.run(make(other, "reference")))


@pytest.mark.parametrize("name", FUSED)
def test_legacy_fused_convolution(handle: Any, name: str) -> None:
    p = FUSED[name] | {"bias": True}
    memory, other = Memory(p, 0), Memory(p, 0)
    x, w, conv, y = legacy(memory)
    device = conv_buffers(memory)
    kind = p["types"][0]
    z = d.tensor(kind, memory.normal.y.dims, memory.normal.z_strides)
    bias = d.tensor(kind, (1, memory.normal.y.dims[1], 1, 1), (memory.normal.y.dims[1], 1, 1, 1))
    activation = d.create("cudnnActivationDescriptor_t", "ActivationDescriptor")
    check(cudnn().cudnnSetActivationDescriptor(activation, p["activation"], 0, 0.0))
    alpha, beta = scalars(p)
    pz, pb = Buffer(memory.buffers[c.Z]), Buffer(memory.buffers[c.BIAS])
    space = Buffer(np.zeros(1, np.uint8))
    check(
        cudnn().cudnnConvolutionBiasActivationForward(
            handle, alpha, x, device["x"].pointer, w, device["w"].pointer, conv, 1, space.pointer, 0, beta, z,
            pz.pointer, bias, pb.pointer, activation, y, device["y"].pointer,
        )
    )  # fmt: skip
    memory.buffers[c.Y] = device["y"].get()
    compare(memory, memory.array(c.Y), other.run(make(other, "reference")))


def test_algorithm_queries(handle: Any) -> None:
    memory = Memory(PROBLEMS["3x3"], 0)
    x, w, conv, y = legacy(memory)
    for name, args in (
        ("Forward", (x, w, conv, y)),
        ("BackwardData", (w, y, conv, x)),
        ("BackwardFilter", (x, y, conv, w)),
    ):
        short = name.replace("Backward", "Bwd").replace("Forward", "Fwd")
        results = ffi.new(f"cudnnConvolution{short}AlgoPerf_t[4]")
        count = ffi.new("int *")
        check(getattr(cudnn(), f"cudnnGetConvolution{name}Algorithm_v7")(handle, *args, 4, count, results))
        assert count[0] == 1 and results[0].status == 0 and results[0].time == -1
        check(getattr(cudnn(), f"cudnnFindConvolution{name}Algorithm")(handle, *args, 4, count, results))
        assert count[0] == 1 and 0 < results[0].time < 1000
        check(getattr(cudnn(), f"cudnnGetConvolution{name}AlgorithmMaxCount")(handle, count))
        assert count[0] == 1


def test_wrong_convolutions(handle: Any) -> None:
    memory = Memory(PROBLEMS["3x3"], 0)
    x, w, conv, y = legacy(memory)
    size = ffi.new("size_t *")
    wrong = d.tensor("f32", (2, 4, 9, 8), (288, 72, 8, 1))
    assert cudnn().cudnnGetConvolutionForwardWorkspaceSize(handle, x, w, conv, wrong, 1, size) == d.SHAPE_MISMATCH
    assert cudnn().cudnnGetConvolutionForwardWorkspaceSize(handle, x, w, conv, y, 8, size) == d.BAD_PARAM
    assert cudnn().cudnnGetConvolutionForwardWorkspaceSize(handle, x, w, ffi.NULL, y, 1, size) == d.NULL_POINTER
    assert cudnn().cudnnSetConvolutionNdDescriptor(conv, 2, [0, -1], [1, 1], [1, 1], 1, 0) == d.BAD_PARAM
    assert cudnn().cudnnSetTensorNdDescriptor(x, 0, 2, [0, 1], [1, 1]) == d.BAD_PARAM
    out = ffi.new("char[200]")
    cudnn().cudnnGetLastErrorString(out, 200)
    assert b"cudnnSetTensorNdDescriptor" in ffi.string(out)


def test_output_dimensions() -> None:
    for p in (problem((2, 4, 10, 11), (6, 4, 3, 3), stride=(3, 4)), problem((2, 4, 10, 11), (6, 2, 3, 3), pad=(1, 2))):
        memory = Memory(p, 0)
        x, w, conv, _ = legacy(memory)
        dims = ffi.new("int[4]")
        check(cudnn().cudnnGetConvolutionNdForwardOutputDim(conv, x, w, 4, dims))
        assert tuple(dims) == memory.normal.y.dims


def test_descriptors_keep_what_they_are_given() -> None:
    strides = (9999, 77, 11, 1)
    made = d.tensor("f16", (2, 3, 5, 7), strides)
    kind, count = ffi.new("cudnnDataType_t *"), ffi.new("int *")
    dims, steps = ffi.new("int[8]"), ffi.new("int[8]")
    check(cudnn().cudnnGetTensorNdDescriptor(made, 3, kind, count, dims, steps))
    assert (kind[0], count[0], list(dims), list(steps)) == (2, 4, [2, 3, 5, *[0] * 5], [9999, 77, 11, *[0] * 5])
    check(cudnn().cudnnSetTensor4dDescriptor(made, 1, 0, 2, 3, 5, 7))
    check(cudnn().cudnnGetTensorNdDescriptor(made, 8, kind, count, dims, steps))
    assert list(steps[0:4]) == [105, 1, 21, 3]
    size = ffi.new("size_t *")
    check(cudnn().cudnnGetTensorSizeInBytes(made, size))
    assert size[0] == 2 * 3 * 5 * 7 * 4


def test_version() -> None:
    assert cudnn().cudnnGetVersion() == 92400
    for part in ("Adv", "Cnn", "Graph", "Ops"):
        check(getattr(cudnn(), f"cudnn{part}VersionCheck")())
    values = []
    for i in range(3):
        out = ffi.new("int *")
        check(cudnn().cudnnGetProperty(i, out))
        values.append(out[0])
    assert values == [9, 24, 0]
    assert cudnn().cudnnGetProperty(3, out) == d.BAD_PARAM
    assert ffi.string(cudnn().cudnnGetErrorString(3000)) == b"CUDNN_STATUS_NOT_SUPPORTED"


# --- batch normalisation ---------------------------------------------------------------------------

MODES = {0: 1, 1: 0}  # cudnnBatchNormMode_t by per_activation
NORM_CASES = ["images", "volumes", "channels last", "vectors", "per activation", "nothing saved", "blended", "relu"]
NORM_CASES += ["add relu", "add relu last", "images f64", "images f16", "channels last bf16", "blended f64"]


def norm_call(handle: Any, memory: NormMemory, device: dict[str, Buffer]) -> None:
    """The library call of a problem, through the Ex forms as PyTorch makes it."""
    f, p, lib = memory.normal, memory.p, cudnn()
    descs = {role: d.tensor(p["type"], f.dims, strides) for role, strides in f.strides.items()}
    derived = d.create("cudnnTensorDescriptor_t", "TensorDescriptor")
    mode = MODES[int(f.per_activation)]
    check(lib.cudnnDeriveBNTensorDescriptor(derived, descs["x"], mode))
    kind = "double *" if f.wide else "float *"
    alpha, beta, alpha_param, beta_param = (ffi.new(kind, p[n]) for n in ("alpha", "beta", "alpha_param", "beta_param"))
    at = {role: ffi.NULL if role in p["drop"] else buffer.pointer for role, buffer in device.items()}
    desc, null = (lambda role: descs.get(role, ffi.NULL)), ffi.NULL
    activation = null
    if f.fuse:
        activation = d.create("cudnnActivationDescriptor_t", "ActivationDescriptor")
        check(lib.cudnnSetActivationDescriptor(activation, 1, 0, 0.0))
    size, reserve = ffi.new("size_t *"), ffi.new("size_t *")
    check(
        lib.cudnnGetBatchNormalizationTrainingExReserveSpaceSize(handle, mode, f.fuse, activation, descs["x"], reserve)
    )
    z, pz = desc("z"), at.get("z", null)
    if f.direction == b.TRAINING:
        x, y = descs["x"], descs["y"]
        check(
            lib.cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize(
                handle, mode, f.fuse, x, z, y, derived, activation, size
            )
        )
        check(
            lib.cudnnBatchNormalizationForwardTrainingEx(
                handle, mode, f.fuse, alpha, beta, x, at["x"], z, pz if z else null, y, at["y"], derived, at["scale"],
                at["bias"], p["factor"], at["running_mean"], at["running_var"], p["epsilon"], at["saved_mean"],
                at["saved_invstd"], activation, null, size[0], null, reserve[0],
            )
        )  # fmt: skip
    elif f.direction == b.INFERENCE:
        check(
            lib.cudnnBatchNormalizationForwardInference(
                handle, mode, alpha, beta, descs["x"], at["x"], descs["y"], at["y"], derived, at["scale"], at["bias"],
                at["mean"], at["var"], p["epsilon"],
            )
        )  # fmt: skip
    else:
        y, dz = desc("y"), desc("dz")
        check(
            lib.cudnnGetBatchNormalizationBackwardExWorkspaceSize(
                handle, mode, f.fuse, descs["x"], y, descs["dy"], dz, descs["dx"], derived, activation, size
            )
        )
        check(
            lib.cudnnBatchNormalizationBackwardEx(
                handle, mode, f.fuse, alpha, beta, alpha_param, beta_param, descs["x"], at["x"], y,
                at["y"] if y else null, descs["dy"], at["dy"], dz, at["dz"] if dz else null, descs["dx"], at["dx"],
                derived, at["scale"], at.get("bias", null), at["dscale"], at["dbias"], p["epsilon"], at["saved_mean"],
                at["saved_invstd"], activation, null, size[0], null, reserve[0],
            )
        )  # fmt: skip


@pytest.mark.parametrize(
    "name,direction", [(n, k) for n in NORM_CASES for k in range(3) if not ("relu" in n and k == 1)]
)
def test_batch_normalisation(handle: Any, name: str, direction: int) -> None:
    memory, other = NormMemory(NORMS[name], direction), NormMemory(NORMS[name], direction)
    want = other.run(make_norm(other, "reference"))
    device = {role: Buffer(values) for role, values in memory.buffers.items()}
    norm_call(handle, memory, device)
    memory.buffers = {role: buffer.get() for role, buffer in device.items()}
    compare_norm(memory, {role: memory.array(role) for role in want}, want)


def test_wrong_batch_normalisations(handle: Any) -> None:
    memory = NormMemory(NORMS["images"], b.INFERENCE)
    lib, f = cudnn(), memory.normal
    x = d.tensor("f32", f.dims, f.strides["x"])
    other = d.tensor("f32", (3, 5, 6, 8), (240, 48, 8, 1))
    wrong = d.tensor("f16", (1, 5, 1, 1), (5, 1, 1, 1))
    one, at = ffi.new("float *", 1), {role: Buffer(values).pointer for role, values in memory.buffers.items()}
    derived = d.create("cudnnTensorDescriptor_t", "TensorDescriptor")
    check(lib.cudnnDeriveBNTensorDescriptor(derived, x, 1))

    def call(y: Any, param: Any, mean: Any, epsilon: float) -> int:
        return lib.cudnnBatchNormalizationForwardInference(
            handle, 1, one, one, x, at["x"], y, at["y"], param, at["scale"], at["bias"], mean, at["var"], epsilon
        )

    assert call(other, derived, at["mean"], 1e-5) == d.BAD_PARAM
    assert call(x, wrong, at["mean"], 1e-5) == d.BAD_PARAM
    assert call(x, derived, ffi.NULL, 1e-5) == d.NULL_POINTER
    assert call(x, derived, at["mean"], -1.0) == d.BAD_PARAM
    assert call(x, derived, at["mean"], 1e-5) == d.OK


# --- recurrent layers ------------------------------------------------------------------------------


def rnn_descriptor(p: dict[str, Any], dropout: Any = ffi.NULL) -> Any:
    made = d.create("cudnnRNNDescriptor_t", "RNNDescriptor")
    projection = 0 if p["projection"] == p["hidden"] else p["projection"]
    check(
        cudnn().cudnnSetRNNDescriptor_v8(
            made, 0, p["cell"], p["bias"], p["bidirectional"], p["skip_input"], d.TYPES[p["type"]], 0, 0, p["input"],
            p["hidden"], projection, p["layers"], dropout, 1,
        )
    )  # fmt: skip
    return made


def rnn_data(p: dict[str, Any], size: int) -> Any:
    made = d.create("cudnnRNNDataDescriptor_t", "RNNDataDescriptor")
    fill = ffi.new("double *" if p["type"] == "f64" else "float *", p["fill"])
    lengths = ffi.new("int[]", p["lengths"])
    args = (d.TYPES[p["type"]], p["layout"], p["time"], p["batch"], size, lengths, fill)
    check(cudnn().cudnnSetRNNDataDescriptor(made, *args))
    return made


@pytest.mark.parametrize("name", [name for name in RNNS if "f16" not in name])
def test_recurrent_layers(handle: Any, name: str) -> None:
    p, lib, null = RNNS[name], cudnn(), ffi.NULL
    memory, other = RnnMemory(p), RnnMemory(p)
    want = other.run((rnn.INFERENCE,), "reference") | other.run((rnn.BACKWARD_DATA, rnn.BACKWARD_WEIGHTS), "reference")
    op, ways = memory.op, rnn.ways(memory.op)
    desc, x, y = rnn_descriptor(p), rnn_data(p, op.input), rnn_data(p, op.projection * ways)
    dims = [(op.layers * ways, op.batch, size) for size in (op.projection, op.hidden)]
    h, c_desc = (d.tensor(p["type"], shape, strides(shape, "first")) for shape in dims)
    workspace, reserve, size = ffi.new("size_t *"), ffi.new("size_t *"), ffi.new("size_t *")
    check(lib.cudnnGetRNNTempSpaceSizes(handle, desc, 1, x, workspace, reserve))
    check(lib.cudnnGetRNNWeightSpaceSize(handle, desc, size))
    assert size[0] == memory.buffers["w"].nbytes
    kept = Buffer(np.zeros(reserve[0], np.uint8))
    device = {role: Buffer(values) for role, values in memory.buffers.items()}
    at = {role: null if role in p["drop"] else buffer.pointer for role, buffer in device.items()}
    weights, space = (size[0], at["w"]), (workspace[0], null, reserve[0], kept.pointer)
    check(
        lib.cudnnRNNForward(
            handle, desc, 1, null, x, at["x"], y, at["y"], h, at["hx"], at["hy"], c_desc, at["cx"], at["cy"], *weights,
            *space,
        )
    )  # fmt: skip
    check(
        lib.cudnnRNNBackwardData_v8(
            handle, desc, null, y, at["y"], at["dy"], x, at["dx"], h, at["hx"], at["dhy"], at["dhx"], c_desc, at["cx"],
            at["dcy"], at["dcx"], *weights, *space,
        )
    )  # fmt: skip
    check(
        lib.cudnnRNNBackwardWeights_v8(
            handle, desc, 0, null, x, at["x"], h, at["hx"], y, at["y"], size[0], at["dw"], *space
        )
    )
    got = {role: decode(buffer.get(), op.type) for role, buffer in device.items()}
    compare_rnn(memory, got, want, rnn_outputs(p, "y", "hy", "cy", "dx", "dhx", "dcx", "dw"))


@pytest.mark.parametrize(
    "name", ["lstm two layers both ways", "gru input bias", "lstm projected", "gru skips its input"]
)
def test_recurrent_weight_parameters(handle: Any, name: str) -> None:
    p, lib = RNNS[name], cudnn()
    desc, op = rnn_descriptor(p), RnnMemory(p).op
    lanes, total = rnn.weight_space(op)
    gates, base = rnn.GATES[op.cell], 1 << 20
    matrix, bias = (d.create("cudnnTensorDescriptor_t", "TensorDescriptor") for _ in range(2))
    kind, count, dims, steps = ffi.new("cudnnDataType_t *"), ffi.new("int *"), ffi.new("int[3]"), ffi.new("int[3]")

    def ask(lane: int, number: int) -> list[tuple[int, list[int]] | None]:
        """Offset in elements and shape of the matrix and the bias."""
        found = []
        for which in range(2):
            address = ffi.new("void **")
            args = [matrix, address, ffi.NULL, ffi.NULL] if not which else [ffi.NULL, ffi.NULL, bias, address]
            start = ffi.cast("void *", base)
            check(lib.cudnnGetRNNWeightParams(handle, desc, lane, 4 * total, start, number, *args))
            check(lib.cudnnGetTensorNdDescriptor((matrix, bias)[which], 3, kind, count, dims, steps))
            place = (int(ffi.cast("uintptr_t", address[0])) - base) // 4
            found.append((place, list(dims)) if address[0] else None)
        return found

    for number, lane in enumerate(lanes):
        for gate in range(2 * gates):
            place = (lane.input, lane.recurrent)[gate // gates]
            b_place = (lane.b_input, lane.b_recurrent)[gate // gates]
            got, got_bias = ask(number, gate)
            if place is None:
                assert got is None
            else:
                columns = place[1][1]
                offset = place[0] + gate % gates * op.hidden * columns
                assert got == (offset, [1, op.hidden, columns])
            wanted = None if b_place is None else (b_place[0] + gate % gates * op.hidden, [1, op.hidden, 1])
            assert got_bias == wanted
        if lane.projection:
            assert ask(number, 8)[0] == (lane.projection[0], [1, op.projection, op.hidden])
    address = ffi.new("void **")
    args = (4 * total, ffi.cast("void *", base))
    assert lib.cudnnGetRNNWeightParams(handle, desc, 0, *args, 9, matrix, address, bias, address) == d.BAD_PARAM
    assert lib.cudnnGetRNNWeightParams(handle, desc, 9, *args, 0, matrix, address, bias, address) == d.BAD_PARAM


def test_wrong_recurrent_layers(handle: Any) -> None:
    p, lib, null = RNNS["lstm"], cudnn(), ffi.NULL
    desc, x = rnn_descriptor(p), rnn_data(p, p["input"])
    wrong_size = rnn_data(p, p["input"] + 1)
    size = ffi.new("size_t *")
    assert lib.cudnnGetRNNTempSpaceSizes(handle, desc, 1, wrong_size, size, size) == d.SHAPE_MISMATCH
    assert lib.cudnnGetRNNTempSpaceSizes(handle, null, 1, x, size, size) == d.NULL_POINTER
    lengths, one = ffi.new("int[]", [1, 4, 5]), ffi.new("float *", 0)
    assert lib.cudnnSetRNNDataDescriptor(x, 0, 0, 4, 3, 5, lengths, one) == d.OUT_OF_BOUND
    lengths[2] = 4
    assert lib.cudnnSetRNNDataDescriptor(x, 0, 1, 4, 3, 5, lengths, one) == d.BAD_PARAM
    assert lib.cudnnRNNSetClip_v9(desc, 1, -1.0, 1.0) == d.NOT_SUPPORTED
    gru = d.create("cudnnRNNDescriptor_t", "RNNDescriptor")
    args = (gru, 0, rnn.GRU, 2, 0, 0, 0, 0, 0, 5, 7, 3, 1, null, 1)
    assert lib.cudnnSetRNNDescriptor_v8(*args) == d.NOT_SUPPORTED


# --- tensors, activations, softmax, pooling, dropout ------------------------------------------------


class Tensor:
    """A packed float32 tensor on the device with its descriptor, random unless values are given."""

    def __init__(self, dims: tuple[int, ...], values: Any = None, seed: int = 0) -> None:
        self.dims = dims
        if values is None:
            values = np.random.default_rng(seed).uniform(-1, 1, dims)
        self.start = np.asarray(values, np.float32).reshape(dims)
        self.buffer = Buffer(self.start)
        self.desc, self.pointer = d.tensor("f32", dims, strides(dims, "first")), self.buffer.pointer

    @property
    def pair(self) -> tuple[Any, Any]:
        return self.desc, self.pointer

    def get(self) -> np.ndarray:
        return self.buffer.get().astype(np.float64)


def one(value: float) -> Any:
    return ffi.new("float *", value)


SHAPE = (2, 3, 4, 6)


def test_tensor_operations(handle: Any) -> None:
    lib, a, c = cudnn(), Tensor((1, 3, 1, 1), seed=1), Tensor(SHAPE, seed=2)
    check(lib.cudnnAddTensor(handle, one(2), *a.pair, one(0.5), *c.pair))
    np.testing.assert_allclose(c.get(), 2 * a.start + 0.5 * c.start, rtol=1e-6)
    check(lib.cudnnScaleTensor(handle, *c.pair, one(3)))
    np.testing.assert_allclose(c.get(), 3 * (2 * a.start + 0.5 * c.start), rtol=1e-6)
    check(lib.cudnnSetTensor(handle, *c.pair, one(7)))
    assert (c.get() == 7).all()
    x, y = Tensor(SHAPE, seed=3), Tensor(SHAPE, seed=4)
    check(lib.cudnnTransformTensor(handle, one(2), *x.pair, one(1), *y.pair))
    np.testing.assert_allclose(y.get(), 2 * x.start + y.start, rtol=1e-6)
    desc = d.create("cudnnOpTensorDescriptor_t", "OpTensorDescriptor")
    results = (
        lambda u, v: 2 * u + 3 * v,
        lambda u, v: 2 * u * 3 * v,
        lambda u, v: np.minimum(2 * u, 3 * v),
        lambda u, v: np.maximum(2 * u, 3 * v),
        lambda u, v: np.sqrt(2 * u),
        lambda u, v: 1 - 2 * u,
    )
    for number, result in enumerate(results):
        check(lib.cudnnSetOpTensorDescriptor(desc, number, 0, 0))
        u, v, out = Tensor(SHAPE, np.abs(x.start)), Tensor((1, 3, 1, 1), seed=6), Tensor(SHAPE, seed=7)
        check(lib.cudnnOpTensor(handle, desc, one(2), *u.pair, one(3), *v.pair, one(-1), *out.pair))
        want = result(u.start, v.start) - out.start
        np.testing.assert_allclose(out.get(), want, atol=1e-6)
    wrong = Tensor((1, 2, 1, 1))
    assert lib.cudnnAddTensor(handle, one(1), *wrong.pair, one(0), *c.pair) == d.SHAPE_MISMATCH


def test_reductions(handle: Any) -> None:
    lib, a = cudnn(), Tensor(SHAPE, seed=1)
    desc = d.create("cudnnReduceTensorDescriptor_t", "ReduceTensorDescriptor")
    x = a.start.astype(np.float64)
    results = (
        x.sum((0, 2, 3)), x.prod((0, 2, 3)), x.min((0, 2, 3)), x.max((0, 2, 3)), np.abs(x).max((0, 2, 3)),
        x.mean((0, 2, 3)), np.abs(x).sum((0, 2, 3)), np.sqrt((x * x).sum((0, 2, 3))), x.prod((0, 2, 3)),
    )  # fmt: skip
    for number, want in enumerate(results):
        check(lib.cudnnSetReduceTensorDescriptor(desc, number, 0, 0, 1, 0))
        c, size = Tensor((1, 3, 1, 1), seed=2), ffi.new("size_t *")
        check(lib.cudnnGetReductionIndicesSize(handle, desc, a.desc, c.desc, size))
        assert size[0] == (12 if number in (2, 3, 4) else 0)
        indices = Buffer(np.zeros(3, np.int32))
        space = (indices.pointer, size[0], ffi.NULL, 0)
        check(lib.cudnnReduceTensor(handle, desc, *space, one(2), *a.pair, one(1), *c.pair))
        np.testing.assert_allclose(c.get().ravel(), 2 * want + c.start.ravel(), atol=1e-4)
        if size[0]:
            rows = np.moveaxis(x, 1, 0).reshape(3, -1)
            picked = np.take_along_axis(rows, indices.get()[:, None].astype(int), 1)[:, 0]
            np.testing.assert_allclose(np.abs(picked) if number == 4 else picked, want, rtol=1e-6)
    bias = Tensor((1, 3, 1, 1), seed=4)
    check(lib.cudnnConvolutionBackwardBias(handle, one(1), *a.pair, one(0), *bias.pair))
    np.testing.assert_allclose(bias.get().ravel(), x.sum((0, 2, 3)), atol=1e-5)


def test_activations(handle: Any) -> None:
    lib = cudnn()
    desc = d.create("cudnnActivationDescriptor_t", "ActivationDescriptor")
    x, dy = Tensor(SHAPE, seed=1), Tensor(SHAPE, seed=2)
    v, g = x.start.astype(np.float64), dy.start.astype(np.float64)
    s = 1 / (1 + np.exp(-v))
    cases = {
        0: (s, s * (1 - s)),
        1: (np.maximum(v, 0), v > 0),
        2: (np.tanh(v), 1 - np.tanh(v) ** 2),
        3: (np.clip(v, 0, 0.5), (v > 0) & (v < 0.5)),
        4: (np.where(v < 0, 0.5 * np.expm1(v), v), np.where(v < 0, 0.5 * np.exp(v), 1)),
        5: (v, np.ones_like(v)),
        6: (v * s, s + v * s * (1 - s)),
    }
    for mode, (value, slope) in cases.items():
        check(lib.cudnnSetActivationDescriptor(desc, mode, 0, 0.5))
        y, dx = Tensor(SHAPE, seed=3), Tensor(SHAPE, seed=4)
        check(lib.cudnnActivationForward(handle, desc, one(1), *x.pair, one(0), *y.pair))
        np.testing.assert_allclose(y.get(), value, atol=1e-6, err_msg=str(mode))
        check(lib.cudnnActivationBackward(handle, desc, one(2), *y.pair, *dy.pair, *x.pair, one(1), *dx.pair))
        np.testing.assert_allclose(dx.get(), 2 * g * slope + dx.start, atol=1e-5, err_msg=str(mode))


def test_softmax_functions(handle: Any) -> None:
    lib, x, dy = cudnn(), Tensor(SHAPE, seed=1), Tensor(SHAPE, seed=2)
    v, g = x.start.astype(np.float64), dy.start.astype(np.float64)
    for mode, axes in ((0, (1, 2, 3)), (1, 1)):
        p = np.exp(v) / np.exp(v).sum(axes, keepdims=True)
        for algorithm in range(3):
            y, dx = Tensor(SHAPE, seed=3), Tensor(SHAPE, seed=4)
            check(lib.cudnnSoftmaxForward(handle, algorithm, mode, one(1), *x.pair, one(0), *y.pair))
            np.testing.assert_allclose(y.get(), np.log(p) if algorithm == 2 else p, atol=1e-6)
            check(lib.cudnnSoftmaxBackward(handle, algorithm, mode, one(1), *y.pair, *dy.pair, one(0), *dx.pair))
            want = g - p * g.sum(axes, keepdims=True) if algorithm == 2 else p * (g - (p * g).sum(axes, keepdims=True))
            np.testing.assert_allclose(dx.get(), want, atol=1e-5)


def test_pooling_functions(handle: Any) -> None:
    lib, x, dy = cudnn(), Tensor(SHAPE, seed=1), Tensor((2, 3, 2, 3), seed=2)
    desc = d.create("cudnnPoolingDescriptor_t", "PoolingDescriptor")
    v, g = x.start.astype(np.float64), dy.start.astype(np.float64)
    boxes = v.reshape(2, 3, 2, 2, 3, 2)
    for mode in range(4):
        check(lib.cudnnSetPooling2dDescriptor(desc, mode, 0, 2, 2, 0, 0, 2, 2))
        y, dx = Tensor((2, 3, 2, 3), seed=3), Tensor(SHAPE, seed=4)
        check(lib.cudnnPoolingForward(handle, desc, one(1), *x.pair, one(0), *y.pair))
        largest = boxes.max((3, 5), keepdims=True)
        want = largest[:, :, :, 0, :, 0] if mode in (0, 3) else boxes.mean((3, 5))
        np.testing.assert_allclose(y.get(), want, atol=1e-6)
        check(lib.cudnnPoolingBackward(handle, desc, one(1), *y.pair, *dy.pair, *x.pair, one(0), *dx.pair))
        share = (boxes == largest) if mode in (0, 3) else np.full(boxes.shape, 0.25)
        np.testing.assert_allclose(dx.get(), (share * g[:, :, :, None, :, None]).reshape(SHAPE), atol=1e-6)
    wrong = Tensor((2, 3, 2, 2))
    assert lib.cudnnPoolingForward(handle, desc, one(1), *x.pair, one(0), *wrong.pair) == d.SHAPE_MISMATCH


def test_dropout_functions(handle: Any) -> None:
    lib, dims = cudnn(), (1, 1, 100, 100)
    desc = d.create("cudnnDropoutDescriptor_t", "DropoutDescriptor")
    size = ffi.new("size_t *")
    check(lib.cudnnDropoutGetStatesSize(handle, size))
    states = Buffer(np.zeros(size[0], np.uint8))
    check(lib.cudnnSetDropoutDescriptor(desc, handle, 0.4, states.pointer, size[0], 99))
    x, dy = Tensor(dims, np.ones(dims)), Tensor(dims, seed=5)
    check(lib.cudnnDropoutGetReserveSpaceSize(x.desc, size))
    reserve, masks = Buffer(np.zeros(size[0], np.uint8)), []
    for _ in range(2):
        y, dx = Tensor(dims, seed=3), Tensor(dims, seed=4)
        check(lib.cudnnDropoutForward(handle, desc, *x.pair, *y.pair, reserve.pointer, size[0]))
        check(lib.cudnnDropoutBackward(handle, desc, *dy.pair, *dx.pair, reserve.pointer, size[0]))
        masks.append(y.get() > 0)
        np.testing.assert_allclose(y.get(), masks[-1] / 0.6, rtol=1e-6)
        np.testing.assert_allclose(dx.get(), dy.start * masks[-1] / 0.6, rtol=1e-5)
        assert abs(masks[-1].mean() - 0.6) < 0.025  # five standard deviations
    assert (masks[0] != masks[1]).any()
    assert lib.cudnnDropoutForward(handle, desc, *x.pair, *y.pair, reserve.pointer, 5) == d.SIZE_INSUFFICIENT
    assert lib.cudnnSetDropoutDescriptor(desc, handle, 1.5, states.pointer, 64, 1) == d.BAD_PARAM


def test_local_response_normalization(handle: Any) -> None:
    lib, x, dy = cudnn(), Tensor((2, 7, 2, 2), seed=1), Tensor((2, 7, 2, 2), seed=2)
    y, dx = Tensor(x.start.shape, seed=3), Tensor(x.start.shape, seed=4)
    desc = d.create("cudnnLRNDescriptor_t", "LRNDescriptor")
    check(lib.cudnnSetLRNDescriptor(desc, 4, 0.9, 0.6, 1.5))
    values = [ffi.new("unsigned *"), *(ffi.new("double *") for _ in range(3))]
    check(lib.cudnnGetLRNDescriptor(desc, *values))
    assert [v[0] for v in values] == [4, 0.9, 0.6, 1.5]
    assert lib.cudnnSetLRNDescriptor(desc, 17, 0.9, 0.6, 1.5) == d.BAD_PARAM

    def normalized(v: np.ndarray) -> np.ndarray:
        """A window of 4 has one channel before and two behind."""
        s = [(v[:, max(0, c - 1) : c + 3] ** 2).sum(1) for c in range(7)]
        return v * (1.5 + 0.9 / 4 * np.stack(s, 1)) ** -0.6

    v, g = x.start.astype(np.float64), dy.start.astype(np.float64)
    check(lib.cudnnLRNCrossChannelForward(handle, desc, 0, one(1), *x.pair, one(0), *y.pair))
    np.testing.assert_allclose(y.get(), normalized(v), atol=1e-6)
    check(lib.cudnnLRNCrossChannelBackward(handle, desc, 0, one(2), *y.pair, *dy.pair, *x.pair, one(1), *dx.pair))
    steps = 1e-5 * np.eye(v.size).reshape(-1, *v.shape)
    slope = [((normalized(v + h) - normalized(v - h)) * g).sum() / 2e-5 for h in steps]
    np.testing.assert_allclose(dx.get(), 2 * np.reshape(slope, v.shape) + dx.start, atol=1e-5)


def test_normalization_functions(handle: Any) -> None:
    """cuDNN 8's names for batch normalization."""
    lib, x, y = cudnn(), Tensor(SHAPE, seed=1), Tensor(SHAPE, seed=2)
    channels = [Tensor((1, 3, 1, 1), seed=n) for n in range(3, 9)]
    scale, bias, mean, var, saved_mean, saved_inverse = channels
    sizes = [ffi.new("size_t *", 1)]
    check(lib.cudnnGetNormalizationTrainingReserveSpaceSize(handle, 1, 0, 0, ffi.NULL, x.pair[0], sizes[0], 1))
    forward = [handle, 1, 0, 0, one(1), one(0), *x.pair, *scale.pair, bias.pair[1], 0.25, scale.pair[0]]
    forward += [
        mean.pair[1],
        var.pair[1],
        1e-3,
        saved_mean.pair[1],
        saved_inverse.pair[1],
        ffi.NULL,
        ffi.NULL,
        ffi.NULL,
    ]
    forward += [*y.pair, ffi.NULL, 0, ffi.NULL, 0]
    assert lib.cudnnNormalizationForwardTraining(*forward, 2) == d.NOT_SUPPORTED  # groups
    check(lib.cudnnNormalizationForwardTraining(*forward, 1))
    v = x.start.astype(np.float64)
    m, s = v.mean((0, 2, 3), keepdims=True), v.var((0, 2, 3), keepdims=True)
    np.testing.assert_allclose(y.get(), (v - m) / np.sqrt(s + 1e-3) * scale.start + bias.start, atol=1e-5)
    np.testing.assert_allclose(mean.get(), 0.75 * mean.start + 0.25 * m, atol=1e-6)
    inference = [handle, 1, 0, 0, one(1), one(0), *x.pair, *scale.pair, bias.pair[1], scale.pair[0], saved_mean.pair[1]]
    inference += [scale.pair[1], ffi.NULL, ffi.NULL, ffi.NULL, *y.pair, 1e-3, 1]
    check(lib.cudnnNormalizationForwardInference(*inference))
    want = (v - m) / np.sqrt(np.abs(scale.start) + 1e-3) * scale.start + bias.start
    np.testing.assert_allclose(y.get()[:, scale.start.ravel() > 0], want[:, scale.start.ravel() > 0], atol=1e-5)
