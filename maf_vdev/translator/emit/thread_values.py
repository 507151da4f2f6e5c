"""Values of the thread emitter: C expressions of one thread, named once each.

A value that is used in another segment of the kernel (see ``Writer``) than it was computed in becomes a variable
of the whole function, because control may reach its use by a jump.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..ir import LiftError
from .values import WIDTH, fold

C_TYPE = {"i1": "bool", "i8": "u8", "i16": "u16", "i32": "u32", "i64": "u64", "f16": "u16", "f32": "f32", "f64": "f64"}
MODE = {"rn": 0, "rm": 1, "rp": 2, "rz": 3}
COMPARE = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
FOLDED = {"add", "sub", "mul", "and", "or", "xor", "shl", "lshr", "ashr", "smin", "smax", "umin", "umax"}
ROUND = {"rn": "rint", "rm": "floor", "rp": "ceil", "rz": "trunc", "floor": "floor", "ceil": "ceil", "trunc": "trunc"}


@dataclass(slots=True, eq=False)
class T:
    """One value: its type, its C text and, for constants, its bits. segment: where it was computed, -1 anywhere."""

    ty: str
    text: str
    segment: int = -1
    bits: int | None = None


@dataclass
class Features:
    """What the device's compiler offers."""

    fp64: bool = True
    atom64: bool = True


@dataclass
class Writer:
    """Lines of the function. A segment is straight code between two labels."""

    lines: list[tuple] = field(default_factory=list)
    segment: int = 0
    count: int = 0
    far: set[str] = field(default_factory=set)  # names used outside their segment
    inner: set[str] = field(default_factory=set)  # names whose scope, the body of a condition, has ended

    def define(self, ty: str, expression: str) -> T:
        self.count += 1
        name = f"t{self.count}"
        self.lines.append(("define", name, C_TYPE.get(ty, ty), expression))
        return T(ty, name, self.segment)

    def declare(self, ty: str) -> T:
        """A variable that statements fill."""
        self.count += 1
        name = f"t{self.count}"
        self.lines.append(("declare", name, C_TYPE[ty], ""))
        return T(ty, name, self.segment)

    def do(self, text: str) -> None:
        self.lines.append(("do", text))

    def label(self, name: str) -> None:
        self.segment += 1
        self.lines.append(("label", name))

    def use(self, v: T) -> str:
        if v.segment not in (-1, self.segment) or v.text in self.inner:
            self.far.add(v.text)
        return v.text

    def render(self) -> tuple[list[str], list[str]]:
        """(declarations for the head of the function, body). Each segment is a scope of its own."""
        head, body = [], ["{"]
        for kind, *rest in self.lines:
            if kind == "label":
                body += ["}", f"{rest[0]}:;", "{"]
            elif kind == "do":
                body.append(rest[0])
            else:
                name, ty, expression = rest
                if name in self.far:
                    head.append(f"{ty} {name} = 0;")
                    if kind == "define":
                        body.append(f"{name} = {expression};")
                elif kind == "define":
                    body.append(f"const {ty} {name} = {expression};")
                else:
                    body.append(f"{ty} {name} = 0;")
        body.append("}")
        return head, body


