"""Loads, stores and atomics of a warp.

A contiguous access (address of lane 0 + lane * size) is one vector load or store; shapes show it at
translation time, otherwise a comparison at run time does. Everything else is a gather or scatter
in a helper function. Local memory interleaves the 32-bit words of the lanes:
word w of lane l lies at w * 128 + l * 4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..ir import LiftError
from ..passes import records
from . import abi
from .llvm_float import Float
from .values import WIDTH, V, type_of

GATHER_LOOP = """define internal void @{name}(<32 x i64> %a, i32 %m, ptr %data) noinline #0 {{
entry:
  %buf = alloca <32 x i64>, align 64
  store <32 x i64> %a, ptr %buf, align 64
  br label %test
test:
  %left = phi i32 [ %m, %entry ], [ %next, %body ]
  %z = icmp eq i32 %left, 0
  br i1 %z, label %done, label %body
body:
  %l = call i32 @llvm.cttz.i32(i32 %left, i1 true)
  %l1 = sub i32 %left, 1
  %next = and i32 %left, %l1
  %ap = getelementptr i64, ptr %buf, i32 %l
  %ai = load i64, ptr %ap, align 8
  %p = inttoptr i64 %ai to ptr
  %q = getelementptr {ty}, ptr %data, i32 %l
  %x = load {ty}, ptr {src}, align 1
  store {ty} %x, ptr {dst}, align 1
  br label %test
done:
  ret void
}}
"""
MATCH_LOOP = """define internal <32 x i32> @match_{ty}(<32 x {ty}> %v, i32 %m) noinline #0 {{
entry:
  br label %test
test:
  %left = phi i32 [ %m, %entry ], [ %next, %body ]
  %r = phi <32 x i32> [ zeroinitializer, %entry ], [ %r1, %body ]
  %z = icmp eq i32 %left, 0
  br i1 %z, label %done, label %body
body:
  %l = call i32 @llvm.cttz.i32(i32 %left, i1 true)
  %x = extractelement <32 x {ty}> %v, i32 %l
  %i = insertelement <32 x {ty}> poison, {ty} %x, i32 0
  %s = shufflevector <32 x {ty}> %i, <32 x {ty}> poison, <32 x i32> zeroinitializer
  %e = icmp eq <32 x {ty}> %v, %s
  %eb = bitcast <32 x i1> %e to i32
  %b = and i32 %eb, %m
  %n = xor i32 %b, -1
  %next = and i32 %left, %n
  %bk = bitcast i32 %b to <32 x i1>
  %bi = insertelement <32 x i32> poison, i32 %b, i32 0
  %bs = shufflevector <32 x i32> %bi, <32 x i32> poison, <32 x i32> zeroinitializer
  %r1 = select <32 x i1> %bk, <32 x i32> %bs, <32 x i32> %r
  br label %test
