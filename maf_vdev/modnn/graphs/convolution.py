"""Convolutions inside a graph, by the convolution op on packed copies of their operands."""

from __future__ import annotations

import functools
import struct

import numpy as np

from maf_vdev import protocol
from maf_vdev.modnn import graph as g
from maf_vdev.modnn.gemm import F32, F64
from maf_vdev.modnn.graphs.kind import Kind, compute_type, refuse
from maf_vdev.modnn.graphs.memory import Values
from maf_vdev.modnn.registry import Plan, make_plan

# Attributes of x, w and y in the three directions of struct maf_op_conv, and which is the result.
ROLES = {
    "OPERATION_CONVOLUTION_FORWARD": (0, ("X", "W", "Y"), 2),
    "OPERATION_CONVOLUTION_BACKWARD_DATA": (1, ("DX", "W", "DY"), 0),
    "OPERATION_CONVOLUTION_BACKWARD_FILTER": (2, ("X", "DW", "DY"), 1),
}


def _strides(dims: tuple[int, ...]) -> list[int]:
    out = [1]
    for n in reversed(dims[1:]):
        out.insert(0, out[0] * n)
    return out


def _description(operation: g.Descriptor) -> bytes:
    direction, names, _ = ROLES[operation.kind]
    c = operation["CONV_DESC"]
    op = protocol.ffi.new("struct maf_op_conv *")
    op.direction, op.spatial, op.mode = direction, c["SPATIAL_DIMS"], c["CONV_MODE"]
    kind = F64 if compute_type(c["COMP_TYPE"]) is np.float64 else F32
    op.type_x = op.type_w = op.type_y = op.type_compute = kind
    for role, name in zip("xwy", names, strict=True):
        dims = operation[name].dims
        getattr(op, f"{role}_dims")[0 : len(dims)] = dims
        getattr(op, f"{role}_strides")[0 : len(dims)] = _strides(dims)
    for field, name in (
        ("pad_before", "PRE_PADDINGS"),
        ("pad_after", "POST_PADDINGS"),
        ("stride", "FILTER_STRIDES"),
        ("dilation", "DILATIONS"),
    ):
        getattr(op, field)[0 : op.spatial] = g.listed(c[name])
    return protocol.pack(op)


@functools.lru_cache(maxsize=256)
def _plan(description: bytes) -> Plan:
    return make_plan(protocol.constant("MAF_OP_CONV"), description)


def check(operation: g.Descriptor) -> None:
    c = operation["CONV_DESC"]
    refuse(c["SPATIAL_DIMS"] > 3, "convolution with more than 3 spatial dimensions")
    refuse(compute_type(c["COMP_TYPE"]) not in (np.float32, np.float64), "convolution computed in integers")
    _plan(_description(operation))


def run(operation: g.Descriptor, values: Values) -> None:
    _, names, result = ROLES[operation.kind]
    dtype = compute_type(operation["CONV_DESC"]["COMP_TYPE"])
    alpha, beta = operation.get("ALPHA", 1.0), operation.get("BETA", 0.0)
    arrays = []
    for index, name in enumerate(names):
        tensor = operation[name]
        if index == result and beta == 0:
            arrays.append(np.empty(tensor.dims, dtype))
        else:
            arrays.append(np.array(values.get(tensor), dtype, order="C"))
    plan = _plan(_description(operation))
    workspace = np.empty(plan.workspace_bytes + 64, np.uint8)
    x, w, y = (array.ctypes.data for array in arrays)
    plan.run([x, y, w, workspace.ctypes.data, 0, 0], struct.pack("<3d", alpha, beta, 0))
    values.set(operation[names[result]], arrays[result])


KINDS = {kind: Kind(run, check, (names[result],)) for kind, (_, names, result) in ROLES.items()}
