"""Loads, stores, atomics and constant memory."""

from __future__ import annotations

from ..builder import Builder, Value
from ..ir import Instr, Mem, Operand, Reg, UReg
from .core import (
    CACHE_MODS,
    Unhandled,
    const_value,
    getp,
    i32,
    is_pred,
    is_true,
    is_zero,
    one_of,
    op,
    put,
    put64,
    putp,
    raw32,
    raw64,
)

WIDTHS = "U8 S8 U16 S16 64 128"
NARROW = {"U8": ("i8", False), "S8": ("i8", True), "U16": ("i16", False), "S16": ("i16", True)}


def address64(b: Builder, instr: Instr, mem: Mem) -> Value:
    """A global or generic address. .E addresses have 64 bits: [R] and [UR] are pairs, [R.U32+UR] extends R."""
    if not instr.has("E"):
        return b.zext(address32(b, mem), "i64")
    total = None
    if mem.base is not None and not is_zero(mem.base):
        if mem.base.fmt in ("", "64"):
            if mem.ubase is not None and mem.base.fmt == "":
                raise Unhandled("width of the base register")
            total = b.reg64(mem.base.n)
        elif mem.base.fmt == "U32":
            total = b.zext(b.reg(mem.base.n), "i64")
        elif mem.base.fmt == "S32":
            total = b.sext(b.reg(mem.base.n), "i64")
        else:
            raise Unhandled(f"address suffix .{mem.base.fmt}")
    if mem.ubase is not None and not is_zero(mem.ubase):
        uniform = b.ureg64(mem.ubase.n)
        total = uniform if total is None else b.add(total, uniform)
    if total is None:
        return b.imm("i64", mem.offset & 0xFFFFFFFFFFFFFFFF)
    return b.add(total, b.imm("i64", mem.offset & 0xFFFFFFFFFFFFFFFF)) if mem.offset else total


def address32(b: Builder, mem: Mem) -> Value:
    """A shared or local address: 32-bit sum, base scaled by .X4/.X8/.X16."""
    total = None
    if mem.base is not None and not is_zero(mem.base):
        total = b.reg(mem.base.n)
        scale = {"": 0, "U32": 0, "X4": 2, "X8": 3, "X16": 4}[mem.base.fmt]
        total = b.shl(total, i32(b, scale)) if scale else total
    if mem.ubase is not None and not is_zero(mem.ubase):
        uniform = b.ureg(mem.ubase.n)
        total = uniform if total is None else b.add(total, uniform)
    if total is None:
        return i32(b, mem.offset)
    return b.add(total, i32(b, mem.offset)) if mem.offset else total


SPACES = {"LDG": "global", "STG": "global", "RED": "generic", "ATOMG": "global", "ATOM": "generic"}
SPACES |= {"LD": "generic", "ST": "generic", "LDS": "shared", "STS": "shared", "ATOMS": "shared"}
SPACES |= {"LDL": "local", "STL": "local", "LDSM": "shared"}


def _address(b: Builder, instr: Instr, mem: Operand) -> Value:
    if not isinstance(mem, Mem):
        raise Unhandled("address operand")
    wide = SPACES[instr.op] in ("global", "generic")
    return address64(b, instr, mem) if wide else address32(b, mem)


def _width(instr: Instr) -> str:
    return one_of(instr, tuple(WIDTHS.split()), "32")