done:
  ret <32 x i32> %r
}}
"""
INT_TYPE = {8: "i8", 16: "i16", 32: "i32", 64: "i64"}


class Memory(Float):
    guard: V | None
    exec_bits: V
    may_be_shared = True
    may_be_local = True
    outline = (
        False  # accesses whose addresses have no shape are calls of functions of the module: less code, more calls
    )
    member: records.Member | None = None  # place of the running load in a record
    loaded: dict[int, Sequence[V] | None] = {}  # records that are loaded; None: word by word

    # supplied by the builder
    def mask(self) -> V: ...  # type: ignore[empty-body]
    def mask_bits(self) -> V: ...  # type: ignore[empty-body]
    def pointer(self, field: int) -> str: ...  # type: ignore[empty-body]
    def runtime(self, name: str, ret: str, *args: str) -> str: ...  # type: ignore[empty-body]
    def outlined(self, name: str, action: Callable, values: Sequence[V]) -> list[V]: ...  # type: ignore[empty-body]

    def assume(self, ok: V) -> bool:
        """Whether the emitter makes sure that ok holds in this block, by leaving for another form where it does not."""
        return False

    # --- control inside a basic block -----------------------------------------------------------
    def either(self, cond: str, then: Callable[[], str], other: Callable[[], str] | None, ty: str, zero: str) -> str:
        """cond ? then() : other() as control flow; returns the merged value (type ty) or ''."""
        a, b, j = self.new_label(), self.new_label(), self.new_label()
        start = self.here
        self.do(f"br i1 {cond}, label %{a}, label %{b if other else j}")
        self.label(a)
        with self.cold():
            x = then()
        x_from = self.here
        self.do(f"br label %{j}")
        y, y_from = zero, start
        if other:
            self.label(b)
            with self.cold():
                y = other()
            y_from = self.here
            self.do(f"br label %{j}")
        self.label(j)
        if ty == "void":
            return ""
        return self.ins(f"phi {ty} [ {x}, %{x_from} ], [ {y}, %{y_from} ]")

    def _if_any(self, then: Callable[[], str], ty: str, zero: str) -> str:
        """then() where any lane executes this instruction.

        A masked vector access without lanes is not free: where its address is not mapped the processor
        takes hundreds of cycles to find that nothing has to be reported."""
        if self.guard is None:
            return then()
        any_lane = self.ins(f"icmp ne i32 {self.scalar(self.mask_bits())}, 0")
        return self.either(any_lane, then, None, ty, zero)

    # --- addresses ------------------------------------------------------------------------------
    def base_address(self, field: int) -> V:
        key = ("base", field)
        v = self.cse.get(key)
        if v is None:
            v = V("i64", "base", (), field, "u")
            v.early = True
            self.cse[key] = v
        return v

    def emit_base(self, v: V, vec: bool) -> str:
        return self.ins(f"ptrtoint ptr {self.pointer(v.x)} to i64")

    def lane_id(self) -> V:
        return self.lanes_const("i32", tuple(range(32)))

    def host(self, space: str, addr: V) -> V:
        """Host address (i64) of a device address."""
        if space == "shared":
            base = self.base_address(abi.SHARED)
            if addr.kind == "a" and addr.ok is None:
                # Offsets are below 2**31, so sign extension also covers bases below zero whose active lanes are not.
                return self.affine_leaf(self.add(base, self.sext(addr.base, "i64")), addr.stride)
            return self.add(base, self.zext(addr, "i64"))
        if space == "local":
            return self._local(self.zext(addr, "i64") if addr.ty == "i32" else addr)
        if addr.ty == "i32":
            addr = self.zext(addr, "i64")
        if space == "generic":
            hi, lo = self.hi32(addr), self.zext(self.lo32(addr), "i64")
            out = addr
            if self.may_be_shared:
                s = self.add(self.base_address(abi.SHARED), lo)
                out = self.select(self.is_shared(addr), s, out)
            if self.may_be_local:
                inside = self.icmp("eq", hi, self.const("i32", abi.LOCAL_HI))
                out = self.select(inside, self._local(lo), out)
            return out
        return addr

    def _local(self, offset: V) -> V:
        base = self.base_address(abi.LOCAL)
        word = self.shl(self.and_(offset, self.const("i64", ~3)), self.const("i64", 5))
        first = self.add(base, self.add(word, self.and_(offset, self.const("i64", 3))))
        if first.kind == "u":
            return self.affine_leaf(first, 4)
        return self.add(first, self.lanes_const("i64", tuple(4 * i for i in range(32))))

    def is_shared(self, addr: V) -> V:
        return self.icmp("eq", self.hi32(addr), self.const("i32", abi.SHARED_HI))

    def is_local(self, addr: V) -> V:
        return self.icmp("eq", self.hi32(addr), self.const("i32", abi.LOCAL_HI))

    def _by_word(self, space: str) -> bool:
        return space == "local" or (space == "generic" and self.may_be_local)

    # --- element access ---------------------------------------------------------------------------
    def load(self, space: str, addr: V, ty: str) -> V:
        m = self.member
        if m is not None and space == "global":
            if m.record not in self.loaded:
                first = self.add(addr, self.const(addr.ty, -4 * m.word))
                shape = self.host(space, first)
                wide = shape.stride == 4 * m.words if shape.kind == "a" else shape.kind == "v" and m.words == 4
                self.loaded[m.record] = self.load_words(space, first, m.words) if wide else None
            words = self.loaded[m.record]
            if words is not None:
                return words[m.word]
        if self._outlines(space, addr, WIDTH[ty] // 8):
            it = INT_TYPE[WIDTH[ty]]
            if it == "i64":
                name = f"load_{space}_{addr.ty}_i64"
                low, high = self.outlined(name, lambda b, a: _halves(b, b.load(space, a, it)), [addr])
                return self.bitcast(self.pack64(low, high), ty)
            name = f"load_{space}_{addr.ty}_{it}"
            (word,) = self.outlined(name, lambda b, a: [b.zext(b.load(space, a, it), "i32")], [addr])
            return self.bitcast(self.trunc(word, it) if it != "i32" else word, ty)
        return self._load(self.host(space, addr), ty)

    def _outlines(self, space: str, addr: V, size: int) -> bool:
        """Whether an access becomes a call: what shape analysis cannot make one plain instruction."""
        if not self.outline:
            return False
        host = self.host(space, addr)
        if self._by_word(space):
            size = 4
        if host.kind != "a":
            return host.kind == "v"
        if size > 4 or host.stride != size:
            return True
        return host.ok is not None and not self.assume(host.ok)

    def load_words(self, space: str, addr: V, n: int) -> Sequence[V]:
        if n == 1:
            return [self.load(space, addr, "i32")]
        if self._outlines(space, addr, 4 * n):
            name = f"load_{space}_{addr.ty}_{n}"
            return self.outlined(name, lambda b, a: list(b.load_words(space, a, n)), [addr])
        if self._by_word(space):
            return [self._load(self.host(space, self.add(addr, self.const(addr.ty, 4 * i))), "i32") for i in range(n)]
        host = self.host(space, addr)
        wide = f"<{32 * n} x i32>"
        if host.kind in "cu":
            s = self._if_any(
                lambda: self.ins(f"load <{n} x i32>, ptr {self._ptr(host)}, align 4"), f"<{n} x i32>", "zeroinitializer"
            )
            return [self.leaf("i32", self.ins(f"extractelement <{n} x i32> {s}, i32 {i}"), False) for i in range(n)]

        def far() -> str:
            a, m = self.vector(host), self.scalar(self.mask_bits())
            if n == 2:
                r = self.ins(f"call <32 x i64> @{self._gather64()}(<32 x i64> {a}, i32 {m})")
                return self.ins(f"bitcast <32 x i64> {r} to {wide}")
            buf = self.place("words", wide)
            self.do(f"call void @{self._loop('gather', 'i128')}(<32 x i64> {a}, i32 {m}, ptr {buf})")
            return self.ins(f"load {wide}, ptr {buf}, align 64")

        near = self._contiguous(host, 4 * n, full=True)
        if near is None:
            w = far()
        else:
            cond, p = near
            w = self.either(cond, lambda: self.ins(f"load {wide}, ptr {p()}, align 4"), far, wide, "")
        out = []
        for i in range(n):
            idx = "<" + ", ".join(f"i32 {n * k + i}" for k in range(32)) + ">"
            out.append(self.leaf("i32", self.ins(f"shufflevector {wide} {w}, {wide} poison, <32 x i32> {idx}"), True))
        return out

    def store_words(self, space: str, addr: V, words: Sequence[V]) -> None:
        n = len(words)
        if n == 1:
            self.store(space, addr, words[0])
            return
        if self._outlines(space, addr, 4 * n):
            self.outlined(
                f"store_{space}_{addr.ty}_{n}", lambda b, a, *w: b.store_words(space, a, w) or [], [addr, *words]
            )
            return
        if self._by_word(space):
            for i, w in enumerate(words):
                self._store(self.host(space, self.add(addr, self.const(addr.ty, 4 * i))), w)
            return
        host = self.host(space, addr)
        wide = f"<{32 * n} x i32>"
        if host.kind in "cu":
            for i, w in enumerate(words):
                self._store(self.add(host, self.const("i64", 4 * i)), w)
            return
        parts = [self.vector(w) for w in words]
        pair = "<" + ", ".join(f"i32 {i}" for i in range(64)) + ">"
        if n == 2:
            idx = ", ".join(f"i32 {i // 2 + (i % 2) * 32}" for i in range(64))
            packed = self.ins(f"shufflevector <32 x i32> {parts[0]}, <32 x i32> {parts[1]}, <64 x i32> <{idx}>")
        else:
            a = self.ins(f"shufflevector <32 x i32> {parts[0]}, <32 x i32> {parts[1]}, <64 x i32> {pair}")
            b = self.ins(f"shufflevector <32 x i32> {parts[2]}, <32 x i32> {parts[3]}, <64 x i32> {pair}")
            idx = ", ".join(f"i32 {i // 4 + (i % 4) * 32}" for i in range(128))
            packed = self.ins(f"shufflevector <64 x i32> {a}, <64 x i32> {b}, <128 x i32> <{idx}>")

        def far() -> str:
            a, m = self.vector(host), self.scalar(self.mask_bits())
            buf = self.place("words", wide)
            self.do(f"store {wide} {packed}, ptr {buf}, align 64")
            self.do(f"call void @{self._loop('scatter', f'i{32 * n}')}(<32 x i64> {a}, i32 {m}, ptr {buf})")
            return ""

        def direct() -> str:
            self.do(f"store {wide} {packed}, ptr {near[1]()}, align 4")
            return ""

        near = self._contiguous(host, 4 * n, full=True)
        if near is None:
            far()
        else:
            self.either(near[0], direct, far, "void", "")

    def _ptr(self, host: V) -> str:
        return self.ins(f"inttoptr i64 {self.scalar(host)} to ptr")

    def _contiguous(self, host: V, size: int, full: bool) -> tuple[str, Callable[[], str]] | None:
        """(condition, function giving the pointer of lane 0), or None where the shape excludes it.

        full: all 32 lanes must execute, because wide accesses are not masked."""
        conds = []
        m = self.mask_bits()
        if full and not (m.kind == "c" and m.c == abi.ALL):
            conds.append(self.ins(f"icmp eq i32 {self.scalar(m)}, -1"))
        if host.kind == "a":
            if host.stride != size:
                return None
            if host.ok is not None and not self.assume(host.ok):
                conds.append(self.scalar(host.ok))
            base = host.base

            def pointer() -> str:
                return self._ptr(base)

        else:
            a = self.vector(host)
            first = self.ins(f"extractelement <32 x i64> {a}, i32 0")
            steps = ", ".join(f"i64 {size * i}" for i in range(32))
            line = self.ins(f"add <32 x i64> {self.splat('i64', first)}, <{steps}>")
            ne = self.ins(f"icmp ne <32 x i64> {a}, {line}")
            bits = self.ins(f"bitcast <32 x i1> {ne} to i32")
            if not full:
                bits = self.ins(f"and i32 {bits}, {self.scalar(m)}")
            conds.append(self.ins(f"icmp eq i32 {bits}, 0"))

            def pointer() -> str:
                return self.ins(f"inttoptr i64 {first} to ptr")

        cond = "true"
        for c in conds:
            cond = c if cond == "true" else self.ins(f"and i1 {cond}, {c}")
        return cond, pointer

    def _load(self, host: V, ty: str) -> V:
        size = WIDTH[ty] // 8
        t = type_of(ty, True)
        if host.kind in "cu":
            s = self._if_any(lambda: self.ins(f"load {ty}, ptr {self._ptr(host)}, align {size}"), ty, "0")
            return self.leaf(ty, s, False)
        m = self.mask_bits()
        full = m.kind == "c" and m.c == abi.ALL
        unmasked = size < 4 and not self.module.features["avx512bw"]
        mask = "" if full or unmasked else self.vector(self.mask())

        def near(p: str) -> str:
            if full or unmasked:
                return self.ins(f"load {t}, ptr {p}, align {size}")
            return self.call(
                f"llvm.masked.load.v32{ty}.p0",
                t,
                f"ptr align {size} {p}",
                f"<32 x i1> {mask}",
                f"{t} zeroinitializer",
            )

        def far() -> str:
            a, b = self.vector(host), self.scalar(m)
            if ty == "i64":
                return self.ins(f"call <32 x i64> @{self._gather64()}(<32 x i64> {a}, i32 {b})")
            if ty == "i32":
                return self.ins(f"call <32 x i32> @{self._gather32()}(<32 x i64> {a}, i32 {b})")
            buf = self.place("words", t)
            self.do(f"call void @{self._loop('gather', ty)}(<32 x i64> {a}, i32 {b}, ptr {buf})")
            return self.ins(f"load {t}, ptr {buf}, align {size}")

        def access() -> str:
            c = self._contiguous(host, size, full=unmasked)
            if c is None:
                return far()
            return near(c[1]()) if c[0] == "true" else self.either(c[0], lambda: near(c[1]()), far, t, "")

        return self.leaf(ty, self._if_any(access, t, "zeroinitializer"), True)

    def store(self, space: str, addr: V, v: V) -> None:
        if self._outlines(space, addr, WIDTH[v.ty] // 8):
            self.outlined(f"store_{space}_{addr.ty}_{v.ty}", lambda b, a, x: b.store(space, a, x) or [], [addr, v])
            return
        self._store(self.host(space, addr), v)

    def _store(self, host: V, v: V) -> None:
        ty = v.ty
        size = WIDTH[ty] // 8
        t = type_of(ty, True)
        m = self.mask_bits()
        if host.kind in "cu":

            def one() -> str:
                self.do(f"store {ty} {self._last_lane(v)}, ptr {self._ptr(host)}, align {size}")
                return ""

            self._if_any(one, "void", "")
            return
        full = m.kind == "c" and m.c == abi.ALL
        unmasked = size < 4 and not self.module.features["avx512bw"]
        x = self.vector(v)
        mask = "" if full or unmasked else self.vector(self.mask())

        def near(p: str) -> str:
            if full or unmasked:
                self.do(f"store {t} {x}, ptr {p}, align {size}")
            else:
                self.call(
                    f"llvm.masked.store.v32{ty}.p0",
                    "void",
                    f"{t} {x}",
                    f"ptr align {size} {p}",
                    f"<32 x i1> {mask}",
                )
            return ""

        def far() -> str:
            a, b = self.vector(host), self.scalar(m)
            if ty == "i32":
                self.do(f"call void @{self._scatter32()}(<32 x i64> {a}, {t} {x}, i32 {b})")
            else:
                buf = self.place("words", t)
                self.do(f"store {t} {x}, ptr {buf}, align 32")
                self.do(f"call void @{self._loop('scatter', ty)}(<32 x i64> {a}, i32 {b}, ptr {buf})")
            return ""

        def access() -> str:
            c = self._contiguous(host, size, full=unmasked)
            if c is None:
                far()
            elif c[0] == "true":
                near(c[1]())
            else:
                self.either(c[0], lambda: near(c[1]()), far, "void", "")
            return ""

        self._if_any(access, "void", "")

    def _last_lane(self, v: V) -> str:
        """The value of the highest executing lane, which a scatter to one address leaves in memory."""
        if v.kind in "cu":
            return self.scalar(v)
        z = self.call("llvm.ctlz.i32", "i32", f"i32 {self.scalar(self.mask_bits())}", "i1 false")
        lane = self.ins(f"sub i32 31, {z}")
        lane = self.ins(f"and i32 {lane}, 31")
        return self.ins(f"extractelement {type_of(v.ty, True)} {self.vector(v)}, i32 {lane}")

    # --- helpers ----------------------------------------------------------------------------------
    def _gather32(self) -> str:
        return self._gather("i32")

    def _gather64(self) -> str:
        return self._gather("i64")

    def _gather(self, ty: str) -> str:
        n = WIDTH[ty] // 8
        self.module.intrinsic("llvm.cttz.i32", "i32", "i32, i1")
        intrinsic = self.module.intrinsic(
            f"llvm.masked.gather.v32{ty}.v32p0", f"<32 x {ty}>", f"<32 x ptr>, <32 x i1>, <32 x {ty}>"
        )
        return self.module.helper(
            f"gather_{ty}",
            f"define internal <32 x {ty}> @gather_{ty}(<32 x i64> %a, i32 %m) noinline #0 {{\n"
            "  %none = icmp eq i32 %m, 0\n"
            "  br i1 %none, label %skip, label %go\n"
            "skip:\n"
            f"  ret <32 x {ty}> zeroinitializer\n"
            "go:\n"  # one address for all lanes is common and a gather of it slow
            "  %l = call i32 @llvm.cttz.i32(i32 %m, i1 true)\n"
            "  %x = extractelement <32 x i64> %a, i32 %l\n"
            "  %x0 = insertelement <32 x i64> poison, i64 %x, i32 0\n"
            "  %xs = shufflevector <32 x i64> %x0, <32 x i64> poison, <32 x i32> zeroinitializer\n"
            "  %ne = icmp ne <32 x i64> %a, %xs\n"
            "  %nb = bitcast <32 x i1> %ne to i32\n"
            "  %other = and i32 %nb, %m\n"
            "  %same = icmp eq i32 %other, 0\n"
            "  br i1 %same, label %one, label %many\n"
            "one:\n"
            "  %q = inttoptr i64 %x to ptr\n"
            f"  %y = load {ty}, ptr %q, align {n}\n"
            f"  %y0 = insertelement <32 x {ty}> poison, {ty} %y, i32 0\n"
            f"  %ys = shufflevector <32 x {ty}> %y0, <32 x {ty}> poison, <32 x i32> zeroinitializer\n"
            f"  ret <32 x {ty}> %ys\n"
            "many:\n"
            "  %p = inttoptr <32 x i64> %a to <32 x ptr>\n"
            "  %k = bitcast i32 %m to <32 x i1>\n"
            f"  %r = call <32 x {ty}> @{intrinsic}(<32 x ptr> align {n} %p, <32 x i1> %k, "
            f"<32 x {ty}> zeroinitializer)\n"
            f"  ret <32 x {ty}> %r\n}}\n",
        )

    def _scatter32(self) -> str:
        intrinsic = self.module.intrinsic(
            "llvm.masked.scatter.v32i32.v32p0", "void", "<32 x i32>, <32 x ptr>, <32 x i1>"
        )
        return self.module.helper(
            "scatter_i32",
            "define internal void @scatter_i32(<32 x i64> %a, <32 x i32> %v, i32 %m) noinline #0 {\n"
            "  %none = icmp eq i32 %m, 0\n"
            "  br i1 %none, label %skip, label %go\n"
            "skip:\n"
            "  ret void\n"
            "go:\n"
            "  %p = inttoptr <32 x i64> %a to <32 x ptr>\n"
            "  %k = bitcast i32 %m to <32 x i1>\n"
            f"  call void @{intrinsic}(<32 x i32> %v, <32 x ptr> align 4 %p, <32 x i1> %k)\n"
            "  ret void\n}\n",
        )

    def _loop(self, kind: str, ty: str) -> str:
        self.module.intrinsic("llvm.cttz.i32", "i32", "i32, i1")
        name = f"{kind}_{ty}"
        src, dst = ("%p", "%q") if kind == "gather" else ("%q", "%p")
        return self.module.helper(name, GATHER_LOOP.format(name=name, ty=ty, src=src, dst=dst))

    def match(self, v: V) -> V:
        if v.kind in "cu":
            return self.mask_bits()
        self.module.intrinsic("llvm.cttz.i32", "i32", "i32, i1")
        name = self.module.helper(f"match_{v.ty}", MATCH_LOOP.format(ty=v.ty))
        t = type_of(v.ty, True)
        r = self.ins(f"call <32 x i32> @{name}({t} {self.vector(v)}, i32 {self.scalar(self.mask_bits())})")
        return self.leaf("i32", r, True)

    # --- matrices -----------------------------------------------------------------------------------
    def load_matrices(self, addr: V, count: int, transposed: bool, action: Callable[..., list[V]]) -> list[V]:
        return self.outlined(
            f"matrices_{count}{'t' if transposed else ''}",
            lambda b, a: b.matrices(a, count, transposed, action),
            [addr],
        )

    def matrices(self, addr: V, count: int, transposed: bool, action: Callable[..., list[V]]) -> list[V]:
        """Whole rows where all lanes execute: a row's 16 bytes are what four lanes get of it."""
        wide = f"[{count} x <32 x i32>]"

        def rows() -> str:
            value = "poison"
            for j in range(count):
                parts = []
                for r in range(8):
                    offset = self.ins(f"extractelement <32 x i32> {self.vector(addr)}, i32 {8 * j + r}")
                    place = self.ins(f"getelementptr i8, ptr {self.pointer(abi.SHARED)}, i32 {offset}")
                    parts.append(self.ins(f"load <4 x i32>, ptr {place}, align 4"))
                words = self._join("i32", parts, 4)
                if transposed:
                    # Lane 4g + t: elements (2t, g) and (2t + 1, g).
                    index = ", ".join(f"i32 {16 * (k // 2 % 4) + 8 * (k % 2) + k // 8}" for k in range(64))
                    halves = self.ins(f"bitcast <32 x i32> {words} to <64 x i16>")
                    halves = self.ins(f"shufflevector <64 x i16> {halves}, <64 x i16> poison, <64 x i32> <{index}>")
                    words = self.ins(f"bitcast <64 x i16> {halves} to <32 x i32>")
                value = self.ins(f"insertvalue {wide} {value}, <32 x i32> {words}, {j}")
            return value

        def single() -> str:
            value = "poison"
            for j, word in enumerate(action(self, addr)):
                value = self.ins(f"insertvalue {wide} {value}, <32 x i32> {self.vector(word)}, {j}")
            return value

        every = self.ins(f"icmp eq i32 {self.scalar(self.mask_bits())}, -1")
        value = self.either(every, rows, single, wide, "")
        return [self.leaf("i32", self.ins(f"extractvalue {wide} {value}, {j}"), True) for j in range(count)]

    # --- constants and atomics ----------------------------------------------------------------------
    def load_const(self, bank: V | int, offset: V | int, ty: str) -> V:
        if not isinstance(bank, int):
            if bank.kind != "c":
                raise LiftError("bindless constant bank")
            bank = bank.c
        if isinstance(offset, int):
            offset = self.const("i32", offset)
        key = ("const", bank, id(offset), ty)
        v = self.cse.get(key)
        if v is not None:
            return v
        base = self.bank_pointer(bank)
        if offset.kind in "cu":
            v = V(ty, "cload", (offset,), base, "u")
            v.early = offset.early
            self.cse[key] = v
            self.cse["keepc", id(offset)] = offset
            return v
        address = self.add(self.leaf("i64", self.ins(f"ptrtoint ptr {base} to i64"), False), self.zext(offset, "i64"))
        return self._load(address, ty)

    def emit_cload(self, v: V, vec: bool) -> str:
        offset = v.args[0]
        if offset.kind == "c":
            p = self.ins(f"getelementptr i8, ptr {v.x}, i32 {offset.c}")
        else:
            o = self.ins(f"zext i32 {self.scalar(offset)} to i64")
            p = self.ins(f"getelementptr i8, ptr {v.x}, i64 {o}")
        size = WIDTH[v.ty] // 8
        return self.ins(f"load {v.ty}, ptr {p}, align {min(size, 4)}, !invariant.load !0")

    def bank_pointer(self, bank: int) -> str: ...  # type: ignore[empty-body]

    def atomic(
        self, space: str, op: str, ty: str, addr: V, v: V, cmp: V | None = None, want_old: bool = True
    ) -> V | None:
        host = self.host(space, addr)
        kind = ty if not (op == "fadd.f16x2") else "i32"
        it = INT_TYPE[WIDTH[kind]]
        t = type_of(it, True)
        code = abi.ATOMIC_OPS[op] | abi.ATOMIC_TYPES[kind] << 8 | (abi.ATOMIC_SHARED if space == "shared" else 0)
        addresses, values = self.place("addresses", "<32 x i64>"), self.place("values", t)
        self.do(f"store <32 x i64> {self.vector(host)}, ptr {addresses}, align 64")
        self.do(f"store {t} {self.vector(self.bitcast(v, it))}, ptr {values}, align 32")
        compares = "null"
        if cmp is not None:
            compares = self.place("compares", t)
            self.do(f"store {t} {self.vector(self.bitcast(cmp, it))}, ptr {compares}, align 32")
        olds = self.place("olds", t) if want_old else "null"
        self.runtime(
            "atomic",
            "void",
            f"i32 {code}",
            f"i32 {self.scalar(self.mask_bits())}",
            f"ptr {addresses}",
            f"ptr {values}",
            f"ptr {compares}",
            f"ptr {olds}",
        )
        if not want_old:
            return None
        return self.bitcast(self.leaf(it, self.ins(f"load {t}, ptr {olds}, align 32"), True), ty)


def _halves(b: Memory, v: V) -> list[V]:
    return [b.lo32(v), b.hi32(v)]
