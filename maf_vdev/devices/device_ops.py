"""moDNN's operations by kernels of our own, on a device with memory of its own: executor/core/device_op.c.

What there is no kernel for, and what has operands in pinned memory, runs in the host's libraries.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Protocol

from .. import protocol
from ..modnn import native, registry
from ..modnn.providers import device_product, device_tensor
from ..modnn.providers.device_launch import Launch, Traits
from ..modnn.registry import Plan

MAX_POINTERS, MAX_SCALARS = 16, 8
# Op kind -> the launch of an op that passed its check; None where no kernel covers it.
MAKERS: dict[str, Callable[[Any, Traits, int], Launch | None]] = {
    "gemm": device_product.of_gemm,
    "conv": device_product.of_conv,
    "elementwise": device_tensor.of_elementwise,
    "reduce": device_tensor.of_reduce,
    "softmax": device_tensor.of_softmax,
    "pooling": device_tensor.of_pooling,
    "batchnorm": device_tensor.of_batchnorm,
}


class OpStruct(ctypes.Structure):
    """struct maf_device_op of device_op.h."""

    _fields_ = [
        ("run", ctypes.c_uint64),
        ("device", ctypes.c_uint64),
        ("name", ctypes.c_char_p),
        ("kernel", ctypes.c_uint64),
        ("sizes", ctypes.c_uint64),
        ("base", ctypes.c_uint64),
        ("groups", ctypes.c_uint32 * 3),
        ("group", ctypes.c_uint32 * 3),
        ("pointers", ctypes.c_uint32),
        ("scalars", ctypes.c_uint32),
        ("pointer", ctypes.c_int32 * MAX_POINTERS),
        ("scalar", ctypes.c_uint32 * MAX_SCALARS),
        ("doubles", ctypes.c_uint32),
        ("arrays", ctypes.c_uint32),
        ("array", ctypes.c_int32 * 4),
        ("array_length", ctypes.c_uint64),
        ("host", ctypes.c_uint64),
        ("host_closure", ctypes.c_uint64),
    ]


class OpDevice(Protocol):
    """What a device gives. dialect: of kernels' text."""

    dialect: str
    struct: Any

    def traits(self) -> Traits: ...

    def own_kernel(self, launch: Launch) -> tuple[int, int, int, Any] | None:
        """(address of the C function that launches, kernel, sizes, what must live as long); None where the device
        does not run groups of that size. Raises BuildError."""
        ...


def launch_of(kind: int, description: bytes, traits: Traits, base: int) -> Launch | None:
    """The kernel that does an op, None where there is none."""
    op_kind = registry.ops()[kind]
    maker = MAKERS.get(op_kind.name)
    return maker(protocol.unpack(op_kind.struct, description), traits, base) if maker else None


def plan(device: OpDevice, kind: int, description: bytes, host: Plan) -> Plan:
    """`host` where the device has no kernel for the op. Raises BuildError and the device's errors."""
    if host.native is None:
        return host
    base = device.struct.memory_base
    launch = launch_of(kind, description, device.traits(), base)
    made = device.own_kernel(launch) if launch else None
    if launch is None or made is None:
        return host
    struct = OpStruct()
    struct.run, struct.kernel, struct.sizes, kernel = made
    struct.device, struct.base = ctypes.addressof(device.struct), base
    struct.name = registry.ops()[kind].name.encode()
    struct.groups[:], struct.group[:] = launch.groups, launch.group
    struct.pointers, struct.scalars = len(launch.pointers), len(launch.scalars)
    struct.pointer[: len(launch.pointers)] = launch.pointers
    struct.scalar[: len(launch.scalars)] = launch.scalars
    struct.doubles = int(launch.wide)
    struct.arrays, struct.array_length = len(launch.arrays), launch.array_length
    struct.array[: len(launch.arrays)] = launch.arrays
    struct.host, struct.host_closure = host.native
    function = native.function("maf_device_op_run")
    keep = (struct, kernel, host)
    run = (function, ctypes.addressof(struct))
    return Plan(device.dialect, host.run, host.workspace_bytes, host.reserve_bytes, run, keep)