class ThreadValues:
    """The pure operations of builder.Builder on T values."""

    def __init__(self, features: Features):
        self.features = features
        self.out = Writer()

    def t(self, v: T) -> str:
        return self.out.use(v)

    def need64(self) -> None:
        if not self.features.fp64:
            raise LiftError("double precision, which this device does not have (cl_khr_fp64)")

    def make(self, ty: str, expression: str) -> T:
        if ty == "f64":
            self.need64()
        return self.out.define(ty, expression)

    def const(self, ty: str, bits: int) -> T:
        bits &= (1 << WIDTH[ty]) - 1
        if ty == "i1":
            text = "true" if bits else "false"
        elif ty == "f32":
            text = f"as_f32({bits:#x}u)"
        elif ty == "f64":
            self.need64()
            text = f"as_f64((u64){bits:#x}ul)"
        elif ty == "i64":
            text = f"((u64){bits:#x}ul)"
        elif ty == "i32":
            text = f"{bits:#x}u" if bits > 9 else f"{bits}u"
        else:
            text = f"(({C_TYPE[ty]}){bits})"
        return T(ty, text, -1, bits)

    def imm(self, ty: str, value: float) -> T:
        if ty[0] == "i":
            return self.const(ty, int(value))
        import struct

        form = {"f16": ("<e", "<H"), "f32": ("<f", "<I"), "f64": ("<d", "<Q")}[ty]
        return self.const(ty, struct.unpack(form[1], struct.pack(form[0], value))[0])

    def _folded(self, op: str, ty: str, args: Sequence[T], x: Any = None) -> T | None:
        if all(a.bits is not None for a in args):
            bits = fold(op, ty, x, tuple((a.ty, a.bits) for a in args))
            if bits is not None:
                return self.const(ty, int(bits))
        return None

    # --- integers -------------------------------------------------------------------------------
    def _binary(self, op: str, sign: str, a: T, b: T) -> T:
        known = self._folded(op, a.ty, (a, b))
        if known is not None:
            return known
        if op in ("add", "or", "xor", "sub") and b.bits == 0:
            return a
        if op in ("add", "or", "xor") and a.bits == 0:
            return b
        x, y = self.t(a), self.t(b)
        if a.ty == "i1":
            return self.make("i1", {"&": f"{x} && {y}", "|": f"{x} || {y}", "^": f"{x} != {y}"}[sign])
        if WIDTH[a.ty] < 32:
            return self.make(a.ty, f"({C_TYPE[a.ty]})((u32){x} {sign} (u32){y})")
        return self.make(a.ty, f"{x} {sign} {y}")

    def add(self, a: T, b: T) -> T:
        return self._binary("add", "+", a, b)

    def sub(self, a: T, b: T) -> T:
        return self._binary("sub", "-", a, b)

    def mul(self, a: T, b: T) -> T:
        return self._binary("mul", "*", a, b)

    def and_(self, a: T, b: T) -> T:
        return self._binary("and", "&", a, b)

    def or_(self, a: T, b: T) -> T:
        return self._binary("or", "|", a, b)

    def xor(self, a: T, b: T) -> T:
        return self._binary("xor", "^", a, b)

    def not_(self, a: T) -> T:
        if a.bits is not None:
            return self.const(a.ty, ~a.bits)
        return self.make(a.ty, f"!{self.t(a)}" if a.ty == "i1" else f"({C_TYPE[a.ty]})~{self.t(a)}")

    def neg(self, a: T) -> T:
        return self.sub(self.const(a.ty, 0), a)

    def _shift(self, op: str, a: T, n: T) -> T:
        known = self._folded(op, a.ty, (a, n))
        if known is not None:
            return known
        w, ty = WIDTH[a.ty], C_TYPE[a.ty]
        if n.bits is not None:
            if n.bits == 0:
                return a
            if n.bits >= w and op != "ashr":
                return self.const(a.ty, 0)
            count = min(n.bits, w - 1)
            x = self.t(a)
            if op == "shl":
                return self.make(a.ty, f"({ty})({x} << {count})")
            if op == "lshr":
                return self.make(a.ty, f"({ty})({x} >> {count})")
            return self.make(a.ty, f"({ty})((s{w}){x} >> {count})")
        x, y = self.t(a), self.t(n)
        if w == 64:
            return self.make(a.ty, f"maf_{op}64({x}, {y})")
        if w == 32:
            return self.make(a.ty, f"maf_{op}32({x}, {y})")
        if op == "ashr":
            return self.make(a.ty, f"({ty})((s{w}){x} >> ({y} < {w} ? {y} : {w - 1}))")
        return self.make(a.ty, f"({ty})maf_{op}32((u32){x}, (u32){y})")

    def shl(self, a: T, n: T) -> T:
        return self._shift("shl", a, n)

    def lshr(self, a: T, n: T) -> T:
        return self._shift("lshr", a, n)

    def ashr(self, a: T, n: T) -> T:
        return self._shift("ashr", a, n)

    def _extreme(self, op: str, a: T, b: T) -> T:
        known = self._folded(op, a.ty, (a, b))
        if known is not None:
            return known
        x, y = self.t(a), self.t(b)
        s = f"(s{WIDTH[a.ty]})" if op[0] == "s" else ""
        return self.make(a.ty, f"{s}{x} {'<' if op.endswith('min') else '>'} {s}{y} ? {x} : {y}")

    def smin(self, a: T, b: T) -> T:
        return self._extreme("smin", a, b)

    def smax(self, a: T, b: T) -> T:
        return self._extreme("smax", a, b)

    def umin(self, a: T, b: T) -> T:
        return self._extreme("umin", a, b)

    def umax(self, a: T, b: T) -> T:
        return self._extreme("umax", a, b)

    def popc(self, a: T) -> T:
        return self.make(a.ty, f"({C_TYPE[a.ty]})maf_popc{64 if a.ty == 'i64' else 32}({self.t(a)})")

    def ctlz(self, a: T) -> T:
        w = WIDTH[a.ty]
        if w < 32:
            return self.make(a.ty, f"({C_TYPE[a.ty]})(maf_clz32({self.t(a)}) - {32 - w})")
        return self.make(a.ty, f"({C_TYPE[a.ty]})maf_clz{w}({self.t(a)})")

    def bitrev(self, a: T) -> T:
        x, w = self.t(a), WIDTH[a.ty]
        if w == 64:
            return self.make(a.ty, f"(u64)maf_bitrev32((u32){x}) << 32 | maf_bitrev32((u32)({x} >> 32))")
        return self.make(a.ty, f"({C_TYPE[a.ty]})(maf_bitrev32({x}) >> {32 - w})")

    def icmp(self, op: str, a: T, b: T) -> T:
        known = self._folded("icmp", "i1", (a, b), op)
        if known is not None:
            return known
        s = f"(s{WIDTH[a.ty]})" if op[0] == "s" else ""
        return self.make("i1", f"{s}{self.t(a)} {COMPARE[op[-2:]]} {s}{self.t(b)}")

    def select(self, p: T, a: T, b: T) -> T:
        if a.ty != b.ty:
            raise TypeError(f"select of {a.ty} and {b.ty}")
        if p.bits is not None:
            return a if p.bits else b
        return self.make(a.ty, f"{self.t(p)} ? {self.t(a)} : {self.t(b)}")

    def zext(self, a: T, ty: str) -> T:
        return self._folded("zext", ty, (a,)) or self.make(ty, f"({C_TYPE[ty]}){self.t(a)}")

    def sext(self, a: T, ty: str) -> T:
        known = self._folded("sext", ty, (a,))
        if known is not None:
            return known
        if a.ty == "i1":
            return self.make(ty, f"{self.t(a)} ? ({C_TYPE[ty]})~({C_TYPE[ty]})0 : ({C_TYPE[ty]})0")
        return self.make(ty, f"({C_TYPE[ty]})(s{WIDTH[ty]})(s{WIDTH[a.ty]}){self.t(a)}")

    def trunc(self, a: T, ty: str) -> T:
        known = self._folded("trunc", ty, (a,))
        if known is not None:
            return known
        return self.make(ty, f"({self.t(a)} & 1) != 0" if ty == "i1" else f"({C_TYPE[ty]}){self.t(a)}")

    def bitcast(self, a: T, ty: str) -> T:
        if a.ty == ty:
            return a
        if a.bits is not None:
            return self.const(ty, a.bits)
        if WIDTH[ty] == 16:
            return T(ty, a.text, a.segment)  # halves are kept as their bits
        return self.make(ty, f"as_{C_TYPE[ty]}({self.t(a)})")

    def pack64(self, lo: T, hi: T) -> T:
        known = self._folded("pack64", "i64", (lo, hi))
        return known or self.make("i64", f"(u64){self.t(lo)} | (u64){self.t(hi)} << 32")

    def lo32(self, a: T) -> T:
        return self._folded("lo32", "i32", (a,)) or self.make("i32", f"(u32){self.t(a)}")

    def hi32(self, a: T) -> T:
        return self._folded("hi32", "i32", (a,)) or self.make("i32", f"(u32)({self.t(a)} >> 32)")

    def add_carry(self, a: T, b: T, cin: T | None) -> tuple[T, T]:
        carry = f" + (u64){self.t(cin)}" if cin is not None else ""
        total = self.make("i64", f"(u64){self.t(a)} + (u64){self.t(b)}{carry}")
        return self.lo32(total), self.make("i1", f"({total.text} >> 32) != 0")

    # --- floating point -----------------------------------------------------------------------------
    def _flushed(self, ty: str, text: str, ftz: bool) -> str:
        return f"maf_ftz{WIDTH[ty]}({text})" if ftz and ty != "f64" else text

    def _arith(self, op: str, sign: str, args: Sequence[T], rnd: str, ftz: bool) -> T:
        ty = args[0].ty
        texts = [self._flushed(ty, self.t(a), ftz) for a in args]
        if ty == "f16":
            text = f"maf_{op}16({', '.join(texts)}, {MODE[rnd]})"
        elif rnd != "rn":
            text = f"maf_{op}_{ty}({', '.join(texts)}, {MODE[rnd]})"
        elif op == "fma":
            text = f"maf_fma{'f' if ty == 'f32' else 'd'}({', '.join(texts)})"
        else:
            text = f"{texts[0]} {sign} {texts[1]}"
        return self.make(ty, self._flushed(ty, text, ftz))

    def fadd(self, a: T, b: T, rnd: str = "rn", ftz: bool = False) -> T:
        return self._arith("add", "+", (a, b), rnd, ftz)

    def fmul(self, a: T, b: T, rnd: str = "rn", ftz: bool = False) -> T:
        return self._arith("mul", "*", (a, b), rnd, ftz)

    def fma(self, a: T, b: T, c: T, rnd: str = "rn", ftz: bool = False) -> T:
        return self._arith("fma", "", (a, b, c), rnd, ftz)

    def fneg(self, a: T) -> T:
        if a.ty == "f16":
            return self.make("f16", f"(u16)({self.t(a)} ^ 0x8000)")
        return self.make(a.ty, f"maf_fneg{WIDTH[a.ty]}({self.t(a)})")

    def fabs(self, a: T) -> T:
        if a.ty == "f16":
            return self.make("f16", f"(u16)({self.t(a)} & 0x7fff)")
        return self.make(a.ty, f"maf_fabs{WIDTH[a.ty]}({self.t(a)})")

    def _single(self, a: T) -> str:
        """Text of a value as f32 where it is a half."""
        return f"maf_h2f({self.t(a)})" if a.ty == "f16" else self.t(a)

    def _through_single(self, name: str, *args: T) -> T:
        """A function whose result is exact in single precision."""
        ty = args[0].ty
        inner = f"maf_{name}{64 if ty == 'f64' else 32}({', '.join(self._single(a) for a in args)})"
        return self.make(ty, f"maf_f2h({inner}, 0)" if ty == "f16" else inner)

    def fsat(self, a: T) -> T:
        return self._through_single("fsat", a)

    def fmin(self, a: T, b: T) -> T:
        return self._through_single("fmin", a, b)

    def fmax(self, a: T, b: T) -> T:
        return self._through_single("fmax", a, b)

    def fcmp(self, op: str, a: T, b: T) -> T:
        x, y = self._single(a), self._single(b)
        if a.ty == "f64":
            self.need64()
        ordered = f"{x} == {x} && {y} == {y}"
        table = {
            "ord": ordered,
            "uno": f"!({ordered})",
            "one": f"{x} < {y} || {x} > {y}",
            "ueq": f"!({x} < {y} || {x} > {y})",
            "une": f"{x} != {y}",
        }
        opposite = {"ult": ">=", "ule": ">", "ugt": "<=", "uge": "<"}
        if op in table:
            return self.make("i1", table[op])
        if op in opposite:
            return self.make("i1", f"!({x} {opposite[op]} {y})")
        return self.make("i1", f"{x} {COMPARE[op[1:]]} {y}")

    def _integral(self, ty: str, text: str, mode: str) -> str:
        return f"maf_{ROUND[mode]}{'f' if ty == 'f32' and ROUND[mode] == 'rint' else ''}({text})"

    def fround(self, a: T, mode: str) -> T:
        if a.ty == "f16":
            return self.make("f16", f"maf_f2h({self._integral('f32', self._single(a), mode)}, 0)")
        return self.make(a.ty, self._integral(a.ty, self.t(a), mode))

    def fconv(self, a: T, ty: str, rnd: str = "rn") -> T:
        if a.ty == ty:
            return a
        x, mode = self.t(a), MODE[rnd]
        if a.ty == "f64":
            self.need64()
        texts = {
            ("f16", "f32"): f"maf_h2f({x})",
            ("f16", "f64"): f"(f64)maf_h2f({x})",
            ("f32", "f64"): f"(f64){x}",
            ("f32", "f16"): f"maf_f2h({x}, {mode})",
            ("f64", "f32"): f"maf_d2f({x}, {mode})",
            ("f64", "f16"): f"maf_d2h({x}, {mode})",
        }
        return self.make(ty, texts[a.ty, ty])

    def f2i(self, a: T, ty: str, signed: bool, rnd: str) -> T:
        source = "f64" if a.ty == "f64" else "f32"
        if source == "f64":
            self.need64()
        c = f"{'s' if signed else 'u'}{WIDTH[ty]}"
        return self.make(ty, f"({C_TYPE[ty]})maf_{source}_to_{c}({self._integral(source, self._single(a), rnd)})")

    def i2f(self, a: T, ty: str, signed: bool, rnd: str = "rn") -> T:
        wide = f"(s64)(s{WIDTH[a.ty]}){self.t(a)}" if signed else f"(u64){self.t(a)}"
        if ty == "f32" and rnd == "rn":
            return self.make(ty, f"(f32){f'(s{WIDTH[a.ty]})' if signed else ''}{self.t(a)}")
        return self.make(ty, f"maf_{'s' if signed else 'u'}64_to_{ty}({wide}, {MODE[rnd]})")

    def mufu(self, fn: str, a: T) -> T:
        return self.make("f32", f"maf_mufu_{fn}({self.t(a)})")

    def frcp(self, a: T) -> T:
        return self.make("f64", f"1.0 / {self.t(a)}")

    def fsqrt(self, a: T) -> T:
        return self.make("f64", f"maf_sqrt({self.t(a)})")
