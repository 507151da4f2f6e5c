"""An executor whose device runs every launch three times: interpreter, general form, fast form; they must agree.

Started by differential_python in the place of MAF_PYTHON. MAF_CHECK_LOG names the file that gets one line per launch:
"ok" or "DIFF", the form, grid, block, the kernel's name; for differences also their number and the first of them.
Device memory is put back between the runs. Words may differ as numbers of the same size differ: approximations
(MUFU) are not the same to the last bit, and atomic additions come in another order.
"""

from __future__ import annotations

import ctypes
import os

import numpy as np

from maf_vdev.devices import interpreter as reference
from maf_vdev.devices.cpu import VARIANT_MASK, CpuKernel, CpuKernelStruct
from maf_vdev.executor import _core, planner, server
from maf_vdev.names import readable
from maf_vdev.translator import interpreter
from maf_vdev.translator.decode import decode_code
from maf_vdev.translator.source.image import SourceKernel

FORMS = ("slow", "fast")
MAX_THREADS = 1 << 16  # of launches that are checked
_U3 = ctypes.POINTER(ctypes.c_uint32 * 3)
_ARGUMENTS = (_U3, _U3, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32)
_LAUNCH = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, *_ARGUMENTS)

_library = ctypes.CDLL(_core.__file__)
_library.maf_cpu_launch.argtypes = [ctypes.c_void_p, *_ARGUMENTS]

Regions = list[tuple[int, np.ndarray]]


def close(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Per 64-bit word: whether two bit patterns are nearly the same numbers in one of the floating-point formats."""
    same = np.zeros(a.shape, bool)
    np.seterr(all="ignore")
    for dtype, tolerance in ((np.float64, 1e-11), (np.float32, 2e-5), (np.float16, 2e-3)):
        x, y = (v.view(dtype).reshape(len(a), -1).astype(np.float64) for v in (a, b))
        equal = (x == y) | (np.isnan(x) & np.isnan(y)) | (np.abs(x - y) <= tolerance * np.maximum(np.abs(x), np.abs(y)))
        same |= equal.all(1)
    x, y = ((v.view(np.uint16).astype(np.uint32) << 16).view(np.float32).reshape(len(a), -1) for v in (a, b))
    return same | (np.isclose(x, y, 1.6e-2, 0, equal_nan=True)).all(1)  # bfloat16


class CheckDevice(reference.InterpreterDevice):
    window = None

    def _say(self, line: str) -> None:
        with open(os.environ["MAF_CHECK_LOG"], "a", encoding="utf-8") as log:
            log.write(line + "\n")

    def prepare(self, kernel: CpuKernel, variant: int) -> int:
        variant &= VARIANT_MASK
        if isinstance(kernel.code, SourceKernel):
            return super().prepare(kernel, variant)
        if variant not in kernel.structs:
            program = decode_code(kernel.code)
            compiled = []
            for form in FORMS:
                entry, meta = self._code(kernel.code, variant, form)
                compiled.append((form, self._describe(kernel, entry, meta, variant)))

            def launch(_: int, grid, block, shared: int, params: int, size: int) -> int:
                try:
                    return self._launch(kernel, program, compiled, grid, block, shared, params, size)
                except Exception as error:  # noqa: BLE001 - a callback cannot raise into C
                    self._say(f"DIFF {type(error).__name__}: {error} {kernel.code.name}")
                    return reference.ERROR_LAUNCH_FAILURE

            callback = _LAUNCH(launch)
            self._callbacks.append(callback)
            struct = CpuKernelStruct.from_buffer_copy(compiled[0][1])
            struct.launch = ctypes.cast(callback, ctypes.c_void_p).value
            kernel.structs[variant] = struct
        return ctypes.addressof(kernel.structs[variant])

    def _regions(self) -> Regions:
        """The parts of the program's device memory that have been touched. Modules' data may be placed at any time."""
        out, at = [], _core.lib.MAF_SYSTEM_BYTES
        while True:
            try:
                start = os.lseek(self.window.file, at, os.SEEK_DATA)
                at = os.lseek(self.window.file, start, os.SEEK_HOLE)
            except OSError:
                return out
            address = self.window.base + start
            out.append((address, self._memory(address, at - start)))

    @staticmethod
    def _memory(address: int, size: int) -> np.ndarray:
        return np.frombuffer((ctypes.c_uint8 * size).from_address(address), np.uint64)

    def _copy(self) -> Regions:
        return [(address, memory.copy()) for address, memory in self._regions()]

    def _launch(self, kernel, program, compiled, grid, block, shared: int, params: int, size: int) -> int:
        threads = int(np.prod(list(grid[0]), dtype=np.int64) * np.prod(list(block[0]), dtype=np.int64))
        name = f"{tuple(grid[0])} {tuple(block[0])} {readable(kernel.code.name)}"
        if threads > MAX_THREADS:
            self._say(f"large {name}")
            return _library.maf_cpu_launch(ctypes.addressof(compiled[-1][1]), grid, block, shared, params, size)
        before = self._copy()
        code = kernel.code
        banks = {n: ctypes.string_at(kernel.banks[n], len(data)) for n, data in code.banks.items() if n in kernel.banks}
        interpreter.run(
            code,
            program,
            tuple(grid[0]),
            tuple(block[0]),
            ctypes.string_at(params, size),
            reference.process_memory(1 << 32, 1 << 47),
            dynamic_shared=shared,
            banks=banks,
            externals={a: n for n, a in reference.DRIVER_FUNCTIONS.items()},
            batch_warps=1 << 30,
        )
        want = self._copy()
        for form, struct in compiled:
            for _, memory in self._regions():
                memory[:] = 0
            for address, old in before:
                self._memory(address, old.nbytes)[:] = old
            error = _library.maf_cpu_launch(ctypes.addressof(struct), grid, block, shared, params, size)
            if error:
                self._say(f"DIFF {form} error {error} {name}")
                return error
            text = self._difference(want)
            self._say(f"DIFF {form} {name}: {text}" if text else f"ok {form} left={struct.left} {name}")
        return 0

    def _difference(self, want: Regions) -> str:
        for address, wanted in want:
            memory = self._memory(address, wanted.nbytes)
            odd = np.nonzero(wanted != memory)[0]
            odd = odd[~close(wanted[odd], memory[odd])] if len(odd) else odd
            if len(odd):
                k = int(odd[0])
                return f"{len(odd)} words, at {address + 8 * k:#x} {int(memory[k]):#x} for {int(wanted[k]):#x}"
        return ""


def main() -> None:
    device = CheckDevice()

    def open_device(self: planner.Planner) -> CheckDevice:
        device.window = self._window()
        return device

    planner.Planner.device = open_device  # type: ignore[method-assign]
    server.main()


if __name__ == "__main__":
    main()
