"""Floating point: directed rounding, exact flush to zero, conversions, MUFU approximations.

Directed rounding uses AVX-512 embedded rounding where the target has it, else a helper that
switches the rounding mode around constrained intrinsics. MUFU functions are polynomials with an
error of about 1 ulp; the hardware's are within 2 (CUDA C Programming Guide, intrinsic functions).
"""

from __future__ import annotations

import math
import struct

from .llvm_core import Core
from .values import INT_OF, WIDTH, V, mangled, type_of

# Operand of the AVX-512 rounding intrinsics (exceptions suppressed), and of llvm.set.rounding.
EMBEDDED = {"rn": 8, "rm": 9, "rp": 10, "rz": 11}
MODE = {"rz": 0, "rn": 1, "rp": 2, "rm": 3}
EXPONENT = {"f16": 0x7C00, "f32": 0x7F800000, "f64": 0x7FF0000000000000}
ROUND = {"rn": "roundeven", "floor": "floor", "ceil": "ceil", "trunc": "trunc"}
TO_INTEGRAL = {"rn": "rn", "rm": "floor", "rp": "ceil", "rz": "trunc"}


def _f32(x: float) -> int:
    return struct.unpack("<I", struct.pack("<f", x))[0]


# Taylor coefficients of 2**f are accurate enough on |f| <= 1/2 at degree 7.
EX2 = [math.log(2) ** k / math.factorial(k) for k in range(8)]
# Nearest polynomial of degree 6 with 2**0 = 1: 0.8 units in the last place in f32 arithmetic.
EX2_16 = [1.0, 0.693147188029343, 0.24022650922342706, 0.0555035710425262, 0.00961805666988776, 0.0013390867351510713]
EX2_16.append(0.00015461447462985332)
# log2(1+t)/t on t in [sqrt(1/2)-1, sqrt(2)-1] through atanh: log2(m) = 2/ln2 * (s + s^3/3 + ...), s = (m-1)/(m+1).
LG2 = [2 / math.log(2) / k for k in (1, 3, 5, 7, 9)]
SIN = [1.0, -1 / 6, 1 / 120, -1 / 5040, 1 / 362880]
COS = [1.0, -1 / 2, 1 / 24, -1 / 720, 1 / 40320, -1 / 3628800]
TANH = [1.0, -1 / 3, 2 / 15, -17 / 315, 62 / 2835]


