"""LLVM text emission of lazily evaluated values: shapes, integer operations, constants.

Expressions are hash-consed per basic block. ``scalar(v)`` and ``vector(v)`` emit a value where it
is needed and return its operand text. ``cold()`` scopes forget names given inside, because the
text inside does not dominate what follows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .abi import WARP
from .values import INT_OF, WIDTH, V, fold, mangled, mask_of, scalar_type, signed, type_of

INT_BINARY = {"add": "add", "sub": "sub", "mul": "mul", "and": "and", "or": "or", "xor": "xor"}
INT_INTRINSIC = {"smin", "smax", "umin", "umax"}
COMMUTATIVE = {"add", "mul", "and", "or", "xor", "smin", "smax", "umin", "umax"}
LANES = "<" + ", ".join(f"i32 {i}" for i in range(WARP)) + ">"
LO_WORDS = "<" + ", ".join(f"i32 {2 * i}" for i in range(WARP)) + ">"
HI_WORDS = "<" + ", ".join(f"i32 {2 * i + 1}" for i in range(WARP)) + ">"
INTERLEAVE = "<" + ", ".join(f"i32 {i // 2 + (i % 2) * WARP}" for i in range(2 * WARP)) + ">"
# A chain of unemitted expressions longer than this is emitted, to bound recursion.
MAX_DEPTH = 64


class Module:
    """Declarations, helper functions and target facts of one LLVM module."""

    def __init__(self, features: dict[str, bool]):
        self.features = features
        self.declarations: set[str] = set()
        self.helpers: dict[str, str] = {}
        self.functions: list[str] = []
        self.results: dict[str, int] = {}  # values that a helper of LlvmBuilder.outlined returns

    def intrinsic(self, name: str, ret: str, args: str) -> str:
        self.declarations.add(f"declare {ret} @{name}({args})")
        return name

    def helper(self, name: str, text: str) -> str:
        self.helpers.setdefault(name, text)
        return name


class Core:
    def __init__(self, module: Module):
        self.module = module
        self.lines: list[str] = []
        self.at_head = False
        self.head: list[str] = []  # uniform values computed at the start of the block
        self.allocas: list[str] = []
        self.places: dict[tuple[str, str], str] = {}
        self.counter = 0
        self.here = "entry"  # label of the LLVM block being written
        self.cse: dict[tuple, V] = {}
        self.fused: dict[tuple[int, int], V] = {}
        self.scopes: list[list[tuple[V, str]]] = []
        self.consts: dict[tuple[str, Any], V] = {}

    # --- text -------------------------------------------------------------------------------
    def name(self) -> str:
        self.counter += 1
        return f"%t{self.counter}"

    def ins(self, rhs: str) -> str:
        n = self.name()
        self.lines.append(f"  {n} = {rhs}")
        return n

    def do(self, text: str) -> None:
        self.lines.append("  " + text)

    def new_label(self) -> str:
        self.counter += 1
        return f"b{self.counter}"

    def label(self, l: str) -> None:
        self.lines.append(f"{l}:")
        self.here = l

    def call(self, name: str, ret: str, *args: str) -> str:
        """A call of an intrinsic; each of args is 'type value'."""
        types = ", ".join(_type_part(a) for a in args)
        self.module.intrinsic(name, ret, types)
        text = f"call {ret} @{name}({', '.join(args)})"
        if ret == "void":
            self.do(text)
            return ""
        return self.ins(text)

    def alloca(self, ty: str, align: int = 64) -> str:
        n = self.name()
        self.allocas.append(f"  {n} = alloca {ty}, align {align}")
        return n

    def place(self, role: str, ty: str) -> str:
        """Memory for values on their way into or out of a call. All calls share it: fill it just before, read it
        just after."""
        name = self.places.get((role, ty))
        if name is None:
            name = self.places[role, ty] = f"%at{len(self.places)}"
            self.allocas.append(f"  {name} = alloca {ty}, align 64")
        return name

    def word_of(self, place: str, n: int) -> str:
        """Pointer to the n-th <32 x i32> in a place."""
        if n == 0:
            return place
        name = f"{place}.{n}"
        if (name, "") not in self.places:
            self.places[name, ""] = name
            self.allocas.append(f"  {name} = getelementptr i8, ptr {place}, i64 {128 * n}")
        return name

    @contextmanager
    def cold(self) -> Iterator[None]:
        self.scopes.append([])
        try:
            yield
        finally:
            for v, attr in self.scopes.pop():
                setattr(v, attr, None)

    def _named(self, v: V, attr: str, text: str) -> str:
        setattr(v, attr, text)
        if self.scopes:
            self.scopes[-1].append((v, attr))
        return text

    def begin_block(self) -> None:
        """Forget all values: nothing emitted so far dominates what follows."""
        self.cse, self.fused, self.consts, self.head = {}, {}, {}, []

    # --- construction -------------------------------------------------------------------------
    def const(self, ty: str, bits: int) -> V:
        bits &= mask_of(WIDTH[ty])
        v = self.consts.get((ty, bits))
        if v is None:
            v = V(ty, "const", (), None, "c")
            v.c = bits
            v.early = True
            v.align = bits & -bits if bits else 1 << 31
            self.consts[ty, bits] = v
        return v

    def lanes_const(self, ty: str, values: tuple[int, ...]) -> V:
        m = mask_of(WIDTH[ty])
        values = tuple(x & m for x in values)
        if all(x == values[0] for x in values):
            return self.const(ty, values[0])
        v = self.consts.get((ty, values))
        if v is None:
            v = V(ty, "const", (), None, "k")
            v.c = values
            v.early = True
            if ty in ("i32", "i64"):
                stride = signed((values[1] - values[0]) & m, WIDTH[ty])
                if all(values[i] == (values[0] + i * stride) & m for i in range(WARP)):
                    v.base, v.stride = self.const(ty, values[0]), stride
            self.consts[ty, values] = v
        return v

    def leaf(self, ty: str, text: str, vec: bool, early: bool = False) -> V:
        """A value that already has text."""
        v = V(ty, "leaf", (), None, "v" if vec else "u")
        v.early = early
        return self._leaf_name(v, text, vec)

    def _leaf_name(self, v: V, text: str, vec: bool) -> V:
        if vec:
            v.v = text
        else:
            v.s = text
        return v

    def affine_leaf(self, base: V, stride: int) -> V:
        v = V(base.ty, "affine", (base,), stride, "a")
        v.base, v.stride = base, stride
        v.align, v.early = base.align, base.early
        return v

    def node(self, op: str, ty: str, args: tuple[V, ...], x: Any = None) -> V:
        if op in COMMUTATIVE and args[0].kind in "ck" and args[1].kind not in "ck":
            args = (args[1], args[0])
        key = (op, ty, x, *map(id, args))
        v = self.cse.get(key)
        if v is not None:
            return v
        v = self._simplify(op, ty, args, x)
        if v is None:
            kinds = {a.kind for a in args}
            v = V(ty, op, args, x, "u" if kinds <= {"c", "u"} else "v")
            v.early = all(a.early for a in args)
            if v.kind == "v":
                self._shape(v)
            elif ty in ("i32", "i64"):
                v.align = _alignment(op, args)
            v.depth = 1 + max((0 if a.s or a.v else a.depth) for a in args)
            if v.depth > MAX_DEPTH:
                self.scalar(v) if v.kind == "u" else self.vector(v)
                v.depth = 0
        self.cse[key] = v
        # Keeps the arguments alive so that their ids stay unique.
        self.cse[("keep", id(v), *map(id, args))] = args  # type: ignore[assignment]
        return v

    def _simplify(self, op: str, ty: str, args: tuple[V, ...], x: Any) -> V | None:
        if all(a.kind in "ck" for a in args):
            if all(a.kind == "c" for a in args):
                r = fold(op, ty, x, tuple((a.ty, a.c) for a in args))
                if r is not None:
                    return self.const(ty, r)
            else:
                cols = [a.c if a.kind == "k" else (a.c,) * WARP for a in args]
                rs = [fold(op, ty, x, tuple((a.ty, c[i]) for a, c in zip(args, cols))) for i in range(WARP)]
                if rs[0] is not None:
                    return self.lanes_const(ty, tuple(rs))  # type: ignore[arg-type]
        a = args[0]
        b = args[1] if len(args) > 1 else None
        if op in ("add", "or", "xor") and b is not None and b.kind == "c" and b.c == 0:
            return a
        if op in ("sub", "shl", "lshr", "ashr") and b is not None and b.kind == "c" and b.c == 0:
            return a
        if op == "add" and b is not None and b.kind == "c" and a.op == "add" and a.args[1].kind == "c":
            return self.node("add", ty, (a.args[0], self.const(ty, a.args[1].c + b.c)))
        if op == "and" and b is not None and b.kind == "c":
            if b.c == 0:
                return b
            if b.c == mask_of(WIDTH[ty]):
                return a
        if op == "or" and b is not None and b.kind == "c" and b.c == mask_of(WIDTH[ty]):
            return b
        if op in ("and", "or") and a is b:
            return a
        if op == "mul" and b is not None and b.kind == "c":
            if b.c == 0:
                return b
            if b.c == 1:
                return a
            if b.c & (b.c - 1) == 0:
                return self.node("shl", ty, (a, self.const(ty, b.c.bit_length() - 1)))
        if op == "xor" and ty == "i1" and b is not None and b.kind == "c" and a.op == "xor" and a.args[1].kind == "c":
            return a.args[0]  # not not a
        if op == "select":
            p, t, f = args
            if t is f:
                return t
            if p.kind == "c":
                return t if p.c else f
            if p.op == "xor" and p.args[1].kind == "c" and p.ty == "i1":
                return self.node("select", ty, (p.args[0], f, t))
        if op == "bitcast":
            if a.ty == ty:
                return a
            if a.op == "bitcast":
                return self.node("bitcast", ty, (a.args[0],))
        if op == "pack64":
            assert b is not None
            if a.op == "lo32" and b.op == "hi32" and a.args[0] is b.args[0]:
                return a.args[0]
            f = self.fused.get((id(a), id(b)))
            if f is not None:
                return f
            if a.op == "select" and b.op == "select" and a.args[0] is b.args[0]:
                t = self.node("pack64", "i64", (a.args[1], b.args[1]))
                e = self.node("pack64", "i64", (a.args[2], b.args[2]))
                return self.node("select", "i64", (a.args[0], t, e))
            w = self._wide(a, b)
            if w is not None:
                return w
            if b.kind == "c" and b.c == 0:
                return self.node("zext", "i64", (a,))
            if b.op == "ashr" and b.args[0] is a and b.args[1].kind == "c" and b.args[1].c == 31:
                return self.node("sext", "i64", (a,))
        if op == "lo32":
            if a.op == "pack64":
                return a.args[0]
            if a.op in ("zext", "sext") and a.args[0].ty == "i32":
                return a.args[0]
        if op == "hi32":
            if a.op == "pack64":
                return a.args[1]
            if a.op == "zext" and WIDTH[a.args[0].ty] <= 32:
                return self.const("i32", 0)
        if op == "trunc" and a.op in ("zext", "sext") and WIDTH[a.args[0].ty] >= WIDTH[ty]:
            return self.node("trunc", ty, (a.args[0],)) if a.args[0].ty != ty else a.args[0]
        if op in ("trunc", "zext", "sext") and a.ty == ty:
            return a
        return None

    def _wide(self, lo: V, hi: V) -> V | None:
        """The 64-bit value whose words these are, where both were computed from one: shifts of a pair, an index
        into an aligned record."""
        if hi.op == "hi32":
            w = hi.args[0]
            if self._is_low(lo, w):
                return w
            if lo.op == "or" and lo.args[1].kind == "c" and lo.args[1].c < _multiple(w) and self._is_low(lo.args[0], w):
                return self.node("add", "i64", (w, self.const("i64", lo.args[1].c)))
        if lo.op == "lo32" and hi.op in ("lshr", "ashr"):
            w = lo.args[0]
            if w.op == hi.op and w.args[1].kind == "c" and w.args[1].c < 32 and hi.args[1].kind == "c":
                same = hi.args[1].c == w.args[1].c and hi.args[0] is self.node("hi32", "i32", (w.args[0],))
                return w if same else None
        return None

    def _is_low(self, lo: V, w: V) -> bool:
        return lo is self.node("lo32", "i32", (w,)) or lo is self._low(w, 4)

    def _low(self, w: V, depth: int) -> V:
        """The low word of an i64, computed from low words."""
        if depth and w.kind not in "ck" and w.op in ("add", "sub", "mul"):
            return self.node(w.op, "i32", (self._low(w.args[0], depth - 1), self._low(w.args[1], depth - 1)))
        if depth and w.op == "shl" and w.args[1].kind == "c" and w.args[1].c < 32:
            return self.node("shl", "i32", (self._low(w.args[0], depth - 1), self.const("i32", w.args[1].c)))
        return self.node("lo32", "i32", (w,))

    def _shape(self, v: V) -> None:
        """Finds base + lane * stride shapes. ``ok`` is a scalar i1 when the shape needs a check at run time."""
        op, args = v.op, v.args
        if v.ty not in ("i32", "i64"):
            return
        a = args[0]
        b = args[1] if len(args) > 1 else None
        af = _affine(a)
        bf = _affine(b) if b is not None else None
        w = WIDTH[v.ty]
        base = stride = None
        ok = [p.ok for p in args if p.ok is not None]
        if op in ("add", "sub") and af and bf:
            base = self.node(op, v.ty, (af[0], bf[0]))
            stride = af[1] + bf[1] if op == "add" else af[1] - bf[1]
        elif op == "mul" and af and b is not None and b.kind == "c":
            base, stride = self.node("mul", v.ty, (af[0], b)), af[1] * signed(b.c, w)
        elif op == "shl" and af and b is not None and b.kind == "c" and b.c < w:
            base, stride = self.node("shl", v.ty, (af[0], b)), af[1] << b.c
        elif op == "or" and af and b is not None and b.kind == "c" and abs(af[1]) >= 1 and not ok:
            if af[1] > 0 and af[1] & -af[1] > b.c and af[0].align > b.c:
                base, stride = self.node("add", v.ty, (af[0], b)), af[1]
        elif op in ("lshr", "and") and v.ty == "i32" and af and b is not None and b.kind == "c" and not ok:
            self._shape_bits(v, op, af, b.c)
            return
        elif op in ("zext", "sext") and v.ty == "i64" and a.ty == "i32" and af:
            base, stride = self.node(op, "i64", (af[0],)), af[1]
            check = self._no_wrap(af[0], af[1], op)
            if check is None:
                return
            if check.kind != "c":
                ok.append(check)
            elif not check.c:
                return
        elif op == "pack64" and af and b is not None and b.kind in "cu":
            base, stride = self.node("pack64", "i64", (af[0], b)), af[1]
            check = self._no_wrap(af[0], af[1], "zext")
            if check is None:
                return
            if check.kind != "c":
                ok.append(check)
            elif not check.c:
                return
        elif op == "hi32" and af and a.kind == "a":
            end = self.node("add", "i64", (af[0], self.const("i64", af[1] * (WARP - 1))))
            first, last = self.node("hi32", "i32", (af[0],)), self.node("hi32", "i32", (end,))
            same = self.node("icmp", "i1", (first, last), "eq")
            v.x = (first, same if not ok else self.node("and", "i1", (same, ok[0])))
            return
        elif op == "lo32" and af:
            ok = []  # the low words agree even where the wide shape fails
            base, stride = self.node("lo32", "i32", (af[0],)), af[1]
        if base is None or stride is None or base.kind not in "cu":
            return
        stride = signed(stride & mask_of(w), w)
        if stride == 0 and not ok:
            v.kind, v.op, v.args, v.c, v.align = base.kind, "same", (base,), base.c, base.align
            return
        v.kind, v.base, v.stride = "a", base, stride
        if ok:
            v.ok = ok[0]
            for o in ok[1:]:
                v.ok = self.node("and", "i1", (v.ok, o)) if o is not v.ok else o
        v.align = base.align

    def _shape_bits(self, v: V, op: str, af: tuple[V, int], c: int) -> None:
        """tid >> 5 is uniform and tid & 31 is the lane where the base is a multiple of the warp size."""
        base, stride = af
        if stride <= 0:
            return
        span = stride * WARP
        if stride & (stride - 1) or base.align < span:
            return
        if op == "lshr" and (1 << c) >= span:
            r = self.node("lshr", "i32", (base, self.const("i32", c)))
            v.kind, v.op, v.args = ("c" if r.kind == "c" else "u"), "same", (r,)
            v.c = r.c
        elif op == "lshr" and (1 << c) <= stride:
            v.kind, v.base, v.stride = "a", self.node("lshr", "i32", (base, self.const("i32", c))), stride >> c
            v.align = v.base.align
        elif op == "and":
            low = c & (span - 1)
            if low == 0:
                r = self.node("and", "i32", (base, self.const("i32", c)))
                v.kind, v.op, v.args = ("c" if r.kind == "c" else "u"), "same", (r,)
                v.c = r.c
                v.align = r.align
            elif low & ~(stride - 1) == (span - 1) & ~(stride - 1):
                v.kind, v.base, v.stride = "a", self.node("and", "i32", (base, self.const("i32", c))), stride
                v.align = v.base.align

    def _no_wrap(self, base: V, stride: int, op: str) -> V | None:
        """Condition under which widening base + lane * stride lane by lane equals widening base."""
        reach = stride * (WARP - 1)
        if abs(reach) >= 1 << 31:
            return None
        if op == "zext":
            if reach >= 0:
                return self.node("icmp", "i1", (base, self.const("i32", 0xFFFFFFFF - reach)), "ule")
            return self.node("icmp", "i1", (base, self.const("i32", -reach)), "uge")
        if reach >= 0:
            return self.node("icmp", "i1", (base, self.const("i32", 0x7FFFFFFF - reach)), "sle")
        return self.node("icmp", "i1", (base, self.const("i32", -0x80000000 - reach)), "sge")

    # --- emission -----------------------------------------------------------------------------
    def literal(self, ty: str, c: Any, vec: bool) -> str:
        if ty in INT_OF:
            it = INT_OF[ty]
            return f"bitcast ({type_of(it, vec)} {self.literal(it, c, vec)} to {type_of(ty, vec)})"
        if isinstance(c, tuple):
            if ty == "i1":
                return "<" + ", ".join("i1 true" if x else "i1 false" for x in c) + ">"
            return "<" + ", ".join(f"{ty} {x}" for x in c) + ">"
        text = ("true" if c else "false") if ty == "i1" else str(c)
        return f"splat ({ty} {text})" if vec else text

    def scalar(self, v: V) -> str:
        """Operand text of a value of kind c or u."""
        if v.kind == "c":
            return self.literal(v.ty, v.c, False)
        assert v.kind == "u", (v.kind, v.op)
        if v.s is None:
            if v.early and not self.at_head:  # at the head its text dominates the arms of cold() too
                main, self.lines, self.at_head = self.lines, self.head, True
                v.s = self._emit(v, False)
                self.lines, self.at_head = main, False
            elif v.early:
                v.s = self._emit(v, False)
            else:
                self._named(v, "s", self._emit(v, False))
        return v.s

    def vector(self, v: V) -> str:
        """Operand text of any value as one element per lane."""
        if v.v is not None:
            return v.v
        if v.kind in "ck":
            return self.literal(v.ty, v.c, True)
        if v.kind == "u":
            t = self.splat(v.ty, self.scalar(v))
        elif v.kind == "a" and v.ok is None:
            b = self.vector(v.base)
            steps = self.literal(v.ty, tuple((i * v.stride) & mask_of(WIDTH[v.ty]) for i in range(WARP)), True)
            t = self.ins(f"add {type_of(v.ty, True)} {b}, {steps}")
        else:
            t = self._emit(v, True)
        return self._named(v, "v", t)

    def splat(self, ty: str, s: str) -> str:
        t = type_of(ty, True)
        x = self.ins(f"insertelement {t} poison, {scalar_type(ty)} {s}, i32 0")
        return self.ins(f"shufflevector {t} {x}, {t} poison, <32 x i32> zeroinitializer")

    def text(self, v: V, vec: bool) -> str:
        return self.vector(v) if vec else self.scalar(v)

    def _emit(self, v: V, vec: bool) -> str:
        op = v.op
        if op == "same":
            return self.text(v.args[0], vec)
        method = getattr(self, "emit_" + op, None)
        if method is not None:
            return method(v, vec)
        t = type_of(v.ty, vec)
        if op in INT_BINARY:
            a, b = (self.text(x, vec) for x in v.args)
            return self.ins(f"{INT_BINARY[op]} {t} {a}, {b}")
        if op in INT_INTRINSIC:
            a, b = (self.text(x, vec) for x in v.args)
            return self.call(f"llvm.{op}.{mangled(v.ty, vec)}", t, f"{t} {a}", f"{t} {b}")
        if op in ("zext", "sext", "trunc", "bitcast"):
            a = v.args[0]
            return self.ins(f"{op} {type_of(a.ty, vec)} {self.text(a, vec)} to {t}")
        raise NotImplementedError(op)

    def emit_shl(self, v: V, vec: bool) -> str:
        return self._shift(v, vec, v.op)

    emit_lshr = emit_shl

    def _shift(self, v: V, vec: bool, op: str) -> str:
        t = type_of(v.ty, vec)
        a, n = v.args
        w = WIDTH[v.ty]
        if n.kind == "c":
            if n.c >= w:
                return self.literal(v.ty, 0, vec)
            return self.ins(f"{op} {t} {self.text(a, vec)}, {self.text(n, vec)}")
        at, nt = self.text(a, vec), self.text(n, vec)
        r = self.ins(f"{op} {t} {at}, {nt}")
        if _below(n, w):
            return r
        c = self.ins(f"icmp ult {t} {nt}, {self.literal(v.ty, w, vec)}")
        return self.ins(f"select {type_of('i1', vec)} {c}, {t} {r}, {t} {self.literal(v.ty, 0, vec)}")

    def emit_ashr(self, v: V, vec: bool) -> str:
        t = type_of(v.ty, vec)
        a, n = v.args
        w = WIDTH[v.ty]
        if n.kind == "c":
            return self.ins(f"ashr {t} {self.text(a, vec)}, {self.literal(v.ty, min(n.c, w - 1), vec)}")
        nt = self.text(n, vec)
        if not _below(n, w):
            nt = self.call(f"llvm.umin.{mangled(v.ty, vec)}", t, f"{t} {nt}", f"{t} {self.literal(v.ty, w - 1, vec)}")
        return self.ins(f"ashr {t} {self.text(a, vec)}, {nt}")

    def emit_popc(self, v: V, vec: bool) -> str:
        t = type_of(v.ty, vec)
        return self.call(f"llvm.ctpop.{mangled(v.ty, vec)}", t, f"{t} {self.text(v.args[0], vec)}")

    def emit_ctlz(self, v: V, vec: bool) -> str:
        t = type_of(v.ty, vec)
        return self.call(f"llvm.ctlz.{mangled(v.ty, vec)}", t, f"{t} {self.text(v.args[0], vec)}", "i1 false")

    def emit_cttz(self, v: V, vec: bool) -> str:
        t = type_of(v.ty, vec)
        return self.call(f"llvm.cttz.{mangled(v.ty, vec)}", t, f"{t} {self.text(v.args[0], vec)}", "i1 false")

    def emit_bitrev(self, v: V, vec: bool) -> str:
        t = type_of(v.ty, vec)
        return self.call(f"llvm.bitreverse.{mangled(v.ty, vec)}", t, f"{t} {self.text(v.args[0], vec)}")

    def emit_icmp(self, v: V, vec: bool) -> str:
        a, b = v.args
        return self.ins(f"icmp {v.x} {type_of(a.ty, vec)} {self.text(a, vec)}, {self.text(b, vec)}")

    def emit_select(self, v: V, vec: bool) -> str:
        p, a, b = v.args
        t = type_of(v.ty, vec)
        pv = vec and p.kind not in "cu"
        return self.ins(
            f"select {type_of('i1', pv)} {self.text(p, pv)}, {t} {self.text(a, vec)}, {t} {self.text(b, vec)}"
        )

    def emit_pack64(self, v: V, vec: bool) -> str:
        lo, hi = v.args
        if vec:
            a, b = self.vector(lo), self.vector(hi)
            w = self.ins(f"shufflevector <32 x i32> {a}, <32 x i32> {b}, <64 x i32> {INTERLEAVE}")
            return self.ins(f"bitcast <64 x i32> {w} to <32 x i64>")
        a = self.ins(f"zext i32 {self.scalar(lo)} to i64")
        b = self.ins(f"zext i32 {self.scalar(hi)} to i64")
        b = self.ins(f"shl i64 {b}, 32")
        return self.ins(f"or disjoint i64 {a}, {b}")

    def emit_lo32(self, v: V, vec: bool) -> str:
        a = v.args[0]
        return self.ins(f"trunc {type_of('i64', vec)} {self.text(a, vec)} to {type_of('i32', vec)}")

    def emit_hi32(self, v: V, vec: bool) -> str:
        a = self.text(v.args[0], vec)
        if vec:
            w = self.ins(f"bitcast <32 x i64> {a} to <64 x i32>")
            return self.ins(f"shufflevector <64 x i32> {w}, <64 x i32> poison, <32 x i32> {HI_WORDS}")
        a = self.ins(f"lshr i64 {a}, 32")
        return self.ins(f"trunc i64 {a} to i32")

    def emit_carry(self, v: V, vec: bool) -> str:
        a, b = v.args
        s = self.node("add", a.ty, (a, b))
        t = type_of(a.ty, vec)
        return self.ins(f"icmp ult {t} {self.text(s, vec)}, {self.text(a, vec)}")

    # --- Builder: integers ----------------------------------------------------------------------
    def imm(self, ty: str, value: float) -> V:
        return self.const(ty, _bits(ty, value))

    def _binary(op: str):  # type: ignore[misc]
        def method(self: Core, a: V, b: V) -> V:
            return self.node(op, a.ty, (a, b))

        return method

    add, sub, mul = _binary("add"), _binary("sub"), _binary("mul")  # type: ignore[arg-type]
    and_, or_, xor = _binary("and"), _binary("or"), _binary("xor")  # type: ignore[arg-type]
    shl, lshr, ashr = _binary("shl"), _binary("lshr"), _binary("ashr")  # type: ignore[arg-type]
    smin, smax = _binary("smin"), _binary("smax")  # type: ignore[arg-type]
    umin, umax = _binary("umin"), _binary("umax")  # type: ignore[arg-type]

    def not_(self, a: V) -> V:
        return self.node("xor", a.ty, (a, self.const(a.ty, -1)))

    def neg(self, a: V) -> V:
        return self.node("sub", a.ty, (self.const(a.ty, 0), a))

    def popc(self, a: V) -> V:
        return self.node("popc", a.ty, (a,))

    def ctlz(self, a: V) -> V:
        return self.node("ctlz", a.ty, (a,))

    def bitrev(self, a: V) -> V:
        return self.node("bitrev", a.ty, (a,))

    def icmp(self, op: str, a: V, b: V) -> V:
        return self.node("icmp", "i1", (a, b), op)

    def select(self, p: V, a: V, b: V) -> V:
        return self.node("select", a.ty, (p, a, b))

    def zext(self, a: V, ty: str) -> V:
        return self.node("zext", ty, (a,))

    def sext(self, a: V, ty: str) -> V:
        return self.node("sext", ty, (a,))

    def trunc(self, a: V, ty: str) -> V:
        if a.ty == "i64" and ty == "i32":
            return self.node("lo32", ty, (a,))
        return self.node("trunc", ty, (a,))

    def bitcast(self, a: V, ty: str) -> V:
        return self.node("bitcast", ty, (a,))

    def pack64(self, lo: V, hi: V) -> V:
        return self.node("pack64", "i64", (lo, hi))

    def lo32(self, a: V) -> V:
        return self.node("lo32", "i32", (a,))

    def hi32(self, a: V) -> V:
        return self.node("hi32", "i32", (a,))

    def add_carry(self, a: V, b: V, cin: V | None) -> tuple[V, V]:
        if cin is None or (cin.kind == "c" and not cin.c):
            return self.node("add", "i32", (a, b)), self.node("carry", "i1", (a, b))
        if cin.op == "carry" and cin.args[0].ty == "i32":
            lo_a, lo_b = cin.args
            wide_a, wide_b = self.pack64(lo_a, a), self.pack64(lo_b, b)
            total = self.node("add", "i64", (wide_a, wide_b))
            hi = self.node("hi32", "i32", (total,))
            self.fused[id(self.node("add", "i32", (lo_a, lo_b))), id(hi)] = total
            return hi, self.node("carry", "i1", (wide_a, wide_b))
        s = self.node("add", "i32", (a, b))
        c = self.node("zext", "i32", (cin,))
        t = self.node("add", "i32", (s, c))
        return t, self.node("or", "i1", (self.node("carry", "i1", (a, b)), self.node("carry", "i1", (s, c))))


def _affine(v: V | None) -> tuple[V, int] | None:
    if v is None:
        return None
    if v.kind in "cu":
        return v, 0
    if v.base is not None and v.kind in "ak":
        return v.base, v.stride
    return None


def _below(n: V, w: int) -> bool:
    """Whether a shift amount is known to be less than the width."""
    return n.op == "and" and n.args[1].kind == "c" and n.args[1].c < w


def _alignment(op: str, args: tuple[V, ...]) -> int:
    if op == "add" or op == "sub" or op == "or":
        return min(args[0].align, args[1].align)
    if op == "mul":
        return min(args[0].align * args[1].align, 1 << 31)
    if op == "shl" and args[1].kind == "c":
        return min(args[0].align << args[1].c, 1 << 31)
    if op == "and":
        return max(args[0].align, args[1].align)
    if op in ("zext", "sext", "lo32", "pack64") and args[0].ty in ("i32", "i64"):
        return args[0].align
    return 1


def _multiple(w: V) -> int:
    """A power of two that divides a value in all lanes."""
    if w.kind in "cu":
        return w.align
    if w.kind == "a":
        return min(w.base.align, w.stride & -w.stride)
    return 1 << w.args[1].c if w.op == "shl" and w.args[1].kind == "c" and w.args[1].c < 32 else 1


def _bits(ty: str, value: float) -> int:
    import struct

    if ty == "f32":
        return struct.unpack("<I", struct.pack("<f", value))[0]
    if ty == "f64":
        return struct.unpack("<Q", struct.pack("<d", value))[0]
    if ty == "f16":
        return struct.unpack("<H", struct.pack("<e", value))[0]
    return int(value)


def _type_part(arg: str) -> str:
    """The type of 'type value' (vector types contain spaces)."""
    if arg.startswith("<"):
        return arg[: arg.index(">") + 1]
    if arg.startswith("metadata"):
        return "metadata"
    return arg.split(" ", 1)[0]
