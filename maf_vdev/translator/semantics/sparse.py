"""Matrix products whose A holds two of four (tf32: one of two) elements of a row and says which: HMMA.SP, IMMA.SP.

The stored elements lie in registers as those of a dense matrix of half the k extent. A row's metadata are two bits for
each stored element, its place in its group, 16 bits (8-bit integers: 32) in one lane (PTX ISA, mma.sp).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..builder import Builder, Value
from ..ir import Imm, Instr
from .core import Unhandled, i32, word_of


@dataclass(frozen=True)
class Shape:
    """k: extent of B. width: bits of an element. group: elements of B that one piece of metadata tells apart, of which A
    stores ``stored``."""

    k: int
    width: int
    group: int
    stored: int

    @property
    def words(self) -> tuple[int, int, int]:
        """Registers of A, B and C."""
        per = 32 // self.width
        return self.k // (4 * per), self.k // (4 * per), 4


TWO_OF_FOUR = {name: Shape(k, 16, 4, 2) for name, k in (("16816", 16), ("16832", 32))}
ONE_OF_TWO = {name: Shape(k, 32, 2, 1) for name, k in (("1688", 8), ("16816", 16))}
BYTES = {name: Shape(k, 8, 4, 2) for name, k in (("16832", 32), ("16864", 64))}


def operands(b: Builder, instr: Instr, shape: Shape, single: bool = True) -> tuple[list[Value], int]:
    """The words of A, B, C and the metadata, and which lanes of four hold the metadata."""
    x, y, z, meta, selector = instr.operands[1:]
    if not isinstance(selector, Imm):
        raise Unhandled("selector")
    counts = (shape.words[0], shape.words[1], 4 if single else 2)
    words = [word_of(b, operand, n) for operand, count in zip((x, y, z), counts) for n in range(count)]
    return [*words, word_of(b, meta, 0)], selector.bits


def products(b: Builder, shape: Shape, selector: int, words: Sequence[Value]) -> list[list[tuple[Value, Value]]]:
    """For each of the four elements of D in this lane: the stored element of A and the element of B that belongs to it,
    as words that hold them in their low bits, in the order of k."""
    per = 32 // shape.width
    lane = b.special("SR_LANEID")
    row_base, t = b.and_(lane, i32(b, 28)), b.and_(lane, i32(b, 3))
    left, right = words[: shape.words[0]], words[shape.words[0] : sum(shape.words[:2])]
    row_bits = 32 if shape.width == 8 else 16
    bits_per_group = 4
    groups_per_lane = row_bits // bits_per_group
    out = []
    for upper in (0, 1):
        stored = []
        for n in range(shape.k * shape.stored // shape.group):
            step, within = divmod(n, 4 * per)
            word = b.shuffle(left[2 * step + upper], b.add(row_base, i32(b, within // per)))
            group, part = divmod(n, shape.stored)
            chunk, place = divmod(group, groups_per_lane)
            if row_bits == 16:
                lanes = shape.k * bits_per_group // shape.group // 16
                source, shift = selector * lanes + chunk, 16 * upper + bits_per_group * place
            else:
                lanes = 2 * shape.k // 32
                source, shift = selector * lanes + 2 * chunk + upper, bits_per_group * place
            meta = b.shuffle(words[-1], b.add(row_base, i32(b, source)))
            index = b.and_(b.lshr(meta, i32(b, shift + 2 * part)), i32(b, 3))
            if shape.group == 2:
                index = b.lshr(index, i32(b, 1))
            stored.append((b.lshr(word, i32(b, shape.width * (within % per))), shape.group * group, index))
        for j in (0, 1):
            terms = []
            column = b.add(b.shl(t, i32(b, 3)), i32(b, 4 * j))
            for value, first, index in stored:
                word, within = divmod(first, 4 * per)
                position = b.add(i32(b, within), index)
                places = {1: 0, 2: 1, 4: 2}[per]
                source = b.add(column, b.lshr(position, i32(b, places)))
                shift = b.mul(b.and_(position, i32(b, per - 1)), i32(b, shape.width))
                terms.append((value, b.lshr(b.shuffle(right[word], source), shift)))
            out.append(terms)
    return out
