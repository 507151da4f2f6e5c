"""Recurrent layers op: checks, description line, normal form.

Semantics are cuDNN's (documentation of cudnnRNNMode_t, cudnnRNNForward, cudnnRNNBackwardData_v8,
cudnnRNNBackwardWeights_v8): LSTM gates in the order input, forget, new, output; GRU gates reset, update, new
with n = tanh(W x + b + r * (R h + b')).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maf_vdev.modnn.gemm import BF16, F16, F32, F64, TYPE_NAMES
from maf_vdev.modnn.registry import REFERENCE, Invalid, Op, Unsupported

INFERENCE, TRAINING, BACKWARD_DATA, BACKWARD_WEIGHTS = range(4)
DIRECTIONS = ("inference", "training", "backward data", "backward weights")
RELU, TANH, LSTM, GRU = range(4)
CELLS = ("relu", "tanh", "lstm", "gru")
GATES = (1, 1, 4, 3)
BIAS_NONE, BIAS_INPUT, BIAS_BOTH, BIAS_RECURRENT = range(4)
TIME_MAJOR, PACKED, BATCH_MAJOR = range(3)
POINTERS = ["x", "y", "hx", "hy", "cx", "cy", "w", "reserve", "states", "dx", "dy", "dhx", "dhy", "dcx", "dcy", "dw"]
TYPES = (F32, F64, F16, BF16)


@dataclass(frozen=True)
class Lane:
    """One layer in one direction: offset and shape of each of its parameters in the weight space, or None."""

    layer: int
    way: int
    input: tuple[int, tuple[int, int]] | None
    recurrent: tuple[int, tuple[int, int]]
    projection: tuple[int, tuple[int, int]] | None
    b_input: tuple[int, tuple[int]] | None
    b_recurrent: tuple[int, tuple[int]] | None


def ways(op: Any) -> int:
    return 2 if op.bidirectional else 1


def projected(op: Any) -> bool:
    return op.projection != op.hidden


def weight_space(op: Any) -> tuple[list[Lane], int]:
    """All lanes in the order of the weight space, and its size in elements."""
    width, lanes, offset = GATES[op.cell] * op.hidden, [], 0
    shapes: list[dict[str, Any]] = []

    def take(*shape: int) -> tuple[int, tuple[int, ...]]:
        nonlocal offset
        place = offset
        count = 1
        for n in shape:
            count *= n
        offset += count
        return place, shape

    for layer in range(op.layers):
        for way in range(ways(op)):
            size = op.projection * ways(op) if layer else op.input
            entry: dict[str, Any] = {"layer": layer, "way": way}
            entry["input"] = None if op.skip_input and not layer else take(width, size)
            entry["recurrent"] = take(width, op.projection)
            entry["projection"] = take(op.projection, op.hidden) if projected(op) else None
            shapes.append(entry)
    for entry in shapes:
        entry["b_input"] = take(width) if op.bias in (BIAS_INPUT, BIAS_BOTH) else None
        entry["b_recurrent"] = take(width) if op.bias in (BIAS_RECURRENT, BIAS_BOTH) else None
        lanes.append(Lane(**entry))
    return lanes, offset


def check(op: Any) -> None:
    """Raises Invalid for contradictions, Unsupported for types without code."""
    if op.direction not in range(4) or op.cell not in range(4) or op.bias not in range(4) or op.layout not in range(3):
        raise Invalid(f"direction {op.direction}, cell {op.cell}, bias {op.bias}, layout {op.layout}")
    if min(op.layers, op.input, op.hidden, op.projection, op.time, op.batch) < 1:
        raise Invalid(describe(op))
    if projected(op) and (op.cell != LSTM or op.projection > op.hidden):
        raise Invalid(f"projection {op.projection} of {CELLS[op.cell]} with {op.hidden} units")
    if op.skip_input and op.input != op.hidden:
        raise Invalid(f"input of size {op.input} without a matrix into {op.hidden} units")
    if op.type not in TYPES:
        raise Unsupported(f"rnn of {TYPE_NAMES.get(op.type, op.type)}")


def describe(op: Any) -> str:
    """One line: direction, cell, sizes, type."""
    kind = f"{'bidirectional ' if op.bidirectional else ''}{CELLS[op.cell % 4]}"
    sizes = f"{op.layers} layers {op.input}->{op.hidden} time {op.time} batch {op.batch}"
    extra = f" projection {op.projection}" if projected(op) else ""
    return f"rnn {DIRECTIONS[op.direction % 4]} {kind} {sizes}{extra} {TYPE_NAMES.get(op.type, op.type)}"


OP = Op(
    name="rnn",
    struct="maf_op_rnn",
    providers=(
        ("core", "maf_vdev.modnn.providers.core_rnn:rnn"),
        (REFERENCE, "maf_vdev.modnn.providers.ref_rnn:rnn"),
    ),
    check=check,
    describe=describe,
)
