"""Operation graphs built as cudnn-frontend builds them, run on device memory through the cuDNN front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cudnn_device as d
import numpy as np
from cudnn_device import Backend, Buffer, check, cudnn, ffi

from maf_vdev.modnn.providers.ref_gemm import from_bf16, to_bf16

# Element types of the attributes that are neither tensors nor real numbers.
KINDS = {"MODE": d.POINTWISE_MODE, "MATH_PREC": d.DATA_TYPE, "COMP_TYPE": d.DATA_TYPE, "AXIS": d.INT64, "PHASE": 28}
KINDS |= {"OPERATOR": 18, "DISTRIBUTION": 29, "COMPARISON_MODE": d.POINTWISE_MODE, "PERMUTATION": d.INT64}
KINDS |= {"START_INDICES": d.INT64, "LIMIT_INDICES": d.INT64, "SUBGRAPH_INPUT_UID": d.INT64}
KINDS |= {"SUBGRAPH_OUTPUT_UID": d.INT64, "DILATIONS": d.INT64, "FILTER_STRIDES": d.INT64, "PRE_PADDINGS": d.INT64}
KINDS |= {"POST_PADDINGS": d.INT64, "SPATIAL_DIMS": d.INT64, "CONV_MODE": d.CONVOLUTION_MODE, "STRIDES": d.INT64}
KINDS |= {"WINDOW_DIMS": d.INT64}
MODES = {"NORM": 27, "RESAMPLE": 21, "GENSTATS": 16, "RESHAPE": 31}
RAW = {"f16": np.float16, "f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64, "i8": np.int8}
PREFIXES = {"OPERATION_NORM_FORWARD": "OPERATION_NORM_FWD", "OPERATION_NORM_BACKWARD": "OPERATION_NORM_BWD"}
PREFIXES |= {"OPERATION_GEN_STATS": "OPERATION_GENSTATS"}


def packed(dims: Sequence[int]) -> list[int]:
    """Row-major strides."""
    out = [1]
    for n in reversed(dims[1:]):
        out.insert(0, out[0] * n)
    return out


def descriptor(kind: str, **attributes: Any) -> Backend:
    """A finalized descriptor; an attribute's element type follows from its name and value."""
    made = Backend(kind)
    prefix = PREFIXES.get(kind, kind)
    for name, value in attributes.items():
        values = list(value) if isinstance(value, (list, tuple)) else [value]
        if isinstance(values[0], Backend):
            element = d.DESCRIPTOR
        elif name == "MODE":
            element = next((number for text, number in MODES.items() if text in prefix), d.POINTWISE_MODE)
        else:
            element = KINDS.get(name, d.FLOAT)
        made.set(f"{prefix}_{name}", element, *values)
    return made.finalize()


