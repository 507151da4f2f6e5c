"""Device code of the installed torch, for tests: fatbins of its libraries, found by kernel name."""

from __future__ import annotations

import functools
import mmap
import struct
from collections.abc import Iterator

from elftools.elf.elffile import ELFFile
from ring_client import torch_library

from maf_vdev.translator import cubin, fatbin

ADD = "_ZN2at6native29vectorized_elementwise_kernelILi4ENS0_15CUDAFunctor_addIfEESt5arrayIPcLm3EELb0EEEviT0_T1_"
SUM = (
    "_ZN2at6native13reduce_kernelILi512ELi1ENS0_8ReduceOpIfNS0_14func_wrapper_tIfZNS0_11sum_functorIfffEclERNS_"
    "14TensorIteratorEEUlffE_EEjfLi4ELi4EEEEEvT1_"
)


def fatbins(library: str = "libtorch_cuda.so") -> Iterator[memoryview]:
    """The containers of a library's .nv_fatbin section; nothing where torch is not installed."""
    path = torch_library(library)
    if path is None:
        return
    with path.open("rb") as stream:
        section = ELFFile(stream).get_section_by_name(".nv_fatbin")
        start, size = section["sh_offset"], section["sh_size"]
        data = memoryview(mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ))[start : start + size]
    at = 0
    while at + 16 <= size:
        if struct.unpack_from("<I", data, at)[0] != fatbin.FATBIN_MAGIC:
            at += 8  # containers are aligned
            continue
        end = at + fatbin.container_size(data[at : at + 16])
        yield data[at:end]
        at = end


@functools.cache
def module_of(kernel: str, library: str = "libtorch_cuda.so") -> bytes | None:
    """The fatbin whose sm_75 image holds `kernel`; None where torch is not installed."""
    for container in fatbins(library):
        try:
            image = fatbin.choose(fatbin.images(container), (7, 5))
        except fatbin.NoImageError:
            continue
        if kernel.encode() in image.data and kernel in cubin.Cubin(image.data).kernels():
            return bytes(container)
    return None
