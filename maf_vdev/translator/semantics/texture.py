"""Textures and surfaces: which registers hold what. The sampling itself is one function of the run-time.

Operands in order: array index, coordinates, then [handle], [level of detail]. Without .SCR ("scattered") the first two groups
are in the registers from the first source on, the rest in those from the second; with it the first source holds the first
half of all of them, rounded up (seen in compiled code). TXD: [handle], coordinates, array index; then the
derivatives of each coordinate by x and by y.
"""

from __future__ import annotations

from ..builder import Builder, Value
from ..emit import abi
from ..ir import PT, RZ, Imm, Instr, Mem, Pred, Reg, Special
from .core import Unhandled, i32, one_of, op

DIMENSIONS = {
    "1D": (abi.DIM_1D, 1),
    "2D": (abi.DIM_2D, 2),
    "3D": (abi.DIM_3D, 3),
    "CUBE": (abi.DIM_CUBE, 3),
    "ARRAY_1D": (abi.DIM_1D_ARRAY, 1),
    "ARRAY_2D": (abi.DIM_2D_ARRAY, 2),
    "ARRAY_CUBE": (abi.DIM_CUBE_ARRAY, 3),
    "1D_ARRAY": (abi.DIM_1D_ARRAY, 1),
    "2D_ARRAY": (abi.DIM_2D_ARRAY, 2),
}
SURFACES = ("1D", "1D_ARRAY", "2D", "2D_ARRAY", "3D")
SIZES = {"U8": 0, "U16": 1, "": 2, "64": 3, "128": 4}
HINTS = "NODEP EF EL LU EU NA"
ACCESS = "D BA STRONG CTA SM GPU SYS PRIVATE EF EL LU EU NA"


class _Access:
    """The operands of a texture instruction, taken apart."""

    def __init__(self, b: Builder, instr: Instr) -> None:
        self.b, self.instr = b, instr
        operands = list(instr.operands)
        if isinstance(operands[0], Pred):
            if operands.pop(0) != Pred(PT):
                raise Unhandled("residency predicate")
        self.named = next(o.name for o in operands if isinstance(o, Special))
        registers = [o for o in operands if isinstance(o, Reg)]
        self.results, self.sources = registers[:2], [*registers[2:], Reg(RZ)][:2]
        # Bank and word of a handle in constant memory, then the mask of the components, left out where it is 0xf.
        words = [o.bits for o in operands if isinstance(o, Imm)]
        self.bindless = len(words) < 2
        self.mask = words[-1] if len(words) in (1, 3) else 15
        self.handle: Value = None if self.bindless else b.load_const(words[0], 4 * words[1], "i32")

    def _registers(self, first: Reg, count: int) -> list[Value]:
        return [self.b.reg(first.n + k if first.n != RZ else RZ) for k in range(count)]

    def take(self, main: int, rest: int) -> list[Value]:
        """Sources: `main` values of the first group, `rest` of the second."""
        total = main + rest
        first = (total + 1) // 2 if self.instr.has("SCR") else main
        return self._registers(self.sources[0], first) + self._registers(self.sources[1], total - first)

    def run(self, code: int, rows: dict[int, Value]) -> None:
        """Access, and the results: components of the mask in order, two in the second register and the rest in the first."""
        b = self.b
        values = b.texture(code, self.handle, rows)
        kept = [values[k] for k in range(4) if self.mask >> k & 1]
        for value, register, k in zip(kept, (1, 1, 0, 0), (0, 1, 0, 1)):
            target = self.results[register]
            if target.n != RZ:
                b.set_reg(target.n + k, value)


def _rows(values: list[Value], coordinates: int, array: bool) -> dict[int, Value]:
    """The texture access's rows from [array index,] coordinates."""
    rows = dict(zip(range(3), values[1 if array else 0 :][:coordinates]))
    if array:
        rows[abi.ARG_LAYER] = values[0]
    return rows


def _fetch(b: Builder, instr: Instr, operation: int, extra: int = 0) -> None:
    access = _Access(b, instr)
    dimension, coordinates = DIMENSIONS[access.named]
    array = access.named.startswith("ARRAY")
    level = instr.op != "TLD4" and instr.has("LL")
    main = coordinates + array
    values = access.take(main, access.bindless + level)
    rows = _rows(values[:main], coordinates, array)
    rest = values[main:]
    if access.bindless:
        access.handle = rest.pop(0)
    rows[abi.ARG_LOD] = rest[0] if level else i32(b, 0)
    access.run(operation | dimension << 4 | extra, rows)


@op("TEX", mods=f"SCR B LZ LL {HINTS}")
def tex(b: Builder, instr: Instr) -> None:
    """Filtered fetch at a level of detail; one that comes from the neighbours' coordinates is refused."""
    if not (instr.has("LZ") or instr.has("LL")):
        raise Unhandled("implicit level of detail")
    _fetch(b, instr, abi.TEX_SAMPLE)


