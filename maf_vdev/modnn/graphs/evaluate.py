"""The provider of graph ops: one operation after the other, values that nothing needs any more are dropped."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from maf_vdev.modnn import graph as g
from maf_vdev.modnn.graphs import KINDS
from maf_vdev.modnn.graphs.memory import Values
from maf_vdev.modnn.registry import Plan


def _uids(operation: g.Descriptor) -> set[int]:
    found = set()
    for _, tensor in g.tensors_of(operation):
        found.add(tensor.uid)
        if tensor.ragged is not None:
            found.add(tensor.ragged.uid)
    return found


def graph(op: g.Graph) -> Plan:
    """Accepts every graph that passed graph.check."""
    last: dict[int, int] = {}
    for index, operation in enumerate(op.operations):
        last.update(dict.fromkeys(_uids(operation), index))
    dropped = [[uid for uid, at in last.items() if at == index] for index in range(len(op.operations))]

    def run(pointers: Sequence[int], scalars: bytes) -> None:
        values = Values(op, pointers, scalars)
        with np.errstate(all="ignore"):
            for operation, done in zip(op.operations, dropped, strict=True):
                KINDS[operation.kind].run(operation, values)
                for uid in done:
                    values.drop(uid)

    return Plan("numpy", run)
