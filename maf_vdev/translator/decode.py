"""SASS words to :class:`ir.Instr`, exactly as ``nvdisasm`` prints them; anything else is an error.

The tables (``decode_integer``, ``decode_memory``, ...) describe each 12-bit opcode; this module applies them.
Decoded words are kept by their bits without the scheduling fields, since kernels repeat themselves.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import NamedTuple

from . import (
    decode_ampere,
    decode_control,
    decode_convert,
    decode_float,
    decode_integer,
    decode_memory,
    decode_texture,
    decode_uniform,
)
from .cubin import ADDRESS_BANK, KernelCode
from .decode_fields import FieldError
from .decode_forms import UR_BIT, Form
from .ir import Const, DecodeError, Imm, Instr, Label, Operand, Pred, UPred

WORD_BYTES = 16

# Bits 105..125 hold stall counts, scoreboards and operand reuse: timing, no meaning.
MEANING = (1 << 105) - 1
_HIGH_MEANING = MEANING >> 64

REMEMBERED = 1 << 18  # words, about 150 MB

_GUARDS = {
    "P": tuple(Pred(n & 7, n > 7) for n in range(16)),
    "UP": tuple(UPred(n & 7, n > 7) for n in range(16)),
}

_TURING = {
    **decode_integer.TABLE,
    **decode_float.TABLE,
    **decode_convert.TABLE,
    **decode_uniform.TABLE,
    **decode_memory.TABLE,
    **decode_texture.TABLE,
    **decode_control.TABLE,
}
# Without the uniform datapath; what is left means the same.
_VOLTA = {
    opcode: form
    for opcode, form in _TURING.items()
    if opcode not in decode_uniform.TABLE and not form.require & UR_BIT and form.op not in ("R2UR", "S2UR", "VOTEU")
}

_AMPERE = {**_TURING, **decode_ampere.TABLE}

TABLES: dict[int, dict[int, Form]] = {70: _VOLTA, 72: _VOLTA, 75: _TURING, 80: _AMPERE, 86: _AMPERE, 87: _AMPERE}


class _Decoded(NamedTuple):
    op: str
    mods: tuple[str, ...]
    operands: tuple[Operand, ...]
    guard: Pred | UPred
    relative: int  # index of the Label operand that counts from the next instruction, or -1


def _decode(word: int, table: dict[int, Form]) -> _Decoded:
    form = table.get(word & 0xFFF)
    if form is None:
        raise FieldError(f"opcode {word & 0xFFF:#05x}")
    if word & form.refuse:
        raise FieldError(f"bits {word & form.refuse:#x} are set")
    if word & form.require != form.require:
        raise FieldError(f"bits {form.require & ~word:#x} are clear")
    mods = [text for text in [modifier(word) for modifier in form.modifiers] if text]
    operands = [operand for operand in [field(word) for field in form.operands] if operand is not None]
    if form.rename is not None:
        mods = form.rename(word, mods, operands)
    if any("." in mod for mod in mods):
        mods = ".".join(mods).split(".")
    relative = -1
    if form.relative and "ABS" not in mods:
        relative = next(index for index, operand in enumerate(operands) if isinstance(operand, Label))
    return _Decoded(form.op, tuple(mods), tuple(operands), _GUARDS[form.guard][word >> 12 & 15], relative)


class Decoder:
    """Decodes the words of one architecture (a key of TABLES) and remembers them."""

    def __init__(self, arch: int = 75):
        if arch not in TABLES:
            raise ValueError(f"no decoder for sm_{arch}")
        self._table = TABLES[arch]
        self._seen: dict[tuple[int, int], _Decoded] = {}

    def instruction(self, low: int, high: int, offset: int, kernel: str = "?") -> Instr:
        """The instruction of two 64-bit halves at ``offset``; raises :class:`DecodeError`."""
        key = (low, high & _HIGH_MEANING)
        decoded = self._seen.get(key)
        if decoded is None:
            try:
                decoded = _decode(low | key[1] << 64, self._table)
            except FieldError as error:
                raise DecodeError(kernel, offset, high << 64 | low, str(error)) from None
            if len(self._seen) >= REMEMBERED:
                self._seen.clear()
            self._seen[key] = decoded
        op, mods, operands, guard, relative = decoded
        if relative >= 0:
            target = Label(operands[relative].offset + offset + WORD_BYTES)
            operands = (*operands[:relative], target, *operands[relative + 1 :])
        return Instr(offset, op, mods, operands, guard, high << 64 | low)

    def kernel(self, code: bytes, name: str = "?", base: int = 0) -> list[Instr]:
        """All instructions of a text section that lies at code address ``base``, in order."""
        if len(code) % WORD_BYTES:
            raise DecodeError(name, len(code), 0, "the section is not whole instructions")
        decode = self.instruction
        return [
            decode(low, high, base + WORD_BYTES * index, name)
            for index, (low, high) in enumerate(struct.iter_unpack("<QQ", code))
        ]


_DECODERS: dict[int, Decoder] = {}


def decoder(arch: int = 75) -> Decoder:
    """The shared decoder of an architecture."""
    if arch not in _DECODERS:
        _DECODERS[arch] = Decoder(arch)
    return _DECODERS[arch]


def decode_kernel(code: bytes, name: str = "?", arch: int = 75) -> list[Instr]:
    """All instructions of a kernel. Raises :class:`DecodeError`, which names kernel, offset and word."""
    return decoder(arch).kernel(code, name)


def decode_code(code: KernelCode) -> list[Instr]:
    """All instructions of a kernel, immediates that are addresses of the module replaced by their constants."""
    instrs: list[Instr] = []
    at = 0
    for address, size in code.segments or ((0, len(code.code)),):
        instrs += decoder(code.arch).kernel(code.code[at : at + size], code.name, address)
        at += size
    for number, instr in enumerate(instrs):
        if instr.offset in code.address_operands:
            instrs[number] = _with_address(instr, Const(ADDRESS_BANK, code.address_operands[instr.offset]))
    return instrs


def _with_address(instr: Instr, address: Const) -> Instr:
    places = [place for place, operand in enumerate(instr.operands) if isinstance(operand, (Imm, Label))]
    if len(places) != 1:
        raise DecodeError(f"{instr.offset:#x}: {instr.op} holds an address in an unknown place")
    operands = list(instr.operands)
    operands[places[0]] = address
    return replace(instr, operands=tuple(operands))
