"""Run moDNN's own device kernels from tests, as plans on copies of host buffers: on OpenCL, or on the HIP stand-in."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from typing import Any

import hip_runner
import numpy as np
import opencl_runner

from maf_vdev.modnn.providers.device_launch import Launch, Traits
from maf_vdev.modnn.registry import Plan

FIRST = 4096  # nothing lies at offset 0
BASE = 1 << 40  # the address of the memory's first byte in the program


def traits(dialect: str) -> Traits:
    return opencl_runner.device(0).traits() if dialect == "opencl" else hip_runner.device().traits()


class _OpenCl:
    def __init__(self, launch: Launch) -> None:
        self.dev = opencl_runner.device(0)
        self.launch = launch
        self.kernel = self.dev.cl.Kernel(self.dev.build(launch.source("opencl")), launch.kernel)

    def run(self, memory: np.ndarray, places: Sequence[int], scalars: Sequence[float]) -> None:
        cl, dev, launch = self.dev.cl, self.dev, self.launch
        data = cl.Buffer(dev.context, cl.mem_flags.COPY_HOST_PTR, hostbuf=memory)
        sizes = cl.Buffer(dev.context, cl.mem_flags.COPY_HOST_PTR, hostbuf=np.array(launch.sizes, np.int64))
        real = np.float64 if launch.wide else np.float32
        grid = [n * group for n, group in zip(launch.groups, launch.group)]
        self.kernel(dev.queue, grid, launch.group, data, *map(np.uint64, places), *map(real, scalars), sizes)
        cl.enqueue_copy(dev.queue, memory, data)
        dev.queue.finish()


class _Hip:
    def __init__(self, launch: Launch) -> None:
        self.dev, self.launch = hip_runner.device(), launch
        with hip_runner.environment(MAF_HIP_HEADER=str(hip_runner.FIXTURES / "hip_standin.h")):
            self.function, self.keep = self.dev.hip.load(self.dev.build(launch.source("hip")), launch.kernel)

    def run(self, memory: np.ndarray, places: Sequence[int], scalars: Sequence[float]) -> None:
        launch = self.launch
        real = ctypes.c_double if launch.wide else ctypes.c_float
        sizes = (ctypes.c_int64 * len(launch.sizes))(*launch.sizes)
        values: list[Any] = [ctypes.c_uint64(memory.ctypes.data), *map(ctypes.c_uint64, places), *map(real, scalars)]
        values.append(ctypes.c_uint64(ctypes.addressof(sizes)))
        pointers = (ctypes.c_void_p * len(values))(*(ctypes.addressof(v) for v in values))
        shape = (ctypes.c_uint32(n) for n in (*launch.groups, *launch.group, 0))
        self.dev.hip.call("hipModuleLaunchKernel", ctypes.c_void_p(self.function), *shape, None, pointers, None)


def plan(dialect: str, launch: Launch, buffers: Sequence[np.ndarray | None]) -> Plan:
    """The launch as a plan on copies of these buffers, one after the other in the device's memory."""
    made = (_OpenCl if dialect == "opencl" else _Hip)(launch)

    def run(pointers: Sequence[int], scalars: bytes) -> None:
        unique = list({id(b): b for b in buffers if b is not None}.values())
        places, at = [], FIRST
        for b in unique:
            places.append(at)
            at += -(-b.nbytes // 256) * 256

        def offset(pointer: int) -> int:
            for b, place in zip(unique, places):
                if pointer and 0 <= pointer - b.ctypes.data < max(b.nbytes, 1):
                    return place + pointer - b.ctypes.data
            return 0

        arrays = {}
        for place in launch.arrays:
            values = np.frombuffer((ctypes.c_uint64 * launch.array_length).from_address(pointers[place]), np.uint64)
            arrays[place] = at, np.array([offset(int(v)) + BASE for v in values], np.uint64)
            at += 8 * launch.array_length
        memory = np.zeros(at, np.uint8)
        for b, place in zip(unique, places):
            memory[place : place + b.nbytes] = np.frombuffer(b.tobytes(), np.uint8)
        for place, values in arrays.values():
            memory[place : place + values.nbytes] = values.view(np.uint8)
        real = struct.unpack(f"<{len(scalars) // 8}d", scalars)
        offsets = [
            arrays[p][0] if p in arrays else offset(pointers[p]) if 0 <= p < len(pointers) else 0
            for p in launch.pointers
        ]
        made.run(memory, offsets, [real[p] for p in launch.scalars])
        for b, place in zip(unique, places):
            b.view(np.uint8).reshape(-1)[:] = memory[place : place + b.nbytes]

    return Plan(dialect, run)
