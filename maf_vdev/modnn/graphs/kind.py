"""What the evaluation of graphs knows of an operation, and the helpers that all share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from maf_vdev.modnn import graph as g
from maf_vdev.modnn.registry import Invalid, Unsupported

if TYPE_CHECKING:
    from maf_vdev.modnn.graphs.memory import Values


@dataclass(frozen=True)
class Kind:
    """check(operation): raises Invalid or Unsupported. run(operation, values): computes its outputs.

    outputs: attributes whose tensors the operation writes.
    """

    run: Callable[[g.Descriptor, Values], None]
    check: Callable[[g.Descriptor], None]
    outputs: tuple[str, ...]


COMPUTE = {g.FLOAT: np.float32, g.DOUBLE: np.float64, g.HALF: np.float32, g.BFLOAT16: np.float32}
COMPUTE |= {g.INT8: np.int8, g.INT32: np.int32, g.INT64: np.int64, g.UINT8: np.uint8, g.BOOLEAN: np.bool_}
REALS = (g.FLOAT, g.DOUBLE, g.HALF, g.BFLOAT16)


def compute_type(number: int) -> Any:
    """The numpy type in which a cudnnDataType_t computes. Raises Unsupported for those without one."""
    if number not in COMPUTE:
        raise Unsupported(f"operation graph computed in {g.REFUSED_TYPES.get(number, number)}")
    return COMPUTE[number]


def require(condition: bool, what: str, *tensors: g.Tensor) -> None:
    """Raises Invalid with the shapes."""
    if not condition:
        raise Invalid(f"{what}: {', '.join('x'.join(map(str, t.dims)) for t in tensors)}")


def refuse(condition: bool, what: str) -> None:
    """Raises Unsupported."""
    if condition:
        raise Unsupported(f"operation graph: {what}")


def broadcast(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    """Whether each dimension of `small` is 1 or that of `large`, and the ranks agree."""
    return len(small) == len(large) and all(a in (1, b) for a, b in zip(small, large, strict=True))


def sum_to(x: np.ndarray, dims: tuple[int, ...]) -> np.ndarray:
    """Sums over the dimensions that are 1 in `dims`, in double."""
    axes = tuple(i for i, n in enumerate(dims) if n == 1 and x.shape[i] != 1)
    return x.sum(axes, dtype=np.float64, keepdims=True) if axes else x
