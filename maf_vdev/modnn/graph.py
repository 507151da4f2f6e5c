"""Graph op: cuDNN's operation graphs, read from the bytes that protocol.h describes at struct maf_op_graph.

An operation is a record of attributes under the names of cuDNN's backend API without their prefix
(OPERATION_MATMUL_ADESC of an OPERATION_MATMUL is ``operation["ADESC"]``). Dimensions are in the
order of the descriptors, strides in elements.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from maf_vdev.modnn.registry import Invalid, Op, Unsupported

# cudnnDataType_t
FLOAT, DOUBLE, HALF, INT8, INT32 = 0, 1, 2, 3, 4
UINT8, BFLOAT16, INT64, BOOLEAN = 6, 9, 10, 11
TYPE_NAMES = {FLOAT: "float", DOUBLE: "double", HALF: "half", INT8: "int8", INT32: "int32", UINT8: "uint8"}
TYPE_NAMES |= {BFLOAT16: "bfloat16", INT64: "int64", BOOLEAN: "bool"}
REFUSED_TYPES = {5: "int8x4", 7: "uint8x4", 8: "int8x32", 12: "fp8 e4m3", 13: "fp8 e5m2", 14: "fast float for fp8"}
REFUSED_TYPES |= {15: "fp8 e8m0", 16: "fp4 e2m1", 17: "int4", 18: "uint4", 19: "uint32", 20: "complex float"}
REFUSED_TYPES |= {21: "complex double"}

# Element formats of cudnnBackendAttributeType_t; those that are not here are enumerations of 4 bytes.
FORMATS = {2: "?", 3: "q", 4: "f", 5: "d", 15: "I", 23: "i", 24: "B", 26: "qq"}
FRACTION, DESCRIPTOR = 26, 15

# Where the attributes' prefix is not the descriptor's name.
PREFIXES = {
    "OPERATION_CONVOLUTION_BACKWARD_DATA": "OPERATION_CONVOLUTION_BWD_DATA_",
    "OPERATION_CONVOLUTION_BACKWARD_FILTER": "OPERATION_CONVOLUTION_BWD_FILTER_",
    "OPERATION_GEN_STATS": "OPERATION_GENSTATS_",
    "OPERATION_BN_FINALIZE_STATISTICS": "OPERATION_BN_FINALIZE_",
    "OPERATION_NORM_FORWARD": "OPERATION_NORM_FWD_",
    "OPERATION_NORM_BACKWARD": "OPERATION_NORM_BWD_",
}


@dataclass(eq=False)
class Descriptor:
    """One backend descriptor; an attribute of one element is that element, else a list."""

    kind: str
    attributes: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.attributes[name]

    def get(self, name: str, missing: Any = None) -> Any:
        return self.attributes.get(name, missing)


@dataclass(eq=False)
class Tensor(Descriptor):
    """A tensor descriptor; `type` is a cudnnDataType_t."""

    uid: int = 0
    type: int = 0
    dims: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    virtual: bool = False
    by_value: bool = False
    constant: bytes | None = None
    ragged: Tensor | None = None  # offset of each batch entry, in units of ragged_unit elements
    ragged_unit: int = 1


@dataclass(eq=False)
class Graph:
    """operations: in the order given; memory: tensors that have a pointer, values: those whose value is a scalar."""

    operations: list[Descriptor]
    memory: list[Tensor]
    values: list[Tensor]


def listed(value: Any) -> list[Any]:
    """An attribute's elements."""
    return value if isinstance(value, list) else [value]


