"""Division, reciprocal and square root in single and double precision as one instruction each.

ptxas writes an IEEE division as a Newton sequence that is right for operands in a safe range, a test of
that range, and a call of a subroutine that handles the rest. Where a branch, both of its arms and the
test have exactly that form, the branch goes away and the last instruction of the sequence becomes FDIV,
FRCP, FSQRT, DDIV, DRCP or DSQRT (not instructions of the machine; semantics/division.py): IEEE 754 results for
all operands. The double forms are in division64.
Anything else stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..cfg import CALLS, Block, conditions, is_hint
from ..ir import PT, RZ, URZ, Const, Imm, Instr, Pred, Reg, UReg
from . import division64

Expr = tuple
ONE, MINUS_ONE, HALF = (("imm", bits) for bits in (0x3F800000, 0xBF800000, 0x3F000000))
ZERO = ("imm", 0)
# Registers that instructions write from their first register operand on; WIDEST for all others.
WRITES_NONE = frozenset("ISETP FSETP DSETP HSETP2 PSETP PLOP3 FCHK R2P".split())  # noqa: SIM905
WRITES_ONE = frozenset(
    "FADD FMUL FFMA FMNMX FSEL FSET MUFU IADD3 IMAD LOP3 SHF LEA IMNMX IABS FLO POPC BREV PRMT SEL MOV S2R P2R SHFL "
    "I2F F2I FRND F2F I2I HADD2 HMUL2 HFMA2 FADD32I FMUL32I FFMA32I MOV32I".split()  # noqa: SIM905
)
WIDEST = 8
MEMORY_LOADS = frozenset("LD LDG LDS LDL LDC".split())  # noqa: SIM905


def written(i: Instr) -> int:
    """How many registers an instruction writes from its first register operand on, or more."""
    if i.op in WRITES_NONE:
        return 0
    wide = bool({"WIDE", "64", "F64", "U64", "S64"} & set(i.mods))
    if i.op in WRITES_ONE or i.op in MEMORY_LOADS:
        return 4 if i.has("128") else 2 if wide else 1
    return 2 if i.op in ("DADD", "DMUL", "DFMA") else WIDEST


@dataclass(frozen=True)
class Found:
    """op: FDIV, FRCP or FSQRT; operands: what it reads, as expressions."""

    op: str
    operands: tuple[Expr, ...]


def _neg(e: Expr) -> Expr:
    if e[0] == "neg":
        return e[1]
    if e[0] == "imm":
        return ("imm", e[1] ^ 0x80000000)
    return ("neg", e)


def _mul(x: Expr, y: Expr) -> tuple[bool, frozenset]:
    """A product as its sign and its two factors without signs."""
    negative = (x[0] == "neg") != (y[0] == "neg")
    return negative, frozenset((x[1] if x[0] == "neg" else x, y[1] if y[0] == "neg" else y))


def _fma(x: Expr, y: Expr, z: Expr) -> Expr:
    return ("fma", *_mul(x, y), z)


def _rcp_step(x: Expr) -> Expr:
    """r - r * (x * r - 1), as the reciprocal does it."""
    r = ("rcp", x)
    return _fma(r, ("quiet", _neg(_fma(x, r, MINUS_ONE))), r)


def _quotient(a: Expr, b: Expr) -> Expr:
    r0 = ("rcp", b)
    r = _fma(r0, _fma(_neg(b), r0, ONE), r0)
    q = _fma(a, r, ZERO)
    return _fma(r, _fma(_neg(b), q, a), q)


def _root(x: Expr) -> Expr:
    r = ("rsq", x)
    s, h = ("fmul", *_mul(x, r)), ("fmul", *_mul(r, HALF))
    return _fma(_fma(_neg(s), s, x), h, s)


class State:
    """Symbolic contents of registers and predicates while a block runs."""

    def __init__(self, forms: division64.Forms) -> None:
        self.forms = forms
        self.regs: dict[int, Expr] = {}
        self.uregs: dict[int, Expr] = {}
        self.preds: dict[int, Expr] = {}
        self.fresh = 0

    def new(self) -> Expr:
        self.fresh += 1
        return ("new", self.fresh)

    def reg(self, n: int) -> Expr:
        return self.regs.setdefault(n, ("in", n)) if n != RZ else ZERO

    def ureg(self, n: int) -> Expr:
        return self.uregs.setdefault(n, ("uniform", n)) if n != URZ else ZERO

    def read(self, o: object) -> Expr:
        if isinstance(o, Reg):
            e = self.reg(o.n)
            if o.abs or o.inv or o.fmt:
                return ("mod", e, o.neg, o.abs, o.inv, o.fmt)
            return _neg(e) if o.neg else e
        if isinstance(o, UReg) and not (o.abs or o.inv or o.fmt):
            e = self.ureg(o.n)
            return _neg(e) if o.neg else e
        if isinstance(o, Imm):
            return ("imm", o.bits)
        if isinstance(o, Const) and o.base is None and isinstance(o.bank, int) and not (o.abs or o.inv or o.fmt):
            e = ("const", o.bank, o.offset)
            return _neg(e) if o.neg else e
        return self.new()

    def whole(self, o: object) -> Expr:
        """An integer operand; its minus sign is not that of a number."""
        return self.new() if getattr(o, "neg", False) else self.read(o)

    def read64(self, o: object) -> Expr:
        """A double, as the pair of its words or the operation that made it."""
        if isinstance(o, Reg):
            e = division64.pair(self.reg(o.n), self.reg(o.n + 1) if o.n != RZ else ZERO)
            if o.abs or o.inv or o.fmt:
                return ("mod", e, o.neg, o.abs, o.inv, o.fmt)
        elif isinstance(o, UReg) and not (o.abs or o.inv or o.fmt):
            e = division64.pair(self.ureg(o.n), self.ureg(o.n + 1) if o.n != URZ else ZERO)
        elif isinstance(o, Imm):
            return ("pair", ZERO, ("imm", o.bits))
        elif isinstance(o, Const) and o.base is None and isinstance(o.bank, int) and not (o.abs or o.inv or o.fmt):
            e = ("pair", ("const", o.bank, o.offset), ("const", o.bank, o.offset + 4))
        else:
            return ("operand", o)
        return division64.negated(e) if o.neg else e

    def step(self, i: Instr) -> Expr | None:
        """Runs one instruction; the new contents of its destination where its form is known."""
        if is_hint(i) or i.op == "BMOV":
            return None
        value = self._value(i) if i.guard.n == PT and not i.guard.neg else None
        if value is None or not isinstance(i.operands[0], (Reg, Pred)):
            self._forget(i)
            return None
        first = i.operands[0]
        if isinstance(first, Pred):
            self._forget(i)
            self.preds[first.n] = value
        elif i.op in division64.OPS:
            self.regs[first.n], self.regs[first.n + 1] = ("lo", value), ("hi", value)
        else:
            self.regs[first.n] = value
        return value

    def _forget(self, i: Instr) -> None:
        if i.operands and isinstance(i.operands[0], UReg):
            for n in range(i.operands[0].n, i.operands[0].n + WIDEST):
                self.uregs[n] = self.new()
        first = next((o.n for o in i.operands if isinstance(o, Reg)), RZ)
        if first != RZ:
            for n in range(first, first + written(i)):
                self.regs[n] = self.new()
        changed = range(PT) if i.op == "R2P" else [o.n for o in i.operands if isinstance(o, Pred)]
        for n in changed:
            self.preds[n] = self.new()

    def _value(self, i: Instr) -> Expr | None:
        ops, mods = i.operands, i.mods
        read = self.read
        if i.op in division64.OPS:
            return None if mods or ops[0].n == RZ else self.forms.value(i.op, [self.read64(o) for o in ops[1:]])
        if i.op == "FSETP" and len(mods) == 2 and mods[1] == "AND" and isinstance(ops[3], Imm):
            test = ("fsetp", mods[0], read(ops[2]), ops[3].bits)
            if ops[-1].n == PT and not ops[-1].neg and isinstance(ops[-1], Pred):
                return test if ops[1].n == PT else None
            return None
        if i.op == "FFMA" and not mods:
            return _fma(*(read(o) for o in ops[1:4]))
        if i.op == "FMUL" and mods in ((), ("FTZ",)):
            return ("fmul", *_mul(read(ops[1]), read(ops[2])))
        if i.op == "FADD" and mods == ("FTZ",) and isinstance(ops[2], Reg) and ops[2].n == RZ and ops[2].neg:
            return ("quiet", read(ops[1]))
        if i.op == "MUFU" and mods in (("RCP",), ("RSQ",), ("RCP64H",), ("RSQ64H",)):
            return (mods[0].lower(), read(ops[1]))
        if _is_move(i):
            return read(ops[-1])
        if i.op == "FCHK" and set(mods) <= {"DIVIDE"}:
            return ("fchk", read(ops[1]), read(ops[2]))
        if i.op == "IMAD" and mods == ("IADD",) and isinstance(ops[3], Imm) and not isinstance(ops[2], Reg):
            return ("add", self.whole(ops[1]), ops[3].bits)
        if i.op == "IADD3" and not mods and len(ops) == 4 and isinstance(ops[2], Imm) and _is_rz(ops[3]):
            return ("add", self.whole(ops[1]), ops[2].bits)
        if i.op == "LOP3" and mods == ("LUT",) and len(ops) >= 5 and isinstance(ops[2], Imm) and _is_rz(ops[3]):
            return ("and", self.whole(ops[1]), ops[2].bits) if isinstance(ops[4], Imm) and ops[4].bits == 0xC0 else None
        if i.op == "ISETP" and mods[1:] == ("U32", "AND") and isinstance(ops[3], Imm) and isinstance(ops[-1], Pred):
            plain = ops[-1].n == PT and not ops[-1].neg and isinstance(ops[1], Pred) and ops[1].n == PT
            kind = {"GT": "above", "GE": "not below"}.get(mods[0])
            return (kind, self.whole(ops[2]), ops[3].bits) if plain and kind else None
        return None


def _is_rz(o: object) -> bool:
    return isinstance(o, Reg) and o.n == RZ


def _is_move(i: Instr) -> bool:
    if getattr(i.operands[-1], "neg", False):
        return False
    if i.op == "IMAD" and i.mods in (("MOV", "U32"), ("MOV",), ("U32",)):
        return _is_rz(i.operands[1]) and _is_rz(i.operands[2])
    return i.op in ("MOV", "MOV32I")


def _test(check: Expr, slow_if: bool) -> Found | None:
    """What the test of a safe range, which leads to the slow arm where it equals slow_if, belongs to."""
    if check[0] == "fchk" and slow_if:
        return Found("FDIV", check[1:])
    if check[0] == "above" and not slow_if and check[2] == 0x1FFFFFF:
        inner = check[1]
        if inner[0] == "and" and inner[2] == 0x7F800000 and inner[1][0] == "add" and inner[1][2] == 0x1800000:
            return Found("FRCP", (inner[1][1],))
    if check[0] == "above" and slow_if and check[2] == 0x727FFFFF:
        inner = check[1]
        if inner[0] == "add" and inner[2] == -0xD000000 & 0xFFFFFFFF:
            return Found("FSQRT", (inner[1],))
    return None


WANTED = {"FDIV": _quotient, "FRCP": _rcp_step, "FSQRT": _root}
NAMES = {"FDIV": ("div_rn_noftz_f32",), "FRCP": ("rcp_rn_f32",), "FSQRT": ("sqrt_rn_f32",)}


def run(blocks: list[Block], starts: Mapping[int, int], subroutines: Mapping[int, str]) -> int:
    """Rewrites the divisions among blocks (not yet ordered; starts: offset -> number). How many there were."""
    names = [*(n for some in NAMES.values() for n in some), *division64.NAMES.values()]
    slow = {starts[o]: n for o, n in subroutines.items() if o in starts and any(name in n for name in names)}
    if not slow:
        return 0
    count = 0
    for b in blocks:
        if b.kind == "branch" and len(set(b.succs)) == 2:
            count += _rewrite(b, blocks, starts, slow)
    if count:
        _drop_returns(blocks, starts)
    return count


def _no_effects(b: Block) -> bool:
    """Moves, what prepares operands of the double-precision subroutines, and exchanges of two registers."""
    return all(is_hint(i) or i.op in ("BMOV", "IADD3", "LOP3", "MOV", "MOV32I", "IMAD") for i in b.instrs)


def _rewrite(b: Block, blocks: list[Block], starts: Mapping[int, int], slow: Mapping[int, str]) -> int:
    conds = conditions(b.last)
    if not all(isinstance(c, Pred) for c in conds):
        return 0
    for side in (0, 1):
        arm = blocks[b.succs[side]]
        fast = b.succs[1 - side]
        if arm.kind != "call" or conditions(arm.last) or arm.succs[0] not in slow or not _no_effects(arm):
            continue
        back = starts.get(arm.last.offset + 16)
        if back is None:
            continue
        join = fast if back == fast else None
        if join is None:
            after = blocks[back]
            if after.kind not in ("fall", "jump") or not _no_effects(after):
                continue
            join = after.succs[0]
        sequence: list[Instr] = []
        if fast != join:
            between = blocks[fast]
            if between.kind not in ("fall", "jump") or between.succs[0] != join:
                continue
            sequence = between.instrs
        forms = division64.Forms()
        state = State(forms)
        for i in b.instrs:
            state.step(i)
        # The predicates as they are on the way to the fast side; of several, all hold where the branch is taken.
        if len(conds) > 1 and side == 0:
            continue
        tests = [(state.preds.get(c.n, ZERO), c.neg == (side == 1)) for c in conds]
        instrs = _replaced([*b.instrs, *sequence], tests, slow[arm.succs[0]], forms)
        if instrs is not None:
            b.instrs, b.kind, b.last, b.succs = instrs, "fall", None, [join]
            return 1
    return 0


def _replaced(
    instrs: list[Instr], tests: list[tuple[Expr, bool]], subroutine: str, forms: division64.Forms
) -> list[Instr] | None:
    """The instructions with the last one of the sequence replaced, or None where the sequence is not there.

    tests: predicates, with True where the slow side is taken when they hold and with False where the fast one is."""
    found = _test(*tests[0]) if len(tests) == 1 else None
    if found is not None and any(n in subroutine for n in NAMES[found.op]):
        wanted = {WANTED[found.op](*found.operands): found}
        hold = _holder
    else:
        kind = next((op for op, name in division64.NAMES.items() if name in subroutine), None)
        if kind is None:
            return None
        wanted = {e: Found(kind, x) for e, x in division64.wanted(kind, forms, tests, _doubles(instrs, forms))}
        hold = division64.holder
    state = State(forms)
    for k, i in enumerate(instrs):
        before, uniform = dict(state.regs), dict(state.uregs)
        result = state.step(i)
        if result not in wanted or not isinstance(i.operands[0], Reg):
            continue
        operands = [hold(e, before, uniform) for e in wanted[result].operands]
        if None in operands:
            return None
        done = Instr(i.offset, wanted[result].op, (), (Reg(i.operands[0].n), *operands))
        return [*instrs[:k], done, *instrs[k + 1 :]]
    return None


def _doubles(instrs: list[Instr], forms: division64.Forms) -> set[Expr]:
    """The doubles that instructions read, without signs."""
    state, out = State(forms), set()
    for i in instrs:
        if i.op in division64.OPS:
            out |= {division64.unsigned(state.read64(o))[1] for o in i.operands[1:]}
        state.step(i)
    return out


def _holder(e: Expr, regs: Mapping[int, Expr], uregs: Mapping[int, Expr]) -> Reg | UReg | Const | Imm | None:
    """An operand that reads as e."""
    if e[0] == "neg":
        inner = _holder(e[1], regs, uregs)
        if isinstance(inner, (Reg, UReg)):
            return type(inner)(inner.n, neg=True)
        return Const(inner.bank, inner.offset, neg=True) if isinstance(inner, Const) else None
    if e[0] == "imm":
        return Imm(e[1], "f32")
    if e[0] == "const":
        return Const(e[1], e[2])
    found = next((Reg(n) for n, value in regs.items() if value == e), None)
    return found or next((UReg(n) for n, value in uregs.items() if value == e), None)


def _drop_returns(blocks: list[Block], starts: Mapping[int, int]) -> None:
    """Subroutines return only behind the calls that are still reached."""
    seen, work = set(), [0]
    while work:
        k = work.pop()
        if k in seen:
            continue
        seen.add(k)
        b = blocks[k]
        if b.kind == "ret":
            continue  # reached through its call
        work += b.succs
        if b.kind in CALLS:
            work.append(starts.get(b.last.offset + 16, k))
    sites = {starts.get(blocks[k].last.offset + 16) for k in seen if blocks[k].kind in CALLS}
    for b in blocks:
        if b.kind == "ret":
            kept = b.succs[-1:] if conditions(b.last) else []
            b.succs = [s for s in b.succs if s in sites or s in kept]