class Float(Core):
    # --- Builder ----------------------------------------------------------------------------
    def fadd(self, a: V, b: V, rnd: str = "rn", ftz: bool = False) -> V:
        return self.node("fadd", a.ty, (a, b), (rnd, ftz))

    def fmul(self, a: V, b: V, rnd: str = "rn", ftz: bool = False) -> V:
        return self.node("fmul", a.ty, (a, b), (rnd, ftz))

    def fma(self, a: V, b: V, c: V, rnd: str = "rn", ftz: bool = False) -> V:
        return self.node("fma", a.ty, (a, b, c), (rnd, ftz))

    def fneg(self, a: V) -> V:
        return self.node("fneg", a.ty, (a,))

    def fabs(self, a: V) -> V:
        return self.node("fabs", a.ty, (a,))

    def fsat(self, a: V) -> V:
        return self.node("fsat", a.ty, (a,))

    def fmin(self, a: V, b: V) -> V:
        return self.node("fminmax", a.ty, (a, b), "minimumnum")

    def fmax(self, a: V, b: V) -> V:
        return self.node("fminmax", a.ty, (a, b), "maximumnum")

    def fcmp(self, op: str, a: V, b: V) -> V:
        return self.node("fcmp", "i1", (a, b), op)

    def fround(self, a: V, mode: str) -> V:
        return self.node("fround", a.ty, (a,), mode)

    def fconv(self, a: V, ty: str, rnd: str = "rn") -> V:
        return a if a.ty == ty else self.node("fconv", ty, (a,), rnd)

    def f2i(self, a: V, ty: str, signed: bool, rnd: str) -> V:
        if a.ty == "f16":
            a = self.fconv(a, "f32")
        mode = TO_INTEGRAL.get(rnd, rnd)
        if mode != "trunc":
            a = self.fround(a, mode)
        return self.node("f2i", ty, (a,), signed)

    def i2f(self, a: V, ty: str, signed: bool, rnd: str = "rn") -> V:
        if ty == "f16":  # exact in f32 up to 2**16, and all beyond 65504 rounds alike
            if WIDTH[a.ty] > 16:
                bound = self.const(a.ty, 65536)
                if signed:
                    a = self.node("smax", a.ty, (self.node("smin", a.ty, (a, bound)), self.const(a.ty, -65536)))
                else:
                    a = self.node("umin", a.ty, (a, bound))
            return self.fconv(self.node("i2f", "f32", (a,), (signed, "rn")), ty, rnd)
        return self.node("i2f", ty, (a,), (signed, rnd))

    def mufu(self, fn: str, a: V) -> V:
        return self.node("mufu", "f32", (a,), fn)

    def fdiv(self, a: V, b: V) -> V:
        return self.node("fdiv", a.ty, (a, b))

    def frcp(self, a: V) -> V:
        return self.node("frcp", a.ty, (a,))

    def fsqrt(self, a: V) -> V:
        return self.node("fsqrt", a.ty, (a,))

    # --- emission: arithmetic -------------------------------------------------------------------
    def fconst(self, ty: str, x: float, vec: bool) -> str:
        bits = _f32(x) if ty == "f32" else struct.unpack("<Q", struct.pack("<d", x))[0]
        return self.literal(ty, bits, vec)

    def _flush(self, ty: str, text: str, vec: bool) -> str:
        it = INT_OF[ty]
        t, ti, tb = type_of(ty, vec), type_of(it, vec), type_of("i1", vec)
        i = self.ins(f"bitcast {t} {text} to {ti}")
        e = self.ins(f"and {ti} {i}, {self.literal(it, EXPONENT[ty], vec)}")
        z = self.ins(f"icmp eq {ti} {e}, {self.literal(it, 0, vec)}")
        s = self.ins(f"and {ti} {i}, {self.literal(it, 1 << (WIDTH[ty] - 1), vec)}")
        r = self.ins(f"select {tb} {z}, {ti} {s}, {ti} {i}")
        return self.ins(f"bitcast {ti} {r} to {t}")

    def _arith(self, v: V, vec: bool) -> str:
        rnd, ftz = v.x
        ty = v.ty
        ops = [self.text(a, vec) for a in v.args]
        if ftz:
            ops = [self._flush(ty, o, vec) if a.kind != "c" else o for o, a in zip(ops, v.args)]
        if ty == "f16":
            r = self._half(v.op, ops, vec)
        elif rnd == "rn":
            r = self._nearest(v.op, ty, ops, vec)
        elif self.module.features["avx512"]:
            r = self._embedded(v.op, ty, ops, vec, rnd)
        else:
            r = self._switched(v.op, ty, ops, vec, rnd)
        return self._flush(ty, r, vec) if ftz else r

    emit_fadd = emit_fmul = emit_fma = _arith

    def _nearest(self, op: str, ty: str, ops: list[str], vec: bool) -> str:
        t = type_of(ty, vec)
        if op == "fma":
            return self.call(f"llvm.fma.{mangled(ty, vec)}", t, *(f"{t} {o}" for o in ops))
        return self.ins(f"{op} {t} {ops[0]}, {ops[1]}")

    def _half(self, op: str, ops: list[str], vec: bool) -> str:
        """f16 in f32: one rounding to 24 bits is innocuous for + and *; fma rounds to odd first."""
        t, tf, ti = type_of("f16", vec), type_of("f32", vec), type_of("i32", vec)
        w = [self.ins(f"fpext {t} {o} to {tf}") for o in ops]
        if op != "fma":
            return self._to_half(self.ins(f"{op} {tf} {w[0]}, {w[1]}"), vec)
        p = self.ins(f"fmul {tf} {w[0]}, {w[1]}")  # exact: 22 bits
        s = self.ins(f"fadd {tf} {p}, {w[2]}")
        # TwoSum: e is the rounding error of s.
        bb = self.ins(f"fsub {tf} {s}, {p}")
        e1 = self.ins(f"fsub {tf} {p}, {self.ins(f'fsub {tf} {s}, {bb}')}")
        e2 = self.ins(f"fsub {tf} {w[2]}, {bb}")
        e = self.ins(f"fadd {tf} {e1}, {e2}")
        x = self.ins(f"xor {ti} {self.ins(f'bitcast {tf} {s} to {ti}')}, {self.ins(f'bitcast {tf} {e} to {ti}')}")
        short = self.ins(f"icmp sge {ti} {x}, {self.literal('i32', 0, vec)}")
        inexact = self.ins(f"fcmp one {tf} {e}, {self.fconst('f32', 0.0, vec)}")
        return self._to_half(self._to_odd(s, inexact, short, vec), vec)

    def _to_half(self, x: str, vec: bool) -> str:
        """f32 to f16 by rounding to nearest; the hardware's NaN is 0x7fff."""
        t, tf, ti = type_of("f16", vec), type_of("f32", vec), type_of("i16", vec)
        r = self.ins(f"fptrunc {tf} {x} to {t}")
        nan = self.ins(f"fcmp uno {tf} {x}, {x}")
        i = self.ins(f"bitcast {t} {r} to {ti}")
        i = self.ins(f"select {type_of('i1', vec)} {nan}, {ti} {self.literal('i16', 0x7FFF, vec)}, {ti} {i}")
        return self.ins(f"bitcast {ti} {i} to {t}")

    def _to_odd(self, x: str, inexact: str, short: str, vec: bool) -> str:
        """f32 x rounded to odd instead of nearest. short: the exact value is larger in magnitude."""
        tf, ti, tb = type_of("f32", vec), type_of("i32", vec), type_of("i1", vec)
        i = self.ins(f"bitcast {tf} {x} to {ti}")
        one, zero = self.literal("i32", 1, vec), self.literal("i32", 0, vec)
        even = self.ins(f"icmp eq {ti} {self.ins(f'and {ti} {i}, {one}')}, {zero}")
        step = self.ins(f"select {tb} {short}, {ti} {one}, {ti} {self.literal('i32', 0xFFFFFFFF, vec)}")
        adjust = self.ins(f"and {tb} {inexact}, {even}")
        odd = self.ins(f"select {tb} {adjust}, {ti} {self.ins(f'add {ti} {i}, {step}')}, {ti} {i}")
        return self.ins(f"bitcast {ti} {odd} to {tf}")

    def _split(self, ty: str, text: str, n: int) -> list[str]:
        """A 32-lane vector in pieces of n lanes."""
        t = type_of(ty, True)
        out = []
        for k in range(0, 32, n):
            idx = ", ".join(f"i32 {k + i}" for i in range(n))
            out.append(self.ins(f"shufflevector {t} {text}, {t} poison, <{n} x i32> <{idx}>"))
        return out

    def _join(self, elem: str, parts: list[str], n: int) -> str:
        while len(parts) > 1:
            idx = ", ".join(f"i32 {i}" for i in range(2 * n))
            parts = [
                self.ins(
                    f"shufflevector <{n} x {elem}> {parts[i]}, <{n} x {elem}> {parts[i + 1]}, <{2 * n} x i32> <{idx}>"
                )
                for i in range(0, len(parts), 2)
            ]
            n *= 2
        return parts[0]

    def _embedded(self, op: str, ty: str, ops: list[str], vec: bool, rnd: str) -> str:
        n, elem, suffix = (16, "float", "ps") if ty == "f32" else (8, "double", "pd")
        name = {"fadd": "add", "fmul": "mul", "fma": "vfmadd"}[op]
        vt = f"<{n} x {elem}>"
        mode = f"i32 {EMBEDDED[rnd]}"
        if not vec:
            wide = []
            for o in ops:
                wide.append(self.ins(f"insertelement {vt} zeroinitializer, {elem} {o}, i32 0"))
            r = self.call(f"llvm.x86.avx512.{name}.{suffix}.512", vt, *(f"{vt} {o}" for o in wide), mode)
            return self.ins(f"extractelement {vt} {r}, i32 0")
        pieces = [self._split(ty, o, n) for o in ops]
        parts = [
            self.call(f"llvm.x86.avx512.{name}.{suffix}.512", vt, *(f"{vt} {p[k]}" for p in pieces), mode)
            for k in range(32 // n)
        ]
        return self._join(elem, parts, n)

    def _switched(self, op: str, ty: str, ops: list[str], vec: bool, rnd: str) -> str:
        t = type_of(ty, vec)
        m = mangled(ty, vec)
        name = f"{op}_{rnd}_{m}"
        args = ", ".join(f"{t} %a{i}" for i in range(len(ops)))
        inner = f"llvm.experimental.constrained.{op}.{m}"
        self.module.intrinsic(inner, t, ", ".join([t] * len(ops)) + ", metadata, metadata")
        self.module.intrinsic("llvm.set.rounding", "void", "i32")
        call_args = ", ".join(f"{t} %a{i}" for i in range(len(ops)))
        self.module.helper(
            name,
            f"define internal {t} @{name}({args}) noinline strictfp #0 {{\n"
            f"  call void @llvm.set.rounding(i32 {MODE[rnd]}) strictfp\n"
            f'  %r = call {t} @{inner}({call_args}, metadata !"round.dynamic", metadata !"fpexcept.strict") strictfp\n'
            f"  call void @llvm.set.rounding(i32 1) strictfp\n"
            f"  ret {t} %r\n}}\n",
        )
        return self.ins(f"call {t} @{name}({', '.join(f'{t} {o}' for o in ops)})")

    def emit_fneg(self, v: V, vec: bool) -> str:
        return self.ins(f"fneg {type_of(v.ty, vec)} {self.text(v.args[0], vec)}")

    def emit_fabs(self, v: V, vec: bool) -> str:
        t = type_of(v.ty, vec)
        return self.call(f"llvm.fabs.{mangled(v.ty, vec)}", t, f"{t} {self.text(v.args[0], vec)}")

    def emit_fsat(self, v: V, vec: bool) -> str:
        t, tb = type_of(v.ty, vec), type_of("i1", vec)
        a = self.text(v.args[0], vec)
        zero = self.literal(v.ty, 0, vec)
        one = self.literal(v.ty, {"f16": 0x3C00, "f32": 0x3F800000, "f64": 0x3FF0000000000000}[v.ty], vec)
        p = self.ins(f"fcmp ogt {t} {a}, {zero}")
        q = self.ins(f"fcmp olt {t} {a}, {one}")
        r = self.ins(f"select {tb} {q}, {t} {a}, {t} {one}")
        return self.ins(f"select {tb} {p}, {t} {r}, {t} {zero}")

    def emit_fminmax(self, v: V, vec: bool) -> str:
        t = type_of(v.ty, vec)
        a, b = (self.text(x, vec) for x in v.args)
        if v.ty == "f16":
            tf = type_of("f32", vec)
            a, b = self.ins(f"fpext {t} {a} to {tf}"), self.ins(f"fpext {t} {b} to {tf}")
            return self._to_half(self.call(f"llvm.{v.x}.{mangled('f32', vec)}", tf, f"{tf} {a}", f"{tf} {b}"), vec)
        return self.call(f"llvm.{v.x}.{mangled(v.ty, vec)}", t, f"{t} {a}", f"{t} {b}")

    def emit_fcmp(self, v: V, vec: bool) -> str:
        a, b = v.args
        t = type_of(a.ty, vec)
        at, bt = self.text(a, vec), self.text(b, vec)
        if a.ty == "f16":
            tf = type_of("f32", vec)
            at, bt = self.ins(f"fpext {t} {at} to {tf}"), self.ins(f"fpext {t} {bt} to {tf}")
            t = tf
        return self.ins(f"fcmp {v.x} {t} {at}, {bt}")

    def emit_fround(self, v: V, vec: bool) -> str:
        t = type_of(v.ty, vec)
        a = self.text(v.args[0], vec)
        if v.ty == "f16":
            tf = type_of("f32", vec)
            r = self.call(f"llvm.{ROUND[v.x]}.{mangled('f32', vec)}", tf, f"{tf} {self.ins(f'fpext {t} {a} to {tf}')}")
            return self._to_half(r, vec)
        return self.call(f"llvm.{ROUND[v.x]}.{mangled(v.ty, vec)}", t, f"{t} {a}")

    def emit_fdiv(self, v: V, vec: bool) -> str:
        a, b = (self.text(x, vec) for x in v.args)
        return self.ins(f"fdiv {type_of(v.ty, vec)} {a}, {b}")

    def emit_frcp(self, v: V, vec: bool) -> str:
        return self.ins(
            f"fdiv {type_of(v.ty, vec)} {self.literal(v.ty, 0x3FF << 52 if v.ty == 'f64' else 0x3F800000, vec)}, "
            f"{self.text(v.args[0], vec)}"
        )

    def emit_fsqrt(self, v: V, vec: bool) -> str:
        t = type_of(v.ty, vec)
        return self.call(f"llvm.sqrt.{mangled(v.ty, vec)}", t, f"{t} {self.text(v.args[0], vec)}")

    # --- emission: conversions ------------------------------------------------------------------
    def emit_fconv(self, v: V, vec: bool) -> str:
        a = v.args[0]
        t, ta = type_of(v.ty, vec), type_of(a.ty, vec)
        x = self.text(a, vec)
        if WIDTH[v.ty] > WIDTH[a.ty]:
            if a.ty == "f16" and v.ty == "f64":
                tf = type_of("f32", vec)
                return self.ins(f"fpext {tf} {self.ins(f'fpext {ta} {x} to {tf}')} to {t}")
            return self.ins(f"fpext {ta} {x} to {t}")
        if a.ty == "f64" and v.ty == "f16":  # no such instruction, and LLVM would call a library function
            tf = type_of("f32", vec)
            f = self.ins(f"fptrunc {ta} {x} to {tf}")
            wide = self.ins(f"fpext {tf} {f} to {ta}")
            inexact = self.ins(f"fcmp one {ta} {wide}, {x}")
            m = mangled("f64", vec)
            short = self.ins(
                f"fcmp olt {ta} {self.call(f'llvm.fabs.{m}', ta, f'{ta} {wide}')}, "
                f"{self.call(f'llvm.fabs.{m}', ta, f'{ta} {x}')}"
            )
            r = self._to_half(self._to_odd(f, inexact, short, vec), vec)
            back = self.ins(f"fpext {tf} {self.ins(f'fpext {t} {r} to {tf}')} to {ta}")
        else:
            r = self._to_half(x, vec) if v.ty == "f16" else self.ins(f"fptrunc {ta} {x} to {t}")
            back = "" if v.x == "rn" else self.ins(f"fpext {t} {r} to {ta}")
        if v.x == "rn":
            return r
        return self._nudge(v.ty, r, v.x, vec, ta, back, x, "fcmp o")

    def _nudge(self, ty: str, r: str, rnd: str, vec: bool, tw: str, back: str, exact: str, cmp: str) -> str:
        """Moves the nearest result r one step where it lies on the wrong side of the exact value."""
        it = INT_OF[ty]
        t, ti, tb = type_of(ty, vec), type_of(it, vec), type_of("i1", vec)
        w = WIDTH[ty]
        high = self.ins(f"{cmp}gt {tw} {back}, {exact}")
        low = self.ins(f"{cmp}lt {tw} {back}, {exact}")
        i = self.ins(f"bitcast {t} {r} to {ti}")
        negative = self.ins(f"icmp slt {ti} {i}, {self.literal(it, 0, vec)}")
        one, minus = self.literal(it, 1, vec), self.literal(it, (1 << w) - 1, vec)
        zero = self.literal(it, 0, vec)
        if rnd == "rp":
            step = self.ins(f"select {tb} {negative}, {ti} {minus}, {ti} {one}")
            step = self.ins(f"select {tb} {low}, {ti} {step}, {ti} {zero}")
        elif rnd == "rm":
            step = self.ins(f"select {tb} {negative}, {ti} {one}, {ti} {minus}")
            step = self.ins(f"select {tb} {high}, {ti} {step}, {ti} {zero}")
        else:  # toward zero
            away = self.ins(f"select {tb} {negative}, {tb} {low}, {tb} {high}")
            step = self.ins(f"select {tb} {away}, {ti} {minus}, {ti} {zero}")
        return self.ins(f"bitcast {ti} {self.ins(f'add {ti} {i}, {step}')} to {t}")

    def emit_i2f(self, v: V, vec: bool) -> str:
        is_signed, rnd = v.x
        a = v.args[0]
        t, ta = type_of(v.ty, vec), type_of(a.ty, vec)
        x = self.text(a, vec)
        conv = "sitofp" if is_signed else "uitofp"
        exact = WIDTH[a.ty] <= (32 if v.ty == "f64" else 16)
        r = self.ins(f"{conv} {ta} {x} to {t}")
        if rnd == "rn" or exact:
            return r
        if WIDTH[a.ty] == 32:  # double holds every 32-bit integer
            td = type_of("f64", vec)
            d = self.ins(f"{conv} {ta} {x} to {td}")
            back = self.ins(f"fpext {t} {r} to {td}")
            return self._nudge(v.ty, r, rnd, vec, td, back, d, "fcmp o")
        # 64-bit source: compare in integers. A result of 2**64 (2**63) saturates; it is above every source.
        back = self._fpto("i64", v.ty, r, is_signed, vec)
        limit = {("f32", True): 0x5F000000, ("f32", False): 0x5F800000}.get((v.ty, is_signed))
        if limit is None:
            limit = 0x43E0000000000000 if is_signed else 0x43F0000000000000
        over = self.ins(f"fcmp oeq {t} {r}, {self.literal(v.ty, limit, vec)}")
        nudged = self._nudge(v.ty, r, rnd, vec, ta, back, x, "icmp s" if is_signed else "icmp u")
        below = self.literal(v.ty, limit - 1, vec)
        top = self.literal(v.ty, limit, vec) if rnd == "rp" else below
        return self.ins(f"select {type_of('i1', vec)} {over}, {t} {top}, {t} {nudged}")

    def emit_f2i(self, v: V, vec: bool) -> str:
        a = v.args[0]
        t, ta, tb = type_of(v.ty, vec), type_of(a.ty, vec), type_of("i1", vec)
        x = self.text(a, vec)
        r = self._fpto(v.ty, a.ty, x, v.x, vec)
        if v.ty != "i64":
            return r
        nan = self.ins(f"fcmp uno {ta} {x}, {x}")
        return self.ins(f"select {tb} {nan}, {t} {self.literal('i64', 1 << 63, vec)}, {t} {r}")

    def _fpto(self, ty: str, fty: str, x: str, is_signed: bool, vec: bool) -> str:
        """Saturating conversion, NaN to 0. (LLVM expands its own saturating conversions lane by lane.)"""
        wide = ty if WIDTH[ty] >= 32 else "i32"
        t, tw, ta, tb = type_of(ty, vec), type_of(wide, vec), type_of(fty, vec), type_of("i1", vec)
        w = WIDTH[ty]
        low, high = (-(2.0 ** (w - 1)), 2.0 ** (w - 1)) if is_signed else (0.0, 2.0**w)
        least, most = (1 << (w - 1), (1 << (w - 1)) - 1) if is_signed else (0, (1 << w) - 1)
        over = self.ins(f"fcmp oge {ta} {x}, {self.fconst(fty, high, vec)}")
        inside = self.ins(f"fcmp oge {ta} {x}, {self.fconst(fty, low, vec)}")
        inside = self.ins(f"and {tb} {inside}, {self.ins(f'xor {tb} {over}, ' + self.literal('i1', 1, vec))}")
        safe = self.ins(f"select {tb} {inside}, {ta} {x}, {ta} {self.fconst(fty, 0.0, vec)}")
        r = self.ins(f"fpto{'si' if is_signed else 'ui'} {ta} {safe} to {tw}")
        if wide != ty:
            r = self.ins(f"trunc {tw} {r} to {t}")
        r = self.ins(f"select {tb} {over}, {t} {self.literal(ty, most, vec)}, {t} {r}")
        if is_signed:
            under = self.ins(f"fcmp olt {ta} {x}, {self.fconst(fty, low, vec)}")
            r = self.ins(f"select {tb} {under}, {t} {self.literal(ty, least, vec)}, {t} {r}")
        return r

    # --- emission: MUFU -------------------------------------------------------------------------
    def emit_mufu(self, v: V, vec: bool) -> str:
        return getattr(self, "_mufu_" + v.x)(self.text(v.args[0], vec), vec)

    def _fma(self, a: str, b: str, c: str, vec: bool) -> str:
        return self._nearest("fma", "f32", [a, b, c], vec)

    def _poly(self, coefficients: list[float], x: str, vec: bool) -> str:
        r = self.fconst("f32", coefficients[-1], vec)
        for c in reversed(coefficients[:-1]):
            r = self._fma(r, x, self.fconst("f32", c, vec), vec)
        return r

    def _mufu_rcp(self, x: str, vec: bool) -> str:
        return self.ins(f"fdiv {type_of('f32', vec)} {self.fconst('f32', 1.0, vec)}, {x}")

    def _mufu_sqrt(self, x: str, vec: bool) -> str:
        t = type_of("f32", vec)
        return self.call(f"llvm.sqrt.{mangled('f32', vec)}", t, f"{t} {x}")

    def _mufu_rsq(self, x: str, vec: bool) -> str:
        return self._mufu_rcp(self._mufu_sqrt(x, vec), vec)

    def _ex2_scaled(self, x: str) -> str:
        """2**x as 2**(x - n) scaled by 2**n, which the processor does for all operands, infinite and NaN included."""
        v = "<16 x float>"
        out = []
        for part in self._split("f32", x, 16):
            # 8: exceptions are not reported; rounding to nearest, 0 fraction bits.
            args = (f"{v} {part}", "i32 8", f"{v} {part}", "i16 -1", "i32 8")
            f = self.call("llvm.x86.avx512.mask.reduce.ps.512", v, *args)
            args = (f"{v} {part}", "i32 8", f"{v} {part}", "i16 -1", "i32 8")
            n = self.call("llvm.x86.avx512.mask.rndscale.ps.512", v, *args)
            p = self.literal_of(v, EX2_16[-1])
            for c in reversed(EX2_16[:-1]):
                p = self.call("llvm.fma.v16f32", v, f"{v} {p}", f"{v} {f}", f"{v} {self.literal_of(v, c)}")
            args = (f"{v} {p}", f"{v} {n}", f"{v} {p}", "i16 -1", "i32 8")
            out.append(self.call("llvm.x86.avx512.mask.scalef.ps.512", v, *args))
        return self._join("float", out, 16)

    def literal_of(self, v: str, x: float) -> str:
        """x in all lanes of a float vector type."""
        return f"bitcast ({v.replace('float', 'i32')} splat (i32 {_f32(x)}) to {v})"

    def _mufu_ex2(self, x: str, vec: bool) -> str:
        if vec and self.module.features["avx512"]:
            return self._ex2_scaled(x)
        t, ti, tb, m = type_of("f32", vec), type_of("i32", vec), type_of("i1", vec), mangled("f32", vec)
        # Clamped so that the exponent arithmetic cannot overflow; NaN is put back below.
        y = x
        for bound, cmp in ((192.0, "ogt"), (-192.0, "olt")):
            c = self.fconst("f32", bound, vec)
            y = self.ins(f"select {tb} {self.ins(f'fcmp {cmp} {t} {y}, {c}')}, {t} {c}, {t} {y}")
        n = self.call(f"llvm.rint.{m}", t, f"{t} {y}")
        f = self.ins(f"fsub {t} {y}, {n}")
        p = self._poly(EX2, f, vec)
        i = self.ins(f"fptosi {t} {n} to {ti}")
        half = self.ins(f"ashr {ti} {i}, {self.literal('i32', 1, vec)}")
        rest = self.ins(f"sub {ti} {i}, {half}")
        for part in (half, rest):
            e = self.ins(f"add {ti} {part}, {self.literal('i32', 127, vec)}")
            e = self.ins(f"shl {ti} {e}, {self.literal('i32', 23, vec)}")
            p = self.ins(f"fmul {t} {p}, {self.ins(f'bitcast {ti} {e} to {t}')}")
        nan = self.ins(f"fcmp uno {t} {x}, {x}")
        return self.ins(f"select {tb} {nan}, {t} {x}, {t} {p}")

    def _mufu_lg2(self, x: str, vec: bool) -> str:
        t, ti, tb = type_of("f32", vec), type_of("i32", vec), type_of("i1", vec)
        # Subnormals are scaled into the normal range first.
        small = self.ins(f"fcmp olt {t} {x}, {self.literal('f32', 0x00800000, vec)}")
        scaled = self.ins(f"fmul {t} {x}, {self.fconst('f32', 2.0**24, vec)}")
        y = self.ins(f"select {tb} {small}, {t} {scaled}, {t} {x}")
        bias = self.ins(
            f"select {tb} {small}, {t} {self.fconst('f32', -24.0, vec)}, {t} {self.fconst('f32', 0.0, vec)}"
        )
        i = self.ins(f"bitcast {t} {y} to {ti}")
        # m in [sqrt(1/2), sqrt(2)): subtract the bits of sqrt(1/2).
        d = self.ins(f"sub {ti} {i}, {self.literal('i32', 0x3F3504F3, vec)}")
        e = self.ins(f"ashr {ti} {d}, {self.literal('i32', 23, vec)}")
        mi = self.ins(f"sub {ti} {i}, {self.ins(f'shl {ti} {e}, ' + self.literal('i32', 23, vec))}")
        m = self.ins(f"bitcast {ti} {mi} to {t}")
        num = self.ins(f"fsub {t} {m}, {self.fconst('f32', 1.0, vec)}")
        den = self.ins(f"fadd {t} {m}, {self.fconst('f32', 1.0, vec)}")
        s = self.ins(f"fdiv {t} {num}, {den}")
        z = self.ins(f"fmul {t} {s}, {s}")
        p = self._poly(LG2, z, vec)
        ef = self.ins(f"fadd {t} {self.ins(f'sitofp {ti} {e} to {t}')}, {bias}")
        r = self._fma(p, s, ef, vec)
        inf, zero = self.literal("f32", 0x7F800000, vec), self.fconst("f32", 0.0, vec)
        r = self.ins(f"select {tb} {self.ins(f'fcmp oeq {t} {x}, {inf}')}, {t} {inf}, {t} {r}")
        r = self.ins(
            f"select {tb} {self.ins(f'fcmp oeq {t} {x}, {zero}')}, {t} {self.literal('f32', 0xFF800000, vec)}, {t} {r}"
        )
        bad = self.ins(f"fcmp ult {t} {x}, {zero}")
        return self.ins(f"select {tb} {bad}, {t} {self.literal('f32', 0x7FFFFFFF, vec)}, {t} {r}")

    def _mufu_sin(self, x: str, vec: bool) -> str:
        return self._sincos(x, vec, 0)

    def _mufu_cos(self, x: str, vec: bool) -> str:
        return self._sincos(x, vec, 1)

    def _sincos(self, x: str, vec: bool, quarter: int) -> str:
        t, ti, tb, m = type_of("f32", vec), type_of("i32", vec), type_of("i1", vec), mangled("f32", vec)
        q = self.ins(f"fmul {t} {x}, {self.fconst('f32', 2 / math.pi, vec)}")
        n = self.call(f"llvm.rint.{m}", t, f"{t} {q}")
        neg = self.ins(f"fneg {t} {n}")
        # pi/2 in three parts of 24 bits (Cody and Waite).
        c1 = struct.unpack("<f", struct.pack("<f", math.pi / 2))[0]
        c2 = struct.unpack("<f", struct.pack("<f", math.pi / 2 - c1))[0]
        c3 = 6.123233995736766e-17 + (math.pi / 2 - c1 - c2)
        r = x
        for c in (c1, c2, c3):
            r = self._fma(neg, self.fconst("f32", c, vec), r, vec)
        z = self.ins(f"fmul {t} {r}, {r}")
        s = self.ins(f"fmul {t} {r}, {self._poly(SIN, z, vec)}")
        c = self._poly(COS, z, vec)
        i = self._fpto("i32", "f32", n, True, vec)
        if quarter:
            i = self.ins(f"add {ti} {i}, {self.literal('i32', 1, vec)}")
        odd = self.ins(f"trunc {ti} {i} to {tb}")
        r = self.ins(f"select {tb} {odd}, {t} {c}, {t} {s}")
        flip = self.ins(f"shl {ti} {i}, {self.literal('i32', 30, vec)}")
        flip = self.ins(f"and {ti} {flip}, {self.literal('i32', 1 << 31, vec)}")
        b = self.ins(f"xor {ti} {self.ins(f'bitcast {t} {r} to {ti}')}, {flip}")
        r = self.ins(f"bitcast {ti} {b} to {t}")
        mag = self.call(f"llvm.fabs.{m}", t, f"{t} {x}")
        inf = self.ins(f"fcmp ueq {t} {mag}, {self.literal('f32', 0x7F800000, vec)}")
        return self.ins(f"select {tb} {inf}, {t} {self.literal('f32', 0x7FFFFFFF, vec)}, {t} {r}")

    def _mufu_tanh(self, x: str, vec: bool) -> str:
        t, tb, m = type_of("f32", vec), type_of("i1", vec), mangled("f32", vec)
        mag = self.call(f"llvm.fabs.{m}", t, f"{t} {x}")
        e = self._mufu_ex2(self.ins(f"fmul {t} {mag}, {self.fconst('f32', 2 / math.log(2), vec)}"), vec)
        d = self.ins(f"fadd {t} {e}, {self.fconst('f32', 1.0, vec)}")
        q = self.ins(f"fdiv {t} {self.fconst('f32', -2.0, vec)}, {d}")
        big = self.ins(f"fadd {t} {q}, {self.fconst('f32', 1.0, vec)}")
        z = self.ins(f"fmul {t} {mag}, {mag}")
        small = self.ins(f"fmul {t} {mag}, {self._poly(TANH, z, vec)}")
        near = self.ins(f"fcmp olt {t} {mag}, {self.fconst('f32', 0.25, vec)}")
        r = self.ins(f"select {tb} {near}, {t} {small}, {t} {big}")
        return self.call(f"llvm.copysign.{m}", t, f"{t} {r}", f"{t} {x}")