def _read_name(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(b"\0", at)
    return data[at:end].decode("ascii"), end + 1


def _read_values(data: bytes, at: int, kind: int, count: int, above: list[Descriptor]) -> tuple[Any, int]:
    code = FORMATS.get(kind, "i")
    size = struct.calcsize("<" + code)
    if kind == 24:
        return data[at : at + count], at + count
    found: list[Any] = [struct.unpack_from("<" + code, data, at + i * size) for i in range(count)]
    if kind == DESCRIPTOR:
        values: list[Any] = [above[index] for (index,) in found]
    elif kind == FRACTION:
        values = [n / d for n, d in found]
    else:
        values = [value for (value,) in found]
    return values[0] if count == 1 else values, at + count * size


def _tensor(attributes: dict[str, Any]) -> Tensor:
    tensor = Tensor("TENSOR", attributes)
    tensor.uid = attributes["UNIQUE_ID"]
    tensor.type = attributes["DATA_TYPE"]
    tensor.dims = tuple(listed(attributes["DIMENSIONS"]))
    tensor.strides = tuple(listed(attributes["STRIDES"]))
    tensor.virtual = attributes.get("IS_VIRTUAL", False)
    tensor.by_value = attributes.get("IS_BY_VALUE", False)
    tensor.constant = attributes.get("CONSTANT_VALUE")
    tensor.ragged = attributes.get("RAGGED_OFFSET_DESC")
    tensor.ragged_unit = attributes.get("RAGGED_OFFSET_MULTIPLIER", 1)
    return tensor


def read_descriptors(data: bytes) -> Iterator[Descriptor]:
    """The descriptors of the description, children first. Raises struct.error, IndexError or ValueError when it is cut."""
    above: list[Descriptor] = []
    at = 0
    while at < len(data):
        kind, at = _read_name(data, at)
        prefix = PREFIXES.get(kind, kind + "_")
        (count,) = struct.unpack_from("<I", data, at)
        at += 4
        attributes = {}
        for _ in range(count):
            name, at = _read_name(data, at)
            element, number = struct.unpack_from("<II", data, at)
            value, at = _read_values(data, at + 8, element, number, above)
            attributes[name.removeprefix(prefix)] = value
        descriptor = _tensor(attributes) if kind == "TENSOR" else Descriptor(kind, attributes)
        above.append(descriptor)
        yield descriptor


def parse(data: bytes) -> Graph:
    """The graph of a description. ValueError when the bytes are not one."""
    try:
        descriptors = list(read_descriptors(data))
        operations = listed(descriptors[-1]["OPS"])
    except (struct.error, IndexError, KeyError, UnicodeDecodeError) as error:
        raise ValueError(f"not an operation graph: {error}") from None
    memory: list[Tensor] = []
    values: list[Tensor] = []
    seen: set[int] = set()
    for tensor in descriptors:
        if not isinstance(tensor, Tensor) or tensor.virtual or tensor.constant is not None or tensor.uid in seen:
            continue
        seen.add(tensor.uid)
        (values if tensor.by_value else memory).append(tensor)
    return Graph(operations, memory, values)


def tensors_of(operation: Descriptor) -> Iterator[tuple[str, Tensor]]:
    """All tensors that an operation names, with the attribute."""
    for name, value in operation.attributes.items():
        for item in listed(value):
            if isinstance(item, Tensor):
                yield name, item


def check(graph: Graph) -> None:
    """Raises Invalid for shapes that contradict each other, Unsupported for operations and types without code."""
    from maf_vdev.modnn.graphs import KINDS

    for operation in graph.operations:
        kind = KINDS.get(operation.kind)
        if kind is None:
            raise Unsupported(f"operation graph: {_plain(operation.kind)}")
        for _, tensor in tensors_of(operation):
            if tensor.type not in TYPE_NAMES:
                name = REFUSED_TYPES.get(tensor.type, f"type {tensor.type}")
                raise Unsupported(f"operation graph: {_plain(operation.kind)} of {name}")
        kind.check(operation)
    graph.operations = _ordered(graph.operations)


def _ordered(operations: list[Descriptor]) -> list[Descriptor]:
    """The operations with what writes a tensor before what reads it. Raises Invalid where there is no such order."""
    from maf_vdev.modnn.graphs import KINDS

    reads, writes = [], []
    for operation in operations:
        outputs = KINDS[operation.kind].outputs
        found = list(tensors_of(operation))
        writes.append({tensor.uid for name, tensor in found if name in outputs})
        reads.append({tensor.uid for name, tensor in found if name not in outputs} - writes[-1])
        for name, tensor in found:
            if tensor.virtual and name not in outputs and not any(_writes(other, tensor.uid) for other in operations):
                raise Invalid(f"tensor {tensor.uid} of {_plain(operation.kind)} is virtual and nothing writes it")
    left = list(range(len(operations)))
    order: list[Descriptor] = []
    while left:
        open_uids = set().union(*(writes[i] for i in left))
        ready = next((i for i in left if not reads[i] & open_uids), None)
        if ready is None:
            raise Invalid("the operations of the graph wait for each other")
        left.remove(ready)
        order.append(operations[ready])
    return order


def _writes(operation: Descriptor, uid: int) -> bool:
    from maf_vdev.modnn.graphs import KINDS

    outputs = KINDS[operation.kind].outputs
    return any(name in outputs and tensor.uid == uid for name, tensor in tensors_of(operation))


def _plain(kind: str) -> str:
    return kind.removeprefix("OPERATION_").lower().replace("_", " ")


def describe(graph: Graph) -> str:
    """One line: the operations in order, and the largest tensor."""
    names = [_plain(operation.kind) for operation in graph.operations]
    tensors = [tensor for operation in graph.operations for _, tensor in tensors_of(operation)]
    largest = max(tensors, key=lambda tensor: _count(tensor.dims))
    shape = "x".join(map(str, largest.dims))
    return f"graph {', '.join(names[:8])}{' ...' if len(names) > 8 else ''} {shape} {TYPE_NAMES.get(largest.type)}"


def _count(dims: tuple[int, ...]) -> int:
    total = 1
    for n in dims:
        total *= n
    return total


OP = Op(
    name="graph",
    struct="maf_op_graph",
    providers=(
        ("core", "maf_vdev.modnn.graphs.core_attention:graph"),
        ("numpy", "maf_vdev.modnn.graphs.evaluate:graph"),
    ),
    check=check,
    describe=describe,
    parse=parse,
)