@op("TLD", mods=f"SCR B LZ LL {HINTS}")
def tld(b: Builder, instr: Instr) -> None:
    _fetch(b, instr, abi.TEX_LOAD)


@op("TLD4", mods=f"SCR B R G A {HINTS}")
def tld4(b: Builder, instr: Instr) -> None:
    """One component of the four texels that filtering would use. B is both a component and "handle in a register"."""
    component = instr.mods[1] if instr.has("SCR") else instr.mods[0]
    _fetch(b, instr, abi.TEX_GATHER, "RGBA".index(component) << 8)


@op("TXD", mods=f"B {HINTS}")
def txd(b: Builder, instr: Instr) -> None:
    access = _Access(b, instr)
    dimension, coordinates = DIMENSIONS[access.named]
    array = access.named.startswith("ARRAY")
    first = [b.reg(access.sources[0].n + k) for k in range(access.bindless + coordinates + array)]
    if access.bindless:
        access.handle = first.pop(0)
    rows = dict(enumerate(first[:coordinates]))
    if array:
        rows[abi.ARG_LAYER] = first[coordinates]
    for k in range(2 * coordinates):
        rows[abi.ARG_DATA + k] = b.reg(access.sources[1].n + k)
    access.run(abi.TEX_GRADIENT | dimension << 4, rows)


@op("TXQ", mods="B NODEP")
def txq(b: Builder, instr: Instr) -> None:
    access = _Access(b, instr)
    if access.named != "TEX_HEADER_DIMENSION":
        raise Unhandled("texture query")
    if access.bindless:
        access.handle = b.reg(access.sources[0].n)
    access.run(abi.TEX_QUERY, {})


def _surface(b: Builder, instr: Instr, operation: int, size: int, atomic: int = 0, data: int = 0) -> list[Value]:
    if not instr.has("BA"):
        raise Unhandled("formatted surface access")
    name = one_of(instr, SURFACES)
    dimension, coordinates = DIMENSIONS[name]
    place = next(o for o in instr.operands if isinstance(o, Mem))
    rows = {k: b.reg(place.base.n + k) for k in range(coordinates)}
    if name.endswith("ARRAY"):
        rows[abi.ARG_LAYER] = b.reg(place.base.n + coordinates)
    words = [o.bits for o in instr.operands if isinstance(o, Imm)]
    registers = [o for o in instr.operands if isinstance(o, Reg)]
    handle = b.load_const(words[0], 4 * words[1], "i32") if words else b.reg(registers[-1].n)
    for k in range(data):
        rows[abi.ARG_DATA + k] = b.reg(registers[0].n + k if registers[0].n != RZ else RZ)
    boundary = 0 if instr.has("IGN") else 2 if instr.has("TRAP") else 1
    code = operation | dimension << 4 | boundary << 8 | size << 10 | atomic << 16
    return b.texture(code, handle, rows)


def _size(instr: Instr) -> int:
    return next((SIZES[mod] for mod in instr.mods if mod in SIZES), SIZES[""])


@op("SULD", mods=f"{ACCESS} {' '.join(SURFACES)} U8 U16 64 128 IGN TRAP")
def suld(b: Builder, instr: Instr) -> None:
    if isinstance(instr.operands[0], Pred):
        raise Unhandled("residency predicate")
    size = _size(instr)
    values = _surface(b, instr, abi.SURFACE_LOAD, size)
    target = instr.operands[0].n
    for k in range(max(1, 1 << size >> 2)):
        if target != RZ:
            b.set_reg(target + k, values[k])


@op("SUST", mods=f"{ACCESS} {' '.join(SURFACES)} U8 U16 64 128 IGN TRAP")
def sust(b: Builder, instr: Instr) -> None:
    size = _size(instr)
    _surface(b, instr, abi.SURFACE_STORE, size, data=max(1, 1 << size >> 2))


@op("SURED", mods=f"{ACCESS} {' '.join(SURFACES)} ADD MIN MAX INC DEC AND OR XOR S32 64 IGN TRAP")
def sured(b: Builder, instr: Instr) -> None:
    kind = one_of(instr, ("ADD", "MIN", "MAX", "INC", "DEC", "AND", "OR", "XOR"))
    wide = instr.has("64")
    name = f"u{kind.lower()}" if kind in ("MIN", "MAX") and not instr.has("S32") else kind.lower()
    code = abi.ATOMIC_OPS[name] | abi.ATOMIC_TYPES["i64" if wide else "i32"] << 8
    _surface(b, instr, abi.SURFACE_REDUCE, 3 if wide else 2, code, 2 if wide else 1)
