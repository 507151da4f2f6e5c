"""A program as NVRTC's entry points describe it, and what its compilation gives."""

from __future__ import annotations

import struct
from dataclasses import dataclass

# nvrtcResult
SUCCESS = 0
INVALID_OPTION = 5
COMPILATION = 6
BUILTIN_OPERATION_FAILURE = 7
NAME_EXPRESSION_NOT_VALID = 10
INTERNAL_ERROR = 11

_QUERY = struct.Struct("<4I")  # struct maf_compile_query
_INFO = struct.Struct("<2I3Q")  # struct maf_compile_info
_COMPILER = struct.Struct("<4I")  # struct maf_compiler_info


@dataclass(frozen=True)
class Program:
    """headers: include name and text of each. directory: where relative paths start."""

    name: str
    source: str
    headers: tuple[tuple[str, str], ...] = ()
    options: tuple[str, ...] = ()
    expressions: tuple[str, ...] = ()
    directory: str = "/"

    @staticmethod
    def unpack(payload: bytes | bytearray) -> Program:
        """From MAF_REQ_COMPILE. Raises ValueError when counts and texts disagree."""
        options, headers, expressions, _ = _QUERY.unpack_from(payload)
        texts = [text.decode(errors="surrogateescape") for text in bytes(payload[_QUERY.size :]).split(b"\0")[:-1]]
        if len(texts) != 3 + 2 * headers + options + expressions:
            raise ValueError(f"{len(texts)} texts, {headers} headers, {options} options, {expressions} expressions")
        rest = iter(texts)
        take = lambda count: tuple(next(rest) for _ in range(count))
        name, source = take(2)
        pairs = tuple(take(2) for _ in range(headers))
        return Program(name, source, pairs, take(options), take(expressions), *take(1))


@dataclass(frozen=True)
class Compiled:
    """status: nvrtcResult. image: what a module is loaded from. names: lowered, one per name expression."""

    status: int = SUCCESS
    image: bytes = b""
    ptx: bytes = b""
    log: str = ""
    names: tuple[str, ...] = ()

    def pack(self) -> bytes:
        """The reply to MAF_REQ_COMPILE."""
        log = self.log.encode(errors="surrogateescape")
        head = _INFO.pack(self.status, len(self.names), len(self.image), len(self.ptx), len(log))
        return b"".join([head, self.image, self.ptx, log, *(name.encode() + b"\0" for name in self.names)])


@dataclass(frozen=True)
class CompilerInfo:
    """version of NVRTC, (0, n) for a compiler that has none; archs: compute capabilities, ascending, times 10."""

    version: tuple[int, int]
    archs: tuple[int, ...]

    def pack(self) -> bytes:
        """The reply to MAF_REQ_COMPILER."""
        return _COMPILER.pack(*self.version, len(self.archs), 0) + struct.pack(f"<{len(self.archs)}I", *self.archs)
