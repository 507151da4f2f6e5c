"""Kernel overrides of devices that are the CPU: kernels of frameworks whose name and parameters say what they compute.

The core runs the override in place of the lifted kernel. An override looks at each launch's parameters and declines
what it does not cover; then the kernel itself is compiled and run. MAF_OVERRIDES=0 turns all of them off.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..translator.cubin import KernelCode


@dataclass(frozen=True)
class Override:
    """A core function (a maf_override_fn) and its closure, a cffi struct."""

    name: str
    function: int
    closure: Any


@dataclass(frozen=True)
class Rule:
    """Kernels whose mangled name matches `pattern` and whose parameters have the sizes of one of `layouts`."""

    pattern: re.Pattern[str]
    layouts: dict[tuple[int, ...], dict[str, int]]
    function: str
    closure: Callable[[re.Match[str], dict[str, int]], Any]


# Attention: struct Params of PyTorch's kernel_forward.h and kernel_backward.h by size. 2.6: row strides of 32 bits in the
# backward kernel; 2.6 and 2.9: no grouped heads; 2.14: the philox state's offset within a graph grew to 64 bits.
_FIELDS = ("heads_per_kv_at", "mask_at", "philox_at", "captured_at", "stride_bytes", "tail_at")
_FORWARD_LAYOUTS = {
    (264,): dict(zip(_FIELDS, (-1, 116, 224, 244, 0, -1))),
    (272,): dict(zip(_FIELDS, (200, 116, 224, 248, 0, -1))),
}
_BACKWARD_LAYOUTS = {
    (432,): dict(zip(_FIELDS, (-1, 164, 200, 220, 4, 240))),
    (456,): dict(zip(_FIELDS, (-1, 164, 224, 244, 8, 264))),
    (472,): dict(zip(_FIELDS, (164, 168, 232, 256, 8, 280))),
}
_FMHA = r"fmha_cutlass{}_(?P<type>f32|f16|bf16)_(?:not)?aligned_(?P<queries>\d+)x\d+_\w*?sm\d+N22PyTorchMemEffAttention"


def _attention(match: re.Match[str], layout: dict[str, int]) -> Any:
    from ..executor._core import ffi
    from ..modnn import gemm
    from ..modnn.providers import openblas

    closure = ffi.new("struct maf_attention *", layout)
    closure.sgemm = ffi.cast("void *", openblas.symbol("sgemm"))
    closure.type = {"f32": gemm.F32, "f16": gemm.F16, "bf16": gemm.BF16}[match["type"]]
    closure.queries_per_block = int(match["queries"])
    return closure


# Rows: template arguments as the Itanium ABI writes them. The type of the sums is float; a substitution repeats the
# element type.
_ELEMENT = r"(?P<type>f|N3c104HalfE|N3c108BFloat16E)"
_SOFTMAX = rf"cunn_SoftMax{{0}}(?:Smem|Reg)?I(?:Li\d+E)?{_ELEMENT}f(?P<wide>f?)\w*?(?P<log>Log)?SoftMax{{0}}Epilogue"
_RMS = "(?:Lb(?P<mean_of_squares>[01])E)?E"
_NORM = rf"I{_ELEMENT}f{_RMS}"
_NORM_WEIGHTS = rf"GammaBetaBackwardCUDAKernelTemplateI{_ELEMENT}f(?:Lj\d+E){{3}}Lb(?P<partial>[01])ELb[01]E{_RMS}"
_POINTER = 8


def _rows(match: re.Match[str], layout: dict[str, int]) -> Any:
    from ..executor._core import ffi
    from ..modnn import gemm

    found = match.groupdict()
    kind = {"f": gemm.F32, "N3c104HalfE": gemm.F16, "N3c108BFloat16E": gemm.BF16}[found["type"]]
    wide = gemm.F32 if found.get("wide") else kind  # softmax also converts: from halves, and its gradient to halves
    backward = "Backward" in match[0]
    fields = {"in": wide, "out": kind} if backward else {"in": kind, "out": wide}
    options = {"logarithm": bool(found.get("log"))}
    options |= {field: found.get(field) == "1" for field in ("mean_of_squares", "partial")}
    return ffi.new("struct maf_rows *", {**fields, **options, **layout})


def _scan(match: re.Match[str], layout: dict[str, int]) -> Any:
    from ..executor._core import ffi
    from ..modnn import gemm

    kind = {"f": gemm.F32, "d": gemm.F64, "i": gemm.I32, "l": gemm.I64}[match["type"]]
    return ffi.new("struct maf_scan *", {"type": kind, "product": match["op"] == "multiplies"})


RULES = (
    Rule(re.compile(_FMHA.format("F")), _FORWARD_LAYOUTS, "maf_override_attention_forward", _attention),
    Rule(re.compile(_FMHA.format("B")), _BACKWARD_LAYOUTS, "maf_override_attention_backward", _attention),
    Rule(
        re.compile(_SOFTMAX.format("Forward")),
        {(_POINTER, _POINTER, size): {"count_bytes": size} for size in (4, 8)},
        "maf_override_softmax_forward",
        _rows,
    ),
    Rule(
        re.compile(_SOFTMAX.format("Backward")),
        {(_POINTER, _POINTER, _POINTER, size): {"count_bytes": size} for size in (4, 8)},
        "maf_override_softmax_backward",
        _rows,
    ),
    Rule(
        re.compile("vectorized_layer_norm_kernel" + _NORM),
        {(4, 4, *[_POINTER] * 6): {}},
        "maf_override_layer_norm_forward",
        _rows,
    ),
    Rule(
        re.compile("layer_norm_grad_input_kernel(?:_vectorized)?" + _NORM),
        {(*[_POINTER] * 6, 4): {}},
        "maf_override_layer_norm_backward",
        _rows,
    ),
    Rule(
        re.compile(_NORM_WEIGHTS),
        {(8, 8, *[_POINTER] * 6): {}},
        "maf_override_layer_norm_weights",
        _rows,
    ),
    Rule(
        re.compile(r"tensor_kernel_scan_innermost_dimI(?P<type>[fdil])St\d+(?P<op>plus|multiplies)I"),
        {(_POINTER, _POINTER, 4, 4, 4, size, 1): {} for size in (4, 8)},
        "maf_override_scan",
        _scan,
    ),
)


@functools.cache
def enabled() -> bool:
    return os.environ.get("MAF_OVERRIDES", "1") != "0"


def find(code: KernelCode) -> Override | None:
    """The override of a kernel, if it has one."""
    if not enabled():
        return None
    sizes = tuple(size for _, size in code.params)
    for rule in RULES:
        layout = rule.layouts.get(sizes)
        match = rule.pattern.search(code.name) if layout is not None else None
        if match:
            return _make(rule, match, layout)
    return None


def _make(rule: Rule, match: re.Match[str], layout: dict[str, int]) -> Override | None:
    from ..modnn import native

    try:
        return Override(rule.function, native.function(rule.function), rule.closure(match, layout))
    except (ImportError, OSError):
        return None  # no BLAS: the kernel itself runs
