"""GEMM op: checks, description line, and the column-major normal form that providers work on.

D = epilogue(alpha * op(A) op(B) + beta * C), as cuBLAS and cublasLt define it (cuBLAS documentation,
sections "cublas<t>gemm()", "cublasGemmEx()", "cublasLtMatmul()", "cublasLtEpilogue_t").
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from maf_vdev import protocol
from maf_vdev.modnn.registry import REFERENCE, Invalid, Op, Unsupported

F32, F64, F16, BF16, C64, C128, I8, I32, U8, I64 = range(10)
TYPE_NAMES = {v: k.removeprefix("MAF_").lower() for k, v in protocol.enum("maf_dtype").items()}
TYPE_BYTES = {F32: 4, F64: 8, F16: 2, BF16: 2, C64: 8, C128: 16, I8: 1, I32: 4, U8: 1, I64: 8}
COMPLEX = (C64, C128)

# op(X): transposed, conjugated. R (conjugate without transposing) is what row-major conjugate transposes become.
N, T, C, R = range(4)
OP_NAMES = "NTCR"
TRANSPOSE_OF = {N: T, T: N, C: R, R: C}

# Bits of cublasLtEpilogue_t.
RELU, BIAS, DRELU, BGRAD, GELU, DGELU, AUX, BGRADA, BGRADB = 2, 4, 8, 16, 32, 64, 128, 256, 512
EPILOGUES = {
    0: "",
    RELU: "relu",
    BIAS: "bias",
    RELU | BIAS: "relu_bias",
    RELU | AUX: "relu_aux",
    RELU | AUX | BIAS: "relu_aux_bias",
    DRELU | AUX: "drelu",
    DRELU | AUX | BGRAD: "drelu_bgrad",
    GELU: "gelu",
    GELU | BIAS: "gelu_bias",
    GELU | AUX: "gelu_aux",
    GELU | AUX | BIAS: "gelu_aux_bias",
    DGELU | AUX: "dgelu",
    DGELU | AUX | BGRAD: "dgelu_bgrad",
    BGRADA: "bgrada",
    BGRADB: "bgradb",
}

# How alpha and beta come (op.scalars_on_device).
HOST, DEVICE, DEVICE_VECTOR, ALPHA_VECTOR, ALPHA_VECTOR_HOST_BETA = range(5)

# Types of A and B, accumulation type, types that C and D may have.
_REALS = (F32, F16, BF16)
TYPES = {
    (F32, F32): {F32: _REALS},
    (F64, F64): {F64: (F64,)},
    (F16, F16): {F32: _REALS, F16: _REALS},
    (BF16, BF16): {F32: _REALS},
    (C64, C64): {C64: (C64,)},
    (C128, C128): {C128: (C128,)},
    (I8, I8): {I32: (I32, I8), F32: _REALS},
}


def epilogue_bits(op: Any) -> int:
    """The epilogue without its DEFAULT bit."""
    return op.epilogue & ~1


@dataclass(frozen=True)
class Operand:
    """A or B as stored, column major: `rows` x `cols`, `op` to apply."""

    type: int
    op: int
    ld: int
    stride: int
    rows: int
    cols: int


@dataclass(frozen=True)
class Normal:
    """The op with D column major. `swapped`: D was row major, so that m and n, A and B changed places."""

    m: int
    n: int
    k: int
    batch: int
    a: Operand
    b: Operand
    swapped: bool
    row_c: int
    col_c: int
    stride_c: int
    ldd: int
    stride_d: int


def stored_shape(op: Any, side: str) -> tuple[int, int]:
    """Rows and columns of A or B as stored, before op() and in the matrix's own order."""
    trans = op.transa if side == "a" else op.transb
    rows, cols = (op.m, op.k) if side == "a" else (op.k, op.n)
    return (rows, cols) if trans in (N, R) else (cols, rows)


