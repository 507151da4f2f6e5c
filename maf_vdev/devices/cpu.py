"""The CPU as a device: kernels become machine code through LLVM, run by executor/core/cpu_launch.c."""

from __future__ import annotations

import ctypes
import functools
import os
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..names import readable
from ..translator import cache, packed
from ..translator.cubin import KernelCode
from ..translator.emit import abi
from ..translator.source.image import SourceKernel
from . import object_file, overrides

if TYPE_CHECKING:
    from ..modnn.registry import Plan

# Addresses that stand for functions of the driver in constant bank 4.
DRIVER_FUNCTIONS = {
    "vprintf": abi.ADDRESS_VPRINTF,
    "__assertfail": abi.ADDRESS_ASSERTFAIL,
    "malloc": abi.ADDRESS_MALLOC,
    "free": abi.ADDRESS_FREE,
    "__cuda_syscall_aligned_malloc": abi.ADDRESS_ALIGNED_MALLOC,
}
BANKS = 8


@functools.cache
def _name_bytes(name: str) -> ctypes.Array:
    return ctypes.create_string_buffer(name.encode())


def function_address(name: str) -> int:
    """What stands for a function of the driver; code that calls one that is not provided stops with an error naming it."""
    return DRIVER_FUNCTIONS.get(name) or abi.UNPROVIDED_HI << 48 | ctypes.addressof(_name_bytes(name))


# Room for frames whose number the compiler does not know: recursion and calls through pointers.
CALL_STACK_BYTES = 4096
# Launch variants by what changes the code: bit 1 (full warps) does not.
VARIANT_MASK = 1


