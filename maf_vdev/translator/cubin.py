"""Cubins: the ELF files that hold SASS kernels.

Reads both ELF ABIs (7 and 8). Section and attribute meanings are what ``cuobjdump -elf`` and ``readelf``
show: ``.text.<k>``, ``.nv.info[.<k>]`` (EIATTR records), ``.nv.constant<bank>[.<k>]``, ``.nv.shared.<k>``,
``.nv.global[.init]``.

Own section and symbol readers on numpy records, because a module of thousands of sections has to give up
one kernel in a few milliseconds, which pyelftools' object per header does not allow.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from .fatbin import ELF_MAGIC, ET_REL, elf_arch

SHT_NOBITS, SHT_REL, SHT_RELA, SHT_SYMTAB = 8, 9, 4, 2
STT_OBJECT, STT_FUNC = 1, 2
STO_CUDA_ENTRY = 0x10
R_CUDA_64 = 2
# In code: the halves of an address as 32-bit immediates (bits 32..63 of the word), and a CALL.ABS's target.
R_CUDA_ABS32_LO_32, R_CUDA_ABS32_HI_32, R_CUDA_ABS47_34 = 0x38, 0x39, 0x3A
# A bank of our own, which no machine code names: the addresses that relocations would write into the code.
ADDRESS_BANK = 7

# Records of .nv.info sections, named as cuobjdump names them.
EIATTR_MAX_THREADS = 0x05
EIATTR_PARAM_CBANK = 0x0A
EIATTR_REQNTID = 0x10
EIATTR_FRAME_SIZE = 0x11
EIATTR_MIN_STACK_SIZE = 0x12
EIATTR_KPARAM_INFO = 0x17
EIATTR_CBANK_PARAM_SIZE = 0x19
EIATTR_EXIT_INSTR_OFFSETS = 0x1C
EIATTR_CRS_STACK_SIZE = 0x1E
EIATTR_MAX_STACK_SIZE = 0x23
EIATTR_COOP_GROUP_INSTR_OFFSETS = 0x28
EIATTR_COOP_GROUP_MASK_REGIDS = 0x29
EIATTR_WMMA_USED = 0x2B
EIATTR_REGCOUNT = 0x2F
EIATTR_INT_WARP_WIDE_INSTR_OFFSETS = 0x31
EIATTR_INDIRECT_BRANCH_TARGETS = 0x34
EIATTR_KPARAM_INFO_V2 = 0x45
EIATTR_SYSCALL_OFFSETS = 0x46
EIATTR_NUM_BARRIERS = 0x4C

_EIFMT_SVAL = 4
_CODE_ALIGNMENT = 128

_SECTION = np.dtype(
    [
        ("name", "<u4"),
        ("type", "<u4"),
        ("flags", "<u8"),
        ("addr", "<u8"),
        ("offset", "<u8"),
        ("size", "<u8"),
        ("link", "<u4"),
        ("info", "<u4"),
        ("align", "<u8"),
        ("entsize", "<u8"),
    ]
)
_SYMBOL = np.dtype(
    [("name", "<u4"), ("info", "u1"), ("other", "u1"), ("shndx", "<u2"), ("value", "<u8"), ("size", "<u8")]
)
_REL = np.dtype([("offset", "<u8"), ("type", "<u4"), ("symbol", "<u4")])
_RELA = np.dtype([("offset", "<u8"), ("type", "<u4"), ("symbol", "<u4"), ("addend", "<i8")])
_SVAL12 = np.dtype([("fmt", "u1"), ("attr", "u1"), ("size", "<u2"), ("symbol", "<u4"), ("value", "<u4")])


class CubinError(Exception):
    """Bytes that are not a cubin we can read, or a kernel that it does not hold."""


class Relocation(NamedTuple):
    """A 64-bit address to be stored at ``offset`` of constant bank ``bank`` (or of a data section: see Cubin).

    symbol names a variable of the module, or a function of the driver (``vprintf``, ``__assertfail``).
    """

    bank: int
    offset: int
    symbol: str
    addend: int = 0
    type: int = R_CUDA_64


@dataclass(frozen=True)
class Variable:
    """A ``__device__`` or ``__constant__`` variable, or a string literal.

    section is ``.nv.global`` (zeroed), ``.nv.global.init`` or ``.nv.constant3``; offset is inside it.
    data holds the initial bytes, or None where the variable starts as zeros.
    """

    name: str
    section: str
    offset: int
    size: int
    data: bytes | None


@dataclass(frozen=True)
class KernelCode:
    """One kernel as its cubin describes it; picklable, and independent of the cubin.

    params: (offset from param_base, bytes) in order. param_base: offset of the parameters in bank 0.
    banks: contents of the constant banks but bank 0; relocations: addresses to be filled into them.
    local_bytes: stack bytes per thread. max_threads: 0 where the kernel does not say.
    barriers: CTA barriers used. subroutines: offset in code -> name of the local functions.
    indirect_branches: offset of a BRX -> the targets it may take. exits, syscalls: offsets of the EXITs and
    of the calls of vprintf, __assertfail and the like. address_operands: offset of an instruction whose immediate
    is (half of) an address of the module -> its place in ADDRESS_BANK, so that code does not depend on addresses.
    segments: where functions compiled separately (nvcc -rdc=true) follow the kernel in code: (code address, bytes) of each,
    the kernel's at address 0; all offsets and targets above are code addresses. pointees: code addresses of the functions
    that pointers may hold.
    """

    name: str
    arch: int
    code: bytes
    params: tuple[tuple[int, int], ...]
    param_base: int
    param_bytes: int
    constant0_bytes: int
    banks: dict[int, bytes]
    relocations: tuple[Relocation, ...]
    static_shared: int
    local_bytes: int
    registers: int
    max_threads: int
    barriers: int
    required_block: tuple[int, int, int] | None = None
    subroutines: dict[int, str] = field(default_factory=dict)
    indirect_branches: dict[int, tuple[int, ...]] = field(default_factory=dict)
    exits: tuple[int, ...] = ()
    address_operands: dict[int, int] = field(default_factory=dict)
    syscalls: tuple[int, ...] = ()
    segments: tuple[tuple[int, int], ...] = ()
    pointees: tuple[int, ...] = ()
    uses_coop_groups: bool = False
    uses_call_stack: bool = False
    uses_wmma: bool = False


def _attributes(info: memoryview) -> list[tuple[int, bytes | int]]:
    """EIATTR records in order: (code, value), the value as bytes for the sized format, else as an int."""
    at, end, found = 0, len(info), []
    while at + 4 <= end:
        fmt, code, value = struct.unpack_from("<BBH", info, at)
        at += 4
        if fmt == _EIFMT_SVAL:
            found.append((code, bytes(info[at : at + value])))
            at += value
        else:
            found.append((code, value))
    return found


def _words(value: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(value) // 4}I", value)


class Cubin:
    """A parsed cubin. ``kernels()`` names its kernels, ``kernel(name)`` extracts one."""

    def __init__(self, elf: bytes | memoryview):
        self._view = memoryview(elf)
        if bytes(self._view[:4]) != ELF_MAGIC or len(self._view) < 64:
            raise CubinError("not an ELF file")
        self.abi = self._view[8]
        self.arch = elf_arch(self._view)
        e_type, machine = struct.unpack_from("<HH", self._view, 16)
        if machine != 190:  # EM_CUDA
            raise CubinError(f"ELF machine {machine} is not CUDA")
        if e_type == ET_REL:
            raise CubinError("relocatable device code: it must be linked first")
        shoff = struct.unpack_from("<Q", self._view, 40)[0]
        entsize, count, names = struct.unpack_from("<HHH", self._view, 58)
        if entsize != _SECTION.itemsize or shoff + entsize > len(self._view):
            raise CubinError("bad section header table")
        if count == 0:  # more than 65,279 sections: the count is in section 0 (System V ABI)
            first = np.frombuffer(self._view, _SECTION, 1, shoff)[0]
            count, names = int(first["size"]), int(first["link"]) if names == 0xFFFF else names
        if shoff + count * entsize > len(self._view):
            raise CubinError("truncated section header table")
        self._sections = np.frombuffer(self._view, _SECTION, count, shoff)
        self._shstr = bytes(self._bytes(names))

    # --- sections and symbols ----------------------------------------------------------------

    def _bytes(self, index: int) -> memoryview:
        section = self._sections[index]
        if section["type"] == SHT_NOBITS:
            return memoryview(b"")
        start, size = int(section["offset"]), int(section["size"])
        if start + size > len(self._view):
            raise CubinError(f"section {index} runs past the end of the file")
        return self._view[start : start + size]

    @cached_property
    def _index(self) -> dict[str, int]:
        """Section name -> index."""
        table = self._shstr
        return {
            table[at : table.index(b"\0", at)].decode(): index
            for index, at in enumerate(self._sections["name"].tolist())
        }

    @cached_property
    def _symbols(self) -> np.ndarray:
        index = self._index.get(".symtab")
        return np.frombuffer(self._bytes(index), _SYMBOL) if index is not None else np.empty(0, _SYMBOL)

    @cached_property
    def _strtab(self) -> bytes:
        index = self._index.get(".symtab")
        return bytes(self._bytes(int(self._sections[index]["link"]))) if index is not None else b""

    def _symbol_name(self, index: int) -> str:
        at = int(self._symbols[index]["name"])
        return self._strtab[at : self._strtab.index(b"\0", at)].decode()

    def _section_name(self, index: int) -> str:
        at = int(self._sections[index]["name"])
        return self._shstr[at : self._shstr.index(b"\0", at)].decode()

    def _relocations(self, section: str, bank: int) -> list[Relocation]:
        found = []
        for prefix, dtype in ((".rel", _REL), (".rela", _RELA)):
            index = self._index.get(prefix + section)
            if index is None:
                continue
            for record in np.frombuffer(self._bytes(index), dtype):
                addend = int(record["addend"]) if dtype is _RELA else 0
                symbol = int(record["symbol"])
                found.append(Relocation(bank, int(record["offset"]), self._target(symbol), addend, int(record["type"])))
        return found

    def _target(self, symbol: int) -> str:
        """A relocation's symbol name; a section symbol has none of its own, the section's name stands for it."""
        name = self._symbol_name(symbol)
        return name or self._section_name(int(self._symbols[symbol]["shndx"]))

    # --- module data -------------------------------------------------------------------------

    @cached_property
    def variables(self) -> dict[str, Variable]:
        """Module variables by name, string literals included."""
        kinds = self._symbols["info"] & 0xF
        found = {}
        for index in np.flatnonzero((kinds == STT_OBJECT) & (self._symbols["shndx"] != 0)).tolist():
            symbol = self._symbols[index]
            section = int(symbol["shndx"])
            offset, size = int(symbol["value"]), int(symbol["size"])
            contents = self._bytes(section)
            data = bytes(contents[offset : offset + size]) if len(contents) else None
            name = self._symbol_name(index)
            found[name] = Variable(name, self._section_name(section), offset, size, data)
        return found

    def section(self, name: str) -> tuple[bytes, int]:
        """(initial bytes, size) of a module-wide section such as ``.nv.global.init``; (b"", 0) if absent."""
        index = self._index.get(name)
        if index is None:
            return b"", 0
        return bytes(self._bytes(index)), int(self._sections[index]["size"])

    def section_alignment(self, name: str) -> int:
        index = self._index.get(name)
        return max(1, int(self._sections[index]["align"])) if index is not None else 1

    def data_relocations(self, section: str) -> tuple[Relocation, ...]:
        """Addresses to be stored in ``section`` (``.nv.global.init``, ``.nv.constant3``); their bank is -1."""
        return tuple(self._relocations(section, -1))

    @cached_property
    def _module_banks(self) -> dict[int, tuple[bytes, tuple[Relocation, ...]]]:
        """Constant banks shared by all kernels of the module (3: ``__constant__``, 4: addresses)."""
        found = {}
        for bank in range(1, 32):
            name = f".nv.constant{bank}"
            if name in self._index:
                found[bank] = (self.section(name)[0], tuple(self._relocations(name, bank)))
        return found

    # --- kernels -----------------------------------------------------------------------------

    def kernels(self) -> list[str]:
        """Names of the kernels, in symbol order."""
        entries = ((self._symbols["info"] & 0xF) == STT_FUNC) & ((self._symbols["other"] & STO_CUDA_ENTRY) != 0)
        return [self._symbol_name(index) for index in np.flatnonzero(entries).tolist()]

    @cached_property
    def _stack_sizes(self) -> dict[int, int]:
        """Symbol index -> stack bytes per thread, its callees included."""
        index = self._index.get(".nv.info")
        if index is None:
            return {}
        info = self._bytes(index)
        if len(info) and len(info) % _SVAL12.itemsize == 0:
            records = np.frombuffer(info, _SVAL12)
            if (records["fmt"] == _EIFMT_SVAL).all() and (records["size"] == 8).all():
                return self._merge_stack(zip(*(records[key].tolist() for key in ("attr", "symbol", "value"))))
        pairs = ((code, value) for code, value in _attributes(info) if isinstance(value, bytes) and len(value) == 8)
        return self._merge_stack((code, *_words(value)) for code, value in pairs)

    @staticmethod
    def _merge_stack(records) -> dict[int, int]:
        sizes: dict[int, int] = {}
        for code, symbol, value in records:
            # MAX_STACK_SIZE is ~0 where recursion leaves it open.
            if code in (EIATTR_FRAME_SIZE, EIATTR_MIN_STACK_SIZE, EIATTR_MAX_STACK_SIZE) and value != 0xFFFFFFFF:
                sizes[symbol] = max(sizes.get(symbol, 0), value)
        return sizes

    def _subroutines(self, section: int, entry: int, base: int = 0) -> dict[int, str]:
        inside = (self._symbols["shndx"] == section) & ((self._symbols["info"] & 0xF) == STT_FUNC)
        indices = [index for index in np.flatnonzero(inside).tolist() if index != entry]
        return {base + int(self._symbols[index]["value"]): self._symbol_name(index) for index in indices}

    # --- functions compiled separately ---------------------------------------------------------

    @cached_property
    def functions(self) -> dict[str, int]:
        """Functions with a section of their own -> code address, the same for all kernels of the module.

        Each kernel's own code starts at 0, so functions lie behind the largest kernel."""
        kernels = set(self.kernels())
        symbols = self._symbols
        own = (
            ((symbols["info"] & 0xF) == STT_FUNC) & (symbols["shndx"] != 0) & ((symbols["other"] & STO_CUDA_ENTRY) == 0)
        )
        names = [
            name for name in map(self._symbol_name, np.flatnonzero(own).tolist()) if f".text.{name}" in self._index
        ]
        sizes = [int(self._sections[self._index[f".text.{name}"]]["size"]) for name in kernels]
        at, found = -(-max(sizes, default=0) // _CODE_ALIGNMENT) * _CODE_ALIGNMENT, {}
        for name in names:
            found[name] = at
            size = int(self._sections[self._index[f".text.{name}"]]["size"])
            at += -(-size // _CODE_ALIGNMENT) * _CODE_ALIGNMENT
        return found

    @cached_property
    def _pointees(self) -> tuple[str, ...]:
        """Functions whose address is in the module's data or an immediate of its code."""
        if not self.functions:
            return ()
        found: set[str] = set()
        for name in self._index:
            section = name.removeprefix(".rela").removeprefix(".rel")
            if section == name or section.startswith(".debug"):
                continue
            found |= {move.symbol for move in self._relocations(section, -1) if move.type != R_CUDA_ABS47_34}
        return tuple(name for name in self.functions if name in found)

    def _reached(self, name: str) -> list[str]:
        """The functions that a kernel may call, through pointers too, in order of their addresses."""
        found, work = set(self._pointees), [name, *self._pointees]
        while work:
            for move in self._relocations(f".text.{work.pop()}", -1):
                if move.type == R_CUDA_ABS47_34 and move.symbol in self.functions and move.symbol not in found:
                    found.add(move.symbol)
                    work.append(move.symbol)
        return sorted(found, key=self.functions.__getitem__)

    def kernel(self, name: str) -> KernelCode:
        """Everything about one kernel. Raises :class:`CubinError` if the module has no kernel ``name``."""
        text = self._index.get(f".text.{name}")
        if text is None:
            raise CubinError(f"no kernel {name}")
        section = self._sections[text]
        entry = int(section["info"]) & 0xFFFFFF
        banks, relocations = {}, []
        for bank, (contents, moves) in self._module_banks.items():
            banks[bank] = contents
            relocations += moves
        for bank in range(1, 32):
            own = f".nv.constant{bank}.{name}"
            if own in self._index:
                banks[bank] = self.section(own)[0]
                relocations = [move for move in relocations if move.bank != bank] + self._relocations(own, bank)
        info = self._index.get(f".nv.info.{name}")
        facts = self._facts(_attributes(self._bytes(info))) if info is not None else {}
        subroutines = self._subroutines(text, entry)
        parts, operands, slots, segments = [], {}, {}, []
        called = self._reached(name) if self.functions else []
        for part in (name, *called):
            base = self.functions[part] if part != name else 0
            parts.append(self._bind_code(part, base, name, operands, slots))
            segments.append((base, len(parts[-1])))
            if part != name:
                index = self._index[f".text.{part}"]
                subroutines |= self._subroutines(index, -1, base)
                self._add_function(part, base, facts, banks)
        if slots:
            banks[ADDRESS_BANK] = bytes(8 * len(slots))
            relocations += [
                Relocation(ADDRESS_BANK, at, symbol, addend, R_CUDA_64) for (symbol, addend), at in slots.items()
            ]
        if called:
            facts |= {"segments": tuple(segments), "uses_call_stack": True}
            facts["pointees"] = tuple(self.functions[pointee] for pointee in self._pointees)
        return KernelCode(
            name=name,
            arch=self.arch,
            code=b"".join(parts),
            constant0_bytes=self.section(f".nv.constant0.{name}")[1],
            banks=banks,
            relocations=tuple(relocations),
            static_shared=self.section(f".nv.shared.{name}")[1],
            local_bytes=self._stack_sizes.get(entry, 0),
            registers=int(section["info"]) >> 24,
            subroutines=subroutines,
            address_operands=operands,
            **{
                "params": (),
                "param_base": 0,
                "param_bytes": 0,
                "max_threads": 0,
                "barriers": (int(section["flags"]) >> 20) & 0x7F,  # ABI 7; ABI 8 has EIATTR_NUM_BARRIERS
                **facts,
            },
        )

    def _add_function(self, name: str, base: int, facts: dict, banks: dict[int, bytes]) -> None:
        """What a kernel takes from a function that it calls. Its constants must be the module's or the kernel's own."""
        for bank in range(1, 32):
            own = self._index.get(f".nv.constant{bank}.{name}")
            if own is not None and self.section(f".nv.constant{bank}.{name}")[0] != banks.get(bank):
                raise CubinError(f"function {name} has constants of its own (bank {bank})")
        info = self._index.get(f".nv.info.{name}")
        if info is None:
            return
        found = self._facts(_attributes(self._bytes(info)))
        branches = {base + at: tuple(base + to for to in where) for at, where in found["indirect_branches"].items()}
        facts["indirect_branches"] = facts.get("indirect_branches", {}) | branches
        facts["uses_coop_groups"] = facts.get("uses_coop_groups", False) or found.get("uses_coop_groups", False)

    def _bind_code(
        self, name: str, base: int, kernel: str, operands: dict[int, int], slots: dict[tuple[str, int], int]
    ) -> bytes:
        """The code of a kernel or function with the addresses of code filled in.

        operands: gets KernelCode.address_operands; slots: symbol and addend -> place in ADDRESS_BANK."""
        code = bytearray(self._bytes(self._index[f".text.{name}"]))
        for move in self._relocations(f".text.{name}", ADDRESS_BANK):
            half = {R_CUDA_ABS32_LO_32: 0, R_CUDA_ABS32_HI_32: 4, R_CUDA_ABS47_34: 0}.get(move.type)
            if half is None:
                raise CubinError(f"{name}: unknown relocation {move.type:#x} of the code at {move.offset:#x}")
            at, address = move.offset, self.functions.get(move.symbol, 0 if move.symbol == kernel else None)
            if address is None:
                slot = slots.setdefault((move.symbol, move.addend), 8 * len(slots))
                operands[base + at] = slot + half
            elif move.type == R_CUDA_ABS47_34:  # in units of 4 bytes, at bit 34
                word = int.from_bytes(code[at : at + 16], "little") & ~((1 << 47) - 1 << 34)
                code[at : at + 16] = (word | (address + move.addend >> 2) << 34).to_bytes(16, "little")
            else:
                value = (address + move.addend).to_bytes(8, "little")
                code[at + 4 : at + 8] = value[half : half + 4]
        return bytes(code)

    @staticmethod
    def _facts(attributes: list[tuple[int, bytes | int]]) -> dict:
        """KernelCode fields from a kernel's own EIATTR records."""
        facts: dict = {}
        params: dict[int, tuple[int, int]] = {}
        branches: dict[int, tuple[int, ...]] = {}
        for code, value in attributes:
            if code == EIATTR_KPARAM_INFO:
                _, ordinal, offset, packed = struct.unpack("<IHHI", value)
                params[ordinal] = (offset, packed >> 18)
            elif code == EIATTR_KPARAM_INFO_V2:
                _, ordinal, offset, size = struct.unpack("<IHHI", value)
                params[ordinal] = (offset, size)
            elif code == EIATTR_PARAM_CBANK:
                facts["param_base"] = struct.unpack("<IHH", value)[1]
                facts.setdefault("param_bytes", struct.unpack("<IHH", value)[2])
            elif code == EIATTR_CBANK_PARAM_SIZE:
                facts["param_bytes"] = value
            elif code == EIATTR_MAX_THREADS:
                x, y, z = _words(value)
                facts["max_threads"] = x * y * z
            elif code == EIATTR_REQNTID:
                facts["required_block"] = _words(value)[:3]
            elif code == EIATTR_EXIT_INSTR_OFFSETS:
                facts["exits"] = _words(value)
            elif code == EIATTR_CRS_STACK_SIZE:
                facts["uses_call_stack"] = True
            elif code == EIATTR_WMMA_USED:
                facts["uses_wmma"] = True
            elif code == EIATTR_COOP_GROUP_INSTR_OFFSETS:
                facts["uses_coop_groups"] = True
            elif code == EIATTR_SYSCALL_OFFSETS:
                facts["syscalls"] = _words(value)
            elif code == EIATTR_NUM_BARRIERS:
                facts["barriers"] = value & 0xFF
            elif code == EIATTR_INDIRECT_BRANCH_TARGETS:
                branches.update(_indirect_branches(value))
        facts["params"] = tuple(params[ordinal] for ordinal in sorted(params))
        facts["indirect_branches"] = branches
        return facts


def _indirect_branches(value: bytes) -> dict[int, tuple[int, ...]]:
    """Records of {u32 branch offset, u16, u16, u32 count, u32 target[count]}."""
    at, found = 0, {}
    while at + 12 <= len(value):
        branch, _, _, count = struct.unpack_from("<IHHI", value, at)
        found[branch] = struct.unpack_from(f"<{count}I", value, at + 12)
        at += 12 + 4 * count
    return found
