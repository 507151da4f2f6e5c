#!/usr/bin/env python3
"""GFLOP/s of moDNN's own matrix product on an OpenCL device, for each tile; CLBlast beside, if installed.

    tools/gemm_bench.py --device opencl:0

The tile that device_product.tile chooses has a star. On an OpenCL device that is the CPU, the last column is the host's
library, which is what such a device runs in fact."""

from __future__ import annotations

import argparse
import ctypes
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from maf_vdev import protocol
from maf_vdev.devices import device_libraries, opencl_runtime
from maf_vdev.modnn import gemm
from maf_vdev.modnn.providers import device_product

SHAPES = ((256, 256, 256), (1024, 1024, 1024), (1024, 64, 1024), (64, 64, 4096), (2048, 512, 512))
SECONDS = 0.5


def describe(m: int, n: int, k: int, kind: int) -> Any:
    op = protocol.ffi.new("struct maf_op_gemm *")
    op.m, op.n, op.k, op.batch = m, n, k, 1
    op.lda, op.ldb, op.ldc, op.ldd = m, k, m, m
    op.type_a = op.type_b = op.type_c = op.type_d = kind
    op.type_compute = op.type_scale = gemm.F64 if kind == gemm.F64 else gemm.F32
    return op


def best(run: Callable[[], None]) -> float:
    """Seconds of the fastest call."""
    run()
    fastest, until = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        start = time.perf_counter()
        run()
        fastest = min(fastest, time.perf_counter() - start)
    return fastest


class Bench:
    def __init__(self, name: str) -> None:
        self.cl = opencl_runtime.module()
        self.found = opencl_runtime.find(name)
        self.context = self.cl.Context([self.found.device])
        self.queue = self.cl.CommandQueue(self.context)
        device = self.found.device
        local, group = int(device.local_mem_size), int(device.max_work_group_size)
        fp64 = self.found.options.fp64
        self.traits = device_product.Traits(self.found.kind, self.found.units, local, group, fp64)

    def operands(self, m: int, n: int, k: int, item: int) -> tuple[Any, list[int]]:
        """A buffer that holds A, B and D, and where they begin."""
        places = [4096, 4096 + m * k * item, 4096 + (m * k + k * n) * item]
        places = [-(-p // 256) * 256 for p in places]
        data = np.zeros(places[2] + m * n * item, np.uint8)
        values = np.random.default_rng(0).uniform(-1, 1, m * k + k * n).astype(np.float32 if item == 4 else np.float64)
        data[places[0] :][: m * k * item] = values[: m * k].view(np.uint8)
        data[places[1] :][: k * n * item] = values[m * k :].view(np.uint8)
        return self.cl.Buffer(self.context, self.cl.mem_flags.COPY_HOST_PTR, hostbuf=data), places

    def own(self, op: Any, edge: int, depth: int) -> float:
        """Seconds of the own kernel with this tile."""
        cl = self.cl
        chosen = device_product.tile
        device_product.tile = lambda *_: (edge, depth)
        try:
            launch = device_product.of_gemm(op, self.traits)
        finally:
            device_product.tile = chosen
        assert launch is not None
        kernel = cl.Kernel(cl.Program(self.context, launch.source("opencl")).build(), launch.kernel)
        item = 8 if launch.wide else 4
        memory, (a, b, d) = self.operands(op.m, op.n, op.k, item)
        sizes = cl.Buffer(self.context, cl.mem_flags.COPY_HOST_PTR, hostbuf=np.array(launch.sizes, np.int64))
        real = np.float64 if launch.wide else np.float32
        grid = [g * n for g, n in zip(launch.groups, launch.group)]
        arguments = [memory, *map(np.uint64, (a, b, d, d, 0, 0, 0, 0)), *map(real, (1, 0, 0, 0)), sizes]

        def run() -> None:
            kernel(self.queue, grid, launch.group, *arguments)
            self.queue.finish()

        return best(run)

    def clblast(self, op: Any) -> float | None:
        """Seconds of CLBlastSgemm; None where it is not installed."""
        library = device_libraries.load(device_libraries.CLBLAST, "MAF_CLBLAST_LIBRARY")
        if library is None or op.type_a != gemm.F32:
            return None
        memory, (a, b, d) = self.operands(op.m, op.n, op.k, 4)
        size, buffer, queue = ctypes.c_size_t, ctypes.c_void_p(memory.int_ptr), ctypes.c_void_p(self.queue.int_ptr)
        m, n, k = size(op.m), size(op.n), size(op.k)

        def run() -> None:
            places = ((buffer, size(p // 4), ld) for p, ld in ((a, m), (b, k), (d, m)))
            x, y, z = places
            status = library.CLBlastSgemm(
                102, 111, 111, m, n, k, ctypes.c_float(1), *x, *y, ctypes.c_float(0), *z, ctypes.byref(queue), None
            )
            if status:
                raise RuntimeError(f"CLBlastSgemm returned {status}")
            self.queue.finish()

        return best(run)


def host(m: int, n: int, k: int, kind: int) -> float:
    """Seconds of numpy's product."""
    a, b = (np.ones(shape, np.float32 if kind == gemm.F32 else np.float64) for shape in ((m, k), (k, n)))
    return best(lambda: np.matmul(a, b))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="opencl:0")
    arguments = parser.parse_args()
    bench = Bench(arguments.device)
    print(f"{bench.found.label}, {bench.found.units} units, {bench.traits.local_bytes >> 10} KiB of local memory")
    tiles = [f"{edge}x{edge}x{depth}" for edge, depth in device_product.TILES]
    print(f"{'GFLOP/s':24}" + "".join(f"{t:>12}" for t in (*tiles, "CLBlast", "host")))
    for kind in (gemm.F32, gemm.F64):
        if kind == gemm.F64 and not bench.traits.fp64:
            continue
        for m, n, k in SHAPES:
            op = describe(m, n, k, kind)
            chosen = device_product.tile(bench.traits, m, n, 1, gemm.TYPE_BYTES[kind])
            flops = 2e-9 * m * n * k
            cells = []
            for tile in device_product.TILES:
                cells.append(f"{flops / bench.own(op, *tile):.1f}" + ("*" if tile == chosen else ""))
            library = bench.clblast(op)
            cells.append(f"{flops / library:.1f}" if library else "")
            cells.append(f"{flops / host(m, n, k, kind):.1f}")
            print(f"{f'{gemm.TYPE_NAMES[kind]} {m}x{n}x{k}':24}" + "".join(f"{c:>12}" for c in cells), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
