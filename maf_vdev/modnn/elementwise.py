"""Elementwise op: checks and description line. Semantics: cuDNN's cudnnOpTensor, cudnnAddTensor, cudnnScaleTensor,
cudnnSetTensor, cudnnTransformTensor, cudnnActivationForward and ...Backward, cudnnDropoutForward and ...Backward."""

from __future__ import annotations

from typing import Any

from maf_vdev.modnn.gemm import BF16, F16, F32, F64, I8, I32, TYPE_NAMES, U8
from maf_vdev.modnn.registry import REFERENCE, Invalid, Op, Unsupported

FUNCTIONS = ("scale", "add", "multiply", "minimum", "maximum", "square root", "complement", "constant")
SCALE, ADD, MULTIPLY, MINIMUM, MAXIMUM, SQUARE_ROOT, COMPLEMENT, CONSTANT = range(8)
ACTIVATION, GRADIENT, DROPOUT, NEW_DROPOUT = 16, 32, 48, 49
ACTIVATIONS = ("sigmoid", "relu", "tanh", "clipped relu", "elu", "identity", "swish")
SIGMOID, RELU, TANH, CLIPPED_RELU, ELU, IDENTITY, SWISH = range(7)
POINTERS = ("out", "a", "b", "c")
TYPES = (F32, F64, F16, BF16, I8, I32, U8)


def name(function: int) -> str | None:
    """What a function number means, None for an unknown one."""
    if 0 <= function < len(FUNCTIONS):
        return FUNCTIONS[function]
    for start, kind in ((ACTIVATION, ""), (GRADIENT, "gradient of ")):
        if start <= function < start + len(ACTIVATIONS):
            return kind + ACTIVATIONS[function - start]
    return {DROPOUT: "dropout", NEW_DROPOUT: "new dropout"}.get(function)


def check(op: Any) -> None:
    """Raises Invalid for contradictory sizes, Unsupported for functions and types without code."""
    if not 1 <= op.rank <= 8 or min(op.dims[0 : op.rank]) < 1:
        raise Invalid(describe(op))
    if name(op.function) is None:
        raise Unsupported(f"elementwise function {op.function}")
    for role in POINTERS:
        if min(getattr(op, f"{role}_strides")[0 : op.rank]) < 0:
            raise Invalid(f"{role} has a negative stride")
        if getattr(op, f"type_{role}") not in TYPES:
            kind = getattr(op, f"type_{role}")
            raise Unsupported(f"elementwise of {TYPE_NAMES.get(kind, kind)}")


def describe(op: Any) -> str:
    """One line: function, shape, type."""
    dims = "x".join(str(n) for n in op.dims[0 : op.rank])
    return f"elementwise {name(op.function) or op.function} {dims} {TYPE_NAMES.get(op.type_out, op.type_out)}"


OP = Op(
    name="elementwise",
    struct="maf_op_elementwise",
    providers=(
        ("core", "maf_vdev.modnn.providers.core_tensor:elementwise"),
        (REFERENCE, "maf_vdev.modnn.providers.ref_tensor:elementwise"),
    ),
    check=check,
    describe=describe,
)
