"""moDNN's own OpenCL kernels against the numpy reference: matrix products and convolutions."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import conv_problems
import gemm_problems
import numpy as np
import opencl_runner
import pytest
import test_conv
import test_gemm

from maf_vdev.modnn import gemm
from maf_vdev.modnn.providers import opencl_product
from maf_vdev.modnn.providers.opencl_product import Product
from maf_vdev.modnn.registry import Plan

pytestmark = opencl_runner.needs_device
DEVICE = 0
FIRST = 4096  # nothing lies at offset 0
# Each set of types is a program that the driver compiles: a few of each.
GEMM = [name for name, p in gemm_problems.PROBLEMS.items() if opencl_product.of_gemm(gemm_problems.complete(p))]
CONV = [(name, n % 3) for n, name in enumerate(conv_problems.PROBLEMS)]
CONV += [(name, 0) for name in conv_problems.FUSED]


def plan(product: Product, buffers: Sequence[np.ndarray | None], scalar_places: tuple[int, int]) -> Plan:
    """The product as a plan on copies of these buffers, one after the other in the device's memory."""
    dev = opencl_runner.device(DEVICE)
    cl = dev.cl
    kernel = cl.Kernel(dev.build(product.source), "product")

    def run(pointers: Sequence[int], scalars: bytes) -> None:
        places, at = [], FIRST
        for b in buffers:
            places.append(at)
            at += 0 if b is None else -(-b.nbytes // 256) * 256
        memory = np.zeros(at, np.uint8)
        for b, place in zip(buffers, places):
            if b is not None:
                memory[place : place + b.nbytes] = np.frombuffer(b.tobytes(), np.uint8)

        def offset(pointer: int) -> int:
            for b, place in zip(buffers, places):
                if b is not None and pointer and 0 <= pointer - b.ctypes.data < b.nbytes:
                    return place + pointer - b.ctypes.data
            return 0

        data = cl.Buffer(dev.context, cl.mem_flags.COPY_HOST_PTR, hostbuf=memory)
        sizes = cl.Buffer(dev.context, cl.mem_flags.COPY_HOST_PTR, hostbuf=np.array(product.sizes, np.int64))
        real = np.float64 if product.wide else np.float32
        values = struct.unpack(f"<{len(scalars) // 8}d", scalars)
        arguments = [np.uint64(offset(pointers[p]) if p < len(pointers) else 0) for p in product.pointer]
        arguments += [real(values[place]) for place in scalar_places]
        grid = [tiles * group for tiles, group in zip(product.tiles, opencl_product.GROUP)]
        kernel(dev.queue, grid, opencl_product.GROUP, data, *arguments, sizes)
        cl.enqueue_copy(dev.queue, memory, data)
        dev.queue.finish()
        for b, place in zip(buffers, places):
            if b is not None:
                b.view(np.uint8).reshape(-1)[:] = memory[place : place + b.nbytes]

    return Plan("opencl", run)


@pytest.mark.parametrize("name", GEMM[::25])
def test_gemm_agrees_with_reference(name: str) -> None:
    p = gemm_problems.PROBLEMS[name]
    want = gemm_problems.Memory(p).run(test_gemm.make(p, "reference"))
    memory = gemm_problems.Memory(p)
    product = opencl_product.of_gemm(memory.op)
    assert product is not None
    got = memory.run(plan(product, list({id(b): b for b in memory.buffers.values()}.values()), (0, 2)))
    bound = test_gemm.tolerance(memory.op, memory.op.type_d, want["d"].astype(np.float64))
    error = np.abs(got["d"].astype(np.float64) - want["d"].astype(np.float64))
    assert (error <= bound).all() or np.array_equal(got["d"], want["d"], equal_nan=True), (error - bound).max()


@pytest.mark.parametrize("name,direction", CONV[::4])
def test_conv_agrees_with_reference(name: str, direction: int) -> None:
    p: dict[str, Any] = {**conv_problems.PROBLEMS, **conv_problems.FUSED}[name]
    want = conv_problems.Memory(p, direction).run(test_conv.make(conv_problems.Memory(p, direction), "reference"))
    memory = conv_problems.Memory(p, direction)
    product = opencl_product.of_conv(memory.op)
    assert product is not None
    test_conv.compare(memory, memory.run(plan(product, memory.buffers, (0, 1))), want)


@pytest.mark.parametrize(
    "field, value",
    [
        ("type_a", gemm.C64),
        ("type_d", gemm.I32),
        ("pointer_array", 1),
        ("scalars_on_device", 1),
        ("epilogue", gemm.DGELU),
    ],
)
def test_what_the_kernel_does_not_cover_is_declined(field: str, value: int) -> None:
    op = gemm_problems.complete(gemm_problems.PROBLEMS[GEMM[0]])
    assert opencl_product.of_gemm(op) is not None
    setattr(op, field, value)
    assert opencl_product.of_gemm(op) is None