class Graph:
    """Tensors and operations in the making. Tensors are made by `data` (in memory), `out`, `virtual` and `value`."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle
        self.operations: list[Backend] = []
        self.buffers: dict[int, Any] = {}
        self.results: dict[int, tuple[str, tuple[int, ...]]] = {}
        self.dims: dict[int, list[int]] = {}
        self.uid = 0

    def tensor(
        self, kind: str, dims: Sequence[int], strides: Sequence[int] | None = None, **attributes: Any
    ) -> Backend:
        self.uid += 1
        made = (
            Backend("TENSOR")
            .set("TENSOR_DATA_TYPE", d.DATA_TYPE, d.TYPES[kind])
            .set("TENSOR_DIMENSIONS", d.INT64, *dims)
        )
        made.set("TENSOR_STRIDES", d.INT64, *(strides or packed(dims))).set("TENSOR_UNIQUE_ID", d.INT64, self.uid)
        made.set("TENSOR_BYTE_ALIGNMENT", d.INT64, 16)
        for name, (element, value) in attributes.items():
            made.set(f"TENSOR_{name}", element, value)
        made.uid = self.uid
        self.dims[self.uid] = list(dims)
        return made.finalize()

    def data(
        self, kind: str, values: np.ndarray, strides: Sequence[int] | None = None, dims: Any = None, **more: Any
    ) -> Backend:
        """A tensor in memory, which holds `values` in their order there (dims: how the graph sees them)."""
        made = self.tensor(kind, dims or values.shape, strides, **more)
        raw = to_bf16(values) if kind == "bf16" else values.astype(RAW[kind])
        self.buffers[made.uid] = Buffer(raw)
        return made

    def out(
        self, kind: str, dims: Sequence[int], strides: Sequence[int] | None = None, fill: float = 7, **more: Any
    ) -> Backend:
        made = self.data(kind, np.full(int(np.prod(dims)), fill), strides or packed(dims), dims, **more)
        self.results[made.uid] = (kind, tuple(dims))
        return made

    def virtual(self, kind: str, dims: Sequence[int], strides: Sequence[int] | None = None) -> Backend:
        return self.tensor(kind, dims, strides, IS_VIRTUAL=(d.BOOLEAN, True))

    def value(self, kind: str, number: float) -> Backend:
        """A scalar in host memory."""
        made = self.tensor(kind, [1, 1, 1, 1], IS_BY_VALUE=(d.BOOLEAN, True))
        self.buffers[made.uid] = np.array([number], RAW[kind])
        return made

    def add(self, kind: str, **attributes: Any) -> Backend:
        made = descriptor(kind, **attributes)
        self.operations.append(made)
        return made

    def pointwise(
        self, mode: int, x: Backend, y: Backend, b: Backend | None = None, t: Backend | None = None, **more: Any
    ) -> None:
        """YDESC = mode(x, b, t)."""
        precision = more.pop("precision", 0)
        described = descriptor("POINTWISE", MODE=mode, MATH_PREC=precision, **more)
        tensors = {"XDESC": x, "BDESC": b, "TDESC": t, "YDESC": y}
        self.add("OPERATION_POINTWISE", PW_DESCRIPTOR=described, **{k: v for k, v in tensors.items() if v is not None})

    def matmul(self, a: Backend, b: Backend, c: Backend, **more: Any) -> None:
        self.add("OPERATION_MATMUL", DESC=descriptor("MATMUL", COMP_TYPE=0), ADESC=a, BDESC=b, CDESC=c, **more)

    def reduce(self, operator: int, x: Backend, y: Backend) -> None:
        described = descriptor("REDUCTION", OPERATOR=operator, COMP_TYPE=0)
        self.add("OPERATION_REDUCTION", DESC=described, XDESC=x, YDESC=y)

    def operation_graph(self) -> Backend:
        graph = Backend("OPERATIONGRAPH").set("OPERATIONGRAPH_OPS", d.DESCRIPTOR, *self.operations)
        return graph.set("OPERATIONGRAPH_HANDLE", d.HANDLE, self.handle)

    def heuristic(self) -> tuple[int, Backend]:
        """Status of finalizing the heuristic's query, where an unsupported graph is refused."""
        made = Backend("ENGINEHEUR").set("ENGINEHEUR_OPERATION_GRAPH", d.DESCRIPTOR, self.operation_graph().finalize())
        return made.set("ENGINEHEUR_MODE", d.HEUR_MODE, 3).try_finalize(), made

    def plan(self) -> Backend:
        status, heuristic = self.heuristic()
        check(status)
        config = Backend("ENGINECFG")
        assert heuristic.get("ENGINEHEUR_RESULTS", d.DESCRIPTOR, [config]) == 1
        return Backend("EXECUTION_PLAN").set("EXECUTION_PLAN_ENGINE_CONFIG", d.DESCRIPTOR, config).finalize()

    def run(self, plan: Backend | None = None) -> list[np.ndarray]:
        """The tensors made by `out`, in that order, as the graph sees them packed."""
        plan = plan or self.plan()
        pack = Backend("VARIANT_PACK").set("VARIANT_PACK_UNIQUE_IDS", d.INT64, *self.buffers)
        pointers = [
            b.pointer if isinstance(b, Buffer) else ffi.cast("void *", b.ctypes.data) for b in self.buffers.values()
        ]
        pack.set("VARIANT_PACK_DATA_POINTERS", d.VOID_PTR, *pointers).finalize()
        check(cudnn().cudnnBackendExecute(self.handle, plan.pointer, pack.pointer))
        found = []
        for uid, (kind, dims) in self.results.items():
            raw = self.buffers[uid].get()
            found.append((from_bf16(raw) if kind == "bf16" else raw).reshape(dims))
        return found
