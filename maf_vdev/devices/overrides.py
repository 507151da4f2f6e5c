"""Kernel overrides of the CPU device: kernels of frameworks whose name and parameters say what they compute.

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
    """Kernels whose mangled name matches `pattern` and whose only parameter has one of `layouts`' sizes."""

    pattern: re.Pattern[str]
    layouts: dict[int, dict[str, int]]
    function: str
    closure: Callable[[re.Match[str], dict[str, int]], Any]


def _attention(match: re.Match[str], layout: dict[str, int]) -> Any:
    from ..executor._core import ffi
    from ..modnn import gemm
    from ..modnn.providers import openblas

    closure = ffi.new("struct maf_attention *", layout)
    closure.sgemm = ffi.cast("void *", openblas.symbol("sgemm"))
    closure.type = {"f32": gemm.F32, "f16": gemm.F16, "bf16": gemm.BF16}[match["type"]]
    closure.queries_per_block = int(match["queries"])
    return closure


# struct Params of PyTorch's kernel_forward.h and kernel_backward.h by size. 2.6: row strides of 32 bits in the backward
# kernel; 2.6 and 2.9: no grouped heads; 2.14: the philox state's offset within a graph grew to 64 bits.
_FIELDS = ("heads_per_kv_at", "mask_at", "philox_at", "captured_at", "stride_bytes", "tail_at")
_FORWARD_LAYOUTS = {
    264: dict(zip(_FIELDS, (-1, 116, 224, 244, 0, -1))),
    272: dict(zip(_FIELDS, (200, 116, 224, 248, 0, -1))),
}
_BACKWARD_LAYOUTS = {
    432: dict(zip(_FIELDS, (-1, 164, 200, 220, 4, 240))),
    456: dict(zip(_FIELDS, (-1, 164, 224, 244, 8, 264))),
    472: dict(zip(_FIELDS, (164, 168, 232, 256, 8, 280))),
}
_FMHA = r"fmha_cutlass{}_(?P<type>f32|f16|bf16)_(?:not)?aligned_(?P<queries>\d+)x\d+_\w*?sm\d+N22PyTorchMemEffAttention"

RULES = (
    Rule(re.compile(_FMHA.format("F")), _FORWARD_LAYOUTS, "maf_override_attention_forward", _attention),
    Rule(re.compile(_FMHA.format("B")), _BACKWARD_LAYOUTS, "maf_override_attention_backward", _attention),
)


@functools.cache
def enabled() -> bool:
    return os.environ.get("MAF_OVERRIDES", "1") != "0"


def find(code: KernelCode) -> Override | None:
    """The override of a kernel, if it has one."""
    if not enabled() or len(code.params) != 1:
        return None
    for rule in RULES:
        match = rule.pattern.search(code.name)
        layout = rule.layouts.get(code.param_bytes)
        if match and layout is not None:
            return _make(rule, match, layout)
    return None


def _make(rule: Rule, match: re.Match[str], layout: dict[str, int]) -> Override | None:
    from ..modnn import native

    try:
        return Override(rule.function, native.function(rule.function), rule.closure(match, layout))
    except (ImportError, OSError):
        return None  # no BLAS: the kernel itself runs
