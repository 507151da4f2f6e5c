"""A shared object of build.py as a module: in place of a cubin for the planner, of compiled code for the CPU device."""

from __future__ import annotations

import ctypes
import os
import tempfile
from dataclasses import dataclass

from maf_vdev.translator.cubin import CubinError, KernelCode
from maf_vdev.translator.packed import Meta
from maf_vdev.translator.source import build

_EM_OFFSET = 18
# e_machine values of the processors that this code was compiled for.
_MACHINES = {"x86_64": 62, "aarch64": 183}
PARAM_BASE = 0x160  # MAF_PARAM_BASE
LANE_STACK = 32768  # MAF_LANE_STACK
MAX_PARAMS = 4096
MAF_KERNEL_BARRIER = 1  # enum maf_kernel_flag
WARP_NANOSECONDS = 2000  # of one warp, until the launcher has measured it
ARCH = 75


@dataclass(frozen=True)
class SourceKernel(KernelCode):
    """A kernel that is machine code of this computer already. entry: address of its warp function."""

    entry: int = 0
    fibres: bool = False

    def meta(self) -> Meta:
        """What the launcher needs to know, as for compiled SASS."""
        return Meta("source", MAF_KERNEL_BARRIER if self.fibres else 0, 0, 0, WARP_NANOSECONDS)


def is_image(data: bytes | memoryview) -> bool:
    """Whether `data` is an ELF file for this computer's processor."""
    machine = _MACHINES.get(os.uname().machine)
    return bytes(data[:4]) == b"\x7fELF" and int.from_bytes(data[_EM_OFFSET : _EM_OFFSET + 2], "little") == machine


def _load(data: bytes) -> ctypes.CDLL:
    """dlopen of bytes. The loader knows libraries by path, so each gets a name of its own, a link to memory."""
    file = os.memfd_create("maf-vdev-source")
    try:
        with open(file, "wb", closefd=False) as stream:
            stream.write(data)
        with tempfile.TemporaryDirectory(prefix="maf-vdev-") as folder:
            name = os.path.join(folder, "program.so")
            os.symlink(f"/proc/self/fd/{file}", name)
            return ctypes.CDLL(name)
    except OSError as error:
        raise CubinError(f"compiled source cannot be loaded: {error}") from None
    finally:
        os.close(file)


class SourceImage:
    """What the planner asks of a cubin, answered from a shared object. Stays loaded while the process lives."""

    functions: dict[str, int] = {}  # separately compiled ones: the compiler has linked them

    def __init__(self, data: bytes) -> None:
        """Raises CubinError when it was built for another layout of the launcher's structures."""
        self.variables: dict[str, object] = {}
        self._library = _load(data)
        try:
            layout = ctypes.c_uint.in_dll(self._library, build.LAYOUT_SYMBOL).value
            self._fibres = bool(ctypes.c_uint.in_dll(self._library, "maf_fibres").value)
        except ValueError:
            raise CubinError("a shared object that is no compiled source") from None
        if layout != build.LAYOUT:
            raise CubinError(f"compiled source of layout {layout}, this version has {build.LAYOUT}: compile it again")
        from maf_vdev.modnn import native

        for name, function in (("maf_switch", "maf_fibre_switch_public"), ("maf_prepare", "maf_fibre_prepare")):
            ctypes.c_void_p.in_dll(self._library, name).value = native.function(function)

    def kernel(self, name: str) -> SourceKernel:
        """Raises CubinError if the program has no kernel of that name."""
        try:
            entry = ctypes.cast(getattr(self._library, f"maf_entry_{name}"), ctypes.c_void_p).value
            table = ctypes.c_void_p.in_dll(self._library, f"maf_info_{name}").value
        except (AttributeError, ValueError):
            raise CubinError(f"no kernel {name}") from None
        count = ctypes.c_uint32.from_address(table).value
        if count > MAX_PARAMS:
            raise CubinError(f"kernel {name}: {count} parameters")
        places = (ctypes.c_uint32 * 2 * (count + 1)).from_address(table + 4)
        return SourceKernel(
            name=name,
            arch=ARCH,
            code=b"",
            params=tuple((offset, size) for offset, size in places[:count]),
            param_base=PARAM_BASE,
            param_bytes=places[count][0],
            constant0_bytes=PARAM_BASE + places[count][0],
            banks={},
            relocations=(),
            static_shared=0,
            local_bytes=LANE_STACK if self._fibres else 0,
            registers=32,
            max_threads=1024,
            barriers=1 if self._fibres else 0,
            entry=entry or 0,
            fibres=self._fibres,
        )

    def section(self, name: str) -> tuple[bytes, int]:
        """No section of a cubin is here: variables of the program are its own."""
        return b"", 0