def check(op: Any) -> None:
    """Raises Invalid for sizes and leading dimensions that BLAS forbids, Unsupported for types without code."""
    for name in ("m", "n", "k", "batch"):
        if getattr(op, name) < 0:
            raise Invalid(f"{name} = {getattr(op, name)} is negative")
    for name in ("transa", "transb"):
        if not 0 <= getattr(op, name) <= 3:
            raise Invalid(f"{name} = {getattr(op, name)}")
    if not HOST <= op.scalars_on_device <= ALPHA_VECTOR_HOST_BETA:
        raise Invalid(f"scalars_on_device = {op.scalars_on_device}")
    shapes = {"a": stored_shape(op, "a"), "b": stored_shape(op, "b"), "c": (op.m, op.n), "d": (op.m, op.n)}
    for side, (rows, cols) in shapes.items():
        order, ld = getattr(op, f"order_{side}"), getattr(op, f"ld{side}")
        if order not in (0, 1):
            raise Unsupported(f"gemm matrix order {order}")
        lines = rows if order == 0 else cols
        # A matrix of one line may run backwards: a vector with a negative increment.
        if ld < max(1, lines) and not (lines == 1 and ld < 0):
            raise Invalid(f"ld{side} = {ld}, below {max(1, lines)}")
    by_compute = TYPES.get((op.type_a, op.type_b), {})
    if op.type_d not in by_compute.get(op.type_compute, ()) or op.type_c not in by_compute[op.type_compute]:
        raise Unsupported(describe(op))
    if epilogue_bits(op) not in EPILOGUES:
        raise Unsupported(f"gemm epilogue {op.epilogue}")


def describe(op: Any) -> str:
    """One line: sizes, transposes, types, what is unusual."""
    types = [TYPE_NAMES.get(t, str(t)) for t in (op.type_a, op.type_b, op.type_c, op.type_d, op.type_compute)]
    parts = [f"gemm {OP_NAMES[op.transa & 3]}{OP_NAMES[op.transb & 3]} {op.m}x{op.n}x{op.k}"]
    parts.append(types[0] if len(set(types)) == 1 else "{}*{}+{}->{} in {}".format(*types))
    if op.batch != 1:
        parts.append(f"batch {op.batch}")
    if epilogue_bits(op):
        parts.append(EPILOGUES.get(epilogue_bits(op), f"epilogue {op.epilogue}"))
    return " ".join(parts)


def normalise(op: Any) -> Normal:
    """Column-major form; batches that are one larger product are joined."""
    a, b = (_column_major(op, side) for side in "ab")
    row_c, col_c = (1, op.ldc) if op.order_c == 0 else (op.ldc, 1)
    m, n, ldd = op.m, op.n, op.ldd
    swapped = op.order_d == 1
    lines = n if swapped else m
    # A contiguous row is a column as well, and libraries do better on columns. (aux has a leading dimension too.)
    if lines == 1 and ldd == 1 and op.m * op.n > 1 and not epilogue_bits(op) & AUX:
        swapped, ldd = not swapped, max(m, n)
    if swapped:
        a, b = (replace(x, op=TRANSPOSE_OF[x.op]) for x in (b, a))
        m, n, row_c, col_c = n, m, col_c, row_c
    if n == 1 and row_c == 1:
        col_c = ldd  # one column: any stride is as good
    return Normal(m, n, op.k, op.batch, a, b, swapped, row_c, col_c, op.stride_c, ldd, op.stride_d)


def _column_major(op: Any, side: str) -> Operand:
    """A row-major matrix is a column-major one transposed."""
    rows, cols = stored_shape(op, side)
    trans = op.transa if side == "a" else op.transb
    if getattr(op, f"order_{side}") == 1:
        rows, cols, trans = cols, rows, TRANSPOSE_OF[trans]
    kind = getattr(op, f"type_{side}")
    if kind not in COMPLEX:
        trans = {C: T, R: N}.get(trans, trans)
    return Operand(kind, trans, getattr(op, f"ld{side}"), getattr(op, f"stride_{side}"), rows, cols)


OP = Op(
    name="gemm",
    struct="maf_op_gemm",
    providers=(
        ("onednn", "maf_vdev.modnn.providers.onednn:gemm"),
        ("openblas", "maf_vdev.modnn.providers.openblas:gemm"),
        (REFERENCE, "maf_vdev.modnn.providers.ref_gemm:gemm"),
    ),
    check=check,
    describe=describe,
)
