"""Plans: from a module's bytes to kernels that the C core can launch, from an op description to a function.

A kernel id stands for (SDA, module, name). Looking a kernel up decodes nothing: it reads the cubin,
places the module's data in device memory and lets the CPU device start compiling in the background.
The plan itself is made at the first launch of each variant, on the core's thread.
"""

from __future__ import annotations

import hashlib
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from maf_vdev.devices.overrides import Override
from maf_vdev.executor import record
from maf_vdev.executor._core import ffi, lib
from maf_vdev.executor.images import ImageError, Module
from maf_vdev.executor.module_data import ModuleData, SystemMemory
from maf_vdev.executor.progress import Progress
from maf_vdev.executor.server import Arguments, RequestError
from maf_vdev.names import readable
from maf_vdev.sda import profiles

ERROR_INVALID_KERNEL_IMAGE = 200
ERROR_INVALID_SOURCE = 300
ERROR_INVALID_HANDLE = 400
ERROR_SYMBOL_NOT_FOUND = 500
ERROR_MEMORY_ALLOCATION = 2
ERROR_JIT = 218  # cudaErrorInvalidPtx: "a PTX JIT compilation failed"
ERROR_LAUNCH_FAILURE = 719

_QUERY = struct.Struct("<II")
_OP_HEADER = struct.Struct("<II")
_OP_NAMES = {
    kind: name.removeprefix("MAF_OP_").lower() for kind, name in ffi.typeof("enum maf_op_kind").elements.items()
}
_MAX_THREADS = 1024  # per CTA, where the kernel does not say


@dataclass
class Kernel:
    """A kernel of one SDA. `code` is the translator's KernelCode; `loaded` the CPU device's handle."""

    id: int
    name: str
    code: object
    loaded: object


