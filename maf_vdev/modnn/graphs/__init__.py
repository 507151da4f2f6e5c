"""Operation graphs of cuDNN: what each operation computes, in numpy. `KINDS` has them by descriptor name."""

from __future__ import annotations

from maf_vdev.modnn.graphs import attention, convolution, linear, normalization, pointwise, resample, shaping
from maf_vdev.modnn.graphs.kind import Kind

KINDS: dict[str, Kind] = {}
for _module in (attention, convolution, linear, normalization, pointwise, resample, shaping):
    KINDS.update(_module.KINDS)
