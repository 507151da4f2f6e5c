"""moDNN's operations by kernels of our own, on an OpenCL device with memory of its own: executor/core/opencl_op.c.

What there is no kernel for, and what has operands in pinned memory, runs in the host's libraries.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from .. import protocol
from ..modnn import native, registry
from ..modnn.providers import opencl_product
from ..modnn.registry import Plan

if TYPE_CHECKING:
    from .opencl import OpenClDevice

PROVIDER = "opencl"


class OpStruct(ctypes.Structure):
    """struct maf_opencl_op of opencl_op.h."""

    _fields_ = [
        ("device", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("kernel", ctypes.c_uint64),
        ("global_size", ctypes.c_uint64 * 3),
        ("local_size", ctypes.c_uint64 * 3),
        ("pointers", ctypes.c_uint32),
        ("scalars", ctypes.c_uint32),
        ("pointer", ctypes.c_uint32 * 8),
        ("scalar", ctypes.c_uint32 * 4),
        ("doubles", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("host", ctypes.c_uint64),
        ("host_closure", ctypes.c_uint64),
    ]


def plan(device: OpenClDevice, kind: int, description: bytes, host: Plan) -> Plan:
    """`host` where the device has no kernel for the op. Raises BuildError and pyopencl's errors."""
    op_kind = registry.ops()[kind]
    if host.native is None or op_kind.name not in opencl_product.MAKERS:
        return host
    op_name = op_kind.name
    product = opencl_product.MAKERS[op_name](protocol.unpack(op_kind.struct, description))
    if product is None or (product.wide and not device.found.options.fp64):
        return host
    cl = device.cl
    kernel = cl.Kernel(device.build(product.source), "product")
    limit = kernel.get_work_group_info(cl.kernel_work_group_info.WORK_GROUP_SIZE, device.found.device)
    group = opencl_product.GROUP
    if limit < group[0] * group[1]:
        return host
    sizes = (ctypes.c_int64 * len(product.sizes))(*product.sizes)
    flags = cl.mem_flags.READ_ONLY | cl.mem_flags.COPY_HOST_PTR
    buffer = cl.Buffer(device.context, flags, hostbuf=memoryview(sizes))
    struct = OpStruct()
    struct.device = ctypes.addressof(device.struct)
    struct.name = op_name.encode()
    struct.kernel = kernel.int_ptr
    struct.global_size[:] = [tiles * threads for tiles, threads in zip(product.tiles, group)]
    struct.local_size[:] = group
    struct.pointers, struct.scalars = len(product.pointer), 2
    for n, place in enumerate(product.pointer):
        struct.pointer[n] = place
    # alpha and beta: gemm's scalars are complex.
    struct.scalar[0], struct.scalar[1] = (0, 2) if op_name == "gemm" else (0, 1)
    struct.doubles = int(product.wide)
    struct.host, struct.host_closure = host.native
    kernel.set_arg(1 + struct.pointers + struct.scalars, buffer)
    function = native.function("maf_opencl_op_run")
    keep = (struct, kernel, buffer, host)
    return Plan(
        PROVIDER, host.run, host.workspace_bytes, host.reserve_bytes, (function, ctypes.addressof(struct)), keep
    )