@dataclass
class Planner:
    """Everything planned for one application. Requests come on the main thread, prepare on the core's."""

    args: Arguments
    modules: dict[int, Module] = field(default_factory=dict)
    kernels: list[Kernel] = field(default_factory=list)
    plans: list[object] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._device = None
        self._device_error: RequestError | None = None
        self._device_lock = threading.Lock()
        self._capability = profiles.current().capability
        self._kernel_ids: dict[tuple[int, int, str], int] = {}
        self._data: dict[tuple[int, int], ModuleData] = {}
        self._memory = [
            SystemMemory(self.args.device_base + number * self.args.device_stride, lib.MAF_SYSTEM_BYTES)
            for number in range(self.args.count)
        ]
        self._next_module = 0
        self._by_content: WeakValueDictionary[bytes, Module] = WeakValueDictionary()
        self._keep: list[object] = []
        self._progress = Progress()
        self._said: set[str] = set()

    def preload(self) -> None:
        """Import what the first kernel needs; LLVM's set-up is most of it."""
        self.device()
        from maf_vdev.translator import cache, compile

        compile.machine()
        cache.translator_version()

    def device(self):
        """The device that backs the SDAs, made at first use. RequestError where it cannot be opened."""
        with self._device_lock:
            if self._device_error is not None:
                raise self._device_error
            if self._device is None:
                from maf_vdev import devices

                try:
                    self._device = devices.open_device(devices.chosen(), self._window())
                except devices.DeviceError as error:
                    record.current().fault(error.error, str(error))
                    self._say_once(f"maf-vdev: error {error.error}: {error}")
                    self._device_error = RequestError(error.error, str(error))
                    raise self._device_error from None
                if self._device.note:
                    record.current().note(self._device.note)
            return self._device

    def _window(self):
        from maf_vdev import devices

        one = self.args.count == 1
        size = lib.MAF_SYSTEM_BYTES + profiles.current().memory if one else 0
        return devices.Window(
            self.args.device_base, self.args.count * self.args.device_stride, self.args.device_fd, size
        )

    def own_bytes(self) -> int:
        """Bytes of the device's own memory, from the start of the window; 0 where it works on the host's."""
        return getattr(self.device(), "own_bytes", 0)

    # --- requests --------------------------------------------------------------------------------

    def load_module(self, sda: int, data: bytearray) -> bytes:
        """Reply to MAF_REQ_MODULE. Nothing is decompressed yet."""
        digest = hashlib.blake2b(data, digest_size=16).digest()
        module = self._by_content.get(digest)
        if module is None:
            try:
                module = Module(bytes(data), self._capability)
            except ImageError as error:
                raise RequestError(error.code, str(error)) from None
            self._by_content[digest] = module
        number = self._next_module
        self._next_module += 1
        self.modules[number] = module
        return struct.pack("<II", number, module.status)

    def unload_module(self, sda: int, payload: bytearray) -> bytes:
        """Reply to MAF_REQ_UNLOAD. Kernels stay registered: commands in the ring may still name them."""
        (number,) = struct.unpack("<I", payload)
        if self.modules.pop(number, None) is None:
            raise RequestError(ERROR_INVALID_HANDLE, f"no module {number}")
        for index in range(self.args.count):
            self._data.pop((index, number), None)
        return b""

    def _query(self, payload: bytearray) -> tuple[int, Module, str]:
        number, size = _QUERY.unpack_from(payload)
        name = bytes(payload[_QUERY.size : _QUERY.size + size]).decode(errors="replace").rstrip("\0")
        module = self.modules.get(number)
        if module is None:
            raise RequestError(ERROR_INVALID_HANDLE, f"no module {number}")
        return number, module, name

    def find_kernel(self, sda: int, payload: bytearray) -> bytes:
        """Reply to MAF_REQ_KERNEL: struct maf_kernel_info and its parameters."""
        number, module, name = self._query(payload)
        kernel = self._kernel(sda, number, module, name)
        code = kernel.code
        info = struct.pack(
            "<10I",
            kernel.id,
            len(code.params),
            code.param_bytes,
            code.registers,
            code.static_shared,
            code.local_bytes,
            len(code.banks.get(3, b"")),
            code.max_threads or _MAX_THREADS,
            code.arch,
            code.arch,
        )
        return info + b"".join(struct.pack("<II", offset, size) for offset, size in code.params)

    def _kernel(self, sda: int, number: int, module: Module, name: str) -> Kernel:
        known = self._kernel_ids.get((sda, number, name))
        if known is not None:
            return self.kernels[known]
        if len(self.kernels) >= lib.maf_core_table_entries():
            raise RequestError(ERROR_MEMORY_ALLOCATION, "too many kernels")
        try:
            code = module.kernel(name)
            data = self._module_data(sda, number, module)
            banks = data.kernel_banks(code)
        except ImageError as error:
            text = f"kernel {readable(name)}: {error}"
            if error.code != ERROR_SYMBOL_NOT_FOUND:  # programs ask for symbols that may be absent
                record.current().fault(error.code, text)
                self._say_once(f"maf-vdev: error {error.code}: {text}")
            raise RequestError(error.code, text) from None
        device = self.device()
        kernel = Kernel(len(self.kernels), name, code, device.load(code, banks))
        self.kernels.append(kernel)
        record.current().kernels.append(record.KernelUse(kernel.id, name, len(code.code) // 16))
        self._kernel_ids[sda, number, name] = kernel.id
        override = device.override(code)
        if override is not None:
            self._override(kernel, override)
        else:
            record.current().kernels[kernel.id].cached = device.prefetch(kernel.loaded)
        return kernel

    def _override(self, kernel: Kernel, override: Override) -> None:
        """Nothing is compiled unless a launch is declined."""
        label = ffi.new("char[]", readable(kernel.name).encode())
        self._keep += [label, override]
        closure = int(ffi.cast("uintptr_t", override.closure))
        lib.maf_core_set_override(kernel.id, override.function, closure, label)

    def _say_once(self, line: str) -> None:
        """To the user, on stderr: the program itself only gets a number."""
        if line not in self._said:
            self._said.add(line)
            print(line, file=sys.stderr, flush=True)

    def _module_data(self, sda: int, number: int, module: Module) -> ModuleData:
        data = self._data.get((sda, number))
        if data is None:
            data = self._data[sda, number] = ModuleData(module.cubin(), self._memory[sda])
        return data

    def find_symbol(self, sda: int, payload: bytearray) -> bytes:
        """Reply to MAF_REQ_SYMBOL: address and size of a module variable."""
        number, module, name = self._query(payload)
        try:
            found = self._module_data(sda, number, module).symbol(name)
        except ImageError as error:
            raise RequestError(error.code, str(error)) from None
        if found is None:
            raise RequestError(ERROR_SYMBOL_NOT_FOUND, f"no variable {name}")
        return struct.pack("<QQ", *found)

    def make_plan(self, sda: int, payload: bytearray) -> bytes:
        """Reply to MAF_REQ_PLAN: struct maf_plan_info. Errors are of enum maf_plan_error."""
        from maf_vdev.modnn import registry

        kind, size = _OP_HEADER.unpack_from(payload)
        description = bytes(payload[_OP_HEADER.size : _OP_HEADER.size + size])
        try:
            plan = registry.make_plan(kind, description)
            plan = self.device().plan(kind, description, plan)
        except registry.Unsupported as error:
            raise RequestError(lib.MAF_PLAN_UNSUPPORTED, str(error)) from None
        except registry.Invalid as error:
            raise RequestError(lib.MAF_PLAN_INVALID, str(error)) from None
        number = len(self.plans)
        text = f"{_OP_NAMES.get(kind, kind)} ({plan.provider})"
        name = ffi.new("char[]", text.encode())
        function, closure = plan.native or (0, 0)
        if lib.maf_core_set_plan(number, function, closure, name):
            raise RequestError(lib.MAF_PLAN_INTERNAL, "too many plans")
        self._keep.append(name)
        self.plans.append(plan)
        record.current().plans.append(text)
        return struct.pack("<IIQQ", number, 0, plan.workspace_bytes, plan.reserve_bytes)

    # --- called by the core, on its thread ----------------------------------------------------------

    def prepare(self, number: int, variant: int) -> int:
        """Compile, or take from the cache, one variant of a kernel and register it. 0 or a cudaError_t."""
        if number >= len(self.kernels):
            return _fault(ERROR_INVALID_HANDLE, f"launch of unknown kernel {number}")
        kernel = self.kernels[number]
        return self._guard(f"kernel {readable(kernel.name)}", ERROR_JIT, lambda: self._prepare(kernel, variant))

    def _prepare(self, kernel: Kernel, variant: int) -> int:
        start = time.monotonic()
        self._progress.begin(kernel.name)
        try:
            device = self.device()
            if device.foreign_compiler:
                name = ffi.new("char[]", readable(kernel.name).encode())
                lib.maf_fault_compiling(name)
            try:
                address = device.prepare(kernel.loaded, variant)
            finally:
                if device.foreign_compiler:
                    lib.maf_fault_compiling(ffi.NULL)
        finally:
            self._progress.end()
        record.current().kernels[kernel.id].prepared[variant] = time.monotonic() - start
        return lib.maf_core_set_kernel(kernel.id, variant, address)

    def prepare_slow(self, cookie: int) -> int:
        """Address of the form of a kernel that finishes diverged warps; 0 when it cannot be made."""
        address = 0

        def action() -> int:
            nonlocal address
            address = self.device().prepare_slow(cookie)
            return 0

        self._guard("divergent code", ERROR_JIT, action)
        return address

    def run_op(self, number: int, pointers: list[int], scalars: bytes) -> int:
        """Run an op whose plan has no native function."""
        plan = self.plans[number]
        return self._guard(
            f"operation of {plan.provider}", ERROR_LAUNCH_FAILURE, lambda: plan.run(pointers, scalars) or 0
        )

    def _guard(self, what: str, code: int, action: Callable[[], int]) -> int:
        """Run `action`; an exception becomes the context's sticky error `code`."""
        from maf_vdev.translator.ir import DecodeError, LiftError

        try:
            return action()
        except (DecodeError, LiftError) as error:
            return _fault(ERROR_INVALID_SOURCE, f"{what}: {error}")
        except Exception as error:  # noqa: BLE001 - whatever planning raises ends the context, not the process
            if record.log_level() >= 2:
                import traceback

                traceback.print_exc()
            return _fault(code, f"{what}: {type(error).__name__}: {error}")


def _fault(error: int, text: str) -> int:
    record.current().fault(error, text)
    lib.maf_fault_set(error, text.encode())
    return error
