"""Loading compiled kernels: relocatable ELF objects into one mapping each.

All sections of an object lie together, so 32-bit relative relocations always reach, and nothing of LLVM is
needed to run a cached kernel. Relocation types: System V ABI, AMD64 supplement, section 4.4.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct

SHF_ALLOC, SHT_NOBITS, SHT_SYMTAB, SHT_RELA = 2, 8, 2, 4
R_X86_64_64, R_X86_64_PC32, R_X86_64_PLT32, R_X86_64_32, R_X86_64_32S, R_X86_64_PC64 = 1, 2, 4, 10, 11, 24
EM_X86_64 = 62
STT_FUNC = 2
PROT_READ, PROT_EXEC = 1, 4
# jmp *0(%rip), then the address: for functions outside, which may be farther than 2 GB.
STUB = b"\xff\x25\x00\x00\x00\x00"
STUB_BYTES = 16

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_keep: list[mmap.mmap] = []  # code is never unloaded


class LoadError(Exception):
    """An object that this loader does not handle."""


def supported(obj: bytes) -> bool:
    return struct.unpack_from("<H", obj, 18)[0] == EM_X86_64


def _external(name: str) -> int:
    try:
        return ctypes.cast(getattr(_libc, name), ctypes.c_void_p).value or 0
    except AttributeError:
        raise LoadError(f"unknown symbol {name}") from None


def load(obj: bytes, symbol: str, label: str = "") -> int:
    """Map an object; the address of one of its functions. MAF_PERF_MAP=1 names them to Linux perf, with a label."""
    (shoff,) = struct.unpack_from("<Q", obj, 40)
    entsize, count, names_at = struct.unpack_from("<HHH", obj, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", obj, shoff + k * entsize) for k in range(count)]
    place: dict[int, int] = {}
    at = 0
    for k, (_, kind, flags, _, _, size, _, _, align, _) in enumerate(sections):
        if flags & SHF_ALLOC and size and not _is_unwind(obj, sections, names_at, k):
            at = (at + max(align, 1) - 1) // max(align, 1) * max(align, 1)
            place[k] = at
            at += size
    stubs_at = (at + 15) // 16 * 16
    symbols_of = {k: s for k, s in enumerate(sections) if s[1] == SHT_SYMTAB}
    externals = _undefined(obj, sections, symbols_of)
    total = stubs_at + STUB_BYTES * len(externals)
    memory = mmap.mmap(
        -1, max(total, 1), prot=mmap.PROT_READ | mmap.PROT_WRITE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    )
    base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for k, offset in place.items():
        _, kind, _, _, file_at, size, *_ = sections[k]
        if kind != SHT_NOBITS:
            memory[offset : offset + size] = obj[file_at : file_at + size]
    stubs: dict[str, int] = {}
    for n, name in enumerate(externals):
        stubs[name] = stubs_at + STUB_BYTES * n
        memory[stubs[name] : stubs[name] + 14] = STUB + struct.pack("<Q", _external(name))
    for _, kind, _, _, file_at, size, link, info, _, _ in sections:
        if kind == SHT_RELA and info in place:
            _relocate(obj, sections, memory, base, place, stubs, (file_at, size, link, info))
    address = _find(obj, sections, symbols_of, place, symbol)
    if _libc.mprotect(base, (total + mmap.PAGESIZE - 1) // mmap.PAGESIZE * mmap.PAGESIZE, PROT_READ | PROT_EXEC):
        raise LoadError(f"mprotect: errno {ctypes.get_errno()}")
    _keep.append(memory)
    if os.environ.get("MAF_PERF_MAP"):
        _write_perf_map(obj, sections, symbols_of, place, base, label)
    return base + address


def _write_perf_map(
    obj: bytes, sections: list[tuple], symbols_of: dict[int, tuple], place: dict[int, int], base: int, label: str
) -> None:
    """Names for ``perf report`` (tools/perf/Documentation/jit-interface.txt of Linux)."""
    with open(f"/tmp/perf-{os.getpid()}.map", "a") as stream:
        for table, header in symbols_of.items():
            for n in range(1, header[5] // 24):
                _, info, _, section, value, size = struct.unpack_from("<IBBHQQ", obj, sections[table][4] + 24 * n)
                if info & 15 == STT_FUNC and section in place:
                    name = _symbol(obj, sections, table, n)[0]
                    stream.write(f"{base + place[section] + value:x} {size:x} {name}:{label}\n")


def _text(obj: bytes, sections: list[tuple], table: int, at: int) -> str:
    start = sections[table][4] + at
    return obj[start : obj.index(b"\0", start)].decode()


def _is_unwind(obj: bytes, sections: list[tuple], names_at: int, k: int) -> bool:
    return _text(obj, sections, names_at, sections[k][0]) == ".eh_frame"


def _symbol(obj: bytes, sections: list[tuple], table: int, n: int) -> tuple[str, int, int]:
    """(name, section, value)"""
    name, _, _, section, value, _ = struct.unpack_from("<IBBHQQ", obj, sections[table][4] + 24 * n)
    return _text(obj, sections, sections[table][6], name), section, value


def _undefined(obj: bytes, sections: list[tuple], symbols_of: dict[int, tuple]) -> list[str]:
    out = []
    for table, header in symbols_of.items():
        for n in range(1, header[5] // 24):
            name, section, _ = _symbol(obj, sections, table, n)
            if section == 0 and name:
                out.append(name)
    return out


def _find(obj: bytes, sections: list[tuple], symbols_of: dict[int, tuple], place: dict[int, int], symbol: str) -> int:
    for table, header in symbols_of.items():
        for n in range(1, header[5] // 24):
            name, section, value = _symbol(obj, sections, table, n)
            if name == symbol and section in place:
                return place[section] + value
    raise LoadError(f"the object has no function {symbol}")


def _relocate(
    obj: bytes,
    sections: list[tuple],
    memory: mmap.mmap,
    base: int,
    place: dict[int, int],
    stubs: dict[str, int],
    table: tuple[int, int, int, int],
) -> None:
    file_at, size, link, info = table
    for at, kind, symbol, addend in struct.iter_unpack("<QIIq", obj[file_at : file_at + size]):
        name, section, value = _symbol(obj, sections, link, symbol)
        if section == 0:
            target = stubs[name]
        elif section in place:
            target = place[section] + value
        else:
            raise LoadError(f"relocation against section {section}")
        where = place[info] + at
        if kind in (R_X86_64_PC32, R_X86_64_PLT32):
            struct.pack_into("<i", memory, where, target + addend - where)
        elif kind == R_X86_64_PC64:
            struct.pack_into("<q", memory, where, target + addend - where)
        elif kind == R_X86_64_64:
            struct.pack_into("<Q", memory, where, base + target + addend)
        else:
            raise LoadError(f"relocation type {kind}")