@op("LDG", "LD", "LDS", "LDL", mods=f"E U {WIDTHS} {CACHE_MODS}")
def load(b: Builder, instr: Instr) -> None:
    dst, mem = instr.operands
    space, address, width = SPACES[instr.op], _address(b, instr, mem), _width(instr)
    if width in NARROW:
        ty, signed = NARROW[width]
        put(b, dst, (b.sext if signed else b.zext)(b.load(space, address, ty), "i32"))
    elif width == "32":
        put(b, dst, b.load(space, address, "i32"))
    else:
        words = b.load_words(space, address, int(width) // 32)
        for n, word in enumerate(words):
            put(b, Reg(dst.n + n if not is_zero(dst) else dst.n), word)


@op("STG", "ST", "STS", "STL", mods=f"E {WIDTHS} {CACHE_MODS}")
def store(b: Builder, instr: Instr) -> None:
    mem, source = instr.operands
    space, address, width = SPACES[instr.op], _address(b, instr, mem), _width(instr)
    if not isinstance(source, Reg) or source.neg or source.fmt:
        raise Unhandled("stored operand")
    if width in NARROW:
        b.store(space, address, b.trunc(raw32(b, source), NARROW[width][0]))
    elif width == "32":
        b.store(space, address, raw32(b, source))
    else:
        count = int(width) // 32
        words = [i32(b, 0)] * count if is_zero(source) else [b.reg(source.n + n) for n in range(count)]
        b.store_words(space, address, words)


@op("LDGSTS", mods=f"E 64 128 ZFILL {CACHE_MODS}")
def ldgsts(b: Builder, instr: Instr) -> None:
    """[shared], [global] [, P]: copy. Where P does not hold nothing is read and zeros are written (PTX ISA, cp.async:
    ignore-src). With .ZFILL the low bits of the source address say how many bytes at the end are zeros (src-size)."""
    target, source, *condition = instr.operands
    count = int(_width(instr)) // 32
    to, address = address32(b, target), address64(b, instr, source)
    absent = None
    if instr.has("ZFILL"):
        low = b.imm("i64", 4 * count - 1)
        absent = b.lo32(b.and_(address, low))
        address = b.and_(address, b.not_(low))
    words: list[Value] = []

    def read() -> None:
        words.extend(b.load_words("global", address, count) if count > 1 else [b.load("global", address, "i32")])

    if condition:
        p = getp(b, condition[0])
        b.where(p, read)
        if not words:  # P never holds
            words = [i32(b, 0)] * count
        words = [b.select(p, word, i32(b, 0)) for word in words]
    else:
        read()
    if absent is not None:
        words = [b.and_(word, _present(b, absent, 4 * (count - n - 1))) for n, word in enumerate(words)]
    if count == 1:
        b.store("shared", to, words[0])
    else:
        b.store_words("shared", to, words)


def _present(b: Builder, absent: Value, after: int) -> Value:
    """Mask of a word's bytes, ``after`` bytes of its record behind it, where the record's last ``absent`` are not there."""
    missing = b.smin(b.smax(b.sub(absent, i32(b, after)), i32(b, 0)), i32(b, 4))
    return b.lshr(i32(b, 0xFFFFFFFF), b.shl(missing, i32(b, 3)))


@op("LDC", "ULDC", mods="U8 S8 U16 S16 64")
def ldc(b: Builder, instr: Instr) -> None:
    dst, source = instr.operands
    if source.neg or source.abs or source.inv:
        raise Unhandled("modifier on the constant")
    width = one_of(instr, ("U8", "S8", "U16", "S16", "64"), "32")
    if width == "64":
        put64(b, dst, const_value(b, source, "i64"))
    elif width == "32":
        put(b, dst, const_value(b, source, "i32"))
    else:
        ty, signed = NARROW[width]
        put(b, dst, (b.sext if signed else b.zext)(const_value(b, source, ty), "i32"))


ATOMIC_OPS = {"ADD": "add", "AND": "and", "OR": "or", "XOR": "xor", "EXCH": "exch", "INC": "inc", "DEC": "dec"}
ATOMIC_TYPES = "U32 S32 64 S64 U64 F32 F64 F16x2"
ATOMIC_MODS = f"E ADD AND OR XOR EXCH INC DEC MIN MAX CAS CAST SPIN {ATOMIC_TYPES} FTZ RN {CACHE_MODS}"


def _atomic_op(instr: Instr) -> tuple[str, str]:
    """Builder operation and type. Atomic f32 additions here keep subnormals, whatever .FTZ says."""
    name = one_of(instr, (*ATOMIC_OPS, "MIN", "MAX"))
    kind = one_of(instr, tuple(ATOMIC_TYPES.split()), "U32")
    ty = "i64" if "64" in kind else "i32"
    if name in ("MIN", "MAX"):
        if kind[0] == "F":
            raise Unhandled("floating-point minimum")
        return ("" if kind[0] == "S" else "u") + name.lower(), ty
    if kind[0] != "F":
        return ATOMIC_OPS[name], ty
    if name != "ADD":
        raise Unhandled(f"floating-point {name}")
    return ("fadd.f16x2", "i32") if kind == "F16x2" else ("fadd", kind.lower())


def _typed(b: Builder, operand: Operand, ty: str) -> Value:
    if isinstance(operand, (Reg, UReg)) and (operand.neg or operand.fmt):
        raise Unhandled("modifier on an atomic's operand")
    if ty == "i64" or ty == "f64":
        value = b.imm("i64", 0) if is_zero(operand) else raw64(b, operand)
    else:
        value = raw32(b, operand)
    return b.bitcast(value, ty) if ty[0] == "f" else value


def _put_old(b: Builder, dst: Operand, old: Value, ty: str) -> None:
    if ty[0] == "f":
        old = b.bitcast(old, "i" + ty[1:])
    (put64 if ty in ("i64", "f64") else put)(b, dst, old)


@op("ATOMG", "ATOM", "ATOMS", mods=f"{ATOMIC_MODS} POPC 32")
def atom(b: Builder, instr: Instr) -> None:
    """[Pd,] Rd, [address], a [, b]: Rd = old value. CAS compares with a and stores b.

    ATOM's Pd tells that the unit could do the operation at this address; here it always can, so the
    compiled fall-back for other spaces is never taken. ATOMS.CAST.SPIN may fail and returns 1 or 0.
    """
    if instr.has("POPC"):
        _count_up(b, instr)
        return
    ops = list(instr.operands)
    pd = ops.pop(0) if is_pred(ops[0]) else None
    dst, mem, *sources = ops
    space, address = SPACES[instr.op], _address(b, instr, mem)
    if instr.has("CAS") or instr.has("CAST"):
        ty = "i64" if one_of(instr, ("64", "S64", "U64"), "32") != "32" else "i32"
        expected, new = _typed(b, sources[0], ty), _typed(b, sources[1], ty)
        old = b.atomic(space, "cas", ty, address, new, expected, True)
        if instr.has("CAST"):
            old = b.zext(b.icmp("eq", old, expected), ty)
        _put_old(b, dst, old, ty)
    else:
        name, ty = _atomic_op(instr)
        (source,) = sources
        wanted = not is_zero(dst)
        old = b.atomic(space, name, ty, address, _typed(b, source, ty), None, wanted)
        if wanted:
            _put_old(b, dst, old, ty)
    if pd is not None and not is_true(pd):
        putp(b, pd, b.imm("i1", 1))


def _count_up(b: Builder, instr: Instr) -> None:
    """ATOMS.POPC.INC: the lanes of a warp that name one address add their number in one operation."""
    dst, mem = instr.operands
    wanted = not is_zero(dst)
    old = b.atomic("shared", "add", "i32", address32(b, mem), i32(b, 1), None, wanted)
    if wanted:
        put(b, dst, old)


@op("RED", mods=ATOMIC_MODS)
def red(b: Builder, instr: Instr) -> None:
    mem, source = instr.operands
    name, ty = _atomic_op(instr)
    b.atomic(SPACES["RED"], name, ty, _address(b, instr, mem), _typed(b, source, ty), None, False)


@op("QSPC", mods="E S L G")
def qspc(b: Builder, instr: Instr) -> None:
    """Pd, Rd, [address]: whether a generic address is shared (.S), local (.L) or global (.G)."""
    pd, dst, mem = instr.operands
    if not is_zero(dst):
        raise Unhandled("register destination")
    address = address64(b, instr, mem)
    which = one_of(instr, ("S", "L", "G"))
    if which == "S":
        value = b.is_shared(address)
    elif which == "L":
        value = b.is_local(address)
    else:
        value = b.not_(b.or_(b.is_shared(address), b.is_local(address)))
    putp(b, pd, value)


@op("LDSM", mods="16 M88 MT88 1 2 4")
def ldsm(b: Builder, instr: Instr) -> None:
    """Matrices of 8x8 halves: lanes 8j..8j+7 give the row addresses of matrix j; lane l gets elements
    (l/4, 2(l%4)) and the next, or with MT88 of the transposed matrix (PTX ISA, ldmatrix)."""
    dst, mem = instr.operands
    transposed = one_of(instr, ("M88", "MT88")) == "MT88"
    count = int(one_of(instr, ("1", "2", "4"), "1"))
    words = b.load_matrices(
        address32(b, mem), count, transposed, lambda inner, address: _matrices(inner, address, count, transposed)
    )
    for n, word in enumerate(words):
        put(b, Reg(dst.n + n if not is_zero(dst) else dst.n), word)


def _matrices(b: Builder, address: Value, count: int, transposed: bool) -> list[Value]:
    lane = b.special("SR_LANEID")
    group, member = b.lshr(lane, i32(b, 2)), b.and_(lane, i32(b, 3))
    words = []
    for j in range(count):
        if not transposed:
            row = b.shuffle(address, b.add(group, i32(b, 8 * j)))
            words.append(b.load("shared", b.add(row, b.shl(member, i32(b, 2))), "i32"))
            continue
        halves = []
        for h in (0, 1):
            row = b.shuffle(address, b.add(b.shl(member, i32(b, 1)), i32(b, 8 * j + h)))
            halves.append(b.zext(b.load("shared", b.add(row, b.shl(group, i32(b, 1))), "i16"), "i32"))
        words.append(b.or_(halves[0], b.shl(halves[1], i32(b, 16))))
    return words