class CpuKernelStruct(ctypes.Structure):
    """struct maf_cpu_kernel of cpu_launch.h."""

    _fields_ = [
        ("entry", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("bank", ctypes.c_uint64 * BANKS),
        ("flags", ctypes.c_uint32),
        ("param_base", ctypes.c_uint32),
        ("param_bytes", ctypes.c_uint32),
        ("static_shared", ctypes.c_uint32),
        ("local_bytes", ctypes.c_uint32),
        ("frame_bytes", ctypes.c_uint32),
        ("max_threads", ctypes.c_uint32),
        ("cost", ctypes.c_uint32),
        ("slow", ctypes.c_void_p),
        ("cookie", ctypes.c_uint64),
        ("measured", ctypes.c_uint32),
        ("busy", ctypes.c_uint64),
        ("left", ctypes.c_uint64),
        ("launch", ctypes.c_void_p),
    ]


# A kernel that has run this long in its general form gets its fast form, compiled in the background: a tenth of what
# compiling it takes, for each instruction, and at least so much.
HOT_NS_PER_INSTRUCTION, HOT_NS = 20_000, 4_000_000
# A fast form that so many warps have left gets its general form compiled with care.
MANY_LEFT = 5000
POLL_SECONDS = 0.03


@dataclass
class CpuKernel:
    """A kernel with bound constant banks. structs: launch variant -> what the launcher reads."""

    code: KernelCode
    banks: dict[int, int]
    structs: dict[int, CpuKernelStruct] = field(default_factory=dict)


class _Loader:
    """Object bytes to an address in this process."""

    def __init__(self) -> None:
        self._engines: list[object] = []

    def load(self, obj: bytes, symbol: str, label: str) -> int:
        if object_file.supported(obj):
            return object_file.load(obj, symbol, label)
        import llvmlite.binding as llvm

        from ..translator import compile

        empty = llvm.parse_assembly(f'target triple="{compile.host_target().triple}"')
        engine = llvm.create_mcjit_compiler(empty, compile.machine())
        engine.add_object_file(llvm.ObjectFileRef.from_data(obj))
        engine.finalize_object()
        self._engines.append(engine)  # the code lives as long as its engine
        return engine.get_function_address(symbol)


class CpuDevice:
    """Implements devices.Device for this machine. Safe to use from several threads."""

    note = ""
    foreign_compiler = False

    def __init__(self, processes: int | None = None):
        self._processes = processes
        self._lock = threading.RLock()
        self._loader = _Loader()
        self._pool = None
        self._running: dict[str, Future] = {}
        self._making: dict[str, threading.Lock] = {}
        self._loaded: dict[str, tuple[int, object]] = {}
        self._kernels: dict[int, tuple[CpuKernel, int]] = {}
        self._cold: list[tuple[CpuKernel, int, CpuKernelStruct]] = []
        self._fast: list[tuple[CpuKernel, int, CpuKernelStruct]] = []
        self._watcher: threading.Thread | None = None

    def load(self, code: KernelCode, bank_addresses: Mapping[int, int]) -> CpuKernel:
        """A kernel whose constant banks lie at bank_addresses. Compiles nothing."""
        return CpuKernel(code, dict(bank_addresses))

    def override(self, code: KernelCode) -> overrides.Override | None:
        return overrides.find(code)

    def plan(self, kind: int, description: bytes, host: Plan) -> Plan:
        return host

    def prefetch(self, kernel: CpuKernel, variant: int = VARIANT_MASK) -> bool:
        """Compile in another process what the cache does not have. True when there is nothing to compile."""
        if isinstance(kernel.code, SourceKernel):
            return True
        variant &= VARIANT_MASK
        form = self._form(kernel.code, variant)
        name = self._key(kernel.code, variant, form)
        with self._lock:
            if name in self._loaded or cache.contains(name):
                return True
            if name not in self._running:
                self._running[name] = self._compilers().submit(kernel.code, variant, form)
            return False

    def prepare(self, kernel: CpuKernel, variant: int) -> int:
        """Address of the struct maf_cpu_kernel for a launch variant. Raises DecodeError or LiftError."""
        variant &= VARIANT_MASK
        if variant not in kernel.structs:
            entry, meta = self._code(kernel.code, variant, self._form(kernel.code, variant))
            with self._lock:
                if variant not in kernel.structs:
                    struct = self._describe(kernel, entry, meta, variant)
                    kernel.structs[variant] = struct
                    if self._choice() == "auto":
                        self._watch(self._cold if meta.entry == "slow" else self._fast, (kernel, variant, struct))
        return ctypes.addressof(kernel.structs[variant])

    def prepare_slow(self, cookie: int) -> int:
        """Address of the general form of the kernel whose struct has this cookie."""
        kernel, variant = self._kernels[cookie]
        form = "general" if cache.contains(self._key(kernel.code, variant, "general")) else "slow"
        return self._code(kernel.code, variant, form)[0]

    # --- forms ------------------------------------------------------------------------------------

    def _choice(self) -> str:
        """MAF_EMIT: 'slow' or 'fast' for that form alone, else the general form first and the fast one when hot."""
        return os.environ.get("MAF_EMIT", "auto")

    def _form(self, code: KernelCode, variant: int) -> str:
        choice = self._choice()
        if choice != "auto":
            return choice
        return "fast" if cache.contains(self._key(code, variant, "fast")) else "slow"

    def _watch(self, tier: list, entry: tuple[CpuKernel, int, CpuKernelStruct]) -> None:
        tier.append(entry)
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._find_hot, name="maf-tiers", daemon=True)
            self._watcher.start()

    def _find_hot(self) -> None:
        while True:
            time.sleep(POLL_SECONDS)
            hot = [entry for entry in self._cold if entry[2].busy > max(HOT_NS, HOT_NS_PER_INSTRUCTION * entry[2].cost)]
            parting = [entry for entry in self._fast if entry[2].left > MANY_LEFT]
            if not hot and not parting:
                continue
            hot.sort(key=lambda entry: -entry[2].busy)
            with self._lock:
                self._cold = [entry for entry in self._cold if entry not in hot]
                self._fast = [entry for entry in self._fast if entry not in parting]
                for form, entries in (("fast", hot), ("general", parting)):
                    for kernel, variant, struct in entries:
                        future = self._compilers().submit(kernel.code, variant, form)
                        future.add_done_callback(functools.partial(self._upgrade, kernel, variant, struct, form))

    def _upgrade(self, kernel: CpuKernel, variant: int, struct: CpuKernelStruct, form: str, future: Future) -> None:
        """A better form is there: later launches use it."""
        if future.cancelled() or future.exception() is not None:
            return  # what there is stays
        with self._lock:
            obj, meta = packed.unpack(future.result())
            entry = self._loader.load(obj, meta.entry, kernel.code.name)
            self._loaded[self._key(kernel.code, variant, form)] = entry, meta
            if form == "general":
                struct.slow = entry
            elif meta.entry == "fast":
                struct.slow = struct.entry
                struct.entry = entry
                self._fast.append((kernel, variant, struct))
            else:  # there is no fast form; this is the general one, compiled with care
                struct.entry = entry

    def _key(self, code: KernelCode, variant: int, form: str) -> str:
        return cache.key(code, variant, form)

    def _compilers(self):
        if self._pool is None:
            from ..translator.worker import Pool

            self._pool = Pool(self._processes or min(2, os.cpu_count() or 1))
        return self._pool

    def _code(self, code: KernelCode, variant: int, form: str):
        if isinstance(code, SourceKernel):  # machine code already
            return code.entry, code.meta()
        name = self._key(code, variant, form)
        with self._lock:
            making = self._making.setdefault(name, threading.Lock())
        with making:  # not self._lock: other kernels can be prefetched while this one is compiled
            found = self._loaded.get(name)
            if found is not None:
                return found
            data = cache.read(name)
            if data is None:
                data = self._compile(name, code, variant, form)
            obj, meta = packed.unpack(data)
            self._loaded[name] = self._loader.load(obj, meta.entry, code.name), meta
            return self._loaded[name]

    def _compile(self, name: str, code: KernelCode, variant: int, form: str) -> bytes:
        from ..translator import compile

        with self._lock:
            future = self._running.pop(name, None)
        if future is not None and not future.cancel():
            return future.result()
        data = packed.pack(*compile.compile_kernel(code, variant, form))
        cache.write(name, data)
        return data

    def _describe(self, kernel: CpuKernel, entry: int, meta, variant: int) -> CpuKernelStruct:
        code = kernel.code
        struct = CpuKernelStruct()
        struct.entry = entry
        struct.name = readable(code.name).encode()
        for bank, address in kernel.banks.items():
            if bank < BANKS:
                struct.bank[bank] = address
        struct.flags = meta.flags | (abi.FLAG_CALLS if code.uses_call_stack else 0)
        struct.param_base, struct.param_bytes = code.param_base, code.param_bytes
        struct.static_shared = code.static_shared
        stack = CALL_STACK_BYTES if code.uses_call_stack else 0
        struct.local_bytes = (code.local_bytes + stack + 15) // 16 * 16
        struct.frame_bytes = meta.frame_bytes
        struct.max_threads = code.max_threads
        struct.cost = meta.cost
        cookie = len(self._kernels) + 1
        struct.cookie = cookie
        self._kernels[cookie] = (kernel, variant)
        return struct
